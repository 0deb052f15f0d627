"""Actions on single objects, and taking objects from a track."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from nbtrack.editing.commands import Assign, Divide, Group, MarkFalse, Unassign, Undivide, UnmarkFalse
from nbtrack.editing.workspace import Workspace
from nbtrack.errors import EditError, InputError

if TYPE_CHECKING:
    from nbtrack.editing.commands import Command
    from nbtrack.editing.history import Change

Scope = Literal["here", "later", "earlier", "all"]


class ObjectEdits(Workspace):
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
            Take the place of the object that the track has in this frame, and remove the mark of a false detection.

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
        commands: list[Command] = [Assign(t, object_id, track)]
        held = self.lineage.object_at(track, t)
        if force and held is not None:
            commands.insert(0, Unassign(t, held, track))
            message = f"{message[:-1]}, instead of object {held}."
        if force and self.lineage.is_false(t, object_id):
            commands.insert(0, UnmarkFalse(t, object_id))
        code = f"assign({t}, {object_id}, track_id={track}{', force=True' if force else ''})"
        return self._do(Group(tuple(commands)), code, message)

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

    def mark_false(self, t: int, object_id: int, *, force: bool = False) -> Change:
        """Mark an object as a false detection.

        Parameters
        ----------
        t, object_id : int
            The object.
        force : bool, optional
            Take it from its tracks.

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
        tracks = self.lineage.tracks_at(t, object_id) if force else ()
        command = Group((*(Unassign(t, object_id, track) for track in tracks), MarkFalse(t, object_id)))
        return self._do(command, f"mark_false({t}, {object_id}{', force=True' if force else ''})", message)

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
