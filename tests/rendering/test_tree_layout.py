import numpy as np
import pytest

from nbtrack.data.lineage import Lineage
from nbtrack.rendering.tree_layout import Span, frame_ticks, lay_out_tree, lineages_around, place_tracks

# track 1 (frames 0 to 2) divides into 2 (3 to 5) and 3 (4 only); track 4 begins in frame 1, track 5 in frame 0
LINEAGE = Lineage.from_tables(
    [
        *((t, 1, 1) for t in range(3)),
        *((t, 2, 2) for t in range(3, 6)),
        (4, 3, 3),
        *((t, 4, 4) for t in range(1, 6)),
        *((t, 5, 5) for t in range(6)),
    ],
    [(2, 1, 2, 3)],
)


def test_children_stand_around_their_parent() -> None:
    assert place_tracks(LINEAGE, [1, 4]) == pytest.approx({2: 0, 3: 1, 1: 0.5, 4: 2.6})
    assert place_tracks(LINEAGE, []) == {}


def test_lines_connectors_and_stops() -> None:
    layout = lay_out_tree(LINEAGE, [1, 5, 4])
    assert layout.track_ids.tolist() == [2, 3, 1, 5, 4]
    x, y = layout.lines()
    assert x.tolist() == [[3, 5], [3.7, 4], [0, 2], [0, 5], [1, 5]], "a track of one frame is seen too"
    assert (y[:, 0] == layout.rows).all()
    assert (y[:, 1] == layout.rows).all()
    x, y = layout.connectors()
    np.testing.assert_array_equal(x, [2, 2, 3, np.nan, 2, 2, 4, np.nan])
    np.testing.assert_array_equal(y, [0.5, 0, 0, np.nan, 0.5, 1, 1, np.nan])
    x, y = layout.stops(5)
    np.testing.assert_array_equal(x, [4, 4, np.nan])
    assert y[:2].tolist() == [0.7, 1.3]


def test_empty_layout() -> None:
    layout = lay_out_tree(Lineage(), [])
    assert len(layout) == 0
    assert layout.lines()[0].shape == (0, 2)
    assert layout.connectors()[0].shape == layout.stops(5)[0].shape == (0,)
    assert layout.nearest(0, 0, t_reach=1, row_reach=1) is None
    assert layout.index_of(1) is None


def test_nearest_track_within_reach() -> None:
    layout = lay_out_tree(LINEAGE, [1, 5, 4])

    def nearest(t, row):
        return layout.nearest(t, row, t_reach=0.5, row_reach=0.4)

    assert nearest(1, 0.6) == 1
    assert nearest(4.2, 0.1) == 2
    assert nearest(4.2, 0.9) == 3
    assert nearest(5.4, 0.9) is None, "too far behind the end"
    assert nearest(1, 0.95) is None, "too far below"
    assert nearest(2.3, 0.5) == 1


def test_lineages_around_a_track() -> None:
    assert lineages_around(LINEAGE, 0, 100) == [1, 5, 4], "by first frame, then by id"
    assert lineages_around(LINEAGE, 5, 2) == [5, 4], "the lineage before is too large"
    assert lineages_around(LINEAGE, 2, 1) == [1], "that of the track in any case"
    assert lineages_around(LINEAGE, 0, 4) == [1, 5]
    assert lineages_around(Lineage(), 3, 4) == []
    many = Lineage.from_tables((0, i, i) for i in range(1, 100))
    assert lineages_around(many, 50, 5) == [48, 49, 50, 51, 52]
    assert lineages_around(many, 99, 3) == [97, 98, 99]


def test_zoom_keeps_the_point_in_place() -> None:
    whole = Span(0, 100)
    zoomed = whole.zoomed(2, 20, whole, least=4)
    assert zoomed == Span(10, 60)
    assert zoomed.zoomed(0.5, 20, whole, least=4) == whole
    assert zoomed.zoomed(1000, 20, whole, least=4).length == 4
    assert zoomed.zoomed(2, 90, whole, least=4) == Span(22.5, 47.5), "around the middle if the point is out of sight"
    assert Span(0, 3).zoomed(2, 1, Span(0, 3), least=4) == Span(0, 3), "what is short enough stays whole"


def test_moving_stays_inside() -> None:
    whole = Span(0, 100)
    assert Span(10, 30).moved(5, whole) == Span(15, 35)
    assert Span(10, 30).moved(-50, whole) == Span(0, 20)
    assert Span(10, 30).moved(500, whole) == Span(80, 100)
    assert Span(10, 30).reaching(25, whole) == Span(10, 30)
    assert Span(10, 30).reaching(50, whole) == Span(40, 60)
    assert Span(-5, 200).inside(whole) == whole


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (-0.5, 52.5, [0, 10, 20, 30, 40, 50]),
        (-0.5, 0.5, [0]),
        (3.2, 7.1, [4, 5, 6, 7]),
        (3.2, 3.4, []),
        (990, 1012, [990, 995, 1000, 1005, 1010]),
    ],
)
def test_ticks_are_round(low, high, ticks) -> None:
    assert frame_ticks(Span(low, high)) == ticks
