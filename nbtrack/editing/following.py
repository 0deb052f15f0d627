"""Follow a solution that changed in places: only the tracks there are read off again.

Tracks that neither the solver nor a person touched since the last solution are the same again, so that a part of the
movie is enough: what changed, and all that hangs together with it by tracks, divisions and mergers, before or after.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from nbtrack.data.lineage import Lineage
from nbtrack.data.problem import Problem, Solution
from nbtrack.editing.replacing import plan_replacement
from nbtrack.solvers.decode import read_lineage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from nbtrack.data.graph import HypothesisGraph
    from nbtrack.editing.commands import Group
    from nbtrack.tracking import SolvedMovie

LARGEST = 0.5
"""If more than this share of the objects hangs together with what changed, the whole is read off."""


def plan_following(
    lineage: Lineage,
    shown: SolvedMovie,
    solved: SolvedMovie,
    touched: Iterable[tuple[int, int]],
    first_free: int,
    *,
    longest_merger: int,
    keep_pins: bool,
) -> Group | None:
    """Plan the commands that make a lineage that shows one solution show the next.

    Parameters
    ----------
    lineage : Lineage
        As it is now: what the old solution says, but for the objects in `touched`.
    shown, solved : SolvedMovie
        The old and the new solution, of the same objects.
    touched : iterable of (t, object_id)
        Objects that were changed since the lineage was read off the old solution.
    first_free : int
        The first track id that was never in use.
    longest_merger : int
        As for `nbtrack.solvers.decode.decode`.
    keep_pins : bool
        Whether the pins decide how events by name are read.

    Returns
    -------
    Group or None
        The same commands as `plan_replacement` gives with the whole answer; None if too much changed.
    """
    graph = solved.graph
    seeds = _changed(shown, solved)
    if keep_pins:
        touched = chain(touched, *(pin.objects for pin in set(shown.pins) ^ set(solved.pins)))
    loose = dict.fromkeys(touched)
    found = (graph.index_of(*place) for place in loose)
    seeds = np.union1d(seeds, np.array([i for i in found if i is not None], np.int64))
    if not len(seeds) and not loose:
        return plan_replacement(Lineage(), Lineage(), first_free)
    ends = np.array([0, graph.n_detections - 1])  # so that the part has the first and the last frame of the whole
    label = _components(solved, longest_merger)
    inside, tracks = _close(lineage, graph, label, np.union1d(seeds, ends), loose)
    if inside.sum() > LARGEST * graph.n_detections:
        return None
    kept = np.flatnonzero(inside)
    objects = {*zip(graph.t[kept].tolist(), graph.object_id[kept].tolist(), strict=True), *loose}
    old = lineage.part(tracks, objects)
    new = _read_part(solved, inside, longest_merger, keep_pins=keep_pins)
    return plan_replacement(old, new, first_free)


def _changed(one: SolvedMovie, two: SolvedMovie) -> NDArray[np.int64]:
    """List the detections whose states differ."""
    a, b = one.outcome.solution, two.outcome.solution
    differs = (a.count != b.count) | (a.appears != b.appears) | (a.vanishes != b.vanishes) | (a.divides != b.divides)
    parts = [np.flatnonzero(differs)]
    base = max(len(a.count), 1 << 8)
    for k, (rows, others) in enumerate(zip(_used(one), _used(two), strict=True)):
        before, after = ((r[:, 0] * base + r[:, 1]) * base + r[:, 2] for r in (rows, others))
        ends, third = np.divmod(np.setxor1d(before, after), base)
        parts += [*np.divmod(ends, base), third if k else ends[:0]]
    return np.unique(np.concatenate(parts))


def _used(solved: SolvedMovie) -> tuple[NDArray[np.int64], ...]:
    """List the links that are in use with their flow, and the divisions and merges by name, each in three columns."""
    p, s = solved.problem, solved.outcome.solution
    flow = np.flatnonzero(s.flow)
    return (
        np.column_stack([p.source[flow], p.target[flow], s.flow[flow]]),
        np.column_stack([p.external_parent, p.external_children])[s.external],
        np.column_stack([p.merge_target, p.merge_sources])[s.merges],
    )


def _components(solved: SolvedMovie, longest: int) -> NDArray[np.int64]:
    """Label what hangs together: by use, and where an object may go over from one merger to another by a candidate."""
    p, n = solved.problem, solved.graph.n_detections
    links, divisions, merges = _used(solved)
    pairs = [links[:, :2], divisions[:, :2], divisions[:, [0, 2]], merges[:, :2], merges[:, [0, 2]]]
    following = dict(links[:, :2].tolist())
    merged: set[int] = set()
    for i in merges[:, 0].tolist():
        at: int | None = i
        for _ in range(longest):
            if at is None:
                break
            merged.add(at)
            at = following.get(at)
    if merged:
        of_merged = np.zeros(n, bool)
        of_merged[list(merged)] = True
        near = of_merged[p.source]
        pairs.append(np.column_stack([p.source[near], p.target[near]]))
    one, two = np.concatenate(pairs).T
    joined = sp.coo_matrix((np.ones(len(one), np.int8), (one, two)), shape=(n, n))
    return np.asarray(connected_components(joined, directed=False)[1], np.int64)


def _close(
    lineage: Lineage,
    graph: HypothesisGraph,
    label: NDArray[np.int64],
    seeds: NDArray[np.int64],
    loose: Iterable[tuple[int, int]],
) -> tuple[NDArray[np.bool_], set[int]]:
    """Add what hangs together with the seeds, in the solution and in the lineage, until nothing is left to add."""
    inside = np.zeros(len(label), bool)
    tracks: set[int] = set()
    waiting = {track for place in loose for track in lineage.tracks_at(*place)}
    new = seeds
    while len(new) or waiting:
        of_label = np.zeros(int(label.max()) + 1, bool)
        of_label[label[new]] = True
        members = np.flatnonzero(of_label[label] & ~inside)
        inside[members] = True
        for t, i in zip(graph.t[members].tolist(), graph.object_id[members].tolist(), strict=True):
            waiting.update(lineage.tracks_at(t, i))
        reached: list[int] = []
        while waiting:
            track = waiting.pop()
            if track in tracks:
                continue
            tracks.add(track)
            parent = lineage.parent_of(track)
            waiting.update(lineage.children_of(track) if parent is None else (parent, *lineage.children_of(track)))
            for t, i in lineage.objects_of(track).items():
                waiting.update(set(lineage.tracks_at(t, i)) - tracks)
                index = graph.index_of(t, i)
                if index is not None and not inside[index]:
                    reached.append(index)
        new = np.array(reached, np.int64)
    return inside, tracks


def _read_part(solved: SolvedMovie, inside: NDArray[np.bool_], longest_merger: int, *, keep_pins: bool) -> Lineage:
    """Read the tracks of some detections off a solution; none of them goes on outside."""
    graph, p, s = solved.graph, solved.problem, solved.outcome.solution
    kept = np.flatnonzero(inside)
    place = np.cumsum(inside) - 1
    links = np.flatnonzero(inside[p.source] & inside[p.target])
    on = np.flatnonzero(s.external & inside[p.external_parent])
    merged = np.flatnonzero(s.merges & inside[p.merge_target])
    source, target = place[p.source[links]], place[p.target[links]]
    part = replace(
        graph,
        t=graph.t[kept],
        object_id=graph.object_id[kept],
        row=graph.row[kept],
        position=graph.position[kept],
        size=graph.size[kept],
        border=graph.border[kept],
        source=source,
        target=target,
        distance=graph.distance[links],
        p_count=None,
        p_division=None,
    )
    problem = Problem(
        detection=p.detection[kept],
        capacity=p.capacity[kept],
        source=source,
        target=target,
        link=p.link[links],
        link_capacity=p.link_capacity[links],
        appearance=p.appearance[kept],
        appearance_capacity=p.appearance_capacity[kept],
        disappearance=p.disappearance[kept],
        disappearance_capacity=p.disappearance_capacity[kept],
        division=p.division[kept],
        divides=p.divides[kept],
        external_parent=place[p.external_parent[on]],
        external_children=place[p.external_children[on]],
        external=p.external[on],
        merge_target=place[p.merge_target[merged]],
        merge_sources=place[p.merge_sources[merged]],
        merge=p.merge[merged],
    )
    solution = Solution(
        count=s.count[kept],
        flow=s.flow[links],
        appears=s.appears[kept],
        vanishes=s.vanishes[kept],
        divides=s.divides[kept],
        external=s.external[on],
        merges=s.merges[merged],
    )
    held = []
    if keep_pins:
        link_place = np.full(p.n_links, -1)
        link_place[links] = np.arange(len(links))
        for state in solved.states:
            of = link_place if state.kind == "link" else np.where(inside, place, -1)
            if of[state.index] >= 0:
                held.append(replace(state, index=int(of[state.index])))
    return read_lineage(part, problem, solution, longest_merger=longest_merger, pins=held)
