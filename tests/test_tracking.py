"""The automatic tracker from objects to lineage: named cases, real movies, what a person holds fixed, bad input."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import CASES, detect, divisions_of, tracks_of

import nbtrack as nbt
from nbtrack.data.events import derive_events
from nbtrack.data.pins import Pin
from nbtrack.errors import InputError, SolveError


@pytest.mark.parametrize("name", CASES)
def test_named_case_gets_its_right_answer(name: str) -> None:
    case = CASES[name]()
    result = nbt.track(case.detections, nbt.TrackingParams(**case.params))
    assert tracks_of(result.lineage) == case.tracks
    assert divisions_of(result.lineage) == case.divisions
    assert set(result.false_detections.itertuples(index=False, name=None)) == case.false_detections
    assert result.report.status == "optimal"
    result.lineage.check()


@pytest.mark.parametrize(
    "name", ["move", "division", "false_detection", "touching", "three_dimensional", "empty_frame"]
)
def test_named_case_with_the_chaingraph_preset(name: str) -> None:
    case = CASES[name]()
    params = nbt.TrackingParams(
        preset="chaingraph", opportunity=300.0, noise_rate=0.5, **{k: v for k, v in case.params.items() if k != "alpha"}
    )
    result = nbt.track(case.detections, params)
    assert tracks_of(result.lineage) == case.tracks
    assert divisions_of(result.lineage) == case.divisions


@pytest.mark.parametrize("name", CASES)
def test_tables_agree_with_the_lineage(name: str) -> None:
    case = CASES[name]()
    result = nbt.track(case.detections, nbt.TrackingParams(**case.params))
    lineage, objects = result.lineage, result.objects
    events = derive_events(lineage, len(case.labels))
    assert len(objects) == len(case.detections)
    for row in objects.itertuples():
        tracks = lineage.tracks_at(row.t, row.object_id)
        assert row.count == len(tracks)
        assert row.track_id == (tracks[0] if tracks else -1)
        assert row.lineage_id == (lineage.lineage_id_of(tracks[0]) if tracks else -1)
        assert lineage.is_false(row.t, row.object_id) == (row.count == 0)
    assert result.mergers[["t", "object_id", "count"]].equals(events.mergers[["t", "object_id", "count"]])
    assert len(result.divisions) == len(lineage.divisions) == len(events.splits)
    adjacent = result.links[result.links["gap"] == 1]
    assert int(adjacent["count"].sum()) == len(events.moves) + 2 * len(result.divisions)
    assert result.report.n_detections == len(case.detections)
    assert result.report.n_links >= len(result.links)


def test_a_link_across_an_empty_frame_keeps_the_track() -> None:
    result = nbt.track(CASES["two_empty_frames"]().detections)
    assert result.links["gap"].tolist() == [1, 3]
    assert result.links["t"].tolist() == [0, 1]
    assert result.appearances.empty
    assert result.disappearances.empty


def test_appearances_and_disappearances_inside_the_movie_are_listed() -> None:
    late = nbt.track(CASES["appear_late"]().detections, nbt.TrackingParams(max_distance=20.0))
    assert late.appearances[["t", "object_id"]].to_numpy().tolist() == [[2, 2]]
    left = nbt.track(CASES["leave_at_border"]().detections, nbt.TrackingParams(max_distance=20.0))
    assert left.disappearances[["t", "object_id"]].to_numpy().tolist() == [[1, 2]]


def test_the_same_input_gives_the_same_answer() -> None:
    case = CASES["merger_and_split"]()
    params = nbt.TrackingParams(**case.params)
    first, second = (nbt.track(case.detections, params) for _ in range(2))
    assert first.lineage == second.lineage


def test_raw_energy_is_told_beside_the_convex_one() -> None:
    case = CASES["merger_and_split"]()
    report = nbt.track(case.detections, nbt.TrackingParams(**case.params)).report
    assert report.raw_objective <= report.objective
    assert report.raw_objective == pytest.approx(report.objective, abs=1e-3)


# --------------------------------------------------------------------------- real movies
def test_small_video_has_its_mergers_division_and_lineages(real_data: Path) -> None:
    movie = nbt.read(real_data / "ilastik_fixtures" / "smallVideoSimpleSegmentation.h5")
    detections = nbt.segment(movie, sigma=0, threshold=0)
    assert detections.table.groupby("t").size().tolist() == [3, 2, 2, 3, 3, 4, 4]
    result = nbt.track(detections, nbt.TrackingParams())
    assert result.mergers[["t", "count"]].to_numpy().tolist() == [[1, 2], [2, 2]]
    assert result.divisions["t"].tolist() == [4]
    assert len(result.lineage.track_ids) == 5
    assert len({result.lineage.lineage_id_of(track) for track in result.lineage.track_ids}) == 3
    spans = result.lineage.tracks[["t_start", "t_end"]].to_numpy().tolist()
    assert sorted(spans) == [[0, 4], [0, 6], [0, 6], [5, 6], [5, 6]]
    assert result.objects["count"].groupby(result.objects["t"]).sum().tolist() == [3, 3, 3, 3, 3, 4, 4]


def test_mitocheck_has_both_divisions_and_rejects_the_speck(real_data: Path) -> None:
    folder = real_data / "ilastik_fixtures" / "mitocheck_small"
    detections = nbt.segment(nbt.read(folder / "mitocheck_small_2D+t_export.h5"), channel=1)
    result = nbt.track(detections, nbt.TrackingParams(preset="conservation", border_width=0.0))
    assert result.divisions["t"].tolist() == [5, 5]
    assert result.false_detections.to_numpy().tolist() == [[4, 3]]


# --------------------------------------------------------------------------- pins
def test_pins_may_be_dictionaries_and_are_kept() -> None:
    case = CASES["false_detection"]()
    result = nbt.track(case.detections, fixed=[{"kind": "object", "t": 1, "object_id": 2, "value": True}])
    assert result.lineage.tracks_at(1, 2)
    assert result.false_detections.empty


def test_a_pinned_link_that_is_no_candidate_is_added() -> None:
    detections = CASES["two_side_by_side"]().detections
    params = nbt.TrackingParams(max_distance=10.0)
    assert len(nbt.track(detections, params).links) == 4
    pin = Pin("link", 0, 1, True, target_id=1)
    links = nbt.track(detections, params, fixed=[pin]).links
    assert [0, 1, 1] in links[["t", "source_id", "target_id"]].to_numpy().tolist()


def test_a_link_that_is_pinned_off_is_not_used() -> None:
    detections = CASES["move"]().detections
    params = nbt.TrackingParams(appearance=5.0, disappearance=5.0)
    links = nbt.track(detections, params, fixed=[Pin("link", 1, 1, False, target_id=1)]).links
    assert links["t"].tolist() == [0, 2]


def test_a_division_that_is_pinned_off_does_not_happen() -> None:
    case = CASES["division"]()
    result = nbt.track(case.detections, fixed=[Pin("division", 1, 1, False)])
    assert result.divisions.empty
    assert case.divisions


@pytest.mark.parametrize(
    "settings", [{"divisible": False, "neighbors": 2}, {"preset": "conservation", "division_probability": 0.01}]
)
def test_a_pinned_division_happens_whatever_the_parameters_say(settings: dict[str, Any]) -> None:
    case = CASES["division"]()
    params = nbt.TrackingParams(**settings)
    assert nbt.track(case.detections, params).divisions.empty
    result = nbt.track(case.detections, params, fixed=[Pin("division", 1, 1)])
    assert divisions_of(result.lineage) == case.divisions


def test_pins_that_contradict_each_other_are_named() -> None:
    detections = CASES["two_side_by_side"]().detections
    pins = [
        Pin("object", 2, 2),
        Pin("link", 0, 1, target_id=1),
        Pin("link", 0, 1, target_id=2),
        Pin("division", 0, 1, False),
        Pin("object", 0, 2),
    ]
    with pytest.raises(SolveError, match="contradict") as caught:
        nbt.track(detections, nbt.TrackingParams(objects_per_merger=1), fixed=pins)
    message = str(caught.value)
    for wanted in (str(pin) for pin in pins[1:4]):
        assert wanted in message
    assert str(pins[0]) not in message
    assert str(pins[4]) not in message
    assert caught.value.status == "infeasible"


# --------------------------------------------------------------------------- control and bad input
def test_progress_and_cancel_reach_the_solver() -> None:
    cancel = threading.Event()
    cancel.set()
    result = nbt.track(CASES["merger_and_split"]().detections, cancel=cancel)
    assert result.report.status == "interrupted"
    seen: list[Any] = []
    nbt.track(CASES["move"]().detections, progress=seen.append)
    assert seen


def test_timeout_gives_an_answer() -> None:
    result = nbt.track(CASES["division"]().detections, nbt.TrackingParams(timeout=0.0))
    assert result.report.status == "time_limit"
    result.lineage.check()


def test_one_frame_is_refused() -> None:
    with pytest.raises(InputError, match=r"needs at least two frames: got 1. Check the time axis"):
        nbt.track(detect(CASES["move"]().labels[:1]))


def test_nothing_to_track_is_told_with_the_reason() -> None:
    detections = CASES["move"]().detections
    with pytest.raises(InputError, match=r"nothing to track: 4 objects in 4 frames, 0 of them .* `size_range`"):
        nbt.track(detections, nbt.TrackingParams(size_range=(1000, 2000)))
    with pytest.raises(InputError, match="nothing to track: 0 objects in 2 frames"):
        nbt.track(detect(np.zeros((2, 8, 8), np.uint32)))


def test_a_raw_movie_that_does_not_fit_is_refused() -> None:
    detections = CASES["move"]().detections
    with pytest.raises(InputError, match="same number of frames: got 3 movie frames and 4 label frames"):
        nbt.track(detections, movie=nbt.Movie.from_array(np.zeros((3, 48, 48)), axes="tyx"))
    with pytest.raises(InputError, match=r"frames of one shape: got \(40, 48\) and \(48, 48\)"):
        nbt.track(detections, movie=nbt.Movie.from_array(np.zeros((4, 40, 48)), axes="tyx"))
