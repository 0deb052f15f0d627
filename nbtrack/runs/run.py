"""One run of the automatic tracker: what is remembered of it, the Python that does it again, and how it is stored."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from nbtrack.data.pins import Pin
from nbtrack.io.export import plain
from nbtrack.params import SegmentationParams

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nbtrack.data.result import TrackingResult
    from nbtrack.evaluation import Scores

FIGURES = ("energy", "bound", "gap", "status", "seconds")
COUNTS = ("tracks", "divisions", "mergers", "appearances", "disappearances", "false_detections")
"""What the table of runs shows of every run, after its parameters."""
_LINE = 100


@dataclass(frozen=True, kw_only=True)
class Run:
    """What is remembered of one run.

    Parameters
    ----------
    number : int
        From 1, in the order of the runs.
    name : str
        What the user calls it.
    params : dict
        All parameters of the tracker.
    objects : dict
        How the objects were made: the parameters in `Detections.params`.
    given : dict
        Those of `params` that are not the defaults of the preset.
    changed : dict of str to tuple
        Parameters of tracker and objects that are others than in the run before: (before, now).
    figures : dict
        energy, bound, gap, status, seconds; solver and message.
    counts : dict of str to int
        Tracks, divisions, mergers, appearances, disappearances, false detections.
    scores : dict
        How well it agrees with the truth, as `nbtrack.evaluation.compare` tells it; empty if none is known.
    code : str
        Python that does the run again.
    """

    number: int
    name: str
    params: dict[str, Any]
    objects: dict[str, Any]
    given: dict[str, Any]
    changed: dict[str, tuple[Any, Any]]
    figures: dict[str, Any]
    counts: dict[str, int]
    scores: Scores = field(default_factory=dict)
    code: str

    @property
    def settings(self) -> dict[str, Any]:
        """Parameters of the objects and of the tracker in one."""
        return {**self.objects, **self.params}


def describe_run(
    result: TrackingResult,
    *,
    number: int,
    name: str | None,
    before: Run | None,
    fixed: Iterable[Pin | Mapping[str, Any]],
    setup: str | None,
    scores: Scores,
) -> Run:
    """Take what is remembered out of a result.

    Parameters
    ----------
    result : TrackingResult
        What `track` returned.
    number : int
        Number of the run.
    name : str or None
        Its name; the number if None.
    before : Run or None
        The run before it.
    fixed : iterable of Pin or dict
        What it was told to keep.
    setup : str or None
        Lines of Python that make `detections`.
    scores : dict
        How well it agrees with the truth.

    Returns
    -------
    Run
    """
    params, objects, given = (
        _restored(plain(values)) for values in (result.params, result.detections.params, _given(result.params))
    )
    found = result.summary()
    found["energy"] = found["objective"]
    pins = [pin if isinstance(pin, Pin) else Pin(**pin) for pin in fixed]
    return Run(
        number=number,
        name=name or f"Run {number}",
        params=params,
        objects=objects,
        given=given,
        changed={} if before is None else _changes(before.settings, {**objects, **params}),
        figures={key: found[key] for key in (*FIGURES, "solver", "message")},
        counts={key: int(found[key]) for key in COUNTS},
        scores=scores,
        code=_write_code(given, objects, pins, setup),
    )


def read_run(row: Mapping[str, Any], number: int) -> Run:
    """Make a run of what was stored as JSON.

    Parameters
    ----------
    row : mapping
        The fields of a `Run`, as plain values.
    number : int
        The number that it must have.

    Returns
    -------
    Run

    Raises
    ------
    ValueError
        If a field is missing or wrong.
    """
    values: dict[str, Any] = {item.name: _restored(row[item.name]) for item in fields(Run)}
    values |= {key: str(row[key]) for key in ("name", "code")}
    run = Run(**values)
    tables = (run.params, run.objects, run.given, run.changed, run.figures, run.counts, run.scores)
    if not all(isinstance(table, dict) for table in tables):
        raise ValueError(f"run {number} has a field of the wrong type")
    if run.number != number or not set(FIGURES) <= set(run.figures) or set(run.counts) != set(COUNTS):
        raise ValueError(f"run {number} is not complete")
    return run


def _given(params: Any) -> dict[str, Any]:
    """Collect the parameters that are not the defaults of their preset."""
    default = type(params)(preset=params.preset)
    first = type(params)()
    return {
        item.name: value
        for item in fields(params)
        if (value := getattr(params, item.name)) != getattr(first if item.name == "preset" else default, item.name)
    }


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    names = dict.fromkeys([*now, *before])
    return {n: (before.get(n), now.get(n)) for n in names if before.get(n) != now.get(n)}


def _write_code(given: Mapping[str, Any], objects: Mapping[str, Any], pins: list[Pin], setup: str | None) -> str:
    lines = ["import nbtrack as nbt", ""]
    if setup is not None:
        lines += [setup.strip("\n")]
    elif objects.get("stage") == "segment" and "method" not in objects:
        defaults = {item.name: item.default for item in fields(SegmentationParams)}
        own = {name: objects[name] for name, default in defaults.items() if objects.get(name, default) != default}
        lines += [f"# prediction: the movie {objects.get('movie')!r}, as it was read"]
        lines += [f"detections = {_call('nbt.segment', ['prediction'], own)}"]
    else:
        lines += [f"# detections: the objects of {objects.get('movie')!r}"]
    lines += [f"params = {_call('nbt.TrackingParams', [], given)}"]
    fixed = ""
    if pins:
        shown = [{name: value for name, value in asdict(pin).items() if value is not None} for pin in pins]
        lines += ["fixed = [", *(f"    {_call('nbt.Pin', [], pin)}," for pin in shown), "]"]
        fixed = ", fixed=fixed"
    return "\n".join([*lines, f"result = nbt.track(detections, params{fixed})", ""])


def _call(function: str, words: list[str], keywords: Mapping[str, Any]) -> str:
    """Write a call, in one line if it is short."""
    words = [*words, *(f"{name}={_literal(value)}" for name, value in keywords.items())]
    line = f"{function}({', '.join(words)})"
    return line if len(line) <= _LINE else f"{function}(\n" + "".join(f"    {word},\n" for word in words) + ")"


def _literal(value: Any) -> str:
    """Write a value; numbers that are not finite have no literal."""
    return f'float("{value}")' if isinstance(value, float) and not math.isfinite(value) else repr(value)


def _restored(value: Any) -> Any:
    """Take back what `plain` and JSON do to parameters: tuples, and numbers that are not finite."""
    if isinstance(value, dict):
        return {key: _restored(item) for key, item in value.items()}
    if isinstance(value, list):
        return tuple(_restored(item) for item in value)
    return float(value) if value in ("inf", "-inf", "nan") else value
