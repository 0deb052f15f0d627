"""The costs of a program as a function of the weights that can be learned.

Energies are sums of weight x feature, so the derivative of the costs by a weight is its feature, summed where it
counts. For the adaptive energies the features stand in their tables; for the others one weight after the other is
moved, again at each step, as the transition scale and the division probability are no factors.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from nbtrack.adaptive.events import MERGE_TERMS
from nbtrack.adaptive.features import LINK_TERMS, PAIR_TERMS
from nbtrack.model.description import describe
from nbtrack.model.energies import compute_energies

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from nbtrack.model.description import Description
    from nbtrack.params import TrackingParams
    from nbtrack.tracking import SolvedMovie

WEIGHTS: dict[str, tuple[str, ...]] = {
    "conservation": (
        "appearance",
        "disappearance",
        "detection_weight",
        "division_weight",
        "transition_weight",
        "opportunity",
        "alpha",
        "division_probability",
    ),
    "chaingraph": ("appearance", "disappearance", "opportunity", "noise_weight"),
    "adaptive": (
        "appearance",
        "disappearance",
        "opportunity",
        "link_offset",
        *(f"link_weights.{k}" for k in range(len(LINK_TERMS))),
        "missed_cost",
        "division_cost",
        *(f"division_weights.{k}" for k in range(len(PAIR_TERMS))),
        "short_life_cost",
        "merge_cost",
        *(f"merge_weights.{k}" for k in range(len(MERGE_TERMS))),
    ),
}
"""Parameters of each preset that can be learned; a part of a tuple has its index behind a point."""
_STEP = 1e-3


@dataclass(frozen=True)
class Costs:
    """Costs of the columns near some weights.

    Parameters
    ----------
    description : Description
        The program.
    names : tuple of str
        The weights that decide something here.
    weights : ndarray of float, shape (k,)
        Their values.
    slope : csc_matrix of float, shape (columns, k)
        How the costs grow with each of them.
    find : callable, optional
        Gives the costs with other weights of some names, for energies that are no sums of weight x feature.
    """

    description: Description
    names: tuple[str, ...]
    weights: np.ndarray
    slope: sp.csc_matrix
    find: Callable[[tuple[str, ...], np.ndarray], np.ndarray] | None = None

    def at(self, weights: np.ndarray) -> np.ndarray:
        """Give the costs with other weights, shape (columns,)."""
        if self.find is not None:
            return self.find(self.names, weights)
        return np.asarray(self.description.cost + self.slope @ (weights - self.weights))

    def around(self, weights: np.ndarray) -> Costs:
        """Find the slopes anew at other weights."""
        if self.find is None:
            return self
        here, columns = self.find(self.names, weights), []
        for k, weight in enumerate(weights.tolist()):
            moved = weights.copy()
            moved[k] += _STEP * weight
            columns.append((self.find(self.names, moved) - here) / (_STEP * weight))
        slope = np.column_stack(columns) if columns else np.zeros((len(here), 0))
        return replace(self, slope=sp.csc_matrix(slope))

    def keep(self, kept: Sequence[int] | np.ndarray) -> Costs:
        """Leave out all weights but some."""
        names = tuple(self.names[k] for k in kept)
        return replace(self, names=names, weights=self.weights[kept], slope=self.slope[:, kept])

    def without(self, prefix: str) -> Costs:
        """Leave out the weights whose names begin with some letters."""
        return self.keep([k for k, name in enumerate(self.names) if not name.startswith(prefix)])


def costs_of(solved: SolvedMovie, params: TrackingParams) -> Costs:
    """Find how the costs of a solved movie depend on its weights.

    Parameters
    ----------
    solved : SolvedMovie
        Without pins.
    params : TrackingParams
        What it was solved with.

    Returns
    -------
    Costs
        Weights that are 0, or change nothing in this movie, are left out.
    """
    description = describe(solved.problem)
    if params.preset == "adaptive":
        return _used(Costs(description, *_adaptive(solved, params, description)))
    names = tuple(name for name in WEIGHTS[params.preset] if getattr(params, name))
    weights = np.array([getattr(params, name) for name in names], float)

    def find(names: tuple[str, ...], weights: np.ndarray) -> np.ndarray:
        return describe(compute_energies(solved.graph, set_weights(params, names, weights))).cost

    return _used(Costs(description, names, weights, sp.csc_matrix((description.columns.size, 0)), find).around(weights))


def _used(costs: Costs) -> Costs:
    used = np.flatnonzero((np.diff(costs.slope.indptr) > 0) & (costs.weights > 0))
    return costs.keep(used)


def set_weights(params: TrackingParams, names: tuple[str, ...], weights: np.ndarray) -> TrackingParams:
    """Make parameters with other weights.

    Parameters
    ----------
    params : TrackingParams
        The others stay.
    names : tuple of str
        As in `WEIGHTS`.
    weights : ndarray of float
        Their values.

    Returns
    -------
    TrackingParams
    """
    values: dict[str, float | tuple[float, ...]] = {}
    for name, weight in zip(names, weights.tolist(), strict=True):
        field, _, place = name.partition(".")
        if not place:
            values[field] = float(weight)
            continue
        parts = list(values.get(field, getattr(params, field)))
        parts[int(place)] = float(weight)
        values[field] = tuple(parts)
    if "division_probability" in values:  # below the threshold nothing could divide any more
        lowest = 1.001 * params.division_threshold
        values["division_probability"] = min(max(float(weights[names.index("division_probability")]), lowest), 0.99)
    return replace(params, **values)  # type: ignore[arg-type]  # the fields are known by name only


def learned_start(solved: SolvedMovie, params: TrackingParams) -> TrackingParams:
    """Write down the weights that the adaptive energies ended with in this movie, and stop training by themselves.

    Parameters
    ----------
    solved : SolvedMovie
        A solved movie.
    params : TrackingParams
        What it was solved with.

    Returns
    -------
    TrackingParams
        With the same energies for this movie, in its last pass; those of other presets as they are.
    """
    if params.preset != "adaptive" or solved.energies is None:
        return params
    found = solved.energies.weights
    names, values = ["link_offset"], [found["link"]["offset"]]
    merge_terms = [PAIR_TERMS[k] for k in MERGE_TERMS]
    for kind, terms in (("link", LINK_TERMS), ("division", PAIR_TERMS), ("merge", merge_terms)):
        if found[kind]:
            names += [f"{kind}_weights.{k}" for k in range(len(terms))]
            values += [found[kind][term] for term in terms]
    return replace(set_weights(params, tuple(names), np.array(values)), self_training=False)


def _adaptive(
    solved: SolvedMovie, params: TrackingParams, description: Description
) -> tuple[tuple[str, ...], np.ndarray, sp.csc_matrix]:
    """Give names, weights and slopes; the features stand in the tables of the energies."""
    energies, problem, c = solved.energies, solved.problem, description.columns
    assert energies is not None
    n, a = problem.n_detections, problem.n_links
    start = learned_start(solved, params)
    found: dict[str, np.ndarray] = {}

    def put(name: str, column: np.ndarray, value: np.ndarray) -> None:
        slope = found.setdefault(name, np.zeros(c.size))
        there = column >= 0
        slope[column[there]] += value[there]

    links, objects = energies.links, energies.objects
    flow = c.flow.column(np.arange(a), 1)
    inside = links["limit"].to_numpy() == 0
    for k, name in enumerate(LINK_TERMS):
        put(f"link_weights.{k}", flow, np.where(inside, _feature(links, name, start.link_weights[k]), 0.0))
    put("link_offset", flow, np.where(inside, -1.0, 0.0))
    put("missed_cost", flow, _feature(links, "missed", params.missed_cost))
    for name, layers in (("appearance", c.appears), ("disappearance", c.vanishes)):
        put(name, layers.column(np.arange(n), 1), _feature(objects, name, getattr(params, name)))
    if solved.graph.p_count is None:
        put("opportunity", c.count.column(np.arange(n), 1), np.full(n, -1.0))
    for k, name in enumerate(PAIR_TERMS):
        put(f"division_weights.{k}", c.named, _feature(energies.divisions, name, start.division_weights[k]))
    put("division_cost", c.named, np.ones(len(c.named)))
    put("short_life_cost", c.named, _feature(energies.divisions, "short life", params.short_life_cost))
    for k, term in enumerate(MERGE_TERMS):
        put(f"merge_weights.{k}", c.merge, _feature(energies.merges, PAIR_TERMS[term], start.merge_weights[k]))
    put("merge_cost", c.merge, np.ones(len(c.merge)))
    names = WEIGHTS["adaptive"]
    weights = []
    for name in names:
        field, _, place = name.partition(".")
        value = getattr(start, field)
        weights.append(float(value[int(place)]) if place else float(value))
    slope = np.column_stack([found.get(name, np.zeros(c.size)) for name in names])
    return names, np.array(weights), sp.csc_matrix(slope)


def _feature(table: pd.DataFrame, name: str, weight: float) -> np.ndarray:
    """Give what a term was weighed with; nothing if the weight is 0."""
    return np.asarray(table[name].to_numpy(float) / weight) if weight else np.zeros(len(table))
