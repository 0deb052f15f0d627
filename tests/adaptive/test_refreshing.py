"""After a repair only what has to do with it is weighed again, and the same comes out as from weighing everything."""

import numpy as np
import pytest

import nbtrack as nbt
from nbtrack.adaptive import objects as measuring
from nbtrack.adaptive.refreshing import Weighing, weigh_again, weigh_all
from nbtrack.adaptive.tracker import track_adaptively
from nbtrack.hypotheses import collect_objects
from nbtrack.solvers.control import Control

PARAMS = nbt.TrackingParams(size_range=(1, 10**6), missed_frames=2)


@pytest.fixture(scope="module")
def detections():
    return nbt.segment(nbt.sample("nuclei", n_frames=8, size=180, n_cells=14, noise=2.0, seed=4).prediction, channel=1)


@pytest.fixture(scope="module")
def begun(detections):
    answer = track_adaptively(detections, collect_objects(detections, PARAMS), PARAMS, (), Control())
    return Weighing.of(answer, detections, PARAMS)


def repair(detections, *kinds):
    """Do some repairs in a session that has no lineage."""
    session = nbt.Session(None, detections)
    steps = []
    for kind, t in kinds:
        table = session.detections.table.query(f"t == {t}").sort_values("size")
        ids = table["object_id"].to_numpy()
        if kind == "split":
            y, x = np.nonzero(np.asarray(session.detections.labels[t]) == ids[-1])
            session.split_object(t, int(ids[-1]), [(y[0], x[0]), (y[-1], x[-1])])
        elif kind == "merge":
            session.merge_objects(t, [int(ids[0]), int(ids[1])])
        elif kind == "delete":
            session.delete_object(t, int(ids[0]))
        elif kind == "clear":
            for i in ids.tolist():
                session.delete_object(t, i)
        else:
            empty = np.argwhere(np.asarray(session.detections.labels[t]) == 0)
            session.add_object(t, tuple(map(int, empty[len(empty) // 3])))
        steps.append((session.detections, [t]))
    return steps


def assert_same(one, other) -> None:
    for name in ("t", "object_id", "source", "target", "distance", "border"):
        assert np.array_equal(getattr(one.graph, name), getattr(other.graph, name)), name
    a, b = one.problem(PARAMS), other.problem(PARAMS)
    for name, value in vars(a).items():
        if isinstance(value, np.ndarray):
            assert np.array_equal(value, getattr(b, name)), name
    assert np.array_equal(one.objects.shape, other.objects.shape)
    assert one.weighed.link_weights == other.weighed.link_weights


KINDS = [
    [("split", 3)],
    [("merge", 0)],
    [("delete", 7)],
    [("add", 4)],
    [("split", 3), ("add", 4), ("merge", 5), ("split", 2)],
    [("clear", 4), ("add", 4)],
]


@pytest.mark.parametrize("kinds", KINDS, ids=lambda kinds: " ".join(kind for kind, _ in kinds))
def test_the_same_as_weighing_everything(begun, detections, kinds) -> None:
    now = begun
    for repaired, frames in repair(detections, *kinds):
        now = weigh_again(now, repaired, PARAMS, frames)
        assert_same(now, weigh_all(now.lesson, repaired, PARAMS))


def test_back_again(begun, detections) -> None:
    repaired, frames = repair(detections, ("split", 3))[0]
    there = weigh_again(begun, repaired, PARAMS, frames)
    assert_same(weigh_again(there, detections, PARAMS, frames), weigh_all(begun.lesson, detections, PARAMS))


def test_what_was_learned_gives_the_same_energies_again(begun, detections) -> None:
    again = weigh_all(begun.lesson, detections, PARAMS)
    one, other = begun.problem(PARAMS), again.problem(PARAMS)
    assert np.array_equal(one.link, other.link)
    assert np.array_equal(np.sort(one.external[:, 1]), np.sort(other.external[:, 1]))
    assert np.array_equal(np.sort(one.merge[:, 1]), np.sort(other.merge[:, 1]))


def test_only_the_repaired_frame_is_measured(begun, detections, monkeypatch) -> None:
    repaired, frames = repair(detections, ("split", 3))[0]
    measured = []
    whole = measuring._measure
    monkeypatch.setattr(measuring, "_measure", lambda labels, *rest: measured.append(1) or whole(labels, *rest))
    weigh_again(begun, repaired, PARAMS, frames)
    assert len(measured) == 1
