from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from nbtrack.data.lineage import Lineage
from nbtrack.data.movie import Movie
from nbtrack.errors import InputError
from nbtrack.segmentation import detect
from nbtrack.widgets.coding import RECENT
from nbtrack.widgets.frames import FrameFeed


def unpack(band, rows, width):
    raw, labels, bits = band
    lengths, numbers = np.frombuffer(labels, f"<u{bits // 8}").reshape(2, -1)
    return np.frombuffer(raw, np.uint8).reshape(rows, width), np.repeat(numbers, lengths).reshape(rows, width)


def test_bands_make_up_the_frame(movie, detections) -> None:
    feed = FrameFeed(movie, detections, None)
    whole = unpack(feed.band(1, 0, 0, 24), 24, 32)
    upper, lower = unpack(feed.band(1, 0, 0, 10), 10, 32), unpack(feed.band(1, 0, 10, 14), 14, 32)
    for i in range(2):
        assert (np.concatenate([upper[i], lower[i]]) == whole[i]).all()
    numbers, labels = whole[1], detections.labels[1]
    assert feed.object_ids(1).tolist() == [1, 2, 5]
    assert (np.array([0, 1, 2, 5])[numbers] == labels).all(), "labels travel as their place in the list"


def test_object_ids_may_be_any_size() -> None:
    labels = np.zeros((1, 6, 6), np.uint32)
    labels[0, :2], labels[0, 4:] = 7, 4_000_000_000
    feed = FrameFeed(None, detect(Movie.from_array(labels, "tyx")), None)
    numbers = unpack(feed.band(0, 0, 0, 6), 6, 6)[1]
    assert numbers[:, 0].tolist() == [1, 1, 0, 0, 2, 2]


def test_labels_without_a_row_are_background() -> None:
    labels = np.array([[[0, 3, 4]]], np.uint32)
    table = pd.DataFrame({"t": [0], "object_id": [3], "y": [0.0], "x": [1.0]})
    detections = SimpleNamespace(
        labels=labels, table=table, frame_shape=(1, 3), n_frames=1, scale=(1, 1), columns_position=["y", "x"]
    )
    assert unpack(FrameFeed(None, detections, None).band(0, 0, 0, 1), 1, 3)[1].tolist() == [[0, 1, 0]]


@pytest.mark.parametrize("place", [(9, 0, 0, 1), (0, 1, 0, 1), (0, 0, 20, 5), (0, 0, 3, 0), (-1, 0, 0, 1)])
def test_bands_that_are_not_there(movie, detections, place) -> None:
    with pytest.raises(InputError, match=f"There are no rows .* in slice {place[1]} of frame {place[0]}"):
        FrameFeed(movie, detections, None).band(*place)


def test_slices_of_a_volume(volume) -> None:
    movie, detections = volume
    feed = FrameFeed(movie, detections, None)
    assert (feed.n_slices, feed.shape) == (5, (24, 32))
    raw, numbers = unpack(feed.band(2, 3, 0, 24), 24, 32)
    assert (numbers > 0).sum() == 75
    assert raw[numbers > 0].min() > raw[numbers == 0].max()
    assert not unpack(feed.band(2, 4, 0, 24), 24, 32)[1].any()
    assert feed.center_of(2, 5) == (2, 16.0, 16.0)
    with pytest.raises(InputError, match="There is no object 4 in frame 2"):
        feed.center_of(2, 4)
    with pytest.raises(InputError, match="There is no frame 4: frames are numbered 0 to 3"):
        feed.colors(4)


def test_cuts_of_a_volume(volume) -> None:
    feed = FrameFeed(*volume, None)
    numbers = np.searchsorted([1, 2, 5], volume[1].labels[1]) + (volume[1].labels[1] > 0)
    for plane, at, size, wanted in (
        ("xy", 2, (24, 32), numbers[2]),
        ("xz", 6, (5, 32), numbers[:, 6]),
        ("yz", 15, (24, 5), numbers[:, :, 15].T),
    ):
        assert (unpack(feed.cut(1, plane, at), *size)[1] == wanted).all()
        assert wanted.any()
    for place in ((1, "xz", 24), (9, "xy", 0), (0, "zz", 0), (0, "yz", -1)):
        with pytest.raises(InputError, match=f"There is no cut {place[1]} at {place[2]} in frame {place[0]}"):
            feed.cut(*place)


def test_picture_of_each_plane(volume) -> None:
    feed = FrameFeed(*volume, None)
    look = {"contrast": feed.contrast, "raw": 1.0, "objects": 0.5, "tracks": 0.5}
    pictures = [feed.picture(1, 2, plane=plane, y=6, x=15, **look) for plane in ("xy", "xz", "yz")]
    assert [p.shape for p in pictures] == [(24, 32, 3), (5, 32, 3), (24, 5, 3)]
    assert (pictures[0] == feed.picture(1, 2, **look)).all()
    assert (pictures[0][6, 15] == pictures[1][2, 15]).all()
    assert (pictures[0][16, 15] == pictures[2][16, 2]).all()


def test_contrast_of_bytes_stays_with_the_bytes() -> None:
    raw = np.random.default_rng(0).integers(20, 60, (2, 30, 30), dtype=np.uint8)
    feed = FrameFeed(Movie.from_array(raw, "tyx"), None, None)
    assert feed.window == feed.range == (0.0, 255.0)
    assert 20 <= feed.contrast[0] < feed.contrast[1] <= 60
    assert not feed.fit_window(0, 10)
    assert feed.band(0, 0, 0, 30)[0] == raw[0].tobytes()


def test_window_follows_the_contrast(movie) -> None:
    feed = FrameFeed(movie, None, None)
    low, high = feed.contrast
    first, last = feed.window
    assert first < low < high < last
    assert not feed.fit_window(low + 1, high - 1), "a small step needs no new bytes"
    assert feed.fit_window(low, low + 0.1 * (high - low)), "eight bits would be too coarse"
    narrow = np.frombuffer(feed.band(0, 0, 0, 24)[0], np.uint8)
    assert len(np.unique(narrow)) > 20
    assert feed.fit_window(low, high * 3), "values were cut off"
    assert feed.window[1] > high * 3


@pytest.mark.parametrize("raw", [np.zeros((3, 8, 8), bool), np.full((3, 8, 8), np.nan), np.zeros((1, 8, 8), np.uint16)])
def test_flat_movies_can_be_shown(raw) -> None:
    feed = FrameFeed(Movie.from_array(raw, "tyx"), None, None)
    assert feed.contrast[0] < feed.contrast[1]
    assert feed.range[0] < feed.range[1]
    assert len(feed.band(0, 0, 0, 8)[0]) == 64
    assert feed.band(0, 0, 0, 8)[1] == b""


def test_one_channel_is_shown() -> None:
    raw = np.stack([np.zeros((2, 8, 8)), np.arange(128.0).reshape(2, 8, 8)], axis=-1)
    feed = FrameFeed(Movie.from_array(raw, "tyxc"), None, None, channel=1)
    assert feed.shape == (8, 8)
    assert feed.contrast[1] > 100
    with pytest.raises(InputError, match="`channel` must be one of 0 to 1: got 2"):
        FrameFeed(Movie.from_array(raw, "tyxc"), None, None, channel=2)


def test_colors_and_tracks(movie, detections) -> None:
    lineage = Lineage.from_tables([(0, 1, 4), (0, 1, 2)], false_detections=[(0, 5)])
    feed = FrameFeed(movie, detections, lineage)
    assert feed.colors(0).tracks == [[4, 2], [], [-1]]
    assert feed.colors(0, [5]).object_ids.tolist() == [5]
    assert feed.colors(0, [5, 1]).centers.tolist() == [[16, 14], [6, 6]]
    assert feed.colors(0).rgba[:, 3].tolist() == [255, 0, 254]
    assert FrameFeed(movie, detections, None).colors(0).tracks == [[], [], []]
    assert len(FrameFeed(movie, None, None).colors(0).object_ids) == 0


def test_few_frames_are_remembered(movie, monkeypatch) -> None:
    reads = []
    monkeypatch.setattr(FrameFeed, "_read_raw", lambda self, t: (reads.append(t), movie[t % 4])[1])
    feed = FrameFeed(movie, None, None)
    reads.clear()
    feed.n_frames = 10
    for t in (*range(3, 10), 9, 9, 3):
        feed.band(t, 0, 0, 4)
    assert reads.count(9) == 1
    assert reads[-1] == 3, "old frames are forgotten"
    assert len(feed._raw._kept) == RECENT


def test_what_does_not_fit(movie, detections, volume) -> None:
    with pytest.raises(InputError, match="There is nothing to show"):
        FrameFeed(None, None, None)
    with pytest.raises(InputError, match="A lineage says which objects belong together"):
        FrameFeed(movie, None, Lineage())
    with pytest.raises(InputError, match="`detections` must have the frames of the movie: got 4 frames of shape"):
        FrameFeed(movie, volume[1], None)


def test_other_objects_keep_the_colours_of_a_feature(movie, detections) -> None:
    feed = FrameFeed(movie, detections, None)
    feed.color_by = "size"
    kept = detections.table[(detections.table["t"] > 0) | (detections.table["object_id"] > 1)].reset_index(drop=True)
    feed.take_objects(replace(detections, table=kept))
    assert feed.color_by == "size"
    assert feed.colors(3).object_ids.tolist() == feed.object_ids(3).tolist()
    assert len(feed._values) == len(kept)
