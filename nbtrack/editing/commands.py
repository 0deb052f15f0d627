"""Commands: what can be done to a lineage, each with its inverse.

Making a command does nothing; `apply` does it and returns the command that takes it back. The lineage guards its own
invariants, so a command that does not fit raises `EditError` and leaves everything as it was.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Protocol

from nbtrack.errors import EditError, InputError

if TYPE_CHECKING:
    from nbtrack.data.lineage import Lineage


class Command(Protocol):
    """Something that can be done to a lineage and taken back."""

    def apply(self, lineage: Lineage) -> Command:
        """Do it and return the command that takes it back."""

    def touches(self, lineage: Lineage) -> tuple[tuple[int, int], ...]:
        """Tell the objects it is about, as (t, object_id)."""


@dataclass(frozen=True)
class Assign:
    """Give one object to a track.

    Parameters
    ----------
    t, object_id, track_id : int
        The object and the track.
    order : tuple of int, optional
        Order of the tracks of a merged object afterwards; the first one colours it. Empty: the new track is last.
    """

    t: int
    object_id: int
    track_id: int
    order: tuple[int, ...] = ()

    def apply(self, lineage: Lineage) -> Command:
        """Do it and return the command that takes it back."""
        lineage.assign(self.t, self.object_id, self.track_id)
        if self.order:
            lineage.reorder(self.t, self.object_id, self.order)
        unassign = Unassign(self.t, self.object_id, self.track_id)
        parent = lineage.parent_of(self.track_id)
        if parent is None or next(iter(lineage.objects_of(self.track_id))) != self.t:
            return unassign
        division = lineage.divisions[parent]  # the child begins here now, so its division holds the object
        return Group((Undivide(parent), unassign, Divide(division.t, parent, *division.children)))

    def touches(self, lineage: Lineage) -> tuple[tuple[int, int], ...]:
        """Tell the objects it is about, as (t, object_id)."""
        return ((self.t, self.object_id),)


@dataclass(frozen=True)
class Unassign:
    """Take one object from a track.

    Parameters
    ----------
    t, object_id, track_id : int
        The assignment to remove.
    """

    t: int
    object_id: int
    track_id: int

    def apply(self, lineage: Lineage) -> Command:
        """Do it and return the command that takes it back."""
        order = lineage.tracks_at(self.t, self.object_id)
        lineage.unassign(self.t, self.object_id, self.track_id)
        return Assign(self.t, self.object_id, self.track_id, order)

    def touches(self, lineage: Lineage) -> tuple[tuple[int, int], ...]:
        """Tell the objects it is about, as (t, object_id)."""
        return ((self.t, self.object_id),)


@dataclass(frozen=True)
class MarkFalse:
    """Mark one object as a false detection.

    Parameters
    ----------
    t, object_id : int
        The object.
    """

    t: int
    object_id: int

    def apply(self, lineage: Lineage) -> Command:
        """Do it and return the command that takes it back."""
        lineage.mark_false(self.t, self.object_id)
        return UnmarkFalse(self.t, self.object_id)

    def touches(self, lineage: Lineage) -> tuple[tuple[int, int], ...]:
        """Tell the objects it is about, as (t, object_id)."""
        return ((self.t, self.object_id),)


@dataclass(frozen=True)
class UnmarkFalse:
    """Take back the mark of a false detection.

    Parameters
    ----------
    t, object_id : int
        The object.
    """

    t: int
    object_id: int

    def apply(self, lineage: Lineage) -> Command:
        """Do it and return the command that takes it back."""
        lineage.unmark_false(self.t, self.object_id)
        return MarkFalse(self.t, self.object_id)

    def touches(self, lineage: Lineage) -> tuple[tuple[int, int], ...]:
        """Tell the objects it is about, as (t, object_id)."""
        return ((self.t, self.object_id),)


@dataclass(frozen=True)
class Divide:
    """Make two tracks the children of a third.

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

    def apply(self, lineage: Lineage) -> Command:
        """Do it and return the command that takes it back."""
        lineage.divide(self.t, self.parent_track_id, self.child1_track_id, self.child2_track_id)
        return Undivide(self.parent_track_id)

    def touches(self, lineage: Lineage) -> tuple[tuple[int, int], ...]:
        """Tell the objects it is about: the last one of the parent and the first ones of the children."""
        parent = lineage.object_at(self.parent_track_id, self.t)
        touched = [] if parent is None else [(self.t, parent)]
        for track_id in (self.child1_track_id, self.child2_track_id):
            touched += list(lineage.objects_of(track_id).items())[:1]
        return tuple(touched)


@dataclass(frozen=True)
class Undivide:
    """Remove a division; its three tracks stay.

    Parameters
    ----------
    parent_track_id : int
        The track that divides.
    """

    parent_track_id: int

    def apply(self, lineage: Lineage) -> Command:
        """Do it and return the command that takes it back."""
        division = lineage.undivide(self.parent_track_id)
        return Divide(division.t, division.parent_track_id, *division.children)

    def touches(self, lineage: Lineage) -> tuple[tuple[int, int], ...]:
        """Tell the objects it is about: the last one of the parent and the first ones of the children."""
        division = lineage.divisions.get(self.parent_track_id)
        return Divide(division.t, division.parent_track_id, *division.children).touches(lineage) if division else ()


@dataclass(frozen=True)
class Reorder:
    """Set the order of the tracks of a merged object: the first one colours it.

    Parameters
    ----------
    t, object_id : int
        The object.
    order : tuple of int
        Its tracks in the wanted order.
    """

    t: int
    object_id: int
    order: tuple[int, ...]

    def apply(self, lineage: Lineage) -> Command:
        """Do it and return the command that takes it back."""
        before = lineage.tracks_at(self.t, self.object_id)
        lineage.reorder(self.t, self.object_id, self.order)
        return Reorder(self.t, self.object_id, before)

    def touches(self, lineage: Lineage) -> tuple[tuple[int, int], ...]:
        """Tell the objects it is about, as (t, object_id)."""
        return ((self.t, self.object_id),)


@dataclass(frozen=True)
class Group:
    """Do several commands as one: in order, and all or nothing.

    Parameters
    ----------
    commands : tuple of Command
        What to do.
    """

    commands: tuple[Command, ...]

    def apply(self, lineage: Lineage) -> Command:
        """Do it and return the command that takes it back; if one part does not fit, take back what was done."""
        inverses: list[Command] = []
        try:
            for command in self.commands:
                inverses.append(command.apply(lineage))
        except EditError:
            for inverse in reversed(inverses):
                inverse.apply(lineage)
            raise
        return Group(tuple(reversed(inverses)))

    def touches(self, lineage: Lineage) -> tuple[tuple[int, int], ...]:
        """Tell the objects its parts are about, each once."""
        return tuple(dict.fromkeys(pair for command in self.commands for pair in command.touches(lineage)))


_KINDS: dict[str, Any] = {
    kind.__name__: kind for kind in (Assign, Unassign, MarkFalse, UnmarkFalse, Divide, Undivide, Reorder)
}


def to_rows(command: Command) -> list[list[Any]]:
    """Write a command as plain values.

    Parameters
    ----------
    command : Command
        Any of this module.

    Returns
    -------
    list of list
        For each part of a group, or for the command alone, its name and its numbers.
    """
    if isinstance(command, Group):
        return [row for part in command.commands for row in to_rows(part)]
    return [[type(command).__name__, *(getattr(command, field.name) for field in fields(command))]]  # type: ignore[arg-type]  # all are dataclasses


def from_rows(rows: list[list[Any]]) -> Command:
    """Make a command from plain values.

    Parameters
    ----------
    rows : list of list
        As made by `to_rows`.

    Returns
    -------
    Command

    Raises
    ------
    InputError
        If the values are not those of a command.
    """
    try:
        parts = [
            _KINDS[name](*(tuple(value) if isinstance(value, list) else int(value) for value in values))
            for name, *values in rows
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"`rows` must be commands, each a name and its numbers: got {rows!r}.") from error
    return Group(tuple(parts))
