"""Objects that the segmentation got wrong are repaired in place, undone, solved again, and come back from the log."""

import shutil

import numpy as np
import pytest

import nbtrack as nbt
from nbtrack.data.pins import Pin
from nbtrack.editing import repainting
from nbtrack.editing.repainting import Repaint
from nbtrack.errors import EditError, InputError

PARAMS = nbt.TrackingParams(preset="adaptive", size_range=(1, 10**6))


def discs(*places, shape=(40, 80)):
    """Draw discs of radius 6: a mask."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    return sum(((y - a) ** 2 + (x - b) ** 2 <= 36) for a, b in places) > 0


@pytest.fixture
def labels():
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
def session(labels):
    detections = nbt.detect(nbt.Movie.from_array(labels, "tyx"))
    return nbt.Session(None, detections, nbt.track(detections, PARAMS))


def assert_consistent(session) -> None:
    """The table is that of the label frames, and the lineage speaks of its objects only."""
    frames = np.array([np.asarray(f) for f in (session.detections.labels[t] for t in range(5))])
    fresh = nbt.detect(nbt.Movie.from_array(frames, "tyx"))
    assert fresh.table.equals(session.detections.table[fresh.table.columns])
    for t in range(5):
        known = set(np.unique(frames[t]).tolist())
        assert set(session.lineage.labelled(t)) | session.lineage.false_at(t) <= known
    session.lineage.check()


def test_split_gives_two_objects_which_the_solver_links(session) -> None:
    before, lineage = session.detections, session.lineage.copy()
    assert session.repaired_frames == ()
    change = session.split_object(2, 1, [(12, 16), (12, 30)])
    assert change.message == "Object 1 in frame 2 is split: the other part is 4."
    assert session.has_object(2, 4)
    assert {Pin("object", 2, 1), Pin("object", 2, 4)} <= set(session.pins)
    sizes = session.detections.table.query("t == 2 and object_id in [1, 4]")["size"]
    assert sizes.max() < 1.3 * sizes.min()
    assert session.repaired_frames == (2,)
    assert_consistent(session)
    session.resolve()
    long = [i for i in session.lineage.track_ids if len(session.lineage.objects_of(i)) == 5]
    assert len(long) >= 2
    assert session.lineage.tracks_at(2, 1) != session.lineage.tracks_at(2, 4)
    session.undo()
    session.undo()
    assert session.detections is before
    assert session.lineage == lineage
    assert not session.has_object(2, 4)
    session.redo()
    assert session.has_object(2, 4)
    assert_consistent(session)


def test_merge_keeps_the_first(session) -> None:
    size = session.detections.table.query("t == 1 and object_id in [1, 2]")["size"].sum()
    session.pin(Pin("object", 1, 2))
    session.merge_objects(1, [1, 2])
    assert not session.has_object(1, 2)
    assert session.detections.table.query("t == 1 and object_id == 1")["size"].item() == size
    assert all(pin.object_id != 2 for pin in session.pins)
    assert session.progress().unlabeled == 0
    assert_consistent(session)
    session.undo()
    assert session.has_object(1, 2)
    assert Pin("object", 1, 2) in session.pins


def test_merged_fragment_without_track_gets_one(labels) -> None:
    detections = nbt.detect(nbt.Movie.from_array(labels, "tyx"))
    session = nbt.Session(None, detections)
    session.assign(1, 2, 7)
    session.merge_objects(1, [1, 2])
    assert session.lineage.tracks_at(1, 1) == (7,)


def test_delete_and_add(session) -> None:
    session.delete_object(0, 3)
    assert not session.has_object(0, 3)
    assert session.lineage.tracks_at(0, 3) == ()
    session.add_object(3, (30, 60))
    assert session.has_object(3, 3)
    assert_consistent(session)
    session.resolve()
    track = session.lineage.tracks_at(3, 3)
    assert session.lineage.tracks_at(2, 3) == track
    with pytest.raises(EditError, match="There is object 3 in frame 3 already"):
        session.add_object(3, (30, 60))


def test_add_from_a_prediction_map_stops_at_the_neighbour(session, labels) -> None:
    y, x = np.mgrid[:40, :80]
    hill = np.exp(-((y - 30) ** 2 + (x - 60) ** 2) / 60.0) + np.exp(-((y - 12) ** 2 + (x - 18) ** 2) / 60.0)
    maps = nbt.Movie.from_array(np.repeat(hill[None], 5, axis=0).astype(np.float32), "tyx")
    session.add_object(3, (30, 60), prediction=maps, threshold=0.5)
    found = np.asarray(session.detections.labels[3]) == 3
    assert np.array_equal(found, (hill > 0.5) & (labels[3] == 0) & (x > 40))
    with pytest.raises(InputError, match="`prediction` must have frames of the shape"):
        session.add_object(0, (3, 3), prediction=nbt.Movie.from_array(np.zeros((5, 4, 4)), "tyx"))


def test_brush(session) -> None:
    n = session.detections.table.query("t == 0 and object_id == 3")["size"].item()
    session.paint_object(0, 3, [(30, 66), (30, 68)], 3)
    more = session.detections.table.query("t == 0 and object_id == 3")["size"].item()
    assert more > n
    session.paint_object(0, 3, [(30, 68)], 3, erase=True)
    assert session.detections.table.query("t == 0 and object_id == 3")["size"].item() < more
    assert_consistent(session)
    with pytest.raises(EditError, match="Nothing would be left of object 3"):
        session.paint_object(0, 3, [(30, 60)], 30, erase=True)
    with pytest.raises(EditError, match="Not a single pixel would change"):
        session.paint_object(0, 3, [(1, 1)], 2, erase=True)


@pytest.mark.parametrize(
    ("action", "error", "match"),
    [
        (lambda s: s.split_object(0, 1, [(1, 1)]), InputError, "`seeds` must be at least two points: got 1"),
        (lambda s: s.split_object(0, 1, [(12, 15), (12, 15)]), EditError, "two of them lie at one place"),
        (lambda s: s.split_object(0, 1, [(12,), (12, 15)]), InputError, "A point must have 2 numbers"),
        (lambda s: s.split_object(0, 9, [(1, 1), (2, 2)]), EditError, "There is no object 9"),
        (lambda s: s.merge_objects(0, [1]), InputError, "`object_ids` must be at least two objects"),
        (lambda s: s.add_object(0, (99, 1)), InputError, "is outside of the frame"),
        (lambda s: s.delete_object(0, 9), EditError, "There is no object 9"),
    ],
)
def test_refusals(session, action, error, match) -> None:
    with pytest.raises(error, match=match):
        action(session)
    assert len(session.history) == 0
    assert session.repaired_frames == ()


def test_repairs_come_back_from_the_log_and_as_code(labels, tmp_path) -> None:
    detections = nbt.detect(nbt.Movie.from_array(labels, "tyx"))
    result = nbt.track(detections, PARAMS)
    session = nbt.Session(None, detections, result, log=tmp_path / "edits.jsonl")
    session.live = True
    session.split_object(2, 1, [(12, 16), (12, 30)])
    session.add_object(3, (30, 60))
    session.merge_objects(4, [1, 2])
    session.undo()
    again = nbt.Session.reopen(None, detections, shutil.copy(tmp_path / "edits.jsonl", tmp_path / "copy.jsonl"))
    assert again.lineage == session.lineage
    assert set(again.pins) == set(session.pins)
    assert again.detections.table.equals(session.detections.table)
    assert_consistent(again)
    by_code = nbt.Session(None, detections, result)
    exec(session.history_code("by_code"), {"by_code": by_code, "nbt": nbt})
    assert by_code.detections.table.equals(session.detections.table)
    assert by_code.lineage == session.lineage
    while again.history.can_undo:
        again.undo()
    assert again.detections is detections
    assert again.lineage == result.lineage


def test_label_movie_holds_the_repairs(session, tmp_path) -> None:
    session.split_object(2, 1, [(12, 16), (12, 30)])
    movie = session.write_labels(tmp_path / "labels.h5")
    assert nbt.detect(movie).table.equals(session.detections.table)
    assert nbt.detect(nbt.read(tmp_path / "labels.h5")).table.equals(session.detections.table)
    nbt.write(session, tmp_path / "out", format="ctc")
    assert len(list((tmp_path / "out").glob("mask*.tif"))) == 5


def test_other_columns_stay_for_the_objects_that_stay(labels) -> None:
    detections = nbt.detect(nbt.Movie.from_array(labels, "tyx"))
    table = detections.table.assign(p_count_0=0.1, p_count_1=0.7, p_count_2=0.2, p_division=0.25, texture=3.0)
    session = nbt.Session(None, nbt.Detections(detections.labels, table, detections.frame_shape, detections.scale))
    session.split_object(2, 1, [(12, 16), (12, 30)])
    rows = session.detections.table.query("t == 2").set_index("object_id")
    assert rows.loc[3, ["p_count_1", "texture"]].tolist() == [0.7, 3.0]
    assert rows.loc[4, ["p_count_0", "p_count_1", "p_count_2", "p_division"]].tolist() == [0, 1, 0, 0.25]
    assert np.isnan(rows.loc[4, "texture"])


def test_features_of_repaired_objects_are_measured_and_no_others(labels, monkeypatch) -> None:
    raw = nbt.Movie.from_array(np.random.default_rng(0).integers(0, 200, labels.shape, np.uint8), "tyx")
    movie = nbt.Movie.from_array(labels, "tyx")
    names = ["equivalent_radius", "radii", "intensity_mean"]
    detections = nbt.detect(movie)
    table = nbt.measure(detections, raw, features=names).assign(texture=3.0)
    session = nbt.Session(raw, nbt.Detections(detections.labels, table, detections.frame_shape, detections.scale))
    measured = []
    monkeypatch.setattr(
        repainting, "measure", lambda frame, *rest, **more: measured.append(1) or nbt.measure(frame, *rest, **more)
    )
    session.split_object(2, 1, [(12, 16), (12, 30)])
    assert measured == [1]
    fresh = nbt.measure(session.detections, raw, features=names)
    assert np.array_equal(session.detections.table[fresh.columns], fresh)
    assert session.detections.table.query("t == 2")["texture"].isna().sum() == 2
    blind = nbt.Session(None, nbt.Detections(detections.labels, table, detections.frame_shape, detections.scale))
    blind.split_object(2, 1, [(12, 16), (12, 30)])
    assert blind.detections.table.query("t == 2")["intensity_mean"].isna().sum() == 2
    assert not blind.detections.table["radius_0"].isna().any()


def test_brush_goes_straight_from_point_to_point(session) -> None:
    session.paint_object(0, 3, [(30, 60), (30, 75)], 2)
    assert (np.asarray(session.detections.labels[0])[30, 60:76] == 3).all()
    with pytest.raises(InputError, match="`points` must be at least one point"):
        session.paint_object(0, 3, [], 2)
    with pytest.raises(InputError, match="`axis` must be one of 'y', 'x': got 'z'"):
        session.paint_object(0, 3, [(30, 60)], 2, axis="z")


def test_repaint_as_values() -> None:
    old = np.zeros((4, 5), np.uint32)
    new = old.copy()
    new[1:3, 2:4] = [[1, 1], [7, 0]]
    change = Repaint.between(0, old, new)
    again = Repaint.from_values(change.to_values())
    assert (again.paint(old) == new).all()
    with pytest.raises(InputError, match="`values` must be a repainted box"):
        Repaint.from_values({"t": 0})
