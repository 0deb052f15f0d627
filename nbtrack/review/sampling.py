"""How sure the answer is: the movie is solved again with energies that are shaken, and what always comes out is sure.

Perturb and MAP (Papandreou and Yuille, ICCV 2011): with noise of the right size on each energy, the best answers are
nearly draws from the distribution that the energies define. Pins hold in every draw. The linear relaxation is enough
here, and quick, as each draw begins where the last one ended: where it is fractional the likelier half counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from nbtrack.solvers.control import Control
from nbtrack.solvers.warm import WarmProgram

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from nbtrack.data.graph import HypothesisGraph
    from nbtrack.data.pins import Pin
    from nbtrack.data.problem import Problem
    from nbtrack.model.description import Description, Layers
    from nbtrack.resolving import Resolver

DRAWS = 16
"""How often the movie is solved with shaken energies."""


@dataclass(frozen=True, kw_only=True)
class Draws:
    """Answers to shaken energies.

    Parameters
    ----------
    graph : HypothesisGraph
        Objects and candidate links.
    problem : Problem
        The energies that were shaken.
    fates : ndarray of int64, shape (draws, n)
        What becomes of each object, as `nbtrack.review.fates.encode_fates` writes it.
    links : ndarray of float, shape (a,)
        Share of the draws in which each link is used, be it by a division or a merge.
    first : dict, optional
        The likeliest other fate by object and fate, as far as somebody has asked for it.
    """

    graph: HypothesisGraph
    problem: Problem
    fates: np.ndarray
    links: np.ndarray
    first: dict[tuple[int, int], int | None] = field(default_factory=dict, repr=False)

    @property
    def n_draws(self) -> int:
        """How many answers there are."""
        return len(self.fates)

    def shares(self, fates: np.ndarray) -> np.ndarray:
        """Tell in which share of the draws objects have a fate, shape (n,).

        Parameters
        ----------
        fates : ndarray of int64, shape (n,)
            A fate for each object.

        Returns
        -------
        ndarray of float, shape (n,)
        """
        return np.asarray((self.fates == fates).mean(axis=0)) if len(self.fates) else np.ones(len(fates))


def noise_scale(problem: Problem) -> float:
    """Choose the size of the noise: the usual difference of the two best links of an object tells what much means.

    Parameters
    ----------
    problem : Problem
        Energies of all states.

    Returns
    -------
    float
        In the unit of the energies.
    """
    if not problem.n_links:
        return 1.0
    gain = problem.link[:, 1] - problem.link[:, 0]
    order = np.lexsort([gain, problem.source])
    source, gain = problem.source[order], gain[order]
    first = np.flatnonzero(np.r_[True, np.diff(source) > 0])
    several = first[first + 1 < len(source)]
    several = several[source[several] == source[several + 1]]
    if not len(several):
        return 1.0
    return float(max(np.median(gain[several + 1] - gain[several]) / 4, 1e-9))


def shake(description: Description, rng: np.random.Generator, scale: float) -> np.ndarray:
    """Add noise to the costs: the difference of two Gumbel variables for each thing that may happen or not.

    Parameters
    ----------
    description : Description
        The program.
    rng : Generator
        Source of the noise.
    scale : float
        Its size.

    Returns
    -------
    ndarray of float, shape (columns,)
        Costs. What costs nothing, as an end in the last frame, goes on costing nothing.
    """
    c = description.columns
    noise = np.zeros(c.size)
    for layers in (c.count, c.flow, c.appears, c.vanishes):
        noise[layers.columns] = rng.logistic(scale=scale, size=len(layers.start) - 1)[layers.item]
    for columns in (c.divides, c.named, c.merge):
        there = columns[columns >= 0]
        noise[there] = rng.logistic(scale=scale, size=len(there))
    for layers in (c.appears, c.vanishes):
        columns = layers.columns
        noise[columns[description.cost[columns] == 0]] = 0
    return np.asarray(description.cost + noise)


def draw(
    resolver: Resolver,
    pins: Sequence[Pin] = (),
    *,
    draws: int = DRAWS,
    seed: int = 0,
    scale: float | None = None,
    progress: Callable[[int, int], None] | None = None,
    cancel: threading.Event | None = None,
) -> Draws:
    """Solve the relaxation of a movie several times with shaken energies.

    Parameters
    ----------
    resolver : Resolver
        Of the movie.
    pins : sequence of Pin, optional
        What holds in every draw.
    draws : int, optional
        How many.
    seed : int, optional
        The same seed gives the same draws.
    scale : float, optional
        Size of the noise; that of `noise_scale` if not given.
    progress : callable, optional
        Called with the number of draws done and to do.
    cancel : threading.Event, optional
        Set it from another thread to stop with the draws so far.

    Returns
    -------
    Draws
    """
    graph, problem, states = resolver.problem_for(resolver.seen(pins))
    size = noise_scale(problem) if scale is None else scale
    warm = WarmProgram(problem, threads=resolver.params.threads)
    n = problem.n_detections
    found: list[np.ndarray] = []
    links = np.zeros(problem.n_links)
    for k in range(draws):
        control = Control()
        if cancel is not None:
            control.cancel, control.cancellable = cancel, True
        x = warm.relax(states, cost=shake(warm.description, np.random.default_rng([seed, k]), size), control=control)
        if x is None:
            break
        found.append(read_fates(warm.description, x))
        links += read_links(warm.description, x)
        if progress is not None:
            progress(k + 1, draws)
    fates = np.array(found, np.int64).reshape(-1, n)
    return Draws(graph=graph, problem=problem, fates=fates, links=links / max(len(found), 1))


def read_fates(description: Description, x: np.ndarray) -> np.ndarray:
    """Read the likeliest fate of each detection off a point of the relaxation, which may be fractional.

    Parameters
    ----------
    description : Description
        The program.
    x : ndarray of float, shape (columns,)
        The point.

    Returns
    -------
    ndarray of int64, shape (n,)
        As `nbtrack.review.fates.encode_fates` writes them.
    """
    p, c = description.problem, description.columns
    n = p.n_detections
    detections = np.arange(n)
    flow = _first(x, c.flow, np.arange(p.n_links))
    one = [p.source, *p.merge_sources.T, p.external_parent, detections, detections]
    goes_on = (p.target + 1) * (n + 1) + p.target + 1
    merged = (p.merge_target + 1) * (n + 1) + p.merge_target + 1
    children = np.sort(p.external_children, axis=1) + 1
    codes = [goes_on, merged, merged, children[:, 0] * (n + 1) + children[:, 1], np.full(n, -1), np.zeros(n, np.int64)]
    values = [
        flow,
        x[c.merge],
        x[c.merge],
        x[c.named],
        1 - _first(x, c.count, detections),
        _first(x, c.vanishes, detections),
    ]
    owner, code, value = np.concatenate(one), np.concatenate(codes), np.concatenate(values)
    order = np.lexsort([code, value, owner])
    last = np.flatnonzero(np.r_[np.diff(owner[order]) > 0, True])
    fates = np.asarray(code[order][last], np.int64)
    several = np.zeros(n, bool)
    divides = c.divides >= 0
    several[divides] = x[c.divides[divides]] > 0.5
    second = c.count.column(detections, 2)
    several |= (second >= 0) & (x[np.maximum(second, 0)] > 0.5)
    for i in np.flatnonzero(several).tolist():
        mine = np.flatnonzero((p.source == i) & (flow > 0.25))
        best = sorted(p.target[mine[np.argsort(-flow[mine], kind="stable")[:2]]].tolist())
        if best:
            fates[i] = (best[0] + 1) * (n + 1) + best[-1] + 1
    return fates


def read_links(description: Description, x: np.ndarray) -> np.ndarray:
    """Read how much each link is used off a point, by itself, by a named division or by a merge.

    Parameters
    ----------
    description : Description
        The program.
    x : ndarray of float, shape (columns,)
        The point.

    Returns
    -------
    ndarray of float, shape (a,)
        From 0 to 1.
    """
    p, c = description.problem, description.columns
    n = p.n_detections
    used = _first(x, c.flow, np.arange(p.n_links))
    keys = p.source * n + p.target
    pairs = [(p.external_parent * n + child, x[c.named]) for child in p.external_children.T]
    pairs += [(source * n + p.merge_target, x[c.merge]) for source in p.merge_sources.T]
    for wanted, value in pairs:
        place = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
        there = keys[place] == wanted if len(keys) else np.zeros(len(wanted), bool)
        np.add.at(used, place[there], value[there])
    return np.asarray(np.clip(used, 0.0, 1.0))


def _first(x: np.ndarray, layers: Layers, items: np.ndarray) -> np.ndarray:
    """Give the first layer of each item, 0 where there is none."""
    column = layers.column(items, 1)
    return np.asarray(np.where(column >= 0, x[np.maximum(column, 0)], 0.0))
