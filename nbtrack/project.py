"""A project: a folder that remembers the parameters, inputs, results and edits of one movie.

``project.json`` holds the format version, and for each stage its parameters and its inputs; ``results/STAGE/NAME.csv``
the tables of a stage; ``edits.jsonl`` the edit log, which a `Session` writes and from which it comes back.

A stage is stale when something that it was made from changed afterwards. Nothing is marked for that: a stage remembers
the fingerprint of what came before it, and is stale if that is another one now. So going back to the old parameters
makes the old results valid again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from nbtrack.errors import InputError
from nbtrack.io.atomic import atomic_path
from nbtrack.io.export import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

STAGES = ("read", "segment", "measure", "hypotheses", "solve")
"""The stages in the order of the work: each is made from those before it."""
PROJECT_FILE = "project.json"
EDITS_FILE = "edits.jsonl"
RESULTS_FOLDER = "results"
VERSION = 1
"""Version of the layout of the folder."""

_BLOCK = 2**20
_BLOCKS = 64
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

    # ------------------------------------------------------------------ helpers
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


def hash_content(path: Path) -> str:
    """Hash a file, or the files of a folder, by name, size and content.

    Parameters
    ----------
    path : Path
        What to hash. Of a file above 64 MiB, 64 evenly spaced blocks of 1 MiB are read, so that a movie of any size
        takes a moment.

    Returns
    -------
    str
        SHA-256, hexadecimal.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for file in files:
            size = file.stat().st_size
            name = file.relative_to(path).as_posix() if path.is_dir() else ""
            digest.update(f"{name}\0{size}\0".encode())
            last = max(size - _BLOCK, 0)
            dense = size <= _BLOCK * _BLOCKS
            starts = range(0, size, _BLOCK) if dense else [last * i // (_BLOCKS - 1) for i in range(_BLOCKS)]
            with file.open("rb") as opened:
                for start in starts:
                    opened.seek(start)
                    digest.update(opened.read(_BLOCK))
    except OSError as error:
        raise InputError(f"`{path}` cannot be read: {error}. Check the file.") from error
    return digest.hexdigest()


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


def _check_stage(stage: str) -> None:
    if stage not in STAGES:
        raise InputError(f"`stage` must be one of {', '.join(map(repr, STAGES))}: got {stage!r}.")


def _check_name(name: Any) -> None:
    if not isinstance(name, str) or not re.fullmatch(r"\w[\w-]*", name):
        raise InputError(f"{name!r} cannot be the name of a table. Use letters, digits, - and _.")
