"""Small histograms to choose a threshold and a range of sizes by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipywidgets
import numpy as np
from bqplot import Axis, Figure, LinearScale, Lines, LogScale, Scatter
from ipywidgets import Layout

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_VALUES = 100_000
_BINS = 64
_FILL, _LINE = "#8a94a6", "#d55e00"


class ThresholdHistogram:
    """The values of a frame with a line at the threshold that can be dragged.

    Parameters
    ----------
    on_drag : callable
        Gets the threshold when the line was dragged.

    Attributes
    ----------
    widget : ipywidgets.Widget
        The figure.
    handle : bqplot.Scatter
        The knob of the line.
    """

    def __init__(self, on_drag: Callable[[float], object]) -> None:
        self._on_drag, self._quiet = on_drag, False
        self._scale = {"x": LinearScale(min=0, max=1), "y": LinearScale(min=0, max=1.15)}
        self._bars = Lines(x=[0, 1], y=[0, 0], scales=self._scale, colors=[_FILL], fill="bottom", fill_opacities=[0.5],
                           stroke_width=1)  # fmt: skip
        self._line = Lines(x=[0.5, 0.5], y=[0, 1.1], scales=self._scale, colors=[_LINE], stroke_width=2)
        self.handle = Scatter(x=[0.5], y=[1.05], scales=self._scale, colors=[_LINE], default_size=90, enable_move=True,
                              restrict_x=True, update_on_move=True, marker="triangle-down")  # fmt: skip
        self.handle.observe(self._dragged, "x")
        self._axis = Axis(scale=self._scale["x"], tick_format=".3~g")
        self.widget = _figure([self._bars, self._line, self.handle], self._axis)

    def show_values(self, values: np.ndarray, limit: float) -> None:
        """Count the values of a frame; frequent ones are drawn on a logarithmic scale.

        Parameters
        ----------
        values : ndarray
            The values.
        limit : float
            Right end of the axis.
        """
        sample = values.reshape(-1)[:: max(1, values.size // _MOST_VALUES)].astype(np.float32)
        counts, edges = np.histogram(sample, _BINS, (0, limit))
        heights = np.log1p(counts)
        self._scale["x"].max = float(limit)
        self._axis.tick_values = np.linspace(0, limit, 6)
        with self._bars.hold_sync():
            self._bars.x = (edges[:-1] + edges[1:]) / 2
            self._bars.y = heights / max(heights.max(), 1e-9)

    def show_threshold(self, threshold: float) -> None:
        """Move the line."""
        self._line.x = np.array([threshold, threshold])
        self._quiet = True
        try:
            self.handle.x = np.array([threshold])
        finally:
            self._quiet = False

    def _dragged(self, change: dict) -> None:
        if not self._quiet and len(change["new"]):
            self._on_drag(float(change["new"][0]))


class SizeHistogram:
    """The sizes of the regions of a frame with lines at both ends of the range.

    Attributes
    ----------
    widget : ipywidgets.Widget
        The figure.
    """

    def __init__(self) -> None:
        self._scale = {"x": LogScale(min=1, max=1000), "y": LinearScale(min=0, max=1.1)}
        self._bars = Lines(x=[1, 1000], y=[0, 0], scales=self._scale, colors=[_FILL], fill="bottom",
                           fill_opacities=[0.5], stroke_width=1, interpolation="step-after")  # fmt: skip
        self._ends = [
            Lines(x=[1, 1], y=[0, 1.1], scales=self._scale, colors=[_LINE], stroke_width=2, line_style="dashed")
            for _ in range(2)
        ]
        axis = Axis(scale=self._scale["x"], tick_format="~s", tick_values=[1, 10, 100, 1000, 1e4, 1e5, 1e6])
        self.widget = _figure([self._bars, *self._ends], axis)

    def show(self, sizes: np.ndarray, limits: tuple[int, int]) -> None:
        """Count the sizes.

        Parameters
        ----------
        sizes : ndarray of int
            Pixels of each region.
        limits : tuple of int
            Smallest and largest that are kept.
        """
        end = 10 ** np.ceil(np.log10(max(sizes.max(initial=1), 100) + 1))
        counts, edges = np.histogram(sizes, np.geomspace(1, end, 40))
        self._scale["x"].max = float(end)
        with self._bars.hold_sync():
            self._bars.x = edges
            self._bars.y = np.append(counts, 0) / max(counts.max(), 1)
        for line, limit in zip(self._ends, limits, strict=True):
            line.x = np.full(2, float(max(limit, 1)))
            line.visible = bool(limit <= end)


def _figure(marks: list, axis: Axis) -> ipywidgets.Widget:
    figure = Figure(
        marks=marks,
        axes=[axis],
        fig_margin={"top": 4, "bottom": 22, "left": 14, "right": 14},
        background_style={"fill": "none"},
        layout=Layout(width="100%", min_width="0", height="92px", margin="0"),
    )
    axis.grid_lines = "none"
    figure.add_class("nbt-histogram")
    return figure
