"""The film strip: an object in the frame before, its own, and the one after, side by side."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import ipywidgets
import numpy as np
from ipywidgets import Layout

from nbtrack.errors import InputError
from nbtrack.io.png_series import encode_png
from nbtrack.rendering.colors import color_table
from nbtrack.rendering.overlays import compose, enlarge, lookup_table, open_contrast, to_uint8

if TYPE_CHECKING:
    from nbtrack.widgets.frames import FrameFeed

HEIGHT = 128
"""Rows of a picture, about; small crops are enlarged, large ones thinned out to it."""
ASPECT = 1.6
"""Width of a crop in heights."""
OUTSIDE = (84, 87, 92)
"""Colour beyond the border of the image."""
RIM = (255, 255, 255)
_BLANK = encode_png(np.full((5, 8, 3), OUTSIDE, np.uint8))


class FilmStrip:
    """Show three crops around a place, of successive frames.

    Parameters
    ----------
    feed : FrameFeed
        Movie, objects, lineage and colours.

    Attributes
    ----------
    widget : ipywidgets.HBox
        The strip.
    images : tuple of ipywidgets.Image
        The pictures, PNG; before, at and after the frame.
    contrast : tuple of float or None
        Values shown as black and white; those of the feed if None.
    """

    def __init__(self, feed: FrameFeed) -> None:
        self.feed = feed
        self.contrast: tuple[float, float] | None = None
        self.images = tuple(ipywidgets.Image(format="png", layout=Layout(margin="0")) for _ in range(3))
        self._captions = tuple(ipywidgets.HTML(layout=Layout(margin="0")) for _ in range(3))
        self.widget = ipywidgets.HBox(
            [ipywidgets.VBox(pair) for pair in zip(self.images, self._captions, strict=True)],
            layout=Layout(width="100%"),
        )
        self.widget.add_class("nbt-film")
        # a step in time needs one new frame of three
        self._raw = lru_cache(maxsize=6)(self._read_raw)
        self._labels = lru_cache(maxsize=6)(self._read_labels)
        self.clear()

    def show(self, t: int, y: int, x: int, z: int = 0, size: int | None = None, track_id: int = 0) -> None:
        """Show a place in three frames.

        Parameters
        ----------
        t : int
            Frame in the middle.
        y, x : int
            Pixel in the middle of each picture.
        z : int, optional
            Slice; where the track has an object, the slice of that object is shown.
        size : int, optional
            Height of the crops in pixels; three times the object if not given.
        track_id : int, optional
            The track whose objects have a rim; that of the object at the place if not given.

        Raises
        ------
        InputError
            If a frame cannot be read; the others are shown, and it is read again when it is shown next.
        """
        try:
            rims, slices = self._rims(t, y, x, z, track_id)
        except InputError:
            self._blank("", f"Frame {t} cannot be read", "")
            raise
        height = max(8, self._default_size(t, rims) if size is None else size)
        top, left, width = y - height // 2, x - round(ASPECT * height) // 2, round(ASPECT * height)
        failed = None
        for i, image in enumerate(self.images):
            frame = t + i - 1
            what = f"frame {frame}" if 0 <= frame < self.feed.n_frames else "no such frame"
            try:
                image.value = encode_png(self._picture(frame, slices[i], (top, left, height, width), rims[i]))
            except InputError as error:
                what, failed, image.value = f"frame {frame} cannot be read", error, _BLANK
            self._captions[i].value = f'<div class="nbt-film-caption{" nbt-film-now" * (i == 1)}">{what}</div>'
        if failed is not None:
            raise failed

    def clear(self) -> None:
        """Show nothing."""
        self._blank("", "Choose a track", "")

    def _blank(self, *texts: str) -> None:
        for image, caption, text in zip(self.images, self._captions, texts, strict=True):
            image.value = _BLANK
            caption.value = f'<div class="nbt-film-caption">{text}</div>'

    # ------------------------------------------------------------------ what to show
    def _rims(self, t: int, y: int, x: int, z: int, track_id: int) -> tuple[list[set[int]], list[int]]:
        """Tell the objects to mark in each frame, and the slice to show."""
        lineage = self.feed.lineage
        object_id = self._object_at(t, y, x, z)
        if lineage is not None and not track_id:
            track_id = next(iter(lineage.tracks_at(t, object_id)), 0)
        rims, slices = [], []
        for frame in (t - 1, t, t + 1):
            marked = {object_id} if frame == t and object_id else set()
            if lineage is not None and track_id:
                marked = self._family(track_id, frame, t) or marked
            rims.append(marked)
            slices.append(self.feed.center_of(frame, min(marked))[0] if marked else z)
        return rims, slices

    def _family(self, track_id: int, frame: int, t: int) -> set[int]:
        """Find the object of a track; where it has none, of its mother before, of its daughters after."""
        lineage = self.feed.lineage
        assert lineage is not None
        kin: tuple[int | None, ...] = (track_id,)
        if frame != t and lineage.object_at(track_id, frame) is None:
            kin = (lineage.parent_of(track_id),) if frame < t else lineage.children_of(track_id)
        found = (lineage.object_at(track, frame) for track in kin if track is not None)
        return {object_id for object_id in found if object_id is not None}

    def _object_at(self, t: int, y: int, x: int, z: int) -> int:
        height, width = self.feed.shape
        if self.feed.detections is None or not (0 <= y < height and 0 <= x < width):
            return 0
        return int(self._labels(t, z)[y, x])

    def _default_size(self, t: int, rims: list[set[int]]) -> int:
        """Take three times the largest of the marked objects."""
        sizes = [16]
        for frame, marked in enumerate(rims, t - 1):
            if not marked:
                continue
            table = self.feed.detections.table.iloc[self.feed.detections.rows_of(frame)]
            rows = table[np.isin(table["object_id"].to_numpy(), list(marked))]
            sizes += [int((rows[f"bbox_{a}_max"] - rows[f"bbox_{a}_min"]).max()) for a in "yx"]
        return 3 * max(sizes)

    # ------------------------------------------------------------------ pictures
    def _picture(self, t: int, z: int, box: tuple[int, int, int, int], marked: set[int]) -> np.ndarray:
        """Compose a crop only: the rest of the frame is not looked at."""
        top, left, height, width = box
        step, factor = max(1, round(height / HEIGHT)), max(1, HEIGHT // height)
        rows, columns = np.arange(top, top + height, step), np.arange(left, left + width, step)
        picture = np.full((len(rows), len(columns), 3), OUTSIDE, np.uint8)
        labels = np.zeros(picture.shape[:2], np.uint32)
        inside = [(at >= 0) & (at < n) for at, n in zip((rows, columns), self.feed.shape, strict=True)]
        if 0 <= t < self.feed.n_frames and inside[0].any() and inside[1].any():
            place = np.ix_(rows[inside[0]], columns[inside[1]])
            picture[np.ix_(*inside)], labels[np.ix_(*inside)] = self._compose(t, z, place)
        picture, labels = enlarge(picture, factor), enlarge(labels, factor)
        picture[_rim(np.isin(labels, list(marked)))] = RIM
        return picture

    def _compose(self, t: int, z: int, place: tuple[np.ndarray, ...]) -> tuple[np.ndarray, Any]:
        feed = self.feed
        shape = (place[0].size, place[1].size)
        grey = np.zeros(shape, np.uint8)
        if feed.movie is not None:
            grey = to_uint8(self._raw(t, z, feed.channel)[place], *open_contrast(*(self.contrast or feed.contrast)))
        if feed.detections is None:
            return compose(grey), 0
        labels = self._labels(t, z)[place]
        ids, numbers = np.unique(labels, return_inverse=True)
        known = np.isin(ids, feed.object_ids(t))
        ranks = np.where(known, np.cumsum(known), 0)
        colors = color_table(feed.lineage, t, ids[known], color_by=feed.color_by)
        table = lookup_table(np.arange(1, len(colors) + 1), colors)
        return compose(grey, ranks[numbers].reshape(shape), table), labels

    def _read_raw(self, t: int, z: int, channel: int) -> np.ndarray:
        feed = self.feed
        frame = feed.movie.frame(t, channel=channel if "c" in feed.movie.axes else None)
        return np.ascontiguousarray(frame.reshape(-1, *feed.shape)[z])

    def _read_labels(self, t: int, z: int) -> np.ndarray:
        return np.ascontiguousarray(np.asarray(self.feed.detections.labels[t]).reshape(-1, *self.feed.shape)[z])


def _rim(mask: np.ndarray) -> np.ndarray:
    """Find the pixels just outside of what is marked."""
    around = mask.copy()
    around[1:] |= mask[:-1]
    around[:-1] |= mask[1:]
    around[:, 1:] |= mask[:, :-1]
    around[:, :-1] |= mask[:, 1:]
    return around & ~mask
