"""Where to go next: candidates, neighbours in the lineage, unlabelled objects."""

import numpy as np
import pytest

from nbtrack.data.detections import Detections
from nbtrack.data.lineage import Lineage
from nbtrack.data.movie import Movie
from nbtrack.editing.session import Session
from nbtrack.errors import EditError
from nbtrack.segmentation import detect


@pytest.fixture
def session():
    """Object 1 of frame 0 overlaps 1 (much) and 2 (a little) of frame 1; 3 is near, 4 further, 5 far off."""
    frames = np.zeros((3, 40, 200), np.uint32)
    frames[0, 10:20, 10:20] = 1
    frames[1, 10:20, 11:18] = 1
    frames[1, 10:20, 18:28] = 2
    frames[1, 10:20, 30:34] = 3
    frames[1, 10:20, 50:54] = 4
    frames[1, 10:20, 150:154] = 5
    return Session(None, detect(Movie.from_array(frames, "tyx")))


def test_candidates_by_overlap_then_by_distance(session) -> None:
    assert session.candidates(0, 1) == (1, 2, 3, 4)
    assert session.candidates(0, 1, n=2) == (1, 2)
    assert session.candidates(0, 1, n=9) == (1, 2, 3, 4), "object 5 is outside the window"
    assert session.candidates(1, 1) == ()
    assert session.candidates(1, 3) == (), "nothing is left"
    with pytest.raises(EditError, match="There is no object 9 in frame 0"):
        session.candidates(0, 9)


def test_candidates_in_a_track_come_behind_the_free_ones(session) -> None:
    session.assign(1, 1, track_id=1)
    session.mark_false(1, 3)
    assert session.candidates(0, 1) == (2, 1, 4, 3)


def test_no_candidates_after_the_last_frame(session) -> None:
    frames = np.ones((1, 4, 4), np.uint32)
    alone = Session(None, detect(Movie.from_array(frames, "tyx")))
    assert alone.candidates(0, 1) == ()


def test_distance_of_candidates_is_scaled() -> None:
    frames = np.zeros((2, 60, 60), np.uint32)
    frames[0, 28:32, 28:32] = 1
    frames[1, 28:32, 38:42] = 1
    frames[1, 42:46, 28:32] = 2
    found = detect(Movie.from_array(frames, "tyx"))
    assert Session(None, found).candidates(0, 1) == (1, 2)
    scaled = Detections(found.labels, found.table, found.frame_shape, (1.0, 2.0))
    assert Session(None, scaled).candidates(0, 1) == (2, 1)


@pytest.fixture
def family():
    """Track 1 divides after frame 2 into 2 and 3, which is there from frame 4 on."""
    frames = np.zeros((6, 4, 8), np.uint32)
    frames[:, :2, :2], frames[:, :2, 4:6] = 1, 2
    rows = [(0, 1, 1), (2, 1, 1), (3, 1, 2), (4, 1, 2), (4, 2, 3), (5, 2, 3)]
    lineage = Lineage.from_tables(rows, [(2, 1, 2, 3)])
    return Session(None, detect(Movie.from_array(frames, "tyx")), lineage)


def test_walking_along_a_lineage(family) -> None:
    assert family.next_of(1, 0) == (1, 2, 1), "over a gap"
    assert family.next_of(1, 2) == (2, 3, 1), "to the first child"
    assert family.next_of(2, 4) is None
    assert family.next_of(9, 0) is None
    assert family.previous_of(2, 4) == (2, 3, 1)
    assert family.previous_of(3, 4) == (1, 2, 1), "to the parent"
    assert family.previous_of(1, 2) == (1, 0, 1)
    assert family.previous_of(1, 0) is None
    assert family.siblings_of(2) == (3, 4, 2)
    assert family.siblings_of(3) == (2, 3, 1)
    assert family.siblings_of(2, 4) == (3, 4, 2)
    assert family.siblings_of(3, 4) == (2, 4, 1), "in the frame that is shown"
    assert family.siblings_of(3, 5) == (2, 3, 1)
    assert family.siblings_of(1) is None


def test_next_unlabeled_from_a_place_on(family) -> None:
    assert [family.progress_in(t) for t in range(6)] == [1, 2, 1, 1, 0, 1]
    assert family.next_unlabeled() == (0, 2)
    assert family.next_unlabeled(after=(0, 2)) == (1, 1)
    assert family.next_unlabeled(after=(1, 1)) == (1, 2)
    assert family.next_unlabeled(t=4) == (5, 1)
    assert family.next_unlabeled(after=(5, 1)) == (0, 2), "from the last one to the first"
    for t, i in ((0, 2), (1, 1), (2, 2), (3, 2), (5, 1)):
        family.mark_false(t, i)
    assert family.next_unlabeled(after=(1, 2)) == (1, 2), "the only one that is left"
    family.mark_false(1, 2)
    assert family.next_unlabeled(t=3) is None
