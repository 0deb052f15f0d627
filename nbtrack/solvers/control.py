"""Time, cancel and progress of a running solve."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Progress:
    """Where a solve stands.

    Parameters
    ----------
    phase : str
        What is being done.
    incumbent : float
        Energy of the best answer so far; infinite if there is none.
    bound : float
        No answer has a lower energy than this.
    seconds : float
        Time since the start.
    """

    phase: str
    incumbent: float
    bound: float
    seconds: float

    @property
    def gap(self) -> float:
        """``(incumbent - bound) / max(|incumbent|, 1)``."""
        return (self.incumbent - self.bound) / max(abs(self.incumbent), 1.0) if self.incumbent < inf else inf


@dataclass
class Control:
    """The clock, the cancel button and the progress line of one solve.

    Parameters
    ----------
    timeout : float, optional
        Seconds after which the solve stops.
    cancel : threading.Event, optional
        Set it, from any thread, to stop the solve; the best answer so far is kept.
    cancellable : bool, optional
        Whether somebody holds the cancel button; a solver that cannot be cancelled is then refused.
    progress : callable, optional
        Called with a `Progress` now and then, possibly from another thread.
    """

    timeout: float | None = None
    cancel: threading.Event = field(default_factory=threading.Event)
    cancellable: bool = False
    progress: Callable[[Progress], None] | None = None
    started: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """Time since the start."""
        return time.perf_counter() - self.started

    @property
    def remaining(self) -> float:
        """Seconds left; infinite without a timeout."""
        return inf if self.timeout is None else max(self.timeout - self.seconds, 0.0)

    @property
    def stop_status(self) -> str | None:
        """Tell why the solve has to stop: "interrupted", "time_limit" or None."""
        if self.cancel.is_set():
            return "interrupted"
        return "time_limit" if self.remaining <= 0 else None

    def report(self, phase: str, incumbent: float = inf, bound: float = -inf) -> None:
        """Tell the listener where the solve stands."""
        if self.progress is not None:
            self.progress(Progress(phase, incumbent, bound, self.seconds))
