import pytest

from nbtrack.data.lineage import Lineage
from nbtrack.editing.commands import Assign, Divide, Group, MarkFalse, Unassign, Undivide, UnmarkFalse
from nbtrack.errors import EditError


@pytest.fixture
def lineage():
    return Lineage.from_tables(
        [(0, 1, 1), (1, 1, 1), (2, 1, 2), (2, 2, 3), (0, 1, 4), (0, 1, 5)], [(1, 1, 2, 3)], [(0, 9)]
    )


COMMANDS = [
    Assign(3, 1, 2),
    Assign(2, 1, 6),
    Assign(0, 9 + 1, 6, (6,)),
    Unassign(0, 1, 4),
    Unassign(0, 1, 1),
    MarkFalse(0, 8),
    UnmarkFalse(0, 9),
    Undivide(1),
    Group((Undivide(1), Unassign(2, 2, 3), MarkFalse(2, 2))),
]


@pytest.mark.parametrize("command", COMMANDS, ids=repr)
def test_do_undo_redo(command, lineage) -> None:
    before = lineage.copy()
    inverse = command.apply(lineage)
    lineage.check()
    after = lineage.copy()
    assert after != before
    again = inverse.apply(lineage)
    assert lineage == before
    again.apply(lineage)
    assert lineage == after


def test_divide_do_undo_redo(lineage) -> None:
    lineage.undivide(1)
    before = lineage.copy()
    inverse = Divide(1, 1, 2, 3).apply(lineage)
    assert lineage.children_of(1) == (2, 3)
    inverse.apply(lineage)
    assert lineage == before


def test_order_of_a_merger_comes_back(lineage) -> None:
    inverse = Unassign(0, 1, 4).apply(lineage)
    assert lineage.tracks_at(0, 1) == (1, 5)
    inverse.apply(lineage)
    assert lineage.tracks_at(0, 1) == (1, 4, 5), "the first track colours a merger"


@pytest.mark.parametrize("order", [(), (3, 7)])
def test_child_that_begins_earlier_can_be_taken_back(order) -> None:
    """The division holds the first object of a child, so taking back must put the division aside."""
    lineage = Lineage.from_tables([(1, 1, 1), (4, 1, 2), (4, 2, 3), (2, 2, 7)], [(1, 1, 2, 3)])
    before = lineage.copy()
    inverse = Assign(2, 2, 3, order).apply(lineage)
    after = lineage.copy()
    again = inverse.apply(lineage)
    assert lineage == before
    again.apply(lineage)
    assert lineage == after
    lineage.check()


def test_group_is_all_or_nothing(lineage) -> None:
    before = lineage.copy()
    with pytest.raises(EditError, match="takes part in the division"):
        Group((Unassign(0, 1, 4), MarkFalse(3, 3), Unassign(1, 1, 1))).apply(lineage)
    assert lineage == before


def test_touched_objects(lineage) -> None:
    assert Assign(3, 1, 2).touches(lineage) == ((3, 1),)
    assert Undivide(1).touches(lineage) == ((1, 1), (2, 1), (2, 2))
    assert Undivide(7).touches(lineage) == ()
    assert Group((Unassign(0, 1, 4), Unassign(0, 1, 5))).touches(lineage) == ((0, 1),)
