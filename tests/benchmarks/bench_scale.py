"""Solve graphs of 1e3 to 1e6 detections with the engine, and with what there was before, in CPU seconds.

Run it with ``python tests/benchmarks/bench_scale.py``; ``--help`` tells the options. Three kinds of graphs
(`graphs.py`): "soft", "conservation" (its default weights) and "mergers" (the same weights, up to three objects in a
detection). Every solve runs in a child process, one at a time. The clock of a child is the CPU time of its process
from graph arrays to an answer, without imports, making the graph, and loading compiled passes. A row tells when each
relative gap was proven first, what was proven in the end, the wall time, and the largest resident memory.

``--programs engine direct mip motile flow`` puts others beside it on the same graphs: the relaxation with lazy rows
(direct), HiGHS on the whole program (mip), motile, and the bound of a flow (`scale_peers.py`). motile knows no mergers.

The seeds 0 to 3 were used while the engine was made; the figures that are published use others.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

SIZES = {"1e3": (50, 20), "3e3": (100, 30), "1e4": (200, 50), "3e4": (500, 60), "1e5": (1300, 75), "1e6": (8000, 120)}
"""Cells in a frame and frames."""
GAPS = (1e-2, 1e-3, 1e-4, 1e-6)
PROGRAMS = ("engine", "direct", "mip", "motile", "flow")
PEERS = ("motile", "flow")
"""They run in an environment of their own."""


def be_child(program: str, size: str, regime: str, seed: int, gap: float, limit: float) -> None:
    """Make the graph, solve it, and print what was proven when."""
    from graphs import make_graph

    from nbtrack.model.description import describe
    from nbtrack.solvers.control import Control, Progress
    from nbtrack.solvers.dual.engine import solve_by_ascent
    from nbtrack.solvers.exact import solve_exactly
    from nbtrack.solvers.highs import HighsProgram
    from nbtrack.solvers.limits import Limits

    problem, _ = make_graph(*SIZES[size], regime, seed)
    tiny, _ = make_graph(5, 4, regime, seed)
    solve_tiny = describe(tiny)
    loaded = time.process_time()
    everything = np.zeros(solve_tiny.columns.size), np.ones(solve_tiny.columns.size)
    solve_by_ascent(solve_tiny, Limits(*everything, 1e-6, 1), Control())
    loaded = time.process_time() - loaded

    start, wall = time.process_time(), time.perf_counter()
    reached: dict[float, float] = {}

    def note(progress: Progress) -> None:
        for wanted in GAPS:
            if progress.gap <= wanted:
                reached.setdefault(wanted, time.process_time() - start)

    description = describe(problem)
    n = description.columns.size
    limits = Limits(np.zeros(n), np.ones(n), gap, 1)
    control = Control(timeout=limit, progress=note)
    if program == "engine":
        answer, tally = solve_by_ascent(description, limits, control)
        said = tally.sentence()
    elif program == "direct":
        answer, said = solve_exactly(description, limits, control), ""
    else:
        rows = description.matrix, description.lower, description.upper
        whole = HighsProgram(description.cost, description.constant, *rows, limits.lower, limits.upper, control, 1)
        answer, said = whole.solve_integer(0.0, relative_gap=gap), ""
    seconds, wall = time.process_time() - start, time.perf_counter() - wall
    value = np.nan if answer.x is None else float(description.cost @ answer.x) + description.constant
    proven = (value - answer.bound) / max(abs(value), 1.0)
    for wanted in GAPS:
        if proven <= wanted:
            reached.setdefault(wanted, seconds)
    result = {
        "n": problem.n_detections,
        "links": problem.n_links,
        "seconds": seconds,
        "wall": wall,
        "loading": loaded,
        "status": answer.status,
        "energy": value,
        "bound": answer.bound,
        "gap": proven,
        "reached": {str(k): v for k, v in reached.items()},
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "said": said,
    }
    print(json.dumps(result))


def correct_again_and_again(size: str, regime: str, seed: int, number: int) -> None:
    """Pin one state after the other, and print how long it took until there was a certified answer.

    The states are what a person corrects: a link that is used is broken, or a tracked object is a false detection.
    After each of them the whole is solved again in the same thread, which a notebook leaves to the background; its
    time is printed apart, and its energy must be that of the quick answer.
    """
    from graphs import make_graph

    from nbtrack.solvers.pinned import PinnedState
    from nbtrack.solvers.resolving import ResolvableProblem

    problem, _ = make_graph(*SIZES[size], regime, seed)
    movie = ResolvableProblem(problem)
    rng = np.random.default_rng(seed)
    cpu, wall, whole, certified, equal = [], [], [], 0, 0
    for k in range(number):
        solution = movie.outcome.solution
        kind, used = ("link", solution.flow) if k % 2 else ("count", solution.count)
        index = int(rng.choice(np.flatnonzero(used)))
        start, start_wall = time.process_time(), time.perf_counter()
        movie.pin(PinnedState(kind, index, 0, 0, f"{kind} {index} is 0"))
        quick = movie.resolve().report
        cpu.append(time.process_time() - start)
        wall.append(time.perf_counter() - start_wall)
        certified += quick.status == "optimal"
        start = time.process_time()
        found = movie.certify().report
        whole.append(time.process_time() - start)
        equal += abs(found.objective - quick.objective) <= 1e-9 * abs(found.objective)
    for name, times in (("CPU", cpu), ("wall", wall), ("CPU of the whole", whole)):
        print(f"{name}: median {1e3 * np.median(times):.0f} ms, largest {1e3 * max(times):.0f} ms")
    load = os.getloadavg()[0]
    print(f"{certified} of {number} certified at once, {equal} equal to the solve of the whole, load {load:.1f}")


def measure(program: str, size: str, regime: str, seed: int, gap: float, limit: float) -> dict[str, Any] | None:
    """Run a child and read what it printed; None if it does not keep to its limit by far, as HiGHS may."""
    command = [sys.executable, __file__, "--child", program, size, regime, str(seed), str(gap), str(limit)]
    load = os.getloadavg()[0]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=3 * limit + 60)
    except subprocess.TimeoutExpired:
        return None
    return {**json.loads(done.stdout.strip().splitlines()[-1]), "load": load}


def measure_peer(
    program: str, size: str, regime: str, seed: int, gap: float, limit: float, best: float
) -> dict[str, Any] | None:
    """Run a peer to the absolute gap that `gap` is of the best energy; None if it cannot be had or has no answer."""
    from graphs import make_graph, save_graph
    from scale_peers import __file__ as script
    from scale_peers import find_python

    python = find_python()
    if python is None or (program == "motile" and regime == "mergers"):
        return None
    problem, t = make_graph(*SIZES[size], regime, seed)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        graph = Path(folder) / "graph.npz"
        save_graph(graph, problem, t)
        command = [python, script, program, graph, str(gap * max(abs(best), 1.0)), str(limit)]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode:
        print(done.stderr.strip()[-300:], file=sys.stderr)
        return None
    found = json.loads(done.stdout.strip().splitlines()[-1])
    value = best if np.isnan(found["energy"]) else found["energy"]
    proven = (value - found["bound"]) / max(abs(value), 1.0)
    reached = {str(g): found["seconds"] for g in GAPS if proven <= g}
    sizes = {"n": problem.n_detections, "links": problem.n_links}
    return {**found, **sizes, "gap": proven, "reached": reached, "load": load}


def row_of(program: str, regime: str, found: dict[str, Any]) -> str:
    """Write a row of the table."""
    cells = [program, regime, str(found["n"]), str(found["links"])]
    cells += [f"{found['reached'][str(g)]:.2f}" if str(g) in found["reached"] else "-" for g in GAPS]
    cells += [f"{found['seconds']:.2f}", f"{found['wall']:.2f}", f"{found['energy']:.6f}", f"{found['gap']:.1e}"]
    cells += [f"{found['peak']:.0f}", f"{found['load']:.1f}"]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=["1e3", "1e4", "1e5", "1e6"])
    parser.add_argument("--regimes", nargs="+", default=["soft", "conservation", "mergers"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[4, 5, 6], help="of the movies")
    parser.add_argument("--programs", nargs="+", choices=PROGRAMS, default=["engine"])
    parser.add_argument("--gap", type=float, default=1e-6, help="relative gap at which to stop")
    parser.add_argument("--limit", type=float, default=600.0, help="wall seconds of each run")
    parser.add_argument("--peer-limit", type=float, default=300.0, help="CPU seconds of each run of motile")
    parser.add_argument("--pins", type=int, help="instead: solve again after so many pins, one after the other")
    parser.add_argument("--child", nargs=6, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        program, size, regime, seed, gap, limit = options.child
        be_child(program, size, regime, int(seed), float(gap), float(limit))
        return
    if options.pins:
        for size in options.sizes:
            for regime in options.regimes:
                print(f"{size}, {regime}")
                correct_again_and_again(size, regime, options.seeds[0], options.pins)
        return
    heads = ["program", "regime", "n", "links", *(f"CPU s to {g:g}" for g in GAPS), "CPU s", "wall s", "energy", "gap"]
    heads += ["MiB", "load"]
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}", flush=True)
    results: dict[tuple[str, str], list[tuple[str, dict[str, Any]]]] = {}
    for size in options.sizes:
        for regime in options.regimes:
            energies: list[tuple[int, dict[str, Any]]] = []
            for seed in options.seeds:
                for program in options.programs:
                    case = program, size, regime, seed, options.gap
                    if program in PEERS:
                        known = [f["energy"] for s, f in energies if s == seed and not np.isnan(f["energy"])]
                        found = measure_peer(*case, options.peer_limit, min(known, default=np.nan))
                    else:
                        found = measure(*case, options.limit)
                    if found is None:
                        print(f"| {program} | {regime} | {size}, seed {seed}: - |", flush=True)
                        continue
                    print(row_of(program, regime, found), flush=True)
                    energies.append((seed, found))
                    results.setdefault((regime, program), []).append((size, found))
            _compare(energies)
    summarize(results, options.sizes)


def summarize(results: dict[tuple[str, str], list[tuple[str, dict[str, Any]]]], sizes: list[str]) -> None:
    """Print the median over the seeds of each program, and how its times grow with the number of detections."""
    heads = ["regime", "size", "program", *(f"to {g:g}" for g in GAPS), "CPU s in all", "wall s", "largest gap", "MiB"]
    print(f"\nMedians over the seeds:\n\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}", flush=True)
    for size in sizes:
        for (regime, program), all_of_it in results.items():
            runs = [found for of, found in all_of_it if of == size]
            if not runs:
                continue
            cells = [regime, size, program]
            for g in GAPS:
                times = [run["reached"].get(str(g), np.inf) for run in runs]
                cells.append(f"{np.median(times):.2f}" if np.isfinite(np.median(times)) else "-")
            cells += [f"{np.median([run[what] for run in runs]):.2f}" for what in ("seconds", "wall")]
            cells += [f"{max(run['gap'] for run in runs):.1e}", f"{np.median([run['peak'] for run in runs]):.0f}"]
            print(f"| {' | '.join(cells)} |", flush=True)
    for (regime, program), all_of_it in results.items():
        powers = []
        for g in GAPS:
            there = [(size, run) for size, run in all_of_it if str(g) in run["reached"]]
            if len({size for size, _ in there}) > 1:
                logs = np.log([(run["n"], run["reached"][str(g)]) for _, run in there])
                powers.append(f"n^{np.polyfit(logs[:, 0], logs[:, 1], 1)[0]:.2f} to {g:g}")
        if powers:
            print(f"{program}, {regime}: CPU seconds grow as {', '.join(powers)}")


def _compare(found: list[tuple[int, dict[str, Any]]]) -> None:
    """Check that bounds and answers of the same graph do not contradict each other."""
    for seed, one in found:
        for other_seed, other in found:
            if seed != other_seed or np.isnan(other["energy"]):
                continue
            if one["bound"] > other["energy"] + 1e-7 * max(abs(other["energy"]), 1.0):
                raise SystemExit(f"A bound is above another answer: seed {seed}, {one['bound']} and {other['energy']}.")


if __name__ == "__main__":
    main()
