"""The classifier of objects: how many cells an object holds, and whether it divides, as probabilities for the tracker.

It consists of the rows it learned from and a few settings; the forests are grown from these when they are needed, and
seeded, so that a stored classifier gives the same probabilities again. Nothing is pickled. Where a movie lacks some of
the features (no raw images, another dimension), the forests are grown without them.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nbtrack.classifiers.files import read_json, write_json
from nbtrack.classifiers.forest import CalibratedForest
from nbtrack.classifiers.labels import Labels
from nbtrack.classifiers.object_table import object_features
from nbtrack.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbtrack.classifiers.labels import Object
    from nbtrack.data.detections import Detections
    from nbtrack.data.movie import Movie
    from nbtrack.parallel import ExecutorLike, Progress

LEARNED_FROM = {
    "counts": (
        *("size", "inscribed", "roundness", "radius_0", "radius_1", "radius_2", "extent", "axis_ratio"),
        *("convexity", "dip", "touches_border", "brightness", "total_brightness", "brightness_spread"),
        *("brightness_low", "brightness_high", "skewness", "kurtosis", "next_claims", "previous_claims"),
    ),
    "divisions": (
        *("next_distance_0", "next_distance_1", "next_distance_2", "parent_children_size", "children_size"),
        *("parent_children_brightness", "children_brightness", "children_distance", "parent_children_angle"),
        *("pair_offset", "pair_distance", "pair_angle", "pair_rival", "pair_size", "pair_balance"),
        *("pair_brightness", "pair_brightness_balance", "next_claims", "next_size", "next_brightness"),
        *("previous_claims", "previous_distance", "previous_size", "previous_brightness"),
        *("size", "radius_0", "radius_1", "axis_ratio", "brightness", "brightness_spread"),
    ),
}
"""The features of each question, out of `nbtrack.classifiers.object_table`; those that are not there are left out."""
_RARE = 0.1
"""How frequent false detections, mergers and divisions usually are, each; rather too high, as the tracker can tell."""
_FORMAT = "nbtrack classifier"
_VERSION = 1
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Lesson:
    """The labels of one question with the features of their objects.

    Parameters
    ----------
    features : DataFrame of float
        One row per label.
    labels : ndarray of int
        How many cells; or 0 and 1 for not dividing and dividing.
    shares : ndarray of float, optional
        How frequent the classes are among all objects, if known.
    """

    features: pd.DataFrame
    labels: np.ndarray
    shares: np.ndarray | None = None


class ObjectClassifier:
    """Tell how many cells objects hold and whether they divide.

    Make one with `train` or `load`, or let `nbtrack.classify` and `Labelling` do it.

    Parameters
    ----------
    lessons : dict of str to Lesson
        What it learned, under ``"counts"``, ``"divisions"`` or both.
    max_count : int, optional
        The largest number of cells it tells apart.
    n_trees : int, optional
        Trees of each forest.
    seed : int, optional
        Seed of the forests.

    Attributes
    ----------
    lessons, max_count, n_trees, seed
        As given.

    Raises
    ------
    InputError
        If there is no label at all, or one above `max_count`.
    """

    def __init__(self, lessons: Mapping[str, Lesson], *, max_count: int = 2, n_trees: int = 100, seed: int = 0) -> None:
        self.lessons = {name: lesson for name, lesson in lessons.items() if len(lesson.labels)}
        if not self.lessons:
            raise InputError(
                "A classifier needs at least one label: got none. Label some objects: false detections, one cell, "
                "merged cells; dividing or not."
            )
        highest = int(self.lessons["counts"].labels.max()) if "counts" in self.lessons else 0
        if max_count < max(1, highest):
            raise InputError(
                f"`max_count` is {max_count}, but must be at least 1 and at least the largest labelled number of "
                f"cells, {highest}. Raise it."
            )
        self.max_count, self.n_trees, self.seed = int(max_count), int(n_trees), int(seed)
        self._forests: dict[tuple[str, ...], CalibratedForest] = {}

    def __repr__(self) -> str:
        known = ", ".join(f"{len(lesson.labels)} labels of {name}" for name, lesson in self.lessons.items())
        return f"<ObjectClassifier: {known}>"

    @classmethod
    def train(
        cls,
        features: pd.DataFrame,
        labels: Labels,
        *,
        base: ObjectClassifier | None = None,
        previous: ObjectClassifier | None = None,
        max_count: int | None = None,
        seed: int = 0,
    ) -> ObjectClassifier:
        """Learn from the labels of a movie.

        Parameters
        ----------
        features : DataFrame of float
            What `object_features` gave for all objects of the movie.
        labels : Labels
            The labels of these objects.
        base : ObjectClassifier, optional
            A classifier of other movies; what it learned is kept.
        previous : ObjectClassifier, optional
            The classifier before the last label; the forest of the question that was not touched is taken over.
        max_count : int, optional
            The largest number of cells to tell apart; by default 2, that of `base`, or the largest that was labelled.
        seed : int, optional
            Seed of the forests.

        Returns
        -------
        ObjectClassifier

        Raises
        ------
        InputError
            If there are no labels, neither here nor in `base`, or the features are those of other objects.
        """
        table = labels.detections.table
        if len(features) != len(table):
            raise InputError(
                f"`features` must have one row per object: got {len(features)} rows and {len(table)} objects. "
                "Measure the objects that were labelled."
            )
        rows = {key: row for row, key in enumerate(zip(table["t"], table["object_id"], strict=True))}
        lessons = dict(base.lessons) if base is not None else {}
        answers: dict[str, Mapping[Object, int]] = {"counts": labels.counts, "divisions": labels.divisions}
        for name, given in answers.items():
            if given:
                here = features.iloc[[rows[key] for key in given]].reset_index(drop=True)
                lessons[name] = _join(lessons.get(name), Lesson(here, np.array([int(v) for v in given.values()])))
        highest = max(labels.counts.values(), default=0)
        if max_count is None:
            max_count = max(2, highest, base.max_count if base is not None else 0)
        made = cls(lessons, max_count=max_count, seed=seed, n_trees=base.n_trees if base is not None else 100)
        for name in answers:
            if answers[name] and not made._take_over(name, previous):
                shares = made._forest(name, made._columns(name, features), everything=features).shares
                made.lessons[name] = replace(made.lessons[name], shares=shares)
        return made

    def predict(self, features: pd.DataFrame) -> pd.DataFrame:
        """Tell how probable each answer is.

        Parameters
        ----------
        features : DataFrame of float
            What `object_features` gave.

        Returns
        -------
        DataFrame of float
            One row per row of `features`: `p_count_0` (false detection) to `p_count_m`, which sum to 1, if counts were
            learned; `p_division` if divisions were.

        Raises
        ------
        InputError
            If the features have nothing in common with those learned from.
        """
        found: dict[str, np.ndarray] = {}
        for name in self.lessons:
            columns = self._columns(name, features)
            p = self._forest(name, columns).predict(features[list(columns)].to_numpy())
            if name == "counts":
                found |= {f"p_count_{k}": p[:, k] for k in range(self.max_count + 1)}
            else:
                found["p_division"] = p[:, 1]
        return pd.DataFrame(found, index=features.index)

    def save(self, path: str | Path) -> None:
        """Write what was learned to a JSON file, whole or not at all.

        Parameters
        ----------
        path : str or Path
            The file; an older one is replaced.

        Raises
        ------
        InputError
            If it cannot be written.
        """
        lessons = {
            name: {
                "columns": list(lesson.features.columns),
                "rows": lesson.features.to_numpy().tolist(),
                "labels": lesson.labels.tolist(),
                "shares": None if lesson.shares is None else lesson.shares.tolist(),
            }
            for name, lesson in self.lessons.items()
        }
        settings = {"max_count": self.max_count, "n_trees": self.n_trees, "seed": self.seed}
        write_json(path, _FORMAT, _VERSION, {**settings, "lessons": lessons})

    @classmethod
    def load(cls, path: str | Path) -> ObjectClassifier:
        """Read a classifier.

        Parameters
        ----------
        path : str or Path
            What `save` wrote.

        Returns
        -------
        ObjectClassifier
            Gives the same probabilities as the one that was saved.

        Raises
        ------
        InputError
            If the file cannot be read.
        """
        content = read_json(path, _FORMAT, _VERSION)
        try:
            settings = {name: int(content[name]) for name in ("max_count", "n_trees", "seed")}
            lessons = {
                name: _read_lesson(content["lessons"][name], settings["max_count"] if name == "counts" else 1)
                for name in LEARNED_FROM
                if name in content["lessons"]
            }
            return cls(lessons, **settings)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"`{path}` is damaged: {error} Put back a copy, or train anew.") from error

    # ------------------------------------------------------------------ helpers
    def _take_over(self, name: str, previous: ObjectClassifier | None) -> bool:
        """Take the forests of an equal lesson, if there is one."""
        settings = ("max_count", "n_trees", "seed")
        if previous is None or any(getattr(previous, key) != getattr(self, key) for key in settings):
            return False
        old, new = previous.lessons.get(name), self.lessons[name]
        if old is None or not (np.array_equal(old.labels, new.labels) and old.features.equals(new.features)):
            return False
        self.lessons[name] = old
        self._forests |= {key: forest for key, forest in previous._forests.items() if key[0] == name}
        return True

    def _columns(self, name: str, features: pd.DataFrame) -> tuple[str, ...]:
        known = self.lessons[name].features.columns
        columns = tuple(c for c in LEARNED_FROM[name] if c in known and c in features.columns)
        if not columns:
            raise InputError(
                "The objects have no feature that the classifier learned from. Measure them with `object_features`."
            )
        return columns

    def _forest(self, name: str, columns: tuple[str, ...], everything: pd.DataFrame | None = None) -> CalibratedForest:
        """Grow the forest of a question, or take the one that stands."""
        key = (name, *columns)
        if key not in self._forests:
            lesson = self.lessons[name]
            lacking = [c for c in LEARNED_FROM[name] if c in lesson.features.columns and c not in columns]
            if lacking:
                _log.info("The classifier of %s does without %s.", name, ", ".join(lacking))
            self._forests[key] = CalibratedForest(
                lesson.features[list(columns)].to_numpy(),
                lesson.labels,
                self.max_count + 1 if name == "counts" else 2,
                usual=_usual(name, self.max_count),
                everything=None if everything is None else everything[list(columns)].to_numpy(),
                shares=lesson.shares,
                n_trees=self.n_trees,
                seed=self.seed,
            )
        return self._forests[key]


def classify(
    detections: Detections,
    movie: Movie | None = None,
    *,
    counts: Mapping[Object, int] | None = None,
    divisions: Mapping[Object, bool] | None = None,
    classifier: ObjectClassifier | str | Path | None = None,
    channel: int | None = None,
    executor: ExecutorLike = None,
    progress: Progress = False,
) -> Detections:
    """Tell how many cells each object holds and whether it divides, from a few labels.

    Parameters
    ----------
    detections : Detections
        The objects.
    movie : Movie, optional
        The raw images, for features of brightness.
    counts : mapping of (t, object_id) to int, optional
        Labels: 0 for a false detection, 1, 2, ... cells.
    divisions : mapping of (t, object_id) to bool, optional
        Labels: whether the object divides, said of the mother in her last frame.
    classifier : ObjectClassifier, str or Path, optional
        What was learned before, or its file; labels are learned in addition.
    channel : int, optional
        Channel of the raw images, where they have several.
    executor : concurrent.futures.Executor or {"threads", "processes", "serial"}, optional
        Who works on the frames; see `nbtrack.parallel.map_frames`.
    progress : bool or callable, optional
        True shows a progress bar; a callable gets ``(done, total)``.

    Returns
    -------
    Detections
        The same objects; their table has the columns `p_count_0` (false detection) to `p_count_m` if counts were
        labelled, and `p_division` if divisions were. `nbtrack.track` uses them.

    Raises
    ------
    InputError
        If there is neither a label nor a classifier, a label names no object, or the movie does not fit.
    """
    base = ObjectClassifier.load(classifier) if isinstance(classifier, str | Path) else classifier
    labels = Labels(detections, counts, divisions)
    features = object_features(detections, movie, channel=channel, executor=executor, progress=progress)
    if base is None or len(labels):
        base = ObjectClassifier.train(features, labels, base=base)
    return with_probabilities(detections, base.predict(features))


def with_probabilities(detections: Detections, probabilities: pd.DataFrame) -> Detections:
    """Put probabilities into the table of detections, in place of earlier ones.

    Parameters
    ----------
    detections : Detections
        The objects.
    probabilities : DataFrame of float
        One row per object, columns as `ObjectClassifier.predict` gives them.

    Returns
    -------
    Detections
        The same objects.
    """
    table = detections.table
    earlier = [name for name in table.columns if name.startswith("p_count_") or name == "p_division"]
    added = {name: probabilities[name].to_numpy() for name in probabilities.columns}
    return replace(detections, table=table.drop(columns=earlier).assign(**added))


def uncertainty(probabilities: pd.DataFrame, of: str = "counts") -> np.ndarray:
    """Tell how uncertain a classifier is: 1 less the margin between the two most probable answers.

    Parameters
    ----------
    probabilities : DataFrame of float
        What `ObjectClassifier.predict` gave.
    of : {"counts", "divisions"}, optional
        Which question.

    Returns
    -------
    ndarray of float, shape (n,)
        0 where one answer is certain, 1 where two are equally probable; 1 everywhere if nothing was learned of it.

    Raises
    ------
    InputError
        If `of` is something else.
    """
    check_question(of)
    if of == "divisions":
        if "p_division" not in probabilities:
            return np.ones(len(probabilities))
        return np.asarray(1 - np.abs(2 * probabilities["p_division"].to_numpy() - 1))
    names = [name for name in probabilities.columns if name.startswith("p_count_")]
    if not names:
        return np.ones(len(probabilities))
    best = np.sort(probabilities[names].to_numpy(), axis=1)
    return np.asarray(1 - (best[:, -1] - best[:, -2]))


def check_question(of: str) -> None:
    """Refuse a question that classifiers do not know.

    Parameters
    ----------
    of : str
        What was asked for.

    Raises
    ------
    InputError
        If it is neither "counts" nor "divisions".
    """
    if of not in LEARNED_FROM:
        raise InputError(f"`of` must be one of {', '.join(map(repr, LEARNED_FROM))}: got {of!r}.")


def _usual(name: str, max_count: int) -> np.ndarray:
    """Tell how frequent the answers usually are: most objects are one cell, which does not divide just now."""
    if name == "divisions":
        return np.array([1 - _RARE, _RARE])
    shares = np.asarray(_RARE * 0.5 ** np.maximum(np.arange(max_count + 1) - 2.0, 0), float)
    shares[1] = 1 - shares[0] - shares[2:].sum()
    return shares


def _join(before: Lesson | None, now: Lesson) -> Lesson:
    """Add labels to those of other movies; only the features that all have are kept."""
    if before is None:
        return now
    shared = [name for name in before.features.columns if name in now.features.columns]
    features = pd.concat([before.features[shared], now.features[shared]], ignore_index=True)
    return Lesson(features, np.concatenate([before.labels, now.labels]))


def _read_lesson(entry: dict[str, Any], highest: int) -> Lesson:
    features = pd.DataFrame(entry["rows"], columns=[str(name) for name in entry["columns"]], dtype=np.float64)
    labels = np.array(entry["labels"], np.int64)
    if len(labels) != len(features) or not np.isfinite(features.to_numpy()).all():
        raise ValueError("its rows are not complete.")
    if len(labels) and not (labels.min() >= 0 and labels.max() <= highest):
        raise ValueError(f"it has labels from {labels.min()} to {labels.max()}, which it cannot have.")
    shares = None if entry["shares"] is None else np.array(entry["shares"], float)
    if shares is not None and (shares.shape != (highest + 1,) or not (shares > 0).all()):
        raise ValueError("its shares do not fit.")
    return Lesson(features, labels, shares)
