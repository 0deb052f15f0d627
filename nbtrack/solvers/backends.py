"""Solvers by name: is it there, what can it do, and how it is asked.

Every back end gets the Pyomo model as it is, through one seam: optimality gap, timeout, threads, progress and cancel
in our words. What a solver cannot do is refused by name, never passed over. Values are cleared before a solve, and a
solution is read only after its status.
"""

from __future__ import annotations

import logging
import shutil
import sys
from dataclasses import dataclass, replace
from importlib.util import find_spec
from math import ceil, inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyomo.environ as pyo

from nbtrack.errors import InputError, SolveError, SolverUnavailable
from nbtrack.model.formulation import build, build_block, column_variables
from nbtrack.solvers.control import Control
from nbtrack.solvers.cplex_program import has_full_cplex
from nbtrack.solvers.exact import ExactAnswer, first_answer, solve_exactly
from nbtrack.solvers.highs import HighsAnswer, HighsProgram

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from nbtrack.model.description import Description
    from nbtrack.solvers.dual.core import Block, Tally
    from nbtrack.solvers.limits import Limits

_log = logging.getLogger(__name__)

TOO_LARGE_FOR_COMMUNITY_EDITION = 1016
"""Error of CPLEX when its Community Edition meets more than 1000 variables or rows."""
COMMUNITY_SIZE = 1000
"""Variables or rows that it still takes."""


@dataclass(frozen=True)
class Backend:
    """How one solver is found and asked.

    Parameters
    ----------
    name : str
        What the user calls it.
    probe : callable
        Tells whether it is there; cheap, takes no licence.
    install : str
        How to get it.
    pyomo_name : str
        Its name in Pyomo.
    gap, timeout, threads : str or None
        Names of its options; None if it cannot do that.
    certificate : str
        Where the bound comes from: "results" of the solver, or the "gap" it kept to.
    program : str
        Name of its executable, if it is one.
    """

    name: str
    probe: Callable[[], bool]
    install: str
    pyomo_name: str
    gap: str
    timeout: str | None
    threads: str | None
    certificate: str = "results"
    program: str = ""


def _module(name: str) -> Callable[[], bool]:
    return lambda: find_spec(name) is not None


def _program(name: str) -> Callable[[], bool]:
    return lambda: find_program(name) is not None


def find_program(name: str) -> str | None:
    """Find an executable on the path or beside the running Python.

    Parameters
    ----------
    name : str
        Name of the executable.

    Returns
    -------
    str or None
        Its path.
    """
    return shutil.which(name) or shutil.which(name, path=str(Path(sys.prefix) / "bin"))


BACKENDS = {
    backend.name: backend
    for backend in (
        Backend("highs", _module("highspy"), "pip install highspy", "", "mip_rel_gap", "time_limit", "threads"),
        Backend(
            "cplex",
            _module("cplex"),
            "install the extra `cplex`",
            "cplex_direct",
            "mip_tolerances_mipgap",
            "timelimit",
            "threads",
        ),
        Backend(
            "glpk", _program("glpsol"), "install the extra `glpk`", "glpk", "mipgap", "tmlim", None, "gap", "glpsol"
        ),
        Backend(
            "cbc",
            _program("cbc"),
            "install CBC (Debian: coinor-cbc)",
            "cbc",
            "ratioGap",
            "sec",
            "threads",
            "results",
            "cbc",
        ),
        Backend(
            "scip", _module("pyscipopt"), "pip install pyscipopt", "scip_direct", "limits/gap", "limits/time", None
        ),
        Backend(
            "gurobi", _module("gurobipy"), "pip install gurobipy", "gurobi_direct", "MIPGap", "TimeLimit", "Threads"
        ),
    )
}


@dataclass(frozen=True)
class SolverInfo:
    """Whether a solver can be used here.

    Parameters
    ----------
    name : str
        What to ask for.
    available : bool
        Whether it was found.
    detail : str
        How to get it, or what it can do.
    """

    name: str
    available: bool
    detail: str


def list_solvers() -> list[SolverInfo]:
    """List all solvers and whether they can be used here, without taking a licence.

    Returns
    -------
    list of SolverInfo
    """
    found = [SolverInfo("auto", True, "exact, any size: relaxation or dual ascent first, then HiGHS on what is left")]
    for backend in BACKENDS.values():
        there = backend.probe()
        lacks = [w for w, option in (("timeout", backend.timeout), ("threads", backend.threads)) if option is None]
        if backend.name != "highs":
            lacks += ["progress", "cancel"]
        can = "without " + ", ".join(lacks) if lacks else "gap, timeout, threads, progress, cancel"
        found.append(SolverInfo(backend.name, there, can if there else f"not found: {backend.install}"))
    return found


def solve_by_name(
    name: str, description: Description, limits: Limits, control: Control
) -> tuple[str, ExactAnswer, str]:
    """Give the Pyomo model to a solver.

    Parameters
    ----------
    name : str
        One of `BACKENDS`.
    description : Description
        The program.
    limits : Limits
        Column limits, gap and threads.
    control : Control
        Time, cancel and progress.

    Returns
    -------
    solver : str
        The solver that answered.
    answer : ExactAnswer
    message : str
        What the user should know, such as a fall-back.

    Raises
    ------
    InputError
        If the name is unknown or the solver cannot do what was asked.
    SolverUnavailable
        If the solver is not there.
    SolveError
        If it gives no answer.
    """
    backend = _find(name)
    _refuse_what_it_cannot(backend, limits, control)
    if name == "highs":
        return "highs (Pyomo)", _solve_with_highs(description, limits, control), ""
    try:
        return name, _solve_with_pyomo(backend, description, limits, control), ""
    except Exception as error:
        if name == "cplex" and TOO_LARGE_FOR_COMMUNITY_EDITION in getattr(error, "args", ()):
            size = f"{description.columns.size} variables, {len(description.lower)} rows"
            message = f"CPLEX Community Edition refuses more than 1000 variables or rows ({size}): HiGHS solved it."
            _log.warning(message)
            return "highs (direct)", solve_exactly(description, limits, control), message
        raise


def solve_in_blocks(
    name: str, description: Description, limits: Limits, control: Control
) -> tuple[str, ExactAnswer, str]:
    """Solve a large program by ascent; the undecided blocks go to a solver as Pyomo models.

    A block over the size of a CPLEX Community Edition goes to HiGHS, whichever solver was asked for; with a full
    licence of CPLEX none does.

    Parameters
    ----------
    name, description, limits, control
        As for `solve_by_name`; the solver needs no progress or cancel of its own, since its blocks are small.

    Returns
    -------
    solver : str
        The solvers that answered.
    answer : ExactAnswer
    message : str
        How many blocks each solver got.
    """
    from nbtrack.solvers.dual.engine import solve_by_ascent  # loads numba

    backend = _find(name)
    _refuse_what_it_cannot(backend, limits, Control(timeout=control.timeout))
    largest = np.inf if name == "cplex" and has_full_cplex() else COMMUNITY_SIZE

    def solve_block(block: Block, tally: Tally, control: Control) -> HighsAnswer | None:
        if max(block.matrix.shape) > largest:
            return None
        tally.add(name, len(block.columns))
        model, variables = build_block(
            block.cost, block.matrix, block.lower, block.upper, block.column_lower, block.column_upper
        )
        try:
            ended, values, bound = _ask(backend, model, variables, replace(limits, gap=0.0), control)
        except SolveError as error:
            if error.status == "infeasible":
                return HighsAnswer("infeasible", None, inf)
            raise
        if values is None:
            return HighsAnswer("stopped", None, bound)
        value = float(block.cost @ values)
        if backend.certificate == "gap":
            bound = value if ended else -inf
        return HighsAnswer("optimal" if ended else "stopped", values, min(bound, value))

    answer, tally = solve_by_ascent(description, limits, control, block_solver=solve_block)
    return f"ascent + {name}", answer, tally.sentence()


def _find(name: str) -> Backend:
    if name not in BACKENDS:
        raise InputError(f"`solver` must be one of auto, {', '.join(BACKENDS)}: got {name!r}.")
    backend = BACKENDS[name]
    if not backend.probe():
        raise SolverUnavailable(
            f'Solver "{name}" was asked for but was not found: {backend.install}, or use solver="auto".'
        )
    return backend


def _refuse_what_it_cannot(backend: Backend, limits: Limits, control: Control) -> None:
    asked = {
        "threads": limits.threads is not None and backend.threads is None,
        "timeout": control.timeout is not None and backend.timeout is None,
        "progress": control.progress is not None and backend.name != "highs",
        "cancel": control.cancellable and backend.name != "highs",
    }
    refused = [word for word, is_asked in asked.items() if is_asked]
    if refused:
        raise InputError(
            f'Solver "{backend.name}" cannot do this: {", ".join(refused)}. Leave it out, or use solver="auto".'
        )


def _solve_with_highs(description: Description, limits: Limits, control: Control) -> ExactAnswer:
    """Compile the Pyomo model to arrays and solve it as one integer program."""
    from pyomo.repn.plugins.standard_form import LinearStandardFormCompiler

    model = build(description, lower=limits.lower, upper=limits.upper)
    variables = column_variables(model)
    form = LinearStandardFormCompiler().write(model, mixed_form=True)
    sense = np.array([row.bound_type for row in form.rows])
    column_of = {id(v): i for i, v in enumerate(variables)}
    column = np.array([column_of[id(v)] for v in form.columns], dtype=np.int64)
    # a column without rows is not in the compiled form: it takes the cheaper of its limits
    x = np.where(description.cost < 0, limits.upper, limits.lower)
    others = np.setdiff1d(np.arange(len(x)), column)
    program = HighsProgram(
        np.asarray(form.c.todense()).ravel(),
        float(form.c_offset[0]) + float(description.cost[others] @ x[others]),
        form.A.tocsr(),
        np.where(sense > 0, -np.inf, form.rhs),
        np.where(sense < 0, np.inf, form.rhs),
        limits.lower[column],
        limits.upper[column],
        control,
        limits.threads,
    )
    answer = program.solve_integer(limits.gap, relative_gap=limits.gap)
    if answer.status == "infeasible":
        raise SolveError("No answer keeps to everything that is fixed.", status="infeasible")
    if answer.x is None:
        return _greedy(description, limits, control.stop_status or "time_limit", answer.bound)
    x[column] = np.round(answer.x)
    status = "optimal" if answer.status == "optimal" else control.stop_status or "time_limit"
    return ExactAnswer(status, x, answer.bound)


def _solve_with_pyomo(backend: Backend, description: Description, limits: Limits, control: Control) -> ExactAnswer:
    model = build(description, lower=limits.lower, upper=limits.upper)
    finished, x, bound = _ask(backend, model, column_variables(model), limits, control)
    if x is None:
        return _greedy(description, limits, "time_limit", bound)
    value = float(description.cost @ x) + description.constant
    if backend.certificate == "gap":
        bound = value - limits.gap * abs(value) if finished else -inf
    return ExactAnswer("optimal" if finished else "time_limit", x, min(bound, value))


def _ask(
    backend: Backend, model: pyo.ConcreteModel, variables: list[Any], limits: Limits, control: Control
) -> tuple[bool, NDArray[np.float64] | None, float]:
    """Give a model to a solver; tell whether it finished, the values of the variables, and the bound."""
    executable = {"executable": find_program(backend.program)} if backend.program else {}
    solver = pyo.SolverFactory(backend.pyomo_name, **executable)
    options = {backend.gap: limits.gap}
    if control.timeout is not None and backend.timeout is not None:
        options[backend.timeout] = max(1, ceil(control.remaining)) if backend.program else control.remaining
    if limits.threads is not None and backend.threads is not None:
        options[backend.threads] = limits.threads
    for variable in variables:
        variable.set_value(None)
    results = solver.solve(model, load_solutions=False, options=options)
    ended = results.solver.termination_condition
    if ended in (pyo.TerminationCondition.infeasible, pyo.TerminationCondition.infeasibleOrUnbounded):
        raise SolveError("No answer keeps to everything that is fixed.", status="infeasible")
    finished = ended in (pyo.TerminationCondition.optimal, pyo.TerminationCondition.feasible)
    if not finished and ended != pyo.TerminationCondition.maxTimeLimit:
        raise SolveError(f"Solver {backend.name} ended with {str(ended)!r} and gave no answer. Try another solver.")
    if len(results.solution):
        model.solutions.load_from(results)
    values = [variable.value for variable in variables]
    bound = float(results.problem.lower_bound)
    if not finished and any(v is None for v in values):
        return False, None, bound
    # what no row and no cost mentions is not in the file a solver reads, and may be 0
    return finished, np.round(np.array([0.0 if v is None else v for v in values])), bound


def _greedy(description: Description, limits: Limits, status: str, bound: float) -> ExactAnswer:
    """Answer for a solver that was stopped before it found anything."""
    x = first_answer(description, limits)
    trivial = description.constant + float(np.minimum(description.cost, 0).sum())
    return ExactAnswer(status, x, max(bound, trivial))
