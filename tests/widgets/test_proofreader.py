"""The proofreader without a browser: questions come by themselves, keys answer, the solver finds the rest."""

import numpy as np
import pytest

import nbtrack as nbt
from nbtrack.errors import EditError, InputError
from nbtrack.review.fates import FALSE, fate_of
from nbtrack.widgets.image_view import KeyEvent, PointerEvent
from nbtrack.widgets.proofreader import Proofreader

SAMPLE = nbt.sample("nuclei", n_frames=8, size=180, n_cells=12, noise=2.0, seed=4)
PARAMS = nbt.TrackingParams(preset="adaptive", size_range=(1, 10**6))


@pytest.fixture(scope="module")
def result():
    detections = nbt.segment(SAMPLE.prediction, channel=1)
    return nbt.track(detections, PARAMS)


@pytest.fixture(params=["canvas", "image"])
def reader(result, request):
    made = Proofreader(nbt.Session(SAMPLE.raw, result.detections, result), backend=request.param)
    yield made
    made.close()
    assert made.last_error is None


def press(reader, key):
    reader._press(KeyEvent(key, reader.viewer.t, 0, -1, -1, 0))


def click(reader, t, object_id):
    reader._pick(PointerEvent(t, 0, 0, 0, object_id))


def test_the_most_doubtful_place_is_asked_and_shown(reader) -> None:
    assert reader.event == reader.queue.next()
    assert reader.viewer.t == reader.event.t
    assert f"Object {reader.event.object_id} in frame {reader.event.t}" in reader._side._question.value
    assert [b.layout.display != "none" for b in reader._side.choices] == [
        k < len(reader.event.alternatives) for k in range(4)
    ]
    assert bytes(reader.film.images[1].value).startswith(b"\x89PNG")
    assert reader.snapshot().data.startswith(b"\x89PNG")
    assert "accept" in dir(reader)
    assert "Proofreader of <Session" in repr(reader)


def test_enter_accepts_and_the_next_question_comes(reader) -> None:
    first, before = reader.event, reader.session.lineage.copy()
    press(reader, "Enter")
    assert reader.session.lineage == before
    assert reader.session.pins
    assert reader.event is None or (reader.event.t, reader.event.object_id) != (first.t, first.object_id)
    assert reader.meter.actions == 1
    assert "1 action" in reader._side.meter.value
    press(reader, "z")
    assert reader.session.pins == ()
    press(reader, "shift+z")
    assert reader.session.pins
    press(reader, "b")
    assert (reader.event.t, reader.event.object_id) == (first.t, first.object_id)


def test_digit_chooses_and_the_meter_counts_links(reader) -> None:
    event = reader.event
    press(reader, "1")
    assert fate_of(reader.session.lineage, event.t, event.object_id) == event.alternatives[0].fate
    assert reader._removed > 0
    assert "AOGM removed" in reader._side.meter.value
    with pytest.raises(EditError, match="There is no alternative 9"):
        reader.choose(9)


def test_other_answers_by_keys_and_clicks(reader) -> None:
    session = reader.session
    t = 2 if reader.event.t != 1 else 4  # a click into the frame after the one that is asked about is an answer
    i = min(session.lineage.labelled(t))
    click(reader, t, i)
    assert (reader.event.t, reader.event.object_id) == (t, i)
    press(reader, "f")
    assert fate_of(session.lineage, t, i) == FALSE
    press(reader, "z")
    reader.ask(t, i)
    press(reader, "x")
    assert fate_of(session.lineage, t, i) == ()
    press(reader, "z")
    reader.ask(t, i)
    target = max(session.lineage.labelled(t + 1))
    click(reader, t + 1, target)
    assert (t + 1, target) in fate_of(session.lineage, t, i)
    press(reader, "z")
    reader.ask(t, i)
    press(reader, "d")
    two = sorted(session.lineage.labelled(t + 1))[:2]
    for daughter in (two[0], two[0], two[1]):
        click(reader, t + 1, daughter)
    assert fate_of(session.lineage, t, i) == tuple((t + 1, j) for j in two)
    reader.divide()
    press(reader, "Escape")
    press(reader, "n")


def test_pins_are_listed_shown_and_unpinned(reader) -> None:
    press(reader, "Enter")
    n = len(reader.session.pins)
    assert f"Held ({n})" in reader._side._pins._heading
    with pytest.raises(EditError, match="No pin is chosen"):
        reader.unpin()
    reader._choose_pin(0)
    assert not reader._side.unpin.disabled
    reader.unpin()
    assert len(reader.session.pins) == n - 1


def test_jump_and_refusals(reader) -> None:
    if len(reader._events) > 1:
        second = reader._events[1]
        reader._jump(1)
        assert reader.event == second
    with pytest.raises(EditError, match="only background"):
        click(reader, 0, 0)
    with pytest.raises(EditError, match="There is no object 999"):
        reader.ask(0, 999)
    with pytest.raises(EditError, match="There is no question before this one"):
        reader.back()


def test_learn_button(reader) -> None:
    for _ in range(3):
        press(reader, "Enter")
    reader.learn()
    assert reader.messages.text.startswith(("Learned from", "Nothing better was found"))


def test_repaired_objects_are_shown(reader) -> None:
    reader.session.delete_object(0, min(reader.session.lineage.labelled(0)))
    assert reader.viewer.feed.detections is reader.session.detections


def test_project_with_manual_tracks(tmp_path) -> None:
    raw, prediction = tmp_path / "raw.npy", tmp_path / "prediction.npy"
    np.save(raw, np.array([np.asarray(frame) for frame in SAMPLE.raw]))
    maps = np.array([np.asarray(SAMPLE.prediction.frame(t, channel=1)) for t in range(8)])
    np.save(prediction, maps)
    work = nbt.Workflow(tmp_path / "project")
    work.load(raw=raw, prediction=prediction, kind="prediction map")
    work.apply()
    first = min(i for i in work.session._objects[0])
    work.session.new_track()
    work.session.follow(0, first)
    pins, proposals = work.session.pins, work.session.lineage.objects_of(1)
    assert all(pin.object_id == first for pin in pins), "what was followed is a proposal"
    assert len(proposals) > 1

    reader = Proofreader(tmp_path / "project")
    session = reader.session
    assert session.pins == pins, "manual tracks are pins"
    assert session.lineage.objects_of(1) == proposals
    reader._act("solve")
    assert session.progress().unlabeled == 0
    assert session.pins == pins
    assert "becomes one of the prediction map" in (reader.tools.take("add") or reader.tools.text)
    reader.tools.put_away()
    gone = next(i for i in sorted(session._objects[3]) if i != session.lineage.objects_of(1).get(3))
    session.delete_object(3, gone)
    reader.close()
    again = Proofreader(nbt.Project(tmp_path / "project"))
    assert not again.session.has_object(3, gone)
    again._act("undo")
    assert again.session.has_object(3, gone)
    again.close()
    assert (reader.last_error, again.last_error) == (None, None)


def test_nothing_to_proofread() -> None:
    with pytest.raises(InputError, match="`work` has no session yet"):
        Proofreader(nbt.Workflow())


def test_the_proof_of_a_large_movie_is_taken_over(result, monkeypatch) -> None:
    monkeypatch.setattr("nbtrack.resolving.LARGE", 10)
    monkeypatch.setattr("nbtrack.resolving.AT_ONCE", 0.0)
    made = Proofreader(nbt.Session(SAMPLE.raw, result.detections, result))
    for _ in range(3):
        made.choose(1)
    assert made.session.report is not None
    assert made.session.is_certified
    assert made.session.resolver.proof is None
    made.close()
    assert made.last_error is None
