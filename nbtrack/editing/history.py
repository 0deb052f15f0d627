"""Undo and redo: a list of steps, each of which is one action of the user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nbtrack.errors import EditError

if TYPE_CHECKING:
    from nbtrack.data.lineage import Lineage
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
    """

    inverse: Command
    code: str
    change: Change


class History:
    """Steps that were done and steps that were undone."""

    def __init__(self) -> None:
        self._done: list[Step] = []
        self._undone: list[Step] = []

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

    def perform(self, lineage: Lineage, command: Command, *, code: str, message: str) -> Change:
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
        pairs = dict.fromkeys([*touched, *command.touches(lineage)])
        change = Change(tuple(t for t, _ in pairs), tuple(i for _, i in pairs), message)
        self._done.append(Step(inverse, code, change))
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
        step = self._done[-1]
        self._undone.append(Step(step.inverse.apply(lineage), step.code, step.change))
        self._done.pop()
        return Change(step.change.frames, step.change.object_ids, f"Undone: {step.change.message}")

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
        step = self._undone[-1]
        self._done.append(Step(step.inverse.apply(lineage), step.code, step.change))
        self._undone.pop()
        return Change(step.change.frames, step.change.object_ids, f"Done again: {step.change.message}")
