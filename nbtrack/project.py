"""A project: a folder that remembers the parameters, inputs, results and edits of one movie.

``project.json`` holds the format version, and for each stage its parameters and its inputs; ``results/STAGE/NAME.csv``
the tables of a stage; ``edits.jsonl`` the edit log, which a `Session` writes and from which it comes back. Logs that
were put aside are ``edits-1.jsonl``, ``edits-2.jsonl`` and so on; the objects of all logs are in ``objects``, where
``OBJECTS-repaired.h5`` is a label movie with the objects as the edits have left them. The
folder ``labelling`` holds the labels of objects and the classifier that learned from them; ``pins/OBJECTS.json``
what is held fixed when these objects are tracked.

A stage is stale when something that it was made from changed afterwards. Nothing is marked for that: a stage remembers
the fingerprint of what came before it, and is stale if that is another one now. So going back to the old parameters
makes the old results valid again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import shutil
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from nbtrack.data.content import hash_content
from nbtrack.data.pins import Pin
from nbtrack.errors import InputError
from nbtrack.io.atomic import atomic_path
from nbtrack.io.export import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

STAGES = ("read", "segment", "measure", "classify", "hypotheses", "solve")
"""The stages in the order of the work: each is made from those before it."""
PROJECT_FILE = "project.json"
EDITS_FILE = "edits.jsonl"
RESULTS_FOLDER = "results"
OBJECTS_FOLDER = "objects"
LABELLING_FOLDER = "labelling"
PINS_FOLDER = "pins"
REPAIRED = "-repaired"
UNFINISHED = "new-"
"""Names of label images begin so until they are complete and their hash is known."""
VERSION = 1
"""Version of the layout of the folder."""

_ARCHIVED = re.compile(r"edits-(\d+)\.jsonl")
_QUIET = 60
"""Seconds after which a file that nobody writes any longer counts as abandoned."""
_log = logging.getLogger(__name__)


class Project:
    """Open a project, or start one in a folder that has none.

    Parameters
    ----------
    path : str or Path
        The folder; it is made if it is not there.

    Attributes
    ----------
    path : Path
        The folder.

    Raises
    ------
    InputError
        If the project file is damaged, was written by a newer version, or the folder cannot be made.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser().resolve()
        self._stages: dict[str, dict[str, Any]] = {}
        file = self.path / PROJECT_FILE
        if file.exists():
            self._stages = _read_project(file)
        else:
            with atomic_path(file) as temporary:
                _write_project(temporary, self._stages)

    def __repr__(self) -> str:
        states = ", ".join(f"{stage} {self.state(stage)}" for stage in STAGES)
        return f"<Project {self.path.name!r}: {states}>"

    # ------------------------------------------------------------------ stages
    def record(
        self,
        stage: str,
        params: Any = None,
        *,
        inputs: Mapping[str, str | Path] | None = None,
        tables: Mapping[str, pd.DataFrame] | None = None,
    ) -> tuple[str, ...]:
        """Remember that a stage was run.

        Parameters
        ----------
        stage : str
            One of `STAGES`.
        params : dataclass or dict, optional
            The parameters it was run with.
        inputs : dict of str to path, optional
            Files or folders it read, by name; stored relative to the project, with a hash of their content.
        tables : dict of str to DataFrame, optional
            Its results, by name. They replace all earlier tables of the stage.

        Returns
        -------
        tuple of str
            The later stages that are stale now.

        Raises
        ------
        InputError
            If the stage is unknown, an input is not there, or the project cannot be written.
        """
        entry = self._entry(stage, params)
        entry["inputs"] = {name: self._describe(Path(path)) for name, path in (inputs or {}).items()}
        for name in tables or {}:
            _check_name(name)
        entry["tables"] = sorted(tables or {})
        stages = self._stages | {stage: entry}
        with atomic_path(self.path / PROJECT_FILE, overwrite=True) as temporary:
            _write_project(temporary, stages)
            self._replace_tables(self.path / RESULTS_FOLDER / stage, tables or {})
        self._stages = stages
        return self.stale_stages

    def state(self, stage: str) -> str:
        """Tell the state of a stage.

        Parameters
        ----------
        stage : str
            One of `STAGES`.

        Returns
        -------
        str
            ``"missing"`` (not run yet), ``"done"`` or ``"stale"`` (something before it changed since).
        """
        _check_stage(stage)
        entry = self._stages.get(stage)
        if entry is None:
            return "missing"
        return "done" if entry["made_from"] == self._fingerprint_before(stage, self._stages) else "stale"

    @property
    def stale_stages(self) -> tuple[str, ...]:
        """Stages that were run before something that they depend on changed, in order."""
        return tuple(stage for stage in STAGES if self.state(stage) == "stale")

    def affected_by(self, stage: str, params: Any) -> tuple[str, ...]:
        """Tell which later stages would become stale if a stage were run with other parameters.

        Parameters
        ----------
        stage : str
            One of `STAGES`.
        params : dataclass or dict
            The new parameters; inputs stay as they are.

        Returns
        -------
        tuple of str
            Names of stages that are done now and would not be. Ask before manual work is lost.
        """
        entry = self._entry(stage, params)
        entry["inputs"] = self._stages.get(stage, {}).get("inputs", {})
        changed = self._stages | {stage: entry}
        later = STAGES[STAGES.index(stage) + 1 :]
        return tuple(
            name
            for name in later
            if self.state(name) == "done" and changed[name]["made_from"] != self._fingerprint_before(name, changed)
        )

    def params(self, stage: str) -> dict[str, Any] | None:
        """Give the parameters of a stage as plain values, or None if it was not run or had none."""
        _check_stage(stage)
        stored = self._stages.get(stage, {}).get("params")
        return None if stored is None else dict(stored)

    def table(self, stage: str, name: str) -> pd.DataFrame:
        """Read a table that a stage left, stale or not.

        Parameters
        ----------
        stage : str
            One of `STAGES`.
        name : str
            Name of the table.

        Returns
        -------
        DataFrame

        Raises
        ------
        InputError
            If there is no such table or it cannot be read.
        """
        _check_stage(stage)
        names = self._stages.get(stage, {}).get("tables", [])
        if name not in names:
            raise InputError(
                f"Stage {stage!r} has no table {name!r}: it has {', '.join(map(repr, names)) or 'none'}. Run it first."
            )
        file = self.path / RESULTS_FOLDER / stage / f"{name}.csv"
        try:
            return pd.read_csv(file)
        except (OSError, ValueError) as error:
            raise InputError(f"`{file}` cannot be read: {error}. Run the stage {stage!r} again.") from error

    def input_path(self, stage: str, name: str) -> Path:
        """Find an input of a stage again, and check that it is still the same.

        Parameters
        ----------
        stage : str
            One of `STAGES`.
        name : str
            Name of the input.

        Returns
        -------
        Path
            Where it is.

        Raises
        ------
        InputError
            If the stage has no such input, it was moved, or its content changed.
        """
        _check_stage(stage)
        inputs = self._stages.get(stage, {}).get("inputs", {})
        if name not in inputs:
            raise InputError(f"Stage {stage!r} has no input {name!r}: it has {', '.join(map(repr, inputs)) or 'none'}.")
        path = Path(os.path.normpath(self.path / inputs[name]["path"]))
        if not path.exists():
            raise InputError(
                f"`{name}` is no longer at `{path}`. Move it back, or record the stage {stage!r} with the new path."
            )
        if hash_content(path) != inputs[name]["hash"]:
            raise InputError(
                f"`{name}` at `{path}` changed since the stage {stage!r} was run. Run the stage again, or put the old "
                "file back."
            )
        return path

    @property
    def edit_log(self) -> Path:
        """The edit log of this project, for ``Session(..., log=project.edit_log)`` and ``Session.reopen``."""
        return self.path / EDITS_FILE

    @property
    def labelling_folder(self) -> Path:
        """Where labels of objects and what was learned from them are kept; `Labelling.save` and `load` take it."""
        return self.path / LABELLING_FOLDER

    def save_pins(self, pins: Iterable[Pin], objects: str) -> None:
        """Keep what is to be held fixed when objects are tracked.

        Parameters
        ----------
        pins : iterable of Pin
            All of them; those that were kept for these objects before are replaced.
        objects : str
            Hash of the objects, as `nbtrack.editing.log.hash_objects` gives it: ids mean nothing without them.

        Raises
        ------
        InputError
            If they cannot be written.
        """
        content = {"format": "nbtrack pins", "version": VERSION, "objects": objects, "pins": [asdict(p) for p in pins]}
        with atomic_path(self._pins_file(objects), overwrite=True) as temporary:
            temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")

    def load_pins(self, objects: str) -> tuple[Pin, ...]:
        """Read what is to be held fixed.

        Parameters
        ----------
        objects : str
            Hash of the objects.

        Returns
        -------
        tuple of Pin
            Empty if nothing was kept for these objects.

        Raises
        ------
        InputError
            If the file is damaged.
        """
        file = self._pins_file(objects)
        if not file.exists():
            return ()
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            if content["format"] == "nbtrack pins" and content["version"] <= VERSION and content["objects"] == objects:
                return tuple(Pin(**entry) for entry in content["pins"])
            raise ValueError("it is of another format, version, or for other objects")
        except (OSError, ValueError, TypeError, LookupError) as error:
            raise InputError(f"`{file}` is damaged: {error}. Put back a copy, or remove it to begin anew.") from error

    def objects_file(self, objects: str, *, repaired: bool = False) -> Path:
        """Tell where label images are kept.

        Parameters
        ----------
        objects : str
            Hash of the objects, which their edit log names as well.
        repaired : bool, optional
            The label images as the repairs of the edit log have left them; the file is there if there are any.

        Returns
        -------
        Path
            In the folder ``objects``, which is made if it is not there.

        Raises
        ------
        InputError
            If the folder cannot be made.
        """
        folder = self.path / OBJECTS_FOLDER
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise InputError(f"`{folder}` cannot be made: {error}. Check the folder of the project.") from error
        return folder / f"{objects[:16]}{REPAIRED if repaired else ''}.h5"

    def remove_unused_objects(self) -> None:
        """Remove label images that no edit log belongs to, and what an interrupted run left.

        None of the former goes if a log cannot be read. A file that another process writes at the moment stays.
        """
        for file in (self.path / OBJECTS_FOLDER).iterdir() if (self.path / OBJECTS_FOLDER).is_dir() else ():
            if file.name.lstrip(".").startswith(UNFINISHED) and _is_abandoned(file):
                _remove(file)
        used = {read_log_header(log)[0] for log in self.path.glob("edits*.jsonl")}
        if None in used:
            return
        keep = {self.objects_file(o, repaired=repaired) for o in used if o is not None for repaired in (False, True)}
        for file in (self.path / OBJECTS_FOLDER).glob("*.h5"):
            if file not in keep and not file.name.startswith(UNFINISHED):
                _remove(file)

    def archive_edits(self) -> Path | None:
        """Put the edit log aside under the next free name, so that a new one can begin.

        Returns
        -------
        Path or None
            ``edits-1.jsonl``, ``edits-2.jsonl``, ...; None if there was no log.

        Raises
        ------
        InputError
            If it cannot be renamed.
        """
        if not self.edit_log.exists():
            return None
        numbers = [int(found[1]) for file in self.path.iterdir() if (found := _ARCHIVED.fullmatch(file.name))]
        target = self.path / f"edits-{max(numbers, default=0) + 1}.jsonl"
        try:
            return self.edit_log.rename(target)
        except OSError as error:
            raise InputError(
                f"`{self.edit_log}` cannot be put aside: {error}. Nothing was changed; check the folder."
            ) from error

    # ------------------------------------------------------------------ helpers
    def _pins_file(self, objects: str) -> Path:
        return self.path / PINS_FOLDER / f"{objects[:16]}.json"

    def _entry(self, stage: str, params: Any) -> dict[str, Any]:
        _check_stage(stage)
        before = self._fingerprint_before(stage, self._stages)
        return {"params": plain(params), "inputs": {}, "tables": [], "made_from": before}

    def _fingerprint_before(self, stage: str, stages: Mapping[str, Mapping[str, Any]]) -> str:
        """Hash parameters and inputs of all stages before one; where the inputs lie does not matter."""
        made_of = [
            [name, stages[name]["params"], {key: item["hash"] for key, item in stages[name]["inputs"].items()}]
            for name in STAGES[: STAGES.index(stage)]
            if name in stages
        ]
        return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()

    def _describe(self, path: Path) -> dict[str, str]:
        if not path.exists():
            raise InputError(f"`{path}` does not exist. Check the path of the input.")
        return {"path": os.path.relpath(path.resolve(), self.path), "hash": hash_content(path)}

    @staticmethod
    def _replace_tables(folder: Path, tables: Mapping[str, pd.DataFrame]) -> None:
        if not tables:
            shutil.rmtree(folder, ignore_errors=True)
            return
        with atomic_path(folder, overwrite=True) as temporary:
            temporary.mkdir()
            for name, table in tables.items():
                table.to_csv(temporary / f"{name}.csv", index=False, lineterminator="\n")


def read_log_header(log: Path) -> tuple[str | None, bool]:
    """Tell what an edit log belongs to.

    Parameters
    ----------
    log : Path
        The log; it need not exist or be whole.

    Returns
    -------
    tuple
        The hash of its objects, None if it cannot be read; and whether there is more in it than its first line.
    """
    rest = b""
    try:
        head, _, rest = log.read_bytes().partition(b"\n")
        return str(json.loads(head)["detections"]), bool(rest)
    except (OSError, ValueError, TypeError, LookupError):
        return None, bool(rest)


def _write_project(file: Path, stages: Mapping[str, Any]) -> None:
    content = {"format": "nbtrack project", "version": VERSION, "stages": stages}
    file.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def _read_project(file: Path) -> dict[str, dict[str, Any]]:
    damaged = f"`{file}` is damaged and cannot be read as a project: "
    advice = ". Put back a copy of the file, or move it away to start the project anew; results and edits stay."
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{damaged}{error}{advice}") from error
    if not isinstance(content, dict) or content.get("format") != "nbtrack project":
        raise InputError(f"{damaged}it is not a project file of nbtrack{advice}")
    version = content.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise InputError(
            f"`{file}` has the version {version!r}, but this nbtrack reads up to version {VERSION}. Update nbtrack."
        )
    stages = content.get("stages")
    if not isinstance(stages, dict) or not all(
        stage in STAGES
        and isinstance(entry, dict)
        and isinstance(entry.get("inputs"), dict)
        and all(isinstance(i, dict) and {"path", "hash"} <= i.keys() for i in entry["inputs"].values())
        and isinstance(entry.get("tables"), list)
        and {"params", "made_from"} <= entry.keys()
        for stage, entry in stages.items()
    ):
        raise InputError(f"{damaged}its stages are not complete{advice}")
    for entry in stages.values():
        for name in entry["tables"]:
            _check_name(name)
    return stages


def _is_abandoned(file: Path) -> bool:
    """Tell whether an unfinished HDF5 file was left behind: it has been quiet, and no process holds its lock."""
    try:
        if time.time() - file.stat().st_mtime < _QUIET:
            return False
        with file.open("rb+") as opened:
            _lock(opened.fileno())
    except OSError:
        return False
    return True


def _lock(file_number: int) -> None:
    """Lock a file as HDF5 does while it writes, until it is closed; fails if another does."""
    try:
        import fcntl
    except ImportError:  # Windows, which refuses to remove an open file
        return
    fcntl.flock(file_number, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _remove(file: Path) -> None:
    with contextlib.suppress(OSError):
        file.unlink()


def _check_stage(stage: str) -> None:
    if stage not in STAGES:
        raise InputError(f"`stage` must be one of {', '.join(map(repr, STAGES))}: got {stage!r}.")


def _check_name(name: Any) -> None:
    if not isinstance(name, str) or not re.fullmatch(r"\w[\w-]*", name):
        raise InputError(f"{name!r} cannot be the name of a table. Use letters, digits, - and _.")
