"""Which columns the exact core may change.

The slack of a column tells what the bound rises by if it leaves the value that the factors prefer. Columns of large
slack are held at that value, the others are free; the freer, the better the answer, but free columns hang together and
their largest component must stay small enough to be solved. So the threshold is a matter of place: it starts high
everywhere and falls where components are too large, until none is.

This is a choice, not a proof: the answer is feasible and its energy true, the bound comes from the ascent.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
# numba infers the types of compiled functions from the call

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nbtrack.model.description import Description
    from nbtrack.solvers.dual.core import Program
    from nbtrack.solvers.dual.factors import Factors

THRESHOLDS = (3.0, 1.0, 0.3, 0.1, 0.05, 0.025, 0.01, 0.005, 0.002, 0.001, 1e-4, 1e-6)
"""Thresholds, in median costs of a link."""
CONFLICT_ROUNDS = 20


class Places:
    """Where each column belongs: the in side (i) or the out side (n + i) of a detection, and what it joins.

    Parameters
    ----------
    description : Description
        The program.
    factors : Factors
        Its factors.
    """

    def __init__(self, description: Description, factors: Factors) -> None:
        p, c = description.problem, description.columns
        n = p.n_detections
        self.n_places = 2 * n
        place = np.zeros(c.size, np.int64)
        partner = np.full(c.size, -1)
        third = np.full(c.size, -1)
        place[c.count.columns], partner[c.count.columns] = c.count.item, n + c.count.item
        place[c.appears.columns], place[c.vanishes.columns] = c.appears.item, n + c.vanishes.item
        place[c.flow.columns], partner[c.flow.columns] = n + p.source[c.flow.item], p.target[c.flow.item]
        divides = np.flatnonzero(c.divides >= 0)
        place[c.divides[divides]] = n + divides
        child = np.flatnonzero(c.child >= 0)
        place[c.child[child]] = n + p.source[child]
        place[c.named] = n + p.external_parent
        partner[c.named], third[c.named] = p.external_children.T
        place[c.merge], partner[c.merge] = p.merge_target, n + p.merge_sources[:, 0]
        third[c.merge] = n + p.merge_sources[:, 1]
        self.place, self.partner, self.third = place, partner, third
        self._problem, self._columns = p, c
        cost = np.abs(description.cost[c.flow.columns])
        self.unit = float(np.median(cost)) if len(cost) else 1.0

    def tighten(self, free: NDArray[np.bool_], x: NDArray[np.float64]) -> None:
        """Hold counts and flows at 0 that what else is free cannot fill.

        The ascent hands on the slack of counts with that of links, so that counts that no link can reach look free.

        Parameters
        ----------
        free : ndarray of bool, shape (columns,)
            Columns that may change; some are taken out.
        x : ndarray of float, shape (columns,)
            Values of what is held.
        """
        p, c = self._problem, self._columns
        n = p.n_detections
        for _ in range(2):
            may = free | (x > 0.5)
            flow = np.bincount(c.flow.item, may[c.flow.columns], minlength=p.n_links)
            into = np.bincount(p.target, flow, minlength=n) + np.bincount(c.appears.item, may[c.appears.columns], n)
            out = np.bincount(p.source, flow, minlength=n) + np.bincount(c.vanishes.item, may[c.vanishes.columns], n)
            for child in range(2):
                into += np.bincount(p.external_children[:, child], may[c.named], minlength=n)
                out += np.bincount(p.merge_sources[:, child], may[c.merge], minlength=n)
            out += np.bincount(p.external_parent, may[c.named], minlength=n)
            into += np.bincount(p.merge_target, may[c.merge], minlength=n)
            most = np.minimum(into, out)
            counts = c.count.columns
            over = free[counts] & (c.count.layer > most[c.count.item])
            free[counts[over]], x[counts[over]] = False, 0.0
            most = np.bincount(c.count.item, (free | (x > 0.5))[counts], minlength=n)
            through = np.minimum(most[p.source], most[p.target])
            twice = (c.divides[p.source] >= 0) & (most[p.source] == 1) & (not p.separate_children)
            through = np.where(twice, np.minimum(2, most[p.target]), through)
            flows = c.flow.columns
            over = free[flows] & (c.flow.layer > through[c.flow.item])
            free[flows[over]], x[flows[over]] = False, 0.0

    def open_ends(self, free: NDArray[np.bool_], x: NDArray[np.float64]) -> None:
        """Free appearances and disappearances wherever something else is free, so that there is an answer.

        Parameters
        ----------
        free : ndarray of bool, shape (columns,)
            Columns that may change; some are added.
        x : ndarray of float, shape (columns,)
            Values of what is held.
        """
        c = self._columns
        is_open = np.zeros(self.n_places, bool)
        for where in (self.place, self.partner, self.third):
            here = where[free]
            is_open[here[here >= 0]] = True
        most = np.bincount(c.count.item, (free | (x > 0.5))[c.count.columns], minlength=self.n_places // 2)
        for layers in (c.appears, c.vanishes):
            ends = layers.columns[is_open[self.place[layers.columns]] & (layers.layer <= most[layers.item])]
            free[ends] = True


def select(
    program: Program,
    places: Places,
    zero: NDArray[np.float64],
    one: NDArray[np.float64],
    incumbent: NDArray[np.float64] | None,
    largest: int,
) -> tuple[NDArray[np.float64], NDArray[np.int64], float]:
    """Choose what to hold, at which value, and what to free.

    Parameters
    ----------
    program : Program
        Rows and limits.
    places : Places
        Where the columns belong.
    zero, one : ndarray of float, shape (columns,)
        Slack of the value 0 and of the value 1.
    incumbent : ndarray of float, shape (columns,), or None
        A feasible point; it stays among what the core can choose.
    largest : int
        Columns of the largest component.

    Returns
    -------
    x : ndarray of float, shape (columns,)
        Values of what is held.
    free : ndarray of int
        Columns that may change.
    threshold : float
        The smallest threshold that was needed anywhere.
    """
    limits = program.limits
    fixed = limits.lower == limits.upper
    preferred = np.where(fixed, limits.lower, (zero > one).astype(float))
    price = np.maximum(zero, one)
    threshold = np.full(places.n_places, THRESHOLDS[0] * places.unit)
    used = THRESHOLDS[0]
    differs = np.zeros(len(price), bool) if incumbent is None else preferred != incumbent
    free = fixed
    for lower in (*THRESHOLDS[1:], 0.0):
        free, x = ((price <= threshold[places.place]) | differs) & ~fixed, preferred.copy()
        places.tighten(free, x)
        places.open_ends(free, x)
        free &= ~fixed
        size = component_sizes(places.n_places, places.place, places.partner, places.third, np.flatnonzero(free))
        crowded = size > largest
        if not crowded.any() or lower == 0.0:
            break
        threshold[crowded] = lower * places.unit
        used = lower
    matrix = program.matrix
    if incumbent is None:
        for _ in range(CONFLICT_ROUNDS):
            if not release_conflicts(
                matrix.indptr, matrix.indices, matrix.data, program.lower, program.upper, x, free, fixed
            ):
                break
    return x, np.flatnonzero(free), used * places.unit


@njit(cache=True, nogil=True)
def _find(parent, k):
    while parent[k] != k:
        parent[k] = parent[parent[k]]
        k = parent[k]
    return k


@njit(cache=True, nogil=True)
def component_sizes(n, place, partner, third, free):
    """Tell the number of free columns in the component of each place, shape (n,)."""
    parent = np.arange(n)
    for column in free:
        a = _find(parent, place[column])
        for other in (partner[column], third[column]):
            if other >= 0:
                b = _find(parent, other)
                if a != b:
                    parent[b] = a
    number = np.zeros(n, np.int64)
    for column in free:
        number[_find(parent, place[column])] += 1
    size = np.empty(n, np.int64)
    for k in range(n):
        size[k] = number[_find(parent, k)]
    return size


@njit(cache=True, nogil=True)
def release_conflicts(start, column, value, lower, upper, x, free, fixed):
    """Free the columns of every row that cannot hold with what is held; tell how many rows there were."""
    found = 0
    for row in range(len(lower)):
        low, high = 0.0, 0.0
        for k in range(start[row], start[row + 1]):
            j = column[k]
            if free[j]:
                low += min(value[k], 0.0)
                high += max(value[k], 0.0)
            else:
                low += value[k] * x[j]
                high += value[k] * x[j]
        if low > upper[row] + 1e-6 or high < lower[row] - 1e-6:
            found += 1
            for k in range(start[row], start[row + 1]):
                if not fixed[column[k]]:
                    free[column[k]] = True
    return found
