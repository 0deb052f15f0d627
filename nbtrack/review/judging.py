"""How sure each fate is, and how much hangs on it: draws, alerts and calibration put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nbtrack.review.alerts import find_alerts
from nbtrack.review.calibration import FEATURES
from nbtrack.review.reading import fate_codes, links_of_fates
from nbtrack.review.sampling import noise_scale

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nbtrack.data.pins import Pin
    from nbtrack.editing.session import Session
    from nbtrack.review.calibration import Calibration
    from nbtrack.review.sampling import Draws


LEFT = 0.75
"""An object that goes on with less of its size than this may have been two."""


class Judgement:
    """A lineage, judged by draws; arrays have one entry per detection of the graph.

    Parameters
    ----------
    session : Session
        Whose lineage and pins.
    draws : Draws
        Answers to shaken energies.
    calibration : Calibration
        What turns features into confidences.

    Attributes
    ----------
    codes : ndarray of int64
        Fates as numbers.
    features : ndarray of float, shape (n, 9)
        What the confidences are made of.
    confidence, doubt, impact : ndarray of float
        How sure each fate is, how much it is worth to ask, and how many links hang on it.
    decided : ndarray of bool
        Which fates are held already, or need none.
    alerts : dict of int to tuple of str
        Kinds of the alerts of a detection.
    """

    def __init__(self, session: Session, draws: Draws, calibration: Calibration) -> None:
        self._draws = draws
        graph = draws.graph
        self.codes = fate_codes(session.lineage, graph)
        n = graph.n_detections
        share = draws.shares(self.codes)
        smooth = (share * draws.n_draws + 0.5) / (draws.n_draws + 1)
        self.alerts: dict[int, tuple[str, ...]] = {}
        for alert in find_alerts(session.lineage, session.detections):
            index = graph.index_of(alert.t, alert.object_id)
            if index is not None:
                self.alerts[index] = (*self.alerts.get(index, ()), alert.kind)
        n_alerts = np.zeros(n)
        for index, kinds in self.alerts.items():
            n_alerts[index] = len(kinds)
        low, high = links_of_fates(self.codes, n)
        divides = (low >= 0) & (low != high)
        columns = {
            "share": np.log(smooth / (1 - smooth)),
            "margin": self._margins(low, divides),
            "end": (self.codes == 0) & (graph.t < graph.last_frame),
            "gap": (low >= 0) & (graph.t[low] > graph.t + 1),
            "halves": self._halves(low, high),
            "division": divides,
            "false": self.codes == -1,
            "alerts": n_alerts,
            "offset": np.ones(n),
        }
        self.features = np.column_stack([np.asarray(columns[name], float) for name in FEATURES])
        self.confidence = calibration.confidence(self.features)
        last = (graph.t == graph.last_frame) & (self.codes != -1)
        self.decided = _decided(session.pins, draws) | last
        self.doubt = np.where(self.decided, 0.0, 1 - self.confidence)
        self.impact = self._impacts(low, high, share)

    def alternatives(self, index: int) -> list[tuple[int, float]]:
        """List other fates of an object with their shares of the draws, likeliest first; then other candidates."""
        draws = self._draws
        codes, counts = np.unique(draws.fates[:, index], return_counts=True)
        now = int(self.codes[index])
        found = sorted(
            ((int(c), float(k) / draws.n_draws) for c, k in zip(codes, counts, strict=True) if c != now),
            key=lambda item: (-item[1], item[0]),
        )
        n = draws.graph.n_detections
        start, stop = np.searchsorted(draws.problem.source, [index, index + 1])
        order = start + np.argsort(draws.problem.link[start:stop, 1], kind="stable")
        others = [int((j + 1) * (n + 1) + (j + 1)) for j in draws.problem.target[order]]
        if len(order) > 1:
            two = sorted(draws.problem.target[order[:2]].tolist())
            others.insert(2, (two[0] + 1) * (n + 1) + two[1] + 1)
        known = {now, *(code for code, _ in found)}
        more = [code for code in dict.fromkeys([*others[:3], 0, -1, *others[3:]]) if code not in known]
        return [*found, *((code, 0.0) for code in more)]

    def _first_alternative(self, index: int) -> int | None:
        """Give the likeliest other fate of an object; it is remembered as long as the draws are the same."""
        key = index, int(self.codes[index])
        if key not in self._draws.first:
            self._draws.first[key] = next((code for code, _ in self.alternatives(index)), None)
        return self._draws.first[key]

    def _margins(self, low: np.ndarray, divides: np.ndarray) -> np.ndarray:
        """Tell by how much the link of an object is better than the next best at either end, in units of the noise."""
        problem, n = self._draws.problem, self._draws.graph.n_detections
        gain = problem.link[:, 1] - problem.link[:, 0]
        mine = low[problem.source] == problem.target
        other_out, other_in = np.full(n, np.inf), np.full(n, np.inf)
        np.minimum.at(other_out, problem.source[~mine], gain[~mine])
        np.minimum.at(other_in, problem.target[~mine], gain[~mine])
        found = np.zeros(n)
        i, j = problem.source[mine], problem.target[mine]
        found[i] = np.minimum(other_out[i], other_in[j]) - gain[mine]
        margin: np.ndarray = np.clip(found / noise_scale(problem), -10, 10)
        margin[divides] = 0.0
        return margin

    def _halves(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Tell which objects go on much smaller while a track starts where they could have gone as well."""
        graph, problem = self._draws.graph, self._draws.problem
        entered = np.zeros(len(low), bool)
        for ends in (low, high):
            entered[ends[(ends >= 0) & (graph.t[ends] == graph.t + 1)]] = True
        near = ~entered[problem.target] & (self.codes[problem.target] >= 0)
        near &= graph.t[problem.target] == graph.t[problem.source] + 1
        beside = np.zeros(len(low), bool)
        beside[problem.source[near]] = True
        return np.asarray(beside & (low >= 0) & (low == high) & (graph.size[low] < LEFT * graph.size))

    def _impacts(self, low: np.ndarray, high: np.ndarray, share: np.ndarray) -> np.ndarray:
        """Count the links that would change if the likeliest other fate were right, with those of other objects."""
        n = len(low)
        has_source = np.zeros(n, bool)
        for ends in (low, high):
            has_source[ends[ends >= 0]] = True
        impact = np.full(n, 2.0)
        for index in np.flatnonzero((share < 1) & ~self.decided).tolist():
            code = self._first_alternative(index)
            if code is None:
                continue
            one, two = links_of_fates(np.array([code]), n)
            then, now = {*one.tolist(), *two.tolist()} - {-1}, {int(low[index]), int(high[index])} - {-1}
            taken = sum(bool(has_source[j]) for j in then - now) if now else 0  # others go elsewhere, or are joined
            impact[index] = max(len(then ^ now) + taken, 1) + 2 * (self.codes[index] == -1)
        return impact


def _decided(pins: Iterable[Pin], draws: Draws) -> np.ndarray:
    """Tell of which objects the fate is held."""
    graph = draws.graph
    decided = np.zeros(graph.n_detections, bool)
    for pin in pins:
        says = (pin.kind in ("link", "division", "disappearance") and pin.value) or (
            pin.kind == "object" and not pin.value
        )
        index = graph.index_of(pin.t, pin.object_id) if says else None
        if index is not None:
            decided[index] = True
    return decided
