"""How fast a pin is followed: the warm program against a cold solve with the same pins, on graphs of known size.

Run it with ``python tests/benchmarks/bench_resolve.py``. Pins are links at random: an unused one is held, or a used one
is forbidden; each stays until the pins contradict each other. Told are the median and the worst CPU time of a solve
with its certificate, and the largest difference of the energies from those of the cold solve. ``--session`` measures
`Session.pin` on a live session instead, from the pin to the new lineage, on discs where the cells of the graph are;
from `nbtrack.resolving.LARGE` detections on the proof may follow, and how long that takes is told apart.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from graphs import REGIMES, SPACING, _simulate, make_graph

import nbtrack as nbt
from nbtrack.errors import EditError, SolveError
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
    parser.add_argument("--session", action="store_true", help="measure a live session")
    args = parser.parse_args()
    for size in args.sizes:
        if args.session:
            follow(size, args.pins)
            continue
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


def follow(size: int, n_pins: int) -> None:
    """Measure a live session: links that are in use are forbidden, one after the other."""
    side = SPACING * np.sqrt(size // 20)
    labels = np.zeros((20, int(side) + 12, int(side) + 12), np.uint32)
    for t, frame in enumerate(_simulate(size // 20, 20, side, np.random.default_rng([0, 0]))):
        for i, (y, x) in enumerate(frame.centers.astype(int) + 3, 1):
            labels[t, max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2] = i
    detections = nbt.detect(nbt.Movie.from_array(labels, axes="tyx"))
    params = nbt.TrackingParams(
        preset="conservation", objects_per_merger=1, neighbors=4, max_distance=35.0, size_range=(1, 1000),
        optimality_gap=1e-6,
    )  # fmt: skip
    session = nbt.Session(None, detections, nbt.track(detections, params))
    session.live = True
    links = nbt.Session(None, detections, session.lineage).lineage
    rng, seconds, walls, proofs = np.random.default_rng(0), [], [], []
    for number in range(n_pins + 1):
        t = int(rng.integers(18))
        objects = sorted(links.labelled(t))
        i = objects[int(rng.integers(len(objects)))]
        after = links.object_at(links.tracks_at(t, i)[0], t + 1)
        if after is None:
            continue
        start, wall = time.process_time(), time.perf_counter()
        try:
            session.pin(nbt.Pin("link", t, i, 0, after))
        except EditError:
            continue
        if number:  # the first one loads the program
            seconds.append(time.process_time() - start)
            walls.append(time.perf_counter() - wall)
        if not session.is_certified:
            start = time.process_time()
            session.certify()
            proofs.append(time.process_time() - start)
    print(
        f"session, {len(detections)} detections: {len(seconds)} pins, median {1e3 * np.median(seconds):.0f} ms CPU "
        f"({1e3 * np.median(walls):.0f} ms wall), worst {1e3 * max(seconds):.0f} ms CPU; {len(proofs)} proofs followed"
        + (f", median {np.median(proofs):.1f} s" if proofs else ""),
        flush=True,
    )


if __name__ == "__main__":
    main()
