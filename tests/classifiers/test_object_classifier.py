"""Learning from a few labels: quality on the next movie, small and odd sets of labels, files."""

import json

import numpy as np
import pandas as pd
import pytest
from truth import area_under_curve, calibration_error, choose, simulated

import nbtrack as nbt
from nbtrack.classifiers.labels import Labels
from nbtrack.classifiers.object_classifier import (
    LEARNED_FROM,
    Lesson,
    ObjectClassifier,
    check_question,
    uncertainty,
    with_probabilities,
)
from nbtrack.errors import InputError


@pytest.fixture(scope="module")
def movie():
    return simulated(0)


@pytest.fixture(scope="module")
def labels(movie):
    _, detections, counts, divisions, _ = movie
    return Labels(detections, choose(counts, {0: 10, 1: 12, 2: 8}), choose(divisions, {False: 20, True: 10}))


@pytest.fixture(scope="module")
def classifier(movie, labels):
    return ObjectClassifier.train(movie[4], labels)


def test_thirty_labels_tell_the_counts_of_the_next_movie(classifier):
    _, _, counts, _, features = simulated(1)
    p = classifier.predict(features)
    p_count = p[["p_count_0", "p_count_1", "p_count_2"]].to_numpy()
    truth = np.minimum(list(counts.values()), 2)
    assert (p_count.argmax(axis=1) == truth).mean() > 0.97
    for k in (0, 2):
        assert area_under_curve(p_count[:, k], truth == k) > 0.98
    for k in range(3):
        assert calibration_error(p_count[:, k], truth == k) < 0.04


def test_thirty_labels_tell_the_divisions_of_the_next_movie(classifier):
    _, _, _, divisions, features = simulated(1)
    p = classifier.predict(features)["p_division"].to_numpy()
    truth = np.array(list(divisions.values()))
    assert truth.sum() >= 5
    assert area_under_curve(p, truth) > 0.95
    assert ((p > 0.5) == truth).mean() > 0.97
    assert calibration_error(p, truth) < 0.04


@pytest.mark.slow
def test_tracking_is_better_with_it(classifier):
    from nbtrack.evaluation import compare

    sample, detections, _, _, _ = simulated(1)
    params = nbt.TrackingParams(preset="conservation", alpha=20)
    scores = []
    for objects in (detections, nbt.classify(detections, sample.raw, classifier=classifier)):
        scores.append(compare(nbt.track(objects, params).lineage, objects, sample.truth, sample.labels))
    assert scores[1]["link_f1"] > scores[0]["link_f1"]
    assert scores[1]["division_f1"] > scores[0]["division_f1"] + 0.1


def test_probabilities_are_probabilities(classifier, movie):
    p = classifier.predict(movie[4])
    assert p.columns.to_list() == ["p_count_0", "p_count_1", "p_count_2", "p_division"]
    np.testing.assert_allclose(p.filter(like="p_count").sum(axis=1), 1)
    assert ((p > 0) & (p < 1)).all(axis=None)


def test_the_order_of_clicks_does_not_matter(classifier, movie, labels):
    _, detections, _, _, features = movie
    other = Labels(detections)
    for key, dividing in reversed(labels.divisions.items()):
        other.set_division(*key, dividing)
    for key, count in reversed(labels.counts.items()):
        other.set_count(*key, count)
    assert ObjectClassifier.train(features, other).predict(features).equals(classifier.predict(features))


@pytest.mark.parametrize(
    "wanted", [{0: 1, 1: 1, 2: 1}, {1: 3}, {0: 3}, {1: 2, 0: 1}, {1: 2, 2: 1}, {2: 1}], ids=lambda wanted: str(wanted)
)
def test_three_labels_are_enough_and_a_class_may_be_missing(movie, wanted):
    sample, detections, counts, _, _ = movie
    found = nbt.classify(detections, sample.raw, counts=choose(counts, wanted)).table
    assert "p_division" not in found
    p = found[["p_count_0", "p_count_1", "p_count_2"]].to_numpy()
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert (p > 0).all()
    for k in set(range(3)) - set(wanted):
        assert (p[:, k] < (0.5 if k == 1 else 0.25)).all()


def test_divisions_may_be_labelled_alone_and_on_one_side(movie):
    sample, detections, _, divisions, _ = movie
    for wanted in ({True: 2, False: 1}, {False: 3}):
        found = nbt.classify(detections, sample.raw, divisions=choose(divisions, wanted)).table
        assert "p_count_0" not in found
        assert found["p_division"].between(0, 1, inclusive="neither").all()
    assert (found["p_division"] < 0.3).all()


def test_the_result_is_ready_for_the_tracker(movie):
    sample, detections, counts, divisions, _ = movie
    found = nbt.classify(
        detections,
        sample.raw,
        counts={**choose(counts, {0: 3, 1: 3}), (0, 1): 3},
        divisions=choose(divisions, {True: 2}),
    )
    assert found.table.columns[-5:].to_list() == [*(f"p_count_{k}" for k in range(4)), "p_division"]
    assert found.labels is detections.labels
    assert "p_division" not in detections.table
    graph = nbt.link_candidates(found, nbt.TrackingParams())
    assert graph.p_count.shape == (graph.n_detections, 4)
    again = nbt.classify(found, sample.raw, counts=choose(counts, {1: 3}))
    assert again.table.columns[-3:].to_list() == ["p_count_0", "p_count_1", "p_count_2"]
    assert "p_division" not in again.table


def test_movies_without_raw_images_and_in_three_dimensions(classifier, movie):
    _, detections, counts, _, _ = movie
    alone = nbt.classify(detections, counts=choose(counts, {0: 5, 1: 5, 2: 5}))
    assert (alone.table["p_count_1"] > 0.5).mean() > 0.8
    # a classifier that learned with raw images, on a movie that has none
    without = nbt.classify(detections, classifier=classifier).table
    truth = np.minimum(list(counts.values()), 2)
    assert (without[["p_count_0", "p_count_1", "p_count_2"]].to_numpy().argmax(axis=1) == truth).mean() > 0.95
    volume = nbt.sample("nuclei_3d", size=(10, 64, 64), n_frames=3)
    objects = nbt.segment(volume.prediction, channel=1)
    assert nbt.classify(objects, volume.raw, classifier=classifier).table["p_division"].notna().all()


def test_a_classifier_is_carried_to_the_next_movie_and_learns_on(classifier, labels):
    sample, detections, counts, _, features = simulated(1)
    carried = nbt.classify(detections, sample.raw, classifier=classifier)
    pd.testing.assert_frame_equal(
        carried.table[["p_count_0", "p_division"]], classifier.predict(features)[["p_count_0", "p_division"]]
    )
    more = ObjectClassifier.train(features, Labels(detections, choose(counts, {0: 3, 2: 3})), base=classifier)
    assert len(more.lessons["counts"].labels) == len(labels.counts) + 6
    assert more.lessons["divisions"] is classifier.lessons["divisions"]
    assert repr(more) == "<ObjectClassifier: 36 labels of counts, 30 labels of divisions>"


def test_a_stored_classifier_gives_the_same_probabilities(classifier, tmp_path):
    _, detections, _, _, features = simulated(1)
    classifier.save(tmp_path / "classifier.json")
    again = ObjectClassifier.load(tmp_path / "classifier.json")
    pd.testing.assert_frame_equal(again.predict(features), classifier.predict(features), check_exact=True)
    by_path = nbt.classify(detections, simulated(1)[0].raw, classifier=tmp_path / "classifier.json")
    assert by_path.table["p_count_1"].equals(classifier.predict(features)["p_count_1"])
    again.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_text() == (tmp_path / "classifier.json").read_text()


def test_a_damaged_classifier_is_a_sentence(classifier, tmp_path):
    file = tmp_path / "classifier.json"
    classifier.save(file)
    content = json.loads(file.read_text())
    lesson = content["lessons"]["counts"]
    n = len(lesson["labels"])
    file.write_text("[]")
    with pytest.raises(InputError, match="does not hold the classifier of nbtrack"):
        ObjectClassifier.load(file)
    for change, words in [
        ({"labels": lesson["labels"][1:]}, "is damaged: its rows are not complete. Put back a copy, or train anew"),
        ({"labels": [9] * n}, "is damaged: it has labels from 9 to 9, which it cannot have"),
        ({"labels": [-1] * n}, "it has labels from -1 to -1"),
        ({"rows": [[1.0]]}, "is damaged"),
        ({"rows": "x"}, "is damaged"),
        ({"shares": [0.5, 0.5]}, "its shares do not fit"),
        ({"shares": [0.0, 0.5, 0.5]}, "its shares do not fit"),
    ]:
        file.write_text(json.dumps(content | {"lessons": {"counts": lesson | change}}))
        with pytest.raises(InputError, match=words):
            ObjectClassifier.load(file)
    for change in ({"max_count": "x"}, {"seed": None}, {"lessons": None}, {"lessons": {}}):
        file.write_text(json.dumps(content | change))
        with pytest.raises(InputError, match="is damaged"):
            ObjectClassifier.load(file)


def test_what_cannot_be_learned_is_refused(movie, classifier):
    sample, detections, counts, _, features = movie
    with pytest.raises(InputError, match=r"A classifier needs at least one label: got none\. Label some objects"):
        nbt.classify(detections, sample.raw)
    with pytest.raises(InputError, match="There is no object 9999 in frame 0"):
        nbt.classify(detections, sample.raw, counts={(0, 9999): 1})
    with pytest.raises(
        InputError, match=r"`max_count` is 1, but must be at least 1 and .* number of cells, 2\. Raise it"
    ):
        ObjectClassifier.train(features, Labels(detections, choose(counts, {2: 1})), max_count=1)
    with pytest.raises(InputError, match="`features` must have one row per object: got 3 rows and"):
        ObjectClassifier.train(features.head(3), Labels(detections, choose(counts, {1: 1})))
    with pytest.raises(InputError, match="The objects have no feature that the classifier learned from"):
        classifier.predict(pd.DataFrame({"other": [1.0]}))
    with pytest.raises(InputError, match="`of` must be one of 'counts', 'divisions': got 'size'"):
        check_question("size")
    with pytest.raises(InputError, match="`raw` must have one frame per label frame"):
        nbt.classify(detections, nbt.Movie.from_array(np.zeros((2, 400, 500)), "tyx"), classifier=classifier)


def test_uncertainty_is_one_less_the_margin():
    p = pd.DataFrame({"p_count_0": [1, 0.5, 0.2], "p_count_1": [0, 0.5, 0.7], "p_count_2": [0, 0, 0.1]})
    np.testing.assert_allclose(uncertainty(p), [0, 1, 0.5])
    assert uncertainty(p, "divisions").tolist() == [1, 1, 1]
    p = pd.DataFrame({"p_division": [0.5, 0.9, 0.0]})
    np.testing.assert_allclose(uncertainty(p, "divisions"), [1, 0.2, 0])
    assert uncertainty(p).tolist() == [1, 1, 1]
    with pytest.raises(InputError, match="`of` must be one of"):
        uncertainty(p, "colors")


def test_every_feature_learned_from_is_one_that_is_measured(movie):
    known = {"radius_2", *movie[4].columns}
    assert {name for names in LEARNED_FROM.values() for name in names} <= known


def test_probabilities_take_the_place_of_earlier_ones(movie):
    _, detections, _, _, _ = movie
    n = len(detections)
    first = with_probabilities(detections, pd.DataFrame({"p_count_0": np.zeros(n), "p_division": np.ones(n)}))
    second = with_probabilities(first, pd.DataFrame({"p_count_1": np.ones(n)}))
    assert [name for name in second.table if name.startswith("p_")] == ["p_count_1"]


def test_a_lesson_without_labels_is_none(movie):
    with pytest.raises(InputError, match="at least one label"):
        ObjectClassifier({"counts": Lesson(movie[4].head(0), np.zeros(0, int))})
