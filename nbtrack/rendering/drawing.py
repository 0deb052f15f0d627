"""Lines and short texts drawn into a picture, with numpy only: tails, crosshair, badges, outlines of another frame."""

from __future__ import annotations

import itertools

import numpy as np

FONT_SCALE = 2
"""Pixels of the picture for one pixel of the letters."""
_GLYPHS = {
    " ": "00000", "-": "00700", ".": "00002", "?": "71202", "0": "75557", "1": "26227", "2": "71747", "3": "71717",
    "4": "55711", "5": "74717", "6": "74757", "7": "71111", "8": "75757", "9": "75717", "A": "25755", "B": "65656",
    "C": "34443", "D": "65556", "E": "74647", "F": "74644", "G": "34553", "H": "55755", "I": "72227", "J": "11152",
    "K": "55655", "L": "44447", "M": "57755", "N": "65555", "O": "25552", "P": "65644", "Q": "25563", "R": "65655",
    "S": "34216", "T": "72222", "U": "55557", "V": "55552", "W": "55775", "X": "55255", "Y": "55222", "Z": "71247",
}  # fmt: skip
"""Letters of 3 x 5 pixels: one octal digit a row, the highest bit at the left."""


def draw_lines(picture: np.ndarray, segments: np.ndarray, colors: np.ndarray, alphas: np.ndarray) -> None:
    """Draw straight lines, two pixels wide, with a dark border; later ones over earlier ones.

    Parameters
    ----------
    picture : ndarray of uint8, shape (y, x, 3)
        Drawn into; contiguous.
    segments : ndarray of float, shape (n, 4)
        Rows and columns of both ends: ``(y, x, y, x)``, pixel centres lie on integers. What is outside is left out.
    colors : ndarray of uint8, shape (n, 3)
        Red, green and blue of each.
    alphas : ndarray of float, shape (n,)
        Opacity of each.
    """
    height, width = picture.shape[:2]
    low = np.minimum(segments[:, :2], segments[:, 2:])
    high = np.maximum(segments[:, :2], segments[:, 2:])
    near = (high >= -2).all(axis=1) & (low <= (height + 1, width + 1)).all(axis=1)
    segments, colors, alphas = segments[near], colors[near], alphas[near]
    steps = np.ceil(np.abs(segments[:, 2:] - segments[:, :2]).max(axis=1, initial=0)).astype(np.intp) + 1
    which = np.repeat(np.arange(len(segments)), steps)
    step = np.arange(len(which)) - np.repeat(np.cumsum(steps) - steps, steps)
    part = (step / np.maximum(steps[which] - 1, 1))[:, None]
    points = np.floor(segments[which, :2] * (1 - part) + segments[which, 2:] * part + 0.5).astype(np.intp)
    for reach, paint, strength in ((np.arange(-1, 3), np.zeros_like(colors), 0.5), (np.arange(2), colors, 1.0)):
        rows, columns = np.broadcast_arrays(points[:, :1, None] + reach[:, None], points[:, 1:, None] + reach)
        shown = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        pixels = (rows * width + columns)[shown][::-1]
        pixels, last = np.unique(pixels, return_index=True)  # each is painted once, by the last line over it
        line = np.broadcast_to(which[:, None, None], shown.shape)[shown][::-1][last]
        flat = picture.reshape(-1, 3)
        alpha = (alphas[line] * strength)[:, None]
        flat[pixels] = (flat[pixels] * (1 - alpha) + paint[line] * alpha + 0.5).astype(np.uint8)


def draw_ring(picture: np.ndarray, y: float, x: float, color: np.ndarray, *, radius: float = 11.0) -> None:
    """Draw a ring with a dark border around a place.

    Parameters
    ----------
    picture : ndarray of uint8, shape (y, x, 3)
        Drawn into; what is outside is cut off.
    y, x : float
        The place in pixels.
    color : ndarray of uint8, shape (3,)
        Red, green and blue.
    radius : float, optional
        From the place to the middle of the ring.
    """
    reach = radius + 3
    rows, columns = (
        np.arange(max(0, int(at - reach)), max(0, min(size, int(at + reach) + 2)))
        for at, size in zip((y, x), picture.shape[:2], strict=True)
    )
    distance = np.abs(np.hypot(rows[:, None] - y, columns - x) - radius)
    part = picture[np.ix_(rows, columns)]
    part[distance < 2] = part[distance < 2] // 2
    part[distance < 1] = color
    picture[np.ix_(rows, columns)] = part


def draw_stroke(picture: np.ndarray, places: np.ndarray, radii: np.ndarray, color: tuple[int, int, int]) -> None:
    """Tint what a round brush covers on a way.

    Parameters
    ----------
    picture : ndarray of uint8, shape (y, x, 3)
        Drawn into; what is outside is cut off.
    places : ndarray of float, shape (n, 2)
        The way: rows and columns; the brush goes straight from each to the next.
    radii : ndarray of float, shape (2,)
        Of the brush, down and across.
    color : tuple of int
        Red, green and blue.
    """
    covered = np.zeros(picture.shape[:2], bool)
    for y, x in follow_way(places, max(float(radii.min()) / 2, 1.0)):
        rows, columns = (
            np.arange(max(0, int(at - r)), max(0, min(size, int(at + r) + 2)))
            for at, r, size in zip((y, x), radii, picture.shape[:2], strict=True)
        )
        inside = ((rows[:, None] - y) / radii[0]) ** 2 + ((columns - x) / radii[1]) ** 2 <= 1
        covered[np.ix_(rows, columns)] |= inside
    picture[covered] = picture[covered] // 2 + np.array(color, np.uint8) // 2


def follow_way(places: np.ndarray, step: float) -> np.ndarray:
    """Put places between the corners of a way.

    Parameters
    ----------
    places : ndarray of float, shape (n, ndim)
        Corners.
    step : float
        Distance of neighbours at most.

    Returns
    -------
    ndarray of float, shape (m, ndim)

    Examples
    --------
    >>> follow_way(np.array([[0.0, 0.0], [0.0, 4.0]]), 2.0).tolist()
    [[0.0, 0.0], [0.0, 2.0], [0.0, 4.0]]
    """
    parts = [places[:1]]
    for start, end in itertools.pairwise(places):
        n = max(1, int(np.ceil(np.linalg.norm(end - start) / step)))
        parts.append(start + (end - start) * (np.arange(1, n + 1) / n)[:, None])
    return np.concatenate(parts)


def draw_crosshair(picture: np.ndarray, y: float, x: float, *, gap: int = 10) -> None:
    """Draw a horizontal and a vertical line through a place, open in the middle.

    Parameters
    ----------
    picture : ndarray of uint8, shape (y, x, 3)
        Drawn into.
    y, x : float
        The place in pixels; it may lie outside.
    gap : int, optional
        Pixels left free around the place.
    """
    height, width = picture.shape[:2]
    row, column = round(y), round(x)
    rows = np.abs(np.arange(height) - row) > gap
    columns = np.abs(np.arange(width) - column) > gap
    if 0 <= row < height:
        picture[row, columns] = picture[row, columns] // 4 + 190
    if 0 <= column < width:
        picture[rows, column] = picture[rows, column] // 4 + 190


def draw_badge(picture: np.ndarray, y: float, x: float, text: str) -> None:
    """Write a short text in a black box with a white border.

    Parameters
    ----------
    picture : ndarray of uint8, shape (y, x, 3)
        Drawn into; what is outside is cut off.
    y, x : float
        Middle of the box.
    text : str
        Digits and letters; other characters become question marks.
    """
    bits = np.zeros((5, 4 * len(text) + 1), dtype=bool)
    for n, letter in enumerate(text.upper()):
        rows = [int(digit) for digit in _GLYPHS.get(letter, _GLYPHS["?"])]
        bits[:, 4 * n + 1 : 4 * n + 4] = np.array(rows)[:, None] & (4, 2, 1)
    letters = np.pad(bits, 1).repeat(FONT_SCALE, axis=0).repeat(FONT_SCALE, axis=1)
    box = np.pad(np.where(letters, 255, 0).astype(np.uint8), 1, constant_values=255)
    top, left = round(y) - box.shape[0] // 2, round(x) - box.shape[1] // 2
    height, width = picture.shape[:2]
    first, last = max(0, -top), min(box.shape[0], height - top)
    begin, end = max(0, -left), min(box.shape[1], width - left)
    if first < last and begin < end:
        picture[top + first : top + last, left + begin : left + end] = box[first:last, begin:end, None]


def draw_ghost(picture: np.ndarray, labels: np.ndarray) -> None:
    """Draw dashed outlines of the objects of another frame, light and dark in turn.

    Parameters
    ----------
    picture : ndarray of uint8, shape (y, x, 3)
        Drawn into.
    labels : ndarray of int, shape (y, x)
        The objects of the other frame.
    """
    edge = np.zeros(labels.shape, dtype=bool)
    edge[:-1] |= labels[1:] != labels[:-1]
    edge[:, :-1] |= labels[:, 1:] != labels[:, :-1]
    rows, columns = np.nonzero(edge)
    picture[rows, columns] = np.where((rows + columns) % 8 < 5, 240, 48).astype(np.uint8)[:, None]
