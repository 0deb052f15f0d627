"""Colours of tracks: stable for a track id, and told apart by people with any kind of colour vision.

Six hues that stay distinct under colour blindness (after Okabe and Ito, without yellow, which marks plain objects),
each in three lightnesses. Ids that follow each other get different hues.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nbtrack.data.lineage import FALSE_LABEL

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FALSE_COLOR = (0, 0, 0)
"""Colour of a false detection."""
UNTRACKED_COLOR = (128, 128, 128)
"""Colour of an object outside any track."""

_HUES = np.array(
    [(86, 180, 233), (230, 159, 0), (0, 158, 115), (204, 121, 167), (0, 114, 178), (213, 94, 0)], dtype=float
)
_PALETTE = np.round(np.concatenate([_HUES, 255 - 0.5 * (255 - _HUES), 0.6 * _HUES])).astype(np.uint8)


def track_colors(ids: ArrayLike) -> np.ndarray:
    """Give the colour of each track.

    Parameters
    ----------
    ids : array_like of int, shape (n,)
        Track (or lineage) ids; 0 is an object outside any track, -1 and 65535 are false detections.

    Returns
    -------
    ndarray of uint8, shape (n, 3)
        Red, green, blue. The same id always has the same colour; false detections are black, objects outside any
        track are grey.

    Examples
    --------
    >>> track_colors([1, 65535]).tolist()
    [[86, 180, 233], [0, 0, 0]]
    """
    ids = np.asarray(ids, dtype=np.int64).reshape(-1)
    colors: np.ndarray = _PALETTE[(ids - 1) % len(_PALETTE)]
    colors[ids == 0] = UNTRACKED_COLOR
    colors[(ids < 0) | (ids == FALSE_LABEL)] = FALSE_COLOR
    return colors
