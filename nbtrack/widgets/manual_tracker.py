"""Track by hand: click an object, it is in the active track, and the next frame comes.

The parts meet here: the image (`Viewer`), what clicks and keys do (`TrackerActions`), the column beside the image
(`TrackerSide`) and what folds away below it (`TrackerDrawers`). The colours of what changed are sent to the image at
once; everything else follows a moment later, together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets
from ipywidgets import Layout

from nbtrack.rendering.overlays import encode_png
from nbtrack.resolving import changed_frames
from nbtrack.widgets.background import Later
from nbtrack.widgets.keymap import key_of
from nbtrack.widgets.painter import paint_slice
from nbtrack.widgets.tracker_actions import TrackerActions
from nbtrack.widgets.tracker_drawers import TrackerDrawers
from nbtrack.widgets.tracker_run import ALL_DONE
from nbtrack.widgets.tracker_side import TrackerSide
from nbtrack.widgets.viewer import WIDTH, Viewer

if TYPE_CHECKING:
    from IPython.display import Image

    from nbtrack.editing.history import Change
    from nbtrack.editing.session import Session
    from nbtrack.widgets.viewer import Backend


class ManualTracker:
    """The manual workbench: the image on the left, the active track and what to do on the right.

    Parameters
    ----------
    session : Session
        What is edited. The widget mirrors it and may be thrown away and made again at any time.
    channel : int, optional
        Channel of the movie to show.
    backend : {"canvas", "image"}, optional
        How the image is shown: "image" is for front ends that block modules of others.

    Attributes
    ----------
    session : Session
        As given.
    viewer : Viewer
        The image view.
    actions : TrackerActions
        What clicks, keys and buttons do.
    widget : ipywidgets.Widget
        The root, to embed elsewhere.
    last_error : Exception or None
        The last exception of a handler.
    """

    def __init__(self, session: Session, *, channel: int = 0, backend: Backend = "canvas") -> None:
        self.session = session
        self.viewer = Viewer(
            session.movie,
            session.lineage,
            detections=session.detections,
            channel=channel,
            panel="track",
            backend=backend,
        )
        self.actions = TrackerActions(session, self.viewer)
        self._side = TrackerSide(self.actions)
        self._drawers = TrackerDrawers(self.actions)
        self.actions.on_help = self._drawers.toggle_help
        for overlay in (self.actions.menu.widget, self._drawers.help):
            self.viewer.add_overlay(overlay)
        self.viewer.widget.layout.flex = "0 0 auto"
        self.viewer.on_layer_menu(self._drawers.open_layer_menu)
        left = ipywidgets.VBox(
            [self.viewer.widget, self._side.progress, self._drawers.widget],
            layout=Layout(width="auto", max_width=f"{WIDTH}px", flex="1 1 460px", margin="0"),
        )
        left.add_class("nbt-left")
        self.widget = ipywidgets.HBox(
            [left, self._side.widget], layout=Layout(width="100%", max_width="900px", flex_flow="row wrap")
        )
        self.widget.add_class("nbt-tracker")
        guard = self.viewer.messages.guard
        self._changed_since = False
        self._frames: set[int] = set()
        self._divisions = session.lineage.divisions
        self._later = Later(guard(self._catch_up))
        self.viewer.canvas.on_pick(self.actions.pick)
        self.viewer.canvas.on_key(self.actions.press)
        self._watch = guard(self._moved)
        self.viewer.canvas.state.observe(self._watch, "t")
        self.actions.on_show(self._side.show_track)
        self.actions.on_done(self._later)
        self._stop = session.on_change(guard(self._changed))
        self.actions.show_state()
        if session.next_unlabeled() is None:
            hint = ALL_DONE
        elif session.active_track:
            hint = f"Click an object to give it to track {session.active_track}."
        else:
            hint = f'Start a track with the button New track (key "{key_of("new_track")}"), then click an object.'
        self.actions.say(hint, "hint")

    def __dir__(self) -> list[str]:
        """List what a user needs."""
        return ["actions", "close", "goto", "last_error", "session", "snapshot", "viewer", "widget"]

    def __repr__(self) -> str:
        return f"<ManualTracker of {self.session!r}>"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self.widget._repr_mimebundle_(**kwargs)

    @property
    def last_error(self) -> Exception | None:
        """The last exception of a handler."""
        return self.viewer.last_error

    def goto(self, t: int, object_id: int | None = None) -> None:
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
        self.actions.look(t, object_id)

    def snapshot(self, t: int | None = None) -> Image:
        """Make a static picture of a frame as it is shown, for pages without a kernel.

        Parameters
        ----------
        t : int, optional
            Frame; the one on screen if not given.

        Returns
        -------
        IPython.display.Image
            A PNG of the whole slice, with tails and ghost if they are shown; its bytes are in `data`.

        Raises
        ------
        InputError
            If there is no such frame.
        """
        from IPython.display import Image

        feed = self.viewer.feed
        factor = max(1, WIDTH // max(feed.shape))
        picture = paint_slice(feed, self.viewer.canvas.state, self.viewer.t if t is None else t, factor=factor)
        return Image(data=encode_png(picture))

    def close(self) -> None:
        """Stop following the session and take the workbench off the page; the session keeps everything."""
        self._stop()
        self._later.cancel()
        self.viewer.canvas.state.unobserve(self._watch, "t")
        self._side.close()
        self._drawers.close()
        self.viewer.close()
        _close_all(self.widget)

    # ------------------------------------------------------------------ what follows the session
    def _changed(self, change: Change) -> None:
        divisions = self.session.lineage.divisions
        if divisions != self._divisions and self.viewer.color_by == "lineage":
            self.viewer.refresh()  # descendants have other colours
        self._divisions = divisions
        objects = self.session.detections
        if self.viewer.feed.detections is not objects:
            self.viewer.show_objects(objects, changed_frames(self.viewer.feed.detections, objects))
        self.viewer.canvas.paint(pair for pair in change.pairs if self.session.has_object(*pair))
        self.actions.forget_choice()
        self._frames.update(change.frames)
        self._changed_since = True
        self._later()

    def _moved(self, _: object) -> None:
        if self.actions.menu.is_open:
            self.actions.close_menu()
        self._later()

    def _catch_up(self) -> None:
        """Bring the column and the open drawer up to date."""
        frames, self._frames = self._frames, set()
        self._side.set_time(self.viewer.t)
        self._side.show_progress()
        if self._changed_since:
            self._changed_since = False
            self._side.refresh(frames)
        if self.session.active_track != self.viewer.canvas.state.active_track:
            self.actions.show_state()  # chosen by code
        self._drawers.refresh()


def _close_all(widget: ipywidgets.Widget) -> None:
    """Close a widget and all that is in it."""
    for child in getattr(widget, "children", ()):
        _close_all(child)
    for name in ("layout", "style"):
        part = getattr(widget, name, None)
        if isinstance(part, ipywidgets.Widget):
            part.close()
    widget.close()
