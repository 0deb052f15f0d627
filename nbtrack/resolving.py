"""Solve one movie again and again, each time with other pins.

Candidates and energies are found once and then stand still, so that a pin changes nothing but what follows from it. A
pinned link that is no candidate is added with the energy of the worst one: a link that is held costs the same whatever
the rest does, so its energy decides nothing.

When objects are repaired, only candidates and energies that have to do with them are found anew. Everything that was
learned from the whole movie stays as it was then (the weights of the adaptive preset, the usual size of an object, and
where objects were seen to move), so that a repair changes nothing elsewhere and this is exact.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from nbtrack.adaptive.refreshing import weigh_again
from nbtrack.errors import SolveError
from nbtrack.hypotheses import link_again
from nbtrack.model.energies import compute_energies
from nbtrack.model.energy_tables import tabulate
from nbtrack.solvers.control import Control
from nbtrack.solvers.pinned import name_pairs, pinned_states, widen
from nbtrack.solvers.solve import solve_problem
from nbtrack.solvers.warm import WarmProgram
from nbtrack.tracking import SolvedMovie, let_pinned_divide, read_result, solve_movie

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from nbtrack.adaptive.refreshing import Weighing
    from nbtrack.data.detections import Detections
    from nbtrack.data.energies import Energies
    from nbtrack.data.graph import HypothesisGraph
    from nbtrack.data.movie import Movie
    from nbtrack.data.pins import Pin
    from nbtrack.data.problem import Problem, Solution
    from nbtrack.data.result import TrackingResult
    from nbtrack.params import TrackingParams
    from nbtrack.solvers.control import Progress
    from nbtrack.solvers.pinned import PinnedState
    from nbtrack.solvers.resolving import ResolvableProblem
    from nbtrack.solvers.solve import Outcome


LARGE = 30_000
"""With so many detections a change is followed by looking around it only."""
EXACT = 1e-9
"""Gap to which such an answer is proven."""
AT_ONCE = 0.5
"""Seconds that an answer which may wait for its proof spends on it."""


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """An answer that keeps to pins.

    Parameters
    ----------
    result : TrackingResult
        The answer with its report.
    left_out : tuple of Pin
        Pins about objects that the tracker does not see, because of the field of view or the size range.
    """

    result: TrackingResult
    left_out: tuple[Pin, ...]


@dataclass(frozen=True)
class _Known:
    """Candidates and energies without pins, and what they were made with."""

    graph: HypothesisGraph
    problem: Problem
    explain: Callable[[HypothesisGraph, Problem, Solution], Energies]
    weighing: Weighing | None
    params: TrackingParams


class Resolver:
    """Solve a movie again and again with other pins.

    Parameters
    ----------
    detections : Detections
        The objects.
    params : TrackingParams
        Weights and limits.
    movie : Movie, optional
        The raw movie, to be passed on to views and files.
    start : SolvedMovie, optional
        The same movie solved with these parameters and without pins, if it is there already.

    Attributes
    ----------
    detections, params, movie
        As given.
    seconds : float or None
        How long the last solve took; None before the first.
    """

    def __init__(
        self,
        detections: Detections,
        params: TrackingParams,
        movie: Movie | None = None,
        *,
        start: SolvedMovie | None = None,
    ) -> None:
        self.detections, self.params, self.movie = detections, params, movie
        self.seconds: float | None = None
        self._start = start
        self._known: _Known | None = None
        self._before: Resolver | None = None
        self._is_repaired = False
        self._lock = threading.RLock()
        self._last: SolvedMovie | None = None
        self._proof: threading.Thread | None = None
        self._warm: WarmProgram | None = None
        self._large: ResolvableProblem | None = None

    def start(
        self, *, progress: Callable[[Progress], None] | None = None, cancel: threading.Event | None = None
    ) -> SolvedMovie:
        """Find candidates and energies, and the answer without pins; later calls give the same one.

        Parameters
        ----------
        progress, cancel
            As for `nbtrack.track`.

        Returns
        -------
        SolvedMovie
        """
        with self._lock:
            if self._start is None:
                if self._is_repaired:
                    solved = self.solve_states((), progress=progress, cancel=cancel)
                else:
                    solved = solve_movie(self.detections, self.params, progress=progress, cancel=cancel)
                if cancel is not None and cancel.is_set():
                    return solved
                self._start = solved
            return self._start

    def repaired(self, detections: Detections) -> Resolver:
        """Go on with objects of which some were repaired.

        Parameters
        ----------
        detections : Detections
            The objects as they are now, in the same frames.

        Returns
        -------
        Resolver
            With what this one has learned. Only candidates and energies that have to do with changed frames are found
            anew, when they are needed.
        """
        made = Resolver(detections, self.params, self.movie)
        made._before, made._is_repaired = self, True
        return made

    @property
    def known(self) -> _Known:
        """Candidates and energies without pins."""
        with self._lock:
            if self._known is None and self._before is not None:
                self._known, self._before = self._refresh(self._before), None
            elif self._known is None:
                start, params = self.start(), self.params
                if params.object_size is None:
                    params = replace(params, object_size=max(float(np.median(start.graph.size)), 1.0))
                self._known = _Known(start.graph, start.problem, start.explain, start.weighing, params)
            return self._known

    def _refresh(self, before: Resolver) -> _Known:
        """Find anew what has to do with the objects that are others than before."""
        old, now = before.known, self.detections
        frames = changed_frames(before.detections, now)
        if old.weighing is not None:
            weighing = weigh_again(old.weighing, now, self.params, frames)
            return replace(
                old,
                graph=weighing.graph,
                problem=weighing.problem(self.params),
                explain=weighing.explain,
                weighing=weighing,
            )
        graph = link_again(old.graph, now, self.params, frames)
        problem, explain = compute_energies(graph, old.params), partial(tabulate, params=old.params)
        return replace(old, graph=graph, problem=problem, explain=explain)

    def seen(self, pins: Iterable[Pin]) -> list[Pin]:
        """Keep the pins about objects that the tracker sees.

        Parameters
        ----------
        pins : iterable of Pin
            The pins.

        Returns
        -------
        list of Pin
        """
        return sort_out(self.known.graph, pins)[0]

    def problem_for(self, pins: Sequence[Pin]) -> tuple[HypothesisGraph, Problem, list[PinnedState]]:
        """Make the problem in which some pins can hold.

        Parameters
        ----------
        pins : sequence of Pin
            Pins about objects that the tracker sees.

        Returns
        -------
        HypothesisGraph
            With the links of the pins.
        Problem
            Its energies.
        list of PinnedState
            The pins in the words of the graph.
        """
        start = self.known
        graph, states = pinned_states(start.graph, pins, self.params.objects_per_merger)
        problem = start.problem
        if graph.n_links != start.graph.n_links:
            problem = self._extend(graph, start)
        problem = let_pinned_divide(problem, states)
        if self.params.preset == "adaptive":
            problem = name_pairs(widen(problem, states), states)
        return graph, problem, states

    def solve(
        self,
        pins: Iterable[Pin] = (),
        *,
        progress: Callable[[Progress], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> Resolved:
        """Solve with pins.

        Parameters
        ----------
        pins : iterable of Pin
            What the answer must keep.
        progress, cancel
            As for `nbtrack.track`.

        Returns
        -------
        Resolved

        Raises
        ------
        SolveError
            If pins contradict each other; they are named.
        """
        began = time.perf_counter()
        solved, left_out = self.find(pins, progress=progress, cancel=cancel)
        result = read_result(solved, self.detections, self.params, self.movie)
        self.seconds = time.perf_counter() - began
        return Resolved(result=result, left_out=left_out)

    def find(
        self,
        pins: Iterable[Pin] = (),
        *,
        at_once: bool = False,
        progress: Callable[[Progress], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> tuple[SolvedMovie, tuple[Pin, ...]]:
        """Solve with pins; no lineage is read off.

        Parameters
        ----------
        pins, progress, cancel
            As for `solve`.
        at_once : bool, optional
            Whether the answer of a large movie may come before its proof, which then follows in the background
            (`newest`).

        Returns
        -------
        SolvedMovie
        tuple of Pin
            The pins that are left out.
        """
        began = time.perf_counter()
        if not self._is_repaired:
            self.start(progress=progress, cancel=cancel)
        seen, left_out = sort_out(self.known.graph, pins)
        if seen:
            solved = self.solve_states(seen, at_once=at_once, progress=progress, cancel=cancel)
        else:
            solved = self.start(progress=progress, cancel=cancel)
        self.seconds = time.perf_counter() - began
        return solved, tuple(left_out)

    @property
    def proof(self) -> threading.Thread | None:
        """The proof of the last solve, where it goes on in the background and was not taken over yet."""
        return self._proof

    def newest(self, *, wait: bool = False) -> SolvedMovie | None:
        """Give what the proof in the background found for the pins of the last solve.

        Parameters
        ----------
        wait : bool, optional
            Whether to wait until it is proven.

        Returns
        -------
        SolvedMovie or None
            The best answer with its proof; None if there was nothing left to prove, or it is not done yet.
        """
        if self._proof is None or self._large is None or self._last is None:
            return None
        if wait:
            self._proof.join()
        if self._proof.is_alive():
            return None
        self._proof = None
        self._last = replace(self._last, outcome=self._large.outcome)
        return self._last

    def solve_states(
        self,
        pins: Sequence[Pin],
        *,
        at_once: bool = False,
        progress: Callable[[Progress], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> SolvedMovie:
        """Solve with pins about objects that the tracker sees; no lineage is read off.

        Parameters
        ----------
        pins, at_once, progress, cancel
            As for `find`.

        Returns
        -------
        SolvedMovie
        """
        graph, problem, states = self.problem_for(pins)
        control = Control(timeout=self.params.timeout, progress=progress)
        if cancel is not None:
            control.cancel, control.cancellable = cancel, True
        params = self.params
        if params.solver == "auto":
            if problem.n_detections >= LARGE:
                outcome = self._look_around(problem, states, control, at_once=at_once)
            else:
                outcome = self.warm(problem).solve(states, optimality_gap=params.optimality_gap, control=control)
        else:
            outcome = solve_problem(
                problem,
                solver=params.solver,
                optimality_gap=params.optimality_gap,
                threads=params.threads,
                pins=states,
                control=control,
            )
        explain = self.known.explain
        self._last = SolvedMovie(
            graph=graph, problem=problem, outcome=outcome, pins=tuple(pins), states=states, explain=explain
        )
        return self._last

    def _look_around(
        self, problem: Problem, states: Sequence[PinnedState], control: Control, *, at_once: bool
    ) -> Outcome:
        """Solve a large problem around the pins that changed only, with a certificate for the whole."""
        from nbtrack.solvers.resolving import ResolvableProblem  # loads numba

        now, self._proof = self._large, None
        try:
            if now is None or not _is_same(now.problem, problem):
                gap = min(self.params.optimality_gap, EXACT)
                now = ResolvableProblem(problem, pins=tuple(states), optimality_gap=gap, control=control)
            else:
                held = now.pins
                gone = [state for state in held if state not in states]
                if gone:
                    now.unpin(*gone)
                now.pin(*(state for state in states if state not in held))
                now.resolve(seconds=AT_ONCE if at_once else None, control=control)
            self._large = now
            if at_once and not now.is_certified:
                self._proof = now.certify_in_background()
            elif not now.is_certified:
                now.certify(control=control)
        except SolveError:
            self._large = None
            raise
        return now.outcome

    def warm(self, problem: Problem) -> WarmProgram:
        """Give the program of a problem, loaded already if it is the one of last time.

        Parameters
        ----------
        problem : Problem
            What `problem_for` gave.

        Returns
        -------
        WarmProgram
        """
        now = self._warm
        if now is None or not _is_same(now.problem, problem):
            self._warm = now = WarmProgram(problem, threads=self.params.threads)
        return now

    def _extend(self, graph: HypothesisGraph, start: _Known) -> Problem:
        """Give energies to the links that pins added."""
        if self.params.preset != "adaptive":
            return compute_energies(graph, start.params)
        n, old = graph.n_detections, start.problem
        place = np.searchsorted(graph.source * n + graph.target, old.source * n + old.target)
        number = np.arange(old.link.shape[1])
        link = np.tile(self.params.largest_energy * number, (graph.n_links, 1))
        link[place] = old.link
        capacity = np.minimum(old.capacity[graph.source], old.capacity[graph.target])
        capacity[place] = old.link_capacity
        return replace(old, source=graph.source, target=graph.target, link=link, link_capacity=capacity)


def changed_frames(old: Detections, new: Detections) -> list[int]:
    """Tell in which frames two detections of one movie have other label images.

    Parameters
    ----------
    old, new : Detections
        The objects; frames that both share as one array are not compared.

    Returns
    -------
    list of int
    """
    one, other = (getattr(d.labels, "painted", {}) for d in (old, new))
    base = [getattr(d.labels, "frames", d.labels) for d in (old, new)]
    asked = range(new.n_frames) if base[0] is not base[1] else sorted({*one, *other})
    return [
        t
        for t in asked
        if (t not in one or one[t] is not other.get(t))
        and not np.array_equal(np.asarray(old.labels[t]), np.asarray(new.labels[t]))
    ]


def sort_out(graph: HypothesisGraph, pins: Iterable[Pin]) -> tuple[list[Pin], list[Pin]]:
    """Sort pins into those that a graph can hold and those that are about objects it does not have.

    An object that is not there is not tracked, so what says no of it holds by itself.

    Parameters
    ----------
    graph : HypothesisGraph
        Objects that are tracked.
    pins : iterable of Pin
        The pins.

    Returns
    -------
    seen, left_out : list of Pin
    """
    seen, left_out = [], []
    for pin in pins:
        if all(graph.index_of(*place) is not None for place in pin.objects):
            seen.append(pin)
        elif pin.value:
            left_out.append(pin)
    return seen, left_out


def _is_same(one: Problem, two: Problem) -> bool:
    """Tell whether two problems of one movie have the same variables."""
    return one is two or all(
        np.array_equal(getattr(one, name), getattr(two, name))
        for name in ("source", "target", "divides", "capacity", "external_children", "merge_sources")
    )
