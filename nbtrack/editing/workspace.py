"""What a session knows and how a step is done: objects, lineage, history, the active track, progress, observers.

The actions themselves stand in `nbtrack.editing.object_edits` and `nbtrack.editing.track_edits`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nbtrack.data.lineage import FALSE_LABEL, Lineage
from nbtrack.editing.history import Change, History
from nbtrack.errors import EditError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from nbtrack.data.detections import Detections
    from nbtrack.data.movie import Movie
    from nbtrack.editing.commands import Command


@dataclass(frozen=True)
class Progress:
    """How much of the movie is labelled.

    Parameters
    ----------
    complete, n_frames : int
        Frames in which every object has a track or is a false detection, and all frames.
    unlabeled : int
        Objects that are still without.
    """

    complete: int
    n_frames: int
    unlabeled: int

    def __str__(self) -> str:
        """Say it in words."""
        return f"{self.complete} of {self.n_frames} frames complete, {self.unlabeled} objects unlabeled"


class Workspace:
    """Hold a movie, its objects and a lineage, and do steps to it.

    Parameters
    ----------
    movie : Movie or None
        The raw images; None if there are only objects.
    detections : Detections
        The objects to track.
    lineage : Lineage, optional
        Where to start; a copy is edited.

    Raises
    ------
    InputError
        If movie, objects and lineage do not fit together.
    """

    params: None = None

    def __init__(self, movie: Movie | None, detections: Detections, lineage: Lineage | None = None) -> None:
        if movie is not None and len(movie) != detections.n_frames:
            raise InputError(
                f"`detections` must have one frame per movie frame: got {detections.n_frames} label frames and "
                f"{len(movie)} movie frames. Check the time axis in `axes`."
            )
        self.movie = movie
        self.detections = detections
        self.lineage = Lineage() if lineage is None else lineage.copy()
        self.history = History()
        self.active_track = 0
        self._highest_started = 0
        self._observers: list[Callable[[Change], None]] = []
        times, ids = detections.table["t"].to_numpy(), detections.table["object_id"].to_numpy()
        frames = np.split(ids, np.searchsorted(times, np.arange(1, detections.n_frames)))
        self._objects = [frozenset(frame.tolist()) for frame in frames]
        self._unlabeled: list[set[int]] = []
        for t, objects in enumerate(self._objects):
            tracked = set(self.lineage.labelled(t)) | self.lineage.false_at(t)
            if not tracked <= objects:
                raise InputError(
                    f"`lineage` does not fit `detections`: object {min(tracked - objects)} in frame {t} is not among "
                    "the objects. Use the detections that the lineage was made from."
                )
            self._unlabeled.append(set(objects - tracked))

    def __repr__(self) -> str:
        n = len(self.history)
        return f"<Session: {self.lineage!r}, {n} step{'s' * (n != 1)}, {self.progress()}>"

    # ------------------------------------------------------------------ the active track
    def new_track(self) -> int:
        """Start a new track and make it the active one; it exists once it has an object.

        Returns
        -------
        int
            The new track id: above all ids in use and above all that were started, so an id can be skipped.
        """
        (track_id,) = self._free_tracks(1)
        self.active_track = self._highest_started = track_id
        return track_id

    def select_track(self, track_id: int) -> int:
        """Make a track the active one.

        Parameters
        ----------
        track_id : int
            A track that has objects, or one that was started.

        Returns
        -------
        int
            The same track id.

        Raises
        ------
        EditError
            If there is no such track.
        """
        highest = max([self._highest_started, *self.lineage.track_ids[-1:]])
        if not 1 <= track_id <= highest or track_id == FALSE_LABEL:
            known = f"Tracks 1 to {highest} can be chosen" if highest else "There is no track yet"
            raise EditError(f'There is no track {track_id}. {known}; start a new one with "s" or the button New track.')
        self.active_track = int(track_id)
        return self.active_track

    def step_track(self, step: int) -> int:
        """Go to the next track id, or to the one before.

        Parameters
        ----------
        step : int
            1 or -1.

        Returns
        -------
        int
            The active track.

        Raises
        ------
        EditError
            If there is no track in that direction.
        """
        following = self.active_track + step
        return self.select_track(following + step if following == FALSE_LABEL else following)

    # ------------------------------------------------------------------ undo and redo
    def undo(self) -> Change:
        """Take back the last action.

        Returns
        -------
        Change

        Raises
        ------
        EditError
            If nothing is left to undo.
        """
        return self._tell(self.history.undo(self.lineage))

    def redo(self) -> Change:
        """Do the last undone action again.

        Returns
        -------
        Change

        Raises
        ------
        EditError
            If nothing was undone since the last action.
        """
        return self._tell(self.history.redo(self.lineage))

    # ------------------------------------------------------------------ questions
    def has_object(self, t: int, object_id: int) -> bool:
        """Tell whether there is such an object."""
        return 0 <= t < len(self._objects) and object_id in self._objects[t]

    def progress(self) -> Progress:
        """Tell how much is labelled."""
        left = [len(ids) for ids in self._unlabeled]
        return Progress(left.count(0), len(left), sum(left))

    def next_unlabeled(self) -> tuple[int, int] | None:
        """Find the first object without a track that is not a false detection.

        Returns
        -------
        tuple of int or None
            Frame and object id; None if nothing is left.
        """
        for t, ids in enumerate(self._unlabeled):
            if ids:
                return t, min(ids)
        return None

    def history_code(self, name: str = "session") -> str:
        """Print everything that was done, and not undone, as Python that does it again.

        Parameters
        ----------
        name : str, optional
            Name of the session in the code.

        Returns
        -------
        str
            One line for each action.
        """
        return "\n".join(f"{name}.{step.code}" for step in self.history.steps)

    def on_change(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call a function after every edit, undo and redo.

        Parameters
        ----------
        callback : callable
            Gets the `Change`.

        Returns
        -------
        callable
            Call it to stop.
        """
        self._observers.append(callback)
        return lambda: self._observers.remove(callback) if callback in self._observers else None

    # ------------------------------------------------------------------ helpers
    def _do(self, command: Command, code: str, message: str, *, new_tracks: Iterable[int] = ()) -> Change:
        change = self.history.perform(self.lineage, command, code=code, message=message)
        self._highest_started = max([self._highest_started, *new_tracks])
        return self._tell(change)

    def _tell(self, change: Change) -> Change:
        for t, object_id in change.pairs:
            done = self.lineage.tracks_at(t, object_id) or self.lineage.is_false(t, object_id)
            (self._unlabeled[t].discard if done else self._unlabeled[t].add)(object_id)
        for callback in tuple(self._observers):
            callback(change)
        return change

    def _check_object(self, t: int, object_id: int) -> None:
        if not self.has_object(t, object_id):
            raise EditError(f"There is no object {object_id} in frame {t}. Click on a coloured object.")

    def _check_clicked(self, t: int, object_id: int, what: str) -> None:
        if object_id == 0:
            raise EditError(f"There is only background there in frame {t}. Click {what}.")
        self._check_object(t, object_id)

    def _new_tracks(self, given: Sequence[int] | None, count: int) -> tuple[int, ...]:
        """Check the ids that were given for new tracks, or find some."""
        if given is None:
            return self._free_tracks(count)
        for track_id in given:
            if self.lineage.objects_of(track_id):
                raise EditError(f"Track {track_id} has objects already. Give the id of a new track.")
        return tuple(given)

    def _free_tracks(self, count: int) -> tuple[int, ...]:
        """Find ids above all that are in use and all that were started."""
        first = max(self.lineage.next_track_id(), self._highest_started + 1)
        return tuple(i for i in range(first, first + count + 1) if i != FALSE_LABEL)[:count]

    def _track_or_active(self, track_id: int | None) -> int:
        track = self.active_track if track_id is None else track_id
        if not track:
            raise EditError('There is no active track. Start one with "s" or the button New track, then click again.')
        return track
