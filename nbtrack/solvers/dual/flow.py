"""The flow in the problem, solved exactly: where the ascent starts from.

Without the rules of single detections (only a single object divides, a merger appears as a whole) the problem is a flow
of least cost: objects appear, move along links, fill detections and vanish, and divisions are sources of their own. Its
node prices end at once the price wars that the ascent fights along whole tracks. The rule of divisions gets a
multiplier for each detection, the *bonus*: an object there is that much cheaper and a division that much dearer. It
rises in steps while there is a division without an object; the flow follows by a few short paths.

Every detection has an in node and an out node; what appears, vanishes or divides is joined to one *hub* of price 0.
With the prices given, every arc of negative reduced cost is filled and every one of positive reduced cost emptied; then
each surplus goes along a shortest path to the nearest deficit or the hub, and each deficit is filled likewise
(successive shortest paths, as in the Hungarian method). Paths are short where the prices are nearly right: their
lengths add up to what the bound rises by.

The prices are written back as a split of the costs of links, whose bound is computed as that of any other split:
nothing here has to be trusted. The amounts, once what breaks a rule is forbidden (`Flow.obey`), are a first answer.

Tracking as a flow: Zhang, Li & Nevatia, CVPR 2008; divisions in flows: Haubold, Ales, Wolf & Hamprecht, ECCV 2016.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
# numba infers the types of compiled functions from the call

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nbtrack.model.description import Description
    from nbtrack.solvers.control import Control
    from nbtrack.solvers.dual.ascent import Ascent
    from nbtrack.solvers.dual.factors import Factors

FORBIDDEN = 1e30
_NEVER = 1e29
_NOISE = 1e-9
CHUNK = 20_000
"""Nodes between two looks at the clock."""
ROUNDS = 40
"""How often the bonuses move."""
LONGER, SHORTER = 1.5, 0.4
"""A step grows while its bonus moves one way, and shrinks when it turns."""
FORBIDDING_ROUNDS = 50


@njit(cache=True, nogil=True)
def _step(table, row, amount, delta):
    """Cost of one object more or less."""
    if delta > 0:
        return table[row, amount] if amount < table.shape[1] else FORBIDDEN
    return -table[row, amount - 1] if amount > 0 else FORBIDDEN


@njit(cache=True, nogil=True)
def _sift_up(heap, place, dist, k):
    node = heap[k]
    while k > 0:
        above = (k - 1) >> 1
        if dist[heap[above]] <= dist[node]:
            break
        heap[k] = heap[above]
        place[heap[k]] = k
        k = above
    heap[k] = node
    place[node] = k


@njit(cache=True, nogil=True)
def _sift_down(heap, place, dist, k, size):
    node = heap[k]
    while True:
        below = 2 * k + 1
        if below >= size:
            break
        if below + 1 < size and dist[heap[below + 1]] < dist[heap[below]]:
            below += 1
        if dist[heap[below]] >= dist[node]:
            break
        heap[k] = heap[below]
        place[heap[k]] = k
        k = below
    heap[k] = node
    place[node] = k


@njit(cache=True, nogil=True)
def _reach(y, length, x, arc, delta, dist, came, way, turn, heap, place, size, touched, n_touched):
    """Offer a node a way; give the new sizes of the heap and of the list of touched nodes."""
    if place[y] == -2 or length >= dist[y]:
        return size, n_touched
    if dist[y] == np.inf:
        touched[n_touched] = y
        n_touched += 1
        heap[size] = y
        place[y] = size
        size += 1
    dist[y], came[y], way[y], turn[y] = length, x, arc, delta
    _sift_up(heap, place, dist, place[y])
    return size, n_touched


@njit(cache=True, nogil=True)
def _search(root, s, net, amounts, price, imbalance, work, value):
    """Send one object from a surplus (s = 1) or to a deficit (s = -1) along a shortest path; tell if there is one."""
    tail, head, out_start, in_start, in_link, link, count, enter, leave, division = net
    tables = link, count, enter, leave, division
    flow, held, entered, left, divided = amounts
    dist, came, way, turn, heap, place, touched = work
    n = len(held)
    links = len(flow)
    hub = 2 * n
    touched[0] = root
    n_touched, size, end = 1, 1, -1
    dist[root], came[root], heap[0], place[root] = 0.0, -1, root, 0
    while size:
        x = heap[0]
        size -= 1
        if size:
            heap[0] = heap[size]
            _sift_down(heap, place, dist, 0, size)
        place[x] = -2
        if x == hub or (x != root and imbalance[x] * s < 0):
            end = x
            break
        here, own = dist[x], s * price[x]
        if x < n:
            i = x
            for c in range(in_start[i], in_start[i + 1]):
                k = in_link[c]
                cost = _step(link, k, flow[k], -s)
                if cost < _NEVER:
                    y = n + tail[k]
                    r = here + max(0.0, cost + own - s * price[y])
                    size, n_touched = _reach(
                        y, r, x, k, -s, dist, came, way, turn, heap, place, size, touched, n_touched
                    )
            other, ways = n + i, s
            local, local_ways = _step(enter, i, entered[i], -s), links + n + i
        else:
            i = x - n
            for k in range(out_start[i], out_start[i + 1]):
                cost = _step(link, k, flow[k], s)
                if cost < _NEVER:
                    y = head[k]
                    r = here + max(0.0, cost + own - s * price[y])
                    size, n_touched = _reach(
                        y, r, x, k, s, dist, came, way, turn, heap, place, size, touched, n_touched
                    )
            other, ways = i, -s
            local, local_ways = _step(leave, i, left[i], s), links + 2 * n + i
            cost = _step(division, i, divided[i], -s)
            if cost < _NEVER:
                r = here + max(0.0, cost + own)
                size, n_touched = _reach(
                    hub, r, x, links + 3 * n + i, -s, dist, came, way, turn, heap, place, size, touched, n_touched
                )
        cost = _step(count, i, held[i], ways)
        if cost < _NEVER:
            r = here + max(0.0, cost + own - s * price[other])
            size, n_touched = _reach(
                other, r, x, links + i, ways, dist, came, way, turn, heap, place, size, touched, n_touched
            )
        if local < _NEVER:
            r = here + max(0.0, local + own)
            size, n_touched = _reach(
                hub, r, x, local_ways, -ways, dist, came, way, turn, heap, place, size, touched, n_touched
            )
    if end >= 0:
        length = dist[end]
        for t in range(n_touched):
            x = touched[t]
            if dist[x] < length:
                price[x] += s * (dist[x] - length)
        imbalance[root] -= s
        imbalance[end] += s
        x = end
        while x != root:
            kind = 0 if way[x] < links else 1 + (way[x] - links) // n
            row = way[x] if kind == 0 else (way[x] - links) % n
            value[0] += _step(tables[kind], row, amounts[kind][row], turn[x])
            amounts[kind][row] += turn[x]
            x = came[x]
    for t in range(n_touched):
        x = touched[t]
        dist[x] = np.inf
        place[x] = -1
    return end >= 0


@njit(cache=True, nogil=True)
def _fit(table, row, amounts, difference):
    """Fill or empty an arc as its reduced cost wants it; tell by how much the amount rose."""
    before = amounts[row]
    while amounts[row] < table.shape[1] and table[row, amounts[row]] + difference < -_NOISE:
        amounts[row] += 1
    while amounts[row] > 0 and table[row, amounts[row] - 1] + difference > _NOISE:
        amounts[row] -= 1
    return amounts[row] - before


@njit(cache=True, nogil=True)
def _imbalances(net, amounts, price, imbalance):
    """Make amounts fit the prices, and write what then arrives at each node less what leaves it."""
    tail, head, _, _, _, link, count, enter, leave, division = net
    flow, held, entered, left, divided = amounts
    n = len(held)
    for k in range(len(flow)):
        _fit(link, k, flow, price[n + tail[k]] - price[head[k]])
    for i in range(n):
        _fit(count, i, held, price[i] - price[n + i])
        _fit(enter, i, entered, -price[i])
        _fit(leave, i, left, price[n + i])
        _fit(division, i, divided, -price[n + i])
    imbalance[:] = 0
    for i in range(n):
        imbalance[i] = entered[i] - held[i]
        imbalance[n + i] = held[i] + divided[i] - left[i]
    for k in range(len(flow)):
        imbalance[n + tail[k]] -= flow[k]
        imbalance[head[k]] += flow[k]


@njit(cache=True, nogil=True)
def _balance(nodes, s, net, amounts, price, imbalance, work, value):
    """Send every surplus (s = 1) of some nodes, or fill every deficit (s = -1); tell whether there was a way."""
    for x in nodes:
        while imbalance[x] * s > 0:
            if not _search(x, s, net, amounts, price, imbalance, work, value):
                return False
    return True


@njit(cache=True, nogil=True)
def _apply_bonus(count, i, base, bonus):
    """Write the steps of the convex hull of the costs of a detection whose single object has a bonus."""
    m = count.shape[1]
    count[i, 0] = base[i, 0] - bonus
    for k in range(1, m):
        count[i, k] = base[i, k]
    if m > 1 and base[i, 1] < _NEVER:
        total, number = base[i, 1] + bonus, 1
        while number + 1 < m and base[i, number + 1] < total / number:
            number += 1
            total += base[i, number]
        for k in range(1, number + 1):
            count[i, k] = total / number


@njit(cache=True, nogil=True)
def _move_bonuses(nodes, change, base, bonus, net, amounts, price, imbalance, value):
    """Change the bonus of some detections."""
    count, division = net[6], net[9]
    held, divided = amounts[1], amounts[4]
    n = len(held)
    for t in range(len(nodes)):
        i = nodes[t]
        value[0] -= count[i, : held[i]].sum() + divided[i] * division[i, 0]
        bonus[i] += change[t]
        division[i, 0] += change[t]
        _apply_bonus(count, i, base, bonus[i])
        more = _fit(count, i, held, price[i] - price[n + i])
        imbalance[i] -= more
        imbalance[n + i] += more
        imbalance[n + i] += _fit(division, i, divided, -price[n + i])
        value[0] += count[i, : held[i]].sum() + divided[i] * division[i, 0]


@njit(cache=True, nogil=True)
def _read_prices(count, enter, leave, out_start, in_start, p, q, price):
    """Write the prices of all nodes that a split comes near to, by the costs of its first objects."""
    n = len(count)
    for i in range(n):
        low_in, low_out = enter[i, 0], leave[i, 0]
        for c in range(in_start[i], in_start[i + 1]):
            low_in = min(low_in, q[c])
        for k in range(out_start[i], out_start[i + 1]):
            low_out = min(low_out, p[k])
        own = count[i, 0] if count[i, 0] < _NEVER else 0.0
        if low_in > _NEVER:
            low_in = -own - low_out if low_out < _NEVER else 0.0
        if low_out > _NEVER:
            low_out = -own - low_in
        price[i], price[n + i] = low_in, -low_out


class Flow:
    """The flow of a problem.

    Parameters
    ----------
    factors : Factors
        A problem for which `is_flow` holds.

    Attributes
    ----------
    value : float
        Cost of the flow, with bonuses.
    """

    def __init__(self, factors: Factors) -> None:
        f = self.factors = factors
        n = f.n
        self._count = _steps(f.count)
        cost = np.column_stack([np.zeros(len(f.out.arc)), f.arc_cost[f.out.arc]])
        self._net = (
            f.out.owner,
            f.into.owner[f.out.mate],
            f.out.start,
            f.into.start,
            f.into.mate,
            _steps(cost),
            self._count.copy(),
            _steps(f.appearance),
            _steps(f.disappearance),
            f.division[:, None].copy(),
        )
        self._amounts = (np.zeros(len(f.out.arc), np.int8), *(np.zeros(n, np.int8) for _ in range(4)))
        self._price, self._bonus = np.zeros(2 * n + 1), np.zeros(n)
        self._best_price = self._price
        self._imbalance = np.zeros(2 * n + 1, np.int32)
        self._total = np.zeros(1)
        self._work = (
            np.full(2 * n + 1, np.inf),
            np.zeros(2 * n + 1, np.int32),
            np.zeros(2 * n + 1, np.int64),
            np.zeros(2 * n + 1, np.int8),
            np.zeros(2 * n + 1, np.int32),
            np.full(2 * n + 1, -1, np.int32),
            np.zeros(2 * n + 1, np.int32),
        )

    @property
    def value(self) -> float:
        """Cost of the flow, with bonuses."""
        return float(self._total[0])

    def solve(self, ascent: Ascent, control: Control) -> bool:
        """Solve the flow, from the prices of a split.

        Parameters
        ----------
        ascent : Ascent
            The split.
        control : Control
            Asked now and then whether to stop.

        Returns
        -------
        bool
            Whether it was solved.
        """
        f, n = self.factors, self.factors.n
        p, q = (np.ascontiguousarray(c.reshape(-1, f.size)[:, 0]) for c in (ascent.out, ascent.into))
        _read_prices(self._count, self._net[7], self._net[8], f.out.start, f.into.start, p, q, self._price)
        _imbalances(self._net, self._amounts, self._price, self._imbalance)
        for s in (1, -1):
            for begin in range(0, 2 * n, CHUNK):
                if control.stop_status is not None:
                    return False
                if not self._balance(np.arange(begin, min(begin + CHUNK, 2 * n)), s):
                    return False
        self._total[0] = f.constant
        for table, amount in zip(self._net[5:], self._amounts, strict=True):
            for k in range(table.shape[1]):
                self._total[0] += float(table[amount > k, k].sum())
        return True

    def price_divisions(self, control: Control) -> None:
        """Raise and lower the bonuses, by steps that grow while they go one way, and keep the best of all.

        Parameters
        ----------
        control : Control
            Asked now and then whether to stop.
        """
        n = self.factors.n
        first = self._net[5][:, 0]
        unit = float(np.median(np.abs(first))) if len(first) else 1.0
        step, sign = np.full(n, unit), np.zeros(n, np.int8)
        best, self._best_price = self.value, self._price.copy()
        for _ in range(ROUNDS):
            slope = self._amounts[4] - (self._amounts[1] == 1)
            nodes = np.flatnonzero((slope > 0) | (slope < 0) & (self._bonus > 0))
            if not len(nodes) or control.stop_status is not None:
                break
            now = slope[nodes]
            step[nodes] *= np.where(now == sign[nodes], LONGER, np.where(now == -sign[nodes], SHORTER, 1.0))
            sign[nodes] = now
            change = np.maximum(now * step[nodes], -self._bonus[nodes])
            _move_bonuses(
                nodes,
                change,
                self._count,
                self._bonus,
                self._net,
                self._amounts,
                self._price,
                self._imbalance,
                self._total,
            )
            ends = np.concatenate([nodes, n + nodes])
            if not (self._balance(ends, 1) and self._balance(ends, -1)):
                break
            if self.value > best:
                best, self._best_price = self.value, self._price.copy()

    def write(self, ascent: Ascent) -> None:
        """Split the costs of all links by the best prices.

        Parameters
        ----------
        ascent : Ascent
            Its split is replaced, whatever its bound.
        """
        f, price = self.factors, self._best_price
        tail, head = self._net[:2]
        out, into = ascent.out.reshape(-1, f.size), ascent.into.reshape(-1, f.size)
        for v in range(f.size):
            cost = f.arc_cost[f.out.arc, v]
            there = np.flatnonzero(cost < _NEVER)
            away, here = price[f.n + tail[there]], price[head[there]]
            half = 0.5 * (cost[there] - (v + 1) * (away + here))
            out[there, v] = half
            into[f.out.mate[there], v] = cost[there] - half
        ascent.settle()

    def obey(self) -> bool:
        """Forbid whatever breaks a rule, and solve the flow again, until nothing does; prices go with it.

        Returns
        -------
        bool
            Whether the flow keeps to all rules.
        """
        n, f = self.factors.n, self.factors
        tail, head, _, _, _, link, _, enter, leave, division = self._net
        flow, held, entered, left, divided = self._amounts
        for _ in range(FORBIDDING_ROUNDS):
            moved = flow > 0
            comes, goes = np.bincount(head, moved, minlength=n) > 0, np.bincount(tail, moved, minlength=n) > 0
            no_division = np.flatnonzero((divided > 0) & ((held != 1) | (left > 0)))
            no_entry = np.zeros(n, bool) if f.partial else (entered > 0) & comes
            no_exit = np.zeros(n, bool) if f.partial else (left > 0) & goes & (divided == 0)
            if not f.short_tracks:
                no_entry |= (entered > 0) & (left > 0)
            no_entry, no_exit = np.flatnonzero(no_entry), np.flatnonzero(no_exit)
            single = np.flatnonzero((flow > 1) & (divided[tail] > 0)) if f.separate else np.zeros(0, np.int64)
            if not len(no_division) + len(no_entry) + len(no_exit) + len(single):
                return True
            np.subtract.at(self._imbalance, n + no_division, divided[no_division])
            np.subtract.at(self._imbalance, no_entry, entered[no_entry])
            np.add.at(self._imbalance, n + no_exit, left[no_exit])
            np.add.at(self._imbalance, n + tail[single], flow[single] - 1)
            np.subtract.at(self._imbalance, head[single], flow[single] - 1)
            divided[no_division], entered[no_entry], left[no_exit], flow[single] = 0, 0, 0, 1
            division[no_division], enter[no_entry], leave[no_exit], link[single, 1:] = (FORBIDDEN,) * 4
            ends = np.unique(np.concatenate([n + no_division, no_entry, n + no_exit, n + tail[single], head[single]]))
            if not (self._balance(ends, 1) and self._balance(ends, -1)):
                return False
        return False

    def point(self, description: Description) -> NDArray[np.float64]:
        """Write the flow as a point.

        Parameters
        ----------
        description : Description
            Where the variables stand.

        Returns
        -------
        ndarray of float, shape (columns,)
        """
        f, c = self.factors, description.columns
        flow, held, entered, left, divided = self._amounts
        x = np.zeros(c.size)
        for layers, amount in ((c.count, held), (c.appears, entered), (c.vanishes, left)):
            x[layers.columns] = amount[f.rank[layers.item]] >= layers.layer
        for k in range(f.size):
            x[f.arc_column[f.out.arc[flow > k]] + k] = 1.0
        may = np.flatnonzero(c.divides >= 0)
        x[c.divides[may]] = divided[f.rank[may]]
        return x

    def _balance(self, nodes: NDArray[np.int64], s: int) -> bool:
        return bool(_balance(nodes, s, self._net, self._amounts, self._price, self._imbalance, self._work, self._total))


def is_flow(factors: Factors) -> bool:
    """Tell whether a problem is a flow but for the rules of single detections.

    Parameters
    ----------
    factors : Factors
        The problem.

    Returns
    -------
    bool
        False if there are named divisions, merges, competing detections, or energies of links to children.
    """
    f = factors
    others = f.out.other_mate, f.into.other_mate
    return f.n > 0 and len(f.set_start) == 1 and not len(f.extra) and all((other < 0).all() for other in others)


def _steps(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the cost of each object more, `FORBIDDEN` where there can be no more."""
    steps = np.diff(table, axis=1)
    steps[table[:, 1:] > _NEVER] = FORBIDDEN
    return np.ascontiguousarray(steps)
