"""Solve the same graphs with nbtrack and with motile (through ilpy and SCIP), side by side, in CPU seconds.

Run it with ``python tests/benchmarks/bench_motile.py``; ``--help`` tells the options. motile is no dependency: the
benchmark makes an environment of its own for it, in ``.venv-bench``.

Both programs run as child processes, one at a time and in turn, and load the same arrays from a file. The clock of a
child is the CPU time of its process; it starts after imports and loading and stops when the selected detections and
links are arrays again. The energies are then computed here, from those arrays by the law alone, for both in the same
way. nbtrack stops at a relative gap of 1e-6, motile at the same absolute gap. A run that meets its limit counts as at
least that.
"""

from __future__ import annotations

import argparse
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

PACKAGES = ("motile==1.0.1", "ilpy==0.6.0", "pyscipopt==6.3.0", "numpy")
ENVIRONMENT = Path(__file__).parents[2] / ".venv-bench"
SIZES = {"1e3": (50, 20), "3e3": (100, 30), "1e4": (200, 50)}
"""Cells in a frame and frames."""
GAP = 1e-6
GRACE = 120
"""CPU seconds over its limit, for building and for a solver that looks at its clock seldom, at which a child ends."""


# --------------------------------------------------------------------------- the two programs, each in a child
def run_nbtrack(arrays: dict[str, np.ndarray], gap: float, limit: float) -> dict[str, Any]:
    """Solve to a relative gap; give the selected detections and links as 0 and 1."""
    from nbtrack.data.problem import Problem
    from nbtrack.solvers.solve import solve_problem

    start = time.process_time()
    problem = Problem(**{name: array for name, array in arrays.items() if name != "t"})
    outcome = solve_problem(problem, optimality_gap=gap, timeout=limit)
    node, edge = outcome.solution.count, outcome.solution.flow
    seconds = time.process_time() - start
    report = outcome.report
    return {"seconds": seconds, "status": report.status, "bound": report.bound, "node": node, "edge": edge}


def run_motile(arrays: dict[str, np.ndarray], gap: float, limit: float) -> dict[str, Any]:
    """Solve with motile's own costs and constraints to an absolute gap; give the same as `run_nbtrack`.

    Two things that `motile.Solver.solve` does not offer are set on the solver it makes: the gap (SCIP's default is 0),
    and that the limit is one of CPU time.
    """
    import ilpy
    from motile import Solver, TrackGraph, costs
    from motile.constraints import MaxChildren, MaxParents
    from motile.variables import EdgeSelected, NodeSelected

    bound = -math.inf

    class Model:
        """SCIP's model; it notes its bound before ilpy discards it."""

        def __init__(self, model: Any) -> None:
            self._model = model

        def __getattr__(self, name: str) -> Any:
            return getattr(self._model, name)

        def freeTransform(self) -> None:  # SCIP's name
            nonlocal bound
            bound = self._model.getDualbound()
            self._model.freeTransform()

    class Backend(ilpy.Solver):  # type: ignore[misc]
        """ilpy's solver with our gap and clock."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.set_optimality_gap(gap, absolute=True)
            self.native_model().setParam("timing/clocktype", 1)
            self._backend._model = Model(self._backend._model)

    ilpy.Solver = Backend
    start = time.process_time()
    names = {"detection": "det", "appearance": "app", "disappearance": "dis", "division": "div"}
    steps = [(arrays[name][:, 1] - arrays[name][:, 0]).tolist() for name in names]
    graph = TrackGraph()
    for i, (t, *energies) in enumerate(zip(arrays["t"].tolist(), *steps, strict=True)):
        graph.add_node(i, {"t": t, **dict(zip(names.values(), energies, strict=True))})
    edges = list(zip(arrays["source"].tolist(), arrays["target"].tolist(), strict=True))
    for e, energy in zip(edges, (arrays["link"][:, 1] - arrays["link"][:, 0]).tolist(), strict=True):
        graph.add_edge(e, {"link": energy})
    solver = Solver(graph)
    solver.add_cost(costs.NodeSelectedCost(weight=1.0, attribute="det"))
    solver.add_cost(costs.EdgeSelectedCost(weight=1.0, attribute="link"))
    solver.add_cost(costs.NodeAppearCost(weight=1.0, attribute="app"))
    solver.add_cost(costs.NodeDisappearCost(weight=1.0, attribute="dis"))
    solver.add_cost(costs.NodeSplitCost(weight=1.0, attribute="div"))
    solver.add_constraint(MaxParents(1))
    solver.add_constraint(MaxChildren(2))
    solution = solver.solve(timeout=limit, backend=ilpy.Preference.Scip)
    values = np.asarray(solution)
    nodes, links = solver.get_variables(NodeSelected), solver.get_variables(EdgeSelected)
    node = values[[int(nodes[i]) for i in range(len(arrays["t"]))]] > 0.5
    edge = values[[int(links[e]) for e in edges]] > 0.5
    seconds = time.process_time() - start
    status = str(solution.native_status)
    return {"seconds": seconds, "status": status, "bound": bound + constant_of(arrays), "node": node, "edge": edge}


PROGRAMS = {"nbtrack": run_nbtrack, "motile": run_motile}


def be_child(program: str, graph: Path, answer: Path, gap: float, limit: float) -> None:
    """Load arrays, solve, write the answer."""
    with np.load(graph) as file:
        arrays = dict(file)
    np.savez(answer, **PROGRAMS[program](arrays, gap, limit))


# --------------------------------------------------------------------------- the law, in few words
def constant_of(arrays: dict[str, np.ndarray]) -> float:
    """Sum the energies of "nothing": every state 0."""
    constant = sum(arrays[name][:, 0].sum() for name in ("detection", "link", "appearance", "disappearance"))
    return float(constant + arrays["division"][out_degree(arrays) > 1, 0].sum())


def energy_of(arrays: dict[str, np.ndarray], node: np.ndarray, edge: np.ndarray) -> float:
    """Sum the energies of a selection of detections and links; they must be tracks that divide in two at most."""
    n = len(arrays["t"])
    node, edge = node.astype(int), edge.astype(int)
    parents = np.bincount(arrays["target"], edge, n)
    children = np.bincount(arrays["source"], edge, n)
    if (parents > node).any() or (children > 2 * node).any():
        raise SystemExit("A program gave tracks that break the law.")
    energy = constant_of(arrays)
    for name, state in (
        ("detection", node),
        ("link", edge),
        ("appearance", node - parents),
        ("disappearance", np.maximum(node - children, 0)),
        ("division", children == 2),
    ):
        energy += float((arrays[name][:, 1] - arrays[name][:, 0]) @ state)
    return energy


def out_degree(arrays: dict[str, np.ndarray]) -> np.ndarray:
    """Count the links that leave each detection."""
    return np.bincount(arrays["source"], minlength=len(arrays["t"]))


# --------------------------------------------------------------------------- measuring
@dataclass(frozen=True)
class Run:
    """What one child did.

    Parameters
    ----------
    seconds : float
        CPU from arrays to answer.
    process_seconds : float
        CPU of the whole process, with imports.
    peak : float
        Largest resident memory in MiB.
    status : str
        How the solver ended.
    energy, bound : float
        Of the answer.
    load : float
        Mean number of processes that wanted a core in the minute before.
    """

    seconds: float
    process_seconds: float
    peak: float
    status: str
    energy: float
    bound: float
    load: float

    @property
    def gap(self) -> float:
        """Relative gap."""
        return max(self.energy - self.bound, 0.0) / max(abs(self.energy), 1.0)

    @property
    def finished(self) -> bool:
        """Whether the gap that was asked for is proven."""
        return self.status in ("optimal", "gaplimit")


def measure(program: str, python: Path, graph: Path, gap: float, limit: float) -> Run:
    """Run one program on a saved graph in a child process."""
    load = os.getloadavg()[0]
    answer = graph.with_name("answer.npz")
    answer.unlink(missing_ok=True)
    hard = int(limit) + GRACE

    def keep_to_limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (hard, hard))

    command = [str(python), __file__, "--child", program, str(graph), str(answer), str(gap), str(limit)]
    process = subprocess.Popen(command, preexec_fn=keep_to_limit)
    _, code, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(code)
    cpu = usage.ru_utime + usage.ru_stime
    if not answer.exists():
        if cpu < limit:
            raise SystemExit(f"{program} ended with exit code {process.returncode} and without an answer.")
        return Run(cpu, cpu, usage.ru_maxrss / 1024, "ended at its limit", math.inf, -math.inf, load)
    with np.load(graph) as file, np.load(answer) as result:
        energy = energy_of(dict(file), result["node"], result["edge"])
        seconds, status, bound = (result[name].item() for name in ("seconds", "status", "bound"))
    return Run(seconds, cpu, usage.ru_maxrss / 1024, status, energy, bound, load)


def make_environment() -> Path | None:
    """Make the environment of motile, once; give its Python, or None if motile cannot be installed here."""
    python = ENVIRONMENT / "bin" / "python"
    ready = ENVIRONMENT / "ready"
    if not ready.exists():
        install = [python, "-m", "pip", "--disable-pip-version-check", "--quiet", "install", *PACKAGES]
        for command in ([sys.executable, "-m", "venv", ENVIRONMENT], install):
            if subprocess.run(command).returncode:
                print("motile could not be installed: nbtrack is measured alone.")
                return None
        ready.touch()
    return python


def compare(python: Path | None, size: str, regime: str, seed: int, limit: float, folder: Path) -> None:
    """Measure one graph with both programs, nbtrack before and after motile, and print the row."""
    from graphs import make_graph, save_graph

    problem, t = make_graph(*SIZES[size], regime, seed)
    graph = folder / "graph.npz"
    save_graph(graph, problem, t)
    ours = [measure("nbtrack", Path(sys.executable), graph, GAP, limit)]
    theirs = None
    if python is not None:
        theirs = measure("motile", python, graph, GAP * max(abs(ours[0].energy), 1.0), limit)
        ours.append(measure("nbtrack", Path(sys.executable), graph, GAP, limit))
    our = max(ours, key=lambda run: run.seconds)
    head = f"| {problem.n_detections} | {problem.n_links} | {regime} | {our.seconds:.2f} |"
    if theirs is None:
        print(f"{head} - | - | {our.energy:.6f} | {our.gap:.1e} | {our.process_seconds:.1f} | {our.peak:.0f} | |")
        return
    least = "" if theirs.finished else ">= "
    cells = (
        f"{least}{theirs.seconds:.1f}",
        f"{least}{theirs.seconds / our.seconds:.0f}",
        f"{our.energy:.6f} / {theirs.energy:.6f}",
        f"{our.gap:.1e} / {theirs.gap:.1e} ({theirs.status})",
        f"{our.process_seconds:.1f} / {theirs.process_seconds:.1f}",
        f"{our.peak:.0f} / {theirs.peak:.0f}",
        f"{our.load:.1f} / {theirs.load:.1f}",
    )
    print(head, " | ".join(cells), "|", flush=True)
    if theirs.finished and abs(our.energy - theirs.energy) > 2 * GAP * max(abs(our.energy), 1.0):
        raise SystemExit("The two programs disagree about the optimum: they did not solve the same problem.")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES), help="numbers of detections")
    parser.add_argument("--regimes", nargs="+", default=["soft", "conservation"], help="weights of the energies")
    parser.add_argument("--seed", type=int, default=0, help="of the movies")
    parser.add_argument("--limit", type=float, default=300.0, help="CPU seconds of each run of motile")
    parser.add_argument("--alone", action="store_true", help="nbtrack only")
    parser.add_argument("--child", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        program, graph, answer, gap, limit = options.child
        be_child(program, Path(graph), Path(answer), float(gap), float(limit))
        return
    python = None if options.alone else make_environment()
    columns = ("n", "links", "regime", "nbtrack s", "motile s", "ratio", "energies", "gaps", "process s", "MiB", "load")
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for size in options.sizes:
            for regime in options.regimes:
                compare(python, size, regime, options.seed, options.limit, Path(folder))


if __name__ == "__main__":
    main()
