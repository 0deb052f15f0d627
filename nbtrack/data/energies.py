"""Why an answer is what it is: every term of every candidate that the tracker weighed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from nbtrack.data.detections import Detections
    from nbtrack.data.graph import HypothesisGraph
    from nbtrack.data.pins import Pin
    from nbtrack.data.problem import Problem, Solution

OBJECT_TERMS = ("detection", "noise", "opportunity", "convex")
"""Terms of the number of objects in a detection: from its size or a classifier, from the noise model of the preset
``chaingraph``, of a false detection, and what is added to make the energies convex in the number of objects."""


@dataclass(frozen=True, kw_only=True)
class Energies:
    """The energies of all candidates, term by term; in every row the terms add up to `energy`.

    `energy` is what a candidate costs if the answer has it (a link: with one object on it), `off` what it costs if the
    answer has it not, and `paid` what this answer does pay in this row. All that is paid adds up to the objective of
    the report. More is worse.

    Parameters
    ----------
    links : DataFrame
        t, source_id, target_t, target_id, one column per term, energy, off, count (objects that go along), used, paid.
        A link to a daughter or into a merger that is named in `divisions` or `merges` is not used here but there.
        For more than one object, and for a daughter of the preset ``chaingraph``, `paid` is not `energy`.
    divisions : DataFrame
        t (last frame of the mother), parent_id, child1_id, child2_id, one column per term, energy, used, paid. Where a
        division is not one of the hypotheses by name of the preset ``adaptive``, its terms are the division itself,
        which is paid in `objects`, and its two links, which are paid in `links`.
    merges : DataFrame
        t (frame of the merged object), object_id, source1_id, source2_id, one column per term, energy, used, paid.
    objects : DataFrame
        t, object_id, count (objects that the answer sees here; two that merge and part by name are one), appears,
        vanishes, divides; `OBJECT_TERMS`, which add up to energy, that of this count; energy_0, energy_1, ...: that of
        every count; appearance, disappearance, division, no_division: what it costs if one object begins, ends,
        divides or does not divide here (NaN if it cannot divide); paid, for all of this.
    terms : dict of str to tuple of str
        Which columns of ``"links"``, ``"divisions"``, ``"merges"`` and ``"objects"`` are terms.
    totals : dict of str to float
        What the answer pays in all, by what it is for; adds up to the objective.
    weights : dict of str to dict of str to float
        By ``"link"``, ``"division"`` and ``"merge"``: the weights of the terms after self-training; empty for presets
        that do not learn.
    drift : ndarray of float, shape (frames, ndim)
        Jump of the whole picture from each frame with objects to the next, in scaled units; without rows for presets
        that do not look for it.
    """

    links: pd.DataFrame
    divisions: pd.DataFrame
    merges: pd.DataFrame
    objects: pd.DataFrame
    terms: dict[str, tuple[str, ...]]
    totals: dict[str, float]
    weights: dict[str, dict[str, float]] = field(default_factory=dict)
    drift: np.ndarray

    @property
    def total(self) -> float:
        """What the answer pays in all: its objective."""
        return float(sum(self.totals.values()))

    def around(self, t: int, object_id: int) -> pd.DataFrame:
        """List the candidate links of an object.

        Parameters
        ----------
        t, object_id : int
            The object.

        Returns
        -------
        DataFrame
            Rows of `links`, with their index: those that lead here, then those that leave.
        """
        links = self.links
        into = (links["target_t"] == t) & (links["target_id"] == object_id)
        out = (links["t"] == t) & (links["source_id"] == object_id)
        return pd.concat([links[into], links[out]])

    def __repr__(self) -> str:
        counts = f"{len(self.links)} links, {len(self.divisions)} divisions, {len(self.merges)} merges"
        return f"<Energies of {counts}; {self.total:.6f} paid>"


@dataclass(frozen=True, kw_only=True, eq=False)
class Solved:
    """What was solved, kept to look into it and to ask it again.

    Parameters
    ----------
    detections : Detections
        The objects, as they were then.
    graph : HypothesisGraph
        Those that were tracked, and candidate links.
    problem : Problem
        Energies of all states.
    solution : Solution
        The answer.
    pins : tuple of Pin
        What a person held fixed.
    explain : callable
        Writes the `Energies` of graph, problem and solution; done only when they are asked for.
    weighing : object, optional
        What the adaptive preset has measured and learned, see `nbtrack.adaptive.refreshing`.
    """

    detections: Detections
    graph: HypothesisGraph
    problem: Problem
    solution: Solution
    pins: tuple[Pin, ...]
    explain: Callable[[HypothesisGraph, Problem, Solution], Energies]
    weighing: Any = None
