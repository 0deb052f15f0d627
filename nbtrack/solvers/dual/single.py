"""Block-coordinate ascent where every detection holds one object at most: the compiled passes.

Notation of one factor (detection i): ``c`` cost of holding an object, ``app`` and ``dis`` of appearing and vanishing,
``d`` of dividing; ``q`` costs of the in-copies, ``p`` of the out-copies. What enters and what leaves are independent:

    A = min(app, min q),    O = min(dis, p(1), d + u(1) + u(2)),    factor = min(0, c + A + O)

with ``p(1) <= p(2)`` the cheapest out-copies and ``u(1) <= u(2) <= u(3)`` those that lead to children, with the extra
cost of doing so. Where a track needs two frames, appearing and vanishing exclude each other; this is put into the
cost of vanishing as seen with the best way in (`_ways_in`), and the other way round.

An update of the out side of i looks at the best choice ``o`` against what there is instead:

* the *lead* of the best choice, what it is ahead of the best one without its copies, is handed on: its copies become
  dearer here and cheaper at the other end, by the share ``rho`` of the lead (half each for two children). The factor
  rises by what its neighbours can lose at most, so the bound does not fall;
* the *slack* of all other copies, what they could be cheaper without changing the factor, is handed on too, by the
  share ``kappa``: 1 while ascending, less when the split is centred. Single
  copies may fall to ``o``; a pair must not fall below it, so children may fall to
  ``max(o, (o - d) / 2, o - d - u(1))``.

Both only ever move costs between copies of one arc. The in side has no pairs, else it is the same.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
# numba infers the types of compiled functions from the call

from __future__ import annotations

import numpy as np
from numba import njit

FORBIDDEN = 1e30
_NEVER = 1e29


@njit(cache=True, nogil=True)
def _singles(cost, first, last):
    """Cheapest and second cheapest copy, and which is the cheapest."""
    low, second, which = FORBIDDEN, FORBIDDEN, -1
    for k in range(first, last):
        if cost[k] < low:
            second, low, which = low, cost[k], k
        elif cost[k] < second:
            second = cost[k]
    return low, second, which


@njit(cache=True, nogil=True)
def _children(cost, extra, first, last):
    """Find the three cheapest copies that lead to children, and which the first two are."""
    low, second, third, which, other = FORBIDDEN, FORBIDDEN, FORBIDDEN, -1, -1
    more = len(extra) > 0
    for k in range(first, last):
        u = cost[k] + extra[k] if more else cost[k]
        if u < low:
            third, second, other = second, low, which
            low, which = u, k
        elif u < second:
            third, second, other = second, u, k
        elif u < third:
            third = u
    return low, second, third, which, other


@njit(cache=True, nogil=True)
def _ways_out(cost, extra, first, last, pairs):
    """All that an out side needs: its two cheapest copies, its three cheapest children, and which they are."""
    u1, u2, u3, f, g = _children(cost, extra, first, pairs)
    if pairs == last and len(extra) == 0:
        return u1, u2, f, u1, u2, u3, f, g
    p1, p2, e = _singles(cost, first, last)
    return p1, p2, e, u1, u2, u3, f, g


@njit(cache=True, nogil=True)
def _ways_in(app, dis, low_in, short_tracks):
    """Cost of the best way in, and of vanishing as seen with it."""
    best = min(app, low_in)
    return best, dis if short_tracks else dis + (low_in - best)


@njit(cache=True, nogil=True)
def factor_costs(fixed, q, p, extra, short_tracks, value):
    """Write the least cost of holding an object, of each factor; give the sum of the factors."""
    count, app, dis, div, out_start, pair_end, in_start = fixed
    total = 0.0
    for i in range(len(count)):
        low_in = _singles(q, in_start[i], in_start[i + 1])[0]
        best_in, leave = _ways_in(app[i], dis[i], low_in, short_tracks)
        low, _, _, u1, u2, _, _, _ = _ways_out(p, extra, out_start[i], out_start[i + 1], pair_end[i])
        value[i] = count[i] + best_in + min(leave, low, div[i] + u1 + u2)
        total += min(0.0, value[i])
    return total


@njit(cache=True, nogil=True)
def _give(cost, k, amount, mate, other_mate, opposite):
    """Make a copy dearer by an amount and its mates cheaper."""
    cost[k] += amount
    if len(other_mate) == 0 or other_mate[k] < 0:
        opposite[mate[k]] -= amount
    else:
        opposite[mate[k]] -= 0.5 * amount
        opposite[other_mate[k]] -= 0.5 * amount


@njit(cache=True, nogil=True)
def pass_forward(begin, end, fixed, q, p, extra, mate, other_mate, short_tracks, rho, kappa):
    """Update the out sides of some detections, in order."""
    count, app, dis, div, out_start, pair_end, in_start = fixed
    for i in range(begin, end):
        first, last, pairs = out_start[i], out_start[i + 1], pair_end[i]
        if first == last:
            continue
        low_in = _singles(q, in_start[i], in_start[i + 1])[0]
        best_in, leave = _ways_in(app[i], dis[i], low_in, short_tracks)
        if count[i] + best_in > _NEVER:
            continue
        d = div[i]
        without = min(leave, -(count[i] + best_in))
        p1, p2, e, u1, u2, u3, f, g = _ways_out(p, extra, first, last, pairs)
        pair = d + u1 + u2
        best = min(without, p1, pair)
        if pair < without and pair < p1:
            lead_f = min(without, p2 if e == f else p1, d + u2 + u3) - best
            lead_g = min(without, p2 if e == g else p1, d + u1 + u3) - best
            _give(p, f, 0.5 * rho * lead_f, mate, other_mate, q)
            _give(p, g, 0.5 * rho * lead_g, mate, other_mate, q)
        elif p1 < without:
            others = d + u2 + u3 if e == f else (d + u1 + u3 if e == g else pair)
            _give(p, e, rho * (min(without, p2, others) - best), mate, other_mate, q)
        p1, _, _, u1, u2, _, _, _ = _ways_out(p, extra, first, last, pairs)
        best = min(without, p1, d + u1 + u2)
        child = max(0.5 * (best - d), best - d - u1)
        for k in range(first, last):
            least = best
            if k < pairs:
                least = max(best, child - extra[k] if len(extra) else child)
            if p[k] > least:
                _give(p, k, kappa * (least - p[k]), mate, other_mate, q)


@njit(cache=True, nogil=True)
def pass_backward(begin, end, fixed, q, p, extra, mate, other_mate, short_tracks, rho, kappa):
    """Update the in sides of some detections, in reverse order."""
    count, app, dis, div, out_start, pair_end, in_start = fixed
    for i in range(end - 1, begin - 1, -1):
        first, last = in_start[i], in_start[i + 1]
        if first == last:
            continue
        p1, _, _, u1, u2, _, _, _ = _ways_out(p, extra, out_start[i], out_start[i + 1], pair_end[i])
        best_out, enter = _ways_in(dis[i], app[i], min(p1, div[i] + u1 + u2), short_tracks)
        if count[i] + best_out > _NEVER:
            continue
        without = min(enter, -(count[i] + best_out))
        q1, q2, e = _singles(q, first, last)
        best = min(without, q1)
        if q1 < without:
            _give(q, e, rho * (min(without, q2) - best), mate, other_mate, p)
            best = min(without, q2, q[e])
        for k in range(first, last):
            if q[k] > best:
                _give(q, k, kappa * (best - q[k]), mate, other_mate, p)


@njit(cache=True, nogil=True)
def measure_slack(fixed, q, p, extra, short_tracks, slack_in, slack_out, slack):
    """Write what each factor rises by if a state is taken (row 1) or left (row 0).

    `slack_in` and `slack_out` have shapes (2, copies), `slack` has shape (2, 4, n): count, appearance, disappearance
    and division.
    """
    count, app, dis, div, out_start, pair_end, in_start = fixed
    for i in range(len(count)):
        first, last, pairs = out_start[i], out_start[i + 1], pair_end[i]
        q1, q2, e = _singles(q, in_start[i], in_start[i + 1])
        p1, p2, f, u1, u2, u3, g, h = _ways_out(p, extra, first, last, pairs)
        c, d = count[i], div[i]
        pair = d + u1 + u2
        move = min(p1, pair)  # everything but vanishing
        best_in, leave = _ways_in(app[i], dis[i], q1, short_tracks)
        best_out, enter = _ways_in(dis[i], app[i], move, short_tracks)
        on = c + best_in + min(leave, move)
        least = min(0.0, on)
        slack[1, 0, i], slack[0, 0, i] = on - least, -least
        slack[1, 1, i] = c + app[i] + (best_out if short_tracks else move) - least
        slack[0, 1, i] = min(0.0, c + q1 + best_out) - least
        slack[1, 2, i] = c + dis[i] + (best_in if short_tracks else q1) - least
        slack[0, 2, i] = min(0.0, c + best_in + move) - least
        slack[1, 3, i] = c + best_in + pair - least
        slack[0, 3, i] = min(0.0, c + best_in + min(leave, p1)) - least
        for k in range(in_start[i], in_start[i + 1]):
            slack_in[1, k] = c + q[k] + best_out - least
            slack_in[0, k] = min(0.0, c + best_out + min(enter, q2 if k == e else q1)) - least
        for k in range(first, last):
            taken = p[k]
            left = min(leave, p2 if k == f else p1)
            if k < pairs:
                u = p[k] + extra[k] if len(extra) else p[k]
                taken = min(taken, d + u + (u2 if k == g else u1))
                left = min(left, d + (u2 + u3 if k == g else (u1 + u3 if k == h else u1 + u2)))
            else:
                left = min(left, pair)
            slack_out[1, k] = c + best_in + taken - least
            slack_out[0, k] = min(0.0, c + best_in + left) - least


@njit(cache=True, nogil=True)
def price_sets(set_start, set_member, multiplier, value, count):
    """Set the multiplier of each set of competing detections to its best value, the others held.

    With the multiplier r of ``sum of counts <= 1`` the bound is ``sum of min(0, on + r) - r``; it is highest where
    exactly one detection has ``on + r < 0``: between minus the second lowest ``on`` and minus the lowest.
    """
    for s in range(len(multiplier)):
        low, second = FORBIDDEN, FORBIDDEN
        for k in range(set_start[s], set_start[s + 1]):
            on = value[set_member[k]] - multiplier[s]
            if on < low:
                low, second = on, low
            elif on < second:
                second = on
        change = max(0.0, -second) - multiplier[s]
        multiplier[s] += change
        for k in range(set_start[s], set_start[s + 1]):
            i = set_member[k]
            value[i] += change
            for layer in range(1, count.shape[1]):
                count[i, layer] += change


def contiguous(table: np.ndarray) -> np.ndarray:
    """Copy the column of one object."""
    return np.ascontiguousarray(table[:, 1])
