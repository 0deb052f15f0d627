import io

import numpy as np
import pytest
from matplotlib.image import imread

from nbtrack.errors import InputError
from nbtrack.rendering.colors import FALSE_ALPHA, OBJECT_COLOR
from nbtrack.rendering.overlays import (
    auto_contrast,
    compose,
    encode_png,
    enlarge,
    find_outlines,
    flatten_frame,
    lookup_table,
    open_contrast,
    to_uint8,
)

LABELS = np.zeros((9, 14), np.uint32)
LABELS[1:6, 1:6] = 3
LABELS[1:6, 6:11] = 7


def test_auto_contrast_ignores_what_is_not_a_number() -> None:
    frame = np.linspace(0, 1000, 1001)
    frame[[0, 5]] = np.nan, np.inf
    low, high = auto_contrast([frame, frame])
    assert 0 < low < 10
    assert 990 < high <= 1000


@pytest.mark.parametrize("frames", [[], [np.full((3, 3), np.nan)], [np.full((3, 3), 7)], [np.zeros((2, 2), bool)]])
def test_auto_contrast_always_has_a_width(frames) -> None:
    low, high = auto_contrast(frames)
    assert low < high


def test_auto_contrast_of_sparse_signal_takes_the_whole_range() -> None:
    frame = np.zeros((100, 100))
    frame[0, 0] = 50
    assert auto_contrast([frame]) == (0, 50)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32])
def test_grey_values_are_clipped(dtype) -> None:
    assert to_uint8(np.array([0, 100, 150, 200, 250], dtype), 100, 200).tolist() == [0, 0, 128, 255, 255]


def test_missing_pixels_are_black_and_bytes_are_kept() -> None:
    assert to_uint8(np.array([np.nan, -np.inf, np.inf, 1.0]), 0, 1).tolist() == [0, 0, 255, 255]
    frame = np.arange(4, dtype=np.uint8)
    assert to_uint8(frame, 0, 255) is frame


def test_empty_range_is_refused() -> None:
    with pytest.raises(InputError, match="`low` must be below `high` to map grey values: got 3 and 3"):
        to_uint8(np.zeros(3), 3, 3)


@pytest.mark.parametrize("value", [0.0, 5.0, -3e5, 65535.0])
def test_contrast_without_a_width_is_a_threshold(value) -> None:
    frame = np.array([value - 1, value + 1])
    assert to_uint8(frame, *open_contrast(value, value)).tolist() == [0, 255]


def test_outlines_are_inside_the_objects() -> None:
    edge = find_outlines(LABELS)
    assert not edge[LABELS == 0].any()
    assert edge[1, 1:11].all()
    assert edge[3, [1, 5, 6, 10]].all(), "objects that touch are told apart"
    assert not edge[2:5, 2:5].any()
    wide = find_outlines(LABELS, width=2)
    assert wide[2:5, 2].all()
    assert not wide[3, 3]


def test_layers_in_order() -> None:
    table = lookup_table(np.array([3]), np.array([[200, 0, 0, 255]], np.uint8))
    picture = compose(np.full(LABELS.shape, 100, np.uint8), LABELS, table, objects_opacity=0.5, tracks_opacity=1.0)
    assert picture[0, 0].tolist() == [100, 100, 100]
    assert picture[3, 3].tolist() == [200, 0, 0]
    assert np.allclose(picture[3, 8], (np.array(OBJECT_COLOR) + 100) / 2, atol=1), "label 7 is beyond the table"
    hidden = compose(np.full(LABELS.shape, 100, np.uint8), LABELS, table, objects_opacity=0, tracks_opacity=0)
    assert (hidden == 100).all()


def test_false_detection_is_black_with_a_grey_rim() -> None:
    table = lookup_table(np.array([3]), np.array([[0, 0, 0, FALSE_ALPHA]], np.uint8))
    picture = compose(np.full(LABELS.shape, 100, np.uint8), LABELS, table, tracks_opacity=0.1)
    assert picture[3, 3].tolist() == [40, 40, 40]
    assert picture[1, 3, 0] > 120
    assert picture[3, 4, 0] == picture[4, 3, 0] > 120, "hatched"


def test_rim_is_white_and_two_pixels_wide() -> None:
    table = lookup_table(np.array([3, 7]), np.array([[200, 0, 0, 255], [0, 200, 0, 255]], np.uint8))
    grey = np.full(LABELS.shape, 100, np.uint8)
    picture = compose(grey, LABELS, table, rimmed=[3])
    assert (picture[1:6, [1, 2, 4, 5]] == 255).all()
    assert picture[3, 3, 0] < 255
    assert (compose(grey, LABELS, table)[:, 6:] == picture[:, 6:]).all()
    hidden = compose(grey, LABELS, table, rimmed=[3], tracks_opacity=0, objects_opacity=0)
    assert (hidden == 100).all()


def test_volume_is_flattened() -> None:
    volume = np.zeros((3, 4, 5))
    volume[1, 2, 3] = 9
    grey, labels = flatten_frame(volume, (volume > 0).astype(np.uint32) * 6)
    assert grey[2, 3] == 9
    assert labels is not None
    assert labels[2, 3] == 6
    assert flatten_frame(LABELS)[0] is LABELS


def test_pictures_are_enlarged_and_encoded() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (5, 3, 3), np.uint8)
    assert enlarge(picture, 1) is picture
    assert enlarge(picture, 4).shape == (20, 12, 3)
    assert (imread(io.BytesIO(encode_png(picture))) * 255 == picture).all()
