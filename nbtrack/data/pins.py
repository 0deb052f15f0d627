"""Pins: states that a person holds fixed and that no solver may override."""

from __future__ import annotations

from dataclasses import dataclass

from nbtrack.errors import InputError

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
