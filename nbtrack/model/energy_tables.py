"""The energies of an answer as tables: what every candidate would cost, term by term, and what the answer pays.

Nothing here is needed to solve. The tables are written when somebody looks at them, from the same arrays that were
solved, so that they add up to the objective of the report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nbtrack.data.energies import OBJECT_TERMS, Energies
from nbtrack.model.energies import compute_energies
from nbtrack.model.objective import event_energy, has_division_variable, link_energy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbtrack.data.graph import HypothesisGraph
    from nbtrack.data.problem import Problem, Solution
    from nbtrack.params import TrackingParams


def tabulate(graph: HypothesisGraph, problem: Problem, solution: Solution, *, params: TrackingParams) -> Energies:
    """Write the energies of a preset that knows them beforehand.

    Parameters
    ----------
    graph : HypothesisGraph
        Objects and candidate links.
    problem : Problem
        What was solved, made convex or not.
    solution : Solution
        The answer.
    params : TrackingParams
        With the preset ``conservation`` or ``chaingraph``.

    Returns
    -------
    Energies
    """
    raw = compute_energies(graph, params, convex=False)
    n, a = graph.n_detections, np.arange(graph.n_links)
    chaingraph = params.preset == "chaingraph"
    name = "distance" if chaingraph else "transition"
    links = {name: raw.link[:, 1], "convex": problem.link[:, 1] - raw.link[:, 1]}
    own = np.arange(n), solution.count
    opportunity = np.where(solution.count == 0, params.opportunity, 0.0)
    objects = {
        "noise" if chaingraph else "detection": raw.detection[own] - opportunity,
        "opportunity": opportunity,
        "convex": problem.detection[own] - raw.detection[own],
    }
    one, two = _pairs_of_links(problem)
    parent = graph.source[one]
    daughter = problem.link[:, 1] if problem.division_link is None else problem.division_link
    used = solution.divides[parent] & (solution.flow[one] > 0) & (solution.flow[two] > 0)
    terms = {"division": problem.division[parent, 1], "link1": daughter[one], "link2": daughter[two]}
    trio = np.column_stack([parent, graph.target[one], graph.target[two]])
    divisions = hypothesis_table(graph, trio, ("parent_id", "child1_id", "child2_id"), terms, used)
    divisions["paid"] = 0.0
    merges = hypothesis_table(graph, np.zeros((0, 3), np.int64), ("object_id", "source1_id", "source2_id"), {}, a[:0])
    return Energies(
        links=link_table(graph, problem, solution, links),
        divisions=divisions,
        merges=merges,
        objects=object_table(graph, problem, solution, objects),
        terms={"links": tuple(links), "divisions": tuple(terms), "merges": (), "objects": OBJECT_TERMS},
        totals=paid_totals(problem, solution, objects),
        drift=np.zeros((0, graph.position.shape[1])),
    )


def link_table(
    graph: HypothesisGraph, problem: Problem, solution: Solution, terms: Mapping[str, np.ndarray]
) -> pd.DataFrame:
    """Write one row per candidate link.

    Parameters
    ----------
    graph : HypothesisGraph
        Objects and candidate links.
    problem : Problem
        What was solved.
    solution : Solution
        The answer.
    terms : mapping of str to ndarray of float, shape (a,)
        What one object on each link costs, term by term.

    Returns
    -------
    DataFrame
        The columns of `links` in `nbtrack.data.energies.Energies`.
    """
    t, object_id, i, j = graph.t, graph.object_id, graph.source, graph.target
    ends = {"t": t[i], "source_id": object_id[i], "target_t": t[j], "target_id": object_id[j]}
    return pd.DataFrame(
        ends
        | dict(terms)
        | {
            "energy": problem.link[:, 1],
            "off": problem.link[:, 0],
            "count": solution.flow,
            "used": solution.flow > 0,
            "paid": link_energy(problem, solution),
        }
    )


def object_table(
    graph: HypothesisGraph, problem: Problem, solution: Solution, terms: Mapping[str, np.ndarray]
) -> pd.DataFrame:
    """Write one row per detection.

    Parameters
    ----------
    graph : HypothesisGraph
        Objects.
    problem : Problem
        What was solved.
    solution : Solution
        The answer.
    terms : mapping of str to ndarray of float, shape (n,)
        What the count of each detection costs, term by term; those of `OBJECT_TERMS` that are not given are 0.

    Returns
    -------
    DataFrame
        The columns of `objects` in `nbtrack.data.energies.Energies`.
    """
    n = graph.n_detections
    energy = problem.detection[np.arange(n), solution.count]
    may_divide = has_division_variable(problem)
    m = problem.detection.shape[1]
    return pd.DataFrame(
        {
            "t": graph.t,
            "object_id": graph.object_id,
            "count": solution.count,
            "appears": solution.appears,
            "vanishes": solution.vanishes,
            "divides": solution.divides,
        }
        | {name: terms.get(name, np.zeros(n)) for name in OBJECT_TERMS}
        | {"energy": energy}
        | {f"energy_{k}": problem.detection[:, k] for k in range(m)}
        | {
            "appearance": problem.appearance[:, 1],
            "disappearance": problem.disappearance[:, 1],
            "division": np.where(may_divide, problem.division[:, 1], np.nan),
            "no_division": np.where(may_divide, problem.division[:, 0], np.nan),
            "paid": energy + sum(event_energy(problem, solution)),
        }
    )


def hypothesis_table(
    graph: HypothesisGraph,
    trio: np.ndarray,
    names: tuple[str, str, str],
    terms: Mapping[str, np.ndarray],
    used: np.ndarray,
) -> pd.DataFrame:
    """Write one row per division or merge that names its three objects.

    Parameters
    ----------
    graph : HypothesisGraph
        Objects.
    trio : ndarray of int, shape (e, 3)
        The whole and its two parts.
    names : tuple of str
        Columns for their ids.
    terms : mapping of str to ndarray of float, shape (e,)
        What each costs, term by term.
    used : ndarray of bool, shape (e,)
        Whether the answer has it.

    Returns
    -------
    DataFrame
        t (of the whole), `names`, `terms`, energy, used, paid.
    """
    energy = sum(terms.values(), np.zeros(len(trio)))
    used = np.asarray(used, bool)
    ids = {name: graph.object_id[trio[:, k]] for k, name in enumerate(names)}
    return pd.DataFrame(
        {"t": graph.t[trio[:, 0]]}
        | ids
        | dict(terms)
        | {"energy": energy, "used": used, "paid": np.where(used, energy, 0.0)}
    )


def paid_totals(problem: Problem, solution: Solution, terms: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Add up what an answer pays, by what it pays for.

    Parameters
    ----------
    problem : Problem
        What was solved.
    solution : Solution
        The answer.
    terms : mapping of str to ndarray of float, shape (n,)
        Terms of the counts of the detections, as for `object_table`.

    Returns
    -------
    dict of str to float
        Adds up to the objective, the constants of what is not used included.
    """
    links = link_energy(problem, solution)
    appearance, disappearance, division = event_energy(problem, solution)
    parts = {
        **terms,
        "links": links[solution.flow > 0],
        "unused links": links[solution.flow == 0],
        "appearance": appearance,
        "disappearance": disappearance,
        "division": division[solution.divides],
        "no division": division[~solution.divides],
        "divisions by name": problem.external[np.arange(problem.n_external), solution.external.astype(int)],
        "merges by name": problem.merge[np.arange(problem.n_merges), solution.merges.astype(int)],
    }
    return {name: float(values.sum()) for name, values in parts.items()}


def _pairs_of_links(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Pair the links out of every detection that may divide; pairs that are too narrow are left out."""
    divides = has_division_variable(problem)
    order = np.argsort(problem.source, kind="stable")
    source = problem.source[order]
    widest = int(np.bincount(source, minlength=1).max(initial=0))
    one, two = [order[:0]], [order[:0]]
    for apart in range(1, widest):
        same = (source[apart:] == source[:-apart]) & divides[source[apart:]]
        one.append(order[:-apart][same])
        two.append(order[apart:][same])
    first, second = np.concatenate(one), np.concatenate(two)
    a = max(problem.n_links, 1)
    narrow = np.sort(problem.narrow_links, axis=1) @ [a, 1]
    kept = ~np.isin(np.minimum(first, second) * a + np.maximum(first, second), narrow)
    turn = np.lexsort((second[kept], first[kept]))
    return first[kept][turn], second[kept][turn]
