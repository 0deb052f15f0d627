"""The names, the order and the dtypes of the columns of every table.

Each table is a plain dict from column name to dtype, in the order in which the columns stand. `make_table` turns arrays
into a DataFrame that follows one; `check_table` refuses one that does not.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from nbtrack.errors import InputError

AXES = ("z", "y", "x")
ORIGINAL_ID = "original_id"
"""Column of a detection table after mergers were resolved: the id that each object had before, or was cut out of."""

# one row per track, per object and track, per event: `nbtrack.data.lineage` and `nbtrack.data.events`
TRACKS = {"track_id": "int64", "t_start": "int64", "t_end": "int64", "parent_track_id": "int64", "lineage_id": "int64"}
LINEAGE_OBJECTS = {"t": "int64", "object_id": "int64", "track_id": "int64", "lineage_id": "int64"}
MOVES = {"t": "int64", "source_id": "int64", "target_id": "int64", "track_id": "int64"}
SPLITS = {"t": "int64", "parent_id": "int64", "child1_id": "int64", "child2_id": "int64"}
BARE_EVENTS = {"t": "int64", "object_id": "int64"}
MERGERS = {"t": "int64", "object_id": "int64", "count": "int64", "track_ids": "str"}
MULTI_FRAME_MOVES = {"t": "int64", "source_id": "int64", "target_id": "int64", "t_source": "int64"}

# the tables of a result: `nbtrack.data.result`
RESULT_OBJECTS = {"t": "int64", "object_id": "int64", "count": "int64", "track_id": "int64", "lineage_id": "int64"}
LINKS = {
    "t": "int64",
    "source_id": "int64",
    "target_id": "int64",
    "count": "int64",
    "energy": "float64",
    "gap": "int64",
}
DIVISIONS = {
    "t": "int64",
    "parent_id": "int64",
    "child1_id": "int64",
    "child2_id": "int64",
    "parent_track_id": "int64",
    "child1_track_id": "int64",
    "child2_track_id": "int64",
    "energy": "float64",
}
TRACK_EVENTS = {"t": "int64", "object_id": "int64", "track_id": "int64"}
FALSE_DETECTIONS = BARE_EVENTS
FRAGMENTS = {"t": "int64", "object_id": "int64", "of_id": "int64", "track_id": "int64"}

# what tells two answers apart, and an answer from the truth: `nbtrack.comparison`; centres may follow
DIFFERENCES = {
    "kind": "str",
    "side": "str",
    "t": "int64",
    "object_id": "int64",
    "other_id": "int64",
    "target_t": "int64",
    "target_id": "int64",
    "other_target_id": "int64",
    "second_id": "int64",
    "detail": "str",
}


def position_columns(ndim: int) -> list[str]:
    """List the columns of the centre of an object.

    Parameters
    ----------
    ndim : int
        Spatial dimensions, 2 or 3.

    Returns
    -------
    list of str
        ``["y", "x"]`` or ``["z", "y", "x"]``.

    Examples
    --------
    >>> position_columns(3)
    ['z', 'y', 'x']
    """
    return list(AXES[3 - ndim :])


def bbox_columns(ndim: int) -> list[str]:
    """List the columns of the bounding box: all lower ends, then all upper ends, half open.

    Parameters
    ----------
    ndim : int
        Spatial dimensions, 2 or 3.

    Returns
    -------
    list of str
        Twice `ndim` names.

    Examples
    --------
    >>> bbox_columns(2)
    ['bbox_y_min', 'bbox_x_min', 'bbox_y_max', 'bbox_x_max']
    """
    return [f"bbox_{axis}_{end}" for end in ("min", "max") for axis in position_columns(ndim)]


def detection_columns(ndim: int) -> dict[str, str]:
    """Give the columns that every detection table starts with; feature columns follow them.

    Parameters
    ----------
    ndim : int
        Spatial dimensions, 2 or 3.

    Returns
    -------
    dict of str to str
        Column name to dtype: frame, id, centre in pixels, size in pixels, bounding box in pixels.
    """
    return {
        "t": "int64",
        "object_id": "int64",
        **dict.fromkeys(position_columns(ndim), "float64"),
        "size": "int64",
        **dict.fromkeys(bbox_columns(ndim), "int64"),
    }


def make_table(columns: Mapping[str, str], values: Mapping[str, Any] | None = None) -> pd.DataFrame:
    """Make a table with the given columns, in their order and with their dtypes.

    Parameters
    ----------
    columns : mapping of str to str
        Column name to dtype.
    values : mapping of str to array_like, optional
        Column name to values, one entry per row; none gives a table without rows.

    Returns
    -------
    DataFrame
        With a RangeIndex.

    Examples
    --------
    >>> make_table(BARE_EVENTS, {"object_id": [4], "t": [0]}).columns.tolist()
    ['t', 'object_id']
    """
    return pd.DataFrame(
        {name: pd.Series([] if values is None else values[name], dtype=dtype) for name, dtype in columns.items()}
    )


def check_table(table: pd.DataFrame, columns: Mapping[str, str], name: str) -> None:
    """Check that a table starts with the given columns and holds numbers where numbers belong.

    Parameters
    ----------
    table : DataFrame
        The table; columns after the given ones are free.
    columns : mapping of str to str
        Column name to dtype.
    name : str
        What the message calls the table.

    Raises
    ------
    InputError
        If columns are missing, in another order or of another dtype.
    """
    found = list(table.columns[: len(columns)])
    if found != list(columns):
        raise InputError(
            f"`{name}` must start with the columns {', '.join(columns)}: got {', '.join(map(str, found))}."
        )
    wrong = [f"{key} is {table[key].dtype}" for key, dtype in columns.items() if table[key].dtype != dtype]
    if wrong:
        asked = ", ".join(f"{key} {dtype}" for key, dtype in columns.items())
        raise InputError(f"`{name}` has columns of the wrong type: {', '.join(wrong)}. Convert them to {asked}.")
