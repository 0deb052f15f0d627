"""Closing the gap of a fractional relaxation region by region.

The relaxation is fractional in few places, far from each other. Around each of them a *region* of columns is solved as
an integer program of its own, twice:

* *priced*: the rows of the region's columns are kept, with all columns in them; every other row is replaced by its
  multiplier from the relaxation. Whatever the rest of the movie does, the region cannot contribute less: a lower bound
  (Lagrangian relaxation; the multipliers need not be optimal for it to hold).
* *held*: every column outside keeps the value it has in the relaxation, and all rows hold: a feasible answer.

The difference of the two, summed over the regions, is the gap of the whole. A region that leaves a gap grows, to the
neighbouring columns whose reduced cost is below that gap: others could not pay for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from nbtrack.solvers.highs import HighsProgram

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from nbtrack.solvers.control import Control
    from nbtrack.solvers.limits import Limits

_Known = TypeVar("_Known")

FIRST_HOPS = 3
"""Columns this many rows away from a fractional one make the first regions."""
ROUNDS = 6
"""How often regions may grow, by twice as many rows each time, before the whole is left to one integer program."""
LARGEST = 20_000
"""A region with more columns than this is not solved here."""
SMALL = 6_000
"""If no more columns than this can still change, one integer program closes the gap sooner than growing regions."""
SAME_PRICES = 1e-9
"""Prices whose differences add up to no more than this need no new solve: the old optimum less that sum is a bound."""
REMEMBERED = 2_000
"""So many solved regions are remembered from one solve to the next."""


@dataclass(frozen=True)
class Relaxation:
    """A solved relaxation with its rows.

    Parameters
    ----------
    cost : ndarray of float, shape (columns,)
        Objective.
    matrix : csr_matrix of float, shape (rows, columns)
        The law and the cuts that were added.
    lower, upper : ndarray of float, shape (rows,)
        Limits of the rows.
    x : ndarray of float, shape (columns,)
        The optimal point.
    dual : ndarray of float, shape (rows,)
        Multipliers of the rows.
    reduced_cost : ndarray of float, shape (columns,)
        ``cost - matrix.T @ dual``.
    bound : float
        What the multipliers prove, with the constant.
    """

    cost: NDArray[np.float64]
    matrix: sp.csr_matrix
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    x: NDArray[np.float64]
    dual: NDArray[np.float64]
    reduced_cost: NDArray[np.float64]
    bound: float


@dataclass(frozen=True)
class Closing:
    """What the regions gave.

    Parameters
    ----------
    x : ndarray of float, shape (columns,), or None
        A feasible point.
    bound : float
        Proven lower bound with the constant.
    """

    x: NDArray[np.float64] | None
    bound: float


@dataclass(frozen=True)
class _Solved:
    """One region: its feasible values, what it is proven to contribute beyond the relaxation, and its gap."""

    x: NDArray[np.float64] | None
    gain: float
    gap: float


class Memory:
    """Regions that were solved, for solves that follow: what is far from a change is the same again.

    Parameters
    ----------
    control : Control
        What a stopped solve gives is not remembered; `WarmProgram` sets it for each solve.
    """

    def __init__(self, control: Control) -> None:
        self.control = control
        self._held: dict[bytes, NDArray[np.float64] | None] = {}
        self._priced: dict[bytes, tuple[NDArray[np.float64], float]] = {}

    def priced(self, key: bytes, price: NDArray[np.float64], solve: Callable[[], float]) -> float:
        """Give a lower bound of a priced region.

        Parameters
        ----------
        key : bytes
            Everything about the region but its prices.
        price : ndarray of float, shape (columns,)
            Costs of its columns, whose limits are 0 and 1.
        solve : callable
            Solves it.

        Returns
        -------
        float
        """
        known = self._priced.get(key)
        if known is not None:
            loss = float(np.abs(price - known[0]).sum())
            if loss <= SAME_PRICES:
                return known[1] - loss
        least = solve()
        self._remember(self._priced, key, (price, least))
        return least

    def held(
        self, key: bytes, solve: Callable[[], tuple[NDArray[np.float64] | None, float]]
    ) -> NDArray[np.float64] | None:
        """Give the best point of a held region.

        Parameters
        ----------
        key : bytes
            Everything about it.
        solve : callable
            Solves it.

        Returns
        -------
        ndarray of float, shape (columns,), or None
        """
        if key in self._held:
            return self._held[key]
        x, _ = solve()
        self._remember(self._held, key, x)
        return x

    def _remember(self, known: dict[bytes, _Known], key: bytes, value: _Known) -> None:
        if self.control.stop_status is None:
            known[key] = value
        if len(known) > REMEMBERED:
            del known[next(iter(known))]


def close_by_regions(
    relaxation: Relaxation,
    fractional: NDArray[np.int64],
    limits: Limits,
    control: Control,
    memory: Memory | None = None,
) -> Closing:
    """Solve the regions around fractional columns, and let them grow until their gaps are closed.

    Parameters
    ----------
    relaxation : Relaxation
        With its multipliers.
    fractional : ndarray of int
        Columns that are not integral.
    limits : Limits
        Column limits, gap and threads.
    control : Control
        Time and cancel.
    memory : Memory, optional
        Of earlier solves of the same program; it learns from this one.

    Returns
    -------
    Closing
        The best feasible point and the best bound of all rounds.
    """
    r = relaxation
    by_column = r.matrix.T.tocsr()
    inside = np.zeros(len(r.cost), bool)
    inside[fractional] = True
    inside = _grow(r, by_column, inside, np.full(len(r.cost), np.inf), FIRST_HOPS)
    best, bound = None, r.bound
    memory = memory or Memory(control)
    done: dict[bytes, _Solved] = {}
    for turn in range(ROUNDS):
        regions = _components(r, by_column, inside)
        if max(map(len, regions)) > LARGEST:
            break
        solved = []
        for columns in regions:
            key = columns.tobytes()
            if key not in done:
                if control.stop_status is not None:
                    return Closing(best, bound)
                done[key] = _solve_region(r, by_column, columns, limits, control, memory)
            solved.append(done[key])
        bound = max(bound, r.bound + sum(s.gain for s in solved))
        if all(s.x is not None for s in solved):
            x = np.round(r.x)
            for columns, s in zip(regions, solved, strict=True):
                x[columns] = s.x
            if best is None or r.cost @ x < r.cost @ best:
                best = x
        value = r.bound + (float(r.cost @ (best - r.x)) if best is not None else np.inf)
        tolerance = limits.gap * max(abs(value), 1.0) if best is not None else 0.0
        if best is not None and sum(s.gap for s in solved) <= tolerance + 1e-9:
            break
        if np.count_nonzero(np.abs(r.reduced_cost) <= value - r.bound) <= SMALL:
            break
        reach = np.zeros(len(r.cost))
        for columns, s in zip(regions, solved, strict=True):
            reach[columns] = s.gap if s.gap > tolerance / len(regions) else 0.0
        grown = _grow(r, by_column, inside, reach, 2 ** (turn + 1))
        if np.array_equal(grown, inside):
            break
        inside = grown
    return Closing(best, bound)


def _components(r: Relaxation, by_column: sp.csr_matrix, inside: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """Split the inner columns into sets whose rows share no column."""
    columns = np.flatnonzero(inside)
    rows = np.unique(by_column[columns].indices)
    part = r.matrix[rows].tocoo()
    n_rows = len(rows)
    size = n_rows + part.shape[1]
    graph = sp.coo_matrix((np.ones(part.nnz), (part.row, n_rows + part.col)), shape=(size, size))
    _, label = connected_components(graph, directed=False)
    label = label[n_rows + columns]
    order = np.argsort(label, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(label[order]) > 0])
    return np.split(columns[order], starts[1:])


def _grow(
    r: Relaxation,
    by_column: sp.csr_matrix,
    inside: NDArray[np.bool_],
    reach: NDArray[np.float64],
    hops: int,
) -> NDArray[np.bool_]:
    """Add the columns that share a row with an inner one and whose reduced cost is within that one's reach."""
    inside, reach = inside.copy(), reach.copy()
    price = np.abs(r.reduced_cost)
    for _ in range(hops):
        seeds = np.flatnonzero(inside & (reach > 0))
        row_reach = np.zeros(r.matrix.shape[0])
        touching = by_column[seeds]
        np.maximum.at(row_reach, touching.indices, np.repeat(reach[seeds], np.diff(touching.indptr)))
        rows = np.flatnonzero(row_reach)
        there = r.matrix[rows]
        found = np.zeros(len(reach))
        np.maximum.at(found, there.indices, np.repeat(row_reach[rows], np.diff(there.indptr)))
        new = (found > 0) & (price <= found)
        reach[new] = np.maximum(reach[new], found[new])
        inside |= new
    return inside


def _solve_region(
    r: Relaxation,
    by_column: sp.csr_matrix,
    columns: NDArray[np.int64],
    limits: Limits,
    control: Control,
    memory: Memory,
) -> _Solved:
    rows = np.unique(by_column[columns].indices)
    touching = r.matrix[rows]
    wide = np.unique(touching.indices)
    lower, upper = r.lower[rows], r.upper[rows]
    y = r.dual[rows]

    part = touching[:, wide].tocsr()
    price = r.reduced_cost[wide] + part.T @ y
    wide_limits = limits.lower[wide], limits.upper[wide]

    def solve_priced() -> float:
        return _solve(price, part, lower, upper, *wide_limits, limits, control)[1]

    least = memory.priced(_key(wide, part, lower, upper, *wide_limits), price, solve_priced)
    at_limit = np.where(r.reduced_cost[wide] > 0, limits.lower[wide], limits.upper[wide])
    base = float(r.reduced_cost[wide] @ at_limit)
    base += float(np.where(y > 0, np.maximum(lower, -1e30), np.minimum(upper, 1e30)) @ y)
    gain = max(least - base, 0.0) if np.isfinite(least) else 0.0

    outer = np.round(r.x)
    outer[columns] = 0
    taken = touching @ outer
    part, cost = touching[:, columns].tocsr(), r.cost[columns]
    column_limits = limits.lower[columns], limits.upper[columns]
    low, high = lower - taken, upper - taken

    def solve_held() -> tuple[NDArray[np.float64] | None, float]:
        return _solve(cost, part, low, high, *column_limits, limits, control)

    x = memory.held(_key(columns, part, cost, low, high, *column_limits), solve_held)
    gap = np.inf if x is None else max(float(cost @ (x - r.x[columns])) - gain, 0.0)
    return _Solved(x, gain, gap)


def _key(columns: NDArray[np.int64], matrix: sp.csr_matrix, *arrays: NDArray[np.float64]) -> bytes:
    """Digest a program."""
    digest = blake2b(columns.tobytes())
    for array in (matrix.indptr, matrix.indices, matrix.data, *arrays):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.digest()


def _solve(
    cost: NDArray[np.float64],
    matrix: sp.csr_matrix,
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
    column_lower: NDArray[np.float64],
    column_upper: NDArray[np.float64],
    limits: Limits,
    control: Control,
) -> tuple[NDArray[np.float64] | None, float]:
    """Solve a small integer program, by its relaxation if that is integral; give its best point and its bound."""
    program = HighsProgram(cost, 0.0, matrix, lower, upper, column_lower, column_upper, control, limits.threads)
    relaxed = program.solve_relaxation()
    if relaxed.status != "optimal" or relaxed.x is None:
        return None, np.inf if relaxed.status == "infeasible" else relaxed.bound
    if np.all(np.abs(relaxed.x - np.round(relaxed.x)) <= 1e-6):
        return np.round(relaxed.x), relaxed.bound
    answer = program.solve_integer(1e-9, np.inf)  # figures of a region alone are nothing for the progress line
    return (None if answer.x is None else np.round(answer.x)), max(answer.bound, relaxed.bound)
