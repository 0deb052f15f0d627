"""Time windows on small problems: bounds and answers over all features, whoever works, and when it is stopped."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest
from bruteforce import energy, faults
from random_problems import crowded_graph, random_pins, tiny_problem

from nbtrack.errors import InputError, SolveError
from nbtrack.model.energies import compute_energies
from nbtrack.params import TrackingParams
from nbtrack.solvers import solve
from nbtrack.solvers.control import Control, Progress
from nbtrack.solvers.dual import engine, windows
from nbtrack.solvers.dual.engine import Schedule
from nbtrack.solvers.dual.pieces import arc_ends, count_faults, cut_piece
from nbtrack.solvers.dual.windows import WindowsAnswer, solve_in_windows
from nbtrack.solvers.solve import solve_problem

if TYPE_CHECKING:
    from nbtrack.data.problem import Problem, Solution

QUICK = Schedule(length=8, most=60, centring=10, largest=100)
"""A schedule for tiny problems."""
FIELDS = ("count", "flow", "appears", "vanishes", "divides", "external", "merges")


def crowd(seed: int, m: int = 1) -> Problem:
    """Some 180 detections in 6 frames."""
    return compute_energies(
        crowded_graph(seed, frames=6, objects=30),
        TrackingParams(preset="conservation", alpha=15.0, appearance=30.0, disappearance=30.0, objects_per_merger=m),
    )


def assert_same(one: WindowsAnswer, other: WindowsAnswer) -> None:
    assert (one.value, one.bound, one.status) == (other.value, other.bound, other.status)
    for name in FIELDS:
        assert np.array_equal(getattr(one.solution, name), getattr(other.solution, name)), name


def assert_honest(problem: Problem, answer: WindowsAnswer, optimum: float) -> None:
    solution: Solution = answer.solution
    assert faults(problem, solution) == []
    assert energy(problem, solution) == pytest.approx(answer.value, abs=1e-7)
    assert answer.bound <= optimum + 1e-7
    assert answer.value >= optimum - 1e-7


@pytest.mark.parametrize("decade", range(0, 60, 10))
def test_bound_optimum_and_value_over_all_features(decade: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of one or two detections: nearly every link, division, merge and exclusion leads out of one."""
    monkeypatch.setattr(engine, "SOFT", QUICK)
    monkeypatch.setattr(windows, "TURN", 2)
    monkeypatch.setattr(windows, "ROUNDS", 4)
    for seed in range(decade, decade + 10):
        problem, window = tiny_problem(seed), 1 + seed // 2 % 2
        pins = random_pins(problem, seed, 1 + seed % 3) if seed % 2 else []
        try:
            optimum = solve_problem(problem, pins=pins).report.objective
        except SolveError:
            with pytest.raises(SolveError):
                solve_in_windows(problem, pins, 0.0, Control(), "serial", window=window)
            continue
        assert_honest(problem, solve_in_windows(problem, pins, 0.0, Control(), "serial", window=window), optimum)


@pytest.mark.parametrize("m", [1, 2])
def test_windows_of_two_frames_come_near_the_optimum(m: int) -> None:
    problem = crowd(1, m)
    optimum = solve_problem(problem).report.objective
    answer = solve_in_windows(problem, [], 1e-6, Control(), "serial", window=60)
    assert_honest(problem, answer, optimum)
    assert answer.value - answer.bound < 0.1 * abs(optimum)
    assert answer.message.startswith("3 windows with ")


def test_one_window_is_the_whole() -> None:
    problem = crowd(2)
    answer = solve_in_windows(problem, [], 1e-9, Control(), "serial", window=1000)
    assert answer.value == pytest.approx(solve_problem(problem).report.objective, rel=1e-9)
    assert answer.status == "optimal"


def test_the_answer_does_not_depend_on_who_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "SOFT", QUICK)
    problem = crowd(3)
    alone = solve_in_windows(problem, [], 0.0, Control(), "serial", window=45)
    assert_same(alone, solve_in_windows(problem, [], 0.0, Control(), "threads", window=45))
    for workers in (1, 2):
        with ThreadPoolExecutor(workers) as pool:
            assert_same(alone, solve_in_windows(problem, [], 0.0, Control(), pool, window=45))


def test_shares_add_up_to_the_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "SOFT", QUICK)
    for problem in (crowd(0), tiny_problem(1), tiny_problem(5)):
        w = windows._Windows(problem, [], 0.0, Control(), "serial", problem.n_detections // 3)
        there = (
            np.arange(w.shares.shape[2]) < np.r_[problem.link_capacity, np.ones(len(w.ends) - problem.n_links)][:, None]
        )
        cost = w.shares.sum(axis=1)[there]
        bounds = [w._round(w.tilings[k % 2], k < 4) for k in range(8)]
        assert w.shares.sum(axis=1)[there] == pytest.approx(cost, abs=1e-9)
        if not problem.exclusions:
            assert np.all(np.diff(bounds) >= -1e-6)


@pytest.mark.parametrize("looks", [0, 1, 5, 20, 60, 130])
def test_stopped_anywhere_the_answer_is_feasible_and_the_bound_honest(
    looks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "SOFT", QUICK)
    problem = crowd(2)
    optimum = solve_problem(problem).report.objective
    left = iter(range(looks))

    class Impatient(Control):
        @property
        def stop_status(self) -> str | None:
            return None if next(left, None) is not None else "interrupted"

    answer = solve_in_windows(problem, [], 0.0, Impatient(cancellable=True), "serial", window=45)
    assert_honest(problem, answer, optimum)
    assert answer.status in ("interrupted", "optimal", "time_limit")


def test_the_cancel_button_is_heard_by_threads() -> None:
    problem = crowd(0)
    control = Control(cancellable=True)
    seen: list[Progress] = []

    def press(progress: Progress) -> None:
        seen.append(progress)
        control.cancel.set()

    control.progress = press
    answer = solve_in_windows(problem, [], 0.0, control, "threads", window=45)
    assert answer.status == "interrupted"
    assert [p.phase for p in seen] == ["round 1"]
    assert_honest(problem, answer, solve_problem(problem).report.objective)


def test_a_broken_rule_is_seen_in_its_piece() -> None:
    problem = crowd(0)
    answer = solve_problem(problem).solution
    piece = cut_piece(problem, arc_ends(problem), np.arange(30, 90))
    assert count_faults(piece, windows._part(answer, piece))[0] == 0
    answer.flow[np.flatnonzero(answer.flow[piece.links])[0]] = 0
    spoiled = windows._part(answer, piece)
    spoiled.flow[np.flatnonzero(spoiled.flow)[0]] = 0
    assert count_faults(piece, spoiled)[0] > 0


# --------------------------------------------------------------------------- the seam
def test_an_executor_takes_windows_by_size(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = crowd(1)
    small = solve_problem(problem, executor="serial").report
    assert small.solver == "highs (direct)"
    monkeypatch.setattr(solve, "WINDOWS_FROM", 100)
    large = solve_problem(problem, executor="serial").report
    assert large.solver == "ascent in windows + highs"
    assert large.objective == pytest.approx(small.objective, rel=1e-9)
    assert large.n_variables == small.n_variables
    assert large.n_rows > 0
    assert large.bound <= large.objective


def test_a_named_solver_has_no_windows() -> None:
    with pytest.raises(InputError, match=r'for solver="auto" only: got \'glpk\''):
        solve_problem(crowd(0), solver="glpk", executor="threads")


def test_pins_that_contradict_each_other_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solve, "WINDOWS_FROM", 1)
    monkeypatch.setattr(windows, "WINDOW", 2)
    contradicting = []
    for seed in range(1, 60):
        problem = tiny_problem(seed)
        pins = random_pins(problem, seed, 3)
        try:
            solve_problem(problem, pins=pins)
        except SolveError:
            contradicting.append((problem, pins))
    for problem, pins in contradicting[:5]:
        with pytest.raises(SolveError) as caught:
            solve_problem(problem, pins=pins, executor="serial")
        assert caught.value.status == "infeasible"
        assert any(pin.text in str(caught.value) for pin in pins)
