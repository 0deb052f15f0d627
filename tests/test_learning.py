"""Weights are learned from what a person decided, and are never worse than before on that."""

import threading

import numpy as np
import pytest
from truth_oracle import BenchMovie, Oracle

import nbtrack as nbt
from nbtrack.data.lineage import Lineage
from nbtrack.data.relations import is_held
from nbtrack.errors import InputError
from nbtrack.evaluation import find_links
from nbtrack.learning.agreement import measure_agreement
from nbtrack.learning.costs import WEIGHTS, costs_of, learned_start, set_weights
from nbtrack.learning.fitting import is_clear, learn
from nbtrack.resolving import Resolver
from nbtrack.review.queue import ReviewQueue

PRESETS = {
    "adaptive": nbt.TrackingParams(
        preset="adaptive", size_range=(1, 10**6), self_training=False, passes=1, link_offset=2.0, appearance=0.5,
        disappearance=0.5, link_weights=(1.0, 0.1, 0.1, 0.1, 0.1),
    ),
    "conservation": nbt.TrackingParams(preset="conservation", appearance=8, disappearance=8, alpha=4),
    "chaingraph": nbt.TrackingParams(preset="chaingraph", appearance=5, disappearance=5, max_distance=60),
}  # fmt: skip


@pytest.fixture(scope="module")
def movie():
    made = nbt.sample("nuclei", n_frames=10, size=200, n_cells=14, noise=1.5, seed=2)
    return BenchMovie("nuclei", nbt.segment(made.prediction, channel=1), made.truth, made.labels)


@pytest.fixture(scope="module", params=list(PRESETS))
def corrected(request, movie):
    """A bad result with some decisions of somebody who knows the truth."""
    session = nbt.Session(None, movie.detections, nbt.track(movie.detections, PRESETS[request.param]))
    oracle, queue = Oracle(movie), ReviewQueue(session, draws=6)
    for _ in range(12):
        event = queue.next()
        if event is None:
            break
        place = (event.t, event.object_id)
        try:
            queue.decide(event, oracle.fates[place], joins=oracle.joins(session.lineage, place))
        except nbt.EditError:
            queue.skip(event)
    return session


def test_never_worse_than_before_on_the_pins(corrected, movie) -> None:
    before = corrected.lineage.copy()
    learned = learn(corrected, rounds=15)
    assert corrected.lineage == before
    assert learned.after <= learned.before
    assert learned.message.startswith("Learned" if learned.factors else "Nothing better")
    lineage = nbt.track(movie.detections, learned.params).lineage
    assert sum(not is_held(lineage, pin) for pin in corrected.pins) <= learned.before
    again = learn(corrected, rounds=15)
    assert again.params == learned.params
    assert all(0.2 < factor < 5 for factor in learned.factors.values())


def test_bad_weights_get_better(movie) -> None:
    session = nbt.Session(None, movie.detections, nbt.track(movie.detections, PRESETS["adaptive"]))
    oracle = Oracle(movie)
    first = oracle.errors(session.lineage)
    queue = ReviewQueue(session, draws=6)
    for _ in range(25):
        event = queue.next()
        place = (event.t, event.object_id)
        try:
            queue.decide(event, oracle.fates[place], joins=oracle.joins(session.lineage, place))
        except nbt.EditError:
            queue.skip(event)
    learned = learn(session)
    assert learned.after < learned.before
    assert oracle.errors(nbt.track(movie.detections, learned.params).lineage) < first


def test_a_transition_scale_that_is_far_off_is_found(movie) -> None:
    params = nbt.TrackingParams(preset="conservation")  # 5 pixels; these objects move by more
    session = nbt.Session(None, movie.detections, nbt.track(movie.detections, params))
    oracle = Oracle(movie)
    first = oracle.errors(session.lineage)
    links = sorted(oracle.links - set(find_links(session.lineage)))
    for (t, one), (later, other) in links[::3]:
        if later == t + 1 and len(oracle.fates[t, one]) == 1:
            session.pin(nbt.Pin("link", t, one, 1, other))
    learned = learn(session, rounds=10)
    assert learned.params.alpha > 2 * params.alpha
    assert learned.after < learned.before
    assert oracle.errors(nbt.track(movie.detections, learned.params).lineage) < first / 2


def test_few_answers_are_no_clear_evidence() -> None:
    pins = [nbt.Pin("object", t, 1) for t in range(6)]
    assert is_clear(pins[:5], [])
    assert not is_clear(pins[:4], [])
    assert not is_clear(pins[:5], pins[5:])
    assert not is_clear(pins, pins)
    assert not is_clear([nbt.Pin("link", 0, 1, 1, k) for k in range(9)], [])  # one object


@pytest.mark.parametrize("preset", list(PRESETS))
def test_slopes_are_those_of_the_costs(movie, preset) -> None:
    params = PRESETS[preset]
    resolver = Resolver(movie.detections, params)
    costs = costs_of(resolver.start(), params)
    assert set(costs.names) <= set(WEIGHTS[preset])
    assert (costs.at(costs.weights) == costs.description.cost).all()
    moved = costs.weights * 1.01
    other = set_weights(learned_start(resolver.start(), params), costs.names, moved)
    if preset == "adaptive":  # other candidates are left out with other weights: compare the energies of the links
        table, old = (Resolver(movie.detections, p).start().energies.links for p in (other, params))
        keys = ["t", "source_id", "target_t", "target_id"]
        both = old.merge(table, on=keys, suffixes=("", "_new"))
        rows = old.reset_index().merge(both[keys], on=keys)["index"].to_numpy()
        column = costs.description.columns.flow.column(rows, 1)
        found = costs.at(moved)[column] - costs.description.cost[column]
        inside = (both["limit"] == 0) & (both["limit_new"] == 0)
        assert np.allclose(found[inside], (both["energy_new"] - both["energy"])[inside], atol=1e-9)
    else:
        wanted = costs_of(Resolver(movie.detections, other).start(), other).description.cost
        assert np.allclose(costs.at(moved), wanted, rtol=1e-2, atol=2e-2 * np.abs(wanted).max())


def test_it_can_be_followed_and_stopped(corrected) -> None:
    stop, seen = threading.Event(), []

    def progress(done, todo):
        seen.append((done, todo))
        if done == 3:
            stop.set()

    learn(corrected, rounds=9, progress=progress, cancel=stop)
    assert seen == [(1, 9), (2, 9), (3, 9)]


def test_what_the_movie_teaches_by_itself_is_left_to_it(movie) -> None:
    params = nbt.TrackingParams(size_range=(1, 10**6))
    session = nbt.Session(None, movie.detections, nbt.track(movie.detections, params))
    oracle, queue = Oracle(movie), ReviewQueue(session, draws=6)
    for event in queue.events(8):
        queue.decide(event, oracle.fates[event.t, event.object_id])
    learned = learn(session, rounds=15)
    assert learned.params.self_training
    assert not any(name.startswith("link_") for name in learned.factors)
    assert learned.params.link_weights == params.link_weights
    assert learned.after <= learned.before


def test_agreement_counts_what_a_broken_track_costs() -> None:
    whole = Lineage.from_tables([(t, 1, 1) for t in range(4)] + [(t, 2, 2) for t in range(4)])
    broken = Lineage.from_tables([(t, 1, 1 + 2 * (t > 1)) for t in range(4)] + [(t, 2, 2) for t in range(4)])
    assert measure_agreement(whole, whole) == 1
    assert measure_agreement(broken, whole) == pytest.approx(np.sqrt(0.75))
    fewer = Lineage.from_tables([(t, 1, 5) for t in range(4)])
    assert measure_agreement(fewer, whole) == pytest.approx(np.sqrt(0.5))
    assert measure_agreement(Lineage(), whole) == 0
    assert measure_agreement(Lineage(), Lineage()) == 1


def test_nothing_to_learn_from(movie) -> None:
    with pytest.raises(InputError, match="no tracking parameters yet"):
        learn(nbt.Session(None, movie.detections))
    with pytest.raises(InputError, match="Nothing was corrected yet"):
        learn(nbt.Session(None, movie.detections, nbt.track(movie.detections, PRESETS["conservation"])))
    with pytest.raises(InputError, match="`work` has no session yet"):
        learn(nbt.Workflow())
