import numpy as np

from nbtrack.simulation.prediction import Classifier, FaultSettings, fault_table, find_faults

NO_DEBRIS = np.zeros((0, 4))


def discs(*cells, shape=(64, 96), radius=8):
    labels = np.zeros(shape, np.uint32)
    y, x = np.ogrid[: shape[0], : shape[1]]
    for i, (cy, cx) in enumerate(cells, start=1):
        labels[(y - cy) ** 2 + (x - cx) ** 2 < radius**2] = i
    return labels


def predict(labels, debris=NO_DEBRIS, t=0, **settings):
    quiet = {"merge": 0.0, "miss": 0.0, "specks": 0.0} | settings
    return Classifier(labels.shape, (1, 1), FaultSettings(**quiet), 0).predict(labels, debris, t)


def kinds(labels, probability):
    return [(row["kind"], row["track_ids"]) for row in find_faults(labels, probability, 0)]


def test_far_nuclei_are_predicted_well():
    labels = discs((20, 20), (40, 60))
    probability = predict(labels)
    assert probability.dtype == np.float32
    assert probability.min() >= 0
    assert probability.max() <= 1
    np.testing.assert_allclose(probability * 100, np.round(probability * 100), atol=1e-4)
    assert ((probability > 0.5) == (labels > 0)).mean() > 0.97
    assert kinds(labels, probability) == []


def test_nuclei_a_pixel_apart_merge():
    labels = discs((30, 30), (30, 46))
    assert (labels[30, 37:39] == 0).sum() <= 1
    assert kinds(labels, predict(labels)) == [("merged", "1;2")]


def test_touching_nuclei_keep_a_dark_line_or_merge():
    labels = discs((30, 30), (30, 44))
    assert kinds(labels, predict(labels, merge=0.0)) == []
    assert kinds(labels, predict(labels, merge=1.0)) == [("merged", "1;2")]


def test_a_nucleus_can_be_missed():
    labels = discs((30, 30))
    assert kinds(labels, predict(labels, miss=1.0)) == [("missed", "1")]


def test_bright_debris_becomes_a_speck():
    labels = discs((30, 30))
    debris = np.array([[30.0, 70.0, 3.0, 1.2], [10.0, 80.0, 3.0, 0.1]])
    assert kinds(labels, predict(labels, debris)) == [("speck", "")]


def test_specks_appear_anywhere():
    labels = discs()
    assert {kind for kind, _ in kinds(labels, predict(labels, specks=20.0))} == {"speck"}


def test_faults_make_a_table_with_coordinates():
    labels = discs((30, 30), (30, 46))
    table = fault_table(find_faults(labels, predict(labels), 7), 2)
    assert table.columns.tolist() == ["t", "kind", "track_ids", "size", "y", "x"]
    assert table.t.tolist() == [7]
    assert abs(table.x[0] - 38) < 1
    assert fault_table([], 3).columns.tolist() == ["t", "kind", "track_ids", "size", "z", "y", "x"]
