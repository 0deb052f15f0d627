"""How fast a pin is followed: the warm program against a cold solve with the same pins, on graphs of known size.

Run it with ``python tests/benchmarks/bench_resolve.py``. Pins are links at random: an unused one is held, or a used one
is forbidden; each stays until the pins contradict each other. Told are the median and the worst CPU time of a solve
with its certificate, and the largest difference of the energies from those of the cold solve.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from graphs import REGIMES, make_graph

from nbtrack.errors import SolveError
from nbtrack.solvers.pinned import PinnedState
from nbtrack.solvers.solve import solve_problem
from nbtrack.solvers.warm import WarmProgram


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--pins", type=int, default=40)
    parser.add_argument("--cold", type=int, default=5, help="every so many pins, solve coldly as well")
    parser.add_argument("--regime", default="soft", choices=list(REGIMES))
    args = parser.parse_args()
    for size in args.sizes:
        problem, _ = make_graph(size // 20, 20, args.regime)
        start = time.process_time()
        warm = WarmProgram(problem)
        solution = warm.solve().solution
        first = time.process_time() - start
        rng, pins, seconds, cold_seconds, worst = np.random.default_rng(0), [], [], [], 0.0
        for k in range(args.pins):
            link = int(rng.integers(problem.n_links))
            value = int(not solution.flow[link])
            pins.append(PinnedState("link", link, value, value, f"link {link} is {value}"))
            start = time.process_time()
            try:
                outcome = warm.solve(pins)
            except SolveError:
                pins.pop()
                continue
            seconds.append(time.process_time() - start)
            solution = outcome.solution
            if k % args.cold == 0:
                start = time.process_time()
                cold = solve_problem(problem, pins=pins).report.objective
                cold_seconds.append(time.process_time() - start)
                worst = max(worst, abs(cold - outcome.report.objective) / max(abs(cold), 1.0))
        print(
            f"{args.regime}, {problem.n_detections} detections, {problem.n_links} links: first {first:.2f} s, "
            f"{len(seconds)} pins, warm median {1e3 * np.median(seconds):.0f} ms, worst {1e3 * max(seconds):.0f} ms; "
            f"cold median {1e3 * np.median(cold_seconds):.0f} ms; largest difference {worst:.1e}",
            flush=True,
        )


if __name__ == "__main__":
    main()
