"""Places of the tracks in a lineage tree, the part of it that is in sight, the track at a point. Draws nothing."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nbtrack.data.lineage import Lineage

GAP = 0.6
"""Empty rows between two lineages."""


@dataclass(frozen=True)
class TreeLayout:
    """Rows of tracks, time along the other direction.

    Parameters
    ----------
    track_ids : ndarray of int, shape (n,)
        The tracks that have a place.
    rows : ndarray of float, shape (n,)
        Their places: leaves one apart, a parent in the middle of its children.
    starts, ends : ndarray of int, shape (n,)
        Their first and last frames.
    parents : ndarray of int, shape (n,)
        Index of the parent in these arrays, -1 for none.
    """

    track_ids: np.ndarray
    rows: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    parents: np.ndarray

    def __len__(self) -> int:
        return len(self.track_ids)

    def index_of(self, track_id: int) -> int | None:
        """Tell where a track stands in the arrays, or None."""
        found = np.flatnonzero(self.track_ids == track_id)
        return int(found[0]) if len(found) else None

    def lines(self) -> tuple[np.ndarray, np.ndarray]:
        """Tell the line of each track: times and rows, both of shape (n, 2); a track of one frame is a short dash."""
        starts = np.where(self.starts == self.ends, self.starts - 0.3, self.starts)
        return np.stack([starts, self.ends], axis=1), np.stack([self.rows, self.rows], axis=1)

    def connectors(self) -> tuple[np.ndarray, np.ndarray]:
        """Tell the lines from parents to children as times and rows of one line with gaps (NaN)."""
        child = np.flatnonzero(self.parents >= 0)
        parent = self.parents[child]
        gap = np.full(len(child), np.nan)
        times = np.stack([self.ends[parent], self.ends[parent], self.starts[child], gap], axis=1)
        rows = np.stack([self.rows[parent], self.rows[child], self.rows[child], gap], axis=1)
        return times.ravel(), rows.ravel()

    def stops(self, last: int) -> tuple[np.ndarray, np.ndarray]:
        """Tell small bars where tracks end before frame `last` without dividing, as one line with gaps (NaN)."""
        divides = np.zeros(len(self), dtype=bool)
        divides[self.parents[self.parents >= 0]] = True
        lost = np.flatnonzero((self.ends < last) & ~divides)
        gap = np.full(len(lost), np.nan)
        times = np.stack([self.ends[lost], self.ends[lost], gap], axis=1)
        rows = np.stack([self.rows[lost] - 0.3, self.rows[lost] + 0.3, gap], axis=1)
        return times.ravel(), rows.ravel()

    def nearest(self, t: float, row: float, *, t_reach: float, row_reach: float) -> int | None:
        """Find the track at a point.

        Parameters
        ----------
        t, row : float
            The point.
        t_reach, row_reach : float
            How far from its line a track can be hit, in frames and in rows.

        Returns
        -------
        int or None
            Track id of the nearest line within reach.
        """
        if not len(self):
            return None
        beside = np.maximum(np.maximum(self.starts - t, t - self.ends), 0.0) / t_reach
        distance = np.hypot(beside, (self.rows - row) / row_reach)
        best = int(distance.argmin())
        return int(self.track_ids[best]) if distance[best] <= 1 else None


def lay_out_tree(lineage: Lineage, roots: Sequence[int]) -> TreeLayout:
    """Give every track of some lineages a row.

    Parameters
    ----------
    lineage : Lineage
        The answer.
    roots : sequence of int
        First tracks of the lineages, in the order of their rows.

    Returns
    -------
    TreeLayout
    """
    places, ends = place_tracks(lineage, roots), lineage.track_ends()
    index = {track: i for i, track in enumerate(places)}
    spans = np.array([ends[track] for track in places], dtype=np.int64).reshape(-1, 2)
    return TreeLayout(
        track_ids=np.array(list(places), dtype=np.int64),
        rows=np.array(list(places.values()), dtype=np.float64),
        starts=spans[:, 0],
        ends=spans[:, 1],
        parents=np.array([index.get(lineage.parent_of(track) or 0, -1) for track in places], dtype=np.int64),
    )


def place_tracks(lineage: Lineage, roots: Iterable[int]) -> dict[int, float]:
    """Give every leaf the next place and every parent the middle of its children.

    Parameters
    ----------
    lineage : Lineage
        The answer.
    roots : iterable of int
        First tracks of the lineages, in the order of their places.

    Returns
    -------
    dict of int to float
        Place of each track; there is a gap between lineages.
    """
    places: dict[int, float] = {}
    leaf = 0.0
    for root in roots:
        stack = [(root, False)]
        while stack:
            track, done = stack.pop()
            children = lineage.children_of(track)
            if done:
                places[track] = sum(places[i] for i in children) / len(children)
            elif children:
                stack.append((track, True))
                stack.extend((i, False) for i in reversed(children))
            else:
                places[track], leaf = leaf, leaf + 1.0
        leaf += GAP
    return places


def lineages_around(lineage: Lineage, track_id: int, limit: int) -> list[int]:
    """Choose lineages to draw when all would be too many.

    Parameters
    ----------
    lineage : Lineage
        The answer.
    track_id : int
        A track whose lineage is chosen in any case; the first lineage if there is no such track.
    limit : int
        Choose at most so many tracks, the neighbours of that lineage on both sides.

    Returns
    -------
    list of int
        First tracks of the chosen lineages, in order of their first frame, then of their id.
    """
    ends = lineage.track_ends()
    sizes = Counter(map(lineage.lineage_id_of, ends))
    roots = sorted(sizes, key=lambda root: (ends[root][0], root))
    if len(ends) <= limit:
        return roots
    low = roots.index(lineage.lineage_id_of(track_id)) if track_id in ends else 0
    high, total, grown = low + 1, sizes[roots[low]], True
    while grown:
        grown = False
        if low > 0 and total + sizes[roots[low - 1]] <= limit:
            low, total, grown = low - 1, total + sizes[roots[low - 1]], True
        if high < len(roots) and total + sizes[roots[high]] <= limit:
            high, total, grown = high + 1, total + sizes[roots[high]], True
    return roots[low:high]


@dataclass(frozen=True)
class Span:
    """The part of an axis that is in sight.

    Parameters
    ----------
    low, high : float
        Its ends.
    """

    low: float
    high: float

    @property
    def length(self) -> float:
        """How much is in sight."""
        return self.high - self.low

    def inside(self, whole: Span) -> Span:
        """Move it into another one, or take that one if it is shorter."""
        if self.length >= whole.length:
            return whole
        low = min(max(self.low, whole.low), whole.high - self.length)
        return Span(low, low + self.length)

    def zoomed(self, factor: float, at: float, whole: Span, *, least: float) -> Span:
        """Show less (factor above 1) or more, with one point staying where it is.

        Parameters
        ----------
        factor : float
            How many times larger things become.
        at : float
            The point; the middle if it is out of sight.
        whole : Span
            All there is.
        least : float
            The shortest length.

        Returns
        -------
        Span
        """
        length = max(self.length / factor, min(least, whole.length))
        share = (at - self.low) / self.length
        if not 0 <= share <= 1:
            at, share = (self.low + self.high) / 2, 0.5
        low = at - share * length
        return Span(low, low + length).inside(whole)

    def moved(self, by: float, whole: Span) -> Span:
        """Move it, but not out of another one."""
        return Span(self.low + by, self.high + by).inside(whole)

    def reaching(self, value: float, whole: Span) -> Span:
        """Stay if a value is in sight, else bring it to the middle."""
        return self if self.low <= value <= self.high else self.moved(value - (self.low + self.high) / 2, whole)


def frame_ticks(span: Span, *, at_most: int = 6) -> list[int]:
    """Choose round frame numbers for an axis of time.

    Parameters
    ----------
    span : Span
        What is in sight.
    at_most : int, optional
        How many numbers there may be.

    Returns
    -------
    list of int

    Examples
    --------
    >>> frame_ticks(Span(-0.5, 52.5))
    [0, 10, 20, 30, 40, 50]
    """
    first, last = math.ceil(span.low), math.floor(span.high)
    steps = (digit * 10**power for power in range(10) for digit in (1, 2, 5))
    step = next(step for step in steps if last // step - (first - 1) // step <= at_most)
    return list(range(-(-first // step) * step, last + 1, step))
