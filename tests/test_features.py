"""Features of objects, held against scikit-image."""

import numpy as np
import pytest
from scipy import ndimage
from scipy.stats import kurtosis, skew
from skimage.measure import regionprops, regionprops_table

from nbtrack.data.columns import detection_columns
from nbtrack.data.movie import Movie
from nbtrack.errors import InputError
from nbtrack.features import FEATURES, measure
from nbtrack.segmentation import detect


def objects_2d_or_3d(ndim, seed=0):
    rng = np.random.default_rng(seed)
    shape = (60, 70) if ndim == 2 else (12, 40, 30)
    labels = ndimage.label(ndimage.gaussian_filter(rng.random(shape), 1.5) > 0.52)[0]
    labels[labels % 4 == 2] = 0
    return labels.astype(np.uint32), rng.integers(0, 4000, shape).astype(np.uint16)


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_features_are_those_of_regionprops(ndim, kind):
    labels, raw = objects_2d_or_3d(ndim)
    raw = raw.astype(kind)
    names = [name for name, feature in FEATURES.items() if ndim in feature.ndims]
    table = measure(labels, raw, features=names, scale=(2.0, 0.5, 0.5)[-ndim:])
    props = regionprops_table(
        labels,
        raw.astype(float),
        properties=("label", "area", "mean_intensity", "min_intensity", "max_intensity", "intensity_std", "extent"),
    )
    np.testing.assert_array_equal(table["object_id"], props["label"])
    np.testing.assert_allclose(table["size_scaled"], props["area"] * np.prod((2.0, 0.5, 0.5)[-ndim:]))
    np.testing.assert_allclose(table["extent"], props["extent"])
    np.testing.assert_allclose(table["intensity_mean"], props["mean_intensity"])
    np.testing.assert_allclose(table["intensity_min"], props["min_intensity"])
    np.testing.assert_allclose(table["intensity_max"], props["max_intensity"])
    np.testing.assert_allclose(table["intensity_std"], props["intensity_std"], atol=1e-9)
    np.testing.assert_allclose(table["intensity_sum"], props["mean_intensity"] * props["area"])
    np.testing.assert_allclose(table["intensity_variance"], props["intensity_std"] ** 2, atol=1e-9)
    big = table["size"] > 2
    values = [raw[labels == k].astype(float) for k in table["object_id"]]
    np.testing.assert_allclose(table["intensity_skewness"][big], np.array([skew(v) for v in values])[big], rtol=1e-6)
    expected = np.array([kurtosis(v, fisher=False) for v in values])
    np.testing.assert_allclose(table["intensity_kurtosis"][big], expected[big], rtol=1e-6)
    for row, k in enumerate(table["object_id"]):
        points = np.argwhere(labels == k).astype(float)
        spread = np.linalg.eigvalsh(np.cov(points.T, bias=True))[::-1] if len(points) > 1 else np.zeros(ndim)
        found = table.loc[row, [f"radius_{i}" for i in range(ndim)]].to_numpy(float)
        np.testing.assert_allclose(found, np.sqrt(np.maximum(spread, 0)), atol=1e-6)
        touches = (points == 0).any() or (points == np.array(labels.shape) - 1).any()
        assert table.loc[row, "touches_border"] == touches


def test_shape_features_of_a_bar_and_a_point():
    labels = np.zeros((9, 30), np.uint32)
    labels[4, 3:23] = 1
    labels[0, 29] = 2
    table = measure(labels, features=["radii", "axes", "eccentricity", "equivalent_radius"])
    assert table["radius_0"][0] == pytest.approx(np.sqrt((20**2 - 1) / 12))
    assert table["radius_1"].tolist() == [0.0, 0.0]
    assert table.loc[0, ["axis_0_y", "axis_0_x"]].tolist() == [0.0, 1.0]
    assert table["eccentricity"].tolist() == [1.0, 0.0]
    assert table["equivalent_radius"][0] == pytest.approx(np.sqrt(20 / np.pi))
    # scikit-image gives pixels an extent of 1/12, we take them as points
    assert regionprops(labels)[0].eccentricity == pytest.approx(1.0, abs=0.01)


def test_outlines_tell_merged_objects_from_single_ones():
    yy, xx = np.indices((60, 120))
    labels = np.zeros((60, 120), np.uint32)
    labels[(yy - 30) ** 2 + (xx - 25) ** 2 < 15**2] = 1
    for x in (70, 92):
        labels[(yy - 30) ** 2 + (xx - x) ** 2 < 15**2] = 2
    names = ["axis_ratio", "inscribed_radius", "convexity", "dip", "equivalent_radius"]
    one, two = measure(labels, features=names).to_dict("records")
    assert one["axis_ratio"] == pytest.approx(1)
    assert two["axis_ratio"] == pytest.approx(0.58, abs=0.03)
    assert one["inscribed_radius"] == pytest.approx(one["equivalent_radius"], rel=0.05)
    assert two["inscribed_radius"] < 0.8 * two["equivalent_radius"]
    assert one["convexity"] > 0.95 > two["convexity"]
    assert one["dip"] < 1 < 3 < two["dip"]


def test_a_movie_is_measured_frame_by_frame():
    labels, raw = objects_2d_or_3d(2)
    frames = np.stack([labels, np.zeros_like(labels), labels])
    both = Movie.from_array(np.stack([raw, raw + 1, raw + 2])[..., None].repeat(2, -1), "tyxc")
    detections = detect(Movie.from_array(frames))
    table = measure(detections, both, features=["intensity_mean"], channel=1)
    assert list(table.columns) == [*detection_columns(2), "intensity_mean"]
    assert sorted(set(table["t"])) == [0, 2]
    assert table.drop(columns="intensity_mean").equals(detections.table)
    one = measure(labels, raw, features=["intensity_mean"])
    np.testing.assert_allclose(table["intensity_mean"][table["t"] == 2], one["intensity_mean"] + 2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"features": ["roundness"]}, "`features` has the unknown name 'roundness'. Known are size_scaled, "),
        ({"features": ["intensity_mean"]}, "The feature 'intensity_mean' needs the raw images. Give `raw`"),
        (
            {"features": ["intensity_mean"], "raw": Movie.from_array(np.zeros((3, 6, 7)))},
            "`raw` must have one frame per label frame: got 3 raw frames and 2 label frames",
        ),
        (
            {"features": ["intensity_mean"], "raw": Movie.from_array(np.zeros((2, 6, 9)))},
            r"`raw` has frames of \(6, 9\) pixels, the labels of \(6, 7\)",
        ),
        (
            {"features": ["intensity_mean"], "raw": Movie.from_array(np.zeros((2, 6, 7, 3)), "tyxc")},
            "`raw` has 3 channels. Choose one by `channel`",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused(arguments, words):
    with pytest.raises(InputError, match=words):
        measure(Movie.from_array(np.zeros((2, 6, 7), np.uint32)), **arguments)


def test_label_images_of_a_wrong_kind_are_refused():
    with pytest.raises(InputError, match="`labels` has 2 channels; a label image has one"):
        measure(Movie.from_array(np.zeros((2, 6, 7, 2), np.uint8), "tyxc"))
    with pytest.raises(InputError, match=r"a frame of 2 or 3 dimensions: got the shape \(4,\)"):
        measure(np.zeros(4, np.uint8))
    with pytest.raises(InputError, match="`labels` has no frames"):
        measure([])
    with pytest.raises(InputError, match="no meaning in 3 dimensions"):
        measure(np.ones((2, 2, 2), np.uint8), features=["eccentricity"])
