"""Actions that need no more than the object under the pointer and the active track: one key each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nbtrack.data.pins import Pin
from nbtrack.editing.relinking import Relinking
from nbtrack.editing.retracking import split_at
from nbtrack.errors import EditError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from nbtrack.editing.history import Change


class HoverEdits(Relinking):
    """Continue, cut, swap and divide the active track at an object."""

    def continue_track(self, t: int, object_id: int, track_id: int | None = None, *, force: bool = False) -> Change:
        """Say that a track goes on with an object; what the track of that object has from there on goes along.

        The last object of the track before frame `t` is linked with the object. If it has none, the object is assigned.

        Parameters
        ----------
        t, object_id : int
            The object.
        track_id : int, optional
            The track. If not given: the active one; but if that goes on past frame `t`, so that it cannot be meant, the
            nearest track that ends in the frame before, if there is one.
        force : bool, optional
            Unlink what is in the way first, remove divisions that cannot stay, and marks of false detections.

        Returns
        -------
        Change

        Raises
        ------
        EditError
            If there is no such object or active track, the object is in the track already or in several others, or
            something is in the way and `force` is false.
        """
        self._check_object(t, object_id)
        tracks = self.lineage.tracks_at(t, object_id)
        if track_id is None and split_at(self.lineage.objects_of(self.active_track), t)[1]:
            track_id = self._nearest_end(t, object_id)
        track = self._track_or_active(track_id)
        before = split_at(self.lineage.objects_of(track), t)[0]
        if track in tracks or not before:
            return self.assign(t, object_id, track, force=force)
        if len(tracks) > 1:
            raise EditError(
                f"Object {object_id} in frame {t} is in tracks {_listed(tracks)}, so it is not clear which of them "
                f"goes on as track {track}. Take it from all but one first, or assign it to track {track} as well."
            )
        last = max(before)
        return self.link((last, before[last]), (t, object_id), track_id=track, force=force)

    def cut_track(self, t: int, object_id: int, track_id: int | None = None) -> Change:
        """Break the link between an object and the one before it: the track is split, or parted from its parent.

        Parameters
        ----------
        t, object_id : int
            The object.
        track_id : int, optional
            The track, if the object has several; the active one if not given.

        Returns
        -------
        Change

        Raises
        ------
        EditError
            If the object has no such track, or several and none is chosen, or nothing is linked there.
        """
        self._check_object(t, object_id)
        track = self._track_at(t, object_id, track_id)
        parent = self.lineage.parent_of(track)
        begins = next(iter(self.lineage.objects_of(track))) == t
        if not begins or parent is None:
            return self.unlink(track, t)
        last = self.lineage.divisions[parent].t
        return self._undivide(parent, Pin("link", last, self.lineage.objects_of(parent)[last], 0, object_id, t))

    def swap_at(self, t: int, object_id: int, *, partner: int | None = None, force: bool = False) -> Change:
        """Exchange two tracks from a frame on: that of an object and the active one, or the nearest other one.

        If the object has a track that is not active, that and the active one are exchanged. If it has the active one,
        the partner is the track of the nearest other object of frame `t`.

        Parameters
        ----------
        t, object_id : int
            The object.
        partner : int, optional
            The track to exchange with that of the object.
        force : bool, optional
            Remove divisions that cannot stay.

        Returns
        -------
        Change
            The message names the two tracks.

        Raises
        ------
        EditError
            If there are no two tracks to exchange, or a division cannot stay and `force` is false.
        """
        self._check_object(t, object_id)
        tracks, active = self.lineage.tracks_at(t, object_id), self.active_track
        if partner is not None:
            return self.swap(self._track_at(t, object_id, None), partner, t, force=force)
        others = [track for track in tracks if track != active]
        if len(others) == 1 and self.lineage.objects_of(active):
            return self.swap(active, others[0], t, force=force)
        if tracks == (active,):
            return self.swap(active, self._nearest_track(t, object_id), t, force=force)
        if len(others) > 1:
            reason = f"is in tracks {_listed(tracks)}. Take it from all but one first"
        elif tracks:
            reason = f"is in track {tracks[0]}, and no track with objects is active to swap it with. Choose one first"
        else:
            reason = "has no track. Point at an object of one of the two tracks to be swapped"
        raise EditError(f"Object {object_id} in frame {t} {reason}.")

    def divide_at(
        self,
        t: int,
        object_id: int,
        track_id: int | None = None,
        *,
        child_tracks: Sequence[int] | None = None,
        force: bool = False,
    ) -> Change:
        """Say that an object is the second daughter of a track that went on as the first one.

        What the track has from frame `t` on becomes a new track, the first child, which takes its division along. The
        second child is the track that begins with the object, or a new one.

        Parameters
        ----------
        t, object_id : int
            The second daughter.
        track_id : int, optional
            The track that divides; the active one if not given.
        child_tracks : sequence of int, optional
            Ids of the new tracks of the two daughters; the next free ones if not given.
        force : bool, optional
            Cut the track of the object there; remove another division and a mark of a false detection in the way.

        Returns
        -------
        Change

        Raises
        ------
        EditError
            If the track does not go on at frame `t`, the object is in it, or something is in the way and `force` is
            false.
        """
        self._check_object(t, object_id)
        track = self._track_or_active(track_id)
        head, later = split_at(self.lineage.objects_of(track), t)
        if track in self.lineage.tracks_at(t, object_id):
            raise EditError(
                f"Object {object_id} in frame {t} is in track {track} itself, so it is the first daughter. Point at "
                "the other one."
            )
        if not head:
            raise EditError(
                f"Track {track} has no object before frame {t}, so it cannot divide there. Make the track of the "
                "mother the active one."
            )
        if not later:
            raise EditError(
                f"Track {track} ends in frame {max(head)}, so it does not say which object is the first daughter. "
                f'Press "d", click the mother in frame {max(head)}, then both daughters.'
            )
        first = min(later)
        daughters = [(first, later[first]), (t, object_id)]
        return self._divide(
            track, head, daughters, f"divide_at({t}, {object_id}", child_tracks=child_tracks, force=force
        )

    def _track_at(self, t: int, object_id: int, track_id: int | None) -> int:
        """Tell which track of an object is meant: the given one, the active one, the only one."""
        tracks = self.lineage.tracks_at(t, object_id)
        if track_id in tracks:
            return track_id
        if track_id is None and self.active_track in tracks:
            return self.active_track
        if track_id is None and len(tracks) == 1:
            return tracks[0]
        if not tracks:
            raise EditError(f"Object {object_id} in frame {t} has no track. Point at one that has.")
        several = f"tracks {_listed(tracks)}" if len(tracks) > 1 else f"track {tracks[0]}"
        wrong = f", not in track {track_id}" if track_id is not None else ""
        raise EditError(f"Object {object_id} in frame {t} is in {several}{wrong}. Make the one that is meant active.")

    def _nearest_track(self, t: int, object_id: int) -> int:
        """Find the track of the nearest other object of a frame; of a merger the first one."""
        tracked = self.lineage.labelled(t).keys() - {object_id}
        if not tracked:
            raise EditError(
                f"No other object of frame {t} has a track, so there is nothing to swap with. To break the track, cut "
                "it there."
            )
        return self.lineage.tracks_at(t, self._nearest(t, object_id, t, tracked))[0]

    def _nearest_end(self, t: int, object_id: int) -> int | None:
        """Find the nearest track that ends in the frame before and does not divide, or None."""
        last = self.lineage.track_ends()
        ends = {
            i: track
            for i, tracks in self.lineage.labelled(t - 1).items()
            for track in tracks
            if last[track][1] == t - 1 and not self.lineage.children_of(track)
        }
        return ends[self._nearest(t, object_id, t - 1, ends.keys())] if ends else None

    def _nearest(self, t: int, object_id: int, frame: int, among: Collection[int]) -> int:
        """Find the object of a frame that is nearest to an object."""
        ids, centers = self._centers.in_frame(frame)
        chosen = np.isin(ids, list(among))
        offsets = (centers[chosen] - self._centers.of(t, object_id)) * self.detections.scale
        return int(ids[chosen][np.linalg.norm(offsets, axis=1).argmin()])


def _listed(tracks: Sequence[int]) -> str:
    return " and ".join(map(str, tracks))
