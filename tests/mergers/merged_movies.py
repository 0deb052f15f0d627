"""Movies of disks and balls that touch and become one object, with their truth."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

import nbtrack as nbt
from nbtrack.data.detections import Detections
from nbtrack.data.lineage import Lineage

Path = dict[int, tuple[float, ...]]
"""Centre by frame."""


@dataclass(frozen=True)
class MergedMovie:
    """True labels, and what a segmentation makes of them."""

    truth_labels: np.ndarray
    truth: Lineage
    detections: Detections
    lineage: Lineage


def merge_disks(
    paths: dict[int, Path],
    *,
    divisions: tuple[tuple[int, int, int, int], ...] = (),
    shape: tuple[int, ...] = (48, 72),
    radius: float = 7.0,
    scale: tuple[float, ...] = (),
    swaps: tuple[tuple[int, int, int], ...] = (),
) -> MergedMovie:
    """Draw a disk for every track and merge those that touch; `swaps` are mistakes: from frame t on, a is b."""
    n_frames = 1 + max(max(path) for path in paths.values())
    truth_labels = np.zeros((n_frames, *shape), np.uint32)
    merged = np.zeros_like(truth_labels)
    truth_rows, rows = [], []
    grid = np.moveaxis(np.indices(shape), 0, -1) * (scale or (1.0,) * len(shape))
    for t in range(n_frames):
        here = {track: path[t] for track, path in paths.items() if t in path}
        distance = np.stack([((grid - at) ** 2).sum(axis=-1) for at in here.values()])
        nearest = np.array(list(here), np.uint32)[distance.argmin(axis=0)]
        truth_labels[t] = np.where(distance.min(axis=0) <= radius**2, nearest, 0)
        merged[t] = ndimage.label(truth_labels[t] > 0)[0]
        for track in here:
            truth_rows.append((t, track, track))
            name = track
            for since, a, b in swaps:
                name = {a: b, b: a}.get(name, name) if t >= since else name
            rows.append((t, int(np.bincount(merged[t][truth_labels[t] == track]).argmax()), name))
    axes = "tyx" if len(shape) == 2 else "tzyx"
    return MergedMovie(
        truth_labels,
        Lineage.from_tables(truth_rows, divisions),
        nbt.detect(nbt.Movie.from_array(merged, axes=axes, scale=scale or None)),
        Lineage.from_tables(rows, divisions),
    )


def line(start: tuple[float, ...], end: tuple[float, ...], first: int, last: int) -> Path:
    """Go straight from one place to another."""
    steps = np.linspace(start, end, last - first + 1)
    return {first + i: tuple(at) for i, at in enumerate(steps.tolist())}


def shared(movie: MergedMovie, detections: Detections, lineage: Lineage) -> float:
    """Tell the smallest intersection over union of a true object and the object of its track."""
    found = []
    for t, frame in enumerate(movie.truth_labels):
        labels = detections.labels[t]
        for track in movie.truth.labelled(t):
            true, held = frame == track, labels == lineage.object_at(track, t)
            found.append((true & held).sum() / (true | held).sum())
    return float(min(found))
