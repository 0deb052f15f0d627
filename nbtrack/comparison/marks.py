"""Where the rows of a comparison are drawn: a ring at an object, a line along a link or to each daughter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nbtrack.data.columns import position_columns

if TYPE_CHECKING:
    import pandas as pd

    from nbtrack.comparison.table import Comparison

MARK = ("first", "last", "z", "y", "x", "target_z", "target_y", "target_x", "side")
"""Columns of a mark: the frames in which it is drawn, both places, and 0 or 1 for side "a" or "b"."""


def find_marks(comparison: Comparison, kind: str | None = None) -> np.ndarray:
    """Tell what to draw for the rows of a comparison.

    Parameters
    ----------
    comparison : Comparison
        With the centres of its objects; rows without one are not drawn.
    kind : str, optional
        Only rows of this kind.

    Returns
    -------
    ndarray of float32, shape (n, 9)
        The columns of `MARK`; a ring has no target (NaN). z is 0 in two dimensions.
    """
    table = comparison.table if kind is None else comparison.table[comparison.table["kind"] == kind]
    ndim = 3 if "z" in table else 2
    places = [_places(table, prefix, ndim) for prefix in ("", "target_", "second_")]
    first = table["t"].to_numpy()
    last = np.maximum(first, table["target_t"].to_numpy())
    side = (table["side"] == "b").to_numpy()
    leads = np.isfinite(places[1]).all(axis=1)
    rings = np.column_stack([first, first, places[0], np.full_like(places[0], np.nan), side])[~leads]
    lines = [np.column_stack([first, last, places[0], place, side]) for place in places[1:]]
    marks = np.concatenate([rings, *(line[np.isfinite(line).all(axis=1)] for line in lines)])
    return np.asarray(marks[np.isfinite(marks[:, 2:5]).all(axis=1)], np.float32)


def _places(table: pd.DataFrame, prefix: str, ndim: int) -> np.ndarray:
    """Give z, y and x of the centres, NaN where they are not known."""
    places = np.full((len(table), 3), np.nan)
    if f"{prefix}x" in table:
        places[:, 0] = 0
        places[:, 3 - ndim :] = table[[prefix + axis for axis in position_columns(ndim)]]
    return places
