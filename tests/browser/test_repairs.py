"""A person repairs objects in the proofreader: seeds, clicks, keys and the brush, in both front ends."""

import nbformat
import pytest
from browserkit import equals, kernel, until
from canvaskit import Canvas
from personkit import Person

CODE = """import numpy as np
import nbtrack as nbt
y, x = np.mgrid[:80, :110]
def disc(a, b, r=9):
    return (y - a) ** 2 + (x - b) ** 2 <= r * r
labels = np.zeros((5, 80, 110), np.uint32)
hills = np.zeros((5, 80, 110), np.float32)
for t in range(5):
    for i, (a, b) in enumerate([(20, 22 + t), (20, 38 + t), (58, 30), (58, 80)], start=1):
        labels[t][disc(a, b)] = i
        hills[t] = np.maximum(hills[t], np.exp(-((y - a) ** 2 + (x - b) ** 2) / 90))
labels[2][labels[2] == 2] = 1                        # two cells under one mask
labels[3][(labels[3] == 3) & (x > 30)] = 5           # a cell in two pieces
labels[1][disc(40, 95, 4)] = 6                       # dirt
labels[4][labels[4] == 4] = 0                        # a missed cell
raw = nbt.Movie.from_array(np.round(hills * 180 + 30).astype(np.uint8), "tyx")
detections = nbt.detect(nbt.Movie.from_array(labels, "tyx"))
result = nbt.track(detections, nbt.TrackingParams(size_range=(1, 10**6)))
tracker = nbt.Proofreader(nbt.Session(raw, detections, result), prediction=nbt.Movie.from_array(hills, "tyx"))
tracker"""


def ids(page, t):
    return kernel(page, f"sorted(map(int, tracker.session._objects[{t}]))")


def size(page, t, object_id):
    return kernel(page, f"int((np.asarray(tracker.session.detections.labels[{t}]) == {object_id}).sum())")


@pytest.mark.parametrize("front", ["lab", "notebooks"])
def test_repairs_by_mouse_and_keys(open_notebook, tmp_path, front) -> None:
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    cell = nbformat.v4.new_code_cell(CODE)
    source = nbformat.writes(nbformat.v4.new_notebook(cells=[cell], metadata=metadata))
    page = open_notebook(f"repairs_{front}.ipynb", front, source=source)
    canvas = Canvas(page, ".nbt-proofreader")
    person, root = Person(canvas), page.locator(".nbt-proofreader")
    mode = root.locator(".nbt-mode")
    until(lambda: kernel(page, "not tracker._busy"))

    def shot(name):
        root.screenshot(path=str(tmp_path / f"{front}_{name}.png"))

    def drag(*points, shot_at=None):
        page.mouse.move(*canvas.place(*points[0]))
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*canvas.place(*point), steps=6)
        if shot_at:
            shot(shot_at)
        page.mouse.up()

    # the help over the image lists the tools
    canvas.click(20, 24)
    page.keyboard.press("?")
    until(lambda: "split an object by clicked seeds" in root.locator(".nbt-help").inner_text())
    shot("1_help")
    page.keyboard.press("Escape")

    # split by a key, two seeds, Enter
    person.go(2)
    page.keyboard.press("s")
    until(lambda: mode.is_visible() and "click the middle of each part" in mode.inner_text())
    canvas.click(20, 22)
    canvas.click(20, 42)
    until(lambda: "2 parts, Enter splits it" in mode.inner_text())
    shot("2_split")
    page.keyboard.press("Enter")
    equals(lambda: ids(page, 2), [1, 3, 4, 5])
    until(lambda: not mode.is_visible())
    assert kernel(page, "tracker.session.lineage.tracks_at(2, 1) != tracker.session.lineage.tracks_at(2, 5)")
    until(lambda: canvas.color(20, 22) != canvas.color(20, 42))

    # merge two pieces by the button, two clicks, Apply
    person.go(3)
    root.get_by_role("button", name="Merge").click()
    canvas.click(58, 26)
    canvas.click(58, 36)
    until(lambda: "Enter merges them" in mode.inner_text())
    shot("3_merge")
    root.get_by_role("button", name="Apply").click()
    equals(lambda: ids(page, 3), [1, 2, 3, 4])

    # delete what is under the mouse
    person.go(1)
    canvas.hover(40, 95)
    canvas.wait("hover", 6)
    page.keyboard.press("Delete")
    equals(lambda: ids(page, 1), [1, 2, 3, 4])

    # add a missed one by a click
    person.go(4)
    page.keyboard.press("a")
    until(lambda: "of the prediction map" in mode.inner_text())
    canvas.click(58, 80)
    equals(lambda: ids(page, 4), [1, 2, 3, 4])
    until(lambda: canvas.color(58, 80)[1:] != canvas.color(40, 60)[1:])
    assert 60 < size(page, 4, 4) < 400

    # the brush: a preview while it is dragged, the object afterwards
    before, dark = size(page, 4, 3), canvas.color(58, 50)
    page.keyboard.press("p")
    until(lambda: "press on an object and drag" in mode.inner_text())
    drag((58, 34), (58, 42), (58, 50), shot_at="4_brush")
    until(lambda: size(page, 4, 3) > before + 30)
    until(lambda: canvas.color(58, 48) != dark)
    painted = size(page, 4, 3)
    page.keyboard.press("Shift+p")
    until(lambda: "Erase" in mode.inner_text())
    drag((58, 36), (58, 50))
    until(lambda: size(page, 4, 3) < painted)
    page.keyboard.press("z")
    equals(lambda: size(page, 4, 3), painted)
    shot("5_erased_and_undone")
    page.keyboard.press("z")
    equals(lambda: size(page, 4, 3), before)
    page.keyboard.press("Escape")
    until(lambda: not mode.is_visible())
    equals(lambda: canvas.color(58, 50), dark)

    # all five repairs can be undone and done again
    page.keyboard.press("z")
    equals(lambda: len(ids(page, 4)), 3)
    page.keyboard.press("Shift+z")
    equals(lambda: ids(page, 4), [1, 2, 3, 4])
    until(lambda: kernel(page, "not tracker._busy and tracker._judged_objects is tracker.session.detections"))
    shot("6_end")
    assert kernel(page, "tracker.meter.actions") == 6
    assert kernel(page, "tracker.last_error is None")
    assert (
        kernel(page, "[len(tracker.session.lineage.objects_of(i)) for i in tracker.session.lineage.track_ids]")
        == [5] * 4
    )
