"""The column beside the image of the labelling: the question, its answers, where to label next, what was learned."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets
from ipywidgets import Layout

from nbtrack.rendering.colors import hex_color
from nbtrack.widgets.controls import small_button
from nbtrack.widgets.keymap import key_of
from nbtrack.widgets.panel import box, caption, row

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

QUESTIONS = {"counts": "Object count", "divisions": "Division"}
"""What can be asked of an object."""
ANSWERS: dict[str, dict[int, str]] = {
    "counts": {0: "False detection", 1: "One object", 2: "Two objects", 3: "Three objects", 4: "Four objects"},
    "divisions": {1: "Dividing", 0: "Not dividing"},
}
"""The answers to each question, by their value."""
SHOWN = {"prediction": "Prediction", "uncertainty": "Uncertainty", "labels": "Labels only"}
"""What the colours of the objects can say."""
SIDE = 290
"""Width of the column in CSS pixels."""
_HINTS = {
    "counts": "How many objects lie under one mask? Label a few of each kind; three labels are enough to begin.",
    "divisions": "Does it divide into two before the next frame? Label mothers in their last frame, and a few others.",
}


def key_of_answer(question: str, value: int) -> str:
    """Tell the key that gives an answer."""
    return key_of(f"label_{value}" if question == "counts" else "label_dividing" if value else "label_not_dividing")


def answer_color(question: str, value: int) -> int:
    """Tell the number of the colour of an answer: that of a track, -1 for false detections."""
    if question == "divisions":
        return 2 if value else 1
    return value if value > 0 else -1


class AnswerBox:
    """The question and its answers: a button each, with its key, its labels and how often it is predicted.

    Parameters
    ----------
    guard : callable
        Wraps handlers.
    on_question : callable
        Called with ``"counts"`` or ``"divisions"``.
    on_answer : callable
        Called with the value that a click gives from now on.

    Attributes
    ----------
    question : str
        What is asked.
    answer : int
        What a click says.
    buttons : dict of int to Button
        By the value of the answer.
    widget : ipywidgets.VBox
        The box.
    """

    def __init__(
        self,
        *,
        guard: Callable[..., Any],
        on_question: Callable[[str], object],
        on_answer: Callable[[int], object],
    ) -> None:
        self._guard, self._on_answer = guard, on_answer
        self.question, self.answer = "counts", 1
        self.buttons: dict[int, ipywidgets.Button] = {}
        self._figures: dict[int, ipywidgets.HTML] = {}
        self.questions = ipywidgets.ToggleButtons(
            options=[(text, name) for name, text in QUESTIONS.items()],
            layout=Layout(margin="0"),
            style={"button_width": f"{(SIDE - 36) // 2}px"},
        )
        self.questions.add_class("nbt-questions")

        def ask(change: dict[str, Any]) -> None:
            self._ask(change["new"])
            on_question(change["new"])

        self.questions.observe(guard(ask), "value")
        self._hint = ipywidgets.HTML(layout=Layout(margin="0"))
        self._rows = ipywidgets.VBox(layout=Layout(margin="0"))
        self._rows.add_class("nbt-answers-list")
        self.widget = box("What is asked", self.questions, self._hint, self._rows)
        self._ask("counts")

    def choose(self, answer: int) -> None:
        """Let a click say something else.

        Parameters
        ----------
        answer : int
            A value of the question.
        """
        self.answer = answer
        for value, button in self.buttons.items():
            button.button_style = "primary" if value == answer else ""

    def show(self, labels: Mapping[int, int], predicted: Mapping[int, int] | None) -> None:
        """Show how often each answer was given and is predicted.

        Parameters
        ----------
        labels : mapping of int to int
            Labels by value.
        predicted : mapping of int to int or None
            Objects of the movie by value; None if nothing was learned.
        """
        for value, figure in self._figures.items():
            guess = "–" if predicted is None else f"{predicted.get(value, 0):,}"
            figure.value = f'<div class="nbt-answer"><b>{labels.get(value, 0)}</b><i>{guess}</i></div>'

    def _ask(self, question: str) -> None:
        self.question = question
        self._hint.value = f'<div class="nbt-sentence-small">{_HINTS[question]}</div>'
        self.buttons, self._figures = {}, {}
        head = ipywidgets.HTML('<div class="nbt-answer"><i>labels</i><i>predicted</i></div>', layout=Layout(margin="0"))
        rows = [row(ipywidgets.HTML(layout=Layout(width="166px", margin="0")), head)]
        for value, text in ANSWERS[question].items():
            key = key_of_answer(question, value)
            tip = f"A click says so from now on; the key {key} says it of the object under the mouse"
            button = small_button("", tip, self._guard(lambda value=value: self._choose(value)), width="146px")
            button.description = f"{text} ({key})"
            button.add_class("nbt-answer-button")
            swatch = ipywidgets.HTML(
                f'<div class="nbt-swatch-small{" nbt-hatched" * (answer_color(question, value) < 0)}" '
                f'style="background:{hex_color(answer_color(question, value))}"></div>',
                layout=Layout(width="14px", margin="0"),
            )
            self.buttons[value] = button
            self._figures[value] = ipywidgets.HTML(layout=Layout(margin="0", flex="1 1 auto"))
            rows.append(row(swatch, button, self._figures[value]))
        self._rows.children = rows
        self.choose(1)

    def _choose(self, value: int) -> None:
        self.choose(value)
        self._on_answer(value)


class TourBox:
    """What the colours say, the way to objects worth a label, undo and redo.

    Parameters
    ----------
    guard : callable
        Wraps handlers.
    on_tour : callable
        Called with ``"uncertain"``, ``"largest"`` or ``"smallest"``.
    on_shown : callable
        Called with a name of `SHOWN`.
    on_live : callable
        Called with whether every label is learned at once.
    on_undo, on_redo : callable
        Called without arguments.

    Attributes
    ----------
    shown : ipywidgets.Dropdown
        What the colours say.
    live : ipywidgets.Checkbox
        Whether every label is learned at once.
    undo, redo : ipywidgets.Button
        Disabled where there is nothing to undo or redo.
    widget : ipywidgets.VBox
        The box.
    """

    def __init__(
        self,
        *,
        guard: Callable[..., Any],
        on_tour: Callable[[str], object],
        on_shown: Callable[[str], object],
        on_live: Callable[[bool], object],
        on_undo: Callable[[], object],
        on_redo: Callable[[], object],
    ) -> None:
        self.shown = ipywidgets.Dropdown(
            options=[(text, name) for name, text in SHOWN.items()], layout=Layout(width="auto", flex="1 1 auto")
        )
        self.shown.observe(guard(lambda change: on_shown(change["new"])), "value")
        self.live = ipywidgets.Checkbox(
            value=True, description="Live prediction", indent=False, layout=Layout(width="auto", margin="0"),
            tooltip="Learn from every label at once",
        )  # fmt: skip
        self.live.add_class("nbt-check")
        self.live.observe(guard(lambda change: on_live(change["new"])), "value")
        tips = {
            "uncertain": ("Uncertain", f"The object the prediction is least sure of ({key_of('most_uncertain')})"),
            "largest": ("Largest", "The largest object without a label: two under one mask?"),
            "smallest": ("Smallest", "The smallest object without a label: a false detection?"),
        }
        tours = [
            small_button("", tip, guard(lambda name=name: on_tour(name)), text=text, width="auto")
            for name, (text, tip) in tips.items()
        ]
        for button in tours:
            button.layout.flex = "1 1 0"
        self.undo = small_button("undo", f"Take the last label back ({key_of('undo_label')})", guard(on_undo))
        self.redo = small_button("repeat", f"Do it again ({key_of('redo_label')})", guard(on_redo))
        for button, text in ((self.undo, "Undo"), (self.redo, "Redo")):
            button.description, button.layout.width, button.layout.flex = text, "auto", "1 1 0"
        self.widget = box(
            "Where to label next",
            row(*tours),
            row(caption("Colours", "56px"), self.shown),
            self.live,
            row(self.undo, self.redo),
        )


class ReuseBox:
    """Take over what was learned elsewhere, and keep what was learned here.

    Parameters
    ----------
    guard : callable
        Wraps handlers.
    on_load, on_save : callable
        Called with the path.

    Attributes
    ----------
    path : ipywidgets.Text
        The file.
    said : ipywidgets.HTML
        What the prediction was learned from.
    widget : ipywidgets.VBox
        The box.
    """

    def __init__(
        self, *, guard: Callable[..., Any], on_load: Callable[[str], object], on_save: Callable[[str], object]
    ) -> None:
        self.path = ipywidgets.Text(
            placeholder="classifier.json, labels.json, project.ilp", layout=Layout(width="100%", margin="0")
        )
        load = small_button("", "Learn from a classifier, from labels, or from the labels of an ilastik project",
                            guard(lambda: on_load(self.path.value)), text="Load", width="auto")  # fmt: skip
        save = small_button("", "Write what was learned here to a file, for the next movie",
                            guard(lambda: on_save(self.path.value)), text="Save", width="auto")  # fmt: skip
        for button in (load, save):
            button.layout.flex = "1 1 0"
        self.said = ipywidgets.HTML(layout=Layout(margin="0"))
        self.widget = box("Other movies", self.said, self.path, row(load, save))

    def show(self, text: str) -> None:
        """Say what the prediction was learned from."""
        self.said.value = f'<div class="nbt-sentence-small">{escape(text)}</div>'
