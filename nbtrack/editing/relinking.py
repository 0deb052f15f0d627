"""Actions that join and part tracks from a frame on: swap, link, unlink."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbtrack.editing.commands import Group, UnmarkFalse
from nbtrack.editing.retracking import plan_tracks, split_at, tell_removed
from nbtrack.editing.track_edits import TrackEdits
from nbtrack.errors import EditError

if TYPE_CHECKING:
    from nbtrack.editing.commands import Command
    from nbtrack.editing.history import Change


class Relinking(TrackEdits):
    """Join and part tracks from a frame on."""

    def swap(self, track_a: int, track_b: int, t: int, *, force: bool = False) -> Change:
        """Exchange two tracks from a frame on; the divisions at their ends go along.

        Parameters
        ----------
        track_a, track_b : int
            The tracks.
        t : int
            The first frame in which they are exchanged.
        force : bool, optional
            Remove divisions that cannot stay.

        Returns
        -------
        Change

        Raises
        ------
        EditError
            If a track does not exist, there is nothing to exchange, or a division cannot stay and `force` is false.
        """
        objects_a, objects_b = self.lineage.objects_of(track_a), self.lineage.objects_of(track_b)
        for track, objects in ((track_a, objects_a), (track_b, objects_b)):
            if not objects:
                raise EditError(f"Track {track} has no object. Swap two tracks that have some.")
        (before_a, later_a), (before_b, later_b) = split_at(objects_a, t), split_at(objects_b, t)
        if later_a == later_b:
            same = "the same objects" if later_a else "no object"
            raise EditError(f"Tracks {track_a} and {track_b} have {same} from frame {t} on. There is nothing to swap.")
        heirs = {
            track: other
            for track, other in ((track_a, track_b), (track_b, track_a))
            if track in self.lineage.divisions and self.lineage.divisions[track].t >= t
        }
        wanted = {track_a: before_a | later_b, track_b: before_b | later_a}
        command = plan_tracks(self.lineage, wanted, heirs=heirs, force=force)
        code = f"swap({track_a}, {track_b}, {t}{', force=True' if force else ''})"
        message = f"Tracks {track_a} and {track_b} are swapped from frame {t} on."
        return self._do(command, code, message + tell_removed(self.lineage, command))

    def unlink(self, track_id: int, t: int, *, new_track: int | None = None) -> Change:
        """Split a track: its objects from a frame on become a new track, which takes its division along.

        Parameters
        ----------
        track_id : int
            The track.
        t : int
            The first frame of the new track.
        new_track : int, optional
            Id of the new track; the next free one if not given.

        Returns
        -------
        Change

        Raises
        ------
        EditError
            If the track has no object before frame `t`, or none from there on.
        """
        before, later = split_at(self.lineage.objects_of(track_id), t)
        if not later:
            raise EditError(f"Track {track_id} has no object from frame {t} on. There is nothing to unlink.")
        if not before:
            parent = self.lineage.parent_of(track_id)
            advice = f" To part it from its parent, remove the division of track {parent}." if parent else ""
            raise EditError(f"Track {track_id} begins in frame {min(later)}, so nothing is linked there.{advice}")
        (new,) = self._new_tracks(None if new_track is None else (new_track,), 1)
        command = plan_tracks(self.lineage, {track_id: before, new: later}, heirs={track_id: new})
        message = f"Track {track_id} ends in frame {max(before)} now; from frame {min(later)} on it is track {new}."
        return self._do(command, f"unlink({track_id}, {t}, new_track={new})", message, new_tracks=(new,))

    def link(
        self,
        source: tuple[int, int],
        target: tuple[int, int],
        *,
        track_id: int | None = None,
        next_track: int | None = None,
        new_track: int | None = None,
        force: bool = False,
    ) -> Change:
        """Say that two objects are the same thing: the track of the earlier one goes on with the later one.

        What the track of the later object has from there on goes along, with its division. If the earlier object has no
        track, it joins the track that begins with the later one; if that has none either, a new track begins.

        Parameters
        ----------
        source, target : tuple of int
            The two objects, each as ``(t, object_id)``, in any order.
        track_id, next_track : int, optional
            Tracks of the earlier and of the later object; needed if an object has several and none of them is active.
        new_track : int, optional
            Id of a new track, if one is needed; the next free one if not given.
        force : bool, optional
            Unlink what is in the way first, remove divisions that cannot stay, and marks of false detections.

        Returns
        -------
        Change

        Raises
        ------
        EditError
            If the objects do not fit, or something is in the way and `force` is false; the message says what.
        """
        (t, a), (t_next, b) = sorted((source, target))
        if (t, a) != tuple(source):
            track_id, next_track = next_track, track_id
        self._check_object(t, a)
        self._check_object(t_next, b)
        if t == t_next:
            raise EditError(f"Objects {a} and {b} are both in frame {t}. Link objects of different frames.")
        unmark: list[Command] = []
        for frame, object_id in ((t, a), (t_next, b)):
            if self.lineage.is_false(frame, object_id):
                if not force:
                    raise EditError(
                        f"Object {object_id} in frame {frame} is marked as a false detection. Remove that mark first.",
                        forceable=True,
                    )
                unmark.append(UnmarkFalse(frame, object_id))
        first, second = self._choose_track(t, a, track_id), self._choose_track(t_next, b, next_track)
        if first and first == second:
            raise EditError(f"Objects {a} and {b} are both in track {first} already. Nothing was changed.")
        head, rest = split_at(self.lineage.objects_of(first) if first else {t: a}, t + 1)
        before, tail = split_at(self.lineage.objects_of(second) if second else {t_next: b}, t_next)
        if not force:
            _check_free(first, rest, f"goes on after frame {t}")
            _check_free(second, before, f"begins before frame {t_next}")
        joined = first or (second if not before else 0)
        new: tuple[int, ...] = ()
        if rest or not joined:
            new = self._new_tracks(None if new_track is None else (new_track,), 1)
            joined = joined or new[0]
        wanted = {joined: head | tail}
        if rest:
            wanted[new[0]] = rest
        if second and second != joined:
            wanted[second] = before
        heirs = {second: joined} | ({first: new[0]} if rest else {})
        command = Group((*unmark, *plan_tracks(self.lineage, wanted, heirs=heirs, force=force).commands))
        options = {"track_id": first, "next_track": second, "new_track": new[0] if new else 0, "force": force}
        given = "".join(f", {name}={value}" for name, value in options.items() if value)
        message = f"Object {a} in frame {t} goes on as object {b} in frame {t_next}, in track {joined}."
        message += tell_removed(self.lineage, command)
        return self._do(command, f"link(({t}, {a}), ({t_next}, {b}){given})", message, new_tracks=new)

    def _choose_track(self, t: int, object_id: int, track_id: int | None) -> int:
        """Tell which track of an object is meant, 0 if it has none."""
        tracks = self.lineage.tracks_at(t, object_id)
        if track_id is None and len(tracks) < 2:
            return tracks[0] if tracks else 0
        chosen = self.active_track if track_id is None else track_id
        if chosen not in tracks:
            known = " and ".join(map(str, tracks))
            found = f"is in tracks {known}" if len(tracks) > 1 else f"is in track {known}" if tracks else "has no track"
            raise EditError(f"Object {object_id} in frame {t} {found}. Say which of them is linked, or make it active.")
        return chosen


def _check_free(track_id: int, objects: dict[int, int], what: str) -> None:
    if objects:
        frame, object_id = next(iter(objects.items()))
        raise EditError(
            f"Track {track_id} {what}: it has object {object_id} in frame {frame}. Unlink that first.", forceable=True
        )
