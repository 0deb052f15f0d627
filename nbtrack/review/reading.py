"""Fates as numbers, for many objects at once: those of a lineage, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nbtrack.data.lineage import FALSE_TRACK_ID
from nbtrack.review.fates import decode_fates

if TYPE_CHECKING:
    from nbtrack.data.graph import HypothesisGraph
    from nbtrack.data.lineage import Lineage

__all__ = ["decode_fates", "fate_codes", "links_of_fates"]


def fate_codes(lineage: Lineage, graph: HypothesisGraph) -> np.ndarray:
    """Give the fate of each detection in a lineage the number that `nbtrack.review.fates.encode_fates` gives it.

    Parameters
    ----------
    lineage : Lineage
        The lineage.
    graph : HypothesisGraph
        The detections.

    Returns
    -------
    ndarray of int64, shape (n,)
        -2 for detections without a track.
    """
    n = graph.n_detections
    objects = lineage.objects
    t, object_id, track = (objects[name].to_numpy() for name in ("t", "object_id", "track_id"))
    width = int(max(graph.object_id.max(initial=0), object_id.max(initial=0))) + 1
    keys = graph.t * width + graph.object_id
    index = np.searchsorted(keys, t * width + object_id)
    known = (index < n) & (keys[np.minimum(index, n - 1)] == t * width + object_id)
    index, track = index[known], track[known]
    codes = np.full(n, -2, np.int64)
    codes[index[track == FALSE_TRACK_ID]] = -1
    index, track = index[track != FALSE_TRACK_ID], track[track != FALSE_TRACK_ID]
    codes[index] = 0
    order = np.lexsort([index, track])
    index, track = index[order], track[order]
    goes_on = np.flatnonzero(track[1:] == track[:-1])
    source, target = [index[goes_on]], [index[goes_on + 1]]
    divisions = sorted(lineage.divisions.values())
    if divisions:
        first = np.searchsorted(track, np.arange(int(track.max()) + 2))
        family: dict[tuple[int, int], None] = {}
        for division in divisions:
            mother = first[division.parent_track_id + 1] - 1
            for child in division.children:
                if first[child] < first[child + 1] and first[division.parent_track_id] <= mother:
                    family[int(index[mother]), int(index[first[child]])] = None
        pairs = np.array(list(family), np.int64).reshape(-1, 2)
        source.append(pairs[:, 0])
        target.append(pairs[:, 1])
    i, j = np.concatenate(source), np.concatenate(target)
    low, high = np.full(n, n), np.full(n, -1)
    np.minimum.at(low, i, j)
    np.maximum.at(high, i, j)
    return np.where(high >= 0, (low + 1) * (n + 1) + high + 1, codes)


def links_of_fates(codes: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Read the objects that follow off the numbers of fates.

    Parameters
    ----------
    codes : ndarray of int64
        Numbers of fates.
    n : int
        Number of detections.

    Returns
    -------
    first, second : ndarray of int64
        Detections that follow, the same one twice if there is one, -1 if there is none.
    """
    linked = codes > 0
    return np.where(linked, codes // (n + 1) - 1, -1), np.where(linked, codes % (n + 1) - 1, -1)
