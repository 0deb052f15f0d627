"""Look-ups in the hypothesis graph and further links."""

import numpy as np
import pytest

from nbtrack.data.graph import HypothesisGraph


@pytest.fixture
def graph() -> HypothesisGraph:
    """Objects 2 and 5 in frame 3, 1 in frame 4, 7 in frame 6."""
    position = np.array([[0.0, 0], [0, 4], [3, 4], [3, 5]])
    return HypothesisGraph(
        t=np.array([3, 3, 4, 6]),
        object_id=np.array([2, 5, 1, 7]),
        row=np.arange(4),
        position=position,
        size=np.ones(4),
        border=np.ones(4),
        source=np.array([0, 2]),
        target=np.array([2, 3]),
        distance=np.array([5.0, 1.0]),
    )


def test_figures(graph: HypothesisGraph) -> None:
    assert (graph.n_detections, graph.n_links, graph.first_frame, graph.last_frame) == (4, 2, 3, 6)
    assert graph.gap.tolist() == [1, 2]
    assert graph.out_degree.tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize(
    ("t", "object_id", "index"), [(3, 2, 0), (3, 5, 1), (4, 1, 2), (6, 7, 3), (3, 3, None), (5, 1, None), (9, 1, None)]
)
def test_index_of_a_detection(t: int, object_id: int, index: int | None, graph: HypothesisGraph) -> None:
    assert graph.index_of(t, object_id) == index


@pytest.mark.parametrize(("ends", "index"), [((0, 2), 0), ((2, 3), 1), ((1, 2), None), ((0, 3), None), ((3, 0), None)])
def test_index_of_a_link(ends: tuple[int, int], index: int | None, graph: HypothesisGraph) -> None:
    assert graph.link_index_of(*ends) == index


def test_further_links_are_sorted_in_and_not_doubled(graph: HypothesisGraph) -> None:
    wider = graph.with_links(np.array([1, 0]), np.array([2, 2]))
    assert list(zip(wider.source.tolist(), wider.target.tolist(), strict=True)) == [(0, 2), (1, 2), (2, 3)]
    assert wider.distance.tolist() == [5.0, 3.0, 1.0]
    assert graph.n_links == 2
