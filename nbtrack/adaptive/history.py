"""What a pass saw, for the next one: velocities, how long objects live, and which divisions are sure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nbtrack.adaptive.objects import Objects
    from nbtrack.data.problem import Problem, Solution
    from nbtrack.params import TrackingParams

LONG = 3
"""Frames after which a life counts as long."""
NEAR_BORDER = 1.0
"""Distance from the border, in radii, within which a short life is no wonder."""


@dataclass(frozen=True, kw_only=True)
class History:
    """The last answer in the terms of the next pass.

    Parameters
    ----------
    velocity : ndarray of float, shape (n, ndim)
        Step per frame that each object is expected to make.
    following, preceding : ndarray of int, shape (n,)
        The next and the last object of the same track, or -1.
    dies_soon, born_late : ndarray of bool, shape (n,)
        Whether the object is seen for less than `LONG` frames from here on, or up to here.
    divisions : ndarray of int, shape (e, 3)
        Mother and daughters of the divisions in use.
    merges : ndarray of int, shape (g, 3)
        Merged object and those that merged.
    """

    velocity: np.ndarray
    following: np.ndarray
    preceding: np.ndarray
    dies_soon: np.ndarray
    born_late: np.ndarray
    divisions: np.ndarray
    merges: np.ndarray

    def is_short_lived(self, mother: np.ndarray, pair: np.ndarray) -> np.ndarray:
        """Tell of which divisions a daughter dies soon or the mother was born late, shape (e,)."""
        return np.asarray(self.dies_soon[pair].any(axis=1) | self.born_late[mother])

    def division_examples(self, mother: np.ndarray, pair: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Tell which divisions are surely right, and which are surely wrong as the mother just goes on."""
        sure = ~self.is_short_lived(self.divisions[:, 0], self.divisions[:, 1:])
        return _examples(self.divisions[sure], self.following, mother, pair)

    def merge_examples(self, merged: np.ndarray, pair: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Tell which merges are surely right, and which are surely wrong as one of the two just goes on."""
        whole, two = self.merges[:, 0], self.merges[:, 1:]
        sure = ~(self.dies_soon[whole] | self.born_late[two].any(axis=1))
        return _examples(self.merges[sure], self.preceding, merged, pair)


def look_back(objects: Objects, problem: Problem, solution: Solution, params: TrackingParams) -> History:
    """Read the history off an answer.

    Parameters
    ----------
    objects : Objects
        The objects.
    problem : Problem
        What was solved.
    solution : Solution
        The answer.
    params : TrackingParams
        `velocity`.

    Returns
    -------
    History
    """
    n, frame = len(objects), objects.frame
    used = np.flatnonzero(solution.flow)
    i, j = problem.source[used], problem.target[used]
    frames = (objects.times[frame[j]] - objects.times[frame[i]])[:, None]
    velocity = np.zeros_like(objects.position)
    velocity[j] = params.velocity * (objects.position[j] - objects.position[i] - objects.drift_to(i, j)) / frames
    divisions = solution.external
    mothers, daughters = problem.external_parent[divisions], problem.external_children[divisions]
    merged, merging = problem.merge_target[solution.merges], problem.merge_sources[solution.merges]

    ahead, past = np.ones(n, np.int64), np.ones(n, np.int64)
    near_border = objects.border < NEAR_BORDER
    ahead[(frame >= len(objects.times) - LONG) | near_border] = LONG
    past[(frame < LONG - 1) | near_border] = LONG
    for seen, kinds in ((ahead, (mothers, merging.ravel())), (past, (merged, daughters.ravel()))):
        for kind in kinds:
            seen[kind] = LONG
    for _ in range(LONG - 1):  # so many steps carry a life of LONG frames
        np.maximum.at(ahead, i, np.minimum(ahead[j] + 1, LONG))
        np.maximum.at(past, j, np.minimum(past[i] + 1, LONG))
    following, preceding = np.full(n, -1), np.full(n, -1)
    following[i], preceding[j] = j, i
    return History(
        velocity=velocity,
        following=following,
        preceding=preceding,
        dies_soon=ahead < LONG,
        born_late=past < LONG,
        divisions=np.column_stack([mothers, daughters]),
        merges=np.column_stack([merged, merging]),
    )


def _examples(
    sure: np.ndarray, other: np.ndarray, whole: np.ndarray, pair: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Find the sure triples among hypotheses, and those of which one of the two is the whole by itself."""
    n = len(other)
    right = np.isin(_keys(np.column_stack([whole, pair]), n), _keys(sure, n))
    alone = other[whole]
    wrong = (alone >= 0) & (alone[:, None] == pair).any(axis=1)
    return right, wrong & ~right


def _keys(triples: np.ndarray, n: int) -> np.ndarray:
    """Give each triple of objects, whose last two are in order, a number of its own."""
    return np.asarray((triples[:, 0] * n + triples[:, 1]) * n + triples[:, 2])
