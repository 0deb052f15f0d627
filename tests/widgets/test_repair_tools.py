"""Repairs by buttons, keys, clicks and strokes, without a browser: both image views, flat movies and volumes."""

import numpy as np
import pytest

import nbtrack as nbt
from nbtrack.errors import EditError
from nbtrack.widgets.image_view import KeyEvent, PointerEvent, StrokeEvent
from nbtrack.widgets.proofreader import Proofreader

PARAMS = nbt.TrackingParams(size_range=(1, 10**6))


def discs(*places, shape=(40, 80), radius=6):
    y, x = np.mgrid[: shape[0], : shape[1]]
    return sum(((y - a) ** 2 + (x - b) ** 2 <= radius**2) for a, b in places) > 0


def make_labels():
    """Two discs that touch in frame 2 and are one object there; a third is missing in frame 3."""
    frames = np.zeros((5, 40, 80), np.uint32)
    for t in range(5):
        one, two, three = (12, 15 + t), (12, 27 + t), (30, 60)
        if t == 2:
            frames[t][discs(one, two)] = 1
        else:
            frames[t][discs(one)], frames[t][discs(two)] = 1, 2
        if t != 3:
            frames[t][discs(three)] = 3
    return frames


def open_reader(labels, axes, backend="canvas", **options):
    detections = nbt.detect(nbt.Movie.from_array(labels, axes))
    raw = nbt.Movie.from_array((labels > 0).astype(np.uint8) * 200, axes)
    return Proofreader(nbt.Session(raw, detections, nbt.track(detections, PARAMS)), backend=backend, **options)


@pytest.fixture(params=["canvas", "image"])
def reader(request):
    made = open_reader(make_labels(), "tyx", request.param)
    yield made
    made.close()
    assert made.last_error is None


def press(reader, key, t=0, object_id=0):
    reader._press(KeyEvent(key, t, 0, -1, -1, object_id))


def click(reader, t, y, x):
    object_id = int(np.asarray(reader.session.detections.labels[t])[y, x])
    reader._pick(PointerEvent(t, 0, y, x, object_id))


def line(reader):
    return reader._bar.line.value


def test_split_by_two_seeds_and_enter(reader) -> None:
    press(reader, "s")
    assert "click the middle of each part" in line(reader)
    assert reader._bar.buttons["split"].button_style == "info"
    click(reader, 2, 12, 16)
    assert "1 part, click the next part" in line(reader)
    assert reader._bar.apply.disabled
    click(reader, 2, 12, 20)
    press(reader, "Backspace")
    click(reader, 2, 12, 30)
    assert "Split object 1 in frame 2: 2 parts, Enter splits it" in line(reader)
    with pytest.raises(EditError, match="A repair is under way"):
        press(reader, "f")
    press(reader, "Enter")
    assert reader.session.has_object(2, 4)
    assert reader.tools.tool == ""
    assert reader._bar.line.layout.display == "none"
    assert "Object 1 in frame 2 is split" in reader.messages.text
    assert "The rest was solved again" in reader.messages.text
    assert reader.session.lineage.tracks_at(2, 4)
    assert reader.meter.actions == 1
    press(reader, "z")
    assert not reader.session.has_object(2, 4)
    assert reader.viewer.feed.detections is reader.session.detections
    press(reader, "shift+z")
    assert reader.session.has_object(2, 4)


def test_seeds_must_lie_in_one_object(reader) -> None:
    press(reader, "s")
    with pytest.raises(EditError, match="only background there"):
        click(reader, 2, 0, 0)
    click(reader, 2, 12, 16)
    with pytest.raises(EditError, match="parts must lie in object 1 in frame 2"):
        click(reader, 2, 30, 60)
    with pytest.raises(EditError, match="seed at this place already"):
        click(reader, 2, 12, 16)
    with pytest.raises(EditError, match="click the next part"):
        press(reader, "Enter")
    press(reader, "Escape")
    assert reader.tools.tool == ""
    assert len(reader.session.history) == 0


def test_merge_by_clicks(reader) -> None:
    reader._bar.buttons["merge"].click()
    click(reader, 1, 12, 16)
    click(reader, 1, 30, 60)
    click(reader, 1, 30, 60)
    click(reader, 1, 12, 28)
    assert "Merge 1 and 2 in frame 1" in line(reader)
    with pytest.raises(EditError, match="must be in one frame, 1"):
        click(reader, 2, 12, 16)
    reader._bar.apply.click()
    assert not reader.session.has_object(1, 2)
    assert reader.session.has_object(1, 3)


def test_delete_by_key_over_it_and_by_button(reader) -> None:
    press(reader, "Delete", 0, 3)
    assert not reader.session.has_object(0, 3)
    press(reader, "z")
    reader._bar.buttons["delete"].click()
    with pytest.raises(EditError, match="only background there"):
        click(reader, 0, 0, 0)
    click(reader, 0, 30, 60)
    assert not reader.session.has_object(0, 3)
    assert reader.tools.tool == ""


def test_add_by_a_click(reader) -> None:
    press(reader, "a")
    assert "becomes one of the usual size" in line(reader)
    click(reader, 3, 30, 60)
    assert reader.session.has_object(3, 3)
    assert reader.session.lineage.tracks_at(3, 3) == reader.session.lineage.tracks_at(2, 3)


def test_add_from_the_prediction_map() -> None:
    y, x = np.mgrid[:40, :80]
    hill = np.exp(-((y - 30) ** 2 + (x - 60) ** 2) / 60.0)
    maps = np.repeat(np.stack([1 - hill, hill], axis=-1)[None], 5, axis=0).astype(np.float32)
    reader = open_reader(make_labels(), "tyx", prediction=nbt.Movie.from_array(maps, "tyxc"), prediction_channel=1)
    press(reader, "a")
    assert "becomes one of the prediction map" in line(reader)
    click(reader, 3, 30, 60)
    found = np.asarray(reader.session.detections.labels[3]) == 3
    assert np.array_equal(found, hill > hill.max() * 2 / 3)
    assert "prediction=prediction" in reader.session.history_code()
    reader.close()


def test_brush_paints_erases_and_is_undone(reader) -> None:
    def size():
        return int(reader.session.detections.table.query("t == 0 and object_id == 3")["size"].item())

    state, before = reader.viewer.canvas.state, size()
    press(reader, "p")
    assert state.brush == reader.tools.size
    press(reader, "]")
    press(reader, "]")
    press(reader, "[")
    assert state.brush == reader.tools.size == reader._bar.size.value
    reader._bar.size.value = 3
    assert state.brush == 3.0
    stroke = tuple((0, 30, x) for x in (62, 66, 70))
    reader.viewer.canvas.tell_stroke(StrokeEvent(0, stroke, 3))
    more = size()
    assert more > before
    reader.viewer.canvas.tell_stroke(StrokeEvent(0, ((0, 30, 76),), 0))  # goes on with the same object
    assert size() > more
    press(reader, "z")
    assert size() == more
    press(reader, "shift+p")
    assert state.erases
    assert "Erase" in line(reader)
    reader.viewer.canvas.tell_stroke(StrokeEvent(0, stroke, 3))
    assert size() < more
    press(reader, "Escape")
    assert state.brush == 0.0
    assert reader.tools.tool == ""
    assert reader.meter.actions == 3


def test_stroke_on_the_background_is_refused(reader) -> None:
    press(reader, "p")
    with pytest.raises(EditError, match="Begin the stroke on the object"):
        reader.tools.stroke(StrokeEvent(0, ((0, 0, 0),), 0))


def test_questions_go_on_after_a_repair(reader) -> None:
    press(reader, "Delete", 0, 1)
    assert reader.queue.draws.graph.index_of(0, 1) is None
    assert all(reader.session.has_object(*place) for event in reader._events for place in event.objects)
    while reader.event is not None:
        press(reader, "Enter")
    press(reader, "z")


def test_help_lists_the_tools(reader) -> None:
    press(reader, "?")
    assert reader._help.is_shown
    assert "split an object by clicked seeds" in reader._help.widget.children[1].value
    press(reader, "Escape")
    assert not reader._help.is_shown
    for name, button in reader._bar.buttons.items():
        assert button.tooltip.endswith(")"), name


def test_brush_stays_in_the_plane_of_a_volume() -> None:
    flat = make_labels()
    labels = np.zeros((5, 5, 40, 80), np.uint32)
    labels[:, 1:4] = flat[:, None]
    reader = open_reader(labels, "tzyx")
    press(reader, "p")
    reader.tools.resize(4)
    reader.viewer.canvas.tell_stroke(StrokeEvent(0, ((2, 30, 64), (2, 30, 70)), 3, "z"))
    now = np.asarray(reader.session.detections.labels[0])
    assert (now[2] != labels[0, 2]).sum() > 20
    assert np.array_equal(np.delete(now, 2, axis=0), np.delete(labels[0], 2, axis=0))
    assert "axis='z'" in reader.session.history_code()
    press(reader, "Escape")
    press(reader, "s")
    reader._pick(PointerEvent(2, 2, 12, 16, 1))
    reader._pick(PointerEvent(2, 2, 12, 30, 1))
    press(reader, "Enter")
    assert reader.session.has_object(2, 4)
    reader.close()
    assert reader.last_error is None


def test_what_the_browser_says_of_a_stroke(sent, tell) -> None:
    reader = open_reader(make_labels(), "tyx")
    canvas, strokes = reader.viewer.canvas, []
    canvas.on_stroke(strokes.append)
    press(reader, "p")
    tell(canvas, "stroke", t=0, points=[[0, 30, 62], [0, 30, 66]], object_id=3, through="z", modifiers=["shift"])
    assert strokes == [StrokeEvent(0, ((0, 30, 62), (0, 30, 66)), 3, "z", frozenset({"shift"}))]
    assert [message for message, _ in sent].count({"type": "objects", "frames": [0]}) == 1
    assert reader.last_error is None
    for junk in ({"points": []}, {"points": [[0, 1]]}, {"points": [[0, 1, 2]], "through": "t"}):
        tell(canvas, "stroke", **({"object_id": 3, "through": "z", "modifiers": []} | junk))
        assert "cannot be understood" in str(reader.last_error)
    assert len(strokes) == 1


def test_dragging_paints_on_pictures() -> None:
    reader = open_reader(make_labels(), "tyx", "image")
    view, strokes = reader.viewer.canvas, []
    view.on_stroke(strokes.append)
    plane = view._board.planes["xy"]
    rect = {"boundingRectLeft": 0, "boundingRectTop": 0}
    rect |= {"boundingRectWidth": plane.width, "boundingRectHeight": plane.height}

    def tell(kind, y, x, **more):
        down, across = view._board.screen("xy", np.array([0.0, y, x])) + 0.5
        which = 2 if kind == "mousemove" else 0
        content = {"event": kind, "clientX": across, "clientY": down, "button": 0, "timeStamp": 1, **rect, **more}
        view.events["xy"][which]._handle_mouse_msg(None, content, [])

    press(reader, "p")
    reader.viewer.goto(0)
    before = view.images["xy"].value
    tell("mousedown", 30, 62, buttons=1)
    tell("mousemove", 30, 70, buttons=1)
    assert view.images["xy"].value != before, "a preview"
    tell("mouseup", 30, 70)
    assert strokes == [StrokeEvent(0, ((0, 30, 62), (0, 30, 70)), 3)]
    assert view._painter.stroke is None
    reader.close()
    assert reader.last_error is None
