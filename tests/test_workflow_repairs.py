"""Repaired objects in a project: the label movie follows, they come back, and runs of other objects are taken over."""

import h5py
import numpy as np
import pytest
import tifffile

import nbtrack as nbt
from nbtrack.editing import label_copy
from nbtrack.editing.carrying import carry_lineage
from nbtrack.errors import InputError
from nbtrack.workflow import Workflow

PARAMS = nbt.TrackingParams(size_range=(1, 10**6))


def discs(*places, shape=(40, 80)):
    y, x = np.mgrid[: shape[0], : shape[1]]
    return sum(((y - a) ** 2 + (x - b) ** 2 <= 36) for a, b in places) > 0


def make_labels():
    """Two discs that touch in frame 2 and are one object there; a third is missing in frame 3."""
    frames = np.zeros((5, 40, 80), np.uint32)
    for t in range(5):
        one, two, three = (12, 15 + t), (12, 27 + t), (30, 60)
        if t == 2:
            frames[t][discs(one, two)] = 1
        else:
            frames[t][discs(one)], frames[t][discs(two)] = 1, 2
        if t != 3:
            frames[t][discs(three)] = 3
    return frames


@pytest.fixture
def workflow(tmp_path):
    np.save(tmp_path / "labels.npy", make_labels())
    made = Workflow(tmp_path / "project")
    made.load(prediction=tmp_path / "labels.npy", kind="labels")
    made.apply()
    return made


def track(workflow):
    result = nbt.track(workflow.detections, PARAMS)
    workflow.runs.add(result)
    return result


def label_movie(workflow):
    """The label movie of the project, as another program would read it."""
    return np.array([np.asarray(frame) for frame in nbt.read(workflow.label_file)])


def frames_of(session):
    return np.array([np.asarray(session.detections.labels[t]) for t in range(5)])


def test_label_movie_of_the_project_follows(workflow) -> None:
    session, original = workflow.session, workflow.label_file
    assert np.array_equal(label_movie(workflow), make_labels())
    session.split_object(2, 1, [(12, 16), (12, 30)])
    session.add_object(3, (30, 60))
    assert np.array_equal(label_movie(workflow), frames_of(session))
    session.undo()
    assert np.array_equal(label_movie(workflow), frames_of(session))
    session.undo()
    assert workflow.label_file == original, "nothing is repaired any longer"
    session.redo()
    assert np.array_equal(label_movie(workflow), frames_of(session))


def test_project_opens_with_the_repaired_objects_and_what_can_be_undone(workflow) -> None:
    session, first = workflow.session, frames_of(workflow.session)
    session.split_object(2, 1, [(12, 16), (12, 30)])
    session.add_object(3, (30, 60))
    again = Workflow(workflow.project.path)
    assert again.notes == {}
    assert np.array_equal(frames_of(again.session), frames_of(session))
    assert np.array_equal(label_movie(again), frames_of(session))
    assert again.session.repaired_frames == (2, 3)
    assert len(again.detections) == len(session.detections)
    again.session.undo()
    again.session.undo()
    assert np.array_equal(frames_of(again.session), first)


def test_interrupted_label_movie_is_made_anew(workflow, monkeypatch) -> None:
    session = workflow.session
    session.split_object(2, 1, [(12, 16), (12, 30)])
    (file,) = (workflow.project.path / "objects").glob("*-repaired.h5")
    with h5py.File(file, "r+") as opened:  # the power went off while a frame was written
        opened["exported_data"].attrs.pop("repaired")
        opened["exported_data"][2] = 9
    again = Workflow(workflow.project.path)
    assert np.array_equal(label_movie(again), frames_of(session))
    file.write_bytes(b"no HDF5")
    again = Workflow(workflow.project.path)
    assert np.array_equal(label_movie(again), frames_of(session))
    monkeypatch.setattr(label_copy.h5py, "File", lambda *_: (_ for _ in ()).throw(OSError("disk is full")))
    again.session.add_object(3, (30, 60))
    assert again.session.has_object(3, 3), "the edit log is the truth"
    monkeypatch.undo()
    assert np.array_equal(label_movie(Workflow(workflow.project.path)), frames_of(again.session))


def test_run_on_repaired_objects_is_kept_and_corrected(workflow) -> None:
    workflow.session.split_object(2, 1, [(12, 16), (12, 30)])
    result = track(workflow)
    assert workflow.result is result
    assert Workflow(workflow.project.path).result is not None
    said = workflow.correct(result, force=True)
    assert "found again" not in said
    assert workflow.session.repaired_frames == ()
    workflow.session.add_object(3, (30, 60))
    again = Workflow(workflow.project.path)
    assert again.notes == {}
    assert again.corrects
    assert np.array_equal(frames_of(again.session), frames_of(workflow.session))
    assert np.array_equal(label_movie(again), frames_of(workflow.session))


def test_run_on_unrepaired_objects_is_carried_over(workflow) -> None:
    result = track(workflow)
    session = workflow.session
    session.split_object(2, 1, [(12, 16), (12, 30)])
    session.delete_object(0, 3)
    said = workflow.correct(result, force=True)
    assert "12 of its objects were found again, 1 was not: object 3 in frame 0." in said
    new = workflow.session
    assert new.has_object(2, 4)
    assert new.tracking == PARAMS
    for t in (1, 3, 4):
        assert new.lineage.labelled(t) == result.lineage.labelled(t)
    assert new.progress().unlabeled == 1
    new.lineage.check()
    new.resolve()
    assert new.lineage.tracks_at(2, 1)
    assert new.lineage.tracks_at(2, 4)
    assert len(new.lineage.track_ids) >= 3


def test_run_of_another_movie_is_refused(workflow, tmp_path) -> None:
    other = nbt.detect(nbt.Movie.from_array(np.roll(make_labels(), 20, axis=1), "tyx"))
    with pytest.raises(InputError, match="`result` is of other objects"):
        workflow.correct(nbt.track(other, PARAMS))


def test_division_goes_with_its_objects() -> None:
    labels = make_labels()
    old = nbt.detect(nbt.Movie.from_array(labels, "tyx"))
    rows = [(t, 1, 1) for t in range(2)] + [(2, 1, 2), (2, 3, 3), (3, 1, 2), (4, 3, 3)]
    lineage = nbt.Lineage.from_tables(rows, [(1, 1, 2, 3)], [(0, 2)])
    same = carry_lineage(lineage, old, old)
    assert same.lineage == lineage
    assert same.message == ""
    labels[2][labels[2] == 3] = 0
    new = nbt.detect(nbt.Movie.from_array(labels, "tyx"))
    carried = carry_lineage(lineage, old, new)
    assert carried.lost == ((2, 3),)
    assert carried.n_divisions_lost == 1
    assert "So 1 division is left out." in carried.message
    carried.lineage.check()


def test_export_writes_the_repaired_objects(workflow, tmp_path) -> None:
    workflow.correct(track(workflow))
    session = workflow.session
    session.live = True
    session.split_object(2, 1, [(12, 16), (12, 30)])
    nbt.write(session, tmp_path / "out", format="ctc")
    written = tifffile.imread(sorted((tmp_path / "out").glob("mask*.tif"))[2])
    assert len(np.unique(written)) == 4, "background and three objects"
