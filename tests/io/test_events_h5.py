from pathlib import Path

import h5py
import numpy as np
import pytest
from export_cases import everything, same_labels, tracked

from nbtrack.data.events import derive_events
from nbtrack.errors import InputError
from nbtrack.io.events_h5 import read_events, write_events_h5

FILES = Path(__file__).parent / "files"
TABLES = ["moves", "splits", "appearances", "disappearances", "mergers", "multi_frame_moves"]


def assert_events_of(files, case):
    """Compare with the events of the lineage; the files don't have track ids."""
    right = derive_events(case.lineage, case.detections.n_frames)
    for name in TABLES:
        table, wanted = getattr(files, name), getattr(right, name)
        wanted = wanted.drop(columns=[c for c in ("track_id", "track_ids") if c in wanted]).drop_duplicates()
        assert table[wanted.columns].to_numpy().tolist() == wanted.to_numpy().tolist(), name


@pytest.mark.parametrize("ndim", [2, 3])
def test_what_was_written_is_read_back(ndim, tmp_path):
    case = everything(ndim)
    write_events_h5(case, tmp_path / "out")
    files = read_events(tmp_path / "out")
    assert same_labels(files.labels, case.detections.labels)
    assert files.labels.scale == case.detections.scale
    assert_events_of(files, case)
    assert "energy" not in files.moves


def test_the_layout_of_the_reference(tmp_path):
    case = everything()
    names = [f.name for f in write_events_h5(case, tmp_path / "out")]
    assert names == [f"{t:05d}.h5" for t in range(6)] + ["params.json"]
    with h5py.File(tmp_path / "out" / "00000.h5") as file:
        labels = file["segmentation/labels"]
        assert (labels.shape, labels.dtype, labels.compression) == ((14, 12, 1), np.uint32, "gzip")
        assert np.array_equal(labels[:, :, 0].T, case.detections.labels[0])
        assert file["objects/meta/id"][()].tolist() == [1, 2, 3, 9]
        assert file["objects/meta/valid"][()].tolist() == [1, 1, 1, 1]
        assert file["objects/meta/valid"].dtype == np.uint8
        assert "tracking" not in file
    with h5py.File(tmp_path / "out" / "00001.h5") as file:
        tracking = file["tracking"]
        assert {name for name in tracking if "-" not in name} == {"Mergers", "Moves"}
        assert tracking["Moves"][()].tolist() == [[3, 2], [2, 2], [1, 1]]  # downwards
        assert tracking["Mergers"][()].tolist() == [[2, 2]]
        assert all(tracking[name].attrs["Format"] for name in tracking)
        assert all(tracking[name].dtype == np.uint32 for name in tracking)
    with h5py.File(tmp_path / "out" / "00002.h5") as file:
        assert file["tracking/Splits"][()].tolist() == [[1, 5, 1]]
        assert file["tracking/Moves"][()].tolist() == [[2, 2]]  # two tracks, one move of an object
        assert "Appearances" not in file["tracking"]
    with h5py.File(tmp_path / "out" / "00003.h5") as file:
        assert file["tracking/Disappearances"][()].tolist() == [[1]]  # seen last in frame 2
        assert file["tracking/Moves"][()].tolist() == [[5, 5], [2, 3], [2, 2]]
        assert file["tracking/MultiFrameMoves"][()].tolist() == [[3, 3, 0], [2, 2, 0]]  # out of the merger
    with h5py.File(tmp_path / "out" / "00004.h5") as file:
        assert file["objects/meta/id"].shape == (0,)
        assert file["tracking/Disappearances"][()].tolist() == [[5], [3], [2]]
    with h5py.File(tmp_path / "out" / "00005.h5") as file:
        assert file["tracking/MultiFrameMoves"][()].tolist() == [[3, 3, 3], [2, 2, 3]]  # over the gap
        assert file["tracking/Appearances"][()].tolist() == [[3], [2]]


def test_a_merger_in_the_first_frame_is_told(tmp_path):
    case = everything()
    case.lineage.assign(0, 2, 8)
    write_events_h5(case, tmp_path / "out")
    with h5py.File(tmp_path / "out" / "00000.h5") as file:
        assert list(file["tracking"]) == ["Mergers"]


def test_energies_of_the_tracker_stand_beside(tmp_path):
    write_events_h5(tracked(), tmp_path / "out")
    files = read_events(tmp_path / "out")
    moves = files.moves.set_index(["t", "source_id", "target_id"])["energy"]
    assert moves[1, 3, 2] == 3.5
    assert moves[2, 2, 2] == 4.5
    assert moves[3, 2, 3] == 8.5
    assert files.splits["energy"].tolist() == [12.5]
    far = files.multi_frame_moves.set_index(["t", "target_id"])["energy"]
    assert far[5, 2] == 10.5
    assert np.isnan(far[3, 2])
    with h5py.File(tmp_path / "out" / "00001.h5") as file:
        assert file["tracking/Moves-Energy"].shape == (3,)
        assert file["tracking/Moves-Energy"].dtype == np.float64
        assert file["tracking/Moves-Energy"][()].tolist() == [3.5, 2.5, 1.5]


def test_folders_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match=r"must hold a file 00000\.h5, 00001\.h5, \.\.\. for each frame: found none\."):
        read_events(tmp_path)
    write_events_h5(everything(), tmp_path / "out")
    (tmp_path / "out" / "00002.h5").write_bytes((tmp_path / "out" / "00002.h5").read_bytes()[:900])
    with pytest.raises(InputError, match=r"00002\.h5` cannot be read as a file of events: .* Export it again\."):
        read_events(tmp_path / "out")
    (tmp_path / "out" / "00002.h5").unlink()
    with pytest.raises(InputError, match=r"found 5 files, the last of them '00005\.h5'"):
        read_events(tmp_path / "out")
    for t in range(2):
        with h5py.File(tmp_path / f"{t:05d}.h5", "w") as file:
            file["objects/meta/id"] = [1]
    with pytest.raises(InputError, match=r"00000\.h5` has no readable 'segmentation/labels'"):
        read_events(tmp_path)


def test_files_of_the_first_version_stay_readable():
    case = everything()  # of which the first three frames are kept
    files = read_events(FILES / "events")
    assert same_labels(files.labels, case.detections.labels[:3])
    assert files.moves.to_numpy().tolist() == [[1, 1, 1], [1, 2, 2], [1, 3, 2], [2, 2, 2]]
    assert files.splits.to_numpy().tolist() == [[2, 1, 5, 1]]
    assert files.mergers.to_numpy().tolist() == [[1, 2, 2], [2, 2, 2]]
