"""The one seam through which every solver is asked, in our words: gap, timeout, threads, progress, cancel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nbtrack.data.result import SolveReport
from nbtrack.errors import InputError, SolveError
from nbtrack.model.description import Description, describe
from nbtrack.model.objective import energy_of, has_division_variable
from nbtrack.solvers.control import Control
from nbtrack.solvers.exact import ExactAnswer, solve_exactly
from nbtrack.solvers.limits import Limits
from nbtrack.solvers.pinned import find_contradiction, hold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbtrack.data.problem import Problem, Solution
    from nbtrack.parallel import ExecutorLike
    from nbtrack.solvers.pinned import PinnedState


ASCENT_FROM = 8_000
"""From so many detections on, dual ascent is quicker than the relaxation of the whole (measured: `bench_scale.py`)."""
WINDOWS_FROM = 30_000
"""Detections from which on an executor solves in time windows: two of them."""


@dataclass(frozen=True)
class Outcome:
    """A solution and the report of how it was found.

    Parameters
    ----------
    solution : Solution
        A state for every variable.
    report : SolveReport
        Solver, status, objective, bound, gap, seconds and sizes.
    """

    solution: Solution
    report: SolveReport


def solve_problem(
    problem: Problem,
    *,
    solver: str = "auto",
    optimality_gap: float = 0.0,
    timeout: float | None = None,
    threads: int | None = None,
    pins: Sequence[PinnedState] = (),
    control: Control | None = None,
    executor: ExecutorLike = None,
) -> Outcome:
    """Solve a conservation-tracking problem.

    Parameters
    ----------
    problem : Problem
        Energies of all states.
    solver : str, optional
        "auto" for our own path, chosen by size; or the name of a solver that gets the Pyomo model as it is. Of large
        problems such a solver gets the undecided blocks that are left after the ascent, as Pyomo models.
    optimality_gap : float, optional
        Relative gap, of the energy with all constants, at which to stop.
    timeout : float, optional
        Seconds after which to stop with the best answer so far.
    threads : int, optional
        Threads of the solver.
    pins : sequence of PinnedState, optional
        States that are held at a value.
    control : Control, optional
        To follow and cancel the solve; its `timeout` is set to `timeout` if that is given.
    executor : concurrent.futures.Executor or {"threads", "processes", "serial"}, optional
        Who solves a large problem in time windows (`nbtrack.solvers.dual.windows`), with `solver` "auto"; this needs
        less memory here. A problem that is smaller than two windows is solved as a whole all the same.

    Returns
    -------
    Outcome

    Raises
    ------
    SolverUnavailable
        If the solver was asked for by name but is not there.
    SolveError
        If there is no answer; contradicting pins are named.
    InputError
        If the solver does not know an option that was given.
    """
    control = control or Control()
    if timeout is not None:
        control.timeout = timeout
    if executor is not None and solver != "auto":
        raise InputError(f'`executor` solves in time windows, for solver="auto" only: got {solver!r}. Leave one out.')
    if executor is not None and problem.n_detections >= WINDOWS_FROM:
        return _solve_in_windows(problem, optimality_gap, pins, control, executor)
    free = describe(problem)
    description, lower, upper = hold(free, pins)
    limits = Limits(lower, upper, optimality_gap, threads)
    name, message = solver, ""
    try:
        if solver == "auto" and problem.n_detections < ASCENT_FROM:
            name, answer = "highs (direct)", solve_exactly(description, limits, control)
        elif solver == "auto":
            from nbtrack.solvers.dual.engine import solve_by_ascent  # loads numba

            answer, tally = solve_by_ascent(description, limits, control)
            name, message = "ascent + highs", tally.sentence()
        else:
            from nbtrack.solvers.backends import solve_by_name, solve_in_blocks  # loads Pyomo

            solve_named = solve_by_name
            if problem.n_detections >= ASCENT_FROM and solver != "highs":
                solve_named = solve_in_blocks
            name, answer, message = solve_named(solver, description, limits, control)
    except SolveError as error:
        if error.status == "infeasible":
            raise SolveError(find_contradiction(free, pins), status="infeasible") from error
        raise
    return make_outcome(description, answer, name, message, control)


def _solve_in_windows(
    problem: Problem, gap: float, pins: Sequence[PinnedState], control: Control, executor: ExecutorLike
) -> Outcome:
    """Solve without the rows and columns of the whole, which the windows check for themselves."""
    from nbtrack.solvers.dual.windows import solve_in_windows  # loads numba

    p = problem
    try:
        answer = solve_in_windows(p, pins, gap, control, executor)
    except SolveError as error:
        if error.status == "infeasible":
            raise SolveError(find_contradiction(describe(p), pins), status="infeasible") from error
        raise
    capacities = p.capacity, p.link_capacity, p.appearance_capacity, p.disappearance_capacity
    divides = has_division_variable(p) & (p.capacity > 0)
    children = 0 if p.division_link is None else int(divides[p.source].sum())
    report = SolveReport(
        solver="ascent in windows + highs",
        status=answer.status,
        objective=answer.value,
        bound=answer.bound,
        raw_objective=answer.value,
        seconds=control.seconds,
        n_detections=p.n_detections,
        n_links=p.n_links,
        n_variables=sum(int(c.sum()) for c in capacities) + int(divides.sum()) + children + p.n_external + p.n_merges,
        n_rows=answer.rows,
        message=answer.message,
    )
    return Outcome(answer.solution, report)


def make_outcome(description: Description, answer: ExactAnswer, name: str, message: str, control: Control) -> Outcome:
    """Check an answer, and write its report.

    Parameters
    ----------
    description : Description
        What was solved.
    answer : ExactAnswer
        The point and its bound.
    name, message : str
        Name of the solver, and anything the user should know.
    control : Control
        How long it took.

    Returns
    -------
    Outcome
    """
    problem = description.problem
    solution = description.solution_of(answer.x)
    _verify(description, answer.x)
    objective = energy_of(problem, solution)
    report = SolveReport(
        solver=name,
        status=answer.status,
        objective=objective,
        bound=min(answer.bound, objective),
        raw_objective=objective,
        seconds=control.seconds,
        n_detections=problem.n_detections,
        n_links=problem.n_links,
        n_variables=description.columns.size,
        n_rows=len(description.lower),
        message=message,
    )
    return Outcome(solution, report)


def _verify(description: Description, x: np.ndarray) -> None:
    """No answer leaves that breaks the law, whatever the solver said."""
    activity = description.matrix @ np.round(x)
    if np.any(activity > description.upper + 1e-6) or np.any(activity < description.lower - 1e-6):
        raise SolveError("The solver gave an answer that breaks the rows of the model. Try another solver.")
