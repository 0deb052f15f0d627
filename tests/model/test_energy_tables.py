"""The tables of energies: in every preset the terms add up to the energy, and what is paid to the objective."""

import pickle
from dataclasses import replace

import cases
import numpy as np
import pytest

import nbtrack as nbt
from nbtrack.data.energies import OBJECT_TERMS

SAMPLE = nbt.sample("nuclei", n_frames=5, size=128, n_cells=12, seed=3)
CHEAP = {"appearance": 6.0, "disappearance": 6.0}
SETTINGS = {
    "conservation": {"preset": "conservation"},
    "mergers of three": {
        "preset": "conservation",
        "objects_per_merger": 3,
        "opportunity": 4.0,
        "transition_weight": 0.5,
    },
    "one object each": {"preset": "conservation", "objects_per_merger": 1, **CHEAP},
    "no divisions": {"preset": "conservation", "divisible": False, **CHEAP},
    "chaingraph": {"preset": "chaingraph"},
    "cheap chaingraph": {"preset": "chaingraph", "opportunity": 30.0, "division_angle": 40.0, **CHEAP},
    "adaptive": {"preset": "adaptive"},
}
CASES = ("division", "merger_and_split", "false_detection", "appear_late", "three_dimensional")


@pytest.fixture(scope="module")
def detections():
    return nbt.segment(SAMPLE.prediction, channel=1)


def check(result) -> None:
    """Check all that the tables promise."""
    e, objective = result.energies, result.report.objective
    tables = {name: getattr(e, name) for name in ("links", "divisions", "merges", "objects")}
    for name, table in tables.items():
        assert np.allclose(table[list(e.terms[name])].sum(axis=1), table["energy"]), name
    near = pytest.approx(objective, rel=1e-9, abs=1e-9)
    assert sum(table["paid"].sum() for table in tables.values()) == near
    assert e.total == near
    links, objects = e.links, e.objects
    # by hand: links that are used, links that are not, and the states of the objects
    used = links[links["used"]]
    assert (used["count"] > 0).all()
    assert np.array_equal(links["paid"][~links["used"]], links["off"][~links["used"]])
    if result.params.preset != "chaingraph":
        single = used[used["count"] == 1]
        assert np.allclose(single["paid"], single["energy"])
    counts = objects[[name for name in objects if name.startswith("energy_")]].to_numpy()
    assert np.allclose(counts[np.arange(len(objects)), objects["count"]], objects["energy"])
    assert len(objects) == result.report.n_detections
    assert len(links) == result.report.n_links
    assert tuple(e.terms["objects"]) == OBJECT_TERMS


@pytest.mark.parametrize("name", SETTINGS)
def test_what_is_paid_adds_up_to_the_objective(detections, name) -> None:
    result = nbt.track(detections, nbt.TrackingParams(**SETTINGS[name]))
    check(result)
    if name == "mergers of three":
        assert result.energies.objects["count"].max() > 1
    if name == "no divisions":
        assert result.energies.objects["division"].isna().all()
        assert result.energies.divisions.empty


@pytest.mark.parametrize("preset", ["conservation", "chaingraph", "adaptive"])
@pytest.mark.parametrize("name", CASES)
def test_every_case_adds_up_in_every_preset(name, preset) -> None:
    case = getattr(cases, name)()
    m = {} if preset == "chaingraph" else {"objects_per_merger": 2}
    check(nbt.track(case.detections, nbt.TrackingParams(preset=preset, **m)))


@pytest.mark.parametrize("preset", ["conservation", "adaptive"])
def test_two_objects_on_one_link_pay_for_two(preset) -> None:
    labels = np.zeros((6, 60, 60), np.uint32)
    for t, away in enumerate((12, 8, 5, 5, 8, 12)):
        for i, side in enumerate((-1, 1)):
            middle = 30 + side * away
            labels[t, 20:40, middle - 5 : middle + 5] = 1 if away == 5 else 1 + i
    detections = cases.detect(labels)
    table = detections.table
    whole = (table["size"] == 400).to_numpy(float)  # a classifier is nearly sure of all counts
    table = table.assign(p_count_0=0.01, p_count_1=0.98 - 0.97 * whole, p_count_2=0.01 + 0.97 * whole)
    params = nbt.TrackingParams(preset=preset, objects_per_merger=2, alpha=8.0)
    result = nbt.track(replace(detections, table=table), params)
    check(result)
    if preset == "conservation":
        (shared,) = result.energies.links.query("count == 2").itertuples()
        assert (shared.t, shared.source_id, shared.target_id) == (2, 1, 1)
        assert shared.paid > shared.energy


def test_what_was_made_convex_is_a_term_of_its_own(detections) -> None:
    table = detections.table
    sure = np.tile([0.05, 0.15, 0.05, 0.75], (len(table), 1))  # far from convex in the number of objects
    table = table.assign(**{f"p_count_{k}": sure[:, k] for k in range(4)})
    params = nbt.TrackingParams(preset="conservation", objects_per_merger=3)
    result = nbt.track(replace(detections, table=table), params)
    check(result)
    assert (result.energies.objects["convex"].abs() > 1e-3).any()
    assert result.report.objective != pytest.approx(result.report.raw_objective)


@pytest.mark.parametrize("preset", ["conservation", "chaingraph", "adaptive"])
def test_pins_are_in_the_tables(detections, preset) -> None:
    far = detections.table.query("t == 3")["object_id"].tolist()
    pins = [nbt.Pin("link", 2, 1, target_id=i) for i in far[-2:]]
    pins.append(nbt.Pin("division", 2, 1))
    result = nbt.track(detections, nbt.TrackingParams(preset=preset), fixed=pins)
    check(result)
    assert result.solved.pins == tuple(pins)
    divisions = result.energies.divisions
    if preset != "adaptive":
        used = divisions[divisions["used"]]
        assert used[["t", "parent_id", "child1_id", "child2_id"]].to_numpy().tolist() == [[2, 1, *far[-2:]]]
        division, off = result.energies.objects.query("t == 2 and object_id == 1")[["division", "no_division"]].iloc[0]
        assert np.isfinite([division, off]).all()


def test_daughters_of_the_chaingraph_pay_their_own_distance() -> None:
    case = cases.division()
    params = nbt.TrackingParams(preset="chaingraph", division_distance=3.0)
    result = nbt.track(case.detections, params)
    e = result.energies
    used = e.divisions[e.divisions["used"]].iloc[0]
    links = e.links[(e.links["t"] == used["t"]) & (e.links["source_id"] == used["parent_id"]) & e.links["used"]]
    assert sorted(links["paid"]) == pytest.approx(sorted((links["energy"] - 3.0) ** 2))
    assert links["paid"].sum() == pytest.approx(used["link1"] + used["link2"])


def test_links_around_an_object(detections) -> None:
    e = nbt.track(detections).energies
    found = e.around(2, 1)
    into, out = (found[found["t"] == t] for t in (1, 2))
    assert len(into)
    assert len(out)
    assert len(into) + len(out) == len(found)
    assert (into["target_id"] == 1).all()
    assert (out["source_id"] == 1).all()
    assert "paid>" in repr(e)


def test_tables_are_written_when_they_are_asked_for(detections, monkeypatch) -> None:
    from nbtrack import tracking

    def refuse(*_, **__):
        raise AssertionError("too early")

    monkeypatch.setattr(tracking, "tabulate", refuse)
    result = nbt.track(detections, nbt.TrackingParams(preset="conservation"))
    with pytest.raises(AssertionError, match="too early"):
        _ = result.energies
    assert replace(result, solved=None).energies is None
    monkeypatch.undo()
    result = nbt.track(detections, nbt.TrackingParams(preset="chaingraph"))
    again = pickle.loads(pickle.dumps(result.solved))
    assert again.explain(again.graph, again.problem, again.solution).total == result.energies.total
