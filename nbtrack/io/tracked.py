"""What a file of tracks gives: objects, lineage and, if it is there, the movie; it can be corrected and written again.

Some formats hold label images, others only points, radii or outlines. From these label frames are painted when they are
asked for, so that any of them can be seen, corrected and written in any other format.
"""

from __future__ import annotations

import math
from copy import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nbtrack.data.columns import bbox_columns, detection_columns, make_table, position_columns
from nbtrack.data.detections import Detections
from nbtrack.errors import InputError
from nbtrack.regions import check_labels, region_table, scan_regions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nbtrack.data.lineage import Lineage
    from nbtrack.data.movie import Movie

SMALLEST_RADIUS = 1.5
"""Radius in pixels of a point that has none."""
_MOST_PIXELS = 2**31
_MOST_FRAMES = 10**6


@dataclass(frozen=True, eq=False)
class Tracked:
    """A tracked movie that was read from a file.

    It is what `nbtrack.write` takes; ``Session(tracked.movie, tracked.detections, tracked.lineage)`` corrects it.

    Parameters
    ----------
    lineage : Lineage
        Tracks, divisions, mergers and false detections, as far as the format has them.
    detections : Detections
        The objects: from label images, or painted from points, radii or outlines.
    movie : Movie or None
        The raw movie, where the file has it.
    params, report : optional
        How it was made, as plain values, where the file tells it.
    pins : list of dict
        What was held fixed, as keywords of `nbtrack.Pin`, where the file tells it.
    """

    lineage: Lineage
    detections: Detections
    movie: Movie | None = None
    params: dict[str, Any] | None = None
    report: dict[str, Any] | None = None
    pins: list[dict[str, Any]] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"<Tracked: {self.lineage!r} of {self.detections!r}>"


class LabelFrames:
    """The frames of a label movie of any integer type as uint32.

    Parameters
    ----------
    labels : Movie
        Label images.
    """

    def __init__(self, labels: Movie) -> None:
        self._labels = labels

    def __len__(self) -> int:
        """Count the frames."""
        return len(self._labels)

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[t] for t in range(len(self)))

    def __getitem__(self, t: int) -> np.ndarray:
        """Read frame `t`."""
        return check_labels(self._labels[t], t)


def objects_of_labels(labels: Movie) -> Detections:
    """Take the objects of label images as they are.

    Parameters
    ----------
    labels : Movie
        Label images of whole numbers, 0 is background.

    Returns
    -------
    Detections
        One table row per object.

    Raises
    ------
    InputError
        If the values are not whole numbers from 0, or there is more than one channel.
    """
    if labels.n_channels > 1:
        raise InputError(f"Label images have one channel: {labels.name!r} has {labels.n_channels}. Check `axes`.")
    frames = LabelFrames(labels)
    table = region_table([scan_regions(frames[t]) for t in range(len(frames))], labels.ndim)
    made_by = {"stage": "detect", "movie": labels.name}
    return Detections(frames, table, labels.frame_shape, labels.scale, made_by)


class PaintedFrames:
    """Label frames that are painted from points when they are asked for.

    Parameters
    ----------
    table : DataFrame
        t, object_id, [z,] y, x and radius (pixels); sorted by t.
    n_frames : int
        Number of frames.
    frame_shape : tuple of int
        ``([z,] y, x)``.
    scale : tuple of float
        Pixel size per axis relative to that of x, for round objects in stretched pixels.
    outlines : dict of (t, object_id) to ndarray of shape (n, 2), optional
        Outlines ``(y, x)`` in pixels; objects without one are discs or balls.
    """

    def __init__(
        self,
        table: pd.DataFrame,
        n_frames: int,
        frame_shape: tuple[int, ...],
        scale: tuple[float, ...],
        outlines: dict[tuple[int, int], np.ndarray] | None = None,
    ) -> None:
        self._object_id = table["object_id"].to_numpy(np.int64)
        self._center = table[position_columns(len(frame_shape))].to_numpy(np.float64)
        self._radius = table["radius"].to_numpy(np.float64)
        self._edges = np.searchsorted(table["t"].to_numpy(), np.arange(n_frames + 1))
        self._shape = frame_shape
        self._stretch = np.array(scale) / scale[-1]
        self._outlines = outlines or {}

    def __len__(self) -> int:
        """Count the frames."""
        return len(self._edges) - 1

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[t] for t in range(len(self)))

    def fitted(self, n_frames: int, frame_shape: tuple[int, ...]) -> PaintedFrames:
        """Paint the same objects into frames of another size; at least as many as there are now."""
        fitted = copy(self)
        more = max(n_frames - len(self), 0)
        fitted._edges = np.r_[self._edges, np.full(more, self._edges[-1])]
        fitted._shape = frame_shape if len(frame_shape) == len(self._shape) else self._shape
        return fitted

    def __getitem__(self, t: int) -> np.ndarray:
        """Paint frame `t`: a pixel belongs to the nearest of the objects that cover it."""
        frame = np.zeros(self._shape, np.uint32)
        nearest = np.full(self._shape, np.inf, np.float32)
        rows = range(*map(int, self._edges[t : t + 2]))
        for i in rows:
            box, inside, far = self.cover(t, i)
            wins = inside & (far < nearest[box])
            nearest[box][wins] = far[wins]
            frame[box][wins] = self._object_id[i]
        there = set(np.unique(frame).tolist())
        for i in rows:  # one that covers no pixel gets the one at its centre
            spot = tuple(round(min(max(c, 0), n - 1)) for c, n in zip(self._center[i], self._shape, strict=True))
            if frame[spot] == 0 and int(self._object_id[i]) not in there:
                frame[spot] = self._object_id[i]
        return frame

    def cover(self, t: int, i: int) -> tuple[tuple[slice, ...], np.ndarray, np.ndarray]:
        """Give the box of the object in row `i`, the pixels that it covers and how far they are from its centre."""
        outline = self._outlines.get((t, int(self._object_id[i])))
        low, high = _reach(self._center[i], self._radius[i], self._stretch, self._shape, outline)
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        grid = np.ogrid[box]
        far = sum(
            ((g - c) * s) ** 2 for g, c, s in zip(grid, self._center[i].tolist(), self._stretch.tolist(), strict=True)
        )
        far = np.asarray(far, np.float32)
        if outline is None:
            return box, far <= self._radius[i] ** 2, far
        from skimage import measure

        fill: Any = measure.grid_points_in_poly
        shape = tuple(b - a for a, b in zip(low, high, strict=True))
        return box, fill(shape, outline - low), far


def _reach(
    center: np.ndarray,
    radius: float,
    stretch: np.ndarray,
    shape: tuple[int, ...],
    outline: np.ndarray | None = None,
) -> tuple[list[int], list[int]]:
    """Give the half-open box in which an object lies, inside the frame."""
    if outline is None:
        first, last = center - radius / stretch, center + radius / stretch
    else:
        first, last = outline.min(axis=0), outline.max(axis=0)
    low = [int(min(max(math.ceil(a), 0), n)) for a, n in zip(first, shape, strict=True)]
    high = [int(min(max(math.floor(b) + 1, a), n)) for b, a, n in zip(last, low, shape, strict=True)]
    return low, high


def objects_of_points(
    points: pd.DataFrame,
    what: str,
    *,
    scale: Sequence[float] | None = None,
    n_frames: int | None = None,
    frame_shape: Sequence[int] | None = None,
    outlines: dict[tuple[int, int], np.ndarray] | None = None,
) -> Detections:
    """Make objects of points, with label frames that are painted when they are asked for.

    Parameters
    ----------
    points : DataFrame
        t, object_id, [z,] y, x (pixels); radius (pixels of x) if it is known; further numbers become features.
    what : str
        Name of the file, for messages.
    scale : sequence of float, optional
        Pixel size per axis.
    n_frames, frame_shape : optional
        Size of the movie; as large as the points need if not given.
    outlines : dict, optional
        As for `PaintedFrames`.

    Returns
    -------
    Detections
        The centres are those of the points; sizes and boxes are those of the discs, balls or outlines.

    Raises
    ------
    InputError
        If a position is not a number, or the frames would be absurdly many or large.
    """
    axes = position_columns(3 if "z" in points else 2)
    points = points.sort_values(["t", "object_id"], ignore_index=True)
    t, center = points["t"].to_numpy(np.int64), points[axes].to_numpy(np.float64)
    if not np.isfinite(center).all():
        row = int(np.flatnonzero(~np.isfinite(center).all(axis=1))[0])
        raise InputError(f"`{what}` has an object in frame {t[row]} whose position is not a number. Mend the file.")
    radius = points["radius"].to_numpy(np.float64) if "radius" in points else np.full(len(t), np.nan)
    radius = np.where(np.isfinite(radius) & (radius > 0), radius, SMALLEST_RADIUS)
    top = np.ceil((center + radius[:, None]).max(axis=0)) + 1 if len(t) else np.ones(len(axes))
    shape = tuple(int(max(n, 1)) for n in (top if frame_shape is None else frame_shape))
    frames = max(int(t.max(initial=0)) + 1, n_frames or 1)
    if frames > _MOST_FRAMES or math.prod(shape) > _MOST_PIXELS or len(shape) != len(axes):
        raise InputError(
            f"`{what}` would need {frames} frames of {' x '.join(map(str, shape))} pixels. Check its positions and "
            "frames, and the pixel size `scale`: positions are divided by it."
        )
    sizes = tuple(float(s) for s in scale) if scale is not None else (1.0,) * len(axes)
    painted = PaintedFrames(points.assign(radius=radius), frames, shape, sizes, outlines)
    table = _point_table(points, center, radius, painted, outlines or {}, shape, np.array(sizes) / sizes[-1])
    return Detections(painted, table, shape, sizes, {"stage": "read", "file": what})


def _point_table(
    points: pd.DataFrame,
    center: np.ndarray,
    radius: np.ndarray,
    painted: PaintedFrames,
    outlines: dict[tuple[int, int], np.ndarray],
    shape: tuple[int, ...],
    stretch: np.ndarray,
) -> pd.DataFrame:
    """Measure points by their discs, and those with an outline by what is painted."""
    ndim = center.shape[1]
    volume = math.pi * radius**2 if ndim == 2 else 4 / 3 * math.pi * radius**3
    size = np.maximum(np.rint(volume / np.prod(stretch)), 1).astype(np.int64)
    top = np.array(shape)
    low = np.clip(np.ceil(center - radius[:, None] / stretch), 0, top).astype(np.int64)
    high = np.clip(np.floor(center + radius[:, None] / stretch) + 1, low, top).astype(np.int64)
    for row, key in enumerate(zip(points["t"].tolist(), points["object_id"].tolist(), strict=True)) if outlines else ():
        if key in outlines:
            box, inside, _ = painted.cover(key[0], row)
            low[row], high[row] = [s.start for s in box], [s.stop for s in box]
            size[row] = max(int(inside.sum()), 1)
    boxes = np.hstack([low, high])
    values: dict[str, Any] = {"t": points["t"], "object_id": points["object_id"], "size": size}
    values |= dict(zip(position_columns(ndim), center.T, strict=True))
    values |= dict(zip(bbox_columns(ndim), boxes.T, strict=True))
    table = make_table(detection_columns(ndim), {name: np.asarray(v) for name, v in values.items()})
    taken = {*table.columns, "track_id", "lineage_id", "count", "node_id"}
    extra = [name for name in points if name not in taken and points[name].dtype.kind in "iuf"]
    return pd.concat([table, points[extra].astype(np.float64)], axis=1)


def pixel_sizes(given: float | Sequence[float] | None, ndim: int, found: Sequence[float] = ()) -> list[float]:
    """Choose the pixel size: what was given, what was found in a file, or 1.

    Parameters
    ----------
    given : float or sequence of float or None
        One for all axes, or one per axis ``([z,] y, x)``.
    ndim : int
        Number of spatial axes.
    found : sequence of float, optional
        Those of the file; the last `ndim` count.

    Returns
    -------
    list of float

    Raises
    ------
    InputError
        If they are not positive, or not as many as axes.
    """
    chosen = given if given is not None else (list(found)[-ndim:] or 1.0)
    try:
        sizes = np.asarray(chosen, np.float64)
        sizes = np.repeat(sizes, ndim) if sizes.ndim == 0 else sizes
    except (TypeError, ValueError):
        sizes = np.full(1, np.nan)
    if sizes.shape != (ndim,) or not (np.isfinite(sizes) & (sizes > 0)).all():
        raise InputError(
            f"`scale` is {chosen!r}, but must be one positive pixel size, or {ndim} of them: "
            f"{', '.join(position_columns(ndim))}."
        )
    return [float(size) for size in sizes]
