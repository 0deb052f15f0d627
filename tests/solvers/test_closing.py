"""Closing a fractional relaxation: by regions, and by the integer program on what is left."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from bruteforce import faults
from random_problems import crowded_graph, tiny_problem

from nbtrack.data.problem import Problem
from nbtrack.errors import SolveError
from nbtrack.model.energies import compute_energies
from nbtrack.params import TrackingParams
from nbtrack.solvers import exact, regions
from nbtrack.solvers.control import Control, Progress
from nbtrack.solvers.greedy import link_greedily
from nbtrack.solvers.highs import HighsProgram
from nbtrack.solvers.solve import solve_problem


def hard_problem(seed: int, alpha: float, *, frames: int = 4, objects: int = 25) -> Problem:
    """Soft costs and a transition scale that does not fit: the relaxation is fractional."""
    params = TrackingParams(preset="conservation", alpha=alpha, appearance=30.0, disappearance=30.0)
    return compute_energies(crowded_graph(seed, frames=frames, objects=objects), params)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the direct path did: the answer of the regions, "program" for the integer program on the rest."""
    seen: list[Any] = []
    close_by_regions, close = exact.close_by_regions, exact._close

    def watched_regions(*args: Any) -> regions.Closing:
        seen.append(close_by_regions(*args))
        return seen[-1]

    def watched_close(*args: Any) -> exact.ExactAnswer:
        seen.append("program")
        return close(*args)

    monkeypatch.setattr(exact, "close_by_regions", watched_regions)
    monkeypatch.setattr(exact, "_close", watched_close)
    return seen


@pytest.mark.parametrize("alpha", [1.0, 3.0, 15.0])
@pytest.mark.parametrize("seed", range(3))
def test_direct_path_equals_one_integer_program(seed: int, alpha: float) -> None:
    problem = hard_problem(seed, alpha)
    direct, named = solve_problem(problem), solve_problem(problem, solver="highs")
    assert direct.report.objective == pytest.approx(named.report.objective, rel=1e-9)
    assert direct.report.gap < 1e-9
    assert faults(problem, direct.solution) == []


def test_regions_alone_close_the_gap(steps: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regions, "SMALL", 0)
    problem = hard_problem(2, 3.0)
    report = solve_problem(problem, optimality_gap=1e-6).report
    assert [step == "program" for step in steps] == [False]
    assert steps[0].x is not None
    assert report.gap <= 1e-6
    assert report.objective == pytest.approx(solve_problem(problem, solver="highs").report.objective, rel=1e-6)


@pytest.mark.parametrize("first_hops", [0, 1, 3])
def test_growing_regions_reach_the_optimum(first_hops: int, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = hard_problem(3, 3.0)
    optimum = solve_problem(problem, solver="highs").report.objective
    monkeypatch.setattr(regions, "SMALL", 0)
    monkeypatch.setattr(regions, "FIRST_HOPS", first_hops)
    assert solve_problem(problem).report.objective == pytest.approx(optimum, rel=1e-9)


@pytest.mark.parametrize("constant", ["LARGEST", "ROUNDS"])
def test_without_regions_the_integer_program_closes(
    constant: str, steps: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regions, constant, 0)
    problem = hard_problem(0, 15.0)
    report = solve_problem(problem).report
    assert steps[0].x is None
    assert steps[1:] == ["program"]
    assert report.objective == pytest.approx(solve_problem(problem, solver="highs").report.objective, rel=1e-9)


@pytest.mark.parametrize("seed", range(30))
def test_tiny_problems_survive_either_way(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = tiny_problem(seed)
    expected = solve_problem(problem).report.objective
    for constants in ({"SMALL": 0, "FIRST_HOPS": 0}, {"LARGEST": 0}):
        with monkeypatch.context() as patch:
            for name, value in constants.items():
                patch.setattr(regions, name, value)
            assert solve_problem(problem).report.objective == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_bounds_only_rise_and_stay_below_the_optimum() -> None:
    problem = hard_problem(0, 15.0, frames=6, objects=30)
    seen: list[Progress] = []
    optimum = solve_problem(problem, control=Control(progress=seen.append)).report.objective
    bounds = [p.bound for p in seen if p.phase == "relaxation"]
    assert len(bounds) > 1
    assert all(after >= before - 1e-6 for before, after in pairwise(bounds))
    assert max(p.bound for p in seen) <= optimum + 1e-6


@pytest.mark.parametrize("checks", [1, 2, 3, 5, 8, 13, 21])
def test_stopped_anywhere_the_answer_is_feasible_and_the_bound_honest(
    checks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cancel at the n-th look at the clock, wherever that is."""
    problem = hard_problem(2, 15.0)
    optimum = solve_problem(problem).report.objective
    looks = iter(range(10**6))

    class Impatient(Control):
        @property
        def stop_status(self) -> str | None:
            return "interrupted" if next(looks) >= checks else None

    outcome = solve_problem(problem, control=Impatient(cancellable=True))
    assert faults(problem, outcome.solution) == []
    assert outcome.report.bound <= optimum + 1e-6
    assert outcome.report.objective >= optimum - 1e-6
    assert outcome.report.status in ("interrupted", "optimal")


@pytest.mark.parametrize("seed", range(80))
def test_greedy_answer_keeps_the_law(seed: int) -> None:
    problem = tiny_problem(seed)
    assert faults(problem, link_greedily(problem)) == []


# --------------------------------------------------------------------------- HiGHS from arrays
def program(**changes: Any) -> HighsProgram:
    """``min -x - y`` with ``x + y <= 1`` on [0, 1]."""
    import scipy.sparse as sp

    given = {
        "cost": np.array([-1.0, -1.0]),
        "constant": 0.0,
        "matrix": sp.csr_matrix(np.array([[1.0, 1.0]])),
        "lower": np.array([-np.inf]),
        "upper": np.array([1.0]),
        "column_lower": np.zeros(2),
        "column_upper": np.ones(2),
        "control": Control(),
    }
    return HighsProgram(**{**given, **changes})


def test_highs_gives_point_bound_and_multipliers() -> None:
    relaxed = program(constant=5.0).solve_relaxation()
    assert (relaxed.status, relaxed.bound) == ("optimal", pytest.approx(4.0))
    assert relaxed.dual == pytest.approx([-1.0])
    assert relaxed.reduced_cost == pytest.approx([0.0, 0.0])
    whole = program(constant=5.0).solve_integer(0.0)
    assert (whole.status, whole.bound) == ("optimal", pytest.approx(4.0))


def test_highs_refuses_in_sentences() -> None:
    import scipy.sparse as sp

    with pytest.raises(SolveError, match=r"HiGHS does not take -5 for its option `threads`\."):
        program(threads=-5)
    with pytest.raises(SolveError, match="its rows and columns do not fit together"):
        program(matrix=sp.csr_matrix(np.array([[0.0, 0.0, 1.0]])))
    unbounded = program(column_upper=np.full(2, np.inf), upper=np.array([np.inf]))
    with pytest.raises(SolveError, match=r"HiGHS ended with the status '.*' and without an answer"):
        unbounded.solve_relaxation()


def test_highs_tells_infeasible() -> None:
    impossible = program(lower=np.array([3.0]), upper=np.array([4.0]))
    assert impossible.solve_relaxation().status == "infeasible"
    assert impossible.solve_integer(0.0).status == "infeasible"
