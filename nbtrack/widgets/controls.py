"""The two bars of a view: layers and contrast above the image, time below it.

Everything here is linked to the canvas in the browser, so that sliders work without waiting for the kernel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import ipywidgets
from ipywidgets import Layout, jslink

from nbtrack.rendering.colors import ColorBy

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbtrack.widgets.canvas import CanvasWidget
    from nbtrack.widgets.frames import FrameFeed


def small_button(icon: str, tooltip: str, on_click: Callable[[], object], *, text: str = "", width: str = "34px"):
    """Make a button.

    Parameters
    ----------
    icon : str
        Name of a Font Awesome icon, or empty.
    tooltip : str
        What it does, with its key.
    on_click : callable
        Called without arguments.
    text : str, optional
        Text on it.
    width : str, optional
        CSS width.

    Returns
    -------
    ipywidgets.Button
    """
    layout = Layout(width=width, height="28px", margin="0", flex="0 0 auto", padding="0")
    button = ipywidgets.Button(icon=icon, description=text, tooltip=tooltip, layout=layout)
    button.on_click(lambda _: on_click())
    return button


class LayerBar:
    """Switch and opacity of each layer, contrast, and what decides the colour.

    Parameters
    ----------
    canvas : CanvasWidget
        What they act on.
    feed : FrameFeed
        Tells which layers there are and the range of grey values.
    on_auto : callable
        Called by the button for automatic contrast.
    on_color_by : callable
        Called with "track" or "lineage".

    Attributes
    ----------
    widget : ipywidgets.VBox
        The bar.
    """

    def __init__(
        self,
        canvas: CanvasWidget,
        feed: FrameFeed,
        *,
        on_auto: Callable[[], object],
        on_color_by: Callable[[ColorBy], object],
    ) -> None:
        layers = [("raw", "Raw image", feed.movie), ("objects", "Objects", feed.detections)]
        layers.append(("tracks", "Tracks", feed.lineage))
        self.switches = {}
        parts = []
        for name, text, there in layers:
            if there is None:
                continue
            parts.append(self._layer(canvas, name, text))
        rows = [ipywidgets.HBox(parts)]
        if feed.movie is not None:
            rows.append(self._contrast(canvas, feed, on_auto))
        if feed.lineage is not None:
            choices = ipywidgets.Dropdown(
                options=get_args(ColorBy), value=feed.color_by, layout=Layout(width="82px", margin="0")
            )
            choices.observe(lambda change: on_color_by(change["new"]), "value")
            rows[-1].children = (*rows[-1].children, _caption("Colour by", "62px"), choices)
            self.color_by = choices
        for row in rows:
            row.add_class("nbt-row")
        self.widget = ipywidgets.VBox(rows)
        self.widget.add_class("nbt-bar")

    def _layer(self, canvas: CanvasWidget, name: str, text: str):
        switch = ipywidgets.Checkbox(
            value=getattr(canvas, f"{name}_on"),
            description=text,
            indent=False,
            layout=Layout(width="auto", margin="0", flex="0 0 auto"),
        )
        opacity = ipywidgets.FloatSlider(
            value=getattr(canvas, f"{name}_opacity"), min=0, max=1, step=0.05, readout=False,
            tooltip=f"Opacity: {text}", layout=Layout(flex="1 1 60px", width="auto", margin="0 8px"),
        )  # fmt: skip
        jslink((switch, "value"), (canvas, f"{name}_on"))
        jslink((opacity, "value"), (canvas, f"{name}_opacity"))
        self.switches[name] = switch
        box = ipywidgets.HBox([switch, opacity], layout=Layout(flex="1 1 0", margin="0"))
        box.add_class("nbt-layer")
        return box

    def _contrast(self, canvas: CanvasWidget, feed: FrameFeed, on_auto: Callable[[], object]):
        low, high = feed.range
        whole = feed.movie.dtype.kind in "biu"
        step = max(1.0, round((high - low) / 500)) if whole else (high - low) / 500
        self.contrast = ipywidgets.FloatRangeSlider(
            value=canvas.contrast, min=low, max=high, step=step, readout_format=".0f" if whole else ".3g",
            tooltip="Grey values shown as black and white",
            layout=Layout(flex="1 1 auto", width="auto", margin="0 0 0 8px"),
        )  # fmt: skip
        canvas.contrast = self.contrast.value
        jslink((self.contrast, "value"), (canvas, "contrast"))
        auto = small_button("", "Choose the contrast from the frame on screen", on_auto, text="Auto", width="48px")
        return ipywidgets.HBox([_caption("Contrast", "56px"), self.contrast, auto])


class TimeBar:
    """First, previous, play, next and last frame; a slider and a number; another slider for slices.

    Parameters
    ----------
    canvas : CanvasWidget
        What they act on.

    Attributes
    ----------
    widget : ipywidgets.VBox
        The bar.
    """

    def __init__(self, canvas: CanvasWidget) -> None:
        self._canvas = canvas
        last = canvas.n_frames - 1
        self.play = ipywidgets.ToggleButton(
            icon="play",
            tooltip="Play or pause (Space)",
            layout=Layout(width="34px", height="28px", margin="0", padding="0"),
        )
        jslink((self.play, "value"), (canvas, "playing"))
        canvas.observe(self._show_playing, "playing")
        buttons = [
            small_button("fast-backward", "First frame", lambda: self._goto(0)),
            small_button("step-backward", "Previous frame (←, or Shift + wheel)", lambda: self._goto(canvas.t - 1)),
            self.play,
            small_button("step-forward", "Next frame (→, or Shift + wheel)", lambda: self._goto(canvas.t + 1)),
            small_button("fast-forward", "Last frame", lambda: self._goto(last)),
        ]
        rows = [ipywidgets.HBox([*buttons, *self._axis("t", "Frame", last)])]
        if canvas.n_slices > 1:
            rows.append(ipywidgets.HBox(self._axis("z", "Slice z", canvas.n_slices - 1)))
        for row in rows:
            row.add_class("nbt-row")
        self.widget = ipywidgets.VBox(rows)
        self.widget.add_class("nbt-bar")

    def _axis(self, name: str, text: str, last: int):
        value = getattr(self._canvas, name)
        slider = ipywidgets.IntSlider(
            value=value, min=0, max=last, readout=False, layout=Layout(flex="1 1 auto", width="auto", margin="0 4px")
        )
        number = ipywidgets.BoundedIntText(
            value=value, min=0, max=last, tooltip=f"{text}: type a number", layout=Layout(width="64px", margin="0")
        )
        jslink((slider, "value"), (self._canvas, name))
        jslink((number, "value"), (self._canvas, name))
        return [_caption(text, "44px"), slider, number, _caption(f"/ {last}", "40px")]

    def _goto(self, t: int) -> None:
        self._canvas.t = min(max(t, 0), self._canvas.n_frames - 1)

    def _show_playing(self, change) -> None:
        self.play.icon = "pause" if change["new"] else "play"


def _caption(text: str, width: str):
    caption = ipywidgets.HTML(text, layout=Layout(width=width, margin="0", flex="0 0 auto"))
    caption.add_class("nbt-caption")
    return caption
