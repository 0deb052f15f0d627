"""Labels and probabilities of ilastik on our objects."""

import logging

import h5py
import numpy as np
import pytest

import nbtrack as nbt


def write_project(path, *, p_count=((0.1, 0.9), (0.8, 0.2)), extra_label=False):
    """A project with two frames of two objects; None for probabilities that are not there."""
    frame = np.zeros((1, 20, 12, 1, 1), np.uint32)
    frame[0, 2:8, 2:8], frame[0, 11:18, 3:9] = 1, 2
    with h5py.File(path, "w") as file:
        for t in range(2):
            images = file.create_dataset(f"ObjectExtraction/LabelImage_v2/labelimage000/block{t:04}", data=frame)
            images.attrs["blockSlice"] = f"[{t}:{t + 1},0:20,0:12,0:1,0:1]"
            file[f"CountClassification/LabelInputs/0000/{t}"] = np.array([0, 2, 1, 2][: 4 if extra_label else 3], float)
            file[f"DivisionDetection/LabelInputs/0000/{t}"] = np.array([0, t + 1, 0], float)
            if p_count is not None:
                file[f"CountClassification/CachedProbabilities/0000/{t}"] = np.array([(0, 0), *p_count], "f4")
        file["DivisionDetection/CachedProbabilities/0000/0"] = np.array([[0, 0], [0.5, 0.5], [1, 0]], "f4")
    return path


def test_objects_labels_and_probabilities_come_together(tmp_path):
    labels = nbt.read_ilastik(write_project(tmp_path / "a.ilp"), scale=0.5)
    assert labels.counts == {(0, 1): 1, (0, 2): 0, (1, 1): 1, (1, 2): 0}
    assert labels.divisions == {(0, 1): False, (1, 1): True}
    table = labels.detections.table
    np.testing.assert_allclose(table["p_count_1"], [0.9, 0.2, 0.9, 0.2])
    assert "p_division" not in table  # not kept for frame 1
    assert labels.detections.scale == (0.5, 0.5)
    assert nbt.Labelling(labels.detections, labels=labels).probabilities["p_division"].notna().all()


@pytest.mark.parametrize("p_count", [None, ((0.1, 0.9),), ((0.0, 0.0), (0.5, 0.5))])
def test_probabilities_that_are_not_complete_are_left_out(tmp_path, p_count):
    table = nbt.read_ilastik(write_project(tmp_path / "a.ilp", p_count=p_count)).detections.table
    assert not [name for name in table if name.startswith("p_")]


def test_labels_go_to_objects_of_ones_own(tmp_path):
    labels = nbt.read_ilastik(write_project(tmp_path / "a.ilp"))
    own = np.zeros((2, 12, 20), np.uint32)
    own[:, 2:8, 2:9] = 7
    moved = labels.move_to(nbt.detect(nbt.Movie.from_array(own, "tyx")))
    assert moved.counts == {(0, 7): 1, (1, 7): 1}
    assert len(moved.lost) == 2
    same = nbt.read_ilastik(tmp_path / "a.ilp", labels.detections)
    assert same.counts == labels.counts


def test_labels_of_objects_that_are_not_there_are_left_out(tmp_path, caplog):
    path = write_project(tmp_path / "a.ilp", extra_label=True)
    with caplog.at_level(logging.WARNING, "nbtrack"):
        assert len(nbt.read_ilastik(path)) == 4
    assert "2 labels are of objects that are not there" in caplog.text


def test_the_mergers_of_a_real_project_are_tracked_at_the_known_energy(real_data):
    labels = nbt.read_ilastik(real_data / "ilastik_fixtures" / "hytra_merger" / "tracking.ilp")
    params = nbt.TrackingParams(preset="conservation", alpha=5.0, divisible=False, border_from="center")
    result = nbt.track(labels.detections, params)
    assert result.report.raw_objective == pytest.approx(318.387849, abs=1e-5)
    assert result.mergers["object_id"].tolist() == [1, 1]
