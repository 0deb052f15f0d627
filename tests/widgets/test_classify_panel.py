import re

import numpy as np
import pytest

from nbtrack.classifiers.labelling import Labelling
from nbtrack.errors import InputError
from nbtrack.rendering.colors import FALSE_ALPHA, track_color
from nbtrack.samples import sample
from nbtrack.segmentation import segment
from nbtrack.widgets.classify_panel import ClassifyPanel


@pytest.fixture(scope="module")
def shapes():
    made = sample("shapes")
    return segment(made.prediction, channel=1), made.raw


@pytest.fixture
def panel(detections, movie):
    return ClassifyPanel(detections, movie)


def colors(panel, t=0):
    return panel.viewer.feed.colors(t).rgba


def figures(panel):
    """Labels and predictions of each answer, as they are written."""
    return {
        value: tuple(int(n) for n in re.findall(r">([\d,]+)<", figure.value))
        for value, figure in panel._answers._figures.items()
    }


def test_clicks_give_the_chosen_label_and_colours_follow(panel, click) -> None:
    canvas = panel.viewer.canvas
    assert not colors(panel).any(), "nothing is known yet"
    click(canvas, 1)
    assert panel.labelling.labels.counts == {(0, 1): 1}
    assert panel.messages.text == "Object 1 of frame 0 is one cell."
    panel._answers.buttons[0].click()
    assert panel.messages.text == "A click says: false detection."
    click(canvas, 2)
    panel._answers.buttons[2].click()
    click(canvas, 5)
    assert panel.labelling.labels.counts == {(0, 1): 1, (0, 2): 0, (0, 5): 2}
    assert colors(panel)[:, :3].tolist() == [list(track_color(k)) for k in (1, -1, 2)]
    assert colors(panel)[1, 3] == FALSE_ALPHA
    click(canvas, 0)
    assert len(panel.labelling.labels) == 3, "the background has no label"
    assert panel.last_error is None


def test_keys_label_the_object_under_the_mouse_and_tell_the_question(panel, press) -> None:
    canvas, labels = panel.viewer.canvas, panel.labelling.labels
    for key, object_id in (("2", 1), ("f", 2), ("d", 5), ("n", 1)):
        press(canvas, key, object_id)
    assert labels.counts == {(0, 1): 2, (0, 2): 0}
    assert labels.divisions == {(0, 1): False, (0, 5): True}
    assert panel.question == "divisions"
    press(canvas, "Delete", 5)
    assert labels.divisions == {(0, 1): False}
    press(canvas, "z")
    assert labels.divisions == {(0, 1): False, (0, 5): True}
    press(canvas, "shift+z")
    assert labels.divisions == {(0, 1): False}
    press(canvas, "3")
    assert panel.messages.text == "Rest the mouse on the object that the key is for."
    press(canvas, "?")
    assert panel._help.layout.display == ""
    press(canvas, "Escape")
    assert panel._help.layout.display == "none"
    assert panel.last_error is None


def test_menu_says_what_is_known_and_labels(panel, click) -> None:
    canvas = panel.viewer.canvas
    click(canvas, 1, button=2)
    assert panel._menu.is_open
    assert [entry.text for entry in panel._menu.entries] == [
        "False detection (f)",
        "One object (1)",
        "Two objects (2)",
        "Three objects (3)",
        "Four objects (4)",
        "Take the label back (Del)",
    ]
    assert panel._menu.entries[-1].action is None
    panel._menu.choose(2)
    assert panel.labelling.labels.counts == {(0, 1): 2}
    click(canvas, 1, button=2)
    assert "Object 1: two objects (labelled)" in panel._menu._heading.value
    panel._menu.choose(5)
    assert panel.labelling.labels.counts == {}
    click(canvas, 2, button=2)
    click(canvas, 0)
    assert not panel._menu.is_open


def test_every_label_is_learned_at_once(shapes) -> None:
    panel = ClassifyPanel(*shapes)
    told = []
    panel.on_learned(lambda: told.append(len(panel.labelling.labels)))
    truth = sample("shapes")
    sizes = shapes[0].table.groupby("t")["size"].idxmax()
    for row, count in zip(sizes.tolist()[:3], (2, 2, 2), strict=True):
        panel.label(*shapes[0].table.loc[row, ["t", "object_id"]].astype(int), count)
    small = shapes[0].table["size"].idxmin()
    panel.label(*shapes[0].table.loc[small, ["t", "object_id"]].astype(int), 1)
    assert told == [1, 2, 3, 4]
    assert sum(predicted for _, predicted in figures(panel).values()) == len(shapes[0])
    assert figures(panel)[2][0] == 3
    panel._tours.shown.value = "uncertainty"
    uncertain = colors(panel)
    assert (uncertain[:, 3] == 255).all()
    panel._tours.shown.value = "labels"
    assert (colors(panel)[:, 3] > 0).sum() <= 4
    assert len(truth.prediction) == shapes[0].n_frames
    assert panel.last_error is None


def test_what_is_not_live_is_learned_later(panel, click) -> None:
    panel._tours.live.value = False
    click(panel.viewer.canvas, 1)
    assert all(len(found) == 1 for found in figures(panel).values()), "nothing predicted yet"
    panel._tours.live.value = True
    assert sum(predicted for _, predicted in figures(panel).values()) == len(panel.labelling.detections)


def test_a_tour_of_objects_without_a_label(panel) -> None:
    seen = []
    panel.viewer.canvas.look_at = lambda t, i: seen.append((t, i))
    for _ in range(3):
        panel.goto_next("largest")
    assert len(set(seen)) == 3
    panel.label(*seen[0], 1)
    panel.goto_next()
    assert seen[3] != seen[0]
    assert "What is it?" in panel.messages.text
    assert "% sure" in panel.messages.text
    for t, i in zip(*panel.labelling.detections.table[["t", "object_id"]].to_numpy().T.tolist(), strict=True):
        panel.label(t, i, 1)
    panel.goto_next("smallest")
    assert panel.messages.text == "Every object has a label."
    with pytest.raises(InputError, match=r"`which` must be one of \['uncertain', 'largest', 'smallest'\]: got 'best'"):
        panel.goto_next("best")
    with pytest.raises(InputError, match="`question` must be one of"):
        panel.ask("sizes")


def test_badges_write_labels_on_objects(panel, sent) -> None:
    panel.label(0, 1, 3)
    panel.label(0, 2, 0)
    badges = [message for message, _ in sent if message.get("type") == "badge"]
    assert badges[-1]["texts"] == {"1": "3", "2": "F"}
    panel.viewer.t = 1
    assert [message for message, _ in sent if message.get("type") == "badge"][-1]["texts"] == {}
    panel.viewer.t = 0
    panel.ask("divisions")
    panel.label(0, 5, 1)
    assert [message for message, _ in sent if message.get("type") == "badge"][-1]["texts"] == {"5": "D"}


def test_what_was_learned_goes_on_to_the_next_movie(panel, detections, movie, tmp_path) -> None:
    panel._reuse.path.value = str(tmp_path / "learned.json")
    with pytest.raises(InputError, match="There is nothing to save yet"):
        panel.save(tmp_path / "learned.json")
    for t, i, count in ((0, 1, 1), (0, 2, 2), (1, 5, 0)):
        panel.label(t, i, count)
    panel.save(tmp_path / "learned.json")
    panel.labelling.save(tmp_path / "here")
    other = ClassifyPanel(detections, movie)
    other.load(tmp_path / "learned.json")
    assert other.labelling.base is not None
    assert "Learned from other movies: 3 counts." in other._reuse.said.value
    assert np.allclose(other.labelling.probabilities, panel.labelling.probabilities)
    third = ClassifyPanel(detections, movie)
    third.load(tmp_path / "here" / "labels.json")
    assert third.labelling.labels.counts == panel.labelling.labels.counts
    assert third.messages.text == "3 objects were labelled."
    third._tours.undo.click()
    assert third.labelling.labels.counts == {}
    third._tours.redo.click()
    assert third.labelling.labels.counts == panel.labelling.labels.counts
    with pytest.raises(InputError, match="`path` is empty"):
        third.load(" ")
    third._reuse.path.value = str(tmp_path / "nothing.json")
    third._reuse.widget.children[-1].children[0].click()
    assert "nothing.json" in third.messages.text
    assert isinstance(third.last_error, InputError)


def test_volumes(volume, press) -> None:
    movie, detections = volume
    panel = ClassifyPanel(Labelling(detections, movie), backend="image")
    panel.label(0, 1, 1)
    assert len(colors(panel)) == 3
    assert panel.snapshot().data.startswith(b"\x89PNG")
    panel.close()


def test_code_gives_the_same_probabilities(panel, detections, movie) -> None:
    import nbtrack as nbt

    panel.label(0, 1, 1)
    panel.label(0, 2, 0)
    panel.ask("divisions")
    panel.label(1, 5, 1)
    names = {"nbt": nbt, "objects": detections, "raw": movie}
    exec(panel.labelling.as_python(), names)
    assert names["classified"].table.equals(panel.labelling.classified.table)
