from pathlib import Path
from types import SimpleNamespace

from export_cases import everything

from nbtrack.data.lineage import Lineage
from nbtrack.io.events_csv import write_events_csv

FILES = Path(__file__).parent / "files"
DIVISIONS = "timestep_parent,track_id_parent,track_id_child1,track_id_child2\n1,1,3,4\n"
MERGERS = "timestep,object_id,track_ids\n1,2,2;5\n2,2,2;5\n"


def test_headers_and_rows(tmp_path):
    written = write_events_csv(everything(), tmp_path / "out")
    assert [f.name for f in written] == ["divisions.csv", "mergers.csv", "params.json"]
    assert written[0].read_bytes().decode() == DIVISIONS
    assert written[1].read_bytes().decode() == MERGERS


def test_no_events_leave_the_headers(tmp_path):
    empty = SimpleNamespace(lineage=Lineage(), detections=everything().detections)
    write_events_csv(empty, tmp_path)
    assert (tmp_path / "divisions.csv").read_text().count("\n") == 1
    assert (tmp_path / "mergers.csv").read_text() == "timestep,object_id,track_ids\n"


def test_files_of_the_first_version():
    assert (FILES / "csv" / "divisions.csv").read_text() == DIVISIONS
    assert (FILES / "csv" / "mergers.csv").read_text() == MERGERS
