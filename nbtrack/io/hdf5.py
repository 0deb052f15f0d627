"""Movies in HDF5 files, with the axes from the attribute ``axistags`` that ilastik and vigra write.

``axistags`` is JSON: ``{"axes": [{"key": "t", "resolution": 0, ...}, ...]}``, one entry per dimension in stored order;
a resolution of 0 means that the pixel size is not known. ``drange`` is the lowest and highest value a pixel can have.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from nbtrack.data.axes import require_axes
from nbtrack.data.movie import Array, Index, Movie
from nbtrack.errors import InputError
from nbtrack.io.sources import READ_ERRORS, FileSource, unreadable

WELL_KNOWN = ("data", "volume/data", "exported_data")


@dataclass(frozen=True)
class DatasetInfo:
    """What a dataset says about itself.

    Parameters
    ----------
    name : str
        Its name inside the file.
    shape : tuple of int
        Its shape as stored.
    axes : str or None
        Letters of its ``axistags``; None if it has none that can be read.
    """

    name: str
    shape: tuple[int, ...]
    axes: str | None


class Hdf5Source(FileSource):
    """One dataset of an HDF5 file.

    Parameters
    ----------
    dataset : h5py.Dataset
        The dataset; it is opened again by path and name where the source was pickled.
    """

    def __init__(self, dataset: h5py.Dataset) -> None:
        super().__init__(Path(dataset.file.filename), dataset.shape, dataset.dtype)
        self.name = str(dataset.name)
        self._handle = (dataset.file, dataset)

    def _open(self) -> Any:
        file = _open_file(self.path)
        return file, file[self.name]

    def _read(self, handle: Any, index: Index) -> Array:
        return np.asarray(handle[1][index])


def read_hdf5(
    path: Path,
    *,
    axes: str | None = None,
    dataset: str | None = None,
    scale: float | Sequence[float] | None = None,
) -> Movie:
    """Open a movie in an HDF5 file.

    Parameters
    ----------
    path : Path
        The file.
    axes : str, optional
        One letter per dimension; wins over ``axistags``.
    dataset : str, optional
        Name inside the file. By default the one of ``data``, ``volume/data`` and ``exported_data`` that is there, or
        the only dataset with three or more dimensions.
    scale : float or sequence of float, optional
        Pixel size per spatial axis.

    Returns
    -------
    Movie
        The movie; no pixel has been read.

    Raises
    ------
    InputError
        If the file is damaged, the dataset cannot be told, or its axes are not known or do not fit.
    """
    try:
        file = _open_file(path)
        chosen = _choose(file, path, dataset)
    except InputError:
        raise
    except READ_ERRORS as error:
        raise unreadable(path, error) from error
    return movie_of_dataset(chosen, axes=axes, scale=scale)


def list_datasets(path: str | Path) -> list[DatasetInfo]:
    """List the datasets of a file that may be movies.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    list of DatasetInfo
        Those with three or more dimensions; none if it is no HDF5 file.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    path = Path(path).expanduser()
    try:
        if not (path.is_file() and h5py.is_hdf5(path)):
            return []
        with _open_file(path) as file:
            found = []
            for dataset in _datasets(file):
                tags = _axistags(dataset, "", broken_is_error=False)
                axes = "".join(key for key, _ in tags) if tags and len(tags) == dataset.ndim else None
                if dataset.ndim >= 3:
                    found.append(DatasetInfo(dataset.name.lstrip("/"), tuple(dataset.shape), axes))
            return found
    except READ_ERRORS as error:
        raise unreadable(path, error) from error


def movie_of_dataset(
    dataset: h5py.Dataset, *, axes: str | None = None, scale: float | Sequence[float] | None = None
) -> Movie:
    """Make a movie of an open HDF5 dataset.

    Parameters
    ----------
    dataset : h5py.Dataset
        The dataset. Its file stays open as long as the movie is used.
    axes : str, optional
        One letter per dimension; wins over ``axistags``.
    scale : float or sequence of float, optional
        Pixel size per spatial axis.

    Returns
    -------
    Movie
        The movie.

    Raises
    ------
    InputError
        If the axes are not known or do not fit.
    """
    path = Path(dataset.file.filename)
    what = f"`{path}{dataset.name}`"
    tags = _axistags(dataset, what, broken_is_error=axes is None)
    if axes is None and tags is None:
        raise require_axes(dataset.shape, f"the dataset {what}")
    return Movie(
        Hdf5Source(dataset),
        axes if axes is not None else "".join(key for key, _ in tags or ()),
        scale=scale,
        pixel_sizes=[size for _, size in tags] if tags and len(tags) == dataset.ndim else None,
        drange=_drange(dataset),
        path=path,
    )


def own_dataset(file: h5py.File, name: str) -> h5py.Dataset:
    """Take a dataset whose values lie in the file itself: links and paths to other files are not followed.

    Parameters
    ----------
    file : h5py.File
        An open file.
    name : str
        Name of the dataset, with slashes.

    Returns
    -------
    h5py.Dataset

    Raises
    ------
    KeyError
        If there is no such dataset.
    ValueError
        If it is a link or its values lie elsewhere.
    """
    found: Any = file
    for part in name.strip("/").split("/"):
        if not isinstance(found, h5py.Group):
            raise KeyError(f"{name!r} is not in the file")
        if not isinstance(found.get(part, getlink=True), h5py.HardLink):
            raise ValueError(f"{name!r} is a link to another place")
        found = found[part]
    if not isinstance(found, h5py.Dataset):
        raise KeyError(f"{name!r} is not a dataset")
    if found.is_virtual or found.external:
        raise ValueError(f"the values of {name!r} lie in another file")
    return found


def _open_file(path: Path) -> h5py.File:
    """Open a file for reading, also on a network drive that cannot lock files."""
    return h5py.File(path, "r", locking="best-effort")


def _choose(file: h5py.File, path: Path, name: str | None) -> h5py.Dataset:
    """Find the dataset that is meant."""
    if name is not None:
        found = file.get(name)
        if isinstance(found, h5py.Dataset):
            return found
        raise InputError(f"`{path}` has no dataset {name!r}. Choose one of: {_listing(_datasets(file))}.")
    known = [file[n] for n in WELL_KNOWN if isinstance(file.get(n), h5py.Dataset)]
    if len(known) == 1:
        return known[0]
    everything = _datasets(file)
    movies = [d for d in everything if len(d.shape) >= 3]
    if not movies:
        raise InputError(f"`{path}` has no dataset with three or more dimensions. It holds: {_listing(everything)}.")
    if known or len(movies) > 1:
        raise InputError(f"`{path}` has several datasets. Choose one with `dataset=`: {_listing(movies)}.")
    return movies[0]


def _datasets(file: h5py.File) -> list[h5py.Dataset]:
    """List the datasets of a file that are arrays."""
    found: list[h5py.Dataset] = []

    def visit(_: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.shape:
            found.append(item)

    file.visititems(visit)
    return found


def _listing(datasets: list[h5py.Dataset], limit: int = 20) -> str:
    """Write names and shapes of datasets, the first few of many."""
    lines = [f"{d.name.lstrip('/')!r} of shape {d.shape}" for d in datasets[:limit]]
    if len(datasets) > limit:
        lines.append(f"and {len(datasets) - limit} more")
    return ", ".join(lines) or "nothing"


def _axistags(dataset: h5py.Dataset, what: str, *, broken_is_error: bool) -> list[tuple[str, float]] | None:
    """Read letter and pixel size per dimension, None without axistags."""
    text = dataset.attrs.get("axistags")
    if text is None:
        return None
    try:
        entries = json.loads(text)["axes"]
        return [(str(e["key"]), _pixel_size(e.get("resolution"))) for e in entries]
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        if not broken_is_error:
            return None
        raise InputError(
            f"The attribute `axistags` of {what} is damaged ({error}). Give `axes=`, for instance axes='tyx'."
        ) from error


def _pixel_size(resolution: Any) -> float:
    """Give a pixel size, 1 where it is not known."""
    known = isinstance(resolution, (int, float)) and math.isfinite(resolution) and resolution > 0
    return float(resolution) if known else 1.0


def _drange(dataset: h5py.Dataset) -> tuple[float, float] | None:
    """Read the range of values, None where it is absent or empty."""
    values = np.asarray(dataset.attrs.get("drange", ())).ravel()
    if values.shape != (2,) or values.dtype.kind not in "uif" or not values[0] < values[1]:
        return None
    return float(values[0]), float(values[1])
