"""divisions.csv and mergers.csv, with the headers of the reference."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbtrack.errors import InputError
from nbtrack.io.atomic import atomic_path
from nbtrack.io.export import PARAMS_FILE, answer_of, output_folder, write_provenance, write_provenance_beside

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


def write_divisions_csv(result: Any, path: str | Path, *, overwrite: bool = False) -> list[Path]:
    """Write the divisions of a lineage as one CSV file.

    Parameters
    ----------
    result : TrackingResult or Session
        What to write.
    path : str or Path
        A name that ends in ``.csv``, or a folder for ``divisions.csv``; columns as `write_events_csv` describes them.
        ``NAME.params.json`` beside it tells how it was made.
    overwrite : bool, optional
        Replace an earlier export.

    Returns
    -------
    list of Path
        The file written.

    Raises
    ------
    InputError
        If the file is there already or cannot be written.
    """
    rows = _division_rows(answer_of(result)[0])
    return _write_one(result, path, DIVISIONS_FILE, DIVISIONS_HEADER, rows, overwrite)


def write_mergers_csv(result: Any, path: str | Path, *, overwrite: bool = False) -> list[Path]:
    """Write the mergers of a lineage as one CSV file.

    Parameters
    ----------
    result : TrackingResult or Session
        What to write.
    path : str or Path
        A name that ends in ``.csv``, or a folder for ``mergers.csv``; columns as `write_events_csv` describes them.
        ``NAME.params.json`` beside it tells how it was made.
    overwrite : bool, optional
        Replace an earlier export.

    Returns
    -------
    list of Path
        The file written.

    Raises
    ------
    InputError
        If the file is there already or cannot be written.
    """
    rows = _merger_rows(answer_of(result)[0])
    return _write_one(result, path, MERGERS_FILE, MERGERS_HEADER, rows, overwrite)


def write_event_tables(lineage: Lineage, folder: Path) -> None:
    """Write ``divisions.csv`` and ``mergers.csv`` into a folder.

    Parameters
    ----------
    lineage : Lineage
        What to write.
    folder : Path
        An existing folder.
    """
    _write(folder / DIVISIONS_FILE, DIVISIONS_HEADER, _division_rows(lineage))
    _write(folder / MERGERS_FILE, MERGERS_HEADER, _merger_rows(lineage))


def read_event_tables(
    path: str | Path,
) -> tuple[list[tuple[int, int, int, int]], list[tuple[int, int, tuple[int, ...]]]]:
    """Read divisions and mergers.

    Parameters
    ----------
    path : str or Path
        A folder with ``divisions.csv``, ``mergers.csv`` or both; or one such file under any name.

    Returns
    -------
    tuple of list
        Divisions as (t, parent_track_id, child1_track_id, child2_track_id), and mergers as (t, object_id, track ids).

    Raises
    ------
    InputError
        If there is no such file, or it does not hold such rows.
    """
    path = Path(path)
    files = [path / name for name in (DIVISIONS_FILE, MERGERS_FILE)] if path.is_dir() else [path]
    files = [file for file in files if file.exists()]
    if not files:
        raise InputError(f"`{path}` has neither {DIVISIONS_FILE} nor {MERGERS_FILE}. Choose the folder or one file.")
    divisions: list[tuple[int, int, int, int]] = []
    mergers: list[tuple[int, int, tuple[int, ...]]] = []
    for file in files:
        header, rows = _read(file)
        for number, row in rows:
            try:
                if header == DIVISIONS_HEADER:
                    t, parent, child1, child2 = map(int, row)
                    divisions.append((t, parent, child1, child2))
                else:
                    frame, object_id, track_ids = row
                    mergers.append((int(frame), int(object_id), tuple(map(int, track_ids.split(";")))))
            except ValueError as error:
                raise InputError(
                    f"`{file}` has {','.join(row)!r} in line {number}, which is not {','.join(header)} as whole "
                    "numbers. Mend that line or export the file again."
                ) from error
    return divisions, mergers


def is_event_table(path: Path) -> bool:
    """Tell whether a CSV file has the header of divisions or of mergers."""
    try:
        _read(path)
    except InputError:
        return False
    return True


def _division_rows(lineage: Lineage) -> list[tuple[int, ...]]:
    return sorted((d.t, d.parent_track_id, *d.children) for d in lineage.divisions.values())


def _merger_rows(lineage: Lineage) -> list[tuple[int, int, str]]:
    return [(t, object_id, ";".join(map(str, tracks))) for t, object_id, tracks in lineage.mergers()]


def _read(path: Path) -> tuple[tuple[str, ...], list[tuple[int, list[str]]]]:
    """Give the header and the rows with their line numbers."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, quotechar="|")
            header = tuple(next(reader, ()))
            rows = [(reader.line_num, row) for row in reader if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"`{path}` cannot be read as a CSV table: {error}. Check the file.") from error
    if header not in (DIVISIONS_HEADER, MERGERS_HEADER):
        raise InputError(
            f"`{path}` begins with {','.join(header)[:80]!r}, but a list of divisions with "
            f"{','.join(DIVISIONS_HEADER)} and one of mergers with {','.join(MERGERS_HEADER)}. Choose another file."
        )
    return header, rows


def _write_one(
    result: Any,
    path: str | Path,
    name: str,
    header: tuple[str, ...],
    rows: Iterable[tuple[Any, ...]],
    overwrite: bool,
) -> list[Path]:
    path = Path(path)
    path = path if path.suffix.lower() == ".csv" else path / name
    with atomic_path(path, overwrite=overwrite) as temporary:
        _write(temporary, header, rows)
    write_provenance_beside(path, result)
    return [path]


def _write(path: Path, header: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, quotechar="|", quoting=csv.QUOTE_MINIMAL, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
