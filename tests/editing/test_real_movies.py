"""A whole movie by hand, without a widget: semi-automatic runs, division events, a false detection, the log."""

import numpy as np

import nbtrack as nbt


def test_both_cells_of_mitocheck_through_their_divisions(real_data, tmp_path) -> None:
    folder = real_data / "mitocheck_small"
    prediction = nbt.read(folder / "mitocheck_small_2D+t_export.h5")
    detections = nbt.segment(prediction, channel=1, threshold=0.5, size=(10, 100_000))
    session = nbt.Session(None, detections, log=tmp_path / "edits.jsonl")

    session.mark_false(4, 3)
    session.new_track()
    run = session.follow(0, 1)
    assert (run.trail.reason, run.trail.t_stop) == ("little_overlap", 4), "chromosomes contract before they part"
    session.assign(5, 1)
    session.new_track()
    run = session.follow(0, 2)
    assert (run.trail.reason, run.trail.t_stop, run.trail.candidates) == ("ambiguous", 3, (2, 3))
    assert session.follow(4, 2).trail.t_stop == 5
    session.divide_objects(5, 1, (1, 2), track_id=1)
    session.divide_objects(5, 2, (3, 4), track_id=2)
    for object_id, track_id in ((1, 3), (2, 4), (3, 5), (4, 6)):
        assert session.follow(6, object_id, track_id).trail.reason == "last_frame"

    assert str(session.progress()) == "9 of 9 frames complete, 0 objects unlabeled"
    annotated = np.loadtxt(folder / "GT" / "TRA" / "man_track.txt", dtype=int)
    made = session.lineage.tracks[["t_start", "t_end"]].to_numpy().tolist()
    assert sorted(made) == sorted(annotated[:, 1:3].tolist())
    parents = {i: session.lineage.parent_of(i) for i in session.lineage.track_ids}
    assert parents == {1: None, 2: None, 3: 1, 4: 1, 5: 2, 6: 2}
    assert sorted(np.count_nonzero(annotated[:, 3] == i) for i in annotated[:, 0]) == [0, 0, 0, 0, 2, 2]
    assert nbt.Session.reopen(None, detections, tmp_path / "edits.jsonl").lineage == session.lineage


def test_cells_of_a_volume_are_followed_to_the_end(real_data) -> None:
    detections = nbt.detect(nbt.read(real_data / "cho_3dt" / "segmentation_labels.h5"))
    session = nbt.Session(None, detections)
    for object_id in (1, 2):
        session.new_track()
        assert session.follow(0, object_id).trail.reason == "last_frame"
    assert [len(session.lineage.objects_of(track)) for track in (1, 2)] == [20, 20]
