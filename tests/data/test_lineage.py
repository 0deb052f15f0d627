import random

import numpy as np
import pytest

from nbtrack.data.lineage import FALSE_LABEL, Division, Lineage
from nbtrack.errors import EditError


def family():
    """Track 1 divides after frame 1 into 2 and 3; 4 and 5 share object 5 in frame 1; object 9 is false."""
    return Lineage.from_tables(
        [(0, 1, 1), (1, 1, 1), (2, 1, 2), (3, 1, 2), (2, 2, 3), (0, 4, 4), (0, 5, 5), (1, 5, 4), (1, 5, 5), (3, 5, 5)],
        [(1, 1, 2, 3)],
        [(0, 9)],
    )


def test_questions():
    lineage = family()
    lineage.check()
    assert lineage.tracks_at(1, 5) == (4, 5)
    assert lineage.tracks_at(1, 99) == ()
    assert lineage.object_at(5, 1) == 5
    assert lineage.object_at(5, 2) is None
    assert lineage.object_at(77, 0) is None
    assert list(lineage.objects_of(5).items()) == [(0, 5), (1, 5), (3, 5)]
    assert lineage.objects_of(77) == {}
    assert lineage.labelled(1) == {1: (1,), 5: (4, 5)}
    assert lineage.false_at(0) == {9}
    assert lineage.false_at(1) == set()
    assert lineage.is_false(0, 9)
    assert not lineage.is_false(1, 9)
    assert lineage.divisions == {1: Division(1, 1, 2, 3)}
    assert (lineage.parent_of(2), lineage.parent_of(1)) == (1, None)
    assert (lineage.children_of(1), lineage.children_of(2)) == ((2, 3), ())
    assert (lineage.lineage_id_of(3), lineage.lineage_id_of(4)) == (1, 4)
    assert lineage.track_ids == [1, 2, 3, 4, 5]
    assert lineage.next_track_id() == 6
    assert lineage.mergers() == [(1, 5, (4, 5))]
    assert repr(lineage) == "<Lineage: 5 tracks, 1 divisions, 1 false detections>"


def test_tables():
    lineage = family()
    tracks = lineage.tracks
    assert list(tracks.columns) == ["track_id", "t_start", "t_end", "parent_track_id", "lineage_id"]
    assert tracks.to_numpy().tolist() == [
        [1, 0, 1, 0, 1],
        [2, 2, 3, 1, 1],
        [3, 2, 2, 1, 1],
        [4, 0, 1, 0, 4],
        [5, 0, 3, 0, 5],
    ]
    objects = lineage.objects
    assert list(objects.columns) == ["t", "object_id", "track_id", "lineage_id"]
    assert objects[objects["t"] == 0].to_numpy().tolist() == [[0, 1, 1, 1], [0, 4, 4, 4], [0, 5, 5, 5], [0, 9, -1, -1]]
    assert objects[(objects["t"] == 1) & (objects["object_id"] == 5)]["track_id"].tolist() == [4, 5]
    for table in (tracks, objects, Lineage().tracks, Lineage().objects):
        assert (table.dtypes == np.int64).all()
    assert len(Lineage().tracks) == len(Lineage().objects) == 0


def test_lineages_are_values():
    lineage = family()
    twin = lineage.copy()
    assert twin == lineage
    twin.unassign(3, 1, 2)
    assert twin != lineage
    assert lineage.object_at(2, 3) == 1
    twin = lineage.copy()
    twin.unmark_false(0, 9)
    assert twin != lineage
    twin = lineage.copy()
    twin.undivide(1)
    assert twin != lineage
    assert lineage.parent_of(2) == 1
    assert lineage != "a lineage"
    with pytest.raises(TypeError, match="unhashable"):
        hash(lineage)


def test_the_order_of_tracks_is_that_of_assignment_and_can_be_set():
    lineage = family()
    lineage.reorder(1, 5, (5, 4))
    assert lineage.tracks_at(1, 5) == (5, 4)
    lineage.unassign(1, 5, 5)
    lineage.assign(1, 5, 5)
    assert lineage.tracks_at(1, 5) == (4, 5)
    lineage.reorder(7, 7, ())
    assert 7 not in lineage.labelled(7)
    with pytest.raises(EditError, match=r"Object 5 in frame 1 has the tracks \[4, 5\], not \[4, 6\]\."):
        lineage.reorder(1, 5, (4, 6))
    lineage.check()


def test_65535_is_never_a_track():
    lineage = Lineage()
    lineage.assign(0, 1, FALSE_LABEL - 1)
    assert lineage.next_track_id() == FALSE_LABEL + 1
    assert Lineage().next_track_id() == 1
    with pytest.raises(EditError, match="`track_id` must be at least 1 and not 65535, got 65535"):
        lineage.assign(0, 2, FALSE_LABEL)
    lineage.assign(0, FALSE_LABEL, 1)  # an object may have this id


def test_emptied_tracks_and_frames_are_gone():
    lineage = Lineage.from_tables([(0, 1, 1)], [], [(0, 2)])
    lineage.unassign(0, 1, 1)
    lineage.unmark_false(0, 2)
    assert lineage == Lineage()
    assert lineage.track_ids == []
    assert lineage.mergers() == []


def test_undividing_gives_back_what_was_there():
    lineage = family()
    division = lineage.undivide(1)
    assert division == Division(1, 1, 2, 3)
    assert lineage.parent_of(2) is lineage.parent_of(3) is None
    lineage.divide(division.t, division.parent_track_id, *division.children)
    assert lineage == family()


REFUSED = [
    (lambda x: x.assign(0, 2, 1), r"Track 1 already has object 1 in frame 0\. Undo that first, or start", True),
    (lambda x: x.assign(0, 1, 1), r"Track 1 already has object 1 in frame 0\.", False),
    (
        lambda x: x.assign(0, 9, 6),
        r"Object 9 in frame 0 is marked as a false detection\. Remove that mark first\.",
        True,
    ),
    (
        lambda x: x.assign(2, 7, 1),
        r"Track 1 divides after frame 1, so it cannot have an object in frame 2\. Remove",
        True,
    ),
    (lambda x: x.assign(1, 7, 2), r"Track 2 is born by the division of track 1 after frame 1, so it cannot", True),
    (lambda x: x.assign(-1, 1, 6), r"There is no object 1 in frame -1: frames begin at 0, object ids at 1\.", False),
    (lambda x: x.assign(0, 0, 6), r"There is no object 0 in frame 0", False),
    (lambda x: x.assign(0, 1, 0), r"`track_id` must be at least 1 and not 65535, got 0\.", False),
    (lambda x: x.unassign(0, 2, 1), r"Object 2 in frame 0 is not in track 1\. There is nothing to remove\.", False),
    (lambda x: x.unassign(1, 1, 1), r"Object 1 in frame 1 takes part in the division of track 1\. Remove", True),
    (lambda x: x.unassign(2, 2, 3), r"Object 2 in frame 2 takes part in the division of track 1\.", True),
    (
        lambda x: x.mark_false(1, 5),
        r"Object 5 in frame 1 is in track 4, 5, so it is not a false detection\. Remove",
        True,
    ),
    (lambda x: x.mark_false(0, 9), r"Object 9 in frame 0 is marked as a false detection already\.", False),
    (lambda x: x.mark_false(0, 0), r"There is no object 0 in frame 0", False),
    (lambda x: x.unmark_false(0, 1), r"Object 1 in frame 0 is not marked as a false detection\.", False),
    (
        lambda x: x.divide(1, 4, 2, 2),
        r"A division needs three different tracks: got parent 4 and children 2 and 2\.",
        False,
    ),
    (lambda x: x.divide(1, 1, 4, 5), r"Track 1 already divides after frame 1\. Remove that division first\.", False),
    (
        lambda x: x.divide(0, 4, 2, 3),
        r"Track 4 must end in frame 0 to divide there: its last object is in frame 1\.",
        False,
    ),
    (lambda x: x.divide(0, 7, 2, 3), r"Track 7 must end in frame 0 to divide there: it has no object\.", False),
    (
        lambda x: x.divide(1, 4, 5, 7),
        r"Child track 5 must begin after frame 1: its first object is in frame 0\.",
        False,
    ),
    (lambda x: x.divide(1, 4, 7, 5), r"Child track 7 must begin after frame 1: it has no object\.", False),
    (lambda x: x.divide(1, 4, 2, 3), r"Track 2 is already a child of track 1\.", False),
    (lambda x: x.undivide(4), r"Track 4 does not divide\. There is no division to remove\.", False),
]


@pytest.mark.parametrize(("change", "words", "forceable"), REFUSED)
def test_refused_changes_say_why_and_change_nothing(change, words, forceable):
    lineage = family()
    with pytest.raises(EditError, match=words) as refused:
        change(lineage)
    assert refused.value.forceable is forceable
    assert lineage == family()
    lineage.check()


@pytest.mark.parametrize("where", ["assignments", "divisions", "false detections"])
def test_tables_that_break_an_invariant_are_refused(where):
    rows = {"assignments": [(0, 1, 1), (0, 2, 1)], "divisions": [(0, 1, 2, 3)], "false detections": [(0, 1)]}
    with pytest.raises(EditError, match=r"already has object|must begin after|is in track 1"):
        Lineage.from_tables(
            rows["assignments"] if where == "assignments" else [(0, 1, 1)],
            rows["divisions"] if where == "divisions" else [],
            rows["false detections"] if where == "false detections" else [],
        )


def test_tables_of_numpy_rows():
    rows = np.array([(0, 1, 1), (1, 1, 2), (1, 2, 3)])
    lineage = Lineage.from_tables(rows, np.array([(0, 1, 2, 3)]), np.array([(1, 9)]))
    lineage.check()
    assert lineage.children_of(1) == (2, 3)
    assert type(lineage.track_ids[0]) is int


def test_a_track_with_a_gap_is_one_track():
    lineage = Lineage.from_tables([(0, 1, 1), (4, 3, 1), (9, 1, 2), (7, 1, 3)], [(4, 1, 2, 3)])
    lineage.check()
    assert lineage.tracks["t_end"].tolist() == [4, 9, 7]
    lineage.assign(2, 8, 1)
    assert list(lineage.objects_of(1)) == [0, 2, 4]


def test_lineages_of_many_generations():
    lineage = Lineage()
    lineage.assign(0, 1, 1)
    for t in range(300):
        lineage.assign(t + 1, 1, 2 * t + 2)
        lineage.assign(t + 1, 2, 2 * t + 3)
        lineage.divide(t, max(1, 2 * t), 2 * t + 2, 2 * t + 3)
    lineage.check()
    assert lineage.lineage_id_of(601) == 1
    assert lineage.tracks["lineage_id"].unique().tolist() == [1]


def try_something(lineage, dice):
    """Do one random change, sensible or not."""
    t, object_id, track = dice.randrange(6), dice.randrange(1, 7), dice.randrange(1, 9)
    match dice.randrange(9):
        case 0 | 1 | 2:
            lineage.assign(t, object_id, track)
        case 3:
            tracks = lineage.tracks_at(t, object_id)
            lineage.unassign(t, object_id, tracks[0] if tracks else track)
        case 4:
            lineage.mark_false(t, object_id)
        case 5:
            lineage.unmark_false(t, object_id)
        case 6 | 8:
            ends = max(lineage.objects_of(track), default=t)
            later = [i for i in lineage.track_ids if min(lineage.objects_of(i)) > ends]
            children = dice.sample(later, 2) if len(later) > 1 else [dice.randrange(1, 9), track]
            lineage.divide(ends, track, *children)
        case 7:
            lineage.undivide(dice.choice([track, *lineage.divisions]))


def test_track_ends_follow_every_change():
    lineage = Lineage.from_tables([(4, 1, 1), (2, 1, 1), (3, 1, 2)])
    assert lineage.track_ends() == {1: (2, 4), 2: (3, 3)}
    lineage.assign(7, 1, 1)
    lineage.unassign(2, 1, 1)
    lineage.unassign(3, 1, 2)
    assert lineage.track_ends() == lineage.copy().track_ends() == {1: (4, 7)}
    lineage.track_ends()[1] = (0, 0)
    assert lineage.track_ends() == {1: (4, 7)}, "the answer is the caller's own"


@pytest.mark.parametrize("seed", range(20))
def test_random_changes_keep_the_invariants(seed):
    dice = random.Random(seed)
    lineage, done, refused = family(), 0, 0
    for _ in range(800):
        before = lineage.copy()
        try:
            try_something(lineage, dice)
            done += 1
        except EditError:
            refused += 1
            assert lineage == before
        lineage.check()
    assert done > 50
    assert refused > 20
    objects = lineage.objects
    tracked = objects[objects["track_id"] > 0]
    again = Lineage.from_tables(
        tracked[["t", "object_id", "track_id"]].to_numpy(),
        [(d.t, d.parent_track_id, *d.children) for d in lineage.divisions.values()],
        objects.loc[objects["track_id"] < 0, ["t", "object_id"]].to_numpy(),
    )
    assert again == lineage
