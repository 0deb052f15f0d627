"""Implied rows that tighten the linear relaxation; added only when violated, never instead of the law.

For every link a and layer k, from the end where it leaves (and likewise where it arrives):

* ``flow[a, k] <= count[source, k]``, valid where the children of a division are separate or the source cannot divide;
* ``flow[a, k] + vanishes[source, k] <= count[source, k]``, stronger; valid where a merger vanishes as a whole, and
  always at capacity 1. With partial appearance it would cut off the optimum, so it is not used there.

Where the energy of a division depends on its links: ``child[a] <= divides[source]``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nbtrack.model.description import Description


def make_cuts(description: Description, only: NDArray[np.int64] | None = None) -> sp.csr_matrix:
    """Make all valid cuts as rows ``A x <= 0``.

    Parameters
    ----------
    description : Description
        The program.
    only : ndarray of int, optional
        Make cuts only for these layers of links (places among the columns of `flow`).

    Returns
    -------
    csr_matrix of float, shape (cuts, columns)
    """
    p, c = description.problem, description.columns
    only = np.arange(len(c.flow.item)) if only is None else only
    link, layer, flow = c.flow.item[only], c.flow.layer[only], c.flow.columns[only]
    blocks = []
    for end, event, may_divide in (
        (p.target, c.appears, np.zeros(p.n_detections, bool)),
        (p.source, c.vanishes, c.divides >= 0),
    ):
        detection = end[link]
        count = c.count.column(detection, layer)
        together = event.column(detection, layer)
        whole = (p.capacity[detection] == 1) | (not p.partial_appearance)
        together = np.where(whole, together, -1)
        valid = np.ones(len(link), bool) if p.separate_children else ~may_divide[detection] | (layer == 1)
        rows = np.flatnonzero(valid)
        each = np.arange(len(rows))
        entries = [(each, flow[rows], 1.0), (each, count[rows], -1.0), (each, together[rows], 1.0)]
        row = np.concatenate([r[col >= 0] for r, col, _ in entries])
        column = np.concatenate([col[col >= 0] for _, col, _ in entries])
        value = np.concatenate([np.full(int((col >= 0).sum()), v) for _, col, v in entries])
        blocks.append(sp.coo_matrix((value, (row, column)), shape=(len(rows), c.size)))
    child = np.unique(link[layer == 1])
    child = child[c.child[child] >= 0]
    each, ones = np.arange(len(child)), np.ones(len(child))
    column = np.r_[c.child[child], c.divides[p.source[child]]]
    blocks.append(sp.coo_matrix((np.r_[ones, -ones], (np.r_[each, each], column)), shape=(len(child), c.size)))
    return sp.vstack(blocks).tocsr()


def violated(cuts: sp.csr_matrix, x: NDArray[np.float64], tolerance: float = 1e-6) -> NDArray[np.int64]:
    """Tell which cuts a point violates.

    Parameters
    ----------
    cuts : csr_matrix
        Rows ``A x <= 0``.
    x : ndarray of float, shape (columns,)
        The point.
    tolerance : float, optional
        Violations up to this are ignored.

    Returns
    -------
    ndarray of int
        Indices of rows.
    """
    return np.flatnonzero(cuts @ x > tolerance)
