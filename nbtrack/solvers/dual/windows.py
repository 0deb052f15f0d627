"""Time windows: a movie in pieces that other threads, processes or machines solve, with a bound of the whole.

1. The detections are cut into *windows* along time. The cost of every arc that leads from one into another is split
   between its ends (`pieces`).
2. *Rounds*: every window ascends for some sweeps and gives back the new shares of its border arcs. Between two rounds
   they are added up. The bounds of all windows add up to one of the whole in every round.
3. Every window is solved by itself with its border arcs at their shares: this is the last bound, and an answer of each
   window.
4. Where windows do not agree about an arc, *seams* around it are solved again with everything around them held. So
   the answer keeps to all rules, and its energy is that of the whole.

A task depends on its arguments alone, so that a cluster may repeat it, and all results are combined in the order of
the windows: the answer does not depend on who works, or how many. What stays here is the problem, and one number for
each end of each arc.
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
    State,
    Stopper,
    arc_ends,
    climb_piece,
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
ROUNDS = 30
"""Rounds at most."""
LAST_RISE = 1e-7
"""Relative rise of the bound in a round below which the rounds end."""
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
    message : str
        How it was found.
    """

    status: str
    solution: Solution
    value: float
    bound: float
    message: str


class _Stopped(Exception):  # noqa: N818  # no error: time is up
    """The solve was cancelled, or its time is up."""


def solve_in_windows(
    problem: Problem,
    pins: Sequence[PinnedState],
    gap: float,
    control: Control,
    executor: ExecutorLike,
    *,
    window: int = WINDOW,
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
        Detections of a window.

    Returns
    -------
    WindowsAnswer
        The same whoever works. If time is up or the solve is cancelled, the best answer so far with its honest bound.

    Raises
    ------
    SolveError
        With status "infeasible" if no answer keeps to the pins.
    """
    windows = _Windows(problem, pins, gap, control, executor, window)
    try:
        windows.run()
    except _Stopped:
        _log.info("stopped: %s", control.stop_status)
    except KeyboardInterrupt:
        control.cancel.set()
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
        cuts = _cuts(p, self.rank, max(1, round(p.n_detections / window)))
        self.number = len(cuts) - 1
        self.of = np.searchsorted(cuts[1:-1], self.rank, side="right").astype(np.int32)
        self.spans = list(zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True))
        windows = np.where(self.ends >= 0, self.of[self.ends], -1)
        highest = windows.max(axis=1)
        lowest = np.where(self.ends >= 0, windows, self.number).min(axis=1)
        self.border = np.flatnonzero(lowest < highest)
        self._touching = windows
        self.shares, self.constant = self._first_shares()
        self.states: list[State | None] = [None] * self.number
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
        closed = self.value - bound <= max(self.gap, ROUNDING) * max(abs(self.value), 1.0)
        status = "optimal" if closed else self.control.stop_status or "time_limit"
        message = (
            f"{self.number} windows with {len(self.border)} arcs between them, {self.rounds} rounds; "
            f"{self.seams} detections solved again where windows did not agree."
        )
        return WindowsAnswer(status, self.solution, self.value, bound, message)

    # ------------------------------------------------------------------ steps
    def run(self) -> None:
        """Do all steps."""
        last = -inf
        while self.number > 1 and self.rounds < ROUNDS:
            bound = self._round()
            self._prove(bound)
            rise = (bound - last) / max(abs(bound), 1.0)
            last = bound
            self.control.report(f"round {self.rounds}", self.value, self.bound)
            _log.debug("round %d: bound %.6f", self.rounds, bound)
            if rise < LAST_RISE:
                break
        solutions = self._solve_windows()
        self._join(solutions)
        self.control.report("windows", self.value, self.bound)

    def _round(self) -> float:
        """Let all windows ascend, and add up their shares; give the bound of the shares they began with."""
        shares = np.zeros_like(self.shares)
        total = self.constant

        def tasks() -> Iterator[tuple[Any, ...]]:
            for w in range(self.number):
                piece, mine = self._window(w)
                yield piece, self.shares[mine], self.states[w], 1, self._stopper()

        for w, climbed in enumerate(self._map(climb_piece, tasks())):
            shares[self._borders(w)] += climbed.shares
            self.states[w] = climbed.state
            total += climbed.bound
        self.shares = self._settled(shares)
        self.rounds += 1
        return total

    def _solve_windows(self) -> list[Solution]:
        """Solve every window with its border arcs at their shares."""
        scale = max(abs(self.bound), 1.0) if np.isfinite(self.bound) else 1.0
        gap = self.gap * scale / self.number / 2
        if any(state is None for state in self.states):
            self._round()

        def tasks() -> Iterator[tuple[Any, ...]]:
            for w in range(self.number):
                piece, mine = self._window(w)
                yield piece, self.shares[mine], self.states[w], gap, self._stopper()

        total, solutions = self.constant, []
        for proven in self._map(prove_piece, tasks()):
            total += proven.bound
            if proven.solution is None:
                raise _Stopped
            solutions.append(proven.solution)
        self._prove(total)
        return solutions

    def _join(self, solutions: list[Solution]) -> None:
        """Put the answers of the windows together, and solve again where they do not agree."""
        p = self.problem
        whole = _nothing(p)
        state = np.full((len(self.border), 3), -1)
        for w, solution in enumerate(solutions):
            piece, mine = self._window(w)
            arcs = _write(p, whole, piece, solution)
            state[mine] = np.where(piece.owned, arcs[piece.border][:, None], state[mine])
        agreed = state.max(axis=1)
        differs = np.flatnonzero(np.where(state >= 0, state, agreed[:, None]).min(axis=1) < agreed)
        values = np.concatenate([whole.flow, whole.external, whole.merges]).astype(np.int64)
        values[self.border] = agreed
        _set_arcs(p, whole, values)
        seeds = np.zeros(p.n_detections, bool)
        ends = self.ends[self.border[differs]]
        seeds[ends[ends >= 0]] = True
        for members in p.exclusions:
            if (whole.count[members] > 0).sum() > 1:
                seeds[members] = True
        hops = FIRST_HOPS
        while seeds.any():
            seeds = self._seams(seeds, hops, values, whole)
            hops *= 2
        self.solution, self.value = whole, energy_of(p, whole)

    def _seams(
        self, seeds: NDArray[np.bool_], hops: int, values: NDArray[np.int64], whole: Solution
    ) -> NDArray[np.bool_]:
        """Solve around the seeds with everything else held; give the seeds of what has no answer yet."""
        inside, label = self._grow(seeds, hops)
        # parts that share no arc may be solved together: a task for each window
        groups = np.unique(self.of[_first_of_each(label, self.rank)], return_inverse=True)[1]
        task_of = np.where(label >= 0, groups[np.maximum(label, 0)], -1)
        lists = [np.flatnonzero(task_of == k) for k in range(int(task_of.max()) + 1)]
        lists = [members[np.argsort(self.rank[members])] for members in lists]
        arcs_of = task_of[self.ends]
        arcs_of[self.ends < 0] = -1

        def piece_of(k: int) -> Piece:
            return cut_piece(
                self.problem, self.ends, lists[k], self.pins, np.flatnonzero((arcs_of == k).any(axis=1))
            )

        def tasks() -> Iterator[tuple[Any, ...]]:
            for k in range(len(lists)):
                piece = piece_of(k)
                held = values[_arcs(self.problem, piece)[piece.border]]
                yield piece, held, self.gap * max(abs(self.bound), 1.0) / self.number, self._stopper()

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
            values[_arcs(self.problem, piece)] = _write(self.problem, whole, piece, solution)
        _set_arcs(self.problem, whole, values)
        return again

    # ------------------------------------------------------------------ helpers
    def _map(self, work: Callable[..., Any], tasks: Iterator[tuple[Any, ...]], number: int | None = None) -> Any:
        return map_tasks(
            work, tasks, self.number if number is None else number, executor=self.executor, look=self._look
        )

    def _look(self) -> None:
        if self.control.stop_status is not None:
            raise _Stopped

    def _stopper(self) -> Stopper:
        control = self.control
        timeout = None if control.timeout is None else control.remaining
        return Stopper(timeout, control.cancel if is_in_process(self.executor) else None)

    def _prove(self, bound: float) -> None:
        self.bound = max(self.bound, bound)

    def _window(self, w: int) -> tuple[Piece, NDArray[np.int64]]:
        """Cut a window; give it with the places of its border arcs in the table of shares."""
        first, last = self.spans[w]
        arcs = np.flatnonzero((self._touching == w).any(axis=1))
        piece = cut_piece(self.problem, self.ends, self.order[first:last], self.pins, arcs)
        return piece, np.searchsorted(self.border, arcs[piece.border])

    def _borders(self, w: int) -> NDArray[np.int64]:
        return np.flatnonzero((self._touching[self.border] == w).any(axis=1))

    def _first_shares(self) -> tuple[NDArray[np.float64], float]:
        """Split the costs of the border arcs: half for where they come from, half for where they lead."""
        p, arcs = self.problem, self.border
        a, e = p.n_links, p.n_external
        m = p.link.shape[1] - 1
        cost = np.zeros((len(arcs), m))
        constant = 0.0
        for table, here, at in (
            (p.link, arcs < a, 0),
            (p.external, (arcs >= a) & (arcs < a + e), a),
            (p.merge, arcs >= a + e, a + e),
        ):
            of = table[arcs[here] - at]
            cost[here, : of.shape[1] - 1] = of[:, 1:] - of[:, :1]
            constant += float(of[:, 0].sum())
        self._cost = cost
        parts = np.array([[0.5, 0.5, 0.0], [0.5, 0.25, 0.25], [0.25, 0.25, 0.5]])
        kind = np.searchsorted([a, a + e], arcs, side="right")
        return cost[:, None, :] * parts[kind][:, :, None], constant

    def _settled(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """Make the shares of every arc add up to its cost, to the last digit."""
        shares[:, 0] = self._cost - shares[:, 1] - shares[:, 2]
        return shares

    def _grow(self, seeds: NDArray[np.bool_], hops: int) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Grow balls around seeds along arcs and sets; label the parts that hang together."""
        p = self.problem
        pairs = [self.ends[:, [0, 1]], self.ends[:, [0, 2]], self.ends[:, [1, 2]]]
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
        return inside, found


def _cuts(p: Problem, rank: NDArray[np.int64], number: int) -> NDArray[np.int64]:
    """Choose where to cut the detections in order, so that no set of competing detections is cut if that can be."""
    n = p.n_detections
    crossed = np.zeros(n + 1, np.int64)
    for members in p.exclusions:
        if len(members) > 1:
            at = rank[members]
            crossed[at.min() + 1] += 1
            crossed[at.max() + 1] -= 1
    possible = np.flatnonzero(np.cumsum(crossed) == 0)
    wanted = np.round(np.arange(number + 1) * n / number).astype(np.int64)
    nearest = possible[np.abs(possible[:, None] - wanted).argmin(axis=0)] if len(possible) else wanted
    near_enough = np.abs(nearest - wanted) <= n / number / 4
    return np.unique(np.where(near_enough, nearest, wanted))


def _arcs(p: Problem, piece: Piece) -> NDArray[np.int64]:
    """Number the arcs of a piece as the whole does."""
    return np.concatenate([piece.links, p.n_links + piece.named, p.n_links + p.n_external + piece.merges])


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


def _write(p: Problem, whole: Solution, piece: Piece, solution: Solution) -> NDArray[np.int64]:
    """Write the states of a piece into the whole; give those of its arcs."""
    mine, own = slice(piece.first, piece.last), piece.detections
    whole.count[own], whole.divides[own] = solution.count[mine], solution.divides[mine]
    whole.appears[own], whole.vanishes[own] = solution.appears[mine], solution.vanishes[mine]
    whole.flow[piece.links] = solution.flow
    whole.external[piece.named], whole.merges[piece.merges] = solution.external, solution.merges
    return np.concatenate([solution.flow, solution.external, solution.merges]).astype(np.int64)


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
