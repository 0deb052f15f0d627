"""Labelling and counting over objects, held against scipy and scikit-image."""

import numpy as np
import pytest
from scipy import ndimage
from skimage.measure import regionprops_table

from nbtrack.data.columns import detection_columns
from nbtrack.errors import InputError
from nbtrack.regions import check_labels, dense_labels, label_regions, region_table, scan_regions, smooth_axis


def random_mask(shape, density, seed):
    return np.random.default_rng(seed).random(shape) < density


@pytest.mark.parametrize("density", [0.05, 0.4, 0.6, 0.95])
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (57, 63), (9, 20, 31), (20, 1, 7)])
def test_labels_are_those_of_scipy(shape, density):
    for seed in range(5):
        mask = random_mask(shape, density, seed)
        labels, regions = label_regions(mask)
        expected, n = ndimage.label(mask)
        assert labels.dtype == np.uint32
        assert len(regions) == n
        np.testing.assert_array_equal(labels, expected)


@pytest.mark.parametrize("shape", [(64, 80), (10, 30, 40)])
def test_regions_are_those_of_regionprops(shape):
    for seed in range(3):
        labels, found = label_regions(ndimage.binary_opening(random_mask(shape, 0.7, seed)))
        props = regionprops_table(labels, properties=("label", "area", "bbox", "centroid"))
        for regions in (found, scan_regions(labels)):
            table = region_table([regions], len(shape))
            np.testing.assert_array_equal(table["object_id"], props["label"])
            np.testing.assert_array_equal(table["size"], props["area"])
            for axis, name in enumerate("zyx"[-len(shape) :]):
                np.testing.assert_allclose(table[name], props[f"centroid-{axis}"], rtol=1e-12)
                np.testing.assert_array_equal(table[f"bbox_{name}_min"], props[f"bbox-{axis}"])
                np.testing.assert_array_equal(table[f"bbox_{name}_max"], props[f"bbox-{axis + len(shape)}"])


def test_views_that_are_not_contiguous_are_read_right():
    mask = random_mask((40, 50), 0.5, 1)
    np.testing.assert_array_equal(label_regions(mask.T)[0], ndimage.label(mask.T)[0])
    np.testing.assert_array_equal(label_regions(mask[::2, ::-1])[0], ndimage.label(mask[::2, ::-1])[0])


def test_ends_of_the_size_range_are_inside():
    mask = np.zeros((7, 20), bool)
    for row, length in enumerate((3, 4, 5, 6)):
        mask[2 * row, :length] = True
    labels, regions = label_regions(mask, size=(4, 5))
    assert regions.size.tolist() == [4, 5]
    assert np.unique(labels).tolist() == [0, 1, 2]
    assert labels[2, 0] == 1


def test_regions_without_a_seed_are_dropped():
    mask = np.array([[1, 1, 0, 1, 1, 1, 0, 1]], bool)
    seeds = np.array([[0, 0, 0, 0, 0, 1, 0, 0]], bool)
    labels, regions = label_regions(mask, seeds=seeds)
    assert labels.tolist() == [[0, 0, 0, 1, 1, 1, 0, 0]]
    assert regions.center.tolist() == [[0.0, 4.0]]


def test_two_pieces_with_one_id_are_one_object():
    regions = scan_regions(np.array([[5, 5, 0, 0], [0, 0, 0, 5]], np.uint32))
    assert regions.object_id.tolist() == [5]
    assert regions.size.tolist() == [3]
    assert regions.lower.tolist() == [[0, 0]]
    assert regions.upper.tolist() == [[2, 4]]


@pytest.mark.parametrize("background", [True, False])
def test_huge_ids_are_kept(background):
    labels = np.full((4, 6), 4_000_000_000, np.uint32)
    labels[0, :2] = 9
    if background:
        labels[2:] = 0
    regions = scan_regions(labels)
    assert regions.object_id.tolist() == [9, 4_000_000_000]
    assert regions.size.tolist() == [2, 10 if background else 22]
    dense, ids = dense_labels(labels)
    assert ids[dense[0, 0] - 1] == 9
    assert (dense == 0).any() == background


def test_a_frame_without_objects_gives_no_rows():
    labels, regions = label_regions(np.zeros((5, 6), bool))
    assert not labels.any()
    assert len(regions) == len(scan_regions(labels)) == 0
    table = region_table([regions, regions], 2)
    assert {name: str(kind) for name, kind in table.dtypes.items()} == detection_columns(2)
    assert len(table) == 0


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.zeros((2, 2)), "Label images must hold whole numbers: frame 3 is of type float64"),
        (np.zeros((2, 2), bool), "frame 3 is of type bool"),
        (np.array([[-1, 2]]), r"numbers from 0 \(background\) to 4294967295: frame 3 has -1 to 2"),
        (np.array([[2**32, 2]]), "frame 3 has 2 to 4294967296"),
    ],
)
def test_what_is_no_label_image_is_refused(labels, words):
    with pytest.raises(InputError, match=words):
        check_labels(labels, 3)


@pytest.mark.parametrize("shape", [(40, 33), (9, 20, 24), (1, 5), (2, 3, 50)])
@pytest.mark.parametrize("sigma", [0.1, 0.3, 1.0, 2.7])
def test_smoothing_is_that_of_scipy(shape, sigma):
    image = np.random.default_rng(0).random(shape, dtype=np.float32)
    for axis in range(len(shape)):
        expected = ndimage.gaussian_filter1d(image.astype(float), sigma, axis=axis, mode="mirror", truncate=2)
        found = smooth_axis(image, sigma, axis, truncate=2)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, atol=1e-6)
