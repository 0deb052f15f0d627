"""Tracks for napari, networkx, trackpy and laptrack, and from them; each is asked itself where it is installed."""

import warnings

import numpy as np
import pandas as pd
import pytest
from export_cases import everything, tracked

import nbtrack as nbt
from nbtrack.errors import InputError


def without_false(case):
    """What a format without false detections keeps."""
    lineage = case.lineage.copy()
    lineage.unmark_false(0, 9)
    return lineage


# ------------------------------------------------------------------ napari
@pytest.mark.parametrize("ndim", [2, 3])
def test_napari_and_back(ndim):
    case = tracked(ndim)
    data, options, kind = nbt.to_napari(case)
    assert kind == "tracks"
    assert data.shape == (15, 2 + ndim)
    # the schema of the layer: sorted by track and time, whole ids, parents and children that are there, and features
    assert (np.lexsort((data[:, 1], data[:, 0])) == np.arange(len(data))).all()
    assert (data[:, :2] == data[:, :2].astype(int)).all()
    assert options["graph"] == {3: [1], 4: [1]}
    assert {*options["graph"], 1} <= set(data[:, 0])
    assert len(options["features"]) == len(data)
    assert options["scale"] == (1.0, *case.detections.scale)
    found = nbt.from_napari((data, options, kind))
    assert found.lineage == without_false(case)
    assert found.detections.scale == case.detections.scale
    bare = nbt.from_napari(data, options["graph"], scale=2)
    assert bare.lineage.tracks.to_numpy().tolist() == case.lineage.tracks.to_numpy().tolist()
    assert bare.detections.scale == (2.0,) * ndim


@pytest.mark.parametrize("ndim", [2, 3])
def test_napari_itself_takes_it(ndim):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # napari's own, of pydantic
        layers = pytest.importorskip("napari.layers")
    case = tracked(ndim)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        layer = layers.Layer.create(*nbt.to_napari(case))
    assert type(layer).__name__ == "Tracks"
    assert layer.graph == {3: [1], 4: [1]}
    found = nbt.from_napari(layer)
    assert found.lineage == without_false(case)
    assert found.detections.scale == case.detections.scale


def test_a_layer_with_merges_and_ids_from_zero():
    data = [[0, 0, 5, 5], [0, 1, 5, 6], [1, 0, 5, 9], [1, 1, 5, 8], [2, 2, 5, 7], [2, 3, 5, 7]]
    found = nbt.from_napari(data, {2: [0, 1]})
    found.lineage.check()
    assert [(t, len(tracks)) for t, _, tracks in found.lineage.mergers()] == [(2, 2), (3, 2)]
    assert found.lineage.track_ids == [1, 2]
    alone = nbt.from_napari(data, {2: 1})
    assert alone.lineage.tracks[["t_start", "t_end"]].to_numpy().tolist() == [[0, 1], [0, 3]]  # one parent: goes on


def test_layers_that_do_not_fit():
    with pytest.raises(InputError, match=r"must have the columns track id, t, \[z,\] y, x: got data of shape \(2, 3\)"):
        nbt.from_napari(np.zeros((2, 3)))
    with pytest.raises(InputError, match=r"has track 1 twice in frame 0, but a track has one object in a frame"):
        nbt.from_napari([[1, 0, 5, 5], [1, 0, 6, 6]])
    with pytest.raises(InputError, match=r"has '0\.5' as frame in row 1, but it must be a whole number"):
        nbt.from_napari([[1, 0, 5, 5], [1, 0.5, 6, 6]])
    with pytest.raises(
        InputError, match=r"has track 2 as parent of track 1, which begins in frame 0, while the parent"
    ):
        nbt.from_napari([[1, 0, 5, 5], [2, 0, 6, 6], [2, 1, 6, 6]], {1: [2]})
    with pytest.raises(
        InputError, match=r"`scale` is \(1, 2, 3\), but must be one positive pixel size, or 2 of them: y"
    ):
        nbt.from_napari([[1, 0, 5, 5]], scale=(1, 2, 3))
    with pytest.raises(InputError, match=r"`scale` is -1, but must be one positive pixel size"):
        nbt.from_napari([[1, 0, 5, 5]], scale=-1)


# ------------------------------------------------------------------ networkx
@pytest.mark.parametrize("ndim", [2, 3])
def test_networkx_and_back(ndim):
    networkx = pytest.importorskip("networkx")
    case = tracked(ndim)
    graph = nbt.to_networkx(case)
    assert networkx.is_directed_acyclic_graph(graph)
    assert (graph.number_of_nodes(), graph.number_of_edges()) == (13, 11)
    assert all(graph.nodes[a]["t"] < graph.nodes[b]["t"] for a, b in graph.edges)
    assert sorted(d["energy"] for *_, d in graph.edges(data=True)) == [1.5 + k for k in range(11)]
    assert graph.graph["provenance"]["params"]["appearance"] == 500.0
    found = nbt.from_networkx(graph)
    assert found.lineage == without_false(case)
    assert found.detections.frame_shape == case.detections.frame_shape
    assert found.detections.scale == case.detections.scale


def test_a_graph_of_others():
    networkx = pytest.importorskip("networkx")
    graph = networkx.DiGraph()
    graph.add_node("a", time=0, pos=(4.0, 5.0))
    graph.add_node("b", time=1, pos=(4.0, 6.0))
    graph.add_node("c", time=1, pos=(9.0, 6.0))
    graph.add_edges_from([("a", "b"), ("a", "c")])
    found = nbt.from_networkx(graph)
    assert found.lineage.divisions.keys() == {1}
    assert found.detections.table["x"].tolist() == [5, 6, 6]
    graph.add_node("d", time=1)
    with pytest.raises(InputError, match=r"`graph` must have t and y, x \(and z in volumes\) at every node"):
        nbt.from_networkx(graph)
    assert len(nbt.from_networkx(networkx.DiGraph()).detections) == 0


def test_traccuracy_takes_the_graph():
    traccuracy = pytest.importorskip("traccuracy")
    graph = nbt.to_networkx(tracked())
    theirs = traccuracy.TrackingGraph(graph, frame_key="t", label_key="object_id", location_keys=("y", "x"))
    assert (theirs.start_frame, theirs.end_frame) == (0, 6)
    assert len(theirs.get_divisions()) == 2  # the division, and the two that leave their merger


# ------------------------------------------------------------------ trackpy
@pytest.mark.parametrize("ndim", [2, 3])
def test_trackpy_and_back(ndim):
    case = tracked(ndim)
    table = nbt.to_trackpy(case)
    assert table.columns[: ndim + 2].tolist() == [*case.detections.columns_position, "frame", "particle"]
    assert table["frame"].is_monotonic_increasing
    found = nbt.from_trackpy(table, scale=case.detections.scale).lineage
    expected = case.lineage.tracks.assign(parent_track_id=0)
    assert found.tracks["t_end"].tolist() == expected["t_end"].tolist()
    assert found.mergers() == case.lineage.mergers()
    assert not found.divisions


def test_trackpy_itself_works_with_it():
    trackpy = pytest.importorskip("trackpy")
    table = nbt.to_trackpy(tracked())
    trackpy.quiet()
    points = pd.DataFrame({"x": [1.0, 9, 1.5, 9.5], "y": [1.0, 9, 1, 9], "frame": [0, 0, 1, 1], "size": 2.0})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs, of pandas
        assert set(trackpy.filter_stubs(table, 3)["particle"]) == {2, 5}
        assert list(trackpy.compute_drift(table).columns) == ["y", "x"]
        linked = trackpy.link(points, 3)
    found = nbt.from_trackpy(linked)
    assert found.lineage.tracks[["t_start", "t_end"]].to_numpy().tolist() == [[0, 1], [0, 1]]
    assert found.detections.table["size"].tolist() == [25] * 4  # a disc with that radius of gyration


def test_tables_that_do_not_fit():
    with pytest.raises(InputError, match=r"A table of trackpy needs the column 'particle', but has x, y, frame"):
        nbt.from_trackpy(pd.DataFrame({"x": [1], "y": [1], "frame": [0]}))
    with pytest.raises(InputError, match=r"A table of trackpy is a DataFrame: got 'list'"):
        nbt.from_trackpy([1])
    with pytest.raises(InputError, match=r"A table of laptrack needs the column 'track_id'"):
        nbt.from_laptrack(pd.DataFrame({"x": [1], "y": [1], "frame": [0]}))
    with pytest.raises(InputError, match=r"`position` must name two or three columns, \(\[z,\] y, x\): got \['x'\]"):
        nbt.from_laptrack(pd.DataFrame({"x": [1], "frame": [0], "track_id": [0]}), position=["x"])


# ------------------------------------------------------------------ laptrack
@pytest.mark.parametrize("ndim", [2, 3])
def test_laptrack_and_back(ndim):
    case = tracked(ndim)
    tracks, splits, merges = nbt.to_laptrack(case)
    assert tracks.index.names == ["frame", "index"]
    assert splits.to_numpy().tolist() == [[0, 4], [0, 5], [3, 6], [3, 7]]
    assert merges.to_numpy().tolist() == [[1, 3], [2, 3]]
    assert tracks["tree_id"].nunique() == 2
    found = nbt.from_laptrack(tracks, splits, merges, scale=case.detections.scale).lineage
    found.check()
    assert [d.t for d in found.divisions.values()] == [1]
    assert [(t, i, len(k)) for t, i, k in found.mergers()] == [(t, i, len(k)) for t, i, k in case.lineage.mergers()]
    assert sorted(found.tracks["t_end"]) == sorted(case.lineage.tracks["t_end"])


def test_laptrack_itself_gives_it():
    laptrack = pytest.importorskip("laptrack")
    points = pd.DataFrame(
        {
            "frame": [0, 1, 1, 2, 2, 0, 1, 2],
            "y": [10.0, 9, 11, 8, 12, 30, 30, 30],
            "x": [10.0, 9, 11, 8, 12, 30, 31, 32],
        }
    )
    tracker = laptrack.LapTrack(cutoff=25, splitting_cutoff=25)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs, of pandas
        tables = tracker.predict_dataframe(points, coordinate_cols=["y", "x"], only_coordinate_cols=False)
    found = nbt.from_laptrack(*tables).lineage
    found.check()
    assert [d.t for d in found.divisions.values()] == [0]
    assert sorted(found.tracks[["t_start", "t_end"]].to_numpy().tolist()) == [[0, 0], [0, 2], [1, 2], [1, 2]]


def test_a_session_goes_the_same_way():
    case = everything()
    session = nbt.Session(case.movie, case.detections, case.lineage)
    found = nbt.from_networkx(nbt.to_networkx(session))
    again = nbt.Session(found.movie, found.detections, found.lineage)
    assert again.lineage == without_false(case)
