"""What happens between two frames, read off a lineage.

An object with no ancestor in the frame directly before it appears; one with no successor in the frame directly after
it disappears; the first and the last frame of the movie have neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from nbtrack.data.lineage import Lineage


@dataclass(frozen=True)
class Events:
    """Tables of events, each sorted by frame and object.

    Parameters
    ----------
    moves : DataFrame
        Columns t (frame of the target), source_id (object in frame ``t - 1``), target_id, track_id.
    splits : DataFrame
        Columns t (frame of the children), parent_id (object in frame ``t - 1``), child1_id, child2_id.
    appearances : DataFrame
        Columns t, object_id.
    disappearances : DataFrame
        Columns t (the last frame in which the object is seen), object_id.
    mergers : DataFrame
        Columns t, object_id, count, track_ids (joined by ";").
    multi_frame_moves : DataFrame
        Columns t, source_id, target_id, t_source: a track leaves a merger, or goes on after a gap; the source is its
        last object that it did not share.
    """

    moves: pd.DataFrame
    splits: pd.DataFrame
    appearances: pd.DataFrame
    disappearances: pd.DataFrame
    mergers: pd.DataFrame
    multi_frame_moves: pd.DataFrame


def derive_events(lineage: Lineage, n_frames: int) -> Events:
    """Derive the events of a lineage.

    Parameters
    ----------
    lineage : Lineage
        The answer to read.
    n_frames : int
        Number of frames of the movie: in the last one nothing disappears.

    Returns
    -------
    Events
    """
    rows = lineage.objects
    rows = rows[rows["track_id"] > 0]
    count = rows.groupby(["t", "object_id"])["track_id"].transform("size").to_numpy()
    order = np.lexsort((rows["t"].to_numpy(), rows["track_id"].to_numpy()))
    t, object_id, track_id = (rows[name].to_numpy()[order] for name in ("t", "object_id", "track_id"))
    count = count[order]
    same_track = np.zeros(len(t), bool)
    same_track[1:] = track_id[1:] == track_id[:-1]
    follows = same_track.copy()
    follows[1:] &= t[1:] == t[:-1] + 1
    here = np.flatnonzero(follows)
    moves = _table(
        {"t": t[here], "source_id": object_id[here - 1], "target_id": object_id[here], "track_id": track_id[here]}
    )

    splits, born, divided = [], set(), set()
    for division in lineage.divisions.values():
        children = [lineage.object_at(child, division.t + 1) for child in division.children]
        parent = lineage.object_at(division.parent_track_id, division.t)
        if None not in children:
            splits.append((division.t + 1, parent, *children))
        for child, object_ in zip(division.children, children, strict=True):
            if object_ is not None:
                born.add(child)
                divided.add(division.parent_track_id)

    birth = ~same_track & np.isin(track_id, list(born))
    has_ancestor = follows | birth | (t == 0)
    last = np.ones(len(t), bool)
    last[:-1] = track_id[1:] != track_id[:-1]
    goes_on = np.zeros(len(t), bool)
    goes_on[:-1] = follows[1:]
    has_successor = goes_on | (last & np.isin(track_id, list(divided))) | (t >= n_frames - 1)

    return Events(
        moves=moves,
        splits=_table(
            dict(zip(("t", "parent_id", "child1_id", "child2_id"), np.array(splits).reshape(-1, 4).T, strict=True))
        ),
        appearances=_without(t, object_id, has_ancestor),
        disappearances=_without(t, object_id, has_successor),
        mergers=merger_table(lineage),
        multi_frame_moves=_multi_frame_moves(t, object_id, count, same_track),
    )


def merger_table(lineage: Lineage) -> pd.DataFrame:
    """List the objects with several tracks.

    Parameters
    ----------
    lineage : Lineage
        The answer to read.

    Returns
    -------
    DataFrame
        Columns t, object_id, count, track_ids (joined by ";" in order of assignment).
    """
    mergers = lineage.mergers()
    return pd.DataFrame(
        {
            "t": np.array([t for t, _, _ in mergers], np.int64),
            "object_id": np.array([i for _, i, _ in mergers], np.int64),
            "count": np.array([len(tracks) for *_, tracks in mergers], np.int64),
            "track_ids": [";".join(map(str, tracks)) for *_, tracks in mergers],
        }
    )


def _without(t: np.ndarray, object_id: np.ndarray, excused: np.ndarray) -> pd.DataFrame:
    """Objects none of whose tracks is excused."""
    table = pd.DataFrame({"t": t, "object_id": object_id, "excused": excused})
    any_excused = table.groupby(["t", "object_id"])["excused"].any()
    left = any_excused.index[~any_excused.to_numpy(bool)]
    return _table({"t": left.get_level_values(0).to_numpy(), "object_id": left.get_level_values(1).to_numpy()})


def _multi_frame_moves(t: np.ndarray, object_id: np.ndarray, count: np.ndarray, same_track: np.ndarray) -> pd.DataFrame:
    """Link a track's object to its last unshared one where a merger or a gap lies between them."""
    index = np.arange(len(t))
    solo = np.where(count == 1, index, -1)
    previous_solo = np.maximum.accumulate(np.r_[-1, solo])[:-1]
    first = np.maximum.accumulate(np.where(same_track, 0, index))
    ok = same_track & (count == 1) & (previous_solo >= first) & (t - t[previous_solo] > 1)
    source = previous_solo[ok]
    return _table({"t": t[ok], "source_id": object_id[source], "target_id": object_id[ok], "t_source": t[source]})


def _table(columns: dict[str, np.ndarray]) -> pd.DataFrame:
    table = pd.DataFrame({name: np.asarray(values, np.int64) for name, values in columns.items()})
    return table.drop_duplicates().sort_values(list(table.columns), ignore_index=True)
