"""The engine for large problems on small ones, where the optimum is known: bounds, answers, certificates, pins."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from bruteforce import energy, faults
from random_problems import crowded_graph, random_pins, tiny_problem

from nbtrack.errors import SolveError
from nbtrack.model.description import describe
from nbtrack.model.energies import compute_energies
from nbtrack.params import TrackingParams
from nbtrack.solvers import solve
from nbtrack.solvers.control import Control, Progress
from nbtrack.solvers.dual import core, engine, selection
from nbtrack.solvers.dual.ascent import Ascent
from nbtrack.solvers.dual.engine import Schedule, solve_by_ascent
from nbtrack.solvers.dual.factors import make_factors
from nbtrack.solvers.dual.order import order_in_time
from nbtrack.solvers.exact import ExactAnswer, solve_exactly
from nbtrack.solvers.highs import HighsProgram
from nbtrack.solvers.limits import Limits
from nbtrack.solvers.pinned import hold
from nbtrack.solvers.solve import solve_problem

if TYPE_CHECKING:
    from nbtrack.data.problem import Problem
    from nbtrack.solvers.pinned import PinnedState

QUICK = Schedule(length=10, most=60, centring=10, largest=100)
"""A schedule for tiny problems."""
SEEDS = range(500)


def limits_of(problem: Problem, pins: list[PinnedState] | None = None) -> tuple[Any, Limits]:
    description, lower, upper = hold(describe(problem), pins or [])
    return description, Limits(lower, upper, 0.0, 1)


def value_of(description: Any, answer: ExactAnswer) -> float:
    return float(description.cost @ answer.x) + description.constant


def whole_optimum(description: Any, limits: Limits) -> float | None:
    """Solve the whole as one integer program at gap 0; None if there is no answer."""
    d = description
    rows = d.matrix, d.lower, d.upper
    program = HighsProgram(d.cost, d.constant, *rows, limits.lower, limits.upper, Control(), 1)
    answer = program.solve_integer(0.0)
    return None if answer.x is None else float(d.cost @ np.round(answer.x)) + d.constant


def crowd(seed: int, *, m: int = 1, frames: int = 6, objects: int = 30) -> Problem:
    graph = crowded_graph(seed, frames=frames, objects=objects)
    return compute_energies(
        graph,
        TrackingParams(preset="conservation", alpha=15.0, appearance=30.0, disappearance=30.0, objects_per_merger=m),
    )


# --------------------------------------------------------------------------- the bound
@pytest.mark.parametrize("decade", range(0, 200, 10))
def test_the_ascent_rises_and_stays_below_the_optimum(decade: int) -> None:
    for seed in range(decade, decade + 10):
        problem = tiny_problem(seed)
        d, limits = limits_of(problem)
        best = solve_problem(problem)
        ascent = Ascent(make_factors(d, limits.lower, limits.upper))
        last = ascent.bound()
        for sweep in range(40):
            share = 0.9 if sweep // 10 % 2 == 0 else 0.1
            assert ascent.sweep(share, 1 - share, Control(), slack=0.5 if sweep > 30 else 1.0)
            ascent.settle()
            bound = ascent.bound()
            assert bound >= last - 1e-6, seed
            last = bound
        optimum = best.report.objective
        assert last <= optimum + 1e-7, seed
        x = d.vector_of(best.solution)
        excess = ascent.excess(d.columns, x)
        assert excess.min() >= -1e-7, seed
        assert excess.sum() == pytest.approx(optimum - last, abs=1e-7), seed
        zero, one = ascent.column_slack(d.columns)
        assert np.all(np.where(x > 0.5, one, zero) <= optimum - last + 1e-7), seed


def test_the_split_adds_up_after_settling() -> None:
    problem = tiny_problem(1)
    d, limits = limits_of(problem)
    f = make_factors(d, limits.lower, limits.upper)
    ascent = Ascent(f)
    for _ in range(30):
        ascent.sweep(0.7, 0.3, Control())
    ascent.settle()
    shape = len(f.arc_cost), -1
    total = np.zeros((len(f.arc_cost), f.size))
    np.add.at(total, f.out.arc, ascent.out.reshape(len(f.out.arc), f.size))
    np.add.at(total, f.into.arc, ascent.into.reshape(len(f.into.arc), f.size))
    there = np.arange(f.size) < f.arc_capacity[:, None]
    assert total.reshape(shape)[there] == pytest.approx(f.arc_cost[there], abs=1e-12)


def test_detections_in_any_order_are_put_in_time() -> None:
    problem = tiny_problem(1)
    source, target = problem.source, problem.target
    back = problem.n_detections - 1
    nothing, pairs = np.zeros(0, np.int64), np.zeros((0, 2), np.int64)
    rank = order_in_time(back + 1, back - source, back - target, nothing, pairs, pairs, nothing)
    assert np.all(rank[back - source] < rank[back - target])
    loop = order_in_time(2, np.array([0, 1]), np.array([1, 0]), nothing, pairs, pairs, nothing)
    assert loop.tolist() == [0, 1]


# --------------------------------------------------------------------------- the answer
@pytest.mark.parametrize("decade", range(0, len(SEEDS), 20))
def test_bound_optimum_and_value_over_all_features(decade: int) -> None:
    """Every odd problem has one to three pins; a third of them has a core of almost nothing."""
    for seed in range(decade, decade + 20):
        problem = tiny_problem(seed)
        try:
            d, limits = limits_of(problem, random_pins(problem, seed, 1 + seed % 3) if seed % 2 else [])
        except SolveError:
            continue
        schedule = Schedule(length=10, most=60, centring=10, largest=3 if seed % 3 else 100)
        optimum = whole_optimum(d, limits)
        if optimum is None:
            with pytest.raises(SolveError):
                solve_by_ascent(d, limits, Control(), schedule=schedule)
            continue
        answer, _ = solve_by_ascent(d, limits, Control(), schedule=schedule)
        value = value_of(d, answer)
        assert answer.bound <= optimum + 1e-7, seed
        assert value == pytest.approx(optimum, abs=1e-7), seed
        assert answer.bound == pytest.approx(value, abs=1e-7), seed
        assert answer.status == "optimal", seed
        solution = d.solution_of(answer.x)
        assert faults(problem, solution) == [], seed
        assert energy(problem, solution) == pytest.approx(value, abs=1e-7), seed


@pytest.mark.parametrize("decade", range(0, 300, 20))
def test_regions_alone_keep_the_certificate(decade: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "FEW", -1)
    for seed in range(decade, decade + 20):
        problem = tiny_problem(seed)
        try:
            d, limits = limits_of(problem, random_pins(problem, seed, 1) if seed % 2 else [])
            optimum = value_of(d, solve_exactly(d, limits, Control()))
        except SolveError:
            continue
        answer, _ = solve_by_ascent(d, limits, Control(), schedule=QUICK)
        assert answer.bound <= optimum + 1e-7, seed
        assert value_of(d, answer) >= optimum - 1e-7, seed
        assert faults(problem, d.solution_of(answer.x)) == [], seed


@pytest.mark.parametrize("m", [1, 2, 3])
@pytest.mark.parametrize("seed", range(3))
def test_some_hundred_crowded_detections(seed: int, m: int, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = crowd(seed, m=m)
    d, limits = limits_of(problem)
    optimum = value_of(d, solve_exactly(d, limits, Control()))
    schedule = Schedule(length=50, most=400, largest=500)
    answer, _ = solve_by_ascent(d, limits, Control(), schedule=schedule)
    monkeypatch.setattr(engine, "is_flow", lambda factors: False)
    without_flow, tally = solve_by_ascent(d, limits, Control(), schedule=schedule)
    assert value_of(d, answer) == pytest.approx(optimum, rel=1e-9)
    assert answer.status == "optimal"
    assert without_flow.status == "optimal"
    assert value_of(d, without_flow) == pytest.approx(optimum, rel=1e-9)
    assert tally.relaxations > 0


def _has_answer(problem: Problem, pins: list[PinnedState]) -> bool:
    try:
        solve_problem(problem, pins=pins)
    except SolveError:
        return False
    return True


def test_infeasible_pins_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    problems = [(tiny_problem(seed), random_pins(tiny_problem(seed), seed, 3)) for seed in range(120)]
    infeasible = [(problem, pins) for problem, pins in problems if not _has_answer(problem, pins)]
    assert len(infeasible) > 5
    monkeypatch.setattr(solve, "ASCENT_FROM", 0)
    for problem, pins in infeasible:
        with pytest.raises(SolveError) as caught:
            solve_problem(problem, pins=pins)
        assert caught.value.status == "infeasible"
        assert any(pin.text in str(caught.value) for pin in pins)


def test_the_same_answer_every_time() -> None:
    problem = crowd(1, m=2)
    d, limits = limits_of(problem)
    answers = [
        solve_by_ascent(d, Limits(limits.lower, limits.upper, 0.0, threads), Control(), schedule=QUICK)[0]
        for threads in (1, 2, 1)
    ]
    for other in answers[1:]:
        assert np.array_equal(answers[0].x, other.x)
        assert answers[0].bound == other.bound


@pytest.mark.parametrize("m", [1, 2])
def test_batches_on_several_threads_give_the_same(m: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "BATCH", 40)  # some dozen batches
    d, limits = limits_of(crowd(1, m=m))
    found = []
    for threads in (None, 1, 2, 3):
        choice = Limits(limits.lower, limits.upper, 0.0, threads)
        answer, tally = solve_by_ascent(d, choice, Control(), schedule=QUICK)
        found.append((answer.x.tobytes(), answer.bound, answer.status, tally.sentence()))
    assert len(set(found)) == 1


# --------------------------------------------------------------------------- the seam
def test_auto_goes_by_size(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = crowd(0)
    direct = solve_problem(problem)
    assert direct.report.solver == "highs (direct)"
    monkeypatch.setattr(solve, "ASCENT_FROM", problem.n_detections)
    report = solve_problem(problem).report
    assert report.solver == "ascent + highs"
    assert report.objective == pytest.approx(direct.report.objective, rel=1e-9)
    assert "linear programs" in report.message


def test_progress_tells_sweeps_bound_and_incumbent() -> None:
    d, limits = limits_of(crowd(2))
    seen: list[Progress] = []
    answer, _ = solve_by_ascent(d, limits, Control(progress=seen.append), schedule=QUICK)
    sweeps = [p for p in seen if p.phase.startswith("sweep")]
    assert sweeps
    assert all(after.bound >= before.bound - 1e-9 for before, after in pairwise(seen))
    assert {p.phase.split()[0] for p in seen} <= {"flow", "sweep", "core", "regions"}  # blocks keep quiet
    assert min(p.incumbent for p in seen) >= value_of(d, answer) - 1e-9


@pytest.mark.parametrize("looks", [1, 2, 5, 20, 45, 60, 70, 80])
def test_stopped_anywhere_the_answer_is_feasible_and_the_bound_honest(looks: int) -> None:
    problem = crowd(2)
    d, limits = limits_of(problem)
    optimum = value_of(d, solve_exactly(d, limits, Control()))
    left = iter(range(looks))

    class Impatient(Control):
        @property
        def stop_status(self) -> str | None:
            return None if next(left, None) is not None else "interrupted"

    answer, _ = solve_by_ascent(d, limits, Impatient(cancellable=True), schedule=QUICK)
    assert faults(problem, d.solution_of(answer.x)) == []
    assert answer.bound <= optimum + 1e-7
    assert value_of(d, answer) >= optimum - 1e-7
    assert answer.status in ("interrupted", "optimal")


def test_schedule_follows_the_energies() -> None:
    soft, stiff = (
        crowd(0),
        compute_energies(crowded_graph(0, frames=40, objects=5), TrackingParams(preset="conservation", alpha=15.0)),
    )
    d, limits = limits_of(soft)
    assert engine.choose_schedule(make_factors(d, limits.lower, limits.upper)) is engine.SOFT
    d, limits = limits_of(stiff)
    schedule = engine.choose_schedule(make_factors(d, limits.lower, limits.upper))
    assert schedule.length == int(39 * engine.PHASE_PER_FRAME)
    assert schedule.share > engine.SOFT.share


def test_a_stuck_component_is_widened() -> None:
    """What is held leaves no answer; what lies around it does."""
    problem = tiny_problem(4)
    d, limits = limits_of(problem)
    program = core.Program(d, limits)
    x = np.zeros(d.columns.size)
    x[d.columns.count.start[0]] = 1.0  # an object from nowhere, to nowhere
    free = d.columns.flow.columns[:1]
    found = program.solve_held(x, free, Control())
    assert found is None or program.is_feasible(found)


def test_conflicts_are_released() -> None:
    d, limits = limits_of(tiny_problem(4))
    program = core.Program(d, limits)
    x, free = np.ones(d.columns.size), np.zeros(d.columns.size, bool)
    fixed = np.zeros(d.columns.size, bool)
    matrix = program.matrix
    arguments = matrix.indptr, matrix.indices, matrix.data, program.lower, program.upper, x, free, fixed
    assert selection.release_conflicts(*arguments) > 0
    assert free.any()


# --------------------------------------------------------------------------- other solvers for the blocks
@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.solver(n)) for n in ("cplex", "glpk")])
def test_undecided_blocks_go_to_a_solver_by_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from nbtrack.solvers import backends

    monkeypatch.setattr(solve, "ASCENT_FROM", 0)
    monkeypatch.setattr(engine, "SOFT", QUICK)
    problem = crowd(1)
    best = solve_exactly(*limits_of(problem), Control())
    optimum = value_of(limits_of(problem)[0], best)
    report = solve_problem(problem, solver=name).report
    assert report.solver == f"ascent + {name}"
    assert report.objective == pytest.approx(optimum, rel=1e-9)
    assert f"by {name}" in report.message
    monkeypatch.setattr(backends, "COMMUNITY_SIZE", 0)
    monkeypatch.setattr(backends, "has_full_cplex", lambda: False)
    report = solve_problem(problem, solver=name).report
    assert report.objective == pytest.approx(optimum, rel=1e-9)
    assert "by highs" in report.message


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.solver(n)) for n in ("cplex", "glpk")])
@pytest.mark.parametrize("largest", [1000, 60])
def test_blocks_over_the_size_of_the_community_edition_go_to_highs(
    name: str, largest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand detections with mergers leave some blocks of either kind; the report counts them."""
    from nbtrack.solvers import backends

    monkeypatch.setattr(solve, "ASCENT_FROM", 0)
    monkeypatch.setattr(engine, "SOFT", QUICK)
    monkeypatch.setattr(backends, "COMMUNITY_SIZE", largest)
    monkeypatch.setattr(backends, "has_full_cplex", lambda: False)
    params = TrackingParams(preset="conservation", alpha=15.0, appearance=30.0, disappearance=30.0)
    problem = compute_energies(crowded_graph(2, frames=10, objects=100, width=200.0), params)
    report = solve_problem(problem, solver=name, optimality_gap=1e-6).report
    assert report.solver == f"ascent + {name}"
    assert report.status == "optimal"
    assert report.gap <= 1e-6
    blocks = int(re.search(r"(\d+) undecided blocks", report.message)[1])  # type: ignore[index]
    by_solver = {solver: int(number) for number, solver in re.findall(r"(\d+) by (\w+)", report.message)}
    assert sum(by_solver.values()) == blocks
    assert set(by_solver) <= {name, "highs"}
    assert by_solver[name] > 0
    if int(re.search(r"largest with (\d+)", report.message)[1]) > largest:  # type: ignore[index]
        assert by_solver["highs"] > 0
