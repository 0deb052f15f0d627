"""Two hundred sequences of pins that come and go: always a cold solve, no pin overridden."""

from functools import cache

import numpy as np
import pytest

import nbtrack as nbt
from nbtrack.data.pins import Pin, PinList
from nbtrack.data.relations import is_held
from nbtrack.errors import SolveError
from nbtrack.resolving import Resolver
from nbtrack.solvers.solve import solve_problem
from nbtrack.tracking import read_result

PRESETS = ("conservation", "adaptive", "chaingraph")
SEQUENCES, STEPS = 200, 3
BLOCK = 50


@cache
def resolver(preset: str, seed: int) -> Resolver:
    made = nbt.sample("nuclei", size=90, n_frames=4, n_cells=4, noise=1.5, seed=seed)
    most = 1 if preset == "chaingraph" else 2
    params = nbt.TrackingParams(
        preset=preset, objects_per_merger=most, optimality_gap=0.0, threads=1, size_range=(1, 10**6)
    )
    return Resolver(nbt.segment(made.prediction, channel=1), params)


def corrections(solver: Resolver, held: PinList, rng: np.random.Generator) -> list[Pin]:
    """Say something as a person does, right or wrong, and often of an object that was spoken of before."""
    graph = solver.start().graph

    def place(i: int) -> tuple[int, int]:
        return int(graph.t[i]), int(graph.object_id[i])

    def link(a: int, value: int) -> Pin:
        t, object_id = place(int(graph.source[a]))
        t_next, target = place(int(graph.target[a]))
        return Pin("link", t, object_id, value, target, t_next)

    i, a = int(rng.integers(graph.n_detections)), int(rng.integers(graph.n_links))
    if len(held) and rng.random() < 0.5:
        known = graph.index_of(*next(iter(held)).objects[0])
        assert known is not None
        i = known
        near = np.flatnonzero((graph.source == i) | (graph.target == i))
        a = int(rng.choice(near)) if len(near) else a
    kind = int(rng.integers(8))
    if kind < 2:
        return [link(a, kind)]
    if kind == 2:
        return [Pin("object", *place(i), int(rng.integers(2)))]
    if kind == 3:
        return [Pin("count", *place(i), int(rng.integers(3)))]
    if kind == 4:
        return [Pin("division", *place(i), int(rng.integers(2)))]
    if kind == 5:
        return [Pin(("appearance", "disappearance")[int(rng.integers(2))], *place(i), int(rng.integers(2)))]
    if kind == 6:  # one object may go to any other, candidate or not
        later = np.flatnonzero(graph.t == graph.t[i] + 1)
        if len(later):
            t_next, target = place(int(rng.choice(later)))
            return [Pin("link", *place(i), 1, target, t_next)]
    used = np.flatnonzero(solver.start().outcome.solution.flow)  # a swap: two objects change places
    one = int(rng.choice(used)) if len(used) else a
    others = [b for b in used if graph.t[graph.source[b]] == graph.t[graph.source[one]] and b != one]
    for two in others:
        crossed = [
            graph.link_index_of(int(graph.source[one]), int(graph.target[two])),
            graph.link_index_of(int(graph.source[two]), int(graph.target[one])),
        ]
        if None not in crossed:
            return [link(int(b), 1) for b in crossed if b is not None]
    return [link(one, 0)]


def check_contradiction(solver: Resolver, pins: list[Pin], message: str) -> None:
    """What is named cannot hold, and is as little as possible; nothing but pins is named."""
    _, problem, states = solver.problem_for(pins)
    named = [state for state in states if state.text in message]
    assert named
    assert "pins contradict each other" in message or "Cannot hold that" in message
    with pytest.raises(SolveError):
        solve_problem(problem, pins=named, threads=1)
    if len(named) > 1:
        solve_problem(problem, pins=named[1:], threads=1)


def run_sequence(solver: Resolver, rng: np.random.Generator) -> tuple[int, int]:
    """Pin and unpin; tell how many solves there were, and how many had no answer."""
    held = PinList()
    solved = impossible = 0
    for _ in range(STEPS):
        before = list(held)
        if before and rng.random() < 0.25:
            held = PinList(pin for pin in before if pin != before[int(rng.integers(len(before)))])
        else:
            held.apply(held.plan(corrections(solver, held, rng)))
        pins = list(held)
        try:
            _, problem, states = solver.problem_for(pins)
            cold = solve_problem(problem, pins=states, threads=1).report.objective
        except SolveError:
            impossible += 1
            with pytest.raises(SolveError) as refused:
                solver.find(pins)
            check_contradiction(solver, pins, str(refused.value))
            held = PinList(before)
            continue
        solved += 1
        found, left_out = solver.find(pins)
        report = found.outcome.report
        assert report.status == "optimal"
        assert not left_out
        assert report.objective == pytest.approx(cold, rel=1e-9, abs=1e-9)
    if len(held):
        found, _ = solver.find(held)
        lineage = read_result(found, solver.detections, solver.params).lineage
        assert [str(pin) for pin in held if not is_held(lineage, pin)] == []
    return solved, impossible


@pytest.mark.parametrize("block", range(SEQUENCES // BLOCK))
def test_a_sequence_of_pins_ends_as_a_cold_solve(block: int) -> None:
    solved = impossible = 0
    for number in range(block * BLOCK, (block + 1) * BLOCK):
        solver = resolver(PRESETS[number % 3], number % 6 // 3)
        some, none = run_sequence(solver, np.random.default_rng(number))
        solved += some
        impossible += none
    assert solved > 2 * BLOCK
    assert impossible > 0
