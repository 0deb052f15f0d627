"""Find the connected regions of a frame and count over its objects, in one pass.

The rest of the package sees frames and the `Regions` of a frame, one entry per object; the loops over pixels are
compiled and stand in `nbtrack.regions.loops`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from nbtrack.data.columns import bbox_columns, detection_columns, make_table, position_columns
from nbtrack.errors import InputError
from nbtrack.regions import loops

_DENSE_IDS = 65_536  # ids up to here (or up to the number of pixels) index arrays directly


@dataclass(frozen=True, eq=False)
class Regions:
    """What one pass over a label frame knows about its objects.

    Parameters
    ----------
    object_id : ndarray of int64, shape (n,)
        Ids, ascending.
    size : ndarray of int64, shape (n,)
        Number of pixels.
    center : ndarray of float64, shape (n, ndim)
        Mean position in pixels, ordered ``([z,] y, x)``.
    lower, upper : ndarray of int64, shape (n, ndim)
        Bounding box, half open.
    """

    object_id: np.ndarray
    size: np.ndarray
    center: np.ndarray
    lower: np.ndarray
    upper: np.ndarray

    def __len__(self) -> int:
        """Count the objects."""
        return len(self.object_id)


def label_regions(
    mask: np.ndarray, *, seeds: np.ndarray | None = None, size: tuple[int, int] = (1, np.iinfo(np.int64).max)
) -> tuple[np.ndarray, Regions]:
    """Label the connected regions of a mask, 4-connected in 2D and 6-connected in 3D.

    Parameters
    ----------
    mask : ndarray of bool, shape ([z,] y, x)
        True inside the objects.
    seeds : ndarray of bool, same shape, optional
        Keep only regions that hold a True pixel of it.
    size : tuple of int, optional
        Smallest and largest region to keep, in pixels, both inclusive.

    Returns
    -------
    labels : ndarray of uint32, same shape
        0 outside, ids 1 to n in the order of the first pixel of each region.
    regions : Regions
        One entry per id.
    """
    seed_planes = np.zeros((0, 0, 0), np.uint8) if seeds is None else as_planes(seeds).view(np.uint8)
    labels = np.zeros((1,) * (3 - mask.ndim) + mask.shape, np.uint32)
    count, sums, lower, upper = loops.label(_run_ends(mask), seed_planes, int(size[0]), int(size[1]), labels)
    ids = np.arange(1, len(count) + 1)
    return labels.reshape(mask.shape), _regions(ids, count, sums, lower, upper, mask.ndim)


def smooth_axis(image: np.ndarray, sigma: float, axis: int, *, truncate: float) -> np.ndarray:
    """Smooth an image along one axis by a Gaussian; beyond its ends the image is mirrored about the last pixel.

    The same as ``scipy.ndimage.gaussian_filter1d(..., mode="mirror")`` in single precision, several times faster.

    Parameters
    ----------
    image : ndarray of float32
        Any number of dimensions.
    sigma : float
        Width of the Gaussian, in pixels.
    axis : int
        The axis.
    truncate : float
        Where the Gaussian ends, in sigmas.

    Returns
    -------
    ndarray of float32, same shape
        A new array.
    """
    radius = int(truncate * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(radius + 1) / sigma) ** 2)
    weights /= weights[0] + 2 * weights[1:].sum()
    length = image.shape[axis]
    after = int(np.prod(image.shape[axis + 1 :], dtype=np.int64))
    stack = np.ascontiguousarray(image).reshape(-1, length, after)
    smooth = np.empty_like(stack)
    (loops.smooth_columns if after > 1 else loops.smooth_rows)(stack, weights.astype(np.float32), smooth)
    return smooth.reshape(image.shape)


def scan_regions(labels: np.ndarray) -> Regions:
    """Describe the objects of a label frame; pixels of one id are one object, wherever they lie.

    Parameters
    ----------
    labels : ndarray of unsigned int, shape ([z,] y, x)
        0 is background.

    Returns
    -------
    Regions
        One entry per id that occurs.
    """
    dense, ids = dense_labels(labels)
    count, sums, lower, upper = loops.scan(as_planes(dense), len(ids))
    return _regions(ids, count, sums, lower, upper, labels.ndim)


def check_labels(labels: np.ndarray, t: int) -> np.ndarray:
    """Bring a label frame to uint32, or say why it is none.

    Parameters
    ----------
    labels : ndarray
        What was given as label frame.
    t : int
        Frame number, for the message.

    Returns
    -------
    ndarray of uint32
        The same ids.

    Raises
    ------
    InputError
        If the values are not whole numbers from 0 to 2**32 - 1.
    """
    if labels.dtype.kind not in "iu":
        raise InputError(
            f"Label images must hold whole numbers: frame {t} is of type {labels.dtype}. Convert it, or, if it is a "
            "prediction map or a binary image, use `segment` (binary: sigma=0, threshold=0)."
        )
    if labels.dtype == np.uint32:
        return labels
    lowest, highest = (int(labels.min()), int(labels.max())) if labels.size else (0, 0)
    if lowest < 0 or highest > np.iinfo(np.uint32).max:
        raise InputError(
            f"Label images must hold numbers from 0 (background) to 4294967295: frame {t} has {lowest} to {highest}. "
            "Renumber its objects."
        )
    return labels.astype(np.uint32)


def dense_labels(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give labels that can index arrays: the same frame, or, where ids are huge, the frame renumbered.

    Parameters
    ----------
    labels : ndarray of unsigned int
        0 is background.

    Returns
    -------
    dense : ndarray of uint32, same shape
        Values 0 to n.
    ids : ndarray of int64, shape (n,)
        ``ids[k - 1]`` is the id of dense label k; not all of them need occur.
    """
    highest = int(labels.max()) if labels.size else 0
    if highest <= max(_DENSE_IDS, labels.size // 8):
        return labels.astype(np.uint32, copy=False), np.arange(1, highest + 1)
    values, dense = np.unique(labels, return_inverse=True)
    first = 0 if values[0] == 0 else 1
    return (dense + first).astype(np.uint32).reshape(labels.shape), values[1 - first :].astype(np.int64)


def intensity_sums(labels: np.ndarray, raw: np.ndarray, regions: Regions) -> dict[str, np.ndarray]:
    """Sum raw values over objects.

    Parameters
    ----------
    labels : ndarray of unsigned int, shape ([z,] y, x)
        Label frame.
    raw : ndarray, same shape
        Raw frame.
    regions : Regions
        The objects of `labels`, as `scan_regions` gives them.

    Returns
    -------
    dict of str to ndarray of float64, shape (n,)
        ``sum``, ``min``, ``max`` and the sums of ``(value - mean) ** k`` as ``power_2``, ``power_3``, ``power_4``.
    """
    dense, ids = dense_labels(labels)
    values = as_planes(raw if raw.dtype.kind in "iu" else raw.astype(np.float64, copy=False))
    sums = loops.sum_values(as_planes(dense), values, len(ids))[np.searchsorted(ids, regions.object_id)]
    return dict(zip(("sum", "min", "max", "power_2", "power_3", "power_4"), sums.T, strict=True))


def position_products(labels: np.ndarray, regions: Regions) -> np.ndarray:
    """Sum the products of the distances of pixels from the centre of their object.

    Parameters
    ----------
    labels : ndarray of unsigned int, shape ([z,] y, x)
        Label frame.
    regions : Regions
        The objects of `labels`, as `scan_regions` gives them.

    Returns
    -------
    ndarray of float64, shape (n, ndim, ndim)
        Divided by the size it is the covariance of the positions.
    """
    dense, ids = dense_labels(labels)
    rows = np.searchsorted(ids, regions.object_id)
    centers = np.zeros((len(ids), 3))
    centers[rows, 3 - labels.ndim :] = regions.center
    products: np.ndarray = loops.sum_products(as_planes(dense), centers)[rows]
    return products[:, 3 - labels.ndim :, 3 - labels.ndim :]


def region_table(frames: Sequence[Regions], ndim: int) -> pd.DataFrame:
    """Write the regions of successive frames as one detection table.

    Parameters
    ----------
    frames : sequence of Regions
        The objects of frame 0, 1, ...
    ndim : int
        Spatial dimensions, 2 or 3.

    Returns
    -------
    DataFrame
        Columns as in `nbtrack.data.columns.detection_columns`.
    """
    if not frames:
        return make_table(detection_columns(ndim))
    values: dict[str, Any] = {
        "t": np.repeat(np.arange(len(frames)), [len(regions) for regions in frames]),
        "object_id": np.concatenate([regions.object_id for regions in frames]),
        "size": np.concatenate([regions.size for regions in frames]),
    }
    values.update(zip(position_columns(ndim), np.concatenate([regions.center for regions in frames]).T, strict=True))
    boxes = np.concatenate([np.hstack([regions.lower, regions.upper]) for regions in frames])
    values.update(zip(bbox_columns(ndim), boxes.T, strict=True))
    return make_table(detection_columns(ndim), values)


def as_planes(frame: np.ndarray) -> np.ndarray:
    """View a frame as a contiguous stack of planes, one plane for a 2D frame.

    Parameters
    ----------
    frame : ndarray, shape ([z,] y, x)
        Any frame.

    Returns
    -------
    ndarray, shape (z, y, x)
        C-contiguous; a copy only where the frame is not.
    """
    return np.ascontiguousarray(frame).reshape((1,) * (3 - frame.ndim) + frame.shape)


def _run_ends(mask: np.ndarray) -> np.ndarray:
    """Find where runs of True along x start and stop, in turn; rows count one pixel more, which is False."""
    rows = np.zeros((mask.size // max(mask.shape[-1], 1), mask.shape[-1] + 1), bool)
    rows[:, :-1] = mask.reshape(rows.shape[0], mask.shape[-1])
    flat = rows.reshape(-1)
    ends = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    return np.concatenate([[0], ends]) if flat.size and flat[0] else ends


def _regions(
    ids: np.ndarray, count: np.ndarray, sums: np.ndarray, lower: np.ndarray, upper: np.ndarray, ndim: int
) -> Regions:
    """Turn what the loops count into regions of the frame's own dimension; ids that do not occur are dropped."""
    there = count > 0
    if not there.all():
        ids, count, sums, lower, upper = ids[there], count[there], sums[there], lower[there], upper[there]
    axes = slice(3 - ndim, 3)
    return Regions(ids, count, (sums / count[:, None])[:, axes], lower[:, axes], upper[:, axes])
