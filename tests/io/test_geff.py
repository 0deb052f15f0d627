"""Tracks as GEFF: written, read back, checked by the library `geff`, opened with networkx."""

import json
import shutil
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from export_cases import detections_from, everything, same_labels, tracked

import nbtrack as nbt
from nbtrack.errors import InputError
from nbtrack.io.geff import read_geff, write_geff

zarr = pytest.importorskip("zarr")
FILES = Path(__file__).parent / "files" / "tracks"


@pytest.mark.parametrize("ndim", [2, 3])
def test_what_was_written_is_read_back(ndim, tmp_path):
    case = tracked(ndim)
    assert nbt.write(case, tmp_path / "a.geff", format="geff") == [tmp_path / "a.geff"]
    found = read_geff(tmp_path / "a.geff")
    assert found.lineage == case.lineage
    assert same_labels(found.detections.labels, case.detections.labels)
    assert found.detections.scale == case.detections.scale
    assert found.detections.table["object_id"].tolist() == case.detections.table["object_id"].tolist()
    assert found.params["appearance"] == 500.0
    assert found.report["solver"] == "highs"


@pytest.mark.parametrize("ndim", [2, 3])
def test_objects_are_painted_where_there_are_no_labels(ndim, tmp_path):
    case = everything(ndim)
    write_geff(case, tmp_path / "a.geff", labels=False)
    assert not (tmp_path / "a.geff" / "labels").exists()
    found = read_geff(tmp_path / "a.geff")
    assert found.lineage == case.lineage
    assert found.detections.frame_shape == case.detections.frame_shape
    assert found.detections.n_frames == 6
    axes = found.detections.columns_position
    both = found.detections.table.merge(case.detections.table, on=["t", "object_id"], suffixes=("", "_true"))
    np.testing.assert_allclose(both[axes], both[[f"{a}_true" for a in axes]])
    assert set(np.unique(found.detections.labels[0])) == {0, 1, 2, 3, 9}
    given = read_geff(tmp_path / "a.geff", labels=nbt.Movie.from_array(np.stack(case.detections.labels), _axes(ndim)))
    assert same_labels(given.detections.labels, case.detections.labels)


def _axes(ndim):
    return "tyx" if ndim == 2 else "tzyx"


@pytest.mark.parametrize("ndim", [2, 3])
def test_the_library_of_the_format_finds_no_fault(ndim, tmp_path):
    geff = pytest.importorskip("geff")
    from geff.validate.data import ValidationConfig, validate_data

    case = tracked(ndim)
    write_geff(case, tmp_path / "a.geff")
    reader = geff.GeffReader(tmp_path / "a.geff")  # checks the structure
    reader.read_node_props()
    reader.read_edge_props()
    content = reader.build()
    validate_data(content, ValidationConfig(graph=True, sphere=True, lineage=True, tracklet=True))
    about = content["metadata"]
    assert [axis.name for axis in about.axes] == ["t", *case.detections.columns_position]
    assert [axis.scale for axis in about.axes[1:]] == list(case.detections.scale)
    assert about.related_objects[0].node_prop == "seg_id"
    labels = zarr.open_array(str(tmp_path / "a.geff" / about.related_objects[0].path), mode="r")
    assert labels.ndim == len(about.axes)


def test_networkx_opens_it(tmp_path):
    geff = pytest.importorskip("geff")
    case = tracked()
    write_geff(case, tmp_path / "a.geff")
    graph, _ = geff.read(tmp_path / "a.geff", backend="networkx")
    by_object = {(a["t"], a["seg_id"]): n for n, a in graph.nodes(data=True)}
    assert len(by_object) == 13
    daughters = {graph.nodes[n]["seg_id"] for n in graph.successors(by_object[1, 1])}
    assert daughters == {1, 5}
    edge = graph.edges[by_object[1, 2], by_object[2, 2]]
    assert edge == {"count": 2, "energy": 4.5}
    assert nbt.from_networkx(graph).lineage.divisions.keys() == {1}


@pytest.mark.parametrize("ndim", [2, 3])
def test_traccuracy_opens_it_with_its_labels(ndim, tmp_path):
    loaders = pytest.importorskip("traccuracy.loaders")
    write_geff(tracked(ndim), tmp_path / "a.geff")
    theirs = loaders.load_geff_data(
        str(tmp_path / "a.geff"), seg_path=str(tmp_path / "a.geff" / "labels" / "0"), seg_property="seg_id"
    )
    assert (theirs.graph.number_of_nodes(), theirs.graph.number_of_edges()) == (13, 11)
    assert theirs.segmentation.shape == (6, *tracked(ndim).detections.frame_shape)
    assert (theirs.start_frame, theirs.end_frame) == (0, 6)


@pytest.mark.parametrize("ndim", [2, 3])
def test_tracksdata_opens_it(ndim, tmp_path):
    tracksdata = pytest.importorskip("tracksdata")
    write_geff(tracked(ndim), tmp_path / "a.geff")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs
        found = tracksdata.graph.RustWorkXGraph.from_geff(str(tmp_path / "a.geff"))
    graph = found[0] if isinstance(found, tuple) else found
    assert (graph.num_nodes(), graph.num_edges()) == (13, 11)


def test_confidence_and_pins_go_along(tmp_path):
    case = tracked()
    case.links["confidence"] = np.linspace(0.5, 1, len(case.links))
    case.objects = case.detections.table[["t", "object_id"]].assign(confidence=0.25)
    case.links = case.links.iloc[1:]  # of one link nothing is known
    pins = [nbt.Pin("link", 1, 2, target_id=2), {"kind": "object", "t": 0, "object_id": 9, "value": 0}]
    write_geff(case, tmp_path / "a.geff", pins=pins)
    group = zarr.open_group(str(tmp_path / "a.geff"), mode="r")
    assert group["edges/props/confidence/missing"][:].tolist() == [True] + [False] * 10
    assert set(group["nodes/props/confidence/values"][:]) == {0.25}
    extra = dict(group.attrs["geff"])["extra"]["nbtrack"]
    assert {"nbtrack", "numpy"} <= set(extra["versions"])
    assert extra["report"]["bound"] == "-inf"
    assert nbt.Pin(**read_geff(tmp_path / "a.geff").pins[0]) == pins[0]


def test_what_was_held_fixed_in_a_result_goes_along(tmp_path):
    sample = nbt.sample("nuclei", n_frames=4, size=128, n_cells=3, seed=1)
    detections = nbt.segment(sample.prediction, channel=1)
    t, object_id = map(int, detections.table[["t", "object_id"]].iloc[0])
    result = nbt.track(detections, fixed=[nbt.Pin("object", t, object_id)])
    nbt.write(result, tmp_path / "a.geff", format="geff")
    (held,) = read_geff(tmp_path / "a.geff").pins
    assert (held["kind"], held["t"], held["object_id"]) == ("object", t, object_id)


def test_edges_that_somebody_changed_win(tmp_path):
    write_geff(everything(), tmp_path / "a.geff", labels=False)
    group = zarr.open_group(str(tmp_path / "a.geff"), mode="r+")
    edges = group["edges/ids"][:]
    times = group["nodes/props/t/values"][:]
    kept = edges[~((times[edges[:, 0]] == 1) & (times[edges[:, 1]] == 2))]
    del group["edges/ids"]
    group.create_array("edges/ids", data=kept)
    found = read_geff(tmp_path / "a.geff").lineage
    found.check()
    assert 1 not in {division.t for division in found.divisions.values()}
    assert len(found.track_ids) == 8  # cut between the frames 1 and 2


def test_a_file_of_others_needs_nothing_of_ours(tmp_path):
    geff = pytest.importorskip("geff")
    networkx = pytest.importorskip("networkx")
    graph = networkx.DiGraph()
    for node, (t, y, x) in {7: (0, 5.0, 5.0), 8: (1, 5.0, 4.0), 9: (1, 5.0, 9.0), 3: (2, 5.0, 9.5)}.items():
        graph.add_node(node, t=t, y=y, x=x)
    graph.add_edges_from([(7, 8), (7, 9), (9, 3)])
    geff.write(graph, tmp_path / "a.geff", axis_names=["t", "y", "x"], axis_types=["time", "space", "space"])
    found = nbt.read_tracks(tmp_path / "a.geff")
    found.lineage.check()
    assert found.lineage.tracks[["t_start", "t_end", "parent_track_id"]].to_numpy().tolist() == [
        [0, 0, 0],
        [1, 1, 1],
        [1, 2, 1],
    ]
    assert found.detections.table[["y", "x"]].to_numpy().tolist() == [[5, 5], [5, 4], [5, 9], [5, 9.5]]


def test_labels_beside_the_file_are_found_and_others_are_not(tmp_path, caplog):
    case = everything()
    write_geff(case, tmp_path / "deep" / "a.geff", labels=False)
    array = np.stack(case.detections.labels)
    for place in (tmp_path / "deep" / "segmentation", tmp_path / "elsewhere"):
        zarr.create_array(str(place), data=array, chunks=(1, *array.shape[1:]))
    file = tmp_path / "deep" / "a.geff" / ".zattrs"
    about = json.loads(file.read_text())
    for path, painted in (("../segmentation", False), ("../../elsewhere", True), ("../nothing", True)):
        about["geff"]["related_objects"] = [{"type": "labels", "path": path, "node_prop": "seg_id"}]
        file.write_text(json.dumps(about))
        found = read_geff(tmp_path / "deep" / "a.geff")
        assert same_labels(found.detections.labels, case.detections.labels) is not painted
    assert "which is elsewhere: they are not opened" in caplog.text
    assert "where there are none" in caplog.text


def test_it_is_given_to_other_objects(tmp_path):
    case = everything()
    write_geff(case, tmp_path / "a.geff")
    frames = [np.where(frame > 0, frame + 20, 0) for frame in case.detections.labels]
    found = nbt.read_lineage(tmp_path / "a.geff", detections_from(frames))
    assert found.tracks_at(1, 22) == (2, 5)
    assert found.divisions == case.lineage.divisions
    assert found.is_false(0, 29)
    write_geff(case, tmp_path / "b.geff", labels=False)
    assert nbt.read_lineage(tmp_path / "b.geff", case.detections) == case.lineage


def test_an_empty_answer_is_written(tmp_path):
    case = everything()
    case.lineage = nbt.Lineage()
    write_geff(case, tmp_path / "a.geff")
    found = read_geff(tmp_path / "a.geff")
    assert found.lineage == case.lineage
    assert len(found.detections) == len(case.detections)
    write_geff(case, tmp_path / "a.geff", overwrite=True, labels=False)
    assert len(read_geff(tmp_path / "a.geff").detections) == 0


def test_what_is_no_graph_is_told(tmp_path):
    with pytest.raises(InputError, match=r"a\.geff` does not exist\. Check the name"):
        read_geff(tmp_path / "a.geff")
    (tmp_path / "b.geff").mkdir()
    with pytest.raises(InputError, match=r"is no GEFF group: it has no metadata `geff`\. Give the folder of one"):
        read_geff(tmp_path / "b.geff")
    write_geff(everything(), tmp_path / "c" / "one.geff")
    assert len(read_geff(tmp_path / "c").lineage.track_ids) == 5
    write_geff(everything(), tmp_path / "c" / "two.geff")
    with pytest.raises(InputError, match=r"it holds 2 of them: one\.geff, two\.geff"):
        read_geff(tmp_path / "c")
    with pytest.raises(InputError, match=r"exists already\. Choose another name, or say overwrite=True"):
        write_geff(everything(), tmp_path / "c" / "two.geff")
    assert write_geff(everything(3), tmp_path / "c" / "two.geff", overwrite=True)


@pytest.mark.parametrize(
    ("place", "change", "words"),
    [
        ("edges/ids", lambda e: np.r_[e, [[0, 99]]].astype(e.dtype), "has an edge to a node that is not there"),
        ("nodes/ids", lambda n: np.r_[n[:-1], n[:1]], "has nodes with the same id"),
        (
            "edges/ids",
            lambda e: np.r_[e, [[0, 1]]].astype(e.dtype),
            "has 1 links between objects of one frame, the fir",
        ),
        ("nodes/props/t/values", lambda t: t[:-1], "cannot be read: the property 't' has 12 values for 13 nodes"),
        ("nodes/props/y/values", lambda y: y * np.nan, r"does not tell `y` of every node\. Mend the file"),
        ("nodes/props/t/values", lambda t: t * 10**9, "has objects in the frames 0 to 5000000000, but frames are 0 to"),
    ],
)
def test_damage_is_told(place, change, words, tmp_path):
    write_geff(everything(), tmp_path / "a.geff", labels=False)
    group = zarr.open_group(str(tmp_path / "a.geff"), mode="r+")
    values = change(group[place][:])
    del group[place]
    group.create_array(place, data=values)
    with pytest.raises(InputError, match=words):
        read_geff(tmp_path / "a.geff")


def test_cut_chunks_are_told(tmp_path):
    write_geff(everything(), tmp_path / "a.geff")
    chunk = next(p for p in (tmp_path / "a.geff" / "edges" / "ids").rglob("*") if p.is_file() and p.name[0] != ".")
    chunk.write_bytes(chunk.read_bytes()[:7])
    with pytest.raises(InputError, match=r"a\.geff` cannot be read: .* The file may be damaged or cut short"):
        read_geff(tmp_path / "a.geff")


def test_bombs_of_size_are_refused(tmp_path):
    write_geff(everything(), tmp_path / "a.geff")
    file = tmp_path / "a.geff" / "edges" / "ids" / ".zarray"
    file.write_text(json.dumps({**json.loads(file.read_text()), "shape": [2**40, 2]}))  # missing chunks are zeros
    with pytest.raises(InputError, match=r"'edges/ids' has 2199023255552 numbers, more than 1000000000"):
        read_geff(tmp_path / "a.geff")


def test_pickles_are_never_opened(tmp_path):
    """A chunk of Zarr 2 may be pickled: reading such an array must not even begin."""
    write_geff(everything(), tmp_path / "a.geff")
    place = tmp_path / "a.geff" / "edges" / "ids"
    about = json.loads((place / ".zarray").read_text())
    (tmp_path / "harmless").touch()
    payload = f"cos\nremove\n(S'{tmp_path / 'harmless'}'\ntR.".encode()
    for filters, dtype in (([{"id": "pickle", "protocol": 4}], "|O"), ([{"id": "pickle", "protocol": 4}], "<u8")):
        (place / ".zarray").write_text(json.dumps({**about, "filters": filters, "dtype": dtype, "compressor": None}))
        for chunk in place.rglob("*"):
            if chunk.is_file() and chunk.name != ".zarray":
                chunk.write_bytes(payload)
        with pytest.raises(InputError, match=r"a\.geff` cannot be read"):
            read_geff(tmp_path / "a.geff")
        assert (tmp_path / "harmless").exists()


def test_a_full_disk_leaves_what_was_there(tmp_path):
    resource = pytest.importorskip("resource")
    write_geff(everything(), tmp_path / "a.geff")
    before = sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*"))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, limits[1]))  # no file may grow beyond this, as on a full disk
    try:
        with pytest.raises(InputError, match=r"a\.geff` could not be written: .* Nothing was changed there"):
            write_geff(everything(3), tmp_path / "a.geff", overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*")) == before
    assert read_geff(tmp_path / "a.geff").lineage == everything().lineage


def test_without_the_library_the_extra_is_named(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(InputError, match=r'needs the package `zarr`, .* pip install "nbtrack\[formats\]"\.'):
        write_geff(everything(), tmp_path / "a.geff")
    assert not any(tmp_path.iterdir())


def test_the_file_of_the_first_version_stays_readable(tmp_path):
    with zipfile.ZipFile(FILES / "tracks.geff.zip") as bundle:
        bundle.extractall(tmp_path)
    found = read_geff(tmp_path / "tracks.geff")
    assert found.lineage == everything().lineage
    assert same_labels(found.detections.labels, everything().detections.labels)
    shutil.rmtree(tmp_path / "tracks.geff" / "nbtrack")  # as another program would write it
    assert read_geff(tmp_path / "tracks.geff").lineage.divisions
