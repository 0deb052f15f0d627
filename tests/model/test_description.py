"""The rows of the law and the cuts, point by point: what they must allow, what they must forbid, and old traps."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from bruteforce import best_energy, detection_faults, faults
from random_problems import tiny_problem

from nbtrack.data.problem import Problem, Solution
from nbtrack.model.cuts import make_cuts, violated
from nbtrack.model.description import describe
from nbtrack.model.objective import energy_of
from nbtrack.solvers.solve import solve_problem


def small_problem(n: int, links: list[tuple[int, int]], m: int = 1, **changes: object) -> Problem:
    """A problem in which nothing costs anything and everything may happen, but for `changes`."""
    source, target = np.array(links, np.int64).reshape(-1, 2).T
    a = len(links)
    problem = Problem(
        detection=np.zeros((n, m + 1)),
        capacity=np.full(n, m),
        source=source,
        target=target,
        link=np.zeros((a, m + 1)),
        link_capacity=np.full(a, m),
        appearance=np.zeros((n, m + 1)),
        appearance_capacity=np.full(n, m),
        disappearance=np.zeros((n, m + 1)),
        disappearance_capacity=np.full(n, m),
        division=np.zeros((n, 2)),
        divides=np.zeros(n, bool),
    )
    return replace(problem, **changes)  # type: ignore[arg-type]


def points(problem: Problem) -> np.ndarray:
    """Every vector of zeros and ones that keeps the rows."""
    d = describe(problem)
    cube = np.array(list(product([0.0, 1.0], repeat=d.columns.size)))
    activity = cube @ d.matrix.T.toarray()
    return cube[((activity >= d.lower - 1e-9) & (activity <= d.upper + 1e-9)).all(axis=1)]


PAIR = small_problem(2, [(0, 1)], 2)
FAN = small_problem(3, [(0, 1), (0, 2)], divides=np.array([True, False, False]))
WIDE_FAN = small_problem(3, [(0, 1), (0, 2)], capacity=np.array([2, 1, 1]), link_capacity=np.array([2, 1]),
                         appearance_capacity=np.ones(3, int), disappearance_capacity=np.ones(3, int), m=2,
                         divides=np.array([True, False, False]))  # fmt: skip
FUNNEL = small_problem(3, [(0, 2), (1, 2)], capacity=np.array([1, 1, 2]), link_capacity=np.array([1, 1]), m=2,
                       appearance_capacity=np.ones(3, int), disappearance_capacity=np.ones(3, int))  # fmt: skip
SMALL = {
    "pair": PAIR,
    "pair, partial": replace(PAIR, partial_appearance=True),
    "pair, no one-frame tracks": replace(PAIR, one_frame_tracks=False),
    "fan": FAN,
    "fan, partial": replace(FAN, partial_appearance=True),
    "fan, exclusion": replace(FAN, exclusions=(np.array([1, 2]),)),
    "fan, energy by child": replace(FAN, division_link=np.ones(2)),
    "fan, narrow": replace(FAN, division_link=np.ones(2), narrow_links=np.array([[0, 1]])),
    "fan of two layers": WIDE_FAN,
    "fan, children together": replace(WIDE_FAN, separate_children=False, capacity=np.array([2, 2, 1])),
    "named division": replace(
        FAN, external_parent=np.array([0]), external_children=np.array([[1, 2]]), external=np.zeros((1, 2))
    ),
    "merge": replace(FUNNEL, merge_target=np.array([2]), merge_sources=np.array([[0, 1]]), merge=np.zeros((1, 2))),
}


@pytest.mark.parametrize("name", SMALL)
def test_rows_allow_what_the_law_allows_and_nothing_else(name: str) -> None:
    p = SMALL[name]
    d = describe(p)
    by_rows = {states(d.solution_of(x)) for x in points(p)}
    by_law = set()
    for flow, external, merges in product(
        product(*(range(k + 1) for k in p.link_capacity)),
        product([0, 1], repeat=p.n_external),
        product([0, 1], repeat=p.n_merges),
    ):
        named = np.array(external, int), np.array(merges, int)
        around = [states_around(p, i, np.array(flow), *named) for i in range(p.n_detections)]
        for chosen in product(*around):
            count, appears, vanishes, divides = zip(*chosen, strict=True)
            solution = make_solution(count, flow, appears, vanishes, divides, external, merges)
            if not faults(p, solution):
                by_law.add(states(solution))
    assert by_rows == by_law


def states_around(
    p: Problem, i: int, flow: np.ndarray, external: np.ndarray, merges: np.ndarray
) -> list[tuple[int, ...]]:
    """States (y, app, dis, div) of one detection that its law allows, given all links."""
    into = (*flow[p.target == i].tolist(), *external[(p.external_children == i).any(axis=1)].tolist())
    out = tuple(flow[p.source == i].tolist())
    starts = int(external[p.external_parent == i].sum())
    joins = int(merges[p.merge_target == i].sum())
    joined = int(merges[(p.merge_sources == i).any(axis=1)].sum())
    capacities = (p.capacity[i], p.appearance_capacity[i], p.disappearance_capacity[i], 1)
    every = product(*(range(k + 1) for k in capacities))
    return [state for state in every if not detection_faults(p, i, *state, into, out, starts, joins, joined)]


def make_solution(*parts: tuple[int, ...]) -> Solution:
    names = ("count", "flow", "appears", "vanishes")
    counts = {name: np.array(part, np.int64) for name, part in zip(names, parts[:4], strict=True)}
    return Solution(
        **counts, divides=np.array(parts[4], bool), external=np.array(parts[5], bool), merges=np.array(parts[6], bool)
    )


def states(s: Solution) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(int(v) for v in part) for part in vars(s).values())


@pytest.mark.parametrize("name", SMALL)
def test_cuts_cut_off_no_answer(name: str) -> None:
    cuts = make_cuts(describe(SMALL[name]))
    for x in points(SMALL[name]):
        assert not len(violated(cuts, x))


@pytest.mark.parametrize("seed", range(25))
def test_cuts_keep_the_best_answer_of_random_problems(seed: int) -> None:
    problem = tiny_problem(seed)
    d = describe(problem)
    x = d.vector_of(solve_problem(problem, solver="highs").solution)
    assert not len(violated(make_cuts(d), x))


@pytest.mark.parametrize("seed", range(25))
def test_vector_and_states_say_the_same(seed: int) -> None:
    problem = tiny_problem(seed)
    d = describe(problem)
    solution = solve_problem(problem).solution
    x = d.vector_of(solution)
    assert states(d.solution_of(x)) == states(solution)
    assert d.cost @ x + d.constant == pytest.approx(energy_of(problem, solution), rel=1e-9, abs=1e-9)


def test_division_does_not_lose_a_daughter() -> None:
    """At capacity 1 the row "divides or vanishes" is needed even without the rows of whole mergers: else the parent
    could divide and vanish, which pays for one daughter only."""
    problem = replace(
        FAN,
        partial_appearance=True,
        detection=np.array([[0, -10.0], [0, -1], [0, 1]]),
        division=np.array([[0.0, -10], [0, 0], [0, 0]]),
        link=np.array([[0, 0.0], [0, 5]]),
    )
    solution = solve_problem(problem).solution
    assert solution.divides.tolist() == [True, False, False]
    assert solution.flow.tolist() == [1, 1]
    assert solution.vanishes[0] == 0


def test_a_part_of_a_merger_may_vanish_where_that_is_allowed() -> None:
    """The cut "flow + vanishes <= count" of one layer would forbid that one object goes on and the other vanishes."""
    problem = replace(
        PAIR,
        partial_appearance=True,
        detection=np.array([[0.0, -1, -20], [0.0, -20, 5]]),
        appearance=np.array([[0.0, 0, 0], [0.0, 50, 99]]),
    )
    outcome = solve_problem(problem)
    assert outcome.report.objective == pytest.approx(best_energy(problem)) == pytest.approx(-40)
    assert (outcome.solution.count.tolist(), outcome.solution.vanishes.tolist()) == ([2, 1], [1, 1])
    x = describe(problem).vector_of(outcome.solution)
    assert not len(violated(make_cuts(describe(problem)), x))


def test_a_named_division_and_a_free_one_do_not_share_a_parent() -> None:
    """A named division takes one of the two units that leave: the free division was left with a single child."""
    problem = replace(
        SMALL["named division"], external=np.array([[0.0, -10]]), division=np.array([[0.0, -10], [0, 0], [0, 0]])
    )
    outcome = solve_problem(problem)
    assert outcome.report.objective == pytest.approx(best_energy(problem)) == pytest.approx(-10)
    assert faults(problem, outcome.solution) == []


def test_only_a_single_object_divides() -> None:
    problem = replace(WIDE_FAN, detection=np.array([[0.0, 0, -5], [0, -1, 0], [0, -1, 0]]))
    problem = replace(problem, division=np.array([[0.0, -4], [0, 0], [0, 0]]), appearance_capacity=np.array([2, 1, 1]))
    solution = solve_problem(problem).solution
    assert not (solution.divides[0] and solution.count[0] == 2)
    assert solve_problem(problem).report.objective == pytest.approx(best_energy(problem))


def test_an_absent_state_has_no_column() -> None:
    problem = replace(PAIR, appearance_capacity=np.array([2, 0]), link_capacity=np.array([0]))
    columns = describe(problem).columns
    assert columns.size == 2 + 2 + 0 + 2 + 4
    assert columns.flow.column(np.array([0]), 1).tolist() == [-1]
    assert describe(problem).families[0].name == "ordered"
