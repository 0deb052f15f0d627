"""The engine: ascend, solve the core, close what is left.

1. Where the problem is a *flow* but for the rules of single detections (`flow`), its exact prices are the split to
   begin with, and what it says once it obeys those rules is the first answer.
2. *Ascent* in phases (`nbtrack.solvers.dual.ascent`) gives the bound.
3. When the bound has nearly stopped to rise, the split is centred by some even sweeps, and the *core* gives an answer:
   what has little slack is free, the rest is held (`selection`, `core`). Later cores also keep the answer of the
   earlier ones among their choices: the answer never gets worse.
4. *Fixing*: once the gap is small, whatever costs more than the gap cannot be in a better answer. If few columns are
   left, solving them settles it.
5. *Regions* around what carries the gap close it otherwise (`closing`).
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

import numpy as np

from nbtrack.solvers.dual.ascent import Ascent
from nbtrack.solvers.dual.closing import LARGEST, ROUNDS, Closer, Territory
from nbtrack.solvers.dual.core import Program
from nbtrack.solvers.dual.factors import Factors, make_factors
from nbtrack.solvers.dual.flow import Flow, is_flow
from nbtrack.solvers.dual.selection import Places, select
from nbtrack.solvers.exact import ROUNDING, ExactAnswer, first_answer
from nbtrack.solvers.threads import run_in_thread

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nbtrack.model.description import Description
    from nbtrack.solvers.control import Control
    from nbtrack.solvers.dual.core import BlockSolver, Tally
    from nbtrack.solvers.limits import Limits

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Schedule:
    """How long to ascend and how much to free.

    Parameters
    ----------
    share : float
        Share of the lead that the passes of a phase hand on; those back hand on the rest.
    length : int
        Sweeps of a phase.
    most : int
        Sweeps after which the ascent ends in any case.
    centring : int
        Even sweeps before a core.
    centring_slack : float
        Share of the slack that those hand on: with all of it, one side of every arc is left with none.
    first_core : float
        Rise of the bound in two phases, relative to it, below which the first core is solved.
    last_rise : float
        Rise below which the ascent has ended.
    largest : int
        Columns of the largest component of the core.
    """

    share: float = 0.95
    length: int = 50
    most: int = 3000
    centring: int = 40
    centring_slack: float = 0.5
    first_core: float = 2e-4
    last_rise: float = 2e-7
    largest: int = 6000


SOFT = Schedule()
"""Where appearing costs about what a link does."""
PHASE_PER_FRAME = 2.5
"""Where appearing costs much more, information has to travel along whole tracks: sweeps of a phase per frame."""
STIFF_FROM = 10.0
"""Appearing costs this many times what a link does where costs are stiff."""
SHORT_PHASE = 10
"""Behind the flow no price wars are left: phases begin short and double."""
FIRST_PAIRS = 3
"""Pairs of phases before the first core behind the flow."""
WORTH = 0.06
"""Behind the flow, sweeps go on while a pair of phases closes more than this share of the gap."""
FIRST_LARGEST = 250
"""Detections of the largest region behind the flow; doubles from core to core, as large ones take long."""
CLOSE_FROM = 1e-2
"""A relative gap below this is worth trying to close before the ascent has ended."""
MENDING_ROUNDS = 3
MENDING_LARGEST = 500
"""Rounds and detections of regions that mend an answer while its gap is still wide."""
FEW = 20_000
"""If no more columns than this are left by the gap, they are solved and the gap is closed."""


def choose_schedule(factors: Factors) -> Schedule:
    """Choose a schedule from the energies.

    Parameters
    ----------
    factors : Factors
        The problem.

    Returns
    -------
    Schedule
    """
    appearing = factors.appearance[:, 1]
    appearing = appearing[(appearing > 0) & (appearing < 1e29)]
    links = np.abs(factors.arc_cost[:, 0])
    if not len(appearing) or not len(links):
        return SOFT
    if np.median(appearing) <= STIFF_FROM * np.median(links):
        return SOFT
    length = int(np.clip(PHASE_PER_FRAME * factors.depth, 50, 250))
    return Schedule(share=1 - 2 / length, length=length, first_core=5e-4, largest=20_000)


def solve_by_ascent(
    description: Description,
    limits: Limits,
    control: Control,
    *,
    schedule: Schedule | None = None,
    block_solver: BlockSolver | None = None,
) -> tuple[ExactAnswer, Tally]:
    """Solve a described program by dual ascent, an exact core and regions.

    Parameters
    ----------
    description : Description
        Rows, columns and costs.
    limits : Limits
        Column limits (pins) and the gap.
    control : Control
        Time, cancel and progress.
    schedule : Schedule, optional
        Chosen from the energies if not given.
    block_solver : BlockSolver, optional
        Solves the integer programs of the core; HiGHS if not given.

    Returns
    -------
    ExactAnswer
        If time is up or the solve is cancelled, the best point so far with its honest bound.
    Tally
        How many programs were solved exactly, and by which solver.

    Raises
    ------
    SolveError
        With status "infeasible" if no point keeps to the limits.
    """
    started = time.perf_counter()
    engine = Engine(description, limits, control, schedule)
    engine.program.block_solver = block_solver
    _log.info("passes are ready after %.2f s (compiled once, then read from a cache)", time.perf_counter() - started)
    run_in_thread(engine.run, control, lambda: None)
    return engine.answer(), engine.program.tally


class Engine:
    """One solve; afterwards it holds the split and the answer, for solves that follow.

    Parameters
    ----------
    description, limits, control, schedule
        As for `solve_by_ascent`.

    Attributes
    ----------
    x : ndarray of float, shape (columns,), or None
        The best answer.
    bound : float
        What is proven.
    """

    def __init__(
        self, description: Description, limits: Limits, control: Control, schedule: Schedule | None = None
    ) -> None:
        self.description, self.limits, self.control = description, limits, control
        self.program = Program(description, limits)
        self.factors = make_factors(description, limits.lower, limits.upper)
        self.ascent = Ascent(self.factors)
        self.schedule = schedule or choose_schedule(self.factors)
        self.x: NDArray[np.float64] | None = None
        self.bound = self.ascent.bound()
        self.sweeps = 0
        self._is_warm = self._has_flow = False
        self._territory: Territory | None = None

    def warm_start(self, state: tuple[NDArray[np.float64], ...], x: NDArray[np.float64] | None = None) -> None:
        """Begin from the split, and perhaps the answer, of a problem that was nearly the same.

        Parameters
        ----------
        state : tuple of ndarray
            From `Ascent.copy_state`.
        x : ndarray of float, shape (columns,), optional
            An answer.
        """
        self.ascent.set_state(state)
        self.ascent.settle()
        self._prove(self.ascent.bound())
        self._is_warm = True
        if x is not None and self.program.is_feasible(x):
            self.x = x

    @property
    def value(self) -> float:
        """Energy of the best answer."""
        return inf if self.x is None else self.program.value(self.x)

    @property
    def gap(self) -> float:
        """Relative gap."""
        return (self.value - self.bound) / max(abs(self.value), 1.0) if self.x is not None else inf

    @property
    def target(self) -> float:
        """Absolute gap to reach."""
        return max(self.limits.gap, ROUNDING) * max(abs(self.value), 1.0) if self.x is not None else 0.0

    @property
    def is_closed(self) -> bool:
        """Whether the gap that was asked for is proven."""
        return self.x is not None and self.value - self.bound <= self.target

    def answer(self) -> ExactAnswer:
        """Give the best answer with what is proven of it."""
        if self.x is None:
            self._take(first_answer(self.description, self.limits))
        assert self.x is not None
        status = "optimal" if self.is_closed else self.control.stop_status or "time_limit"
        return ExactAnswer(status, self.x, min(self.bound, self.value))

    def run(self) -> None:
        """Do all steps, until the gap is closed or time is up."""
        if self._is_warm:
            self.centre()
            self.solve_core()
            if not self.is_closed and self.gap < CLOSE_FROM and self.control.stop_status is None:
                self.close()
        elif is_flow(self.factors):
            self.start()
        if not self.is_closed and self.control.stop_status is None:
            self.climb()
        if self.x is None and self.control.stop_status is None:
            self._take(first_answer(self.description, self.limits))
            self.solve_core()
            if not self.is_closed and self.control.stop_status is None:
                self.close()

    # ------------------------------------------------------------------ steps
    def climb(self) -> None:
        """Ascend, and solve cores, until the bound has stopped to rise."""
        s, control = self.schedule, self.control
        core_at, before = s.first_core, self.ascent.bound()
        length = SHORT_PHASE if self._has_flow else s.length
        pairs = 0
        while self.sweeps < s.most:
            for share in (s.share, 1 - s.share):
                if not self._phase(share, length):
                    return
            pairs += 1
            if self.is_closed:
                return
            now = self.ascent.bound()
            rise, before = (now - before) / max(abs(now), 1.0), now
            _log.debug("sweep %d: bound %.6f", self.sweeps, now)
            last = (rise < s.last_rise and length == s.length) or self.sweeps >= s.most
            if self._has_flow:
                due = (pairs >= FIRST_PAIRS and rise < WORTH * self.gap) or last
                length = min(length * (1 if pairs == 1 else 2), s.length)
            else:
                due = rise < core_at or last
            if due:
                kept = self.ascent.copy_state()
                self.centre()
                self.solve_core()
                if self.x is not None and not self.is_closed and control.stop_status is None:
                    if last or (self.gap < CLOSE_FROM and not self._has_flow):
                        self.close()
                    elif self._has_flow:
                        self.close(largest=min(FIRST_LARGEST * 2 ** (pairs - FIRST_PAIRS), LARGEST))
                    else:
                        self.close(rounds=MENDING_ROUNDS, largest=MENDING_LARGEST)
                if self.is_closed or control.stop_status is not None or last:
                    return
                self.ascent.set_state(kept)
                core_at = max(0.2 * rise, s.last_rise)

    def _phase(self, share: float, length: int) -> bool:
        """Sweep with one share; tell whether it came to its end."""
        for _ in range(length):
            if not self.ascent.sweep(share, 1 - share, self.control):
                return False
            self.sweeps += 1
            if self.sweeps % 10 == 0:
                self._prove(self.ascent.bound())
                self.control.report(f"sweep {self.sweeps}", self.value, self.bound)
        return True

    def start(self) -> None:
        """Start from the flow in the problem: its prices are a split, and what it says once it obeys is an answer."""
        flow = Flow(self.factors)
        if not flow.solve(self.ascent, self.control):
            return
        flow.price_divisions(self.control)
        flow.write(self.ascent)
        self._prove(self.ascent.bound())
        if flow.obey():
            x = flow.point(self.description)
            if self.program.is_feasible(x):
                self._take(x)
        self._has_flow = True
        _log.debug("flow: energy %.6f, bound %.6f", self.value, self.bound)
        self.control.report("flow", self.value, self.bound)

    def centre(self) -> None:
        """Spread the slack evenly."""
        for _ in range(self.schedule.centring):
            if not self.ascent.sweep(0.5, 0.5, self.control, slack=self.schedule.centring_slack):
                break
        self.ascent.settle()
        self._prove(self.ascent.bound())

    def solve_core(self) -> None:
        """Look for a better answer where the slack is small."""
        zero, one = self.ascent.column_slack(self.description.columns)
        if not hasattr(self, "_places"):
            self._places = Places(self.description, self.factors)
        if self.control.stop_status is not None:
            return
        x, free, threshold = select(self.program, self._places, zero, one, self.x, self.schedule.largest)
        if self.control.stop_status is not None:
            return
        found = self.program.solve_held(x, free, self.control)
        if found is not None and self.program.is_feasible(found):
            self._take(found)
        elif found is None and self.x is None:
            _log.debug("the core has no answer")
        _log.debug(
            "core: threshold %.3g, %d free columns, energy %.6f, bound %.6f, gap %.2g",
            threshold, len(free), self.value, self.bound, (self.value - self.bound) / max(abs(self.value), 1.0),
        )  # fmt: skip
        self.control.report("core", self.value, self.bound)
        if self.x is not None and not self.is_closed and self.control.stop_status is None:
            self._settle(zero, one)

    def close(self, *, rounds: int = ROUNDS, largest: int = LARGEST) -> None:
        """Close the gap by regions; where they leave little, by fixing.

        Parameters
        ----------
        rounds, largest : int, optional
            How often regions may grow, and to how many detections.
        """
        assert self.x is not None
        if self._territory is None:
            self._territory = Territory(self.description, self.factors.rank)
        closer = Closer(self.program, self.ascent, self._territory)
        closing = closer.close(self.x, self.target, self.control, rounds=rounds, largest=largest)
        self._take(closing.x)
        self._prove(closing.bound)
        if not self.is_closed and self.control.stop_status is None:
            self._settle(closer.zero, closer.one)

    def _settle(self, zero: NDArray[np.float64], one: NDArray[np.float64]) -> None:
        """If what the gap leaves open is small, solve all of it: then the better of the two answers is the optimum."""
        slack = self.value - self.ascent.bound()
        slack += 1e-9 * max(abs(self.value), 1.0)
        limits = self.limits
        up, down = zero > slack, one > slack
        free = np.flatnonzero(~(up | down) & (limits.lower < limits.upper))
        if len(free) > FEW:
            return
        _log.debug("%d columns are left by the gap", len(free))
        bound = self.value
        if not np.any(up & down):
            held = np.where(limits.lower == limits.upper, limits.lower, up.astype(float))
            found = self.program.solve_held(held, free, self.control)
            if self.control.stop_status is not None:
                return
            if found is not None and self.program.is_feasible(found):
                bound = min(bound, self.program.value(found) - self.program.doubt)
                self._take(found)
        self._prove(bound)

    # ------------------------------------------------------------------ helpers
    def _take(self, x: NDArray[np.float64]) -> None:
        if self.program.value(x) < self.value:
            self.x = x

    def _prove(self, bound: float) -> None:
        self.bound = max(self.bound, bound)
