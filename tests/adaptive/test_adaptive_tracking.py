"""The adaptive preset from objects to lineage: named movies, its events, pins, explanations, and simulated movies."""

from typing import Any

import numpy as np
import pytest
from cases import CASES, detect, detections_at, divisions_of, tracks_of

import nbtrack as nbt
from nbtrack.data.detections import Detections
from nbtrack.data.events import derive_events
from nbtrack.data.pins import Pin
from nbtrack.data.result import TrackingResult
from nbtrack.errors import SolveError
from nbtrack.evaluation import compare


def track(detections: Detections, fixed: Any = (), **params: Any) -> TrackingResult:
    result = nbt.track(detections, nbt.TrackingParams(preset="adaptive", **params), fixed=fixed)
    result.lineage.check()
    return result


def disks(*frames: list[tuple[float, float, float]], shape: tuple[int, int] = (80, 120)) -> Detections:
    """Draw disks (y, x, radius), frame by frame; those of one frame that are one object share an id by their order."""
    y, x = np.indices(shape)
    labels = np.zeros((len(frames), *shape), np.uint32)
    for t, frame in enumerate(frames):
        for k, (cy, cx, radius) in enumerate(frame, start=1):
            labels[t][(y - cy) ** 2 + (x - cx) ** 2 <= radius**2] = k
    return detect(labels)


def ellipses(*frames: list[tuple[float, float, float, float]], shape: tuple[int, int] = (80, 120)) -> Detections:
    """Draw ellipses (y, x, half height, half width), frame by frame."""
    y, x = np.indices(shape)
    labels = np.zeros((len(frames), *shape), np.uint32)
    for t, frame in enumerate(frames):
        for k, (cy, cx, height, width) in enumerate(frame, start=1):
            labels[t][((y - cy) / height) ** 2 + ((x - cx) / width) ** 2 <= 1] = k
    return detect(labels)


@pytest.mark.parametrize("name", ["move", "division", "appear_late", "leave_at_border", "two_empty_frames"])
def test_named_case_gets_its_right_answer(name: str) -> None:
    case = CASES[name]()
    result = track(case.detections)
    assert tracks_of(result.lineage) == case.tracks
    assert divisions_of(result.lineage) == case.divisions
    assert result.report.status == "optimal"


@pytest.mark.parametrize("name", CASES)
def test_tables_agree_with_the_lineage(name: str) -> None:
    case = CASES[name]()
    check_tables(track(case.detections))


def check_tables(result: TrackingResult) -> None:
    lineage = result.lineage
    events = derive_events(lineage, result.detections.n_frames)
    for row in result.objects.itertuples():
        tracks = lineage.tracks_at(row.t, row.object_id)
        assert row.count == len(tracks)
        assert row.track_id == (tracks[0] if tracks else -1)
        assert lineage.is_false(row.t, row.object_id) == (row.count == 0)
    assert result.mergers[["t", "object_id", "count"]].equals(events.mergers[["t", "object_id", "count"]])
    assert len(result.divisions) == len(lineage.divisions)
    for row in result.fragments.itertuples():
        assert lineage.is_false(row.t, row.object_id)
        assert lineage.tracks_at(row.t, row.of_id) == (row.track_id,)


CROSSING = [
    [(40.0, 30.0, 8.0, 8.0), (40.0, 56.0, 8.0, 8.0)],
    [(40.0, 34.0, 8.0, 8.0), (40.0, 52.0, 8.0, 8.0)],
    [(40.0, 43.0, 8.0, 16.0)],
    [(40.0, 43.0, 8.0, 16.0)],
    [(40.0, 34.0, 8.0, 8.0), (40.0, 52.0, 8.0, 8.0)],
    [(40.0, 30.0, 8.0, 8.0), (40.0, 56.0, 8.0, 8.0)],
]


def test_two_objects_that_merge_and_part_are_a_merger_of_two() -> None:
    result = track(ellipses(*CROSSING))
    assert len(result.lineage.track_ids) == 2
    assert result.divisions.empty
    assert result.mergers[["t", "object_id", "count"]].to_numpy().tolist() == [[2, 1, 2], [3, 1, 2]]
    assert result.energies is not None
    assert result.energies.merges["used"].sum() == 1
    check_tables(result)
    assert len(nbt.resolve_mergers(result).objects) == 12


def test_without_mergers_nothing_is_shared() -> None:
    result = track(ellipses(*CROSSING), objects_per_merger=1)
    assert result.mergers.empty
    assert result.energies is not None
    assert result.energies.merges.empty


def test_one_object_in_two_masks_is_one_track_with_fragments() -> None:
    frames = [[(40.0, 43.0, 8.0, 16.0)]] * 2
    frames += [[(40.0, 34.0, 8.0, 7.0), (40.0, 51.0, 8.0, 9.0)]] * 2
    result = track(ellipses(*frames, *frames[:2]))
    assert len(result.lineage.track_ids) == 1
    assert result.fragments[["t", "object_id", "of_id"]].to_numpy().tolist() == [[2, 1, 2], [3, 1, 2]]
    assert result.divisions.empty
    check_tables(result)


def test_a_missed_object_is_linked_across_the_gap() -> None:
    frames = [[(40.0, 30.0 + 2 * t, 8.0), (20.0, 90.0, 8.0)] for t in range(6)]
    frames[3] = frames[3][1:]
    result = track(disks(*frames))
    assert len(result.lineage.track_ids) == 2
    assert sorted(result.links["gap"].tolist())[-2:] == [1, 2]
    assert len(track(disks(*frames), missed_frames=0).lineage.track_ids) == 3


def test_a_jump_of_the_whole_frame_is_found() -> None:
    places = np.array([(20, 20), (20, 50), (50, 25), (45, 60), (30, 80)], float)
    frames = [[(y + jump[0], x + jump[1], 6.0) for y, x in places] for jump in ((0, 0), (1, 0), (13, 21), (13, 22))]
    result = track(disks(*frames))
    assert len(result.lineage.track_ids) == 5
    assert result.energies is not None
    assert np.abs(result.energies.drift[1] - (12, 21)).max() <= 1
    assert np.abs(result.energies.drift[[0, 2]]).max() <= 1
    still = track(disks(*frames), drift=1.0)
    assert still.energies is not None
    assert not still.energies.drift.any()


def test_terms_add_up_to_the_energy() -> None:
    result = track(ellipses(*CROSSING))
    assert result.energies is not None
    for name, ends, more in (
        ("links", ["t", "source_id", "target_t", "target_id"], ["off", "count"]),
        ("divisions", ["t", "parent_id", "child1_id", "child2_id"], []),
        ("merges", ["t", "object_id", "source1_id", "source2_id"], []),
    ):
        table = getattr(result.energies, name)
        terms = table.drop(columns=[*ends, *more, "energy", "used", "paid"])
        assert tuple(terms) == result.energies.terms[name]
        assert np.allclose(terms.sum(axis=1), table["energy"])
    assert "links" in repr(result.energies)
    assert set(result.energies.weights) == {"link", "division", "merge"}


def test_an_answer_costs_what_its_parts_cost() -> None:
    result = track(ellipses(*CROSSING))
    assert result.energies is not None
    e = result.energies
    parts = sum(float(table.loc[table["used"], "energy"].sum()) for table in (e.links, e.divisions, e.merges))
    ends = e.objects.set_index(["t", "object_id"])
    parts += sum(float(ends.loc[(r.t, r.object_id), "appearance"]) for r in result.appearances.itertuples())
    parts += sum(float(ends.loc[(r.t, r.object_id), "disappearance"]) for r in result.disappearances.itertuples())
    assert result.report.objective == pytest.approx(parts)


# --------------------------------------------------------------------------- what a person holds fixed
def test_a_pinned_link_is_kept_wherever_it_leads() -> None:
    frames = [[(20.0, 20.0, 6.0), (60.0, 100.0, 6.0)]] * 3
    pin = Pin("link", 0, 1, True, target_id=2)
    result = track(disks(*frames), [pin], divisible=False)
    assert set(result.lineage.tracks_at(0, 1)) <= set(result.lineage.tracks_at(1, 2))


def test_a_pinned_link_may_be_that_of_a_division() -> None:
    case = CASES["division"]()
    free = track(case.detections)
    t, parent, child, _ = next(iter(divisions_of(free.lineage)))
    held = track(case.detections, [Pin("link", t, parent, True, target_id=child), Pin("division", t, parent, True)])
    assert divisions_of(held.lineage) == divisions_of(free.lineage)
    assert held.report.objective == pytest.approx(free.report.objective)
    assert divisions_of(track(case.detections, [Pin("division", t, parent, False)]).lineage) == set()


def test_a_pinned_division_happens_between_any_two_candidates() -> None:
    frames = [[(40.0, 40.0, 6.0)]] + [[(40.0, 40.0, 6.0), (60.0, 52.0, 6.0)]] * 3
    assert divisions_of(track(disks(*frames)).lineage) == set()
    pins = [Pin("division", 0, 1, True)]
    assert divisions_of(track(disks(*frames), pins).lineage) == {(0, 1, 1, 2)}
    assert divisions_of(track(disks(*frames), pins, divisible=False).lineage) == {(0, 1, 1, 2)}


def test_an_object_that_is_held_false_is_false() -> None:
    frames = [[(40.0, 40.0 + t, 6.0), (20.0, 90.0, 6.0)] for t in range(4)]
    result = track(disks(*frames), [Pin("object", 1, 1, False)])
    assert result.false_detections.to_numpy().tolist() == [[1, 1]]
    with pytest.raises(SolveError, match="contradict"):
        track(disks(*frames), [Pin("object", 1, 1, False), Pin("link", 0, 1, True, target_id=1)])


# --------------------------------------------------------------------------- probabilities and missing labels
def test_a_classifier_speaks_for_and_against_a_division() -> None:
    case = CASES["division"]()
    detections = case.detections
    detections.table["p_division"] = 0.0
    against = track(detections, division_weight=10.0)
    assert divisions_of(against.lineage) == set()
    detections.table["p_division"] = 0.5
    assert divisions_of(track(detections, division_weight=10.0).lineage) == case.divisions


def test_counts_of_a_classifier_make_mergers_and_false_detections() -> None:
    detections = ellipses(*CROSSING, *[[*frame, (12.0, 100.0, 6.0, 6.0)] for frame in CROSSING[-1:]])
    merged = detections.table["size"] > 300
    speck = (detections.table["t"] == 6) & (detections.table["object_id"] == 3)
    for k, p in enumerate((0.99 * speck + 0.01, 0.97 * ~merged * ~speck + 0.01, 0.97 * merged + 0.01)):
        detections.table[f"p_count_{k}"] = np.clip(p, 0, 1)
    result = track(detections)
    assert result.mergers[["t", "object_id", "count"]].to_numpy().tolist() == [[2, 1, 2], [3, 1, 2]]
    assert result.false_detections.to_numpy().tolist() == [[6, 3]]


def test_centers_and_sizes_are_enough() -> None:
    points = [[(20.0 + t, 20.0), (70.0, 70.0 - t)] for t in range(4)]
    result = track(detections_at(points))
    assert len(result.lineage.track_ids) == 2
    assert result.energies is not None
    assert (result.energies.links["overlap"] < 4).any()


def test_units_of_the_image_do_not_matter() -> None:
    frames = [[(20.0 + 2 * t, 30.0, 5.0), (25.0 + 2 * t, 60.0 + t, 6.0), (60.0, 50.0 + 3 * t, 5.0)] for t in range(5)]
    small, large = disks(*frames), disks(*frames)
    scaled = track(Detections(large.labels, large.table, large.frame_shape, (0.25, 0.25)), data_scales=(4.0, 4.0))
    assert tracks_of(scaled.lineage) == tracks_of(track(small).lineage)


def test_simulated_movies_with_all_faults_are_tracked_better_than_before() -> None:
    sample = nbt.sample("nuclei", n_frames=20, size=220, seed=3)
    detections = nbt.segment(sample.prediction, channel=1)
    assert sample.truth is not None
    f1 = {}
    for preset in ("adaptive", "conservation"):
        result = nbt.track(detections, nbt.TrackingParams(preset=preset))
        f1[preset] = compare(result.lineage, detections, sample.truth, sample.labels)["link_f1"]
    assert f1["adaptive"] is not None
    assert f1["adaptive"] > max(0.9, f1["conservation"] or 0.0)


def test_the_preset_has_its_own_defaults() -> None:
    params = nbt.TrackingParams(preset="adaptive")
    assert (params.appearance, params.neighbors, params.opportunity) == (3.0, 6, 5.0)


def test_a_pinned_merge_keeps_both_objects_although_they_never_part() -> None:
    frames = [[(40.0, 34.0, 8.0, 8.0), (40.0, 52.0, 8.0, 8.0)]] * 3 + [[(40.0, 43.0, 8.0, 16.0)]] * 3
    pins = [Pin("link", 2, k, True, target_id=1) for k in (1, 2)]
    result = track(ellipses(*frames), pins, longest_merger=2)
    assert result.lineage.tracks_at(3, 1) == (1, 2)
    assert len(result.lineage.tracks_at(4, 1)) == 1
    assert len(track(ellipses(*frames), longest_merger=2).lineage.tracks_at(3, 1)) == 1


def test_two_objects_that_stay_merged_to_the_end_share_their_mask() -> None:
    frames = [[(40.0, 34.0, 8.0, 8.0), (40.0, 52.0, 8.0, 8.0)]] * 3 + [[(40.0, 43.0, 8.0, 16.0)]] * 3
    result = track(ellipses(*frames))
    assert result.mergers[["t", "count"]].to_numpy().tolist() == [[3, 2], [4, 2], [5, 2]]
    assert len(result.lineage.track_ids) == 2
    assert result.disappearances.empty
    check_tables(result)


def test_pins_keep_a_division_and_an_object_from_being_read_as_fragments() -> None:
    frames = [[(40.0, 43.0, 8.0, 16.0)]] * 2 + [[(40.0, 34.0, 8.0, 7.0), (40.0, 51.0, 8.0, 9.0)]] * 2
    detections = ellipses(*frames, *frames[:2])
    for pin in (Pin("division", 1, 1, True), Pin("object", 2, 1, True)):
        result = track(detections, [pin])
        assert not result.lineage.is_false(2, 1)
    smaller = track(detections, [Pin("link", 2, 1, True, target_id=1)])
    assert set(smaller.fragments["object_id"]) <= {2}


def test_a_pinned_count_of_one_is_no_merger() -> None:
    result = track(ellipses(*CROSSING), [Pin("count", 2, 1, 1)])
    assert len(result.lineage.tracks_at(2, 1)) == 1
    check_tables(result)
