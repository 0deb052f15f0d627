"""A notebook with the workbench as a person uses it, in JupyterLab and in Notebook 7."""

import math

import nbformat
import pytest
from browserkit import equals, kernel, until
from canvaskit import Canvas

CELLS = (
    """import nbtrack as nbt
sample = nbt.sample("nuclei", size=(240, 320), n_frames=16)
detections = nbt.segment(sample.prediction, channel=1, size=(30, 5000))
session = nbt.Session(sample.raw, detections)""",
    """tracker = nbt.ManualTracker(session)
tracker""",
    """session.new_track()
session.follow(0, int(detections.table["object_id"].iloc[0]))""",
)
UNTRACKED = "not session.lineage.tracks_at({t}, int(r.object_id))"


@pytest.mark.parametrize("front", ["lab", "notebooks"])
def test_three_clicks_and_undo(open_notebook, front, tmp_path) -> None:
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    cells = [*map(nbformat.v4.new_code_cell, CELLS), *(nbformat.v4.new_markdown_cell("Text.\n\n" * 20) for _ in "ab")]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=metadata)
    page = open_notebook(f"manual_{front}.ipynb", front, source=nbformat.writes(notebook))
    canvas = Canvas(page, ".nbt-tracker")
    node = canvas.node
    cells, dialogs = page.locator(".jp-Cell").count(), page.locator(".jp-Dialog").count()

    # the cells below have tracked one nucleus; a new track, then three clicks
    canvas.root.get_by_role("button", name="New track").click()
    equals(lambda: kernel(page, "session.active_track"), 2)
    page.keyboard.press("q")  # the button has the focus, but the key is not for the notebook
    until(lambda: "There is no track 3" in canvas.said())
    page.keyboard.press("a")
    equals(lambda: kernel(page, "session.active_track"), 1)
    page.keyboard.press("q")
    equals(lambda: kernel(page, "session.active_track"), 2)
    clicked = {}
    for t in range(3):
        canvas.wait("t", t)
        object_id, y, x = canvas.inner_points(t, UNTRACKED.format(t=t))[1]
        canvas.hover(y, x)
        canvas.wait("hover", object_id)
        assert f"object {object_id}" in canvas.root.locator(".nbt-info").inner_text()
        before = canvas.color(y, x)
        canvas.click(y, x)
        clicked[str(t)] = object_id
        canvas.wait("t", t + 1)
    equals(lambda: kernel(page, "session.lineage.objects_of(2)"), clicked)
    equals(canvas.said, f"✓ Object {clicked['2']} in frame 2 is now in track 2.")
    page.screenshot(path=str(tmp_path / "three_clicks.png"))

    # the clicked object has the colour of the track, on the way back too
    page.keyboard.press("ArrowLeft")
    canvas.wait("t", 2)
    until(lambda: canvas.color(y, x) != before)
    page.screenshot(path=str(tmp_path / "on_the_way_back.png"))
    canvas.hover(y, x)
    equals(lambda: "track 2" in canvas.root.locator(".nbt-info").inner_text(), True)

    # undo takes one back, and keys stay in the image
    page.keyboard.press("z")
    del clicked["2"]
    equals(lambda: kernel(page, "session.lineage.objects_of(2)"), clicked)
    until(lambda: canvas.color(y, x) == before)
    for key in "eerraq":
        page.keyboard.press(key)
    equals(lambda: canvas.said(), "✓ Track 2 is active (frames 0 to 1).")
    page.keyboard.press("Shift+Z")
    equals(lambda: kernel(page, "len(session.lineage.objects_of(2))"), 3)
    page.keyboard.press("f")  # the object under the mouse is in a track
    until(lambda: "so it is not a false detection" in canvas.said())
    assert (page.locator(".jp-Cell").count(), page.locator(".jp-Dialog").count()) == (cells, dialogs)

    # the wheel: time with Shift, zoom with Ctrl where the mouse is, else the page scrolls
    canvas.wheel(100, "Shift")
    canvas.wait("t", 3)
    zoom, place = float(canvas.data("zoom")), canvas.place(y, x)
    for _ in range(4):
        canvas.wheel(-100, "Control")
    until(lambda: float(canvas.data("zoom")) == pytest.approx(zoom * math.exp(0.8), rel=1e-3))
    assert canvas.place(y, x) == pytest.approx(place, abs=1.5)
    steps = kernel(page, "len(session.history)")
    page.mouse.down()
    page.mouse.move(place[0] - 60, place[1] - 30, steps=3)
    page.mouse.up()
    until(lambda: canvas.place(y, x)[0] < place[0] - 20)
    assert kernel(page, "len(session.history)") == steps, "dragging is no click"
    page.screenshot(path=str(tmp_path / "zoomed.png"))
    canvas.root.locator(".nbt-zoom-button", has_text="Fit").click()
    until(lambda: float(canvas.data("zoom")) == pytest.approx(zoom, rel=1e-3))
    top = node.bounding_box()["y"]
    canvas.wheel(-120)
    until(lambda: node.bounding_box()["y"] != top)

    # right click opens our menu, not the notebook's own
    node.scroll_into_view_if_needed()
    canvas.click(y, x, button="right")
    until(canvas.root.locator(".nbt-menu").is_visible)
    until(lambda: canvas.said().startswith("Object "))
    assert page.locator(".lm-Menu").count() == 0
    assert kernel(page, "type(tracker.last_error).__name__") == "EditError"

    # nothing overflows
    sizes = canvas.root.evaluate(
        """root => [root, ...root.querySelectorAll('.nbt-view, .nbt-side, .nbt-box, .nbt-bar, .nbt-row')]
             .map(e => [e.className, e.scrollWidth - e.clientWidth, e.clientWidth])"""
    )
    assert [size for size in sizes if size[1] > 0 or size[2] > 900] == []


VOLUME = """import numpy as np
import nbtrack as nbt
sample = nbt.sample("nuclei_3d", size=(8, 64, 96), n_frames=4)
detections = nbt.detect(sample.labels)
session = nbt.Session(sample.raw, detections, sample.truth)
tracker = nbt.ManualTracker(session)
tracker"""


def test_slices_while_the_kernel_is_busy(open_notebook, tmp_path) -> None:
    cell = nbformat.v4.new_code_cell(VOLUME)
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata=metadata)
    page = open_notebook("volume.ipynb", "notebooks", scale=2, source=nbformat.writes(notebook))
    canvas = Canvas(page, ".nbt-tracker")
    box = canvas.node.bounding_box()
    assert canvas.node.evaluate("c => c.width") == pytest.approx(2 * box["width"], abs=2), "sharp on this screen"
    until(lambda: int(canvas.data("cached")) >= 6)  # fetched ahead: the other frames, and the slices beside

    # a click into the slice on screen reaches the object there
    canvas.wait("z", 4)
    y, x = kernel(page, "[int(i) for i in np.argwhere(detections.labels[0][4][20:50, 20:70])[0] + 20]")
    object_id = kernel(page, f"int(detections.labels[0][4][{y}, {x}])")
    canvas.click(y, x, button="right")
    equals(lambda: canvas.said(), f"Object {object_id}, frame 0: track {object_id}.")
    page.keyboard.press("Escape")
    until(lambda: not canvas.root.locator(".nbt-menu").is_visible())

    # everything that is here works without the kernel: it waits for a file meanwhile
    done = tmp_path / "done"
    wait = f"import os, time\nwhile not os.path.exists({str(done)!r}): time.sleep(0.02)"
    page.evaluate(
        "code => { window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute({code}) }", wait
    )
    canvas.hover(y, x)
    canvas.wait("hover", object_id)
    paints = int(canvas.data("paints"))
    canvas.wheel(100, "Shift")
    canvas.wait("t", 1)
    canvas.root.locator(".nbt-zoom-button").first.hover()
    canvas.wheel(100, "Shift")  # the buttons on the image are no hole in it
    canvas.wait("t", 2)
    page.keyboard.press("ArrowLeft")
    canvas.wait("t", 1)
    number = canvas.root.locator(".nbt-bar").nth(1).locator("input[type=number]").first
    number.fill("3")
    number.press("Enter")
    canvas.wait("t", 3)
    canvas.node.focus()
    page.keyboard.press("Space")
    canvas.wait("t", 0)
    canvas.wait("t", 1)
    page.keyboard.press("Space")
    assert int(canvas.data("paints")) > paints + 4
    done.touch()
    number = canvas.root.locator(".nbt-bar").nth(1).locator("input[type=number]").nth(1)
    number.fill("3")
    number.press("Enter")
    canvas.wait("z", 3)
    equals(lambda: kernel(page, "repr(tracker.last_error)"), "None")
    page.screenshot(path=str(tmp_path / "volume.png"))
