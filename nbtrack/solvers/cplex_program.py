"""The integer program that is left at the end of the direct path, by CPLEX where a full licence answers.

The Community Edition takes at most 1000 variables and rows; it is not asked, HiGHS does that work.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from nbtrack.errors import SolveError
from nbtrack.solvers.highs import HighsAnswer
from nbtrack.solvers.threads import run_in_thread

if TYPE_CHECKING:
    import scipy.sparse as sp
    from numpy.typing import NDArray

    from nbtrack.solvers.control import Control

_MORE_THAN_COMMUNITY_EDITION_TAKES = 1001


@cache
def has_full_cplex() -> bool:
    """Tell whether CPLEX is there and takes programs of any size; asked once, with an empty program.

    Returns
    -------
    bool
    """
    if find_spec("cplex") is None:
        return False
    import cplex

    try:
        program = _silent(cplex.Cplex())
        program.variables.add(obj=[0.0] * _MORE_THAN_COMMUNITY_EDITION_TAKES)
        program.solve()
    except cplex.exceptions.CplexError:
        return False
    return True


def solve_with_cplex(
    cost: NDArray[np.float64],
    constant: float,
    matrix: sp.csr_matrix,
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
    column_lower: NDArray[np.float64],
    column_upper: NDArray[np.float64],
    gap: float,
    control: Control,
    threads: int | None = None,
) -> HighsAnswer:
    """Minimise ``cost @ x + constant`` over integers with ``lower <= A x <= upper``.

    Parameters
    ----------
    cost : ndarray of float, shape (columns,)
        Objective.
    constant : float
        Added to the objective.
    matrix : csr_matrix of float, shape (rows, columns)
        The rows.
    lower, upper : ndarray of float, shape (rows,)
        Limits of the rows.
    column_lower, column_upper : ndarray of float, shape (columns,)
        Finite limits of the columns.
    gap : float
        Absolute gap at which to stop.
    control : Control
        Time and cancel.
    threads : int, optional
        Threads that CPLEX may use.

    Returns
    -------
    HighsAnswer
        As HiGHS would give it.

    Raises
    ------
    SolveError
        If CPLEX ends in an unexpected way.
    """
    import cplex

    program = _silent(cplex.Cplex())
    program.variables.add(obj=cost.tolist(), lb=column_lower.tolist(), ub=column_upper.tolist(), types="I" * len(cost))
    for limit, sense, wanted in (
        (upper, "E", lower == upper),
        (upper, "L", np.isfinite(upper) & (lower < upper)),
        (lower, "G", np.isfinite(lower) & (lower < upper)),
    ):
        rows = np.flatnonzero(wanted)
        if not len(rows):
            continue
        part = matrix[rows].tocoo()
        first = program.linear_constraints.get_num()
        program.linear_constraints.add(rhs=limit[rows].tolist(), senses=sense * len(rows))
        entries = list(zip((part.row + first).tolist(), part.col.tolist(), part.data.tolist(), strict=True))
        if entries:
            program.linear_constraints.set_coefficients(entries)
    program.objective.set_offset(constant)
    parameters = program.parameters
    parameters.mip.tolerances.mipgap.set(0.0)
    parameters.mip.tolerances.absmipgap.set(gap)
    if control.timeout is not None:
        parameters.timelimit.set(control.remaining)
    if threads is not None:
        parameters.threads.set(threads)
    button = program.use_aborter(cplex.Aborter())
    run_in_thread(program.solve, control, button.abort)
    solution = program.solution
    if solution.get_status() in (solution.status.MIP_infeasible, solution.status.MIP_infeasible_or_unbounded):
        return HighsAnswer("infeasible", None, inf)
    finished = solution.get_status() in (solution.status.MIP_optimal, solution.status.optimal_tolerance)
    if not finished and control.stop_status is None:
        raise SolveError(f"CPLEX ended with {solution.get_status_string()!r} and without an answer.")
    x = np.array(solution.get_values()) if solution.is_primal_feasible() else None
    return HighsAnswer("optimal" if finished else "stopped", x, float(solution.MIP.get_best_objective()))


def _silent(program: Any) -> Any:
    for stream in ("log", "results", "warning", "error"):
        getattr(program, f"set_{stream}_stream")(None)
    return program
