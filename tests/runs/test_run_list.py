"""The list of runs: what it remembers, tells, compares, writes as Python and stores."""

import json
import logging
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from cases import division, merger_and_split

import nbtrack as nbt
from nbtrack.data.lineage import Lineage
from nbtrack.data.result import TrackingResult
from nbtrack.errors import InputError
from nbtrack.runs.run import COUNTS, FIGURES
from nbtrack.runs.run_list import SCORES, Runs

CASE = division()
DETECTIONS = CASE.detections
ROWS = [(0, 1, 1), (1, 1, 1), (2, 1, 2), (3, 1, 2), (2, 2, 3), (3, 2, 3)]
TRUTH = SimpleNamespace(lineage=Lineage.from_tables(ROWS, [(1, 1, 2, 3)]), detections=DETECTIONS)


def run(**params: object) -> TrackingResult:
    return nbt.track(DETECTIONS, nbt.TrackingParams(**{"preset": "conservation", **params}))


@pytest.fixture(scope="module")
def dividing() -> TrackingResult:
    return run()


@pytest.fixture(scope="module")
def rigid() -> TrackingResult:
    return run(divisible=False, appearance=3.0)


@pytest.fixture
def runs(dividing: TrackingResult, rigid: TrackingResult) -> Runs:
    runs = Runs()
    runs.add(dividing)
    runs.add(rigid, name="without divisions")
    return runs


def test_what_is_remembered(runs: Runs, dividing: TrackingResult) -> None:
    first, second = runs
    assert [first.number, first.name, first.given, first.changed] == [1, "Run 1", {"preset": "conservation"}, {}]
    assert first.params["neighbors"] == 3
    assert first.figures["energy"] == dividing.report.objective
    assert first.figures["status"] == "optimal"
    assert set(first.figures) >= {*FIGURES, "solver", "message"}
    assert first.counts == {**dict.fromkeys(COUNTS, 0), "tracks": 3, "divisions": 1}
    assert first.scores == {}
    assert (second.number, second.name) == (2, "without divisions")
    assert second.given == {"preset": "conservation", "divisible": False, "appearance": 3.0}
    assert second.changed == {"divisible": (True, False), "appearance": (500.0, 3.0)}
    assert runs[2] is second
    assert runs.result(1) is dividing
    assert repr(runs) == "<Runs: 2 runs, 2 results kept>"


def test_the_table_shows_what_differed(runs: Runs) -> None:
    table = runs.table()
    assert table.columns.tolist() == ["run", "name", "divisible", "appearance", *FIGURES, *COUNTS]
    assert table["appearance"].tolist() == [500, 3]
    assert table["divisions"].tolist() == [1, 0]
    assert "<td>without divisions</td>" in runs._repr_html_()
    assert Runs().table().columns.tolist() == ["run", "name", *FIGURES, *COUNTS]


def test_parameters_of_the_objects_are_told_too(dividing: TrackingResult) -> None:
    runs = Runs()
    for threshold in (0.5, 0.7):
        made = {
            "stage": "segment",
            "movie": "cells",
            "threshold": threshold,
            "size": (10, 1000),
            "sigma": np.float64(1),
        }
        runs.add(replace(dividing, detections=replace(DETECTIONS, params=made)))
    assert runs[2].changed == {"threshold": (0.5, 0.7)}
    assert runs.table()["threshold"].tolist() == [0.5, 0.7]
    assert runs.as_python(2).splitlines()[2:4] == [
        "# prediction: the movie 'cells', as it was read",
        "detections = nbt.segment(prediction, threshold=0.7, size=(10, 1000))",
    ]


def test_a_preset_is_told_with_its_own_defaults() -> None:
    runs = Runs()
    chain = runs.add(run(preset="chaingraph", appearance=np.float64(900)))
    assert chain.given == {"preset": "chaingraph", "appearance": 900.0}
    assert "appearance=900.0)" in chain.code


def test_the_difference_of_two_runs(runs: Runs) -> None:
    found = runs.difference(1, 2)
    assert found.counts["division"] == 1
    assert found.names == ("run 1", "run 2")
    assert "in run 1; in run 2 it does not." in found.table["detail"][0]
    assert runs.difference(2, 2).same


def test_the_lines_do_the_run_again(runs: Runs, rigid: TrackingResult) -> None:
    assert runs.as_python(2) == (
        "import nbtrack as nbt\n\n# detections: the objects of 'movie'\n"
        "params = nbt.TrackingParams(preset='conservation', divisible=False, appearance=3.0)\n"
        "result = nbt.track(detections, params)\n"
    )
    names = {"detections": DETECTIONS}
    exec(runs.as_python(2), names)
    assert names["result"].params == rigid.params
    assert nbt.compare(names["result"], rigid).same


def test_the_lines_hold_all_that_was_said() -> None:
    pins = [nbt.Pin("division", 1, 1, False), {"kind": "link", "t": 0, "object_id": 1, "target_id": 1}]
    long = {"max_distance": math.inf, "border_from": "center", "t_range": (0, 4), "y_range": (0, 48), "neighbors": 2}
    params = nbt.TrackingParams(**long, x_range=(0, 48), alpha=7.5)
    result = nbt.track(DETECTIONS, params, fixed=pins)
    runs = Runs()
    runs.add(result, fixed=pins, setup="detections = objects\n")
    code = runs.as_python(1)
    assert "\ndetections = objects\nparams = nbt.TrackingParams(\n    alpha=7.5,\n    neighbors=2,\n" in code
    assert "    nbt.Pin(kind='link', t=0, object_id=1, value=1, target_id=1, target_t=1),\n" in code
    names = {"objects": DETECTIONS}
    exec(code, names)
    assert names["params"] == params
    assert names["result"].report.objective == result.report.objective
    assert nbt.compare(names["result"], result).same


def test_a_run_in_the_place_of_the_last_one(runs: Runs, dividing: TrackingResult, rigid: TrackingResult) -> None:
    changed = runs[2].changed
    assert runs.add(rigid, replace_last=True).changed == changed
    assert [run.name for run in runs] == ["Run 1", "Run 2"]
    runs.add(dividing, replace_last=True)
    assert not runs[2].changed
    assert runs.result(2) is dividing
    assert len(Runs()) == 0
    assert Runs().add(rigid, replace_last=True).number == 1


def test_only_the_latest_results_are_kept(dividing: TrackingResult) -> None:
    runs = Runs(keep=2)
    for _ in range(3):
        runs.add(dividing)
    assert repr(runs) == "<Runs: 3 runs, 2 results kept>"
    assert runs.difference(2, 3).same
    with pytest.raises(InputError, match=r"Of run 1 \(Run 1\) only the figures are kept\. Do it .* `as_python\(1\)`"):
        runs.difference(1, 2)
    runs.set_truth(TRUTH)
    assert [bool(one.scores) for one in runs] == [False, True, True]


def test_a_truth_scores_all_runs(runs: Runs) -> None:
    with pytest.raises(InputError, match=r"There is no truth to compare with\. Give one with `set_truth`\."):
        runs.errors(1)
    runs.set_truth(TRUTH)
    assert runs.has_truth
    table = runs.table()
    assert table.columns.tolist()[-len(SCORES) :] == list(SCORES)
    assert table["division_f1"].tolist() == [1, 0]
    assert runs[2].scores["truth_divisions"] == 1
    assert runs.errors(1).same
    assert runs.errors(2).counts["missed_division"] == 1
    assert runs.errors(2).names == ("run 2", "the truth")
    # one over the same objects
    runs.set_truth(TRUTH.lineage)
    assert runs.table()["division_f1"].tolist() == [1, 0]
    assert runs.errors(2).counts["missed_division"] == 1
    runs.set_truth(None)
    assert runs[1].scores == {}
    assert "link_f1" not in runs.table()


def test_a_truth_of_another_movie(runs: Runs, dividing: TrackingResult, caplog: pytest.LogCaptureFixture) -> None:
    runs.set_truth(TRUTH)
    with pytest.raises(InputError, match="the same frames: got 4 frames of the result and 3 of the truth"):
        runs.set_truth(merger_and_split().labels)
    assert runs[1].scores, "nothing was changed"
    assert runs.errors(1).same
    with caplog.at_level(logging.WARNING):
        added = Runs(truth=np.zeros((2, 48, 48), np.uint8)).add(dividing)
    assert added.scores == {}
    assert "Run 1 is not compared with the truth. Result and truth must have the same frames" in caplog.text


def test_callbacks(dividing: TrackingResult) -> None:
    runs, told = Runs(), []
    stop = runs.on_change(told.append)
    added = runs.add(dividing)
    runs.set_truth(TRUTH)
    assert told == [added, None]
    stop()
    stop()
    runs.add(dividing)
    assert len(told) == 2


def test_saved_and_loaded(runs: Runs, dividing: TrackingResult, tmp_path: Path) -> None:
    runs.set_truth(TRUTH)
    runs.add(run(max_distance=math.inf, t_range=(0, 4)), name="nan", fixed=[nbt.Pin("division", 1, 1)])
    assert runs.save(tmp_path / "project") == tmp_path / "project" / "runs.json"
    runs.save(tmp_path / "project")
    again = Runs.load(tmp_path / "project", keep=3)
    assert list(again) == list(runs)
    assert again.table().equals(runs.table())
    assert pd.read_csv(tmp_path / "project" / "runs.csv")["divisions"].tolist() == [1, 0, 1]
    with pytest.raises(InputError, match=r"Of run 2 \(without divisions\) only the figures are kept"):
        again.result(2)
    added = again.add(dividing)
    assert added.number == 4
    assert added.changed["max_distance"] == (math.inf, 200.0)
    assert len(Runs.load(tmp_path)) == 0


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", r"damaged and cannot be read as a list of runs: .* Put back a copy"),
        ("[]", r"damaged and cannot be read as a list of runs"),
        ('{"format": "nbtrack runs", "version": 1, "runs": [{}]}', r"list of runs: 'number'\. Put back"),
        ('{"format": "nbtrack runs", "version": 2, "runs": []}', r"version 2, but this .* up to version 1\. Update"),
        ('{"format": "another", "version": 1, "runs": []}', r"is of the format 'another'"),
    ],
)
def test_files_that_cannot_be_read(text: str, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "runs.json").write_text(text)
    with pytest.raises(InputError, match=complaint):
        Runs.load(tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [("number", 2, "run 1 is not complete"), ("counts", {}, "is not complete"), ("params", 3, "of the wrong type")],
)
def test_runs_that_are_not_whole(name: str, value: object, complaint: str, runs: Runs, tmp_path: Path) -> None:
    file = runs.save(tmp_path)
    content = json.loads(file.read_text())
    content["runs"][0][name] = value
    file.write_text(json.dumps(content))
    with pytest.raises(InputError, match=complaint):
        Runs.load(tmp_path)


def test_what_cannot_be_asked(runs: Runs) -> None:
    with pytest.raises(InputError, match=r"There is no run 0: there are the runs 1 to 2\."):
        runs.as_python(0)
    with pytest.raises(InputError, match=r"There is no run 1: nothing was run yet\."):
        Runs().difference(1, 2)
    with pytest.raises(InputError, match=r"`keep` must be at least 2 results, to compare them: got 1\."):
        Runs(keep=1)
