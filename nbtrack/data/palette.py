"""Colours of tracks: stable for a track id, and told apart by people with any kind of colour vision.

Thirty colours without yellow, which marks plain objects, none of them dark or grey, the brightest first. In their order
tracks that follow each other are the most distinct, also under the three kinds of colour blindness.
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

PALETTE = (
    *("0080e6", "e65100", "ff60c0", "c0e060", "c04060", "ffa000", "2060e0", "40a040", "c060a0", "ff8060"),
    *("a0a0ff", "00c0a0", "6040ff", "80a020", "ff4080", "00a0e0", "c000a0", "00ffa0", "008060", "e0a0e0"),
    *("a06020", "e020ff", "80c080", "6060a0", "00e0ff", "e00020", "ffa0c0", "608040", "a060c0", "ffc080"),
)
"""Track colours as hexadecimal RGB; track 1 has the first, and after the last they start again."""

_RGB = np.array([list(bytes.fromhex(color)) for color in PALETTE], dtype=np.uint8)


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
    [[0, 128, 230], [0, 0, 0]]
    """
    ids = np.asarray(ids, dtype=np.int64).reshape(-1)
    colors: np.ndarray = _RGB[(ids - 1) % len(_RGB)]
    colors[ids == 0] = UNTRACKED_COLOR
    colors[(ids < 0) | (ids == FALSE_LABEL)] = FALSE_COLOR
    return colors
