"""Tracks as a graph of points, the form in which most other programs keep them: one node per object, one link per step.

`graph_of` makes such a graph of an answer, `lineage_of_graph` makes a lineage of any such graph: a path is a track, a
node with two ways out divides, a node with two ways in is a merged object. Which track leaves a merged object by which
way is not in a graph; the shortest total distance decides.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from nbtrack.data.columns import ORIGINAL_ID, bbox_columns
from nbtrack.data.lineage import FALSE_LABEL, Lineage
from nbtrack.errors import EditError, InputError
from nbtrack.io.export import answer_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MOST_FRAMES = 10**6
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class TrackGraph:
    """Tracked objects as nodes, steps from frame to frame as links.

    Parameters
    ----------
    nodes : DataFrame
        t, object_id, [z,] y, x (pixels), then size, track_id, lineage_id, count and other features where they are
        known; sorted by t and object_id.
    links : DataFrame
        source, target (row numbers of `nodes`, forward in time), count (tracks that go this way), then energy and
        confidence where they are known; NaN where they are not.
    """

    nodes: pd.DataFrame
    links: pd.DataFrame

    @property
    def pairs(self) -> np.ndarray:
        """Row numbers of both ends of each link, shape (n, 2)."""
        return self.links[["source", "target"]].to_numpy(np.int64)


@dataclass(frozen=True, eq=False)
class Remembered:
    """What a file of ours says beyond the graph; it counts only while the graph is still the same.

    Parameters
    ----------
    track_id : ndarray of int, shape (n,)
        The first track of each node.
    mergers : ndarray of int, shape (m, 3)
        t, object_id, track_id: a row for each track of each merged object, in order.
    divisions : ndarray of int, shape (d, 4), or None
        t, parent, child, child; read off the track ids if None.
    """

    track_id: np.ndarray
    mergers: np.ndarray = field(default_factory=lambda: np.empty((0, 3), np.int64))
    divisions: np.ndarray | None = None


def graph_of(result: Any) -> TrackGraph:
    """Make the graph of an answer; false detections and objects outside any track are not in it.

    Parameters
    ----------
    result : TrackingResult or Session
        The answer.

    Returns
    -------
    TrackGraph
        With `track_id` (the first track of a merged object), `lineage_id`, `count` and all features of the objects.
        Energies and confidences come from the tables `links` and `objects` of a result.
    """
    lineage, detections = answer_of(result)
    rows = lineage.objects
    rows = rows[rows["track_id"] > 0]
    count = rows.groupby(["t", "object_id"])["track_id"].transform("size")
    first = rows.assign(count=count).drop_duplicates(["t", "object_id"])
    boxes = {*bbox_columns(detections.ndim), ORIGINAL_ID}
    table = detections.table.drop(columns=[name for name in detections.table if name in boxes])
    nodes = first.merge(table, how="left", on=["t", "object_id"]).reset_index(drop=True)
    front = ["t", "object_id", *detections.columns_position, "size", "track_id", "lineage_id", "count"]
    nodes = nodes[[*front, *(name for name in nodes.columns if name not in front)]]
    nodes = _with_known(nodes, getattr(result, "objects", None), ["t", "object_id"], ("confidence",))
    pairs, counts = link_pairs(lineage, nodes)
    links = pd.DataFrame({"source": pairs[:, 0], "target": pairs[:, 1], "count": counts})
    return TrackGraph(nodes, _with_energies(links, nodes, getattr(result, "links", None)))


def link_pairs(lineage: Lineage, nodes: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """List the steps of all tracks, and those from a parent to its children.

    Parameters
    ----------
    lineage : Lineage
        The answer.
    nodes : DataFrame
        t and object_id of its objects, sorted.

    Returns
    -------
    tuple of (ndarray, ndarray)
        Row numbers of both ends, shape (n, 2), sorted; and how many tracks go each way.
    """
    rows = lineage.objects
    rows = rows[rows["track_id"] > 0]
    t, object_id, track = (rows[name].to_numpy() for name in ("t", "object_id", "track_id"))
    order = np.lexsort((t, track))
    place = _row_finder(nodes)(t[order], object_id[order])
    same = np.flatnonzero(np.diff(track[order]) == 0)
    steps = [np.column_stack([place[same], place[same + 1]])]
    begins = np.r_[True, np.diff(track[order]) != 0] if len(order) else np.zeros(0, bool)
    starts = dict(zip(track[order][begins].tolist(), place[begins].tolist(), strict=True))
    ends = dict(zip(track[order].tolist(), place.tolist(), strict=True))
    births = [(ends[d.parent_track_id], starts[c]) for d in lineage.divisions.values() for c in d.children]
    steps.append(np.array(births, np.int64).reshape(-1, 2))
    pairs, counts = np.unique(np.concatenate(steps), axis=0, return_counts=True)
    return pairs, counts


def _row_finder(nodes: pd.DataFrame) -> Any:
    """Make a function that finds the rows of objects in a sorted table."""
    t, object_id = nodes["t"].to_numpy(np.int64), nodes["object_id"].to_numpy(np.int64)
    step = int(object_id.max(initial=0)) + 1
    keys = t * step + object_id
    return lambda when, which: np.searchsorted(keys, np.asarray(when) * step + np.asarray(which))


def _with_known(table: pd.DataFrame, known: Any, on: list[str], names: tuple[str, ...]) -> pd.DataFrame:
    """Add the columns that a table of the result has."""
    there = [name for name in names if known is not None and name in known]
    if not there or known is None:
        return table
    return table.merge(known[[*on, *there]].drop_duplicates(on), how="left", on=on)


def _with_energies(links: pd.DataFrame, nodes: pd.DataFrame, known: Any) -> pd.DataFrame:
    """Add what the solver knows of the links."""
    if known is None:
        return links
    source, target = links["source"].to_numpy(), links["target"].to_numpy()
    t, object_id = nodes["t"].to_numpy(), nodes["object_id"].to_numpy()
    on = ["t", "source_id", "target_id", "gap"]
    keys = dict(zip(on, (t[source], object_id[source], object_id[target], t[target] - t[source]), strict=True))
    found = _with_known(links.assign(**keys), known, on, ("energy", "confidence"))
    return found.drop(columns=on)


def node_tracks(n: int, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give numbers to the unbranched paths and the connected parts of a graph.

    Parameters
    ----------
    n : int
        Number of nodes.
    pairs : ndarray of int, shape (m, 2)
        Links between rows.

    Returns
    -------
    tuple of (ndarray, ndarray)
        Path and part of each node, from 1, in order of the nodes.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    def parts(links: np.ndarray) -> np.ndarray:
        ones = np.ones(len(links), bool)
        _, found = connected_components(coo_array((ones, (links[:, 0], links[:, 1])), shape=(n, n)), directed=False)
        _, first, inverse = np.unique(found, return_index=True, return_inverse=True)
        rank = np.empty(len(first), np.int64)
        rank[np.argsort(first)] = np.arange(1, len(first) + 1)
        number: np.ndarray = rank[inverse]
        return number

    if n == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    ways_out = np.bincount(pairs[:, 0], minlength=n)
    ways_in = np.bincount(pairs[:, 1], minlength=n)
    plain = (ways_out[pairs[:, 0]] == 1) & (ways_in[pairs[:, 1]] == 1)
    return parts(pairs[plain]), parts(pairs)


def number_objects(t: np.ndarray, given: np.ndarray | None = None) -> np.ndarray:
    """Give each node an object id that is unique in its frame.

    Parameters
    ----------
    t : ndarray of int, shape (n,)
        Frames.
    given : ndarray, shape (n,), optional
        Ids that a file tells; they are kept if all are whole numbers from 1, each once in a frame.

    Returns
    -------
    ndarray of int, shape (n,)
        The ids that were given, or 1, 2, ... in each frame.
    """
    if given is not None and len(given) == len(t):
        ids = np.asarray(given, np.float64)
        if np.isfinite(ids).all() and (ids >= 1).all() and (ids < 2**32).all() and (ids == np.round(ids)).all():
            both = np.column_stack([t, ids.astype(np.int64)])
            if len(np.unique(both, axis=0)) == len(both):
                return both[:, 1]
    order = np.argsort(t, kind="stable")
    first = np.r_[0, np.flatnonzero(np.diff(t[order])) + 1]
    run = np.repeat(first, np.diff(np.r_[first, len(t)])) if len(t) else first[:0]
    ids = np.empty(len(t), np.int64)
    ids[order] = np.arange(len(t)) - run + 1
    return ids


def lineage_of_graph(nodes: pd.DataFrame, pairs: np.ndarray, what: str, known: Remembered | None = None) -> Lineage:
    """Read the tracks off a graph.

    Parameters
    ----------
    nodes : DataFrame
        t, object_id, [z,] y, x; one row per node.
    pairs : ndarray of int, shape (m, 2)
        Links between rows; those that lead back in time are turned round.
    what : str
        Name of the file, for messages.
    known : Remembered, optional
        Track ids, mergers and divisions that the file tells. They are used if they give the same links.

    Returns
    -------
    Lineage
        Of more than two ways out of a node with one track the first two are children, a warning tells of the others.

    Raises
    ------
    InputError
        If there are no frames like these, or a link stays within its frame.
    """
    order = np.lexsort((nodes["object_id"].to_numpy(), nodes["t"].to_numpy()))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    nodes = nodes.iloc[order].reset_index(drop=True)
    t = nodes["t"].to_numpy(np.int64)
    if len(t) and (t.min() < 0 or t.max() >= _MOST_FRAMES):
        raise InputError(
            f"`{what}` has objects in the frames {t.min()} to {t.max()}, but frames are 0 to {_MOST_FRAMES - 1}. "
            "The file may be damaged; export it again."
        )
    pairs = rank[np.asarray(pairs, np.int64).reshape(-1, 2)]
    still = np.flatnonzero(t[pairs[:, 0]] == t[pairs[:, 1]])
    if len(still):
        first = t[pairs[still[0], 0]]
        raise InputError(
            f"`{what}` has {len(still)} links between objects of one frame, the first in frame {first}. "
            "Tracks lead from frame to frame; mend the file in the program that wrote it."
        )
    pairs = np.unique(np.sort(pairs, axis=1), axis=0)  # rows are in order of time
    if known is not None:
        remembered = _remembered_lineage(nodes, pairs, known, order)
        if remembered is not None:
            return remembered
    return _Walk(nodes, pairs, what).lineage()


def _remembered_lineage(nodes: pd.DataFrame, pairs: np.ndarray, known: Remembered, order: np.ndarray) -> Lineage | None:
    """Make the lineage that a file remembers, None if it does not have the links of the graph."""
    tracks = np.asarray(known.track_id, np.int64)[order]
    t, object_id = nodes["t"].to_numpy(), nodes["object_id"].to_numpy()
    mergers = known.mergers.tolist()
    merged = {(when, i) for when, i, _ in mergers}
    keys = list(zip(t.tolist(), object_id.tolist(), strict=True))
    rows = [(*key, track) for key, track in zip(keys, tracks.tolist(), strict=True) if key not in merged]
    if known.divisions is None:
        held: dict[tuple[int, int], list[int]] = {}
        for when, i, track in [*rows, *mergers]:
            held.setdefault((when, i), []).append(track)
        divisions: list[Any] = _told_divisions(t, [held.get(key, []) for key in keys], pairs)
    else:
        divisions = known.divisions.tolist()
    try:
        lineage = Lineage.from_tables([*rows, *mergers], divisions)
    except (EditError, TypeError, ValueError):
        return None
    objects = lineage.objects[["t", "object_id"]].drop_duplicates()
    if not np.array_equal(objects.to_numpy(), nodes[["t", "object_id"]].to_numpy()):
        return None
    found, _ = link_pairs(lineage, nodes)
    return lineage if np.array_equal(found, pairs) else None


def _told_divisions(t: np.ndarray, held: list[list[int]], pairs: np.ndarray) -> list[tuple[int, ...]]:
    """Read divisions off track ids: a parent with links to two objects that have none of its tracks."""
    children: dict[int, list[int]] = {}
    going_on: dict[int, set[int]] = {}
    for source, target in pairs.tolist():
        both = set(held[source]) & set(held[target])
        going_on.setdefault(source, set()).update(both)
        if not both:
            children.setdefault(source, []).extend(held[target][:1])
    found = []
    for source, tracks in children.items():
        parents = [track for track in held[source] if track not in going_on[source]]
        found.append((int(t[source]), *parents[:1], *sorted(tracks)))
    return found


class _Walk:
    """Walk along a graph in order of time, with all tracks at once."""

    def __init__(self, nodes: pd.DataFrame, pairs: np.ndarray, what: str) -> None:
        self._t = nodes["t"].to_numpy(np.int64).tolist()
        self._object_id = nodes["object_id"].to_numpy(np.int64).tolist()
        self._position = nodes[[a for a in "zyx" if a in nodes]].to_numpy(np.float64)
        self._what = what
        self._following: dict[int, list[int]] = {}
        for source, target in pairs.tolist():
            self._following.setdefault(source, []).append(target)
        self._ids = (i for i in range(1, 2**62) if i != FALSE_LABEL)
        self._held: list[list[int]] = [[] for _ in self._t]
        self._alone: dict[int, int] = {}
        self._divisions: list[tuple[int, int, int, int]] = []
        self._spare = 0

    def lineage(self) -> Lineage:
        """Walk, and give what was found."""
        for node, tracks in enumerate(self._held):
            if not tracks:
                tracks.append(next(self._ids))
            if len(tracks) == 1:
                self._alone[tracks[0]] = node
            self._go_on(node, tracks, self._following.get(node, []))
        if self._spare:
            _log.warning(
                "%s: %d links lead to a third child, or from a merged object of fewer tracks; new tracks begin there.",
                self._what,
                self._spare,
            )
        return Lineage.from_tables(self._rows(), self._divisions)

    def _go_on(self, node: int, tracks: list[int], following: Sequence[int]) -> None:
        if len(following) == 1:
            self._held[following[0]].extend(tracks)
        elif len(following) > 1 and len(tracks) == 1:
            children = next(self._ids), next(self._ids)
            for target, child in zip(following, children, strict=False):
                self._held[target].append(child)
            self._divisions.append((self._t[node], tracks[0], *children))
            self._spare += len(following) - 2
        elif following:
            self._part(tracks, following)

    def _part(self, tracks: list[int], following: Sequence[int]) -> None:
        """Give the tracks of a merged object to what follows it, by the shortest total distance."""
        last = self._position[[self._alone.get(i, -1) for i in tracks]]
        far = np.linalg.norm(last[:, None] - self._position[None, list(following)], axis=2)
        far[[i not in self._alone for i in tracks]] = 0.0
        taken = dict(zip(*(side.tolist() for side in linear_sum_assignment(far)), strict=True))
        for k, track in enumerate(tracks):
            self._held[following[taken.get(k, int(far[k].argmin()))]].append(track)
        self._spare += max(len(following) - len(tracks), 0)

    def _rows(self) -> Iterator[tuple[int, int, int]]:
        for t, object_id, tracks in zip(self._t, self._object_id, self._held, strict=True):
            for track in tracks:
                yield t, object_id, track
