"""The detection table and its rules."""

import numpy as np
import pytest

from nbtrack.data.columns import check_table, detection_columns, make_table
from nbtrack.data.detections import Detections
from nbtrack.errors import InputError

FRAMES = np.zeros((3, 8, 9), np.uint32)


def table_of(t, object_id):
    zeros = dict.fromkeys(detection_columns(2), [0] * len(t))
    return make_table(detection_columns(2), {**zeros, "t": t, "object_id": object_id})


def test_rows_of_a_frame_are_found():
    detections = Detections(FRAMES, table_of([0, 0, 2], [1, 4, 1]), (8, 9))
    assert [detections.rows_of(t) for t in range(3)] == [slice(0, 2), slice(2, 2), slice(2, 3)]
    assert len(detections) == 3
    assert (detections.n_frames, detections.ndim, detections.scale) == (3, 2, (1.0, 1.0))
    assert detections.columns_position == ["y", "x"]
    assert repr(detections) == "Detections(3 objects in 3 frames of 8 x 9 pixels)"


def test_columns_have_their_order_in_three_dimensions():
    names = "t object_id z y x size bbox_z_min bbox_y_min bbox_x_min bbox_z_max bbox_y_max bbox_x_max"
    assert list(detection_columns(3)) == names.split()


@pytest.mark.parametrize(
    ("t", "object_id", "words"),
    [
        ([0, 3], [1, 1], "`table` has objects in frames 0 to 3, but there are 3 label frames"),
        ([0, 1], [0, 1], "`table` has the object id 0. Ids start at 1"),
        ([1, 0], [1, 1], "`table` must be sorted by t, then object_id"),
        ([1, 1], [2, 2], "`table` must be sorted by t, then object_id, each object once"),
    ],
)
def test_a_table_that_breaks_the_rules_is_refused(t, object_id, words):
    with pytest.raises(InputError, match=words):
        Detections(FRAMES, table_of(t, object_id), (8, 9))


def test_columns_and_types_are_checked():
    table = table_of([0], [1])
    with pytest.raises(
        InputError, match=r"`table` must start with the columns t, object_id, y, x, .*: got object_id, y"
    ):
        check_table(table.drop(columns="t"), detection_columns(2), "table")
    with pytest.raises(InputError, match="`table` has columns of the wrong type: t is float64, size is float64"):
        Detections(FRAMES, table.astype({"t": float, "size": float}), (8, 9))
    with pytest.raises(InputError, match="`scale` must have 2 numbers"):
        Detections(FRAMES, table, (8, 9), (1.0, 1.0, 1.0))
