"""What `bench_scale.py` measures beside the engine and that has to run in an environment of its own.

motile solves the same program through SCIP (`bench_motile.py` tells how). OR-tools gives a bound alone: without the
rules of divisions and of whole mergers the program is a flow of least cost, which its cost scaling solves in one go.
OR-tools and highspy cannot be loaded into one process, since both bring a library of HiGHS of the same name.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from bench_motile import ENVIRONMENT, constant_of, energy_of, make_environment, out_degree, run_motile

if TYPE_CHECKING:
    from pathlib import Path

PACKAGES = ("ortools==9.15.6755",)
SCALE = 1e6
"""The flow takes integers: costs in millionths, rounded down, so that the bound holds."""


def run_flow(arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Bound the problem by the flow that is left without the rules of divisions and of whole mergers."""
    from ortools.graph.python import min_cost_flow

    start = time.process_time()
    n, m = len(arrays["t"]), arrays["detection"].shape[1] - 1
    each, hub = np.arange(n), 2 * n
    tails, heads, costs = [], [], []
    for tail, head, energy in (
        (each, n + each, arrays["detection"]),
        (np.full(n, hub), each, arrays["appearance"]),
        (n + each, np.full(n, hub), arrays["disappearance"]),
        (n + arrays["source"], arrays["target"], arrays["link"]),
    ):
        for k in range(m):
            tails.append(tail)
            heads.append(head)
            costs.append(energy[:, k + 1] - energy[:, k])
    may = np.flatnonzero(arrays["divides"] & (out_degree(arrays) > 1))
    tails.append(np.full(len(may), hub))
    heads.append(n + may)
    costs.append(arrays["division"][may, 1] - arrays["division"][may, 0])
    tail, head, cost = np.concatenate(tails), np.concatenate(heads), np.concatenate(costs)
    rounded = np.floor(cost * SCALE).astype(np.int64)

    flow = min_cost_flow.SimpleMinCostFlow()
    # a negative arc starts full and is turned round
    full = rounded < 0
    supply = np.bincount(head[full], minlength=hub + 1) - np.bincount(tail[full], minlength=hub + 1)
    one = np.ones(len(tail), np.int64)
    flow.add_arcs_with_capacity_and_unit_cost(
        np.where(full, head, tail), np.where(full, tail, head), one, np.abs(rounded)
    )
    flow.set_nodes_supplies(np.arange(hub + 1), supply)
    status = flow.solve()
    if status != flow.OPTIMAL:
        raise SystemExit(f"OR-tools ended with {status}.")
    total = int(flow.optimal_cost()) + int(rounded[full].sum())
    bound = total / SCALE + constant_of(arrays)
    return {"seconds": time.process_time() - start, "status": "bound", "bound": bound, "energy": np.nan}


def be_child(program: str, graph: str, gap: float, limit: float) -> None:
    """Solve and print."""
    with np.load(graph) as file:
        arrays = dict(file)
    wall = time.perf_counter()
    if program == "flow":
        found = run_flow(arrays)
    else:
        found = run_motile(arrays, gap, limit)
        found["energy"] = energy_of(arrays, found.pop("node"), found.pop("edge"))
    found["wall"] = time.perf_counter() - wall
    found["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(found, default=float))


def find_python() -> Path | None:
    """Make the environment of the peers, once; None if it cannot be made here."""
    python = make_environment()
    ready = ENVIRONMENT / "ready-flow"
    if python is not None and not ready.exists():
        install = [python, "-m", "pip", "--disable-pip-version-check", "--quiet", "install", *PACKAGES]
        if subprocess.run(install).returncode:
            return None
        ready.touch()
    return python


if __name__ == "__main__":
    be_child(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4]))
