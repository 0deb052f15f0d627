"""Objects in a project of ilastik (``.ilp``): label images, labels of both classifiers, probabilities that were kept.

Only numbers and texts are read. A project also holds pickles (graphs, types of classifiers): these are never opened, so
its forests cannot be taken over; train from its labels instead. In the file the classes of an object are numbered from
1: count class k stands for k - 1 cells, division class 2 for dividing.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from nbtrack.data.movie import Array, Index, Movie
from nbtrack.errors import InputError
from nbtrack.io.hdf5 import own_dataset
from nbtrack.io.ilp_tracks import numbers
from nbtrack.io.sources import READ_ERRORS, FileSource, unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_IMAGES = ("TrackingFeatureExtraction", "ObjectExtraction")
_COUNTS, _DIVISIONS = "CountClassification", "DivisionDetection"
_AXES = "txyzc"
_CORNERS = re.compile(r"\[\[([\d, ]+)\], \[([\d, ]+)\]\]")
_SLICES = re.compile(r"\[(\d+:\d+(?:,\d+:\d+)*)\]")
_MOST_FRAMES = 10**6
_MOST_PIXELS = 2**33

Object = tuple[int, int]
"""Frame and object id."""


@dataclass(frozen=True, eq=False)
class IlpObjects:
    """What a project knows of the objects of its movie.

    Parameters
    ----------
    counts : dict of (t, object_id) to int
        Labels: how many cells, 0 for a false detection.
    divisions : dict of (t, object_id) to bool
        Labels: whether the object divides.
    p_count : dict of int to ndarray of float, shape (n + 1, m + 1)
        Probabilities that were kept, by frame: row `object_id`, column number of cells; row 0 is the background.
    p_division : dict of int to ndarray of float, shape (n + 1,)
        Probabilities of dividing, by frame.
    """

    counts: dict[Object, int]
    divisions: dict[Object, bool]
    p_count: dict[int, np.ndarray]
    p_division: dict[int, np.ndarray]


def read_ilp_objects(path: str | Path) -> IlpObjects:
    """Read labels and kept probabilities of a project.

    Parameters
    ----------
    path : str or Path
        The ``.ilp`` file.

    Returns
    -------
    IlpObjects
        Each part empty if the project has none of it.

    Raises
    ------
    InputError
        If it has neither labels nor probabilities, has several movies, or is damaged.
    """
    path = Path(path).expanduser()
    try:
        with _open(path) as file:
            if _COUNTS not in file and _DIVISIONS not in file:
                raise InputError(
                    f"`{path}` has no labelled objects: neither {_COUNTS!r} nor {_DIVISIONS!r} is in it. "
                    "Open a project of automatic tracking."
                )
            labels = {name: _labels(file, path, name) for name in (_COUNTS, _DIVISIONS)}
            kept = {name: _probabilities(file, path, name) for name in (_COUNTS, _DIVISIONS)}
    except InputError:
        raise
    except READ_ERRORS as error:
        raise unreadable(path, error) from error
    return IlpObjects(
        counts={key: label - 1 for key, label in labels[_COUNTS].items()},
        divisions={key: label == 2 for key, label in labels[_DIVISIONS].items()},
        p_count=kept[_COUNTS],
        p_division={t: p[:, 1] for t, p in kept[_DIVISIONS].items() if p.shape[1] > 1},
    )


def read_ilp_labels(path: str | Path, *, scale: float | Sequence[float] | None = None) -> Movie:
    """Open the label images of a project, whose object ids its labels speak of.

    Parameters
    ----------
    path : str or Path
        The ``.ilp`` file.
    scale : float or sequence of float, optional
        Pixel size per spatial axis, ordered ``([z,] y, x)``.

    Returns
    -------
    Movie
        Axes ``tyx`` or ``tzyx``; frames are read when they are asked for. Take the objects with `nbtrack.detect`.

    Raises
    ------
    InputError
        If the project holds no label images of one movie, or is damaged.
    """
    path = Path(path).expanduser()
    try:
        with _open(path) as file:
            blocks = _find_blocks(file, path)
            shape = tuple(np.max([stop for _, _, stop in blocks], axis=0).tolist())
            dtype = own_dataset(file, blocks[0][0]).dtype
    except InputError:
        raise
    except READ_ERRORS as error:
        raise unreadable(path, error) from error
    return Movie(_BlockSource(path, shape, dtype, blocks), _AXES, scale=scale, path=path)


Block = tuple[str, tuple[int, ...], tuple[int, ...]]
"""Name of a dataset, where it begins in the movie and where it ends."""


class _BlockSource(FileSource):
    """A movie that lies in a file in blocks."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], blocks: list[Block]) -> None:
        super().__init__(path, shape, dtype)
        self._blocks = blocks

    def _open(self) -> Any:
        return _open(self.path)

    def _read(self, handle: Any, index: Index) -> Array:
        wanted = [
            slice(i, i + 1) if isinstance(i, int) else slice(*i.indices(n))
            for i, n in zip(index, self.shape, strict=True)
        ]
        part = np.zeros([s.stop - s.start for s in wanted], self.dtype)
        for name, start, stop in self._blocks:
            low = [max(s.start, a) for s, a in zip(wanted, start, strict=True)]
            high = [min(s.stop, b) for s, b in zip(wanted, stop, strict=True)]
            if all(a < b for a, b in zip(low, high, strict=True)):
                here = tuple(slice(a - s.start, b - s.start) for a, b, s in zip(low, high, wanted, strict=True))
                there = tuple(slice(a - o, b - o) for a, b, o in zip(low, high, start, strict=True))
                part[here] = own_dataset(handle, name)[there]
        return part[tuple(0 if isinstance(i, int) else slice(None) for i in index)]


def _open(path: Path) -> h5py.File:
    return h5py.File(path, "r", locking="best-effort")


def _only_movie(group: h5py.Group, path: Path, what: str) -> str | None:
    """Name the movie of a group, None if it has none."""
    names = list(group)
    if len(names) > 1:
        raise InputError(
            f"`{path}` has {what} of {len(names)} movies, but one can be read. Save the project with that movie alone."
        )
    return names[0] if names else None


def _frames(file: h5py.File, path: Path, name: str, what: str) -> Iterator[tuple[int, np.ndarray]]:
    """Read the arrays of a group that has one for each frame."""
    movie = _only_movie(file[name], path, what) if name in file else None
    if movie is not None:
        for t in sorted(file[f"{name}/{movie}"], key=int):
            values = numbers(file, f"{name}/{movie}/{t}").astype(np.float64)
            if not np.isfinite(values).all():
                raise ValueError(f"{name}/{movie}/{t} has values that are not finite")
            yield int(t), values


def _labels(file: h5py.File, path: Path, name: str) -> dict[Object, int]:
    """Read the classes of labelled objects, from 1."""
    found = {}
    for t, values in _frames(file, path, f"{name}/LabelInputs", "labels"):
        for object_id in np.flatnonzero(values.ravel()):
            found[t, int(object_id)] = int(values.ravel()[object_id])
    return {key: label for key, label in found.items() if label > 0 and key[1] > 0}


def _probabilities(file: h5py.File, path: Path, name: str) -> dict[int, np.ndarray]:
    frames = _frames(file, path, f"{name}/CachedProbabilities", "probabilities")
    return {t: np.clip(values, 0.0, 1.0) for t, values in frames if values.ndim == 2}


def _find_blocks(file: h5py.File, path: Path) -> list[Block]:
    """List the pieces of the label images, in either layout."""
    blocks: list[Block] = []
    for name in (f"{group}/{kind}" for group in _IMAGES for kind in ("LabelImage_v2", "LabelImage")):
        movie = _only_movie(file[name], path, "label images") if name in file else None
        for block in file[f"{name}/{movie}"] if movie is not None else ():
            inner = f"{name}/{movie}/{block}"
            shape = own_dataset(file, inner).shape
            start, stop = _extent(block, own_dataset(file, inner).attrs.get("blockSlice"))
            if len(shape) != len(_AXES) or tuple(b - a for a, b in zip(start, stop, strict=True)) != shape:
                raise ValueError(f"the block {inner} does not say where it lies")
            if stop[0] > _MOST_FRAMES:
                raise ValueError(f"the block {inner} lies in frame {stop[0]}")
            if math.prod(stop[1:]) > _MOST_PIXELS:
                raise ValueError(f"the block {inner} is of a frame with {math.prod(stop[1:])} pixels")
            blocks.append((inner, start, stop))
        if blocks:
            return sorted(blocks, key=lambda block: block[1])
    raise InputError(
        f"`{path}` has no label images: none of {', '.join(map(repr, _IMAGES))} holds one. "
        "Open the tracking in ilastik and save the project after its objects were computed."
    )


def _extent(name: str, slices: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Tell where a block begins and ends: from its attribute, or in older files from its name."""
    text = slices.decode() if isinstance(slices, bytes) else str(slices)
    if found := _SLICES.fullmatch(text):
        ends = [tuple(map(int, side.split(":"))) for side in found[1].split(",")]
        return tuple(a for a, _ in ends), tuple(b for _, b in ends)
    if found := _CORNERS.fullmatch(name):
        start, stop = (tuple(int(n) for n in corner.split(",")) for corner in found.groups())
        if len(start) == len(stop):
            return start, stop
    raise ValueError(f"the block {name!r} does not say where it lies")
