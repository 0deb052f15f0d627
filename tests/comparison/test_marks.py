"""What of a comparison is drawn, and where."""

import cases
import numpy as np
import pytest

import nbtrack as nbt
from nbtrack.comparison.marks import MARK, find_marks
from nbtrack.data.lineage import Lineage

DETECTIONS = cases.division().detections
DIVIDING = Lineage.from_tables([(0, 1, 1), (1, 1, 1), (2, 1, 2), (2, 2, 3), (3, 1, 2), (3, 2, 3)], [(1, 1, 2, 3)])
RIGID = Lineage.from_tables([(0, 1, 1), (1, 1, 1), (2, 1, 1), (3, 1, 1)])


def drawn(marks):
    return {tuple(None if np.isnan(v) else v for v in row) for row in marks.tolist()}


def test_a_division_is_two_lines_and_an_object_a_ring() -> None:
    found = nbt.compare(DIVIDING, RIGID, detections=DETECTIONS)
    marks = find_marks(found, "division")
    assert marks.shape == (2, len(MARK))
    assert drawn(marks) == {(1, 2, 0, 22.5, 22.5, 0, 18.5, 22.5, 0), (1, 2, 0, 22.5, 22.5, 0, 27.5, 22.5, 0)}
    rings = find_marks(found, "count")
    assert drawn(rings) == {(t, t, 0, 27.5, 22.5, None, None, None, 0) for t in (2, 3)}
    assert len(find_marks(found)) == sum(len(find_marks(found, kind)) for kind in found.kinds)


def test_the_second_side_and_volumes() -> None:
    case = cases.three_dimensional()
    objects = case.detections.table[["t", "object_id"]].to_numpy().tolist()
    one = Lineage.from_tables([(t, i, n) for n, (t, i) in enumerate(objects, 1)])
    marks = find_marks(nbt.compare(Lineage(), one, detections=case.detections))
    assert set(marks[:, -1]) == {1.0}
    assert len(marks) >= len(objects)
    assert (marks[:, 2] > 0).all()


@pytest.mark.parametrize("detections", [None, DETECTIONS])
def test_nothing_to_draw(detections) -> None:
    other = RIGID if detections else DIVIDING
    assert find_marks(nbt.compare(other, RIGID, detections=detections)).shape == (0, len(MARK))
