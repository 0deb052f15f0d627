"""What both formats on Zarr need: the library where it is installed, arrays in folders, nothing pickled.

A Zarr array is a folder of chunks. In version 2 of the format a chunk may be pickled: such arrays are refused unread.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from nbtrack.errors import InputError
from nbtrack.io.atomic import atomic_path
from nbtrack.io.sources import FileSource

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nbtrack.data.movie import Array, Index

MARKS = (".zgroup", ".zattrs", ".zarray", "zarr.json")
"""Names of files by which a folder is known as Zarr."""
_CHUNK_SIDE = 1024
_MOST_NUMBERS = 10**9


def is_zarr(path: Path) -> bool:
    """Tell whether a folder is a Zarr group or array."""
    return path.is_dir() and any((path / mark).is_file() for mark in MARKS)


def need_library(name: str, what: str, extra: str) -> Any:
    """Load a library that the base installation does not have.

    Parameters
    ----------
    name : str
        The library.
    what : str
        What needs it, for the message.
    extra : str
        The extra of nbtrack that brings it.

    Returns
    -------
    module

    Raises
    ------
    InputError
        If it is not installed; the message says how to install it.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise InputError(
            f"{what} needs the package `{name}`, which is not installed. "
            f'Install it with the extra `{extra}`: pip install "nbtrack[{extra}]".'
        ) from error


def zarr_library(what: str) -> Any:
    """Load the library `zarr`, or say how to install it."""
    return need_library("zarr", what, "formats")


@contextmanager
def new_zarr(path: Path, version: int, overwrite: bool) -> Iterator[Any]:
    """Give a new group to write into, which gets its name when all of it is written.

    Parameters
    ----------
    path : Path
        The folder.
    version : {2, 3}
        Version of Zarr.
    overwrite : bool
        Replace what is there.

    Yields
    ------
    zarr.Group

    Raises
    ------
    InputError
        If the library is missing, the target exists, or it cannot be written; nothing is left then.
    """
    zarr = zarr_library(f"`{path}`")
    with atomic_path(path, overwrite=overwrite) as temporary:
        try:
            yield zarr.open_group(str(temporary), mode="w", zarr_format=version)
        except BaseException:
            _settle()
            raise


def _settle() -> None:
    """Wait for files that are still being written in the background, so that all can be removed."""
    loops = import_module("zarr.core.sync")

    async def wait() -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        await asyncio.gather(*others, return_exceptions=True)

    loops.sync(wait())


def open_zarr(path: Path) -> Any:
    """Open a folder as Zarr group or array, for reading.

    Parameters
    ----------
    path : Path
        The folder.

    Returns
    -------
    zarr.Group or zarr.Array
    """
    zarr = zarr_library(f"`{path}`")
    if (path / ".zarray").is_file():
        return own_values(zarr.open_array(str(path), mode="r"))
    found = zarr.open(str(path), mode="r")
    return found if isinstance(found, zarr.Group) else own_values(found)


def own_values(array: Any) -> Any:
    """Refuse an array whose chunks are pickled or hold anything but numbers.

    Parameters
    ----------
    array : zarr.Array
        The array, not read yet.

    Returns
    -------
    zarr.Array
        The same.

    Raises
    ------
    ValueError
        If it is such an array.
    """
    if "pickle" in str(array.metadata.to_dict()).lower():
        raise ValueError("its values are pickled, and nbtrack never unpickles what a file holds")
    if array.dtype.kind not in "biuf":
        raise ValueError(f"its values are of type {array.dtype}, but must be numbers")
    return array


def array_in(group: Any, name: str) -> Any:
    """Take an array out of a group.

    Parameters
    ----------
    group : zarr.Group
        The group.
    name : str
        Name of the array, with slashes.

    Returns
    -------
    zarr.Array

    Raises
    ------
    KeyError
        If there is no such array.
    ValueError
        If it does not hold plain numbers.
    """
    found = group[name]
    if not hasattr(found, "dtype"):
        raise KeyError(f"{name!r} is a group, not an array")
    return own_values(found)


def numbers_in(group: Any, name: str) -> np.ndarray:
    """Read a whole array of a group.

    Parameters
    ----------
    group : zarr.Group
        The group.
    name : str
        Name of the array, with slashes.

    Returns
    -------
    ndarray

    Raises
    ------
    KeyError, ValueError
        As for `array_in`, and if it claims to be larger than any table is.
    """
    array = array_in(group, name)
    if array.size > _MOST_NUMBERS:
        raise ValueError(f"{name!r} has {array.size} numbers, more than {_MOST_NUMBERS}")
    return np.asarray(array[...])


def new_array(
    group: Any, name: str, shape: tuple[int, ...], dtype: Any, *, chunks: tuple[int, ...], **more: Any
) -> Any:
    """Make an array whose chunks lie in folders of their own.

    Parameters
    ----------
    group : zarr.Group
        Where to.
    name : str
        Its name.
    shape, dtype, chunks
        As usual.
    **more
        Further words of ``create_array``.

    Returns
    -------
    zarr.Array
    """
    version = group.metadata.zarr_format
    return group.create_array(
        name,
        shape=shape,
        dtype=dtype,
        chunks=tuple(max(n, 1) for n in chunks),
        chunk_key_encoding={"name": "v2" if version == 2 else "default", "separator": "/"},
        **more,
    )


def put_array(group: Any, name: str, values: np.ndarray) -> None:
    """Store an array in one chunk, or in a few where it is long.

    Parameters
    ----------
    group : zarr.Group
        Where to.
    name : str
        Its name.
    values : ndarray
        What to store.
    """
    chunks = (min(len(values), 1 << 20), *values.shape[1:])
    array = new_array(group, name, values.shape, values.dtype, chunks=chunks)
    if values.size:
        array[...] = values


def plane_chunks(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Choose chunks of one plane at most."""
    return (*(1,) * (len(shape) - 2), *(min(n, _CHUNK_SIDE) for n in shape[-2:]))


class ZarrSource(FileSource):
    """An array in a Zarr folder, opened once per process.

    Parameters
    ----------
    path : Path
        The folder of the array.
    array : zarr.Array
        The array.
    """

    def __init__(self, path: Path, array: Any) -> None:
        super().__init__(path, tuple(int(n) for n in array.shape), np.dtype(array.dtype))

    def _open(self) -> Any:
        return open_zarr(self.path)

    def _read(self, handle: Any, index: Index) -> Array:
        return np.asarray(handle[index])
