"""How fast the work goes: actions, and actions a minute while somebody works."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PAUSE = 30.0
"""Seconds without an action after which nobody is taken to be at work."""


class Meter:
    """Count actions and the time they took.

    Parameters
    ----------
    clock : callable, optional
        Tells the time in seconds.

    Attributes
    ----------
    actions : int
        Actions so far.

    Examples
    --------
    >>> meter = Meter(clock=iter([0.0, 4.0, 8.0]).__next__)
    >>> [meter.count() for _ in range(3)]
    [1, 2, 3]
    >>> str(meter)
    '3 actions, 15 per minute'
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.actions = 0
        self._clock = clock
        self._last: float | None = None
        self._timed, self._seconds = 0, 0.0

    def count(self) -> int:
        """Count an action that is done now.

        Returns
        -------
        int
            Actions so far.
        """
        now = self._clock()
        if self._last is not None and now - self._last <= PAUSE:
            self._timed += 1
            self._seconds += now - self._last
        self._last = now
        self.actions += 1
        return self.actions

    @property
    def per_minute(self) -> float | None:
        """Actions a minute without the pauses; None before the third action."""
        return 60 * self._timed / self._seconds if self._timed > 1 and self._seconds else None

    def __str__(self) -> str:
        """Say it in words."""
        rate = self.per_minute
        counted = f"{self.actions} action{'s' * (self.actions != 1)}"
        return counted if rate is None else f"{counted}, {rate:.0f} per minute"
