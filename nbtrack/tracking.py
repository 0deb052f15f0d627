"""The automatic tracker: candidates, energies, the exact solver, and the lineage read off its answer."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nbtrack.data.pins import Pin
from nbtrack.data.result import TrackingResult
from nbtrack.errors import InputError
from nbtrack.hypotheses import link_candidates
from nbtrack.model.energies import compute_energies
from nbtrack.model.objective import energy_of
from nbtrack.params import TrackingParams
from nbtrack.solvers.control import Control
from nbtrack.solvers.decode import decode
from nbtrack.solvers.pinned import pinned_states
from nbtrack.solvers.solve import solve_problem

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from nbtrack.data.detections import Detections
    from nbtrack.data.graph import HypothesisGraph
    from nbtrack.data.movie import Movie
    from nbtrack.data.problem import Problem
    from nbtrack.solvers.control import Progress
    from nbtrack.solvers.pinned import PinnedState

_log = logging.getLogger(__name__)


def track(
    detections: Detections,
    params: TrackingParams | None = None,
    *,
    fixed: Iterable[Pin | Mapping[str, Any]] = (),
    movie: Movie | None = None,
    progress: Callable[[Progress], None] | None = None,
    cancel: threading.Event | None = None,
) -> TrackingResult:
    """Track objects through a movie.

    Parameters
    ----------
    detections : Detections
        Objects of each frame. Columns ``p_count_0`` to ``p_count_m`` and ``p_division`` of their table are used as
        probabilities; without them, sizes tell how many objects a detection holds.
    params : TrackingParams, optional
        Weights and limits; the defaults if not given.
    fixed : iterable of Pin or dict, optional
        States that the answer must keep: objects, counts, links, divisions. A link that is no candidate is added.
    movie : Movie, optional
        The raw movie, to be passed on to views and files.
    progress : callable, optional
        Called with incumbent, bound and gap now and then.
    cancel : threading.Event, optional
        Set it from another thread to stop; the best answer so far is returned.

    Returns
    -------
    TrackingResult
        With its lineage, its tables and the solver's report: the status says whether the gap asked for is proven.

    Raises
    ------
    InputError
        If there is nothing to track, or the raw movie does not fit the objects.
    SolverUnavailable
        If a solver was asked for by name and is not there.
    SolveError
        If there is no answer; pins that contradict each other are named.
    """
    params = params or TrackingParams()
    if movie is not None:
        check_movie(movie, detections)
    graph = link_candidates(detections, params)
    _check_graph(graph, detections)
    pins = [pin if isinstance(pin, Pin) else Pin(**pin) for pin in fixed]
    graph, states = pinned_states(graph, pins, params.objects_per_merger)
    control = Control(timeout=params.timeout, progress=progress)
    if cancel is not None:
        control.cancel, control.cancellable = cancel, True
    problem = _let_pinned_divide(compute_energies(graph, params), states)
    outcome = solve_problem(
        problem,
        solver=params.solver,
        optimality_gap=params.optimality_gap,
        threads=params.threads,
        pins=states,
        control=control,
    )
    raw_problem = _let_pinned_divide(compute_energies(graph, params, convex=False), states)
    raw = energy_of(raw_problem, outcome.solution)
    report = replace(outcome.report, raw_objective=raw)
    _log.info("%s", report)
    decoded = decode(graph, problem, outcome.solution)
    return TrackingResult(
        lineage=decoded.lineage, report=report, params=params, detections=detections, movie=movie, **decoded.tables
    )


def check_movie(movie: Movie, detections: Detections) -> None:
    """Check that a raw movie and objects belong together.

    Parameters
    ----------
    movie : Movie
        The raw movie.
    detections : Detections
        The objects.

    Raises
    ------
    InputError
        If the number of frames or the shape of a frame differs.
    """
    if len(movie) != detections.n_frames:
        raise InputError(
            f"The raw movie and the objects must have the same number of frames: got {len(movie)} movie frames and "
            f"{detections.n_frames} label frames. Check the time axis in `axes`."
        )
    if tuple(movie.frame_shape) != tuple(detections.frame_shape):
        raise InputError(
            f"The raw movie and the objects must have frames of one shape: got {tuple(movie.frame_shape)} and "
            f"{tuple(detections.frame_shape)}. Check the order of the axes in `axes`."
        )


def _let_pinned_divide(problem: Problem, states: Sequence[PinnedState]) -> Problem:
    """Give a division variable to every detection whose division is pinned, whatever the parameters say."""
    divides = problem.divides.copy()
    divides[[state.index for state in states if state.kind == "division" and state.low]] = True
    return replace(problem, divides=divides)


def _check_graph(graph: HypothesisGraph, detections: Detections) -> None:
    if detections.n_frames < 2:
        raise InputError(
            f"Tracking needs at least two frames: got {detections.n_frames}. Check the time axis in `axes`."
        )
    if not graph.n_detections:
        found = len(detections.table)
        raise InputError(
            f"There is nothing to track: {found} objects in {detections.n_frames} frames, 0 of them in the field of "
            "view and in the size range. Check the threshold and its channel, `size_range` and the field of view."
        )
