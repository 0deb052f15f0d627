"""The integer program by CPLEX gives what HiGHS gives; the Community Edition is never asked to do large work."""

import numpy as np
import pytest
import scipy.sparse as sp

from nbtrack.solvers.control import Control
from nbtrack.solvers.cplex_program import has_full_cplex, solve_with_cplex
from nbtrack.solvers.highs import HighsProgram

pytestmark = pytest.mark.solver("cplex")


def random_program(seed: int) -> tuple[object, ...]:
    rng = np.random.default_rng(seed)
    matrix = sp.random(
        8, 20, 0.4, format="csr", random_state=rng, data_rvs=lambda n: rng.integers(-2, 4, n).astype(float)
    )
    point = rng.integers(0, 2, 20)
    activity = matrix @ point
    lower = np.where(rng.random(8) < 0.3, activity, -np.inf)
    upper = np.where(rng.random(8) < 0.5, activity, np.where(np.isfinite(lower), np.inf, activity + 1))
    return rng.normal(size=20), 3.5, matrix, lower, upper, np.zeros(20), np.ones(20)


@pytest.mark.parametrize("seed", range(10))
def test_cplex_and_highs_agree(seed: int) -> None:
    program = random_program(seed)
    theirs = solve_with_cplex(*program, 0.0, Control(), 1)
    ours = HighsProgram(*program, Control()).solve_integer(0.0)
    cost, constant = program[:2]
    assert theirs.status == ours.status == "optimal"
    assert cost @ theirs.x + constant == pytest.approx(cost @ ours.x + constant, abs=1e-6)
    assert theirs.bound == pytest.approx(cost @ theirs.x + constant, abs=1e-6)


def test_infeasible_is_told() -> None:
    cost, constant, matrix, _, _, low, high = random_program(0)
    program = (cost, constant, matrix, np.full(8, 100.0), np.full(8, np.inf), low, high)
    assert solve_with_cplex(*program, 0.0, Control()).status == "infeasible"


def test_no_time_is_honest() -> None:
    answer = solve_with_cplex(*random_program(1), 0.0, Control(timeout=0.0))
    assert answer.status in ("stopped", "optimal")


def test_asking_for_the_licence_is_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    has_full_cplex.cache_clear()
    assert has_full_cplex() in (True, False)
    assert capfd.readouterr() == ("", "")
