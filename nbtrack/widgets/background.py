"""Long work beside the kernel's loop, so that sliders, messages and the button Stop live on meanwhile."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

R = TypeVar("R")
LATER = 0.03
"""Seconds that `Later` waits, so that what comes in a row is followed once."""


def run_beside(
    work: Callable[[Callable[[int, int], None]], R],
    *,
    progress: Callable[[int, int], None],
    done: Callable[[Callable[[], R]], object],
) -> None:
    """Run a function in a thread of its own; without a running loop, here and now.

    Parameters
    ----------
    work : callable
        Gets a function to be called with ``(done, total)``. It must not touch widgets.
    progress : callable
        Called in the loop with ``(done, total)``.
    done : callable
        Called in the loop at the end with a function that gives what `work` returned, or raises what it raised.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        done(lambda: work(progress))
        return
    future = loop.run_in_executor(None, work, lambda *args: loop.call_soon_threadsafe(progress, *args))
    future.add_done_callback(lambda ended: done(ended.result))


class Later:
    """Calls a function a moment after it was asked for, once; at once where no event loop runs.

    Parameters
    ----------
    function : callable
        Called without arguments.
    """

    def __init__(self, function: Callable[[], object]) -> None:
        self._function = function
        self._handle: asyncio.TimerHandle | None = None

    def __call__(self) -> None:
        """Ask for it."""
        if self._handle is not None:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._function()
        else:
            self._handle = loop.call_later(LATER, self._run)

    def cancel(self) -> None:
        """Forget what was asked for."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _run(self) -> None:
        self._handle = None
        self._function()
