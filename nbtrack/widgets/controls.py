"""The two bars of a view: layers and contrast above the image, time below it.

Sliders and switches are linked to the state of the view in the browser, so that they need not wait for the kernel.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, get_args

import ipyevents
import ipywidgets
import numpy as np
from ipywidgets import Layout, jslink

from nbtrack.rendering.colors import ColorBy, value_colors

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipywidgets.widgets.widget_link import Link

    from nbtrack.widgets.frames import FrameFeed
    from nbtrack.widgets.image_view import ViewState

MENU_LEFT = 150.0
"""Where the menu of the objects opens, in CSS pixels from the left."""


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
    """Switch and opacity of each layer, tails and ghosts, contrast, channel, and what decides the colour.

    Parameters
    ----------
    state : ViewState
        What they act on.
    feed : FrameFeed
        Tells which layers there are, the range of grey values and what can decide the colour.
    on_auto : callable
        Called by the button for automatic contrast.
    on_color_by : callable
        Called with "track", "lineage" or the name of a feature.
    on_channel : callable
        Called with the channel.
    on_menu : callable
        Called with the name of a layer, and where its menu is to be opened in CSS pixels below the bar.
    guard : callable
        Wraps handlers so that their exceptions are shown.

    Attributes
    ----------
    widget : ipywidgets.VBox
        The bar, two rows.
    switches : dict of str to Checkbox
        By the name of the layer.
    legend : ipywidgets.HTML
        A bar of colours over the image while a feature decides them.
    """

    def __init__(
        self,
        state: ViewState,
        feed: FrameFeed,
        *,
        on_auto: Callable[[], object],
        on_color_by: Callable[[str], object],
        on_channel: Callable[[int], object],
        on_menu: Callable[[str, float, float], object],
        guard: Callable[[Callable[..., object]], Callable[..., object]],
    ) -> None:
        self._state, self._feed, self._guard = state, feed, guard
        self.switches: dict[str, ipywidgets.Checkbox] = {}
        self.events: list[ipyevents.Event] = []
        self.links: list[Link] = []
        layers = [
            ("raw", "Raw", feed.movie),
            ("objects", "Objects", feed.detections),
            ("tracks", "Tracks", feed.lineage),
        ]
        first = [self._layer(name, text) for name, text, there in layers if there is not None]
        if "objects" in self.switches:
            first.insert(list(self.switches).index("objects") + 1, self._menu(on_menu))
        first += self._extras()
        second = [] if feed.movie is None else [*self._contrast(on_auto), *self._channels(on_channel)]
        if len(feed.color_choices) > 1:
            second += self._colors(on_color_by)
        self.legend = ipywidgets.HTML(layout=Layout(margin="0"))
        self.legend.add_class("nbt-legend-place")
        rows = [ipywidgets.HBox(row) for row in (first, second) if row]
        for row in rows:
            row.add_class("nbt-row")
        self.widget = ipywidgets.VBox(rows)
        self.widget.add_class("nbt-bar")

    def show_range(self) -> None:
        """Take over the range of grey values and the contrast of the feed, after its channel changed."""
        old, link = self.contrast, self._contrast_link
        link.unlink()  # a slider that gets another range puts its old value into it first, so it is made anew
        self.links.remove(link)
        self.contrast = self._contrast_slider()
        for row in self.widget.children:
            row.children = [self.contrast if part is old else part for part in row.children]
        old.close()

    def show_legend(self) -> None:
        """Show what the colours mean, or nothing if they are those of tracks."""
        name = self._feed.color_by
        if name in get_args(ColorBy):
            self.legend.value = ""
            return
        low, high = self._feed.value_limits
        stops = ", ".join(f"#{bytes(color).hex()}" for color in value_colors(np.linspace(0, 1, 9), (0, 1)).tolist())
        self.legend.value = (
            f'<div class="nbt-legend"><b>{escape(name)}</b><span>{low:.4g}</span>'
            f'<i style="background:linear-gradient(90deg, {stops})"></i><span>{high:.4g}</span></div>'
        )

    def _link(self, control: ipywidgets.Widget, name: str) -> Link:
        self.links.append(jslink((control, "value"), (self._state, name)))
        return self.links[-1]

    def _layer(self, name: str, text: str) -> ipywidgets.HBox:
        switch = ipywidgets.Checkbox(
            value=getattr(self._state, f"{name}_on"), description=text, indent=False,
            layout=Layout(width="auto", margin="0", flex="0 0 auto"),
        )  # fmt: skip
        opacity = ipywidgets.FloatSlider(
            value=getattr(self._state, f"{name}_opacity"), min=0, max=1, step=0.05, readout=False,
            tooltip=f"Opacity: {text}", layout=Layout(flex="1 1 40px", width="auto", margin="0 6px"),
        )  # fmt: skip
        self._link(switch, f"{name}_on")
        self._link(opacity, f"{name}_opacity")
        self.switches[name] = switch
        box = ipywidgets.HBox([switch, opacity], layout=Layout(flex="1 1 0", margin="0"))
        box.add_class("nbt-layer")
        return box

    def _menu(self, on_menu: Callable[[str, float, float], object]) -> ipywidgets.Button:
        def ask(*_: object) -> None:
            on_menu("objects", MENU_LEFT, 2.0)

        event = ipyevents.Event(
            source=self.switches["objects"], watched_events=["contextmenu"], prevent_default_action=True
        )
        event.on_dom_event(self._guard(ask))
        self.events.append(event)
        button = small_button("", "What can be done with all objects", self._guard(ask), text="⋯", width="22px")
        self.menu_button = button
        return button

    def _extras(self) -> list[ipywidgets.Widget]:
        def toggle(name: str, text: str, tooltip: str) -> ipywidgets.ToggleButton:
            layout = Layout(width="48px", height="28px", margin="0", padding="0", flex="0 0 auto")
            button = ipywidgets.ToggleButton(
                value=getattr(self._state, name), description=text, tooltip=tooltip, layout=layout
            )
            self._link(button, name)
            self.switches[name.removesuffix("_on")] = button
            return button

        parts: list[ipywidgets.Widget] = []
        if self._feed.lineage is not None:
            length = ipywidgets.BoundedIntText(
                value=self._state.tail_length, min=1, max=99, tooltip="Length of the tails in frames",
                layout=Layout(width="46px", margin="0", flex="0 0 auto"),
            )  # fmt: skip
            self._link(length, "tail_length")
            parts += [toggle("tails_on", "Tails", "Show where tracked objects came from"), length]
        if self._feed.detections is not None and self._feed.n_frames > 1:
            parts.append(toggle("ghost_on", "Ghost", "Show the outlines of the objects of the frame before"))
        return parts

    def _contrast(self, on_auto: Callable[[], object]) -> list[ipywidgets.Widget]:
        self.contrast = self._contrast_slider()
        auto = small_button("", "Choose the contrast from the frame on screen", on_auto, text="Auto", width="44px")
        return [_caption("Contrast", "54px"), self.contrast, auto]

    def _contrast_slider(self) -> ipywidgets.FloatRangeSlider:
        low, high = self._feed.range
        whole = self._feed.movie.dtype.kind in "biu"
        step = max(1.0, round((high - low) / 500)) if whole else (high - low) / 500
        slider = ipywidgets.FloatRangeSlider(
            value=self._feed.contrast, min=low, max=high, step=step, readout_format=".0f" if whole else ".3g",
            tooltip="Grey values shown as black and white",
            layout=Layout(flex="1 1 auto", width="auto", margin="0 0 0 8px"),
        )  # fmt: skip
        self._state.contrast = slider.value
        self._contrast_link = self._link(slider, "contrast")
        return slider

    def _channels(self, on_channel: Callable[[int], object]) -> list[ipywidgets.Widget]:
        n_channels = self._feed.movie.n_channels
        if n_channels < 2:
            return []
        self.channel = ipywidgets.Dropdown(
            options=[(f"channel {i}", i) for i in range(n_channels)], value=self._feed.channel,
            tooltip="Channel of the movie", layout=Layout(width="92px", margin="0", flex="0 0 auto"),
        )  # fmt: skip
        self.channel.observe(lambda change: on_channel(change["new"]), "value")
        return [self.channel]

    def _colors(self, on_color_by: Callable[[str], object]) -> list[ipywidgets.Widget]:
        choices = self._feed.color_choices
        plain = "track" if self._feed.lineage is not None else "none"
        self.color_by = ipywidgets.Dropdown(
            options=[(plain, "track"), *((name, name) for name in choices[1:])], value=self._feed.color_by,
            tooltip="What decides the colour of an object", layout=Layout(width="96px", margin="0", flex="0 0 auto"),
        )  # fmt: skip
        self.color_by.observe(lambda change: on_color_by(change["new"]), "value")
        self.color_parts = [_caption("Colour", "42px"), self.color_by]
        return self.color_parts


class TimeBar:
    """First, previous, play, next and last frame; a slider and a number; in three dimensions sliders for the slices.

    Parameters
    ----------
    state : ViewState
        What they act on.

    Attributes
    ----------
    widget : ipywidgets.VBox
        The bar.
    """

    def __init__(self, state: ViewState) -> None:
        self._state = state
        last = state.n_frames - 1
        self.play = ipywidgets.ToggleButton(
            icon="play",
            tooltip="Play or pause (Space)",
            layout=Layout(width="34px", height="28px", margin="0", padding="0"),
        )
        self.links = [jslink((self.play, "value"), (state, "playing"))]
        state.observe(self._show_playing, "playing")
        buttons = [
            small_button("fast-backward", "First frame", lambda: self._goto(0)),
            small_button("step-backward", "Previous frame (←, or Shift + wheel)", lambda: self._goto(state.t - 1)),
            self.play,
            small_button("step-forward", "Next frame (→, or Shift + wheel)", lambda: self._goto(state.t + 1)),
            small_button("fast-forward", "Last frame", lambda: self._goto(last)),
        ]
        rows = [ipywidgets.HBox([*buttons, *self._axis("t", "Frame", last)])]
        if state.n_slices > 1:
            sizes = {"z": state.n_slices, "y": state.height, "x": state.width}
            rows.append(ipywidgets.HBox([part for axis in sizes for part in self._place(axis, sizes[axis] - 1)]))
        for row in rows:
            row.add_class("nbt-row")
        self.widget = ipywidgets.VBox(rows)
        self.widget.add_class("nbt-bar")

    def _axis(self, name: str, text: str, last: int) -> list[ipywidgets.Widget]:
        return [_caption(text, "44px"), *self._slider(name, text, last, "64px"), _caption(f"/ {last}", "40px")]

    def _place(self, name: str, last: int) -> list[ipywidgets.Widget]:
        return [_caption(name, "10px"), *self._slider(name, f"Slice {name}, 0 to {last}", last, "56px")]

    def _slider(self, name: str, text: str, last: int, width: str) -> list[ipywidgets.Widget]:
        value = getattr(self._state, name)
        slider = ipywidgets.IntSlider(
            value=value, min=0, max=last, readout=False, tooltip=text,
            layout=Layout(flex="1 1 auto", width="auto", margin="0 4px"),
        )  # fmt: skip
        number = ipywidgets.BoundedIntText(
            value=value, min=0, max=last, tooltip=f"{text}: type a number",
            layout=Layout(width=width, margin="0", flex="0 0 auto"),
        )  # fmt: skip
        self.links += [jslink((part, "value"), (self._state, name)) for part in (slider, number)]
        return [slider, number]

    def _goto(self, t: int) -> None:
        self._state.t = min(max(t, 0), self._state.n_frames - 1)

    def _show_playing(self, change) -> None:
        self.play.icon = "pause" if change["new"] else "play"


def _caption(text: str, width: str):
    caption = ipywidgets.HTML(text, layout=Layout(width=width, margin="0", flex="0 0 auto"))
    caption.add_class("nbt-caption")
    return caption
