"""Label frames in which some pixels have another id: read from the frames that they change, one at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nbtrack.data.movie import Movie

if TYPE_CHECKING:
    from nbtrack.data.detections import Detections, Frames
    from nbtrack.data.movie import Index


@dataclass(frozen=True, eq=False)
class CutFrames:
    """A source of label frames.

    Parameters
    ----------
    frames : sequence of ndarray
        The label frames before the cut.
    changes : dict of int to tuple of (ndarray of int, ndarray of uint32)
        By frame: which pixels of the flat frame, and their new ids.
    shape : tuple of int
        ``(t, [z,] y, x)``.
    """

    frames: Frames
    changes: dict[int, tuple[np.ndarray, np.ndarray]]
    shape: tuple[int, ...]
    dtype = np.dtype(np.uint32)

    def read(self, index: Index) -> np.ndarray:
        """Read a part of a frame.

        Parameters
        ----------
        index : tuple of int or slice
            One entry per dimension, the first one a frame number.

        Returns
        -------
        ndarray of uint32
        """
        t, *rest = index
        assert isinstance(t, int), "a movie reads one frame at a time"
        frame = np.array(self.frames[t], dtype=np.uint32, order="C")
        if t in self.changes:
            where, ids = self.changes[t]
            frame.reshape(-1)[where] = ids
        return frame[tuple(rest)]


def change_labels(detections: Detections, changes: dict[int, tuple[np.ndarray, np.ndarray]]) -> Movie:
    """Make label frames with other ids in some pixels.

    Parameters
    ----------
    detections : Detections
        With the label frames before.
    changes : dict of int to tuple of (ndarray of int, ndarray of uint32)
        As for `CutFrames`.

    Returns
    -------
    Movie
    """
    shape = (detections.n_frames, *detections.frame_shape)
    name = getattr(detections.labels, "name", "labels")
    axes = "".join(["t", *detections.columns_position])
    return Movie(CutFrames(detections.labels, changes, shape), axes, scale=detections.scale, name=name)
