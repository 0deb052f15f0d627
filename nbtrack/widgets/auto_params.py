"""The parameters of the automatic tracker beside the image: the first three in sight, the others folded away.

Everything follows the fields of `TrackingParams`: which there are, what a preset uses and begins with, label, sentence
and range. Another preset brings its own defaults along; the values that all presets share stay.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import MISSING, fields
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets
from ipywidgets import Layout

from nbtrack.params import TrackingParams
from nbtrack.widgets.controls import small_button
from nbtrack.widgets.panel import box, row
from nbtrack.widgets.parameter_controls import ParameterControls

if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import Field

IN_SIGHT = 3
"""Parameters that are not folded away."""
_FIELDS = {item.name: item for item in fields(TrackingParams)}


class ParameterBox:
    """Show and change parameters of the automatic tracker.

    Parameters
    ----------
    params : TrackingParams
        What to begin with.
    guard : callable
        Wraps handlers, see `nbtrack.widgets.messages.Messages.guard`.
    on_change : callable
        Called with the name of the parameter that was changed by hand; with "" if several were.

    Attributes
    ----------
    widget : ipywidgets.VBox
        The box.
    controls : ParameterControls
        The controls, by the name of the parameter.
    more : ipywidgets.ToggleButton
        Unfolds the others.
    """

    def __init__(
        self, params: TrackingParams, *, guard: Callable[..., Any], on_change: Callable[[str], object]
    ) -> None:
        self._on_change = on_change
        self._preset = params.preset
        sliders = {
            name: limits for name, item in _FIELDS.items() if (limits := slider_limits(item, self._preset)) is not None
        }
        self.controls = ParameterControls(TrackingParams, list(_FIELDS), sliders=sliders)
        self._parts = {name: self._part(name) for name in _FIELDS}
        self.more = ipywidgets.ToggleButton(
            icon="sliders", tooltip="Show or fold away the other parameters",
            layout=Layout(flex="1 1 auto", width="auto", height="28px", margin="0"),
        )  # fmt: skip
        self.more.observe(guard(lambda _: self._fold()), "value")
        self.reset = small_button("undo", "Back to the defaults of the preset", guard(self._reset))
        self._first = ipywidgets.VBox(layout=Layout(margin="0"))
        self._others = ipywidgets.VBox(layout=Layout(margin="0"))
        self._others.add_class("nbt-parameters")
        self.widget = box("Parameters", self._first, row(self.more, self.reset), self._others)
        self.controls.on_change(guard(self._changed))
        self.show(params)
        self._fold()

    @property
    def params(self) -> TrackingParams:
        """The parameters as they stand in the controls.

        Raises
        ------
        InputError
            If what was typed is no number or out of its range.
        """
        values = self.controls.values()
        for name, value in values.items():
            if isinstance(value, int | float) and "tuple" in str(_FIELDS[name].type):
                values[name] = (value,)
        return TrackingParams(**values)

    def show(self, params: TrackingParams) -> None:
        """Show other parameters, without telling of it.

        Parameters
        ----------
        params : TrackingParams
            The parameters.
        """
        self._preset = params.preset
        for name in _FIELDS:
            self._set(name, getattr(params, name))
        self._arrange()

    def close(self) -> None:
        """Bring what is folded away back, so that it is closed with the rest."""
        self._others.children = tuple(self._parts.values())

    # ------------------------------------------------------------------ helpers
    def _part(self, name: str) -> ipywidgets.VBox:
        """Make the row of a parameter, and the sentence below it."""
        sentence = ipywidgets.HTML(
            f'<div class="nbt-sentence-small">{escape(_FIELDS[name].metadata["help"])}</div>', layout=Layout(margin="0")
        )
        made = ipywidgets.VBox([self.controls.rows[name], sentence], layout=Layout(margin="0"))
        made.add_class("nbt-parameter")
        return made

    def _arrange(self) -> None:
        names = used_by(self._preset)
        self._first.children = [self._parts[name] for name in names[:IN_SIGHT]]
        self._others.children = [self._parts[name] for name in names[IN_SIGHT:]]
        self._n_others = len(names) - IN_SIGHT
        self._fold()

    def _fold(self) -> None:
        self._others.layout.display = "" if self.more.value else "none"
        self.more.description = "Fewer parameters" if self.more.value else f"{self._n_others} more parameters"

    def _set(self, name: str, value: Any) -> None:
        """Show a value; a slider gets the range that is usual under the preset, and reaches to the value.

        The browser rounds a value to the step that it knows, and tells so. Hence the finer step and the wider range go
        there first, then the value, and the new step and range last; each in a message of its own.
        """
        control = self.controls.inputs[name][0]
        if isinstance(control, ipywidgets.FloatSlider):
            limits = slider_limits(_FIELDS[name], self._preset)
            low, high, step = limits or (control.min, control.max, control.step)
            step = _dividing(step, value - min(low, value))
            with self.controls.quiet():
                with control.hold_sync():
                    control.min, control.max = min(control.min, value), max(control.max, value)
                    control.step = min(step, control.step)
                control.value = value
                with control.hold_sync():
                    control.min, control.max, control.step = min(low, value), max(high, value), step
                    control.readout_format = f".{max(0, -math.floor(math.log10(step)))}f"
        else:
            self.controls[name] = value

    def _changed(self, name: str) -> None:
        if name == "preset":
            before, self._preset = self._preset, self.controls["preset"]
            for other, item in _FIELDS.items():
                if {before, self._preset} & item.metadata["presets"].keys():
                    self._set(other, default_of(item, self._preset))
            self._arrange()
        self._on_change(name)

    def _reset(self) -> None:
        self.show(TrackingParams(preset=self._preset))
        self._on_change("")


def used_by(preset: str) -> list[str]:
    """List the parameters that mean something under a preset, in the order of their declaration.

    Parameters
    ----------
    preset : str
        The preset.

    Returns
    -------
    list of str
        Those whose metadata ``used_by`` names it, and those that do not say.
    """
    return [name for name, item in _FIELDS.items() if preset in (item.metadata.get("used_by") or (preset,))]


def default_of(item: Field[Any], preset: str) -> Any:
    """Tell what a parameter is under a preset if it is not given.

    Parameters
    ----------
    item : dataclasses.Field
        The parameter.
    preset : str
        The preset.

    Returns
    -------
    Any
    """
    return item.metadata["presets"].get(preset, item.default)


def slider_limits(item: Field[Any], preset: str) -> tuple[float, float, float] | None:
    """Choose the range of the slider of a parameter: up to four times its default, unless it has an end.

    Parameters
    ----------
    item : dataclasses.Field
        The parameter.
    preset : str
        The preset whose default counts; if that is 0, the highest of the others.

    Returns
    -------
    tuple of float or None
        Low, high and step, a power of ten; None if it is to be typed.
    """
    low, high = item.metadata["low"], item.metadata["high"]
    if item.default is MISSING or not isinstance(item.default, float) or low is None:
        return None
    others = (item.default, *item.metadata["presets"].values())
    high = 4 * (default_of(item, preset) or max(others)) if high is None else high
    if high <= low or 0 < item.default < 0.0001 * high:
        return None
    step = 10.0 ** math.floor(math.log10((high - low) / 100))
    return (step if 0 < low < step else low), high, step


def _dividing(step: float, length: float) -> float:
    """Make a step finer until a length is a multiple of it, down to a thousandth of it."""
    finest = step / 1000
    while step > finest * 1.5 and abs(length / step - round(length / step)) > 1e-6:
        step /= 10
    return step


def described_change(changed: dict[str, tuple[Any, Any]]) -> str:
    """Say what is another than before, as "Appearance 500 → 700".

    Parameters
    ----------
    changed : dict of str to tuple
        Before and now, by the name of the parameter.

    Returns
    -------
    str
    """
    parts = []
    for name, (before, now) in changed.items():
        label = _FIELDS[name].metadata["label"] if name in _FIELDS else name
        parts.append(f"{label} {_say(before)} → {_say(now)}")
    return ", ".join(parts)


def params_of(values: dict[str, Any]) -> TrackingParams:
    """Make parameters of what a run remembers; those that are not known any more are left out.

    Parameters
    ----------
    values : dict
        By name.

    Returns
    -------
    TrackingParams
    """
    return TrackingParams(**{name: value for name, value in values.items() if name in _FIELDS})


def _say(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return " to ".join(map(_say, value))
    with suppress(TypeError, ValueError):
        return f"{value:g}"
    return "none" if value is None else str(value)
