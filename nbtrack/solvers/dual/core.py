"""The exact core: some columns free, all others held, solved exactly component by component.

What is held drops out of the rows, and the rest falls apart into components that share no row. Components are solved
together, as one linear relaxation for some ten thousand columns, with the cuts that it violates; those with a
fractional column become integer programs of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from nbtrack.model.cuts import make_cuts
from nbtrack.solvers.highs import HighsAnswer, HighsProgram

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from nbtrack.model.description import Description
    from nbtrack.solvers.control import Control
    from nbtrack.solvers.limits import Limits

BATCH = 20_000
"""Columns of one linear relaxation, unless a component is larger."""
INTEGRAL = 1e-6
CUT_ROUNDS = 20
QUICK = 5_000
"""Columns up to which a relaxation takes a fraction of a second."""
WIDENINGS = 4
"""How often the columns around a component without an answer are freed as well."""


@dataclass(frozen=True)
class Block:
    """A small integer program ``min cost @ x``, cut out of a large one.

    Parameters
    ----------
    columns : ndarray of int
        Its columns in the whole.
    cost : ndarray of float
        Their costs.
    matrix : csr_matrix of float
        Rows.
    lower, upper : ndarray of float
        Limits of the rows, less what is held.
    cuts : csr_matrix of float
        Implied rows, to be added when violated.
    cut_upper : ndarray of float
        Their limits.
    column_lower, column_upper : ndarray of float
        Limits of the columns.
    """

    columns: NDArray[np.int64]
    cost: NDArray[np.float64]
    matrix: sp.csr_matrix
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    cuts: sp.csr_matrix
    cut_upper: NDArray[np.float64]
    column_lower: NDArray[np.float64]
    column_upper: NDArray[np.float64]


@dataclass
class Tally:
    """What the exact solver was given.

    Parameters
    ----------
    relaxations, programs : int
        Linear and integer programs.
    largest : int
        Columns of the largest integer program.
    solvers : dict
        Number of integer programs by solver.
    """

    relaxations: int = 0
    programs: int = 0
    largest: int = 0
    solvers: dict[str, int] = field(default_factory=dict)

    def add(self, solver: str, columns: int) -> None:
        """Count an integer program."""
        self.programs += 1
        self.largest = max(self.largest, columns)
        self.solvers[solver] = self.solvers.get(solver, 0) + 1

    def take(self, other: Tally) -> None:
        """Add what another one counted."""
        self.relaxations += other.relaxations
        self.programs += other.programs
        self.largest = max(self.largest, other.largest)
        for solver, number in other.solvers.items():
            self.solvers[solver] = self.solvers.get(solver, 0) + number

    def sentence(self) -> str:
        """Say it."""
        if not self.relaxations:
            return "No linear programs: what the flow gave was proven by the ascent."
        if not self.programs:
            return f"{self.relaxations} linear programs, all integral."
        by_solver = ", ".join(f"{number} by {name}" for name, number in sorted(self.solvers.items()))
        return (
            f"{self.relaxations} linear programs; {self.programs} undecided blocks ({by_solver}), "
            f"the largest with {self.largest} variables."
        )


BlockSolver = Callable[[Block, Tally, "Control"], HighsAnswer | None]
"""Solves the integer program of a block, or leaves it to HiGHS (None)."""


class Program:
    """A described program with what cutting it into pieces needs.

    Parameters
    ----------
    description : Description
        Rows, columns, costs.
    limits : Limits
        Column limits, gap, threads.

    Attributes
    ----------
    tally : Tally
        What was solved.
    block_solver : BlockSolver or None
        Solves integer programs instead of HiGHS.
    doubt : float
        How much better than what the last `solve_held` gave a point could be, by the multipliers of its programs.
    """

    def __init__(self, description: Description, limits: Limits) -> None:
        self.description, self.limits = description, limits
        self.matrix, self.lower, self.upper = description.matrix, description.lower, description.upper
        self.cost = description.cost
        self.tally = Tally()
        self.block_solver: BlockSolver | None = None
        self.doubt = 0.0

    @cached_property
    def by_column(self) -> sp.csr_matrix:
        """The rows of each column, as rows."""
        return self.matrix.T.tocsr()

    def value(self, x: NDArray[np.float64]) -> float:
        """Energy of a point."""
        return float((self.cost * x).sum()) + self.description.constant  # a product by BLAS waits for its threads

    def is_feasible(self, x: NDArray[np.float64]) -> bool:
        """Tell whether a point keeps to rows and limits."""
        limits = self.limits
        return bool(np.all(x >= limits.lower) and np.all(x <= limits.upper)) and not len(self.broken_rows(x))

    def broken_rows(self, x: NDArray[np.float64]) -> NDArray[np.int64]:
        """List the rows that a point breaks."""
        activity = self.matrix @ x
        return np.flatnonzero((activity > self.upper + INTEGRAL) | (activity < self.lower - INTEGRAL))

    def holds_at(self, x: NDArray[np.float64], columns: NDArray[np.int64]) -> bool:
        """Tell whether a point keeps to all rows with any of some columns."""
        rows = np.unique(self.by_column[columns].indices)
        activity = self.matrix[rows] @ x
        return bool(np.all(activity <= self.upper[rows] + INTEGRAL) and np.all(activity >= self.lower[rows] - INTEGRAL))

    def cuts_of(self, columns: NDArray[np.int64]) -> sp.csr_matrix:
        """Make the cuts about the links among some columns."""
        flow = self.description.columns.flow
        first, last = flow.start[0], flow.start[-1]
        return make_cuts(self.description, columns[(columns >= first) & (columns < last)] - first)

    def solve_held(
        self, x: NDArray[np.float64], free: NDArray[np.int64], control: Control
    ) -> NDArray[np.float64] | None:
        """Find the best point that is `x` outside the free columns.

        Parameters
        ----------
        x : ndarray of float, shape (columns,)
            Values of what is held.
        free : ndarray of int
            Sorted columns that may change.
        control : Control
            Time and cancel.

        Returns
        -------
        ndarray of float, shape (columns,), or None
            None if the solve was stopped, or there is none even if the columns around are free as well.
        """
        result = x.copy()
        if not len(free):
            return result
        for _ in range(WIDENINGS):
            stuck = self._solve_held_once(result, free, control)
            if stuck is None:
                return None
            if not len(stuck):
                return result
            rows = np.unique(self.by_column[stuck].indices)
            wider = np.union1d(free, self.matrix[rows].indices)
            wider = wider[self.limits.lower[wider] < self.limits.upper[wider]]
            if len(wider) == len(free):
                return None
            result, free = x.copy(), wider
        return None

    def _solve_held_once(
        self, result: NDArray[np.float64], free: NDArray[np.int64], control: Control
    ) -> NDArray[np.int64] | None:
        """Write the best values of the free columns; give those of components without any, None if it was stopped."""
        self.doubt = 0.0
        held = result.copy()
        held[free] = 0.0
        part = self.by_column[free]
        rows = np.unique(part.indices)
        taken = (self.matrix @ held)[rows] if len(free) > len(held) // 50 else self.matrix[rows] @ held
        stuck = [np.zeros(0, np.int64)]
        blocks = self._batches(free, part, rows, taken, held)
        for block, (found, impossible) in zip(blocks, self._solve_batches(blocks, control), strict=False):
            if found is None:
                return None
            result[block.columns] = found
            stuck.append(block.columns[impossible])
        return np.concatenate(stuck)

    def _solve_batches(
        self, blocks: list[Block], control: Control
    ) -> Iterator[tuple[NDArray[np.float64] | None, NDArray[np.int64]]]:
        """Solve batches, several at once if there are threads for it; what they give is put together in their order."""

        def solve(block: Block) -> tuple[Program, tuple[NDArray[np.float64] | None, NDArray[np.int64]]]:
            apart = copy(self)
            apart.tally, apart.doubt = Tally(), 0.0
            return apart, apart._solve_batch(block, control)

        workers = min(self.limits.threads or 1, len(blocks))
        with ExitStack() as stack:
            run: Callable[..., Any] = map
            if workers > 1 and self.block_solver is None:  # HiGHS lets other threads go on, Pyomo does not
                run = stack.enter_context(ThreadPoolExecutor(workers, thread_name_prefix="nbtrack-core")).map
            for apart, found in run(solve, blocks):
                self.tally.take(apart.tally)
                self.doubt += apart.doubt
                yield found

    # ------------------------------------------------------------------ pieces
    def _batches(
        self,
        free: NDArray[np.int64],
        part: sp.csr_matrix,
        rows: NDArray[np.int64],
        taken: NDArray[np.float64],
        held: NDArray[np.float64],
    ) -> list[Block]:
        """Sort columns and rows by component and cut them into batches."""
        place = np.searchsorted(rows, part.indices)
        matrix = sp.csr_matrix((part.data, place, part.indptr), shape=(len(free), len(rows)))
        of_column, of_row = _components(matrix)
        size = np.bincount(of_column, minlength=int(of_column.max()) + 1)
        batch = np.cumsum(size) // BATCH
        column_order = np.argsort(of_column, kind="stable")
        row_order = np.argsort(of_row, kind="stable")
        whole = matrix.T.tocsr()[row_order][:, column_order].tocsr()
        cuts = self.cuts_of(free)
        cut_upper = -(cuts @ held)
        cuts = cuts[:, free[column_order]].tocsr()
        some = np.flatnonzero(np.diff(cuts.indptr))
        cuts, cut_upper = cuts[some], cut_upper[some]
        first = np.minimum.reduceat(cuts.indices, cuts.indptr[:-1]) if len(some) else np.zeros(0, np.int64)
        cut_order = np.argsort(first, kind="stable")
        cuts, cut_upper, first = cuts[cut_order], cut_upper[cut_order], first[cut_order]

        limits = self.limits
        column_batch, row_batch = batch[of_column[column_order]], batch[of_row[row_order]]
        blocks = []
        for number in np.unique(column_batch):
            c0, c1 = np.searchsorted(column_batch, [number, number + 1])
            r0, r1 = np.searchsorted(row_batch, [number, number + 1])
            k0, k1 = np.searchsorted(first, [c0, c1])
            columns, these = free[column_order[c0:c1]], row_order[r0:r1]
            blocks.append(
                Block(
                    columns,
                    self.cost[columns],
                    _window(whole, r0, r1, c0, c1),
                    self.lower[rows[these]] - taken[these],
                    self.upper[rows[these]] - taken[these],
                    _window(cuts, k0, k1, c0, c1),
                    cut_upper[k0:k1],
                    limits.lower[columns],
                    limits.upper[columns],
                )
            )
        return blocks

    def _solve_batch(self, block: Block, control: Control) -> tuple[NDArray[np.float64] | None, NDArray[np.int64]]:
        """Solve the relaxation of a batch, then the integer programs of its fractional components.

        Gives the values, or None if it was stopped, and the places of columns whose component has no answer.
        """
        nothing = np.zeros(0, np.int64)
        relaxed, added = self.relax(block, control)
        if relaxed.status == "infeasible":
            return self._solve_apart(block, control)
        if relaxed.x is None or relaxed.status != "optimal":
            return None, nothing
        broken = np.abs(relaxed.x - np.round(relaxed.x)) > INTEGRAL
        result = np.round(relaxed.x)
        bound = relaxed.bound
        if not broken.any():
            self.doubt += max(float((block.cost * result).sum()) - bound, 0.0)
            return result, nothing
        of_column, of_row = _components(block.matrix.T.tocsr())
        cuts = np.unique(np.array(added, np.int64))
        of_cut = of_column[block.cuts.indices[block.cuts.indptr[cuts]]] if len(cuts) else cuts
        impossible = [nothing]
        for which in np.unique(of_column[broken]):
            columns = np.flatnonzero(of_column == which)
            small = _part(block, columns, np.flatnonzero(of_row == which), cuts[of_cut == which])
            answer = self.solve_integer(small, control)
            if answer.status == "infeasible":
                impossible.append(columns)
            elif answer.x is None:
                return None, nothing
            else:
                result[columns] = np.round(answer.x)
                bound += answer.bound - float((block.cost[columns] * relaxed.x[columns]).sum())
        self.doubt += max(float((block.cost * result).sum()) - bound, 0.0)
        return result, np.concatenate(impossible)

    def _solve_apart(self, block: Block, control: Control) -> tuple[NDArray[np.float64] | None, NDArray[np.int64]]:
        """Do the same for every component by itself, to find those without an answer."""
        of_column, of_row = _components(block.matrix.T.tocsr())
        if of_column.max() == 0 or not len(np.setdiff1d(of_column, [of_column[0]])):
            return np.zeros(len(block.columns)), np.arange(len(block.columns))
        cut_column = block.cuts.indices[block.cuts.indptr[:-1]]
        of_cut = of_column[cut_column]
        result, impossible = np.zeros(len(block.columns)), [np.zeros(0, np.int64)]
        for which in np.unique(of_column):
            columns = np.flatnonzero(of_column == which)
            small = _part(block, columns, np.flatnonzero(of_row == which), np.zeros(0, np.int64))
            cuts = np.flatnonzero(of_cut == which)
            small = replace(small, cuts=block.cuts[cuts][:, columns].tocsr(), cut_upper=block.cut_upper[cuts])
            found, stuck = self._solve_batch(small, control)
            if found is None:
                return None, stuck
            result[columns] = found
            impossible.append(columns[stuck])
        return result, np.concatenate(impossible)

    def relax(self, block: Block, control: Control) -> tuple[HighsAnswer, list[int]]:
        """Solve the relaxation of a block with all cuts that it violates; tell which were added."""
        program = self._highs(block, control)
        aside = len(block.columns) > QUICK
        answer, added = program.solve_relaxation(aside=aside), []
        self.tally.relaxations += 1
        for _ in range(CUT_ROUNDS):
            if answer.status != "optimal" or answer.x is None or not block.cuts.shape[0]:
                break
            broken = np.flatnonzero(block.cuts @ answer.x > block.cut_upper + INTEGRAL)
            if not len(broken):
                break
            program.add_rows(block.cuts[broken], block.cut_upper[broken])
            added += broken.tolist()
            answer = program.solve_relaxation(aside=aside)
        return answer, added

    def solve_integer(self, block: Block, control: Control) -> HighsAnswer:
        """Solve the integer program of a block, with the solver that was asked for."""
        answer = None if self.block_solver is None else self.block_solver(block, self.tally, control)
        if answer is not None:
            return answer
        self.tally.add("highs", len(block.columns))
        return self._highs(block, control).solve_integer(0.0, inf)  # the progress line is about the whole

    def _highs(self, block: Block, control: Control) -> HighsProgram:
        return HighsProgram(
            block.cost,
            0.0,
            block.matrix,
            block.lower,
            block.upper,
            block.column_lower,
            block.column_upper,
            control,
            threads=1,  # batches are what is spread over threads; and the answer must not depend on their number
        )


def _part(block: Block, columns: NDArray[np.int64], rows: NDArray[np.int64], cuts: NDArray[np.int64]) -> Block:
    """Cut some columns out of a block, with their rows; cuts become rows."""
    return Block(
        block.columns[columns],
        block.cost[columns],
        sp.vstack([block.matrix[rows], block.cuts[cuts]]).tocsr()[:, columns],
        np.concatenate([block.lower[rows], np.full(len(cuts), -np.inf)]),
        np.concatenate([block.upper[rows], block.cut_upper[cuts]]),
        block.cuts[:0, columns],
        block.cut_upper[:0],
        block.column_lower[columns],
        block.column_upper[columns],
    )


def _components(matrix: sp.csr_matrix) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Label the connected parts of the rows and of the columns of a matrix."""
    n, m = matrix.shape
    start = np.concatenate([matrix.indptr, np.full(m, matrix.indptr[-1])])
    graph = sp.csr_matrix((np.ones(matrix.nnz, np.int8), matrix.indices + n, start), shape=(n + m, n + m))
    label = connected_components(graph, directed=False)[1]
    return label[:n], label[n:]


def _window(matrix: sp.csr_matrix, row: int, last_row: int, column: int, last_column: int) -> sp.csr_matrix:
    """Cut a block out of a matrix whose rows have no entries beside it."""
    start, end = matrix.indptr[row], matrix.indptr[last_row]
    return sp.csr_matrix(
        (matrix.data[start:end], matrix.indices[start:end] - column, matrix.indptr[row : last_row + 1] - start),
        shape=(last_row - row, last_column - column),
    )
