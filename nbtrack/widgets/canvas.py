"""The image canvas: the only place where messages of the browser are read.

Frames and label numbers are kept, composited, hit-tested and coloured in the browser (`static/canvas.js`). This side
answers requests for bands of rows and turns picks and keys into a `PointerEvent` or a `KeyEvent`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from nbtrack.rendering.colors import OBJECT_COLOR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nbtrack.widgets.frames import Colors, FrameFeed
    from nbtrack.widgets.messages import Messages

_STATIC = Path(__file__).parent / "static"
MAX_PAINTED_FRAMES = 4
"""A change in more frames than these is announced, and fetched when the frame is looked at."""


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
    """

    t: int
    z: int
    y: int
    x: int
    object_id: int
    button: int = 0
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


class CanvasWidget(anywidget.AnyWidget):
    """The state that browser and kernel share; `ImageCanvas` is what the rest of nbtrack uses."""

    _esm = _STATIC / "canvas.js"
    _css = _STATIC / "canvas.css"

    n_frames = traitlets.Int(1).tag(sync=True)
    n_slices = traitlets.Int(1).tag(sync=True)
    height = traitlets.Int(1).tag(sync=True)
    width = traitlets.Int(1).tag(sync=True)
    view_height = traitlets.Int(470).tag(sync=True)
    t = traitlets.Int(0).tag(sync=True)
    z = traitlets.Int(0).tag(sync=True)
    playing = traitlets.Bool(False).tag(sync=True)
    fps = traitlets.Float(8.0).tag(sync=True)
    epoch = traitlets.Int(0).tag(sync=True)
    window = traitlets.Tuple(traitlets.Float(), traitlets.Float(), default_value=(0.0, 255.0)).tag(sync=True)
    contrast = traitlets.Tuple(traitlets.Float(), traitlets.Float(), default_value=(0.0, 255.0)).tag(sync=True)
    raw_on = traitlets.Bool(True).tag(sync=True)
    objects_on = traitlets.Bool(True).tag(sync=True)
    tracks_on = traitlets.Bool(True).tag(sync=True)
    raw_opacity = traitlets.Float(1.0).tag(sync=True)
    objects_opacity = traitlets.Float(0.25).tag(sync=True)
    tracks_opacity = traitlets.Float(0.45).tag(sync=True)
    object_color = traitlets.List(traitlets.Int(), list(OBJECT_COLOR)).tag(sync=True)
    pick_color = traitlets.List(traitlets.Int()).tag(sync=True)
    active_track = traitlets.Int(0).tag(sync=True)
    hotkeys = traitlets.List(traitlets.Unicode()).tag(sync=True)  # `keys` is a method of widgets
    view_keys = traitlets.Dict().tag(sync=True)
    cache_bytes = traitlets.Int(256 * 2**20).tag(sync=True)


class ImageCanvas:
    """Show the frames of a feed and tell of clicks and keys.

    Parameters
    ----------
    feed : FrameFeed
        What to show.
    messages : Messages
        Where exceptions of handlers are shown.
    view_height : int, optional
        Height in CSS pixels; the width is that of the place it is put into.
    hotkeys : iterable of str, optional
        Keys to be told of.
    view_keys : dict of str, optional
        Keys that the canvas handles by itself, see `nbtrack.widgets.keymap`.

    Attributes
    ----------
    widget : CanvasWidget
        What is displayed; its traits `t`, `z`, `contrast` and the layer switches may be linked to controls.
    """

    def __init__(
        self,
        feed: FrameFeed,
        messages: Messages,
        *,
        view_height: int = 470,
        hotkeys: Iterable[str] = (),
        view_keys: dict[str, str] | None = None,
    ) -> None:
        self._feed = feed
        self._pick: list[Callable[[PointerEvent], None]] = []
        self._key: list[Callable[[KeyEvent], None]] = []
        self._messages = messages
        self.widget = CanvasWidget(
            n_frames=feed.n_frames,
            n_slices=feed.n_slices,
            height=feed.shape[0],
            width=feed.shape[1],
            z=feed.n_slices // 2,
            view_height=view_height,
            window=feed.window,
            contrast=feed.contrast,
            raw_on=feed.movie is not None,
            hotkeys=list(hotkeys),
            view_keys=view_keys or {},
        )
        self.widget.on_msg(messages.guard(self._receive))
        self.widget.observe(messages.guard(lambda change: self._follow(*change["new"])), "contrast")

    # ------------------------------------------------------------------ what others do with it
    def on_pick(self, callback: Callable[[PointerEvent], None]) -> None:
        """Call a function for every click; it runs under the guard."""
        self._pick.append(callback)

    def on_key(self, callback: Callable[[KeyEvent], None]) -> None:
        """Call a function for every key of the list; it runs under the guard."""
        self._key.append(callback)

    def goto(self, t: int, z: int | None = None) -> None:
        """Show a frame, the nearest there is."""
        with self.widget.hold_sync():
            self.widget.t = min(max(int(t), 0), self._feed.n_frames - 1)
            if z is not None:
                self.widget.z = min(max(int(z), 0), self._feed.n_slices - 1)

    def look_at(self, t: int, object_id: int) -> None:
        """Show an object and point at it.

        Parameters
        ----------
        t, object_id : int
            The object.
        """
        z, y, x = self._feed.center_of(t, object_id)
        self.goto(t, z)
        self.widget.send({"type": "look", "y": y, "x": x, "object_id": int(object_id)})

    def paint(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Send the colours of some objects anew.

        Parameters
        ----------
        pairs : iterable of (t, object_id)
            The objects.
        """
        frames: dict[int, list[int]] = {}
        for t, object_id in pairs:
            frames.setdefault(t, []).append(object_id)
        if len(frames) > MAX_PAINTED_FRAMES:
            self.repaint(frames)
            return
        for t, ids in frames.items():
            colors = self._feed.colors(t, ids)
            message = {"type": "paint", "t": t, "ids": colors.object_ids.tolist(), "tracks": colors.tracks}
            self.widget.send(message, buffers=[colors.rgba.tobytes()])

    def repaint(self, frames: Iterable[int] | None = None) -> None:
        """Say that the colours of frames are void; each is fetched when it is looked at.

        Parameters
        ----------
        frames : iterable of int, optional
            The frames; all if not given.
        """
        self.widget.send({"type": "stale", "frames": None if frames is None else sorted(frames)})

    # ------------------------------------------------------------------ messages of the browser
    def _receive(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        kind = content.get("type")
        if kind == "band":
            self._send_band(content)
        elif kind == "colors":
            self._send_colors(int(content["t"]), answer=True)
        elif kind == "pick":
            place = (int(content[name]) for name in ("t", "z", "y", "x", "object_id", "button"))
            event = PointerEvent(*place, modifiers=frozenset(content.get("modifiers", ())))
            try:
                for callback in tuple(self._pick):
                    callback(event)
            finally:  # whatever happened, the browser shows what is true
                if event.object_id:
                    self.paint([(event.t, event.object_id)])
        elif kind == "key":
            key = KeyEvent(str(content["key"]), *(int(content[name]) for name in ("t", "z", "y", "x", "object_id")))
            for callback in tuple(self._key):
                callback(key)

    def _send_band(self, content: dict[str, Any]) -> None:
        t, z, row, rows, epoch = (int(content[name]) for name in ("t", "z", "row", "rows", "epoch"))
        band = None
        try:
            band = self._feed.band(t, z, row, rows)
        finally:
            if band is None:  # the guard says why; the browser must not wait for it
                self.widget.send({"type": "failed", "t": t, "z": z, "text": f"Frame {t} could not be read."})
        raw, labels, bits = band
        if content.get("colors"):
            self._send_colors(t, answer=False)
        message = {"type": "band", "t": t, "z": z, "row": row, "rows": rows, "bits": bits, "epoch": epoch}
        self.widget.send(message, buffers=[raw, labels])

    def _send_colors(self, t: int, *, answer: bool) -> None:
        colors: Colors = self._feed.colors(t)
        tracks = {str(i): tracks for i, tracks in zip(colors.object_ids.tolist(), colors.tracks, strict=True) if tracks}
        message = {"type": "colors", "t": t, "tracks": tracks, "answer": answer}
        self.widget.send(message, buffers=[colors.rgba.tobytes(), colors.object_ids.astype("<u4").tobytes()])

    def _follow(self, low: float, high: float) -> None:
        if self._feed.fit_window(low, high):
            with self.widget.hold_sync():
                self.widget.window = self._feed.window
                self.widget.epoch += 1
