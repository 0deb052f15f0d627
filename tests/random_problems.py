"""Random problems: tiny ones with every rule of the law switched on and off, larger ones whose relaxation is hard."""

import numpy as np

from nbtrack.data.graph import HypothesisGraph
from nbtrack.data.problem import Problem
from nbtrack.solvers.pinned import PinnedState


def tiny_problem(seed: int, *, chaingraph: bool | None = None) -> Problem:
    """Make a problem of 3 to 6 detections in 2 or 3 frames; everything about it follows from the seed.

    Capacities of 1 to 3, some detections that may not appear, disappear or divide, and by turns partial appearance,
    one-frame tracks, separate children, named divisions, exclusions, and the energies of both presets.
    """
    rng = np.random.default_rng(seed)
    chaingraph = seed % 3 == 0 if chaingraph is None else chaingraph
    m = 1 if chaingraph else int(rng.integers(1, 4))
    frames = np.sort(np.r_[0, 1, rng.integers(0, 3, size=rng.integers(2, 5 if m < 3 else 4))])
    n = len(frames)
    pairs = [(i, j) for i in range(n) for j in range(n) if frames[j] == frames[i] + 1]
    keep = rng.permutation(len(pairs))[: 7 if m < 3 else 5]
    source, target = np.array(sorted(pairs[k] for k in keep)).T
    a = len(source)

    def capacities(size: int, absent: float = 0.0) -> np.ndarray:
        capacity = np.maximum(rng.integers(1, m + 1, size=size), rng.integers(1, m + 1, size=size))
        return np.where(rng.random(size) < absent, 0, capacity)

    def energies(size: int, of_one: float, spread: float) -> np.ndarray:
        table = np.zeros((size, m + 1))
        table[:, 0] = rng.normal(0, 1, size)
        table[:, 1:] = of_one + rng.normal(0, spread, (size, m)) + np.arange(m)
        return table

    likely = rng.integers(0, m + 2, n).clip(1, m)
    detection = 4 * np.abs(np.arange(m + 1) - likely[:, None]) + rng.normal(0, 2, (n, m + 1))
    division_link, narrow = None, np.zeros((0, 2), np.int64)
    if chaingraph:
        division_link = rng.normal(-1, 2, a)
        fans = [(b, c) for b in range(a) for c in range(b + 1, a) if source[b] == source[c]]
        narrow = np.array([fan for fan in fans if rng.random() < 0.4], np.int64).reshape(-1, 2)
    parents, children = [], []
    if not chaingraph and seed % 4 == 1:
        for parent in rng.integers(n, size=4).tolist():
            later = np.flatnonzero(frames == frames[parent] + 1)
            if len(later) > 1:
                parents.append(parent)
                children.append(np.sort(rng.permutation(later)[:2]))
    merged, merging = [], []
    if not chaingraph and seed % 4 in (1, 2):
        chance = np.random.default_rng([seed, 3])
        for later_one in chance.integers(n, size=3).tolist():
            before = np.flatnonzero(frames == frames[later_one] - 1)
            if len(before) > 1:
                merged.append(later_one)
                merging.append(np.sort(chance.permutation(before)[:2]))
    exclusions = tuple(np.sort(rng.permutation(n)[: rng.integers(1, 4)]) for _ in range(2)) if seed % 5 == 2 else ()
    return Problem(
        detection=detection,
        capacity=capacities(n),
        source=source,
        target=target,
        link=energies(a, -2, 2),
        link_capacity=capacities(a),
        appearance=energies(n, 1, 2),
        appearance_capacity=capacities(n, absent=0.1),
        disappearance=energies(n, 1, 2),
        disappearance_capacity=capacities(n, absent=0.1),
        division=rng.normal([0, -3], 2, (n, 2)),
        divides=rng.random(n) < 0.7,
        division_link=division_link,
        narrow_links=narrow,
        external_parent=np.array(parents, np.int64),
        external_children=np.array(children, np.int64).reshape(-1, 2),
        external=rng.normal([0, -10], 2, (len(parents), 2)),
        merge_target=np.array(merged, np.int64),
        merge_sources=np.array(merging, np.int64).reshape(-1, 2),
        merge=np.random.default_rng([seed, 4]).normal([0, -10], 2, (len(merged), 2)),
        exclusions=exclusions,
        partial_appearance=bool(rng.integers(2)),
        one_frame_tracks=bool(rng.integers(2)),
        separate_children=chaingraph or bool(rng.integers(2)),
    )


def random_pins(problem: Problem, seed: int, number: int = 2) -> list[PinnedState]:
    """Draw pins of all kinds that are possible one by one (but perhaps not together)."""
    rng = np.random.default_rng([seed, 7])
    p = problem
    capacity = {
        "count": p.capacity,
        "link": p.link_capacity,
        "appearance": p.appearance_capacity,
        "disappearance": p.disappearance_capacity,
        "division": np.where(p.divides & (np.bincount(p.source, minlength=p.n_detections) > 1), 1, 0),
    }
    pins = []
    for kind in rng.permutation(list(capacity))[:number].tolist():
        index = int(rng.integers(len(capacity[kind])))
        value = int(rng.integers(capacity[kind][index] + 1))
        pins.append(PinnedState(kind, index, value, value, f"{kind} {index} is {value}"))
    return pins


def crowded_graph(seed: int, *, frames: int = 8, objects: int = 40, width: float = 100.0) -> HypothesisGraph:
    """Make some hundred detections that jump about as far as they are apart, each with its three nearest as targets."""
    rng = np.random.default_rng(seed)
    points = [rng.uniform(0, width, (objects, 2))]
    for _ in range(frames - 1):
        moved = points[-1] + rng.normal(0, 6, (objects, 2))
        fresh = rng.uniform(0, width, (objects, 2))
        points.append(np.where(rng.random((objects, 1)) < 0.1, fresh, moved))
    position = np.concatenate(points)
    t = np.repeat(np.arange(frames), objects)
    links = set()
    for now in range(frames - 1):
        distance = np.linalg.norm(points[now][:, None] - points[now + 1][None], axis=2)
        for i, near in enumerate(np.argsort(distance, axis=1)[:, :3]):
            links |= {(now * objects + i, (now + 1) * objects + int(j)) for j in near}
        for j, near in enumerate(np.argsort(distance, axis=0)[:3].T):
            links |= {(now * objects + int(i), (now + 1) * objects + j) for i in near}
    source, target = np.array(sorted(links)).T
    return HypothesisGraph(
        t=t,
        object_id=np.tile(np.arange(1, objects + 1), frames),
        row=np.arange(len(t)),
        position=position,
        size=rng.choice([60.0, 100.0, 130.0, 190.0], len(t)),
        border=np.ones(len(t)),
        source=source,
        target=target,
        distance=np.linalg.norm(position[source] - position[target], axis=1),
    )
