"""One key at the object under the pointer: continue, cut, swap, divide."""

import numpy as np
import pandas as pd
import pytest

from nbtrack.data.detections import Detections
from nbtrack.data.lineage import Division, Lineage
from nbtrack.data.movie import Movie
from nbtrack.editing.session import Session
from nbtrack.errors import EditError, InputError
from nbtrack.segmentation import detect

N_FRAMES = 6
PLACES = {1: (2, 2), 2: (2, 12), 3: (2, 20), 4: (20, 2), 5: (26, 2)}


def make_objects():
    """Objects 1 to 5 in each of six frames, at the same places; 3 is nearer to 2 than 1 is, 4 and 5 are far off."""
    frame = np.zeros((32, 26), np.uint32)
    for i, (y, x) in PLACES.items():
        frame[y : y + 4, x : x + 4] = i
    return detect(Movie.from_array(np.stack([frame] * N_FRAMES), "tyx"))


OBJECTS = make_objects()


def make_session(tracks, divisions=(), false=(), objects=OBJECTS):
    """Make tracks from their objects, as {track: {t: object}}."""
    rows = [(t, i, track) for track, steps in tracks.items() for t, i in steps.items()]
    return Session(None, objects, Lineage.from_tables(rows, divisions, false))


def tracks_of(session):
    return {i: session.lineage.objects_of(i) for i in session.lineage.track_ids}


@pytest.fixture
def family():
    """Track 1 divides after frame 2 into 2 and 3; track 4 passes by, all the time.

    After the test: the printed Python leads to the same end, undoing all to the start, redoing all to the end.
    """
    tracks = {1: {0: 1, 1: 1, 2: 1}, 2: {3: 1, 4: 1}, 3: {3: 2, 4: 2}, 4: dict.fromkeys(range(N_FRAMES), 4)}
    session = make_session(tracks, [(2, 1, 2, 3)])
    start = session.lineage.copy()
    yield session
    session.lineage.check()
    end, steps = session.lineage.copy(), len(session.history)
    again = Session(None, OBJECTS, start)
    exec(session.history_code("again"), {"again": again})
    assert again.lineage == end
    for _ in range(steps):
        session.undo()
    assert session.lineage == start
    for _ in range(steps):
        session.redo()
    assert session.lineage == end


# ---------------------------------------------------------------- continue
def test_track_goes_on_with_a_free_object(family) -> None:
    family.select_track(2)
    change = family.continue_track(5, 3)
    assert change.message == "Object 1 in frame 4 goes on as object 3 in frame 5, in track 2."
    assert tracks_of(family)[2] == {3: 1, 4: 1, 5: 3}
    assert family.history_code() == "session.link((4, 1), (5, 3), track_id=2)"


def test_continue_finds_the_end_when_the_active_track_cannot_be_meant() -> None:
    steps = {1: {0: 1, 1: 1}, 2: {0: 3, 1: 3}, 3: dict.fromkeys(range(4), 4), 4: {2: 2, 3: 2}}
    session = make_session(steps)
    session.select_track(3)
    session.continue_track(2, 2)
    assert tracks_of(session)[2] == {0: 3, 1: 3, 2: 2, 3: 2}, "object 3 is nearer than object 1"
    session.undo()
    session.select_track(1)
    session.continue_track(2, 2)
    assert tracks_of(session)[1] == {0: 1, 1: 1, 2: 2, 3: 2}, "the active track ends before: it is meant"


def test_track_goes_on_with_another_track(family) -> None:
    family.unlink(4, 3)
    family.continue_track(3, 4, 4)
    assert tracks_of(family)[4] == dict.fromkeys(range(N_FRAMES), 4)
    assert len(family.history) == 2


def test_track_without_earlier_objects_gets_the_object(family) -> None:
    family.new_track()
    family.continue_track(3, 5)
    family.continue_track(1, 5)
    assert tracks_of(family)[5] == {1: 5, 3: 5}
    assert family.history_code() == "session.assign(3, 5, track_id=5)\nsession.assign(1, 5, track_id=5)"


def test_track_that_goes_on_elsewhere_must_be_forced(family) -> None:
    family.select_track(4)
    with pytest.raises(EditError, match="Track 4 goes on after frame 2: it has object 4 in frame 3") as caught:
        family.continue_track(3, 5)
    assert caught.value.forceable
    family.continue_track(3, 5, force=True)
    assert tracks_of(family)[4] == {0: 4, 1: 4, 2: 4, 3: 5}
    assert tracks_of(family)[5] == {3: 4, 4: 4, 5: 4}


def test_continuation_that_has_no_meaning(family) -> None:
    with pytest.raises(EditError, match="There is no active track"):
        family.continue_track(3, 5)
    with pytest.raises(EditError, match="There is no object 9 in frame 3"):
        family.continue_track(3, 9, 4)
    with pytest.raises(EditError, match="Object 4 in frame 3 is in track 4 already"):
        family.continue_track(3, 4, 4)
    family.assign(3, 2, 7)
    with pytest.raises(EditError, match="Object 2 in frame 3 is in tracks 3 and 7, so it is not clear which of them"):
        family.continue_track(3, 2, 4)


# ---------------------------------------------------------------- cut
def test_cut_splits_the_track(family) -> None:
    change = family.cut_track(2, 4)
    assert change.message == "Track 4 ends in frame 1 now; from frame 2 on it is track 5."
    assert family.history_code() == "session.unlink(4, 2, new_track=5)"


@pytest.mark.parametrize("object_id", [1, 2])
def test_cut_of_a_daughter_removes_the_division(family, object_id) -> None:
    family.cut_track(3, object_id)
    assert family.lineage.divisions == {}
    assert family.history_code() == "session.undivide(1)"


def test_cut_chooses_the_track(family) -> None:
    family.assign(2, 4, 7)
    family.assign(1, 5, 7)
    with pytest.raises(EditError, match=r"Object 4 in frame 2 is in tracks 4 and 7. Make the one that is meant active"):
        family.cut_track(2, 4)
    with pytest.raises(EditError, match="Object 4 in frame 2 is in tracks 4 and 7, not in track 1"):
        family.cut_track(2, 4, 1)
    with pytest.raises(EditError, match="Object 4 in frame 3 is in track 4, not in track 1"):
        family.cut_track(3, 4, 1)
    family.cut_track(2, 4, 7)
    assert tracks_of(family)[7] == {1: 5}
    family.select_track(4)
    family.cut_track(2, 4)
    assert tracks_of(family)[4] == {0: 4, 1: 4}


def test_cut_of_nothing(family) -> None:
    with pytest.raises(EditError, match=r"Object 5 in frame 2 has no track. Point at one that has"):
        family.cut_track(2, 5)
    with pytest.raises(EditError, match="Track 4 begins in frame 0, so nothing is linked there"):
        family.cut_track(0, 4)


# ---------------------------------------------------------------- swap
def test_swap_of_the_active_track_with_that_of_the_object(family) -> None:
    family.select_track(2)
    family.swap_at(4, 2)
    assert (tracks_of(family)[2], tracks_of(family)[3]) == ({3: 1, 4: 2}, {3: 2, 4: 1})
    assert family.history_code() == "session.swap(2, 3, 4)"


def test_swap_of_the_active_track_with_the_nearest(family) -> None:
    family.assign(4, 3, 8)
    family.select_track(3)
    assert family.swap_at(4, 2).message == "Tracks 3 and 8 are swapped from frame 4 on."
    family.select_track(2)
    assert family.swap_at(4, 1, partner=4).message == "Tracks 2 and 4 are swapped from frame 4 on."


def test_nearest_is_measured_in_units_of_the_scale() -> None:
    tracks = {1: {0: 1, 1: 1}, 2: {1: 2}, 4: {1: 4}}
    for scale, partner in (((1.0, 1.0), 2), ((1.0, 3.0), 4)):
        objects = Detections(OBJECTS.labels, OBJECTS.table, OBJECTS.frame_shape, scale)
        session = make_session(tracks, objects=objects)
        session.select_track(1)
        assert session.swap_at(1, 1).message == f"Tracks 1 and {partner} are swapped from frame 1 on."


def test_swap_at_a_merger(family) -> None:
    family.assign(4, 1, 9)
    family.assign(5, 3, 9)
    family.select_track(9)
    family.swap_at(4, 1)
    assert family.history_code().endswith("session.swap(9, 2, 4)")
    assert (tracks_of(family)[2], tracks_of(family)[9]) == ({3: 1, 4: 1, 5: 3}, {4: 1})
    family.assign(4, 1, 10)
    family.select_track(1)
    with pytest.raises(EditError, match=r"Object 1 in frame 4 is in tracks .* and 10. Take it from all but one first"):
        family.swap_at(4, 1)


def test_swap_that_a_division_forbids_can_be_forced(family) -> None:
    family.select_track(2)
    with pytest.raises(EditError, match="but track 2 would begin in frame 0") as caught:
        family.swap_at(0, 4)
    assert caught.value.forceable
    change = family.swap_at(0, 4, force=True)
    assert change.message == "Tracks 2 and 4 are swapped from frame 0 on. The division of track 1 is removed."


def test_swap_of_nothing(family) -> None:
    with pytest.raises(EditError, match=r"Object 5 in frame 2 has no track. Point at an object of one of the two"):
        family.swap_at(2, 5)
    with pytest.raises(EditError, match="Object 4 in frame 5 is in track 4, and no track with objects is active"):
        family.swap_at(5, 4)
    family.select_track(4)
    with pytest.raises(EditError, match="No other object of frame 5 has a track, so there is nothing to swap with"):
        family.swap_at(5, 4)


# ---------------------------------------------------------------- divide
def test_second_daughter_is_free(family) -> None:
    family.select_track(4)
    change = family.divide_at(3, 5)
    words = "Track 4 divides after frame 2: object 4 begins track 5 (so far track 4), object 5 track 6."
    assert change.message == words
    assert (tracks_of(family)[4], tracks_of(family)[5]) == ({0: 4, 1: 4, 2: 4}, {3: 4, 4: 4, 5: 4})
    assert tracks_of(family)[6] == {3: 5}
    assert family.lineage.divisions[4] == Division(2, 4, 5, 6)
    assert len(family.history) == 1
    assert family.new_track() == 7


def test_second_daughter_begins_a_track_and_the_first_divides(family) -> None:
    family.assign(1, 5, 9)
    family.assign(2, 5, 9)
    change = family.divide_at(1, 5, 1)
    assert change.message.endswith("object 1 begins track 10 (so far track 1), object 5 track 9 (as before).")
    assert family.lineage.divisions == {1: Division(0, 1, 10, 9), 10: Division(2, 10, 2, 3)}


def test_track_of_the_second_daughter_is_cut(family) -> None:
    family.select_track(4)
    with pytest.raises(EditError, match="Object 1 in frame 2 is in track 1, which begins in frame 0 already") as caught:
        family.divide_at(2, 1)
    assert caught.value.forceable
    family.divide_at(2, 1, force=True)
    assert tracks_of(family)[1] == {0: 1, 1: 1}
    assert family.lineage.divisions == {4: Division(1, 4, 5, 6), 6: Division(2, 6, 2, 3)}


def test_second_daughter_of_another_mother(family) -> None:
    with pytest.raises(EditError, match=r"Object 2 in frame 3 begins track 3, a child of track 1") as caught:
        family.divide_at(3, 2, 4)
    assert caught.value.forceable
    assert family.divide_at(3, 2, 4, force=True).message.endswith(" The division of track 1 is removed.")
    assert family.lineage.divisions == {4: Division(2, 4, 5, 3)}


def test_false_detections_and_mergers_as_second_daughter(family) -> None:
    family.mark_false(3, 5)
    family.assign(3, 3, 8)
    family.assign(3, 3, 9)
    for object_id, words in ((5, "is marked as a false detection"), (3, "is in tracks 8 and 9. A child needs")):
        with pytest.raises(EditError, match=words) as caught:
            family.divide_at(3, object_id, 4)
        assert caught.value.forceable
        family.divide_at(3, object_id, 4, force=True)
        family.undo()
    family.divide_at(3, 3, 4, force=True)
    assert family.lineage.tracks_at(3, 3) == (8, 9, family.lineage.children_of(4)[1])


def test_division_at_an_object_that_has_no_meaning(family) -> None:
    with pytest.raises(EditError, match="There is no active track"):
        family.divide_at(3, 5)
    with pytest.raises(EditError, match="Object 4 in frame 3 is in track 4 itself, so it is the first daughter"):
        family.divide_at(3, 4, 4)
    with pytest.raises(EditError, match="Track 4 has no object before frame 0, so it cannot divide there"):
        family.divide_at(0, 5, 4)
    with pytest.raises(EditError, match=r'Track 2 ends in frame 4, so .* Press "d", click the mother in frame 4'):
        family.divide_at(5, 5, 2)
    with pytest.raises(InputError, match="`child_tracks` must be different ids: got"):
        family.divide_at(3, 5, 4, child_tracks=(7, 7))
    with pytest.raises(EditError, match=r"Track 1 has objects already. Give the id of a new track"):
        family.divide_at(3, 5, 4, child_tracks=(7, 1))


def test_division_over_a_gap() -> None:
    rows = pd.DataFrame({"t": [0, 1, 4, 5], "i": 1})
    session = make_session({1: dict(zip(rows["t"], rows["i"], strict=True))})
    session.divide_at(3, 2, 1)
    assert session.lineage.divisions == {1: Division(1, 1, 2, 3)}
    assert tracks_of(session) == {1: {0: 1, 1: 1}, 2: {4: 1, 5: 1}, 3: {3: 2}}
