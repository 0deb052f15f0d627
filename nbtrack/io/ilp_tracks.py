"""Tracks in a project of ilastik (``.ilp``): what was assigned by hand, what was annotated, and the events of a run.

Numbers are read and nothing else: what is stored as a pickle (graphs of candidates) is never opened, and a number that
turns out to be anything else is refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import h5py
import numpy as np
import pandas as pd

from nbtrack.data.lineage import FALSE_TRACK_ID, Lineage
from nbtrack.errors import EditError, InputError
from nbtrack.io.event_tracks import lineage_of_events
from nbtrack.io.events_h5 import EventFiles
from nbtrack.io.hdf5 import own_dataset
from nbtrack.io.sources import READ_ERRORS, unreadable
from nbtrack.io.track_graph import lineage_of_graph

if TYPE_CHECKING:
    from collections.abc import Iterator

MANUAL_GROUPS = ("ManualTracking", "Manual Tracking", "TrackingAnnotations")
"""Where a project holds what was tracked by hand."""
AUTOMATIC_GROUPS = ("ConservationTracking", "Conservation Tracking", "StructuredTracking")
"""Where a project holds an automatic run."""
EVENTS = {"mov": 3, "div": 4, "app": 2, "dis": 2, "merger": 3, "multiMove": 4}
"""Columns of each kind of event; the last one is its energy."""
_TABLES = {
    "mov": ("moves", ["t", "source_id", "target_id"]),
    "div": ("splits", ["t", "parent_id", "child1_id", "child2_id"]),
    "app": ("appearances", ["t", "object_id"]),
    "dis": ("disappearances", ["t", "object_id"]),
    "merger": ("mergers", ["t", "object_id", "count"]),
    "multiMove": ("multi_frame_moves", ["t", "source_id", "target_id", "t_source"]),
}
_MOST_NUMBERS = 10**7
_MOST_FRAMES = 10**6
_MOST_TRACKS = 1000


def numbers(file: h5py.Group, name: str, *, most: int = _MOST_NUMBERS) -> np.ndarray:
    """Read a dataset of plain numbers that lies in the file itself.

    Parameters
    ----------
    file : h5py.Group
        An open file, or a group of it.
    name : str
        Name of the dataset.
    most : int, optional
        More numbers than this are refused.

    Returns
    -------
    ndarray

    Raises
    ------
    KeyError, ValueError
        If it is not there, lies elsewhere, is too large, or holds anything but numbers.
    """
    dataset = own_dataset(file, name)
    if dataset.dtype.kind not in "biuf":
        raise ValueError(f"{name!r} holds no numbers but {dataset.dtype}, which is never opened")
    if dataset.size is None or dataset.size > most:
        raise ValueError(f"{name!r} has {dataset.size} numbers, more than {most}")
    return np.asarray(dataset[()])


def read_ilp_lineage(path: str | Path) -> Lineage:
    """Read the tracks of a project: those made by hand or annotated if it has any, else those of the automatic run.

    Parameters
    ----------
    path : str or Path
        The ``.ilp`` file.

    Returns
    -------
    Lineage
        Its object ids are those of the label images of the project.

    Raises
    ------
    InputError
        If the project has no tracks of one movie, is damaged, or its tracks contradict each other.
    """
    path = Path(path).expanduser()
    try:
        with h5py.File(path, "r", locking="best-effort") as file:
            manual = next((name for name in MANUAL_GROUPS if f"{name}/Labels" in file), None)
            if manual is not None:
                labels, divisions = manual_tracks(file, manual, path)
                return _lineage_of_labels(labels, divisions, path)
            automatic = next((name for name in AUTOMATIC_GROUPS if f"{name}/EventsVector" in file), None)
            if automatic is None:
                raise InputError(
                    f"`{path}` has no manual tracking: none of {', '.join(map(repr, MANUAL_GROUPS))} is in it, nor the "
                    "events of an automatic one (newer versions store those as a pickle, which is not opened). "
                    "Open a project of the manual tracking workflow, or export the result as a table or as events."
                )
            return _lineage_of_events(file, automatic, path)
    except InputError:
        raise
    except READ_ERRORS as error:
        raise unreadable(path, error) from error


def manual_tracks(file: h5py.File, group: str, path: Path) -> tuple[list[tuple[int, int, int]], np.ndarray]:
    """Read the labels and divisions of a group.

    Parameters
    ----------
    file : h5py.File
        The project.
    group : str
        One of `MANUAL_GROUPS`.
    path : Path
        Its name, for messages.

    Returns
    -------
    tuple of (list of (t, object_id, track_id), ndarray of int, shape (n, 4))
        Labels, -1 for a false detection; divisions as parent, child, child, last frame of the parent.

    Raises
    ------
    InputError
        If there are several movies, or none.
    """
    lane = only_lane(file, f"{group}/Labels", path, "manual tracking")
    rows = list(_labels(file, f"{group}/Labels/{lane}"))
    divisions = np.empty((0, 4), np.int64)
    if f"{group}/Divisions/{lane}" in file:
        divisions = numbers(file, f"{group}/Divisions/{lane}").astype(np.int64).reshape(-1, 4)
    return rows, divisions


def only_lane(file: h5py.File, name: str, path: Path, what: str) -> str:
    """Name the movie of a group, of which there must be one.

    Parameters
    ----------
    file : h5py.File
        The project.
    name : str
        The group.
    path : Path
        Name of the project, for the message.
    what : str
        What the group holds, for the message.

    Returns
    -------
    str

    Raises
    ------
    InputError
        If there are several, or none.
    """
    lanes = list(file[name])
    if len(lanes) != 1:
        raise InputError(
            f"`{path}` has {what} of {len(lanes)} movies, but one can be read. Save the project with that movie alone."
        )
    return str(lanes[0])


def _labels(file: h5py.File, name: str) -> Iterator[tuple[int, int, int]]:
    for t in file[name]:
        if not isinstance(file[name].get(t, getlink=True), h5py.HardLink):
            raise ValueError(f"'{name}/{t}' is a link to another place")
        frame = file[f"{name}/{t}"]  # looked up once: there is a dataset for each of its objects
        for object_id in frame:
            for track in numbers(frame, object_id, most=_MOST_TRACKS).ravel().tolist():
                yield int(t), int(object_id), int(track)


def _lineage_of_labels(labels: list[tuple[int, int, int]], divisions: np.ndarray, path: Path) -> Lineage:
    try:
        return Lineage.from_tables(
            (row for row in labels if row[2] != FALSE_TRACK_ID),
            ((t, parent, child1, child2) for parent, child1, child2, t in divisions.tolist()),
            ((t, object_id) for t, object_id, track in labels if track == FALSE_TRACK_ID),
        )
    except EditError as error:
        raise InputError(f"`{path}` holds no valid lineage: {error} Mend that in the project first.") from error


def _lineage_of_events(file: h5py.File, group: str, path: Path) -> Lineage:
    """Join the events of an automatic run."""
    above = f"{group}/EventsVector/{only_lane(file, f'{group}/EventsVector', path, 'events')}"
    frames = sorted(map(int, file[above]))
    rows: dict[str, list[list[int]]] = {kind: [] for kind in EVENTS}
    whole: dict[tuple[int, int], int] = {}
    for t in frames:
        if not 0 <= t < _MOST_FRAMES:
            raise ValueError(f"{above} has events of frame {t}")
        for merged in file.get(f"{above}/{t}/res", ()):
            parts = numbers(file, f"{above}/{t}/res/{merged}", most=_MOST_TRACKS).astype(np.int64).ravel()
            whole |= {(t, int(part)): int(merged) for part in parts if part > 0}
        for kind, width in EVENTS.items():
            rows[kind] += [[t - (kind == "dis"), *row] for row in _events(file, f"{above}/{t}", kind, width)]
    if any(count > _MOST_TRACKS for *_, count in rows["merger"]) or any(s >= t for t, *_, s in rows["multiMove"]):
        raise ValueError(f"{above} has events that cannot be")
    try:
        if whole:
            return _lineage_of_parts(rows, whole, path)
        tables = {
            name: pd.DataFrame(np.array(rows[kind], np.int64).reshape(-1, len(columns)), columns=columns)
            for kind, (name, columns) in _TABLES.items()
        }
        return lineage_of_events(EventFiles(labels=cast("Any", range(max(frames, default=0) + 1)), **tables))
    except EditError as error:
        raise InputError(f"`{path}` holds no valid lineage: {error} Run the tracking again in ilastik.") from error


def _lineage_of_parts(rows: dict[str, list[list[int]]], whole: dict[tuple[int, int], int], path: Path) -> Lineage:
    """Join events between parts that were cut out of merged objects; each part counts as its object."""
    nodes: dict[tuple[int, int], int] = {}

    def node(t: int, object_id: int) -> int:
        return nodes.setdefault((t, object_id), len(nodes))

    pairs = [(node(t - 1, a), node(t, b)) for t, a, b in rows["mov"]]
    pairs += [(node(t - 1, a), node(t, child)) for t, a, *children in rows["div"] for child in children]
    pairs += [(node(since, a), node(t, b)) for t, a, b, since in rows["multiMove"]]
    for t, object_id in rows["app"] + rows["dis"]:
        node(t, object_id)
    table = pd.DataFrame(np.array(list(nodes), np.int64).reshape(-1, 2), columns=["t", "object_id"])
    lineage = lineage_of_graph(table, np.array(pairs, np.int64).reshape(-1, 2), str(path))
    objects = lineage.objects[["t", "object_id", "track_id"]].to_numpy().tolist()
    return Lineage.from_tables(
        ((t, whole.get((t, object_id), object_id), track) for t, object_id, track in objects),
        [(d.t, d.parent_track_id, *d.children) for d in lineage.divisions.values()],
    )


def _events(file: h5py.File, place: str, kind: str, width: int) -> list[list[int]]:
    """Read the objects of one kind of event in one frame, without its energy."""
    if f"{place}/{kind}" not in file:
        return []
    rows: list[list[int]] = numbers(file, f"{place}/{kind}").reshape(-1, width)[:, :-1].astype(np.int64).tolist()
    return rows
