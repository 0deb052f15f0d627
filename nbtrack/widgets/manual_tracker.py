"""Track by hand: click an object, it is in the active track, and the next frame comes."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets
from ipywidgets import Layout

from nbtrack.errors import EditError
from nbtrack.rendering.colors import hex_color, track_color
from nbtrack.widgets.controls import small_button
from nbtrack.widgets.keymap import help_table, kernel_keys, key_of
from nbtrack.widgets.viewer import Viewer

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.display import Image

    from nbtrack.editing.history import Change
    from nbtrack.editing.session import Session
    from nbtrack.widgets.canvas import KeyEvent, PointerEvent

SIDE = 264
"""Width of the right column in CSS pixels."""


class ManualTracker:
    """The manual workbench: the image on the left, the active track and what to do on the right.

    Parameters
    ----------
    session : Session
        What is edited. The widget mirrors it and may be thrown away and made again at any time.
    channel : int, optional
        Channel of the movie to show.

    Attributes
    ----------
    session : Session
        As given.
    viewer : Viewer
        The image view.
    widget : ipywidgets.Widget
        The root, to embed elsewhere.
    last_error : Exception or None
        The last exception of a handler.
    """

    def __init__(self, session: Session, *, channel: int = 0) -> None:
        self.session = session
        self.viewer = Viewer(
            session.movie, session.lineage, detections=session.detections, channel=channel, tracker=True
        )
        self._marking = False
        self._keys = kernel_keys(tracker=True)
        self._actions: dict[str, Callable[[], object]] = {
            "new_track": self._new_track,
            "next_track": lambda: self._step_track(1),
            "previous_track": lambda: self._step_track(-1),
            "next_object": self._next_object,
            "undo": self._undo,
            "redo": self._redo,
        }
        self.widget = ipywidgets.HBox(
            [self.viewer.widget, self._make_side()],
            layout=Layout(width="100%", max_width="900px", flex_flow="row wrap"),
        )
        self.widget.add_class("nbt-tracker")
        self.viewer.canvas.on_pick(self._pick)
        self.viewer.canvas.on_key(self._press)
        session.on_change(self._changed)
        self._show_track()
        self._show_progress()
        self._say(
            f"Click an object to give it to track {session.active_track}."
            if session.active_track
            else f'Start a track with the button New track (key "{key_of("new_track")}"), then click an object.',
            "hint",
        )

    def __dir__(self) -> list[str]:
        """List what a user needs."""
        return ["goto", "last_error", "session", "snapshot", "viewer", "widget"]

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
        if object_id is None:
            self.viewer.goto(t)
        elif not self.session.has_object(t, object_id):
            raise EditError(f"There is no object {object_id} in frame {t}, so it cannot be shown.")
        else:
            self.viewer.canvas.look_at(t, object_id)

    def snapshot(self, t: int | None = None) -> Image:
        """Make a static picture of a frame, see `Viewer.snapshot`."""
        return self.viewer.snapshot(t)

    # ------------------------------------------------------------------ clicks and keys
    def _pick(self, event: PointerEvent) -> None:
        if not event.object_id:
            return
        if event.button == 2:
            self._tell_tracks(event)
        elif "shift" in event.modifiers:
            self._take_up(event)
        elif self._marking:
            self._set_marking(False)
            self._mark(event.t, event.object_id)
        else:
            change = self.session.assign(event.t, event.object_id)
            last = event.t == len(self.session.detections.labels) - 1
            self._say(change.message + (" That was the last frame." if last else ""))
            self.viewer.goto(event.t + 1)

    def _press(self, event: KeyEvent) -> None:
        action = self._keys.get(event.key, "")
        if action == "mark_false":
            if event.object_id:
                self._mark(event.t, event.object_id)
            else:
                self._set_marking(not self._marking)
        elif action in self._actions:
            self._actions[action]()

    def _take_up(self, event: PointerEvent) -> None:
        """Make the track of an object the active one; of a merger the next of its tracks."""
        tracks = self.session.lineage.tracks_at(event.t, event.object_id)
        if not tracks:
            raise EditError(f"Object {event.object_id} in frame {event.t} has no track that could be made active.")
        active = self.session.active_track
        following = tracks[(tracks.index(active) + 1) % len(tracks)] if active in tracks else tracks[0]
        self._activate(self.session.select_track(following))

    def _tell_tracks(self, event: PointerEvent) -> None:
        tracks = self.session.lineage.tracks_at(event.t, event.object_id)
        if self.session.lineage.is_false(event.t, event.object_id):
            said = "is marked as a false detection"
        else:
            said = f"is in track {' and '.join(map(str, tracks))}" if tracks else "has no track"
        self._say(f"Object {event.object_id} in frame {event.t} {said}.", "hint")

    def _new_track(self) -> None:
        track_id = self.session.new_track()
        self._show_track()
        self._say(f"Track {track_id} is started. Click its first object.")

    def _step_track(self, step: int) -> None:
        self._activate(self.session.step_track(step))

    def _activate(self, track_id: int) -> None:
        self._show_track()
        objects = self.session.lineage.objects_of(track_id)
        seen = f"frames {min(objects)} to {max(objects)}" if objects else "no object yet"
        self._say(f"Track {track_id} is active ({seen}).")

    def _mark(self, t: int, object_id: int) -> None:
        self._say(self.session.mark_false(t, object_id).message)

    def _undo(self) -> None:
        self._return_to(self.session.undo())

    def _redo(self) -> None:
        self._return_to(self.session.redo())

    def _return_to(self, change: Change) -> None:
        self._say(change.message)
        if change.frames and self.viewer.t not in change.frames:
            self.viewer.goto(change.frames[0])

    def _next_object(self) -> None:
        found = self.session.next_unlabeled()
        if found is None:
            self._say("Every object has a track or is a false detection. There is nothing left to do.")
            return
        t, object_id = found
        self.goto(t, object_id)
        self._say(f"Object {object_id} in frame {t} has no track yet. It has the white rim.")

    # ------------------------------------------------------------------ what is shown
    def _changed(self, change: Change) -> None:
        if self.viewer.color_by == "lineage":
            self.viewer.refresh()
        self.viewer.canvas.paint(change.pairs)
        self._show_progress()

    def _make_side(self) -> ipywidgets.VBox:
        guard = self.viewer.messages.guard

        def button(action: str, icon: str, text: str, tooltip: str, handler: Callable[[], object]) -> ipywidgets.Button:
            made = small_button(icon, f"{tooltip} (key {key_of(action)})", guard(handler), text=text, width="auto")
            made.add_class("nbt-action")
            return made

        actions = self._actions
        self._active = ipywidgets.HTML(layout=Layout(flex="1 1 auto", margin="0"))
        back = small_button(
            "minus", f"Previous track id (key {key_of('previous_track')})", guard(actions["previous_track"])
        )
        forth = small_button("plus", f"Next track id (key {key_of('next_track')})", guard(actions["next_track"]))
        self._false = button("mark_false", "ban", "Mark false", "Mark an object as a false detection",
                             lambda: self._set_marking(not self._marking))  # fmt: skip
        self._undo_button = button("undo", "undo", "Undo", "Take the last action back", actions["undo"])
        self._redo_button = button("redo", "repeat", "Redo", "Do it again", actions["redo"])
        grid = ipywidgets.GridBox(
            [
                button("new_track", "plus-circle", "New track", "Start a new track", actions["new_track"]),
                self._false,
                self._undo_button,
                self._redo_button,
            ],
            layout=Layout(grid_template_columns="1fr 1fr", grid_gap="6px", margin="0"),
        )
        following = button("next_object", "search", "Next unlabeled object", "Go to the first object without a track",
                           actions["next_object"])  # fmt: skip
        self._progress_bar = ipywidgets.IntProgress(0, 0, 1, layout=Layout(width="auto", height="14px", margin="2px 0"))
        self._progress_text = ipywidgets.HTML(layout=Layout(margin="0"))
        keys = ipywidgets.HTML(help_table(), layout=Layout(margin="0"))
        boxes = [
            _box("Active track", ipywidgets.HBox([self._active, back, forth]), grid, following),
            _box("Progress", self._progress_bar, self._progress_text),
            _box("Mouse and keys", keys),
        ]
        side = ipywidgets.VBox(boxes, layout=Layout(width=f"{SIDE}px", flex="0 0 auto", margin="0"))
        side.add_class("nbt-side")
        return side

    def _show_track(self) -> None:
        track_id = self.session.active_track
        if track_id:
            text = f'<span class="nbt-swatch" style="background:{hex_color(track_id)}"></span>{track_id}'
        else:
            text = "none yet"
        self._active.value = f'<div class="nbt-active">{text}</div>'
        canvas = self.viewer.canvas.widget
        with canvas.hold_sync():
            canvas.active_track = track_id
            canvas.pick_color = list(track_color(track_id)) if track_id and not self._marking else []

    def _set_marking(self, on: bool) -> None:
        self._marking = on
        self._false.button_style = "warning" if on else ""
        self._show_track()
        if on:
            self._say("Click the object that is a false detection.", "hint")
        else:
            self._say("Marking is off. A click gives the object to the active track again.", "hint")

    def _show_progress(self) -> None:
        progress = self.session.progress()
        self._progress_bar.max = max(progress.n_frames, 1)
        self._progress_bar.value = progress.complete
        self._progress_text.value = f'<div class="nbt-progress">{escape(str(progress)).replace(", ", ",<br>")}</div>'
        self._undo_button.disabled = not self.session.history.can_undo
        self._redo_button.disabled = not self.session.history.can_redo

    def _say(self, text: str, kind: str = "done") -> None:
        self.viewer.messages.say(text, kind)


def _box(title: str, *parts: ipywidgets.Widget) -> ipywidgets.VBox:
    heading = ipywidgets.HTML(f'<div class="nbt-heading">{escape(title)}</div>', layout=Layout(margin="0"))
    box = ipywidgets.VBox([heading, *parts])
    box.add_class("nbt-box")
    return box
