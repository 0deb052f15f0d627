"""Both image views in JupyterLab, Notebook 7 and Voila: the same hands, and only what can be read off the page."""

import nbformat
import pytest
from browserkit import equals, until

MOVIE = """import numpy as np
import nbtrack as nbt
labels = np.zeros((5, 60, 80), np.uint32)
for t in range(5):
    for i, (y, x) in enumerate([(8, 8), (8, 50), (35, 20)], start=1):
        labels[t, y : y + 12, x + t : x + t + 12] = i
raw = nbt.Movie.from_array((labels > 0) * 120 + 40 + np.arange(80), "tyx")
session = nbt.Session(raw, nbt.detect(nbt.Movie.from_array(labels, "tyx")))
tracker = nbt.ManualTracker(session, backend="{backend}")
tracker"""
SIZE = (60, 80)
MIDDLE = {1: (14, 14), 2: (14, 56), 3: (41, 26)}
"""A pixel inside each object in every frame."""


class Person:
    """Mouse and keys over the image of a page, and what the page says."""

    def __init__(self, page):
        self.page, self.root = page, page.locator(".nbt-tracker")
        self.node = self.root.locator("canvas.nbt-canvas, .nbt-pad").first
        self.node.wait_for()
        self.node.scroll_into_view_if_needed()

    def move(self, object_id):
        box, (height, width), (y, x) = self.node.bounding_box(), SIZE, MIDDLE[object_id]
        scale = min(box["width"] / width, box["height"] / height)
        middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.move(middle[0] + (x + 0.5 - width / 2) * scale, middle[1] + (y + 0.5 - height / 2) * scale)
        until(lambda: f"object {object_id} " in self.info())

    def click(self, button="left"):
        self.page.mouse.down(button=button)
        self.page.mouse.up(button=button)

    def wheel(self, delta, key=None):
        if key:
            self.page.keyboard.down(key)
        self.page.mouse.wheel(0, delta)
        if key:
            self.page.keyboard.up(key)

    def info(self):
        return " ".join(self.root.locator(".nbt-info").all_inner_texts())

    def said(self):
        return self.root.locator(".nbt-said").inner_text()

    @property
    def number(self):
        return self.root.locator(".nbt-bar").nth(1).locator("input[type=number]").first

    def frame(self):
        return int(self.number.input_value())


@pytest.fixture
def open_page(open_notebook, chromium, server):
    """Open a notebook in any front end; Voila has no notebook application to ask."""
    url, root = server
    contexts = []

    def open_one(name, front, source):
        if front != "voila":
            return open_notebook(name, front, source=source)
        (root / name).write_text(source)
        contexts.append(chromium.new_context(viewport={"width": 1300, "height": 1000}))
        page = contexts[-1].new_page()
        page.goto(f"{url}/voila/render/{name}", timeout=120_000)
        page.locator(".nbt-tracker").wait_for(timeout=120_000)
        return page

    yield open_one
    for context in contexts:
        context.close()


@pytest.mark.parametrize("backend", ["canvas", "image"])
@pytest.mark.parametrize("front", ["lab", "notebooks", "voila"])
def test_track_an_object(open_page, front, backend, tmp_path) -> None:
    cells = [nbformat.v4.new_code_cell(MOVIE.replace("{backend}", backend))]
    cells.append(nbformat.v4.new_markdown_cell("\n\n".join(f"line {n}" for n in range(60))))
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    source = nbformat.writes(nbformat.v4.new_notebook(cells=cells, metadata=metadata))
    page = open_page(f"{front}_{backend}.ipynb", front, source)
    person = Person(page)
    before = page.locator(".jp-Cell").count(), page.locator(".jp-Dialog").count()

    # a track, and an object into it in three frames
    person.move(1)
    person.root.get_by_role("button", name="New track").click()
    until(lambda: "Track 1 is started" in person.said())
    page.keyboard.press("a")  # the button has the focus, but the key is not for the notebook
    until(lambda: "There is no track" in person.said())
    for t in range(3):
        equals(person.frame, t)
        person.move(3)
        person.click()
        until(lambda t=t: f"Object 3 in frame {t} is now in track 1" in person.said())
        equals(person.frame, t + 1)
    page.screenshot(path=str(tmp_path / "tracked.png"))

    # controls and view are linked both ways
    page.keyboard.press("Space")
    until(lambda: person.frame() != 3)
    page.keyboard.press("Space")
    person.root.locator("button[title^=Play] .fa-play").wait_for()
    for t, text in ((4, "no track"), (2, "track 1")):  # read off the image, so the kernel knows as well
        person.number.fill(str(t))
        person.number.press("Enter")
        until(lambda text=text: f"·  {text}" in person.info())
    person.node.focus()
    page.keyboard.press("ArrowRight")
    equals(person.frame, 3)
    page.keyboard.down("Shift")
    person.click()
    page.keyboard.up("Shift")
    until(lambda: "has no track" in person.said())

    # keys act, and none reaches the notebook; those that the image does not know neither
    page.keyboard.press("ArrowLeft")
    equals(person.frame, 2)
    until(lambda: "track 1" in person.info())
    page.keyboard.press("z")
    until(lambda: "no track" in person.info())
    page.keyboard.press("Control+y")
    until(lambda: "track 1" in person.info())
    for key in ("b", "m", "y", "c", "v", "Enter", "Escape"):
        page.keyboard.press(key)
    page.keyboard.press("End")
    until(lambda: page.locator(".jp-Dialog").count() == before[1])
    assert page.locator(".jp-Cell").count() == before[0]

    # the wheel: time with Shift, else the page scrolls
    frame = person.frame()
    person.wheel(-100, "Shift")
    equals(person.frame, frame - 1)
    top = person.node.bounding_box()["y"]
    person.wheel(100)
    until(lambda: person.node.bounding_box()["y"] < top - 20)
    equals(person.frame, frame - 1)

    # zoom where the mouse is, a drag is no click, and all comes back
    person.node.scroll_into_view_if_needed()
    person.move(2)
    scale = person.root.locator(".nbt-scale")
    fitting = scale.inner_text()
    for _ in range(4):
        person.wheel(-100, "Control")
    until(lambda: scale.inner_text() != fitting)
    until(lambda: "object 2 " in person.info())
    said = person.said()
    page.mouse.down()
    box = person.node.bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 300, steps=5)
    page.mouse.up()
    page.screenshot(path=str(tmp_path / "zoomed.png"))
    person.root.locator(".nbt-zoom-button").last.click()
    equals(scale.inner_text, fitting)
    assert person.said() == said

    # the menu of the object instead of the menu of the notebook
    person.move(2)
    person.click(button="right")
    menu = person.root.locator(".nbt-menu-title")
    until(lambda: menu.is_visible() and "Object 2, frame" in menu.inner_text())
    assert page.locator(".lm-Menu").count() == 0
    page.screenshot(path=str(tmp_path / "menu.png"))
    page.keyboard.press("Escape")
    until(lambda: not menu.is_visible())


def test_typing_in_a_cell_is_not_swallowed(open_page) -> None:
    cells = [nbformat.v4.new_code_cell(MOVIE.replace("{backend}", "image")), nbformat.v4.new_code_cell("")]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    source = nbformat.writes(nbformat.v4.new_notebook(cells=cells, metadata=metadata))
    page = open_page("typing.ipynb", "notebooks", source)
    person = Person(page)
    person.move(1)
    person.click()  # the keys are the image's
    editor = page.locator(".jp-Cell .cm-content").last
    editor.click()
    person.move(2)  # but the mouse alone does not bring them back
    page.keyboard.type("a = sqz")
    equals(editor.inner_text, "a = sqz")
