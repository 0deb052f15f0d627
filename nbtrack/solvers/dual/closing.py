"""Closing the gap region by region.

The excess of each factor (`Ascent.excess`) adds up to the gap: it tells where an answer is not yet proven. Around every
place with an excess a *region* of detections is solved exactly, twice:

* *priced*: all rows of its detections, inner arcs at their cost, arcs that lead out at the cost of the copy inside.
  This merges the factors of the region to one; the bound becomes ``its optimum - sum of the factors`` higher.
* *held*: inner columns only, all others as in the answer: a better answer, or the same.

If both agree, the region is closed. If not, it grows along arcs of small slack, and along those on its rim that the
priced answer would change. What has more slack inside the region
than the answer has excess there may be left out of the priced problem: whatever uses it exceeds the answer. So the gain
of a region is the smaller of its optimum and that excess, and it holds whatever happens elsewhere.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from nbtrack.solvers.dual.core import Block

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nbtrack.model.description import Description
    from nbtrack.solvers.control import Control
    from nbtrack.solvers.dual.ascent import Ascent
    from nbtrack.solvers.dual.core import Program

_log = logging.getLogger(__name__)

HOPS = 2
"""Arcs from a place with an excess to the rim of its first region."""
REACH = 0.05
"""First limit of the slack of arcs along which regions grow, in median costs of a link; it rises by `FASTER`."""
FASTER = 1.5
LARGEST = 4000
"""Detections of the largest region."""
ROUNDS = 14
NOISE = 1e-9
"""An excess below this is rounding."""


class Territory:
    """Which rows and columns belong to which detections, and which detections share an arc.

    Parameters
    ----------
    description : Description
        The program.
    rank : ndarray of int, shape (n,)
        Order of the factors; detections are given in it.
    """

    def __init__(self, description: Description, rank: NDArray[np.int64]) -> None:
        p, c = description.problem, description.columns
        self.n = p.n_detections
        first, second, third = (np.full(c.size, -1) for _ in range(3))
        for layers in (c.count, c.appears, c.vanishes):
            first[layers.columns] = rank[layers.item]
        first[c.flow.columns], second[c.flow.columns] = rank[p.source[c.flow.item]], rank[p.target[c.flow.item]]
        divides = np.flatnonzero(c.divides >= 0)
        first[c.divides[divides]] = rank[divides]
        child = np.flatnonzero(c.child >= 0)
        first[c.child[child]] = rank[p.source[child]]
        first[c.named], (second[c.named], third[c.named]) = rank[p.external_parent], rank[p.external_children.T]
        first[c.merge], (second[c.merge], third[c.merge]) = rank[p.merge_target], rank[p.merge_sources.T]
        self.ends = first, second, third
        number = np.arange(c.size)
        owner = np.concatenate([first, second, third])
        column = np.concatenate([number, number, number])
        there = owner >= 0
        order = np.argsort(owner[there], kind="stable")
        self._column = column[there][order]
        self._column_start = np.searchsorted(owner[there][order], np.arange(self.n + 1))
        self._rows_of(description, rank)

    def columns(self, detections: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give all columns that touch some detections."""
        return np.unique(self._column[_ranges(self._column_start[detections], self._column_start[detections + 1])])

    def rows(self, detections: NDArray[np.int64], inside: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Give the rows that are the law of some detections alone."""
        rows = np.unique(self._row[_ranges(self._row_start[detections], self._row_start[detections + 1])])
        shared = self.shared[rows]
        keep = shared < 0
        for k in np.flatnonzero(~keep):
            keep[k] = inside[self.members[shared[k]]].all()
        return rows[keep]

    def _rows_of(self, description: Description, rank: NDArray[np.int64]) -> None:
        p = description.problem
        layered = self.ends[0], self.ends[1]
        who = {  # rows that are named after a link or an event, and whose law they are
            "appear_whole": p.target,
            "vanish_whole": p.source,
            "divide_into_two": p.source,
            "named_single": p.external_parent,
            "merge_single": p.merge_target,
            "child_moves": p.source,
            "children_apart": p.source,
        }
        row, owner = [], []
        self.members: list[NDArray[np.int64]] = []
        shared = []
        offset = 0
        for family in description.families:
            n = len(family.lower)
            rows, key = offset + np.arange(n), family.key
            offset += n
            of_set = np.full(n, -1)
            if family.name in ("exclude", "pinned"):
                order = np.argsort(family.row, kind="stable")
                start = np.searchsorted(family.row[order], np.arange(n + 1))
                for k in range(n):
                    columns = family.column[order[start[k] : start[k + 1]]]
                    ends = np.unique(np.concatenate([e[columns] for e in self.ends]))
                    members = ends[ends >= 0]
                    of_set[k] = len(self.members)
                    self.members.append(members)
                    row.append(np.full(len(members), rows[k]))
                    owner.append(members)
            elif family.name == "ordered":
                for end in layered:
                    there = end[key] >= 0
                    row.append(rows[there])
                    owner.append(end[key[there]])
            else:
                of_item = who.get(family.name)
                row.append(rows)
                owner.append(rank[key if of_item is None else of_item[key]])
            shared.append(of_set)
        rows, owners = np.concatenate(row), np.concatenate(owner)
        order = np.argsort(owners, kind="stable")
        self._row = rows[order]
        self._row_start = np.searchsorted(owners[order], np.arange(self.n + 1))
        self.shared = np.concatenate(shared)


@dataclass(frozen=True)
class _Region:
    """A solved region: what it adds to the bound, whether it was solved, and up to which excess."""

    gain: float
    solved: bool
    excess: float = 0.0


@dataclass
class Closing:
    """What closing gave.

    Parameters
    ----------
    x : ndarray of float, shape (columns,)
        The answer.
    bound : float
        What is proven.
    regions : int
        Regions of the last round.
    """

    x: NDArray[np.float64]
    bound: float
    regions: int = 0


class Closer:
    """Regions around what is not proven, for one split of the costs.

    Parameters
    ----------
    program : Program
        The program.
    ascent : Ascent
        The split; it must not change meanwhile.
    territory : Territory
        Rows and columns of each detection.
    """

    def __init__(self, program: Program, ascent: Ascent, territory: Territory) -> None:
        self._program, self._ascent, self._territory = program, ascent, territory
        self._columns = program.description.columns
        self._base = ascent.bound()
        self._least = ascent.least.copy()
        self.zero, self.one = ascent.column_slack(self._columns)
        self._copy_slack = ascent.copy_slack
        f = ascent.factors
        tail = f.out.owner.astype(np.int64)
        first, second = f.into.owner[f.out.mate], f.into.owner[f.out.other_mate]
        two = f.out.other_mate >= 0
        self._tail, self._head = np.r_[tail, tail[two]], np.r_[first, second[two]].astype(np.int64)
        self._arc = np.r_[f.out.arc, f.out.arc[two]]
        cost = np.abs(f.arc_cost[:, 0])
        self._unit = float(np.median(cost)) if len(cost) else 1.0
        self._memory: dict[bytes, _Region] = {}
        self._bridges = np.zeros(self._columns.size, bool)

    def close(
        self, x: NDArray[np.float64], target: float, control: Control, *, rounds: int = ROUNDS, largest: int = LARGEST
    ) -> Closing:
        """Improve an answer and the bound until they are `target` apart.

        Parameters
        ----------
        x : ndarray of float, shape (columns,)
            A feasible answer.
        target : float
            Absolute gap.
        control : Control
            Time, cancel and progress.
        rounds : int, optional
            How often regions may grow.
        largest : int, optional
            Detections of the largest region.

        Returns
        -------
        Closing
        """
        f, program = self._ascent.factors, self._program
        x = x.copy()
        radius = np.full(f.n, -1)
        best = Closing(x, self._base)
        reach = REACH * self._unit
        for _ in range(rounds):
            excess = self._ascent.excess(self._columns, x)
            radius[_carriers(excess, target) & (radius < 0)] = HOPS
            regions = self._regions(radius, reach, x)
            if not regions:
                break
            gains, solved = [], []
            for detections in regions:
                region = _Region(0.0, False)
                if control.stop_status is None and len(detections) <= largest:
                    local = max(float(excess[detections].sum()), 0.0)
                    region, x = self._solve(detections, x, local, control)
                gains.append(region.gain)
                solved.append(region.solved)
            value = program.value(x)
            bound = min(self._base + sum(gains), value)
            best = Closing(x, max(best.bound, bound), len(regions))
            control.report("regions", value, best.bound)
            _log.debug(
                "%d regions, largest %d: energy %.6f, bound %.6f",
                len(regions), max(map(len, regions)), value, best.bound,
            )  # fmt: skip
            if value - best.bound <= target or control.stop_status is not None:
                break
            excess = self._ascent.excess(self._columns, x)
            grown = False
            for detections, gain, done in zip(regions, gains, solved, strict=True):
                left = float(excess[detections].sum()) - gain
                if done and left > max(target / len(regions) / 2, NOISE):
                    centres = detections[radius[detections] >= 0]
                    radius[centres] += 2
                    grown = True
            if not grown and not (_carriers(excess, target) & (radius < 0)).any():
                break
            reach *= FASTER
        return best

    def move(self, program: Program, territory: Territory) -> None:
        """Go on with another program that differs in limits and pinned rows only.

        Parameters
        ----------
        program : Program
            The new program.
        territory : Territory
            Made for its description.
        """
        self._program, self._territory = program, territory

    def columns_around(self, columns: NDArray[np.int64], radius: int, x: NDArray[np.float64]) -> NDArray[np.int64]:
        """Give the columns of all detections near some columns.

        Parameters
        ----------
        columns : ndarray of int
            Where to begin.
        radius : int
            Arcs to go, of small slack or in the answer.
        x : ndarray of float, shape (columns,)
            The answer.

        Returns
        -------
        ndarray of int
            Sorted columns that touch no other detection.
        """
        territory = self._territory
        seeds = np.concatenate([end[columns] for end in territory.ends])
        balls = np.full(territory.n, -1)
        balls[seeds[seeds >= 0]] = radius
        members = np.concatenate(self._regions(balls, REACH * self._unit * radius, x))
        inside = np.zeros(territory.n, bool)
        inside[members] = True
        near = territory.columns(members)
        return near[np.all([(end[near] < 0) | inside[end[near]] for end in territory.ends], axis=0)]

    # ------------------------------------------------------------------ helpers
    def _regions(self, radius: NDArray[np.int64], reach: float, x: NDArray[np.float64]) -> list[NDArray[np.int64]]:
        """Grow balls around the centres along arcs of small slack, and merge those that meet."""
        if radius.max(initial=-1) < 0:
            return []
        column = self._ascent.factors.arc_column[self._arc]
        near = (self.one[column] <= reach) | (x[column] > 0.5) | self._bridges[column]
        tail, head = self._tail[near], self._head[near]
        left = radius.copy()
        for _ in range(int(radius.max())):
            further = left.copy()
            np.maximum.at(further, head, left[tail] - 1)
            np.maximum.at(further, tail, left[head] - 1)
            if np.array_equal(further, left):
                break
            left = further
        members = np.flatnonzero(left >= 0)
        place = np.full(len(radius), -1)
        place[members] = np.arange(len(members))
        both = (place[tail] >= 0) & (place[head] >= 0)
        graph = sp.coo_matrix(
            (np.ones(both.sum(), np.int8), (place[tail[both]], place[head[both]])), shape=(len(members),) * 2
        )
        _, label = connected_components(graph, directed=False)
        order = np.argsort(label, kind="stable")
        return np.split(members[order], np.flatnonzero(np.diff(label[order])) + 1)

    def _solve(
        self, detections: NDArray[np.int64], x: NDArray[np.float64], excess: float, control: Control
    ) -> tuple[_Region, NDArray[np.float64]]:
        """Solve a region priced, and held if its rim differs from the answer."""
        territory = self._territory
        inside = np.zeros(territory.n, bool)
        inside[detections] = True
        columns = territory.columns(detections)
        limits = self._program.limits
        key = detections.tobytes() + limits.lower[columns].tobytes() + limits.upper[columns].tobytes()
        rows = territory.rows(detections, inside)
        shared = rows[territory.shared[rows] >= 0]
        if len(shared):
            key += self._program.matrix[shared].indices.tobytes() + self._program.lower[shared].tobytes()
        known = self._memory.get(key)
        if known is not None and excess <= max(known.excess, known.gain + NOISE):
            return known, x
        ends = [end[columns] for end in territory.ends]
        inner = np.all([(end < 0) | inside[end] for end in ends], axis=0)
        point, optimum = self._priced(detections, columns, rows, inner, inside, excess, control)
        if not np.isfinite(optimum):
            if optimum == inf:  # nothing better than the answer is possible here
                region = self._memory[key] = _Region(excess, True, excess)
                return region, x
            return _Region(0.0, False), x
        gain = optimum - float(self._least[detections].sum()) + self._released(inside)
        region = _Region(min(max(gain, 0.0), excess), True, excess)
        better = x.copy()
        if point is not None:
            better[columns[inner]] = point[inner]
            rim = columns[~inner]
            self._bridges[rim[point[~inner] != x[rim]]] = True  # here the region wants to grow
        fits = point is not None and np.array_equal(point[~inner], x[columns[~inner]])
        if not fits or not self._program.holds_at(better, columns[inner]):
            found = self._program.solve_held(x, columns[inner], control)
            better = x if found is None else found
        mine = columns[inner]
        if float((self._program.cost[mine] * (better[mine] - x[mine])).sum()) < 0:
            x = better
        self._memory[key] = region
        return region, x

    def _priced(
        self,
        detections: NDArray[np.int64],
        columns: NDArray[np.int64],
        rows: NDArray[np.int64],
        inner: NDArray[np.bool_],
        inside: NDArray[np.bool_],
        excess: float,
        control: Control,
    ) -> tuple[NDArray[np.float64] | None, float]:
        """Solve the region with its rim priced; give its best point and what it cannot be below."""
        program, limits = self._program, self._program.limits
        cost = self._price(detections, columns, inner, inside)
        matrix = program.matrix[rows][:, columns].tocsr()
        cuts = program.cuts_of(columns)
        there = cuts[:, columns].tocsr()
        cuts = there[np.flatnonzero(np.diff(there.indptr) == np.diff(cuts.indptr))]  # the others are law outside
        slack = excess + 1e-9 * max(excess, 1.0)
        lower = np.where(inner & (self.zero[columns] > slack), 1.0, limits.lower[columns])
        one = np.where(inner, self.one[columns], self._rim_slack(detections, columns))
        upper = np.where(one > slack, 0.0, limits.upper[columns])
        if np.any(lower > upper):
            return None, inf
        block = Block(
            columns, cost, matrix, program.lower[rows], program.upper[rows], cuts, np.zeros(cuts.shape[0]), lower, upper
        )
        relaxed, added = program.relax(block, control)
        if relaxed.status == "infeasible":
            return None, inf
        if relaxed.status != "optimal" or relaxed.x is None:
            return None, -inf
        point = np.round(relaxed.x)
        if np.abs(point - relaxed.x).max() < 1e-6:
            return point, min(relaxed.bound, float(cost @ point))
        tight = Block(
            columns,
            cost,
            sp.vstack([matrix, cuts[np.array(added, np.int64)]]).tocsr(),
            np.concatenate([block.lower, np.full(len(added), -np.inf)]),
            np.concatenate([block.upper, np.zeros(len(added))]),
            cuts[:0],
            np.zeros(0),
            lower,
            upper,
        )
        answer = program.solve_integer(tight, control)
        if answer.status == "infeasible":
            return None, inf
        if answer.x is None:
            return None, max(relaxed.bound, answer.bound)
        point = np.round(answer.x)
        return point, min(max(answer.bound, relaxed.bound), float(cost @ point))

    def _price(
        self,
        detections: NDArray[np.int64],
        columns: NDArray[np.int64],
        inner: NDArray[np.bool_],
        inside: NDArray[np.bool_],
    ) -> NDArray[np.float64]:
        """Price the columns of a region: full inside, by the copies inside on the rim."""
        a, f = self._ascent, self._ascent.factors
        cost = f.price[columns].copy()
        for s in range(len(a.multiplier)):
            members = f.set_member[f.set_start[s] : f.set_start[s + 1]]
            if a.multiplier[s] and inside[members].any() and not inside[members].all():
                first = self._columns.count.start[np.argsort(f.rank)[members[inside[members]]]]
                cost[np.searchsorted(columns, first)] += a.multiplier[s]
        cost[~inner] = 0.0
        for side, copies in ((f.out, a.out), (f.into, a.into)):
            mine = _ranges(side.start[detections], side.start[detections + 1])
            arc = side.arc[mine]
            table = copies[mine].reshape(len(mine), f.size)
            for k in range(f.size):
                there = np.flatnonzero(f.arc_capacity[arc] > k)
                place = np.searchsorted(columns, f.arc_column[arc[there]] + k)
                step = table[there, k] - (table[there, k - 1] if k else 0.0)
                rim = ~inner[place]
                np.add.at(cost, place[rim], step[rim])
        return cost

    def _rim_slack(self, detections: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.float64]:
        """Tell what the factors inside rise by if an arc on the rim is used."""
        f = self._ascent.factors
        slack = np.full(len(columns), -1.0)
        for side, states in ((f.into, self._copy_slack[0]), (f.out, self._copy_slack[1])):
            mine = _ranges(side.start[detections], side.start[detections + 1])
            arc = side.arc[mine]
            above = np.minimum.accumulate(states[mine][:, ::-1], axis=1)[:, ::-1]
            for k in range(f.size):
                there = np.flatnonzero(f.arc_capacity[arc] > k)
                place = np.searchsorted(columns, f.arc_column[arc[there]] + k)
                slack[place] = np.maximum(slack[place], above[there, k + 1])
        return np.where(slack < 0, self.one[columns], slack)

    def _released(self, inside: NDArray[np.bool_]) -> float:
        """Sum the multipliers of the sets that lie inside: there the row itself holds."""
        a, f = self._ascent, self._ascent.factors
        total = 0.0
        for s in range(len(a.multiplier)):
            members = f.set_member[f.set_start[s] : f.set_start[s + 1]]
            if inside[members].all():
                total += float(a.multiplier[s])
        return total


def _carriers(excess: NDArray[np.float64], target: float) -> NDArray[np.bool_]:
    """Pick the largest excesses, but for a sum of small ones that may stay."""
    order = np.argsort(excess)
    small = np.cumsum(np.maximum(excess[order], 0.0)) <= target / 2
    picked = np.ones(len(excess), bool)
    picked[order[small]] = False
    return picked & (excess > NOISE)


def _ranges(start: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.int64]:
    """Concatenate ranges."""
    number = end - start
    first = np.repeat(start - np.concatenate([[0], np.cumsum(number)[:-1]]), number)
    return first + np.arange(int(number.sum()))
