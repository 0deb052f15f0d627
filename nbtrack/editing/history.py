"""Undo and redo: a list of steps, each of which is one action of the user, or what followed from it by itself.

The pins that hold belong to the history: each step brings and drops some, and undoing it takes that back as well.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from nbtrack.data.pins import PinChange, PinList
from nbtrack.errors import EditError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nbtrack.data.detections import Detections
    from nbtrack.data.lineage import Lineage
    from nbtrack.data.pins import Pin
    from nbtrack.editing.commands import Command


@dataclass(frozen=True)
class Change:
    """What an action changed, for views that redraw only that.

    Parameters
    ----------
    frames, object_ids : tuple of int
        The objects, pairwise: object ``object_ids[i]`` in frame ``frames[i]``.
    message : str
        A sentence for the user.
    """

    frames: tuple[int, ...]
    object_ids: tuple[int, ...]
    message: str

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """The objects as (t, object_id)."""
        return list(zip(self.frames, self.object_ids, strict=True))


@dataclass(frozen=True)
class Step:
    """One action of the user.

    Parameters
    ----------
    inverse : Command
        What takes it back from where the lineage is: the undo of a done step, the redo of an undone one.
    code : str
        The same action as a line of Python.
    change : Change
        What it changed when it was done.
    pins : PinChange, optional
        The pins that come and go together with `inverse`.
    joined : bool, optional
        Whether it followed from the step before it, with which it is undone and done again.
    detections : Detections, optional
        The objects to go to together with `inverse`, if the step changed them.
    """

    inverse: Command
    code: str
    change: Change
    pins: PinChange = field(default_factory=PinChange)
    joined: bool = False
    detections: Detections | None = None


class History:
    """Steps that were done and steps that were undone, and the pins that they left.

    Parameters
    ----------
    pins : iterable of Pin, optional
        Pins that hold before the first step.
    detections : Detections, optional
        The objects before the first step.

    Attributes
    ----------
    pins : PinList
        The pins that hold now.
    detections : Detections or None
        The objects as they are now.
    touched : dict of (t, object_id) to None
        Objects that steps changed, or took back, since somebody emptied it.
    """

    def __init__(self, pins: Iterable[Pin] = (), detections: Detections | None = None) -> None:
        self.detections = detections
        self.touched: dict[tuple[int, int], None] = {}
        self._done: list[Step] = []
        self._undone: list[Step] = []
        self.pins = PinList(pins)

    def __len__(self) -> int:
        """Count the steps that are done."""
        return len(self._done)

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to undo."""
        return bool(self._done)

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to do again."""
        return bool(self._undone)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The done steps, oldest first."""
        return tuple(self._done)

    @property
    def last(self) -> Step:
        """The last step that is done."""
        return self._done[-1]

    def perform(
        self,
        lineage: Lineage,
        command: Command,
        *,
        code: str,
        message: str,
        pins: Callable[[], PinChange] = PinChange,
        joined: bool = False,
        detections: Detections | None = None,
        about: Iterable[tuple[int, int]] = (),
    ) -> Change:
        """Do a command and remember it as one step; undone steps are forgotten.

        Parameters
        ----------
        lineage : Lineage
            What to change.
        command : Command
            What to do.
        code : str
            The action as a line of Python.
        message : str
            What happened, as a sentence.
        pins : callable, optional
            Asked for the change of the pins when the command is done.
        joined : bool, optional
            Whether the step followed from the one before, with which it is undone.
        detections : Detections, optional
            The objects from now on, if they change.
        about : iterable of (t, object_id), optional
            Objects that change though the command does not name them.

        Returns
        -------
        Change

        Raises
        ------
        EditError
            If the command does not fit; nothing is changed or remembered then.
        """
        touched = command.touches(lineage)
        inverse = command.apply(lineage)
        pairs = dict.fromkeys([*touched, *command.touches(lineage), *about])
        self.touched |= pairs
        change = Change(tuple(t for t, _ in pairs), tuple(i for _, i in pairs), message)
        pin_change = pins()
        self.pins.apply(pin_change)
        before = None
        if detections is not None:
            before, self.detections = self.detections, detections
        self._done.append(Step(inverse, code, change, pin_change.inverse, joined and bool(self._done), before))
        self._undone.clear()
        return change

    def undo(self, lineage: Lineage) -> Change:
        """Take back the last step.

        Parameters
        ----------
        lineage : Lineage
            What to change.

        Returns
        -------
        Change

        Raises
        ------
        EditError
            If nothing is left to undo.
        """
        if not self._done:
            raise EditError("There is nothing to undo.")
        changes = []
        while True:
            step = self._done[-1]
            self._undone.append(self._turn(step, lineage))
            self._done.pop()
            changes.append(step.change)
            if not step.joined:
                return _join(changes[::-1], "Undone")

    def redo(self, lineage: Lineage) -> Change:
        """Do the last undone step again.

        Parameters
        ----------
        lineage : Lineage
            What to change.

        Returns
        -------
        Change

        Raises
        ------
        EditError
            If nothing was undone since the last action.
        """
        if not self._undone:
            raise EditError("There is nothing to do again.")
        changes = []
        while True:
            step = self._undone[-1]
            self._done.append(self._turn(step, lineage))
            self._undone.pop()
            changes.append(step.change)
            if not self._undone or not self._undone[-1].joined:
                return _join(changes, "Done again")

    def undo_last(self, lineage: Lineage) -> None:
        """Take back the last step alone, as if it had not happened.

        Parameters
        ----------
        lineage : Lineage
            What to change.
        """
        self._turn(self._done.pop(), lineage)

    def _turn(self, step: Step, lineage: Lineage) -> Step:
        """Take a step back, and give the step that takes that back."""
        inverse = step.inverse.apply(lineage)
        self.touched |= dict.fromkeys(step.change.pairs)
        self.pins.apply(step.pins)
        back = step.detections
        if back is not None:
            back, self.detections = self.detections, back
        return replace(step, inverse=inverse, pins=step.pins.inverse, detections=back)


def _join(changes: list[Change], done: str) -> Change:
    """Tell of several steps as of one."""
    pairs = dict.fromkeys(pair for change in changes for pair in change.pairs)
    return Change(tuple(t for t, _ in pairs), tuple(i for _, i in pairs), f"{done}: {changes[0].message}")
