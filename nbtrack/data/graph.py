"""Detections and their candidate links as aligned arrays: what the energies are computed from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True, kw_only=True)
class HypothesisGraph:
    """A structure of arrays, one entry per detection or per candidate link.

    Parameters
    ----------
    t, object_id : ndarray of int, shape (n,)
        Frame and label of each detection, sorted by both.
    row : ndarray of int, shape (n,)
        Row of the detection in the table it came from.
    position : ndarray of float, shape (n, ndim)
        Centres in scaled units, ordered ``(z, y, x)`` or ``(y, x)``.
    size : ndarray of float, shape (n,)
        Number of pixels.
    border : ndarray of float, shape (n,)
        Border factor in [0, 1]: 0 at the border of the field of view, 1 inside.
    source, target : ndarray of int, shape (a,)
        Indices of detections; ``t[source] < t[target]``; sorted by source and target.
    distance : ndarray of float, shape (a,)
        Distance of the two centres in scaled units.
    p_count : ndarray of float, shape (n, m + 1), or None
        Probability of 0..m objects in a detection, from a classifier.
    p_division : ndarray of float, shape (n,), or None
        Probability that the object divides before the next frame, from a classifier.
    """

    t: np.ndarray
    object_id: np.ndarray
    row: np.ndarray
    position: np.ndarray
    size: np.ndarray
    border: np.ndarray
    source: np.ndarray
    target: np.ndarray
    distance: np.ndarray
    p_count: np.ndarray | None = None
    p_division: np.ndarray | None = None

    @property
    def n_detections(self) -> int:
        """Number of detections."""
        return len(self.t)

    @property
    def n_links(self) -> int:
        """Number of candidate links."""
        return len(self.source)

    @property
    def gap(self) -> np.ndarray:
        """Frames from source to target of each link, shape (a,)."""
        return np.asarray(self.t[self.target] - self.t[self.source])

    @property
    def out_degree(self) -> np.ndarray:
        """Number of links that leave each detection, shape (n,)."""
        return np.bincount(self.source, minlength=self.n_detections)

    @property
    def first_frame(self) -> int:
        """First frame with a detection."""
        return int(self.t[0]) if len(self.t) else 0

    @property
    def last_frame(self) -> int:
        """Last frame with a detection."""
        return int(self.t[-1]) if len(self.t) else 0

    def index_of(self, t: int, object_id: int) -> int | None:
        """Tell the index of a detection, or None if it is not in the graph."""
        start, stop = np.searchsorted(self.t, [t, t + 1])
        index = int(start + np.searchsorted(self.object_id[start:stop], object_id))
        return index if index < stop and self.object_id[index] == object_id else None

    def link_index_of(self, source: int, target: int) -> int | None:
        """Tell the index of a link between two detections, or None if it is no candidate."""
        start, stop = np.searchsorted(self.source, [source, source + 1])
        index = int(start + np.searchsorted(self.target[start:stop], target))
        return index if index < stop and self.target[index] == target else None

    def with_links(self, source: np.ndarray, target: np.ndarray) -> HypothesisGraph:
        """Make a graph with further links.

        Parameters
        ----------
        source, target : ndarray of int
            Indices of detections; links that are there already are not doubled.

        Returns
        -------
        HypothesisGraph
        """
        n = self.n_detections
        keys = np.unique(np.r_[self.source * n + self.target, np.asarray(source) * n + np.asarray(target)])
        source, target = keys // n, keys % n
        distance = np.linalg.norm(self.position[source] - self.position[target], axis=1)
        return replace(self, source=source, target=target, distance=distance)
