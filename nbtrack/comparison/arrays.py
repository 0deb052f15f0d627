"""Answers as arrays over one numbering of the objects of both sides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nbtrack.comparison.table import decode, encode
from nbtrack.data.columns import detection_columns
from nbtrack.errors import InputError
from nbtrack.overlap import count_overlaps, sum_counts

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from nbtrack.data.detections import Detections
    from nbtrack.data.lineage import Lineage


@dataclass(frozen=True, eq=False)
class Nodes:
    """The objects of both sides in one numbering.

    Parameters
    ----------
    codes : tuple of ndarray of int64
        For each side, the codes (`encode`) of its objects, ascending.
    index : tuple of ndarray of int64
        For each side, the number of each of them; the same object has one number on both sides.
    own : tuple of ndarray of int64
        For each side, the code of each number; -1 where the side has no such object.
    """

    codes: tuple[np.ndarray, np.ndarray]
    index: tuple[np.ndarray, np.ndarray]
    own: tuple[np.ndarray, np.ndarray]

    def __len__(self) -> int:
        """Count the objects."""
        return len(self.own[0])

    def find(self, side: int, t: np.ndarray, object_id: np.ndarray) -> np.ndarray:
        """Give the numbers of objects of a side, all of which it must have."""
        found: np.ndarray = self.index[side][np.searchsorted(self.codes[side], encode(t, object_id))]
        return found

    def ids(self, side: np.ndarray, node: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Give frame, id on the own side and id on the other side (0 if none) of numbers."""
        a, b = self.own[0][node], self.own[1][node]
        t, mine = decode(np.where(side == 0, a, b))
        other = np.where(side == 0, b, a)
        return t, mine, np.where(other < 0, 0, decode(other)[1])


def join_objects(rows: Sequence[pd.DataFrame], known: tuple[Detections | None, Detections | None]) -> Nodes:
    """Give one numbering to the objects that the rows of two lineages or their detections name.

    Parameters
    ----------
    rows : sequence of two DataFrame
        Columns t and object_id.
    known : tuple of Detections or None
        The objects of each side; if they are not the same, they are matched by their pixels.

    Returns
    -------
    Nodes

    Raises
    ------
    InputError
        If the detections belong to different movies.
    """
    tables = [[r, *([] if d is None else [d.table])] for r, d in zip(rows, known, strict=True)]
    a, b = (
        _sorted_once(np.concatenate([encode(x["t"].to_numpy(), x["object_id"].to_numpy()) for x in named]))
        for named in tables
    )
    if known[0] is None or known[1] is None or _same_objects(known[0], known[1]):
        both = _sorted_once(np.concatenate([a, b]))
        return Nodes((both, both), (np.arange(len(both)),) * 2, (both, both))
    pairs = match_both_ways(known[0], known[1])
    codes_a, codes_b = encode(pairs[:, 0], pairs[:, 1]), encode(pairs[:, 0], pairs[:, 2])
    there = np.isin(codes_a, a) & np.isin(codes_b, b)
    index_b = np.full(len(b), -1)
    index_b[np.searchsorted(b, codes_b[there])] = np.searchsorted(a, codes_a[there])
    alone = index_b < 0
    index_b[alone] = len(a) + np.arange(alone.sum())
    own_a, own_b = np.full((2, len(a) + int(alone.sum())), -1)
    own_a[: len(a)] = a
    own_b[index_b] = b
    return Nodes((a, b), (np.arange(len(a)), index_b), (own_a, own_b))


def match_both_ways(a: Detections, b: Detections) -> np.ndarray:
    """Match objects of two segmentations of one movie that are each other's best, by shared pixels.

    Parameters
    ----------
    a, b : Detections
        The objects. Two match if they share more than half of the smaller one.

    Returns
    -------
    ndarray of int64, shape (n, 3)
        Frame, id in `a`, id in `b`; each object at most once.

    Raises
    ------
    InputError
        If frames differ in number or shape.
    """
    if a.n_frames != b.n_frames or tuple(a.frame_shape) != tuple(b.frame_shape):
        raise InputError(
            f"Only answers to one movie can be compared: got {a.n_frames} frames of shape {tuple(a.frame_shape)} and "
            f"{b.n_frames} of shape {tuple(b.frame_shape)}. Choose two results of the same movie."
        )
    found = [np.zeros((0, 3), np.int64)]
    for t in range(a.n_frames):
        i, j, shared = count_overlaps(np.asarray(a.labels[t]), np.asarray(b.labels[t]), background=True)
        keep = (i > 0) & (j > 0) & (2 * shared > np.minimum(sum_counts(i, shared), sum_counts(j, shared)))
        i, j, shared = i[keep], j[keep], shared[keep]
        best = _is_best(i, j, shared) & _is_best(j, i, shared)
        found.append(np.column_stack([np.full(best.sum(), t), i[best], j[best]]))
    return np.concatenate(found)


class Side:
    """One answer as arrays; objects are numbers of `Nodes`.

    Parameters
    ----------
    lineage : Lineage
        The answer.
    rows : DataFrame
        Its `objects`.
    nodes : Nodes
        The numbering.
    side : int
        0 or 1.
    n_frames : int
        Number of frames of the movie.

    Attributes
    ----------
    count, false : ndarray, shape (n_nodes,)
        Tracks of each object; whether it is a false detection.
    begins, ends : ndarray
        Objects with which tracks begin and end inside the movie without a division.
    divisions : ndarray, shape (n, 3)
        Parent and children, the smaller number first.
    links : ndarray, shape (n, 2)
        Source and target, once for each track that goes along.
    """

    def __init__(self, lineage: Lineage, rows: pd.DataFrame, nodes: Nodes, side: int, n_frames: int) -> None:
        t, object_id, track = (rows[name].to_numpy() for name in ("t", "object_id", "track_id"))
        node, tracked = nodes.find(side, t, object_id), track > 0
        self.false = np.zeros(len(nodes), bool)
        self.false[node[~tracked]] = True
        self.count = np.bincount(node[tracked], minlength=len(nodes))
        order = np.flatnonzero(tracked)[np.lexsort((t[tracked], track[tracked]))]
        t, track, self._node = t[order], track[order], node[order]
        goes_on = np.zeros(len(order) + 1, bool)  # whether a row has the same track as the one before it
        goes_on[1:-1] = track[1:] == track[:-1]
        first, last = np.flatnonzero(~goes_on[:-1]), np.flatnonzero(~goes_on[1:])
        family = [(d.parent_track_id, *d.children) for d in lineage.divisions.values()]
        place = np.searchsorted(track[first], np.array(family, np.int64).reshape(-1, 3))
        parent, children = last[place[:, 0]], first[place[:, 1:]]
        self.divisions = np.column_stack([self._node[parent], np.sort(self._node[children], axis=1)])
        # where a row comes from and goes to: along its track, over a division, or -1
        self._source, self._target = np.full((2, len(order)), -1)
        self._source[goes_on[:-1]] = self._node[:-1][goes_on[1:-1]]
        self._target[goes_on[1:]] = self._node[1:][goes_on[1:-1]]
        self._source[children] = self.divisions[:, :1]
        self._target[parent] = self.divisions[:, 1]
        self.begins = self._node[(self._source < 0) & (t > 0)]
        self.ends = self._node[(self._target < 0) & (t < n_frames - 1)]
        has_source = self._source >= 0
        self.links = np.column_stack([self._source[has_source], self._node[has_source]])
        self._goes_on = goes_on

    def passages(self, doubtful: np.ndarray, differing: np.ndarray) -> np.ndarray:
        """Follow tracks through mergers: where each one comes from and where it goes to.

        Parameters
        ----------
        doubtful : ndarray of bool, shape (n_nodes,)
            Objects that are not alike on both sides; passages through them are left out.
        differing : ndarray of int64
            Keys (source * n_nodes + target) of links that are not alike; passages along them are left out, and those
            that begin or end in the merger where such a link does.

        Returns
        -------
        ndarray of int64, shape (n, 3)
            The objects before and after, and a number that stands for the way in between. One that begins or ends in
            the merger comes from or goes to the first or the last object of it.
        """
        shared = self.count[self._node] > 1
        n = len(self.count)
        inside = np.r_[False, shared, False]
        joined = self._goes_on & inside[:-1] & inside[1:]
        first, last = np.flatnonzero(shared & ~joined[:-1]), np.flatnonzero(shared & ~joined[1:])
        begins, ends = self._source[first] < 0, self._target[last] < 0
        bad = doubtful[self._node] | np.isin(self._source * n + self._node, differing)
        total = np.r_[0, np.cumsum(bad)]
        good = (total[last + 1] == total[first]) & ~np.isin((self._node * n + self._target)[last], differing)
        good &= ~(begins & np.isin(self._node[first], differing % max(n, 1)))
        good &= ~(ends & np.isin(self._node[last], differing // max(n, 1)))
        source = np.where(begins, self._node[first], self._source[first])
        target = np.where(ends, self._node[last], self._target[last])
        mark = np.random.default_rng(0).integers(2**63, size=n)[self._node]  # objects in order of time: their sum tells
        way = np.r_[0, np.cumsum(mark)]
        passages: np.ndarray = np.column_stack([source, target, way[last + 1] - way[first]])[good]
        return passages


def _same_objects(a: Detections, b: Detections) -> bool:
    """Tell whether two detections are the same objects, by the columns that every table has."""
    if a is b:
        return True
    alike = a.n_frames == b.n_frames and tuple(a.frame_shape) == tuple(b.frame_shape)
    columns = list(detection_columns(a.ndim))
    return alike and a.table[columns].equals(b.table[columns])


def _sorted_once(codes: np.ndarray) -> np.ndarray:
    """Sort and drop repetitions; the runs that are sorted already make this several times faster than hashing."""
    codes = np.sort(codes, kind="stable")
    once: np.ndarray = codes[np.diff(codes, prepend=-1) != 0]
    return once


def _is_best(ids: np.ndarray, others: np.ndarray, shared: np.ndarray) -> np.ndarray:
    """Tell for each pair whether it is the one of its first id that shares most; of equal ones the lowest second id."""
    order = np.lexsort((others, -shared, ids))
    first = np.ones(len(ids), bool)
    first[1:] = np.diff(ids[order]) != 0
    best = np.zeros(len(ids), bool)
    best[order[first]] = True
    return best
