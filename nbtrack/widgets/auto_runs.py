"""The list of automatic runs below the image: what each found, at which energy, and what was changed for it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from nbtrack.widgets.auto_events import JumpList
from nbtrack.widgets.auto_params import described_change
from nbtrack.widgets.auto_progress import ENDS, number, percent
from nbtrack.widgets.controls import small_button
from nbtrack.widgets.panel import row

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbtrack.runs.run import Run
    from nbtrack.runs.run_list import Runs

_COLUMNS = {
    "": "22px", "Energy": "92px", "Gap": "52px", "Time": "54px", "Tracks": "46px", "Divisions": "52px",
    "Mergers": "48px", "Appear": "44px", "Vanish": "42px", "False": "36px",
}  # fmt: skip
_SCORES = {"link_f1": ("Links", "40px"), "division_f1": ("Div. F1", "40px")}
_COUNTS = ("tracks", "divisions", "mergers", "appearances", "disappearances", "false_detections")
_TIPS = {
    "Use its parameters": "Put the parameters of the chosen run into the controls",
    "Copy as Python": "Copy the lines that do the chosen run again",
    "Correct by hand": "Go on with the chosen result in the manual workbench",
}


class RunBox:
    """The runs, newest first, and what can be done with the chosen one.

    Parameters
    ----------
    runs : Runs
        What is listed; it is followed.
    guard : callable
        Wraps handlers, see `nbtrack.widgets.messages.Messages.guard`.
    on_choose : callable
        Called with the number of the run that was clicked.
    on_take, on_copy, on_correct : callable
        Called by the buttons, with the number of the chosen run.

    Attributes
    ----------
    widget : ipywidgets.VBox
        The list and its buttons.
    list : JumpList
        The rows.
    buttons : dict of str to Button
        By their text.
    chosen : int
        The run that is shown; 0 for none.
    """

    def __init__(
        self,
        runs: Runs,
        *,
        guard: Callable[..., Any],
        on_choose: Callable[[int], object],
        on_take: Callable[[int], object],
        on_copy: Callable[[int], object],
        on_correct: Callable[[int], object],
    ) -> None:
        self._runs = runs
        self.chosen = 0
        self.list = JumpList("runs", 5, guard=guard, on_jump=lambda index: on_choose(self._number(index)))
        self.buttons = {
            text: small_button(icon, _TIPS[text], guard(lambda act=act: act(self.chosen)), text=text, width="auto")
            for text, icon, act in (
                ("Use its parameters", "sliders", on_take),
                ("Copy as Python", "copy", on_copy),
                ("Correct by hand", "pencil", on_correct),
            )
        }
        for button in self.buttons.values():
            button.add_class("nbt-wide-button")
        self.widget = self.list.widget
        self.widget.children = (*self.widget.children, row(*self.buttons.values()))
        self.widget.remove_class("nbt-box")
        self.widget.add_class("nbt-drawers")
        self._stop = runs.on_change(guard(lambda _: self.refresh()))
        self.refresh()

    def choose(self, number: int) -> None:
        """Mark the run that is shown.

        Parameters
        ----------
        number : int
            The run; 0 for none.
        """
        self.chosen = number
        self._mark()

    def refresh(self) -> None:
        """Show the runs as they are now."""
        scored = any(run.scores for run in self._runs)
        self._scores = tuple(_SCORES) if scored else ()
        columns = _COLUMNS | {_SCORES[name][0]: _SCORES[name][1] for name in self._scores}
        names = "".join(f"<span>{name}</span>" for name in (*columns, "Changed"))
        grid = " ".join((*columns.values(), "minmax(0, 1fr)"))
        head = f'<div class="nbt-run nbt-run-names" style="--columns:{grid}">{names}</div>'
        self._grid = grid
        empty = "None yet. Press Track: every run is kept here with its parameters."
        self.list.show(len(self._runs), self._row, empty=empty, heading=head)
        self._mark()

    def close(self) -> None:
        """Stop following the runs and listening to the mouse."""
        self._stop()
        self.list.close()

    # ------------------------------------------------------------------ helpers
    def _number(self, index: int) -> int:
        return len(self._runs) - index

    def _mark(self) -> None:
        known = 0 < self.chosen <= len(self._runs)
        self.list.mark(self._number(self.chosen) if known else None)
        for button in self.buttons.values():
            button.disabled = not known

    def _row(self, index: int) -> str:
        run: Run = self._runs[self._number(index)]
        figures, status = run.figures, run.figures["status"]
        gap = percent(figures["gap"]) + ("" if status == "optimal" else " ⚠")
        cells = [run.number, number(figures["energy"]), gap, f"{figures['seconds']:.2f} s"]
        cells += [f"{run.counts[name]:,}" for name in _COUNTS]
        cells += [_share(run.scores.get(name)) for name in self._scores]
        changed = described_change(run.changed)
        said = [] if status == "optimal" else [ENDS[status]]
        said += [changed] if changed else []
        spans = "".join(f"<span>{cell}</span>" for cell in cells)
        text = escape("; ".join(said))
        return f'<section class="nbt-run" style="--columns:{self._grid}">{spans}<span>{text}</span></section>'


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
