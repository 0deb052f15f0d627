"""A label movie that always holds the objects as they are: a copy of the one before any repair, with repaired frames.

The copy follows from the first label movie and the edit log, which stay the truth. It is marked as unfinished while a
frame is written; a copy that was interrupted, or does not fit, is made anew.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from typing import TYPE_CHECKING
from uuid import uuid4

import h5py
import numpy as np

from nbtrack.data.label_store import DATASET

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nbtrack.data.detections import Detections
    from nbtrack.editing.history import Change
    from nbtrack.editing.session import Session

_REPAIRED = "repaired"
"""Attribute with the hashes of the repaired frames as JSON; absent while something is written."""
_log = logging.getLogger(__name__)


class LabelCopy:
    """Keep a label movie in step with the repairs of a session.

    Parameters
    ----------
    session : Session
        Whose objects.
    original : Path
        The label movie that the session began with, as `nbtrack.data.label_store` writes it.
    path : Path
        Where the repaired one is; there is none while nothing is repaired.

    Attributes
    ----------
    original, path
        As given.
    """

    def __init__(self, session: Session, original: Path, path: Path) -> None:
        self._session, self.original, self.path = session, original, path
        self._hashes: dict[int, str] = {}
        self._seen: dict[int, np.ndarray] = {}
        self._objects: Detections | None = None
        self._stop: Callable[[], None] = session.on_change(self._changed)
        self._begin()

    def close(self) -> None:
        """Stop following the session; the file stays."""
        self._stop()

    # ------------------------------------------------------------------ helpers
    def _begin(self) -> None:
        """Take over the copy that is there, if it is whole."""
        try:
            with h5py.File(self.path, "r") as file:
                stored = json.loads(file[DATASET].attrs[_REPAIRED])
                self._hashes = {int(t): str(value) for t, value in stored.items()}
        except (OSError, KeyError, ValueError, AttributeError):
            self._hashes = {}
            self._remove()
        self._follow()

    def _changed(self, _: Change) -> None:
        if self._session.detections is not self._objects:
            self._follow()

    def _follow(self) -> None:
        """Write the frames that are others than in the file."""
        self._objects, before = self._session.detections, self._seen
        painted = {t: np.asarray(self._objects.labels[t]) for t in self._session.repaired_frames}
        self._seen = painted
        wanted = {
            t: self._hashes[t] if t in self._hashes and before.get(t) is frame else _hash(frame)
            for t, frame in painted.items()
        }
        if wanted == self._hashes:
            return
        try:
            if not wanted:
                self._hashes = {}
                self._remove()
                return
            if not self.path.exists():
                self._copy()
            with h5py.File(self.path, "r+") as file:
                frames = file[DATASET]
                frames.attrs.pop(_REPAIRED, None)
                file.flush()
                for t in sorted({*wanted, *self._hashes}):
                    if wanted.get(t) != self._hashes.get(t):
                        frames[t] = np.asarray(self._objects.labels[t])
                file.flush()
                frames.attrs[_REPAIRED] = json.dumps(wanted)
            self._hashes = wanted
        except OSError as error:
            self._hashes = {}
            self._remove()
            _log.warning("The repaired label movie %s is not written: %s", self.path, error)

    def _copy(self) -> None:
        self._hashes = {}
        temporary = self.path.with_name(f".{self.path.name}-{uuid4().hex[:8]}")
        try:
            shutil.copyfile(self.original, temporary)
            os.replace(temporary, self.path)
        finally:
            temporary.unlink(missing_ok=True)

    def _remove(self) -> None:
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("The old label movie %s cannot be removed: %s", self.path, error)


def _hash(frame: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(frame, "<u4").tobytes()).hexdigest()
