from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbtrack.data.lineage import Lineage
from nbtrack.editing.session import Session
from nbtrack.errors import EditError, InputError

N_FRAMES, N_OBJECTS = 4, 3


def make_detections(n_frames=N_FRAMES, n_objects=N_OBJECTS, empty=()):
    """Objects 1 to n in every frame but the empty ones."""
    rows = [(t, i) for t in range(n_frames) if t not in empty for i in range(1, n_objects + 1)]
    return SimpleNamespace(
        table=pd.DataFrame(rows, columns=["t", "object_id"], dtype=np.int64),
        n_frames=n_frames,
        labels=[None] * n_frames,
    )


@pytest.fixture
def session():
    return Session(None, make_detections())


def test_clicks_follow_the_active_track(session) -> None:
    assert session.new_track() == 1
    for t in range(3):
        change = session.assign(t, 2)
        assert (change.frames, change.object_ids) == ((t,), (2,))
    assert session.lineage.objects_of(1) == {0: 2, 1: 2, 2: 2}
    assert session.undo().message == "Undone: Object 2 in frame 2 is now in track 1."
    assert session.lineage.objects_of(1) == {0: 2, 1: 2}
    assert session.redo().message == "Done again: Object 2 in frame 2 is now in track 1."
    assert session.lineage.objects_of(1) == {0: 2, 1: 2, 2: 2}


def test_a_new_action_forgets_what_was_undone(session) -> None:
    session.new_track()
    session.assign(0, 1)
    session.undo()
    session.mark_false(0, 2)
    assert not session.history.can_redo
    with pytest.raises(EditError, match="There is nothing to do again"):
        session.redo()
    session.undo()
    with pytest.raises(EditError, match="There is nothing to undo"):
        session.undo()


def test_click_without_track_says_what_to_do(session) -> None:
    with pytest.raises(EditError, match=r'There is no active track. Start one with "s"'):
        session.assign(0, 1)


def test_clicking_twice_changes_nothing(session) -> None:
    session.new_track()
    session.assign(0, 1)
    before = session.lineage.copy()
    with pytest.raises(EditError, match=r"Object 1 in frame 0 is in track 1 already. Nothing was changed"):
        session.assign(0, 1)
    assert session.lineage == before
    assert len(session.history) == 1


def test_second_object_of_a_track_in_a_frame_is_refused(session) -> None:
    session.new_track()
    session.assign(0, 1)
    with pytest.raises(EditError, match="Track 1 already has object 1 in frame 0"):
        session.assign(0, 2)
    assert session.lineage.tracks_at(0, 2) == ()


@pytest.mark.parametrize(("t", "object_id"), [(0, 0), (0, 99), (-1, 1), (N_FRAMES, 1)])
def test_objects_that_are_not_there(session, t, object_id) -> None:
    session.new_track()
    for action in (session.assign, session.mark_false, session.unmark_false):
        with pytest.raises(EditError, match=f"There is no object {object_id} in frame {t}"):
            action(t, object_id)
    with pytest.raises(EditError, match=f"There is no object {object_id} in frame {t}"):
        session.unassign(t, object_id, 1)


def test_merger_is_said(session) -> None:
    session.assign(1, 1, track_id=1)
    assert session.assign(1, 1, track_id=2).message.endswith("as well as in track 1 (merger).")
    assert session.lineage.tracks_at(1, 1) == (1, 2)


def test_false_detections(session) -> None:
    session.mark_false(0, 3)
    with pytest.raises(EditError, match="is marked as a false detection"):
        session.assign(0, 3, track_id=1)
    session.unmark_false(0, 3)
    with pytest.raises(EditError, match="is not marked as a false detection"):
        session.unmark_false(0, 3)


@pytest.mark.parametrize(
    ("scope", "left"), [("here", {0: 1, 1: 1, 3: 1}), ("later", {0: 1, 1: 1}), ("earlier", {3: 1}), ("all", {})]
)
def test_forgetting_is_one_step(session, scope, left) -> None:
    for t in range(4):
        session.assign(t, 1, track_id=1)
    session.forget(1, t=2, scope=scope)
    assert session.lineage.objects_of(1) == left
    session.undo()
    assert session.lineage.objects_of(1) == dict.fromkeys(range(4), 1)


def test_forgetting_nothing_is_refused(session) -> None:
    with pytest.raises(EditError, match=r"Track 5 has no object from frame 2 on. There is nothing to remove"):
        session.forget(5, t=2, scope="later")
    with pytest.raises(InputError, match="`scope` must be one of"):
        session.forget(5, scope="never")  # type: ignore[arg-type]


def test_division_reports_all_three_objects(session) -> None:
    session.assign(0, 1, track_id=1)
    session.assign(1, 1, track_id=2)
    session.assign(1, 2, track_id=3)
    change = session.divide(0, 1, (2, 3))
    assert change.pairs == [(0, 1), (1, 1), (1, 2)]
    with pytest.raises(EditError, match="takes part in the division"):
        session.forget(2)
    assert session.undivide(1).pairs == [(0, 1), (1, 1), (1, 2)]
    assert session.lineage.divisions == {}


def test_active_track_steps_over_known_tracks(session) -> None:
    with pytest.raises(EditError, match=r"There is no track 1. There is no track yet"):
        session.step_track(1)
    session.new_track()
    assert session.new_track() == 2, "an unpleasant colour can be skipped"
    assert session.step_track(-1) == 1
    assert session.step_track(1) == 2
    with pytest.raises(EditError, match=r"There is no track 3. Tracks 1 to 2 can be chosen"):
        session.step_track(1)
    with pytest.raises(EditError, match="There is no track 0"):
        session.select_track(0)


def test_track_65535_is_skipped() -> None:
    session = Session(None, make_detections(), Lineage.from_tables([(0, 1, 65534)]))
    assert session.new_track() == 65536
    assert session.step_track(-1) == 65534
    assert session.step_track(1) == 65536
    with pytest.raises(EditError, match="There is no track 65535"):
        session.select_track(65535)


def test_progress_and_next_unlabeled(session) -> None:
    assert str(session.progress()) == "0 of 4 frames complete, 12 objects unlabeled"
    for i in (1, 2):
        session.assign(0, i, track_id=i)
    assert session.next_unlabeled() == (0, 3)
    session.mark_false(0, 3)
    assert str(session.progress()) == "1 of 4 frames complete, 9 objects unlabeled"
    assert session.next_unlabeled() == (1, 1)
    session.undo()
    assert session.next_unlabeled() == (0, 3)


def test_empty_frames_are_complete() -> None:
    session = Session(None, make_detections(empty=range(N_FRAMES)))
    assert session.progress().complete == N_FRAMES
    assert session.next_unlabeled() is None


def test_correcting_works_on_a_copy() -> None:
    lineage = Lineage.from_tables([(0, 1, 1), (1, 1, 1)], false_detections=[(0, 2)])
    session = Session(None, make_detections(), lineage)
    assert session.progress().unlabeled == N_FRAMES * N_OBJECTS - 3
    session.assign(2, 1, track_id=1)
    assert lineage.objects_of(1) == {0: 1, 1: 1}
    assert session.new_track() == 2


def test_parts_that_do_not_fit() -> None:
    with pytest.raises(InputError, match="`detections` must have one frame per movie frame: got 4 label frames and 2"):
        Session([0, 0], make_detections())  # type: ignore[arg-type]
    with pytest.raises(InputError, match="`lineage` does not fit `detections`: object 9 in frame 1 is not among"):
        Session(None, make_detections(), Lineage.from_tables([(1, 9, 1)]))


def test_callbacks_hear_every_change_until_they_stop(session) -> None:
    heard = []
    stop = session.on_change(heard.append)
    session.mark_false(0, 1)
    session.undo()
    session.redo()
    assert [change.pairs for change in heard] == [[(0, 1)]] * 3
    stop()
    stop()
    session.undo()
    assert len(heard) == 3


def test_history_is_python(session) -> None:
    session.new_track()
    session.assign(0, 1)
    session.mark_false(0, 2)
    session.undo()
    session.forget(1)
    assert session.history_code("s") == "s.assign(0, 1, track_id=1)\ns.forget(1, t=0, scope='all')"
    assert "1 steps" not in repr(session)


T = st.integers(0, N_FRAMES - 1)
OBJECT = st.integers(1, N_OBJECTS)
TRACK = st.integers(1, 4)
ACTIONS = st.one_of(
    st.tuples(st.just("assign"), T, OBJECT, TRACK),
    st.tuples(st.just("unassign"), T, OBJECT, TRACK),
    st.tuples(st.just("mark_false"), T, OBJECT),
    st.tuples(st.just("unmark_false"), T, OBJECT),
    st.tuples(st.just("divide"), T, TRACK, st.tuples(TRACK, TRACK)),
    st.tuples(st.just("undivide"), TRACK),
    st.tuples(st.just("undo")),
    st.tuples(st.just("redo")),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(ACTIONS, max_size=60))
def test_random_actions_can_be_undone_redone_and_replayed(actions) -> None:
    session = Session(None, make_detections())
    start = session.lineage.copy()
    for name, *arguments in actions:
        before = session.lineage.copy()
        try:
            getattr(session, name)(*arguments)
        except EditError:
            assert session.lineage == before, "a refused action changes nothing"
        session.lineage.check()
    end, n = session.lineage.copy(), len(session.history)
    tracked = {
        (t, i) for t in range(N_FRAMES) for i in range(1, N_OBJECTS + 1) if end.tracks_at(t, i) or end.is_false(t, i)
    }
    assert session.progress().unlabeled == N_FRAMES * N_OBJECTS - len(tracked)
    replayed = Session(None, make_detections())
    exec(session.history_code("replayed"), {"replayed": replayed})
    assert replayed.lineage == end
    for _ in range(n):
        session.undo()
    assert session.lineage == start
    for _ in range(n):
        session.redo()
    assert session.lineage == end
