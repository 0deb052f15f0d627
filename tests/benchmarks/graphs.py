"""Hypothesis graphs as crowded movies give them, with known sizes and seeds, for the benchmarks of the solvers.

Cells walk about in a square field that they enter and leave, divide, touch (and are then detected as one object), are
missed, and debris is detected besides. Candidate links join each detection to its nearest ones in the next frame. The
energies are minus log probabilities of noisy classifiers times the weights of a regime; every detection holds one
object at most, so that trackers without a notion of mergers solve the same problem. The regime "mergers" is the
exception: there detections of touching cells hold two objects, and any may hold up to three.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from nbtrack.data.convex import convexify
from nbtrack.data.problem import Problem

if TYPE_CHECKING:
    from pathlib import Path

SPACING = 20.0
"""Side of the square that a cell has on average, in pixels."""
STEP = 4.0
"""Standard deviation of a step along each axis, in pixels."""
DIVISION_RATE = 0.012
"""Chance of a cell to divide before the next frame."""
DAUGHTER_DISTANCE = 12.0
"""Distance of newborn daughters, in pixels."""
TOUCHING = 5.0
"""Cells nearer than this are detected as one object in every second frame, in pixels."""
MISSED = 0.02
"""Share of cells that are not detected."""
DEBRIS = 0.05
"""False detections per cell."""
LOCALISATION = 1.0
"""Standard deviation of the error of a centre, in pixels."""
NEIGHBORS = 4
"""Candidate links that leave a detection."""
REACH = 35.0
"""Largest distance of a candidate link, in pixels."""
BORDER = 10.0
"""Width of the border in which appearing and disappearing become cheaper, in pixels."""


@dataclass(frozen=True)
class Regime:
    """Weights of the energies.

    Parameters
    ----------
    detection, division, transition : float
        Factors of minus log probability.
    appearance, disappearance : float
        Energy inside the field of view.
    alpha : float
        A link of distance d has the probability ``exp(-d / alpha)``, in pixels.
    """

    detection: float
    division: float
    transition: float
    appearance: float
    disappearance: float
    alpha: float


REGIMES = {
    "soft": Regime(1.0, 1.0, 1.0, 4.6, 4.6, 3.0),
    "conservation": Regime(10.0, 10.0, 10.0, 500.0, 500.0, 5.0),
    "mergers": Regime(10.0, 10.0, 10.0, 500.0, 500.0, 5.0),
}
"""Plain minus log probabilities (4.6 is that of 1 %), and the default weights of conservation tracking (twice)."""
MOST_OBJECTS = 3
"""Objects that a detection can hold in the regime "mergers"."""
COUNT_NOISE = 0.8
"""Standard deviation of the noise of the logits of the classifier of counts."""


class _Frame(NamedTuple):
    """What is detected in one frame: centres, shape (n, 2), and what is true of each."""

    centers: np.ndarray
    number: np.ndarray
    divides: np.ndarray


def make_graph(n_cells: int, n_frames: int, regime: str, seed: int = 0) -> tuple[Problem, np.ndarray]:
    """Make a problem of about ``n_cells * n_frames`` detections.

    Parameters
    ----------
    n_cells : int
        Cells in a frame.
    n_frames : int
        Frames.
    regime : str
        One of `REGIMES`.
    seed : int, optional
        The same seed gives the same graph, and the same movie in every regime.

    Returns
    -------
    problem : Problem
        Energies, capacity 1.
    t : ndarray of int, shape (n,)
        Frame of each detection.
    """
    weights = REGIMES[regime]
    side = SPACING * np.sqrt(n_cells)
    frames = _simulate(n_cells, n_frames, side, np.random.default_rng([seed, 0]))
    centers = np.concatenate([f.centers for f in frames])
    number = np.concatenate([f.number for f in frames])
    is_cell = number > 0
    divides = np.concatenate([f.divides for f in frames])
    t = np.repeat(np.arange(n_frames), [len(f.centers) for f in frames])
    source, target, distance = _candidate_links(frames)

    rng = np.random.default_rng([seed, 1])
    n = len(t)
    p_cell = _clip(np.where(is_cell, rng.beta(6.0, 0.8, n), rng.beta(0.8, 6.0, n)))
    p_division = _clip(np.where(divides, rng.beta(5.0, 3.0, n), rng.beta(0.6, 12.0, n)))
    p_link = np.clip(np.exp(-distance / weights.alpha), 1e-6, 1 - 1e-3)
    inside = np.clip(np.minimum(centers, side - centers).min(axis=1) / BORDER, 0, 1)
    appearance = np.where(t == 0, 0.0, weights.appearance * inside)
    disappearance = np.where(t == n_frames - 1, 0.0, weights.disappearance * inside)
    one = np.ones(n, np.int64)
    problem = Problem(
        detection=weights.detection * _energies(p_cell),
        capacity=one,
        source=source,
        target=target,
        link=weights.transition * _energies(p_link),
        link_capacity=np.ones(len(source), np.int64),
        appearance=np.column_stack([np.zeros(n), appearance]),
        appearance_capacity=one,
        disappearance=np.column_stack([np.zeros(n), disappearance]),
        disappearance_capacity=one,
        division=weights.division * _energies(p_division),
        divides=np.ones(n, bool),
    )
    return (_with_mergers(problem, number, seed) if regime == "mergers" else problem), t


def _with_mergers(problem: Problem, number: np.ndarray, seed: int) -> Problem:
    """Let every detection hold up to `MOST_OBJECTS`, with convex energies as `nbtrack.track` makes them."""
    states = np.arange(MOST_OBJECTS + 1)
    rng = np.random.default_rng([seed, 2])
    logit = -2.5 * np.abs(states - number[:, None]) + rng.normal(0, COUNT_NOISE, (len(number), len(states)))
    p = np.exp(logit - logit.max(axis=1, keepdims=True))
    p = np.clip(p / p.sum(axis=1, keepdims=True), 1e-4, 1 - 1e-4)
    capacity = np.full(problem.n_detections, MOST_OBJECTS)

    def flat(energy: np.ndarray) -> np.ndarray:
        return convexify(np.where(states > 0, energy[:, 1:2], energy[:, :1]))

    def linear(energy: np.ndarray) -> np.ndarray:
        return energy[:, 1:2] * states

    return replace(
        problem,
        detection=REGIMES["mergers"].detection * convexify(-np.log(p)),
        capacity=capacity,
        link=flat(problem.link),
        link_capacity=np.full(problem.n_links, MOST_OBJECTS),
        appearance=linear(problem.appearance),
        appearance_capacity=capacity,
        disappearance=linear(problem.disappearance),
        disappearance_capacity=capacity,
    )


def save_graph(path: Path, problem: Problem, t: np.ndarray) -> None:
    """Write the arrays of a problem made by `make_graph`, each under its name, and `t`."""
    default = ("division_link", "narrow_links", "external_parent", "external_children", "external", "names")
    arrays = {k: v for k, v in vars(problem).items() if isinstance(v, np.ndarray) and k not in default}
    np.savez(path, t=t, **arrays)


def _simulate(n_cells: int, n_frames: int, side: float, rng: np.random.Generator) -> list[_Frame]:
    cells = rng.uniform(0, side, (n_cells, 2))
    frames = []
    for _ in range(n_frames):
        divides = rng.random(len(cells)) < DIVISION_RATE
        frames.append(_detect(cells, divides, side, rng))
        angle = rng.uniform(0, 2 * np.pi, len(cells))
        axis = DAUGHTER_DISTANCE / 2 * np.column_stack([np.sin(angle), np.cos(angle)])
        moved = cells + rng.normal(0, STEP, cells.shape)
        moved[divides] = cells[divides] + axis[divides] + rng.normal(0, 1, (divides.sum(), 2))
        sisters = cells[divides] - axis[divides] + rng.normal(0, 1, (divides.sum(), 2))
        cells = np.concatenate([moved, sisters])
        cells = cells[((cells >= 0) & (cells <= side)).all(axis=1)]
        surplus = len(cells) - n_cells
        if surplus > 0:
            cells = np.delete(cells, rng.choice(len(cells), surplus, replace=False), axis=0)
        else:
            cells = np.concatenate([cells, _at_border(-surplus, side, rng)])
    return frames


def _detect(cells: np.ndarray, divides: np.ndarray, side: float, rng: np.random.Generator) -> _Frame:
    centers = cells + rng.normal(0, LOCALISATION, cells.shape)
    seen = rng.random(len(cells)) >= MISSED
    merged = np.zeros(len(cells), bool)
    pairs = cKDTree(cells).query_pairs(TOUCHING, output_type="ndarray")
    for i, j in pairs[rng.random(len(pairs)) < 0.5]:
        if not (merged[i] or merged[j]):
            merged[[i, j]] = True
            centers[i] = (cells[i] + cells[j]) / 2
            seen[j] = False
    debris = rng.uniform(0, side, (rng.poisson(DEBRIS * len(cells)), 2))
    return _Frame(
        np.concatenate([centers[seen], debris]),
        np.concatenate([1 + merged[seen], np.zeros(len(debris), np.int64)]),
        np.concatenate([divides[seen], np.zeros(len(debris), bool)]),
    )


def _at_border(n: int, side: float, rng: np.random.Generator) -> np.ndarray:
    """Give places one pixel inside one of the four sides, shape (n, 2)."""
    along, which = rng.uniform(0, side, n), rng.integers(0, 4, n)
    across = np.where(which % 2 == 0, 1.0, side - 1.0)
    return np.where((which < 2)[:, None], np.column_stack([across, along]), np.column_stack([along, across]))


def _candidate_links(frames: list[_Frame]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Join each detection to its nearest ones in the next frame; sorted by source, then by target."""
    sources, targets, distances = [], [], []
    first = 0
    for here, there in itertools.pairwise(frames):
        distance, index = cKDTree(there.centers).query(here.centers, NEIGHBORS, distance_upper_bound=REACH)
        order = np.argsort(index, axis=1)
        distance, index = np.take_along_axis(distance, order, 1), np.take_along_axis(index, order, 1)
        row, neighbor = np.nonzero(np.isfinite(distance))
        sources.append(first + row)
        first += len(here.centers)
        targets.append(first + index[row, neighbor])
        distances.append(distance[row, neighbor])
    return np.concatenate(sources), np.concatenate(targets), np.concatenate(distances)


def _clip(p: np.ndarray) -> np.ndarray:
    return np.clip(p, 1e-4, 1 - 1e-4)


def _energies(p: np.ndarray) -> np.ndarray:
    """Give minus log of ``1 - p`` and of ``p``, shape (n, 2)."""
    return -np.log(np.column_stack([1 - p, p]))
