"""Features of objects, measured for all objects of a frame at once.

Every feature is one entry of `FEATURES`: name, unit, the dimensions it works in, whether it needs the raw image, and a
function that gets what was counted in the frame. Variances divide by the number of pixels.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from nbtrack.data.columns import position_columns
from nbtrack.data.detections import Detections
from nbtrack.errors import InputError
from nbtrack.parallel import ExecutorLike, FrameReader, Progress, map_frames
from nbtrack.regions import Regions, check_labels, intensity_sums, position_products, region_table, scan_regions
from nbtrack.regions.outlines import hull_shapes, inscribed_radii


@dataclass(eq=False)
class FrameObjects:
    """The objects of one frame with all that feature functions can ask for; each thing is counted on first use.

    Parameters
    ----------
    labels : ndarray of unsigned int, shape ([z,] y, x)
        Label frame.
    raw : ndarray or None
        Raw frame of the same shape.
    scale : tuple of float
        Size of a pixel along each axis.
    regions : Regions
        Ids, sizes, centres and bounding boxes.
    """

    labels: np.ndarray
    raw: np.ndarray | None
    scale: tuple[float, ...]
    regions: Regions

    @cached_property
    def intensity(self) -> dict[str, np.ndarray]:
        """Sum, minimum, maximum and the central sums of powers 2, 3 and 4 of the raw values of each object."""
        assert self.raw is not None, "checked by `measure`"
        return intensity_sums(self.labels, self.raw, self.regions)

    @cached_property
    def principal(self) -> tuple[np.ndarray, np.ndarray]:
        """Variances along the principal axes, largest first, shape (n, ndim), and the axes, shape (n, axis, ndim)."""
        covariance = position_products(self.labels, self.regions) / self.regions.size[:, None, None]
        values, vectors = np.linalg.eigh(covariance)
        axes = np.swapaxes(vectors, 1, 2)[:, ::-1]
        largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=2)[..., None], axis=2)
        return np.maximum(values[:, ::-1], 0.0), axes * np.where(largest < 0, -1.0, 1.0)

    @cached_property
    def hull(self) -> np.ndarray:
        """Area of the convex hull and the depth of the deepest dip below it, shape (n, 2)."""
        return hull_shapes(self.labels, self.regions)


@dataclass(frozen=True)
class Feature:
    """A feature of objects.

    Parameters
    ----------
    name : str
        What a user asks for.
    help : str
        One sentence.
    unit : str
        Unit of the values, empty for none.
    measure : callable
        Takes a `FrameObjects`, returns one row per object, shape (n,) or (n, k).
    columns : callable, optional
        Takes the number of dimensions, returns the k column names; the name itself if not given.
    ndims : tuple of int, optional
        The dimensions in which it has a meaning.
    needs_raw : bool, optional
        True if it needs the raw image.
    """

    name: str
    help: str
    unit: str
    measure: Callable[[FrameObjects], np.ndarray]
    columns: Callable[[int], list[str]] | None = None
    ndims: tuple[int, ...] = (2, 3)
    needs_raw: bool = False

    def names(self, ndim: int) -> list[str]:
        """List the columns that the feature gives.

        Parameters
        ----------
        ndim : int
            Spatial dimensions, 2 or 3.

        Returns
        -------
        list of str
        """
        return [self.name] if self.columns is None else self.columns(ndim)


def _moment(power: int) -> Callable[[FrameObjects], np.ndarray]:
    """Make the function for the standardised central moment of the intensity; 0 where all pixels are equal."""

    def moment(objects: FrameObjects) -> np.ndarray:
        size, variance = objects.regions.size, objects.intensity["power_2"] / objects.regions.size
        spread = np.where(variance > 0, variance, 1.0) ** (power / 2)
        return np.where(variance > 0, objects.intensity[f"power_{power}"] / size / spread, 0.0)

    return moment


def _touches_border(objects: FrameObjects) -> np.ndarray:
    lower, upper = objects.regions.lower, objects.regions.upper
    return np.asarray(((lower == 0) | (upper == objects.labels.shape)).any(axis=1), dtype=np.int64)


def _eccentricity(objects: FrameObjects) -> np.ndarray:
    largest, smallest = objects.principal[0].T
    return np.asarray(np.sqrt(1 - smallest / np.where(largest > 0, largest, 1.0)) * (largest > 0))


def _axis_ratio(objects: FrameObjects) -> np.ndarray:
    spread = np.sqrt(objects.principal[0])
    return np.asarray(spread[:, 1] / np.where(spread[:, 0] > 0, spread[:, 0], 1.0))


def _inscribed_radius(objects: FrameObjects) -> np.ndarray:
    return inscribed_radii(objects.labels, objects.regions, [side / min(objects.scale) for side in objects.scale])


def _equivalent_radius(objects: FrameObjects) -> np.ndarray:
    size, ndim = objects.regions.size, objects.labels.ndim
    return np.sqrt(size / np.pi) if ndim == 2 else np.cbrt(size * 3 / (4 * np.pi))


def _axis_columns(ndim: int) -> list[str]:
    return [f"axis_{k}_{axis}" for k in range(ndim) for axis in position_columns(ndim)]


FEATURES = {
    feature.name: feature
    for feature in (
        Feature("size_scaled", "Area or volume.", "unit of the scale", lambda o: o.regions.size * np.prod(o.scale)),
        Feature("equivalent_radius", "Radius of the disk or ball of the same size.", "px", _equivalent_radius),
        Feature(
            "extent",
            "Share of the bounding box that is filled.",
            "",
            lambda o: o.regions.size / np.prod(o.regions.upper - o.regions.lower, axis=1),
        ),
        Feature(
            "radii",
            "Standard deviations of the pixels along the principal axes, largest first.",
            "px",
            lambda o: np.sqrt(o.principal[0]),
            lambda ndim: [f"radius_{k}" for k in range(ndim)],
        ),
        Feature(
            "axes",
            "Unit vectors of the principal axes, longest axis first, largest component positive.",
            "",
            lambda o: o.principal[1].reshape(len(o.regions), -1),
            _axis_columns,
        ),
        Feature("eccentricity", "0 for a disk, towards 1 for a line.", "", _eccentricity, ndims=(2,)),
        Feature("axis_ratio", "Second principal radius over the first: 1 for a disk, 0 for a line.", "", _axis_ratio),
        Feature(
            "inscribed_radius",
            "Radius of the largest disk or ball that fits in, in the smallest side of a pixel.",
            "px",
            _inscribed_radius,
        ),
        Feature(
            "convexity",
            "Share of the convex hull that is filled; below 1 where the outline dips in.",
            "",
            lambda o: o.regions.size / o.hull[:, 0],
            ndims=(2,),
        ),
        Feature("dip", "How deep the outline dips below the convex hull.", "px", lambda o: o.hull[:, 1], ndims=(2,)),
        Feature("touches_border", "1 if the object touches the border of the frame.", "", _touches_border),
        Feature(
            "intensity_mean",
            "Mean raw value.",
            "raw",
            lambda o: o.intensity["sum"] / o.regions.size,
            needs_raw=True,
        ),
        Feature("intensity_sum", "Sum of the raw values.", "raw", lambda o: o.intensity["sum"], needs_raw=True),
        Feature("intensity_min", "Smallest raw value.", "raw", lambda o: o.intensity["min"], needs_raw=True),
        Feature("intensity_max", "Largest raw value.", "raw", lambda o: o.intensity["max"], needs_raw=True),
        Feature(
            "intensity_variance",
            "Variance of the raw values.",
            "raw^2",
            lambda o: o.intensity["power_2"] / o.regions.size,
            needs_raw=True,
        ),
        Feature(
            "intensity_std",
            "Standard deviation of the raw values.",
            "raw",
            lambda o: np.sqrt(o.intensity["power_2"] / o.regions.size),
            needs_raw=True,
        ),
        Feature("intensity_skewness", "Skewness of the raw values.", "", _moment(3), needs_raw=True),
        Feature("intensity_kurtosis", "Kurtosis of the raw values, 3 for a Gaussian.", "", _moment(4), needs_raw=True),
    )
}
"""All features by name."""


def measure(
    labels: Any,
    raw: Any = None,
    *,
    features: Sequence[str] = (),
    channel: int | None = None,
    scale: Sequence[float] | None = None,
    executor: ExecutorLike = None,
    progress: Progress = False,
) -> pd.DataFrame:
    """Measure the objects of label images: ids, centres, sizes, bounding boxes, and features by name.

    Parameters
    ----------
    labels : Detections, Movie or ndarray of int, shape ([z,] y, x)
        Label images, 0 is background; an array is one frame.
    raw : Movie or ndarray, optional
        The raw images of the same frames, for features of intensity.
    features : sequence of str, optional
        Names out of `nbtrack.features.FEATURES`.
    channel : int, optional
        Channel of the raw movie, where it has several.
    scale : sequence of float, optional
        Size of a pixel along each axis; that of `labels` if not given.
    executor : concurrent.futures.Executor or {"threads", "processes", "serial"}, optional
        Who works on the frames; see `nbtrack.parallel.map_frames`.
    progress : bool or callable, optional
        True shows a progress bar; a callable gets ``(done, total)``.

    Returns
    -------
    DataFrame
        One row per object, sorted by frame and id, columns as in `nbtrack.data.columns.detection_columns`, then those
        of the features in the order asked for. Frames without objects give no rows.

    Raises
    ------
    InputError
        If a feature is unknown, does not work in these dimensions or needs raw images; if labels and raw images do not
        match; if labels are not whole numbers from 0.

    Examples
    --------
    >>> measure(np.array([[0, 7, 7]]), features=["radii"])[["object_id", "y", "x", "size", "radius_0"]]
       object_id    y    x  size  radius_0
    0          7  0.0  1.5     2       0.5
    """
    frames: Any = labels.labels if isinstance(labels, Detections) else labels
    if isinstance(labels, np.ndarray):
        frames, raw = [labels], None if raw is None else [raw]
    if getattr(frames, "n_channels", 1) > 1:
        raise InputError(f"`labels` has {frames.n_channels} channels; a label image has one. Check `axes`.")
    if not len(frames):
        raise InputError("`labels` has no frames. Give at least one label image.")
    shape = getattr(labels, "frame_shape", None) or np.shape(frames[0])
    if len(shape) not in (2, 3):
        raise InputError(f"`labels` must be a frame of 2 or 3 dimensions: got the shape {shape}. Make a Movie of it.")
    chosen = _choose(features, len(shape), has_raw=raw is not None)
    sizes = tuple(scale if scale is not None else getattr(labels, "scale", (1.0,) * len(shape)))
    readers = [FrameReader(frames)]
    if raw is not None and any(feature.needs_raw for feature in chosen):
        _check_raw(raw, len(frames), shape, channel)
        readers.append(FrameReader(raw, channel if hasattr(raw, "frame") else None))
    work = _MeasureFrame(tuple(feature.name for feature in chosen), sizes)
    found = list(map_frames(work, readers, len(frames), executor=executor, progress=progress, label="measure"))
    table = region_table([regions for regions, _ in found], len(shape))
    names = [name for feature in chosen for name in feature.names(len(shape))]
    columns = [np.concatenate([values[k] for _, values in found]) for k in range(len(names))]
    return table.assign(**dict(zip(names, columns, strict=True)))


@dataclass(frozen=True)
class _MeasureFrame:
    """Measures one frame; can be sent to another process, since features go by name."""

    features: tuple[str, ...]
    scale: tuple[float, ...]

    def __call__(self, t: int, labels: np.ndarray, raw: np.ndarray | None = None) -> tuple[Regions, list[np.ndarray]]:
        labels = check_labels(labels, t)
        objects = FrameObjects(labels, raw, self.scale, scan_regions(labels))
        columns: list[np.ndarray] = []
        for name in self.features:
            values = np.asarray(FEATURES[name].measure(objects))
            columns.extend(values.T if values.ndim == 2 else [values])
        return objects.regions, columns


def _choose(features: Iterable[str], ndim: int, *, has_raw: bool) -> list[Feature]:
    """Look features up and refuse those that cannot be measured here."""
    if isinstance(features, str):
        features = (features,)
    chosen = []
    for name in dict.fromkeys(features):
        if name not in FEATURES:
            raise InputError(f"`features` has the unknown name {name!r}. Known are {', '.join(FEATURES)}.")
        feature = FEATURES[name]
        if ndim not in feature.ndims:
            raise InputError(f"The feature {name!r} has no meaning in {ndim} dimensions. Leave it out of `features`.")
        if feature.needs_raw and not has_raw:
            raise InputError(f"The feature {name!r} needs the raw images. Give `raw`, or leave it out of `features`.")
        chosen.append(feature)
    return chosen


def _check_raw(raw: Any, n_frames: int, shape: tuple[int, ...], channel: int | None) -> None:
    """Refuse raw images that do not belong to the labels."""
    if len(raw) != n_frames:
        raise InputError(
            f"`raw` must have one frame per label frame: got {len(raw)} raw frames and {n_frames} label frames. "
            "Check the time axis in `axes`."
        )
    raw_shape = tuple(getattr(raw, "frame_shape", None) or np.shape(raw[0]))
    if raw_shape != tuple(shape):
        raise InputError(f"`raw` has frames of {raw_shape} pixels, the labels of {tuple(shape)}. Check `axes`.")
    if channel is None and getattr(raw, "n_channels", 1) > 1:
        raise InputError(f"`raw` has {raw.n_channels} channels. Choose one by `channel`.")
