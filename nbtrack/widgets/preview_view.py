"""The picture of one frame with objects over it, for trying parameters out: redrawn in a few milliseconds.

Two pictures lie over each other: the frame, which is sent when the frame changes, and the objects, a picture with a
palette and mostly empty, which is sent when a parameter changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipywidgets
import numpy as np
from ipywidgets import Layout

from nbtrack.data.palette import track_colors
from nbtrack.rendering.colors import OBJECT_COLOR
from nbtrack.rendering.indexed_png import GREYS, encode_indexed_png
from nbtrack.rendering.overlays import auto_contrast, find_outlines, to_uint8
from nbtrack.widgets.panel import caption, row

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbtrack.data.movie import Movie

WIDTH, HEIGHT = 560, 480
_COLORS = 120
_FILL, _EDGE = 90, 235
_ZOOMS = {"Fit": 0.0, "1 : 1": 1.0, "2 : 1": 2.0, "4 : 1": 4.0}


class PreviewView:
    """One frame of a movie with a label image over it.

    Parameters
    ----------
    n_frames : int
        Number of frames.
    frame_shape : tuple of int
        ``([z,] y, x)``.
    on_frame : callable
        Called without arguments when another frame was chosen.

    Attributes
    ----------
    widget : ipywidgets.VBox
        Pictures and sliders.
    time, depth : ipywidgets.IntSlider
        Frame and slice.
    """

    def __init__(self, n_frames: int, frame_shape: tuple[int, ...], on_frame: Callable[[], object]) -> None:
        self._shape = frame_shape[-2:]
        self._contrast: dict[int, tuple[float, float]] = {}
        self._frame = self._labels = np.zeros((1, *self._shape), np.uint8)
        self._distinct = False
        self.image, self.overlay = (ipywidgets.Image(format="png", layout=Layout(margin="0")) for _ in range(2))
        self.overlay.add_class("nbt-overlay")
        stack = ipywidgets.Box([self.image, self.overlay], layout=Layout(margin="0 auto"))
        stack.add_class("nbt-stack")
        height = min(HEIGHT, round(WIDTH * self._shape[0] / self._shape[1]))
        self._frame_box = ipywidgets.Box([stack], layout=Layout(width="100%", height=f"{height}px", margin="0"))
        self._frame_box.add_class("nbt-scroll")
        depth = frame_shape[0] if len(frame_shape) == 3 else 1
        self.time = ipywidgets.IntSlider(min=0, max=n_frames - 1, layout=_stretched())
        self.depth = ipywidgets.IntSlider(value=depth // 2, min=0, max=depth - 1, layout=_stretched())
        self.zoom = ipywidgets.Dropdown(
            options=list(_ZOOMS), tooltip="Size of the picture", layout=Layout(width="68px", margin="0")
        )
        self.time.observe(lambda _: on_frame(), "value")
        self.depth.observe(lambda _: self._draw(), "value")
        self.zoom.observe(lambda _: self._resize(), "value")
        rows = [row(caption("Frame", "44px"), self.time, caption("Zoom", "36px"), self.zoom)]
        if depth > 1:
            rows.append(row(caption("Slice z", "44px"), self.depth))
        self.widget = ipywidgets.VBox(
            [self._frame_box, *rows], layout=Layout(margin="0", width="100%", max_width=f"{WIDTH}px")
        )
        self._resize()

    def show_frame(self, frame: np.ndarray, contrast: tuple[float, float]) -> None:
        """Show grey values.

        Parameters
        ----------
        frame : ndarray, shape ([z,] y, x)
            The frame.
        contrast : tuple of float
            Values shown as black and white.
        """
        self._frame = to_uint8(frame.reshape(-1, *self._shape), *contrast)
        self._draw_frame()

    def show_labels(self, labels: np.ndarray, *, distinct: bool) -> None:
        """Show objects.

        Parameters
        ----------
        labels : ndarray of uint32, shape ([z,] y, x)
            The label image.
        distinct : bool
            Whether each object has a colour of its own; else all are yellow.
        """
        self._labels, self._distinct = labels.reshape(-1, *self._shape), distinct
        self._draw_labels()

    def picture(self) -> np.ndarray:
        """Compose what is shown, as an array of red, green and blue."""
        z = self.depth.value
        grey = np.repeat(self._frame[z if len(self._frame) > 1 else 0][..., None], 3, axis=-1).astype(np.float32)
        indices, palette = self._indices()
        rgba = palette[indices].astype(np.float32)
        alpha = rgba[..., 3:] / 255
        return (grey * (1 - alpha) + rgba[..., :3] * alpha + 0.5).astype(np.uint8)

    # ------------------------------------------------------------------ helpers
    def _draw(self) -> None:
        self._draw_frame()
        self._draw_labels()

    def _draw_frame(self) -> None:
        self.image.value = encode_indexed_png(self._frame[min(self.depth.value, len(self._frame) - 1)], GREYS)

    def _draw_labels(self) -> None:
        self.overlay.value = encode_indexed_png(*self._indices())

    def _indices(self) -> tuple[np.ndarray, np.ndarray]:
        """Give the palette entry of each pixel: 0 outside, then fills, then outlines."""
        labels = self._labels[min(self.depth.value, len(self._labels) - 1)]
        count = _COLORS if self._distinct else 1
        indices = ((labels - 1) % count + 1).astype(np.uint8)
        indices[find_outlines(labels)] += count
        indices[labels == 0] = 0
        return indices, _PALETTES[self._distinct]

    def _resize(self) -> None:
        height, width = self._shape
        zoom = _ZOOMS[self.zoom.value] or min(WIDTH / width, HEIGHT / height)
        for picture in (self.image, self.overlay):
            picture.layout.width, picture.layout.height = f"{width * zoom:.0f}px", f"{height * zoom:.0f}px"


def _stretched() -> Layout:
    return Layout(flex="1 1 0", width="auto", min_width="0", margin="0")


def movie_contrast(movie: Movie, channel: int) -> tuple[float, float]:
    """Choose one contrast for a whole movie, from its first, middle and last frame.

    Parameters
    ----------
    movie : Movie
        The movie.
    channel : int
        Channel.

    Returns
    -------
    tuple of float
        Values shown as black and white.
    """
    which = channel if "c" in movie.axes else None
    return auto_contrast([movie.frame(t, which) for t in sorted({0, len(movie) // 2, len(movie) - 1})])


def _palette(colors: np.ndarray) -> np.ndarray:
    """Make fills and outlines of some colours."""
    palette = np.zeros((1 + 2 * len(colors), 4), np.uint8)
    palette[1:, :3] = np.concatenate([colors, colors])
    palette[1 : 1 + len(colors), 3] = _FILL
    palette[1 + len(colors) :, 3] = _EDGE
    return palette


_PALETTES = {
    False: _palette(np.array([OBJECT_COLOR], np.uint8)),
    True: _palette(np.asarray(track_colors(np.arange(1, _COLORS + 1)))[:, :3]),
}
