"""Outlines of the objects of a plane as polygons, from which the same pixels can be painted again.

An outline runs along the edges of the pixels, so that its area is the number of pixels, as in TrackMate. Holes are not
told, and of an object in several pieces the largest one is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nbtrack.data.columns import bbox_columns

if TYPE_CHECKING:
    from nbtrack.data.detections import Detections


def outlines_of(detections: Detections, t: int) -> dict[int, np.ndarray]:
    """Trace the objects of a frame.

    Parameters
    ----------
    detections : Detections
        Objects in two dimensions.
    t : int
        Frame.

    Returns
    -------
    dict of int to ndarray of float, shape (n, 2)
        Points ``(y, x)`` in pixels by object id, without a repeated last point.
    """
    from skimage import measure

    trace: Any = measure.find_contours
    frame = np.asarray(detections.labels[t])
    rows = detections.rows_of(t)
    boxes = detections.table[bbox_columns(2)].to_numpy()[rows]
    found: dict[int, np.ndarray] = {}
    for object_id, (y0, x0, y1, x1) in zip(detections.table["object_id"].to_numpy()[rows].tolist(), boxes, strict=True):
        mask = np.pad(frame[y0:y1, x0:x1] == object_id, 1)
        contours = trace(mask.astype(np.uint8), 0.5, fully_connected="high")
        if contours:
            found[object_id] = _edges(max(contours, key=_area)) + np.array([y0 - 1, x0 - 1])
    return found


def _area(points: np.ndarray) -> float:
    y, x = points.T
    return abs(float(np.dot(y, np.roll(x, 1)) - np.dot(x, np.roll(y, 1)))) / 2


def _edges(contour: np.ndarray) -> np.ndarray:
    """Turn a contour that runs between pixel centres into one along the edges of the pixels.

    Each step of the contour crosses the square between four pixel centres; in its middle four pixels meet.
    """
    points = np.floor((contour[:-1] + contour[1:]) / 2) + 0.5
    before, after = points - np.roll(points, 1, axis=0), np.roll(points, -1, axis=0) - points
    turns = before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]
    corners: np.ndarray = points[turns]  # no need for those where it goes straight on
    return corners
