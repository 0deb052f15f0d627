"""How nuclei look under a fluorescence microscope: shape, chromatin texture, blur, background, noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage as ndi

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nbtrack.simulation.motion import Snapshot

_REACH = 1.25
"""Half width of the patch of a nucleus, in half axes."""
_MIN_VISIBLE = 0.2
"""Share of a nucleus that must be in view for a label."""
_UNIT_BALL = {2: np.pi, 3: 4 / 3 * np.pi}
"""Area and volume of the unit ball."""


@dataclass(frozen=True, kw_only=True)
class CameraSettings:
    """How light becomes numbers.

    Parameters
    ----------
    blur : float
        Standard deviation of the point spread function in the plane, in pixels.
    blur_depth : float
        The same across slices, in pixels of the plane.
    photons : float
        Photons per pixel of an ordinary nucleus.
    background : float
        Photons per pixel where there is nothing.
    haze : float
        Share of light that arrives out of focus.
    gain : float
        Grey values per photon.
    read_noise : float
        Standard deviation of the noise of reading, in grey values.
    offset : int
        Grey value of darkness.
    bleaching : float
        Share of fluorescence lost from frame to frame.
    noise : float
        Multiplies both noises; 0 is a perfect camera.
    """

    blur: float = 1.0
    blur_depth: float = 4.0
    photons: float = 220.0
    background: float = 18.0
    haze: float = 0.10
    gain: float = 4.0
    read_noise: float = 9.0
    offset: int = 32768
    bleaching: float = 0.004
    noise: float = 1.0


class Renderer:
    """Draw snapshots of a population as label images and as light.

    Parameters
    ----------
    shape : sequence of int, length ndim
        Size of a frame in pixels, ordered ``(z, y, x)`` or ``(y, x)``.
    spacing : sequence of float, length ndim
        Size of a pixel along each axis, in pixels of the image plane.
    seed : int
        Seed of shapes and textures.
    """

    def __init__(self, shape: Sequence[int], spacing: Sequence[float], seed: int) -> None:
        self.shape = tuple(shape)
        self.spacing = np.asarray(spacing, dtype=float)
        self._seed = seed
        ndim = len(self.shape)
        rng = np.random.default_rng([seed, 1])
        side = 160 if ndim == 2 else 48
        self._chromatin = _noise_tile(side, ndim, 1.3, rng)
        self._nucleoli = _noise_tile(side, ndim, 2.6, rng)
        self._looks: dict[int, _Look] = {}

    def draw(self, snapshot: Snapshot) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
        """Draw one frame.

        Parameters
        ----------
        snapshot : Snapshot
            The population.

        Returns
        -------
        labels : ndarray of uint32, shape of a frame
            Cell ids, 0 where there is no cell. Where cells touch, a pixel goes to the one it is deeper in. A nucleus
            of which less than a fifth is in view has no label, as annotators leave out what the border cuts off.
        light : ndarray of float32, shape of a frame
            Fluorescence before the microscope; 1 is the inside of an ordinary nucleus.
        """
        labels = np.zeros(self.shape, dtype=np.uint32)
        depth = np.ones(self.shape, dtype=np.float32)
        light = np.zeros(self.shape, dtype=np.float32)
        for k, cell in enumerate(snapshot.ids.tolist()):
            patch = self._patch(snapshot.centers[k], snapshot.radii[k].max() * _REACH)
            if patch is None:
                continue
            window, position = patch
            look = self._looks.get(cell) or self._looks.setdefault(cell, _Look.draw(self._seed, cell, len(self.shape)))
            body = (position @ snapshot.rotations[k]).astype(np.float32)
            near = ((body / snapshot.radii[k]) ** 2).sum(-1) < _REACH**2
            body = body[near]
            level = look.level(body, snapshot.radii[k])
            profile = self._profile(level, body, look, snapshot.radii[k], snapshot.condensed[k])
            light[window][near] += snapshot.brightness[k] * profile
            deeper = level < depth[window][near]
            near[near] = deeper
            labels[window][near] = cell
            depth[window][near] = level[deeper]
        self._drop_slivers(labels, snapshot)
        for piece in snapshot.debris:
            center, radius, brightness = piece[:-2], piece[-2], piece[-1]
            patch = self._patch(center, 3 * radius)
            if patch is not None:
                window, position = patch
                light[window] += brightness * np.exp(-((position / radius) ** 2).sum(-1))
        return labels, light

    def _drop_slivers(self, labels: NDArray[np.uint32], snapshot: Snapshot) -> None:
        """Clear the labels of nuclei that are mostly outside."""
        ndim = len(self.shape)
        whole = _UNIT_BALL[ndim] * snapshot.radii.prod(axis=1) / self.spacing.prod()
        largest = int(snapshot.ids.max(initial=0))
        visible = np.bincount(labels.ravel(), minlength=largest + 1)[snapshot.ids]
        keep = np.zeros(largest + 1, dtype=np.uint32)
        kept = snapshot.ids[visible >= _MIN_VISIBLE * whole]
        keep[kept] = kept
        labels[...] = keep[labels]

    def _patch(self, center: Any, reach: float) -> tuple[tuple[slice, ...], Any] | None:
        """Find the pixels around a centre and their positions relative to it, in pixels of the plane."""
        low = np.clip(np.floor((center - reach) / self.spacing), 0, None).astype(int)
        high = np.clip(np.ceil((center + reach) / self.spacing) + 1, None, self.shape).astype(int)
        if (low >= high).any():
            return None
        axes = [np.arange(a, b) * step - c for a, b, step, c in zip(low, high, self.spacing, center, strict=True)]
        window = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        return window, np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)

    def _profile(self, level: Any, body: Any, look: _Look, radii: Any, condensed: float) -> Any:
        """Give light inside one nucleus: thickness, chromatin grain, dark nucleoli."""
        where = np.moveaxis(body + look.offset, -1, 0)
        grain = ndi.map_coordinates(self._chromatin, where, order=1, mode="grid-wrap")
        holes = ndi.map_coordinates(self._nucleoli, where, order=1, mode="grid-wrap")
        edge = np.clip((1 - level) * radii.min() / 2.5 + 0.3, 0, 1)
        dome = 0.65 + 0.35 * np.sqrt(np.clip(1 - level**2, 0, 1))
        dark = 0.45 * (1 - condensed) / (1 + np.exp(-(holes - 1.55) / 0.15))
        return edge * dome * np.clip(1 + look.contrast * grain - dark, 0.2, None)


@dataclass(frozen=True)
class _Look:
    """What stays the same in a nucleus: irregular outline, place in the texture, contrast."""

    waves: Any
    phases: Any
    amplitudes: Any
    offset: Any
    contrast: float

    @classmethod
    def draw(cls, seed: int, cell: int, ndim: int) -> _Look:
        rng = np.random.default_rng([seed, 2, cell])
        return cls(
            waves=rng.normal(0, 1.6, (5, ndim)).astype(np.float32),
            phases=rng.uniform(0, 2 * np.pi, 5).astype(np.float32),
            amplitudes=rng.normal(0, 0.035, 5).astype(np.float32),
            offset=rng.uniform(0, 160, ndim).astype(np.float32),
            contrast=rng.uniform(0.10, 0.26),
        )

    def level(self, body: Any, radii: Any) -> Any:
        """Measure how far out each position is: 0 centre, 1 outline."""
        unit = body / radii.astype(np.float32)
        distance = np.sqrt((unit**2).sum(-1))
        direction = unit / np.maximum(distance, 1e-9)[..., None]
        return distance / (1 + np.cos(direction @ self.waves.T + self.phases) @ self.amplitudes)


class Microscope:
    """Turn light into grey values.

    Parameters
    ----------
    shape, spacing
        As in `Renderer`.
    settings : CameraSettings
        Optics and camera.
    rng : numpy.random.Generator
        Source of chance.
    """

    def __init__(
        self, shape: Sequence[int], spacing: Sequence[float], settings: CameraSettings, rng: np.random.Generator
    ) -> None:
        self._settings = settings
        self._rng = rng
        in_plane = [settings.blur_depth] * (len(shape) - 2) + [settings.blur] * 2
        self._blur = np.asarray(in_plane) / spacing
        self._far = np.ceil(22.0 / np.asarray(spacing)).astype(int)
        self._illumination = _illumination(tuple(shape), rng)

    def expose(self, light: NDArray[np.float32], t: int) -> NDArray[np.uint16]:
        """Take a picture.

        Parameters
        ----------
        light : ndarray of float32, shape of a frame
            From `Renderer.draw`.
        t : int
            Frame number, for bleaching.

        Returns
        -------
        ndarray of uint16, shape of a frame
        """
        s = self._settings
        sharp = ndi.gaussian_filter(light, self._blur)
        blurred = ndi.uniform_filter(ndi.uniform_filter(sharp, self._far), self._far)
        lit = ((1 - s.haze) * sharp + s.haze * blurred) * s.photons * (1 - s.bleaching) ** t
        expected = (lit + s.background) * self._illumination
        photons = expected
        if s.noise > 0:
            photons = self._rng.poisson(expected / s.noise**2) * s.noise**2
        grey = s.offset + s.gain * photons + s.read_noise * s.noise * self._rng.standard_normal(light.shape, np.float32)
        picture: NDArray[np.uint16] = np.clip(np.rint(grey), 0, 65535).astype(np.uint16)
        return picture


def _noise_tile(side: int, ndim: int, sigma: float, rng: np.random.Generator) -> Any:
    """Make smooth periodic noise of unit variance."""
    tile = ndi.gaussian_filter(rng.normal(size=(side,) * ndim), sigma, mode="wrap")
    return (tile / tile.std()).astype(np.float32)


def _illumination(shape: tuple[int, ...], rng: np.random.Generator) -> Any:
    """Make uneven light: brightest near the middle of the plane, weaker in depth."""
    grid = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij", sparse=True)
    peak = rng.uniform(-0.35, 0.35, 2)
    plane = 1.08 - 0.13 * sum((g - p) ** 2 for g, p in zip(grid[-2:], peak, strict=True))
    for g in grid[:-2]:
        plane = plane * (0.85 - 0.15 * g)
    return np.clip(plane, 0.3, None)
