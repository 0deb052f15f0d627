"""Hulls and inscribed disks, held against scikit-image and scipy."""

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import ConvexHull
from skimage.measure import regionprops

from nbtrack.regions import scan_regions
from nbtrack.regions.outlines import hull_shapes, inscribed_radii


def blobs(ndim, seed=0):
    rng = np.random.default_rng(seed)
    shape = (80, 90) if ndim == 2 else (14, 40, 30)
    labels = ndimage.label(ndimage.gaussian_filter(rng.random(shape), 2) > 0.52)[0]
    labels[labels % 4 == 2] = 0
    return labels.astype(np.uint32)


def test_hulls_are_those_of_the_squares_of_pixels():
    labels = blobs(2)
    regions = scan_regions(labels)
    area = hull_shapes(labels, regions)[:, 0]
    for k, object_id in enumerate(regions.object_id):
        points = np.argwhere(labels == object_id)
        corners = np.concatenate([points + np.array([dy, dx]) for dy in (-0.5, 0.5) for dx in (-0.5, 0.5)])
        assert area[k] == pytest.approx(ConvexHull(corners).volume)
    # the hull of scikit-image cuts the corners of pixels, ours does not
    expected = np.array([region.area_convex for region in regionprops(labels)])
    assert (area >= expected - 1).all()
    assert np.median(area / expected) < 1.15


def test_a_dip_is_as_deep_as_it_is_cut():
    labels = np.zeros((40, 60), np.uint32)
    labels[5:25, 5:55] = 1
    labels[5:12, 20:30] = 0  # from above
    labels[30:38, 10:50] = 70_000
    area, dip = hull_shapes(labels, scan_regions(labels)).T
    assert area.tolist() == [1000, 320]
    assert dip.tolist() == [7, 0]


def test_a_pixel_and_an_object_in_pieces():
    labels = np.zeros((10, 20), np.uint32)
    labels[3, 4] = 1
    labels[2, 10] = labels[8, 10] = 2
    area, dip = hull_shapes(labels, scan_regions(labels)).T
    assert area.tolist() == [1, 7]
    assert dip.tolist() == [0, 0]
    assert inscribed_radii(labels, scan_regions(labels), (1.0, 1.0)).tolist() == [0.5, 0.5]


@pytest.mark.parametrize("ndim", [2, 3])
def test_inscribed_radii_are_near_the_exact_distances(ndim):
    labels = blobs(ndim)
    regions = scan_regions(labels)
    spacing = (3.0, 1.0, 1.0)[-ndim:] if ndim == 3 else (1.0, 1.0)
    found = inscribed_radii(labels, regions, spacing)
    for k, object_id in enumerate(regions.object_id):
        mask = np.pad(labels == object_id, 1)
        exact = ndimage.distance_transform_edt(mask, sampling=spacing).max()
        assert 0.95 * exact - max(spacing) * 0.75 <= found[k] <= 1.1 * exact  # ours ends between two pixels


def test_touching_objects_end_at_each_other():
    labels = np.zeros((12, 30), np.uint32)
    labels[1:11, 2:12], labels[1:11, 12:28] = 1, 2
    assert inscribed_radii(labels, scan_regions(labels), (1.0, 1.0)).tolist() == [4.5, 4.5]


def test_no_objects_give_nothing():
    empty = np.zeros((5, 6), np.uint32)
    assert hull_shapes(empty, scan_regions(empty)).shape == (0, 2)
    assert inscribed_radii(empty, scan_regions(empty), (1.0, 1.0)).shape == (0,)
