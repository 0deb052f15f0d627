"""Ctrl-C, the cancel button and the clock in the engine: the best answer so far comes back, with an honest gap."""

from __future__ import annotations

import os
import signal
from functools import cache
from typing import TYPE_CHECKING

import pytest
from bruteforce import energy, faults
from random_problems import crowded_graph

from nbtrack.model.energies import compute_energies
from nbtrack.params import TrackingParams
from nbtrack.solvers import solve
from nbtrack.solvers.control import Control, Progress
from nbtrack.solvers.solve import Outcome, solve_problem

if TYPE_CHECKING:
    from nbtrack.data.problem import Problem


@cache
def crowd() -> Problem:
    """Some thousand detections, which the engine takes half a second or more for."""
    graph = crowded_graph(3, frames=20, objects=50)
    return compute_energies(graph, TrackingParams(preset="conservation", alpha=15.0, objects_per_merger=1))


@cache
def optimum() -> float:
    return solve_problem(crowd()).report.objective


def assert_honest(outcome: Outcome) -> None:
    report = outcome.report
    assert faults(crowd(), outcome.solution) == []
    assert energy(crowd(), outcome.solution) == pytest.approx(report.objective, rel=1e-12)
    assert report.bound <= optimum() + 1e-7
    assert report.objective >= optimum() - 1e-7
    assert report.gap == pytest.approx((report.objective - report.bound) / report.objective)


@pytest.fixture(autouse=True)
def engine_for_all_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    optimum()
    monkeypatch.setattr(solve, "ASCENT_FROM", 0)


@pytest.mark.parametrize("phase", ["sweep 20", "sweep 60", "core"])
@pytest.mark.parametrize("how", ["button", "ctrl-c"])
def test_stopped_by_hand_it_gives_the_best_so_far(phase: str, how: str) -> None:
    seen: list[Progress] = []

    def listen(progress: Progress) -> None:
        seen.append(progress)
        if progress.phase == phase:
            if how == "button":
                control.cancel.set()
            else:
                os.kill(os.getpid(), signal.SIGINT)
                control.cancel.wait(10)  # Ctrl-C presses the button, from the thread of the caller

    control = Control(cancellable=True, progress=listen)
    outcome = solve_problem(crowd(), control=control)
    assert control.cancel.is_set()
    assert outcome.report.status in ("interrupted", "optimal")
    assert_honest(outcome)
    assert outcome.report.objective <= min(p.incumbent for p in seen) + 1e-9
    assert outcome.report.bound >= max(p.bound for p in seen) - 1e-9
    if phase != "core":
        assert outcome.report.status == "interrupted"
        assert seen[-1].phase == phase


@pytest.mark.parametrize("timeout", [0.0, 0.05, 0.2, 0.5])
def test_when_time_is_up_it_gives_the_best_so_far(timeout: float) -> None:
    outcome = solve_problem(crowd(), timeout=timeout)
    assert outcome.report.status in ("time_limit", "optimal")
    assert_honest(outcome)


def test_progress_tells_sweep_bound_incumbent_and_gap() -> None:
    seen: list[Progress] = []
    report = solve_problem(crowd(), control=Control(progress=seen.append)).report
    phases = [p.phase for p in seen]
    assert [phase for phase in phases if phase.startswith("sweep")][:3] == ["sweep 10", "sweep 20", "sweep 30"]
    assert "core" in phases
    bounds, gaps = [p.bound for p in seen], [p.gap for p in seen]
    assert bounds == sorted(bounds)
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] < 0.01
    assert seen[-1].incumbent >= report.objective - 1e-9
    times = [p.seconds for p in seen]
    assert times == sorted(times)


def test_progress_of_windows_tells_round_bound_and_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solve, "WINDOWS_FROM", 100)
    seen: list[Progress] = []
    report = solve_problem(crowd(), control=Control(progress=seen.append), executor="serial").report
    assert [p.phase for p in seen][:3] == ["round 1", "round 2", "round 3"]
    assert seen[-1].phase == "windows"
    assert seen[-1].gap == pytest.approx(report.gap, abs=1e-12)
