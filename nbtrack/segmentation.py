"""From images to objects: threshold prediction maps, take label images as they are, or call a segmentation method.

The rules of the thresholds are those of ilastik's thresholding (one threshold, or two with cores), except that a pixel
must be strictly above a threshold, so that a threshold of 0 works on binary images. Each frame is worked on by itself.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nbtrack.data.detections import Detections
from nbtrack.data.label_store import LabelStore
from nbtrack.data.movie import Movie
from nbtrack.errors import InputError
from nbtrack.parallel import ExecutorLike, FrameReader, Progress, map_frames
from nbtrack.params import SegmentationParams
from nbtrack.regions import Regions, check_labels, label_regions, region_table, scan_regions, smooth_axis

_DEFAULT = SegmentationParams()
_NO_SMOOTHING_BELOW = 0.1
_TRUNCATE = 2.0  # the Gaussian ends after this many sigmas, as in ilastik


def segment(
    movie: Movie,
    *,
    channel: int = _DEFAULT.channel,
    core_channel: int | None = _DEFAULT.core_channel,
    sigma: float | tuple[float, ...] = _DEFAULT.sigma,
    threshold: float = _DEFAULT.threshold,
    core_threshold: float | None = _DEFAULT.core_threshold,
    size: tuple[int, int] = _DEFAULT.size,
    method: Callable[[np.ndarray], Any] | None = None,
    executor: ExecutorLike = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: Progress = False,
) -> Detections:
    """Find the objects of a movie, frame by frame.

    A prediction map is smoothed and thresholded; for a binary movie give ``sigma=0, threshold=0``; any other way to
    segment comes in as `method`. Label images that exist already are for `detect`.

    Parameters
    ----------
    movie : Movie
        Prediction map or binary movie; what `method` takes if that is given. Integers are divided by the range
        that the movie declares (``drange``), if it does.
    channel : int, optional
        Channel that shows the objects.
    core_channel : int, optional
        Two thresholds: channel that shows the cores; `channel` if not given. If it is another one, `threshold` applies
        to the sum of both, so that cores belong to their objects.
    sigma : float or tuple of float, optional
        Width of the Gaussian in pixels, one number or one per axis ``([z,] y, x)``; an axis below 0.1 is not smoothed.
    threshold : float, optional
        Pixels strictly above it belong to objects; 4-neighbours (3D: 6-neighbours) to the same one.
    core_threshold : float, optional
        Two thresholds: keep only objects that hold a core strictly above this one; cores obey `size` too.
    size : tuple of int, optional
        Smallest and largest object to keep, in pixels, both inclusive.
    method : callable, optional
        Takes a frame, ``([z,] y, x[, c])``, returns its label image; it keeps its ids, only `size` applies then.
    executor : concurrent.futures.Executor or {"threads", "processes", "serial"}, optional
        Who works on the frames; see `nbtrack.parallel.map_frames`.
    out : str or Path, optional
        An HDF5 file for the label images. Without it they stay in memory, or, above 1 GiB, go to a temporary file.
    overwrite : bool, optional
        Replace `out` if it is there.
    progress : bool or callable, optional
        True shows a progress bar; a callable gets ``(done, total)``.

    Returns
    -------
    Detections
        Label images and one table row per object; ids are 1 to n in each frame, in the order of their first pixels.

    Raises
    ------
    InputError
        If a parameter does not fit the movie, values are missing (NaN), or `method` returns no label image.

    Examples
    --------
    >>> movie = Movie.from_array(np.array([[[0, 1, 0, 1]]], dtype=np.uint8))
    >>> len(segment(movie, sigma=0, threshold=0, size=(1, 100)))
    2
    """
    params = SegmentationParams(
        channel=channel,
        core_channel=core_channel,
        sigma=sigma,
        threshold=threshold,
        core_threshold=core_threshold,
        size=size,
    )
    _check_movie(movie)
    made_by = {"stage": "segment", "movie": movie.name, **asdict(params)}
    if method is None:
        work: Any
        work, readers = _thresholding(movie, params)
    else:
        if params != SegmentationParams(size=params.size):
            raise InputError(
                "`method` decides about the pixels by itself; only `size` can be given with it. Leave `channel`, "
                "`core_channel`, `sigma`, `threshold` and `core_threshold` out, or `method`."
            )
        if not callable(method):
            raise InputError(f"`method` must be a function of a frame that returns its label image: got {method!r}.")
        readers = [FrameReader(movie)]
        work = _MethodFrame(method, params.size, movie.frame_shape)
        made_by = {
            "stage": "segment",
            "movie": movie.name,
            "method": getattr(method, "__qualname__", type(method).__qualname__),
            "size": params.size,
        }
    store = LabelStore(len(movie), movie.frame_shape, scale=movie.scale, out=out, overwrite=overwrite, made_by=made_by)
    found = []
    with store:
        for labels, regions in map_frames(
            work, readers, len(movie), executor=executor, progress=progress, label="segment"
        ):
            store.append(labels)
            found.append(regions)
        frames = store.finish()
    return Detections(frames, region_table(found, movie.ndim), movie.frame_shape, movie.scale, made_by)


@dataclass(frozen=True, eq=False)
class FrameObjects:
    """The objects of one frame, and what they were chosen from.

    Parameters
    ----------
    labels : ndarray of uint32, shape ([z,] y, x)
        Label image, as `segment` makes it.
    sizes : ndarray of int64, shape (n,)
        Pixels of each region above the threshold, also of those that are too small or too large to be kept.
    values : ndarray, shape ([z,] y, x)
        What the threshold is applied to.
    """

    labels: np.ndarray
    sizes: np.ndarray
    values: np.ndarray


def segment_frame(movie: Movie, t: int, params: SegmentationParams) -> FrameObjects:
    """Find the objects of a single frame, to try parameters out.

    Parameters
    ----------
    movie : Movie
        Prediction map or binary movie.
    t : int
        Frame.
    params : SegmentationParams
        The parameters.

    Returns
    -------
    FrameObjects
        The label image is the one that `segment` makes of this frame.

    Raises
    ------
    InputError
        If a parameter does not fit the movie, or values are missing (NaN).
    """
    _check_movie(movie)
    work, readers = _thresholding(movie, params)
    values, seeds = work.find(t, *[read(t) for read in readers])
    labels, regions = label_regions(_above(values, params.threshold), seeds=seeds)
    keep = (regions.size >= params.size[0]) & (regions.size <= params.size[1])
    numbers = np.concatenate([[0], np.cumsum(keep) * keep]).astype(np.uint32)
    return FrameObjects(numbers[labels], regions.size, values)


def detect(labels: Movie, *, executor: ExecutorLike = None, progress: Progress = False) -> Detections:
    """Take the objects of label images as they are: ids are kept, separate pieces with one id are one object.

    Parameters
    ----------
    labels : Movie
        Label images of whole numbers, 0 is background. They are not copied.
    executor : concurrent.futures.Executor or {"threads", "processes", "serial"}, optional
        Who works on the frames; see `nbtrack.parallel.map_frames`.
    progress : bool or callable, optional
        True shows a progress bar; a callable gets ``(done, total)``.

    Returns
    -------
    Detections
        One table row per object.

    Raises
    ------
    InputError
        If the values are not whole numbers from 0, or there is more than one channel.

    Examples
    --------
    >>> detect(Movie.from_array(np.array([[[0, 7, 0, 7]]]))).table[["object_id", "x", "size"]]
       object_id    x  size
    0          7  2.0     2
    """
    _check_movie(labels)
    if labels.n_channels > 1:
        raise InputError(f"Label images have one channel: {labels.name!r} has {labels.n_channels}. Check `axes`.")
    found = list(
        map_frames(
            _scan_frame, [FrameReader(labels)], len(labels), executor=executor, progress=progress, label="detect"
        )
    )
    frames = labels if labels.dtype == np.uint32 else LabelFrames(labels)
    made_by = {"stage": "detect", "movie": labels.name}
    return Detections(frames, region_table(found, labels.ndim), labels.frame_shape, labels.scale, made_by)


@dataclass(frozen=True)
class LabelFrames:
    """Gives the frames of a label movie of any integer type as uint32.

    Parameters
    ----------
    movie : Movie
        Label images.
    """

    movie: Movie

    def __len__(self) -> int:
        """Count the frames."""
        return len(self.movie)

    def __getitem__(self, t: int) -> np.ndarray:
        """Read frame `t`."""
        return check_labels(self.movie[t], t)

    @property
    def source(self) -> Path | None:
        """The file of the movie."""
        return self.movie.source


@dataclass(frozen=True)
class _ThresholdFrame:
    """Segments one frame by one threshold or two."""

    params: SegmentationParams
    sigmas: tuple[float, ...]
    drange: tuple[float, float] | None

    def __call__(self, t: int, frame: np.ndarray, core_frame: np.ndarray | None = None) -> tuple[np.ndarray, Regions]:
        image, seeds = self.find(t, frame, core_frame)
        return label_regions(_above(image, self.params.threshold), seeds=seeds, size=self.params.size)

    def find(
        self, t: int, frame: np.ndarray, core_frame: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Make the image that the threshold is for, and, with two thresholds, the mask of the cores."""
        image = self._prepare(t, frame, self.params.channel)
        if self.params.core_threshold is None:
            return image, None
        cores = image
        if core_frame is not None:
            cores = self._prepare(t, core_frame, self.params.core_channel)
            image = image + cores
        return image, label_regions(_above(cores, self.params.core_threshold), size=self.params.size)[0] > 0

    def _prepare(self, t: int, frame: np.ndarray, channel: int | None) -> np.ndarray:
        """Check, normalise and smooth one channel of a frame."""
        if frame.dtype.kind == "f":
            _check_finite(frame, t, channel)
        smooth = any(sigma >= _NO_SMOOTHING_BELOW for sigma in self.sigmas)
        if frame.dtype.kind in "biu" and not smooth and self.drange is None and self.params.core_channel is None:
            return frame
        image = frame.astype(np.float32, copy=False)
        if self.drange is not None:
            low, high = self.drange
            image = (image - np.float32(low)) / np.float32(high - low)
        for axis, sigma in enumerate(self.sigmas):
            if sigma >= _NO_SMOOTHING_BELOW:
                image = smooth_axis(image, sigma, axis, truncate=_TRUNCATE)
        return image


@dataclass(frozen=True)
class _MethodFrame:
    """Segments one frame by a function from outside."""

    method: Callable[[np.ndarray], Any]
    size: tuple[int, int]
    shape: tuple[int, ...]

    def __call__(self, t: int, frame: np.ndarray) -> tuple[np.ndarray, Regions]:
        labels = np.asarray(self.method(frame))
        if labels.shape != self.shape:
            raise InputError(
                f"`method` must return a label image of the shape {self.shape}: got {labels.shape} for frame {t}."
            )
        labels = check_labels(labels, t)
        regions = scan_regions(labels)
        keep = (regions.size >= self.size[0]) & (regions.size <= self.size[1])
        if not keep.all():
            labels = np.where(np.isin(labels, regions.object_id[keep]), labels, np.uint32(0))
            regions = scan_regions(labels)
        return labels, regions


def _scan_frame(t: int, labels: np.ndarray) -> Regions:
    """Describe the objects of a label frame."""
    return scan_regions(check_labels(labels, t))


def _above(image: np.ndarray, threshold: float) -> np.ndarray:
    """Find the pixels strictly above a threshold; integers are compared without a detour over floats."""
    if image.dtype.kind == "b":
        image = image.view(np.uint8)
    whole = image.dtype.kind in "iu" and math.isfinite(threshold)
    return np.asarray(image > (math.floor(threshold) if whole else threshold))


def _check_finite(frame: np.ndarray, t: int, channel: int | None) -> None:
    """Refuse NaN and infinite values; minimum and maximum pass both on."""
    if frame.size and not (np.isfinite(frame.min()) and np.isfinite(frame.max())):
        bad = int(frame.size - np.count_nonzero(np.isfinite(frame)))
        raise InputError(
            f"The prediction map has {bad} pixels that are NaN or infinite in frame {t}, channel {channel}. "
            "Replace them (for example by 0) before the segmentation."
        )


def _check_movie(movie: Any) -> None:
    """Refuse what is no movie."""
    if not isinstance(movie, Movie):
        raise InputError(
            f"A movie is needed: got {type(movie).__name__}. Read it by `nbtrack.read`, or give "
            "Movie.from_array(array, axes=...)."
        )


def _thresholding(movie: Movie, params: SegmentationParams) -> "tuple[_ThresholdFrame, list[FrameReader]]":
    """Give who segments a frame, and what it needs to read; refuse channels that are not there."""
    cores = _core_channel(params)
    for name, number in (("channel", params.channel), ("core_channel", cores)):
        if number is not None and number >= movie.n_channels:
            raise InputError(f"`{name}` is {number}, but {movie.name!r} has {_channels(movie)}. Choose one of these.")
    readers = [FrameReader(movie, c) for c in (params.channel, cores) if c is not None]
    return _ThresholdFrame(params, _sigmas(params.sigma, movie.ndim), _range(movie)), readers


def _channels(movie: Movie) -> str:
    """Say which channels a movie has."""
    return "one channel, 0" if movie.n_channels == 1 else f"the channels 0 to {movie.n_channels - 1}"


def _core_channel(params: SegmentationParams) -> int | None:
    """Give the channel of the cores if it has to be read besides the input channel."""
    return None if params.core_channel == params.channel else params.core_channel


def _range(movie: Movie) -> tuple[float, float] | None:
    """Give the range by which the values must be divided, if any."""
    if movie.drange is None or movie.dtype.kind not in "iu" or movie.drange[0] >= movie.drange[1]:
        return None
    return None if tuple(movie.drange) == (0, 1) else movie.drange


def _sigmas(sigma: float | tuple[float, ...], ndim: int) -> tuple[float, ...]:
    """Give one sigma per axis."""
    sigmas = tuple(float(s) for s in sigma) if isinstance(sigma, tuple) else (float(sigma),) * ndim
    if len(sigmas) != ndim:
        axes = "z, y, x" if ndim == 3 else "y, x"
        raise InputError(f"`sigma` must be one number or one for each of {axes}: got {sigma}.")
    return sigmas
