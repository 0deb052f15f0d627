import json

import numpy as np
import pandas as pd
import pytest

from nbtrack import project as project_module
from nbtrack.data import content as content_module
from nbtrack.data.movie import Movie
from nbtrack.data.pins import Pin
from nbtrack.editing.session import Session
from nbtrack.errors import InputError
from nbtrack.params import SegmentationParams, TrackingParams
from nbtrack.project import STAGES, Project, hash_content
from nbtrack.segmentation import detect


@pytest.fixture
def raw(tmp_path):
    file = tmp_path / "data" / "raw.h5"
    file.parent.mkdir()
    file.write_bytes(b"pixels" * 1000)
    return file


@pytest.fixture
def finished(tmp_path, raw):
    """A project with every stage done."""
    project = Project(tmp_path / "project")
    project.record("read", {"axes": "tyx"}, inputs={"raw": raw})
    project.record("segment", SegmentationParams(threshold=0.5), tables={"objects": table()})
    project.record("measure")
    project.record("classify", {"classifier": "abc"}, tables={"probabilities": table()})
    project.record("hypotheses", {"neighbors": 3})
    project.record("solve", TrackingParams(), tables={"tracks": table(), "links": table().head(1)})
    return project


def table():
    return pd.DataFrame({"t": [0, 1], "x": [0.1, 1 / 3], "name": ["a", "b"]})


def states(project):
    return [project.state(stage) for stage in STAGES]


def test_a_new_project_has_nothing(tmp_path):
    project = Project(tmp_path / "a" / "b")
    assert states(project) == ["missing"] * 6
    assert not project.edit_log.exists()
    assert project.params("solve") is None
    assert "segment missing" in repr(project)
    assert json.loads((tmp_path / "a" / "b" / "project.json").read_text())["version"] == 1


def test_a_project_is_the_same_when_opened_again(finished):
    again = Project(finished.path)
    assert states(again) == ["done"] * 6
    assert again.params("segment")["threshold"] == 0.5
    assert again.params("segment")["size"] == [10, 1_000_000]
    assert again.params("measure") is None
    pd.testing.assert_frame_equal(again.table("solve", "tracks"), table())
    assert again.stale_stages == ()


def test_other_segmentation_parameters_make_the_tracking_stale(finished):
    other = SegmentationParams(threshold=0.6)
    assert finished.affected_by("segment", other) == ("measure", "classify", "hypotheses", "solve")
    assert states(finished) == ["done"] * 6  # asking changes nothing
    assert finished.record("segment", other) == ("measure", "classify", "hypotheses", "solve")
    assert states(Project(finished.path)) == ["done", "done", *["stale"] * 4]
    finished.record("measure")
    assert states(finished) == ["done", "done", "done", *["stale"] * 3]
    assert finished.table("solve", "tracks").shape == (2, 3)  # still there to look at


def test_other_labels_make_the_tracking_stale(finished):
    assert finished.record("classify", {"classifier": "def"}) == ("hypotheses", "solve")
    assert finished.record("classify", {"classifier": "abc"}) == ()


def test_a_project_that_never_classified_needs_not_begin(tmp_path):
    project = Project(tmp_path)
    for stage in STAGES:
        if stage != "classify":
            project.record(stage)
    assert states(project) == ["done", "done", "done", "missing", "done", "done"]
    assert project.labelling_folder == tmp_path / "labelling"


def test_the_same_or_the_old_parameters_leave_the_results_valid(finished):
    assert finished.affected_by("segment", SegmentationParams(threshold=0.5)) == ()
    assert finished.record("segment", SegmentationParams(threshold=0.5)) == ()
    assert finished.record("segment", SegmentationParams(threshold=0.7)) != ()
    assert finished.record("segment", SegmentationParams(threshold=0.5)) == ()
    assert finished.record("solve", TrackingParams(appearance=3.0)) == ()  # nothing comes after it
    assert finished.affected_by("solve", TrackingParams()) == ()


def test_another_movie_makes_everything_stale_and_a_moved_one_nothing(finished, raw, tmp_path):
    moved = tmp_path / "elsewhere.h5"
    raw.rename(moved)
    with pytest.raises(
        InputError, match=r"`raw` is no longer at `.*raw\.h5`\. Move it back, or record the stage 'read'"
    ):
        finished.input_path("read", "raw")
    assert finished.record("read", {"axes": "tyx"}, inputs={"raw": moved}) == ()
    assert finished.input_path("read", "raw") == moved.resolve()
    moved.write_bytes(b"others" * 1000)
    with pytest.raises(
        InputError, match=r"`raw` at `.*elsewhere\.h5` changed since the stage 'read' was run\. Run the"
    ):
        finished.input_path("read", "raw")
    assert finished.record("read", {"axes": "tyx"}, inputs={"raw": moved}) == STAGES[1:]


def test_project_and_data_can_move_together(finished, raw, tmp_path):
    (tmp_path / "new").mkdir()
    finished.path.rename(tmp_path / "new" / "project")
    raw.parent.rename(tmp_path / "new" / "data")
    again = Project(tmp_path / "new" / "project")
    assert again.input_path("read", "raw") == (tmp_path / "new" / "data" / "raw.h5").resolve()


def test_tables_of_an_earlier_run_are_replaced(finished):
    finished.record("solve", TrackingParams(), tables={"tracks": table().head(1)})
    assert len(finished.table("solve", "tracks")) == 1
    with pytest.raises(InputError, match=r"Stage 'solve' has no table 'links': it has 'tracks'\. Run it first\."):
        finished.table("solve", "links")
    assert [p.name for p in (finished.path / "results" / "solve").iterdir()] == ["tracks.csv"]
    (finished.path / "results" / "solve" / "tracks.csv").unlink()
    with pytest.raises(InputError, match=r"tracks\.csv` cannot be read: .* Run the stage 'solve' again\."):
        finished.table("solve", "tracks")


def test_a_session_comes_back_from_the_edit_log(finished):
    labels = np.array([[[1, 0]], [[0, 1]]], np.uint32)
    detections = detect(Movie.from_array(labels, axes="tyx"))
    session = Session(None, detections, log=finished.edit_log)
    session.assign(0, 1, session.new_track())
    assert Session.reopen(None, detections, Project(finished.path).edit_log).lineage == session.lineage


@pytest.mark.parametrize("keep", [0, 1, 100, 500])
def test_a_truncated_project_file_is_a_sentence_and_is_kept(finished, keep):
    file = finished.path / "project.json"
    part = file.read_text()[:keep]
    file.write_text(part)
    with pytest.raises(
        InputError, match=r"project\.json` is damaged and cannot be read as a project: .*\. Put back a copy"
    ):
        Project(finished.path)
    assert file.read_text() == part


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "other"}, "it is not a project file of nbtrack"),
        ({"stages": []}, "its stages are not complete"),
        ({"stages": {"segment": {}}}, "its stages are not complete"),
        ({"stages": {"paint": {}}}, "its stages are not complete"),
        ({"version": 2}, "has the version 2, but this nbtrack reads up to version 1. Update nbtrack"),
        ({"version": None}, "has the version None"),
    ],
)
def test_project_files_of_another_kind(finished, change, words):
    file = finished.path / "project.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(InputError, match=words):
        Project(finished.path)


def test_names_in_the_file_cannot_lead_out_of_the_folder(finished):
    file = finished.path / "project.json"
    content = json.loads(file.read_text())
    content["stages"]["solve"]["tables"] = ["../../secret"]
    file.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"'\.\./\.\./secret' cannot be the name of a table\. Use letters, digits"):
        Project(finished.path)


def test_wrong_arguments_change_nothing(finished, tmp_path):
    before = (finished.path / "project.json").read_text()
    for call in (finished.state, finished.params, finished.record):
        with pytest.raises(InputError, match=r"`stage` must be one of 'read', 'segment', .*: got 'paint'\."):
            call("paint")
    with pytest.raises(InputError, match=r"none\.h5` does not exist\. Check the path of the input\."):
        finished.record("read", inputs={"raw": tmp_path / "none.h5"})
    with pytest.raises(InputError, match="cannot be the name of a table"):
        finished.record("solve", tables={"a/b": table()})
    with pytest.raises(InputError, match=r"Stage 'solve' has no input 'raw': it has none\."):
        finished.input_path("solve", "raw")
    assert (finished.path / "project.json").read_text() == before


@pytest.mark.parametrize("where", ["project file", "second table"])
def test_a_full_disk_leaves_everything_as_it_was(finished, monkeypatch, where):
    before = {p: p.read_bytes() for p in sorted(finished.path.rglob("*")) if p.is_file()}
    to_csv, calls = pd.DataFrame.to_csv, []

    def full(*args, **kwargs):
        calls.append(args)
        if where == "second table" and len(calls) == 1:
            return to_csv(*args, **kwargs)
        raise OSError(28, "No space left on device")

    if where == "project file":
        monkeypatch.setattr(project_module.Path, "write_text", full)
    else:
        monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    with pytest.raises(InputError, match="could not be written"):
        finished.record("segment", SegmentationParams(threshold=0.9), tables={"objects": table(), "other": table()})
    monkeypatch.undo()
    assert {p: p.read_bytes() for p in sorted(finished.path.rglob("*")) if p.is_file()} == before
    assert states(finished) == ["done"] * 6
    assert finished.params("segment")["threshold"] == 0.5


def test_a_stage_without_tables_removes_the_old_ones(finished):
    finished.record("solve", TrackingParams())
    assert not (finished.path / "results" / "solve").exists()


def test_large_files_are_hashed_by_samples(tmp_path, monkeypatch):
    monkeypatch.setattr(content_module, "_BLOCK", 8)
    monkeypatch.setattr(content_module, "_BLOCKS", 4)
    file = tmp_path / "a"
    content = bytearray(range(200))
    file.write_bytes(content)
    first = hash_content(file)
    content[199] = 0  # the end is always read
    file.write_bytes(content)
    assert hash_content(file) != first
    file.write_bytes(bytes(range(199)))
    assert hash_content(file) != first


def test_folders_are_hashed_with_the_names_of_their_files(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "t0.tif").write_bytes(b"1")
    first = hash_content(tmp_path / "in")
    (tmp_path / "in" / "t0.tif").rename(tmp_path / "in" / "t1.tif")
    assert hash_content(tmp_path / "in") != first
    with pytest.raises(InputError, match=r"none` cannot be read: .* Check the file\."):
        hash_content(tmp_path / "none")


def test_edit_logs_are_put_aside_under_free_names(tmp_path, monkeypatch):
    project = Project(tmp_path / "project")
    assert project.archive_edits() is None
    (project.path / "edits-7.jsonl").write_text("old")
    for name in ("edits-8.jsonl", "edits-9.jsonl"):
        project.edit_log.write_text(name)
        assert project.archive_edits() == project.path / name
        assert (project.path / name).read_text() == name
        assert not project.edit_log.exists()

    def fail(*_):
        raise OSError(13, "Permission denied")

    project.edit_log.write_text("new")
    monkeypatch.setattr(project_module.Path, "rename", fail)
    with pytest.raises(InputError, match=r"cannot be put aside: .*Permission denied. Nothing was changed"):
        project.archive_edits()
    assert project.edit_log.read_text() == "new"


def test_pins_are_kept_with_their_objects(tmp_path):
    project = Project(tmp_path / "project")
    pins = [Pin("object", 1, 2, 0), Pin("link", 3, 4, 1, target_id=5), Pin("count", 6, 7, 2)]
    assert project.load_pins("a" * 64) == ()
    project.save_pins(pins, "a" * 64)
    project.save_pins(pins[:1], "b" * 64)
    again = Project(tmp_path / "project")
    assert again.load_pins("a" * 64) == tuple(pins)
    assert again.load_pins("b" * 64) == tuple(pins[:1])
    file = next((tmp_path / "project" / "pins").glob("aaaa*.json"))
    for damaged in ("{", "[]", file.read_text().replace('"kind": "object"', '"kind": "wish"'), '{"format": "other"}'):
        file.write_text(damaged)
        with pytest.raises(InputError, match="is damaged"):
            again.load_pins("a" * 64)
    assert again.load_pins("b" * 64) == tuple(pins[:1])
