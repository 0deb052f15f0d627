"""The answer of the automatic tracker with its honest report."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nbtrack.data.columns import FRAGMENTS, make_table

if TYPE_CHECKING:
    import pandas as pd

    from nbtrack.data.detections import Detections
    from nbtrack.data.energies import Energies, Solved
    from nbtrack.data.lineage import Lineage
    from nbtrack.data.movie import Movie
    from nbtrack.data.pins import Pin
    from nbtrack.params import TrackingParams

STATUSES = {
    "optimal": "proven to be within the optimality gap that was asked for",
    "time_limit": "stopped by the timeout; the best answer found so far",
    "interrupted": "cancelled; the best answer found so far",
    "infeasible": "no answer keeps to all that was fixed",
    "error": "the solver gave no answer",
}
"""Every status a solve can end with, in words."""


@dataclass(frozen=True, kw_only=True)
class SolveReport:
    """What the solver did and what it proved.

    Parameters
    ----------
    solver : str
        Name of the solver, and of the one it fell back to.
    status : str
        One of `STATUSES`.
    objective : float
        Energy of the answer, with all constants.
    bound : float
        No answer has a lower energy than this.
    raw_objective : float
        Energy of the same answer without convexification.
    seconds : float
        Time from the arrays of the graph to the answer.
    n_detections, n_links, n_variables, n_rows : int
        Sizes of the problem.
    message : str
        Anything the user should know, such as a fall-back; empty if there is nothing.
    """

    solver: str
    status: str
    objective: float
    bound: float
    raw_objective: float
    seconds: float
    n_detections: int
    n_links: int
    n_variables: int
    n_rows: int
    message: str = ""

    @property
    def absolute_gap(self) -> float:
        """Energy by which the answer can be worse than the best one."""
        return max(self.objective - self.bound, 0.0)

    @property
    def gap(self) -> float:
        """Absolute gap divided by max(|objective|, 1)."""
        return self.absolute_gap / max(abs(self.objective), 1.0)

    def as_dict(self) -> dict[str, Any]:
        """Give all figures as plain values."""
        return {**asdict(self), "gap": self.gap, "absolute_gap": self.absolute_gap}

    def __str__(self) -> str:
        text = (
            f"{self.solver}: {self.status}, energy {self.objective:.6f}, bound {self.bound:.6f}, gap {self.gap:.2g}, "
            f"{self.seconds:.2f} s ({self.n_detections} detections, {self.n_links} links)"
        )
        return f"{text}. {self.message}" if self.message else text


@dataclass(frozen=True, kw_only=True)
class TrackingResult:
    """Tracked objects: a lineage, the tables read off it, and how it was found.

    Parameters
    ----------
    lineage : Lineage
        Objects, tracks, divisions and false detections.
    report : SolveReport
        Solver, status, objective, bound and gap.
    params : TrackingParams
        What it was made with.
    detections : Detections
        The tracked objects with their label frames.
    movie : Movie or None
        The raw movie, if it was given.
    objects : DataFrame
        t, object_id, count, track_id, lineage_id; the first track of a merger; 0 and -1 for a false detection.
    links : DataFrame
        t (of the source), source_id, target_id, count, energy, gap (frames from source to target).
    divisions : DataFrame
        t (last frame of the parent), parent_id, child1_id, child2_id, parent_track_id, child1_track_id,
        child2_track_id, energy.
    mergers : DataFrame
        t, object_id, count, track_ids (joined by ";").
    appearances, disappearances : DataFrame
        t, object_id, track_id: tracks that begin inside the movie or end before it does.
    false_detections : DataFrame
        t, object_id.
    fragments : DataFrame
        t, object_id, of_id, track_id: false detections that are a second mask of the object `of_id`.
    solved : Solved or None
        What was solved; None if the result was not made by `track`. Where mergers were resolved, it and the energies
        tell of the objects as they were before.

    Attributes
    ----------
    energies : Energies or None
        Every term of every object, link, division and merge that was weighed, used or not; written when they are asked
        for. None where `solved` is.
    """

    lineage: Lineage
    report: SolveReport
    params: TrackingParams
    detections: Detections
    movie: Movie | None
    objects: pd.DataFrame
    links: pd.DataFrame
    divisions: pd.DataFrame
    mergers: pd.DataFrame
    appearances: pd.DataFrame
    disappearances: pd.DataFrame
    false_detections: pd.DataFrame
    fragments: pd.DataFrame = field(default_factory=lambda: make_table(FRAGMENTS))
    solved: Solved | None = None

    @cached_property
    def energies(self) -> Energies | None:
        """Every term of every candidate; None if it is not known what was solved."""
        if self.solved is None:
            return None
        return self.solved.explain(self.solved.graph, self.solved.problem, self.solved.solution)

    @property
    def pins(self) -> tuple[Pin, ...]:
        """What was held fixed; writers take it along."""
        return () if self.solved is None else tuple(self.solved.pins)

    def summary(self) -> dict[str, Any]:
        """Count what was found and repeat the figures of the report."""
        tracks = self.lineage.tracks
        return {
            "frames": self.detections.n_frames,
            "objects": len(self.objects),
            "tracks": len(tracks),
            "lineages": int(tracks["lineage_id"].nunique()),
            "divisions": len(self.divisions),
            "mergers": len(self.mergers),
            "appearances": len(self.appearances),
            "disappearances": len(self.disappearances),
            "false_detections": len(self.false_detections),
            **self.report.as_dict(),
        }

    def __repr__(self) -> str:
        found = self.summary()
        names = ("frames", "objects", "tracks", "divisions", "mergers", "false_detections")
        return f"<TrackingResult: {', '.join(f'{found[n]} {n}'.replace('_', ' ') for n in names)}; {self.report}>"
