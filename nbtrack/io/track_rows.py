"""Tracks as a table, a row per track and frame: what goes out to many programs, and comes in from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nbtrack.data.columns import ORIGINAL_ID, bbox_columns
from nbtrack.data.lineage import FALSE_LABEL
from nbtrack.errors import InputError
from nbtrack.io.export import answer_of
from nbtrack.io.track_graph import Remembered, lineage_of_graph, number_objects
from nbtrack.io.tracked import Tracked, objects_of_points

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_IDS = ("t", "object_id", "track_id")


def rows_of(result: Any) -> pd.DataFrame:
    """List the objects of every track.

    Parameters
    ----------
    result : TrackingResult or Session
        The answer.

    Returns
    -------
    DataFrame
        t, object_id, track_id, lineage_id, [z,] y, x (pixels), size, other features; sorted by track and frame. A
        merged object has a row for each of its tracks; what has no track has none.
    """
    lineage, detections = answer_of(result)
    rows = lineage.objects
    rows = rows[rows["track_id"] > 0]
    boxes = {*bbox_columns(detections.ndim), ORIGINAL_ID}
    table = detections.table.drop(columns=[name for name in detections.table if name in boxes])
    found = rows.merge(table, how="left", on=["t", "object_id"])
    return found.sort_values(["track_id", "t"], ignore_index=True)


def tracked_of_rows(
    rows: pd.DataFrame,
    parents: Iterable[tuple[int, int]],
    what: str,
    *,
    scale: Sequence[float] | None = None,
    n_frames: int | None = None,
    frame_shape: Sequence[int] | None = None,
) -> Tracked:
    """Make a tracked movie of a table.

    Parameters
    ----------
    rows : DataFrame
        t, track_id (from 0; missing or negative outside any track), [z,] y, x in pixels; object_id, radius and features
        if they are known. Rows of one frame with the same object id, or without such ids with the same position, are
        one object: a merged one.
    parents : iterable of (parent, child)
        Track ids: the last object of the first leads to the first object of the second.
    what : str
        Name of the file or table, for messages.
    scale, n_frames, frame_shape : optional
        As for `nbtrack.io.tracked.objects_of_points`.

    Returns
    -------
    Tracked

    Raises
    ------
    InputError
        If frames are not whole numbers, a track has two objects in a frame, or a parent does not come first.
    """
    rows = rows.reset_index(drop=True)
    for name in ("t", "track_id"):
        numbers = pd.to_numeric(rows[name], errors="coerce").to_numpy(np.float64)
        bad = ~np.isfinite(numbers) if name == "t" else np.zeros(len(numbers), bool)
        numbers = np.where(np.isfinite(numbers), numbers, -1.0)
        if bad.any() or (numbers != np.round(numbers)).any():
            row = int(np.flatnonzero(bad | (numbers != np.round(numbers)))[0])
            raise InputError(
                f"`{what}` has {str(rows[name].iloc[row])!r} as {'frame' if name == 't' else 'track'} in row {row}, "
                "but it must be a whole number. Mend the table."
            )
        rows[name] = numbers.astype(np.int64)
    axes = [a for a in "zyx" if a in rows]
    t = rows["t"].to_numpy()
    node = _same_objects(rows, axes)
    nodes = rows.iloc[np.unique(node, return_index=True)[1]].reset_index(drop=True)
    given = nodes["object_id"].to_numpy(np.float64) if "object_id" in nodes else None
    nodes["object_id"] = number_objects(nodes["t"].to_numpy(), given)
    ids = rows["track_id"].to_numpy()
    shift = int((ids[ids >= 0] == 0).any())
    ids = np.where(ids >= 0, ids + shift, 0)
    pairs, first, last = _steps(t, ids, node, what)
    births = [(int(p) + shift, int(c) + shift) for p, c in parents]
    births = [(p, c) for p, c in births if p in last and c in first]
    times = nodes["t"].to_numpy()
    for p, c in births:
        if times[last[p]] >= times[first[c]]:
            raise InputError(
                f"`{what}` has track {p - shift} as parent of track {c - shift}, which begins in frame "
                f"{times[first[c]]}, while the parent goes on to frame {times[last[p]]}. Mend the table."
            )
    pairs = np.concatenate([pairs, np.array([(last[p], first[c]) for p, c in births], np.int64).reshape(-1, 2)])
    known = _known(rows, ids, node, nodes, births)
    inside = np.zeros(len(nodes), bool)
    inside[node[ids > 0]] = True
    place = np.cumsum(inside) - 1
    lineage = lineage_of_graph(nodes[inside].reset_index(drop=True), place[pairs], what, known)
    detections = objects_of_points(nodes, what, scale=scale, n_frames=n_frames, frame_shape=frame_shape)
    return Tracked(lineage, detections)


def _same_objects(rows: pd.DataFrame, axes: list[str]) -> np.ndarray:
    """Give numbers to the objects; rows of one object have the same number."""
    if "object_id" in rows:
        numbers = pd.to_numeric(rows["object_id"], errors="coerce").to_numpy(np.float64)
        if np.isfinite(numbers).all():
            return np.unique(np.column_stack([rows["t"], numbers]), axis=0, return_inverse=True)[1].ravel()
    keys = np.column_stack([rows["t"], rows[axes].to_numpy(np.float64)])
    tracked = rows["track_id"].to_numpy() >= 0
    alone = np.where(tracked, -1, np.arange(len(rows)))  # objects outside any track are never merged
    return np.unique(np.column_stack([keys, alone]), axis=0, return_inverse=True)[1].ravel()


def _steps(
    t: np.ndarray, ids: np.ndarray, node: np.ndarray, what: str
) -> tuple[np.ndarray, dict[int, int], dict[int, int]]:
    """Link the objects of each track, and give the first and the last one."""
    order = np.lexsort((t, ids))
    order = order[ids[order] > 0]
    track, when, place = ids[order], t[order], node[order]
    same = np.flatnonzero(np.diff(track) == 0)
    twice = same[when[same] == when[same + 1]]
    if len(twice):
        raise InputError(
            f"`{what}` has track {track[twice[0]]} twice in frame {when[twice[0]]}, but a track has one object in a "
            "frame. If its tracks branch, read a format that tells how, such as the XML of TrackMate."
        )
    first = dict(zip(track[::-1].tolist(), place[::-1].tolist(), strict=True))
    last = dict(zip(track.tolist(), place.tolist(), strict=True))
    return np.column_stack([place[same], place[same + 1]]), first, last


def _known(
    rows: pd.DataFrame, ids: np.ndarray, node: np.ndarray, nodes: pd.DataFrame, births: list[tuple[int, int]]
) -> Remembered | None:
    """Keep the track ids of the table, where they are possible."""
    if (ids == FALSE_LABEL).any():
        return None
    tracked = np.flatnonzero(ids > 0)
    owner, index, count = np.unique(node[tracked], return_index=True, return_counts=True)
    merged = np.isin(node, owner[count > 1]) & (ids > 0)
    object_id = nodes["object_id"].to_numpy()[node]
    mergers = np.column_stack([rows["t"].to_numpy(), object_id, ids])[merged]
    ends = rows.assign(track_id=ids)[ids > 0].groupby("track_id")["t"].max().to_dict()
    children: dict[int, list[int]] = {}
    for parent, child in births:
        children.setdefault(parent, []).append(child)
    if any(len(c) != 2 for c in children.values()):
        return None
    divisions = [(ends[parent], parent, *c) for parent, c in children.items()]
    return Remembered(ids[tracked][index], mergers, np.array(divisions, np.int64).reshape(-1, 4))
