"""What surrounds an object in space and time: who comes next, who came before, and which pair could be its daughters.

Only centres, sizes and brightness are looked at, so that a movie takes a moment. Lengths are in a unit that the caller
gives per object, its typical radius, and end at `REACH`: an object further away is as good as none. "The next frame" is
the next one that has objects.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

REACH = 6.0
"""How far candidates are looked for, in typical radii."""
_CANDIDATES = 4
_PAIRS = [(i, j) for j in range(_CANDIDATES) for i in range(j)]
_MOST = 5.0


def neighborhood_features(
    t: np.ndarray, position: np.ndarray, unit: np.ndarray, size: np.ndarray, brightness: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Describe the surroundings of every object.

    Parameters
    ----------
    t : ndarray of int, shape (n,)
        Frames, ascending.
    position : ndarray of float, shape (n, ndim)
        Centres, in a unit that is the same along all axes.
    unit : ndarray of float, shape (n,)
        Radius of a typical object there, in the unit of `position`.
    size : ndarray of float, shape (n,)
        Sizes; only ratios matter.
    brightness : ndarray of float, shape (n,), optional
        Mean intensity above background, positive; only ratios matter.

    Returns
    -------
    dict of str to ndarray of float, shape (n,)
        Of the three nearest objects of the next frame, in order of distance: `next_distance_0` to `next_distance_2`;
        with the nearest two as children c1, c2 of the object p (0 if there are no two): `parent_children_size` =
        size(p) / (size(c1) + size(c2)), `children_size` and `children_distance` = smaller over larger,
        `parent_children_angle` = the largest angle at p between two of the three, in degrees.
        Of the pair among the nearest four that fits a division best: `pair_offset` (distance of p from the middle of
        the pair), `pair_distance`, `pair_angle`, `pair_size` (as above), `pair_balance` (smaller over larger size) and
        `pair_rival` (how much further the next best parent is, the smaller of the two ratios).
        `next_size`, `previous_size`: log of the size of the nearest object then over its own; `next_claims` and
        `previous_claims`: how many objects then have this one as their nearest; `previous_distance` and
        `next_distance_0` lead there; `neighbor_distance` to the nearest in the same frame.
        With brightness, the same ratios as `parent_children_brightness`, `children_brightness`, `pair_brightness`,
        `pair_brightness_balance`, `next_brightness`, `previous_brightness`.
    """
    ahead, distance = _nearest(t, position, 1, _CANDIDATES)
    behind, back_distance = _nearest(t, position, -1, 1)
    _, side_distance = _nearest(t, position, 0, 2)
    near = distance / unit[:, None] < REACH
    ahead = np.where(near, ahead, -1)
    behind = np.where(back_distance / unit[:, None] < REACH, behind, -1)
    found = {
        f"next_distance_{k}": np.minimum(distance[:, k] / unit, REACH) for k in range(min(3, distance.shape[1]))
    } | {
        "previous_distance": np.minimum(back_distance[:, 0] / unit, REACH),
        "neighbor_distance": np.minimum(side_distance[:, 1] / unit, REACH),
        "next_claims": _claims(behind[:, 0], len(t)),
        "previous_claims": _claims(ahead[:, 0], len(t)),
    }
    angle = _angles(position, ahead)
    has_two = ahead[:, 1] >= 0
    both = np.where(has_two, 1.0, 0.0)
    found["parent_children_angle"] = angle[:, : _PAIRS.index((1, 2)) + 1].max(axis=1)
    found["children_distance"] = both * _ratio(distance[:, 0], np.where(has_two, distance[:, 1], 1.0))
    best, offset = _best_pair(position, unit, size, ahead, behind[:, 0])
    child = np.take_along_axis(ahead, best, axis=1)
    is_pair = child[:, 1] >= 0
    apart = np.linalg.norm(position[child[:, 0]] - position[child[:, 1]], axis=1) / unit
    found["pair_offset"] = np.where(is_pair, np.minimum(offset, REACH), REACH)
    found["pair_distance"] = np.where(is_pair, apart, 0.0)
    rows = np.arange(len(t))
    which = best[:, 1] * (best[:, 1] - 1) // 2 + best[:, 0]
    found["pair_angle"] = np.where(is_pair, angle[rows, which], 0.0)
    found["pair_rival"] = _rivals(t, position, child, is_pair)
    for name, values in (("size", size), ("brightness", brightness)):
        if values is None:
            continue
        first, second = values[ahead[:, 0]], values[ahead[:, 1]]
        found[f"parent_children_{name}"] = both * np.minimum(values / (first + second), _MOST)
        found[f"children_{name}"] = both * _ratio(first, second)
        one, two = values[child[:, 0]], values[child[:, 1]]
        found[f"pair_{name}"] = np.where(is_pair, np.minimum(values / (one + two), _MOST), 0.0)
        found["pair_balance" if name == "size" else "pair_brightness_balance"] = np.where(is_pair, _ratio(one, two), 0)
        for when, there in (("next", ahead[:, 0]), ("previous", behind[:, 0])):
            found[f"{when}_{name}"] = np.where(there >= 0, np.log(values[there] / values), 0.0)
    return found


def _nearest(t: np.ndarray, position: np.ndarray, step: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the k nearest objects in the frame `step` frames with objects away: rows, -1 for none, and distances."""
    index = np.full((len(t), k), -1)
    distance = np.full((len(t), k), np.inf)
    frames, starts = np.unique(t, return_index=True)
    ends = np.r_[starts[1:], len(t)]
    for now in range(len(frames)):
        if not 0 <= now + step < len(frames):
            continue
        a, b = slice(starts[now], ends[now]), slice(starts[now + step], ends[now + step])
        wanted = min(k, b.stop - b.start)
        far, where = cKDTree(position[b]).query(position[a], k=np.arange(1, wanted + 1))
        index[a, :wanted], distance[a, :wanted] = where + b.start, far
    return index, distance


def _claims(target: np.ndarray, n: int) -> np.ndarray:
    return np.bincount(target[target >= 0], minlength=n).astype(float)


def _ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Divide the smaller by the larger; 1 where both are 0."""
    larger = np.maximum(a, b)
    return np.asarray(np.where(larger > 0, np.minimum(a, b) / np.where(larger > 0, larger, 1.0), 1.0))


def _angles(position: np.ndarray, ahead: np.ndarray) -> np.ndarray:
    """Measure the angle at each object between every pair of candidates, in degrees; 0 where there is no pair."""
    away = position[ahead] - position[:, None]
    length = np.linalg.norm(away, axis=2)
    angles = np.zeros((len(position), len(_PAIRS)))
    for column, (i, j) in enumerate(_PAIRS):
        product = length[:, i] * length[:, j]
        there = (ahead[:, j] >= 0) & (product > 0)
        cosine = (away[:, i] * away[:, j]).sum(axis=1) / np.where(there, product, 1.0)
        angles[:, column] = np.where(there, np.degrees(np.arccos(np.clip(cosine, -1, 1))), 0.0)
    return angles


def _best_pair(
    position: np.ndarray, unit: np.ndarray, size: np.ndarray, ahead: np.ndarray, nearest_before: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Choose the pair whose middle is nearest, whose sizes are alike, and whose nearest object before is this one."""
    costs, offsets = [], []
    rows = np.arange(len(position))
    for i, j in _PAIRS:
        a, b = ahead[:, i], ahead[:, j]
        offset = np.linalg.norm((position[a] + position[b]) / 2 - position, axis=1) / unit
        foreign = (nearest_before[a] != rows).astype(float) + (nearest_before[b] != rows)
        cost = offset + np.abs(np.log(size[a] / size[b])) + foreign
        costs.append(np.where(b >= 0, cost, np.inf))
        offsets.append(offset)
    choice = np.argmin(costs, axis=0)
    return np.array(_PAIRS)[choice], np.array(offsets)[choice, rows]


def _rivals(t: np.ndarray, position: np.ndarray, child: np.ndarray, is_pair: np.ndarray) -> np.ndarray:
    """Compare the distance of the children from the next best parent with that from this one."""
    before, distance = _nearest(t, position, -1, 2)
    rows = np.arange(len(t))
    rival = np.full(len(t), _MOST)
    for k in range(2):
        own = np.linalg.norm(position[child[:, k]] - position, axis=1)
        other = np.where(before[child[:, k], 0] == rows, distance[child[:, k], 1], distance[child[:, k], 0])
        rival = np.minimum(rival, other / np.maximum(own, 1e-9))
    return np.where(is_pair, rival, 0.0)
