"""The features that classifiers learn from."""

from dataclasses import replace

import numpy as np
import pytest

import nbtrack as nbt
from nbtrack.classifiers.neighborhood import REACH, neighborhood_features
from nbtrack.classifiers.object_table import object_features
from nbtrack.errors import InputError

BRIGHT = ("bright", "skewness", "kurtosis")


def surroundings(points, size=None, brightness=None):
    """Features of objects given frame by frame, in a unit of 1."""
    t = np.repeat(np.arange(len(points)), [len(frame) for frame in points])
    position = np.array([point for frame in points for point in frame], float)
    size = np.ones(len(t)) if size is None else np.array(size, float)
    return neighborhood_features(t, position, np.ones(len(t)), size, brightness)


def test_a_mother_has_her_daughters_beside_her():
    found = surroundings([[(0, 0)], [(0, 1.5), (0, -1)]], size=[10, 4, 6], brightness=np.array([8.0, 3, 1]))
    mother = {name: values[0] for name, values in found.items()}
    assert mother["next_distance_0"] == 1
    assert mother["next_distance_1"] == 1.5
    assert mother["next_distance_2"] == REACH
    assert mother["parent_children_size"] == 1
    assert mother["parent_children_brightness"] == 2
    assert mother["children_size"] == pytest.approx(2 / 3)
    assert mother["children_brightness"] == pytest.approx(1 / 3)
    assert mother["children_distance"] == pytest.approx(1 / 1.5)
    assert mother["parent_children_angle"] == mother["pair_angle"] == 180
    assert mother["pair_offset"] == 0.25
    assert mother["pair_distance"] == 2.5
    assert mother["pair_size"] == 1
    assert mother["pair_balance"] == pytest.approx(2 / 3)
    assert mother["pair_rival"] == 5
    assert mother["next_claims"] == 2
    assert mother["previous_claims"] == 0
    assert mother["next_size"] == pytest.approx(np.log(0.6))
    assert mother["previous_size"] == 0
    assert mother["neighbor_distance"] == REACH


def test_the_last_frame_and_a_lonely_object_have_no_candidates():
    found = surroundings([[(0, 0)], [(0, 20)]])
    for name in ("parent_children_size", "children_size", "children_distance", "parent_children_angle", "pair_angle"):
        assert found[name].tolist() == [0, 0]
    assert found["next_distance_0"].tolist() == [REACH, REACH]
    assert found["pair_offset"].tolist() == [REACH, REACH]
    assert found["next_claims"].tolist() == [0, 0]


def test_the_daughters_are_found_beside_a_nearer_neighbor():
    before = [(0.0, 0.0), (0.0, 3.0)]
    after = [(-1.6, 0.0), (1.6, 0.0), (0.0, 1.5)]
    mother = {name: values[0] for name, values in surroundings([before, after], size=[2, 1, 1, 1, 1]).items()}
    assert mother["next_distance_0"] == 1.5  # which is the neighbor
    assert mother["pair_offset"] == 0
    assert mother["pair_size"] == 1
    assert mother["pair_angle"] == pytest.approx(180)
    assert mother["pair_rival"] == pytest.approx(np.hypot(3, 1.6) / 1.6)


def test_the_largest_angle_of_three_candidates_counts():
    found = surroundings([[(0, 0)], [(0, 1), (0.1, 1.2), (0, -1.4)]])
    assert found["parent_children_angle"][0] == pytest.approx(180, abs=10)


def test_a_merger_is_claimed_from_both_sides():
    found = surroundings([[(0, -1), (0, 1)], [(0, 0)], [(0, -1), (0, 1)]], size=[1, 1, 2, 1, 1])
    assert found["previous_claims"][2] == found["next_claims"][2] == 2
    assert found["previous_claims"][3:].sum() == found["next_claims"][:2].sum() == 1


def test_empty_frames_are_skipped():
    found = neighborhood_features(np.array([0, 3]), np.zeros((2, 3)), np.ones(2), np.ones(2))
    assert found["next_distance_0"].tolist() == [0, REACH]


@pytest.fixture(scope="module", params=["nuclei", "nuclei_3d"])
def movie(request):
    sample = nbt.sample(request.param, size=(160, 160) if request.param == "nuclei" else (10, 80, 80), n_frames=4)
    return sample, nbt.segment(sample.prediction, channel=1)


def test_one_finite_row_per_object(movie):
    sample, detections = movie
    features = object_features(detections, sample.raw)
    assert len(features) == len(detections)
    assert np.isfinite(features.to_numpy()).all()
    assert ("convexity" in features) == (detections.ndim == 2)
    assert f"radius_{detections.ndim - 1}" in features
    for name in ("size", "brightness"):
        assert 0.5 < features[name].median() < 2


def test_without_raw_images_there_is_shape_only(movie):
    sample, detections = movie
    without = object_features(detections)
    full = object_features(detections, sample.raw)
    assert set(full) - set(without) == {name for name in full if any(word in name for word in BRIGHT)}
    np.testing.assert_array_equal(full[without.columns], without)


def test_exposure_and_background_do_not_matter(movie):
    sample, detections = movie
    plain = object_features(detections, sample.raw)
    raw = np.stack([np.asarray(frame, float) for frame in sample.raw])
    other = object_features(detections, nbt.Movie.from_array(3 * raw + 500, sample.raw.axes))
    np.testing.assert_allclose(other, plain, rtol=1e-6, atol=1e-6)


def test_magnification_hardly_matters():
    labels = np.zeros((3, 60, 60), np.uint32)
    yy, xx = np.indices(labels.shape[1:])
    for t in range(3):
        for k, (y, x, r) in enumerate([(15, 15 + t, 7), (40, 20, 9), (30, 45 - t, 6)], start=1):
            labels[t][(yy - y) ** 2 + (xx - x) ** 2 < r**2] = k
    one = object_features(nbt.detect(nbt.Movie.from_array(labels, "tyx")))
    large = labels.repeat(3, axis=1).repeat(3, axis=2)
    two = object_features(nbt.detect(nbt.Movie.from_array(large, "tyx")))
    np.testing.assert_allclose(two, one, atol=0.12)


def test_the_movie_is_one_of_several_channels(movie):
    sample, detections = movie
    raw = np.stack([np.asarray(frame) for frame in sample.raw])
    both = nbt.Movie.from_array(np.stack([np.zeros_like(raw), raw], axis=-1), sample.raw.axes + "c")
    np.testing.assert_array_equal(object_features(detections, both, channel=1), object_features(detections, sample.raw))
    with pytest.raises(InputError, match="`raw` has 2 channels"):
        object_features(detections, both)


def test_empty_and_full_frames_are_no_obstacle():
    empty = nbt.detect(nbt.Movie.from_array(np.zeros((2, 9, 9), np.uint32), "tyx"))
    assert len(object_features(empty)) == 0
    full = nbt.detect(nbt.Movie.from_array(np.ones((2, 9, 9), np.uint32), "tyx"))
    features = object_features(full, nbt.Movie.from_array(np.full((2, 9, 9), 7, np.uint8), "tyx"))
    assert np.isfinite(features.to_numpy()).all()


def test_detections_may_leave_objects_out_but_not_invent_any(movie):
    _, detections = movie
    some = replace(detections, table=detections.table.iloc[::2].reset_index(drop=True))
    assert len(object_features(some)) == len(some)
    table = detections.table.copy()
    table.loc[0, "object_id"] = 10**6
    table = table.sort_values(["t", "object_id"], ignore_index=True)
    with pytest.raises(InputError, match="Object 1000000 of frame 0 is in the table of the detections but not in"):
        object_features(replace(detections, table=table))
