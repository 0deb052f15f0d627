"""Solving again after pins and changed weights: always the answer of a cold solve, with its certificate."""

from dataclasses import replace

import numpy as np
import pytest
from bruteforce import faults
from random_problems import crowded_graph, random_pins, tiny_problem

from nbtrack.data.problem import Problem
from nbtrack.errors import SolveError
from nbtrack.model.energies import compute_energies
from nbtrack.params import TrackingParams
from nbtrack.solvers.pinned import PinnedState
from nbtrack.solvers.resolving import ResolvableProblem
from nbtrack.solvers.solve import solve_problem


def crowd(seed: int, *, m: int = 1, appearance: float = 30.0) -> Problem:
    graph = crowded_graph(seed, frames=6, objects=30)
    params = TrackingParams(
        preset="conservation", alpha=15.0, appearance=appearance, disappearance=appearance, objects_per_merger=m
    )
    return compute_energies(graph, params)


def corrections(problem: Problem, movie: ResolvableProblem, rng: np.random.Generator) -> PinnedState:
    """Break a link that is used, ask for one that is not, or call a tracked object a false detection."""
    solution, kind = movie.outcome.solution, int(rng.integers(3))
    if kind == 2:
        i = int(rng.choice(np.flatnonzero(solution.count)))
        return PinnedState("count", i, 0, 0, f"object {i} is a false detection")
    used = kind == 0
    link = int(rng.choice(np.flatnonzero((solution.flow > 0) == used)))
    return PinnedState("link", link, int(not used), int(not used), f"link {link} is {'not ' if used else ''}used")


def cold(problem: Problem, movie: ResolvableProblem) -> float:
    return solve_problem(problem, pins=movie.pins, optimality_gap=0.0).report.objective


@pytest.mark.parametrize("m", [1, 2])
@pytest.mark.parametrize("seed", range(3))
def test_every_pin_gives_the_cold_optimum(seed: int, m: int) -> None:
    problem = crowd(seed, m=m)
    movie = ResolvableProblem(problem)
    assert movie.outcome.report.objective == pytest.approx(cold(problem, movie), rel=1e-9)
    rng = np.random.default_rng(seed)
    for _ in range(5):
        pin = corrections(problem, movie, rng)
        movie.pin(pin)
        assert not movie.is_certified
        report = movie.resolve().report
        best = cold(problem, movie)
        assert report.bound <= best + 1e-6
        assert report.objective >= best - 1e-6
        if not movie.is_certified:
            report = movie.certify().report
        assert report.objective == pytest.approx(best, rel=1e-9)
        assert faults(problem, movie.outcome.solution) == []
    before = movie.outcome.report.objective
    movie.unpin(movie.pins[-1])
    assert movie.resolve().report.objective <= before + 1e-9
    movie.certify()
    assert movie.outcome.report.objective == pytest.approx(cold(problem, movie), rel=1e-9)


def _pin_and_resolve(movie: ResolvableProblem, pins: list[PinnedState]) -> None:
    movie.pin(*pins)
    movie.resolve()


@pytest.mark.parametrize("decade", range(0, 120, 10))
def test_tiny_problems_with_all_features(decade: int) -> None:
    for seed in range(decade, decade + 10):
        problem, pins = tiny_problem(seed), random_pins(tiny_problem(seed), seed, 2)
        movie = ResolvableProblem(problem)
        try:
            best = solve_problem(problem, pins=pins, optimality_gap=0.0).report.objective
        except SolveError:
            with pytest.raises(SolveError):
                _pin_and_resolve(movie, pins)
            continue
        movie.pin(*pins)
        report = movie.resolve().report
        assert report.bound <= best + 1e-7, seed
        assert report.objective >= best - 1e-7, seed
        if not movie.is_certified:
            report = movie.certify().report
        assert report.objective == pytest.approx(best, abs=1e-7), seed
        movie.unpin()
        movie.resolve()
        movie.certify()
        assert movie.outcome.report.objective == pytest.approx(solve_problem(problem).report.objective, abs=1e-7), seed


def test_changed_weights_start_from_the_old_split() -> None:
    movie = ResolvableProblem(crowd(1))
    other = crowd(1, appearance=25.0)
    outcome = movie.set_costs(other)
    assert outcome.report.objective == pytest.approx(solve_problem(other).report.objective, rel=1e-9)
    shorter = replace(other, source=other.source[:-5], target=other.target[:-5], link=other.link[:-5])
    shorter = replace(shorter, link_capacity=other.link_capacity[:-5])
    outcome = movie.set_costs(shorter)
    assert outcome.report.objective == pytest.approx(solve_problem(shorter).report.objective, rel=1e-9)


def test_without_time_there_is_an_answer_and_the_background_certifies_it() -> None:
    problem = crowd(2)
    movie = ResolvableProblem(problem)
    movie.pin(corrections(problem, movie, np.random.default_rng(0)))
    outcome = movie.resolve(seconds=0.0)
    assert outcome.report.status == "time_limit"
    assert faults(problem, outcome.solution) == []
    assert outcome.report.bound <= outcome.report.objective
    movie.certify_in_background().join()
    assert movie.is_certified
    assert movie.outcome.report.objective == pytest.approx(cold(problem, movie), rel=1e-9)


def test_a_change_stops_the_background() -> None:
    problem = crowd(2)
    movie = ResolvableProblem(problem)
    rng = np.random.default_rng(0)
    movie.pin(corrections(problem, movie, rng))
    movie.resolve(seconds=0.0)
    worker = movie.certify_in_background()
    movie.pin(corrections(problem, movie, rng))
    assert not worker.is_alive()
    movie.resolve()
    movie.certify()
    assert movie.outcome.report.objective == pytest.approx(cold(problem, movie), rel=1e-9)


def test_a_pin_takes_the_place_of_one_about_the_same_state() -> None:
    movie = ResolvableProblem(crowd(0))
    movie.pin(PinnedState("link", 3, 1, 1, "link 3 is used"))
    movie.pin(PinnedState("link", 3, 0, 0, "link 3 is not used"))
    assert [pin.text for pin in movie.pins] == ["link 3 is not used"]
    assert movie.problem.n_links > 3
    assert movie.resolve().solution.flow[3] == 0


def test_an_impossible_pin_changes_nothing() -> None:
    movie = ResolvableProblem(crowd(0))
    with pytest.raises(SolveError, match="the model allows at most 1"):
        movie.pin(PinnedState("count", 0, 2, 2, "two objects"))
    assert movie.pins == ()
    assert movie.resolve().report.status == "optimal"
