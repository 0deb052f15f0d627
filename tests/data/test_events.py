import numpy as np
import pytest

from nbtrack.data.columns import BARE_EVENTS, MERGERS, MOVES, MULTI_FRAME_MOVES, SPLITS
from nbtrack.data.events import derive_events, merger_table
from nbtrack.data.lineage import Lineage

TABLES = {
    "moves": MOVES,
    "splits": SPLITS,
    "appearances": BARE_EVENTS,
    "disappearances": BARE_EVENTS,
    "mergers": MERGERS,
    "multi_frame_moves": MULTI_FRAME_MOVES,
}


def rows(lineage, n_frames):
    """Events as plain lists, and a check that columns and types are those that are declared."""
    events = derive_events(lineage, n_frames)
    for name, columns in TABLES.items():
        table = getattr(events, name)
        assert list(table.columns) == list(columns)
        assert all(table[c].dtype == np.int64 for c in columns if c != "track_ids")
        assert table.index.tolist() == list(range(len(table)))
    return {name: getattr(events, name).to_numpy().tolist() for name in TABLES}


def nothing_but(found, **wanted):
    assert found == {name: wanted.get(name, []) for name in TABLES}


def test_nothing():
    nothing_but(rows(Lineage(), 5))


def test_only_false_detections():
    nothing_but(rows(Lineage.from_tables([], [], [(0, 1), (3, 2)]), 5))


def test_a_track_through_the_whole_movie():
    lineage = Lineage.from_tables([(0, 4, 1), (1, 5, 1), (2, 6, 1)])
    nothing_but(rows(lineage, 3), moves=[[1, 4, 5, 1], [2, 5, 6, 1]])


def test_a_movie_of_one_frame():
    nothing_but(rows(Lineage.from_tables([(0, 4, 1)]), 1))


def test_appearing_and_disappearing():
    lineage = Lineage.from_tables([(1, 4, 1), (2, 4, 1)])
    nothing_but(rows(lineage, 5), moves=[[2, 4, 4, 1]], appearances=[[1, 4]], disappearances=[[2, 4]])


def test_one_frame_only():
    nothing_but(rows(Lineage.from_tables([(2, 4, 1)]), 5), appearances=[[2, 4]], disappearances=[[2, 4]])


def test_division():
    lineage = Lineage.from_tables([(0, 1, 1), (1, 3, 2), (1, 2, 3), (2, 3, 2)], [(0, 1, 2, 3)])
    nothing_but(rows(lineage, 3), moves=[[2, 3, 3, 2]], splits=[[1, 1, 3, 2]], disappearances=[[1, 2]])


@pytest.mark.parametrize("late", ["one", "both"])
def test_children_that_are_seen_late_appear(late):
    start = 1 if late == "one" else 2
    lineage = Lineage.from_tables([(0, 1, 1), (start, 1, 2), (2, 2, 3)], [(0, 1, 2, 3)])
    if start == 1:
        lineage.assign(2, 1, 2)
    found = rows(lineage, 3)
    assert found["splits"] == []
    assert found["appearances"] == ([[2, 2]] if late == "one" else [[2, 1], [2, 2]])
    assert found["disappearances"] == ([] if late == "one" else [[0, 1]])


def test_merger_and_the_way_out():
    lineage = Lineage.from_tables(
        [(0, 1, 1), (1, 9, 1), (2, 9, 1), (3, 1, 1), (0, 2, 2), (1, 9, 2), (2, 9, 2), (3, 2, 2)]
    )
    nothing_but(
        rows(lineage, 4),
        moves=[[1, 1, 9, 1], [1, 2, 9, 2], [2, 9, 9, 1], [2, 9, 9, 2], [3, 9, 1, 1], [3, 9, 2, 2]],
        mergers=[[1, 9, 2, "1;2"], [2, 9, 2, "1;2"]],
        multi_frame_moves=[[3, 1, 1, 0], [3, 2, 2, 0]],
    )


def test_a_track_that_ends_in_a_merger_does_not_make_the_object_disappear():
    lineage = Lineage.from_tables([(0, 1, 1), (1, 9, 1), (2, 9, 1), (0, 2, 2), (1, 9, 2)])
    found = rows(lineage, 3)
    assert found["disappearances"] == []
    assert found["mergers"] == [[1, 9, 2, "1;2"]]
    assert found["multi_frame_moves"] == [[2, 1, 9, 0]]


def test_a_merger_from_the_start_has_no_earlier_object():
    lineage = Lineage.from_tables([(0, 9, 1), (0, 9, 2), (1, 1, 1), (1, 2, 2)])
    found = rows(lineage, 2)
    assert found["multi_frame_moves"] == []
    assert found["mergers"] == [[0, 9, 2, "1;2"]]


def test_three_in_one():
    lineage = Lineage.from_tables([(0, 9, 3), (0, 9, 1), (0, 9, 2)])
    assert merger_table(lineage).to_numpy().tolist() == [[0, 9, 3, "3;1;2"]]


def test_a_gap_is_an_end_a_beginning_and_a_move_over_frames():
    lineage = Lineage.from_tables([(0, 1, 1), (1, 1, 1), (4, 7, 1), (5, 7, 1)])
    nothing_but(
        rows(lineage, 6),
        moves=[[1, 1, 1, 1], [5, 7, 7, 1]],
        appearances=[[4, 7]],
        disappearances=[[1, 1]],
        multi_frame_moves=[[4, 1, 7, 1]],
    )


def test_empty_frames_within_the_movie():
    lineage = Lineage.from_tables([(0, 1, 1), (2, 1, 1), (0, 2, 2)])
    found = rows(lineage, 3)
    assert found["disappearances"] == [[0, 1], [0, 2]]
    assert found["appearances"] == [[2, 1]]
    assert found["multi_frame_moves"] == [[2, 1, 1, 0]]


def test_a_parent_inside_a_merger():
    """Two tracks share object 9; one of them divides, the other goes on."""
    lineage = Lineage.from_tables(
        [(0, 1, 1), (0, 2, 2), (1, 9, 1), (1, 9, 2), (2, 5, 3), (2, 6, 4), (2, 7, 2)], [(1, 1, 3, 4)]
    )
    nothing_but(
        rows(lineage, 3),
        moves=[[1, 1, 9, 1], [1, 2, 9, 2], [2, 9, 7, 2]],
        splits=[[2, 9, 5, 6]],
        mergers=[[1, 9, 2, "1;2"]],
        multi_frame_moves=[[2, 2, 7, 0]],
    )


def test_every_object_is_explained():
    """Each tracked object beyond frame 0 has a move, a split or an appearance into it, and the same out of it."""
    rng = np.random.default_rng(0)
    lineage = Lineage()
    for track in range(1, 30):
        for t in np.flatnonzero(rng.random(12) < 0.6):
            lineage.assign(int(t), int(rng.integers(1, 20)), track)
    found = derive_events(lineage, 12)
    seen = {(t, i) for t, i, track, _ in lineage.objects.itertuples(index=False) if track > 0}
    arrived = set(zip(found.moves["t"], found.moves["target_id"], strict=True))
    appeared = set(zip(found.appearances["t"], found.appearances["object_id"], strict=True))
    left = set(zip(found.moves["t"] - 1, found.moves["source_id"], strict=True))
    gone = set(zip(found.disappearances["t"], found.disappearances["object_id"], strict=True))
    assert arrived | appeared == {n for n in seen if n[0] > 0}
    assert left | gone == {n for n in seen if n[0] < 11}
    assert not arrived & appeared
    assert not left & gone
