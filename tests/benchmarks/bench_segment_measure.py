"""Threshold, label and measure: nbtrack beside scikit-image's ``label`` and ``regionprops_table``, in one run.

Run it with ``python tests/benchmarks/bench_segment_measure.py``. Both sides get the same frames and the same
smoothing and give label image, area, bounding box and centroid of every object; each figure is the best of several
interleaved rounds.
"""

import time

import numpy as np
from scipy import ndimage
from skimage.measure import label, regionprops_table

from nbtrack.data.movie import Movie
from nbtrack.segmentation import segment

ROUNDS = 5


def make_movie(shape: tuple[int, ...], n_objects: int, radius: tuple[float, ...], n_frames: int) -> np.ndarray:
    """Make frames of ellipsoidal objects on a jittered grid, as a nucleus channel looks after smoothing."""
    rng = np.random.default_rng(0)
    volume = np.prod(shape) / n_objects
    spacing = volume ** (1 / len(shape)) * np.array(radius) / np.prod(radius) ** (1 / len(radius))
    grid = np.stack(np.meshgrid(*[np.arange(d / 2, s, d) for s, d in zip(shape, spacing, strict=True)]), -1)
    grid = grid.reshape(-1, len(shape))
    frames = np.zeros((n_frames, *shape), np.float32)
    offsets = np.stack(np.meshgrid(*[np.arange(-int(2 * r), int(2 * r) + 1) for r in radius], indexing="ij"), -1)
    for frame in frames:
        for center in grid + rng.uniform(-0.15, 0.15, grid.shape) * spacing:
            pixels = (center + offsets).round().astype(int).reshape(-1, len(shape))
            inside = ((pixels >= 0) & (pixels < shape)).all(axis=1)
            distance = (((pixels - center) / (radius * rng.uniform(0.8, 1.2, len(shape)))) ** 2).sum(axis=1)
            at = tuple(pixels[inside].T)
            frame[at] = np.maximum(frame[at], np.exp(-0.69 * distance[inside]))
    return frames


def run_skimage(frames: np.ndarray, sigma: float) -> int:
    """Count objects the scikit-image way."""
    count = 0
    for frame in frames:
        smooth = ndimage.gaussian_filter(frame, sigma, truncate=2, mode="mirror") if sigma else frame
        labels = label(smooth > 0.5, connectivity=1)
        count += len(regionprops_table(labels, properties=("label", "area", "bbox", "centroid"))["label"])
    return count


def run_nbtrack(frames: np.ndarray, sigma: float, executor: str) -> int:
    """Count objects our way."""
    axes = "tyx" if frames.ndim == 3 else "tzyx"
    return len(segment(Movie.from_array(frames, axes), sigma=sigma, size=(1, 10**9), executor=executor))


def main() -> None:
    """Measure and print."""
    cases = {
        "2D, 1024 x 1024": make_movie((1024, 1024), 600, (10.0, 10.0), 8),
        "3D, 32 x 256 x 256": make_movie((32, 256, 256), 200, (4.0, 9.0, 9.0), 8),
    }
    for name, frames in cases.items():
        for sigma in (0, 1):
            runs = {
                "scikit-image": lambda f=frames, s=sigma: run_skimage(f, s),
                "nbtrack, 1 thread": lambda f=frames, s=sigma: run_nbtrack(f, s, "serial"),
                "nbtrack, threads": lambda f=frames, s=sigma: run_nbtrack(f, s, "threads"),
            }
            counts = {who: run() for who, run in runs.items()}  # also compiles
            assert len(set(counts.values())) == 1, counts
            best = dict.fromkeys(runs, float("inf"))
            for _ in range(ROUNDS):
                for who, run in runs.items():
                    start = time.perf_counter()
                    run()
                    best[who] = min(best[who], time.perf_counter() - start)
            print(f"{name}, {counts['scikit-image'] // len(frames)} objects a frame, sigma {sigma}")
            for who, seconds in best.items():
                ratio = best["scikit-image"] / seconds
                print(f"  {who:18s} {1e3 * seconds / len(frames):7.1f} ms a frame, ratio {ratio:5.1f}")


if __name__ == "__main__":
    main()
