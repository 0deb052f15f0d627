"""Results as an HDF5 project, laid out as ilastik documents its own: any HDF5 viewer opens it.

``ManualTracking`` holds, for each time step, the objects and the tracks that each was given, and the divisions as
``track_id_parent track_id_child1 track_id_child2 time_parent``. ``ConservationTracking`` holds parameters and events of
an automatic run. The label images whose objects both speak of lie in ``TrackingFeatureExtraction``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from nbtrack.data.events import derive_events
from nbtrack.data.lineage import FALSE_TRACK_ID
from nbtrack.data.storage import require_space
from nbtrack.io.atomic import atomic_path
from nbtrack.io.export import answer_of, provenance
from nbtrack.io.ilp_project import PARAMETER_NAMES

if TYPE_CHECKING:
    import pandas as pd

    from nbtrack.data.detections import Detections
    from nbtrack.data.lineage import Lineage


_BYTES_PER_LABEL = 1000  # a dataset of its own for each object, as in the layout that is followed


def write_ilp(result: Any, path: str | Path, *, overwrite: bool = False) -> list[Path]:
    """Write tracks, divisions, events, parameters and label images in the layout of an ilastik project.

    Parameters
    ----------
    result : TrackingResult or Session
        What to write. Events and parameters are written of an automatic result.
    path : str or Path
        The file, such as ``tracks.ilp``.
    overwrite : bool, optional
        Replace an earlier export.

    Returns
    -------
    list of Path
        The file.

    Raises
    ------
    InputError
        If the file is there already or cannot be written.
    """
    lineage, detections = answer_of(result)
    path = Path(path)
    with atomic_path(path, overwrite=overwrite) as temporary:
        require_space(temporary.parent, _BYTES_PER_LABEL * len(lineage.objects))
        with h5py.File(temporary, "w") as file:
            automatic = getattr(result, "report", None) is not None
            file["workflowName"] = (
                "Automatic Tracking Workflow (Conservation Tracking)" if automatic else "Manual Tracking Workflow"
            )
            file.attrs["made_by"] = json.dumps(provenance(result))
            _write_images(file, detections, temporary.parent)
            _write_manual(file.create_group("ManualTracking"), lineage, detections.n_frames)
            if automatic:
                _write_automatic(file.create_group("ConservationTracking"), result)
    return [path]


def _write_images(file: h5py.File, detections: Detections, folder: Path) -> None:
    """Write each label frame as a block with the axes t, x, y, z, c."""
    images = file.create_group("TrackingFeatureExtraction/LabelImage_v2/labelimage000")
    for t in range(detections.n_frames):
        frame = np.asarray(detections.labels[t], np.uint32)
        volume = (frame if frame.ndim == 3 else frame[None]).T[None, ..., None]
        require_space(folder, volume.nbytes)
        block = images.create_dataset(f"block{t:04d}", data=volume, compression="gzip", compression_opts=1)
        limits = (f"0:{n}" for n in volume.shape[1:])
        block.attrs["blockSlice"] = f"[{t}:{t + 1},{','.join(limits)}]"
    file["TrackingFeatureExtraction/StorageVersion"] = "0.1"


def _write_manual(group: h5py.Group, lineage: Lineage, n_frames: int) -> None:
    group["StorageVersion"] = "0.1"
    labels = group.create_group("Labels/0")
    for t in range(n_frames):
        objects = {**lineage.labelled(t), **dict.fromkeys(lineage.false_at(t), (FALSE_TRACK_ID,))}
        if objects:
            frame = labels.create_group(str(t))
            for object_id, tracks in sorted(objects.items()):
                frame[str(object_id)] = np.array(tracks, np.int64)
    divisions = [(d.parent_track_id, *d.children, d.t) for d in sorted(lineage.divisions.values())]
    if divisions:
        group["Divisions/0"] = np.array(divisions, np.int64)


def _write_automatic(group: h5py.Group, result: Any) -> None:
    group["StorageVersion"] = "0.1"
    for name, value in _parameters(result).items():
        group[f"Parameters/{name}"] = value
    events = derive_events(result.lineage, result.detections.n_frames)
    moves = events.moves[["t", "source_id", "target_id"]].drop_duplicates()
    links, divisions = getattr(result, "links", None), getattr(result, "divisions", None)
    mov = _with_energy(moves, links, ["t", "source_id", "target_id"], shift=1)
    div = _with_energy(events.splits, divisions, ["t", "parent_id"], shift=1)
    far = events.multi_frame_moves[["t", "source_id", "target_id", "t_source"]]
    tables = {
        "mov": mov,
        "div": div,
        "app": events.appearances.assign(energy=0.0),
        "dis": events.disappearances.assign(t=events.disappearances["t"] + 1, energy=0.0),
        "merger": events.mergers[["t", "object_id", "count"]].assign(energy=0.0),
        "multiMove": far.assign(energy=0.0),
    }
    for t in range(result.detections.n_frames):
        place = group.create_group(f"EventsVector/0000/{t}")
        for kind, table in tables.items():
            rows = table[table["t"] == t]
            if len(rows):
                place[kind] = rows.drop(columns="t").to_numpy(np.float64)


def _with_energy(table: pd.DataFrame, known: Any, on: list[str], *, shift: int) -> pd.DataFrame:
    """Add the energy of each row, 0 where it is not known."""
    if known is None or "energy" not in known:
        return table.assign(energy=0.0)
    known = known.assign(t=known["t"] + shift)
    if "gap" in known:
        known = known[known["gap"] == 1]
    found = table.merge(known[[*on, "energy"]].drop_duplicates(on), how="left", on=on)
    return found.assign(energy=found["energy"].fillna(0.0))


def _parameters(result: Any) -> dict[str, Any]:
    """Write our parameters under the names of ilastik."""
    params, detections = result.params, result.detections

    def word(name: str) -> Any:
        return params.get(name) if isinstance(params, dict) else getattr(params, name, None)

    found: dict[str, Any] = {}
    for theirs, ours in PARAMETER_NAMES.items():
        value = word(ours)
        if value is not None:
            found[theirs] = np.array(value) if isinstance(value, tuple | list) else value
    neighbors, timeout, scales = (word(name) for name in ("neighbors", "timeout", "data_scales"))
    found["max_nearest_neighbors"] = neighbors if neighbors is not None else 3
    found["cplex_timeout"] = "" if timeout is None else str(timeout)
    found["scales"] = np.array(scales if scales is not None else (1.0,) * 3, np.float64)
    shape = (1,) * (3 - detections.ndim) + tuple(detections.frame_shape)
    for axis, n in zip("zyx", shape, strict=True):
        limits = word(f"{axis}_range")
        found[f"{axis}_range"] = np.array(limits if limits is not None else (0, n))
    frames = word("t_range")
    found["time_range"] = np.array((frames[0], frames[1] - 1) if frames is not None else (0, detections.n_frames - 1))
    return found
