"""Carry pins over to other objects of the same movie, as after a changed threshold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from nbtrack.overlap import count_overlaps, sum_counts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nbtrack.data.detections import Detections
    from nbtrack.data.pins import Pin

SAME = 0.5
"""Two masks are the same object if they share more than this part of the larger one."""


@dataclass(frozen=True)
class Carried:
    """Pins that could be carried over, and pins whose objects are gone.

    Parameters
    ----------
    kept : tuple of Pin
        In the ids of the new objects.
    lost : tuple of Pin
        In the ids of the old objects.
    """

    kept: tuple[Pin, ...]
    lost: tuple[Pin, ...]

    @property
    def message(self) -> str:
        """A sentence with a space before it; nothing if there were no pins."""
        n_kept, n_lost = len(self.kept), len(self.lost)
        if not n_kept + n_lost:
            return ""
        said = f" {n_kept} pin{'s' * (n_kept != 1)} of the old objects {'are' if n_kept != 1 else 'is'} kept"
        if not n_lost:
            return f"{said}."
        listed = "; ".join(str(pin) for pin in self.lost[:3]) + ("; ..." if n_lost > 3 else "")
        return f"{said}, {n_lost} {'are' if n_lost != 1 else 'is'} lost with their objects: {listed}."


def carry_pins(pins: Iterable[Pin], old: Detections, new: Detections) -> Carried:
    """Find the objects of pins among other objects of the same movie.

    Parameters
    ----------
    pins : iterable of Pin
        Pins about the old objects.
    old, new : Detections
        The objects.

    Returns
    -------
    Carried
        A pin that says no of an object that is gone is left out of both.
    """
    matches: dict[int, dict[int, int]] = {}

    def find(t: int, object_id: int) -> int | None:
        if t not in matches:
            fits = t < new.n_frames and old.frame_shape == new.frame_shape
            matches[t] = match_frame(np.asarray(old.labels[t]), np.asarray(new.labels[t])) if fits else {}
        return matches[t].get(object_id)

    kept, lost = [], []
    for pin in pins:
        found = [find(*place) for place in pin.objects]
        if None not in found:
            first, *rest = found
            assert first is not None
            kept.append(replace(pin, object_id=first, target_id=rest[0] if rest else None))
        elif pin.value:
            lost.append(pin)
    return Carried(tuple(kept), tuple(lost))


def match_frame(old: np.ndarray, new: np.ndarray) -> dict[int, int]:
    """Find the same objects in two label frames.

    Parameters
    ----------
    old, new : ndarray of unsigned int, of one shape
        The label frames.

    Returns
    -------
    dict of int to int
        Old object id to new object id.

    Examples
    --------
    >>> match_frame(np.array([1, 1, 1, 0, 2]), np.array([0, 7, 7, 0, 0]))
    {1: 7}
    """
    a, b, shared = count_overlaps(old, new, background=True)
    same = (a != 0) & (b != 0) & (shared > SAME * np.maximum(sum_counts(a, shared), sum_counts(b, shared)))
    return dict(zip(a[same].tolist(), b[same].tolist(), strict=True))
