"""A quick feasible answer: take links in the order of what they save, then divisions.

It is what a solve returns that was stopped before it found anything better, and never claims to be more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nbtrack.data.problem import Solution
from nbtrack.model.objective import has_division_variable
from nbtrack.solvers.greedy_passes import add_divisions, drop_tracks, join

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
    join(order[saving[order] > 0], p.source, p.target, following, preceding)

    flow = np.zeros(a, np.int64)
    flow[following[following >= 0]] = 1
    used = usable.copy()
    drop_tracks(used, flow, following, preceding, start, end, link_cost, _step(p.detection), p.target)
    divides = np.zeros(n, bool)
    allowed = has_division_variable(p) & used & (following >= 0)
    gain = _step(p.division)
    extra = np.zeros(a) if p.division_link is None else p.division_link - link_cost
    pairs = np.sort(p.narrow_links, axis=1)
    narrow = np.sort(pairs[:, 0] * a + pairs[:, 1])
    candidates = order[possible[order]]
    add_divisions(
        candidates, p.source, p.target, allowed, used, flow, following, preceding, divides, gain, link_cost, extra,
        start, narrow,
    )  # fmt: skip

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
        merges=np.zeros(p.n_merges, bool),
    )


def _step(energy: np.ndarray) -> np.ndarray:
    return np.asarray(energy[:, 1] - energy[:, 0])
