"""From events that name their objects to plain flows: divisions, mergers, and second masks of one object.

* A merge, a chain of objects and then a division are two objects under one mask: the chain holds two. So does a chain
  that goes on from a merge to the last frame. Where the mask halves on the way while another one beside it doubles,
  one of the two objects went over to the other mask.
* A division, two chains of equal length and then a merge are one object under two masks: the larger mask carries the
  track, the others are *fragments* and count as false detections.
* What is left of divisions are divisions; of a merge that never parts again the larger object goes on, the other ends.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from nbtrack.model.objective import event_energy, link_energy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbtrack.data.graph import HypothesisGraph
    from nbtrack.data.problem import Problem, Solution
    from nbtrack.solvers.pinned import PinnedState


@dataclass(frozen=True)
class Flows:
    """An answer without events by name.

    Parameters
    ----------
    graph : HypothesisGraph
        With all links that are in use.
    solution : Solution
        Counts, flows and divisions.
    link_energy : ndarray of float, shape (a,)
        Energy of each link; a merge, and a division that ends a merger, shares its energy between its two links.
    division_energy : ndarray of float, shape (n,)
        Energy of the division of each object.
    fragments : ndarray of int, shape (k, 2)
        Objects that are a second mask, and those they belong to.
    """

    graph: HypothesisGraph
    solution: Solution
    link_energy: np.ndarray
    division_energy: np.ndarray
    fragments: np.ndarray


def unfold(
    graph: HypothesisGraph, problem: Problem, solution: Solution, longest: int, pins: Sequence[PinnedState] = ()
) -> Flows:
    """Write an answer as flows alone.

    Parameters
    ----------
    graph : HypothesisGraph
        Detections and links.
    problem : Problem
        Its events by name.
    solution : Solution
        A state for every variable.
    longest : int
        Most frames that two objects share a mask, or one has two.
    pins : sequence of PinnedState, optional
        States that must still hold afterwards.

    Returns
    -------
    Flows
    """
    energy, division_energy = link_energy(problem, solution), event_energy(problem, solution)[2]
    if not (solution.external.any() or solution.merges.any()):
        return Flows(graph, solution, energy, division_energy, np.zeros((0, 2), np.int64))
    unfolding = _Unfolding(graph, problem, solution, energy, division_energy.copy(), longest, pins)
    unfolding.find_exchanges()
    unfolding.find_mergers()
    unfolding.find_fragments()
    unfolding.find_last_mergers()
    unfolding.close_rest()
    return unfolding.flows()


class _Unfolding:
    """Rewrites one event after another."""

    def __init__(
        self,
        graph: HypothesisGraph,
        problem: Problem,
        solution: Solution,
        energy: np.ndarray,
        division_energy: np.ndarray,
        longest: int,
        pins: Sequence[PinnedState],
    ) -> None:
        self._held = {
            (int(problem.source[pin.index]), int(problem.target[pin.index]))
            for pin in pins
            if pin.kind == "link" and pin.low
        }
        self._divide_held = {pin.index for pin in pins if pin.kind == "division" and pin.low}
        self._least = {pin.index: pin.low for pin in pins if pin.kind == "count"}
        self._most = {pin.index: pin.high for pin in pins if pin.kind == "count"}
        self._graph, self._solution, self._longest = graph, solution, longest
        self._count, self._vanishes = solution.count.copy(), solution.vanishes.copy()
        self._divides, self._division_energy = solution.divides.copy(), division_energy
        self._fragments: list[tuple[int, int]] = []
        used = np.flatnonzero(solution.flow)
        self._links = {
            (i, j): [flow, value]
            for i, j, flow, value in zip(
                problem.source[used].tolist(),
                problem.target[used].tolist(),
                solution.flow[used].tolist(),
                energy[used].tolist(),
                strict=True,
            )
        }
        on = np.flatnonzero(solution.external)
        self._divisions = {
            int(problem.external_parent[e]): (problem.external_children[e].tolist(), float(problem.external[e, 1]))
            for e in on
        }
        on = np.flatnonzero(solution.merges)
        self._merges = {
            int(problem.merge_target[g]): (problem.merge_sources[g].tolist(), float(problem.merge[g, 1])) for g in on
        }
        self._candidates = set(zip(problem.source.tolist(), problem.target.tolist(), strict=True))
        self._next = {i: j for (i, j), (flow, _) in self._links.items() if flow == 1 and self._is_single(i)}
        self._merge_of = {i: target for target, (sources, _) in self._merges.items() for i in sources}

    def _is_single(self, i: int) -> bool:
        return bool(self._count[i] == 1 and not self._divides[i])

    def find_exchanges(self) -> None:
        """Let an object go over from one merger to the next, where one mask halves and another one doubles."""
        waiting = sorted(self._merges)
        for first in waiting:
            chain = self._chain(first)
            for k, (i, j) in enumerate(pairwise(chain)):
                found = self._find_doubled(i) if self._is_nearer(i, j, 0.5) else None
                if found is None:
                    continue
                other, doubled = found
                if self._share(chain[: k + 1]):
                    _, energy = self._links.pop((other, doubled))
                    del self._next[other]  # it merges now, and goes on alone no longer
                    self._merges[doubled] = [i, other], energy
                    waiting.append(doubled)
                break

    def _find_doubled(self, i: int) -> tuple[int, int] | None:
        """Find the link into a mask that took over an object of `i`: the mask is then two objects until they part."""
        for other, doubled in sorted(self._links):
            if (
                (i, doubled) in self._candidates
                and doubled not in self._merges
                and other != i
                and self._next.get(other) == doubled
                and self._is_nearer(other, doubled, 2.0)
                and self._chain(doubled)[-1] in self._divisions
            ):
                return other, doubled
        return None

    def _is_nearer(self, i: int, j: int, ratio: float) -> bool:
        """Tell whether the size of `j` is nearer to so many times that of `i` than to that of `i`."""
        change = np.log(self._graph.size[j] / self._graph.size[i])
        return bool(abs(change - np.log(ratio)) < abs(change))

    def find_mergers(self) -> None:
        """Let the chain from a merge to a division hold two objects."""
        for first in sorted(self._merges):
            chain = self._chain(first)
            if chain[-1] in self._divisions and chain[-1] not in self._divide_held and self._share(chain):
                targets, gain = self._divisions.pop(chain[-1])
                for j in targets:
                    self._links[chain[-1], j] = [1, gain / 2]

    def find_last_mergers(self) -> None:
        """Let the chain from a merge to the last frame hold two objects."""
        for first in sorted(self._merges):
            chain = self._chain(first)
            if self._graph.t[chain[-1]] == self._graph.last_frame and self._share(chain):
                self._vanishes[chain[-1]] = 2

    def _share(self, chain: list[int]) -> bool:
        """Let a chain hold both objects that merge in its first object, unless it may not."""
        if self._count[chain].max() > 1 or min(self._most.get(i, 2) for i in chain) < 2:
            return False
        sources, cost = self._merges.pop(chain[0])
        self._count[chain] = 2
        for i, j in pairwise(chain):
            self._links[i, j][0] = 2
        for i in sources:
            self._links[i, chain[0]] = [1, cost / 2]
        return True

    def find_fragments(self) -> None:
        """Leave one of two chains from a division to a merge."""
        for mother in sorted(self._divisions):
            (one, two), cost = self._divisions[mother]
            chains = self._chain(one), self._chain(two)
            ends = [self._merge_of.get(chain[-1], -1) for chain in chains]
            if ends[0] < 0 or ends[0] != ends[1] or len(chains[0]) != len(chains[1]) or ends[0] not in self._merges:
                continue
            order = sorted(chains, key=lambda chain: -self._graph.size[chain].sum())
            kept, dropped = sorted(order, key=lambda chain: not self._is_held([mother, *chain, ends[0]]))
            if mother in self._divide_held or self._is_held([mother, *dropped, ends[0]]):
                continue
            del self._divisions[mother]
            _, gain = self._merges.pop(ends[0])
            self._links[mother, kept[0]], self._links[kept[-1], ends[0]] = [1, cost], [1, gain]
            for i, j in pairwise(dropped):
                del self._links[i, j]
            self._count[dropped] = 0
            self._fragments += zip(dropped, kept, strict=True)

    def close_rest(self) -> None:
        """Turn what is left into divisions, and into ends of the smaller objects."""
        for mother, (children, cost) in self._divisions.items():
            self._divides[mother], self._division_energy[mother] = True, cost
            for child in children:
                self._links[mother, child] = [1, 0.0]
        for target, (sources, cost) in self._merges.items():
            order = sorted(sources, key=lambda i: -self._graph.size[i])
            larger, smaller = sorted(order, key=lambda i: (i, target) not in self._held)
            self._links[larger, target] = [1, cost]
            if (smaller, target) in self._held:
                self._links[smaller, target] = [1, 0.0]
                self._count[target] += 1
                self._vanishes[target] += 1
            else:
                self._vanishes[smaller] += 1

    def _is_held(self, path: list[int]) -> bool:
        """Tell whether a pin holds a link or an inner object of a path."""
        return any(pair in self._held for pair in pairwise(path)) or any(self._least.get(i) for i in path[1:-1])

    def flows(self) -> Flows:
        """Put all links in order."""
        ends = sorted(self._links)
        flow, energy = np.array([self._links[pair] for pair in ends]).reshape(-1, 2).T
        source, target = np.array(ends, np.int64).reshape(-1, 2).T
        position = self._graph.position
        distance = np.linalg.norm(position[source] - position[target], axis=1)
        return Flows(
            replace(self._graph, source=source, target=target, distance=distance),
            replace(
                self._solution,
                count=self._count,
                flow=flow.astype(np.int64),
                vanishes=self._vanishes,
                divides=self._divides,
                external=np.zeros(0, bool),
                merges=np.zeros(0, bool),
            ),
            energy,
            self._division_energy,
            np.array(self._fragments, np.int64).reshape(-1, 2),
        )

    def _chain(self, first: int) -> list[int]:
        """Follow an object as long as it goes on alone."""
        chain = [first]
        while len(chain) < self._longest:
            following = self._next.get(chain[-1], -1)
            if following < 0 or self._count[following] != 1:
                break
            chain.append(following)
        return chain
