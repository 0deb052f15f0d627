import numpy as np
import pytest

from nbtrack.errors import InputError
from nbtrack.overlap import count_overlaps


@pytest.mark.parametrize("factor", [1, 100_003, 4_000_000])
def test_overlaps_are_counted_right(factor):
    rng = np.random.default_rng(2)
    a, b = rng.integers(0, 30, (2, 5, 40, 50)).astype(np.uint32) * np.uint32(factor)
    ids_a, ids_b, counts = count_overlaps(a, b)
    expected = {(i, j): int(((a == i) & (b == j)).sum()) for i in np.unique(a)[1:] for j in np.unique(b)[1:]}
    found = dict(zip(zip(ids_a.tolist(), ids_b.tolist(), strict=True), counts.tolist(), strict=True))
    assert found == {pair: count for pair, count in expected.items() if count}
    assert list(found) == sorted(found)


def test_nothing_overlaps_nothing():
    for part in count_overlaps(np.zeros((3, 3), np.uint32), np.ones((3, 3), np.uint32)):
        assert part.shape == (0,)


def test_frames_of_other_shapes_are_refused():
    with pytest.raises(InputError, match=r"must have one shape: got \(3, 3\) and \(3, 4\)"):
        count_overlaps(np.zeros((3, 3), np.uint32), np.zeros((3, 4), np.uint32))


def test_the_background_counts_if_asked_for():
    a, b = np.array([1, 1, 0, 0], np.uint32), np.array([0, 2, 2, 0], np.uint32)
    ids_a, ids_b, counts = count_overlaps(a, b, background=True)
    assert list(zip(ids_a.tolist(), ids_b.tolist(), counts.tolist(), strict=True)) == [
        (0, 0, 1),
        (0, 2, 1),
        (1, 0, 1),
        (1, 2, 1),
    ]
    assert [len(x) for x in count_overlaps(a[:0], b[:0])] == [0, 0, 0]
