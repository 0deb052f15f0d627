"""The parameters of every stage, each declared once: default, label, help, range, unit.

Sliders, command line options, the tables of the manual, project files and the provenance in exports are made from the
fields of these dataclasses; nobody repeats a default or a help text elsewhere.
"""

import inspect
import math
from dataclasses import Field, dataclass, field, fields
from functools import wraps
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
    used_by: tuple[str, ...] | None = None,
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
    used_by : tuple of str, optional
        The presets under which it means something; all if not given.
    **presets : Any
        The default under other presets, by the name of the preset.

    Returns
    -------
    dataclasses.Field
        With the metadata ``label``, ``help``, ``low``, ``high``, ``unit``, ``choices``, ``used_by`` and ``presets``.
    """
    metadata = {
        "label": label,
        "help": help,
        "low": low,
        "high": high,
        "unit": unit,
        "choices": choices,
        "used_by": used_by,
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


def _documented(cls: type[Any]) -> type[Any]:
    """Put a section on every parameter into the docstring of a class whose fields were declared with `param`."""
    lines = ["Parameters", "----------"]
    for item in fields(cls):
        meta = item.metadata
        kind = "{" + ", ".join(map(repr, meta["choices"])) + "}" if meta["choices"] else str(item.type)
        unit = f" [{meta['unit']}]" if meta["unit"] else ""
        presets = "".join(f"; {preset}: {value!r}" for preset, value in meta["presets"].items())
        lines += [f"{item.name} : {_TYPE_NAMES.get(kind, kind)}, default {item.default!r}{presets}"]
        lines += [f"    {meta['label']}{unit}. {meta['help']}"]
    head, raises, rest = inspect.cleandoc(cls.__doc__ or "").partition("Raises\n------")
    cls.__doc__ = head + "\n".join(lines) + "\n\n" + raises + rest
    return cls


_TYPE_NAMES = {str(kind): kind.__name__ for kind in (bool, int, float, str)}


@_documented
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


PRESETS = ("adaptive", "conservation", "chaingraph")
"""The sets of energies that `TrackingParams` offers."""


def _with_preset_defaults(cls: type["TrackingParams"]) -> type["TrackingParams"]:
    """Let every value that is not given default to that of the preset."""
    plain_init = cls.__init__

    @wraps(plain_init)
    def init(self: "TrackingParams", **given: Any) -> None:
        preset = given.get("preset", PRESETS[0])
        defaults = {f.name: f.metadata["presets"][preset] for f in fields(cls) if preset in f.metadata["presets"]}
        plain_init(self, **{**defaults, **given})

    cls.__init__ = init  # type: ignore[method-assign]  # the one place where a preset's defaults come in
    return cls


@_documented
@_with_preset_defaults
@dataclass(frozen=True, kw_only=True)
class TrackingParams:
    """Weights and limits of the automatic tracker.

    Values that are not given are those of the preset: ``TrackingParams(preset="chaingraph").appearance`` is 1000.

    Raises
    ------
    InputError
        If a value is out of its range.
    """

    preset: str = param(
        "adaptive",
        "Preset",
        "Which energies: adaptive (shapes and overlaps, learned from the movie itself), conservation (mergers, "
        "probabilities) or chaingraph (distances, no mergers).",
        choices=PRESETS,
    )
    divisible: bool = param(True, "Divisible objects", "Whether objects may divide, such as proliferating cells.")
    appearance: float = param(
        3.0,
        "Appearance",
        "Energy of starting a track inside the movie; high values forbid it if possible.",
        low=0,
        conservation=500.0,
        chaingraph=1000.0,
    )
    disappearance: float = param(
        3.0,
        "Disappearance",
        "Energy of ending a track inside the movie; high values forbid it if possible.",
        low=0,
        conservation=500.0,
        chaingraph=1000.0,
    )
    opportunity: float = param(
        5.0,
        "Opportunity",
        "Energy of treating an object as a false detection; high values track more objects, noise included.",
        low=0,
        conservation=0.0,
        chaingraph=1000.0,
    )
    noise_rate: float = param(
        0.1,
        "Noise rate",
        "Expected share of false detections (chaingraph); small values keep every object if possible.",
        low=0.0001,
        high=0.9999,
        used_by=("chaingraph",),
    )
    noise_weight: float = param(
        100.0,
        "Noise weight",
        "Balance of detections against transitions (chaingraph); high values with a small noise rate keep objects.",
        low=0,
        used_by=("chaingraph",),
    )
    detection_weight: float = param(
        2.0,
        "Detection weight",
        "Weight of the number of objects in a detection (conservation; adaptive with a classifier).",
        low=0,
        conservation=10.0,
        used_by=("conservation", "adaptive"),
    )
    division_weight: float = param(
        1.0,
        "Division weight",
        "Weight of the probability of a division (conservation; adaptive with a classifier).",
        low=0,
        conservation=10.0,
        used_by=("conservation", "adaptive"),
    )
    transition_weight: float = param(
        10.0,
        "Transition weight",
        "Weight of the probability of a link (conservation).",
        low=0,
        used_by=("conservation",),
    )
    alpha: float = param(
        5.0,
        "Transition scale",
        "Distance at which the probability of a link has fallen to 1/e (conservation).",
        low=0.001,
        unit="px, scaled",
        used_by=("conservation",),
    )
    division_probability: float = param(
        0.5,
        "Division probability",
        "Probability that an object divides, where no classifier says it (conservation).",
        low=0,
        high=1,
        used_by=("conservation",),
    )
    division_threshold: float = param(
        0.1, "Division threshold", "An object less likely to divide than this may not divide.", low=0, high=1
    )
    division_distance: float = param(
        0.0,
        "Division distance",
        "Expected distance from mother to daughter (chaingraph).",
        low=0,
        unit="px, scaled",
        used_by=("chaingraph",),
    )
    division_angle: float = param(
        0.0,
        "Division angle",
        "Smallest angle between the two daughters as seen from the mother (chaingraph).",
        low=0,
        high=180,
        unit="degrees",
        used_by=("chaingraph",),
    )
    objects_per_merger: int = param(
        2,
        "Objects per merger",
        "Largest number of objects that one detection may hold; 1 means no mergers.",
        low=1,
        high=9,
        chaingraph=1,
    )
    object_size: float | None = param(
        None, "Object size", "Size of one object, for the size prior; the median if empty.", low=1, unit="px"
    )
    neighbors: int = param(
        6,
        "Number of neighbors",
        "Candidates kept per object in the next and in the previous frame; 2 or 3 are usual.",
        low=1,
        high=20,
        conservation=3,
        chaingraph=2,
    )
    max_distance: float = param(
        1e6,
        "Maximal distance",
        "No object moves this far between two frames.",
        low=0,
        unit="px, scaled",
        conservation=200.0,
        chaingraph=50.0,
    )
    border_width: float = param(
        10.0,
        "Border width",
        "Within this distance from the border, appearing and disappearing is cheaper.",
        low=0,
        unit="px, scaled",
    )
    border_from: str = param(
        "box",
        "Border from",
        "Measure the distance to the border from the bounding box or the center.",
        choices=("box", "center"),
    )
    reach: float = param(
        5.0,
        "Reach",
        "No object moves further than this between two frames (adaptive).",
        low=0,
        unit="radii",
        used_by=("adaptive",),
    )
    border_reach: float = param(
        1.0,
        "Border reach",
        "Within this distance from the border, appearing and disappearing is cheaper (adaptive).",
        low=0,
        unit="radii",
        used_by=("adaptive",),
    )
    drift: float = param(
        0.1,
        "Drift",
        "Undo a jump of the whole frame if its objects then overlap by this much more; 1 never does (adaptive).",
        low=0,
        high=1,
        used_by=("adaptive",),
    )
    missed_frames: int = param(
        2,
        "Missed frames",
        "In so many frames in a row an object may go undetected (adaptive).",
        low=0,
        high=10,
        used_by=("adaptive",),
    )
    missed_cost: float = param(
        3.0, "Missed cost", "Energy of each frame without the object (adaptive).", low=0, used_by=("adaptive",)
    )
    link_weights: tuple[float, float, float, float, float] = param(
        (1.0, 1.0, 4.0, 2.0, 1.0),
        "Link weights",
        "Weights of distance, length in the object's own shape, overlap, size and shape change (adaptive).",
        low=0,
        used_by=("adaptive",),
    )
    link_offset: float = param(
        5.0,
        "Link offset",
        "Energy that a link saves before its features are weighed (adaptive).",
        low=0,
        used_by=("adaptive",),
    )
    largest_energy: float = param(
        8.0, "Largest energy", "No link costs or saves more than this (adaptive).", low=0.001, used_by=("adaptive",)
    )
    self_training: bool = param(
        True,
        "Self-training",
        "Learn the weights anew from the sure links and divisions of the movie (adaptive).",
        used_by=("adaptive",),
    )
    prior_strength: float = param(
        30.0,
        "Prior strength",
        "How firmly self-training holds on to the weights as given (adaptive).",
        low=0.001,
        used_by=("adaptive",),
    )
    passes: int = param(
        2,
        "Passes",
        "Track this often; each pass knows velocities and divisions of the last (adaptive).",
        low=1,
        high=9,
        used_by=("adaptive",),
    )
    velocity: float = param(
        0.5,
        "Velocity",
        "Share of its last step that an object is expected to go on (adaptive).",
        low=0,
        high=1,
        used_by=("adaptive",),
    )
    division_cost: float = param(
        2.5,
        "Division cost",
        "Energy of a division beyond that of the best link (adaptive).",
        low=0,
        used_by=("adaptive",),
    )
    division_weights: tuple[float, float, float, float, float] = param(
        (3.0, 3.0, 6.0, 1.0, 3.0),
        "Division weights",
        "Weights of position, size, unlike daughters, space between them and overlap (adaptive).",
        low=0,
        used_by=("adaptive",),
    )
    short_life_cost: float = param(
        3.0,
        "Short life cost",
        "Energy of a division whose mother or daughter lives for less than three frames (adaptive).",
        low=0,
        used_by=("adaptive",),
    )
    merge_cost: float = param(
        5.0,
        "Merge cost",
        "Energy of two objects under one mask beyond that of the best link (adaptive).",
        low=0,
        used_by=("adaptive",),
    )
    merge_weights: tuple[float, float, float, float] = param(
        (3.0, 4.0, 1.0, 2.0),
        "Merge weights",
        "Weights of position, size, space between the two and overlap (adaptive).",
        low=0,
        used_by=("adaptive",),
    )
    longest_merger: int = param(
        8,
        "Longest merger",
        "Two objects that part again share a mask for so many frames at most (adaptive).",
        low=1,
        used_by=("adaptive",),
    )
    one_frame_tracks: bool = param(True, "One-frame tracks", "Whether an object may appear and vanish at once.")
    t_range: tuple[int, int] | None = param(
        None, "Field of view, t", "First frame and the frame after the last one.", low=0, unit="frames"
    )
    z_range: tuple[int, int] | None = param(
        None, "Field of view, z", "First slice and the slice after the last one.", low=0, unit="px"
    )
    y_range: tuple[int, int] | None = param(
        None, "Field of view, y", "First row and the row after the last one.", low=0, unit="px"
    )
    x_range: tuple[int, int] | None = param(
        None, "Field of view, x", "First column and the column after the last one.", low=0, unit="px"
    )
    size_range: tuple[int, int] = param(
        (10, 1_000_000), "Size range", "Smallest and largest object to track, both inclusive.", low=0, unit="px"
    )
    data_scales: tuple[float, ...] | None = param(
        None,
        "Data scales",
        "Factors for the coordinates x, y (and z); the pixel sizes relative to that of x if empty.",
        low=0,
    )
    solver: str = param(
        "auto",
        "Solver",
        "auto (exact, any size), or by name: highs, cplex, glpk, cbc, scip, gurobi.",
        choices=("auto", "highs", "cplex", "glpk", "cbc", "scip", "gurobi"),
    )
    optimality_gap: float = param(
        1e-6,
        "Optimality gap",
        "How far the answer may be from the best one, as a share of its energy.",
        low=0,
        high=1,
        chaingraph=0.05,
    )
    timeout: float | None = param(
        None, "Timeout", "Stop the solver after this long and keep the best answer so far.", low=0, unit="s"
    )
    threads: int | None = param(None, "Threads", "Threads of the solver; its own choice if empty.", low=1)

    def __post_init__(self) -> None:
        """Check ranges and contradictions."""
        for item in fields(self):
            if isinstance(getattr(self, item.name), list):
                object.__setattr__(self, item.name, tuple(getattr(self, item.name)))
        check_ranges(self)
        for name in ("t_range", "z_range", "y_range", "x_range", "size_range"):
            limits = getattr(self, name)
            if limits is None:
                continue
            if not isinstance(limits, tuple) or len(limits) != 2:
                raise InputError(f"`{name}` must be two numbers (from, to): got {limits!r}.")
            if limits[0] > limits[1]:
                raise InputError(f"`{name}` must be (from, to): got {limits}. Swap the two numbers.")
        if self.preset == "chaingraph" and self.objects_per_merger > 1:
            raise InputError(
                f'`objects_per_merger` must be 1 with preset="chaingraph": got {self.objects_per_merger}. '
                'Use preset="conservation" for mergers.'
            )
        if self.data_scales is not None and 0 in self.data_scales:
            raise InputError(f"`data_scales` must be above 0: got {self.data_scales}.")
