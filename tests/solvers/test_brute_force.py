"""Every optimum against trying all states (tests/bruteforce.py), on tiny random problems with all rules by turns."""

from math import isinf

import pytest
from bruteforce import best_energy, energy, faults
from random_problems import random_pins, tiny_problem

from nbtrack.errors import SolveError
from nbtrack.solvers.solve import solve_problem

SEEDS = range(240)


@pytest.mark.parametrize("seed", SEEDS)
def test_optimum_is_that_of_trying_all_states(seed: int) -> None:
    problem = tiny_problem(seed)
    outcome = solve_problem(problem)
    assert outcome.report.objective == pytest.approx(best_energy(problem), rel=1e-9, abs=1e-9)
    assert outcome.report.bound <= outcome.report.objective
    assert outcome.report.gap < 1e-9
    assert faults(problem, outcome.solution) == []
    assert energy(problem, outcome.solution) == pytest.approx(outcome.report.objective, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("seed", range(60))
def test_pinned_optimum_is_that_of_trying_all_states(seed: int) -> None:
    problem = tiny_problem(seed)
    pins = random_pins(problem, seed)
    best = best_energy(problem, pins)
    if isinf(best):
        with pytest.raises(SolveError, match=r"contradict|Cannot hold"):
            solve_problem(problem, pins=pins)
        return
    outcome = solve_problem(problem, pins=pins)
    assert outcome.report.objective == pytest.approx(best, rel=1e-9, abs=1e-9)
    assert faults(problem, outcome.solution) == []


@pytest.mark.parametrize(
    "solver",
    [pytest.param(name, marks=pytest.mark.solver(name)) for name in ("glpk", "cplex", "cbc", "scip", "gurobi")],
)
@pytest.mark.parametrize("seed", range(5, 13))
def test_every_solver_finds_the_optimum(seed: int, solver: str) -> None:
    problem = tiny_problem(seed)
    outcome = solve_problem(problem, solver=solver)
    assert outcome.report.objective == pytest.approx(best_energy(problem), rel=1e-9, abs=1e-9)
    assert faults(problem, outcome.solution) == []
