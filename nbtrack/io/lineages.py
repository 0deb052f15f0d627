"""Lineages out of the files that are exported, and out of those of other programs.

What comes back of a lineage that was written, beyond its tracks:

================ ============ =========== ======= ================= ===========================================
format           track ids    divisions   mergers false detections  further
================ ============ =========== ======= ================= ===========================================
``csv``          yes          yes         yes     yes               all of it comes back
``events-csv``   yes          yes         yes     yes               with a label image by track
``labels``       yes          no          no      yes               a merger has its first track
``events-h5``    renumbered   yes         yes     no                see below
``ctc``          renumbered   yes         no      no                a merger has its first track
``ilp``          yes          yes         yes     yes               manual tracking; events lose false detections
``geff``         yes          yes         yes     yes               as long as nobody changed its edges
``trackmate``    yes          yes         yes     yes               the same, and for ``mamut``
``celltracks``   yes          yes         yes     no                objects are found by where they lie
================ ============ =========== ======= ================= ===========================================

A division is told by ``events-h5`` only if both children are there in the next frame. Its tracks find their way
through a merger if they have an object of their own before and after it; where two tracks leave a merger in which
one of them began, either may be the one that goes on. A gap comes back if the track has such an object on both sides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nbtrack.data.lineage import FALSE_LABEL, Lineage
from nbtrack.errors import EditError, InputError
from nbtrack.io.csv_table import read_csv_table
from nbtrack.io.ctc import read_ctc
from nbtrack.io.event_tracks import lineage_of_events
from nbtrack.io.events_csv import read_event_tables
from nbtrack.io.events_h5 import read_events
from nbtrack.io.ilp_tracks import read_ilp_lineage
from nbtrack.io.matching import carry_over

if TYPE_CHECKING:
    from pathlib import Path

    from nbtrack.data.detections import Detections
    from nbtrack.data.movie import Movie

_MOST_TRACKS = 1000


def lineage_from_labels(labels: Movie, detections: Detections, *, what: str) -> Lineage:
    """Take tracks and false detections from label images by track.

    Parameters
    ----------
    labels : Movie
        Each pixel has the number of its track, 0 outside any, 65535 in a false detection.
    detections : Detections
        The objects to track.
    what : str
        Name of the images, for messages.

    Returns
    -------
    Lineage
        Without divisions.

    Raises
    ------
    InputError
        If the images do not fit the objects, or two objects of a frame have one track.
    """
    painted = Lineage()
    for t in range(len(labels)):
        for value in np.unique(labels[t]).tolist():
            if value == FALSE_LABEL:
                painted.mark_false(t, value)
            elif value > 0:
                painted.assign(t, value, value)
    return carry_over(painted, labels, detections, what=what, same_objects=True)


def lineage_from_events_csv(path: Path, detections: Detections, track_image: Movie) -> Lineage:
    """Take divisions and mergers from CSV files, the tracks from label images.

    Parameters
    ----------
    path : Path
        A folder with ``divisions.csv``, ``mergers.csv`` or both; or one such file.
    detections : Detections
        The objects to track.
    track_image : Movie
        Label images by track.

    Returns
    -------
    Lineage

    Raises
    ------
    InputError
        If a file cannot be read, or the files contradict each other.
    """
    divisions, mergers = read_event_tables(path)
    lineage = lineage_from_labels(track_image, detections, what=track_image.name)
    try:
        for t, object_id, tracks in mergers:
            for track_id in set(tracks) - set(lineage.tracks_at(t, object_id)):
                lineage.assign(t, object_id, track_id)
            lineage.reorder(t, object_id, tracks)
        for row in divisions:
            lineage.divide(*row)
    except EditError as error:
        raise _contradiction(path, error, "Check that the files and the track image were exported together.") from error
    return check_objects(lineage, detections, path)


def lineage_from_csv(path: Path, detections: Detections) -> Lineage:
    """Take the lineage from a table of objects.

    Parameters
    ----------
    path : Path
        The CSV file, or the folder that holds ``objects.csv``.
    detections : Detections
        The objects, with the ids that the table names.

    Returns
    -------
    Lineage

    Raises
    ------
    InputError
        If the file cannot be read or names objects that are not there.
    """
    _, lineage = read_csv_table(path)
    return check_objects(lineage, detections, path)


def lineage_from_ctc(path: Path, detections: Detections) -> Lineage:
    """Take the lineage from a result or truth of the Cell Tracking Challenge.

    Parameters
    ----------
    path : Path
        As for `nbtrack.io.ctc.read_ctc`.
    detections : Detections
        The objects to track, which may be segmented differently.

    Returns
    -------
    Lineage

    Raises
    ------
    InputError
        If the folder cannot be read or does not fit the objects.
    """
    labels, lineage = read_ctc(path)
    return carry_over(lineage, labels, detections, what=str(path))


def lineage_from_events_h5(path: Path, detections: Detections) -> Lineage:
    """Take the lineage from a folder of event files.

    Parameters
    ----------
    path : Path
        The folder.
    detections : Detections
        The objects to track.

    Returns
    -------
    Lineage

    Raises
    ------
    InputError
        If a file cannot be read, the events contradict each other, or they do not fit the objects.
    """
    events = read_events(path)
    later = events.multi_frame_moves
    if (later["t_source"] >= later["t"]).any() or (events.mergers["count"] > _MOST_TRACKS).any():
        raise InputError(
            f"`{path}` holds events that cannot be: a move back in time, or an object with more than {_MOST_TRACKS} "
            "tracks. The files may be damaged; export them again."
        )
    try:
        lineage = lineage_of_events(events)
    except EditError as error:
        raise _contradiction(path, error, "The files may be damaged; export them again.") from error
    return carry_over(lineage, events.labels, detections, what=str(path))


def lineage_from_ilp(path: Path, detections: Detections) -> Lineage:
    """Take what was tracked by hand, or else by the automatic run, from a project of ilastik; nothing is unpickled.

    Parameters
    ----------
    path : Path
        The ``.ilp`` file.
    detections : Detections
        The objects, with the ids of the project. Where these differ, measure the label image of the project with
        `nbtrack.detect`.

    Returns
    -------
    Lineage

    Raises
    ------
    InputError
        If the file holds no tracks of one movie, is damaged, or names objects that are not there.
    """
    return check_objects(read_ilp_lineage(path), detections, path)


def check_objects(lineage: Lineage, detections: Detections, path: Path) -> Lineage:
    """Refuse a lineage that names objects which are not there.

    Parameters
    ----------
    lineage : Lineage
        What was read.
    detections : Detections
        The objects.
    path : Path
        What it was read from.

    Returns
    -------
    Lineage
        The same.

    Raises
    ------
    InputError
        If an object is not among the detections.
    """
    named = lineage.objects[["t", "object_id"]]
    table = named.merge(detections.table[["t", "object_id"]], how="left", indicator=True)
    absent = named[(table["_merge"] == "left_only").to_numpy()]
    if len(absent):
        t, object_id = absent.iloc[0].tolist()
        raise InputError(
            f"`{path}` names object {object_id} of frame {t}, which is not among the objects. "
            "Give the objects that it was made from."
        )
    return lineage


def _contradiction(path: Any, error: EditError, advice: str) -> InputError:
    return InputError(f"`{path}` holds no valid lineage: {error} {advice}")
