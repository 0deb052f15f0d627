"""Track and Cancel, and what the solver says meanwhile: best answer so far, bound and gap."""

from __future__ import annotations

from html import escape
from math import isfinite
from typing import TYPE_CHECKING, Any

import ipywidgets
from ipywidgets import Layout

from nbtrack.live_tracking import QUICK
from nbtrack.widgets.controls import small_button
from nbtrack.widgets.panel import box

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbtrack.data.result import SolveReport
    from nbtrack.solvers.control import Progress

ENDS = {
    "optimal": "Best answer, proven",
    "time_limit": "Stopped by the timeout",
    "interrupted": "Cancelled",
    "infeasible": "No answer",
    "error": "No answer",
}
"""How a run can end, in few words."""


class TrackBox:
    """The button that tracks, the one that cancels, and three figures that follow the solver.

    Parameters
    ----------
    guard : callable
        Wraps handlers, see `nbtrack.widgets.messages.Messages.guard`.
    on_track, on_cancel : callable
        Called without arguments.

    Attributes
    ----------
    widget : ipywidgets.VBox
        The box.
    track, cancel : ipywidgets.Button
        One of them is shown.
    live : ipywidgets.Checkbox
        Whether a moved slider solves again.
    """

    def __init__(
        self, *, guard: Callable[..., Any], on_track: Callable[[], object], on_cancel: Callable[[], object]
    ) -> None:
        self.track = small_button("play", "Track all objects with these parameters", guard(on_track), text="Track",
                                  width="100%")  # fmt: skip
        self.track.button_style = "primary"
        self.cancel = small_button("stop", "Stop and keep the best answer so far", guard(on_cancel), text="Cancel",
                                   width="100%")  # fmt: skip
        self.cancel.button_style = "warning"
        self.live = ipywidgets.Checkbox(
            value=True, indent=False, description="Solve again when a slider moves",
            tooltip=f"While a run takes less than {QUICK:g} s", layout=Layout(width="auto", margin="0"),
        )  # fmt: skip
        self.live.add_class("nbt-check")
        self._figures = ipywidgets.HTML(layout=Layout(margin="0"))
        self.widget = box("Tracking", self.track, self.cancel, self._figures, self.live)
        self.set_running(False)
        self._write(None, None, None, "Not tracked yet")

    def set_running(self, on: bool) -> None:
        """Show Cancel while the solver runs, Track else; both have one place."""
        self.track.layout.display = "none" if on else ""
        self.cancel.layout.display = "" if on else "none"
        self.cancel.disabled = False

    def show_progress(self, progress: Progress) -> None:
        """Show where the solver stands."""
        self._write(progress.incumbent, progress.bound, progress.gap, f"{progress.phase} …", progress.seconds)

    def show_report(self, report: SolveReport) -> None:
        """Show how a run ended."""
        self._write(report.objective, report.bound, report.gap, ENDS[report.status], report.seconds)

    def _write(
        self, energy: float | None, bound: float | None, gap: float | None, text: str, seconds: float | None = None
    ) -> None:
        cells = "".join(
            f"<td><i>{name}</i><b>{value}</b></td>"
            for name, value in (("energy", number(energy)), ("bound", number(bound)), ("gap", percent(gap)))
        )
        took = "" if seconds is None else f"{seconds:.2f} s"
        self._figures.value = (
            f'<table class="nbt-figures"><tr>{cells}</tr></table>'
            f'<div class="nbt-phase"><span>{escape(text.capitalize())}</span><span>{took}</span></div>'
        )


def number(value: float | None) -> str:
    """Write an energy, or a dash if there is none."""
    if value is None or not isfinite(value):
        return "–"
    return f"{value:,.2f}" if abs(value) < 1e6 else f"{value:,.0f}"


def percent(gap: float | None) -> str:
    """Write a gap, or a dash if there is none."""
    if gap is None or not isfinite(gap):
        return "–"
    return "0 %" if gap < 5e-9 else f"{100 * gap:.2g} %"
