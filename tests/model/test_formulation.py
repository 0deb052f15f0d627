"""Two emitters, one model: the Pyomo model against the arrays, row by row, and against LP texts for people to read."""

import io
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from pyomo.repn.plugins.lp_writer import LPWriter
from pyomo.repn.plugins.standard_form import LinearStandardFormCompiler
from random_problems import tiny_problem

from nbtrack.io.model_json import read_model
from nbtrack.model.description import Description, describe
from nbtrack.model.formulation import build, column_variables
from nbtrack.solvers.solve import solve_problem

HERE = Path(__file__).parent
MODELS = HERE.parent / "io" / "files" / "models"


def rows_of_arrays(d: Description) -> list[tuple[object, ...]]:
    """Every row as (entries by column, lower, upper), sorted; rows without entries say nothing and are left out."""
    rows = []
    for i in range(d.matrix.shape[0]):
        row = d.matrix[i]
        entries = sorted((int(c), float(v)) for c, v in zip(row.indices, row.data, strict=True) if v)
        if entries:
            rows.append((entries, float(d.lower[i]), float(d.upper[i])))
    return sorted(rows)


def rows_of_model(d: Description) -> tuple[list[tuple[object, ...]], dict[int, float], float]:
    """The same rows, read off the compiled Pyomo model, with the costs by column and the constant."""
    model = build(d)
    column_of = {id(v): i for i, v in enumerate(column_variables(model))}
    form = LinearStandardFormCompiler().write(model, mixed_form=True)
    columns = [column_of[id(v)] for v in form.columns]
    matrix = sp.csr_matrix(form.A)
    rows = []
    for i, (row, right) in enumerate(zip(form.rows, form.rhs, strict=True)):
        entries = sorted((columns[c], float(v)) for c, v in zip(matrix[i].indices, matrix[i].data, strict=True))
        lower = -np.inf if row.bound_type > 0 else float(right)
        upper = np.inf if row.bound_type < 0 else float(right)
        rows.append((entries, lower, upper))
    costs = dict(zip(columns, np.asarray(form.c.todense()).ravel().tolist(), strict=True))
    return sorted(rows), costs, float(form.c_offset[0])


@pytest.mark.parametrize("seed", range(25))
def test_both_emitters_state_the_same_rows_and_costs(seed: int) -> None:
    d = describe(tiny_problem(seed))
    rows, costs, constant = rows_of_model(d)
    assert rows == rows_of_arrays(d)
    assert constant == pytest.approx(d.constant)
    for column, cost in enumerate(d.cost.tolist()):
        if column in costs or d.matrix[:, column].nnz:
            assert costs[column] == pytest.approx(cost)


@pytest.mark.parametrize("seed", range(25))
def test_both_emitters_have_the_same_optimum(seed: int) -> None:
    problem = tiny_problem(seed)
    direct, named = solve_problem(problem).report, solve_problem(problem, solver="highs").report
    assert named.objective == pytest.approx(direct.objective, rel=1e-9, abs=1e-9)
    assert (direct.solver, named.solver) == ("highs (direct)", "highs (Pyomo)")


@pytest.mark.parametrize("name", ["micro_division", "micro_merger"])
def test_lp_text_is_the_one_that_was_looked_at(name: str) -> None:
    # To accept a change, write `lp_text(name)` to the file and read the difference.
    assert lp_text(name) == (HERE / "lp" / f"{name}.lp").read_text()


def lp_text(name: str) -> str:
    """The model of an example by hand as an LP file with the names of our variables, energies to six digits."""
    problem = read_model(MODELS / f"{name}.json").problem
    d = describe(problem)
    model = build(Description(d.problem, d.columns, np.round(d.cost, 6), round(d.constant, 6), d.families))
    text = io.StringIO()
    LPWriter().write(model, text, symbolic_solver_labels=True)
    return text.getvalue()


def test_pins_are_limits_of_variables() -> None:
    d = describe(tiny_problem(1))
    lower, upper = np.zeros(d.columns.size), np.ones(d.columns.size)
    lower[0], upper[3] = 1, 0
    variables = column_variables(build(d, lower=lower, upper=upper))
    assert variables[0].bounds == (1, 1)
    assert variables[3].bounds == (0, 0)
    assert variables[1].bounds == (0, 1)


def test_variables_are_named_by_detections_and_layers() -> None:
    model = build(describe(read_model(MODELS / "micro_merger.json").problem))
    assert model.count[3, 2].name == "count[3,2]"
    assert model.flow[1, 3, 1].name == "flow[1,3,1]"
    assert {c.name for c in model.component_objects()} >= {"energy", "conserve_in", "conserve_out", "ordered"}
