"""A solve on the command line: its progress on the standard error, and Ctrl-C that keeps the best answer so far."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbtrack.solvers.control import Control, Progress

FOLLOWED = ("auto", "highs")
"""Solvers that report their progress and can be cancelled."""


def show_progress(progress: "Progress") -> None:
    """Rewrite one line of the terminal; silent where the standard error is no terminal.

    Parameters
    ----------
    progress : Progress
        Where the solve stands.
    """
    if sys.stderr.isatty():
        proven = f"energy {progress.incumbent:.4f}, gap {progress.gap:.2g}" if isfinite(progress.incumbent) else ""
        sys.stderr.write(f"\r\x1b[K{progress.phase}, {progress.seconds:.0f} s {proven}")
        sys.stderr.flush()


@contextmanager
def interruptible(solver: str) -> Iterator["Control"]:
    """Let the first Ctrl-C cancel the solve, which then gives its best answer so far; a second one ends the program.

    A solver that cannot be cancelled is left alone: Ctrl-C then ends the program at once.

    Parameters
    ----------
    solver : str
        The solver asked for.

    Yields
    ------
    Control
        For the solve; ``cancellable`` tells whether it can be cancelled.
    """
    from nbtrack.solvers.control import Control

    if solver not in FOLLOWED or threading.current_thread() is not threading.main_thread():
        yield Control()
        return
    control = Control(progress=show_progress, cancellable=True)

    def cancel(_signal: int, _frame: Any) -> None:
        if control.cancel.is_set():
            raise KeyboardInterrupt
        control.cancel.set()
        sys.stderr.write("\nStopping: the best answer so far is kept. Press Ctrl-C again to leave at once.\n")

    before = signal.signal(signal.SIGINT, cancel)
    try:
        yield control
    finally:
        signal.signal(signal.SIGINT, before)
        if sys.stderr.isatty():
            sys.stderr.write("\r\x1b[K")
