"""Which object can become which: near ones and all that overlap, in the next frame and across missed ones."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from nbtrack.adaptive.objects import Overlaps

if TYPE_CHECKING:
    from nbtrack.adaptive.objects import Objects
    from nbtrack.params import TrackingParams


class Candidates(NamedTuple):
    """Candidate links, sorted by source and target.

    Parameters
    ----------
    source, target : ndarray of int, shape (a,)
        Objects.
    step : ndarray of int, shape (a,)
        Frames with objects from source to target.
    overlap : ndarray of float, shape (a,)
        Pixels that both share, once jumps of the whole picture are undone.
    """

    source: np.ndarray
    target: np.ndarray
    step: np.ndarray
    overlap: np.ndarray


def find_candidates(
    objects: Objects,
    params: TrackingParams,
    velocity: np.ndarray | None,
    wanted: np.ndarray,
    frames: np.ndarray | None = None,
) -> Candidates:
    """Join each object with its nearest neighbours, forwards and backwards, and with all that it overlaps.

    Parameters
    ----------
    objects : Objects
        The objects.
    params : TrackingParams
        `neighbors`, `reach`, `max_distance`, `missed_frames`.
    velocity : ndarray of float, shape (n, ndim), or None
        Step that each object is expected to make.
    wanted : ndarray of int, shape (pairs, 2)
        Further pairs of source and target, whatever their distance.
    frames : ndarray of int, optional
        Numbers of frames: only links that begin or end in one of them are looked for; all if not given.

    Returns
    -------
    Candidates
    """
    n = max(len(objects), 1)
    reach = min(params.reach * objects.usual_radius, params.max_distance)
    n_frames = len(objects.times)
    starts = np.searchsorted(objects.frame, np.arange(n_frames + 1))
    keys = [wanted[:, 0] * n + wanted[:, 1]]
    asked = np.ones(n_frames, bool) if frames is None else np.isin(np.arange(n_frames), frames)
    overlaps = [
        Overlaps(*(part[asked[objects.frame[found.first]] | asked[objects.frame[found.second]]] for part in found))
        for found in objects.overlaps.values()
    ]
    for step in range(1, params.missed_frames + 2):
        for k in np.flatnonzero(asked[: n_frames - step] | asked[step:]).tolist() if step < n_frames else ():
            a, b = slice(starts[k], starts[k + 1]), slice(starts[k + step], starts[k + step + 1])
            expected = objects.position[a] + objects.drift[k : k + step].sum(axis=0)
            if velocity is not None:
                expected = expected + velocity[a] * (objects.times[k + step] - objects.times[k])
            there = objects.position[b]
            i, j = _nearest(expected, there, params.neighbors, reach)
            keys.append((i + a.start) * n + j + b.start)
            j, i = _nearest(there, expected, params.neighbors, reach)
            keys.append((i + a.start) * n + j + b.start)
    keys += [found.first * n + found.second for found in overlaps]
    key = np.unique(np.concatenate(keys))
    source, target = key // n, key % n
    overlap = np.zeros(len(key))
    for found in overlaps:
        overlap[np.searchsorted(key, found.first * n + found.second)] = found.pixels
    if not objects.has_labels:
        overlap = _disk_overlap(objects, source, target)
    return Candidates(source, target, objects.frame[target] - objects.frame[source], overlap)


def pairs_of(group: np.ndarray, cost: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Pair the cheapest entries of each group with each other.

    Parameters
    ----------
    group : ndarray of int, shape (n,)
        Which group each entry belongs to.
    cost : ndarray of float, shape (n,)
        Its cost.
    most : int
        Entries of a group that are paired.

    Returns
    -------
    first, second : ndarray of int, shape (pairs,)
        Entries of one group; the first is the cheaper one.

    Examples
    --------
    >>> pairs_of(np.array([7, 7, 8, 7]), np.array([3.0, 1.0, 0.0, 2.0]), 2)
    (array([1]), array([3]))
    """
    order = np.lexsort((cost, group))
    starts = np.flatnonzero(np.r_[True, np.diff(group[order]) != 0]) if len(order) else np.zeros(0, np.int64)
    counts = np.diff(np.append(starts, len(order)))
    first, second = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for a, b in combinations(range(most), 2):
        groups = starts[counts > b]
        first.append(order[groups + a])
        second.append(order[groups + b])
    return np.concatenate(first), np.concatenate(second)


def _nearest(points: np.ndarray, others: np.ndarray, k: int, reach: float) -> tuple[np.ndarray, np.ndarray]:
    most = min(k, len(others))
    distance, index = cKDTree(others).query(points, k=np.arange(1, most + 1), distance_upper_bound=reach)
    i, column = np.nonzero(np.isfinite(distance))
    return i, index[i, column]


def _disk_overlap(objects: Objects, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Guess the pixels that two objects share from their centres and sizes alone."""
    away = objects.position[target] - objects.position[source] - objects.drift_to(source, target)
    near = 1 - np.linalg.norm(away, axis=1) / (objects.radius[source] + objects.radius[target])
    return np.asarray(np.minimum(objects.size[source], objects.size[target]) * np.maximum(near, 0.0))
