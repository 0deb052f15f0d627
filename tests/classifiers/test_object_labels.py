"""What a person said about objects: undo, listeners, other thresholds, files."""

import json

import numpy as np
import pytest

import nbtrack as nbt
from nbtrack.classifiers.labels import Labels, ObjectLabel
from nbtrack.errors import EditError, InputError


def disks(radii=(6, 8, 5), ids=(1, 2, 3), shape=(40, 90), n_frames=3):
    """Three disks that stand still; a radius of 0 leaves one out."""
    yy, xx = np.indices(shape)
    frame = np.zeros(shape, np.uint32)
    for k, (radius, object_id) in enumerate(zip(radii, ids, strict=True)):
        frame[(yy - 20) ** 2 + (xx - 15 - 30 * k) ** 2 < radius**2] = object_id
    return nbt.detect(nbt.Movie.from_array(np.stack([frame] * n_frames), "tyx"))


@pytest.fixture
def labels():
    made = Labels(disks())
    made.set_count(0, 1, 1)
    made.set_count(0, 2, 2)
    made.set_division(0, 1, True)
    made.set_count(2, 3, 0)
    return made


def test_labels_are_kept_by_object(labels):
    assert labels.counts == {(0, 1): 1, (0, 2): 2, (2, 3): 0}
    assert labels.divisions == {(0, 1): True}
    assert labels.get(0, 1) == ObjectLabel(1, True)
    assert labels.get(1, 1) == ObjectLabel()
    assert len(labels) == 3
    assert repr(labels) == "<Labels: 3 counts, 1 divisions, 0 lost>"
    table = labels.table
    assert table.columns.to_list() == ["t", "object_id", "count", "dividing"]
    assert table["count"].tolist() == [1, 2, 0]
    assert table["dividing"].isna().tolist() == [False, True, True]


def test_labels_to_begin_with_are_the_same_as_clicks(labels):
    again = Labels(labels.detections, labels.counts, labels.divisions)
    assert again.table.equals(labels.table)
    assert not again.can_undo


def test_every_action_is_undone_and_redone(labels):
    states = [labels.table]
    while labels.can_undo:
        labels.undo()
        states.append(labels.table)
    assert len(labels) == 0
    for state in states[-2::-1]:
        labels.redo()
        assert labels.table.equals(state)
    assert not labels.can_redo
    labels.undo()
    labels.set_count(1, 1, 1)
    assert not labels.can_redo
    with pytest.raises(EditError, match="There is no label to bring back"):
        labels.redo()


def test_taking_a_label_back_is_an_action(labels):
    assert labels.set_count(0, 1, None).message == "Object 1 of frame 0 is dividing."
    assert labels.set_division(0, 1, None).message == "Object 1 of frame 0 is not labelled."
    assert (0, 1) not in labels.counts
    labels.undo()
    labels.undo()
    assert labels.get(0, 1) == ObjectLabel(1, True)
    with pytest.raises(EditError, match="There is no label to take back"):
        Labels(labels.detections).undo()


def test_the_same_label_again_is_no_step(labels):
    labels.set_count(0, 1, 1)
    labels.undo()
    assert (2, 3) not in labels.counts


def test_listeners_hear_every_change_until_they_stop(labels):
    heard = []
    stop = labels.on_change(heard.append)
    labels.set_count(1, 2, 3)
    labels.undo()
    stop()
    stop()
    labels.redo()
    assert [(change.frames, change.object_ids) for change in heard] == [((1,), (2,))] * 2
    assert [change.message for change in heard] == [
        "Object 2 of frame 1 is 3 cells.",
        "Object 2 of frame 1 is not labelled.",
    ]
    assert labels.set_count(1, 2, 0).message == "Object 2 of frame 1 is a false detection."
    assert labels.set_division(1, 2, False).message.endswith("a false detection and not dividing.")


@pytest.mark.parametrize("count", [-1, 21, 1.5, True, "2"])
def test_counts_that_cannot_be_are_refused(labels, count):
    with pytest.raises(InputError, match=r"`count` must be a whole number from 0 \(false detection\) to 20: got"):
        labels.set_count(0, 1, count)


def test_what_is_no_object_or_no_answer_is_refused(labels):
    for call in (labels.set_count, labels.set_division):
        with pytest.raises(InputError, match=r"There is no object 9 in frame 0\. Label one of the objects"):
            call(0, 9, 1)
    with pytest.raises(InputError, match="`dividing` must be True or False: got 1"):
        labels.set_division(0, 1, 1)
    with pytest.raises(InputError, match="There is no object 1 in frame 7"):
        Labels(labels.detections, {(7, 1): 1})
    assert len(labels.table) == 3


def test_numpy_numbers_are_labels_too(labels):
    labels.set_count(np.int64(1), np.uint32(2), np.int32(2))
    labels.set_division(np.int64(1), np.uint32(2), np.bool_(False))
    assert labels.get(1, 2) == ObjectLabel(2, False)


def test_labels_follow_objects_to_another_threshold(labels):
    moved = labels.move_to(disks(radii=(5, 9, 0), ids=(7, 1, 3)))
    assert moved.counts == {(0, 7): 1, (0, 1): 2}
    assert moved.divisions == {(0, 7): True}
    assert moved.lost[["t", "object_id", "count"]].to_numpy().tolist() == [[2, 3, 0]]
    back = moved.move_to(disks())
    assert back.table.equals(labels.table)
    assert len(back.lost) == 0


def test_an_object_that_swallowed_another_is_another_object(labels):
    joined = np.where(np.stack([labels.detections.labels[t] for t in range(3)]) > 0, 1, 0).astype(np.uint32)
    joined[:, 18:23, 15:75] = 1
    moved = labels.move_to(nbt.detect(nbt.Movie.from_array(joined, "tyx")))
    assert len(moved) == 0
    assert len(moved.lost) == 3


def test_a_shorter_movie_loses_labels_another_shape_is_refused(labels):
    assert len(labels.move_to(disks(n_frames=1)).lost) == 1
    with pytest.raises(InputError, match=r"belong to frames of \(40, 90\) pixels, but the objects are in .*\(40, 91\)"):
        labels.move_to(disks(shape=(40, 91)))


def test_labels_come_back_from_their_file(labels, tmp_path):
    labels = labels.move_to(disks(radii=(6, 8, 0)))
    labels.save(tmp_path / "a" / "labels.json")
    again = Labels.load(tmp_path / "a" / "labels.json", labels.detections)
    assert again.table.equals(labels.table)
    assert again.lost.equals(labels.lost)
    found = Labels.load(tmp_path / "a" / "labels.json", disks(ids=(3, 1, 2)))
    assert found.counts == {(0, 3): 1, (0, 1): 2, (2, 2): 0}
    labels.save(tmp_path / "a" / "labels.json")  # again, over the old one


def test_labels_in_three_dimensions_have_a_file_too(tmp_path):
    volume = np.zeros((2, 5, 12, 12), np.uint32)
    volume[:, 1:4, 2:9, 3:8] = 4
    detections = nbt.detect(nbt.Movie.from_array(volume, "tzyx"))
    Labels(detections, {(1, 4): 2}).save(tmp_path / "labels.json")
    assert Labels.load(tmp_path / "labels.json", detections).counts == {(1, 4): 2}


def test_a_file_that_is_something_else_is_a_sentence(labels, tmp_path):
    file = tmp_path / "labels.json"
    with pytest.raises(InputError, match=r"cannot be read: .* Check the file"):
        Labels.load(file, labels.detections)
    labels.save(file)
    content = json.loads(file.read_text())
    with pytest.raises(InputError, match=r"belong to frames of \(40, 90\) pixels"):
        Labels.load(file, disks(shape=(41, 90)))
    for change, words in [
        ({"format": "nbtrack project"}, "does not hold the labels of nbtrack. Choose another file"),
        ({"version": 99}, "has the version 99, but this nbtrack reads up to 1. Update nbtrack"),
        ({"version": None}, "has the version None"),
        ({"labels": [{"t": 0}]}, "is damaged: .* Put back a copy, or label anew"),
        ({"labels": 3}, "is damaged"),
    ]:
        file.write_text(json.dumps(content | change))
        with pytest.raises(InputError, match=words):
            Labels.load(file, labels.detections)
    for change, words in [
        ({"count": -3}, "`count` must be a whole number"),
        ({"corner": [0, 88]}, "the pixels of a label lie outside the frame"),
        ({"corner": [0]}, "is damaged"),
        ({"runs": [1, 2]}, "the pixels of a label are not complete"),
        ({"runs": [-3, 3]}, "the pixels of a label are not complete"),
    ]:
        file.write_text(json.dumps(content | {"labels": [content["labels"][0] | change]}))
        with pytest.raises(InputError, match=words):
            Labels.load(file, labels.detections)
    file.write_text(file.read_text()[:50])
    with pytest.raises(InputError, match="cannot be read"):
        Labels.load(file, labels.detections)


def test_a_full_disk_keeps_the_old_file(labels, tmp_path, monkeypatch):
    labels.save(tmp_path / "labels.json")
    before = (tmp_path / "labels.json").read_text()
    labels.set_count(1, 1, 1)

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_text", full)
    with pytest.raises(InputError, match="could not be written"):
        labels.save(tmp_path / "labels.json")
    assert (tmp_path / "labels.json").read_text() == before
