"""TrackMate XML and MaMuT XML, written, read back, and read by pytrackmate and by the converter of `geff`."""

import warnings
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from export_cases import detections_from, everything, same_labels, tracked

import nbtrack as nbt
from nbtrack.errors import InputError
from nbtrack.io.trackmate import write_mamut, write_trackmate
from nbtrack.io.trackmate_reader import read_trackmate

FILES = Path(__file__).parent / "files" / "tracks"
FOREIGN = """<?xml version="1.0" encoding="UTF-8"?>
<TrackMate version="7.6.0">
  <Model spatialunits="micron" timeunits="sec">
    <AllSpots nspots="7">
      <SpotsInFrame frame="0">
        <Spot ID="11" name="ID11" QUALITY="3.0" POSITION_T="0.0" VISIBILITY="1" RADIUS="1.0" FRAME="0"
          POSITION_X="2.0" POSITION_Y="3.0" POSITION_Z="0.0" AREA="3.5" />
        <Spot ID="12" name="ID12" VISIBILITY="1" RADIUS="1.0" FRAME="0" POSITION_X="9" POSITION_Y="3" POSITION_Z="0" />
        <Spot ID="13" name="ID13" VISIBILITY="0" RADIUS="1.0" FRAME="0" POSITION_X="9" POSITION_Y="9" POSITION_Z="0" />
      </SpotsInFrame>
      <SpotsInFrame frame="1">
        <Spot ID="21" name="ID21" VISIBILITY="1" RADIUS="1.0" FRAME="1" POSITION_X="2.0" POSITION_Y="4.0"
          POSITION_Z="0.0" ROI_N_POINTS="4">-1.0 -1.0 1.0 -1.0 1.0 1.0 -1.0 1.0</Spot>
        <Spot ID="22" name="ID22" VISIBILITY="1" RADIUS="1.0" FRAME="1" POSITION_X="6" POSITION_Y="3" POSITION_Z="0" />
        <Spot ID="23" name="ID23" VISIBILITY="1" RADIUS="1.0" FRAME="1" POSITION_X="9" POSITION_Y="3" POSITION_Z="0" />
      </SpotsInFrame>
      <SpotsInFrame frame="2">
        <Spot ID="31" name="ID31" VISIBILITY="1" RADIUS="1.0" FRAME="2" POSITION_X="5" POSITION_Y="3" POSITION_Z="0" />
      </SpotsInFrame>
    </AllSpots>
    <AllTracks>
      <Track name="Track_0" TRACK_ID="0">
        <Edge SPOT_SOURCE_ID="21" SPOT_TARGET_ID="11" LINK_COST="1.0" />
        <Edge SPOT_SOURCE_ID="11" SPOT_TARGET_ID="22" LINK_COST="1.0" />
        <Edge SPOT_SOURCE_ID="22" SPOT_TARGET_ID="31" LINK_COST="1.0" />
      </Track>
      <Track name="Track_1" TRACK_ID="1"><Edge SPOT_SOURCE_ID="12" SPOT_TARGET_ID="23" LINK_COST="1.0" /></Track>
    </AllTracks>
    <FilteredTracks><TrackID TRACK_ID="0" /></FilteredTracks>
  </Model>
  <Settings>
    <ImageData filename="movie.tif" folder="/nowhere/" width="20" height="16" nslices="1" nframes="4" pixelwidth="0.5"
      pixelheight="0.5" voxeldepth="1.0" timeinterval="1.0" />
  </Settings>
</TrackMate>
"""


@pytest.mark.parametrize("ndim", [2, 3])
def test_what_was_written_is_read_back(ndim, tmp_path):
    case = tracked(ndim)
    assert nbt.write(case, tmp_path / "a.xml", format="trackmate") == [tmp_path / "a.xml"]
    found = nbt.read_tracks(tmp_path / "a.xml")
    assert found.lineage == case.lineage
    assert found.detections.scale == case.detections.scale
    assert found.detections.frame_shape == case.detections.frame_shape
    assert same_labels(found.detections.labels, case.detections.labels) is (ndim == 2)  # outlines are of planes
    axes = found.detections.columns_position
    np.testing.assert_allclose(found.detections.table[axes], case.detections.table[axes])
    assert found.detections.table["MEAN_INTENSITY"].tolist() == case.detections.table["mean intensity"].tolist()


def test_outlines_of_any_shape_come_back(tmp_path):
    frame = np.zeros((30, 40), np.uint32)
    frame[2:9, 2:30] = 1
    frame[5, 10:30] = 0  # a fork
    frame[15, 3] = 2  # one pixel
    frame[20:28, 20:28] = np.triu(np.ones((8, 8), np.uint32)) * 3
    frame[20:28, 20:28][np.tril_indices(8, -1)] = 4
    frame[0, 35:] = frame[:6, 39] = 5  # in the corner of the frame
    case = everything()
    case.detections, case.lineage = detections_from([frame]), nbt.Lineage.from_tables([(0, i, i) for i in range(1, 6)])
    write_trackmate(case, tmp_path / "a.xml")
    found = read_trackmate(tmp_path / "a.xml").detections
    np.testing.assert_array_equal(found.labels[0], frame)
    assert found.table["size"].tolist() == case.detections.table["size"].tolist()
    for row, spot in enumerate(ElementTree.parse(tmp_path / "a.xml").getroot().iter("Spot")):
        x, y = np.array(spot.text.split(), float).reshape(-1, 2).T
        area = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
        assert area == pytest.approx(case.detections.table["size"].iloc[row])  # what TrackMate will measure


def test_a_file_of_trackmate(tmp_path):
    (tmp_path / "a.xml").write_text(FOREIGN)
    found = read_trackmate(tmp_path / "a.xml")
    found.lineage.check()
    assert found.lineage.tracks.to_numpy().tolist() == [[1, 0, 0, 0, 1], [2, 1, 1, 1, 1], [3, 1, 2, 1, 1]]
    detections = found.detections
    assert (detections.frame_shape, detections.scale, detections.n_frames) == ((16, 20), (0.5, 0.5), 4)
    assert len(detections) == 4  # not the invisible spot, nor those of the track that was filtered out
    assert detections.table[["y", "x"]].iloc[0].tolist() == [6.0, 4.0]
    assert detections.labels[1][8, 4] == 1
    assert (np.asarray(detections.labels[1]) == 1).sum() == detections.table["size"].iloc[1] == 25  # the square
    assert (np.asarray(detections.labels[0]) == 1).sum() == 13  # a disc of two pixels radius
    assert detections.table["AREA"].iloc[0] == 3.5
    assert read_trackmate(tmp_path / "a.xml", scale=1).detections.table["x"].iloc[0] == 2.0


def test_pytrackmate_reads_it(tmp_path):
    pytrackmate = pytest.importorskip("pytrackmate")
    case = tracked()
    write_trackmate(case, tmp_path / "a.xml")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs, of pandas
        spots = pytrackmate.trackmate_peak_import(tmp_path / "a.xml", get_tracks=True)
    assert len(spots) == 15
    # two lineages that hang together, the false detection and what has no track
    assert sorted(spots.groupby("label").size()) == [1, 1, 5, 8]
    assert spots["x"].iloc[0] == case.detections.table["x"].iloc[0] * 0.5


@pytest.mark.parametrize("ndim", [2, 3])
def test_the_converter_of_geff_reads_it(ndim, tmp_path):
    pytest.importorskip("geff")
    from geff.convert import from_trackmate_xml_to_geff

    case = tracked(ndim)
    write_trackmate(case, tmp_path / "a.xml", image="/data/movie.tif")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Missing tag\(s\): \['DisplaySettings'\]")
        from_trackmate_xml_to_geff(tmp_path / "a.xml", tmp_path / "a.geff")
    found = nbt.read_tracks(tmp_path / "a.geff")
    assert len(found.lineage.divisions) == 1
    assert [len(tracks) for *_, tracks in found.lineage.mergers()] == [2, 2]
    assert len(found.detections) == 15


@pytest.mark.parametrize("ndim", [2, 3])
def test_mamut_gets_the_same_model(ndim, tmp_path):
    case = tracked(ndim)
    assert nbt.write(case, tmp_path / "a_mamut.xml", format="mamut", image="movie/dataset.xml")
    root = ElementTree.parse(tmp_path / "a_mamut.xml").getroot()
    image = root.find("Settings/ImageData")
    assert (image.get("filename"), image.get("folder")) == ("dataset.xml", "movie/")
    spots = root.findall("Model/AllSpots/SpotsInFrame/Spot")
    assert len(spots) == int(root.find("Model/AllSpots").get("nspots")) == 15
    assert all(int(spot.get("MANUAL_SPOT_COLOR")) < 0 for spot in spots)
    ends = {e.get(k) for e in root.iter("Edge") for k in ("SPOT_SOURCE_ID", "SPOT_TARGET_ID")}
    assert ends <= {spot.get("ID") for spot in spots}
    kept = {t.get("TRACK_ID") for t in root.find("Model/FilteredTracks")}
    assert kept == {t.get("TRACK_ID") for t in root.iter("Track")}
    assert nbt.read_tracks(tmp_path / "a_mamut.xml", format="mamut").lineage == case.lineage


@pytest.mark.parametrize("ndim", [2, 3])
def test_lineagetree_reads_what_mamut_gets(ndim, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs
        lineagetree = pytest.importorskip("lineagetree")
    case = everything(ndim)
    for t in (1, 2):  # it refuses merged objects
        case.lineage.unassign(t, 2, 5)
    write_mamut(case, tmp_path / "a_mamut.xml")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = lineagetree.read_from_mamut_xml(str(tmp_path / "a_mamut.xml"))
    assert (len(theirs.nodes), len(theirs.roots), len(theirs.leaves)) == (13, 3, 4)
    assert (theirs.t_b, theirs.t_e) == (0, 5)
    assert theirs.predecessor[6] == theirs.predecessor[8]  # the daughters


def test_costs_and_splits_are_told(tmp_path):
    write_trackmate(tracked(), tmp_path / "a.xml")
    root = ElementTree.parse(tmp_path / "a.xml").getroot()
    counts = [(t.get("NUMBER_SPLITS"), t.get("NUMBER_MERGES"), t.get("NUMBER_SPOTS")) for t in root.iter("Track")]
    assert sorted(counts) == [("1", "0", "5"), ("1", "1", "8")]
    assert {float(e.get("LINK_COST")) for e in root.iter("Edge")} == {1.5 + k for k in range(11)}
    declared = {f.get("feature") for f in root.find("Model/FeatureDeclarations/SpotFeatures")}
    assert set(next(root.iter("Spot")).keys()) - declared == {"ID", "name", "ROI_N_POINTS"}


def test_edges_that_somebody_changed_win(tmp_path):
    write_trackmate(everything(), tmp_path / "a.xml")
    text = (tmp_path / "a.xml").read_text()
    first = next(line for line in text.splitlines() if "<Edge " in line)
    (tmp_path / "a.xml").write_text(text.replace(f"{first}\n", ""))
    found = read_trackmate(tmp_path / "a.xml").lineage
    found.check()
    assert len(found.track_ids) == 6


def test_it_is_given_to_other_objects(tmp_path):
    case = everything()
    write_trackmate(case, tmp_path / "a.xml")
    frames = [np.where(frame > 0, frame + 20, 0) for frame in case.detections.labels]
    found = nbt.read_lineage(tmp_path / "a.xml", detections_from(frames))
    assert found.tracks_at(1, 22) == (2, 5)
    assert found.is_false(0, 29)
    with pytest.raises(InputError, match=r"frames of shape \(12, 14\)"):
        nbt.read_lineage(tmp_path / "a.xml", everything(3).detections)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", r"cannot be read as XML: no element found.* save it again in Fiji"),
        (FOREIGN[:900], r"cannot be read as XML: .*The file may be damaged or cut short"),
        ("<Tracks><particle/></Tracks>", r"is no file of TrackMate or MaMuT: it holds 'Tracks' and no model"),
        (
            FOREIGN.replace('SPOT_TARGET_ID="31"', 'SPOT_TARGET_ID="99"'),
            r"has an edge to the spot 99, which is not the",
        ),
        (FOREIGN.replace('ID="22" n', 'ID="21" n'), r"has two spots with the same ID"),
        (FOREIGN.replace('POSITION_X="5"', 'POSITION_X="five"'), r"cannot be read: could not convert string to float"),
        (
            FOREIGN.replace('POSITION_X="5"', 'POSITION_X="NaN"'),
            r"has an object in frame 2 whose position is not a num",
        ),
        (FOREIGN.replace('FRAME="2"', 'FRAME="99999999"'), r"has objects in the frames 0 to 99999999, but frames are"),
        (FOREIGN.replace('width="20"', 'width="9999999999"'), r"would need 4 frames of 16 x 9999999999 pixels"),
        (
            FOREIGN.replace("<TrackMate", '<!DOCTYPE x [<!ENTITY a "b">]><TrackMate', 1),
            r"cannot be read: it declares a document type, which files of TrackMate do not have",
        ),
    ],
)
def test_damage_is_told(text, words, tmp_path):
    (tmp_path / "a.xml").write_text(text)
    with pytest.raises(InputError, match=words):
        read_trackmate(tmp_path / "a.xml")


def test_a_full_disk_leaves_what_was_there(tmp_path):
    resource = pytest.importorskip("resource")
    write_trackmate(everything(), tmp_path / "a.xml")
    before = (tmp_path / "a.xml").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        with pytest.raises(InputError, match=r"a\.xml` could not be written: .* Nothing was changed there"):
            write_mamut(everything(), tmp_path / "a.xml", overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / "a.xml").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("name", ["trackmate.xml", "mamut.xml"])
def test_the_file_of_the_first_version_stays_readable(name):
    assert read_trackmate(FILES / name).lineage == everything().lineage
