import subprocess
import sys

import ipywidgets
import pytest

import nbtrack as nbt
from nbtrack.data.lineage import Lineage
from nbtrack.errors import InputError
from nbtrack.widgets.viewer import Viewer, show


@pytest.fixture
def lineage():
    return Lineage.from_tables([(0, 1, 1), (1, 1, 1)], false_detections=[(0, 5)])


def test_layer_keys_and_switches(movie, detections, lineage, press) -> None:
    viewer = show(movie, lineage, detections=detections)
    state = viewer.canvas.widget
    press(viewer.canvas, "e")
    press(viewer.canvas, "r")
    assert (state.raw_on, state.objects_on, state.tracks_on) == (True, False, False)
    press(viewer.canvas, "e")
    assert state.tracks_on
    with pytest.raises(
        InputError, match=r"`layer` must be one of \['raw', 'objects', 'tracks', 'tails', 'ghost'\]: got 'dust'"
    ):
        viewer.toggle("dust")
    assert viewer.last_error is None


def test_only_layers_that_are_there(movie, detections) -> None:
    viewer = show(movie)
    with pytest.raises(InputError, match="`layer` must be one of"):
        viewer.toggle("tracks")
    assert show(None, detections).canvas.widget.raw_on is False


def test_contrast_changes_the_window_once_needed(movie) -> None:
    viewer = show(movie)
    state = viewer.canvas.widget
    low, high = viewer.contrast
    viewer.contrast = (low + 1, high)
    assert state.epoch == 0, "the browser does it by itself"
    viewer.contrast = (low, low + 0.05 * (high - low))
    assert state.epoch == 1
    assert state.window[1] < high
    viewer.auto_contrast()
    assert viewer.contrast == pytest.approx((low, high), rel=0.1)
    with pytest.raises(InputError, match="`contrast` must be a low and a higher value: got 5 and 5"):
        viewer.contrast = (5, 5)


def test_frames_and_slices_stay_in_range(volume) -> None:
    viewer = show(*volume)
    assert (viewer.t, viewer.z) == (0, 2)
    viewer.t = 99
    viewer.z = -3
    assert (viewer.t, viewer.z) == (3, 0)
    assert viewer.canvas.widget.n_slices == 5


def test_time_bar_moves_the_canvas(movie) -> None:
    viewer = show(movie)
    first, back, play, forth, last = viewer._time.widget.children[0].children[:5]
    for button, t in ((forth, 1), (last, 3), (forth, 3), (back, 2), (first, 0), (back, 0)):
        button.click()
        assert viewer.t == t
    viewer.canvas.widget.playing = True
    assert play.icon == "pause"


def test_color_by_lineage(movie, detections, sent) -> None:
    lineage = Lineage.from_tables([(0, 1, 1), (1, 1, 2), (1, 2, 3)], [(0, 1, 2, 3)])
    viewer = show(movie, lineage, detections=detections)
    viewer.color_by = "lineage"
    assert sent == [({"type": "stale", "frames": None}, [])]
    rgba = viewer.feed.colors(1).rgba
    assert (rgba[0] == rgba[1]).all()


def test_snapshot_is_what_is_shown(movie, detections, lineage, volume) -> None:
    viewer = show(movie, lineage, detections=detections)
    tracked = viewer.snapshot()
    assert tracked.data.startswith(b"\x89PNG")
    viewer.toggle("tracks")
    assert viewer.snapshot().data != tracked.data
    assert viewer.snapshot(3).data != viewer.snapshot(0).data
    assert show(*volume).snapshot().data.startswith(b"\x89PNG")
    assert show(movie).snapshot().data.startswith(b"\x89PNG")


def test_what_show_takes(movie, detections, session) -> None:
    assert show(movie, session).feed.lineage is session.lineage
    assert show(None, session).feed.movie is None
    assert show(movie, detections).feed.lineage is None
    assert nbt.show is show
    with pytest.raises(InputError, match="A lineage says which objects belong together"):
        show(movie, Lineage())


def test_viewer_is_small_and_shows_itself(movie) -> None:
    viewer = show(movie)
    assert isinstance(viewer, Viewer)
    assert len(dir(viewer)) <= 16
    assert all(hasattr(viewer, name) for name in dir(viewer))
    bundle = viewer._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in (bundle[0] if isinstance(bundle, tuple) else bundle)
    assert repr(viewer) == "<Viewer: frame 0 of 0 to 3>"


def test_editing_and_rendering_load_no_widget() -> None:
    code = (
        "import sys, nbtrack.editing.session, nbtrack.rendering.figures;"
        "sys.exit(any(m in sys.modules for m in ('ipywidgets', 'anywidget', 'IPython', 'matplotlib')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_decides_the_colour(movie, detections, lineage) -> None:
    viewer = show(movie, lineage, detections=detections)
    viewer.color_by = "size"
    assert (viewer.feed.colors(0).rgba[:, 3] == [255, 255, 254]).all(), "without a track too, but not false detections"
    assert "<b>size</b><span>25</span>" in viewer._layers.legend.value
    viewer.color_by = "lineage"
    assert viewer._layers.legend.value == ""
    with pytest.raises(InputError, match=r"`color_by` must be one of \['track', 'lineage', 'size'\]: got 'colour'"):
        viewer.color_by = "colour"
    assert viewer.color_by == "lineage"
    plain = show(movie, detections)
    assert plain._layers.color_by.options == (("none", "track"), ("size", "size"))
    plain.color_by = "size"
    assert plain.feed.colors(0).rgba[:, 3].all()
    with pytest.raises(InputError, match=r"`color_by` must be one of \['track'\]: got 'size'"):
        show(movie).color_by = "size"


def test_unknown_backend_is_named(movie) -> None:
    with pytest.raises(InputError, match=r"`backend` must be one of \['canvas', 'image'\]: got 'svg'"):
        show(movie, backend="svg")


def test_menu_of_the_objects_layer(movie, detections) -> None:
    viewer, asked = show(movie, detections), []
    viewer.on_layer_menu(lambda *place: asked.append(place))
    viewer._layers.menu_button.click()
    (event,) = viewer._layers.events
    event._handle_mouse_msg(None, {"event": "contextmenu"}, [])
    assert [layer for layer, _, _ in asked] == ["objects", "objects"]
    viewer.on_layer_menu(lambda *place: 1 / 0)
    viewer._layers.menu_button.click()
    assert isinstance(viewer.last_error, ZeroDivisionError)
    assert show(movie)._layers.events == []


def test_overlays_stand_over_the_image(movie) -> None:
    viewer, menu = show(movie), ipywidgets.HTML()
    viewer.add_overlay(menu)
    assert viewer.stage.children == (viewer.canvas.widget, viewer._layers.legend, menu)
