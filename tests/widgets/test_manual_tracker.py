import pytest

from nbtrack.editing.session import Session
from nbtrack.errors import EditError, InputError
from nbtrack.widgets.manual_tracker import ManualTracker


@pytest.fixture
def tracker(session):
    return ManualTracker(session)


def said(tracker):
    return tracker.viewer.messages.text


def test_click_assigns_and_the_next_frame_comes(tracker, click, press, sent) -> None:
    canvas = tracker.viewer.canvas
    press(canvas, "s")
    assert tracker.session.active_track == 1
    for t in range(3):
        assert tracker.viewer.t == t
        click(canvas, 5)
        assert said(tracker) == f"Object 5 in frame {t} is now in track 1."
    assert tracker.session.lineage.objects_of(1) == {0: 5, 1: 5, 2: 5}
    click(canvas, 5)
    assert said(tracker).endswith("That was the last frame.")
    assert tracker.viewer.t == 3
    painted = [(m["t"], m["ids"], m["tracks"]) for m, _ in sent if m["type"] == "paint"]
    assert (0, [5], [[1]]) in painted
    assert tracker.last_error is None


def test_click_uses_the_frame_that_was_shown(tracker, click, press) -> None:
    press(tracker.viewer.canvas, "s")
    tracker.viewer.t = 3
    click(tracker.viewer.canvas, 2, t=1)
    assert tracker.session.lineage.objects_of(1) == {1: 2}
    assert tracker.viewer.t == 2


def test_background_is_ignored(tracker, click, press) -> None:
    press(tracker.viewer.canvas, "s")
    before = said(tracker)
    click(tracker.viewer.canvas, 0)
    assert (said(tracker), tracker.viewer.t, len(tracker.session.history)) == (before, 0, 0)


def test_refused_clicks_say_why_and_take_the_color_back(tracker, click, press, sent) -> None:
    canvas = tracker.viewer.canvas
    click(canvas, 5)
    assert isinstance(tracker.last_error, EditError)
    assert said(tracker).startswith("There is no active track.")
    press(canvas, "s")
    click(canvas, 5)
    sent.clear()
    click(canvas, 2, t=0)
    assert said(tracker) == "Track 1 already has object 5 in frame 0. Undo that first, or start a new track."
    assert tracker.viewer.messages.kind == "refused"
    assert [(m["ids"], m["tracks"]) for m, _ in sent if m["type"] == "paint"] == [([2], [[]])]


def test_clicking_the_same_object_twice(tracker, click, press) -> None:
    press(tracker.viewer.canvas, "s")
    click(tracker.viewer.canvas, 5, t=0)
    click(tracker.viewer.canvas, 5, t=0)
    assert "already" in said(tracker)
    assert tracker.session.lineage.objects_of(1) == {0: 5}
    tracker.session.lineage.check()


def test_undo_and_redo_by_key_and_button(tracker, click, press) -> None:
    canvas, side = tracker.viewer.canvas, tracker._side
    assert side._undo.disabled
    press(canvas, "s")
    click(canvas, 5)
    click(canvas, 5)
    assert not side._undo.disabled
    press(canvas, "ctrl+z")
    assert tracker.session.lineage.objects_of(1) == {0: 5}
    assert tracker.viewer.t == 1, "the view goes to what was undone"
    side._undo.click()
    assert tracker.session.lineage.track_ids == []
    side._redo.click()
    press(canvas, "shift+z")
    assert tracker.session.lineage.objects_of(1) == {0: 5, 1: 5}
    assert side._redo.disabled
    press(canvas, "ctrl+y")
    assert said(tracker) == "There is nothing to do again."


def test_active_track_and_its_color(tracker, press) -> None:
    canvas, state = tracker.viewer.canvas, tracker.viewer.canvas.widget
    assert "none yet" in tracker._side._active.value
    assert state.pick_color == []
    press(canvas, "s")
    press(canvas, "s")
    assert (state.active_track, state.pick_color) == (2, [230, 81, 0])
    assert "</span>2</div>" in tracker._side._active.value
    assert "#e65100" in tracker._side._active.value
    press(canvas, "a")
    assert tracker.session.active_track == 1
    assert said(tracker) == "Track 1 is active (no object yet)."
    press(canvas, "q")
    press(canvas, "q")
    assert said(tracker).startswith("There is no track 3.")


def test_false_detection_under_the_mouse(tracker, press) -> None:
    press(tracker.viewer.canvas, "f", object_id=2)
    assert tracker.session.lineage.is_false(0, 2)
    press(tracker.viewer.canvas, "f", object_id=2)
    assert "already" in said(tracker)


def test_false_detection_by_the_next_click(tracker, press, click) -> None:
    canvas = tracker.viewer.canvas
    press(canvas, "s")
    tracker._side._false.click()
    assert canvas.widget.pick_color == [], "the click will not paint with the track"
    assert said(tracker) == "Click the object that is a false detection."
    click(canvas, 1)
    assert tracker.session.lineage.false_at(0) == {1}
    assert tracker.viewer.t == 0
    click(canvas, 5)
    assert tracker.session.lineage.objects_of(1) == {0: 5}
    press(canvas, "f")
    press(canvas, "f")
    assert said(tracker).startswith("Marking is off.")
    assert tracker.last_error is None


def test_shift_click_takes_up_a_track(tracker, click) -> None:
    canvas, session = tracker.viewer.canvas, tracker.session
    session.assign(0, 1, track_id=3)
    session.assign(0, 1, track_id=7)
    for track_id in (3, 7, 3):
        click(canvas, 1, modifiers=["shift"])
        assert session.active_track == canvas.widget.active_track == track_id
    assert said(tracker) == "Track 3 is active (frame 0)."
    click(canvas, 2, modifiers=["shift"])
    assert said(tracker) == "Object 2 in frame 0 has no track that could be made active."
    assert session.lineage.tracks_at(0, 2) == ()


def test_next_unlabeled_object(tracker, press, sent) -> None:
    session = tracker.session
    for i in (1, 2, 5):
        session.mark_false(0, i)
    press(tracker.viewer.canvas, "g")
    assert tracker.viewer.t == 1
    assert sent[-1][0] == {"type": "look", "z": 0, "y": 6.0, "x": 7.0, "object_id": 1}
    for t in range(1, 4):
        for i in (1, 2, 5):
            session.mark_false(t, i)
    press(tracker.viewer.canvas, "g")
    assert "Next: Export." in said(tracker)
    assert "4 of 4 frames complete" in tracker._side._progress_text.value
    with pytest.raises(EditError, match="There is no object 77 in frame 0, so it cannot be shown"):
        tracker.goto(0, 77)


def test_edits_from_python_are_shown(tracker, sent) -> None:
    tracker.session.assign(2, 1, track_id=4)
    assert [(m["t"], m["ids"], m["tracks"]) for m, _ in sent if m["type"] == "paint"] == [(2, [1], [[4]])]
    assert "11 objects unlabeled" in tracker._side._progress_text.value
    sent.clear()
    tracker.viewer.color_by = "lineage"
    tracker.session.assign(3, 1, track_id=4)
    assert [m["type"] for m, _ in sent] == ["stale", "paint"]
    sent.clear()
    tracker.session.divide_objects(2, 1, (2, 5), track_id=4, force=True)
    assert "stale" in [m["type"] for m, _ in sent], "descendants have other colours"


def test_mirror_can_be_made_again(session, click, press) -> None:
    first = ManualTracker(session)
    press(first.viewer.canvas, "s")
    click(first.viewer.canvas, 5)
    second = ManualTracker(session)
    assert second.viewer.canvas.widget.active_track == 1
    assert said(second) == "Click an object to give it to track 1."
    click(second.viewer.canvas, 5, t=1)
    assert "10 objects unlabeled" in first._side._progress_text.value


def test_tracker_in_three_dimensions(volume, click, press) -> None:
    from nbtrack.editing.session import Session

    tracker = ManualTracker(Session(*volume))
    press(tracker.viewer.canvas, "s")
    click(tracker.viewer.canvas, 5)
    assert tracker.session.lineage.objects_of(1) == {0: 5}
    press(tracker.viewer.canvas, "g")
    assert tracker.last_error is None


def test_tracker_is_small_and_shows_itself(tracker) -> None:
    assert dir(tracker) == ["actions", "close", "goto", "last_error", "session", "snapshot", "viewer", "widget"]
    assert tracker.snapshot().data.startswith(b"\x89PNG")
    assert "application/vnd.jupyter.widget-view+json" in str(tracker._repr_mimebundle_())
    assert "0 tracks" in repr(tracker)


def test_snapshot_shows_what_is_shown(session) -> None:
    for t in range(3):
        session.assign(t, 5, track_id=2)
    tracker = ManualTracker(session)
    plain = tracker.snapshot(2).data
    assert plain.startswith(b"\x89PNG")
    tracker.viewer.toggle("tails")
    tails = tracker.snapshot(2).data
    tracker.viewer.toggle("ghost")
    ghost = tracker.snapshot(2).data
    tracker.viewer.toggle("tails")
    assert len({plain, tails, ghost, tracker.snapshot(2).data}) == 4
    tracker.viewer.toggle("ghost")
    assert tracker.snapshot(2).data == plain
    assert tracker.snapshot().data == tracker.snapshot(0).data
    assert tracker.viewer.t == 0, "it changes nothing"
    with pytest.raises(InputError, match="`t` is 9"):
        tracker.snapshot(9)


def test_snapshot_of_a_volume(volume) -> None:
    tracker = ManualTracker(Session(*volume))
    tracker.viewer.goto(0, 2)
    middle = tracker.snapshot().data
    tracker.viewer.goto(0, 0)
    assert tracker.snapshot().data != middle
