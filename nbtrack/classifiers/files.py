"""The files of labels and classifiers: JSON, pixels of objects as lengths of runs. Nothing is ever unpickled."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nbtrack.errors import InputError
from nbtrack.io.atomic import atomic_path


@dataclass(frozen=True, eq=False)
class ObjectPixels:
    """Where an object lies.

    Parameters
    ----------
    corner : tuple of int
        Lower corner of its bounding box.
    mask : ndarray of bool
        Its pixels in the bounding box.
    """

    corner: tuple[int, ...]
    mask: np.ndarray


def encode_pixels(pixels: ObjectPixels) -> dict[str, list[int]]:
    """Write the pixels of an object as lengths of runs, background first.

    Parameters
    ----------
    pixels : ObjectPixels
        The object.

    Returns
    -------
    dict
        ``corner``, ``shape`` and ``runs``, ready for JSON.
    """
    flat = pixels.mask.ravel()
    ends = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = np.diff(np.concatenate([[0], ends, [flat.size]])).tolist()
    return {
        "corner": list(pixels.corner),
        "shape": list(pixels.mask.shape),
        "runs": [0, *runs] if flat[0] else runs,
    }


def decode_pixels(entry: dict[str, Any], shape: tuple[int, ...]) -> ObjectPixels:
    """Read what `encode_pixels` wrote.

    Parameters
    ----------
    entry : dict
        With ``corner``, ``shape`` and ``runs``.
    shape : tuple of int
        Shape of a frame, which the pixels may not leave.

    Returns
    -------
    ObjectPixels

    Raises
    ------
    ValueError
        If the pixels lie outside the frame or are not complete.
    """
    corner, size = (tuple(int(n) for n in entry[name]) for name in ("corner", "shape"))
    runs = np.array(entry["runs"], np.int64)
    sides = zip(corner, size, shape, strict=True)
    if not all(start >= 0 and n > 0 and start + n <= end for start, n, end in sides):
        raise ValueError("the pixels of a label lie outside the frame")
    if (runs < 0).any() or runs.sum() != np.prod(size):
        raise ValueError("the pixels of a label are not complete")
    return ObjectPixels(corner, np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(size))


def write_json(path: str | Path, format: str, version: int, content: dict[str, Any]) -> None:
    """Write a JSON file that says what it is, whole or not at all.

    Parameters
    ----------
    path : str or Path
        The file; an older one is replaced.
    format : str
        What it is.
    version : int
        Version of its layout.
    content : dict
        Plain values.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    text = json.dumps({"format": format, "version": version, **content}, allow_nan=False)
    with atomic_path(path, overwrite=True) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: str | Path, format: str, version: int) -> dict[str, Any]:
    """Read what `write_json` wrote.

    Parameters
    ----------
    path : str or Path
        The file.
    format : str
        What it must be.
    version : int
        The newest version that can be read.

    Returns
    -------
    dict

    Raises
    ------
    InputError
        If it cannot be read, is something else or newer.
    """
    try:
        content = json.loads(Path(path).expanduser().read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"`{path}` cannot be read: {error}. Check the file.") from error
    if not isinstance(content, dict) or content.get("format") != format:
        raise InputError(f"`{path}` does not hold {format.replace('nbtrack', 'the')} of nbtrack. Choose another file.")
    if not isinstance(content.get("version"), int) or content["version"] > version:
        raise InputError(
            f"`{path}` has the version {content.get('version')!r}, but this nbtrack reads up to {version}. "
            "Update nbtrack."
        )
    return content
