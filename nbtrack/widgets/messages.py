"""The message line under a widget, the guard that every handler runs under, and the list of what was said.

ipywidgets swallows the exceptions of callbacks; the guard shows ours as the sentence they are, others with a traceback,
and keeps the last one for tests and for whoever asks. An action that was refused may be offered once more, with force.
"""

from __future__ import annotations

import functools
import logging
import time
import traceback
import weakref
from collections import deque
from html import escape
from typing import TYPE_CHECKING, Literal, ParamSpec, TypeVar

import ipywidgets
from ipywidgets import Layout

from nbtrack.errors import EditError, InputError, SolveError, SolverUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")

KEPT = 200
"""Messages that the list keeps."""

Kind = Literal["hint", "done", "refused", "error"]
_SIGNS = {"hint": "", "done": "✓ ", "refused": "⚠ ", "error": "✖ "}
_OURS = (EditError, InputError, SolveError, SolverUnavailable)
_logger = logging.getLogger("nbtrack")


class Messages:
    """One line that says what just happened, what was refused and why.

    Parameters
    ----------
    hint : str, optional
        What to say before anything happened.

    Attributes
    ----------
    widget : ipywidgets.HBox
        The line, and at its end the button to do it anyway.
    line : ipywidgets.HTML
        The text alone.
    text : str
        What it says, without its sign.
    kind : {"hint", "done", "refused", "error"}
        What sort of message it is.
    heard : deque of (str, str, str)
        The last messages and records of the logger ``nbtrack``, newest last: time, kind and text.
    last_error : Exception or None
        The last exception that a handler raised.
    """

    def __init__(self, hint: str = "") -> None:
        self.line = ipywidgets.HTML(layout=Layout(flex="1 1 auto", width="auto", margin="0"))
        self.anyway = ipywidgets.Button(
            description="Do it anyway",
            tooltip="Repeat the action, and change what is in its way. One undo takes all of it back.",
            button_style="warning",
            layout=Layout(display="none", width="auto", height="28px", margin="0 8px", flex="0 0 auto"),
        )
        self.anyway.on_click(self.guard(lambda _: self.force()))
        self.widget = ipywidgets.HBox([self.line, self.anyway])
        self.widget.add_class("nbt-message")
        self.heard: deque[tuple[str, str, str]] = deque(maxlen=KEPT)
        self.last_error: Exception | None = None
        self._offer: Callable[[], object] | None = None
        self._listeners: list[Callable[[], object]] = []
        self.say(hint, "hint")
        self._handler = _LogHandler(self)
        _logger.addHandler(self._handler)

    def say(self, text: str, kind: Kind = "done", *, details: str = "") -> None:
        """Show a message; what was offered before is withdrawn.

        Parameters
        ----------
        text : str
            One or two sentences.
        kind : {"hint", "done", "refused", "error"}, optional
            Sets its sign and colour.
        details : str, optional
            More, folded away.
        """
        self.withdraw()
        self.text, self.kind = text, kind
        more = f"<details><summary>details</summary><pre>{escape(details)}</pre></details>" if details else ""
        self.line.value = f'<div class="nbt-said nbt-{kind}" role="status">{_SIGNS[kind]}{escape(text)}{more}</div>'
        self.note(text, kind)

    def note(self, text: str, kind: str = "hint") -> None:
        """Put something on the list without showing it in the line.

        Parameters
        ----------
        text : str
            What is to be kept.
        kind : str, optional
            What sort of message it is.
        """
        if not text:
            return
        self.heard.append((time.strftime("%H:%M:%S"), kind, text))
        for listener in tuple(self._listeners):
            listener()

    def on_note(self, callback: Callable[[], object]) -> None:
        """Call a function when the list has grown."""
        self._listeners.append(callback)

    def attempt(self, action: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R | None:
        """Do an action; if it is refused but can be forced, say why and offer to do it anyway.

        Parameters
        ----------
        action : callable
            Takes ``force=True`` if it raises an `EditError` that is forceable.
        *args, **kwargs
            What it is called with.

        Returns
        -------
        object or None
            What it returns; None if it is offered again.

        Raises
        ------
        EditError
            If it is refused and cannot be forced.
        """
        try:
            return action(*args, **kwargs)
        except EditError as error:
            if not error.forceable or kwargs.get("force"):
                raise
            self.last_error = error
            self.say(str(error), "refused")
            self._offer = lambda: action(*args, **{**kwargs, "force": True})
            self.anyway.layout.display = ""
            return None

    def force(self) -> None:
        """Do what is offered, if anything is."""
        offer, _ = self._offer, self.withdraw()
        if offer is not None:
            offer()

    def withdraw(self) -> None:
        """Take back the offer to do it anyway."""
        if self._offer is not None:
            self._offer = None
            self.anyway.layout.display = "none"

    @property
    def is_offering(self) -> bool:
        """Whether there is something that can be done anyway."""
        return self._offer is not None

    def guard(self, function: Callable[P, R]) -> Callable[P, R | None]:
        """Wrap a handler so that its exceptions are shown here instead of being lost.

        Parameters
        ----------
        function : callable
            The handler.

        Returns
        -------
        callable
            The same, returning None if it raised.
        """

        @functools.wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R | None:
            try:
                return function(*args, **kwargs)
            except _OURS as error:
                self.last_error = error
                self.say(str(error), "refused")
            except Exception as error:
                self.last_error = error
                self.say(f"This is a mistake in nbtrack, please report it: {error!r}.", "error",
                         details=traceback.format_exc())  # fmt: skip
                _logger.debug("a handler raised", exc_info=True)
            return None

        return guarded

    def close(self) -> None:
        """Stop listening to the logger, and close the widgets."""
        _logger.removeHandler(self._handler)
        self.withdraw()
        for widget in (self.widget, self.line, self.anyway):
            widget.close()


class _LogHandler(logging.Handler):
    """Shows warnings of nbtrack in a message line, and everything in its list, for as long as that lives."""

    def __init__(self, messages: Messages) -> None:
        super().__init__()
        self._messages = weakref.ref(messages, lambda _: _logger.removeHandler(self))

    def emit(self, record: logging.LogRecord) -> None:
        """Show or keep one record."""
        messages = self._messages()
        if messages is None:
            return
        if record.levelno < logging.WARNING:
            messages.note(record.getMessage())
        else:
            messages.say(record.getMessage(), "error" if record.levelno >= logging.ERROR else "refused")
