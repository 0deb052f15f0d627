"""Where to look next: shaken answers, alerts, calibration, and the queue that they make."""

import threading

import numpy as np
import pytest

import nbtrack as nbt
from nbtrack.data.pins import Pin
from nbtrack.data.relations import is_held
from nbtrack.model.description import describe
from nbtrack.resolving import Resolver
from nbtrack.review.alerts import KINDS, find_alerts
from nbtrack.review.calibration import FEATURES, PRIOR, Calibration, calibration_error
from nbtrack.review.fates import FALSE, UNKNOWN, describe_fate, encode_fates, fate_of, fate_pins
from nbtrack.review.queue import ReviewQueue
from nbtrack.review.reading import decode_fates, fate_codes
from nbtrack.review.sampling import draw, noise_scale, shake
from nbtrack.review.stretches import Stretch, find_stretches

PRESETS = [
    nbt.TrackingParams(preset="conservation", appearance=20, disappearance=20, alpha=20, size_range=(1, 10**6)),
    nbt.TrackingParams(preset="adaptive", size_range=(1, 10**6)),
]


@pytest.fixture(scope="module")
def objects():
    made = nbt.sample("nuclei", size=120, n_frames=6, n_cells=6, noise=2.0, seed=1)
    return nbt.segment(made.prediction, channel=1)


@pytest.fixture(scope="module")
def nuclei():
    made = nbt.sample("nuclei", size=200, n_frames=10, n_cells=12, noise=2.0, seed=4)
    return nbt.segment(made.prediction, channel=1)


@pytest.fixture(params=PRESETS, ids=lambda params: params.preset)
def params(request):
    return request.param


def boxes(*tracks, width=6, n_frames=6):
    """Draw boxes that move, each track a dictionary from frame to x (or x and width)."""
    frames = np.zeros((n_frames, 60, 120), np.uint32)
    for k, track in enumerate(tracks):
        for t, place in track.items():
            x, w = place if isinstance(place, tuple) else (place, width)
            frames[t, 20 + 10 * (k % 3) : 26 + 10 * (k % 3), x : x + w] = k + 1
    return nbt.detect(nbt.Movie.from_array(frames, "tyx"))


# --------------------------------------------------------------------------- fates
def test_fates_of_a_solution_and_of_its_lineage_agree(nuclei, params) -> None:
    result = nbt.track(nuclei, params)
    solved = Resolver(nuclei, params).start()
    of_solution, of_lineage = encode_fates(solved.problem, solved.outcome.solution), fate_codes(
        result.lineage, solved.graph
    )  # fmt: skip
    if not len(result.mergers) and not len(result.fragments):
        assert (of_solution == of_lineage).all()
    assert (of_solution == of_lineage).mean() > 0.9
    graph = solved.graph
    for index, fate in enumerate(decode_fates(graph, of_lineage)):
        assert fate == fate_of(result.lineage, int(graph.t[index]), int(graph.object_id[index]))


def test_fates_in_words_and_as_pins() -> None:
    assert describe_fate(2, FALSE) == "is a false detection"
    assert describe_fate(2, UNKNOWN) == "has no track"
    assert describe_fate(2, ()) == "ends here"
    assert describe_fate(2, ((4, 1),)) == "goes on as 1 in frame 4"
    assert fate_pins(2, 5, FALSE) == (Pin("object", 2, 5, 0),)
    assert fate_pins(2, 5, ()) == (Pin("disappearance", 2, 5, 1),)
    assert fate_pins(2, 5, ((3, 1),)) == (Pin("link", 2, 5, 1, 1), Pin("division", 2, 5, 0))
    links = (Pin("link", 2, 5, 1, 1), Pin("link", 2, 5, 1, 4))
    assert fate_pins(2, 5, ((3, 1), (3, 4))) == (*links, Pin("division", 2, 5, 1))
    assert fate_pins(2, 5, ((3, 1), (3, 4)), division=False) == links


# --------------------------------------------------------------------------- draws
def test_draws_keep_pins_and_come_again(objects, params) -> None:
    resolver = Resolver(objects, params)
    ids = sorted(objects.table.object_id[objects.table.t == 1])
    pin = Pin("object", 1, int(ids[0]), 0)
    one, two = (draw(resolver, [pin], draws=5, seed=3, scale=3.0) for _ in range(2))
    assert (one.fates == two.fates).all()
    assert one.n_draws == 5
    assert (one.fates[:, one.graph.index_of(1, int(ids[0]))] == -1).all()
    assert ((one.links >= 0) & (one.links <= 1)).all()
    other = draw(resolver, [pin], draws=5, seed=4, scale=3.0)
    assert (one.fates != other.fates).any()


def test_without_noise_every_draw_is_the_answer(nuclei, params) -> None:
    resolver = Resolver(nuclei, params)
    start = resolver.start()
    made = draw(resolver, draws=2, scale=1e-9)
    agree = (made.fates == encode_fates(start.problem, start.outcome.solution)).mean()
    assert agree == 1 if params.preset == "adaptive" else agree > 0.95  # the relaxation of the other is fractional


def test_draws_can_be_followed_and_stopped(objects, params) -> None:
    stop, seen = threading.Event(), []

    def progress(done, todo):
        seen.append((done, todo))
        if done == 2:
            stop.set()

    made = draw(Resolver(objects, params), draws=9, progress=progress, cancel=stop)
    assert seen == [(1, 9), (2, 9)]
    assert made.n_draws == 2


def test_noise_is_as_large_as_differences_are(nuclei) -> None:
    problem = Resolver(nuclei, PRESETS[1]).start().problem
    assert noise_scale(problem) > 0
    description = describe(problem)
    noise = shake(description, np.random.default_rng(0), 2.0) - description.cost
    assert np.std(noise[description.columns.flow.columns]) == pytest.approx(2 * np.pi / np.sqrt(3), rel=0.2)
    free = description.columns.vanishes.columns
    assert (noise[free[description.cost[free] == 0]] == 0).all()


# --------------------------------------------------------------------------- alerts
def test_alerts_name_the_object_to_look_at() -> None:
    still = dict.fromkeys(range(6), 100)
    detections = boxes({0: 10, 1: 11, 2: 12, 3: 40, 4: 41, 5: 42}, still, {0: 20, 1: 20, 2: 20})
    lineage = nbt.Lineage.from_tables(
        [(t, 1, 1) for t in range(6)] + [(t, 2, 2) for t in range(6)] + [(t, 3, 3) for t in range(3)]
    )
    found = {(a.t, a.object_id, a.kind) for a in find_alerts(lineage, detections)}
    assert (2, 1, "jump") in found
    assert (2, 3, "ends") in found
    assert not any(i == 2 for _, i, _ in found)
    assert str(find_alerts(lineage, detections)[0]).startswith("Object ")


def test_alerts_of_sizes_short_tracks_and_divisions() -> None:
    many = [dict.fromkeys(range(6), 10 * k) for k in range(3)]
    shrinking = {0: (40, 12), 1: (40, 12), 2: (40, 5), 3: (40, 5), 4: (40, 5), 5: (40, 5)}
    detections = boxes(*many, shrinking, {2: 80}, {3: 60, 4: 60}, {0: 70, 1: 70, 2: 70})
    rows = [(t, k, k) for k in range(1, 5) for t in range(6)] + [(2, 5, 5), (3, 6, 6), (4, 6, 6)]
    rows += [(t, 7, 7) for t in range(3)]
    lineage = nbt.Lineage.from_tables([row for row in rows if row[0] < 3 or row[1] != 3], [(2, 7, 6, 8)][:0])
    kinds = {(a.t, a.object_id, a.kind) for a in find_alerts(lineage, detections)}
    assert {(1, 4, "size"), (2, 5, "short"), (3, 6, "short"), (2, 5, "ends")} <= kinds
    divided = nbt.Lineage.from_tables(
        [(t, 7, 7) for t in range(3)] + [(3, 6, 6), (4, 6, 6)] + [(t, 4, 4) for t in range(3, 6)], [(2, 7, 6, 4)]
    )
    assert (2, 7, "one daughter") in {(a.t, a.object_id, a.kind) for a in find_alerts(divided, detections)}
    assert {a.kind for a in find_alerts(lineage, detections)} <= set(KINDS)


def test_nothing_to_alert_of_nothing(objects) -> None:
    assert find_alerts(nbt.Lineage(), objects) == []


# --------------------------------------------------------------------------- calibration
def test_calibration_begins_with_the_prior_and_learns() -> None:
    rng = np.random.default_rng(0)
    calibration = Calibration()
    x = np.zeros((400, len(FEATURES)))
    x[:, 0], x[:, -1] = rng.normal(0, 2, 400), 1
    true = 1 / (1 + np.exp(-(0.4 * x[:, 0] - 1)))
    before = calibration_error(calibration.confidence(x), true)
    for row, p in zip(x[:150], true[:150], strict=True):
        calibration.add(row, bool(rng.random() < p))
    assert len(calibration) == 150
    assert np.abs(calibration.confidence(x) - true).mean() < 0.5 * np.abs(1 / (1 + np.exp(-x @ PRIOR)) - true).mean()
    assert calibration_error(calibration.confidence(x), true) < before
    for _ in range(150):
        calibration.take_back()
    assert (calibration.weights == PRIOR).all()


# --------------------------------------------------------------------------- the queue
def test_queue_asks_what_is_in_doubt_and_never_twice(nuclei, params) -> None:
    session = nbt.Session(None, nuclei, nbt.track(nuclei, params))
    queue = ReviewQueue(session, draws=6)
    events = queue.events()
    assert events == queue.events()
    assert [e.confidence < 0.98 for e in events] == [True] * len(events)
    first = events[0]
    assert 1 <= len(first.alternatives) <= 4
    assert first.fate not in {a.fate for a in first.alternatives}
    assert (first.t, first.object_id) in first.objects
    assert first.t in first.frames
    assert first.text.startswith(f"Object {first.object_id} in frame {first.t} ")
    before = session.lineage.copy()
    queue.accept(first)
    assert session.lineage == before
    assert (first.t, first.object_id) not in {(e.t, e.object_id) for e in queue.events()}
    assert len(queue.calibration) == 1
    second = queue.events()[0]
    queue.skip(second)
    assert (second.t, second.object_id) not in {(e.t, e.object_id) for e in queue.events()}
    assert len(queue.events(3)) <= 3


def test_chosen_alternative_holds_and_the_rest_follows(nuclei, params) -> None:
    session = nbt.Session(None, nuclei, nbt.track(nuclei, params))
    before = session.lineage.copy()
    queue = ReviewQueue(session, draws=6)
    event = next(e for e in queue.events() if e.alternatives)
    fate = event.alternatives[0].fate
    queue.decide(event, fate)
    assert fate_of(session.lineage, event.t, event.object_id) == fate
    session.lineage.check()
    after = queue.next((event.t, event.object_id))
    assert after is None or (after.t, after.object_id) != (event.t, event.object_id)
    session.undo()
    assert session.lineage == before
    assert session.pins == ()


def test_table_and_single_events(nuclei, params) -> None:
    session = nbt.Session(None, nuclei, nbt.track(nuclei, params))
    queue = ReviewQueue(session, draws=4)
    table = queue.table()
    assert list(table.columns) == ["t", "object_id", "confidence", "impact", "decided"]
    assert len(table) == queue.draws.graph.n_detections
    assert table["confidence"].between(0, 1).all()
    t, i = int(table["t"][0]), int(table["object_id"][0])
    assert queue.event_at(t, i).confidence == pytest.approx(table["confidence"][0])
    assert queue.event_at(0, 10**6).confidence == 1


def test_queue_of_a_perfect_answer_is_empty() -> None:
    detections = boxes(*(dict.fromkeys(range(6), 20 * k) for k in range(5)))
    session = nbt.Session(None, detections, nbt.track(detections, PRESETS[1]))
    assert ReviewQueue(session, draws=32).next() is None


# --------------------------------------------------------------------------- hidden objects
def test_object_that_hides_in_a_mask_is_found_with_where_it_comes_out() -> None:
    wide = {t: (40, 14) if t in (2, 3) else (40, 6) for t in range(6)}
    detections = boxes(wide, {0: 50, 1: 50, 4: 50, 5: 50}, dict.fromkeys(range(6), 100))
    known = Resolver(detections, PRESETS[0]).known
    tracks = [(t, i, i) for i in (1, 3) for t in range(6)] + [(0, 2, 2), (1, 2, 2), (4, 2, 4), (5, 2, 4)]
    codes = fate_codes(nbt.Lineage.from_tables(tracks), known.graph)
    found = find_stretches(codes, known.graph, known.problem, 8)
    end, start, (first, last) = (known.graph.index_of(1, 2), known.graph.index_of(4, 2),
                                 (known.graph.index_of(2, 1), known.graph.index_of(3, 1)))  # fmt: skip
    assert found[end] == found[last] == Stretch(end, (first, last), start, 3)
    assert find_stretches(codes, known.graph, known.problem, 1) == {}


def test_hidden_object_is_one_decision() -> None:
    made = nbt.sample("nuclei", size=260, n_frames=12, n_cells=30, noise=3.0, seed=3)
    detections = nbt.segment(made.prediction, channel=1)
    session = nbt.Session(None, detections, nbt.track(detections, PRESETS[1]))
    queue = ReviewQueue(session, draws=2)
    table = detections.table
    offers = ((t, i, queue.hidden_at(t, i)) for t, i in zip(table.t.tolist(), table.object_id.tolist(), strict=True))
    t, i, offer = next((t, i, offer) for t, i, offer in offers if offer is not None and offer.joins)
    event = queue.event_at(t, i)
    assert offer in event.alternatives
    queue.choose(event, event.alternatives.index(offer) + 1)
    assert fate_of(session.lineage, t, i) == offer.fate
    assert all(is_held(session.lineage, pin) for pin in offer.more)
    session.undo()
    assert session.pins == ()
