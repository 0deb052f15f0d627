"""What every writer needs: the answer checked, labels recoloured, folders written whole or not at all, provenance.

A folder is written under a temporary name beside its place. A folder that was not there is renamed in one step. Into
one that was there the files are moved one by one, and only files of the same format are replaced: what else lies there
stays.
"""

from __future__ import annotations

import json
import math
import shutil
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from nbtrack.data.lineage import FALSE_LABEL, FALSE_TRACK_ID
from nbtrack.errors import InputError
from nbtrack.io.atomic import TargetExists, atomic_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from nbtrack.data.detections import Detections
    from nbtrack.data.lineage import Lineage

PARAMS_FILE = "params.json"
"""Name of the file that tells how an exported folder was made."""
_LARGE_ID = 2**24
_PACKAGES = ("nbtrack", "numpy", "scikit-image", "pyomo", "highspy")


def answer_of(result: Any) -> tuple[Lineage, Detections]:
    """Take lineage and detections from what is to be written, and check that they belong together.

    Parameters
    ----------
    result : TrackingResult or Session
        Anything with ``lineage`` and ``detections``.

    Returns
    -------
    tuple of (Lineage, Detections)

    Raises
    ------
    InputError
        If `result` has no such attributes, or the lineage names an object that is not among the detections.
    """
    lineage, detections = getattr(result, "lineage", None), getattr(result, "detections", None)
    if lineage is None or detections is None:
        raise InputError(
            f"`result` must have a lineage and detections: got {type(result).__name__}. "
            "Give what `track` returned, or a session."
        )
    rows = lineage.objects[["t", "object_id"]].drop_duplicates()
    known = detections.table[["t", "object_id"]]
    missing = rows.merge(known, how="left", on=["t", "object_id"], indicator=True)
    missing = missing[missing["_merge"] == "left_only"]
    if len(missing):
        t, object_id = (int(missing[name].iloc[0]) for name in ("t", "object_id"))
        raise InputError(
            f"`lineage` has object {object_id} in frame {t}, which is not among the detections. "
            "Write a lineage together with the detections that it was made from."
        )
    return lineage, detections


def colored_objects(lineage: Lineage, by: str) -> pd.DataFrame:
    """Give the value with which each object is written into a label image.

    Parameters
    ----------
    lineage : Lineage
        The answer.
    by : {"track", "lineage"}
        Value of an object: its (first) track, or the lineage of that track.

    Returns
    -------
    DataFrame
        Columns t, object_id, value; sorted by t and object_id; 65535 for false detections.

    Raises
    ------
    InputError
        If `by` is neither.
    """
    if by not in ("track", "lineage"):
        raise InputError(f'`by` must be "track" or "lineage": got {by!r}.')
    rows = lineage.objects.drop_duplicates(["t", "object_id"])  # the first track of a merger
    value = rows[f"{by}_id"].where(rows["track_id"] != FALSE_TRACK_ID, FALSE_LABEL)
    return rows[["t", "object_id"]].assign(value=value).reset_index(drop=True)


def recolored_frames(detections: Detections, colored: pd.DataFrame, dtype: np.dtype[Any]) -> Iterator[np.ndarray]:
    """Replace object ids by values, frame by frame.

    Parameters
    ----------
    detections : Detections
        The label frames.
    colored : DataFrame
        Columns t, object_id, value, sorted by t; objects that are not listed become 0.
    dtype : numpy dtype
        Type of the frames to give.

    Yields
    ------
    ndarray of `dtype`, shape ``frame_shape``
    """
    t, object_id = colored["t"].to_numpy(), colored["object_id"].to_numpy()
    values = colored["value"].to_numpy().astype(dtype)
    edges = np.searchsorted(t, np.arange(detections.n_frames + 1))
    for i in range(detections.n_frames):
        here = slice(edges[i], edges[i + 1])
        yield _recolor(np.asarray(detections.labels[i]), object_id[here], values[here])


def file_digits(n_frames: int, least: int) -> int:
    """Count the digits of frame numbers in file names: at least `least`, more for very long movies."""
    return max(least, len(str(n_frames - 1)))


@contextmanager
def output_folder(path: str | Path, *, own: tuple[str, ...], overwrite: bool) -> Iterator[Path]:
    """Give a temporary folder to write into, and put its files in place when all of them are written.

    Parameters
    ----------
    path : str or Path
        The folder to write.
    own : tuple of str
        Patterns of the names that this format writes. Such files of an earlier export are replaced, or removed if the
        new export does not have them; other files stay.
    overwrite : bool
        Whether such files may be replaced.

    Yields
    ------
    Path
        The temporary folder; `path` is untouched until the block ends without an error.

    Raises
    ------
    TargetExists
        If `path` holds such files and `overwrite` is False.
    InputError
        If `path` is a file, or cannot be written (disk full, no permission).
    """
    path = Path(path).expanduser()
    if path.exists() and not path.is_dir():
        raise InputError(f"`{path}` is a file, but this format needs a folder. Choose another name.")
    old = sorted(file for pattern in own for file in path.glob(pattern)) if path.is_dir() else []
    if old and not overwrite:
        raise TargetExists(
            f"`{path}` already holds {old[0].name!r}{f' and {len(old) - 1} more' if len(old) > 1 else ''}. "
            "Choose another folder, or say overwrite=True to replace these files."
        )
    temporary = path.with_name(f".{path.name}-{uuid4().hex[:8]}.partial")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        if not path.exists():
            temporary.rename(path)
        else:
            new = sorted(temporary.iterdir())
            for file in new:
                file.replace(path / file.name)
            for file in set(old) - {path / file.name for file in new}:
                file.unlink()
    except OSError as error:
        raise InputError(
            f"`{path}` could not be written: {error}. Make room or choose another place, then write again."
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def provenance(result: Any) -> dict[str, Any]:
    """Tell how a result was made: parameters, report of the solver, versions.

    Parameters
    ----------
    result : TrackingResult or Session
        What is written.

    Returns
    -------
    dict
        Plain values, ready for JSON: ``movie``, ``detections``, ``params``, ``report`` (the last two None for manual
        work), ``versions``.
    """
    detections, movie = result.detections, getattr(result, "movie", None)
    params: Any = getattr(result, "params", None)
    report: Any = getattr(result, "report", None)
    return {
        "movie": None if movie is None else movie.name,
        "frames": detections.n_frames,
        "frame_shape": list(detections.frame_shape),
        "scale": list(detections.scale),
        "detections": plain(detections.params),
        "params": plain(params),
        "report": plain(report.as_dict() if hasattr(report, "as_dict") else report),
        "versions": {name: _version(name) for name in _PACKAGES},
    }


def write_provenance(folder: Path, result: Any) -> None:
    """Write `provenance` as ``params.json`` into a folder.

    Parameters
    ----------
    folder : Path
        Where to.
    result : TrackingResult or Session
        What is written.
    """
    text = json.dumps(provenance(result), indent=2, allow_nan=False)
    (folder / PARAMS_FILE).write_text(f"{text}\n", encoding="utf-8")


def write_provenance_beside(path: Path, result: Any) -> None:
    """Write `provenance` beside a single table, which has no place for it, as ``NAME.params.json``.

    Parameters
    ----------
    path : Path
        The table.
    result : TrackingResult or Session
        What is written.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    with atomic_path(path.with_suffix(f".{PARAMS_FILE}"), overwrite=True) as temporary:
        temporary.write_text(f"{json.dumps(provenance(result), indent=2, allow_nan=False)}\n", encoding="utf-8")


def plain(value: Any) -> Any:
    """Turn values into what JSON can hold: numbers that are not finite and unknown objects become text.

    Parameters
    ----------
    value : Any
        Numbers, texts, arrays, dataclasses, dictionaries, lists and tuples of them.

    Returns
    -------
    Any
        None, bool, int, float, str, list or dict.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return value.name if isinstance(value, Path) else str(value)


def _recolor(frame: np.ndarray, ids: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Replace ids by values through a table, which stays small even if the ids of a label image are huge."""
    top = int(frame.max(initial=0))
    recolored: np.ndarray
    if top <= _LARGE_ID:
        table = np.zeros(top + 1, values.dtype)
        inside = ids <= top
        table[ids[inside]] = values[inside]
        recolored = table[frame]
    else:
        present, inverse = np.unique(frame, return_inverse=True)
        place = np.minimum(np.searchsorted(present, ids), len(present) - 1)
        inside = present[place] == ids
        table = np.zeros(len(present), values.dtype)
        table[place[inside]] = values[inside]
        recolored = table[inverse].reshape(frame.shape)
    return recolored


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
