"""A person looks at the energies of a result, and asks why an object goes where it goes."""

import nbformat
from browserkit import equals, kernel, until
from canvaskit import Canvas
from personkit import inner_point

SOURCE = """
import nbtrack as nbt
movie = nbt.sample("nuclei", n_frames=6, size=192, n_cells=16, seed=3)
detections = nbt.segment(movie.prediction, channel=1)
tracker = nbt.AutoTracker(detections, nbt.TrackingParams(preset="conservation"), movie=movie.raw)
tracker
"""
TOO_WIDE = """root => [root, ...root.querySelectorAll('*:not(input)')].filter(e => e.offsetParent && e.clientWidth &&
  (e.scrollWidth > e.clientWidth + 1 || e.clientWidth > 930) && getComputedStyle(e).overflowX !== 'visible')
  .map(e => [e.className, e.scrollWidth, e.clientWidth])"""
CUT = """root => [...root.querySelectorAll('.nbt-part span, .nbt-terms th, .nbt-terms td, .nbt-totals span')]
  .filter(e => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline').map(e => e.textContent)"""
TEXTS = """f => [...f.querySelectorAll('svg.svg-figure text')].filter(e => e.textContent)
  .map(e => [e.textContent, e.getBoundingClientRect()]).filter(([, r]) => r.width)"""
OUTSIDE = f"""figures => figures.flatMap(f => {{
  const box = f.getBoundingClientRect();
  return ({TEXTS})(f).filter(([, r]) => r.left < box.left - 1 || r.right > box.right + 1 || r.bottom > box.bottom + 1)
    .map(([text]) => text) }})"""
OVERLAP = f"""figures => figures.flatMap(f => {{
  const texts = ({TEXTS})(f), found = [];
  texts.forEach(([a, p], i) => texts.slice(i + 1).forEach(([b, q]) => {{
    const across = Math.min(p.right, q.right) - Math.max(p.left, q.left);
    if (across > 1 && Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top) > 3) found.push([a, b]); }}));
  return found }})"""


def test_energies_and_reasons(open_notebook, tmp_path) -> None:
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(SOURCE)], metadata=metadata)
    page = open_notebook("energies.ipynb", "lab", source=nbformat.writes(notebook))
    page.set_default_timeout(30_000)
    panel = page.locator(".nbt-auto")
    canvas = Canvas(page, ".nbt-auto")

    def press(name):
        panel.get_by_role("button", name=name, exact=True).click()

    press("Energies")
    until(lambda: "Press Track first" in panel.inner_text())
    panel.locator("button[title^='Track all']").click()
    until(lambda: "Run 1: " in panel.locator(".nbt-said").first.inner_text())

    # three diagrams, each with title, both axes and both groups, and what all of it adds up to
    figures = panel.locator(".nbt-titled")
    until(lambda: figures.count() == 3 and all(figures.nth(i).locator("path.line").count() >= 2 for i in range(3)))
    titles = ["Energy of links", "Length of links", "Size of objects"]
    until(lambda: [figures.nth(i).locator(".mainheading").text_content() for i in range(3)] == titles)
    labels = figures.nth(1).locator("text.axislabel").all_text_contents()
    assert any("distance" in label for label in labels)
    assert "links" in labels
    n_links = kernel(page, "len(tracker.result.links)")
    legend = panel.locator(".nbt-legend-row")
    assert f"in the answer: {n_links:,} links" in legend.inner_text()
    total = kernel(page, "f'{tracker.result.report.objective:,.2f}'")
    assert f"The answer costs {total}" in panel.locator(".nbt-totals").inner_text()
    equals(lambda: panel.evaluate(TOO_WIDE), [], 5)
    equals(lambda: figures.evaluate_all(OUTSIDE), [], 5)
    equals(lambda: figures.evaluate_all(OVERLAP), [], 5)
    panel.locator(".nbt-totals").scroll_into_view_if_needed()
    page.screenshot(path=str(tmp_path / "energies_1_histograms.png"))

    # why: click an object, then one of its links
    press("Why")
    until(lambda: "Click an object in the image" in panel.inner_text())
    t, source, target = kernel(
        page, "[int(v) for v in tracker.result.links.query('t == 0').iloc[3][['t', 'source_id', 'target_id']]]"
    )
    canvas.node.scroll_into_view_if_needed()
    canvas.click(*inner_point(page, t, source, of="tracker.detections"))
    rows = panel.locator(".nbt-why .nbt-events div[id]")
    until(lambda: rows.count() == kernel(page, "len(tracker._drawers.why.parts)") > 3)
    assert f"Object {source} in frame {t}" in panel.locator(".nbt-why").inner_text()
    page.screenshot(path=str(tmp_path / "energies_2_object.png"))
    goes = rows.filter(has_text=f"goes to object {target} in frame {t + 1}")
    assert "✓ yes" in goes.inner_text()
    goes.scroll_into_view_if_needed()
    goes.click()
    answer = panel.locator(".nbt-alternative")
    until(lambda: "Without this link the best answer costs" in answer.inner_text())
    assert kernel(page, "tracker._drawers.why.explanation.sentence") == answer.inner_text()
    terms = panel.locator(".nbt-terms")
    assert f"The link from object {source} in frame {t} to object {target}" in terms.inner_text()
    assert panel.evaluate(TOO_WIDE) == []
    assert panel.evaluate(CUT) == []

    # what would change is drawn: a line or a ring in the blue of the alternative
    marks = kernel(
        page,
        "(lambda m: m[(m[:, 0] <= tracker.viewer.t) & (m[:, 1] >= tracker.viewer.t)].tolist())(__import__("
        "'nbtrack.comparison.marks').comparison.marks.find_marks(tracker._drawers.why.explanation.changes))",
    )
    assert marks
    panel.locator(".nbt-drawers .nbt-sides:visible").scroll_into_view_if_needed()
    page.screenshot(path=str(tmp_path / "energies_3_why.png"))
    canvas.node.scroll_into_view_if_needed()
    page.screenshot(path=str(tmp_path / "energies_4_drawn.png"))

    # an event in the list of another run, with the many terms of the adaptive preset, is asked about as well
    kernel(page, "setattr(tracker, 'params', nbt.TrackingParams(preset='adaptive'))")
    until(lambda: panel.locator(".nbt-parameter .widget-readout:visible").first.inner_text() == "3.0")
    panel.locator("button[title^='Track all']").click()
    until(lambda: "Run 2: " in panel.locator(".nbt-said").first.inner_text())
    kernel(page, "setattr(tracker._events.kind, 'value', 'disappearances')")
    events = panel.locator(".nbt-auto-events .nbt-events div[id]")
    until(lambda: events.count() == kernel(page, "len(tracker.result.disappearances)") > 0)
    events.first.click()
    t, ends = kernel(page, "[int(v) for v in tracker.result.disappearances.iloc[0][['t', 'object_id']]]")
    until(lambda: f"Object {ends} in frame {t}" in panel.locator(".nbt-why").inner_text())
    comes = rows.filter(has_text="comes from object").first
    comes.scroll_into_view_if_needed()
    comes.click()
    until(lambda: "this link the best answer costs" in answer.inner_text())
    assert "overlap" in terms.inner_text()
    assert kernel(page, "[len(tracker.runs), tracker.params == nbt.TrackingParams(preset='adaptive')]") == [2, True]
    assert panel.evaluate(TOO_WIDE) == []
    assert panel.evaluate(CUT) == []
    answer.scroll_into_view_if_needed()
    page.screenshot(path=str(tmp_path / "energies_5_adaptive.png"))
    assert kernel(page, "repr(tracker.last_error)") == "None"
