from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from nbtrack.data.lineage import Lineage
from nbtrack.editing.session import Session
from nbtrack.rendering.colors import hex_color
from nbtrack.widgets import lineage_tree
from nbtrack.widgets.lineage_tree import HEIGHT, MARGIN, LineageTree
from nbtrack.widgets.messages import Messages

# track 1 divides after frame 3 into 2 and 3; track 4 has a gap; objects 5 have no track
ROWS = [
    *((t, 1, 1) for t in range(4)),
    *((t, i, i) for i in (2, 3) for t in range(4, 10)),
    *((t, 4, 4) for t in (1, 2, 3, 8)),
]
WIDTH = 218  # 200 pixels are for 10 frames


@pytest.fixture
def session():
    rows = [*ROWS, *((t, 5, 0) for t in range(10))]
    table = pd.DataFrame(sorted((t, i) for t, i, _ in rows), columns=["t", "object_id"])
    return Session(None, SimpleNamespace(table=table, n_frames=10), Lineage.from_tables(ROWS, [(3, 1, 2, 3)]))


class Mouse:
    """A tree, what it said, and a mouse in it."""

    def __init__(self, session, n_frames=10, width=WIDTH):
        self.messages, self.said, self.width, self.buttons = Messages(), [], width, 0
        self.tree = LineageTree(
            session,
            guard=self.messages.guard,
            n_frames=n_frames,
            on_select=lambda *place: self.said.append(("select", *place)),
            on_goto=lambda *place: self.said.append(("goto", *place)),
        )

    def place(self, track_id, t):
        """Pixels of a frame of a track."""
        tree = self.tree
        x, y = tree._x_scale, tree._y_scale
        row = tree._layout.rows[tree._layout.index_of(track_id)]
        width = self.width - MARGIN["left"] - MARGIN["right"]
        height = HEIGHT - MARGIN["top"] - MARGIN["bottom"]
        return (
            MARGIN["left"] + (t - x.min) / (x.max - x.min) * width,
            MARGIN["top"] + (row - y.min) / (y.max - y.min) * height,
        )

    def send(self, kind, x, y, listener=None):
        self.buttons = {"mousedown": 1, "mouseup": 0}.get(kind, self.buttons)
        event = {"event": kind, "clientX": 50 + x, "clientY": 70 + y, "boundingRectLeft": 50, "boundingRectTop": 70}
        event |= {"boundingRectWidth": self.width, "boundingRectHeight": HEIGHT, "button": 0, "buttons": self.buttons}
        (listener or self.tree._clicks)._handle_mouse_msg(None, event, [])

    def click(self, x, y):
        for kind in ("mousedown", "mouseup", "click"):
            self.send(kind, x, y)

    def double_click(self, x, y):
        self.click(x, y)
        self.click(x, y)
        self.send("dblclick", x, y)

    def drag(self, from_x, from_y, by_x, by_y):
        self.send("mousedown", from_x, from_y)
        assert self.tree._moves.watched_events == ["mousemove"]
        self.send("mousemove", from_x + by_x / 2, from_y + by_y / 2, self.tree._moves)
        for kind in ("mouseup", "click"):
            self.send(kind, from_x + by_x, from_y + by_y)
        assert self.tree._moves.watched_events == []

    @property
    def in_sight(self):
        return self.tree._x_scale.min, self.tree._x_scale.max

    @property
    def note(self):
        return self.tree._note.value.partition(">")[2].partition("<")[0]


@pytest.fixture
def mouse(session):
    return Mouse(session)


def family(n):
    """Tracks 1 to n in lineages of three: frames 0 to 4, then 5 to 9."""
    rows = [(t, i, i) for i in range(1, n + 1) for t in (range(5) if i % 3 == 1 else range(5, 10))]
    return SimpleNamespace(
        lineage=Lineage.from_tables(rows, [(4, i, i + 1, i + 2) for i in range(1, n, 3)]), active_track=0
    )


def test_what_is_drawn(mouse) -> None:
    tree = mouse.tree
    assert tree._layout.track_ids.tolist() == [2, 3, 1, 4]
    assert tree._lines.colors == [hex_color(i) for i in (2, 3, 1, 4)]
    assert np.isnan(tree._links.x).sum() == 2 + 1, "two connectors, and a bar where track 4 is lost"
    assert tree._y_scale.reverse
    assert mouse.in_sight == (-0.5, 9.5)
    assert tree._axis.tick_values.tolist() == [0, 2, 4, 6, 8]
    assert mouse.note == "4 tracks, 1 division"
    assert not tree._active.visible
    assert not tree._number.visible


def test_clicks_select_and_go(mouse) -> None:
    mouse.click(*mouse.place(1, 2))
    mouse.click(*mouse.place(3, 7.3))
    mouse.click(*mouse.place(4, 5))
    mouse.click(*mouse.place(4, 6.2))
    x, y = mouse.place(2, 9.3)
    mouse.click(x, y + 4)
    assert mouse.said == [("select", 1, 2), ("select", 3, 7), ("select", 4, 3), ("select", 4, 8), ("select", 2, 9)]
    mouse.said.clear()
    mouse.double_click(*mouse.place(2, 5))
    assert mouse.said == [("select", 2, 5), ("select", 2, 5), ("goto", 2, 5)]
    mouse.said.clear()
    mouse.click(*mouse.place(2, 1))
    assert mouse.said == [], "nothing is there"
    assert mouse.messages.last_error is None


def test_clicks_meet_at_any_width(session) -> None:
    mouse = Mouse(session, width=900)
    mouse.tree.set_track(2)
    mouse.tree._zoom(1.6)
    mouse.click(*mouse.place(2, 5))
    assert mouse.said == [("select", 2, 5)]


def test_drag_moves_and_is_no_click(mouse) -> None:
    mouse.tree.set_time(5)
    mouse.tree._zoom(2)
    low, high = mouse.in_sight
    assert (low, high) == (2.25, 7.25)
    start = mouse.place(2, 5)
    mouse.drag(*start, 40, 0)
    assert mouse.in_sight == pytest.approx((low - 1, high - 1)), "a pixel is 1/40 frame"
    assert mouse.said == []
    assert mouse.place(2, 5)[0] == pytest.approx(start[0] + 40), "what was grabbed stays under the mouse"
    mouse.drag(*start, -5000, 0)
    assert mouse.in_sight == (4.5, 9.5)
    mouse.click(*mouse.place(2, 6))
    assert mouse.said == [("select", 2, 6)], "after a drag a click is a click"
    mouse.double_click(*mouse.place(4, 6.8)[:1], 0)
    assert mouse.in_sight == (-0.5, 9.5), "a double click beside the tracks shows all"
    assert mouse.messages.last_error is None


def test_drag_ends_outside_the_figure(mouse) -> None:
    mouse.tree._zoom(2)
    mouse.send("mousedown", 100, 50)
    mouse.buttons = 0
    mouse.send("mousemove", 60, 50, mouse.tree._moves)
    assert mouse.tree._moves.watched_events == []
    before = mouse.in_sight
    mouse.send("mousemove", 20, 50, mouse.tree._moves)
    assert mouse.in_sight == before


def test_time_moves_the_bar_only(mouse) -> None:
    tree = mouse.tree
    sent = []
    for mark in (tree._lines, tree._links, tree._active, tree._x_scale, tree._y_scale):
        mark.observe(sent.append)
    tree.set_time(7)
    assert tree._cursor.x.tolist() == [7, 7]
    assert sent == []
    tree._zoom(2)
    tree.set_time(1)
    low, high = mouse.in_sight
    assert low <= 1 <= high, "zoomed in, it is followed"


def test_active_track_is_thick_with_its_number(mouse) -> None:
    tree = mouse.tree
    tree.set_track(4)
    assert tree._active.visible
    assert tree._active.x.tolist() == [1, 8]
    assert tree._active.colors == [hex_color(4)]
    assert (tree._number.text.tolist(), tree._number.align) == (["4"], "middle"), "no room at the end"
    tree.set_track(1)
    assert (tree._number.x.tolist(), tree._number.align) == ([3], "start")
    tree.set_track(0)
    assert not tree._active.visible
    assert not tree._number.visible


def test_refresh_only_when_the_tree_changes(mouse, session) -> None:
    tree = mouse.tree
    drawn = []
    tree._lines.observe(lambda change: drawn.append(change["name"]))
    session.mark_false(1, 5)
    session.assign(5, 5, 4)
    tree.refresh()
    assert drawn == [], "a gap was filled: no end has moved"
    session.assign(9, 5, 4)
    tree.refresh()
    assert drawn == ["x"], "the track is longer, nothing else"
    session.undivide(1)
    tree.refresh()
    assert tree._layout.track_ids.tolist() == [1, 4, 2, 3], "roots by first frame, then by id"
    assert mouse.note == "4 tracks, 0 divisions"


def test_one_lineage(mouse, session) -> None:
    tree = mouse.tree
    tree.scope = "lineage"
    assert len(tree._layout) == 0
    assert not tree._lines.visible
    assert mouse.note == "Choose a track to see its lineage."
    tree.set_track(3)
    assert tree._layout.track_ids.tolist() == [2, 3, 1]
    assert mouse.note == "3 of 4 tracks: the lineage of track 1"
    rows = tree._layout
    tree.set_track(2)
    assert tree._layout is rows, "the same lineage is not laid out again"
    tree.set_track(4)
    assert tree._layout.track_ids.tolist() == [4]
    tree.set_track(99)
    assert len(tree._layout) == 0, "a track that was only started"
    tree.scope = "all"
    assert len(tree._layout) == 4


def test_empty_session() -> None:
    mouse = Mouse(SimpleNamespace(lineage=Lineage(), active_track=0), n_frames=1)
    assert mouse.note == "No track yet."
    mouse.double_click(50, 50)
    mouse.tree.set_time(0)
    mouse.tree._zoom(2)
    assert mouse.said == []
    assert mouse.messages.last_error is None


def test_many_tracks_begin_with_one_lineage() -> None:
    assert Mouse(family(60)).tree.scope == "all"
    assert Mouse(family(63)).tree.scope == "lineage"


def test_too_many_rows_are_shown_in_part() -> None:
    session = family(300)
    session.active_track = 200
    mouse = Mouse(session)
    tree = mouse.tree
    tree.scope = "all"
    assert len(tree._layout) == 300
    assert tree._rows.length == 60
    assert tree._rows.low < tree._layout.rows[tree._layout.index_of(200)] < tree._rows.high
    tree.set_track(10)
    assert tree._rows.low < tree._layout.rows[tree._layout.index_of(10)] < tree._rows.high
    tree._zoom(0.01)
    assert tree._rows == tree._all_rows
    tree._zoom(1000)
    assert tree._rows.length == pytest.approx(8)
    mouse.drag(100, 100, 0, 100_000)
    assert tree._rows.low == tree._all_rows.low
    assert mouse.messages.last_error is None


def test_too_many_tracks_show_those_near_the_active_one(monkeypatch) -> None:
    monkeypatch.setattr(lineage_tree, "TRACKS_DRAWN", 9)
    session = family(90)
    session.active_track = 31
    mouse = Mouse(session)
    mouse.tree.scope = "all"
    assert sorted(mouse.tree._layout.track_ids) == [*range(28, 37)]
    assert mouse.note == "9 of 90 tracks: those near the active one"
    layout = mouse.tree._layout
    mouse.tree.set_track(36)
    assert mouse.tree._layout is layout, "nothing jumps while the track is there"
    mouse.tree.set_track(99)
    assert mouse.tree._layout is layout, "neither for a track that was only started"
    mouse.tree.set_track(1)
    assert sorted(mouse.tree._layout.track_ids) == [*range(1, 10)]


def test_shows_itself(mouse) -> None:
    assert "application/vnd.jupyter.widget-view+json" in mouse.tree._repr_mimebundle_()
    assert mouse.tree.snapshot().data.startswith(b"\x89PNG")
    assert repr(mouse.tree).startswith("<LineageTree of <Session")
    assert "set_time" in dir(mouse.tree)
    assert all(hasattr(mouse.tree, name) for name in dir(mouse.tree))
