"""A Gaussian mixture over the pixels of one object: what each of the objects that it holds looks like.

Expectation and maximisation with a prior: the shape and the share of each part are pulled towards what is known of them
from the frames in which the objects lie alone, so that a tiny or oddly shaped object cannot make a part collapse. A
pixel is a small box and not a point: its own variance is part of every covariance.
"""

# mypy: disable-error-code="no-untyped-def"
# numba infers the types of compiled functions from the call

import numpy as np
from numba import njit

SHAPE_TRUST = 0.5
"""How much the expected covariance counts beside the pixels of a part, as a share of the expected pixels."""
SHARE_TRUST = 0.2
"""How much the expected shares count beside all pixels."""
MOST_STEPS = 40


@njit(cache=True, nogil=True)
def _factorize(matrix, factor):
    """Write the Cholesky factor and tell half the logarithm of the determinant."""
    n = len(matrix)
    half_log = 0.0
    for i in range(n):
        for j in range(i + 1):
            value = matrix[i, j]
            for m in range(j):
                value -= factor[i, m] * factor[j, m]
            factor[i, j] = np.sqrt(max(value, 1e-12)) if i == j else value / factor[j, j]
        half_log += np.log(factor[i, i])
    return half_log


@njit(cache=True, nogil=True)
def _square_distance(factor, offset, solved):
    """Give the squared Mahalanobis distance of an offset."""
    total = 0.0
    for i in range(len(offset)):
        value = offset[i]
        for m in range(i):
            value -= factor[i, m] * solved[m]
        solved[i] = value / factor[i, i]
        total += solved[i] * solved[i]
    return total


@njit(cache=True, nogil=True)
def fit_mixture(points, means, shapes, shares, pixel, steps, part):
    """Fit a mixture and cut the points by it.

    Parameters
    ----------
    points : ndarray of float, shape (n, ndim)
        Pixels in scaled units.
    means : ndarray of float, shape (k, ndim)
        Where to begin; holds the fitted means afterwards.
    shapes : ndarray of float, shape (k, ndim, ndim)
        Expected covariances.
    shares : ndarray of float, shape (k,)
        Expected shares of the points, sum 1.
    pixel : ndarray of float, shape (ndim,)
        Variance within a pixel along each axis.
    steps : int
        Most steps to take.
    part : ndarray of int, shape (n,)
        Gets the likeliest part of each point.

    Returns
    -------
    float
        Logarithm of the posterior density, up to a constant: the higher the better.
    """
    n, ndim = points.shape
    k = len(means)
    covariance = shapes.copy()
    weight = shares.copy()
    factor, expected = np.zeros((k, ndim, ndim)), np.zeros((k, ndim, ndim))
    for j in range(k):
        _factorize(shapes[j], expected[j])
    half_log = np.zeros(k)
    density = np.zeros(k)
    offset, solved = np.zeros(ndim), np.zeros(ndim)
    objective = -np.inf
    for step in range(steps + 1):
        for j in range(k):
            half_log[j] = _factorize(covariance[j], factor[j])
        mass = np.zeros(k)
        first = np.zeros((k, ndim))
        second = np.zeros((k, ndim, ndim))
        likelihood = 0.0
        for p in range(n):
            best = 0
            for j in range(k):
                for a in range(ndim):
                    offset[a] = points[p, a] - means[j, a]
                distance = _square_distance(factor[j], offset, solved)
                density[j] = np.log(weight[j]) - half_log[j] - 0.5 * distance
                if density[j] > density[best]:
                    best = j
            part[p] = best
            total = 0.0
            highest = density[best]
            for j in range(k):
                density[j] = np.exp(density[j] - highest) if density[j] > highest - 20 else 0.0
                total += density[j]
            likelihood += highest + np.log(total)
            for j in range(k):
                if density[j] == 0.0:
                    continue
                r = density[j] / total
                mass[j] += r
                for a in range(ndim):
                    d = points[p, a] - means[j, a]
                    first[j, a] += r * d
                    for b in range(a + 1):
                        second[j, a, b] += r * d * (points[p, b] - means[j, b])
        posterior = likelihood
        for j in range(k):
            posterior += SHARE_TRUST * n * shares[j] * np.log(weight[j])
            trust = SHAPE_TRUST * n * shares[j]
            trace = 0.0  # of the inverse covariance times the expected one
            for a in range(ndim):
                trace += _square_distance(factor[j], expected[j, :, a], solved)
            posterior -= trust * half_log[j] + 0.5 * trust * trace
        if step == steps or posterior - objective < 3e-4 * n:
            return max(posterior, objective)
        objective = posterior
        for j in range(k):
            trust = SHAPE_TRUST * n * shares[j]
            weight[j] = max((mass[j] + SHARE_TRUST * n * shares[j]) / (n * (1 + SHARE_TRUST)), 1e-12)
            m = max(mass[j], 1e-12)
            for a in range(ndim):
                for b in range(a + 1):
                    spread = second[j, a, b] - first[j, a] * first[j, b] / m
                    if a == b:
                        spread += m * pixel[a]
                    covariance[j, a, b] = (spread + trust * shapes[j, a, b]) / (m + trust)
                    covariance[j, b, a] = covariance[j, a, b]
            for a in range(ndim):
                means[j, a] += first[j, a] / m
    return objective
