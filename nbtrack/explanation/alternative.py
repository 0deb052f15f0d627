"""Why an object, a link or a division is in the answer or not: its terms, and what the best other answer would cost.

The other answer is found by one more solve of the same problem, with everything that was held fixed and the opposite of
what is asked about held as well. So the difference in energy is exact, up to the gaps that the report tells.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nbtrack.comparison.differences import compare
from nbtrack.errors import SolveError
from nbtrack.explanation.sentences import condition, consequences
from nbtrack.explanation.terms import find_pin, known_energies, list_terms
from nbtrack.model.energies import compute_energies
from nbtrack.model.objective import energy_of
from nbtrack.solvers.control import Control
from nbtrack.solvers.decode import decode
from nbtrack.solvers.pinned import pinned_states
from nbtrack.solvers.solve import solve_problem
from nbtrack.tracking import let_pinned_divide, track

if TYPE_CHECKING:
    import threading

    import pandas as pd

    from nbtrack.comparison.table import Comparison
    from nbtrack.data.energies import Solved
    from nbtrack.data.graph import HypothesisGraph
    from nbtrack.data.pins import Pin
    from nbtrack.data.problem import Solution
    from nbtrack.data.result import TrackingResult

SMALLEST_GAP = 1e-6
"""Gap of the other answer, unless a smaller one is asked for: a difference is small beside the whole energy."""
SAME = 1e-6
"""Differences below this, relative to the energy, are none."""
MOST_CHANGES = 3
"""Changes that a sentence names; the others are counted."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Explanation:
    """What a part of an answer costs, and what the best answer without it (or with it) would cost.

    Parameters
    ----------
    pin : Pin
        The part of the answer, as the answer has it.
    terms : DataFrame
        term, energy, used: what each term or state costs, and whether the answer has it.
    opposite : Pin
        What the other answer was made to hold.
    alternative : TrackingResult or None
        The best answer that holds it; None if there is none, or it was not asked for.
    cost : float or None
        Energy of the alternative minus that of the answer, in the same energies.
    changes : Comparison or None
        What differs: side "a" is the answer, side "b" the alternative.
    reason : str
        Why there is no alternative; empty if there is one.
    """

    pin: Pin
    terms: pd.DataFrame
    opposite: Pin
    alternative: TrackingResult | None = None
    cost: float | None = None
    changes: Comparison | None = None
    reason: str = ""

    @property
    def sentence(self) -> str:
        """What the best alternative would cost and change, in words."""
        if self.alternative is None or self.cost is None or self.changes is None:
            return f"No answer has it otherwise. {self.reason}" if self.reason else "No alternative was asked for."
        scale = max(abs(self.alternative.report.objective), 1.0)
        costs = "costs" if self.pin.kind == "link" else "would cost"
        if abs(self.cost) <= SAME * scale:
            costs += " just as much"
        else:
            costs += f" {abs(self.cost):,.2f} {'more' if self.cost > 0 else 'less'}"
        found = consequences(self.changes, self.opposite)
        named = "; ".join(found[:MOST_CHANGES]) or "no track would change"
        more = len(found) - MOST_CHANGES
        rest = f"; and {more} more difference{'s' * (more != 1)}" if more > 0 else ""
        status = self.alternative.report.status
        doubt = "" if status == "optimal" else " The solver was stopped before this was proven."
        if self.cost < -SAME * scale:
            doubt += " So the answer itself can be improved: track again with a smaller optimality gap."
        return f"{condition(self.pin, self.opposite)} the best answer {costs}: {named}{rest}.{doubt}"

    def __str__(self) -> str:
        width = max((len(str(term)) for term in self.terms["term"]), default=0)
        rows = [
            f"  {row.term:<{width}}  {row.energy:>12,.4f}{'  used' if row.used else ''}"
            for row in self.terms.itertuples()
        ]
        said = f"{self.pin}"
        more = [] if self.alternative is None and not self.reason else [self.sentence]
        return "\n".join([f"{said[:1].upper()}{said[1:]}.", *rows, *more])

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        from html import escape

        head, *_ = str(self).split("\n")
        more = "" if self.alternative is None and not self.reason else f"<p>{escape(self.sentence)}</p>"
        table = self.terms.to_html(index=False, float_format="{:,.4f}".format)
        return f"<p>{escape(head)}</p>{table}{more}"


def explain(
    result: TrackingResult,
    t: int,
    object_id: int,
    target_id: int | None = None,
    *,
    target_t: int | None = None,
    kind: str | None = None,
    solve: bool = True,
    cancel: threading.Event | None = None,
) -> Explanation:
    """Tell what a part of an answer costs, and what the best answer would cost in which it is otherwise.

    Parameters
    ----------
    result : TrackingResult
        What `track` returned.
    t, object_id : int
        The object; the earlier one of a link, the mother of a division.
    target_id : int, optional
        The later object of a link.
    target_t : int, optional
        Its frame; the next one if not given.
    kind : {"object", "link", "division", "appearance", "disappearance"}, optional
        What is asked about: whether the object is tracked, the link used, whether the object divides, or a track begins
        or ends with it. A link if there is `target_id`, else the object.
    solve : bool, optional
        Whether to look for the best alternative: one more solve with the solver, timeout and pins of the result.
    cancel : threading.Event, optional
        Set it from another thread to stop the solve.

    Returns
    -------
    Explanation
        Printed, it is a table of the terms and a sentence.

    Raises
    ------
    InputError
        If it is not known how the result was made, or there is no such object.

    Examples
    --------
    >>> import nbtrack as nbt
    >>> result = nbt.track(nbt.segment(nbt.sample("nuclei", n_frames=3, size=64, n_cells=3).prediction, channel=1))
    >>> explain(result, *result.links.loc[0, ["t", "source_id", "target_id"]]).cost > 0
    True
    """
    solved, energies = known_energies(result)
    pin = find_pin(result, solved, int(t), int(object_id), target_id, target_t, kind)
    opposite = replace(pin, value=int(not pin.value))
    found = Explanation(pin=pin, terms=list_terms(energies, pin), opposite=opposite)
    return _with_alternative(found, result, solved, cancel) if solve else found


# --------------------------------------------------------------------------- the best alternative
def _with_alternative(
    found: Explanation, result: TrackingResult, solved: Solved, cancel: threading.Event | None
) -> Explanation:
    try:
        alternative, cost = _solve_again(result, solved, found.opposite, cancel)
    except SolveError as error:
        return replace(found, reason=str(error))
    changes = compare(result, alternative, names=("the answer", "the alternative"))
    return replace(found, alternative=alternative, cost=cost, changes=changes)


def _solve_again(
    result: TrackingResult, solved: Solved, pin: Pin, cancel: threading.Event | None
) -> tuple[TrackingResult, float]:
    """Solve once more with a pin; give the answer and what it costs beyond the old one."""
    params, pins = result.params, (*solved.pins, pin)
    graph, states = pinned_states(solved.graph, pins, params.objects_per_merger)
    problem, solution, adaptive = solved.problem, solved.solution, params.preset == "adaptive"
    if graph.n_links != solved.graph.n_links:
        if adaptive:  # the link has to be measured, and the energies are learned anew
            anew = track(result.detections, params, fixed=pins, movie=result.movie, cancel=cancel)
            return anew, anew.report.objective - result.report.objective
        problem = compute_energies(graph, params)
        solution = _on_graph(solution, solved.graph, graph)
    problem = let_pinned_divide(problem, states)
    control = Control(timeout=params.timeout)
    if cancel is not None:
        control.cancel, control.cancellable = cancel, True
    outcome = solve_problem(
        problem,
        solver=params.solver,
        optimality_gap=min(params.optimality_gap, SMALLEST_GAP),
        threads=params.threads,
        pins=states,
        control=control,
    )
    report = outcome.report
    if not adaptive:
        raw = let_pinned_divide(compute_energies(graph, params, convex=False), states)
        report = replace(report, raw_objective=energy_of(raw, outcome.solution))
    held = states if adaptive else []
    decoded = decode(graph, problem, outcome.solution, longest_merger=params.longest_merger, pins=held)
    tables: dict[str, Any] = dict(decoded.tables)
    alternative = replace(
        result,
        lineage=decoded.lineage,
        report=report,
        solved=replace(solved, graph=graph, problem=problem, solution=outcome.solution, pins=pins),
        **tables,
    )
    return alternative, report.objective - energy_of(problem, solution)


def _on_graph(solution: Solution, before: HypothesisGraph, after: HypothesisGraph) -> Solution:
    """Give the links that were added to a graph no objects."""
    n = after.n_detections
    keys = after.source * n + after.target
    flow = np.zeros(after.n_links, np.int64)
    flow[np.searchsorted(keys, before.source * n + before.target)] = solution.flow
    return replace(solution, flow=flow)
