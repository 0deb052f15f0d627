"""Whole tracked movies out of formats with label images, and tracks of any format carried over to other objects."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nbtrack.data.columns import position_columns
from nbtrack.data.lineage import FALSE_LABEL, Lineage
from nbtrack.data.movie import Movie
from nbtrack.errors import InputError
from nbtrack.io.csv_table import read_csv_table
from nbtrack.io.ctc import read_ctc
from nbtrack.io.events_h5 import read_events
from nbtrack.io.ilp import read_ilp_labels
from nbtrack.io.ilp_tracks import read_ilp_lineage
from nbtrack.io.lineages import check_objects, lineage_from_events_h5
from nbtrack.io.matching import carry_over
from nbtrack.io.tracked import PaintedFrames, Tracked, objects_of_labels, objects_of_points, pixel_sizes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nbtrack.data.detections import Detections
    from nbtrack.data.movie import Index


def tracked_from_ctc(path: Path, *, scale: float | Sequence[float] | None = None) -> Tracked:
    """Read a folder of the Cell Tracking Challenge, result or truth.

    Parameters
    ----------
    path : Path
        As for `nbtrack.io.ctc.read_ctc`.
    scale : float or sequence of float, optional
        Pixel size per spatial axis.

    Returns
    -------
    Tracked
    """
    labels, lineage = read_ctc(path)
    return Tracked(lineage, scaled_objects(labels, scale))


def tracked_from_labels(labels: Movie, *, scale: float | Sequence[float] | None = None) -> Tracked:
    """Read label images by track: an object is what has one value, 65535 is a false detection.

    Parameters
    ----------
    labels : Movie
        The images.
    scale : float or sequence of float, optional
        Pixel size per spatial axis.

    Returns
    -------
    Tracked
        Without divisions.
    """
    detections = scaled_objects(labels, scale)
    lineage = Lineage()
    for t, object_id in detections.table[["t", "object_id"]].itertuples(index=False, name=None):
        if object_id == FALSE_LABEL:
            lineage.mark_false(int(t), int(object_id))
        else:
            lineage.assign(int(t), int(object_id), int(object_id))
    return Tracked(lineage, detections)


def tracked_from_events_h5(path: Path, *, scale: float | Sequence[float] | None = None) -> Tracked:
    """Read a folder of event files with their label images.

    Parameters
    ----------
    path : Path
        The folder.
    scale : float or sequence of float, optional
        Pixel size per spatial axis.

    Returns
    -------
    Tracked
    """
    detections = scaled_objects(read_events(path).labels, scale)
    return Tracked(lineage_from_events_h5(path, detections), detections)


def tracked_from_ilp(path: Path, *, scale: float | Sequence[float] | None = None) -> Tracked:
    """Read tracks and label images of a project of ilastik.

    Parameters
    ----------
    path : Path
        The ``.ilp`` file.
    scale : float or sequence of float, optional
        Pixel size per spatial axis.

    Returns
    -------
    Tracked
    """
    lineage = read_ilp_lineage(path)
    detections = scaled_objects(read_ilp_labels(path), scale)
    return Tracked(check_objects(lineage, detections, path), detections)


def tracked_from_csv(path: Path, *, scale: float | Sequence[float] | None = None) -> Tracked:
    """Read a table of objects; they are painted as discs or balls of their sizes.

    Parameters
    ----------
    path : Path
        The CSV file, or the folder that holds ``objects.csv``.
    scale : float or sequence of float, optional
        Pixel size per spatial axis.

    Returns
    -------
    Tracked

    Raises
    ------
    InputError
        If the table does not tell where its objects are.
    """
    table, lineage = read_csv_table(path)
    names = {f"Center_of_the_object_{i}": axis for i, axis in enumerate("xyz")}
    table = table.rename(columns={**names, "frame": "t", "labelimageId": "object_id"})
    if "x" not in table or "y" not in table:
        raise InputError(
            f"`{path}` lacks the column 'Center_of_the_object_0', so nobody knows where its objects are. "
            "Give the label images that it was made from as `labels`."
        )
    axes = position_columns(3 if "z" in table else 2)
    sizes = pixel_sizes(scale, len(axes))
    points = table.drop_duplicates(["t", "object_id"])[["t", "object_id", *axes]].copy()
    if "Size_in_pixels" in table:
        volume = table.loc[points.index, "Size_in_pixels"] * math.prod(sizes) / sizes[-1] ** len(axes)
        points["radius"] = np.sqrt(volume / math.pi) if len(axes) == 2 else np.cbrt(volume * 0.75 / math.pi)
    return Tracked(lineage, objects_of_points(points, str(path), scale=sizes))


def scaled_objects(labels: Movie, scale: float | Sequence[float] | None = None) -> Detections:
    """Take the objects of label images, with another pixel size if one is given.

    Parameters
    ----------
    labels : Movie
        Label images.
    scale : float or sequence of float, optional
        Pixel size per spatial axis.

    Returns
    -------
    Detections
    """
    detections = objects_of_labels(labels)
    return detections if scale is None else replace(detections, scale=tuple(pixel_sizes(scale, detections.ndim)))


def carry_tracks(tracked: Tracked, detections: Detections, what: str) -> Lineage:
    """Give the tracks of a file to the objects of other detections, by where they lie.

    Parameters
    ----------
    tracked : Tracked
        What the file holds.
    detections : Detections
        The objects to track.
    what : str
        Name of the file, for messages.

    Returns
    -------
    Lineage

    Raises
    ------
    InputError
        If the frames do not fit together, or nothing lies on an object.
    """
    frames = tracked.detections.labels
    if isinstance(frames, PaintedFrames):
        frames = frames.fitted(detections.n_frames, detections.frame_shape)
    shape = tracked.detections.frame_shape if len(frames) == 0 else np.asarray(frames[0]).shape
    axes = "tzyx" if len(shape) == 3 else "tyx"
    return carry_over(tracked.lineage, Movie(_FrameList(frames, shape), axes), detections, what=what)


class _FrameList:
    """Label frames as the source of a movie."""

    def __init__(self, frames: Any, shape: tuple[int, ...]) -> None:
        self._frames = frames
        self.shape = (len(frames), *shape)
        self.dtype: np.dtype[Any] = np.dtype(np.uint32)

    def read(self, index: Index) -> np.ndarray[Any, Any]:
        """Read a part of one frame."""
        t, *rest = index
        assert isinstance(t, int), "a movie reads one frame at a time"
        return np.asarray(self._frames[t])[tuple(rest)]
