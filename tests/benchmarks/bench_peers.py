"""How right nbtrack's default is beside other trackers, on the same label images, by the same evaluation.

Run it with ``python tests/benchmarks/bench_peers.py DATA``; movies are those of `bench_accuracy.py`. Nothing is
trained, and every tracker has one setting for all movies (`peer_trackers.py`, lengths in units of the objects). The
peers are no dependencies: they are installed into ``.venv-bench-peers`` and ``.venv-bench-btrack`` and run there, one
after the other, one thread each. CPU seconds are those of tracking, features of objects included, without imports and
files.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from bench_accuracy import DATA, join_fragments, movies

import nbtrack as nbt
from nbtrack.data.lineage import Lineage
from nbtrack.data.movie import Movie
from nbtrack.evaluation import evaluate
from nbtrack.io.ctc import write_ctc
from nbtrack.mergers.resolving import Resolved

HERE = Path(__file__).parent
ENVIRONMENTS = {
    ".venv-bench-peers": (
        ("laptrack==0.17.1", "trackpy==0.7", "tracksdata==0.1.0rc12", "scikit-image"),
        ("overlap", "laptrack", "laptrack overlap", "trackpy", "tracksdata nearest", "tracksdata ILP"),
    ),
    ".venv-bench-btrack": (("btrack==0.6.5",), ("btrack",)),
}
"""Environments: what is installed there, and the trackers that run in them."""
LIMIT = 300
"""Seconds after which a peer is stopped."""
SCORES = ("LNK", "CHOTA", "division_f1_within_1", "TRA", "DET", "CT", "link_f1")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", default=DATA, help="without it: simulated movies alone")
    parser.add_argument("--movies", nargs="+", help="parts of names")
    parser.add_argument("--trackers", nargs="+")
    args = parser.parse_args()
    pythons = {name: make_environment(folder) for folder, (_, names) in ENVIRONMENTS.items() for name in names}
    print("| movie | tracker | LNK | CHOTA | division F1 | TRA | DET | CT | link F1 | divisions | CPU s | load |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, make in movies(args.data, Path(folder)).items():
            if args.movies and not any(part in name for part in args.movies):
                continue
            movie = make()
            axes = "tyx" if movie.labels.ndim == 3 else "tzyx"
            detections = nbt.detect(Movie.from_array(movie.labels, axes=axes))
            np.savez(Path(folder) / "labels.npz", labels=movie.labels.astype(np.int32))
            for tracker in ("nbtrack", *pythons):
                if args.trackers and tracker not in args.trackers:
                    continue
                try:
                    result, seconds = (
                        by_ourselves(detections) if tracker == "nbtrack"
                        else by_peer(tracker, pythons[tracker], detections, Path(folder))
                    )  # fmt: skip
                except Failed as failure:
                    print(f"| {name} | {tracker} | {failure} {'| ' * 10}|", flush=True)
                    continue
                with tempfile.TemporaryDirectory() as out:
                    write_ctc(result, Path(out) / "res")
                    s = evaluate(Path(out) / "res", movie.truth)
                figures = " | ".join("–" if s[key] is None else f"{s[key]:.3f}" for key in SCORES)
                divisions = f"{s['result_divisions']} of {s['truth_divisions']}"
                print(
                    f"| {name} | {tracker} | {figures} | {divisions} | {seconds:.1f} | {os.getloadavg()[0]:.1f} |",
                    flush=True,
                )


class Failed(Exception):
    """A peer gave no answer."""


def by_ourselves(detections: Any) -> tuple[Any, float]:
    """Track with the defaults, and resolve mergers."""
    begin = time.process_time()
    result = nbt.track(detections, nbt.TrackingParams(threads=1))
    resolved = nbt.resolve_mergers(join_fragments(result))
    return resolved, time.process_time() - begin


def by_peer(name: str, python: Path, detections: Any, folder: Path) -> tuple[Any, float]:
    """Track in another process."""
    target = folder / "links.json"
    target.unlink(missing_ok=True)
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS"), "1")
    command = [python, HERE / "peer_trackers.py", name, folder / "labels.npz", target]
    try:
        ended = subprocess.run(command, env=os.environ | one, capture_output=True, text=True, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        raise Failed(f"stopped after {LIMIT} s") from None
    if ended.returncode or not target.exists():
        last = (ended.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Failed(f"failed: {last[:80]}")
    found = json.loads(target.read_text())
    return Resolved(detections, lineage_of(found["links"], detections)), found["seconds"]


def lineage_of(links: list[list[int]], detections: Any) -> Lineage:
    """Make tracks of links; of two links into one object the first counts, and of three out of one the first two."""
    following: dict[tuple[int, int], list[tuple[int, int]]] = {}
    came: set[tuple[int, int]] = set()
    for t, i, u, j in sorted(links):
        if (u, j) not in came and len(following.get((t, i), [])) < 2:
            came.add((u, j))
            following.setdefault((t, i), []).append((u, j))
    rows, divisions, n_tracks = [], [], 0
    number: dict[tuple[int, int], int] = {}
    for key in map(tuple, detections.table[["t", "object_id"]].to_numpy().tolist()):
        if key not in number:
            n_tracks += 1
            number[key] = n_tracks
        rows.append((*key, number[key]))
        after = following.get(key, [])
        if len(after) == 1:
            number[after[0]] = number[key]
        elif after:
            for child in after:
                n_tracks += 1
                number[child] = n_tracks
            divisions.append((key[0], number[key], *(number[child] for child in after)))
    return Lineage.from_tables(rows, divisions)


def make_environment(folder: str) -> Path:
    """Make an environment for peers, once; give its Python."""
    environment = HERE.parents[1] / folder
    python, ready = environment / "bin" / "python", environment / "ready"
    if not ready.exists():
        packages = ENVIRONMENTS[folder][0]
        install = [python, "-m", "pip", "--disable-pip-version-check", "--quiet", "install", *packages]
        for command in ([sys.executable, "-m", "venv", environment], install):
            if subprocess.run(command).returncode:
                raise SystemExit(f"{', '.join(packages)} could not be installed, so there is nothing to compare with.")
        ready.touch()
    return python


if __name__ == "__main__":
    main()
