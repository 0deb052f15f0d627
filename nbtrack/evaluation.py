"""How well a lineage agrees with a truth: objects, links, divisions, and the measures of the Cell Tracking Challenge.

Objects are matched as the challenge does: a tracked object of the result stands for an object of the truth if it covers
more than half of its pixels. So an object of the truth has at most one match, while a merged object can match several.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nbtrack.errors import InputError
from nbtrack.io.ctc import ctc_files, read_ctc, read_tracks
from nbtrack.overlap import count_overlaps, sum_counts

if TYPE_CHECKING:
    from pathlib import Path

    from nbtrack.data.detections import Detections, Frames
    from nbtrack.data.lineage import Division, Lineage

CTC_METRICS = ("TRA", "DET", "LNK", "CHOTA", "CT", "TF", "BC", "CCA")
"""Measures of the Cell Tracking Challenge: 1 is perfect."""
Scores = dict[str, float | int | None]
Node = tuple[int, int]
"""Frame and object id."""


def evaluate(result_dir: str | Path, truth_dir: str | Path) -> Scores:
    """Compare a result folder with a truth folder, both in the format of the Cell Tracking Challenge.

    Parameters
    ----------
    result_dir : str or Path
        Folder with ``mask*.tif`` and ``res_track.txt``, or the output folder of ``nbtrack track`` that has it inside.
    truth_dir : str or Path
        Folder with ``man_track*.tif`` and ``man_track.txt``, or one that has it as ``TRA`` or ``GT/TRA``.

    Returns
    -------
    dict
        ``TRA``, ``DET``, ``LNK``, ``CHOTA``, ``CT``, ``TF``, ``BC`` (divisions in the right frame), ``BC(1)`` to
        ``BC(3)`` (that many frames off are allowed), ``CCA``, ``AOGM`` (cost of the mending, 0 is perfect) with the
        counts of its six parts, by py-ctcmetrics; and all of `compare`. None where a measure has no meaning, such as
        that of divisions where none is.

    Raises
    ------
    InputError
        If py-ctcmetrics is not installed, a folder cannot be read, or the two do not belong together.
    """
    calculate = _calculate_metrics()
    result_labels, result = read_ctc(result_dir)
    truth_labels, truth = read_ctc(truth_dir)
    matches = match_objects(result_labels, truth_labels)
    tables = [read_tracks(ctc_files(folder)[2]).to_numpy() for folder in (result_dir, truth_dir)]
    _check_tracks(tables[0], matches, str(result_dir))
    if not len(tables[1]) or not len(tables[0]):
        raise InputError(
            f"`{truth_dir if len(tables[0]) else result_dir}` has no tracks, so there is nothing to compare."
        )
    frames = {
        "labels_ref": [m.truth.tolist() for m in matches],
        "labels_comp": [m.result.tolist() for m in matches],
        "mapped_ref": [list(m.pairs) for m in matches],
        "mapped_comp": [list(m.pairs.values()) for m in matches],
    }
    truth_has_links, truth_divides = bool(find_links(truth)), bool(truth.divisions)
    names = [n for n in CTC_METRICS if truth_has_links or n != "LNK"]
    found = calculate(*tables, frames, {}, names, True)
    scores: Scores = {name: found.get(name) for name in CTC_METRICS if name != "BC"}
    for i in range(4):
        scores[f"BC({i})" if i else "BC"] = found[f"BC({i})"] if truth_divides or result.divisions else None
    for name in ("AOGM", "AOGM_NS", "AOGM_FN", "AOGM_FP", "AOGM_ED", "AOGM_EA", "AOGM_EC"):
        scores[name] = found[name]
    scores = {name: None if value is None else float(value) for name, value in scores.items()}
    return scores | score(result, truth, matches)


def compare(lineage: Lineage, detections: Detections, truth_lineage: Lineage, truth_labels: Frames) -> Scores:
    """Compare a lineage with a true one, without files and without further packages.

    Parameters
    ----------
    lineage : Lineage
        The answer to judge.
    detections : Detections
        Its objects.
    truth_lineage : Lineage
        The truth.
    truth_labels : Movie or sequence of ndarray
        Label frames of the truth.

    Returns
    -------
    dict
        ``truth_objects``, ``result_objects`` (those with a track), ``matched_objects`` (of the truth),
        ``object_recall``, ``object_precision``; ``link_precision``, ``link_recall``, ``link_f1`` (a link joins an
        object with the next one of its track, or a parent with its child; it is found if both ends match and the other
        side has it); ``truth_divisions``, ``result_divisions``, ``division_precision``, ``division_recall``,
        ``division_f1`` (parent and both children match, in the right frame) and ``division_f1_within_1`` (or one frame
        off). None where there is nothing to count.

    Raises
    ------
    InputError
        If the two have different numbers or shapes of frames.
    """
    return score(lineage, truth_lineage, match_objects(detections.labels, truth_labels))


@dataclass(frozen=True)
class FrameMatch:
    """Objects of one frame on both sides.

    Parameters
    ----------
    truth, result : ndarray of int
        Labels that are there, ascending.
    pairs : dict of int to int
        Label of the truth to the label of the result that covers more than half of it.
    inside : dict of int to int, optional
        Label of the result to the label of the truth that covers more than half of it.
    """

    truth: np.ndarray
    result: np.ndarray
    pairs: dict[int, int]
    inside: dict[int, int] = field(default_factory=dict)


def match_objects(result_labels: Frames, truth_labels: Frames) -> list[FrameMatch]:
    """Match the objects of two label movies frame by frame.

    Parameters
    ----------
    result_labels, truth_labels : Movie or sequence of ndarray
        Label frames, 0 is background.

    Returns
    -------
    list of FrameMatch
        One entry per frame.

    Raises
    ------
    InputError
        If the two have different numbers or shapes of frames.
    """
    if len(result_labels) != len(truth_labels):
        raise InputError(
            f"Result and truth must have the same frames: got {len(result_labels)} frames of the result and "
            f"{len(truth_labels)} of the truth. Check that they belong to the same movie."
        )
    matches = []
    for t in range(len(truth_labels)):
        found, right = np.asarray(result_labels[t]), np.asarray(truth_labels[t])
        if found.shape != right.shape:
            raise InputError(
                f"Result and truth must have the same shape: got {found.shape} and {right.shape} in frame {t}. "
                "Check that they belong to the same movie."
            )
        matches.append(_match_frame(found, right))
    return matches


def _match_frame(found: np.ndarray, right: np.ndarray) -> FrameMatch:
    """Match the objects of one frame."""
    i, j, shared = count_overlaps(right, found, background=True)
    pairs, inside = (
        dict(zip(ids[good].tolist(), others[good].tolist(), strict=True))
        for ids, others in ((i, j), (j, i))
        for good in [(i > 0) & (j > 0) & (2 * shared > sum_counts(ids, shared))]
    )
    return FrameMatch(np.unique(i[i > 0]), np.unique(j[j > 0]), pairs, inside)


def match_tracked(result: Lineage, truth: Lineage, matches: list[FrameMatch]) -> dict[Node, Node]:
    """Choose the matches of which both objects have a track.

    Parameters
    ----------
    result, truth : Lineage
        The two lineages.
    matches : list of FrameMatch
        Their objects.

    Returns
    -------
    dict of (t, object id) to (t, object id)
        Object of the truth to object of the result.
    """
    return {
        (t, wanted): (t, found)
        for t, frame in enumerate(matches)
        for wanted, found in frame.pairs.items()
        if result.tracks_at(t, found) and truth.tracks_at(t, wanted)
    }


def score(result: Lineage, truth: Lineage, matches: list[FrameMatch]) -> Scores:
    """Compare a lineage with a true one whose objects were matched already.

    Parameters
    ----------
    result, truth : Lineage
        The two lineages.
    matches : list of FrameMatch
        Their objects, as `match_objects` gives them.

    Returns
    -------
    dict
        As `compare` does.
    """
    match = match_tracked(result, truth, matches)
    truth_objects = sum(len(truth.labelled(t)) for t in range(len(matches)))
    result_objects = sum(len(result.labelled(t)) for t in range(len(matches)))
    truth_links, result_links = find_links(truth), find_links(result)
    translated = {(match[a], match[b]) for a, b in truth_links if a in match and b in match}
    found = sum(a in match and b in match and (match[a], match[b]) in result_links for a, b in truth_links)
    precision, recall = _share(len(translated & result_links), len(result_links)), _share(found, len(truth_links))
    scores: Scores = {
        "truth_objects": truth_objects,
        "result_objects": result_objects,
        "matched_objects": len(match),
        "object_recall": _share(len(match), truth_objects),
        "object_precision": _share(len(set(match.values())), result_objects),
        "link_precision": precision,
        "link_recall": recall,
        "link_f1": _f1(precision, recall),
        "truth_divisions": len(truth.divisions),
        "result_divisions": len(result.divisions),
    }
    exact, near = (len(match_divisions(result, truth, match, slack)) for slack in (0, 1))
    n_truth, n_result = len(truth.divisions), len(result.divisions)
    scores["division_precision"], scores["division_recall"] = _share(exact, n_result), _share(exact, n_truth)
    scores["division_f1"] = _share(2 * exact, n_truth + n_result)
    scores["division_f1_within_1"] = _share(2 * near, n_truth + n_result)
    return scores


def find_links(lineage: Lineage) -> set[tuple[Node, Node]]:
    """Collect the links of a lineage: from an object to the next one of its track, from a parent to its children.

    Parameters
    ----------
    lineage : Lineage
        The lineage.

    Returns
    -------
    set of tuple
        As ((t, object id), (t, object id)).
    """
    links = set()
    last: dict[int, Node] = {}
    first: dict[int, Node] = {}
    for t, object_id, track_id, _ in lineage.objects.itertuples(index=False, name=None):
        if track_id > 0:
            node = (t, object_id)
            if track_id in last:
                links.add((last[track_id], node))
            first.setdefault(track_id, node)
            last[track_id] = node
    for division in lineage.divisions.values():
        links.update((last[division.parent_track_id], first[child]) for child in division.children)
    return links


def match_divisions(
    result: Lineage, truth: Lineage, match: dict[Node, Node], slack: int
) -> list[tuple[Division, Division]]:
    """Find the divisions of the truth that the result has.

    Parameters
    ----------
    result, truth : Lineage
        The two lineages.
    match : dict
        Objects of the truth to those of the result, as `match_tracked` gives them.
    slack : int
        Frames that a division may be off.

    Returns
    -------
    list of (Division, Division)
        Division of the truth and the one of the result; each of them at most once.
    """
    free = {division.parent_track_id: division for division in result.divisions.values()}
    pairs = []
    for wanted in sorted(truth.divisions.values()):
        candidates = (d for d in free.values() if abs(d.t - wanted.t) <= slack)
        for found in sorted(candidates, key=lambda d: (abs(d.t - wanted.t), d)):
            if _same_division(found, wanted, result, truth, match):
                del free[found.parent_track_id]
                pairs.append((wanted, found))
                break
    return pairs


def _same_division(found: Division, wanted: Division, result: Lineage, truth: Lineage, match: dict[Node, Node]) -> bool:
    """Tell whether the parents match before both divisions, and the children one to one after both."""
    before, after = min(found.t, wanted.t), max(found.t, wanted.t) + 1

    def tracks_for(track: int, t: int) -> set[int]:
        wanted_object = truth.object_at(track, t)
        node = None if wanted_object is None else match.get((t, wanted_object))
        return set() if node is None else set(result.tracks_at(*node))

    if found.parent_track_id not in tracks_for(wanted.parent_track_id, before):
        return False
    one, two = (tracks_for(child, after) for child in wanted.children)
    a, b = found.children
    return (a in one and b in two) or (b in one and a in two)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _f1(precision: float | None, recall: float | None) -> float | None:
    if precision is None or recall is None:
        return None
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _check_tracks(table: np.ndarray, matches: list[FrameMatch], name: str) -> None:
    """Refuse a result whose tracks have frames without pixels: the measures would be wrong."""
    present = [set(m.result.tolist()) for m in matches]
    for label, first, last, _ in table.tolist():
        for t in range(first, last + 1):
            if t >= len(present) or label not in present[t]:
                raise InputError(
                    f"`{name}` says that track {label} lasts from frame {first} to {last}, but it has no pixels in "
                    f"frame {t}. Split the track there, or write the folder with nbtrack."
                )


def _calculate_metrics() -> Any:
    try:
        from ctc_metrics.scripts.evaluate import calculate_metrics
    except ImportError as error:
        raise InputError(
            "`evaluate` needs py-ctcmetrics, which is not installed. "
            "Install the extra `eval`: pip install nbtrack[eval]."
        ) from error
    return calculate_metrics
