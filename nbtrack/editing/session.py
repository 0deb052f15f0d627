"""The manual session: a movie, its objects, and the lineage that a person makes.

Every action that a click or a key can do is a method here; each is one step of undo and reports one `Change`. Choosing
the active track is not an edit and not a step. What an action decides is held as pins; `resolve` lets the solver find
the rest, and never goes against them.
"""

from __future__ import annotations

from nbtrack.editing.object_edits import Scope
from nbtrack.editing.repairing import Repairing
from nbtrack.editing.workspace import Progress

__all__ = ["Progress", "Scope", "Session"]


class Session(Repairing):
    """Track objects by hand, or correct what the tracker made.

    Parameters
    ----------
    movie : Movie or None
        The raw images; None if there are only objects.
    detections : Detections
        The objects to track.
    lineage : Lineage or TrackingResult, optional
        Where to start, for example the answer of `nbtrack.track`; a copy is edited. Nothing is tracked if not given.
    log : str or Path, optional
        A new file, to which each action is written when it happens; `Session.reopen` makes the session again from it.
    pins : iterable of Pin, optional
        What holds from the start.
    tracking : TrackingParams, optional
        What to track with when the rest is solved again; those of the result if not given.

    Attributes
    ----------
    movie, detections, lineage
        As above; `lineage` is the answer as it stands now.
    history : History
        What was done and undone.
    pins : tuple of Pin
        What holds, oldest first: all that actions decided, and what was pinned by itself.
    live : bool
        Whether each action is followed by solving the rest again, as one step of undo.
    tracking : TrackingParams or None
        What the rest is tracked with.
    active_track : int
        The track that clicks assign to; 0 if there is none.
    params : None
        A manual answer has no parameters; writers ask for them.

    Raises
    ------
    InputError
        If movie, objects and lineage do not fit together, or the log cannot be started.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> import pandas as pd
    >>> table = pd.DataFrame({"t": [0, 1], "object_id": [1, 1]})
    >>> session = Session(None, SimpleNamespace(table=table, n_frames=2))
    >>> session.assign(0, 1, track_id=session.new_track()).message
    'Object 1 in frame 0 is now in track 1.'
    """
