"""What is known of objects while they are labelled, as colours, badges and words."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from nbtrack.rendering.colors import FALSE_ALPHA, OPAQUE, track_color, value_colors
from nbtrack.widgets.classify_side import ANSWERS, QUESTIONS, answer_color

if TYPE_CHECKING:
    from nbtrack.classifiers.labelling import Labelling

BADGES: dict[str, dict[int, str]] = {"counts": {0: "F"}, "divisions": {0: "n", 1: "D"}}
"""What is written on labelled objects; a count is written as a number."""


class ClassColors:
    """The answers to one question at a time, as they are labelled and predicted.

    Parameters
    ----------
    labelling : Labelling
        Labels and predictions.

    Attributes
    ----------
    question : str
        "counts" or "divisions".
    shown : str
        What the colours say, one of `nbtrack.widgets.classify_side.SHOWN`.
    """

    def __init__(self, labelling: Labelling) -> None:
        self._labelling = labelling
        self.question, self.shown = "counts", "prediction"
        self._predicted: dict[str, np.ndarray] = {}
        self._uncertain: dict[str, np.ndarray] = {}

    def update(self) -> None:
        """Take over new predictions."""
        self._predicted = {name: self._labelling.predicted(name) for name in QUESTIONS}
        self._uncertain = {name: self._labelling.uncertainty(name) for name in QUESTIONS}

    def given(self) -> Counter[int]:
        """Count the labels of each answer."""
        return Counter(int(value) for value in getattr(self._labelling.labels, self.question).values())

    def predicted(self) -> Counter[int] | None:
        """Count the objects of the movie that each answer is predicted for; None if nothing was learned."""
        found = self._predicted.get(self.question, np.zeros(0))
        return Counter(found.tolist()) if len(found) and (found >= 0).all() else None

    def paint(self, t: int, object_ids: np.ndarray) -> np.ndarray:
        """Colour objects of a frame; see `nbtrack.rendering.colors.color_table`."""
        detections = self._labelling.detections
        part = detections.rows_of(t)
        rows = part.start + np.searchsorted(detections.table["object_id"].to_numpy()[part], object_ids)
        if self.shown == "uncertainty" and self.question in self._uncertain:
            colors = value_colors(self._uncertain[self.question][rows], (0.0, 1.0))
            return np.column_stack([colors, np.full(len(rows), OPAQUE, np.uint8)])
        answers = np.full(len(rows), -1)
        if self.shown == "prediction" and self.question in self._predicted:
            answers = self._predicted[self.question][rows]
        for k, object_id in enumerate(object_ids.tolist()):
            label = self.label_of(t, object_id)
            answers[k] = answers[k] if label is None else label
        table = np.zeros((len(answers), 4), np.uint8)
        for answer in np.unique(answers[answers >= 0]).tolist():
            color = answer_color(self.question, answer)
            table[answers == answer] = (*track_color(color), OPAQUE if color > 0 else FALSE_ALPHA)
        return table

    def badges(self, t: int) -> dict[int, str]:
        """Tell what is written on the labelled objects of a frame."""
        texts, labels = BADGES[self.question], getattr(self._labelling.labels, self.question)
        return {i: texts.get(int(value), str(int(value))) for (frame, i), value in labels.items() if frame == t}

    def label_of(self, t: int, object_id: int) -> int | None:
        """Tell the label of an object, None if it has none."""
        label = self._labelling.labels.get(t, object_id)
        value = label.count if self.question == "counts" else label.dividing
        return None if value is None else int(value)

    def describe(self, t: int, object_id: int) -> str:
        """Say what is known of an object."""
        label = self.label_of(t, object_id)
        if label is not None:
            return f"Object {object_id}: {_name(self.question, label)} (labelled)"
        answer, sure = self._guess(t, object_id)
        known = f": {_name(self.question, answer)} ({sure:.0%} sure)" if answer >= 0 else ""
        return f"Object {object_id}{known}"

    def _guess(self, t: int, object_id: int) -> tuple[int, float]:
        """Tell the predicted answer and its probability; -1 if nothing was learned."""
        if not self._labelling.is_learned or self.question not in self._predicted:
            return -1, 0.0
        table, p = self._labelling.detections.table, self._labelling.probabilities
        row = int(np.flatnonzero((table["t"] == t) & (table["object_id"] == object_id))[0])
        answer = int(self._predicted[self.question][row])
        if answer < 0 or self.question == "counts":
            return answer, float(p[f"p_count_{answer}"].iloc[row]) if answer >= 0 else 0.0
        dividing = float(p["p_division"].iloc[row])
        return answer, dividing if answer else 1 - dividing


def _name(question: str, answer: int) -> str:
    return ANSWERS[question].get(answer, f"{answer} objects").lower()
