"""Repair objects that the segmentation got wrong: split, merge, delete, add and paint, as steps like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from nbtrack.data.pins import Pin
from nbtrack.editing.commands import Assign, Group
from nbtrack.editing.repainting import Repaint, write_labels
from nbtrack.editing.resolving import Resolving
from nbtrack.editing.retracking import plan_removal
from nbtrack.errors import EditError, InputError
from nbtrack.rendering.drawing import follow_way

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nbtrack.data.movie import Movie
    from nbtrack.editing.commands import Command
    from nbtrack.editing.history import Change

ADDED_RADIUS = 1.5
"""A missed object reaches at most so many usual radii from the click."""


class Repairing(Resolving):
    """Change the objects of a frame; the rest is solved again with the objects as they are then."""

    def split_object(self, t: int, object_id: int, seeds: Sequence[Sequence[float]]) -> Change:
        """Split an object into as many as there are seeds: each pixel goes to the seed that the water reaches it from.

        The piece of the first seed keeps the id and the tracks; the others are new objects, which are held to be some.

        Parameters
        ----------
        t, object_id : int
            The object.
        seeds : sequence of points
            At least two, each ``([z,] y, x)`` in pixels, in or near different parts of the object.

        Returns
        -------
        Change

        Raises
        ------
        EditError
            If there is no such object, or the seeds do not part it.
        InputError
            If there are fewer than two seeds, or one has another number of coordinates.
        """
        self._check_object(t, object_id)
        if len(seeds) < 2:
            raise InputError(f"`seeds` must be at least two points: got {len(seeds)}. Click each part.")
        points = [self._check_point(seed) for seed in seeds]
        frame = np.asarray(self.detections.labels[t])
        mask = frame == object_id
        pieces = _part(mask, points, self.detections.scale)
        sizes = np.bincount(pieces[mask], minlength=len(seeds) + 1)[1:]
        if (sizes == 0).any():
            raise EditError(
                f"The points do not part object {object_id} in frame {t}: two of them lie at one place. Click "
                "different parts."
            )
        ids = [object_id, *self._free_ids(t, len(seeds) - 1)]
        new = frame.astype(np.uint32)
        new[mask] = np.array([0, *ids], np.uint32)[pieces[mask]]
        others = " and ".join(map(str, ids[1:]))
        parts = "the other part is" if len(ids) == 2 else "the other parts are"
        message = f"Object {object_id} in frame {t} is split: {parts} {others}."
        given = ", ".join(str(tuple(round(float(x), 2) for x in seed)) for seed in seeds)
        pins = [Pin("object", t, i, 1) for i in ids]
        drop = self._several_tracks(t, object_id)
        return self._repaint(t, frame, new, f"split_object({t}, {object_id}, [{given}])", message, drop, pins)

    def merge_objects(self, t: int, object_ids: Sequence[int]) -> Change:
        """Make one object of several, such as the fragments of one cell; it has the id and the tracks of the first.

        Parameters
        ----------
        t : int
            The frame.
        object_ids : sequence of int
            At least two objects.

        Returns
        -------
        Change

        Raises
        ------
        EditError
            If there is no such object.
        InputError
            If fewer than two are given.
        """
        ids = list(dict.fromkeys(int(i) for i in object_ids))
        if len(ids) < 2:
            raise InputError(f"`object_ids` must be at least two objects: got {ids}.")
        for object_id in ids:
            self._check_object(t, object_id)
        frame = np.asarray(self.detections.labels[t])
        new = frame.astype(np.uint32)
        new[np.isin(frame, ids[1:])] = ids[0]
        commands = [command for i in ids[1:] for command in self._clear(t, i)]
        lineage = self.lineage
        if not lineage.tracks_at(t, ids[0]):
            heir = next((lineage.tracks_at(t, i)[0] for i in ids[1:] if lineage.tracks_at(t, i)), None)
            if heir is not None:
                commands += [*self._unmark(t, ids[0]), Assign(t, ids[0], heir)]
        message = f"Objects {' and '.join(map(str, ids))} in frame {t} are one object now, {ids[0]}."
        pins = [Pin("object", t, ids[0], 1)]
        return self._repaint(t, frame, new, f"merge_objects({t}, {ids})", message, commands, pins)

    def delete_object(self, t: int, object_id: int) -> Change:
        """Take an object away: its pixels are background from now on.

        Parameters
        ----------
        t, object_id : int
            The object.

        Returns
        -------
        Change

        Raises
        ------
        EditError
            If there is no such object.
        """
        self._check_object(t, object_id)
        frame = np.asarray(self.detections.labels[t])
        new = frame.astype(np.uint32)
        new[frame == object_id] = 0
        message = f"Object {object_id} in frame {t} is deleted."
        return self._repaint(t, frame, new, f"delete_object({t}, {object_id})", message, self._clear(t, object_id))

    def add_object(
        self,
        t: int,
        at: Sequence[float],
        *,
        radius: float | None = None,
        prediction: Movie | None = None,
        channel: int | None = None,
        threshold: float | None = None,
    ) -> Change:
        """Add an object that the segmentation missed, around a point.

        With a prediction map it is what hangs together with the point above the threshold, and lies nearer to it than
        to other objects; without one, a disk or ball. What belongs to other objects stays theirs.

        Parameters
        ----------
        t : int
            The frame.
        at : sequence of float
            The point, ``([z,] y, x)`` in pixels, on the background.
        radius : float, optional
            How far it reaches at most, in units of the scale; one and a half times the usual radius if not given, and
            the usual one without a prediction map.
        prediction : Movie, optional
            The prediction map.
        channel : int, optional
            Channel of the map; the last one if not given.
        threshold : float, optional
            Pixels above it belong to the object; two thirds of the value at the point if not given.

        Returns
        -------
        Change

        Raises
        ------
        EditError
            If there is an object already.
        InputError
            If the point is outside of the frame, or the map does not fit.
        """
        point = self._check_point(at)
        frame = np.asarray(self.detections.labels[t])
        if frame[point]:
            raise EditError(f"There is object {frame[point]} in frame {t} already. Split it, or paint on it.")
        usual = self._usual_radius()
        reach = float(radius) if radius is not None else usual * (1 if prediction is None else ADDED_RADIUS)
        away = _distance_to(frame.shape, point, self.detections.scale)
        free = (frame == 0) & (away <= max(reach, 1e-9))
        if prediction is not None:
            values = self._map_of(prediction, t, channel)
            level = float(threshold) if threshold is not None else float(values[point]) * 2 / 3
            hill = np.where((values > level) | (away == away[point]), values, -np.inf)
            others = (frame > 0) & (away <= 2 * reach)
            free &= np.isfinite(hill) & (_water(values, frame, point, others) | ~others.any())
        pieces, _ = ndimage.label(free)
        new = frame.astype(np.uint32)
        (object_id,) = self._free_ids(t, 1)
        new[(pieces == pieces[point]) & free] = object_id
        message = f"Object {object_id} is new in frame {t}, of {np.count_nonzero(new == object_id)} pixels."
        options = {"radius": radius, "threshold": threshold, "channel": channel}
        given = "".join(f", {name}={value}" for name, value in options.items() if value is not None)
        code = f"add_object({t}, {tuple(round(float(x), 2) for x in at)}{given}"
        code += ", prediction=prediction)" if prediction is not None else ")"
        return self._repaint(t, frame, new, code, message, (), [Pin("object", t, object_id, 1)])

    def paint_object(
        self,
        t: int,
        object_id: int,
        points: Sequence[Sequence[float]],
        radius: float,
        *,
        erase: bool = False,
        axis: str | None = None,
    ) -> Change:
        """Paint pixels of an object with a round brush, or take them away.

        Parameters
        ----------
        t, object_id : int
            The object.
        points : sequence of points
            The way of the brush, straight from each to the next, each ``([z,] y, x)`` in pixels.
        radius : float
            Radius of the brush, in units of the scale.
        erase : bool, optional
            Make the pixels background, instead of taking them from the background and from others.
        axis : {"z", "y", "x"}, optional
            The brush is one pixel thick along this axis: it paints in a plane of a volume. A ball if not given.

        Returns
        -------
        Change

        Raises
        ------
        EditError
            If there is no such object, or nothing of it or of another one is left.
        InputError
            If a point is outside of the frame, there is none, or there is no such axis.
        """
        self._check_object(t, object_id)
        frame = np.asarray(self.detections.labels[t])
        way = np.array([self._check_point(point) for point in points], float)
        if not len(way):
            raise InputError("`points` must be at least one point: got none.")
        names = self.detections.columns_position
        if axis is not None and axis not in names:
            raise InputError(f"`axis` must be one of {', '.join(map(repr, names))}: got {axis!r}.")
        thin = None if axis is None else names.index(axis)
        brush = _brush(frame.shape, way, float(radius), self.detections.scale, thin)
        new = frame.astype(np.uint32)
        new[brush & (frame == object_id if erase else True)] = 0 if erase else object_id
        gone = sorted(set(np.unique(frame[brush]).tolist()) - set(np.unique(new).tolist()) - {0})
        if gone:
            raise EditError(
                f"Nothing would be left of object {gone[0]} in frame {t}. Delete it, or merge it with the other one."
            )
        message = f"Object {object_id} in frame {t} is repainted: {np.count_nonzero(new == object_id)} pixels."
        given = ", ".join(str(tuple(round(float(x), 2) for x in point)) for point in points)
        options = (", erase=True" if erase else "") + (f", axis={axis!r}" if axis is not None else "")
        code = f"paint_object({t}, {object_id}, [{given}], {radius}{options})"
        return self._repaint(t, frame, new, code, message, ())

    @property
    def repaired_frames(self) -> tuple[int, ...]:
        """Frames whose objects are not those that the session began with."""
        now, first = (getattr(objects.labels, "painted", {}) for objects in (self.detections, self._original))
        return tuple(sorted(t for t in {*now, *first} if now.get(t) is not first.get(t)))

    def write_labels(self, out: str | Path | None = None, *, overwrite: bool = False) -> Movie:
        """Write the label frames, repaired ones included, into a label movie.

        Parameters
        ----------
        out : str or Path, optional
            An HDF5 file; without it they stay in memory if they are few.
        overwrite : bool, optional
            Replace the file if it is there.

        Returns
        -------
        Movie
        """
        return write_labels(self.detections, out, overwrite=overwrite)

    # ------------------------------------------------------------------ helpers
    def _repaint(
        self,
        t: int,
        old: np.ndarray,
        new: np.ndarray,
        code: str,
        message: str,
        commands: Sequence[Command],
        pins: Sequence[Pin] = (),
    ) -> Change:
        change = Repaint.between(t, old, new)
        if not change.labels.size:
            raise EditError("Not a single pixel would change. Nothing was done.")
        command = Group(tuple(dict.fromkeys(commands)))
        differ = old != new
        places = [(t, int(i)) for i in np.union1d(old[differ], new[differ]) if i]
        return self._do(command, code, message, decided=(), pins=pins, repainted=change, about=places)

    def _clear(self, t: int, object_id: int) -> list[Command]:
        """Plan to take an object from its tracks, and its mark of a false detection."""
        tracks = self.lineage.tracks_at(t, object_id)
        removals = [c for track in tracks for c in plan_removal(self.lineage, track, (t,), force=True).commands]
        return [*self._unmark(t, object_id), *dict.fromkeys(removals)]

    def _several_tracks(self, t: int, object_id: int) -> list[Command]:
        """Plan to leave one track to an object that is split; the solver finds where the others go."""
        commands: list[Command] = []
        for track in self.lineage.tracks_at(t, object_id)[1:]:
            commands += plan_removal(self.lineage, track, (t,), force=True).commands
        return [*self._unmark(t, object_id), *dict.fromkeys(commands)]

    def _free_ids(self, t: int, n: int) -> list[int]:
        top = max(self._objects[t], default=0)
        return list(range(top + 1, top + 1 + n))

    def _check_point(self, at: Sequence[float]) -> tuple[int, ...]:
        shape = self.detections.frame_shape
        if len(at) != len(shape):
            raise InputError(f"A point must have {len(shape)} numbers, one per axis of a frame: got {tuple(at)}.")
        point = tuple(round(float(x)) for x in at)
        if any(not 0 <= x < n for x, n in zip(point, shape, strict=True)):
            raise InputError(f"The point {tuple(at)} is outside of the frame, which has the shape {tuple(shape)}.")
        return point

    def _usual_radius(self) -> float:
        size = float(self.detections.table["size"].median()) if len(self.detections) else 100.0
        volume = size * float(np.prod(self.detections.scale))
        return float(np.sqrt(volume / np.pi) if self.detections.ndim == 2 else np.cbrt(0.75 * volume / np.pi))

    def _map_of(self, prediction: Movie, t: int, channel: int | None) -> np.ndarray[Any, Any]:
        has_channels = prediction.n_channels > 1
        chosen = prediction.n_channels - 1 if channel is None else channel
        values = np.asarray(
            prediction.frame(t, channel=chosen if has_channels or "c" in prediction.axes else None), float
        )
        if values.shape != tuple(self.detections.frame_shape):
            raise InputError(
                f"`prediction` must have frames of the shape {tuple(self.detections.frame_shape)}: got {values.shape}."
            )
        return values


def _distance_to(shape: Sequence[int], point: Sequence[int], scale: Sequence[float]) -> np.ndarray:
    """Measure the distance of each pixel to a point, in units of the scale."""
    squares = [((np.arange(n) - p) * s) ** 2 for n, p, s in zip(shape, point, scale, strict=True)]
    return np.asarray(np.sqrt(sum(np.ix_(*squares))))


def _brush(
    shape: Sequence[int], way: np.ndarray, radius: float, scale: Sequence[float], thin: int | None
) -> np.ndarray:
    """Find the pixels that a round brush covers on its way."""
    covered = np.zeros(shape, bool)
    reach = [0 if axis == thin else radius / size for axis, size in enumerate(scale)]
    for place in follow_way(way, max(min(r for r in reach if r > 0) / 2, 0.5) if radius > 0 else 1.0):
        lower = [max(0, int(np.ceil(p - r))) for p, r in zip(place, reach, strict=True)]
        upper = [min(n, int(p + r) + 1) for p, r, n in zip(place, reach, shape, strict=True)]
        squares = [
            ((np.arange(low, high) - p) * size) ** 2
            for low, high, p, size in zip(lower, upper, place, scale, strict=True)
        ]
        box = tuple(slice(low, high) for low, high in zip(lower, upper, strict=True))
        covered[box] |= np.sqrt(sum(np.ix_(*squares))) <= radius
    return covered


def _part(mask: np.ndarray, points: Sequence[tuple[int, ...]], scale: Sequence[float]) -> np.ndarray:
    """Give each pixel of a mask to one of several points by flooding from the points, the deepest pixels first."""
    from skimage.segmentation import watershed

    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    inner = np.pad(mask[box], 1)
    depth = ndimage.distance_transform_edt(inner, sampling=scale)
    pixels = np.argwhere(inner)
    markers = np.zeros(inner.shape, np.int32)
    for k, point in enumerate(points, 1):
        here = np.array(point) - [b.start for b in box] + 1
        nearest = pixels[np.linalg.norm((pixels - here) * scale, axis=1).argmin()]
        markers[tuple(nearest)] = k
    flooded = watershed(-depth, markers, mask=inner)  # type: ignore[no-untyped-call]
    left = inner & (flooded == 0)
    if left.any():  # a piece of the object that no point lies in
        away = [np.linalg.norm((np.argwhere(left) + [b.start for b in box] - 1 - p) * scale, axis=1) for p in points]
        flooded[left] = 1 + np.argmin(away, axis=0)
    pieces = np.zeros(mask.shape, np.int64)
    pieces[box] = flooded[tuple(slice(1, -1) for _ in box)]
    return pieces


def _water(values: np.ndarray, frame: np.ndarray, point: tuple[int, ...], others: np.ndarray) -> np.ndarray:
    """Find what is flooded from a point and not from the objects around it, the highest values first."""
    from skimage.segmentation import watershed

    markers = np.where(others, 1, 0).astype(np.int32)
    markers[point] = 2
    return np.asarray(watershed(-values, markers) == 2)  # type: ignore[no-untyped-call]
