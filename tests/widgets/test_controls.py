import numpy as np
import pytest

from nbtrack.data.movie import Movie
from nbtrack.widgets.viewer import show


@pytest.fixture
def bar(movie, session):
    return show(movie, session)._layers


def test_two_rows_that_fit(bar, volume) -> None:
    assert len(bar.widget.children) == 2
    assert list(bar.switches) == ["raw", "objects", "tracks", "tails", "ghost"]
    assert len(show(*volume)._layers.widget.children) == 2


def test_only_what_there_is(movie, detections) -> None:
    assert list(show(movie)._layers.switches) == ["raw"]
    assert list(show(movie, detections)._layers.switches) == ["raw", "objects", "ghost"]
    alone = show(None, detections)._layers
    assert list(alone.switches) == ["objects", "ghost"]
    assert not hasattr(alone, "contrast")


def test_everything_is_linked_in_the_browser(movie, session) -> None:
    viewer = show(movie, session)
    linked = {link.target[1] for link in (*viewer._layers.links, *viewer._time.links)}
    assert linked == {
        "raw_on", "objects_on", "tracks_on", "raw_opacity", "objects_opacity", "tracks_opacity", "tails_on",
        "tail_length", "ghost_on", "contrast", "playing", "t",
    }  # fmt: skip


def test_slices_have_one_row(volume, movie) -> None:
    viewer = show(*volume)
    assert len(viewer._time.widget.children) == 2
    assert {link.target[1] for link in viewer._time.links} == {"playing", "t", "z", "y", "x"}
    assert len(show(movie)._time.widget.children) == 1


def test_channels_only_where_there_are_several(movie) -> None:
    assert not hasattr(show(movie)._layers, "channel")
    two = show(Movie.from_array(np.random.default_rng(0).random((2, 8, 8, 2)), "tyxc"), channel=1)
    assert two._layers.channel.value == 1


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_contrast_slider_takes_the_range_of_the_movie(dtype) -> None:
    raw = np.random.default_rng(0).normal(500, 100, (3, 8, 8)).astype(dtype)
    viewer = show(Movie.from_array(raw, "tyx"))
    assert (viewer._layers.contrast.min, viewer._layers.contrast.max) == viewer.feed.range
    assert viewer._layers.contrast.value == viewer.contrast
