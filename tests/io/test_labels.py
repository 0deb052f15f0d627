import json
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import tifffile
from export_cases import detections_from, everything, same_labels

from nbtrack.data.lineage import Lineage
from nbtrack.errors import InputError
from nbtrack.io.labels import write_labels
from nbtrack.io.registry import read

FILES = Path(__file__).parent / "files"


def expected(case, by):
    """Colour the objects one by one, the slow and plain way."""
    frames = []
    for t, labels in enumerate(case.detections.labels):
        frame = np.zeros(labels.shape, np.uint16)
        for object_id in np.unique(labels[labels > 0]):
            tracks = case.lineage.tracks_at(t, object_id)
            value = tracks[0] if tracks else 0
            if by == "lineage" and tracks:
                value = case.lineage.lineage_id_of(tracks[0])
            if by == "object":
                value = object_id
            elif case.lineage.is_false(t, object_id):
                value = 65535
            frame[labels == object_id] = value
        frames.append(frame)
    return np.array(frames)


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("by", ["track", "lineage", "object"])
def test_all_layouts_hold_the_same_labels(ndim, by, tmp_path):
    case = everything(ndim)
    right = expected(case, by)
    write_labels(case, tmp_path / "a.tif", by=by)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.is_ome
        assert file.series[0].axes == "T" + "ZYX"[3 - ndim :]
        assert 'PhysicalSizeX="0.5"' in file.ome_metadata
        single = file.asarray()
    write_labels(case, tmp_path / "a.h5", by=by)
    with h5py.File(tmp_path / "a.h5") as file:
        data = file["exported_data"]
        tags = json.loads(data.attrs["axistags"])["axes"]
        assert "".join(tag["key"] for tag in tags) == "t" + "zyx"[3 - ndim :]
        assert [tag["typeFlags"] for tag in tags] == [8] + [2] * ndim
        assert [tag["resolution"] for tag in tags] == [0, *[2.0, 0.5, 0.5][3 - ndim :]]
        hdf5 = data[()]
    files = write_labels(case, tmp_path / "a", by=by)
    series = [tifffile.imread(f) for f in files if f.suffix == ".tif"]
    for found in (single, hdf5, np.array(series)):
        assert found.dtype == np.uint16
        assert np.array_equal(found, right)
    assert [f.name for f in files][:2] == ["labels00000.tif", "labels00001.tif"]


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("name", ["a.tif", "a.h5", "a"])
def test_what_was_written_is_read_back(ndim, name, tmp_path):
    case = everything(ndim)
    case.movie.unit = "µm"
    write_labels(case, tmp_path / name)
    movie = read(tmp_path / name)
    assert movie.axes == "t" + "zyx"[3 - ndim :]
    assert same_labels(movie, expected(case, "track"))
    if name != "a":
        assert movie.scale == case.detections.scale
    if name == "a.tif":
        assert movie.unit == "µm"


def test_a_scale_without_a_unit_is_not_taken_for_micrometres(tmp_path):
    write_labels(everything(), tmp_path / "a.tif")
    assert read(tmp_path / "a.tif").unit == "pixel"
    assert read(tmp_path / "a.tif").scale == (0.5, 0.5)


def test_large_ids_need_32_bits(tmp_path):
    case = everything()
    for track, kind in ((65534, np.uint16), (65536, np.uint32)):
        lineage = Lineage.from_tables([(0, 1, track)], false_detections=[(0, 9)])
        write_labels(SimpleNamespace(lineage=lineage, detections=case.detections), tmp_path / f"{track}.tif")
        seen = tifffile.imread(tmp_path / f"{track}.tif")
        assert seen.dtype == kind
        assert set(np.unique(seen)) == {0, track, 65535}


def test_nothing_tracked_and_nothing_found(tmp_path):
    case = everything()
    write_labels(SimpleNamespace(lineage=Lineage(), detections=case.detections), tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5") as file:
        assert not file["exported_data"][()].any()
    empty = detections_from([np.eye(4, dtype=int), np.zeros((4, 4))])
    write_labels(SimpleNamespace(lineage=Lineage(), detections=empty), tmp_path / "a.tif")
    assert tifffile.imread(tmp_path / "a.tif").shape == (2, 4, 4)


@pytest.mark.parametrize("name", ["a.tif", "a.h5"])
def test_files_are_not_overwritten_unless_told(name, tmp_path):
    (tmp_path / name).write_text("old")
    with pytest.raises(InputError, match="exists already"):
        write_labels(everything(), tmp_path / name)
    assert (tmp_path / name).read_text() == "old"
    assert write_labels(everything(), tmp_path / name, overwrite=True) == [tmp_path / name]
    assert (tmp_path / name).stat().st_size > 1000


def test_unknown_colouring(tmp_path):
    with pytest.raises(InputError, match="`by` must be"):
        write_labels(everything(), tmp_path / "a.tif", by="cell")


def test_files_of_the_first_version_stay_readable():
    right = expected(everything(), "track")
    assert np.array_equal(tifffile.imread(FILES / "labels.tif"), right)
    with h5py.File(FILES / "labels.h5") as file:
        assert same_labels(file["exported_data"], right)
