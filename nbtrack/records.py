"""What a project keeps of the way from two files to tracked objects, and how it comes back.

Objects lie in ``objects/HASH.h5``, under the hash that the edit log names in its first line, so that log and objects
find each other whenever the work was interrupted; an old log is put aside, never overwritten, and its objects stay.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import sys
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
import pandas as pd

from nbtrack.classifiers.labelling import LABELS_FILE, Labelling
from nbtrack.data.lineage import FALSE_TRACK_ID, Lineage
from nbtrack.data.result import SolveReport, TrackingResult
from nbtrack.editing.log import hash_objects
from nbtrack.editing.repainting import write_labels
from nbtrack.editing.session import Session
from nbtrack.errors import EditError, InputError
from nbtrack.inputs import KINDS, Input, first_params, read_input
from nbtrack.io.registry import read
from nbtrack.params import SegmentationParams, TrackingParams
from nbtrack.project import UNFINISHED, read_log_header
from nbtrack.runs.run_list import Runs
from nbtrack.segmentation import detect, segment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from nbtrack.data.detections import Detections
    from nbtrack.data.movie import Movie
    from nbtrack.parallel import Progress
    from nbtrack.project import Project

_NAMES = ("raw", "prediction")
_RESULT_TABLES = (
    *("objects", "links", "divisions", "mergers", "appearances", "disappearances"),
    *("false_detections", "fragments"),
)
_log = logging.getLogger(__name__)


@dataclass
class Kept:
    """Inputs and parameters of a workflow as a project kept them.

    Attributes
    ----------
    inputs, kind, scale, params, notes
        As of `nbtrack.workflow.Workflow`.
    """

    inputs: dict[str, Input] = field(default_factory=dict)
    kind: str = KINDS[0]
    scale: float | Sequence[float] | None = None
    params: SegmentationParams = field(default_factory=SegmentationParams)
    notes: dict[str, str] = field(default_factory=dict)


def store_params(kind: str, params: SegmentationParams) -> dict[str, Any] | None:
    """Give what a project remembers of the parameters; label images have none."""
    return None if kind == "labels" else asdict(params)


def record_inputs(
    project: Project, inputs: Mapping[str, Input], *, kind: str, scale: float | Sequence[float] | None
) -> None:
    """Write down what is loaded.

    Parameters
    ----------
    project : Project
        Where.
    inputs : dict of str to Input
        Under ``"raw"`` and ``"prediction"``.
    kind, scale
        As of `nbtrack.workflow.Workflow`.

    Raises
    ------
    InputError
        If the project cannot be written.
    """
    stored: dict[str, Any] = {"kind": kind, "scale": scale}
    paths = {}
    for name, item in inputs.items():
        stored[name] = {"axes": item.movie.stored_axes, "inside": item.inside, "in_memory": None}
        if item.path is None:
            stored[name]["in_memory"] = uuid4().hex  # an array has no hash, so each one counts as another
        else:
            paths[name] = item.path
    project.record("read", stored, inputs=paths)


def restore_inputs(project: Project) -> Kept:
    """Read inputs and parameters again; the notes say what could not be brought back, and why.

    Parameters
    ----------
    project : Project
        Where they were written down.

    Returns
    -------
    Kept
    """
    stored = project.params("read") or {}
    scale = stored.get("scale")
    kept = Kept(
        kind=next((kind for kind in KINDS if kind == stored.get("kind")), KINDS[0]),
        scale=tuple(scale) if isinstance(scale, list) else scale,
    )
    for name in _NAMES:
        entry = stored.get(name)
        if not isinstance(entry, dict):
            continue
        try:
            if entry["in_memory"]:
                raise InputError(
                    f"`{name}` was an array in memory, so the project cannot bring it back. Load it again by "
                    f"`load({name}=...)`."
                )
            path = project.input_path("read", name)
            source = path / entry["inside"] if entry["inside"] else path
            kept.inputs[name] = read_input(source, axes=entry["axes"], scale=kept.scale)
        except InputError as error:
            kept.notes[name] = str(error)
    params = project.params("segment")
    if params is not None:
        known = {item.name for item in fields(SegmentationParams)}
        kept.params = SegmentationParams(**{name: value for name, value in params.items() if name in known})
    elif "prediction" in kept.inputs:
        kept.params = first_params(kept.kind, kept.inputs["prediction"].movie)
    return kept


def make_objects(
    project: Project | None, prediction: Movie, params: SegmentationParams, *, kind: str, progress: Progress
) -> Detections:
    """Find the objects of a movie; with a project their label images go to its folder.

    Parameters
    ----------
    project : Project or None
        Where the label images go.
    prediction : Movie
        Prediction map, binary movie or label images.
    params : SegmentationParams
        For label images they mean nothing.
    kind : str
        One of `nbtrack.inputs.KINDS`.
    progress : bool or callable
        As for `nbtrack.segment`.

    Returns
    -------
    Detections
    """
    if project is None:
        if kind == "labels":
            return detect(prediction, progress=progress)
        return segment(prediction, **asdict(params), progress=progress)
    made = project.objects_file(f"{UNFINISHED}{uuid4().hex}")
    if kind == "labels":
        found = segment(prediction, method=np.asarray, size=(1, sys.maxsize), out=made, progress=progress)
    else:
        found = segment(prediction, **asdict(params), out=made, progress=progress)
    path = made.replace(project.objects_file(hash_objects(found)))
    return replace(found, labels=read(path))


def keep_objects(project: Project, detections: Detections) -> None:
    """Write the label images of objects, repaired ones included, into the folder of a project.

    Parameters
    ----------
    project : Project
        Where.
    detections : Detections
        The objects.
    """
    path = project.objects_file(hash_objects(detections))
    if not path.exists():
        made = project.objects_file(f"{UNFINISHED}{uuid4().hex}")
        write_labels(detections, made)
        made.replace(path)


def restore_objects(project: Project, kept: Kept) -> Detections | None:
    """Read the objects of the edit log; make them anew if their file is gone.

    Parameters
    ----------
    project : Project
        Where they are.
    kept : Kept
        Inputs and parameters.

    Returns
    -------
    Detections or None
        None if there is no edit log.

    Raises
    ------
    InputError
        If the log or the objects cannot be read, and the objects not be made.
    """
    objects, _ = read_log_header(project.edit_log)
    if objects is None:
        if project.edit_log.exists() and project.edit_log.stat().st_size:
            raise InputError(f"`{project.edit_log}` is damaged: its first line cannot be read. Put back a copy.")
        return None
    prediction = kept.inputs.get("prediction")
    current = prediction is not None and project.state("segment") == "done"
    try:
        detections = detect(read(project.objects_file(objects)))
    except InputError as error:
        if prediction is None or not current:
            raise InputError(
                f"The objects of the manual tracking in `{project.edit_log.name}` cannot be read: {error} Or load "
                "the prediction map and apply the same parameters again."
            ) from error
        return make_objects(project, prediction.movie, kept.params, kind=kept.kind, progress=False)
    if prediction is None or not current:
        return detections
    made_by = {"stage": "segment", "movie": prediction.movie.name}
    return replace(detections, params=made_by | (store_params(kept.kind, kept.params) or {}))


def take_log(project: Project, raw: Movie | None, detections: Detections) -> tuple[Session | None, Path | None]:
    """Open the edit log again if it belongs to some objects, and else put it aside.

    Parameters
    ----------
    project : Project
        Whose log.
    raw : Movie or None
        Raw images that fit the objects.
    detections : Detections
        The objects.

    Returns
    -------
    tuple
        The session that the log kept, or None; and the file to which the log was put, None if nothing was in it.
    """
    log = project.edit_log
    if read_log_header(log)[0] == hash_objects(detections):  # objects that were lost are there again
        with contextlib.suppress(InputError):
            return Session.reopen(raw, detections, log), None
    return None, put_log_aside(project)


def keep_labels(project: Project, labelling: Labelling) -> None:
    """Write down that the labels have changed; what they are, `Labelling.keep_in` writes.

    Parameters
    ----------
    project : Project
        Where.
    labelling : Labelling
        The labels.

    Raises
    ------
    InputError
        If the project cannot be written.
    """
    rows = labelling.labels.table.to_csv(index=False, lineterminator="\n")
    labels = hashlib.sha256(rows.encode()).hexdigest()
    n_counts, n_divisions = len(labelling.labels.counts), len(labelling.labels.divisions)
    n_objects = len(labelling.labels)
    stored = {"labels": labels, "objects": n_objects, "counts": n_counts, "divisions": n_divisions}
    project.record("classify", stored)


def keep_result(project: Project, result: TrackingResult) -> None:
    """Write an automatic result down, in place of the last one.

    Parameters
    ----------
    project : Project
        Where.
    result : TrackingResult
        The result.

    Raises
    ------
    InputError
        If the project cannot be written.
    """
    lineage = result.lineage
    divisions = pd.DataFrame(
        [(d.t, d.parent_track_id, *d.children) for d in sorted(lineage.divisions.values())],
        columns=["t", "parent_track_id", "child1_track_id", "child2_track_id"],
    )
    tables = {name: getattr(result, name) for name in _RESULT_TABLES}
    tables |= {"lineage_objects": lineage.objects, "lineage_divisions": divisions}
    tables["report"] = pd.DataFrame([asdict(result.report)])
    project.record("solve", {**asdict(result.params), "objects": hash_objects(result.detections)}, tables=tables)


def restore_result(project: Project, detections: Detections, raw: Movie | None) -> TrackingResult | None:
    """Read the last automatic result again.

    Parameters
    ----------
    project : Project
        Where it is kept.
    detections : Detections
        The objects.
    raw : Movie or None
        Raw images that fit the objects.

    Returns
    -------
    TrackingResult or None
        None if there is none of these objects.

    Raises
    ------
    InputError
        If it is damaged.
    """
    stored = project.params("solve")
    if stored is None or stored.get("objects") != hash_objects(detections):
        return None
    try:
        tables: dict[str, Any] = {name: project.table("solve", name) for name in _RESULT_TABLES}
        objects, divisions = (project.table("solve", f"lineage_{name}") for name in ("objects", "divisions"))
        report: dict[str, Any] = {str(name): value for name, value in project.table("solve", "report").iloc[0].items()}
        false = objects["track_id"] == FALSE_TRACK_ID
        rows: list[Any] = [
            objects.loc[~false, ["t", "object_id", "track_id"]].to_numpy().tolist(),
            divisions.to_numpy().tolist(),
            objects.loc[false, ["t", "object_id"]].to_numpy().tolist(),
        ]
        lineage = Lineage.from_tables(*rows)
        known = {item.name for item in fields(TrackingParams)}
        params = TrackingParams(**{name: value for name, value in stored.items() if name in known})
        report["message"] = report["message"] if isinstance(report["message"], str) else ""
        tables["mergers"]["track_ids"] = tables["mergers"]["track_ids"].astype(str)
        return TrackingResult(
            lineage=lineage,
            report=SolveReport(**report),
            params=params,
            detections=detections,
            movie=raw,
            **tables,
        )
    except (LookupError, TypeError, ValueError, EditError) as error:
        raise InputError(f"The automatic result of the project cannot be read: {error} Track again.") from error


def restore_runs(project: Project) -> Runs:
    """Read the list of automatic runs, and write it down whenever it changes.

    Parameters
    ----------
    project : Project
        Where it is kept.

    Returns
    -------
    Runs

    Raises
    ------
    InputError
        If the file is damaged; it stays as it is.
    """
    runs = Runs.load(project.path)

    def save(_: object) -> None:
        try:
            runs.save(project.path)
        except InputError as error:
            _log.warning("The list of runs is not kept in the project. %s", error)

    runs.on_change(save)
    return runs


def put_log_aside(project: Project) -> Path | None:
    """Make room for another edit log.

    Parameters
    ----------
    project : Project
        Whose log.

    Returns
    -------
    Path or None
        The file to which the log was put, None if nothing was in it.
    """
    if read_log_header(project.edit_log)[1]:
        return project.archive_edits()
    project.edit_log.unlink(missing_ok=True)
    return None


def describe_work(session: Session | None) -> str:
    """Count the manual tracking that there is; nothing if there is none."""
    if session is None:
        return ""
    lineage, n_steps = session.lineage, len(session.history)
    counts = [(n_steps, "step"), (len(lineage.track_ids), "track"), (len(lineage.divisions), "division")]
    if not any(n for n, _ in counts):
        return ""
    return ", ".join(f"{n} {word}{'s' * (n != 1)}" for n, word in counts)


class KeptLabelling:
    """The labels of objects, which follow the objects and are written down when they are given.

    Parameters
    ----------
    project : Project or None
        Where they are kept; None keeps them in memory.
    """

    def __init__(self, project: Project | None) -> None:
        self._project = project
        self._labelling: Labelling | None = None

    def of(self, detections: Detections, movie: Movie | None) -> Labelling:
        """Give the labelling of these objects.

        Parameters
        ----------
        detections : Detections
            The objects; labels of others go with the objects that are the same.
        movie : Movie or None
            The raw images.

        Returns
        -------
        Labelling
            The same one again while objects and movie are the same.

        Raises
        ------
        InputError
            If what the project keeps cannot be read or written.
        """
        old = self._labelling
        if old is not None and old.detections.labels is detections.labels and old.movie is movie:
            return old
        folder = None if self._project is None else self._project.labelling_folder
        if old is not None:
            new = Labelling(detections, movie, labels=old.labels, classifier=old.base)
        elif folder is not None and (folder / LABELS_FILE).exists():
            new = Labelling.load(folder, detections, movie)
        else:
            new = Labelling(detections, movie)
        if folder is not None:
            new.keep_in(folder)
        self._labelling = new
        return new
