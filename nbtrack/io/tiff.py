"""Movies in TIFF files: a stack in one file, or a series of files with one frame each.

Axes and pixel sizes come from OME or ImageJ metadata or from what tifffile wrote. A stack that says nothing is a movie
of its pages, a series of files that say nothing is a movie of 2D or 3D frames. Uncompressed stacks are mapped into
memory, the pages of others are read when they are asked for.
"""

import struct
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile

from nbtrack.data.axes import require_axes
from nbtrack.data.movie import Array, FrameSource, Index, Movie
from nbtrack.errors import InputError
from nbtrack.io.sources import READ_ERRORS, FileSource, MappedSource, unreadable

LETTERS = {"T": "t", "Z": "z", "Y": "y", "X": "x", "C": "c", "S": "c"}
"""Our letters for those of tifffile; its I, Q and others do not say what an axis is."""

MICROMETERS = {"µm": 1.0, "μm": 1.0, "um": 1.0, "micron": 1.0, "microns": 1.0, "\\u00B5m": 1.0, "nm": 1e-3, "mm": 1e3}
"""Length units in micrometres."""


class PageSource(FileSource):
    """One image series of a TIFF file, read page by page.

    Parameters
    ----------
    path : Path
        The file.
    shape : tuple of int
        Shape of the series.
    dtype : numpy dtype
        Type of the pixels.
    number : int
        Which series of the file.
    n_page_axes : int
        How many of the last axes stand in one page.
    """

    def __init__(
        self, path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], *, number: int, n_page_axes: int
    ) -> None:
        super().__init__(path, shape, dtype)
        self._number = number
        self._n_page_axes = n_page_axes

    def _open(self) -> Any:
        file = tifffile.TiffFile(self.path)
        weakref.finalize(self, file.close)
        return file

    def _read(self, handle: Any, index: Index) -> Array:
        n_outer = len(self.shape) - self._n_page_axes
        outer, inner = index[:n_outer], index[n_outer:]
        ranges = [i if isinstance(i, slice) else slice(i, i + 1) for i in outer]
        wanted = [np.arange(n)[r] for n, r in zip(self.shape[:n_outer], ranges, strict=True)]
        pages = np.ravel_multi_index(np.ix_(*wanted), self.shape[:n_outer]).ravel() if wanted else [0]
        block = handle.asarray(key=[int(p) for p in pages], series=self._number)
        block = block.reshape(*(len(w) for w in wanted), *self.shape[n_outer:])
        return np.asarray(block[(*(i if isinstance(i, slice) else 0 for i in outer), *inner)])


class FilesSource:
    """A series of TIFF files with one frame each; a file is opened only to read its frame.

    Parameters
    ----------
    paths : sequence of Path
        The files, in the order of the frames.
    shape : tuple of int
        Number of files, then the shape of each.
    dtype : numpy dtype
        Type of the pixels.
    """

    def __init__(self, paths: Sequence[Path], shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self._paths = [p.resolve() for p in paths]
        self.shape = shape
        self.dtype = dtype

    def read(self, index: Index) -> Array:
        """Read a part of the series.

        Parameters
        ----------
        index : tuple of int or slice
            One entry per dimension, that of the files first.

        Returns
        -------
        ndarray
            The part, as a new array.

        Raises
        ------
        InputError
            If a file is gone or damaged, or its frame differs in shape or type from the first.
        """
        first, inner = index[0], index[1:]
        if isinstance(first, slice):
            return np.stack([self._file(p)[inner] for p in self._paths[first]])
        return self._file(self._paths[first])[inner]

    def _file(self, path: Path) -> Array:
        try:
            with tifffile.TiffFile(path) as file:
                series = _choose(file, path, None)
                if series.shape != self.shape[1:] or series.dtype != self.dtype:
                    raise InputError(
                        f"The frames differ: `{path}` has shape {series.shape} and type {series.dtype}, the first one "
                        f"{self.shape[1:]} and {self.dtype}. Leave out files that are no frames of the movie."
                    )
                return np.asarray(series.asarray())
        except InputError:
            raise
        except READ_ERRORS as error:
            raise unreadable(path, error) from error


def read_tiff(
    path: Path,
    *,
    axes: str | None = None,
    dataset: str | None = None,
    scale: float | Sequence[float] | None = None,
) -> Movie:
    """Open a movie in one TIFF file.

    Parameters
    ----------
    path : Path
        The file: a stack of pages, an ImageJ hyperstack or OME-TIFF.
    axes : str, optional
        One letter per dimension; wins over the metadata.
    dataset : str, optional
        Number of the image series, from 0, in a file that has several.
    scale : float or sequence of float, optional
        Pixel size per spatial axis.

    Returns
    -------
    Movie
        The movie; no pixel has been read.

    Raises
    ------
    InputError
        If the file is damaged, holds several series, or its axes are not known or do not fit.
    """
    try:
        with tifffile.TiffFile(path) as file:
            series = _choose(file, path, dataset)
            number = file.series.index(series)
            letters = _letters(series)
            sizes, unit = _pixel_sizes(file, number)
            source = _stack_source(file, series, number, path)
    except InputError:
        raise
    except READ_ERRORS as error:
        raise unreadable(path, error) from error
    pixel_sizes = [sizes.get(a, 1.0) for a in letters]
    if axes is None:
        if letters.count("?") == 1 and "t" not in letters:
            letters = letters.replace("?", "t")
        if "?" in letters:
            raise require_axes(source.shape, f"`{path}`")
        axes = letters
    return Movie(source, axes, scale=scale, pixel_sizes=pixel_sizes, unit=unit, path=path)


def read_tiff_series(
    paths: Sequence[Path],
    *,
    axes: str | None = None,
    scale: float | Sequence[float] | None = None,
) -> Movie:
    """Open a movie in a series of TIFF files, one frame each.

    Parameters
    ----------
    paths : sequence of Path
        At least one file, in the order of the frames. Only the first is opened now.
    axes : str, optional
        One letter per dimension, that of the files first; wins over the metadata.
    scale : float or sequence of float, optional
        Pixel size per spatial axis.

    Returns
    -------
    Movie
        The movie, named after the folder.

    Raises
    ------
    InputError
        If the first file is damaged, or the axes are not known or do not fit.
    """
    path = paths[0]
    try:
        with tifffile.TiffFile(path) as file:
            series = _choose(file, path, None)
            shape, dtype = (len(paths), *series.shape), series.dtype
            letters = _letters(series)
            sizes, unit = _pixel_sizes(file, 0)
    except InputError:
        raise
    except READ_ERRORS as error:
        raise unreadable(path, error) from error
    pixel_sizes = [1.0, *(sizes.get(a, 1.0) for a in letters)]
    if axes is None:
        if letters.count("?") == 1 and "z" not in letters:
            letters = letters.replace("?", "z")
        if "?" in letters or "t" in letters:
            raise require_axes(shape, f"the series of files in `{path.parent}`")
        axes = "t" + letters
    source = FilesSource(paths, shape, dtype)
    name = path.resolve().parent.name
    return Movie(source, axes, scale=scale, pixel_sizes=pixel_sizes, unit=unit, path=path.parent, name=name)


def _choose(file: Any, path: Path, dataset: str | None) -> Any:
    """Find the image series that is meant, and see that it can be decoded and is complete."""
    every = file.series
    listing = ", ".join(f"{i} of shape {s.shape} ({s.axes})" for i, s in enumerate(every)) or "none"
    numbers = [str(i) for i in range(len(every))]
    if dataset is None and len(every) != 1:
        raise InputError(
            f"`{path}` holds {len(every)} image series: {listing}. "
            "Choose one with `dataset=`; frames of one movie must have one shape."
        )
    if dataset is not None and str(dataset) not in numbers:
        raise InputError(f"`{path}` has no image series {dataset!r}. Choose one with `dataset=`: {listing}.")
    series = every[int(dataset or 0)]
    compression = series.keyframe.compression
    if compression != 1 and compression not in tifffile.TIFF.DECOMPRESSORS:
        method = getattr(compression, "name", compression)
        raise InputError(
            f"`{path}` is compressed with {method}, which needs the package `imagecodecs`. "
            "Install it, or save the file without compression."
        )
    if series.kind in ("generic", "uniform") and _is_cut(file):
        raise unreadable(path, ValueError(f"after {len(file.pages)} pages the next one is missing"))
    return series


def _is_cut(file: Any) -> bool:
    """Tell whether the last page of a file points to a further one that is not there."""
    form, handle, page = file.tiff, file.filehandle, file.pages[len(file.pages) - 1]
    handle.seek(page.offset)
    (n_tags,) = struct.unpack(form.tagnoformat, handle.read(form.tagnosize))
    handle.seek(page.offset + form.tagnosize + n_tags * form.tagsize)
    (following,) = struct.unpack(form.offsetformat, handle.read(form.offsetsize))
    return bool(following != 0)


def _stack_source(file: Any, series: Any, number: int, path: Path) -> FrameSource:
    """Map an uncompressed series into memory, read the pages of others."""
    offset = series.dataoffset
    if offset is not None and series.keyframe.is_final and not series.is_multifile:
        return MappedSource(path, series.shape, series.dtype.newbyteorder(file.byteorder), offset)
    n_page_axes, size = 0, 1
    while size < series.keyframe.size:
        n_page_axes += 1
        size *= series.shape[-n_page_axes]
    return PageSource(path, series.shape, series.dtype, number=number, n_page_axes=n_page_axes)


def _letters(series: Any) -> str:
    """Give our letter per dimension of a series, "?" where the metadata do not say."""
    return "".join(LETTERS.get(a, "?") for a in series.axes)


def _pixel_sizes(file: Any, number: int) -> tuple[dict[str, float], str | None]:
    """Read pixel size per letter and their unit from OME or ImageJ metadata."""
    if file.is_ome:
        raw = _ome_sizes(file.ome_metadata, number)
    elif file.is_imagej:
        raw = _imagej_sizes(file)
    else:
        return {}, None
    raw = {a: (size, unit) for a, (size, unit) in raw.items() if size > 0}
    units = {unit for _, unit in raw.values()}
    if raw and units <= MICROMETERS.keys():
        return {a: size * MICROMETERS[unit] for a, (size, unit) in raw.items()}, "µm"
    if len(units) == 1:
        return {a: size for a, (size, _) in raw.items()}, units.pop()
    return {}, None


def _ome_sizes(xml: str, number: int) -> dict[str, tuple[float, str]]:
    """Read size and unit per letter of an image in OME-XML."""
    try:
        pixels = [e for e in ElementTree.fromstring(xml).iter() if e.tag.rpartition("}")[2] == "Pixels"]
    except ElementTree.ParseError:
        return {}
    if number >= len(pixels):
        return {}
    get = pixels[number].get
    sizes = {a: get(f"PhysicalSize{a}") for a in "ZYX"}
    return {a.lower(): (float(s), get(f"PhysicalSize{a}Unit", "µm")) for a, s in sizes.items() if s is not None}


def _imagej_sizes(file: Any) -> dict[str, tuple[float, str]]:
    """Read size and unit per letter from ImageJ metadata, which mean something only with a unit."""
    metadata, tags = file.imagej_metadata, file.pages[0].tags
    unit = metadata.get("unit")
    if not isinstance(unit, str) or unit in ("", "pixel", "pixels", "inch"):
        return {}
    found = {"z": (float(metadata.get("spacing", 0)), unit)}
    for letter, tag in (("y", "YResolution"), ("x", "XResolution")):
        per_unit, parts = tags[tag].value if tag in tags else (0, 1)
        found[letter] = (parts / per_unit if per_unit else 0.0, unit)
    return found
