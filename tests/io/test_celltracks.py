"""Spot tables with the column names of TrackMate, as CellTracksColab takes them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from export_cases import detections_from, everything, tracked

import nbtrack as nbt
from nbtrack.errors import InputError
from nbtrack.io.celltracks import read_celltracks, write_celltracks

FILES = Path(__file__).parent / "files" / "tracks"


@pytest.mark.parametrize("ndim", [2, 3])
def test_what_was_written_is_read_back(ndim, tmp_path):
    case = tracked(ndim)
    assert nbt.write(case, tmp_path / "a.csv", format="celltracks") == [tmp_path / "a.csv"]
    found = nbt.read_tracks(tmp_path / "a.csv", scale=case.detections.scale)
    expected = case.lineage.copy()
    expected.unmark_false(0, 9)
    assert found.lineage == expected
    both = found.detections.table.merge(case.detections.table, on=["t", "object_id"], suffixes=("", "_true"))
    np.testing.assert_allclose(both["y"], both["y_true"])


def test_the_columns_are_those_that_are_asked_for(tmp_path):
    write_celltracks(tracked(), tmp_path / "a.csv", interval=2.5)
    table = pd.read_csv(tmp_path / "a.csv")
    needed = ["TRACK_ID", "POSITION_X", "POSITION_Y", "POSITION_Z", "POSITION_T", "FRAME"]
    assert set(needed) <= set(table)
    assert not table[needed].isna().any().any()
    assert table.duplicated(["TRACK_ID", "FRAME"]).sum() == 0
    assert (table["POSITION_T"] == 2.5 * table["FRAME"]).all()
    assert table["POSITION_X"].iloc[0] == 2.0
    # what CellTracksColab does with it: sort, and measure steps within a track
    steps = table.sort_values(["TRACK_ID", "POSITION_T"]).groupby("TRACK_ID")["POSITION_X"].diff()
    assert steps.isna().sum() == table["TRACK_ID"].nunique() == 5


def test_a_table_of_trackmate_itself(tmp_path):
    text = (
        "LABEL,ID,TRACK_ID,QUALITY,POSITION_X,POSITION_Y,POSITION_Z,POSITION_T,FRAME,RADIUS,VISIBILITY\n"
        "Label,Spot ID,Track ID,Quality,X,Y,Z,T,Frame,Radius,Visibility\n"
        "Label,Spot ID,Track ID,Quality,X,Y,Z,T,Frame,R,Visibility\n"
        ",,,(quality),(micron),(micron),(micron),(sec),,(micron),\n"
        "ID1,1,0,3.0,2.0,3.0,0.0,0.0,0,1.0,1\n"
        "ID2,2,0,3.0,2.5,3.0,0.0,5.0,1,1.0,1\n"
        "ID3,3,1,3.0,8.0,3.0,0.0,5.0,1,1.0,1\n"
        "ID4,4,,3.0,8.0,8.0,0.0,5.0,1,1.0,1\n"
    )
    (tmp_path / "a.csv").write_text(text)
    found = nbt.read_tracks(tmp_path / "a.csv", scale=0.5)
    assert found.lineage.tracks[["t_start", "t_end"]].to_numpy().tolist() == [[0, 1], [1, 1]]
    assert found.detections.table["x"].tolist() == [4, 5, 16, 16]
    assert found.detections.ndim == 2
    without = "\n".join(line.rsplit(",", 3)[0] for line in text.splitlines())
    (tmp_path / "b.csv").write_text(without)  # no frames, only times
    assert read_celltracks(tmp_path / "b.csv").detections.n_frames == 2
    (tmp_path / "a.csv").write_text(text.replace("ID3,3,1", "ID3,3,0"))
    with pytest.raises(InputError, match=r"has track 1 twice in frame 1, .* such as the XML of TrackMate"):
        read_celltracks(tmp_path / "a.csv")


def test_it_is_given_to_other_objects(tmp_path):
    case = everything()
    case.detections = detections_from(case.detections.labels)
    write_celltracks(case, tmp_path / "a.csv")
    found = nbt.read_lineage(tmp_path / "a.csv", case.detections)
    assert found.tracks_at(1, 2) == (2, 5)
    assert found.divisions == case.lineage.divisions


def test_damage_is_told(tmp_path):
    (tmp_path / "a.csv").write_text("TRACK_ID,POSITION_X\n1,2\n")
    with pytest.raises(
        InputError, match=r"lacks the column 'POSITION_Y'\. A table of spots has TRACK_ID, POSITION_X, P"
    ):
        read_celltracks(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text("TRACK_ID,POSITION_X,POSITION_Y\n1,2,3\n")
    with pytest.raises(InputError, match=r"lacks the column 'FRAME'"):
        read_celltracks(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text("")
    with pytest.raises(InputError, match=r"cannot be read as a CSV table: "):
        read_celltracks(tmp_path / "a.csv")
    write_celltracks(everything(), tmp_path / "b.csv")
    with pytest.raises(InputError, match=r"exists already"):
        write_celltracks(everything(), tmp_path / "b.csv")


def test_the_file_of_the_first_version_stays_readable():
    found = nbt.read_tracks(FILES / "celltracks.csv", scale=0.5).lineage
    assert found.divisions == everything().lineage.divisions
    assert found.mergers() == everything().lineage.mergers()
