"""Stretches in which two objects share a mask: one decision about them says where the second one went in and came out.

A track that ends beside an object that goes on, and one that starts beside what follows, are often one track that was
hidden in a merger in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nbtrack.review.reading import links_of_fates

if TYPE_CHECKING:
    from nbtrack.data.graph import HypothesisGraph
    from nbtrack.data.problem import Problem


@dataclass(frozen=True)
class Stretch:
    """An object that may have been hidden in a merger; objects are detections of the graph.

    Parameters
    ----------
    end : int
        Where it was seen last.
    chain : tuple of int
        The mask in which it was hidden, frame by frame.
    start : int
        Where it is seen again.
    n_changes : int
        Number of links that would change.
    """

    end: int
    chain: tuple[int, ...]
    start: int
    n_changes: int


def find_stretches(codes: np.ndarray, graph: HypothesisGraph, problem: Problem, longest: int) -> dict[int, Stretch]:
    """Find where objects may have been hidden in a merger.

    Parameters
    ----------
    codes : ndarray of int64, shape (n,)
        What becomes of each object, as `nbtrack.review.fates.encode_fates` writes it.
    graph : HypothesisGraph
        The objects.
    problem : Problem
        Candidate links and their energies.
    longest : int
        Most frames that a mask is shared.

    Returns
    -------
    dict of int to Stretch
        The cheapest stretch by the object that goes in, and by the mask out of which it comes.
    """
    n, t = len(codes), graph.t
    low, high = links_of_fates(codes, n)
    near = (low >= 0) & (t[low] == t + 1)
    entered = np.zeros(n, bool)
    for ends in (low, high):
        entered[ends[near]] = True
    starts = ~entered & (codes >= 0) & (t > t.min(initial=0))
    away = (codes == 0) & (t < graph.last_frame) | ((low >= 0) & ~near)
    first = np.searchsorted(problem.source, np.arange(n + 1))
    gain = problem.link[:, 1] - problem.link[:, 0]

    def ways(i: int) -> list[tuple[int, float]]:
        """List the objects of the next frame to which an object may go."""
        links = range(first[i], first[i + 1])
        return [(int(problem.target[a]), float(gain[a])) for a in links if t[problem.target[a]] == t[i] + 1]

    found: dict[int, tuple[float, Stretch]] = {}
    for end in np.flatnonzero(away).tolist():
        beyond = int(low[end])
        for mask, cost in ways(end):
            chain = [mask] if entered[mask] else []
            while chain and len(chain) <= longest:
                last = chain[-1]
                out = [(extra, j) for j, extra in ways(last) if starts[j] and (beyond < 0 or j == beyond)]
                if out:
                    extra, start = min(out)
                    stretch = Stretch(end, tuple(chain), start, len(chain) + 1 + (beyond >= 0))
                    for place in (end, last):
                        if place not in found or cost + extra < found[place][0]:
                            found[place] = cost + extra, stretch
                    break
                if not near[last] or low[last] != high[last]:
                    break
                chain.append(int(low[last]))
    return {place: stretch for place, (_, stretch) in found.items()}
