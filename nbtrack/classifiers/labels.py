"""What a person said about objects: how many cells an object holds, and whether it divides.

Each label remembers the pixels of its object. When the objects change, by another threshold for instance, a label goes
to the object that has more than half in common with them (intersection over union); where there is none any more, the
label waits among the lost ones and comes back when the object does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nbtrack.classifiers.files import ObjectPixels, decode_pixels, encode_pixels, read_json, write_json
from nbtrack.data.columns import bbox_columns
from nbtrack.errors import EditError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from nbtrack.data.detections import Detections

Object = tuple[int, int]
"""Frame and object id."""
MOST = 20
"""The largest number of cells that an object can be labelled with."""
_FORMAT = "nbtrack labels"
_VERSION = 1
_Step = list[tuple[Object, "ObjectLabel", "ObjectLabel"]]
"""What one action changed: objects with their labels before and after."""
_DTYPES = {"t": "int64", "object_id": "int64", "count": "Int64", "dividing": "boolean"}


@dataclass(frozen=True)
class LabelChange:
    """What an action did.

    Parameters
    ----------
    frames : tuple of int
        Frames that changed.
    object_ids : tuple of int
        Objects that changed, one for each of `frames`.
    message : str
        A sentence for people.
    """

    frames: tuple[int, ...]
    object_ids: tuple[int, ...]
    message: str


@dataclass(frozen=True)
class ObjectLabel:
    """What is known of one object.

    Parameters
    ----------
    count : int or None
        How many cells it holds, 0 for a false detection; None if not labelled.
    dividing : bool or None
        Whether it is a mother in its last frame before the division; None if not labelled.
    """

    count: int | None = None
    dividing: bool | None = None


class Labels:
    """Hold the labels of the objects of a movie, with undo.

    Parameters
    ----------
    detections : Detections
        The objects.
    counts : mapping of (t, object_id) to int, optional
        Labels to begin with: 0 for a false detection, 1, 2, ... cells.
    divisions : mapping of (t, object_id) to bool, optional
        Labels to begin with: whether the object divides, in the last frame of the mother.

    Attributes
    ----------
    detections : Detections
        As given.

    Raises
    ------
    InputError
        If a label is for an object that is not there, or says what cannot be.

    Examples
    --------
    >>> import nbtrack as nbt
    >>> labels = Labels(nbt.segment(nbt.sample("shapes").prediction, channel=1))
    >>> labels.set_count(0, 1, 1).message
    'Object 1 of frame 0 is one cell.'
    """

    def __init__(
        self,
        detections: Detections,
        counts: Mapping[Object, int] | None = None,
        divisions: Mapping[Object, bool] | None = None,
    ) -> None:
        self.detections = detections
        table = detections.table
        self._rows = {key: row for row, key in enumerate(zip(table["t"], table["object_id"], strict=True))}
        self._labels: dict[Object, ObjectLabel] = {}
        self._pixels: dict[Object, ObjectPixels] = {}
        self._lost: list[tuple[Object, ObjectLabel, ObjectPixels]] = []
        self._undo: list[_Step] = []
        self._redo: list[_Step] = []
        self._observers: list[Callable[[LabelChange], object]] = []
        for key, count in (counts or {}).items():
            key = self._check_object(*key)
            self._labels[key] = ObjectLabel(count=_check_count(count))
        for key, dividing in (divisions or {}).items():
            key = self._check_object(*key)
            self._labels[key] = replace(self.get(*key), dividing=_check_division(dividing))

    def __len__(self) -> int:
        """Count the labelled objects."""
        return len(self._labels)

    def __repr__(self) -> str:
        return f"<Labels: {len(self.counts)} counts, {len(self.divisions)} divisions, {len(self._lost)} lost>"

    # ------------------------------------------------------------------ questions
    @property
    def counts(self) -> dict[Object, int]:
        """The number of cells of each object that was labelled so, by frame and object id."""
        return {key: label.count for key, label in sorted(self._labels.items()) if label.count is not None}

    @property
    def divisions(self) -> dict[Object, bool]:
        """Whether each object that was labelled so divides, by frame and object id."""
        return {key: label.dividing for key, label in sorted(self._labels.items()) if label.dividing is not None}

    @property
    def table(self) -> pd.DataFrame:
        """The labels as a table: `t`, `object_id`, `count`, `dividing`, the last two empty where not labelled."""
        return _as_table([(key, label) for key, label in sorted(self._labels.items())])

    @property
    def lost(self) -> pd.DataFrame:
        """Labels whose objects are not there any more, with the ids they had; columns as in `table`."""
        return _as_table([(key, label) for key, label, _ in self._lost])

    def get(self, t: int, object_id: int) -> ObjectLabel:
        """Tell what is known of an object.

        Parameters
        ----------
        t : int
            Frame.
        object_id : int
            The object.

        Returns
        -------
        ObjectLabel
            Empty if it is not labelled.
        """
        return self._labels.get((t, object_id), ObjectLabel())

    # ------------------------------------------------------------------ actions
    def set_count(self, t: int, object_id: int, count: int | None) -> LabelChange:
        """Say how many cells an object holds.

        Parameters
        ----------
        t : int
            Frame.
        object_id : int
            The object.
        count : int or None
            0 for a false detection, 1, 2, ...; None takes the label back.

        Returns
        -------
        LabelChange

        Raises
        ------
        InputError
            If there is no such object or count.
        """
        key = self._check_object(t, object_id)
        count = None if count is None else _check_count(count)
        return self._do({key: replace(self.get(*key), count=count)})

    def set_division(self, t: int, object_id: int, dividing: bool | None) -> LabelChange:
        """Say whether an object is a mother in its last frame before the division.

        Parameters
        ----------
        t : int
            Frame.
        object_id : int
            The object.
        dividing : bool or None
            None takes the label back.

        Returns
        -------
        LabelChange

        Raises
        ------
        InputError
            If there is no such object, or `dividing` is something else.
        """
        key = self._check_object(t, object_id)
        dividing = None if dividing is None else _check_division(dividing)
        return self._do({key: replace(self.get(*key), dividing=dividing)})

    def update(self, others: Labels) -> LabelChange:
        """Take over all labels that were given elsewhere, in one step; where both say something, the others count.

        Parameters
        ----------
        others : Labels
            Of the same movie; those of another segmentation are moved to the objects.

        Returns
        -------
        LabelChange

        Raises
        ------
        InputError
            If the frames have another shape.
        """
        if others.detections is not self.detections:
            others = others.move_to(self.detections)
        new: dict[Object, ObjectLabel] = {}
        for key, given in others._labels.items():
            old = self.get(*key)
            new[key] = ObjectLabel(
                old.count if given.count is None else given.count,
                old.dividing if given.dividing is None else given.dividing,
            )
        return self._do(new)

    def undo(self) -> LabelChange:
        """Take the last action back.

        Returns
        -------
        LabelChange

        Raises
        ------
        EditError
            If there is none.
        """
        if not self._undo:
            raise EditError("There is no label to take back.")
        step = self._undo.pop()
        self._redo.append(step)
        return self._set({key: before for key, before, _ in step})

    def redo(self) -> LabelChange:
        """Do again what was taken back.

        Returns
        -------
        LabelChange

        Raises
        ------
        EditError
            If nothing was taken back.
        """
        if not self._redo:
            raise EditError("There is no label to bring back.")
        step = self._redo.pop()
        self._undo.append(step)
        return self._set({key: after for key, _, after in step})

    @property
    def can_undo(self) -> bool:
        """Whether there is an action to take back."""
        return bool(self._undo)

    @property
    def can_redo(self) -> bool:
        """Whether there is an action to do again."""
        return bool(self._redo)

    def on_change(self, callback: Callable[[LabelChange], object]) -> Callable[[], None]:
        """Tell a function about every change.

        Parameters
        ----------
        callback : callable
            Takes the `LabelChange`.

        Returns
        -------
        callable
            Call it to stop.
        """
        self._observers.append(callback)

        def stop() -> None:
            if callback in self._observers:
                self._observers.remove(callback)

        return stop

    # ------------------------------------------------------------------ other objects, other days
    def move_to(self, detections: Detections) -> Labels:
        """Give the labels to the objects of another segmentation of the same movie.

        Parameters
        ----------
        detections : Detections
            The new objects.

        Returns
        -------
        Labels
            Of the new objects, with nothing to undo; what found no object is in `lost`.

        Raises
        ------
        InputError
            If the frames have another shape.
        """
        self._keep_pixels()
        known = [(key, label, self._pixels[key]) for key, label in self._labels.items()]
        _check_shape(tuple(self.detections.frame_shape), detections)
        return _find_again([*known, *self._lost], detections)

    def save(self, path: str | Path) -> None:
        """Write the labels and the pixels of their objects to a file, whole or not at all.

        Parameters
        ----------
        path : str or Path
            A JSON file; an older one is replaced.

        Raises
        ------
        InputError
            If it cannot be written.
        """
        self._keep_pixels()
        known = [(key, label, self._pixels[key]) for key, label in sorted(self._labels.items())]
        entries = [
            {"t": key[0], "object_id": key[1], "count": label.count, "dividing": label.dividing} | encode_pixels(pixels)
            for key, label, pixels in [*known, *self._lost]
        ]
        shape = list(self.detections.frame_shape)
        write_json(path, _FORMAT, _VERSION, {"frame_shape": shape, "labels": entries})

    @classmethod
    def load(cls, path: str | Path, detections: Detections) -> Labels:
        """Read labels, for the same objects or those of another segmentation.

        Parameters
        ----------
        path : str or Path
            What `save` wrote.
        detections : Detections
            The objects to label.

        Returns
        -------
        Labels
            What found no object is in `lost`.

        Raises
        ------
        InputError
            If the file cannot be read or belongs to frames of another shape.
        """
        content = read_json(path, _FORMAT, _VERSION)
        try:
            shape = tuple(int(n) for n in content["frame_shape"])
            _check_shape(shape, detections)
            entries = [
                (
                    (int(entry["t"]), int(entry["object_id"])),
                    ObjectLabel(
                        None if entry["count"] is None else _check_count(entry["count"]),
                        None if entry["dividing"] is None else _check_division(entry["dividing"]),
                    ),
                    decode_pixels(entry, shape),
                )
                for entry in content["labels"]
            ]
        except InputError:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"`{path}` is damaged: {error}. Put back a copy, or label anew.") from error
        return _find_again(entries, detections)

    # ------------------------------------------------------------------ helpers
    def _check_object(self, t: int, object_id: int) -> Object:
        if (t, object_id) not in self._rows:
            raise InputError(f"There is no object {object_id} in frame {t}. Label one of the objects.")
        return int(t), int(object_id)

    def _do(self, new: dict[Object, ObjectLabel]) -> LabelChange:
        step = [(key, self.get(*key), label) for key, label in new.items() if label != self.get(*key)]
        if step:
            self._undo.append(step)
            self._redo.clear()
        return self._set(new)

    def _set(self, new: dict[Object, ObjectLabel]) -> LabelChange:
        for key, label in new.items():
            if label == ObjectLabel():
                self._labels.pop(key, None)
            else:
                self._labels[key] = label
        said = _describe(*next(iter(new.items()))) if len(new) == 1 else f"{len(new)} objects were labelled."
        change = LabelChange(tuple(t for t, _ in new), tuple(i for _, i in new), said)
        for callback in list(self._observers):
            callback(change)
        return change

    def _keep_pixels(self) -> None:
        """Cut out the labelled objects whose pixels are not known yet."""
        table, ndim = self.detections.table, self.detections.ndim
        boxes = table[bbox_columns(ndim)].to_numpy()
        missing = sorted(key for key in self._labels if key not in self._pixels)
        for t in sorted({t for t, _ in missing}):
            frame = np.asarray(self.detections.labels[t])
            for key in (key for key in missing if key[0] == t):
                box = boxes[self._rows[key]]
                part = frame[tuple(slice(a, b) for a, b in zip(box[:ndim], box[ndim:], strict=True))]
                self._pixels[key] = ObjectPixels(tuple(box[:ndim].tolist()), part == key[1])


def _check_count(count: Any) -> int:
    if isinstance(count, bool) or not isinstance(count, int | np.integer) or not 0 <= count <= MOST:
        raise InputError(
            f"`count` must be a whole number from 0 (false detection) to {MOST}: got {count!r}. Correct the label."
        )
    return int(count)


def _check_division(dividing: Any) -> bool:
    if not isinstance(dividing, bool | np.bool_):
        raise InputError(f"`dividing` must be True or False: got {dividing!r}. Correct the label.")
    return bool(dividing)


def _describe(key: Object, label: ObjectLabel) -> str:
    said = []
    if label.count is not None:
        said.append({0: "a false detection", 1: "one cell"}.get(label.count, f"{label.count} cells"))
    if label.dividing is not None:
        said.append("dividing" if label.dividing else "not dividing")
    return f"Object {key[1]} of frame {key[0]} is {' and '.join(said) or 'not labelled'}."


def _as_table(entries: list[tuple[Object, ObjectLabel]]) -> pd.DataFrame:
    rows = [(*key, label.count, label.dividing) for key, label in entries]
    return pd.DataFrame(rows, columns=list(_DTYPES)).astype(_DTYPES)


def _check_shape(shape: tuple[int, ...], detections: Detections) -> None:
    if shape != tuple(detections.frame_shape):
        raise InputError(
            f"The labels belong to frames of {shape} pixels, but the objects are in frames of "
            f"{tuple(detections.frame_shape)}. Use the labels with the movie that they were made on."
        )


def _find_again(entries: list[tuple[Object, ObjectLabel, ObjectPixels]], detections: Detections) -> Labels:
    """Look the objects of labels up among other objects."""
    labels = Labels(detections)
    size = detections.table["size"].to_numpy()
    frame, last = np.zeros(0), -1
    for key, label, pixels in sorted(entries, key=lambda entry: entry[0]):
        t, found = key[0], 0
        if t < detections.n_frames:
            if t != last:
                frame, last = np.asarray(detections.labels[t]), t
            window = tuple(slice(a, a + n) for a, n in zip(pixels.corner, pixels.mask.shape, strict=True))
            ids, shared = np.unique(frame[window][pixels.mask], return_counts=True)
            for object_id, common in zip(ids.tolist(), shared.tolist(), strict=True):
                row = labels._rows.get((t, object_id))
                if row is not None and 3 * common > pixels.mask.sum() + size[row]:
                    found = object_id
        if found and (t, found) not in labels._labels:
            labels._labels[t, found] = label
        else:
            labels._lost.append((key, label, pixels))
    return labels
