"""The table of keys and mouse, shown over the image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets
from ipywidgets import Layout

from nbtrack.widgets.controls import small_button
from nbtrack.widgets.keymap import help_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbtrack.widgets.keymap import Panel


class HelpBox:
    """The help of a panel, hidden at first.

    Parameters
    ----------
    panel : {"track", "classify", "review"}
        Whose keys.
    guard : callable
        Wraps handlers.

    Attributes
    ----------
    widget : ipywidgets.VBox
        To be put over the image.
    """

    def __init__(self, panel: Panel, guard: Callable[..., Any]) -> None:
        head = '<div class="nbt-heading">Keys work after a click into the image</div>'
        table = ipywidgets.HTML(
            f'{head}<div class="nbt-help-table">{help_table(panel)}</div>', layout=Layout(margin="0")
        )
        close = small_button("times", "Close (Escape)", guard(lambda: self.toggle(close=True)))
        close.add_class("nbt-help-close")
        self.widget = ipywidgets.VBox([close, table], layout=Layout(display="none", margin="0"))
        self.widget.add_class("nbt-help")

    @property
    def is_shown(self) -> bool:
        """Whether it is over the image now."""
        return bool(self.widget.layout.display != "none")

    def toggle(self, close: bool = False) -> bool:
        """Show or hide it.

        Parameters
        ----------
        close : bool, optional
            Only hide it.

        Returns
        -------
        bool
            Whether it was shown before.
        """
        was_shown = self.is_shown
        self.widget.layout.display = "none" if was_shown or close else ""
        return was_shown
