"""Track automatically: parameters, Track, the result over the movie, its events, and the list of all runs.

The parts meet here: the image (`Viewer`), the parameters (`ParameterBox`), the solver (`TrackBox`), the events
(`EventBox`), the runs (`RunBox`) and what folds away below them (`AutoDrawers`). The solver runs in a thread of its
own. While a run takes less than a second, a moved slider tracks again; as long as it is the same slider, that is one
run of the list.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import ipywidgets
from ipywidgets import Layout

from nbtrack.data.lineage import Lineage
from nbtrack.editing.session import Session
from nbtrack.errors import EditError, InputError
from nbtrack.live_tracking import QUICK, LiveTracker
from nbtrack.params import TrackingParams
from nbtrack.runs.run_list import Runs
from nbtrack.tracking import check_movie
from nbtrack.widgets.auto_drawers import AutoDrawers
from nbtrack.widgets.auto_events import EventBox
from nbtrack.widgets.auto_params import ParameterBox, params_of
from nbtrack.widgets.auto_progress import TrackBox, number
from nbtrack.widgets.auto_runs import RunBox
from nbtrack.widgets.background import run_beside
from nbtrack.widgets.manual_tracker import ManualTracker
from nbtrack.widgets.panel import WIDTH, slider_keys
from nbtrack.widgets.viewer import Viewer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from IPython.display import Image

    from nbtrack.data.detections import Detections
    from nbtrack.data.movie import Movie
    from nbtrack.data.result import TrackingResult
    from nbtrack.solvers.control import Progress
    from nbtrack.widgets.viewer import Backend

SIDE = 290
"""Width of the column beside the image in CSS pixels."""
VIEW_HEIGHT = 480
"""Height of the image in CSS pixels: that of the column beside it, with what is above and below the image."""
_BETWEEN_REPORTS = 0.1


class AutoTracker:
    """The automatic tracker: the image on the left, parameters, Track and events on the right, runs below.

    While the drawer "Why" is open, a click on an object (or an event) lists what every decision about it costs, and a
    click on such a decision what the best answer would cost in which it is otherwise.

    Parameters
    ----------
    detections : Detections
        The objects to track.
    params : TrackingParams, optional
        What to begin with; those of the last run, or the defaults, if not given.
    movie : Movie, optional
        Raw images.
    runs : Runs, optional
        A list of runs to go on with.
    folder : str or Path, optional
        Where relative names of exports begin.
    on_correct : callable, optional
        Called with a result that is to be corrected by hand, and with ``force=True`` once more if it raised a forceable
        `EditError` and the user insists. By default a manual workbench opens below.
    channel : int, optional
        Channel of the movie to show.
    backend : {"canvas", "image"}, optional
        How the image is shown: "image" is for front ends that block modules of others.

    Attributes
    ----------
    runs : Runs
        Everything that was tracked.
    result : TrackingResult or None
        The result on screen.
    session : Session or None
        The manual correction that was begun here.
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
        detections: Detections,
        params: TrackingParams | None = None,
        *,
        movie: Movie | None = None,
        runs: Runs | None = None,
        folder: str | Path = ".",
        on_correct: Callable[..., object] | None = None,
        channel: int = 0,
        backend: Backend = "canvas",
    ) -> None:
        if movie is not None:
            check_movie(movie, detections)
        self.detections, self.movie = detections, movie
        self.runs = Runs() if runs is None else runs
        self.result: TrackingResult | None = None
        self.session: Session | None = None
        self._live = LiveTracker(detections, movie)
        self._latest: TrackingResult | None = None  # of the last run of the list, if it was made here
        self._moving: str | None = None  # the parameter of which that run is
        self._waiting: str | None = None  # the parameter that was moved meanwhile
        self._cancel: threading.Event | None = None
        self._closed = False
        self._on_correct = on_correct or self._correct_below
        self.viewer = Viewer(
            movie, Lineage(), detections=detections, channel=channel, view_height=VIEW_HEIGHT, backend=backend
        )
        self.viewer.color_by = "lineage"
        self.messages = self.viewer.messages
        if params is None:
            params = params_of(self.runs[len(self.runs)].params) if len(self.runs) else TrackingParams()
        self._build(params, folder, backend)
        self.messages.say("Look over the parameters, then press Track.", "hint")
        if len(self.runs) and self._is_kept(len(self.runs)):
            self.show(len(self.runs))

    def __dir__(self) -> list[str]:
        """List what a user needs."""
        names = [
            "cancel",
            "close",
            "detections",
            "is_running",
            "last_error",
            "messages",
            "movie",
            "params",
            "result",
            "runs",
        ]
        return [*names, "session", "show", "snapshot", "track", "viewer", "widget"]

    def __repr__(self) -> str:
        return f"<AutoTracker of {len(self.detections)} objects: {len(self.runs)} runs>"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self.widget._repr_mimebundle_(**kwargs)

    @property
    def last_error(self) -> Exception | None:
        """The last exception of a handler."""
        return self.messages.last_error

    @property
    def params(self) -> TrackingParams:
        """The parameters as they stand in the controls."""
        return self._params.params

    @params.setter
    def params(self, value: TrackingParams) -> None:
        self._params.show(value)

    # ------------------------------------------------------------------ actions
    def track(self) -> None:
        """Track with the parameters as they stand; in a notebook beside everything else.

        Raises
        ------
        InputError
            If a parameter is out of its range.
        EditError
            If it is being tracked already.
        """
        if self._cancel is not None:
            raise EditError("It is being tracked already. Wait, or press Cancel.")
        self._start(None)

    def cancel(self) -> None:
        """Stop the solver; the best answer so far is kept."""
        if self._cancel is not None:
            self._cancel.set()
            self._box.cancel.disabled = True
            self.messages.say("Cancelling; the best answer so far is kept …", "hint")

    def use_objects(self, detections: Detections) -> None:
        """Track the same objects with other probabilities from now on; earlier runs stay.

        Parameters
        ----------
        detections : Detections
            The objects, as `nbtrack.Labelling.classified` gives them.

        Raises
        ------
        InputError
            If they are others.
        """
        if detections.labels is not self.detections.labels:
            raise InputError("`detections` are other objects than those on screen. Open another automatic tracker.")
        if not detections.table.equals(self.detections.table):
            self.detections, self._live = detections, LiveTracker(detections, self.movie)
            if self.result is not None:
                self.messages.say("The objects were classified anew. Press Track to use it.", "hint")

    def show(self, number: int) -> None:
        """Show the result of a run.

        Parameters
        ----------
        number : int
            The run, from 1.

        Raises
        ------
        InputError
            If there is no such run, its result is not kept, or it was made of other objects.
        """
        result = self.runs.result(number)
        if result.detections.labels is not self.detections.labels:
            raise InputError(
                f"Run {number} was made of other objects, so it cannot be shown over these. Use its parameters and "
                "track again."
            )
        self.result = result
        self.viewer.feed.lineage = result.lineage
        self.viewer.refresh()
        self._events.show(result)
        self._box.show_report(result.report)
        self._runs.choose(number)
        self._drawers.show(number)

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
        """Stop the solver and take the panel off the page; the runs are kept."""
        self._closed = True
        if self._cancel is not None:
            self._cancel.set()
        for part in (self._params, self._events, self._runs, self._drawers, self._manual, self.viewer):
            if part is not None:
                part.close()
        self.widget.close()

    # ------------------------------------------------------------------ parts
    def _build(self, params: TrackingParams, folder: str | Path, backend: Backend) -> None:
        guard = self.messages.guard
        self._params = ParameterBox(params, guard=guard, on_change=self._changed)
        self._box = TrackBox(guard=guard, on_track=self.track, on_cancel=self.cancel)
        self._events = EventBox(guard=guard, on_jump=self._jump)
        self._runs = RunBox(
            self.runs,
            guard=guard,
            on_choose=self._choose,
            on_take=self._take_parameters,
            on_copy=lambda n: self._drawers.copy(n),
            on_correct=lambda n: self.messages.attempt(self._on_correct, self.runs.result(n)),
        )
        self._drawers = AutoDrawers(self.runs, self._runs.widget, self.viewer, folder=folder)
        self._backend, self._manual = backend, None
        self.viewer.widget.layout.flex = "1 1 460px"
        self.viewer.widget.layout.max_width = f"{WIDTH - SIDE - 12}px"
        self._params.more.observe(guard(self._make_room), "value")
        side = ipywidgets.VBox(
            [self._params.widget, self._box.widget, self._events.widget],
            layout=Layout(flex=f"0 1 {SIDE}px", min_width=f"{SIDE}px", margin="0"),
        )
        side.add_class("nbt-side")
        top = ipywidgets.HBox([self.viewer.widget, side], layout=Layout(flex_flow="row wrap", margin="0"))
        top.add_class("nbt-tracker")
        self._below = ipywidgets.VBox(layout=Layout(margin="0"))
        self.widget = ipywidgets.VBox(
            [slider_keys(), top, self._drawers.widget, self._below],
            layout=Layout(width="100%", max_width=f"{WIDTH}px"),
        )
        self.widget.add_class("nbt-panel")
        self.widget.add_class("nbt-auto")

    def _make_room(self, change: dict[str, Any]) -> None:
        """Put the events away while all parameters are shown, so that the button Track stays in sight."""
        self._events.widget.layout.display = "none" if change["new"] else ""

    # ------------------------------------------------------------------ the solver
    def _changed(self, name: str) -> None:
        """Follow a parameter that was changed by hand."""
        _ = self.params  # what is wrong with it is said at once
        if self.result is None or not self._box.live.value:
            return
        if self._cancel is not None:
            self._waiting = name
        elif self._live.is_quick:
            self._start(name)
        else:
            self.messages.say(f"The last run took more than {QUICK:g} s. Press Track to use the new value.", "hint")

    def _start(self, moving: str | None) -> None:
        """Run the solver; `moving` is the parameter that is being moved, None after the button Track."""
        params, cancel = self.params, threading.Event()
        self._cancel = cancel
        if moving is None:
            self._box.set_running(True)
            self.messages.say("Tracking …", "hint")

        def work(tell: Callable[..., None]) -> TrackingResult:
            told = -_BETWEEN_REPORTS

            def report(progress: Progress) -> None:
                nonlocal told
                if progress.seconds - told >= _BETWEEN_REPORTS:
                    told = progress.seconds
                    tell(progress)

            return self._live.track(params, progress=report, cancel=cancel)

        run_beside(work, progress=self._show_progress, done=self.messages.guard(lambda end: self._end(end, moving)))

    def _show_progress(self, progress: Progress) -> None:
        if self._cancel is not None and not self._closed:
            if progress.seconds > QUICK:
                self._box.set_running(True)
                self._box.cancel.disabled = self._cancel.is_set()
            self._box.show_progress(progress)

    def _end(self, end: Callable[[], TrackingResult], moving: str | None) -> None:
        """Take a result, and go on with what was moved meanwhile."""
        if self._closed:
            return
        try:
            self._take(end(), moving)
        finally:
            self._cancel = None
            self._box.set_running(False)
            if self.result is not None:
                self._box.show_report(self.result.report)
            waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self._changed(waiting)

    def _take(self, result: TrackingResult, moving: str | None) -> None:
        """Put a result on the list and show it."""
        latest = self._latest
        is_last = latest is not None and self._is_kept(len(self.runs)) and self.runs.result(len(self.runs)) is latest
        again = is_last and (latest.params == result.params or moving == self._moving is not None)
        self._latest, self._moving = result, moving
        run = self.runs.add(result, replace_last=again)
        self.show(run.number)
        counts = ", ".join(_count(run.counts[f"{name}s"], name) for name in ("track", "division", "merger"))
        proof = "proven to be the best" if result.report.status == "optimal" else "the best found until it was stopped"
        more = f" {result.report.message}" if result.report.message else ""
        self.messages.say(f"{run.name}: {counts}; energy {number(result.report.objective)}, {proof}.{more}")

    def _is_kept(self, n: int) -> bool:
        try:
            return self.runs.result(n).detections.labels is self.detections.labels
        except InputError:
            return False

    def _jump(self, t: int, object_id: int) -> None:
        """Show the object of an event, and why it is one, if that is asked."""
        self.viewer.canvas.look_at(t, object_id)
        self._drawers.why.look_at(t, object_id)

    # ------------------------------------------------------------------ the list of runs
    def _choose(self, n: int) -> None:
        try:
            self.show(n)
        finally:
            self._runs.choose(n)  # its parameters can be used though its result is not kept
        self.messages.say(f"{self.runs[n].name} is on screen.")

    def _take_parameters(self, n: int) -> None:
        self._params.show(params_of(self.runs[n].params))
        self.messages.say(f"The parameters of {self.runs[n].name} are in the controls.")

    def _correct_below(self, result: TrackingResult, *, force: bool = False) -> None:
        """Open a manual workbench below, with a copy of a result."""
        steps = 0 if self.session is None else len(self.session.history)
        if steps and not force:
            raise EditError(f"The manual correction below would be lost: {_count(steps, 'step')}.", forceable=True)
        if self._manual is not None:
            self._manual.close()
        self.session = Session(self.movie, self.detections, result)
        self._manual = ManualTracker(self.session, channel=self.viewer.feed.channel, backend=self._backend)
        self._below.children = (self._manual.widget,)
        self.messages.say("The workbench below holds a copy of this result, to be corrected by hand.")


def _count(n: int, word: str) -> str:
    return f"{n:,} {word}{'s' * (n != 1)}"
