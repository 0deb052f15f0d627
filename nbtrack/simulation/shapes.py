"""A tiny movie of discs and squares whose whole story fits into a few lines, for tutorials.

Frames 0 to 11, 80 x 120 pixels:

* track 1, a disc, goes right along the top;
* track 2, a square, goes down and divides after frame 4 into the smaller squares 5 and 6;
* tracks 3 and 4, two discs, meet: in frames 5, 6 and 7 they touch, and the prediction holds them as one object;
* a small blob in frame 8, at the bottom right, is in the prediction but not in the truth: a false detection.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import ndimage as ndi

from nbtrack.data.lineage import Lineage
from nbtrack.simulation.nuclei import Simulation
from nbtrack.simulation.prediction import fault_table, find_faults

SHAPE = (80, 120)
N_FRAMES = 12
_DIVISION = (4, 2, 5, 6)
_SPECK = (8, (68.0, 104.0), 2.6)


def simulate_shapes() -> Simulation:
    """Make the movie of discs and squares; it is the same every time.

    Returns
    -------
    Simulation
        As told at the top of this module.
    """
    rng = np.random.default_rng(0)
    labels = np.zeros((N_FRAMES, *SHAPE), np.uint32)
    raw = np.zeros((N_FRAMES, *SHAPE), np.uint16)
    prediction = np.zeros((N_FRAMES, *SHAPE, 2), np.float32)
    rows: list[dict[str, Any]] = []
    lineage = Lineage()
    for t in range(N_FRAMES):
        nearest = np.full(SHAPE, np.inf)
        for track, (is_disc, y, x, radius) in _story(t).items():
            outward = _outward(is_disc, y, x) / radius
            inside = (outward < 1) & (outward < nearest)
            labels[t][inside] = track
            nearest[inside] = outward[inside]
            lineage.assign(t, track, track)
        foreground = labels[t] > 0
        light = ndi.gaussian_filter(foreground * 900.0, 1.0)
        raw[t] = np.rint(100 + light + rng.normal(0, 12, SHAPE))
        if t == _SPECK[0]:
            foreground |= _outward(True, *_SPECK[1]) < _SPECK[2]
        prediction[t, ..., 1] = np.round(ndi.gaussian_filter(foreground.astype(np.float32), 0.6), 2)
        prediction[t, ..., 0] = 1 - prediction[t, ..., 1]
        rows += find_faults(labels[t], prediction[t, ..., 1], t)
    lineage.divide(*_DIVISION)
    return Simulation(raw, prediction, labels, lineage, fault_table(rows, 2))


def _story(t: int) -> dict[int, tuple[bool, float, float, float]]:
    """Tell for each track of a frame: is it a disc, centre y and x, half width."""
    shapes: dict[int, tuple[bool, float, float, float]] = {1: (True, 12.0, 12.0 + 8 * t, 6.0)}
    if t <= 4:
        shapes[2] = (False, 28.0 + 3 * t, 22.0, 7.0)
    else:
        shapes[5] = (False, 40.0 + 2 * (t - 4), 14.0 - 0.5 * (t - 5), 5.0)
        shapes[6] = (False, 40.0 + 2 * (t - 4), 31.0 + 2 * (t - 5), 5.0)
    gap = 12.5 + 5 * max(0, abs(t - 6) - 1)
    shapes[3] = (True, 42.0, 80.0 - gap / 2, 6.5)
    shapes[4] = (True, 42.0, 80.0 + gap / 2, 6.5)
    return shapes


def _outward(is_disc: bool, y: float, x: float) -> Any:
    """Measure each pixel's distance from a centre: round for a disc, along the axes for a square."""
    dy, dx = np.ogrid[: SHAPE[0], : SHAPE[1]]
    return np.hypot(dy - y, dx - x) if is_disc else np.maximum(abs(dy - y), abs(dx - x))
