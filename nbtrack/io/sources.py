"""Frames out of files: what all formats share.

A source can be pickled without its open file, and opens it again, once per process, when the first frame is asked for.
"""

import os
import struct
import threading
import zlib
from abc import ABC, abstractmethod
from pathlib import Path
from tokenize import TokenError
from typing import Any
from zipfile import BadZipFile

import numpy as np

from nbtrack.data.movie import Array, Index
from nbtrack.errors import InputError

READ_ERRORS = (
    *(OSError, EOFError, ValueError, LookupError, RuntimeError, ArithmeticError, TypeError, AttributeError),
    *(AssertionError, SystemError, zlib.error, struct.error, BadZipFile, TokenError),
)
"""What the libraries below raise for files that are damaged, cut short or gone (found by damaging files at random)."""


def unreadable(path: Path, error: BaseException) -> InputError:
    """Make the error for a file that exists but cannot be read.

    Parameters
    ----------
    path : Path
        The file.
    error : Exception
        What the library below said.

    Returns
    -------
    InputError
        The error, to be raised.
    """
    if not path.exists():
        return InputError(f"`{path}` does not exist. Check the name, or read the movie again from where it is now.")
    return InputError(
        f"`{path}` cannot be read: {error}. The file may be damaged or cut short; copy or export it again."
    )


class FileSource(ABC):
    """A source with one open file per process.

    Parameters
    ----------
    path : Path
        The file.
    shape : tuple of int
        Shape in stored order.
    dtype : numpy dtype
        Type of the pixels as stored.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.path = path.resolve()
        self.shape = tuple(int(n) for n in shape)
        self.dtype = np.dtype(dtype)
        self._forget()

    def _forget(self) -> None:
        """Start without an open file, in this process."""
        self._handle: Any = None
        self._lock = threading.Lock()
        self._process = os.getpid()

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k not in ("_handle", "_lock", "_process")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

    def read(self, index: Index) -> Array:
        """Read a part of the file.

        Parameters
        ----------
        index : tuple of int or slice
            One entry per stored dimension.

        Returns
        -------
        ndarray
            The part, as a new array.

        Raises
        ------
        InputError
            If the file is gone or damaged.
        """
        if self._process != os.getpid():  # a forked worker must not share the position in the file of its parent
            self._forget()
        with self._lock:
            try:
                if self._handle is None:
                    self._handle = self._open()
                return self._read(self._handle, index)
            except InputError:
                raise
            except READ_ERRORS as error:
                raise unreadable(self.path, error) from error

    @abstractmethod
    def _open(self) -> Any:
        """Open the file."""

    @abstractmethod
    def _read(self, handle: Any, index: Index) -> Array:
        """Read a part of the open file."""


class MappedSource(FileSource):
    """Pixels that stand in a file as they stand in memory, in one piece.

    Parameters
    ----------
    path : Path
        The file.
    shape : tuple of int
        Shape in stored order.
    dtype : numpy dtype
        Type of the pixels as stored, with its byte order.
    offset : int
        Where the pixels begin in the file, in bytes.
    fortran : bool, optional
        True if the first dimension runs fastest.

    Raises
    ------
    InputError
        If the file is shorter than its pixels.
    """

    def __init__(
        self, path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], offset: int, fortran: bool = False
    ) -> None:
        super().__init__(path, shape, dtype)
        self._offset = int(offset)
        self._order = "F" if fortran else "C"
        needed = self._offset + int(np.prod([int(n) for n in shape], dtype=object)) * self.dtype.itemsize
        found = self.path.stat().st_size
        if found < needed:
            raise unreadable(path, ValueError(f"it should have {needed} bytes but has {found}"))

    def _open(self) -> Any:
        return np.memmap(self.path, self.dtype, "r", self._offset, self.shape, self._order)  # type: ignore[call-overload]

    def _read(self, handle: Any, index: Index) -> Array:
        return np.array(handle[index])
