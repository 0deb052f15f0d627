"""Candidate links against a search through all pairs; field of view, size range, scales, border and probabilities."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from cases import CASES, detections_at

from nbtrack.data.graph import HypothesisGraph
from nbtrack.errors import InputError
from nbtrack.hypotheses import link_candidates
from nbtrack.params import TrackingParams


def links_of(graph: HypothesisGraph) -> set[tuple[int, int, int, int]]:
    """Links as (t, source id, t, target id)."""
    s, e = graph.source, graph.target
    return set(
        zip(*(a.tolist() for a in (graph.t[s], graph.object_id[s], graph.t[e], graph.object_id[e])), strict=True)
    )


def nearest_by_hand(
    points: list[np.ndarray], k: int, max_distance: float, forward: int | None = None
) -> set[tuple[int, int, int, int]]:
    """The k nearest forwards and backwards by looking at all pairs of successive frames with objects."""
    frames = [t for t, p in enumerate(points) if len(p)]
    links = set()
    for t, u in pairwise(frames):
        distance = np.linalg.norm(points[t][:, None] - points[u][None], axis=2)
        for i, row in enumerate(distance):
            links |= {(t, i + 1, u, int(j) + 1) for j in np.argsort(row)[: forward or k] if row[j] < max_distance}
        for j, row in enumerate(distance.T):
            links |= {(t, int(i) + 1, u, j + 1) for i in np.argsort(row)[:k] if row[i] < max_distance}
    return links


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("neighbors", [1, 2, 4])
@pytest.mark.parametrize("max_distance", [15.0, 200.0])
def test_candidates_are_those_of_all_pairs(ndim: int, neighbors: int, max_distance: float) -> None:
    rng = np.random.default_rng([ndim, neighbors])
    points = [rng.uniform(10, 90, (count, ndim)) for count in (12, 0, 7, 1, 15)]
    detections = detections_at([list(map(tuple, p)) for p in points], shape=(100,) * ndim)
    params = TrackingParams(neighbors=neighbors, max_distance=max_distance, divisible=False)
    graph = link_candidates(detections, params)
    assert links_of(graph) == nearest_by_hand(points, neighbors, max_distance)
    assert (np.diff(graph.source * graph.n_detections + graph.target) > 0).all()
    expected = np.linalg.norm(graph.position[graph.source] - graph.position[graph.target], axis=1)
    np.testing.assert_allclose(graph.distance, expected)


def test_an_object_that_may_divide_has_two_candidates_forwards() -> None:
    rng = np.random.default_rng(5)
    points = [rng.uniform(10, 90, (6, 2)) for _ in range(2)]
    detections = detections_at([list(map(tuple, p)) for p in points])
    graph = link_candidates(detections, TrackingParams(neighbors=1))
    assert links_of(graph) == nearest_by_hand(points, 1, 200.0, forward=2)
    unlikely = detections_at([list(map(tuple, p)) for p in points], p_division=np.full(12, 0.05))
    assert links_of(link_candidates(unlikely, TrackingParams(neighbors=1))) == nearest_by_hand(points, 1, 200.0)


@pytest.mark.parametrize("empty", [1, 2])
def test_links_go_across_empty_frames(empty: int) -> None:
    points: list[list[tuple[float, ...]]] = [[(50.0, 50.0)], *[[] for _ in range(empty)], [(52.0, 50.0)]]
    graph = link_candidates(detections_at(points), TrackingParams())
    assert links_of(graph) == {(0, 1, empty + 1, 1)}
    assert graph.gap.tolist() == [empty + 1]


def test_only_empty_frames_are_crossed() -> None:
    graph = link_candidates(detections_at([[(50.0, 50.0)], [(90.0, 90.0)], [(50.0, 50.0)]]), TrackingParams())
    assert set(graph.gap.tolist()) == {1}


def test_maximal_distance_is_strict() -> None:
    detections = detections_at([[(50.0, 50.0)], [(53.0, 54.0)]])
    assert link_candidates(detections, TrackingParams(max_distance=5.0)).n_links == 0
    assert link_candidates(detections, TrackingParams(max_distance=5.001)).n_links == 1


# --------------------------------------------------------------------------- what is left out
def test_size_range_is_inclusive_at_both_ends() -> None:
    detections = detections_at([[(20.0, 20.0)], [(20.0, 20.0)]], size=25)
    for size_range, kept in (((25, 25), 2), ((26, 30), 0), ((10, 24), 0), ((25, 30), 2)):
        assert link_candidates(detections, TrackingParams(size_range=size_range)).n_detections == kept


@pytest.mark.parametrize(
    ("view", "kept"),
    [
        ({}, [(0, 1), (0, 2), (1, 1), (2, 1)]),
        ({"t_range": (1, 3)}, [(1, 1), (2, 1)]),
        ({"x_range": (0, 40)}, [(0, 1), (1, 1), (2, 1)]),
        ({"x_range": (22, 90)}, [(0, 2)]),
        ({"x_range": (21, 90)}, [(0, 1), (0, 2), (1, 1), (2, 1)]),
        ({"y_range": (60, 100)}, [(0, 2)]),
    ],
)
def test_field_of_view_keeps_what_lies_in_it_at_least_in_part(
    view: dict[str, Any], kept: list[tuple[int, int]]
) -> None:
    points: list[list[tuple[float, ...]]] = [[(20.0, 20.0), (70.0, 70.0)], [(20.0, 20.0)], [(20.0, 20.0)]]
    graph = link_candidates(detections_at(points), TrackingParams(**view))
    assert list(zip(graph.t.tolist(), graph.object_id.tolist(), strict=True)) == kept


def test_rows_of_the_table_are_kept() -> None:
    graph = link_candidates(CASES["false_detection"]().detections, TrackingParams(size_range=(20, 100)))
    assert graph.row.tolist() == [0, 1, 3]


# --------------------------------------------------------------------------- scales and border
def test_data_scales_are_in_order_x_y_z_and_multiply() -> None:
    detections = detections_at([[(10.0, 20.0, 30.0)], [(11.0, 20.0, 30.0)]], shape=(50, 50, 50))
    graph = link_candidates(detections, TrackingParams(data_scales=(1.0, 2.0, 4.0)))
    assert graph.position[0].tolist() == [40.0, 40.0, 30.0]
    assert graph.distance.tolist() == [4.0]


def test_pixel_sizes_are_used_where_no_scales_are_given() -> None:
    detections = detections_at([[(10.0, 20.0, 30.0)], [(11.0, 20.0, 30.0)]], shape=(50, 50, 50), scale=(2.0, 0.5, 0.5))
    assert link_candidates(detections, TrackingParams()).distance.tolist() == [4.0]


def test_scales_that_do_not_fit_are_refused() -> None:
    flat = detections_at([[(10.0, 20.0)], [(10.0, 20.0)]])
    assert link_candidates(flat, TrackingParams(data_scales=(1.0, 2.0, 3.0))).position[0].tolist() == [20.0, 20.0]
    with pytest.raises(InputError, match=r"`data_scales` must have one number per axis \(x, y\): got \(1.0,\)"):
        link_candidates(flat, TrackingParams(data_scales=(1.0,)))
    deep = detections_at([[(10.0, 20.0, 30.0)], [(11.0, 20.0, 30.0)]], shape=(50, 50, 50))
    with pytest.raises(InputError, match=r"per axis \(x, y, z\): got .* objects in 3 dimensions"):
        link_candidates(deep, TrackingParams(data_scales=(1.0, 2.0)))


@pytest.mark.parametrize(
    ("settings", "factor"),
    [
        ({}, [0.3, 1.0]),
        ({"border_width": 20.0}, [0.15, 1.0]),
        ({"border_width": 0.0}, [1.0, 1.0]),
        ({"border_from": "center"}, [0.6, 1.0]),
        ({"data_scales": (2.0, 1.0)}, [0.6, 1.0]),
        ({"x_range": (3, 100)}, [0.0, 1.0]),
        ({"x_range": (0, 60)}, [0.3, 0.7]),
    ],
)
def test_border_factor_falls_towards_the_field_of_view(settings: dict[str, Any], factor: list[float]) -> None:
    """One object 3 pixels from the left border by its box and 6 by its centre, one in the middle."""
    detections = detections_at([[(50.0, 6.0), (50.0, 50.0)], []], half=3.0)
    np.testing.assert_allclose(link_candidates(detections, TrackingParams(**settings)).border, factor)


# --------------------------------------------------------------------------- probabilities of classifiers
def test_probabilities_are_taken_along() -> None:
    detections = detections_at(
        [[(50.0, 50.0)], [(50.0, 50.0)]], p_count_0=[0.1, 0.2], p_count_1=[0.9, 0.8], p_division=[0.3, 0.4]
    )
    graph = link_candidates(detections, TrackingParams())
    assert graph.p_count is not None
    assert graph.p_count.tolist() == [[0.1, 0.9], [0.2, 0.8]]
    assert graph.p_division is not None
    assert graph.p_division.tolist() == [0.3, 0.4]


@pytest.mark.parametrize("bad", [np.nan, -0.1, 1.1, np.inf])
@pytest.mark.parametrize("column", ["p_division", "p_count_1"])
def test_what_is_no_probability_is_refused(column: str, bad: float) -> None:
    columns = {"p_division": [0.5, 0.5], "p_count_0": [0.5, 0.5], "p_count_1": [0.5, 0.5], column: [0.5, bad]}
    with pytest.raises(InputError, match=rf"`{column}` of object 1 in frame 1 must be a probability from 0 to 1: got"):
        link_candidates(detections_at([[(50.0, 50.0)], [(50.0, 50.0)]], **columns), TrackingParams())


def test_a_missing_count_column_is_named() -> None:
    detections = detections_at([[(50.0, 50.0)], []], p_count_0=[0.5], p_count_2=[0.5])
    with pytest.raises(InputError, match=r"has no column `p_count_1`. Give p_count_0 to p_count_m"):
        link_candidates(detections, TrackingParams())


def test_no_objects_give_an_empty_graph() -> None:
    graph = link_candidates(detections_at([[], []]), TrackingParams())
    assert (graph.n_detections, graph.n_links) == (0, 0)
