import pytest
from panel_files import write_files

from nbtrack.errors import InputError
from nbtrack.params import SegmentationParams
from nbtrack.widgets.app import TABS, App
from nbtrack.workflow import Workflow


@pytest.fixture
def folder(tmp_path):
    write_files(tmp_path)
    return tmp_path


@pytest.fixture
def app(folder):
    made = App(folder / "project")
    made.workflow.load(raw=folder / "raw.npy", prediction=folder / "prediction.h5")
    return made


def page(app, tab):
    return app._pages[TABS.index(tab)]


def sentence(app, tab):
    return page(app, tab).children[0].value


def test_tabs_that_are_not_ready_say_what_to_do_first() -> None:
    app = App()
    assert app.tab == "Input"
    assert TABS == ("Input", "Threshold", "Classify", "Track by hand", "Track automatically", "Correct", "Export")
    for tab in TABS[1:]:
        app.goto(tab)
        assert "First load the raw images and a prediction map." in sentence(app, tab)
    page(app, "Track by hand").children[1].click()
    assert app.tab == "Input"
    app.goto("Threshold")
    with pytest.raises(InputError, match="This tab has nothing to show yet"):
        app.snapshot()
    with pytest.raises(InputError, match=r"`tab` must be one of 'Input', .* 'Export': got 'Print'"):
        app.goto("Print")
    assert app.last_error is None


def test_from_input_to_tracking_and_back(app) -> None:
    following = app._pages[0].children[1]
    assert following.button_style == "primary"
    following.click()
    assert app.tab == "Threshold"
    panel = app._panels[1]
    app.goto("Track by hand")
    assert "First choose a threshold and press Apply" in sentence(app, "Track by hand")
    page(app, "Track by hand").children[1].click()
    panel.button.click()
    app._pages[1].children[1].click()
    tracker = app.tracker
    assert tracker.session is app.workflow.session
    assert page(app, "Track by hand").children == (tracker.widget,)
    assert app.snapshot().data.startswith(b"\x89PNG")
    tracker.session.mark_false(0, 1)
    app.goto("Threshold")
    app.goto("Track by hand")
    assert app.tracker is tracker
    app.goto("Threshold")
    panel.controls.inputs["threshold"][0].value = 0.7
    panel.button.click()
    panel.yes.click()
    assert app.tracker is None
    app.goto("Track by hand")
    assert app.tracker.session is app.workflow.session
    assert app.last_error is None
    assert repr(app).startswith("<App: Track by hand, <Workflow")


def test_a_project_opens_where_the_work_stopped(app) -> None:
    path = app.workflow.project.path
    assert App(path).tab == "Threshold"
    app.workflow.apply()
    app.workflow.session.mark_false(0, 1)
    again = App(str(path))
    assert again.tab == "Track by hand"
    assert again.tracker.session.lineage.is_false(0, 1)
    assert again.last_error is None


def test_label_images_go_straight_to_tracking(folder) -> None:
    app = App()
    following = app._next[0]
    assert following.description == "Next: Threshold"
    app.workflow.load(prediction=folder / "labels.npy")
    assert (following.description, following.button_style) == ("Next: Track by hand", "primary")
    following.click()
    assert app.tracker.session is app.workflow.session
    assert page(app, "Track by hand").children == (app.tracker.widget,)
    other = App()
    other.workflow.load(prediction=folder / "labels.npy", raw=folder / "raw.npy", raw_axes="ytx")
    other.goto("Track by hand")
    assert "Read `raw` with the axes 'tyx'" in sentence(other, "Track by hand")
    assert isinstance(other.last_error, InputError)
    assert other.messages.widget.layout.display == ""
    other.goto("Input")
    assert other.messages.widget.layout.display == "none"


def test_other_raw_images_reach_the_tracker(app, folder) -> None:
    app.workflow.apply()
    app.goto("Track by hand")
    first = app.tracker
    app.workflow.load(raw=folder / "raw.npy", scale=0.5)
    assert app.tracker is not first
    assert app.tracker.session.movie is app.workflow.raw


def test_an_automatic_result_is_corrected_by_hand(app) -> None:
    app.workflow.apply()
    app.goto("Track automatically")
    auto = app.auto
    assert auto.detections is app.workflow.session.detections
    assert auto.runs is app.workflow.runs
    auto.track()
    auto._runs.buttons["Correct by hand"].click()
    assert app.tab == "Correct"
    assert page(app, "Correct").children == (app.proofreader.widget,)
    assert app.proofreader.session is app.workflow.session
    assert app.workflow.session.lineage.track_ids == auto.result.lineage.track_ids
    assert "The automatic result is now corrected" in app.proofreader.messages.text
    app.workflow.session.mark_false(0, 1, force=True)

    # another result would replace what was done by hand since
    app.goto("Track automatically")
    assert app.auto is auto
    auto._runs.buttons["Correct by hand"].click()
    assert "The result would replace the manual tracking: 1 step" in auto.messages.text
    assert app.workflow.session.lineage.is_false(0, 1)
    auto.messages.force()
    assert app.tab == "Correct"
    assert "is kept in edits-1.jsonl" in app.proofreader.messages.text
    assert not app.workflow.session.lineage.is_false(0, 1)
    app.goto("Track by hand")
    assert page(app, "Track by hand").children == (app.tracker.widget,)
    assert app.tracker.session is app.proofreader.session is app.workflow.session

    # the runs are there when the project is opened again, with the parameters of the last one
    again = App(app.workflow.project.path)
    assert again.tab == "Correct"
    again.goto("Track automatically")
    assert [run.figures["energy"] for run in again.auto.runs] == [auto.result.report.objective]
    assert again.auto.params == auto.params
    assert again.last_error is None

    # other objects are another movie to track
    app.goto("Track automatically")
    app.workflow.apply(SegmentationParams(channel=1, threshold=0.8), confirm=True)
    assert app.auto is not auto
    assert app.auto.detections is app.workflow.session.detections
    assert app.snapshot().data.startswith(b"\x89PNG")
    app.close()
    assert app.auto is None


def test_closing(app) -> None:
    workflow = app.workflow
    workflow.apply()
    app.goto("Track by hand")
    app.close()
    assert app.tracker is None
    assert workflow._observers == []
    assert App(Workflow()).tab == "Input"
    assert "goto" in dir(app)


def test_the_last_result_is_corrected_from_its_own_tab(app) -> None:
    app.workflow.apply()
    app.goto("Correct")
    assert "There is no automatic result to correct yet" in sentence(app, "Correct")
    app.goto("Track automatically")
    app.auto.track()
    app.goto("Correct")
    assert f"has {len(app.auto.result.lineage.track_ids)} tracks" in sentence(app, "Correct")
    page(app, "Correct").children[1].click()
    assert page(app, "Correct").children == (app.proofreader.widget,)
    assert app.workflow.session.lineage.track_ids == app.auto.result.lineage.track_ids
    assert app.snapshot().data.startswith(b"\x89PNG")
    assert app.last_error is None


def test_correcting_asks_before_manual_work_is_replaced(app) -> None:
    app.workflow.apply()
    app.workflow.session.mark_false(0, 1)
    app.goto("Track automatically")
    app.auto.track()
    app.goto("Correct")
    page(app, "Correct").children[1].click()
    assert "The result would replace the manual tracking: 1 step" in app.messages.text
    assert app.workflow.session.lineage.is_false(0, 1)
    app.messages.force()
    assert app.tab == "Correct"
    assert app.workflow.corrects
    assert (app.workflow.project.path / "edits-1.jsonl").exists()


def test_the_state_of_every_step_is_told(app) -> None:
    assert "✓ <b>Input</b> 12 frames" in app._states.value
    assert "○ <b>Threshold</b> no objects yet" in app._states.value
    app.workflow.apply()
    assert "✓ <b>Threshold</b> 53 objects" in app._states.value
    app.goto("Classify")
    app.classify.label(0, 1, 1)
    assert "✓ <b>Classify</b> 1 label<" in app._states.value
    app.goto("Track automatically")
    app.auto.track()
    assert "✓ <b>Track automatically</b> 1 run, proven to be the best" in app._states.value
    app.goto("Classify")
    app.classify.label(0, 2, 1)
    assert "⚠ <b>Track automatically</b> 1 run, labels have changed since" in app._states.value
    app.workflow.load(raw=app.workflow.inputs["raw"].path, raw_axes="tyx", scale=0.5)
    assert "⚠ <b>Threshold</b> 53 objects of other inputs" in app._states.value
    assert app.last_error is None


def test_labels_reach_the_automatic_tracker_and_come_back(app) -> None:
    app.workflow.apply()
    app.goto("Track automatically")
    app.auto.track()
    app.goto("Classify")
    for t, object_id, count in ((0, 1, 1), (1, 1, 1), (2, 1, 2)):
        app.classify.label(t, object_id, count)
    app._next[TABS.index("Classify")].click()
    assert app.tab == "Track automatically"
    assert "p_count_2" in app.auto.detections.table
    assert "The objects were classified anew" in app.auto.messages.text
    assert app.auto.result.detections.labels is app.auto.detections.labels, "the run before is still shown"
    app.auto.track()
    assert "p_count_2" in app.auto.result.detections.table
    again = App(app.workflow.project.path)
    again.goto("Classify")
    assert again.classify.labelling.labels.counts == {(0, 1): 1, (1, 1): 1, (2, 1): 2}
    assert again.snapshot().data.startswith(b"\x89PNG")
    again.workflow.apply(SegmentationParams(channel=1, threshold=0.8), confirm=True)
    assert again.classify.labelling.detections is again.workflow.session.detections
    assert len(again.classify.labelling.labels) + len(again.classify.labelling.labels.lost) == 3
    assert (app.last_error, again.last_error) == (None, None)


def test_a_classified_result_is_corrected_with_its_probabilities(app) -> None:
    app.workflow.apply()
    app.goto("Classify")
    for t, object_id, count in ((0, 1, 1), (1, 1, 1), (2, 1, 2)):
        app.classify.label(t, object_id, count)
    labelling = app.workflow.labelling
    app.goto("Track automatically")
    app.auto.track()
    result = app.auto.result
    app._correct(result)
    session = app.workflow.session
    assert "p_count_2" in session.detections.table
    assert session.resolver.start().outcome.report is result.report, "it need not be tracked again"
    assert app.workflow.labelling is labelling
    assert (app.proofreader.last_error, app.last_error) == (None, None)


def test_damaged_labels_do_not_keep_anybody_from_tracking(app) -> None:
    app.workflow.apply()
    app.goto("Classify")
    app.classify.label(0, 1, 1)
    (app.workflow.project.path / "labelling" / "labels.json").write_text("{")
    again = App(app.workflow.project.path)
    again.goto("Classify")
    assert "labels.json" in again.messages.text
    again.goto("Track automatically")
    assert "The objects are tracked without classifiers" in again.messages.text
    again.auto.track()
    assert again.workflow.result is again.auto.result


def test_export_offers_what_was_tracked(app) -> None:
    app.workflow.apply()
    app.goto("Export")
    assert "There is nothing to write yet" in app._panels[6].widget.children[1].value
    app.goto("Track automatically")
    app.auto.track()
    app.goto("Export")
    panel = app._panels[6]
    assert [value for _, value in panel.source.options] == ["automatic"]
    app.workflow.session.new_track()
    app.workflow.session.assign(0, 1)
    app.goto("Input")
    app.goto("Export")
    assert [value for _, value in panel.source.options] == ["automatic", "manual"]
    assert panel.export.source is app.workflow.result
    panel.export.kind.value = "table"
    panel.export.button.click()
    assert panel.messages.text.startswith("Wrote ")
    assert (app.workflow.project.path / "raw_table.csv").is_file()
    panel.source.value = "manual"
    assert panel.export.source is app.workflow.session
    assert app.snapshot().data.startswith(b"\x89PNG")
    assert app.last_error is None


def test_repairs_reach_the_other_tabs_and_the_project(app) -> None:
    app.workflow.apply()
    app.goto("Track automatically")
    app.auto.track()
    app.goto("Correct")
    page(app, "Correct").children[1].click()
    session, reader = app.workflow.session, app.proofreader
    app.goto("Track by hand")
    gone = min(session.lineage.labelled(0))
    session.delete_object(0, gone)
    objects = session.detections
    assert reader.viewer.feed.detections is app.tracker.viewer.feed.detections is objects
    assert app.workflow.detections is objects
    app.goto("Correct")
    assert app.proofreader is reader
    app.goto("Track automatically")
    assert app.auto.detections is objects, "a run is made of the repaired objects"
    app.auto.track()
    assert app.workflow.result is app.auto.result
    again = App(app.workflow.project.path)
    assert again.tab == "Correct"
    assert not again.workflow.session.has_object(0, gone)
    assert again.workflow.result is not None
    assert (app.last_error, again.last_error) == (None, None)
