"""Learn weights from pins: what a person decided shall be the answer that the solver finds by itself.

A Fenchel-Young loss with perturbed optimisers (Berthet et al., NeurIPS 2020) for labels that are partial: the movie is
solved with shaken costs twice, once free and once with the pins held, and the weights move so that the two agree. What
nobody looked at takes no part, as it is the same in both, right or wrong. The relaxations are solved, each time from
where the last one ended. The transition scale, whose default may be far from the movie's, is searched before.

How far to go is decided by what comes out: weights are taken if they go against fewer pins, clearly so by a sign test,
and best if the tracks that they find by themselves are those that they find with the pins. Else all stays as it was
(`tests/benchmarks/README.md` tells what was measured).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from math import comb, inf
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
from nbtrack.tracking import solve_movie

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Collection, Sequence

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
"""Gap of the answers that weights are judged by."""
SHARES = (1.0, 0.5)
"""How much of the way to the learned weights is tried."""
MOST_DOUBLINGS = 3
"""The transition scale is doubled or halved so often at most."""
WORTH = 0.02
"""Doubling or halving it once more must better the loss by so much."""
FRESH = 4
"""Slopes are found anew after so many steps, where they change."""
CHANCE = 0.05
"""Weights are left as they are unless the pins would favour others by chance in so few cases only."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Learned:
    """Weights that were learned.

    Parameters
    ----------
    params : TrackingParams
        With the learned weights; those of before if nothing clearly better was found.
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

    The weights stay as they are unless the corrections speak clearly for others: a few weigh little where the tracker
    is nearly right already, and much where it is far off.

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
    rough = replace(params, optimality_gap=max(params.optimality_gap, NEARLY))
    resolver = Resolver(session.detections, rough)
    solved = resolver.start()
    pins = resolver.seen(session.pins)
    if not pins:
        raise InputError("Nothing was corrected yet, so there is nothing to learn from. Correct or accept something.")
    now = _judge(resolver, pins)  # names pins that contradict each other
    costs = costs_of(solved, params)
    start = learned_start(solved, rough)
    if params.preset == "adaptive" and params.self_training:  # the movie itself teaches what links are like
        costs, start = costs.without("link_"), rough

    def tried(weights: np.ndarray) -> _Trial:
        candidate = set_weights(start, costs.names, weights)
        graph = None if params.preset == "adaptive" else solved.graph
        again = solve_movie(session.detections, candidate, graph=graph)
        try:
            return _judge(Resolver(session.detections, candidate, start=again), pins)
        except SolveError:  # with these weights the candidates are such that the pins cannot hold any more
            return _Trial(candidate, frozenset(pins), inf)

    begin = _search_scale(costs, now, tried, cancel)
    weights = _fit(resolver, costs, begin, pins, rounds, seed, progress, cancel)
    best, factors = now, dict[str, float]()
    for share in SHARES:
        ratio = begin / costs.weights * (weights / begin) ** share
        trial = tried(costs.weights * ratio)
        if trial.loss < best.loss and is_clear(now.broken, trial.broken):
            best, factors = trial, dict(zip(costs.names, ratio.tolist(), strict=True))
    found = replace(best.params, optimality_gap=params.optimality_gap) if factors else params
    learned = Learned(params=found, before=now.against, after=best.against, n_pins=len(pins), factors=factors)
    _log.info("%s", learned.message)
    return learned


@dataclass(frozen=True)
class _Trial:
    """What the solver finds by itself with some weights, held against the pins."""

    params: TrackingParams
    broken: frozenset[Pin]
    loss: float

    @property
    def against(self) -> int:
        """How many pins it goes against."""
        return len(self.broken)


def is_clear(before: Collection[Pin], after: Collection[Pin]) -> bool:
    """Tell whether weights do better on decisions beyond what chance does: a sign test, object by object.

    Parameters
    ----------
    before, after : collection of Pin
        Pins that the solver goes against with the old weights, and with the new ones.

    Returns
    -------
    bool
        If pins that are better with either outnumber the others as they would by chance in `CHANCE` of the cases only.
        Pins about one object are one decision.
    """
    old, new = ({(pin.t, pin.object_id) for pin in pins} for pins in (before, after))
    won, lost = len(old - new), len(new - old)
    n = won + lost
    chance = sum(comb(n, k) for k in range(won, n + 1)) / 2**n
    return len(after) < len(before) and chance <= CHANCE


def _judge(resolver: Resolver, pins: Sequence[Pin]) -> _Trial:
    """Compare what is found without the pins with the pins, and its tracks with those that keep to them."""
    free, held = resolver.solve().result.lineage, resolver.solve(pins).result.lineage
    broken = frozenset(pin for pin in pins if not is_held(free, pin))
    return _Trial(resolver.params, broken, len(broken) / len(pins) + 1 - measure_agreement(free, held))


def _search_scale(
    costs: Costs, now: _Trial, tried: Callable[[np.ndarray], _Trial], cancel: threading.Event | None
) -> np.ndarray:
    """Double or halve the transition scale for as long as that helps: its default may be far from the movie's."""
    best = costs.weights
    if "alpha" not in costs.names:
        return best
    place, least = costs.names.index("alpha"), now.loss
    for factor in (2.0, 0.5):
        for _ in range(MOST_DOUBLINGS):
            weights = best.copy()
            weights[place] *= factor
            if (cancel is not None and cancel.is_set()) or (trial := tried(weights)).loss > least - WORTH:
                break
            best, least = weights, trial.loss
        if best is not costs.weights:
            break
    return best


def _fit(
    resolver: Resolver,
    costs: Costs,
    begin: np.ndarray,
    pins: Sequence[Pin],
    rounds: int,
    seed: int,
    progress: Callable[[int, int], None] | None,
    cancel: threading.Event | None,
) -> np.ndarray:
    """Move the weights until shaken answers agree with those that keep to the pins; Adam on their logarithm."""
    states = _states(resolver.start(), pins, resolver.params.objects_per_merger)
    problem = resolver.start().problem
    free, held = (WarmProgram(problem, threads=resolver.params.threads) for _ in range(2))
    states = _together(held, states)
    control = Control()
    if cancel is not None:
        control.cancel, control.cancellable = cancel, True
    scale = noise_scale(problem)
    k = len(begin)
    moved, first, second = np.zeros(k), np.zeros(k), np.zeros(k)
    for turn in range(1, rounds + 1):
        weights = begin * np.exp(moved)
        if turn % FRESH == 1:
            costs = costs.around(weights)
        noise = shake(costs.description, np.random.default_rng([seed, turn]), scale) - costs.description.cost
        cost = costs.at(weights) + noise
        wrong, right = free.relax(cost=cost, control=control), held.relax(states, cost=cost, control=control)
        if wrong is None or right is None:
            break
        slope = np.asarray(costs.slope.T @ (right - wrong)) * weights / scale + HOLD * len(pins) * moved
        first, second = 0.8 * first + 0.2 * slope, 0.95 * second + 0.05 * slope**2
        step = (first / (1 - 0.8**turn)) / (np.sqrt(second / (1 - 0.95**turn)) + 1e-9)
        moved = np.clip(moved - RATE * step / np.sqrt(1 + turn / 10), -MOST, MOST)
        if progress is not None:
            progress(turn, rounds)
    return np.asarray(begin * np.exp(moved))


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
