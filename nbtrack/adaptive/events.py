"""Divisions and merges as hypotheses: one object and two of a neighbouring frame, judged by their own geometry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nbtrack.adaptive.candidates import pairs_of
from nbtrack.adaptive.features import PAIR_TERMS, pair_features
from nbtrack.adaptive.training import fit_weights

if TYPE_CHECKING:
    from nbtrack.adaptive.candidates import Candidates
    from nbtrack.adaptive.history import History
    from nbtrack.adaptive.objects import Objects
    from nbtrack.params import TrackingParams

MOST_PARTNERS = 5
"""Cheapest links of an object that are paired."""
FEWEST_EXAMPLES = 10
"""Sure right and wrong divisions (or merges) that are needed to learn anything."""
LEAST_PROBABILITY = 0.01
"""Probabilities of divisions are kept this far from 0 and 1."""
MERGE_TERMS = (0, 1, 3, 4)
"""Columns of the features of a pair that count for a merge."""


@dataclass(frozen=True, kw_only=True)
class Hypotheses:
    """Divisions, or merges, that name the three objects.

    Parameters
    ----------
    whole : ndarray of int, shape (e,)
        The mother, or the merged object.
    pair : ndarray of int, shape (e, 2)
        The daughters, or the objects that merge, in order.
    names : tuple of str
        Names of the terms.
    terms : ndarray of float, shape (e, terms)
        Energy of each term.
    weights : dict of str to float
        What the features were weighed with.
    """

    whole: np.ndarray
    pair: np.ndarray
    names: tuple[str, ...]
    terms: np.ndarray
    weights: dict[str, float]

    @property
    def energy(self) -> np.ndarray:
        """Energy of each hypothesis, shape (e,)."""
        return np.asarray(self.terms.sum(axis=1))

    def only(self, kept: np.ndarray) -> Hypotheses:
        """Keep some of them."""
        return Hypotheses(
            whole=self.whole[kept],
            pair=self.pair[kept],
            names=self.names,
            terms=self.terms[kept],
            weights=self.weights,
        )


def propose_divisions(
    objects: Objects,
    candidates: Candidates,
    energy: np.ndarray,
    ends: np.ndarray,
    params: TrackingParams,
    *,
    p_division: np.ndarray | None,
    history: History | None,
    held: np.ndarray,
    learned: np.ndarray | None = None,
) -> Hypotheses:
    """Pair the cheapest links that leave each object.

    A hypothesis that costs more than one of its links and the appearance of the other daughter is left out: no best
    answer has it.

    Parameters
    ----------
    objects : Objects
        The objects.
    candidates : Candidates
        Their links.
    energy : ndarray of float, shape (a,)
        Energies of the links.
    ends : ndarray of float, shape (n,)
        Energy of the appearance of each object.
    params : TrackingParams
        Costs and weights of divisions.
    p_division : ndarray of float, shape (n,), or None
        Probability of a division from a classifier; 0.5 changes nothing.
    history : History or None
        What the last pass saw.
    held : ndarray of bool, shape (a,)
        Links that a person holds; nothing about them is left out.
    learned : ndarray of float, optional
        Weights that were learned before; else they are learned here, if that is wanted.

    Returns
    -------
    Hypotheses
    """
    first, second, features = _pairs(objects, candidates.source, candidates.target, candidates, energy, held)
    mother, pair = candidates.source[first], np.column_stack([candidates.target[first], candidates.target[second]])
    saved = params.largest_energy - params.division_cost
    weights = np.array(params.division_weights) if learned is None else learned
    if learned is None and history is not None and params.self_training:
        examples = history.division_examples(mother, pair)
        weights = _train(features, *examples, np.r_[weights, saved], params.prior_strength)
    n = len(mother)
    short = np.zeros(n) if history is None else params.short_life_cost * history.is_short_lived(mother, pair)
    chance = np.zeros(n)
    if p_division is not None:
        p = np.clip(p_division[mother], LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
        chance = params.division_weight * np.log((1 - p) / p)
    found = Hypotheses(
        whole=mother,
        pair=pair,
        names=(*PAIR_TERMS, "short life", "classifier", "offset"),
        terms=np.column_stack([features * weights, short, chance, np.full(n, -saved)]),
        weights=dict(zip(PAIR_TERMS, weights.tolist(), strict=True)),
    )
    return _without_dominated(found, energy[first], energy[second], ends, held[first] | held[second], params)


def propose_merges(
    objects: Objects,
    candidates: Candidates,
    energy: np.ndarray,
    ends: np.ndarray,
    params: TrackingParams,
    *,
    history: History | None,
    held: np.ndarray,
    learned: np.ndarray | None = None,
) -> Hypotheses:
    """Pair the cheapest links that reach each object: two objects of which one is left.

    Parameters
    ----------
    objects : Objects
        The objects.
    candidates : Candidates
        Their links.
    energy : ndarray of float, shape (a,)
        Energies of the links.
    ends : ndarray of float, shape (n,)
        Energy of the disappearance of each object.
    params : TrackingParams
        Costs and weights of merges.
    history : History or None
        What the last pass saw.
    held : ndarray of bool, shape (a,)
        Links that a person holds; nothing about them is left out.
    learned : ndarray of float, optional
        Weights that were learned before; else they are learned here, if that is wanted.

    Returns
    -------
    Hypotheses
    """
    first, second, features = _pairs(objects, candidates.target, candidates.source, candidates, energy, held)
    names = tuple(PAIR_TERMS[k] for k in MERGE_TERMS)
    merged, pair = candidates.target[first], np.column_stack([candidates.source[first], candidates.source[second]])
    features = features[:, MERGE_TERMS]
    saved = params.largest_energy - params.merge_cost
    weights = np.array(params.merge_weights) if learned is None else learned
    if learned is None and history is not None and params.self_training:
        examples = history.merge_examples(merged, pair)
        weights = _train(features, *examples, np.r_[weights, saved], params.prior_strength)
    found = Hypotheses(
        whole=merged,
        pair=pair,
        names=(*names, "offset"),
        terms=np.column_stack([features * weights, np.full(len(first), -saved)]),
        weights=dict(zip(names, weights.tolist(), strict=True)),
    )
    return _without_dominated(found, energy[first], energy[second], ends, held[first] | held[second], params)


def _train(
    features: np.ndarray, right: np.ndarray, wrong: np.ndarray, given: np.ndarray, strength: float
) -> np.ndarray:
    """Learn the weights from sure examples if there are enough; the offset stays as it was given."""
    if min(right.sum(), wrong.sum()) < FEWEST_EXAMPLES:
        return given[:-1]
    used = right | wrong
    return fit_weights(features[used], right[used], given, strength)[:-1]


def _pairs(
    objects: Objects,
    whole: np.ndarray,
    other: np.ndarray,
    candidates: Candidates,
    energy: np.ndarray,
    held: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pair links between successive frames; their indices and the features of the pairs."""
    near = np.flatnonzero(candidates.step == 1)
    first, second = pairs_of(whole[near], np.where(held, -np.inf, energy)[near], MOST_PARTNERS)
    first, second = near[first], near[second]
    swap = other[first] > other[second]
    first, second = np.where(swap, second, first), np.where(swap, first, second)
    overlap = candidates.overlap[first] + candidates.overlap[second]
    return first, second, pair_features(objects, whole[first], np.column_stack([other[first], other[second]]), overlap)


def _without_dominated(
    found: Hypotheses,
    one: np.ndarray,
    two: np.ndarray,
    ends: np.ndarray,
    held: np.ndarray,
    params: TrackingParams,
) -> Hypotheses:
    """Drop what a single link and a free end do for less; not where an end may be forbidden."""
    if not params.one_frame_tracks:
        return found
    energy = found.energy
    better = (energy < one + ends[found.pair[:, 1]]) & (energy < two + ends[found.pair[:, 0]])
    return found.only(better | held)
