"""What the view of pictures does by itself; what it has in common with the canvas is in `test_view_conformance.py`."""

import io
import json
from html import unescape

import numpy as np
import pytest
from matplotlib.image import imread

from nbtrack.data.lineage import Lineage
from nbtrack.errors import InputError
from nbtrack.widgets.frames import FrameFeed
from nbtrack.widgets.messages import Messages
from nbtrack.widgets.picture import ImagePicture
from nbtrack.widgets.planes import GAP, Board, Mouse

RECT = {"boundingRectLeft": 0.0, "boundingRectTop": 0.0, "boundingRectWidth": 624.0, "boundingRectHeight": 470.0}


@pytest.fixture
def lineage():
    return Lineage.from_tables([(t, 1, 1) for t in range(4)] + [(0, 2, 2), (0, 2, 3)], false_detections=[(0, 5)])


@pytest.fixture
def view(movie, detections, lineage):
    view = ImagePicture(
        FrameFeed(movie, detections, lineage),
        Messages(),
        hotkeys=["g", "ArrowRight"],
        view_keys={
            "ArrowRight": "next",
            "ArrowLeft": "previous",
            "+": "zoom_in",
            "-": "zoom_out",
            "0": "fit",
            " ": "play",
        },
    )
    view.picks, view.keys = [], []
    view.on_pick(view.picks.append)
    view.on_key(view.keys.append)
    return view


def tell(view, kind, x=0.0, y=0.0, plane="xy", **content):
    which = {"contextmenu": 1, "mousemove": 2}.get(kind, 0)
    message = {"event": kind, "clientX": x, "clientY": y, "timeStamp": 1.0, **RECT, **content}
    view.events[plane][which]._handle_mouse_msg(None, message, [])
    assert view._messages.last_error is None


def press(view, key, x=-1e6, y=-1e6):
    tell(view, "dragend", x, y, button=view._key_names.index(key))


def picture_of(view, name="xy"):
    return (imread(io.BytesIO(view.images[name].value)) * 255).round().astype(int)


def test_picture_has_the_size_of_the_room_and_big_pixels(view) -> None:
    picture = picture_of(view)
    assert picture.shape == (470, 624, 3)
    assert (picture[:, 0] == (16, 18, 20)).all() or (picture[0] == (16, 18, 20)).all(), "beside the image"
    scale = view._board.zoom
    assert scale == min(470 / 24, 624 / 32)
    row, column = round(14.5 * scale + 1), round(0.2 * scale)
    assert (picture[row, column] == picture[row, column + 5]).all()


@pytest.mark.parametrize("zoom", [0, 3])
def test_borders_of_pixels_are_exact(view, zoom) -> None:
    for _ in range(zoom):
        tell(view, "wheel", 300, 200, deltaY=-120, ctrlKey=True)
    board = view._board
    left, top = (board.screen("xy", np.array([0, 9.5, 13.5])) + 0.5)[::-1]
    for dx, dy, wanted in (
        (-0.01, -0.01, (9, 13)),
        (0.01, -0.01, (9, 14)),
        (-0.01, 0.01, (10, 13)),
        (0.01, 0.01, (10, 14)),
    ):
        place = board.locate("xy", left + dx, top + dy)
        assert (place["y"], place["x"]) == wanted
    rows, columns = board.sample("xy")
    assert rows[int(top - 1)], columns[int(left - 1)] == (9, 13)


def test_picture_that_is_shown_smaller_keeps_its_shape() -> None:
    board = Board({"z": 1, "y": 47, "x": 62}, (1, 1, 1), 620, 470)
    plane = board.planes["xy"]
    narrow = {"boundingRectLeft": 10, "boundingRectTop": 20, "boundingRectWidth": 310, "boundingRectHeight": 470}
    mouse = Mouse(plane, narrow | {"clientX": 10 + 155, "clientY": 20 + 235})
    assert (mouse.left, mouse.top) == (310, 235)
    top = Mouse(plane, narrow | {"clientX": 10, "clientY": 20 + (470 - 235) / 2})
    assert (top.left, top.top) == (0, 0)
    assert board.locate("xy", top.left, top.top - 1) is None, "beside the image"


def test_menus_open_where_the_mouse_is_in_each_plane() -> None:
    board = Board({"z": 8, "y": 40, "x": 50}, (2, 1, 1), 624, 470)
    main, below, right = (board.planes[name] for name in ("xy", "xz", "yz"))
    corner = {"boundingRectLeft": 100, "boundingRectTop": 50, "clientX": 103, "clientY": 54}

    def place(plane):
        mouse = Mouse(plane, corner | {"boundingRectWidth": plane.width, "boundingRectHeight": plane.height})
        return round(mouse.view_left), round(mouse.view_top)

    assert place(main) == (3, 4)
    assert place(below) == (3, 4 + main.height + GAP)
    assert place(right) == (3 + main.width + GAP, 4)


def test_planes_are_drawn_true_and_flat_volumes_are_stretched() -> None:
    board = Board({"z": 20, "y": 40, "x": 50}, (3, 1, 1), 624, 470)
    assert board._pixels("z") == 3 * board._pixels("x")
    assert board.stretch == 1
    flat = Board({"z": 3, "y": 500, "x": 500}, (1, 1, 1), 624, 470)
    assert flat.stretch > 1
    assert 3 * flat._pixels("z") >= 20


def test_zoom_stays_around_the_point_and_inside() -> None:
    board = Board({"z": 1, "y": 100, "x": 100}, (1, 1, 1), 400, 400)
    before = board.locate("xy", 300, 150)
    for _ in range(5):
        board.zoom_by(1.3, "xy", (300, 150))
    assert board.locate("xy", 300, 150) == before
    start = dict(board.center)
    board.pull("xy", start, 1e5, 1e5)
    assert board.locate("xy", 0, 0) == {"x": 0, "y": 0}
    board.zoom_by(1e9)
    assert board.zoom == 64
    board.zoom_by(1e-9)
    assert not board.zoomed
    board.pull("xy", start, 50, 0)
    assert board.center == {"z": 0.5, "y": 50, "x": 50}, "all is seen, so nothing moves"


def test_hover_tells_object_and_tracks(view) -> None:
    scale = view._board.zoom
    for (y, x), text in {
        (5, 5): "object 1  ·  track 1  ·  y 5, x 5",
        (5, 22): "object 2  ·  tracks 2 and 3 (merger)",
        (15, 13): "object 5  ·  false detection",
        (20, 2): ">y 20, x 2<",
    }.items():
        tell(view, "mousemove", (x + 0.5) * scale, (y + 0.5) * scale)
        assert text in view.info.value
    tell(view, "mouseleave", timeStamp=5.0)
    assert view.info.value == ""
    tell(view, "mousemove", 100, 100, timeStamp=4.9)
    assert view.info.value == "", "it was on its way when the mouse left"


def test_hover_follows_the_frame(view) -> None:
    tell(view, "mousemove", 5.5 * view._board.zoom, 5.5 * view._board.zoom)
    view.goto(3)
    assert "object" not in view.info.value, "the object has moved on"


def test_dragging_is_no_click(view) -> None:
    tell(view, "wheel", 300, 200, deltaY=-480, ctrlKey=True)
    before = picture_of(view)
    tell(view, "mousedown", 300, 200, button=0)
    tell(view, "mousemove", 240, 200, buttons=1)
    assert (picture_of(view) != before).any()
    tell(view, "mouseup", 200, 180, button=0)
    assert view.picks == []
    tell(view, "mousedown", 300, 200, button=0)
    tell(view, "mousemove", 302, 201, buttons=1)
    tell(view, "mouseup", 302, 201, button=0)
    assert len(view.picks) == 1, "a hand that trembles clicks"
    tell(view, "mousedown", 300, 200, button=0)
    tell(view, "mouseleave", timeStamp=9.0)
    tell(view, "mouseup", 300, 200, button=0)
    assert len(view.picks) == 1
    tell(view, "mousedown", 300, 200, button=1)
    tell(view, "mouseup", 300, 200, button=1)
    assert len(view.picks) == 1, "the middle button is for the page"


def test_click_beside_the_image_is_none(view) -> None:
    for kind in ("mousedown", "mouseup"):
        tell(view, kind, 1, 469.9, button=0)
    tell(view, "contextmenu", 5, -3, button=2)
    assert view.picks == []


def test_wheel_goes_through_time_and_slices(view, volume) -> None:
    tell(view, "wheel", deltaY=30, shiftKey=True)
    assert view.state.t == 0, "not before it was turned far enough"
    tell(view, "wheel", deltaX=30, deltaY=0, shiftKey=True)
    assert view.state.t == 1, "browsers turn it by 90 degrees while Shift is held"
    tell(view, "wheel", deltaY=-3, deltaMode=1, shiftKey=True)
    assert view.state.t == 0
    tell(view, "wheel", deltaY=-100, shiftKey=True)
    assert view.state.t == 0
    thick = ImagePicture(FrameFeed(*volume, None), Messages())
    tell(thick, "wheel", plane="xz", deltaY=100, altKey=True)
    assert (thick.state.z, thick.state.y) == (2, 13)


def test_keys_of_the_view(view) -> None:
    press(view, "ArrowRight")
    assert (view.state.t, [event.key for event in view.keys]) == (1, ["ArrowRight"])
    press(view, "ArrowLeft")
    press(view, " ")
    assert (view.state.t, view.state.playing) == (0, True)
    fitting = view._board.zoom
    press(view, "+")
    assert view._board.zoom == 1.25 * fitting
    press(view, "+")
    press(view, "0")
    assert view._board.zoom == fitting
    buttons = view.widget.children[-3].children[1:]
    for button, zoom in zip((buttons[1], buttons[0]), (1.25 * fitting, fitting), strict=True):
        button.click()
        assert view._board.zoom == pytest.approx(zoom)


def test_keys_are_listed_on_the_pad(view) -> None:
    pad = view.widget.children[0].children[1].value
    listed = json.loads(unescape(pad.split('data-keys="')[1].split('"')[0]))
    assert listed == ["ArrowRight", "ArrowLeft", "+", "-", "0", " ", "g"]
    assert 'data-lm-suppress-shortcuts="true"' in pad
    view.events["xy"][0]._handle_mouse_msg(
        None, {"event": "dragend", "button": 7, "clientX": 0, "clientY": 0, **RECT}, []
    )
    assert "The browser sent key 7, but only 7 keys are listed." in str(view._messages.last_error)
    assert isinstance(view._messages.last_error, InputError)


def test_zoomed_view_goes_with_the_active_track(view) -> None:
    for _ in range(12):
        tell(view, "wheel", 0, 100, deltaY=-120, ctrlKey=True)
    center = view._board.center["x"]
    view.goto(3)
    assert view._board.center["x"] == center
    view.goto(0)
    view.state.active_track = 1
    view.goto(3)
    assert view._board.center["x"] > center
    view.look_at(0, 2)
    assert view._board.center["x"] == pytest.approx(22.5)


def test_tails_join_children_with_their_parent(movie, detections) -> None:
    lineage = Lineage.from_tables([(0, 1, 1), (1, 1, 2), (1, 2, 3)], [(0, 1, 2, 3)])
    view = ImagePicture(FrameFeed(movie, detections, lineage), Messages())
    view.goto(1)
    segments, colors, alphas = view._painter._tails()
    assert segments[:, 0].tolist() == [[0, 6, 6], [0, 6, 6]]
    assert segments[:, 1].tolist() == [[0, 6, 7], [0, 6, 23]]
    assert len(set(map(tuple, colors.tolist()))) == 2
    assert (alphas == 1).all()


def test_several_changes_are_drawn_once(view, monkeypatch) -> None:
    drawn = []
    monkeypatch.setattr(view, "_draw", lambda: drawn.append(view.state.t))
    view.goto(2, 0, 3, 4)
    view.paint([(1, 1)])
    assert drawn == [2]
    view.paint([(2, 1), (2, 2)])
    assert drawn == [2, 2]


def test_playing_is_the_work_of_the_browser(view) -> None:
    assert (view._play.max, view._play.interval, view._play.repeat) == (3, 125, True)
    view.state.fps = 20.0
    assert view._play.interval == 50
