"""The automatic tracker without a browser: where no event loop runs, the solver runs within the click."""

import json
import threading
from dataclasses import replace

import cases
import numpy as np
import pytest

import nbtrack as nbt
from nbtrack.cli import main
from nbtrack.errors import EditError, InputError, SolveError
from nbtrack.live_tracking import QUICK
from nbtrack.widgets import auto_tracker
from nbtrack.widgets.auto_tracker import AutoTracker

SAMPLE = nbt.sample("nuclei", n_frames=6, size=128, n_cells=12, seed=3)


@pytest.fixture(scope="module")
def detections():
    return nbt.segment(SAMPLE.prediction, channel=1)


@pytest.fixture(params=["canvas", "image"])
def panel(detections, request, monkeypatch):
    params = nbt.TrackingParams(preset="conservation")
    made = AutoTracker(detections, params, movie=SAMPLE.raw, backend=request.param)
    monkeypatch.setattr(type(made._live), "is_quick", property(lambda live: live.seconds is not None))
    yield made
    made.close()
    assert made.last_error is None


def slide(panel, name, value):
    panel._params.controls.inputs[name][0].value = value


def click_row(rows, index):
    rows._hear({"event": "click", "target": {"id": rows._id(index)}})


def test_the_button_gives_the_answer_of_track(panel, detections) -> None:
    assert panel.result is None
    panel._box.track.click()
    wanted = nbt.track(detections, panel.params)
    assert nbt.compare(panel.result, wanted).same
    assert panel.result.report.objective == pytest.approx(wanted.report.objective, rel=1e-9)
    assert panel.runs.result(1) is panel.result
    assert panel.viewer.feed.lineage is panel.result.lineage
    assert panel.viewer.color_by == "lineage"
    assert "Run 1" in panel.messages.text
    assert "Best answer, proven" in panel._box._figures.value
    assert panel._box.cancel.layout.display == "none"
    assert panel.snapshot().data.startswith(b"\x89PNG")
    assert "1 runs" in repr(panel)
    assert "track" in dir(panel)


def test_a_slider_is_one_run_as_long_as_it_moves(panel) -> None:
    panel.track()
    first = panel.result.report.objective
    for value in (400.0, 100.0, 20.0):
        slide(panel, "appearance", value)
        assert panel.result.params.appearance == value
    assert len(panel.runs) == 2
    assert panel.runs[2].changed == {"appearance": (500.0, 20.0)}
    assert panel.result.report.objective < first
    slide(panel, "opportunity", 50.0)
    assert len(panel.runs) == 3
    panel.track()
    assert len(panel.runs) == 3, "nothing was changed since"
    slide(panel, "opportunity", 90.0)
    assert len(panel.runs) == 3 + 1
    panel._box.live.value = False
    slide(panel, "opportunity", 10.0)
    assert len(panel.runs) == 4


def test_a_slow_run_is_not_followed(panel, monkeypatch) -> None:
    panel.track()
    monkeypatch.setattr(type(panel._live), "is_quick", property(lambda live: False))
    slide(panel, "appearance", 10.0)
    assert len(panel.runs) == 1
    assert f"more than {QUICK:g} s. Press Track" in panel.messages.text


def test_events_jump_to_their_objects(panel) -> None:
    panel._params.controls.inputs["preset"][0].value = "chaingraph"
    panel.track()
    box, result = panel._events, panel.result
    for kind in ("divisions", "mergers", "appearances", "disappearances", "false_detections"):
        box.kind.value = kind
        table = getattr(result, kind)
        assert len(box.list._keys) == len(table)
        assert f"({len(table)})" in {name: text for text, name in box.kind.options}[kind]
        if len(table):
            click_row(box.list, len(table) - 1)
            assert panel.viewer.t == table["t"].iloc[-1]
            assert box.list._marked == [len(table) - 1]
    assert len(result.appearances)
    assert len(result.disappearances)


def test_mergers_are_listed_with_their_tracks() -> None:
    case = cases.merger_and_split()
    panel = AutoTracker(case.detections, nbt.TrackingParams(**case.params))
    panel.track()
    panel._events.kind.value = "mergers"
    assert panel._events.list._rows.value.count("<b style") == 2
    panel.track()
    assert panel._events.kind.value == "mergers"
    assert panel.last_error is None


def test_progress_and_cancel(panel, monkeypatch) -> None:
    def track(params, *, progress, cancel):
        for seconds in (0.0, 0.05, QUICK + 1):
            progress(auto_tracker_progress(seconds))
        panel._box.cancel.click()
        assert cancel.is_set()
        assert "<b>120.00</b>" in panel._box._figures.value
        assert "<b>17 %</b>" in panel._box._figures.value
        assert panel._box.track.layout.display == "none"
        with pytest.raises(EditError, match=r"It is being tracked already. Wait, or press Cancel"):
            panel.track()
        result = nbt.track(panel.detections, params)
        return replace(result, report=replace(result.report, status="interrupted", bound=-1e9))

    monkeypatch.setattr(panel._live, "track", track)
    panel._box.track.click()
    assert panel.result.report.status == "interrupted"
    assert "the best found until it was stopped" in panel.messages.text
    assert "Cancelled" in panel._runs.list._rows.value
    assert panel._box.track.layout.display == ""
    panel.cancel()  # nothing runs


def auto_tracker_progress(seconds):
    from nbtrack.solvers.control import Progress

    return Progress("relaxation", 120.0, 100.0, seconds)


def test_what_is_moved_meanwhile_is_tracked_next(panel, monkeypatch) -> None:
    panel.track()
    plain, moved = panel._live.track, iter([30.0])

    def track(params, **options):
        for value in moved:
            slide(panel, "appearance", value)
        return plain(params, **options)

    monkeypatch.setattr(panel._live, "track", track)
    slide(panel, "appearance", 200.0)
    assert panel.result.params.appearance == 30.0
    assert len(panel.runs) == 2


def test_an_error_is_said_and_the_panel_goes_on(detections, monkeypatch) -> None:
    panel = AutoTracker(detections)
    panel._params.controls.inputs["optimality_gap"][0].value = "7"
    assert "`optimality_gap` is out of range" in panel.messages.text
    panel._box.track.click()
    assert isinstance(panel.last_error, InputError)
    panel._params.reset.click()
    assert panel.params == nbt.TrackingParams()

    def fail(*_, **__):
        raise SolveError("There is no answer.", status="infeasible")

    monkeypatch.setattr(panel._live, "track", fail)
    panel._box.track.click()
    assert panel.messages.text == "There is no answer."
    assert panel._box.track.layout.display == ""
    assert len(panel.runs) == 0
    monkeypatch.undo()
    panel._box.track.click()
    assert len(panel.runs) == 1
    with pytest.raises(InputError, match="the same number of frames"):
        AutoTracker(detections, movie=nbt.sample("nuclei", n_frames=4, size=128, n_cells=2).raw)


def test_runs_are_shown_again_and_give_their_parameters(panel, detections) -> None:
    panel.track()
    slide(panel, "appearance", 20.0)
    first = panel.runs.result(1)
    click_row(panel._runs.list, 1)  # newest first
    assert panel.result is first
    assert panel._runs.chosen == 1
    assert panel.params.appearance == 20.0
    panel._runs.buttons["Use its parameters"].click()
    assert panel.params == first.params
    other = AutoTracker(detections, runs=panel.runs)
    assert other.result is panel.runs.result(2)
    assert other.params.appearance == 20.0
    other.close()


def test_runs_that_cannot_be_shown(detections, tmp_path) -> None:
    runs = nbt.Runs()
    runs.add(nbt.track(cases.division().detections))
    panel = AutoTracker(detections, runs=runs)
    assert panel.result is None
    panel.messages.guard(click_row)(panel._runs.list, 0)
    assert "Run 1 was made of other objects" in panel.messages.text
    runs.save(tmp_path)
    panel = AutoTracker(detections, runs=nbt.Runs.load(tmp_path))
    panel.messages.guard(click_row)(panel._runs.list, 0)
    assert "only the figures are kept" in panel.messages.text
    panel._runs.buttons["Use its parameters"].click()
    assert "are in the controls" in panel.messages.text


def test_two_runs_are_compared_on_the_image(panel, monkeypatch) -> None:
    drawn = []
    monkeypatch.setattr(panel.viewer.canvas, "mark", lambda marks, colors=(): drawn.append(marks))
    panel.track()
    panel._drawers.buttons["Differences"].value = True
    assert panel._drawers.differences.comparison is None, "there is no other run"
    assert "Track once more" in panel._drawers.differences.list._rows.value
    slide(panel, "appearance", 5.0)
    slide(panel, "disappearance", 5.0)
    part = panel._drawers.differences
    assert panel._drawers.other.value == 2
    panel._drawers.other.value = 1
    found = panel.runs.difference(3, 1)
    assert part.comparison.table.equals(found.table)
    assert len(found)
    assert len(drawn[-1])
    kinds = [value for _, value in part.kind.options]
    assert kinds == ["", *(kind for kind, n in found.counts.items() if n)]
    part.kind.value = kinds[-1]
    assert len(part._rows) == found.counts[kinds[-1]]
    click_row(part.list, 0)
    assert panel.viewer.t == part._rows["t"].iloc[0]
    assert panel.messages.text == part._rows["detail"].iloc[0]
    slide(panel, "appearance", 500.0)
    slide(panel, "disappearance", 500.0)
    assert panel._drawers.other.value == 1, "it was chosen by hand"
    assert part.comparison.same
    assert (part.kind.value, part.kind.options) == ("", (("All (0)", ""),))
    assert "There is no difference" in part.list._rows.value
    panel._drawers.buttons["Runs"].value = True
    assert drawn[-1] is None
    panel._drawers.buttons["Runs"].value = False
    assert panel._drawers.open_name == ""


def test_a_run_is_evaluated_against_a_truth(panel, tmp_path) -> None:
    panel.track()
    drawers = panel._drawers
    drawers.buttons["Evaluation"].value = True
    rigid = nbt.TrackingParams(preset="chaingraph")  # without mergers, which the format does not know
    nbt.write(nbt.track(panel.detections, rigid), tmp_path / "truth", format="ctc")
    drawers.path.value = str(tmp_path / "truth")
    drawers.load_truth()
    assert not drawers.errors.comparison.same
    panel.params = rigid
    panel.track()
    assert drawers.errors.comparison.same
    assert "<td>1</td>" in drawers._measures.value
    np.save(tmp_path / "labels.npy", np.stack(list(SAMPLE.labels)))
    drawers.path.value, drawers.axes.value = str(tmp_path / "labels.npy"), "tyx"
    drawers.load_truth()
    errors = panel.runs.errors(2)
    assert drawers.errors.comparison.table.equals(errors.table)
    for index in range(min(len(errors), 25)):
        click_row(drawers.errors.list, index)
        assert panel.viewer.t == errors.table["t"].iloc[index]
    assert "Links" in panel._runs.list._head.value
    drawers.path.value = " "
    with pytest.raises(InputError, match=r"`truth` is empty. Type the folder"):
        drawers.load_truth()


def test_python_and_export(panel, tmp_path) -> None:
    drawers = panel._drawers
    drawers.buttons["Export"].value = True
    assert drawers.export.widget.layout.display == "none"
    drawers.buttons["Python"].value = True
    slide(panel, "alpha", 7.0)
    panel.track()
    assert "alpha=7.0" in drawers.code.value
    scope = {"prediction": SAMPLE.prediction}
    exec(drawers.code.value, scope)
    assert nbt.compare(scope["result"], panel.result).same
    panel._runs.buttons["Copy as Python"].click()
    assert "clipboard" in panel.messages.text or "Ctrl+C" in panel.messages.text
    drawers.buttons["Export"].value = True
    drawers.export.kind.value = "divisions"
    drawers.export.path.value = str(tmp_path / "divisions.csv")
    drawers.export.button.click()
    assert (tmp_path / "divisions.csv").exists()


def test_a_result_is_corrected_below(panel) -> None:
    panel.track()
    panel._runs.buttons["Correct by hand"].click()
    session = panel.session
    assert session.lineage.track_ids == panel.result.lineage.track_ids
    t, object_id = session.detections.table[["t", "object_id"]].iloc[0].tolist()
    session.mark_false(t, object_id, force=True)
    panel._runs.buttons["Correct by hand"].click()
    assert "would be lost: 1 step." in panel.messages.text
    assert panel.session is session
    panel.messages.force()
    assert panel.session is not session
    assert isinstance(panel.messages.last_error, EditError)
    panel.messages.last_error = None


def test_a_closed_panel_takes_no_result(detections, monkeypatch) -> None:
    panel = AutoTracker(detections)
    ends = []
    monkeypatch.setattr(auto_tracker, "run_beside", lambda work, progress, done: ends.append((work, progress, done)))
    panel.track()
    cancel = panel._cancel
    panel.close()
    assert isinstance(cancel, threading.Event)
    assert cancel.is_set()
    work, progress, done = ends[0]
    progress(auto_tracker_progress(2.0))
    done(lambda: work(progress))
    assert len(panel.runs) == 0
    assert panel.last_error is None


@pytest.mark.parametrize(
    "change", [{}, {"appearance": 9.0, "neighbors": 2}, {"preset": "chaingraph"}, {"preset": "conservation"}]
)
def test_the_command_line_gives_the_same_answer(detections, change, tmp_path, capsys) -> None:
    np.save(tmp_path / "labels.npy", np.stack([np.asarray(frame) for frame in detections.labels]))
    words = [f"--{name}={value}" for name, value in change.items()]
    command = ["track", tmp_path / "labels.npy", "--axes", "tyx", *words]
    command += ["--out", tmp_path / "out", "--format", "csv", "--keep-mergers", "--json"]
    assert main(list(map(str, command))) == 0
    said = json.loads(capsys.readouterr().out)
    panel = AutoTracker(detections)
    for name, value in change.items():
        slide(panel, name, value)
    panel.track()
    report = panel.result.report
    assert said["objective"] == pytest.approx(report.objective, rel=1e-9)
    assert said["raw_objective"] == pytest.approx(report.raw_objective, rel=1e-9)
    nbt.write(panel.result, tmp_path / "panel", format="csv")
    names = sorted(path.name for path in (tmp_path / "panel").glob("*.csv"))
    assert names
    for name in names:
        written = (tmp_path / "out" / "csv" / name).read_text()
        assert written == (tmp_path / "panel" / name).read_text()


def test_track_stays_in_sight_while_all_parameters_are_shown(panel) -> None:
    panel._params.more.value = True
    assert panel._events.widget.layout.display == "none"
    panel._params.more.value = False
    assert panel._events.widget.layout.display == ""
