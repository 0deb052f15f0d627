"""What all panels share: a root that shows itself, a message line, boxes, and the style sheet."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets
from ipywidgets import Layout

from nbtrack.widgets.messages import Messages

if TYPE_CHECKING:
    from nbtrack.workflow import Workflow

WIDTH = 900
"""Width of a panel in CSS pixels."""

# Notebook 7 takes arrow keys before a slider hears them, unless what has the focus says that they are not for it. After
# a click beside the handle the focus is with the cell.
_SLIDER_KEYS = (
    "const panel = this.closest('.nbt-panel');"
    "if (panel.dataset.sliders) return;"
    "panel.dataset.sliders = 'true';"
    "panel.addEventListener('focusin', ({ target }) => {"
    " if (target.matches('.noUi-handle')) target.setAttribute('data-lm-suppress-shortcuts', 'true'); });"
    "panel.addEventListener('click', ({ target }) => {"
    " const handles = target.closest('.noUi-target')?.querySelectorAll('.noUi-handle');"
    " if (handles?.length === 1) handles[0].focus({ preventScroll: true }); });"
)


class Panel:
    """A widget with a message line.

    Parameters
    ----------
    workflow : Workflow
        What it acts on; the panel mirrors it and may be thrown away and made again at any time.
    hint : str
        What to say before anything happened.

    Attributes
    ----------
    workflow : Workflow
        As given.
    widget : ipywidgets.Widget
        The root, to embed elsewhere.
    messages : Messages
        The message line.
    last_error : Exception or None
        The last exception of a handler.
    """

    def __init__(self, workflow: Workflow, hint: str) -> None:
        self.workflow = workflow
        self.messages = Messages(hint)
        self.widget = ipywidgets.VBox(layout=Layout(width="100%", max_width=f"{WIDTH}px"))
        self.widget.add_class("nbt-panel")
        self._stop = workflow.on_change(self.messages.guard(self._changed))

    def __dir__(self) -> list[str]:
        """List what a user needs."""
        return ["close", "last_error", "messages", "snapshot", "widget", "workflow"]

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self.widget._repr_mimebundle_(**kwargs)

    @property
    def last_error(self) -> Exception | None:
        """The last exception of a handler."""
        return self.messages.last_error

    def close(self) -> None:
        """Stop following the workflow, and close the widgets."""
        self._stop()
        self.messages.close()
        self.widget.close()

    def _changed(self, what: str) -> None:
        """Follow the workflow; each panel has its own way."""


def style_sheet() -> ipywidgets.HTML:
    """Make the style sheet, for widgets without an image view, which brings it along."""
    css = (Path(__file__).parent / "static" / "canvas.css").read_text(encoding="utf-8")
    return ipywidgets.HTML(f"<style>{css}</style>", layout=Layout(display="none"))


def slider_keys() -> ipywidgets.HTML:
    """Make a widget that is not seen and gives the arrow keys to the sliders of the panel around it."""
    start = f'<i style="animation:nbt-start 1ms" onanimationstart="{_SLIDER_KEYS}"></i>'
    made = ipywidgets.HTML(
        f"<style>@keyframes nbt-start{{}}</style>{start}", layout=Layout(width="0", height="0", margin="0")
    )
    made.add_class("nbt-unseen")
    return made


def bring_style(widget: ipywidgets.Box) -> None:
    """Put the style sheet into a widget that may be shown alone."""
    widget.children = (*widget.children, style_sheet())


def box(title: str, *parts: ipywidgets.Widget, **layout: str) -> ipywidgets.VBox:
    """Put widgets into a frame with a heading."""
    heading = ipywidgets.HTML(f'<div class="nbt-heading">{escape(title)}</div>', layout=Layout(margin="0"))
    made = ipywidgets.VBox([heading, *parts], layout=Layout(**{"margin": "0", "min_width": "0"} | layout))
    made.add_class("nbt-box")
    return made


def row(*parts: ipywidgets.Widget, **layout: str) -> ipywidgets.HBox:
    """Put widgets beside each other."""
    made = ipywidgets.HBox(list(parts), layout=Layout(**{"margin": "0"} | layout))
    made.add_class("nbt-row")
    return made


def caption(text: str, width: str = "104px", *, help: str = "") -> ipywidgets.HTML:
    """Make the label of a control; its help shows when the mouse rests on it."""
    made = ipywidgets.HTML(
        f'<span title="{escape(help)}">{escape(text)}</span>', layout=Layout(width=width, margin="0", flex="0 0 auto")
    )
    made.add_class("nbt-caption")
    return made
