"""Where each step of a workflow stands, in words: what the tabs of the app show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nbtrack.errors import InputError

if TYPE_CHECKING:
    from nbtrack.workflow import Workflow

STEPS = ("Input", "Threshold", "Classify", "Track by hand", "Track automatically", "Correct", "Export")
"""The steps in the order of the work."""
_PROVEN = 1e-6
STATES = ("to do", "optional", "done", "stale")
"""What can be said of a step: stale means that something it was made from has changed since."""


@dataclass(frozen=True)
class StepState:
    """Where a step stands.

    Parameters
    ----------
    name : str
        One of `STEPS`.
    state : str
        One of `STATES`.
    text : str
        A few words, such as ``"327 objects"``.
    """

    name: str
    state: str
    text: str


def step_states(workflow: Workflow) -> list[StepState]:
    """Tell where each step stands.

    Parameters
    ----------
    workflow : Workflow
        The workflow.

    Returns
    -------
    list of StepState
        In the order of `STEPS`.

    Examples
    --------
    >>> from nbtrack.workflow import Workflow
    >>> [step.state for step in step_states(Workflow())]
    ['to do', 'to do', 'optional', 'to do', 'to do', 'optional', 'to do']
    """
    tellers = (_input, _threshold, _classify, _by_hand, _automatic, _correct, _export)
    return [StepState(name, *tell(workflow)) for name, tell in zip(STEPS, tellers, strict=True)]


def _input(workflow: Workflow) -> tuple[str, str]:
    movie = workflow.prediction
    if movie is None:
        return "to do", "nothing loaded"
    try:
        workflow.check()
    except InputError:
        return "to do", "the files do not fit"
    return "done", _count(len(movie), "frame")


def _threshold(workflow: Workflow) -> tuple[str, str]:
    if workflow.detections is None:
        return "to do", "no objects yet"
    found = _count(len(workflow.detections), "object")
    if workflow.prediction is not None and not workflow.is_applied(workflow.params):
        return "stale", f"{found} of other inputs"
    return "done", found


def _classify(workflow: Workflow) -> tuple[str, str]:
    n = workflow.count_labels()
    return ("done", _count(n, "label")) if n else ("optional", "no labels")


def _by_hand(workflow: Workflow) -> tuple[str, str]:
    session = workflow.session
    if session is None or workflow.corrects or not session.lineage.track_ids:
        return "to do", "no tracks"
    progress = session.progress()
    tracks = _count(len(session.lineage.track_ids), "track")
    return "done", f"{tracks}, {progress.complete} of {progress.n_frames} frames complete"


def _automatic(workflow: Workflow) -> tuple[str, str]:
    n, project = len(workflow.runs), workflow.project
    if not n:
        return "to do", "no run"
    if workflow.result is None:
        return "stale", f"{_count(n, 'run')}, of other objects"
    if project is not None and project.state("solve") == "stale":
        return "stale", f"{_count(n, 'run')}, labels have changed since"
    gap = workflow.result.report.gap
    return "done", f"{_count(n, 'run')}, " + (f"gap {gap:.2g}" if gap > _PROVEN else "proven to be the best")


def _correct(workflow: Workflow) -> tuple[str, str]:
    if not workflow.corrects or workflow.session is None:
        return "optional", "not begun"
    n = len(workflow.session.history)
    return ("done", _count(n, "step")) if n else ("optional", "begun")


def _export(workflow: Workflow) -> tuple[str, str]:
    tracked = workflow.session is not None and workflow.session.lineage.track_ids
    return "to do", "ready" if tracked or workflow.result is not None else "nothing to write yet"


def _count(n: int, word: str) -> str:
    return f"{n} {word}{'s' * (n != 1)}"
