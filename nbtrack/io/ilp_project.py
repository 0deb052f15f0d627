"""What a project of ilastik (``.ilp``) holds: inputs, parameters, labels, annotations, probabilities, tracks.

The paths of the inputs are told but not followed, and pickles (classifiers, graphs) are not opened.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from nbtrack.errors import InputError
from nbtrack.io.hdf5 import own_dataset
from nbtrack.io.ilp import IlpObjects, read_ilp_labels, read_ilp_objects
from nbtrack.io.ilp_tracks import AUTOMATIC_GROUPS, MANUAL_GROUPS, manual_tracks, numbers
from nbtrack.io.sources import READ_ERRORS, unreadable
from nbtrack.params import SegmentationParams, TrackingParams

_WEIGHTS = {
    "DetectionWeight": "detection",
    "DivisionWeight": "division",
    "TransitionWeight": "transition",
    "AppearanceWeight": "appearance",
    "DisappearanceWeight": "disappearance",
}
_LONGEST_TEXT = 10_000


@dataclass(frozen=True, eq=False)
class IlpProject:
    """A project as far as it can be read without running anything.

    Parameters
    ----------
    path : Path
        The file.
    workflow, version : str
        Name of the workflow and version of ilastik; empty if they are not told.
    inputs : dict of str to dict
        By role ("Raw Data", "Prediction Maps"): path as stored, name, axes.
    thresholds : dict
        Settings of the thresholding, under the names of ilastik.
    parameters : dict
        Parameters of the automatic tracking, under the names of ilastik.
    weights : dict of str to float
        Weights that were learned: detection, division, transition, appearance, disappearance.
    label_shape : tuple of int or None
        Shape of the label images, ``(t, [z,] y, x)``.
    objects : IlpObjects or None
        Labels and kept probabilities of both classifiers.
    labels : list of (t, object_id, track_id)
        What was tracked by hand, -1 for a false detection.
    divisions : list of (track_id_parent, track_id_child1, track_id_child2, time_parent)
        Divisions made by hand.
    annotations : dict
        What was annotated for learning: ``labels`` and ``divisions`` as above, ``appearances`` and ``disappearances``
        as (t, object_id, track_id).
    events : dict of str to int
        How many events of each kind the automatic run has.
    """

    path: Path
    workflow: str = ""
    version: str = ""
    inputs: dict[str, dict[str, str]] = field(default_factory=dict)
    thresholds: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)
    label_shape: tuple[int, ...] | None = None
    objects: IlpObjects | None = None
    labels: list[tuple[int, int, int]] = field(default_factory=list)
    divisions: list[tuple[int, int, int, int]] = field(default_factory=list)
    annotations: dict[str, list[tuple[int, ...]]] = field(default_factory=dict)
    events: dict[str, int] = field(default_factory=dict)

    def tracking_params(self) -> TrackingParams:
        """Translate the parameters of the tracking into ours.

        Returns
        -------
        TrackingParams
            Of the preset ``"conservation"``; what the project does not tell has its default.

        Raises
        ------
        InputError
            If the project has no such parameters, or one is out of range.
        """
        found = self.parameters
        if not found:
            raise InputError(f"`{self.path}` has no parameters of an automatic tracking. Choose another project.")
        given: dict[str, Any] = {ours: found[theirs] for theirs, ours in PARAMETER_NAMES.items() if theirs in found}
        neighbors = found.get("max_nearest_neighbors", found.get("maxNearestNeighbors"))
        if neighbors is not None:
            given["neighbors"] = neighbors
        if "detWeight" not in found or not found["detWeight"]:
            given.pop("detection_weight", None)
        for axis in "zyx":
            limits = found.get(f"{axis}_range")
            if limits is not None and limits[0] > 0:
                given[f"{axis}_range"] = tuple(limits)
        frames = found.get("time_range")
        if frames is not None and self.label_shape and (frames[0] > 0 or frames[1] + 1 < self.label_shape[0]):
            given["t_range"] = (frames[0], frames[1] + 1)
        if "size_range" in given:
            given["size_range"] = tuple(given["size_range"])
        if any(scale != 1 for scale in found.get("scales", ())):
            given["data_scales"] = tuple(found["scales"])
        try:
            timeout = float(found.get("cplex_timeout") or "nan")
        except ValueError:
            timeout = float("nan")
        if timeout > 0:
            given["timeout"] = timeout
        return TrackingParams(preset="conservation", **given)

    def segmentation_params(self) -> SegmentationParams:
        """Translate the settings of the thresholding into ours.

        Returns
        -------
        SegmentationParams

        Raises
        ------
        InputError
            If the project has no thresholding.
        """
        found = self.thresholds
        if not found:
            raise InputError(f"`{self.path}` has no settings of a thresholding. Choose another project.")
        two = int(found.get("CurOperator", 0)) == 1
        low, high = float(found.get("LowThreshold", 0.2)), float(found.get("HighThreshold", 0.5))
        single = float(found.get("SingleThreshold", low if "CoreChannel" in found else high))
        sigma = [float(found.get(f"SmootherSigma/{a}", 1.0)) for a in "zyx"]
        flat = self.label_shape is None or len(self.label_shape) < 4
        return SegmentationParams(
            channel=int(found.get("Channel", 0)),
            sigma=tuple(sigma[1:] if flat else sigma),
            threshold=low if two else single,
            core_threshold=high if two else None,
            core_channel=int(found["CoreChannel"]) if two and "CoreChannel" in found else None,
            size=(max(int(found.get("MinSize", 1)), 1), int(found.get("MaxSize", 1_000_000))),
        )

    def summary(self) -> dict[str, Any]:
        """Count what is there.

        Returns
        -------
        dict
            Plain values.
        """
        objects = self.objects
        return {
            "workflow": self.workflow,
            "version": self.version,
            "inputs": {role: about.get("path", "") for role, about in self.inputs.items()},
            "label_images": self.label_shape,
            "count_labels": 0 if objects is None else len(objects.counts),
            "division_labels": 0 if objects is None else len(objects.divisions),
            "frames_with_count_probabilities": 0 if objects is None else len(objects.p_count),
            "frames_with_division_probabilities": 0 if objects is None else len(objects.p_division),
            "manual_labels": len(self.labels),
            "manual_divisions": len(self.divisions),
            "annotations": {name: len(rows) for name, rows in self.annotations.items()},
            "events": self.events,
            "parameters": self.parameters,
            "weights": self.weights,
            "thresholds": self.thresholds,
        }


PARAMETER_NAMES = {
    "appearanceCost": "appearance",
    "disappearanceCost": "disappearance",
    "detWeight": "detection_weight",
    "divWeight": "division_weight",
    "transWeight": "transition_weight",
    "divThreshold": "division_threshold",
    "maxObj": "objects_per_merger",
    "maxDist": "max_distance",
    "borderAwareWidth": "border_width",
    "withDivisions": "divisible",
    "size_range": "size_range",
}
"""Names of parameters in ilastik, and in `TrackingParams`."""


def describe_ilastik(path: str | Path) -> IlpProject:
    """Tell what a project of ilastik holds: inputs, parameters, labels, annotations, probabilities and tracks.

    Parameters
    ----------
    path : str or Path
        The ``.ilp`` file of any workflow.

    Returns
    -------
    IlpProject
        What it does not have is empty.

    Raises
    ------
    InputError
        If the file is no project of ilastik, or is damaged.
    """
    path = Path(path).expanduser()
    try:
        with h5py.File(path, "r", locking="best-effort") as file:
            if "workflowName" not in file and not any(name in file for name in (*MANUAL_GROUPS, *AUTOMATIC_GROUPS)):
                raise InputError(
                    f"`{path}` is no project of ilastik: it has neither `workflowName` nor a tracking group. "
                    "Choose an .ilp file that ilastik saved."
                )
            about = _describe(file, path)
            has_objects = any(name in file for name in ("CountClassification", "DivisionDetection"))
            images = (
                f"{g}/{k}"
                for g in ("TrackingFeatureExtraction", "ObjectExtraction")
                for k in ("LabelImage_v2", "LabelImage")
            )
            has_images = any(name in file and len(file[name]) > 0 for name in images)
    except InputError:
        raise
    except READ_ERRORS as error:
        raise unreadable(path, error) from error
    objects = read_ilp_objects(path) if has_objects else None
    shape = tuple(read_ilp_labels(path).shape) if has_images else None
    return IlpProject(path, label_shape=shape, objects=objects, **about)


def _describe(file: h5py.File, path: Path) -> dict[str, Any]:
    about: dict[str, Any] = {
        "workflow": _text(file, "workflowName"),
        "version": _text(file, "ilastikVersion"),
        "inputs": _inputs(file),
        "thresholds": _settings(file, "ThresholdTwoLevels"),
    }
    for group in AUTOMATIC_GROUPS:
        place = f"{group}/Parameters"
        place = f"{place}/0000" if f"{place}/0000" in file else place
        about.setdefault("parameters", {}).update(_settings(file, place))
        for name, word in _WEIGHTS.items():
            if f"{group}/{name}/0000" in file:
                about.setdefault("weights", {})[word] = float(numbers(file, f"{group}/{name}/0000").ravel()[0])
        events = _count_events(file, f"{group}/EventsVector/0000")
        if events:
            about["events"] = events
    manual = next((name for name in MANUAL_GROUPS if f"{name}/Labels" in file and len(file[f"{name}/Labels"])), None)
    if manual is not None:
        labels, divisions = manual_tracks(file, manual, path)
        about |= {"labels": sorted(labels), "divisions": [tuple(row) for row in divisions.tolist()]}
    about["annotations"] = _annotations(file, "TrackingAnnotations/Annotations")
    return about


def _text(file: h5py.File, name: str) -> str:
    """Read a short text, empty if there is none."""
    if name not in file:
        return ""
    dataset = own_dataset(file, name)
    if dataset.shape != () or (dataset.dtype.kind not in "SU" and h5py.check_string_dtype(dataset.dtype) is None):
        raise ValueError(f"{name!r} holds no text but {dataset.dtype}, which is never opened")
    value = dataset[()]
    return (value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value))[:_LONGEST_TEXT]


def _inputs(file: h5py.File) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    infos = file.get("Input Data/infos", {})
    for lane in sorted(infos)[:1]:
        for role in infos[lane]:
            place = f"Input Data/infos/{lane}/{role}"
            if not isinstance(file[place], h5py.Group) or not len(file[place]):
                continue
            axes = _text(file, f"{place}/axisorder")
            tags = _text(file, f"{place}/axistags")
            with contextlib.suppress(ValueError, KeyError, TypeError):
                axes = "".join(str(tag["key"]) for tag in json.loads(tags)["axes"]) if tags else axes
            found[role] = {
                "path": _text(file, f"{place}/filePath"), "name": _text(file, f"{place}/nickname"), "axes": axes
            }  # fmt: skip
    return found


def _settings(file: h5py.File, place: str) -> dict[str, Any]:
    """Read the numbers and short texts of a group, also those one group deeper."""
    found: dict[str, Any] = {}
    for name in file.get(place, ()):
        inner = f"{place}/{name}"
        if isinstance(file.get(inner), h5py.Group):
            if name == "SmootherSigma":
                found |= {f"{name}/{axis}": numbers(file, f"{inner}/{axis}").item() for axis in file[inner]}
        elif name == "StorageVersion":
            continue
        elif own_dataset(file, inner).dtype.kind in "biuf":
            found[name] = numbers(file, inner, most=100).tolist()
        else:
            found[name] = _text(file, inner)
    return found


def _count_events(file: h5py.File, place: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for t in file.get(place, ()):
        for kind in file[f"{place}/{t}"]:
            if kind != "res":
                counts[kind] = counts.get(kind, 0) + len(np.atleast_1d(numbers(file, f"{place}/{t}/{kind}")))
    return counts


def _annotations(file: h5py.File, place: str) -> dict[str, list[tuple[int, ...]]]:
    """Read what was annotated for learning, of the first movie."""
    found: dict[str, list[tuple[int, ...]]] = {}
    for lane in sorted(file.get(place, ()))[:1]:
        inner = f"{place}/{lane}"
        rows = []
        for t in file.get(f"{inner}/labels", ()):
            for object_id in file[f"{inner}/labels/{t}"]:
                tracks = numbers(file, f"{inner}/labels/{t}/{object_id}", most=1000).ravel().tolist()
                rows += [(int(t), int(object_id), int(track)) for track in tracks]
        found["labels"] = sorted(rows)
        divisions = f"{inner}/divisions/{lane}"
        table = numbers(file, divisions).astype(np.int64).reshape(-1, 4) if divisions in file else np.empty((0, 4))
        found["divisions"] = [tuple(map(int, row)) for row in table.tolist()]
    for name in ("Appearances", "Disappearances"):
        above = f"TrackingAnnotations/{name}"
        for lane in sorted(file.get(above, ()))[:1]:
            group = file[f"{above}/{lane}"]
            found[name.lower()] = sorted(
                (int(t), int(object_id), int(track))
                for t in group
                for object_id in group[t]
                for track in group[t][object_id]
            )
    return found
