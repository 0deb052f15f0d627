"""Any format in, any format out: what `read_tracks` reads, what is told apart by itself, and the list of formats."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile
from export_cases import detections_from, everything, same_labels, tracked

import nbtrack as nbt
from nbtrack.errors import InputError
from nbtrack.io.export import provenance
from nbtrack.io.registry import LINEAGE_READERS, TRACK_READERS, WRITERS, read_tracks

FILES = Path(__file__).parent / "files"
NAMES = {
    "ctc": "ctc",
    "csv": "csv",
    "labels": "labels.tif",
    "events-h5": "events",
    "ilp": "a.ilp",
    "geff": "a.geff",
    "trackmate": "a.xml",
    "mamut": "a_mamut.xml",
    "celltracks": "spots.csv",
}


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("name", TRACK_READERS)
def test_every_format_is_told_and_read(name, ndim, tmp_path):
    if name in ("geff",):
        pytest.importorskip("zarr")
    case = tracked(ndim)
    nbt.write(case, tmp_path / NAMES[name], format=name)
    found = nbt.read_tracks(tmp_path / NAMES[name], scale=case.detections.scale)
    found.lineage.check()
    assert isinstance(found, nbt.Tracked)
    assert found.detections.scale == case.detections.scale
    assert found.detections.ndim == ndim
    assert nbt.Session(found.movie, found.detections, found.lineage).lineage == found.lineage
    ends = [(1, 1), (1, 5), (3, 3), (2, 2), (5, 5)]
    if name == "labels":  # a merger has one colour
        assert found.lineage.is_false(0, 65535)
    else:
        assert [d.t for d in found.lineage.divisions.values()] == [1]
        assert sorted(found.lineage.tracks["t_end"])[0] == ends[0][0]
    if name in ("csv", "ilp", "geff", "trackmate", "mamut"):
        assert found.lineage == case.lineage
    # and what was read is written again
    nbt.write(found, tmp_path / "again" / NAMES[name], format=name)
    again = nbt.read_tracks(tmp_path / "again" / NAMES[name], scale=case.detections.scale)
    assert again.lineage == found.lineage


@pytest.mark.parametrize("name", sorted(set(WRITERS) - {"png"}))
def test_what_was_read_goes_into_every_format(name, tmp_path):
    if name in ("geff", "ome-zarr"):
        pytest.importorskip("zarr")
    found = nbt.read_tracks(FILES / "ctc")
    target = tmp_path / {"ome-tiff": "a.ome.tif", **NAMES}.get(name, name)
    assert nbt.write(found, target, format=name)
    assert target.exists()


def test_labels_may_be_given(tmp_path):
    case = everything()
    nbt.write(case, tmp_path / "a.xml", format="trackmate")
    nbt.write(case, tmp_path / "events", format="events-csv")
    nbt.write(case, tmp_path / "tracks.tif", format="labels")
    moved = [np.where(frame > 0, frame + 20, 0).astype(np.uint16) for frame in case.detections.labels]
    tifffile.imwrite(tmp_path / "objects.tif", np.stack(moved), metadata={"axes": "TYX"}, photometric="minisblack")
    found = nbt.read_tracks(tmp_path / "a.xml", labels=tmp_path / "objects.tif", scale=0.5)
    assert found.lineage.tracks_at(1, 22) == (2, 5)
    assert same_labels(found.detections.labels, moved)
    assert found.detections.scale == (0.5, 0.5)
    by_track = nbt.read_tracks(tmp_path / "events", labels=nbt.read(tmp_path / "tracks.tif"))
    assert by_track.lineage.divisions == case.lineage.divisions
    with pytest.raises(InputError, match=r"`format` is 'events-csv', but must be one of: .* as `labels`\."):
        read_tracks(tmp_path / "events")
    assert nbt.read_tracks(nbt.read(tmp_path / "tracks.tif")).lineage.track_ids == [1, 2, 3, 4, 5]


def test_where_from_is_told_on(tmp_path):
    pytest.importorskip("zarr")
    nbt.write(tracked(), tmp_path / "a.geff", format="geff")
    found = nbt.read_tracks(tmp_path / "a.geff")
    nbt.write(found, tmp_path / "ctc")
    assert provenance(found)["params"]["appearance"] == 500.0
    assert provenance(found)["report"]["solver"] == "highs"


def test_a_table_without_positions_needs_labels(tmp_path):
    (tmp_path / "a.csv").write_text(
        "frame,labelimageId,trackId,lineageId,parentTrackId,mergerLabelId\n0,1,1,1,0,0\n1,2,1,1,0,0\n"
    )
    with pytest.raises(
        InputError, match=r"lacks the column 'Center_of_the_object_0', so nobody knows where its objects"
    ):
        nbt.read_tracks(tmp_path / "a.csv")
    frames = np.array([[[0, 1]], [[2, 0]]])
    found = nbt.read_tracks(tmp_path / "a.csv", labels=nbt.Movie.from_array(frames))
    assert found.lineage.objects_of(1) == {0: 1, 1: 2}


def test_crowded_points_stay_apart():
    """Two discs that overlap: a pixel is that of the nearer centre, and no object is without a pixel."""
    found = nbt.from_napari([[1, 0, 5.0, 5.0], [2, 0, 5.0, 6.0], [3, 0, 5.4, 5.4], [4, 0, 0.0, 30.0]])
    frame = np.asarray(found.detections.labels[0])
    objects = {track: found.lineage.object_at(track, 0) for track in (1, 2, 3, 4)}
    assert (frame[5, 4], frame[5, 7], frame[0, 30]) == (objects[1], objects[2], objects[4])
    assert set(np.unique(frame)) == {0, *objects.values()}
    assert frame.shape == found.detections.frame_shape
    assert found.detections.n_frames == 1


@pytest.mark.parametrize("name", ["geff", "trackmate", "mamut", "celltracks"])
def test_tracks_are_given_to_another_segmentation(name, tmp_path):
    if name == "geff":
        pytest.importorskip("zarr")
    case = everything()
    case.detections = detections_from(case.detections.labels)
    nbt.write(case, tmp_path / NAMES[name], format=name)
    cut = [frame.copy() for frame in case.detections.labels]
    for frame in cut:
        frame[::3][frame[::3] > 0] = 0  # a third of each object is missing
    found = nbt.read_lineage(tmp_path / NAMES[name], detections_from(cut))
    assert found.divisions == case.lineage.divisions
    assert found.mergers() == case.lineage.mergers()


def test_every_reader_has_a_name_in_the_list():
    listed = nbt.formats()
    assert set(TRACK_READERS) | set(LINEAGE_READERS) | set(WRITERS) <= set(listed.index)
    assert listed.loc["geff", ["read", "write", "extra"]].tolist() == ["tracks", "tracks", "formats"]
    assert listed.loc["ome-zarr", ["read", "write", "extra"]].tolist() == ["movie, tracks", "tracks", "formats"]
    assert listed.loc["npy", ["read", "write"]].tolist() == ["movie", ""]
    assert listed.loc["png", ["read", "write"]].tolist() == ["", "tracks"]
    assert listed.loc["napari", "how"] == "to_napari, from_napari"
    for how in listed["how"]:
        assert all(hasattr(nbt, function) for function in how.split(", "))
    assert not (listed[["dimensions", "what", "how"]] == "").any().any()


def test_an_extra_that_is_missing_is_told(monkeypatch, tmp_path):
    from nbtrack.io import format_list

    monkeypatch.setattr(format_list, "find_spec", lambda name: None if name == "zarr" else object())
    listed = nbt.formats()
    assert listed.index[~listed["ready"]].tolist() == ["ome-zarr", "geff"]
    monkeypatch.setitem(__import__("sys").modules, "zarr", None)
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr" / ".zgroup").write_text("{}")
    with pytest.raises(InputError, match=r'a\.zarr` needs the package `zarr`, .* pip install "nbtrack\[formats\]"'):
        nbt.read(tmp_path / "a.zarr")


def test_ome_tiff_is_named_so(tmp_path):
    nbt.write(everything(), tmp_path / "a.ome.tif", format="ome-tiff", by="lineage")
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as file:
        assert file.is_ome
        assert file.series[0].axes == "TYX"
        assert 'PhysicalSizeX="0.5"' in file.ome_metadata
    assert nbt.read(tmp_path / "a.ome.tif").scale == (0.5, 0.5)
    with pytest.raises(InputError, match=r"must end in \.tif or \.tiff to be an OME-TIFF file"):
        nbt.write(everything(), tmp_path / "a.png", format="ome-tiff")


@pytest.mark.parametrize("ndim", [2, 3])
def test_challenge_folders_pass_the_checks_of_traccuracy(ndim, tmp_path):
    """What is written of a division, a merger and a gap is valid: `load_ctc_data` checks it."""
    loaders = pytest.importorskip("traccuracy.loaders")
    nbt.write(everything(ndim), tmp_path / "01_RES")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*non-connected masks.*")  # pieces of one object may lie apart
        graph = loaders.load_ctc_data(
            str(tmp_path / "01_RES"), str(tmp_path / "01_RES" / "res_track.txt"), run_checks=True
        )
    assert graph.graph.number_of_nodes() == 13
    assert len(graph.get_divisions()) == 1


@pytest.mark.parametrize("ndim", [2, 3])
def test_challenge_folders_pass_the_checks_of_ctcmetrics(ndim, tmp_path, capsys):
    validate = pytest.importorskip("ctc_metrics.scripts.validate")
    nbt.write(everything(ndim), tmp_path / "01_RES")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Empty frame 4")  # it is empty, which is allowed
        assert validate.validate_sequence(str(tmp_path / "01_RES"), threads=1) == {"Valid": 1}
    capsys.readouterr()


@pytest.mark.parametrize("name", ["geff", "trackmate", "mamut", "ilp", "celltracks", "events-h5"])
def test_a_real_truth_goes_through_every_format(name, real_data, tmp_path):
    """Tracks of the challenge, to another format and back: the same track file, and with pixels the same masks."""
    if name == "geff":
        pytest.importorskip("zarr")
    truth = nbt.read_tracks(real_data / "ctc_sim2015_10frames" / "GT")
    nbt.write(truth, tmp_path / "before")
    nbt.write(truth, tmp_path / NAMES[name], format=name)
    found = nbt.read_tracks(tmp_path / NAMES[name])
    nbt.write(found, tmp_path / "after")
    before, after = (np.loadtxt(tmp_path / side / "res_track.txt", dtype=int) for side in ("before", "after"))
    assert len(before) > 20
    assert sorted(map(tuple, before[:, 1:3])) == sorted(map(tuple, after[:, 1:3]))
    assert len(found.lineage.divisions) == len(truth.lineage.divisions) == 6
    if name in ("geff", "ilp"):
        assert same_labels(nbt.read(tmp_path / "before"), nbt.read(tmp_path / "after"))
    if name == "trackmate":  # outlines know no holes, and no second piece
        pairs = zip(truth.detections.labels, found.detections.labels, strict=True)
        wrong = [np.mean(np.asarray(a) != np.asarray(b)) for a, b in pairs]
        assert max(wrong) < 0.001
