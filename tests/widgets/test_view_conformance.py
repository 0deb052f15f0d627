"""Whoever uses an image view cannot tell which one it is: the same script for both, through a small driver for each."""

import numpy as np
import pytest

from nbtrack.data.lineage import Lineage
from nbtrack.data.movie import Movie
from nbtrack.errors import EditError, InputError
from nbtrack.segmentation import detect
from nbtrack.widgets.canvas import CanvasWidget
from nbtrack.widgets.image_view import KeyEvent, PointerEvent
from nbtrack.widgets.viewer import Viewer

THROUGH = {"xy": "z", "xz": "y", "yz": "x"}


class Canvas:
    """Says what the browser says for `CanvasWidget`, and collects what it is told."""

    def __init__(self, viewer, sent):
        self.view, self.sent = viewer.canvas, sent

    def click(self, plane, place, button=0, modifiers=()):
        state = self.view.state
        place = {axis: getattr(state, axis) for axis in "zyx"} | place
        if button == 0 and state.n_slices > 1:
            state.set_state(place)
        object_id = object_at(self.view, **place)
        told = {"object_id": object_id, "button": button, "modifiers": list(modifiers), "left": 1.0, "top": 2.0}
        self._tell(type="pick", t=state.t, **place, **told)

    def press(self, key, plane="xy", place=None):
        state = self.view.state
        if key in state.view_keys:
            state.set_state({"next": {"t": state.t + 1}, "previous": {"t": state.t - 1}}[state.view_keys[key]])
        if key in state.hotkeys:
            at = {"z": state.z, "y": -1, "x": -1} if place is None else {a: getattr(state, a) for a in "zyx"} | place
            self._tell(type="key", key=key, t=state.t, **at, object_id=object_at(self.view, **at) if place else 0)

    def junk(self, kind):
        self._tell(type={"click": "pick", "key": "key"}[kind], t="soon")

    def changed(self):
        """Whether the browser was told something since the last call."""
        state = self.view.state.get_state()
        told, self._before, before = bool(self.sent), state, getattr(self, "_before", state)
        self.sent.clear()
        return told or state != before

    def _tell(self, **content):
        self.view.widget._handle_custom_msg(content, [])


class Picture:
    """Says what ipyevents says for `ImagePicture`, in pixels of a screen, and looks at the pictures."""

    def __init__(self, viewer, sent):
        self.view = viewer.canvas

    def at(self, plane, place, corner=0.5):
        """Client coordinates of a voxel: of its middle, or of another part of it."""
        board = self.view._board
        voxel = np.array([place.get(axis, 0) - 0.5 + corner for axis in "zyx"])
        down, across = board.screen(plane, voxel) + 0.5
        room = board.planes[plane]
        rect = {"boundingRectLeft": 33.25, "boundingRectTop": 71.5}
        rect |= {"boundingRectWidth": room.width, "boundingRectHeight": room.height}
        return rect | {"clientX": 33.25 + across, "clientY": 71.5 + down}

    def tell(self, plane, kind, *, mouse=None, **content):
        which = {"contextmenu": 1, "mousemove": 2}.get(kind, 0)
        mouse = mouse or self.at(plane, {})
        self.view.events[plane][which]._handle_mouse_msg(None, {"event": kind, **mouse, **content}, [])

    def click(self, plane, place, button=0, modifiers=(), corner=0.5):
        held = {f"{name}Key": True for name in modifiers}
        mouse = self.at(plane, place, corner)
        for kind in ("mousedown", "mouseup") if button == 0 else ("contextmenu",):
            self.tell(plane, kind, mouse=mouse, button=button, **held)

    def press(self, key, plane="xy", place=None):
        mouse = self.at(plane, place) if place else self.at(plane, {}) | {"clientX": -1e6, "clientY": -1e6}
        self.tell(plane, "dragend", mouse=mouse, button=self.view._key_names.index(key))

    def junk(self, kind):
        event = {"click": "mousedown", "key": "dragend"}[kind]
        self.view.events["xy"][0]._handle_mouse_msg(None, {"event": event, "clientX": "here"}, [])

    def changed(self):
        """Whether a picture changed since the last call."""
        pictures = [image.value for image in self.view.images.values()]
        before, self._before = getattr(self, "_before", pictures), pictures
        return pictures != before


DRIVERS = {"canvas": Canvas, "image": Picture}


def object_at(view, z, y, x):
    labels = view._feed.plane(view.state.t, "xy", z)[1]
    return int(labels[y, x]) if y >= 0 else 0


@pytest.fixture
def lineage():
    return Lineage.from_tables([(t, 1, 1) for t in range(4)] + [(0, 2, 2)], false_detections=[(0, 5)])


@pytest.fixture(params=DRIVERS)
def user(request, movie, detections, lineage, sent):
    """A person at a flat movie."""
    return start(Viewer(movie, lineage, detections=detections, panel="track", backend=request.param), request, sent)


@pytest.fixture(params=DRIVERS)
def user_3d(request, volume, lineage, sent):
    """A person at a volume."""
    raw, detections = volume
    return start(Viewer(raw, lineage, detections=detections, panel="track", backend=request.param), request, sent)


def start(viewer, request, sent):
    user = DRIVERS[request.param](viewer, sent)
    user.viewer, user.events = viewer, []
    viewer.canvas.on_pick(user.events.append)
    viewer.canvas.on_key(user.events.append)
    user.changed()
    return user


def without_corner(events):
    return [PointerEvent(e.t, e.z, e.y, e.x, e.object_id, e.button, e.modifiers) for e in events]


def test_clicks(user) -> None:
    user.click("xy", {"y": 4, "x": 4})
    user.click("xy", {"y": 0, "x": 31}, modifiers=["shift", "ctrl"])
    user.click("xy", {"y": 8, "x": 24}, button=2)
    wanted = [
        PointerEvent(0, 0, 4, 4, 1),
        PointerEvent(0, 0, 0, 31, 0, 0, frozenset({"shift", "ctrl"})),
        PointerEvent(0, 0, 8, 24, 2, 2),
    ]
    assert without_corner(user.events) == wanted
    assert user.viewer.last_error is None


@pytest.mark.parametrize("plane", THROUGH)
def test_clicks_into_planes(user_3d, plane) -> None:
    place = {axis: at for axis, at in {"z": 3, "y": 18, "x": 16}.items() if axis != THROUGH[plane]}
    user_3d.viewer.canvas.goto(0, 2, 15, 13)
    user_3d.click(plane, place, button=2)
    at = {"z": 2, "y": 15, "x": 13} | place
    assert without_corner(user_3d.events) == [PointerEvent(0, **at, object_id=5, button=2)]
    state = user_3d.view.state
    assert (state.z, state.y, state.x) == (2, 15, 13), "a right click leaves the crosshair"
    user_3d.click(plane, place)
    assert {axis: getattr(state, axis) for axis in "zyx"} == at, "a left click moves it"
    assert user_3d.viewer.last_error is None


def test_keys(user) -> None:
    user.press("g", place={"y": 14, "x": 12})
    user.press("shift+z")
    user.press("ArrowRight", place={"y": 4, "x": 5})
    wanted = [
        KeyEvent("g", 0, 0, 14, 12, 5),
        KeyEvent("shift+z", 0, 0, -1, -1, 0),
        KeyEvent("ArrowRight", 1, 0, 4, 5, 1),
    ]
    assert user.events == wanted
    assert user.viewer.t == 1
    assert user.viewer.last_error is None


def test_keys_over_a_plane(user_3d) -> None:
    user_3d.viewer.canvas.goto(0, 2, 15, 13)
    user_3d.press("g", "xz", {"z": 1, "x": 12})
    assert user_3d.events == [KeyEvent("g", 0, 1, 15, 12, 5)]


def test_what_changes_what_is_shown(user) -> None:
    view, viewer, state = user.view, user.viewer, user.view.state
    steps = {
        "another frame": lambda: view.goto(1),
        "an object with a rim": lambda: view.look_at(1, 2),
        "badges": lambda: view.badge(1, {1: "1", 2: "2"}),
        "no badges": lambda: view.badge(1, {}),
        "marks": lambda: view.mark(np.array([[1, 2, 0, 6, 6, 0, 6, 12, 1]], np.float32), ("#e69f00", "#56b4e9")),
        "no marks": lambda: view.mark(None),
        "contrast": lambda: setattr(viewer, "contrast", (200.0, 700.0)),
        "tracks off": lambda: viewer.toggle("tracks"),
        "objects off": lambda: viewer.toggle("objects"),
        "tracks on": lambda: viewer.toggle("tracks"),
        "opacity": lambda: setattr(state, "tracks_opacity", 1.0),
        "tails": lambda: viewer.toggle("tails"),
        "short tails": lambda: (view.goto(3), user.changed(), setattr(state, "tail_length", 1)),
        "ghost": lambda: viewer.toggle("ghost"),
        "raw image off": lambda: viewer.toggle("raw"),
        "an active track": lambda: (view.goto(2), user.changed(), setattr(state, "active_track", 1)),
        "a feature": lambda: setattr(viewer, "color_by", "size"),
    }
    for name, step in steps.items():
        user.changed()
        step()
        assert user.changed(), name
    assert not user.changed()
    assert viewer.last_error is None


def test_contrast_slider_with_both_ends_on_one_value(user) -> None:
    user.view.state.contrast = (500.0, 500.0)
    assert user.changed()
    assert user.viewer.snapshot().data
    assert user.viewer.last_error is None


def test_painting_shows_the_lineage_as_it_is(user, lineage) -> None:
    lineage.unassign(0, 2, 2)
    assert not user.changed(), "it does not know yet"
    user.view.paint([(0, 2)])
    assert user.changed()
    lineage.assign(0, 2, 2)
    user.view.repaint()
    assert user.changed()


def test_click_paints_whatever_happens(user) -> None:
    def refuse(event):
        raise EditError("No.")

    user.viewer.canvas.on_pick(refuse)
    user.click("xy", {"y": 4, "x": 4})
    assert isinstance(user.viewer.last_error, EditError)
    assert isinstance(user.events[0], PointerEvent)


@pytest.mark.parametrize("kind", ["click", "key"])
def test_junk_is_refused(user, kind) -> None:
    user.junk(kind)
    assert isinstance(user.viewer.last_error, InputError)
    assert "The browser sent a message that cannot be understood" in str(user.viewer.last_error)
    assert user.events == []


def test_closed_view_is_silent(user) -> None:
    viewer = user.viewer
    viewer.close()
    user.click("xy", {"y": 4, "x": 4})
    user.press("g")
    assert user.events == []
    assert viewer.last_error is None


@pytest.mark.parametrize("backend", DRIVERS)
def test_pixels_are_drawn_true(backend) -> None:
    raw = np.random.default_rng(0).random((2, 20, 30))
    viewer = Viewer(Movie.from_array(raw, "tyx", scale=(2.0, 1.0)), backend=backend)
    assert viewer.canvas.state.scale == (1.0, 2.0, 1.0)
    if backend == "image":
        board = viewer.canvas._board
        assert board._pixels("y") == 2 * board._pixels("x")


@pytest.mark.parametrize("backend", DRIVERS)
def test_another_channel(backend, sent) -> None:
    raw = np.stack([np.full((3, 20, 30), 9.0), np.random.default_rng(0).random((3, 20, 30))], axis=-1)
    labels = (raw[..., 1] > 0.98).astype(np.uint32)
    viewer = Viewer(Movie.from_array(raw, "tyxc"), detections=detect(Movie.from_array(labels, "tyx")), backend=backend)
    user = DRIVERS[backend](viewer, sent)
    user.changed()
    viewer._layers.channel.value = 1
    assert user.changed()
    assert viewer.feed.channel == 1
    assert viewer.contrast == viewer._layers.contrast.value == viewer.feed.contrast
    assert (viewer._layers.contrast.min, viewer._layers.contrast.max) == viewer.feed.range
    assert viewer.last_error is None


def test_one_state_is_both() -> None:
    shared = set(Viewer(Movie.from_array(np.zeros((2, 4, 4)), "tyx"), backend="image").canvas.state.keys)
    assert {"t", "contrast", "tails_on", "active_track", "advance"} <= shared & set(CanvasWidget().keys)
