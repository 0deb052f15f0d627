"""The parameters of every stage, each declared once: default, label, help, range, unit.

Sliders, command line options, the tables of the manual, project files and the provenance in exports are made from the
fields of these dataclasses; nobody repeats a default or a help text elsewhere.
"""

import math
from dataclasses import Field, dataclass, field, fields
from numbers import Integral, Real
from typing import Any

from nbtrack.errors import InputError


def param(
    default: Any,
    label: str,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    unit: str | None = None,
    choices: tuple[Any, ...] | None = None,
    **presets: Any,
) -> Any:
    """Declare one parameter: a dataclass field that knows how to show and check itself.

    Parameters
    ----------
    default : Any
        The default; its type is the type that is asked for (bool, int, float, str or tuple of numbers). None means
        "not given" and is then always allowed.
    label : str
        What a slider or a table calls it.
    help : str
        One sentence for a user.
    low, high : float, optional
        Allowed range, both ends inclusive; holds for each entry of a tuple.
    unit : str, optional
        Unit of the value, for example ``"s"`` or ``"px"``.
    choices : tuple, optional
        The allowed values.
    **presets : Any
        The default under other presets, by the name of the preset.

    Returns
    -------
    dataclasses.Field
        With the metadata ``label``, ``help``, ``low``, ``high``, ``unit``, ``choices`` and ``presets``.
    """
    metadata = {
        "label": label,
        "help": help,
        "low": low,
        "high": high,
        "unit": unit,
        "choices": choices,
        "presets": presets,
    }
    return field(default=default, metadata=metadata)


def check_ranges(params: Any) -> None:
    """Check every field that was declared with `param`; meant for ``__post_init__``.

    Parameters
    ----------
    params : dataclass instance
        The parameters.

    Raises
    ------
    InputError
        If a value is of the wrong kind, out of its range or not among its choices; the message names the parameter,
        the value found and what is allowed.
    """
    for item in fields(params):
        value = getattr(params, item.name)
        if "presets" not in item.metadata or (value is None and item.default is None):
            continue
        choices = item.metadata["choices"]
        if choices is not None:
            if value not in choices:
                raise InputError(f"`{item.name}` must be one of {', '.join(map(repr, choices))}: got {value!r}.")
        elif isinstance(item.default, bool):
            if not isinstance(value, bool):
                raise InputError(f"`{item.name}` must be True or False: got {value!r}.")
        elif isinstance(item.default, str):
            if not isinstance(value, str):
                raise InputError(f"`{item.name}` must be a text: got {value!r}.")
        else:
            _check_numbers(item, value)


def _check_numbers(item: "Field[Any]", value: Any) -> None:
    """Check a number, or every number of a tuple where the field may hold one."""
    low, high = item.metadata["low"], item.metadata["high"]
    several = isinstance(value, tuple) and "tuple" in str(item.type)
    if isinstance(item.default, tuple) and not (several and len(value) == len(item.default)):
        raise InputError(f"`{item.name}` must have {len(item.default)} numbers: got {value!r}.")
    example = item.default[0] if isinstance(item.default, tuple) else item.default
    whole = isinstance(example, Integral) or item.type in (int, int | None)
    for number in value if several else (value,):
        if isinstance(number, bool) or not isinstance(number, Integral if whole else Real) or math.isnan(number):
            raise InputError(f"`{item.name}` must be a {'whole number' if whole else 'number'}: got {value!r}.")
        if (low is not None and number < low) or (high is not None and number > high):
            allowed = f"at least {low}" if high is None else f"at most {high}" if low is None else f"{low} to {high}"
            raise InputError(f"`{item.name}` is out of range: got {value!r}, allowed is {allowed}.")


@dataclass(frozen=True, kw_only=True)
class SegmentationParams:
    """How a prediction map or a binary movie becomes objects.

    Raises
    ------
    InputError
        If a value is out of its range or two values contradict each other.
    """

    channel: int = param(0, "Input channel", "Channel of the prediction map that shows the objects.", low=0)
    core_channel: int | None = param(
        None, "Core channel", "Channel that shows the cores of the objects; the input channel if not given.", low=0
    )
    sigma: float | tuple[float, ...] = param(
        1.0,
        "Smoothing",
        "Width of the Gaussian, one number or one per axis (z, y, x); none below 0.1.",
        low=0,
        unit="px",
    )
    threshold: float = param(0.5, "Threshold", "Pixels strictly above it belong to an object.")
    core_threshold: float | None = param(
        None, "Core threshold", "Two thresholds: an object must hold a core strictly above this one."
    )
    size: tuple[int, int] = param(
        (10, 1_000_000), "Size range", "Smallest and largest object to keep, both inclusive.", low=0, unit="px"
    )

    def __post_init__(self) -> None:
        """Check ranges and contradictions."""
        for name in ("sigma", "size"):
            if isinstance(getattr(self, name), list):
                object.__setattr__(self, name, tuple(getattr(self, name)))
        check_ranges(self)
        if self.size[0] > self.size[1]:
            raise InputError(f"`size` must be (smallest, largest): got {self.size}. Swap the two numbers.")
        if self.core_threshold is None:
            if self.core_channel is not None:
                raise InputError(
                    f"`core_channel` is {self.core_channel}, but there is no `core_threshold`. "
                    "Give `core_threshold` too, or leave `core_channel` out."
                )
        elif self.core_channel in (None, self.channel) and self.core_threshold < self.threshold:
            raise InputError(
                f"`core_threshold` must not be below `threshold`: got {self.core_threshold} and {self.threshold}. "
                "Swap the two numbers."
            )
