"""The model as a reader reads it: Pyomo variables and constraints, made from the same arrays as every other emitter.

`build` is made of small steps that can be used alone: `declare_variables`, `declare_objective` and one
`declare_constraints` per family of rows. Each constraint is named after the law that it states.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyomo.environ as pyo

from nbtrack.model.description import Rows

if TYPE_CHECKING:
    import scipy.sparse as sp
    from numpy.typing import NDArray

    from nbtrack.model.description import Description


def build(
    description: Description,
    *,
    lower: NDArray[np.float64] | None = None,
    upper: NDArray[np.float64] | None = None,
) -> pyo.ConcreteModel:
    """Build the Pyomo model of a description.

    Parameters
    ----------
    description : Description
        Rows, columns and costs.
    lower, upper : ndarray of float, shape (columns,), optional
        Limits of the columns; pins are limits. 0 and 1 if not given.

    Returns
    -------
    ConcreteModel
        With the binary variables `count`, `flow`, `appears`, `vanishes`, `divides`, `child`, `named` and `merge` (those
        that the problem needs), the objective `energy`, and one constraint per family of rows. Variables are indexed by
        the names of their detections and, for counts, by the layer from 1.
    """
    model = pyo.ConcreteModel(name="tracking")
    variables = declare_variables(model, description)
    if lower is not None and upper is not None:
        for column in np.flatnonzero((lower > 0) | (upper < 1)).tolist():
            variables[column].setlb(float(lower[column]))
            variables[column].setub(float(upper[column]))
    declare_objective(model, description, variables)
    for family in description.families:
        declare_constraints(model, family, variables)
    return model


def build_block(
    cost: NDArray[np.float64],
    matrix: sp.csr_matrix,
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
    column_lower: NDArray[np.float64],
    column_upper: NDArray[np.float64],
) -> tuple[pyo.ConcreteModel, list[Any]]:
    """Build the Pyomo model of a block that was cut out of a larger program.

    Parameters
    ----------
    cost : ndarray of float, shape (columns,)
        Objective.
    matrix : csr_matrix of float, shape (rows, columns)
        Rows.
    lower, upper : ndarray of float, shape (rows,)
        Their limits.
    column_lower, column_upper : ndarray of float, shape (columns,)
        Limits of the columns.

    Returns
    -------
    ConcreteModel
        With the binary variables `state`, the objective `energy` and the constraint `law`.
    list of Var
        One per column.
    """
    model = pyo.ConcreteModel(name="block")
    model.state = pyo.Var(range(len(cost)), domain=pyo.Binary)
    variables = list(model.state.values())
    for column in np.flatnonzero((column_lower > 0) | (column_upper < 1)).tolist():
        variables[column].setlb(float(column_lower[column]))
        variables[column].setub(float(column_upper[column]))
    entries = matrix.tocoo()
    rows = Rows("law", entries.row, entries.col, entries.data, lower, upper, np.arange(len(lower)))
    model.energy = pyo.Objective(expr=sum((c * v for c, v in zip(cost.tolist(), variables, strict=True)), 0.0))
    declare_constraints(model, rows, variables)
    return model, variables


def declare_variables(model: pyo.ConcreteModel, description: Description) -> list[Any]:
    """Declare all variables of a description.

    Parameters
    ----------
    model : ConcreteModel
        Gets the variables.
    description : Description
        Where the columns are.

    Returns
    -------
    list of Var
        One per column, in order of the columns.
    """
    p, c = description.problem, description.columns
    detection = [_key(p.name_of(i)) for i in range(p.n_detections)]
    link = [(*detection[i], *detection[j]) for i, j in zip(p.source.tolist(), p.target.tolist(), strict=True)]
    if len(set(detection)) < len(detection) or len(set(link)) < len(link):
        detection, link = [(i,) for i in range(p.n_detections)], [(i,) for i in range(p.n_links)]
    variables: list[Any] = [None] * c.size
    keys: dict[str, dict[int, Any]] = {}
    for name, layers, names in (
        ("count", c.count, detection),
        ("flow", c.flow, link),
        ("appears", c.appears, detection),
        ("vanishes", c.vanishes, detection),
    ):
        parts = zip(layers.columns.tolist(), layers.item.tolist(), layers.layer.tolist(), strict=True)
        keys[name] = {column: (*names[item], layer) for column, item, layer in parts}
    keys["divides"] = {int(column): detection[i] for i, column in enumerate(c.divides) if column >= 0}
    keys["child"] = {int(column): link[i] for i, column in enumerate(c.child) if column >= 0}
    keys["named"] = {int(column): (i,) for i, column in enumerate(c.named)}
    keys["merge"] = {int(column): (i,) for i, column in enumerate(c.merge)}
    for name, index in keys.items():
        if not index:
            continue
        variable = pyo.Var(list(index.values()), domain=pyo.Binary)
        model.add_component(name, variable)
        for column, key in index.items():
            variables[column] = variable[key]
    return variables


def declare_objective(model: pyo.ConcreteModel, description: Description, variables: list[Any]) -> None:
    """Declare the energy as the objective, with its constant.

    Parameters
    ----------
    model : ConcreteModel
        Gets the objective `energy`.
    description : Description
        Costs.
    variables : list of Var
        One per column.
    """
    cost = description.cost.tolist()
    terms = sum((c * v for c, v in zip(cost, variables, strict=True) if c), 0.0)
    model.energy = pyo.Objective(expr=terms + description.constant, sense=pyo.minimize)


def declare_constraints(model: pyo.ConcreteModel, family: Rows, variables: list[Any]) -> None:
    """Declare one family of rows.

    Parameters
    ----------
    model : ConcreteModel
        Gets a constraint with the name of the family, indexed from 0.
    family : Rows
        The rows.
    variables : list of Var
        One per column.
    """
    order = np.argsort(family.row, kind="stable")
    column, value = family.column[order].tolist(), family.value[order].tolist()
    ends = np.searchsorted(family.row[order], np.arange(len(family.lower) + 1)).tolist()
    lower = [None if np.isneginf(low) else low for low in family.lower.tolist()]
    upper = [None if np.isposinf(high) else high for high in family.upper.tolist()]

    def law(_: pyo.ConcreteModel, i: int) -> Any:
        entries = slice(ends[i], ends[i + 1])
        if not value[entries]:
            return pyo.Constraint.Feasible
        body = sum(v * variables[c] for v, c in zip(value[entries], column[entries], strict=True))
        return body == upper[i] if lower[i] == upper[i] else (lower[i], body, upper[i])

    model.add_component(family.name, pyo.Constraint(range(len(upper)), rule=law))


def column_variables(model: pyo.ConcreteModel) -> list[Any]:
    """List the variables of a built model in the order of the columns.

    Parameters
    ----------
    model : ConcreteModel
        Made by `build`.

    Returns
    -------
    list of Var
    """
    return [variable for component in model.component_objects(pyo.Var) for variable in component.values()]


def _key(name: object) -> tuple[Any, ...]:
    return name if isinstance(name, tuple) else (name,)
