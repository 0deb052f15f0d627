"""The integer program as arrays: columns, rows and costs, described once for every solver.

All columns are binary. A count of ``k`` is ``k`` layers: ``count[i, k] = 1`` says that detection i holds at least k
objects; the same for objects on a link (``flow``), for those that appear (``appears``) and disappear (``vanishes``).
The law, in rows (SPEC of conservation tracking; the name of a family is its name in the Pyomo model):

* ``ordered``: ``v[k + 1] <= v[k]`` for the layers of every count;
* ``conserve_in``: ``sum of flow in + appears = count``; a named division counts one for each child, a merge one for
  its target;
* ``conserve_out``: ``sum of flow out + vanishes = count + divides``; a named division takes one from its parent, a
  merge one from each source;
* ``divide_single``: ``divides <= count[1] - count[2]``, only a single object divides;
* ``divide_or_vanish``: ``divides + vanishes[1] <= 1``; where children are separate, named divisions of the same parent
  count on the left; there also ``divide_or_merge``: ``divides + merge <= 1`` for each source of a merge;
* ``divide_into_two``: ``divides + flow[a, 2] <= 1``, the children are two different objects;
* ``appear_whole``, ``vanish_whole``: ``appears[1] + flow[a, 1] <= 1``, a merger appears and vanishes as a whole;
* ``exclude``: of competing detections at most one is used;
* ``two_frames``: ``appears[1] + vanishes[1] <= 1``, only where tracks of one frame are not allowed;
* ``named_single``, ``named_once``: a named division needs a parent of count one, and a parent has at most one;
* ``merge_single``: a merge needs a target of count one;
* ``child_moves``, ``two_children``: where the energy of a division depends on its links, ``child[a] <= flow[a, 1]``
  and ``sum of child = 2 divides``; ``children_apart``: ``child[a] + child[b] <= 1`` for two links at a narrow angle.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import scipy.sparse as sp

from nbtrack.data.problem import Problem, Solution
from nbtrack.model.objective import has_division_variable

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Layers(NamedTuple):
    """The columns of one kind of count.

    Parameters
    ----------
    start : ndarray of int, shape (items + 1,)
        Item i owns the columns ``start[i]`` to ``start[i + 1]``, one per layer.
    item, layer : ndarray of int, shape (columns,)
        Whose layer each column is, and which one, from 1.
    """

    start: NDArray[np.int64]
    item: NDArray[np.int64]
    layer: NDArray[np.int64]

    @property
    def columns(self) -> NDArray[np.int64]:
        """All columns of this kind."""
        return np.arange(self.start[0], self.start[-1])

    def column(self, item: NDArray[np.int64], layer: int | NDArray[np.int64]) -> NDArray[np.int64]:
        """Tell the column of a layer of each item, -1 where there is none."""
        start = self.start[item]
        return np.where(start + layer <= self.start[np.asarray(item) + 1], start + layer - 1, -1)


@dataclass(frozen=True)
class Columns:
    """Where every variable stands.

    Parameters
    ----------
    count, flow, appears, vanishes : Layers
        The four kinds of counts.
    divides : ndarray of int, shape (n,)
        Column of the division of each detection, or -1.
    child : ndarray of int, shape (a,)
        Column that says that a link leads from a dividing parent to a child, or -1.
    named : ndarray of int, shape (e,)
        Column of each named division.
    merge : ndarray of int, shape (g,)
        Column of each merge.
    size : int
        Number of columns.
    """

    count: Layers
    flow: Layers
    appears: Layers
    vanishes: Layers
    divides: NDArray[np.int64]
    child: NDArray[np.int64]
    named: NDArray[np.int64]
    merge: NDArray[np.int64]
    size: int


class Rows(NamedTuple):
    """A family of rows ``lower <= A x <= upper``; `row`, `column` and `value` are the entries of A.

    Parameters
    ----------
    name : str
        What law the rows state.
    row, column : ndarray of int
        Position of each entry.
    value : ndarray of float
        The entries.
    lower, upper : ndarray of float, shape (rows,)
        Limits.
    key : ndarray of int, shape (rows,)
        What each row is about: a detection, a link, a column or a set.
    """

    name: str
    row: NDArray[np.int32]
    column: NDArray[np.int32]
    value: NDArray[np.number]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    key: NDArray[np.int64]


@dataclass(frozen=True)
class Description:
    """An integer program: minimise ``cost @ x + constant`` over binary x under all rows.

    Parameters
    ----------
    problem : Problem
        What it describes.
    columns : Columns
        Where every variable stands.
    cost : ndarray of float, shape (columns,)
        Cost of each column.
    constant : float
        Energy of the answer in which every variable is 0.
    families : tuple of Rows
        The law.
    """

    problem: Problem
    columns: Columns
    cost: NDArray[np.float64]
    constant: float
    families: tuple[Rows, ...]

    @cached_property
    def matrix(self) -> sp.csr_matrix:
        """All rows, family after family, shape (rows, columns)."""
        offsets = np.cumsum([0] + [len(f.lower) for f in self.families])
        row = np.concatenate([f.row + np.int32(o) for f, o in zip(self.families, offsets, strict=False)])
        column = np.concatenate([f.column for f in self.families])
        value = np.concatenate([f.value for f in self.families]).astype(np.float64)
        return sp.coo_matrix((value, (row, column)), shape=(offsets[-1], self.columns.size)).tocsr()

    @cached_property
    def lower(self) -> NDArray[np.float64]:
        """Lower limits of all rows."""
        return np.concatenate([f.lower for f in self.families])

    @cached_property
    def upper(self) -> NDArray[np.float64]:
        """Upper limits of all rows."""
        return np.concatenate([f.upper for f in self.families])

    def solution_of(self, x: NDArray[np.float64]) -> Solution:
        """Read the states off a vector of columns.

        Parameters
        ----------
        x : ndarray of float, shape (columns,)
            Values that are 0 or 1 up to a tolerance.

        Returns
        -------
        Solution
        """
        on = x > 0.5
        c = self.columns

        def states(layers: Layers) -> NDArray[np.int64]:
            return np.bincount(layers.item, on[layers.columns], minlength=len(layers.start) - 1).astype(np.int64)

        return Solution(
            count=states(c.count),
            flow=states(c.flow),
            appears=states(c.appears),
            vanishes=states(c.vanishes),
            divides=(c.divides >= 0) & on[c.divides],
            external=on[c.named],
            merges=on[c.merge],
        )

    def vector_of(self, solution: Solution) -> NDArray[np.float64]:
        """Write a solution as a vector of columns, shape (columns,)."""
        c = self.columns
        x = np.zeros(c.size)
        states = (solution.count, solution.flow, solution.appears, solution.vanishes)
        for layers, state in zip((c.count, c.flow, c.appears, c.vanishes), states, strict=True):
            x[layers.columns] = state[layers.item] >= layers.layer
        x[c.divides[c.divides >= 0]] = solution.divides[c.divides >= 0]
        of_child = np.flatnonzero(c.child >= 0)
        source = self.problem.source[of_child]
        x[c.child[of_child]] = (solution.flow[of_child] > 0) & solution.divides[source]
        x[c.named] = solution.external
        x[c.merge] = solution.merges
        return x


def describe(problem: Problem) -> Description:
    """Make rows, columns and costs of a problem.

    Parameters
    ----------
    problem : Problem
        Energies of all states.

    Returns
    -------
    Description
    """
    columns = _lay_out(problem)
    cost = np.zeros(columns.size)
    constant = 0.0
    for layers, energy in (
        (columns.count, problem.detection),
        (columns.flow, problem.link),
        (columns.appears, problem.appearance),
        (columns.vanishes, problem.disappearance),
    ):
        cost[layers.columns] = energy[layers.item, layers.layer] - energy[layers.item, layers.layer - 1]
        constant += float(energy[:, 0].sum())
    dividing = np.flatnonzero(columns.divides >= 0)
    cost[columns.divides[dividing]] = problem.division[dividing, 1] - problem.division[dividing, 0]
    constant += float(problem.division[dividing, 0].sum())
    if problem.division_link is not None:
        links = np.flatnonzero(columns.child >= 0)
        cost[columns.child[links]] = problem.division_link[links] - problem.link[links, 1]
    cost[columns.named] = problem.external[:, 1] - problem.external[:, 0]
    cost[columns.merge] = problem.merge[:, 1] - problem.merge[:, 0]
    constant += float(problem.external[:, 0].sum()) + float(problem.merge[:, 0].sum())
    families = tuple(f for f in _families(problem, columns) if len(f.lower))
    return Description(problem, columns, cost, constant, families)


def _lay_out(problem: Problem) -> Columns:
    first = 0

    def layers(capacity: NDArray[np.int64]) -> Layers:
        nonlocal first
        start = first + np.concatenate([[0], np.cumsum(capacity)]).astype(np.int64)
        item = np.repeat(np.arange(len(capacity)), capacity)
        layer = np.arange(start[-1] - first) - (start[item] - first) + 1
        first = int(start[-1])
        return Layers(start, item, layer)

    def singles(exists: NDArray[np.bool_]) -> NDArray[np.int64]:
        nonlocal first
        column = np.where(exists, first + np.cumsum(exists) - 1, -1)
        first += int(exists.sum())
        return column

    divides = has_division_variable(problem) & (problem.capacity > 0)
    has_child = np.zeros(problem.n_links, bool) if problem.division_link is None else divides[problem.source]
    return Columns(
        count=layers(problem.capacity),
        flow=layers(problem.link_capacity),
        appears=layers(problem.appearance_capacity),
        vanishes=layers(problem.disappearance_capacity),
        divides=singles(divides),
        child=singles(has_child),
        named=singles(np.ones(problem.n_external, bool)),
        merge=singles(np.ones(problem.n_merges, bool)),
        size=first,
    )


class _Family:
    """Collects the entries of a family of rows whose keys are known."""

    def __init__(self, name: str, key: NDArray[np.int64], lower: float, upper: float) -> None:
        self.name, self.key, self.lower, self.upper = name, np.asarray(key, np.int64), lower, upper
        self.entries: list[tuple[NDArray[np.int32], NDArray[np.int32], int]] = []

    def add(self, row: NDArray[np.int64], column: NDArray[np.int64], value: int) -> _Family:
        """Add entries; a column of -1 stands for a variable that is always 0."""
        there = column >= 0
        self.entries.append((row[there].astype(np.int32), column[there].astype(np.int32), value))
        return self

    def rows(self) -> Rows:
        n = len(self.key)
        return Rows(
            self.name,
            np.concatenate([r for r, _, _ in self.entries]),
            np.concatenate([c for _, c, _ in self.entries]),
            np.concatenate([np.full(len(r), v, np.int8) for r, _, v in self.entries]),
            np.full(n, self.lower),
            np.full(n, self.upper),
            self.key,
        )


def _families(p: Problem, c: Columns) -> list[Rows]:
    inf = np.inf
    detections, links = np.arange(p.n_detections), np.arange(p.n_links)
    dividing = np.flatnonzero(c.divides >= 0)
    families = []

    upper_layers = np.concatenate([v.columns[v.layer > 1] for v in (c.count, c.flow, c.appears, c.vanishes)])
    each = np.arange(len(upper_layers))
    families.append(
        _Family("ordered", upper_layers, -inf, 0).add(each, upper_layers, 1).add(each, upper_layers - 1, -1)
    )

    conserve_in = _Family("conserve_in", detections, 0, 0)
    conserve_in.add(p.target[c.flow.item], c.flow.columns, 1).add(c.appears.item, c.appears.columns, 1)
    conserve_out = _Family("conserve_out", detections, 0, 0)
    conserve_out.add(p.source[c.flow.item], c.flow.columns, 1).add(c.vanishes.item, c.vanishes.columns, 1)
    for family in (conserve_in, conserve_out):
        family.add(c.count.item, c.count.columns, -1)
    conserve_out.add(dividing, c.divides[dividing], -1)
    for child in range(2):
        conserve_in.add(p.external_children[:, child], c.named, 1)
        conserve_out.add(p.merge_sources[:, child], c.merge, 1)
    conserve_out.add(p.external_parent, c.named, 1)
    conserve_in.add(p.merge_target, c.merge, 1)
    families += [conserve_in, conserve_out]

    each = np.arange(len(dividing))
    single = _Family("divide_single", dividing, -inf, 0).add(each, c.divides[dividing], 1)
    single.add(each, c.count.column(dividing, 1), -1).add(each, c.count.column(dividing, 2), 1)
    end = _Family("divide_or_vanish", dividing, -inf, 1).add(each, c.divides[dividing], 1)
    families += [single, end.add(each, c.vanishes.column(dividing, 1), 1)]
    if p.separate_children:
        # a named division takes one of the two units that leave, so that only one child of its own would be left
        row = np.searchsorted(dividing, p.external_parent)
        end.add(row, np.where(np.isin(p.external_parent, dividing), c.named, -1), 1)
        merge, side = np.nonzero(c.divides[p.merge_sources] >= 0)
        source, each = p.merge_sources[merge, side], np.arange(len(merge))
        apart = _Family("divide_or_merge", source, -inf, 1).add(each, c.divides[source], 1)
        families.append(apart.add(each, c.merge[merge], 1))
        double = links[(c.divides[p.source] >= 0) & (p.link_capacity > 1)]
        each = np.arange(len(double))
        pair = _Family("divide_into_two", double, -inf, 1).add(each, c.divides[p.source[double]], 1)
        families.append(pair.add(each, c.flow.column(double, 2), 1))

    if not p.partial_appearance:
        for name, layers, end_of in (("appear_whole", c.appears, p.target), ("vanish_whole", c.vanishes, p.source)):
            event = layers.column(end_of, 1)
            both = links[(p.capacity[end_of] > 1) & (p.link_capacity > 0) & (event >= 0)]
            each = np.arange(len(both))
            whole = _Family(name, both, -inf, 1).add(each, event[both], 1)
            families.append(whole.add(each, c.flow.column(both, 1), 1))
    if not p.one_frame_tracks:
        ends = [layers.column(detections, 1) for layers in (c.appears, c.vanishes)]
        both = detections[(ends[0] >= 0) & (ends[1] >= 0)]
        each = np.arange(len(both))
        families.append(_Family("two_frames", both, -inf, 1).add(each, ends[0][both], 1).add(each, ends[1][both], 1))

    sets = [s for s in p.exclusions if len(s) > 1]
    row = np.repeat(np.arange(len(sets)), [len(s) for s in sets])
    members = np.concatenate([np.zeros(0, np.int64), *sets])
    families.append(_Family("exclude", np.arange(len(sets)), -inf, 1).add(row, c.count.column(members, 1), 1))

    each = np.arange(p.n_external)
    named = _Family("named_single", each, -inf, 0).add(each, c.named, 1)
    named.add(each, c.count.column(p.external_parent, 1), -1).add(each, c.count.column(p.external_parent, 2), 1)
    parents, parent_row = np.unique(p.external_parent, return_inverse=True)
    families += [named, _Family("named_once", parents, -inf, 1).add(parent_row, c.named, 1)]

    each = np.arange(p.n_merges)
    merged = _Family("merge_single", each, -inf, 0).add(each, c.merge, 1)
    merged.add(each, c.count.column(p.merge_target, 1), -1).add(each, c.count.column(p.merge_target, 2), 1)
    families.append(merged)

    of_child = np.flatnonzero(c.child >= 0)
    each = np.arange(len(of_child))
    moves = _Family("child_moves", of_child, -inf, 0).add(each, c.child[of_child], 1)
    families.append(moves.add(each, c.flow.column(of_child, 1), -1))
    if len(of_child):
        position = np.full(p.n_detections, -1)
        position[dividing] = np.arange(len(dividing))
        two = _Family("two_children", dividing, 0, 0).add(position[p.source[of_child]], c.child[of_child], 1)
        families.append(two.add(np.arange(len(dividing)), c.divides[dividing], -2))
        each = np.arange(len(p.narrow_links))
        apart = _Family("children_apart", p.narrow_links[:, 0], -inf, 1).add(each, c.child[p.narrow_links[:, 0]], 1)
        families.append(apart.add(each, c.child[p.narrow_links[:, 1]], 1))
    return [family.rows() for family in families]
