"""Overlap of the objects of two label images."""

import numpy as np

from nbtrack.errors import InputError


def count_overlaps(
    labels_a: np.ndarray, labels_b: np.ndarray, *, background: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count the pixels that each pair of objects shares.

    Parameters
    ----------
    labels_a, labels_b : ndarray of unsigned int, of one shape
        Two label frames, 0 is background.
    background : bool, optional
        Whether pairs with the background, id 0, are counted too.

    Returns
    -------
    ids_a, ids_b : ndarray of int64, shape (n,)
        The pairs that share pixels, sorted by the first id, then the second.
    counts : ndarray of int64, shape (n,)
        Number of shared pixels.

    Raises
    ------
    InputError
        If the shapes differ.

    Examples
    --------
    >>> count_overlaps(np.array([[1, 1, 0, 2]]), np.array([[0, 3, 3, 3]]))
    (array([1, 2]), array([3, 3]), array([1, 1]))
    """
    if labels_a.shape != labels_b.shape:
        raise InputError(
            f"`labels_a` and `labels_b` must have one shape: got {labels_a.shape} and {labels_b.shape}. "
            "Compare frames of one movie."
        )
    a, b = labels_a.ravel(), labels_b.ravel()
    if not a.size:
        return (np.zeros(0, np.int64),) * 3
    # runs of equal pixels are counted as one, which is much less to sort
    starts = np.concatenate([[0], np.flatnonzero((a[1:] != a[:-1]) | (b[1:] != b[:-1])) + 1])
    length = np.diff(starts, append=a.size)
    ids_a, i = np.unique(a[starts], return_inverse=True)
    ids_b, j = np.unique(b[starts], return_inverse=True)
    pairs, place = np.unique(i * len(ids_b) + j, return_inverse=True)
    counts = np.bincount(place, length).astype(np.int64)
    i, j = np.divmod(pairs, len(ids_b))
    shared_a, shared_b = ids_a[i].astype(np.int64), ids_b[j].astype(np.int64)
    wanted = background | ((shared_a != 0) & (shared_b != 0))
    return shared_a[wanted], shared_b[wanted], counts[wanted]


def sum_counts(ids: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Sum the counts of each id.

    Parameters
    ----------
    ids, counts : ndarray of int, shape (n,)
        One side of the pairs of `count_overlaps`, and their counts.

    Returns
    -------
    ndarray of float64, shape (n,)
        For each pair the sum over all pairs with its id: with ``background=True``, the pixels of the object.

    Examples
    --------
    >>> sum_counts(np.array([4, 4, 9]), np.array([1, 2, 5]))
    array([3., 3., 5.])
    """
    _, place = np.unique(ids, return_inverse=True)
    sums: np.ndarray = np.bincount(place, counts)[place]
    return sums
