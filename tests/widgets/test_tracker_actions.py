"""Modes, the menu, keys over objects and what is done anyway, by messages alone."""

import pytest

from nbtrack.editing.session import Session
from nbtrack.errors import EditError
from nbtrack.widgets.manual_tracker import ManualTracker


@pytest.fixture
def tracker(session):
    """Track 1 is object 5 in frames 0 and 1, track 2 is object 1 in frames 0 to 3; track 1 is active."""
    for t in range(2):
        session.assign(t, 5, track_id=1)
    for t in range(4):
        session.assign(t, 1, track_id=2)
    session.select_track(1)
    return ManualTracker(session)


def said(tracker):
    return tracker.viewer.messages.text


def texts(tracker):
    return [entry.text for entry in tracker.actions.menu.entries]


def choose(tracker, text):
    menu = tracker.actions.menu
    menu.widget.children[1 + texts(tracker).index(text)].click()


# ---------------------------------------------------------------------------------------------- division
def test_division_by_three_clicks(tracker, press, click, sent) -> None:
    canvas, session = tracker.viewer.canvas, tracker.session
    press(canvas, "d")
    assert said(tracker) == "Click the object that divides."
    assert tracker._side._division.button_style == "warning"
    assert canvas.state.pick_color == []
    assert not canvas.state.advance
    click(canvas, 5, t=1)
    assert said(tracker) == "Track 1 divides after frame 1. Click the first daughter in frame 2."
    assert tracker.viewer.t == 2
    click(canvas, 5, t=2)
    assert said(tracker).endswith("Click the second daughter.")
    assert [m["texts"] for m, _ in sent if m["type"] == "badge"] == [{"5": "first"}]
    click(canvas, 2, t=2)
    assert session.lineage.divisions[1].children == (3, 4)
    assert (session.active_track, tracker.actions.mode) == (3, "assign")
    assert said(tracker).startswith("Track 1 divides after frame 1")
    assert said(tracker).endswith("Track 3 is active.")
    click(canvas, 5, t=3)
    assert session.lineage.objects_of(3) == {2: 5, 3: 5}
    assert tracker.last_error is None
    press(canvas, "z")
    press(canvas, "z")
    assert session.lineage.divisions == {}
    assert session.active_track == 1, "the parent, because the child is gone"


def test_wrong_clicks_say_why_and_keep_the_mode(tracker, press, click) -> None:
    canvas, actions = tracker.viewer.canvas, tracker.actions
    press(canvas, "d")
    for object_id, t, words in (
        (0, 0, "There is only background there in frame 0. Click the object that divides."),
        (2, 0, "Object 2 in frame 0 has no track, so it is not clear what divides."),
        (1, 3, "Frame 3 is the last one, so nothing can divide there."),
    ):
        click(canvas, object_id, t=t)
        assert said(tracker).startswith(words)
        assert actions.mode == "parent"
    click(canvas, 1, t=1)
    assert (actions.mode, tracker.session.active_track) == ("first", 2)
    click(canvas, 5, t=1)
    assert said(tracker).startswith("The daughters are expected in frame 2, the one after their parent: got frame 1.")
    assert (actions.mode, tracker.viewer.t) == ("first", 2)
    click(canvas, 5, t=2)
    click(canvas, 0, t=2)
    assert said(tracker).endswith("Click the second daughter.")
    click(canvas, 5, t=2)
    assert said(tracker).startswith("Object 5 is the first daughter already.")
    assert actions.mode == "second"
    press(canvas, "Escape")
    assert actions.mode == "assign"
    assert said(tracker).startswith("Division is off.")
    assert tracker.session.lineage.divisions == {}


def test_parent_with_several_tracks(tracker, press, click) -> None:
    canvas = tracker.viewer.canvas
    tracker.session.assign(0, 1, track_id=7)
    press(canvas, "d")
    click(canvas, 1, t=0)
    assert said(tracker).startswith("Object 1 in frame 0 is in tracks 2 and 7, so it is not clear what divides.")


def test_division_done_anyway(tracker, press, click) -> None:
    canvas, session = tracker.viewer.canvas, tracker.session
    session.mark_false(2, 2)
    press(canvas, "d")
    for t, object_id in ((1, 5), (2, 5), (2, 2)):
        click(canvas, object_id, t=t)
    assert tracker.viewer.messages.is_offering
    assert tracker.actions.mode == "first", "other daughters can be clicked"
    tracker.viewer.messages.anyway.click()
    assert 1 in session.lineage.divisions
    assert (tracker.actions.mode, tracker.viewer.messages.is_offering) == ("assign", False)


def test_d_leaves_the_mode(tracker, press) -> None:
    press(tracker.viewer.canvas, "d")
    press(tracker.viewer.canvas, "d")
    assert tracker.actions.mode == "assign"
    press(tracker.viewer.canvas, "d")
    press(tracker.viewer.canvas, "f")
    assert tracker.actions.mode == "false"
    assert tracker._side._division.button_style == ""


# ---------------------------------------------------------------------------------------------- keys over objects
def test_one_key_over_an_object(tracker, press) -> None:
    canvas, session = tracker.viewer.canvas, tracker.session

    def over(key, object_id, t):
        tracker.viewer.t = t
        press(canvas, key, object_id)

    over("l", 5, 2)
    assert session.lineage.objects_of(1) == {0: 5, 1: 5, 2: 5}
    over("x", 1, 1)
    assert session.lineage.objects_of(1) == {0: 5, 1: 1, 2: 1, 3: 1}
    over("z", 0, 1)
    over("u", 1, 2)
    assert session.lineage.objects_of(2) == {0: 1, 1: 1}
    over("z", 0, 1)
    over("shift+d", 2, 2)
    assert session.lineage.divisions[1].t == 1
    over("z", 0, 1)
    over("Delete", 1, 3)
    assert session.lineage.objects_of(2) == {0: 1, 1: 1, 2: 1}
    over("Backspace", 5, 2)
    assert session.lineage.objects_of(1) == {0: 5, 1: 5}
    over("shift+f", 5, 1)
    assert session.lineage.objects_of(1) == {0: 5}
    assert session.lineage.is_false(1, 5)
    assert tracker.last_error is None


def test_keys_need_an_object(tracker, press) -> None:
    for key in ("l", "u", "x", "shift+d", "shift+f", "Delete"):
        press(tracker.viewer.canvas, key)
        assert said(tracker).startswith("There is no object under the mouse."), key
    assert len(tracker.session.history) == 6


def test_delete_takes_what_is_meant(tracker, press) -> None:
    canvas, session = tracker.viewer.canvas, tracker.session
    press(canvas, "Delete", 2)
    assert said(tracker) == "Object 2 in frame 0 has no track, so there is nothing to remove."
    session.mark_false(0, 2)
    press(canvas, "Delete", 2)
    assert not session.lineage.is_false(0, 2)
    for track in (7, 8):
        session.assign(0, 2, track_id=track)
    press(canvas, "Delete", 2)
    assert said(tracker).startswith("Object 2 in frame 0 is in tracks 7 and 8.")
    session.select_track(8)
    press(canvas, "Delete", 2)
    assert session.lineage.tracks_at(0, 2) == (7,)


def test_do_it_anyway(tracker, click, press) -> None:
    canvas, session, messages = tracker.viewer.canvas, tracker.session, tracker.viewer.messages
    click(canvas, 2, t=0)
    assert messages.is_offering
    assert isinstance(messages.last_error, EditError)
    press(canvas, "ArrowRight")
    assert not messages.is_offering, "pressing anything else withdraws it"
    click(canvas, 2, t=0)
    messages.anyway.click()
    assert session.lineage.objects_of(1) == {0: 2, 1: 5}
    assert tracker.viewer.t == 1
    press(canvas, "f", object_id=1)
    assert messages.is_offering
    click(canvas, 0, t=1)
    assert not messages.is_offering


def test_delete_track_asks_when_divisions_are_concerned(tracker) -> None:
    session, button = tracker.session, tracker._side._delete
    session.divide_objects(1, 5, (5, 2), track_id=1)
    button.click()
    assert tracker.viewer.messages.is_offering
    tracker.viewer.messages.anyway.click()
    assert (session.lineage.objects_of(1), session.lineage.divisions) == ({}, {})
    assert button.disabled
    tracker.actions.select(2)
    assert not button.disabled
    button.click()
    assert session.lineage.objects_of(2) == {}


# ---------------------------------------------------------------------------------------------- the menu
def test_menu_of_an_object(tracker, click, press) -> None:
    canvas, session, menu = tracker.viewer.canvas, tracker.session, tracker.actions.menu
    session.assign(0, 1, track_id=1, force=True)
    click(canvas, 1, button=2, left=30, top=40)
    assert menu.is_open
    assert "min(30px" in menu.widget.layout.left
    assert said(tracker) == "Object 1, frame 0: tracks 2 and 1 (merger)."
    assert texts(tracker) == [
        "Follow from here (semi-automatic)",
        "Make track 2 active",
        "Delete track 2 from this object",
        "Delete track 2 from here to the end",
        "Delete track 2 from here to the start",
        "Delete track 1 from this object",
        "Delete track 1 from here to the end",
        "Delete track 1 from here to the start",
        "Mark as false detection",
    ]
    assert not canvas.state.advance, "the next click closes the menu"
    choose(tracker, "Delete track 2 from here to the end")
    assert session.lineage.objects_of(2) == {}
    assert not menu.is_open
    assert canvas.state.advance
    assert tracker.last_error is None


def test_menu_closes_by_whatever_comes_next(tracker, click, press) -> None:
    canvas, session, menu = tracker.viewer.canvas, tracker.session, tracker.actions.menu
    steps = len(session.history)

    def opened():
        click(canvas, 1, button=2, t=0)
        assert menu.is_open

    opened()
    press(canvas, "Escape")
    assert not menu.is_open
    opened()
    click(canvas, 2, t=0)
    assert (menu.is_open, len(session.history)) == (False, steps), "that click does nothing else"
    opened()
    click(canvas, 0, t=0)
    assert not menu.is_open
    opened()
    press(canvas, "s")
    assert not menu.is_open
    assert session.active_track == 3
    opened()
    tracker.viewer.t = 2
    assert not menu.is_open
    opened()
    click(canvas, 0, button=2, t=0)
    assert not menu.is_open, "there is no object there"
    press(canvas, "d")
    opened()
    press(canvas, "Escape")
    assert tracker.actions.mode == "parent", "only the menu"
    assert tracker.last_error is None


def test_menu_of_parents_and_false_detections(tracker, click) -> None:
    canvas, session = tracker.viewer.canvas, tracker.session
    session.divide_objects(1, 5, (5, 2), track_id=1)
    click(canvas, 5, button=2, t=0)
    assert "Remove division of track 1" not in texts(tracker)
    click(canvas, 5, button=2, t=1)
    choose(tracker, "Delete track 1 from this object")
    assert tracker.viewer.messages.is_offering
    click(canvas, 5, button=2, t=1)
    choose(tracker, "Remove division of track 1")
    assert session.lineage.divisions == {}
    click(canvas, 1, button=2, t=3)
    choose(tracker, "Mark as false detection")
    tracker.viewer.messages.anyway.click()
    assert session.lineage.is_false(3, 1)
    click(canvas, 1, button=2, t=3)
    assert texts(tracker) == ["Not a false detection"]
    choose(tracker, "Not a false detection")
    assert not session.lineage.is_false(3, 1)
    click(canvas, 1, button=2, t=0)
    choose(tracker, "Make track 2 active")
    assert session.active_track == 2


def test_run_from_the_menu(tracker, click, session) -> None:
    click(tracker.viewer.canvas, 2, button=2, t=2)
    choose(tracker, "Follow from here (semi-automatic)")
    assert session.lineage.objects_of(1) == {0: 5, 1: 5, 2: 2, 3: 2}
    assert tracker.last_error is None


def test_menu_without_an_active_track(movie, detections, click) -> None:
    tracker = ManualTracker(Session(movie, detections))
    click(tracker.viewer.canvas, 2, button=2)
    entry = tracker.actions.menu.entries[0]
    assert (entry.text, entry.action) == ("Follow from here: start a new track first", None)
    assert tracker.actions.menu.widget.children[1].disabled


def test_menu_in_volumes_and_with_pictures(volume, movie, detections, click) -> None:
    from nbtrack.widgets.image_view import PointerEvent

    tracker = ManualTracker(Session(*volume))
    click(tracker.viewer.canvas, 5, button=2)
    assert tracker.actions.menu.is_open
    other = ManualTracker(Session(movie, detections), backend="image")
    other.viewer.canvas.tell_pick(PointerEvent(0, 0, 6, 6, 1, button=2, left=8, top=9))
    assert other.actions.menu.is_open
    assert (tracker.last_error, other.last_error) == (None, None)
