"""Rows of a comparison as a list that jumps, drawn on the image: how two runs differ, or what is wrong with one."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets
import numpy as np
from ipywidgets import Layout

from nbtrack.comparison.marks import find_marks
from nbtrack.widgets.auto_events import JumpList
from nbtrack.widgets.panel import row

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbtrack.comparison.table import Comparison
    from nbtrack.widgets.viewer import Viewer

SIDE_COLORS = ("#e69f00", "#56b4e9")
"""Orange and sky blue: told apart with any colour vision, also on grey."""


class ComparisonList:
    """List the rows of a comparison, one kind or all, and draw them on an image.

    Parameters
    ----------
    viewer : Viewer
        The image.
    guard : callable
        Wraps handlers, see `nbtrack.widgets.messages.Messages.guard`.
    say : callable
        Called with the sentence of a row that was clicked, and "hint".
    same_objects : bool, optional
        Whether both sides speak of the objects on the image; else only side "a" does.

    Attributes
    ----------
    widget : ipywidgets.VBox
        The list.
    kind : ipywidgets.Dropdown
        Which kind; "" for all.
    head : ipywidgets.HBox
        The line above the rows: which kind, and the colours of both sides.
    list : JumpList
        The rows.
    comparison : Comparison or None
        What is listed.
    is_open : bool
        Whether the rows are drawn on the image.
    """

    def __init__(
        self, viewer: Viewer, *, guard: Callable[..., Any], say: Callable[[str, str], object], same_objects: bool = True
    ) -> None:
        self._viewer, self._say, self._same_objects = viewer, say, same_objects
        self.comparison: Comparison | None = None
        self.is_open = self._quiet = False
        self._why = ""
        self.kind = ipywidgets.Dropdown(
            options=[("All", "")], tooltip="Which kind", layout=Layout(width="300px", margin="0")
        )
        self.kind.observe(guard(lambda _: self._show_rows()), "value")
        self._legend = ipywidgets.HTML(layout=Layout(margin="0"))
        self.list = JumpList("comparison", 6, guard=guard, on_jump=self._jump)
        self.head = row(self.kind, self._legend)
        self.list.widget.children = (self.head, *self.list.widget.children)
        self.list.widget.remove_class("nbt-box")
        self.widget = self.list.widget
        self.widget.add_class("nbt-comparison")

    def show(self, comparison: Comparison | None, why: str = "") -> None:
        """List other rows.

        Parameters
        ----------
        comparison : Comparison or None
            None lists nothing.
        why : str, optional
            What to say then.
        """
        self.comparison, self._why = comparison, why
        chosen, self._quiet = self.kind.value, True
        counts = {} if comparison is None else {kind: n for kind, n in comparison.counts.items() if n}
        self.kind.options = [
            (f"All ({sum(counts.values()):,})", ""),
            *((f"{comparison.kinds[kind].capitalize()} ({n:,})", kind) for kind, n in counts.items()),
        ]
        self.kind.value, self._quiet = chosen if chosen in counts else "", False
        names = () if comparison is None else comparison.names
        self._legend.value = '<div class="nbt-sides">' + "".join(
            f'<i style="--c:{color}"></i>{escape(name)}' for name, color in zip(names, SIDE_COLORS, strict=False)
        )
        self._show_rows()

    def close(self) -> None:
        """Stop listening to the mouse."""
        self.list.close()

    # ------------------------------------------------------------------ helpers
    def _show_rows(self) -> None:
        if self._quiet:
            return
        found = self.comparison
        if found is None:
            self.list.show(0, str, empty=self._why)
        else:
            table = found.table
            self._rows = table[table["kind"] == self.kind.value] if self.kind.value else table
            self.list.show(len(self._rows), self._row, empty="There is no difference.")
        self._draw()

    def _draw(self) -> None:
        if self.is_open:
            found, kind = self.comparison, self.kind.value or None
            self._viewer.canvas.mark(None if found is None else find_marks(found, kind), SIDE_COLORS)

    def _row(self, index: int) -> str:
        found = self._rows.iloc[index]
        color = SIDE_COLORS[found["side"] == "b"]
        return f'<i class="nbt-at">t {found["t"]}</i><b style="--c:{color}"></b>{escape(found["detail"])}'

    def _jump(self, index: int) -> None:
        found, canvas = self._rows.iloc[index], self._viewer.canvas
        t, place = int(found["t"]), [found.get(axis, 0) for axis in "zyx"]
        object_id = int(found["object_id"] if found["side"] == "a" or self._same_objects else found["other_id"])
        if object_id:
            canvas.look_at(t, object_id)
        elif np.isfinite(place).all():
            canvas.look_around(t, *map(round, place))
        else:
            canvas.goto(t)
        self._say(found["detail"], "hint")
