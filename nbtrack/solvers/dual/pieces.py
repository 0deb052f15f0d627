"""Pieces of a problem: some of its detections, with everything that touches them.

An *arc* (a link, a named division or a merge) that leads out of a piece ends in a *ghost*: a detection without energy
that stands for the one outside, and for this arc alone. Whatever the rest of the movie does, what it does in a piece is
an answer of the piece; so the optimum of a piece is a lower bound of its part.

The cost of a *border* arc, one that touches several pieces, is split between its ends: each end has a share for every
number of objects, and all shares add up to the cost. A piece pays the shares of the ends that it owns. The optima of
all pieces then add up to a lower bound of the whole, whatever the shares (a Lagrangian relaxation: the pieces need not
agree about the arc). While a piece ascends, its sweeps move cost into the shares of its ghosts as they do between two
detections: a piece gains what it hands over, and its neighbour loses that much at most. So all pieces may ascend at
the same time, and the bound does not fall when their shares are added up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from nbtrack.data.problem import Problem, Solution
from nbtrack.model.description import describe
from nbtrack.solvers.control import Control
from nbtrack.solvers.dual.ascent import Ascent
from nbtrack.solvers.dual.engine import Engine, choose_schedule, solve_by_ascent
from nbtrack.solvers.dual.factors import FORBIDDEN, make_factors
from nbtrack.solvers.exact import solve_exactly
from nbtrack.solvers.limits import Limits
from nbtrack.solvers.pinned import PinnedState, hold
from nbtrack.solvers.threads import run_in_thread

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nbtrack.model.description import Description
    from nbtrack.solvers.dual.factors import Factors

State = tuple["NDArray[np.float64]", ...]

DIRECT_UP_TO = 8_000
"""Detections up to which a piece that is held at its rim is solved by its relaxation."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Some detections of a problem as a problem of their own.

    Parameters
    ----------
    problem : Problem
        First the ghosts that arcs come from, then the detections of the piece, then the ghosts that arcs lead to.
    first : int
        Place of the first detection of the piece.
    detections : ndarray of int
        The detections of the piece, in the whole.
    links, named, merges : ndarray of int
        The arcs of its problem, in the whole.
    border : ndarray of int, shape (borders,)
        Those of them that lead out; places among links, named divisions and merges, counted through.
    owned : ndarray of bool, shape (borders, 3)
        Which of their ends the piece owns: source and target; parent and two children; two sources and target.
    pins : tuple of PinnedState
        States that are held, in the numbers of `problem`.
    """

    problem: Problem
    first: int
    detections: NDArray[np.int64]
    links: NDArray[np.int64]
    named: NDArray[np.int64]
    merges: NDArray[np.int64]
    border: NDArray[np.int64]
    owned: NDArray[np.bool_]
    pins: tuple[PinnedState, ...]

    @property
    def last(self) -> int:
        """Place after the last detection of the piece."""
        return self.first + len(self.detections)


def arc_ends(problem: Problem) -> NDArray[np.int32]:
    """List the detections that each link, named division and merge touches, shape (arcs, 3); -1 where there is none."""
    p = problem
    links = np.stack([p.source, p.target, np.full(p.n_links, -1)], axis=1)
    named = np.concatenate([p.external_parent[:, None], p.external_children], axis=1)
    merges = np.concatenate([p.merge_sources, p.merge_target[:, None]], axis=1)
    return np.concatenate([links, named, merges]).astype(np.int32)


def cut_piece(
    problem: Problem,
    ends: NDArray[np.int32],
    detections: NDArray[np.int64],
    pins: Sequence[PinnedState] = (),
    arcs: NDArray[np.int64] | None = None,
) -> Piece:
    """Cut some detections out of a problem; border arcs have their whole cost.

    Parameters
    ----------
    problem : Problem
        The whole.
    ends : ndarray of int, shape (arcs, 3)
        From `arc_ends`.
    detections : ndarray of int
        Its detections, in an order in which arcs lead forwards.
    pins : sequence of PinnedState, optional
        Pins of the whole. One that something outside could keep is left out.
    arcs : ndarray of int, optional
        The arcs that touch the detections, if they are known.

    Returns
    -------
    Piece
    """
    p, n = problem, len(detections)
    place = np.full(p.n_detections + 1, -1)  # the last one stands for "no end"
    place[detections] = np.arange(n)
    place[-1] = n
    if arcs is None:
        arcs = np.flatnonzero(((place[ends] >= 0) & (ends >= 0)).any(axis=1))
    at = place[ends[arcs]]
    there = ends[arcs] >= 0
    ghost = (at < 0) & there
    kind = np.searchsorted([p.n_links, p.n_links + p.n_external], arcs, side="right")
    # an arc comes from its source, its parent or its two sources
    is_tail = np.zeros((3, 3), bool)
    is_tail[[0, 1, 2, 2], [0, 0, 0, 1]] = True
    tails, heads = ghost & is_tail[kind], ghost & ~is_tail[kind]
    first, n_heads = int(tails.sum()), int(heads.sum())
    at = np.where(ghost, -1, at + first)
    at[tails], at[heads] = np.arange(first), first + n + np.arange(n_heads)

    links, named = arcs[kind == 0], arcs[kind == 1] - p.n_links
    merges = arcs[kind == 2] - p.n_links - p.n_external
    room = np.ones(len(arcs), np.int64)
    room[kind == 0] = np.maximum(p.link_capacity[links], 1)
    room_of = np.broadcast_to(room[:, None], ghost.shape)
    before, after = room_of[tails], room_of[heads]

    def padded(table: NDArray[np.float64]) -> NDArray[np.float64]:
        own = table[detections]
        return np.concatenate([np.zeros((first, own.shape[1])), own, np.zeros((n_heads, own.shape[1]))])

    def ways(own: NDArray[np.int64], tail: NDArray[np.int64], head: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.concatenate([tail, own[detections], head])

    link_place = np.full(p.n_links + 1, -1)
    link_place[links] = np.arange(len(links))
    ghosts = np.zeros(first, bool), np.zeros(n_heads, bool)
    narrow = link_place[p.narrow_links]
    narrow = narrow[(narrow >= 0).all(axis=1)]
    sets = [place[np.unique(s)] for s in p.exclusions]
    border = np.flatnonzero(ghost.any(axis=1))
    link_at, named_at, merge_at = (at[kind == k] for k in range(3))
    cut = Problem(
        detection=padded(p.detection),
        capacity=ways(p.capacity, before, after),
        source=link_at[:, 0],
        target=link_at[:, 1],
        link=p.link[links],
        link_capacity=p.link_capacity[links],
        appearance=padded(p.appearance),
        appearance_capacity=ways(p.appearance_capacity, before, np.zeros_like(after)),
        disappearance=padded(p.disappearance),
        disappearance_capacity=ways(p.disappearance_capacity, np.zeros_like(before), after),
        division=padded(p.division),
        divides=np.concatenate([ghosts[0], p.divides[detections], ghosts[1]]),
        division_link=None if p.division_link is None else p.division_link[links],
        narrow_links=narrow,
        external_parent=named_at[:, 0],
        external_children=named_at[:, 1:],
        external=p.external[named],
        merge_target=merge_at[:, 2],
        merge_sources=merge_at[:, :2],
        merge=p.merge[merges],
        exclusions=tuple(first + s[s >= 0] for s in sets if (s >= 0).sum() > 1),
        partial_appearance=p.partial_appearance,
        one_frame_tracks=p.one_frame_tracks,
        separate_children=p.separate_children,
    )
    held = []
    for pin in pins:
        if pin.kind != "link":
            if place[pin.index] >= 0:
                held.append(replace(pin, index=first + int(place[pin.index])))
        elif link_place[pin.index] >= 0 and not _has_choice(p, pin.index, ghost[np.searchsorted(arcs, pin.index)]):
            held.append(replace(pin, index=int(link_place[pin.index])))
    return Piece(
        problem=cut,
        first=first,
        detections=detections,
        links=links,
        named=named,
        merges=merges,
        border=border,
        owned=(there & ~ghost)[border],
        pins=tuple(held),
    )


def _has_choice(p: Problem, link: int, ghost: NDArray[np.bool_]) -> bool:
    """Tell whether named divisions or merges may do what a pinned link does, and one of its ends is a ghost."""
    if not ghost.any():
        return False
    i, j = p.source[link], p.target[link]
    divides = (p.external_parent == i) & (p.external_children == j).any(axis=1)
    merges = (p.merge_target == j) & (p.merge_sources == i).any(axis=1)
    return bool(divides.any() or merges.any())


def with_shares(piece: Piece, shares: NDArray[np.float64]) -> Piece:
    """Let the border arcs of a piece cost what their own ends have as shares.

    Parameters
    ----------
    piece : Piece
        The piece.
    shares : ndarray of float, shape (borders, 3, m)
        Of each end, for 1..m objects; those of the ghosts are not read.

    Returns
    -------
    Piece
        The border arcs cost nothing if they are not used.
    """
    p = piece.problem
    cost = np.where(piece.owned[:, :, None], shares, 0.0).sum(axis=1)
    table = np.concatenate([np.zeros((len(cost), 1)), cost], axis=1)
    a, e = p.n_links, p.n_external
    link, external, merge = p.link.copy(), p.external.copy(), p.merge.copy()
    of_link = piece.border < a
    of_named = ~of_link & (piece.border < a + e)
    of_merge = piece.border >= a + e
    link[piece.border[of_link]] = table[of_link]
    external[piece.border[of_named] - a] = table[of_named, :2]
    merge[piece.border[of_merge] - a - e] = table[of_merge, :2]
    division_link = p.division_link
    if division_link is not None:
        division_link = division_link - p.link[:, 1] + link[:, 1]  # what a child costs more stays
    changed = replace(p, link=link, external=external, merge=merge, division_link=division_link)
    return replace(piece, problem=changed)


def _held(piece: Piece) -> tuple[Description, Limits]:
    description, lower, upper = hold(describe(piece.problem), piece.pins)
    return description, Limits(lower, upper, 0.0, 1)


# --------------------------------------------------------------------------- what workers do
@dataclass(frozen=True)
class Stopper:
    """When a worker has to stop.

    Parameters
    ----------
    timeout : float or None
        Seconds from now.
    cancel : threading.Event, optional
        The cancel button, where the worker is a thread of this process.
    """

    timeout: float | None = None
    cancel: threading.Event | None = None

    def control(self) -> Control:
        """Start the clock."""
        control = Control(timeout=self.timeout)
        if self.cancel is not None:
            control.cancel, control.cancellable = self.cancel, True
        return control


@dataclass(frozen=True)
class Climbed:
    """What an ascent of a piece gave.

    Parameters
    ----------
    state : tuple of ndarray
        The split, with the new shares of its own ends; those of its ghosts are 0.
    shares : ndarray of float, shape (borders, 3, m)
        New shares of its own ends, and what goes to those of the others.
    bound : float
        What the shares proved that it began with.
    """

    state: State
    shares: NDArray[np.float64]
    bound: float


def climb_piece(
    piece: Piece, shares: NDArray[np.float64], state: State | None, phases: int, stopper: Stopper
) -> Climbed:
    """Ascend for some phases.

    Parameters
    ----------
    piece : Piece
        The piece.
    shares : ndarray of float, shape (borders, 3, m)
        Of the border arcs.
    state : tuple of ndarray, or None
        The split of an earlier ascent.
    phases : int
        Pairs of phases, forwards and backwards.
    stopper : Stopper
        When to stop.

    Returns
    -------
    Climbed

    Raises
    ------
    SolveError
        With status "infeasible" if pins of the piece contradict each other.
    """
    control = stopper.control()
    description, limits = _held(with_shares(piece, shares))
    factors = make_factors(description, limits.lower, limits.upper)
    ascent = Ascent(factors)
    if np.array_equal(factors.rank, np.arange(factors.n)):
        ascent.span = piece.first, piece.last
    ghosts = _enter(ascent, piece, shares, state)
    bound = ascent.bound()
    schedule = choose_schedule(factors)

    def climb() -> None:
        for k in range(phases * 2 * schedule.length):
            share = schedule.share if k // schedule.length % 2 == 0 else 1 - schedule.share
            if not ascent.sweep(share, 1 - share, control):
                return

    run_in_thread(climb, control, lambda: None)
    given = _read_shares(ascent, piece, shares)
    into, out, multiplier = ascent.copy_state()
    out[ghosts[0]], into[ghosts[1]] = 0.0, 0.0
    return Climbed((into, out, multiplier), given, bound)


@dataclass(frozen=True)
class Proven:
    """What an exact solve of a piece gave.

    Parameters
    ----------
    solution : Solution or None
        Of the detections and arcs of the piece, without ghosts' own states; None if there was no time.
    bound : float
        What is proven of the piece with its shares.
    """

    solution: Solution | None
    bound: float


def prove_piece(
    piece: Piece, shares: NDArray[np.float64], state: State, gap: float, stopper: Stopper
) -> Proven:
    """Solve a piece with its border arcs at their shares: a bound, and an answer that its neighbours may not share.

    Parameters
    ----------
    piece, shares, state, stopper
        As for `climb_piece`.
    gap : float
        Absolute gap that is good enough.

    Returns
    -------
    Proven
    """
    control = stopper.control()
    description, limits = _held(with_shares(piece, shares))
    engine = Engine(description, limits, control)
    _enter(engine.ascent, piece, shares, state)
    engine.warm_start(engine.ascent.copy_state())
    engine.limits = replace(limits, gap=gap / max(abs(engine.bound), 1.0))
    run_in_thread(engine.run, control, lambda: None)
    if engine.x is None:
        return Proven(None, engine.bound)
    return Proven(description.solution_of(engine.x), min(engine.bound, engine.value))


def solve_piece_held(piece: Piece, values: NDArray[np.int64], gap: float, stopper: Stopper) -> Solution | None:
    """Solve a piece with its border arcs held.

    Parameters
    ----------
    piece : Piece
        The piece, its arcs with all of their costs.
    values : ndarray of int, shape (borders,)
        Objects on its border arcs.
    gap : float
        Absolute gap that is good enough.
    stopper : Stopper
        When to stop.

    Returns
    -------
    Solution or None
        None if there is none, or no time.
    """
    from nbtrack.errors import SolveError

    control = stopper.control()
    try:
        description, limits = _held(piece)
    except SolveError:
        return None
    p, c = piece.problem, description.columns
    lower, upper = limits.lower.copy(), limits.upper.copy()
    single = np.concatenate([c.named, c.merge])
    for arc, value in zip(piece.border.tolist(), values.tolist(), strict=True):
        if arc < p.n_links:
            start, end = c.flow.start[arc], c.flow.start[arc + 1]
        else:
            start = single[arc - p.n_links]
            end = start + 1
        lower[start : start + value], upper[start : start + value] = 1.0, 1.0
        lower[start + value : end], upper[start + value : end] = 0.0, 0.0
    scale = max(abs(float(description.constant)), 1.0)
    limits = Limits(lower, upper, min(gap / scale, 1e-3), 1)
    try:
        if p.n_detections < DIRECT_UP_TO:
            answer = solve_exactly(description, limits, control)
        else:
            answer, _ = solve_by_ascent(description, limits, control)
    except SolveError:
        return None
    return description.solution_of(answer.x)


# --------------------------------------------------------------------------- helpers
def _border(
    f: Factors, piece: Piece
) -> tuple[
    tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
    tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
]:
    """List the out-copies, and the in-copies, of border arcs: which copies, of which border arcs, which of its ends."""
    p = piece.problem
    usable = p.capacity > 0
    there = np.concatenate(
        [
            (p.link_capacity > 0) & usable[p.source] & usable[p.target],
            usable[p.external_parent] & usable[p.external_children].all(axis=1),
            usable[p.merge_target] & usable[p.merge_sources].all(axis=1),
        ]
    )
    arcs = np.flatnonzero(there)  # as `make_factors` numbers them
    number = np.full(len(there), -1)
    number[piece.border] = np.arange(len(piece.border))
    ends = f.rank[arc_ends(p)]  # of ends that are not there, too: nobody looks at them
    kind = np.searchsorted([p.n_links, p.n_links + p.n_external], arcs, side="right")
    found = []
    for side in (f.out, f.into):
        at = np.flatnonzero(number[arcs[side.arc]] >= 0)
        arc, of_kind, owner = arcs[side.arc[at]], kind[side.arc[at]], side.owner[at]
        if side is f.out:
            end = ((of_kind == 2) & (ends[arc, 1] == owner)).astype(np.int64)
        else:
            end = np.where((of_kind == 2) | ((of_kind == 1) & (ends[arc, 2] == owner)), 2, 1)
        found.append((at, number[arc], end))
    return found[0], found[1]


def _enter(
    ascent: Ascent, piece: Piece, shares: NDArray[np.float64], state: State | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Set a split and the shares; ghosts get nothing. Give the out- and in-copies of ghosts."""
    f = ascent.factors
    if state is not None:
        ascent.set_state(state)
    extra = _rewards(f, piece, shares)
    ghosts = []
    for side, cost, (at, arc, end) in zip((f.out, f.into), (ascent.out, ascent.into), _border(f, piece), strict=True):
        own = piece.owned[arc, end]
        table = np.where(own[:, None], shares[arc, end, : f.size], 0.0)
        table += np.where((end == piece.owned.argmax(axis=1)[arc])[:, None], extra[arc], 0.0)
        table[np.arange(f.size) >= f.arc_capacity[side.arc[at], None]] = 0.5 * FORBIDDEN
        cost[at] = table[:, 0] if cost.ndim == 1 else table
        ghosts.append(at[~own])
    ascent.settle()
    return ghosts[0], ghosts[1]


def _read_shares(ascent: Ascent, piece: Piece, shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Read the shares of all ends off the copies; `shares` are those that were entered."""
    f = ascent.factors
    extra = _rewards(f, piece, shares)
    found = np.zeros(shares.shape)
    for side, cost, (at, arc, end) in zip((f.out, f.into), (ascent.out, ascent.into), _border(f, piece), strict=True):
        table = cost[at].reshape(len(at), f.size)
        table = table - np.where((end == piece.owned.argmax(axis=1)[arc])[:, None], extra[arc], 0.0)
        real = np.arange(f.size) < f.arc_capacity[side.arc[at], None]
        found[arc, end, : f.size] = np.where(real, table, 0.0)
    return found


def _rewards(f: Factors, piece: Piece, shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Tell what border arcs cost beyond the shares, since they are pinned; the first end of the piece carries it."""
    cost = np.where(piece.owned[:, :, None], shares, 0.0).sum(axis=1)[:, : f.size]
    extra = np.zeros(cost.shape)
    for side, (at, arc, _) in zip((f.out, f.into), _border(f, piece), strict=True):
        real = np.arange(f.size) < f.arc_capacity[side.arc[at], None]
        extra[arc] = np.where(real, f.arc_cost[side.arc[at]] - cost[arc], 0.0)
    return extra
