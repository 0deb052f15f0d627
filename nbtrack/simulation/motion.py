"""How a population of nuclei moves, grows, divides, dies and leaves the field of view.

All lengths are pixels of the image plane (in depth as well: the renderer knows the step between slices). The field of
view is the box from 0 to `PopulationSettings.size`; the world is larger by a margin, so that cells enter and leave.
The defaults give the steps, areas, distances and division rate measured on a movie of HeLa nuclei of the Cell Tracking
Challenge (Fluo-N2DL-HeLa 02, Ulman et al. 2017, doi 10.1038/nmeth.4473); only these figures were taken, no image.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


SETTLED = 1000
"""Frames since birth of a cell that was there from the start."""
_QUICK = 0.05
"""Share of area that a mother has lost when she is last seen before the plate forms."""
_APOPTOSIS = 4
_RELAXATIONS = 4


@dataclass(frozen=True, kw_only=True)
class PopulationSettings:
    """What a population is like.

    Parameters
    ----------
    size : tuple of float, length ndim
        Field of view in pixels, ordered ``(z, y, x)`` or ``(y, x)``.
    n_cells : float
        Cells in the field of view at the start, on average.
    margin : float
        Width of the world outside the field of view, in pixels.
    radius, radius_spread : float
        Mean radius of a young nucleus in pixels and the standard deviation of its logarithm between cells.
    growth : float
        Area at the end of the cycle over area at its start.
    elongation : tuple of float
        Smallest and largest ratio of axes.
    step, step_spread : float
        Typical step in pixels per frame and the standard deviation of its logarithm between cells and times.
    persistence : float
        Correlation of successive steps, 0 to 1.
    turn : float
        Standard deviation of rotation, radians per frame.
    cycle, cycle_spread : float
        Length of the cell cycle in frames and the standard deviation of its logarithm.
    gap : float
        Least gap between nuclei, held against softly, in pixels.
    shyness : float
        Gap between nuclei below which they push each other apart, in pixels.
    split, split_spread : float
        Distance of newborn daughters in pixels and the standard deviation of its logarithm.
    dim_fraction : float
        Share of cells with little fluorescence.
    death_rate : float
        Chance of a cell to die in a frame.
    """

    size: tuple[float, ...]
    n_cells: float
    margin: float = 45.0
    radius: float = 12.8
    radius_spread: float = 0.09
    growth: float = 1.6
    elongation: tuple[float, float] = (1.05, 1.7)
    step: float = 2.5
    step_spread: float = 0.6
    persistence: float = 0.4
    turn: float = 0.09
    cycle: float = 39.0
    cycle_spread: float = 0.15
    gap: float = 3.0
    shyness: float = 12.0
    split: float = 30.0
    split_spread: float = 0.32
    dim_fraction: float = 0.12
    death_rate: float = 0.001


@dataclass(frozen=True)
class Snapshot:
    """The population in one frame.

    Parameters
    ----------
    ids : ndarray of int, shape (n,)
        Cell ids; a daughter has a new one.
    centers, radii : ndarray of float, shape (n, ndim)
        Centres and half axes in pixels.
    rotations : ndarray of float, shape (n, ndim, ndim)
        Columns are the directions of the half axes.
    brightness : ndarray of float, shape (n,)
        Fluorescence per area; 1 is an ordinary nucleus.
    condensed : ndarray of float, shape (n,)
        From 0, a nucleus with nucleoli, to 1, nothing but chromosomes (in mitosis and in death).
    debris : ndarray of float, shape (m, ndim + 2)
        Centre, radius and brightness of each piece of debris, which is no cell.
    """

    ids: NDArray[np.int64]
    centers: NDArray[np.float64]
    radii: NDArray[np.float64]
    rotations: NDArray[np.float64]
    brightness: NDArray[np.float64]
    condensed: NDArray[np.float64]
    debris: NDArray[np.float64]


@dataclass(frozen=True)
class Population:
    """A population over time.

    Parameters
    ----------
    snapshots : list of Snapshot
        One for each frame.
    daughters : dict of int to tuple of int
        The two daughters of each cell that divided; they are first seen in the frame after the mother was last seen.
    """

    snapshots: list[Snapshot]
    daughters: dict[int, tuple[int, int]]


@dataclass(frozen=True)
class _Cells:
    """State of the cells alive: arrays with one row for each."""

    ids: Any
    center: Any
    velocity: Any
    rotation: Any
    scale: Any  # size of this cell relative to the others
    elongation: Any
    brightness: Any
    pace: Any  # logarithm of the step relative to the others
    cycle: Any  # frames from birth to division
    countdown: Any  # frames left until division
    lead: Any  # frames of visible mitosis before division
    since_birth: Any
    squeeze: Any  # share of area lost by the mother's last frame
    small: Any  # share of area that a newborn still lacks
    dying: Any  # frames since the start of apoptosis, 0 alive

    def take(self, chosen: Any) -> _Cells:
        return _Cells(**{f.name: getattr(self, f.name)[chosen] for f in fields(self)})

    def join(self, other: _Cells) -> _Cells:
        return _Cells(**{f.name: np.concatenate([getattr(self, f.name), getattr(other, f.name)]) for f in fields(self)})


def simulate_population(settings: PopulationSettings, n_frames: int, rng: np.random.Generator) -> Population:
    """Let a population live for a number of frames.

    Parameters
    ----------
    settings : PopulationSettings
        What it is like.
    n_frames : int
        Number of frames.
    rng : numpy.random.Generator
        Source of chance; the same state gives the same population.

    Returns
    -------
    Population
    """
    cells = _found(settings, rng)
    debris = np.zeros((0, len(settings.size) + 3))
    next_id = len(cells.ids) + 1
    snapshots: list[Snapshot] = []
    daughters: dict[int, tuple[int, int]] = {}
    for _ in range(n_frames):
        snapshots.append(_observe(cells, debris, settings))
        cells, debris = _die(cells, debris, settings, rng)
        cells = replace(cells, countdown=cells.countdown - 1, since_birth=cells.since_birth + 1)
        splitting = (cells.countdown <= 0) & (cells.dying == 0)
        if splitting.any():
            mothers = cells.take(splitting)
            children = _divide(mothers, next_id, settings, rng)
            for mother, first in zip(mothers.ids.tolist(), children.ids[: len(mothers.ids)].tolist(), strict=True):
                daughters[mother] = (first, first + len(mothers.ids))
            next_id += len(children.ids)
            cells = _move(cells.take(~splitting), settings, rng).join(children)
        else:
            cells = _move(cells, settings, rng)
        cells = replace(cells, center=_confine(_push_apart(cells, settings), settings))
    return Population(snapshots, daughters)


def _found(settings: PopulationSettings, rng: np.random.Generator) -> _Cells:
    """Make the first cells: random ages as in a growing culture, random places pushed apart."""
    size = np.asarray(settings.size)
    ndim = len(size)
    world = np.prod(size + 2 * settings.margin)
    n = max(1, round(settings.n_cells * world / np.prod(size)))
    age = -np.log2(1 - rng.random(n) / 2)
    cycle = _cycle(n, settings, rng)
    cells = _Cells(
        ids=np.arange(1, n + 1),
        center=rng.uniform(-settings.margin, size + settings.margin, (n, ndim)),
        velocity=rng.normal(0, settings.step, (n, ndim)),
        rotation=_rotations(n, ndim, 3.0, rng),
        scale=np.exp(rng.normal(0, settings.radius_spread, n)),
        elongation=rng.uniform(*settings.elongation, n),
        brightness=_brightness(n, settings, rng),
        pace=rng.normal(0, settings.step_spread, n),
        cycle=cycle,
        countdown=np.ceil((1 - age) * cycle),
        lead=rng.integers(1, 4, n),
        since_birth=np.full(n, SETTLED),
        squeeze=_squeeze(n, rng),
        small=np.full(n, 0.0),
        dying=np.zeros(n, int),
    )
    for _ in range(15):
        cells = replace(cells, center=_confine(_push_apart(cells, settings), settings))
    return cells


def _divide(mothers: _Cells, next_id: int, settings: PopulationSettings, rng: np.random.Generator) -> _Cells:
    """Replace mothers by daughters on both sides of the plate; all first daughters, then all second ones."""
    n = len(mothers.ids)
    half = settings.split / 2 * np.exp(rng.normal(0, settings.split_spread, n))
    offset = half[:, None] * mothers.rotation[:, :, 1]
    jitter = rng.normal(0, settings.step, offset.shape)
    small = np.clip(rng.normal(0.34, 0.11, n), 0, 0.55)
    # where the plate formed and parted between two frames, the bars are often seen before they open
    small = np.where((mothers.squeeze <= _QUICK) & (rng.random(n) < 0.7), rng.normal(0.58, 0.02, n), small)
    twins = [
        replace(
            mothers,
            ids=next_id + k * n + np.arange(n),
            center=mothers.center + jitter + sign * offset,
            velocity=0.25 * sign * offset,
            rotation=_rotations(n, offset.shape[1], 0.15, rng) @ mothers.rotation,
            scale=np.exp(0.5 * np.log(mothers.scale) + rng.normal(0, 0.8 * settings.radius_spread, n)),
            elongation=rng.uniform(*settings.elongation, n),
            brightness=mothers.brightness * np.exp(rng.normal(0, 0.05, n)),
            pace=0.5 * mothers.pace + rng.normal(0, 0.85 * settings.step_spread, n),
            cycle=(cycle := _cycle(n, settings, rng)),
            countdown=np.ceil(cycle),
            lead=rng.integers(1, 4, n),
            since_birth=np.zeros(n, int),
            squeeze=_squeeze(n, rng),
            small=small,
        )
        for k, sign in enumerate((1, -1))
    ]
    # sister nuclei are nearly equal when they part
    common = np.sqrt(twins[0].scale * twins[1].scale)
    ratio = np.exp(rng.normal(0, 0.025, n))
    return replace(twins[0], scale=common * ratio).join(replace(twins[1], scale=common / ratio))


def _move(cells: _Cells, settings: PopulationSettings, rng: np.random.Generator) -> _Cells:
    """Take a persistent random step and turn a little."""
    n, ndim = cells.center.shape
    pace = np.exp(0.8 * cells.pace + rng.normal(0, 0.6 * settings.step_spread, n))
    keep = settings.persistence
    kick = settings.step * np.sqrt(1 - keep**2) * pace[:, None] * rng.normal(size=(n, ndim))
    velocity = keep * cells.velocity + kick
    return replace(
        cells,
        velocity=velocity,
        center=cells.center + velocity,
        rotation=_rotations(n, ndim, settings.turn, rng) @ cells.rotation,
    )


def _die(cells: _Cells, debris: Any, settings: PopulationSettings, rng: np.random.Generator) -> tuple[_Cells, Any]:
    """Start and finish apoptosis; what falls apart becomes debris that drifts and fades."""
    ndim = cells.center.shape[1]
    falling = (cells.countdown > 5) & (cells.since_birth > 5) & (rng.random(len(cells.ids)) < settings.death_rate)
    dying = np.where(cells.dying > 0, cells.dying + 1, falling.astype(int))
    gone = dying > _APOPTOSIS
    debris = debris[debris[:, -1] > 1]
    debris[:, :ndim] += rng.normal(0, 0.8, (len(debris), ndim))
    debris[:, -1] -= 1
    debris[:, -2] *= 0.8
    pieces = np.repeat(cells.center[gone], 4, axis=0)
    spread = rng.normal(0, 0.45 * settings.radius, pieces.shape)
    looks = rng.uniform([0.1 * settings.radius, 0.5, 4], [0.25 * settings.radius, 1.3, 12], (len(pieces), 3))
    debris = np.concatenate([debris, np.hstack([pieces + spread, looks])])
    return replace(cells, dying=dying).take(~gone), debris


def _observe(cells: _Cells, debris: Any, settings: PopulationSettings) -> Snapshot:
    """Work out size, form and brightness from the stage of each cell."""
    ndim = cells.center.shape[1]
    progress = np.clip(1 - cells.countdown / cells.cycle, 0, 1)
    area = cells.scale**2 * (1 + (settings.growth - 1) * progress)
    elongation = cells.elongation.astype(float)
    brightness = cells.brightness * (1.1 - 0.1 * progress)

    # before division: rounding, then a bright plate; 0 far away, 1 in the mother's last frame
    ripe = np.clip((cells.lead + 1 - cells.countdown) / cells.lead, 0, 1)
    plate = ripe >= 1
    area = area * (1 - cells.squeeze * ripe)
    elongation = np.where(plate, 2.1, elongation * (1 - ripe) + 1.1 * ripe)
    brightness = brightness * (1 + 1.4 * ripe + 0.8 * plate)

    # after division: two bright bars that open within four frames
    young = np.clip(1 - cells.since_birth / 4, 0, 1)
    area = area * (1 - cells.small * young)
    elongation = elongation * (1 - young) + 2.1 * young
    brightness = brightness * (1 + 1.8 * young**2)

    end = cells.dying / _APOPTOSIS
    area = area * (1 - 0.6 * end)
    elongation = elongation * (1 - end) + 1.05 * end
    brightness = brightness * (1 + 1.2 * end)

    condensed = np.maximum(np.maximum(ripe, young), end)
    radius = settings.radius * np.sqrt(area)
    radii = np.repeat((radius * elongation ** (-1 / ndim))[:, None], ndim, axis=1)
    radii[:, 0] = radius * elongation ** ((ndim - 1) / ndim)
    pieces = np.delete(debris, -1, axis=1)
    return Snapshot(cells.ids, cells.center, radii, cells.rotation, brightness, condensed, pieces)


def _push_apart(cells: _Cells, settings: PopulationSettings) -> Any:
    """Move overlapping cells apart along the line between their centres, softly."""
    center = cells.center.copy()
    snapshot = _observe(cells, np.zeros((0, center.shape[1] + 3)), settings)
    for _ in range(_RELAXATIONS):
        away = center[:, None] - center[None]
        distance = np.sqrt((away**2).sum(-1))
        i, j = np.nonzero((distance < 5 * settings.radius) & (distance > 0))
        direction = away[i, j] / distance[i, j, None]
        extent = _extent(snapshot, i, direction) + _extent(snapshot, j, direction)
        lack = np.clip(extent + settings.gap - distance[i, j], 0, None)
        near = np.clip(extent + settings.shyness - distance[i, j], 0, None)
        push = (0.4 * lack + 0.02 * near)[:, None] * direction
        np.add.at(center, i, push)
    return center


def _extent(snapshot: Snapshot, which: Any, direction: Any) -> Any:
    """Measure ellipses from the centre to the surface along unit vectors."""
    body = np.einsum("nij,ni->nj", snapshot.rotations[which], direction)
    return 1 / np.sqrt(((body / snapshot.radii[which]) ** 2).sum(-1))


def _confine(center: Any, settings: PopulationSettings) -> Any:
    """Reflect at the border of the world."""
    low, high = -settings.margin, np.asarray(settings.size) + settings.margin
    center = np.where(center < low, 2 * low - center, center)
    return np.where(center > high, 2 * high - center, center)


def _rotations(n: int, ndim: int, spread: float, rng: np.random.Generator) -> Any:
    """Draw random rotations: the Cayley transforms of random skew matrices, about `spread` radians."""
    half = np.triu(rng.normal(0, spread / 2, (n, ndim, ndim)), 1)
    skew = half - half.transpose(0, 2, 1)
    return np.linalg.solve(np.eye(ndim) - skew, np.eye(ndim) + skew)


def _cycle(n: int, settings: PopulationSettings, rng: np.random.Generator) -> Any:
    return settings.cycle * np.exp(rng.normal(0, settings.cycle_spread, n))


def _squeeze(n: int, rng: np.random.Generator) -> Any:
    """Draw how condensed the mother is when last seen: sometimes the plate forms and parts between two frames."""
    return np.where(rng.random(n) < 0.12, _QUICK, np.clip(rng.normal(0.36, 0.09, n), 0.1, 0.55))


def _brightness(n: int, settings: PopulationSettings, rng: np.random.Generator) -> Any:
    bright = np.exp(rng.normal(0, 0.25, n))
    return np.where(rng.random(n) < settings.dim_fraction, 0.3, 1.0) * bright
