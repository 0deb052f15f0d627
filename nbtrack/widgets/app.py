"""The panels of the workflow as tabs: from files to tracked objects."""

from __future__ import annotations

import contextlib
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets
from ipywidgets import Layout

from nbtrack.errors import InputError
from nbtrack.stages import STEPS, step_states
from nbtrack.widgets.auto_tracker import AutoTracker
from nbtrack.widgets.classify_panel import ClassifyPanel
from nbtrack.widgets.controls import small_button
from nbtrack.widgets.export_panel import ExportPanel
from nbtrack.widgets.input_panel import InputPanel
from nbtrack.widgets.manual_tracker import ManualTracker
from nbtrack.widgets.messages import Messages
from nbtrack.widgets.panel import WIDTH, style_sheet
from nbtrack.widgets.proofreader import Proofreader
from nbtrack.widgets.threshold_panel import ThresholdPanel
from nbtrack.workflow import Workflow

if TYPE_CHECKING:
    from pathlib import Path

    from IPython.display import Image

    from nbtrack.data.result import TrackingResult
    from nbtrack.editing.session import Session
    from nbtrack.project import Project

TABS = STEPS
"""The tabs in the order of the work."""
INPUT, THRESHOLD, CLASSIFY, BY_HAND, AUTOMATIC, CORRECT, EXPORT = range(len(TABS))
_STAGES = {"input": INPUT, "threshold": THRESHOLD, "track": BY_HAND}
_PANELS = {INPUT: InputPanel, THRESHOLD: ThresholdPanel, EXPORT: ExportPanel}
_SIGNS = {"to do": "○", "optional": "○", "done": "✓", "stale": "⚠"}


class App:
    """All panels as tabs, with a line that says where each step stands.

    Parameters
    ----------
    workflow : Workflow, Project, str or Path, optional
        What is worked on: a workflow, or the project it is kept in, which is opened where the work stopped. Without
        it, everything stays in memory.

    Attributes
    ----------
    workflow : Workflow
        What is worked on.
    tracker : ManualTracker or None
        The manual workbench, once its tab was opened.
    proofreader : Proofreader or None
        The correction of an automatic result, once its tab was opened; it is about the same session.
    auto : AutoTracker or None
        The automatic tracker, once its tab was opened.
    classify : ClassifyPanel or None
        The labelling of objects, once its tab was opened.
    widget : ipywidgets.Widget
        The root, to embed elsewhere.
    last_error : Exception or None
        The last exception of a handler of the tabs.
    """

    def __init__(self, workflow: Workflow | Project | str | Path | None = None) -> None:
        self.workflow = workflow if isinstance(workflow, Workflow) else Workflow(workflow)
        self.messages = Messages()
        self.messages.widget.layout.display = "none"
        self.messages.on_note(self._show_message)
        self.tracker: ManualTracker | None = None
        self.proofreader: Proofreader | None = None
        self.auto: AutoTracker | None = None
        self.classify: ClassifyPanel | None = None
        self._tracked: tuple[Any, ...] = ()
        self._panels: dict[int, Any] = {}
        self._pages = [ipywidgets.VBox(layout=Layout(margin="0")) for _ in TABS]
        self._next: dict[int, ipywidgets.Button] = {}
        self._tabs = ipywidgets.Tab(self._pages, titles=TABS, layout=Layout(margin="0"))
        self._tabs.add_class("nbt-tabs")
        self._states = ipywidgets.HTML(layout=Layout(margin="0 0 4px", width="auto"))
        self.widget = ipywidgets.VBox(
            [style_sheet(), self._states, self._tabs, self.messages.widget],
            layout=Layout(width="100%", max_width=f"{WIDTH + 26}px"),
        )
        self.widget.add_class("nbt-app")
        guard = self.messages.guard
        self._tabs.selected_index = CORRECT if self.workflow.corrects else _STAGES[self.workflow.stage]
        guard(self._open)(self._tabs.selected_index)
        self._tabs.observe(guard(lambda change: self._open(change["new"])), "selected_index")
        self._stop = self.workflow.on_change(guard(self._changed))

    def __dir__(self) -> list[str]:
        """List what a user needs."""
        names = ["auto", "classify", "close", "goto", "last_error", "messages", "proofreader", "snapshot", "tab"]
        return [*names, "tracker", "widget", "workflow"]

    def __repr__(self) -> str:
        return f"<App: {self.tab}, {self.workflow!r}>"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self.widget._repr_mimebundle_(**kwargs)

    @property
    def tab(self) -> str:
        """The tab on screen, one of `TABS`."""
        return TABS[self._tabs.selected_index or 0]

    @property
    def last_error(self) -> Exception | None:
        """The last exception of a handler, of the panels too."""
        parts = [*self._panels.values(), self.classify, self.tracker, self.proofreader, self.auto]
        errors = [self.messages.last_error, *(part.last_error for part in parts if part is not None)]
        return next((error for error in errors if error is not None), None)

    def goto(self, tab: str) -> None:
        """Open a tab.

        Parameters
        ----------
        tab : str
            One of `TABS`.

        Raises
        ------
        InputError
            If there is no such tab.
        """
        if tab not in TABS:
            raise InputError(f"`tab` must be one of {', '.join(map(repr, TABS))}: got {tab!r}.")
        self._tabs.selected_index = TABS.index(tab)

    def snapshot(self) -> Image:
        """Make a static picture of the tab on screen, for pages without a kernel."""
        index = self._tabs.selected_index
        made = {BY_HAND: self.tracker, CORRECT: self.proofreader, CLASSIFY: self.classify, AUTOMATIC: self.auto}
        part = made.get(index) or self._panels.get(index)
        if part is None:
            raise InputError("This tab has nothing to show yet. Begin with the tab Input.")
        return part.snapshot()

    def close(self) -> None:
        """Stop following the workflow, and close all panels."""
        self._stop()
        self._close_tracker()
        self._close_auto()
        self._close_classify()
        for panel in self._panels.values():
            panel.close()
        self.messages.close()
        self.widget.close()

    # ------------------------------------------------------------------ what is shown
    def _show_message(self) -> None:
        """Show the message line of the tabs only if one of them could not be opened."""
        self.messages.widget.layout.display = "" if self.messages.kind in ("refused", "error") else "none"

    def _show_states(self) -> None:
        """Say where each step stands."""
        parts = [
            f'<span title="{escape(step.name)}: {escape(step.state)}, {escape(step.text)}">{_SIGNS[step.state]} '
            f"<b>{escape(step.name)}</b> {escape(step.text)}</span>"
            for step in step_states(self.workflow)
        ]
        self._states.value = f'<div class="nbt-states">{"".join(parts)}</div>'

    def _changed(self, what: str) -> None:
        """Fill the tab on screen anew, where it depends on what changed."""
        if self._tracked and self._tracked != self._to_track():
            self._close_tracker()
        self._close_others()
        if what in ("inputs", "objects"):
            self._open(self._tabs.selected_index)
        self._show_next()
        self._show_states()

    def _close_others(self) -> None:
        """Close what is about other objects, such as those before a repair."""
        session = self.workflow.session
        if self.auto is not None and not _shows(self.auto, session):
            self._close_auto()
        if self.classify is not None and not _shows(self.classify.labelling, session):
            self._close_classify()

    def _show_next(self) -> None:
        """Name the next tab on the button to it, which stands out once there is something to do there."""
        reached = _STAGES[self.workflow.stage]
        if self.workflow.kind == "labels" and self.workflow.prediction is not None:
            reached = BY_HAND
        with contextlib.suppress(InputError):
            self.workflow.check()
            self._next_ready(reached)
            return
        self._next_ready(0 if self.workflow.session is None else reached)

    def _after(self, index: int) -> int:
        """Tell which tab comes next: label images need no threshold, and classifiers are not needed at all."""
        if index == CLASSIFY:
            return AUTOMATIC
        return BY_HAND if self.workflow.kind == "labels" or index else THRESHOLD

    def _next_ready(self, reached: int) -> None:
        for index, button in self._next.items():
            button.description = f"Next: {TABS[self._after(index)]}"
            button.button_style = "primary" if reached > index else ""

    # ------------------------------------------------------------------ opening tabs
    def _open(self, index: int | None) -> None:
        """Fill a tab when it is looked at."""
        self.messages.widget.layout.display = "none"
        self._close_others()
        if index == BY_HAND:
            self._open_manual()
        elif index == CORRECT:
            self._open_correct()
        elif index == CLASSIFY:
            self._open_classify()
        elif index == AUTOMATIC:
            self._open_auto()
        elif index is not None:
            self._open_panel(index)
        self._show_states()

    def _open_panel(self, index: int) -> None:
        if index not in self._panels:
            if index == THRESHOLD and self.workflow.prediction is None:
                self._say(THRESHOLD, "First load the raw images and a prediction map.", INPUT)
                return
            if index == EXPORT and not self._has_objects(index):
                return
            self._panels[index] = _PANELS[index](self.workflow)
        if index == EXPORT:
            self._panels[index].refresh()
        self._fill(index, self._panels[index].widget)

    def _open_classify(self) -> None:
        if self._has_objects(CLASSIFY):
            if self.classify is None:
                self.classify = ClassifyPanel(self.workflow.labelling)
            self._fill(CLASSIFY, self.classify.widget)

    def _open_manual(self) -> None:
        if self._has_objects(BY_HAND):
            if self.tracker is None:
                self._tracked = self._to_track()
                self.tracker = ManualTracker(self.workflow.session)
            self._fill(BY_HAND, self.tracker.widget)

    def _open_correct(self) -> None:
        """Show the proofreader, or say how to begin."""
        workflow = self.workflow
        if not self._has_objects(CORRECT):
            return
        if workflow.corrects:
            if self.proofreader is None:
                self._tracked = self._to_track()
                self.proofreader = Proofreader(workflow)
            self._fill(CORRECT, self.proofreader.widget)
        elif workflow.result is None:
            self._say(CORRECT, "There is no automatic result to correct yet. Track first.", AUTOMATIC)
        else:
            count = len(workflow.result.lineage.track_ids)
            text = f"The last automatic result has {count} tracks. A copy of it is corrected."
            begin = partial(self.messages.attempt, self._correct, workflow.result)
            self._say(CORRECT, text, AUTOMATIC, ("Correct it", begin))

    def _open_auto(self) -> None:
        if not self._has_objects(AUTOMATIC):
            return
        workflow, project = self.workflow, self.workflow.project
        try:
            objects = workflow.classified
        except InputError as error:  # labels that cannot be read must not keep anybody from tracking
            objects = workflow.session.detections
            self.messages.say(f"The objects are tracked without classifiers. {error}", "refused")
        if self.auto is None:
            self.auto = AutoTracker(
                objects,
                movie=workflow.session.movie,
                runs=workflow.runs,
                folder="." if project is None else project.path,
                on_correct=self._correct,
            )
        else:
            self.auto.use_objects(objects)
        self._fill(AUTOMATIC, self.auto.widget)

    def _correct(self, result: TrackingResult, *, force: bool = False) -> None:
        """Hand an automatic result over to the proofreader."""
        said = self.workflow.correct(result, force=force)
        self.goto(TABS[CORRECT])
        self.proofreader.messages.say(said)

    def _has_objects(self, index: int) -> bool:
        """Tell whether there are objects to track; else say in a tab what to do first."""
        workflow = self.workflow
        if workflow.session is None and workflow.kind == "labels" and workflow.prediction is not None:
            try:
                workflow.apply()
            except InputError as error:
                self._say(index, str(error), INPUT)
                raise
            return False  # told to `_changed`, which fills this tab
        if workflow.session is None:
            missing = workflow.prediction is None
            text = "First load the raw images and a prediction map." if missing else (
                "First choose a threshold and press Apply, so that there are objects to track.")  # fmt: skip
            self._say(index, text, INPUT if missing else THRESHOLD)
        return workflow.session is not None

    def _to_track(self) -> tuple[Any, ...]:
        session = self.workflow.session
        if session is None:
            return ()
        labels = session.detections.labels  # a repair leaves the frames as they were found
        return id(session), id(getattr(labels, "frames", labels)), id(session.movie)

    # ------------------------------------------------------------------ parts
    def _close_tracker(self) -> None:
        for index, part in ((BY_HAND, self.tracker), (CORRECT, self.proofreader)):
            if part is not None:
                self._pages[index].children = ()
                part.close()
        self.tracker = self.proofreader = None
        self._tracked = ()

    def _close_auto(self) -> None:
        if self.auto is not None:
            self._pages[AUTOMATIC].children = ()
            self.auto.close()
        self.auto = None

    def _close_classify(self) -> None:
        if self.classify is not None:
            self._pages[CLASSIFY].children = ()
            self.classify.close()
        self.classify = None

    def _fill(self, index: int, widget: ipywidgets.Widget) -> None:
        """Put a panel into its tab, with the button to the next one below."""
        if self._pages[index].children[:1] == (widget,):
            return
        children = [widget]
        if index in (INPUT, THRESHOLD, CLASSIFY):
            go = self.messages.guard(lambda: self.goto(TABS[self._after(index)]))
            following = small_button("arrow-right", "Open the next tab", go, width="auto")
            following.add_class("nbt-next")
            children.append(following)
            self._next[index] = following
        self._pages[index].children = children
        self._show_next()

    def _say(self, index: int, text: str, where: int, also: tuple[str, Any] | None = None) -> None:
        """Show one sentence in a tab that is not ready, and the way to the one to begin with."""
        sentence = ipywidgets.HTML(f'<div class="nbt-sentence">{escape(text, quote=False)}</div>')
        back = small_button("arrow-left", f"Open the tab {TABS[where]}",
                            self.messages.guard(lambda: self.goto(TABS[where])), text=f"Go to {TABS[where]}",
                            width="auto")  # fmt: skip
        buttons = [back]
        if also is not None:
            buttons.insert(0, small_button("pencil", also[0], self.messages.guard(also[1]), text=also[0], width="auto"))
        for button in buttons:
            button.add_class("nbt-back")
        self._pages[index].children = [sentence, *buttons]


def _shows(part: Any, session: Session | None) -> bool:
    """Tell whether a panel is about the objects and the movie of a session."""
    return session is not None and part.detections.labels is session.detections.labels and part.movie is session.movie
