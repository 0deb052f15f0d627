"""Tracks from events between frames, which tell objects but no track numbers.

A chain of moves is a track. Through mergers, where several tracks share the same moves, a track is led by its
multi-frame move, which tells the object where it comes out again; what no such move tells is filled up so that each
object has the number of tracks that its merger says.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from nbtrack.data.lineage import FALSE_LABEL, Lineage

if TYPE_CHECKING:
    import pandas as pd

    from nbtrack.io.events_h5 import EventFiles

Node = tuple[int, int]
"""Frame and object id."""


def lineage_of_events(events: EventFiles) -> Lineage:
    """Join moves and splits to tracks.

    Parameters
    ----------
    events : EventFiles
        The events, and as many label frames as there are frames.

    Returns
    -------
    Lineage
        Tracks are numbered from 1 in order of time, then of object. Events do not tell false detections.

    Raises
    ------
    EditError
        If the events contradict each other.
    """
    walk = _Walk(events)
    for t in range(len(events.labels)):
        walk.step(t)
    rows = [(t, i, track) for (t, i), tracks in sorted(walk.held.items()) for track in sorted(tracks)]
    return Lineage.from_tables(rows, walk.divisions)


class _Walk:
    """Walk through the frames with all tracks at once."""

    def __init__(self, events: EventFiles) -> None:
        self.held: dict[Node, list[int]] = {}
        self.divisions: list[tuple[int, int, int, int]] = []
        self._count = {(t, i): k for t, i, k in _rows(events.mergers, "object_id", "count")}
        self._splits: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
        self._moves: dict[int, list[tuple[Node, Node]]] = defaultdict(list)
        self._returns: dict[int, list[tuple[Node, Node]]] = defaultdict(list)
        self._mentioned: dict[int, set[int]] = defaultdict(set)
        self._ways: dict[Node, set[Node]] = {}
        self._aims: dict[int, set[Node]] = {}
        self._alone: set[int] = set()
        self._ended: set[int] = set()
        self._last: dict[int, int] = {}
        self._n_tracks = 0
        sources: dict[Node, list[Node]] = defaultdict(list)
        for t, source, target in _rows(events.moves, "source_id", "target_id"):
            self._moves[t].append(((t - 1, source), (t, target)))
            sources[t, target].append((t - 1, source))
        for t, source, target, t_source in _rows(events.multi_frame_moves, "source_id", "target_id", "t_source"):
            self._returns[t].append(((t_source, source), (t, target)))
            self._ways[t_source, source] = self._way((t, target), t_source, sources)
        for t, parent, child1, child2 in _rows(events.splits, "parent_id", "child1_id", "child2_id"):
            self._splits[t].append((parent, child1, child2))
            self._mentioned[t - 1].add(parent)
        for table in (events.appearances, events.disappearances, events.mergers):
            for t, object_id in _rows(table, "object_id"):
                self._mentioned[t].add(object_id)
        for pairs in (*self._moves.values(), *self._returns.values()):
            for (t_source, source), (t, target) in pairs:
                self._mentioned[t_source].add(source)
                self._mentioned[t].add(target)

    def step(self, t: int) -> None:
        """Give the objects of a frame their tracks; the frames before have theirs."""
        here: dict[Node, list[int]] = defaultdict(list)
        for parent, *children in self._splits[t]:
            mother = min(self._free((t - 1, parent)), key=self._is_led, default=0)
            if mother:
                self._ended.add(mother)
            born = [self._new() for _ in children]
            for child, track in zip(children, born, strict=True):
                here[t, child].append(track)
            if mother:
                self.divisions.append((t - 1, mother, born[0], born[1]))
        self._move(t, here)
        for source, target in self._returns[t]:
            going = set(self._free(source)) - {k for tracks in here.values() for k in tracks}
            if going and self._room(target, here) > 0:
                here[target].append(min(going))
        placed = {k for tracks in here.values() for k in tracks}
        waiting = [k for k in sorted(self._aims) if k not in placed | self._ended and self._last[k] < t]
        for object_id in sorted(self._mentioned[t]):
            node = (t, object_id)
            back = [k for k in waiting if node in self._aims[k] and k not in placed][: self._room(node, here)]
            placed.update(back)
            here[node] += back
            here[node] += [self._new() for _ in range(self._room(node, here))]
        for node, tracks in here.items():
            self._settle(node, tracks)

    def _move(self, t: int, here: dict[Node, list[int]]) -> None:
        """Move tracks on: those first whose aim is known, then one for each move, then as many as there is room for."""
        targets: dict[Node, list[Node]] = defaultdict(list)
        for source, target in sorted(self._moves[t]):
            targets[source].append(target)
        left = {}
        for source, nodes in targets.items():
            free, served = self._free(source), set()
            for track in list(free):
                ahead = [node for node in nodes if node in self._aims.get(track, ())]
                if ahead:
                    aim = max(ahead, key=lambda node: self._room(node, here))
                    here[aim].append(track)
                    served.add(aim)
                    free.remove(track)
            # no multi-frame move leads to where a track comes out that had no object of its own before
            free.sort(key=lambda k: (self._is_led(k), k in self._alone))
            for node in sorted(set(nodes) - served, key=lambda node: self._count.get(node, 1) > 1):
                shared = self._count.get(node, 1) > 1
                unled = [k for k in free if not self._is_led(k)] or free
                track = unled[-1 if shared else 0] if unled else self._new()
                here[node].append(track)
                free = [k for k in free if k != track]
            left[source] = [k for k in free if not self._is_led(k)]
        for source, free in left.items():
            for node in targets[source]:
                while free and self._room(node, here) > 0:
                    here[node].append(free.pop())

    def _settle(self, node: Node, tracks: list[int]) -> None:
        self.held[node] = tracks
        self._last.update(dict.fromkeys(tracks, node[0]))
        if len(tracks) == 1 and self._count.get(node, 1) == 1:
            self._alone.add(tracks[0])
            self._aims.pop(tracks[0], None)
            if node in self._ways:
                self._aims[tracks[0]] = self._ways[node]

    def _way(self, target: Node, t_source: int, sources: dict[Node, list[Node]]) -> set[Node]:
        """Go back from where a track comes out, over all mergers that it can have come through."""
        way, front = {target}, [target]
        while front:
            for node in sources.get(front.pop(), ()):
                if node[0] > t_source and self._count.get(node, 1) > 1 and node not in way:
                    way.add(node)
                    front.append(node)
        return way

    def _free(self, node: Node) -> list[int]:
        return [k for k in self.held.get(node, ()) if k not in self._ended]

    def _is_led(self, track: int) -> bool:
        return track in self._aims

    def _room(self, node: Node, here: dict[Node, list[int]]) -> int:
        return max(0, self._count.get(node, 1) - len(here[node]))

    def _new(self) -> int:
        self._n_tracks += 2 if self._n_tracks + 1 == FALSE_LABEL else 1
        return self._n_tracks


def _rows(table: pd.DataFrame, *columns: str) -> list[tuple[int, ...]]:
    """List rows of a table, frame first, as plain numbers."""
    return list(zip(*(table[name].tolist() for name in ("t", *columns)), strict=True))
