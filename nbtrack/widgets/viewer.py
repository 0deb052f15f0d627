"""The image view: raw image, objects and tracks, with layers, contrast, time and zoom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

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
from nbtrack.widgets.picture import ImagePicture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy as np
    from IPython.display import Image

    from nbtrack.data.lineage import Lineage
    from nbtrack.data.movie import Movie
    from nbtrack.data.result import TrackingResult
    from nbtrack.editing.session import Session
    from nbtrack.widgets.image_view import ImageView, KeyEvent
    from nbtrack.widgets.keymap import Panel

Backend = Literal["canvas", "image"]
"""What draws the image: the browser, or the kernel."""

WIDTH = 624
"""Width of a view in CSS pixels: with the column of a tracker beside it 900. In less space it shrinks."""


def show(
    movie: Movie | None,
    lineage: Lineage | TrackingResult | Session | Detections | None = None,
    *,
    detections: Detections | None = None,
    channel: int = 0,
    backend: Backend = "canvas",
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
    backend : {"canvas", "image"}, optional
        "canvas" draws in the browser. "image" sends pictures, for front ends that block modules of others.

    Returns
    -------
    Viewer
        Shows itself as the last line of a cell.

    Raises
    ------
    InputError
        If there is nothing to show, the parts do not fit together, or there is no such backend.
    """
    if isinstance(lineage, Detections):
        lineage, detections = None, lineage
    elif lineage is not None and hasattr(lineage, "detections"):
        detections = lineage.detections if detections is None else detections
        lineage = lineage.lineage
    return Viewer(movie, lineage, detections=detections, channel=channel, backend=backend)


class Viewer:
    """A movie with its objects and tracks, to look at.

    Parameters
    ----------
    movie, lineage, detections, channel, backend
        As in `show`, but `lineage` must be a lineage.
    panel : {"view", "track", "classify", "review"}, optional
        Whose keys are listened to.
    view_height : int, optional
        Height of the image in CSS pixels.
    paint : callable, optional
        Gives the colours of objects by frame and ids, instead of those by track.

    Attributes
    ----------
    widget : ipywidgets.Widget
        The root, to embed elsewhere.
    canvas : ImageView
        The image; tells of clicks and keys.
    feed : FrameFeed
        What is shown.
    messages : Messages
        The message line.
    last_error : Exception or None
        The last exception of a handler.

    Raises
    ------
    InputError
        If there is nothing to show, the parts do not fit together, or there is no such backend.
    """

    def __init__(
        self,
        movie: Movie | None,
        lineage: Lineage | None = None,
        *,
        detections: Detections | None = None,
        channel: int = 0,
        panel: Panel = "view",
        view_height: int = 470,
        paint: Callable[[int, np.ndarray], np.ndarray] | None = None,
        backend: Backend = "canvas",
    ) -> None:
        if backend not in _BACKENDS:
            raise InputError(f"`backend` must be one of {list(_BACKENDS)}: got {backend!r}.")
        hint = "Move the mouse over the image. Shift + wheel goes through time, Ctrl + wheel zooms, dragging moves."
        self.messages = Messages(hint)
        self.feed = FrameFeed(movie, detections, lineage, channel=channel, paint=paint)
        self._keys = kernel_keys(panel)
        self.canvas: ImageView = _BACKENDS[backend](
            self.feed, self.messages, view_height=view_height, hotkeys=self._keys, view_keys=image_keys()
        )
        self.canvas.on_key(self._press)
        self._menu: list[Callable[[str, float, float], object]] = []
        guard = self.messages.guard
        self._layers = LayerBar(
            self.canvas.state,
            self.feed,
            on_auto=guard(self.auto_contrast),
            on_color_by=guard(self._set_color_by),
            on_channel=guard(self._set_channel),
            on_menu=self._open_layer_menu,
            guard=guard,
        )
        self._time = TimeBar(self.canvas.state)
        self.stage = ipywidgets.Box(
            [self.canvas.widget, self._layers.legend], layout=Layout(width="100%", margin="0", flex="0 0 auto")
        )
        self.stage.add_class("nbt-stage")
        parts = [self._layers.widget, self.stage, self._time.widget, self.messages.widget]
        self.widget = ipywidgets.VBox(parts, layout=Layout(width="auto", max_width=f"{WIDTH}px"))
        self.widget.add_class("nbt-view")

    def __dir__(self) -> list[str]:
        """List what a user needs."""
        names = ["auto_contrast", "canvas", "close", "color_by", "contrast", "goto", "last_error", "messages"]
        return [*names, "refresh", "snapshot", "t", "toggle", "widget", "z"]

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: frame {self.t} of 0 to {self.feed.n_frames - 1}>"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self.widget._repr_mimebundle_(**kwargs)

    @property
    def last_error(self) -> Exception | None:
        """The last exception of a handler."""
        return self.messages.last_error

    @property
    def t(self) -> int:
        """The frame on screen."""
        return self.canvas.state.t

    @t.setter
    def t(self, value: int) -> None:
        self.goto(value)

    @property
    def z(self) -> int:
        """The slice on screen, 0 in two dimensions."""
        return self.canvas.state.z

    @z.setter
    def z(self, value: int) -> None:
        self.goto(self.t, value)

    @property
    def contrast(self) -> tuple[float, float]:
        """The grey values shown as black and white."""
        return self.canvas.state.contrast

    @contrast.setter
    def contrast(self, value: tuple[float, float]) -> None:
        low, high = value
        if not low < high:
            raise InputError(f"`contrast` must be a low and a higher value: got {low} and {high}.")
        self.canvas.state.contrast = (float(low), float(high))

    @property
    def color_by(self) -> str:
        """What decides the colour of an object: "track", "lineage", or a feature in the table of objects."""
        return self.feed.color_by

    @color_by.setter
    def color_by(self, value: str) -> None:
        if value not in self.feed.color_choices:
            raise InputError(f"`color_by` must be one of {self.feed.color_choices}: got {value!r}.")
        if value != self.color_by:
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
        self.contrast = self.feed.frame_contrast(self.t)

    def toggle(self, layer: str) -> None:
        """Switch a layer on or off.

        Parameters
        ----------
        layer : str
            "raw", "objects", "tracks", "tails" or "ghost".

        Raises
        ------
        InputError
            If there is no such layer.
        """
        if layer not in self._layers.switches:
            raise InputError(f"`layer` must be one of {list(self._layers.switches)}: got {layer!r}.")
        name = f"{layer}_on"
        setattr(self.canvas.state, name, not getattr(self.canvas.state, name))

    def refresh(self) -> None:
        """Draw the tracks anew after the lineage was changed by other code."""
        self.canvas.repaint()

    def show_objects(self, detections: Detections, frames: Iterable[int] | None = None) -> None:
        """Show other objects of the same movie, as after a repair.

        Parameters
        ----------
        detections : Detections
            The objects.
        frames : iterable of int, optional
            The frames whose objects are others; all if not given.
        """
        self.feed.take_objects(detections)
        self.canvas.show_objects(frames)

    def add_overlay(self, widget: ipywidgets.Widget) -> None:
        """Put a widget over the image, such as a menu; it says itself where it is (``position: absolute``).

        Parameters
        ----------
        widget : ipywidgets.Widget
            The widget.
        """
        self.stage.children = (*self.stage.children, widget)

    def on_layer_menu(self, callback: Callable[[str, float, float], object]) -> None:
        """Call a function when the menu of a layer is asked for; it runs under the guard.

        Parameters
        ----------
        callback : callable
            Gets the name of the layer, "objects", and where the menu is to be opened: left and top in CSS pixels of
            the stage.
        """
        self._menu.append(callback)

    def close(self) -> None:
        """Stop listening and take the view off the page."""
        self.canvas.close()
        self._menu.clear()
        for link in (*self._layers.links, *self._time.links):
            link.unlink()
        for event in self._layers.events:
            event.reset_callbacks()
            event.close()
        self.messages.close()
        self.widget.close()

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

        state = self.canvas.state
        layers = {name: getattr(state, f"{name}_on") * getattr(state, f"{name}_opacity") for name in _LAYERS}
        picture = self.feed.picture(self.t if t is None else t, self.z, contrast=self.contrast, **layers)
        return Image(data=encode_png(enlarge(picture, max(1, WIDTH // max(picture.shape[:2])))))

    # ------------------------------------------------------------------ helpers
    def _press(self, event: KeyEvent) -> None:
        action = self._keys.get(event.key)
        if action in ("toggle_tracks", "toggle_objects"):
            self.toggle(action.removeprefix("toggle_"))

    def _set_color_by(self, value: str) -> None:
        self.feed.color_by = value
        self._layers.show_legend()
        self.refresh()

    def _set_channel(self, channel: int) -> None:
        self.feed.set_channel(channel)
        self.canvas.reload()
        self._layers.show_range()

    def _open_layer_menu(self, layer: str, left: float, top: float) -> None:
        for callback in tuple(self._menu):
            callback(layer, left, top)


_LAYERS = ("raw", "objects", "tracks")
_BACKENDS: dict[str, type[ImageCanvas] | type[ImagePicture]] = {"canvas": ImageCanvas, "image": ImagePicture}
