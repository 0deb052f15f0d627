"""The image canvas: the only place where messages of the browser are read.

Frames and label numbers are kept, composited, hit-tested and coloured in the browser (`static/`). This side answers
requests for pixels and colours, and turns picks and keys into a `PointerEvent` or a `KeyEvent`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import anywidget
import numpy as np
import traitlets
from ipywidgets import Layout

from nbtrack.errors import InputError
from nbtrack.widgets.image_view import ImageView, KeyEvent, PointerEvent, StrokeEvent, ViewState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from nbtrack.widgets.frames import Colors, FrameFeed
    from nbtrack.widgets.messages import Messages

T = TypeVar("T")

_STATIC = Path(__file__).parent / "static"
_PARTS = ("store", "asking", "compose", "overlays", "pane", "board", "main")
"""The script is these files, one after the other; they share one scope."""
MAX_PAINTED_FRAMES = 4
"""A change in more frames than these is announced, and fetched when the frame is looked at."""


class CanvasWidget(anywidget.AnyWidget, ViewState):
    """The canvas itself; `ImageCanvas` is what the rest of nbtrack uses."""

    _esm = "\n".join((_STATIC / f"{part}.js").read_text(encoding="utf-8") for part in _PARTS)
    _css = _STATIC / "canvas.css"

    epoch = traitlets.Int(0).tag(sync=True)
    window = traitlets.Tuple(traitlets.Float(), traitlets.Float(), default_value=(0.0, 255.0)).tag(sync=True)
    cache_bytes = traitlets.Int(256 * 2**20).tag(sync=True)
    moves = traitlets.Int(0, help="how often this side has told the browser a frame").tag(sync=True)

    def send_state(self, key: Any = None) -> None:
        """Tell the browser; with a frame goes the number of times one was told, which it sends back with its keys."""
        keys = {key} if isinstance(key, str) else key
        if keys is not None and "t" in keys:
            with self._lock_property(moves=self.moves + 1):
                self.moves += 1
            key = {*keys, "moves"}
        super().send_state(key)


class ImageCanvas(ImageView):
    """Show the frames of a feed on a canvas, and tell of clicks and keys.

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
    state, widget : CanvasWidget
        State and what is displayed are one.
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
        super().__init__(feed, messages)
        self.widget = self.state = CanvasWidget(
            n_frames=feed.n_frames,
            n_slices=feed.n_slices,
            height=feed.shape[0],
            width=feed.shape[1],
            scale=feed.scale,
            z=feed.n_slices // 2,
            y=feed.shape[0] // 2,
            x=feed.shape[1] // 2,
            view_height=view_height,
            window=feed.window,
            contrast=feed.contrast,
            raw_on=feed.movie is not None,
            hotkeys=list(hotkeys),
            view_keys=view_keys or {},
            layout=Layout(width="100%"),
        )
        self._hear = messages.guard(self._receive)
        self.widget.on_msg(self._hear)
        self.widget.observe(messages.guard(lambda change: self._follow(*change["new"])), "contrast")

    def goto(self, t: int, z: int | None = None, y: int | None = None, x: int | None = None) -> None:
        """Show a frame, and put the crosshair somewhere."""
        before = self.widget.t
        super().goto(t, z, y, x)
        if self.widget.t == before:  # the browser may be on its way to where an earlier event has sent it
            self.widget.send_state("t")

    def look_at(self, t: int, object_id: int) -> None:
        """Show an object and point at it."""
        z, y, x = self._feed.center_of(t, object_id)
        self.goto(t, z, round(y), round(x))
        self.widget.send({"type": "look", "z": z, "y": y, "x": x, "object_id": int(object_id)})

    def look_around(self, t: int, z: int, y: int, x: int) -> None:
        """Show a place where no object need be."""
        self.goto(t, z, y, x)
        self.widget.send({"type": "look", "z": z, "y": y, "x": x, "object_id": 0})

    def paint(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Send the colours of some objects anew."""
        frames: dict[int, list[int]] = {}
        for t, object_id in pairs:
            frames.setdefault(t, []).append(object_id)
        if len(frames) > MAX_PAINTED_FRAMES:
            self.repaint(frames)
            return
        for t, ids in frames.items():
            self._painted.update((t, object_id) for object_id in ids)
            colors = self._feed.colors(t, ids)
            message = {"type": "paint", "t": t, "ids": colors.object_ids.tolist(), "tracks": colors.tracks}
            self.widget.send(message | {"parents": _as_keys(colors.parents)}, buffers=[colors.rgba.tobytes()])

    def repaint(self, frames: Iterable[int] | None = None) -> None:
        """Say that the colours of frames are void; each is fetched when it is looked at."""
        self.widget.send({"type": "stale", "frames": None if frames is None else sorted(frames)})

    def badge(self, t: int, texts: Mapping[int, str]) -> None:
        """Write short texts on objects of a frame."""
        self.widget.send({"type": "badge", "t": int(t), "texts": _as_keys(texts)})

    def mark(self, marks: np.ndarray | None, colors: Sequence[str] = ()) -> None:
        """Draw rings and lines over frames."""
        rows = np.zeros(0) if marks is None else marks
        self.widget.send({"type": "mark", "colors": list(colors)}, buffers=[rows.astype("<f4").tobytes()])

    def copy(self, text: str) -> bool:
        """Put a text on the clipboard of the browser."""
        self.widget.send({"type": "copy", "text": text})
        return True

    def show_objects(self, frames: Iterable[int] | None = None) -> None:
        """Let the browser fetch labels and colours of frames anew."""
        self._renewed = True
        self.widget.send({"type": "objects", "frames": None if frames is None else sorted(frames)})

    def reload(self) -> None:
        """Let the browser fetch all grey values anew after the feed changed its channel."""
        with self.widget.hold_sync():
            self.widget.window, self.widget.contrast = self._feed.window, self._feed.contrast
            self.widget.epoch += 1

    def close(self) -> None:
        """Stop listening; the view is not used any more."""
        super().close()
        self.widget.unobserve_all()
        self.widget.on_msg(self._hear, remove=True)

    # ------------------------------------------------------------------ messages of the browser
    def _receive(self, _widget: Any, content: Any, _buffers: Any) -> None:
        kind = str(content.get("type")) if isinstance(content, dict) else ""
        answers = {
            "pixels": self._send_pixels,
            "colors": self._send_colors,
            "pick": self._hear_pick,
            "key": self._hear_key,
            "stroke": self._hear_stroke,
        }
        if kind in answers:
            answers[kind](content)

    def _send_pixels(self, content: dict[str, Any]) -> None:
        t, at, row, rows, epoch = _read(content, int, "t", "at", "row", "rows", "epoch")
        place = {"t": t, "plane": str(content.get("plane")), "at": at, "row": row, "rows": rows}
        with _Answer(self.widget, content, f"Frame {t} could not be read.") as answer:
            if place["plane"] == "xy":
                raw, labels, bits = self._feed.band(t, at, row, rows)
            else:
                raw, labels, bits = self._feed.cut(t, place["plane"], at)
            answer({"type": "pixels", **place, "bits": bits, "epoch": epoch}, [raw, labels])

    def _send_colors(self, content: dict[str, Any]) -> None:
        (t,) = _read(content, int, "t")
        with _Answer(self.widget, content, f"The tracks of frame {t} could not be told.") as answer:
            colors: Colors = self._feed.colors(t)
            tracks = dict(zip(colors.object_ids.tolist(), colors.tracks, strict=True))
            message = {"type": "colors", "t": t, "tracks": _as_keys(tracks), "parents": _as_keys(colors.parents)}
            ids = colors.object_ids.astype("<u4")
            answer(message, [colors.rgba.tobytes(), ids.tobytes(), colors.centers.tobytes()])

    def _hear_pick(self, content: dict[str, Any]) -> None:
        place = _read(content, int, "t", "z", "y", "x", "object_id", "button")
        left, top = _read({"left": 0, "top": 0} | content, float, "left", "top")
        shown, n = _read({"shown": place[0], "n": 0} | content, int, "shown", "n")
        held = content.get("modifiers")
        modifiers = frozenset(map(str, held)) if isinstance(held, list) else frozenset()
        self._be_at(place[0])
        try:
            with self.widget._lock_property(t=shown):  # the browser is there already and must not be told
                self.tell_pick(PointerEvent(*place, modifiers=modifiers, left=left, top=top))
        finally:  # if this is another frame than the browser thought, it comes back
            self.widget.send({"type": "picked", "n": n, "t": self.widget.t})

    def _hear_key(self, content: dict[str, Any]) -> None:
        place = _read(content, int, "t", "z", "y", "x", "object_id")
        (moves,) = _read({"moves": self.widget.moves} | content, int, "moves")
        self._be_at(place[0])
        if moves != self.widget.moves:  # a frame that this side told was still on its way, and will be shown
            self.widget.send_state("t")
        self.tell_key(KeyEvent(str(content.get("key")), *place))

    def _hear_stroke(self, content: dict[str, Any]) -> None:
        t, object_id = _read(content, int, "t", "object_id")
        held, told = content.get("modifiers"), content.get("points")
        if not isinstance(told, list) or not told or content.get("through") not in ("z", "y", "x"):
            raise InputError(f"The browser sent a message that cannot be understood: {content!r:.200}.")
        points = []
        for point in told:
            row = dict(zip("zyx", point, strict=False)) if isinstance(point, list) else {}
            z, y, x = _read(row, int, "z", "y", "x")
            points.append((z, y, x))
        modifiers = frozenset(map(str, held)) if isinstance(held, list) else frozenset()
        self._be_at(t)
        self.tell_stroke(StrokeEvent(t, tuple(points), object_id, str(content["through"]), modifiers))

    def _be_at(self, t: int) -> None:
        """Take over the frame that the browser shows, without telling it so: its own message may come later."""
        if not 0 <= t < self._feed.n_frames:
            raise InputError(f"The browser sent an event of frame {t}, which is not there.")
        with self.widget._lock_property(t=t):
            self.widget.t = t

    def _follow(self, low: float, high: float) -> None:
        if self._feed.fit_window(low, high):
            with self.widget.hold_sync():
                self.widget.window = self._feed.window
                self.widget.epoch += 1


class _Answer:
    """Answers one request of the browser, in any case: it must not wait for what cannot be read."""

    def __init__(self, widget: CanvasWidget, content: dict[str, Any], failure: str) -> None:
        self._widget, self._key, self._failure = widget, str(content.get("key")), failure

    def __enter__(self) -> Callable[[dict[str, Any], list[bytes]], None]:
        return lambda message, buffers: self._widget.send({"key": self._key} | message, buffers=buffers)

    def __exit__(self, kind: Any, *_: Any) -> None:
        if kind is not None:  # the guard says why
            self._widget.send({"type": "failed", "key": self._key, "text": self._failure})


def _read(content: dict[str, Any], kind: Callable[[Any], T], *names: str) -> list[T]:
    """Read numbers out of a message of the browser."""
    try:
        return [kind(content[name]) for name in names]
    except (KeyError, TypeError, ValueError, OverflowError):
        raise InputError(f"The browser sent a message that cannot be understood: {content!r:.200}.") from None


def _as_keys(table: Mapping[int, T]) -> dict[str, T]:
    return {str(key): value for key, value in table.items() if value}
