"""As a new user: open the index in JupyterLab, run it, follow its link to the app, and click on to the exported CSV."""

import time

import pandas as pd
from browserkit import equals, kernel, run_all, shut_down, until

from nbtrack.data.lineage import FALSE_LABEL

PATH = ".jp-Notebook:visible .nbt-app"


def test_from_the_index_to_the_exported_csv(open_notebook, server, tmp_path) -> None:
    _, root = server
    started = time.monotonic()
    page = open_notebook("00_index.ipynb", "lab")
    page.set_default_timeout(60_000)

    def shot(number, name):
        page.screenshot(path=str(tmp_path / f"user_{number}_{name}.png"))

    # the index shows tracks, and the first table
    page.locator(".nbt-view").first.wait_for()
    page.get_by_text("labelimageId").first.wait_for()
    shot(1, "index")
    found = kernel(page, "(len(tracked.lineage.track_ids), tracked.report.gap < 1e-9, (out / 'objects.csv').exists())")
    assert found == [30, True, True]
    shut_down(page)

    # its link opens the app in a tab of its own
    page.get_by_role("link", name="20 · The app").scroll_into_view_if_needed()
    page.get_by_role("link", name="20 · The app").click()
    until(lambda: "20_app" in page.evaluate("() => window.jupyterapp.shell.currentWidget?.context?.path || ''"))
    run_all(page)
    app = page.locator(PATH)
    app.wait_for()
    app.scroll_into_view_if_needed()

    def said():
        return app.locator(".nbt-said:visible").first.inner_text()

    def press(name):
        app.get_by_role("button", name=name).click()

    def tab(name):
        app.get_by_role("tab", name=name, exact=True).click()

    def states():
        return app.locator(".nbt-states").inner_text()

    until(lambda: "✓ Input 24 frames" in states())
    shot(2, "input")
    press("Next: Threshold")
    app.locator(".nbt-overlay").wait_for()
    shot(3, "threshold")
    press("Apply to all frames")
    until(lambda: "Next: Track by hand" in said())
    until(lambda: "✓ Threshold" in states())

    # a few labels
    tab("Classify")
    app.locator(".nbt-classify canvas").first.wait_for()
    press("Smallest")
    until(lambda: "What is it?" in said())
    shot(4, "classify")

    # track by itself
    tab("Track automatically")
    app.locator(".nbt-auto .nbt-board, .nbt-auto canvas").first.wait_for()
    app.locator(".nbt-auto button[title^='Track all']").click()
    until(lambda: "Run 1: " in said(), timeout=90)
    until(lambda: "✓ Track automatically 1 run" in states())
    shot(5, "tracked")

    # correct it, and go back: nothing is lost
    tab("Correct")
    press("Correct it")
    app.locator(".nbt-tracker:visible").first.wait_for()
    shot(6, "correct")
    equals(lambda: kernel(page, "app.workflow.corrects"), True)

    # export it
    tab("Export")
    export = app.locator(".nbt-export:visible")
    export.locator("select").select_option(label="Table of all objects as csv")
    equals(lambda: kernel(page, "app._panels[6].export.kind.value"), "table")
    until(lambda: export.locator("input").input_value().endswith("table.csv"))
    export.locator("input").fill("my_table")
    export.get_by_role("button", name="Export").click()
    until(lambda: "Wrote " in said())
    shot(7, "export")
    table = pd.read_csv(root / "nbtrack_project" / "my_table" / "objects.csv")
    objects, tracks = kernel(page, "(len(app.workflow.detections), len(app.workflow.session.lineage.track_ids))")
    assert table.loc[table["trackId"] != FALSE_LABEL, "trackId"].nunique() == tracks
    assert len(table.drop_duplicates(["frame", "labelimageId"])) == objects
    assert kernel(page, "str(app.last_error)") == "None"
    print(f"from the index to the exported table: {time.monotonic() - started:.0f} s")
