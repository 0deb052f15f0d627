"""A person proofreads a deliberately bad result of a real movie to its truth, and the actions are counted.

One action is a key, a click or a button, as everywhere (`personkit`); going through time is none.
"""

import time

import nbformat
from browserkit import kernel, until
from canvaskit import Canvas
from personkit import Person, inner_points
from truth_oracle import BenchMovie, Oracle

import nbtrack as nbt
from nbtrack.evaluation import find_links
from nbtrack.io.ctc import read_ctc
from nbtrack.review.fates import FALSE

BAD = {
    "preset": "adaptive",
    "link_weights": (1.0, 0.0, 0.0, 0.0, 0.0),
    "link_offset": 1.0,
    "self_training": False,
    "passes": 1,
    "division_cost": 0.0,
    "appearance": 0.5,
    "disappearance": 0.5,
    "opportunity": 1.0,
}
"""Only distances count, and ends, divisions and false detections cost next to nothing."""
CODE = """import nbtrack as nbt
movie = nbt.read({folder!r} + '/raw.h5')
detections = nbt.segment(nbt.read({folder!r} + '/raw_Probabilities.h5'), channel=1)
result = nbt.track(detections, nbt.TrackingParams(**{bad!r}))
tracker = nbt.Proofreader(nbt.Session(movie, detections, result))
tracker"""
STATE = """(lambda e, l: {
    'actions': tracker.meter.actions,
    'asked': e and [e.t, e.object_id, e.fate, [[a.fate, a.joins] for a in e.alternatives]],
    'objects': l.objects[['t', 'object_id', 'track_id']].values.tolist(),
    'divisions': [[d.t, d.parent_track_id, *d.children] for d in l.divisions.values()],
})(tracker.event, tracker.session.lineage)"""
DONE = "n => document.querySelector('.nbt-proofreader .nbt-meter')?.innerText.startsWith(n + ' action')"
CPU = "__import__('time').process_time()"
PATIENCE = 12
"""After so many questions that were right already, the person goes to the errors by itself."""
MOST = 300


def test_bad_result_is_corrected_to_the_truth(open_notebook, real_data, tmp_path, record_property) -> None:
    folder = real_data / "neubias_mitocheck_movie"
    detections = nbt.segment(nbt.read(folder / "raw_Probabilities.h5"), channel=1)
    labels, truth = read_ctc(folder / "GT" / "TRA")
    oracle = Oracle(BenchMovie("neubias", detections, truth, labels))
    cell = nbformat.v4.new_code_cell(CODE.format(folder=str(folder), bad=BAD))
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    source = nbformat.writes(nbformat.v4.new_notebook(cells=[cell], metadata=metadata))
    page = open_notebook("proofreading.ipynb", "notebooks", source=source)
    page.set_default_timeout(60_000)
    canvas = Canvas(page, ".nbt-proofreader")
    person = Person(canvas)
    until(lambda: kernel(page, "tracker.event is not None"), timeout=60)
    page.screenshot(path=str(tmp_path / "proofreading_1_start.png"))
    places = inner_points(detections)

    def click(t, i, **more):
        """Click an object of the shown frame."""
        y, x = places[t, i]
        canvas.hover(y, x)
        page.wait_for_function("([node, i]) => node.dataset.hover === String(i)", arg=[canvas.node.element_handle(), i])
        if more.get("key"):
            page.keyboard.down(more["key"])
        canvas.click(y, x)
        if more.get("key"):
            page.keyboard.up(more["key"])
        person.actions += 1

    def look():
        """What is asked, and the lineage, both after the same number of actions."""
        state = kernel(page, STATE)
        lineage = nbt.Lineage.from_tables(
            [row for row in state["objects"] if row[2] > 0],
            state["divisions"],
            [row[:2] for row in state["objects"] if row[2] < 0],
        )
        return state, lineage, find_links(lineage) ^ oracle.links

    now, lineage, wrong = look()
    click(*now["asked"][:2])  # the keyboard goes to the image
    left, start, worked, right_in_a_row = [len(wrong)], time.monotonic(), kernel(page, CPU), 0
    while left[-1] and person.actions < MOST:
        if wrong and (right_in_a_row >= PATIENCE or now["asked"] is None):
            (t, i), _ = min(wrong)
            person.go(t)
            click(t, i)
            until(lambda t=t, i=i: (kernel(page, STATE)["asked"] or [])[:2] == [t, i])
            now, lineage, wrong = look()
        t, i, fate, alternatives = now["asked"]
        fate = tuple(map(tuple, fate))
        wanted = oracle.fates[t, i]
        joins = oracle.joins(lineage, (t, i)) if fate != wanted else False
        options = [[tuple(map(tuple, f)), j] for f, j in alternatives]
        if fate == wanted:
            right_in_a_row += 1
            person.press("Enter")
        else:
            right_in_a_row = 0
            if [wanted, joins] in options:
                person.press(str(options.index([wanted, joins]) + 1))
            elif wanted == FALSE:
                person.press("f")
            elif not wanted:
                person.press("x")
            elif len(wanted) == 1:
                person.go(wanted[0][0])
                click(*wanted[0], key=None if wanted[0][0] == t + 1 else "Shift")
            else:
                person.press("d")
                for target in wanted:
                    canvas.wait("t", target[0])
                    click(*target)
        page.wait_for_function(DONE, arg=now["actions"] + 1)  # asking the kernel would keep it from its work
        now, lineage, wrong = look()
        left.append(len(wrong))
        if len(left) == 21:
            page.screenshot(path=str(tmp_path / "proofreading_2_at_work.png"))
    seconds = time.monotonic() - start
    page.screenshot(path=str(tmp_path / "proofreading_3_end.png"))
    worked = kernel(page, CPU) - worked
    figures = {"errors": left, "actions": person.actions, "seconds": round(seconds), "kernel_cpu": round(worked)}
    record_property("figures", figures)
    said = f"{left[0]} errors, {person.actions} actions, {seconds:.0f} s, {worked:.0f} CPU s of the kernel\n{left}\n"
    (tmp_path / "figures.txt").write_text(said)
    assert left[0] > 100
    assert left[-1] == 0, sorted(wrong)
    assert kernel(page, "tracker.last_error is None")
    assert "AOGM removed" in page.locator(".nbt-proofreader .nbt-meter").inner_text()
    kernel(page, "tracker.session.lineage.check()")
