"""The passes of the adaptive tracker: measure, learn, solve, look back, and once more.

Each pass makes one problem of all that can happen (counts, links, links across missed frames, divisions and merges by
name, pins) and solves it exactly; the next one knows velocities and sure divisions of the last.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from nbtrack.adaptive.candidates import Candidates, find_candidates
from nbtrack.adaptive.events import Hypotheses, propose_divisions, propose_merges
from nbtrack.adaptive.features import LINK_TERMS, link_features
from nbtrack.adaptive.history import History, look_back
from nbtrack.adaptive.objects import Objects, read_objects
from nbtrack.adaptive.training import train_links
from nbtrack.data.energies import OBJECT_TERMS, Energies
from nbtrack.data.problem import Problem, Solution
from nbtrack.model.energies import count_probability, negative_log
from nbtrack.model.energy_tables import hypothesis_table, link_table, object_table, paid_totals
from nbtrack.solvers.pinned import pinned_states
from nbtrack.solvers.solve import Outcome, solve_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nbtrack.data.detections import Detections
    from nbtrack.data.graph import HypothesisGraph
    from nbtrack.data.pins import Pin
    from nbtrack.parallel import ExecutorLike
    from nbtrack.params import TrackingParams
    from nbtrack.solvers.control import Control
    from nbtrack.solvers.pinned import PinnedState

AT_BORDER = 0.25
"""Share of the energy of an end that is left at the border."""
FIRST_GAP = 1e-4
"""Gap that is good enough for all passes but the last."""
LEAST_PROBABILITY = 1e-3
"""Probabilities of counts are raised to this."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the adaptive tracker found.

    Parameters
    ----------
    graph : HypothesisGraph
        Objects and the links of the last pass.
    problem : Problem
        The last problem.
    outcome : Outcome
        Its solution and the report.
    explain : callable
        Writes the `Energies` of graph, problem and solution.
    pins : list of PinnedState
        What was held, in the words of the graph.
    objects : Objects
        What was measured.
    history : History or None
        What the last pass knew of the one before.
    weighed : Weighed
        All candidates of the last pass.
    """

    graph: HypothesisGraph
    problem: Problem
    outcome: Outcome
    explain: Callable[[HypothesisGraph, Problem, Solution], Energies]
    pins: list[PinnedState]
    objects: Objects
    history: History | None
    weighed: Weighed


@dataclass(frozen=True, kw_only=True)
class Weighed:
    """All candidates of one pass with their energies.

    Parameters
    ----------
    candidates : Candidates
        Links, sorted by source and target.
    link_terms : ndarray of float, shape (a, terms)
        Terms of each link, which add up to its energy.
    link_energy : ndarray of float, shape (a,)
        Energy of each link.
    link_weights : dict of str to float
        What the features of links were weighed with, the offset last.
    divisions, merges : Hypotheses
        What names three objects.
    appearance, disappearance : ndarray of float, shape (n,)
        Energy of a beginning and of an end.
    """

    candidates: Candidates
    link_terms: np.ndarray
    link_energy: np.ndarray
    link_weights: dict[str, float]
    divisions: Hypotheses
    merges: Hypotheses
    appearance: np.ndarray
    disappearance: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Weights that a movie has taught.

    Parameters
    ----------
    link, division, merge : ndarray of float
        Of the features of links (the offset last), divisions and merges.
    """

    link: np.ndarray
    division: np.ndarray
    merge: np.ndarray

    @classmethod
    def of(cls, weighed: Weighed) -> Weights:
        """Read them off what was weighed with them."""
        parts = (weighed.link_weights, weighed.divisions.weights, weighed.merges.weights)
        link, division, merge = (np.array(list(weights.values())) for weights in parts)
        return cls(link=link, division=division, merge=merge)


def track_adaptively(
    detections: Detections,
    graph: HypothesisGraph,
    params: TrackingParams,
    pins: Sequence[Pin],
    control: Control,
    executor: ExecutorLike = None,
) -> Answer:
    """Track the objects of a graph with energies that adapt to them.

    Parameters
    ----------
    detections : Detections
        The objects, with label frames if there are any.
    graph : HypothesisGraph
        The objects that are to be tracked, as `nbtrack.hypotheses.collect_objects` gives them.
    params : TrackingParams
        Weights and limits.
    pins : sequence of Pin
        States that every pass keeps.
    control : Control
        Time, cancel and progress; a solve that is stopped is the last.
    executor : concurrent.futures.Executor or str, optional
        Who solves in time windows where there are many objects.

    Returns
    -------
    Answer
    """
    nothing = np.zeros(0, np.int64)
    graph = replace(graph, source=nothing, target=nothing, distance=np.zeros(0))
    wanted, _ = pinned_states(graph, pins, params.objects_per_merger)
    pairs = np.column_stack([wanted.source, wanted.target])
    objects = read_objects(detections, graph, params)
    history: History | None = None
    for turn in range(params.passes):
        is_last = turn == params.passes - 1
        weighed = weigh(objects, graph, params, history, pairs, pins)
        linked, states = pinned_states(link(graph, weighed), pins, params.objects_per_merger)
        problem = make_problem(linked, weighed, params)
        divides = np.zeros(len(objects), bool)
        divides[[state.index for state in states if state.kind == "division" and state.low]] = True
        problem = replace(problem, divides=divides)
        outcome = solve_problem(
            problem,
            solver=params.solver,
            optimality_gap=params.optimality_gap if is_last else max(params.optimality_gap, FIRST_GAP),
            threads=params.threads,
            pins=states,
            control=control,
            executor=executor,
        )
        if is_last or control.stop_status is not None:
            break
        history = look_back(objects, problem, outcome.solution, params)
    return Answer(
        graph=linked,
        problem=problem,
        outcome=outcome,
        explain=explainer(graph, objects, weighed),
        pins=states,
        objects=objects,
        history=history,
        weighed=weighed,
    )


def link(graph: HypothesisGraph, weighed: Weighed) -> HypothesisGraph:
    """Give a graph the links that were weighed."""
    source, target = weighed.candidates.source, weighed.candidates.target
    distance = np.linalg.norm(graph.position[source] - graph.position[target], axis=1)
    return replace(graph, source=source, target=target, distance=distance)


def explainer(
    graph: HypothesisGraph, objects: Objects, weighed: Weighed
) -> Callable[[HypothesisGraph, Problem, Solution], Energies]:
    """Give a function that writes all energies as tables."""
    return partial(_energies, drift=objects.drift, weighed=weighed, has_counts=graph.p_count is not None)


def weigh(
    objects: Objects,
    graph: HypothesisGraph,
    params: TrackingParams,
    history: History | None,
    wanted: np.ndarray,
    pins: Sequence[Pin],
    *,
    learned: Weights | None = None,
    frames: np.ndarray | None = None,
) -> Weighed:
    """Find all candidates of a pass and their energies; what no best answer has is left out.

    Parameters
    ----------
    objects, graph, params, history
        What is tracked, how, and what the pass before has seen.
    wanted : ndarray of int, shape (pairs, 2)
        Links that pins ask for.
    pins : sequence of Pin
        What is held.
    learned : Weights, optional
        Weights that were learned before; else they are learned here, if that is wanted.
    frames : ndarray of int, optional
        Numbers of frames: only candidates that have to do with one of them.

    Returns
    -------
    Weighed
    """
    velocity = None if history is None else history.velocity
    found = find_candidates(objects, params, velocity, wanted, frames)
    features = link_features(objects, found, velocity)
    near = found.step == 1
    weights = np.r_[params.link_weights, params.link_offset] if learned is None else learned.link
    if params.self_training and learned is None:
        weights = train_links(found.source[near], found.target[near], features[near], weights, params.prior_strength)
    terms, energy = _link_terms(features, weights, found.step, params)
    inner = np.clip(objects.border / max(params.border_reach, 1e-9), 0, 1)
    inner = AT_BORDER + (1 - AT_BORDER) * inner
    appearance = params.appearance * np.where(objects.frame == 0, 0.0, inner)
    disappearance = params.disappearance * np.where(objects.frame == len(objects.times) - 1, 0.0, inner)
    held = _held(objects, graph, found, wanted, pins)
    divisions = propose_divisions(
        objects,
        found,
        energy,
        appearance,
        params,
        p_division=graph.p_division,
        history=history,
        held=held,
        learned=None if learned is None else learned.division,
    )
    merges = propose_merges(
        objects,
        found,
        energy,
        disappearance,
        params,
        history=history,
        held=held,
        learned=None if learned is None else learned.merge,
    )
    nothing = np.zeros(0, np.int64)
    if not params.divisible:
        divisions = divisions.only(nothing)
    if params.objects_per_merger < 2:
        merges = merges.only(nothing)
    kept = held | (energy < appearance[found.target] + disappearance[found.source])
    if not params.one_frame_tracks or graph.p_count is not None:
        kept[:] = True
    return Weighed(
        candidates=Candidates(*(part[kept] for part in found)),
        link_terms=terms[kept],
        link_energy=energy[kept],
        link_weights=dict(zip((*LINK_TERMS, "offset"), weights.tolist(), strict=True)),
        divisions=divisions,
        merges=merges,
        appearance=appearance,
        disappearance=disappearance,
    )


def _held(
    objects: Objects, graph: HypothesisGraph, found: Candidates, wanted: np.ndarray, pins: Sequence[Pin]
) -> np.ndarray:
    """Tell which links a person's pins may need."""
    n = max(len(objects), 1)
    held = np.isin(found.source * n + found.target, wanted[:, 0] * n + wanted[:, 1])
    divided = [graph.index_of(pin.t, pin.object_id) for pin in pins if pin.kind == "division" and pin.value]
    return held | np.isin(found.source, np.array(divided, np.int64))


def _link_terms(
    features: np.ndarray, weights: np.ndarray, step: np.ndarray, params: TrackingParams
) -> tuple[np.ndarray, np.ndarray]:
    """Weigh the features of links: terms that add up to the energy, and the energy."""
    terms = np.column_stack([features * weights[:-1], np.full(len(features), -weights[-1])])
    total = terms.sum(axis=1)
    limit = np.clip(total, -params.largest_energy, params.largest_energy) - total
    terms = np.column_stack([terms, limit, params.missed_cost * (step - 1)])
    return terms, terms.sum(axis=1)


def make_problem(graph: HypothesisGraph, weighed: Weighed, params: TrackingParams) -> Problem:
    """Put counts, links, divisions and merges into one problem."""
    n, a = graph.n_detections, graph.n_links
    m = 1
    detection = np.column_stack([np.full(n, params.opportunity), np.zeros(n)])
    if graph.p_count is not None:
        m = params.objects_per_merger
        detection = params.detection_weight * negative_log(
            np.maximum(count_probability(graph, params), LEAST_PROBABILITY)
        )
    number = np.arange(m + 1)
    energy = weighed.link_energy[:, None]
    # a second object on a link must not be a second reward
    link = np.where(number > 0, energy + (number - 1) * np.maximum(energy, 0), 0.0)
    divisions, merges = weighed.divisions, weighed.merges
    return Problem(
        detection=detection,
        capacity=np.full(n, m),
        source=graph.source,
        target=graph.target,
        link=link,
        link_capacity=np.full(a, m),
        appearance=weighed.appearance[:, None] * number,
        appearance_capacity=np.full(n, m),
        disappearance=weighed.disappearance[:, None] * number,
        disappearance_capacity=np.full(n, m),
        division=np.tile([0.0, params.division_cost], (n, 1)),
        divides=np.zeros(n, bool),
        external_parent=divisions.whole,
        external_children=divisions.pair,
        external=np.column_stack([np.zeros(len(divisions.whole)), divisions.energy]),
        merge_target=merges.whole,
        merge_sources=merges.pair,
        merge=np.column_stack([np.zeros(len(merges.whole)), merges.energy]),
        one_frame_tracks=params.one_frame_tracks,
        names=tuple(zip(graph.t.tolist(), graph.object_id.tolist(), strict=True)),
    )


def _energies(
    graph: HypothesisGraph,
    problem: Problem,
    solution: Solution,
    *,
    drift: np.ndarray,
    weighed: Weighed,
    has_counts: bool,
) -> Energies:
    """Write all terms as tables."""
    link_terms = dict(zip((*LINK_TERMS, "offset", "limit", "missed"), weighed.link_terms.T, strict=True))
    energy = problem.detection[np.arange(len(solution.count)), solution.count]
    name = "detection" if has_counts else "opportunity"  # without a classifier a missing object costs that alone
    divisions = hypothesis_table(
        graph,
        np.column_stack([weighed.divisions.whole, weighed.divisions.pair]),
        ("parent_id", "child1_id", "child2_id"),
        dict(zip(weighed.divisions.names, weighed.divisions.terms.T, strict=True)),
        solution.external,
    )
    merges = hypothesis_table(
        graph,
        np.column_stack([weighed.merges.whole, weighed.merges.pair]),
        ("object_id", "source1_id", "source2_id"),
        dict(zip(weighed.merges.names, weighed.merges.terms.T, strict=True)),
        solution.merges,
    )
    return Energies(
        links=link_table(graph, problem, solution, link_terms),
        divisions=divisions,
        merges=merges,
        objects=object_table(graph, problem, solution, {name: energy}),
        terms={
            "links": tuple(link_terms),
            "divisions": tuple(weighed.divisions.names),
            "merges": tuple(weighed.merges.names),
            "objects": OBJECT_TERMS,
        },
        totals=paid_totals(problem, solution, {name: energy}),
        weights={
            "link": weighed.link_weights,
            "division": weighed.divisions.weights,
            "merge": weighed.merges.weights,
        },
        drift=drift,
    )
