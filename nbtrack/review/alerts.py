"""What looks wrong by itself: rules of thumb about a lineage, each of which names the object to look at.

An alert does not say that something is wrong. It lowers the confidence of what becomes of its object, by as much as the
person's decisions show that such alerts are right.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nbtrack.data.detections import Detections
    from nbtrack.data.lineage import Lineage

KINDS = {
    "jump": "it moves much further than the others of its frame",
    "size": "its size changes much more than that of the others",
    "short": "a track of one or two objects begins with what it becomes, or ends with it",
    "begins": "a track begins next to where it goes on, in the middle of the movie",
    "ends": "its track ends in the middle of the movie",
    "one daughter": "it divides, but one of the two is not seen for long",
    "divides again": "it divides soon after its own birth",
}
"""Every alert, in words that follow "object 7 in frame 3:"."""
FAR = 6.0
"""How many times the usual deviation counts as much."""
SHORT = 2
"""A track of so many objects is short."""
SOON = 3
"""Frames from birth to division that are too few."""
NEAR = 3.0
"""A track begins next to an object if it is nearer than this many radii."""


@dataclass(frozen=True, order=True)
class Alert:
    """Something to look at.

    Parameters
    ----------
    t, object_id : int
        The object whose fate is in doubt.
    kind : str
        One of `KINDS`.
    """

    t: int
    object_id: int
    kind: str

    def __str__(self) -> str:
        """Say it in words."""
        return f"Object {self.object_id} in frame {self.t}: {KINDS[self.kind]}."


def find_alerts(lineage: Lineage, detections: Detections) -> list[Alert]:
    """Look for what is unusual in a lineage.

    Parameters
    ----------
    lineage : Lineage
        The lineage.
    detections : Detections
        Its objects.

    Returns
    -------
    list of Alert
        In order of time, each once.
    """
    table = detections.table
    t, object_id = table["t"].to_numpy(), table["object_id"].to_numpy()
    position = table[detections.columns_position].to_numpy(float) * np.asarray(detections.scale)
    size = table["size"].to_numpy(float)
    width = int(object_id.max(initial=0)) + 1
    keys = t * width + object_id
    radius = _radii(size, detections)
    last_frame = detections.n_frames - 1
    border = _at_border(detections)

    def row(frame: int, i: int) -> int:
        return int(np.searchsorted(keys, frame * width + i))

    found: set[Alert] = set()
    steps: list[tuple[int, int]] = []
    ends, divisions = lineage.track_ends(), lineage.divisions
    tracks = {track: lineage.objects_of(track) for track in lineage.track_ids}
    for track, objects in tracks.items():
        rows = [row(frame, i) for frame, i in objects.items()]
        steps += pairwise(rows)
        first, last = rows[0], rows[-1]
        division, parent = divisions.get(track), lineage.parent_of(track)
        begins_inside = parent is None and t[first] > 0 and not border[first]
        ends_inside = division is None and t[last] < last_frame and not border[last]
        if ends_inside:
            found.add(Alert(int(t[last]), int(object_id[last]), "ends"))
        if begins_inside:
            before = np.flatnonzero(t == t[first] - 1)
            if len(before):
                far = np.linalg.norm(position[before] - position[first], axis=1)
                nearest = before[far.argmin()]
                if far.min() < NEAR * radius[first]:
                    found.add(Alert(int(t[nearest]), int(object_id[nearest]), "begins"))
        if begins_inside and ends_inside and len(rows) <= SHORT:
            found |= {Alert(int(t[i]), int(object_id[i]), "short") for i in rows}
        if division is None:
            continue
        mother = Alert(int(t[last]), int(object_id[last]), "one daughter")
        for child in division.children:
            if len(tracks[child]) <= SHORT and ends[child][1] < last_frame and not lineage.children_of(child):
                found.add(mother)
        if parent is not None and ends[track][1] - ends[track][0] < SOON:
            found.add(Alert(mother.t, mother.object_id, "divides again"))
    found |= _unusual_steps(np.array(steps, np.int64).reshape(-1, 2), t, object_id, position, size, radius)
    return sorted(found)


def _unusual_steps(
    steps: np.ndarray,
    t: np.ndarray,
    object_id: np.ndarray,
    position: np.ndarray,
    size: np.ndarray,
    radius: np.ndarray,
) -> set[Alert]:
    """Find links that are much longer, or change the size much more, than the others of their frame."""
    if not len(steps):
        return set()
    one, two = steps.T
    move = position[two] - position[one]
    for frame in np.unique(t[one]):
        here = t[one] == frame
        if here.sum() > 2:
            move[here] -= np.median(move[here], axis=0)  # the whole frame may jump
    far = np.linalg.norm(move, axis=1) / radius[one]
    change = np.abs(np.log(np.maximum(size[two], 1) / np.maximum(size[one], 1)))
    found: set[Alert] = set()
    for kind, values in (("jump", far), ("size", change)):
        middle = np.median(values)
        spread = max(np.median(np.abs(values - middle)), 0.05)
        for i in one[values > middle + FAR * spread].tolist():
            found.add(Alert(int(t[i]), int(object_id[i]), kind))
    return found


def _radii(size: np.ndarray, detections: Detections) -> np.ndarray:
    """Tell the radius of a disk or ball of the size of each object, in the unit of the scale."""
    volume = np.maximum(size, 1) * float(np.prod(detections.scale))
    return np.asarray(np.sqrt(volume / np.pi) if detections.ndim == 2 else np.cbrt(0.75 * volume / np.pi))


def _at_border(detections: Detections) -> np.ndarray:
    """Tell which objects touch the border of the frame, where tracks may begin and end."""
    table, ndim = detections.table, detections.ndim
    touches = np.zeros(len(table), bool)
    for axis, name in list(enumerate("zyx"[3 - ndim :]))[max(ndim - 2, 0) :]:
        touches |= table[f"bbox_{name}_min"].to_numpy() <= 0
        touches |= table[f"bbox_{name}_max"].to_numpy() >= detections.frame_shape[axis]
    return touches
