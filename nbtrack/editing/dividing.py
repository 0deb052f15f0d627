"""Plan a division: which tracks the daughters get, what becomes of the tracks they have, and what is in the way.

A daughter without a track begins a new one. A track that begins with the daughter, and has no parent, becomes the child
as it is. Where the dividing track itself goes on as one of the daughters, its later part becomes that child. Anything
else is in the way: a reason to refuse, or it is cut off if that is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nbtrack.editing.commands import Divide, Group, UnmarkFalse
from nbtrack.editing.retracking import plan_tracks, split_at, tell_removed
from nbtrack.errors import EditError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from nbtrack.data.lineage import Lineage
    from nbtrack.editing.commands import Command


@dataclass(frozen=True)
class DivisionPlan:
    """What is to be done for a division.

    Parameters
    ----------
    command : Group
        All of it.
    children : tuple of int
        The tracks of the two daughters.
    rest : int
        The track of what the parent had later, if that is no daughter; 0 if there is nothing.
    message : str
        What happens, as sentences.
    """

    command: Group
    children: tuple[int, int]
    rest: int
    message: str


def plan_division(
    lineage: Lineage,
    track_id: int,
    head: Mapping[int, int],
    daughters: Sequence[tuple[int, int]],
    *,
    new_track: Callable[[int], int],
    force: bool = False,
) -> DivisionPlan:
    """Plan to let a track divide into two objects.

    Parameters
    ----------
    lineage : Lineage
        As it is now; it is not changed.
    track_id : int
        The track that divides.
    head : dict of int to int
        Its objects up to the division, frame to object id; at least one.
    daughters : sequence of tuple of int, length 2
        The two objects it becomes, each as ``(t, object_id)``, later than `head`.
    new_track : callable
        ``new_track(k)`` gives the id of a new track for daughter 0 or 1, or (2) for what the track had later.
    force : bool, optional
        Remove what is in the way: other divisions, marks of false detections, earlier objects of a daughter's track.

    Returns
    -------
    DivisionPlan

    Raises
    ------
    EditError
        If something is in the way and `force` is false; it is forceable.
    """
    t = max(head)
    rest = split_at(lineage.objects_of(track_id), t + 1)[1]
    wanted: dict[int, Mapping[int, int]] = {track_id: head}
    heirs: dict[int, int] = {}
    without: set[int] = set()
    unmark: list[Command] = []
    children: list[int] = []
    pieces: list[str] = []

    def refuse(message: str) -> None:
        if not force:
            raise EditError(message, forceable=True)

    division = lineage.divisions.get(track_id)
    if division is not None and not rest:
        refuse(f"Track {track_id} divides after frame {division.t} already. Remove that division first.")
        without.add(track_id)
    if rest and (min(rest), rest[min(rest)]) not in daughters:
        refuse(
            f"Track {track_id} must end in frame {t} to divide there: its last object is in frame {max(rest)}. Unlink "
            f"it in frame {min(rest)} first."
        )
    for k, (t_child, object_id) in enumerate(daughters):
        daughter = f"Object {object_id} in frame {t_child}"
        if lineage.is_false(t_child, object_id):
            refuse(f"{daughter} is marked as a false detection. Remove that mark first.")
            unmark.append(UnmarkFalse(t_child, object_id))
        tracks = lineage.tracks_at(t_child, object_id)
        own = track_id if track_id in tracks else tracks[0] if len(tracks) == 1 else 0
        if tracks and not own:
            known = " and ".join(map(str, tracks))
            refuse(
                f"{daughter} is in tracks {known}. A child needs an object of its own: take it from all but one first."
            )
        before, later = split_at(lineage.objects_of(own) if own else {t_child: object_id}, t_child)
        if own == track_id:
            before, rest = {}, {}
        if before:
            refuse(
                f"{daughter} is in track {own}, which begins in frame {min(before)} already, so it cannot be a child. "
                "Unlink it there first."
            )
            wanted[own] = before
        if own and own != track_id and not before:
            child, origin = own, " (as before)"
            parent = lineage.parent_of(own)
            if parent is not None and parent not in without:
                refuse(f"{daughter} begins track {own}, a child of track {parent}. Remove that division first.")
                without.add(parent)
        else:
            child, origin = new_track(k), f" (so far track {own})" if own else ""
            wanted[child] = later
            heirs |= {own: child} if own else {}
        children.append(child)
        pieces.append(f"object {object_id} {'' if k else 'begins '}track {child}{origin}")
    leftover = 0
    if rest:
        leftover = new_track(2)
        wanted[leftover] = rest
        heirs[track_id] = leftover
    tracks_command = plan_tracks(lineage, wanted, heirs=heirs, without=without, force=force)
    first, second = children
    command = Group((*unmark, *tracks_command.commands, Divide(t, track_id, first, second)))
    message = f"Track {track_id} divides after frame {t}: {', '.join(pieces)}."
    if rest:
        message += f" From frame {min(rest)} on, what it had is track {leftover}."
    return DivisionPlan(command, (first, second), leftover, message + tell_removed(lineage, command))
