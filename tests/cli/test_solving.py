"""The commands ``solve`` and ``solvers``."""

import json
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from nbtrack.cli import main
from nbtrack.cli.progress import interruptible

# Two detections in successive frames and a link: energies by hand. Using both and the link costs
# -5 - 5 - 2 + 1 (appearance) + 1 (disappearance) = -10.
MODEL: dict[str, Any] = {
    "settings": {"statesShareWeights": True, "allowPartialMergerAppearance": False},
    "segmentationHypotheses": [
        {
            "id": i,
            "features": [[0.0], [-5.0]],
            "appearanceFeatures": [[0.0], [1.0]],
            "disappearanceFeatures": [[0.0], [1.0]],
        }
        for i in (1, 2)
    ],
    "linkingHypotheses": [{"src": 1, "dest": 2, "features": [[0.0], [-2.0]]}],
}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.json"
    path.write_text(json.dumps({**MODEL, "weights": [1, 1, 1, 1]}))
    return path


def test_prints_energy_bound_and_gap(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["solve", str(model)]) == 0
    lines = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())
    assert float(lines["energy"]) == pytest.approx(-10)
    assert float(lines["bound"]) == pytest.approx(-10)
    assert float(lines["gap"]) == pytest.approx(0, abs=1e-9)
    assert lines["status"] == "optimal"


def test_json_is_one_document_and_nothing_else(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["solve", str(model), "--json", "--solver", "highs"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["objective"] == pytest.approx(-10)
    assert {"objective", "bound", "gap", "status", "solver"} <= set(found)


def test_weights_in_a_file_of_their_own_and_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, weights, out = (tmp_path / name for name in ("model.json", "weights.json", "result.json"))
    model.write_text(json.dumps(MODEL))
    weights.write_text(json.dumps({"weights": [2, 1, 1, 1]}))
    command = ["solve", str(model), "--weights", str(weights), "--out", str(out), "--json"]
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out)["objective"] == pytest.approx(-12)
    result = json.loads(out.read_text())
    assert [entry["value"] for entry in result["detectionResults"]] == [1, 1]
    assert main(command) == 2
    assert "result.json" in capsys.readouterr().err
    assert main([*command, "--overwrite"]) == 0


def test_convexified_energy_comes_with_the_raw_one(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["solve", str(model), "--convexify"]) == 0
    assert "raw energy" in capsys.readouterr().out


def test_unreadable_model_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["solve", str(tmp_path / "none.json")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("nbtrack: ")
    assert "none.json" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("words", [["--gap", "-1"], ["--gap", "nan"], ["--timeout", "-2"], ["--threads", "0"]])
def test_numbers_out_of_range_are_refused(model: Path, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["solve", str(model), *words])
    assert "must be at least" in capsys.readouterr().err


def test_solver_without_an_answer_exits_with_3(
    model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from nbtrack.errors import SolveError

    def fail(*_args: object, **_options: object) -> None:
        raise SolveError("No answer keeps to all that was fixed.", status="infeasible")

    monkeypatch.setattr("nbtrack.solvers.solve.solve_problem", fail)
    assert main(["solve", str(model)]) == 3
    assert capsys.readouterr().err == "nbtrack: No answer keeps to all that was fixed.\n"


def test_solvers_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["solvers"]) == 0
    assert "highs" in capsys.readouterr().out
    assert main(["solvers", "--json"]) == 0
    solvers = json.loads(capsys.readouterr().out)["solvers"]
    assert solvers["highs"]["available"] is True
    assert {"cplex", "glpk", "cbc", "scip", "gurobi"} <= set(solvers)


def test_first_interrupt_cancels_and_second_leaves() -> None:
    with interruptible("auto") as control:
        os.kill(os.getpid(), signal.SIGINT)
        assert control.cancel.wait(5)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_a_solver_that_cannot_be_cancelled_is_left_alone() -> None:
    before = signal.getsignal(signal.SIGINT)
    with interruptible("glpk") as control:
        assert not control.cancellable
        assert control.progress is None
        assert signal.getsignal(signal.SIGINT) is before


def test_other_threads_cannot_be_interrupted_but_run() -> None:
    seen = []

    def run() -> None:
        with interruptible("auto") as control:
            seen.append(control.cancellable)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [False]
