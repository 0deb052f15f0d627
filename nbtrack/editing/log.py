"""The edit log: a file to which each action is written when it happens, so that nothing is ever lost.

One line of JSON each. The first says what the log belongs to: the objects (as a hash), and the lineage, the pins and
the tracking parameters at the start. Then each action: what was done, undone or done again, which pins came and went,
and which track is active. Lines are only ever appended.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbtrack.data.lineage import FALSE_TRACK_ID, Lineage
from nbtrack.data.pins import from_row, to_row
from nbtrack.errors import EditError, InputError
from nbtrack.io.export import plain
from nbtrack.params import TrackingParams

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nbtrack.data.detections import Detections
    from nbtrack.data.pins import Pin

FORMAT = "nbtrack edit log"
VERSION = 1
_BEGIN = b'{"format":"nbtrack edit log","version":'
_log = logging.getLogger(__name__)


class EditLog:
    """Append actions to a file.

    Parameters
    ----------
    path : str or Path
        The file.
    size : int
        Its length in bytes, up to which it is read or written.
    pins : sequence of Pin, optional
        What was held at the start.
    tracking : TrackingParams, optional
        What was tracked with at the start.
    """

    def __init__(
        self, path: str | Path, size: int, *, pins: Sequence[Pin] = (), tracking: TrackingParams | None = None
    ) -> None:
        self.path = Path(path)
        self.pins, self.tracking = tuple(pins), tracking
        self._size = size

    @classmethod
    def start(
        cls,
        path: str | Path,
        detections: Detections,
        lineage: Lineage,
        *,
        pins: Sequence[Pin] = (),
        tracking: TrackingParams | None = None,
    ) -> EditLog:
        """Begin a log in a file that is not there, or in which there is nothing but the stump of a first line.

        Parameters
        ----------
        path : str or Path
            The file; its folder must exist.
        detections : Detections
            The objects.
        lineage : Lineage
            The answer before the first action.
        pins : sequence of Pin, optional
            What is held before the first action.
        tracking : TrackingParams, optional
            What to track with.

        Returns
        -------
        EditLog

        Raises
        ------
        InputError
            If there is something in the file, or it cannot be written.
        """
        path = Path(path)
        try:
            content = path.read_bytes() if path.exists() else b""
        except OSError as error:
            raise InputError(f"`log` cannot be read: {error}. Choose another file.") from error
        if b"\n" in content or not (content.startswith(_BEGIN) or _BEGIN.startswith(content)):
            raise InputError(
                f"`log` must be a new file, but there is something in `{path}`. Open it with `Session.reopen`, or "
                "choose another file."
            )
        objects = lineage.objects
        false = objects["track_id"] == FALSE_TRACK_ID
        header = {
            "format": FORMAT,
            "version": VERSION,
            "detections": hash_objects(detections),
            "assignments": objects.loc[~false, ["t", "object_id", "track_id"]].to_numpy().tolist(),
            "divisions": [[d.t, d.parent_track_id, *d.children] for d in sorted(lineage.divisions.values())],
            "false_detections": objects.loc[false, ["t", "object_id"]].to_numpy().tolist(),
            "pins": [to_row(pin) for pin in pins],
            "tracking": write_params(tracking),
        }
        log = cls(path, len(content), pins=pins, tracking=tracking)
        log._cut(0)
        log.append(header)
        return log

    @classmethod
    def read(cls, path: str | Path, detections: Detections) -> tuple[EditLog, Lineage, list[dict[str, Any]]]:
        """Read a log, and drop a last line that was cut short.

        Parameters
        ----------
        path : str or Path
            The file.
        detections : Detections
            The objects that it must belong to.

        Returns
        -------
        log : EditLog
            To go on.
        lineage : Lineage
            The answer before the first action.
        actions : list of dict
            The actions in order.

        Raises
        ------
        InputError
            If the file cannot be read, is no log, is damaged before its end, or belongs to other objects.
        """
        path = Path(path)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise InputError(f"`log` cannot be read: {error}. Check the path.") from error
        entries: list[dict[str, Any]] = []
        size = 0
        lines = content.splitlines(keepends=True)
        for number, line in enumerate(lines, 1):
            entry = _parse(line)
            if entry is None and number < len(lines):
                raise InputError(
                    f"`log` is damaged: line {number} of `{path}` cannot be read, but there are more after it. Put "
                    f"back a copy of the file, or remove everything from line {number} on."
                )
            if entry is None:
                _log.warning("The last line of %s, line %d, was cut short and is left out.", path, number)
                break
            entries.append(entry)
            size += len(line)
        if not entries or entries[0].get("format") != FORMAT:
            raise InputError(f"`log` must be an edit log of nbtrack: `{path}` is something else. Check the path.")
        header, *actions = entries
        if header.get("version") != VERSION:
            raise InputError(
                f"`{path}` has the version {header.get('version')!r}, but this nbtrack reads version {VERSION}. Update "
                "nbtrack."
            )
        if header.get("detections") != hash_objects(detections):
            raise InputError(
                f"`log` belongs to other objects than `detections`: `{path}` was made for another segmentation. Use "
                "the detections it was made for, or start a new log."
            )
        try:
            tables = (header["assignments"], header["divisions"], header["false_detections"])
            lineage = Lineage.from_tables(*tables)
            pins, tracking = [from_row(row) for row in header.get("pins", ())], read_params(header.get("tracking"))
        except (KeyError, TypeError, ValueError, EditError) as error:
            raise InputError(f"`log` is damaged: the first line of `{path}` does not fit: {error}.") from error
        log = cls(path, len(content), pins=pins, tracking=tracking)
        log._cut(size)
        return log, lineage, actions

    def append(self, entry: Mapping[str, Any]) -> None:
        """Write one line, and wait until it is on the disk.

        Parameters
        ----------
        entry : dict
            Plain values.

        Raises
        ------
        InputError
            If it cannot be written, or someone else wrote to the file. The log is then as before.
        """
        line = json.dumps(entry, default=int, separators=(",", ":"), allow_nan=False).encode() + b"\n"
        try:
            with self.path.open("ab") as file:
                if os.fstat(file.fileno()).st_size != self._size:
                    raise InputError(
                        f"`{self.path}` was changed by someone else. Is the same log open in another notebook? Close "
                        "one of them, and open the log again with `Session.reopen`."
                    )
                try:
                    file.write(line)
                    file.flush()
                    os.fsync(file.fileno())
                except OSError:
                    os.truncate(self.path, self._size)
                    raise
        except OSError as error:
            raise InputError(
                f"`{self.path}` could not be written: {error}. Nothing was changed. Check folder and "
                "disk, then do it again."
            ) from error
        self._size += len(line)

    def _cut(self, size: int) -> None:
        if self._size == size:
            return
        try:
            os.truncate(self.path, size)
        except OSError as error:
            raise InputError(f"`{self.path}` cannot be written: {error}. Check its permissions.") from error
        self._size = size


def write_params(params: TrackingParams | None) -> dict[str, Any] | None:
    """Write tracking parameters as plain values; None stays None."""
    return None if params is None else dict(plain(params))


def read_params(values: Mapping[str, Any] | None) -> TrackingParams | None:
    """Make tracking parameters of what `write_params` wrote; those that this nbtrack does not know are left out."""
    if values is None:
        return None
    known = {item.name for item in fields(TrackingParams)}
    return TrackingParams(**{name: _finite(value) for name, value in values.items() if name in known})


def _finite(value: Any) -> Any:
    """Take back what JSON cannot hold."""
    return float(value) if value in ("inf", "-inf") else value


def hash_objects(detections: Detections) -> str:
    """Hash what makes objects the same: frames, ids, sizes and bounding boxes, not features that were measured later.

    Parameters
    ----------
    detections : Detections
        The objects.

    Returns
    -------
    str
        SHA-256, hexadecimal.
    """
    table = detections.table
    columns = [c for c in table.columns if c in ("t", "object_id", "size") or str(c).startswith("bbox_")]
    digest = hashlib.sha256(f"{detections.n_frames} {' '.join(columns)}".encode())
    digest.update(table[columns].to_numpy(dtype="<i8").tobytes())
    return digest.hexdigest()


def _parse(line: bytes) -> dict[str, Any] | None:
    if not line.endswith(b"\n"):
        return None
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None
