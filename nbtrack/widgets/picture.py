"""The image view for front ends that block modules of others: pictures made in the kernel, core widgets and ipyevents.

Each plane is an `ipywidgets.Image` under a *pad*, an HTML element that ipyevents watches. What a browser must decide at
once, whether a key or a turn of the wheel is for the image or for the page, the handlers of the pad decide
(`static/pad.html`): unlisted keys are left alone and a plain wheel scrolls. A key travels as the event ``dragend``, its
number in the list of keys as ``button``. Where a front end forbids such handlers, clicks, menus and all buttons work.

A click counts for the frame that was sent last; panning and zooming take a round trip to the kernel.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from html import escape
from math import exp, hypot
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipyevents
import ipywidgets
import numpy as np
import traitlets
from ipywidgets import Layout, jslink

from nbtrack.data.lineage import FALSE_TRACK_ID
from nbtrack.errors import InputError
from nbtrack.rendering.overlays import encode_png
from nbtrack.widgets.image_view import ImageView, KeyEvent, PointerEvent, StrokeEvent, ViewState
from nbtrack.widgets.painter import Painter
from nbtrack.widgets.planes import Board, Mouse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from nbtrack.widgets.frames import FrameFeed
    from nbtrack.widgets.messages import Messages

_STATIC = Path(__file__).parent / "static"
WIDTH = 624
"""Width of the pictures in CSS pixels; in less room they are shown smaller."""
MOVE_WAIT = 50
"""Milliseconds between two messages of a moving mouse."""
ROLL = 40
"""CSS pixels of the wheel for one frame or slice."""
CLICK = 4
"""A mouse that moved farther while pressed has dragged, in CSS pixels."""
_DRAWN = (
    "t", "z", "y", "x", "contrast", "raw_on", "objects_on", "tracks_on", "tails_on", "ghost_on", "raw_opacity",
    "objects_opacity", "tracks_opacity", "tail_length", "active_track",
)  # fmt: skip


class PictureState(ipywidgets.Widget, ViewState):
    """The state as a widget model that every front end knows, so that controls can be linked to it in the browser."""

    _model_name = traitlets.Unicode("WidgetModel").tag(sync=True)
    _model_module = traitlets.Unicode("@jupyter-widgets/base").tag(sync=True)
    _model_module_version = traitlets.Unicode("2.0.0").tag(sync=True)


class ImagePicture(ImageView):
    """Show the frames of a feed as pictures, and tell of clicks and keys.

    Parameters
    ----------
    feed : FrameFeed
        What to show.
    messages : Messages
        Where exceptions of handlers are shown.
    view_height : int, optional
        Height in CSS pixels.
    hotkeys : iterable of str, optional
        Keys to be told of.
    view_keys : dict of str, optional
        Keys that the view handles by itself, see `nbtrack.widgets.keymap`.

    Attributes
    ----------
    state : PictureState
        The shared traits.
    widget : ipywidgets.Box
        What is displayed.
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
        height, width = feed.shape
        self.state = PictureState(
            n_frames=feed.n_frames, n_slices=feed.n_slices, height=height, width=width, scale=feed.scale,
            z=feed.n_slices // 2, y=height // 2, x=width // 2, view_height=view_height, contrast=feed.contrast,
            raw_on=feed.movie is not None, hotkeys=list(hotkeys), view_keys=view_keys or {},
        )  # fmt: skip
        self._board = Board({"z": feed.n_slices, "y": height, "x": width}, feed.scale, WIDTH, view_height)
        self._key_names = list(dict.fromkeys([*self.state.view_keys, *self.state.hotkeys]))
        self._painter = Painter(feed, self.state, self._board)
        self._at: tuple[str, dict[str, int]] | None = None
        self._drag: dict[str, Any] | None = None
        self._rolled = self._left_at = 0.0
        self._followed = -1
        self._holding = self._wanted = False
        self._make_widget()
        self.state.observe(messages.guard(lambda _: self._want()), _DRAWN)
        self._want()

    def _make_widget(self) -> None:
        self.images = {
            name: ipywidgets.Image(format="png", layout=Layout(width="100%", height="100%", margin="0"))
            for name in self._board.planes
        }
        self.events: dict[str, list[ipyevents.Event]] = {}
        self.info = ipywidgets.HTML(layout=Layout(margin="0"))
        self.info.add_class("nbt-info-place")
        template = (_STATIC / "pad.html").read_text(encoding="utf-8")
        template = template.replace("KEYS", escape(json.dumps(self._key_names)))
        panes = []
        for name, image in self.images.items():
            pad = ipywidgets.HTML(template, layout=Layout(margin="0"))
            pad.add_class("nbt-pad-place")
            pane = ipywidgets.Box([image, pad, self.info] if name == "xy" else [image, pad])
            pane.add_class("nbt-pane")
            panes.append(pane)
            self.events[name] = [
                ipyevents.Event(source=pad, watched_events=["mousedown", "mouseup", "mouseleave", "wheel", "dragend"]),
                ipyevents.Event(source=pad, watched_events=["contextmenu"], prevent_default_action=True),
                ipyevents.Event(source=pad, watched_events=["mousemove"], wait=MOVE_WAIT),
            ]
            hear = self._messages.guard(lambda content, name=name: self._hear(name, content))
            for event in self.events[name]:
                event.on_dom_event(hear)
        self._play = ipywidgets.Play(
            max=self.state.n_frames - 1,
            interval=round(1000 / self.state.fps),
            repeat=True,
            layout=Layout(display="none"),
        )
        self._links = [
            jslink((self.state, "t"), (self._play, "value")),
            jslink((self.state, "playing"), (self._play, "playing")),
        ]
        self.state.observe(lambda change: setattr(self._play, "interval", round(1000 / change["new"])), "fps")
        style = (_STATIC / "canvas.css").read_text(encoding="utf-8")
        style = ipywidgets.HTML(f"<style>{style}</style>", layout=Layout(display="none"))
        children = [*panes, self._make_zoom(), self._play, style]
        layout = Layout(height=f"{self.state.view_height}px", width="100%", margin="0", flex="0 0 auto")
        if len(panes) == 1:
            self.widget = ipywidgets.Box(children, layout=layout)
        else:
            main, side = self._board.planes["xy"], self._board.planes["yz"]
            layout.grid_template_columns = f"{main.width}fr {side.width}fr"
            layout.grid_template_rows = f"{main.height}px {self._board.planes['xz'].height}px"
            self.widget = ipywidgets.GridBox(children, layout=layout)
            self.widget.add_class("nbt-three")
        self.widget.add_class("nbt-canvas-root")
        self.widget.add_class("nbt-picture")

    def _make_zoom(self) -> ipywidgets.HBox:
        self._zoom_text = ipywidgets.HTML(layout=Layout(margin="0"))
        self._zoom_text.add_class("nbt-scale")
        buttons = []
        for text, tooltip, action in (
            ("−", "Zoom out (Ctrl + wheel)", "zoom_out"),
            ("+", "Zoom in (Ctrl + wheel)", "zoom_in"),
            ("Fit", "Show the whole image", "fit"),
        ):
            button = ipywidgets.Button(
                description=text,
                tooltip=tooltip,
                layout=Layout(width="auto", height="24px", margin="0", flex="0 0 auto"),
            )
            button.add_class("nbt-zoom-button")
            button.on_click(self._messages.guard(lambda _, action=action: self._act(action)))
            buttons.append(button)
        box = ipywidgets.HBox([self._zoom_text, *buttons])
        box.add_class("nbt-zoom")
        return box

    def close(self) -> None:
        """Stop listening; the view is not used any more."""
        super().close()
        self.state.unobserve_all()
        for event in [event for events in self.events.values() for event in events]:
            event.reset_callbacks()
            event.close()
        for link in self._links:
            link.unlink()

    # ------------------------------------------------------------------ what others ask for
    def goto(self, t: int, z: int | None = None, y: int | None = None, x: int | None = None) -> None:
        """Show a frame, the nearest there is, and put the crosshair somewhere."""
        with self._hold():
            super().goto(t, z, y, x)

    def look_at(self, t: int, object_id: int) -> None:
        """Show an object and point at it."""
        z, y, x = self._feed.center_of(t, object_id)
        with self._hold():
            self.goto(t, z, round(y), round(x))
            self._painter.found = int(object_id)
            self._followed = self.state.t
            self._board.look_at({"z": z, "y": y, "x": x})
            self._want()

    def look_around(self, t: int, z: int, y: int, x: int) -> None:
        """Show a place where no object need be."""
        with self._hold():
            self.goto(t, z, y, x)
            self._painter.found = 0
            self._board.look_at({"z": z, "y": y, "x": x})
            self._want()

    def paint(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Draw the colours of some objects anew."""
        self.repaint({t for t, _ in pairs})

    def repaint(self, frames: Iterable[int] | None = None) -> None:
        """Draw anew what these frames have to do with."""
        if self._painter.forget(frames):
            self._want()

    def badge(self, t: int, texts: Mapping[int, str]) -> None:
        """Write short texts on objects of a frame."""
        self._painter.badges = int(t), dict(texts)
        self._want()

    def mark(self, marks: np.ndarray | None, colors: Sequence[str] = ()) -> None:
        """Draw rings and lines over frames."""
        self._painter.marks = np.zeros((0, 9)) if marks is None else marks, tuple(colors)
        self._want()

    def copy(self, text: str) -> bool:
        """Tell that this view has no clipboard."""
        return False

    def show_objects(self, frames: Iterable[int] | None = None) -> None:
        """Draw the objects of frames anew."""
        self._renewed = True
        self._painter.stroke = None
        self._painter.forget(frames)
        self._want()

    def reload(self) -> None:
        """Draw the grey values anew after the feed changed its channel."""
        with self._hold():
            self.state.contrast = self._feed.contrast
            self._want()

    # ------------------------------------------------------------------ messages of the browser
    def _hear(self, name: str, content: Any) -> None:
        kind = content.get("event") if isinstance(content, dict) else None
        hearers = {
            "mousedown": self._grab, "mousemove": self._move, "mouseup": self._release, "mouseleave": self._leave,
            "wheel": self._roll, "contextmenu": self._open, "dragend": self._press,
        }  # fmt: skip
        if kind in hearers:
            with self._hold():
                hearers[kind](Mouse(self._board.planes[name], content))

    def _grab(self, mouse: Mouse) -> None:
        if mouse.button == 0:
            self._drag = {"mouse": mouse, "center": dict(self._board.center), "moved": False}
            self._painter.stroke = None
            if self.state.brush:
                self._brush(mouse)

    def _move(self, mouse: Mouse) -> None:
        if self._drag and self._drag["mouse"].plane.name == mouse.plane.name and mouse.held:
            self._pull(mouse)
        elif mouse.when > self._left_at:
            self._drag = None
            self._point(mouse)

    def _pull(self, mouse: Mouse) -> None:
        if self.state.brush:
            self._brush(mouse)
            return
        start = self._drag["mouse"]
        dx, dy = mouse.left - start.left, mouse.top - start.top
        self._drag["moved"] |= hypot(dx, dy) > CLICK
        if self._drag["moved"] and self._board.zoomed:
            self._board.pull(mouse.plane.name, self._drag["center"], dx, dy)
            self._want()

    def _release(self, mouse: Mouse) -> None:
        if not self._drag or mouse.button != 0:
            return
        self._pull(mouse)
        begun, self._drag = self._drag, None
        stroke = self._painter.stroke
        if stroke is not None:
            name, points = stroke
            first = dict(zip("zyx", points[0], strict=True))
            through = self._board.planes[name].through
            held = begun["mouse"].modifiers
            self.tell_stroke(StrokeEvent(self.state.t, tuple(points), self._object_at(name, first), through, held))
        elif not begun["moved"] and not self.state.brush:
            self._pick_at(mouse, 0)

    def _brush(self, mouse: Mouse) -> None:
        """Add the place of the mouse to the stroke."""
        name = mouse.plane.name
        place = self._board.locate(name, mouse.left, mouse.top)
        if place is None:
            return
        whole = self._place(name, place)
        point = (whole["z"], whole["y"], whole["x"])
        if self._painter.stroke is None:
            self._painter.stroke = (name, [])
        points = self._painter.stroke[1]
        if not points or points[-1] != point:
            points.append(point)
            self._want()

    def _leave(self, mouse: Mouse) -> None:
        self._drag = self._at = None
        self._left_at = mouse.when
        self._describe()

    def _open(self, mouse: Mouse) -> None:
        self._pick_at(mouse, 2)

    def _point(self, mouse: Mouse) -> None:
        place = self._board.locate(mouse.plane.name, mouse.left, mouse.top)
        self._at = place and (mouse.plane.name, place)
        self._describe()

    def _pick_at(self, mouse: Mouse, button: int) -> None:
        self._point(mouse)
        if self._at is None:
            return
        place, state = self._place(*self._at), self.state
        self._painter.found = 0
        if button == 0 and len(self._board.planes) > 1:
            self.goto(state.t, **place)
        object_id = self._object_at(mouse.plane.name, place)
        corner = {"left": mouse.view_left, "top": mouse.view_top}
        self._want()
        self.tell_pick(
            PointerEvent(state.t, **place, object_id=object_id, button=button, modifiers=mouse.modifiers, **corner)
        )

    def _roll(self, mouse: Mouse) -> None:
        if mouse.modifiers & {"ctrl", "meta"}:
            factor = exp(-min(max(mouse.delta, -120.0), 120.0) * 0.002)
            self._board.zoom_by(factor, mouse.plane.name, (mouse.left, mouse.top))
            self._want()
        elif mouse.modifiers & {"shift", "alt"}:
            self._rolled += mouse.delta
            if abs(self._rolled) >= ROLL:
                self._step("t" if "shift" in mouse.modifiers else mouse.plane.through, 1 if self._rolled > 0 else -1)
                self._rolled = 0.0

    def _press(self, mouse: Mouse) -> None:
        if not 0 <= mouse.button < len(self._key_names):
            raise InputError(f"The browser sent key {mouse.button}, but only {len(self._key_names)} keys are listed.")
        self._point(mouse)
        name = self._key_names[mouse.button]
        if name in self.state.view_keys:
            self._act(self.state.view_keys[name])
        if name in self.state.hotkeys:
            place, object_id = {"z": self.state.z, "y": -1, "x": -1}, 0
            if self._at is not None:
                place = self._place(*self._at)
                object_id = self._object_at(self._at[0], place)
            self.tell_key(KeyEvent(name, self.state.t, **place, object_id=object_id))

    def _act(self, action: str) -> None:
        through = self._board.planes[self._at[0] if self._at else "xy"].through
        steps = {"next": ("t", 1), "previous": ("t", -1), "slice_up": (through, 1), "slice_down": (through, -1)}
        if action in steps:
            self._step(*steps[action])
        elif action == "play":
            self.state.playing = not self.state.playing
        elif action == "fit":
            self._board.fit()
        else:
            self._board.zoom_by({"zoom_in": 1.25, "zoom_out": 0.8}[action])
        self._want()

    def _step(self, axis: str, by: int) -> None:
        size = self.state.n_frames if axis == "t" else self._board.sizes[axis]
        setattr(self.state, axis, min(max(getattr(self.state, axis) + by, 0), size - 1))

    # ------------------------------------------------------------------ what is under the mouse
    def _place(self, name: str, place: dict[str, int]) -> dict[str, int]:
        through = self._board.planes[name].through
        return {axis: place.get(axis, getattr(self.state, through)) for axis in "zyx"}

    def _object_at(self, name: str, place: Mapping[str, int]) -> int:
        plane = self._board.planes[name]
        labels = self._feed.plane(self.state.t, name, place[plane.through])[1]
        return 0 if labels is None else int(labels[place[plane.down], place[plane.across]])

    def _describe(self) -> None:
        if self._at is None:
            self.info.value = ""
            return
        place = self._place(*self._at)
        object_id = self._object_at(self._at[0], place)
        text = (f"z {place['z']}, " if self._feed.n_slices > 1 else "") + f"y {place['y']}, x {place['x']}"
        if object_id:
            colors = self._painter.colors_of(self.state.t)
            row = int(np.searchsorted(colors.object_ids, object_id))
            tracks = colors.tracks[row] if row < len(colors.tracks) else []
            if tracks == [FALSE_TRACK_ID]:
                what = "false detection"
            elif len(tracks) > 1:
                what = f"tracks {' and '.join(map(str, tracks))} (merger)"
            else:
                what = f"track {tracks[0]}" if tracks else "no track"
            text = f"object {object_id}  ·  {what}  ·  {text}"
        self.info.value = f'<div class="nbt-info">{escape(text)}</div>'

    # ------------------------------------------------------------------ drawing
    @contextmanager
    def _hold(self) -> Iterator[None]:
        """Draw once, after all that happens meanwhile."""
        outer, self._holding = self._holding, True
        try:
            yield
        finally:
            self._holding = outer
            if self._wanted:
                self._want()

    def _want(self) -> None:
        self._wanted = self._holding
        if not self._wanted:
            self._draw()

    def _draw(self) -> None:
        board = self._board
        self._follow()
        for name, image in self.images.items():
            image.value = encode_png(self._painter.paint(board.planes[name]))
        stretched = f", z × {board.stretch}" if board.stretch > 1 else ""
        self._zoom_text.value = f"zoom {board.zoom:.{1 if board.zoom < 10 else 0}f}{stretched}"
        if self._at is not None:  # the frame or the tracks under a resting mouse may have changed
            self._describe()

    def _follow(self) -> None:
        """Go with the active track, once a frame, when it comes near the border of what is seen."""
        state = self.state
        if self._followed == state.t:
            return
        self._followed = state.t
        if not (self._board.zoomed and state.active_track and state.follow_track and self._feed.lineage is not None):
            return
        object_id = self._feed.lineage.objects_of(state.active_track).get(state.t)
        if object_id is not None:
            place = dict(zip("zyx", self._feed.center_of(state.t, object_id), strict=True))
            if self._board.is_near_border(place):
                self._board.look_at(place)
