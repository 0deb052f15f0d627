"""How the pictures of planes are made: layers, outlines, tails, ghosts, badges, as the canvas draws them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nbtrack.rendering.drawing import draw_badge, draw_crosshair, draw_ghost, draw_lines, draw_ring, draw_stroke
from nbtrack.rendering.overlays import compose, lookup_table, open_contrast, to_uint8
from nbtrack.widgets.coding import number_labels
from nbtrack.widgets.image_view import ViewState
from nbtrack.widgets.planes import Board

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nbtrack.widgets.frames import Colors, FrameFeed
    from nbtrack.widgets.planes import Plane

BACKGROUND = (16, 18, 20)
"""Colour beside the image."""
PAINTED, ERASED = (255, 255, 255), (230, 60, 40)
"""Colours of a stroke while it is made; the same as in `static/overlays.js`."""
KEPT = 64
"""Frames whose colours are remembered."""


class Painter:
    """Paint planes of a feed as the state of a view says.

    Parameters
    ----------
    feed : FrameFeed
        What to show.
    state : ViewState
        How to show it.
    board : Board
        Where the voxels are.

    Attributes
    ----------
    found : int
        An object with a white rim; 0 for none.
    badges : tuple of int and dict
        A frame, and the texts on its objects.
    marks : tuple of ndarray and tuple of str
        Rings and lines as of `nbtrack.comparison.marks.find_marks`, and the colour of each side.
    stroke : tuple of str and list, or None
        The plane and the voxels ``(z, y, x)`` over which a brush goes.
    """

    def __init__(self, feed: FrameFeed, state: ViewState, board: Board) -> None:
        self._feed, self._state, self._board = feed, state, board
        self._colors: dict[int, Colors] = {}
        self.found = 0
        self.badges: tuple[int, dict[int, str]] = (0, {})
        self.marks: tuple[np.ndarray, tuple[str, ...]] = (np.zeros((0, 9)), ())
        self.stroke: tuple[str, list[tuple[int, int, int]]] | None = None

    def forget(self, frames: Iterable[int] | None = None) -> bool:
        """Read the colours of frames again when they are needed.

        Parameters
        ----------
        frames : iterable of int, optional
            The frames; all if not given.

        Returns
        -------
        bool
            Whether what is on screen has to do with them.
        """
        state = self._state
        if frames is None:
            self._colors.clear()
            return True
        frames = set(frames)
        for t in frames:
            self._colors.pop(t, None)
        back = state.tail_length if state.tails_on else 0
        return any(state.t - back <= t <= state.t for t in frames)

    def colors_of(self, t: int) -> Colors:
        """Tell the colours of a frame, read or remembered."""
        if t not in self._colors:
            if len(self._colors) >= KEPT:
                self._colors.clear()
            self._colors[t] = self._feed.colors(t)
        return self._colors[t]

    def paint(self, plane: Plane) -> np.ndarray:
        """Paint one plane.

        Parameters
        ----------
        plane : Plane
            Which one.

        Returns
        -------
        ndarray of uint8, shape (height, width, 3)
        """
        state, name = self._state, plane.name
        at = getattr(state, plane.through)
        rows, columns = self._board.sample(name)
        beside = (rows < 0)[:, None] | (columns < 0)
        raw, labels = self._feed.plane(state.t, name, at)
        grey = np.zeros(beside.shape, np.uint8)
        if raw is not None and state.raw_on:
            grey = to_uint8(_pick(raw, rows, columns), *open_contrast(*state.contrast))
            grey = (grey * state.raw_opacity).astype(np.uint8)
        if labels is None:
            picture = compose(grey)
        else:
            colors = self.colors_of(state.t)
            numbers = number_labels(_pick(labels, rows, columns), colors.object_ids)
            numbers[beside] = 0
            table = lookup_table(np.arange(1, len(colors.object_ids) + 1), colors.rgba)
            rimmed = [
                number
                for number, (i, tracks) in enumerate(zip(colors.object_ids.tolist(), colors.tracks, strict=True), 1)
                if i == self.found or (state.active_track and state.active_track in tracks)
            ]
            objects, tracks = state.objects_on * state.objects_opacity, state.tracks_on * state.tracks_opacity
            picture = compose(grey, numbers, table, objects_opacity=objects, tracks_opacity=tracks, rimmed=rimmed)
            if state.ghost_on and state.t > 0:
                ghost = _pick(self._feed.plane(state.t - 1, name, at)[1], rows, columns)
                draw_ghost(picture, np.where(beside, 0, ghost))
        picture[beside] = BACKGROUND
        self._draw_marks(picture, name)
        return picture

    def _draw_marks(self, picture: np.ndarray, name: str) -> None:
        state, board = self._state, self._board
        if state.tails_on and self._feed.lineage is not None:
            segments, colors, alphas = self._tails()
            draw_lines(picture, board.screen(name, segments).reshape(-1, 4), colors, alphas)
        if len(board.planes) > 1:
            draw_crosshair(picture, *board.screen(name, np.array([state.z, state.y, state.x])))
        self._draw_rings(picture, name)
        if self.stroke is not None and self.stroke[0] == name and self.stroke[1]:
            radii = board.radii(name, state.brush / np.array(state.scale))
            color = ERASED if state.erases else PAINTED
            draw_stroke(picture, board.screen(name, np.array(self.stroke[1], float)), radii, color)
        t, texts = self.badges
        if t == state.t:
            ids, centers = self.colors_of(t).object_ids, self._centers(t)
            for object_id, text in texts.items():
                for place in centers[ids == object_id]:
                    draw_badge(picture, *board.screen(name, place), text)

    def _draw_rings(self, picture: np.ndarray, name: str) -> None:
        marks, colors = self.marks
        t = self._state.t
        marks = marks[(marks[:, 0] <= t) & (t <= marks[:, 1])]
        rgb = np.array([tuple(bytes.fromhex(color[1:])) for color in colors], np.uint8).reshape(-1, 3)
        for row in marks:
            places = self._board.screen(name, row[2:8].reshape(2, 3))
            color, (start, end) = rgb[int(row[8])], places
            leads = bool(np.isfinite(row[5]))
            if leads:
                draw_lines(picture, np.array([[*start, *end]]), color[None], np.ones(1))
            draw_ring(picture, *(end if leads and t == row[1] > row[0] else start), color)

    def _tails(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Link objects of a track from frame to frame, across gaps, and children with their parents."""
        t, length = self._state.t, self._state.tail_length
        last: dict[int, np.ndarray] = {}
        segments, rgb, alphas = [], [], []
        for s in range(max(0, t - length), t + 1):
            colors = self.colors_of(s)
            for center, color, tracks in zip(self._centers(s), colors.rgba, colors.tracks, strict=True):
                for track_id in tracks:
                    before = last.get(track_id, last.get(colors.parents.get(track_id, 0)))
                    if before is not None:
                        segments.append((before, center))
                        rgb.append(color[:3])
                        alphas.append(1 - (t - s) / (length + 1))
                    if track_id > 0:
                        last[track_id] = center
        return np.array(segments).reshape(-1, 2, 3), np.array(rgb, np.uint8).reshape(-1, 3), np.array(alphas)

    def _centers(self, t: int) -> np.ndarray:
        """Centres of the objects of a frame along z, y and x."""
        centers = self.colors_of(t).centers
        return np.pad(centers, ((0, 0), (3 - centers.shape[1], 0)))


def paint_slice(feed: FrameFeed, state: ViewState, t: int, *, factor: int = 1) -> np.ndarray:
    """Paint a whole slice with all that a view shows over it.

    Parameters
    ----------
    feed : FrameFeed
        What to show.
    state : ViewState
        How to show it, and which slice.
    t : int
        Frame.
    factor : int, optional
        Pixels of the picture for one of the image.

    Returns
    -------
    ndarray of uint8, shape (y * factor, x * factor, 3)
    """
    height, width = feed.shape
    board = Board({"z": 1, "y": height, "x": width}, (1.0, 1.0, 1.0), width * factor, height * factor)
    then = ViewState(**{name: getattr(state, name) for name in ViewState.class_trait_names()} | {"t": t})
    return Painter(feed, then, board).paint(board.planes["xy"])


def _pick(frame: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    return frame[np.ix_(np.maximum(rows, 0), np.maximum(columns, 0))]
