"""The buttons of the repair tools, the line that says what to click next, and the size of the brush."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets
from ipywidgets import Layout

from nbtrack.widgets.controls import small_button
from nbtrack.widgets.keymap import key_of
from nbtrack.widgets.repair_tools import THICKEST, THINNEST

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbtrack.widgets.repair_tools import RepairTools

_BUTTONS = (
    ("split", "Split", "Split an object: click each part, then Enter"),
    ("merge", "Merge", "Merge objects that are one: click them, then Enter"),
    ("delete", "Delete", "Delete an object: click it"),
    ("add", "Add", "Add a missed object: click its middle"),
    ("paint", "Paint", "Brush: press on an object and drag, it grows"),
    ("erase", "Erase", "Brush: press on an object and drag, it shrinks"),
)


class RepairBar:
    """Tool buttons; while a tool is in hand, the mode line with Apply and Cancel.

    Parameters
    ----------
    guard : callable
        Wraps handlers.
    act : callable
        Called with the name of an action when its button is pressed.
    on_size : callable
        Called with the radius of the brush when its slider is moved.

    Attributes
    ----------
    widget : ipywidgets.VBox
        The box.
    buttons : dict of str to ipywidgets.Button
        By tool.
    apply, cancel : ipywidgets.Button
        Shown while a tool is in hand.
    line : ipywidgets.HTML
        What to click next.
    size : ipywidgets.IntSlider
        Radius of the brush.
    """

    def __init__(
        self, *, guard: Callable[..., Any], act: Callable[[str], object], on_size: Callable[[int], object]
    ) -> None:
        def button(name: str, text: str, tooltip: str, key: str) -> ipywidgets.Button:
            tip = f"{tooltip} ({key_of(key, 'review')})"
            made = small_button("", tip, guard(lambda: act(name)), text=text, width="auto")
            made.layout.flex = "1 1 30%"
            return made

        self.buttons = {name: button(name, text, tooltip, name) for name, text, tooltip in _BUTTONS}
        rows = ipywidgets.HBox(list(self.buttons.values()), layout=Layout(flex_flow="row wrap"))
        rows.add_class("nbt-row")
        self.line = ipywidgets.HTML(layout=Layout(margin="0"))
        self.apply = button("apply", "Apply", "Do it", "accept")
        self.apply.button_style = "success"
        self.cancel = button("cancel", "Cancel", "Leave the tool", "cancel")
        self._answers = ipywidgets.HBox([self.apply, self.cancel])
        self._answers.add_class("nbt-row")
        self.size = ipywidgets.IntSlider(
            min=THINNEST, max=THICKEST, description="Size", tooltip="Radius of the brush in pixels ([ and ])",
            layout=Layout(width="auto", margin="0"),
        )  # fmt: skip
        self.size.add_class("nbt-brush-size")
        self.size.observe(guard(lambda change: on_size(change["new"])), "value")
        heading = ipywidgets.HTML('<div class="nbt-heading">Repair objects</div>', layout=Layout(margin="0"))
        self.widget = ipywidgets.VBox([heading, rows, self.line, self.size, self._answers])
        self.widget.add_class("nbt-box")
        self.widget.add_class("nbt-repair")

    def show(self, tools: RepairTools) -> None:
        """Show which tool is in hand and what to click next.

        Parameters
        ----------
        tools : RepairTools
            The tools.
        """
        for name, made in self.buttons.items():
            made.button_style = "info" if name == tools.tool else ""
        brush = tools.tool in ("paint", "erase")
        self.line.value = f'<div class="nbt-mode">{escape(tools.text)}</div>' if tools.text else ""
        self.line.layout.display = "" if tools.tool else "none"
        self.size.layout.display = "" if brush else "none"
        self._answers.layout.display = "" if tools.tool else "none"
        self.apply.layout.display = "" if tools.tool in ("split", "merge") else "none"
        self.apply.disabled = not tools.can_apply
        self.cancel.description = "Done" if brush else "Cancel"
        if self.size.value != tools.size:
            self.size.value = tools.size
