"""What a click means while objects are repaired: seeds, objects to merge, strokes of the brush.

A tool is chosen, the image is clicked, and Enter does it; what needs one click only is done with that click. The brush
stays until it is put away. Each repair is one step of the session, and the rest is solved again with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nbtrack.errors import EditError
from nbtrack.widgets.keymap import key_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbtrack.data.movie import Movie
    from nbtrack.editing.history import Change
    from nbtrack.editing.session import Session
    from nbtrack.widgets.image_view import KeyEvent, PointerEvent, StrokeEvent
    from nbtrack.widgets.viewer import Viewer

TOOLS = ("split", "merge", "delete", "add", "paint", "erase")
"""What can be chosen; also the names of the actions in the keymap."""
SEED_COLOR = "#ffffff"
"""Colour of the rings around seeds."""
THINNEST, THICKEST = 1, 60
"""Radius of the brush in pixels."""
COSTS = {"split": 5.0, "merge": 1.0, "delete": 1.0, "add": 10.0, "paint": 0.0, "erase": 0.0}
"""What each kind of fault costs in the measure AOGM: an object that holds two, a false one, a missed one."""


@dataclass(frozen=True)
class Repair:
    """A repair that was done.

    Parameters
    ----------
    tool : str
        One of `TOOLS`.
    change : Change
        What changed.
    t : int
        The frame.
    """

    tool: str
    change: Change
    t: int


class RepairTools:
    """Turn clicks and strokes into repairs of a session.

    Parameters
    ----------
    session : Session
        What is repaired.
    viewer : Viewer
        The image.
    prediction : Movie, optional
        Prediction map for objects that are added.
    channel : int, optional
        Its channel.
    on_show : callable
        Called when there is something else to say.
    on_done : callable
        Called with a `Repair` that was done.

    Attributes
    ----------
    tool : str
        The tool in hand, one of `TOOLS`; empty for none.
    size : int
        Radius of the brush in pixels.
    """

    def __init__(
        self,
        session: Session,
        viewer: Viewer,
        *,
        prediction: Movie | None = None,
        channel: int | None = None,
        on_show: Callable[[], object],
        on_done: Callable[[Repair], object],
    ) -> None:
        self._session, self._viewer = session, viewer
        self._prediction, self._channel = prediction, channel
        self._show, self._done = on_show, on_done
        self.tool = ""
        self.size = max(THINNEST, min(THICKEST, round(self._usual_radius() / 3)))
        self._t = self._object = 0
        self._seeds: list[tuple[int, int, int]] = []
        self._chosen: list[int] = []

    # ------------------------------------------------------------------ what is said
    @property
    def text(self) -> str:
        """What to click next; empty without a tool."""
        if not self.tool:
            return ""
        enter, escape = key_of("accept", "review"), key_of("cancel", "review")
        if self.tool == "split":
            n = len(self._seeds)
            if not n:
                return f"Split: click the middle of each part of one object. {escape} leaves."
            more = f"{enter} splits it" if n > 1 else "click the next part"
            return f"Split object {self._object} in frame {self._t}: {_count(n, 'part')}, {more}. {escape} leaves."
        if self.tool == "merge":
            n = len(self._chosen)
            if not n:
                return f"Merge: click the objects that are one. {escape} leaves."
            listed = " and ".join(map(str, self._chosen))
            more = f"{enter} merges them" if n > 1 else "click the next one"
            return f"Merge {listed} in frame {self._t}: {more}. {escape} leaves."
        if self.tool == "delete":
            return f"Delete: click the object. {escape} leaves."
        if self.tool == "add":
            where = "of the prediction map" if self._prediction is not None else "of the usual size"
            return f"Add: click the middle of a missed object; it becomes one {where}. {escape} leaves."
        does = "Paint: press on an object and drag" if self.tool == "paint" else "Erase: press on an object and drag"
        thinner, thicker, undo = (key_of(action, "review") for action in ("thinner", "thicker", "undo"))
        return f"{does}. Size: {thinner}\N{NO-BREAK SPACE}{thicker}. {undo} takes a stroke back, {escape} leaves."

    @property
    def can_apply(self) -> bool:
        """Whether Enter does something."""
        return len(self._seeds) > 1 or len(self._chosen) > 1 or self.tool in ("paint", "erase")

    # ------------------------------------------------------------------ actions
    def take(self, tool: str, under: KeyEvent | None = None) -> None:
        """Take a tool in hand; the one in hand is put away.

        Parameters
        ----------
        tool : str
            One of `TOOLS`.
        under : KeyEvent, optional
            The key by which it was chosen: "delete" deletes what is under the mouse at once.
        """
        if tool == "delete" and under is not None and under.object_id:
            self.put_away()
            self._do(tool, under.t, lambda: self._session.delete_object(under.t, under.object_id))
            return
        again = tool == self.tool
        self.put_away()
        self.tool = "" if again else tool
        self._set_brush()
        self._show()

    def put_away(self) -> None:
        """Put the tool away; what was clicked is forgotten."""
        self.tool = ""
        self._forget()
        self._set_brush()
        self._show()

    def apply(self) -> None:
        """Do what was clicked together: split, or merge. The brush is put away."""
        if self.tool in ("paint", "erase"):
            self.put_away()
            return
        if not self.can_apply:
            raise EditError(self.text)
        tool, t, object_id, chosen = self.tool, self._t, self._object, list(self._chosen)
        seeds = [self._point(*seed) for seed in self._seeds]
        if tool == "split":
            self._do(tool, t, lambda: self._session.split_object(t, object_id, seeds))
        else:
            self._do(tool, t, lambda: self._session.merge_objects(t, chosen))
        self.put_away()

    def take_back(self) -> None:
        """Forget the last click."""
        for clicked in (self._seeds, self._chosen):
            if clicked:
                clicked.pop()
                self._draw()
                self._show()
                return
        raise EditError("There is no click to take back.")

    def resize(self, size: int) -> None:
        """Give the brush another radius, in pixels."""
        self.size = max(THINNEST, min(THICKEST, int(size)))
        self._set_brush()
        self._show()

    # ------------------------------------------------------------------ the image
    def pick(self, click: PointerEvent) -> None:
        """Follow a click into the image."""
        t, object_id = click.t, click.object_id
        if self.tool == "split":
            self._add_seed(click)
        elif self.tool == "merge":
            self._choose(t, object_id)
        elif self.tool == "delete":
            if not object_id:
                raise EditError("There is only background there. Click the object that is to be deleted.")
            self._do("delete", t, lambda: self._session.delete_object(t, object_id))
            self.put_away()
        elif self.tool == "add":
            at, prediction = self._point(click.z, click.y, click.x), self._prediction
            channel = None if prediction is None else self._channel
            self._do("add", t, lambda: self._session.add_object(t, at, prediction=prediction, channel=channel))
            self.put_away()

    def stroke(self, event: StrokeEvent) -> None:
        """Follow a stroke with the brush."""
        t, object_id = event.t, event.object_id
        if not object_id and self._t == t and self._session.has_object(t, self._object):
            object_id = self._object  # beside the object of the last stroke
        if not object_id:
            raise EditError("There is only background there. Begin the stroke on the object that is to be changed.")
        self._t, self._object = t, object_id
        points = [self._point(*point) for point in event.points]
        flat = self._session.detections.ndim == 2
        radius = self._brush_radius()
        self._do(
            self.tool,
            t,
            lambda: self._session.paint_object(
                t, object_id, points, radius, erase=self.tool == "erase", axis=None if flat else event.through
            ),
        )

    # ------------------------------------------------------------------ helpers
    def _add_seed(self, click: PointerEvent) -> None:
        if not self._seeds:
            if not click.object_id:
                raise EditError("There is only background there. Click the object that is to be split.")
            self._t, self._object = click.t, click.object_id
        elif click.t != self._t or click.object_id not in (self._object, 0):
            raise EditError(f"The parts must lie in object {self._object} in frame {self._t}. Click there.")
        seed = (click.z, click.y, click.x)
        if seed in self._seeds:
            raise EditError("There is a seed at this place already. Click another part.")
        self._seeds.append(seed)
        self._draw()
        self._show()

    def _choose(self, t: int, object_id: int) -> None:
        if not object_id:
            raise EditError("There is only background there. Click the objects that are one.")
        if self._chosen and t != self._t:
            raise EditError(f"The objects must be in one frame, {self._t}. Go back to it.")
        self._t = t
        if object_id in self._chosen:
            self._chosen.remove(object_id)
        else:
            self._chosen.append(object_id)
        self._draw()
        self._show()

    def _do(self, tool: str, t: int, action: Callable[[], Change]) -> None:
        """Do a repair and solve the rest with it, as one step."""
        session = self._session
        live, session.live = session.live, True
        try:
            change = action()
        finally:
            session.live = live
        self._done(Repair(tool, change, t))

    def _draw(self) -> None:
        """Show what was clicked."""
        canvas = self._viewer.canvas
        rows = [(self._t, self._t, *seed, np.nan, np.nan, np.nan, 0) for seed in self._seeds]
        canvas.mark(np.array(rows, np.float32) if rows else None, (SEED_COLOR,) if rows else ())
        canvas.badge(self._t, {object_id: str(k) for k, object_id in enumerate(self._chosen, 1)})

    def _forget(self) -> None:
        if self._seeds or self._chosen:
            self._seeds, self._chosen = [], []
            self._draw()
        self._t, self._object = -1, 0

    def _set_brush(self) -> None:
        state = self._viewer.canvas.state
        with state.hold_sync():
            state.brush = self._brush_radius() if self.tool in ("paint", "erase") else 0.0
            state.erases = self.tool == "erase"

    def _brush_radius(self) -> float:
        return float(self.size * self._session.detections.scale[-1])

    def _point(self, z: int, y: int, x: int) -> tuple[int, ...]:
        return (z, y, x) if self._session.detections.ndim == 3 else (y, x)

    def _usual_radius(self) -> float:
        detections = self._session.detections
        size = float(detections.table["size"].median()) if len(detections) else 100.0
        return float(np.sqrt(size / np.pi) if detections.ndim == 2 else np.cbrt(0.75 * size / np.pi))


def _count(n: int, word: str) -> str:
    return f"{n} {word}{'s' * (n != 1)}"
