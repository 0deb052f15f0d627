"""The problem as one factor for each detection, which share nothing but copies of links.

Every link, named division and merge is an *arc*. An arc has one *copy* in each detection that it touches: a link one in
the out side of its source and one in the in side of its target; a named division one in its parent and one in each
child; a merge one in each source and one in its target. The copies of an arc share its cost: for every number v of
objects on it,

    sum over the copies of cost[copy, v] = cost[arc, v].

A *factor* is the choice of one detection: how many objects it holds, what enters (objects that appear, or in-copies),
what leaves (objects that vanish, out-copies, or a division with two of them). Given the costs of its copies each factor
chooses for itself, and the sum of their choices is a lower bound of every answer, whatever the split: the copies of an
arc need not agree, so this is a relaxation. `nbtrack.solvers.dual.ascent` looks for the split with the highest bound.

What a factor does not know makes the bound lower, never wrong: narrow angles of chaingraph, and at capacities above 1
that a named event needs a single object. Detections that exclude each other share a multiplier for each set (see
`Factors.sets`). A pinned state is an equation; it enters with a fixed multiplier, the *reward*, which is high enough
that choices keep it where they can, and harmless where they cannot.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nbtrack.solvers.dual.order import longest_way, order_in_time

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nbtrack.model.description import Description, Layers

FORBIDDEN = 1e30
"""Cost of what cannot be."""


@dataclass(frozen=True)
class Side:
    """All copies on one side, in order of their detections.

    Parameters
    ----------
    start : ndarray of int, shape (n + 1,)
        Detection i owns the copies ``start[i]`` to ``start[i + 1]``.
    owner, arc : ndarray of int, shape (copies,)
        Detection and arc of each copy.
    mate, other_mate : ndarray of int, shape (copies,)
        Copies of the same arc on the opposite side; `other_mate` is -1 if there is one only.
    """

    start: NDArray[np.int64]
    owner: NDArray[np.int32]
    arc: NDArray[np.int32]
    mate: NDArray[np.int32]
    other_mate: NDArray[np.int32]


@dataclass(frozen=True)
class Factors:
    """All factors, in an order in which every arc leads forwards.

    Parameters
    ----------
    rank : ndarray of int, shape (n,)
        Place of each detection of the problem in this order; everything below is in this order.
    size : int
        Largest count m of anything.
    count, appearance, disappearance : ndarray of float, shape (n, m + 1)
        Costs of k objects, 0 for none.
    division : ndarray of float, shape (n,)
        Cost of dividing.
    out, into : Side
        The copies where arcs leave and where they arrive.
    pair_end : ndarray of int, shape (n,)
        Out-copies before this one (from ``out.start[i]``) may lead to the two children of a division.
    extra : ndarray of float, shape (out copies,) or (0,)
        Cost of an out-copy beyond its own if it leads to a child of a division.
    arc_cost : ndarray of float, shape (arcs, m)
        Cost of 1..m objects on each arc.
    arc_capacity : ndarray of int, shape (arcs,)
        Largest number of objects.
    arc_column : ndarray of int, shape (arcs,)
        Column of the first layer.
    constant : float
        Energy of nothing, and the rewards of the pins.
    short_tracks, partial, separate : bool
        Whether one detection may be all of a track; whether a part of a merger may appear or vanish; whether children
        must be two.
    set_start, set_member : ndarray of int
        Sets of detections of which at most one may be used.
    price : ndarray of float, shape (columns,)
        Cost of each column with the rewards of the pins.
    """

    rank: NDArray[np.int64]
    size: int
    count: NDArray[np.float64]
    appearance: NDArray[np.float64]
    disappearance: NDArray[np.float64]
    division: NDArray[np.float64]
    out: Side
    into: Side
    pair_end: NDArray[np.int64]
    extra: NDArray[np.float64]
    arc_cost: NDArray[np.float64]
    arc_capacity: NDArray[np.int64]
    arc_column: NDArray[np.int64]
    constant: float
    short_tracks: bool
    partial: bool
    separate: bool
    set_start: NDArray[np.int64]
    set_member: NDArray[np.int64]
    price: NDArray[np.float64]

    @property
    def depth(self) -> int:
        """Number of arcs on the longest way through the movie."""
        return int(longest_way(self.n, self.out.owner, self.into.owner[self.out.mate]))

    @property
    def n(self) -> int:
        """Number of detections."""
        return len(self.count)


def make_factors(
    description: Description, lower: NDArray[np.float64], upper: NDArray[np.float64], reward: float | None = None
) -> Factors:
    """Make the factors of a described problem.

    Parameters
    ----------
    description : Description
        Columns and costs; the family ``pinned`` of its rows counts as pins too.
    lower, upper : ndarray of float, shape (columns,)
        Limits of the columns.
    reward : float, optional
        Multiplier of the pins.

    Returns
    -------
    Factors
    """
    d, p, c = description, description.problem, description.columns
    n = p.n_detections
    price, constant = price_columns(d, lower, upper, reward)
    rank = order_in_time(n, p.source, p.target, p.external_parent, p.external_children, p.merge_sources, p.merge_target)
    at = np.argsort(rank)
    size = max(1, *(int(x.max(initial=0)) for x in (p.capacity, p.link_capacity)))

    count = _table(c.count, price, size)
    usable = p.capacity > 0
    division = np.full(n, FORBIDDEN)
    may = np.flatnonzero(c.divides >= 0)
    division[may] = price[c.divides[may]]

    links = np.flatnonzero((p.link_capacity > 0) & usable[p.source] & usable[p.target])
    named = np.flatnonzero(usable[p.external_parent] & usable[p.external_children].all(axis=1))
    merges = np.flatnonzero(usable[p.merge_target] & usable[p.merge_sources].all(axis=1))

    a, e, g = len(links), len(named), len(merges)
    arc_cost = np.full((a + e + g, size), FORBIDDEN)
    arc_cost[:a] = _table(c.flow, price, size, links)[:, 1:]
    arc_cost[a : a + e, 0], arc_cost[a + e :, 0] = price[c.named[named]], price[c.merge[merges]]
    arc_column = np.concatenate([c.flow.start[links], c.named[named], c.merge[merges]])
    capacity = (arc_cost < FORBIDDEN / 2).sum(axis=1)

    arcs = np.arange(a + e + g)
    ends_out = np.concatenate([p.source[links], p.external_parent[named], p.merge_sources[merges].T.ravel()])
    arcs_out = np.concatenate([arcs[: a + e], arcs[a + e :], arcs[a + e :]])
    ends_in = np.concatenate([p.target[links], p.external_children[named].T.ravel(), p.merge_target[merges]])
    arcs_in = np.concatenate([arcs[:a], arcs[a : a + e], arcs[a : a + e], arcs[a + e :]])
    out, into = _sides(n, rank[ends_out], arcs_out, rank[ends_in], arcs_in, len(arcs))

    is_link = out.arc < a
    pairs = is_link if p.separate_children else np.ones(len(is_link), bool)
    pair_end = out.start[:-1] + np.bincount(out.owner, pairs, minlength=n).astype(np.int64)
    extra = np.zeros(0)
    if p.division_link is not None:
        child = np.where(is_link, c.child[np.r_[links, np.zeros(e + g, np.int64)][out.arc]], -1)
        extra = np.where(child >= 0, price[child], 0.0)
        if not p.separate_children:  # nobody makes such problems: what the children cost at least will do
            division += 2 * np.minimum.reduceat(np.r_[np.minimum(extra, 0), 0], out.start[:-1])[rank]
            extra = np.zeros(0)
    sets = [rank[np.unique(s)] for s in p.exclusions if len(np.unique(s)) > 1]
    return Factors(
        rank=rank,
        size=size,
        count=count[at],
        appearance=_table(c.appears, price, size)[at],
        disappearance=_table(c.vanishes, price, size)[at],
        division=division[at],
        out=out,
        into=into,
        pair_end=pair_end,
        extra=extra,
        arc_cost=arc_cost,
        arc_capacity=capacity,
        arc_column=arc_column,
        constant=constant,
        short_tracks=p.one_frame_tracks,
        partial=p.partial_appearance and size > 1,
        separate=p.separate_children or size == 1,
        set_start=np.concatenate([[0], np.cumsum([len(s) for s in sets])]).astype(np.int64),
        set_member=np.concatenate([np.zeros(0, np.int64), *sets]),
        price=price,
    )


def price_columns(
    description: Description, lower: NDArray[np.float64], upper: NDArray[np.float64], reward: float | None = None
) -> tuple[NDArray[np.float64], float]:
    """Give the cost of every column with the rewards of what is pinned, and the constant.

    A state that must be s is the equation ``s - x = 0``; with the multiplier r it adds ``r (s - x)`` to the energy,
    which is 0 wherever the pin is kept: the bound stays a bound for any r (for ``x >= s``, any r >= 0). What must be 0
    costs r more. So pins change costs and nothing else: a split fits whatever is pinned.

    Parameters
    ----------
    description : Description
        Columns, costs, and perhaps rows ``pinned``.
    lower, upper : ndarray of float, shape (columns,)
        Limits of the columns.
    reward : float, optional
        The multiplier r; twenty times the largest cost if not given.

    Returns
    -------
    price : ndarray of float, shape (columns,)
    constant : float
    """
    d = description
    price, constant = d.cost.copy(), d.constant
    if reward is None:
        reward = 20.0 * float(np.abs(d.cost).max(initial=1.0))
    held = (lower > 0) & (upper > 0)
    price[held] -= reward
    price[upper <= 0] += reward
    constant += reward * int(held.sum())
    for family in d.families:
        if family.name == "pinned":
            np.subtract.at(price, family.column, reward)
            constant += reward * float(family.lower.sum())
    return price, constant


def _table(
    layers: Layers,
    price: NDArray[np.float64],
    size: int,
    items: NDArray[np.int64] | None = None,
) -> NDArray[np.float64]:
    """Add up the prices of layers to the costs of 0..size objects, shape (items, size + 1)."""
    items = np.arange(len(layers.start) - 1) if items is None else items
    table = np.zeros((len(items), size + 1))
    for k in range(1, size + 1):
        column = layers.column(items, k)
        table[:, k] = np.where(column >= 0, table[:, k - 1] + price[column], FORBIDDEN)
    return table


def _sides(
    n: int,
    owner_out: NDArray[np.int64],
    arc_out: NDArray[np.int64],
    owner_in: NDArray[np.int64],
    arc_in: NDArray[np.int64],
    n_arcs: int,
) -> tuple[Side, Side]:
    """Sort the copies of both sides by detection (links before named events) and let them know each other."""
    orders = np.lexsort((arc_out, owner_out)), np.lexsort((arc_in, owner_in))
    owners = owner_out[orders[0]], owner_in[orders[1]]
    arcs = arc_out[orders[0]], arc_in[orders[1]]
    copies = [_copies_of(arc, n_arcs) for arc in arcs]
    sides = []
    for this, opposite in ((0, 1), (1, 0)):
        mates = copies[opposite][arcs[this]]
        start = np.searchsorted(owners[this], np.arange(n + 1)).astype(np.int64)
        sides.append(
            Side(
                start,
                owners[this].astype(np.int32),
                arcs[this].astype(np.int32),
                np.ascontiguousarray(mates[:, 0]).astype(np.int32),
                np.ascontiguousarray(mates[:, 1]).astype(np.int32),
            )
        )
    return sides[0], sides[1]


def _copies_of(arc: NDArray[np.int64], n_arcs: int) -> NDArray[np.int64]:
    """List the one or two copies of each arc on one side, shape (arcs, 2)."""
    order = np.argsort(arc, kind="stable")
    first = np.searchsorted(arc[order], np.arange(n_arcs))
    number = np.bincount(arc, minlength=n_arcs)
    copies = np.full((n_arcs, 2), -1)
    copies[:, 0] = order[np.minimum(first, max(len(order) - 1, 0))] if len(order) else -1
    two = number > 1
    copies[two, 1] = order[first[two] + 1]
    return copies
