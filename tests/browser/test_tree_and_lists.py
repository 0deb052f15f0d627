"""The lineage tree and the lists of events under a real mouse, in JupyterLab and in Notebook 7."""

from functools import partial

import nbformat
import pytest
from browserkit import equals, kernel, until

SOURCE = """
from types import SimpleNamespace
import ipywidgets, pandas as pd
from nbtrack.data.lineage import Lineage
from nbtrack.editing.session import Session
from nbtrack.widgets.event_lists import DivisionList, MergerList
from nbtrack.widgets.lineage_tree import LineageTree
from nbtrack.widgets.messages import Messages

rows, divisions, following = [], [], 100
for root in range(1, 9):
    length = 8 + 5 * root % 13
    rows += [(t, root, root) for t in range(length)]
    divisions.append((length - 1, root, following, following + 1))
    for child in (following, following + 1):
        rows += [(t, child, child) for t in range(length, 34 + child % 7)]
    following += 2
rows += [(t, 60, 60) for t in range(40)] + [(t, 60, 61) for t in range(12, 15)]
detections = SimpleNamespace(n_frames=40, table=pd.DataFrame(
    sorted({(t, i) for t, i, _ in rows}), columns=["t", "object_id"]))
session = Session(None, detections, Lineage.from_tables(rows, divisions))
messages = Messages("")
heard = []

def select(track_id, t):
    session.select_track(track_id)
    heard.append(["select", track_id, t])
    show(t)

def goto(track_id, t):
    heard.append(["goto", track_id, t])
    show(t)

def show(t):
    divided.set_track(session.active_track)
    for each in trees:
        each.set_track(session.active_track)
        each.set_time(t)

calls = dict(guard=messages.guard, on_select=select, on_goto=goto)
divided, merged = DivisionList(session, **calls), MergerList(session, **calls)
trees = [LineageTree(session, n_frames=40, **calls) for _ in range(2)]
side = ipywidgets.VBox([divided.widget, merged.widget, trees[0].widget], layout={"width": "264px", "flex": "0 0 auto"})
trees[1].widget.layout.flex = "1 1 0"
ipywidgets.VBox([ipywidgets.HBox([side, trees[1].widget]), messages.widget])
"""

IN_SIGHT = """row => {
  const list = row.closest('.nbt-events').getBoundingClientRect(), { top, bottom } = row.getBoundingClientRect();
  return top >= list.top && bottom <= list.bottom }"""


class Tree:
    """One lineage tree on a page; `name` is its name in the kernel."""

    def __init__(self, page, name, index):
        self.page, self.name = page, name
        self.node = page.locator(".nbt-tree").nth(index)

    def place(self, track_id, share=0.5):
        """Page coordinates on the line of a track, as the browser has drawn it."""
        index = kernel(self.page, f"{self.name}._layout.index_of({track_id})")
        mark = self.node.locator(".svg-figure > g > g > g").nth(1)  # after the connectors
        box = mark.locator(".curve path.line").nth(index).evaluate(
            "p => { const r = p.getBoundingClientRect(); return [r.left, r.width, r.top + r.height / 2] }"
        )  # fmt: skip
        return box[0] + share * box[1], box[2]

    def width(self):
        return self.node.bounding_box()["width"]


@pytest.mark.parametrize("front", ["lab", "notebooks"])
def test_mouse_on_tree_and_lists(open_notebook, front, tmp_path) -> None:
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(SOURCE)], metadata=metadata)
    page = open_notebook("tree.ipynb", front, source=nbformat.writes(notebook))
    page.locator(".nbt-tree .curve path.line").first.wait_for(state="attached")
    page.locator(".nbt-tree").first.scroll_into_view_if_needed()
    mouse = page.mouse
    small, wide = Tree(page, "trees[0]", 0), Tree(page, "trees[1]", 1)
    assert small.width() < 250
    assert wide.width() > 500

    def heard():
        return kernel(page, "heard")

    def expect(*events):
        equals(heard, [list(event) for event in events])
        kernel(page, "heard.clear()")

    # rows: click, the number of a child, the check box, double click
    rows = page.locator(".nbt-divisions .nbt-events div[id]")
    row = rows.filter(has_text="# 3")
    row.click(position={"x": 190, "y": 11})
    expect(("select", 3, 9))
    row.get_by_text("# 105").click()
    expect(("select", 105, 10))
    equals(lambda: row.evaluate("r => getComputedStyle(r).boxShadow.includes('inset')"), True)
    heading = page.locator(".nbt-divisions .nbt-heading")
    page.locator(".nbt-divisions .nbt-events").hover()
    mouse.wheel(0, 44)  # the list scrolls, and stays where it is when a box is checked
    scrolled = "e => e.scrollTop"
    until(lambda: page.locator(".nbt-divisions .nbt-events").evaluate(scrolled) == 44)
    rows.nth(3).locator("input").click()
    equals(heading.inner_text, "Divisions (1 of 8 checked)")
    assert kernel(page, "[*session.checked_divisions]") == [1]
    until(lambda: rows.nth(3).locator("input").is_checked())
    assert page.locator(".nbt-divisions .nbt-events").evaluate(scrolled) == 44
    rows.nth(3).locator("input").click()
    equals(heading.inner_text, "Divisions (0 of 8 checked)")
    row.dblclick(position={"x": 190, "y": 11})
    expect(("select", 3, 9), ("select", 3, 9), ("goto", 3, 9))
    for track in (5, 8):  # the last row and the first: of a track that was chosen elsewhere it comes into sight
        kernel(page, f"divided.set_track({track})")
        chosen = rows.filter(has_text=f"# {track} →")
        until(partial(chosen.evaluate, IN_SIGHT))
    page.locator(".nbt-mergers .nbt-events div[id]").nth(1).dblclick()
    expect(("select", 60, 13), ("select", 60, 13), ("goto", 60, 13))

    # tracks: the mouse on a drawn line hits it, in a narrow and in a wide tree; the wheel is for the page
    for tree in (small, wide):
        mouse.click(*tree.place(60, 20 / 39))
        expect(("select", 60, 20))
        mouse.click(*tree.place(101, 0.001))
        expect(("select", 101, 13))
    mouse.dblclick(*small.place(106, 1))
    expect(("select", 106, 34), ("select", 106, 34), ("goto", 106, 34))
    page.evaluate("() => { window.addEventListener('wheel', e => { window.kept = e.defaultPrevented }) }")
    mouse.wheel(0, 10)
    equals(lambda: page.evaluate("() => window.kept"), False)
    page.screenshot(path=str(tmp_path / "selected.png"))

    # zoomed in, dragging pans by just so many pixels and is no click; then clicks meet the lines again
    page.locator(".nbt-box", has=small.node).get_by_role("button").nth(1).click()
    equals(lambda: kernel(page, "round(trees[0]._times.length)"), 25)
    start = until(lambda: small.place(106, 0.9))
    mouse.move(*start)
    mouse.down()
    until(lambda: kernel(page, "trees[0]._moves.watched_events"))
    mouse.move(start[0] + 12, start[1], steps=4)
    mouse.up()
    until(lambda: small.place(106, 0.9)[0] == pytest.approx(start[0] + 12, abs=0.5))
    assert heard() == []
    mouse.click(*small.place(106, 0.9))
    expect(("select", 106, 32))
    page.screenshot(path=str(tmp_path / "zoomed.png"))
    box = small.node.bounding_box()
    mouse.dblclick(box["x"] + 30, box["y"] + 2)
    equals(lambda: kernel(page, "trees[0]._times.length"), 40)
    assert kernel(page, "repr(messages.last_error)") == "None"
