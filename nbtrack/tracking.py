"""The automatic tracker: candidates, energies, the exact solver, and the lineage read off its answer."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from nbtrack.adaptive.refreshing import Weighing
from nbtrack.adaptive.tracker import track_adaptively
from nbtrack.data.energies import Solved
from nbtrack.data.pins import Pin
from nbtrack.data.result import TrackingResult
from nbtrack.errors import InputError
from nbtrack.hypotheses import collect_objects, link_candidates
from nbtrack.model.energies import compute_energies
from nbtrack.model.energy_tables import tabulate
from nbtrack.model.objective import energy_of
from nbtrack.params import TrackingParams
from nbtrack.solvers.control import Control
from nbtrack.solvers.decode import decode
from nbtrack.solvers.pinned import pinned_states
from nbtrack.solvers.solve import Outcome, solve_problem

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from nbtrack.data.detections import Detections
    from nbtrack.data.energies import Energies
    from nbtrack.data.graph import HypothesisGraph
    from nbtrack.data.movie import Movie
    from nbtrack.data.problem import Problem, Solution
    from nbtrack.parallel import ExecutorLike
    from nbtrack.solvers.control import Progress
    from nbtrack.solvers.pinned import PinnedState

_log = logging.getLogger(__name__)


def track(
    detections: Detections,
    params: TrackingParams | None = None,
    *,
    fixed: Iterable[Pin | Mapping[str, Any]] = (),
    movie: Movie | None = None,
    graph: HypothesisGraph | None = None,
    progress: Callable[[Progress], None] | None = None,
    cancel: threading.Event | None = None,
    executor: ExecutorLike = None,
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
    graph : HypothesisGraph, optional
        What `start_graph` gives for these objects and parameters, if it is there already.
    progress : callable, optional
        Called with incumbent, bound and gap now and then.
    cancel : threading.Event, optional
        Set it from another thread to stop; the best answer so far is returned.
    executor : concurrent.futures.Executor or {"threads", "processes", "serial"}, optional
        Who solves a movie of more than some ten thousand objects in time windows, for solver "auto"; for a cluster
        of dask, ``Client(...).get_executor(retries=3)``. The answer does not depend on who works.

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
    found = solve_movie(
        detections, params, fixed=fixed, graph=graph, progress=progress, cancel=cancel, executor=executor
    )
    return read_result(found, detections, params, movie)


@dataclass(frozen=True, kw_only=True)
class SolvedMovie:
    """A movie as a problem with its solution, before a lineage is read off it.

    Parameters
    ----------
    graph : HypothesisGraph
        Objects and candidate links.
    problem : Problem
        Energies of all states.
    outcome : Outcome
        The solution and the report.
    pins : tuple of Pin
        What was held.
    states : sequence of PinnedState
        The same in the words of the graph.
    explain : callable
        Writes the `Energies` of graph, problem and solution.
    weighing : Weighing, optional
        What the adaptive preset has measured and learned, so that repaired objects can be weighed again.
    """

    graph: HypothesisGraph
    problem: Problem
    outcome: Outcome
    pins: tuple[Pin, ...]
    states: Sequence[PinnedState]
    explain: Callable[[HypothesisGraph, Problem, Solution], Energies]
    weighing: Weighing | None = None

    @cached_property
    def energies(self) -> Energies:
        """Every term of every candidate."""
        return self.explain(self.graph, self.problem, self.outcome.solution)


def read_result(
    found: SolvedMovie, detections: Detections, params: TrackingParams, movie: Movie | None = None
) -> TrackingResult:
    """Read lineage and tables off a solved movie.

    Parameters
    ----------
    found : SolvedMovie
        The solution.
    detections, params, movie
        As for `track`.

    Returns
    -------
    TrackingResult
    """
    held = found.states if params.preset == "adaptive" else ()
    solution = found.outcome.solution
    decoded = decode(found.graph, found.problem, solution, longest_merger=params.longest_merger, pins=held)
    tables: dict[str, Any] = dict(decoded.tables)
    solved = Solved(
        detections=detections,
        graph=found.graph,
        problem=found.problem,
        solution=solution,
        pins=found.pins,
        explain=found.explain,
        weighing=found.weighing,
    )
    return TrackingResult(
        lineage=decoded.lineage,
        report=found.outcome.report,
        params=params,
        detections=detections,
        movie=movie,
        solved=solved,
        **tables,
    )


def solved_of(result: TrackingResult, detections: Detections) -> SolvedMovie | None:
    """Give the solved movie that a result was read off.

    Parameters
    ----------
    result : TrackingResult
        A result.
    detections : Detections
        The objects that it must be about.

    Returns
    -------
    SolvedMovie or None
        None if it is not there, is about other objects, or has pins.
    """
    solved = result.solved
    if solved is None or solved.detections is not detections or solved.pins:
        return None
    return SolvedMovie(
        graph=solved.graph,
        problem=solved.problem,
        outcome=Outcome(solved.solution, result.report),
        pins=(),
        states=(),
        explain=solved.explain,
        weighing=solved.weighing,
    )


def solve_movie(
    detections: Detections,
    params: TrackingParams,
    *,
    fixed: Iterable[Pin | Mapping[str, Any]] = (),
    graph: HypothesisGraph | None = None,
    progress: Callable[[Progress], None] | None = None,
    cancel: threading.Event | None = None,
    executor: ExecutorLike = None,
) -> SolvedMovie:
    """Find candidates and energies and solve; what `track` does before it reads a lineage off the solution.

    Parameters
    ----------
    detections, params, fixed, graph, progress, cancel, executor
        As for `track`.

    Returns
    -------
    SolvedMovie
    """
    graph = start_graph(detections, params) if graph is None else graph
    _check_graph(graph, detections)
    pins = [pin if isinstance(pin, Pin) else Pin(**pin) for pin in fixed]
    control = Control(timeout=params.timeout, progress=progress)
    if cancel is not None:
        control.cancel, control.cancellable = cancel, True
    if params.preset == "adaptive":
        answer = track_adaptively(detections, graph, params, pins, control, executor)
        solved = SolvedMovie(
            graph=answer.graph,
            problem=answer.problem,
            outcome=answer.outcome,
            pins=tuple(pins),
            states=answer.pins,
            explain=answer.explain,
            weighing=Weighing.of(answer, detections, params),
        )
    else:
        solved = _solve_once(graph, params, pins, control, executor)
    _log.info("%s", solved.outcome.report)
    return solved


def start_graph(detections: Detections, params: TrackingParams) -> HypothesisGraph:
    """Make the graph that tracking begins with: with candidate links, or the objects alone if the preset finds its own.

    Parameters
    ----------
    detections : Detections
        Objects with their table.
    params : TrackingParams
        Preset, field of view, size range, data scales, border, number of neighbors and maximal distance.

    Returns
    -------
    HypothesisGraph
    """
    return collect_objects(detections, params) if params.preset == "adaptive" else link_candidates(detections, params)


def _solve_once(
    graph: HypothesisGraph, params: TrackingParams, pins: Sequence[Pin], control: Control, executor: ExecutorLike
) -> SolvedMovie:
    """Solve with the energies of a preset that knows them beforehand; the graph gets the links of the pins."""
    graph, states = pinned_states(graph, pins, params.objects_per_merger)
    problem = let_pinned_divide(compute_energies(graph, params), states)
    outcome = solve_problem(
        problem,
        solver=params.solver,
        optimality_gap=params.optimality_gap,
        threads=params.threads,
        pins=states,
        control=control,
        executor=executor,
    )
    raw_problem = let_pinned_divide(compute_energies(graph, params, convex=False), states)
    raw = energy_of(raw_problem, outcome.solution)
    outcome = replace(outcome, report=replace(outcome.report, raw_objective=raw))
    return SolvedMovie(
        graph=graph,
        problem=problem,
        outcome=outcome,
        pins=tuple(pins),
        states=states,
        explain=partial(tabulate, params=params),
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


def let_pinned_divide(problem: Problem, states: Sequence[PinnedState]) -> Problem:
    """Give a division variable to every detection whose division is pinned, whatever the parameters say.

    Parameters
    ----------
    problem : Problem
        The problem.
    states : sequence of PinnedState
        What is held.

    Returns
    -------
    Problem
    """
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
