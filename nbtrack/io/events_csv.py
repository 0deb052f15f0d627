"""divisions.csv and mergers.csv, with the headers of the reference."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbtrack.io.export import PARAMS_FILE, answer_of, output_folder, write_provenance

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nbtrack.data.lineage import Lineage

DIVISIONS_FILE = "divisions.csv"
MERGERS_FILE = "mergers.csv"
DIVISIONS_HEADER = ("timestep_parent", "track_id_parent", "track_id_child1", "track_id_child2")
MERGERS_HEADER = ("timestep", "object_id", "track_ids")


def write_events_csv(result: Any, path: str | Path, *, overwrite: bool = False) -> list[Path]:
    """Write the divisions and the mergers of a lineage as two CSV files.

    Parameters
    ----------
    result : TrackingResult or Session
        What to write.
    path : str or Path
        The folder for ``divisions.csv`` (timestep_parent, the last frame of the parent; track_id_parent;
        track_id_child1; track_id_child2), ``mergers.csv`` (timestep; object_id; track_ids, joined by semicolons) and
        ``params.json``.
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
    lineage, _ = answer_of(result)
    path = Path(path)
    own = (DIVISIONS_FILE, MERGERS_FILE, PARAMS_FILE)
    with output_folder(path, own=own, overwrite=overwrite) as folder:
        write_event_tables(lineage, folder)
        write_provenance(folder, result)
    return [path / name for name in own]


def write_event_tables(lineage: Lineage, folder: Path) -> None:
    """Write ``divisions.csv`` and ``mergers.csv`` into a folder.

    Parameters
    ----------
    lineage : Lineage
        What to write.
    folder : Path
        An existing folder.
    """
    divisions = sorted((d.t, d.parent_track_id, *d.children) for d in lineage.divisions.values())
    _write(folder / DIVISIONS_FILE, DIVISIONS_HEADER, divisions)
    mergers = [(t, object_id, ";".join(map(str, tracks))) for t, object_id, tracks in lineage.mergers()]
    _write(folder / MERGERS_FILE, MERGERS_HEADER, mergers)


def _write(path: Path, header: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, quotechar="|", quoting=csv.QUOTE_MINIMAL, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
