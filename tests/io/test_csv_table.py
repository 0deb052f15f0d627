from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from export_cases import everything

from nbtrack.errors import InputError
from nbtrack.io.csv_table import object_table, read_csv_table, write_csv

FILES = Path(__file__).parent / "files"
IDS = ["frame", "labelimageId", "trackId", "lineageId", "parentTrackId", "mergerLabelId"]


def test_rows_of_every_kind():
    case = everything()
    table = object_table(case.lineage, case.detections)
    assert list(table.columns[:6]) == IDS
    rows = table[IDS].to_numpy().tolist()
    assert rows[:4] == [[0, 1, 1, 1, 0, 0], [0, 2, 2, 2, 0, 0], [0, 3, 5, 5, 0, 0], [0, 9, 65535, 65535, 0, 0]]
    assert [1, 2, 2, 2, 0, 2] in rows  # the merger has a row for each of its tracks
    assert [1, 2, 5, 5, 0, 2] in rows
    assert [2, 5, 3, 1, 1, 0] in rows  # the first object of a child names its mother
    assert [3, 5, 3, 1, 0, 0] in rows
    assert [5, 7, 0, 0, 0, 0] in rows  # outside any track
    assert len(rows) == len(case.lineage.objects) + 1
    assert rows == sorted(rows, key=lambda row: row[:2])
    assert (table.dtypes.iloc[:6] == np.int64).all()


@pytest.mark.parametrize("ndim", [2, 3])
def test_measurements_have_the_names_of_the_reference(ndim):
    case = everything(ndim)
    table = object_table(case.lineage, case.detections)
    row = table.iloc[0]
    source = case.detections.table.iloc[0]
    for i, axis in enumerate("xyz"[:ndim]):
        assert row[f"Center_of_the_object_{i}"] == source[axis]
        assert row[f"Bounding_Box_Minimum_{i}"] == source[f"bbox_{axis}_min"]
        assert row[f"Bounding_Box_Maximum_{i}"] == source[f"bbox_{axis}_max"]
    assert row["Size_in_pixels"] == source["size"]
    assert row["mean_intensity"] == source["mean intensity"]
    assert len(table.columns) == 6 + 1 + 3 * ndim + 1


@pytest.mark.parametrize("name", ["out", "only.csv"])
def test_what_was_written_is_read_back(name, tmp_path):
    case = everything()
    written = write_csv(case, tmp_path / name)
    assert [f.name for f in written] == (
        ["only.csv"] if name == "only.csv" else ["objects.csv", "divisions.csv", "mergers.csv", "params.json"]
    )
    table, lineage = read_csv_table(tmp_path / name)
    pd.testing.assert_frame_equal(table, object_table(case.lineage, case.detections))
    assert lineage == case.lineage


def test_the_single_file_is_not_overwritten_unless_told(tmp_path):
    write_csv(everything(), tmp_path / "a.csv")
    with pytest.raises(InputError, match="exists already"):
        write_csv(everything(), tmp_path / "a.csv")
    write_csv(everything(), tmp_path / "a.csv", overwrite=True)


def test_files_that_are_no_such_table(tmp_path):
    with pytest.raises(InputError, match=r"none\.csv` cannot be read as a CSV table: .* Check the file\."):
        read_csv_table(tmp_path / "none.csv")
    (tmp_path / "a.csv").write_text("frame,labelimageId,trackId\n1,2,3\n")
    with pytest.raises(InputError, match=r"lacks the column 'lineageId'\. A table of tracked objects has frame, label"):
        read_csv_table(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text(",".join(IDS) + "\n0,1,4,4,0,0\n0,2,4,4,0,0\n")
    with pytest.raises(InputError, match=r"holds no valid lineage: Track 4 already has object 1 in frame 0\."):
        read_csv_table(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text(",".join(IDS) + "\n0,one,4,4,0,0\n")
    with pytest.raises(InputError, match="holds no valid lineage"):
        read_csv_table(tmp_path / "a.csv")


def test_files_of_the_first_version_stay_readable():
    _, lineage = read_csv_table(FILES / "csv")
    assert lineage == everything().lineage
