"""What differs between two answers to one movie: two runs, or a run and what was corrected by hand.

Answers are compared by their objects, never by the numbers of their tracks. Where the two were made from other objects,
those are matched by their pixels first, and the rest are objects of one side only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nbtrack.comparison.arrays import Side, join_objects
from nbtrack.comparison.table import Comparison, make_differences
from nbtrack.data.lineage import Lineage
from nbtrack.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nbtrack.comparison.arrays import Nodes
    from nbtrack.data.detections import Detections

KINDS = {
    "object": "objects that only one side has",
    "false_detection": "false detections on one side only",
    "count": "objects with more tracks on one side",
    "division": "divisions on one side only",
    "daughters": "divisions with other daughters",
    "link": "links on one side only",
    "appearance": "tracks that begin on one side only",
    "disappearance": "tracks that end on one side only",
    "identity": "ways through a merger on one side only",
}
"""Every kind of difference between two answers, in words."""


def compare(a: Any, b: Any, *, names: tuple[str, str] = ("a", "b"), detections: Detections | None = None) -> Comparison:
    """List what differs between two answers to one movie.

    Parameters
    ----------
    a, b : TrackingResult, Session or Lineage
        The two answers. A plain lineage speaks of the objects of the other side.
    names : tuple of str, optional
        What sentences call the two, for example ``("run 1", "run 2")``.
    detections : Detections, optional
        The objects of plain lineages, for the centres and the number of frames.

    Returns
    -------
    Comparison
        Its kinds are those of `KINDS`; `side` is the one that has the object, the link, the division, or more of it.
        A division that only one side has stands for its two links as well. Tracks begin and end inside the movie: not
        in its first, not in its last frame.

    Raises
    ------
    InputError
        If an answer is of another type, or the two belong to different movies.

    Examples
    --------
    >>> one = Lineage.from_tables([(0, 1, 1), (1, 1, 1)])
    >>> two = Lineage.from_tables([(0, 1, 7), (1, 2, 7)])
    >>> compare(one, two)
    <Comparison of a and b: 2 count, 2 link>
    """
    lineages = [_lineage_of(answer) for answer in (a, b)]
    known_a, known_b = (getattr(answer, "detections", detections) for answer in (a, b))
    if known_a is None or known_b is None:
        known_a = known_b = known_b if known_a is None else known_a
    rows = [lineage.objects for lineage in lineages]
    nodes = join_objects(rows, (known_a, known_b))
    n_frames = max((int(table["t"].max()) + 1 for table in rows if len(table)), default=0)
    if known_a is not None:
        n_frames = known_a.n_frames
    one, two = (Side(lineages[i], rows[i], nodes, i, n_frames) for i in (0, 1))
    found = _Differences(nodes, names)
    found.add_objects(one, two)
    divided = found.add_divisions(one, two)
    differing = found.add_links(one, two, divided)
    found.add_ends("appearance", "begins", one.begins, two.begins)
    found.add_ends("disappearance", "ends", one.ends, two.ends)
    found.add_passages(one, two, differing)
    centers = [None if known is None else known.table for known in (known_a, known_b)]
    table = make_differences(found.parts, KINDS, centers, 0 if known_a is None else known_a.ndim)
    return Comparison(table, names, KINDS)


class _Differences:
    """Rows of differences, kind by kind."""

    def __init__(self, nodes: Nodes, names: tuple[str, str]) -> None:
        self.parts: list[dict[str, Any]] = []
        self._nodes = nodes
        self._names = names

    def add_objects(self, one: Side, two: Side) -> None:
        """Add objects of one side only, and what is tracked on one side only or in another number."""
        missing = [own < 0 for own in self._nodes.own]
        alone = np.flatnonzero(missing[0] | missing[1])
        side = np.where(missing[0][alone], 1, 0)
        self._add("object", side, alone, "Only {here} has object {i} in frame {t}.")
        shared = ~(missing[0] | missing[1])
        false = shared & (one.false != two.false)
        node = np.flatnonzero(false)
        side = np.where(one.false[node], 0, 1)
        count = np.where(side == 0, two.count[node], one.count[node])
        self._add(
            "false_detection",
            side,
            node,
            "Object {i} in frame {t} is a false detection in {here}; in {there} it {has}.",
            has=[_tracks(n) for n in count.tolist()],
        )
        node = np.flatnonzero(shared & ~false & (one.count != two.count))
        side = np.where(one.count[node] > two.count[node], 0, 1)
        more, less = np.maximum(one.count, two.count)[node], np.minimum(one.count, two.count)[node]
        self._add(
            "count",
            side,
            node,
            "Object {i} in frame {t} {more} in {here}; in {there} it {less}.",
            more=[_tracks(n) for n in more.tolist()],
            less=[_tracks(n) for n in less.tolist()],
        )

    def add_divisions(self, one: Side, two: Side) -> tuple[np.ndarray, np.ndarray]:
        """Add divisions of one side only and those with other daughters; give their links on each side."""
        differing, side = _unequal_rows(one.divisions, two.divisions)
        parents = [set(differing[side == i, 0].tolist()) for i in (0, 1)]
        changed = np.array([p in parents[0] and p in parents[1] for p in differing[:, 0].tolist()], bool)
        for kind, rest, chosen in (
            ("division", "it does not.", ~changed),
            ("daughters", "it divides into other daughters.", changed),
        ):
            self._add(
                kind,
                side[chosen],
                differing[chosen, 0],
                "Object {i} divides after frame {t} into objects {j} and {k} in {here}; in {there} " + rest,
                target=differing[chosen, 1],
                second=differing[chosen, 2],
            )
        n = len(self._nodes)
        links = [differing[side == i, :1] * n + differing[side == i, 1:] for i in (0, 1)]
        return links[0].reshape(-1), links[1].reshape(-1)

    def add_links(self, one: Side, two: Side, divided: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """Add links of one side only; give the keys of all.

        Those of divisions that were added are not, and not those that take more tracks because their objects do.
        """
        n = len(self._nodes)
        keys, side, less = _unequal(*(s.links[:, 0] * n + s.links[:, 1] for s in (one, two)))
        source, target = np.divmod(keys, max(n, 1))
        told = np.where(side == 0, np.isin(keys, divided[0]), np.isin(keys, divided[1]))
        other_count = one.count != two.count
        told |= (less > 0) & (other_count[source] | other_count[target])
        source, target = source[~told], target[~told]
        self._add(
            "link",
            side[~told],
            source,
            "Object {i} in frame {t} goes to object {j} in frame {u} in {here}; {rest} in {there}.",
            target=target,
            rest=["not" if n == 0 else "with fewer tracks" for n in less[~told].tolist()],
        )
        return keys

    def add_ends(self, kind: str, verb: str, one: np.ndarray, two: np.ndarray) -> None:
        """Add tracks that begin or end on one side only."""
        node, side, less = _unequal(one, two)
        self._add(
            kind,
            side,
            node,
            f"A track {verb} with object {{i}} in frame {{t}} in {{here}}; {{rest}} in {{there}}.",
            rest=["none does" if n == 0 else "fewer do" for n in less.tolist()],
        )

    def add_passages(self, one: Side, two: Side, differing: np.ndarray) -> None:
        """Add ways through mergers that are alike on both sides but for who is who."""
        doubtful = (one.count != two.count) | (one.false != two.false)
        ways, side = _unequal_rows(*(s.passages(doubtful, differing) for s in (one, two)))
        self._add(
            "identity",
            side,
            ways[:, 0],
            "The way of object {i} in frame {t} through a merger leads to object {j} in frame {u} in {here}; not so in "
            "{there}.",
            target=ways[:, 1],
        )

    def _add(
        self,
        kind: str,
        side: np.ndarray,
        node: np.ndarray,
        sentence: str,
        *,
        target: np.ndarray | None = None,
        second: np.ndarray | None = None,
        **words: list[str],
    ) -> None:
        """Add rows of one kind; objects are numbers of the nodes."""
        t, object_id, other_id = self._nodes.ids(side, node)
        part: dict[str, Any] = {"kind": kind, "side": side, "t": t, "object_id": object_id, "other_id": other_id}
        if target is not None:
            names = ("target_t", "target_id", "other_target_id")
            part |= dict(zip(names, self._nodes.ids(side, target), strict=True))
        if second is not None:
            part["second_id"] = self._nodes.ids(side, second)[1]
        shown = {"t": "t", "object_id": "i", "target_id": "j", "target_t": "u", "second_id": "k"}
        columns: dict[str, Iterable[Any]] = {word: part[name].tolist() for name, word in shown.items() if name in part}
        columns |= words | {
            "here": [self._names[i] for i in side.tolist()],
            "there": [self._names[1 - i] for i in side.tolist()],
        }
        fill = sentence.format
        part["detail"] = [fill(**dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]
        self.parts.append(part)


def _unequal(one: np.ndarray, two: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give values that stand in one array more often than in the other: value, side with more, the lower number."""
    values, place = np.unique(np.concatenate([one, two]), return_inverse=True)
    n_one, n_two = (np.bincount(part, minlength=len(values)) for part in (place[: len(one)], place[len(one) :]))
    differ = n_one != n_two
    values, n_one, n_two = values[differ], n_one[differ], n_two[differ]
    return values, np.where(n_one > n_two, 0, 1), np.minimum(n_one, n_two)


def _unequal_rows(one: np.ndarray, two: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give rows that stand in one array more often than in the other, and the side with more."""
    rows, place = np.unique(np.concatenate([one, two]), axis=0, return_inverse=True)
    place = place.reshape(-1)
    index, side, _ = _unequal(place[: len(one)], place[len(one) :])
    return rows[index], side


def _tracks(n: int) -> str:
    return "is in no track" if n == 0 else f"is in {n} track{'' if n == 1 else 's'}"


def _lineage_of(answer: Any) -> Lineage:
    lineage = answer if isinstance(answer, Lineage) else getattr(answer, "lineage", None)
    if not isinstance(lineage, Lineage):
        raise InputError(
            f"Only results, sessions and lineages can be compared: got {type(answer).__name__}. "
            "Give what `track` returned, or a session."
        )
    return lineage
