"""What a workflow makes of its objects is kept by the project and comes back, and every step tells where it stands."""

import json

import numpy as np
import pandas as pd
import pytest

import nbtrack as nbt
from nbtrack.stages import STATES, STEPS, step_states
from nbtrack.workflow import Workflow


@pytest.fixture
def files(tmp_path):
    sample = nbt.sample("shapes")
    np.save(tmp_path / "raw.npy", np.stack(list(sample.raw)))
    np.save(tmp_path / "prediction.npy", np.stack(list(sample.prediction)))
    return {"raw": tmp_path / "raw.npy", "prediction": tmp_path / "prediction.npy", "raw_axes": "tyx",
            "prediction_axes": "tyxc"}  # fmt: skip


def begin(project, files):
    workflow = Workflow(project)
    workflow.load(**files)
    workflow.apply()
    return workflow


def state(workflow, name):
    return next(step.state for step in step_states(workflow) if step.name == name)


def test_states_follow_the_work(files, tmp_path) -> None:
    workflow = Workflow(tmp_path / "project")
    assert [step.name for step in step_states(workflow)] == list(STEPS)
    workflow.load(prediction=files["prediction"], prediction_axes="tyxc")
    workflow.load(raw=files["raw"], raw_axes="ytx")
    assert next(step.text for step in step_states(workflow)) == "the files do not fit"
    workflow.load(raw_axes="tyx")
    workflow.apply()
    workflow.session.new_track()
    workflow.session.follow(0, 1)
    texts = {step.name: step.text for step in step_states(workflow)}
    assert texts["Track by hand"] == "1 track, 0 of 12 frames complete"
    assert texts["Export"] == "ready"
    assert {step.state for step in step_states(workflow)} <= set(STATES)


def test_a_result_comes_back_with_the_project(files, tmp_path) -> None:
    workflow = begin(tmp_path / "project", files)
    assert workflow.result is None
    result = nbt.track(workflow.classified, nbt.TrackingParams(alpha=20.0), movie=workflow.raw)
    workflow.runs.add(result)
    assert workflow.result is result
    again = Workflow(tmp_path / "project")
    back = again.result
    assert nbt.compare(result, back).same
    assert back.report == result.report
    assert back.params == result.params
    for name in ("objects", "links", "divisions", "mergers", "false_detections"):
        pd.testing.assert_frame_equal(getattr(back, name), getattr(result, name), check_dtype=False)
    nbt.write(back, tmp_path / "out", format="csv")
    nbt.write(result, tmp_path / "other", format="csv")
    assert (tmp_path / "out/objects.csv").read_bytes() == (tmp_path / "other/objects.csv").read_bytes()
    again.correct(back)
    assert again.corrects
    assert Workflow(tmp_path / "project").corrects


def test_a_result_of_other_objects_is_dropped_and_comes_back_with_them(files, tmp_path) -> None:
    workflow = begin(tmp_path / "project", files)
    workflow.runs.add(nbt.track(workflow.classified))
    first = workflow.params
    assert "These stages would have to be run again: solve" in workflow.would_lose(nbt.SegmentationParams(channel=0))
    workflow.apply(nbt.SegmentationParams(channel=1, threshold=0.9), confirm=True)
    assert workflow.result is None
    assert state(workflow, "Track automatically") == "stale"
    assert Workflow(tmp_path / "project").result is None
    workflow.apply(first, confirm=True)
    assert state(Workflow(tmp_path / "project"), "Track automatically") == "done"


def test_a_damaged_result_is_told_and_the_rest_opens(files, tmp_path) -> None:
    workflow = begin(tmp_path / "project", files)
    workflow.runs.add(nbt.track(workflow.classified))
    (tmp_path / "project" / "results" / "solve" / "lineage_objects.csv").write_text("t,object_id\n1,2\n")
    again = Workflow(tmp_path / "project")
    assert again.result is None
    assert "The automatic result of the project cannot be read" in again.notes["result"]
    assert len(again.detections) == len(workflow.detections)


def test_damaged_labels_are_told_and_the_rest_opens(files, tmp_path) -> None:
    workflow = begin(tmp_path / "project", files)
    workflow.labelling.set_count(0, 1, 1)
    (tmp_path / "project" / "labelling" / "labels.json").write_text("{")
    again = Workflow(tmp_path / "project")
    assert len(again.detections) == len(workflow.detections)
    assert state(again, "Classify") == "done"
    with pytest.raises(nbt.InputError, match=r"labels\.json"):
        again.labelling.labels.counts  # noqa: B018 (reading is what fails)


def test_pins_are_held_and_kept(files, tmp_path) -> None:
    workflow = begin(tmp_path / "project", files)
    workflow.pins = [nbt.Pin("object", 0, 1, 0)]
    again = Workflow(tmp_path / "project")
    assert again.pins == workflow.pins
    assert nbt.track(again.classified, fixed=again.pins).lineage.is_false(0, 1)
    again.apply(nbt.SegmentationParams(channel=1, threshold=0.9), confirm=True)
    assert again.pins == ()
    empty = Workflow()
    with pytest.raises(nbt.InputError, match="There are no objects yet"):
        empty.pins = []


def test_a_moved_folder_opens_with_everything(files, tmp_path) -> None:
    (tmp_path / "a").mkdir()
    for name in ("raw", "prediction"):
        files[name] = files[name].rename(tmp_path / "a" / files[name].name)
    workflow = begin(tmp_path / "a" / "project", files)
    workflow.labelling.set_count(0, 1, 1)
    workflow.pins = [nbt.Pin("object", 0, 1, 1)]
    workflow.runs.add(nbt.track(workflow.classified))
    workflow.correct(workflow.result)
    workflow.session.mark_false(0, 2, force=True)
    (tmp_path / "a").rename(tmp_path / "b")
    again = Workflow(tmp_path / "b" / "project")
    assert again.notes == {}
    assert again.raw.source == tmp_path / "b" / "raw.npy"
    assert again.session.lineage.is_false(0, 2)
    assert len(again.labelling.labels) == 1
    assert again.pins == workflow.pins
    assert nbt.compare(again.result, workflow.result).same
    assert str(tmp_path) not in (tmp_path / "b" / "project" / "project.json").read_text()
    stages = json.loads((tmp_path / "b" / "project" / "project.json").read_text())["stages"]
    assert list(stages) == ["read", "segment", "classify", "solve"]
