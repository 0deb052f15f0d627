"""The compiled loops of the greedy answer: joining objects, dropping tracks that do not pay, adding divisions."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
# numba infers the types of compiled functions from the call

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def join(links, source, target, following, preceding):
    """Take links in order, if both of their ends are still free."""
    for link in links:
        i, j = source[link], target[link]
        if following[i] < 0 and preceding[j] < 0:
            following[i], preceding[j] = link, link


@njit(cache=True, nogil=True)
def drop_tracks(used, flow, following, preceding, start, end, link_cost, gain, target):
    """Switch off every track that costs more than calling its objects false detections."""
    n = len(used)
    first_ones = np.flatnonzero(used & (preceding < 0))
    track = np.empty(n, np.int64)
    for first in first_ones:
        track[0], length = first, 1
        total = start[first] + gain[first]
        last = first
        while following[last] >= 0:
            link = following[last]
            last = target[link]
            total += link_cost[link] + gain[last]
            track[length] = last
            length += 1
        if total + end[last] >= 0:
            for k in range(length):
                i = track[k]
                used[i] = False
                if following[i] >= 0:
                    flow[following[i]] = 0
                following[i], preceding[i] = -1, -1


@njit(cache=True, nogil=True)
def add_divisions(
    links, source, target, allowed, used, flow, following, preceding, divides, gain, link_cost, extra, start, narrow
):
    """Give a second child to objects that may divide, where that saves energy.

    `extra` is the energy of a link that leads from a dividing parent less its own; `narrow` has the forbidden pairs of
    links, as ``first * links + second``, sorted.
    """
    a = len(source)
    for link in links:
        i, j = source[link], target[link]
        if not (allowed[i] and used[j]) or divides[i] or preceding[j] >= 0 or flow[link]:
            continue
        first = following[i]
        if first < 0 or not flow[first]:
            continue
        key = min(link, first) * a + max(link, first)
        place = np.searchsorted(narrow, key)
        if place < len(narrow) and narrow[place] == key:
            continue
        if gain[i] + link_cost[link] + extra[link] + extra[first] - start[j] < 0:
            flow[link], divides[i], preceding[j] = 1, True, link
