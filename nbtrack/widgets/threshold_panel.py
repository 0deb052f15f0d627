"""The second panel: choose by eye what is an object, then find the objects of the whole movie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets
import numpy as np
from ipywidgets import Layout

from nbtrack.errors import EditError, InputError
from nbtrack.params import SegmentationParams
from nbtrack.rendering.overlays import encode_png
from nbtrack.widgets.background import run_beside
from nbtrack.widgets.controls import small_button
from nbtrack.widgets.histograms import SizeHistogram, ThresholdHistogram
from nbtrack.widgets.panel import Panel, box, row, slider_keys, style_sheet
from nbtrack.widgets.parameter_controls import ParameterControls
from nbtrack.widgets.preview_view import PreviewView, movie_contrast

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.display import Image

    from nbtrack.data.detections import Detections
    from nbtrack.segmentation import FrameObjects
    from nbtrack.workflow import Workflow

SIDE = 320
"""Width of the column of controls in CSS pixels."""
_NAMES = ("channel", "sigma", "threshold", "core_threshold", "core_channel", "size")


class ThresholdPanel(Panel):
    """Try smoothing, threshold and size range on one frame, and apply them to all.

    Parameters
    ----------
    workflow : Workflow
        Holds the prediction map; gets the objects.

    Attributes
    ----------
    workflow, widget, messages, last_error
        As for all panels.
    """

    def __init__(self, workflow: Workflow) -> None:
        super().__init__(workflow, "Move the sliders until the outlines fit the objects, then press Apply.")
        self._style, self._keys = style_sheet(), slider_keys()
        self._running = False
        self._stopped = False
        self._build()

    def __repr__(self) -> str:
        return f"<ThresholdPanel of {self.workflow!r}>"

    @property
    def params(self) -> SegmentationParams:
        """The parameters as they stand in the controls."""
        values = self.controls.values()
        if not self.two.value:
            values["core_threshold"] = values["core_channel"] = None
        return SegmentationParams(**values)

    def snapshot(self) -> Image:
        """Make a static picture of the frame on screen with its objects, for pages without a kernel.

        Returns
        -------
        IPython.display.Image
            A PNG; its bytes are in `data`.

        Raises
        ------
        InputError
            If there is nothing to threshold.
        """
        from IPython.display import Image

        if self.view is None:
            raise InputError("There is nothing to threshold, so there is nothing to show. Load a prediction map first.")
        return Image(data=encode_png(self.view.picture()))

    def apply(self) -> None:
        """Find the objects of the whole movie; ask first if manual tracking would be deleted."""
        if self._running:
            raise EditError("The objects are being found already. Wait, or press Stop.")
        lost = self.workflow.would_lose(self.params)
        if lost:
            self.question.value = f'<div class="nbt-question">⚠ {lost}</div>'
            self._ask(True)
            self.messages.say("Should the manual tracking of the old objects go?", "refused")
        else:
            self._run(confirm=False)

    # ------------------------------------------------------------------ making
    def _build(self) -> None:
        """Make everything for the prediction map that is loaded now."""
        self.view: PreviewView | None = None
        workflow, movie, guard = self.workflow, self.workflow.prediction, self.messages.guard
        if movie is None:
            self._show_only("First load a prediction map or a segmentation in the tab Input.")
            return
        self._contrast: dict[Any, tuple[float, float]] = {}
        self._frame_shown: int | None = None
        self._objects_shown: int | None = None
        self._limit = self._value_limit()
        self._make_controls(movie.n_channels)
        self._make_apply()
        if workflow.kind == "labels":
            apply_box = [] if workflow.session is not None else [self._apply_box]
            text = "Label images hold their objects already: there is nothing to do here. Next: Track by hand."
            self._show_only(text, *apply_box)
            return
        self.view = PreviewView(len(movie), movie.frame_shape, guard(self._show_frame))
        self.under = ipywidgets.ToggleButtons(
            options=["Raw images", "Prediction map"] if workflow.raw else ["Prediction map"],
            style={"button_width": "124px"},
            layout=Layout(margin="0"),
        )
        self.shown = ipywidgets.Checkbox(
            value=True, description="Objects", indent=False, layout=Layout(width="auto", margin="0")
        )
        self.shown.add_class("nbt-check")
        self.under.observe(guard(lambda _: self._show_frame()), "value")
        self.shown.observe(guard(lambda _: self._show_objects()), "value")
        left = ipywidgets.VBox(
            [row(self.under, self.shown), self.view.widget], layout=Layout(flex="1 1 460px", min_width="0", margin="0")
        )
        left.add_class("nbt-view")
        pair = ipywidgets.HBox([left, self._side()], layout=Layout(flex_flow="row wrap", grid_gap="12px", margin="0"))
        self.widget.children = [self._style, self._keys, pair, self.messages.widget]
        self._show_frame()

    def _show_only(self, text: str, *more: ipywidgets.Widget) -> None:
        sentence = ipywidgets.HTML(f'<div class="nbt-sentence">{text}</div>')
        self.widget.children = [self._style, sentence, *more, self.messages.widget]

    def _make_controls(self, n_channels: int) -> None:
        guard, start = self.messages.guard, self.workflow.params
        channels = [(str(c), c) for c in range(n_channels)]
        step = 0.01 if self._limit <= 1 else max(self._limit / 500, 0.01)
        slider = (0.0, self._limit, step)
        self.controls = ParameterControls(
            SegmentationParams,
            _NAMES,
            choices={"channel": channels, "core_channel": [("input channel", None), *channels]},
            sliders={"threshold": slider, "core_threshold": slider},
        )
        self.two = ipywidgets.Checkbox(
            value=start.core_threshold is not None,
            description="Two thresholds: with bright cores",
            indent=False,
            tooltip="An object must hold a core above a second, higher threshold; dim regions without one are left out",
            layout=Layout(width="auto", margin="0"),
        )
        self.two.add_class("nbt-check")
        for name in _NAMES:
            value = getattr(start, name)
            if name == "channel" and value >= n_channels:
                value = 0
            if not (name == "core_threshold" and value is None):
                self.controls[name] = value
        if start.core_threshold is None:
            self.controls["core_threshold"] = min(self._limit, 1.5 * start.threshold)
        self.controls.on_change(guard(self._changed_parameter))
        self.two.observe(guard(lambda _: self._changed_parameter("core_threshold")), "value")

    def _side(self) -> ipywidgets.VBox:
        """Make the column of controls."""
        rows = self.controls.rows
        binary = self.workflow.kind == "binary"
        self.values_chart = ThresholdHistogram(self.messages.guard(self._drag))
        self.sizes_chart = SizeHistogram()
        self._count = ipywidgets.HTML(layout=Layout(margin="0"))
        self._count.add_class("nbt-count")
        rows["channel"].layout.display = "" if len(self.controls.inputs["channel"][0].options) > 1 else "none"
        boxes = []
        if not binary:
            parts = [rows["channel"], rows["sigma"], rows["threshold"], self.values_chart.widget]
            boxes.append(box("Foreground", *parts, self.two, rows["core_threshold"], rows["core_channel"]))
        boxes += [box("Size", rows["size"], self.sizes_chart.widget), self._apply_box]
        self._apply_box.children = (self._apply_box.children[0], self._count, *self._apply_box.children[1:])
        side = ipywidgets.VBox(boxes, layout=Layout(width=f"{SIDE}px", flex="0 0 auto", margin="0"))
        side.add_class("nbt-side")
        return side

    def _make_apply(self) -> None:
        """Make the button, its progress and its question."""
        guard = self.messages.guard

        def button(icon: str, text: str, tooltip: str, handler: Callable[[], object], style: str = ""):
            made = small_button(icon, tooltip, guard(handler), text=text, width="auto")
            made.button_style = style
            return made

        self.button = button(
            "check", "Apply to all frames", "Find the objects of the whole movie", self.apply, "primary"
        )
        self.progress = ipywidgets.IntProgress(0, 0, 1, layout=Layout(flex="1 1 0", width="auto", margin="0"))
        self.stop = button("stop", "Stop", "Stop and keep the old objects", self._stop_run)
        self.question = ipywidgets.HTML(layout=Layout(margin="0"))
        self.yes = button("trash", "Apply and delete tracking", "Find new objects; the old tracking goes",
                          lambda: self._answer(True), "danger")  # fmt: skip
        self.no = button("", "Keep", "Keep the old objects and their tracking", lambda: self._answer(False))
        self._progress_row = row(self.progress, self.stop, display="none")
        self._question_rows = [self.question, row(self.yes, self.no)]
        self._question_rows[1].add_class("nbt-answers")
        for part in self._question_rows:
            part.layout.display = "none"
        self._apply_box = box("Objects", self.button, self._progress_row, *self._question_rows)

    # ------------------------------------------------------------------ what is shown
    def _changed(self, what: str) -> None:
        if what == "inputs":
            self._build()
        elif self.view is not None:
            self._show_objects()
        elif self.workflow.kind == "labels":
            self._build()

    def _changed_parameter(self, name: str) -> None:
        """Show the objects of changed parameters; the browser sends no next value before this one is done."""
        if name == "channel":
            self._show_frame()
        else:
            self._show_objects()

    def _drag(self, threshold: float) -> None:
        self.controls.inputs["threshold"][0].value = min(max(round(threshold, 3), 0.0), self._limit)

    def _show_frame(self) -> None:
        """Show the frame itself, then its objects."""
        self._frame_shown = None
        self._show_objects()

    def _show_objects(self) -> None:
        """Show the objects that the controls give in this frame, and the frame if it is not there yet."""
        if self.view is None:
            return
        try:
            if self._frame_shown is None:  # or could not be read the last time
                self._draw_frame()
        finally:
            self._draw_objects()

    def _draw_frame(self) -> None:
        workflow, t = self.workflow, self.view.time.value
        raw = self.under.value == "Raw images" and workflow.raw is not None
        movie = workflow.raw if raw else workflow.prediction
        channel = 0 if raw else self.controls["channel"]
        key = raw, channel
        try:
            if key not in self._contrast:
                self._contrast[key] = movie_contrast(movie, channel)
            if raw and (len(movie), *movie.frame_shape) != (len(workflow.prediction), *workflow.prediction.frame_shape):
                raise InputError(
                    "The raw images do not fit the prediction map. Go back to the tab Input and look there."
                )
            frame = movie.frame(t, channel if "c" in movie.axes else None)
        except InputError:
            self.view.show_frame(np.zeros(workflow.prediction.frame_shape, np.uint8), (0, 1))
            raise
        self.view.show_frame(frame, self._contrast[key])
        self._frame_shown = t

    def _draw_objects(self) -> None:
        for name in ("core_threshold", "core_channel"):
            several = len(self.controls.inputs["channel"][0].options) > 1
            hidden = not self.two.value or (name == "core_channel" and not several)
            self.controls.rows[name].layout.display = "none" if hidden else ""
        self.values_chart.show_threshold(self.controls["threshold"])
        params, t = self.params, self.view.time.value
        try:
            found = self.workflow.preview(params, t)
        except InputError:
            if self._objects_shown != t:  # those of another frame
                self.view.show_labels(np.zeros(self.workflow.prediction.frame_shape, np.uint32), distinct=False)
            raise
        self._objects_shown = t
        applied = self.workflow.is_applied(params)
        labels = found.labels if self.shown.value else np.zeros_like(found.labels)
        self.view.show_labels(labels, distinct=applied)
        self._chart(found, params)
        self._tell_count(found, params, applied)

    def _chart(self, found: FrameObjects, params: SegmentationParams) -> None:
        key = self.view.time.value, params.channel, params.sigma, params.core_channel
        if key != getattr(self, "_charted", None):
            self._charted = key
            self.values_chart.show_values(found.values, self._limit)
        self.sizes_chart.show(found.sizes, params.size)

    def _tell_count(self, found: FrameObjects, params: SegmentationParams, applied: bool) -> None:
        small = int(np.count_nonzero(found.sizes < params.size[0]))
        large = int(np.count_nonzero(found.sizes > params.size[1]))
        count = len(found.sizes) - small - large
        text = f"<b>{count}</b> object{'s' * (count != 1)} in frame {self.view.time.value}"
        left_out = [f"{n} too {what}" for n, what in ((small, "small"), (large, "large")) if n]
        text += f" <i>({', '.join(left_out)})</i>" if left_out else ""
        detections = self.workflow.detections
        if applied:
            text += f"<br>Applied: {len(detections)} objects in {detections.n_frames} frames"
        else:
            text += "<br>Not applied yet" if detections is None else "<br>Changed, not applied yet"
        self._count.value = text
        self.button.disabled = self._running or applied

    def _value_limit(self) -> float:
        """Find the right end of the threshold slider."""
        movie = self.workflow.prediction
        high = max(float(movie[t].max()) for t in {0, len(movie) // 2})
        if movie.drange is not None and movie.dtype.kind in "iu":
            high = (high - movie.drange[0]) / (movie.drange[1] - movie.drange[0])
        return 1.0 if high <= 1 else high

    # ------------------------------------------------------------------ applying
    def _ask(self, on: bool) -> None:
        for part in self._question_rows:
            part.layout.display = "" if on else "none"
        self.button.layout.display = "none" if on else ""
        for inputs in self.controls.inputs.values():
            for widget in inputs:
                widget.disabled = on

    def _answer(self, yes: bool) -> None:
        self._ask(False)
        if yes:
            self._run(confirm=True)
        else:
            applied = self.workflow.params
            self.two.value = applied.core_threshold is not None
            for name in _NAMES:
                if getattr(applied, name) is not None or name == "core_channel":
                    self.controls[name] = getattr(applied, name)
            self._show_frame()
            self.messages.say("The old objects and their tracking stay as they are.")

    def _run(self, *, confirm: bool) -> None:
        params, workflow = self.params, self.workflow
        self._running, self._stopped = True, False
        self._set_running(True)
        self.messages.say("Finding the objects of all frames …", "hint")

        def work(progress: Callable[[int, int], None]) -> Detections:
            def report(done: int, total: int) -> None:
                if self._stopped:
                    raise EditError("Stopped. The objects are as they were before.")
                progress(done, total)

            return workflow.find_objects(params, confirm=confirm, progress=report)

        def done(result: Callable[[], Detections]) -> None:
            try:
                said = workflow.take_objects(params, result(), confirm=confirm)
            finally:
                self._running = False
                self._set_running(False)
                self._show_objects()
            self.messages.say(f"{said} Next: Track by hand.")

        run_beside(work, progress=self._show_progress, done=self.messages.guard(done))

    def _stop_run(self) -> None:
        self._stopped = True

    def _show_progress(self, done: int, total: int) -> None:
        self.progress.max, self.progress.value = total, done

    def _set_running(self, on: bool) -> None:
        self._show_progress(0, 1)
        self.button.disabled = on
        self.button.layout.display = "none" if on else ""
        self._progress_row.layout.display = "" if on else "none"
