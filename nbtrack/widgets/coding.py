"""How pixels travel to the browser: grey values as eight bits, labels as runs of equal pixels.

Both codes were chosen by measuring: frames of 2048 x 2048 pixels must not be slower than pictures of them.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

from nbtrack.rendering.overlays import to_uint8

if TYPE_CHECKING:
    from collections.abc import Callable

RECENT = 4
"""Frames that are kept in memory on this side."""


def number_labels(labels: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Replace object ids by their place in a list.

    Parameters
    ----------
    labels : ndarray of int
        Object ids.
    ids : ndarray of int, shape (n,)
        The list, ascending.

    Returns
    -------
    ndarray of uint32, shape of `labels`
        From 1; what is not listed becomes 0.

    Examples
    --------
    >>> number_labels(np.array([0, 7, 3, 4]), np.array([3, 7])).tolist()
    [0, 2, 1, 0]
    """
    highest = int(ids[-1]) if len(ids) else 0
    if highest <= 2**22:
        numbers = np.zeros(highest + 2, np.uint32)
        numbers[ids] = np.arange(1, len(ids) + 1)
        return numbers[np.minimum(labels, highest + 1)]
    places = np.searchsorted(ids, labels)
    found = ids[np.minimum(places, len(ids) - 1)] == labels
    return np.where(found, places + 1, 0).astype(np.uint32)


def encode_labels(labels: np.ndarray, ids: np.ndarray) -> tuple[bytes, int]:
    """Encode a label image as runs of equal pixels.

    Parameters
    ----------
    labels : ndarray of int, shape (rows, columns)
        Object ids.
    ids : ndarray of int, shape (n,)
        The objects, ascending; labels travel as their place in it, from 1.

    Returns
    -------
    tuple of bytes and int
        The lengths of all runs, then their labels, and the bits of each number, 16 or 32. No run crosses rows.
    """
    bits = 16 if max(len(ids), labels.shape[1]) < 2**16 else 32
    pixels = labels.reshape(-1)
    begins = np.empty(len(pixels), bool)
    np.not_equal(pixels[1:], pixels[:-1], out=begins[1:])
    begins[:: labels.shape[1]] = True
    first = np.flatnonzero(begins)
    runs = np.stack([np.diff(first, append=len(pixels)), number_labels(pixels[first], ids)])
    return runs.astype(f"<u{bits // 8}").tobytes(), bits


class GreyMap:
    """Map grey values to eight bits, by a table where there are few values.

    Parameters
    ----------
    low, high : float
        Values that become 0 and 255.
    """

    def __init__(self, low: float, high: float) -> None:
        self._window = low, high
        self._table: np.ndarray | None = None

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """Give the frame as uint8."""
        if frame.dtype != np.uint16:
            return to_uint8(frame, *self._window)
        if self._table is None:
            self._table = to_uint8(np.arange(2**16, dtype=np.uint16), *self._window)
        return self._table[frame]


class Recent:
    """Remember the last few results of a function of the frame number.

    Parameters
    ----------
    read : callable
        Gives the frame of a number.
    """

    def __init__(self, read: Callable[[int], np.ndarray]) -> None:
        self._read = read
        self._kept: OrderedDict[int, np.ndarray] = OrderedDict()

    def __call__(self, t: int) -> np.ndarray:
        """Give the frame, read or remembered."""
        if t not in self._kept:
            self._kept[t] = self._read(t)
            if len(self._kept) > RECENT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(t)
        return self._kept[t]
