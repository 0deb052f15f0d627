"""From two files to tracked objects as a person goes, in JupyterLab and in Notebook 7."""

import nbformat
import pytest
from browserkit import equals, kernel, until

CODE = """import json, h5py, numpy as np
import nbtrack as nbt
sample = nbt.sample("shapes")
for name, movie, axes in (("raw", sample.raw, "zyx"), ("prediction", sample.prediction, "tyxc")):
    with h5py.File(f"{FRONT}_{name}.h5", "w") as file:
        file["data"] = np.stack(list(movie))
        file["data"].attrs["axistags"] = json.dumps({"axes": [{"key": letter} for letter in axes]})
app = nbt.App(f"{FRONT}_project")
app"""


@pytest.mark.parametrize("front", ["lab", "notebooks"])
def test_load_threshold_apply_track_and_be_asked(open_notebook, front, tmp_path) -> None:
    cell = nbformat.v4.new_code_cell(f"FRONT = {front!r}\n{CODE}")
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata=metadata)
    page = open_notebook(f"panels_{front}.ipynb", front, source=nbformat.writes(notebook))
    app = page.locator(".nbt-app")
    app.wait_for()

    def said():
        return app.locator(".nbt-said:visible").first.inner_text()

    def button(name):
        return app.get_by_role("button", name=name)

    # a tab that is not ready says what to do first, and leads there
    app.get_by_role("tab", name="Threshold").click()
    app.get_by_text("First load the raw images and a prediction map.").wait_for()
    button("Go to Input").click()

    # both files by their paths; the axes of one have to be changed
    for number, name in enumerate(("raw", "prediction")):
        slot = app.locator(".nbt-panel .nbt-box").nth(number)
        slot.locator("input[type=text]").first.fill(f"{front}_{name}.h5")
        slot.get_by_role("button", name="Load").click()
        if name == "raw":
            until(lambda: "If z is time here, read it with axes='tyx'" in said())
            axes = slot.locator("input[type=text]").nth(1)
            equals(axes.input_value, "zyx")
            axes.fill("tyx")
            axes.press("Enter")
            until(lambda: "Now load the prediction map" in said())
    until(lambda: "Both are loaded and fit together" in said())
    page.screenshot(path=str(tmp_path / "input.png"))

    # the slider and the line of the histogram move the threshold, and the outlines follow
    button("Next: Threshold").click()
    overlay = app.locator(".nbt-overlay")
    overlay.wait_for()
    before = overlay.get_attribute("src")
    handle = app.locator(".nbt-histogram").first.locator("path.element").first
    box = handle.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 50, box["y"] + 4, steps=4)
    page.mouse.up()
    until(lambda: kernel(page, "app._panels[1].params.threshold") > 0.55)
    until(lambda: overlay.get_attribute("src") != before)
    app.locator(".nbt-side .noUi-handle:visible").first.click()
    dragged = kernel(page, "app._panels[1].params.threshold")
    page.keyboard.press("ArrowRight")  # not for the notebook
    until(lambda: kernel(page, "app._panels[1].params.threshold") > dragged)
    page.screenshot(path=str(tmp_path / "threshold.png"))

    # Apply, then track
    button("Apply to all frames").click()
    until(lambda: "Next: Track by hand" in said())
    page.screenshot(path=str(tmp_path / "applied.png"))
    button("Next: Track by hand").click()
    app.locator("canvas.nbt-canvas:visible").first.wait_for()
    assert kernel(page, "app.workflow.session.mark_false(0, 1).message").startswith("Object 1")
    page.screenshot(path=str(tmp_path / "tracker.png"))

    # another threshold would delete that, so it is asked first
    app.get_by_role("tab", name="Threshold").click()
    overlay.wait_for()
    track = app.locator(".nbt-panel .nbt-side .noUi-target:visible").first
    place = track.bounding_box()
    page.mouse.click(place["x"] + 0.85 * place["width"], place["y"] + place["height"] / 2)
    until(lambda: not button("Apply to all frames").is_disabled())
    button("Apply to all frames").click()
    app.get_by_text("1 step, 0 tracks, 0 divisions").wait_for()
    page.screenshot(path=str(tmp_path / "asked.png"))
    button("Keep").click()
    equals(lambda: kernel(page, "len(app.workflow.session.history)"), 1)
    button("Next: Track by hand").click()
    app.locator("canvas.nbt-canvas:visible").first.wait_for()
    equals(lambda: kernel(page, "nbt.App(f'{FRONT}_project').workflow.session.lineage.is_false(0, 1)"), True)

    too_wide = app.evaluate(
        """root => [root, ...root.querySelectorAll('.nbt-panel, .nbt-box, .nbt-row')]
             .filter(e => e.offsetParent && (e.scrollWidth > e.clientWidth || e.clientWidth > 930))
             .map(e => [e.className, e.scrollWidth, e.clientWidth])"""
    )
    assert too_wide == []
