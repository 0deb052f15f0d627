"""Semi-automatic tracking: follow an object by overlap for as long as there is no doubt.

The rule: the next object is the only one that shares pixels with the object, and shares at least a fifth of them. Only
a window is looked at, which goes with the object, or stays where it began.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from nbtrack.editing.history import Change
from nbtrack.errors import InputError

if TYPE_CHECKING:
    from nbtrack.data.detections import Detections, Frames

MIN_OVERLAP = 0.2
"""Smallest part of the object that the next one must cover."""
DEFAULT_WINDOW = 40
"""Size of the window along each axis, in pixels."""

Reason = Literal[
    "last_frame", "stop_before", "ambiguous", "lost", "little_overlap", "false_detection", "in_track", "divides"
]


@dataclass(frozen=True)
class Trail:
    """Where an object was followed to, and why no further.

    Parameters
    ----------
    objects : dict of int to int
        Frame to object id, without the first object.
    reason : str
        ``"last_frame"``, ``"stop_before"`` (asked to stop), ``"ambiguous"``, ``"lost"``, ``"little_overlap"``,
        ``"false_detection"``, ``"in_track"`` (the track has an object in that frame) or ``"divides"`` (it ends there).
    t_stop, object_stop : int
        The object to look at: the last one that was followed, or the one that may not be assigned.
    candidates : tuple of int
        Objects of the frame after the last one that share pixels with it in the window.
    """

    objects: dict[int, int]
    reason: Reason
    t_stop: int
    object_stop: int
    candidates: tuple[int, ...] = ()


@dataclass(frozen=True)
class Followed(Change):
    """What a semi-automatic run assigned, and why it stopped where it did.

    Parameters
    ----------
    frames, object_ids : tuple of int
        The objects that were assigned, pairwise; none if the run stopped at once.
    message : str
        A sentence for the user.
    track_id : int
        The track they were given to.
    trail : Trail
        Why and where the run stopped.
    """

    track_id: int
    trail: Trail


def window_box(center: Sequence[float], window: Sequence[int], shape: Sequence[int]) -> tuple[slice, ...]:
    """Cut a window around a point out of a frame.

    Parameters
    ----------
    center : sequence of float
        The point in pixels, ``([z,] y, x)``.
    window : sequence of int
        Size along each axis. A window that passes the border is cut there.
    shape : sequence of int
        Shape of the frame.

    Returns
    -------
    tuple of slice

    Examples
    --------
    >>> window_box((3, 50), (10, 10), (100, 100))
    (slice(0, 10, None), slice(45, 55, None))
    """
    begins = [max(0, round(float(c)) - w // 2) for c, w in zip(center, window, strict=True)]
    return tuple(slice(b, min(b + w, n)) for b, w, n in zip(begins, window, shape, strict=True))


def find_overlapping(labels: np.ndarray, next_labels: np.ndarray, object_id: int) -> tuple[tuple[int, ...], float]:
    """Find the objects of the next frame that share pixels with an object.

    Parameters
    ----------
    labels, next_labels : ndarray of unsigned int, of one shape
        The same window of two successive label frames.
    object_id : int
        The object in `labels`.

    Returns
    -------
    candidates : tuple of int
        Ids in `next_labels`, ascending.
    overlap : float
        Part of the object that they cover together, 0 to 1.

    Examples
    --------
    >>> find_overlapping(np.array([7, 7, 7, 7, 0]), np.array([0, 0, 2, 2, 2]), 7)
    ((2,), 0.5)
    """
    below = next_labels[labels == object_id]
    covered = below[below != 0]
    return tuple(np.unique(covered).tolist()), len(covered) / len(below) if len(below) else 0.0


def follow_overlap(
    labels: Frames,
    t: int,
    object_id: int,
    *,
    center: Callable[[int, int], Sequence[float]],
    window: Sequence[int],
    moving: bool = True,
    stop_before: int | None = None,
    refuse: Callable[[int, int], tuple[Reason, int] | None] = lambda t, object_id: None,
) -> Trail:
    """Follow an object through label frames until there is a doubt.

    Parameters
    ----------
    labels : sequence of ndarray
        Label frames. Each is read once, and none after the first doubt.
    t, object_id : int
        Where to begin.
    center : callable
        ``center(t, object_id)`` gives the middle of the window, ``([z,] y, x)`` in pixels.
    window : sequence of int
        Size of the window along each axis.
    moving : bool, optional
        Whether the window goes with the object, or stays where it is in frame `t`.
    stop_before : int, optional
        A frame that is not reached.
    refuse : callable, optional
        ``refuse(t, object_id)`` gives a reason and the object to look at if an object may not be assigned, else None.

    Returns
    -------
    Trail
    """
    end = len(labels) if stop_before is None else min(stop_before, len(labels))
    objects: dict[int, int] = {}
    frame: np.ndarray | None = None
    middle = center(t, object_id)
    for following in range(t + 1, end):
        frame = np.asarray(labels[t]) if frame is None else frame
        next_frame = np.asarray(labels[following])
        box = window_box(middle, window, frame.shape)
        candidates, overlap = find_overlapping(frame[box], next_frame[box], object_id)
        if len(candidates) != 1:
            return Trail(objects, "ambiguous" if candidates else "lost", t, object_id, candidates)
        if overlap < MIN_OVERLAP:
            return Trail(objects, "little_overlap", t, object_id, candidates)
        refused = refuse(following, candidates[0])
        if refused is not None:
            reason, object_stop = refused
            return Trail(objects, reason, following, object_stop, candidates)
        t, object_id, frame = following, candidates[0], next_frame
        objects[t] = object_id
        if moving:
            middle = center(t, object_id)
    return Trail(objects, "last_frame" if end == len(labels) else "stop_before", t, object_id)


def explain(trail: Trail, track_id: int, n_assigned: int) -> str:
    """Say how far a run came and why it stopped.

    Parameters
    ----------
    trail : Trail
        Where the run stopped.
    track_id : int
        The track.
    n_assigned : int
        Number of objects it gave to the track.

    Returns
    -------
    str
        Two sentences.
    """
    t, object_id, ids = trail.t_stop, trail.object_stop, " and ".join(map(str, trail.candidates))
    why = {
        "last_frame": f"It reached the last frame, {t}",
        "stop_before": f"It stopped after frame {t}, as asked",
        "ambiguous": f"It stopped in frame {t}: {len(trail.candidates)} objects of frame {t + 1} overlap it. Click one",
        "lost": f"It stopped in frame {t}: nothing in frame {t + 1} overlaps it. Click where it went",
        "little_overlap": f"It stopped in frame {t}: object {ids} of frame {t + 1} covers less than "
        f"{MIN_OVERLAP:.0%} of it. Click it if it is the same",
        "false_detection": f"It stopped at frame {t}: object {object_id} is marked as a false detection",
        "in_track": f"It stopped at frame {t}: object {object_id} is in track {track_id} there",
        "divides": f"It stopped at frame {t}: track {track_id} divides before",
    }[trail.reason]
    objects = f"{n_assigned or 'no'} object{'s' * (n_assigned != 1)}"
    return f"Following gave {objects} to track {track_id}. {why}."


class Centers:
    """Look up the objects of a frame and their centres quickly.

    Parameters
    ----------
    detections : Detections
        The objects.
    """

    def __init__(self, detections: Detections) -> None:
        table = detections.table
        self._ids = table["object_id"].to_numpy()
        self._centers = table[detections.columns_position].to_numpy(dtype=float)
        self._starts = np.searchsorted(table["t"].to_numpy(), np.arange(detections.n_frames + 1)).tolist()

    def of(self, t: int, object_id: int) -> tuple[float, ...]:
        """Look up the centre of an object.

        Parameters
        ----------
        t, object_id : int
            One that there is.

        Returns
        -------
        tuple of float
            ``([z,] y, x)`` in pixels.
        """
        first, last = self._starts[t : t + 2]
        row = first + int(np.searchsorted(self._ids[first:last], object_id))
        return tuple(self._centers[row].tolist())

    def in_frame(self, t: int) -> tuple[np.ndarray, np.ndarray]:
        """Look up the objects of a frame.

        Parameters
        ----------
        t : int
            The frame.

        Returns
        -------
        ids : ndarray of int, shape (n,)
            Their ids, ascending.
        centers : ndarray of float, shape (n, ndim)
            Their centres in pixels, ``([z,] y, x)``.
        """
        rows = slice(*self._starts[t : t + 2])
        return self._ids[rows], self._centers[rows]


def window_sizes(window: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """Make a window size for each axis.

    Parameters
    ----------
    window : int or sequence of int or None
        One size for all axes, one for each, or None for 40.
    ndim : int
        Number of axes.

    Returns
    -------
    tuple of int

    Raises
    ------
    InputError
        If there are not `ndim` sizes of at least 1.
    """
    window = DEFAULT_WINDOW if window is None else window
    sizes = tuple(map(int, window)) if isinstance(window, Sequence) else (int(window),) * ndim
    if len(sizes) != ndim or min(sizes) < 1:
        raise InputError(f"`window` must be one size of at least 1 pixel, or {ndim} of them: got {window!r}.")
    return sizes
