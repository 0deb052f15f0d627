"""The manual session: a movie, its objects, and the lineage that a person makes.

Every action that a click or a key can do is a method here; each is one step of undo and reports one `Change`. Choosing
the active track is not an edit and not a step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from nbtrack.data.lineage import FALSE_LABEL, Lineage
from nbtrack.editing.commands import Assign, Command, Divide, Group, MarkFalse, Unassign, Undivide, UnmarkFalse
from nbtrack.editing.history import Change, History
from nbtrack.errors import EditError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbtrack.data.detections import Detections
    from nbtrack.data.movie import Movie

Scope = Literal["here", "later", "earlier", "all"]


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


class Session:
    """Track objects by hand, or correct what the tracker made.

    Parameters
    ----------
    movie : Movie or None
        The raw images; None if there are only objects.
    detections : Detections
        The objects to track.
    lineage : Lineage, optional
        Where to start, for example the answer of `nbtrack.track`; a copy is edited. Nothing is tracked if not given.

    Attributes
    ----------
    movie, detections, lineage
        As above; `lineage` is the answer as it stands now.
    history : History
        What was done and undone.
    active_track : int
        The track that clicks assign to; 0 if there is none.
    params : None
        A manual answer has no parameters; writers ask for them.

    Raises
    ------
    InputError
        If movie, objects and lineage do not fit together.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> import pandas as pd
    >>> table = pd.DataFrame({"t": [0, 1], "object_id": [1, 1]})
    >>> session = Session(None, SimpleNamespace(table=table, n_frames=2))
    >>> session.assign(0, 1, track_id=session.new_track()).message
    'Object 1 in frame 0 is now in track 1.'
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
        track_id = max(self.lineage.next_track_id(), self._highest_started + 1)
        track_id += track_id == FALSE_LABEL
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

    # ------------------------------------------------------------------ edits
    def assign(self, t: int, object_id: int, track_id: int | None = None) -> Change:
        """Give an object to a track; an object may have several tracks, then it is a merger.

        Parameters
        ----------
        t, object_id : int
            The object.
        track_id : int, optional
            The track; the active one if not given.

        Returns
        -------
        Change

        Raises
        ------
        EditError
            If there is no such object, no active track, or the lineage forbids it; the message says why.
        """
        self._check_object(t, object_id)
        track = self.active_track if track_id is None else track_id
        if not track:
            raise EditError('There is no active track. Start one with "s" or the button New track, then click again.')
        if track in self.lineage.tracks_at(t, object_id):
            raise EditError(f"Object {object_id} in frame {t} is in track {track} already. Nothing was changed.")
        others = self.lineage.tracks_at(t, object_id)
        message = f"Object {object_id} in frame {t} is now in track {track}"
        message += f", as well as in track {_and(others)} (merger)." if others else "."
        return self._do(Assign(t, object_id, track), f"assign({t}, {object_id}, track_id={track})", message)

    def unassign(self, t: int, object_id: int, track_id: int) -> Change:
        """Take an object from a track.

        Parameters
        ----------
        t, object_id, track_id : int
            The assignment to remove.

        Returns
        -------
        Change

        Raises
        ------
        EditError
            If there is no such assignment, or a division needs it.
        """
        self._check_object(t, object_id)
        message = f"Object {object_id} in frame {t} is no longer in track {track_id}."
        code = f"unassign({t}, {object_id}, {track_id})"
        return self._do(Unassign(t, object_id, track_id), code, message)

    def forget(self, track_id: int, *, t: int = 0, scope: Scope = "all") -> Change:
        """Take objects from a track: one, all from a frame on, all up to a frame, or all.

        Parameters
        ----------
        track_id : int
            The track.
        t : int, optional
            The frame that `scope` speaks of.
        scope : {"here", "later", "earlier", "all"}, optional
            Frame `t` alone; `t` and all later; `t` and all earlier; the whole track.

        Returns
        -------
        Change

        Raises
        ------
        EditError
            If the track has no object there, or a division needs one of them.
        InputError
            If `scope` is not one of the choices.
        """
        if scope not in ("here", "later", "earlier", "all"):
            raise InputError(f"`scope` must be one of ['here', 'later', 'earlier', 'all']: got {scope!r}.")
        objects = {
            frame: object_id
            for frame, object_id in self.lineage.objects_of(track_id).items()
            if scope == "all" or (frame == t if scope == "here" else frame >= t if scope == "later" else frame <= t)
        }
        where = {"here": f" in frame {t}", "later": f" from frame {t} on", "earlier": f" up to frame {t}", "all": ""}
        if not objects:
            raise EditError(f"Track {track_id} has no object{where[scope]}. There is nothing to remove.")
        command = Group(tuple(Unassign(frame, object_id, track_id) for frame, object_id in objects.items()))
        message = f"Track {track_id} lost {len(objects)} object{'s' * (len(objects) > 1)}{where[scope]}."
        return self._do(command, f"forget({track_id}, t={t}, scope={scope!r})", message)

    def mark_false(self, t: int, object_id: int) -> Change:
        """Mark an object as a false detection.

        Parameters
        ----------
        t, object_id : int
            The object.

        Returns
        -------
        Change

        Raises
        ------
        EditError
            If there is no such object, it has a track, or it is marked already.
        """
        self._check_object(t, object_id)
        message = f"Object {object_id} in frame {t} is marked as a false detection."
        return self._do(MarkFalse(t, object_id), f"mark_false({t}, {object_id})", message)

    def unmark_false(self, t: int, object_id: int) -> Change:
        """Take back the mark of a false detection.

        Parameters
        ----------
        t, object_id : int
            The object.

        Returns
        -------
        Change

        Raises
        ------
        EditError
            If the object is not marked.
        """
        self._check_object(t, object_id)
        message = f"Object {object_id} in frame {t} is no longer a false detection."
        return self._do(UnmarkFalse(t, object_id), f"unmark_false({t}, {object_id})", message)

    def divide(self, t: int, parent_track: int, children: tuple[int, int]) -> Change:
        """Make two tracks the children of a track.

        Parameters
        ----------
        t : int
            Last frame of the parent.
        parent_track : int
            The track that divides.
        children : tuple of int
            The two tracks that begin after frame `t`.

        Returns
        -------
        Change

        Raises
        ------
        EditError
            If the three tracks do not fit.
        """
        first, second = children
        message = f"Track {parent_track} divides after frame {t} into tracks {first} and {second}."
        code = f"divide({t}, {parent_track}, ({first}, {second}))"
        return self._do(Divide(t, parent_track, first, second), code, message)

    def undivide(self, parent_track: int) -> Change:
        """Remove the division of a track; the three tracks stay.

        Parameters
        ----------
        parent_track : int
            The track that divides.

        Returns
        -------
        Change

        Raises
        ------
        EditError
            If the track does not divide.
        """
        message = f"The division of track {parent_track} is removed; its children are tracks of their own."
        return self._do(Undivide(parent_track), f"undivide({parent_track})", message)

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
    def _do(self, command: Command, code: str, message: str) -> Change:
        return self._tell(self.history.perform(self.lineage, command, code=code, message=message))

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


def _and(ids: tuple[int, ...]) -> str:
    return " and ".join(map(str, ids))
