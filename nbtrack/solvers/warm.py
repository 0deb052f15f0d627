"""Solve one problem again and again with other pins or other costs, each time from where the last solve ended.

A pin moves the limits of a few columns; the basis of the last optimum stays dual feasible, so that the simplex method
needs a few steps only. Cuts that were found stay. Where the relaxation is fractional, the regions around it are closed
as in a first solve: the answer is certified in any case.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import highspy
import numpy as np
import scipy.sparse as sp

from nbtrack.errors import SolveError
from nbtrack.model.cuts import make_cuts
from nbtrack.model.description import describe
from nbtrack.solvers.control import Control
from nbtrack.solvers.exact import finish, relax
from nbtrack.solvers.highs import HighsProgram
from nbtrack.solvers.limits import Limits
from nbtrack.solvers.pinned import find_contradiction, hold
from nbtrack.solvers.regions import Memory
from nbtrack.solvers.solve import Outcome, make_outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nbtrack.data.problem import Problem
    from nbtrack.model.description import Description, Rows
    from nbtrack.solvers.highs import HighsAnswer
    from nbtrack.solvers.pinned import PinnedState

NAME = "highs (warm)"
"""How reports call it."""
MOST_ROWS = 1.5
"""The program is loaded anew when cuts and rows of old pins have made it so many times as long."""


class WarmProgram:
    """A problem that is solved again and again.

    Parameters
    ----------
    problem : Problem
        Energies of all states.
    threads : int, optional
        Threads of HiGHS.
    """

    def __init__(self, problem: Problem, *, threads: int | None = None) -> None:
        self.problem = problem
        self._threads = threads
        self._free = describe(problem)
        self._cuts = make_cuts(self._free)
        self._program = self._load()
        self._memory = Memory(Control())
        self._last: tuple[tuple[PinnedState, ...], float, Outcome] | None = None

    def solve(
        self, pins: Sequence[PinnedState] = (), *, optimality_gap: float = 0.0, control: Control | None = None
    ) -> Outcome:
        """Solve with pins.

        If pins were added only, and the last answer keeps to them, it is the best one still and comes at once.

        Parameters
        ----------
        pins : sequence of PinnedState, optional
            States that are held at a value.
        optimality_gap : float, optional
            Relative gap at which to stop.
        control : Control, optional
            To follow and cancel the solve.

        Returns
        -------
        Outcome

        Raises
        ------
        SolveError
            If there is no answer; contradicting pins are named.
        """
        control = control or Control()
        last = self._still_best(pins, optimality_gap, control)
        if last is not None:
            self._last = tuple(pins), optimality_gap, last
            return last
        self._last = None
        if self._program.n_rows > MOST_ROWS * max(len(self._free.lower), 1):
            self._program = self._load()
        program = self._program
        program.take(control)
        self._memory.control = control
        description, lower, upper = self._hold(pins)
        limits = Limits(lower, upper, optimality_gap, self._threads)
        try:
            answer = finish(description, program, self._cuts, limits, control, self._memory)
        except SolveError as error:
            if error.status == "infeasible":
                raise SolveError(self._name_contradiction(pins), status="infeasible") from error
            raise
        outcome = make_outcome(description, answer, NAME, "", control)
        self._last = tuple(pins), optimality_gap, outcome
        return outcome

    def _still_best(self, pins: Sequence[PinnedState], gap: float, control: Control) -> Outcome | None:
        """Give the last answer if it is proven, all that was held then is held now, and it keeps to the rest."""
        if self._last is None:
            return None
        before, proven, outcome = self._last
        if outcome.report.status != "optimal" or proven > gap or not set(before) <= set(pins):
            return None
        try:
            description, lower, upper = hold(self._free, pins)
        except SolveError:
            return None
        x = self._free.vector_of(outcome.solution)
        keeps = bool((x >= lower - 0.5).all() and (x <= upper + 0.5).all())
        for rows in description.families[len(self._free.families) :]:
            total = np.bincount(rows.row, x[rows.column] * rows.value, minlength=len(rows.lower))
            keeps &= bool((total >= rows.lower - 0.5).all() and (total <= rows.upper + 0.5).all())
        if not keeps:
            return None
        return Outcome(outcome.solution, replace(outcome.report, seconds=control.seconds))

    def relax(
        self, pins: Sequence[PinnedState] = (), *, cost: NDArray[np.float64], control: Control | None = None
    ) -> NDArray[np.float64] | None:
        """Solve the relaxation with other costs; they do not stay.

        Parameters
        ----------
        pins : sequence of PinnedState, optional
            States that are held at a value.
        cost : ndarray of float, shape (columns,)
            Costs of the columns.
        control : Control, optional
            To cancel the solve.

        Returns
        -------
        ndarray of float, shape (columns,), or None
            The point, from 0 to 1; None if it was cancelled.
        """
        control = control or Control()
        program = self._program
        program.take(control)
        self._hold(pins)
        program.set_cost(cost)
        try:
            answer: HighsAnswer = relax(program, self._cuts, control)
        finally:
            program.set_cost(self._free.cost)
        return answer.x if answer.status == "optimal" else None

    def _name_contradiction(self, pins: Sequence[PinnedState]) -> str:
        """Name a smallest set of pins that cannot hold together, by the relaxation if that can tell."""
        if self.may_hold(pins) or not self.may_hold([]):
            return find_contradiction(self._free, pins)
        needed: list[PinnedState] = []
        left = list(pins)
        while left and self.may_hold(needed):
            few, many = 0, len(left)
            while few < many:
                middle = (few + many) // 2
                if self.may_hold(needed + left[:middle]):
                    few = middle + 1
                else:
                    many = middle
            needed.append(left[few - 1])
            left = left[: few - 1]
        return find_contradiction(self._free, needed)

    def may_hold(self, pins: Sequence[PinnedState]) -> bool:
        """Tell whether the relaxation has a point that keeps to some pins.

        Parameters
        ----------
        pins : sequence of PinnedState
            States that are held at a value.

        Returns
        -------
        bool
        """
        try:
            self._hold(pins)
        except SolveError:
            return False
        return self._program.solve_relaxation().status != "infeasible"

    def _hold(self, pins: Sequence[PinnedState]) -> tuple[Description, NDArray[np.float64], NDArray[np.float64]]:
        """Bring pins into the program."""
        description, lower, upper = hold(self._free, pins)
        self._program.set_limits(lower, upper)
        extra = [family for family in description.families if family.name == "pinned"]
        self._program.hold_rows(extra[0] if extra else None)
        return description, lower, upper

    @property
    def description(self) -> Description:
        """Where the columns are."""
        return self._free

    def _load(self) -> _Program:
        d = self._free
        n = d.columns.size
        return _Program(
            d.cost, d.constant, d.matrix, d.lower, d.upper, np.zeros(n), np.ones(n), Control(), self._threads
        )


class _Program(HighsProgram):
    """A HiGHS program whose costs and limits change."""

    _held: dict[bytes, int] | None = None

    @property
    def n_rows(self) -> int:
        """Number of rows with those that were added."""
        return sum(len(lower) for _, lower, _ in self._rows)

    def take(self, control: Control) -> None:
        """Follow another control from now on."""
        self._control = control

    def set_cost(self, cost: NDArray[np.float64]) -> None:
        """Change the costs of the columns."""
        n = len(cost)
        self._highs.changeColsCost(n, np.arange(n, dtype=np.int32), np.asarray(cost, float))
        self._cost = cost

    def set_limits(self, lower: NDArray[np.float64], upper: NDArray[np.float64]) -> None:
        """Change the limits of the columns."""
        changed = np.flatnonzero((lower != self._column_lower) | (upper != self._column_upper)).astype(np.int32)
        if len(changed):
            self._highs.changeColsBounds(len(changed), changed, lower[changed], upper[changed])
        self._column_lower, self._column_upper = lower, upper

    def hold_rows(self, rows: Rows | None) -> None:
        """Hold the rows of pins, and let those of earlier pins go."""
        held = {} if self._held is None else self._held
        wanted: dict[bytes, tuple[NDArray[np.int64], float, float]] = {}
        if rows is not None:
            for k in range(len(rows.lower)):
                columns = np.sort(rows.column[rows.row == k])
                wanted[columns.tobytes()] = columns, float(rows.lower[k]), float(rows.upper[k])
        for key, block in held.items():
            matrix, lower, upper = self._rows[block]
            low, high = wanted.pop(key)[1:] if key in wanted else (-np.inf, np.inf)
            if (low, high) != (lower[0], upper[0]):
                first = sum(len(rows_lower) for _, rows_lower, _ in self._rows[:block])
                self._highs.changeRowBounds(first, max(low, -highspy.kHighsInf), min(high, highspy.kHighsInf))
                self._rows[block] = matrix, np.array([low]), np.array([high])
        for key, (columns, low, high) in wanted.items():
            index = columns.astype(np.int32)
            self._highs.addRow(low, high, len(index), index, np.ones(len(index)))
            one = sp.csr_matrix((np.ones(len(index)), (np.zeros(len(index), int), columns)), (1, len(self._cost)))
            held[key] = len(self._rows)
            self._rows.append((one, np.array([low]), np.array([high])))
        self._held = held
