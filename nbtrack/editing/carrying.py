"""Carry pins and lineages over to other objects of the same movie, as after a changed threshold or a repair."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from nbtrack.data.lineage import Lineage
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
    find = _Finder(old, new)
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


@dataclass(frozen=True)
class CarriedLineage:
    """A lineage in the ids of other objects.

    Parameters
    ----------
    lineage : Lineage
        What could be carried over.
    n_kept : int
        Objects in it.
    lost : tuple of (t, object_id)
        Old objects that are not among the new ones.
    n_divisions_lost : int
        Divisions of which an object is gone.
    """

    lineage: Lineage
    n_kept: int
    lost: tuple[tuple[int, int], ...]
    n_divisions_lost: int

    @property
    def message(self) -> str:
        """A sentence with a space before it; nothing if all objects are there."""
        if not self.lost:
            return ""
        n = len(self.lost)
        listed = "; ".join(f"object {i} in frame {t}" for t, i in self.lost[:3]) + ("; ..." if n > 3 else "")
        said = f" {self.n_kept} of its objects were found again, {n} {'were' if n != 1 else 'was'} not: {listed}."
        if self.n_divisions_lost:
            said += f" So {self.n_divisions_lost} division{'s are' if self.n_divisions_lost != 1 else ' is'} left out."
        return f"{said} What took their place has no track until it is solved again."


def carry_lineage(lineage: Lineage, old: Detections, new: Detections) -> CarriedLineage:
    """Find the objects of a lineage among other objects of the same movie.

    Parameters
    ----------
    lineage : Lineage
        Of the old objects; it is not changed.
    old, new : Detections
        The objects.

    Returns
    -------
    CarriedLineage
        Tracks keep their ids. An object that is gone leaves a gap in its track.
    """
    find, made = _Finder(old, new), Lineage()
    lost: list[tuple[int, int]] = []
    kept = 0
    for track in lineage.track_ids:
        for t, object_id in lineage.objects_of(track).items():
            found = find(t, object_id)
            if found is None:
                lost.append((t, object_id))
            else:
                made.assign(t, found, track)
    for t in lineage.frames_with_false():
        for object_id in sorted(lineage.false_at(t)):
            found = find(t, object_id)
            if found is None:
                lost.append((t, object_id))
            else:
                made.mark_false(t, found)
                kept += 1
    kept += sum(len(made.labelled(t)) for t in range(new.n_frames))
    whole = 0
    for division in sorted(lineage.divisions.values()):
        parts = [(division.parent_track_id, max), *((child, min) for child in division.children)]
        ends = [(end(lineage.objects_of(track)), lineage.objects_of(track)) for track, end in parts]
        if all(find(t, objects[t]) is not None for t, objects in ends):
            made.divide(division.t, division.parent_track_id, *division.children)
            whole += 1
    gone = tuple(sorted(dict.fromkeys(lost)))
    return CarriedLineage(made, kept, gone, len(lineage.divisions) - whole)


class _Finder:
    """Finds old objects among new ones; each frame is looked at once, and only if it has changed."""

    def __init__(self, old: Detections, new: Detections) -> None:
        self._old, self._new = old, new
        self._fits = old.frame_shape == new.frame_shape
        self._matches: dict[int, dict[int, int]] = {}

    def __call__(self, t: int, object_id: int) -> int | None:
        if t not in self._matches:
            fits = self._fits and t < self._new.n_frames
            frames = [np.asarray(objects.labels[t]) for objects in (self._old, self._new)] if fits else []
            self._matches[t] = match_frame(*frames) if fits else {}
        return self._matches[t].get(object_id)


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
