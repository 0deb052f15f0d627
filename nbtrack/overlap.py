"""Overlap of the objects of two label images."""

import numpy as np

from nbtrack.errors import InputError
from nbtrack.regions import dense_labels

_FEW_PAIRS = 1_000_000  # possible pairs up to here are counted in a table, more are sorted


def count_overlaps(labels_a: np.ndarray, labels_b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count the pixels that each pair of objects shares.

    Parameters
    ----------
    labels_a, labels_b : ndarray of unsigned int, of one shape
        Two label frames, 0 is background.

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
    dense_a, ids_a = dense_labels(labels_a)
    dense_b, ids_b = dense_labels(labels_b)
    both = (dense_a != 0) & (dense_b != 0)
    width = len(ids_b) + 1
    keys = dense_a[both].astype(np.int64) * width + dense_b[both]
    if len(ids_a) * width <= max(labels_a.size, _FEW_PAIRS):
        table = np.bincount(keys)
        pairs = np.flatnonzero(table)
        counts = table[pairs]
    else:
        pairs, counts = np.unique(keys, return_counts=True)
    return ids_a[pairs // width - 1], ids_b[pairs % width - 1], counts.astype(np.int64)
