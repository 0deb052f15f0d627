"""Where to go next: unlabelled objects, objects that may be the continuation, neighbours in the lineage."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from nbtrack.editing.semi_automatic import DEFAULT_WINDOW, Centers, window_box
from nbtrack.editing.workspace import Workspace

if TYPE_CHECKING:
    from typing import TypeAlias

    Place: TypeAlias = tuple[int, int, int]

SEARCH_WINDOW = 3 * DEFAULT_WINDOW
"""Size of the window in which `Navigation.candidates` looks, along each axis, in pixels."""


class Navigation(Workspace):
    """Find the places that a person wants to see next."""

    def progress_in(self, t: int) -> int:
        """Count the objects of a frame that have no track and are no false detections.

        Parameters
        ----------
        t : int
            The frame.

        Returns
        -------
        int
        """
        return len(self._unlabeled[t])

    def next_unlabeled(self, after: tuple[int, int] | None = None, t: int | None = None) -> tuple[int, int] | None:
        """Find an object without a track that is not a false detection: the first one, or the next one.

        Parameters
        ----------
        after : tuple of int, optional
            An object as ``(t, object_id)``: the next one behind it is found; after the last one comes the first.
        t : int, optional
            A frame to begin with, in place of `after`.

        Returns
        -------
        tuple of int or None
            Frame and object id; None if nothing is left.
        """
        begin, last = after if after is not None else (t or 0, 0)
        rest = [i for i in self._unlabeled[begin] if i > last]
        if rest:
            return begin, min(rest)
        for frame in (*range(begin + 1, len(self._unlabeled)), *range(begin + 1)):
            if self._unlabeled[frame]:
                return frame, min(self._unlabeled[frame])
        return None

    def candidates(self, t: int, object_id: int, n: int = 4) -> tuple[int, ...]:
        """Find the objects of the next frame that an object may become, the most likely first.

        Those that share pixels with it come before those that do not. Among either, objects that are free come before
        false detections and objects that have a track; then more shared pixels count, then a smaller distance of the
        centres. Only a window around the object is looked at, three times as wide as that of `follow`.

        Parameters
        ----------
        t, object_id : int
            The object.
        n : int, optional
            How many to find at most.

        Returns
        -------
        tuple of int
            Object ids of frame ``t + 1``; empty in the last frame.

        Raises
        ------
        EditError
            If there is no such object.
        """
        self._check_object(t, object_id)
        detections, following = self.detections, t + 1
        if following >= detections.n_frames:
            return ()
        center = self._centers.of(t, object_id)
        box = window_box(center, (SEARCH_WINDOW,) * detections.ndim, detections.frame_shape)
        below = np.asarray(detections.labels[following])[box][np.asarray(detections.labels[t])[box] == object_id]
        shared = dict(zip(*(x.tolist() for x in np.unique(below[below != 0], return_counts=True)), strict=True))
        ids, centers = self._centers.in_frame(following)
        offsets = centers - center
        near = (np.abs(offsets) <= SEARCH_WINDOW / 2).all(axis=1) | np.isin(ids, list(shared))
        distances = np.linalg.norm(offsets[near] * detections.scale, axis=1)

        def rank(candidate: tuple[int, float]) -> tuple[bool, bool, int, float, int]:
            i, distance = candidate
            return i not in shared, i not in self._unlabeled[following], -shared.get(i, 0), distance, i

        return tuple(i for i, _ in sorted(zip(ids[near].tolist(), distances.tolist(), strict=True), key=rank)[:n])

    def next_of(self, track_id: int, t: int) -> Place | None:
        """Tell where a track goes on: its next object, or behind its last one the first child of its division.

        Parameters
        ----------
        track_id, t : int
            The track, and the frame to go on from.

        Returns
        -------
        tuple of int or None
            Track id, frame and object id; None at the end.
        """
        objects = self.lineage.objects_of(track_id)
        later = next((frame for frame in objects if frame > t), None)
        if later is not None:
            return track_id, later, objects[later]
        children = self.lineage.children_of(track_id)
        return self._first_of(children[0]) if children else None

    def previous_of(self, track_id: int, t: int) -> Place | None:
        """Tell where a track comes from: its object before, or before its first one the last object of its parent.

        Parameters
        ----------
        track_id, t : int
            The track, and the frame to go back from.

        Returns
        -------
        tuple of int or None
            Track id, frame and object id; None at the beginning.
        """
        objects = self.lineage.objects_of(track_id)
        earlier = max((frame for frame in objects if frame < t), default=None)
        if earlier is not None:
            return track_id, earlier, objects[earlier]
        parent = self.lineage.parent_of(track_id)
        if parent is None:
            return None
        last = self.lineage.divisions[parent].t
        return parent, last, self.lineage.objects_of(parent)[last]

    def siblings_of(self, track_id: int, t: int | None = None) -> Place | None:
        """Tell where the sister of a track is, the other child of the same division.

        Parameters
        ----------
        track_id : int
            The track.
        t : int, optional
            A frame to stay in, if the sister has an object there.

        Returns
        -------
        tuple of int or None
            Track id, frame and object id, of the first object if not of frame `t`; None if there is no sister.
        """
        parent = self.lineage.parent_of(track_id)
        if parent is None:
            return None
        first, second = self.lineage.children_of(parent)
        sister = second if track_id == first else first
        here = None if t is None else self.lineage.object_at(sister, t)
        return self._first_of(sister) if t is None or here is None else (sister, t, here)

    @cached_property
    def _centers(self) -> Centers:
        return Centers(self.detections)

    def _first_of(self, track_id: int) -> Place:
        t, object_id = next(iter(self.lineage.objects_of(track_id).items()))
        return track_id, t, object_id
