"""Parts of one object: right, in one piece, none empty, whatever the object looks like."""

import numpy as np
import pytest
from scipy import ndimage

from nbtrack.mergers.cutting import Cut, Expectation, cut_object


def nothing_known(k: int, ndim: int = 2) -> Expectation:
    return Expectation(np.full((k, ndim), np.nan), np.full((k, ndim, ndim), np.nan), np.full(k, np.nan))


def known_at(*centers: tuple[float, ...]) -> Expectation:
    unknown = nothing_known(len(centers), len(centers[0]))
    return Expectation(np.array(centers, dtype=float), unknown.shapes, unknown.sizes)


def disks(*centers: tuple[float, float], radius: float = 7.0) -> tuple[np.ndarray, np.ndarray]:
    """Pixels of touching disks, and the disk of each."""
    grid = np.moveaxis(np.indices((60, 60)), 0, -1)
    distance = np.stack([((grid - at) ** 2).sum(axis=-1) for at in centers])
    inside = distance.min(axis=0) <= radius**2
    return np.argwhere(inside), distance.argmin(axis=0)[inside]


def check(cut: Cut, n: int, k: int) -> None:
    assert cut.part.shape == (n,)
    assert sorted(set(cut.part.tolist())) == list(range(min(n, k)))
    assert len(cut.slot) == len(cut.centers) == k
    assert set(cut.slot.tolist()) == set(range(min(n, k)))
    assert np.isfinite(cut.centers).all()


def test_two_disks_are_told_apart_without_any_knowledge() -> None:
    pixels, truth = disks((20, 20), (27, 31))
    cut = cut_object(pixels, nothing_known(2), (1.0, 1.0))
    assert (cut.part == truth).mean() in (pytest.approx(1, abs=0.02), pytest.approx(0, abs=0.02))


def test_parts_stand_in_the_order_of_what_is_expected() -> None:
    pixels, truth = disks((20, 20), (27, 31), (14, 32))
    for order in ([0, 1, 2], [2, 0, 1]):
        places = np.array([(20, 20), (27, 31), (14, 32)])[order] + 2.0
        cut = cut_object(pixels, known_at(*places.tolist()), (1.0, 1.0))
        assert (np.array(order)[cut.part] == truth).mean() > 0.97


def test_expected_sizes_tell_where_a_round_object_is_cut() -> None:
    pixels, _ = disks((20, 20), radius=12)
    unknown = nothing_known(2)
    expected = Expectation(np.array([[20.0, 12], [20.0, 24]]), unknown.shapes, np.array([100.0, 300.0]))
    first, second = np.bincount(cut_object(pixels, expected, (1.0, 1.0)).part)
    assert second > 1.4 * first


def test_a_scale_stretches_the_object() -> None:
    pixels = np.argwhere(np.ones((8, 20), bool))
    flat = cut_object(pixels, nothing_known(2), (1.0, 1.0))
    assert len(set(flat.part.reshape(8, 20)[:, 0].tolist())) == 1
    tall = cut_object(pixels, nothing_known(2), (10.0, 1.0))
    assert len(set(tall.part.reshape(8, 20)[0].tolist())) == 1


@pytest.mark.parametrize(
    ("n", "k"), [(1, 2), (1, 5), (2, 2), (2, 3), (3, 2), (3, 3), (4, 3), (5, 4), (2, 9), (10, 9), (12, 9)]
)
def test_tiny_objects_give_every_part_a_pixel_or_share(n: int, k: int) -> None:
    rng = np.random.default_rng(n * 10 + k)
    pixels = np.stack([np.arange(n) // 3, np.arange(n) % 3], axis=1)
    check(cut_object(pixels, nothing_known(k), (1.0, 1.0)), n, k)
    check(cut_object(pixels, known_at(*rng.normal(0, 5, (k, 2)).tolist()), (1.0, 1.0)), n, k)
    check(cut_object(pixels, known_at(*[(1.0, 1.0)] * k), (1.0, 1.0)), n, k)


@pytest.mark.parametrize("ndim", [2, 3])
def test_odd_objects_never_crash_and_leave_no_part_empty(ndim: int) -> None:
    rng = np.random.default_rng(0)
    for trial in range(60):
        image = ndimage.gaussian_filter(rng.normal(size=(9,) * ndim), rng.uniform(0, 1.5)) > 0
        pixels = np.argwhere(image) if trial % 3 else np.argwhere(image)[: rng.integers(1, 12)]
        if not len(pixels):
            continue
        k = int(rng.integers(2, 9))
        centers = rng.normal(4, 10, (k, ndim))
        centers[rng.random(k) < 0.5] = np.nan
        shapes = np.full((k, ndim, ndim), np.nan)
        shapes[rng.random(k) < 0.5] = 0.0  # a single pixel before and after
        sizes = np.where(rng.random(k) < 0.5, np.nan, rng.integers(1, 1000, k))
        cut = cut_object(pixels, Expectation(centers, shapes, sizes), (2.0, 1.0, 0.5)[:ndim])
        check(cut, len(pixels), k)


def test_a_line_is_cut_into_runs() -> None:
    pixels = np.stack([np.zeros(30, int), np.arange(30)], axis=1)
    for k in (2, 3, 5):
        part = cut_object(pixels, nothing_known(k), (1.0, 1.0)).part
        assert (np.diff(part) != 0).sum() == k - 1


def test_parts_of_a_connected_object_are_connected() -> None:
    rng = np.random.default_rng(1)
    for _ in range(25):
        image = ndimage.gaussian_filter(rng.normal(size=(40, 40)), 3) > 0
        pieces, n = ndimage.label(image)
        sizes = ndimage.sum_labels(image, pieces, range(1, n + 1))
        pixels = np.argwhere(pieces == 1 + sizes.argmax())
        part = cut_object(pixels, nothing_known(3), (1.0, 1.0)).part
        drawn = np.zeros((40, 40), int)
        drawn[tuple(pixels.T)] = part + 1
        for k in (1, 2, 3):
            assert ndimage.label(drawn == k)[1] == 1


def test_the_same_object_is_cut_the_same_way() -> None:
    pixels, _ = disks((20, 20), (27, 31), (30, 18))
    first, second = (cut_object(pixels, nothing_known(3), (1.0, 1.0)).part for _ in range(2))
    assert np.array_equal(first, second)
