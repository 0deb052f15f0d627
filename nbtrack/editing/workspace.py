"""What a session knows and how a step is done: objects, lineage, history, the active track, progress, observers.

The actions themselves stand in `nbtrack.editing.object_edits` and `nbtrack.editing.track_edits`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from nbtrack.data.lineage import FALSE_LABEL, Lineage
from nbtrack.editing.commands import from_rows, to_rows
from nbtrack.editing.history import Change, History
from nbtrack.editing.log import EditLog
from nbtrack.errors import EditError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

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
    log : str or Path, optional
        A new file, to which each action is written when it happens.

    Raises
    ------
    InputError
        If movie, objects and lineage do not fit together.
    """

    params: None = None

    def __init__(
        self,
        movie: Movie | None,
        detections: Detections,
        lineage: Lineage | None = None,
        *,
        log: str | Path | None = None,
    ) -> None:
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
        self._log = None if log is None else EditLog.start(log, detections, self.lineage)

    @classmethod
    def reopen(cls, movie: Movie | None, detections: Detections, log: str | Path) -> Self:
        """Open a session again from its log, as it was after the last action that was written.

        Parameters
        ----------
        movie : Movie or None
            The raw images.
        detections : Detections
            The objects that the log was made for.
        log : str or Path
            The log. A last line that was cut short is dropped; further actions are appended.

        Returns
        -------
        Session
            With the lineage, the active track, and all that can be undone and done again.

        Raises
        ------
        InputError
            If the log cannot be read, is damaged, or was made for other objects.
        """
        opened, lineage, entries = EditLog.read(log, detections)
        session = cls(movie, detections, lineage)
        for number, entry in enumerate(entries, 2):
            try:
                session._repeat(entry)
            except (EditError, InputError, KeyError, TypeError, ValueError) as error:
                raise InputError(
                    f"`log` is damaged: line {number} of `{log}` does not fit what comes before it. Put back a copy of "
                    f"the file, or remove everything from line {number} on."
                ) from error
        session._log = opened
        return session

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
        return self._activate(track_id, track_id)

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
        return self._activate(int(track_id), self._highest_started)

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
        change = self.history.undo(self.lineage)
        self._write({"action": "undo"}, self.history.redo)
        return self._tell(change)

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
        change = self.history.redo(self.lineage)
        self._write({"action": "redo"}, self.history.undo)
        return self._tell(change)

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
        before, self._highest_started = self._highest_started, max([self._highest_started, *new_tracks])
        try:
            entry = {"action": "do", "commands": to_rows(command), "code": code, "message": message}
            self._write(entry, self.history.undo)
        except InputError:
            self._highest_started = before
            raise
        return self._tell(change)

    def _activate(self, track_id: int, highest: int) -> int:
        before = self.active_track, self._highest_started
        self.active_track, self._highest_started = track_id, highest
        try:
            self._write({"action": "select"})
        except InputError:
            self.active_track, self._highest_started = before
            raise
        return track_id

    def _write(self, entry: dict[str, Any], take_back: Callable[[Lineage], object] | None = None) -> None:
        """Write an action to the log; if that fails, it did not happen."""
        if self._log is None:
            return
        try:
            self._log.append(entry | {"active": self.active_track, "started": self._highest_started})
        except InputError:
            if take_back is not None:
                take_back(self.lineage)
            raise

    def _repeat(self, entry: dict[str, Any]) -> None:
        """Do what a line of the log says."""
        action = entry["action"]
        if action == "do":
            self._do(from_rows(entry["commands"]), entry["code"], entry["message"])
        elif action == "undo":
            self.undo()
        elif action == "redo":
            self.redo()
        elif action != "select":
            raise InputError(f"`action` must be one of ['do', 'undo', 'redo', 'select']: got {action!r}.")
        self.active_track, self._highest_started = int(entry["active"]), int(entry["started"])

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
