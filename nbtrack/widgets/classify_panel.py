"""Label objects by clicking, with the classifier looking on: how many cells each holds, and whether it divides.

The image (`Viewer`) shows the answer that is predicted for every object, labelled ones with a badge. A click gives the
chosen label, a key gives its label to the object under the mouse, a right click opens a menu. Each label is learned at
once, beside everything else, and the colours follow.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets
from ipywidgets import Layout

from nbtrack.classifiers.ilastik import read_ilastik
from nbtrack.classifiers.labelling import CLASSIFIER_FILE, Labelling
from nbtrack.classifiers.labels import Labels
from nbtrack.classifiers.object_classifier import ObjectClassifier
from nbtrack.errors import InputError
from nbtrack.tracking import check_movie
from nbtrack.widgets.background import run_beside
from nbtrack.widgets.classify_colors import ClassColors
from nbtrack.widgets.classify_side import (
    ANSWERS,
    QUESTIONS,
    SIDE,
    AnswerBox,
    ReuseBox,
    TourBox,
    key_of_answer,
)
from nbtrack.widgets.keymap import help_table, kernel_keys
from nbtrack.widgets.menu import Entry, PointerMenu
from nbtrack.widgets.panel import WIDTH, slider_keys
from nbtrack.widgets.viewer import Viewer

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.display import Image

    from nbtrack.classifiers.labels import LabelChange
    from nbtrack.data.detections import Detections
    from nbtrack.data.movie import Movie
    from nbtrack.widgets.image_view import KeyEvent, PointerEvent
    from nbtrack.widgets.viewer import Backend

TOUR = 50
"""Objects that are visited in turn before the list is made anew."""


class ClassifyPanel:
    """Label objects: the image on the left, question, answers and the way to the next object on the right.

    Parameters
    ----------
    labelling : Labelling or Detections
        Objects with the labels so far, or objects alone.
    movie : Movie, optional
        Raw images, if objects alone are given.
    channel : int, optional
        Channel of the movie to show.
    backend : {"canvas", "image"}, optional
        How the image is shown: "image" is for front ends that block modules of others.

    Attributes
    ----------
    labelling : Labelling
        Labels, classifier and probabilities; `labelling.classified` is what `nbtrack.track` takes.
    question : str
        What is asked: "counts" or "divisions".
    viewer : Viewer
        The image view.
    widget : ipywidgets.Widget
        The root, to embed elsewhere.
    last_error : Exception or None
        The last exception of a handler.

    Raises
    ------
    InputError
        If movie and objects do not belong together.
    """

    def __init__(
        self,
        labelling: Labelling | Detections,
        movie: Movie | None = None,
        *,
        channel: int = 0,
        backend: Backend = "canvas",
    ) -> None:
        if not isinstance(labelling, Labelling):
            if movie is not None:
                check_movie(movie, labelling)
            labelling = Labelling(labelling, movie)
        self.labelling = labelling
        self._colors = ClassColors(labelling)
        self.viewer = Viewer(
            labelling.movie,
            detections=labelling.detections,
            channel=channel,
            panel="classify",
            view_height=500,
            paint=self._colors.paint,
            backend=backend,
        )
        self.messages = self.viewer.messages
        self._learning = self._again = self._closed = False
        self._tour: dict[str, list[tuple[int, int]]] = {}
        self._last: tuple[int, int] | None = None
        self._learned: list[Callable[[], object]] = []
        self._build()
        self._stop = labelling.on_change(self.messages.guard(self._changed))
        self._badge = self.messages.guard(lambda _: self._show_badges())
        self.viewer.canvas.state.observe(self._badge, "t")
        self._show_labels()
        self.messages.say(
            "Choose an answer on the right and click objects, or rest the mouse on one and press the key of its "
            "answer. Begin with the largest and the smallest objects.",
            "hint",
        )
        self._learn()

    def __dir__(self) -> list[str]:
        """List what a user needs."""
        names = ["close", "labelling", "last_error", "messages", "question", "snapshot", "viewer", "widget"]
        return sorted([*names, "ask", "goto_next", "label", "load", "save"])

    def __repr__(self) -> str:
        return f"<ClassifyPanel of {self.labelling!r}>"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self.widget._repr_mimebundle_(**kwargs)

    @property
    def last_error(self) -> Exception | None:
        """The last exception of a handler."""
        return self.messages.last_error

    @property
    def question(self) -> str:
        """What is asked: "counts" or "divisions"."""
        return self._colors.question

    # ------------------------------------------------------------------ actions
    def ask(self, question: str) -> None:
        """Ask something else.

        Parameters
        ----------
        question : {"counts", "divisions"}
            What.

        Raises
        ------
        InputError
            If it is neither.
        """
        if question not in QUESTIONS:
            raise InputError(f"`question` must be one of {list(QUESTIONS)}: got {question!r}.")
        self._answers.questions.value = question

    def label(self, t: int, object_id: int, answer: int | None) -> None:
        """Give an answer to the question.

        Parameters
        ----------
        t, object_id : int
            The object.
        answer : int or None
            A number of cells, or 1 for dividing and 0 for not; None takes the label back.

        Raises
        ------
        InputError
            If there is no such object or answer.
        """
        if self.question == "counts":
            change = self.labelling.set_count(t, object_id, answer)
        else:
            change = self.labelling.set_division(t, object_id, None if answer is None else bool(answer))
        self.messages.say(change.message)

    def goto_next(self, which: str = "uncertain") -> None:
        """Show the next object that is worth a label.

        Parameters
        ----------
        which : {"uncertain", "largest", "smallest"}
            Which one; asked again, it goes on to the one after.

        Raises
        ------
        InputError
            If it is none of these.
        """
        kinds = {
            "uncertain": self.labelling.most_uncertain,
            "largest": self.labelling.largest,
            "smallest": self.labelling.smallest,
        }
        if which not in kinds:
            raise InputError(f"`which` must be one of {list(kinds)}: got {which!r}.")
        labelled = getattr(self.labelling.labels, self.question)
        tour = [key for key in self._tour.get(which, []) if key not in labelled]
        if self._last in tour:
            tour = tour[tour.index(self._last) + 1 :]
        if not tour:
            tour = kinds[which](TOUR, self.question)
        self._tour = {which: tour}
        if not tour:
            self.messages.say("Every object has a label.", "hint")
            return
        self._last = tour[0]
        self.viewer.canvas.look_at(*self._last)
        self.messages.say(f"{self._colors.describe(*self._last)}. What is it?", "hint")

    def load(self, path: str | Path) -> None:
        """Learn from a classifier, from labels, or from the labels of an ilastik project.

        Parameters
        ----------
        path : str or Path
            What `save` or `Labelling.save` wrote, or an ``.ilp`` file with labelled objects of this movie.

        Raises
        ------
        InputError
            If the file cannot be read or does not belong to this movie.
        """
        path = _given(path)
        if path.suffix == ".ilp":
            said = self.labelling.take_labels(read_ilastik(path)).message
        elif "labels" in path.name:
            said = self.labelling.take_labels(Labels.load(path, self.labelling.detections)).message
        else:
            self.labelling.learn_from(ObjectClassifier.load(path))
            self._follow()
            said = f"The prediction goes on from {path.name}."
        self.messages.say(said)

    def save(self, path: str | Path) -> None:
        """Write what was learned here to a file, for the next movie.

        Parameters
        ----------
        path : str or Path
            A JSON file.

        Raises
        ------
        InputError
            If nothing was learned yet, or the file cannot be written.
        """
        path = _given(path)
        if path.suffix != ".json":
            path = path / CLASSIFIER_FILE
        classifier = self.labelling.classifier
        if classifier is None:
            raise InputError("There is nothing to save yet: label some objects first.")
        classifier.save(path)
        self.messages.say(f"What was learned was saved as {path}. Load it with the next movie.")

    def on_learned(self, callback: Callable[[], object]) -> None:
        """Call a function when new probabilities are there; it runs under the guard."""
        self._learned.append(callback)

    def snapshot(self, t: int | None = None) -> Image:
        """Make a static picture of a frame as it is shown, for pages without a kernel.

        Parameters
        ----------
        t : int, optional
            Frame; the one on screen if not given.

        Returns
        -------
        IPython.display.Image
            A PNG of the whole slice; its bytes are in `data`.
        """
        return self.viewer.snapshot(t)

    def close(self) -> None:
        """Stop following the labels, and take the panel off the page; the labels are kept."""
        self._closed = True
        self._stop()
        self.viewer.canvas.state.unobserve(self._badge, "t")
        self.viewer.close()
        self.widget.close()

    # ------------------------------------------------------------------ parts
    def _build(self) -> None:
        guard, labelling = self.messages.guard, self.labelling
        self._menu = PointerMenu(guard)
        self._help = ipywidgets.HTML(
            f'<div class="nbt-help-table">{help_table("classify")}</div>', layout=Layout(display="none", margin="0")
        )
        self._help.add_class("nbt-help")
        for overlay in (self._menu.widget, self._help):
            self.viewer.add_overlay(overlay)
        self.viewer.canvas.on_pick(self._pick)
        self.viewer.canvas.on_key(self._press)
        self._keys = kernel_keys("classify")
        self._answers = AnswerBox(
            guard=guard,
            on_question=self._ask,
            on_answer=lambda value: self.messages.say(
                f"A click says: {ANSWERS[self.question][value].lower()}.", "hint"
            ),
        )
        self._tours = TourBox(
            guard=guard,
            on_tour=self.goto_next,
            on_shown=self._show,
            on_live=lambda live: self._learn() if live else None,
            on_undo=lambda: self.messages.say(labelling.undo().message),
            on_redo=lambda: self.messages.say(labelling.redo().message),
        )
        self._reuse = ReuseBox(guard=guard, on_load=self.load, on_save=self.save)
        side = ipywidgets.VBox(
            [self._answers.widget, self._tours.widget, self._reuse.widget],
            layout=Layout(flex=f"0 1 {SIDE}px", min_width=f"{SIDE}px", margin="0"),
        )
        side.add_class("nbt-side")
        self.viewer.widget.layout.flex = "1 1 460px"
        self.viewer.widget.layout.max_width = f"{WIDTH - SIDE - 12}px"
        top = ipywidgets.HBox([self.viewer.widget, side], layout=Layout(flex_flow="row wrap", margin="0"))
        top.add_class("nbt-tracker")
        self.widget = ipywidgets.VBox([slider_keys(), top], layout=Layout(width="100%", max_width=f"{WIDTH}px"))
        self.widget.add_class("nbt-panel")
        self.widget.add_class("nbt-classify")

    # ------------------------------------------------------------------ mouse and keys
    def _pick(self, event: PointerEvent) -> None:
        self._menu.close()
        if not event.object_id:
            return
        if event.button == 2:
            self._open_menu(event)
        else:
            self.label(event.t, event.object_id, self._answers.answer)

    def _open_menu(self, event: PointerEvent) -> None:
        t, object_id = event.t, event.object_id
        entries = [
            Entry(f"{text} ({key_of_answer(self.question, value)})", partial(self.label, t, object_id, value))
            for value, text in ANSWERS[self.question].items()
        ]
        known = self._colors.label_of(t, object_id) is not None
        entries.append(
            Entry("Take the label back (Del)", (lambda: self.label(t, object_id, None)) if known else None,
                  "" if known else "It has no label")
        )  # fmt: skip
        self._menu.open(self._colors.describe(t, object_id), entries, event.left, event.top)

    def _press(self, event: KeyEvent) -> None:
        action = self._keys.get(event.key, "")
        if action == "close_menu":
            self._menu.close()
            self._help.layout.display = "none"
        elif action == "help":
            self._help.layout.display = "none" if self._help.layout.display != "none" else ""
        elif action == "most_uncertain":
            self.goto_next()
        elif action == "undo_label":
            self.messages.say(self.labelling.undo().message)
        elif action == "redo_label":
            self.messages.say(self.labelling.redo().message)
        elif action == "unlabel" or action.startswith("label_"):
            self._answer_by_key(action, event)

    def _answer_by_key(self, action: str, event: KeyEvent) -> None:
        """Label the object under the mouse; the key tells the question too."""
        if not event.object_id:
            self.messages.say("Rest the mouse on the object that the key is for.", "hint")
            return
        if action == "unlabel":
            self.label(event.t, event.object_id, None)
            return
        what = action.removeprefix("label_")
        self.ask("divisions" if what.endswith("dividing") else "counts")
        answer = int(what == "dividing") if what.endswith("dividing") else int(what)
        self._answers.choose(answer)
        self.label(event.t, event.object_id, answer)

    # ------------------------------------------------------------------ what follows from labels
    def _changed(self, change: LabelChange) -> None:
        self._show_labels()
        self.viewer.canvas.paint(zip(change.frames, change.object_ids, strict=True))
        if self._tours.live.value:
            self._learn()

    def _show(self, what: str) -> None:
        self._colors.shown = what
        self.viewer.refresh()

    def _ask(self, question: str) -> None:
        self._colors.question, self._last, self._tour = question, None, {}
        self._follow_prediction()

    def _follow(self) -> None:
        self._show_labels()
        self._learn()

    def _learn(self) -> None:
        """Learn from the labels beside everything else; what comes meanwhile is learned afterwards."""
        if self._learning:
            self._again = True
            return
        if self.labelling.is_learned or not (len(self.labelling.labels) or self.labelling.base is not None):
            self._take()
            return
        self._learning = True
        labelling = self.labelling

        def work(tell: Callable[..., None]) -> None:
            labelling.measure(tell)
            _ = labelling.probabilities

        run_beside(work, progress=self._show_progress, done=self.messages.guard(self._end))

    def _show_progress(self, done: int, total: int) -> None:
        if not self._closed and done < total:
            self.messages.say(f"Measuring the objects: frame {done} of {total} …", "hint")

    def _end(self, end: Callable[[], None]) -> None:
        self._learning = False
        if self._closed:
            return
        end()
        again, self._again = self._again, False
        if again or not self.labelling.is_learned:
            self._learn()
        else:
            self._take()

    def _take(self) -> None:
        """Show the new probabilities."""
        self._colors.update()
        self._follow_prediction()
        for callback in tuple(self._learned):
            self.messages.guard(callback)()

    def _follow_prediction(self) -> None:
        self._show_labels()
        self.viewer.refresh()

    def _show_labels(self) -> None:
        labels = self.labelling.labels
        self._tours.undo.disabled, self._tours.redo.disabled = not labels.can_undo, not labels.can_redo
        self._answers.show(self._colors.given(), self._colors.predicted())
        base = self.labelling.base
        before = "" if base is None else f"Learned from other movies: {_count_lessons(base)}. "
        lost = f" {len(labels.lost)} labels found no object." if len(labels.lost) else ""
        self._reuse.show(f"{before}Labelled here: {len(labels)}.{lost}")
        self._show_badges()

    def _show_badges(self) -> None:
        """Write the labels of the frame on its objects."""
        self.viewer.canvas.badge(self.viewer.t, self._colors.badges(self.viewer.t))


def _given(path: str | Path) -> Path:
    if not str(path).strip():
        raise InputError("`path` is empty. Type the path of a file.")
    return Path(path).expanduser()


def _count_lessons(classifier: ObjectClassifier) -> str:
    return ", ".join(f"{len(lesson.labels)} {name}" for name, lesson in classifier.lessons.items())
