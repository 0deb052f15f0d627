"""Random sequences of everything that a person can do keep the law, lead back, lead on, and can be replayed."""

from collections import Counter

import numpy as np
import pytest
from editing_actions import NAMES, act, make_objects

from nbtrack.data.lineage import Lineage
from nbtrack.editing.session import Session
from nbtrack.errors import EditError

N_ACTIONS = 1000


@pytest.fixture(scope="module")
def objects():
    return make_objects()


@pytest.mark.parametrize("seed", range(4))
def test_random_actions(objects, seed) -> None:
    start = Lineage.from_tables([(0, 1, 1), (1, 1, 1), (1, 2, 7)], false_detections=[(0, 2)])
    session, rng = Session(None, objects, start), np.random.default_rng(seed)
    heard, counts = [], Counter()
    pairs = list(objects.table[["t", "object_id"]].itertuples(index=False, name=None))
    session.on_change(heard.append)
    for _ in range(N_ACTIONS):
        before, n_heard, steps = session.lineage.copy(), len(heard), len(session.history)
        name = act(session, rng)
        session.lineage.check()
        counts[name] += 1
        changed = differences(pairs, before, session.lineage)
        assert len(heard) - n_heard <= 1
        assert len(session.history) - steps in (-1, 0, 1), "one action is one step"
        if changed:
            assert name is not None, "a refused action changes nothing"
            assert changed <= set(heard[-1].pairs), "views hear of every object that changed"
        if name is None:
            assert session.lineage == before
    end, n = session.lineage.copy(), len(session.history)

    assert min(counts[name] for name in NAMES) > 0, counts
    assert session.progress().unlabeled == sum(not end.tracks_at(t, i) and not end.is_false(t, i) for t, i in pairs)
    replayed = Session(None, objects, start)
    exec(session.history_code("replayed"), {"replayed": replayed})
    assert replayed.lineage == end
    assert [step.change for step in replayed.history.steps] == [step.change for step in session.history.steps]
    for _ in range(n):
        session.undo()
    assert session.lineage == start
    with pytest.raises(EditError, match="There is nothing to undo"):
        session.undo()
    for _ in range(n):
        session.redo()
    assert session.lineage == end


def differences(pairs, a, b):
    """List the objects whose tracks or mark differ."""
    return {(t, i) for t, i in pairs if a.tracks_at(t, i) != b.tracks_at(t, i) or a.is_false(t, i) != b.is_false(t, i)}
