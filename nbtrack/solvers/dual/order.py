"""An order of the detections in which everything leads forwards."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
# numba infers the types of compiled functions from the call

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray


def order_in_time(
    n: int,
    source: NDArray[np.int64],
    target: NDArray[np.int64],
    parent: NDArray[np.int64],
    children: NDArray[np.int64],
    merge_sources: NDArray[np.int64],
    merge_target: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Rank detections so that every link, division and merge leads from a lower rank to a higher one.

    Graphs are made frame after frame and are in that order already; model files may not be. If there is no such order
    (a loop in a model file), the one of the file is kept: then the ascent is slow, not wrong.

    Parameters
    ----------
    n : int
        Number of detections.
    source, target : ndarray of int, shape (a,)
        Links.
    parent, children : ndarray of int, shapes (e,) and (e, 2)
        Named divisions.
    merge_sources, merge_target : ndarray of int, shapes (g, 2) and (g,)
        Merges.

    Returns
    -------
    ndarray of int, shape (n,)
        Rank of each detection.
    """
    tails = np.concatenate([source, parent, parent, merge_sources.T.ravel()])
    heads = np.concatenate([target, children.T.ravel(), merge_target, merge_target])
    if np.all(tails < heads):
        return np.arange(n)
    order = np.argsort(tails, kind="stable")
    start = np.searchsorted(tails[order], np.arange(n + 1))
    level = _levels(n, start, heads[order])
    if level.min(initial=0) < 0:
        return np.arange(n)
    rank = np.empty(n, np.int64)
    rank[np.lexsort((np.arange(n), level))] = np.arange(n)
    return rank


@njit(cache=True)
def _levels(n, start, heads):
    """Longest way to each detection; -1 in and behind a loop."""
    missing = np.zeros(n, np.int64)
    for head in heads:
        missing[head] += 1
    level = np.where(missing == 0, 0, -1)
    waiting = np.flatnonzero(missing == 0)
    queue = np.empty(n, np.int64)
    queue[: len(waiting)] = waiting
    first, last = 0, len(waiting)
    reached = np.zeros(n, np.int64)
    while first < last:
        i = queue[first]
        first += 1
        level[i] = reached[i]
        for k in range(start[i], start[i + 1]):
            j = heads[k]
            reached[j] = max(reached[j], reached[i] + 1)
            missing[j] -= 1
            if missing[j] == 0:
                queue[last] = j
                last += 1
    return level


@njit(cache=True)
def longest_way(n, tail, head):
    """Count the arcs on the longest way, for arcs that lead forwards and are sorted by their tails."""
    level = np.zeros(n, np.int64)
    for k in range(len(tail)):
        level[head[k]] = max(level[head[k]], level[tail[k]] + 1)
    return level.max() if n else 0
