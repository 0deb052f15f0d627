"""Time windows: a movie in pieces that other threads, processes or machines solve, with a bound of the whole.

1. The detections are cut into *windows* along time, in two ways: the windows of the second way lie across the borders
   of the first. The cost of every arc is split between its ends (`pieces`).
2. *Rounds*, in the first way and the second by turns: every window ascends with the shares of the arcs that lead out
   of it as they are. No arc leads out of a window both ways, so all get their turn. The bounds of all windows add up to
   a bound of the whole, which does not fall.
3. Every window is solved by itself with the arcs that lead out at their shares: this is the last bound, and an answer
   of each window.
4. Where windows do not agree about an arc, *seams* around it are solved again with everything around them held. So
   the answer keeps to all rules, and its energy is that of the whole.

A task depends on its arguments alone, so that a cluster may repeat it, and all results are combined in the order of
the windows: the answer does not depend on who works, or how many. What stays here is the problem, and one number for
each end of each arc and each number of objects.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from nbtrack.data.problem import Solution
from nbtrack.errors import SolveError
from nbtrack.model.description import describe
from nbtrack.model.objective import energy_of
from nbtrack.parallel import is_in_process, map_tasks
from nbtrack.solvers.dual.order import order_in_time
from nbtrack.solvers.dual.pieces import (
    Piece,
    Stopper,
    arc_ends,
    climb_piece,
    count_faults,
    cut_piece,
    prove_piece,
    solve_piece_held,
)
from nbtrack.solvers.exact import ROUNDING, first_answer
from nbtrack.solvers.limits import Limits
from nbtrack.solvers.pinned import hold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from nbtrack.data.problem import Problem
    from nbtrack.parallel import ExecutorLike
    from nbtrack.solvers.control import Control
    from nbtrack.solvers.pinned import PinnedState

_log = logging.getLogger(__name__)

WINDOW = 15_000
"""Detections of a window."""
ROUNDS = 60
"""Rounds at most."""
TURN = 4
"""Rounds in one direction, before it is the turn of the other."""
RISES = (1e-5, 2e-7)
"""Relative rises of the bound in a turn below which the windows are solved exactly: first, and in the end."""
FIRST_HOPS = 6
"""Arcs from a disagreement to the rim of its first seam."""


@dataclass(frozen=True)
class WindowsAnswer:
    """What the windows gave.

    Parameters
    ----------
    status : str
        One of `nbtrack.data.result.STATUSES`.
    solution : Solution
        An answer of the whole.
    value, bound : float
        Its energy, and what is proven.
    rows : int
        Rows of all windows, with those about the ends of the arcs between them.
    message : str
        How it was found.
    """

    status: str
    solution: Solution
    value: float
    bound: float
    rows: int
    message: str


class _Stopped(Exception):  # no error: time is up
    """The solve was cancelled, or its time is up."""


def solve_in_windows(
    problem: Problem,
    pins: Sequence[PinnedState],
    gap: float,
    control: Control,
    executor: ExecutorLike,
    *,
    window: int | None = None,
) -> WindowsAnswer:
    """Solve a problem in time windows.

    Parameters
    ----------
    problem : Problem
        Energies of all states.
    pins : sequence of PinnedState
        States that are held.
    gap : float
        Relative gap that is good enough.
    control : Control
        Time, cancel and progress.
    executor : concurrent.futures.Executor or {"threads", "processes", "serial"}, or None
        Who solves the windows.
    window : int, optional
        Detections of a window; `WINDOW` if not given.

    Returns
    -------
    WindowsAnswer
        The same whoever works. If time is up or the solve is cancelled, the best answer so far with its honest bound.

    Raises
    ------
    SolveError
        With status "infeasible" if no answer keeps to the pins.
    """
    windows = _Windows(problem, pins, gap, control, executor, window or WINDOW)
    try:
        windows.run()
    except _Stopped:
        _log.info("stopped: %s", control.stop_status)
    return windows.answer()


class _Windows:
    """One solve in windows."""

    def __init__(
        self,
        problem: Problem,
        pins: Sequence[PinnedState],
        gap: float,
        control: Control,
        executor: ExecutorLike,
        window: int,
    ) -> None:
        p = self.problem = problem
        self.pins, self.gap, self.control, self.executor = pins, gap, control, executor
        self.ends = arc_ends(p)
        self.rank = order_in_time(
            p.n_detections, p.source, p.target, p.external_parent, p.external_children, p.merge_sources, p.merge_target
        )
        self.order = np.argsort(self.rank)
        number = max(1, round(p.n_detections / window))
        self.tilings = [_Tiling(p, self.ends, self.rank, number, shift) for shift in (0.0, 0.5)]
        self.shares = self._first_shares()
        self.multiplier = np.zeros(len(p.exclusions))
        self.rounds = 0
        self.bound = -inf
        self.solution: Solution | None = None
        self.value = inf
        self.seams = 0

    def answer(self) -> WindowsAnswer:
        """Give the best answer with what is proven of it."""
        if self.solution is None:
            description, lower, upper = hold(describe(self.problem), self.pins)
            x = first_answer(description, Limits(lower, upper, self.gap, None))
            self.solution = description.solution_of(x)
            self.value = energy_of(self.problem, self.solution)
        bound = min(self.bound, self.value)
        status = "optimal" if self._is_closed else self.control.stop_status or "time_limit"
        tiling = self.tilings[0]
        message = (
            f"{tiling.number} windows with {len(tiling.border)} arcs between them, {self.rounds} rounds; "
            f"{self.seams} detections solved again where windows did not agree."
        )
        return WindowsAnswer(status, self.solution, self.value, bound, self._check(self.solution), message)

    # ------------------------------------------------------------------ steps
    def run(self) -> None:
        """Ascend, and solve the windows, until the gap is closed or the bound has stopped to rise."""
        rises = list(RISES)
        while rises:
            before = self.bound
            for _ in range(TURN):
                self._prove(self._round(self.tilings[self.rounds % 2], self.rounds // TURN % 2 == 0))
                self.control.report(f"round {self.rounds}", self.value, self.bound)
                _log.debug("round %d: bound %.6f", self.rounds, self.bound)
            rise = (self.bound - before) / max(abs(self.bound), 1.0)
            if rise >= rises[0] and self.rounds < ROUNDS:
                continue
            self._join(self.tilings[0], self._solve_windows(self.tilings[0]))
            self.control.report("windows", self.value, self.bound)
            if self._is_closed:
                return
            rises = [limit for limit in rises[1:] if self.rounds < ROUNDS]

    @property
    def _is_closed(self) -> bool:
        return self.value - self.bound <= max(self.gap, ROUNDING) * max(abs(self.value), 1.0)

    def _round(self, tiling: _Tiling, forward: bool) -> float:
        """Let all windows ascend; give the bound."""

        def tasks() -> Iterator[tuple[Any, ...]]:
            for w in range(tiling.number):
                yield *self._window(tiling, w), forward, self._stopper()

        self._settle(tiling)
        total = tiling.constant
        for w, climbed in enumerate(self._map(climb_piece, tasks(), tiling.number)):
            piece = self._window(tiling, w)[0]
            # no other window looks at these ends, so that the order of tasks and answers does not matter
            self.shares[piece.arcs] = np.where(piece.owned[:, :, None], climbed.shares, self.shares[piece.arcs])
            self.multiplier[piece.sets[piece.sets >= 0]] = climbed.multiplier[piece.sets >= 0]
            total += climbed.bound
        self.rounds += 1
        return total

    def _solve_windows(self, tiling: _Tiling) -> list[Solution]:
        """Solve every window with its border arcs at their shares."""
        gap = self.gap * max(abs(self.bound), 1.0) / tiling.number / 2

        def tasks() -> Iterator[tuple[Any, ...]]:
            for w in range(tiling.number):
                yield *self._window(tiling, w), gap, self._stopper()

        self._settle(tiling)
        total, solutions = tiling.constant, []
        for proven in self._map(prove_piece, tasks(), tiling.number):
            total += proven.bound
            if proven.solution is None:
                raise _Stopped
            solutions.append(proven.solution)
        self._prove(total)
        return solutions

    def _join(self, tiling: _Tiling, solutions: list[Solution]) -> None:
        """Put the answers of the windows together, and solve again where they do not agree."""
        p = self.problem
        whole = _nothing(p)
        values = np.full(len(self.ends), -1)
        differs = np.zeros(len(self.ends), bool)
        for w, solution in enumerate(solutions):
            piece = self._window(tiling, w)[0]
            found = _write(whole, piece, solution)
            known = values[piece.arcs]
            differs[piece.arcs] |= (known >= 0) & (known != found)
            values[piece.arcs] = np.maximum(known, found)
        _set_arcs(p, whole, values)
        seeds = np.zeros(p.n_detections, bool)
        ends = self.ends[differs]
        seeds[ends[ends >= 0]] = True
        for members in p.exclusions:
            if (whole.count[members] > 0).sum() > 1:
                seeds[members] = True
        hops = FIRST_HOPS
        while seeds.any():
            seeds = self._seams(seeds, hops, values, whole)
            hops *= 2
        value = energy_of(p, whole)
        if value < self.value:
            self.solution, self.value = whole, value

    def _seams(
        self, seeds: NDArray[np.bool_], hops: int, values: NDArray[np.int64], whole: Solution
    ) -> NDArray[np.bool_]:
        """Solve around the seeds with everything else held; give the seeds of what has no answer yet."""
        label = self._grow(seeds, hops)
        # parts that share no arc may be solved together: a task for each window
        groups = np.unique(self.tilings[0].of[_first_of_each(label, self.rank)], return_inverse=True)[1]
        task_of = np.where(label >= 0, groups[np.maximum(label, 0)], -1)
        lists = [np.flatnonzero(task_of == k) for k in range(int(task_of.max()) + 1)]
        lists = [members[np.argsort(self.rank[members])] for members in lists]
        arcs_of = task_of[self.ends]
        arcs_of[self.ends < 0] = -1

        gap = self.gap * max(abs(self.bound), 1.0) / len(lists) / 4

        def piece_of(k: int) -> Piece:
            return cut_piece(self.problem, self.ends, lists[k], self.pins, np.flatnonzero((arcs_of == k).any(axis=1)))

        def tasks() -> Iterator[tuple[Any, ...]]:
            for k in range(len(lists)):
                piece = piece_of(k)
                yield piece, values[piece.arcs[piece.border]], gap, self._stopper()

        again = np.zeros_like(seeds)
        for k, solution in enumerate(self._map(solve_piece_held, tasks(), len(lists))):
            if solution is None:
                if len(lists[k]) == self.problem.n_detections:
                    if self.control.stop_status is not None:
                        raise _Stopped
                    raise SolveError("No answer keeps to everything that is fixed.", status="infeasible")
                again[lists[k]] = True
                continue
            self.seams += len(lists[k])
            piece = piece_of(k)
            values[piece.arcs] = _write(whole, piece, solution)
        _set_arcs(self.problem, whole, values)
        return again

    def _check(self, solution: Solution) -> int:
        """See that an answer keeps to all rows, window by window; count the rows."""
        tiling = self.tilings[0]

        def tasks() -> Iterator[tuple[Any, ...]]:
            for w in range(tiling.number):
                piece = self._window(tiling, w)[0]
                yield piece, _part(solution, piece)

        rows = 0
        for broken, all_of_them in map_tasks(count_faults, tasks(), tiling.number, executor=self.executor):
            if broken:
                raise SolveError("The windows gave an answer that breaks the rows of the model. Leave `executor` out.")
            rows += all_of_them
        return rows

    # ------------------------------------------------------------------ helpers
    def _map(self, work: Callable[..., Any], tasks: Iterator[tuple[Any, ...]], number: int) -> Any:
        return map_tasks(work, tasks, number, executor=self.executor, look=self._look)

    def _look(self, interrupted: bool) -> None:
        if interrupted:
            self.control.cancel.set()
        if self.control.stop_status is not None:
            raise _Stopped

    def _stopper(self) -> Stopper:
        control = self.control
        timeout = None if control.timeout is None else control.remaining
        return Stopper(timeout, control.cancel if is_in_process(self.executor) else None)

    def _prove(self, bound: float) -> None:
        self.bound = max(self.bound, bound)

    def _window(self, tiling: _Tiling, w: int) -> tuple[Piece, NDArray[np.float64], NDArray[np.float64]]:
        """Cut a window; give it with its shares and multipliers."""
        detections = self.order[tiling.cuts[w] : tiling.cuts[w + 1]]
        piece = cut_piece(self.problem, self.ends, detections, self.pins, tiling.arcs(w))
        multiplier = np.where(piece.sets >= 0, self.multiplier[piece.sets], 0.0) if len(piece.sets) else np.zeros(0)
        return piece, self.shares[piece.arcs], multiplier

    def _first_shares(self) -> NDArray[np.float64]:
        """Split the costs of all arcs: half for where they come from, half for where they lead."""
        cost = self._cost(np.arange(len(self.ends)))
        parts = np.array([[0.5, 0.5, 0.0], [0.5, 0.25, 0.25], [0.25, 0.25, 0.5]])
        p = self.problem
        kind = np.repeat([0, 1, 2], [p.n_links, p.n_external, p.n_merges])
        return np.asarray(cost[:, None, :] * parts[kind][:, :, None])

    def _cost(self, arcs: NDArray[np.int64]) -> NDArray[np.float64]:
        """Give what arcs cost with 1..m objects, beyond what they cost unused, shape (arcs, m)."""
        p = self.problem
        cost = np.zeros((len(arcs), p.link.shape[1] - 1))
        first = 0
        for table in (p.link, p.external, p.merge):
            here = (arcs >= first) & (arcs < first + len(table))
            mine = table[arcs[here] - first]
            cost[here, : mine.shape[1] - 1] = mine[:, 1:] - mine[:, :1]
            first += len(table)
        return cost

    def _settle(self, tiling: _Tiling) -> None:
        """Make the shares of border arcs add up to their costs, to the last digit."""
        self.shares[tiling.border, 0] = self._cost(tiling.border) - self.shares[tiling.border, 1:].sum(axis=1)

    def _grow(self, seeds: NDArray[np.bool_], hops: int) -> NDArray[np.int64]:
        """Grow balls around seeds along arcs and sets; label the parts that hang together, -1 outside."""
        p = self.problem
        events = self.ends[p.n_links :]
        pairs = [self.ends[:, :2], events[:, [0, 2]], events[:, 1:]]
        pairs += [np.stack([s[:-1], s[1:]], axis=1).astype(np.int32) for s in p.exclusions if len(s) > 1]
        both = np.concatenate(pairs)
        tail, head = both[(both >= 0).all(axis=1)].T
        inside = seeds.copy()
        sets = [s for s in p.exclusions if len(s) > 1]
        for _ in range(min(hops, p.n_detections)):
            further = inside.copy()
            further[head[inside[tail]]] = True
            further[tail[inside[head]]] = True
            if np.array_equal(further, inside):
                break
            inside = further
        changed = bool(sets)
        while changed:
            changed = False
            for members in sets:
                if inside[members].any() and not inside[members].all():
                    inside[members], changed = True, True
        near = inside[tail] & inside[head]
        graph = sp.coo_matrix((np.ones(near.sum(), np.int8), (tail[near], head[near])), shape=(p.n_detections,) * 2)
        label = connected_components(graph, directed=False)[1].astype(np.int64)
        found = np.full(p.n_detections, -1)
        found[inside] = np.unique(label[inside], return_inverse=True)[1]
        return found


class _Tiling:
    """One way to cut the detections into windows.

    Parameters
    ----------
    problem : Problem
        The whole.
    ends : ndarray of int, shape (arcs, 3)
        Its arcs.
    rank : ndarray of int, shape (n,)
        Order of the detections.
    number : int
        Windows, if they begin at the first detection.
    shift : float
        Where the second window begins instead, in windows.
    """

    def __init__(
        self, problem: Problem, ends: NDArray[np.int32], rank: NDArray[np.int64], number: int, shift: float
    ) -> None:
        p = problem
        self.cuts = _cuts(p, rank, number, shift)
        self.number = len(self.cuts) - 1
        self.of = np.searchsorted(self.cuts[1:-1], rank, side="right").astype(np.int32)
        self._windows = np.where(ends >= 0, self.of[ends], -1)
        highest = self._windows.max(axis=1)
        self.border = np.flatnonzero(np.where(ends >= 0, self._windows, highest[:, None]).min(axis=1) < highest)
        # the energy of an unused arc is told by nobody
        off = np.concatenate([p.link[:, 0], p.external[:, 0], p.merge[:, 0]])
        self.constant = float(off[self.border].sum())

    def arcs(self, w: int) -> NDArray[np.int64]:
        """List the arcs that touch a window."""
        return np.flatnonzero((self._windows == w).any(axis=1))


def _cuts(p: Problem, rank: NDArray[np.int64], number: int, shift: float) -> NDArray[np.int64]:
    """Choose where to cut the detections in order, so that no set of competing detections is cut if that can be."""
    n = p.n_detections
    crossed = np.zeros(n + 1, np.int64)
    for members in p.exclusions:
        if len(members) > 1:
            at = rank[members]
            crossed[at.min() + 1] += 1
            crossed[at.max() + 1] -= 1
    possible = np.flatnonzero(np.cumsum(crossed) == 0)
    wanted = np.unique(np.clip((np.arange(number + 2) - shift) * n / number, 0, n).round().astype(np.int64))
    nearest = possible[np.abs(possible[:, None] - wanted).argmin(axis=0)] if len(possible) else wanted
    near_enough = np.abs(nearest - wanted) <= n / number / 4
    return np.unique(np.where(near_enough, nearest, wanted))


def _nothing(p: Problem) -> Solution:
    n = p.n_detections
    return Solution(
        count=np.zeros(n, np.int64),
        flow=np.zeros(p.n_links, np.int64),
        appears=np.zeros(n, np.int64),
        vanishes=np.zeros(n, np.int64),
        divides=np.zeros(n, bool),
        external=np.zeros(p.n_external, bool),
        merges=np.zeros(p.n_merges, bool),
    )


def _write(whole: Solution, piece: Piece, solution: Solution) -> NDArray[np.int64]:
    """Write the states of a piece into the whole; give those of its arcs."""
    mine, own = slice(piece.first, piece.last), piece.detections
    whole.count[own], whole.divides[own] = solution.count[mine], solution.divides[mine]
    whole.appears[own], whole.vanishes[own] = solution.appears[mine], solution.vanishes[mine]
    whole.flow[piece.links] = solution.flow
    whole.external[piece.named], whole.merges[piece.merges] = solution.external, solution.merges
    return np.concatenate([solution.flow, solution.external, solution.merges]).astype(np.int64)


def _part(whole: Solution, piece: Piece) -> Solution:
    """Cut the states of a piece out of the whole; ghosts have none."""
    n = piece.problem.n_detections

    def padded(states: NDArray[Any]) -> NDArray[Any]:
        own = np.zeros(n, states.dtype)
        own[piece.first : piece.last] = states[piece.detections]
        return own

    return Solution(
        count=padded(whole.count),
        flow=whole.flow[piece.links],
        appears=padded(whole.appears),
        vanishes=padded(whole.vanishes),
        divides=padded(whole.divides),
        external=whole.external[piece.named],
        merges=whole.merges[piece.merges],
    )


def _set_arcs(p: Problem, whole: Solution, values: NDArray[np.int64]) -> None:
    whole.flow[:] = values[: p.n_links]
    whole.external[:] = values[p.n_links : p.n_links + p.n_external] > 0
    whole.merges[:] = values[p.n_links + p.n_external :] > 0


def _first_of_each(label: NDArray[np.int64], rank: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give the first detection in time of each label."""
    order = np.argsort(rank)
    order = order[label[order] >= 0]
    _, first = np.unique(label[order], return_index=True)
    return np.asarray(order[first])
