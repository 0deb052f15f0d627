import subprocess
import sys

import numpy as np
import pytest

import nbtrack as nbt
from nbtrack.data.lineage import Lineage
from nbtrack.data.movie import Movie
from nbtrack.errors import InputError
from nbtrack.widgets.canvas import MAX_PAINTED_FRAMES, KeyEvent, PointerEvent
from nbtrack.widgets.viewer import Viewer, show


@pytest.fixture
def lineage():
    return Lineage.from_tables([(0, 1, 1), (1, 1, 1)], false_detections=[(0, 5)])


def test_frame_is_sent_with_its_colors(movie, detections, lineage, sent, tell) -> None:
    viewer = show(movie, lineage, detections=detections)
    tell(viewer.canvas, "band", row=0, rows=24, epoch=0, colors=True)
    (colors, color_buffers), (band, band_buffers) = sent
    assert (colors["type"], colors["tracks"]) == ("colors", {"1": [1], "5": [-1]})
    assert len(color_buffers[0]) == 4 * 3
    assert np.frombuffer(color_buffers[1], "<u4").tolist() == [1, 2, 5]
    assert (band["type"], band["bits"], len(band_buffers[0])) == ("band", 16, 24 * 32)
    assert viewer.last_error is None


def test_frame_that_cannot_be_read(movie, detections, sent, tell, monkeypatch) -> None:
    viewer = show(movie, detections)

    def fail(self, *place):
        raise OSError("truncated")

    monkeypatch.setattr("nbtrack.widgets.frames.FrameFeed.band", fail)
    tell(viewer.canvas, "band", t=2, row=0, rows=24, epoch=0)
    assert sent == [({"type": "failed", "t": 2, "z": 0, "text": "Frame 2 could not be read."}, [])]
    assert isinstance(viewer.last_error, OSError)


def test_picks_and_keys_are_events(movie, detections, tell) -> None:
    viewer = show(movie, detections)
    events = []
    viewer.canvas.on_pick(events.append)
    viewer.canvas.on_key(events.append)
    tell(viewer.canvas, "pick", t=1, y=3, x=4, object_id=2, button=2, modifiers=["shift"])
    tell(viewer.canvas, "key", key="g", y=5, x=6, object_id=0)
    tell(viewer.canvas, "something else")
    assert events == [PointerEvent(1, 0, 3, 4, 2, 2, frozenset({"shift"})), KeyEvent("g", 0, 0, 5, 6, 0)]
    assert viewer.last_error is None


def test_layer_keys_and_switches(movie, detections, lineage, press) -> None:
    viewer = show(movie, lineage, detections=detections)
    state = viewer.canvas.widget
    press(viewer.canvas, "e")
    press(viewer.canvas, "r")
    assert (state.raw_on, state.objects_on, state.tracks_on) == (True, False, False)
    press(viewer.canvas, "e")
    assert state.tracks_on
    with pytest.raises(InputError, match=r"`layer` must be one of \['raw', 'objects', 'tracks'\]: got 'ghost'"):
        viewer.toggle("ghost")
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
    rgba = viewer._feed.colors(1).rgba
    assert (rgba[0] == rgba[1]).all()


def test_wide_changes_are_announced_only(movie, detections, sent) -> None:
    viewer = show(movie, detections)
    viewer.canvas.paint([(0, 1), (0, 2), (1, 1)])
    assert [(m["t"], m["ids"]) for m, _ in sent] == [(0, [1, 2]), (1, [1])]
    sent.clear()
    viewer.canvas.paint([(t, 1) for t in range(MAX_PAINTED_FRAMES + 1)])
    assert sent == [({"type": "stale", "frames": list(range(MAX_PAINTED_FRAMES + 1))}, [])]


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
    assert show(movie, session)._feed.lineage is session.lineage
    assert show(None, session)._feed.movie is None
    assert show(movie, detections)._feed.lineage is None
    assert nbt.show is show
    with pytest.raises(InputError, match="A lineage says which objects belong together"):
        show(movie, Lineage())


def test_viewer_is_small_and_shows_itself(movie) -> None:
    viewer = show(movie)
    assert isinstance(viewer, Viewer)
    assert len(dir(viewer)) <= 16
    assert all(hasattr(viewer, name) for name in dir(viewer) if name != "color_by")
    bundle = viewer._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in (bundle[0] if isinstance(bundle, tuple) else bundle)
    assert repr(viewer) == "<Viewer: frame 0 of 0 to 3>"


def test_static_files_are_in_the_package() -> None:
    from nbtrack.widgets.canvas import CanvasWidget

    widget = CanvasWidget()
    assert "DecompressionStream" in str(widget._esm)
    assert ".nbt-canvas" in str(widget._css)


def test_editing_and_rendering_load_no_widget() -> None:
    code = (
        "import sys, nbtrack.editing.session, nbtrack.rendering.figures;"
        "sys.exit(any(m in sys.modules for m in ('ipywidgets', 'anywidget', 'IPython', 'matplotlib')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_single_frame(tell, sent) -> None:
    viewer = show(Movie.from_array(np.zeros((1, 5, 7), np.uint8), "tyx"))
    tell(viewer.canvas, "band", row=0, rows=5, epoch=0, colors=False)
    assert sent[0][0]["rows"] == 5
    assert viewer.last_error is None
