"""Why: the terms of a part of an answer, and the best answer without it, against brute force by pins."""

from dataclasses import replace

import cases
import numpy as np
import pytest

import nbtrack as nbt
from nbtrack.data.pins import Pin
from nbtrack.errors import InputError
from nbtrack.explanation.terms import KINDS, list_parts

SAMPLE = nbt.sample("nuclei", n_frames=5, size=128, n_cells=12, seed=3)
PRESETS = ("conservation", "chaingraph", "adaptive")


@pytest.fixture(scope="module")
def detections():
    return nbt.segment(SAMPLE.prediction, channel=1)


@pytest.fixture(scope="module", params=PRESETS)
def result(detections, request):
    return nbt.track(detections, nbt.TrackingParams(preset=request.param, optimality_gap=0.0))


def test_without_a_link_the_answer_is_that_of_track_with_a_pin(result) -> None:
    link = result.links.query("t == 1").iloc[0]
    found = nbt.explain(result, link["t"], link["source_id"], link["target_id"])
    assert found.pin.value == link["count"]
    assert found.opposite == replace(found.pin, value=0)
    assert found.cost > 0
    kept = found.alternative.links
    same = (kept["t"] == link["t"]) & (kept["source_id"] == link["source_id"])
    assert not (same & (kept["target_id"] == link["target_id"])).any()
    assert found.sentence.startswith(f"Without this link the best answer costs {found.cost:,.2f} more: ")
    assert found.sentence.endswith(".")
    assert len(found.changes)
    assert found.alternative.energies.total == pytest.approx(found.alternative.report.objective)
    assert found.cost == pytest.approx(found.alternative.report.objective - result.report.objective)
    if result.params.preset != "adaptive":  # which would learn other weights
        wanted = nbt.track(result.detections, result.params, fixed=[found.opposite])
        assert found.alternative.report.objective == pytest.approx(wanted.report.objective, rel=1e-9)
        assert found.alternative.report.raw_objective == pytest.approx(wanted.report.raw_objective, rel=1e-6)
        assert nbt.compare(found.alternative, wanted).same


def test_with_a_link_that_is_not_used(result) -> None:
    links = result.energies.links
    known = result.links
    held = set(zip(known["t"], known["source_id"], known["target_id"], known["t"] + known["gap"], strict=True))
    rows = zip(links["t"], links["source_id"], links["target_id"], links["target_t"], strict=True)
    t, source, target, target_t = next(row for row in rows if row not in held and row[0] == 2)
    found = nbt.explain(result, t, source, target, target_t=target_t)
    assert found.pin.value == 0
    assert found.cost >= -1e-9
    assert found.sentence.startswith("With this link the best answer costs ")
    kept = found.alternative.links
    assert ((kept["t"] == t) & (kept["source_id"] == source) & (kept["target_id"] == target)).any()
    used = dict(zip(found.terms["term"], found.terms["used"], strict=True))
    assert used["link not used"]
    assert not used["energy"]
    assert str(found.pin).endswith("is not used")


def test_a_link_that_is_no_candidate(result) -> None:
    rows = result.detections.table
    position = rows.set_index(["t", "object_id"])[["y", "x"]]
    away = np.linalg.norm(position.loc[3] - position.loc[2, 1], axis=1)
    target = int(position.loc[3].index[away.argmax()])
    candidates = result.energies.links
    assert not ((candidates["t"] == 2) & (candidates["source_id"] == 1) & (candidates["target_id"] == target)).any()
    found = nbt.explain(result, 2, 1, target)
    assert found.terms.empty
    assert found.cost > 0
    assert target in found.alternative.links.query("t == 2 and source_id == 1")["target_id"].tolist()


def test_an_object_has_all_its_states(result) -> None:
    i = int(result.objects.query("t == 2 and count == 1")["object_id"].iloc[0])
    found = nbt.explain(result, 2, i)
    terms = found.terms.set_index("term")
    assert terms.loc["1 object", "used"]
    assert not terms.loc["no object", "used"].any()
    assert {"appearance", "disappearance"} <= set(terms.index)
    here = result.energies.objects.query(f"t == 2 and object_id == {i}").iloc[0]
    assert terms.loc["no object", "energy"] == here["energy_0"]
    assert found.cost > 0
    assert f"If object {i} in frame 2 were a false detection, the best answer would cost" in found.sentence
    assert (2, i) in set(
        zip(found.alternative.false_detections["t"], found.alternative.false_detections["object_id"], strict=True)
    )
    assert str(found).startswith(f"Object {i} in frame 2 is tracked.\n")
    assert repr(found) == str(found)
    assert "<table" in found._repr_html_()
    assert found.sentence in found._repr_html_().replace("&#x27;", "'")


@pytest.mark.parametrize("kind", ["division", "appearance", "disappearance"])
def test_events_can_be_asked_about(result, kind) -> None:
    found = nbt.explain(result, 2, 1, kind=kind)
    assert found.pin.kind == kind
    if found.cost is None:  # no two candidates for daughters
        assert "Cannot hold that object 1 in frame 2 divides" in found.sentence
        return
    assert found.cost >= -1e-9
    assert found.sentence.startswith("If object 1 in frame 2 ")
    assert not found.terms.empty


@pytest.mark.parametrize("preset", PRESETS)
def test_a_division_that_is_there(preset) -> None:
    case = cases.division()
    result = nbt.track(case.detections, nbt.TrackingParams(preset=preset))
    ((t, parent, *_),) = case.divisions
    found = nbt.explain(result, t, parent, kind="division")
    assert found.pin.value == 1
    assert found.cost > 0
    assert found.alternative.divisions.empty
    assert found.sentence.startswith(f"If object {parent} in frame {t} did not divide, the best answer would cost")
    used = found.terms[found.terms["used"]]
    row = result.energies.divisions[result.energies.divisions["used"]].iloc[0]
    assert used.set_index("term").loc["energy", "energy"] == row["energy"]


def test_pins_of_the_result_are_kept_and_may_leave_no_other_answer(detections) -> None:
    free = nbt.track(detections)
    a, b = (free.links.query(f"t == {t}").iloc[0] for t in (1, 3))
    pins = [Pin("link", int(x["t"]), int(x["source_id"]), 0, target_id=int(x["target_id"])) for x in (a, b)]
    result = nbt.track(detections, fixed=pins[:1])
    found = nbt.explain(result, 3, b["source_id"], b["target_id"])
    both = nbt.track(detections, fixed=pins)
    assert found.alternative.report.objective == pytest.approx(both.report.objective, rel=1e-9)
    assert found.alternative.solved.pins == tuple(pins)
    stuck = nbt.explain(result, 1, a["source_id"], a["target_id"])
    assert stuck.alternative is None
    assert stuck.cost is None
    assert "Two pins contradict each other" in stuck.sentence
    assert stuck.sentence.startswith("No answer has it otherwise. ")


def test_terms_alone_need_no_solve(result) -> None:
    found = nbt.explain(result, 2, 1, solve=False)
    assert found.alternative is None
    assert found.sentence == "No alternative was asked for."
    assert found.sentence not in str(found)


def test_an_answer_that_can_be_improved_says_so(detections) -> None:
    result = nbt.track(detections)
    link = result.links.query("t == 1").iloc[0]
    worse = nbt.explain(result, link["t"], link["source_id"], link["target_id"]).alternative
    worse = replace(worse, solved=replace(worse.solved, pins=()))
    found = nbt.explain(worse, link["t"], link["source_id"], link["target_id"])
    assert found.cost < 0
    assert " less: " in found.sentence
    assert "track again with a smaller optimality gap" in found.sentence


def test_a_solve_that_is_cancelled_is_no_proof(detections) -> None:
    import threading

    cancel = threading.Event()
    cancel.set()
    result = nbt.track(detections)
    link = result.links.query("t == 1").iloc[0]
    found = nbt.explain(result, link["t"], link["source_id"], link["target_id"], cancel=cancel)
    assert found.alternative is None or "stopped before this was proven" in found.sentence


def test_what_cannot_be_explained_says_why(detections) -> None:
    result = nbt.track(detections)
    with pytest.raises(InputError, match="Object 999 in frame 2 is not among the tracked objects"):
        nbt.explain(result, 2, 999)
    with pytest.raises(InputError, match=f"`kind` must be one of {', '.join(KINDS)}: got 'size'"):
        nbt.explain(result, 2, 1, kind="size")
    with pytest.raises(InputError, match="A link needs `target_id`, and only a link has one"):
        nbt.explain(result, 2, 1, kind="link")
    with pytest.raises(InputError, match="`target_t` must be above 2, got 2"):
        nbt.explain(result, 2, 1, 1, target_t=2)
    with pytest.raises(InputError, match="before its mergers were resolved"):
        nbt.explain(nbt.resolve_mergers(result), 2, 1)
    with pytest.raises(InputError, match="does not know the energies"):
        nbt.explain(replace(result, solved=None), 2, 1)


def test_everything_that_was_decided_about_an_object(result) -> None:
    i = int(result.objects.query("t == 2 and count == 1")["object_id"].iloc[0])
    parts = list_parts(result, 2, i)
    assert [part.pin.kind for part in parts[:3]] == ["object", "appearance", "disappearance"]
    assert [part.text for part in parts[:2]] == ["is an object", "begins a track"]
    assert parts[0].used
    links = [part for part in parts if part.pin.kind == "link"]
    assert len(links) == len(result.energies.around(2, i))
    known = result.links
    used = ((known["t"] == 2) & (known["source_id"] == i)) | (
        (known["t"] + known["gap"] == 2) & (known["target_id"] == i)
    )
    assert sum(part.used for part in links) == used.sum()
    for part in parts:
        pin = part.pin
        found = nbt.explain(
            result, pin.t, pin.object_id, pin.target_id, target_t=pin.target_t, kind=pin.kind, solve=False
        )
        assert found.pin == pin
        if pin.kind == "link":
            assert found.terms.set_index("term").loc["energy", "energy"] == part.energy
