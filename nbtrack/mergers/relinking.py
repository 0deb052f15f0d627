"""Decide anew which part of a merged object belongs to which track.

The counts of the answer stay as they are: as many tracks go from one object to the next, begin, end and divide as
before. Which part each of them takes is an integer program with the rows of conservation, solved to its optimum:

* ``flow[i, j]`` is 1 if a track goes from part i to part j; between two objects there are as many as before;
* ``first[d, i, j]`` and ``second[d, i, j]`` lead from part i, which divides, to the parts of the two children; each
  division d has one of either, out of the same part;
* no part is left or entered twice.

The energy of a link is the squared distance of the centres divided by the frames between them, which is minus the
logarithm of a random walk. An object outside mergers is one part.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from nbtrack.data.lineage import Lineage
from nbtrack.solvers.control import Control
from nbtrack.solvers.highs import HighsProgram

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from nbtrack.data.lineage import Division

Object = tuple[int, int]
"""Frame and object id."""
Part = tuple[int, int, int]
"""Frame, object id before the cut, and number of the part."""


def relink(
    lineage: Lineage,
    part_ids: Mapping[Object, list[int]],
    centers: Callable[[Object], np.ndarray],
) -> Lineage:
    """Give the parts of merged objects to tracks.

    Parameters
    ----------
    lineage : Lineage
        With merged objects.
    part_ids : mapping of (t, object_id) to list of int
        New object id of every part of every merged object, one entry for each of its tracks.
    centers : callable
        Takes (t, object_id) and gives the centres of its parts in scaled units, shape (k, ndim).

    Returns
    -------
    Lineage
        A track keeps the id that it has where it begins.
    """
    paths = {track: list(lineage.objects_of(track).items()) for track in lineage.track_ids}
    program = _Program(part_ids, centers)
    following: dict[Part, Part] = {}
    steps: Counter[tuple[Object, Object]] = Counter()
    for path in paths.values():
        for source, target in pairwise(path):
            if source in part_ids or target in part_ids:
                steps[source, target] += 1
            else:
                following[*source, 0] = (*target, 0)
    for (source, target), count in steps.items():
        program.add_step(source, target, count)
    begins = {track: (*path[0], 0) for track, path in paths.items()}
    mothers: dict[int, Part] = {}
    for parent, division in lineage.divisions.items():
        mother, first, second = paths[parent][-1], *(paths[child][0] for child in division.children)
        mothers[parent] = (*mother, 0)
        if {mother, first, second} & set(part_ids):
            program.add_division(division, mother, first, second)
    chosen = program.solve()
    following |= chosen.following
    begins |= chosen.begins
    mothers |= chosen.mothers
    entered = {*following.values(), *chosen.begins.values()}
    for place, tracks in _beginning_in(part_ids, paths, lineage).items():
        free = [(*place, k) for k in range(len(part_ids[place])) if (*place, k) not in entered]
        begins |= _keep_ids(tracks, free, following, part_ids, lineage)
    track_of: dict[Part, int] = {}
    rows = []
    for track, begin in sorted(begins.items()):
        part: Part | None = begin
        while part is not None:
            t, object_id, k = part
            track_of[part] = track
            rows.append((t, part_ids[t, object_id][k] if (t, object_id) in part_ids else object_id, track))
            part = following.get(part)
    divisions = [(d.t, track_of[mothers[parent]], *d.children) for parent, d in lineage.divisions.items()]
    objects = lineage.objects
    false = objects.loc[objects["track_id"] < 0, ["t", "object_id"]]
    return Lineage.from_tables(rows, divisions, false.itertuples(index=False, name=None))


def _beginning_in(
    part_ids: Mapping[Object, list[int]], paths: Mapping[int, list[Object]], lineage: Lineage
) -> dict[Object, list[int]]:
    """List the tracks that begin in each merged object without a mother."""
    found: dict[Object, list[int]] = {}
    for track, path in paths.items():
        if path[0] in part_ids and lineage.parent_of(track) is None:
            found.setdefault(path[0], []).append(track)
    return found


def _keep_ids(
    tracks: list[int],
    free: list[Part],
    following: Mapping[Part, Part],
    part_ids: Mapping[Object, list[int]],
    lineage: Lineage,
) -> dict[int, Part]:
    """Let as many tracks as possible keep the id that they had where they come out."""
    kept: dict[int, Part] = {}
    for begin in free:
        part = begin
        while part[:2] in part_ids and part in following:
            part = following[part]
        alone = lineage.tracks_at(*part[:2])
        if len(alone) == 1 and alone[0] in tracks and alone[0] not in kept:
            kept[alone[0]] = begin
    left = [begin for begin in free if begin not in kept.values()]
    return kept | dict(zip((track for track in tracks if track not in kept), left, strict=True))


@dataclass
class _Chosen:
    """What the program decided."""

    following: dict[Part, Part] = field(default_factory=dict)
    begins: dict[int, Part] = field(default_factory=dict)
    mothers: dict[int, Part] = field(default_factory=dict)


class _Program:
    """Collects columns and rows, one column for each way from part to part."""

    def __init__(self, part_ids: Mapping[Object, list[int]], centers: Callable[[Object], np.ndarray]) -> None:
        self._n_parts = {place: len(ids) for place, ids in part_ids.items()}
        self._centers = centers
        self._ways: list[tuple[Part, Part]] = []
        self._child: list[int] = []  # of each column the child track that it leads to, or 0
        self._mother: list[int] = []
        self._cost: list[float] = []
        self._rows: list[tuple[Iterable[int], Iterable[float], float, float]] = []
        self._leaves: dict[Part, list[int]] = {}
        self._enters: dict[Part, list[int]] = {}

    def add_step(self, source: Object, target: Object, count: int) -> None:
        """Let `count` tracks go from one object to another."""
        columns = self._add_ways(source, target)
        self._rows.append((columns, [1.0] * len(columns), count, count))
        self._note_leaving(columns)

    def add_division(self, division: Division, mother: Object, first: Object, second: Object) -> None:
        """Let one track of an object divide into one track of each of two others, or of one other."""
        to_first, to_second = (
            self._add_ways(mother, place, division.parent_track_id, child)
            for place, child in zip((first, second), division.children, strict=True)
        )
        self._rows.append((to_first, [1.0] * len(to_first), 1, 1))
        self._note_leaving(to_first)
        for k in range(self._n_parts.get(mother, 1)):
            same = [[c for c in columns if self._ways[c][0][2] == k] for columns in (to_first, to_second)]
            self._rows.append((same[0] + same[1], [1.0] * len(same[0]) + [-1.0] * len(same[1]), 0, 0))

    def solve(self) -> _Chosen:
        """Find the ways of least energy."""
        chosen = _Chosen()
        if not self._cost:
            return chosen
        for columns in (*self._leaves.values(), *self._enters.values()):
            if len(columns) > 1:
                self._rows.append((columns, [1.0] * len(columns), 0, 1))
        used, values, lower, upper = zip(*self._rows, strict=True)
        ends = np.r_[0, np.cumsum([len(list(columns)) for columns in used])]
        matrix = sp.csr_matrix(
            (np.concatenate(values), np.concatenate(used).astype(np.int32), ends), (len(used), len(self._cost))
        )
        n = len(self._cost)
        limits = np.array(lower, float), np.array(upper, float), np.zeros(n), np.ones(n)
        program = HighsProgram(np.array(self._cost), 0.0, matrix, *limits, Control())
        answer = program.solve_relaxation()
        assert answer.x is not None, "the tracks as they are keep to all rows"
        if np.abs(answer.x - np.round(answer.x)).max() > 1e-6:
            answer = program.solve_integer(0.0)
        for column in np.flatnonzero(np.asarray(answer.x) > 0.5).tolist():
            source, target = self._ways[column]
            if self._child[column]:
                chosen.begins[self._child[column]] = target
                chosen.mothers[self._mother[column]] = source
            else:
                chosen.following[source] = target
        return chosen

    def _add_ways(self, source: Object, target: Object, mother: int = 0, child: int = 0) -> list[int]:
        here, there = self._centers(source), self._centers(target)
        cost = ((here[:, None] - there[None]) ** 2).sum(axis=2) / (target[0] - source[0])
        begin = len(self._cost)
        for i in range(len(here)):
            for j in range(len(there)):
                self._enters.setdefault((*target, j), []).append(len(self._ways))
                self._ways.append(((*source, i), (*target, j)))
        self._cost += cost.ravel().tolist()
        columns = list(range(begin, len(self._cost)))
        self._child += [child] * len(columns)
        self._mother += [mother] * len(columns)
        return columns

    def _note_leaving(self, columns: list[int]) -> None:
        for column in columns:
            self._leaves.setdefault(self._ways[column][0], []).append(column)
