"""Controls made from parameters as `nbtrack.params` declares them: label, help, range, unit and default."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import ipywidgets
from ipywidgets import Layout

from nbtrack.errors import InputError
from nbtrack.widgets.panel import caption, row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_LARGEST = 10**12


class ParameterControls:
    """A row for each of some parameters of a dataclass.

    Parameters
    ----------
    params_class : type
        A dataclass whose fields were declared with `nbtrack.params.param`.
    names : sequence of str
        Which parameters, in order.
    choices : dict of str to sequence of (text, value), optional
        Parameters to be chosen from a list.
    sliders : dict of str to (low, high, step), optional
        Parameters to be set by a slider.

    Attributes
    ----------
    rows : dict of str to ipywidgets.HBox
        The row of each parameter.
    inputs : dict of str to list of ipywidgets.Widget
        The controls of each parameter: one, or two for a range.
    """

    def __init__(
        self,
        params_class: type,
        names: Sequence[str],
        *,
        choices: Mapping[str, Sequence[tuple[str, Any]]] | None = None,
        sliders: Mapping[str, tuple[float, float, float]] | None = None,
    ) -> None:
        self._fields = {item.name: item for item in fields(params_class)}
        self._fields = {name: self._fields[name] for name in names}
        self._quiet = False
        self._callbacks: list[Callable[[str], object]] = []
        self.rows, self.inputs = {}, {}
        for name, item in self._fields.items():
            meta = item.metadata
            listed = (choices or {}).get(name) or [(str(c), c) for c in meta["choices"] or ()]
            inputs = self._make(item, listed, (sliders or {}).get(name))
            text = meta["label"] + (f" [{meta['unit']}]" if meta["unit"] else "")
            parts = [inputs[0], caption("to", "16px"), inputs[1]] if len(inputs) == 2 else inputs
            self.rows[name] = row(caption(text, help=meta["help"]), *parts)
            self.inputs[name] = inputs
            for widget in inputs:
                widget.observe(lambda change, name=name: self._tell(name), "value")

    def __getitem__(self, name: str) -> Any:
        """Give the value of a parameter as it stands in its control.

        Parameters
        ----------
        name : str
            The parameter.

        Returns
        -------
        Any

        Raises
        ------
        InputError
            If what was typed is no number.
        """
        inputs = self.inputs[name]
        if len(inputs) == 2:
            return inputs[0].value, inputs[1].value
        value = inputs[0].value
        return self._parse(name, value) if isinstance(inputs[0], ipywidgets.Text) else value

    def __setitem__(self, name: str, value: Any) -> None:
        """Show a value, without telling of it."""
        inputs = self.inputs[name]
        with self.quiet():
            if len(inputs) == 2:
                inputs[0].value, inputs[1].value = value
            else:
                inputs[0].value = _write(value) if isinstance(inputs[0], ipywidgets.Text) else value

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Tell of no change meanwhile."""
        before, self._quiet = self._quiet, True
        try:
            yield
        finally:
            self._quiet = before

    def values(self) -> dict[str, Any]:
        """Give all values, by name."""
        return {name: self[name] for name in self._fields}

    def on_change(self, callback: Callable[[str], object]) -> None:
        """Call a function with the name of a parameter whose control was changed."""
        self._callbacks.append(callback)

    def _tell(self, name: str) -> None:
        if not self._quiet:
            for callback in self._callbacks:
                callback(name)

    def _make(
        self, item: Any, choices: Sequence[tuple[str, Any]], slider: tuple[float, float, float] | None
    ) -> list[ipywidgets.Widget]:
        """Choose the controls of a parameter."""
        meta, default = item.metadata, item.default
        common = {"tooltip": meta["help"], "layout": Layout(flex="1 1 0", width="auto", min_width="0", margin="0")}
        low, high = (meta["low"] or 0), (meta["high"] or _LARGEST)
        if choices:
            return [ipywidgets.Dropdown(options=list(choices), **common)]
        if slider is not None:
            start, end, step = slider
            value = min(max(default if default is not None else start, start), end)
            return [ipywidgets.FloatSlider(value=value, min=start, max=end, step=step, readout_format=".3g", **common)]
        if isinstance(default, bool):
            return [ipywidgets.Checkbox(value=default, indent=False, **common)]
        if isinstance(default, tuple) and len(default) == 2:
            layouts = [Layout(flex=flex, width="auto", min_width="0", margin="0") for flex in ("2 1 0", "3 1 0")]
            return [
                ipywidgets.BoundedIntText(value=value, min=low, max=high, tooltip=meta["help"], layout=layout)
                for value, layout in zip(default, layouts, strict=True)
            ]
        if isinstance(default, int):
            return [ipywidgets.BoundedIntText(value=default, min=int(low), max=int(high), **common)]
        return [ipywidgets.Text(value=_write(default), continuous_update=False, **common)]

    def _parse(self, name: str, text: str) -> Any:
        """Read what was typed: nothing, a number, or several with commas between."""
        item = self._fields[name]
        if isinstance(item.default, str):
            return text
        numbers = [part for part in text.replace(";", ",").split(",") if part.strip()]
        try:
            values = [int(part) if part.strip().lstrip("-").isdigit() else float(part) for part in numbers]
        except ValueError as error:
            raise InputError(
                f"`{name}` must be a number, or several with commas between: got {text!r}. Type it again."
            ) from error
        if not values:
            if item.default is None:
                return None
            raise InputError(f"`{name}` is empty. Type a number; {item.default} is usual.")
        return values[0] if len(values) == 1 else tuple(values)


def _write(value: Any) -> str:
    """Write a value as it is typed."""
    if value is None:
        return ""
    return ", ".join(f"{number:g}" for number in value) if isinstance(value, tuple) else f"{value:g}"
