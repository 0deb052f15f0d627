"""Move objects between tracks, and carry the divisions along: what swapping, linking and unlinking have in common.

A caller says what the objects of some tracks shall be, and which track inherits the division of which. A division that
cannot stay is a reason to refuse, or is removed if that is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbtrack.editing.commands import Assign, Divide, Group, Reorder, Unassign, Undivide
from nbtrack.errors import EditError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from nbtrack.data.lineage import Division, Lineage
    from nbtrack.editing.commands import Command


def plan_tracks(
    lineage: Lineage,
    wanted: Mapping[int, Mapping[int, int]],
    *,
    heirs: Mapping[int, int] | None = None,
    without: Collection[int] = (),
    force: bool = False,
) -> Group:
    """Plan the commands that give some tracks other objects.

    Parameters
    ----------
    lineage : Lineage
        As it is now; it is not changed.
    wanted : dict of int to dict
        For each track that changes, all its objects afterwards, frame to object id.
    heirs : dict of int to int, optional
        A parent track, and the track that takes over its division.
    without : collection of int, optional
        Parent tracks whose divisions are removed in any case.
    force : bool, optional
        Remove the divisions that cannot stay, instead of refusing.

    Returns
    -------
    Group

    Raises
    ------
    EditError
        If a division cannot stay and `force` is false; it is forceable.
    """
    heirs = heirs or {}
    undivide: list[Command] = []
    divide: list[Command] = []
    divisions = lineage.divisions
    concerned = {*without, *wanted, *map(lineage.parent_of, wanted)}
    for division in sorted(divisions[i] for i in concerned if i in divisions):
        parent, children = division.parent_track_id, division.children
        if parent in without:
            undivide.append(Undivide(parent))
            continue
        heir = heirs.get(parent, parent)
        reason = _cannot_stay(lineage, wanted, division, heir)
        if reason and not force:
            raise EditError(
                f"Track {parent} divides after frame {division.t} into tracks {children[0]} and {children[1]}, but "
                f"{reason}. Remove the division first.",
                forceable=True,
            )
        undivide.append(Undivide(parent))
        if not reason:
            divide.append(Divide(division.t, heir, *children))
    return Group((*undivide, *_moves(lineage, wanted), *divide))


def split_at(objects: Mapping[int, int], t: int) -> tuple[dict[int, int], dict[int, int]]:
    """Split the objects of a track into those before a frame, and those from it on.

    Parameters
    ----------
    objects : dict of int to int
        Frame to object id.
    t : int
        The first frame of the second part.

    Returns
    -------
    before, later : dict of int to int
    """
    before = {frame: i for frame, i in objects.items() if frame < t}
    return before, {frame: i for frame, i in objects.items() if frame >= t}


def plan_removal(lineage: Lineage, track_id: int, frames: Collection[int], *, force: bool = False) -> Group:
    """Plan the commands that take objects from a track.

    Parameters
    ----------
    lineage : Lineage
        As it is now; it is not changed.
    track_id : int
        The track.
    frames : collection of int
        Where it loses its object; it has one in each.
    force : bool, optional
        Remove the divisions that need one of the objects; else the group will be refused.

    Returns
    -------
    Group
    """
    objects = lineage.objects_of(track_id)
    commands: list[Command] = []
    if force:
        parent, division = lineage.parent_of(track_id), lineage.divisions.get(track_id)
        if parent is not None and min(objects, default=None) in frames:
            commands.append(Undivide(parent))
        if division is not None and division.t in frames:
            commands.append(Undivide(track_id))
    return Group((*commands, *(Unassign(t, objects[t], track_id) for t in sorted(frames))))


def tell_removed(lineage: Lineage, command: Group) -> str:
    """Say which divisions are gone when a group is done.

    Parameters
    ----------
    lineage : Lineage
        As it is before.
    command : Group
        What will be done.

    Returns
    -------
    str
        A sentence with a space before it, or nothing.
    """
    made = {(part.child1_track_id, part.child2_track_id) for part in command.commands if isinstance(part, Divide)}
    removed = [part.parent_track_id for part in command.commands if isinstance(part, Undivide)]
    gone = sorted(parent for parent in dict.fromkeys(removed) if lineage.children_of(parent) not in made)
    if not gone:
        return ""
    several = len(gone) > 1
    tracks = f"s of tracks {' and '.join(map(str, gone))} are" if several else f" of track {gone[0]} is"
    return f" The division{tracks} removed."


def _cannot_stay(
    lineage: Lineage, wanted: Mapping[int, Mapping[int, int]], division: Division, heir: int
) -> str | None:
    """Tell why a division breaks the law when the tracks are as wanted, or None."""

    def objects_of(track_id: int) -> Mapping[int, int]:
        return wanted[track_id] if track_id in wanted else lineage.objects_of(track_id)

    if heir in division.children:
        return f"track {heir} would be its own parent"
    if max(objects_of(heir), default=-1) != division.t:
        return f"track {heir} would not end in frame {division.t}"
    for child in division.children:
        first = min(objects_of(child), default=None)
        if first is None or first <= division.t:
            would = "have no object" if first is None else f"begin in frame {first}"
            return f"track {child} would {would}"
    return None


def _moves(lineage: Lineage, wanted: Mapping[int, Mapping[int, int]]) -> list[Command]:
    """List what takes objects from tracks, what gives them to others, and what keeps the colours of mergers."""
    unassign: list[Command] = []
    assign: list[Command] = []
    lost: dict[tuple[int, int], list[int]] = {}
    gained: dict[tuple[int, int], list[int]] = {}
    for track_id, objects in wanted.items():
        now = lineage.objects_of(track_id)
        for t, object_id in now.items():
            if objects.get(t) != object_id:
                unassign.append(Unassign(t, object_id, track_id))
                lost.setdefault((t, object_id), []).append(track_id)
        for t, object_id in objects.items():
            if now.get(t) != object_id:
                assign.append(Assign(t, object_id, track_id))
                gained.setdefault((t, object_id), []).append(track_id)
    reorder: list[Command] = []
    for (t, object_id), new in gained.items():
        old = lost.get((t, object_id), [])
        tracks = lineage.tracks_at(t, object_id)
        if not old or len(tracks) + len(new) - len(old) < 2:
            continue
        takers = dict(zip(old, new, strict=False))  # a taker stands where the one before it stood
        order = [takers.get(i, i) for i in tracks if i not in old or i in takers]
        reorder.append(Reorder(t, object_id, (*order, *(i for i in new if i not in order))))
    return [*unassign, *assign, *reorder]
