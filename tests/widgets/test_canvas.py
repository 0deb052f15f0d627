"""What canvas and kernel say to each other, without a browser."""

import numpy as np
import pytest

from nbtrack.data.lineage import Lineage
from nbtrack.data.movie import Movie
from nbtrack.errors import EditError, InputError
from nbtrack.widgets.canvas import MAX_PAINTED_FRAMES, CanvasWidget, ImageCanvas
from nbtrack.widgets.frames import FrameFeed
from nbtrack.widgets.image_view import KeyEvent, PointerEvent
from nbtrack.widgets.messages import Messages


@pytest.fixture
def make_canvas():
    def make(movie, detections=None, lineage=None):
        return ImageCanvas(FrameFeed(movie, detections, lineage), Messages())

    return make


@pytest.fixture
def canvas(make_canvas, movie, detections):
    return make_canvas(movie, detections, Lineage.from_tables([(0, 1, 1), (1, 1, 1)], false_detections=[(0, 5)]))


def last_error(canvas):
    return canvas._messages.last_error


def ask_pixels(tell, canvas, **content):
    tell(canvas, "pixels", **({"key": "k", "plane": "xy", "at": 0, "row": 0, "rows": 24, "epoch": 0} | content))


def test_pixels_and_colors_are_sent_when_asked_for(canvas, sent, tell) -> None:
    tell(canvas, "colors", key="colors/0")
    ask_pixels(tell, canvas)
    (colors, (rgba, ids, centers)), (pixels, (raw, labels)) = sent
    assert colors == {"key": "colors/0", "type": "colors", "t": 0, "tracks": {"1": [1], "5": [-1]}, "parents": {}}
    assert len(rgba) == 4 * 3
    assert np.frombuffer(ids, "<u4").tolist() == [1, 2, 5]
    assert np.frombuffer(centers, "<f4").tolist() == [6, 6, 6, 22, 16, 14]
    place = {"t": 0, "plane": "xy", "at": 0, "row": 0, "rows": 24}
    assert pixels == {"key": "k", "type": "pixels", "bits": 16, "epoch": 0} | place
    assert len(raw) == 24 * 32
    assert len(labels) % 4 == 0
    assert last_error(canvas) is None


def test_cuts_are_sent_when_asked_for(make_canvas, volume, sent, tell) -> None:
    canvas = make_canvas(*volume)
    ask_pixels(tell, canvas, plane="yz", at=6)
    ((pixels, (raw, _)),) = sent
    assert (pixels["plane"], pixels["at"], len(raw)) == ("yz", 6, 24 * 5)
    assert last_error(canvas) is None


def test_frame_that_cannot_be_read(canvas, sent, tell, monkeypatch) -> None:
    def fail(self, *place):
        raise OSError("truncated")

    monkeypatch.setattr(FrameFeed, "band", fail)
    monkeypatch.setattr(FrameFeed, "colors", fail)
    ask_pixels(tell, canvas, t=2)
    tell(canvas, "colors", t=2, key="c")
    assert [message for message, _ in sent] == [
        {"type": "failed", "key": "k", "text": "Frame 2 could not be read."},
        {"type": "failed", "key": "c", "text": "The tracks of frame 2 could not be told."},
    ]
    assert isinstance(last_error(canvas), OSError)


def test_picks_and_keys_are_events(canvas, tell) -> None:
    events = []
    canvas.on_pick(events.append)
    canvas.on_key(events.append)
    place = {"t": 1, "y": 3, "x": 4, "object_id": 2}
    tell(canvas, "pick", button=2, modifiers=["shift"], left=10.5, top=7, **place)
    tell(canvas, "key", key="g", y=5, x=6, object_id=0)
    tell(canvas, "something else")
    assert events == [
        PointerEvent(1, 0, 3, 4, 2, 2, frozenset({"shift"}), 10.5, 7.0),
        KeyEvent("g", 1, 0, 5, 6, 0),
    ]
    assert last_error(canvas) is None


@pytest.fixture
def states(monkeypatch):
    """List of traits whose state went to the browser."""
    names = []
    monkeypatch.setattr(
        CanvasWidget, "send_state", lambda self, key: names.extend([key] if isinstance(key, str) else key)
    )
    return names


def test_what_the_browser_shows_already_is_not_sent_to_it(canvas, tell, click, sent, states) -> None:
    canvas.on_pick(lambda event: canvas.goto(event.t + 1))
    click(canvas, 2, n=7, shown=1)
    assert sent[-1][0] == {"type": "picked", "n": 7, "t": 1}
    tell(canvas, "key", t=3, key="g", y=0, x=0, object_id=0)
    assert canvas.state.t == 3
    assert "t" not in states
    click(canvas, 2, t=1)  # the browser did not go on by itself
    assert canvas.state.t == 2
    assert "t" in states


def test_key_that_crossed_a_frame_on_its_way_is_answered_with_its_own(canvas, tell, monkeypatch) -> None:
    told = []
    monkeypatch.setattr(type(canvas.state), "_send", lambda self, message, buffers=None: told.append(message["state"]))
    canvas.goto(2)
    assert told == [{"t": 2, "moves": 1}]
    tell(canvas, "key", t=0, key="g", y=0, x=0, object_id=0, moves=0)  # pressed before the browser has heard of it
    assert told[1:] == [{"t": 0, "moves": 2}]
    tell(canvas, "key", t=1, key="g", y=0, x=0, object_id=0, moves=2)  # the browser went there by itself
    assert (canvas.state.t, told[2:]) == (1, [])
    assert last_error(canvas) is None


def test_refused_click_brings_the_browser_back(canvas, click, sent) -> None:
    def refuse(event):
        raise EditError("No.")

    canvas.on_pick(refuse)
    click(canvas, 2, t=1, n=3, shown=2)
    assert [message["type"] for message, _ in sent] == ["paint", "picked"]
    assert sent[-1][0] == {"type": "picked", "n": 3, "t": 1}
    assert (canvas.state.t, str(last_error(canvas))) == (1, "No.")


def test_what_a_handler_painted_is_not_painted_again(canvas, click, sent) -> None:
    canvas.paint([(0, 2)])
    click(canvas, 2)
    assert [message["type"] for message, _ in sent] == ["paint", "paint", "picked"]
    sent.clear()
    canvas.on_pick(lambda event: canvas.paint([(event.t, event.object_id)]))
    click(canvas, 2)
    assert [message["type"] for message, _ in sent] == ["paint", "picked"]


@pytest.mark.parametrize(
    "content",
    [
        {"type": "pick"},
        {"type": "pick", "t": None, "z": [], "y": {}, "x": "a", "object_id": 1, "button": 0},
        {"type": "pick", "t": 99, "z": 0, "y": 0, "x": 0, "object_id": 1, "button": 0},
        {"type": "pick", "t": 0, "z": 0, "y": float("inf"), "x": 0, "object_id": 1, "button": 0},
        {"type": "key", "key": 3, "t": "x", "z": 0, "y": 0, "x": 0, "object_id": 0},
        {"type": "colors", "t": -1},
        {"type": "colors", "t": {}},
        {"type": "pixels", "t": 0, "plane": "zz", "at": 0, "row": 0, "rows": 1, "epoch": 0},
        {"type": "pixels", "t": 0, "plane": ["xy"], "at": 0, "row": 0, "rows": 1, "epoch": 0},
        {"type": "pixels", "t": 0, "plane": "xy", "at": 0, "row": -5, "rows": 10**9, "epoch": 0},
    ],
)
def test_nonsense_is_refused(canvas, content, sent) -> None:
    canvas.widget._handle_custom_msg(content, [])
    assert isinstance(last_error(canvas), InputError)
    assert canvas.state.t == 0
    assert {message["type"] for message, _ in sent} <= {"failed"}


@pytest.mark.parametrize(
    "content", [None, [], "pick", {}, {"type": None}, {"type": {}}, {"type": "copied", "ok": False}]
)
def test_what_is_not_for_us_is_ignored(canvas, content, sent) -> None:
    canvas.widget._handle_custom_msg(content, [])
    assert (sent, last_error(canvas)) == ([], None)


def test_modifiers_of_any_kind(canvas, click) -> None:
    events = []
    canvas.on_pick(events.append)
    for modifiers in (None, 5, "shift", [1, None], ["alt"]):
        click(canvas, 0, modifiers=modifiers)
    assert [event.modifiers for event in events][-1] == {"alt"}
    assert last_error(canvas) is None


def test_wide_changes_are_announced_only(canvas, sent) -> None:
    canvas.paint([(0, 1), (0, 2), (1, 1)])
    assert [(m["t"], m["ids"]) for m, _ in sent] == [(0, [1, 2]), (1, [1])]
    sent.clear()
    canvas.paint([(t, 1) for t in range(MAX_PAINTED_FRAMES + 1)])
    assert sent == [({"type": "stale", "frames": list(range(MAX_PAINTED_FRAMES + 1))}, [])]


def test_parents_of_tracks_that_begin(make_canvas, movie, detections, sent, tell) -> None:
    lineage = Lineage.from_tables([(0, 1, 1), (1, 1, 2), (1, 2, 3), (2, 1, 2)], [(0, 1, 2, 3)])
    canvas = make_canvas(movie, detections, lineage)
    for t in range(3):
        tell(canvas, "colors", t=t)
    canvas.paint([(1, 1)])
    assert [message["parents"] for message, _ in sent] == [{}, {"2": 1, "3": 1}, {}, {"2": 1, "3": 1}]


def test_look_badge_and_copy(make_canvas, volume, sent) -> None:
    canvas = make_canvas(*volume)
    canvas.look_at(2, 5)
    canvas.badge(2, {5: "1", 2: "2"})
    assert canvas.copy("a text")
    state = canvas.state
    assert (state.t, state.z, state.y, state.x) == (2, 2, 16, 16)
    assert [message for message, _ in sent] == [
        {"type": "look", "z": 2, "y": 16.0, "x": 16.0, "object_id": 5},
        {"type": "badge", "t": 2, "texts": {"5": "1", "2": "2"}},
        {"type": "copy", "text": "a text"},
    ]


def test_single_frame(make_canvas, tell, sent) -> None:
    canvas = make_canvas(Movie.from_array(np.zeros((1, 5, 7), np.uint8), "tyx"))
    ask_pixels(tell, canvas, rows=5)
    tell(canvas, "colors")
    assert sent[0][0]["rows"] == 5
    assert sent[0][1] == [bytes(35), b""]
    assert last_error(canvas) is None


def test_static_files_are_in_the_package() -> None:
    widget = CanvasWidget()
    assert str(widget._esm).count("export default") == 1
    assert "class Store" in str(widget._esm)
    assert ".nbt-canvas" in str(widget._css)


def test_marks_and_a_place_to_look_at(make_canvas, volume, sent) -> None:
    movie, detections = volume
    canvas = make_canvas(movie, detections)
    marks = np.array([[1, 2, 0, 4, 5, np.nan, np.nan, np.nan, 1]], np.float32)
    canvas.mark(marks, ("#e69f00", "#56b4e9"))
    canvas.mark(None)
    canvas.look_around(2, 1, 5, 7)
    (first, (rows,)), (second, (none,)), (look, _) = sent[-3:]
    assert first == {"type": "mark", "colors": ["#e69f00", "#56b4e9"]}
    assert np.frombuffer(rows, "<f4").tobytes() == marks.tobytes()
    assert (second["colors"], none) == ([], b"")
    assert look == {"type": "look", "z": 1, "y": 5, "x": 7, "object_id": 0}
    assert (canvas.state.t, canvas.state.z, canvas.state.y, canvas.state.x) == (2, 1, 5, 7)
