"""The split of arc costs between factors, and its ascent to a high bound.

A sweep goes once forwards and once backwards in time. In a *phase* the passes of one direction hand on nearly all of
the lead and those of the other nearly none: then information travels along tracks as far as it has to, and the passes
back only give slack away. Phases of both directions alternate. (Handing on everything both ways gets stuck early, and
half both ways is slow; measured in the notes on scale of the benchmarks.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nbtrack.solvers.dual import counts, single
from nbtrack.solvers.dual.factors import FORBIDDEN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nbtrack.model.description import Columns
    from nbtrack.solvers.control import Control
    from nbtrack.solvers.dual.factors import Factors

CHUNK = 50_000
"""Detections between two looks at the clock."""


class Ascent:
    """Costs of all copies, to be improved.

    Parameters
    ----------
    factors : Factors
        The problem.

    Attributes
    ----------
    into, out : ndarray of float, shape (copies,) or (copies, m)
        Cost of each copy, for 1..m objects.
    multiplier : ndarray of float, shape (sets,)
        Of each set of competing detections.
    value : ndarray of float, shape (n,)
        After `bound`: cost of each factor's best choice but "nothing".
    copy_slack : pair of ndarray of float, shape (copies, m + 1)
        After `column_slack`: what the own factor of each in-copy and out-copy rises by for 0..m objects.
    """

    def __init__(self, factors: Factors) -> None:
        f = self.factors = factors
        self._flat = f.size == 1
        self.out, self.into = 0.5 * f.arc_cost[f.out.arc], 0.5 * f.arc_cost[f.into.arc]
        self.out[f.into.other_mate[f.out.mate] >= 0] *= 0.5  # two sources of a merge share its half
        self.into[f.out.other_mate[f.into.mate] >= 0] *= 0.5  # and two children that of their division
        self.multiplier = np.zeros(len(f.set_start) - 1)
        self._count = f.count.copy() if len(self.multiplier) else f.count
        self.value = np.zeros(f.n)
        self.copy_slack = np.zeros((0, f.size + 1)), np.zeros((0, f.size + 1))
        if self._flat:
            self.out, self.into = self.out[:, 0].copy(), self.into[:, 0].copy()
            self._app, self._dis = single.contiguous(f.appearance), single.contiguous(f.disappearance)
            self._flat_count = single.contiguous(self._count)
        else:
            degree = max(int(np.diff(side.start).max(initial=0)) for side in (f.out, f.into))
            self._rows, self._workspace = counts.make_rows(f.size), counts.make_workspace(degree, f.size)
            self._caps = f.arc_capacity[f.out.arc], f.arc_capacity[f.into.arc]
        self._mates = (f.out.mate, f.out.other_mate), (f.into.mate, f.into.other_mate)
        if self._flat and all(len(other) and other.max() < 0 for _, other in self._mates):
            none = np.zeros(0, np.int32)  # links alone: less to read
            self._mates = (f.out.mate, none), (f.into.mate, none)
        self.settle()

    def copy_state(self) -> tuple[NDArray[np.float64], ...]:
        """Copy what the ascent changes."""
        return self.into.copy(), self.out.copy(), self.multiplier.copy()

    def set_state(self, state: tuple[NDArray[np.float64], ...]) -> None:
        """Go back to a copied state."""
        self.into[:], self.out[:] = state[0], state[1]
        if len(self.multiplier):
            self._count[:] = self.factors.count
            for s, r in enumerate(state[2]):
                members = self.factors.set_member[self.factors.set_start[s] : self.factors.set_start[s + 1]]
                self._count[members, 1:] += r
            self.multiplier[:] = state[2]

    def sweep(self, forward: float, backward: float, control: Control, *, slack: float = 1.0) -> bool:
        """Go forwards and backwards once.

        Parameters
        ----------
        forward, backward : float
            Share of the lead that each pass hands on.
        control : Control
            Asked now and then whether to stop.
        slack : float, optional
            Share of the slack that each pass hands on.

        Returns
        -------
        bool
            Whether the sweep was finished; the bound holds either way.
        """
        n = self.factors.n
        if len(self.multiplier):
            self.bound()
            single.price_sets(self.factors.set_start, self.factors.set_member, self.multiplier, self.value, self._count)
        begins = range(0, n, CHUNK)
        for begin in begins:
            self._pass(begin, min(begin + CHUNK, n), True, forward, slack)
            if control.stop_status is not None:
                return False
        for begin in reversed(begins):
            self._pass(begin, min(begin + CHUNK, n), False, backward, slack)
            if control.stop_status is not None:
                return False
        return True

    def bound(self) -> float:
        """Give the bound, with all constants; `value` then holds each factor's best choice but "nothing"."""
        f = self.factors
        if self._flat:
            total = single.factor_costs(self._fixed(), self.into, self.out, f.extra, f.short_tracks, self.value)
        else:
            rules = f.short_tracks, f.partial, f.separate
            total = counts.count_costs(self._fixed(), self.into, self.out, f.extra, rules, self._rows, self.value)
        return float(total) + f.constant - float(self.multiplier.sum())

    @property
    def least(self) -> NDArray[np.float64]:
        """Cost of the best choice of each factor, as of the last `bound`, shape (n,)."""
        return np.minimum(self.value, 0.0)

    def settle(self) -> None:
        """Make the copies of every arc add up to its cost again, to the last digit."""
        f = self.factors
        cost = f.arc_cost if not self._flat else f.arc_cost[:, 0]
        one = f.out.other_mate < 0
        shared = np.flatnonzero(f.into.other_mate[f.out.mate] >= 0)  # merges: their copy in the target takes the rest
        plain = np.flatnonzero(one & (f.into.other_mate[f.out.mate] < 0))
        self.out[plain] = cost[f.out.arc[plain]] - self.into[f.out.mate[plain]]
        two = np.flatnonzero(~one)
        self.out[two] = cost[f.out.arc[two]] - self.into[f.out.mate[two]] - self.into[f.out.other_mate[two]]
        if len(shared):
            merges = np.flatnonzero(f.into.other_mate >= 0)
            taken = self.out[f.into.mate[merges]] + self.out[f.into.other_mate[merges]]
            self.into[merges] = cost[f.into.arc[merges]] - taken

    def column_slack(self, columns: Columns) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Tell what the bound rises by if a column is 0, and if it is 1.

        Parameters
        ----------
        columns : Columns
            Where the variables stand.

        Returns
        -------
        if_zero, if_one : ndarray of float, shape (columns,)
            At most what the bound rises by; infinite for what cannot be.
        """
        f, c = self.factors, columns
        m = f.size
        states = np.zeros((4, f.n, m + 1))
        arcs = np.zeros((len(f.arc_cost), m + 1))
        if self._flat:
            into, out = np.empty((2, len(self.into))), np.empty((2, len(self.out)))
            slack = np.empty((2, 4, f.n))
            single.measure_slack(self._fixed(), self.into, self.out, f.extra, f.short_tracks, into, out, slack)
            states[:, :, 0], states[:, :, 1] = slack[0], slack[1]
            into, out = np.ascontiguousarray(into.T), np.ascontiguousarray(out.T)
        else:
            into, out = np.empty((len(self.into), m + 1)), np.empty((len(self.out), m + 1))
            rules = f.short_tracks, f.partial, f.separate
            counts.count_slack(
                self._fixed(), self.into, self.out, f.extra, rules, self._rows, self._workspace, into, out, states
            )
        self.copy_slack = into, out
        for k in range(m + 1):
            arcs[:, k] = np.bincount(f.out.arc, out[:, k], len(arcs)) + np.bincount(f.into.arc, into[:, k], len(arcs))
        zero, one = np.zeros(c.size), np.full(c.size, FORBIDDEN)
        for layers, table in ((c.count, states[0]), (c.appears, states[1]), (c.vanishes, states[2])):
            fewer, more = _from_below(table[f.rank]), _from_above(table[f.rank])
            zero[layers.columns], one[layers.columns] = (
                fewer[layers.item, layers.layer - 1],
                more[layers.item, layers.layer],
            )
        divides = np.flatnonzero(c.divides >= 0)
        zero[c.divides[divides]] = states[3][f.rank[divides], 0]
        one[c.divides[divides]] = states[3][f.rank[divides], 1]
        fewer, more = _from_below(arcs), _from_above(arcs)
        for k in range(1, m + 1):
            there = np.flatnonzero(f.arc_capacity >= k)
            zero[f.arc_column[there] + k - 1], one[f.arc_column[there] + k - 1] = fewer[there, k - 1], more[there, k]
        child = np.flatnonzero(c.child >= 0)
        zero[c.child[child]], one[c.child[child]] = 0.0, one[c.flow.start[child]]
        return zero, one

    def excess(self, columns: Columns, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Tell by how much each factor's part of an answer exceeds its best choice.

        The sum is the value of the answer less the bound: the gap, located. (An answer that breaks a pin has a larger
        value here, by the reward.)

        Parameters
        ----------
        columns : Columns
            Where the variables stand.
        x : ndarray of float, shape (columns,)
            0 or 1.

        Returns
        -------
        ndarray of float, shape (n,), in the order of the factors
        """
        f, c = self.factors, columns
        self.bound()
        total = -self.least
        each = np.arange(f.n)

        def states(start: NDArray[np.int64], capacity: NDArray[np.int64]) -> NDArray[np.int64]:
            number = np.zeros(len(start), np.int64)
            for k in range(int(capacity.max(initial=0))):
                there = capacity > k
                number[there] += x[start[there] + k] > 0.5
            return number

        count = states(c.count.start[:-1], np.diff(c.count.start))
        for layers, table in ((c.count, self._count), (c.appears, f.appearance), (c.vanishes, f.disappearance)):
            state = np.zeros(f.n, np.int64)
            state[f.rank] = states(layers.start[:-1], np.diff(layers.start))
            total += table[each, state]
        divides = np.zeros(f.n, bool)
        divides[f.rank] = (c.divides >= 0) & (x[c.divides] > 0.5)
        total[divides] += f.division[divides]
        number = states(f.arc_column, f.arc_capacity)
        for side, cost in ((f.out, self.out), (f.into, self.into)):
            used = np.flatnonzero(number[side.arc])
            paid = cost[used] if self._flat else cost[used, number[side.arc[used]] - 1]
            total += np.bincount(side.owner[used], paid, f.n)
        if len(f.extra):
            used = np.flatnonzero((number[f.out.arc] > 0) & divides[f.out.owner])
            total += np.bincount(f.out.owner[used], f.extra[used], f.n)
        if len(self.multiplier):
            on = np.zeros(f.n)
            on[f.rank] = count > 0
            members = np.add.reduceat(on[f.set_member], f.set_start[:-1])
            np.add.at(total, f.set_member[f.set_start[:-1]], self.multiplier * (1 - members))
        return total

    # ------------------------------------------------------------------ helpers
    def _fixed(self) -> tuple[NDArray[Any], ...]:
        f = self.factors
        starts = f.out.start, f.pair_end, f.into.start
        if self._flat:
            if len(self.multiplier):
                self._flat_count[:] = self._count[:, 1]
            return (self._flat_count, self._app, self._dis, f.division, *starts)
        return (self._count, f.appearance, f.disappearance, f.division, *starts)

    def _pass(self, begin: int, end: int, forward: bool, rho: float, kappa: float) -> None:
        f = self.factors
        if self._flat:
            work = single.pass_forward if forward else single.pass_backward
            mates = self._mates[0] if forward else self._mates[1]
            work(begin, end, self._fixed(), self.into, self.out, f.extra, *mates, f.short_tracks, rho, kappa)
        else:
            counts.pass_counts(
                begin,
                end,
                forward,
                self._fixed(),
                self.into,
                self.out,
                f.extra,
                *self._mates,
                self._caps,
                (f.short_tracks, f.partial, f.separate),
                rho,
                kappa,
                self._rows,
                self._workspace,
            )


def _from_below(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Least of the states up to each."""
    return np.asarray(np.minimum.accumulate(table, axis=1))


def _from_above(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Least of the states from each on."""
    return np.asarray(np.minimum.accumulate(table[:, ::-1], axis=1)[:, ::-1])
