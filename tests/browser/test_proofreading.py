"""A person proofreads a deliberately bad result of a real movie to its truth, and the actions are counted.

One action is a key, a click or a button, as everywhere (`personkit`); going through time is none.
"""

import time

import nbformat
from browserkit import equals, kernel, until
from canvaskit import Canvas
from personkit import Person
from truth_oracle import BenchMovie, Oracle

import nbtrack as nbt
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
ASKED = "None if tracker.event is None else [tracker.event.t, tracker.event.object_id, tracker.event.fate, "
ASKED += "[[a.fate, a.joins] for a in tracker.event.alternatives]]"
STATE = "(lambda l: [[[list(a), list(b)] for a, b in __import__('nbtrack.evaluation').evaluation.find_links(l)]])"
STATE += "(tracker.session.lineage)"
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
    first = kernel(page, ASKED)
    person.click(*first[:2])  # the keyboard goes to the image

    def wrong():
        found = {(tuple(a), tuple(b)) for a, b in kernel(page, STATE)[0]}
        return found ^ oracle.links

    def done(before):
        equals(lambda: kernel(page, "tracker.meter.actions"), before + 1)

    def lineage():
        rows = kernel(page, "tracker.session.lineage.objects[['t','object_id','track_id']].values.tolist()")
        divisions = kernel(
            page, "[[d.t, d.parent_track_id, *d.children] for d in tracker.session.lineage.divisions.values()]"
        )
        return nbt.Lineage.from_tables(
            [row for row in rows if row[2] > 0], divisions, [row[:2] for row in rows if row[2] < 0]
        )

    left, start, right_in_a_row, decisions = [len(wrong())], time.monotonic(), 0, 0
    while left[-1] and person.actions < MOST:
        asked = kernel(page, ASKED)
        errors = wrong() if right_in_a_row >= PATIENCE or asked is None else None
        if errors:
            (t, i), _ = min(errors)
            person.go(t)
            person.click(t, i)
            equals(lambda t=t, i=i: kernel(page, ASKED)[:2], [t, i])
            asked = kernel(page, ASKED)
        t, i, fate, alternatives = asked
        fate = tuple(map(tuple, fate))
        wanted = oracle.fates[t, i]
        before = kernel(page, "tracker.meter.actions")
        joins = oracle.joins(lineage(), (t, i)) if fate != wanted else False
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
                person.click(*wanted[0], key=None if wanted[0][0] == t + 1 else "Shift")
            else:
                person.press("d")
                for target in wanted:
                    canvas.wait("t", target[0])
                    person.click(*target)
        done(before)
        decisions += 1
        left.append(len(wrong()))
        if decisions == 20:
            page.screenshot(path=str(tmp_path / "proofreading_2_at_work.png"))
    seconds = time.monotonic() - start
    page.screenshot(path=str(tmp_path / "proofreading_3_end.png"))
    record_property("figures", {"errors": left, "actions": person.actions, "seconds": round(seconds)})
    (tmp_path / "figures.txt").write_text(f"{left[0]} errors, {person.actions} actions, {seconds:.0f} s\n{left}\n")
    assert left[0] > 100
    assert left[-1] == 0, sorted(wrong())
    assert kernel(page, "tracker.last_error is None")
    assert "AOGM removed" in page.locator(".nbt-proofreader .nbt-meter").inner_text()
    kernel(page, "tracker.session.lineage.check()")
