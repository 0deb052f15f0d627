import numpy as np

from nbtrack.data.palette import PALETTE, track_colors

# how people without one kind of cones see linear RGB (Machado, Oliveira and Fernandes 2009, severity 1)
DEFICIENCIES = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def test_the_same_id_has_the_same_colour_whatever_stands_beside_it():
    many = track_colors(np.arange(1, 1000))
    assert many.dtype == np.uint8
    assert many.shape == (999, 3)
    assert (track_colors([7, 500])[1] == many[499]).all()
    assert track_colors([]).shape == (0, 3)
    assert len(np.unique(many, axis=0)) == len(PALETTE)


def test_false_detections_are_black_and_untracked_objects_grey():
    assert track_colors([-1, 65535, 0]).tolist() == [[0, 0, 0], [0, 0, 0], [128, 128, 128]]
    assert track_colors(np.arange(1, 65535)).max(axis=1).min() > 60  # no track looks like a false detection


def test_changing_the_answer_does_not_change_the_palette():
    before = track_colors([1])
    track_colors([1, 2])[:] = 9
    assert (track_colors([1]) == before).all()


def test_neighbouring_ids_differ_for_every_kind_of_eye():
    colors = track_colors(np.arange(1, 7)) / 255.0
    linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    for matrix in DEFICIENCIES.values():
        seen = np.clip(linear @ np.array(matrix).T, 0, 1) ** (1 / 2.2) * 255
        distance = np.linalg.norm(seen[:, None] - seen[None], axis=-1)
        assert distance[~np.eye(6, dtype=bool)].min() > 25
