"""Put another answer in the place of a lineage: tracks keep their ids where they can, and only differences change."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from nbtrack.data.lineage import FALSE_LABEL, Lineage
from nbtrack.editing.commands import Assign, Divide, Group, MarkFalse, Reorder, Unassign, Undivide, UnmarkFalse

if TYPE_CHECKING:
    from nbtrack.editing.commands import Command


def name_tracks(old: Lineage, new: Lineage, first_free: int) -> dict[int, int]:
    """Choose the ids under which the tracks of a new answer go on.

    A track gets the id of the old track with which it shares most objects, if no other has a better claim; ties go to
    the smaller ids. The others get new ids.

    Parameters
    ----------
    old, new : Lineage
        The answers before and after.
    first_free : int
        The first id that was never in use.

    Returns
    -------
    dict of int to int
        For each track of `new` its id.
    """
    shared: Counter[tuple[int, int]] = Counter()
    for track in new.track_ids:
        for t, object_id in new.objects_of(track).items():
            shared.update((track, known) for known in old.tracks_at(t, object_id))
    names: dict[int, int] = {}
    taken: set[int] = set()
    for (track, known), _ in sorted(shared.items(), key=lambda item: (-item[1], item[0])):
        if track not in names and known not in taken:
            names[track] = known
            taken.add(known)
    free = first_free
    for track in new.track_ids:
        if track not in names:
            free += free == FALSE_LABEL
            names[track] = free
            free += 1
    return names


def plan_replacement(old: Lineage, new: Lineage, first_free: int) -> Group:
    """Plan the commands that make a lineage another one, but for the ids of its tracks.

    Parameters
    ----------
    old : Lineage
        As it is now; it is not changed.
    new : Lineage
        What is wanted, with any track ids.
    first_free : int
        The first id that was never in use.

    Returns
    -------
    Group
        Empty if both say the same.
    """
    names = name_tracks(old, new, first_free)
    wanted = {names[track]: new.objects_of(track) for track in new.track_ids}
    unassign: list[Command] = []
    assign: list[Command] = []
    changed: set[int] = set()
    for track in sorted({*old.track_ids, *wanted}):
        now, then = old.objects_of(track), wanted.get(track, {})
        if now == then:
            continue
        changed.add(track)
        unassign += [Unassign(t, i, track) for t, i in now.items() if then.get(t) != i]
        assign += [Assign(t, i, track) for t, i in then.items() if now.get(t) != i]
    old_divisions = {(d.t, d.parent_track_id, *d.children) for d in old.divisions.values()}
    known = {(d[0], d[1], frozenset(d[2:])): d for d in old_divisions}  # children keep the order that they have
    new_divisions = set()
    for d in new.divisions.values():
        row = (d.t, names[d.parent_track_id], names[d.child1_track_id], names[d.child2_track_id])
        new_divisions.add(known.get((row[0], row[1], frozenset(row[2:])), row))
    again = {d for d in old_divisions & new_divisions if changed & set(d[1:])}
    undivide = [Undivide(d[1]) for d in sorted((old_divisions - new_divisions) | again)]
    divide = [Divide(*d) for d in sorted((new_divisions - old_divisions) | again)]
    frames = sorted(old.frames_with_false() | new.frames_with_false())
    unmark = [UnmarkFalse(t, i) for t in frames for i in sorted(old.false_at(t) - new.false_at(t))]
    mark = [MarkFalse(t, i) for t in frames for i in sorted(new.false_at(t) - old.false_at(t))]
    reorder = _reorder(old, new, names, changed)
    return Group((*undivide, *unassign, *unmark, *assign, *reorder, *mark, *divide))


def _reorder(old: Lineage, new: Lineage, names: dict[int, int], changed: set[int]) -> list[Command]:
    """Colour the merged objects whose tracks changed as the new answer does."""
    found: list[Command] = []
    for t, object_id, tracks in new.mergers():
        wanted = tuple(names[track] for track in tracks)
        if changed & set(wanted) and old.tracks_at(t, object_id) != wanted:
            found.append(Reorder(t, object_id, wanted))
    return found
