"""How many actions a correction takes, counted while a person with mouse and keys makes it.

With ``-s`` the tables of `tests/benchmarks/README.md` are printed. What is wrong is made so in the kernel; counted is
the way back to the truth.
"""

from contextlib import contextmanager

import nbformat
import pytest
from browserkit import equals, kernel, until
from canvaskit import Canvas
from personkit import Person, tracks, wait_for_tracks

SOURCE = """
import numpy as np
import nbtrack as nbt
sample = nbt.sample("shapes")
labels = np.stack([sample.labels[t] for t in range(len(sample.labels))])
labels[8, 2:7, 100:106] = 99
labels[10, 2:7, 60:66] = 98
detections = nbt.detect(nbt.Movie.from_array(labels, "tyx"))
session = nbt.Session(sample.raw, detections, sample.truth)
tracker = nbt.ManualTracker(session)
tracker
"""
SPECK, LATER_SPECK = (8, 99), (10, 98)
MISSED = ("undivide(2)", "link((4, 2), (5, 5), force=True)")  # the mother goes on as the first daughter

TABLE = {  # correction: with the documented keys of the peers, goal, with nbtrack
    "extend a track by a frame": ("1; 0 in a run", "1", "2-3", "2", "1", 0, 0),
    "break a wrong link": ("2", "3", "3", "2-3", "1", 1, 1),
    "add a missing link": ("2-3", "3", "3-4", "3", "1", 1, 1),
    "swap two identities from here on": ("8-10", "12", "3", "3", "4", 2, 2),
    "the same, one of the two is the active track": ("", "", "", "", "", 2, 1),
    "division, second daughter missing": ("4", "3", "3", "3", "1-2", 2, 2),
    "the same, the mother is the active track": ("", "", "", "", "", 2, 1),
    "delete a false detection": ("2", "1", "2", "2", "1", 1, 1),
    "the same, it is in a track": ("", "", "", "", "", 1, 1),
    "go to the next place after the end of a track": ("1", "-", "-", "list", "-", 0, 0),
    "go to the next place after a false detection": ("", "", "", "", "", 0, 0),
}
OTHERS = {
    "extend a track by a frame, Auto-follow off": 1,
    "track an object through all 12 frames, Auto-follow on": 1,
    "take the most likely object in a doubtful frame": 1,
    "division, both daughters missing": 4,
    "remove a wrong division": 1,
    "give an object a second track (merger)": 2,
    "take an object from its track": 1,
    "delete a whole track": 2,
    "undo any of these": 1,
}


class Corrector:
    """A person at the workbench, the truth, and what each correction took."""

    def __init__(self, page):
        self.page = page
        self.person = Person(Canvas(page, ".nbt-tracker"))
        self.truth = tracks(page)
        self.used = {}

    def spoil(self, *calls, active=1):
        """Begin with the truth again and call methods of the session: from outside, not as the person."""
        done = ", ".join(f"repr(session.{call})" for call in (*calls, f"select_track({active})"))
        kernel(self.page, f"[[repr(session.undo()) for _ in range(len(session.history))], {done}]")
        self.is_so("tracker.viewer.canvas.state.active_track", active)

    def would_be(self, *calls):
        """Tell what the tracks are after some calls."""
        self.spoil(*calls)
        return tracks(self.page)

    def is_so(self, expression, wanted=True):
        """Poll the kernel."""
        equals(lambda: kernel(self.page, expression), wanted)

    @contextmanager
    def counting(self, name, *calls, active=1, t, wanted=None):
        """Spoil the truth, show a frame, count what is done in the block, and wait until all is right."""
        self.spoil(*calls, active=active)
        self.person.go(t)
        self.person.count()
        yield self.person
        self.end(name, wanted)

    def end(self, name, wanted=None):
        """Wait until all is right, and note what it took since the last note."""
        wait_for_tracks(self.page, self.truth if wanted is None else wanted)
        self.is_so("repr(tracker.last_error)", "None")
        self.used[name] = self.person.count()


@pytest.fixture
def corrector(open_notebook):
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(SOURCE)], metadata=metadata)
    page = open_notebook("actions.ipynb", "lab", source=nbformat.writes(notebook))
    page.set_default_timeout(30_000)
    corrector = Corrector(page)
    corrector.person.canvas.click(2, 2)  # on the background: from now on the keys go to the image
    return corrector


def correct_links(corrector):
    parted = corrector.would_be("unlink(4, 9)")
    with corrector.counting("add a missing link", "unlink(4, 9)", t=9) as person:
        person.point(9, 4)
        person.press("l")
    with corrector.counting("break a wrong link", t=9, wanted=parted) as person:
        person.point(9, 4)
        person.press("u")
    person.press("z")
    corrector.end("undo any of these")
    with corrector.counting("swap two identities from here on", "swap(1, 5, 9)", active=3, t=9) as person:
        person.click(9, 1, key="Shift")
        person.point(9, 5)
        person.press("x")
    with corrector.counting("the same, one of the two is the active track", "swap(1, 5, 9)", t=9) as person:
        person.point(9, 1)
        person.press("x")


def correct_divisions(corrector):
    undivided = corrector.would_be("undivide(2)")
    with corrector.counting("division, second daughter missing", *MISSED, t=5) as person:
        person.click(5, 5, key="Shift")
        person.point(5, 6)
        person.press("Shift+D")
    with corrector.counting("the same, the mother is the active track", *MISSED, active=2, t=5) as person:
        person.point(5, 6)
        person.press("Shift+D")
    with corrector.counting("division, both daughters missing", "undivide(2)", t=4) as person:
        person.press("d")
        until(lambda: "Click the object that divides" in person.canvas.said())
        person.click(4, 2)
        person.canvas.wait("t", 5)
        person.click(5, 5)
        until(lambda: "Click the second daughter" in person.canvas.said())
        person.click(5, 6)
    with corrector.counting("remove a wrong division", t=5, wanted=undivided) as person:
        person.point(5, 6)
        person.press("u")


def correct_objects(corrector):
    in_track = f"assign{(*SPECK, 7)}"
    merged = corrector.would_be("unassign(8, 4, 4)", "assign(8, 3, 4)")
    with corrector.counting("delete a false detection", t=8) as person:
        person.point(*SPECK)
        person.press("f")
        corrector.is_so(f"session.lineage.is_false{SPECK}")
    with corrector.counting("the same, it is in a track", in_track, t=8) as person:
        person.point(*SPECK)
        person.press("Shift+F")
        corrector.is_so(f"session.lineage.is_false{SPECK}")
    with corrector.counting("take an object from its track", in_track, t=8) as person:
        person.point(*SPECK)
        person.press("Delete")
    with corrector.counting("delete a whole track", in_track, t=8) as person:
        person.click(*SPECK, key="Shift")
        corrector.is_so("tracker.viewer.canvas.state.active_track", 7)
        person.button("Delete track")
    with corrector.counting(
        "give an object a second track (merger)", "unassign(8, 4, 4)", t=7, wanted=merged
    ) as person:
        person.click(7, 4, key="Shift")
        person.go(8)
        person.click(8, 3)


def track_on(corrector):
    grown = corrector.would_be("forget(3, t=7, scope='later')")
    taken = corrector.would_be("undivide(2)", "link((4, 2), (5, 5))", "delete_track(6)")
    with corrector.counting(
        "extend a track by a frame, Auto-follow off", "forget(3, t=6, scope='later')", active=3, t=6, wanted=grown
    ) as person:
        person.click(6, 3)

    person.press("o")
    corrector.is_so("tracker.actions.auto")
    ends = ("undivide(2)", "delete_track(5)", "delete_track(6)")
    with corrector.counting("take the most likely object in a doubtful frame", *ends, active=2, t=4, wanted=taken):
        person.point(4, 2)
        person.press("w")
        person.canvas.wait("t", 5)
        person.count()
        person.press("1")
    with corrector.counting("track an object through all 12 frames, Auto-follow on", "delete_track(3)", active=3, t=0):
        person.click(0, 3)
    corrector.end("extend a track by a frame")
    person.canvas.wait("t", SPECK[0])
    corrector.end("go to the next place after the end of a track")
    person.point(*SPECK)
    person.press("f")
    corrector.is_so(f"session.lineage.is_false{SPECK}")
    person.count()
    person.canvas.wait("t", LATER_SPECK[0])
    corrector.end("go to the next place after a false detection")


def printed():
    """The tables as markdown."""
    head = ("correction", "ilastik", "TrackMate 8", "motile_tracker", "DeepCell Label", "Mastodon", "goal", "nbtrack")
    lines = [head, ("---",) * len(head), *((name, *cells) for name, cells in TABLE.items()), ()]
    lines += [("further actions", "nbtrack"), ("---",) * 2, *OTHERS.items()]
    return "\n".join(f"| {' | '.join(map(str, line))} |" if line else "" for line in lines)


def test_the_table_of_actions_is_what_a_person_needs(corrector) -> None:
    for rows in (correct_links, correct_divisions, correct_objects, track_on):
        rows(corrector)
    used = {name: cells[-1] for name, cells in TABLE.items()} | OTHERS
    assert corrector.used == used
    assert all(cells[-1] <= cells[-2] for cells in TABLE.values())
    print("\n\n" + printed())
