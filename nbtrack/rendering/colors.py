"""Colours of tracks, objects and false detections.

A track id always has the same colour (`nbtrack.data.palette`), whatever else the lineage holds. Nothing is told by
colour alone: views print the ids as well.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from nbtrack.data.palette import FALSE_COLOR, track_colors
from nbtrack.errors import InputError

if TYPE_CHECKING:
    from nbtrack.data.lineage import Lineage

ColorBy = Literal["track", "lineage"]
"""What decides the colour of a tracked object."""

OBJECT_COLOR = (255, 217, 26)
"""Yellow of an object without a track."""

USED_COLOR, UNUSED_COLOR = "#0072b2", "#e69f00"
"""Blue of what an answer has and orange of what it has not, in diagrams: told apart with any colour vision."""

OPAQUE, FALSE_ALPHA = 255, 254
"""Alpha values of a colour table: a tracked object, and a false detection (which views hatch)."""


def track_color(track_id: int) -> tuple[int, int, int]:
    """Tell the colour of a track.

    Parameters
    ----------
    track_id : int
        A track id of at least 1, or -1 for false detections.

    Returns
    -------
    tuple of int
        Red, green and blue from 0 to 255.

    Examples
    --------
    >>> track_color(1)
    (0, 128, 230)
    """
    red, green, blue = track_colors([track_id])[0].tolist()
    return red, green, blue


def hex_color(track_id: int) -> str:
    """Tell the colour of a track as text for style sheets.

    Parameters
    ----------
    track_id : int
        A track id of at least 1, or -1 for false detections.

    Returns
    -------
    str
        For example ``"#0080e6"``.

    Examples
    --------
    >>> hex_color(1)
    '#0080e6'
    """
    return "#" + bytes(track_color(track_id)).hex()


def color_table(
    lineage: Lineage | None,
    t: int,
    object_ids: np.ndarray | list[int],
    *,
    color_by: ColorBy = "track",
    values: np.ndarray | None = None,
    limits: tuple[float, float] = (0.0, 1.0),
) -> np.ndarray:
    """Make the colours of the objects of one frame.

    Parameters
    ----------
    lineage : Lineage or None
        The answer to draw; None leaves all objects without a track.
    t : int
        Frame.
    object_ids : array_like of int, shape (n,)
        The objects, in the order of the table.
    color_by : {"track", "lineage"}, optional
        Colour by the first track of an object, or by the lineage of that track.
    values : ndarray of float, shape (n,), optional
        Colour by these instead, tracked or not, see `value_colors`; only false detections stay as they are.
    limits : tuple of float, optional
        Values at both ends of the colours.

    Returns
    -------
    ndarray of uint8, shape (n, 4)
        Red, green, blue and alpha: alpha 0 for an object without a track or value, 254 for a false detection, else
        255.

    Raises
    ------
    InputError
        If `color_by` is not one of the choices.
    """
    if color_by not in get_args(ColorBy):
        raise InputError(f"`color_by` must be one of {list(get_args(ColorBy))}: got {color_by!r}.")
    ids = np.asarray(object_ids, dtype=np.int64)
    table = np.zeros((len(ids), 4), dtype=np.uint8)
    if values is not None:
        known = np.isfinite(values)
        table[known, :3] = value_colors(values[known], limits)
        table[known, 3] = OPAQUE
    if lineage is None:
        return table
    labelled, false = lineage.labelled(t), lineage.false_at(t)
    if values is None:
        tracks = np.array([labelled[i][0] if i in labelled else 0 for i in ids.tolist()], dtype=np.int64)
        if color_by == "lineage":
            tracks = np.array([lineage.lineage_id_of(i) if i else 0 for i in tracks.tolist()], dtype=np.int64)
        tracked = tracks > 0
        table[tracked, :3] = track_colors(tracks[tracked])
        table[tracked, 3] = OPAQUE
    table[[i in false for i in ids.tolist()]] = (*FALSE_COLOR, FALSE_ALPHA)
    return table


def value_colors(values: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """Colour numbers from dark blue to yellow, in steps that look equal with any colour vision (cividis).

    Parameters
    ----------
    values : ndarray of float, shape (n,)
        Finite numbers.
    limits : tuple of float
        Values at both ends of the colours; what lies beyond has the colour of the end.

    Returns
    -------
    ndarray of uint8, shape (n, 3)
        Red, green and blue.

    Examples
    --------
    >>> value_colors(np.array([0.0, 5.0, 99.0]), (0, 10)).tolist()
    [[0, 34, 77], [124, 123, 120], [253, 231, 55]]
    """
    low, high = limits
    part = (np.asarray(values, dtype=np.float64) - low) / (high - low) if low < high else np.full(len(values), 0.5)
    colors: np.ndarray = _value_table()[np.round(np.clip(part, 0, 1) * 255).astype(np.intp)]
    return colors


def value_limits(values: np.ndarray, *, percentiles: tuple[float, float] = (1, 99)) -> tuple[float, float]:
    """Choose the values at both ends of the colours.

    Parameters
    ----------
    values : ndarray of float
        All values of a movie; those that are not finite do not count.
    percentiles : tuple of float, optional
        Where the ends are.

    Returns
    -------
    tuple of float
        Low and high; (0, 1) if there is no value.
    """
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, percentiles).tolist() if len(finite) else (0.0, 1.0)
    return low, high


@cache
def _value_table() -> np.ndarray:
    from matplotlib import colormaps

    table: np.ndarray = colormaps["cividis"](np.arange(256), bytes=True)[:, :3]
    return table
