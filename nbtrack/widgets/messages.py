"""The message line under a widget, and the guard that every handler runs under.

ipywidgets swallows the exceptions of callbacks; the guard shows ours as the sentence they are, others with a traceback,
and keeps the last one for tests and for whoever asks.
"""

from __future__ import annotations

import functools
import logging
import traceback
import weakref
from html import escape
from typing import TYPE_CHECKING, Literal, ParamSpec, TypeVar

import ipywidgets

from nbtrack.errors import EditError, InputError, SolveError, SolverUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")

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
    widget : ipywidgets.HTML
        The line.
    text : str
        What it says, without its sign.
    kind : {"hint", "done", "refused", "error"}
        What sort of message it is.
    last_error : Exception or None
        The last exception that a handler raised.
    """

    def __init__(self, hint: str = "") -> None:
        self.widget = ipywidgets.HTML()
        self.widget.add_class("nbt-message")
        self.last_error: Exception | None = None
        self.say(hint, "hint")
        _logger.addHandler(_LogHandler(self))

    def say(self, text: str, kind: Kind = "done", *, details: str = "") -> None:
        """Show a message.

        Parameters
        ----------
        text : str
            One or two sentences.
        kind : {"hint", "done", "refused", "error"}, optional
            Sets its sign and colour.
        details : str, optional
            More, folded away.
        """
        self.text, self.kind = text, kind
        more = f"<details><summary>details</summary><pre>{escape(details)}</pre></details>" if details else ""
        self.widget.value = f'<div class="nbt-said nbt-{kind}" role="status">{_SIGNS[kind]}{escape(text)}{more}</div>'

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


class _LogHandler(logging.Handler):
    """Shows warnings of nbtrack in a message line for as long as that lives."""

    def __init__(self, messages: Messages) -> None:
        super().__init__(logging.WARNING)
        self._messages = weakref.ref(messages, lambda _: _logger.removeHandler(self))

    def emit(self, record: logging.LogRecord) -> None:
        """Show one record."""
        messages = self._messages()
        if messages is not None:
            messages.say(record.getMessage(), "error" if record.levelno >= logging.ERROR else "refused")
