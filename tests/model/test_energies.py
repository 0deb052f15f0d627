"""Energies term by term, against the formulas written out and the figures of a real project."""

import json
from dataclasses import replace
from math import exp, log
from pathlib import Path

import numpy as np
import pytest

from nbtrack.data.convex import convexify
from nbtrack.data.graph import HypothesisGraph
from nbtrack.data.problem import Problem
from nbtrack.io.model_json import read_model
from nbtrack.model.energies import compute_energies, size_prior
from nbtrack.params import TrackingParams

GRAPHS = "ilastik_fixtures/real_graphs/mitocheck__mitocheckStructuredLearningTrackingHytraWithDivisions__"


@pytest.fixture
def graph() -> HypothesisGraph:
    """One object in frame 0, two in frame 1 and one in frame 2; the border factor of the last one but one is 0.5."""
    position = np.array([[0.0, 0], [0, 5], [0, -5], [0, 5]])
    source, target = np.array([0, 0, 1]), np.array([1, 2, 3])
    return HypothesisGraph(
        t=np.array([0, 1, 1, 2]),
        object_id=np.array([1, 1, 2, 1]),
        row=np.arange(4),
        position=position,
        size=np.array([100.0, 100.0, 200.0, 10.0]),
        border=np.array([1.0, 1.0, 0.5, 1.0]),
        source=source,
        target=target,
        distance=np.linalg.norm(position[source] - position[target], axis=1),
    )


def energies(graph: HypothesisGraph, *, convex: bool = False, **params: object) -> Problem:
    return compute_energies(graph, TrackingParams(**{"preset": "conservation", **params}), convex=convex)


def test_transition_is_minus_log_of_a_falling_exponential(graph: HypothesisGraph) -> None:
    link = energies(graph).link
    np.testing.assert_allclose(link[0], 10 * np.array([-log(1 - exp(-1)), 1.0, 1.0]))
    wide = energies(graph, alpha=10.0, transition_weight=2.0).link
    np.testing.assert_allclose(wide[0], 2 * np.array([-log(1 - exp(-0.5)), 0.5, 0.5]))
    assert link[2, 0] == pytest.approx(10 * -log(1e-10))  # no distance: not to link is clamped


def test_counts_follow_the_size_where_no_classifier_says_them(graph: HypothesisGraph) -> None:
    p = size_prior(np.array([100.0, 200.0, 10.0]), 2, 100.0)
    raw = np.exp(-((np.array([[100.0], [200], [10]]) - np.arange(3) * 100) ** 2) / 2500)
    np.testing.assert_allclose(p, np.clip(raw / raw.sum(axis=1, keepdims=True), 0.01, 0.99))
    np.testing.assert_allclose(energies(graph).detection, -10 * np.log(size_prior(graph.size, 2)))
    assert size_prior(np.zeros(0), 2).shape == (0, 3)
    assert np.isfinite(size_prior(np.array([1e9]), 2, 1.0)).all()


def test_counts_of_a_classifier_are_clipped_and_folded(graph: HypothesisGraph) -> None:
    sure = replace(graph, p_count=np.tile([0.0, 0.7, 0.2, 0.1], (4, 1)))
    np.testing.assert_allclose(energies(sure, detection_weight=1.0).detection[0], -np.log([1e-7, 0.7, 0.3]))
    few = replace(graph, p_count=np.tile([0.0, 1.0], (4, 1)))
    np.testing.assert_allclose(energies(few, detection_weight=1.0).detection[0, 2], -log(1e-7))


def test_division_energy_and_who_may_divide(graph: HypothesisGraph) -> None:
    neutral = energies(graph)
    np.testing.assert_allclose(neutral.division[0], 10 * np.array([log(2), log(2)]))
    assert neutral.divides.tolist() == [True, False, False, False]  # others have fewer than two links out
    told = energies(replace(graph, p_division=np.array([0.2, 0.9, 0.9, 0.9])))
    np.testing.assert_allclose(told.division[0], -10 * np.log([0.8, 0.2]))
    assert not energies(graph, divisible=False).divides.any()
    assert not energies(replace(graph, p_division=np.array([0.1, 0, 0, 0]))).divides.any()  # not above the threshold


def test_ends_are_free_at_both_ends_of_the_movie_and_cheaper_at_the_border(graph: HypothesisGraph) -> None:
    p = energies(graph, appearance=100.0, disappearance=60.0)
    np.testing.assert_allclose(p.appearance[:, 1], [0, 100, 50, 100])
    np.testing.assert_allclose(p.disappearance[:, 1], [60, 60, 30, 0])
    np.testing.assert_allclose(p.appearance[:, 2], p.appearance[:, 1])  # flat before convexification


def test_opportunity_is_the_energy_of_no_object(graph: HypothesisGraph) -> None:
    difference = energies(graph, opportunity=70.0).detection - energies(graph).detection
    np.testing.assert_allclose(difference, np.tile([70.0, 0, 0], (4, 1)))


def test_chaingraph_energies(graph: HypothesisGraph) -> None:
    p = energies(graph, preset="chaingraph", division_distance=3.0)
    np.testing.assert_allclose(p.detection[0], [1000 - 100 * log(0.1), -100 * log(0.9)])
    np.testing.assert_allclose(p.detection[0] - [1000, 0], [230.259, 10.536], atol=1e-3)
    np.testing.assert_allclose(p.link[:, 1], [5, 5, 0])
    assert p.division_link is not None
    np.testing.assert_allclose(p.division_link, [4, 4, 9])
    told = energies(replace(graph, p_count=np.tile([0.2, 0.8], (4, 1))), preset="chaingraph", opportunity=0.0)
    np.testing.assert_allclose(told.detection[0], -100 * np.log([0.2, 0.8]))


@pytest.mark.parametrize(("angle", "pairs"), [(0.0, []), (179.0, []), (180.0, [])])
def test_opposite_children_are_never_narrow(angle: float, pairs: list[list[int]], graph: HypothesisGraph) -> None:
    assert energies(graph, preset="chaingraph", division_angle=angle).narrow_links.tolist() == pairs


def test_narrow_children_are_found(graph: HypothesisGraph) -> None:
    position = graph.position.copy()
    position[2] = [5, 5]  # 45 degrees from the other child
    bent = replace(graph, position=position)
    assert energies(bent, preset="chaingraph", division_angle=44.0).narrow_links.tolist() == []
    assert energies(bent, preset="chaingraph", division_angle=46.0).narrow_links.tolist() == [[0, 1]]


# --------------------------------------------------------------------------- convexification
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]),
        ([0.0, 1.0, 1.0], [0.0, 1.0, 2.000001]),
        ([0.0, 2.0, 3.0], [0.0, 2.0, 4.000001]),
        ([3.0, 0.0, 0.0], [3.0, 0.0, 1e-6]),
        ([5.0, 4.9, 0.0], [9.8 + 1e-6, 4.9, 0.0]),
        ([0.0, 0.0, 0.0], [0.0, 1e-6, 3e-6]),
    ],
)
def test_convexify_walks_from_the_smallest(given: list[float], expected: list[float]) -> None:
    np.testing.assert_allclose(convexify(np.array([given])), [expected], atol=1e-12)


def test_convex_rows_are_convex_and_never_lower() -> None:
    given = np.random.default_rng(0).normal(size=(200, 5))
    convex = convexify(given)
    assert (convex >= given - 1e-12).all()
    assert (np.diff(convex, 2, axis=1) >= -1e-12).all()
    np.testing.assert_array_equal(convex.min(axis=1), given.min(axis=1))


def test_free_ends_stay_free_when_made_convex(graph: HypothesisGraph) -> None:
    p = energies(graph, convex=True)
    assert (p.appearance[0] == 0).all()
    assert (p.disappearance[3] == 0).all()
    assert p.appearance[1, 2] > 1.9 * p.appearance[1, 1]


# --------------------------------------------------------------------------- a real project
def test_energies_are_those_that_a_real_project_stored(real_data: Path) -> None:
    """25 objects and 52 links with their probabilities; the stored features came from the same formulas."""
    stored = json.loads((real_data / f"{GRAPHS}LearningHypothesesGraph.json").read_text())
    model = read_model(real_data / f"{GRAPHS}LearningHypothesesGraph__model.json", weights=[1.0] * 5).problem
    nodes, edges = stored["nodes"], stored["edges"]
    features = [node["traxel"]["Features"] for node in nodes]
    position = np.array([f["com"][:2] for f in features], float)
    source, target = (np.array([edge[end] for edge in edges]) for end in ("src", "dest"))
    graph = HypothesisGraph(
        t=np.array([node["node"][0] for node in nodes]),
        object_id=np.array([node["node"][1] for node in nodes]),
        row=np.arange(len(nodes)),
        position=position,
        size=np.array([f["count"][0] for f in features]),
        border=np.minimum(np.minimum(position, [98, 104] - position).min(axis=1) / 10, 1.0),
        source=source,
        target=target,
        distance=np.linalg.norm(position[source] - position[target], axis=1),
        p_count=np.array([f["detProb"] for f in features]),
        p_division=np.array([f["divProb"][1] for f in features]),
    )
    ones = {"detection_weight": 1.0, "division_weight": 1.0, "transition_weight": 1.0}
    ours = energies(graph, **ones, appearance=1.0, disappearance=1.0, objects_per_merger=1)
    np.testing.assert_allclose(ours.link[:, :2], model.link[:, :2], rtol=1e-6)
    np.testing.assert_allclose(ours.detection, model.detection, rtol=1e-6)
    np.testing.assert_allclose(ours.disappearance, model.disappearance, atol=1e-6)
    may_divide = model.divides & (np.bincount(source, minlength=len(nodes)) > 1)
    np.testing.assert_array_equal(ours.divides, may_divide)
    np.testing.assert_allclose(ours.division[may_divide], model.division[may_divide], rtol=1e-6)
