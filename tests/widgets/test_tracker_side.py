"""The column beside the image, what folds away below it, the help over it, and the end of it all."""

import logging

import pytest
from ipywidgets.widgets.widget import _instances

from nbtrack.editing.session import Session
from nbtrack.errors import InputError
from nbtrack.widgets.keymap import KEYS
from nbtrack.widgets.manual_tracker import ManualTracker


@pytest.fixture
def tracker(session):
    for t in range(3):
        session.assign(t, 5, track_id=1)
    session.select_track(1)
    return ManualTracker(session)


def said(tracker):
    return tracker.viewer.messages.text


def test_progress_and_meter(tracker, click, press) -> None:
    text = tracker._side._progress_text
    assert "0 of 4 frames complete, 9 objects unlabeled · 0 actions" in text.value
    click(tracker.viewer.canvas, 5, t=3)
    press(tracker.viewer.canvas, "z")
    assert "2 actions" in text.value, "undoing counts"
    press(tracker.viewer.canvas, "g")
    tracker.session.assign(3, 1, track_id=8)
    assert tracker.actions.meter.actions == 2, "going somewhere does not, code neither"


def test_lists_and_tree_follow_the_session(tracker, monkeypatch) -> None:
    side, session = tracker._side, tracker.session
    assert side.mergers.widget.layout.display == "none"
    refreshed = []
    monkeypatch.setattr(side.divisions, "refresh", lambda: refreshed.append(1))
    session.assign(0, 5, track_id=9)
    assert side.mergers.widget.layout.display == ""
    assert refreshed == []
    session.divide_objects(2, 5, (1, 2), track_id=1)
    session.check_division(1)
    session.assign(0, 1, track_id=20)
    assert refreshed == [1, 1], "only when divisions or their marks change"
    assert tracker.last_error is None


def test_choosing_in_lists_and_tree(tracker) -> None:
    side, session = tracker._side, tracker.session
    session.divide_objects(2, 5, (1, 2), track_id=1)
    side.divisions._on_select(1, 2)
    assert (session.active_track, tracker.viewer.t) == (1, 0)
    side.divisions._on_goto(2, 3)
    assert (session.active_track, tracker.viewer.t) == (2, 3)
    assert tracker.viewer.canvas.state.active_track == 2
    side.tree._on_goto(1, 1)
    assert tracker.viewer.t == 1
    assert "</span>1<" in side._active.value


def test_go_to(tracker, sent) -> None:
    side, viewer = tracker._side, tracker.viewer
    tracker.session.assign(3, 1, track_id=4)
    side.go_track.value = "4"
    assert (tracker.session.active_track, viewer.t, side.go_track.value) == (4, 3, "")
    side.go_frame.value = " 1 "
    assert viewer.t == 1
    side.go_track.value = "1"
    assert viewer.t == 1, "the nearest frame of the track"
    assert tracker.last_error is None
    side.go_track.value = "77"
    assert said(tracker).startswith("There is no track 77.")
    side.go_frame.value = "x"
    assert said(tracker) == "The frame must be a whole number: got 'x'. Type one, then press Enter."


def test_drawers_open_one_at_a_time(tracker, press) -> None:
    drawers = tracker._drawers
    assert drawers._place.layout.display == "none"
    drawers.buttons["Log"].value = True
    press(tracker.viewer.canvas, "s")
    assert "Track 2 is started." in drawers.log.value
    drawers.buttons["Python"].value = True
    assert not drawers.buttons["Log"].value
    assert drawers._code.value.splitlines()[-1] == "session.assign(2, 5, track_id=1)"
    press(tracker.viewer.canvas, "z")
    assert drawers._code.value.splitlines()[-1] == "session.assign(1, 5, track_id=1)"
    drawers.buttons["Export"].value = True
    drawers.buttons["Semi-automatic"].value = True
    drawers.buttons["Semi-automatic"].value = False
    assert drawers._place.layout.display == "none"
    assert tracker.last_error is None


def test_menu_of_the_objects_layer_leads_to_the_export(tracker) -> None:
    tracker.viewer._open_layer_menu("objects", 10, 0)
    menu = tracker.actions.menu
    assert menu.entries[0].text == "Export: Label image of the objects"
    menu.widget.children[1].click()
    assert (tracker._drawers.open_name, tracker._drawers.export.kind.value) == ("Export", "objects")
    assert not menu.is_open
    assert tracker.last_error is None


def test_exports_stand_beside_the_edit_log(movie, detections, tmp_path) -> None:
    tracker = ManualTracker(Session(movie, detections, log=tmp_path / "edits.jsonl"))
    tracker._drawers.buttons["Export"].value = True
    assert tracker._drawers.export.folder == tmp_path
    tracker.close()


def test_log_has_what_the_logger_said(tracker) -> None:
    tracker._drawers.buttons["Log"].value = True
    logging.getLogger("nbtrack.io").warning("The <file> is %s.", "old")
    assert "The &lt;file&gt; is old." in tracker._drawers.log.value
    logging.getLogger("nbtrack").handle(logging.LogRecord("nbtrack", logging.INFO, "", 0, "Read.", (), None))
    assert "Read." in tracker._drawers.log.value


def test_film_strip_has_the_contrast_of_the_view(tracker) -> None:
    drawers, viewer = tracker._drawers, tracker.viewer
    viewer.contrast = (100, 3000)
    drawers.buttons["Film strip"].value = True
    assert drawers.strip.contrast == (100, 3000)
    before = drawers.strip.images[1].value
    viewer.contrast = (100, 1000)
    assert drawers.strip.images[1].value != before
    drawers.buttons["Film strip"].value = False
    viewer.contrast = (100, 2000)
    assert drawers.strip.contrast == (100, 1000), "what is folded away is not kept up to date"
    drawers.buttons["Film strip"].value = True
    assert drawers.strip.contrast == (100, 2000)
    assert tracker.last_error is None


def test_film_strip_shows_the_active_track(tracker, press) -> None:
    drawers = tracker._drawers
    drawers.buttons["Film strip"].value = True
    before = drawers.strip.images[1].value
    tracker.viewer.t = 2
    assert drawers.strip.images[1].value != before
    press(tracker.viewer.canvas, "s")
    tracker.viewer.t = 1
    assert "Choose a track" in drawers.strip._captions[1].value
    assert tracker.last_error is None


def test_code_is_copied(tracker, sent) -> None:
    drawers = tracker._drawers
    drawers.buttons["Python"].value = True
    drawers._copy()
    assert sent[-1][0] == {"type": "copy", "text": tracker.session.history_code()}
    assert said(tracker) == "The code is on the clipboard."


def test_help_over_the_image(tracker, press) -> None:
    help, canvas = tracker._drawers.help, tracker.viewer.canvas
    assert help in tracker.viewer.stage.children
    for key in (key for key in KEYS if key.where not in ("classify", "review")):
        assert (key.together or key.help) in help.children[1].value
    press(canvas, "?")
    assert help.layout.display == ""
    press(canvas, "?")
    assert help.layout.display == "none"
    press(canvas, "?")
    press(canvas, "d")
    press(canvas, "Escape")
    assert (help.layout.display, tracker.actions.mode) == ("none", "parent"), "one thing at a time"
    press(canvas, "Escape")
    assert tracker.actions.mode == "assign"


def test_code_that_chooses_a_track_is_followed(tracker) -> None:
    tracker.session.new_track()
    tracker.session.assign(0, 1)
    assert tracker.viewer.canvas.state.active_track == 2


def test_closed_trackers_leave_nothing_behind(movie, detections, click) -> None:
    session = Session(movie, detections)
    handlers, widgets = len(logging.getLogger("nbtrack").handlers), len(_instances)
    first = ManualTracker(session)
    first._drawers.buttons["Export"].value = True
    session.new_track()
    session.assign(0, 5)
    session.divide_objects(0, 5, (1, 2))
    session.check_division(1)
    first.close()
    assert session._observers == []
    assert len(logging.getLogger("nbtrack").handlers) == handlers
    assert len(_instances) == widgets, "none is left in the browser"
    session.assign(1, 5, track_id=7)
    second = ManualTracker(session)
    assert session.active_track == second.viewer.canvas.state.active_track == 1
    assert "1 of 1 checked" in second._side.divisions._head.value
    assert (first.last_error, second.last_error) == (None, None)


def test_backends_are_checked(session) -> None:
    with pytest.raises(InputError, match="`backend` must be one of"):
        ManualTracker(session, backend="svg")
