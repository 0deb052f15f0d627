"""From two files to a session and back, whatever happens between."""

import json
import os
import shutil
import subprocess
import sys

import h5py
import numpy as np
import pytest
import workflow_actions
from workflow_actions import PARAMS, act

import nbtrack as nbt
from nbtrack.data.movie import Movie
from nbtrack.editing.session import Session
from nbtrack.errors import EditError, InputError
from nbtrack.params import SegmentationParams
from nbtrack.project import Project
from nbtrack.segmentation import segment
from nbtrack.workflow import Workflow


@pytest.fixture(scope="module")
def sample():
    return nbt.sample("shapes")


@pytest.fixture
def files(tmp_path, sample):
    """Raw movie without axes, and prediction map with its axes, as files."""
    with h5py.File(tmp_path / "raw.h5", "w") as file:
        file["data"] = np.stack(list(sample.raw))
    with h5py.File(tmp_path / "prediction.h5", "w") as file:
        file["exported_data"] = np.stack(list(sample.prediction))
        tags = json.dumps({"axes": [{"key": letter} for letter in "tyxc"]})
        file["exported_data"].attrs["axistags"] = tags
    return tmp_path


@pytest.fixture
def tracked(files):
    """A project with manual tracking."""
    workflow = Workflow(files / "project")
    workflow.load(raw=files / "raw.h5", raw_axes="tyx", prediction=files / "prediction.h5")
    workflow.apply(PARAMS)
    session = workflow.session
    for _ in range(2):
        session.new_track()
        session.assign(0, session.active_track)
        session.assign(1, session.active_track)
    return workflow


def reopened(workflow):
    return Workflow(workflow.project.path)


def assert_same(session, other):
    assert session.lineage == other.lineage
    assert session.active_track == other.active_track
    assert session.history_code() == other.history_code()


# ---------------------------------------------------------------------- in memory
def test_the_way_without_a_project(sample):
    workflow = Workflow()
    told = []
    stop = workflow.on_change(told.append)
    assert (workflow.stage, workflow.raw, workflow.prediction) == ("input", None, None)
    workflow.load(raw=np.stack(list(sample.raw)))
    workflow.load(prediction=np.stack(list(sample.prediction)), prediction_axes="tyxc")
    assert (workflow.stage, workflow.kind) == ("threshold", "prediction map")
    assert workflow.params == SegmentationParams(channel=1), "the channel of the objects is found"
    assert repr(workflow) == "<Workflow: raw tyx (12, 80, 120), prediction tyxc (12, 80, 120, 2), no objects yet>"
    workflow.check()
    said = workflow.apply()
    assert said == f"There are {len(workflow.detections)} objects in 12 frames."
    assert (workflow.stage, told) == ("track", ["inputs", "inputs", "objects"])
    assert workflow.session.movie is workflow.raw
    stop()
    assert workflow.would_lose(workflow.params) is None
    assert workflow.apply().startswith("Nothing changed")
    assert told == ["inputs", "inputs", "objects"]
    assert f"{len(workflow.detections)} objects" in repr(workflow)


def test_objects_are_those_of_segment(sample):
    workflow = Workflow()
    workflow.load(prediction=sample.prediction)
    workflow.apply(PARAMS)
    expected = segment(sample.prediction, channel=1, threshold=0.4)
    assert workflow.detections.table.equals(expected.table)
    assert workflow.detections.params == expected.params
    for t in (0, 11, 0):
        np.testing.assert_array_equal(workflow.preview(PARAMS, t).labels, expected.labels[t])
    assert workflow.session.movie is None


def test_preview_reads_each_frame_once(sample):
    frames = []

    class Counting:
        shape, dtype = sample.prediction.shape, sample.prediction.dtype

        def read(self, index):
            frames.append(index[0])
            return sample.prediction.frame(index[0], index[-1] if isinstance(index[-1], int) else None)

    workflow = Workflow()
    workflow.load(prediction=Movie(Counting(), "tyxc"))
    frames.clear()
    for threshold in (0.2, 0.4, 0.6):
        workflow.preview(SegmentationParams(channel=1, threshold=threshold), 3)
    workflow.preview(PARAMS, 4)
    assert frames == [3, 4]


def test_what_is_missing_is_said(sample):
    workflow = Workflow()
    with pytest.raises(InputError, match=r"`prediction` is not loaded yet. Load a prediction map"):
        workflow.check()
    with pytest.raises(InputError, match="so there is nothing to preview"):
        workflow.preview(PARAMS, 0)
    with pytest.raises(InputError, match=r"`raw` is not loaded yet. Give the file together with its axes"):
        workflow.load(raw_axes="tyx")
    with pytest.raises(InputError, match="`kind` must be one of 'prediction map', 'binary', 'labels': got 'mask'"):
        workflow.load(kind="mask")
    workflow.load(prediction=sample.prediction, raw=sample.raw)
    workflow.load(kind="labels")
    with pytest.raises(InputError, match="`prediction` cannot be label images: it holds float32 in 2 channels"):
        workflow.apply()


def test_axes_are_changed(sample):
    workflow = Workflow()
    turned = np.stack(list(sample.prediction)).swapaxes(0, 1)
    workflow.load(raw=sample.raw, prediction=turned, prediction_axes="tyxc")
    with pytest.raises(InputError, match="Read `prediction` with the axes 'ytxc' instead of 'tyxc'"):
        workflow.apply()
    workflow.load(prediction_axes="ytxc")
    workflow.check()
    assert workflow.kind == "prediction map"
    workflow.load(scale=0.5)
    assert workflow.prediction.scale == (0.5, 0.5)
    assert workflow.prediction.stored_axes == "ytxc"


def test_binary_and_label_images(sample):
    workflow = Workflow()
    workflow.load(prediction=np.stack([frame > 0 for frame in sample.labels]))
    assert workflow.kind == "binary"
    assert (workflow.params.sigma, workflow.params.threshold) == (0, 0)
    workflow.apply()
    labels = np.stack(list(sample.labels)) * 5
    other = Workflow()
    other.load(prediction=labels)
    assert other.kind == "labels"
    other.apply()
    np.testing.assert_array_equal(other.detections.labels[3], labels[3])
    assert other.is_applied(SegmentationParams(threshold=0.9)), "parameters mean nothing for label images"


def test_tracking_is_not_deleted_without_being_asked(sample):
    workflow = Workflow()
    workflow.load(prediction=sample.prediction)
    workflow.apply(PARAMS)
    session = workflow.session
    assert workflow.would_lose(SegmentationParams(channel=1)) is None, "nothing was tracked"
    session.new_track()
    session.assign(0, 1)
    with pytest.raises(
        EditError, match=r"end the manual tracking of the old ones: 1 step, 1 track, 0 divisions. It would be deleted"
    ) as caught:
        workflow.apply(SegmentationParams(channel=1))
    assert caught.value.forceable
    assert workflow.session is session
    workflow.apply(SegmentationParams(channel=1), confirm=True)
    assert workflow.session is not session
    assert len(workflow.session.lineage.track_ids) == 0


def test_the_same_objects_keep_their_tracking(sample):
    workflow = Workflow()
    workflow.load(prediction=sample.prediction)
    workflow.apply(PARAMS)
    session = workflow.session
    session.new_track()
    session.assign(0, 1)
    said = workflow.apply(SegmentationParams(channel=1, threshold=0.4, size=(9, 1_000_000)), confirm=True)
    assert said.endswith("They are the same as before, so their manual tracking stays.")
    assert workflow.session is session
    assert session.detections is workflow.detections


def test_apply_can_be_stopped(sample):
    workflow = Workflow()
    workflow.load(prediction=sample.prediction)

    def stop(done, total):
        if done == 3:
            raise EditError("Stopped.")

    with pytest.raises(EditError, match="Stopped"):
        workflow.apply(progress=stop)
    assert (workflow.detections, workflow.stage) == (None, "threshold")


def test_tracking_that_began_while_objects_were_made_is_not_lost(sample):
    workflow = Workflow()
    workflow.load(prediction=sample.prediction)
    workflow.apply(PARAMS)

    def track(done, total):
        if done == total:
            workflow.session.mark_false(0, 1)

    with pytest.raises(EditError, match="1 step"):
        workflow.apply(SegmentationParams(channel=1), progress=track)
    assert workflow.session.lineage.is_false(0, 1)


# ---------------------------------------------------------------------- with a project
def test_everything_comes_back(tracked, files):
    again = reopened(tracked)
    assert again.notes == {}
    assert (again.stage, again.kind, again.params) == ("track", "prediction map", PARAMS)
    assert (again.raw.axes, again.raw.source) == ("tyx", files / "raw.h5")
    assert again.detections.params == tracked.detections.params
    assert again.detections.table.equals(tracked.detections.table)
    assert again.is_applied(PARAMS)
    assert_same(again.session, tracked.session)
    again.session.mark_false(2, 1)
    assert_same(reopened(tracked).session, again.session)


def test_inputs_without_objects_come_back(files):
    workflow = Workflow(Project(files / "project"))
    workflow.load(prediction=files / "prediction.h5", scale=(0.5, 0.25))
    again = reopened(workflow)
    assert (again.stage, again.scale, again.params.channel) == ("threshold", (0.5, 0.25), 1)
    assert again.prediction.scale == (0.5, 0.25)


def test_a_killed_kernel_loses_nothing(files):
    command = [sys.executable, workflow_actions.__file__, files / "project", files / "prediction.h5", "5"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert len(child.stdout.read(200)) == 200
    child.kill()
    n_done = 200 + len(child.stdout.read())
    child.wait()
    child.stdout.close()

    again = Workflow(files / "project")
    assert again.notes == {}
    expected = Session(None, segment(nbt.read(files / "prediction.h5"), channel=1, threshold=0.4))
    rng, n = np.random.default_rng(5), 0
    while n < n_done:
        n += act(expected, rng) is not None
    if again.session.lineage != expected.lineage:  # written, but killed before it was said
        while not act(expected, rng):
            pass
    assert len(expected.lineage.track_ids) > 3
    assert again.session.lineage == expected.lineage
    assert again.session.history_code() == expected.history_code()


def test_what_an_interrupted_run_left_is_removed(tracked):
    folder = tracked.project.path / "objects"
    kept = list(folder.iterdir())
    left, finished, busy, fresh = (
        folder / name for name in (".new-1.h5-0a1b2c3d", "new-2.h5", ".new-3.h5-4e5f6a7b", ".new-4.h5-89abcdef")
    )
    for file in (left, finished, fresh):
        file.write_bytes(b"part of a file")
    with h5py.File(busy, "w") as writing:  # by another process, slowly
        writing["part"] = [1, 2, 3]
        writing.flush()
        for file in (left, finished, busy):
            os.utime(file, (0, 0))
        reopened(tracked)
        assert sorted(folder.iterdir()) == sorted([*kept, busy, fresh])
    os.utime(busy, (0, 0))
    assert reopened(tracked).notes == {}
    assert sorted(folder.iterdir()) == sorted([*kept, fresh])


def test_old_tracking_is_put_aside_with_its_objects(tracked):
    project, old = tracked.project, tracked.session
    with pytest.raises(EditError, match=r"2 tracks, 0 divisions. It would be put aside in the project. Confirm that"):
        tracked.apply(SegmentationParams(channel=1))
    said = tracked.apply(SegmentationParams(channel=1), confirm=True)
    assert said.endswith("The manual tracking of the old objects is kept in edits-1.jsonl.")
    assert tracked.session.lineage.track_ids == []
    again = reopened(tracked)
    assert again.params == SegmentationParams(channel=1)
    kept = Session.reopen(None, again_objects(project, "edits-1.jsonl"), project.path / "edits-1.jsonl")
    assert_same(kept, old)


def again_objects(project, log):
    """Find the objects of a log by the hash in its first line."""
    objects = json.loads((project.path / log).read_text().splitlines()[0])["detections"]
    return nbt.detect(nbt.read(project.path / "objects" / f"{objects[:16]}.h5"))


def test_logs_in_which_nothing_was_done_are_not_kept(files):
    workflow = Workflow(files / "project")
    workflow.load(prediction=files / "prediction.h5")
    for threshold in (0.3, 0.5, 0.7):
        workflow.apply(SegmentationParams(channel=1, threshold=threshold))
    reopened(workflow)
    assert not list(workflow.project.path.glob("edits-*"))
    assert len(list((workflow.project.path / "objects").iterdir())) == 1


def test_the_same_parameters_bring_back_objects_that_were_deleted(tracked):
    shutil.rmtree(tracked.project.path / "objects")
    again = reopened(tracked)
    assert_same(again.session, tracked.session)
    assert again.notes == {}


def test_moved_and_changed_inputs(tracked, files):
    (files / "prediction.h5").rename(files / "elsewhere.h5")
    with (files / "raw.h5").open("ab") as file:
        file.write(b"more")
    again = reopened(tracked)
    assert "`prediction` is no longer at" in again.notes["prediction"]
    assert "`raw` at" in again.notes["raw"]
    assert "changed since the stage 'read' was run" in again.notes["raw"]
    assert again.stage == "track", "objects and tracking are in the project"
    assert_same(again.session, tracked.session)
    again.load(prediction=files / "elsewhere.h5")
    again.load(raw=files / "raw.h5", raw_axes="tyx")
    assert again.notes == {}
    assert again.session.movie is again.raw
    assert_same(reopened(tracked).session, tracked.session)


def test_a_moved_input_without_its_objects(tracked, files):
    shutil.rmtree(tracked.project.path / "objects")
    (files / "prediction.h5").rename(files / "elsewhere.h5")
    again = reopened(tracked)
    assert again.session is None
    assert "The objects of the manual tracking in `edits.jsonl` cannot be read" in again.notes["session"]
    assert again.params == PARAMS
    again.load(prediction=files / "elsewhere.h5")
    again.params = PARAMS
    with pytest.raises(EditError, match="would replace manual tracking that could not be opened"):
        again.apply()
    again.apply(confirm=True)
    assert_same(again.session, tracked.session)
    assert again.notes == {}


def test_other_raw_images_leave_the_objects_alone(tracked, files):
    shutil.copy(files / "raw.h5", files / "brighter.h5")
    with h5py.File(files / "brighter.h5", "a") as file:
        file["data"][...] = file["data"][...] + 1
    tracked.load(raw=files / "brighter.h5", raw_axes="tyx")
    assert tracked.is_applied(PARAMS)
    assert tracked.session.movie is tracked.raw
    again = reopened(tracked)
    assert again.is_applied(PARAMS)
    assert again.raw.source == files / "brighter.h5"


def test_another_prediction_makes_the_objects_old(tracked, files):
    shutil.copy(files / "prediction.h5", files / "other.h5")
    with h5py.File(files / "other.h5", "a") as file:
        file["exported_data"][0] = 0
    tracked.load(prediction=files / "other.h5")
    assert not tracked.is_applied(PARAMS)
    assert tracked.project.state("segment") == "stale"
    for workflow in (tracked, reopened(tracked)):
        assert workflow.stage == "track", "until Apply, the old objects and their tracking are there"
        assert not workflow.is_applied(PARAMS)
        assert "2 tracks" in workflow.would_lose(PARAMS)
    tracked.load(prediction=files / "prediction.h5")
    assert tracked.is_applied(PARAMS)
    assert reopened(tracked).is_applied(PARAMS)


def test_arrays_are_asked_for_again(sample, tmp_path):
    workflow = Workflow(tmp_path / "project")
    workflow.load(raw=sample.raw, prediction=np.stack(list(sample.prediction)), prediction_axes="tyxc")
    workflow.apply(PARAMS)
    workflow.session.mark_false(0, 1)
    again = reopened(workflow)
    for name in ("raw", "prediction"):
        assert f"`{name}` was an array in memory, so the project cannot bring it back" in again.notes[name]
    assert again.stage == "track"
    assert_same(again.session, workflow.session)
    again.load(raw=sample.raw)
    assert list(again.notes) == ["prediction"]
    assert again.session.movie is sample.raw


def test_label_images_in_a_project(sample, tmp_path):
    workflow = Workflow(tmp_path / "project")
    workflow.load(prediction=np.stack(list(sample.labels)))
    workflow.apply()
    workflow.session.mark_false(0, 1)
    again = reopened(workflow)
    assert again.detections.table.equals(workflow.detections.table)
    assert again.session.lineage.is_false(0, 1)


def test_a_damaged_log_is_said_and_kept(tracked):
    log = tracked.project.edit_log
    content = log.read_bytes()
    for damaged, words in [
        (content.replace(b'"action"', b'"axtion"', 1), "`log` is damaged: line 2"),
        (b"###" + content, "is damaged: its first line cannot be read"),
    ]:
        log.write_bytes(damaged)
        again = reopened(tracked)
        assert words in again.notes["session"]
        assert again.session is None
        with pytest.raises(EditError, match="could not be opened"):
            again.apply()
        assert log.read_bytes() == damaged
    assert "is kept in edits-1.jsonl" in again.apply(confirm=True)
    assert (tracked.project.path / "edits-1.jsonl").read_bytes() == damaged


def test_later_stages_are_named(tracked):
    tracked.project.record("measure")
    tracked.project.record("solve")
    assert "These stages would have to be run again: measure, solve." in tracked.would_lose(SegmentationParams())


def test_a_project_that_cannot_be_written(tracked, files, monkeypatch):
    def fail(*_, **__):
        raise InputError("`project.json` could not be written: disk full.")

    monkeypatch.setattr(Project, "record", fail)
    before = tracked.inputs["raw"]
    with pytest.raises(InputError, match="disk full"):
        tracked.load(raw=files / "raw.h5", raw_axes="ytx")
    assert tracked.inputs["raw"] is before
    monkeypatch.undo()
    shutil.rmtree(tracked.project.path / "objects")
    (tracked.project.path / "objects").write_text("in the way")
    with pytest.raises(InputError, match="objects` cannot be made"):
        tracked.apply(SegmentationParams(), confirm=True)


def test_an_automatic_result_is_corrected(files) -> None:
    work = Workflow(files / "project")
    work.load(raw=files / "raw.h5", raw_axes="tyx", prediction=files / "prediction.h5")
    result = nbt.track(segment(work.prediction, channel=1))
    with pytest.raises(InputError, match=r"`result` is of other objects than those of the workflow. Track again"):
        work.correct(result)
    work.apply(SegmentationParams(channel=1))
    result = nbt.track(work.detections)
    assert "is now corrected" in work.correct(result)
    assert work.session.lineage.track_ids == result.lineage.track_ids
    assert "edits-1" not in work.correct(result), "nothing was done by hand"
    work.session.mark_false(0, 1, force=True)
    with pytest.raises(EditError, match=r"The result would replace the manual tracking: 1 step.*be put aside") as error:
        work.correct(result)
    assert error.value.forceable
    assert "kept in edits-1.jsonl" in work.correct(result, force=True)
    assert not work.session.lineage.is_false(0, 1)
    work.session.mark_false(0, 1, force=True)
    again = Workflow(files / "project")
    assert again.session.lineage.is_false(0, 1)
    assert again.session.lineage.track_ids == work.session.lineage.track_ids

    plain = Workflow()
    plain.load(prediction=files / "prediction.h5")
    plain.apply(SegmentationParams(channel=1))
    plain.session.mark_false(0, 1)
    with pytest.raises(EditError, match="It would be deleted"):
        plain.correct(result)


def test_runs_are_kept_with_the_project(files, caplog) -> None:
    work = Workflow(files / "project")
    work.load(prediction=files / "prediction.h5")
    work.apply(SegmentationParams(channel=1))
    work.runs.add(nbt.track(work.detections), name="first")
    assert [run.name for run in Workflow(files / "project").runs] == ["first"]
    (files / "project" / "runs.json").write_text("{")
    damaged = Workflow(files / "project")
    assert "is damaged and cannot be read as a list of runs" in damaged.notes["runs"]
    damaged.runs.add(nbt.track(work.detections))
    assert (files / "project" / "runs.json").read_text() == "{"
    shutil.rmtree(files / "project")
    (files / "project").write_text("no folder")
    work.runs.add(nbt.track(work.detections))
    assert "The list of runs is not kept in the project" in caplog.text
