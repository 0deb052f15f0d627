"""The inputs of a workflow: where a movie came from, how it was read, and whether two of them fit together."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nbtrack.data.axes import CANONICAL, SPATIAL
from nbtrack.data.movie import Movie
from nbtrack.errors import InputError
from nbtrack.io.registry import read
from nbtrack.params import SegmentationParams

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbtrack.data.movie import Index

KINDS = ("prediction map", "binary", "labels")
"""What the second input of a workflow can be."""
_REMEMBERED_FRAMES = 4


@dataclass(frozen=True, eq=False)
class Input:
    """A movie and how it was asked for.

    Parameters
    ----------
    movie : Movie
        The movie.
    path : Path or None
        File or folder it was read from; None for what was given in memory.
    inside : str
        What follows the path: a dataset, or a pattern of file names. Empty if nothing does.
    given : Any
        What was given: a path, an array or a movie.
    key : tuple
        What makes two inputs the same.
    """

    movie: Movie
    path: Path | None
    inside: str
    given: Any
    key: tuple[Any, ...]

    @property
    def label(self) -> str:
        """Its path, or what sort of array it is."""
        if self.path is not None:
            return str(self.path / self.inside)
        return f"array {self.movie.stored_shape} {self.movie.dtype}"


def read_input(
    given: Any,
    *,
    axes: str | None = None,
    dataset: str | None = None,
    scale: float | Sequence[float] | None = None,
) -> Input:
    """Read a movie and remember where it came from.

    Parameters
    ----------
    given : str, Path, Movie or array
        A file, a folder or pattern of images, ``file.h5/dataset``, an array, or a movie, which is taken as it is.
    axes, dataset, scale
        As for `nbtrack.read`.

    Returns
    -------
    Input

    Raises
    ------
    InputError
        If it cannot be read.
    """
    if isinstance(given, Movie):
        if dataset is not None or (axes or given.stored_axes).lower() != given.stored_axes:
            raise InputError("A `Movie` has its axes and its data already. Give the file or the array instead.")
        return _from_memory(given, given)
    if not isinstance(given, (str, Path)):
        return _from_memory(read(given, axes=axes, dataset=dataset, scale=scale), given)
    if not str(given).strip():
        raise InputError("No file was named. Type the path of a file, or choose one of the list.")
    path = Path(given).expanduser().absolute()
    movie = read(path, axes=axes, dataset=dataset, scale=scale)
    inside = [] if dataset is None else [dataset]
    while not path.exists():
        inside.insert(0, path.name)
        path = path.parent
    key = str(path), path.stat().st_mtime_ns, *inside, movie.stored_axes, movie.scale
    return Input(movie, path, "/".join(inside), given, key)


def read_again(
    old: Input, *, axes: str | None = None, dataset: str | None = None, scale: float | Sequence[float] | None = None
) -> Input:
    """Read an input in another way.

    Parameters
    ----------
    old : Input
        What was read.
    axes, dataset, scale
        As for `nbtrack.read`; axes stay if not given, unless another dataset is read.

    Returns
    -------
    Input

    Raises
    ------
    InputError
        If it cannot be read so.
    """
    if old.path is None:
        return read_input(old.given, axes=axes or old.movie.stored_axes, dataset=dataset, scale=scale)
    if dataset is not None:
        return read_input(old.path, axes=axes, dataset=dataset, scale=scale)
    return read_input(old.path / old.inside, axes=axes or old.movie.stored_axes, scale=scale)


def _from_memory(movie: Movie, given: Any) -> Input:
    return Input(movie, None, "", given, (id(given), movie.stored_axes, movie.scale))


def guess_kind(movie: Movie) -> str:
    """Guess whether a movie is a prediction map, a binary movie or label images.

    Parameters
    ----------
    movie : Movie
        The movie; its middle frame is looked at.

    Returns
    -------
    str
        One of `KINDS`.
    """
    if movie.dtype.kind == "b":
        return "binary"
    if movie.dtype.kind == "f" or movie.n_channels > 1 or movie.drange not in (None, (0, 1)):
        return "prediction map"
    frame = movie[len(movie) // 2]
    if len(np.unique(frame)) <= 2:
        return "binary"
    flat = np.count_nonzero(frame[..., 1:] == frame[..., :-1]) > 0.8 * frame[..., 1:].size
    return "labels" if flat else "prediction map"


def guess_channel(movie: Movie) -> int:
    """Guess which channel of a prediction map shows the objects: the one with the lowest mean in the middle frame.

    Parameters
    ----------
    movie : Movie
        The prediction map.

    Returns
    -------
    int
        The channel.
    """
    frame = movie[len(movie) // 2]
    return int(np.argmin(frame.reshape(-1, movie.n_channels).mean(axis=0)))


def guess_axes(shape: Sequence[int]) -> str:
    """Guess the axes of data that do not tell them.

    Parameters
    ----------
    shape : sequence of int
        Their shape.

    Returns
    -------
    str
        ``"tyx"``, ``"tyxc"`` if the last of four is short, ``"tzyx"`` or ``"tzyxc"``.
    """
    if len(shape) == 4:
        return "tyxc" if shape[-1] <= 4 else "tzyx"
    return "tyx" if len(shape) == 3 else "tzyxc"


def first_params(kind: str, movie: Movie) -> SegmentationParams:
    """Choose parameters to begin with.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    movie : Movie
        The movie.

    Returns
    -------
    SegmentationParams
        No smoothing and a threshold of 0, except for prediction maps.
    """
    if kind == "prediction map":
        return SegmentationParams(channel=guess_channel(movie))
    return SegmentationParams(sigma=0.0, threshold=0.0)


def remember_frames(movie: Movie) -> Movie:
    """Make a movie that remembers the last few frames it read, for trying parameters out on one of them.

    Parameters
    ----------
    movie : Movie
        The movie.

    Returns
    -------
    Movie
        The same frames; they must not be changed in place.
    """
    return Movie(_Remembered(movie), movie.axes, scale=movie.scale, drange=movie.drange, name=movie.name)


class _Remembered:
    """The frames of a movie, in canonical order."""

    def __init__(self, movie: Movie) -> None:
        self._movie = movie
        self.shape, self.dtype = movie.shape, movie.dtype
        self._frames: OrderedDict[tuple[int, int | None], np.ndarray] = OrderedDict()

    def read(self, index: Index) -> np.ndarray:
        """Give a frame, or a channel of it."""
        t, last = index[0], index[-1]
        assert isinstance(t, int), "a movie reads one frame at a time"
        key = t, last if "c" in self._movie.axes and isinstance(last, int) else None
        if key not in self._frames:
            self._frames[key] = self._movie.frame(*key)
            if len(self._frames) > _REMEMBERED_FRAMES:
                self._frames.popitem(last=False)
        return self._frames[key]


def describe_axes(movie: Movie) -> str:
    """Write the length of each axis in words.

    Parameters
    ----------
    movie : Movie
        The movie.

    Returns
    -------
    str
        For example ``"t 9, y 99, x 105"``.
    """
    return ", ".join(f"{axis} {length}" for axis, length in zip(movie.axes, movie.shape, strict=True))


def check_fit(raw: Movie, prediction: Movie) -> None:
    """Check that two movies show the same frames.

    Parameters
    ----------
    raw : Movie
        The raw images.
    prediction : Movie
        The other input.

    Raises
    ------
    InputError
        If t, z, y or x differ; the message says which axes to change, if that would help.
    """
    if _lengths(raw) == _lengths(prediction):
        return
    problem = (
        f"`raw` and `prediction` must have the same t, z, y and x: got {describe_axes(raw)} and "
        f"{describe_axes(prediction)}. "
    )
    ways = [
        (len(other) == 1, axes, f"`{name}` with the axes {axes!r} instead of {movie.stored_axes!r}")
        for name, movie, other in (("prediction", prediction, raw), ("raw", raw, prediction))
        if (axes := _axes_that_fit(movie, other)) is not None
    ]
    if not ways:
        raise InputError(f"{problem}Load two files of the same movie.")
    # several frames are likelier than one, and the usual order than another
    ways.sort(key=lambda way: (way[0], list(way[1]) != sorted(way[1], key=CANONICAL.index)))
    raise InputError(f"{problem}Read {', or '.join(text for *_, text in ways)}.")


def _lengths(movie: Movie) -> dict[str, int]:
    """Give the lengths along t, z, y and x, without a z of one."""
    return {axis: n for axis, n in zip(movie.axes, movie.shape, strict=True) if axis in "t" + SPATIAL}


def _axes_that_fit(movie: Movie, other: Movie) -> str | None:
    """Find the axes by which a movie would fit another one, as near as possible to those it has."""
    wanted = _lengths(other)
    fitting = [
        axes
        for axes in permutations(CANONICAL, len(movie.stored_shape))
        if {a: n for a, n in zip(axes, movie.stored_shape, strict=True) if a in "tyx" or (a == "z" and n > 1)} == wanted
    ]
    changes = [sum(a != b for a, b in zip(axes, movie.stored_axes, strict=True)) for axes in fitting]
    return "".join(fitting[int(np.argmin(changes))]) if fitting else None
