"""From cell ids to tracks."""

import numpy as np

from nbtrack.simulation.nuclei import tracks_from_labels


def movie(*frames):
    """One row of pixels for each frame."""
    return np.array([[frame] for frame in frames], np.uint32)


def test_a_division_in_view():
    labels = movie([4, 0, 9], [4, 0, 9], [5, 6, 9])
    truth = tracks_from_labels(labels, {4: (5, 6)})
    assert truth.divisions[1].t == 1
    assert truth.children_of(1) == (3, 4)
    assert labels[2, 0].tolist() == [3, 4, 2]
    truth.check()


def test_a_cell_that_comes_back_is_a_new_track():
    labels = movie([7, 0], [0, 0], [7, 0])
    truth = tracks_from_labels(labels, {})
    assert truth.track_ids == [1, 2]
    assert labels.max(axis=(1, 2)).tolist() == [1, 0, 2]


def test_a_single_daughter_in_view_carries_on_the_track():
    labels = movie([4, 0], [5, 0], [5, 6])
    truth = tracks_from_labels(labels, {4: (5, 6)})
    assert truth.divisions == {}
    assert truth.objects_of(1) == {0: 1, 1: 1, 2: 1}
    assert truth.objects_of(2) == {2: 2}


def test_a_division_out_of_view_is_none():
    labels = movie([4, 0], [0, 0], [5, 6])
    truth = tracks_from_labels(labels, {4: (5, 6)})
    assert truth.divisions == {}
    assert truth.track_ids == [1, 2, 3]
