"""Energies and reasons in the automatic tracker, without a browser: a solve beside the page runs within the click."""

import threading
from dataclasses import replace

import numpy as np
import pytest

import nbtrack as nbt
from nbtrack.comparison.marks import find_marks
from nbtrack.errors import InputError
from nbtrack.widgets import auto_why
from nbtrack.widgets.auto_comparison import SIDE_COLORS
from nbtrack.widgets.auto_energies import EnergyPage, PairHistogram
from nbtrack.widgets.auto_tracker import AutoTracker
from nbtrack.widgets.image_view import PointerEvent

SAMPLE = nbt.sample("nuclei", n_frames=5, size=128, n_cells=12, seed=3)


@pytest.fixture(scope="module")
def detections():
    return nbt.segment(SAMPLE.prediction, channel=1)


@pytest.fixture(params=["canvas", "image"])
def panel(detections, request):
    made = AutoTracker(detections, movie=SAMPLE.raw, backend=request.param)
    yield made
    made.close()
    assert made.last_error is None


@pytest.fixture
def drawn(panel, monkeypatch):
    marks = []
    monkeypatch.setattr(panel.viewer.canvas, "mark", lambda rows, colors=(): marks.append((rows, colors)))
    return marks


def click(panel, t, object_id, button=0):
    panel.viewer.canvas.tell_pick(PointerEvent(t, 0, 0, 0, object_id, button=button))


def click_row(rows, index):
    rows._hear({"event": "click", "target": {"id": rows._id(index)}})


def tracked(result, t):
    """An object that is alone in its track and goes on."""
    alone = result.objects.query(f"t == {t} and count == 1")["object_id"]
    return int(alone[alone.isin(result.links.query(f"t == {t}")["source_id"])].iloc[0])


# --------------------------------------------------------------------------- histograms
@pytest.mark.parametrize("preset", ["conservation", "chaingraph", "adaptive"])
def test_histograms_hold_every_link_and_every_object(detections, preset) -> None:
    page = EnergyPage()
    assert "Press Track first" in page._legend.value
    result = nbt.track(detections, nbt.TrackingParams(preset=preset))
    page.show(result)
    n_links = len(result.links)
    for part in (page.energies, page.distances):
        assert part.used.y[:-1].sum() == n_links
        assert part.unused.y[:-1].sum() == len(result.energies.links) - n_links
        assert len(part.used.x) == len(part.used.y)
        assert part.widget.title
        assert part.x_axis.label
        assert part.y_axis.label == "links"
    n_tracked = int((result.objects["count"] > 0).sum())
    assert page.sizes.used.y[:-1].sum() == n_tracked
    assert page.sizes.unused.y[:-1].sum() == len(result.objects) - n_tracked
    assert f"in the answer: {n_links:,} links, {n_tracked:,} objects" in page._legend.value
    assert f"<b>{result.energies.total:,.2f}</b>" in page._totals.value
    assert page.distances.used.y[:-1].argmax() <= page.distances.unused.y[:-1].argmax(), "short links are used"
    page.show(replace(result, solved=None))
    assert "are not known" in page._legend.value
    assert page._figures.layout.display == "none"
    page.show(None)
    assert "Press Track first" in page._legend.value


def test_values_far_away_are_in_the_last_bar() -> None:
    part = PairHistogram("Title", "size", "objects")
    part.show(np.r_[np.arange(100.0), 1e6], np.arange(50.0))
    assert part.used.y[:-1].sum() == 101
    assert part.used.x[-1] < 200
    assert part.x_axis.label == "size (last bar: and more)"
    part.show(np.arange(100.0), np.zeros(0))
    assert part.used.x[-1] == 99
    assert part.x_axis.label == "size"
    part.show(np.zeros(0), np.zeros(0))
    assert part.used.y.sum() == 0
    part.show(np.full(3, 7.0), np.zeros(0))
    assert part.used.y[:-1].sum() == 3


def test_the_drawer_follows_the_run_on_screen(panel) -> None:
    page = panel._drawers.energies
    panel._drawers.buttons["Energies"].value = True
    assert "Press Track first" in page._legend.value
    panel.track()
    assert page.energies.used.y[:-1].sum() == len(panel.result.links)
    panel.params = nbt.TrackingParams(preset="chaingraph")
    panel.track()
    assert page.energies.used.y[:-1].sum() == len(panel.result.links)
    panel._runs.list._act(["1"], False)
    assert page.energies.used.y[:-1].sum() == len(panel.runs.result(1).links)


# --------------------------------------------------------------------------- why
def test_an_object_that_is_clicked_is_listed_with_its_energies(panel, drawn) -> None:
    why = panel._drawers.why
    panel._drawers.buttons["Why"].value = True
    assert "Press Track first" in why.list._rows.value
    click(panel, 1, 1)
    panel.track()
    i = tracked(panel.result, 2)
    click(panel, 2, 0)
    click(panel, 2, i, button=2)
    assert why._at == (1, 1)
    click(panel, 2, i)
    assert f"Object {i} in frame 2" in why.list._head.value
    assert why.list._rows.value.count('<section class="nbt-part') == len(why.parts)
    assert why.list._rows.value.count("✓ yes") == sum(part.used for part in why.parts)
    assert "Click a row" in why._answer.value
    marks, colors = drawn[-1]
    z, y, x = panel.viewer.feed.center_of(2, i)
    assert marks[0, :5].tolist() == pytest.approx([2, 2, z, y, x])
    assert colors[int(marks[0, 8])] == auto_why.CHOSEN_COLOR


def test_a_row_tells_its_terms_and_the_best_alternative(panel, drawn) -> None:
    panel.track()
    panel._drawers.buttons["Why"].value = True
    why, i = panel._drawers.why, tracked(panel.result, 2)
    click(panel, 2, i)
    row = next(k for k, p in enumerate(why.parts) if p.pin.kind == "link" and p.used and p.pin.t == 2)
    click_row(why.list, row)
    pin = why.parts[row].pin
    wanted = nbt.explain(panel.result, 2, i, pin.target_id)
    assert why.explanation.cost == pytest.approx(wanted.cost)
    assert "Without this link the best answer costs " in why._answer.value
    assert wanted.sentence in why._answer.value
    assert "in the alternative" in why._answer.value
    assert f"<caption>{str(pin)[0].upper()}{str(pin)[1:]}</caption>" in why._terms.value
    assert why._terms.value.count("<tr") == len(wanted.terms)
    assert why.list._marked == [row]
    marks, colors = drawn[-1]
    assert np.array_equal(marks[1:], find_marks(wanted.changes), equal_nan=True)
    assert marks[0, 1] == pin.target_t
    assert colors[:2] == SIDE_COLORS
    for k in range(len(why.parts)):
        click_row(why.list, k)
        assert why.explanation.pin == why.parts[k].pin
        assert why.explanation.sentence
    # what is folded away draws nothing, and listens to no click
    panel._drawers.buttons["Runs"].value = True
    assert drawn[-1][0] is None
    click(panel, 1, 1)
    assert why._at == (2, i)
    panel._drawers.buttons["Why"].value = True
    assert drawn[-1][0] is not None


def test_another_run_is_asked_about_the_same_object(panel) -> None:
    panel.track()
    panel._drawers.buttons["Why"].value = True
    why, i = panel._drawers.why, tracked(panel.result, 2)
    click(panel, 2, i)
    click_row(why.list, 0)
    before = [part.energy for part in why.parts]
    panel.params = nbt.TrackingParams(preset="chaingraph")
    panel.track()
    assert why.explanation is None
    assert f"Object {i} in frame 2" in why.list._head.value
    assert [part.energy for part in why.parts] != before
    size = int(panel.detections.table.query(f"t == 2 and object_id == {i}")["size"].iloc[0])
    panel.params = nbt.TrackingParams(size_range=(size + 1, 1_000_000))
    panel.track()
    assert why.parts == []
    assert f"Object {i} in frame 2 is not among the tracked objects" in why._answer.value
    assert "Run 3" in panel.messages.text


def test_events_can_be_asked_about(panel) -> None:
    panel.params = nbt.TrackingParams(preset="chaingraph", appearance=20.0, disappearance=20.0)
    panel.track()
    panel._drawers.buttons["Why"].value = True
    panel._events.kind.value = "appearances"
    click_row(panel._events.list, 0)
    event = panel.result.appearances.iloc[0]
    assert panel._drawers.why._at == (event["t"], event["object_id"])
    part = panel._drawers.why.parts[1]
    assert part.text == "begins a track"
    assert part.used


def test_what_was_asked_before_is_dropped(panel, monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(auto_why, "run_beside", lambda work, progress, done: asked.append((work, done)))
    panel.track()
    panel._drawers.buttons["Why"].value = True
    why, i = panel._drawers.why, tracked(panel.result, 2)
    click(panel, 2, i)
    click_row(why.list, 0)
    assert "Looking for the best answer" in why._answer.value
    first = why._cancel
    click_row(why.list, 1)
    assert first.is_set()
    for work, done in asked:
        done(lambda work=work: work(None))
    assert why.explanation.pin == why.parts[1].pin
    assert why._cancel is None
    click_row(why.list, 0)
    folded = why._cancel
    panel._drawers.buttons["Runs"].value = True
    assert folded.is_set()
    assert "Click a row" in why._answer.value
    asked[-1][1](lambda: pytest.fail("nobody wants it"))
    panel._drawers.buttons["Why"].value = True
    click_row(why.list, 0)
    last = why._cancel
    panel.close()
    assert last.is_set()
    asked[-1][1](lambda: pytest.fail("nobody wants it"))


def test_what_goes_wrong_is_said(detections, monkeypatch) -> None:
    panel = AutoTracker(detections)
    panel.track()
    panel._drawers.buttons["Why"].value = True
    why, i = panel._drawers.why, tracked(panel.result, 2)
    click(panel, 2, i)

    def fail(*_, solve=True, cancel=None, **__):
        if solve:
            assert isinstance(cancel, threading.Event)
            raise InputError("It went wrong.")
        return nbt.explain(panel.result, 2, i, solve=False)

    monkeypatch.setattr(auto_why, "explain", fail)
    click_row(why.list, 0)
    assert panel.messages.text == "It went wrong."
    assert "could not be found" in why._answer.value
    monkeypatch.undo()
    panel.viewer.messages.guard(why.look_at)(2, 999)
    assert "Object 999 in frame 2 is not among the tracked objects" in panel.messages.text
    assert why.parts == []
    panel.close()
