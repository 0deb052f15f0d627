"""The seam to the solvers: gap, timeout, threads, progress and cancel in our words, and refusals by name."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest
from bruteforce import energy, faults
from random_problems import crowded_graph, random_pins, tiny_problem

from nbtrack.data.problem import Problem
from nbtrack.errors import InputError, SolveError, SolverUnavailable
from nbtrack.model.description import describe
from nbtrack.model.energies import compute_energies
from nbtrack.params import TrackingParams
from nbtrack.solvers import backends, exact, solve
from nbtrack.solvers.backends import BACKENDS, list_solvers
from nbtrack.solvers.control import Control, Progress
from nbtrack.solvers.highs import HighsProgram
from nbtrack.solvers.limits import Limits
from nbtrack.solvers.pinned import PinnedState, hold
from nbtrack.solvers.regions import Closing
from nbtrack.solvers.solve import solve_problem

NAMES = tuple(BACKENDS)
EVERY = ["auto", *(pytest.param(name, marks=pytest.mark.solver(name)) for name in NAMES)]
OURS = ["auto", "highs"]


@pytest.fixture(scope="module")
def hard() -> Problem:
    """A hundred detections whose relaxation is fractional: no solver ends at once."""
    graph = crowded_graph(3, frames=4, objects=25)
    return compute_energies(
        graph, TrackingParams(preset="conservation", alpha=15.0, appearance=30.0, disappearance=30.0)
    )


@pytest.fixture(scope="module")
def optimum(hard: Problem) -> float:
    return solve_problem(hard).report.objective


# --------------------------------------------------------------------------- gap
@pytest.mark.parametrize("solver", EVERY)
def test_a_wide_gap_is_kept_and_its_bound_is_honest(solver: str) -> None:
    problem = tiny_problem(4)
    best = solve_problem(problem).report.objective
    report = solve_problem(problem, solver=solver, optimality_gap=0.5).report
    assert report.status == "optimal"
    assert report.bound <= best + 1e-6
    assert best - 1e-9 <= report.objective
    assert report.gap <= 0.5 + 1e-9


@pytest.mark.parametrize("solver", OURS)
def test_a_gap_of_zero_is_exact_on_a_hard_problem(solver: str, hard: Problem, optimum: float) -> None:
    report = solve_problem(hard, solver=solver, optimality_gap=0.0).report
    assert report.objective == pytest.approx(optimum, rel=1e-9)
    assert report.gap < 1e-9
    assert report.status == "optimal"


@pytest.mark.parametrize("solver", OURS)
def test_the_gap_reaches_highs(solver: str, hard: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    options: dict[str, set[Any]] = {}
    plain = HighsProgram._set
    monkeypatch.setattr(
        HighsProgram, "_set", lambda self, k, v: (options.setdefault(k, set()).add(v), plain(self, k, v))[1]
    )
    monkeypatch.setattr(exact, "close_by_regions", lambda r, *_: Closing(None, r.bound))
    report = solve_problem(hard, solver=solver, optimality_gap=1e-3, threads=1).report
    assert options["threads"] == {1}
    assert report.gap <= 1e-3
    if solver == "highs":
        assert options["mip_rel_gap"] == {1e-3}
    else:
        assert min(options["mip_abs_gap"]) >= 1e-3 * 0.9 * report.objective


class Recorder:
    """Stands in for a solver of Pyomo: remembers what it was asked and ends as it is told."""

    def __init__(self, ends: Any = pyo.TerminationCondition.error, bound: float = -np.inf) -> None:
        self.options: dict[str, Any] = {}
        self.values: list[Any] = []
        self.results = SimpleNamespace(
            solver=SimpleNamespace(termination_condition=ends), solution=[], problem=SimpleNamespace(lower_bound=bound)
        )

    def solve(self, model: Any, *, load_solutions: bool, options: dict[str, Any]) -> Any:
        self.options = options
        self.values = [v.value for v in model.component_data_objects(pyo.Var)]
        assert load_solutions is False
        return self.results

    def stand_in_for(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(BACKENDS, name, replace(BACKENDS[name], probe=lambda: True))
        monkeypatch.setattr(backends.pyo, "SolverFactory", lambda *_args, **_options: self)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "highs"])
def test_gap_timeout_and_threads_reach_the_solver(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder, backend = Recorder(), BACKENDS[name]
    recorder.stand_in_for(name, monkeypatch)
    threads = 2 if backend.threads else None
    with pytest.raises(SolveError, match="gave no answer"):
        solve_problem(tiny_problem(1), solver=name, optimality_gap=0.25, timeout=60, threads=threads)
    assert recorder.options[backend.gap] == 0.25
    assert backend.timeout is not None
    assert 50 < recorder.options[backend.timeout] <= 60
    if backend.threads:
        assert recorder.options[backend.threads] == 2
    assert set(recorder.values) == {None}


# --------------------------------------------------------------------------- statuses
@pytest.mark.parametrize("name", ["glpk", "cplex"])
def test_a_failed_solver_is_an_error_with_its_status(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Recorder().stand_in_for(name, monkeypatch)
    with pytest.raises(SolveError, match=rf"Solver {name} ended with 'error' and gave no answer. Try another solver"):
        solve_problem(tiny_problem(1), solver=name)


def test_no_solution_in_time_gives_the_greedy_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = tiny_problem(1)
    Recorder(pyo.TerminationCondition.maxTimeLimit).stand_in_for("cplex", monkeypatch)
    outcome = solve_problem(problem, solver="cplex", timeout=1)
    assert outcome.report.status == "time_limit"
    assert faults(problem, outcome.solution) == []
    assert outcome.report.bound <= solve_problem(problem).report.objective <= outcome.report.objective


@pytest.mark.parametrize("solver", EVERY)
def test_infeasible_pins_are_told_by_every_solver(solver: str) -> None:
    problem = replace(tiny_problem(4), appearance_capacity=np.zeros(tiny_problem(4).n_detections, int))
    pin = PinnedState("count", 0, 1, 1, "the first object is tracked")
    with pytest.raises(SolveError, match="These pins contradict each other: the first object is tracked") as caught:
        solve_problem(problem, solver=solver, pins=[pin])
    assert caught.value.status == "infeasible"


def test_contradicting_pins_are_named_even_when_time_is_up() -> None:
    problem = replace(tiny_problem(4), appearance_capacity=np.zeros(tiny_problem(4).n_detections, int))
    pin = PinnedState("count", 0, 1, 1, "the first object is tracked")
    with pytest.raises(SolveError, match="These pins contradict each other: the first object is tracked"):
        solve_problem(problem, pins=[pin], timeout=0.0)


def test_the_direct_path_tells_infeasible_limits() -> None:
    d = describe(replace(tiny_problem(4), appearance_capacity=np.zeros(tiny_problem(4).n_detections, int)))
    lower = np.zeros(d.columns.size)
    lower[0] = 1
    with pytest.raises(SolveError, match="No answer keeps to everything that is fixed") as caught:
        exact.solve_exactly(d, Limits(lower, np.ones(d.columns.size), 0.0, None), Control())
    assert caught.value.status == "infeasible"


# --------------------------------------------------------------------------- timeout and cancel
@pytest.mark.parametrize("solver", OURS)
@pytest.mark.parametrize("timeout", [0.0, 0.01])
def test_timeout_gives_the_best_answer_with_a_valid_bound(
    solver: str, timeout: float, hard: Problem, optimum: float
) -> None:
    outcome = solve_problem(hard, solver=solver, timeout=timeout)
    assert outcome.report.status == "time_limit"
    assert outcome.report.bound <= optimum <= outcome.report.objective
    assert np.isfinite(outcome.report.bound)
    assert faults(hard, outcome.solution) == []
    assert energy(hard, outcome.solution) == pytest.approx(outcome.report.objective)


@pytest.mark.solver("glpk")
def test_timeout_of_glpk() -> None:
    graph = crowded_graph(0, frames=16, objects=90)  # far too much for GLPK in a second, on any machine
    hard = compute_energies(
        graph, TrackingParams(preset="conservation", alpha=15.0, appearance=30.0, disappearance=30.0)
    )
    outcome = solve_problem(hard, solver="glpk", timeout=1)
    assert outcome.report.status == "time_limit"
    assert outcome.report.bound <= outcome.report.objective
    assert faults(hard, outcome.solution) == []


@pytest.mark.parametrize("solver", OURS)
def test_cancel_before_the_start(solver: str, hard: Problem, optimum: float) -> None:
    control = Control(cancellable=True)
    control.cancel.set()
    report = solve_problem(hard, solver=solver, control=control).report
    assert report.status == "interrupted"
    assert report.bound <= optimum <= report.objective


@pytest.mark.parametrize("solver", OURS)
def test_progress_is_told_and_can_cancel(solver: str, hard: Problem, optimum: float) -> None:
    seen: list[Progress] = []
    control = Control(cancellable=True)

    def stop(progress: Progress) -> None:
        seen.append(progress)
        control.cancel.set()

    control.progress = stop
    outcome = solve_problem(hard, solver=solver, control=control)
    assert seen
    assert seen[0].seconds >= 0
    assert outcome.report.status in ("interrupted", "optimal")
    assert outcome.report.bound <= optimum + 1e-6
    assert faults(hard, outcome.solution) == []


@pytest.mark.parametrize("solver", OURS)
def test_progress_ends_near_the_answer(solver: str, hard: Problem, optimum: float) -> None:
    seen: list[Progress] = []
    solve_problem(hard, solver=solver, control=Control(progress=seen.append))
    assert all(p.bound <= optimum + 1e-6 for p in seen)
    assert min(p.incumbent for p in seen) >= optimum - 1e-6
    assert all(p.gap >= -1e-9 for p in seen if np.isfinite(p.incumbent))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("solver", OURS)
def test_stopped_at_once_it_still_keeps_law_and_pins(seed: int, solver: str) -> None:
    problem, pins = tiny_problem(seed), random_pins(tiny_problem(seed), seed, 1)
    try:
        best = solve_problem(problem, pins=pins).report.objective
    except SolveError:
        return
    outcome = solve_problem(problem, solver=solver, pins=pins, timeout=0.0)
    assert faults(problem, outcome.solution) == []
    assert outcome.report.objective >= best - 1e-9
    assert outcome.report.bound <= best + 1e-9


def test_no_time_even_for_the_pins(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = tiny_problem(4)
    kept = solve_problem(problem).solution.count
    pins = [PinnedState("count", i, int(not k), int(not k), f"count {i}") for i, k in enumerate(kept)][:1]
    monkeypatch.setattr(exact, "GRACE", 0.0)
    monkeypatch.setattr(exact, "link_greedily", lambda _: solve_problem(problem).solution)
    with pytest.raises(SolveError, match=r"was found in time. Give a longer `timeout`"):
        exact.first_answer(describe(problem), Limits(*hold(describe(problem), pins)[1:], 0.0, None))


# --------------------------------------------------------------------------- refusals
@pytest.mark.parametrize(
    ("solver", "what", "asked"),
    [
        ("glpk", "threads", {"threads": 2}),
        ("glpk", "progress", {"control": Control(progress=print)}),
        ("glpk", "cancel", {"control": Control(cancellable=True)}),
        ("cplex", "progress", {"control": Control(progress=print)}),
        ("cplex", "cancel", {"control": Control(cancellable=True)}),
        ("scip", "threads, progress", {"threads": 2, "control": Control(progress=print)}),
    ],
)
def test_what_a_solver_cannot_do_is_refused_by_name(
    solver: str, what: str, asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    Recorder().stand_in_for(solver, monkeypatch)
    with pytest.raises(
        InputError, match=f'Solver "{solver}" cannot do this: {what}. Leave it out, or use solver="auto"'
    ):
        solve_problem(tiny_problem(1), solver=solver, **asked)


def test_a_timeout_is_refused_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BACKENDS, "glpk", replace(BACKENDS["glpk"], timeout=None, probe=lambda: True))
    with pytest.raises(InputError, match='"glpk" cannot do this: timeout'):
        solve_problem(tiny_problem(1), solver="glpk", timeout=3)


def test_an_unknown_solver_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"`solver` must be one of auto, highs, cplex, glpk, .*: got 'lpsolve'"):
        solve_problem(tiny_problem(1), solver="lpsolve")


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_solver_says_how_to_get_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BACKENDS, name, replace(BACKENDS[name], probe=lambda: False))
    with pytest.raises(SolverUnavailable, match=f'Solver "{name}" was asked for but was not found: .*install'):
        solve_problem(tiny_problem(1), solver=name)
    (info,) = [entry for entry in list_solvers() if entry.name == name]
    assert not info.available
    assert info.detail.startswith("not found: ")


def test_listing_solvers_loads_none_of_them() -> None:
    code = (
        "import sys; from nbtrack.solvers.backends import list_solvers; names = [s.name for s in list_solvers()];"
        "assert names == ['auto', 'highs', 'cplex', 'glpk', 'cbc', 'scip', 'gurobi'], names;"
        "assert not {'cplex', 'gurobipy', 'pyscipopt'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.solver("cplex")
def test_cplex_community_edition_falls_back_with_a_sentence(hard: Problem, optimum: float) -> None:
    report = solve_problem(hard, solver="cplex").report
    assert report.objective == pytest.approx(optimum, rel=1e-6)
    if report.message:
        assert "CPLEX Community Edition refuses more than 1000 variables or rows" in report.message
        assert f"{report.n_variables} variables, {report.n_rows} rows" in report.message
        assert report.solver == "highs (direct)"


def test_only_the_size_error_of_cplex_falls_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(code: int) -> Callable[..., Any]:
        def solve(*_args: Any, **_options: Any) -> Any:
            raise RuntimeError("CPLEX Error", None, code)

        return solve

    recorder = Recorder()
    recorder.stand_in_for("cplex", monkeypatch)
    monkeypatch.setattr(recorder, "solve", fail(1016), raising=False)
    assert "HiGHS solved it" in solve_problem(tiny_problem(1), solver="cplex").report.message
    monkeypatch.setattr(recorder, "solve", fail(32201), raising=False)
    with pytest.raises(RuntimeError, match="CPLEX Error"):
        solve_problem(tiny_problem(1), solver="cplex")


def test_no_answer_leaves_that_breaks_the_law(monkeypatch: pytest.MonkeyPatch) -> None:
    def lie(description: Any, *_: Any) -> exact.ExactAnswer:
        return exact.ExactAnswer("optimal", np.eye(1, description.columns.size)[0], -np.inf)

    monkeypatch.setattr(solve, "solve_exactly", lie)
    with pytest.raises(SolveError, match=r"breaks the rows of the model. Try another solver"):
        solve_problem(tiny_problem(4))


def test_nothing_is_printed() -> None:
    code = "import nbtrack as nbt; s = nbt.sample('shapes'); nbt.track(nbt.detect(s.labels))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == b"", "a command that prints JSON prints nothing else"
