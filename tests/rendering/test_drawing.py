import numpy as np
import pytest

from nbtrack.rendering.drawing import draw_badge, draw_crosshair, draw_ghost, draw_lines, draw_ring, draw_stroke

RED = np.array([[255, 0, 0]], np.uint8)


@pytest.fixture
def picture():
    return np.full((30, 40, 3), 100, np.uint8)


def test_line_from_end_to_end(picture) -> None:
    draw_lines(picture, np.array([[5.0, 5.0, 20.0, 30.0]]), RED, np.ones(1))
    assert picture[5, 5].tolist() == picture[20, 30].tolist() == [255, 0, 0]
    red = (picture == RED[0]).all(axis=-1)
    assert 2 * 25 <= red.sum() <= 4 * 26, "two pixels wide"
    assert (picture[4, 4] < 100).all(), "a dark border"
    assert (picture[25:] == 100).all()


def test_faint_lines_and_later_ones_on_top(picture) -> None:
    line = np.array([[10.0, 2.0, 10.0, 20.0]])
    draw_lines(picture, line, RED, np.array([0.5]))
    assert 150 < picture[10, 9, 0] < 200
    blue = np.array([[0, 0, 255]], np.uint8)
    draw_lines(picture, np.repeat(line, 2, axis=0), np.concatenate([RED, blue]), np.ones(2))
    assert picture[10, 9].tolist() == [0, 0, 255]


@pytest.mark.parametrize("segment", [(-9, -9, -5, -5), (50, 2, 90, 9), (5, -1e6, 5, -1e5), (np.nan, 1, 2, 3)], ids=str)
def test_lines_outside_leave_nothing(picture, segment) -> None:
    draw_lines(picture, np.array([segment], float), RED, np.ones(1))
    assert (picture == 100).all()


def test_lines_are_cut_at_the_border_and_may_be_points(picture) -> None:
    draw_lines(picture, np.array([[-5.0, 3.0, 60.0, 3.0], [8.0, 20.0, 8.0, 20.0]]), RED.repeat(2, axis=0), np.ones(2))
    assert (picture[:, 3] == RED[0]).all()
    assert picture[8, 20].tolist() == [255, 0, 0]
    draw_lines(picture, np.empty((0, 4)), RED[:0], np.empty(0))


def test_crosshair_is_open_in_the_middle(picture) -> None:
    draw_crosshair(picture, 15, 20, gap=3)
    assert picture[15, 0, 0] == picture[0, 20, 0] == 215
    assert (picture[12:19, 17:24] == 100).all()
    draw_crosshair(picture, -4, 400)


def test_badge_is_written_and_cut_off(picture) -> None:
    draw_badge(picture, 15, 20, "1")
    assert set(np.unique(picture)) == {0, 100, 255}
    assert (picture[0] == 100).all()
    other = np.full_like(picture, 100)
    draw_badge(other, 15, 20, "2")
    assert (other != picture).any()
    for place in ((0, 0), (29, 39), (-50, 5), (5, 99)):
        draw_badge(picture, *place, "first ☃")
    assert (np.full_like(picture, 100) != picture).any()


def test_ghost_is_dashed(picture) -> None:
    labels = np.zeros((30, 40), int)
    labels[5:25, 5:35] = 4
    draw_ghost(picture, labels)
    assert picture[10, 10].tolist() == [100] * 3
    assert set(np.unique(picture[4, 5:35])) == {48, 240}


def test_a_ring_is_drawn_around_a_place_and_cut_off_at_the_border() -> None:
    color = np.array([10, 200, 30], np.uint8)
    picture = np.full((40, 40, 3), 100, np.uint8)
    draw_ring(picture, 20, 20, color)
    assert (picture[20, 20] == 100).all(), "the object stays in sight"
    for y, x in ((20, 31), (20, 9), (31, 20), (9, 20)):
        assert (picture[y, x] == color).all()
    assert (picture[20, 32] == color).all() or (picture[20, 32] == 50).all(), "the dark border"
    for place in ((0, 0), (39, -5), (-100, 20)):
        draw_ring(picture, *place, color)
    assert picture.shape == (40, 40, 3)


def test_stroke_tints_what_the_brush_covers(picture) -> None:
    draw_stroke(picture, np.array([[15.0, 10.0], [15.0, 30.0]]), np.array([3.0, 3.0]), (255, 255, 255))
    assert (picture[15, 8:33] == 177).all(), "from end to end, with round caps"
    assert (picture[19:] == 100).all()
    draw_stroke(picture, np.array([[0.0, 0.0]]), np.array([2.0, 5.0]), (255, 0, 0))
    assert picture[0, 4, 0] > picture[0, 4, 1], "a flat brush, cut off at the border"
    assert (picture[4, 0] == 100).all()
