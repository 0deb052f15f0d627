"""Pins as limits of columns, what a problem lacks for them, and which of them contradict each other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from nbtrack.errors import SolveError
from nbtrack.model.description import Rows
from nbtrack.solvers.control import Control
from nbtrack.solvers.highs import HighsProgram

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nbtrack.data.graph import HypothesisGraph
    from nbtrack.data.pins import Pin
    from nbtrack.data.problem import Problem
    from nbtrack.model.description import Description


@dataclass(frozen=True)
class PinnedState:
    """One pin in the words of the model.

    Parameters
    ----------
    kind : {"count", "link", "division", "appearance", "disappearance"}
        Which variable.
    index : int
        Detection, or link for a link.
    low, high : int
        Smallest and largest state.
    text : str
        The pin in words, for messages.
    """

    kind: str
    index: int
    low: int
    high: int
    text: str


def pinned_states(graph: HypothesisGraph, pins: Sequence[Pin], m: int) -> tuple[HypothesisGraph, list[PinnedState]]:
    """Find what each pin is about, and add the links that a pin asks for to the graph.

    Parameters
    ----------
    graph : HypothesisGraph
        Detections and candidate links.
    pins : sequence of Pin
        States to hold.
    m : int
        Largest number of objects in a detection.

    Returns
    -------
    HypothesisGraph
        With the links of the pins.
    list of PinnedState

    Raises
    ------
    SolveError
        If a pin is about an object that is not in the graph.
    """
    ends = {}
    wanted = []
    for pin in pins:
        ends[pin] = source = _detection(graph, pin.t, pin.object_id, pin)
        if pin.kind == "link" and pin.value:
            assert pin.target_id is not None
            assert pin.target_t is not None
            if pin.target_t <= pin.t:
                raise SolveError(f"Cannot hold that {pin}: a link leads forwards in time.", status="infeasible")
            wanted.append((source, _detection(graph, pin.target_t, pin.target_id, pin)))
    if wanted:
        source, target = np.array(wanted).T
        graph = graph.with_links(source, target)
    states = []
    for pin in pins:
        index, high, low = ends[pin], int(pin.value), int(pin.value)
        kind = "count" if pin.kind == "object" else pin.kind
        if pin.kind in ("object", "appearance", "disappearance") and pin.value:
            low, high = 1, m
        if pin.kind == "link":
            assert pin.target_id is not None
            assert pin.target_t is not None
            target_index = graph.index_of(pin.target_t, pin.target_id)
            link = None if target_index is None else graph.link_index_of(index, target_index)
            if link is None:
                continue
            index = link
        states.append(PinnedState(kind, index, low, high, str(pin)))
    return graph, states


def hold(
    description: Description, pins: Sequence[PinnedState]
) -> tuple[Description, NDArray[np.float64], NDArray[np.float64]]:
    """Turn pins into limits of the columns, and into rows where several columns can keep one of them.

    An object goes on to another along their link, by a division that names both or by a merge that does.

    Parameters
    ----------
    description : Description
        Where the columns are.
    pins : sequence of PinnedState
        States to hold.

    Returns
    -------
    Description
        With the family of rows ``pinned`` if there are such pins.
    lower, upper : ndarray of float, shape (columns,)
        Limits of the columns.

    Raises
    ------
    SolveError
        With status "infeasible" if a pin is impossible by itself or two pins hold one state at two values.
    """
    c = description.columns
    lower, upper = np.zeros(c.size), np.ones(c.size)
    layered = {"count": c.count, "link": c.flow, "appearance": c.appears, "disappearance": c.vanishes}
    held: dict[int, PinnedState] = {}
    choices: list[tuple[PinnedState, NDArray[np.int64]]] = []
    for pin in pins:
        named = _named_columns(description, pin)
        if pin.kind == "division":
            columns = c.divides[pin.index : pin.index + 1]
            columns = columns[columns >= 0]
            if not len(columns) and not len(named) and pin.low:
                raise SolveError(
                    f"Cannot hold that {pin.text}: it needs two candidate links to the next frame. "
                    "Raise `neighbors` or `max_distance`, or pin the two links.",
                    status="infeasible",
                )
        else:
            layers = layered[pin.kind]
            columns = np.arange(layers.start[pin.index], layers.start[pin.index + 1])
            if pin.low > len(columns) + len(named):
                raise SolveError(
                    f"Cannot hold that {pin.text}: the model allows at most {len(columns)}. "
                    "Raise `objects_per_merger`.",
                    status="infeasible",
                )
        if len(named):
            columns = np.r_[columns, named]
            if pin.high:
                choices.append((pin, columns))
                continue
        for layer, column in enumerate(columns.tolist(), start=1):
            if layer <= pin.low:
                lower[column] = 1
            if layer > pin.high:
                upper[column] = 0
            if lower[column] > upper[column]:
                raise SolveError(
                    f"Two pins contradict each other: {held[column].text}; {pin.text}. Remove one of them.",
                    status="infeasible",
                )
            if lower[column] == 1 or upper[column] == 0:
                held.setdefault(column, pin)
    if choices:
        description = replace(description, families=(*description.families, _rows_of(choices)))
    return description, lower, upper


def _named_columns(description: Description, pin: PinnedState) -> NDArray[np.int64]:
    """List the named divisions and merges that do what a pin is about."""
    p, c = description.problem, description.columns
    if pin.kind == "division":
        return np.asarray(c.named[p.external_parent == pin.index])
    if pin.kind != "link":
        return np.zeros(0, np.int64)
    i, j = p.source[pin.index], p.target[pin.index]
    divides = (p.external_parent == i) & (p.external_children == j).any(axis=1)
    merges = (p.merge_target == j) & (p.merge_sources == i).any(axis=1)
    return np.asarray(np.r_[c.named[divides], c.merge[merges]])


def _rows_of(choices: Sequence[tuple[PinnedState, NDArray[np.int64]]]) -> Rows:
    """Hold the sum of the columns of each pin."""
    lengths = [len(columns) for _, columns in choices]
    return Rows(
        "pinned",
        np.repeat(np.arange(len(choices)), lengths),
        np.concatenate([columns for _, columns in choices]),
        np.ones(sum(lengths)),
        np.array([pin.low for pin, _ in choices], float),
        np.array([pin.high for pin, _ in choices], float),
        np.array([pin.index for pin, _ in choices]),
    )


def find_contradiction(description: Description, pins: Sequence[PinnedState]) -> str:
    """Name a smallest set of pins that cannot hold together.

    Parameters
    ----------
    description : Description
        The program.
    pins : sequence of PinnedState
        Pins that leave no answer.

    Returns
    -------
    str
        A sentence for the user.
    """
    needed: list[PinnedState] = []
    left = list(pins)
    if not left or not _feasible(description, []):
        return "The model has no answer at all, even without pins: its own rows contradict each other."
    while left and _feasible(description, needed):
        few, many = 0, len(left)
        while few < many:
            middle = (few + many) // 2
            if _feasible(description, needed + left[:middle]):
                few = middle + 1
            else:
                many = middle
        needed.append(left[few - 1])
        left = left[: few - 1]
    return f"These pins contradict each other: {'; '.join(pin.text for pin in needed)}. Remove one of them."


def _feasible(description: Description, pins: Sequence[PinnedState]) -> bool:
    try:
        d, lower, upper = hold(description, pins)
    except SolveError:
        return False
    program = HighsProgram(np.zeros(d.columns.size), 0, d.matrix, d.lower, d.upper, lower, upper, Control())
    if program.solve_relaxation().status == "infeasible":
        return False
    return program.solve_integer(0).status != "infeasible"


def _detection(graph: HypothesisGraph, t: int, object_id: int, pin: Pin) -> int:
    index = graph.index_of(t, object_id)
    if index is None:
        raise SolveError(
            f"Cannot hold that {pin}: object {object_id} in frame {t} is not among the tracked objects. "
            "Check the size range and the field of view.",
            status="infeasible",
        )
    return index


def _pinned_links(problem: Problem, states: Sequence[PinnedState]) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    """Group the links that are held in use by the object that they leave, and by the one that they reach."""
    out: dict[int, list[int]] = {}
    into: dict[int, list[int]] = {}
    for link in dict.fromkeys(state.index for state in states if state.kind == "link" and state.low == 1):
        out.setdefault(int(problem.source[link]), []).append(link)
        into.setdefault(int(problem.target[link]), []).append(link)
    return out, into


def name_pairs(problem: Problem, states: Sequence[PinnedState]) -> Problem:
    """Add the divisions and merges that two pinned links of one object need, where no hypothesis names them.

    Parameters
    ----------
    problem : Problem
        The problem.
    states : sequence of PinnedState
        What is held.

    Returns
    -------
    Problem
        The problem itself if nothing is missing.
    """
    out, into = _pinned_links(problem, states)

    def missing(
        groups: dict[int, list[int]], ends: np.ndarray, whole: np.ndarray, pairs: np.ndarray
    ) -> list[tuple[int, int, int, float]]:
        known = {(int(w), *sorted(pair)) for w, pair in zip(whole, pairs.tolist(), strict=True)}
        rows = []
        for one, links in groups.items():
            if len(links) != 2:
                continue
            first, second = sorted(int(ends[link]) for link in links)
            if (one, first, second) not in known:
                rows.append((one, first, second, float(problem.link[links, 1].sum())))
        return rows

    new = missing(out, problem.target, problem.external_parent, problem.external_children)
    if new:
        w, a, b, energy = (np.array(column) for column in zip(*new, strict=True))
        problem = replace(
            problem,
            external_parent=np.r_[problem.external_parent, w],
            external_children=np.concatenate([problem.external_children, np.column_stack([a, b])]),
            external=np.concatenate([problem.external, np.column_stack([np.zeros(len(w)), energy])]),
        )
    new = missing(into, problem.source, problem.merge_target, problem.merge_sources)
    if new:
        w, a, b, energy = (np.array(column) for column in zip(*new, strict=True))
        problem = replace(
            problem,
            merge_target=np.r_[problem.merge_target, w],
            merge_sources=np.concatenate([problem.merge_sources, np.column_stack([a, b])]),
            merge=np.concatenate([problem.merge, np.column_stack([np.zeros(len(w)), energy])]),
        )
    return problem


def widen(problem: Problem, states: Sequence[PinnedState]) -> Problem:
    """Let pinned detections hold more objects than the others: the adaptive energies know mergers by name only.

    Parameters
    ----------
    problem : Problem
        The problem.
    states : sequence of PinnedState
        What is held.

    Returns
    -------
    Problem
        The problem itself if there is room already.
    """
    counts = {state.index: state.low for state in states if state.kind == "count" and state.low > 1}
    for state in states:
        if state.kind == "link" and state.low > 1:
            for end in (int(problem.source[state.index]), int(problem.target[state.index])):
                counts[end] = max(counts.get(end, 0), state.low)
    out, into = _pinned_links(problem, states)
    for one, links in into.items():
        ways = [int(problem.source[link]) for link in links]
        parting = [i for i in ways if len(out[i]) > 1]
        if len(links) > 2 or (len(links) == 2 and parting):  # no hypothesis by name can say that
            counts[one] = max(counts.get(one, 0), len(links))
            counts |= {i: max(counts.get(i, 0), len(out[i])) for i in parting}
    most, m = max(counts.values(), default=0), problem.detection.shape[1] - 1
    if most <= 1 or not any(count > problem.capacity[i] for i, count in counts.items()):
        return problem
    capacity = problem.capacity.copy()
    for i, count in counts.items():
        capacity[i] = max(capacity[i], count)

    def more(energy: np.ndarray, step: np.ndarray) -> np.ndarray:
        extra = energy[:, -1:] + step[:, None] * np.arange(1, max(most - m, 0) + 1)
        return np.column_stack([energy, extra])

    ends = np.minimum(capacity[problem.source], capacity[problem.target])
    wide = capacity > problem.capacity
    return replace(
        problem,
        detection=more(problem.detection, np.zeros(len(capacity))),
        capacity=capacity,
        link=more(problem.link, np.maximum(problem.link[:, 1], 0)),
        link_capacity=np.maximum(problem.link_capacity, ends),
        appearance=more(problem.appearance, problem.appearance[:, 1]),
        appearance_capacity=np.where(wide, capacity, problem.appearance_capacity),
        disappearance=more(problem.disappearance, problem.disappearance[:, 1]),
        disappearance_capacity=np.where(wide, capacity, problem.disappearance_capacity),
    )
