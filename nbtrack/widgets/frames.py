"""What the image views are fed with: grey values and labels of slices and cuts, and the colours of a frame.

Grey values travel as eight bits over a window of values; the browser applies the contrast to them. When the contrast
asked for leaves the window or becomes much narrower, the window follows. Labels travel as 1, 2, .. n in the order of
the object ids of the frame, so that colour tables are short whatever the ids are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from nbtrack.data.columns import detection_columns
from nbtrack.data.lineage import FALSE_TRACK_ID
from nbtrack.errors import InputError
from nbtrack.rendering.colors import ColorBy, color_table, value_limits
from nbtrack.rendering.overlays import auto_contrast, compose, lookup_table, open_contrast, to_uint8
from nbtrack.widgets.coding import GreyMap, Recent, encode_labels, number_labels

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nbtrack.data.detections import Detections
    from nbtrack.data.lineage import Lineage
    from nbtrack.data.movie import Movie

Plane = Literal["xy", "xz", "yz"]
"""What is cut out of a volume, by the axes across: rows are y, z and y."""

MARGIN = 0.25
"""How far the window of the eight bits reaches beyond the contrast, in widths of the contrast."""


@dataclass(frozen=True)
class Colors:
    """Colours of some objects of a frame.

    Parameters
    ----------
    object_ids : ndarray of int, shape (n,)
        The objects.
    rgba : ndarray of uint8, shape (n, 4)
        Their colours, see `nbtrack.rendering.colors.color_table`.
    tracks : list of list of int
        Their tracks, -1 for a false detection.
    centers : ndarray of float32, shape (n, ndim)
        Their centres, ``([z,] y, x)``.
    parents : dict of int to int
        Parent track of each track that begins in this frame by a division.
    """

    object_ids: np.ndarray
    rgba: np.ndarray
    tracks: list[list[int]]
    centers: np.ndarray
    parents: dict[int, int]


class FrameFeed:
    """Read, window and encode frames on demand.

    Parameters
    ----------
    movie : Movie or None
        Raw images; None shows black.
    detections : Detections or None
        Objects; None shows none.
    lineage : Lineage or None
        Tracks; None shows none. It may change; the feed is asked again then.
    channel : int, optional
        Channel of the movie to show.
    paint : callable, optional
        Gives the colours of objects by frame and ids, instead of those by track; see
        `nbtrack.rendering.colors.color_table`.

    Raises
    ------
    InputError
        If there is nothing to show, or movie and objects do not fit together.
    """

    def __init__(
        self,
        movie: Movie | None,
        detections: Detections | None,
        lineage: Lineage | None,
        *,
        channel: int = 0,
        paint: Callable[[int, np.ndarray], np.ndarray] | None = None,
    ) -> None:
        if movie is None and detections is None:
            raise InputError("There is nothing to show: give a movie, detections, or both.")
        if lineage is not None and detections is None:
            raise InputError(
                "A lineage says which objects belong together, so it needs them to be shown. "
                "Give a result or a session instead of a lineage, or `detections=` as well."
            )
        self.movie, self.detections, self.lineage = movie, detections, lineage
        self._color_by, self._values, self.value_limits = "track", None, (0.0, 1.0)
        self._paint = paint
        frame_shape = tuple(movie.frame_shape if movie is not None else detections.frame_shape)
        n_frames = len(movie) if movie is not None else detections.n_frames
        if detections is not None and (tuple(detections.frame_shape), detections.n_frames) != (frame_shape, n_frames):
            raise InputError(
                f"`detections` must have the frames of the movie: got {detections.n_frames} frames of shape "
                f"{tuple(detections.frame_shape)} for a movie of {n_frames} frames of shape {frame_shape}. "
                "Check `axes` of both."
            )
        self.n_frames, self.shape = n_frames, frame_shape[-2:]
        self.n_slices = frame_shape[0] if len(frame_shape) == 3 else 1
        sizes = tuple(map(float, movie.scale if movie is not None else detections.scale))
        self.scale = sizes if len(sizes) == 3 else (1.0, *sizes)
        self._labels, self._objects = Recent(self._read_labels), None
        self.set_channel(channel)

    # ------------------------------------------------------------------ what is shown
    def set_channel(self, channel: int) -> None:
        """Read another channel of the movie; what was sent before is void, and contrast and window are new.

        Parameters
        ----------
        channel : int
            Which one.

        Raises
        ------
        InputError
            If there is no such channel.
        """
        if self.movie is not None and not 0 <= channel < self.movie.n_channels:
            raise InputError(f"`channel` must be one of 0 to {self.movie.n_channels - 1}: got {channel}.")
        self.channel = channel
        self._raw = Recent(self._read_raw)
        self.range, self.contrast = self._measure()
        self._set_window((0.0, 255.0) if self._is_eight_bit else self._window_for(*self.contrast))

    def take_objects(self, detections: Detections) -> None:
        """Show other objects of the same frames, a `Detections`; what was sent before is void."""
        self.detections, self._objects = detections, None
        self._labels = Recent(self._read_labels)
        self.color_by = self.color_by if self.color_by in self.color_choices else "track"

    @property
    def color_choices(self) -> list[str]:
        """What the colour of an object may be decided by: its track, its lineage, or a feature in the table."""
        if self.detections is None or self._paint is not None:
            return ["track"]
        table = self.detections.table
        basic = {*detection_columns(self.detections.ndim)} - {"size"}
        features = [name for name in table.columns if name not in basic and table[name].dtype.kind in "iufb"]
        return ["track", *(["lineage"] if self.lineage is not None else []), *features]

    @property
    def color_by(self) -> str:
        """What decides the colour of an object, one of `color_choices`."""
        return self._color_by

    @color_by.setter
    def color_by(self, value: str) -> None:
        if value not in self.color_choices:
            raise InputError(f"`color_by` must be one of {self.color_choices}: got {value!r}.")
        self._color_by, self._values = value, None
        if value not in get_args(ColorBy):
            self._values = self.detections.table[value].to_numpy(np.float64)
            self.value_limits = value_limits(self._values)

    # ------------------------------------------------------------------ contrast
    def fit_window(self, low: float, high: float) -> bool:
        """Let the window of the eight bits follow the contrast.

        Parameters
        ----------
        low, high : float
            Values to be shown as black and white.

        Returns
        -------
        bool
            Whether the window changed, so that bands sent before are void.
        """
        first, last = self.window
        if self._is_eight_bit or (first <= low and high <= last and (high - low) > 0.3 * (last - first)):
            return False
        window = self._window_for(low, high)
        changed = window != self.window
        self._set_window(window)
        return changed

    def frame_contrast(self, t: int) -> tuple[float, float]:
        """Choose the contrast from one frame.

        Parameters
        ----------
        t : int
            Frame.

        Returns
        -------
        tuple of float
            Low and high, within `range`.
        """
        return auto_contrast([self._raw(t)]) if self.movie is not None else (0.0, 255.0)

    # ------------------------------------------------------------------ what is sent
    def band(self, t: int, z: int, row: int, rows: int) -> tuple[bytes, bytes, int]:
        """Encode some rows of a slice.

        Parameters
        ----------
        t, z : int
            Frame and slice (0 in two dimensions).
        row, rows : int
            First row and number of rows.

        Returns
        -------
        tuple
            Grey values as bytes, labels as runs (empty without detections; see `nbtrack.widgets.coding`), and the bits
            of their numbers.

        Raises
        ------
        InputError
            If there is no such band, or the file cannot be read.
        """
        if not (0 <= t < self.n_frames and 0 <= z < self.n_slices and 0 <= row < row + rows <= self.shape[0]):
            raise InputError(f"There are no rows {row} to {row + rows - 1} in slice {z} of frame {t}.")
        return self._encode(t, lambda frame: frame[z, row : row + rows])

    def cut(self, t: int, plane: Plane, at: int) -> tuple[bytes, bytes, int]:
        """Encode a cut through a volume.

        Parameters
        ----------
        t : int
            Frame.
        plane : {"xy", "xz", "yz"}
            Which cut; rows are y, z and y.
        at : int
            Where, along the axis that is left: z, y or x.

        Returns
        -------
        tuple
            As of `band`.

        Raises
        ------
        InputError
            If there is no such cut, or the file cannot be read.
        """
        depth = dict(zip(get_args(Plane), (self.n_slices, *self.shape), strict=True))
        if not (0 <= t < self.n_frames and plane in depth and 0 <= at < depth[plane]):
            raise InputError(f"There is no cut {plane} at {at} in frame {t}.")
        return self._encode(t, lambda frame: cut_plane(frame, plane, at))

    def _encode(self, t: int, select: Callable[[np.ndarray], np.ndarray]) -> tuple[bytes, bytes, int]:
        labels = None if self.detections is None else select(self._volume(self._labels(t)))
        grey = (
            np.zeros(labels.shape, np.uint8) if self.movie is None else self._grey(select(self._volume(self._raw(t))))
        )
        raw = grey.tobytes()
        return (raw, b"", 16) if labels is None else (raw, *encode_labels(labels, self.object_ids(t)))

    def colors(self, t: int, object_ids: Sequence[int] | None = None) -> Colors:
        """Tell the colours, tracks and centres of objects.

        Parameters
        ----------
        t : int
            Frame.
        object_ids : sequence of int, optional
            Some of its objects; all if not given.

        Returns
        -------
        Colors

        Raises
        ------
        InputError
            If there is no such frame.
        """
        ids, centers = self.object_ids(t), self._centers(t)
        if object_ids is not None:
            wanted = np.asarray(object_ids, dtype=np.int64)
            centers = centers[np.minimum(np.searchsorted(ids, wanted), max(len(ids) - 1, 0))]
            ids = wanted
        if self._paint is not None:
            rgba = self._paint(t, ids)
        elif self._values is not None:
            values = self._values[self._rows(t)[0] + np.searchsorted(self.object_ids(t), ids)]
            rgba = color_table(self.lineage, t, ids, values=values, limits=self.value_limits)
        else:
            rgba = color_table(self.lineage, t, ids, color_by=self.color_by)
        if self.lineage is None:
            return Colors(ids, rgba, [[] for _ in ids], centers, {})
        false = self.lineage.false_at(t)
        tracks = [[FALSE_TRACK_ID] if i in false else list(self.lineage.tracks_at(t, i)) for i in ids.tolist()]
        return Colors(ids, rgba, tracks, centers, self._parents(t))

    def _parents(self, t: int) -> dict[int, int]:
        found = {}
        for tracks in self.lineage.labelled(t).values():
            for track_id in tracks:
                parent = self.lineage.parent_of(track_id)
                if parent is not None and min(self.lineage.objects_of(track_id)) == t:
                    found[track_id] = parent
        return found

    # ------------------------------------------------------------------ objects
    def object_ids(self, t: int) -> np.ndarray:
        """List the objects of a frame, ascending.

        Parameters
        ----------
        t : int
            Frame.

        Returns
        -------
        ndarray of int, shape (n,)

        Raises
        ------
        InputError
            If there is no such frame.
        """
        first, last = self._rows(t)
        return self._table()[1][first:last]

    def center_of(self, t: int, object_id: int) -> tuple[int, float, float]:
        """Tell the middle of an object.

        Parameters
        ----------
        t, object_id : int
            The object.

        Returns
        -------
        tuple
            Slice (the nearest; 0 in two dimensions), y and x.

        Raises
        ------
        InputError
            If there is no such frame or object.
        """
        ids = self.object_ids(t)
        row = int(np.searchsorted(ids, object_id))
        if row == len(ids) or ids[row] != object_id:
            raise InputError(f"There is no object {object_id} in frame {t}.")
        *z, y, x = self._table()[2][self._rows(t)[0] + row].tolist()
        return round(z[0]) if z else 0, y, x

    def _centers(self, t: int) -> np.ndarray:
        first, last = self._rows(t)
        return self._table()[2][first:last].astype(np.float32)

    def _rows(self, t: int) -> tuple[int, int]:
        """Find the rows of a frame in the table of objects."""
        if not 0 <= t < self.n_frames:
            raise InputError(f"There is no frame {t}: frames are numbered 0 to {self.n_frames - 1}.")
        first, last = np.searchsorted(self._table()[0], [t, t + 1])
        return int(first), int(last)

    def _table(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Frames, object ids and centres of all objects as arrays."""
        if self._objects is None and self.detections is None:
            self._objects = np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, len(self.shape)))
        elif self._objects is None:
            table, names = self.detections.table, self.detections.columns_position
            self._objects = table["t"].to_numpy(), table["object_id"].to_numpy(), table[names].to_numpy(np.float64)
        return self._objects

    # ------------------------------------------------------------------ pictures
    def plane(self, t: int, plane: Plane, at: int) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Cut a plane out of a frame, without copying.

        Parameters
        ----------
        t : int
            Frame.
        plane : {"xy", "xz", "yz"}
            Which plane; rows are y, z and y.
        at : int
            Where, along the axis that is left.

        Returns
        -------
        tuple of ndarray or None
            Grey values as they are stored, and object ids; None for what there is not.
        """
        raw = None if self.movie is None else cut_plane(self._volume(self._raw(t)), plane, at)
        return raw, None if self.detections is None else cut_plane(self._volume(self._labels(t)), plane, at)

    def picture(
        self,
        t: int,
        z: int,
        *,
        contrast: tuple[float, float],
        raw: float,
        objects: float,
        tracks: float,
        plane: Plane = "xy",
        y: int = 0,
        x: int = 0,
    ) -> np.ndarray:
        """Compose one slice or cut as the canvas shows it.

        Parameters
        ----------
        t, z : int
            Frame and slice.
        contrast : tuple of float
            Values shown as black and white.
        raw, objects, tracks : float
            Opacity of each layer, 0 if it is off.
        plane : {"xy", "xz", "yz"}, optional
            What to cut out of a volume.
        y, x : int, optional
            Where the planes xz and yz are.

        Returns
        -------
        ndarray of uint8, shape (y, x, 3), (z, x, 3) or (y, z, 3)
        """
        values, labels = self.plane(t, plane, {"xy": z, "xz": y, "yz": x}[plane])
        grey = np.zeros(labels.shape, np.uint8) if values is None else to_uint8(values, *open_contrast(*contrast))
        grey = (grey * raw).astype(np.uint8)
        if labels is None:
            return compose(grey)
        colors = self.colors(t)
        numbers = number_labels(labels, colors.object_ids)
        table = lookup_table(np.arange(1, len(colors.object_ids) + 1), colors.rgba)
        return compose(grey, numbers, table, objects_opacity=objects, tracks_opacity=tracks)

    # ------------------------------------------------------------------ helpers
    @property
    def _is_eight_bit(self) -> bool:
        return self.movie is None or np.dtype(self.movie.dtype) == np.uint8

    def _read_raw(self, t: int) -> np.ndarray:
        return np.asarray(self.movie.frame(t, channel=self.channel if "c" in self.movie.axes else None))

    def _read_labels(self, t: int) -> np.ndarray:
        return np.asarray(self.detections.labels[t])

    def _measure(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Look at the first, middle and last frame: range of the contrast slider, and the contrast to begin with."""
        if self.movie is None:
            return (0.0, 255.0), (0.0, 255.0)
        frames = [self._raw(t) for t in sorted({0, self.n_frames // 2, self.n_frames - 1})]
        low, high = auto_contrast(frames)
        if self._is_eight_bit:
            return (0.0, 255.0), (low, high)
        first, last = auto_contrast(frames, percentiles=(0, 100))
        return (min(first, low), min(last, high + 2 * (high - low))), (low, high)

    def _volume(self, frame: np.ndarray) -> np.ndarray:
        return frame.reshape(-1, *self.shape)

    def _set_window(self, window: tuple[float, float]) -> None:
        self.window, self._grey = window, GreyMap(*window)

    def _window_for(self, low: float, high: float) -> tuple[float, float]:
        margin = MARGIN * (high - low)
        return low - margin, high + margin


def cut_plane(volume: np.ndarray, plane: Plane, at: int) -> np.ndarray:
    """Cut a plane out of a volume.

    Parameters
    ----------
    volume : ndarray, shape (z, y, x)
        The volume.
    plane : {"xy", "xz", "yz"}
        Which plane.
    at : int
        Where, along the axis that is left.

    Returns
    -------
    ndarray, shape (y, x), (z, x) or (y, z)
    """
    if plane == "yz":
        return volume[:, :, at].T
    return volume[at] if plane == "xy" else volume[:, at]
