"""What tells a right link, division or merge from a wrong one: features without units, 0 where everything fits.

Lengths are measured in radii, or in the object's own shape (Mahalanobis distance): a rod may slide along itself, and an
object that is flat along one axis of the microscope is measured in its own thickness there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nbtrack.adaptive.candidates import Candidates
    from nbtrack.adaptive.objects import Objects

LINK_TERMS = ("distance", "shape length", "overlap", "size", "shape")
"""Names of the columns of `link_features`."""
PAIR_TERMS = ("position", "size", "unlike", "space", "overlap")
"""Names of the columns of `pair_features`."""
MOST_SHAPE = 3.0
"""Largest value of the feature of a change of shape."""
TOUCHING = 1.2
"""Space between two objects that costs nothing yet; 1 is that of two disks that touch."""


def link_features(objects: Objects, candidates: Candidates, velocity: np.ndarray | None) -> np.ndarray:
    """Compare the two ends of each candidate link.

    With D from where the source is expected to where the target is, and the mean shape S of the two:
    ``|D| / mean radius``; ``sqrt(D' S^-1 D) / 2``, which is the same for disks; ``1 - IoU``; ``|log size ratio|``; and
    how unlike the two shapes are (the Bhattacharyya distance of their second moments). Over several frames the first
    two are divided by the square root of their number, as for a random walk.

    Parameters
    ----------
    objects : Objects
        The objects.
    candidates : Candidates
        The links.
    velocity : ndarray of float, shape (n, ndim), or None
        Step that each object is expected to make.

    Returns
    -------
    ndarray of float, shape (a, 5)
        Columns as in `LINK_TERMS`.
    """
    o, i, j = objects, candidates.source, candidates.target
    frames = (o.times[o.frame[j]] - o.times[o.frame[i]])[:, None].astype(float)
    away = o.position[j] - o.position[i] - o.drift_to(i, j)
    if velocity is not None:
        away = away - velocity[i] * frames
    away = away / np.sqrt(frames)
    shape = (o.shape[i] + o.shape[j]) / 2
    change = _log_det(shape) - (_log_det(o.shape[i]) + _log_det(o.shape[j])) / 2
    return np.column_stack(
        [
            2 * np.linalg.norm(away, axis=1) / (o.radius[i] + o.radius[j]),
            mahalanobis(away, shape) / 2,
            1 - candidates.overlap / (o.size[i] + o.size[j] - candidates.overlap),
            np.abs(np.log(o.size[j] / o.size[i])),
            np.minimum(2 * change, MOST_SHAPE),
        ]
    )


def pair_features(objects: Objects, whole: np.ndarray, pair: np.ndarray, overlap: np.ndarray) -> np.ndarray:
    """Compare one object with two of a neighbouring frame that together are to be the same.

    Position of the centre of both (in the shape of the two together), size of both, unlike sizes of the two (squared,
    as somewhat unlike daughters are usual and very unlike ones are not), space between the two (0 up to where they
    nearly touch), and ``1 - IoU`` of the object with both together.

    Parameters
    ----------
    objects : Objects
        The objects.
    whole : ndarray of int, shape (n,)
        Mothers, or merged objects.
    pair : ndarray of int, shape (n, 2)
        Their daughters, or the two that merge.
    overlap : ndarray of float, shape (n,)
        Pixels that the object shares with the two.

    Returns
    -------
    ndarray of float, shape (n, 5)
        Columns as in `PAIR_TERMS`.
    """
    o = objects
    one, two = pair.T
    size = o.size[one] + o.size[two]
    share_one, share_two = o.size[one] / size, o.size[two] / size
    # the two are seen in the frame of the whole
    at_one, at_two = o.position[one] - o.drift_to(whole, one), o.position[two] - o.drift_to(whole, two)
    center = share_one[:, None] * at_one + share_two[:, None] * at_two
    union = np.zeros_like(o.shape[whole])
    for share, at, shape in ((share_one, at_one, o.shape[one]), (share_two, at_two, o.shape[two])):
        off = at - center
        union += share[:, None, None] * (shape + off[:, :, None] * off[:, None])
    space = mahalanobis(at_one - at_two, (o.shape[one] + o.shape[two]) / 2) / 4
    return np.column_stack(
        [
            mahalanobis(center - o.position[whole], (o.shape[whole] + union) / 2) / 2,
            np.abs(np.log(size / o.size[whole])),
            np.log(o.size[one] / o.size[two]) ** 2,
            np.maximum(space - TOUCHING, 0.0),
            1 - overlap / (o.size[whole] + size - overlap),
        ]
    )


def mahalanobis(away: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """Measure vectors in the units of a shape: ``sqrt(D' S^-1 D)``.

    Parameters
    ----------
    away : ndarray of float, shape (n, ndim)
        Vectors.
    shape : ndarray of float, shape (n, ndim, ndim)
        Second moments.

    Returns
    -------
    ndarray of float, shape (n,)
    """
    if not len(away):
        return np.zeros(0)
    solved = np.linalg.solve(shape, away[..., None])[..., 0]
    return np.asarray(np.sqrt(np.maximum((away * solved).sum(axis=1), 0.0)))


def _log_det(shape: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.slogdet(shape)[1])
