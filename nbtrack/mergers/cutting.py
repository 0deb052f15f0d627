"""Cut one object into parts: where the mixture begins, which fit is the best, and what holds for every cut.

Every part has a pixel where there are at least as many pixels as parts; with fewer, each pixel is a part and the tracks
that are left share the nearest one. A part is in one piece where the object allows it. The same input gives the same
cut: nothing is drawn at random.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.optimize import linear_sum_assignment

from nbtrack.mergers.mixture import MOST_STEPS, fit_mixture


@dataclass(frozen=True, eq=False)
class Expectation:
    """What is known of the objects in a merged object, one entry for each.

    Parameters
    ----------
    centers : ndarray of float, shape (k, ndim)
        Where they should be, in scaled units; not a number where nothing is known.
    shapes : ndarray of float, shape (k, ndim, ndim)
        Their covariances in scaled units; not a number where nothing is known.
    sizes : ndarray of float, shape (k,)
        Their sizes in pixels; not a number where nothing is known.
    """

    centers: np.ndarray
    shapes: np.ndarray
    sizes: np.ndarray


@dataclass(frozen=True, eq=False)
class Cut:
    """A merged object in parts.

    Parameters
    ----------
    part : ndarray of int, shape (n,)
        Part of each pixel, 0 to ``n_parts - 1``.
    slot : ndarray of int, shape (k,)
        Part of each object that was expected, in their order.
    centers : ndarray of float, shape (k, ndim)
        Where each of them is: the centre of its part, in scaled units.
    """

    part: np.ndarray
    slot: np.ndarray
    centers: np.ndarray

    @property
    def n_parts(self) -> int:
        """Number of parts: that of the objects, or of the pixels if these are fewer."""
        return int(self.slot.max()) + 1


def cut_object(pixels: np.ndarray, expected: Expectation, scale: tuple[float, ...]) -> Cut:
    """Cut the pixels of an object into parts.

    Parameters
    ----------
    pixels : ndarray of int, shape (n, ndim)
        At least one pixel.
    expected : Expectation
        Of the k objects in it.
    scale : tuple of float
        Size of a pixel along each axis.

    Returns
    -------
    Cut
    """
    points = np.ascontiguousarray(pixels * np.asarray(scale, dtype=float))
    k = len(expected.centers)
    if len(points) <= k:
        return _share_pixels(points, expected.centers)
    side = np.asarray(scale, dtype=float) ** 2 / 12
    sizes = np.where(np.isfinite(expected.sizes), expected.sizes, len(points) / k)
    shares = sizes / sizes.sum()
    shapes = _fill_shapes(expected.shapes, len(points) * shares * np.prod(scale), side)
    known = expected.centers
    starts = [_fill_centers(np.full_like(known, np.nan), points)]
    if np.isfinite(known).any():
        if np.isfinite(known).all():
            known = known - (shares @ known - points.mean(axis=0))
        starts = [_fill_centers(known, points), starts[0][_match(known, starts[0])]]
    fits = []
    for means in starts:
        part = np.zeros(len(points), np.int64)
        fits.append((fit_mixture(points, np.ascontiguousarray(means), shapes, shares, side, MOST_STEPS, part), part))
    part = max(fits, key=lambda fit: fit[0])[1]
    part = _join_pieces(pixels, part, k)
    count = np.bincount(part, minlength=k)
    if not count.all():
        part = _slice(points, known, k)
        count = np.bincount(part, minlength=k)
    centers = np.stack([np.bincount(part, axis, minlength=k) for axis in points.T], axis=1) / count[:, None]
    return Cut(part, np.arange(k), centers)


def _share_pixels(points: np.ndarray, centers: np.ndarray) -> Cut:
    """Make every pixel a part; tracks without a pixel of their own share the nearest one."""
    n, k = len(points), len(centers)
    centers = np.where(np.isfinite(centers), centers, points.mean(axis=0))
    cost = ((centers[:, None] - points[None]) ** 2).sum(axis=2)
    slot = cost.argmin(axis=1)
    rows, columns = linear_sum_assignment(cost)
    slot[rows] = columns
    assert len(rows) == min(n, k)
    return Cut(np.arange(n), slot, points[slot])


def _fill_shapes(shapes: np.ndarray, volumes: np.ndarray, side: np.ndarray) -> np.ndarray:
    """Take a disk or ball of the expected size where no shape is known, and count the pixels as boxes."""
    ndim = shapes.shape[-1]
    radius = (volumes * math.gamma(ndim / 2 + 1)) ** (1 / ndim) / math.sqrt(math.pi)
    round_ones = (radius**2 / (ndim + 2))[:, None, None] * np.eye(ndim)
    return np.ascontiguousarray(np.where(np.isfinite(shapes), shapes, round_ones) + np.diag(side))


def _fill_centers(known: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Put a centre that is unknown, or the same as one before it, on the pixel that is the farthest from the others."""
    centers = known.copy()
    done: list[int] = []
    nearest = ((points - points.mean(axis=0)) ** 2).sum(axis=1)
    for place, j in enumerate(np.argsort(~np.isfinite(known[:, 0]), kind="stable").tolist()):
        is_new = not place or bool(((centers - centers[j])[done] ** 2).sum(axis=1).min() > 1e-6)
        if not (is_new and np.isfinite(centers[j, 0])):
            centers[j] = points[nearest.argmax()]
        distance = ((points - centers[j]) ** 2).sum(axis=1)
        nearest = np.minimum(nearest, distance) if place else distance
        done.append(j)
    return centers


def _match(known: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Order means as the known centres are."""
    cost = ((known[:, None] - means[None]) ** 2).sum(axis=2)
    return np.asarray(linear_sum_assignment(np.where(np.isfinite(cost), cost, 0.0))[1])


def _join_pieces(pixels: np.ndarray, part: np.ndarray, k: int) -> np.ndarray:
    """Give every piece of a part but its largest to the part that it touches most."""
    low = pixels.min(axis=0)
    inside = tuple((pixels - low + 1).T)
    image = np.full(pixels.max(axis=0) - low + 3, -1)
    image[inside] = part
    for j in range(k):
        pieces, n = ndimage.label(image == j)
        if n < 2:
            continue
        for piece in (np.argsort(np.bincount(pieces.ravel())[1:], kind="stable")[:-1] + 1).tolist():
            mask = pieces == piece
            around = image[ndimage.binary_dilation(mask) & ~mask]
            touched = np.bincount(around[around >= 0], minlength=k)
            if touched.any():
                image[mask] = touched.argmax()
    return np.asarray(image[inside])


def _slice(points: np.ndarray, known: np.ndarray, k: int) -> np.ndarray:
    """Cut the longest axis into runs of as many pixels each."""
    offset = points - points.mean(axis=0)
    axis = np.linalg.eigh(offset.T @ offset)[1][:, -1]
    rank = np.argsort(np.argsort(offset @ axis, kind="stable"), kind="stable")
    run = rank * k // len(points)
    means = np.stack([points[run == j].mean(axis=0) for j in range(k)])
    place = np.argsort(_match(known, means))
    return np.asarray(place[run])
