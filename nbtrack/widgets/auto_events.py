"""Lists that lead to a place in the movie: events of a result, and rows of a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets
from ipywidgets import Layout

from nbtrack.widgets.event_lists import EventList

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from nbtrack.data.result import TrackingResult

EVENTS = {
    "divisions": "Divisions",
    "mergers": "Mergers",
    "appearances": "Appearances",
    "disappearances": "Disappearances",
    "false_detections": "False detections",
}
"""The tables of a result that are listed, and their names."""


class JumpList(EventList):
    """Rows of which each leads somewhere when it is clicked.

    Parameters
    ----------
    name : str
        Part of its CSS class.
    n_rows : int
        Rows in sight.
    guard : callable
        Wraps handlers.
    on_jump : callable
        Called with the number of the row.
    """

    def __init__(self, name: str, n_rows: int, *, guard: Callable[..., Any], on_jump: Callable[[int], object]) -> None:
        super().__init__(name, n_rows, guard=guard, styled=False)
        self._rows.tooltip = "Click: show it"
        self._on_jump = on_jump
        self._write_row: Callable[[int], str] = str
        self._empty = ""

    def show(self, n: int, write_row: Callable[[int], str], *, empty: str, heading: str = "") -> None:
        """Show other rows; they are written when their page is opened.

        Parameters
        ----------
        n : int
            How many.
        write_row : callable
            Gives the HTML of a row by its number.
        empty : str
            What to say if there is none.
        heading : str, optional
            HTML above them.
        """
        self._keys, self._write_row, self._empty, self._heading = range(n), write_row, empty, heading
        self._page, self._marked = 0, []
        self._show_page()
        self._show_head()

    def mark(self, index: int | None) -> None:
        """Mark a row and bring it into sight; None marks none."""
        self._mark([] if index is None else [index], index)

    def swatch(self, track_id: int, color_id: int) -> str:
        """Write the number of a track behind the colour of another one, that of its lineage."""
        self._learn_colors([color_id])
        return f'<b style="--c:{self._colors[color_id]}"># {track_id}</b>'

    def _write(self, keys: Sequence[int]) -> str:
        rows = "".join(f'<div id="{self._id(i)}">{self._write_row(i)}</div>' for i in keys)
        return rows or f"<p>{self._empty}</p>"

    def _act(self, parts: list[str], double: bool) -> None:
        index = int(parts[0])
        if not double and index in self._keys:
            self.mark(index)
            self._on_jump(index)


class EventBox:
    """The events of a result, one kind at a time.

    Parameters
    ----------
    guard : callable
        Wraps handlers.
    on_jump : callable
        Called with a frame and an object.

    Attributes
    ----------
    widget : ipywidgets.VBox
        The box.
    kind : ipywidgets.Dropdown
        Which of `EVENTS`.
    list : JumpList
        Their rows.
    """

    def __init__(self, *, guard: Callable[..., Any], on_jump: Callable[[int, int], object]) -> None:
        self._on_jump = on_jump
        self._result: TrackingResult | None = None
        self._quiet = False
        self.kind = ipywidgets.Dropdown(
            options=[(text, name) for name, text in EVENTS.items()], tooltip="Which events",
            layout=Layout(width="auto", margin="0"),
        )  # fmt: skip
        self.kind.observe(guard(lambda _: self._show_rows()), "value")
        self.list = JumpList("auto-events", 5, guard=guard, on_jump=self._jump)
        self.list.widget.children = (self.kind, *self.list.widget.children)
        self.widget = self.list.widget
        self._show_rows()

    @property
    def table(self) -> pd.DataFrame | None:
        """The events that are listed."""
        return None if self._result is None else getattr(self._result, self.kind.value)

    def show(self, result: TrackingResult | None) -> None:
        """Show the events of another result.

        Parameters
        ----------
        result : TrackingResult or None
            None shows none.
        """
        self._result = result
        self._quiet, chosen = True, self.kind.value
        count = {name: "" if result is None else f" ({len(getattr(result, name)):,})" for name in EVENTS}
        self.kind.options = [(text + count[name], name) for name, text in EVENTS.items()]
        self.kind.value, self._quiet = chosen, False
        self._show_rows()

    def close(self) -> None:
        """Stop listening to the mouse."""
        self.list.close()

    def _show_rows(self) -> None:
        if self._quiet:
            return
        table, name = self.table, EVENTS[self.kind.value].lower()
        empty = "Press Track to find them." if table is None else f"There are no {name} in this result."
        self.list.show(0 if table is None else len(table), self._row, empty=empty)

    def _row(self, index: int) -> str:
        row, kind = self.table.iloc[index], self.kind.value
        where = f'<i class="nbt-at">t {int(row["t"])}</i>'
        if kind == "divisions":
            children = ", ".join(self._track(int(row[f"child{i}_track_id"])) for i in (1, 2))
            return f"{where}{self._track(int(row['parent_track_id']))} → {children}"
        if kind == "mergers":
            return f"{where}{', '.join(self._track(int(track)) for track in row['track_ids'].split(';'))}"
        if kind == "false_detections":
            return f"{where}object {int(row['object_id'])}"
        return f"{where}{self._track(int(row['track_id']))}"

    def _track(self, track_id: int) -> str:
        return self.list.swatch(track_id, self._result.lineage.lineage_id_of(track_id))

    def _jump(self, index: int) -> None:
        row = self.table.iloc[index]
        self._on_jump(int(row["t"]), int(row["parent_id" if self.kind.value == "divisions" else "object_id"]))
