"""Carrying a lineage from the label frames that it was made on over to the objects of other detections.

A label belongs to the object with which it shares most pixels, if that is at least half of the pixels of either. Where
both come from one segmentation that is the object itself, whatever it is numbered. An object that takes several labels
becomes a merger.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from nbtrack.data.lineage import Lineage
from nbtrack.errors import EditError, InputError
from nbtrack.overlap import count_overlaps

if TYPE_CHECKING:
    from nbtrack.data.detections import Detections
    from nbtrack.data.movie import Movie

_log = logging.getLogger(__name__)


def carry_over(
    lineage: Lineage, labels: Movie, detections: Detections, *, what: str, same_objects: bool = False
) -> Lineage:
    """Give the tracks of labels to the objects that lie where the labels lie.

    Parameters
    ----------
    lineage : Lineage
        Tracks, divisions and false detections; its object ids are values of `labels`.
    labels : Movie
        The label frames that `lineage` speaks of.
    detections : Detections
        The objects to track.
    what : str
        Name of the file, for messages.
    same_objects : bool, optional
        Refuse a track that covers two objects of a frame, as in an image that is coloured by lineage.

    Returns
    -------
    Lineage
        The same tracks on the objects of `detections`. Labels that lie on no object are left out; a warning is logged.

    Raises
    ------
    InputError
        If the frames do not fit together, no label lies on an object, or a track would have two objects.
    """
    _check_frames(labels, detections, what)
    carried = Lineage()
    wanted = lost = 0
    for t in range(detections.n_frames):
        tracked, false = lineage.labelled(t), lineage.false_at(t)
        if not tracked and not false:
            continue
        found = _objects_of(labels[t], detections, t)
        for label in sorted(tracked):
            objects = found.get(label, [])
            wanted, lost = wanted + 1, lost + (not objects)
            covered = [object_id for object_id, is_covered in objects if is_covered]
            if same_objects and len(covered) > 1:
                raise InputError(
                    f"`{what}` has the value {label} on the objects {covered[0]} and {covered[1]} of frame {t}, but a "
                    "track has one object in a frame. Export the image coloured by track, not by lineage."
                )
            for track_id in tracked[label] if objects else ():
                carried.assign(t, objects[0][0], track_id)
        for label in false:
            for object_id, is_covered in found.get(label, []):
                if is_covered and not carried.tracks_at(t, object_id):
                    carried.mark_false(t, object_id)
    if wanted and lost == wanted:
        raise InputError(
            f"`{what}` has no label that lies on one of the objects. Check that both belong to the same movie."
        )
    if lost:
        _log.warning("%s: %d of %d labels lie on no object and are left out.", what, lost, wanted)
    _carry_divisions(lineage, carried, what)
    return carried


def _check_frames(labels: Movie, detections: Detections, what: str) -> None:
    if "c" in labels.axes or np.dtype(labels.dtype).kind not in "iu":
        raise InputError(
            f"`{what}` must hold label images, whole numbers in one channel: got {labels.dtype} with the axes "
            f"{labels.axes}. Choose another file, or give `axes` by opening it with `nbtrack.read` first."
        )
    shape, frame_shape = tuple(labels.frame_shape), tuple(detections.frame_shape)
    if len(labels) != detections.n_frames or shape != frame_shape:
        raise InputError(
            f"`{what}` has {len(labels)} frames of shape {shape}, but the objects are in {detections.n_frames} frames "
            f"of shape {frame_shape}. Check that both belong to the same movie."
        )


def _objects_of(frame: np.ndarray, detections: Detections, t: int) -> dict[int, list[tuple[int, bool]]]:
    """List the objects of each label, most shared pixels first, and whether the label covers half of them."""
    label, object_id, shared = count_overlaps(frame, np.asarray(detections.labels[t]), background=True)
    label_size, object_size = _totals(label, shared), _totals(object_id, shared)
    known = detections.table["object_id"].to_numpy()[detections.rows_of(t)]
    is_covered = 2 * shared >= object_size
    keep = (label > 0) & np.isin(object_id, known) & (is_covered | (2 * shared >= label_size))
    found: dict[int, list[tuple[int, bool]]] = {}
    for i in np.flatnonzero(keep)[np.argsort(-shared[keep], kind="stable")]:
        found.setdefault(int(label[i]), []).append((int(object_id[i]), bool(is_covered[i])))
    return found


def _totals(ids: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Sum the counts of each id, repeated for each of its entries."""
    _, place = np.unique(ids, return_inverse=True)
    totals: np.ndarray = np.bincount(place, counts)[place]
    return totals


def _carry_divisions(lineage: Lineage, carried: Lineage, what: str) -> None:
    for division in sorted(lineage.divisions.values()):
        try:
            carried.divide(
                max(carried.objects_of(division.parent_track_id), default=division.t),
                division.parent_track_id,
                *division.children,
            )
        except EditError as error:
            _log.warning("%s: a division is left out. %s", what, error)
