"""The energies of a result as histograms: links that it has and those it has not, and sizes of objects."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import ipywidgets
import numpy as np
from bqplot import Axis, Figure, LinearScale, Lines
from ipywidgets import Layout

from nbtrack.rendering.colors import UNUSED_COLOR, USED_COLOR
from nbtrack.widgets.auto_progress import number

if TYPE_CHECKING:
    from nbtrack.data.result import TrackingResult

BINS = 24
"""Bars of a histogram."""
MOST = 98.0
"""Percentile beyond which values are put into the last bar, if the largest is far away."""
FAR = 2.0
"""How many times that percentile (from the smallest value on) is far away."""
_EMPTY = "Press Track first: there is no result yet."


class PairHistogram:
    """Two groups of values over one axis: those the answer has are filled, the others are a dashed line.

    Parameters
    ----------
    title : str
        Above the figure.
    x_label : str
        What the values are, with their unit.
    y_label : str
        What is counted.

    Attributes
    ----------
    widget : bqplot.Figure
        The figure.
    used, unused : bqplot.Lines
        Outlines of the bars.
    """

    def __init__(self, title: str, x_label: str, y_label: str) -> None:
        self._x_label = x_label
        self._x, self._y = (LinearScale(min=0, max=1, allow_padding=False) for _ in "xy")
        scales = {"x": self._x, "y": self._y}
        style = {"x": [0.0, 1.0], "y": [0.0, 0.0], "scales": scales, "interpolation": "step-after"}
        self.used = Lines(**style, colors=[USED_COLOR], fill="bottom", fill_opacities=[0.35], stroke_width=1.5)
        self.unused = Lines(**style, colors=[UNUSED_COLOR], stroke_width=2, line_style="dashed")
        ticks = {"tick_format": ",.6~g", "grid_lines": "none"}
        self.x_axis = Axis(scale=self._x, label=x_label, label_offset="34px", **ticks)
        self.y_axis = Axis(scale=self._y, label=y_label, side="left", label_offset="40px", **ticks)
        self.widget = Figure(
            marks=[self.used, self.unused], axes=[self.x_axis, self.y_axis], title=title,
            fig_margin={"top": 32, "bottom": 48, "left": 58, "right": 16}, background_style={"fill": "none"},
            display_toolbar=False, layout=Layout(flex="1 1 0", width="0", min_width="0", height="220px", margin="0"),
        )  # fmt: skip
        self.widget.add_class("nbt-histogram")
        self.widget.add_class("nbt-titled")

    def show(self, used: np.ndarray, unused: np.ndarray) -> None:
        """Count values.

        Parameters
        ----------
        used, unused : ndarray of float
            What the answer has, and what it has not.
        """
        values = np.concatenate([used, unused])
        low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
        common = float(np.percentile(values, MOST)) if len(values) else 1.0
        is_far = len(values) > 0 and high - low > FAR * max(common - low, 1e-9)
        end = common if is_far and common > low else high
        end = end if end > low else low + 1.0
        edges = np.linspace(low, end, BINS + 1)
        counts = [np.histogram(np.minimum(part, end), edges)[0] for part in (used, unused)]
        self._x.min, self._x.max = low, end
        self._y.max = float(max(1, *(part.max() for part in counts))) * 1.08
        self.x_axis.tick_values = nice_ticks(low, end, 5)
        self.y_axis.tick_values = nice_ticks(0.0, self._y.max, 5, whole=True)
        self.x_axis.label = self._x_label + (" (last bar: and more)" if end < high else "")
        for line, part in zip((self.used, self.unused), counts, strict=True):
            with line.hold_sync():
                line.x, line.y = edges, np.append(part, part[-1]).astype(float)


class EnergyPage:
    """Histograms of a result, and what its energy is made of.

    Attributes
    ----------
    widget : ipywidgets.VBox
        The page.
    energies, distances, sizes : PairHistogram
        Links by what they cost more than not being used, links by their length, objects by their size.
    """

    def __init__(self) -> None:
        self.energies = PairHistogram("Energy of links", "energy if used − if not", "links")
        self.distances = PairHistogram("Length of links", "distance of centers", "links")
        self.sizes = PairHistogram("Size of objects", "pixels", "objects")
        self._legend = ipywidgets.HTML(layout=Layout(margin="0"))
        self._totals = ipywidgets.HTML(layout=Layout(margin="0"))
        self._figures = ipywidgets.HBox(
            [part.widget for part in (self.energies, self.distances, self.sizes)], layout=Layout(margin="0")
        )
        self._figures.add_class("nbt-diagrams")
        self.widget = ipywidgets.VBox([self._legend, self._figures, self._totals], layout=Layout(margin="0"))
        self.widget.add_class("nbt-drawers")
        self.show(None)

    def show(self, result: TrackingResult | None) -> None:
        """Show the energies of another result.

        Parameters
        ----------
        result : TrackingResult or None
            None shows none.
        """
        solved = None if result is None else result.solved
        energies = None if result is None else result.energies
        self._figures.layout.display = "none" if energies is None else ""
        self._totals.value = ""
        if result is None or solved is None or energies is None:
            text = _EMPTY if result is None else "The energies of this run are not known. Track again to see them."
            self._legend.value = f'<div class="nbt-sentence-small">{text}</div>'
            return
        links, graph = energies.links, solved.graph
        in_answer = _in_answer(result)
        net = (links["energy"] - links["off"]).to_numpy()
        tracked = result.objects["count"].to_numpy() > 0
        self.energies.show(net[in_answer], net[~in_answer])
        self.distances.show(graph.distance[in_answer], graph.distance[~in_answer])
        self.sizes.show(graph.size[tracked], graph.size[~tracked])
        used = f"in the answer: {in_answer.sum():,} links, {tracked.sum():,} objects"
        unused = f"not: {(~in_answer).sum():,} candidate links, {(~tracked).sum():,} false detections"
        self._legend.value = (
            f'<div class="nbt-legend-row"><i class="nbt-filled" style="--c:{USED_COLOR}"></i>{used}'
            f'<i class="nbt-dashed" style="--c:{UNUSED_COLOR}"></i>{unused}</div>'
        )
        paid = "".join(
            f"<span>{escape(name)} <b>{number(value)}</b></span>" for name, value in energies.totals.items() if value
        )
        self._totals.value = (
            f'<div class="nbt-totals"><span>The answer costs <b>{number(energies.total)}</b>:</span>{paid}</div>'
        )


def nice_ticks(low: float, high: float, most: int, *, whole: bool = False) -> np.ndarray:
    """Choose round numbers between two values.

    Parameters
    ----------
    low, high : float
        The values; the second is larger.
    most : int
        Most steps between them.
    whole : bool, optional
        Whether they must be whole numbers.

    Returns
    -------
    ndarray of float
        Multiples of 1, 2 or 5 times a power of ten.

    Examples
    --------
    >>> nice_ticks(-3.0, 42.0, 5).tolist()
    [0.0, 10.0, 20.0, 30.0, 40.0]
    """
    least = (high - low) / most
    power = 10.0 ** np.floor(np.log10(least))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))
    step = max(step, 1.0) if whole else step
    return np.arange(np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9) + 1) * step + 0.0


def _in_answer(result: TrackingResult) -> np.ndarray:
    """Tell which candidate links some track goes along, be it by a division or a merge."""
    known = result.links.assign(target_t=result.links["t"] + result.links["gap"])
    ends = ["t", "source_id", "target_t", "target_id"]
    found = result.energies.links[ends].merge(known[ends].drop_duplicates(), how="left", on=ends, indicator=True)
    return (found["_merge"] == "both").to_numpy()
