import numpy as np
import pytest
from panel_files import write_files

from nbtrack.errors import InputError
from nbtrack.widgets.input_panel import InputPanel
from nbtrack.workflow import Workflow


@pytest.fixture
def panel(tmp_path, monkeypatch):
    write_files(tmp_path)
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path)
    return InputPanel(Workflow())


def load(slot, path):
    slot.path.value = path
    slot.button.click()


def test_two_files_are_loaded_by_their_paths(panel) -> None:
    load(panel.raw, "raw.npy")
    assert panel.messages.text == "The raw images are loaded. Now load the prediction map."
    assert panel.raw.axes.value == "tyx"
    assert "t 12, y 80, x 120 · uint16" in panel.raw._meaning.value
    load(panel.prediction, "prediction.h5")
    assert panel.messages.text == "Both are loaded and fit together. Next: Threshold."
    assert panel._fit.value.count("✓") == 4
    assert "channel 1 of prediction.h5" in panel.prediction.picture.value
    assert panel.kind.value == "prediction map"
    assert panel.last_error is None
    assert panel.snapshot().data.startswith(b"\x89PNG")


def test_files_are_suggested(panel, tmp_path) -> None:
    assert panel.raw.path.options == (
        *("labels.npy", "prediction.h5", "raw.npy", "several.h5", "slices.h5"),
        "deep/",
    )
    panel.raw.path.value = str(tmp_path / "pre")
    assert str(tmp_path / "prediction.h5") in panel.raw.path.options
    panel.raw.path.value = "deep/"
    assert panel.raw.path.options == ()
    panel.raw.path.value = "not/there"
    assert panel.last_error is None


def test_axes_are_changed_in_place(panel) -> None:
    load(panel.prediction, "prediction.h5")
    load(panel.raw, "slices.h5")
    assert "If z is time here, read it with axes='tyx'" in panel.messages.text
    assert panel.raw.axes.value == "zyx"
    assert not panel.raw.axes.disabled
    panel.raw.axes.value = "tyx"
    assert panel.messages.text == "Both are loaded and fit together. Next: Threshold."
    panel.raw.axes.value = "ytx"
    assert "Read `raw` with the axes 'tyx' instead of 'ytx'" in panel.messages.text
    assert panel._fit.value.count("✖") == 2
    panel.raw.axes.value = "t"
    assert "1 letters" in panel.messages.text
    assert panel.workflow.raw.stored_axes == "ytx", "nothing changed"


def test_a_dataset_is_chosen(panel) -> None:
    load(panel.prediction, "several.h5")
    assert "has several datasets" in panel.messages.text
    assert panel.prediction.dataset.options == ("first", "second")
    assert panel.prediction._dataset_row.layout.display == ""
    panel.prediction.dataset.value = "second"
    assert panel.workflow.inputs["prediction"].inside == "second"
    assert panel.kind.value == "labels"
    assert panel.prediction.dataset.value == "second"
    panel.prediction.axes.value = "ytx"
    assert panel.workflow.inputs["prediction"].inside == "second"
    load(panel.prediction, "prediction.h5")
    assert panel.prediction._dataset_row.layout.display == "none"


def test_arrays_given_in_python_are_shown(panel) -> None:
    panel.workflow.load(raw=np.zeros((9, 99, 105), np.uint8))
    assert (panel.raw.path.value, panel.raw.path.placeholder) == ("", "array (9, 99, 105) uint8")
    panel.raw.axes.value = "tyx"
    assert panel.last_error is None
    panel.raw.axes.value = "ytx"
    assert panel.workflow.raw.shape == (99, 9, 105)


def test_what_is_wrong_is_said(panel) -> None:
    panel.prediction.button.click()
    assert panel.messages.text.startswith("No file was named.")
    load(panel.prediction, "nowhere.h5")
    assert "does not exist" in panel.messages.text
    panel.scale.value = "wide"
    assert panel.messages.text == "`scale` must be one number or several with commas: got 'wide'."
    with pytest.raises(InputError, match="Nothing is loaded yet, so there is nothing to show"):
        panel.snapshot()


def test_kind_and_pixel_size(panel) -> None:
    load(panel.prediction, "labels.npy")
    assert panel.kind.value == "labels"
    assert panel.messages.text.startswith("The objects are loaded. Load the raw images too")
    panel.kind.value = "binary"
    assert panel.workflow.kind == "binary"
    panel.scale.value = "0.5, 0.25"
    assert panel.workflow.prediction.scale == (0.5, 0.25)
    panel.scale.value = "2"
    assert panel.workflow.prediction.scale == (2, 2)
    panel.scale.value = ""
    assert panel.last_error is None


def test_notes_of_a_project_are_shown(panel, tmp_path) -> None:
    workflow = Workflow("project")
    workflow.load(raw="raw.npy", prediction="prediction.h5")
    assert InputPanel(workflow).messages.text.startswith("Both are loaded")
    (tmp_path / "raw.npy").unlink()
    again = InputPanel(Workflow("project"))
    assert "`raw` is no longer at" in again.messages.text
    assert again.prediction.path.value == "prediction.h5"


def test_a_closed_panel_follows_no_longer(panel) -> None:
    panel.close()
    panel.workflow.load(raw="raw.npy")
    assert panel.raw.axes.value == ""
    assert repr(panel).startswith("<InputPanel of <Workflow")
    assert "snapshot" in dir(panel)
