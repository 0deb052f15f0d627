"""Track the same objects again and again, as a person does who tries parameters.

What does not depend on the changed parameters is kept: the candidate links stay unless a parameter that went into them
has another value. Which ones went in is observed, not listed, so that a new parameter cannot be forgotten here.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from nbtrack.params import TrackingParams
from nbtrack.tracking import start_graph, track

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from nbtrack.data.detections import Detections
    from nbtrack.data.graph import HypothesisGraph
    from nbtrack.data.movie import Movie
    from nbtrack.data.result import TrackingResult
    from nbtrack.solvers.control import Progress

QUICK = 1.0
"""A run that took less than so many seconds is quick enough to follow a slider."""


class LiveTracker:
    """Track some objects with one set of parameters after the other.

    Parameters
    ----------
    detections : Detections
        The objects.
    movie : Movie, optional
        The raw movie, to be passed on to views and files.

    Attributes
    ----------
    detections, movie
        As given.
    seconds : float or None
        How long the last run took; None before the first.
    """

    def __init__(self, detections: Detections, movie: Movie | None = None) -> None:
        self.detections, self.movie = detections, movie
        self.seconds: float | None = None
        self._graph: HypothesisGraph | None = None
        self._made_with: dict[str, Any] = {}

    @property
    def is_quick(self) -> bool:
        """Whether the last run was quick enough to follow a slider."""
        return self.seconds is not None and self.seconds < QUICK

    def keeps_candidates(self, params: TrackingParams) -> bool:
        """Tell whether the candidate links that are there hold for other parameters.

        Parameters
        ----------
        params : TrackingParams
            The parameters.

        Returns
        -------
        bool
        """
        return self._graph is not None and all(getattr(params, n) == value for n, value in self._made_with.items())

    def track(
        self,
        params: TrackingParams,
        *,
        progress: Callable[[Progress], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> TrackingResult:
        """Track the objects; the answer is that of `nbtrack.track`.

        Parameters
        ----------
        params, progress, cancel
            As for `nbtrack.track`.

        Returns
        -------
        TrackingResult
        """
        start = time.perf_counter()
        if not self.keeps_candidates(params):
            watched = _watch(params)
            self._graph = start_graph(self.detections, watched)
            self._made_with = {name: getattr(params, name) for name in watched.asked_for}
        result = track(self.detections, params, movie=self.movie, graph=self._graph, progress=progress, cancel=cancel)
        self.seconds = time.perf_counter() - start
        return result


class _Watched(TrackingParams):
    """Parameters that note which of them were asked for."""

    asked_for: set[str]

    def __getattribute__(self, name: str) -> Any:
        if name in TrackingParams.__dataclass_fields__:
            object.__getattribute__(self, "asked_for").add(name)
        return object.__getattribute__(self, name)


def _watch(params: TrackingParams) -> _Watched:
    watched = object.__new__(_Watched)
    watched.__dict__.update(vars(params), asked_for=set())
    return watched
