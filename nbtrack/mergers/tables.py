"""The tables of a result whose lineage has changed."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nbtrack.data.columns import DIVISIONS, FALSE_DETECTIONS, LINKS, MERGERS, RESULT_OBJECTS, TRACK_EVENTS, make_table
from nbtrack.data.events import merger_table

if TYPE_CHECKING:
    from nbtrack.data.lineage import Lineage
    from nbtrack.data.result import TrackingResult


def result_tables(result: TrackingResult, lineage: Lineage) -> dict[str, Any]:
    """Make the tables of a result anew.

    Parameters
    ----------
    result : TrackingResult
        The result as it was.
    lineage : Lineage
        Its new lineage, with the same number of tracks, of which each begins as before.

    Returns
    -------
    dict of str to DataFrame
        The tables by their names in `TrackingResult`. A link that is new has no energy: not a number.
    """
    rows = lineage.objects
    count = rows.groupby(["t", "object_id"])["track_id"].transform("size").where(rows["track_id"] > 0, 0)
    objects = rows.assign(count=count).drop_duplicates(["t", "object_id"])
    tracks = lineage.tracks.set_index("track_id")
    first, last = int(result.objects["t"].min()), int(result.objects["t"].max())
    divided = list(lineage.divisions)
    begins = tracks[(tracks["parent_track_id"] == 0) & (tracks["t_start"] != first)]["t_start"]
    ends = tracks[~tracks.index.isin(divided) & (tracks["t_end"] != last)]["t_end"]
    mergers = merger_table(lineage)
    false = rows[rows["track_id"] < 0]
    return {
        "objects": make_table(RESULT_OBJECTS, {name: objects[name].to_numpy() for name in RESULT_OBJECTS}),
        "links": _links(result.links, lineage),
        "divisions": _divisions(result.divisions, lineage),
        "mergers": make_table(MERGERS, {name: mergers[name] for name in MERGERS}),
        "appearances": _events(begins, lineage),
        "disappearances": _events(ends, lineage),
        "false_detections": make_table(FALSE_DETECTIONS, {name: false[name].to_numpy() for name in FALSE_DETECTIONS}),
    }


def _links(old: pd.DataFrame, lineage: Lineage) -> pd.DataFrame:
    """List the links of tracks and from mothers to daughters, with the energies of those that were there."""
    found: dict[tuple[int, int, int, int], int] = {}
    for track in lineage.track_ids:
        path = list(lineage.objects_of(track).items())
        parent = lineage.parent_of(track)
        if parent is not None:
            t = lineage.divisions[parent].t
            path = [(t, lineage.objects_of(parent)[t]), *path]
        for (t, source), (later, target) in pairwise(path):
            link = t, source, target, later - t
            found[link] = found.get(link, 0) + 1
    keys = ["t", "source_id", "target_id", "gap"]
    links = pd.DataFrame(np.array(list(found), np.int64).reshape(-1, 4), columns=keys)
    links = links.assign(count=list(found.values())).merge(old[[*keys, "energy"]], how="left", on=keys)
    links = links.sort_values(["t", "source_id", "target_id"], ignore_index=True)
    return make_table(LINKS, {name: links[name] for name in LINKS})


def _divisions(old: pd.DataFrame, lineage: Lineage) -> pd.DataFrame:
    """List the divisions; the daughters tell which one it was."""
    energy = dict(zip(old["child1_track_id"].tolist(), old["energy"].tolist(), strict=True))
    rows = []
    for division in sorted(lineage.divisions.values()):
        daughters = [min(lineage.objects_of(child).items())[1] for child in division.children]
        mother = lineage.object_at(division.parent_track_id, division.t)
        energies = energy.get(division.child1_track_id, np.nan)
        rows.append((division.t, mother, *daughters, division.parent_track_id, *division.children, energies))
    columns = zip(*rows, strict=True) if rows else [[]] * len(DIVISIONS)
    return make_table(DIVISIONS, dict(zip(DIVISIONS, columns, strict=True)))


def _events(frames: pd.Series, lineage: Lineage) -> pd.DataFrame:
    """List the objects of tracks in given frames, by frame and object."""
    rows = [(t, lineage.object_at(track, t), track) for track, t in zip(frames.index.tolist(), frames, strict=True)]
    table = pd.DataFrame(np.array(rows, np.int64).reshape(-1, 3), columns=list(TRACK_EVENTS))
    table = table.sort_values(["t", "object_id"])
    return make_table(TRACK_EVENTS, {name: table[name].to_numpy() for name in TRACK_EVENTS})
