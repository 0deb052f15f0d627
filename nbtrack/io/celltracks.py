"""Spot tables with the column names of TrackMate, as CellTracksColab takes them, and back.

One row per track and frame: ``TRACK_ID, POSITION_X, POSITION_Y, POSITION_Z, POSITION_T``, positions in the unit of the
pixel size. Tables that TrackMate itself wrote, with three more lines of names and units, are read too.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nbtrack.errors import InputError
from nbtrack.io.atomic import atomic_path
from nbtrack.io.export import answer_of, write_provenance_beside
from nbtrack.io.track_rows import rows_of, tracked_of_rows
from nbtrack.io.tracked import pixel_sizes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbtrack.io.tracked import Tracked

NEEDED = ("TRACK_ID", "POSITION_X", "POSITION_Y")
"""Columns by which such a table is known."""
_OWN = {"t", "object_id", "track_id", "lineage_id", "z", "y", "x", "size"}


def is_celltracks(path: Path) -> bool:
    """Tell whether a CSV file begins like a table of spots.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    bool
    """
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            header = file.readline(10_000)
    except OSError:
        return False
    return set(NEEDED) <= {word.strip().strip('"') for word in header.split(",")}


def write_celltracks(result: Any, path: str | Path, *, overwrite: bool = False, interval: float = 1.0) -> list[Path]:
    """Write a table of spots for CellTracksColab.

    Parameters
    ----------
    result : TrackingResult or Session
        What to write: its tracks, without false detections and objects outside any track.
    path : str or Path
        The CSV file.
    overwrite : bool, optional
        Replace an earlier export.
    interval : float, optional
        Time from frame to frame, for ``POSITION_T``.

    Returns
    -------
    list of Path
        The file.

    Raises
    ------
    InputError
        If the file is there already or cannot be written.
    """
    lineage, detections = answer_of(result)
    rows = rows_of(result)
    sizes = (1.0,) * (3 - detections.ndim) + tuple(detections.scale)
    volume = rows["size"].to_numpy(np.float64) * math.prod(detections.scale)
    radius = np.sqrt(volume / math.pi) if detections.ndim == 2 else np.cbrt(volume * 0.75 / math.pi)
    parent = lineage.tracks.set_index("track_id")["parent_track_id"]
    table = pd.DataFrame({"LABEL": [f"ID{i}" for i in range(len(rows))], "ID": np.arange(len(rows))})
    table["TRACK_ID"] = rows["track_id"]
    for axis, size in zip("XYZ", reversed(sizes), strict=True):
        table[f"POSITION_{axis}"] = rows[axis.lower()] * size if axis.lower() in rows else 0.0
    table["POSITION_T"] = rows["t"] * float(interval)
    table["FRAME"] = rows["t"]
    table["RADIUS"] = radius
    table["AREA" if detections.ndim == 2 else "VOLUME"] = volume
    table["OBJECT_ID"] = rows["object_id"]
    table["PARENT_TRACK_ID"] = rows["track_id"].map(parent).fillna(0).astype(np.int64)
    table["LINEAGE_ID"] = rows["lineage_id"]
    for name in rows:
        word = str(name).upper().replace(" ", "_")
        if name not in _OWN and word not in table and rows[name].dtype.kind in "iuf":
            table[word] = rows[name]
    path = Path(path)
    with atomic_path(path, overwrite=overwrite) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")
    write_provenance_beside(path, result)
    return [path]


def read_celltracks(path: str | Path, *, scale: float | Sequence[float] | None = None) -> Tracked:
    """Read a table of spots with the column names of TrackMate.

    Parameters
    ----------
    path : str or Path
        The CSV file.
    scale : float or sequence of float, optional
        Pixel size per spatial axis, by which positions are divided; the table does not tell it.

    Returns
    -------
    Tracked
        Divisions come back from a column ``PARENT_TRACK_ID`` if there is one.

    Raises
    ------
    InputError
        If it is no such table, or a track has two spots in a frame.
    """
    path = Path(path).expanduser()
    try:
        table = pd.read_csv(path, low_memory=False)
    except (OSError, ValueError) as error:
        raise InputError(f"`{path}` cannot be read as a CSV table: {error}. Check the file.") from error
    missing = [
        name for name in (*NEEDED, "FRAME") if name not in table and not (name == "FRAME" and "POSITION_T" in table)
    ]
    if missing:
        raise InputError(
            f"`{path}` lacks the column {missing[0]!r}. A table of spots has {', '.join(NEEDED)} and FRAME."
        )
    table = table[pd.to_numeric(table["POSITION_X"], errors="coerce").notna()]  # three more lines of names and units
    numbers = {name: pd.to_numeric(table[name], errors="coerce") for name in table if name not in ("LABEL", "ID")}
    depth = numbers.get("POSITION_Z")
    flat = depth is None or not depth.to_numpy(np.float64).any()
    axes = "yx" if flat else "zyx"
    sizes = pixel_sizes(scale, len(axes))
    rows = pd.DataFrame({"track_id": numbers["TRACK_ID"]})
    rows["t"] = numbers["FRAME"] if "FRAME" in numbers else np.unique(numbers["POSITION_T"], return_inverse=True)[1]
    for axis, size in zip(axes, sizes, strict=True):
        rows[axis] = numbers[f"POSITION_{axis.upper()}"] / size
    if "RADIUS" in numbers:
        rows["radius"] = numbers["RADIUS"] / sizes[-1]
    if "OBJECT_ID" in numbers:
        rows["object_id"] = numbers["OBJECT_ID"]
    taken = {"TRACK_ID", "FRAME", "RADIUS", "OBJECT_ID", "PARENT_TRACK_ID", "LINEAGE_ID", "VISIBILITY"}
    for name, values in numbers.items():
        if name not in taken and not str(name).startswith(("POSITION_", "Unnamed")) and values.notna().any():
            rows[name] = values
    parents: list[tuple[int, int]] = []
    if "PARENT_TRACK_ID" in numbers:
        told = pd.DataFrame({"parent": numbers["PARENT_TRACK_ID"], "child": numbers["TRACK_ID"]}).dropna()
        told = told[told["parent"] > 0].astype(np.int64).drop_duplicates()
        parents = list(told.itertuples(index=False, name=None))
    return tracked_of_rows(rows, parents, str(path), scale=sizes)
