"""Semi-automatic runs, candidates and automatic mode in the workbench, by messages alone."""

import numpy as np
import pytest

from nbtrack.data.movie import Movie
from nbtrack.editing.session import Session
from nbtrack.errors import EditError
from nbtrack.segmentation import detect
from nbtrack.widgets.manual_tracker import ManualTracker
from nbtrack.widgets.tracker_run import touches_border


@pytest.fixture
def split():
    """Six frames: object 1 becomes 1 and 2 in frame 3, object 5 rests, object 7 leaves at the border after frame 1."""
    labels = np.zeros((6, 24, 32), np.uint32)
    labels[:3, 8:16, 8:16] = 1
    labels[3:, 8:16, 8:11] = 1
    labels[3:, 8:16, 13:16] = 2
    labels[:, 4:9, 22:27] = 5
    labels[:2, 18:22, 0:4] = 7
    return Session(None, detect(Movie.from_array(labels, "tyx")))


@pytest.fixture
def tracker(split):
    split.new_track()
    return ManualTracker(split)


def said(tracker):
    return tracker.viewer.messages.text


def badges(sent):
    return [(m["t"], m["texts"]) for m, _ in sent if m["type"] == "badge"]


def test_run_from_the_object_under_the_mouse(tracker, press, sent) -> None:
    press(tracker.viewer.canvas, "w", object_id=1)
    session = tracker.session
    assert session.lineage.objects_of(1) == {0: 1, 1: 1, 2: 1}
    assert said(tracker).startswith("Following gave 3 objects to track 1. It stopped in frame 2: 2 objects")
    assert said(tracker).endswith("Click one. Or press 1 to 3.")
    assert tracker.viewer.t == 3
    assert badges(sent)[-1] == (3, {"1": "1", "2": "2", "5": "3"})
    assert len(session.history) == 1
    press(tracker.viewer.canvas, "z")
    assert (session.lineage.track_ids, tracker.viewer.t) == ([], 0)
    assert badges(sent)[-1] == (3, {}), "candidates of what is gone"
    assert tracker.last_error is None


def test_run_from_the_active_track(tracker, press) -> None:
    canvas = tracker.viewer.canvas
    press(canvas, "w")
    assert said(tracker).startswith("There is no object to follow in frame 0.")
    tracker.session.assign(0, 5)
    press(canvas, "w")
    assert tracker.session.lineage.objects_of(1) == dict.fromkeys(range(6), 5)
    assert "It reached the last frame, 5" in said(tracker)
    assert tracker.viewer.t == 5


def test_digits_take_candidates(tracker, press) -> None:
    canvas = tracker.viewer.canvas
    press(canvas, "1")
    assert said(tracker).startswith("There are no candidates to choose from.")
    press(canvas, "w", object_id=1)
    press(canvas, "4")
    assert said(tracker).startswith("There are 3 candidates, so there is no number 4.")
    press(canvas, "2")
    assert tracker.session.lineage.objects_of(1) == {0: 1, 1: 1, 2: 1, 3: 2}
    assert (tracker.viewer.t, len(tracker.session.history)) == (4, 2)
    press(canvas, "1")
    assert isinstance(tracker.last_error, EditError), "one choice, one object"


def test_candidates_belong_to_their_track(tracker, press, sent) -> None:
    canvas = tracker.viewer.canvas
    press(canvas, "w", object_id=1)
    press(canvas, "s")
    press(canvas, "1")
    assert said(tracker).startswith("There are no candidates")
    assert badges(sent)[-1] == (3, {})
    assert tracker.session.lineage.objects_of(2) == {}


def test_automatic_mode_runs_after_each_click_and_digit(tracker, press, click, sent) -> None:
    canvas, session = tracker.viewer.canvas, tracker.session
    assert canvas.state.advance
    press(canvas, "o")
    assert tracker._side._auto.button_style == "warning"
    assert not canvas.state.advance, "where the next frame is, only the run knows"
    click(canvas, 1, t=0)
    assert (list(session.lineage.objects_of(1)), tracker.viewer.t) == ([0, 1, 2], 3)
    press(canvas, "1")
    assert (list(session.lineage.objects_of(1)), len(session.history)) == ([0, 1, 2, 3, 4, 5], 2)
    assert session.active_track == 2, "a new track for the next object"
    assert "Next: object 5 in frame 0 has no track. A click begins track 2 with it." in said(tracker)
    assert tracker.viewer.t == 0
    assert sent[-1][0]["type"] != "pick"
    click(canvas, 5, t=0)
    assert "Next: object 7 in frame 0" in said(tracker)
    click(canvas, 7, t=0)
    assert session.lineage.objects_of(3) == {0: 7, 1: 7}
    assert "Next: object 2 in frame 3" in said(tracker), "lost at the border is finished"
    click(canvas, 2, t=3)
    assert said(tracker).endswith("Every object has a track or is a false detection. Next: Export.")
    assert (len(session.history), session.progress().unlabeled) == (5, 0)
    press(canvas, "o")
    assert canvas.state.advance
    assert tracker.last_error is None


def test_after_the_next_object_was_marked_false_comes_the_one_after(tracker, press, click) -> None:
    canvas, session = tracker.viewer.canvas, tracker.session
    press(canvas, "o")
    click(canvas, 1, t=0)
    press(canvas, "1")
    assert (session.active_track, session.next_unlabeled()) == (2, (0, 5))
    press(canvas, "f", object_id=5)
    assert session.lineage.is_false(0, 5)
    assert "Next: object 7 in frame 0 has no track. A click begins track 2 with it." in said(tracker)
    tracker.viewer.t = 3
    press(canvas, "f", object_id=2)
    assert (tracker.viewer.t, session.active_track) == (3, 2), "it was not the one that was shown"
    assert tracker.last_error is None


def test_sister_waits_after_a_track_is_finished(tracker, press, click) -> None:
    canvas, session = tracker.viewer.canvas, tracker.session
    press(canvas, "o")
    click(canvas, 1, t=0)
    press(canvas, "d")
    for t, object_id in ((2, 1), (3, 1), (3, 2)):
        click(canvas, object_id, t=t)
    assert session.lineage.divisions[1].children == (2, 3)
    assert (session.active_track, tracker.viewer.t) == (2, 4)
    press(canvas, "1")
    assert session.lineage.objects_of(2) == {3: 1, 4: 1, 5: 1}
    assert "Now its sister, track 3: click its next object. Or press 1" in said(tracker)
    assert (session.active_track, tracker.viewer.t) == (3, 4)
    press(canvas, "1")
    assert session.lineage.objects_of(3) == {3: 2, 4: 2, 5: 2}
    assert tracker.last_error is None


def test_refused_run_can_be_forced(tracker, press) -> None:
    canvas, session = tracker.viewer.canvas, tracker.session
    session.mark_false(0, 5)
    press(canvas, "w", object_id=5)
    assert tracker.viewer.messages.is_offering
    tracker.viewer.messages.anyway.click()
    assert len(session.lineage.objects_of(1)) == 6
    assert len(session.history) == 2


def test_window_of_the_settings_is_used(tracker, press, click) -> None:
    drawers = tracker._drawers
    drawers.buttons["Semi-automatic"].value = True
    drawers.window[0].value = 7
    drawers.moving.value = False
    press(tracker.viewer.canvas, "o")
    click(tracker.viewer.canvas, 5, t=0, y=6, x=24)
    code = tracker.session.history_code()
    assert "window=(7, 40), moving=False, at=(6, 24)" in code.replace(".0", "")
    assert tracker.last_error is None


def test_border(split) -> None:
    assert touches_border(split, 0, 7)
    assert not touches_border(split, 0, 1)
