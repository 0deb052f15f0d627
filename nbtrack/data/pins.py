"""Pins: states that a person holds fixed and that no solver may override."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from nbtrack.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Subject: TypeAlias = tuple[str, int, int, int, int]
"""What a pin speaks of: two pins with one subject exclude each other, or are the same."""

KINDS = ("object", "count", "link", "division", "appearance", "disappearance")
"""What can be pinned: whether an object is tracked, how many objects it holds, a link, a division, a start, an end."""


@dataclass(frozen=True)
class Pin:
    """Hold one state of the answer at a value.

    Parameters
    ----------
    kind : {"object", "count", "link", "division", "appearance", "disappearance"}
        What is held. An "object" is tracked (True) or a false detection (False).
    t, object_id : int
        The object; for a link the earlier of the two.
    value : int or bool
        The value: True or False, or a number of objects for a count or a link.
    target_id : int, optional
        For a link, the later object.
    target_t : int, optional
        For a link, the frame of the later object; the next frame if not given.

    Raises
    ------
    InputError
        If the kind is unknown, the value is negative or a link has no target.
    """

    kind: str
    t: int
    object_id: int
    value: int = 1
    target_id: int | None = None
    target_t: int | None = None

    def __post_init__(self) -> None:
        """Check the kind, the value and the target."""
        if self.kind not in KINDS:
            raise InputError(f"`kind` of a pin must be one of {', '.join(KINDS)}: got {self.kind!r}.")
        if self.value < 0 or (self.kind in ("object", "division") and self.value > 1):
            raise InputError(f"`value` of a pin on {self.kind} cannot be {self.value}. Use 0 or 1, or a count.")
        if self.kind == "link":
            if self.target_id is None:
                raise InputError(f"A pin on a link of object {self.object_id} in frame {self.t} needs `target_id`.")
            if self.target_t is None:
                object.__setattr__(self, "target_t", self.t + 1)
        elif self.target_id is not None:
            raise InputError(f"`target_id` belongs to a pin on a link, not on {self.kind}.")

    @property
    def objects(self) -> tuple[tuple[int, int], ...]:
        """The objects it is about, as (t, object_id): one, or the two of a link."""
        here = (self.t, self.object_id)
        return (here,) if self.target_id is None or self.target_t is None else (here, (self.target_t, self.target_id))

    @property
    def subject(self) -> Subject:
        """The state it holds, whatever the value; whether an object is one and how many it is are one state."""
        kind = "count" if self.kind == "object" else self.kind
        return (kind, self.t, self.object_id, self.target_t or 0, self.target_id or 0)

    def __str__(self) -> str:
        where = f"object {self.object_id} in frame {self.t}"
        if self.kind == "link":
            what = f"the link from {where} to object {self.target_id} in frame {self.target_t}"
            return f"{what} is {'used' if self.value else 'not used'}" + (
                f" by {self.value} objects" if self.value > 1 else ""
            )
        if self.kind == "object":
            return f"{where} is {'tracked' if self.value else 'a false detection'}"
        if self.kind == "count":
            return f"{where} holds {self.value} object{'' if self.value == 1 else 's'}"
        happens, not_so = {
            "division": ("divides", "does not divide"),
            "appearance": ("starts a track", "does not start a track"),
            "disappearance": ("ends a track", "does not end a track"),
        }[self.kind]
        return f"{where} {happens if self.value else not_so}"


@dataclass(frozen=True)
class PinChange:
    """Pins that come and pins that go.

    Parameters
    ----------
    added, dropped : tuple of Pin
        Pins to hold from now on, and no longer.
    """

    added: tuple[Pin, ...] = ()
    dropped: tuple[Pin, ...] = ()

    def __bool__(self) -> bool:
        """Tell whether anything changes."""
        return bool(self.added or self.dropped)

    @property
    def inverse(self) -> PinChange:
        """What takes it back."""
        return PinChange(self.dropped, self.added)


class PinList:
    """Pins in the order in which they came; two pins never speak of the same state.

    Parameters
    ----------
    pins : iterable of Pin, optional
        The first ones.
    """

    def __init__(self, pins: Iterable[Pin] = ()) -> None:
        self._pins: dict[Subject, Pin] = {}
        self._about: dict[tuple[int, int], dict[Subject, None]] = {}
        self.apply(PinChange(tuple(pins)))

    def __len__(self) -> int:
        """Count the pins."""
        return len(self._pins)

    def __iter__(self) -> Iterator[Pin]:
        """Go through the pins, oldest first."""
        return iter(self._pins.values())

    def __contains__(self, pin: object) -> bool:
        """Tell whether exactly this pin is held."""
        return isinstance(pin, Pin) and self._pins.get(pin.subject) == pin

    def get(self, pin: Pin) -> Pin | None:
        """Give the pin that speaks of the same state, if there is one."""
        return self._pins.get(pin.subject)

    def about(self, objects: Iterable[tuple[int, int]]) -> list[Pin]:
        """List the pins that speak of some objects, each once.

        Parameters
        ----------
        objects : iterable of (t, object_id)
            The objects.

        Returns
        -------
        list of Pin
        """
        subjects = dict.fromkeys(subject for o in objects for subject in self._about.get(o, ()))
        return [self._pins[subject] for subject in subjects]

    def plan(self, pins: Iterable[Pin], dropped: Iterable[Pin] = ()) -> PinChange:
        """Plan to hold further pins in place of those that speak of the same states.

        Parameters
        ----------
        pins : iterable of Pin
            Pins to add; those that are held already change nothing.
        dropped : iterable of Pin
            Pins that go in any case.

        Returns
        -------
        PinChange
        """
        wanted = {pin.subject: pin for pin in pins}
        going = {pin.subject: pin for pin in dropped if pin in self and wanted.get(pin.subject) != pin}
        going |= {s: self._pins[s] for s, pin in wanted.items() if s in self._pins and self._pins[s] != pin}
        return PinChange(tuple(pin for pin in wanted.values() if pin not in self), tuple(going.values()))

    def apply(self, change: PinChange) -> None:
        """Let pins go, then hold others.

        Parameters
        ----------
        change : PinChange
            What `plan` gave, or its inverse.
        """
        for pin in change.dropped:
            del self._pins[pin.subject]
            for place in pin.objects:
                del self._about[place][pin.subject]
                if not self._about[place]:
                    del self._about[place]
        for pin in change.added:
            self._pins[pin.subject] = pin
            for place in pin.objects:
                self._about.setdefault(place, {})[pin.subject] = None


def to_row(pin: Pin) -> list[int | str]:
    """Write a pin as plain values: the kind, frame, object and value, and for a link the later object and its frame."""
    row: list[int | str] = [pin.kind, int(pin.t), int(pin.object_id), int(pin.value)]
    return row if pin.target_id is None or pin.target_t is None else [*row, int(pin.target_id), int(pin.target_t)]


def from_row(row: Sequence[Any]) -> Pin:
    """Make a pin from what `to_row` wrote.

    Parameters
    ----------
    row : sequence
        The values.

    Returns
    -------
    Pin

    Raises
    ------
    InputError
        If they are not those of a pin.
    """
    try:
        kind, *numbers = row
        return Pin(str(kind), *(int(number) for number in numbers))
    except (TypeError, ValueError) as error:
        raise InputError(f"`row` must be a pin, a kind and numbers: got {row!r}.") from error
