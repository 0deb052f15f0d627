"""The column of the proofreader: what is asked, what else may be, what is next, what is held, and how fast it goes."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets
from ipywidgets import Layout

from nbtrack.review.alerts import KINDS
from nbtrack.widgets.auto_events import JumpList
from nbtrack.widgets.controls import small_button

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nbtrack.data.pins import Pin
    from nbtrack.review.queue import Event

SHOWN = 30
"""So many events of the queue are listed."""


class ProofreaderSide:
    """Question, answers, queue, pins and meter.

    Parameters
    ----------
    guard : callable
        Wraps handlers.
    act : callable
        Called with the name of an action when its button is pressed.
    on_jump : callable
        Called with the number of an event of the queue.
    on_pin : callable
        Called with the number of a pin that is to be shown.
    repairs : ipywidgets.Widget
        The box of the repair tools.

    Attributes
    ----------
    widget : ipywidgets.VBox
        The column.
    choices : tuple of ipywidgets.Button
        The alternatives.
    """

    def __init__(
        self,
        *,
        guard: Callable[..., Any],
        act: Callable[[str], object],
        on_jump: Callable[[int], object],
        on_pin: Callable[[int], object],
        repairs: ipywidgets.Widget,
    ) -> None:
        def button(name: str, icon: str, text: str, tooltip: str) -> ipywidgets.Button:
            made = small_button(icon, tooltip, guard(lambda: act(name)), text=text, width="auto")
            made.layout.flex = "1 1 auto"
            return made

        self._question = ipywidgets.HTML(layout=Layout(margin="0"))
        wide = Layout(width="auto", height="28px", margin="0")
        self.accept = ipywidgets.Button(button_style="success", tooltip="It is right (Enter)", layout=wide)
        self.accept.on_click(guard(lambda _: act("accept")))
        self.choices = tuple(
            ipywidgets.Button(
                tooltip=f"This is right (key {k})", layout=Layout(width="auto", height="28px", margin="0")
            )
            for k in range(1, 5)
        )
        for k, choice in enumerate(self.choices, 1):
            choice.on_click(guard(lambda _, k=k: act(f"choose_{k}")))
        other = ipywidgets.HBox(
            [
                button("mark_false", "", "False", "It is a false detection (f)"),
                button("end_here", "", "Ends", "Its track ends here (x)"),
                button("divide", "", "Divides", "Then click both daughters (d)"),
                button("skip", "", "Skip", "Ask later (n)"),
            ]
        )
        other.add_class("nbt-row")
        steps = ipywidgets.HBox(
            [
                button("undo", "undo", "", "Undo (z)"),
                button("redo", "repeat", "", "Redo (Shift+z)"),
                button("solve", "", "Solve", "Solve everything that is not held"),
                button("refresh", "", "Judge", "Judge everything anew, with all that is held"),
                button("learn", "", "Learn", "Learn the weights of the tracker from what is held"),
            ]
        )
        steps.add_class("nbt-row")
        asked = ipywidgets.VBox([self._question, self.accept, *self.choices, other])
        asked.add_class("nbt-box")
        self._queue = JumpList("review-queue", 7, guard=guard, on_jump=on_jump)
        self._pins = JumpList("review-pins", 5, guard=guard, on_jump=on_pin)
        self.unpin = small_button(
            "", "Let the solver decide it again", guard(lambda: act("unpin")), text="Unpin", width="auto"
        )
        self._pins.widget.children = (*self._pins.widget.children, self.unpin)
        self.meter = ipywidgets.HTML(layout=Layout(margin="0"))
        self.widget = ipywidgets.VBox([asked, steps, self.meter, repairs, self._queue.widget, self._pins.widget])
        self.widget.add_class("nbt-side")

    def ask(self, event: Event | None, *, hint: str = "") -> None:
        """Show a question.

        Parameters
        ----------
        event : Event or None
            What is in doubt; None if nothing is.
        hint : str, optional
            What to say instead of the question.
        """
        if event is None:
            self._question.value = f'<div class="nbt-heading">{escape(hint or "Nothing is in doubt any longer")}</div>'
            for one in (self.accept, *self.choices):
                one.layout.display = "none"
            return
        alerts = "".join(f"; {escape(KINDS[kind])}" for kind in event.alerts)
        said = escape(hint or event.text)
        sure = f"sure to {event.confidence:.0%}{alerts}"
        self._question.value = f'<div class="nbt-heading">{said}</div><div class="nbt-alerts">{sure}</div>'
        self.accept.layout.display = ""
        self.accept.description = "Enter: yes"
        for k, choice in enumerate(self.choices):
            there = k < len(event.alternatives)
            choice.layout.display = "" if there else "none"
            if there:
                choice.description = f"{k + 1}: {event.alternatives[k].text}"

    def list_events(self, events: Sequence[Event], now: Event | None) -> None:
        """List what comes next.

        Parameters
        ----------
        events : sequence of Event
            The queue.
        now : Event or None
            What is asked at the moment.
        """

        def row(k: int) -> str:
            event = events[k]
            return f'<i class="nbt-at">t {event.t}</i>{event.object_id}: {1 - event.confidence:.0%} doubt'

        self._queue.show(len(events), row, empty="Nothing is in doubt.", heading=f"Next ({len(events)})")
        places = [(event.t, event.object_id) for event in events]
        if now is not None and (now.t, now.object_id) in places:
            self._queue.mark(places.index((now.t, now.object_id)))

    def list_pins(self, pins: Sequence[Pin]) -> None:
        """List what is held, the latest first."""
        latest = list(pins)[::-1]
        self._pins.show(
            len(latest), lambda k: escape(str(latest[k])), empty="Nothing is held yet.", heading=f"Held ({len(latest)})"
        )
        self.unpin.disabled = True

    def close(self) -> None:
        """Stop listening to the mouse."""
        self._queue.close()
        self._pins.close()
