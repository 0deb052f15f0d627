"""Other trackers on label images, each by its own public interface: run by `bench_peers.py` in environments of theirs.

``python peer_trackers.py NAME labels.npz links.json``: reads ``labels``, writes ``{"links": [[t, id, t, id], ...],
"seconds": CPU seconds}``. Lengths are in units of the object: ``r`` is the median radius. Nothing is tuned to a movie.
"""

from __future__ import annotations

import json
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np


def centers(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Frames and ids, centres, and the median radius of all objects."""
    from scipy import ndimage

    keys, points, sizes = [], [], []
    for t, frame in enumerate(labels):
        ids = np.unique(frame)[1:] if frame.min() == 0 else np.unique(frame)
        if not len(ids):
            continue
        keys += [(t, int(i)) for i in ids]
        points += ndimage.center_of_mass(frame > 0, frame, ids)
        sizes += ndimage.sum_labels(np.ones_like(frame), frame, ids).tolist()
    size = float(np.median(sizes))
    radius = (3 * size / 4 / np.pi) ** (1 / 3) if labels.ndim == 4 else (size / np.pi) ** 0.5
    return np.array(keys), np.array(points), radius


def follow(frame: Any, key: str) -> list[list[int]]:
    """Links of objects with one number, in order of time."""
    frame = frame.sort_values([key, "t"])
    t, i, number = (frame[name].to_numpy() for name in ("t", "id", key))
    same = number[1:] == number[:-1]
    return np.column_stack([t[:-1], i[:-1], t[1:], i[1:]])[same].tolist()


def as_frame(labels: np.ndarray) -> tuple[Any, list[str], float]:
    """The objects as a table."""
    import pandas as pd

    keys, points, radius = centers(labels)
    names = ["z", "y", "x"][-points.shape[1] :]
    return pd.DataFrame(points, columns=names).assign(t=keys[:, 0], id=keys[:, 1]), names, radius


def laptrack_links(frame: Any, split: Any, key: str = "track_id") -> list[list[int]]:
    """Links and divisions out of the tables of laptrack."""
    links = follow(frame, key)
    first = frame.sort_values("t").groupby(key)[["t", "id"]].first()
    last = frame.sort_values("t").groupby(key)[["t", "id"]].last()
    if len(split):
        for parent, child in split[["parent_track_id", "child_track_id"]].to_numpy().tolist():
            links.append([*last.loc[parent].tolist(), *first.loc[child].tolist()])
    return [[int(v) for v in link] for link in links]


def laptrack(labels: np.ndarray, far: float) -> list[list[int]]:
    """Linear assignment by distance, gaps of a frame closed, divisions allowed."""
    from laptrack import LapTrack

    frame, names, r = as_frame(labels)
    tracker = LapTrack(
        cutoff=(far * r) ** 2, gap_closing_cutoff=(far * r) ** 2, gap_closing_max_frame_count=1,
        splitting_cutoff=(far * r) ** 2,
    )  # fmt: skip
    tracks, split, _ = tracker.predict_dataframe(frame, names, frame_col="t", only_coordinate_cols=False)
    tracks = tracks.rename(columns={"t_y": "t"}).reset_index(drop="t" in tracks.columns)
    return laptrack_links(tracks, split)


def laptrack_overlap(labels: np.ndarray) -> list[list[int]]:
    """Linear assignment by overlap, with the coefficients of the tutorial of laptrack."""
    from laptrack import OverLapTrack

    tracker = OverLapTrack(
        metric_coefs=(1.0, 0.0, 0.0, 0.0, -1.0), gap_closing_metric_coefs=(1.0, 0.0, 0.0, 0.0, -1.0),
        gap_closing_max_frame_count=1, splitting_metric_coefs=(1.0, 0.0, 0.0, 0.0, -1.0),
        cutoff=0.9, gap_closing_cutoff=0.9, splitting_cutoff=0.9,
    )  # fmt: skip
    tracks, split, _ = tracker.predict_overlap_dataframe(labels)
    return laptrack_links(tracks.reset_index().rename(columns={"frame": "t", "label": "id"}), split)


def trackpy(labels: np.ndarray) -> list[list[int]]:
    """Linking of nearest neighbours with a memory of a frame; the range is taken smaller where it is too large."""
    import trackpy as tp

    tp.quiet()
    frame, names, r = as_frame(labels)
    found = tp.link(
        frame.rename(columns={"t": "frame"}), 2.0 * r, pos_columns=names, memory=1, adaptive_stop=0.3 * r,
        adaptive_step=0.9,
    )  # fmt: skip
    return follow(found.rename(columns={"frame": "t"}), "particle")


def btrack(labels: np.ndarray) -> list[list[int]]:
    """Bayesian tracking with global optimisation; motion and hypotheses scaled to the objects."""
    import btrack as bt

    keys, points, r = centers(labels)
    ndim = points.shape[1]
    frame = [
        bt.btypes.PyTrackObject.from_dict(
            {"ID": k, "t": int(t), "x": p[-1], "y": p[-2], "z": p[0] if ndim == 3 else 0.0, "label": 5, "prob": 0.0}
        )
        for k, ((t, _), p) in enumerate(zip(keys.tolist(), points.tolist(), strict=True))
    ]
    eye = np.eye(3)
    config = {
        "TrackerConfig": {
            "MotionModel": {
                "name": "scaled", "dt": 1.0, "measurements": 3, "states": 6, "accuracy": 7.5, "prob_not_assign": 0.001,
                "max_lost": 2,
                "A": {"matrix": np.block([[eye, eye], [0 * eye, eye]]).ravel().tolist()},
                "H": {"matrix": np.hstack([eye, 0 * eye]).ravel().tolist()},
                "P": {"sigma": 10 * r, "matrix": np.diag([0.1] * 3 + [1.0] * 3).ravel().tolist()},
                "G": {"sigma": r, "matrix": [0.5, 0.5, 0.5, 1, 1, 1]},
                "R": {"sigma": 0.5 * r, "matrix": eye.ravel().tolist()},
            },
            "ObjectModel": {},
            "HypothesisModel": {
                "name": "scaled", "hypotheses": ["P_FP", "P_init", "P_term", "P_link", "P_branch", "P_dead"],
                "lambda_time": 5.0, "lambda_dist": r, "lambda_link": 2 * r, "lambda_branch": 5 * r, "eta": 1e-10,
                "theta_dist": 2 * r, "theta_time": 5.0, "dist_thresh": 3 * r, "time_thresh": 2, "apop_thresh": 5,
                "segmentation_miss_rate": 0.1, "apoptosis_rate": 0.001, "relax": True,
            },
        }
    }  # fmt: skip
    path = Path(sys.argv[3]).with_suffix(".config.json")
    path.write_text(json.dumps(config))
    volume = [(0, labels.shape[-1]), (0, labels.shape[-2]), (0, labels.shape[1]) if ndim == 3 else (-1e5, 1e5)]
    with bt.BayesianTracker(verbose=False) as tracker:
        tracker.configure(str(path))
        tracker.max_search_radius = 3 * r
        tracker.append(frame)
        tracker.volume = volume
        tracker.track(step_size=100)
        tracker.optimize(options={"tm_lim": 60_000})
        tracks = tracker.tracks
    links, ends, begins = [], {}, {}
    for track in tracks:
        refs = [int(ref) for ref in track.refs if ref >= 0]
        begins[track.ID], ends[track.ID] = refs[0], refs[-1]
        links += [[*keys[a].tolist(), *keys[b].tolist()] for a, b in pairwise(refs)]
    for track in tracks:
        if track.parent != track.ID and track.parent in ends:
            links.append([*keys[ends[track.parent]].tolist(), *keys[begins[track.ID]].tolist()])
    return links


def tracksdata(labels: np.ndarray, ilp: bool) -> list[list[int]]:
    """Candidates by distance and overlap; nearest neighbours, or an integer program solved by SCIP."""
    import tracksdata as td

    _, _, r = centers(labels)
    graph = td.graph.RustWorkXGraph() if hasattr(td.graph, "RustWorkXGraph") else td.graph.InMemoryGraph()
    td.nodes.RegionPropsNodes(extra_properties=["label"]).add_nodes(graph, labels=labels)
    td.edges.DistanceEdges(distance_threshold=3 * r, n_neighbors=5).add_edges(graph)
    td.edges.IoUEdgeAttr(output_key="iou").add_edge_attrs(graph)
    weight = td.EdgeAttr("distance") / r - 3 * td.EdgeAttr("iou")
    if ilp:
        solver = td.solvers.ILPSolver(
            edge_weight=weight - 3, appearance_weight=1.5, disappearance_weight=1.5, division_weight=1.5, timeout=120
        )
    else:
        solver = td.solvers.NearestNeighborsSolver(edge_weight=weight, max_children=2)
    found = solver.solve(graph)
    nodes = found.node_attrs(attr_keys=["node_id", "t", "label"]).to_dict(as_series=False)
    names = {n: (int(t), int(i)) for n, t, i in zip(nodes["node_id"], nodes["t"], nodes["label"], strict=True)}
    edges = found.edge_attrs(attr_keys=[]).to_dict(as_series=False)
    return [[*names[a], *names[b]] for a, b in zip(edges["source_id"], edges["target_id"], strict=True)]


def overlap(labels: np.ndarray) -> list[list[int]]:
    """Twenty lines to be beaten: each object comes from the one it shares most pixels with, at most two from one."""
    links: list[list[int]] = []
    for t in range(len(labels) - 1):
        both = (labels[t] > 0) & (labels[t + 1] > 0)
        pairs, shared = np.unique(np.stack([labels[t][both], labels[t + 1][both]]), axis=1, return_counts=True)
        parents: dict[int, int] = {}
        taken: set[int] = set()
        for k in np.argsort(-shared, kind="stable").tolist():
            i, j = pairs[:, k].tolist()
            if j in taken or parents.get(i, 0) >= 2:
                continue
            taken.add(j)
            parents[i] = parents.get(i, 0) + 1
            links.append([t, i, t + 1, j])
    return links


TRACKERS = {
    "overlap": overlap,
    "laptrack": lambda labels: laptrack(labels, 2.5),
    "laptrack overlap": laptrack_overlap,
    "trackpy": trackpy,
    "btrack": btrack,
    "tracksdata nearest": lambda labels: tracksdata(labels, ilp=False),
    "tracksdata ILP": lambda labels: tracksdata(labels, ilp=True),
}

if __name__ == "__main__":
    name, source, target = sys.argv[1:]
    stack = np.load(source)["labels"]
    begin = time.process_time()
    links = TRACKERS[name](stack)
    seconds = time.process_time() - begin
    Path(target).write_text(json.dumps({"links": links, "seconds": seconds}))
