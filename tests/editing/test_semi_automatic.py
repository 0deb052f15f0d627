"""Following an object by overlap: the rule on arrays, and the run as an action of the session."""

from dataclasses import replace

import numpy as np
import pytest

from nbtrack.data.movie import Movie
from nbtrack.editing.semi_automatic import find_overlapping, follow_overlap, window_box, window_sizes
from nbtrack.editing.session import Session
from nbtrack.errors import EditError, InputError
from nbtrack.segmentation import detect


class CountingFrames:
    """Frames that remember which of them were read."""

    def __init__(self, frames):
        self.frames, self.read = frames, []

    def __len__(self):
        return len(self.frames)

    def __getitem__(self, t):
        self.read.append(t)
        return self.frames[t]


def make_session(frames):
    detections = detect(Movie.from_array(frames, "tyx" if frames.ndim == 3 else "tzyx"))
    return Session(None, replace(detections, labels=CountingFrames(frames)))


def moving_square(n_frames=6, step=1, shape=(20, 120), size=5, ids=None):
    frames = np.zeros((n_frames, *shape), np.uint32)
    for t in range(n_frames):
        frames[t, 4 : 4 + size, 4 + step * t : 4 + step * t + size] = ids[t] if ids else 1
    return frames


def test_whole_run_is_one_step_and_reads_each_frame_once() -> None:
    session = make_session(moving_square(ids=[3, 1, 4, 1, 5, 9]))
    session.new_track()
    run = session.follow(0, 3)
    assert session.lineage.objects_of(1) == dict(enumerate([3, 1, 4, 1, 5, 9]))
    assert run.message == "Following gave 6 objects to track 1. It reached the last frame, 5."
    assert (run.frames, run.object_ids) == ((0, 1, 2, 3, 4, 5), (3, 1, 4, 1, 5, 9))
    assert (run.trail.reason, run.trail.t_stop, run.trail.object_stop) == ("last_frame", 5, 9)
    assert session.detections.labels.read == [0, 1, 2, 3, 4, 5]
    assert len(session.history) == 1
    assert session.undo().message == f"Undone: {run.message}"
    assert session.lineage.track_ids == []
    session.redo()
    assert len(session.lineage.objects_of(1)) == 6


def test_two_candidates_stop_it_and_no_later_frame_is_read() -> None:
    frames = moving_square()
    frames[3, 4:9, 9:12] = 2
    session = make_session(frames)
    run = session.follow(0, 1, 7)
    assert run.frames == (0, 1, 2)
    assert (run.trail.reason, run.trail.candidates, run.trail.t_stop) == ("ambiguous", (1, 2), 2)
    assert "It stopped in frame 2: 2 objects of frame 3 overlap it" in run.message
    assert session.detections.labels.read == [0, 1, 2, 3]


def test_vanishing_object_is_lost() -> None:
    frames = moving_square()
    frames[4] = 0
    run = make_session(frames).follow(0, 1, 1)
    assert (run.trail.reason, run.trail.t_stop, run.trail.object_stop) == ("lost", 3, 1)
    assert "nothing in frame 4 overlaps it" in run.message


@pytest.mark.parametrize(("step", "reason"), [(4, "last_frame"), (5, "lost")])
def test_a_fifth_is_enough(step, reason) -> None:
    run = make_session(moving_square(step=step)).follow(0, 1, 1)
    assert run.trail.reason == reason, "steps of 4 pixels leave exactly 20 % of 5"


def test_less_than_a_fifth_is_too_little() -> None:
    run = make_session(moving_square(step=5, size=6)).follow(0, 1, 1)
    assert (run.trail.reason, run.trail.candidates, run.frames) == ("little_overlap", (1,), (0,))
    assert "object 1 of frame 1 covers less than 20% of it" in run.message
    assert run.message.startswith("Following gave 1 object to track 1.")


def test_false_detection_stops_it() -> None:
    session = make_session(moving_square())
    session.mark_false(3, 1)
    run = session.follow(0, 1, 1)
    assert (run.trail.reason, run.trail.t_stop, run.frames) == ("false_detection", 3, (0, 1, 2))
    assert "It stopped at frame 3: object 1 is marked as a false detection" in run.message


def test_track_that_is_there_already_stops_it() -> None:
    frames = moving_square()
    frames[3, 15:18, 90:95] = 8
    session = make_session(frames)
    session.assign(3, 8, track_id=1)
    run = session.follow(0, 1, 1)
    assert (run.trail.reason, run.trail.t_stop, run.trail.object_stop) == ("in_track", 3, 8)
    assert "object 8 is in track 1 there" in run.message


def test_other_tracks_make_mergers() -> None:
    session = make_session(moving_square())
    session.assign(2, 1, track_id=5)
    assert session.follow(0, 1, 1).trail.reason == "last_frame"
    assert session.lineage.tracks_at(2, 1) == (5, 1)


def test_parent_is_not_followed_beyond_its_division() -> None:
    frames = moving_square()
    frames[2:, 15:18, 90:95] = 8
    session = make_session(frames)
    session.follow(0, 1, 1, stop_before=2)
    session.assign(2, 1, track_id=2)
    session.assign(2, 8, track_id=3)
    session.divide(1, 1, (2, 3))
    before, steps = session.lineage.copy(), len(session.history)
    run = session.follow(1, 1, 1)
    assert (run.trail.reason, run.frames) == ("divides", ())
    assert "gave no objects to track 1. It stopped at frame 2: track 1 divides before" in run.message
    assert (session.lineage, len(session.history)) == (before, steps), "nothing happened, so there is nothing to undo"
    with pytest.raises(EditError, match="Track 1 divides after frame 1") as caught:
        session.follow(3, 1, 1)
    assert caught.value.forceable
    run = session.follow(3, 1, 1, force=True)
    assert (run.frames, run.trail.reason) == ((3, 4, 5), "last_frame")
    assert run.message.endswith("It reached the last frame, 5. The division of track 1 is removed.")
    assert session.history_code().endswith("session.follow(3, 1, track_id=1, force=True)")
    session.undo()
    assert session.lineage == before


def test_it_goes_on_from_an_object_of_the_track() -> None:
    session = make_session(moving_square())
    session.follow(0, 1, 1, stop_before=3)
    assert session.lineage.objects_of(1) == {0: 1, 1: 1, 2: 1}
    assert "It stopped after frame 2, as asked" in session.history.steps[-1].change.message
    assert session.follow(2, 1, 1).frames == (3, 4, 5)


def test_window_goes_along_or_stays() -> None:
    frames = moving_square(n_frames=20, step=4, shape=(20, 120))
    assert make_session(frames).follow(0, 1, 1, window=20).trail.reason == "last_frame"
    fixed = make_session(frames).follow(0, 1, 1, window=20, moving=False)
    assert (fixed.trail.reason, fixed.trail.t_stop) == ("lost", 3), "columns 0 to 19 are looked at"
    clicked = make_session(frames).follow(0, 1, 1, window=20, moving=False, at=(6, 16))
    assert clicked.trail.t_stop > fixed.trail.t_stop


def test_window_hides_what_is_outside() -> None:
    frames = moving_square(n_frames=2, step=0, shape=(20, 120), size=10)
    frames[1, 4:9, 4:14] = 2
    assert make_session(frames).follow(0, 1, 1).trail.candidates == (1, 2)
    assert make_session(frames).follow(0, 1, 1, window=(4, 40), at=(11, 9)).trail.reason == "last_frame"


def test_three_dimensions() -> None:
    frames = np.zeros((4, 6, 20, 30), np.uint32)
    for t in range(4):
        frames[t, 1 + t : 3 + t, 4:9, 4 + t : 9 + t] = t + 1
    run = make_session(frames).follow(0, 1, 1, window=(3, 10, 10))
    assert run.object_ids == (1, 2, 3, 4)
    frames[3, 4:6, 4:6] = np.where(frames[3, 4:6, 4:6] == 4, 9, 0)
    assert make_session(frames).follow(0, 1, 1).trail.candidates == (4, 9)


def test_what_does_not_fit_is_said_before_a_frame_is_read() -> None:
    session = make_session(moving_square())
    with pytest.raises(EditError, match=r'There is no active track. Start one with "s"'):
        session.follow(0, 1)
    with pytest.raises(EditError, match="There is no object 5 in frame 0"):
        session.follow(0, 5, 1)
    session.mark_false(0, 1)
    with pytest.raises(EditError, match="is marked as a false detection"):
        session.follow(0, 1, 1)
    with pytest.raises(InputError, match="`stop_before` must be later than frame 1, where the run begins: got 1"):
        session.follow(1, 1, 1, stop_before=1)
    with pytest.raises(InputError, match="`at` must have 2 numbers, one per axis of a frame"):
        session.follow(1, 1, 1, at=(1, 2, 3))
    for window in (0, (4, 4, 4)):
        with pytest.raises(InputError, match="`window` must be one size of at least 1 pixel, or 2 of them"):
            session.follow(1, 1, 1, window=window)
    assert session.detections.labels.read == []


def test_run_is_a_line_of_python() -> None:
    session = make_session(moving_square(n_frames=9))
    session.new_track()
    session.follow(0, 1, stop_before=5, window=30, moving=False, at=(6, 6))
    session.follow(4, 1)
    twin = make_session(moving_square(n_frames=9))
    exec(session.history_code("twin"), {"twin": twin})
    assert twin.lineage == session.lineage
    assert session.history_code().endswith("session.follow(4, 1, track_id=1)")


def test_rule_on_arrays() -> None:
    frames = moving_square(n_frames=3)
    trail = follow_overlap(frames, 0, 1, center=lambda t, i: (6, 6), window=(40, 40))
    assert trail.objects == {1: 1, 2: 1}
    assert find_overlapping(frames[0], frames[1], 99) == ((), 0.0)
    assert window_box((19.6, 0), (4, 4), (20, 20)) == (slice(18, 20), slice(0, 4))
    assert window_sizes(None, 3) == (40, 40, 40)
