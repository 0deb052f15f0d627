"""What a lineage says of some objects: which are linked, divide, are false, and how many each one is.

Track ids do not matter here. So the difference of two lineages in these terms is what a person decided with an
action, and what a pin can hold.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nbtrack.data.pins import Pin

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeAlias

    from nbtrack.data.lineage import Lineage

    Object: TypeAlias = tuple[int, int]
    Link: TypeAlias = tuple[Object, Object]


@dataclass(frozen=True)
class Relations:
    """What a lineage says of some objects.

    Parameters
    ----------
    links : Counter of ((t, object_id), (t, object_id))
        Links that begin or end at one of the objects, with the number of tracks that go along.
    divides : frozenset of (t, object_id)
        Which of the objects divide.
    false : frozenset of (t, object_id)
        Which of them are false detections.
    counts : dict of (t, object_id) to int
        How many tracks each of them has.
    """

    links: Counter[Link]
    divides: frozenset[Object]
    false: frozenset[Object]
    counts: dict[Object, int]


def relations_of(lineage: Lineage, objects: Iterable[Object]) -> Relations:
    """Read what a lineage says of some objects.

    Parameters
    ----------
    lineage : Lineage
        The lineage.
    objects : iterable of (t, object_id)
        The objects.

    Returns
    -------
    Relations
    """
    seen: dict[tuple[int, Link], None] = {}
    divides, false, counts = set(), set(), {}
    for t, object_id in dict.fromkeys(objects):
        here = (t, object_id)
        if lineage.is_false(t, object_id):
            false.add(here)
        tracks = lineage.tracks_at(t, object_id)
        counts[here] = len(tracks)
        for track in tracks:
            before, after = _neighbors(lineage, track, t)
            if before is not None:
                seen[track, (before, here)] = None
            for child, following in after:
                seen[child, (here, following)] = None
            if len(after) > 1:
                divides.add(here)
    return Relations(Counter(link for _, link in seen), frozenset(divides), frozenset(false), counts)


def pins_of_change(before: Relations, after: Relations, lineage: Lineage) -> list[Pin]:
    """Write what an action changed as pins.

    A link that is new is held, and one that is gone is forbidden; so are divisions, false detections and the numbers
    of objects. What follows from another pin of the same action is left out.

    Parameters
    ----------
    before, after : Relations
        The same objects before and after the action.
    lineage : Lineage
        As it is afterwards.

    Returns
    -------
    list of Pin
    """
    pins: list[Pin] = []
    linked: set[Object] = set()
    for link in sorted(before.links.keys() | after.links.keys()):
        now = after.links[link]
        (t, source), (t_next, target) = link
        if now == before.links[link] or (not now and (_is_refined(lineage, link) or _has_no_end(lineage, link))):
            continue
        pins.append(Pin("link", t, source, now, target, t_next))
        linked |= set(link) if now else set()
    for t, object_id in sorted(before.divides ^ after.divides):
        pins.append(Pin("division", t, object_id, int((t, object_id) in after.divides)))
    for here, now in sorted(after.counts.items()):
        was = before.counts[here]
        if here in after.false:
            if here not in before.false:
                pins.append(Pin("object", *here, 0))
        elif max(was, now) > 1 and was != now and now:
            pins.append(Pin("count", *here, now))
        elif here in before.false or (now and not was and here not in linked):
            pins.append(Pin("object", *here, 1))
    return pins


def is_held(lineage: Lineage, pin: Pin) -> bool:
    """Tell whether a lineage is as a pin wants it.

    A link that is used holds as well if all objects of a merger use it: how many there are is said by a count.

    Parameters
    ----------
    lineage : Lineage
        The lineage.
    pin : Pin
        The pin.

    Returns
    -------
    bool
    """
    tracks = lineage.tracks_at(pin.t, pin.object_id)
    if pin.kind == "object":
        return bool(tracks) == bool(pin.value)
    if pin.kind == "count":
        return len(tracks) == pin.value
    around = [(track, *_neighbors(lineage, track, pin.t)) for track in tracks]
    if pin.kind == "link":
        used = sum(following == pin.objects[1] for _, _, after in around for _, following in after)
        return used >= 1 if pin.value == 1 else used == pin.value
    if pin.kind == "division":
        return any(len(after) > 1 for _, _, after in around) == bool(pin.value)
    if pin.kind == "appearance":
        return any(before is None for _, before, _ in around) == bool(pin.value)
    return any(not after for _, _, after in around) == bool(pin.value)


def _neighbors(lineage: Lineage, track: int, t: int) -> tuple[Object | None, list[tuple[int, Object]]]:
    """Find the object before one of a track, and those after it with their tracks; past its ends go by divisions."""
    before, after = _step(lineage, track, t, -1), _step(lineage, track, t, 1)
    if before is None:
        parent = lineage.parent_of(track)
        if parent is not None:
            last = lineage.divisions[parent].t
            before = (last, lineage.objects_of(parent)[last])
    if after is not None:
        return before, [(track, after)]
    children = lineage.children_of(track)
    return before, [(child, next(iter(lineage.objects_of(child).items()))) for child in children]


def _step(lineage: Lineage, track: int, t: int, step: int) -> Object | None:
    """Find the next object of a track in one direction of time."""
    near = lineage.object_at(track, t + step)
    if near is not None:
        return t + step, near
    objects = lineage.objects_of(track)
    frames = [frame for frame in objects if (frame - t) * step > 0]
    if not frames:
        return None
    frame = min(frames) if step > 0 else max(frames)
    return frame, objects[frame]


def _is_refined(lineage: Lineage, link: Link) -> bool:
    """Tell whether a link is gone only because objects of the frames between were put in."""
    (t, source), (t_next, target) = link
    return t_next - t > 1 and bool(set(lineage.tracks_at(t, source)) & set(lineage.tracks_at(t_next, target)))


def _has_no_end(lineage: Lineage, link: Link) -> bool:
    """Tell whether one of two objects is a false detection, which has no links anyway."""
    return any(lineage.is_false(*end) for end in link)
