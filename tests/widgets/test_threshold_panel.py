import asyncio

import numpy as np
import pytest
from panel_files import write_files

from nbtrack.errors import EditError, InputError
from nbtrack.params import SegmentationParams
from nbtrack.widgets.parameter_controls import ParameterControls
from nbtrack.widgets.threshold_panel import ThresholdPanel
from nbtrack.workflow import Workflow


@pytest.fixture
def panel(tmp_path):
    write_files(tmp_path)
    workflow = Workflow()
    workflow.load(raw=tmp_path / "raw.npy", prediction=tmp_path / "prediction.h5")
    return ThresholdPanel(workflow)


def turn(panel, name, value):
    panel.controls.inputs[name][0].value = value


def count(panel):
    return panel._count.value


def test_objects_follow_the_sliders(panel) -> None:
    assert panel.params == SegmentationParams(channel=1)
    before = panel.view.overlay.value
    n = len(panel.workflow.preview(panel.params, 0).labels[panel.workflow.preview(panel.params, 0).labels > 0])
    turn(panel, "threshold", 0.9)
    assert panel.view.overlay.value != before
    assert (panel.view._labels > 0).sum() < n
    assert panel.values_chart.handle.x[0] == 0.9
    turn(panel, "threshold", 0.5)
    assert panel.view.overlay.value == before
    picture = panel.view.image.value
    panel.view.time.value = 4
    assert panel.view.image.value != picture
    assert "in frame 4" in count(panel)
    turn(panel, "channel", 0)
    assert panel.params.channel == 0
    assert panel.last_error is None
    assert panel.workflow.detections is None, "nothing is applied by looking"


def test_what_cannot_be_read_is_read_again(panel, monkeypatch) -> None:
    """Neither the picture nor the objects of another frame stay on screen; the next look asks again."""
    movies, damaged = {"raw": panel.workflow.raw, "prediction": panel.workflow.prediction}, {"raw", "prediction"}
    for name, movie in movies.items():

        def frame(t, channel=None, name=name, whole=movie.frame):
            if name in damaged:
                raise InputError(f"The file of {name} is away.")
            return whole(t, channel)

        monkeypatch.setattr(movie, "frame", frame)
    panel.view.time.value = 4
    assert "is away" in panel.messages.text
    assert not panel.view._frame.any()
    assert not panel.view._labels.any()
    damaged.discard("prediction")
    panel.shown.value = False
    panel.shown.value = True
    assert panel.view._labels.any(), "objects are shown without the raw image"
    assert not panel.view._frame.any()
    damaged.clear()
    turn(panel, "threshold", 0.6)
    assert panel.view._frame.any(), "the next look reads it"


def test_the_line_of_the_histogram_moves_the_threshold(panel) -> None:
    panel.values_chart.handle.x = np.array([0.3])
    assert panel.params.threshold == pytest.approx(0.3)
    panel.values_chart.handle.x = np.array([-5.0])
    assert panel.params.threshold == 0
    assert panel.last_error is None


def test_sizes_left_out_are_counted(panel) -> None:
    turn(panel, "size", 400)
    assert "too small" in count(panel)
    assert panel.sizes_chart._ends[0].x[0] == 400
    assert not panel.sizes_chart._ends[1].visible
    panel.controls.inputs["size"][1].value = 300
    assert "Swap the two numbers" in panel.messages.text


def test_two_thresholds(panel) -> None:
    assert panel.controls.rows["core_threshold"].layout.display == "none"
    panel.two.value = True
    assert panel.controls.rows["core_threshold"].layout.display == ""
    assert panel.params.core_threshold == 0.75
    turn(panel, "core_threshold", 0.1)
    assert "`core_threshold` must not be below `threshold`" in panel.messages.text
    panel.two.value = False
    assert panel.params.core_threshold is None


def test_smoothing_is_typed(panel) -> None:
    turn(panel, "sigma", "2, 1.5")
    assert panel.params.sigma == (2, 1.5)
    turn(panel, "sigma", "a lot")
    assert panel.messages.text.startswith("`sigma` must be a number, or several with commas between: got 'a lot'")
    turn(panel, "sigma", "")
    assert "`sigma` is empty. Type a number; 1.0 is usual." in panel.messages.text
    turn(panel, "sigma", "1, 2, 3")
    assert "one for each of y, x" in panel.messages.text


def test_apply_shows_distinct_colors(panel) -> None:
    assert "Not applied yet" in count(panel)
    before = panel.view.overlay.value
    panel.button.click()
    assert (
        panel.messages.text == f"There are {len(panel.workflow.detections)} objects in 12 frames. Next: Track by hand."
    )
    assert panel.view.overlay.value != before
    assert panel.view._distinct
    assert "Applied:" in count(panel)
    assert panel.button.disabled
    turn(panel, "threshold", 0.6)
    assert "Changed, not applied yet" in count(panel)
    assert not panel.view._distinct
    assert not panel.button.disabled
    assert panel.last_error is None


@pytest.fixture
def tracked(panel):
    panel.button.click()
    panel.workflow.session.mark_false(0, 1)
    turn(panel, "threshold", 0.7)
    return panel


def test_it_asks_before_tracking_is_deleted(tracked) -> None:
    session = tracked.workflow.session
    assert tracked._question_rows[0].layout.display == "none"
    tracked.button.click()
    assert "1 step, 0 tracks, 0 divisions" in tracked.question.value
    assert tracked._question_rows[0].layout.display == ""
    assert tracked.controls.inputs["threshold"][0].disabled
    tracked.no.click()
    assert tracked.workflow.session is session
    assert tracked.params == tracked.workflow.params
    assert tracked._question_rows[0].layout.display == "none"
    assert not tracked.controls.inputs["threshold"][0].disabled
    turn(tracked, "threshold", 0.7)
    tracked.button.click()
    tracked.yes.click()
    assert tracked.workflow.session is not session
    assert tracked.workflow.params.threshold == 0.7
    assert tracked.last_error is None


def test_a_long_run_lives_beside_the_loop_and_can_be_stopped(panel) -> None:
    async def run(stop):
        panel.button.click()
        assert panel._running
        assert panel.button.layout.display == "none"
        panel.button.click()
        assert "being found already" in panel.messages.text
        if stop:
            panel.stop.click()
        while panel._running:
            await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(run(stop=True))
    assert panel.messages.text == "Stopped. The objects are as they were before."
    assert isinstance(panel.last_error, EditError)
    assert panel.workflow.detections is None
    asyncio.run(run(stop=False))
    assert panel.workflow.detections is not None
    assert panel.messages.text.endswith("Next: Track by hand.")
    assert panel.button.layout.display == ""


def test_binary_images_need_no_smoothing(panel, tmp_path) -> None:
    panel.workflow.load(prediction=np.load(tmp_path / "labels.npy") > 0)
    assert panel.workflow.kind == "binary"
    assert (panel.params.sigma, panel.params.threshold) == (0, 0)
    panel.button.click()
    assert panel.workflow.session is not None
    assert panel.last_error is None


def test_label_images_need_nothing(panel, tmp_path) -> None:
    panel.workflow.load(prediction=tmp_path / "labels.npy")
    assert panel.view is None
    assert "there is nothing to do here" in panel.widget.children[1].value
    panel.button.click()
    assert panel.workflow.session is not None
    assert len(panel.widget.children) == 3, "the button is gone"
    with pytest.raises(InputError, match="There is nothing to threshold"):
        panel.snapshot()
    assert panel.last_error is None


def test_nothing_loaded_and_what_does_not_fit() -> None:
    panel = ThresholdPanel(Workflow())
    assert "First load a prediction map" in panel.widget.children[1].value
    prediction = np.random.default_rng(0).random((4, 20, 30), np.float32)
    panel.workflow.load(prediction=prediction)
    assert panel.under.options == ("Prediction map",)
    panel.workflow.load(raw=np.zeros((4, 20, 31)))
    assert "do not fit the prediction map. Go back to the tab Input" in panel.messages.text


def test_volumes_and_wide_ranges() -> None:
    workflow = Workflow()
    values = np.random.default_rng(0).integers(0, 4000, (3, 4, 20, 30)).astype(np.uint16)
    workflow.load(prediction=values, prediction_axes="tzyx", kind="prediction map")
    panel = ThresholdPanel(workflow)
    assert panel.controls.inputs["threshold"][0].max > 3900
    before = panel.view.image.value
    panel.view.depth.value = 0
    assert panel.view.image.value != before
    panel.view.zoom.value = "4 : 1"
    assert panel.view.image.layout.width == "120px"
    assert panel.last_error is None


def test_snapshot_has_the_objects(panel) -> None:
    assert panel.snapshot().data.startswith(b"\x89PNG")
    with_objects = panel.view.picture()
    panel.shown.value = False
    assert not np.array_equal(panel.view.picture(), with_objects)
    panel.under.value = "Prediction map"
    assert panel.last_error is None
    assert repr(panel).startswith("<ThresholdPanel of")


def test_controls_of_every_kind() -> None:
    from nbtrack.params import TrackingParams

    names = ("preset", "divisible", "appearance", "neighbors", "timeout", "size_range", "noise_rate")
    controls = ParameterControls(TrackingParams, names, sliders={"noise_rate": (0.01, 0.9, 0.01)})
    told = []
    controls.on_change(told.append)
    assert controls.values() == {name: getattr(TrackingParams(), name) for name in names}
    controls["timeout"] = 20.0
    controls["size_range"] = (5, 50)
    assert told == []
    assert (controls["timeout"], controls["size_range"]) == (20, (5, 50))
    controls.inputs["timeout"][0].value = ""
    controls.inputs["divisible"][0].value = False
    assert (controls["timeout"], told) == (None, ["timeout", "divisible"])
    assert "Divisible objects" in controls.rows["divisible"].children[0].value
