"""Candidates and energies after a few objects were repaired: only what has to do with them is found anew.

What the movie has taught stays as it was: the usual radius, the jumps of the picture, the weights, and where each
object was seen to move. That is why the rest need not be looked at: the same comes out as if everything were measured
and weighed again with these. A repaired object is expected to move as the one did of which it has most pixels; one
that is new stands still.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from nbtrack.adaptive.candidates import Candidates
from nbtrack.adaptive.history import History
from nbtrack.adaptive.objects import Objects, read_frames_again, read_objects
from nbtrack.adaptive.tracker import Answer, Weighed, Weights, explainer, link, make_problem, weigh
from nbtrack.hypotheses import collect_objects, coordinate_scales
from nbtrack.overlap import count_overlaps

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nbtrack.adaptive.events import Hypotheses
    from nbtrack.data.detections import Detections
    from nbtrack.data.energies import Energies
    from nbtrack.data.graph import HypothesisGraph
    from nbtrack.data.problem import Problem, Solution
    from nbtrack.params import TrackingParams


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """What the objects of a movie have taught; it stays when some of them are repaired.

    Parameters
    ----------
    detections : Detections
        The objects that taught it.
    graph : HypothesisGraph
        The same.
    weights : Weights
        Weights of links, divisions and merges.
    usual_radius : float
        Median radius.
    times : ndarray of int, shape (frames,)
        Frames that had objects.
    jumps : ndarray of float, shape (frames, ndim)
        How far the picture jumped from each of these frames to the next, in pixels.
    history : History or None
        What the last pass knew of the one before.
    """

    detections: Detections
    graph: HypothesisGraph
    weights: Weights
    usual_radius: float
    times: np.ndarray
    jumps: np.ndarray
    history: History | None

    @classmethod
    def of(cls, answer: Answer, detections: Detections, params: TrackingParams) -> Lesson:
        """Keep what an answer has learned."""
        scales = coordinate_scales(detections, params)
        return cls(
            detections=detections,
            graph=answer.graph,
            weights=Weights.of(answer.weighed),
            usual_radius=answer.objects.usual_radius,
            times=answer.objects.times,
            jumps=np.rint(answer.objects.drift / scales),
            history=answer.history,
        )

    def jumps_between(self, times: np.ndarray) -> np.ndarray:
        """Tell how far the picture jumped between frames that may be others, shape (frames, ndim) in pixels."""
        total = np.concatenate([np.zeros((1, self.jumps.shape[1])), np.cumsum(self.jumps, axis=0)])
        at = total[np.maximum(np.searchsorted(self.times, times, side="right") - 1, 0)]
        return np.concatenate([np.diff(at, axis=0), np.zeros((1, self.jumps.shape[1]))])


@dataclass(frozen=True, kw_only=True)
class Weighing:
    """Everything that is known of the objects as they are now.

    Parameters
    ----------
    lesson : Lesson
        What stays.
    graph : HypothesisGraph
        Objects and links.
    objects : Objects
        What was measured.
    history : History or None
        The history of the lesson, for the objects as they are now.
    weighed : Weighed
        Candidates and energies.
    """

    lesson: Lesson
    graph: HypothesisGraph
    objects: Objects
    history: History | None
    weighed: Weighed

    @classmethod
    def of(cls, answer: Answer, detections: Detections, params: TrackingParams) -> Weighing:
        """Begin with the answer for the objects before any repair."""
        return cls(
            lesson=Lesson.of(answer, detections, params),
            graph=answer.graph,
            objects=answer.objects,
            history=answer.history,
            weighed=answer.weighed,
        )

    def problem(self, params: TrackingParams) -> Problem:
        """Put the energies into a problem; nothing is pinned."""
        return make_problem(self.graph, self.weighed, params)

    @property
    def explain(self) -> Callable[[HypothesisGraph, Problem, Solution], Energies]:
        """What writes the energies as tables."""
        return explainer(self.graph, self.objects, self.weighed)


_NO_PAIRS = np.zeros((0, 2), np.int64)


def weigh_again(old: Weighing, detections: Detections, params: TrackingParams, frames: Sequence[int]) -> Weighing:
    """Find candidates and energies anew where objects have changed.

    Parameters
    ----------
    old : Weighing
        What was known before; nothing in it was pinned.
    detections : Detections
        The objects as they are now.
    params : TrackingParams
        As before.
    frames : sequence of int
        Frames whose objects are others.

    Returns
    -------
    Weighing
        The same as `weigh_all` gives; hypotheses are sorted.
    """
    graph = collect_objects(detections, params)
    times = np.unique(graph.t)
    if not np.array_equal(times, old.objects.times):
        return weigh_all(old.lesson, detections, params)  # who is next to whom in time has changed
    kept = _kept(old.graph, graph, frames)
    objects = read_frames_again(old.objects, kept, detections, graph, params, frames)
    history = None
    if old.history is not None:
        history = _carry(old.history, kept, graph.n_detections)
        history = _look_up(history, old.lesson, detections, graph, frames)
    numbers = np.searchsorted(times, sorted(frames))
    new = weigh(objects, graph, params, history, _NO_PAIRS, (), learned=old.lesson.weights, frames=numbers)
    weighed = _splice(old.weighed, kept, new)
    return Weighing(lesson=old.lesson, graph=link(graph, weighed), objects=objects, history=history, weighed=weighed)


def weigh_all(lesson: Lesson, detections: Detections, params: TrackingParams) -> Weighing:
    """Measure all objects and find all candidates and energies anew, with what was learned before.

    Parameters
    ----------
    lesson : Lesson
        What was learned.
    detections : Detections
        The objects as they are now.
    params : TrackingParams
        As before.

    Returns
    -------
    Weighing
    """
    graph = collect_objects(detections, params)
    jumps = lesson.jumps_between(np.unique(graph.t))
    objects = read_objects(detections, graph, params, usual_radius=lesson.usual_radius, drift=jumps)
    history = None
    if lesson.history is not None:
        changed = [t for t in range(detections.n_frames) if not _same_frame(lesson.detections, detections, t)]
        kept = _kept(lesson.graph, graph, changed)
        history = _carry(lesson.history, kept, graph.n_detections)
        history = _look_up(history, lesson, detections, graph, changed)
    weighed = weigh(objects, graph, params, history, _NO_PAIRS, (), learned=lesson.weights)
    weighed = replace(weighed, divisions=_sorted(weighed.divisions), merges=_sorted(weighed.merges))
    return Weighing(lesson=lesson, graph=link(graph, weighed), objects=objects, history=history, weighed=weighed)


def _same_frame(one: Detections, other: Detections, t: int) -> bool:
    return np.array_equal(np.asarray(one.labels[t]), np.asarray(other.labels[t]))


def _kept(old: HypothesisGraph, new: HypothesisGraph, frames: Sequence[int]) -> np.ndarray:
    """Tell the new index of each object, -1 for those of the changed frames; in the others they are the same."""
    stays, there = ~np.isin(old.t, frames), ~np.isin(new.t, frames)
    kept = np.full(old.n_detections, -1)
    kept[stays] = np.flatnonzero(there)
    return kept


def _carry(history: History, kept: np.ndarray, n: int) -> History:
    """Take the history of the objects that stay; what only training needs is left out."""
    stays = kept >= 0
    velocity = np.zeros((n, history.velocity.shape[1]))
    dies_soon, born_late = np.zeros(n, bool), np.zeros(n, bool)
    for new, old in ((velocity, history.velocity), (dies_soon, history.dies_soon), (born_late, history.born_late)):
        new[kept[stays]] = old[stays]
    nobody, nothing = np.full(n, -1), np.zeros((0, 3), np.int64)
    return History(
        velocity=velocity,
        following=nobody,
        preceding=nobody,
        dies_soon=dies_soon,
        born_late=born_late,
        divisions=nothing,
        merges=nothing,
    )


def _look_up(
    history: History, lesson: Lesson, detections: Detections, graph: HypothesisGraph, frames: Sequence[int]
) -> History:
    """Give the objects of some frames the history of that old object with which they share most pixels."""
    known = lesson.history
    assert known is not None
    for t in frames:
        old, new, pixels = count_overlaps(np.asarray(lesson.detections.labels[t]), np.asarray(detections.labels[t]))
        order = np.lexsort((-old, pixels))  # the most pixels last, of equals the smaller id
        best = dict(zip(new[order].tolist(), old[order].tolist(), strict=True))
        for object_id, before in sorted(best.items()):
            i, j = graph.index_of(t, object_id), lesson.graph.index_of(t, before)
            if i is not None and j is not None:
                history.velocity[i] = known.velocity[j]
                history.dies_soon[i], history.born_late[i] = known.dies_soon[j], known.born_late[j]
    return history


def _splice(old: Weighed, kept: np.ndarray, new: Weighed) -> Weighed:
    """Put new candidates in the place of those that had to do with a changed frame."""
    source, target = kept[old.candidates.source], kept[old.candidates.target]
    stays = (source >= 0) & (target >= 0)
    rest = Candidates(source[stays], target[stays], *(part[stays] for part in old.candidates[2:]))
    both = Candidates(*(np.concatenate(parts) for parts in zip(rest, new.candidates, strict=True)))
    order = np.lexsort((both.target, both.source))
    return Weighed(
        candidates=Candidates(*(part[order] for part in both)),
        link_terms=np.concatenate([old.link_terms[stays], new.link_terms])[order],
        link_energy=np.concatenate([old.link_energy[stays], new.link_energy])[order],
        link_weights=new.link_weights,
        divisions=_splice_hypotheses(old.divisions, kept, new.divisions),
        merges=_splice_hypotheses(old.merges, kept, new.merges),
        appearance=new.appearance,
        disappearance=new.disappearance,
    )


def _splice_hypotheses(old: Hypotheses, kept: np.ndarray, new: Hypotheses) -> Hypotheses:
    whole, pair = kept[old.whole], kept[old.pair]
    stays = (whole >= 0) & (pair >= 0).all(axis=1)
    return _sorted(
        replace(
            new,
            whole=np.concatenate([whole[stays], new.whole]),
            pair=np.concatenate([pair[stays], new.pair]),
            terms=np.concatenate([old.terms[stays], new.terms]),
        )
    )


def _sorted(found: Hypotheses) -> Hypotheses:
    """Sort hypotheses by their objects."""
    return found.only(np.lexsort((found.pair[:, 1], found.pair[:, 0], found.whole)))
