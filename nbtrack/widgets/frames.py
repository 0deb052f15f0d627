"""What the image canvas is fed with: bands of grey values and labels, and the colours of a frame.

Grey values travel as eight bits over a window of values; the browser applies the contrast to them. When the contrast
asked for leaves the window or becomes much narrower, the window follows. Labels travel as 1, 2, .. n in the order of
the object ids of the frame, so that colour tables are short whatever the ids are.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nbtrack.data.lineage import FALSE_TRACK_ID
from nbtrack.errors import InputError
from nbtrack.rendering.colors import color_table
from nbtrack.rendering.overlays import auto_contrast, compose, lookup_table, to_uint8

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nbtrack.data.detections import Detections
    from nbtrack.data.lineage import Lineage
    from nbtrack.data.movie import Movie
    from nbtrack.rendering.colors import ColorBy

RECENT = 4
"""Frames that are kept in memory on this side."""
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
    """

    object_ids: np.ndarray
    rgba: np.ndarray
    tracks: list[list[int]]


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

    Raises
    ------
    InputError
        If there is nothing to show, or movie and objects do not fit together.
    """

    def __init__(
        self, movie: Movie | None, detections: Detections | None, lineage: Lineage | None, *, channel: int = 0
    ) -> None:
        if movie is None and detections is None:
            raise InputError("There is nothing to show: give a movie, detections, or both.")
        if lineage is not None and detections is None:
            raise InputError(
                "A lineage says which objects belong together, so it needs them to be shown. "
                "Give a result or a session instead of a lineage, or `detections=` as well."
            )
        self.movie, self.detections, self.lineage, self.channel = movie, detections, lineage, channel
        self.color_by: ColorBy = "track"
        frame_shape = tuple(movie.frame_shape if movie is not None else detections.frame_shape)
        n_frames = len(movie) if movie is not None else detections.n_frames
        if detections is not None and (tuple(detections.frame_shape), detections.n_frames) != (frame_shape, n_frames):
            raise InputError(
                f"`detections` must have the frames of the movie: got {detections.n_frames} frames of shape "
                f"{tuple(detections.frame_shape)} for a movie of {n_frames} frames of shape {frame_shape}. "
                "Check `axes` of both."
            )
        if movie is not None and not 0 <= channel < movie.n_channels:
            raise InputError(f"`channel` must be one of 0 to {movie.n_channels - 1}: got {channel}.")
        self.n_frames = n_frames
        self.shape = frame_shape[-2:]
        self.n_slices = frame_shape[0] if len(frame_shape) == 3 else 1
        self._raw = _Recent(self._read_raw)
        self._labels = _Recent(self._read_labels)
        self._ids: list[np.ndarray] | None = None
        self.range, self.contrast = self._measure()
        self.window = (0.0, 255.0) if self._is_eight_bit else self._window_for(*self.contrast)

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
        changed, self.window = window != self.window, window
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
            Grey values as bytes, zlib-compressed label numbers (empty without detections), and the bits of a label.

        Raises
        ------
        InputError
            If there is no such band, or the file cannot be read.
        """
        height, width = self.shape
        if not (0 <= t < self.n_frames and 0 <= z < self.n_slices and 0 <= row < row + rows <= height):
            raise InputError(f"There are no rows {row} to {row + rows - 1} in slice {z} of frame {t}.")
        part = slice(row, row + rows)
        raw = np.zeros((rows, width), np.uint8)
        if self.movie is not None:
            raw = to_uint8(self._raw(t).reshape(-1, height, width)[z, part], *self.window)
        if self.detections is None:
            return raw.tobytes(), b"", 16
        ids = self.object_ids(t)
        bits = 16 if len(ids) < 2**16 else 32
        labels = self._labels(t).reshape(-1, height, width)[z, part]
        return raw.tobytes(), zlib.compress(_number_labels(labels, ids, bits), 1), bits

    def colors(self, t: int, object_ids: Sequence[int] | None = None) -> Colors:
        """Tell the colours and tracks of objects.

        Parameters
        ----------
        t : int
            Frame.
        object_ids : sequence of int, optional
            Some of its objects; all if not given.

        Returns
        -------
        Colors
        """
        ids = self.object_ids(t) if object_ids is None else np.asarray(object_ids, dtype=np.int64)
        rgba = color_table(self.lineage, t, ids, color_by=self.color_by)
        if self.lineage is None:
            return Colors(ids, rgba, [[] for _ in ids])
        false = self.lineage.false_at(t)
        tracks = [[FALSE_TRACK_ID] if i in false else list(self.lineage.tracks_at(t, i)) for i in ids.tolist()]
        return Colors(ids, rgba, tracks)

    # ------------------------------------------------------------------ objects
    def object_ids(self, t: int) -> np.ndarray:
        """List the objects of a frame, ascending."""
        if self.detections is None:
            return np.empty(0, np.int64)
        if self._ids is None:
            table = self.detections.table
            cuts = np.searchsorted(table["t"].to_numpy(), np.arange(1, self.n_frames))
            self._ids = np.split(table["object_id"].to_numpy(), cuts)
        return self._ids[t]

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
        """
        table = self.detections.table
        row = int(np.searchsorted(table["t"].to_numpy(), t)) + int(np.searchsorted(self.object_ids(t), object_id))
        place = table.iloc[row]
        return (round(float(place["z"])) if "z" in table else 0), float(place["y"]), float(place["x"])

    def picture(
        self, t: int, z: int, *, contrast: tuple[float, float], raw: float, objects: float, tracks: float
    ) -> np.ndarray:
        """Compose one slice as the canvas shows it.

        Parameters
        ----------
        t, z : int
            Frame and slice.
        contrast : tuple of float
            Values shown as black and white.
        raw, objects, tracks : float
            Opacity of each layer, 0 if it is off.

        Returns
        -------
        ndarray of uint8, shape (y, x, 3)
        """
        height, width = self.shape
        grey = np.zeros(self.shape, np.uint8)
        if self.movie is not None:
            grey = to_uint8(self._raw(t).reshape(-1, height, width)[z], *contrast)
        grey = (grey * raw).astype(np.uint8)
        if self.detections is None:
            return compose(grey)
        colors = self.colors(t)
        numbers = _number_labels(self._labels(t).reshape(-1, height, width)[z], colors.object_ids, 32)
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

    def _window_for(self, low: float, high: float) -> tuple[float, float]:
        margin = MARGIN * (high - low)
        return low - margin, high + margin


class _Recent:
    """Remember the last few results of a function of the frame number."""

    def __init__(self, read: Callable[[int], np.ndarray]) -> None:
        self._read = read
        self._kept: OrderedDict[int, Any] = OrderedDict()

    def __call__(self, t: int) -> np.ndarray:
        """Give the frame, read or remembered."""
        if t not in self._kept:
            self._kept[t] = self._read(t)
            if len(self._kept) > RECENT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(t)
        return self._kept[t]


def _number_labels(labels: np.ndarray, ids: np.ndarray, bits: int) -> np.ndarray:
    """Replace object ids by their place in the list, from 1; what is not listed becomes background."""
    dtype = np.uint16 if bits == 16 else np.uint32
    highest = int(ids[-1]) if len(ids) else 0
    if highest <= 2**22:
        numbers = np.zeros(highest + 2, dtype)
        numbers[ids] = np.arange(1, len(ids) + 1)
        return np.ascontiguousarray(numbers[np.minimum(labels, highest + 1)])
    places = np.searchsorted(ids, labels)
    found = ids[np.minimum(places, len(ids) - 1)] == labels
    return np.where(found, places + 1, 0).astype(dtype)
