"""Each root on a page brings the style sheet along, and brings it once."""

import pytest

from nbtrack.widgets.event_lists import DivisionList, MergerList
from nbtrack.widgets.export_box import ExportBox
from nbtrack.widgets.lineage_tree import LineageTree
from nbtrack.widgets.manual_tracker import ManualTracker
from nbtrack.widgets.messages import Messages
from nbtrack.widgets.panel import slider_keys
from nbtrack.widgets.threshold_panel import ThresholdPanel
from nbtrack.workflow import Workflow


def count_sheets(widget):
    own = getattr(widget, "value", None)
    own = isinstance(own, str) and "<style>" in own and ".nbt-events {" in own
    return own + sum(map(count_sheets, getattr(widget, "children", ())))


def nothing(*place):
    pass


@pytest.mark.parametrize("kind", [DivisionList, MergerList, LineageTree])
def test_lists_and_tree_alone(session, kind):
    calls = {"guard": Messages().guard, "on_select": nothing, "on_goto": nothing}
    calls |= {"n_frames": 4} if kind is LineageTree else {}
    assert count_sheets(kind(session, **calls).widget) == 1
    assert count_sheets(kind(session, **calls, styled=False).widget) == 0


def test_panel_brings_the_keys_of_its_sliders_once(movie):
    workflow = Workflow()
    workflow.load(prediction=movie, kind="prediction map")
    panel = ThresholdPanel(workflow)
    assert count_sheets(panel.widget) == 1
    assert [getattr(child, "value", "") for child in panel.widget.children].count(slider_keys().value) == 1


def test_export_alone(session):
    messages = Messages()
    assert count_sheets(ExportBox(session, guard=messages.guard, say=messages.say).widget) == 1


@pytest.mark.parametrize(("backend", "count"), [("canvas", 0), ("image", 1)])
def test_workbench(session, backend, count):
    """The canvas has the style sheet as its own; a second one beside it would only make pages longer."""
    tracker = ManualTracker(session, backend=backend)
    for button in tracker._drawers.buttons.values():
        button.value = True
        assert count_sheets(tracker.widget) == count
    assert tracker.last_error is None
