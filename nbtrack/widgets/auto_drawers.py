"""What lies below the image: the list of runs, two runs compared, energies and their reasons, a truth, Python, export.

One drawer is open at a time, so that image and list are in sight together. What is folded away is not kept up to date,
and draws nothing on the image.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets
from ipywidgets import Layout

from nbtrack.errors import InputError
from nbtrack.io.registry import read
from nbtrack.widgets.auto_comparison import ComparisonList
from nbtrack.widgets.auto_energies import EnergyPage
from nbtrack.widgets.auto_progress import number
from nbtrack.widgets.auto_why import WhyPage
from nbtrack.widgets.controls import small_button
from nbtrack.widgets.export_box import ExportBox
from nbtrack.widgets.panel import caption, row

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbtrack.data.result import TrackingResult
    from nbtrack.runs.run_list import Runs
    from nbtrack.widgets.viewer import Viewer

_TIPS = {
    "Runs": "Everything that was tracked, newest first",
    "Differences": "What differs between the run on screen and another one",
    "Energies": "Histograms of links, lengths and sizes: what the run on screen has, and what it rejected",
    "Why": "Click an object: what each decision about it costs, and what the best alternative would cost",
    "Evaluation": "Measures and errors against a truth",
    "Python": "The lines that do the run again",
    "Export": "Save tracks and tables of the run on screen",
}
_MEASURES = {
    "Objects": ("object_recall", "object_precision", None),
    "Links": ("link_recall", "link_precision", "link_f1"),
    "Divisions": ("division_recall", "division_precision", "division_f1"),
    "Divisions, one frame off allowed": (None, None, "division_f1_within_1"),
}


class AutoDrawers:
    """Runs, and comparison, energies, reasons, evaluation, code and export of the one on screen.

    Parameters
    ----------
    runs : Runs
        The runs.
    run_list : Widget
        Their list, which is open at first.
    viewer : Viewer
        The image.
    folder : str or Path
        Where relative names of exports begin.

    Attributes
    ----------
    widget : ipywidgets.VBox
        The row of buttons, and the open drawer.
    buttons : dict of str to ToggleButton
        Open a drawer, by its name.
    other : ipywidgets.Dropdown
        The run to compare with; 0 for none.
    differences, errors : ComparisonList
        What differs from the other run, and what is wrong.
    energies : EnergyPage
        The histograms.
    why : WhyPage
        What was decided about an object, and why.
    path, axes : ipywidgets.Text
        The truth: a folder of the Cell Tracking Challenge or label images.
    export : ExportBox
        The export.
    """

    def __init__(self, runs: Runs, run_list: ipywidgets.Widget, viewer: Viewer, *, folder: str | Path) -> None:
        self._runs, self._viewer, self._number = runs, viewer, 0
        self._quiet, self._wanted = False, 0
        guard, say = viewer.messages.guard, viewer.messages.say
        self.buttons = {
            name: ipywidgets.ToggleButton(
                description=name, tooltip=tip, layout=Layout(width="auto", height="26px", margin="0")
            )
            for name, tip in _TIPS.items()
        }
        for name, button in self.buttons.items():
            button.observe(guard(lambda change, name=name: self._toggle(name, change["new"])), "value")
        self.differences, self.errors = (
            ComparisonList(viewer, guard=guard, say=say, same_objects=same) for same in (True, False)
        )
        self.energies, self.why = EnergyPage(), WhyPage(viewer)
        self.export = ExportBox(None, guard=guard, say=say, folder=folder, styled=False)
        self._pages = {
            "Runs": (run_list, lambda: None),
            "Differences": (self._make_comparison(guard), self._show_differences),
            "Energies": (self.energies.widget, lambda: self.energies.show(self._result())),
            "Why": (self.why.widget, lambda: self.why.show(self._result())),
            "Evaluation": (self._make_evaluation(guard), self._show_errors),
            "Python": (self._make_code(guard), self._show_code),
            "Export": (self._make_export(), self._show_export),
        }
        self.open_name = ""
        self._place = ipywidgets.VBox(layout=Layout(display="none", margin="0"))
        self._place.add_class("nbt-box")
        names = ipywidgets.HBox(tuple(self.buttons.values()), layout=Layout(margin="0"))
        names.add_class("nbt-drawer-row")
        self.widget = ipywidgets.VBox([names, self._place], layout=Layout(margin="0"))
        self.widget.add_class("nbt-drawers")
        self.buttons["Runs"].value = True

    def show(self, number: int) -> None:
        """Follow the run on screen.

        Parameters
        ----------
        number : int
            The run; 0 for none.
        """
        self._number = number
        self._offer_others()
        self.refresh()

    def refresh(self) -> None:
        """Bring the open drawer up to date."""
        if self.open_name:
            self._pages[self.open_name][1]()

    def load_truth(self) -> None:
        """Read the truth that was typed, and score all runs.

        Raises
        ------
        InputError
            If there is none, it cannot be read, or it belongs to another movie.
        """
        text = self.path.value.strip()
        if not text:
            raise InputError(
                "`truth` is empty. Type the folder of a truth of the Cell Tracking Challenge, or a file of label "
                "images in which each pixel has the number of its track."
            )
        path = Path(text).expanduser()
        self._runs.set_truth(path if path.is_dir() else read(path, axes=self.axes.value.strip() or None))
        self.refresh()
        self._viewer.messages.say(f"All runs are compared with {path.name} now.")

    def close(self) -> None:
        """Stop listening, and bring what is folded away back, so that it is closed with the rest."""
        for part in (self.differences, self.errors, self.why):
            part.close()
        self._place.children = tuple(page for page, _ in self._pages.values())

    # ------------------------------------------------------------------ drawers
    def _toggle(self, name: str, on: bool) -> None:
        if not on and self.open_name != name:
            return
        self.open_name = name if on else ""
        for other, button in self.buttons.items():
            if on and other != name:
                button.value = False
        self._place.layout.display = "" if on else "none"
        for drawer, part in (("Differences", self.differences), ("Why", self.why), ("Evaluation", self.errors)):
            part.is_open = self.open_name == drawer
        self._viewer.canvas.mark(None)
        if on:
            self._place.children = (self._pages[name][0],)
            self.refresh()

    def _make_comparison(self, guard: Callable[..., Any]) -> ipywidgets.VBox:
        self.other = ipywidgets.Dropdown(options=[("–", 0)], layout=Layout(width="220px", margin="0"))
        self.other.observe(guard(self._choose_other), "value")
        self._whom = caption("With", "auto")
        self.differences.head.children = (self._whom, self.other, *self.differences.head.children)
        return self.differences.widget

    def _make_evaluation(self, guard: Callable[..., Any]) -> ipywidgets.VBox:
        self.path = ipywidgets.Text(
            placeholder="Folder of the Cell Tracking Challenge (GT, TRA, 01_GT …), or label images by track",
            layout=Layout(flex="1 1 0", width="auto", min_width="0", margin="0"),
        )
        self.axes = ipywidgets.Text(
            placeholder="axes", tooltip="Axes of label images, such as tyx; empty takes them from the file",
            layout=Layout(width="70px", margin="0", flex="0 0 auto"),
        )  # fmt: skip
        load = small_button("check", "Compare all runs with this truth", guard(self.load_truth), text="Compare",
                            width="auto")  # fmt: skip
        load.button_style = "primary"
        load.add_class("nbt-wide-button")
        self._measures = ipywidgets.HTML(layout=Layout(margin="0"))
        given = row(caption("Truth", "auto"), self.path, self.axes, load)
        return _page(given, self._measures, self.errors.widget)

    def _make_code(self, guard: Callable[..., Any]) -> ipywidgets.VBox:
        self.code = ipywidgets.Textarea(
            placeholder="Nothing was tracked yet.", layout=Layout(width="auto", height="130px", margin="0")
        )
        self.code.add_class("nbt-code")
        copy = small_button("copy", "Copy the code", guard(lambda: self.copy(self._number)), text="Copy", width="90px")
        return _page(self.code, copy)

    def copy(self, number: int) -> None:
        """Put the code of a run on the clipboard, or show it where the view has none.

        Parameters
        ----------
        number : int
            The run.
        """
        if self._viewer.canvas.copy(self._runs.as_python(number)):
            self._viewer.messages.say(f"The lines that do run {number} again are on the clipboard.")
        else:
            self.buttons["Python"].value = True
            self._viewer.messages.say("This view cannot copy. Select the text and press Ctrl+C.", "hint")

    def _make_export(self) -> ipywidgets.VBox:
        self._none = ipywidgets.HTML('<div class="nbt-sentence-small">Press Track first: there is no result yet.</div>')
        return _page(self._none, self.export.widget)

    # ------------------------------------------------------------------ what they show
    def _result(self) -> TrackingResult | None:
        return self._runs.result(self._number) if self._number else None

    def _offer_others(self) -> None:
        """Offer the other runs; the one that was chosen by hand stays, else it is the one before the run on screen."""
        chosen = self._wanted
        others = [run.number for run in self._runs if run.number != self._number]
        names = [(f"{self._runs[n].name}: {number(self._runs[n].figures['energy'])}", n) for n in reversed(others)]
        if chosen not in others:
            chosen = max((n for n in others if n < self._number), default=max(others, default=0))
        self._quiet = True
        self.other.options = [*names, ("–", 0)]
        self.other.value, self._quiet = chosen, False
        self._whom.value = f"Run {self._number} and" if self._number else "With"

    def _choose_other(self, change: dict[str, Any]) -> None:
        if not self._quiet:
            self._wanted = change["new"]
            self._show_differences()

    def _show_differences(self) -> None:
        pair = self._number, self.other.value
        why = "Track once more with other parameters: what differs is listed here."
        self.differences.show(self._runs.difference(*pair) if all(pair) else None, why)

    def _show_errors(self) -> None:
        known = self._runs.has_truth and self._number
        found = self._runs.errors(self._number) if known else None
        self._measures.value = _write_measures(self._runs[self._number].scores) if known else ""
        self.errors.show(found, "Track, and load a truth: every error is listed here.")

    def _show_code(self) -> None:
        self.code.value = self._runs.as_python(self._number) if self._number else ""

    def _show_export(self) -> None:
        self._none.layout.display = "none" if self._number else ""
        self.export.widget.layout.display = "" if self._number else "none"
        self.export.source = self._result()


def _page(*parts: ipywidgets.Widget) -> ipywidgets.VBox:
    made = ipywidgets.VBox(parts, layout=Layout(margin="0"))
    made.add_class("nbt-drawers")
    return made


def _write_measures(scores: dict[str, Any]) -> str:
    """Write how well a run agrees with the truth as a table."""

    def say(name: str | None) -> str:
        value = scores.get(name) if name else None
        return "" if name is None else "–" if value is None else f"{value:.4g}"

    head = "".join(f"<th>{text}</th>" for text in ("", "recall", "precision", "F1"))
    rows = "".join(
        f"<tr><th>{escape(text)}</th>{''.join(f'<td>{say(name)}</td>' for name in names)}</tr>"
        for text, names in _MEASURES.items()
    )
    counts = "".join(
        f"<span>{what}: {scores.get(f'result_{what}', 0):,} found, {scores.get(f'truth_{what}', 0):,} true</span>"
        for what in ("objects", "divisions")
    )
    table = f'<table class="nbt-measures"><tr>{head}</tr>{rows}</table>'
    return f'<div class="nbt-scores">{table}<div>{counts}</div></div>'
