"""Which object can become which: candidate links between successive frames with objects.

For every pair of successive frames that have objects, the k nearest neighbours forwards and the k nearest backwards,
nearer than the maximal distance. Frames without objects do not stop anything: links go across them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from nbtrack.data.graph import HypothesisGraph
from nbtrack.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from nbtrack.data.detections import Detections
    from nbtrack.params import TrackingParams


def link_candidates(detections: Detections, params: TrackingParams) -> HypothesisGraph:
    """Build the graph of candidate links.

    Parameters
    ----------
    detections : Detections
        Objects with their table. Columns ``p_count_0`` to ``p_count_m`` and ``p_division`` are taken as probabilities.
    params : TrackingParams
        Field of view, size range, data scales, border, number of neighbors and maximal distance.

    Returns
    -------
    HypothesisGraph
        Positions and distances in scaled units.

    Raises
    ------
    InputError
        If the data scales do not fit the dimensions, or a probability is not a number between 0 and 1.
    """
    graph = collect_objects(detections, params)
    neighbors = _neighbors(params, graph.p_division, graph.n_detections)
    source, target, distance = _nearest(graph.t, graph.position, neighbors, params)
    return replace(graph, source=source, target=target, distance=distance)


def link_again(
    old: HypothesisGraph, detections: Detections, params: TrackingParams, frames: Sequence[int]
) -> HypothesisGraph:
    """Build the graph of candidate links anew after the objects of some frames have changed.

    Parameters
    ----------
    old : HypothesisGraph
        The graph before.
    detections : Detections
        The objects as they are now.
    params : TrackingParams
        As for the graph before.
    frames : sequence of int
        Frames whose objects are others; only links that begin or end there are looked for.

    Returns
    -------
    HypothesisGraph
        The same as `link_candidates` gives.
    """
    graph = collect_objects(detections, params)
    if not np.array_equal(np.unique(graph.t), np.unique(old.t)):
        return link_candidates(detections, params)  # other frames are neighbours in time
    neighbors = _neighbors(params, graph.p_division, graph.n_detections)
    source, target, distance = _nearest(graph.t, graph.position, neighbors, params, frames)
    place = np.full(old.n_detections, -1)
    place[~np.isin(old.t, frames)] = np.flatnonzero(~np.isin(graph.t, frames))
    first, second = place[old.source], place[old.target]
    stays = (first >= 0) & (second >= 0)
    source, target = np.concatenate([first[stays], source]), np.concatenate([second[stays], target])
    order = np.lexsort((target, source))
    distance = np.concatenate([old.distance[stays], distance])[order]
    return replace(graph, source=source[order], target=target[order], distance=distance)


def collect_objects(detections: Detections, params: TrackingParams) -> HypothesisGraph:
    """Build a graph of the objects that are to be tracked, without links.

    Parameters
    ----------
    detections : Detections
        Objects with their table. Columns ``p_count_0`` to ``p_count_m`` and ``p_division`` are taken as probabilities.
    params : TrackingParams
        Field of view, size range, data scales and border.

    Returns
    -------
    HypothesisGraph
        Positions in scaled units.

    Raises
    ------
    InputError
        If the data scales do not fit the dimensions, or a probability is not a number between 0 and 1.
    """
    ndim, table = detections.ndim, detections.table
    scales = coordinate_scales(detections, params)
    low, high = field_of_view(detections, params)
    inside = _inside(table, low, high, params)
    rows = np.flatnonzero(inside)
    kept = table.iloc[rows]
    axes = "zyx"[-ndim:]
    center = kept[list(axes)].to_numpy(float)
    box_low = kept[[f"bbox_{a}_min" for a in axes]].to_numpy(float)
    box_high = kept[[f"bbox_{a}_max" for a in axes]].to_numpy(float)
    border = border_factor(center, box_low, box_high, low, high, scales, params)
    p_division = _probabilities(kept, ["p_division"]) if "p_division" in kept else None
    counts = [name for name in kept.columns if name.startswith("p_count_")]
    return HypothesisGraph(
        t=kept["t"].to_numpy(np.int64),
        object_id=kept["object_id"].to_numpy(np.int64),
        row=rows,
        position=center * scales,
        size=kept["size"].to_numpy(float),
        border=border,
        source=np.zeros(0, np.int64),
        target=np.zeros(0, np.int64),
        distance=np.zeros(0),
        p_count=_probabilities(kept, [f"p_count_{k}" for k in range(len(counts))]) if counts else None,
        p_division=None if p_division is None else p_division[:, 0],
    )


def coordinate_scales(detections: Detections, params: TrackingParams) -> np.ndarray:
    """Tell the factors of the coordinates, ordered ``(z, y, x)`` or ``(y, x)``.

    Parameters
    ----------
    detections : Detections
        With `scale`, the pixel size along each axis.
    params : TrackingParams
        With `data_scales`, ordered x, y, z; if empty, pixel sizes relative to that of x.

    Returns
    -------
    ndarray of float, shape (ndim,)

    Raises
    ------
    InputError
        If the number of scales is not that of the dimensions.
    """
    if params.data_scales is None:
        scale = np.asarray(detections.scale, dtype=float)
        return np.asarray(scale / scale[-1])
    given = params.data_scales
    if len(given) == 3 and detections.ndim == 2:
        given = given[:2]
    if len(given) != detections.ndim:
        axes = ", ".join("xyz"[: detections.ndim])
        raise InputError(
            f"`data_scales` must have one number per axis ({axes}): got {params.data_scales} for objects in "
            f"{detections.ndim} dimensions."
        )
    return np.array(given[::-1], dtype=float)


def field_of_view(detections: Detections, params: TrackingParams) -> tuple[np.ndarray, np.ndarray]:
    """Tell the first pixel of the field of view and the one after the last, two arrays of shape (ndim,).

    Parameters
    ----------
    detections : Detections
        With `frame_shape`.
    params : TrackingParams
        With `z_range`, `y_range` and `x_range`; the whole frame where empty.

    Returns
    -------
    low, high : ndarray of int, shape (ndim,)
    """
    shape = detections.frame_shape
    ranges = (params.z_range, params.y_range, params.x_range)[-len(shape) :]
    low = np.array([0 if r is None else r[0] for r in ranges])
    high = np.array([n if r is None else min(r[1], n) for r, n in zip(ranges, shape, strict=True)])
    return low, high


def border_factor(
    center: np.ndarray,
    box_low: np.ndarray,
    box_high: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    scales: np.ndarray,
    params: TrackingParams,
) -> np.ndarray:
    """Tell how far each object is from the border of the field of view, as a share of the border width.

    With ``border_from="box"`` the distance is that of the bounding box to the nearest face, 0 where it touches; with
    "center" that of the centre to the outermost pixels.

    Parameters
    ----------
    center, box_low, box_high : ndarray of float, shape (n, ndim)
        Centres and half-open bounding boxes in pixels.
    low, high : ndarray of int, shape (ndim,)
        Half-open field of view in pixels.
    scales : ndarray of float, shape (ndim,)
        Factors of the coordinates.
    params : TrackingParams
        `border_width` and `border_from`.

    Returns
    -------
    ndarray of float, shape (n,)
        1 inside, falling to 0 at the border; 1 everywhere if the width is 0.
    """
    if params.border_from == "box":
        space = np.minimum(box_low - low, high - box_high)
    else:
        space = np.minimum(center - low, high - 1 - center)
    distance = np.maximum((space * scales).min(axis=1, initial=np.inf), 0.0)
    if params.border_width == 0:
        return np.ones(len(center))
    return np.asarray(np.minimum(distance / params.border_width, 1.0))


def _inside(table: pd.DataFrame, low: np.ndarray, high: np.ndarray, params: TrackingParams) -> np.ndarray:
    """Keep what lies in the field of view, at least in part, and in the size range."""
    inside = table["size"].between(*params.size_range).to_numpy()
    if params.t_range is not None:
        inside = inside & ((table["t"] >= params.t_range[0]) & (table["t"] < params.t_range[1])).to_numpy()
    for axis, first, end in zip("zyx"[-len(low) :], low, high, strict=True):
        inside = inside & ((table[f"bbox_{axis}_max"] > first) & (table[f"bbox_{axis}_min"] < end)).to_numpy()
    return np.asarray(inside)


def _neighbors(params: TrackingParams, p_division: np.ndarray | None, n: int) -> np.ndarray:
    """Candidates to look for forwards; an object that may divide has at least two."""
    k = np.full(n, params.neighbors)
    if params.divisible:
        likely = p_division > params.division_threshold if p_division is not None else np.ones(n, bool)
        k[likely] = np.maximum(k[likely], 2)
    return k


def _nearest(
    t: np.ndarray,
    position: np.ndarray,
    forward: np.ndarray,
    params: TrackingParams,
    only: Sequence[int] | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Join the nearest neighbours forwards and backwards, sorted by source and target.

    With `only`, pairs of frames of which none is among these are left out.
    """
    frames, starts = np.unique(t, return_index=True)
    ends = np.r_[starts[1:], len(t)]
    keys = [np.zeros(0, np.int64)]
    n = len(t)
    asked = np.ones(len(frames), bool) if only is None else np.isin(frames, only)
    for now in np.flatnonzero(asked[:-1] | asked[1:]).tolist():
        a, b = slice(starts[now], ends[now]), slice(starts[now + 1], ends[now + 1])
        i, j = _query(position[a], position[b], forward[a], params.max_distance)
        keys.append((i + a.start) * n + j + b.start)
        back = np.full(b.stop - b.start, params.neighbors)
        j, i = _query(position[b], position[a], back, params.max_distance)
        keys.append((i + a.start) * n + j + b.start)
    key = np.unique(np.concatenate(keys))
    source, target = key // max(n, 1), key % max(n, 1)
    return source, target, np.linalg.norm(position[source] - position[target], axis=1)


def _query(points: np.ndarray, others: np.ndarray, k: np.ndarray, max_distance: float) -> tuple[np.ndarray, np.ndarray]:
    most = min(int(k.max()), len(others))
    distance, index = cKDTree(others).query(points, k=np.arange(1, most + 1), distance_upper_bound=max_distance)
    wanted = np.isfinite(distance) & (np.arange(most) < k[:, None])
    i, column = np.nonzero(wanted)
    return i, index[i, column]


def _probabilities(table: pd.DataFrame, names: list[str]) -> np.ndarray:
    missing = [name for name in names if name not in table]
    if missing:
        raise InputError(
            f"The table of detections has no column `{missing[0]}`. Give p_count_0 to p_count_m in one row."
        )
    values = table[names].to_numpy(float)
    bad = ~((values >= 0) & (values <= 1))
    if bad.any():
        row, column = np.argwhere(bad)[0]
        where = table.iloc[row]
        raise InputError(
            f"`{names[column]}` of object {int(where['object_id'])} in frame {int(where['t'])} must be a probability "
            f"from 0 to 1: got {values[row, column]}. Correct the classifier's table."
        )
    return values
