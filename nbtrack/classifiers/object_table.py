"""The features that classifiers learn from: one row per object, made so that they transfer to the next movie.

Lengths, sizes and intensities are taken relative to the typical object, the median of the few hundred objects nearest
in time, and intensities above the background of their frame; so neither magnification nor exposure nor bleaching
matters. What remains in units of its own are angles (degrees) and counts. Steps and distances per typical radius depend
on the time between frames, and all of them on how the objects were segmented: a classifier serves movies that were
taken and segmented alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nbtrack.classifiers.neighborhood import neighborhood_features
from nbtrack.errors import InputError
from nbtrack.features import FEATURES, measure
from nbtrack.parallel import FrameReader, map_frames

if TYPE_CHECKING:
    from nbtrack.data.detections import Detections
    from nbtrack.data.movie import Movie
    from nbtrack.parallel import ExecutorLike, Progress

SHAPE = (
    *("extent", "equivalent_radius", "radii", "axis_ratio", "inscribed_radius", "convexity", "dip", "touches_border"),
)
INTENSITY = (
    *("intensity_mean", "intensity_std", "intensity_min", "intensity_max", "intensity_skewness", "intensity_kurtosis"),
)
_TYPICAL = 301
"""Objects that tell what is typical."""
_TINY = 1e-9
_SAMPLED = 10_000


def object_features(
    detections: Detections,
    movie: Movie | None = None,
    *,
    channel: int | None = None,
    executor: ExecutorLike = None,
    progress: Progress = False,
) -> pd.DataFrame:
    """Measure what classifiers learn from.

    Parameters
    ----------
    detections : Detections
        The objects.
    movie : Movie, optional
        The raw images. Without them there are no features of brightness.
    channel : int, optional
        Channel of the raw images, where they have several.
    executor : concurrent.futures.Executor or {"threads", "processes", "serial"}, optional
        Who works on the frames; see `nbtrack.parallel.map_frames`.
    progress : bool or callable, optional
        True shows a progress bar; a callable gets ``(done, total)``.

    Returns
    -------
    DataFrame of float
        One row per row of ``detections.table``, all values finite. Columns of shape: `size`, `radius_0`..., `inscribed`
        (all relative to the typical object), `extent`, `axis_ratio`, `roundness` (inscribed over equivalent radius), in
        the plane `convexity` and `dip` (relative), `touches_border`; of brightness: `brightness` and
        `total_brightness` (relative), `brightness_low`, `brightness_high` and `brightness_spread` (relative to its
        own), `skewness`, `kurtosis`; then those of `nbtrack.classifiers.neighborhood`.

    Raises
    ------
    InputError
        If the raw images do not fit the objects, or an object is not in the label images.
    """
    ndim = detections.ndim
    names = [name for name in SHAPE if ndim in FEATURES[name].ndims]
    names += INTENSITY if movie is not None else ()
    table = measure(detections, movie, features=names, channel=channel, executor=executor, progress=progress)
    table = _rows_of(table, detections)
    t = table["t"].to_numpy()
    scale = np.asarray(detections.scale) / detections.scale[-1]
    size = table["size"].to_numpy(float)
    radius = _typical(table["equivalent_radius"].to_numpy())
    inscribed = table["inscribed_radius"].to_numpy()
    found = {"size": size / _typical(size), "inscribed": inscribed / _typical(inscribed)}
    found["roundness"] = inscribed / table["equivalent_radius"].to_numpy()
    found |= {f"radius_{k}": table[f"radius_{k}"].to_numpy() / radius for k in range(ndim)}
    found |= {name: table[name].to_numpy(float) for name in ("extent", "axis_ratio", "touches_border")}
    if ndim == 2:
        found |= {"convexity": table["convexity"].to_numpy(), "dip": table["dip"].to_numpy() / radius}
    above = None
    if movie is not None:
        ground = _background(detections, movie, channel, executor)[t]
        above = table["intensity_mean"].to_numpy() - ground
        floor = max(float(np.median(above)) if len(above) else 0.0, 0.0) / 100 + _TINY
        above = np.maximum(above, floor)
        found["brightness"] = above / _typical(above)
        found["total_brightness"] = above * size / _typical(above * size)
        found["brightness_spread"] = table["intensity_std"].to_numpy() / above
        found["brightness_low"] = (table["intensity_min"].to_numpy() - ground) / above
        found["brightness_high"] = (table["intensity_max"].to_numpy() - ground) / above
        found["skewness"] = table["intensity_skewness"].to_numpy()
        found["kurtosis"] = table["intensity_kurtosis"].to_numpy()
    position = table[detections.columns_position].to_numpy() * scale
    unit = radius * float(np.prod(scale)) ** (1 / ndim)
    if len(table):
        found |= neighborhood_features(t, position, unit, size, above)
    return pd.DataFrame(found, dtype=np.float64)


def _rows_of(measured: pd.DataFrame, detections: Detections) -> pd.DataFrame:
    """Take the rows of the objects that the detections name; label images may hold more."""
    wanted = detections.table[["t", "object_id"]]
    if len(measured) == len(wanted) and (measured[["t", "object_id"]].to_numpy() == wanted.to_numpy()).all():
        return measured
    found = wanted.merge(measured, how="left", on=["t", "object_id"])
    absent = np.flatnonzero(found["size"].isna())
    if len(absent):
        t, object_id = wanted.iloc[absent[0]]
        raise InputError(
            f"Object {object_id} of frame {t} is in the table of the detections but not in their label images. "
            "Measure the label images anew with `nbtrack.detect`."
        )
    return found


def _typical(values: np.ndarray) -> np.ndarray:
    """Take the median over the objects nearest in time."""
    around = pd.Series(values, dtype=float).rolling(_TYPICAL, center=True, min_periods=1).median()
    return np.asarray(np.maximum(around.to_numpy(), _TINY))


def _background(detections: Detections, movie: Movie, channel: int | None, executor: ExecutorLike) -> np.ndarray:
    """Estimate the intensity outside the objects, frame by frame."""
    readers = [FrameReader(detections.labels), FrameReader(movie, channel)]
    return np.array(list(map_frames(_median_outside, readers, detections.n_frames, executor=executor)), dtype=float)


def _median_outside(t: int, labels: np.ndarray, raw: np.ndarray) -> float:
    outside = raw[labels == 0]
    if not outside.size:
        return float(raw.min()) if raw.size else 0.0
    return float(np.median(outside[:: max(1, outside.size // _SAMPLED)]))
