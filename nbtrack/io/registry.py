"""Which module reads and writes which format.

Readers are told by the first bytes of a file, writers by name. A format's module is loaded when it is first used: a new
format is one module and one line here.
"""

import glob
import re
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import h5py

from nbtrack.data.movie import Movie
from nbtrack.errors import InputError
from nbtrack.io.hdf5 import movie_of_dataset
from nbtrack.io.tiff import read_tiff, read_tiff_series

READERS = (
    (b"\x89HDF\r\n\x1a\n", "HDF5", "nbtrack.io.hdf5:read_hdf5"),
    (b"II*\x00", "TIFF", "nbtrack.io.tiff:read_tiff"),
    (b"MM\x00*", "TIFF", "nbtrack.io.tiff:read_tiff"),
    (b"II+\x00", "TIFF", "nbtrack.io.tiff:read_tiff"),
    (b"MM\x00+", "TIFF", "nbtrack.io.tiff:read_tiff"),
    (b"\x93NUMPY", "npy", "nbtrack.io.numpy_files:read_npy"),
    (b"PK\x03\x04", "npz", "nbtrack.io.numpy_files:read_npz"),
)
"""First bytes of a file, name of the format, and its reader."""

WRITERS = {
    "ctc": ("nbtrack.io.ctc:write_ctc", "folder of the Cell Tracking Challenge: masks and res_track.txt"),
    "csv": ("nbtrack.io.csv_table:write_csv", "table with one row per object and track"),
    "labels": ("nbtrack.io.labels:write_labels", "label images by track, lineage or object, as TIFF or HDF5"),
    "events-csv": ("nbtrack.io.events_csv:write_events_csv", "folder with divisions.csv and mergers.csv"),
    "events-h5": ("nbtrack.io.events_h5:write_events_h5", "folder with an HDF5 file of events per frame"),
    "png": ("nbtrack.io.png_series:write_png", "folder with an RGB picture per frame"),
}
"""Name of the format, its writer, and what it is."""

TIFF_SUFFIXES = (".tif", ".tiff")


def read(
    source: Any,
    axes: str | None = None,
    dataset: str | None = None,
    scale: float | Sequence[float] | None = None,
) -> Movie:
    """Open a movie without reading its pixels.

    Parameters
    ----------
    source : str, Path or array-like
        An HDF5 file (also ``"file.h5/dataset"``), a TIFF stack, ImageJ hyperstack or OME-TIFF, a pattern like
        ``"folder/*.tif"`` or a folder for a series of TIFF files in natural order, an ``.npy`` or ``.npz`` file, or
        an array of numpy, dask, zarr, xarray or h5py.
    axes : str, optional
        One letter of ``t, z, y, x, c`` per dimension, in the order of the data; wins over what the file says.
        For a series of files, the first letter is that of the files.
    dataset : str, optional
        Name of the dataset in an HDF5 file or ``.npz`` archive, or number of the image series in a TIFF file.
    scale : float or sequence of float, optional
        Pixel size per spatial axis, ordered ``([z,] y, x)``; wins over what the file says.

    Returns
    -------
    Movie
        The movie, which reads a frame when it is asked for.

    Raises
    ------
    InputError
        If there is no such file, it is damaged or of another format, or its axes are not known or do not fit.
    """
    if not isinstance(source, (str, Path)):
        if dataset is not None:
            raise InputError("`dataset` names a part of a file, but an array was given. Leave it out.")
        if isinstance(source, h5py.Dataset):
            return movie_of_dataset(source, axes=axes, scale=scale)
        return Movie.from_array(source, axes, scale=scale)
    path = Path(source).expanduser()
    if path.is_dir() or (not path.exists() and glob.has_magic(str(path))):
        return _read_series(path, axes=axes, dataset=dataset, scale=scale)
    path, inner = _split(path)
    if inner is not None:
        if dataset is not None:
            raise InputError(
                f"`{source}` names the dataset {inner!r} and `dataset` is {dataset!r}. Name the dataset only once."
            )
        dataset = inner
    movie: Movie = _load(_reader(path))(path, axes=axes, dataset=dataset, scale=scale)
    return movie


def write(result: Any, path: str | Path, format: str = "ctc", overwrite: bool = False, **options: Any) -> list[Path]:
    """Write a result in one of the export formats.

    Parameters
    ----------
    result : TrackingResult or Session
        What to write.
    path : str or Path
        File or folder to write, depending on the format.
    format : str, optional
        Name of the format, one of those that `list_formats` gives.
    overwrite : bool, optional
        Replace what is there.
    **options
        Further options of the format.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    InputError
        If the format is unknown, the target exists, or it could not be written.
    """
    if format not in WRITERS:
        raise InputError(f"`format` is {format!r}, but must be one of: {', '.join(WRITERS)}.")
    if not (hasattr(result, "lineage") and hasattr(result, "detections")):
        raise InputError(
            f"`result` must be a TrackingResult or a Session, got {type(result).__name__!r}. "
            "Pass the result itself: pixels and parameters are written along with its lineage."
        )
    written: list[Path] = _load(WRITERS[format][0])(result, path, overwrite=overwrite, **options)
    return written


def list_formats() -> dict[str, str]:
    """List the export formats.

    Returns
    -------
    dict of str to str
        What each format is, by the name that `write` takes.
    """
    return {name: text for name, (_, text) in WRITERS.items()}


def _load(entry: str) -> Callable[..., Any]:
    """Load a function given as "module:function"."""
    module, _, name = entry.partition(":")
    function: Callable[..., Any] = getattr(import_module(module), name)
    return function


def _split(path: Path) -> tuple[Path, str | None]:
    """Split "file.h5/inner/path" where it leaves the file system."""
    if path.exists():
        return path, None
    for parent in path.parents:
        if parent.is_file():
            return parent, path.relative_to(parent).as_posix()
    raise InputError(f"`{path}` does not exist. Check the name and the folder, which is `{Path.cwd()}` now.")


def _reader(path: Path) -> str:
    """Find the reader by the first bytes of a file."""
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise InputError(f"`{path}` cannot be opened: {error}. Check that you may read it.") from error
    for magic, _, entry in READERS:
        if head.startswith(magic):
            return entry
    known = ", ".join(dict.fromkeys(name for _, name, _ in READERS))
    state = "is empty" if not head else f"does not begin like a file of these formats: {known}"
    raise InputError(f"`{path}` {state}. It may be damaged; copy or export it again, or pass an array.")


def _read_series(path: Path, *, axes: str | None, dataset: str | None, scale: float | Sequence[float] | None) -> Movie:
    """Open the TIFF files of a folder or pattern; a single file is a stack."""
    if dataset is not None:
        raise InputError(f"`dataset` is {dataset!r}, but `{path}` is a series of files. Leave it out.")
    found = list(path.iterdir()) if path.is_dir() else [Path(p) for p in glob.glob(str(path), recursive=True)]
    files = sorted((p for p in found if p.suffix.lower() in TIFF_SUFFIXES and p.is_file()), key=_natural)
    if not files:
        raise InputError(
            f"`{path}` has no TIFF file. Give a folder or a pattern with at least one .tif, or pass an array "
            "(a Zarr folder is opened with `zarr.open_array`)."
        )
    if len(files) == 1:
        return read_tiff(files[0], axes=axes, scale=scale)
    return read_tiff_series(files, axes=axes, scale=scale)


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sort frame10 after frame9."""
    parts = re.split(r"(\d+)", str(path))
    return [(int(p), "") if p.isdigit() else (-1, p) for p in parts]
