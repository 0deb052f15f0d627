"""Actions on whole tracks and on several objects at once: following, dividing, deleting, swapping, linking."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbtrack.editing.commands import Assign, Group
from nbtrack.editing.object_edits import ObjectEdits
from nbtrack.editing.semi_automatic import Followed, center_of, explain, follow_overlap, window_sizes
from nbtrack.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbtrack.editing.semi_automatic import Reason


class TrackEdits(ObjectEdits):
    """Follow, divide, delete, swap, link and unlink."""

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

        division = self.lineage.divisions.get(track)

        def refuse(frame: int, candidate: int) -> tuple[Reason, int] | None:
            if self.lineage.is_false(frame, candidate):
                return "false_detection", candidate
            held = self.lineage.object_at(track, frame)
            if held is not None:
                return "in_track", held
            return ("divides", candidate) if division is not None and frame > division.t else None

        def center(frame: int, followed: int) -> Sequence[float]:
            return at if at is not None and frame == t else center_of(detections, frame, followed)

        first = () if self.lineage.object_at(track, t) == object_id else (Assign(t, object_id, track),)
        for command in first:
            command.apply(self.lineage).apply(self.lineage)  # refused before any frame is read
        trail = follow_overlap(
            detections.labels, t, object_id, center=center, window=sizes, moving=moving, stop_before=stop_before,
            refuse=refuse,
        )  # fmt: skip
        commands = first + tuple(Assign(frame, i, track) for frame, i in trail.objects.items())
        message = explain(trail, track, len(commands))
        if commands:
            options: dict[str, object] = {} if window is None else {"window": sizes}
            options |= {} if moving else {"moving": False}
            options |= {} if stop_before is None else {"stop_before": int(stop_before)}
            options |= {} if at is None else {"at": tuple(float(x) for x in at)}
            given = "".join(f", {name}={value}" for name, value in options.items())
            self._do(Group(commands), f"follow({t}, {object_id}, track_id={track}{given})", message)
        frames = tuple(command.t for command in commands)
        return Followed(frames, tuple(command.object_id for command in commands), message, track, trail)
