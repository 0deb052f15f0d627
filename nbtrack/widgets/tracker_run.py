"""Semi-automatic tracking in the workbench: a run to the next doubtful frame, and what to choose from there.

In automatic mode a run follows each click, and at the end of a track the next piece of work comes by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbtrack.editing.semi_automatic import DEFAULT_WINDOW
from nbtrack.errors import EditError
from nbtrack.widgets.tracker_base import TrackerBase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbtrack.editing.semi_automatic import Followed
    from nbtrack.editing.session import Session
    from nbtrack.widgets.image_view import KeyEvent
    from nbtrack.widgets.viewer import Viewer

DOUBTS = ("ambiguous", "lost", "little_overlap")
"""Reasons to stop after which a person chooses among objects of the next frame."""
N_CANDIDATES = 4
ALL_DONE = "Every object has a track or is a false detection. Next: Export."
"""What is said when there is nothing left to track."""


class TrackerRun(TrackerBase):
    """Give objects to tracks and follow them.

    Attributes
    ----------
    window : tuple of int
        Size of the window along each axis, in pixels.
    moving : bool
        Whether the window goes with the object.
    """

    def __init__(self, session: Session, viewer: Viewer) -> None:
        super().__init__(session, viewer)
        self.window = (DEFAULT_WINDOW,) * session.detections.ndim
        self.moving = True
        self._choice: tuple[int, int, tuple[int, ...]] | None = None  # track, frame, candidates
        self._found: tuple[int, int] | None = None  # the unlabelled object that was shown last

    def show_state(self) -> None:
        """Tell the active track; candidates of another one are void."""
        if self._choice is not None and self._choice[0] != self.session.active_track:
            self.forget_choice()
        super().show_state()

    def forget_choice(self) -> None:
        """Take the badges of candidates away: they are not true any more."""
        self._found = None
        if self._choice is not None:
            self.viewer.canvas.badge(self._choice[1], {})
            self._choice = None

    # ------------------------------------------------------------------ actions
    def give(
        self, t: int, object_id: int, *, run: bool | None = None, at: Sequence[int] | None = None, force: bool = False
    ) -> None:
        """Give an object to the active track; then the next frame comes, or a run.

        Parameters
        ----------
        t, object_id : int
            The object.
        run : bool, optional
            Whether to follow it; as automatic mode says if not given.
        at : sequence of int, optional
            The pixel that was clicked, for a window that stays there.
        force : bool, optional
            Change what is in the way.
        """
        session = self.session
        if self.auto if run is None else run:
            options = {"window": self.window, "moving": self.moving} if self._has_own_window() else {}
            if not self.moving and at is not None:
                options["at"] = tuple(at)
            self._stop(session.follow(t, object_id, force=force, **options))
            return
        last = t == session.detections.n_frames - 1
        self.done(session.assign(t, object_id, force=force), " That was the last frame." if last else "")
        self.viewer.goto(t + 1)

    def follow(self, event: KeyEvent | None = None) -> None:
        """Follow the object under the mouse, or the one that the active track has in the frame."""
        t = self.viewer.t if event is None else event.t
        object_id = event.object_id if event is not None else 0
        object_id = object_id or self.session.lineage.object_at(self.session.active_track, t)
        if not object_id:
            raise EditError(
                f"There is no object to follow in frame {t}. Put the mouse on one, or go to a frame in which the "
                "active track has one."
            )
        at = (event.z, event.y, event.x)[-self.session.detections.ndim :] if event and event.object_id else None
        self.messages.attempt(self.give, t, object_id, run=True, at=at)

    def take(self, number: int) -> None:
        """Give the candidate with a badge to the active track.

        Parameters
        ----------
        number : int
            What stands on the badge, from 1.
        """
        if self._choice is None:
            raise EditError('There are no candidates to choose from. Follow a track with "w" until it is in doubt.')
        _, t, ids = self._choice
        if number > len(ids):
            raise EditError(
                f"There are {len(ids)} candidates, so there is no number {number}. Press one that is shown."
            )
        self.messages.attempt(self.give, t, ids[number - 1])

    def toggle_auto(self) -> None:
        """Switch automatic mode."""
        self.auto = not self.auto
        self.show_state()
        if self.auto:
            self.say("Auto-follow is on: after each click the track is followed to the next doubtful frame.")
        else:
            self.say("Auto-follow is off: each click gives one object to the track.")

    def next_object(self) -> None:
        """Show the first object without a track; pressed again, the one after."""
        found = self.session.next_unlabeled(after=self._found)
        if found is None:
            self.say(ALL_DONE)
            return
        self._found = found
        self.look(*found)
        self.say(f"Object {found[1]} in frame {found[0]} has no track yet. It has the white rim.")

    # ------------------------------------------------------------------ the end of a run
    def _stop(self, followed: Followed) -> None:
        if followed.frames:
            self.count()
        trail = followed.trail
        self.say(followed.message)
        at_border = trail.reason == "lost" and touches_border(self.session, trail.t_stop, trail.object_stop)
        if self.auto and (at_border or trail.reason == "last_frame"):
            self._finish(followed.message)
        elif trail.reason in DOUBTS:
            self.offer(followed.track_id, trail.t_stop, trail.object_stop, followed.message)
        else:
            self.look(trail.t_stop, trail.object_stop)
            if trail.reason == "last_frame" and self.session.next_unlabeled() is None:
                self.say(f"{followed.message} {ALL_DONE}")

    def offer(self, track_id: int, t: int, object_id: int, said: str) -> None:
        """Show the frame after an object, with numbers on the objects that it may become.

        Parameters
        ----------
        track_id, t, object_id : int
            The track and its last object.
        said : str
            What was said before, with "click" in it; the digits are added to it.
        """
        ids = self.session.candidates(t, object_id, N_CANDIDATES)
        if not ids:
            self.look(t, object_id)
            return
        self._choice = (track_id, t + 1, ids)
        self.viewer.canvas.badge(t + 1, {i: str(number) for number, i in enumerate(ids, 1)})
        self.look(t + 1, ids[0])
        digits = {1: "1", 2: "1 or 2"}.get(len(ids), f"1 to {len(ids)}")
        self.say(f"{said} Or press {digits}.")

    def _finish(self, said: str) -> None:
        """Go on to the sister that was left behind, or to an object without a track."""
        session, track = self.session, self.session.active_track
        sister = session.siblings_of(track)
        if sister is not None and len(session.lineage.objects_of(sister[0])) == 1:
            waiting, t, object_id = sister
            if t < session.detections.n_frames - 1:
                session.select_track(waiting)
                self.show_state()
                self.offer(waiting, t, object_id, f"{said} Now its sister, track {waiting}: click its next object.")
                return
        self.show_next(said)

    def show_next(self, said: str, after: tuple[int, int] | None = None) -> None:
        """Show an object without a track, with an empty track active to take it.

        Parameters
        ----------
        said : str
            What was said before.
        after : tuple of int, optional
            An object as ``(t, object_id)``: the one after is shown; the first one if not given.
        """
        session, track = self.session, self.session.active_track
        found = session.next_unlabeled(after=after)
        ends = session.lineage.track_ends()
        if found is None:
            if track in ends:
                self.look(ends[track][1])
            self.say(f"{said} {ALL_DONE}")
            return
        self.look(*found)
        new = session.new_track() if track in ends or not track else track
        self.show_state()
        self._found = found
        self.say(
            f"{said} Next: object {found[1]} in frame {found[0]} has no track. A click begins track {new} with it."
        )

    def is_next(self, t: int, object_id: int) -> bool:
        """Tell whether an object is the one that was shown as the next without a track."""
        return self._found == (t, object_id)

    def _has_own_window(self) -> bool:
        return not self.moving or set(self.window) != {DEFAULT_WINDOW}


def touches_border(session: Session, t: int, object_id: int) -> bool:
    """Tell whether an object lies at the border of the image, where it may have left it.

    Parameters
    ----------
    session : Session
        Whose object.
    t, object_id : int
        The object.

    Returns
    -------
    bool
    """
    detections = session.detections
    rows = detections.table.iloc[detections.rows_of(t)]
    row = rows.iloc[int(rows["object_id"].searchsorted(object_id))]
    axes = zip(detections.columns_position, detections.frame_shape, strict=True)
    return any(row[f"bbox_{axis}_min"] <= 1 or row[f"bbox_{axis}_max"] >= size - 1 for axis, size in axes)
