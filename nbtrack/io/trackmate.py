"""TrackMate XML and MaMuT XML, written: spots with outlines, edges, tracks, and the size of the movie.

A spot is an object, a track of TrackMate is a lineage: all that hangs together. Positions are lengths, pixels times
pixel size. A false detection is a spot that is not visible. The number of our track stands in the feature
``NBTRACK_ID``, 0 outside any track and -1 for a false detection; further tracks of a merged object in ``NBTRACK_ID_2``.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import pandas as pd

from nbtrack.data.palette import track_colors
from nbtrack.io.atomic import atomic_path
from nbtrack.io.export import answer_of, provenance
from nbtrack.io.outlines import outlines_of
from nbtrack.io.track_graph import graph_of, node_tracks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbtrack.data.detections import Detections

TRACK_FEATURE = "NBTRACK_ID"
"""Spot feature with the number of our track."""
OBJECT_FEATURE = "NBTRACK_OBJECT"
"""Spot feature with our object id."""
_SPOT_FEATURES = (
    ("QUALITY", "Quality", "QUALITY", False),
    ("POSITION_X", "X", "POSITION", False),
    ("POSITION_Y", "Y", "POSITION", False),
    ("POSITION_Z", "Z", "POSITION", False),
    ("POSITION_T", "T", "TIME", False),
    ("FRAME", "Frame", "NONE", True),
    ("RADIUS", "Radius", "LENGTH", False),
    ("VISIBILITY", "Visibility", "NONE", True),
    ("MANUAL_SPOT_COLOR", "Manual spot color", "NONE", True),
    (OBJECT_FEATURE, "Object id in nbtrack", "NONE", True),
    (TRACK_FEATURE, "Track id in nbtrack", "NONE", True),
)
_EDGE_FEATURES = (
    ("SPOT_SOURCE_ID", "Source spot ID", "NONE", True),
    ("SPOT_TARGET_ID", "Target spot ID", "NONE", True),
    ("LINK_COST", "Edge cost", "COST", False),
)
_TRACK_FEATURES = (
    ("TRACK_INDEX", "Track index", "NONE", True),
    ("TRACK_ID", "Track ID", "NONE", True),
    ("NUMBER_SPOTS", "Number of spots in track", "NONE", True),
    ("NUMBER_SPLITS", "Number of split events", "NONE", True),
    ("NUMBER_MERGES", "Number of merge events", "NONE", True),
    ("TRACK_DURATION", "Duration of track", "TIME", False),
    ("TRACK_START", "Track start", "TIME", False),
    ("TRACK_STOP", "Track stop", "TIME", False),
)


def write_trackmate(result: Any, path: str | Path, *, overwrite: bool = False, image: str = "") -> list[Path]:
    """Write a file for TrackMate in Fiji.

    Parameters
    ----------
    result : TrackingResult or Session
        What to write. Objects in two dimensions get their outlines.
    path : str or Path
        The file, such as ``tracks.xml``.
    overwrite : bool, optional
        Replace an earlier export.
    image : str, optional
        Path of the movie as Fiji should open it; by default that of the movie of the result.

    Returns
    -------
    list of Path
        The file.

    Raises
    ------
    InputError
        If the file is there already or cannot be written.
    """
    path = Path(path)
    with atomic_path(path, overwrite=overwrite) as temporary, temporary.open("w", encoding="utf-8") as file:
        _Writer(result, image, version="7.11.1").write(file, outlines=True)
    return [path]


def write_mamut(result: Any, path: str | Path, *, overwrite: bool = False, image: str = "") -> list[Path]:
    """Write a file for MaMuT or Mastodon.

    Parameters
    ----------
    result : TrackingResult or Session
        What to write.
    path : str or Path
        The file, such as ``tracks_mamut.xml``.
    overwrite : bool, optional
        Replace an earlier export.
    image : str, optional
        The XML file of the movie in BigDataViewer, as MaMuT should open it.

    Returns
    -------
    list of Path
        The file.

    Raises
    ------
    InputError
        If the file is there already or cannot be written.
    """
    path = Path(path)
    with atomic_path(path, overwrite=overwrite) as temporary, temporary.open("w", encoding="utf-8") as file:
        _Writer(result, image or "dataset.xml", version="3.6.0").write(file, outlines=False)
    return [path]


class _Writer:
    """Writes one result; both programs read the same model."""

    def __init__(self, result: Any, image: str, *, version: str) -> None:
        self._lineage, self._detections = answer_of(result)
        self._movie = getattr(result, "movie", None)
        self._graph = graph_of(result)
        self._made_by = json.dumps(provenance(result), allow_nan=False)
        self._version = version
        source = getattr(self._movie, "source", None)
        self._image = image or (str(source) if source is not None else "")
        self._spots = _spots(result, self._graph.nodes, self._detections)
        self._merged = {(t, i): tracks for t, i, tracks in self._lineage.mergers()}
        self._most = max(map(len, self._merged.values()), default=1)
        tracked = self._spots["track_id"].to_numpy() > 0
        self._spot_of_node = np.flatnonzero(tracked)

    def write(self, file: IO[str], *, outlines: bool) -> None:
        """Write the document."""
        unit = getattr(self._movie, "unit", None) or "pixel"
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        file.write(f"<TrackMate version={quoteattr(self._version)}>\n")
        file.write(f"  <Log>{escape(f'Written by nbtrack: {self._made_by}')}</Log>\n")
        file.write(f'  <Model spatialunits={quoteattr(unit)} timeunits="frame">\n')
        file.writelines(self._features())
        file.writelines(self._all_spots(outlines and self._detections.ndim == 2))
        file.writelines(self._all_tracks())
        file.write("  </Model>\n")
        file.writelines(self._settings())
        file.write("</TrackMate>\n")

    def _features(self) -> Iterator[str]:
        yield "    <FeatureDeclarations>\n"
        measured = tuple((name, text, "NONE", False) for name, text in _measured(self._spots).items())
        more = range(2, self._most + 1)
        measured += tuple((f"{TRACK_FEATURE}_{k}", f"Track {k} in nbtrack", "NONE", True) for k in more)
        for kind, features in (
            ("SpotFeatures", _SPOT_FEATURES + measured),
            ("EdgeFeatures", _EDGE_FEATURES),
            ("TrackFeatures", _TRACK_FEATURES),
        ):
            yield f"      <{kind}>\n"
            for name, text, dimension, whole in features:
                yield "        <Feature" + _attributes(
                    feature=name, name=text, shortname=text, dimension=dimension, isint=str(whole).lower()
                )
            yield f"      </{kind}>\n"
        yield "    </FeatureDeclarations>\n"

    def _all_spots(self, outlines: bool) -> Iterator[str]:
        spots, detections = self._spots, self._detections
        yield f'    <AllSpots nspots="{len(spots)}">\n'
        center = _lengths(spots, detections)
        radius = _radii(spots["size"].to_numpy(np.float64), detections)
        colors = track_colors(spots["track_id"].to_numpy())
        measured = _measured(spots)
        values = spots[list(measured.values())].to_numpy(np.float64)
        ids = spots[["object_id", "track_id"]].to_numpy(np.int64)
        edges = np.searchsorted(spots["t"].to_numpy(), np.arange(detections.n_frames + 1))
        for t in range(detections.n_frames):
            rois = outlines_of(detections, t) if outlines and edges[t] < edges[t + 1] else {}
            yield f'      <SpotsInFrame frame="{t}">\n'
            for i in range(edges[t], edges[t + 1]):
                object_id, track = ids[i].tolist()
                about: dict[str, Any] = {"ID": i, "name": f"ID{i}", "VISIBILITY": int(track >= 0), "RADIUS": radius[i]}
                about |= {"QUALITY": 1.0, "POSITION_T": float(t)}
                about |= {f"POSITION_{a}": center[i, k] for k, a in enumerate("ZYX")}
                about |= {"FRAME": t, "MANUAL_SPOT_COLOR": _java_color(colors[i])}
                about |= {OBJECT_FEATURE: object_id, TRACK_FEATURE: track}
                further = dict(enumerate(self._merged.get((t, object_id), ()), 1))
                about |= {f"{TRACK_FEATURE}_{k}": further.get(k, 0) for k in range(2, self._most + 1)}
                about |= dict(zip(measured, values[i].tolist(), strict=True))
                roi = rois.get(object_id)
                if roi is None:
                    yield "        <Spot" + _attributes(**about)
                    continue
                around = (roi * detections.scale - center[i, 1:])[:, ::-1].ravel().tolist()
                text = " ".join(f"{v:.10g}" for v in around)
                start = _attributes(**about, ROI_N_POINTS=len(roi)).removesuffix(" />\n")
                yield f"        <Spot{start}>{text}</Spot>\n"
            yield "      </SpotsInFrame>\n"
        yield "    </AllSpots>\n"

    def _all_tracks(self) -> Iterator[str]:
        """Write each part of the graph that hangs together as a track; lone spots are none."""
        nodes, pairs = self._graph.nodes, self._graph.pairs
        _, part = node_tracks(len(nodes), pairs)
        t = nodes["t"].to_numpy()
        costs = self._graph.links.get("energy", pd.Series(np.nan, self._graph.links.index)).to_numpy()
        owner = part[pairs[:, 0]] if len(pairs) else np.zeros(0, np.int64)
        order = np.argsort(owner, kind="stable")
        names = np.unique(owner)
        edges = np.searchsorted(owner[order], np.append(names, names.max(initial=0) + 1))
        yield "    <AllTracks>\n"
        for k, name in enumerate(names.tolist()):
            rows = order[edges[k] : edges[k + 1]]
            ends = pairs[rows]
            members, ways_in = np.unique(ends), np.unique(ends[:, 1], return_counts=True)[1]
            ways_out = np.unique(ends[:, 0], return_counts=True)[1]
            first, last = float(t[members].min()), float(t[members].max())
            start = _attributes(
                name=f"Track_{name - 1}", TRACK_INDEX=k, TRACK_ID=name - 1, NUMBER_SPOTS=len(members),
                NUMBER_SPLITS=int((ways_out > 1).sum()), NUMBER_MERGES=int((ways_in > 1).sum()),
                TRACK_DURATION=last - first, TRACK_START=first, TRACK_STOP=last,
            ).removesuffix(" />\n")  # fmt: skip
            yield f"      <Track{start}>\n"
            for row in rows.tolist():
                source, target = self._spot_of_node[pairs[row]].tolist()
                cost = costs[row] if math.isfinite(costs[row]) else -1.0
                yield "        <Edge" + _attributes(SPOT_SOURCE_ID=source, SPOT_TARGET_ID=target, LINK_COST=float(cost))
            yield "      </Track>\n"
        yield "    </AllTracks>\n    <FilteredTracks>\n"
        for name in names.tolist():
            yield "      <TrackID" + _attributes(TRACK_ID=name - 1)
        yield "    </FilteredTracks>\n"

    def _settings(self) -> Iterator[str]:
        detections = self._detections
        shape = (1,) * (3 - detections.ndim) + tuple(detections.frame_shape)
        size = (1.0,) * (3 - detections.ndim) + tuple(detections.scale)
        image = Path(self._image)
        folder = "" if not self._image or str(image.parent) == "." else f"{image.parent}/"
        yield "  <Settings>\n    <ImageData" + _attributes(
            filename=image.name, folder=folder, width=shape[2], height=shape[1], nslices=shape[0],
            nframes=detections.n_frames, pixelwidth=size[2], pixelheight=size[1], voxeldepth=size[0], timeinterval=1.0,
        )  # fmt: skip
        yield "    <BasicSettings" + _attributes(
            xstart=0, xend=shape[2] - 1, ystart=0, yend=shape[1] - 1, zstart=0, zend=shape[0] - 1, tstart=0,
            tend=detections.n_frames - 1,
        )  # fmt: skip
        yield '    <InitialSpotFilter feature="QUALITY" value="0.0" isabove="true" />\n'
        yield "    <SpotFilterCollection />\n    <TrackFilterCollection />\n  </Settings>\n"
        yield '  <GUIState state="ConfigureViews" />\n'


def _spots(result: Any, nodes: pd.DataFrame, detections: Detections) -> pd.DataFrame:
    """List all objects, tracked or not, with the track of each: 0 for none, -1 for a false detection."""
    objects = result.lineage.objects.drop_duplicates(["t", "object_id"])[["t", "object_id", "track_id"]]
    wanted: list[Any] = ["t", "object_id", *detections.columns_position, "size"]
    wanted += [n for n in nodes if n in detections.table and n not in wanted]
    spots = detections.table[wanted].merge(objects, how="left", on=["t", "object_id"])
    return spots.assign(track_id=spots["track_id"].fillna(0).astype(np.int64))


def _measured(spots: pd.DataFrame) -> dict[str, str]:
    """Name the features that were measured as TrackMate names its own."""
    own = {"t", "object_id", "z", "y", "x", "track_id"}
    taken = {name for name, *_ in _SPOT_FEATURES}
    names = {}
    for name in spots:
        word = "".join(c if c.isalnum() else "_" for c in str(name)).strip("_").upper()
        if name not in own and spots[name].dtype.kind in "iuf" and word and word not in taken and word not in names:
            names[word if not word[0].isdigit() else f"F_{word}"] = str(name)
    return names


def _lengths(spots: pd.DataFrame, detections: Detections) -> np.ndarray:
    """Give positions as lengths, ordered ``(z, y, x)``."""
    center = np.zeros((len(spots), 3))
    center[:, 3 - detections.ndim :] = spots[detections.columns_position].to_numpy() * detections.scale
    return center


def _radii(size: np.ndarray, detections: Detections) -> np.ndarray:
    """Give the radius of the disc or ball of the same size, as a length."""
    volume = size * float(np.prod(detections.scale))
    radius: np.ndarray = np.sqrt(volume / math.pi) if detections.ndim == 2 else np.cbrt(volume * 0.75 / math.pi)
    return radius


def _java_color(color: np.ndarray) -> int:
    """Write a colour as Java does: four bytes as one signed number."""
    red, green, blue = (int(c) for c in color)
    return (255 << 24 | red << 16 | green << 8 | blue) - 2**32


def _attributes(**values: Any) -> str:
    """Write attributes and close the element."""
    words = (f"{name}={quoteattr(_word(value))}" for name, value in values.items())
    return f" {' '.join(words)} />\n"


def _word(value: Any) -> str:
    """Write a number as Java reads it."""
    if isinstance(value, float | np.floating):
        return (
            repr(float(value))
            if math.isfinite(value)
            else {"nan": "NaN", "inf": "Infinity"}.get(str(value), "-Infinity")
        )
    return str(value)
