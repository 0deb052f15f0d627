"""Resolve mergers: cut every object that holds several tracks, and give each track a part of its own.

The mixture that cuts an object begins where its tracks should be: between the places where they were before and where
they come out alone, with the shapes and sizes that they have there. The parts get new ids; the table of the objects
tells in the column ``original_id`` what each was cut out of. Which part belongs to which track is decided last, for all
mergers together (`nbtrack.mergers.relinking`).
"""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import pandas as pd

from nbtrack.data.columns import ORIGINAL_ID, bbox_columns
from nbtrack.data.result import TrackingResult
from nbtrack.errors import InputError
from nbtrack.features import FEATURES, measure
from nbtrack.mergers.cutting import Cut, Expectation, cut_object
from nbtrack.mergers.labels import change_labels
from nbtrack.mergers.relinking import Object, relink
from nbtrack.mergers.tables import result_tables

if TYPE_CHECKING:
    from nbtrack.data.detections import Detections
    from nbtrack.data.lineage import Lineage
    from nbtrack.data.movie import Movie
    from nbtrack.editing.session import Session

_LARGEST_ID = 2**32 - 1


@dataclass(frozen=True, eq=False)
class Resolved:
    """An answer without mergers; `nbtrack.write` takes it, and so does ``Session(movie, detections, lineage)``.

    Parameters
    ----------
    detections : Detections
        Merged objects are replaced by their parts. The column ``original_id`` of the table tells for every object the
        id that it had, or the id of the object that it is a part of.
    lineage : Lineage
        Every track has objects of its own; but where a merged object has fewer pixels than tracks, some share a pixel.
    movie : Movie or None
        The raw movie.
    """

    detections: Detections
    lineage: Lineage
    movie: Movie | None = None


@overload
def resolve_mergers(result: TrackingResult) -> TrackingResult: ...
@overload
def resolve_mergers(result: Session) -> Resolved: ...
def resolve_mergers(result: Any) -> TrackingResult | Resolved:
    """Cut merged objects into one part for each of their tracks, and link the parts.

    Parameters
    ----------
    result : TrackingResult or Session
        What holds mergers. It stays as it is.

    Returns
    -------
    TrackingResult or Resolved
        Of a result a result, with all its tables; of a session a `Resolved`. Objects outside mergers keep their ids,
        tracks those that they have where they begin; but two tracks that were mixed up within a merger go on the other
        way round. Divisions stay, also those out of or into a merger. The label frames are made when they are asked
        for, features are measured for the new objects alone.

    Raises
    ------
    InputError
        If the lineage names a merged object that is not among the detections.
    """
    found = resolve(result.detections, result.lineage, getattr(result, "movie", None))
    if not isinstance(result, TrackingResult):
        return found
    changed: dict[str, Any] = {"lineage": found.lineage, "detections": found.detections}
    return replace(result, **changed, **result_tables(result, found.lineage))


def resolve(detections: Detections, lineage: Lineage, movie: Movie | None = None) -> Resolved:
    """Resolve the mergers of a lineage.

    Parameters
    ----------
    detections : Detections
        The objects.
    lineage : Lineage
        Their tracks.
    movie : Movie, optional
        The raw movie, for features of intensity.

    Returns
    -------
    Resolved

    Raises
    ------
    InputError
        If the lineage names a merged object that is not among the detections.
    """
    mergers = {(t, object_id): sorted(tracks) for t, object_id, tracks in lineage.mergers()}
    table = detections.table
    if ORIGINAL_ID not in table:
        table = table.assign(**{ORIGINAL_ID: table["object_id"]})
    if not mergers:
        return Resolved(replace(detections, table=table), lineage.copy(), movie)
    cutter = _Cutter(detections, lineage, mergers)
    cutter.cut_all()
    changes = cutter.changes()
    return Resolved(
        replace(
            detections,
            labels=change_labels(detections, changes),
            table=_new_table(detections, table, cutter, changes, movie),
        ),
        relink(lineage, cutter.part_ids, cutter.centers),
        movie,
    )


class _Cutter:
    """Cuts merged objects in order of time, so that each cut knows those before it."""

    def __init__(self, detections: Detections, lineage: Lineage, mergers: dict[Object, list[int]]) -> None:
        self._detections, self._lineage, self._mergers = detections, lineage, mergers
        self._scale = np.asarray(detections.scale, dtype=float)
        table = detections.table
        self._position = table[detections.columns_position].to_numpy(float) * self._scale
        self._size = table["size"].to_numpy(float)
        self._boxes = table[bbox_columns(detections.ndim)].to_numpy(np.int64)
        self._keys = table["t"].to_numpy(np.int64) * 2**32 + table["object_id"].to_numpy(np.int64)
        self._paths: dict[int, list[Object]] = {}
        for tracks in mergers.values():
            for track in tracks:
                if track not in self._paths:
                    self._paths[track] = list(lineage.objects_of(track).items())
        self._place = {track: {at: i for i, at in enumerate(path)} for track, path in self._paths.items()}
        self._alone = {
            track: [i for i, at in enumerate(path) if at not in mergers] for track, path in self._paths.items()
        }
        self._pixels: dict[Object, np.ndarray] = {}
        self._new_ids: dict[Object, list[int]] = {}
        self._shapes: dict[Object, np.ndarray] = {}
        self._cuts: dict[Object, Cut] = {}
        self.part_ids: dict[Object, list[int]] = {}

    def cut_all(self) -> None:
        """Look at the frames once, then cut."""
        self._read_frames()
        for at, tracks in self._mergers.items():
            pixels = self._pixels[at]
            if len(pixels):
                cut = cut_object(pixels, self._expect(at, tracks), self._detections.scale)
            else:  # the label frames do not show it
                center = self._position[self.row_of(at)]
                cut = Cut(np.zeros(0, np.int64), np.zeros(len(tracks), np.int64), np.tile(center, (len(tracks), 1)))
            self._cuts[at] = cut
            self.part_ids[at] = [self._new_ids[at][part] for part in cut.slot]

    def changes(self) -> dict[int, tuple[np.ndarray, np.ndarray]]:
        """Tell by frame which pixels get which new ids."""
        found: dict[int, tuple[list[np.ndarray], list[np.ndarray]]] = {}
        for at, pixels in self._pixels.items():
            ids = np.array(self._new_ids[at], np.uint32)
            if len(ids) > 1:
                where, values = found.setdefault(at[0], ([], []))
                where.append(np.ravel_multi_index(tuple(pixels.T), self._detections.frame_shape))
                values.append(ids[self._cuts[at].part])
        return {t: (np.concatenate(where), np.concatenate(values)) for t, (where, values) in found.items()}

    def originals(self) -> dict[Object, Object]:
        """Tell for every new object the merged object that it is a part of."""
        return {(at[0], i): at for at, ids in self._new_ids.items() if len(ids) > 1 for i in ids}

    def counts(self) -> dict[Object, int]:
        """Tell for every new object how many tracks it holds."""
        found: dict[Object, int] = {}
        for (t, _), ids in self.part_ids.items():
            for i in ids:
                found[t, i] = found.get((t, i), 0) + 1
        return found

    def centers(self, at: Object) -> np.ndarray:
        """Give the centres of the parts of an object, shape (k, ndim), in scaled units."""
        return self._cuts[at].centers if at in self._cuts else self._position[[self.row_of(at)]]

    # ------------------------------------------------------------------ what the frames show
    def _read_frames(self) -> None:
        alone = {
            path[i]
            for track, path in self._paths.items()
            for at in path
            if at in self._mergers
            for i in self._alone_around(track, self._place[track][at])
            if i is not None
        }
        frames: dict[int, list[Object]] = {}
        for at in sorted({*alone, *self._mergers}):
            frames.setdefault(at[0], []).append(at)
        for t, places in frames.items():
            labels = np.asarray(self._detections.labels[t])
            wanted = []
            for at in places:
                pixels = self._find(labels, at)
                if at in self._mergers:
                    self._pixels[at] = pixels
                    wanted.append((at, min(len(pixels), len(self._mergers[at]))))
                elif len(pixels):
                    self._shapes[at] = np.cov((pixels * self._scale).T, bias=True)
            n = sum(parts for _, parts in wanted if parts > 1)
            free = iter(_free_ids(labels, self._ids_at(t), n))
            for at, parts in wanted:
                self._new_ids[at] = [next(free) for _ in range(parts)] if parts > 1 else [at[1]]

    def _find(self, labels: np.ndarray, at: Object) -> np.ndarray:
        """List the pixels of an object."""
        low, high = np.split(self._boxes[self.row_of(at)], 2)
        box = tuple(slice(max(a, 0), max(b, 0)) for a, b in zip(low, high, strict=True))
        return np.asarray(np.argwhere(labels[box] == at[1]) + np.maximum(low, 0))

    def _ids_at(self, t: int) -> np.ndarray:
        first, last = np.searchsorted(self._keys, [t * 2**32, (t + 1) * 2**32])
        return np.asarray(self._keys[first:last] - t * 2**32)

    def row_of(self, at: Object) -> int:
        """Find the row of an object in the table."""
        t, object_id = at
        row = int(np.searchsorted(self._keys, t * 2**32 + object_id))
        if row == len(self._keys) or self._keys[row] != t * 2**32 + object_id:
            raise InputError(
                f"`lineage` has object {object_id} in frame {t}, which is not among the detections. "
                "Resolve the mergers of a lineage together with the detections that it was made from."
            )
        return row

    # ------------------------------------------------------------------ what the neighbours in time tell
    def _alone_around(self, track: int, i: int) -> tuple[int | None, int | None]:
        """Find the last object before step i, and the first after it, that the track has for itself."""
        alone = self._alone[track]
        place = bisect(alone, i)
        return alone[place - 1] if place else None, alone[place] if place < len(alone) else None

    def _expect(self, at: Object, tracks: list[int]) -> Expectation:
        ndim = self._detections.ndim
        centers = np.full((len(tracks), ndim), np.nan)
        shapes = np.full((len(tracks), ndim, ndim), np.nan)
        sizes = np.full(len(tracks), np.nan)
        for k, track in enumerate(tracks):
            path, i = self._paths[track], self._place[track][at]
            before, after = self._alone_around(track, i)
            here = [path[j] for j in (before, after) if j is not None and path[j] in self._shapes]
            share = _shares(at[0], [t for t, _ in here])
            if here:
                shapes[k] = sum(w * self._shapes[o] for w, o in zip(share, here, strict=True))
                sizes[k] = sum(w * self._size[self.row_of(o)] for w, o in zip(share, here, strict=True))
            known = [*self._center_before(track, i), *self._center_after(track, after)]
            if known:
                share = _shares(at[0], [t for t, _ in known])
                centers[k] = sum(w * center for w, (_, center) in zip(share, known, strict=True))
        return Expectation(centers, shapes, sizes)

    def _center_before(self, track: int, i: int) -> list[tuple[int, np.ndarray]]:
        """Tell where the track, or its mother, was last."""
        if i == 0:
            parent = self._lineage.parent_of(track)
            if parent is None:
                return []
            track = parent
            at: Object = max(self._lineage.objects_of(parent).items())
        else:
            at = self._paths[track][i - 1]
        if at not in self._cuts:
            return [(at[0], self._position[self.row_of(at)])]
        return [(at[0], self._cuts[at].centers[self._mergers[at].index(track)])]

    def _center_after(self, track: int, after: int | None) -> list[tuple[int, np.ndarray]]:
        """Tell where the track comes out alone, or in the middle of which daughters it ends."""
        if after is not None:
            at = self._paths[track][after]
            return [(at[0], self._position[self.row_of(at)])]
        children = [min(self._lineage.objects_of(child).items()) for child in self._lineage.children_of(track)]
        if not children or any(at in self._mergers for at in children):
            return []
        return [(max(t for t, _ in children), np.mean([self._position[self.row_of(at)] for at in children], axis=0))]


def _shares(t: int, times: list[int]) -> list[float]:
    """Weigh one or two frames by how near they are."""
    if len(times) < 2:
        return [1.0] * len(times)
    before, after = times
    return [(after - t) / (after - before), (t - before) / (after - before)]


def _free_ids(labels: np.ndarray, ids: np.ndarray, n: int) -> list[int]:
    """Find ids that no object of a frame has: those above the highest one, or else the smallest."""
    highest = max(int(labels.max(initial=0)), int(ids.max(initial=0)))
    if highest + n <= _LARGEST_ID:
        return list(range(highest + 1, highest + 1 + n))
    taken = np.union1d(labels, ids)
    return [int(i) for i in np.setdiff1d(np.arange(1, len(taken) + n + 1), taken)[:n]]


def _new_table(
    detections: Detections,
    table: pd.DataFrame,
    cutter: _Cutter,
    changes: dict[int, tuple[np.ndarray, np.ndarray]],
    movie: Movie | None,
) -> pd.DataFrame:
    """Replace the rows of merged objects by those of their parts.

    A feature of intensity is not a number where the raw image cannot be measured again. A part holds the number of
    objects that it has tracks. Other columns are those of the merged object.
    """
    ndim = detections.ndim
    own = {name: f for name, f in FEATURES.items() if ndim in f.ndims and set(f.names(ndim)) <= set(table.columns)}
    can_see = movie is not None and movie.n_channels == 1
    chosen = [name for name, feature in own.items() if can_see or not feature.needs_raw]
    lost = [column for name, feature in own.items() if name not in chosen for column in feature.names(ndim)]
    parts = []
    for t, (where, ids) in changes.items():
        frame = np.zeros(detections.frame_shape, np.uint32)
        frame.reshape(-1)[where] = ids
        raw = movie.frame(t) if movie is not None and can_see and any(own[name].needs_raw for name in chosen) else None
        parts.append(measure(frame, raw, features=chosen, scale=detections.scale).assign(t=t))
    if not parts:
        return table
    measured = pd.concat(parts, ignore_index=True)
    keys = list(zip(measured["t"].tolist(), measured["object_id"].tolist(), strict=True))
    originals, counts = cutter.originals(), cutter.counts()
    rows = [cutter.row_of(originals[key]) for key in keys]
    new = table.iloc[rows].reset_index(drop=True)
    new[measured.columns] = measured
    new[lost] = np.nan
    objects = np.array([counts[key] for key in keys])
    for column in [name for name in table.columns if name.startswith("p_count_")]:
        new[column] = (objects == int(column.removeprefix("p_count_"))).astype(float)
    kept = table.drop(index=table.index[sorted(set(rows))])
    merged = pd.concat([kept, new], ignore_index=True).astype(table.dtypes.to_dict() | dict.fromkeys(lost, float))
    return merged.sort_values(["t", "object_id"], ignore_index=True)
