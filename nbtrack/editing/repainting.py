"""Change the pixels of objects in one frame: a box of new labels, and the table rows that follow from it.

Frames that were not repainted stay where they are. Nothing is changed in place: a repaint gives new detections, so that
undoing it is going back to the old ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nbtrack.data.columns import detection_columns
from nbtrack.data.label_store import LabelStore
from nbtrack.errors import InputError
from nbtrack.features import FEATURES, measure
from nbtrack.regions import region_table, scan_regions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from nbtrack.data.detections import Detections, Frames
    from nbtrack.data.movie import Movie


@dataclass(frozen=True)
class EditedLabels:
    """Label frames, some of which were repainted.

    Parameters
    ----------
    frames : Movie or sequence of ndarray
        The frames as they were found.
    painted : dict of int to ndarray
        The frames that are others now.
    """

    frames: Frames
    painted: dict[int, np.ndarray]

    def __len__(self) -> int:
        """Count the frames."""
        return len(self.frames)

    def __getitem__(self, t: int) -> np.ndarray:
        """Give frame `t`."""
        return self.painted[t] if t in self.painted else np.asarray(self.frames[t])


@dataclass(frozen=True)
class Repaint:
    """New labels for a box of one frame.

    Parameters
    ----------
    t : int
        The frame.
    begin : tuple of int
        First pixel of the box, ``([z,] y, x)``.
    labels : ndarray of uint32
        What the box holds from now on.
    """

    t: int
    begin: tuple[int, ...]
    labels: np.ndarray

    @classmethod
    def between(cls, t: int, old: np.ndarray, new: np.ndarray) -> Repaint:
        """Find the smallest box in which two label frames differ.

        Parameters
        ----------
        t : int
            The frame.
        old, new : ndarray of unsigned int, of one shape
            The frame before and after.

        Returns
        -------
        Repaint
            Of no pixel if they are equal.
        """
        differs = old != new
        box = []
        for axis in range(differs.ndim):
            hit = np.flatnonzero(differs.any(axis=tuple(k for k in range(differs.ndim) if k != axis)))
            box.append(slice(int(hit[0]), int(hit[-1]) + 1) if len(hit) else slice(0, 0))
        return cls(t, tuple(b.start for b in box), new[tuple(box)].astype(np.uint32))

    def paint(self, frame: np.ndarray) -> np.ndarray:
        """Paint a copy of a frame.

        Parameters
        ----------
        frame : ndarray of unsigned int
            The frame.

        Returns
        -------
        ndarray of uint32
        """
        painted = frame.astype(np.uint32)
        painted[tuple(slice(b, b + n) for b, n in zip(self.begin, self.labels.shape, strict=True))] = self.labels
        return painted

    def to_values(self) -> dict[str, Any]:
        """Write it as plain values; equal pixels in a row count as one."""
        flat = self.labels.ravel()
        starts = np.flatnonzero(np.r_[True, flat[1:] != flat[:-1]]) if len(flat) else np.zeros(0, int)
        runs = [flat[starts].tolist(), np.diff(starts, append=len(flat)).tolist()]
        return {"t": self.t, "begin": list(self.begin), "shape": list(self.labels.shape), "runs": runs}

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Repaint:
        """Make it of what `to_values` wrote.

        Parameters
        ----------
        values : mapping
            The plain values.

        Returns
        -------
        Repaint

        Raises
        ------
        InputError
            If they do not fit together.
        """
        try:
            labels = np.repeat(np.array(values["runs"][0], np.uint32), values["runs"][1]).reshape(values["shape"])
            return cls(int(values["t"]), tuple(map(int, values["begin"])), labels)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise InputError(f"`values` must be a repainted box: {error}.") from error


def repaint(detections: Detections, change: Repaint, movie: Movie | None = None) -> Detections:
    """Put new labels into one frame and measure its objects again.

    Columns that the segmentation does not give are kept for objects of the same id and size. For the others, features
    of `nbtrack.features` are measured, as far as the raw images are there; probabilities say one object that divides as
    often as any, and other columns are not known.

    Parameters
    ----------
    detections : Detections
        The objects.
    change : Repaint
        What is new.
    movie : Movie, optional
        The raw images, of one channel, for features of brightness.

    Returns
    -------
    Detections
    """
    frame = change.paint(np.asarray(detections.labels[change.t]))
    table = detections.table
    rows = detections.rows_of(change.t)
    before, after = table.iloc[: rows.start], table.iloc[rows.stop :]
    found = region_table([scan_regions(frame)], detections.ndim)
    found["t"] = change.t
    extra = [name for name in table.columns if name not in detection_columns(detections.ndim)]
    if extra:
        old = table.iloc[rows].set_index("object_id")
        same = old["size"].reindex(found["object_id"]).to_numpy() == found["size"].to_numpy()
        measured = _features(frame, change.t, detections, extra, movie)
        for name in extra:
            values = old[name].reindex(found["object_id"]).to_numpy(float, copy=True)
            new = measured[name].to_numpy(float) if name in measured else _guess(name, table[name].to_numpy(float))
            values[~same] = new[~same] if isinstance(new, np.ndarray) else new
            found[name] = values
    whole = pd.concat([before, found[table.columns]], ignore_index=True)
    whole = pd.concat([whole, after], ignore_index=True).astype(table.dtypes)
    labels = detections.labels
    painted = dict(labels.painted) if isinstance(labels, EditedLabels) else {}
    frames = labels.frames if isinstance(labels, EditedLabels) else labels
    edited = EditedLabels(frames, painted | {change.t: frame})
    return replace(detections, labels=edited, table=whole)


def _features(
    frame: np.ndarray, t: int, detections: Detections, columns: list[str], movie: Movie | None
) -> pd.DataFrame:
    """Measure those features of the objects of a frame that stand in the table."""
    has_raw = movie is not None and movie.n_channels == 1
    wanted = [
        feature.name
        for feature in FEATURES.values()
        if detections.ndim in feature.ndims
        and set(feature.names(detections.ndim)) <= set(columns)
        and (has_raw or not feature.needs_raw)
    ]
    raw = np.asarray(movie.frame(t)).reshape(frame.shape) if has_raw and movie is not None else None
    return measure(frame, raw, features=wanted, scale=detections.scale) if wanted else pd.DataFrame()


def _guess(name: str, values: np.ndarray) -> float:
    """Say what a column holds for an object that a person drew."""
    if name.startswith("p_count_"):
        return float(name == "p_count_1")
    known = values[np.isfinite(values)]
    return float(known.mean()) if name == "p_division" and len(known) else float("nan")


def write_labels(detections: Detections, out: str | Path | None = None, *, overwrite: bool = False) -> Movie:
    """Write label frames, repainted ones included, into a label movie.

    Parameters
    ----------
    detections : Detections
        The objects.
    out : str or Path, optional
        An HDF5 file; without it they stay in memory if they are few.
    overwrite : bool, optional
        Replace the file if it is there.

    Returns
    -------
    Movie
        `nbtrack.detect` makes the same objects of it.
    """
    store = LabelStore(
        detections.n_frames, detections.frame_shape, scale=detections.scale, out=out, overwrite=overwrite,
        made_by=detections.params,
    )  # fmt: skip
    with store:
        for t in range(detections.n_frames):
            store.append(np.asarray(detections.labels[t]).astype(np.uint32))
        return store.finish()
