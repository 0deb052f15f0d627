"""Arrays in, pictures out: contrast, label colours and outlines, with numpy only.

The image canvas does the same in the browser; this module serves what has no browser: snapshots, figures, image
backends without scripts, and files.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from nbtrack.errors import InputError
from nbtrack.rendering.colors import FALSE_ALPHA, OBJECT_COLOR

if TYPE_CHECKING:
    from collections.abc import Iterable

CONTRAST_PERCENTILES = (0.5, 99.8)
"""Darkest and brightest percentile of automatic contrast."""


def auto_contrast(
    frames: Iterable[np.ndarray], *, percentiles: tuple[float, float] = CONTRAST_PERCENTILES
) -> tuple[float, float]:
    """Choose the values to show as black and white.

    Parameters
    ----------
    frames : iterable of ndarray
        Some frames of a movie; at most some 250,000 evenly spaced pixels of each are looked at.
    percentiles : tuple of float, optional
        Percentiles of black and white.

    Returns
    -------
    tuple of float
        Low and high, always low < high; not-a-number and infinite pixels do not count.

    Examples
    --------
    >>> auto_contrast([np.arange(11.0)], percentiles=(10, 90))
    (1.0, 9.0)
    """
    parts = [np.asarray(frame).reshape(-1)[:: max(1, frame.size // 250_000)] for frame in frames]
    values = np.concatenate(parts).astype(np.float64) if parts else np.empty(0)
    values = values[np.isfinite(values)]
    if not len(values):
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(values, percentiles))
    if low >= high:
        low, high = float(values.min()), float(values.max())
    return (low, high) if low < high else (low, low + 1.0)


def to_uint8(frame: np.ndarray, low: float, high: float) -> np.ndarray:
    """Map grey values to eight bits.

    Parameters
    ----------
    frame : ndarray
        Grey values of any number type.
    low, high : float
        Values that become 0 and 255; what lies outside is clipped, not-a-number becomes 0.

    Returns
    -------
    ndarray of uint8, same shape

    Raises
    ------
    InputError
        If `low` is not below `high`.

    Examples
    --------
    >>> to_uint8(np.array([0, 5, 10, 20]), 0, 10).tolist()
    [0, 128, 255, 255]
    """
    if not low < high:
        raise InputError(f"`low` must be below `high` to map grey values: got {low} and {high}.")
    if frame.dtype == np.uint8 and (low, high) == (0, 255):
        return frame
    scaled = (frame.astype(np.float32) - np.float32(low)) * np.float32(255 / (high - low)) + np.float32(0.5)
    mapped: np.ndarray = np.nan_to_num(np.clip(scaled, 0, 255.5), nan=0.0).astype(np.uint8)
    return mapped


def flatten_frame(frame: np.ndarray, labels: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray | None]:
    """Make a flat picture of a volume: the brightest pixel along z, and the largest label.

    Parameters
    ----------
    frame : ndarray, shape (z, y, x) or (y, x)
        Grey values.
    labels : ndarray of int, optional
        Label image of the same shape.

    Returns
    -------
    tuple of ndarray
        Flat grey values and flat labels; a two-dimensional frame is returned as it is.
    """
    if frame.ndim == 3:
        return frame.max(axis=0), None if labels is None else labels.max(axis=0)
    return frame, labels


def find_outlines(labels: np.ndarray) -> np.ndarray:
    """Find the pixels on the inner border of objects.

    Parameters
    ----------
    labels : ndarray of int, shape (y, x)
        Label image, 0 background.

    Returns
    -------
    ndarray of bool, same shape
        True where an object pixel has a neighbour above, below, left or right with another label.
    """
    edge = np.zeros(labels.shape, dtype=bool)
    down = labels[1:] != labels[:-1]
    right = labels[:, 1:] != labels[:, :-1]
    edge[1:] |= down
    edge[:-1] |= down
    edge[:, 1:] |= right
    edge[:, :-1] |= right
    return edge & (labels > 0)


def lookup_table(object_ids: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """Spread the colours of listed objects over all label values.

    Parameters
    ----------
    object_ids : ndarray of int, shape (n,)
        Object ids of one frame.
    colors : ndarray of uint8, shape (n, 4)
        Their colours, see `nbtrack.rendering.colors.color_table`.

    Returns
    -------
    ndarray of uint8, shape (largest id + 1, 4)
        Row `i` is the colour of label `i`; labels that are not listed have alpha 0.
    """
    ids = np.asarray(object_ids, dtype=np.int64)
    table = np.zeros((int(ids.max(initial=0)) + 1, 4), dtype=np.uint8)
    table[ids] = colors
    return table


def compose(
    grey: np.ndarray,
    labels: np.ndarray | None = None,
    table: np.ndarray | None = None,
    *,
    objects_opacity: float = 0.25,
    tracks_opacity: float = 0.45,
) -> np.ndarray:
    """Lay the objects over a grey picture as the image canvas does.

    Parameters
    ----------
    grey : ndarray of uint8, shape (y, x)
        The picture, see `to_uint8`.
    labels : ndarray of int, shape (y, x), optional
        Label image.
    table : ndarray of uint8, shape (n, 4), optional
        Colours by label, see `lookup_table`; labels beyond its end have no track.
    objects_opacity, tracks_opacity : float, optional
        Opacity of the fill of objects without and with a track; 0 leaves the layer out, outline included.

    Returns
    -------
    ndarray of uint8, shape (y, x, 3)
        The picture in red, green and blue.
    """
    picture = np.repeat(grey[..., None], 3, axis=-1)
    if labels is None:
        return picture
    inside = labels > 0
    where = labels[inside].astype(np.int64)
    colors = np.zeros((len(where), 4), dtype=np.uint8)
    if table is not None and tracks_opacity > 0:
        known = where < len(table)
        colors[known] = table[where[known]]
    tracked = colors[:, 3] > 0
    rgb = np.where(tracked[:, None], colors[:, :3], np.array(OBJECT_COLOR, dtype=np.uint8)).astype(np.float32)
    alpha = np.where(tracked, tracks_opacity, objects_opacity).astype(np.float32)
    alpha = np.where(colors[:, 3] == FALSE_ALPHA, np.maximum(alpha, 0.6), alpha)
    edge = find_outlines(labels)[inside]
    alpha = np.where(edge & (alpha > 0), np.maximum(alpha, 0.9), alpha)
    rgb = np.where((edge & (colors[:, 3] == FALSE_ALPHA))[:, None], np.float32(150), rgb)
    picture[inside] = (picture[inside] * (1 - alpha[:, None]) + rgb * alpha[:, None] + 0.5).astype(np.uint8)
    return picture


def enlarge(picture: np.ndarray, factor: int) -> np.ndarray:
    """Repeat every pixel, so that small pictures are shown without smoothing.

    Parameters
    ----------
    picture : ndarray, shape (y, x, ...)
        Any picture.
    factor : int
        Number of repeats along y and x.

    Returns
    -------
    ndarray, shape (y * factor, x * factor, ...)
    """
    return picture if factor == 1 else picture.repeat(factor, axis=0).repeat(factor, axis=1)


def encode_png(picture: np.ndarray) -> bytes:
    """Encode a picture as PNG.

    Parameters
    ----------
    picture : ndarray of uint8, shape (y, x, 3)
        Red, green and blue.

    Returns
    -------
    bytes
    """
    from matplotlib.image import imsave

    buffer = io.BytesIO()
    imsave(buffer, picture, format="png")
    return buffer.getvalue()
