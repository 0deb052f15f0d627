"""Outlines of objects, all objects of a frame at once: how deep they are, and what their convex hull says.

The depth of a pixel is a chamfer distance (Borgefors 1986, Distance transformations in digital images, Computer Vision,
Graphics, and Image Processing 34); hulls are found by the chain of Andrew (1979, Another efficient algorithm for convex
hulls in two dimensions, Information Processing Letters 9).
"""

# mypy: disable-error-code="no-untyped-def, assignment"
# numba infers the types of compiled functions from the call

from collections.abc import Sequence
from itertools import product

import numpy as np
from numba import njit

from nbtrack.regions import Regions, as_planes, dense_labels


def inscribed_radii(labels: np.ndarray, regions: Regions, spacing: Sequence[float]) -> np.ndarray:
    """Measure the largest disk or ball that fits into each object.

    Parameters
    ----------
    labels : ndarray of unsigned int, shape ([z,] y, x)
        Label frame.
    regions : Regions
        The objects of `labels`, as `nbtrack.regions.scan_regions` gives them.
    spacing : sequence of float
        Size of a pixel along each axis.

    Returns
    -------
    ndarray of float, shape (n,)
        Radius in the unit of `spacing`, within a few per cent; the border of the frame ends an object.
    """
    dense, ids = dense_labels(labels)
    ndim = labels.ndim
    before = [step for step in product((-1, 0, 1), repeat=3) if step < (0, 0, 0) and not any(step[: 3 - ndim])]
    steps = np.array(before, np.int64)
    lengths = np.linalg.norm(steps[:, 3 - ndim :] * np.asarray(spacing, float), axis=1)
    deepest: np.ndarray = _deepest(as_planes(dense), steps, lengths, len(ids))
    return deepest[np.searchsorted(ids, regions.object_id)]


def hull_shapes(labels: np.ndarray, regions: Regions) -> np.ndarray:
    """Compare the objects of a plane with their convex hulls.

    Parameters
    ----------
    labels : ndarray of unsigned int, shape (y, x)
        Label frame.
    regions : Regions
        The objects of `labels`, as `nbtrack.regions.scan_regions` gives them.

    Returns
    -------
    ndarray of float, shape (n, 2)
        Area of the hull, pixels taken as squares, and how deep the outline dips below it, in pixels.
    """
    dense, ids = dense_labels(labels)
    rows = np.searchsorted(ids, regions.object_id)
    lower, upper = np.zeros((2, len(ids), 2), np.int64)
    lower[rows], upper[rows] = regions.lower, regions.upper
    found: np.ndarray = _hulls(np.ascontiguousarray(dense), lower, upper)
    return found[rows]


@njit(cache=True, nogil=True)
def _deepest(labels, steps, lengths, n):
    """Sweep forwards and backwards over the frame; `steps` lead to the neighbours that were visited before."""
    nz, ny, nx = labels.shape
    depth = np.zeros(labels.shape, np.float32)
    deepest = np.zeros(n)
    for sweep in range(2):
        sign = 1 if sweep == 0 else -1
        for i in range(nz):
            z = i if sweep == 0 else nz - 1 - i
            for j in range(ny):
                y = j if sweep == 0 else ny - 1 - j
                for k in range(nx):
                    x = k if sweep == 0 else nx - 1 - k
                    label = labels[z, y, x]
                    if label == 0:
                        continue
                    best = np.float32(np.inf) if sweep == 0 else depth[z, y, x]
                    for s in range(len(steps)):
                        a, b, c = z + sign * steps[s, 0], y + sign * steps[s, 1], x + sign * steps[s, 2]
                        inside = 0 <= a < nz and 0 <= b < ny and 0 <= c < nx and labels[a, b, c] == label
                        best = min(best, depth[a, b, c] + lengths[s] if inside else lengths[s] / 2)
                    depth[z, y, x] = best
                    if sweep == 1:
                        deepest[label - 1] = max(deepest[label - 1], best)
    return deepest


@njit(cache=True, nogil=True)
def _hulls(labels, lower, upper):
    """Find the outermost pixels of each row and column of each object, then its hull and the deepest dip."""
    n = len(lower)
    rows = np.zeros(n + 1, np.int64)
    columns = np.zeros(n + 1, np.int64)
    for k in range(n):
        rows[k + 1] = rows[k] + upper[k, 0] - lower[k, 0]
        columns[k + 1] = columns[k] + upper[k, 1] - lower[k, 1]
    far = np.iinfo(np.int64).max
    left = np.full(rows[n], far)
    right = np.full(rows[n], -1)
    top = np.full(columns[n], far)
    bottom = np.full(columns[n], -1)
    ny, nx = labels.shape
    for y in range(ny):
        for x in range(nx):
            k = np.int64(labels[y, x]) - 1
            if k >= 0:
                row, column = rows[k] + y - lower[k, 0], columns[k] + x - lower[k, 1]
                left[row] = min(left[row], x)
                right[row] = max(right[row], x)
                top[column] = min(top[column], y)
                bottom[column] = max(bottom[column], y)
    found = np.zeros((n, 2))
    for k in range(n):
        hull = _hull(left[rows[k] : rows[k + 1]], right[rows[k] : rows[k + 1]])
        m = len(hull)
        for i in range(m):
            j = (i + 1) % m
            found[k, 0] += (hull[i, 0] * hull[j, 1] - hull[j, 0] * hull[i, 1]) / 2
        found[k, 0] = abs(found[k, 0])
        for row in range(rows[k + 1] - rows[k]):
            if right[rows[k] + row] >= 0:
                found[k, 1] = max(found[k, 1], _below(hull, row, left[rows[k] + row] - 0.5))
                found[k, 1] = max(found[k, 1], _below(hull, row, right[rows[k] + row] + 0.5))
        for column in range(columns[k + 1] - columns[k]):
            x = column + lower[k, 1]
            if bottom[columns[k] + column] >= 0:
                found[k, 1] = max(found[k, 1], _below(hull, top[columns[k] + column] - 0.5 - lower[k, 0], x))
                found[k, 1] = max(found[k, 1], _below(hull, bottom[columns[k] + column] + 0.5 - lower[k, 0], x))
    return found


@njit(cache=True, nogil=True)
def _hull(left, right):
    """Walk down the left ends of the rows and up the right ones, leaving out what lies inside."""
    height = len(left)
    chain = np.zeros((2 * height + 4, 2))
    m = 0
    for side in range(2):
        first = m
        for i in range(height + 1):
            edge = i if side == 0 else height - i
            x = np.inf if side == 0 else -np.inf
            for row in range(max(edge - 1, 0), min(edge + 1, height)):
                if right[row] >= 0:
                    x = min(x, left[row] - 0.5) if side == 0 else max(x, right[row] + 0.5)
            if not np.isfinite(x):
                continue
            y = edge - 0.5
            while m - first >= 2 and _turn(chain[m - 2], chain[m - 1], y, x) <= 0:
                m -= 1
            chain[m, 0], chain[m, 1] = y, x
            m += 1
    return chain[:m]


@njit(cache=True, nogil=True, inline="always")
def _turn(a, b, y, x):
    return (b[0] - a[0]) * (x - a[1]) - (b[1] - a[1]) * (y - a[0])


@njit(cache=True, nogil=True)
def _below(hull, y, x):
    """Distance of a point inside the hull from its nearest side."""
    nearest = np.inf
    m = len(hull)
    for i in range(m):
        a, b = hull[i], hull[(i + 1) % m]
        length = np.hypot(b[0] - a[0], b[1] - a[1])
        if length > 0:
            nearest = min(nearest, abs(_turn(a, b, y, x)) / length)
    return nearest
