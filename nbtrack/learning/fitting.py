"""Learn weights from pins: what a person decided shall be the answer that the solver finds by itself.

A Fenchel-Young loss with perturbed optimisers (Berthet et al., NeurIPS 2020): the movie is solved with shaken costs,
and the weights move so that these answers agree with the one that keeps to the pins. What nobody looked at counts as
right: to learn from the pins alone broke tracks elsewhere, as it is doubtful objects that are asked about
(`tests/benchmarks/README.md`). The relaxation is solved, each time from where the last one ended.

How far to go is decided by what comes out: a share of the way is taken that goes against few pins and leaves the tracks
as the person left them.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nbtrack.data.relations import is_held
from nbtrack.errors import InputError, SolveError
from nbtrack.learning.agreement import measure_agreement
from nbtrack.learning.costs import costs_of, learned_start, set_weights
from nbtrack.resolving import Resolver
from nbtrack.review.sampling import noise_scale, shake
from nbtrack.solvers.control import Control
from nbtrack.solvers.pinned import pinned_states
from nbtrack.solvers.warm import WarmProgram

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from nbtrack.data.lineage import Lineage
    from nbtrack.data.pins import Pin
    from nbtrack.editing.session import Session
    from nbtrack.learning.costs import Costs
    from nbtrack.params import TrackingParams
    from nbtrack.solvers.pinned import PinnedState
    from nbtrack.tracking import SolvedMovie

ROUNDS = 40
"""Steps of the gradient."""
RATE = 0.08
"""Size of a step, in the logarithm of the weights."""
HOLD = 0.1
"""How firmly the weights are held where they are: the precision of a Gaussian prior on their logarithm, per pin."""
MOST = 1.6
"""No weight grows or falls by more than this, in its logarithm."""
NEARLY = 1e-4
"""Gap of the answer that is learned from."""
SHARES = (1.0, 0.5, 0.25)
"""How much of the way to the learned weights is tried."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Learned:
    """Weights that were learned.

    Parameters
    ----------
    params : TrackingParams
        With the learned weights; those of before if nothing better was found.
    before, after : int
        Pins that the solver goes against by itself with the old weights, and with these.
    n_pins : int
        Pins that were learned from.
    factors : dict of str to float
        By what each weight was multiplied.
    """

    params: TrackingParams
    before: int
    after: int
    n_pins: int
    factors: dict[str, float]

    @property
    def message(self) -> str:
        """What came of it, in a sentence."""
        if not self.factors:
            return f"Nothing better was found: by itself the solver goes against {self.before} of {self.n_pins} pins."
        return (
            f"Learned from {self.n_pins} pins: by itself the solver goes against {self.after} of them, "
            f"{self.before} before."
        )


def learn(
    work: Any,
    *,
    rounds: int = ROUNDS,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    cancel: threading.Event | None = None,
) -> Learned:
    """Learn the weights of the tracker from the corrections of a session.

    Parameters
    ----------
    work : Session, Workflow, Project, str or Path
        The session, what holds it, or the project that it is kept in.
    rounds : int, optional
        Steps of the gradient.
    seed : int, optional
        The same seed gives the same weights.
    progress : callable, optional
        Called with the number of steps done and to do.
    cancel : threading.Event, optional
        Set it from another thread to stop with the weights so far.

    Returns
    -------
    Learned
        ``session.resolve(learned.params)`` tracks with it; other movies are tracked by ``nbt.track(..., params)``.

    Raises
    ------
    InputError
        If there is no session, or nothing was corrected.
    SolveError
        If pins contradict each other; they are named.
    """
    session = _session_of(work)
    params = session.tracking
    if params is None:
        raise InputError("The session has no tracking parameters yet, so there is nothing to learn. Resolve it first.")
    resolver = Resolver(session.detections, params, session.movie)
    solved = resolver.start()
    pins = resolver.seen(session.pins)
    if not pins:
        raise InputError("Nothing was corrected yet, so there is nothing to learn from. Correct or accept something.")
    wanted = resolver.solve(pins).result.lineage  # names pins that contradict each other
    costs = costs_of(solved, params)
    start = learned_start(solved, params)
    if params.preset == "adaptive" and params.self_training:  # the movie itself teaches what links are like
        costs, start = costs.without("link_"), params
    weights = _fit(resolver, costs, pins, rounds, seed, progress, cancel)
    lineage = _free_lineage(resolver)
    before = after = _violations(lineage, pins)
    least = before / len(pins) + 1 - measure_agreement(lineage, wanted)
    best_params, factors = params, dict[str, float]()
    for share in SHARES:
        ratio = (weights / costs.weights) ** share
        candidate = set_weights(start, costs.names, costs.weights * ratio)
        lineage = _free_lineage(Resolver(session.detections, candidate))
        against = _violations(lineage, pins)
        loss = against / len(pins) + 1 - measure_agreement(lineage, wanted)
        if against < before and loss < least:
            least, after, best_params = loss, against, candidate
            factors = dict(zip(costs.names, ratio.tolist(), strict=True))
    learned = Learned(params=best_params, before=before, after=after, n_pins=len(pins), factors=factors)
    _log.info("%s", learned.message)
    return learned


def _fit(
    resolver: Resolver,
    costs: Costs,
    pins: Sequence[Pin],
    rounds: int,
    seed: int,
    progress: Callable[[int, int], None] | None,
    cancel: threading.Event | None,
) -> np.ndarray:
    """Move the weights until shaken answers agree with the one that keeps to the pins; Adam on their logarithm."""
    states = _states(resolver.start(), pins, resolver.params.objects_per_merger)
    program = WarmProgram(costs.description.problem, threads=resolver.params.threads)
    control = Control()
    if cancel is not None:
        control.cancel, control.cancellable = cancel, True
    best = costs.weights
    try:
        kept = program.solve(_together(program, states), optimality_gap=NEARLY, control=control)
    except SolveError:  # the candidates as they are cannot hold the pins
        return best
    right = costs.description.vector_of(kept.solution)
    scale = noise_scale(costs.description.problem)
    k = len(costs.weights)
    moved, first, second = np.zeros(k), np.zeros(k), np.zeros(k)
    for turn in range(1, rounds + 1):
        weights = costs.weights * np.exp(moved)
        noise = shake(costs.description, np.random.default_rng([seed, turn]), scale) - costs.description.cost
        cost = costs.at(weights) + noise
        point = program.relax(cost=cost, control=control)
        if point is None:
            break
        slope = np.asarray(costs.slope.T @ (right - point)) * weights + HOLD * len(pins) * moved
        first, second = 0.8 * first + 0.2 * slope, 0.95 * second + 0.05 * slope**2
        step = (first / (1 - 0.8**turn)) / (np.sqrt(second / (1 - 0.95**turn)) + 1e-9)
        moved = np.clip(moved - RATE * step / np.sqrt(1 + turn / 10), -MOST, MOST)
        best = costs.weights * np.exp(moved)
        if progress is not None:
            progress(turn, rounds)
    return np.asarray(best)


def _states(start: SolvedMovie, pins: Sequence[Pin], m: int) -> list[PinnedState]:
    """Keep the pins that the candidates as they are can hold: what has no energy teaches nothing."""
    graph, problem = start.graph, start.problem
    divides = problem.divides.copy()
    divides[problem.external_parent] = True
    strange: set[tuple[int, int]] = set()
    for pin in pins:
        one, *rest = (graph.index_of(*place) for place in pin.objects)
        assert one is not None
        fits = pin.value <= problem.capacity[one]
        if pin.kind == "link" and pin.value:
            fits &= rest[0] is not None and graph.link_index_of(one, rest[0]) is not None
        elif pin.kind == "division" and pin.value:
            fits = bool(divides[one])
        if not fits:
            strange.update(pin.objects)
    return pinned_states(graph, [pin for pin in pins if not strange & set(pin.objects)], m)[1]


def _together(program: WarmProgram, states: Sequence[PinnedState]) -> list[PinnedState]:
    """Keep the pins that can hold together with the candidates as they are."""
    kept: list[PinnedState] = []

    def add(more: Sequence[PinnedState]) -> None:
        if program.may_hold([*kept, *more]):
            kept.extend(more)
        elif len(more) > 1:
            add(more[: len(more) // 2])
            add(more[len(more) // 2 :])

    add(states)
    return kept


def _violations(lineage: Lineage, pins: Sequence[Pin]) -> int:
    """Count the pins that a lineage goes against."""
    return sum(not is_held(lineage, pin) for pin in pins)


def _free_lineage(resolver: Resolver) -> Lineage:
    """Read off what the solver finds when it is not told of any pin."""
    return resolver.solve().result.lineage


def _session_of(work: Any) -> Session:
    """Find the session."""
    from nbtrack.editing.session import Session
    from nbtrack.workflow import Workflow

    if isinstance(work, Session):
        return work
    held = work if isinstance(work, Workflow) else Workflow(work)
    if held.session is None:
        raise InputError("`work` has no session yet. Apply a threshold and track first.")
    return held.session
