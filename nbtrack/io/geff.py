"""GEFF, the Graph Exchange File Format: tracks for other programs, and from them.

A Zarr group (``tracks.geff``) with a node for each tracked object and an edge for each step; positions are pixels, the
pixel size stands with the axes. What a graph cannot say (mergers, false detections) lies beside it in the group
``nbtrack``, parameters, report, versions and pins in ``extra``, the label images as OME-Zarr in ``labels``. Files of
others need none of that: tracks are read off the edges.
"""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nbtrack.errors import EditError, InputError
from nbtrack.io.export import answer_of, plain, provenance
from nbtrack.io.ome_zarr import UNITS, put_labels, read_ome_zarr
from nbtrack.io.sources import READ_ERRORS, unreadable
from nbtrack.io.track_graph import Remembered, TrackGraph, graph_of, lineage_of_graph, node_tracks, number_objects
from nbtrack.io.tracked import Tracked, objects_of_labels, objects_of_points, pixel_sizes
from nbtrack.io.zarr_files import is_zarr, new_zarr, numbers_in, open_zarr, put_array, zarr_library

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nbtrack.data.detections import Detections
    from nbtrack.data.lineage import Lineage
    from nbtrack.data.movie import Movie
    from nbtrack.data.pins import Pin

VERSION = "1.2"
"""Version of the format that is written: the oldest that has all that is needed."""
_OURS = "nbtrack"
_OBJECT_ID_NAMES = ("seg_id", "object_id", "label")
_log = logging.getLogger(__name__)


def write_geff(
    result: Any,
    path: str | Path,
    *,
    overwrite: bool = False,
    labels: bool = True,
    pins: Iterable[Pin | dict[str, Any]] | None = None,
) -> list[Path]:
    """Write the tracks as a GEFF group.

    Parameters
    ----------
    result : TrackingResult or Session
        What to write.
    path : str or Path
        The folder to write, such as ``tracks.geff``.
    overwrite : bool, optional
        Replace an earlier export.
    labels : bool, optional
        Put the label images into it, as OME-Zarr 0.4.
    pins : iterable of Pin, optional
        What was held fixed; those of the result if it has them.

    Returns
    -------
    list of Path
        The folder.

    Raises
    ------
    InputError
        If the library `zarr` is missing, the target is there already, or it cannot be written.
    """
    lineage, detections = answer_of(result)
    path = Path(path)
    zarr_library(f"`{path}`")
    graph = graph_of(result)
    held = (getattr(result, "pins", None) or getattr(result, "fixed", None) or ()) if pins is None else pins
    unit = UNITS.get(getattr(getattr(result, "movie", None), "unit", None) or "")
    with new_zarr(path, 2, overwrite) as root:
        nodes, links = _node_values(graph, detections), _link_values(graph)
        _put_part(root, "nodes", np.arange(len(graph.nodes), dtype=np.uint64), nodes)
        _put_part(root, "edges", graph.pairs.astype(np.uint64), links)
        _put_beside(root.create_group(_OURS), lineage, detections)
        if labels:
            colored = detections.table[["t", "object_id"]].assign(value=detections.table["object_id"])
            put_labels(root.create_group("labels"), detections, colored, version="0.4")
        about: dict[str, Any] = {
            "geff_version": VERSION,
            "directed": True,
            "axes": _axes(nodes, detections, unit),
            "node_props_metadata": _described(nodes),
            "edge_props_metadata": _described(links),
            "track_node_props": {"tracklet": "tracklet_id", "lineage": "component_id"},
            "sphere": "radius",
            "extra": {_OURS: {**provenance(result), "pins": [plain(pin) for pin in held]}},
        }
        if labels:
            about["related_objects"] = [{"type": "labels", "path": "labels/0", "node_prop": "seg_id"}]
        root.attrs["geff"] = about
    return [path]


def _node_values(graph: TrackGraph, detections: Detections) -> dict[str, np.ndarray]:
    nodes = graph.nodes
    tracklet, component = node_tracks(len(nodes), graph.pairs)
    values = {"t": nodes["t"].to_numpy(np.int64)}
    values |= {axis: nodes[axis].to_numpy(np.float64) for axis in detections.columns_position}
    values["seg_id"] = nodes["object_id"].to_numpy(np.int64)
    values["radius"] = _radii(nodes["size"], detections)
    values |= {"tracklet_id": tracklet, "component_id": component}
    for name in nodes:
        if name not in values and name != "object_id" and nodes[name].dtype.kind in "iufb":
            values[str(name).replace("/", "_")] = nodes[name].to_numpy()
    return values


def _radii(size: pd.Series, detections: Detections) -> np.ndarray:
    """Give the radius, in pixels along x, of the disc or ball of the same size."""
    volume = size.to_numpy(np.float64) * (math.prod(detections.scale) / detections.scale[-1] ** detections.ndim)
    radius: np.ndarray = np.sqrt(volume / math.pi) if detections.ndim == 2 else np.cbrt(volume * 0.75 / math.pi)
    return radius


def _link_values(graph: TrackGraph) -> dict[str, np.ndarray]:
    return {str(name): graph.links[name].to_numpy() for name in graph.links if name not in ("source", "target")}


def _put_part(root: Any, name: str, ids: np.ndarray, values: dict[str, np.ndarray]) -> None:
    """Store ids and properties of nodes or edges; NaN is a missing value."""
    part = root.create_group(name)
    put_array(part, "ids", ids)
    props = part.create_group("props")
    for key, column in values.items():
        prop = props.create_group(key)
        put_array(prop, "values", column)
        if column.dtype.kind == "f" and np.isnan(column).any():
            put_array(prop, "missing", np.isnan(column))


def _put_beside(group: Any, lineage: Lineage, detections: Detections) -> None:
    """Store what a graph cannot say."""
    rows = [(t, i, track) for t, i, tracks in lineage.mergers() for track in tracks]
    put_array(group, "mergers", np.array(rows, np.int64).reshape(-1, 3))
    divisions = [(d.t, d.parent_track_id, *d.children) for d in sorted(lineage.divisions.values())]
    put_array(group, "divisions", np.array(divisions, np.int64).reshape(-1, 4))
    objects = lineage.objects
    false = objects.loc[objects["track_id"] < 0, ["t", "object_id"]]
    put_array(group, "false_detections", false.to_numpy(np.int64))
    table = false.merge(detections.table, how="left", on=["t", "object_id"])
    points = table[detections.columns_position].assign(radius=_radii(table["size"], detections))
    put_array(group, "false_points", points.to_numpy(np.float64))


def _described(values: dict[str, np.ndarray]) -> dict[str, Any]:
    return {
        name: {"identifier": name, "dtype": column.dtype.name, "varlength": False} for name, column in values.items()
    }


def _axes(values: dict[str, np.ndarray], detections: Detections, unit: str | None) -> list[dict[str, Any]]:
    axes: list[dict[str, Any]] = [{"name": "t", "type": "time", "unit": "frame"}]
    for name, size in zip(detections.columns_position, detections.scale, strict=True):
        axes.append({"name": name, "type": "space", "unit": "pixel", "scale": size})
        if unit is not None:
            axes[-1]["scaled_unit"] = unit
    for axis in axes:
        if len(values["t"]):
            column = values[axis["name"]]
            axis |= {"min": float(column.min()), "max": float(column.max())}
    return axes


def read_geff(
    path: str | Path, *, labels: Movie | None = None, scale: float | Sequence[float] | None = None
) -> Tracked:
    """Read the tracks of a GEFF group, of nbtrack or of another program.

    Parameters
    ----------
    path : str or Path
        The group; or a Zarr folder that holds a single one.
    labels : Movie, optional
        Label images, whose ids are the property that the file names, or ``seg_id``. By default those in or beside the
        file; without any, the objects are discs or balls.
    scale : float or sequence of float, optional
        Pixel size per spatial axis; wins over the file. Positions that the file gives in a unit are divided by it.

    Returns
    -------
    Tracked
        Tracks are read off the edges. Track ids, mergers, divisions and false detections of a file of nbtrack come back
        as long as nobody changed its edges.

    Raises
    ------
    InputError
        If the library `zarr` is missing, the file is no GEFF group, or it is damaged.
    """
    path = Path(path).expanduser()
    try:
        return _read(path, labels, scale)
    except InputError:
        raise
    except READ_ERRORS as error:
        raise unreadable(path, error) from error


def _read(path: Path, labels: Movie | None, scale: float | Sequence[float] | None) -> Tracked:
    path, root, about = _find(path)
    ids = numbers_in(root, "nodes/ids").astype(np.int64)
    edges = numbers_in(root, "edges/ids").astype(np.int64).reshape(-1, 2)
    if ids.ndim != 1 or len(np.unique(ids)) != len(ids):
        raise InputError(f"`{path}` has nodes with the same id. Mend the file in the program that wrote it.")
    order = np.argsort(ids)
    pairs = order[np.minimum(np.searchsorted(ids[order], edges), max(len(ids) - 1, 0))] if len(ids) else edges
    if len(edges) and (not len(ids) or (ids[pairs] != edges).any()):
        raise InputError(f"`{path}` has an edge to a node that is not there. The file may be cut short; copy it again.")
    nodes, sizes = _positions(path, root, about, len(ids), scale)
    given, name = _object_ids(root, about, len(ids))
    nodes["object_id"] = number_objects(nodes["t"].to_numpy(), given)
    own = dict(about.get("extra", {}).get(_OURS, {})) if isinstance(about.get("extra"), dict) else {}
    lineage = lineage_of_graph(nodes, pairs, str(path), _remembered(root, about, len(ids)))
    movie = labels if labels is not None else _labels_beside(path, about, name)
    told = np.array_equal(nodes["object_id"].to_numpy(), given) if given is not None else False
    if movie is not None and told:
        detections = objects_of_labels(movie)
        detections = replace(detections, scale=sizes[-detections.ndim :])
        _check_named(path, lineage, detections)
    else:
        radius = _prop(root, "nodes", str(about.get("sphere") or "radius"), len(ids))
        if radius is not None:
            nodes["radius"] = radius
        for key in about.get("node_props_metadata", {}):
            values = _prop(root, "nodes", key, len(ids)) if key not in nodes else None
            if values is not None:
                nodes[key] = values
        if _OURS in root:
            nodes = pd.concat([nodes, _false_points(root, nodes)], ignore_index=True)
        shape = own.get("frame_shape") if isinstance(own.get("frame_shape"), list) else None
        frames = own.get("frames") if isinstance(own.get("frames"), int) else None
        detections = objects_of_points(nodes, str(path), scale=sizes, n_frames=frames, frame_shape=shape)
    if _OURS in root:
        _mark_false(path, root, lineage, detections)
    pins = own.get("pins") or []
    return Tracked(lineage, detections, None, own.get("params"), own.get("report"), pins)


def _find(path: Path) -> tuple[Path, Any, dict[str, Any]]:
    """Open the group, or the only one in a folder."""
    if not path.exists():
        raise InputError(f"`{path}` does not exist. Check the name and the folder, which is `{Path.cwd()}` now.")
    if is_zarr(path):
        root = open_zarr(path)
        if not hasattr(root, "dtype") and isinstance(root.attrs.get("geff"), dict):
            return path, root, dict(root.attrs["geff"])
    inner = sorted(p for p in path.iterdir() if p.suffix == ".geff" and is_zarr(p)) if path.is_dir() else []
    if len(inner) == 1:
        return _find(inner[0])
    what = f"holds {len(inner)} of them: {', '.join(p.name for p in inner)}" if inner else "has no metadata `geff`"
    raise InputError(f"`{path}` is no GEFF group: it {what}. Give the folder of one, which usually ends in .geff.")


def _prop(root: Any, part: str, name: str, n: int) -> np.ndarray | None:
    """Read a property of plain numbers, None if it is not there; missing values are NaN."""
    place = f"{part}/props/{name}"
    if f"{place}/values" not in root or f"{place}/data" in root:
        return None
    if root[f"{place}/values"].dtype.kind not in "biuf":
        return None
    values = numbers_in(root, f"{place}/values")
    if values.shape != (n,):
        if values.ndim == 1:
            raise ValueError(f"the property {name!r} has {len(values)} values for {n} {part}")
        return None
    if f"{place}/missing" in root:
        gone = numbers_in(root, f"{place}/missing").astype(bool)
        values = np.where(gone, np.nan, values) if gone.any() else values
    return values


def _positions(
    path: Path, root: Any, about: dict[str, Any], n: int, scale: float | Sequence[float] | None
) -> tuple[pd.DataFrame, tuple[float, ...]]:
    """Read frames and positions in pixels, and the pixel size."""
    axes = [axis for axis in about.get("axes") or () if isinstance(axis, dict)]
    time = next((axis for axis in axes if axis.get("type") == "time"), {"name": "t", "unit": "frame"})
    space = [axis for axis in axes if axis.get("type") == "space"]
    if not space:
        space = [{"name": a, "unit": "pixel"} for a in "zyx" if f"nodes/props/{a}" in root]
    named = {str(axis["name"])[-1:].lower(): axis for axis in space}
    space = [named[a] for a in "zyx" if a in named] if len(named) == len(space) and set(named) <= set("zyx") else space
    if len(space) not in (2, 3):
        raise InputError(
            f"`{path}` has {len(space)} axes of space, but tracks need y and x, and z in volumes. "
            "Export it with `axes` of type space."
        )
    letters = "zyx"[3 - len(space) :]
    columns = {"t": _prop(root, "nodes", str(time["name"]), n)}
    columns |= {a: _prop(root, "nodes", str(axis["name"]), n) for a, axis in zip(letters, space, strict=True)}
    absent = [name for name, values in columns.items() if values is None or not np.isfinite(values).all()]
    if absent:
        raise InputError(f"`{path}` does not tell `{absent[0]}` of every node. Mend the file where it was written.")
    sizes = pixel_sizes(scale, len(space), [float(axis.get("scale") or 1.0) for axis in space])
    nodes = pd.DataFrame({"t": _frames(columns["t"])})
    for a, axis, size in zip(letters, space, sizes, strict=True):
        in_pixels = axis.get("unit") in (None, "pixel") or axis.get("scale") or scale is None
        nodes[a] = np.asarray(columns[a], np.float64) / (1.0 if in_pixels else size)
    if len(space) == 3 and (nodes["z"] == 0).all() and not about.get("extra", {}).get(_OURS):
        return nodes.drop(columns="z"), tuple(sizes[1:])  # a plane, in a program that always has z
    return nodes, tuple(sizes)


def _frames(values: Any) -> np.ndarray:
    """Turn times into frame numbers: whole numbers as they are, others by their rank."""
    whole = np.asarray(values, np.float64)
    if (whole == np.round(whole)).all():
        return whole.astype(np.int64)
    _log.warning("The times are not whole numbers; they are counted from the first one.")
    return np.unique(whole, return_inverse=True)[1].astype(np.int64)


def _object_ids(root: Any, about: dict[str, Any], n: int) -> tuple[np.ndarray | None, str | None]:
    """Find the property that tells the label of each node."""
    related = [o for o in about.get("related_objects") or () if isinstance(o, dict) and o.get("type") == "labels"]
    names = [o.get("node_prop") or o.get("label_prop") for o in related]
    for name in (*(str(name) for name in names if name), *_OBJECT_ID_NAMES):
        values = _prop(root, "nodes", name, n)
        if values is not None:
            return values, name
    return None, None


def _remembered(root: Any, about: dict[str, Any], n: int) -> Remembered | None:
    """Collect what the file says of tracks."""
    if _OURS in root:
        track = _prop(root, "nodes", "track_id", n)
        if track is None or not np.isfinite(track).all():
            return None
        mergers = numbers_in(root, f"{_OURS}/mergers").astype(np.int64).reshape(-1, 3)
        return Remembered(track, mergers, numbers_in(root, f"{_OURS}/divisions").astype(np.int64).reshape(-1, 4))
    told = about.get("track_node_props")
    track = _prop(root, "nodes", str(told["tracklet"]), n) if isinstance(told, dict) and "tracklet" in told else None
    if track is None or not np.isfinite(track).all() or not len(track) or track.min() < 0:
        return None
    return Remembered(track.astype(np.int64) + int(track.min() == 0))


def _labels_beside(path: Path, about: dict[str, Any], name: str | None) -> Movie | None:
    """Open the label images that the file names, if they lie in it or beside it."""
    for related in about.get("related_objects") or ():
        if not isinstance(related, dict) or related.get("type") != "labels" or name is None:
            continue
        place = (path / str(related.get("path"))).resolve()
        if not place.is_relative_to(path.resolve().parent):
            _log.warning("%s names labels in %s, which is elsewhere: they are not opened.", path, place)
        elif is_zarr(place):
            n_space = len([a for a in about.get("axes") or () if isinstance(a, dict) and a.get("type") == "space"])
            axes = "tzyx" if n_space == 3 else "tyx"
            image = open_zarr(place)
            return read_ome_zarr(place, axes=axes if getattr(image, "ndim", 0) == len(axes) else None)
        else:
            _log.warning("%s names labels in %s, where there are none.", path, place)
    return None


def _check_named(path: Path, lineage: Lineage, detections: Detections) -> None:
    named = lineage.objects[["t", "object_id"]].drop_duplicates()
    found = named.merge(detections.table[["t", "object_id"]], how="left", indicator=True)
    absent = named[(found["_merge"] == "left_only").to_numpy()]
    if len(absent):
        t, object_id = absent.iloc[0].tolist()
        raise InputError(
            f"`{path}` names object {object_id} of frame {t}, which is not in the label images. "
            "Give those that it was made from as `labels`."
        )


def _false_points(root: Any, nodes: pd.DataFrame) -> pd.DataFrame:
    """Read where the false detections are, but for those that became nodes."""
    rows = numbers_in(root, f"{_OURS}/false_detections").astype(np.int64).reshape(-1, 2)
    columns = [*(a for a in "zyx" if a in nodes), "radius"]
    points = numbers_in(root, f"{_OURS}/false_points").astype(np.float64).reshape(len(rows), len(columns))
    false = pd.DataFrame({"t": rows[:, 0], "object_id": rows[:, 1]} | dict(zip(columns, points.T, strict=True)))
    taken = (
        false.merge(nodes[["t", "object_id"]], how="left", on=["t", "object_id"], indicator=True)["_merge"] == "both"
    )
    return false[~taken.to_numpy(bool)]


def _mark_false(path: Path, root: Any, lineage: Lineage, detections: Detections) -> None:
    known = set(zip(detections.table["t"].tolist(), detections.table["object_id"].tolist(), strict=True))
    for t, object_id in numbers_in(root, f"{_OURS}/false_detections").reshape(-1, 2).tolist():
        if (t, object_id) in known:
            try:
                lineage.mark_false(t, object_id)
            except EditError as error:
                _log.warning("%s: %s", path, error)
