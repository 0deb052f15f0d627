import errno
import json
import logging
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from export_cases import detections_from, everything, tracked

from nbtrack.data.lineage import Lineage
from nbtrack.errors import InputError
from nbtrack.io.csv_table import write_csv
from nbtrack.io.ctc import write_ctc
from nbtrack.io.events_csv import write_events_csv
from nbtrack.io.events_h5 import write_events_h5
from nbtrack.io.export import answer_of, colored_objects, plain, recolored_frames
from nbtrack.io.labels import write_labels
from nbtrack.io.png_series import write_png

FOLDER_WRITERS = [write_csv, write_ctc, write_events_csv, write_events_h5, write_labels, write_png]


def test_what_is_no_result_is_refused():
    with pytest.raises(
        InputError, match=r"`result` must have a lineage and detections: got Lineage\. Give what `track`"
    ):
        answer_of(Lineage())


def test_a_lineage_of_other_detections_is_refused():
    case = everything()
    case.lineage.assign(3, 77, 50)
    with pytest.raises(InputError, match="object 77 in frame 3, which is not among the detections"):
        answer_of(case)


def test_values_by_track_and_lineage():
    case = everything()
    by_track = colored_objects(case.lineage, "track").set_index(["t", "object_id"])["value"]
    assert by_track[0, 9] == 65535
    assert by_track[1, 2] == 2  # the first track of the merger
    assert by_track[2, 5] == 3
    assert (5, 7) not in by_track.index
    by_lineage = colored_objects(case.lineage, "lineage").set_index(["t", "object_id"])["value"]
    assert by_lineage[2, 5] == by_lineage[2, 1] == 1
    assert by_lineage[0, 9] == 65535
    with pytest.raises(InputError, match=r'`by` must be "track" or "lineage": got \'cell\'\.'):
        colored_objects(case.lineage, "cell")


def test_huge_object_ids_are_recoloured_without_a_huge_table():
    frame = np.zeros((3, 4), np.uint32)
    frame[0, 0], frame[1, 1:3], frame[2, 3] = 5, 4_000_000_000, 3_999_999_999
    detections = detections_from([frame[:1, :2]])  # the table does not matter here
    detections = SimpleNamespace(labels=[frame], n_frames=1, table=detections.table)
    lineage = Lineage.from_tables([(0, 4_000_000_000, 8), (0, 6, 9)])
    (seen,) = recolored_frames(detections, colored_objects(lineage, "track"), np.dtype(np.uint16))
    assert np.array_equal(seen, np.where(frame == 4_000_000_000, 8, 0))


@pytest.mark.parametrize("write", FOLDER_WRITERS)
def test_folders_are_not_overwritten_unless_told(write, tmp_path):
    case = everything()
    target = tmp_path / "deep" / "out"
    written = write(case, target)
    assert all(file.is_file() for file in written)
    assert sorted(written) == sorted(target.iterdir())
    (target / "mine.txt").write_text("notes")
    with pytest.raises(
        InputError, match=r"already holds '.+' and \d+ more\. Choose another folder, or say overwrite=True"
    ):
        write(case, target)
    before = {file: file.read_bytes() for file in written}
    write(case, target, overwrite=True)
    assert (target / "mine.txt").read_text() == "notes"
    assert all(file.read_bytes() == before[file] for file in written if file.suffix != ".h5")
    assert [p.name for p in target.parent.iterdir()] == ["out"]


@pytest.mark.parametrize("write", FOLDER_WRITERS)
def test_a_file_in_the_place_of_a_folder(write, tmp_path):
    (tmp_path / "out").write_text("I was here first")
    with pytest.raises(InputError, match=r"out` is a file, but this format needs a folder\. Choose another name"):
        write(everything(), tmp_path / "out", overwrite=True)
    assert (tmp_path / "out").read_text() == "I was here first"


def test_a_shorter_export_removes_the_frames_of_the_longer_one(tmp_path):
    write_ctc(everything(), tmp_path / "out")
    (tmp_path / "out" / "t000.tif").write_bytes(b"raw")
    frames = everything().detections.labels[:2]
    short = SimpleNamespace(lineage=Lineage.from_tables([(0, 1, 1), (1, 1, 1)]), detections=detections_from(frames))
    write_ctc(short, tmp_path / "out", overwrite=True)
    names = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert names == ["mask000.tif", "mask001.tif", "params.json", "res_track.txt", "t000.tif"]


def test_a_full_disk_leaves_the_old_export(tmp_path, monkeypatch):
    case, target = everything(), tmp_path / "out"
    write_ctc(case, target)
    before = {p.name: p.read_bytes() for p in target.iterdir()}
    write, calls = tifffile.imwrite, []

    def imwrite(*args, **kwargs):
        calls.append(args)
        if len(calls) > 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(*args, **kwargs)

    monkeypatch.setattr(tifffile, "imwrite", imwrite)
    with pytest.raises(
        InputError, match=r"could not be written: .*No space left on device.* Make room or choose another"
    ):
        write_ctc(case, target, overwrite=True)
    assert {p.name: p.read_bytes() for p in target.iterdir()} == before
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_full_disk_leaves_no_half_folder(tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tifffile, "imwrite", full)
    for write in (write_ctc, write_labels):
        with pytest.raises(InputError, match="No space left"):
            write(everything(), tmp_path / "out")
    with pytest.raises(InputError, match="No space left"):
        write_labels(everything(), tmp_path / "out.tif")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("write", [write_labels, write_events_h5])
def test_hdf5_never_meets_a_full_disk(write, tmp_path, monkeypatch):
    """The library takes the process down if it cannot flush, so the room is looked at before each frame."""
    usage, rooms = shutil.disk_usage(tmp_path), [10**9] * 3 + [2**23]
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=rooms.pop(0)))
    target = tmp_path / ("a.h5" if write is write_labels else "a")
    with pytest.raises(InputError, match=r"could not be written: .*No space left on device"):
        write(everything(), target)
    assert rooms == []
    assert list(tmp_path.iterdir()) == []


def test_provenance_lies_beside_the_files(tmp_path):
    write_csv(tracked(), tmp_path / "out")
    made = json.loads((tmp_path / "out" / "params.json").read_text())
    assert made["params"]["appearance"] == 500.0
    assert made["report"]["solver"] == "highs"
    assert made["report"]["bound"] == "-inf"
    assert made["detections"] == {"threshold": 0.5, "size": [1, 9]}
    assert made["versions"]["numpy"] == np.__version__
    write_csv(everything(), tmp_path / "by_hand")
    made = json.loads((tmp_path / "by_hand" / "params.json").read_text())
    assert made["params"] is None
    assert made["report"] is None


def test_plain_values():
    assert plain({1: np.float64("nan"), "a": (np.int64(3), np.arange(2)), "b": logging}) == {
        "1": "nan",
        "a": [3, [0, 1]],
        "b": str(logging),
    }


@pytest.mark.parametrize("format", ["csv", "divisions-csv", "mergers-csv", "celltracks"])
def test_a_single_table_has_its_provenance_beside_it(tmp_path, format):
    import nbtrack as nbt

    path = tmp_path / "table.csv"
    assert nbt.write(tracked(), path, format=format) == [path]
    made = json.loads((tmp_path / "table.params.json").read_text())
    assert made["params"]["preset"] == "conservation"
    assert made["versions"]["nbtrack"]
    nbt.write(tracked(), path, format=format, overwrite=True)


def test_a_tiff_tells_in_its_metadata_how_it_was_made(tmp_path):
    import tifffile

    write_labels(tracked(), tmp_path / "tracks.tif")
    with tifffile.TiffFile(tmp_path / "tracks.tif") as file:
        assert file.ome_metadata is not None
        assert "conservation" in file.ome_metadata
        assert file.series[0].axes == "TYX"
