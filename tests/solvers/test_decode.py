"""From counts and flows to tracks: who leaves a merger where, which ids, which tables."""

import numpy as np
import pytest
from bruteforce import faults
from cases import divisions_of, tracks_of
from random_problems import crowded_graph

from nbtrack.data.graph import HypothesisGraph
from nbtrack.data.lineage import FALSE_LABEL
from nbtrack.data.problem import Solution
from nbtrack.model.energies import compute_energies
from nbtrack.params import TrackingParams
from nbtrack.solvers.decode import _Walk, decode
from nbtrack.solvers.solve import solve_problem


def graph_of(frames: list[list[tuple[float, float]]], links: list[tuple[int, int]]) -> HypothesisGraph:
    """Detections at given centres, numbered through all frames from 0, and their links."""
    position = np.array([point for frame in frames for point in frame])
    source, target = np.array(sorted(links)).T
    return HypothesisGraph(
        t=np.repeat(np.arange(len(frames)), [len(frame) for frame in frames]),
        object_id=np.concatenate([np.arange(1, len(frame) + 1) for frame in frames]),
        row=np.arange(len(position)),
        position=position,
        size=np.full(len(position), 50.0),
        border=np.ones(len(position)),
        source=source,
        target=target,
        distance=np.linalg.norm(position[source] - position[target], axis=1),
    )


def solution_of(graph: HypothesisGraph, count: list[int], flow: list[int], divides: tuple[int, ...] = ()) -> Solution:
    """Counts and flows; what appears and vanishes follows from them."""
    n = graph.n_detections
    splits = np.isin(np.arange(n), divides)
    into = np.bincount(graph.target, flow, minlength=n).astype(int)
    out = np.bincount(graph.source, flow, minlength=n).astype(int)
    appears, vanishes = np.array(count) - into, np.array(count) + splits - out
    return Solution(
        count=np.array(count),
        flow=np.array(flow),
        appears=appears,
        vanishes=vanishes,
        divides=splits,
        external=np.zeros(0, bool),
    )


MERGER = graph_of([[(0, 0), (0, 10)], [(0, 5)], [(0, 9), (0, 1)]], [(0, 2), (1, 2), (2, 3), (2, 4)])


def decoded(graph: HypothesisGraph, solution: Solution, m: int = 2):  # type: ignore[no-untyped-def]
    problem = compute_energies(graph, TrackingParams(preset="conservation", objects_per_merger=m))
    result = decode(graph, problem, solution)
    result.lineage.check()
    return result


def test_tracks_leave_a_merger_by_the_shortest_total_distance() -> None:
    result = decoded(MERGER, solution_of(MERGER, [1, 1, 2, 1, 1], [1, 1, 1, 1]))
    assert tracks_of(result.lineage) == {((0, 1), (1, 1), (2, 2)), ((0, 2), (1, 1), (2, 1))}
    assert result.tables["mergers"].to_numpy().tolist() == [[1, 1, 2, "1;2"]]
    assert result.lineage.track_ids == [1, 2]


def test_the_distance_is_from_where_a_track_was_last_alone() -> None:
    """The merger lasts two frames and drifts: its own centres would tell nothing about the two tracks."""
    graph = graph_of(
        [[(0, 0), (0, 10)], [(0, 5)], [(0, 8)], [(0, 12), (0, 4)]], [(0, 2), (1, 2), (2, 3), (3, 4), (3, 5)]
    )
    result = decoded(graph, solution_of(graph, [1, 1, 2, 2, 1, 1], [1, 1, 2, 1, 1]))
    assert ((0, 1), (1, 1), (2, 1), (3, 2)) in tracks_of(result.lineage)
    assert ((0, 2), (1, 1), (2, 1), (3, 1)) in tracks_of(result.lineage)


def test_the_total_counts_not_the_nearest_one() -> None:
    """Track 2 is nearest to the first exit (1), but then track 1 would have the long way (9): 3 + 5 is less."""
    graph = graph_of([[(0, 0), (0, 4)], [(0, 2)], [(0, 3), (0, 9)]], [(0, 2), (1, 2), (2, 3), (2, 4)])
    result = decoded(graph, solution_of(graph, [1, 1, 2, 1, 1], [1, 1, 1, 1]))
    assert tracks_of(result.lineage) == {((0, 1), (1, 1), (2, 1)), ((0, 2), (1, 1), (2, 2))}


def test_ties_are_decided_the_same_way_every_time() -> None:
    graph = graph_of([[(0, 5), (10, 5)], [(5, 5)], [(5, 0), (5, 10)]], [(0, 2), (1, 2), (2, 3), (2, 4)])
    solution = solution_of(graph, [1, 1, 2, 1, 1], [1, 1, 1, 1])
    assert tracks_of(decoded(graph, solution).lineage) == {((0, 1), (1, 1), (2, 1)), ((0, 2), (1, 1), (2, 2))}


def test_one_of_a_merger_may_end_there() -> None:
    graph = graph_of([[(0, 0), (0, 10)], [(0, 5)], [(0, 10)]], [(0, 2), (1, 2), (2, 3)])
    result = decoded(graph, solution_of(graph, [1, 1, 2, 1], [1, 1, 1]))
    assert tracks_of(result.lineage) == {((0, 1), (1, 1)), ((0, 2), (1, 1), (2, 1))}
    assert result.tables["disappearances"].to_numpy().tolist() == [[1, 1, 1]]


def test_a_division_starts_two_tracks() -> None:
    graph = graph_of([[(0, 5)], [(0, 0), (0, 10)], [(0, 0), (0, 10)]], [(0, 1), (0, 2), (1, 3), (2, 4)])
    result = decoded(graph, solution_of(graph, [1] * 5, [1] * 4, divides=(0,)))
    assert divisions_of(result.lineage) == {(0, 1, 1, 2)}
    row = result.tables["divisions"].iloc[0]
    assert (row.t, row.parent_id, row.child1_id, row.child2_id) == (0, 1, 1, 2)
    assert (row.parent_track_id, row.child1_track_id, row.child2_track_id) == (1, 2, 3)
    assert result.tables["objects"]["lineage_id"].tolist() == [1] * 5
    assert row.energy == pytest.approx(10 * np.log(2))


def test_a_link_across_frames_keeps_the_track() -> None:
    graph = graph_of([[(0, 0)], [], [(0, 1)]], [(0, 1)])
    result = decoded(graph, solution_of(graph, [1, 1], [1]))
    assert tracks_of(result.lineage) == {((0, 1), (2, 1))}
    assert result.tables["links"][["t", "gap", "count"]].to_numpy().tolist() == [[0, 2, 1]]


def test_what_is_not_used_is_a_false_detection() -> None:
    result = decoded(MERGER, solution_of(MERGER, [1, 0, 1, 1, 0], [1, 0, 1, 0]))
    assert result.tables["false_detections"].to_numpy().tolist() == [[0, 2], [2, 2]]
    assert result.lineage.is_false(0, 2)
    assert result.tables["objects"]["track_id"].tolist() == [1, -1, 1, 1, -1]


def test_track_ids_pass_over_the_label_of_false_detections() -> None:
    walk = _Walk(MERGER, solution_of(MERGER, [0] * 5, [0] * 4))
    walk._last_track = FALSE_LABEL - 2
    assert [walk._new_track(0) for _ in range(2)] == [FALSE_LABEL - 1, FALSE_LABEL + 1]


@pytest.mark.parametrize("seed", range(4))
def test_lineages_of_crowds_are_sound(seed: int) -> None:
    """Some hundred detections with mergers and divisions: the lineage says what the solution says."""
    graph = crowded_graph(seed)
    problem = compute_energies(graph, TrackingParams(preset="conservation", appearance=50.0, disappearance=50.0))
    solution = solve_problem(problem, optimality_gap=1e-3).solution
    assert faults(problem, solution) == []
    result = decode(graph, problem, solution)
    result.lineage.check()
    counts = [
        len(result.lineage.tracks_at(t, i)) for t, i in zip(graph.t.tolist(), graph.object_id.tolist(), strict=True)
    ]
    assert counts == solution.count.tolist()
    assert len(result.lineage.divisions) == int(solution.divides.sum()) == len(result.tables["divisions"])
    assert result.tables["links"]["count"].sum() == solution.flow.sum()
    starts = int(solution.appears.sum() + 2 * solution.divides.sum())
    assert len(result.lineage.track_ids) == starts
    again = decode(graph, problem, solution)
    assert again.lineage == result.lineage
