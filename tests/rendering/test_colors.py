import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from nbtrack.data.lineage import Lineage
from nbtrack.data.palette import PALETTE, track_colors
from nbtrack.errors import InputError
from nbtrack.rendering.colors import (
    FALSE_ALPHA,
    OBJECT_COLOR,
    color_table,
    hex_color,
    track_color,
    value_colors,
    value_limits,
)

# Machado, Oliveira and Fernandes (2009), full severity: what a person with this colour blindness sees, in linear RGB.
BLINDNESS = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    "normal vision": np.eye(3).tolist(),
}
N = len(PALETTE)


def see(rgb, matrix):
    """Lab colours as seen through a colour blindness."""
    values = np.asarray(rgb, dtype=float) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4) @ np.array(matrix).T
    linear = np.clip(linear, 0, 1)
    return rgb2lab(np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)[None])[0]


@pytest.mark.parametrize("matrix", BLINDNESS.values(), ids=BLINDNESS)
def test_track_colors_stay_apart(matrix) -> None:
    seen = see(track_colors(np.arange(1, N + 1)), matrix)
    apart = np.linalg.norm(seen[:, None] - seen[None], axis=-1) + 99 * np.eye(N)
    assert apart.min() > 8, "two track colours look alike"
    following = [apart[np.arange(N), (np.arange(N) + far) % N].min() for far in (1, 2, 3)]
    assert min(following) > 12, "two tracks with numbers near each other look alike"
    assert following[0] > 20, "two tracks in a row look alike"
    yellow = see(np.array([OBJECT_COLOR]), matrix)
    assert np.linalg.norm(seen - yellow, axis=-1).min() > 10, "a track looks like a plain object"
    assert seen[:, 0].min() > 30, "a track is too dark for a dark image"


def test_thirty_tracks_are_told_apart() -> None:
    seen = see(track_colors(np.arange(1, 31)), np.eye(3))
    apart = np.linalg.norm(seen[:, None] - seen[None], axis=-1) + 99 * np.eye(30)
    assert apart.min() > 20
    assert deltaE_ciede2000(seen[:, None], seen[None])[~np.eye(30, dtype=bool)].min() > 10
    following = [apart[np.arange(30), (np.arange(30) + far) % 30].min() for far in (1, 2, 3)]
    assert following[0] > 55
    assert min(following) > 32
    assert np.hypot(seen[:, 1], seen[:, 2]).min() > 35, "a track looks grey on a grey image"


def test_color_of_a_track_is_stable() -> None:
    assert track_color(1) == track_color(1 + N) == tuple(bytes.fromhex(PALETTE[0]))
    assert track_color(-1) == (0, 0, 0)
    assert hex_color(2) == "#" + PALETTE[1]


def test_color_table_of_a_frame() -> None:
    lineage = Lineage.from_tables([(0, 1, 1), (1, 1, 2), (1, 2, 3), (1, 4, 5), (1, 4, 2 + 5)], [(0, 1, 2, 3)], [(1, 3)])
    table = color_table(lineage, 1, [1, 2, 3, 4, 9])
    assert table[:, 3].tolist() == [255, 255, FALSE_ALPHA, 255, 0]
    assert table[0, :3].tolist() == list(track_color(2))
    assert table[2, :3].tolist() == [0, 0, 0]
    assert table[3, :3].tolist() == list(track_color(5)), "a merger has the colour of its first track"
    by_lineage = color_table(lineage, 1, [1, 2], color_by="lineage")
    assert by_lineage[:, :3].tolist() == [list(track_color(1))] * 2


def test_color_table_without_lineage_or_objects() -> None:
    assert not color_table(None, 0, [1, 2]).any()
    assert color_table(Lineage(), 0, []).shape == (0, 4)


def test_unknown_choice_is_named() -> None:
    with pytest.raises(InputError, match=r"`color_by` must be one of \['track', 'lineage'\]: got 'size'"):
        color_table(None, 0, [1], color_by="size")  # type: ignore[arg-type]


def test_colors_of_a_feature() -> None:
    lineage = Lineage.from_tables([(0, 1, 1)], false_detections=[(0, 3)])
    values = np.array([0.0, 10.0, 5.0, np.nan, 99.0])
    table = color_table(lineage, 0, [1, 2, 3, 4, 5], values=values, limits=(0, 10))
    assert table[:, 3].tolist() == [255, 255, FALSE_ALPHA, 0, 255], "tracked or not, but not without a value"
    assert table[[0, 1, 4], :3].tolist() == value_colors(np.array([0, 10, 10]), (0, 10)).tolist()
    assert table[2, :3].tolist() == [0, 0, 0], "a false detection stays black"
    assert (color_table(None, 0, [1], values=np.array([3.0]), limits=(3, 3))[0] == [124, 123, 120, 255]).all()


@pytest.mark.parametrize("matrix", BLINDNESS.values(), ids=BLINDNESS)
def test_colors_of_values_rise_in_lightness(matrix) -> None:
    lightness = see(value_colors(np.linspace(0, 1, 32), (0, 1)), matrix)[:, 0]
    assert (np.diff(lightness) > 1).all()


def test_limits_of_values() -> None:
    values = np.append(np.arange(101.0), [np.nan, np.inf])
    assert value_limits(values) == (1, 99)
    assert value_limits(np.array([np.nan])) == (0, 1)
