"""Colour pictures of the tracks, one PNG file per frame, for slides and films."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nbtrack.data.palette import track_colors
from nbtrack.errors import InputError
from nbtrack.io.export import (
    PARAMS_FILE,
    answer_of,
    colored_objects,
    file_digits,
    output_folder,
    recolored_frames,
    write_provenance,
)

if TYPE_CHECKING:
    from nbtrack.data.movie import Movie

BACKGROUND = (40, 40, 40)
"""Colour where there is no object: dark, but not the black of false detections."""


def write_png(
    result: Any,
    path: str | Path,
    *,
    overwrite: bool = False,
    by: str = "track",
    raw: bool = False,
    opacity: float = 0.5,
) -> list[Path]:
    """Write a series of RGB pictures with objects coloured by track or by lineage.

    Volumes are seen along z: the topmost object, and the brightest raw pixel. A false detection is black, an object
    outside any track grey, the background very dark grey unless the raw movie lies beneath.

    Parameters
    ----------
    result : TrackingResult or Session
        What to write.
    path : str or Path
        The folder for ``frame00000.png`` and so on, and ``params.json``.
    overwrite : bool, optional
        Replace an earlier export.
    by : {"track", "lineage"}, optional
        What a colour stands for.
    raw : bool, optional
        Lay the tracks over the raw movie of the result, its first channel, stretched from the 1st to the 99.8th
        percentile of the first frame.
    opacity : float, optional
        Of the tracks over the raw movie, 0 to 1.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    InputError
        If `raw` is asked for and the result has no movie of the same length, `opacity` is out of range, or the files
        are there already or cannot be written.
    """
    lineage, detections = answer_of(result)
    if not 0 <= opacity <= 1:
        raise InputError(f"`opacity` is out of range: got {opacity}, allowed is 0 to 1.")
    movie = getattr(result, "movie", None) if raw else None
    if raw and (movie is None or len(movie) != detections.n_frames or movie.frame_shape != detections.frame_shape):
        found = "none" if movie is None else f"{len(movie)} frames of {movie.frame_shape}"
        raise InputError(
            f"`raw` needs the raw movie of the result, {detections.n_frames} frames of {detections.frame_shape}: "
            f"found {found}. Track with the movie, or write without raw."
        )
    colored = detections.table[["t", "object_id"]].merge(colored_objects(lineage, by), how="left").fillna({"value": 0})
    values, position = np.unique(colored["value"].to_numpy(np.int64), return_inverse=True)
    colors = np.concatenate([[BACKGROUND], track_colors(values)]).astype(np.uint8)
    colored["value"] = position + 1
    limits = None if movie is None else np.percentile(_project(movie.frame(0, 0)), (1, 99.8))
    path = Path(path)
    digits = file_digits(detections.n_frames, 5)
    with output_folder(path, own=("frame[0-9]*.png", PARAMS_FILE), overwrite=overwrite) as folder:
        for t, frame in enumerate(recolored_frames(detections, colored, np.dtype(np.uint32))):
            seen = _topmost(frame)
            picture = colors[seen]
            if movie is not None and limits is not None:
                picture = _underlay(picture, seen > 0, movie, t, limits, opacity)
            (folder / f"frame{t:0{digits}d}.png").write_bytes(encode_png(picture))
        write_provenance(folder, result)
        names = sorted(file.name for file in folder.iterdir())
    return [path / name for name in names]


def encode_png(rgb: np.ndarray) -> bytes:
    """Encode a picture as PNG.

    Parameters
    ----------
    rgb : ndarray of uint8, shape (y, x, 3)
        The picture.

    Returns
    -------
    bytes
        A whole PNG file.
    """
    height, width, _ = rgb.shape
    rows = np.zeros((height, 1 + 3 * width), np.uint8)  # each row begins with its filter: 0, none
    rows[:, 1:] = rgb.reshape(height, -1)
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows.tobytes(), 3)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def _project(frame: np.ndarray) -> np.ndarray:
    return frame.max(axis=0) if frame.ndim == 3 else frame


def _topmost(frame: np.ndarray) -> np.ndarray:
    """Look at a volume of labels along z: the first plane that has an object counts."""
    if frame.ndim == 2:
        return frame
    first = (frame > 0).argmax(axis=0)
    seen: np.ndarray = np.take_along_axis(frame, first[np.newaxis], axis=0)[0]
    return seen


def _underlay(
    picture: np.ndarray, inside: np.ndarray, movie: Movie, t: int, limits: np.ndarray, opacity: float
) -> np.ndarray:
    low, high = limits
    gray = np.clip((_project(movie.frame(t, 0)).astype(float) - low) / max(high - low, 1e-12), 0, 1) * 255
    weight = np.where(inside, opacity, 0.0)[..., np.newaxis]
    mixed: np.ndarray = np.round(weight * picture + (1 - weight) * gray[..., np.newaxis])
    return mixed.astype(np.uint8)
