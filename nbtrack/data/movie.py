"""Movie: frames that are read when they are asked for.

A movie knows shape, axes and pixel size of its data and hands out one frame at a time in canonical order. Where the
data come from is the business of a `FrameSource`; the file formats in `nbtrack.io` bring their own.
"""

import math
from collections.abc import Iterator, Sequence
from operator import index as as_integer
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from nbtrack.data.axes import Layout, check_axes, plain_axes
from nbtrack.errors import InputError

Index = tuple[int | slice, ...]
Array = np.ndarray[Any, Any]


class FrameSource(Protocol):
    """What a movie needs from its data: shape, dtype and a way to read a part.

    A source can be pickled, and `read` may be called from several threads at once.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape in stored order."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels as stored."""

    def read(self, index: Index) -> Array:
        """Read what an index of integers and slices cuts out, as a new array."""


class ArraySource:
    """Frames out of anything that can be sliced like a numpy array (numpy, dask, zarr, xarray).

    Parameters
    ----------
    array : array-like
        Has ``shape``, ``dtype`` and basic slicing.
    """

    def __init__(self, array: Any) -> None:
        self._array = array
        self.shape: tuple[int, ...] = tuple(int(n) for n in array.shape)
        self.dtype: np.dtype[Any] = np.dtype(array.dtype)

    def read(self, index: Index) -> Array:
        """Slice the array and copy the part into memory.

        Parameters
        ----------
        index : tuple of int or slice
            One entry per dimension of the array.

        Returns
        -------
        ndarray
            A copy, safe to change.
        """
        return np.array(self._array[index])


class Movie:
    """A sequence of images in two or three dimensions, read frame by frame.

    Use `nbtrack.read` for files and `Movie.from_array` for arrays; this constructor is for new kinds of sources.

    Parameters
    ----------
    source : FrameSource
        Where the frames come from.
    axes : str
        One letter of ``tzyxc`` per dimension of the source, in its order.
    scale : float or sequence of float, optional
        Pixel size per spatial axis, ordered ``([z,] y, x)``; one number stands for all. Wins over `pixel_sizes`.
    pixel_sizes : sequence of float, optional
        Pixel size per dimension of the source, in its order, as its metadata say; entries of other axes are ignored.
    unit : str, optional
        Unit of the pixel sizes.
    drange : tuple of float, optional
        Lowest and highest value that a pixel can have.
    path : Path, optional
        The file.
    name : str, optional
        Name for display; by default that of the file.

    Attributes
    ----------
    axes : str
        Canonical axes: ``"tyx"``, ``"tzyx"``, ``"tyxc"`` or ``"tzyxc"``. Axes z and c of length one are dropped.
    shape : tuple of int
        Lengths along `axes`.
    dtype : numpy dtype
        Type of the pixels, in the byte order of the machine.
    scale : tuple of float
        Pixel size per spatial axis, ordered ``([z,] y, x)``; 1.0 where it is not known.
    unit : str or None
        Unit of the scale.
    drange : tuple of float or None
        Lowest and highest value that a pixel can have.
    source : Path or None
        The file.
    name : str
        Name for display.

    Raises
    ------
    InputError
        If the axes do not fit, the pixels are not plain numbers, or the scale is not positive.
    """

    def __init__(
        self,
        source: FrameSource,
        axes: str,
        *,
        scale: float | Sequence[float] | None = None,
        pixel_sizes: Sequence[float] | None = None,
        unit: str | None = None,
        drange: tuple[float, float] | None = None,
        path: Path | None = None,
        name: str | None = None,
    ) -> None:
        stored = check_axes(axes, source.shape)
        if source.dtype.kind not in "buif":
            raise InputError(
                f"The pixels are of type {source.dtype}, but a movie holds plain numbers. "
                "Convert the data to integers or floats first."
            )
        self._frames = source
        self._layout = Layout(stored, tuple(source.shape))
        self.axes = self._layout.axes
        self.shape = self._layout.shape
        self.dtype = source.dtype.newbyteorder("=")
        sizes = dict(zip(stored, pixel_sizes, strict=True)) if pixel_sizes is not None else {}
        known = tuple(float(sizes.get(a, 1.0)) for a in self._layout.spatial)
        self.scale = known if scale is None else _check_scale(scale, self._layout.spatial)
        self.unit = unit
        self.drange = drange
        self.source = path
        self.name = name or (path.name if path else "movie")

    @classmethod
    def from_array(
        cls,
        array: Any,
        axes: str | None = None,
        *,
        scale: float | Sequence[float] | None = None,
        name: str | None = None,
    ) -> "Movie":
        """Make a movie from anything that can be sliced like a numpy array.

        Parameters
        ----------
        array : array-like, or sequence of ndarray
            The data (numpy, dask, zarr, xarray), or a list of frames of one shape. It is sliced frame by frame.
        axes : str, optional
            One letter of ``tzyxc`` per dimension. By default the named dimensions of the array (xarray, zarr 3) if they
            are such letters; else three dimensions are ``"tyx"``, and more dimensions must be named.
        scale : float or sequence of float, optional
            Pixel size per spatial axis, ordered ``([z,] y, x)``.
        name : str, optional
            Name for display.

        Returns
        -------
        Movie
            The movie.

        Raises
        ------
        InputError
            If the axes cannot be told or do not fit, or the frames differ in shape.

        Examples
        --------
        >>> Movie.from_array(np.zeros((5, 64, 48)))
        Movie('movie', axes='tyx', shape=(5, 64, 48), dtype=float64)
        """
        if isinstance(array, (list, tuple)):
            array = _stack(array)
        if not (hasattr(array, "shape") and hasattr(array, "dtype") and hasattr(array, "__getitem__")):
            raise InputError(
                f"A movie cannot be made from {type(array).__name__!r}. "
                "Give an array of numpy, dask, zarr, xarray or h5py, or a list of frames."
            )
        source = ArraySource(array)
        if axes is None:
            axes = _named_axes(array) or plain_axes(source.shape, "the array")
        return cls(source, axes, scale=scale, name=name)

    @property
    def ndim(self) -> int:
        """Number of spatial dimensions, 2 or 3."""
        return len(self.scale)

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """Shape of a frame without channels, ``([z,] y, x)``."""
        return self.shape[1 : 1 + self.ndim]

    @property
    def stored_axes(self) -> str:
        """One letter per dimension as the data are stored, before they are brought into the order of `axes`."""
        return self._layout.stored

    @property
    def stored_shape(self) -> tuple[int, ...]:
        """Lengths along `stored_axes`."""
        return self._layout.stored_shape

    @property
    def n_channels(self) -> int:
        """Number of channels, 1 without a channel axis."""
        return self.shape[-1] if "c" in self.axes else 1

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, t: int) -> Array:
        return self.frame(t)

    def __iter__(self) -> Iterator[Array]:
        return (self.frame(t) for t in range(len(self)))

    def __repr__(self) -> str:
        return f"Movie({self.name!r}, axes={self.axes!r}, shape={self.shape}, dtype={self.dtype})"

    def frame(self, t: int, channel: int | None = None) -> Array:
        """Read one frame.

        Parameters
        ----------
        t : int
            Frame number, from 0.
        channel : int, optional
            One channel; all of them by default.

        Returns
        -------
        ndarray, shape ([z,] y, x) or ([z,] y, x, c)
            A new array in memory; the channel axis is there only if the movie has one and `channel` is not given.

        Raises
        ------
        InputError
            If there is no such frame or channel, or the file cannot be read.
        """
        t = as_integer(t)
        if not 0 <= t < len(self):
            raise InputError(f"`t` is {t}, but {self.name!r} has frames 0 to {len(self) - 1}. Ask for one of them.")
        if channel is not None:
            channel = as_integer(channel)
            if not 0 <= channel < self.n_channels:
                raise InputError(
                    f"`channel` is {channel}, but {self.name!r} has channels 0 to {self.n_channels - 1}. "
                    "Ask for one of them."
                )
        index = self._layout.index(t, channel)
        return np.ascontiguousarray(self._layout.arrange(self._frames.read(index), index), dtype=self.dtype)


def _named_axes(array: Any) -> str | None:
    """Give the named dimensions of an xarray or zarr 3 array if all are letters of ours."""
    names = getattr(array, "dims", None) or getattr(getattr(array, "metadata", None), "dimension_names", None)
    if not names:
        return None
    letters = [str(n).lower() for n in names]
    return "".join(letters) if all(n in ("t", "z", "y", "x", "c") for n in letters) else None


def _stack(frames: Sequence[Any]) -> Array:
    """Make one array of a list of frames."""
    if not frames:
        raise InputError("The list of frames is empty. Give at least one frame.")
    shapes = [np.shape(f) for f in frames]
    different = [t for t, shape in enumerate(shapes) if shape != shapes[0]]
    if different:
        t = different[0]
        raise InputError(
            f"The frames differ in shape: frame 0 has {shapes[0]}, frame {t} has {shapes[t]}. Give frames of one shape."
        )
    return np.asarray(frames)


def _check_scale(scale: float | Sequence[float], spatial: str) -> tuple[float, ...]:
    """Check pixel sizes and bring them to one per spatial axis."""
    try:
        values = np.asarray(scale, dtype=float)
    except (TypeError, ValueError):
        values = np.array(math.nan)
    if values.ndim == 0:
        values = np.repeat(values, len(spatial))
    if values.shape != (len(spatial),) or not np.all(np.isfinite(values) & (values > 0)):
        raise InputError(
            f"`scale` is {scale!r}. Give one positive pixel size, or one for each of the axes {', '.join(spatial)}."
        )
    return tuple(float(v) for v in values)
