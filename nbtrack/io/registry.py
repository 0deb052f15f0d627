"""Which module reads and writes which format.

Readers of movies are told by the first bytes of a file, those of lineages by the names of files, writers by name. A
format's module is loaded when it is first used: a new format is one module and one line here.
"""

import glob
import re
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py

from nbtrack.data.detections import Detections
from nbtrack.data.lineage import Lineage
from nbtrack.data.movie import Movie
from nbtrack.errors import InputError
from nbtrack.io.hdf5 import movie_of_dataset
from nbtrack.io.tiff import read_tiff, read_tiff_series
from nbtrack.io.zarr_files import is_zarr

if TYPE_CHECKING:
    from nbtrack.io.tracked import Tracked

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
    "divisions-csv": ("nbtrack.io.events_csv:write_divisions_csv", "divisions as one CSV file"),
    "mergers-csv": ("nbtrack.io.events_csv:write_mergers_csv", "mergers as one CSV file"),
    "events-h5": ("nbtrack.io.events_h5:write_events_h5", "folder with an HDF5 file of events per frame"),
    "png": ("nbtrack.io.png_series:write_png", "folder with an RGB picture per frame"),
    "geff": ("nbtrack.io.geff:write_geff", "graph exchange format (.geff), with labels, parameters and pins"),
    "trackmate": ("nbtrack.io.trackmate:write_trackmate", "XML of TrackMate in Fiji: spots, outlines, tracks"),
    "mamut": ("nbtrack.io.trackmate:write_mamut", "XML of MaMuT, which Mastodon imports: spots, tracks"),
    "celltracks": ("nbtrack.io.celltracks:write_celltracks", "spot table (.csv) of TrackMate, for CellTracksColab"),
    "ome-zarr": ("nbtrack.io.ome_zarr:write_ome_zarr", "label images by track, lineage or object, as OME-Zarr"),
    "ome-tiff": ("nbtrack.io.labels:write_ome_tiff", "label images by track, lineage or object, as OME-TIFF"),
    "ilp": ("nbtrack.io.ilp_export:write_ilp", "HDF5 laid out like an ilastik project: labels, divisions, events"),
}
"""Name of the format, its writer, and what it is."""

LINEAGE_READERS = {
    "ctc": ("nbtrack.io.lineages:lineage_from_ctc", "folder of the Cell Tracking Challenge, result or truth"),
    "csv": ("nbtrack.io.lineages:lineage_from_csv", "table with one row per object and track"),
    "labels": ("nbtrack.io.lineages:lineage_from_labels", "label images by track"),
    "events-csv": ("nbtrack.io.lineages:lineage_from_events_csv", "divisions and mergers, with label images by track"),
    "events-h5": ("nbtrack.io.lineages:lineage_from_events_h5", "folder with an HDF5 file of events per frame"),
    "ilp": ("nbtrack.io.lineages:lineage_from_ilp", "tracks in a project of ilastik, by hand or automatic"),
    "geff": ("nbtrack.io.geff:read_geff", "graph exchange format"),
    "trackmate": ("nbtrack.io.trackmate_reader:read_trackmate", "XML of TrackMate"),
    "mamut": ("nbtrack.io.trackmate_reader:read_trackmate", "XML of MaMuT"),
    "celltracks": ("nbtrack.io.celltracks:read_celltracks", "spot table of TrackMate or CellTracksColab"),
}
"""Name of the format, the reader of its lineage, and what it is."""

TRACK_READERS = {
    "ctc": "nbtrack.io.track_files:tracked_from_ctc",
    "csv": "nbtrack.io.track_files:tracked_from_csv",
    "labels": "nbtrack.io.track_files:tracked_from_labels",
    "events-h5": "nbtrack.io.track_files:tracked_from_events_h5",
    "ilp": "nbtrack.io.track_files:tracked_from_ilp",
    **{name: LINEAGE_READERS[name][0] for name in ("geff", "trackmate", "mamut", "celltracks")},
}
"""Name of the format, and the reader of objects and lineage together."""

_BY_PLACE = ("geff", "trackmate", "mamut", "celltracks")  # their objects are found by where they lie

_TELLING_NAMES = {
    "00000.h5": "events-h5",
    "res_track.txt": "ctc",
    "man_track.txt": "ctc",
    "objects.csv": "csv",
    "divisions.csv": "events-csv",
    "mergers.csv": "events-csv",
}

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
        ``"folder/*.tif"`` or a folder for a series of TIFF files in natural order, an OME-Zarr folder, an ``.npy`` or
        ``.npz`` file, or an array of numpy, dask, zarr, xarray or h5py.
    axes : str, optional
        One letter of ``t, z, y, x, c`` per dimension, in the order of the data; wins over what the file says.
        For a series of files, the first letter is that of the files.
    dataset : str, optional
        Name of the dataset in an HDF5 file or ``.npz`` archive, number of the image series in a TIFF file, or part
        of an OME-Zarr folder, as in ``"labels/cells"``.
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
    if is_zarr(path):
        image: Movie = _load("nbtrack.io.ome_zarr:read_ome_zarr")(path, axes=axes, dataset=dataset, scale=scale)
        return image
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
        Name of the format, one of those that `nbtrack.formats` lists as written.
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


def read_lineage(
    path: str | Path | Movie,
    detections: Detections,
    *,
    format: str | None = None,
    track_image: str | Path | Movie | None = None,
) -> Lineage:
    """Read tracks back from exported files, or from those of another program.

    Tracks are given to the objects by where their labels lie, or by object id where the files have no images.

    Parameters
    ----------
    path : str, Path or Movie
        File or folder; or label images by track that `read` opened.
    detections : Detections
        The objects to track.
    format : {"ctc", "csv", "labels", "events-csv", "events-h5", "ilp", "geff", "trackmate", "celltracks"}, optional
        What it is; told from the files if not given. ``"csv"`` and ``"events-csv"`` bring back everything that was
        written, the others what they can hold: `nbtrack.io.lineages` has the table.
    track_image : str, Path or Movie, optional
        Label images by track, which ``"events-csv"`` needs.

    Returns
    -------
    Lineage
        Start a session with it: ``Session(movie, detections, lineage)``.

    Raises
    ------
    InputError
        If there is nothing that can be read, it is damaged, or it does not fit the objects.
    """
    if isinstance(path, Movie):
        path, images = Path(path.name), path
        format = format or "labels"
    else:
        path, images = Path(path).expanduser(), None
        format = format or _lineage_format(path)
    if format not in LINEAGE_READERS:
        raise InputError(f"`format` is {format!r}, but must be one of: {', '.join(LINEAGE_READERS)}.")
    if (images is not None and format != "labels") or ((track_image is not None) != (format == "events-csv")):
        raise InputError(
            f'`track_image` goes with the format "events-csv" alone and an opened movie with "labels" alone, but '
            f"`format` is {format!r}. Give the label images by track as `track_image` and the tables as `path`, "
            "or the images alone."
        )
    options: dict[str, Any] = {}
    if track_image is not None:
        options["track_image"] = track_image if isinstance(track_image, Movie) else read(track_image)
    source: Path | Movie = path
    if format == "labels":
        source, options["what"] = read(path) if images is None else images, str(path)
    if format in _BY_PLACE:
        found = _load(LINEAGE_READERS[format][0])(path)
        carried: Lineage = _load("nbtrack.io.track_files:carry_tracks")(found, detections, str(path))
        return carried
    lineage: Lineage = _load(LINEAGE_READERS[format][0])(source, detections, **options)
    return lineage


def read_tracks(
    path: str | Path | Movie,
    *,
    format: str | None = None,
    labels: str | Path | Movie | None = None,
    scale: float | Sequence[float] | None = None,
) -> "Tracked":
    """Read a tracked movie: objects and tracks, from exported files or those of another program.

    Parameters
    ----------
    path : str, Path or Movie
        File or folder; or label images by track that `read` opened.
    format : str, optional
        What it is, one of those that `formats` lists as readable; told from the files if not given.
    labels : str, Path or Movie, optional
        Label images of the objects. Without them the objects are those of the file; formats without pixels get discs,
        balls or outlines.
    scale : float or sequence of float, optional
        Pixel size per spatial axis, ordered ``([z,] y, x)``; wins over the file.

    Returns
    -------
    Tracked
        What `write` takes; and ``Session(tracked.movie, tracked.detections, tracked.lineage)`` corrects it.

    Raises
    ------
    InputError
        If there is nothing that can be read, or it is damaged.
    """
    source: Path | Movie = path if isinstance(path, Movie) else Path(path).expanduser()
    format = format or ("labels" if isinstance(source, Movie) else _lineage_format(source))
    if labels is not None:
        images = labels if isinstance(labels, Movie) else read(labels)
        detections = _load("nbtrack.io.track_files:scaled_objects")(images, scale)
        track_image = images if format == "events-csv" else None
        lineage = read_lineage(source, detections, format=format, track_image=track_image)
        tracked: Tracked = _load("nbtrack.io.tracked:Tracked")(lineage, detections)
        return tracked
    if format not in TRACK_READERS:
        raise InputError(
            f"`format` is {format!r}, but must be one of: {', '.join(TRACK_READERS)}; "
            'or "events-csv" with the label images by track as `labels`.'
        )
    if format == "labels" and not isinstance(source, Movie):
        source = read(source)
    found: Tracked = _load(TRACK_READERS[format])(source, scale=scale)
    return found


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


def _lineage_format(path: Path) -> str:
    """Tell by the names in a folder, or by the beginning of a file, how a lineage is stored."""
    if path.is_dir():
        if path.suffix == ".geff" or any(p.suffix == ".geff" for p in path.iterdir()) or _has_graph(path):
            return "geff"
        if is_zarr(path):
            return "labels"
        names = {p.name for p in path.iterdir()}
        for name, format in _TELLING_NAMES.items():
            if name in names:
                return format
        if any((path / inner).is_dir() for inner in ("TRA", "GT", "ctc")):
            return "ctc"
        if any(Path(name).suffix.lower() in TIFF_SUFFIXES for name in names):
            return "labels"
        raise InputError(
            f"`{path}` has no lineage: none of {', '.join(_TELLING_NAMES)} and no TIFF file is in it. "
            f"Choose another folder, or say `format`, one of: {', '.join(LINEAGE_READERS)}."
        )
    if path.suffix.lower() == ".csv" and path.is_file():
        if _load("nbtrack.io.celltracks:is_celltracks")(path):
            return "celltracks"
        is_event_table = _load("nbtrack.io.events_csv:is_event_table")
        return "events-csv" if is_event_table(path) else "csv"
    return {".ilp": "ilp", ".xml": "trackmate"}.get(path.suffix.lower(), "labels")


def _has_graph(path: Path) -> bool:
    """Tell whether a Zarr folder holds a graph: its metadata say so in plain text."""
    for name in (".zattrs", "zarr.json"):
        file = path / name
        if file.is_file() and b'"geff_version"' in file.read_bytes():
            return True
    return False


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
            f"`{path}` has no TIFF file. Give a folder or a pattern with at least one .tif, an OME-Zarr folder, "
            "or pass an array."
        )
    if len(files) == 1:
        return read_tiff(files[0], axes=axes, scale=scale)
    return read_tiff_series(files, axes=axes, scale=scale)


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sort frame10 after frame9."""
    parts = re.split(r"(\d+)", str(path))
    return [(int(p), "") if p.isdigit() else (-1, p) for p in parts]
