"""A person tracks automatically: from the files to the export, with eight labels, a slider, two runs and a truth."""

import nbformat
import pytest
from browserkit import equals, kernel, until
from canvaskit import Canvas
from personkit import Person, inner_point

from nbtrack.io.events_csv import read_event_tables

TOO_WIDE = """root => [root, ...root.querySelectorAll('*:not(input)')].filter(e => e.offsetParent && e.clientWidth &&
  (e.scrollWidth > e.clientWidth + 1 || e.clientWidth > 930) && getComputedStyle(e).overflowX !== 'visible')
  .map(e => [e.className, e.scrollWidth, e.clientWidth])"""


@pytest.mark.parametrize("front", ["lab", "notebooks"])
def test_track_move_a_slider_compare_and_export(open_notebook, real_data, front, tmp_path) -> None:
    folder = real_data / "mitocheck_small"
    code = f"import nbtrack as nbt\napp = nbt.App({str(tmp_path / 'project')!r})\napp"
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)], metadata=metadata)
    page = open_notebook(f"auto_{front}.ipynb", front, source=nbformat.writes(notebook))
    page.set_default_timeout(30_000)
    app = page.locator(".nbt-app")
    app.wait_for()

    def said():
        return app.locator(".nbt-said:visible").first.inner_text()

    def press(name, within=app):
        within.get_by_role("button", name=name).click()

    def energy():
        return app.locator(".nbt-run").nth(1).locator("span").nth(1).inner_text()  # the first one is the heading

    def rows():
        return app.locator(".nbt-comparison:visible .nbt-events div[id]")

    # from the files to the objects
    for number, (name, reply) in enumerate((("", "Now load the prediction map"), ("_export", "fit together"))):
        slot = app.locator(".nbt-panel .nbt-box").nth(number)
        slot.locator("input[type=text]").first.fill(str(folder / f"mitocheck_small_2D+t{name}.h5"))
        slot.get_by_role("button", name="Load").click()
        until(lambda reply=reply: reply in said())
    press("Next: Threshold")
    app.locator(".nbt-side select:visible").first.select_option("1")
    equals(lambda: kernel(page, "app._panels[1].params.channel"), 1)
    press("Apply to all frames")
    until(lambda: "Next: Track by hand" in said())

    # label eight objects: by clicks with the chosen answer, by keys, and by the menu
    app.get_by_role("tab", name="Classify").click()
    canvas = Canvas(page, ".nbt-classify")
    person, side = Person(canvas), app.locator(".nbt-classify")
    kernel(page, "globals().update(tracker=app.classify, labels=app.classify.labelling.labels)")
    of = "tracker.labelling.detections"
    page.screenshot(path=str(tmp_path / "auto_0a_classify.png"))
    person.click(0, 1, of=of)
    equals(lambda: kernel(page, "[[*key, n] for key, n in labels.counts.items()]"), [[0, 1, 1]])
    person.click(0, 2, of=of)
    until(lambda: "frame 0 is one cell" in said())
    until(lambda: "–" not in side.locator(".nbt-answer").nth(1).inner_text())
    person.go(4)
    person.point(4, 3, of=of)
    person.press("f")
    until(lambda: kernel(page, "labels.counts.get((4, 3)) == 0"))
    person.go(6)
    person.click(6, 1, button="right", of=of)
    until(canvas.root.locator(".nbt-menu").is_visible)
    page.screenshot(path=str(tmp_path / "auto_0b_menu.png"))
    person.button("One object", canvas.root.locator(".nbt-menu"))
    until(lambda: kernel(page, "labels.counts.get((6, 1)) == 1"))
    person.go(5)
    for object_id, key in ((1, "d"), (2, "d")):
        person.point(5, object_id, of=of)
        person.press(key)
        until(lambda i=object_id: kernel(page, f"labels.divisions.get((5, {i})) is True"))
    person.go(2)
    for object_id in (1, 2):
        person.point(2, object_id, of=of)
        person.press("n")
        until(lambda i=object_id: kernel(page, f"labels.divisions.get((2, {i})) is False"))
    equals(lambda: kernel(page, "len(labels)"), 8)
    until(lambda: kernel(page, "tracker.labelling.is_learned"))
    press("Uncertain", side)
    until(lambda: "What is it?" in said())
    page.screenshot(path=str(tmp_path / "auto_0c_labelled.png"))
    assert side.evaluate(TOO_WIDE) == []

    # track
    press("Next: Track automatically")
    canvas = Canvas(page, ".nbt-auto")
    panel = app.locator(".nbt-auto")
    kernel(page, "setattr(app.auto, 'params', nbt.TrackingParams(preset='conservation'))")
    page.screenshot(path=str(tmp_path / "auto_1_start.png"))
    panel.locator("button[title^='Track all']").click()
    until(lambda: "Run 1: " in said())
    kernel(page, "globals().update(tracker=app.auto)")
    before = energy()
    y, x = inner_point(page, 0, 1, of="tracker.detections")
    color = kernel(page, "[int(c) for c in tracker.viewer.feed.colors(0).rgba[0][:3]]")
    until(lambda: max(range(3), key=canvas.color(y, x).__getitem__) == max(range(3), key=color.__getitem__))
    page.screenshot(path=str(tmp_path / "auto_2_tracked.png"))

    # a slider: the energy in the list of runs follows, and no key goes to the notebook
    slider = panel.locator(".nbt-parameter .noUi-target:visible").first
    place = slider.bounding_box()
    page.mouse.click(place["x"] + 0.05 * place["width"], place["y"] + place["height"] / 2)
    until(lambda: "Run 2: " in said())
    first = kernel(page, "tracker.params.appearance")
    page.keyboard.press("ArrowLeft")
    until(lambda: kernel(page, "tracker.result.params.appearance") < first)
    page.keyboard.press("Home")
    equals(lambda: kernel(page, "tracker.result.params.appearance"), 0)
    until(lambda: energy() != before)
    equals(lambda: kernel(page, "len(tracker.runs)"), 2)
    page.screenshot(path=str(tmp_path / "auto_3_live.png"))

    # the division that only the first run has: in the list, and drawn on the image
    press("Differences", panel)
    until(lambda: "divides after frame 5" in rows().first.inner_text())
    rows().first.click()
    canvas.wait("t", 5)
    until(lambda: "in run 2 it does not" in said())
    found = kernel(
        page, "tracker._drawers.differences.comparison.table.iloc[0][['y', 'x', 'target_y', 'target_x']].tolist()"
    )
    middle = [(found[0] + found[2]) / 2, (found[1] + found[3]) / 2]
    blue = (86, 180, 233)
    until(lambda: all(abs(a - b) < 40 for a, b in zip(canvas.color(*middle), blue, strict=True)))
    page.screenshot(path=str(tmp_path / "auto_4_compared.png"))

    # all parameters, each with its sentence
    press("more parameters", panel)
    equals(
        panel.locator(".nbt-parameter:visible .nbt-sentence-small").count,
        kernel(page, "3 + len(tracker._params._others.children)"),
    )
    page.screenshot(path=str(tmp_path / "auto_5_parameters.png"))
    press("Fewer parameters", panel)

    # against the truth
    press("Evaluation", panel)
    panel.locator("input[placeholder^=Folder]").fill(str(folder / "GT"))
    panel.locator("button[title^='Compare all']").click()
    until(lambda: rows().filter(has_text="division").count() == 2)
    rows().filter(has_text="division").last.click()
    until(lambda: "was not found" in said())
    page.screenshot(path=str(tmp_path / "auto_6_evaluated.png"))

    # back to the first run, which is exported
    press("Runs", panel)
    panel.locator(".nbt-runs .nbt-events div[id]").last.click()
    until(lambda: "Run 1 is on screen" in said())
    page.screenshot(path=str(tmp_path / "auto_7_runs.png"))
    press("Export", panel)
    box, table = panel.locator(".nbt-export"), tmp_path / "divisions.csv"
    box.locator("select").select_option(label="Divisions as csv")
    until(lambda: "divisions" in box.locator("input").input_value())
    box.locator("input").fill(str(table))
    box.get_by_role("button", name="Export").click()
    until(lambda: f"Wrote {table}" in said())
    assert [row[0] for row in read_event_tables(table)[0]] == [5]
    assert panel.evaluate(TOO_WIDE) == []

    # and corrected: the proofreader opens in its tab
    press("Runs", panel)
    press("Correct by hand", panel)
    app.locator(".nbt-tracker:visible").first.wait_for()
    until(lambda: "is now corrected: 5 tracks" in said())
    until(lambda: kernel(page, "not app.proofreader._busy"))
    reader = app.locator(".nbt-proofreader")
    assert reader.locator(".nbt-repair").get_by_role("button", name="Split").is_visible()
    assert reader.evaluate(TOO_WIDE) == []
    page.screenshot(path=str(tmp_path / "auto_8_by_hand.png"))
    assert kernel(page, "repr(app.last_error)") == "None"
