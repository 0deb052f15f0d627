"""The menu that opens at the pointer: what can be done with the object that was clicked."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import ipywidgets
from ipywidgets import Layout

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nbtrack.editing.session import Session

WIDTH, ROW = 292, 27
"""Size of the menu and of one of its rows in CSS pixels."""


@dataclass(frozen=True)
class Entry:
    """One line of a menu.

    Parameters
    ----------
    text : str
        What it does.
    action : callable or None
        Called when it is chosen; None if it cannot be chosen.
    reason : str, optional
        Why it cannot be chosen, or more about what it does.
    """

    text: str
    action: Callable[[], object] | None
    reason: str = ""


class PointerMenu:
    """A menu over the image; hidden until it is opened.

    Parameters
    ----------
    guard : callable
        Wraps handlers so that their exceptions are shown.

    Attributes
    ----------
    widget : ipywidgets.VBox
        To be put into a place that other things are positioned in, see `Viewer.add_overlay`.
    entries : tuple of Entry
        What it shows.
    """

    def __init__(self, guard: Callable[[Callable[..., object]], Callable[..., object]]) -> None:
        self._guard = guard
        self.entries: tuple[Entry, ...] = ()
        self._heading = ipywidgets.HTML(layout=Layout(margin="0"))
        self._rows: list[ipywidgets.Button] = []  # used again: each widget of the browser has models that stay
        self.widget = ipywidgets.VBox([self._heading], layout=Layout(display="none", width=f"{WIDTH}px", margin="0"))
        self.widget.add_class("nbt-menu")

    @property
    def is_open(self) -> bool:
        """Whether it is shown."""
        return self.widget.layout.display != "none"

    def open(self, title: str, entries: Sequence[Entry], left: float, top: float) -> None:
        """Show the menu at a place, or as near to it as it fits.

        Parameters
        ----------
        title : str
            What it is about.
        entries : sequence of Entry
            Its lines.
        left, top : float
            Place of the pointer in CSS pixels from the upper left corner.
        """
        self.entries = tuple(entries)
        self._heading.value = f'<div class="nbt-menu-title">{escape(title)}</div>'
        while len(self._rows) < len(self.entries):
            self._rows.append(self._make_row(len(self._rows)))
        rows = self._rows[: len(self.entries)]
        for row, entry in zip(rows, self.entries, strict=True):
            row.description, row.tooltip, row.disabled = entry.text, entry.reason, entry.action is None
        self.widget.children = (self._heading, *rows)
        layout, height = self.widget.layout, ROW * (len(rows) + 1) + 12
        layout.left, layout.top = _inside(left, WIDTH), _inside(top, height)
        layout.display = ""

    def choose(self, number: int) -> None:
        """Close the menu and do what a line says.

        Parameters
        ----------
        number : int
            Which line, from 0.
        """
        action = self.entries[number].action
        self.close()
        if action is not None:
            action()

    def close(self) -> bool:
        """Hide the menu.

        Returns
        -------
        bool
            Whether it was open.
        """
        was_open = self.is_open
        self.widget.layout.display = "none"
        return was_open

    def _make_row(self, number: int) -> ipywidgets.Button:
        row = ipywidgets.Button(layout=Layout(width="auto", height=f"{ROW}px", margin="0"))
        row.add_class("nbt-menu-row")
        row.on_click(self._guard(lambda _: self.choose(number)))
        return row


def title_of(session: Session, t: int, object_id: int) -> str:
    """Say which object it is and which tracks it has.

    Parameters
    ----------
    session : Session
        What is edited.
    t, object_id : int
        The object.

    Returns
    -------
    str
        For example ``"Object 12, frame 3: tracks 4 and 7 (merger)"``.
    """
    tracks = session.lineage.tracks_at(t, object_id)
    if session.lineage.is_false(t, object_id):
        what = "false detection"
    elif len(tracks) > 1:
        what = f"tracks {', '.join(map(str, tracks[:-1]))} and {tracks[-1]} (merger)"
    else:
        what = f"track {tracks[0]}" if tracks else "no track"
    return f"Object {object_id}, frame {t}: {what}"


def _inside(place: float, size: int) -> str:
    return f"max(2px, min({place:.0f}px, calc(100% - {size + 2}px)))"
