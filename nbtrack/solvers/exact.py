"""The direct path: linear relaxation, violated cuts, then an integer program on what is still fractional.

1. Solve the linear relaxation of the law.
2. Add the cuts that its point violates and solve again, until none is violated. If the point is integral it is the
   certified optimum.
3. Solve regions around the fractional columns as small integer programs, once priced (a bound), once with the rest
   held (an answer); let them grow until the two agree (`nbtrack.solvers.regions`).
4. If a gap is left: columns whose reduced cost exceeds the gap between the two bounds keep their value in every better
   answer. Fix them and solve the integer program that is left, with CPLEX where it is licensed; its bound and the upper
   bound certify the answer.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

import numpy as np

from nbtrack.errors import SolveError
from nbtrack.model.cuts import make_cuts, violated
from nbtrack.solvers.control import Control
from nbtrack.solvers.cplex_program import has_full_cplex, solve_with_cplex
from nbtrack.solvers.greedy import link_greedily
from nbtrack.solvers.highs import HighsAnswer, HighsProgram
from nbtrack.solvers.regions import Relaxation, close_by_regions

if TYPE_CHECKING:
    import scipy.sparse as sp
    from numpy.typing import NDArray

    from nbtrack.model.description import Description
    from nbtrack.solvers.limits import Limits
    from nbtrack.solvers.regions import Memory

_log = logging.getLogger(__name__)

INTEGRAL = 1e-6
"""A column this near to 0 or 1 counts as integral."""
ROUNDING = 1e-11
"""Relative difference of two sums of the same energies in another order."""
CUT_ROUNDS = 50
"""Rounds of cuts; each adds every violated one."""
HOPS = 3
"""Columns this many rows away from a fractional one are freed in the local repair."""
GRACE = 10.0
"""Seconds that a stopped solve may still take to make a greedy answer keep to what is pinned."""


@dataclass(frozen=True)
class ExactAnswer:
    """A feasible point and what is proven of it.

    Parameters
    ----------
    status : str
        One of `nbtrack.data.result.STATUSES`.
    x : ndarray of float, shape (columns,)
        0 or 1.
    bound : float
        No point has a lower objective.
    """

    status: str
    x: NDArray[np.float64]
    bound: float


def solve_exactly(description: Description, limits: Limits, control: Control) -> ExactAnswer:
    """Solve a described program to the gap that was asked for.

    Parameters
    ----------
    description : Description
        Rows, columns and costs.
    limits : Limits
        Column limits (pins) and the gap.
    control : Control
        Time, cancel and progress.

    Returns
    -------
    ExactAnswer
        If time is up or the solve is cancelled, the best point so far with its honest bound.

    Raises
    ------
    SolveError
        With status "infeasible" if no point keeps to the limits.
    """
    d = description
    matrix = (d.matrix, d.lower, d.upper)
    program = HighsProgram(d.cost, d.constant, *matrix, limits.lower, limits.upper, control, limits.threads)
    return finish(d, program, make_cuts(d), limits, control)


def finish(
    description: Description,
    program: HighsProgram,
    cuts: sp.csr_matrix,
    limits: Limits,
    control: Control,
    memory: Memory | None = None,
) -> ExactAnswer:
    """Solve a program that is loaded already, maybe with cuts and a basis of an earlier solve.

    Parameters
    ----------
    description : Description
        Rows, columns and costs.
    program : HighsProgram
        The same, with the limits of the columns.
    cuts : csr_matrix of float, shape (cuts, columns)
        What `nbtrack.model.cuts.make_cuts` gives.
    limits, control
        As for `solve_exactly`.
    memory : Memory, optional
        Regions that earlier solves of the program closed.

    Returns
    -------
    ExactAnswer

    Raises
    ------
    SolveError
        With status "infeasible" if no point keeps to the limits.
    """
    d = description
    relaxed = relax(program, cuts, control)
    if relaxed.status == "infeasible":
        raise SolveError("No answer keeps to everything that is fixed.", status="infeasible")
    assert relaxed.x is not None
    if relaxed.status == "optimal" and _fractional(relaxed.x).size == 0:
        x = np.round(relaxed.x)
        return ExactAnswer("optimal", x, min(relaxed.bound, _value(d, x)))

    rows = program.rows
    best, bound = _first_incumbent(d, relaxed, rows, limits, control, memory)
    value = _value(d, best)
    bound = min(bound, value)
    control.report("incumbent", value, bound)
    _log.info("relaxation %.6f, regions %.6f, incumbent %.6f", relaxed.bound, bound, value)
    if _is_closed(value, bound, limits):
        return ExactAnswer("optimal", best, bound)
    if control.stop_status is not None:
        return ExactAnswer(control.stop_status, best, bound)
    return _close(d, rows, relaxed, best, bound, limits, control)


# --------------------------------------------------------------------------- steps
def relax(program: HighsProgram, cuts: sp.csr_matrix, control: Control) -> HighsAnswer:
    """Do steps 1 and 2; the cuts stay in the program.

    Parameters
    ----------
    program : HighsProgram
        The program.
    cuts : csr_matrix of float, shape (cuts, columns)
        All cuts, of which the violated ones are added.
    control : Control
        Time, cancel and progress.

    Returns
    -------
    HighsAnswer
    """
    answer = program.solve_relaxation()
    for _ in range(CUT_ROUNDS):
        if answer.status != "optimal":
            break
        assert answer.x is not None
        control.report("relaxation", inf, answer.bound)
        broken = violated(cuts, answer.x)
        if not len(broken):
            break
        program.add_rows(cuts[broken])
        answer = program.solve_relaxation()
    return answer


def _first_incumbent(
    d: Description,
    relaxed: HighsAnswer,
    rows: tuple[sp.csr_matrix, NDArray[np.float64], NDArray[np.float64]],
    limits: Limits,
    control: Control,
    memory: Memory | None,
) -> tuple[NDArray[np.float64], float]:
    """Do step 3; if the relaxation was not finished, link greedily."""
    bound = relaxed.bound
    if relaxed.status == "optimal":
        assert relaxed.x is not None
        assert relaxed.dual is not None
        assert relaxed.reduced_cost is not None
        relaxation = Relaxation(d.cost, *rows, relaxed.x, relaxed.dual, relaxed.reduced_cost, bound)
        closing = close_by_regions(relaxation, _fractional(relaxed.x), limits, control, memory)
        bound = closing.bound
        if closing.x is not None:
            return closing.x, bound
    return first_answer(d, limits), bound


def first_answer(d: Description, limits: Limits) -> NDArray[np.float64]:
    """Link greedily and make the answer keep to the pins: for a solve that was stopped before it found anything.

    Parameters
    ----------
    d : Description
        The program.
    limits : Limits
        Column limits.

    Returns
    -------
    ndarray of float, shape (columns,)

    Raises
    ------
    SolveError
        If nothing that keeps to the pins was found.
    """
    x = d.vector_of(link_greedily(d.problem))
    activity = d.matrix @ x
    rows = np.flatnonzero((activity < d.lower - INTEGRAL) | (activity > d.upper + INTEGRAL))
    broken = np.union1d(np.flatnonzero((x < limits.lower) | (x > limits.upper)), d.matrix[rows].indices)
    if not len(broken):
        return x
    repaired = _repair(d, np.clip(x, limits.lower, limits.upper), broken, limits, Control(timeout=GRACE))
    if repaired is None:
        raise SolveError("No answer that keeps to what is fixed was found in time. Give a longer `timeout`.")
    return repaired


def _repair(
    d: Description, x: NDArray[np.float64], seeds: NDArray[np.int64], limits: Limits, control: Control
) -> NDArray[np.float64] | None:
    """Free the columns around the seeds, hold all others, and solve; wider and wider until it is feasible."""
    transposed = d.matrix.T.tocsr()
    free = np.zeros(d.columns.size, bool)
    free[seeds] = True
    hops = HOPS
    while control.stop_status is None:
        before = int(free.sum())
        for _ in range(hops):
            rows = np.zeros(d.matrix.shape[0], bool)
            rows[transposed[np.flatnonzero(free)].indices] = True
            free[d.matrix[np.flatnonzero(rows)].indices] = True
        columns = np.flatnonzero(free)
        answer = _solve_part(d, d.matrix, d.lower, d.upper, x, columns, limits, control)
        if answer.x is not None:
            return answer.x
        if answer.status == "infeasible" and len(columns) == before:  # no row leads any further
            raise SolveError("No answer keeps to everything that is fixed.", status="infeasible")
        hops = 2
    return None


def _close(
    d: Description,
    rows: tuple[sp.csr_matrix, NDArray[np.float64], NDArray[np.float64]],
    relaxed: HighsAnswer,
    best: NDArray[np.float64],
    bound: float,
    limits: Limits,
    control: Control,
) -> ExactAnswer:
    """Do step 4."""
    assert relaxed.x is not None
    assert relaxed.reduced_cost is not None
    value = _value(d, best)
    slack = value - relaxed.bound
    free = np.abs(relaxed.reduced_cost) <= slack + 1e-9 * max(abs(value), 1.0)
    at_limit = np.where(relaxed.reduced_cost > 0, limits.lower, limits.upper)
    held = np.where(free, best, at_limit)
    columns = np.flatnonzero(free & (limits.lower < limits.upper))
    _log.info("%d of %d columns are left for the integer program", len(columns), d.columns.size)
    answer = _solve_part(d, *rows, held, columns, limits, control, start=best, bound=bound)
    candidates = [best] if answer.x is None else [best, answer.x]
    best = min(candidates, key=lambda x: _value(d, x))
    value = _value(d, best)
    bound = min(max(answer.bound, bound), value)
    return ExactAnswer(
        "optimal" if _is_closed(value, bound, limits) else control.stop_status or "time_limit", best, bound
    )


def _solve_part(
    d: Description,
    matrix: sp.csr_matrix,
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
    x: NDArray[np.float64],
    columns: NDArray[np.int64],
    limits: Limits,
    control: Control,
    *,
    start: NDArray[np.float64] | None = None,
    bound: float = -inf,
) -> HighsAnswer:
    """Solve the integer program over some columns; the others keep the value they have in `x`."""
    held = x.copy()
    held[columns] = 0
    by_column = matrix.tocsc()[:, columns].tocsr()
    touched = np.flatnonzero(np.diff(by_column.indptr))
    taken = matrix @ held
    others = np.setdiff1d(np.arange(matrix.shape[0]), touched)
    if np.any(taken[others] > upper[others] + INTEGRAL) or np.any(taken[others] < lower[others] - INTEGRAL):
        return HighsAnswer("infeasible", None, inf)
    constant = d.constant + float(d.cost @ held)
    program = (
        d.cost[columns],
        constant,
        by_column[touched],
        lower[touched] - taken[touched],
        upper[touched] - taken[touched],
        limits.lower[columns],
        limits.upper[columns],
    )
    gap = limits.gap * max(abs(constant if start is None else _value(d, start)), 1.0)
    if has_full_cplex():
        answer = solve_with_cplex(*program, gap, control, limits.threads)
    else:
        fits = start is not None and np.array_equal(np.delete(start, columns), np.delete(x, columns))
        first = start[columns] if start is not None and fits else None
        answer = HighsProgram(*program, control, limits.threads).solve_integer(gap, bound, first)
    if answer.x is None:
        return answer
    held[columns] = np.round(answer.x)
    return HighsAnswer(answer.status, held, answer.bound)


# --------------------------------------------------------------------------- helpers
def _is_closed(value: float, bound: float, limits: Limits) -> bool:
    """Tell whether the gap is the one asked for, up to the rounding of sums."""
    return value - bound <= max(limits.gap, ROUNDING) * max(abs(value), 1.0)


def _fractional(x: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.flatnonzero(np.abs(x - np.round(x)) > INTEGRAL)


def _value(d: Description, x: NDArray[np.float64]) -> float:
    return float(d.cost @ x + d.constant)
