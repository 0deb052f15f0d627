"""Parameters of the tracker: each one moves the answer the way the manual says, and nonsense is refused."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from cases import CASES, detections_at, divisions_of, tracks_of

import nbtrack as nbt
from nbtrack.data.result import TrackingResult
from nbtrack.errors import InputError

CENTER = (50.0, 50.0)


def track(
    points: list[list[tuple[float, ...]]], columns: dict[str, Any] | None = None, **params: Any
) -> TrackingResult:
    return nbt.track(
        detections_at(points, **(columns or {})), nbt.TrackingParams(**{"preset": "conservation", **params})
    )


def n_tracked(result: TrackingResult) -> int:
    return int((result.objects["count"] > 0).sum())


# --------------------------------------------------------------------------- ends of tracks
@pytest.mark.parametrize("preset", ["conservation", "chaingraph"])
def test_high_appearance_forbids_appearances_if_possible(preset: str) -> None:
    points = [[CENTER], [CENTER, (80.0, 80.0)], [CENTER, (83.0, 80.0)]]
    settings = {"preset": preset, "divisible": False, "objects_per_merger": 1, "opportunity": 50.0}
    low, high = (track(points, appearance=a, **settings) for a in (10.0, 5000.0))
    assert low.appearances[["t", "object_id"]].to_numpy().tolist() == [[1, 2]]
    assert high.appearances.empty
    assert n_tracked(high) == n_tracked(low) - 2


@pytest.mark.parametrize("preset", ["conservation", "chaingraph"])
def test_high_disappearance_forbids_disappearances_if_possible(preset: str) -> None:
    points = [[CENTER, (80.0, 80.0)], [CENTER, (83.0, 80.0)], [CENTER]]
    settings = {"preset": preset, "objects_per_merger": 1, "opportunity": 50.0}
    low, high = (track(points, disappearance=d, **settings) for d in (10.0, 5000.0))
    assert low.disappearances[["t", "object_id"]].to_numpy().tolist() == [[1, 2]]
    assert high.disappearances.empty
    assert n_tracked(high) == n_tracked(low) - 2


def test_ends_are_free_in_the_first_and_the_last_frame() -> None:
    result = track([[CENTER], [CENTER]], appearance=5000.0, disappearance=5000.0)
    assert n_tracked(result) == 2
    assert result.report.objective < 100


def test_one_frame_tracks_may_be_forbidden() -> None:
    points = [[CENTER], [CENTER, (80.0, 80.0)], [CENTER]]
    cheap = {"appearance": 1.0, "disappearance": 1.0, "divisible": False, "objects_per_merger": 1}
    assert n_tracked(track(points, **cheap)) == 4
    assert n_tracked(track(points, **cheap, one_frame_tracks=False)) == 3


# --------------------------------------------------------------------------- objects or noise
@pytest.mark.parametrize("preset", ["conservation", "chaingraph"])
def test_high_opportunity_tracks_more_objects(preset: str) -> None:
    points = [[CENTER], [CENTER, (80.0, 80.0)], [CENTER]]
    settings: dict[str, Any] = {"preset": preset, "divisible": False, "appearance": 100.0, "disappearance": 100.0}
    settings |= {"objects_per_merger": 1, "noise_weight": 1.0}
    few, many = (track(points, **settings, opportunity=o) for o in (0.0, 2000.0))
    assert (n_tracked(few), n_tracked(many)) == (3, 4)


@pytest.mark.parametrize(("rate", "weight", "kept"), [(0.01, 200.0, 4), (0.01, 1.0, 3), (0.5, 200.0, 3)])
def test_a_small_noise_rate_with_a_high_noise_weight_keeps_objects(rate: float, weight: float, kept: int) -> None:
    points = [[CENTER], [CENTER, (80.0, 80.0)], [CENTER]]
    settings = {"preset": "chaingraph", "appearance": 100.0, "disappearance": 100.0, "opportunity": 20.0}
    assert n_tracked(track(points, noise_rate=rate, noise_weight=weight, **settings)) == kept


def test_detection_weight_holds_against_ends() -> None:
    points = [[CENTER], [CENTER, (80.0, 80.0)], [CENTER]]
    settings = {"appearance": 50.0, "disappearance": 50.0, "objects_per_merger": 1, "divisible": False}
    assert n_tracked(track(points, **settings, detection_weight=1.0)) == 3
    assert n_tracked(track(points, **settings, detection_weight=100.0)) == 4


# --------------------------------------------------------------------------- links
def test_transition_weight_and_alpha_price_a_long_way() -> None:
    points = [[(50.0, 30.0)], [(50.0, 60.0)]]
    settings = {"appearance": 20.0, "disappearance": 20.0, "divisible": False}
    assert len(track(points, **settings).links) == 0
    assert len(track(points, **settings, alpha=30.0).links) == 1
    assert len(track(points, **settings, transition_weight=0.1).links) == 1


def test_maximal_distance_is_strict_in_the_answer() -> None:
    points = [[(50.0, 30.0)], [(50.0, 40.0)]]
    assert track(points, max_distance=10.0).links.empty
    assert len(track(points, max_distance=10.01).links) == 1


def test_data_scales_apply_to_distances() -> None:
    points = [[(30.0, 50.0)], [(50.0, 50.0)]]
    assert len(track(points, max_distance=30.0).links) == 1
    assert track(points, max_distance=30.0, data_scales=(1.0, 2.0)).links.empty
    assert len(track(points, max_distance=30.0, data_scales=(2.0, 1.0)).links) == 1


def test_more_neighbors_give_more_candidates() -> None:
    crowd = [[(10.0 * i, 50.0) for i in range(1, 8)], [(10.0 * i + 7, 50.0) for i in range(1, 8)]]
    links = [track(crowd, divisible=False, neighbors=k).report.n_links for k in (1, 2, 3)]
    assert links == sorted(set(links))


# --------------------------------------------------------------------------- divisions
def test_divisible_objects() -> None:
    case = CASES["division"]()
    assert divisions_of(nbt.track(case.detections).lineage) == case.divisions
    assert nbt.track(case.detections, nbt.TrackingParams(preset="conservation", divisible=False)).divisions.empty


def fan(**settings: Any) -> TrackingResult:
    """One object, then two beside its place, 90 degrees apart as seen from it."""
    return track([[CENTER], [(44.0, 44.0), (44.0, 56.0)]], **settings)


def test_division_probability_threshold_and_weight() -> None:
    sure = {"detection_weight": 30.0}
    assert len(fan(**sure).divisions) == 1
    assert fan(**sure, division_probability=0.05).divisions.empty
    assert len(fan(**sure, division_probability=0.05, division_threshold=0.01).divisions) == 1
    assert fan(**sure, division_probability=0.11, division_weight=1000.0).divisions.empty
    assert len(fan(**sure, division_probability=0.9, division_weight=1000.0).divisions) == 1


def test_division_angle_forbids_children_on_one_side() -> None:
    settings = {"preset": "chaingraph"}
    assert len(fan(**settings).divisions) == 1
    assert len(fan(**settings, division_angle=80.0).divisions) == 1
    assert fan(**settings, division_angle=100.0).divisions.empty


def test_division_distance_is_the_distance_that_costs_nothing() -> None:
    close = fan(preset="chaingraph", division_distance=float(np.hypot(6, 6))).report.objective
    apart = fan(preset="chaingraph", division_distance=0.0).report.objective
    assert apart - close == pytest.approx(2 * 72)


# --------------------------------------------------------------------------- mergers
def test_objects_per_merger() -> None:
    case = CASES["merger_and_split"]()
    assert len(nbt.track(case.detections, nbt.TrackingParams(**case.params)).mergers) == 1
    single = nbt.track(case.detections, nbt.TrackingParams(**case.params, objects_per_merger=1))
    assert single.mergers.empty
    assert single.objects["count"].max() == 1


def test_object_size_tells_how_many() -> None:
    case = CASES["merger_and_split"]()
    params = nbt.TrackingParams(preset="conservation", **case.params)
    assert nbt.track(case.detections, replace(params, object_size=36.0)).objects["count"].tolist() == [1, 1, 2, 1, 1]
    assert nbt.track(case.detections, replace(params, object_size=72.0)).mergers.empty


# --------------------------------------------------------------------------- border, field of view, size
def test_border_width_makes_ends_cheaper_near_the_border() -> None:
    points = [[CENTER], [CENTER, (50.0, 8.0)], [CENTER, (50.0, 11.0)]]
    settings = {"divisible": False, "objects_per_merger": 1, "appearance": 300.0}
    energies = [track(points, **settings, border_width=w).report.objective for w in (0.0, 10.0, 40.0)]
    assert energies == sorted(energies, reverse=True)
    kept = [n_tracked(track(points, **settings, border_width=w)) for w in (0.0, 40.0)]
    assert kept == [3, 5]


def test_border_is_measured_from_box_or_center() -> None:
    points = [[CENTER], [CENTER, (50.0, 3.0)], [CENTER, (50.0, 6.0)]]
    settings = {"divisible": False, "objects_per_merger": 1, "border_width": 3.0, "appearance": 300.0}
    assert n_tracked(track(points, **settings, border_from="box")) == 5
    assert n_tracked(track(points, **settings, border_from="center")) == 3


@pytest.mark.parametrize(
    ("view", "kept"),
    [({}, 4), ({"t_range": (0, 2)}, 3), ({"x_range": (0, 60)}, 3), ({"y_range": (0, 60)}, 3)],
)
def test_field_of_view(view: dict[str, Any], kept: int) -> None:
    assert len(track([[CENTER], [CENTER, (80.0, 80.0)], [CENTER]], **view).objects) == kept


def test_field_of_view_in_depth() -> None:
    points = [[(10.0, 25.0, 25.0), (40.0, 25.0, 25.0)], [(10.0, 25.0, 25.0)]]
    assert len(track(points, {"shape": (50, 50, 50)}, z_range=(0, 20)).objects) == 2


def test_the_first_frame_of_the_field_of_view_is_free() -> None:
    points = [[], [CENTER], [CENTER], [CENTER]]
    assert n_tracked(track(points, t_range=(2, 4), appearance=5000.0, disappearance=5000.0)) == 2


def test_size_range_is_inclusive() -> None:
    columns = {"size": 25}
    assert len(track([[CENTER], [CENTER]], columns, size_range=(25, 25)).objects) == 2
    with pytest.raises(InputError, match="nothing to track"):
        track([[CENTER], [CENTER]], columns, size_range=(26, 100))


# --------------------------------------------------------------------------- solver
def test_optimality_gap_timeout_threads_and_solver_reach_the_solver(monkeypatch: pytest.MonkeyPatch) -> None:
    import nbtrack.tracking as tracking

    seen: dict[str, Any] = {}
    plain = tracking.solve_problem

    def watch(problem: Any, **options: Any) -> Any:
        seen.update(options)
        return plain(problem, **options)

    monkeypatch.setattr(tracking, "solve_problem", watch)
    track([[CENTER], [CENTER]], optimality_gap=0.2, timeout=30.0, threads=1, solver="highs")
    assert (seen["optimality_gap"], seen["threads"], seen["solver"]) == (0.2, 1, "highs")
    assert seen["control"].timeout == 30.0


# --------------------------------------------------------------------------- presets
CHAINGRAPH = {
    "appearance": 1000.0,
    "disappearance": 1000.0,
    "opportunity": 1000.0,
    "noise_rate": 0.1,
    "noise_weight": 100.0,
    "objects_per_merger": 1,
    "neighbors": 2,
    "max_distance": 50.0,
    "optimality_gap": 0.05,
    "timeout": None,
    "border_width": 10.0,
    "size_range": (10, 1_000_000),
    "one_frame_tracks": True,
    "divisible": True,
}
CONSERVATION = {
    **CHAINGRAPH,
    "appearance": 500.0,
    "disappearance": 500.0,
    "opportunity": 0.0,
    "objects_per_merger": 2,
    "neighbors": 3,
    "max_distance": 200.0,
    "optimality_gap": 1e-6,
    "detection_weight": 10.0,
    "division_weight": 10.0,
    "transition_weight": 10.0,
    "alpha": 5.0,
    "division_probability": 0.5,
    "border_from": "box",
}


@pytest.mark.parametrize(("preset", "defaults"), [("conservation", CONSERVATION), ("chaingraph", CHAINGRAPH)])
def test_defaults_of_the_presets(preset: str, defaults: dict[str, Any]) -> None:
    params = nbt.TrackingParams(preset=preset)
    assert {name: getattr(params, name) for name in defaults} == defaults


def test_a_given_value_wins_over_the_preset() -> None:
    params = nbt.TrackingParams(preset="chaingraph", appearance=7.0)
    assert (params.appearance, params.disappearance) == (7.0, 1000.0)
    assert replace(params, neighbors=5).appearance == 7.0


def test_every_parameter_explains_itself() -> None:
    for item in fields(nbt.TrackingParams):
        assert item.metadata["label"], item.name
        assert item.metadata["help"].endswith("."), item.name


def test_lists_are_taken_as_tuples() -> None:
    assert nbt.TrackingParams(preset="conservation", size_range=[5, 50]).size_range == (5, 50)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"preset": "ilp"}, "`preset` must be one of 'adaptive', 'conservation', 'chaingraph': got 'ilp'"),
        ({"solver": "glop"}, "`solver` must be one of 'auto', 'highs', .*: got 'glop'"),
        ({"divisible": 1}, "`divisible` must be True or False: got 1"),
        ({"appearance": -1.0}, r"`appearance` is out of range: got -1.0, allowed is at least 0"),
        ({"appearance": float("nan")}, "`appearance` must be a number: got nan"),
        ({"appearance": "high"}, "`appearance` must be a number: got 'high'"),
        ({"noise_rate": 0.0}, r"`noise_rate` is out of range: got 0.0, allowed is 0.0001 to 0.9999"),
        ({"neighbors": 2.5}, r"`neighbors` must be a whole number: got 2.5"),
        ({"neighbors": 0}, r"`neighbors` is out of range: got 0, allowed is 1 to 20"),
        ({"threads": 0}, "`threads` is out of range: got 0, allowed is at least 1"),
        ({"size_range": (1, 2, 3)}, r"`size_range` must have 2 numbers: got \(1, 2, 3\)"),
        ({"size_range": (9, 2)}, r"`size_range` must be \(from, to\): got \(9, 2\). Swap the two numbers"),
        ({"t_range": (9, 2)}, r"`t_range` must be \(from, to\): got \(9, 2\)"),
        ({"x_range": (1, 2, 3)}, r"`x_range` must be two numbers \(from, to\): got \(1, 2, 3\)"),
        ({"x_range": 5}, r"`x_range` must be two numbers \(from, to\): got 5"),
        ({"data_scales": (1.0, 0.0)}, r"`data_scales` must be above 0: got \(1.0, 0.0\)"),
        ({"preset": "chaingraph", "objects_per_merger": 2}, '`objects_per_merger` must be 1 with preset="chaingraph"'),
    ],
)
def test_nonsense_is_refused_in_a_sentence(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        nbt.TrackingParams(**given)


def test_named_cases_do_not_depend_on_the_order_of_tracks() -> None:
    case = CASES["two_side_by_side"]()
    assert tracks_of(nbt.track(case.detections).lineage) == case.tracks
