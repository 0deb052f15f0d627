"""The energy of a solution, term by term."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nbtrack.data.problem import Problem, Solution


def detection_energy(problem: Problem, solution: Solution) -> np.ndarray:
    """Energy of the count of each detection, shape (n,)."""
    return _states(problem.detection, solution.count)


def link_energy(problem: Problem, solution: Solution) -> np.ndarray:
    """Energy of each link, used or not, shape (a,)."""
    energy = _states(problem.link, solution.flow)
    if problem.division_link is not None:
        child = (solution.flow > 0) & solution.divides[problem.source]
        energy = np.where(child, problem.division_link, energy)
    return energy


def event_energy(problem: Problem, solution: Solution) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Energy of appearing, of disappearing and of dividing of each detection, three arrays of shape (n,)."""
    division = np.where(solution.divides, problem.division[:, 1], problem.division[:, 0])
    return (
        _states(problem.appearance, solution.appears),
        _states(problem.disappearance, solution.vanishes),
        np.where(has_division_variable(problem), division, 0.0),
    )


def energy_of(problem: Problem, solution: Solution) -> float:
    """Sum the energy of all states, constants and unused links included.

    Parameters
    ----------
    problem : Problem
        The energies.
    solution : Solution
        A state for every variable.

    Returns
    -------
    float
    """
    parts = [detection_energy(problem, solution), link_energy(problem, solution), *event_energy(problem, solution)]
    parts.append(np.where(solution.external, problem.external[:, 1], problem.external[:, 0]))
    parts.append(np.where(solution.merges, problem.merge[:, 1], problem.merge[:, 0]))
    return float(sum(part.sum() for part in parts))


def has_division_variable(problem: Problem) -> np.ndarray:
    """Tell which detections may divide: those that are asked to and have two or more links out, shape (n,)."""
    out_degree = np.bincount(problem.source, minlength=problem.n_detections)
    return np.asarray(problem.divides & (out_degree > 1))


def _states(energy: np.ndarray, state: np.ndarray) -> np.ndarray:
    """Look up the energy of each state."""
    return np.asarray(energy[np.arange(len(state)), state])
