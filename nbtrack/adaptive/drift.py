"""Jumps of the whole picture between two frames: where a stage moved, every object moves with it.

The jump is the peak of the cross-correlation of the two foregrounds. It counts only if the foregrounds overlap much
better after it, and the better the fewer objects there are: objects that move or divide on their own are not taken
for a moving stage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import fft

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbtrack.params import TrackingParams


FEW = 3
"""With so many objects the overlap must grow by twice as much as with very many."""

LEAST_OVERLAP = 0.5
"""IoU of the foregrounds below which they do not show one picture that has moved."""


class DriftFinder:
    """Finds the jump from each frame to the next, frame after frame.

    Parameters
    ----------
    radius : ndarray of float, shape (ndim,)
        Radius of a typical object along each axis, in pixels.
    frame_shape : sequence of int
        Shape of a frame.
    params : TrackingParams
        `drift` and `reach`.
    """

    def __init__(self, radius: np.ndarray, frame_shape: Sequence[int], params: TrackingParams) -> None:
        shape = np.array(frame_shape)
        coarse = np.minimum(np.maximum(radius // 4, 1), np.maximum(shape // 8, 1))
        self._step = coarse.astype(int)
        self._sampled = -(-shape // self._step)
        self._reach = np.minimum(np.ceil(params.reach * radius / self._step), self._sampled // 2).astype(int)
        self._size = [fft.next_fast_len(int(n + r), real=True) for n, r in zip(self._sampled, self._reach, strict=True)]
        self._least_gain = params.drift
        self._before: tuple[np.ndarray, float, int] | None = None

    def next_shift(self, labels: np.ndarray, n_objects: int) -> np.ndarray:
        """Take the next frame and tell how far it jumped from the one before.

        Parameters
        ----------
        labels : ndarray of int, shape ([z,] y, x)
            Label frame, 0 is background.
        n_objects : int
            Number of its objects.

        Returns
        -------
        ndarray of float, shape (ndim,)
            In pixels; 0 for the first frame and where nothing jumped.
        """
        none = np.zeros(labels.ndim)
        if self._least_gain >= 1:
            return none
        sampled = labels[tuple(slice(None, None, int(step)) for step in self._step)] > 0
        now = fft.rfftn(sampled.astype(np.float32), self._size), float(sampled.sum()), n_objects
        before, self._before = self._before, now
        if before is None or not before[1] or not now[1]:
            return none
        shared = fft.irfftn(now[0] * np.conj(before[0]), self._size)
        around = [np.arange(-reach, reach + 1) for reach in self._reach]
        window = shared[np.ix_(*around)]
        best = np.unravel_index(window.argmax(), window.shape)
        total = before[1] + now[1]

        def iou(pixels: float) -> float:
            return pixels / max(total - pixels, 1.0)

        needed = self._least_gain * (1 + FEW / max(min(before[2], now[2]), 1))
        after = iou(float(window[best]))
        if after < LEAST_OVERLAP or after <= iou(float(shared.flat[0])) + needed:
            return none
        return np.asarray(np.array([offsets[k] for offsets, k in zip(around, best, strict=True)], float) * self._step)


def moved(labels: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Move a frame by whole pixels; what leaves is lost, what comes in is background.

    Parameters
    ----------
    labels : ndarray
        A frame.
    shift : ndarray of int, shape (ndim,)
        How far along each axis.

    Returns
    -------
    ndarray, same shape
        The frame itself if the shift is zero.
    """
    if not shift.any():
        return labels
    result = np.zeros_like(labels)
    pairs = list(zip(shift.tolist(), labels.shape, strict=True))
    source = tuple(slice(max(0, -d), max(0, n - max(0, d))) for d, n in pairs)
    target = tuple(slice(max(0, d), max(0, n - max(0, -d))) for d, n in pairs)
    result[target] = labels[source]
    return result
