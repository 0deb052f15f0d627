"""The compiled loops over pixels; a 2D frame is a 3D frame with one plane.

They work on runs (stretches of equal value along x) and release the interpreter, so that threads work side by side.
Source of the labelling: union-find over runs, as in He, Chao, Suzuki (2008), A run-based two-scan labeling algorithm,
IEEE Transactions on Image Processing 17.
"""

# mypy: disable-error-code="no-untyped-def"
# numba infers the types of compiled functions from the call

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, inline="always")
def _root(parent, run):
    while parent[run] != run:
        parent[run] = parent[parent[run]]
        run = parent[run]
    return run


@njit(cache=True, nogil=True)
def _join_rows(parent, start, stop, a, a_end, b, b_end):
    """Unite the runs a..a_end of one row with those of b..b_end that overlap them."""
    while a < a_end and b < b_end:
        if start[a] < stop[b] and start[b] < stop[a]:
            root_a, root_b = _root(parent, a), _root(parent, b)
            if root_a < root_b:
                parent[root_b] = root_a
            else:
                parent[root_a] = root_b
        if stop[a] < stop[b]:
            a += 1
        else:
            b += 1


@njit(cache=True, nogil=True)
def _join_runs(edges, nz, ny, nx):
    """Cut the ends of runs, counted in rows of nx + 1 pixels, into rows and unite the runs that touch."""
    n_runs = len(edges) // 2
    first = np.zeros(nz * ny + 1, np.int64)
    start = np.empty(n_runs, np.int64)
    stop = np.empty(n_runs, np.int64)
    for run in range(n_runs):
        row = edges[2 * run] // (nx + 1)
        first[row + 1] = run + 1
        start[run] = edges[2 * run] - row * (nx + 1)
        stop[run] = edges[2 * run + 1] - row * (nx + 1)
    parent = np.arange(n_runs)
    for row in range(nz * ny):
        first[row + 1] = max(first[row], first[row + 1])
        a, a_end = first[row], first[row + 1]
        if row % ny > 0:
            _join_rows(parent, start, stop, a, a_end, first[row - 1], first[row])
        if row >= ny:
            _join_rows(parent, start, stop, a, a_end, first[row - ny], first[row - ny + 1])
    return first, start, stop, parent


@njit(cache=True, nogil=True)
def _add_run(k, z, y, start, stop, count, sums, lower, upper):
    """Add a run of row (z, y) to object k."""
    length = stop - start
    count[k] += length
    sums[k, 0] += length * z
    sums[k, 1] += length * y
    sums[k, 2] += length * (start + stop - 1) // 2
    lower[k, 0] = min(lower[k, 0], z)
    lower[k, 1] = min(lower[k, 1], y)
    lower[k, 2] = min(lower[k, 2], start)
    upper[k, 0] = max(upper[k, 0], z + 1)
    upper[k, 1] = max(upper[k, 1], y + 1)
    upper[k, 2] = max(upper[k, 2], stop)


@njit(cache=True, nogil=True)
def label(edges, seeds, smallest, largest, labels):
    """Label the runs of a mask into `labels` (all zero before) and count over the regions that are kept."""
    nz, ny, nx = labels.shape
    first, start, stop, parent = _join_runs(edges, nz, ny, nx)
    size = np.zeros(len(parent), np.int64)
    seeded = np.zeros(len(parent), np.bool_)
    seeded[:] = seeds.size == 0
    for row in range(nz * ny):
        for run in range(first[row], first[row + 1]):
            root = _root(parent, run)
            parent[run] = root
            size[root] += stop[run] - start[run]
            if not seeded[root]:
                for x in range(start[run], stop[run]):
                    if seeds[row // ny, row % ny, x]:
                        seeded[root] = True
                        break
    number = np.zeros(len(parent), np.int64)
    n = 0
    for run in range(len(parent)):
        if parent[run] == run and seeded[run] and smallest <= size[run] <= largest:
            n += 1
            number[run] = n
    count = np.zeros(n, np.int64)
    sums = np.zeros((n, 3), np.int64)
    lower = np.full((n, 3), np.iinfo(np.int64).max)
    upper = np.zeros((n, 3), np.int64)
    for row in range(nz * ny):
        z, y = row // ny, row % ny
        for run in range(first[row], first[row + 1]):
            k = number[parent[run]]
            if k > 0:
                _add_run(k - 1, z, y, start[run], stop[run], count, sums, lower, upper)
                labels[z, y, start[run] : stop[run]] = k
    return count, sums, lower, upper


@njit(cache=True, nogil=True)
def scan(labels, n):
    """Count over the objects 1..n of a label frame."""
    nz, ny, nx = labels.shape
    count = np.zeros(n, np.int64)
    sums = np.zeros((n, 3), np.int64)
    lower = np.full((n, 3), np.iinfo(np.int64).max)
    upper = np.zeros((n, 3), np.int64)
    for z in range(nz):
        for y in range(ny):
            x = 0
            while x < nx:
                k = np.int64(labels[z, y, x])
                start = x
                x += 1
                if k > 0:
                    while x < nx and labels[z, y, x] == k:
                        x += 1
                    _add_run(k - 1, z, y, start, x, count, sums, lower, upper)
    return count, sums, lower, upper


@njit(cache=True, nogil=True)
def sum_values(labels, raw, n):
    """Sum, minimum, maximum and central power sums of the raw values of the objects 1..n."""
    nz, ny, nx = labels.shape
    count = np.zeros(n, np.int64)
    sums = np.zeros((n, 6))
    sums[:, 1] = np.inf
    sums[:, 2] = -np.inf
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                k = np.int64(labels[z, y, x]) - 1
                if k >= 0:
                    value = np.float64(raw[z, y, x])
                    count[k] += 1
                    sums[k, 0] += value
                    sums[k, 1] = min(sums[k, 1], value)
                    sums[k, 2] = max(sums[k, 2], value)
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                k = np.int64(labels[z, y, x]) - 1
                if k >= 0:
                    away = np.float64(raw[z, y, x]) - sums[k, 0] / count[k]
                    sums[k, 3] += away**2
                    sums[k, 4] += away**3
                    sums[k, 5] += away**4
    return sums


@njit(cache=True, nogil=True)
def sum_products(labels, centers):
    """Sum the products of the offsets from the centres of the objects 1..n."""
    nz, ny, nx = labels.shape
    products = np.zeros((len(centers), 3, 3))
    away = np.zeros(3)
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                k = np.int64(labels[z, y, x]) - 1
                if k >= 0:
                    away[0] = z - centers[k, 0]
                    away[1] = y - centers[k, 1]
                    away[2] = x - centers[k, 2]
                    for i in range(3):
                        for j in range(3):
                            products[k, i, j] += away[i] * away[j]
    return products


@njit(cache=True, nogil=True, inline="always")
def _mirror(position, length):
    """Fold a position back into 0..length - 1 by mirrors at both ends."""
    if length == 1:
        return 0
    position = abs(position) % (2 * length - 2)
    return position if position < length else 2 * length - 2 - position


@njit(cache=True, nogil=True, fastmath=True)
def smooth_columns(image, weights, smooth):
    """Smooth (before, n, after) along n by symmetric weights, the middle one first; whole lines at once."""
    before, length, after = image.shape
    for i in range(before):
        for j in range(length):
            for x in range(after):
                smooth[i, j, x] = weights[0] * image[i, j, x]
            for k in range(1, len(weights)):
                low, high = _mirror(j - k, length), _mirror(j + k, length)
                for x in range(after):
                    smooth[i, j, x] += weights[k] * (image[i, low, x] + image[i, high, x])


@njit(cache=True, nogil=True, fastmath=True)
def smooth_rows(image, weights, smooth):
    """Smooth (before, n, 1) along n by symmetric weights, the middle one first."""
    before, length, _ = image.shape
    radius = len(weights) - 1
    line = np.empty(length + 2 * radius, np.float32)
    for i in range(before):
        for x in range(length):
            line[x + radius] = image[i, x, 0]
            smooth[i, x, 0] = weights[0] * image[i, x, 0]
        for k in range(1, radius + 1):
            line[radius - k] = image[i, _mirror(-k, length), 0]
            line[radius + length - 1 + k] = image[i, _mirror(length - 1 + k, length), 0]
        for k in range(1, radius + 1):
            for x in range(length):
                smooth[i, x, 0] += weights[k] * (line[x + radius - k] + line[x + radius + k])
