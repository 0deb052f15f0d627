"""Colours of tracks, objects and false detections.

A track id always has the same colour (`nbtrack.data.palette`), whatever else the lineage holds. Nothing is told by
colour alone: views print the ids as well.
"""

from __future__ import annotations

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
    lineage: Lineage | None, t: int, object_ids: np.ndarray | list[int], *, color_by: ColorBy = "track"
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

    Returns
    -------
    ndarray of uint8, shape (n, 4)
        Red, green, blue and alpha: alpha 0 for an object without a track, 254 for a false detection, else 255.

    Raises
    ------
    InputError
        If `color_by` is not one of the choices.
    """
    if color_by not in get_args(ColorBy):
        raise InputError(f"`color_by` must be one of {list(get_args(ColorBy))}: got {color_by!r}.")
    ids = np.asarray(object_ids, dtype=np.int64)
    table = np.zeros((len(ids), 4), dtype=np.uint8)
    if lineage is None:
        return table
    labelled, false = lineage.labelled(t), lineage.false_at(t)
    tracks = np.array([labelled[i][0] if i in labelled else 0 for i in ids.tolist()], dtype=np.int64)
    if color_by == "lineage":
        tracks = np.array([lineage.lineage_id_of(i) if i else 0 for i in tracks.tolist()], dtype=np.int64)
    tracked = tracks > 0
    table[tracked, :3] = track_colors(tracks[tracked])
    table[tracked, 3] = OPAQUE
    table[[i in false for i in ids.tolist()]] = (*FALSE_COLOR, FALSE_ALPHA)
    return table
