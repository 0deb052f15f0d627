"""Actions on single objects, and taking objects from a track."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from nbtrack.data.pins import Pin
from nbtrack.editing.commands import Assign, Divide, Group, MarkFalse, Undivide, UnmarkFalse
from nbtrack.editing.history import Change
from nbtrack.editing.navigation import Navigation
from nbtrack.editing.retracking import plan_removal, plan_tracks, tell_removed
from nbtrack.errors import EditError, InputError

if TYPE_CHECKING:
    from nbtrack.editing.commands import Command

Scope = Literal["here", "later", "earlier", "all"]


class ObjectEdits(Navigation):
    """Assign objects to tracks, mark false detections, make and remove divisions."""

    def assign(self, t: int, object_id: int, track_id: int | None = None, *, force: bool = False) -> Change:
        """Give an object to a track; an object may have several tracks, then it is a merger.

        Parameters
        ----------
        t, object_id : int
            The object.
        track_id : int, optional
            The track; the active one if not given.
        force : bool, optional
            Take the place of the object that the track has in this frame, remove the mark of a false detection, and
            divisions that cannot stay.

        Returns
        -------
        Change

        Raises
        ------
        EditError
            If there is no such object, no active track, or the lineage forbids it; the message says why.
        """
        self._check_object(t, object_id)
        track = self._track_or_active(track_id)
        if track in self.lineage.tracks_at(t, object_id):
            raise EditError(f"Object {object_id} in frame {t} is in track {track} already. Nothing was changed.")
        others = self.lineage.tracks_at(t, object_id)
        message = f"Object {object_id} in frame {t} is now in track {track}"
        message += f", as well as in track {' and '.join(map(str, others))} (merger)." if others else "."
        held = self.lineage.object_at(track, t)
        if held is not None:
            message = f"{message[:-1]}, instead of object {held}."
        command = self._plan_assign(t, object_id, track, force=force)
        code = f"assign({t}, {object_id}, track_id={track}{_forced(force)})"
        return self._do(command, code, message + tell_removed(self.lineage, command))

    def unassign(self, t: int, object_id: int, track_id: int, *, force: bool = False) -> Change:
        """Take an object from a track.

        Parameters
        ----------
        t, object_id, track_id : int
            The assignment to remove.
        force : bool, optional
            Remove a division that needs it, too.

        Returns
        -------
        Change

        Raises
        ------
        EditError
            If there is no such assignment, or a division needs it and `force` is false.
        """
        self._check_object(t, object_id)
        if track_id not in self.lineage.tracks_at(t, object_id):
            raise EditError(f"Object {object_id} in frame {t} is not in track {track_id}. There is nothing to remove.")
        command = plan_removal(self.lineage, track_id, (t,), force=force)
        message = f"Object {object_id} in frame {t} is no longer in track {track_id}."
        code = f"unassign({t}, {object_id}, {track_id}{_forced(force)})"
        return self._do(command, code, message + tell_removed(self.lineage, command), decided=())

    def forget(self, track_id: int, *, t: int = 0, scope: Scope = "all", force: bool = False) -> Change:
        """Take objects from a track: one, all from a frame on, all up to a frame, or all.

        Parameters
        ----------
        track_id : int
            The track.
        t : int, optional
            The frame that `scope` speaks of.
        scope : {"here", "later", "earlier", "all"}, optional
            Frame `t` alone; `t` and all later; `t` and all earlier; the whole track.
        force : bool, optional
            Remove divisions that need one of the objects, too.

        Returns
        -------
        Change

        Raises
        ------
        EditError
            If the track has no object there, or a division needs one of them and `force` is false.
        InputError
            If `scope` is not one of the choices.
        """
        if scope not in ("here", "later", "earlier", "all"):
            raise InputError(f"`scope` must be one of ['here', 'later', 'earlier', 'all']: got {scope!r}.")
        frames = [
            frame
            for frame in self.lineage.objects_of(track_id)
            if scope == "all" or (frame == t if scope == "here" else frame >= t if scope == "later" else frame <= t)
        ]
        where = {"here": f" in frame {t}", "later": f" from frame {t} on", "earlier": f" up to frame {t}", "all": ""}
        if not frames:
            raise EditError(f"Track {track_id} has no object{where[scope]}. There is nothing to remove.")
        command = plan_removal(self.lineage, track_id, frames, force=force)
        message = f"Track {track_id} lost {len(frames)} object{'s' * (len(frames) > 1)}{where[scope]}."
        code = f"forget({track_id}, t={t}, scope={scope!r}{_forced(force)})"
        return self._do(command, code, message + tell_removed(self.lineage, command), decided=())

    def mark_false(self, t: int, object_id: int, *, force: bool = False) -> Change:
        """Mark an object as a false detection.

        Parameters
        ----------
        t, object_id : int
            The object.
        force : bool, optional
            Take it from its tracks, and remove divisions that need it.

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
        removals: dict[Command, None] = {}  # two tracks of a merger can have a division in common
        for track in self.lineage.tracks_at(t, object_id) if force else ():
            removals |= dict.fromkeys(plan_removal(self.lineage, track, (t,), force=True).commands)
        command = Group((*removals, MarkFalse(t, object_id)))
        code = f"mark_false({t}, {object_id}{_forced(force)})"
        return self._do(command, code, message + tell_removed(self.lineage, command))

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
        return self._undivide(parent_track)

    def _undivide(self, parent_track: int, *cut: Pin) -> Change:
        """Remove a division, and hold that the mother does not divide; what she becomes is open, but for `cut`."""
        message = f"The division of track {parent_track} is removed; its children are tracks of their own."
        division = self.lineage.divisions.get(parent_track)
        pins = list(cut)
        if division is not None:
            mother = self.lineage.objects_of(parent_track)[division.t]
            pins.append(Pin("division", division.t, mother, 0))
        return self._do(Undivide(parent_track), f"undivide({parent_track})", message, pins=pins)

    def check_division(self, parent_track: int, done: bool = True) -> Change:
        """Say that a division was looked at and is right, or take that back.

        This is a mark for reviewing and no edit: it is no step of undo, but it is written to the log. Observers get a
        change without objects. A division that is removed or changed is no longer checked; one that comes back by
        undoing is.

        Parameters
        ----------
        parent_track : int
            The track that divides.
        done : bool, optional
            Whether it is checked.

        Returns
        -------
        Change
            Without objects.

        Raises
        ------
        EditError
            If the track does not divide.
        """
        if parent_track not in self.lineage.divisions:
            raise EditError(f"Track {parent_track} does not divide. There is no division to check.")
        self._write({"action": "check", "parent": int(parent_track), "done": bool(done)})
        self._mark_division(parent_track, done=done)
        state = "checked" if done else "no longer checked"
        return self._tell(Change((), (), f"The division of track {parent_track} is {state}."))

    @property
    def checked_divisions(self) -> frozenset[int]:
        """The parent tracks of the divisions that are checked."""
        return frozenset(i for i, division in self.lineage.divisions.items() if division in self._checked)

    def _plan_assign(self, t: int, object_id: int, track_id: int, *, force: bool) -> Group:
        if not force:
            return Group((Assign(t, object_id, track_id),))
        wanted = {track_id: self.lineage.objects_of(track_id) | {t: object_id}}
        return Group((*self._unmark(t, object_id), *plan_tracks(self.lineage, wanted, force=True).commands))

    def _unmark(self, t: int, object_id: int) -> tuple[Command, ...]:
        """Plan to take back the mark of a false detection, if there is one."""
        return (UnmarkFalse(t, object_id),) if self.lineage.is_false(t, object_id) else ()


def _forced(force: bool) -> str:
    """Write the option `force` as code, if it is on."""
    return ", force=True" if force else ""
