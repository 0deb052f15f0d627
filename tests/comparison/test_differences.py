"""What differs between two answers, kind by kind; mirrored; and whatever the tracks are numbered."""

from types import SimpleNamespace

import numpy as np
import pytest
from cases import detect, division, merger_and_split

from nbtrack.comparison.arrays import match_both_ways
from nbtrack.comparison.differences import KINDS, compare
from nbtrack.comparison.table import Comparison
from nbtrack.data.columns import DIFFERENCES
from nbtrack.data.lineage import Lineage
from nbtrack.errors import InputError

DIVIDING = [(0, 1, 1), (1, 1, 1), (2, 1, 2), (3, 1, 2), (2, 2, 3), (3, 2, 3)]


def rows_of(found: Comparison, *columns: str) -> list[tuple]:
    names = list(columns) or ["kind", "side", "t", "object_id", "target_t", "target_id", "second_id"]
    return list(found.table[names].itertuples(index=False, name=None))


def random_answer(rng: np.random.Generator, n_frames: int = 5, n_objects: int = 4) -> Lineage:
    """A lineage with gaps, mergers, divisions and false detections, whatever comes."""
    lineage = Lineage()
    for track in range(1, 8):
        first, last = np.sort(rng.integers(0, n_frames, 2))
        for t in range(first, last + 1):
            if t in (first, last) or rng.random() < 0.8:
                lineage.assign(t, int(rng.integers(1, n_objects + 1)), track)
    ends = lineage.track_ends()
    for parent in ends:
        later = [k for k in ends if ends[k][0] > ends[parent][1] and lineage.parent_of(k) is None]
        if len(later) > 1 and rng.random() < 0.6:
            lineage.divide(ends[parent][1], parent, later[0], later[1])
    for t in range(n_frames):
        for object_id in range(1, n_objects + 1):
            if not lineage.tracks_at(t, object_id) and rng.random() < 0.5:
                lineage.mark_false(t, object_id)
    return lineage


def answer(lineage: Lineage, labels: np.ndarray) -> SimpleNamespace:
    return SimpleNamespace(lineage=lineage, detections=detect(labels))


def test_numbers_of_tracks_do_not_matter() -> None:
    one = Lineage.from_tables(DIVIDING, [(1, 1, 2, 3)])
    two = Lineage.from_tables([(t, i, {1: 9, 2: 4, 3: 1}[k]) for t, i, k in DIVIDING], [(1, 9, 1, 4)])
    found = compare(one, two)
    assert found.same
    assert len(found) == 0
    assert found.counts == dict.fromkeys(KINDS, 0)
    assert found.frames == []
    assert found.table.dtypes.astype(str).to_dict() == DIFFERENCES
    assert repr(found) == "<Comparison of a and b: no difference>"


def test_a_division_on_one_side_only() -> None:
    one = Lineage.from_tables(DIVIDING, [(1, 1, 2, 3)])
    two = Lineage.from_tables([(0, 1, 1), (1, 1, 1), (2, 1, 1), (3, 1, 1), (2, 2, 3), (3, 2, 3)])
    found = compare(one, two, names=("the run", "the hand"))
    assert rows_of(found) == [("division", "a", 1, 1, 2, 1, 2), ("appearance", "b", 2, 2, -1, 0, 0)]
    assert found.table["detail"].tolist() == [
        "Object 1 divides after frame 1 into objects 1 and 2 in the run; in the hand it does not.",
        "A track begins with object 2 in frame 2 in the hand; none does in the run.",
    ]
    assert repr(found) == "<Comparison of the run and the hand: 1 division, 1 appearance>"


def test_other_daughters_are_told_on_both_sides() -> None:
    rows = [*DIVIDING, (2, 3, 4), (3, 3, 4)]
    found = compare(Lineage.from_tables(rows, [(1, 1, 2, 3)]), Lineage.from_tables(rows, [(1, 1, 2, 4)]))
    assert rows_of(found) == [
        ("daughters", "a", 1, 1, 2, 1, 2),
        ("daughters", "b", 1, 1, 2, 1, 3),
        ("appearance", "b", 2, 2, -1, 0, 0),
        ("appearance", "a", 2, 3, -1, 0, 0),
    ]


def test_links_over_a_gap_and_ends() -> None:
    found = compare(
        Lineage.from_tables([(0, 1, 1), (2, 1, 1), (3, 1, 1)]), Lineage.from_tables([(0, 1, 1), (2, 1, 2), (3, 1, 2)])
    )
    assert rows_of(found) == [
        ("link", "a", 0, 1, 2, 1, 0),
        ("disappearance", "b", 0, 1, -1, 0, 0),
        ("appearance", "b", 2, 1, -1, 0, 0),
    ]
    assert found.frames == [0, 2]
    assert found.at(1)["kind"].tolist() == ["link"], "it passes over this frame"
    assert found.at(2)["kind"].tolist() == ["link", "appearance"]
    assert len(found.at(3)) == 0


def test_false_detections_and_counts() -> None:
    one = Lineage.from_tables([(0, 1, 1), (0, 2, 2), (0, 2, 3)], [], [(0, 3), (0, 4)])
    two = Lineage.from_tables([(0, 2, 2), (0, 3, 1)])
    found = compare(one, two)
    assert rows_of(found, "kind", "side", "object_id", "detail") == [
        (
            "false_detection",
            "a",
            3,
            "Object 3 in frame 0 is a false detection in a; in b it is in 1 track.",
        ),
        ("false_detection", "a", 4, "Object 4 in frame 0 is a false detection in a; in b it is in no track."),
        ("count", "a", 1, "Object 1 in frame 0 is in 1 track in a; in b it is in no track."),
        ("count", "a", 2, "Object 2 in frame 0 is in 2 tracks in a; in b it is in 1 track."),
    ]


def test_who_is_who_after_a_merger() -> None:
    right = [(0, 1, 1), (0, 2, 2), (1, 1, 1), (1, 1, 2), (2, 1, 1), (2, 2, 2)]
    swapped = [(0, 1, 1), (0, 2, 2), (1, 1, 1), (1, 1, 2), (2, 2, 1), (2, 1, 2)]
    found = compare(Lineage.from_tables(right), Lineage.from_tables(swapped))
    assert rows_of(found) == [
        ("identity", "a", 0, 1, 2, 1, 0),
        ("identity", "b", 0, 1, 2, 2, 0),
        ("identity", "a", 0, 2, 2, 2, 0),
        ("identity", "b", 0, 2, 2, 1, 0),
    ]
    # a link that differs explains it: no row about identity as well
    shorter = Lineage.from_tables(right[:-1])
    assert compare(Lineage.from_tables(right), shorter).counts["identity"] == 0
    # one that ends in the merger is not the other one that does
    ends = [[*right[:4], (2, 1, track)] for track in (1, 2)]
    assert set(compare(*map(Lineage.from_tables, ends)).table["kind"]) == {"identity"}


def test_links_that_more_tracks_take() -> None:
    both = [(t, 1, k) for t in (0, 1) for k in (1, 2)] + [(t, 2, k) for t in (0, 1) for k in (3, 4)]
    crossed = [(0, 1, 1), (1, 1, 1), (0, 1, 2), (1, 2, 2), (0, 2, 3), (1, 1, 3), (0, 2, 4), (1, 2, 4)]
    found = compare(Lineage.from_tables(both), Lineage.from_tables(crossed))
    assert rows_of(found, "side", "object_id", "target_id") == [("a", 1, 1), ("b", 1, 2), ("a", 2, 2), ("b", 2, 1)]
    assert found.table["detail"][0] == "Object 1 in frame 0 goes to object 1 in frame 1 in a; with fewer tracks in b."
    assert found.table["detail"][1] == "Object 1 in frame 0 goes to object 2 in frame 1 in b; not in a."


def test_an_object_with_more_tracks_explains_its_links() -> None:
    single = [(t, 1, 1) for t in range(3)]
    found = compare(Lineage.from_tables([*single, *((t, 1, 2) for t in range(3))]), Lineage.from_tables(single))
    assert rows_of(found, "kind", "t") == [("count", 0), ("count", 1), ("count", 2)]


def test_two_empty_answers_are_the_same() -> None:
    assert compare(Lineage(), Lineage()).same
    assert compare(Lineage(), Lineage.from_tables([(0, 1, 1)])).counts["count"] == 1


def test_centres_to_draw_at() -> None:
    case = division()
    whole = Lineage.from_tables(DIVIDING, [(1, 1, 2, 3)])
    found = compare(whole, Lineage(), detections=case.detections)
    (row,) = found.table[found.table["kind"] == "division"].to_dict("records")
    assert [row[name] for name in ("y", "x", "target_y", "target_x", "second_y", "second_x")] == [
        22.5, 22.5, 18.5, 22.5, 27.5, 22.5,
    ]  # fmt: skip
    link = found.table[found.table["kind"] == "link"].iloc[0]
    assert link[["y", "target_y"]].tolist() == [22.5, 22.5]
    assert np.isnan(link["second_y"])
    assert {"target_z", "z"}.isdisjoint(found.table)
    # the objects of a result are those of a plain lineage beside it
    assert compare(answer(whole, case.labels), Lineage()).table.equals(found.table)
    assert compare(Lineage(), answer(whole, case.labels)).table["y"].notna().all()


def test_other_objects_are_matched_by_their_pixels() -> None:
    case = merger_and_split()
    other = case.labels.copy()
    other[0][other[0] == 1] = 7  # another number
    other[1][:, 20] = 0  # smaller, as above a higher threshold
    other[2][other[2] == 2] = 0  # not found
    one = Lineage.from_tables([(0, 1, 1), (1, 1, 1), (2, 1, 1), (0, 2, 2), (2, 2, 3)])
    two = Lineage.from_tables([(0, 7, 1), (1, 1, 1), (2, 1, 1), (0, 2, 2)])
    found = compare(answer(one, case.labels), answer(two, other))
    assert rows_of(found, "kind", "side", "t", "object_id", "other_id") == [
        ("object", "a", 2, 2, 0),
        ("appearance", "a", 2, 2, 0),
    ]
    assert found.table["detail"][0] == "Only a has object 2 in frame 2."
    back = compare(answer(two, other), answer(Lineage(), case.labels))
    assert back.table[back.table["t"] == 0].iloc[0][["object_id", "other_id"]].tolist() == [2, 2]
    seven = back.table[(back.table["object_id"] == 7) & (back.table["kind"] == "link")].iloc[0]
    assert seven[["other_id", "target_id", "other_target_id"]].tolist() == [1, 1, 1]
    assert seven[["y", "x"]].tolist() == [16.5, 22.5]


def test_one_object_of_two_matches_the_larger() -> None:
    whole = np.array([[[1, 1, 1, 1, 1, 0, 2, 2]]], np.uint32)
    parts = np.array([[[4, 4, 0, 5, 5, 5, 6, 0]]], np.uint32)
    pairs = match_both_ways(detect(whole), detect(parts))
    assert pairs.tolist() == [[0, 1, 4], [0, 2, 6]], "of two equal ones the first"
    assert match_both_ways(detect(parts), detect(whole)).tolist() == [[0, 4, 1], [0, 6, 2]]


def test_what_cannot_be_compared() -> None:
    with pytest.raises(InputError, match=r"Only results, sessions and lineages can be compared: got list\. Give what"):
        compare([], Lineage())
    one, two = (answer(Lineage(), np.ones(shape, np.uint32)) for shape in ((2, 4, 4), (3, 4, 4)))
    with pytest.raises(InputError, match=r"one movie can be compared: got 2 frames of shape \(4, 4\) and 3 .* Choose"):
        compare(one, two)


@pytest.mark.parametrize("seed", range(12))
def test_mirrored(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, two = random_answer(rng), random_answer(rng)
    there, back = compare(one, two, names=("x", "y")), compare(two, one, names=("y", "x"))
    assert not there.same
    mirrored = back.table.assign(side=back.table["side"].map({"a": "b", "b": "a"}))
    order = list(DIFFERENCES)
    left, right = (table.sort_values(order, ignore_index=True) for table in (there.table, mirrored))
    assert left.equals(right)
    assert there.table["t"].is_monotonic_increasing
    assert compare(one, one).same
    # renumbered tracks change nothing
    table = one.objects
    tracks = {k: 1000 - k for k in one.track_ids}
    twin = Lineage.from_tables(
        [(t, i, tracks[k]) for t, i, k, _ in table.itertuples(index=False) if k > 0],
        [(d.t, tracks[d.parent_track_id], *(tracks[c] for c in d.children)) for d in one.divisions.values()],
        [(t, i) for t, i, k, _ in table.itertuples(index=False) if k < 0],
    )
    assert compare(one, twin).same


@pytest.mark.parametrize("seed", range(12))
def test_one_change_is_seen(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one = random_answer(rng)
    table = one.objects
    t, object_id, track = table[table["track_id"] > 0].sample(random_state=seed).iloc[0][:3].tolist()
    two = one.copy()
    for parent, found in two.divisions.items():
        if track in (parent, *found.children):
            two.undivide(parent)
    two.unassign(t, object_id, track)
    assert ("count", t, object_id) in rows_of(compare(one, two), "kind", "t", "object_id")


@pytest.mark.parametrize("seed", range(60))
def test_tracks_that_swap_their_ends_are_seen(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one = random_answer(rng, n_objects=2)
    for parent in one.divisions:
        one.undivide(parent)
    k, m = rng.choice(one.track_ids, 2, replace=False).tolist()
    two = Lineage()
    for t, object_id, track, _ in one.objects.itertuples(index=False):
        if track > 0:
            two.assign(t, object_id, {k: m, m: k}.get(track, track) if t > 2 else track)
        else:
            two.mark_false(t, object_id)
    ways = [sorted(tuple(x.objects_of(track).items()) for track in x.track_ids) for x in (one, two)]
    assert compare(one, two).same == (ways[0] == ways[1])
