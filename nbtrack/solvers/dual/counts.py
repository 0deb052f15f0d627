"""Block-coordinate ascent where detections hold up to m objects: the compiled passes.

Notation of one factor: ``C(k)`` cost of k objects, ``L(k)`` of all of them appearing (or vanishing), ``P_e(v)`` cost of
v objects on copy e. What enters (and likewise what leaves) costs ``min(L(k), F(k))`` with

    F(k) = least sum of P_e(v_e) over copies e with sum of v_e = k,

a (min, +) product of the tables of the copies, in time (number of copies) x m^2. Where a part of a merger may appear,
``L`` is one more table of the product. A division has its own product ``G`` in which every copy takes 0 or 1: one
object leaves along two copies. (Where the children need not be two, it is two objects in ``F`` instead, the
*double* choice.) With products over the copies before and after e, the least cost with v objects on e,
its *min-marginal* ``M_e(v)``, follows for all e and v together.

An update of a side goes through its copies twice, each time with the products as they have become:

* if ``M_e(v) < M_e(0)``, copy e is in the best choice and its *lead* is the difference; the share ``rho`` of it
  (divided by the number of objects that move) is handed to the other end: the factor gains what its neighbours lose at
  most;
* then every ``M_e(v)`` above the cost of the best choice falls to it: slack, which no choice of this factor feels.

With m = 1 these are the rules of `nbtrack.solvers.dual.single`, only slower.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator,call-arg"
# numba infers the types of compiled functions from the call

from __future__ import annotations

import numpy as np
from numba import njit

FORBIDDEN = 1e30
_NEVER = 1e29


@njit(cache=True, nogil=True)
def _times_one(row, r, cost, e, m, result, j):
    """Write the (min, +) product of row r with the table of copy e into row j (whole arrays: views cost time)."""
    for k in range(m + 1):
        best = row[r, k]
        for v in range(1, k + 1):
            if row[r, k - v] + cost[e, v - 1] < best:
                best = row[r, k - v] + cost[e, v - 1]
        result[j, k] = best


@njit(cache=True, nogil=True)
def _times(row, r, other, j, m, result):
    """Write the (min, +) product of two rows."""
    for k in range(m + 1):
        best = FORBIDDEN
        for s in range(k + 1):
            if row[r, s] + other[j, k - s] < best:
                best = row[r, s] + other[j, k - s]
        result[k] = best


@njit(cache=True, nogil=True)
def _times_child(row, r, u, result, j):
    """Multiply a row of at most two children with one copy that may lead to one."""
    result[j, 0] = row[r, 0]
    result[j, 1] = min(row[r, 1], row[r, 0] + u)
    result[j, 2] = min(row[r, 2], row[r, 1] + u)


@njit(cache=True, nogil=True)
def _unit(rows, j):
    for k in range(rows.shape[1]):
        rows[j, k] = FORBIDDEN
    rows[j, 0] = 0.0


@njit(cache=True, nogil=True)
def _start(rows, local, partial, m):
    """Write the row before the first copy: nothing, or where parts of mergers may, the local way."""
    _unit(rows, 0)
    if partial:
        for k in range(1, m + 1):
            rows[0, k] = local[k]


@njit(cache=True, nogil=True)
def _same_children(row, r, result, j):
    for k in range(3):
        result[j, k] = row[r, k]


@njit(cache=True, nogil=True)
def _products(cost, extra, first, last, pairs, m, after, children_after):
    """Write the products of the copies from each one on; row 0 has them all."""
    _unit(after, last - first)
    _unit(children_after, last - first)
    for k in range(last - 1, first - 1, -1):
        j = k - first
        _times_one(after, j + 1, cost, k, m, after, j)
        if k < pairs:
            _times_child(children_after, j + 1, cost[k, 0] + (extra[k] if len(extra) else 0.0), children_after, j)
        else:
            _same_children(children_after, j + 1, children_after, j)


@njit(cache=True, nogil=True)
def _side(cost, local, i, first, last, m, partial, two, result):
    """Write the least cost of k objects through the copies of one side (and the local way, if parts may)."""
    _unit(two, 0)
    if partial:
        for k in range(1, m + 1):
            two[0, k] = local[i, k]
    now = 0
    for k in range(first, last):
        _times_one(two, now, cost, k, m, two, 1 - now)
        now = 1 - now
    for k in range(m + 1):
        result[k] = two[now, k]


@njit(cache=True, nogil=True)
def _two_children(cost, extra, first, pairs, flow, separate):
    """Least cost of the copies of a division; `flow` has the products of all copies."""
    if not separate:
        return flow[2]
    low, second = FORBIDDEN, FORBIDDEN
    for k in range(first, pairs):
        u = cost[k, 0] + (extra[k] if len(extra) else 0.0)
        if u < low:
            low, second = u, low
        elif u < second:
            second = u
    return low + second


@njit(cache=True, nogil=True)
def _other_side(flow, local, away, i, rules, m, best, leave):
    """Write the best way through one side, and the local cost `away` of the other side as seen with it.

    rules: whether one-frame tracks and partial appearance are allowed, and whether children are separate.
    """
    short_tracks, partial, _ = rules
    best[0], leave[0] = 0.0, 0.0
    for k in range(1, m + 1):
        best[k] = flow[k] if partial else min(flow[k], local[i, k])
        leave[k] = away[i, k] if short_tracks or partial else away[i, k] + max(0.0, flow[k] - best[k])


@njit(cache=True, nogil=True)
def _update(
    cost,
    opposite,
    extra,
    first,
    last,
    pairs,
    base,
    local,
    d,
    double,
    partial,
    m,
    rho,
    kappa,
    mate,
    other_mate,
    caps,
    work,
):
    """Hand on the lead, then the slack, of all copies of one side; `base` is the cost of all else with k objects.

    `double` is the cost of all else where one object divides into any two.
    """
    before, after, children_before, children_after, without, chosen = work
    n = last - first
    divides = d < _NEVER
    for turn in range(2):
        if turn == 0 or chosen.any():
            _products(cost, extra, first, last, pairs, m, after, children_after)
        _start(before, local, partial, m)
        _unit(children_before, 0)
        _times(before, 0, after, 0, m, without)
        best, units, kind = 0.0, 1, 0
        for k in range(1, m + 1):
            if base[k] + without[k] < best:
                best, units, kind = base[k] + without[k], k, 1
            if not partial and base[k] + local[k] < best:
                best, units, kind = base[k] + local[k], k, 0
        if divides and base[1] + d + children_after[0, 2] < best:
            best, units, kind = base[1] + d + children_after[0, 2], 2, 2
        if double < _NEVER and double + without[2] < best:
            best, units, kind = double + without[2], 2, 1
        if turn == 0:
            _choose(cost, extra, first, n, pairs, units, kind, before, after, children_after, chosen)
            if kind == 0:
                continue  # no copy is in the best choice: there is no lead
        for j in range(n):
            k = first + j
            if turn == 1 or chosen[j]:
                _times(before, j, after, j + 1, m, without)
                child = cost[k, 0] + (extra[k] if len(extra) else 0.0)
                alone, nothing = FORBIDDEN, 0.0
                if divides:
                    c0, c1, c2 = children_before[j, 0], children_before[j, 1], children_before[j, 2]
                    a0, a1, a2 = children_after[j + 1, 0], children_after[j + 1, 1], children_after[j + 1, 2]
                    nothing = min(0.0, base[1] + d + min(c0 + a2, c1 + a1, c2 + a0))
                    if k < pairs:
                        alone = base[1] + d + child + min(c0 + a1, c1 + a0)
                if turn == 0:
                    nothing = min(nothing, double + without[2])
                    for count in range(1, m + 1):
                        way = without[count] if partial else min(without[count], local[count])
                        nothing = min(nothing, base[count] + way)
                for v in range(1, caps[k] + 1):
                    marginal = alone if v == 1 else FORBIDDEN
                    for count in range(v, m + 1):
                        marginal = min(marginal, base[count] + without[count - v] + cost[k, v - 1])
                    if v <= 2:
                        marginal = min(marginal, double + without[2 - v] + cost[k, v - 1])
                    if marginal > _NEVER:
                        continue
                    amount = 0.0
                    if turn == 0:
                        if marginal < nothing:
                            amount = rho / units * (nothing - marginal)
                    elif marginal > best:
                        amount = kappa * (best - marginal)
                    if amount != 0.0:
                        cost[k, v - 1] += amount
                        if other_mate[k] < 0:
                            opposite[mate[k], v - 1] -= amount
                        else:
                            opposite[mate[k], v - 1] -= 0.5 * amount
                            opposite[other_mate[k], v - 1] -= 0.5 * amount
            _times_one(before, j, cost, k, m, before, j + 1)
            if divides:
                if k < pairs:
                    child = cost[k, 0] + (extra[k] if len(extra) else 0.0)
                    _times_child(children_before, j, child, children_before, j + 1)
                else:
                    _same_children(children_before, j, children_before, j + 1)


@njit(cache=True, nogil=True)
def _choose(cost, extra, first, n, pairs, units, kind, start, after, children_after, chosen):
    """Mark the copies of a best choice: no copies (kind 0), so many objects on copies (1), two children (2)."""
    chosen[:] = False
    if kind == 1:
        left, lowest = units, FORBIDDEN
        for s in range(units + 1):  # a part may go the local way
            if start[0, s] + after[0, units - s] < lowest:
                left, lowest = units - s, start[0, s] + after[0, units - s]
        for j in range(n):
            taken, lowest = 0, after[j + 1, left]
            for v in range(1, left + 1):
                if cost[first + j, v - 1] + after[j + 1, left - v] < lowest:
                    taken, lowest = v, cost[first + j, v - 1] + after[j + 1, left - v]
            left -= taken
            chosen[j] = taken > 0
    elif kind == 2:
        left = 2
        for j in range(n):
            if left and first + j < pairs:
                child = cost[first + j, 0] + (extra[first + j] if len(extra) else 0.0)
                if child + children_after[j + 1, left - 1] < children_after[j + 1, left]:
                    left -= 1
                    chosen[j] = True


@njit(cache=True, nogil=True)
def _split(div, alone, separate):
    """Cost of dividing into two copies, and of all else if any two objects leave."""
    if separate or div > _NEVER:
        return div, FORBIDDEN
    return FORBIDDEN, alone + div


@njit(cache=True, nogil=True)
def pass_counts(begin, end, forward, fixed, q, p, extra, out_mates, in_mates, caps, rules, rho, kappa, rows, workspace):
    """Update the out sides of some detections in order, or the in sides in reverse order."""
    count, app, dis, div, out_start, pair_end, in_start = fixed
    m = count.shape[1] - 1
    two, flow, best, local, base = rows
    partial = rules[1]
    none = extra[:0]
    for step in range(begin, end):
        i = step if forward else begin + end - 1 - step
        if forward:
            first, last = out_start[i], out_start[i + 1]
            if first == last:
                continue
            _side(q, app, i, in_start[i], in_start[i + 1], m, partial, two, flow)
            _other_side(flow, app, dis, i, rules, m, best, local)
        else:
            first, last = in_start[i], in_start[i + 1]
            if first == last:
                continue
            _side(p, dis, i, out_start[i], out_start[i + 1], m, partial, two, flow)
            if div[i] < _NEVER:
                flow[1] = min(flow[1], div[i] + _two_children(p, extra, out_start[i], pair_end[i], flow, rules[2]))
            _other_side(flow, dis, app, i, rules, m, best, local)
        possible = False
        for k in range(m + 1):
            base[k] = count[i, k] + best[k]
            possible |= k > 0 and base[k] < _NEVER
        if not possible:
            continue
        if forward:
            d, double = _split(div[i], base[1], rules[2])
            _update(
                p, q, extra, first, last, pair_end[i], base, local, d, double, partial, m, rho, kappa, *out_mates,
                caps[0], workspace,
            )  # fmt: skip
        else:
            _update(
                q, p, none, first, last, first, base, local, FORBIDDEN, FORBIDDEN, partial, m, rho, kappa, *in_mates,
                caps[1], workspace,
            )  # fmt: skip


@njit(cache=True, nogil=True)
def count_costs(fixed, q, p, extra, rules, rows, value):
    """Write the least cost of holding objects, of each factor; give the sum of the factors."""
    count, app, dis, div, out_start, pair_end, in_start = fixed
    m = count.shape[1] - 1
    two, flow, best, local, _ = rows
    total = 0.0
    for i in range(len(count)):
        _side(q, app, i, in_start[i], in_start[i + 1], m, rules[1], two, flow)
        _other_side(flow, app, dis, i, rules, m, best, local)
        _side(p, dis, i, out_start[i], out_start[i + 1], m, rules[1], two, flow)
        low = FORBIDDEN
        for k in range(1, m + 1):
            low = min(low, count[i, k] + best[k] + (flow[k] if rules[1] else min(flow[k], local[k])))
        if div[i] < _NEVER:
            pair = div[i] + _two_children(p, extra, out_start[i], pair_end[i], flow, rules[2])
            low = min(low, count[i, 1] + best[1] + pair)
        value[i] = low
        total += min(0.0, low)
    return total


@njit(cache=True, nogil=True)
def _marginals(cost, extra, first, last, pairs, base, local, d, double, partial, m, least, work, slack, local_slack):
    """Write min-marginals less the factor: of v objects on each copy, and of k objects by the local way."""
    before, after, children_before, children_after, without, _ = work
    _products(cost, extra, first, last, pairs, m, after, children_after)
    _start(before, local, partial, m)
    _unit(children_before, 0)
    for j in range(last - first):
        k = first + j
        _times(before, j, after, j + 1, m, without)
        child = cost[k, 0] + (extra[k] if len(extra) else 0.0)
        nothing, alone = min(0.0, double + without[2]), FORBIDDEN
        if d < _NEVER:
            c0, c1, c2 = children_before[j, 0], children_before[j, 1], children_before[j, 2]
            a0, a1, a2 = children_after[j + 1, 0], children_after[j + 1, 1], children_after[j + 1, 2]
            nothing = min(nothing, base[1] + d + min(c0 + a2, c1 + a1, c2 + a0))
            if k < pairs:
                alone = base[1] + d + child + min(c0 + a1, c1 + a0)
        for number in range(1, m + 1):
            way = without[number] if partial else min(without[number], local[number])
            nothing = min(nothing, base[number] + way)
        slack[k, 0] = nothing - least
        for v in range(1, m + 1):
            marginal = alone if v == 1 else FORBIDDEN
            for number in range(v, m + 1):
                marginal = min(marginal, base[number] + without[number - v] + cost[k, v - 1])
            if v <= 2:
                marginal = min(marginal, double + without[2 - v] + cost[k, v - 1])
            slack[k, v] = min(marginal, FORBIDDEN) - least
        _times_one(before, j, cost, k, m, before, j + 1)
        if k < pairs:
            _times_child(children_before, j, child, children_before, j + 1)
        else:
            _same_children(children_before, j, children_before, j + 1)
    # the local way: k objects of it, and what the copies carry besides
    division = base[1] + d + children_after[0, 2] - least if d < _NEVER else FORBIDDEN
    if double < _NEVER:
        _times(before, 0, after, 0, m, without)
        division = double + without[2] - least
    _unit(before, 0)
    _times(before, 0, after, 0, m, without)
    none = min(0.0, division + least)
    for number in range(1, m + 1):
        none = min(none, base[number] + without[number])
    local_slack[0] = none - least
    for v in range(1, m + 1):
        marginal = FORBIDDEN
        for number in range(v, (m if partial else v) + 1):
            marginal = min(marginal, base[number] + without[number - v] + local[v])
        local_slack[v] = marginal - least
    return division


@njit(cache=True, nogil=True)
def count_slack(fixed, q, p, extra, rules, rows, workspace, slack_in, slack_out, slack):
    """Write what each factor rises by for every state.

    `slack_in` and `slack_out` have shape (copies, m + 1), `slack` has (4, n, m + 1): count, appearance, disappearance
    and division.
    """
    count, app, dis, div, out_start, pair_end, in_start = fixed
    m = count.shape[1] - 1
    two, flow, best, local, base = rows
    for i in range(len(count)):
        _side(q, app, i, in_start[i], in_start[i + 1], m, rules[1], two, flow)
        _other_side(flow, app, dis, i, rules, m, best, local)
        for k in range(m + 1):
            base[k] = count[i, k] + best[k]
        _side(p, dis, i, out_start[i], out_start[i + 1], m, rules[1], two, flow)
        pair = FORBIDDEN
        if div[i] < _NEVER:
            pair = div[i] + _two_children(p, extra, out_start[i], pair_end[i], flow, rules[2])
        least = 0.0
        for k in range(1, m + 1):
            way = flow[k] if rules[1] else min(flow[k], local[k])
            slack[0, i, k] = base[k] + (min(way, pair) if k == 1 else way)
            least = min(least, slack[0, i, k])
        slack[0, i, 0] = 0.0
        for k in range(m + 1):
            slack[0, i, k] -= least
        d, double = _split(div[i], base[1], rules[2])
        division = _marginals(
            p, extra, out_start[i], out_start[i + 1], pair_end[i], base, local, d, double, rules[1], m, least,
            workspace, slack_out, slack[2, i],
        )  # fmt: skip
        undivided = 0.0
        for k in range(1, m + 1):
            undivided = min(undivided, base[k] + (flow[k] if rules[1] else min(flow[k], local[k])))
        slack[3, i, 0], slack[3, i, 1] = undivided - least, division
        flow[1] = min(flow[1], pair)
        _other_side(flow, dis, app, i, rules, m, best, local)
        for k in range(m + 1):
            base[k] = count[i, k] + best[k]
        _marginals(
            q, extra[:0], in_start[i], in_start[i + 1], in_start[i], base, local, FORBIDDEN, FORBIDDEN, rules[1], m,
            least, workspace, slack_in, slack[1, i],
        )  # fmt: skip


def make_rows(m: int) -> tuple[np.ndarray, ...]:
    """Make the rows that the passes write to."""
    return np.empty((2, m + 1)), np.empty(m + 1), np.empty(m + 1), np.empty(m + 1), np.empty(m + 1)


def make_workspace(degree: int, m: int) -> tuple[np.ndarray, ...]:
    """Make the products that the passes write to; `degree` is the largest number of copies of a side."""
    shape, pairs = (degree + 1, m + 1), (degree + 1, 3)
    products = np.empty(shape), np.empty(shape), np.empty(pairs), np.empty(pairs), np.empty(m + 1)
    return *products, np.zeros(degree, np.bool_)
