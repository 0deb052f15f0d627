"""The flow that the ascent starts from: its cost, its prices as a split, and the answer that it gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bruteforce import faults
from random_problems import crowded_graph, tiny_problem

from nbtrack.model.description import describe
from nbtrack.model.energies import compute_energies
from nbtrack.params import TrackingParams
from nbtrack.solvers.control import Control
from nbtrack.solvers.dual.ascent import Ascent
from nbtrack.solvers.dual.engine import solve_by_ascent
from nbtrack.solvers.dual.factors import make_factors
from nbtrack.solvers.dual.flow import Flow, is_flow
from nbtrack.solvers.exact import solve_exactly
from nbtrack.solvers.highs import HighsProgram
from nbtrack.solvers.limits import Limits


def crowd(seed: int, m: int = 1) -> tuple[Any, Limits]:
    """Describe some hundred detections."""
    params = TrackingParams(
        preset="conservation", alpha=15.0, appearance=30.0, disappearance=30.0, objects_per_merger=m
    )
    return free(compute_energies(crowded_graph(seed, frames=6, objects=30), params))


def free(problem: Any) -> tuple[Any, Limits]:
    """Describe a problem without pins."""
    d = describe(problem)
    return d, Limits(np.zeros(d.columns.size), np.ones(d.columns.size), 0.0, 1)


def start(d: Any, limits: Limits) -> tuple[Flow, Ascent]:
    """Make the flow of a problem and its first split."""
    factors = make_factors(d, limits.lower, limits.upper)
    assert is_flow(factors)
    return Flow(factors), Ascent(factors)


@pytest.mark.parametrize("m", [1, 2, 3])
@pytest.mark.parametrize("seed", range(3))
def test_the_flow_is_the_program_without_the_rules_of_single_detections(seed: int, m: int) -> None:
    d, limits = crowd(seed, m)
    flow, ascent = start(d, limits)
    assert flow.solve(ascent, Control())
    offset, rows = 0, []
    for family in d.families:
        if family.name in ("conserve_in", "conserve_out"):
            rows.append(offset + np.arange(len(family.lower)))
        offset += len(family.lower)
    keep = np.concatenate(rows)
    program = HighsProgram(
        d.cost, d.constant, d.matrix[keep], d.lower[keep], d.upper[keep], limits.lower, limits.upper, Control(), 1
    )
    assert flow.value == pytest.approx(program.solve_relaxation().bound, rel=1e-9)


@pytest.mark.parametrize("m", [1, 2, 3])
@pytest.mark.parametrize("seed", range(5))
def test_prices_are_a_split_and_amounts_an_answer(seed: int, m: int) -> None:
    d, limits = crowd(seed, m)
    optimum = float(d.cost @ solve_exactly(d, limits, Control()).x) + d.constant
    flow, ascent = start(d, limits)
    flow.solve(ascent, Control())
    unpriced = flow.value
    flow.price_divisions(Control())
    flow.write(ascent)
    bound = ascent.bound()
    assert unpriced - 1e-6 <= bound <= optimum + 1e-6
    assert flow.obey()
    x = flow.point(d)
    assert faults(d.problem, d.solution_of(x)) == []
    assert float(d.cost @ x) + d.constant >= optimum - 1e-6
    assert float(d.cost @ x) + d.constant - optimum < 0.05 * abs(optimum)


def test_any_costs_give_a_bound_and_perhaps_an_answer() -> None:
    """Also costs that are not convex, detections that may not appear, and every rule switched on and off."""
    answers = 0
    for seed in range(200):
        problem = tiny_problem(seed)
        d, limits = free(problem)
        if not is_flow(make_factors(d, limits.lower, limits.upper)):
            continue
        optimum = float(d.cost @ solve_exactly(d, limits, Control()).x) + d.constant
        flow, ascent = start(d, limits)
        assert flow.solve(ascent, Control())
        flow.price_divisions(Control())
        flow.write(ascent)
        assert ascent.bound() <= optimum + 1e-7, seed
        x = flow.point(d) if flow.obey() else None
        if x is not None and faults(problem, d.solution_of(x)) == []:
            assert float(d.cost @ x) + d.constant >= optimum - 1e-7, seed
            answers += 1
    assert answers > 30


def test_named_events_and_competing_detections_are_no_flow() -> None:
    kinds = set()
    for seed in range(60):
        problem = tiny_problem(seed)
        d, limits = free(problem)
        apart = bool(problem.n_external or problem.n_merges or problem.division_link is not None)
        apart |= any(len(np.unique(s)) > 1 for s in problem.exclusions)
        kinds.add(is_flow(make_factors(d, limits.lower, limits.upper)))
        if not apart:
            assert is_flow(make_factors(d, limits.lower, limits.upper)), seed
    assert kinds == {True, False}


def test_a_stopped_flow_leaves_an_honest_answer() -> None:
    d, limits = crowd(1)
    flow, ascent = start(d, limits)
    before = ascent.bound()
    control = Control(timeout=0.0)
    assert not flow.solve(ascent, control)
    assert ascent.bound() == before
    answer, _ = solve_by_ascent(d, limits, Control(timeout=0.0))
    assert answer.status == "time_limit"
    assert answer.bound <= float(d.cost @ answer.x) + d.constant
