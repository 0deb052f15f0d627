"""Why: what was decided about an object, what each of it costs, and what the best other answer would cost.

A click on an object in the image lists its parts; a click on a part shows its terms and solves once more, beside the
page, with the opposite of it held fixed. What differs then is drawn on the image.
"""

from __future__ import annotations

import threading
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets
import numpy as np
from ipywidgets import Layout

from nbtrack.comparison.marks import find_marks
from nbtrack.errors import InputError
from nbtrack.explanation.alternative import explain
from nbtrack.explanation.terms import list_parts
from nbtrack.widgets.auto_comparison import SIDE_COLORS
from nbtrack.widgets.auto_events import JumpList
from nbtrack.widgets.auto_progress import number
from nbtrack.widgets.background import run_beside

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbtrack.data.pins import Pin
    from nbtrack.data.result import TrackingResult
    from nbtrack.explanation.alternative import Explanation
    from nbtrack.explanation.terms import Part
    from nbtrack.widgets.viewer import Viewer

CHOSEN_COLOR = "#ffffff"
"""What is asked about, on the image."""
_CLICK = "Click an object in the image: everything that was decided about it is listed here."
_ASK = "Click a row to see its terms, and what the best answer without it (or with it) would cost."
_COLUMNS = "minmax(0, 1fr) 76px 76px 84px"


class WhyPage:
    """The parts of an object with their energies, the terms of one of them, and the best alternative.

    Parameters
    ----------
    viewer : Viewer
        The image.

    Attributes
    ----------
    widget : ipywidgets.VBox
        The page.
    list : JumpList
        The parts.
    parts : list of Part
        What is listed.
    explanation : Explanation or None
        Of the part that was clicked.
    is_open : bool
        Whether clicks into the image are listened to, and marks are drawn; a solve ends when it is closed.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer, self._guard = viewer, viewer.messages.guard
        self._is_open = False
        self.parts: list[Part] = []
        self.explanation: Explanation | None = None
        self._result: TrackingResult | None = None
        self._at: tuple[int, int] | None = None
        self._cancel: threading.Event | None = None
        self.list = JumpList("why", 7, guard=self._guard, on_jump=self._ask)
        self.list.widget.remove_class("nbt-box")
        self.list.widget.layout = Layout(flex="1 1 420px", min_width="0", margin="0")
        self._terms = ipywidgets.HTML(layout=Layout(flex="0 1 300px", min_width="0", margin="0"))
        self._terms.add_class("nbt-terms")
        self._answer = ipywidgets.HTML(layout=Layout(margin="0"))
        middle = ipywidgets.HBox([self.list.widget, self._terms], layout=Layout(margin="0"))
        middle.add_class("nbt-why-row")
        self.widget = ipywidgets.VBox([middle, self._answer], layout=Layout(margin="0"))
        self.widget.add_class("nbt-drawers")
        self._show_parts()
        viewer.canvas.on_pick(self._hear)

    @property
    def is_open(self) -> bool:
        """Whether clicks into the image are listened to, and marks are drawn; a solve ends when it is closed."""
        return self._is_open

    @is_open.setter
    def is_open(self, value: bool) -> None:
        self._is_open = value
        if not value and self._cancel is not None:
            self._stop()
            self._say(_ASK)

    def show(self, result: TrackingResult | None) -> None:
        """Ask about another result; the object stays the same.

        Parameters
        ----------
        result : TrackingResult or None
            None asks about none.
        """
        if result is not self._result:
            self._result = result
            try:
                self._choose(self._at)
            except InputError as error:  # it was tracked with another size range, say
                self._choose(None)
                self._say(str(error))
        else:
            self._draw()

    def look_at(self, t: int, object_id: int) -> None:
        """List what was decided about an object, if the page is open.

        Parameters
        ----------
        t, object_id : int
            The object.
        """
        if self.is_open and object_id:
            self._choose((t, object_id))

    def close(self) -> None:
        """Stop solving and listening."""
        self._stop()
        self.list.close()

    # ------------------------------------------------------------------ one object
    def _hear(self, event: Any) -> None:
        if event.button == 0:
            self.look_at(event.t, event.object_id)

    def _stop(self) -> None:
        if self._cancel is not None:
            self._cancel.set()
            self._cancel = None

    def _choose(self, at: tuple[int, int] | None) -> None:
        self._stop()
        self._at, self.explanation, self.parts = at, None, []
        try:
            if self._result is not None and at is not None:
                self.parts = list_parts(self._result, *at)
        finally:
            self._show_parts()

    def _show_parts(self) -> None:
        names = "".join(f"<span>{name}</span>" for name in ("", "energy if so", "if not", "in the answer"))
        title = "" if self._at is None else f"Object {self._at[1]} in frame {self._at[0]}"
        head = f'{title}<div class="nbt-part nbt-run-names" style="--columns:{_COLUMNS}">{names}</div>'
        empty = _CLICK if self._result is not None else "Press Track first: there is no result yet."
        self.list.show(len(self.parts), self._row, empty=empty, heading=head if self.parts else "")
        self._terms.value = ""
        self._say(_ASK if self.parts else "")
        self._draw()

    def _row(self, index: int) -> str:
        part = self.parts[index]
        held = part.pin.value if part.pin.kind == "link" and part.pin.value > 1 else 0
        answer = (f"✓ {held} objects" if held else "✓ yes") if part.used else "no"
        cells = (part.text, number(part.energy), number(part.off), answer)
        spans = "".join(f"<span>{escape(cell)}</span>" for cell in cells)
        kind = " nbt-used" if part.used else ""
        return f'<section class="nbt-part{kind}" style="--columns:{_COLUMNS}">{spans}</section>'

    # ------------------------------------------------------------------ the best alternative
    def _ask(self, index: int) -> None:
        """Show the terms of a part, and solve once more."""
        pin, result, cancel = self.parts[index].pin, self._result, threading.Event()
        self._stop()
        self.explanation = _explain(result, pin, solve=False)
        self._show_terms()
        self._draw()
        self._cancel = cancel
        self._say("Looking for the best answer in which this is otherwise …")
        run_beside(
            lambda _: _explain(result, pin, cancel=cancel),
            progress=lambda *_: None,
            done=self._guard(lambda end: self._end(end, cancel)),
        )

    def _end(self, end: Callable[[], Explanation], cancel: threading.Event) -> None:
        if cancel is not self._cancel:  # something else was asked meanwhile
            return
        self._cancel = None
        try:
            self.explanation = end()
        except BaseException:
            self._say("The best alternative could not be found; the line below the image says why.")
            raise
        sides = ("in the answer", "in the alternative")
        legend = "".join(f'<i style="--c:{c}"></i>{name}' for name, c in zip(sides, SIDE_COLORS, strict=True))
        drawn = self.explanation.changes is not None and len(self.explanation.changes)
        self._say(self.explanation.sentence, f'<div class="nbt-sides">On the image: {legend}</div>' if drawn else "")
        self._draw()

    def _show_terms(self) -> None:
        found = self.explanation
        rows = "".join(
            f'<tr class="{"nbt-used" if row.used else ""}"><th>{escape(str(row.term))}</th>'
            f"<td>{row.energy:,.3f}</td><td>{'✓' if row.used else ''}</td></tr>"
            for row in found.terms.itertuples()
        )
        said = str(found.pin)
        head = f"<caption>{escape(said[:1].upper() + said[1:])}</caption>"
        self._terms.value = f'<table class="nbt-measures">{head}{rows}</table>'

    def _say(self, text: str, legend: str = "") -> None:
        said = f'<div class="nbt-alternative" role="status">{escape(text)}</div>' if text else ""
        self._answer.value = said + legend

    def _draw(self) -> None:
        """Draw what is asked about, and what would change."""
        if not self.is_open:
            return
        marks = [] if self._at is None or not self.parts else [self._chosen_mark()]
        changes = None if self.explanation is None else self.explanation.changes
        if changes is not None:  # over the other mark: what changes must be seen
            marks.append(find_marks(changes))
        colors = (*SIDE_COLORS, CHOSEN_COLOR)
        self._viewer.canvas.mark(np.concatenate(marks).astype(np.float32) if marks else None, colors)

    def _chosen_mark(self) -> np.ndarray:
        """Make the mark of the object, or of the link that was clicked."""
        pin: Pin | None = None if self.explanation is None else self.explanation.pin
        place = self._viewer.feed.center_of
        if pin is None or pin.kind != "link":
            t, object_id = self._at
            return np.array([[t, t, *place(t, object_id), np.nan, np.nan, np.nan, 2]])
        ends = place(pin.t, pin.object_id), place(pin.target_t, pin.target_id)
        return np.array([[pin.t, pin.target_t, *ends[0], *ends[1], 2]])


def _explain(result: TrackingResult, pin: Pin, **options: Any) -> Explanation:
    return explain(result, pin.t, pin.object_id, pin.target_id, target_t=pin.target_t, kind=pin.kind, **options)
