"""Energies: what each state of each detection and link costs.

A term is ``weight x feature``; features are numpy arrays aligned with the detections or the links of the graph, with
one column per number of objects. Two presets share the law of the model and differ in their energies:

* ``conservation``: minus logarithms of probabilities (Schiegg et al., Conservation Tracking, ICCV 2013);
* ``chaingraph``: distances and a noise model (Kausler et al., A discrete chain graph model for 3d+t cell tracking with
  high misdetection robustness, ECCV 2012).

More is worse. All lengths are in scaled units.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from nbtrack.data.convex import convexify
from nbtrack.data.problem import Problem
from nbtrack.errors import InputError

if TYPE_CHECKING:
    from nbtrack.data.graph import HypothesisGraph
    from nbtrack.params import TrackingParams

SMALLEST = 1e-10
"""Probabilities are raised to this before their logarithm is taken."""
CLIP = 1e-7
"""Probabilities from a classifier are kept this far from 0, and nearly as far from 1."""


def negative_log(p: np.ndarray) -> np.ndarray:
    """Take ``-ln(max(p, 1e-10))``.

    Parameters
    ----------
    p : ndarray of float
        Probabilities.

    Returns
    -------
    ndarray of float
    """
    return np.asarray(0.0 - np.log(np.maximum(p, SMALLEST)))


# --------------------------------------------------------------------------- features of single terms
def size_prior(size: np.ndarray, m: int, object_size: float | None = None) -> np.ndarray:
    """Guess the number of objects in each detection from its size alone.

    ``P(k) ~ exp(-(v - k a)^2 / s2)`` with ``s2 = a^2 / 4``: the nearer the size `v` to `k` average sizes `a`, the
    likelier `k` objects. Normalised, then clipped to [0.01, 0.99].

    Parameters
    ----------
    size : ndarray of float, shape (n,)
        Pixels of each detection.
    m : int
        Largest number of objects.
    object_size : float, optional
        Size of one object; the median of `size` if not given.

    Returns
    -------
    ndarray of float, shape (n, m + 1)
        Probabilities of 0..m objects.
    """
    if not len(size):
        return np.zeros((0, m + 1))
    average = float(np.median(size)) if object_size is None else object_size
    spread = max(average**2 / 4, 1e-4)
    exponent = -((size[:, None] - np.arange(m + 1) * average) ** 2) / spread
    p = np.exp(exponent - exponent.max(axis=1, keepdims=True))
    return np.asarray(np.clip(p / p.sum(axis=1, keepdims=True), 0.01, 0.99))


def count_probability(graph: HypothesisGraph, params: TrackingParams) -> np.ndarray:
    """Tell the probability of 0..m objects: from the classifier if there is one, else from the size prior.

    Parameters
    ----------
    graph : HypothesisGraph
        With or without `p_count`; classes above m are added to m.
    params : TrackingParams
        `objects_per_merger`, `object_size`.

    Returns
    -------
    ndarray of float, shape (n, m + 1)
    """
    m = params.objects_per_merger
    if graph.p_count is None:
        return size_prior(graph.size, m, params.object_size)
    p = np.zeros((graph.n_detections, m + 1))
    known = min(m + 1, graph.p_count.shape[1])
    p[:, :known] = graph.p_count[:, :known]
    p[:, -1] += graph.p_count[:, known:].sum(axis=1)
    return np.asarray(np.clip(p, CLIP, 1 - CLIP / 10))


def division_probability(graph: HypothesisGraph, params: TrackingParams) -> np.ndarray:
    """Tell the probability that each object divides: from the classifier, else the neutral parameter.

    Parameters
    ----------
    graph : HypothesisGraph
        With or without `p_division`.
    params : TrackingParams
        `division_probability`.

    Returns
    -------
    ndarray of float, shape (n,)
    """
    p = np.full(graph.n_detections, params.division_probability) if graph.p_division is None else graph.p_division
    return np.asarray(np.clip(p, CLIP, 1 - CLIP / 10))


def border_feature(graph: HypothesisGraph, free_frame: int, m: int) -> np.ndarray:
    """Tell the border factor of appearing or disappearing, 0 in the frame where it is free.

    Parameters
    ----------
    graph : HypothesisGraph
        With `border`.
    free_frame : int
        First frame for appearances, last one for disappearances.
    m : int
        Largest number of objects.

    Returns
    -------
    ndarray of float, shape (n, m + 1)
        0 for no object, the border factor for one or more.
    """
    factor = np.where(graph.t == free_frame, 0.0, graph.border)
    return np.where(np.arange(m + 1) > 0, factor[:, None], 0.0)


def transition_feature(distance: np.ndarray, alpha: float, m: int) -> np.ndarray:
    """Tell ``-ln(1 - q)`` for an unused link and ``-ln q`` for a used one, with ``q = exp(-distance / alpha)``.

    Parameters
    ----------
    distance : ndarray of float, shape (a,)
        Distance of the two centres.
    alpha : float
        Transition scale.
    m : int
        Largest number of objects.

    Returns
    -------
    ndarray of float, shape (a, m + 1)
    """
    q = np.exp(-distance / alpha)
    return np.where(np.arange(m + 1) > 0, negative_log(q)[:, None], negative_log(1 - q)[:, None])


# --------------------------------------------------------------------------- the two presets
def compute_energies(graph: HypothesisGraph, params: TrackingParams, *, convex: bool = True) -> Problem:
    """Turn a hypothesis graph into a problem.

    Parameters
    ----------
    graph : HypothesisGraph
        Detections and candidate links.
    params : TrackingParams
        Preset, weights and limits.
    convex : bool, optional
        Whether to convexify the features, as the solver wants them; False gives the raw energies.

    Returns
    -------
    Problem

    Raises
    ------
    InputError
        If the preset is "adaptive": its energies are learned while tracking.
    """
    if params.preset == "adaptive":
        raise InputError(
            'The energies of preset="adaptive" are learned from the movie while it is tracked: look at '
            '`nbtrack.track(...).energies`, or take preset="conservation" or "chaingraph".'
        )
    n, a, m = graph.n_detections, graph.n_links, params.objects_per_merger
    may_divide = (graph.out_degree > 1) & params.divisible

    def shape(features: np.ndarray) -> np.ndarray:
        flat = np.all(features == 0, axis=1, keepdims=True)
        return np.where(flat, features, convexify(features)) if convex and m > 1 else features

    appearance = params.appearance * shape(border_feature(graph, graph.first_frame, m))
    disappearance = params.disappearance * shape(border_feature(graph, graph.last_frame, m))
    opportunity = np.where(np.arange(m + 1) == 0, params.opportunity, 0.0)
    division_link = None
    division = np.zeros((n, 2))
    if params.preset == "chaingraph":
        detection = params.noise_weight * _noise_feature(graph, params) + opportunity
        link = np.where(np.arange(2) > 0, graph.distance[:, None], 0.0)
        division_link = (graph.distance - params.division_distance) ** 2
    else:
        detection = params.detection_weight * shape(negative_log(count_probability(graph, params))) + opportunity
        link = params.transition_weight * shape(transition_feature(graph.distance, params.alpha, m))
        p = division_probability(graph, params)
        division = params.division_weight * negative_log(np.column_stack([1 - p, p]))
        may_divide &= p > params.division_threshold

    return Problem(
        detection=detection,
        capacity=np.full(n, m),
        source=graph.source,
        target=graph.target,
        link=link,
        link_capacity=np.full(a, m),
        appearance=appearance,
        appearance_capacity=np.full(n, m),
        disappearance=disappearance,
        disappearance_capacity=np.full(n, m),
        division=division,
        divides=may_divide,
        division_link=division_link,
        narrow_links=_narrow_links(graph, may_divide, params.division_angle if params.preset == "chaingraph" else 0.0),
        one_frame_tracks=params.one_frame_tracks,
        names=tuple(zip(graph.t.tolist(), graph.object_id.tolist(), strict=True)),
    )


def _noise_feature(graph: HypothesisGraph, params: TrackingParams) -> np.ndarray:
    """``-ln r`` for a false detection and ``-ln(1 - r)`` for an object; r per object if a classifier says it."""
    if graph.p_count is None:
        rate = np.full(graph.n_detections, params.noise_rate)
    else:
        rate = np.clip(graph.p_count[:, 0], CLIP, 1 - CLIP / 10)
    return negative_log(np.column_stack([rate, 1 - rate]))


def _narrow_links(graph: HypothesisGraph, may_divide: np.ndarray, angle: float) -> np.ndarray:
    """Find the pairs of links out of one mother that enclose less than `angle` degrees, shape (pairs, 2)."""
    order = np.argsort(graph.source, kind="stable")
    pairs = [
        pair
        for parent, links in _grouped(graph.source[order], order)
        if may_divide[parent] and angle > 0
        for pair in combinations(links.tolist(), 2)
    ]
    first, second = np.array(pairs, np.int64).reshape(-1, 2).T
    arms = [graph.position[graph.target[link]] - graph.position[graph.source[link]] for link in (first, second)]
    norms = np.linalg.norm(arms[0], axis=1) * np.linalg.norm(arms[1], axis=1)
    cosine = np.divide((arms[0] * arms[1]).sum(axis=1), norms, out=np.full(len(first), -1.0), where=norms > 0)
    narrow = np.degrees(np.arccos(np.clip(cosine, -1, 1))) < angle
    return np.column_stack([first[narrow], second[narrow]])


def _grouped(keys: np.ndarray, values: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """Group values by sorted keys."""
    if not len(keys):
        return []
    starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
    return list(zip(keys[starts].tolist(), np.split(values, starts[1:]), strict=True))
