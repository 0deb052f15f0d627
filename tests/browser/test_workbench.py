"""The manual workbench as a person uses it: division, menu, runs, do it anyway, lists, help; keys stay in it."""

import nbformat
import pytest
from browserkit import equals, kernel, until
from canvaskit import Canvas

SOURCE = """import numpy as np
import nbtrack as nbt
labels = np.zeros((8, 120, 160), np.uint32)
for t in range(8):
    labels[t, 20:40, 20 + t : 40 + t] = 1
    if t < 4:
        labels[t, 70:94, 60:84] = 2
    else:
        labels[t, 70:94, 60 - t : 70 - t] = 2
        labels[t, 70:94, 74 + t : 84 + t] = 3
    labels[t, 20:40, 120:140] = 4
raw = (labels > 0) * np.uint8(120) + np.random.default_rng(0).integers(0, 20, labels.shape, dtype=np.uint8)
movie = nbt.Movie.from_array(raw, "tyx")
detections = nbt.detect(nbt.Movie.from_array(labels, "tyx"))
session = nbt.Session(movie, detections)
tracker = nbt.ManualTracker(session)
tracker"""

ONE, TWO, FOUR = (30, 30), (82, 62), (30, 130)
"""A place in objects 1 and 2, and in 4, that is theirs in all the frames in which it is clicked."""


@pytest.fixture
def workbench(open_notebook, request):
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(SOURCE)], metadata=metadata)
    page = open_notebook("workbench.ipynb", request.param, source=nbformat.writes(notebook))
    return Canvas(page, ".nbt-tracker")


@pytest.mark.parametrize("workbench", ["lab", "notebooks"], indirect=True)
def test_the_work_of_an_afternoon(workbench, tmp_path) -> None:
    canvas, page, root = workbench, workbench.page, workbench.root
    cells, dialogs = page.locator(".jp-Cell").count(), page.locator(".jp-Dialog").count()
    root.evaluate("e => e.scrollIntoView()")
    menu, steps = root.locator(".nbt-menu"), lambda: kernel(page, "len(session.history)")

    # a track, and a run from the menu at the pointer
    canvas.hover(*TWO)
    canvas.click(5, 5)
    page.keyboard.press("s")
    equals(lambda: kernel(page, "session.active_track"), 1)
    canvas.click(*TWO, button="right")
    until(menu.is_visible)
    assert "Object 2, frame 0: no track" in menu.inner_text()
    box, stage, place = menu.bounding_box(), root.locator(".nbt-stage").bounding_box(), canvas.place(*TWO)
    assert (box["x"], box["y"]) == pytest.approx(place, abs=3), "at the pointer"
    page.screenshot(path=str(tmp_path / "menu.png"))
    assert page.locator(".lm-Menu").count() == 0
    menu.get_by_role("button", name="Follow from here").click()
    equals(lambda: kernel(page, "session.lineage.objects_of(1)"), {str(t): 2 for t in range(4)})
    canvas.wait("t", 4)
    until(lambda: "It stopped in frame 3" in canvas.said())
    assert not menu.is_visible()
    page.screenshot(path=str(tmp_path / "candidates.png"))

    # undo takes the run back in one step
    page.keyboard.press("z")
    equals(lambda: kernel(page, "session.lineage.track_ids"), [])
    canvas.wait("t", 0)
    page.keyboard.press("Shift+Z")
    equals(lambda: kernel(page, "len(session.lineage.objects_of(1))"), 4)

    # it divides: d, then three clicks
    while canvas.data("t") != "3":
        before = int(canvas.data("t"))
        page.keyboard.press("ArrowRight")
        canvas.wait("t", before + 1)
    page.keyboard.press("d")
    until(lambda: "Click the object that divides" in canvas.said())
    for t, (y, x) in ((3, TWO), (4, TWO), (4, (82, 82))):
        canvas.wait("t", t)
        canvas.click(y, x)
        until(lambda t=t: kernel(page, "tracker.actions.mode") != ("parent" if t == 3 else "never"))
    equals(lambda: kernel(page, "list(session.lineage.divisions)"), [1])
    equals(lambda: kernel(page, "session.active_track"), 2)
    until(lambda: "Track 2 is active." in canvas.said())
    assert "# 1" in root.locator(".nbt-divisions").inner_text()

    # walking back over the division takes up the parent
    page.keyboard.press("ArrowLeft")
    equals(lambda: kernel(page, "session.active_track"), 1)
    page.keyboard.press("ArrowRight")
    equals(lambda: kernel(page, "session.active_track"), 2)

    # an object of another track is refused, and done anyway
    count = steps()
    page.keyboard.press("f")
    canvas.hover(82, 82)
    canvas.wait("hover", 3)
    page.keyboard.press("Escape")
    page.keyboard.press("f")
    until(lambda: "so it is not a false detection" in canvas.said())
    page.screenshot(path=str(tmp_path / "anyway.png"))
    root.get_by_role("button", name="Do it anyway").click()
    until(lambda: kernel(page, "session.lineage.is_false(4, 3)"))
    assert steps() == count + 1
    until(lambda: not root.get_by_role("button", name="Do it anyway").is_visible())
    page.keyboard.press("z")
    equals(lambda: kernel(page, "list(session.lineage.divisions)"), [1])

    # a double click on the list shows the division
    page.keyboard.press("Home")
    page.keyboard.press("s")
    row = root.locator(".nbt-divisions .nbt-events div[id]").first
    box = row.bounding_box()
    page.mouse.dblclick(box["x"] + box["width"] * 0.75, box["y"] + box["height"] / 2)
    equals(lambda: kernel(page, "[session.active_track, tracker.viewer.t]"), [1, 3])

    # help over the image
    canvas.node.focus()
    page.keyboard.press("?")
    until(root.locator(".nbt-help").is_visible)
    page.screenshot(path=str(tmp_path / "help.png"))
    assert root.locator(".nbt-help").evaluate("e => e.scrollHeight - e.clientHeight") <= 0
    page.keyboard.press("Escape")
    until(lambda: not root.locator(".nbt-help").is_visible())

    # the menu at the edge stays inside
    canvas.wait("t", 3)
    canvas.click(*FOUR, button="right")
    until(menu.is_visible)
    box = menu.bounding_box()
    assert stage["x"] <= box["x"] <= stage["x"] + stage["width"] + 1 - box["width"]
    canvas.click(100, 5)
    until(lambda: not menu.is_visible())

    # keys do not leak, nothing overflows
    for key in "qalux1234f":
        page.keyboard.press(key)
    for key in ("Escape", "Home", "End", "Delete", "ArrowUp", "ArrowDown"):
        page.keyboard.press(key)
    assert (page.locator(".jp-Cell").count(), page.locator(".jp-Dialog").count()) == (cells, dialogs)
    number = root.locator(".nbt-bar").nth(1).locator("input[type=number]").first
    until(lambda: [int(number.input_value()), int(canvas.data("t"))] == [kernel(page, "tracker.viewer.t")] * 2)
    for name in ("Log", "Film strip", "Semi-automatic", "Export", "Python"):
        root.get_by_role("button", name=name, exact=True).click()
        equals(lambda: kernel(page, "tracker._drawers.open_name"), name)
        parts = ", ".join(f".nbt-{part}" for part in ("view", "side", "box", "bar", "row", "drawer-row"))
        sizes = root.evaluate(
            """(root, parts) => [root, ...root.querySelectorAll(parts)].filter(e => e.clientWidth)
                 .map(e => [e.className, e.scrollWidth - e.clientWidth, e.clientWidth])""",
            parts,
        )
        assert [size for size in sizes if size[1] > 0 or size[2] > 900] == [], name
    assert kernel(page, "type(tracker.last_error).__name__") == "EditError"
