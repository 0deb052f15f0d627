"""What a session knows and how a step is done: objects, lineage, history, the active track, progress, observers.

The actions themselves stand in `nbtrack.editing.object_edits` and the files that build on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from nbtrack.data.lineage import FALSE_LABEL, Lineage
from nbtrack.data.pins import PinChange, from_row, to_row
from nbtrack.data.relations import is_held, pins_of_change, relations_of
from nbtrack.data.result import TrackingResult
from nbtrack.editing.commands import from_rows, to_rows
from nbtrack.editing.history import Change, History
from nbtrack.editing.log import EditLog, read_params
from nbtrack.editing.repainting import Repaint, repaint
from nbtrack.errors import EditError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from nbtrack.data.detections import Detections
    from nbtrack.data.lineage import Division
    from nbtrack.data.movie import Movie
    from nbtrack.data.pins import Pin
    from nbtrack.editing.commands import Command
    from nbtrack.params import TrackingParams


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
    lineage : Lineage or TrackingResult, optional
        Where to start; a copy is edited. The parameters of a result are those of `tracking`.
    log : str or Path, optional
        A new file, to which each action is written when it happens.
    pins : iterable of Pin, optional
        What holds from the start.
    tracking : TrackingParams, optional
        What to track with when the rest is solved again.

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
        lineage: Lineage | TrackingResult | None = None,
        *,
        log: str | Path | None = None,
        pins: Iterable[Pin] = (),
        tracking: TrackingParams | None = None,
    ) -> None:
        if movie is not None and len(movie) != detections.n_frames:
            raise InputError(
                f"`detections` must have one frame per movie frame: got {detections.n_frames} label frames and "
                f"{len(movie)} movie frames. Check the time axis in `axes`."
            )
        self.movie = movie
        self.result = lineage if isinstance(lineage, TrackingResult) else None
        if isinstance(lineage, TrackingResult):
            tracking, lineage = tracking or lineage.params, lineage.lineage
        self.lineage = Lineage() if lineage is None else lineage.copy()
        self.tracking = tracking
        self.history = History(pins, detections)
        self._known = self._original = detections
        self.active_track = 0
        self._highest_started = 0
        self._checked: set[Division] = set()
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
        self._log = None
        if log is not None:
            self._log = EditLog.start(log, detections, self.lineage, pins=self.pins, tracking=tracking)

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
            With the lineage, the pins, the active track, the divisions that were checked, and all that can be undone
            and done again.

        Raises
        ------
        InputError
            If the log cannot be read, is damaged, or was made for other objects.
        """
        opened, lineage, entries = EditLog.read(log, detections)
        session = cls(movie, detections, lineage, pins=opened.pins, tracking=opened.tracking)
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

    @property
    def detections(self) -> Detections:
        """The objects as they are now."""
        assert self.history.detections is not None
        return self.history.detections

    @detections.setter
    def detections(self, value: Detections) -> None:
        self.history.detections = self._known = self._original = value

    @property
    def pins(self) -> tuple[Pin, ...]:
        """What holds whenever the rest is solved again, oldest first."""
        return tuple(self.history.pins)

    @property
    def log_path(self) -> Path | None:
        """Where the edit log is, or None if nothing is written."""
        return None if self._log is None else self._log.path

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
    def _do(
        self,
        command: Command,
        code: str,
        message: str,
        *,
        new_tracks: Iterable[int] = (),
        decided: Iterable[tuple[int, int]] | None = None,
        pins: Iterable[Pin] = (),
        repainted: Repaint | None = None,
        about: Iterable[tuple[int, int]] = (),
    ) -> Change:
        """Do an action of a person and hold what it changed.

        `decided` are the objects of which the person decided something; None means all that the command is about.
        `pins` are held in place of what changed. Older pins that the action goes against are dropped, and those about
        objects that are no longer there. `about` are objects of which pixels change.
        """
        detections = None if repainted is None else repaint(self.detections, repainted, self.movie)
        touched = command.touches(self.lineage)
        meant = touched if decided is None else tuple(decided)
        before = relations_of(self.lineage, meant)
        held = [pin for pin in self.history.pins.about(touched) if is_held(self.lineage, pin)]
        given = list(pins)

        def change_pins() -> PinChange:
            new = given or pins_of_change(before, relations_of(self.lineage, meant), self.lineage)
            gone = [pin for pin in held if not is_held(self.lineage, pin)]
            if detections is not None and repainted is not None:
                rows = detections.table["object_id"].to_numpy()[detections.rows_of(repainted.t)]
                lost = [(repainted.t, i) for i in self._objects[repainted.t] - set(rows.tolist())]
                gone += self.history.pins.about(lost)
            return self.history.pins.plan(new, gone)

        more = {} if repainted is None else {"repainted": repainted.to_values()}
        return self._perform(
            command, code, message, pins=change_pins, new_tracks=new_tracks, more=more, detections=detections,
            about=about,
        )  # fmt: skip

    def _perform(
        self,
        command: Command,
        code: str,
        message: str,
        *,
        pins: Callable[[], PinChange] = PinChange,
        joined: bool = False,
        new_tracks: Iterable[int] = (),
        more: Mapping[str, Any] | None = None,
        detections: Detections | None = None,
        about: Iterable[tuple[int, int]] = (),
    ) -> Change:
        """Do a command as a step, and write it to the log."""
        change = self.history.perform(
            self.lineage, command, code=code, message=message, pins=pins, joined=joined, detections=detections,
            about=about,
        )  # fmt: skip
        highest, self._highest_started = self._highest_started, max([self._highest_started, *new_tracks])
        try:
            if self._log is not None:
                done = self.history.last.pins
                entry: dict[str, Any] = {"action": "do", "commands": to_rows(command), "code": code, "message": message}
                came, went = [to_row(pin) for pin in done.dropped], [to_row(pin) for pin in done.added]
                rows = {"pinned": came, "unpinned": went, "joined": joined, "about": list(about), **(more or {})}
                entry |= {name: value for name, value in rows.items() if value}
                self._write(entry, self.history.undo_last)
        except InputError:
            self._highest_started = highest
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
            came, went = (tuple(map(from_row, entry.get(name, ()))) for name in ("pinned", "unpinned"))
            painted = Repaint.from_values(entry["repainted"]) if "repainted" in entry else None
            self._perform(
                from_rows(entry["commands"]),
                entry["code"],
                entry["message"],
                pins=lambda: PinChange(came, went),
                joined=bool(entry.get("joined")),
                detections=None if painted is None else repaint(self.detections, painted, self.movie),
                about=[(t, i) for t, i in entry.get("about", ())],
            )
            self.tracking = read_params(entry.get("tracking")) or self.tracking
        elif action == "undo":
            self.undo()
        elif action == "redo":
            self.redo()
        elif action == "check":
            self._mark_division(entry["parent"], done=entry["done"])
        elif action != "select":
            raise InputError(f"`action` must be one of ['do', 'undo', 'redo', 'check', 'select']: got {action!r}.")
        self.active_track, self._highest_started = int(entry["active"]), int(entry["started"])

    def _mark_division(self, parent_track: int, *, done: bool) -> None:
        division = self.lineage.divisions[parent_track]
        (self._checked.add if done else self._checked.discard)(division)

    def _tell(self, change: Change) -> Change:
        if self._known is not self.detections:
            self._take_objects(change.frames)
        for t, object_id in change.pairs:
            if object_id not in self._objects[t]:
                continue  # it was there before
            done = self.lineage.tracks_at(t, object_id) or self.lineage.is_false(t, object_id)
            (self._unlabeled[t].discard if done else self._unlabeled[t].add)(object_id)
        for callback in tuple(self._observers):
            callback(change)
        return change

    def _take_objects(self, frames: Iterable[int]) -> None:
        """Look anew at frames whose objects may be others now."""
        self._known = self.detections
        for t in set(frames):
            ids = self.detections.table["object_id"].to_numpy()[self.detections.rows_of(t)]
            self._objects[t] = frozenset(ids.tolist())
            self._unlabeled[t] = set(self._objects[t]) - set(self.lineage.labelled(t)) - self.lineage.false_at(t)
        self.__dict__.pop("_centers", None)

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
            self._check_new(track_id)
        return tuple(given)

    def _check_new(self, track_id: int) -> None:
        if self.lineage.objects_of(track_id):
            raise EditError(f"Track {track_id} has objects already. Give the id of a new track.")

    def _free_tracks(self, count: int) -> tuple[int, ...]:
        """Find ids above all that are in use and all that were started."""
        first = max(self.lineage.next_track_id(), self._highest_started + 1)
        return tuple(i for i in range(first, first + count + 1) if i != FALSE_LABEL)[:count]

    def _track_or_active(self, track_id: int | None) -> int:
        track = self.active_track if track_id is None else track_id
        if not track:
            raise EditError('There is no active track. Start one with "s" or the button New track, then click again.')
        return track
