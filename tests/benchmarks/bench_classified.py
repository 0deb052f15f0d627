"""What a few labels are worth: simulated movies tracked without and with classifiers that learned from another movie.

Run it with ``python tests/benchmarks/bench_classified.py``. One movie is labelled as a person would, 80 objects by
their number of cells and 55 as dividing or not; six other movies are classified by what was learned from it, and
tracked with the defaults.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from bench_accuracy import join_fragments

import nbtrack as nbt
from nbtrack.classifiers.object_classifier import with_probabilities
from nbtrack.evaluation import evaluate
from nbtrack.io.ctc import write_ctc
from nbtrack.mergers.resolving import Resolved

SCORES = ("LNK", "CHOTA", "division_f1_within_1", "TRA", "DET", "link_f1")
LABELLED, SEEDS = 50, range(51, 57)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--noise", nargs="+", type=float, default=[1.0, 2.0, 3.0])
    args = parser.parse_args()
    sys.path.append(str(Path(__file__).parents[1] / "classifiers"))
    from truth import choose, simulated

    print("| noise | classifiers | LNK | CHOTA | division F1 | TRA | DET | link F1 | LNK, CHOTA, div. better in |")
    print("|---|---|---|---|---|---|---|---|---|")
    for noise in args.noise:
        _, detections, counts, divisions, features = simulated(LABELLED, noise)
        dividing = {key: bool(value) for key, value in choose(divisions, {True: 15, False: 40}).items()}
        labels = nbt.Labels(detections, choose(counts, {0: 20, 1: 40, 2: 20}), dividing)
        learned = nbt.ObjectClassifier.train(features, labels)
        found: dict[str, list[list[float]]] = {"none": [], "learned from another movie": []}
        for seed in SEEDS:
            sample, detections, _, _, features = simulated(seed, noise)
            classified = with_probabilities(detections, learned.predict(features))
            with tempfile.TemporaryDirectory() as folder:
                write_ctc(Resolved(nbt.detect(sample.labels), sample.truth), Path(folder) / "truth")
                for name, objects in zip(found, (detections, classified), strict=True):
                    found[name].append(measure(nbt.track(objects), Path(folder) / "truth"))
        plain, better = (np.array(rows) for rows in found.values())
        for name, rows in found.items():
            means = " | ".join(f"{value:.3f}" for value in np.mean(rows, axis=0))
            wins = ", ".join(map(str, (better > plain)[:, :3].sum(axis=0))) if name != "none" else ""
            print(f"| {noise:g} | {name} | {means} | {wins} |", flush=True)


def measure(result: Any, truth: Path) -> list[float]:
    """Resolve, write and evaluate."""
    with tempfile.TemporaryDirectory() as folder:
        write_ctc(nbt.resolve_mergers(join_fragments(result)), Path(folder) / "res")
        scores = evaluate(Path(folder) / "res", truth)
    return [float(scores[name]) for name in SCORES]


if __name__ == "__main__":
    main()
