import threading
from dataclasses import replace

import cases
import pandas as pd
import pytest

import nbtrack as nbt
from nbtrack import live_tracking
from nbtrack.live_tracking import QUICK, LiveTracker
from nbtrack.tracking import start_graph


@pytest.fixture
def detections():
    return nbt.segment(nbt.sample("nuclei", n_frames=6, size=128, n_cells=12, seed=3).prediction, channel=1)


@pytest.fixture
def made(monkeypatch):
    """Parameters for which candidates were made."""
    calls = []

    def make(detections, params):
        calls.append(params)
        return start_graph(detections, params)

    monkeypatch.setattr(live_tracking, "start_graph", make)
    return calls


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"appearance": 20.0},
        {"neighbors": 1},
        {"t_range": (1, 5)},
        {"divisible": False},
        {"preset": "chaingraph"},
        {"preset": "conservation"},
    ],
)
def test_the_answer_is_that_of_track(detections, change) -> None:
    live = LiveTracker(detections)
    live.track(nbt.TrackingParams(preset="conservation", alpha=8.0))
    params = nbt.TrackingParams(**change)
    one, two = live.track(params), nbt.track(detections, params)
    assert one.report.objective == pytest.approx(two.report.objective, rel=1e-9)
    assert one.report.raw_objective == pytest.approx(two.report.raw_objective, rel=1e-9)
    for name in ("objects", "links", "divisions", "mergers", "false_detections"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(two, name))
    assert one.params == params
    assert nbt.compare(one, two).same


def test_candidates_are_made_again_only_for_parameters_that_go_into_them(detections, made) -> None:
    live, params = LiveTracker(detections), nbt.TrackingParams(preset="conservation")
    assert not live.keeps_candidates(params)
    live.track(params)
    for change in ({"appearance": 10.0}, {"alpha": 9.0}, {"opportunity": 5.0}, {"optimality_gap": 0.1}):
        assert live.keeps_candidates(replace(params, **change))
        live.track(replace(params, **change))
    assert len(made) == 1
    changes = ({"neighbors": 1}, {"max_distance": 9.0}, {"size_range": (1, 50)}, {"y_range": (0, 60)},
               {"border_width": 0.0}, {"data_scales": (1.0, 2.0)})  # fmt: skip
    for change in changes:
        assert not live.keeps_candidates(replace(params, **change)), change
    live.track(replace(params, neighbors=1))
    assert len(made) == 2


def test_only_a_quick_run_is_followed() -> None:
    live = LiveTracker(cases.move().detections)
    assert not live.is_quick
    live.track(nbt.TrackingParams())
    live.seconds = QUICK / 2
    assert live.is_quick
    live.seconds = 2 * QUICK
    assert not live.is_quick


def test_progress_and_cancel_are_passed_on(detections) -> None:
    seen, cancel = [], threading.Event()
    live = LiveTracker(detections)
    live.track(nbt.TrackingParams(), progress=seen.append, cancel=cancel)
    assert seen
    cancel.set()
    assert live.track(nbt.TrackingParams(), cancel=cancel).report.status == "interrupted"
