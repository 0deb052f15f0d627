"""The flow in the problem, solved exactly: what block-coordinate ascent is slow at.

Without the rule that only an object can divide, the problem is a flow of least cost: objects appear, move along links,
fill detections, vanish, and divisions are sources of their own. Its optimal node prices end the price wars that the
ascent fights along whole tracks, in a few shortest paths; what the rule costs stays with the ascent, as the *bonus* of
each detection: an object there is that much cheaper and a division that much dearer.

Every detection has an in node and an out node. All that appears, vanishes and divides is joined to one *hub* of price
0. Starting from the prices of the ascent, every arc with a negative reduced cost is filled and every one with a
positive one emptied; then each surplus goes along a shortest path to the nearest deficit or the hub, and each deficit
is filled likewise. Paths are short where the prices are nearly right, since their lengths add up to what the bound
rises by.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
# numba infers the types of compiled functions from the call

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nbtrack.solvers.dual.ascent import Ascent
    from nbtrack.solvers.dual.factors import Factors

FORBIDDEN = 1e30
_NEVER = 1e29
_NOISE = 1e-9


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
    """Send one object from a surplus (s = 1) or to a deficit (s = -1) along a shortest path; tell the nodes looked at.

    -1 if there is no path.
    """
    tail, head, out_start, in_start, in_link, link, count, enter, leave, division = net
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
            cost = _step(count, i, held[i], s)
            y, arc, d = n + i, links + i, s
            if cost < _NEVER:
                r = here + max(0.0, cost + own - s * price[y])
                size, n_touched = _reach(y, r, x, arc, d, dist, came, way, turn, heap, place, size, touched, n_touched)
            cost = _step(enter, i, entered[i], -s)
            if cost < _NEVER:
                r = here + max(0.0, cost + own)
                size, n_touched = _reach(
                    hub, r, x, links + n + i, -s, dist, came, way, turn, heap, place, size, touched, n_touched
                )
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
            cost = _step(count, i, held[i], -s)
            y, arc, d = i, links + i, -s
            if cost < _NEVER:
                r = here + max(0.0, cost + own - s * price[y])
                size, n_touched = _reach(y, r, x, arc, d, dist, came, way, turn, heap, place, size, touched, n_touched)
            cost = _step(leave, i, left[i], s)
            if cost < _NEVER:
                r = here + max(0.0, cost + own)
                size, n_touched = _reach(
                    hub, r, x, links + 2 * n + i, s, dist, came, way, turn, heap, place, size, touched, n_touched
                )
            cost = _step(division, i, divided[i], -s)
            if cost < _NEVER:
                r = here + max(0.0, cost + own)
                size, n_touched = _reach(
                    hub, r, x, links + 3 * n + i, -s, dist, came, way, turn, heap, place, size, touched, n_touched
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
            arc, d = way[x], turn[x]
            if arc < links:
                value[0] += _step(link, arc, flow[arc], d)
                flow[arc] += d
            elif arc < links + n:
                value[0] += _step(count, arc - links, held[arc - links], d)
                held[arc - links] += d
            elif arc < links + 2 * n:
                value[0] += _step(enter, arc - links - n, entered[arc - links - n], d)
                entered[arc - links - n] += d
            elif arc < links + 3 * n:
                value[0] += _step(leave, arc - links - 2 * n, left[arc - links - 2 * n], d)
                left[arc - links - 2 * n] += d
            else:
                value[0] += _step(division, arc - links - 3 * n, divided[arc - links - 3 * n], d)
                divided[arc - links - 3 * n] += d
            x = came[x]
    for t in range(n_touched):
        x = touched[t]
        dist[x] = np.inf
        place[x] = -1
    return n_touched if end >= 0 else -1


@njit(cache=True, nogil=True)
def _settle_arc(table, row, amounts, difference):
    """Fill or empty an arc as its reduced cost wants it; tell by how much it changed."""
    before = amounts[row]
    while amounts[row] < table.shape[1] and table[row, amounts[row]] + difference < -_NOISE:
        amounts[row] += 1
    while amounts[row] > 0 and table[row, amounts[row] - 1] + difference > _NOISE:
        amounts[row] -= 1
    return amounts[row] - before


@njit(cache=True, nogil=True)
def imbalances(net, amounts, price, imbalance):
    """Make amounts fit the prices, and write what then arrives at each node less what leaves it."""
    tail, head, out_start, in_start, in_link, link, count, enter, leave, division = net
    flow, held, entered, left, divided = amounts
    n = len(held)
    for k in range(len(flow)):
        _settle_arc(link, k, flow, price[n + tail[k]] - price[head[k]])
    for i in range(n):
        _settle_arc(count, i, held, price[i] - price[n + i])
        _settle_arc(enter, i, entered, -price[i])
        _settle_arc(leave, i, left, price[n + i])
        _settle_arc(division, i, divided, -price[n + i])
    imbalance[:] = 0
    for i in range(n):
        imbalance[i] = entered[i] - held[i]
        imbalance[n + i] = held[i] + divided[i] - left[i]
    for k in range(len(flow)):
        imbalance[n + tail[k]] -= flow[k]
        imbalance[head[k]] += flow[k]


@njit(cache=True, nogil=True)
def balance(begin, end, s, net, amounts, price, imbalance, work, value):
    """Send every surplus (s = 1) or fill every deficit (s = -1) of some nodes; tell the nodes looked at, -1 if stuck."""
    looked = 0
    for x in range(begin, end):
        while imbalance[x] * s > 0:
            seen = _search(x, s, net, amounts, price, imbalance, work, value)
            if seen < 0:
                return -1
            looked += seen
    return looked


@njit(cache=True, nogil=True)
def move_bonuses(nodes, change, net, amounts, price, imbalance, work, value):
    """Change some bonuses and solve the flow again."""
    count, division = net[6], net[9]
    held, divided = amounts[1], amounts[4]
    n = len(held)
    looked = 0
    for t in range(len(nodes)):
        i = nodes[t]
        c = change[t]
        value[0] -= c * (min(held[i], 1) - divided[i])
        count[i, 0] -= c
        division[i, 0] += c
        if count.shape[1] > 1:
            count[i, 1] += c
            value[0] += c * (1 if held[i] > 1 else 0)
        before = held[i]
        d = _settle_arc(count, i, held, price[i] - price[n + i])
        for k in range(min(before, held[i]), max(before, held[i])):
            value[0] += count[i, k] if d > 0 else -count[i, k]
        imbalance[i] -= d
        imbalance[n + i] += d
        d = _settle_arc(division, i, divided, -price[n + i])
        imbalance[n + i] += d
        value[0] += d * division[i, 0]
    for s in (1, -1):
        for t in range(len(nodes)):
            for x in (nodes[t], n + nodes[t]):
                while imbalance[x] * s > 0:
                    seen = _search(x, s, net, amounts, price, imbalance, work, value)
                    if seen < 0:
                        return -1
                    looked += seen
    return looked


@njit(cache=True, nogil=True)
def read_prices(count, enter, leave, division, out_start, in_start, p, q, price, bonus):
    """Write the prices of all nodes and the bonus of each detection that a split of one object comes near to."""
    n = len(count)
    for i in range(n):
        low_in, low_out = enter[i, 0], leave[i, 0]
        for c in range(in_start[i], in_start[i + 1]):
            low_in = min(low_in, q[c])
        for k in range(out_start[i], out_start[i + 1]):
            low_out = min(low_out, p[k])
        if low_in > _NEVER and low_out > _NEVER:
            low_in, low_out = 0.0, 0.0
        elif low_in > _NEVER:
            low_in = -count[i, 0] - low_out
        elif low_out > _NEVER:
            low_out = -count[i, 0] - low_in
        price[i], price[n + i] = low_in, -low_out
        bonus[i] = 0.0
        if division[i] < _NEVER:
            bonus[i] = 0.5 * (max(0.0, count[i, 0] + low_in + low_out) + max(0.0, -division[i] - low_out))


class Flow:
    """The flow of a problem without named events and competing detections, with convex costs.

    Parameters
    ----------
    factors : Factors
        The problem.
    """

    def __init__(self, factors: Factors) -> None:
        f = self.factors = factors
        self.link, self._count, self._enter, self._leave = (
            _steps(table)
            for table in (
                np.column_stack([np.zeros(len(f.out.arc)), f.arc_cost[f.out.arc]]),
                f.count,
                f.appearance,
                f.disappearance,
            )
        )
        n = f.n
        self.price, self.bonus = np.zeros(2 * n + 1), np.zeros(n)
        self.amounts = (
            np.zeros(len(f.out.arc), np.int8),
            *(np.zeros(n, np.int8) for _ in range(4)),
        )
        self._imbalance = np.zeros(2 * n + 1, np.int32)

    @staticmethod
    def fits(factors) -> bool:
        f = factors
        return f.n > 0 and len(f.set_start) == 1 and not len(f.extra) and (f.out.other_mate < 0).all() and (f.into.other_mate < 0).all()

    def read(self, ascent: Ascent) -> None:
        """Take prices and bonuses from a split."""
        f = self.factors
        p, q = ascent.out.reshape(-1, f.size)[:, 0].copy(), ascent.into.reshape(-1, f.size)[:, 0].copy()
        read_prices(
            self._count, self._enter, self._leave, f.division, f.out.start, f.into.start, p, q, self.price, self.bonus
        )

    def solve(self) -> int:
        f, n = self.factors, self.factors.n
        count, division = self._count.copy(), f.division[:, None].copy()
        count[:, 0] -= self.bonus
        if f.size > 1:
            count[:, 1] += self.bonus
        division[:, 0] += self.bonus
        tail, head = f.out.owner, f.into.owner[f.out.mate]
        self.net = (
            tail, head, f.out.start, f.into.start, f.into.mate, self.link, count, self._enter, self._leave, division,
        )
        work = (
            np.full(2 * n + 1, np.inf), np.zeros(2 * n + 1, np.int32), np.zeros(2 * n + 1, np.int64),
            np.zeros(2 * n + 1, np.int8), np.zeros(2 * n + 1, np.int32), np.full(2 * n + 1, -1, np.int32),
            np.zeros(2 * n + 1, np.int32),
        )
        imbalances(self.net, self.amounts, self.price, self._imbalance)
        self.start_imbalance = int(np.abs(self._imbalance[:-1]).sum())
        self._work = work
        self.total = np.zeros(1)
        a = balance(0, 2 * n, 1, self.net, self.amounts, self.price, self._imbalance, work, self.total)
        b = balance(0, 2 * n, -1, self.net, self.amounts, self.price, self._imbalance, work, self.total)
        self.total[0] = self.value()
        return a + b

    def slope(self):
        held, divided = self.amounts[1], self.amounts[4]
        return divided - (held == 1)

    def price_divisions(self, rounds: int, first: float) -> float:
        n = self.factors.n
        step, sign = np.full(n, first), np.zeros(n, np.int64)
        best = self.total[0], self.price.copy(), self.bonus.copy()
        self.trace = []
        looked = 0
        for r in range(rounds):
            slope = self.slope()
            nodes = np.flatnonzero((slope > 0) | (slope < 0) & (self.bonus > 0))
            self.trace.append((len(nodes), float(self.total[0]), looked))
            if not len(nodes): break
            now = np.sign(slope[nodes])
            same, flip = now == sign[nodes], now == -sign[nodes]
            step[nodes[same]] *= 1.5
            step[nodes[flip]] *= 0.4
            sign[nodes] = now
            change = np.maximum(now * step[nodes], -self.bonus[nodes])
            self.bonus[nodes] += change
            looked = move_bonuses(nodes, change, self.net, self.amounts, self.price, self._imbalance, self._work, self.total)
            if self.total[0] > best[0]:
                best = self.total[0], self.price.copy(), self.bonus.copy()
        self.best = best
        return best[0]

    def obey(self):
        n = self.factors.n
        rounds = 0
        while True:
            held, left, divided = self.amounts[1], self.amounts[3], self.amounts[4]
            nodes = np.flatnonzero((divided > 0) & ((held != 1) | (left > 0)))
            if not len(nodes) or rounds > 50: return rounds
            rounds += 1
            division = self.net[9]
            self.total[0] -= division[nodes].sum()
            division[nodes, 0] = FORBIDDEN
            divided[nodes] = 0
            self._imbalance[n + nodes] -= 1
            for s in (1, -1):
                for x in nodes:
                    balance(n + x, n + x + 1, s, self.net, self.amounts, self.price, self._imbalance, self._work, self.total)

    def point(self, description):
        f, c = self.factors, description.columns
        flow, held, entered, left, divided = self.amounts
        x = np.zeros(c.size)
        for layers, amount in ((c.count, held), (c.appears, entered), (c.vanishes, left)):
            x[layers.columns] = amount[f.rank][layers.item] >= layers.layer
        for k in range(f.size):
            there = flow > k
            x[f.arc_column[f.out.arc[there]] + k] = 1.0
        may = np.flatnonzero(c.divides >= 0)
        x[c.divides[may]] = divided[f.rank[may]]
        return x

    def value(self) -> float:
        f = self.factors
        total = f.constant
        for table, amount in zip((self.net[5], self.net[6], self.net[7], self.net[8], self.net[9]), self.amounts):
            for k in range(table.shape[1]):
                total += float(table[amount > k, k].sum())
        return total

    def write(self, ascent: Ascent, share: float = 0.5) -> None:
        """Split all costs by the prices."""
        f, n = self.factors, self.factors.n
        tail, head = f.out.owner, f.into.owner[f.out.mate]
        out, into = ascent.out.reshape(-1, f.size), ascent.into.reshape(-1, f.size)
        cost = f.arc_cost[f.out.arc]
        for v in range(f.size):
            away, here = (v + 1) * self.price[n + tail], (v + 1) * self.price[head]
            there = cost[:, v] < _NEVER
            out[there, v] = (share * (cost[:, v] + away - here) - away)[there]
            into[f.out.mate[there], v] = (cost[:, v] - out[:, v])[there]
        ascent.settle()


def _steps(table):
    """Costs of one object more, `FORBIDDEN` where there can be no more."""
    steps = np.diff(np.minimum(table, FORBIDDEN), axis=1)
    steps[table[:, 1:] > _NEVER] = FORBIDDEN
    return np.ascontiguousarray(steps)
