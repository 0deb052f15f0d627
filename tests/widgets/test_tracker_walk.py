"""Arrow keys in the workbench: the frame, and with it the active track."""

import pytest

from nbtrack.widgets.manual_tracker import ManualTracker


@pytest.fixture
def tracker(session):
    """Track 1 is object 5 in frames 0 and 1, and divides into 2 (object 1) and 3 (object 2)."""
    session.assign(0, 5, track_id=1)
    session.assign(1, 5, track_id=1)
    session.divide_objects(1, 5, (1, 2), track_id=1)
    for t, object_id, track_id in ((3, 1, 2), (3, 2, 3), (3, 5, 6)):
        session.assign(t, object_id, track_id=track_id)
    session.select_track(1)
    return ManualTracker(session)


def step(tracker, press, key, t):
    """Press an arrow key: the browser shows the frame first."""
    tracker.viewer.t = t
    press(tracker.viewer.canvas, key)
    return tracker.session.active_track


def test_children_and_parents(tracker, press) -> None:
    assert step(tracker, press, "ArrowRight", 1) == 1
    assert step(tracker, press, "ArrowRight", 2) == 2
    assert tracker.viewer.messages.text == "Track 2 is active (frames 2 to 3)."
    assert step(tracker, press, "ArrowRight", 3) == 2
    assert step(tracker, press, "ArrowRight", 3) == 2
    assert step(tracker, press, "ArrowLeft", 2) == 2
    assert step(tracker, press, "ArrowLeft", 1) == 1
    assert tracker.viewer.canvas.state.active_track == 1
    assert tracker.last_error is None


def test_the_slider_chooses_no_track(tracker) -> None:
    tracker.viewer.t = 3
    assert tracker.session.active_track == 1
    assert tracker._side.tree._t == 3


def test_sisters_and_other_tracks(tracker, press) -> None:
    tracker.actions.select(2)
    assert step(tracker, press, "ArrowDown", 3) == 3
    assert step(tracker, press, "ArrowDown", 3) == 2
    assert step(tracker, press, "ArrowUp", 3) == 3
    tracker.actions.select(6)
    assert step(tracker, press, "ArrowUp", 3) == 3
    tracker.actions.select(6)
    assert step(tracker, press, "ArrowDown", 3) == 2, "after the last one comes the first"
    assert tracker.last_error is None
    tracker.actions.select(1)
    assert step(tracker, press, "ArrowDown", 0) == 1
    assert tracker.viewer.messages.text == "There is no other track in frame 0 to go to."


def test_ends_of_the_track(tracker, press) -> None:
    tracker.actions.select(3)
    press(tracker.viewer.canvas, "End")
    assert tracker.viewer.t == 3
    press(tracker.viewer.canvas, "Home")
    assert tracker.viewer.t == 2
    press(tracker.viewer.canvas, "s")
    press(tracker.viewer.canvas, "End")
    assert tracker.viewer.messages.text.startswith("The active track has no object to go to.")


def test_walking_is_no_action(tracker, press) -> None:
    step(tracker, press, "ArrowRight", 2)
    press(tracker.viewer.canvas, "Home")
    assert tracker.actions.meter.actions == 0
