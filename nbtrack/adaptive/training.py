"""Self-training: what is sure in the movie teaches the weights for what is not.

The sure examples are too easy a sample of all, so the weights are held near those given: a logistic regression with a
Gaussian prior around them.
"""

from __future__ import annotations

import numpy as np

MARGIN = 2.0
"""A link is sure if the second best of either end is worse by this much."""
FEWEST_LINKS = 20
"""Sure right and wrong links that are needed to learn anything."""
ROUNDS = 2
"""How often the sure links are chosen anew."""
MOST_WEIGHT = 2000.0
"""Examples that all examples together count for at most."""
LEAST_SHARE = 0.05
"""No weight falls below this share of what it was given."""
_STEPS = 15


def fit_weights(features: np.ndarray, right: np.ndarray, given: np.ndarray, strength: float) -> np.ndarray:
    """Fit a logistic regression whose score is ``offset - features @ weights``; both classes weigh the same.

    Parameters
    ----------
    features : ndarray of float, shape (n, k)
        Examples.
    right : ndarray of bool, shape (n,)
        Which of them are right.
    given : ndarray of float, shape (k + 1,)
        Weights before, the offset last: the mean of the prior.
    strength : float
        Precision of the prior.

    Returns
    -------
    ndarray of float, shape (k + 1,)
        Weights stay above 0.
    """
    x = np.column_stack([-features, np.ones(len(features))])
    n_right = int(right.sum())
    share = np.where(right, 0.5 / max(1, n_right), 0.5 / max(1, len(right) - n_right))
    share = share * min(len(right), MOST_WEIGHT)
    weights = given.copy()
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
        slope = x.T @ (share * (right - p)) - strength * (weights - given)
        curvature = (x * (share * p * (1 - p))[:, None]).T @ x + strength * np.eye(len(given))
        weights = weights + np.linalg.solve(curvature, slope)
        weights[:-1] = np.maximum(weights[:-1], LEAST_SHARE * given[:-1])
    return weights


def train_links(
    source: np.ndarray, target: np.ndarray, features: np.ndarray, given: np.ndarray, strength: float
) -> np.ndarray:
    """Learn the weights of links from those that are best for both their ends by a margin.

    Wrong examples are the other links that touch a sure one at the same end.

    Parameters
    ----------
    source, target : ndarray of int, shape (n,)
        Objects at the ends of each link.
    features : ndarray of float, shape (n, k)
        What the links are judged by.
    given : ndarray of float, shape (k + 1,)
        Weights before, the offset last.
    strength : float
        Precision of the prior.

    Returns
    -------
    ndarray of float, shape (k + 1,)
        `given` where too few links are sure.
    """
    weights = given
    for _ in range(ROUNDS):
        score = weights[-1] - features @ weights[:-1]
        (best_out, next_out), (best_in, next_in) = (_best_two(end, score) for end in (source, target))
        sure = (score >= best_out) & (score >= best_in) & (score - np.maximum(next_out, next_in) > MARGIN)
        wrong = ~sure & (np.isin(source, source[sure]) | np.isin(target, target[sure]))
        if min(sure.sum(), wrong.sum()) < FEWEST_LINKS:
            break
        used = sure | wrong
        weights = fit_weights(features[used], sure[used], given, strength)
    return weights


def _best_two(group: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the best and the second best score of the group of each entry; equal ones count once."""
    size = int(group.max(initial=-1)) + 1
    best, second = np.full(size, -np.inf), np.full(size, -np.inf)
    np.maximum.at(best, group, score)
    others = score < best[group]
    np.maximum.at(second, group[others], score[others])
    return best[group], second[group]
