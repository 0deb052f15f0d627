"""What all actions of the manual workbench stand on: session, image, message line, the active track and the mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from nbtrack.errors import EditError
from nbtrack.rendering.colors import track_color
from nbtrack.widgets.menu import PointerMenu
from nbtrack.widgets.meter import Meter

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbtrack.editing.history import Change
    from nbtrack.editing.session import Session
    from nbtrack.widgets.viewer import Viewer

Mode = Literal["assign", "false", "parent", "first", "second"]
"""What a click means: give to the active track, mark a false detection, or one of the three clicks of a division."""


class TrackerBase:
    """Select tracks, show places, say what was done.

    Parameters
    ----------
    session : Session
        What is edited.
    viewer : Viewer
        The image.

    Attributes
    ----------
    mode : str
        What the next click means.
    auto : bool
        Whether a run follows each click.
    menu : PointerMenu
        The menu of the object that was clicked.
    meter : Meter
        Counts what was done here.
    """

    def __init__(self, session: Session, viewer: Viewer) -> None:
        self.session, self.viewer, self.messages = session, viewer, viewer.messages
        self.mode: Mode = "assign"
        self.auto = False
        self.menu = PointerMenu(viewer.messages.guard)
        self.meter = Meter()
        self._listeners: list[Callable[[], object]] = []
        self._counters: list[Callable[[], object]] = []

    def on_show(self, callback: Callable[[], object]) -> None:
        """Call a function when another track or mode is active."""
        self._listeners.append(callback)

    def on_done(self, callback: Callable[[], object]) -> None:
        """Call a function when an action was done here and counted."""
        self._counters.append(callback)

    def show_state(self) -> None:
        """Tell the image, and those who asked, which track is active and what a click means."""
        active, state = self.session.active_track, self.viewer.canvas.state
        assigns = bool(active) and self.mode == "assign" and not self.menu.is_open
        by_lineage = self.viewer.color_by == "lineage"
        color = self.session.lineage.lineage_id_of(active) if by_lineage else active
        with state.hold_sync():
            state.active_track = active
            state.pick_color = list(track_color(color)) if assigns else []
            state.advance = assigns and not self.auto
        for callback in tuple(self._listeners):
            callback()

    def say(self, text: str, kind: str = "done") -> None:
        """Show a message."""
        self.messages.say(text, kind)

    def done(self, change: Change, more: str = "") -> None:
        """Count an action and say what it did."""
        self.say(change.message + more)
        self.count()

    def count(self) -> None:
        """Count an action."""
        self.meter.count()
        for callback in tuple(self._counters):
            callback()

    # ------------------------------------------------------------------ places and tracks
    def look(self, t: int, object_id: int | None = None) -> None:
        """Show a frame, or an object in it.

        Parameters
        ----------
        t : int
            Frame.
        object_id : int, optional
            Object to point at.

        Raises
        ------
        EditError
            If there is no such object.
        """
        if object_id is None:
            self.viewer.goto(t)
        elif not self.session.has_object(t, object_id):
            raise EditError(f"There is no object {object_id} in frame {t}, so it cannot be shown.")
        else:
            self.viewer.canvas.look_at(t, object_id)

    def select(self, track_id: int, t: int | None = None) -> None:
        """Make a track the active one.

        Parameters
        ----------
        track_id : int
            The track.
        t : int, optional
            Show the object that it has in this frame, or in the nearest.
        """
        self.session.select_track(track_id)
        objects = self.session.lineage.objects_of(track_id)
        if t is not None and objects:
            nearest = min(objects, key=lambda frame: abs(frame - t))
            self.look(nearest, objects[nearest])
        self.show_state()
        if not objects:
            seen = "no object yet"
        else:
            first, last = min(objects), max(objects)
            seen = f"frame {first}" if first == last else f"frames {first} to {last}"
        self.say(f"Track {track_id} is active ({seen}).")
