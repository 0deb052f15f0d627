"""From a solved model to tracks: counts and flows become a lineage and the tables of a result.

Every object of flow is a track. A track begins where objects appear and at the children of a division, and goes on
through mergers: who leaves a merger by which link is decided by the shortest total distance from where each track was
last seen alone, ties by the smaller track id and then the smaller object id.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment

from nbtrack.data.columns import (
    DIVISIONS,
    FALSE_DETECTIONS,
    FRAGMENTS,
    LINKS,
    MERGERS,
    RESULT_OBJECTS,
    TRACK_EVENTS,
    make_table,
)
from nbtrack.data.events import merger_table
from nbtrack.data.lineage import FALSE_LABEL, Lineage
from nbtrack.solvers.unfolding import Flows, unfold

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from nbtrack.data.graph import HypothesisGraph
    from nbtrack.data.problem import Problem, Solution
    from nbtrack.solvers.pinned import PinnedState


@dataclass(frozen=True)
class Decoded:
    """What a solution says, in tables.

    Parameters
    ----------
    lineage : Lineage
        Tracks, divisions and false detections.
    tables : dict of str to DataFrame
        The tables of `nbtrack.data.result.TrackingResult` by their names.
    """

    lineage: Lineage
    tables: dict[str, pd.DataFrame]


def decode(
    graph: HypothesisGraph,
    problem: Problem,
    solution: Solution,
    *,
    longest_merger: int = 8,
    pins: Sequence[PinnedState] = (),
) -> Decoded:
    """Read a lineage and tables off a solution.

    Parameters
    ----------
    graph : HypothesisGraph
        Detections and links.
    problem : Problem
        Energies, for the tables.
    solution : Solution
        A state for every variable.
    longest_merger : int, optional
        Frames for which two objects that merge and part by name can share a mask.
    pins : sequence of PinnedState, optional
        States that were held, to be kept where events by name are read as mergers or fragments.

    Returns
    -------
    Decoded
    """
    flows = unfold(graph, problem, solution, longest_merger, pins)
    walk, lineage = _walk(flows)
    return Decoded(lineage, _tables(flows, walk, lineage))


def read_lineage(
    graph: HypothesisGraph,
    problem: Problem,
    solution: Solution,
    *,
    longest_merger: int = 8,
    pins: Sequence[PinnedState] = (),
) -> Lineage:
    """Read a lineage alone off a solution.

    Parameters
    ----------
    graph, problem, solution, longest_merger, pins
        As for `decode`.

    Returns
    -------
    Lineage
    """
    return _walk(unfold(graph, problem, solution, longest_merger, pins))[1]


def _walk(flows: Flows) -> tuple[_Walk, Lineage]:
    """Carry tracks through all detections."""
    graph, solution = flows.graph, flows.solution
    walk = _Walk(graph, solution)
    for i in np.flatnonzero(solution.count).tolist():
        walk.visit(i)
    t, object_id = graph.t.tolist(), graph.object_id.tolist()
    lineage = Lineage.from_tables(
        ((t[i], object_id[i], track) for i, tracks in walk.tracks_of.items() for track in tracks),
        walk.divisions,
        ((t[i], object_id[i]) for i in np.flatnonzero(solution.count == 0).tolist()),
    )
    return walk, lineage


@dataclass
class _Walk:
    """Carries tracks along the flow, detection after detection in order of time."""

    graph: HypothesisGraph
    solution: Solution
    tracks_of: dict[int, list[int]] = field(default_factory=dict)
    divisions: list[tuple[int, int, int, int]] = field(default_factory=list)
    division_ends: list[tuple[int, int, int]] = field(default_factory=list)
    starts: list[tuple[int, int]] = field(default_factory=list)
    ends: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        used = np.flatnonzero(self.solution.flow)
        source = self.graph.source[used]
        self._used = used
        self._first = np.searchsorted(source, np.arange(self.graph.n_detections + 1))
        self._arrived: dict[int, list[int]] = {}
        self._alone_at: dict[int, int] = {}
        self._last_track = 0

    def visit(self, i: int) -> None:
        """Give detection i its tracks and send them on."""
        born = [self._new_track(i) for _ in range(int(self.solution.appears[i]))]
        self.starts += [(i, track) for track in born]
        tracks = sorted(self._arrived.pop(i, []) + born)
        self.tracks_of[i] = tracks
        if len(tracks) == 1:
            self._alone_at[tracks[0]] = i
        links = self._used[self._first[i] : self._first[i + 1]]
        targets = np.repeat(self.graph.target[links], self.solution.flow[links]).tolist()
        if self.solution.divides[i]:
            self._divide(i, tracks[0], targets)
            return
        leaving = int(self.solution.vanishes[i])
        for track, target in zip(tracks, self._match(tracks, targets, leaving), strict=True):
            if target is None:
                self.ends.append((i, track))
            else:
                self._arrived.setdefault(target, []).append(track)

    def _divide(self, i: int, parent: int, targets: list[int]) -> None:
        one, two = (self._new_track(target) for target in targets)
        for child, target in zip((one, two), targets, strict=True):
            self._arrived.setdefault(target, []).append(child)
        self.divisions.append((int(self.graph.t[i]), parent, one, two))
        self.division_ends.append((i, targets[0], targets[1]))

    def _match(self, tracks: list[int], targets: list[int], leaving: int) -> list[int | None]:
        """Decide which track goes where."""
        slots: list[int | None] = [*targets, *[None] * leaving]
        if len(set(slots)) <= 1:
            return slots
        here = self.graph.position[[self._alone_at[track] for track in tracks]]
        cost = np.zeros((len(tracks), len(slots)))
        cost[:, : len(targets)] = np.linalg.norm(here[:, None] - self.graph.position[targets][None], axis=2)
        _, column = linear_sum_assignment(cost)
        return [slots[c] for c in column]

    def _new_track(self, at: int) -> int:
        self._last_track += 1 + (self._last_track + 1 == FALSE_LABEL)
        self._alone_at[self._last_track] = at
        return self._last_track


def _tables(flows: Flows, walk: _Walk, lineage: Lineage) -> dict[str, pd.DataFrame]:
    graph, solution = flows.graph, flows.solution
    t, object_id = graph.t, graph.object_id
    n = graph.n_detections
    track = np.full(n, -1)
    for i, tracks in walk.tracks_of.items():
        track[i] = tracks[0]
    roots = {i: lineage.lineage_id_of(i) for i in lineage.track_ids}
    used = np.flatnonzero(solution.flow)
    source, target = graph.source[used], graph.target[used]
    ends = np.array(walk.division_ends, np.int64).reshape(-1, 3)
    tracks_of_divisions = np.array(walk.divisions, np.int64).reshape(-1, 4)
    false = np.flatnonzero(solution.count == 0)

    def events(rows: list[tuple[int, int]], free_frame: int) -> pd.DataFrame:
        index, tracks = np.array(rows, np.int64).reshape(-1, 2).T
        inside = t[index] != free_frame
        index, tracks = index[inside], tracks[inside]
        return make_table(TRACK_EVENTS, {"t": t[index], "object_id": object_id[index], "track_id": tracks})

    mergers = merger_table(lineage)
    return {
        "objects": make_table(
            RESULT_OBJECTS,
            {
                "t": t,
                "object_id": object_id,
                "count": solution.count,
                "track_id": track,
                "lineage_id": [roots.get(i, -1) for i in track.tolist()],
            },
        ),
        "links": make_table(
            LINKS,
            {
                "t": t[source],
                "source_id": object_id[source],
                "target_id": object_id[target],
                "count": solution.flow[used],
                "energy": flows.link_energy[used],
                "gap": t[target] - t[source],
            },
        ),
        "divisions": make_table(
            DIVISIONS,
            {
                "t": t[ends[:, 0]],
                "parent_id": object_id[ends[:, 0]],
                "child1_id": object_id[ends[:, 1]],
                "child2_id": object_id[ends[:, 2]],
                "parent_track_id": tracks_of_divisions[:, 1],
                "child1_track_id": tracks_of_divisions[:, 2],
                "child2_track_id": tracks_of_divisions[:, 3],
                "energy": flows.division_energy[ends[:, 0]],
            },
        ),
        "mergers": make_table(MERGERS, {name: mergers[name] for name in MERGERS}),
        "appearances": events(walk.starts, graph.first_frame),
        "disappearances": events(walk.ends, graph.last_frame),
        "false_detections": make_table(FALSE_DETECTIONS, {"t": t[false], "object_id": object_id[false]}),
        "fragments": make_table(
            FRAGMENTS,
            {
                "t": t[flows.fragments[:, 0]],
                "object_id": object_id[flows.fragments[:, 0]],
                "of_id": object_id[flows.fragments[:, 1]],
                "track_id": track[flows.fragments[:, 1]],
            },
        ),
    }
