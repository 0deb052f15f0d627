from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from export_cases import detections_from, everything, same_labels

from nbtrack.data.lineage import Lineage
from nbtrack.errors import InputError
from nbtrack.io.ctc import continuous_tracks, read_ctc, write_ctc

FILES = Path(__file__).parent / "files"
LINES = ["1 0 1 0", "2 0 3 0", "3 5 5 2", "4 2 3 1", "5 2 2 1", "6 0 0 0", "7 3 3 6", "8 5 5 7"]


def test_gaps_and_mergers_split_tracks(tmp_path):
    case = everything()
    names = [f.name for f in write_ctc(case, tmp_path / "out")]
    assert names == [f"mask{t:03d}.tif" for t in range(6)] + ["params.json", "res_track.txt"]
    assert (tmp_path / "out" / "res_track.txt").read_text().splitlines() == LINES
    masks = [tifffile.imread(tmp_path / "out" / f"mask{t:03d}.tif") for t in range(6)]
    assert all(m.dtype == np.uint16 and m.shape == (12, 14) for m in masks)
    with tifffile.TiffFile(tmp_path / "out" / "mask000.tif") as file:
        assert file.pages[0].compression.name == "ADOBE_DEFLATE"
    labels = case.detections.labels
    assert not masks[0][labels[0] == 9].any()  # false detection
    assert not masks[5][labels[5] == 7].any()  # outside any track
    assert not masks[4].any()  # the empty frame is there
    assert (masks[1][labels[1] == 2] == 2).all()  # the first track of the merger
    assert [sorted(set(np.unique(m)) - {0}) for m in masks] == [[1, 2, 6], [1, 2], [2, 4, 5], [2, 4, 7], [], [3, 8]]


@pytest.mark.parametrize("ndim", [2, 3])
def test_what_was_written_is_read_back(ndim, tmp_path):
    case = everything(ndim)
    write_ctc(case, tmp_path / "out")
    labels, lineage = read_ctc(tmp_path / "out")
    lineage.check()
    assert labels.ndim == ndim
    assert lineage.divisions.keys() == {1}
    assert lineage.tracks[["t_start", "t_end"]].to_numpy().tolist() == [[0, 1], [0, 5], [2, 3], [2, 2], [0, 5]]
    # what was read is written again as it is: nothing is left to split
    again = SimpleNamespace(lineage=lineage, detections=detections_from(list(labels)))
    write_ctc(again, tmp_path / "again")
    assert (tmp_path / "again" / "res_track.txt").read_text() == (tmp_path / "out" / "res_track.txt").read_text()
    twice, same = read_ctc(tmp_path / "again")
    assert same_labels(labels, twice)
    assert same == lineage


def test_a_plain_lineage_keeps_its_track_ids(tmp_path):
    frames = everything().detections.labels[:2]
    lineage = Lineage.from_tables([(0, 3, 1), (0, 1, 2), (1, 1, 2), (1, 2, 3)])
    write_ctc(SimpleNamespace(lineage=lineage, detections=detections_from(frames)), tmp_path)
    assert (tmp_path / "res_track.txt").read_text() == "1 0 0 0\n2 0 1 0\n3 1 1 0\n"


def test_a_parent_without_pixels_of_its_own_passes_its_children_on():
    hidden = Lineage.from_tables([(0, 1, 1), (1, 3, 5), (1, 3, 2), (1, 2, 3), (2, 1, 6), (2, 2, 7)])
    hidden.divide(0, 1, 2, 3)
    hidden.divide(1, 2, 6, 7)  # track 2 is never seen alone
    table, _ = continuous_tracks(hidden)
    assert table[table["first"] == 2]["parent"].tolist() == [1, 1]


def test_long_movies_get_more_digits(tmp_path):
    frame = np.ones((1, 1), np.uint32)
    lineage = Lineage.from_tables([(t, 1, 1) for t in range(1001)])
    detections = detections_from([frame] * 2)
    table = detections.table.iloc[np.zeros(1001, int)].assign(t=np.arange(1001)).reset_index(drop=True)
    detections = type(detections)([frame] * 1001, table, (1, 1))
    write_ctc(SimpleNamespace(lineage=lineage, detections=detections), tmp_path)
    assert (tmp_path / "mask0000.tif").exists()
    assert (tmp_path / "mask1000.tif").exists()
    labels, read = read_ctc(tmp_path)
    assert len(labels) == 1001
    assert read == lineage


def test_more_tracks_than_labels_are_refused(tmp_path):
    frame = np.arange(1, 65537, dtype=np.uint32).reshape(256, 256)
    lineage = Lineage.from_tables((0, i, i if i < 65535 else i + 1) for i in range(1, 65537))
    case = SimpleNamespace(lineage=lineage, detections=detections_from([frame[:, :1], frame[:, :1]]))
    case.detections = type(case.detections)([frame], _grid_table(frame), frame.shape)
    with pytest.raises(InputError, match=r"has 65536 continuous tracks, but the CTC format has room for 65535 labels"):
        write_ctc(case, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def _grid_table(frame):
    import pandas as pd

    from nbtrack.data.columns import detection_columns

    y, x = np.divmod(np.arange(frame.size), frame.shape[1])
    values = {"t": 0 * y, "object_id": frame.ravel(), "y": y, "x": x, "size": 0 * y + 1}
    values |= {"bbox_y_min": y, "bbox_x_min": x, "bbox_y_max": y + 1, "bbox_x_max": x + 1}
    return pd.DataFrame(values).astype(detection_columns(2))


def write_folder(folder, masks, lines, prefix="mask", name="res_track.txt"):
    folder.mkdir(exist_ok=True)
    for t, mask in enumerate(masks):
        tifffile.imwrite(folder / f"{prefix}{t:03d}.tif", np.asarray(mask, np.uint16))
    (folder / name).write_text("\n".join(lines) + "\n")


def test_truth_folders_are_found(tmp_path):
    tra = tmp_path / "GT"
    tra.mkdir()
    write_folder(tra / "TRA", [[[1, 65535]], [[1, 65535]]], ["1 0 1 0", "65535 0 1 0"], "man_track", "man_track.txt")
    for path in (tmp_path, tra, tra / "TRA"):
        labels, lineage = read_ctc(path)
        assert labels.shape == (2, 1, 2)
        assert lineage.track_ids == [1, 65536]  # 65535 is no track id
        assert lineage.object_at(65536, 1) == 65535


def test_output_of_the_command_line_is_found(tmp_path):
    write_folder(tmp_path / "ctc", [[[1]], [[1]]], ["1 0 1 0"])
    assert read_ctc(tmp_path)[1].track_ids == [1]


def test_three_children_are_told(tmp_path, caplog):
    write_folder(tmp_path, [[[1, 0, 0]], [[2, 3, 4]]], ["1 0 0 0", "2 1 1 1", "3 1 1 1", "4 1 1 1"])
    _, lineage = read_ctc(tmp_path)
    assert lineage.children_of(1) == (2, 3)
    assert "Track 1 has 3 children; only the first two are kept." in caplog.text


def test_folders_that_cannot_be_read(tmp_path):
    folder = tmp_path / "ctc"
    with pytest.raises(InputError, match=r"is no folder of the Cell Tracking Challenge\. It must hold mask\*\.tif and"):
        read_ctc(folder)
    write_folder(folder, [[[1]], [[2]]], ["1 0 0 0"])
    with pytest.raises(InputError, match=r"`mask001\.tif` has the label 2, which `res_track\.txt` does not list"):
        read_ctc(folder)
    write_folder(folder, [[[1]], [[2]]], ["1 0 0 0", "2 1 one 0"])
    with pytest.raises(InputError, match=r"has '2 1 one 0' in line 2, but must have label, first, last and parent"):
        read_ctc(folder)
    write_folder(folder, [[[1]], [[2]]], ["1 0 0 0", "2 1 1 0", "2 1 1 1"])
    with pytest.raises(InputError, match=r"lists the label 2 twice\. Each track has one line\."):
        read_ctc(folder)
    write_folder(folder, [[[1, 0, 0]], [[1, 2, 3]]], ["1 0 1 0", "2 1 1 1", "3 1 1 1"])
    with pytest.raises(InputError, match=r"holds no valid lineage: Child track 2 must begin after frame 1"):
        read_ctc(folder)
    write_folder(folder, [[[1]], [[1, 1]]], ["1 0 1 0"])
    with pytest.raises(InputError, match=r"mask001\.tif` has shape \(1, 2\), but the first mask has \(1, 1\)"):
        read_ctc(folder)
    (folder / "mask001.tif").write_bytes(b"II*\0")
    with pytest.raises(InputError, match=r"mask001\.tif` cannot be read as a TIFF file"):
        read_ctc(folder)
    (folder / "mask001.tif").rename(folder / "mask002.tif")
    with pytest.raises(InputError, match=r"has no mask for frame 1\. Complete the folder"):
        read_ctc(folder)
    tifffile.imwrite(folder / "mask000.tif", np.zeros((2, 2), np.float32))
    (folder / "mask002.tif").unlink()
    with pytest.raises(InputError, match="must be a label image in two or three dimensions: got float32 of shape"):
        read_ctc(folder)


def test_files_of_the_first_version_stay_readable():
    _, lineage = read_ctc(FILES / "ctc")
    assert lineage.divisions.keys() == {1}
    assert len(lineage.track_ids) == 5
