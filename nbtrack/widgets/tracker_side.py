"""The right column of the manual workbench: active track, what to do, divisions, mergers, lineage tree."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import ipywidgets
from ipywidgets import Layout

from nbtrack.errors import EditError
from nbtrack.rendering.colors import hex_color
from nbtrack.widgets.controls import small_button
from nbtrack.widgets.event_lists import DivisionList, MergerList
from nbtrack.widgets.keymap import key_of
from nbtrack.widgets.lineage_tree import LineageTree

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nbtrack.widgets.tracker_actions import TrackerActions

SIDE = 264
"""Width of the column in CSS pixels."""


class TrackerSide:
    """Mirror the session beside the image.

    Parameters
    ----------
    actions : TrackerActions
        What the buttons do.

    Attributes
    ----------
    widget : ipywidgets.VBox
        The column.
    progress : ipywidgets.HBox
        A line that says how far the work is.
    """

    def __init__(self, actions: TrackerActions) -> None:
        self._actions, self._session = actions, actions.session
        guard, session = actions.messages.guard, actions.session
        self._bar = ipywidgets.IntProgress(
            0, 0, 1, layout=Layout(flex="1 1 80px", width="auto", height="20px", margin="0")
        )
        self._progress_text = ipywidgets.HTML(layout=Layout(flex="0 1 420px", width="auto", margin="0"))
        self.progress = ipywidgets.HBox([self._bar, self._progress_text])
        self.progress.add_class("nbt-row")
        calls = {"guard": guard, "on_select": self._select, "on_goto": self._goto, "styled": False}
        self.divisions = DivisionList(session, **calls)
        self.mergers = MergerList(session, **calls)
        self.tree = LineageTree(session, n_frames=session.detections.n_frames, **calls)
        boxes = [
            self._make_track_box(),
            self.divisions.widget,
            self.mergers.widget,
            self.tree.widget,
        ]
        self.widget = ipywidgets.VBox(boxes, layout=Layout(width=f"{SIDE}px", flex="0 0 auto", margin="0"))
        self.widget.add_class("nbt-side")
        self._known_divisions: object = None
        self._track = -1
        self.show_track()
        self.show_progress()
        self.refresh()

    # ------------------------------------------------------------------ what is shown
    def show_track(self) -> None:
        """Show which track is active and what a click means."""
        actions, track_id = self._actions, self._session.active_track
        if track_id:
            text = f'<span class="nbt-swatch" style="background:{hex_color(track_id)}"></span>{track_id}'
        else:
            text = '<span class="nbt-caption">none yet</span>'
        self._active.value = f'<div class="nbt-active"><span class="nbt-heading">Active track</span>{text}</div>'
        dividing = actions.mode in ("parent", "first", "second")
        for button, on in (
            (self._false, actions.mode == "false"),
            (self._division, dividing),
            (self._auto, actions.auto),
        ):
            style = "warning" if on else ""
            if button.button_style != style:
                button.button_style = style
        self._delete.disabled = not self._session.lineage.objects_of(track_id)
        if track_id != self._track:
            self._track = track_id
            for part in (self.divisions, self.tree):
                part.set_track(track_id)

    def set_time(self, t: int) -> None:
        """Move the bar of time in the tree."""
        self.tree.set_time(t)

    def show_progress(self) -> None:
        """Show how far the work is, and what can be undone."""
        session = self._session
        progress = session.progress()
        self._bar.max = max(progress.n_frames, 1)
        self._bar.value = progress.complete
        self._progress_text.value = f'<div class="nbt-progress">{escape(f"{progress} · {self._actions.meter}")}</div>'
        self._undo.disabled = not session.history.can_undo
        self._redo.disabled = not session.history.can_redo
        self._delete.disabled = not session.lineage.objects_of(session.active_track)

    def refresh(self, frames: Iterable[int] | None = None) -> None:
        """Bring lists and tree up to date.

        Parameters
        ----------
        frames : iterable of int, optional
            Only objects of these frames changed; any if not given.
        """
        known = self._session.lineage.divisions, self._session.checked_divisions
        if known != self._known_divisions:
            self._known_divisions = known
            self.divisions.refresh()
        self.mergers.refresh(frames)
        self.mergers.widget.layout.display = "" if self.mergers.count else "none"
        self.tree.refresh()

    def close(self) -> None:
        """Stop listening to the mouse in lists and tree."""
        for part in (self.divisions, self.mergers, self.tree):
            part.close()

    # ------------------------------------------------------------------ what is done
    def _select(self, track_id: int, t: int) -> None:
        self._actions.close_menu()
        self._actions.select(track_id)

    def _goto(self, track_id: int, t: int) -> None:
        self._actions.close_menu()
        self._actions.select(track_id, t)

    def _go(self, field: ipywidgets.Text, what: str) -> None:
        text, field.value = field.value.strip(), ""
        if not text:
            return
        if not text.isdecimal():
            raise EditError(f"The {what} must be a whole number: got {text!r}. Type one, then press Enter.")
        if what == "track":
            self._goto(int(text), self._actions.viewer.t)
        else:
            self._actions.look(int(text))

    def _delete_track(self) -> None:
        actions = self._actions
        actions.close_menu()
        actions.messages.attempt(actions.delete_track, self._session.active_track)

    # ------------------------------------------------------------------ parts
    def _make_track_box(self) -> ipywidgets.VBox:
        guard = self._actions.messages.guard
        self._active = ipywidgets.HTML(layout=Layout(flex="1 1 auto", margin="0"))
        back = self._button("previous_track", "chevron-left", "", "Previous track id")
        forth = self._button("next_track", "chevron-right", "", "Next track id")
        self._division = self._button("division", "code-fork", "Division", "Click an object, then its two daughters")
        self._false = self._button("mark_false", "ban", "Mark false", "Click an object that is a false detection")
        self._auto = self._button(
            "auto_follow", "forward", "Auto-follow", "Follow the track after each click, to the next doubtful frame"
        )
        self._undo = self._button("undo", "undo", "Undo", "Take the last action back")
        self._redo = self._button("redo", "repeat", "Redo", "Do it again")
        self._delete = small_button(
            "trash", "Delete the whole active track", guard(self._delete_track), text="Delete track", width="auto"
        )
        new = self._button("new_track", "plus-circle", "New track", "Start a new track")
        following = self._button("next_object", "search", "Next object", "Go to the next object without a track")
        buttons = [new, self._division, self._false, self._auto, self._undo, self._redo, following, self._delete]
        for button in buttons:
            button.add_class("nbt-action")
        grid = ipywidgets.GridBox(buttons, layout=Layout(grid_template_columns="1fr 1fr", grid_gap="6px", margin="0"))
        caption = ipywidgets.HTML("Go to", layout=Layout(width="44px", margin="0", flex="0 0 auto"))
        caption.add_class("nbt-caption")
        self.go_track, self.go_frame = (
            ipywidgets.Text(
                placeholder=what, tooltip=f"Number of the {what} to show, then Enter", continuous_update=False,
                layout=Layout(width="auto", flex="1 1 0", min_width="0", margin="0"),
            )
            for what in ("track", "frame")
        )  # fmt: skip
        self.go_track.observe(guard(lambda _: self._go(self.go_track, "track")), "value")
        self.go_frame.observe(guard(lambda _: self._go(self.go_frame, "frame")), "value")
        go = ipywidgets.HBox([caption, self.go_track, self.go_frame])
        go.add_class("nbt-row")
        return _box(ipywidgets.HBox([self._active, back, forth]), grid, go)

    def _button(self, action: str, icon: str, text: str, tooltip: str) -> ipywidgets.Button:
        handler = self._actions.messages.guard(lambda: self._actions.run(action))
        made = small_button(
            icon, f"{tooltip} (key {key_of(action)})", handler, text=text, width="auto" if text else "34px"
        )
        return made


def _box(*parts: ipywidgets.Widget) -> ipywidgets.VBox:
    box = ipywidgets.VBox(parts)
    box.add_class("nbt-box")
    return box
