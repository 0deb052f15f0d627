"""The error classes of nbtrack.

One message serves two surfaces, a traceback and the message line under a widget. Each message is a full sentence:
what was wrong (the name in backticks), what was found, what to do.
"""


class InputError(ValueError):
    """An argument or a file of the caller does not fit."""


class EditError(RuntimeError):
    """A manual action does not fit the lineage as it stands.

    Parameters
    ----------
    message : str
        What was refused, why, and what to do.
    forceable : bool, optional
        True if "do it anyway" has a meaning for this action.
    """

    def __init__(self, message: str, *, forceable: bool = False) -> None:
        super().__init__(message)
        self.forceable = forceable


class SolverUnavailable(RuntimeError):
    """A solver was asked for by name but cannot be used here."""


class SolveError(RuntimeError):
    """A solver ended without an answer.

    Parameters
    ----------
    message : str
        What happened and what to do.
    status : str, optional
        The status of the solve, one of `nbtrack.data.result.STATUSES`.
    """

    def __init__(self, message: str, *, status: str = "error") -> None:
        super().__init__(message)
        self.status = status
