"""Dividing by clicks, deleting tracks, and doing it anyway."""

import pandas as pd
import pytest

from nbtrack.data.lineage import Lineage
from nbtrack.editing.session import Session
from nbtrack.errors import EditError


class Objects:
    """Objects 1 to 4 in each of six frames."""

    n_frames = 6
    table = pd.DataFrame([(t, i) for t in range(6) for i in range(1, 5)], columns=["t", "object_id"])


@pytest.fixture
def session():
    return Session(None, Objects(), Lineage.from_tables([(0, 1, 1), (1, 1, 1), (2, 1, 1)]))


@pytest.fixture
def divided(session):
    session.select_track(1)
    session.divide_objects(2, 1, (2, 3))
    return session


def test_division_by_clicks_is_one_step(session) -> None:
    session.select_track(1)
    change = session.divide_objects(2, 1, (2, 3))
    assert change.message == "Track 1 divides after frame 2: object 2 begins track 2, object 3 track 3."
    assert change.pairs == [(3, 2), (3, 3), (2, 1)]
    assert session.lineage.children_of(1) == (2, 3)
    assert (session.lineage.tracks_at(3, 2), session.lineage.tracks_at(3, 3)) == ((2,), (3,))
    assert len(session.history) == 1
    session.undo()
    assert session.lineage.track_ids == [1]
    assert session.new_track() == 4, "ids that were given once are not given again"
    session.redo()
    assert session.lineage.children_of(1) == (2, 3)


def test_division_by_clicks_says_what_does_not_fit(session) -> None:
    with pytest.raises(EditError, match="There is no active track"):
        session.divide_objects(2, 1, (2, 3))
    session.select_track(1)
    before = session.lineage.copy()
    for arguments, words in [
        ((2, 0, (2, 3)), "There is only background there in frame 2. Click the object that divides"),
        ((2, 1, (2, 0)), "There is only background there in frame 3. Click a daughter cell"),
        ((2, 1, (2, 9)), "There is no object 9 in frame 3"),
        ((2, 1, (2, 2)), "A division needs two different objects in frame 3: got 2 and 2. Click the other"),
        ((2, 1, (2,)), "A division needs two different objects in frame 3: got 2."),
        ((2, 1, (2, 3), 4), "The daughter cells are expected in frame 3, the one after their parent: got frame 4"),
        ((2, 1, (2, 3), 2), "The daughter cells are expected in frame 3, the one after their parent: got frame 2"),
        ((2, 4, (2, 3)), "Object 4 in frame 2 has no track, so it cannot divide. Give it to track 1 first"),
        ((1, 1, (2, 3)), "Track 1 must end in frame 1 to divide there: its last object is in frame 2"),
    ]:
        with pytest.raises(EditError, match=words):
            session.divide_objects(*arguments)
    assert session.lineage == before
    assert len(session.history) == 0
    with pytest.raises(
        EditError, match=r"Object 1 in frame 2 is in track 1, not in track 7, so it cannot divide. Make"
    ):
        session.divide_objects(2, 1, (2, 3), track_id=7)
    with pytest.raises(EditError, match=r"Track 1 has objects already. Give the id of a new track"):
        session.divide_objects(2, 1, (2, 3), child_tracks=(5, 1))
    session.assign(5, 1)
    with pytest.raises(EditError, match="Frame 5 is the last one, so nothing can divide there"):
        session.divide_objects(5, 1, (2, 3))


def test_parent_divides_once(divided) -> None:
    with pytest.raises(EditError, match=r"Track 1 divides after frame 2 already. Remove that division first"):
        divided.divide_objects(2, 1, (1, 4))


@pytest.mark.parametrize("track_id", [1, 2, 3])
@pytest.mark.parametrize("scope", ["here", "later", "earlier"])
def test_division_protects_parent_and_children(divided, track_id, scope) -> None:
    t = 2 if track_id == 1 else 3
    before = divided.lineage.copy()
    with pytest.raises(EditError, match=r"takes part in the division of track 1. Remove the division first"):
        divided.forget(track_id, t=t, scope=scope)
    with pytest.raises(EditError, match="takes part in the division of track 1"):
        divided.unassign(t, divided.lineage.object_at(track_id, t), track_id)
    assert divided.lineage == before


def test_what_the_division_does_not_need_can_go(divided) -> None:
    divided.assign(4, 2, track_id=2)
    divided.forget(2, t=4, scope="later")
    divided.forget(1, t=1, scope="earlier")
    assert divided.lineage.objects_of(1) == {2: 1}
    assert divided.lineage.children_of(1) == (2, 3)


@pytest.mark.parametrize("track_id", [1, 2, 3])
def test_deleting_a_track_of_a_division_must_be_forced(divided, track_id) -> None:
    before = divided.lineage.copy()
    with pytest.raises(EditError, match="Track 1 divides after frame 2 into tracks 2 and 3, but track") as caught:
        divided.delete_track(track_id)
    assert caught.value.forceable
    divided.delete_track(track_id, force=True)
    assert divided.lineage.divisions == {}
    assert divided.lineage.track_ids == sorted({1, 2, 3} - {track_id})
    divided.undo()
    assert divided.lineage == before


def test_deleting_a_track(session) -> None:
    assert session.delete_track(1).message == "Track 1 is deleted; it had 3 objects."
    assert session.lineage == Lineage()
    with pytest.raises(EditError, match=r"Track 1 has no object. There is nothing to delete"):
        session.delete_track(1)


def test_assigning_anyway(session) -> None:
    with pytest.raises(EditError) as caught:
        session.assign(1, 2, track_id=1)
    assert caught.value.forceable
    session.mark_false(1, 2)
    before = session.lineage.copy()
    change = session.assign(1, 2, track_id=1, force=True)
    assert change.message == "Object 2 in frame 1 is now in track 1, instead of object 1."
    assert change.pairs == [(1, 2), (1, 1)]
    assert session.lineage.objects_of(1) == {0: 1, 1: 2, 2: 1}
    assert not session.lineage.is_false(1, 2)
    session.undo()
    assert session.lineage == before


def test_marking_as_false_anyway(session) -> None:
    with pytest.raises(EditError) as caught:
        session.mark_false(1, 1)
    assert caught.value.forceable
    session.mark_false(1, 1, force=True)
    assert session.lineage.objects_of(1) == {0: 1, 2: 1}
    assert session.history_code("s") == "s.mark_false(1, 1, force=True)"


def refused(action, words):
    """Hold that an action is refused, and can be forced."""
    with pytest.raises(EditError, match=words) as caught:
        action()
    assert caught.value.forceable


@pytest.mark.parametrize("track_id", [1, 2, 3])
def test_what_a_division_protects_can_be_taken_anyway(divided, track_id) -> None:
    t = 2 if track_id == 1 else 3
    object_id, before = divided.lineage.object_at(track_id, t), divided.lineage.copy()
    for name, arguments, options in [
        ("forget", (track_id,), {"t": t, "scope": "here"}),
        ("forget", (track_id,), {"scope": "all"}),
        ("unassign", (t, object_id, track_id), {}),
        ("mark_false", (t, object_id), {}),
    ]:
        action = getattr(divided, name)
        refused(
            lambda action=action, a=arguments, o=options: action(*a, **o), "Remove (the division|it from its tracks)"
        )
        assert action(*arguments, **options, force=True).message.endswith(" The division of track 1 is removed.")
        assert divided.lineage.divisions == {}
        assert divided.lineage.object_at(track_id, t) is None
        assert divided.history.steps[-1].code.endswith("force=True)")
        divided.undo()
        assert divided.lineage == before


def test_assignments_that_a_division_forbids_can_be_forced(divided) -> None:
    refused(lambda: divided.assign(4, 1, 1), "Track 1 divides after frame 2, so it cannot have an object in frame 4")
    refused(lambda: divided.assign(1, 4, 2), "Track 2 is born by the division of track 1")
    divided.assign(4, 1, 1, force=True)
    assert divided.lineage.divisions == {}
    divided.undo()
    divided.assign(2, 4, 1, force=True)
    assert divided.lineage.children_of(1) == (2, 3), "another object in the same place disturbs no division"


def test_objects_that_are_not_in_the_track(session) -> None:
    with pytest.raises(EditError, match=r"Object 2 in frame 1 is not in track 1. There is nothing to remove"):
        session.unassign(1, 2, 1)


def test_mother_in_another_track_or_in_none(session) -> None:
    refused(lambda: session.divide_objects(2, 1, (2, 3), track_id=7), "is in track 1, not in track 7")
    message = session.divide_objects(2, 1, (2, 3), track_id=7, force=True).message
    assert message.startswith("Track 1 divides after frame 2")
    session.undo()
    session.mark_false(2, 4)
    refused(lambda: session.divide_objects(2, 4, (2, 3), track_id=7), "Object 4 in frame 2 has no track")
    session.divide_objects(2, 4, (2, 3), track_id=7, force=True)
    assert session.lineage.objects_of(7) == {2: 4}
    assert session.lineage.children_of(7) == (4, 5)
    session.assign(2, 4, 9)
    with pytest.raises(EditError, match="is in track 7 and 9, not in track 1") as caught:
        session.divide_objects(2, 4, (2, 3), track_id=1, force=True)
    assert not caught.value.forceable


def test_mother_that_divides_already_or_goes_on(divided) -> None:
    refused(lambda: divided.divide_objects(2, 1, (1, 4), track_id=1), "Track 1 divides after frame 2 already")
    message = divided.divide_objects(2, 1, (1, 4), track_id=1, force=True).message
    assert message.endswith("object 1 begins track 4, object 4 track 5. The division of track 1 is removed.")
    divided.undo()
    refused(lambda: divided.divide_objects(0, 1, (2, 3), track_id=1), "Track 1 must end in frame 0 to divide there")
    divided.divide_objects(0, 1, (2, 3), track_id=1, force=True)
    assert divided.lineage.objects_of(1) == {0: 1}
    (first, second), (rest,) = divided.lineage.children_of(1), set(divided.lineage.divisions) - {1}
    assert (divided.lineage.objects_of(first), divided.lineage.objects_of(second)) == ({1: 2}, {1: 3})
    assert divided.lineage.objects_of(rest) == {1: 1, 2: 1}
    assert divided.lineage.children_of(rest) == (2, 3)
    assert divided.history.steps[-1].change.message.endswith(f"From frame 1 on, what it had is track {rest}.")


def test_mother_goes_on_as_a_daughter(divided) -> None:
    message = divided.divide_objects(0, 1, (1, 3), track_id=1).message
    assert message == "Track 1 divides after frame 0: object 1 begins track 4 (so far track 1), object 3 track 5."
    assert divided.lineage.objects_of(4) == {1: 1, 2: 1}
    assert divided.lineage.children_of(4) == (2, 3)


def test_daughter_that_has_a_track(session) -> None:
    for t in (3, 4):
        session.assign(t, 2, 7)
        session.assign(t, 3, 8)
    session.assign(2, 3, 8)
    with pytest.raises(EditError, match="Object 3 in frame 3 is in track 8, which begins in frame 2 already"):
        session.divide_objects(2, 1, (2, 3), track_id=1)
    message = session.divide_objects(2, 1, (2, 4), track_id=1).message
    assert message == "Track 1 divides after frame 2: object 2 begins track 7 (as before), object 4 track 9."
    session.undo()
    session.divide_objects(2, 1, (2, 3), track_id=1, force=True)
    (_, cut) = session.lineage.children_of(1)
    assert session.lineage.objects_of(8) == {2: 3}
    assert session.lineage.objects_of(cut) == {3: 3, 4: 3}
    session.assign(2, 4, 20)
    refused(lambda: session.divide_objects(2, 4, (2, 4), track_id=20), "begins track 7, a child of track 1")


def test_checked_divisions(divided) -> None:
    heard = []
    divided.on_change(heard.append)
    assert divided.checked_divisions == frozenset()
    change = divided.check_division(1)
    assert (change.pairs, change.message) == ([], "The division of track 1 is checked.")
    assert heard == [change]
    assert divided.checked_divisions == {1}
    assert len(divided.history) == 1, "a mark is no step"
    divided.undivide(1)
    assert divided.checked_divisions == frozenset()
    divided.undo()
    assert divided.checked_divisions == {1}
    divided.divide_objects(2, 1, (2, 4), track_id=1, force=True)
    assert divided.checked_divisions == frozenset(), "another division must be checked anew"
    divided.undo()
    assert divided.check_division(1, done=False).message == "The division of track 1 is no longer checked."
    assert divided.checked_divisions == frozenset()
    with pytest.raises(EditError, match=r"Track 2 does not divide. There is no division to check"):
        divided.check_division(2)
