"""TrackMate XML and MaMuT XML, read: visible spots, the tracks that were kept, outlines and the size of the movie.

A path of spots is a track here, a spot with two ways out divides, one with two ways in is a merged object. The image
that a file names is not opened. The document is read as a stream; a document type, in which entities could hide, is
refused.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.parsers import expat

import numpy as np
import pandas as pd

from nbtrack.errors import InputError
from nbtrack.io.sources import READ_ERRORS, unreadable
from nbtrack.io.track_graph import Remembered, lineage_of_graph, number_objects
from nbtrack.io.tracked import Tracked, objects_of_points, pixel_sizes
from nbtrack.io.trackmate import OBJECT_FEATURE, TRACK_FEATURE

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAMES = {"FRAME", "ID", "name", "VISIBILITY", "POSITION_T", "QUALITY", "ROI_N_POINTS", "MANUAL_SPOT_COLOR"}
_NAMES |= {"POSITION_X", "POSITION_Y", "POSITION_Z", "RADIUS", "MANUAL_COLOR", OBJECT_FEATURE, TRACK_FEATURE}


def read_trackmate(path: str | Path, *, scale: float | Sequence[float] | None = None) -> Tracked:
    """Read a file of TrackMate or MaMuT.

    Parameters
    ----------
    path : str or Path
        The XML file.
    scale : float or sequence of float, optional
        Pixel size per spatial axis, ordered ``([z,] y, x)``; by default that in the file.

    Returns
    -------
    Tracked
        Objects have the outlines of the file, or are discs or balls of its radii. Spots without edges are objects
        outside any track; spots and tracks that were filtered out in TrackMate are left out.

    Raises
    ------
    InputError
        If the file is no such file or is damaged.
    """
    path = Path(path).expanduser()
    document = _Document()
    try:
        with path.open("rb") as file:
            document.parse(file)
    except expat.ExpatError as error:
        raise InputError(
            f"`{path}` cannot be read as XML: {error}. The file may be damaged or cut short; save it again in Fiji."
        ) from error
    except InputError:
        raise
    except READ_ERRORS as error:
        raise unreadable(path, error) from error
    if document.root != "TrackMate" or not document.has_model:
        raise InputError(
            f"`{path}` is no file of TrackMate or MaMuT: it holds {document.root!r} and "
            f"{'a' if document.has_model else 'no'} model. Save the session in TrackMate, and choose that file."
        )
    try:
        return _tracked(document, path, scale)
    except InputError:
        raise
    except READ_ERRORS as error:
        raise unreadable(path, error) from error


class _Document:
    """What is wanted of the document, collected while it passes."""

    def __init__(self) -> None:
        self.root: str | None = None
        self.has_model = False
        self.spots: list[dict[str, str]] = []
        self.edges: list[tuple[str, str, str]] = []
        self.kept: set[str] | None = None
        self.image: dict[str, str] = {}
        self._frame = ""
        self._track = ""
        self._text: list[str] | None = None

    def parse(self, file: Any) -> None:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._data
        parser.StartDoctypeDeclHandler = self._refuse
        parser.ParseFile(file)

    def _refuse(self, *_: Any) -> None:
        raise ValueError("it declares a document type, which files of TrackMate do not have")

    def _start(self, name: str, about: dict[str, str]) -> None:
        if self.root is None:
            self.root = name
        if name == "Spot":
            self.spots.append({"FRAME": self._frame, **about})
            self._text = []
        elif name == "Edge":
            self.edges.append((self._track, about["SPOT_SOURCE_ID"], about["SPOT_TARGET_ID"]))
        elif name == "Track":
            self._track = about["TRACK_ID"]
        elif name == "SpotsInFrame":
            self._frame = about["frame"]
        elif name == "TrackID":
            assert self.kept is not None, "TrackID stands outside FilteredTracks"
            self.kept.add(about["TRACK_ID"])
        elif name == "FilteredTracks":
            self.kept = set()
        elif name == "ImageData":
            self.image = about
        elif name == "Model":
            self.has_model = True

    def _data(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)

    def _end(self, name: str) -> None:
        if name == "Spot" and self._text is not None:
            self.spots[-1][""] = "".join(self._text)
            self._text = None


def _tracked(document: _Document, path: Path, scale: float | Sequence[float] | None) -> Tracked:
    edges = [(a, b) for track, a, b in document.edges if document.kept is None or track in document.kept]
    hidden = {end for track, *ends in document.edges for end in ends} - {end for pair in edges for end in pair}
    spots = [
        s
        for s in document.spots
        if s["ID"] not in hidden and (s.get("VISIBILITY", "1") != "0" or s.get(TRACK_FEATURE) == "-1")
    ]
    if len({s["ID"] for s in spots}) != len(spots):
        raise InputError(f"`{path}` has two spots with the same ID. Save it again in the program that wrote it.")
    points, sizes, shape, n_frames = _points(document, spots, path, scale)
    row = {s["ID"]: i for i, s in enumerate(spots)}
    absent = [end for pair in edges for end in pair if end not in row]
    if absent:
        raise InputError(
            f"`{path}` has an edge to the spot {absent[0]}, which is not there or not visible. Save it again in Fiji."
        )
    pairs = np.array([(row[a], row[b]) for a, b in edges], np.int64).reshape(-1, 2)
    track = np.array([int(float(s.get(TRACK_FEATURE, "0"))) for s in spots], np.int64)
    linked = np.zeros(len(spots), bool)
    linked[pairs.ravel()] = True
    inside = linked | (track > 0)
    place = np.cumsum(inside) - 1
    known = Remembered(track[inside], _mergers(spots, points)) if (track[inside] > 0).all() else None
    lineage = lineage_of_graph(points[inside].reset_index(drop=True), place[pairs], str(path), known)
    false = points.loc[~inside & (track < 0), ["t", "object_id"]]
    for t, object_id in false.itertuples(index=False, name=None):
        lineage.mark_false(int(t), int(object_id))
    outlines = _outlines(spots, points, sizes)
    detections = objects_of_points(
        points, str(path), scale=sizes, n_frames=n_frames, frame_shape=shape, outlines=outlines
    )
    return Tracked(lineage, detections)


def _mergers(spots: list[dict[str, str]], points: pd.DataFrame) -> np.ndarray:
    """Collect the tracks of merged objects that a file of ours tells."""
    rows = []
    for spot, (t, object_id) in zip(spots, points[["t", "object_id"]].to_numpy().tolist(), strict=True):
        further = [int(float(value)) for name, value in spot.items() if name.startswith(f"{TRACK_FEATURE}_")]
        tracks = [int(float(spot.get(TRACK_FEATURE, 0))), *(track for track in further if track > 0)]
        if len(tracks) > 1:
            rows += [(t, object_id, track) for track in tracks]
    return np.array(rows, np.int64).reshape(-1, 3)


def _points(
    document: _Document, spots: list[dict[str, str]], path: Path, scale: float | Sequence[float] | None
) -> tuple[pd.DataFrame, tuple[float, ...], tuple[int, ...] | None, int | None]:
    """Read frames, positions in pixels and features, and the size of the movie."""
    image = document.image
    center = np.array([[float(s[f"POSITION_{a}"]) for a in "ZYX"] for s in spots], np.float64).reshape(-1, 3)
    shape = [int(float(image.get(name) or 0)) for name in ("nslices", "height", "width")]
    sizes = np.array([float(image.get(name) or 0) for name in ("voxeldepth", "pixelheight", "pixelwidth")])
    flat = shape[0] <= 1 and not np.ptp(center[:, 0]) > 0 if len(center) else shape[0] <= 1
    sizes = np.where(np.isfinite(sizes) & (sizes > 0), sizes, 1.0)
    sizes = np.array(pixel_sizes(scale, 2 if flat else 3, sizes.tolist()))
    points = pd.DataFrame({"t": [int(float(s["FRAME"])) for s in spots]}, dtype=np.int64)
    given = [s.get(OBJECT_FEATURE) for s in spots]
    ids = np.array([float(g) for g in given if g is not None]) if None not in given else None
    points["object_id"] = number_objects(points["t"].to_numpy(), ids)
    pixels = center[:, int(flat) :] / sizes
    for k, axis in enumerate("yx" if flat else "zyx"):
        points[axis] = pixels[:, k]
    points["radius"] = np.array([float(s.get("RADIUS", "nan")) for s in spots]) / sizes[-1]
    for name in dict.fromkeys(n for s in spots for n in s if n and n not in _NAMES and not n.startswith(TRACK_FEATURE)):
        points[name] = [_number(s.get(name)) for s in spots]
    told = tuple(shape[int(flat) :])
    return points, tuple(sizes.tolist()), told if all(told) else None, int(float(image.get("nframes") or 0)) or None


def _outlines(
    spots: list[dict[str, str]], points: pd.DataFrame, sizes: tuple[float, ...]
) -> dict[tuple[int, int], np.ndarray]:
    """Read the outlines of spots, in pixels."""
    found = {}
    if len(sizes) == 2:
        rows = points[["t", "object_id", "y", "x"]].to_numpy()
        for spot, (t, object_id, y, x) in zip(spots, rows, strict=True):
            words = spot[""].split()
            if not int(spot.get("ROI_N_POINTS", "0") or 0) or len(words) < 6:
                continue
            around = np.array([float(w) for w in words[: len(words) // 2 * 2]]).reshape(-1, 2)[:, ::-1]
            if np.isfinite(around).all():
                found[int(t), int(object_id)] = around / sizes + (y, x)
    return found


def _number(text: str | None) -> float:
    try:
        return float(text) if text is not None else math.nan
    except ValueError:
        return math.nan
