"""Arrays in, pictures out: contrast, label colours and outlines, with numpy only.

The image canvas does the same in the browser; this module serves what has no browser: snapshots, figures, image
backends without scripts, and files.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

from nbtrack.errors import InputError
from nbtrack.rendering.colors import FALSE_ALPHA, OBJECT_COLOR

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

CONTRAST_PERCENTILES = (0.5, 99.8)
"""Darkest and brightest percentile of automatic contrast."""
EDGE_OPACITY, FALSE_OPACITY = 0.9, 0.6
"""Least opacity of outlines, and of false detections."""
HATCH_GREY, HATCH_PERIOD = 150, 7
"""Stripes of false detections: their colour, and one in so many pixels."""


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


def open_contrast(low: float, high: float) -> tuple[float, float]:
    """Give a contrast some width: both ends of a slider may stand on one value.

    Parameters
    ----------
    low, high : float
        Values to be shown as black and white.

    Returns
    -------
    tuple of float
        Low and high, for `to_uint8`.

    Examples
    --------
    >>> open_contrast(2.0, 5.0)
    (2.0, 5.0)
    """
    return low, max(high, low + 1e-6 * max(1.0, abs(low)))


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


def find_outlines(labels: np.ndarray, *, width: int = 1) -> np.ndarray:
    """Find the pixels on the inner border of objects.

    Parameters
    ----------
    labels : ndarray of int, shape (y, x)
        Label image, 0 background.
    width : int, optional
        How far inside the border still counts, in pixels.

    Returns
    -------
    ndarray of bool, same shape
        True where an object pixel has one with another label so near above, below, to the left or right.
    """
    edge = np.zeros(labels.shape, dtype=bool)
    for far in range(1, width + 1):
        down = labels[far:] != labels[:-far]
        right = labels[:, far:] != labels[:, :-far]
        edge[far:] |= down
        edge[:-far] |= down
        edge[:, far:] |= right
        edge[:, :-far] |= right
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
    rimmed: Sequence[int] | np.ndarray = (),
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
    rimmed : sequence of int, optional
        Labels with a white rim, two pixels wide; they must be in the table.

    Returns
    -------
    ndarray of uint8, shape (y, x, 3)
        The picture in red, green and blue; false detections are hatched.
    """
    picture = np.repeat(grey[..., None], 3, axis=-1)
    if labels is None:
        return picture
    if table is None:
        table = np.zeros((0, 4), dtype=np.uint8)
    beyond = len(table)  # one more row, for all labels that are not in the table
    alpha = np.append(table[:, 3] if tracks_opacity > 0 else np.zeros(beyond, np.uint8), np.uint8(0))
    false = alpha == FALSE_ALPHA
    rgb = np.full((4, beyond + 1, 3), OBJECT_COLOR, dtype=np.float32)  # inside, edge, stripe, rim
    rgb[:, alpha > 0] = table[alpha[:-1] > 0, :3]
    rgb[1:3, false] = HATCH_GREY
    rgb[3] = 255
    fill = np.where(alpha > 0, tracks_opacity, objects_opacity)
    fill[false] = np.maximum(fill[false], FALSE_OPACITY)
    edge = np.where(fill > 0, np.maximum(fill, EDGE_OPACITY), 0)
    parts = np.stack([fill, edge, np.where(false, EDGE_OPACITY, fill), np.where(fill > 0, 1, 0)])
    weights = np.round(parts * 256).astype(np.uint32)
    colors = np.round(rgb * weights[..., None]).astype(np.uint32)

    inside = np.flatnonzero(labels)
    where = np.minimum(labels.reshape(-1)[inside], beyond).astype(np.intp)
    part = find_outlines(labels).reshape(-1)[inside].astype(np.intp)
    if false.any():
        row, column = np.divmod(inside, labels.shape[1])
        part[(part == 0) & false[where] & ((row + column) % HATCH_PERIOD == 0)] = 2
    if len(rimmed):
        rim = np.zeros(beyond + 1, dtype=bool)
        rim[np.asarray(rimmed)] = True
        part[rim[where] & find_outlines(labels, width=2).reshape(-1)[inside]] = 3
    behind = grey.reshape(-1)[inside].astype(np.uint32)
    mixed = behind[:, None] * (256 - weights[part, where])[:, None] + colors[part, where] + 128
    picture.reshape(-1, 3)[inside] = mixed >> 8
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
    """Encode a picture as PNG, fast rather than small.

    Parameters
    ----------
    picture : ndarray of uint8, shape (y, x, 3)
        Red, green and blue.

    Returns
    -------
    bytes
    """
    height, width, _ = picture.shape
    lines = np.ascontiguousarray(picture, dtype=np.uint8).reshape(height, width * 3)
    rows = np.full((height, width * 3 + 1), 2, np.uint8)  # each row begins with its filter: 2, less the row above
    rows[0, 1:] = lines[0]
    np.subtract(lines[1:], lines[:-1], out=rows[1:, 1:])
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows.tobytes(), 1)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
