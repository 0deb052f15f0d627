"""Tracks for other Python libraries, and from them: napari, networkx, trackpy, laptrack.

None of them is imported, but for networkx, and that only to make a graph.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nbtrack.data.columns import position_columns
from nbtrack.errors import InputError
from nbtrack.io.export import answer_of, provenance
from nbtrack.io.track_graph import Remembered, graph_of, lineage_of_graph, node_tracks, number_objects
from nbtrack.io.track_rows import rows_of, tracked_of_rows
from nbtrack.io.tracked import Tracked, objects_of_points, pixel_sizes
from nbtrack.io.zarr_files import need_library

if TYPE_CHECKING:
    from collections.abc import Sequence

_OBJECT_IDS = ("object_id", "seg_id", "segmentation_id", "label")
_TIMES = ("t", "frame", "time")


def to_napari(result: Any) -> tuple[np.ndarray, dict[str, Any], str]:
    """Make what napari calls the data of a tracks layer.

    Parameters
    ----------
    result : TrackingResult or Session
        The answer.

    Returns
    -------
    tuple of (ndarray, dict, str)
        ``(data, options, "tracks")``: data has the columns track id, t, [z,] y, x, in pixels; the options are graph,
        features, scale and name. ``viewer.add_tracks(data, **options)`` shows it.
    """
    lineage, detections = answer_of(result)
    rows = rows_of(result)
    data = rows[["track_id", "t", *detections.columns_position]].to_numpy(np.float64)
    graph = {child: [d.parent_track_id] for d in lineage.divisions.values() for child in d.children}
    features = rows.drop(columns=["t", *detections.columns_position])
    options = {"graph": graph, "features": features, "scale": (1.0, *detections.scale), "name": "tracks"}
    return data, options, "tracks"


def from_napari(
    layer: Any, graph: dict[int, Any] | None = None, *, scale: float | Sequence[float] | None = None
) -> Tracked:
    """Take the tracks of a tracks layer of napari.

    Parameters
    ----------
    layer : napari.layers.Tracks, tuple or array_like, shape (n, 4) or (n, 5)
        A layer, what `to_napari` gives, or its data: track id, t, [z,] y, x.
    graph : dict, optional
        Parents by child, for bare data.
    scale : float or sequence of float, optional
        Pixel size per spatial axis; that of the layer if not given.

    Returns
    -------
    Tracked
        A child with two parents is a merged object.

    Raises
    ------
    InputError
        If the data have another shape, or a track has two points in a frame.
    """
    features, sizes = None, None
    if hasattr(layer, "data") and hasattr(layer, "graph"):
        data, graph, features, sizes = layer.data, layer.graph, layer.features, getattr(layer, "scale", None)
    elif isinstance(layer, tuple) and len(layer) >= 2 and isinstance(layer[1], dict):
        data, options = layer[0], layer[1]
        graph, features, sizes = options.get("graph"), options.get("features"), options.get("scale")
    else:
        data = layer
    data = np.asarray(data, np.float64)
    if data.ndim != 2 or data.shape[1] not in (4, 5):
        raise InputError(
            f"`layer` must have the columns track id, t, [z,] y, x: got data of shape {data.shape}. "
            "Give a tracks layer with time, or its data."
        )
    axes = position_columns(data.shape[1] - 2)
    rows = pd.DataFrame(data, columns=["track_id", "t", *axes])
    if features is not None and len(features) == len(rows):
        for name, values in features.items():
            if name not in (*rows.columns, "lineage_id") and np.asarray(values).dtype.kind in "iuf":
                rows[str(name)] = np.asarray(values)
    parents = [
        (int(parent), int(child))
        for child, several in (graph or {}).items()
        for parent in (several if isinstance(several, (list, tuple, np.ndarray)) else [several])
    ]
    return tracked_of_rows(
        rows, parents, "the tracks layer", scale=pixel_sizes(scale, len(axes), () if sizes is None else sizes)
    )


def to_networkx(result: Any) -> Any:
    """Make a directed graph of networkx: a node per tracked object, an edge per step.

    Parameters
    ----------
    result : TrackingResult or Session
        The answer.

    Returns
    -------
    networkx.DiGraph
        Nodes have t, [z,] y, x (pixels), object_id, track_id, lineage_id and the features; edges count, energy and
        confidence as far as they are known. The graph has ``scale``, ``divisions`` (t, parent, child, child),
        ``mergers`` (t, object_id, track_id) and ``provenance``.
    """
    networkx = need_library("networkx", "A graph", "formats")
    lineage, detections = answer_of(result)
    graph = graph_of(result)
    made = networkx.DiGraph(
        scale=list(detections.scale),
        frame_shape=list(detections.frame_shape),
        n_frames=detections.n_frames,
        divisions=[(d.t, d.parent_track_id, *d.children) for d in sorted(lineage.divisions.values())],
        mergers=[(t, i, track) for t, i, tracks in lineage.mergers() for track in tracks],
        provenance=provenance(result),
    )
    made.add_nodes_from(enumerate(graph.nodes.to_dict("records")))
    about = graph.links.drop(columns=["source", "target"])
    known = [{n: v for n, v in row.items() if v == v} for row in about.to_dict("records")]
    made.add_edges_from((int(a), int(b), row) for (a, b), row in zip(graph.pairs, known, strict=True))
    return made


def from_networkx(graph: Any, *, scale: float | Sequence[float] | None = None) -> Tracked:
    """Take the tracks of a graph of networkx, such as those of motile, traccuracy or geff.

    Parameters
    ----------
    graph : networkx.DiGraph
        Nodes have ``t`` (or ``frame``, ``time``) and ``[z,] y, x`` in pixels (or ``pos``); ``object_id``, ``seg_id`` or
        ``label`` and ``radius`` are used if all have them. Edges lead from frame to frame.
    scale : float or sequence of float, optional
        Pixel size per spatial axis.

    Returns
    -------
    Tracked

    Raises
    ------
    InputError
        If nodes lack a frame or a position, or an edge stays within a frame.
    """
    names = list(graph.nodes)
    about = [graph.nodes[name] for name in names]
    time = next((key for key in _TIMES if about and all(key in a for a in about)), "t")
    axes = [a for a in "zyx" if about and all(a in one for one in about)]
    try:
        nodes = pd.DataFrame({"t": np.array([int(one[time]) for one in about], np.int64)})
        if {"y", "x"} <= set(axes) or not about:
            for axis in axes or ["y", "x"]:
                nodes[axis] = np.array([one[axis] for one in about], np.float64)
        else:
            positions = np.array([one["pos"] for one in about], np.float64)
            nodes[position_columns(positions.shape[1])] = positions
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(
            "`graph` must have t and y, x (and z in volumes) at every node, as numbers: something is missing "
            f"({type(error).__name__}: {error}). Set these attributes first."
        ) from error
    key = next((key for key in _OBJECT_IDS if about and all(key in one for one in about)), None)
    given = None if key is None else np.array([one[key] for one in about], np.float64)
    nodes["object_id"] = number_objects(nodes["t"].to_numpy(), given)
    if about and all("radius" in one for one in about):
        nodes["radius"] = [float(one["radius"]) for one in about]
    own = graph.graph
    row = {name: i for i, name in enumerate(names)}
    pairs = np.array([(row[a], row[b]) for a, b in graph.edges()], np.int64).reshape(-1, 2)
    known = None
    if about and all("track_id" in one for one in about):
        mergers = np.array(own.get("mergers", ()), np.int64).reshape(-1, 3)
        divisions = np.array(own["divisions"], np.int64).reshape(-1, 4) if "divisions" in own else None
        known = Remembered(np.array([one["track_id"] for one in about], np.int64), mergers, divisions)
    lineage = lineage_of_graph(nodes, pairs, "the graph", known)
    sizes = pixel_sizes(scale, 3 if "z" in nodes else 2, own.get("scale") or ())
    detections = objects_of_points(
        nodes, "the graph", scale=sizes, n_frames=own.get("n_frames"), frame_shape=own.get("frame_shape")
    )
    return Tracked(lineage, detections)


def to_trackpy(result: Any) -> pd.DataFrame:
    """Make a table as trackpy does: a row per track and frame. It has no room for divisions and mergers.

    Parameters
    ----------
    result : TrackingResult or Session
        The answer.

    Returns
    -------
    DataFrame
        [z,] y, x (pixels), frame, particle (track id), then object_id, lineage_id, size and the features; sorted by
        frame and particle.
    """
    _, detections = answer_of(result)
    rows = rows_of(result).rename(columns={"t": "frame", "track_id": "particle"})
    front = [*detections.columns_position, "frame", "particle"]
    rows = rows[[*front, *(name for name in rows if name not in front)]]
    return rows.sort_values(["frame", "particle"], ignore_index=True)


def from_trackpy(table: pd.DataFrame, *, scale: float | Sequence[float] | None = None) -> Tracked:
    """Take the tracks of a table of trackpy.

    Parameters
    ----------
    table : DataFrame
        [z,] y, x in pixels, frame, particle; a column ``size`` is taken as the radius of gyration that trackpy means.
    scale : float or sequence of float, optional
        Pixel size per spatial axis.

    Returns
    -------
    Tracked
        Without divisions and mergers, which the table does not tell.

    Raises
    ------
    InputError
        If a column is missing, or a particle is twice in a frame.
    """
    _need_columns(table, ("y", "x", "frame", "particle"), "A table of trackpy")
    rows = table.reset_index(drop=True).rename(columns={"frame": "t", "particle": "track_id"})
    rows = rows.drop(columns=[name for name in ("lineage_id",) if name in rows])
    if "size" in rows and "radius" not in rows and "object_id" not in rows:
        rows["radius"] = rows["size"] * 2**0.5  # of a disc with that radius of gyration
    axes = 3 if "z" in rows else 2
    return tracked_of_rows(rows, (), "the table", scale=pixel_sizes(scale, axes))


def to_laptrack(result: Any) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Make the three tables that laptrack gives.

    Parameters
    ----------
    result : TrackingResult or Session
        The answer.

    Returns
    -------
    tuple of (DataFrame, DataFrame, DataFrame)
        Objects with the index frame and index, their position, track_id (a path without branches) and tree_id (all that
        hangs together); splits and merges, each with parent_track_id and child_track_id. Ids are counted from 0.
    """
    _, _detections = answer_of(result)
    graph = graph_of(result)
    nodes, pairs = graph.nodes, graph.pairs
    track, tree = node_tracks(len(nodes), pairs)
    table = nodes.drop(columns=["lineage_id", "count"]).rename(columns={"t": "frame", "track_id": "nbtrack_id"})
    table = table.assign(track_id=track - 1, tree_id=tree - 1)
    index = nodes.groupby("t").cumcount()
    table = table.set_index([table.pop("frame"), index.rename("index")])
    ways_out = np.bincount(pairs[:, 0], minlength=len(nodes))[pairs[:, 0]]
    ways_in = np.bincount(pairs[:, 1], minlength=len(nodes))[pairs[:, 1]]
    ends = pd.DataFrame({"parent_track_id": track[pairs[:, 0]] - 1, "child_track_id": track[pairs[:, 1]] - 1})
    return table, ends[ways_out > 1].reset_index(drop=True), ends[(ways_in > 1)].reset_index(drop=True)


def from_laptrack(
    track_df: pd.DataFrame,
    split_df: pd.DataFrame | None = None,
    merge_df: pd.DataFrame | None = None,
    *,
    position: Sequence[str] | None = None,
    scale: float | Sequence[float] | None = None,
) -> Tracked:
    """Take the tracks of laptrack.

    Parameters
    ----------
    track_df : DataFrame
        What ``LapTrack.predict_dataframe`` gives: frame (or t) in the index or as a column, positions, track_id.
    split_df, merge_df : DataFrame, optional
        Its tables of splits and merges: parent_track_id, child_track_id.
    position : sequence of str, optional
        Columns of the position, ordered ``([z,] y, x)``; those of the names z, y, x by default.
    scale : float or sequence of float, optional
        Pixel size per spatial axis.

    Returns
    -------
    Tracked

    Raises
    ------
    InputError
        If a column is missing, or the tables contradict each other.
    """
    table = track_df.copy()
    if "frame" not in table:
        table = table.reset_index()
        other = next((name for name in ("frame_y", "t") if name in table), None)
        if "frame" not in table and other is not None:
            table = table.rename(columns={other: "frame"})
    names = [a for a in "zyx" if a in table] if position is None else list(position)
    _need_columns(table, (*(names if position is not None else ("y", "x")), "frame", "track_id"), "A table of laptrack")
    if len(names) not in (2, 3):
        raise InputError(f"`position` must name two or three columns, ([z,] y, x): got {names}.")
    given = dict(zip(names, position_columns(len(names)), strict=True))
    rows = table.rename(columns={"frame": "t", **given}).reset_index(drop=True)
    rows = rows.drop(columns=[n for n in ("tree_id", "nbtrack_id", "index", "frame_y") if n in rows])
    parents: list[tuple[int, int]] = []
    for ends in (split_df, merge_df):
        if ends is not None and len(ends):
            _need_columns(ends, ("parent_track_id", "child_track_id"), "A table of splits or merges")
            parents += [(int(p), int(c)) for p, c in ends[["parent_track_id", "child_track_id"]].to_numpy()]
    return tracked_of_rows(rows, list(dict.fromkeys(parents)), "the tables", scale=pixel_sizes(scale, len(names)))


def _need_columns(table: Any, names: Sequence[str], what: str) -> None:
    if not isinstance(table, pd.DataFrame):
        raise InputError(f"{what} is a DataFrame: got {type(table).__name__!r}.")
    missing = [name for name in names if name not in table]
    if missing:
        raise InputError(
            f"{what} needs the column {missing[0]!r}, but has {', '.join(map(str, table.columns))}. Rename the columns."
        )
