"""One small movie with everything that a writer must cope with, in two and in three dimensions."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
from skimage.measure import regionprops_table

from nbtrack.data.columns import DIVISIONS, LINKS
from nbtrack.data.detections import Detections
from nbtrack.data.lineage import Lineage
from nbtrack.data.movie import Movie


def detections_from(frames, scale=()):
    """Make detections with one row per label of each frame."""
    frames = [np.asarray(f, np.uint32) for f in frames]
    ndim = frames[0].ndim
    axes = "zyx"[3 - ndim :]
    tables = []
    for t, frame in enumerate(frames):
        p = regionprops_table(frame, properties=("label", "area", "centroid", "bbox"))
        columns = {"t": np.full(len(p["label"]), t), "object_id": p["label"]}
        columns |= {a: p[f"centroid-{i}"] for i, a in enumerate(axes)}
        columns["size"] = p["area"].astype(int)
        columns |= {f"bbox_{a}_min": p[f"bbox-{i}"] for i, a in enumerate(axes)}
        columns |= {f"bbox_{a}_max": p[f"bbox-{ndim + i}"] for i, a in enumerate(axes)}
        columns["mean intensity"] = p["label"] * 1.25
        tables.append(pd.DataFrame(columns))
    table = pd.concat(tables, ignore_index=True)
    table = table.astype({n: "int64" for n in table if n.startswith(("t", "object", "size", "bbox"))})
    table = table.astype(dict.fromkeys(axes, "float64"))
    return Detections(frames, table, frames[0].shape, scale, {"threshold": 0.5, "size": (1, 9)})


def everything(ndim=2):
    """Six frames: a division, a merger that splits, a gap, a false detection, an untracked object, an empty frame.

    Track 1 (object 1) divides after frame 1 into 4 and 3 (objects 1 and 5); 4 ends in frame 2. Track 2 (object 2) and
    track 5 (object 3) share object 2 in frames 1 and 2; 5 leaves in frame 3. Frame 4 is empty; tracks 2 and 5 go on in
    frame 5. Object 9 in frame 0 is a false detection, object 7 in frame 5 has no track.
    """
    present = [{1, 2, 3, 9}, {1, 2}, {1, 2, 5}, {2, 3, 5}, set(), {2, 3, 7}]
    frames = []
    for ids in present:
        frame = np.zeros((12, 14), np.uint32)
        for i in ids:
            row, column = divmod(i, 4)
            frame[row * 4 : row * 4 + 3, column * 3 : column * 3 + 2 + i % 2] = i
        frames.append(frame if ndim == 2 else np.stack([np.zeros_like(frame), frame, frame]))
    lineage = Lineage.from_tables(
        [
            *[(0, 1, 1), (1, 1, 1), (2, 1, 4), (2, 5, 3), (3, 5, 3)],
            *[(0, 2, 2), (1, 2, 2), (2, 2, 2), (3, 2, 2), (5, 2, 2)],
            *[(0, 3, 5), (1, 2, 5), (2, 2, 5), (3, 3, 5), (5, 3, 5)],
        ],
        divisions=[(1, 1, 3, 4)],
        false_detections=[(0, 9)],
    )
    lineage.check()
    scale = (0.5, 0.5) if ndim == 2 else (2.0, 0.5, 0.5)
    rng = np.random.default_rng(3)
    raw = Movie.from_array(rng.integers(0, 200, (6, *frames[0].shape)).astype(np.uint8), "t" + "zyx"[3 - ndim :])
    detections = detections_from(frames, scale)
    return SimpleNamespace(lineage=lineage, detections=detections, movie=raw, params=None)


def tracked(ndim=2):
    """The same, as a result of the automatic tracker: with energies, parameters and a report."""
    from nbtrack.data.result import SolveReport
    from nbtrack.params import TrackingParams

    result = everything(ndim)
    links = [
        *[(0, 1, 1, 1, 1.5, 1), (0, 2, 2, 1, 2.5, 1), (0, 3, 2, 1, 3.5, 1), (1, 2, 2, 2, 4.5, 1)],
        *[(1, 1, 1, 1, 5.5, 1), (1, 1, 5, 1, 6.5, 1), (2, 2, 2, 1, 7.5, 1), (2, 2, 3, 1, 8.5, 1)],
        *[(2, 5, 5, 1, 9.5, 1), (3, 2, 2, 1, 10.5, 2), (3, 3, 3, 1, 11.5, 2)],
    ]
    result.links = pd.DataFrame(links, columns=list(LINKS))
    result.divisions = pd.DataFrame([(1, 1, 5, 1, 1, 3, 4, 12.5)], columns=list(DIVISIONS))
    result.params = TrackingParams(preset="conservation")
    result.report = SolveReport(
        solver="highs",
        status="optimal",
        objective=1.0,
        bound=float("-inf"),
        raw_objective=1.0,
        seconds=0.1,
        n_detections=15,
        n_links=11,
        n_variables=50,
        n_rows=40,
    )
    return result


def same_labels(one, other):
    """Tell whether two label movies are equal pixel by pixel."""
    return len(one) == len(other) and all(np.array_equal(one[t], other[t]) for t in range(len(one)))
