"""Prediction maps with the errors of a pixel classifier, and the list of the errors they cause.

The map starts from the true labels. Close nuclei flow together (always where less than a pixel or two is between them,
sometimes where they touch), outlines wobble, nuclei are missed for a frame or two, the dim ones more often, and specks
appear where there is nothing or where debris lies. What is wrong in the end is not taken from this recipe but measured:
`find_faults` segments the map and compares the objects with the truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import ndimage as ndi

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FAULT_COLUMNS = ["t", "kind", "track_ids", "size"]
"""Columns of a table of faults, after which come the coordinates ``[z,] y, x``."""


@dataclass(frozen=True, kw_only=True)
class FaultSettings:
    """How often a classifier errs.

    Parameters
    ----------
    merge : float
        Share of touching pairs that flow together; the others keep a dark line.
    merge_frames : int
        For how many frames a pair stays as it is, about.
    miss : float
        Chance of a nucleus to begin being missed, per frame.
    specks : float
        False objects per frame.
    wobble : float
        Noise of the outline.
    """

    merge: float = 0.1
    merge_frames: int = 4
    miss: float = 0.003
    specks: float = 1.5
    wobble: float = 0.3


class Classifier:
    """Imitate a pixel classifier that was trained well but not perfectly.

    Parameters
    ----------
    shape : sequence of int, length ndim
        Size of a frame.
    spacing : sequence of float, length ndim
        Size of a pixel along each axis, in pixels of the image plane.
    settings : FaultSettings
        How often it errs.
    seed : int
        Seed of all chance.
    """

    def __init__(self, shape: Sequence[int], spacing: Sequence[float], settings: FaultSettings, seed: int) -> None:
        self._shape = tuple(shape)
        self._spacing = np.asarray(spacing, dtype=float)
        self._settings = settings
        self._seed = seed
        self._rng = np.random.default_rng([seed, 4])
        self._missed: dict[int, int] = {}

    def predict(self, labels: NDArray[np.uint32], debris: NDArray[np.float64], t: int) -> NDArray[np.float32]:
        """Predict one frame.

        Parameters
        ----------
        labels : ndarray of uint32, shape of a frame
            The truth.
        debris : ndarray of float, shape (m, ndim + 2)
            Centre, radius and brightness of what a classifier may take for a nucleus.
        t : int
            Frame number.

        Returns
        -------
        ndarray of float32, shape of a frame
            Probability of foreground in steps of 0.01, as a forest of a hundred trees gives it.
        """
        nuclei = (labels > 0) & ~self._dark_lines(labels, t)
        # a forest decides sharply at an outline that is blurred and a little wrong
        soft = ndi.gaussian_filter(nuclei.astype(np.float32), 0.7 / self._spacing)
        wobble = self._noise(1.8) * self._settings.wobble
        probability = 1 / (1 + np.exp(-(soft - 0.5 + 4 * soft * (1 - soft) * wobble) / 0.07))
        probability *= self._confidence(labels)[labels]
        probability = np.maximum(probability, self._specks(debris))
        grain = np.clip(self._noise(0.7), 0, None)
        near = ndi.gaussian_filter(nuclei.astype(np.float32), 5 / self._spacing, truncate=2)
        probability += np.where(probability < 0.5, (0.01 + 0.08 * near) * grain, -0.015 * grain)
        steps: NDArray[np.float32] = np.round(np.clip(probability, 0, 1), 2).astype(np.float32)
        return steps

    def _dark_lines(self, labels: Any, t: int) -> Any:
        """Find the lines between touching nuclei that the classifier sees."""
        seen = np.zeros(labels.shape, bool)
        here = labels.astype(np.int64)
        key = t // self._settings.merge_frames
        for axis in range(labels.ndim):
            low = [slice(None)] * labels.ndim
            high = list(low)
            low[axis], high[axis] = slice(None, -1), slice(1, None)
            a, b = here[tuple(low)], here[tuple(high)]
            where = np.nonzero((a != b) & (a > 0) & (b > 0))
            if not len(where[0]):
                continue
            pair = np.stack([np.minimum(a[where], b[where]), np.maximum(a[where], b[where])], axis=1)
            keep = _chance(pair, key, self._seed) >= self._settings.merge
            for shift in (0, 1):
                index = list(where)
                index[axis] = where[axis] + shift
                seen[tuple(i[keep] for i in index)] = True
        thin = ndi.generate_binary_structure(labels.ndim, 1)
        thin[(0, 2), ...] &= labels.ndim == 2  # slices are thick: widen lines in the plane only
        return ndi.binary_dilation(seen, thin)

    def _confidence(self, labels: Any) -> Any:
        """Give each label a factor: low while its nucleus is missed."""
        rng = self._rng
        ids = (np.nonzero(np.bincount(labels.ravel())[1:])[0] + 1).tolist()
        begin = rng.random(len(ids)) < self._settings.miss
        length = rng.integers(1, 3, len(ids))
        factor = np.ones(int(labels.max()) + 1, np.float32)
        for i, begins, frames in zip(ids, begin.tolist(), length.tolist(), strict=True):
            if begins:
                self._missed[i] = frames
            if self._missed.get(i, 0) > 0:
                self._missed[i] -= 1
                factor[i] = 0.35
        return factor

    def _specks(self, debris: Any) -> Any:
        """Draw false objects: small blobs anywhere, and debris that is bright enough."""
        rng = self._rng
        size = np.asarray(self._shape) * self._spacing
        n = rng.poisson(self._settings.specks)
        centers = rng.uniform(0, size, (n, len(size)))
        radii = rng.uniform(1.8, 4.0, n)
        bright = debris[:, -1] > 0.6
        centers = np.concatenate([centers, debris[bright, : len(size)]])
        radii = np.concatenate([radii, 0.9 * debris[bright, -2]])
        image = np.zeros(self._shape, np.float32)
        for center, radius in zip(centers, radii, strict=True):
            low = np.clip(np.floor((center - 3 * radius) / self._spacing), 0, None).astype(int)
            high = np.clip(np.ceil((center + 3 * radius) / self._spacing) + 1, None, self._shape).astype(int)
            if (low >= high).any():
                continue
            window = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
            places = zip(low, high, self._spacing, center, strict=True)
            axes = np.ix_(*((np.arange(a, b) * step - c) / radius for a, b, step, c in places))
            squeeze = rng.uniform(0.6, 1.6)
            square = sum(g**2 for g in axes[:-1]) * squeeze + axes[-1] ** 2 / squeeze
            blob = rng.uniform(0.75, 0.97) / (1 + np.exp((np.sqrt(square) - 1) * radius / 0.6))
            image[window] = np.maximum(image[window], blob)
        return image

    def _noise(self, sigma: float) -> Any:
        """Make smooth noise of unit variance."""
        field = ndi.gaussian_filter(self._rng.standard_normal(self._shape, np.float32), sigma / self._spacing)
        return field / field.std()


def find_faults(
    labels: NDArray[np.uint32],
    probability: NDArray[np.float32],
    t: int,
    *,
    sigma: float = 1.0,
    threshold: float = 0.5,
    smallest: int = 10,
) -> list[dict[str, Any]]:
    """Segment a predicted frame and tell where the objects differ from the truth.

    Parameters
    ----------
    labels : ndarray of uint32, shape of a frame
        True labels.
    probability : ndarray of float32, shape of a frame
        Probability of foreground.
    t : int
        Frame number.
    sigma, threshold : float
        Smoothing in pixels, and what counts as foreground (strictly more).
    smallest : int
        Objects with fewer pixels are left out.

    Returns
    -------
    list of dict
        One for each fault: `kind` is ``"merged"`` (an object holds several nuclei, each for the most part), ``"speck"``
        (an object holds no nucleus) or ``"missed"`` (most of a nucleus is in no object); `track_ids` are joined with
        ``";"`` and empty for a speck; `size` in pixels; centre as ``z``, ``y``, ``x``.
    """
    mask = ndi.gaussian_filter(probability, sigma, truncate=2) > threshold
    objects, n = ndi.label(mask, ndi.generate_binary_structure(mask.ndim, mask.ndim))
    sizes = np.bincount(objects.ravel(), minlength=n + 1)
    sizes[0] = 0
    true_sizes = np.bincount(labels.ravel())
    true_sizes[0] = 0
    both = (objects > 0) & (labels > 0)
    stride = len(true_sizes)
    pairs, overlap = np.unique(objects[both].astype(np.int64) * stride + labels[both], return_counts=True)
    held = overlap * 2 > true_sizes[pairs % stride]
    holds: dict[int, list[int]] = {}
    for i, track in zip((pairs[held] // stride).tolist(), (pairs[held] % stride).tolist(), strict=True):
        if sizes[i] >= smallest:
            holds.setdefault(i, []).append(track)
    found = {track for tracks in holds.values() for track in tracks}
    wrong = [("merged", i, tracks, objects) for i, tracks in holds.items() if len(tracks) > 1]
    wrong += [("speck", i, [], objects) for i in np.nonzero(sizes >= smallest)[0].tolist() if i not in holds]
    wrong += [("missed", i, [i], labels) for i in np.nonzero(true_sizes)[0].tolist() if i not in found]
    rows = []
    for kind, i, tracks, image in wrong:
        pixels = np.argwhere(image == i)
        row = {"t": t, "kind": kind, "track_ids": ";".join(map(str, tracks)), "size": len(pixels)}
        rows.append(row | dict(zip("zyx"[-mask.ndim :], pixels.mean(axis=0).tolist(), strict=True)))
    return rows


def fault_table(rows: list[dict[str, Any]], ndim: int) -> pd.DataFrame:
    """Make a table of faults.

    Parameters
    ----------
    rows : list of dict
        From `find_faults`.
    ndim : int
        Number of spatial dimensions, which tells the coordinates even where there is no fault.

    Returns
    -------
    DataFrame
        Columns `FAULT_COLUMNS` and ``[z,] y, x``, in order of time.
    """
    return pd.DataFrame(rows, columns=[*FAULT_COLUMNS, *"zyx"[-ndim:]])


def _chance(pairs: Any, key: int, seed: int) -> Any:
    """Give each pair of ids a number from 0 to 1 that depends on nothing but the pair, the key and the seed."""
    mixed = pairs.astype(np.uint64) @ np.array([0x9E3779B1, 0x85EBCA77], np.uint64)
    mixed += np.uint64((key * 0xC2B2AE3D + seed * 0x27D4EB2F) % 2**32)
    mixed ^= mixed >> np.uint64(15)
    mixed *= np.uint64(0x2C1B3C6D)
    mixed ^= mixed >> np.uint64(12)
    return (mixed % np.uint64(65536)).astype(float) / 65536
