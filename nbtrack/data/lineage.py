"""The one answer type: which object belongs to which tracks, and who descends from whom.

`Lineage` knows assignments, divisions, false detections, mergers and its own invariants. It knows nothing of commands,
history, widgets or solvers: the manual session edits it, the solver makes it, views draw it, writers write it.

Invariants, held after every call:

* a track has at most one object in a frame; an object may have several tracks (a merger);
* a false detection has no track;
* a division has a parent that ends in its frame and two different children that begin later; a track has at most one
  parent and divides at most once;
* a track id is at least 1 and never 65535, which means "false detection" in files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nbtrack.errors import EditError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

FALSE_TRACK_ID = -1
"""Track id of a false detection in tables."""
FALSE_LABEL = 65535
"""Value of a false detection in exported label images; never a track id."""


@dataclass(frozen=True, order=True)
class Division:
    """One track becomes two.

    Parameters
    ----------
    t : int
        Last frame of the parent.
    parent_track_id, child1_track_id, child2_track_id : int
        The three tracks.
    """

    t: int
    parent_track_id: int
    child1_track_id: int
    child2_track_id: int

    @property
    def children(self) -> tuple[int, int]:
        """Track ids of the two children."""
        return self.child1_track_id, self.child2_track_id


class Lineage:
    """Assign objects to tracks and tracks to parents."""

    def __init__(self) -> None:
        self._frames: dict[int, dict[int, tuple[int, ...]]] = {}
        self._tracks: dict[int, dict[int, int]] = {}
        self._false: dict[int, set[int]] = {}
        self._divisions: dict[int, Division] = {}
        self._parents: dict[int, int] = {}
        self._ends: dict[int, tuple[int, int]] = {}  # what `track_ends` found; a changed track is not in it

    @classmethod
    def from_tables(
        cls,
        assignments: Iterable[tuple[int, int, int]],
        divisions: Iterable[tuple[int, int, int, int]] = (),
        false_detections: Iterable[tuple[int, int]] = (),
    ) -> Lineage:
        """Make a lineage from rows.

        Parameters
        ----------
        assignments : iterable of (t, object_id, track_id)
            One row for each object of each track.
        divisions : iterable of (t, parent_track_id, child1_track_id, child2_track_id), optional
            `t` is the last frame of the parent.
        false_detections : iterable of (t, object_id), optional
            Objects that are background.

        Returns
        -------
        Lineage

        Raises
        ------
        EditError
            If the rows break an invariant.
        """
        lineage = cls()
        for t, object_id, track_id in assignments:
            lineage.assign(int(t), int(object_id), int(track_id))
        for row in divisions:
            lineage.divide(*map(int, row))
        for t, object_id in false_detections:
            lineage.mark_false(int(t), int(object_id))
        return lineage

    # ------------------------------------------------------------------ changes
    def assign(self, t: int, object_id: int, track_id: int) -> None:
        """Give an object to a track.

        Parameters
        ----------
        t : int
            Frame of the object.
        object_id : int
            Label of the object in its frame, at least 1.
        track_id : int
            The track; it begins to exist with its first object.

        Raises
        ------
        EditError
            If the track has an object in this frame, the object is a false detection, or a division forbids it.
        """
        self._check_ids(t, object_id, track_id)
        held = self._tracks.get(track_id, {}).get(t)
        if held is not None:
            raise EditError(
                f"Track {track_id} already has object {held} in frame {t}. Undo that first, or start a new track.",
                forceable=held != object_id,
            )
        if self.is_false(t, object_id):
            raise EditError(
                f"Object {object_id} in frame {t} is marked as a false detection. Remove that mark first.",
                forceable=True,
            )
        division = self._divisions.get(track_id)
        if division is not None and t > division.t:
            raise EditError(
                f"Track {track_id} divides after frame {division.t}, so it cannot have an object in frame {t}. "
                "Remove the division first, or use a child track.",
                forceable=True,
            )
        birth = self._birth(track_id)
        if birth is not None and t <= birth.t:
            raise EditError(
                f"Track {track_id} is born by the division of track {birth.parent_track_id} after frame {birth.t}, "
                f"so it cannot have an object in frame {t}. Remove the division first.",
                forceable=True,
            )
        self._tracks.setdefault(track_id, {})[t] = object_id
        self._ends.pop(track_id, None)
        frame = self._frames.setdefault(t, {})
        frame[object_id] = (*frame.get(object_id, ()), track_id)

    def unassign(self, t: int, object_id: int, track_id: int) -> None:
        """Take an object from a track.

        Parameters
        ----------
        t, object_id, track_id : int
            The assignment to remove.

        Raises
        ------
        EditError
            If there is no such assignment, or if a division needs it.
        """
        if self.object_at(track_id, t) != object_id:
            raise EditError(f"Object {object_id} in frame {t} is not in track {track_id}. There is nothing to remove.")
        for division in (self._divisions.get(track_id), self._birth(track_id)):
            if division is not None and self._division_needs(division, t, track_id):
                raise EditError(
                    f"Object {object_id} in frame {t} takes part in the division of track {division.parent_track_id}. "
                    "Remove the division first.",
                    forceable=True,
                )
        objects = self._tracks[track_id]
        del objects[t]
        self._ends.pop(track_id, None)
        if not objects:
            del self._tracks[track_id]
        rest = tuple(i for i in self._frames[t][object_id] if i != track_id)
        if rest:
            self._frames[t][object_id] = rest
        else:
            del self._frames[t][object_id]
            if not self._frames[t]:
                del self._frames[t]

    def reorder(self, t: int, object_id: int, tracks: tuple[int, ...]) -> None:
        """Set the order of the tracks of a merged object: the first one colours it.

        Parameters
        ----------
        t, object_id : int
            The object.
        tracks : tuple of int
            The same track ids as now, in the wanted order.

        Raises
        ------
        EditError
            If `tracks` are not the tracks of the object.
        """
        now = self.tracks_at(t, object_id)
        if sorted(now) != sorted(tracks):
            raise EditError(f"Object {object_id} in frame {t} has the tracks {list(now)}, not {list(tracks)}.")
        if now:
            self._frames[t][object_id] = tuple(tracks)

    def mark_false(self, t: int, object_id: int) -> None:
        """Mark an object as a false detection.

        Parameters
        ----------
        t, object_id : int
            The object.

        Raises
        ------
        EditError
            If the object has a track or is marked already.
        """
        self._check_ids(t, object_id, 1)
        tracks = self.tracks_at(t, object_id)
        if tracks:
            raise EditError(
                f"Object {object_id} in frame {t} is in track {', '.join(map(str, tracks))}, so it is not a false "
                "detection. Remove it from its tracks first.",
                forceable=True,
            )
        if self.is_false(t, object_id):
            raise EditError(f"Object {object_id} in frame {t} is marked as a false detection already.")
        self._false.setdefault(t, set()).add(object_id)

    def unmark_false(self, t: int, object_id: int) -> None:
        """Take back the mark of a false detection.

        Parameters
        ----------
        t, object_id : int
            The object.

        Raises
        ------
        EditError
            If the object is not marked.
        """
        if not self.is_false(t, object_id):
            raise EditError(f"Object {object_id} in frame {t} is not marked as a false detection.")
        self._false[t].remove(object_id)
        if not self._false[t]:
            del self._false[t]

    def divide(self, t: int, parent_track: int, child1_track: int, child2_track: int) -> Division:
        """Make two tracks the children of a third.

        Parameters
        ----------
        t : int
            Last frame of the parent.
        parent_track, child1_track, child2_track : int
            Three different tracks that have objects.

        Returns
        -------
        Division

        Raises
        ------
        EditError
            If the parent divides already, does not end in frame `t`, or a child begins too early or has a parent.
        """
        if len({parent_track, child1_track, child2_track}) != 3:
            raise EditError(
                f"A division needs three different tracks: got parent {parent_track} and children {child1_track} "
                f"and {child2_track}."
            )
        if parent_track in self._divisions:
            raise EditError(
                f"Track {parent_track} already divides after frame {self._divisions[parent_track].t}. "
                "Remove that division first."
            )
        parent = self._tracks.get(parent_track, {})
        if t not in parent or max(parent) != t:
            last = f"its last object is in frame {max(parent)}" if parent else "it has no object"
            raise EditError(f"Track {parent_track} must end in frame {t} to divide there: {last}.")
        for child in (child1_track, child2_track):
            objects = self._tracks.get(child, {})
            if not objects or min(objects) <= t:
                first = f"its first object is in frame {min(objects)}" if objects else "it has no object"
                raise EditError(f"Child track {child} must begin after frame {t}: {first}.")
            if child in self._parents:
                raise EditError(f"Track {child} is already a child of track {self._parents[child]}.")
            if self._descends(parent_track, child):
                raise EditError(f"Track {child} cannot be a child of track {parent_track}, which descends from it.")
        division = Division(t, parent_track, child1_track, child2_track)
        self._divisions[parent_track] = division
        self._parents[child1_track] = self._parents[child2_track] = parent_track
        return division

    def undivide(self, parent_track: int) -> Division:
        """Remove the division of a track; the three tracks stay.

        Parameters
        ----------
        parent_track : int
            The track that divides.

        Returns
        -------
        Division
            What was removed.

        Raises
        ------
        EditError
            If the track does not divide.
        """
        if parent_track not in self._divisions:
            raise EditError(f"Track {parent_track} does not divide. There is no division to remove.")
        division = self._divisions.pop(parent_track)
        for child in division.children:
            del self._parents[child]
        return division

    # ------------------------------------------------------------------ questions
    def tracks_at(self, t: int, object_id: int) -> tuple[int, ...]:
        """Tell the tracks of an object in order of assignment; the first one colours a merger."""
        return self._frames.get(t, {}).get(object_id, ())

    def object_at(self, track_id: int, t: int) -> int | None:
        """Tell the object of a track in a frame, or None."""
        return self._tracks.get(track_id, {}).get(t)

    def objects_of(self, track_id: int) -> dict[int, int]:
        """Tell the objects of a track as a new dictionary from frame to object id, in order of time."""
        return dict(sorted(self._tracks.get(track_id, {}).items()))

    def labelled(self, t: int) -> Mapping[int, tuple[int, ...]]:
        """Tell the objects of a frame that have tracks, with their tracks."""
        return self._frames.get(t, {})

    def false_at(self, t: int) -> set[int]:
        """Tell the false detections of a frame."""
        return set(self._false.get(t, ()))

    def frames_with_false(self) -> set[int]:
        """Tell the frames that have false detections."""
        return set(self._false)

    def is_false(self, t: int, object_id: int) -> bool:
        """Tell whether an object is marked as a false detection."""
        return object_id in self._false.get(t, ())

    @property
    def divisions(self) -> dict[int, Division]:
        """Divisions by the id of the parent track."""
        return dict(self._divisions)

    @property
    def track_ids(self) -> list[int]:
        """Ids of all tracks that have objects, ascending."""
        return sorted(self._tracks)

    def track_ends(self) -> dict[int, tuple[int, int]]:
        """Tell the first and the last frame of every track, by track id; cheap enough to ask after every click."""
        for i, objects in self._tracks.items():
            if i not in self._ends:
                self._ends[i] = min(objects), max(objects)
        return dict(self._ends)

    def next_track_id(self) -> int:
        """Tell the smallest id above all track ids in use."""
        following = max(self._tracks, default=0) + 1
        return following + 1 if following == FALSE_LABEL else following

    def parent_of(self, track_id: int) -> int | None:
        """Tell the parent track, or None."""
        return self._parents.get(track_id)

    def children_of(self, track_id: int) -> tuple[int, ...]:
        """Tell the child tracks: two, or none."""
        division = self._divisions.get(track_id)
        return division.children if division else ()

    def lineage_id_of(self, track_id: int) -> int:
        """Tell the id of the first ancestor of a track: the id of its lineage."""
        while track_id in self._parents:
            track_id = self._parents[track_id]
        return track_id

    def mergers(self) -> list[tuple[int, int, tuple[int, ...]]]:
        """List the objects with several tracks as (t, object_id, track ids), in order of time."""
        return [
            (t, object_id, tracks)
            for t, frame in sorted(self._frames.items())
            for object_id, tracks in sorted(frame.items())
            if len(tracks) > 1
        ]

    @property
    def tracks(self) -> pd.DataFrame:
        """Table of tracks: track_id, t_start, t_end, parent_track_id (0: none), lineage_id."""
        rows = [
            (i, min(objects), max(objects), self._parents.get(i, 0), self.lineage_id_of(i))
            for i, objects in sorted(self._tracks.items())
        ]
        columns = ["track_id", "t_start", "t_end", "parent_track_id", "lineage_id"]
        return pd.DataFrame(np.array(rows, dtype=np.int64).reshape(-1, 5), columns=columns)

    @property
    def objects(self) -> pd.DataFrame:
        """Table of t, object_id, track_id, lineage_id: a row for each track of each object, -1 for false detections."""
        roots = {i: self.lineage_id_of(i) for i in self._tracks}
        rows = [
            (t, object_id, i, roots[i])
            for t, frame in self._frames.items()
            for object_id, tracks in frame.items()
            for i in tracks
        ]
        rows += [(t, i, FALSE_TRACK_ID, FALSE_TRACK_ID) for t, ids in self._false.items() for i in ids]
        table = pd.DataFrame(
            np.array(rows, dtype=np.int64).reshape(-1, 4), columns=["t", "object_id", "track_id", "lineage_id"]
        )
        return table.sort_values(["t", "object_id"], kind="stable", ignore_index=True)

    def check(self) -> None:
        """Verify every invariant.

        Raises
        ------
        AssertionError
            If one is broken, which is a mistake of nbtrack and not of its user.
        """
        for i, objects in self._tracks.items():
            assert objects, f"track {i} is empty"
            assert i >= 1, f"track id {i}"
            assert i != FALSE_LABEL, f"track id {i}"
            for t, object_id in objects.items():
                assert i in self._frames[t][object_id], f"track {i} is not listed at frame {t}"
        for t, frame in self._frames.items():
            for object_id, tracks in frame.items():
                assert len(set(tracks)) == len(tracks) > 0, f"tracks of object {object_id} in frame {t}"
                assert all(self._tracks[i][t] == object_id for i in tracks), f"object {object_id} in frame {t}"
                assert not self.is_false(t, object_id), f"object {object_id} in frame {t} is false and tracked"
        for parent, division in self._divisions.items():
            assert division.parent_track_id == parent
            assert max(self._tracks[parent]) == division.t, f"parent {parent} goes on after its division"
            for child in division.children:
                assert self._parents[child] == parent
                assert min(self._tracks[child]) > division.t, f"child {child} begins too early"
        assert self.track_ends() == {i: (min(objects), max(objects)) for i, objects in self._tracks.items()}
        assert sorted(self._parents) == sorted(c for d in self._divisions.values() for c in d.children)

    # ------------------------------------------------------------------ as a value
    def copy(self) -> Lineage:
        """Make an independent copy."""
        twin = Lineage()
        twin._frames = {t: dict(frame) for t, frame in self._frames.items()}
        twin._tracks = {i: dict(objects) for i, objects in self._tracks.items()}
        twin._false = {t: set(ids) for t, ids in self._false.items()}
        twin._divisions = dict(self._divisions)
        twin._parents = dict(self._parents)
        return twin

    def part(self, tracks: Collection[int], objects: Iterable[tuple[int, int]]) -> Lineage:
        """Make a lineage of some tracks, and of the false detections among some objects.

        Parameters
        ----------
        tracks : collection of int
            With every track that shares an object or a division with one of them.
        objects : iterable of (t, object_id)
            Objects whose mark as a false detection is taken along.

        Returns
        -------
        Lineage
        """
        some = Lineage()
        for track in tracks:
            held = some._tracks[track] = dict(self._tracks[track])
            for t, object_id in held.items():
                some._frames.setdefault(t, {})[object_id] = self._frames[t][object_id]
            if track in self._divisions:
                some._divisions[track] = self._divisions[track]
            if track in self._parents:
                some._parents[track] = self._parents[track]
        for t, object_id in objects:
            if self.is_false(t, object_id):
                some._false.setdefault(t, set()).add(object_id)
        return some

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Lineage):
            return NotImplemented
        return self._frames == other._frames and self._false == other._false and self._divisions == other._divisions

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __repr__(self) -> str:
        n_false = sum(map(len, self._false.values()))
        return f"<Lineage: {len(self._tracks)} tracks, {len(self._divisions)} divisions, {n_false} false detections>"

    # ------------------------------------------------------------------ helpers
    def _birth(self, track_id: int) -> Division | None:
        parent = self._parents.get(track_id)
        return None if parent is None else self._divisions[parent]

    def _division_needs(self, division: Division, t: int, track_id: int) -> bool:
        if track_id == division.parent_track_id:
            return t == division.t
        return t == min(self._tracks[track_id])

    def _descends(self, track_id: int, ancestor: int) -> bool:
        while track_id in self._parents:
            track_id = self._parents[track_id]
            if track_id == ancestor:
                return True
        return False

    @staticmethod
    def _check_ids(t: int, object_id: int, track_id: int) -> None:
        if t < 0 or object_id < 1:
            raise EditError(f"There is no object {object_id} in frame {t}: frames begin at 0, object ids at 1.")
        if track_id < 1 or track_id == FALSE_LABEL:
            raise EditError(f"`track_id` must be at least 1 and not {FALSE_LABEL}, got {track_id}.")
