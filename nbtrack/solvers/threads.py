"""A compiled solver in a thread of its own, so that the cancel button and Ctrl-C are heard while it works."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbtrack.solvers.control import Control

_LISTEN_EVERY = 0.05


def run_in_thread(work: Callable[[], Any], control: Control, stop: Callable[[], Any]) -> None:
    """Run a solver and wait for it.

    Parameters
    ----------
    work : callable
        Runs the solver; lets other threads go on meanwhile.
    control : Control
        Its cancel button is watched; Ctrl-C presses it.
    stop : callable
        Tells the solver to end soon; it may be called more than once.
    """
    failure: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  # handed to the caller's thread
            failure.append(error)

    thread = threading.Thread(target=guarded, name="nbtrack-solver", daemon=True)
    thread.start()
    while thread.is_alive():
        try:
            thread.join(_LISTEN_EVERY)
        except KeyboardInterrupt:
            control.cancel.set()
        if control.cancel.is_set():
            stop()
    if failure:
        raise failure[0]
