"""What a person decides is held, and the solver finds the rest: exactly, undoably, and after opening again."""

import re
import shutil

import numpy as np
import pytest
from editing_actions import act, make_objects

import nbtrack as nbt
from nbtrack.data.pins import Pin, PinChange, PinList, from_row, to_row
from nbtrack.data.relations import is_held
from nbtrack.editing.replacing import plan_replacement
from nbtrack.errors import EditError, InputError, SolveError
from nbtrack.resolving import Resolver

PRESETS = [
    nbt.TrackingParams(preset="conservation", appearance=20, disappearance=20, alpha=20, size_range=(1, 10**6)),
    nbt.TrackingParams(preset="chaingraph", appearance=20, disappearance=20, max_distance=40, size_range=(1, 10**6)),
    nbt.TrackingParams(preset="adaptive", size_range=(1, 10**6)),
]


@pytest.fixture(scope="module")
def objects():
    return make_objects()


@pytest.fixture(scope="module", params=PRESETS, ids=lambda params: params.preset)
def result(request, objects):
    return nbt.track(objects, request.param)


def links_of(session, t):
    """List the links from a frame to the next as pairs of object ids."""
    pairs = set()
    for i, tracks in session.lineage.labelled(t).items():
        for track in tracks:
            following = session.next_of(track, t)
            if following is not None:
                pairs.add((i, following[2]))
    return pairs


def a_link(session, t):
    """Give the first link from a frame to the next."""
    return min((i, j) for i, j in links_of(session, t) if j in session.lineage.labelled(t + 1))


def explain(session):
    """Solve the rest; say why not if pins contradict each other."""
    try:
        session.resolve()
    except SolveError as error:
        return str(error)
    return ""


# --------------------------------------------------------------------------- pins
def test_pins_of_one_state_replace_each_other() -> None:
    pins = PinList([Pin("object", 0, 1, 1)])
    change = pins.plan([Pin("count", 0, 1, 2), Pin("link", 0, 1, 1, 2)])
    pins.apply(change)
    assert list(pins) == [Pin("count", 0, 1, 2), Pin("link", 0, 1, 1, 2)]
    assert pins.about([(1, 2)]) == [Pin("link", 0, 1, 1, 2)]
    pins.apply(change.inverse)
    assert list(pins) == [Pin("object", 0, 1, 1)]
    assert pins.about([(1, 2)]) == []
    assert not PinChange()


@pytest.mark.parametrize("pin", [Pin("link", 2, 1, 0, 4, 5), Pin("division", 3, 2), Pin("count", 1, 7, 3)])
def test_pin_is_written_and_read(pin) -> None:
    assert from_row(to_row(pin)) == pin


def test_row_that_is_no_pin_is_refused() -> None:
    with pytest.raises(InputError, match="`row` must be a pin"):
        from_row(["link", "x"])


# --------------------------------------------------------------------------- corrections become pins
@pytest.fixture
def manual(objects):
    session = nbt.Session(None, objects)
    for t in range(3):
        for k, i in enumerate(sorted(objects.table.object_id[objects.table.t == t])[:3], 1):
            session.assign(t, int(i), k)
    return session


def test_manual_tracks_are_pins(manual) -> None:
    links = {(p.t, p.object_id, p.target_id) for p in manual.pins if p.kind == "link" and p.value}
    assert links == {(t, i, j) for t in range(2) for i, j in links_of(manual, t)}
    assert all(is_held(manual.lineage, pin) for pin in manual.pins)


def test_unlink_forbids_the_link_and_undo_takes_that_back(manual) -> None:
    before = manual.pins
    source, target = manual.lineage.object_at(1, 1), manual.lineage.object_at(1, 2)
    manual.unlink(1, 2)
    assert Pin("link", 1, source, 0, target) in manual.pins
    manual.undo()
    assert set(manual.pins) == set(before)
    manual.redo()
    assert Pin("link", 1, source, 0, target) in manual.pins


def test_swap_holds_two_links_and_forbids_two(manual) -> None:
    a = [manual.lineage.object_at(1, t) for t in range(3)]
    b = [manual.lineage.object_at(2, t) for t in range(3)]
    manual.swap(1, 2, 1)
    wanted = {(a[0], b[1]): 1, (b[0], a[1]): 1, (a[0], a[1]): 0, (b[0], b[1]): 0}
    found = {(p.object_id, p.target_id): p.value for p in manual.pins if p.kind == "link" and p.t == 0}
    assert {pair: found[pair] for pair in wanted} == wanted


def test_false_detection_and_its_mark_taken_back(objects) -> None:
    session = nbt.Session(None, objects)
    session.mark_false(0, 1)
    assert session.pins == (Pin("object", 0, 1, 0),)
    session.unmark_false(0, 1)
    assert session.pins == (Pin("object", 0, 1, 1),)


def test_division_and_no_division(manual, objects) -> None:
    mother = manual.lineage.object_at(1, 2)
    daughters = [int(i) for i in objects.table.object_id[objects.table.t == 3]][:2]
    manual.divide_objects(2, mother, daughters, track_id=1)
    assert Pin("division", 2, mother, 1) in manual.pins
    assert {Pin("link", 2, mother, 1, i) for i in daughters} <= set(manual.pins)
    manual.undivide(1)
    about = [pin for pin in manual.pins_about(2, mother) if pin.t == 2]
    assert about == [Pin("division", 2, mother, 0)]


def test_merger_holds_the_count(manual) -> None:
    i = manual.lineage.object_at(1, 2)
    manual.assign(2, i, 2, force=True)
    assert Pin("count", 2, i, 2) in manual.pins


def test_end_of_a_track(manual) -> None:
    i = manual.lineage.object_at(1, 1)
    manual.end_track(1, i)
    assert Pin("disappearance", 1, i, 1) in manual.pins
    assert max(manual.lineage.objects_of(1)) == 1
    with pytest.raises(EditError, match="has no track"):
        manual.end_track(6, 1)


def test_erasing_drops_pins_and_makes_none(manual) -> None:
    manual.delete_track(1)
    manual.delete_track(2)
    manual.delete_track(3)
    assert all(not pin.value for pin in manual.pins)


def test_followed_objects_are_proposals(objects) -> None:
    session = nbt.Session(None, objects)
    followed = session.follow(0, 1, track_id=1)
    assert len(followed.frames) > 1
    assert session.pins == (Pin("object", 0, 1, 1),)


def test_accepting_holds_what_is_there(result, objects) -> None:
    session = nbt.Session(None, objects, result)
    i, _ = a_link(session, 0)
    before = session.lineage.copy()
    session.accept(0, i)
    assert any(pin.kind in ("link", "division") for pin in session.pins)
    assert session.lineage == before
    with pytest.raises(EditError, match="held already"):
        session.accept(0, i)
    with pytest.raises(EditError, match="There is no object 99"):
        session.accept(0, 99)


# --------------------------------------------------------------------------- solving the rest
def test_nothing_changes_without_pins(result, objects) -> None:
    session = nbt.Session(None, objects, result)
    assert session.tracking == result.params
    change = session.resolve()
    assert change.message.endswith("nothing changed.")
    assert session.lineage == result.lineage
    assert session.report.objective == pytest.approx(result.report.objective, rel=1e-9)


def test_held_link_stays_away_and_the_rest_is_solved(result, objects) -> None:
    session = nbt.Session(None, objects, result)
    i, j = a_link(session, 2)
    session.pin(Pin("link", 2, i, 0, j))
    assert session.pending_pins() == (Pin("link", 2, i, 0, j),)
    session.resolve()
    assert (i, j) not in links_of(session, 2)
    assert session.pending_pins() == ()
    assert session.report.objective >= result.report.objective
    session.lineage.check()
    session.undo()
    assert session.lineage == result.lineage
    session.unpin(Pin("link", 2, i, 0, j))
    session.resolve()
    assert session.lineage == result.lineage


def test_live_session_solves_after_each_action_as_one_step(result, objects) -> None:
    session = nbt.Session(None, objects, result)
    session.live = True
    track = next(i for i in session.lineage.track_ids if {3, 4} <= session.lineage.objects_of(i).keys())
    i = session.lineage.object_at(track, 4)
    session.mark_false(4, i, force=True)
    assert session.lineage.is_false(4, i)
    assert "solved again" in session.undo().message or session.lineage == result.lineage
    assert session.lineage == result.lineage
    assert session.pins == ()
    session.redo()
    assert session.lineage.is_false(4, i)
    assert not session.history.can_redo


def test_contradiction_is_named_and_taken_back(result, objects) -> None:
    session = nbt.Session(None, objects, result)
    i, j = a_link(session, 0)
    session.pin(Pin("object", 0, i, 0))
    session.pin(Pin("link", 0, i, 1, j))
    before = session.lineage.copy()
    with pytest.raises(SolveError, match=f"object {i} in frame 0 is a false detection"):
        session.resolve()
    assert session.lineage == before
    session.unpin()
    session.live = True
    session.pin(Pin("object", 0, i, 0))
    with pytest.raises(EditError, match=r"But that cannot be: .* contradict"):
        session.pin(Pin("link", 0, i, 1, j))
    assert session.pins == (Pin("object", 0, i, 0),)


def test_refusals(objects) -> None:
    session = nbt.Session(None, objects)
    with pytest.raises(EditError, match="There are no pins"):
        session.unpin()
    with pytest.raises(EditError, match="It is not held that object 1 in frame 0 is tracked"):
        session.unpin(Pin("object", 0, 1))
    with pytest.raises(EditError, match="There is no object 77"):
        session.pin(Pin("object", 0, 77))
    with pytest.raises(EditError, match="has no track, so nothing is said"):
        session.fate_of(0, 1)


def test_objects_that_the_tracker_does_not_see_are_reported(objects) -> None:
    session = nbt.Session(None, objects, tracking=nbt.TrackingParams(size_range=(1, 10**6), t_range=(0, 6)))
    session.pin(Pin("object", 7, 1), Pin("object", 0, 1))
    change = session.resolve()
    assert session.left_out == (Pin("object", 7, 1),)
    assert "Left out" in change.message


@pytest.mark.parametrize("params", PRESETS, ids=lambda params: params.preset)
@pytest.mark.parametrize("seed", range(4))
def test_random_corrections_are_never_overridden(objects, params, seed) -> None:
    rng = np.random.default_rng(seed)
    session = nbt.Session(None, objects, nbt.track(objects, params))
    for _ in range(40):
        act(session, rng)
    held = [pin for pin in session.pins if is_held(session.lineage, pin)]
    problem = explain(session)
    if problem:  # a person may say what no parameters of the model allow
        assert re.search("Remove one of them|Raise `", problem)
        return
    session.lineage.check()
    assert [str(pin) for pin in held if not is_held(session.lineage, pin)] == []


@pytest.mark.parametrize("seed", range(10))
def test_energy_is_that_of_tracking_with_the_same_pins(objects, seed) -> None:
    params = PRESETS[0]
    rng = np.random.default_rng(seed)
    session = nbt.Session(None, objects, nbt.track(objects, params))
    ids = [sorted(objects.table.object_id[objects.table.t == t]) for t in range(8)]
    for _ in range(5):
        t = int(rng.integers(7))
        i, j = int(rng.choice(ids[t])), int(rng.choice(ids[t + 1]))
        pin = [Pin("link", t, i, int(rng.integers(2)), j), Pin("object", t, i, int(rng.integers(2)))][rng.integers(2)]
        if pin in session.pins:
            continue
        session.pin(pin)
        if explain(session):
            session.undo()
            continue
        cold = nbt.track(objects, params, fixed=session.pins)
        assert session.report.objective == pytest.approx(cold.report.objective, rel=1e-9)
        assert session.report.gap <= 1e-6


def test_other_parameters_and_another_solver_keep_the_pins(result, objects) -> None:
    session = nbt.Session(None, objects, result)
    i, j = a_link(session, 1)
    session.pin(Pin("link", 1, i, 0, j))
    for params in (*PRESETS, nbt.TrackingParams(solver="highs", size_range=(1, 10**6))):
        session.resolve(params)
        assert session.tracking == params
        assert (i, j) not in links_of(session, 1)
    assert "nbt.TrackingParams(preset='adaptive', size_range=(1, 1000000), solver='highs')" in session.history_code()


def test_session_opens_again_with_pins_and_answers(result, objects, tmp_path) -> None:
    path = tmp_path / "edits.jsonl"
    session = nbt.Session(None, objects, result, log=path, pins=[Pin("object", 0, 1)])
    i, j = a_link(session, 2)
    session.live = True
    session.pin(Pin("link", 2, i, 0, j))
    session.mark_false(5, min(session.lineage.labelled(5)), force=True)
    session.undo()
    session.live = False
    session.resolve(PRESETS[0])
    copy = shutil.copy(path, tmp_path / "copy.jsonl")
    again = nbt.Session.reopen(None, objects, copy)
    assert again.lineage == session.lineage
    assert set(again.pins) == set(session.pins)
    assert again.tracking == session.tracking == PRESETS[0]
    while session.history.can_undo:
        session.undo()
        again.undo()
    assert again.lineage == session.lineage == result.lineage
    assert set(again.pins) == set(session.pins) == {Pin("object", 0, 1)}


def test_replacement_keeps_ids_and_touches_only_what_differs(result) -> None:
    old = result.lineage
    track = max(old.track_ids, key=lambda i: (len(old.objects_of(i)), -i))
    objects = old.objects_of(track)
    rows = [(t, i, 1000 + track if k == track and t == max(objects) else k + 500) for k in old.track_ids
            for t, i in old.objects_of(k).items()]  # fmt: skip
    new = nbt.Lineage.from_tables(rows)
    for division in old.divisions.values():
        if division.parent_track_id != track:
            new.divide(division.t, *(500 + i for i in (division.parent_track_id, *division.children)))
    command = plan_replacement(old, new, 77)
    changed = old.copy()
    command.apply(changed)
    changed.check()
    assert changed.object_at(track, max(objects)) is None or track in old.divisions
    assert changed.object_at(77, max(objects)) == objects[max(objects)]
    assert len(changed.track_ids) == len(old.track_ids) + 1


def test_two_links_that_no_hypothesis_names_can_be_held() -> None:
    frames = np.zeros((5, 40, 90), np.uint32)
    for t in range(5):
        for k, x in enumerate((5, 30, 60), 1):
            frames[t, 10 : 18 + 2 * k, x + t : x + t + 8] = k
    detections = nbt.detect(nbt.Movie.from_array(frames, "tyx"))
    session = nbt.Session(None, detections, nbt.track(detections, PRESETS[2]))
    session.pin(Pin("link", 1, 1, 1, 2), Pin("link", 1, 2, 1, 2), Pin("link", 2, 3, 1, 1), Pin("link", 2, 3, 1, 3))
    session.resolve()
    assert all(is_held(session.lineage, pin) for pin in session.pins)
    assert len(session.lineage.divisions) == 1
    session.lineage.check()


@pytest.mark.parametrize("params", PRESETS, ids=lambda params: params.preset)
@pytest.mark.parametrize("seed", range(3))
def test_large_movies_are_solved_around_the_pins_with_the_same_answer(objects, params, seed, monkeypatch) -> None:
    monkeypatch.setattr("nbtrack.resolving.LARGE", 0)
    rng = np.random.default_rng(seed)
    near, plain = Resolver(objects, params), Resolver(objects, params)
    ids = [sorted(objects.table.object_id[objects.table.t == t]) for t in range(8)]
    pins = PinList()
    for _ in range(8):
        t = int(rng.integers(7))
        i, j = int(rng.choice(ids[t])), int(rng.choice(ids[t + 1]))
        change = pins.plan([Pin("link", t, i, int(rng.integers(2)), j)])
        if len(pins) and rng.random() < 0.3:
            change = PinChange((), (next(iter(pins)),))
        pins.apply(change)
        monkeypatch.setattr("nbtrack.resolving.LARGE", 10**9)
        try:
            wanted = plain.solve(pins).result.report.objective
        except SolveError:
            wanted = None
        monkeypatch.setattr("nbtrack.resolving.LARGE", 0)
        if wanted is None:
            with pytest.raises(SolveError):
                near.solve(pins)
            pins.apply(change.inverse)
            continue
        found = near.solve(pins).result
        assert found.report.status == "optimal"
        assert found.report.objective == pytest.approx(wanted, rel=1e-9, abs=1e-9)
        assert [str(p) for p in pins if not is_held(found.lineage, p)] == []
