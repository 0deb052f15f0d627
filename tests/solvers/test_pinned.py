"""Pins in the words of the model: what they hold, what is impossible, and the smallest set that contradicts itself."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from bruteforce import best_energy, faults
from random_problems import crowded_graph, random_pins, tiny_problem

from nbtrack.data.graph import HypothesisGraph
from nbtrack.data.pins import Pin
from nbtrack.data.problem import Problem, Solution
from nbtrack.errors import SolveError
from nbtrack.model.description import describe
from nbtrack.model.energies import compute_energies
from nbtrack.params import TrackingParams
from nbtrack.solvers.pinned import PinnedState, find_contradiction, pinned_states
from nbtrack.solvers.solve import solve_problem

SOLVERS = ["auto", "highs", pytest.param("glpk", marks=pytest.mark.solver("glpk"))]


def state_of(pin: PinnedState, p: Problem, s: Solution) -> int:
    """Tell the state that a pin is about; an object goes on to another along a link or by name."""
    states = {
        "count": s.count,
        "link": s.flow,
        "appearance": s.appears,
        "disappearance": s.vanishes,
        "division": s.divides,
    }
    state = int(states[pin.kind][pin.index])
    if pin.kind == "division":
        state += int(s.external[p.external_parent == pin.index].sum())
    if pin.kind == "link":
        i, j = p.source[pin.index], p.target[pin.index]
        state += int(s.external[(p.external_parent == i) & (p.external_children == j).any(axis=1)].sum())
        state += int(s.merges[(p.merge_target == j) & (p.merge_sources == i).any(axis=1)].sum())
    return state


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("seed", range(12))
def test_every_solver_keeps_the_pins_at_the_best_energy(seed: int, solver: str) -> None:
    problem, pins = tiny_problem(seed), random_pins(tiny_problem(seed), seed, 2)
    best = best_energy(problem, pins)
    if np.isinf(best):
        with pytest.raises(SolveError, match="contradict") as caught:
            solve_problem(problem, solver=solver, pins=pins)
        assert caught.value.status == "infeasible"
        return
    outcome = solve_problem(problem, solver=solver, pins=pins)
    assert outcome.report.objective == pytest.approx(best, rel=1e-6, abs=1e-6)
    assert faults(problem, outcome.solution) == []
    assert all(pin.low <= state_of(pin, problem, outcome.solution) <= pin.high for pin in pins)


@pytest.mark.parametrize("seed", range(40))
def test_the_set_that_is_named_contradicts_itself_and_no_smaller_one_does(seed: int) -> None:
    problem = tiny_problem(seed)
    pins = [pin for k in range(3) for pin in random_pins(problem, 100 * seed + k, 5)]
    if np.isfinite(best_energy(problem, pins)):
        return
    with pytest.raises(SolveError, match="contradict") as caught:
        solve_problem(problem, pins=pins)
    words = str(caught.value).removesuffix(". Remove one of them.").split(": ")[1].split("; ")
    named = list({pin.text: pin for pin in pins if pin.text in words}.values())
    assert len(named) == len(words)
    assert np.isinf(best_energy(problem, named))
    if str(caught.value).startswith("Two pins"):
        assert (named[0].kind, named[0].index) == (named[1].kind, named[1].index)
        return
    for fewer in combinations(named, len(named) - 1):
        assert np.isfinite(best_energy(problem, fewer))


@pytest.fixture
def graph() -> HypothesisGraph:
    """Objects 1 and 2 in frame 0, 1 to 3 in frame 1; object 1 may become 1 or 2, object 2 only 3."""
    source, target = np.array([0, 0, 1]), np.array([2, 3, 4])
    position = np.array([[0.0, 0], [0, 20], [0, 1], [2, 0], [0, 21]])
    return HypothesisGraph(
        t=np.array([0, 0, 1, 1, 1]),
        object_id=np.array([1, 2, 1, 2, 3]),
        row=np.arange(5),
        position=position,
        size=np.full(5, 50.0),
        border=np.ones(5),
        source=source,
        target=target,
        distance=np.linalg.norm(position[source] - position[target], axis=1),
    )


def solve_pinned(graph: HypothesisGraph, pins: list[Pin], m: int = 1) -> tuple[Problem, list[PinnedState], Solution]:
    graph, states = pinned_states(graph, pins, m)
    problem = compute_energies(graph, TrackingParams(preset="conservation", objects_per_merger=m))
    return problem, states, solve_problem(problem, pins=states).solution


@pytest.mark.parametrize(
    "pin",
    [
        Pin("object", 0, 2, True),
        Pin("object", 0, 2, False),
        Pin("count", 1, 1, 0),
        Pin("link", 0, 1, True, target_id=2),
        Pin("link", 0, 1, False, target_id=1),
        Pin("link", 0, 2, True, target_id=1),
        Pin("division", 0, 1, True),
        Pin("division", 0, 1, False),
        Pin("appearance", 1, 3, True),
        Pin("disappearance", 0, 2, True),
    ],
    ids=str,
)
def test_each_kind_of_pin_is_kept_at_the_best_energy(pin: Pin, graph: HypothesisGraph) -> None:
    problem, (state,), solution = solve_pinned(graph, [pin])
    assert state.low <= state_of(state, problem, solution) <= state.high
    assert state_of(state, problem, solution) == int(pin.value)
    assert faults(problem, solution) == []
    assert solve_problem(problem, pins=[state]).report.objective == pytest.approx(best_energy(problem, [state]))


def test_a_count_of_two_is_kept(graph: HypothesisGraph) -> None:
    _, (state,), solution = solve_pinned(graph, [Pin("count", 1, 3, 2)], m=2)
    assert solution.count[state.index] == 2


def test_an_object_that_is_tracked_may_hold_any_number(graph: HypothesisGraph) -> None:
    _, states = pinned_states(graph, [Pin("object", 1, 3)], 3)
    assert (states[0].kind, states[0].low, states[0].high) == ("count", 1, 3)


def test_a_link_that_is_no_candidate_is_added_or_already_unused(graph: HypothesisGraph) -> None:
    wider, states = pinned_states(graph, [Pin("link", 0, 2, True, target_id=1)], 1)
    assert wider.n_links == graph.n_links + 1
    assert (wider.source[states[0].index], wider.target[states[0].index]) == (1, 2)
    same, none = pinned_states(graph, [Pin("link", 0, 2, False, target_id=1)], 1)
    assert same.n_links == graph.n_links
    assert none == []


@pytest.mark.parametrize(
    ("pin", "sentence"),
    [
        (Pin("object", 0, 9), "object 9 in frame 0 is not among the tracked objects. Check the size range"),
        (Pin("link", 0, 1, target_id=9), "object 9 in frame 1 is not among the tracked objects"),
        (Pin("link", 1, 1, target_id=1, target_t=0), "a link leads forwards in time"),
        (Pin("division", 0, 2), r"it needs two candidate links to the next frame. Raise `neighbors`"),
        (Pin("count", 0, 1, 2), "the model allows at most 1. Raise `objects_per_merger`"),
    ],
    ids=lambda value: str(value) if isinstance(value, Pin) else "",
)
def test_a_pin_that_is_impossible_by_itself_is_told(pin: Pin, sentence: str, graph: HypothesisGraph) -> None:
    with pytest.raises(SolveError, match=sentence) as caught:
        solve_pinned(graph, [pin])
    assert str(caught.value).startswith("Cannot hold that ")
    assert caught.value.status == "infeasible"


def test_two_pins_on_one_state_are_named(graph: HypothesisGraph) -> None:
    pins = [Pin("object", 0, 2, True), Pin("count", 1, 1, 1), Pin("count", 0, 2, 0)]
    with pytest.raises(SolveError, match="Two pins contradict each other") as caught:
        solve_pinned(graph, pins)
    assert str(pins[0]) in str(caught.value)
    assert str(pins[2]) in str(caught.value)
    assert str(pins[1]) not in str(caught.value)


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4), (4, 3, 2, 1, 0), (2, 4, 0, 3, 1)])
def test_three_pins_that_contradict_only_together_are_named_and_no_others(
    order: tuple[int, ...], graph: HypothesisGraph
) -> None:
    pins = [
        Pin("link", 0, 1, target_id=1),
        Pin("link", 0, 1, target_id=2),
        Pin("division", 0, 1, False),
        Pin("object", 0, 2),
        Pin("object", 1, 3),
    ]
    with pytest.raises(SolveError, match=r"These pins contradict each other: .*\. Remove one of them\.") as caught:
        solve_pinned(graph, [pins[i] for i in order])
    assert [str(pin) in str(caught.value) for pin in pins] == [True, True, True, False, False]


def test_a_model_without_pins_blames_none() -> None:
    assert "no answer at all, even without pins" in find_contradiction(describe(tiny_problem(1)), [])


@pytest.mark.parametrize("pinned", [False, True])
def test_pins_of_divisions_hold_named_ones_too(pinned: bool) -> None:
    problem = next(p for p in map(tiny_problem, range(400)) if solve_problem(p).solution.external.any())
    parent = int(problem.external_parent[np.flatnonzero(solve_problem(problem).solution.external)[0]])
    off = [PinnedState("division", parent, 0, 0, "no division")] if pinned else []
    solution = solve_problem(problem, pins=off).solution
    assert bool(solution.external[problem.external_parent == parent].any()) is not pinned


def test_pins_change_a_hard_problem_in_both_paths() -> None:
    problem = compute_energies(
        crowded_graph(1, frames=4, objects=25), TrackingParams(preset="conservation", alpha=3.0, appearance=30.0)
    )
    free = solve_problem(problem).solution
    pins = [PinnedState("count", i, 0, 0, f"object {i} is none") for i in np.flatnonzero(free.count)[:5].tolist()]
    reports = [solve_problem(problem, solver=solver, pins=pins).report for solver in ("auto", "highs")]
    assert reports[0].objective == pytest.approx(reports[1].objective, rel=1e-9)
    assert reports[0].objective > solve_problem(replace(problem)).report.objective
