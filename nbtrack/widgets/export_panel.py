"""The last tab: choose what was tracked, by hand or automatically, and write it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets
from ipywidgets import Layout

from nbtrack.errors import InputError
from nbtrack.widgets.export_box import ExportBox
from nbtrack.widgets.panel import Panel, box, style_sheet

if TYPE_CHECKING:
    from IPython.display import Image

    from nbtrack.workflow import Workflow

_HINT = "Choose what to write and where to, then press Export."


class ExportPanel(Panel):
    """Write what was tracked.

    Parameters
    ----------
    workflow : Workflow
        What was tracked.

    Attributes
    ----------
    source : ipywidgets.ToggleButtons
        The manual tracking, or the automatic result.
    export : ExportBox or None
        What to write and where to; None before there is anything.
    """

    def __init__(self, workflow: Workflow) -> None:
        super().__init__(workflow, _HINT)
        self.source = ipywidgets.ToggleButtons(style={"button_width": "auto"}, layout=Layout(margin="0 0 6px"))
        self.source.observe(self.messages.guard(lambda _: self._choose()), "value")
        self.export: ExportBox | None = None
        self._refresh()

    def __repr__(self) -> str:
        return f"<ExportPanel: {self.source.value or 'nothing to write yet'}>"

    def snapshot(self) -> Image:
        """Make a static picture: the frame in the middle, as it would be written."""
        from IPython.display import Image

        from nbtrack.rendering.overlays import encode_png
        from nbtrack.widgets.frames import FrameFeed

        if self.export is None:
            raise InputError("There is nothing to write yet. Track by hand or automatically first.")
        source = self.export.source
        feed = FrameFeed(source.movie, source.detections, source.lineage)
        layers = {"raw": 1.0, "objects": 0.25, "tracks": 0.45}
        picture = feed.picture(feed.n_frames // 2, feed.n_slices // 2, contrast=feed.contrast, **layers)
        return Image(data=encode_png(picture))

    # ------------------------------------------------------------------ helpers
    def _changed(self, what: str) -> None:
        if what != "labels":
            self._refresh()

    def refresh(self) -> None:
        """Offer what there is now; the manual tracking does not tell of its steps."""
        self._refresh()

    def _refresh(self) -> None:
        workflow, options = self.workflow, []
        if workflow.result is not None:
            options.append((f"Automatic result: {len(workflow.result.lineage.track_ids)} tracks", "automatic"))
        if workflow.session is not None and workflow.session.lineage.track_ids:
            what = "Corrected result" if workflow.corrects else "Manual tracking"
            options.append((f"{what}: {len(workflow.session.lineage.track_ids)} tracks", "manual"))
        if not options:
            text = "There is nothing to write yet. Track by hand or automatically first."
            self.widget.children = [style_sheet(), ipywidgets.HTML(f'<div class="nbt-sentence">{text}</div>')]
            self.export = None
            return
        last, values = self.source.value, [value for _, value in options]
        if list(self.source.options) != options:
            self.source.options = options
            self.source.value = last if last in values else values[-1]
        self._choose()

    def _choose(self) -> None:
        workflow = self.workflow
        source: Any = workflow.session if self.source.value == "manual" else workflow.result
        if source is None:
            return
        if self.export is None:
            folder = "." if workflow.project is None else workflow.project.path
            self.export = ExportBox(
                source, guard=self.messages.guard, say=self.messages.say, folder=folder, styled=False
            )
            parts = [box("What", self.source), box("Write", self.export.widget), self.messages.widget]
            self.widget.children = [style_sheet(), *parts]
        self.export.source = source
