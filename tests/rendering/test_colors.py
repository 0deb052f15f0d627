import numpy as np
import pytest
from skimage.color import rgb2lab

from nbtrack.data.lineage import Lineage
from nbtrack.data.palette import PALETTE, track_colors
from nbtrack.errors import InputError
from nbtrack.rendering.colors import FALSE_ALPHA, OBJECT_COLOR, color_table, hex_color, track_color

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
    assert apart.min() > 10, "two track colours look alike"
    following = apart[np.arange(N), (np.arange(N) + 1) % N]
    assert following.min() > 13, "two tracks in a row look alike"
    yellow = see(np.array([OBJECT_COLOR]), matrix)
    assert np.linalg.norm(seen - yellow, axis=-1).min() > 10, "a track looks like a plain object"
    assert seen[:, 0].min() > 30, "a track is too dark for a dark image"


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
