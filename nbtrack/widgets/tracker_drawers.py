"""What folds away below the image of the manual workbench, and the help over it.

One drawer is open at a time, under a row of buttons; nothing above it moves. What is folded away is not kept up to
date.
"""

from __future__ import annotations

from functools import partial
from html import escape
from typing import TYPE_CHECKING

import ipywidgets
from ipywidgets import Layout

from nbtrack.widgets.controls import small_button
from nbtrack.widgets.export_box import KINDS, ExportBox
from nbtrack.widgets.filmstrip import FilmStrip
from nbtrack.widgets.help_box import HelpBox
from nbtrack.widgets.keymap import key_of
from nbtrack.widgets.menu import Entry

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbtrack.widgets.tracker_actions import TrackerActions

_EXPORTS = ("objects", "tracks", "lineages", "table")
"""What the menu of a layer offers to export."""


class TrackerDrawers:
    """Log, film strip, export, code and settings.

    Parameters
    ----------
    actions : TrackerActions
        What they belong to.

    Attributes
    ----------
    widget : ipywidgets.VBox
        The row of buttons, and the open drawer.
    help : ipywidgets.VBox
        The table of keys, to be laid over the image.
    """

    def __init__(self, actions: TrackerActions) -> None:
        self._actions = actions
        guard = actions.messages.guard
        self._drawers: dict[str, tuple[str, Callable[[], ipywidgets.Widget], Callable[[], object]]] = {
            "Log": ("What was said, newest first", self._make_log, self._show_log),
            "Film strip": ("The active track in three frames", self._make_strip, self._show_strip),
            "Semi-automatic": ("How an object is followed", self._make_settings, lambda: None),
            "Export": ("Save tracks and tables", self._make_export, lambda: None),
            "Python": ("What was done, as code", self._make_code, self._show_code),
        }
        self._made: dict[str, ipywidgets.Widget] = {}  # each is made when it is opened first
        self.buttons = {
            name: ipywidgets.ToggleButton(
                description=name, tooltip=tip, layout=Layout(width="auto", height="26px", margin="0")
            )
            for name, (tip, _, _) in self._drawers.items()
        }
        for name, button in self.buttons.items():
            button.observe(guard(lambda change, name=name: self._toggle(name, change["new"])), "value")
        keys = small_button(
            "", "Keys and mouse", guard(lambda: actions.run("help")), text="? shows all keys", width="120px"
        )
        self._place = ipywidgets.VBox(layout=Layout(display="none", margin="0"))
        self._place.add_class("nbt-box")
        names = ipywidgets.HBox(tuple(self.buttons.values()))
        row = ipywidgets.HBox([names, keys], layout=Layout(justify_content="space-between", margin="0"))
        for part in (names, row):
            part.add_class("nbt-drawer-row")
        self.widget = ipywidgets.VBox([row, self._place])
        self.widget.add_class("nbt-drawers")
        self.open_name = ""
        self._help = HelpBox("track", guard)
        self.help = self._help.widget
        self._contrast_changed = guard(lambda _: self.refresh() if self.open_name == "Film strip" else None)
        actions.viewer.canvas.state.observe(self._contrast_changed, "contrast")
        actions.messages.on_note(self._show_log)

    def refresh(self) -> None:
        """Bring what is open up to date."""
        if self.open_name:
            self._drawers[self.open_name][2]()

    def close(self) -> None:
        """Stop following the contrast, and close what is folded away."""
        self._actions.viewer.canvas.state.unobserve(self._contrast_changed, "contrast")
        self._place.children = tuple(self._made.values())

    def toggle_help(self, close: bool = False) -> bool:
        """Show or hide the table of keys.

        Parameters
        ----------
        close : bool, optional
            Only hide it.

        Returns
        -------
        bool
            Whether it was shown before.
        """
        return self._help.toggle(close)

    def open_layer_menu(self, layer: str, left: float, top: float) -> None:
        """Offer to export what a layer shows.

        Parameters
        ----------
        layer : str
            The layer, "objects".
        left, top : float
            Where the menu opens.
        """
        self._actions.close_menu()
        entries = [Entry(f"Export: {KINDS[kind].text}", partial(self._open_export, kind)) for kind in _EXPORTS]
        self._actions.menu.open(f"Layer {layer}", entries, left, top)
        self._actions.show_state()

    def _open_export(self, kind: str) -> None:
        self._actions.show_state()  # the menu is closed
        self.buttons["Export"].value = True
        self.export.kind.value = kind

    # ------------------------------------------------------------------ drawers
    def _toggle(self, name: str, on: bool) -> None:
        if not on:
            if self.open_name == name:
                self.open_name = ""
                self._place.layout.display = "none"
            return
        self.open_name = name
        for other, button in self.buttons.items():
            if other != name:
                button.value = False
        if name not in self._made:
            self._made[name] = self._drawers[name][1]()
        self._place.children = (self._made[name],)
        self._place.layout.display = ""
        self.refresh()

    def _show_log(self) -> None:
        if self.open_name != "Log":
            return
        rows = "".join(
            f'<div class="nbt-log-{kind}"><span>{time}</span>{escape(text)}</div>'
            for time, kind, text in reversed(self._actions.messages.heard)
        )
        self.log.value = f'<div class="nbt-log">{rows}</div>'

    def _show_strip(self) -> None:
        session, t = self._actions.session, self._actions.viewer.t
        track = session.active_track
        objects = session.lineage.objects_of(track)
        if not objects:
            self.strip.clear()
            return
        nearest = min(objects, key=lambda frame: abs(frame - t))
        self.strip.contrast = self._actions.viewer.contrast
        z, y, x = self._actions.viewer.feed.center_of(nearest, objects[nearest])
        self.strip.show(t, round(y), round(x), z=z, track_id=track)

    def _show_code(self) -> None:
        self._code.value = self._actions.session.history_code()

    def _copy(self) -> None:
        if self._actions.viewer.canvas.copy(self._actions.session.history_code()):
            self._actions.say("The code is on the clipboard.")
        else:
            self._actions.say("This view cannot copy. Select the text and press Ctrl+C.", "hint")

    # ------------------------------------------------------------------ parts
    def _make_log(self) -> ipywidgets.HTML:
        self.log = ipywidgets.HTML(layout=Layout(margin="0"))
        return self.log

    def _make_strip(self) -> ipywidgets.Widget:
        self.strip = FilmStrip(self._actions.viewer.feed)
        return self.strip.widget

    def _make_export(self) -> ipywidgets.Widget:
        actions = self._actions
        log = actions.session.log_path
        folder = "." if log is None else log.parent  # beside the project
        self.export = ExportBox(
            actions.session, guard=actions.messages.guard, say=actions.say, folder=folder, styled=False
        )
        return self.export.widget

    def _make_code(self) -> ipywidgets.VBox:
        self._code = ipywidgets.Textarea(
            placeholder="Nothing was done yet.", layout=Layout(width="auto", height="120px", margin="0")
        )
        self._code.add_class("nbt-code")
        copy = small_button(
            "copy", "Copy the code", self._actions.messages.guard(self._copy), text="Copy", width="90px"
        )
        return ipywidgets.VBox([self._code, copy])

    def _make_settings(self) -> ipywidgets.VBox:
        actions, guard = self._actions, self._actions.messages.guard
        axes = "zyx"[-len(actions.window) :]
        self.window = [
            ipywidgets.BoundedIntText(
                value=size, min=1, max=100_000, description=axis, tooltip=f"Size of the window along {axis} in pixels",
                layout=Layout(width="110px", margin="0"), style={"description_width": "24px"},
            )
            for axis, size in zip(axes, actions.window, strict=True)
        ]  # fmt: skip
        self.moving = ipywidgets.Checkbox(
            value=actions.moving, description="The window follows the object", indent=False,
            tooltip="Else it stays where the object was clicked", layout=Layout(width="auto", margin="0"),
        )  # fmt: skip

        def use(_: object) -> None:
            actions.window, actions.moving = tuple(field.value for field in self.window), self.moving.value

        for field in (*self.window, self.moving):
            field.observe(guard(use), "value")
        text = (
            f"An object is followed (key {key_of('follow')}) while exactly one object of the next frame overlaps it, "
            "by at least 20 %. Only a window around it is looked at. Its size in pixels:"
        )
        caption = ipywidgets.HTML(f'<div class="nbt-progress">{text}</div>', layout=Layout(margin="0"))
        row = ipywidgets.HBox([*self.window, self.moving])
        row.add_class("nbt-layer")
        return ipywidgets.VBox([caption, row])
