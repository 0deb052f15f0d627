"""What the energies know of each object: centre, size, shape, distance to the border, and what it overlaps.

All of it comes from one pass over the label frames, which keeps only a few of them in memory. An object that the label
frames do not show (where there is only a table) is a disk or a ball of its size, and overlaps are those of disks.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nbtrack.adaptive.drift import DriftFinder, moved
from nbtrack.hypotheses import coordinate_scales, field_of_view
from nbtrack.overlap import count_overlaps
from nbtrack.regions import check_labels, position_products, scan_regions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbtrack.data.detections import Detections
    from nbtrack.data.graph import HypothesisGraph
    from nbtrack.params import TrackingParams


class Overlaps(NamedTuple):
    """Pairs of objects that share pixels, and how many."""

    first: np.ndarray
    second: np.ndarray
    pixels: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Objects:
    """Objects as aligned arrays, in the order of the graph; lengths in scaled units.

    Parameters
    ----------
    frame : ndarray of int, shape (n,)
        Number of the frame among those that have objects, from 0.
    times : ndarray of int, shape (frames,)
        Time of each of these frames.
    position : ndarray of float, shape (n, ndim)
        Centres.
    size : ndarray of float, shape (n,)
        Number of pixels.
    radius : ndarray of float, shape (n,)
        Radius of the disk or ball of this size.
    shape : ndarray of float, shape (n, ndim, ndim)
        Second moments: the covariance of the places within the object.
    border : ndarray of float, shape (n,)
        Distance of the bounding box from the border of the field of view, in radii.
    drift : ndarray of float, shape (frames, ndim)
        Jump of the whole picture from each frame to the next.
    overlaps : dict of int to Overlaps
        By the number of frames between the two: pairs that share pixels, once jumps are undone.
    has_labels : bool
        Whether the overlaps are counted; without label frames they are those of disks.
    usual_radius : float
        The median radius, or that of the objects from which the energies were learned.
    """

    frame: np.ndarray
    times: np.ndarray
    position: np.ndarray
    size: np.ndarray
    radius: np.ndarray
    shape: np.ndarray
    border: np.ndarray
    drift: np.ndarray
    overlaps: dict[int, Overlaps]
    has_labels: bool
    usual_radius: float

    def __len__(self) -> int:
        """Count the objects."""
        return len(self.size)

    def drift_to(self, source: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Sum the jumps of the whole picture between the frames of pairs of objects, forwards or backwards."""
        total = np.concatenate([np.zeros((1, self.drift.shape[1])), np.cumsum(self.drift, axis=0)])
        return np.asarray(total[self.frame[target]] - total[self.frame[source]])


def read_objects(
    detections: Detections,
    graph: HypothesisGraph,
    params: TrackingParams,
    *,
    usual_radius: float | None = None,
    drift: np.ndarray | None = None,
) -> Objects:
    """Measure the objects of a graph in the label frames.

    Parameters
    ----------
    detections : Detections
        With label frames, or with empty ones.
    graph : HypothesisGraph
        Which objects, with their centres and sizes.
    params : TrackingParams
        `drift`, `reach`, `missed_frames`, field of view and data scales.
    usual_radius : float, optional
        The usual radius; the median if not given.
    drift : ndarray of float, shape (frames, ndim), optional
        Jumps of the whole picture in pixels, from each frame with objects to the next; looked for if not given.

    Returns
    -------
    Objects
    """
    ndim = detections.ndim
    scales = coordinate_scales(detections, params)
    times, frame = np.unique(graph.t, return_inverse=True)
    start = np.searchsorted(graph.t, times)
    stop = np.append(start[1:], graph.n_detections)
    radius = _radius(graph.size * np.prod(scales), ndim)
    shape = (radius**2 / (ndim + 2))[:, None, None] * np.eye(ndim)
    shown = np.zeros(graph.n_detections, bool)
    usual = float(np.median(radius)) if usual_radius is None else usual_radius
    finder = DriftFinder(usual / scales, detections.frame_shape, params) if drift is None else None
    drift = np.zeros((len(times), ndim)) if drift is None else drift
    steps = params.missed_frames + 1
    shared: dict[int, list[Overlaps]] = {step: [] for step in range(1, steps + 1)}
    before: deque[tuple[int, np.ndarray]] = deque(maxlen=steps)
    for k, t in enumerate(times.tolist()):
        labels = check_labels(np.asarray(detections.labels[t]), t)
        rows = slice(int(start[k]), int(stop[k]))
        if labels.shape != tuple(detections.frame_shape):
            continue
        _measure(labels, graph.object_id[rows], rows, scales, shape, shown)
        if finder is not None:
            shift = finder.next_shift(labels, rows.stop - rows.start)
            if k:
                drift[k - 1] = shift
        for k0, earlier in before:
            earlier_rows = slice(int(start[k0]), int(stop[k0]))
            shared[k - k0].append(_overlaps(graph, earlier, earlier_rows, labels, rows, drift[k0:k]))
        before.append((k, labels))
    return Objects(
        frame=frame,
        times=times,
        position=graph.position,
        size=graph.size,
        radius=radius,
        shape=shape,
        border=_border(detections, graph, radius, usual, params),
        drift=drift * scales,
        overlaps={step: _join(found) for step, found in shared.items()},
        has_labels=bool(shown.any()),
        usual_radius=usual,
    )


def read_frames_again(
    old: Objects,
    kept: np.ndarray,
    detections: Detections,
    graph: HypothesisGraph,
    params: TrackingParams,
    frames: Sequence[int],
) -> Objects:
    """Measure the objects of some frames anew, and keep what is known of the others.

    Usual radius and jumps of the picture stay as they are, so that the same comes out as from `read_objects` with them.

    Parameters
    ----------
    old : Objects
        What was measured before; the same frames had objects.
    kept : ndarray of int, shape (n of the old objects,)
        The index of each old object in the new graph; -1 in the frames that are measured anew.
    detections : Detections
        The objects as they are now.
    graph : HypothesisGraph
        The same.
    params : TrackingParams
        As for `read_objects`.
    frames : sequence of int
        Times of the frames whose objects are others.

    Returns
    -------
    Objects
    """
    scales = coordinate_scales(detections, params)
    times, ndim, n = old.times, detections.ndim, graph.n_detections
    frame = np.searchsorted(times, graph.t)
    start = np.searchsorted(graph.t, times)
    stop = np.append(start[1:], n)
    radius = _radius(graph.size * np.prod(scales), ndim)
    shape = (radius**2 / (ndim + 2))[:, None, None] * np.eye(ndim)
    shape[kept[kept >= 0]] = old.shape[kept >= 0]
    shared: dict[int, list[Overlaps]] = {}
    for step, found in old.overlaps.items():
        first, second = kept[found.first], kept[found.second]
        stays = (first >= 0) & (second >= 0)
        shared[step] = [Overlaps(first[stays], second[stays], found.pixels[stays])]
    drift = np.rint(old.drift / scales)  # jumps are whole pixels
    fits = old.has_labels

    def rows_of(k: int) -> slice:
        return slice(int(start[k]), int(stop[k]))

    @lru_cache(maxsize=2 * len(old.overlaps) + 2)
    def labels_of(k: int) -> np.ndarray:
        return check_labels(np.asarray(detections.labels[int(times[k])]), int(times[k]))

    changed = np.searchsorted(times, sorted(frames)).tolist()
    for k in changed if fits else ():
        _measure(labels_of(k), graph.object_id[rows_of(k)], rows_of(k), scales, shape, np.zeros(n, bool))
        for step in shared:
            for k0 in (k - step, k):
                k1 = k0 + step
                if k0 < 0 or k1 >= len(times) or (k0 in changed and k0 != k):  # the other one counts them
                    continue
                pairs = _overlaps(graph, labels_of(k0), rows_of(k0), labels_of(k1), rows_of(k1), drift[k0:k1])
                shared[step].append(pairs)
    return Objects(
        frame=frame,
        times=times,
        position=graph.position,
        size=graph.size,
        radius=radius,
        shape=shape,
        border=_border(detections, graph, radius, old.usual_radius, params),
        drift=old.drift,
        overlaps={step: _join(found) for step, found in shared.items()},
        has_labels=fits,
        usual_radius=old.usual_radius,
    )


def _overlaps(
    graph: HypothesisGraph,
    earlier: np.ndarray,
    earlier_rows: slice,
    labels: np.ndarray,
    rows: slice,
    drift: np.ndarray,
) -> Overlaps:
    """Count what the objects of two frames share, once the jumps between them are undone."""
    ids, later_ids, pixels = count_overlaps(earlier, moved(labels, -np.round(drift.sum(axis=0)).astype(int)))
    first, known = _find(graph.object_id, earlier_rows.start, earlier_rows.stop, ids)
    second, later_known = _find(graph.object_id, rows.start, rows.stop, later_ids)
    both = known & later_known
    return Overlaps(first[both], second[both], pixels[both].astype(float))


def _join(found: Sequence[Overlaps]) -> Overlaps:
    empty = Overlaps(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    return Overlaps(*map(np.concatenate, zip(empty, *found, strict=True)))


def _radius(volume: np.ndarray, ndim: int) -> np.ndarray:
    unit = np.pi if ndim == 2 else 4 / 3 * np.pi
    return np.asarray((np.maximum(volume, 1e-12) / unit) ** (1 / ndim))


def _measure(
    labels: np.ndarray, ids: np.ndarray, rows: slice, scales: np.ndarray, shape: np.ndarray, shown: np.ndarray
) -> None:
    """Write the second moments of the objects of one frame; a pixel is a box, not a point."""
    regions = scan_regions(labels)
    if not len(regions):
        return
    moments = position_products(labels, regions) / regions.size[:, None, None]
    moments = (moments + np.eye(labels.ndim) / 12) * scales[:, None] * scales
    place, there = _find(regions.object_id, 0, len(regions), ids)
    wanted = np.arange(rows.start, rows.stop)[there]
    shape[wanted], shown[wanted] = moments[place[there]], True


def _find(object_id: np.ndarray, start: int, stop: int, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find ids among those of a sorted part of an array: their places, and which are there."""
    place = start + np.searchsorted(object_id[start:stop], ids)
    there = place < stop
    there[there] = object_id[place[there]] == ids[there]
    return np.where(there, place, 0), there


def _border(
    detections: Detections, graph: HypothesisGraph, radius: np.ndarray, usual_radius: float, params: TrackingParams
) -> np.ndarray:
    """Measure how far each bounding box is from the border; an axis of less than two objects has none."""
    low, high = field_of_view(detections, params)
    scales = coordinate_scales(detections, params)
    table = detections.table.iloc[graph.row]
    axes = "zyx"[-detections.ndim :]
    box_low = table[[f"bbox_{a}_min" for a in axes]].to_numpy(float)
    box_high = table[[f"bbox_{a}_max" for a in axes]].to_numpy(float)
    space = np.minimum(box_low - low, high - box_high) * scales
    deep = (high - low) * scales >= 4 * usual_radius
    if not deep.any():
        deep[:] = True
    return np.asarray(np.maximum(space[:, deep].min(axis=1), 0.0) / radius)
