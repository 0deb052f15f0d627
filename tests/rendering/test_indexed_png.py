import io

import numpy as np
from matplotlib.image import imread

from nbtrack.rendering.indexed_png import GREYS, encode_indexed_png


def test_palette_and_transparency() -> None:
    palette = np.array([[0, 0, 0, 0], [255, 0, 0, 64], [0, 255, 0, 255]], np.uint8)
    indices = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
    picture = imread(io.BytesIO(encode_indexed_png(indices, palette)), format="png")
    np.testing.assert_array_equal((picture * 255).round().astype(int), palette[indices])


def test_greys() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (5, 7)).astype(np.uint8)
    picture = imread(io.BytesIO(encode_indexed_png(frame, GREYS)), format="png")
    np.testing.assert_array_equal((picture[..., 0] * 255).round().astype(int), frame)
