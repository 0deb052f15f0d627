"""Pins as a person states them: checks and words."""

import pytest

from nbtrack.data.pins import Pin
from nbtrack.errors import InputError


@pytest.mark.parametrize(
    ("pin", "words"),
    [
        (Pin("object", 3, 7), "object 7 in frame 3 is tracked"),
        (Pin("object", 3, 7, False), "object 7 in frame 3 is a false detection"),
        (Pin("count", 3, 7, 1), "object 7 in frame 3 holds 1 object"),
        (Pin("count", 3, 7, 2), "object 7 in frame 3 holds 2 objects"),
        (Pin("link", 3, 7, target_id=8), "the link from object 7 in frame 3 to object 8 in frame 4 is used"),
        (Pin("link", 3, 7, 0, target_id=8, target_t=6), "from object 7 in frame 3 to object 8 in frame 6 is not used"),
        (Pin("link", 3, 7, 2, target_id=8), "to object 8 in frame 4 is used by 2 objects"),
        (Pin("division", 3, 7), "object 7 in frame 3 divides"),
        (Pin("appearance", 3, 7, False), "object 7 in frame 3 does not start a track"),
        (Pin("disappearance", 3, 7), "object 7 in frame 3 ends a track"),
    ],
)  # fmt: skip
def test_a_pin_says_what_it_holds(pin: Pin, words: str) -> None:
    assert str(pin).endswith(words)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"kind": "merge", "t": 0, "object_id": 1}, r"`kind` of a pin must be one of object, count, .*: got 'merge'"),
        ({"kind": "count", "t": 0, "object_id": 1, "value": -1}, r"`value` of a pin on count cannot be -1"),
        ({"kind": "division", "t": 0, "object_id": 1, "value": 2}, r"on division cannot be 2. Use 0 or 1"),
        ({"kind": "link", "t": 0, "object_id": 1}, r"link of object 1 in frame 0 needs `target_id`"),
        ({"kind": "object", "t": 0, "object_id": 1, "target_id": 2}, r"`target_id` belongs to a pin on a link, not on"),
    ],
)
def test_a_pin_that_makes_no_sense_is_refused(given: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        Pin(**given)  # type: ignore[arg-type]
