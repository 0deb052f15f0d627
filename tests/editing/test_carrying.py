"""Pins find their objects again after a changed threshold."""

import numpy as np
import pytest

import nbtrack as nbt
from nbtrack.data.pins import Pin
from nbtrack.editing.carrying import carry_pins, match_frame


def boxes(*places):
    """Draw boxes of 6 x 6 pixels, each as (t, object_id, x)."""
    frames = np.zeros((2, 10, 40), np.uint32)
    for t, i, x in places:
        frames[t, 2:8, x : x + 6] = i
    return nbt.detect(nbt.Movie.from_array(frames, "tyx"))


def test_objects_are_found_by_their_masks() -> None:
    old = boxes((0, 1, 1), (0, 2, 20), (1, 1, 2), (1, 2, 21))
    new = boxes((0, 5, 2), (1, 4, 2), (1, 9, 33))
    pins = [Pin("link", 0, 1, 1, 1), Pin("object", 0, 2, 1), Pin("link", 0, 2, 0, 2), Pin("count", 1, 1, 2)]
    carried = carry_pins(pins, old, new)
    assert carried.kept == (Pin("link", 0, 5, 1, 4), Pin("count", 1, 4, 2))
    assert carried.lost == (Pin("object", 0, 2, 1),)
    assert carried.message == (
        " 2 pins of the old objects are kept, 1 is lost with their objects: object 2 in frame 0 is tracked."
    )
    assert carry_pins([], old, new).message == ""


@pytest.mark.parametrize(("shift", "same"), [(0, True), (1, True), (2, False)])
def test_same_means_more_than_half_of_the_larger(shift, same) -> None:
    a, b = np.zeros(12, int), np.zeros(12, int)
    a[2:6], b[2 + shift : 6 + shift] = 3, 8
    assert match_frame(a, b) == ({3: 8} if same else {})


def test_other_shape_or_fewer_frames_keep_nothing() -> None:
    old = boxes((0, 1, 1), (1, 1, 1))
    smaller = nbt.detect(nbt.Movie.from_array(np.asarray([f[:, :20] for f in old.labels]), "tyx"))
    assert carry_pins([Pin("object", 1, 1)], old, smaller).lost == (Pin("object", 1, 1),)


def test_changed_threshold_keeps_the_pins_whose_objects_exist() -> None:
    maps = np.zeros((3, 20, 40), np.float32)
    maps[:, 3:10, 3:10] = 0.9
    maps[:, 3:10, 25:32] = 0.6
    work = nbt.Workflow()
    work.load(prediction=nbt.Movie.from_array(maps, "tyx"))
    work.apply(nbt.SegmentationParams(threshold=0.5, sigma=0, size=(1, 1000)))
    work.session.tracking = nbt.TrackingParams(preset="adaptive")
    work.session.assign(0, 1, 1)
    work.session.assign(1, 1, 1)
    work.session.assign(0, 2, 2)
    said = work.apply(nbt.SegmentationParams(threshold=0.7, sigma=0, size=(1, 1000)), confirm=True)
    assert "lost with their objects: object 2 in frame 0 is tracked" in said
    assert set(work.session.pins) == {Pin("object", 0, 1), Pin("link", 0, 1, 1, 1)}
    assert work.session.tracking == nbt.TrackingParams(preset="adaptive")


def test_pins_are_kept_with_the_project_and_across_results(tmp_path) -> None:
    maps = np.zeros((4, 20, 40), np.float32)
    maps[:, 3:10, 3:10] = maps[:, 3:10, 25:32] = 0.9
    np.save(tmp_path / "map.npy", maps)
    work = nbt.Workflow(tmp_path / "project")
    work.load(prediction=tmp_path / "map.npy", prediction_axes="tyx")
    work.apply(nbt.SegmentationParams(threshold=0.5, sigma=0, size=(1, 1000)))
    params = nbt.TrackingParams(preset="adaptive", size_range=(1, 1000))
    work.correct(nbt.track(work.detections, params))
    work.session.mark_false(2, 1, force=True)
    work.session.resolve()
    again = nbt.Workflow(tmp_path / "project")
    assert again.session.pins == (Pin("object", 2, 1, 0),)
    assert again.session.tracking == params
    said = again.correct(nbt.track(again.detections, params), force=True)
    assert "1 of 1 pins do not hold in it yet" in said
    again.session.resolve()
    assert again.session.lineage.is_false(2, 1)
    assert nbt.Workflow(tmp_path / "project").session.lineage == again.session.lineage
