"""Energies made convex in the number of objects, as exact solvers of tracking want them."""

import numpy as np

CONVEX_STEP = 1e-6
"""Smallest increase of slope that `convexify` makes."""


def convexify(features: np.ndarray, step: float = CONVEX_STEP) -> np.ndarray:
    """Make every row convex, so that the k-th object never costs less than the one before it.

    Walk from the smallest entry to both ends; a slope that does not grow by at least `step` is replaced by the slope
    before it plus `step`.

    Parameters
    ----------
    features : ndarray of float, shape (n, m + 1)
        One column per number of objects.
    step : float, optional
        Smallest growth of the slope.

    Returns
    -------
    ndarray of float, shape (n, m + 1)
        The nearest rows above that are convex.
    """
    best = np.argmin(features, axis=1)
    right = _convex_after(features, best, step)
    left = _convex_after(features[:, ::-1], features.shape[1] - 1 - best, step)[:, ::-1]
    return np.where(np.arange(features.shape[1]) > best[:, None], right, left)


def _convex_after(features: np.ndarray, best: np.ndarray, step: float) -> np.ndarray:
    convex = np.array(features, dtype=float)
    slope = np.zeros(len(convex))
    for k in range(1, convex.shape[1]):
        active = best < k
        new = convex[:, k] - convex[:, k - 1]
        bend = active & ((np.abs(new - slope) < step) | (new < slope))
        slope = np.where(bend, slope + step, np.where(active, new, slope))
        convex[bend, k] = convex[bend, k - 1] + slope[bend]
    return convex
