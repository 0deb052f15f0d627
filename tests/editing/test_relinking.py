"""Swap, link and unlink: the objects and the divisions go where they should, or nothing happens."""

import pandas as pd
import pytest

from nbtrack.data.lineage import Division, Lineage
from nbtrack.editing.commands import Reorder
from nbtrack.editing.session import Session
from nbtrack.errors import EditError


class Objects:
    """Objects 1 to 5 in each of six frames."""

    n_frames = 6
    table = pd.DataFrame([(t, i) for t in range(6) for i in range(1, 6)], columns=["t", "object_id"])


def make_session(tracks, divisions=(), false=()):
    """Make tracks from their objects, as {track: {t: object}}."""
    rows = [(t, i, track) for track, objects in tracks.items() for t, i in objects.items()]
    return Session(None, Objects(), Lineage.from_tables(rows, divisions, false))


def tracks_of(session):
    return {i: session.lineage.objects_of(i) for i in session.lineage.track_ids}


@pytest.fixture
def family():
    """Track 1 divides after frame 2 into 2 and 3; track 4 passes by, all the time.

    After the test: the law holds, undoing all leads back to the start, redoing all to the end.
    """
    session = make_session(
        {1: {0: 1, 1: 1, 2: 1}, 2: {3: 1, 4: 1}, 3: {3: 2, 4: 2}, 4: dict.fromkeys(range(6), 4)}, [(2, 1, 2, 3)]
    )
    start = session.lineage.copy()
    yield session
    session.lineage.check()
    end, steps = session.lineage.copy(), len(session.history)
    for _ in range(steps):
        session.undo()
    assert session.lineage == start
    for _ in range(steps):
        session.redo()
    assert session.lineage == end


def test_swap_carries_the_division_along(family) -> None:
    assert family.swap(1, 4, 1).message == "Tracks 1 and 4 are swapped from frame 1 on."
    assert tracks_of(family)[1] == {0: 1} | dict.fromkeys(range(1, 6), 4)
    assert tracks_of(family)[4] == {0: 4, 1: 1, 2: 1}
    assert family.lineage.divisions == {4: Division(2, 4, 2, 3)}
    assert len(family.history) == 1


def test_swap_of_sisters_and_of_a_sister_with_another(family) -> None:
    family.swap(2, 3, 4)
    assert (tracks_of(family)[2], tracks_of(family)[3]) == ({3: 1, 4: 2}, {3: 2, 4: 1})
    family.swap(2, 4, 3)
    assert tracks_of(family)[2] == {3: 4, 4: 4, 5: 4}
    assert family.lineage.children_of(1) == (2, 3)


def test_swap_that_a_division_forbids(family) -> None:
    before = family.lineage.copy()
    for arguments, words in [
        ((1, 4, 3), "Track 1 divides after frame 2 .* but track 1 would not end in frame 2"),
        ((2, 4, 0), "Track 1 divides after frame 2 .* but track 2 would begin in frame 0"),
        ((1, 2, 2), "but track 2 would be its own parent"),
        ((1, 2, 3), "but track 1 would not end in frame 2"),
    ]:
        with pytest.raises(EditError, match=words) as caught:
            family.swap(*arguments)
        assert caught.value.forceable
    assert family.lineage == before
    family.swap(1, 4, 3, force=True)
    assert tracks_of(family)[1] == {0: 1, 1: 1, 2: 1, 3: 4, 4: 4, 5: 4}
    assert family.lineage.divisions == {}


def test_swap_of_nothing(family) -> None:
    with pytest.raises(EditError, match=r"Tracks 1 and 2 have no object from frame 5 on. There is nothing to swap"):
        family.swap(1, 2, 5)
    with pytest.raises(EditError, match="Tracks 4 and 4 have the same objects from frame 0 on"):
        family.swap(4, 4, 0)
    for tracks in ((1, 9), (9, 1)):
        with pytest.raises(EditError, match=r"Track 9 has no object. Swap two tracks that have some"):
            family.swap(*tracks, 0)


def test_swap_keeps_the_places_in_mergers() -> None:
    session = make_session({1: {0: 1, 1: 1}, 2: {0: 2, 1: 2}, 3: {1: 1}})
    session.swap(1, 2, 1)
    assert session.lineage.tracks_at(1, 1) == (2, 3), "the new track stands where the old one stood"
    session.undo()
    assert session.lineage.tracks_at(1, 1) == (1, 3)
    merged = make_session({1: {0: 1, 1: 3, 2: 1}, 2: {0: 2, 1: 3, 2: 2}})
    merged.swap(1, 2, 1)
    assert merged.lineage.tracks_at(1, 3) == (1, 2)
    assert tracks_of(merged)[1] == {0: 1, 1: 3, 2: 2}


def test_unlink_makes_a_new_track_that_divides(family) -> None:
    change = family.unlink(1, 1)
    assert change.message == "Track 1 ends in frame 0 now; from frame 1 on it is track 5."
    assert (tracks_of(family)[1], tracks_of(family)[5]) == ({0: 1}, {1: 1, 2: 1})
    assert family.lineage.divisions == {5: Division(2, 5, 2, 3)}
    assert family.new_track() == 6


def test_unlink_of_nothing(family) -> None:
    with pytest.raises(EditError, match=r"Track 2 has no object from frame 5 on. There is nothing to unlink"):
        family.unlink(2, 5)
    with pytest.raises(EditError, match=r"Track 4 begins in frame 0, so nothing is linked there\.$"):
        family.unlink(4, 0)
    with pytest.raises(EditError, match=r"Track 2 begins in frame 3, .* remove the division of track 1"):
        family.unlink(2, 3)
    with pytest.raises(EditError, match="Track 1 has objects already"):
        family.unlink(4, 3, new_track=1)


def test_link_of_two_free_objects_begins_a_track(family) -> None:
    assert family.link((1, 3), (3, 5)).message == "Object 3 in frame 1 goes on as object 5 in frame 3, in track 5."
    assert tracks_of(family)[5] == {1: 3, 3: 5}
    assert family.new_track() == 6


def test_link_puts_an_object_before_or_behind(family) -> None:
    family.link((5, 1), (4, 1))
    assert tracks_of(family)[2] == {3: 1, 4: 1, 5: 1}
    session = make_session({1: {3: 1}})
    session.link((2, 2), (3, 1))
    assert tracks_of(session) == {1: {2: 2, 3: 1}}


def test_link_joins_two_tracks_and_their_division() -> None:
    session = make_session({1: {0: 3}, 5: {1: 1, 2: 1}, 2: {3: 1}, 3: {3: 2}}, [(2, 5, 2, 3)])
    session.link((0, 3), (1, 1))
    assert tracks_of(session) == {1: {0: 3, 1: 1, 2: 1}, 2: {3: 1}, 3: {3: 2}}
    assert session.lineage.divisions == {1: Division(2, 1, 2, 3)}


def test_link_with_something_in_the_way(family) -> None:
    before = family.lineage.copy()
    for arguments, words in [
        (((3, 1), (4, 2)), r"Track 2 goes on after frame 3: it has object 1 in frame 4. Unlink that first"),
        (((3, 3), (4, 2)), "Track 3 begins before frame 4: it has object 2 in frame 3"),
        (((2, 1), (3, 1)), "Track 1 divides after frame 2 into tracks 2 and 3, but track 1 would not end in frame 2"),
        (((2, 3), (3, 1)), "but track 2 would begin in frame 2"),
    ]:
        with pytest.raises(EditError, match=words) as caught:
            family.link(*arguments)
        assert caught.value.forceable
    assert family.lineage == before
    family.link((3, 1), (4, 2), force=True)
    assert tracks_of(family)[2] == {3: 1, 4: 2}
    assert tracks_of(family)[3] == {3: 2}
    assert tracks_of(family)[5] == {4: 1}
    family.link((2, 1), (3, 1), force=True)
    assert tracks_of(family)[1] == {0: 1, 1: 1, 2: 1, 3: 1, 4: 2}
    assert family.lineage.divisions == {}


def test_link_from_a_free_object_into_the_middle(family) -> None:
    family.link((1, 3), (2, 1), force=True)
    assert (tracks_of(family)[1], tracks_of(family)[5]) == ({0: 1, 1: 1}, {1: 3, 2: 1})
    assert family.lineage.divisions == {5: Division(2, 5, 2, 3)}


def test_link_of_false_detections(family) -> None:
    family.mark_false(5, 5)
    with pytest.raises(EditError, match="Object 5 in frame 5 is marked as a false detection") as caught:
        family.link((4, 2), (5, 5))
    assert caught.value.forceable
    family.link((4, 2), (5, 5), force=True)
    assert tracks_of(family)[3] == {3: 2, 4: 2, 5: 5}
    assert not family.lineage.is_false(5, 5)


def test_link_that_has_no_meaning(family) -> None:
    with pytest.raises(EditError, match=r"Objects 1 and 2 are both in frame 3. Link objects of different frames"):
        family.link((3, 1), (3, 2))
    with pytest.raises(EditError, match="Objects 4 and 4 are both in track 4 already"):
        family.link((0, 4), (1, 4))
    with pytest.raises(EditError, match="There is no object 9 in frame 1"):
        family.link((0, 4), (1, 9))


def test_link_of_a_merger_must_say_which_track() -> None:
    session = make_session({1: {0: 1}, 2: {0: 1}, 3: {1: 2}})
    with pytest.raises(EditError, match=r"Object 1 in frame 0 is in tracks 1 and 2. Say which of them is linked"):
        session.link((0, 1), (1, 2))
    with pytest.raises(EditError, match="Object 1 in frame 0 is in tracks 1 and 2"):
        session.link((0, 1), (1, 2), track_id=7)
    with pytest.raises(EditError, match="Object 2 in frame 1 is in track 3"):
        session.link((0, 1), (1, 2), track_id=1, next_track=1)
    with pytest.raises(EditError, match="Object 5 in frame 1 has no track"):
        session.link((0, 1), (1, 5), track_id=1, next_track=1)
    session.select_track(2)
    session.link((0, 1), (1, 2))
    assert tracks_of(session) == {1: {0: 1}, 2: {0: 1, 1: 2}}
    session.undo()
    session.link((1, 2), (0, 1), track_id=3, next_track=1)
    assert tracks_of(session) == {1: {0: 1, 1: 2}, 2: {0: 1}}


def test_reordering_can_be_undone() -> None:
    lineage = Lineage.from_tables([(0, 1, 1), (0, 1, 2)])
    inverse = Reorder(0, 1, (2, 1)).apply(lineage)
    assert lineage.tracks_at(0, 1) == (2, 1)
    inverse.apply(lineage)
    assert lineage.tracks_at(0, 1) == (1, 2)
