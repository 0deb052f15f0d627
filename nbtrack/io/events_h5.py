"""Events between successive frames as one HDF5 file per frame, in the layout of the reference.

``00000.h5``, ``00001.h5``, ... each hold ``segmentation/labels`` (uint32, ordered ``x, y, z``; one plane in two
dimensions), ``objects/meta/id`` and ``objects/meta/valid``, and under ``tracking`` those of the following that are not
empty, all uint32, rows sorted downwards by the first column, each with an attribute ``Format``:

=================== ======================================================================================
``Appearances``      object of this frame with no ancestor in the frame before
``Disappearances``   object **of the frame before** with no successor in this one (readers expect it here)
``Moves``            object of the frame before, object of this frame
``Splits``           parent in the frame before, two children in this frame
``Mergers``          object of this frame, number of tracks in it
``MultiFrameMoves``  object of an earlier frame, object of this frame, number of the earlier frame
=================== ======================================================================================

``MultiFrameMoves`` tells where a track comes from that leaves a merger or goes on after a gap. The first file has no
tracking except ``Mergers``. Where the result knows energies, ``Moves-Energy`` and so on stand beside (float64, one per
row, not a number where there is none, such as a move out of a merger).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pandas as pd

from nbtrack.data.columns import BARE_EVENTS, MULTI_FRAME_MOVES, SPLITS, make_table
from nbtrack.data.events import derive_events
from nbtrack.data.movie import Movie
from nbtrack.data.storage import axistags, require_space
from nbtrack.errors import InputError
from nbtrack.io.export import PARAMS_FILE, answer_of, file_digits, output_folder, write_provenance
from nbtrack.io.hdf5 import own_dataset
from nbtrack.io.sources import READ_ERRORS

if TYPE_CHECKING:
    from nbtrack.data.events import Events
    from nbtrack.data.movie import Index

_LAYOUT = {
    # dataset: (table, columns in the file, meaning of the columns)
    "Appearances": ("appearances", ("object_id",), "object in this file"),
    "Disappearances": ("disappearances", ("object_id",), "object in the previous file"),
    "Moves": ("moves", ("source_id", "target_id"), "object in the previous file, object in this file"),
    "Splits": ("splits", ("parent_id", "child1_id", "child2_id"), "parent in the previous file, children in this file"),
    "Mergers": ("mergers", ("object_id", "count"), "object in this file, number of tracks in it"),
    "MultiFrameMoves": (
        "multi_frame_moves",
        ("source_id", "target_id", "t_source"),
        "object in the file of the given frame, object in this file, that frame",
    ),
}
_TABLES = {
    "moves": {"t": "int64", "source_id": "int64", "target_id": "int64"},
    "splits": SPLITS,
    "appearances": BARE_EVENTS,
    "disappearances": BARE_EVENTS,
    "mergers": {**BARE_EVENTS, "count": "int64"},
    "multi_frame_moves": MULTI_FRAME_MOVES,
}
_LABELS = "segmentation/labels"


@dataclass(frozen=True)
class EventFiles:
    """What a folder of event files holds.

    Parameters
    ----------
    labels : Movie
        The label frames.
    moves, splits, appearances, disappearances, mergers, multi_frame_moves : DataFrame
        As in `nbtrack.data.events.Events`, without track ids, which the files don't have; a column ``energy`` follows
        where the files tell energies. ``t`` of a disappearance is the last frame where the object is seen.
    """

    labels: Movie
    moves: pd.DataFrame
    splits: pd.DataFrame
    appearances: pd.DataFrame
    disappearances: pd.DataFrame
    mergers: pd.DataFrame
    multi_frame_moves: pd.DataFrame


def write_events_h5(result: Any, path: str | Path, *, overwrite: bool = False) -> list[Path]:
    """Write one HDF5 file per frame with its labels and the events that led to it.

    Parameters
    ----------
    result : TrackingResult or Session
        What to write; a tracking result adds energies of moves and splits.
    path : str or Path
        The folder for ``00000.h5`` and so on, and ``params.json``.
    overwrite : bool, optional
        Replace an earlier export.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    InputError
        If the files are there already or cannot be written.
    """
    lineage, detections = answer_of(result)
    tables = _tables_with_energies(derive_events(lineage, detections.n_frames), result)
    path = Path(path)
    digits = file_digits(detections.n_frames, 5)
    with output_folder(path, own=("[0-9]" * 5 + "*.h5", PARAMS_FILE), overwrite=overwrite) as folder:
        for t in range(detections.n_frames):
            frame = np.asarray(detections.labels[t])
            require_space(folder, 4 * frame.size)
            with h5py.File(folder / f"{t:0{digits}d}.h5", "w") as file:
                _write_labels(file, frame, detections.scale)
                for name in _LAYOUT if t else ("Mergers",):
                    _write_events(file, name, tables[name], t)
        write_provenance(folder, result)
        names = sorted(file.name for file in folder.iterdir())
    return [path / name for name in names]


def read_events(path: str | Path) -> EventFiles:
    """Read a folder of event files.

    Parameters
    ----------
    path : str or Path
        The folder.

    Returns
    -------
    EventFiles

    Raises
    ------
    InputError
        If there are no such files, one is missing, or one cannot be read.
    """
    path = Path(path)
    files = sorted(f for f in path.glob("*.h5") if re.fullmatch(r"\d{5,}", f.stem))
    if [int(f.stem) for f in files] != list(range(len(files))) or not files:
        found = f"{len(files)} files, the last of them {files[-1].name!r}" if files else "none"
        raise InputError(f"`{path}` must hold a file 00000.h5, 00001.h5, ... for each frame: found {found}.")
    rows: dict[str, list[pd.DataFrame]] = {name: [] for name in _TABLES}
    for t, file in enumerate(files):
        try:
            with h5py.File(file, "r") as opened:
                for name, (table, columns, _) in _LAYOUT.items():
                    if f"tracking/{name}" in opened:
                        rows[table].append(_read_events(opened, f"tracking/{name}", columns, t))
        except READ_ERRORS as error:
            raise InputError(f"`{file}` cannot be read as a file of events: {error}. Export it again.") from error
    source = _EventLabels(files)
    labels = Movie(source, "txyz", pixel_sizes=source.pixel_sizes, path=path)
    tables = {name: _sorted(name, parts) for name, parts in rows.items()}
    return EventFiles(labels=labels, **tables)


class _EventLabels:
    """The label frames of a folder of event files, read one by one."""

    def __init__(self, files: list[Path]) -> None:
        self._files = files
        try:
            with h5py.File(files[0], "r") as file:
                data = own_dataset(file, _LABELS)
                shape, self.dtype = data.shape, np.dtype(data.dtype)
                self.pixel_sizes = (1.0, *data.attrs.get("pixel_sizes", (1.0, 1.0, 1.0)))
        except READ_ERRORS as error:
            raise InputError(f"`{files[0]}` has no readable {_LABELS!r}: {error}. Export it again.") from error
        self.shape = (len(files), *shape)

    def read(self, index: Index) -> np.ndarray:
        """Read part of one frame."""
        t, *rest = index
        assert isinstance(t, int)
        try:
            with h5py.File(self._files[t], "r") as file:
                return np.asarray(own_dataset(file, _LABELS)[tuple(rest)])
        except READ_ERRORS as error:
            raise InputError(f"`{self._files[t]}` has no readable {_LABELS!r}: {error}. Export it again.") from error


def _write_labels(file: h5py.File, frame: np.ndarray, scale: tuple[float, ...]) -> None:
    volume = frame if frame.ndim == 3 else frame[np.newaxis]
    data = file.create_dataset(_LABELS, data=volume.T.astype(np.uint32), compression="gzip", compression_opts=1)
    sizes = scale if frame.ndim == 3 else (1.0, *scale)
    data.attrs["axistags"] = axistags("xyz", sizes)
    data.attrs["pixel_sizes"] = sizes[::-1]
    ids = np.unique(frame)
    ids = ids[ids > 0].astype(np.uint32)
    file["objects/meta/id"] = ids
    file["objects/meta/valid"] = np.ones(len(ids), np.uint8)


def _write_events(file: h5py.File, name: str, table: pd.DataFrame, t: int) -> None:
    _, columns, meaning = _LAYOUT[name]
    rows = table[table["t"] == (t - 1 if name == "Disappearances" else t)]
    rows = rows.sort_values(list(columns), ascending=False)
    if rows.empty:
        return
    path = f"tracking/{name}"
    values = rows[list(columns)].to_numpy(np.uint32)
    file.create_dataset(path, data=values, compression="gzip", compression_opts=1).attrs["Format"] = meaning
    if "energy" in rows and rows["energy"].notna().any():
        energy = file.create_dataset(f"{path}-Energy", data=rows["energy"].to_numpy(float))
        energy.attrs["Format"] = f"energy of each row of {name}"


def _tables_with_energies(events: Events, result: Any) -> dict[str, pd.DataFrame]:
    """Take the event tables by the names of their datasets, with energies where the result has them."""
    tables = {name: getattr(events, table) for name, (table, *_) in _LAYOUT.items()}
    tables["Moves"] = tables["Moves"].drop(columns="track_id").drop_duplicates()
    links, divisions = getattr(result, "links", None), getattr(result, "divisions", None)
    if links is not None:
        known = links.assign(t=links["t"] + links["gap"], t_source=links["t"]).drop_duplicates(
            ["t", "t_source", "source_id", "target_id"]
        )
        direct = known[known["gap"] == 1][["t", "source_id", "target_id", "energy"]]
        far = known[["t", "t_source", "source_id", "target_id", "energy"]]
        tables["Moves"] = tables["Moves"].merge(direct, how="left")
        tables["MultiFrameMoves"] = tables["MultiFrameMoves"].merge(far, how="left")
    if divisions is not None:
        known = divisions.assign(t=divisions["t"] + 1)[["t", "parent_id", "energy"]]
        tables["Splits"] = tables["Splits"].merge(known, how="left")
    return tables


def _read_events(file: h5py.File, name: str, columns: tuple[str, ...], t: int) -> pd.DataFrame:
    values = np.asarray(own_dataset(file, name), dtype=np.int64).reshape(-1, len(columns))
    table = pd.DataFrame(values, columns=list(columns))
    table.insert(0, "t", t - 1 if name.endswith("Disappearances") else t)
    if f"{name}-Energy" in file:
        table["energy"] = np.asarray(own_dataset(file, f"{name}-Energy"), dtype=float)
    return table


def _sorted(name: str, parts: list[pd.DataFrame]) -> pd.DataFrame:
    columns = _TABLES[name]
    if not parts:
        return make_table(columns)
    table = pd.concat(parts, ignore_index=True)
    return table.sort_values(list(columns), ignore_index=True)[[*columns, *table.columns.difference(list(columns))]]
