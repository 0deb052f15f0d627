"""How parameters are declared and checked, and those of the segmentation."""

from dataclasses import dataclass, fields

import pytest

from nbtrack.errors import InputError
from nbtrack.params import SegmentationParams, check_ranges, param


@dataclass(frozen=True, kw_only=True)
class Example:
    """One parameter of each kind."""

    switch: bool = param(True, "Switch", "On or off.")
    count: int = param(2, "Count", "How many.", low=1, high=9, small=1)
    maybe: float | None = param(None, "Maybe", "Seconds or nothing.", low=0, unit="s")
    way: str = param("auto", "Way", "How.", choices=("auto", "fast"))
    text: str = param("", "Text", "Free.")
    pair: tuple[int, int] = param((1, 2), "Pair", "Two numbers.", low=0)

    def __post_init__(self):
        check_ranges(self)


def test_a_field_knows_how_to_show_itself():
    count = {item.name: item for item in fields(Example)}["count"]
    assert count.metadata["label"] == "Count"
    assert (count.metadata["low"], count.metadata["high"], count.metadata["presets"]) == (1, 9, {"small": 1})
    assert {item.metadata["label"] for item in fields(SegmentationParams)} >= {"Threshold", "Size range", "Smoothing"}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("switch", 1, "`switch` must be True or False: got 1"),
        ("count", 10, "`count` is out of range: got 10, allowed is 1 to 9"),
        ("count", 2.5, "`count` must be a whole number: got 2.5"),
        ("count", True, "`count` must be a whole number: got True"),
        ("count", (1, 2), "`count` must be a whole number"),
        ("maybe", -1.0, "`maybe` is out of range: got -1.0, allowed is at least 0"),
        ("maybe", float("nan"), "`maybe` must be a number: got nan"),
        ("way", "slow", "`way` must be one of 'auto', 'fast': got 'slow'"),
        ("text", 3, "`text` must be a text: got 3"),
        ("pair", (1, 2, 3), r"`pair` must have 2 numbers: got \(1, 2, 3\)"),
        ("pair", (1, -2), r"`pair` is out of range: got \(1, -2\)"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(name, value, words):
    with pytest.raises(InputError, match=words):
        Example(**{name: value})


def test_values_that_fit_are_taken():
    Example(switch=False, count=9, maybe=0, way="fast", text="x", pair=(0, 0))
    assert SegmentationParams(sigma=[1, 2.0], size=[3, 4]).sigma == (1, 2.0)
