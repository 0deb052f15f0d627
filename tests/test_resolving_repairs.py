"""A repaired movie is solved again around the repair, and the answer is that of solving everything."""

import numpy as np
import pytest

import nbtrack as nbt
from nbtrack import resolving
from nbtrack.hypotheses import link_again, link_candidates
from nbtrack.model.energies import compute_energies
from nbtrack.resolving import Resolver, changed_frames
from nbtrack.solvers.solve import solve_problem

PRESETS = [
    nbt.TrackingParams(preset="conservation", appearance=20, disappearance=20, alpha=20, size_range=(1, 10**6)),
    nbt.TrackingParams(preset="chaingraph", appearance=20, disappearance=20, max_distance=40, size_range=(1, 10**6)),
    nbt.TrackingParams(preset="adaptive", size_range=(1, 10**6)),
]


@pytest.fixture(scope="module")
def detections():
    return nbt.segment(nbt.sample("nuclei", n_frames=8, size=180, n_cells=14, noise=2.0, seed=4).prediction, channel=1)


@pytest.fixture(params=PRESETS, ids=lambda params: params.preset)
def session(request, detections):
    return nbt.Session(None, detections, nbt.track(detections, request.param))


def halves(session, t, object_id):
    """Two points at the ends of an object."""
    y, x = np.nonzero(np.asarray(session.detections.labels[t]) == object_id)
    return [(int(y[0]), int(x[0])), (int(y[-1]), int(x[-1]))]


def repair(session) -> None:
    """Split, merge and delete."""
    sizes = session.detections.table.sort_values("size")
    largest = sizes.query("t == 3")["object_id"].iloc[-1]
    session.split_object(3, int(largest), halves(session, 3, largest))
    session.merge_objects(5, sizes.query("t == 5")["object_id"].iloc[:2].tolist())
    session.delete_object(0, int(sizes.query("t == 0")["object_id"].iloc[0]))


def test_answer_is_that_of_solving_everything(session) -> None:
    session.resolve()
    repair(session)
    session.resolve()
    assert session.report.status == "optimal"
    resolver = session.resolver
    _graph, problem, states = resolver.problem_for(resolver.seen(session.pins))
    whole = solve_problem(problem, optimality_gap=0.0, pins=states)
    assert session.report.objective == pytest.approx(whole.report.objective, rel=1e-9, abs=1e-9)
    while session.history.can_undo:
        session.undo()
    assert session.resolver.solve().result.lineage == session.lineage


def test_the_same_problem_whatever_the_way(session, detections) -> None:
    repair(session)
    step_by_step = session.resolver.known.problem
    at_once = Resolver(detections, session.tracking).repaired(session.detections).known.problem
    for name, value in vars(step_by_step).items():
        if isinstance(value, np.ndarray):
            assert np.array_equal(value, getattr(at_once, name)), name


@pytest.mark.parametrize("params", PRESETS[:2], ids=lambda params: params.preset)
def test_links_are_those_of_the_whole_movie(detections, params) -> None:
    session = nbt.Session(None, detections)
    repair(session)
    frames = changed_frames(detections, session.detections)
    assert frames == [0, 3, 5]
    one = link_again(link_candidates(detections, params), session.detections, params, frames)
    other = link_candidates(session.detections, params)
    for name in ("source", "target", "distance", "object_id"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    for name, value in vars(compute_energies(one, params)).items():
        if isinstance(value, np.ndarray):
            assert np.array_equal(value, getattr(compute_energies(other, params), name)), name


def test_nothing_is_learned_again(session, monkeypatch) -> None:
    session.resolver.start()
    monkeypatch.setattr(resolving, "solve_movie", lambda *_, **__: pytest.fail("everything was measured and solved"))
    repair(session)
    session.resolve()
    session.undo()
    session.resolve()
    assert session.report.status == "optimal"


def test_reopened_session_solves_as_before(detections, tmp_path) -> None:
    result = nbt.track(detections, PRESETS[2])
    session = nbt.Session(None, detections, result, log=tmp_path / "edits.jsonl")
    repair(session)
    again = nbt.Session.reopen(None, detections, tmp_path / "edits.jsonl")
    assert again.resolver.solve(again.pins).result.report.objective == pytest.approx(
        session.resolver.solve(session.pins).result.report.objective, rel=1e-12
    )


def test_energies_of_a_repaired_movie_are_told(session) -> None:
    repair(session)
    result = session.resolver.solve(session.pins).result
    assert result.energies.total == pytest.approx(result.report.objective)
