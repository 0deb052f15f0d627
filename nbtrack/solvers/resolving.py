"""Solve once, then again and again with other pins or weights, as a person does who corrects a movie.

The first solve leaves a split of the energies between detections whose bound meets the answer (see
`nbtrack.solvers.dual`). A pin only takes answers away, so this bound stays a bound. What a pin costs is local: a region
around it is solved anew, priced for the bound and held for the answer, and grows until both agree. Then the answer is
certified, everywhere, and nothing else had to be looked at. How long that takes depends on the region, not on the
movie: a likely correction needs a few dozen detections, one against all energies (a track through debris) thousands.

Typical use, by whoever turns corrections into pins::

    movie = ResolvableProblem(problem)       # the cold solve
    movie.pin(*states)                       # quick: nothing is solved yet
    outcome = movie.resolve(seconds=0.1)     # the answer with its certificate, as far as it got
    if not movie.is_certified:
        movie.certify_in_background()        # goes on; `movie.outcome` is the newest at any time
    movie.unpin(*states)                     # undo is as quick
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

from nbtrack.data.result import SolveReport
from nbtrack.errors import SolveError
from nbtrack.model.description import describe
from nbtrack.model.objective import energy_of
from nbtrack.solvers.control import Control
from nbtrack.solvers.dual.closing import Closer, Territory
from nbtrack.solvers.dual.core import Program
from nbtrack.solvers.dual.engine import Engine
from nbtrack.solvers.limits import Limits
from nbtrack.solvers.pinned import find_contradiction, hold
from nbtrack.solvers.solve import Outcome

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nbtrack.data.problem import Problem
    from nbtrack.model.description import Description
    from nbtrack.solvers.pinned import PinnedState

FIRST_RADIUS = 2
"""Arcs around a broken pin that are freed to keep it."""
LAST_RADIUS = 16
"""If no answer keeps the pins with so many, the whole is solved again."""
TOLERANCE = 1e-9
"""Relative gap at which an answer counts as the optimum."""


class ResolvableProblem:
    """A problem, its pins, and the best answer to them.

    All methods may be called from any thread; one solve runs at a time.

    Parameters
    ----------
    problem : Problem
        Energies of all states.
    pins : sequence of PinnedState, optional
        States that are held from the start.
    optimality_gap : float, optional
        Relative gap of a certified answer.
    threads : int, optional
        Threads of HiGHS.
    control : Control, optional
        To follow and cancel the first solve.

    Attributes
    ----------
    outcome : Outcome
        The newest answer with its report: its bound is what is proven under the pins that were there.

    Raises
    ------
    SolveError
        If no answer keeps the pins; those that contradict each other are named.
    """

    def __init__(
        self,
        problem: Problem,
        *,
        pins: tuple[PinnedState, ...] | list[PinnedState] = (),
        optimality_gap: float = TOLERANCE,
        threads: int | None = 1,
        control: Control | None = None,
    ) -> None:
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._worker: threading.Thread | None = None
        self._gap, self._threads = optimality_gap, threads
        self._pins: list[PinnedState] = list(pins)
        self._free: Description = describe(problem)
        self._stale = True
        self._known: list[PinnedState] = []
        self._state: tuple[NDArray[np.float64], ...] | None = None
        self._x: NDArray[np.float64] | None = None
        self._begin(problem, control or Control())

    @property
    def pins(self) -> tuple[PinnedState, ...]:
        """The pins that are held."""
        return tuple(self._pins)

    @property
    def problem(self) -> Problem:
        """The problem."""
        return self._free.problem

    @property
    def is_certified(self) -> bool:
        """Whether the newest answer is proven to the gap that was asked for, with all pins that are held now."""
        return not self._stale and self.outcome.report.status == "optimal"

    # ------------------------------------------------------------------ changes
    def pin(self, *pins: PinnedState) -> None:
        """Hold states; `resolve` then finds the answer.

        Parameters
        ----------
        *pins : PinnedState
            What to hold. A pin about the same state as an earlier one takes its place.

        Raises
        ------
        SolveError
            If a pin is impossible by itself; nothing is changed then.
        """
        self._interrupt()
        with self._lock:
            about = {(pin.kind, pin.index) for pin in pins}
            self._hold([p for p in self._pins if (p.kind, p.index) not in about] + list(pins))

    def unpin(self, *pins: PinnedState) -> None:
        """Let states go; all of them if none is given.

        Parameters
        ----------
        *pins : PinnedState
            Pins that are held; others are ignored.
        """
        self._interrupt()
        with self._lock:
            self._hold([pin for pin in self._pins if pins and pin not in pins])

    def set_costs(self, problem: Problem, *, control: Control | None = None) -> Outcome:
        """Change energies and solve again from the old split.

        Parameters
        ----------
        problem : Problem
            The same detections, links and events with other energies; a different structure is solved from scratch.
        control : Control, optional
            To follow and cancel.

        Returns
        -------
        Outcome
        """
        self._interrupt()
        with self._lock:
            self._begin(problem, control or Control())
            return self.outcome

    # ------------------------------------------------------------------ solving
    def resolve(self, *, seconds: float | None = None, control: Control | None = None) -> Outcome:
        """Find the best answer that keeps the pins, by looking around them only.

        Parameters
        ----------
        seconds : float, optional
            Time after which the certificate is left for later; an answer that keeps the pins is always found first.
        control : Control, optional
            To follow and cancel.

        Returns
        -------
        Outcome
            With the status "optimal" if it is certified: no answer that keeps the pins is better. Else the bound in
            the report says how much better one could be.

        Raises
        ------
        SolveError
            If no answer keeps the pins; those that contradict each other are named.
        """
        self._interrupt()
        with self._lock:
            control = control or Control()
            if seconds is not None:
                control.timeout = seconds
            self._keep_pins(control)
            assert self._x is not None
            if control.stop_status is None:
                closing = self._closer.close(self._x, self._target(), control)
                self._x, bound = closing.x, closing.bound
            else:
                bound = self._base
            self._report(bound, control)
            return self.outcome

    def certify(self, *, control: Control | None = None) -> Outcome:
        """Prove the answer, or find a better one, by a solve of the whole from the split that is there.

        The split then knows the pins, so that what comes next is quick again.

        Parameters
        ----------
        control : Control, optional
            To follow and cancel.

        Returns
        -------
        Outcome
        """
        control = control or Control()
        with self._lock:
            if self._stale:
                self._keep_pins(control)
            if control.stop_status is None and not (self.is_certified and self._known == self._pins):
                self._solve_again(control)
            return self.outcome

    def certify_in_background(self) -> threading.Thread:
        """Do `certify` in a thread of its own; the next change or `resolve` stops it.

        Returns
        -------
        Thread
            Already started; `outcome` changes while it runs.
        """
        self._interrupt()
        self._stop = threading.Event()
        control = Control(cancel=self._stop, cancellable=True)
        self._worker = threading.Thread(
            target=self.certify, kwargs={"control": control}, name="nbtrack-certify", daemon=True
        )
        self._worker.start()
        return self._worker

    # ------------------------------------------------------------------ helpers
    def _interrupt(self) -> None:
        """Stop the work in the background and wait for it."""
        worker = self._worker
        if worker is not None and worker is not threading.current_thread():
            self._stop.set()
            worker.join()
            self._worker = None

    def _begin(self, problem: Problem, control: Control) -> None:
        """Solve the whole without pins, from the old split and answer if they fit; then keep the pins."""
        if self._state is not None and not _same_structure(problem, self._free.problem):
            self._state, self._x = None, None
        self._free = describe(problem)
        size = self._free.columns.size
        limits = Limits(np.zeros(size), np.ones(size), self._gap, self._threads)
        engine = Engine(self._free, limits, control)
        if self._state is not None:
            engine.warm_start(self._state, self._x)
        engine.run()
        answer = engine.answer()
        self._x = answer.x
        self._rebase(engine, self._free, limits, [])
        self._hold(self._pins)
        bound = answer.bound
        if self._pins:
            self._keep_pins(control)
            bound = self._base
        closing = self._closer.close(self._x, self._target(), control)
        self._x = closing.x
        self._report(max(bound, closing.bound), control)

    def _rebase(self, engine: Engine, description: Description, limits: Limits, pins: list[PinnedState]) -> None:
        """Take over a split, in whose factors some pins are known."""
        self._ascent, self._state = engine.ascent, engine.ascent.copy_state()
        self._base = self._ascent.bound()
        self._known = list(pins)
        self._description = description
        self._program = Program(description, limits)
        self._closer = Closer(self._program, self._ascent, Territory(description, engine.factors.rank))

    def _solve_again(self, control: Control) -> None:
        """Solve the whole with its pins from the split that is there, and keep the split that comes out."""
        limits = self._program.limits
        engine = Engine(self._description, limits, control)
        assert self._state is not None
        engine.warm_start(self._state, self._x)
        engine.run()
        try:
            answer = engine.answer()
        except SolveError as error:
            if error.status == "infeasible":
                raise SolveError(find_contradiction(self._free, self._pins), status="infeasible") from error
            raise
        self._x = answer.x
        self._rebase(engine, self._description, limits, self._pins)
        closing = self._closer.close(self._x, self._target(), control)  # what is known of regions makes the next quick
        self._x = closing.x
        self._report(max(answer.bound, closing.bound), control)

    def _hold(self, pins: list[PinnedState]) -> None:
        description, lower, upper = self._limits(pins)
        limits = Limits(lower, upper, self._gap, self._threads)
        self._pins = pins
        if any(pin not in pins for pin in self._known):  # the bound must forget what no longer holds
            assert self._state is not None
            known = [pin for pin in self._known if pin in pins]
            d, low, high = self._limits(known)
            engine = Engine(d, Limits(low, high, self._gap, self._threads), Control())
            engine.warm_start(self._state)
            self._rebase(engine, description, limits, known)
        elif _same_rows(description, self._description):
            self._program.limits = limits
        else:
            self._description = description
            self._program = Program(description, limits)
            self._closer.move(self._program, Territory(description, self._ascent.factors.rank))
        self._stale = True

    def _limits(self, pins: list[PinnedState]) -> tuple[Description, NDArray[np.float64], NDArray[np.float64]]:
        try:
            return hold(self._free, pins)
        except SolveError as error:
            if error.status == "infeasible" and len(pins) > 1 and "Cannot hold" not in str(error):
                raise SolveError(find_contradiction(self._free, pins), status="infeasible") from error
            raise

    def _keep_pins(self, control: Control) -> None:
        """Change the answer so that it keeps the pins, as near to them as that is possible."""
        assert self._x is not None
        limits = self._program.limits
        broken = (self._x < limits.lower) | (self._x > limits.upper)
        rows = self._program.broken_rows(self._x)
        if not broken.any() and not len(rows):
            return
        columns = np.union1d(np.flatnonzero(broken), self._program.matrix[rows].indices)
        patient = Control(cancel=control.cancel)
        radius = FIRST_RADIUS
        while radius <= LAST_RADIUS:
            free = self._closer.columns_around(columns, radius, self._x)
            found = self._program.solve_held(np.clip(self._x, limits.lower, limits.upper), free, patient)
            if found is not None and not len(self._program.broken_rows(found)):
                self._x = found
                return
            radius *= 2
        self._solve_again(patient)

    def _target(self) -> float:
        assert self._x is not None
        value = self._program.value(self._x)
        return self._gap * max(abs(value), 1.0)

    def _report(self, bound: float, control: Control) -> None:
        assert self._x is not None
        problem = self.problem
        solution = self._free.solution_of(self._x)
        objective = energy_of(problem, solution)
        closed = objective - bound <= self._gap * max(abs(objective), 1.0) + 1e-12
        self.outcome = Outcome(
            solution,
            SolveReport(
                solver="ascent + highs (again)",
                status="optimal" if closed else control.stop_status or "time_limit",
                objective=objective,
                bound=min(bound, objective),
                raw_objective=objective,
                seconds=control.seconds,
                n_detections=problem.n_detections,
                n_links=problem.n_links,
                n_variables=self._free.columns.size,
                n_rows=len(self._description.lower),
            ),
        )
        self._stale = False


def _same_structure(one: Problem, other: Problem) -> bool:
    """Tell whether two problems differ in energies only."""
    names = (
        "capacity", "source", "target", "link_capacity", "appearance_capacity", "disappearance_capacity", "divides",
        "external_parent", "external_children", "merge_target", "merge_sources",
    )  # fmt: skip
    return (
        all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)
        and (one.division_link is None) == (other.division_link is None)
        and len(one.exclusions) == len(other.exclusions)
        and all(np.array_equal(a, b) for a, b in zip(one.exclusions, other.exclusions, strict=True))
    )


def _same_rows(one: Description, other: Description) -> bool:
    """Tell whether two descriptions of one problem have the same rows, pinned ones included."""
    pinned = [[f for f in d.families if f.name == "pinned"] for d in (one, other)]
    if len(pinned[0]) != len(pinned[1]):
        return False
    return all(
        np.array_equal(a.column, b.column) and np.array_equal(a.lower, b.lower) and np.array_equal(a.upper, b.upper)
        for a, b in zip(*pinned, strict=True)
    )
