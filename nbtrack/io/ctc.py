"""Folders in the format of the Cell Tracking Challenge, as a result and as a truth.

``mask000.tif``, ... (uint16, one file per frame) and ``res_track.txt`` with a line ``label first last parent`` for each
track. The format knows neither gaps nor mergers: a track is split where it has no pixels of its own, and the later part
has the earlier one as its parent. A merged object has the label of its first track. False detections and objects
outside any track are not written.
"""

from __future__ import annotations

import logging
import re
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import tifffile

from nbtrack.data.lineage import FALSE_LABEL, Lineage
from nbtrack.data.movie import Movie
from nbtrack.errors import EditError, InputError
from nbtrack.io.export import (
    PARAMS_FILE,
    answer_of,
    file_digits,
    output_folder,
    recolored_frames,
    write_provenance,
)
from nbtrack.io.labels import tiff_page_axes

if TYPE_CHECKING:
    from nbtrack.data.movie import Index

TRACK_FILE = "res_track.txt"
INNER_FOLDERS = ("TRA", "GT/TRA", "ctc")
"""Where the files may lie inside a folder that is given: a truth, its parent, the output of ``nbtrack track``."""
_LARGEST = 2**16 - 1
_COLUMNS = ("label", "first", "last", "parent")
_log = logging.getLogger(__name__)


def write_ctc(result: Any, path: str | Path, *, overwrite: bool = False) -> list[Path]:
    """Write a result folder of the Cell Tracking Challenge.

    Parameters
    ----------
    result : TrackingResult or Session
        What to write.
    path : str or Path
        The folder for ``mask000.tif`` and so on (uint16, zlib), ``res_track.txt`` and ``params.json``.
    overwrite : bool, optional
        Replace an earlier export.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    InputError
        If there are more tracks than the format has labels, or the files are there already or cannot be written.
    """
    lineage, detections = answer_of(result)
    table, colored = continuous_tracks(lineage)
    if len(table) > _LARGEST:
        raise InputError(
            f"`lineage` has {len(table)} continuous tracks, but the CTC format has room for {_LARGEST} labels. "
            "Write shorter movies, or use another format."
        )
    path = Path(path)
    digits = file_digits(detections.n_frames, 3)
    own = ("mask[0-9]*.tif", TRACK_FILE, PARAMS_FILE)
    with output_folder(path, own=own, overwrite=overwrite) as folder:
        for t, frame in enumerate(recolored_frames(detections, colored, np.dtype(np.uint16))):
            tifffile.imwrite(
                folder / f"mask{t:0{digits}d}.tif",
                frame,
                photometric="minisblack",
                compression="zlib",
                metadata={"axes": tiff_page_axes(detections)},
            )
        table.to_csv(folder / TRACK_FILE, sep=" ", header=False, index=False, lineterminator="\n")
        write_provenance(folder, result)
        names = sorted(file.name for file in folder.iterdir())
    return [path / name for name in names]


def continuous_tracks(lineage: Lineage) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split tracks into pieces without gaps, counting only objects of which the track is the first.

    Parameters
    ----------
    lineage : Lineage
        The answer.

    Returns
    -------
    tuple of (DataFrame, DataFrame)
        The pieces (label 1.., first, last, parent; 0 is none), in order of track and time, so that labels are track
        ids if these are 1.. and nothing is split; and the label of each object (t, object_id, value), sorted.
    """
    rows = lineage.objects
    rows = rows[rows["track_id"] > 0].drop_duplicates(["t", "object_id"]).sort_values(["track_id", "t"])
    track, t = rows["track_id"].to_numpy(), rows["t"].to_numpy()
    begins = np.ones(len(rows), bool)
    begins[1:] = (np.diff(track) != 0) | (np.diff(t) != 1)
    label = np.cumsum(begins)
    first_row = np.flatnonzero(begins)
    first, last = t[first_row], t[np.r_[first_row[1:], len(t)] - 1]
    owner = track[first_row].tolist()
    last_piece = {i: piece + 1 for piece, i in enumerate(owner)}
    parent = []
    for piece, i in enumerate(owner):
        if piece and owner[piece - 1] == i:
            parent.append(piece)
            continue
        ancestor = lineage.parent_of(i)
        while ancestor is not None and ancestor not in last_piece:
            ancestor = lineage.parent_of(ancestor)
        parent.append(0 if ancestor is None else last_piece[ancestor])
    table = pd.DataFrame(
        dict(zip(_COLUMNS, (np.arange(1, len(owner) + 1), first, last, np.array(parent, np.int64)), strict=True))
    )
    colored = rows[["t", "object_id"]].assign(value=label).sort_values(["t", "object_id"], ignore_index=True)
    return table, colored


def read_ctc(path: str | Path) -> tuple[Movie, Lineage]:
    """Read a result or truth folder of the Cell Tracking Challenge.

    Parameters
    ----------
    path : str or Path
        Folder of ``mask*.tif`` with ``res_track.txt``, or of ``man_track*.tif`` with ``man_track.txt``; or one that has
        such a folder inside, at one of `INNER_FOLDERS`.

    Returns
    -------
    tuple of (Movie, Lineage)
        The label frames, read when asked for; and the lineage, in which an object id is its label, a track that was
        split is one again (under the label of its first part), and a parent with two children is a division. Of more
        than two children the first two are kept and a warning is logged; a parent that is not listed counts as none.

    Raises
    ------
    InputError
        If the folder has no such files, one cannot be read, or masks and tracks contradict each other.
    """
    folder, masks, tracks = ctc_files(path)
    source = _Masks(masks)
    movie = Movie(source, "tyx" if len(source.shape) == 3 else "tzyx", path=folder)
    table = read_tracks(tracks)
    known = set(table["label"].tolist())
    present: dict[int, set[int]] = {}
    for t in range(len(movie)):
        present[t] = {int(i) for i in np.unique(movie[t])} - {0}
        if not present[t] <= known:
            raise InputError(
                f"`{masks[t].name}` has the label {min(present[t] - known)}, which `{tracks.name}` does not list. "
                "Check that masks and tracks belong together."
            )
    try:
        return movie, _lineage_of(table, present)
    except EditError as error:
        raise InputError(f"`{tracks}` holds no valid lineage: {error}") from error


def ctc_files(path: str | Path) -> tuple[Path, list[Path], Path]:
    """Find the files of a result or truth folder.

    Parameters
    ----------
    path : str or Path
        As for `read_ctc`.

    Returns
    -------
    tuple of (Path, list of Path, Path)
        The folder, its masks in order of time, and its track file.

    Raises
    ------
    InputError
        If there are no such files or a frame is missing.
    """
    path = Path(path)
    for folder in (path, *(path / inner for inner in INNER_FOLDERS)):
        for prefix, name in (("mask", TRACK_FILE), ("man_track", "man_track.txt")):
            numbered = {
                int(found[1]): file
                for file in folder.glob(f"{prefix}*.tif")
                if (found := re.fullmatch(rf"{prefix}(\d+)", file.stem))
            }
            if not numbered or not (folder / name).is_file():
                continue
            missing = sorted(set(range(max(numbered) + 1)) - set(numbered))
            if missing:
                raise InputError(f"`{folder}` has no mask for frame {missing[0]}. Complete the folder.")
            return folder, [numbered[t] for t in sorted(numbered)], folder / name
    raise InputError(
        f"`{path}` is no folder of the Cell Tracking Challenge. It must hold mask*.tif and {TRACK_FILE}, "
        "or man_track*.tif and man_track.txt."
    )


def read_tracks(path: Path) -> pd.DataFrame:
    """Read a track file.

    Parameters
    ----------
    path : Path
        ``res_track.txt`` or ``man_track.txt``.

    Returns
    -------
    DataFrame
        Columns label, first, last, parent (0: none), one row per line.

    Raises
    ------
    InputError
        If a line is not four whole numbers, or a label stands twice.
    """
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        words = line.split()
        if not words:
            continue
        if len(words) < 4 or not all(re.fullmatch(r"\d+", word) for word in words[:4]):
            raise InputError(f"`{path}` has {line!r} in line {number}, but must have label, first, last and parent.")
        rows.append([int(word) for word in words[:4]])
    table = pd.DataFrame(np.array(rows, np.int64).reshape(-1, 4), columns=list(_COLUMNS))
    repeated = table["label"][table["label"].duplicated()]
    if len(repeated):
        raise InputError(f"`{path}` lists the label {repeated.iloc[0]} twice. Each track has one line.")
    return table


class _Masks:
    """Masks in one TIFF file per frame."""

    def __init__(self, files: list[Path]) -> None:
        self._files = files
        self.shape: tuple[int, ...] = ()
        first = self._load(0)
        self.shape = (len(files), *first.shape)
        self.dtype = first.dtype

    def read(self, index: Index) -> np.ndarray:
        """Read part of one frame."""
        t, *rest = index
        assert isinstance(t, int)
        return self._load(t)[tuple(rest)]

    def _load(self, t: int) -> np.ndarray:
        try:
            with tifffile.TiffFile(self._files[t]) as file:
                shape = file.series[0].shape
                frame = None if self.shape and shape != self.shape[1:] else np.asarray(file.asarray())
        except (OSError, ValueError, LookupError, RuntimeError, struct.error, zlib.error) as error:
            raise InputError(f"`{self._files[t]}` cannot be read as a TIFF file: {error}.") from error
        if frame is None:  # not even decoded: what a damaged file says about its size can be absurd
            raise InputError(
                f"`{self._files[t]}` has shape {shape}, but the first mask has {self.shape[1:]}. "
                "Give masks of one shape."
            )
        if frame.ndim not in (2, 3) or frame.dtype.kind not in "iu":
            raise InputError(
                f"`{self._files[t]}` must be a label image in two or three dimensions: "
                f"got {frame.dtype} of shape {frame.shape}."
            )
        return frame


def _lineage_of(table: pd.DataFrame, present: dict[int, set[int]]) -> Lineage:
    """Join the pieces of tracks and turn parents with children into divisions."""
    children: dict[int, list[int]] = {}
    for label, parent in zip(table["label"].tolist(), table["parent"].tolist(), strict=True):
        children.setdefault(parent, []).append(label)
    children.pop(0, None)
    track = {label: label for label in table["label"].tolist()}
    spare = max(track, default=0) + 1
    if FALSE_LABEL in track:
        track[FALSE_LABEL] = max(spare, FALSE_LABEL + 1)
    for label in table.sort_values("first")["label"].tolist():
        if len(children.get(label, ())) == 1:
            track[children[label][0]] = track[label]
    lineage = Lineage()
    for t, seen in present.items():
        for label in sorted(seen):
            lineage.assign(t, label, track[label])
    for parent, labels in children.items():
        here = [track[label] for label in labels if lineage.objects_of(track[label])]
        if len(here) > 2:
            _log.warning("Track %d has %d children; only the first two are kept.", parent, len(here))
        objects = lineage.objects_of(track.get(parent, parent))
        if len(labels) > 1 and len(here) > 1 and objects:
            lineage.divide(max(objects), track[parent], here[0], here[1])
    return lineage
