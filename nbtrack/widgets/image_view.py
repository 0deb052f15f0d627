"""What every image view is: its state, what it tells, and what can be asked of it.

There are two: `nbtrack.widgets.canvas.ImageCanvas` draws in the browser, `nbtrack.widgets.picture.ImagePicture` sends
pictures, for front ends that block modules of others. Whoever uses one cannot tell which it is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import traitlets

from nbtrack.rendering.colors import OBJECT_COLOR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import ipywidgets
    import numpy as np

    from nbtrack.widgets.frames import FrameFeed
    from nbtrack.widgets.messages import Messages


@dataclass(frozen=True)
class PointerEvent:
    """A click into the image.

    Parameters
    ----------
    t, z, y, x : int
        The pixel, as it was shown when it was clicked.
    object_id : int
        The object there, 0 for background.
    button : int
        0 left, 2 right.
    modifiers : frozenset of str
        Of "shift", "ctrl", "alt" and "meta" those that were held.
    left, top : float
        Where it was, in CSS pixels from the upper left corner of the view: menus open there.
    """

    t: int
    z: int
    y: int
    x: int
    object_id: int
    button: int = 0
    modifiers: frozenset[str] = frozenset()
    left: float = 0.0
    top: float = 0.0


@dataclass(frozen=True)
class StrokeEvent:
    """A stroke with the brush: the mouse was pressed, moved and let go.

    Parameters
    ----------
    t : int
        The frame, as it was shown.
    points : tuple of tuple of int
        Pixels ``(z, y, x)`` along the way, in order; the brush went straight from each to the next.
    object_id : int
        The object where it began, 0 for background.
    through : {"z", "y", "x"}
        The axis along which nothing moved: the stroke lies in the plane that was shown.
    modifiers : frozenset of str
        Of "shift", "ctrl", "alt" and "meta" those that were held when it began.
    """

    t: int
    points: tuple[tuple[int, int, int], ...]
    object_id: int
    through: str = "z"
    modifiers: frozenset[str] = frozenset()


@dataclass(frozen=True)
class KeyEvent:
    """A key of the keymap, pressed over the image.

    Parameters
    ----------
    key : str
        Its name in the keymap.
    t, z : int
        What was shown.
    y, x : int
        The pixel under the mouse, -1 if the mouse was elsewhere.
    object_id : int
        The object under the mouse, 0 if there was none.
    """

    key: str
    t: int
    z: int
    y: int
    x: int
    object_id: int


class ViewState(traitlets.HasTraits):
    """What browser and kernel share of a view, and controls are linked to.

    Attributes
    ----------
    n_frames, n_slices, height, width : int
        Size of the movie; one slice in two dimensions.
    scale : tuple of float
        Size of a pixel along z, y and x; drawn true.
    t, z, y, x : int
        The frame, and the crosshair: in three dimensions the slices that are shown.
    active_track : int
        The track that has a white rim; 0 for none.
    pick_color : list of int
        What an object without a track is painted with when it is clicked, before the kernel knows; empty for nothing.
    tail_length : int
        Frames that the tails behind tracked objects go back; none if `tails_on` is false.
    follow_track : bool
        Whether a zoomed view goes with the active track.
    brush : float
        Radius of the brush in units of the scale: while it is not 0, a drag paints and tells of a stroke.
    erases : bool
        Whether the brush is shown as one that takes pixels away.
    advance : bool
        Whether a click that gives an object to the active track shows the next frame at once, before the kernel does.
    """

    n_frames = traitlets.Int(1).tag(sync=True)
    n_slices = traitlets.Int(1).tag(sync=True)
    height = traitlets.Int(1).tag(sync=True)
    width = traitlets.Int(1).tag(sync=True)
    scale = traitlets.Tuple(traitlets.Float(), traitlets.Float(), traitlets.Float(), default_value=(1.0, 1.0, 1.0)).tag(
        sync=True
    )
    view_height = traitlets.Int(470).tag(sync=True)
    t = traitlets.Int(0).tag(sync=True)
    z = traitlets.Int(0).tag(sync=True)
    y = traitlets.Int(0).tag(sync=True)
    x = traitlets.Int(0).tag(sync=True)
    playing = traitlets.Bool(False).tag(sync=True)
    fps = traitlets.Float(8.0).tag(sync=True)
    contrast = traitlets.Tuple(traitlets.Float(), traitlets.Float(), default_value=(0.0, 255.0)).tag(sync=True)
    raw_on = traitlets.Bool(True).tag(sync=True)
    objects_on = traitlets.Bool(True).tag(sync=True)
    tracks_on = traitlets.Bool(True).tag(sync=True)
    tails_on = traitlets.Bool(False).tag(sync=True)
    ghost_on = traitlets.Bool(False).tag(sync=True)
    raw_opacity = traitlets.Float(1.0).tag(sync=True)
    objects_opacity = traitlets.Float(0.25).tag(sync=True)
    tracks_opacity = traitlets.Float(0.45).tag(sync=True)
    tail_length = traitlets.Int(8).tag(sync=True)
    object_color = traitlets.List(traitlets.Int(), list(OBJECT_COLOR)).tag(sync=True)
    pick_color = traitlets.List(traitlets.Int()).tag(sync=True)
    active_track = traitlets.Int(0).tag(sync=True)
    follow_track = traitlets.Bool(True).tag(sync=True)
    brush = traitlets.Float(0.0).tag(sync=True)
    erases = traitlets.Bool(False).tag(sync=True)
    advance = traitlets.Bool(False).tag(sync=True)
    hotkeys = traitlets.List(traitlets.Unicode()).tag(sync=True)  # `keys` is a method of widgets
    view_keys = traitlets.Dict().tag(sync=True)


class ImageView(ABC):
    """Show the frames of a feed and tell of clicks and keys.

    Parameters
    ----------
    feed : FrameFeed
        What to show.
    messages : Messages
        Where exceptions of handlers are shown.

    Attributes
    ----------
    state : ViewState
        A widget model with the shared traits, to be linked with controls.
    widget : ipywidgets.DOMWidget
        What is displayed.
    """

    state: ViewState
    widget: ipywidgets.DOMWidget

    def __init__(self, feed: FrameFeed, messages: Messages) -> None:
        self._feed = feed
        self._messages = messages
        self._pick: list[Callable[[PointerEvent], None]] = []
        self._key: list[Callable[[KeyEvent], None]] = []
        self._stroke: list[Callable[[StrokeEvent], None]] = []
        self._painted: set[tuple[int, int]] = set()  # since the last click
        self._renewed = False  # since the last stroke

    def on_pick(self, callback: Callable[[PointerEvent], None]) -> None:
        """Call a function for every click; it runs under the guard."""
        self._pick.append(callback)

    def on_key(self, callback: Callable[[KeyEvent], None]) -> None:
        """Call a function for every key of `hotkeys`; it runs under the guard."""
        self._key.append(callback)

    def on_stroke(self, callback: Callable[[StrokeEvent], None]) -> None:
        """Call a function for every stroke with the brush; it runs under the guard."""
        self._stroke.append(callback)

    def goto(self, t: int, z: int | None = None, y: int | None = None, x: int | None = None) -> None:
        """Show a frame, the nearest there is, and put the crosshair somewhere.

        Parameters
        ----------
        t : int
            Frame.
        z, y, x : int, optional
            The crosshair; stays if not given.
        """
        state, sizes = self.state, {"z": self._feed.n_slices, "y": self._feed.shape[0], "x": self._feed.shape[1]}
        with state.hold_sync(), state.hold_trait_notifications():
            state.t = min(max(int(t), 0), self._feed.n_frames - 1)
            for name, value in (("z", z), ("y", y), ("x", x)):
                if value is not None:
                    setattr(state, name, min(max(int(value), 0), sizes[name] - 1))

    @abstractmethod
    def look_at(self, t: int, object_id: int) -> None:
        """Show an object and point at it with a white rim until the next click.

        Parameters
        ----------
        t, object_id : int
            The object.
        """

    @abstractmethod
    def look_around(self, t: int, z: int, y: int, x: int) -> None:
        """Show a place where no object need be.

        Parameters
        ----------
        t, z, y, x : int
            The voxel.
        """

    @abstractmethod
    def paint(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Draw the colours of some objects anew.

        Parameters
        ----------
        pairs : iterable of (t, object_id)
            The objects.
        """

    @abstractmethod
    def repaint(self, frames: Iterable[int] | None = None) -> None:
        """Say that the colours of frames are void; each is fetched when it is looked at.

        Parameters
        ----------
        frames : iterable of int, optional
            The frames; all if not given.
        """

    @abstractmethod
    def badge(self, t: int, texts: Mapping[int, str]) -> None:
        """Write short texts on objects of a frame, such as the keys of candidates; earlier ones go.

        Parameters
        ----------
        t : int
            Frame.
        texts : dict of int to str
            Object id to text; empty removes all.
        """

    @abstractmethod
    def mark(self, marks: np.ndarray | None, colors: Sequence[str] = ()) -> None:
        """Draw rings and lines over frames; earlier ones go.

        Parameters
        ----------
        marks : ndarray of float32, shape (n, 9), or None
            As `nbtrack.comparison.marks.find_marks` gives them; None removes all.
        colors : sequence of str, optional
            Colours as ``"#rrggbb"``, one for each side.
        """

    @abstractmethod
    def copy(self, text: str) -> bool:
        """Put a text on the clipboard of the browser.

        Parameters
        ----------
        text : str
            The text.

        Returns
        -------
        bool
            Whether this view can; the browser may still refuse.
        """

    @abstractmethod
    def show_objects(self, frames: Iterable[int] | None = None) -> None:
        """Say that the objects of frames are others; grey values stay.

        Parameters
        ----------
        frames : iterable of int, optional
            The frames; all if not given.
        """

    @abstractmethod
    def reload(self) -> None:
        """Fetch all grey values anew, and take over the contrast of the feed: it changed its channel."""

    def close(self) -> None:
        """Stop telling of clicks and keys; the view is not used any more."""
        self._pick.clear()
        self._key.clear()
        self._stroke.clear()

    def tell_pick(self, event: PointerEvent) -> None:
        """Hand a click to those who asked for clicks; afterwards the object is drawn as it is."""
        self._painted.clear()
        try:
            for callback in tuple(self._pick):
                callback(event)
        finally:  # whatever happened, the browser shows what is true
            if event.object_id and (event.t, event.object_id) not in self._painted:
                self.paint([(event.t, event.object_id)])

    def tell_stroke(self, event: StrokeEvent) -> None:
        """Hand a stroke to those who asked for strokes; afterwards the frame is drawn as it is."""
        self._renewed = False
        try:
            for callback in tuple(self._stroke):
                callback(event)
        finally:
            if not self._renewed:
                self.show_objects([event.t])

    def tell_key(self, event: KeyEvent) -> None:
        """Hand a key to those who asked for keys."""
        for callback in tuple(self._key):
            callback(event)
