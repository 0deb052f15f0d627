"""Real movies as a person tracks them: from the files to the exported divisions, and a cell of a volume."""

import nbformat
import pytest
from browserkit import equals, kernel, until
from canvaskit import Canvas
from personkit import Person, inner_point

import nbtrack as nbt
from nbtrack.data.lineage import FALSE_LABEL
from nbtrack.evaluation import match_objects
from nbtrack.io.ctc import read_ctc
from nbtrack.io.events_csv import read_event_tables
from nbtrack.workflow import Workflow


@pytest.fixture
def open_app(open_notebook, tmp_path):
    """Open a notebook of one line with all panels, on a project that does not exist yet."""

    def open_one(front):
        metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        code = f"import nbtrack as nbt\napp = nbt.App({str(tmp_path / 'project')!r})\napp"
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)], metadata=metadata)
        page = open_notebook(f"person_{front}.ipynb", front, source=nbformat.writes(notebook))
        page.set_default_timeout(30_000)
        page.locator(".nbt-app").wait_for()
        return page

    return open_one


def said(page):
    """The message line of the tab on screen."""
    return page.locator(".nbt-app .nbt-said:visible").first.inner_text()


def press(page, name):
    """Press a button by the words on it."""
    page.locator(".nbt-app").get_by_role("button", name=name).click()


def load(page, *paths):
    """Type the paths of the raw images and of the objects."""
    for number, (path, reply) in enumerate(zip(paths, ("Now load the prediction map", "fit together"), strict=True)):
        slot = page.locator(".nbt-panel .nbt-box").nth(number)
        slot.locator("input[type=text]").first.fill(str(path))
        slot.get_by_role("button", name="Load").click()
        until(lambda reply=reply: reply in said(page))


def open_tracker(page, plane="xy"):
    """Go to the last tab; the workbench is called `tracker` in the kernel then."""
    press(page, "Next: Track by hand")
    canvas = Canvas(page, ".nbt-tracker", plane)
    kernel(page, "globals().update(tracker=app.tracker)")
    return canvas


def export(page, what, path):
    """Export what the list calls so."""
    box = page.locator(".nbt-export")
    box.locator("select").select_option(label=what)
    until(lambda: kernel(page, "tracker._drawers.export.path.value") == box.locator("input").input_value())
    box.locator("input").fill(str(path))
    box.get_by_role("button", name="Export").click()
    until(path.exists)
    until(lambda: f"Wrote {path}" in said(page))


def divisions_of_truth(tracks_image, divisions_csv, folder):
    """The exported divisions in the numbers of the annotated tracks: each must be one track in all its frames."""
    truth_labels, truth = read_ctc(folder / "GT" / "TRA")
    names: dict[int, set[int]] = {}
    for match in match_objects(tracks_image, truth_labels):
        assert match.pairs.keys() == set(match.truth.tolist()), "every annotated object is tracked"
        assert set(match.result.tolist()) <= {*match.pairs.values(), FALSE_LABEL}, "and no other"
        for right, found in match.pairs.items():
            names.setdefault(found, set()).add(right)
    number = {found: right for found, (right,) in names.items()}
    rows, _ = read_event_tables(divisions_csv)
    found = {(t, number[parent], frozenset(number[child] for child in children)) for t, parent, *children in rows}
    wanted = {(d.t, d.parent_track_id, frozenset(d.children)) for d in truth.divisions.values()}
    return found, wanted


@pytest.mark.parametrize("front", ["lab", "notebooks"])
def test_both_cells_of_mitocheck_to_their_exported_divisions(open_app, real_data, front, tmp_path) -> None:
    folder = real_data / "mitocheck_small"
    page = open_app(front)
    load(page, folder / "mitocheck_small_2D+t.h5", folder / "mitocheck_small_2D+t_export.h5")
    page.screenshot(path=str(tmp_path / "path_1_input.png"))

    # threshold: channel, threshold, size
    press(page, "Next: Threshold")
    page.locator(".nbt-overlay").wait_for()
    fields = page.locator(".nbt-side input[type=number]:visible")
    standing = "(lambda p: [p.channel, p.threshold, p.size])(app._panels[1].params)"
    for channel, threshold, size in ((0, 0.7, (20, 500)), (1, 0.5, (10, 100_000))):  # not as they stood
        page.locator(".nbt-side select:visible").first.select_option(str(channel))
        values = [
            page.locator(".nbt-side .widget-slider:visible .widget-readout").first,
            fields.nth(-2),
            fields.nth(-1),
        ]
        for field, value in zip(values, (threshold, *size), strict=True):
            field.fill(str(value))
            field.press("Enter")
        equals(lambda: kernel(page, standing), [channel, threshold, [*size]])
    page.screenshot(path=str(tmp_path / "path_2_threshold.png"))
    press(page, "Apply to all frames")
    until(lambda: "Next: Track by hand" in said(page))
    page.screenshot(path=str(tmp_path / "path_3_applied.png"))

    canvas = open_tracker(page)
    person = Person(canvas)
    menu = canvas.root.locator(".nbt-menu")
    page.screenshot(path=str(tmp_path / "path_4_tracker.png"))

    def follow(t, object_id):
        """Follow an object by the menu at the pointer."""
        person.click(t, object_id, button="right")
        until(menu.is_visible)
        page.screenshot(path=str(tmp_path / "path_5_menu.png"))
        person.button("Follow from here", menu)

    def objects(track_id):
        return kernel(page, f"[*tracker.session.lineage.objects_of({track_id}).items()]")

    # the first cell: a run, which stops where the chromosomes contract, and one click more
    person.button("New track")
    follow(0, 1)
    equals(lambda: len(objects(1)), 5)
    canvas.wait("t", 5)
    until(lambda: "It stopped in frame 4" in canvas.said())
    page.screenshot(path=str(tmp_path / "path_6_stopped.png"))
    person.click(5, 1)
    equals(lambda: len(objects(1)), 6)
    canvas.wait("t", 6)

    # the second: in doubt between the cell and the false detection, which is marked first
    person.go(4)
    person.point(4, 3)
    person.press("f")
    until(lambda: kernel(page, "tracker.session.lineage.is_false(4, 3)"))
    page.screenshot(path=str(tmp_path / "path_7_false.png"))
    person.press("s")
    person.go(0)
    follow(0, 2)
    equals(lambda: len(objects(2)), 4)
    canvas.wait("t", 4)
    page.screenshot(path=str(tmp_path / "path_8_doubt.png"))
    person.point(4, 2)
    person.press("w")
    equals(lambda: objects(2)[-1], [5, 2])
    canvas.wait("t", 6)

    # both divide after frame 5: d and three clicks
    for parent, first, second, children in ((1, 1, 2, [3, 4]), (2, 3, 4, [5, 6])):
        person.go(5)
        person.press("d")
        until(lambda: "Click the object that divides" in canvas.said())
        person.click(5, parent)
        canvas.wait("t", 6)
        page.screenshot(path=str(tmp_path / "path_9_division.png"))
        person.click(6, first)
        until(lambda: "Click the second daughter" in canvas.said())
        person.click(6, second)
        equals(lambda p=parent: kernel(page, f"list(tracker.session.lineage.children_of({p}))"), children)
    page.screenshot(path=str(tmp_path / "path_10_divided.png"))

    # the four daughters to the end
    for object_id, track_id in ((1, 3), (2, 4), (3, 5), (4, 6)):
        person.go(6)
        person.click(6, object_id, key="Shift")
        equals(lambda: kernel(page, "tracker.session.active_track"), track_id)
        person.point(6, object_id)
        person.press("w")
        equals(lambda i=track_id: len(objects(i)), 3)
        canvas.wait("t", 8)
    until(lambda: "9 of 9 frames complete, 0 objects unlabeled" in canvas.root.inner_text())
    page.screenshot(path=str(tmp_path / "path_11_complete.png"))

    # export
    person.button("Export", canvas.root.locator(".nbt-drawers"))
    image, table = tmp_path / "tracks.tif", tmp_path / "divisions.csv"
    export(page, "Track image by track", image)
    export(page, "Divisions as csv", table)
    page.screenshot(path=str(tmp_path / "path_12_export.png"))
    exported = nbt.read(image)
    found, wanted = divisions_of_truth(exported, table, folder)
    assert found == wanted == {(5, 1, frozenset({2, 3})), (5, 5, frozenset({6, 7}))}
    assert [t for t, frame in enumerate(exported) if (frame == FALSE_LABEL).any()] == [4]

    # it is all there when the project is opened again
    lineage = Workflow(tmp_path / "project").session.lineage
    assert [[*map(list, lineage.objects_of(i).items())] for i in lineage.track_ids] == [objects(i) for i in range(1, 7)]
    assert lineage.is_false(4, 3)
    assert sorted(lineage.divisions) == [1, 2]
    assert kernel(page, "repr(app.last_error)") == "None"


def test_a_cell_of_a_volume_from_the_first_frame_to_the_last(open_app, real_data, tmp_path) -> None:
    folder = real_data / "cho_3dt"
    page = open_app("lab")
    load(page, folder / "raw.h5", folder / "segmentation_labels.h5")
    page.screenshot(path=str(tmp_path / "path_21_input.png"))
    xz = open_tracker(page, "xz")
    xy, yz = (Canvas(page, ".nbt-tracker", plane) for plane in ("xy", "yz"))
    person = Person(xz)
    person.button("New track")
    until(lambda: "Click its first object" in xz.said())

    # a click into the plane below the image, whose place along y was typed
    z, y, x = inner_point(page, 0, 1)
    number = xz.root.locator(".nbt-bar").nth(1).locator("input[type=number]").nth(2)
    number.fill(str(y))
    number.press("Enter")
    xz.wait("at", y)
    xz.hover(z, x)
    xz.wait("hover", 1)
    page.screenshot(path=str(tmp_path / "path_22_planes.png"))
    xz.click(z, x)
    equals(lambda: kernel(page, "tracker.session.lineage.objects_of(1)"), {"0": 1})
    xy.wait("t", 1)
    until(lambda: [xy.data("z"), yz.data("at")] == [str(z), str(x)])  # the crosshair is where the click was
    page.screenshot(path=str(tmp_path / "path_23_clicked.png"))

    # from the plane beside the image it is followed to the end
    object_id = kernel(page, f"int(tracker.session.detections.labels[1][{z}, {y}, {x}])")
    assert object_id
    yz.hover(y, z)
    yz.wait("hover", object_id)
    person.press("w")
    equals(lambda: kernel(page, "len(tracker.session.lineage.objects_of(1))"), 20)
    until(lambda: "It reached the last frame" in xz.said())
    xy.wait("t", 19)
    page.screenshot(path=str(tmp_path / "path_24_followed.png"))

    # it is the annotated cell
    lineage = Workflow(tmp_path / "project").session.lineage
    truth_labels, truth = read_ctc(folder / "silver_GT" / "TRA")
    matches = match_objects(nbt.read(folder / "segmentation_labels.h5"), truth_labels)
    (track_id,) = truth.tracks_at(0, next(right for right, found in matches[0].pairs.items() if found == 1))
    wanted = {t: matches[t].pairs[right] for t, right in truth.objects_of(track_id).items()}
    assert lineage.objects_of(1) == wanted
    assert len(wanted) == 20
    assert kernel(page, "repr(app.last_error)") == "None"
