"""HiGHS, straight from arrays: one linear or integer program that can grow rows, be cancelled and report.

The gap asked for is always passed on, since HiGHS's own default stops at 1e-4.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from math import inf
from typing import TYPE_CHECKING, Any

import highspy
import numpy as np
import scipy.sparse as sp

from nbtrack.errors import SolveError
from nbtrack.solvers.threads import run_in_thread

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nbtrack.solvers.control import Control

_OPTIMAL = highspy.HighsModelStatus.kOptimal
_NO_POINT = (highspy.HighsModelStatus.kInfeasible, highspy.HighsModelStatus.kUnboundedOrInfeasible)
_STOPPED = (
    highspy.HighsModelStatus.kTimeLimit,
    highspy.HighsModelStatus.kInterrupt,
    highspy.HighsModelStatus.kSolutionLimit,
    highspy.HighsModelStatus.kObjectiveTarget,
)


@dataclass(frozen=True)
class HighsAnswer:
    """What a run of HiGHS gave.

    Parameters
    ----------
    status : {"optimal", "infeasible", "stopped"}
        How it ended.
    x : ndarray of float, shape (columns,), or None
        The best feasible point, if there is one.
    bound : float
        Proven lower bound of the objective.
    dual, reduced_cost : ndarray of float, or None
        Of a linear program: the multipliers of the rows that prove the bound, and what the bound grows by if a column
        is moved off its limit.
    """

    status: str
    x: NDArray[np.float64] | None
    bound: float
    dual: NDArray[np.float64] | None = None
    reduced_cost: NDArray[np.float64] | None = None


class HighsProgram:
    """A program ``min cost @ x + constant`` with ``lower <= A x <= upper`` and column limits.

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
    control : Control
        Time, cancel and progress.
    threads : int, optional
        Threads that HiGHS may use.
    """

    def __init__(
        self,
        cost: NDArray[np.float64],
        constant: float,
        matrix: sp.csr_matrix,
        lower: NDArray[np.float64],
        upper: NDArray[np.float64],
        column_lower: NDArray[np.float64],
        column_upper: NDArray[np.float64],
        control: Control,
        threads: int | None = None,
    ) -> None:
        self._cost, self._constant = cost, constant
        self._column_lower, self._column_upper = column_lower, column_upper
        self._rows = [(matrix, lower, upper)]
        self._control = control
        _take_the_banner()
        self._highs = highspy.Highs()
        self._set("output_flag", False)
        if threads is not None:
            self._set("threads", threads)
        program = highspy.HighsLp()
        program.num_col_, program.num_row_ = len(cost), matrix.shape[0]
        program.col_cost_, program.offset_ = cost, constant
        program.col_lower_, program.col_upper_ = column_lower, column_upper
        program.row_lower_, program.row_upper_ = np.maximum(lower, -highspy.kHighsInf), upper
        program.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        program.a_matrix_.start_ = matrix.indptr.astype(np.int32)
        program.a_matrix_.index_ = matrix.indices.astype(np.int32)
        program.a_matrix_.value_ = matrix.data
        if self._highs.passModel(program) == highspy.HighsStatus.kError:
            raise SolveError("HiGHS refused the program: its rows and columns do not fit together.")

    def add_rows(self, matrix: sp.csr_matrix, upper: float | NDArray[np.float64] = 0.0) -> None:
        """Add rows ``A x <= upper``.

        Parameters
        ----------
        matrix : csr_matrix of float, shape (new rows, columns)
            The rows.
        upper : float or ndarray of float, optional
            Their upper limits.
        """
        n = matrix.shape[0]
        low, high = np.full(n, -highspy.kHighsInf), np.broadcast_to(np.asarray(upper, float), n).copy()
        self._highs.addRows(
            n, low, high, matrix.nnz, matrix.indptr[:-1].astype(np.int32), matrix.indices.astype(np.int32), matrix.data
        )
        self._rows.append((matrix, np.full(n, -np.inf), high))

    @property
    def rows(self) -> tuple[sp.csr_matrix, NDArray[np.float64], NDArray[np.float64]]:
        """All rows with their lower and upper limits, those that were added included."""
        if len(self._rows) == 1:
            return self._rows[0]
        matrices, lower, upper = zip(*self._rows, strict=True)
        return sp.vstack(matrices).tocsr(), np.concatenate(lower), np.concatenate(upper)

    def solve_relaxation(self, *, aside: bool = True) -> HighsAnswer:
        """Solve without integrality; a second call starts from where the first one ended.

        Parameters
        ----------
        aside : bool, optional
            Whether to work in a thread of its own, where it can be cancelled; small programs are done sooner without.

        Returns
        -------
        HighsAnswer
            With a bound and reduced costs that hold whatever the tolerances of the solver.
        """
        self._set("presolve", "off")  # simplex on the rows as they are takes a third less time here
        status = self._run("relaxation", inf, aside=aside)
        if status == "infeasible":
            return HighsAnswer(status, None, inf)
        solution = self._highs.getSolution()
        bound, dual, reduced_cost = self._dual_bound(np.array(solution.row_dual))
        status = "optimal" if status == "optimal" else "stopped"
        return HighsAnswer(status, np.array(solution.col_value), bound, dual, reduced_cost)

    def solve_integer(
        self,
        gap: float,
        known_bound: float = -inf,
        start: NDArray[np.float64] | None = None,
        *,
        relative_gap: float = 0.0,
    ) -> HighsAnswer:
        """Solve with every column an integer.

        Parameters
        ----------
        gap : float
            Absolute gap at which to stop.
        known_bound : float, optional
            A bound that is proven already; for the progress line, which is left alone if this is infinite.
        start : ndarray of float, shape (columns,), optional
            A feasible point to begin with.
        relative_gap : float, optional
            Gap as a share of the objective; it stops at whichever gap is reached first.

        Returns
        -------
        HighsAnswer
        """
        n = len(self._cost)
        self._highs.changeColsIntegrality(
            n, np.arange(n, dtype=np.int32), np.full(n, highspy.HighsVarType.kInteger, dtype=object).tolist()
        )
        self._set("presolve", "choose")
        self._set("mip_rel_gap", relative_gap)
        self._set("mip_abs_gap", gap)
        if start is not None:
            point = highspy.HighsSolution()
            point.col_value = start.tolist()
            self._highs.setSolution(point)
        status = self._run("integer program", known_bound)
        if status == "not started":
            return HighsAnswer("stopped", None, -inf)
        if status == "infeasible":
            return HighsAnswer(status, None, inf)
        info = self._highs.getInfo()
        has_point = info.primal_solution_status == int(highspy.SolutionStatus.kSolutionStatusFeasible)
        x = np.array(self._highs.getSolution().col_value) if has_point else None
        if x is not None and start is not None:
            value, told = float(self._cost @ x) + self._constant, float(info.objective_function_value)
            if value > told + 1e-6 * max(abs(told), 1.0):  # HiGHS 1.16 can give back the start instead of its optimum
                self._highs.clearSolver()
                return self.solve_integer(gap, known_bound, relative_gap=relative_gap)
        return HighsAnswer(status, x, float(info.mip_dual_bound) if info.valid else -inf)

    # ------------------------------------------------------------------ helpers
    def _set(self, name: str, value: Any) -> None:
        if self._highs.setOptionValue(name, value) == highspy.HighsStatus.kError:
            raise SolveError(f"HiGHS does not take {value!r} for its option `{name}`.")

    def _run(self, phase: str, known_bound: float, *, aside: bool = True) -> str:
        """Run until it ends, time is up or the cancel button is pressed."""
        control, highs = self._control, self._highs
        if control.stop_status is not None:
            return "not started"
        if control.timeout is not None:
            self._set("time_limit", highs.getRunTime() + control.remaining)
        highs.HandleUserInterrupt = True

        def log(event: Any) -> None:
            out = event.data_out
            control.report(phase, out.mip_primal_bound, max(out.mip_dual_bound, known_bound))

        if control.progress is not None and known_bound < inf:
            self._set("log_to_console", False)
            self._set("output_flag", True)  # HiGHS calls back only where it would write to its log
            highs.cbMipLogging.subscribe(log)
        if aside:
            run_in_thread(highs.run, control, highs.cancelSolve)
        else:
            highs.run()
        status = highs.getModelStatus()
        if status == _OPTIMAL:
            return "optimal"
        if status in _NO_POINT:
            return "infeasible"
        if status in _STOPPED:
            return "stopped"
        raise SolveError(f"HiGHS ended with the status {highs.modelStatusToString(status)!r} and without an answer.")

    def _dual_bound(self, row_dual: NDArray[np.float64]) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
        """Weak duality: any multipliers of the rows, with the sign of their limits, give a valid bound."""
        bound, reduced, dual = self._constant, self._cost.copy(), []
        first = 0
        for matrix, lower, upper in self._rows:
            n = matrix.shape[0]
            y = row_dual[first : first + n] if len(row_dual) >= first + n else np.zeros(n)
            first += n
            y = np.where((y > 0) & np.isneginf(lower) | (y < 0) & np.isposinf(upper), 0.0, y)
            bound += float(np.where(y > 0, np.maximum(lower, -1e30), np.minimum(upper, 1e30)) @ y)
            reduced -= matrix.T @ y
            dual.append(y)
        at = np.where(reduced > 0, self._column_lower, self._column_upper)
        return bound + float(reduced @ at), np.concatenate(dual), reduced


@cache
def _take_the_banner() -> None:
    """Make one HiGHS for nothing: the first of a process writes its banner to stdout before any option can be set."""
    try:
        stdout = os.dup(1)
    except OSError:  # there is none
        return
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        try:
            highspy.Highs()
        finally:
            os.dup2(stdout, 1)
            os.close(stdout)
