"""What is read off in part after a change is what the whole would have given."""

import numpy as np
import pytest

import nbtrack as nbt
from nbtrack.data.pins import Pin
from nbtrack.errors import EditError

PRESETS = {
    "adaptive": nbt.TrackingParams(preset="adaptive", size_range=(1, 10**6)),
    "conservation": nbt.TrackingParams(
        preset="conservation", appearance=20, disappearance=20, alpha=20, size_range=(1, 10**6)
    ),
}


@pytest.fixture(scope="module", params=list(PRESETS))
def result(request):
    made = nbt.sample("nuclei", size=240, n_frames=9, n_cells=22, noise=3.0, seed=7)
    return nbt.track(nbt.segment(made.prediction, channel=1), PRESETS[request.param])


def an_action(session, rng):
    """Choose something that a person does."""
    table = session.detections.table
    row = table.iloc[int(rng.integers(len(table)))]
    t, i = int(row["t"]), int(row["object_id"])
    kind = int(rng.integers(8))
    if kind == 0:
        return lambda s: s.undo()
    if kind == 1:
        return lambda s: s.mark_false(t, i, force=True)
    if kind == 2 and session.pins:
        pin = session.pins[int(rng.integers(len(session.pins)))]
        return lambda s: s.unpin(pin)
    if kind == 3:
        return lambda s: s.end_track(t, i, force=True)
    if kind == 4:
        return lambda s: s.pin(Pin("count", t, i, int(rng.integers(1, 3))))
    following = table[table["t"] == t + 1]["object_id"].to_numpy()
    near = int(following[int(rng.integers(len(following)))]) if len(following) else 1
    value = int(kind > 5)
    return lambda s: s.pin(Pin("link", t, i, value, near))


@pytest.mark.parametrize("seed", range(2))
def test_a_part_is_enough(result, seed) -> None:
    rng = np.random.default_rng(seed)
    part, whole = (nbt.Session(None, result.detections, result) for _ in range(2))
    part.live = whole.live = True
    followed = 0
    for _ in range(16):
        do = an_action(part, rng)
        state = rng.bit_generator.state
        said = []
        for session in (part, whole):
            rng.bit_generator.state = state
            whole._shown = None
            try:
                said.append(do(session).message)
            except EditError as error:
                said.append(str(error))
        assert said[0] == said[1]
        assert part.lineage == whole.lineage
        part.lineage.check()
        followed += "changed." in said[0]
    assert followed > 5


def test_a_session_starts_from_its_result(result, monkeypatch) -> None:
    session = nbt.Session(None, result.detections, result)
    monkeypatch.setattr("nbtrack.resolving.solve_movie", None)
    change = session.resolve()
    assert change.message.endswith("nothing changed.")
    assert session.report == result.report
    assert session.is_certified
    assert session.certify() is None


def test_the_proof_of_a_large_movie_follows(result, monkeypatch) -> None:
    monkeypatch.setattr("nbtrack.resolving.LARGE", 10)
    monkeypatch.setattr("nbtrack.resolving.AT_ONCE", 0.0)
    session = nbt.Session(None, result.detections, result)
    session.live = True
    link = result.links.iloc[len(result.links) // 2]
    pin = Pin("link", int(link["t"]), int(link["source_id"]), 0, int(link["target_id"]), int(link["t"] + link["gap"]))
    session.pin(pin)
    other = Pin("object", int(link["t"]), int(link["source_id"]), 0)
    assert "Not certified yet." in session.pin(other).message
    assert not session.is_certified
    assert session.certify() is not None
    assert session.is_certified
    assert session.certify() is None
    cold = nbt.Session(None, result.detections, result)
    cold.pin(pin, other)
    monkeypatch.undo()
    cold.resolve()
    assert session.report.objective == pytest.approx(cold.report.objective, rel=1e-9)
    assert session.undo().message.startswith("Undone: Held")
    assert session.pins == (pin,)
