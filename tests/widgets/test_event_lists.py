from types import SimpleNamespace

import pandas as pd
import pytest

from nbtrack.data.lineage import Lineage
from nbtrack.editing.session import Session
from nbtrack.errors import EditError
from nbtrack.rendering.colors import hex_color
from nbtrack.widgets.event_lists import ROWS_SHOWN, DivisionList, MergerList
from nbtrack.widgets.messages import Messages

ROWS = [
    *((t, 1, 1) for t in range(5)),
    *((t, 2, 2) for t in range(3)),
    *((t, i, i) for i in (3, 4) for t in range(5, 8)),
    *((t, i, i) for i in (5, 6) for t in range(3, 8)),
]
DIVISIONS = [(4, 1, 3, 4), (2, 2, 5, 6)]


@pytest.fixture
def session():
    table = pd.DataFrame(sorted({(t, i) for t, i, _ in ROWS}), columns=["t", "object_id"])
    return Session(None, SimpleNamespace(table=table, n_frames=8), Lineage.from_tables(ROWS, DIVISIONS))


class Listened:
    """A list, what it said, and a mouse."""

    def __init__(self, kind, session):
        self.messages, self.said = Messages(), []
        self.list = kind(
            session,
            guard=self.messages.guard,
            on_select=lambda *place: self.said.append(("select", *place)),
            on_goto=lambda *place: self.said.append(("goto", *place)),
        )

    @property
    def heading(self):
        return self.list.widget.children[0].value

    @property
    def rows(self):
        return self.list.widget.children[1].value

    def do(self, kind, *parts, html_id=None):
        target = {"id": self.list._id(*parts) if html_id is None else html_id, "tagName": "B", "className": ""}
        self.list._listener._handle_mouse_msg(None, {"event": kind, "target": target}, [])


@pytest.fixture
def divided(session):
    return Listened(DivisionList, session)


@pytest.fixture
def merged(session):
    return Listened(MergerList, session)


def test_rows_in_order_of_time_with_colours(divided) -> None:
    assert "Divisions (0 of 2 checked)" in divided.heading
    first, second = divided.rows.split("<div")[1:]
    assert "# 2</b> → " in first
    assert "t 2</i>" in first
    for track in (1, 3, 4):
        assert f'--c:{hex_color(track)}"># {track}</b>' in second
    assert divided.rows.count('type="checkbox"') == 2
    assert "checked" not in divided.rows


def test_clicks_on_divisions(divided) -> None:
    divided.do("click", 1)
    divided.do("click", 1, 4)
    divided.do("dblclick", 2)
    divided.do("dblclick", 2, 6)
    assert divided.said == [("select", 1, 4), ("select", 4, 5), ("goto", 2, 2), ("goto", 6, 3)]
    divided.do("click", 77)
    divided.do("click", html_id="")
    divided.do("click", html_id="another-1")
    assert len(divided.said) == 4, "neither a row that is gone nor something else"
    assert divided.messages.last_error is None


def test_check_box(divided, session) -> None:
    divided.do("click", 2, "done")
    assert session.checked_divisions == {2}
    assert "Divisions (1 of 2 checked)" in divided.heading
    assert f'id="{divided.list._id(2, "done")}" checked' in divided.rows
    divided.do("dblclick", 2, "done")
    assert session.checked_divisions == {2}, "a double click is two clicks already"
    divided.do("click", 2, "done")
    assert session.checked_divisions == frozenset()
    assert divided.said == []
    assert divided.messages.last_error is None


def test_refused_check_shows_the_box_as_it_was(divided, session, monkeypatch) -> None:
    def refuse(parent, done):
        raise EditError("Not now.")

    monkeypatch.setattr(session, "check_division", refuse)
    before, sent = divided.rows, []
    divided.list.widget.children[1].observe(lambda change: sent.append(change["new"]), "value")
    divided.do("click", 2, "done")
    assert divided.messages.text == "Not now."
    assert sent == ["", before], "the browser gets the rows again"


def test_divisions_follow_the_session(divided, session) -> None:
    session.undivide(1)
    divided.list.refresh()
    assert "# 1<" not in divided.rows
    session.undivide(2)
    divided.list.refresh()
    assert "No division yet" in divided.rows
    session.undo()
    divided.list.refresh()
    assert "# 5</b>" in divided.rows


def test_rows_are_sent_only_when_they_change(divided, session) -> None:
    sent = []
    divided.list.widget.children[1].observe(lambda change: sent.append(change["new"]), "value")
    session.unassign(0, 1, 1)
    divided.list.refresh()
    divided.list.set_track(3)
    divided.do("click", 1)
    assert sent == []


def test_active_track_marks_its_rows(divided, session) -> None:
    def marked():
        style = divided.heading.partition("<style>")[2].partition("{")[0]
        return style.replace(f"#{divided.list._prefix}-", "").split(",")

    divided.list.set_track(3)
    assert marked() == ["1"], "as a child"
    divided.list.set_track(2)
    assert marked() == ["2"], "as the parent"
    divided.list.set_track(77)
    assert marked() == [""]
    divided.list.set_track(3)
    session.undivide(1)
    divided.list.refresh()
    assert marked() == [""]


@pytest.fixture
def many():
    """A session with 450 divisions; tracks 1 to 450 divide, in this order."""
    rows = [(t, i, i) for i in range(1, 451) for t in range(2)] + [(2, i, i) for i in range(1001, 1901)]
    divisions = [(1, i, 999 + 2 * i, 1000 + 2 * i) for i in range(1, 451)]
    table = pd.DataFrame(sorted({(t, i) for t, i, _ in rows}), columns=["t", "object_id"])
    return Session(None, SimpleNamespace(table=table, n_frames=3), Lineage.from_tables(rows, divisions))


def page_of(listed):
    return listed.list._place.value.partition(">")[2].partition("<")[0]


def test_many_divisions_have_pages(many) -> None:
    divided = Listened(DivisionList, many)
    assert divided.rows.count("checkbox") == ROWS_SHOWN
    assert len(divided.rows) < 30_000
    assert "0 of 450" in divided.heading
    assert page_of(divided) == "Rows 1 to 100 of 450"
    assert divided.list._back.disabled
    for _ in range(4):
        divided.list._forth.click()
    assert page_of(divided) == "Rows 401 to 450 of 450"
    assert divided.list._forth.disabled
    assert divided.rows.count("checkbox") == 50
    divided.do("click", 440)
    assert divided.said == [("select", 440, 1)]
    divided.do("click", 440, "done")
    assert page_of(divided) == "Rows 401 to 450 of 450", "a change does not turn the page"
    assert "1 of 450" in divided.heading
    divided.list._back.click()
    assert page_of(divided) == "Rows 301 to 400 of 450"
    assert divided.messages.last_error is None


def test_page_of_the_active_track_is_opened(many) -> None:
    divided, sent = Listened(DivisionList, many), []
    divided.list.widget.children[1].observe(lambda change: sent.append(change["new"]), "value")
    divided.list.set_track(250)
    assert page_of(divided) == "Rows 201 to 300 of 450"
    divided.list.set_track(999 + 2 * 251)
    assert page_of(divided) == "Rows 201 to 300 of 450"
    assert len(sent) == 1, "the page is there already"
    divided.list.set_track(77_777)
    assert page_of(divided) == "Rows 201 to 300 of 450"


def test_page_of_a_new_division_is_opened(many) -> None:
    divided = Listened(DivisionList, many)
    many.undivide(350)
    divided.list.refresh()
    assert page_of(divided) == "Rows 1 to 100 of 449"
    many.undo()
    divided.list.refresh()
    assert page_of(divided) == "Rows 301 to 400 of 450"
    for parent in range(301, 451):
        many.undivide(parent)
    divided.list.refresh()
    assert page_of(divided) == "Rows 201 to 300 of 300", "the last page there is"
    for parent in range(1, 301):
        many.undivide(parent)
    divided.list.refresh()
    assert "No division yet" in divided.rows
    assert divided.list._pager.layout.display == "none"


def test_row_in_sight(divided) -> None:
    """A row is brought into sight when the mark moves, and not again when rows are written anew."""

    def in_sight():
        return divided.heading.partition(f"#{divided.list._prefix}-")[2] and divided.heading.split("}#")[-1]

    divided.list.set_track(3)
    first = in_sight()
    assert first.startswith(f"{divided.list._prefix}-1{{animation:")
    divided.do("click", 2, "done")
    assert in_sight() == first
    divided.list.set_track(5)
    assert in_sight().startswith(f"{divided.list._prefix}-2{{animation:")
    divided.list.set_track(4)
    assert in_sight() == first
    divided.list.set_track(77)
    assert in_sight() == ""


def test_clicked_row_stays_where_it_is() -> None:
    """A child is clicked that divides itself, on another page: the row does not go from under the mouse."""
    rows = [(t, i, i) for i in range(1, 151) for t in range(2)] + [(2, i, i) for i in range(1001, 1301)]
    rows += [(3, 2001, 2001), (3, 2002, 2002)]
    divisions = [(1, i, 999 + 2 * i, 1000 + 2 * i) for i in range(1, 151)] + [(2, 1001, 2001, 2002)]
    divided = Listened(DivisionList, SimpleNamespace(
        lineage=Lineage.from_tables(rows, divisions), active_track=0, checked_divisions=frozenset()
    ))  # fmt: skip
    divided.do("click", 1, 1001)
    divided.list.set_track(1001)
    assert page_of(divided) == "Rows 1 to 100 of 151"
    divided.list.set_track(0)
    divided.list.set_track(1001)
    assert page_of(divided) == "Rows 101 to 151 of 151", "its own division first"


def test_mergers_come_and_go(merged, session) -> None:
    assert "No object has several tracks" in merged.rows
    session.assign(6, 3, 4, force=True)
    merged.list.refresh()
    assert "Mergers (1)" in merged.heading
    assert "<i>t 6</i> object 3: " in merged.rows
    assert f'--c:{hex_color(3)}"># 3</b>, <b style="--c:{hex_color(4)}"># 4</b>' in merged.rows
    merged.do("click", 6, 3)
    merged.do("dblclick", 6, 3)
    assert merged.said == [("select", 3, 6), ("goto", 3, 6)]
    session.undo()
    merged.list.refresh()
    merged.do("click", 6, 3)
    assert "No object" in merged.rows
    assert len(merged.said) == 2
    assert merged.messages.last_error is None


def test_mergers_of_some_frames(merged, session) -> None:
    for t in (5, 6):
        session.assign(t, 3, 4, force=True)
    merged.list.refresh([5])
    assert "Mergers (1)" in merged.heading
    merged.list.refresh([6, 7])
    assert "Mergers (2)" in merged.heading
    session.undo()
    merged.list.refresh([6])
    assert "Mergers (1)" in merged.heading
    assert "t 5</i>" in merged.rows


def test_many_mergers_have_pages() -> None:
    n = ROWS_SHOWN + 1200
    lineage = Lineage.from_tables((t, 1, i) for t in range(n) for i in (1, 2))
    merged = Listened(MergerList, SimpleNamespace(lineage=lineage, active_track=0))
    assert merged.rows.count("<div") == ROWS_SHOWN
    assert f"Mergers ({n:,})" in merged.heading
    assert page_of(merged) == f"Rows 1 to 100 of {n:,}"
    merged.list._forth.click()
    merged.do("click", 150, 1)
    assert merged.said == [("select", 1, 150)]
