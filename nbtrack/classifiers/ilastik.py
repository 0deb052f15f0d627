"""Objects that were labelled in ilastik, taken over into labels and probabilities of ours."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from nbtrack.classifiers.labels import Labels
from nbtrack.io.ilp import IlpObjects, read_ilp_labels, read_ilp_objects
from nbtrack.segmentation import detect

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nbtrack.data.detections import Detections

_log = logging.getLogger(__name__)


def read_ilastik(
    path: str | Path, detections: Detections | None = None, *, scale: float | Sequence[float] | None = None
) -> Labels:
    """Read the labelled objects of an ilastik project: objects, labels, and the probabilities that were kept.

    Its classifiers are not taken over, since they are pickled; train on its labels instead.

    Parameters
    ----------
    path : str or Path
        The ``.ilp`` file of an automatic tracking.
    detections : Detections, optional
        The objects with the ids of the project; by default those of the label images in it.
    scale : float or sequence of float, optional
        Pixel size per spatial axis, for the label images.

    Returns
    -------
    Labels
        Its `detections` are ready for `nbtrack.track`: their table has `p_count_0`... and `p_division` as far as the
        project kept them for all objects. `Labels.move_to` gives the labels to the objects of another segmentation.

    Raises
    ------
    InputError
        If the project holds no labelled objects or no label images of one movie, or is damaged.
    """
    found = read_ilp_objects(path)
    if detections is None:
        detections = detect(read_ilp_labels(path, scale=scale))
    detections = replace(detections, table=detections.table.assign(**_probabilities(found, detections)))
    known = set(zip(detections.table["t"].tolist(), detections.table["object_id"].tolist(), strict=True))
    absent = (set(found.counts) | set(found.divisions)) - known
    if absent:
        _log.warning("%s: %d labels are of objects that are not there; they are left out.", path, len(absent))
    return Labels(
        detections,
        {key: count for key, count in found.counts.items() if key in known},
        {key: dividing for key, dividing in found.divisions.items() if key in known},
    )


def _probabilities(found: IlpObjects, detections: Detections) -> dict[str, np.ndarray]:
    """Lay the probabilities of frames out as columns; a question that was not answered for all objects has none."""
    columns: dict[str, np.ndarray] = {}
    object_id = detections.table["object_id"].to_numpy()
    rows = {t: object_id[detections.rows_of(t)] for t in range(detections.n_frames)}
    rows = {t: ids for t, ids in rows.items() if len(ids)}

    def complete(frames: dict[int, np.ndarray]) -> bool:
        return bool(rows) and all(t in frames and ids.max() < len(frames[t]) for t, ids in rows.items())

    if complete(found.p_count) and len({p.shape[1] for p in found.p_count.values()}) == 1:
        values = np.concatenate([found.p_count[t][ids] for t, ids in rows.items()])
        if (values.sum(axis=1) > 0).all():
            columns |= {f"p_count_{k}": values[:, k] for k in range(values.shape[1])}
    if complete(found.p_division):
        columns["p_division"] = np.concatenate([found.p_division[t][ids] for t, ids in rows.items()])
    return columns
