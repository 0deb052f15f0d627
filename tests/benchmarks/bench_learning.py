"""What learning on one movie does to others of the same kind: link errors, CHOTA and LNK before and after.

Run it with ``python tests/benchmarks/bench_learning.py``. Simulated movies are tracked with the defaults of a preset;
somebody who knows the truth answers the first questions of the review queue for one of them, the weights are learned
from that (`nbtrack.learn`), and the others are tracked with both. Needs py-ctcmetrics (the extra ``eval``).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from bench_accuracy import Resolved, join_fragments

import nbtrack as nbt
from nbtrack.errors import EditError
from nbtrack.evaluation import evaluate
from nbtrack.io.ctc import write_ctc
from nbtrack.review.queue import ReviewQueue

sys.path.insert(0, str(Path(__file__).parents[1]))
from truth_oracle import BenchMovie, Oracle

MEASURES = ("errors", "CHOTA", "LNK")


def simulate(seed: int, noise: float, work: Path) -> tuple[BenchMovie, Path]:
    """Make a movie with its truth as a folder."""
    made = nbt.sample("nuclei", size=(260, 320), n_frames=20, n_cells=34, noise=noise, seed=seed)
    folder = work / f"{seed}"
    write_ctc(Resolved(nbt.detect(made.labels), made.truth), folder)
    return BenchMovie(f"{seed}", nbt.segment(made.prediction, channel=1), made.truth, made.labels), folder


def measure(movie: tuple[BenchMovie, Path], params: nbt.TrackingParams) -> np.ndarray:
    """Track; tell link errors, CHOTA and LNK."""
    bench, truth = movie
    result = nbt.track(bench.detections, params)
    with tempfile.TemporaryDirectory() as folder:
        write_ctc(nbt.resolve_mergers(join_fragments(result)), Path(folder) / "res")
        scores = evaluate(Path(folder) / "res", truth)
    return np.array([Oracle(bench).errors(result.lineage), scores["CHOTA"], scores["LNK"]], float)


def correct(bench: BenchMovie, params: nbt.TrackingParams, n: int) -> nbt.Session:
    """Answer so many questions of the queue from the truth."""
    session = nbt.Session(None, bench.detections, nbt.track(bench.detections, params))
    oracle, queue = Oracle(bench), ReviewQueue(session, draws=8)
    for _ in range(n):
        event = queue.next()
        if event is None:
            break
        place = (event.t, event.object_id)
        try:
            queue.decide(event, oracle.fates[place], joins=oracle.joins(session.lineage, place))
        except EditError:
            queue.skip(event)
    return session


def line(name: str, before: np.ndarray, after: np.ndarray, rest: Any = "") -> None:
    """Print one line."""
    told = ", ".join(
        f"{measure} {one:.{digits}f} -> {two:.{digits}f}"
        for measure, one, two, digits in zip(MEASURES, before, after, (1, 3, 3), strict=True)
    )
    print(f"{name:22} {told} {rest}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--test", type=int, nargs="+", default=[11, 12, 13])
    parser.add_argument("--preset", default="adaptive")
    parser.add_argument("--noise", type=float, default=3.0)
    parser.add_argument("--decisions", type=int, default=40)
    args = parser.parse_args()
    default = nbt.TrackingParams(preset=args.preset)
    with tempfile.TemporaryDirectory() as folder:
        movies = {seed: simulate(seed, args.noise, Path(folder)) for seed in (*args.train, *args.test)}
        before = {seed: measure(movie, default) for seed, movie in movies.items()}
        changes = []
        for seed in args.train:
            session = correct(movies[seed][0], default, args.decisions)
            start = time.process_time()
            learned = nbt.learn(session)
            seconds = time.process_time() - start
            line(f"trained on {seed}", before[seed], measure(movies[seed], learned.params),
                 f"({seconds:.1f} CPU s; {learned.before} -> {learned.after} of {learned.n_pins} pins)")  # fmt: skip
            for other in args.test:
                after = measure(movies[other], learned.params)
                changes.append((before[other], after))
                line(f"  used on {other}", before[other], after)
        one, two = np.mean([c[0] for c in changes], axis=0), np.mean([c[1] for c in changes], axis=0)
        line("mean of the others", one, two)


if __name__ == "__main__":
    main()
