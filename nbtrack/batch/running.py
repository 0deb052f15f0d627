"""Run a batch: movie after movie, each in a folder of its own, with a record of what made it.

The record is written last, so a folder without one, or with one of other settings or other files, is worked on again;
what is whole is kept. Label images have a record of their own: a movie that was stopped while it was tracked is not
segmented again. Nothing that one movie does wrong stops the others.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import logging
import shutil
import time
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import pandas as pd

from nbtrack.batch.config import BatchConfig, Job, read_config
from nbtrack.data.content import hash_content
from nbtrack.data.export_names import COLORED, FILE_NAMES
from nbtrack.errors import InputError
from nbtrack.inputs import check_fit, guess_kind
from nbtrack.io.atomic import atomic_path
from nbtrack.io.export import plain
from nbtrack.io.registry import read, write
from nbtrack.mergers.resolving import resolve_mergers
from nbtrack.segmentation import detect, segment
from nbtrack.tracking import track

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from nbtrack.data.detections import Detections
    from nbtrack.data.movie import Movie
    from nbtrack.data.result import TrackingResult
    from nbtrack.parallel import ExecutorLike

RECORD_FILE = "record.json"
SUMMARY_FILE = "summary.csv"
OBJECTS_FILE = "objects.h5"
LOCK_FILE = ".nbtrack-batch"
COLUMNS = ("movie", "status", "frames", "objects", "tracks", "lineages", "divisions", "mergers", "appearances",
           "disappearances", "false_detections", "solver", "solve_status", "energy", "bound", "gap", "seconds",
           "version", "message")  # fmt: skip
"""Columns of the summary."""

_FAILURES = (ArithmeticError, LookupError, MemoryError, OSError, RuntimeError, ValueError)
"""What a bad movie can raise. A mistake of the program itself is none of these, and ends the batch."""
_PACKAGES = ("nbtrack", "numpy", "scipy", "scikit-image", "scikit-learn", "highspy", "pyomo")
_log = logging.getLogger(__name__)


def run(
    config: str | Path | Mapping[str, Any],
    movies: Any = None,
    *,
    out: str | Path | None = None,
    executor: ExecutorLike = None,
    overwrite: bool = False,
    progress: Callable[[str, str, int, int], object] | None = None,
) -> pd.DataFrame:
    """Segment, track and write many movies with the same parameters.

    Call it again to go on where it was stopped: what is whole, and was made by the same settings from the same files,
    is kept. A movie that fails is listed with its reason, and the next one begins.

    Parameters
    ----------
    config : str, Path or dict
        A TOML file, or a dict with the same words: `movies`, `raw`, `out`, `formats`, `color_by`, `resolve_mergers`,
        `classifier`, and the tables `input`, `segmentation` and `tracking`.
    movies : str, Path, list or dict, optional
        The movies, in place of those of `config`: a file or pattern, or several; or files by name.
    out : str or Path, optional
        Folder of the results, in place of that of `config`.
    executor : concurrent.futures.Executor or {"threads", "processes", "serial"}, optional
        Who works on the frames of a movie; see `nbtrack.parallel.map_frames`.
    overwrite : bool, optional
        Do everything anew.
    progress : callable, optional
        Called with the name of the movie, ``"segment"``, ``"track"`` or ``"write"``, and how much of it is done.

    Returns
    -------
    DataFrame
        One row per movie, columns as in `COLUMNS`; `status` is ``"done"``, ``"kept"`` or ``"failed"``, and `message`
        says why. It is written as ``summary.csv``, too. Each movie has a folder with its results and ``record.json``:
        settings, parameters, hashes of the files, and versions.

    Raises
    ------
    InputError
        If the configuration does not fit, or another batch is writing into the same folder.

    Examples
    --------
    >>> import numpy as np; folder = getfixture("tmp_path")
    >>> np.save(folder / "a.npy", np.ones((2, 4, 4), np.uint8))
    >>> run({"input": {"axes": "tyx", "kind": "labels"}}, folder / "a.npy", out=folder / "out").iloc[:, :4]
      movie status  frames  objects
    0     a   done       2        2
    """
    batch = read_config(config, movies, out=out)
    rows: list[dict[str, Any]] = []
    with _locked(batch.out):
        for job in batch.jobs:
            rows.append(_run_one(batch, job, executor, overwrite, progress))
            _write_summary(batch, rows)
    return _summary(rows)


def _run_one(batch: BatchConfig, job: Job, executor: ExecutorLike, overwrite: bool, progress: Any) -> dict[str, Any]:
    """Work on one movie, and say what became of it."""
    started = time.perf_counter()
    try:
        row = _Movie(batch, job, executor, progress).work(overwrite)
    except _FAILURES as error:
        said = str(error) or type(error).__name__
        _log.warning("%s failed: %s", job.name, said)
        _log.debug("%s failed", job.name, exc_info=True)
        return {"movie": job.name, "status": "failed", "seconds": time.perf_counter() - started, "message": said}
    _log.info("%s: %s, %s tracks", job.name, row["status"], row["tracks"])
    return row


@dataclass(frozen=True)
class _Movie:
    """One movie of a batch and its folder."""

    batch: BatchConfig
    job: Job
    executor: ExecutorLike
    progress: Any

    @property
    def folder(self) -> Path:
        return self.batch.out / self.job.name

    def work(self, overwrite: bool) -> dict[str, Any]:
        """Do what is left to do, and give the row of the summary."""
        started = time.perf_counter()
        inputs = self._hash_inputs()
        settings = plain(self.batch.settings())
        mark = _fingerprint(settings, inputs)
        record = {} if overwrite else self._read_record()
        if record.get("made_from") == mark and self._is_whole(record):
            return {**record["summary"], "status": "kept"}
        self._clean()
        movie, raw = self._open()
        kind = self.batch.reading.get("kind") or guess_kind(movie)
        parts = self._segmentation_mark(kind, inputs)
        reuse = record.get("objects_made_from") == parts
        detections = self._find_objects(movie, kind, reuse)
        self._write_record({"objects_made_from": parts})
        detections = self._classify(detections, raw)
        self._tell("track", 0, 1)
        result = track(detections, self.batch.tracking_params(), movie=raw)
        self._tell("track", 1, 1)
        row = self._row(result, started)
        if self.batch.resolve_mergers and len(result.mergers):
            result = resolve_mergers(result)
        files = self._write(result)
        row["seconds"] = time.perf_counter() - started
        self._write_record(
            {
                "made_from": mark,
                "objects_made_from": parts,
                "kind": kind,
                "settings": settings | {"segmentation": self._segmentation(kind)},
                "inputs": inputs,
                "files": files,
                "summary": row,
            }
        )
        return row

    # ------------------------------------------------------------------ steps
    def _open(self) -> tuple[Movie, Movie | None]:
        how = self.batch.reading
        movie = read(self.job.movie, axes=how.get("axes"), dataset=how.get("dataset"), scale=how.get("scale"))
        if self.job.raw is None:
            return movie, None
        raw = read(self.job.raw, axes=how.get("raw_axes"), dataset=how.get("raw_dataset"), scale=how.get("scale"))
        check_fit(raw, movie)
        return movie, raw

    def _find_objects(self, movie: Movie, kind: str, reuse: bool) -> Detections:
        """Make the label images, or take those of a run that was stopped later."""
        kept = self.folder / OBJECTS_FILE

        def report(done: int, total: int) -> None:
            self._tell("segment", done, total)

        if kind == "labels":
            return detect(movie, executor=self.executor, progress=report)
        params = self.batch.segmentation_params(kind)
        if reuse and kept.exists():
            with contextlib.suppress(InputError):
                found = detect(read(kept), executor=self.executor, progress=report)
                return replace(found, params={"stage": "segment", "movie": movie.name, **asdict(params)})
        self.folder.mkdir(parents=True, exist_ok=True)
        return segment(movie, **asdict(params), out=kept, overwrite=True, executor=self.executor, progress=report)

    def _classify(self, detections: Detections, raw: Movie | None) -> Detections:
        if self.batch.classifier is None:
            return detections
        from nbtrack.classifiers.object_classifier import classify  # loads scikit-learn

        channel = self.batch.reading.get("raw_channel")
        return classify(detections, raw, classifier=self.batch.classifier, channel=channel, executor=self.executor)

    def _write(self, result: TrackingResult) -> dict[str, str]:
        files = {name: FILE_NAMES.get(name, name) for name in self.batch.formats}
        for done, (name, place) in enumerate(files.items()):
            self._tell("write", done, len(files))
            options = {"by": self.batch.color_by} if name in COLORED else {}
            write(result, self.folder / place, format=name, overwrite=True, **options)
        self._tell("write", len(files), len(files))
        return files

    def _row(self, result: TrackingResult, started: float) -> dict[str, Any]:
        found, report = result.summary(), result.report
        row = {name: found[name] for name in COLUMNS if name in found}
        return row | {
            "movie": self.job.name,
            "status": "done",
            "solver": report.solver,
            "solve_status": report.status,
            "energy": report.objective,
            "bound": report.bound,
            "gap": report.gap,
            "seconds": time.perf_counter() - started,
            "version": _version("nbtrack"),
            "message": report.message,
        }

    def _tell(self, stage: str, done: int, total: int) -> None:
        if self.progress is not None:
            self.progress(self.job.name, stage, done, total)

    # ------------------------------------------------------------------ what was done already
    def _segmentation(self, kind: str) -> dict[str, Any] | None:
        return None if kind == "labels" else plain(asdict(self.batch.segmentation_params(kind)))

    def _segmentation_mark(self, kind: str, inputs: Mapping[str, Any]) -> str:
        reading = {key: value for key, value in self.batch.reading.items() if not key.startswith("raw_")}
        return _fingerprint({"kind": kind, "reading": plain(reading), "params": self._segmentation(kind)},
                            {"movie": inputs["movie"]})  # fmt: skip

    def _hash_inputs(self) -> dict[str, dict[str, str]]:
        """Describe the files by their content; where they lie is only noted."""
        paths = {"movie": self.job.movie, "raw": self.job.raw, "classifier": self.batch.classifier}
        described = {}
        for name, path in paths.items():
            if path is not None:
                described[name] = {"path": str(path), "hash": hash_content(_existing(path))}
        return described

    def _is_whole(self, record: Mapping[str, Any]) -> bool:
        files, row = record.get("files"), record.get("summary")
        return (
            isinstance(files, dict)
            and isinstance(row, dict)
            and set(row) <= set(COLUMNS)
            and all((self.folder / str(place)).exists() for place in files.values())
        )

    def _read_record(self) -> dict[str, Any]:
        """Read what is known of this folder; a damaged record counts as none."""
        try:
            content = json.loads((self.folder / RECORD_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def _write_record(self, content: Mapping[str, Any]) -> None:
        versions = {name: _version(name) for name in _PACKAGES}
        whole = {"format": "nbtrack batch", **content, "versions": versions}
        with atomic_path(self.folder / RECORD_FILE, overwrite=True) as temporary:
            temporary.write_text(json.dumps(plain(whole), indent=2) + "\n", encoding="utf-8")

    def _clean(self) -> None:
        """Remove what a killed run left half written."""
        for path in self.folder.glob(".*") if self.folder.is_dir() else ():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _existing(path: Path) -> Path:
    """Find the file of "file.h5/dataset", or the folder of a pattern of files."""
    if path.is_dir():
        return path
    if glob.has_magic(path.name) and path.parent.is_dir():
        return path.parent
    for file in (path, *path.parents):
        if file.is_file():
            return file
    raise InputError(f"`{path}` does not exist. Check the name and the folder.")


def _fingerprint(settings: Mapping[str, Any], inputs: Mapping[str, Mapping[str, str]]) -> str:
    hashes = {name: item["hash"] for name, item in inputs.items()}
    return hashlib.sha256(json.dumps([settings, hashes], sort_keys=True).encode()).hexdigest()


def _summary(rows: list[dict[str, Any]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    counts = [name for name in ("frames", *COLUMNS[3:11]) if name in table]
    return table.astype(dict.fromkeys(counts, "Int64"))


def _write_summary(batch: BatchConfig, rows: list[dict[str, Any]]) -> None:
    """Write the table after each movie; where that fails, as on a full disk, the batch goes on."""
    try:
        with atomic_path(batch.out / SUMMARY_FILE, overwrite=True) as temporary:
            _summary(rows).to_csv(temporary, index=False, lineterminator="\n")
    except InputError as error:
        _log.warning("The summary is not written: %s", error)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


@contextlib.contextmanager
def _locked(out: Path) -> Iterator[None]:
    """Keep a second batch out of the folder; the system takes the lock away when the process ends, however it ends."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        file = (out / LOCK_FILE).open("w")
    except OSError as error:
        raise InputError(f"`{out}` cannot be written to: {error}. Choose another `out`.") from error
    with file:
        try:
            import fcntl
        except ImportError:  # Windows
            yield
            return
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InputError(f"Another batch is writing to `{out}`. Wait for it, or choose another `out`.") from error
        yield
