"""Labelling with the classifier looking on, and going on another day."""

import numpy as np
import pytest
from truth import choose, simulated

import nbtrack as nbt
from nbtrack.classifiers.forest import CalibratedForest
from nbtrack.errors import EditError, InputError


@pytest.fixture
def labelling():
    sample, detections, _, _, features = simulated(0)
    made = nbt.Labelling(detections, sample.raw)
    made._features = features  # measured once for all tests
    return made


def label(labelling, wanted, divisions=None):
    _, _, counts, divides, _ = simulated(0)
    for key, count in choose(counts, wanted).items():
        labelling.set_count(*key, count)
    for key, dividing in choose(divides, divisions or {}).items():
        labelling.set_division(*key, dividing)


def test_before_the_first_label_nothing_is_known(labelling):
    n = len(labelling.detections)
    assert labelling.classifier is None
    assert labelling.probabilities.shape == (n, 0)
    assert (labelling.predicted() == -1).all()
    assert (labelling.predicted("divisions") == -1).all()
    assert (labelling.uncertainty() == 1).all()
    assert labelling.classified.table.equals(labelling.detections.table)
    assert repr(labelling) == f"<Labelling of {n} objects: <Labels: 0 counts, 0 divisions, 0 lost>>"


def test_each_label_changes_all_probabilities(labelling):
    seen = []
    labelling.on_change(lambda change: seen.append(labelling.probabilities))
    label(labelling, {1: 2, 0: 1})
    label(labelling, {}, {True: 1})
    assert [len(p.columns) for p in seen] == [3, 3, 3, 4]
    assert not seen[0].equals(seen[1])
    assert labelling.probabilities is seen[-1]
    labelling.undo()
    assert "p_division" not in labelling.probabilities
    labelling.redo()
    assert labelling.probabilities.equals(seen[-1])
    with pytest.raises(EditError, match="There is no label to bring back"):
        labelling.redo()


def test_the_other_forest_is_not_grown_again(labelling, monkeypatch):
    label(labelling, {0: 2, 1: 2}, {True: 2, False: 2})
    before = labelling.probabilities
    grown = []

    def grow(*args, **kwargs):
        grown.append(1)
        return CalibratedForest(*args, **kwargs)

    monkeypatch.setattr("nbtrack.classifiers.object_classifier.CalibratedForest", grow)
    label(labelling, {2: 1})
    assert labelling.probabilities["p_division"].equals(before["p_division"])
    assert not labelling.probabilities["p_count_2"].equals(before["p_count_2"])
    assert len(grown) == 1


def test_where_to_label_next(labelling):
    table = labelling.detections.table
    largest, smallest = labelling.largest(3), labelling.smallest(2)
    sizes = table.set_index(["t", "object_id"])["size"]
    assert [sizes[key] for key in largest] == table["size"].nlargest(3).tolist()
    assert [sizes[key] for key in smallest] == table["size"].nsmallest(2).tolist()
    labelling.set_count(*largest[0], 2)
    labelling.set_count(*smallest[0], 0)
    labelling.set_count(*labelling.most_uncertain(1)[0], 1)
    assert labelling.largest(2) == largest[1:]
    assert labelling.smallest(1) == smallest[1:]
    assert labelling.largest(1, of="divisions") == largest[:1]
    uncertain = labelling.most_uncertain(5)
    assert len(set(uncertain)) == 5
    assert not set(uncertain) & set(labelling.labels.counts)
    rows = {key: row for row, key in enumerate(zip(table["t"], table["object_id"], strict=True))}
    values = labelling.uncertainty()[[rows[key] for key in uncertain]]
    assert (np.diff(values) <= 0).all()
    assert len(labelling.most_uncertain(10**6)) == len(table) - 3
    for ask in (labelling.most_uncertain, labelling.largest, labelling.smallest):
        with pytest.raises(InputError, match="`of` must be one of 'counts', 'divisions': got 'x'"):
            ask(1, of="x")
    with pytest.raises(InputError, match="`of` must be one of"):
        labelling.predicted("x")


def test_a_few_clicks_where_the_labelling_leads_are_enough(labelling):
    _, _, counts, _, _ = simulated(0)

    def click(key):
        labelling.set_count(*key, min(counts[key], 2))

    for key in (*labelling.largest(2), *labelling.smallest(2), *choose(counts, {1: 2})):
        click(key)
    for _ in range(12):
        click(labelling.most_uncertain(1)[0])
    truth = np.minimum(list(counts.values()), 2)
    assert (labelling.predicted() == truth).mean() > 0.96


def test_labels_of_another_threshold_are_moved(labelling):
    label(labelling, {1: 5})
    sample = simulated(0)[0]
    other = nbt.segment(sample.prediction, channel=1, threshold=0.6)
    moved = nbt.Labelling(other, sample.raw, labels=labelling.labels)
    assert len(moved.labels) >= 4
    assert moved.labels.detections is other
    assert moved.probabilities["p_count_1"].notna().all()


def test_a_labelling_is_kept_with_the_project(labelling, tmp_path):
    label(labelling, {0: 2, 1: 2}, {False: 2})
    project = nbt.Project(tmp_path / "project")
    labelling.save(project.labelling_folder)
    again = nbt.Labelling.load(project.labelling_folder, labelling.detections, labelling.movie)
    assert again.labels.table.equals(labelling.labels.table)
    assert again.probabilities.equals(labelling.probabilities)
    assert again.base is None
    reused = nbt.ObjectClassifier.load(project.labelling_folder / "classifier.json")
    assert reused.predict(labelling.measure()).equals(labelling.probabilities)


def test_what_was_learned_before_is_not_counted_twice(labelling, tmp_path):
    label(labelling, {0: 2, 1: 2})
    sample, detections, counts, _, _ = simulated(1)
    following = nbt.Labelling(detections, sample.raw, classifier=labelling.classifier)
    assert following.classifier is labelling.classifier
    for key, count in choose(counts, {0: 1, 1: 1, 2: 1}).items():
        following.set_count(*key, count)
    following.save(tmp_path)
    again = nbt.Labelling.load(tmp_path, detections, sample.raw)
    assert len(again.classifier.lessons["counts"].labels) == 7
    assert again.probabilities.equals(following.probabilities)
    for key in list(again.labels.counts):
        again.set_count(*key, None)
    again.base = None
    again.save(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["labels.json"]


def test_a_labelling_that_is_not_there_is_a_sentence(labelling, tmp_path):
    with pytest.raises(InputError, match=r"labels\.json` cannot be read"):
        nbt.Labelling.load(tmp_path, labelling.detections)
