"""The law of conservation tracking written out by hand, state by state, and the best answer by trying all of them.

Nothing here knows layers, rows or columns: it is the yardstick for the code that does. The symbols in the comments are
those of the published model: y objects in a detection, x objects on a link, app and dis objects that appear and
disappear, div a division, ext a division that names its children, merge two objects that become one.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import product
from math import inf

import numpy as np

from nbtrack.data.problem import Problem, Solution
from nbtrack.solvers.pinned import PinnedState

Bounds = dict[tuple[str, int], tuple[int, int]]


def may_divide(p: Problem, i: int) -> bool:
    """A division variable needs energies and more than one link out."""
    return bool(p.divides[i]) and int((p.source == i).sum()) > 1 and p.capacity[i] > 0


def detection_faults(
    p: Problem,
    i: int,
    y: int,
    app: int,
    dis: int,
    div: int,
    into: tuple[int, ...],
    out: tuple[int, ...],
    ext: int,
    merges: int = 0,
    merged: int = 0,
) -> list[str]:
    """List the rules that the states around one detection break.

    `ext` divisions by name start here, `merges` end here, `merged` begin here.
    """
    rules = {
        "states exist": y <= p.capacity[i] and app <= p.appearance_capacity[i] and dis <= p.disappearance_capacity[i],
        "a division needs its variable": not div or may_divide(p, i),
        "in": sum(into) + app + merges == y,
        "out": sum(out) + dis + ext + merged == y + div,
        "only one object divides": not div or y == 1,
        "children are separate": not (div and p.separate_children) or sum(x == 1 for x in out) >= 2,
        "one-frame track": p.one_frame_tracks or app == 0 or dis == 0,
        "whole mergers appear": p.partial_appearance or app == 0 or not any(into[: _links_into(p, i)]),
        "whole mergers disappear": p.partial_appearance or dis == 0 or not any(out),
        "divides or disappears": not (div and dis),
        "a named division needs one object": ext == 0 or (ext == 1 and y == 1),
        "a merge has one target": merges == 0 or (merges == 1 and y == 1),
    }
    return [f"{rule} (detection {i})" for rule, holds in rules.items() if not holds]


def faults(p: Problem, s: Solution) -> list[str]:
    """List every rule that an answer breaks."""
    found = []
    for i in range(p.n_detections):
        named_in = [int(s.external[e]) for e in range(p.n_external) if i in p.external_children[e]]
        found += detection_faults(
            p,
            i,
            int(s.count[i]),
            int(s.appears[i]),
            int(s.vanishes[i]),
            int(s.divides[i]),
            (*s.flow[p.target == i].tolist(), *named_in),
            tuple(s.flow[p.source == i].tolist()),
            int(s.external[p.external_parent == i].sum()),
            int(s.merges[p.merge_target == i].sum()),
            int(s.merges[(p.merge_sources == i).any(axis=1)].sum()),
        )
    found += [f"link {a} is too full" for a in range(p.n_links) if not 0 <= s.flow[a] <= p.link_capacity[a]]
    found += [f"exclusion {m.tolist()}" for m in p.exclusions if np.count_nonzero(s.count[m]) > 1]
    for a, b in p.narrow_links:
        if s.divides[p.source[a]] and s.flow[a] and s.flow[b]:
            found.append(f"links {a} and {b} enclose a narrow angle")
    return found


def energy(p: Problem, s: Solution) -> float:
    """Add up the energy of every state."""
    total = sum(_link_energy(p, a, int(s.flow[a]), bool(s.divides[p.source[a]])) for a in range(p.n_links))
    for i in range(p.n_detections):
        total += _energy_at(p, i, int(s.count[i]), int(s.appears[i]), int(s.vanishes[i]), int(s.divides[i]))
    total += sum(p.external[e, int(s.external[e])] for e in range(p.n_external))
    return total + sum(p.merge[g, int(s.merges[g])] for g in range(p.n_merges))


def best_energy(p: Problem, pins: Sequence[PinnedState] = ()) -> float:
    """Try all states and give the lowest energy; infinite if no state keeps the law and the pins."""
    held: Bounds = {}
    for pin in pins:
        low, high = held.get((pin.kind, pin.index), (0, 99))
        held[pin.kind, pin.index] = max(low, pin.low), min(high, pin.high)
    incoming = [np.flatnonzero(p.target == i) for i in range(p.n_detections)]
    outgoing = [np.flatnonzero(p.source == i) for i in range(p.n_detections)]
    competing = sorted({int(i) for members in p.exclusions for i in members})
    patterns = [
        dict(zip(competing, used, strict=True))
        for used in product([False, True], repeat=len(competing))
        if all(sum(dict(zip(competing, used, strict=True))[int(i)] for i in set(m)) <= 1 for m in p.exclusions)
    ]

    @cache
    def around(
        i: int,
        into: tuple[int, ...],
        out: tuple[int, ...],
        ext: int,
        used: bool | None,
        merges: int,
        merged: int,
    ) -> float:
        """Lowest energy of one detection and the links that leave it, given those links."""
        best = inf
        for y, app, dis, div in product(
            range(p.capacity[i] + 1),
            range(p.appearance_capacity[i] + 1),
            range(p.disappearance_capacity[i] + 1),
            range(2),
        ):
            states = {"count": y, "appearance": app, "disappearance": dis, "division": div + ext}
            if any(not _within(held, (kind, i), state) for kind, state in states.items()):
                continue
            if used is not None and used != (y > 0):
                continue
            moves = dict(zip(outgoing[i].tolist(), out, strict=True))
            if div and any(moves.get(a) and moves.get(b) for a, b in p.narrow_links.tolist()):
                continue
            if detection_faults(p, i, y, app, dis, div, into, out, ext, merges, merged):
                continue
            links = sum(_link_energy(p, a, x, bool(div)) for a, x in moves.items())
            best = min(best, _energy_at(p, i, y, app, dis, div) + links)
        return best

    best = inf
    for ext, merge in product(product(range(2), repeat=p.n_external), product(range(2), repeat=p.n_merges)):
        named = sum(p.external[e, on] for e, on in enumerate(ext))
        named += sum(p.merge[g, on] for g, on in enumerate(merge))
        joins = [sum(on for g, on in enumerate(merge) if p.merge_target[g] == i) for i in range(p.n_detections)]
        joined = [sum(on for g, on in enumerate(merge) if i in p.merge_sources[g]) for i in range(p.n_detections)]
        along = [
            sum(on for e, on in enumerate(ext) if p.external_parent[e] == i and j in p.external_children[e])
            + sum(on for g, on in enumerate(merge) if p.merge_target[g] == j and i in p.merge_sources[g])
            for i, j in zip(p.source, p.target, strict=True)
        ]
        named_in = [tuple(on for e, on in enumerate(ext) if i in p.external_children[e]) for i in range(p.n_detections)]
        starts = [sum(on for e, on in enumerate(ext) if p.external_parent[e] == i) for i in range(p.n_detections)]
        for flow in _flows(p, held, along):
            into = [tuple(flow[a] for a in incoming[i]) + named_in[i] for i in range(p.n_detections)]
            out = [tuple(flow[a] for a in outgoing[i]) for i in range(p.n_detections)]
            for used in patterns:
                total = named
                for i in range(p.n_detections):
                    total += around(i, into[i], out[i], starts[i], used.get(i), joins[i], joined[i])
                    if total == inf:
                        break
                best = min(best, total)
    return best


def _flows(p: Problem, held: Bounds, along: list[int]) -> Iterator[list[int]]:
    """All states of all links that leave no detection over full; `along` objects move by name between the same ends."""
    flow = [0] * p.n_links
    into, out = [0] * p.n_detections, [0] * p.n_detections

    def fill(a: int) -> Iterator[list[int]]:
        if a == p.n_links:
            yield flow
            return
        i, j = int(p.source[a]), int(p.target[a])
        for x in range(int(p.link_capacity[a]) + 1):
            if (
                not _within(held, ("link", a), x + along[a])
                or into[j] + x > p.capacity[j]
                or out[i] + x > p.capacity[i] + 1
            ):
                continue
            flow[a], into[j], out[i] = x, into[j] + x, out[i] + x
            yield from fill(a + 1)
            flow[a], into[j], out[i] = 0, into[j] - x, out[i] - x

    return fill(0)


def _within(held: Bounds, state: tuple[str, int], value: int) -> bool:
    low, high = held.get(state, (0, 99))
    return low <= value <= high


def _links_into(p: Problem, i: int) -> int:
    return int((p.target == i).sum())


def _link_energy(p: Problem, a: int, x: int, divides: bool) -> float:
    if divides and x and p.division_link is not None:
        return float(p.division_link[a])
    return float(p.link[a, x])


def _energy_at(p: Problem, i: int, y: int, app: int, dis: int, div: int) -> float:
    total = float(p.detection[i, y])
    total += float(p.appearance[i, app])
    total += float(p.disappearance[i, dis])
    return total + (float(p.division[i, div]) if may_divide(p, i) else 0.0)
