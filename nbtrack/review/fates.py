"""What becomes of an object: it goes on, divides, ends or was none. Every error of a link is a wrong fate of an object.

A fate is written as the tuple of the objects that follow, in order: one, two after a division or out of a merger, none
where the track ends. `FALSE` stands for a false detection, `UNKNOWN` for an object without a track.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from nbtrack.data.pins import Pin

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nbtrack.data.graph import HypothesisGraph
    from nbtrack.data.lineage import Lineage
    from nbtrack.data.problem import Problem, Solution

Object: TypeAlias = tuple[int, int]
"""Frame and object id."""
Fate: TypeAlias = tuple[Object, ...]

FALSE: Fate = ((-1, -1),)
"""The object is a false detection."""
UNKNOWN: Fate = ((-1, 0),)
"""Nothing is said of the object."""


def fate_of(lineage: Lineage, t: int, object_id: int) -> Fate:
    """Read what becomes of an object off a lineage.

    Parameters
    ----------
    lineage : Lineage
        The lineage.
    t, object_id : int
        The object.

    Returns
    -------
    Fate
    """
    if lineage.is_false(t, object_id):
        return FALSE
    tracks = lineage.tracks_at(t, object_id)
    if not tracks:
        return UNKNOWN
    after: set[Object] = set()
    for track in tracks:
        near = lineage.object_at(track, t + 1)
        if near is not None:
            after.add((t + 1, near))
            continue
        later = [(frame, i) for frame, i in lineage.objects_of(track).items() if frame > t]
        if later:
            after.add(later[0])
            continue
        after |= {next(iter(lineage.objects_of(child).items())) for child in lineage.children_of(track)}
    return tuple(sorted(after))


def fate_pins(t: int, object_id: int, fate: Fate, *, division: bool = True) -> tuple[Pin, ...]:
    """Write a fate as pins.

    Parameters
    ----------
    t, object_id : int
        The object.
    fate : Fate
        What becomes of it.
    division : bool, optional
        Whether two objects that follow mean a division; else the object was a merger.

    Returns
    -------
    tuple of Pin
    """
    if fate == FALSE:
        return (Pin("object", t, object_id, 0),)
    if not fate:
        return (Pin("disappearance", t, object_id, 1),)
    links = [Pin("link", t, object_id, 1, target, t_next) for t_next, target in fate]
    if len(fate) == 1:
        return (*links, Pin("division", t, object_id, 0))
    return (*links, Pin("division", t, object_id, 1)) if division else tuple(links)


def describe_fate(t: int, fate: Fate) -> str:
    """Say a fate in words.

    Parameters
    ----------
    t : int
        Frame of the object.
    fate : Fate
        What becomes of it.

    Returns
    -------
    str

    Examples
    --------
    >>> describe_fate(3, ((4, 7), (4, 9)))
    'divides into 7 and 9'
    """
    if fate == FALSE:
        return "is a false detection"
    if fate == UNKNOWN:
        return "has no track"
    if not fate:
        return "ends here"
    if len(fate) == 1:
        ((t_next, target),) = fate
        return f"goes on as {target}" + (f" in frame {t_next}" if t_next != t + 1 else "")
    return f"divides into {' and '.join(str(target) for _, target in fate)}"


def encode_fates(problem: Problem, solution: Solution) -> np.ndarray:
    """Give the fate of each detection in a solution a number.

    Parameters
    ----------
    problem : Problem
        What was solved.
    solution : Solution
        A state for every variable.

    Returns
    -------
    ndarray of int64, shape (n,)
        Equal numbers mean equal fates; `decode_fates` reads them.
    """
    n = problem.n_detections
    used = np.flatnonzero(solution.flow)
    named, merged = np.flatnonzero(solution.external), np.flatnonzero(solution.merges)
    source = np.concatenate(
        [problem.source[used], *(problem.external_parent[named],) * 2, *problem.merge_sources[merged].T]
    )
    target = np.concatenate(
        [problem.target[used], *problem.external_children[named].T, *(problem.merge_target[merged],) * 2]
    )
    low, high = np.full(n, n), np.full(n, -1)
    np.minimum.at(low, source, target)
    np.maximum.at(high, source, target)
    return np.where(solution.count == 0, -1, np.where(high < 0, 0, (low + 1) * (n + 1) + (high + 1)))


def decode_fates(graph: HypothesisGraph, codes: Iterable[int]) -> list[Fate]:
    """Read the numbers that `encode_fates` gave.

    Parameters
    ----------
    graph : HypothesisGraph
        Frames and ids of the detections.
    codes : iterable of int
        The numbers.

    Returns
    -------
    list of Fate
    """
    n = graph.n_detections
    fates: list[Fate] = []
    for code in codes:
        if code <= 0:
            fates.append(FALSE if code < 0 else ())
            continue
        ends = sorted({code // (n + 1) - 1, code % (n + 1) - 1})
        fates.append(tuple((int(graph.t[i]), int(graph.object_id[i])) for i in ends))
    return fates
