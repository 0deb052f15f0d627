"""Where label frames go while they are made: memory if they are few, else an HDF5 file, one frame at a time.

A file has the layout of an exported label image: dataset ``exported_data``, uint32, attribute ``axistags``, gzip 1,
chunks of one plane. It is written under another name and gets its own when it is complete.
"""

import json
import os
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any
from uuid import uuid4

import h5py
import numpy as np

from nbtrack.data.movie import Movie
from nbtrack.data.storage import axistags, require_space
from nbtrack.errors import InputError

DATASET = "exported_data"
MEMORY_LIMIT = 1 << 30
"""Bytes of labels that are kept in memory; more go to a temporary file."""


class LabelList:
    """A source of label frames that are in memory.

    Parameters
    ----------
    frames : list of ndarray of uint32
        The frames; not copied.
    shape : tuple of int
        ``(t, [z,] y, x)``.
    """

    def __init__(self, frames: list[np.ndarray], shape: tuple[int, ...]) -> None:
        self._frames = frames
        self.shape = shape
        self.dtype: np.dtype[Any] = np.dtype(np.uint32)

    def read(self, index: tuple[int | slice, ...]) -> np.ndarray[Any, Any]:
        """Copy what an index cuts out.

        Parameters
        ----------
        index : tuple of int or slice
            One entry per dimension, the first one a frame number.

        Returns
        -------
        ndarray of uint32
        """
        t, *rest = index
        assert isinstance(t, int), "a movie reads one frame at a time"
        return np.array(self._frames[t][tuple(rest)])


class LabelFile:
    """A source of label frames in an HDF5 file, opened for each reading; it can be pickled and read by threads.

    Parameters
    ----------
    path : Path
        The file.
    shape : tuple of int
        ``(t, [z,] y, x)``.
    temporary : bool, optional
        Remove the file when nobody holds this source any longer.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], *, temporary: bool = False) -> None:
        self.path = path
        self.shape = shape
        self.dtype: np.dtype[Any] = np.dtype(np.uint32)
        if temporary:
            weakref.finalize(self, _remove, path)

    def read(self, index: tuple[int | slice, ...]) -> np.ndarray[Any, Any]:
        """Read what an index cuts out.

        Parameters
        ----------
        index : tuple of int or slice
            One entry per dimension.

        Returns
        -------
        ndarray of uint32

        Raises
        ------
        InputError
            If the file is gone or damaged.
        """
        try:
            with h5py.File(self.path, "r") as file:
                return np.asarray(file[DATASET][index])
        except (OSError, KeyError) as error:
            raise InputError(
                f"The label file `{self.path}` cannot be read: {error}. Segment the movie again."
            ) from error


class LabelStore:
    """Collects label frames in order and gives them back as a movie; a context manager.

    Leaving the context without `finish` throws away what was written.

    Parameters
    ----------
    n_frames : int
        Number of frames to come.
    frame_shape : tuple of int
        ``([z,] y, x)``.
    scale : sequence of float
        Size of a pixel along each axis.
    out : str or Path, optional
        An HDF5 file to write; without it frames stay in memory, or go to a temporary file above `memory_limit`.
    overwrite : bool, optional
        Replace `out` if it is there.
    made_by : mapping, optional
        Parameters to note in the file, as JSON.
    memory_limit : int, optional
        Bytes of labels that may stay in memory.

    Raises
    ------
    InputError
        If `out` is not a name for an HDF5 file, is there already, or its folder is missing.
    """

    def __init__(
        self,
        n_frames: int,
        frame_shape: tuple[int, ...],
        *,
        scale: Sequence[float],
        out: str | Path | None = None,
        overwrite: bool = False,
        made_by: Mapping[str, Any] | None = None,
        memory_limit: int = MEMORY_LIMIT,
    ) -> None:
        self._shape = (n_frames, *frame_shape)
        self._scale = tuple(scale)
        self._out = None if out is None else _check_out(Path(out), overwrite)
        self._count = 0
        self._file: h5py.File | None = None
        self._frames: Any
        self._path: Path | None = None
        if self._out is not None or 4 * int(np.prod(self._shape, dtype=object)) > memory_limit:
            if self._out is None:
                handle, name = tempfile.mkstemp(prefix="nbtrack-labels-", suffix=".h5")
                os.close(handle)
                self._path = Path(name)
            else:
                self._path = self._out.with_name(f".{self._out.name}-{uuid4().hex[:8]}")
            self._file = h5py.File(self._path, "w")
            self._frames = self._file.create_dataset(
                DATASET,
                shape=self._shape,
                dtype=np.uint32,
                chunks=(1,) * (len(frame_shape) - 1) + frame_shape[-2:],
                compression="gzip",
                compression_opts=1,
            )
            self._frames.attrs["axistags"] = axistags("tzyx" if len(frame_shape) == 3 else "tyx", self._scale)
            self._frames.attrs["made_by"] = json.dumps(dict(made_by or {}))
        else:
            self._frames = []

    def append(self, labels: np.ndarray) -> None:
        """Store the next frame.

        Parameters
        ----------
        labels : ndarray of uint32, shape frame_shape
            The label frame.

        Raises
        ------
        InputError
            If the disk is full.
        """
        if self._file is None:
            self._frames.append(labels)
        else:
            folder = Path(self._file.filename).parent
            try:
                require_space(folder, labels.nbytes)
                self._frames[self._count] = labels
            except OSError as error:
                raise InputError(
                    f"The label frames cannot be written to {folder}: {error.strerror or error}. "
                    "Make room, or give `out` on another disk."
                ) from error
        self._count += 1

    def finish(self) -> Movie:
        """Close the store.

        Returns
        -------
        Movie
            All frames; from a file they are read one at a time when they are asked for.
        """
        assert self._count == self._shape[0], "frames are missing"
        axes = "tzyx" if len(self._shape) == 4 else "tyx"
        if self._file is None or self._path is None:
            return Movie(LabelList(self._frames, self._shape), axes, scale=self._scale, name="labels")
        self._file.close()
        self._file = None
        path = self._path
        if self._out is not None:
            path = path.replace(self._out)
        self._path = None
        source = LabelFile(path, self._shape, temporary=self._out is None)
        return Movie(source, axes, scale=self._scale, path=path, name=path.name if self._out else "labels")

    def __enter__(self) -> "LabelStore":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Throw an unfinished file away."""
        try:
            if self._file is not None:
                self._file.close()
        finally:
            if self._path is not None:
                _remove(self._path)


def _check_out(out: Path, overwrite: bool) -> Path:
    """Refuse an output that would be misread, lost or replace something."""
    if out.suffix.lower() not in (".h5", ".hdf5"):
        raise InputError(f"`out` must be an HDF5 file with the ending .h5 or .hdf5: got {out.name!r}.")
    if out.exists() and not overwrite:
        raise InputError(f"`out` is there already: {out}. Choose another name, or give overwrite=True.")
    if not out.parent.is_dir():
        raise InputError(f"The folder of `out` is not there: {out.parent}. Make it first.")
    return out.resolve()


def _remove(path: Path) -> None:
    """Remove a file that may be gone."""
    path.unlink(missing_ok=True)
