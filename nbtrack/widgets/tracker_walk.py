"""Walking along the lineage with the arrow keys: the frame changes, and with it the active track at divisions.

Left and right have changed the frame in the browser already when they are told here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbtrack.errors import EditError
from nbtrack.widgets.tracker_run import TrackerRun

if TYPE_CHECKING:
    from nbtrack.widgets.image_view import KeyEvent


class TrackerWalk(TrackerRun):
    """Follow parents, children and sisters."""

    def walk_forth(self, event: KeyEvent | None = None) -> None:
        """Choose the first child when the active track has divided before the frame that is shown now."""
        t, lineage = self._frame(event), self.session.lineage
        track = self.session.active_track
        while track in lineage.divisions and lineage.divisions[track].t < t:
            track = lineage.children_of(track)[0]
        self._walk_to(track)

    def walk_back(self, event: KeyEvent | None = None) -> None:
        """Choose the parent when the active track begins after the frame that is shown now."""
        t, lineage = self._frame(event), self.session.lineage
        track = self.session.active_track
        while (parent := lineage.parent_of(track)) is not None and lineage.divisions[parent].t >= t:
            track = parent
        self._walk_to(track)

    def walk_aside(self, step: int, event: KeyEvent | None = None) -> None:
        """Choose the sister, or without one another track of the frame.

        Parameters
        ----------
        step : int
            1 for the next higher track id of the frame, -1 for the next lower one.
        event : KeyEvent, optional
            Tells the frame.
        """
        t, active = self._frame(event), self.session.active_track
        sister = self.session.siblings_of(active, t)
        if sister is not None:
            self.select(sister[0], t)
            return
        tracks = sorted({i for ids in self.session.lineage.labelled(t).values() for i in ids} - {active})
        if not tracks:
            raise EditError(f"There is no other track in frame {t} to go to.")
        beyond = [i for i in tracks if (i - active) * step > 0] or tracks  # after the last one comes the first
        self.select(beyond[0] if step > 0 else beyond[-1], t)

    def walk_end(self, last: bool) -> None:
        """Show the first or the last object of the active track.

        Parameters
        ----------
        last : bool
            Which of them.
        """
        objects = self.session.lineage.objects_of(self.session.active_track)
        if not objects:
            raise EditError("The active track has no object to go to. Click one to give it to the track.")
        t = (max if last else min)(objects)
        self.look(t, objects[t])

    def _frame(self, event: KeyEvent | None) -> int:
        return self.viewer.t if event is None else event.t

    def _walk_to(self, track_id: int) -> None:
        if track_id != self.session.active_track:
            self.select(track_id)
