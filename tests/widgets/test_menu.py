import pytest
from ipywidgets.widgets.widget import _instances

from nbtrack.widgets.menu import Entry, PointerMenu, title_of
from nbtrack.widgets.messages import Messages


@pytest.fixture
def menu():
    return PointerMenu(Messages().guard)


def test_opens_fills_and_closes(menu) -> None:
    done = []
    assert not menu.is_open
    menu.open("Object 1", [Entry("One", lambda: done.append(1)), Entry("Two", lambda: done.append(2))], 30, 40.4)
    assert menu.is_open
    assert "Object 1" in menu.widget.children[0].value
    assert [row.description for row in menu.widget.children[1:]] == ["One", "Two"]
    menu.widget.children[2].click()
    assert (done, menu.is_open) == ([2], False)
    assert not menu.close()


def test_stays_inside_of_what_it_is_put_into(menu) -> None:
    menu.open("Object 1", [Entry("One", None)] * 3, 600, 460)
    assert menu.widget.layout.left == "max(2px, min(600px, calc(100% - 294px)))"
    assert menu.widget.layout.top == "max(2px, min(460px, calc(100% - 122px)))"


def test_lines_that_cannot_be_chosen_say_why(menu) -> None:
    menu.open("Object <1>", [Entry("One", None, "There is no active track.")], 0, 0)
    heading, row = menu.widget.children
    assert "&lt;1&gt;" in heading.value
    assert (row.disabled, row.tooltip) == (True, "There is no active track.")


def test_widgets_of_earlier_menus_are_used_again(menu) -> None:
    menu.open("Object 1", [Entry("One", None)] * 5, 0, 0)
    menu.close()
    before = len(_instances)
    for n in (3, 5, 1):
        menu.open("Object 1", [Entry("One", None)] * n, 0, 0)
        assert len(menu.widget.children) == n + 1
    menu.close()
    assert len(_instances) == before


def test_errors_of_actions_are_shown() -> None:
    messages = Messages()
    menu = PointerMenu(messages.guard)
    menu.open("Object 1", [Entry("One", lambda: 1 / 0)], 0, 0)
    menu.widget.children[1].click()
    assert isinstance(messages.last_error, ZeroDivisionError)
    assert not menu.is_open


def test_titles(session) -> None:
    assert title_of(session, 3, 1) == "Object 1, frame 3: no track"
    session.assign(3, 1, track_id=4)
    assert title_of(session, 3, 1) == "Object 1, frame 3: track 4"
    session.assign(3, 1, track_id=7)
    assert title_of(session, 3, 1) == "Object 1, frame 3: tracks 4 and 7 (merger)"
    session.mark_false(3, 2)
    assert title_of(session, 3, 2) == "Object 2, frame 3: false detection"
