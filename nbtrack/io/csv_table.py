"""The full table of objects as CSV: one row per object and track, with measurements.

Names and order of the columns are those of the reference, so that scripts written for it go on working.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nbtrack.data.columns import ORIGINAL_ID, bbox_columns, detection_columns, position_columns
from nbtrack.data.lineage import FALSE_LABEL, FALSE_TRACK_ID, Lineage
from nbtrack.errors import EditError, InputError
from nbtrack.io.atomic import atomic_path
from nbtrack.io.events_csv import DIVISIONS_FILE, MERGERS_FILE, write_event_tables
from nbtrack.io.export import PARAMS_FILE, answer_of, output_folder, write_provenance, write_provenance_beside

if TYPE_CHECKING:
    from nbtrack.data.detections import Detections

TABLE_FILE = "objects.csv"
ID_COLUMNS = ("frame", "labelimageId", "trackId", "lineageId", "parentTrackId", "mergerLabelId")


def write_csv(result: Any, path: str | Path, *, overwrite: bool = False) -> list[Path]:
    """Write the table of all objects, and the divisions and mergers beside it.

    Parameters
    ----------
    result : TrackingResult or Session
        What to write.
    path : str or Path
        A folder for ``objects.csv``, ``divisions.csv``, ``mergers.csv`` and ``params.json``; or a name that ends in
        ``.csv`` for the table of objects alone, with ``NAME.params.json`` beside it.
    overwrite : bool, optional
        Replace an earlier export.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    InputError
        If the files are there already or cannot be written.
    """
    lineage, detections = answer_of(result)
    path = Path(path)
    table = object_table(lineage, detections)
    if path.suffix.lower() == ".csv":
        with atomic_path(path, overwrite=overwrite) as temporary:
            table.to_csv(temporary, index=False, lineterminator="\n")
        write_provenance_beside(path, result)
        return [path]
    own = (TABLE_FILE, DIVISIONS_FILE, MERGERS_FILE, PARAMS_FILE)
    with output_folder(path, own=own, overwrite=overwrite) as folder:
        table.to_csv(folder / TABLE_FILE, index=False, lineterminator="\n")
        write_event_tables(lineage, folder)
        write_provenance(folder, result)
    return [path / name for name in own]


def object_table(lineage: Lineage, detections: Detections) -> pd.DataFrame:
    """Make the table of all objects with their tracks and measurements.

    Parameters
    ----------
    lineage : Lineage
        The answer.
    detections : Detections
        Its objects.

    Returns
    -------
    DataFrame
        Sorted by frame and labelimageId, one row per object and track (a merged object has one for each of its tracks):
        frame, labelimageId (object id), trackId and lineageId (65535 for a false detection, 0 outside any track),
        parentTrackId (the mother's track in the first row of a child track, else 0), mergerLabelId (the id of the
        merged object that it was cut out of, or its own id if it has several tracks, else 0), Size_in_pixels,
        Center_of_the_object_0 (x), _1 (y), _2 (z), Bounding_Box_Minimum_0.., Bounding_Box_Maximum_0.. (half open),
        then the other features.
    """
    objects = detections.table[["t", "object_id"]]
    objects = objects.assign(original=detections.table.get(ORIGINAL_ID, objects["object_id"]))
    rows = objects.merge(lineage.objects, how="left", on=["t", "object_id"])
    ids = rows[["track_id", "lineage_id"]].fillna(0).astype(np.int64).replace(FALSE_TRACK_ID, FALSE_LABEL)
    tracks = lineage.tracks
    first = rows.merge(tracks, how="left", on="track_id")
    begins = (first["t"] == first["t_start"]).to_numpy()
    shared = rows.groupby(["t", "object_id"])["track_id"].transform("size").to_numpy() > 1
    table = pd.DataFrame(
        {
            "frame": rows["t"],
            "labelimageId": rows["object_id"],
            "trackId": ids["track_id"],
            "lineageId": ids["lineage_id"],
            "parentTrackId": np.where(begins, first["parent_track_id"].fillna(0), 0).astype(np.int64),
            "mergerLabelId": np.where(shared | (rows["original"] != rows["object_id"]), rows["original"], 0),
        }
    )
    names = _feature_names(detections)
    features = detections.table[list(names)].rename(columns=names)
    return table.merge(features, how="left", on=["frame", "labelimageId"])


def read_csv_table(path: str | Path) -> tuple[pd.DataFrame, Lineage]:
    """Read a table of objects and the lineage that it holds.

    Parameters
    ----------
    path : str or Path
        The CSV file, or the folder that holds ``objects.csv``.

    Returns
    -------
    tuple of (DataFrame, Lineage)
        The table as it stands, and tracks, divisions and false detections.

    Raises
    ------
    InputError
        If the file cannot be read as such a table.
    """
    path = Path(path)
    path = path / TABLE_FILE if path.is_dir() else path
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise InputError(f"`{path}` cannot be read as a CSV table: {error}. Check the file.") from error
    missing = [name for name in ID_COLUMNS if name not in table]
    if missing:
        raise InputError(
            f"`{path}` lacks the column {missing[0]!r}. A table of tracked objects has {', '.join(ID_COLUMNS)}."
        )
    try:
        return table, _lineage_of(table)
    except (EditError, ValueError, TypeError) as error:
        raise InputError(f"`{path}` holds no valid lineage: {error} Check the file.") from error


def _lineage_of(table: pd.DataFrame) -> Lineage:
    ids = table[list(ID_COLUMNS)].astype(np.int64)
    false = ids["trackId"].isin([FALSE_LABEL, FALSE_TRACK_ID])
    tracked = ids[(ids["trackId"] > 0) & ~false]
    ends = tracked.groupby("trackId")["frame"].max()
    children = tracked[tracked["parentTrackId"] > 0].sort_values("trackId").groupby("parentTrackId")["trackId"]
    for parent, of_parent in children:
        if len(of_parent) != 2:
            raise ValueError(f"track {parent} is the parent of {len(of_parent)} rows, but a division has two children.")
    return Lineage.from_tables(
        tracked[["frame", "labelimageId", "trackId"]].itertuples(index=False, name=None),
        [(ends.get(parent, -1), parent, *ids) for parent, ids in children],
        ids.loc[false, ["frame", "labelimageId"]].itertuples(index=False, name=None),
    )


def _feature_names(detections: Detections) -> dict[str, str]:
    """Name the columns of the detection table as the reference does, in the order of the table: axis 0 is x."""
    ndim = detections.ndim
    boxes = bbox_columns(ndim)
    names = {"t": "frame", "object_id": "labelimageId", "size": "Size_in_pixels"}
    for columns, name in (
        (position_columns(ndim), "Center_of_the_object"),
        (boxes[:ndim], "Bounding_Box_Minimum"),
        (boxes[ndim:], "Bounding_Box_Maximum"),
    ):
        names |= {column: f"{name}_{i}" for i, column in enumerate(reversed(columns))}
    fixed = {*detection_columns(ndim), ORIGINAL_ID}
    return names | {name: name.replace(" ", "_") for name in detections.table.columns if name not in fixed}
