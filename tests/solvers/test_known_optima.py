"""Models of other programs and of our own hand, with the optimum that is known for them, by every solver there is."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from nbtrack.io.model_json import read_model
from nbtrack.solvers.solve import solve_problem

OWN = Path(__file__).parents[1] / "io" / "files" / "models"
SOLVERS = [
    "auto",
    *(
        pytest.param(name, marks=pytest.mark.solver(name))
        for name in ("highs", "glpk", "cplex", "cbc", "scip", "gurobi")
    ),
]
USUAL = (10, 10, 10, 500, 500)
MITOCHECK = "mitocheck__mitocheckStructuredLearningTrackingHytraWithDivisions__LearningHypothesesGraph"


class Known(NamedTuple):
    """A model file, its weights (a list, a file, or those of the model), and the energy of the best answer."""

    model: str
    weights: Any
    optimum: float
    convexified: float | None = None


KNOWN = {
    "division of five": Known("solver/test_py_model_with_weights.json", None, -4160.0),
    "division of five, inline": Known("solver/test_py_model_with_weights.json", USUAL, -4160.0),
    "magnusson": Known("solver/magnussonFailureCase.json", "solver/magnussonFailureCaseWeights.json", -24.0),
    "magnusson, inline": Known("solver/magnussonFailureCase.json", (1,) * 5, -24.0),
    "constracking": Known("solver/constrackingmodel.json", (1,) * 5, 15.0),
    "constracking, heavier": Known("solver/constrackingmodel.json", USUAL, 150.0),
    "hytra division": Known("solver/hytra_division_graph-old.json", "solver/hytra_division_weights.json", 231.949661),
    "hytra division, light": Known("solver/hytra_division_graph-old.json", (1,) * 5, 15.441872),
    "hytra merger, five weights": Known("solver/hytra_test_jsongraph_example.json", USUAL, 318.387849, 318.389859),
    "hytra merger, four weights": Known(
        "solver/hytra_test_jsongraph_example.json", (10, 10, 500, 500), 318.387849, 318.389859
    ),
    "mitocheck": Known(f"real_graphs/{MITOCHECK}__model.json", USUAL, 442.137669, 442.140669),
    "mitocheck, learned weights": Known(
        f"real_graphs/{MITOCHECK}__model.json", (0.10443, 10, 0.13886, 0.72381, 0.66777), 61.659959
    ),
    "ilastik project with a merger": Known(
        "real_graphs/ilp_mergerResolvingTestDataset.json", None, 318.387849, 318.389859
    ),
}
BY_HAND = {
    "micro_division": (32.2104379498898, 32.211938),
    "micro_merger": (49.32267686397296, 49.324677),
}


def read(real_data: Path, known: Known, *, convexify: bool = False) -> Any:
    folder = real_data / "ilastik_fixtures"
    weights = folder / known.weights if isinstance(known.weights, str) else known.weights
    return read_model(folder / known.model, weights=weights, convexify=convexify)


def named(model: Any, solution: Any) -> tuple[dict[Any, int], set[tuple[Any, Any]], set[Any]]:
    """Counts by id, links in use, and ids that divide."""
    p = model.problem
    used = np.flatnonzero(solution.flow)
    return (
        {p.name_of(i): int(k) for i, k in enumerate(solution.count)},
        {(p.name_of(i), p.name_of(j)) for i, j in zip(p.source[used], p.target[used], strict=True)},
        {p.name_of(i) for i in np.flatnonzero(solution.divides)},
    )


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", KNOWN)
def test_optimum_of_a_real_model(name: str, solver: str, real_data: Path) -> None:
    outcome = solve_problem(read(real_data, KNOWN[name]).problem, solver=solver)
    assert outcome.report.objective == pytest.approx(KNOWN[name].optimum, abs=1e-6)
    assert outcome.report.bound == pytest.approx(outcome.report.objective, rel=1e-6)
    assert outcome.report.status == "optimal"


@pytest.mark.parametrize("name", [name for name, known in KNOWN.items() if known.convexified])
def test_optimum_of_the_convexified_model(name: str, real_data: Path) -> None:
    report = solve_problem(read(real_data, KNOWN[name], convexify=True).problem).report
    assert report.objective == pytest.approx(KNOWN[name].convexified, abs=1e-6)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", BY_HAND)
def test_optimum_of_the_examples_by_hand(name: str, solver: str) -> None:
    for convexify, optimum in zip((False, True), BY_HAND[name], strict=True):
        problem = read_model(OWN / f"{name}.json", convexify=convexify).problem
        assert solve_problem(problem, solver=solver).report.objective == pytest.approx(optimum, abs=1e-6)


@pytest.mark.parametrize("name", BY_HAND)
def test_examples_by_hand_are_those_of_the_specification(name: str, real_data: Path) -> None:
    file = real_data / "ilastik_fixtures" / "solver" / "nbtrack_micro_examples.json"
    theirs, ours = read_model(file, case=name).problem, read_model(OWN / f"{name}.json").problem
    for energy in ("detection", "link", "appearance", "disappearance", "division"):
        np.testing.assert_allclose(getattr(ours, energy), getattr(theirs, energy), atol=1e-12)


@pytest.mark.parametrize("name", ["division of five", "magnusson"])
def test_answer_divides_object_two(name: str, real_data: Path) -> None:
    model = read(real_data, KNOWN[name])
    _, links, dividing = named(model, solve_problem(model.problem).solution)
    assert dividing == {2}
    assert {(2, 4), (2, 5), (3, 6)} <= links


def test_every_object_of_the_division_of_five_is_tracked(real_data: Path) -> None:
    model = read(real_data, KNOWN["division of five"])
    counts, _, _ = named(model, solve_problem(model.problem).solution)
    assert set(counts.values()) == {1}


def test_answer_is_the_ground_truth_of_its_authors(real_data: Path) -> None:
    model = read(real_data, KNOWN["constracking"])
    text = (real_data / "ilastik_fixtures" / "solver" / "constrackinggt.json").read_text()
    truth = json.loads("\n".join(line.split("//")[0] for line in text.splitlines()))
    counts, links, dividing = named(model, solve_problem(model.problem).solution)
    assert {i: k for i, k in counts.items() if k} == {
        r["id"]: r["value"] for r in truth["detectionResults"] if r["value"]
    }
    assert links == {(r["src"], r["dest"]) for r in truth["linkingResults"] if r["value"]}
    assert dividing == {r["id"] for r in truth["divisionResults"] or [] if r["value"]}


def test_hytra_merger_holds_two_objects(real_data: Path) -> None:
    model = read(real_data, KNOWN["hytra merger, four weights"])
    counts, _, _ = named(model, solve_problem(model.problem).solution)
    assert [counts[i] for i in sorted(counts)] == [1, 1, 1, 2, 2, 1]


@pytest.mark.parametrize("name", ["mitocheck", "mitocheck, learned weights"])
def test_links_are_those_that_ilastik_stored(name: str, real_data: Path) -> None:
    model = read(real_data, KNOWN[name])
    _, links, _ = named(model, solve_problem(model.problem).solution)
    stored = json.loads((real_data / "ilastik_fixtures" / "real_graphs" / f"{MITOCHECK}.json").read_text())
    assert links == {(edge["src"], edge["dest"]) for edge in stored["edges"] if edge.get("value")}
    assert len(links) == 22
