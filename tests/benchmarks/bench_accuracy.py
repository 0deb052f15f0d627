"""How right the automatic tracker is: movies x settings, by the package's own evaluation.

Run it with ``python tests/benchmarks/bench_accuracy.py DATA``, where DATA holds a folder per movie with
``GT/TRA/man_track*.tif`` and a label movie; simulated movies are made on the way. Every movie gets the same settings.
``--ablate`` takes one part of the adaptive energies away at a time; ``--movies`` and ``--settings`` choose by name.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import nbtrack as nbt
from nbtrack.data.movie import Movie
from nbtrack.evaluation import evaluate
from nbtrack.io.ctc import ctc_files, read_ctc, write_ctc
from nbtrack.mergers.resolving import Resolved

SETTINGS: dict[str, dict[str, Any]] = {"conservation": {"preset": "conservation"}, "adaptive": {"preset": "adaptive"}}
DATA = Path(os.environ.get("NBTRACK_DATA") or Path(__file__).parents[3] / "shared" / "data")
"""Where real movies are looked for, as by the tests."""
ABLATIONS: dict[str, dict[str, Any]] = {
    "default": {},
    "drift off": {"drift": 1.0},
    "self-training off": {"self_training": False},
    "divisions that end soon cost nothing": {"short_life_cost": 0.0},
    "merges off": {"objects_per_merger": 1},
    "missed frames off": {"missed_frames": 0},
    "velocity off": {"velocity": 0.0},
    "one pass": {"passes": 1},
    "overlap out": {"link_weights": (1.0, 1.0, 0.0, 2.0, 1.0)},
    "own shape out": {"link_weights": (1.0, 0.0, 4.0, 2.0, 0.0)},
    "distance only": {"link_weights": (1.0, 0.0, 0.0, 0.0, 0.0)},
    "border like the middle": {"border_reach": 0.0},
    "every object kept": {"opportunity": 20.0},
}
"""What each part is worth: the adaptive preset with one thing changed."""


@dataclass
class BenchMovie:
    """A movie with its truth folder."""

    labels: Any
    truth: Path


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", default=DATA, help="without it: simulated movies alone")
    parser.add_argument("--movies", nargs="+")
    parser.add_argument("--settings", nargs="+")
    parser.add_argument("--ablate", action="store_true")
    parser.add_argument("--set", default="{}", help="further parameters as JSON")
    parser.add_argument("--work", type=Path, help="folder for simulated truths, kept for the next run")
    args = parser.parse_args()
    settings = {n: {"preset": "adaptive", **s} for n, s in ABLATIONS.items()} if args.ablate else SETTINGS
    settings = {name: settings[name] for name in args.settings or settings}
    extra = {k: tuple(v) if isinstance(v, list) else v for k, v in json.loads(args.set).items()}
    print(f"{'movie':26s} {'settings':24s}   LNK CHOTA divF1   TRA   DET  links   div mergers fragments  seconds")
    with tempfile.TemporaryDirectory() as folder:
        work = args.work or Path(folder)
        for name, make in movies(args.data, work).items():
            if args.movies and not any(part in name for part in args.movies):
                continue
            movie = make()
            detections = nbt.detect(Movie.from_array(movie.labels, axes="tyx" if movie.labels.ndim == 3 else "tzyx"))
            for setting, params in settings.items():
                measure(name, setting, detections, nbt.TrackingParams(**{**params, **extra}), movie.truth)


def measure(name: str, setting: str, detections: Any, params: Any, truth: Path) -> None:
    """Track, resolve, write, evaluate and print one line."""
    start = time.perf_counter()
    result = nbt.track(detections, params)
    seconds = time.perf_counter() - start
    found = len(result.mergers), len(result.fragments)
    shown = nbt.resolve_mergers(join_fragments(result))
    with tempfile.TemporaryDirectory() as folder:
        write_ctc(shown, Path(folder) / "res")
        s = evaluate(Path(folder) / "res", truth)
    figures = " ".join(f"{_number(s[key]):5.3f}" for key in ("LNK", "CHOTA", "division_f1_within_1", "TRA", "DET"))
    divisions = f"{s['result_divisions']:3d}/{s['truth_divisions']}"
    print(
        f"{name:26s} {setting:24s} {figures} {_number(s['link_f1']):5.3f} {divisions:>7s} {found[0]:5d} {found[1]:5d}"
        f" {seconds:10.1f}",
        flush=True,
    )


def join_fragments(result: Any) -> Any:
    """Give the second masks of an object its id, so that the evaluation sees one object."""
    if result.fragments.empty:
        return result
    labels = np.stack([np.asarray(frame) for frame in result.detections.labels])
    for row in result.fragments.itertuples():
        labels[row.t][labels[row.t] == row.object_id] = row.of_id
    detections = nbt.detect(Movie.from_array(labels, axes="tyx" if labels.ndim == 3 else "tzyx"))
    lineage = result.lineage.copy()
    for row in result.fragments.itertuples():
        lineage.unmark_false(row.t, row.object_id)
    return replace(result, detections=detections, lineage=lineage)


def movies(data: Path, work: Path) -> dict[str, Any]:
    """List the movies; each is made when it is asked for."""
    found: dict[str, Any] = {}

    def given(folder: str, frames: int | None = None) -> BenchMovie:
        gt = next(name for name in ("GT", "silver_GT") if (data / folder / name).is_dir())
        labels_file, map_file = data / folder / "segmentation_labels.h5", data / folder / "raw_Probabilities.h5"
        if labels_file.is_file():
            stack = np.squeeze(_read(labels_file))
        elif map_file.is_file():
            prediction = np.swapaxes(np.squeeze(_read(map_file)), 1, 2)  # stored as t, x, y, z, c
            found = nbt.segment(Movie.from_array(prediction, axes="tyxc"), channel=1)
            stack = np.stack([np.asarray(frame) for frame in found.labels])
        else:
            labels, _ = read_ctc(data / folder / gt)
            stack = shuffled(np.stack([np.asarray(frame) for frame in labels]))
        truth = data / folder / gt
        if frames is not None:
            truth = cut(truth, work / f"{folder}_{frames}", frames)
            stack = stack[:frames]
        return BenchMovie(stack, truth)

    for name, frames in (
        ("ecoli_colony_early", None),
        ("neubias_mitocheck_movie", None),
        ("ctc_sim2015_10frames", None),
        ("mitocheck_small", None),
        ("cho_3dt", None),
        ("celegans_3dt_early", 45),
        ("celegans_3dt_early", None),
    ):
        if (data / name).is_dir():
            found[name if frames is None else f"{name}_{frames}"] = lambda name=name, frames=frames: given(name, frames)
    for kind, options in (
        ("nuclei", {"n_frames": 40, "size": 300, "seed": 1}),
        ("nuclei", {"n_frames": 40, "size": 300, "seed": 2, "noise": 2.0}),
        ("nuclei_3d", {"n_frames": 20, "seed": 3}),
    ):
        found[f"sim_{kind}_{options['seed']}"] = lambda kind=kind, options=options: simulated(kind, options, work)
    return found


def simulated(kind: str, options: dict[str, Any], work: Path) -> BenchMovie:
    """Simulate a movie and segment its prediction map, with all its faults."""
    sample = nbt.sample(kind, **options)
    folder = work / f"{kind}_{options['seed']}"
    truth_objects = nbt.detect(sample.labels)
    if not folder.exists():
        write_ctc(Resolved(truth_objects, sample.truth), folder)
    detections = nbt.segment(sample.prediction, channel=1)
    return BenchMovie(np.stack([np.asarray(frame) for frame in detections.labels]), folder)


def cut(truth: Path, folder: Path, frames: int) -> Path:
    """Copy the first frames of a truth folder."""
    import shutil

    _, masks, tracks = ctc_files(truth)
    folder.mkdir(parents=True, exist_ok=True)
    for mask in masks[:frames]:
        shutil.copy(mask, folder / mask.name)
    rows = [list(map(int, line.split())) for line in tracks.read_text().splitlines()]
    kept = [[i, first, min(last, frames - 1), parent] for i, first, last, parent in rows if first < frames]
    (folder / tracks.name).write_text("".join(" ".join(map(str, row)) + "\n" for row in kept))
    return folder


def shuffled(stack: np.ndarray) -> np.ndarray:
    """Renumber the objects of every frame at random, so that no id tells anything."""
    rng = np.random.default_rng(0)
    result = np.zeros(stack.shape, np.uint32)
    for t, frame in enumerate(stack):
        ids, place = np.unique(frame, return_inverse=True)
        new = np.zeros(len(ids), np.uint32)
        new[ids > 0] = rng.permutation(int((ids > 0).sum())) + 1
        result[t] = new[place].reshape(frame.shape)
    return result


def _read(path: Path) -> np.ndarray:
    import h5py

    with h5py.File(path) as file:
        return np.asarray(next(iter(file.values())))


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


if __name__ == "__main__":
    main()
