"""Movies in ``.npy`` and ``.npz`` files.

A ``.npy`` file and an uncompressed ``.npz`` archive are mapped into memory: a frame is read when it is asked for. A
compressed archive has no random access; its array is read whole with the first frame.
"""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy_format

from nbtrack.data.axes import plain_axes
from nbtrack.data.movie import Array, FrameSource, Index, Movie
from nbtrack.errors import InputError
from nbtrack.io.sources import READ_ERRORS, FileSource, MappedSource, unreadable

LOCAL_HEADER = 30
"""Bytes of the fixed header of a member of a zip archive; its last two numbers are the lengths of what follows."""


class CompressedSource(FileSource):
    """One array of a compressed ``.npz`` archive.

    Parameters
    ----------
    path : Path
        The archive.
    shape : tuple of int
        Shape of the array.
    dtype : numpy dtype
        Type of its elements.
    name : str
        Its name in the archive.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], name: str) -> None:
        super().__init__(path, shape, dtype)
        self.name = name

    def _open(self) -> Any:
        with np.load(self.path, allow_pickle=False) as archive:
            return archive[self.name]

    def _read(self, handle: Any, index: Index) -> Array:
        return np.array(handle[index])


def read_npy(
    path: Path,
    *,
    axes: str | None = None,
    dataset: str | None = None,
    scale: float | Sequence[float] | None = None,
) -> Movie:
    """Open a movie in a ``.npy`` file.

    Parameters
    ----------
    path : Path
        The file.
    axes : str, optional
        One letter per dimension; three dimensions are ``"tyx"`` by default.
    dataset : str, optional
        Refused: such a file has one array.
    scale : float or sequence of float, optional
        Pixel size per spatial axis.

    Returns
    -------
    Movie
        The movie; no pixel has been read.

    Raises
    ------
    InputError
        If the file is damaged, or the axes are not known or do not fit.
    """
    if dataset is not None:
        raise InputError(f"`{path}` holds a single array, so `dataset` {dataset!r} cannot be chosen. Leave it out.")
    try:
        with path.open("rb") as file:
            shape, fortran, dtype = _header(file)
            offset = file.tell()
    except READ_ERRORS as error:
        raise unreadable(path, error) from error
    _refuse_objects(dtype, path)
    axes = axes if axes is not None else plain_axes(shape, f"`{path}`")
    return Movie(MappedSource(path, shape, dtype, offset, fortran), axes, scale=scale, path=path)


def read_npz(
    path: Path,
    *,
    axes: str | None = None,
    dataset: str | None = None,
    scale: float | Sequence[float] | None = None,
) -> Movie:
    """Open a movie in a ``.npz`` archive.

    Parameters
    ----------
    path : Path
        The archive.
    axes : str, optional
        One letter per dimension; three dimensions are ``"tyx"`` by default.
    dataset : str, optional
        Name of the array; not needed if there is only one.
    scale : float or sequence of float, optional
        Pixel size per spatial axis.

    Returns
    -------
    Movie
        The movie.

    Raises
    ------
    InputError
        If the archive is damaged, the array cannot be told, or its axes are not known or do not fit.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {n.removesuffix(".npy"): archive.getinfo(n) for n in archive.namelist() if n.endswith(".npy")}
            headers = {}
            for name, member in members.items():
                with archive.open(member) as file:
                    headers[name] = (*_header(file), file.tell())
    except READ_ERRORS as error:
        raise unreadable(path, error) from error
    listing = ", ".join(f"{n!r} of shape {h[0]}" for n, h in headers.items()) or "no array"
    if dataset is None and len(headers) != 1:
        raise InputError(f"`{path}` holds {listing}. Choose one with `dataset=`.")
    name = dataset if dataset is not None else next(iter(headers))
    if name not in headers:
        raise InputError(f"`{path}` has no array {name!r}. It holds {listing}; choose one with `dataset=`.")
    shape, fortran, dtype, start = headers[name]
    _refuse_objects(dtype, path)
    axes = axes if axes is not None else plain_axes(shape, f"`{path}`")
    source: FrameSource
    if members[name].compress_type == zipfile.ZIP_STORED:
        offset = _data_offset(path, members[name].header_offset) + start
        source = MappedSource(path, shape, dtype, offset, fortran)
    else:
        source = CompressedSource(path, shape, dtype, name)
    return Movie(source, axes, scale=scale, path=path)


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read shape, order and type; the file then stands at the first pixel."""
    version = npy_format.read_magic(file)
    read = npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    return shape, fortran, dtype


def _refuse_objects(dtype: np.dtype[Any], path: Path) -> None:
    """Refuse arrays of Python objects, which could only be unpickled."""
    if dtype.hasobject:
        raise InputError(f"`{path}` holds Python objects, which are not read. Save it as an array of numbers.")


def _data_offset(path: Path, header_offset: int) -> int:
    """Find where the bytes of an uncompressed member begin in an archive."""
    with path.open("rb") as file:
        file.seek(header_offset)
        header = file.read(LOCAL_HEADER)
    lengths = np.frombuffer(header, "<u2", 2, LOCAL_HEADER - 4)
    return header_offset + LOCAL_HEADER + int(lengths.sum())
