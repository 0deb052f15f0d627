"""The warm program finds what a cold solve finds, whatever was pinned before."""

import numpy as np
import pytest

import nbtrack as nbt
from nbtrack.errors import SolveError
from nbtrack.model.description import describe
from nbtrack.resolving import Resolver
from nbtrack.solvers.pinned import PinnedState
from nbtrack.solvers.solve import solve_problem
from nbtrack.solvers.warm import WarmProgram


@pytest.fixture(scope="module", params=["adaptive", "conservation"])
def problem(request):
    made = nbt.sample("nuclei", size=200, n_frames=8, n_cells=14, noise=2.0, seed=4)
    detections = nbt.segment(made.prediction, channel=1)
    return Resolver(detections, nbt.TrackingParams(preset=request.param)).start().problem


def random_state(problem, rng):
    """Pin something at random, as a person might."""
    if rng.random() < 0.6:
        index, value = int(rng.integers(problem.n_links)), int(rng.integers(2))
        return PinnedState("link", index, value, value, f"link {index} is {value}")
    index, value = int(rng.integers(problem.n_detections)), int(rng.integers(2))
    if rng.random() < 0.5:
        return PinnedState("count", index, value, value, f"detection {index} is {value}")
    return PinnedState("division", index, 0, 0, f"detection {index} does not divide")


@pytest.mark.parametrize("seed", range(6))
def test_random_pins_come_and_go(problem, seed) -> None:
    rng = np.random.default_rng(seed)
    warm = WarmProgram(problem)
    pins = []
    for _ in range(12):
        if pins and rng.random() < 0.3:
            pins.pop(int(rng.integers(len(pins))))
        else:
            pins.append(random_state(problem, rng))
        try:
            cold = solve_problem(problem, pins=pins).report
        except SolveError as error:
            with pytest.raises(SolveError, match=str(error)[:25]):
                warm.solve(pins)
            pins.pop()
            continue
        report = warm.solve(pins).report
        assert report.status == "optimal"
        assert report.objective == pytest.approx(cold.objective, rel=1e-9, abs=1e-9)
    assert warm.solve().report.objective == pytest.approx(solve_problem(problem).report.objective, rel=1e-9)


def test_other_costs_do_not_stay(problem) -> None:
    warm = WarmProgram(problem)
    before = warm.solve().report.objective
    rng = np.random.default_rng(0)
    for _ in range(3):
        x = warm.relax(cost=describe(problem).cost + rng.normal(0, 3, describe(problem).columns.size))
        assert x is not None
        assert ((x > -1e-6) & (x < 1 + 1e-6)).all()
    assert warm.solve().report.objective == pytest.approx(before, rel=1e-9)


def test_answer_stays_when_it_keeps_to_further_pins(problem) -> None:
    warm = WarmProgram(problem)
    first = warm.solve()
    count = first.solution.count
    pins = [PinnedState("count", i, int(count[i]), int(count[i]), f"detection {i}") for i in range(5)]
    again = warm.solve(pins)
    assert again.solution is first.solution
    assert again.report.objective == pytest.approx(solve_problem(problem, pins=pins).report.objective, rel=1e-9)
    other = PinnedState("count", 0, 1 - min(int(count[0]), 1), 1 - min(int(count[0]), 1), "detection 0")
    assert warm.solve([other]).solution.count[0] == other.low
