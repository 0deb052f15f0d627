"""Sample movies: simulated ones with a known truth, and the tutorial data of the reference, which are downloaded.

The simulated nuclei move, grow and divide as measured on real movies: in pixels and frames, the quantiles of step,
area, distance of daughters, ratio of their areas and distance of neighbours, and the rate of divisions are within 20 %
of those of HeLa nuclei in the Cell Tracking Challenge (Fluo-N2DL-HeLa 02). The nuclei in three dimensions move like
those of an early embryo. Only such figures were taken; every pixel is made by `nbtrack.simulation`.
"""

from __future__ import annotations

import inspect
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nbtrack.data.movie import ArraySource, Movie
from nbtrack.downloads import fetch_archive
from nbtrack.errors import InputError
from nbtrack.io.registry import read
from nbtrack.simulation.appearance import CameraSettings
from nbtrack.simulation.motion import PopulationSettings
from nbtrack.simulation.nuclei import Simulation, simulate_nuclei
from nbtrack.simulation.prediction import FaultSettings
from nbtrack.simulation.shapes import simulate_shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from nbtrack.data.lineage import Lineage

URL_VARIABLE = "NBTRACK_SAMPLE_URL"
"""Environment variable: address of the folder that holds the tutorial archives."""
_URL = "https://data.ilastik.org"
_MOST_CROWDED = 0.5


@dataclass(frozen=True)
class Sample:
    """A movie with its prediction map and, if it was simulated, its truth.

    Parameters
    ----------
    name : str
        Name of the sample.
    raw : Movie
        Grey values, axes ``tyx`` or ``tzyx``.
    prediction : Movie
        Probabilities from 0 to 1, axes ``tyxc`` or ``tzyxc``; channel 0 is background, channel 1 foreground.
    labels : Movie or None
        True objects, uint32, 0 for background; a label is the id of its track. None if not known.
    truth : Lineage or None
        True tracks and divisions of `labels`. None if not known.
    faults : DataFrame or None
        What is wrong in `prediction` when it is segmented with sigma 1, threshold 0.5 and at least 10 pixels: `t`,
        `kind` (``"merged"``, ``"speck"``, ``"missed"``), `track_ids` (joined with ``";"``, empty for a speck), `size`
        and the centre ``[z,] y, x``. None if not known.
    description : str
        What it is, in a few sentences.
    """

    name: str
    raw: Movie
    prediction: Movie
    labels: Movie | None
    truth: Lineage | None
    faults: pd.DataFrame | None
    description: str

    @property
    def scale(self) -> tuple[float, ...]:
        """Size of a pixel along each axis, ordered ``[z,] y, x``."""
        return self.raw.scale

    def __repr__(self) -> str:
        return f"<Sample {self.name}: {self.raw.shape}. {self.description}>"


def sample(name: str, **options: Any) -> Sample:
    """Make or fetch a sample movie.

    Parameters
    ----------
    name : str
        - ``"nuclei"``: dividing fluorescent nuclei in the plane; options `size`, `n_frames`, `n_cells`, `seed` and
          `noise`;
        - ``"nuclei_3d"``: nuclei in an embryo, slices four times as thick as a pixel; the same options;
        - ``"shapes"``: a few discs and squares for first steps; no option;
        - ``"mitocheck"`` and ``"drosophila"``: the tutorial data of ilastik, downloaded once and kept; options
          `progress` and `base_url`.
    **options
        - `size` : int or tuple of int. Size of a frame in pixels, ``(y, x)`` or ``(z, y, x)``; a number stands for the
          sides in the plane. Default 440 x 560, and 20 x 128 x 128 in three dimensions.
        - `n_frames` : int. Number of frames, default 40, and 20 in three dimensions.
        - `n_cells` : float. Nuclei in view at the start, on average; by default the density of the real movie.
        - `seed` : int. The same seed gives the same movie.
        - `noise` : float. Multiplies the noise of the camera and the errors of the prediction; 0 is a perfect camera.
        - `progress` : bool. Show a progress bar.
        - `base_url` : str. Where the archives are; by default that of the environment variable `NBTRACK_SAMPLE_URL`, or
          data.ilastik.org. Downloads are kept in the folder `NBTRACK_CACHE`, or the usual one of the system.

    Returns
    -------
    Sample
        Movie, prediction map, and the truth if it was simulated.

    Raises
    ------
    InputError
        If there is no such sample or option, an option does not fit, or the download fails.

    Examples
    --------
    >>> sample("shapes").truth
    <Lineage: 6 tracks, 1 divisions, 0 false detections>
    """
    if name not in _SAMPLES:
        raise InputError(f"There is no sample {name!r}. Choose one of {', '.join(map(repr, _SAMPLES))}.")
    maker = _SAMPLES[name]
    known = [p for p in inspect.signature(maker).parameters if p != "name"]
    unknown = [option for option in options if option not in known]
    if unknown:
        choice = f"It takes {', '.join(f'`{p}`' for p in known)}." if known else "It takes none."
        raise InputError(f"Sample {name!r} has no option `{unknown[0]}`. {choice}")
    return maker(name, **options)


def _nuclei(
    name: str,
    size: int | Sequence[int] = (440, 560),
    n_frames: int = 40,
    n_cells: float | None = None,
    seed: int = 0,
    noise: float = 1.0,
) -> Sample:
    """Simulate nuclei in the plane."""
    shape = _shape(size, 2)
    n_cells = _n_cells(n_cells, per_cell=7250.0, room=float(np.prod(shape)), body=600.0)
    population = PopulationSettings(size=tuple(map(float, shape)), n_cells=n_cells)
    made = _simulate(population, CameraSettings(noise=_noise(noise)), noise, shape, (1.0, 1.0), n_frames, seed)
    text = (
        "Simulated HeLa-like nuclei with a fluorescent histone: crowding, divisions, deaths, cells that come and go at "
        "the border. "
        "The prediction map merges some nuclei, misses some and has false specks."
    )
    return _as_sample(name, made, (0.645, 0.645), "um", text)


def _nuclei_3d(
    name: str,
    size: int | Sequence[int] = (20, 128, 128),
    n_frames: int = 20,
    n_cells: float | None = None,
    seed: int = 0,
    noise: float = 1.0,
) -> Sample:
    """Simulate nuclei in a volume with thick slices."""
    shape = _shape(size, 3)
    spacing = (4.0, 1.0, 1.0)
    extent = tuple(n * step for n, step in zip(shape, spacing, strict=True))
    n_cells = _n_cells(n_cells, per_cell=60_000.0, room=float(np.prod(extent)), body=4500.0)
    population = PopulationSettings(
        size=extent,
        n_cells=n_cells,
        margin=14.0,
        radius=8.8,
        growth=1.35,
        elongation=(1.0, 1.4),
        step=2.0,
        step_spread=0.5,
        cycle=24.0,
        gap=6.0,
        shyness=8.0,
        split=17.0,
        split_spread=0.12,
        death_rate=0.0,
        dim_fraction=0.05,
    )
    camera = CameraSettings(blur_depth=3.0, photons=130.0, background=8.0, bleaching=0.006, noise=_noise(noise))
    made = _simulate(population, camera, noise, shape, spacing, n_frames, seed)
    text = (
        "Simulated nuclei of an early embryo in thick slices: crowding, quick divisions, nuclei cut by the border. "
        "The prediction map merges some nuclei, misses some and has false specks."
    )
    return _as_sample(name, made, (2.0, 0.5, 0.5), "um", text)


def _shapes(name: str) -> Sample:
    """Make the scripted movie."""
    text = (
        "Discs and squares: one moves alone, one divides after frame 4, two touch in frames 5 to 7 and are one object "
        "in the prediction, and frame 8 has a false detection."
    )
    return _as_sample(name, simulate_shapes(), (1.0, 1.0), None, text)


_MEMBERS = {
    "mitocheck": {"raw": "*_01-53.h5", "prediction": "*_01-53_export.h5"},
    "drosophila": {"raw": "drosophila_00-49.h5", "prediction": "drosophila_00-49_export.h5"},
}
_ABOUT = {
    "mitocheck": "HeLa nuclei with a fluorescent histone, 53 frames in the plane, from the Mitocheck project, "
    "with a prediction map.",
    "drosophila": "Part of a developing Drosophila embryo, 50 frames in three dimensions, from the Hufnagel "
    "group at EMBL, with a segmentation.",
}


def _tutorial(name: str, progress: bool = False, base_url: str | None = None) -> Sample:
    """Fetch tutorial data."""
    base = base_url or os.environ.get(URL_VARIABLE) or _URL
    files = fetch_archive(f"{base.rstrip('/')}/{name}.zip", _MEMBERS[name], _check_files, progress=progress)
    raw, prediction = read(files["raw"]), read(files["prediction"])
    return Sample(name, raw, prediction, None, None, None, _ABOUT[name])


def _check_files(files: Mapping[str, Path]) -> None:
    """Make sure that raw data and prediction are movies that belong together and can be read."""
    raw, prediction = read(files["raw"]), read(files["prediction"])
    for movie in (raw, prediction):
        movie.frame(len(movie) - 1)
    if (len(raw), raw.frame_shape) != (len(prediction), prediction.frame_shape):
        raise InputError(
            f"The downloaded files do not belong together: {raw.name!r} has {len(raw)} frames of {raw.frame_shape}, "
            f"{prediction.name!r} has {len(prediction)} of {prediction.frame_shape}. "
            "Read them one by one with `nbtrack.read`."
        )


_SAMPLES: dict[str, Callable[..., Sample]] = {
    "nuclei": _nuclei,
    "nuclei_3d": _nuclei_3d,
    "shapes": _shapes,
    "mitocheck": _tutorial,
    "drosophila": _tutorial,
}


def _simulate(
    population: PopulationSettings,
    camera: CameraSettings,
    noise: float,
    shape: tuple[int, ...],
    spacing: tuple[float, ...],
    n_frames: int,
    seed: int,
) -> Simulation:
    """Check what is common to the simulated samples and run the simulation."""
    for option, value, lowest in (("n_frames", n_frames, 1), ("seed", seed, 0)):
        if not isinstance(value, (int, np.integer)) or value < lowest:
            raise InputError(f"`{option}` must be a whole number of at least {lowest}, got {value!r}.")
    normal = FaultSettings()
    errors = FaultSettings(
        merge=min(1.0, normal.merge * noise),
        miss=min(1.0, normal.miss * noise),
        specks=normal.specks * noise,
        wobble=normal.wobble * noise,
    )
    return simulate_nuclei(
        population, camera, errors, shape=shape, spacing=spacing, n_frames=int(n_frames), seed=int(seed)
    )


def _as_sample(name: str, made: Simulation, scale: tuple[float, ...], unit: str | None, description: str) -> Sample:
    """Wrap arrays as movies."""
    axes = "tyx" if len(scale) == 2 else "tzyx"

    def movie(array: Any, axes: str, drange: tuple[float, float] | None = None) -> Movie:
        return Movie(ArraySource(array), axes, scale=scale, unit=unit, drange=drange, name=name)

    raw, labels = movie(made.raw, axes), movie(made.labels, axes)
    prediction = movie(made.prediction, axes + "c", (0.0, 1.0))
    return Sample(name, raw, prediction, labels, made.truth, made.faults, description)


def _shape(size: int | Sequence[int], ndim: int) -> tuple[int, ...]:
    """Bring `size` to one whole number for each axis."""
    least = (48, 48) if ndim == 2 else (4, 48, 48)
    wanted = (size, size) if isinstance(size, (int, np.integer)) else tuple(size)
    if ndim == 3 and len(wanted) == 2 and isinstance(size, (int, np.integer)):
        wanted = (20, *wanted)
    fits = len(wanted) == ndim and all(
        isinstance(n, (int, np.integer)) and n >= low for n, low in zip(wanted, least, strict=False)
    )
    if not fits:
        raise InputError(
            f"`size` must be one whole number or {ndim} of them, at least {' x '.join(map(str, least))}, got {size!r}."
        )
    return tuple(int(n) for n in wanted)


def _n_cells(n_cells: float | None, *, per_cell: float, room: float, body: float) -> float:
    """Fill in the usual density, or check that the cells wanted have room to grow and divide."""
    most = int(_MOST_CROWDED * room / body)
    if n_cells is None:
        return room / per_cell
    if not 1 <= n_cells <= most:
        raise InputError(f"`n_cells` must be from 1 to {most} for this `size`, got {n_cells!r}.")
    return float(n_cells)


def _noise(noise: float) -> float:
    if not 0 <= noise <= 10:
        raise InputError(f"`noise` must be from 0 to 10, got {noise!r}.")
    return float(noise)
