"""A quick feasible answer: take links in the order of what they save, then divisions.

It is what a solve returns that was stopped before it found anything better, and never claims to be more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nbtrack.data.problem import Solution
from nbtrack.model.objective import has_division_variable

if TYPE_CHECKING:
    from nbtrack.data.problem import Problem


def link_greedily(problem: Problem) -> Solution:
    """Link each object to at most one other in order of saving; no mergers.

    Parameters
    ----------
    problem : Problem
        Energies of all states.

    Returns
    -------
    Solution
        Feasible for the law without pins; all off where tracks may not start or end.
    """
    p = problem
    n, a = p.n_detections, p.n_links
    may_start, may_end = p.appearance_capacity > 0, p.disappearance_capacity > 0
    usable = (p.capacity > 0) & may_start & may_end
    for members in p.exclusions:
        usable[members[1:]] = False
    start = np.where(usable, _step(p.appearance), np.inf)
    end = np.where(usable, _step(p.disappearance), np.inf)
    if a and p.link.shape[1] > 1:
        link_cost = np.where(p.link_capacity > 0, _step(p.link), np.inf)
    else:
        link_cost = np.full(a, np.inf)

    possible = usable[p.source] & usable[p.target] & np.isfinite(link_cost)
    saving = np.full(a, -np.inf)
    saving[possible] = (end[p.source] + start[p.target] - link_cost)[possible]
    following, preceding = np.full(n, -1), np.full(n, -1)
    order = np.argsort(-saving, kind="stable")
    for link in order[saving[order] > 0].tolist():
        i, j = p.source[link], p.target[link]
        if following[i] < 0 and preceding[j] < 0:
            following[i], preceding[j] = link, link

    flow = np.zeros(a, np.int64)
    flow[following[following >= 0]] = 1
    used = usable.copy()
    _drop_costly_tracks(p, used, flow, following, preceding, start, end, link_cost)
    divides = np.zeros(n, bool)
    allowed = has_division_variable(p) & used & (following >= 0)
    gain = _step(p.division)
    narrow = {frozenset(pair) for pair in p.narrow_links.tolist()}
    for link in order[possible[order]].tolist():
        i, j = p.source[link], p.target[link]
        if not (allowed[i] and used[j]) or divides[i] or preceding[j] >= 0 or flow[link] or not flow[following[i]]:
            continue
        if frozenset((link, int(following[i]))) in narrow:
            continue
        cost = gain[i] + link_cost[link] - start[j]
        if p.division_link is not None:
            first = following[i]
            cost = gain[i] + p.division_link[link] + p.division_link[first] - link_cost[first] - start[j]
        if cost < 0:
            flow[link], divides[i], preceding[j] = 1, True, link

    count = used.astype(np.int64)
    inflow = np.bincount(p.target, flow, minlength=n).astype(np.int64)
    outflow = np.bincount(p.source, flow, minlength=n).astype(np.int64)
    appears, vanishes = count - inflow, count + divides - outflow
    if not p.one_frame_tracks:
        alone = (appears > 0) & (vanishes > 0)
        count[alone] = appears[alone] = vanishes[alone] = 0
    return Solution(
        count=count,
        flow=flow,
        appears=appears,
        vanishes=vanishes,
        divides=divides,
        external=np.zeros(p.n_external, bool),
    )


def _drop_costly_tracks(
    p: Problem,
    used: np.ndarray,
    flow: np.ndarray,
    following: np.ndarray,
    preceding: np.ndarray,
    start: np.ndarray,
    end: np.ndarray,
    link_cost: np.ndarray,
) -> None:
    """Switch off every track that costs more than calling its objects false detections."""
    gain = _step(p.detection)
    for first in np.flatnonzero(used & (preceding < 0)).tolist():
        track, links = [first], []
        while following[track[-1]] >= 0:
            links.append(int(following[track[-1]]))
            track.append(int(p.target[links[-1]]))
        if start[first] + end[track[-1]] + gain[track].sum() + link_cost[links].sum() >= 0:
            used[track] = False
            flow[links] = 0
            following[track], preceding[track] = -1, -1


def _step(energy: np.ndarray) -> np.ndarray:
    return np.asarray(energy[:, 1] - energy[:, 0])
