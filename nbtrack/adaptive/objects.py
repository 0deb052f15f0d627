"""What the energies know of each object: centre, size, shape, distance to the border, and what it overlaps.

All of it comes from one pass over the label frames, which keeps only a few of them in memory. An object that the label
frames do not show (where there is only a table) is a disk or a ball of its size, and overlaps are those of disks.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nbtrack.adaptive.drift import DriftFinder, moved
from nbtrack.hypotheses import coordinate_scales, field_of_view
from nbtrack.overlap import count_overlaps
from nbtrack.regions import check_labels, position_products, scan_regions

if TYPE_CHECKING:
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

    def __len__(self) -> int:
        """Count the objects."""
        return len(self.size)

    def drift_to(self, source: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Sum the jumps of the whole picture between the frames of pairs of objects, forwards or backwards."""
        total = np.concatenate([np.zeros((1, self.drift.shape[1])), np.cumsum(self.drift, axis=0)])
        return np.asarray(total[self.frame[target]] - total[self.frame[source]])


def read_objects(detections: Detections, graph: HypothesisGraph, params: TrackingParams) -> Objects:
    """Measure the objects of a graph in the label frames.

    Parameters
    ----------
    detections : Detections
        With label frames, or with empty ones.
    graph : HypothesisGraph
        Which objects, with their centres and sizes.
    params : TrackingParams
        `drift`, `reach`, `missed_frames`, field of view and data scales.

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
    finder = DriftFinder(np.median(radius) / scales, detections.frame_shape, params)
    drift = np.zeros((len(times), ndim))
    steps = params.missed_frames + 1
    shared: dict[int, list[Overlaps]] = {step: [] for step in range(1, steps + 1)}
    before: deque[tuple[int, np.ndarray]] = deque(maxlen=steps)
    for k, t in enumerate(times.tolist()):
        labels = check_labels(np.asarray(detections.labels[t]), t)
        rows = slice(int(start[k]), int(stop[k]))
        if labels.shape != tuple(detections.frame_shape):
            continue
        _measure(labels, graph.object_id[rows], rows, scales, shape, shown)
        shift = finder.next_shift(labels, rows.stop - rows.start)
        if k:
            drift[k - 1] = shift
        for k0, earlier in before:
            back = -np.round(drift[k0:k].sum(axis=0)).astype(int)
            ids, later_ids, pixels = count_overlaps(earlier, moved(labels, back))
            first, known = _find(graph.object_id, int(start[k0]), int(stop[k0]), ids)
            second, later_known = _find(graph.object_id, rows.start, rows.stop, later_ids)
            both = known & later_known
            shared[k - k0].append(Overlaps(first[both], second[both], pixels[both].astype(float)))
        before.append((k, labels))
    empty = Overlaps(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    return Objects(
        frame=frame,
        times=times,
        position=graph.position,
        size=graph.size,
        radius=radius,
        shape=shape,
        border=_border(detections, graph, radius, params),
        drift=drift * scales,
        overlaps={
            step: Overlaps(*map(np.concatenate, zip(empty, *found, strict=True))) for step, found in shared.items()
        },
        has_labels=bool(shown.any()),
    )


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


def _border(detections: Detections, graph: HypothesisGraph, radius: np.ndarray, params: TrackingParams) -> np.ndarray:
    """Measure how far each bounding box is from the border; an axis of less than two objects has none."""
    low, high = field_of_view(detections, params)
    scales = coordinate_scales(detections, params)
    table = detections.table.iloc[graph.row]
    axes = "zyx"[-detections.ndim :]
    box_low = table[[f"bbox_{a}_min" for a in axes]].to_numpy(float)
    box_high = table[[f"bbox_{a}_max" for a in axes]].to_numpy(float)
    space = np.minimum(box_low - low, high - box_high) * scales
    deep = (high - low) * scales >= 4 * np.median(radius)
    if not deep.any():
        deep[:] = True
    return np.asarray(np.maximum(space[:, deep].min(axis=1), 0.0) / radius)
