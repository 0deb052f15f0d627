"""From shares of draws, margins and alerts to a confidence, as the person's own decisions show it.

A logistic regression with a Gaussian prior: with no decision yet it is the prior, with many it is what they say.
Decisions are made where there is doubt, and say little of the rest of the movie. So a sample of all fates, the anchors,
is held near what the prior says of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

FEATURES = ("share", "margin", "end", "gap", "halves", "division", "false", "alerts", "offset")
"""What the confidence of a fate is made of."""
PRIOR = np.array([0.9, 0.2, -3.0, -3.5, -3.0, 0.25, 0.25, -0.4, 0.7])
"""Weights before the first decision: rounded from a fit to two simulated movies and one of bacteria."""
STRENGTH = 4.0
"""How firmly they are held: the precision of the prior."""
ANCHOR_WEIGHT = 30.0
"""All anchors together count as so many decisions."""
_STEPS = 20
_LIMIT = 30.0


@dataclass
class Calibration:
    """Turn features of fates into confidences, and learn from decisions.

    Attributes
    ----------
    weights : ndarray of float
        One weight for each of `FEATURES`.
    """

    weights: np.ndarray = field(default_factory=lambda: PRIOR.copy())
    _anchors: np.ndarray = field(default_factory=lambda: np.zeros((0, len(FEATURES))))
    _features: list[np.ndarray] = field(default_factory=list)
    _right: list[bool] = field(default_factory=list)

    def __len__(self) -> int:
        """Count the decisions."""
        return len(self._right)

    def confidence(self, features: np.ndarray) -> np.ndarray:
        """Tell how sure fates are.

        Parameters
        ----------
        features : ndarray of float, shape (n, 9)
            One row per fate, columns as in `FEATURES`.

        Returns
        -------
        ndarray of float, shape (n,)
        """
        return _sigmoid(features @ self.weights)

    def add(self, features: np.ndarray, right: bool) -> None:
        """Learn from a decision.

        Parameters
        ----------
        features : ndarray of float, shape (9,)
            The features of the fate that was shown.
        right : bool
            Whether the person accepted it.
        """
        self._features.append(np.asarray(features, float))
        self._right.append(bool(right))
        self._fit()

    def anchor(self, features: np.ndarray) -> None:
        """Hold what the prior says of a sample of fates.

        Parameters
        ----------
        features : ndarray of float, shape (n, 9)
            The features of the fates; they replace those of an earlier sample.
        """
        self._anchors = np.asarray(features, float)
        self._fit()

    def take_back(self) -> None:
        """Forget the last decision."""
        self._features.pop()
        self._right.pop()
        self._fit()

    def _fit(self) -> None:
        weights = PRIOR.copy()
        if self._right:
            k = len(self._anchors)
            x = np.concatenate([np.array(self._features), self._anchors])
            right = np.concatenate([self._right, _sigmoid(self._anchors @ PRIOR)])
            share = np.concatenate([np.ones(len(self._right)), np.full(k, ANCHOR_WEIGHT / max(k, 1))])
            for _ in range(_STEPS):
                p = _sigmoid(x @ weights)
                slope = x.T @ (share * (right - p)) - STRENGTH * (weights - PRIOR)
                curvature = (x * (share * p * (1 - p))[:, None]).T @ x + STRENGTH * np.eye(len(weights))
                step = np.linalg.solve(curvature, slope)
                while _fit_of(weights + step, x, right, share) < _fit_of(weights, x, right, share) - 1e-9:
                    step /= 2  # a whole step may go too far where the prior is sure and wrong
                weights = weights + step
                if np.abs(step).max() < 1e-9:
                    break
        self.weights = weights


def _fit_of(weights: np.ndarray, x: np.ndarray, right: np.ndarray, share: np.ndarray) -> float:
    """Tell how well weights fit: the logarithm of the likelihood and of the prior."""
    z = x @ weights
    likelihood = share @ (right * z - np.logaddexp(0, z))
    return float(likelihood - STRENGTH / 2 * ((weights - PRIOR) ** 2).sum())


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -_LIMIT, _LIMIT))))


def calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = 10) -> float:
    """Measure the expected calibration error: by how much confidences miss the share of what is right.

    ``sum over bins of (n_bin / n) |mean(right) - mean(confidence)|``, bins of equal width.

    Parameters
    ----------
    confidence : ndarray of float, shape (n,)
        From 0 to 1.
    right : ndarray of bool, shape (n,)
        What is right.
    bins : int, optional
        Number of bins.

    Returns
    -------
    float
        0 is perfect.

    Examples
    --------
    >>> calibration_error(np.array([0.9, 0.9]), np.array([True, False]))
    0.4
    """
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    n = np.bincount(place, minlength=bins)
    off = np.bincount(place, confidence, minlength=bins) - np.bincount(place, right, minlength=bins)
    return float(np.abs(off[n > 0]).sum() / max(len(confidence), 1))
