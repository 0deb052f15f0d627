"""Actions on several objects of a track at once: following it, dividing it by clicks, deleting it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbtrack.data.relations import pins_of_change, relations_of
from nbtrack.editing.commands import Assign, Group
from nbtrack.editing.dividing import plan_division
from nbtrack.editing.object_edits import ObjectEdits
from nbtrack.editing.retracking import plan_tracks, split_at, tell_removed
from nbtrack.editing.semi_automatic import Followed, explain, follow_overlap, window_sizes
from nbtrack.errors import EditError, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbtrack.editing.commands import Command
    from nbtrack.editing.history import Change
    from nbtrack.editing.semi_automatic import Reason


class TrackEdits(ObjectEdits):
    """Follow, divide and delete tracks."""

    def follow(
        self,
        t: int,
        object_id: int,
        track_id: int | None = None,
        *,
        window: int | Sequence[int] | None = None,
        moving: bool = True,
        stop_before: int | None = None,
        at: Sequence[float] | None = None,
        force: bool = False,
    ) -> Followed:
        """Give an object to a track, and those that it becomes, until it is not clear which ones those are.

        The next object is the only one that overlaps the object, and covers at least 20 % of it. What lies outside a
        window is not looked at. The whole run is one step of undo.

        Parameters
        ----------
        t, object_id : int
            Where to begin; the object may be in the track already.
        track_id : int, optional
            The track; the active one if not given.
        window : int or sequence of int, optional
            Size of the window in pixels, one for all axes or ``([z,] y, x)``; 40 if not given.
        moving : bool, optional
            Whether the window goes with the object, or stays where it began.
        stop_before : int, optional
            A frame that is not reached.
        at : sequence of float, optional
            Where the object was clicked: the first middle of the window; the centre of the object if not given.
        force : bool, optional
            Give the first object to the track in any case, as `assign` does. The run stops at what is in the way later.

        Returns
        -------
        Followed
            What was assigned, and why and where the run stopped.

        Raises
        ------
        EditError
            If there is no such object, no active track, or the first object does not fit into the track.
        InputError
            If `window`, `stop_before` or `at` does not fit the frames.
        """
        self._check_object(t, object_id)
        track = self._track_or_active(track_id)
        detections, ndim = self.detections, self.detections.ndim
        sizes = window_sizes(window, ndim)
        if stop_before is not None and stop_before <= t:
            raise InputError(f"`stop_before` must be later than frame {t}, where the run begins: got {stop_before}.")
        if at is not None and len(at) != ndim:
            raise InputError(f"`at` must have {ndim} numbers, one per axis of a frame: got {tuple(at)}.")

        def refuse(frame: int, candidate: int) -> tuple[Reason, int] | None:
            if self.lineage.is_false(frame, candidate):
                return "false_detection", candidate
            held = self.lineage.object_at(track, frame)
            if held is not None:
                return "in_track", held
            division = divisions.get(track)
            return ("divides", candidate) if division is not None and frame > division.t else None

        def center(frame: int, followed: int) -> Sequence[float]:
            return at if at is not None and frame == t else self._centers.of(frame, followed)

        held = self.lineage.object_at(track, t) == object_id
        first = Group(()) if held else self._plan_assign(t, object_id, track, force=force)
        clicked = first.touches(self.lineage)
        before = relations_of(self.lineage, clicked)
        taken_back = first.apply(self.lineage)  # refused before any frame is read
        pins = pins_of_change(before, relations_of(self.lineage, clicked), self.lineage)
        divisions = self.lineage.divisions
        try:
            trail = follow_overlap(
                detections.labels, t, object_id, center=center, window=sizes, moving=moving, stop_before=stop_before,
                refuse=refuse,
            )  # fmt: skip
        finally:
            taken_back.apply(self.lineage)
        assigned = trail.objects if held else {t: object_id} | trail.objects
        message = explain(trail, track, len(assigned)) + tell_removed(self.lineage, first)
        if assigned:
            options: dict[str, object] = {} if window is None else {"window": sizes}
            options |= {} if moving else {"moving": False}
            options |= {} if stop_before is None else {"stop_before": int(stop_before)}
            options |= {} if at is None else {"at": tuple(float(x) for x in at)}
            options |= {"force": True} if force else {}
            given = "".join(f", {name}={value}" for name, value in options.items())
            later = (Assign(frame, i, track) for frame, i in trail.objects.items())
            command = Group((*first.commands, *later))
            code = f"follow({t}, {object_id}, track_id={track}{given})"
            self._do(command, code, message, decided=(), pins=pins)  # what follows the click is a proposal: no pin
        return Followed(tuple(assigned), tuple(assigned.values()), message, track, trail)

    def divide_objects(
        self,
        t: int,
        parent_object_id: int,
        child_ids: Sequence[int],
        t_child: int | None = None,
        *,
        track_id: int | None = None,
        child_tracks: Sequence[int] | None = None,
        force: bool = False,
    ) -> Change:
        """Say that an object becomes two objects of the next frame.

        A daughter without a track begins a new one. A track that begins with the daughter, and has no parent, is the
        child as it is. If the track that divides went on as one of the daughters, its later part is that child.

        Parameters
        ----------
        t, parent_object_id : int
            The object that divides.
        child_ids : sequence of int, length 2
            The two objects it becomes.
        t_child : int, optional
            Where they are: the frame after `t`, which is also meant if not given.
        track_id : int, optional
            The track that divides; the active one if not given.
        child_tracks : sequence of int, optional
            Ids of the new tracks: of the two daughters, then of what is cut off; the next free ones if not given. One
            is not used where the daughter's own track is the child.
        force : bool, optional
            Take the track that the parent has, or give it to the track; cut off what the track has later; cut the
            tracks of the daughters there; remove other divisions and marks of false detections that are in the way.

        Returns
        -------
        Change

        Raises
        ------
        EditError
            If these are not three fitting objects, or something is in the way and `force` is false.
        """
        track = self._track_or_active(track_id)
        self._check_clicked(t, parent_object_id, "the object that divides")
        carried = self.lineage.tracks_at(t, parent_object_id)
        gained: dict[int, int] = {}
        if track not in carried:
            if not force or len(carried) > 1:
                others = " and ".join(map(str, carried))
                found = f"is in track {others}, not in track {track}" if carried else "has no track"
                advice = "Make its track the active one" if carried else f"Give it to track {track}"
                raise EditError(
                    f"Object {parent_object_id} in frame {t} {found}, so it cannot divide. {advice} first.",
                    forceable=len(carried) < 2,
                )
            if carried:
                (track,) = carried
            else:
                gained[t] = parent_object_id
        t_child = t + 1 if t_child is None else t_child
        if t_child != t + 1:
            raise EditError(
                f"The daughter cells are expected in frame {t + 1}, the one after their parent: got frame {t_child}. "
                f"Go to frame {t + 1} and click them there."
            )
        if t_child >= self.detections.n_frames:
            raise EditError(f"Frame {t} is the last one, so nothing can divide there. Choose an earlier frame.")
        for child in child_ids:
            self._check_clicked(t_child, child, "a daughter cell")
        if len(child_ids) != 2 or child_ids[0] == child_ids[1]:
            raise EditError(
                f"A division needs two different objects in frame {t_child}: got {' and '.join(map(str, child_ids))}. "
                "Click the other daughter cell."
            )
        head = split_at(self.lineage.objects_of(track), t_child)[0] | gained
        unmark = self._unmark(t, parent_object_id)
        code = f"divide_objects({t}, {parent_object_id}, ({child_ids[0]}, {child_ids[1]})"
        daughters = [(t_child, child) for child in child_ids]
        return self._divide(track, head, daughters, code, child_tracks=child_tracks, force=force, before=unmark)

    def _divide(
        self,
        track: int,
        head: dict[int, int],
        daughters: Sequence[tuple[int, int]],
        code: str,
        *,
        child_tracks: Sequence[int] | None,
        force: bool,
        before: Sequence[Command] = (),
    ) -> Change:
        given = tuple(child_tracks or ())
        if len(set(given)) != len(given):
            raise InputError(f"`child_tracks` must be different ids: got {given}. Give each track its own.")
        free = iter([i for i in self._free_tracks(4 + len(given)) if i not in (*given, track)])
        new: list[int] = []

        def new_track(k: int) -> int:
            if k < len(given):
                self._check_new(given[k])
            new.append(given[k] if k < len(given) else next(free))
            return new[-1]

        plan = plan_division(self.lineage, track, head, daughters, new_track=new_track, force=force)
        ids = ", ".join(map(str, (*plan.children, plan.rest) if plan.rest else plan.children))
        code = f"{code}, track_id={track}, child_tracks=({ids}){', force=True' if force else ''})"
        return self._do(Group((*before, *plan.command.commands)), code, plan.message, new_tracks=new)

    def delete_track(self, track_id: int, *, force: bool = False) -> Change:
        """Take all objects from a track.

        Parameters
        ----------
        track_id : int
            The track.
        force : bool, optional
            Remove the divisions it takes part in, too.

        Returns
        -------
        Change

        Raises
        ------
        EditError
            If there is no such track, or it takes part in a division and `force` is false.
        """
        n_objects = len(self.lineage.objects_of(track_id))
        if not n_objects:
            raise EditError(f"Track {track_id} has no object. There is nothing to delete.")
        command = plan_tracks(self.lineage, {track_id: {}}, force=force)
        code = f"delete_track({track_id}{', force=True' if force else ''})"
        message = f"Track {track_id} is deleted; it had {n_objects} object{'s' * (n_objects > 1)}."
        return self._do(command, code, message + tell_removed(self.lineage, command), decided=())
