"""The image view: raw image, objects and tracks, with layers, contrast, time and zoom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets
from ipywidgets import Layout

from nbtrack.data.detections import Detections
from nbtrack.errors import InputError
from nbtrack.rendering.overlays import encode_png, enlarge
from nbtrack.widgets.canvas import ImageCanvas
from nbtrack.widgets.controls import LayerBar, TimeBar
from nbtrack.widgets.frames import FrameFeed
from nbtrack.widgets.keymap import image_keys, kernel_keys
from nbtrack.widgets.messages import Messages

if TYPE_CHECKING:
    from IPython.display import Image

    from nbtrack.data.lineage import Lineage
    from nbtrack.data.movie import Movie
    from nbtrack.data.result import TrackingResult
    from nbtrack.editing.session import Session
    from nbtrack.rendering.colors import ColorBy
    from nbtrack.widgets.canvas import KeyEvent

WIDTH = 624
"""Width of a view in CSS pixels: with the column of a tracker beside it 900. In less space it shrinks."""


def show(
    movie: Movie | None,
    lineage: Lineage | TrackingResult | Session | Detections | None = None,
    *,
    detections: Detections | None = None,
    channel: int = 0,
) -> Viewer:
    """Show a movie with its objects and tracks.

    Parameters
    ----------
    movie : Movie or None
        Raw images; None shows the objects on black.
    lineage : TrackingResult, Session, Lineage or Detections, optional
        What to show over it. A bare lineage needs `detections` as well.
    detections : Detections, optional
        The objects.
    channel : int, optional
        Channel of the movie.

    Returns
    -------
    Viewer
        Shows itself as the last line of a cell.

    Raises
    ------
    InputError
        If there is nothing to show, or the parts do not fit together.
    """
    if isinstance(lineage, Detections):
        lineage, detections = None, lineage
    elif lineage is not None and hasattr(lineage, "detections"):
        detections = lineage.detections if detections is None else detections
        lineage = lineage.lineage
    return Viewer(movie, lineage, detections=detections, channel=channel)


class Viewer:
    """A movie with its objects and tracks, to look at.

    Parameters
    ----------
    movie, lineage, detections, channel
        As in `show`, but `lineage` must be a lineage.
    tracker : bool, optional
        Whether the keys of the manual tracker are listened to.
    view_height : int, optional
        Height of the image in CSS pixels.

    Attributes
    ----------
    widget : ipywidgets.Widget
        The root, to embed elsewhere.
    canvas : ImageCanvas
        The image; tells of clicks and keys.
    messages : Messages
        The message line.
    last_error : Exception or None
        The last exception of a handler.

    Raises
    ------
    InputError
        If there is nothing to show, or the parts do not fit together.
    """

    def __init__(
        self,
        movie: Movie | None,
        lineage: Lineage | None = None,
        *,
        detections: Detections | None = None,
        channel: int = 0,
        tracker: bool = False,
        view_height: int = 470,
    ) -> None:
        hint = "Move the mouse over the image. Shift + wheel goes through time, Ctrl + wheel zooms, dragging moves."
        self.messages = Messages(hint)
        self._feed = FrameFeed(movie, detections, lineage, channel=channel)
        self._keys = kernel_keys(tracker=tracker)
        self.canvas = ImageCanvas(
            self._feed, self.messages, view_height=view_height, hotkeys=self._keys, view_keys=image_keys()
        )
        self.canvas.on_key(self._press)
        guard = self.messages.guard
        self._layers = LayerBar(
            self.canvas.widget, self._feed, on_auto=guard(self.auto_contrast), on_color_by=guard(self._set_color_by)
        )
        self._time = TimeBar(self.canvas.widget)
        parts = [self._layers.widget, self.canvas.widget, self._time.widget, self.messages.widget]
        self.widget = ipywidgets.VBox(parts, layout=Layout(width="auto", max_width=f"{WIDTH}px", flex="1 1 460px"))
        self.widget.add_class("nbt-view")

    def __dir__(self) -> list[str]:
        """List what a user needs."""
        names = ["auto_contrast", "canvas", "color_by", "contrast", "goto", "last_error", "messages"]
        return [*names, "refresh", "snapshot", "t", "toggle", "widget", "z"]

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: frame {self.t} of 0 to {self._feed.n_frames - 1}>"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self.widget._repr_mimebundle_(**kwargs)

    @property
    def last_error(self) -> Exception | None:
        """The last exception of a handler."""
        return self.messages.last_error

    @property
    def t(self) -> int:
        """The frame on screen."""
        return self.canvas.widget.t

    @t.setter
    def t(self, value: int) -> None:
        self.goto(value)

    @property
    def z(self) -> int:
        """The slice on screen, 0 in two dimensions."""
        return self.canvas.widget.z

    @z.setter
    def z(self, value: int) -> None:
        self.goto(self.t, value)

    @property
    def contrast(self) -> tuple[float, float]:
        """The grey values shown as black and white."""
        return self.canvas.widget.contrast

    @contrast.setter
    def contrast(self, value: tuple[float, float]) -> None:
        low, high = value
        if not low < high:
            raise InputError(f"`contrast` must be a low and a higher value: got {low} and {high}.")
        self.canvas.widget.contrast = (float(low), float(high))

    @property
    def color_by(self) -> ColorBy:
        """What decides the colour of a tracked object: "track" or "lineage"."""
        return self._feed.color_by

    @color_by.setter
    def color_by(self, value: ColorBy) -> None:
        self._layers.color_by.value = value

    def goto(self, t: int, z: int | None = None) -> None:
        """Show a frame, the nearest there is.

        Parameters
        ----------
        t : int
            Frame.
        z : int, optional
            Slice; stays if not given.
        """
        self.canvas.goto(t, z)

    def auto_contrast(self) -> None:
        """Choose the contrast from the frame on screen."""
        self.contrast = self._feed.frame_contrast(self.t)

    def toggle(self, layer: str) -> None:
        """Switch a layer on or off.

        Parameters
        ----------
        layer : str
            "raw", "objects" or "tracks".

        Raises
        ------
        InputError
            If there is no such layer.
        """
        if layer not in self._layers.switches:
            raise InputError(f"`layer` must be one of {list(self._layers.switches)}: got {layer!r}.")
        name = f"{layer}_on"
        setattr(self.canvas.widget, name, not getattr(self.canvas.widget, name))

    def refresh(self) -> None:
        """Draw the tracks anew after the lineage was changed by other code."""
        self.canvas.repaint()

    def snapshot(self, t: int | None = None) -> Image:
        """Make a static picture of a frame as it is shown, for pages without a kernel.

        Parameters
        ----------
        t : int, optional
            Frame; the one on screen if not given.

        Returns
        -------
        IPython.display.Image
            A PNG of the whole slice; its bytes are in `data`.
        """
        from IPython.display import Image

        state = self.canvas.widget
        layers = {name: getattr(state, f"{name}_on") * getattr(state, f"{name}_opacity") for name in _LAYERS}
        picture = self._feed.picture(self.t if t is None else t, self.z, contrast=self.contrast, **layers)
        return Image(data=encode_png(enlarge(picture, max(1, WIDTH // max(picture.shape[:2])))))

    # ------------------------------------------------------------------ helpers
    def _press(self, event: KeyEvent) -> None:
        action = self._keys.get(event.key)
        if action in ("toggle_tracks", "toggle_objects"):
            self.toggle(action.removeprefix("toggle_"))

    def _set_color_by(self, value: ColorBy) -> None:
        self._feed.color_by = value
        self.refresh()


_LAYERS = ("raw", "objects", "tracks")
