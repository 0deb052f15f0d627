"""Simulated movies with the right answers of the classifier, and labels taken from them."""

from functools import cache

import numpy as np

import nbtrack as nbt
from nbtrack.classifiers.object_table import object_features
from nbtrack.overlap import count_overlaps


@cache
def simulated(seed, noise=3.0, n_frames=30):
    """A sample, its objects, how many cells each holds, which divide, and their features."""
    sample = nbt.sample("nuclei", size=(400, 500), n_frames=n_frames, seed=seed, noise=noise)
    detections = nbt.segment(sample.prediction, channel=1)
    mothers = {(division.t, division.parent_track_id) for division in sample.truth.divisions.values()}
    counts, divisions = {}, {}
    for t in range(detections.n_frames):
        right = np.asarray(sample.labels[t])
        size = np.bincount(right.ravel())
        cells: dict[int, list[int]] = {}
        for object_id, cell, shared in zip(*count_overlaps(detections.labels[t], right), strict=True):
            if 2 * shared > size[cell]:
                cells.setdefault(int(object_id), []).append(int(cell))
        for object_id in detections.table["object_id"][detections.rows_of(t)].tolist():
            own = cells.get(object_id, [])
            counts[t, object_id] = len(own)
            divisions[t, object_id] = len(own) == 1 and (t, own[0]) in mothers
    return sample, detections, counts, divisions, object_features(detections, sample.raw)


def choose(answers, wanted, seed=0):
    """Take some objects of each answer, as a person would who looks for rare ones too."""
    rng = np.random.default_rng(seed)
    chosen = {}
    for value, n in wanted.items():
        keys = [key for key, answer in answers.items() if answer == value]
        chosen |= {keys[i]: answers[keys[i]] for i in rng.permutation(len(keys))[:n]}
    return chosen


def area_under_curve(score, truth):
    """Chance that an object for which it is true scores higher than one for which it is not."""
    truth = np.asarray(truth, bool)
    rank = np.argsort(np.argsort(score)) + 1
    positive = truth.sum()
    return (rank[truth].sum() - positive * (positive + 1) / 2) / (positive * (~truth).sum())


def calibration_error(p, truth):
    """Distance of what happened from what was said, by tenths."""
    truth, bins = np.asarray(truth, float), np.minimum((np.asarray(p) * 10).astype(int), 9)
    return sum((bins == k).mean() * abs(truth[bins == k].mean() - p[bins == k].mean()) for k in np.unique(bins))
