"""Axes: letters are checked in words, and the layout agrees with numpy on every order."""

from itertools import permutations

import numpy as np
import pytest

from nbtrack.data.axes import Layout, check_axes, plain_axes
from nbtrack.errors import InputError


@pytest.mark.parametrize(
    ("axes", "shape", "words"),
    [
        (3, (5, 6, 7), "`axes` must be a string like 'tyx', got 3"),
        ("tyx", (5, 6, 7, 8), r"'tyx', 3 letters, but the data have 4 dimensions of shape \(5, 6, 7, 8\)"),
        ("tyq", (5, 6, 7), "the unknown letter 'q'. Use t"),
        ("tyxy", (5, 6, 7, 8), "a letter stands twice"),
        ("tyc", (5, 6, 7), "needs y and x"),
        ("tzx", (5, 6, 7), "needs y and x"),
        ("zyx", (5, 6, 7), "without a time axis t. If z is time here, read it with axes='tyx'"),
        ("yxc", (5, 6, 7), "If c is time here, read it with axes='yxt'"),
        ("yx", (6, 7), "Give a stack of frames, or a series of files"),
        ("tyx", (0, 6, 7), "a length is 0. Give at least one frame"),
    ],
)
def test_wrong_axes_are_told(axes: str, shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(InputError, match=words):
        check_axes(axes, shape)


def test_letters_may_be_capital() -> None:
    assert check_axes("TZYXC", (1, 2, 3, 4, 5)) == "tzyxc"


def test_plain_array_of_three_dimensions_is_a_movie_in_2d() -> None:
    assert plain_axes((5, 6, 7), "`a.npy`") == "tyx"
    with pytest.raises(InputError, match=r"The axes of `a.npy` of shape \(2, 3, 4, 5\) are not known. .*tzyx"):
        plain_axes((2, 3, 4, 5), "`a.npy`")
    with pytest.raises(InputError, match="for instance axes='tyx'"):
        plain_axes((4, 5), "`a.npy`")


@pytest.mark.parametrize("lengths", [{"z": 4, "c": 2}, {"z": 1, "c": 2}, {"z": 4, "c": 1}, {"z": 1, "c": 1}])
def test_every_order_gives_the_same_frames(lengths: dict[str, int]) -> None:
    lengths = {"t": 3, "y": 5, "x": 6} | lengths
    canonical = np.arange(np.prod(list(lengths.values()))).reshape([lengths[a] for a in "tzyxc"])
    single = tuple(i for i, a in enumerate("tzyxc") if a in "zc" and lengths[a] == 1)
    expected = canonical.squeeze(axis=single)
    for order in permutations("tzyxc"):
        stored = canonical.transpose(["tzyxc".index(a) for a in order])
        layout = Layout("".join(order), stored.shape)
        assert layout.shape == expected.shape
        index = layout.index(2)
        np.testing.assert_array_equal(layout.arrange(stored[index], index), expected[2])
        if "c" in layout.axes:
            index = layout.index(1, 1)
            np.testing.assert_array_equal(layout.arrange(stored[index], index), expected[1, ..., 1])
