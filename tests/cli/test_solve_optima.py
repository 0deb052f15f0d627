"""Models with a known optimum, as they stand in files of other programs, by ``nbtrack solve``."""

import json
from pathlib import Path

import pytest

from nbtrack.cli import main

W = "10,10,10,500,500"
OPTIMA = [
    ("solver/test_py_model_with_weights.json", None, None, -4160.0),
    ("solver/magnussonFailureCase.json", "solver/magnussonFailureCaseWeights.json", None, -24.0),
    ("solver/constrackingmodel.json", "1,1,1,1,1", None, 15.0),
    ("solver/constrackingmodel.json", W, None, 150.0),
    ("solver/hytra_division_graph-old.json", "solver/hytra_division_weights.json", None, 231.949661),
    ("solver/hytra_division_graph-old.json", "1,1,1,1,1", None, 15.441872),
    ("solver/hytra_test_jsongraph_example.json", W, None, 318.387849),
    ("real_graphs/ilp_mergerResolvingTestDataset.json", W, None, 318.387849),
    (
        "real_graphs/mitocheck__mitocheckStructuredLearningTrackingHytraWithDivisions__LearningHypothesesGraph__model.json",
        W,
        None,
        442.137669,
    ),
    (
        "real_graphs/mitocheck__mitocheckStructuredLearningTrackingHytraWithDivisions__LearningHypothesesGraph__model.json",
        "0.10443,10,0.13886,0.72381,0.66777",
        None,
        61.659959,
    ),
    ("solver/nbtrack_micro_examples.json", None, "micro_division", None),
    ("solver/nbtrack_micro_examples.json", None, "micro_merger", None),
]
SOLVERS = [pytest.param(name, marks=pytest.mark.solver(name)) for name in ("auto", "highs", "glpk", "cplex")]


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(("model", "weights", "case", "optimum"), OPTIMA)
def test_known_optimum(
    real_data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    model: str,
    weights: str | None,
    case: str | None,
    optimum: float | None,
    solver: str,
) -> None:
    folder = real_data / "ilastik_fixtures"
    command = ["solve", str(folder / model), "--solver", solver, "--json"]
    if weights is not None:
        path = folder / weights
        if not weights.endswith(".json"):
            path = tmp_path / "weights.json"
            path.write_text(json.dumps({"weights": [float(w) for w in weights.split(",")]}))
        command += ["--weights", str(path)]
    if case is not None:
        command += ["--case", case]
        optimum = json.loads((folder / model).read_text())[case]["optimum"]
    assert main(command) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["objective"] == pytest.approx(optimum, abs=1e-5)
    assert found["gap"] <= 1e-9
    assert found["status"] == "optimal"
