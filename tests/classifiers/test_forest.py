"""The calibrated forest, down to a single label."""

import numpy as np
import pytest

from nbtrack.classifiers.forest import CalibratedForest
from nbtrack.errors import InputError


def clouds(n, seed=0, shares=(0.5, 0.5), spread=1.0):
    """Points of classes that lie 2 apart, in 5 dimensions of which one matters."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(len(shares), n, p=shares)
    rows = rng.normal(0, spread, (n, 5))
    rows[:, 0] += 2 * labels
    return rows, labels


def log_loss(p, labels):
    return -np.log(p[np.arange(len(labels)), labels]).mean()


def calibration_error(p, labels):
    """Distance of what happens from what was said, by tenths of the probability of class 1."""
    bins = np.minimum((p * 10).astype(int), 9)
    return sum(
        (bins == k).mean() * abs(labels[bins == k].mean() - p[bins == k].mean()) for k in range(10) if (bins == k).any()
    )


@pytest.mark.parametrize("labels", [[0], [1, 1], [0, 1], [0, 1, 2], [1, 1, 1], [0, 0, 1], [2, 2, 0, 0]])
def test_a_few_labels_are_enough(labels):
    rows = np.arange(len(labels), dtype=float)[:, None] + np.array(labels)[:, None] * 10
    p = CalibratedForest(rows, np.array(labels), 3, everything=np.repeat(rows, 30, axis=0)).predict(rows)
    assert p.shape == (len(labels), 3)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert (p > 0).all()
    unseen = [k for k in range(3) if k not in labels]
    assert (p[:, unseen] < 0.3).all()
    if len(set(labels)) == 1:
        assert (p[:, labels[0]] > 0.5).all()


def test_no_label_is_refused():
    with pytest.raises(InputError, match="A classifier needs at least one label: got none"):
        CalibratedForest(np.zeros((0, 2)), np.zeros(0, int), 2)


def test_no_rows_give_no_probabilities():
    assert CalibratedForest(np.eye(2), np.array([0, 1]), 2).predict(np.zeros((0, 2))).shape == (0, 2)


def test_probabilities_are_closer_to_the_truth_than_votes():
    wide, narrow = [], []
    for seed in range(4):
        rows, labels = clouds(40, seed, spread=0.6)
        others, truth = clouds(600, seed + 100, spread=0.6)
        forest = CalibratedForest(rows, labels, 2)
        votes = forest._forest.predict_proba(others.astype(np.float32))
        wide.append(log_loss(np.clip(votes, 0.005, 0.995), truth))
        narrow.append(log_loss(forest.predict(others), truth))
        assert forest.power > 1  # votes are too cautious
    assert np.mean(narrow) < np.mean(wide)


def test_frequencies_come_from_all_objects_not_from_the_labels():
    rows, labels = clouds(30, 1, spread=0.5)
    others, truth = clouds(2000, 2, shares=(0.95, 0.05), spread=0.5)
    plain = CalibratedForest(rows, labels, 2)
    told = CalibratedForest(rows, labels, 2, everything=others)
    assert plain.shares[1] > 0.35
    assert 0.05 < told.shares[1] < 0.2
    assert log_loss(told.predict(others), truth) < log_loss(plain.predict(others), truth)
    assert calibration_error(told.predict(others)[:, 1], truth) < 0.03


def test_a_class_without_labels_keeps_its_share():
    rows, labels = clouds(20, 3)
    forest = CalibratedForest(rows, labels, 4, everything=clouds(300, 4, shares=(0.9, 0.1))[0])
    np.testing.assert_allclose(forest.shares.sum(), 1)
    assert forest.shares[2] == forest.shares[3] == pytest.approx(1 / 24)
    p = forest.predict(rows)
    assert (p[:, 2] > 0).all()
    assert (p[:, 2] < 0.05).all()


def test_the_same_rows_give_the_same_probabilities():
    rows, labels = clouds(25, 5)
    others = clouds(50, 6)[0]
    first = CalibratedForest(rows, labels, 2, everything=others)
    again = CalibratedForest(rows, labels, 2, shares=first.shares)
    np.testing.assert_array_equal(first.predict(others), again.predict(others))
    np.testing.assert_array_equal(first.predict(others)[:7], first.predict(others[:7]))
