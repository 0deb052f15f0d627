"""What is known to be right: a lineage with its objects, taken from whatever holds one."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nbtrack.comparison.table import encode
from nbtrack.data.lineage import FALSE_LABEL, Lineage
from nbtrack.data.movie import Movie
from nbtrack.errors import InputError
from nbtrack.evaluation import FrameMatch, match_objects, score
from nbtrack.io.ctc import read_ctc

if TYPE_CHECKING:
    from nbtrack.data.detections import Frames
    from nbtrack.evaluation import Scores


@dataclass(frozen=True, eq=False)
class Answer:
    """A lineage and the objects that it speaks of.

    Parameters
    ----------
    lineage : Lineage
        Tracks and divisions.
    labels : Movie, sequence of ndarray, or None
        Its label frames; None if it speaks of the objects of the answer it is compared with.
    table : DataFrame, optional
        Its detection table, if there is one.
    """

    lineage: Lineage
    labels: Frames | None = None
    table: pd.DataFrame | None = None

    @classmethod
    def of(cls, given: Any) -> Answer:
        """Take an answer or a truth from what holds one.

        Parameters
        ----------
        given : TrackingResult, Session, Sample, Lineage, Movie, ndarray, str, Path or Answer
            A result, a session or a sample, which stands for its truth; a lineage over the objects of the other side;
            label frames in which each pixel has the number of its track (without divisions; 65535 is a false
            detection), as a movie or an array with time first; a folder of the Cell Tracking Challenge.

        Returns
        -------
        Answer

        Raises
        ------
        InputError
            If it is none of these, or cannot be read.
        """
        if isinstance(given, Answer):
            return given
        if isinstance(given, Lineage):
            return cls(given)
        if isinstance(given, str | Path):
            labels, lineage = read_ctc(given)
            return cls(lineage, labels)
        if isinstance(given, Movie | np.ndarray):
            return cls(_painted_tracks(given), given)
        if isinstance(getattr(given, "truth", None), Lineage):
            return cls(given.truth, given.labels)
        if not isinstance(getattr(given, "lineage", None), Lineage) or getattr(given, "detections", None) is None:
            raise InputError(
                "A truth must be a result, a session, a lineage, label images by track or a folder of the Cell "
                f"Tracking Challenge: got {type(given).__name__}."
            )
        return cls(given.lineage, given.detections.labels, given.detections.table)


def match_answers(result: Answer, truth: Answer) -> list[FrameMatch]:
    """Match the objects of an answer and of the truth, frame by frame.

    Parameters
    ----------
    result, truth : Answer
        The two sides. If only one of them has label frames, both speak of its objects.

    Returns
    -------
    list of FrameMatch
        As `nbtrack.evaluation.match_objects` gives them.

    Raises
    ------
    InputError
        If the two do not belong together.
    """
    if result.labels is not None and truth.labels is not None:
        return match_objects(result.labels, truth.labels)
    rows = pd.concat([answer.lineage.objects[["t", "object_id"]] for answer in (result, truth)])
    table = result.table if result.table is not None else truth.table
    if table is not None:
        known = encode(table["t"].to_numpy(), table["object_id"].to_numpy())
        strange = rows[~np.isin(encode(rows["t"].to_numpy(), rows["object_id"].to_numpy()), known)]
        if len(strange):
            t, object_id = strange.iloc[0].tolist()
            raise InputError(
                f"Result and truth must speak of the same objects: object {object_id} in frame {t} is not there. Give "
                "the truth together with its label images: as a session, a result or a folder."
            )
    t, object_id = rows.drop_duplicates().sort_values(["t", "object_id"]).to_numpy().T
    edges = np.searchsorted(t, np.arange(t.max(initial=-1) + 2))
    frames = []
    for first, end in pairwise(edges.tolist()):
        here = object_id[first:end]
        same = dict(zip(here.tolist(), here.tolist(), strict=True))
        frames.append(FrameMatch(here, here, same, same))
    return frames


def score_against(result: Any, truth: Any) -> Scores:
    """Measure how well an answer agrees with a truth.

    Parameters
    ----------
    result, truth : TrackingResult, Session, Lineage, Movie, ndarray, str or Path
        As for `Answer.of`.

    Returns
    -------
    dict
        As `nbtrack.evaluation.compare` gives it.

    Raises
    ------
    InputError
        If the two do not belong together.
    """
    one, two = Answer.of(result), Answer.of(truth)
    return score(one.lineage, two.lineage, match_answers(one, two))


def _painted_tracks(labels: Movie | np.ndarray) -> Lineage:
    """Take the tracks from label frames."""
    if np.dtype(labels.dtype).kind not in "iu" or (isinstance(labels, Movie) and "c" in labels.axes):
        raise InputError(
            f"Label images by track must hold whole numbers in one channel: got {labels.dtype}"
            f"{f' with the axes {labels.axes}' if isinstance(labels, Movie) else ''}. Choose another file or channel."
        )
    lineage = Lineage()
    for t in range(len(labels)):
        for value in np.unique(np.asarray(labels[t])).tolist():
            if value == FALSE_LABEL:
                lineage.mark_false(t, value)
            elif value > 0:
                lineage.assign(t, value, value)
    return lineage
