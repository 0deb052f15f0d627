"""Pieces of a problem: some of its detections, with everything that touches them.

An *arc* (a link, a named division or a merge) that leads out of a piece ends in a *ghost*: a detection without energy
that stands for the one outside, and for this arc alone. Whatever the rest of the movie does, what it does in a piece is
an answer of the piece; so the optimum of a piece is a lower bound of its part.

The cost of every arc is split between its ends: each end has a *share* for every number of objects, and the shares add
up to the cost. Of a *border* arc, one that leads out, a piece pays the shares of the ends that it owns. So if a movie
is cut into pieces, their optima add up to a lower bound of the whole, whatever the shares: a Lagrangian relaxation, in
which the pieces need not agree about the arcs between them. While a piece ascends, the shares of its border arcs stay
as they are; those of its inner arcs get better.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from nbtrack.data.problem import Problem, Solution
from nbtrack.errors import SolveError
from nbtrack.model.description import describe
from nbtrack.solvers.control import Control
from nbtrack.solvers.dual.ascent import Ascent
from nbtrack.solvers.dual.engine import Engine, choose_schedule, solve_by_ascent
from nbtrack.solvers.dual.factors import make_factors
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

DIRECT_UP_TO = 8_000
"""Detections up to which a piece that is held at its rim is solved by its relaxation."""
CENTRING = 5
"""Even sweeps at the end of a round: they leave some slack to arcs that the next windows share."""


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
    arcs : ndarray of int
        All of them, counted through: links, named divisions, merges.
    border : ndarray of int, shape (borders,)
        Those of them that lead out; places in `arcs`.
    owned : ndarray of bool, shape (arcs, 3)
        Which of their ends the piece owns: source and target; parent and two children; two sources and target.
    sets : ndarray of int
        The sets of competing detections of its problem, in the whole; -1 if a part of one is outside.
    pins : tuple of PinnedState
        States that are held, in the numbers of `problem`.
    """

    problem: Problem
    first: int
    detections: NDArray[np.int64]
    links: NDArray[np.int64]
    named: NDArray[np.int64]
    merges: NDArray[np.int64]
    arcs: NDArray[np.int64]
    border: NDArray[np.int64]
    owned: NDArray[np.bool_]
    sets: NDArray[np.int64]
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
    sets = [(k, first + place[s][place[s] >= 0], len(s)) for k, s in enumerate(map(np.unique, p.exclusions))]
    sets = [one for one in sets if len(one[1]) > 1]
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
        appearance_capacity=ways(np.minimum(p.appearance_capacity, p.capacity), before, np.zeros_like(after)),
        disappearance=padded(p.disappearance),
        disappearance_capacity=ways(np.minimum(p.disappearance_capacity, p.capacity), np.zeros_like(before), after),
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
        exclusions=tuple(members for _, members, _ in sets),
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
        arcs=arcs,
        border=border,
        owned=there & ~ghost,
        sets=np.array([k if len(members) == size else -1 for k, members, size in sets], np.int64),
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
    """Let the border arcs of a piece cost what the ends that it owns have as shares.

    Parameters
    ----------
    piece : Piece
        The piece.
    shares : ndarray of float, shape (arcs, 3, m)
        Of each end, for 1..m objects.

    Returns
    -------
    Piece
        Its border arcs cost nothing if they are not used.
    """
    p = piece.problem
    cost = np.where(piece.owned[piece.border, :, None], shares[piece.border], 0.0).sum(axis=1)
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
    shares : ndarray of float, shape (arcs, 3, m)
        Those of its border arcs are what they were, but for what two ends of the piece may exchange.
    multiplier : ndarray of float, shape (sets,)
        Of its sets of competing detections.
    bound : float
        What is proven of the piece.
    """

    shares: NDArray[np.float64]
    multiplier: NDArray[np.float64]
    bound: float


def climb_piece(
    piece: Piece, shares: NDArray[np.float64], multiplier: NDArray[np.float64], forward: bool, stopper: Stopper
) -> Climbed:
    """Ascend for a phase.

    Parameters
    ----------
    piece : Piece
        The piece.
    shares : ndarray of float, shape (arcs, 3, m)
        Of all of its arcs.
    multiplier : ndarray of float, shape (sets,)
        Of its sets of competing detections.
    forward : bool
        Which passes hand on nearly all of the lead.
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
    ends = _ends_of_copies(factors, piece)
    rewards = _enter(ascent, piece, ends, shares, multiplier)
    schedule = choose_schedule(factors)

    def climb() -> None:
        share = schedule.share if forward else 1 - schedule.share
        for _ in range(schedule.length):
            if not ascent.sweep(share, 1 - share, control):
                return
        for _ in range(CENTRING):
            ascent.sweep(0.5, 0.5, control, slack=schedule.centring_slack)

    run_in_thread(climb, control, lambda: None)
    given = _read_shares(ascent, piece, ends, shares, rewards)
    multiplier = ascent.multiplier.copy()
    _enter(ascent, piece, ends, given, multiplier)
    return Climbed(given, multiplier, ascent.bound())


@dataclass(frozen=True)
class Proven:
    """What an exact solve of a piece gave.

    Parameters
    ----------
    solution : Solution or None
        An answer of the piece; None if there was no time.
    bound : float
        What is proven of the piece with its shares.
    """

    solution: Solution | None
    bound: float


def prove_piece(
    piece: Piece, shares: NDArray[np.float64], multiplier: NDArray[np.float64], gap: float, stopper: Stopper
) -> Proven:
    """Solve a piece with its border arcs at their shares: a bound, and an answer that its neighbours may not share.

    Parameters
    ----------
    piece, shares, multiplier, stopper
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
    _enter(engine.ascent, piece, _ends_of_copies(engine.factors, piece), shares, multiplier)
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


def count_faults(piece: Piece, states: Solution) -> tuple[int, int]:
    """Check an answer of the whole in a piece.

    Parameters
    ----------
    piece : Piece
        The piece.
    states : Solution
        The states of its detections and arcs; those of its ghosts are not read.

    Returns
    -------
    broken, rows : int
        Rows of the law that the answer breaks, and all rows that are about the piece.
    """
    p, first, last = piece.problem, piece.first, piece.last
    description = describe(p)
    values = np.concatenate([states.flow, states.external, states.merges]).astype(np.int64)
    through = np.zeros(p.n_detections, np.int64)
    ends = arc_ends(p)
    there = ends >= 0
    np.add.at(through, ends[there], np.broadcast_to(values[:, None], ends.shape)[there])
    count, appears, vanishes = through.copy(), through.copy(), through.copy()
    appears[first:], vanishes[:last] = 0, 0
    count[first:last] = states.count[first:last]
    appears[first:last], vanishes[first:last] = states.appears[first:last], states.vanishes[first:last]
    x = description.vector_of(replace(states, count=count, appears=appears, vanishes=vanishes))
    activity = description.matrix @ x
    broken = (activity > description.upper + 1e-6) | (activity < description.lower - 1e-6)
    return int(broken.sum()), len(description.lower)


# --------------------------------------------------------------------------- helpers
Ends = tuple[tuple["NDArray[np.int64]", "NDArray[np.int64]"], ...]
"""Of the out-copies, then of the in-copies: the arc of the piece, and which of its ends it is."""


def _ends_of_copies(f: Factors, piece: Piece) -> Ends:
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
    ends = f.rank[arc_ends(p)]  # of ends that are not there, too: nobody looks at them
    kind = np.searchsorted([p.n_links, p.n_links + p.n_external], arcs, side="right")
    out_arc, in_arc = arcs[f.out.arc], arcs[f.into.arc]
    second = (kind[f.out.arc] == 2) & (ends[out_arc, 1] == f.out.owner)
    third = (kind[f.into.arc] == 2) | ((kind[f.into.arc] == 1) & (ends[in_arc, 2] == f.into.owner))
    return (out_arc, second.astype(np.int64)), (in_arc, 1 + third.astype(np.int64))


def _enter(
    ascent: Ascent, piece: Piece, ends: Ends, shares: NDArray[np.float64], multiplier: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Set shares and multipliers; ghosts get nothing.

    What is pinned costs more or less than its shares: give that too, shape (arcs, m). The first end of the piece
    carries it.
    """
    f = ascent.factors
    rewards = np.zeros((len(piece.arcs), f.size))
    cost = np.where(piece.owned[:, :, None], shares, 0.0).sum(axis=1)[:, : f.size]
    for side, (arc, _) in zip((f.out, f.into), ends, strict=True):
        rewards[arc] = f.arc_cost[side.arc] - cost[arc]
    carrier = piece.owned.argmax(axis=1)
    state = []
    for (arc, end), copies in zip(ends, (ascent.out, ascent.into), strict=True):
        table = np.where(piece.owned[arc, end][:, None], shares[arc, end, : f.size], 0.0)
        table += np.where((end == carrier[arc])[:, None], rewards[arc], 0.0)
        state.append(table.reshape(copies.shape))
    ascent.set_state((state[1], state[0], multiplier))
    ascent.settle()
    return rewards


def _read_shares(
    ascent: Ascent, piece: Piece, ends: Ends, entered: NDArray[np.float64], rewards: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Read the shares off the copies; what ghosts have goes back to the ends of the piece."""
    f = ascent.factors
    shares = np.zeros(entered.shape)
    carrier = piece.owned.argmax(axis=1)
    for (arc, end), copies in zip(ends, (ascent.out, ascent.into), strict=True):
        table = copies.reshape(len(arc), f.size)
        where = np.where(piece.owned[arc, end], end, carrier[arc])
        np.add.at(shares[:, :, : f.size], (arc, where), table)
    each = np.arange(len(piece.arcs))
    shares[each, carrier, : f.size] -= rewards
    untouched = np.ones(len(piece.arcs), bool)
    untouched[ends[0][0]] = False
    shares[untouched] = np.where(piece.owned[untouched, :, None], entered[untouched], 0.0)
    shares[:, :, f.size :] = np.where(piece.owned[:, :, None], entered[:, :, f.size :], 0.0)
    return shares
