"""Three crops of successive frames."""

import io
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.image import imread

from nbtrack.data.lineage import Lineage
from nbtrack.data.movie import Movie
from nbtrack.errors import InputError
from nbtrack.rendering.colors import track_color
from nbtrack.segmentation import detect
from nbtrack.widgets.filmstrip import ASPECT, HEIGHT, OUTSIDE, RIM, FilmStrip
from nbtrack.widgets.frames import FrameFeed

SIZE = 16
FACTOR = HEIGHT // SIZE


@pytest.fixture
def lineage():
    return Lineage.from_tables([(t, 1, 3) for t in range(3)])


@pytest.fixture
def strip(movie, detections, lineage):
    return FilmStrip(FrameFeed(movie, detections, lineage))


def pictures(strip):
    return [(imread(io.BytesIO(image.value))[..., :3] * 255).round().astype(np.uint8) for image in strip.images]


def captions(strip):
    return [caption.value.split(">")[1].split("<")[0] for caption in strip._captions]


def has(picture, color):
    return (picture == color).all(axis=-1)


def test_three_frames_around_the_place(strip):
    strip.show(1, 6, 7, size=SIZE)
    found = pictures(strip)
    assert {picture.shape for picture in found} == {(HEIGHT, round(ASPECT * SIZE) * FACTOR, 3)}
    assert captions(strip) == ["frame 0", "frame 1", "frame 2"]
    left = [int(has(picture, RIM).any(axis=0).argmax()) for picture in found]
    assert np.diff(left).tolist() == [FACTOR, FACTOR]  # the object moves a pixel per frame in the same crop box
    assert not any((a == b).all() for a, b in pairwise(found))


def test_crop_is_the_same_as_a_crop_of_the_whole_picture(strip):
    strip.show(1, 12, 14, size=SIZE)
    whole = strip.feed.picture(1, 0, contrast=strip.feed.contrast, raw=1, objects=0.25, tracks=0.45)
    width = round(ASPECT * SIZE)
    right = whole[4 : 4 + SIZE, 14 - width // 2 : 14 - width // 2 + width]
    found = pictures(strip)[1][FACTOR // 2 :: FACTOR, FACTOR // 2 :: FACTOR]
    # outlines look at neighbours, which a crop does not have at its border
    np.testing.assert_array_equal(found[1:-1, 1:-1], right[1:-1, 1:-1])


def test_track_is_told_by_its_object_and_has_its_colour(strip):
    strip.show(1, 6, 7, size=SIZE)
    middle = pictures(strip)[1]
    assert has(middle, RIM).any()
    edge = np.abs(middle.astype(int) - track_color(3)).sum(axis=-1)
    assert edge.min() < 40
    strip.show(1, 6, 7, size=SIZE, track_id=3)
    np.testing.assert_array_equal(pictures(strip)[1], middle)


def test_object_without_a_track_has_a_rim_in_its_frame_alone(strip):
    strip.show(1, 6, 23, size=SIZE)
    assert [has(picture, RIM).any() for picture in pictures(strip)] == [False, True, False]
    strip.show(1, 0, 0, size=SIZE)
    assert not any(has(picture, RIM).any() for picture in pictures(strip))


def test_daughters_and_mother_have_rims(movie, detections):
    rows = [(0, 1, 1), (1, 1, 1), (2, 1, 2), (2, 2, 3), (3, 1, 2)]
    strip = FilmStrip(FrameFeed(movie, detections, Lineage.from_tables(rows, [(1, 1, 2, 3)])))
    strip.show(1, 6, 12, size=SIZE, track_id=1)
    after = has(pictures(strip)[2], RIM).any(axis=0)
    assert after[: after.size // 2].any()
    assert after[after.size // 2 :].any()
    strip.show(2, 6, 12, size=SIZE, track_id=2)
    assert has(pictures(strip)[0], RIM).any()


def test_nothing_beyond_the_ends(strip):
    strip.show(0, 6, 7, size=SIZE)
    assert captions(strip) == ["no such frame", "frame 0", "frame 1"]
    assert has(pictures(strip)[0], OUTSIDE).all()
    strip.show(3, 6, 7, size=SIZE)
    assert captions(strip)[2] == "no such frame"
    assert has(pictures(strip)[2], OUTSIDE).all()


def test_border_of_the_image_is_seen(strip):
    strip.show(1, 0, 0, size=SIZE)
    middle = has(pictures(strip)[1], OUTSIDE)
    assert middle[: HEIGHT // 2].all()
    assert not middle[HEIGHT // 2 :, middle.shape[1] // 2 :].any()
    strip.show(1, 900, 900, size=SIZE)
    assert has(pictures(strip)[1], OUTSIDE).all()


def test_size_comes_from_the_object(strip):
    strip.show(1, 6, 7)
    assert pictures(strip)[1].shape[0] == 2 * 48  # 3 x the least size of 16, twice as large
    strip.show(1, 6, 7, size=3)
    assert pictures(strip)[1].shape[0] == HEIGHT  # a crop has 8 pixels at least
    strip.show(1, 6, 7, size=1000)
    assert pictures(strip)[1].shape[0] == 125


def test_slice_follows_the_track(volume):
    movie, detections = volume
    thick = np.zeros((4, 5, 24, 32), np.uint32)
    for t in range(4):
        thick[t, t] = detections.labels[t][2]
    detections = detect(Movie.from_array(thick, "tzyx"))
    strip = FilmStrip(FrameFeed(movie, detections, Lineage.from_tables([(t, 1, 1) for t in range(4)])))
    strip.contrast = (0, 5000)  # nothing is as white as the rim
    strip.show(1, 6, 7, z=1, size=SIZE)
    assert all(has(picture, RIM).any() for picture in pictures(strip))
    strip.show(1, 6, 23, z=1, size=SIZE)  # no track: the slice stays
    assert [has(picture, RIM).any() for picture in pictures(strip)] == [False, True, False]


def test_only_a_movie_or_only_objects(movie, detections):
    strip = FilmStrip(FrameFeed(movie, None, None))
    strip.contrast = (0, 5000)
    strip.show(1, 6, 7)
    assert not has(pictures(strip)[1], RIM).any()
    strip = FilmStrip(FrameFeed(None, detections, None))
    strip.show(1, 6, 7, size=SIZE)
    assert has(pictures(strip)[1], RIM).any()


def test_contrast_can_be_that_of_the_view(strip):
    strip.show(1, 12, 25, size=SIZE)
    before = pictures(strip)[1]
    strip.contrast = (0, 60_000)
    strip.show(1, 12, 25, size=SIZE)
    assert pictures(strip)[1].mean() < before.mean()


def test_clear(strip):
    strip.show(1, 6, 7)
    strip.clear()
    assert captions(strip) == ["", "Choose a track", ""]
    assert all(has(picture, OUTSIDE).all() for picture in pictures(strip))


def test_frame_that_cannot_be_read_is_read_again(strip, monkeypatch):
    whole, damaged = strip.feed.movie.frame, [2]

    def frame(t, channel=None):
        if t in damaged:
            raise InputError("The file is away.")
        return whole(t, channel)

    monkeypatch.setattr(strip.feed.movie, "frame", frame)
    with pytest.raises(InputError, match="The file is away"):
        strip.show(1, 6, 7, size=SIZE)
    assert captions(strip) == ["frame 0", "frame 1", "frame 2 cannot be read"]
    assert [has(picture, OUTSIDE).all() for picture in pictures(strip)] == [False, False, True]
    damaged.clear()
    strip.show(1, 6, 7, size=SIZE)
    assert captions(strip)[2] == "frame 2"
    assert not has(pictures(strip)[2], OUTSIDE).all()


def test_objects_that_cannot_be_read_leave_no_other_place(strip, monkeypatch):
    strip.show(1, 6, 7, size=SIZE)

    def fail(t, z):
        raise InputError("The file is away.")

    monkeypatch.setattr(strip, "_labels", fail)
    with pytest.raises(InputError, match="The file is away"):
        strip.show(2, 6, 7, size=SIZE)
    assert captions(strip) == ["", "Frame 2 cannot be read", ""]
    assert all(has(picture, OUTSIDE).all() for picture in pictures(strip))


def test_another_channel_is_read(detections):
    raw = np.stack([np.zeros((4, 24, 32), np.uint8), np.full((4, 24, 32), 200, np.uint8)], axis=1)
    strip = FilmStrip(FrameFeed(Movie.from_array(raw, "tcyx"), detections, None))
    strip.contrast = (0, 255)
    strip.show(1, 20, 28, size=8)
    before = pictures(strip)[1].mean()
    strip.feed.set_channel(1)
    strip.show(1, 20, 28, size=8)
    assert pictures(strip)[1].mean() > before + 50


def test_both_ends_of_the_contrast_on_one_value(strip):
    strip.contrast = (200.0, 200.0)
    strip.show(1, 6, 7, size=SIZE)
    assert captions(strip)[1] == "frame 1"
