"""Named tiny movies with their right answer: label frames drawn as boxes, and who becomes whom.

Segmentation, model, editing, io and widgets may all use them. A bug becomes a new case, with its story in the docstring
of the function that makes it. Every function of this module that has no leading underscore and gives a `Case` is one.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

import nbtrack as nbt
from nbtrack.data.columns import detection_columns
from nbtrack.data.detections import Detections
from nbtrack.data.lineage import Lineage

Object = tuple[int, int]
"""Frame and object id."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A movie of labels and its right answer.

    Parameters
    ----------
    labels : ndarray of uint32, shape (t, [z,] y, x)
        The objects.
    tracks : set of tuple of (t, object_id)
        Every track by the objects it goes through, in order of time; an object in two tracks is a merger.
    divisions : set of (t, parent_id, child1_id, child2_id)
        t is the last frame of the parent.
    false_detections : set of (t, object_id)
        Objects that are none.
    params : dict
        What the automatic tracker must be told besides its defaults.
    """

    labels: np.ndarray
    tracks: set[tuple[Object, ...]]
    divisions: set[tuple[int, int, int, int]] = field(default_factory=set)
    false_detections: set[Object] = field(default_factory=set)
    params: dict[str, object] = field(default_factory=dict)

    @property
    def detections(self) -> Detections:
        """The objects, measured."""
        return detect(self.labels)


def detect(labels: np.ndarray) -> Detections:
    """Measure the objects of label frames, shape (t, [z,] y, x)."""
    return nbt.detect(nbt.Movie.from_array(labels, axes="tzyx" if labels.ndim == 4 else "tyx"))


def detections_at(
    points: list[list[tuple[float, ...]]],
    *,
    shape: tuple[int, ...] = (100, 100),
    size: int = 25,
    half: float = 2.5,
    scale: tuple[float, ...] = (),
    **columns: Any,
) -> Detections:
    """Detections at given centres, frame by frame; no labels are drawn."""
    rows = []
    axes = "zyx"[-len(shape) :]
    for t, frame in enumerate(points):
        for k, point in enumerate(frame, start=1):
            row: dict[str, float] = {"t": t, "object_id": k, "size": size}
            for axis, at in zip(axes, point, strict=True):
                row |= {axis: at, f"bbox_{axis}_min": round(at - half), f"bbox_{axis}_max": round(at + half)}
            rows.append(row)
    dtypes = detection_columns(len(shape))
    table = pd.DataFrame(rows, columns=list(dtypes)).astype(dtypes)
    for name, values in columns.items():
        table[name] = values
    labels = np.zeros((len(points), *[1] * len(shape)), np.uint32)
    return Detections(labels, table, shape, scale)


def tracks_of(lineage: Lineage) -> set[tuple[Object, ...]]:
    """All tracks of a lineage by their objects, whatever their ids are."""
    return {tuple(sorted(lineage.objects_of(track).items())) for track in lineage.track_ids}


def divisions_of(lineage: Lineage) -> set[tuple[int, int, int, int]]:
    """All divisions by their objects: the frame of the parent, the parent, the two children in order of id."""
    found = set()
    for parent, division in lineage.divisions.items():
        children = [min(lineage.objects_of(track).items())[1] for track in lineage.children_of(parent)]
        parent_object = lineage.object_at(parent, division.t)
        assert parent_object is not None
        found.add((division.t, parent_object, *sorted(children)))
    return found  # type: ignore[return-value]  # two children


def _draw(shape: tuple[int, ...], frames: list[dict[int, tuple[tuple[int, int], ...]]]) -> np.ndarray:
    """Draw boxes: per frame, object id -> (first, end) along each axis."""
    labels = np.zeros((len(frames), *shape), np.uint32)
    for t, boxes in enumerate(frames):
        for object_id, box in boxes.items():
            labels[(t, *(slice(*side) for side in box))] = object_id
    return labels


def _square(y: int, x: int, height: int = 6, width: int = 6) -> tuple[tuple[int, int], ...]:
    return ((y, y + height), (x, x + width))


def move() -> Case:
    """One object walks through the movie."""
    frames = [{1: _square(20, 20 + 2 * t)} for t in range(4)]
    return Case(labels=_draw((48, 48), frames), tracks={((0, 1), (1, 1), (2, 1), (3, 1))})


def two_side_by_side() -> Case:
    """Two objects walk on side by side; the ids swap from frame to frame."""
    frames = [{1 + t % 2: _square(12, 15 + t), 2 - t % 2: _square(30, 15 + t)} for t in range(3)]
    return Case(labels=_draw((48, 48), frames), tracks={((0, 1), (1, 2), (2, 1)), ((0, 2), (1, 1), (2, 2))})


def division() -> Case:
    """One object becomes two."""
    single = {1: _square(20, 20)}
    pair = {1: _square(16, 20), 2: _square(25, 20)}
    return Case(
        labels=_draw((48, 48), [single, single, pair, pair]),
        tracks={((0, 1), (1, 1)), ((2, 1), (3, 1)), ((2, 2), (3, 2))},
        divisions={(1, 1, 1, 2)},
    )


def merger_and_split() -> Case:
    """Two objects touch for a frame, are found as one, and part again where they came from."""
    apart = {1: _square(14, 20), 2: _square(26, 20)}
    merged = {1: _square(17, 20, height=12)}
    return Case(
        labels=_draw((48, 48), [apart, merged, apart]),
        tracks={((0, 1), (1, 1), (2, 1)), ((0, 2), (1, 1), (2, 2))},
        params={"alpha": 20.0},
    )


def false_detection() -> Case:
    """A speck flashes up beside an object for one frame."""
    cell = {1: _square(20, 20)}
    speck = {**cell, 2: _square(35, 35, height=3, width=4)}
    return Case(
        labels=_draw((48, 48), [cell, speck, cell]), tracks={((0, 1), (1, 1), (2, 1))}, false_detections={(1, 2)}
    )


def appear_late() -> Case:
    """An object comes in over the left border when the movie has begun."""
    cell = {1: _square(20, 30)}
    frames = [cell, cell, {**cell, 2: _square(20, 0)}, {**cell, 2: _square(20, 3)}]
    return Case(
        labels=_draw((48, 48), frames),
        tracks={((0, 1), (1, 1), (2, 1), (3, 1)), ((2, 2), (3, 2))},
        params={"max_distance": 20.0},
    )


def leave_at_border() -> Case:
    """An object leaves over the right border before the movie ends."""
    cell = {1: _square(20, 12)}
    frames = [{**cell, 2: _square(20, 38)}, {**cell, 2: _square(20, 42)}, cell, cell]
    return Case(
        labels=_draw((48, 48), frames),
        tracks={((0, 1), (1, 1), (2, 1), (3, 1)), ((0, 2), (1, 2))},
        params={"max_distance": 20.0},
    )


def touching() -> Case:
    """Two objects share a border but not an id."""
    frames = [{1: _square(20, 14 + t), 2: _square(26, 14 + t)} for t in range(3)]
    return Case(labels=_draw((48, 48), frames), tracks={((0, 1), (1, 1), (2, 1)), ((0, 2), (1, 2), (2, 2))})


def empty_frame() -> Case:
    """Nothing was found in one frame: the track goes on across it."""
    cell = {1: _square(20, 20)}
    return Case(labels=_draw((48, 48), [cell, {}, cell]), tracks={((0, 1), (2, 1))})


def two_empty_frames() -> Case:
    """Nothing was found in two frames in a row."""
    cell = {1: _square(20, 20)}
    return Case(labels=_draw((48, 48), [cell, cell, {}, {}, cell]), tracks={((0, 1), (1, 1), (4, 1))})


def three_dimensional() -> Case:
    """An object of a volume divides along z."""
    side = ((10, 16), (10, 16))
    single = {1: ((6, 10), *side)}
    pair = {1: ((3, 7), *side), 2: ((9, 13), *side)}
    return Case(
        labels=_draw((16, 26, 26), [single, pair, pair]),
        tracks={((0, 1),), ((1, 1), (2, 1)), ((1, 2), (2, 2))},
        divisions={(0, 1, 1, 2)},
        params={"border_width": 0.0},
    )


CASES: dict[str, Callable[[], Case]] = {
    case.__name__: case
    for case in (
        move,
        two_side_by_side,
        division,
        merger_and_split,
        false_detection,
        appear_late,
        leave_at_border,
        touching,
        empty_frame,
        two_empty_frames,
        three_dimensional,
    )
}
"""All cases by name."""
