"""What is made of the objects of a workflow, and kept in its project: labels, automatic results, what is held fixed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from nbtrack.editing.log import hash_objects
from nbtrack.errors import InputError
from nbtrack.records import KeptLabelling, keep_labels, keep_result
from nbtrack.runs.run_list import Runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nbtrack.classifiers.labelling import Labelling
    from nbtrack.data.detections import Detections
    from nbtrack.data.movie import Movie
    from nbtrack.data.pins import Pin
    from nbtrack.data.result import TrackingResult
    from nbtrack.editing.session import Session
    from nbtrack.inputs import Input
    from nbtrack.project import Project
    from nbtrack.runs.run import Run

_log = logging.getLogger(__name__)


class Answers:
    """Hold the objects and what is made of them.

    Parameters
    ----------
    project : Project or None
        Where it is kept.

    Attributes
    ----------
    project, inputs, detections, session, runs, result, notes
        As of `nbtrack.workflow.Workflow`.
    """

    def __init__(self, project: Project | None) -> None:
        self.project = project
        self.inputs: dict[str, Input] = {}
        self._found: Detections | None = None
        self.session: Session | None = None
        self.runs = Runs()
        self.result: TrackingResult | None = None
        self.notes: dict[str, str] = {}
        self._observers: list[Callable[[str], None]] = []
        self._kept_labelling = KeptLabelling(project)
        self._followed: Labelling | None = None
        self._stop_following: Callable[[], None] = lambda: None
        self._pins: tuple[Pin, ...] | None = None
        self._began_with_result = False

    @property
    def detections(self) -> Detections | None:
        """The objects as they are now, repaired ones included; None before there are any."""
        return self._found if self.session is None else self.session.detections

    @property
    def raw(self) -> Movie | None:
        """The raw images."""
        return self.inputs["raw"].movie if "raw" in self.inputs else None

    @property
    def prediction(self) -> Movie | None:
        """The prediction map, binary movie or label images."""
        return self.inputs["prediction"].movie if "prediction" in self.inputs else None

    @property
    def labelling(self) -> Labelling:
        """The labels of the objects and what is learned from them; they follow the objects when these change.

        Raises
        ------
        InputError
            If there are no objects yet, or what the project keeps cannot be read.
        """
        if self.session is None:
            raise InputError("There are no objects to label yet. Choose a threshold and apply it first.")
        labelling = self._kept_labelling.of(self.session.detections, self.session.movie)
        if labelling is not self._followed:
            self._stop_following()
            self._followed, self._stop_following = labelling, labelling.on_change(self._keep_labels)
        return labelling

    def count_labels(self) -> int:
        """Count the labelled objects, without reading or learning anything."""
        if self._followed is not None:
            return len(self._followed.labels)
        stored = self.project.params("classify") if self.project is not None else None
        return int(stored.get("objects", 0)) if stored else 0

    @property
    def classified(self) -> Detections | None:
        """The objects with the probabilities that were learned, if any, as `nbtrack.track` takes them."""
        return self.labelling.classified if self.session is not None else None

    @property
    def corrects(self) -> bool:
        """Whether the manual tracking began with an automatic result, and not with nothing."""
        return self.session is not None and self._began_with_result

    @property
    def pins(self) -> tuple[Pin, ...]:
        """What is to be held fixed when these objects are tracked: for ``nbtrack.track(..., fixed=workflow.pins)``."""
        if self._pins is None and self.project is not None and self._found is not None:
            self._pins = self.project.load_pins(hash_objects(self._found))
        return self._pins or ()

    @pins.setter
    def pins(self, pins: Iterable[Pin]) -> None:
        if self._found is None:
            raise InputError("There are no objects yet that could be held fixed. Apply a threshold first.")
        new = tuple(pins)
        if self.project is not None:
            self.project.save_pins(new, hash_objects(self._found))
        self._pins = new

    # ------------------------------------------------------------------ helpers
    def _forget_objects(self, session: Session | None) -> None:
        """Let go of what belongs to the old objects; labels are moved to the new ones when they are asked for."""
        self._pins = self.result = None
        self._began_with_result = begins_with_tracks(session)

    def _keep_labels(self, _: object) -> None:
        if self.project is not None and self._followed is not None:
            keep_labels(self.project, self._followed)
        self._tell("labels")

    def _keep_run(self, run: Run | None) -> None:
        """Keep the result of a run, if it is of these objects."""
        if run is None or self.detections is None:
            return
        result = self.runs.result(run.number)
        if hash_objects(result.detections) != hash_objects(self.detections):
            return
        self.result = result
        try:
            if self.project is not None:
                keep_result(self.project, result)
        except InputError as error:
            _log.warning("The result is not kept in the project. %s", error)
        self._tell("runs")

    def _raw_of(self, detections: Detections) -> Movie | None:
        """Give the raw movie if it fits these objects."""
        fits = self.raw is not None and self.raw.shape[: 1 + self.raw.ndim] == (
            detections.n_frames,
            *detections.frame_shape,
        )
        return self.raw if fits else None

    def _tell(self, what: str) -> None:
        for callback in tuple(self._observers):
            callback(what)


def begins_with_tracks(session: Session | None) -> bool:
    """Tell whether there were tracks before the first step of a session.

    Parameters
    ----------
    session : Session or None
        The session.

    Returns
    -------
    bool
        False if there is none.
    """
    if session is None:
        return False
    start = session.lineage.copy()
    for step in reversed(session.history.steps):
        step.inverse.apply(start)
    return bool(start.track_ids)
