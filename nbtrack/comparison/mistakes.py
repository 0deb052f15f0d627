"""Every error of an answer against the truth, as a list to go through; the counts are those of the evaluation.

Rows ``missed_object`` are the objects of the truth that are not matched, ``false_object`` and ``split_object`` together
the objects of the answer that are not; ``merged_objects`` has a row for each object too many in a detection; rows of
links and divisions are what their recall and precision miss. One cause can lead to several rows: an object that was
missed takes its links with it, and those say so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nbtrack.comparison.table import Comparison, make_differences
from nbtrack.comparison.truth import Answer, match_answers
from nbtrack.data.columns import position_columns
from nbtrack.errors import InputError
from nbtrack.evaluation import find_links, match_divisions, match_tracked
from nbtrack.regions import check_labels, scan_regions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbtrack.data.lineage import Division, Lineage
    from nbtrack.evaluation import FrameMatch, Node

ERRORS = {
    "missed_object": "true objects that were not found or are in no track",
    "false_object": "tracked objects that are no true ones",
    "merged_objects": "true objects found as one",
    "split_object": "pieces of true objects",
    "missed_link": "links that were not found",
    "false_link": "links that are wrong",
    "missed_division": "divisions that were not found",
    "false_division": "divisions that are wrong",
    "identity_switch": "tracks that change over to another true track",
}
"""Every kind of error, in words."""


def find_errors(
    result: Any, truth: Any, *, slack: int = 1, matches: list[FrameMatch] | None = None, name: str = "the result"
) -> Comparison:
    """List every error of an answer.

    Parameters
    ----------
    result : TrackingResult, Session, Lineage, str or Path
        The answer; a path is a folder of the Cell Tracking Challenge.
    truth : TrackingResult, Session, Sample, Lineage, Movie, ndarray, str or Path
        What is right: one of these, or label frames by track. A lineage speaks of the objects of the answer.
    slack : int, optional
        Frames that a division may be off; 0 counts as ``division_f1``, 1 as ``division_f1_within_1``.
    matches : list of FrameMatch, optional
        The objects, if they were matched already.
    name : str, optional
        What the answer is called.

    Returns
    -------
    Comparison
        Its kinds are those of `ERRORS`, side "a" is the answer and "b" the truth.

    Raises
    ------
    InputError
        If the two do not belong together, or `slack` is below 0.
    """
    if slack < 0:
        raise InputError(f"`slack` must be at least 0 frames: got {slack}.")
    one, two = Answer.of(result), Answer.of(truth)
    if matches is None:
        matches = match_answers(one, two)
    found = _Errors(one.lineage, two.lineage, matches)
    found.add_objects()
    found.add_links()
    found.add_divisions(slack)
    found.add_switches()
    place = [side if side.labels is not None else other for side, other in ((one, two), (two, one))]
    ndim = next((np.ndim(side.labels[0]) for side in place if side.labels is not None), 0)
    centers = [_centers(place[i], found.nodes_of(i), ndim) for i in (0, 1)]
    return Comparison(make_differences(found.parts, ERRORS, centers, ndim), (name, "the truth"), ERRORS)


class _Errors:
    """Rows of errors, kind by kind; side 0 is the answer, 1 the truth."""

    def __init__(self, result: Lineage, truth: Lineage, matches: list[FrameMatch]) -> None:
        self._result, self._truth, self._matches = result, truth, matches
        self._found = match_tracked(result, truth, matches)
        self._wanted: dict[Node, list[Node]] = {}
        for wanted, found in self._found.items():
            self._wanted.setdefault(found, []).append(wanted)
        self._rows: list[dict[str, Any]] = []

    @property
    def parts(self) -> list[dict[str, list[Any]]]:
        """The rows as columns."""
        return [{name: [row[name] for row in self._rows] for name in self._rows[0]}] if self._rows else []

    def nodes_of(self, side: int) -> set[Node]:
        """Collect the objects of a side whose centres are wanted."""
        ids = (("t", "object_id"), ("target_t", "target_id"), ("target_t", "second_id"))
        return {(row[t], row[i]) for row in self._rows if row["side"] == side for t, i in ids if row[i]}

    def add_objects(self) -> None:
        """Add what is wrong with objects: missed, false, merged, in pieces."""
        pieces: dict[Node, list[Node]] = {}  # objects of the answer that are no true ones, by the one they lie in
        false = []
        for t, frame in enumerate(self._matches):
            for i in sorted(self._result.labelled(t)):
                if (t, i) in self._wanted:
                    continue
                whole = (t, frame.inside.get(i, 0))
                if self._truth.tracks_at(*whole):
                    pieces.setdefault(whole, []).append((t, i))
                else:
                    false.append((t, i))
            for i in sorted(self._truth.labelled(t)):
                if (t, i) not in self._found:
                    self._add("missed_object", 1, (t, i), f"True object {i} in frame {t} {self._why_missed(t, i)}.")
        for whole, parts in pieces.items():
            if len(parts) + (whole in self._found) < 2:
                false += parts
                continue
            for t, i in parts:
                self._add("split_object", 0, (t, i), f"Object {i} in frame {t} is a piece of true object {whole[1]}.")
                self._rows[-1]["other_id"] = whole[1]
        for t, i in false:
            self._add("false_object", 0, (t, i), f"Object {i} in frame {t} is tracked, but is no true object.")
        for (t, i), wanted in self._wanted.items():
            for _, more in wanted[1:]:
                ids = ", ".join(str(j) for _, j in wanted)
                n = len(self._result.tracks_at(t, i))
                text = (
                    f"Object {i} in frame {t} holds the true objects {ids}; it is in {n} track{'' if n == 1 else 's'}."
                )
                self._add("merged_objects", 0, (t, i), text)
                self._rows[-1]["other_id"] = more

    def add_links(self) -> None:
        """Add links that are missing or wrong."""
        links, true_links = find_links(self._result), find_links(self._truth)
        right = set()
        for (t, i), (u, j) in true_links:
            ends = self._found.get((t, i)), self._found.get((u, j))
            if ends in links:
                right.add(ends)
                continue
            missed = [f"object {k} in frame {s}" for (s, k), end in zip(((t, i), (u, j)), ends, strict=True) if not end]
            why = f"{' and '.join(missed)} was missed" if missed else "the two were found, but are not linked"
            text = f"The link from true object {i} in frame {t} to {j} in frame {u} is missing: {why}."
            self._add("missed_link", 1, (t, i), text, (u, j))
        for (t, i), (u, j) in links - right:
            false = [f"object {k} in frame {s}" for s, k in ((t, i), (u, j)) if (s, k) not in self._wanted]
            why = f"{' and '.join(false)} is no true object" if false else "the true objects there are not linked"
            text = f"The link from object {i} in frame {t} to {j} in frame {u} is wrong: {why}."
            self._add("false_link", 0, (t, i), text, (u, j))

    def add_divisions(self, slack: int) -> None:
        """Add divisions that are missing or wrong."""
        pairs = match_divisions(self._result, self._truth, self._found, slack)
        for side, kind, lineage, rest, verb in (
            (1, "missed_division", self._truth, {a for a, _ in pairs}, "was not found"),
            (0, "false_division", self._result, {b for _, b in pairs}, "is wrong"),
        ):
            for division in sorted(set(lineage.divisions.values()) - rest):
                (t, i), (u, j), (_, k) = _objects_of(lineage, division)
                text = f"The division of {'true ' * side}object {i} after frame {t} into {j} and {k} {verb}."
                self._add(kind, side, (t, i), text, (u, j), k)

    def add_switches(self) -> None:
        """Add the places where a track leaves the true track that it followed for another one that is no child of it.

        A merged object holds several true tracks; a track follows those of them that it followed before.
        """
        rows = self._result.objects
        rows = rows[rows["track_id"] > 0].sort_values(["track_id", "t"])
        before: tuple[int, Node, set[int]] | None = None
        for t, i, track in rows[["t", "object_id", "track_id"]].itertuples(index=False, name=None):
            there = {k for wanted in self._wanted.get((t, i), ()) for k in self._truth.tracks_at(*wanted)}
            if not there:
                continue
            if before is not None and before[0] == track:
                _, last, followed = before
                if followed & there:
                    there &= followed
                elif not any(self._truth.parent_of(k) in followed for k in there):
                    names = [" or ".join(map(str, sorted(tracks))) for tracks in (followed, there)]
                    text = (
                        f"Track {track} follows true track {names[0]} up to frame {last[0]}, "
                        f"and true track {names[1]} from frame {t} on."
                    )
                    self._add("identity_switch", 0, last, text, (t, i))
            before = track, (t, i), there

    def _why_missed(self, t: int, i: int) -> str:
        found = self._matches[t].pairs.get(i)
        if found is None:
            return "was not found"
        state = "is called a false detection" if self._result.is_false(t, found) else "is in no track"
        return f"was found as object {found}, which {state}"

    def _add(self, kind: str, side: int, node: Node, text: str, target: Node = (-1, 0), second: int = 0) -> None:
        """Add a row; objects are frame and id on their own side."""
        self._rows.append(
            {
                "kind": kind,
                "side": side,
                "t": node[0],
                "object_id": node[1],
                "other_id": self._other(side, node),
                "target_t": target[0],
                "target_id": target[1],
                "other_target_id": self._other(side, target),
                "second_id": second,
                "detail": text,
            }
        )

    def _other(self, side: int, node: Node) -> int:
        """Give the id of an object on the other side, the first if there are several, 0 if there is none."""
        if side == 1:
            return self._found.get(node, (0, 0))[1]
        return self._wanted.get(node, [(0, 0)])[0][1]


def _objects_of(lineage: Lineage, division: Division) -> Sequence[Node]:
    """Give the last object of the parent and the first ones of the children."""
    ends = lineage.track_ends()
    places = ((division.parent_track_id, division.t), *((child, ends[child][0]) for child in division.children))
    return [(t, lineage.object_at(track, t) or 0) for track, t in places]


def _centers(answer: Answer, nodes: set[Node], ndim: int) -> pd.DataFrame | None:
    """Give the centres of objects: from the table, or measured in the frames that have any."""
    if answer.table is not None or answer.labels is None:
        return answer.table
    measured = []
    for t in sorted({t for t, _ in nodes}):
        regions = scan_regions(check_labels(np.asarray(answer.labels[t]), t))
        centers = pd.DataFrame(regions.center, columns=position_columns(ndim))
        measured.append(centers.assign(t=t, object_id=regions.object_id))
    return pd.concat(measured, ignore_index=True) if measured else None
