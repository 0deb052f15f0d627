"""Labelling objects with the classifier looking on: each label changes the probabilities of all objects at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nbtrack.classifiers.labels import Labels
from nbtrack.classifiers.object_classifier import (
    ObjectClassifier,
    check_question,
    uncertainty,
    with_probabilities,
)
from nbtrack.classifiers.object_table import object_features

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbtrack.classifiers.labels import LabelChange, Object
    from nbtrack.data.detections import Detections
    from nbtrack.data.movie import Movie
    from nbtrack.parallel import Progress


LABELS_FILE = "labels.json"
CLASSIFIER_FILE = "classifier.json"
BASE_FILE = "base.json"


class Labelling:
    """Hold objects, labels and what the classifier makes of them.

    Features are measured once, when they are first needed; the classifier is trained when something is asked for after
    a label has changed.

    Parameters
    ----------
    detections : Detections
        The objects.
    movie : Movie, optional
        The raw images, for features of brightness.
    labels : Labels, optional
        Labels to go on with; those of another segmentation are moved to the objects. None begins without any.
    classifier : ObjectClassifier, optional
        What was learned from other movies; the labels are learned in addition.
    channel : int, optional
        Channel of the raw images, where they have several.
    seed : int, optional
        Seed of the forests.

    Attributes
    ----------
    detections, movie, labels, channel, seed
        As given.
    base : ObjectClassifier or None
        The classifier that was given.

    Examples
    --------
    >>> import nbtrack as nbt
    >>> sample = nbt.sample("shapes")
    >>> labelling = Labelling(nbt.segment(sample.prediction, channel=1), sample.raw)
    >>> _ = labelling.set_count(0, 1, 1), labelling.set_count(1, 1, 1), labelling.set_count(5, 2, 2)
    >>> labelling.probabilities.columns.to_list()
    ['p_count_0', 'p_count_1', 'p_count_2']
    """

    def __init__(
        self,
        detections: Detections,
        movie: Movie | None = None,
        *,
        labels: Labels | None = None,
        classifier: ObjectClassifier | None = None,
        channel: int | None = None,
        seed: int = 0,
    ) -> None:
        if labels is None:
            labels = Labels(detections)
        elif labels.detections is not detections:
            labels = labels.move_to(detections)
        self.detections, self.movie, self.labels = detections, movie, labels
        self.base, self.channel, self.seed = classifier, channel, seed
        self._features: pd.DataFrame | None = None
        self._classifier: ObjectClassifier | None = None
        self._previous: ObjectClassifier | None = None
        self._probabilities: pd.DataFrame | None = None
        self._folder: Path | None = None
        self._version = 0  # of labels and base: what is learned beside everything else may come too late
        labels.on_change(self._changed)

    def __repr__(self) -> str:
        return f"<Labelling of {len(self.detections)} objects: {self.labels!r}>"

    # ------------------------------------------------------------------ what a click means
    def set_count(self, t: int, object_id: int, count: int | None) -> LabelChange:
        """Say how many cells an object holds; see `Labels.set_count`."""
        return self.labels.set_count(t, object_id, count)

    def set_division(self, t: int, object_id: int, dividing: bool | None) -> LabelChange:
        """Say whether an object divides; see `Labels.set_division`."""
        return self.labels.set_division(t, object_id, dividing)

    def take_labels(self, labels: Labels) -> LabelChange:
        """Take over labels that were given elsewhere; see `Labels.update`."""
        return self.labels.update(labels)

    def undo(self) -> LabelChange:
        """Take the last label back; see `Labels.undo`."""
        return self.labels.undo()

    def redo(self) -> LabelChange:
        """Do again what was taken back; see `Labels.redo`."""
        return self.labels.redo()

    def on_change(self, callback: Callable[[LabelChange], object]) -> Callable[[], None]:
        """Tell a function about every label; what it asks for then is up to date. Gives a function to stop."""
        return self.labels.on_change(callback)

    def learn_from(self, classifier: ObjectClassifier | None) -> None:
        """Build on what was learned from other movies; the labels are learned in addition.

        Parameters
        ----------
        classifier : ObjectClassifier or None
            What was learned; None forgets it.

        Raises
        ------
        InputError
            If it cannot be written where everything is kept.
        """
        self.base = classifier
        self._forget()
        if self._folder is not None:
            self.save(self._folder)

    def as_python(self) -> str:
        """Write the lines that give the same probabilities: `objects` and `raw` stand for detections and movie."""
        parts = [f"{name}={given!r}" for name in ("counts", "divisions") if (given := getattr(self.labels, name))]
        if self.base is not None:
            parts.append(f'classifier="{BASE_FILE if self._folder is None else (self._folder / BASE_FILE).as_posix()}"')
        movie = "" if self.movie is None else ", raw"
        inner = "".join(f"    {part},\n" for part in parts)
        return f"classified = nbt.classify(\n    objects{movie},\n{inner})" if parts else "classified = objects"

    # ------------------------------------------------------------------ what follows from it
    def measure(self, progress: Progress = False) -> pd.DataFrame:
        """Measure the features of all objects, if that was not done yet.

        Parameters
        ----------
        progress : bool or callable, optional
            True shows a progress bar; a callable gets ``(done, total)``.

        Returns
        -------
        DataFrame of float
            One row per object; see `nbtrack.classifiers.object_table.object_features`.

        Raises
        ------
        InputError
            If the raw images do not fit the objects.
        """
        if self._features is None:
            self._features = object_features(self.detections, self.movie, channel=self.channel, progress=progress)
        return self._features

    @property
    def classifier(self) -> ObjectClassifier | None:
        """What was learned from the labels and before; None without any label."""
        made = self._classifier
        if made is None:
            version, made = self._version, self.base
            if len(self.labels):
                made = self._previous = ObjectClassifier.train(
                    self.measure(), self.labels, base=self.base, previous=self._previous, seed=self.seed
                )
            if version == self._version:
                self._classifier = made
                if self._folder is not None and made is not None:
                    made.save(self._folder / CLASSIFIER_FILE)
        return made

    @property
    def probabilities(self) -> pd.DataFrame:
        """One row per object: `p_count_0`..., `p_division`, as far as they were learned; no columns without labels."""
        known = self._probabilities
        if known is None:
            version = self._version
            classifier, index = self.classifier, self.detections.table.index
            known = pd.DataFrame(index=index) if classifier is None else classifier.predict(self.measure())
            if version == self._version:
                self._probabilities = known
        return known

    @property
    def is_learned(self) -> bool:
        """Whether the probabilities of all labels are there already."""
        return self._probabilities is not None

    @property
    def classified(self) -> Detections:
        """The objects with their probabilities, as `nbtrack.track` takes them; as they are if nothing was learned."""
        known = self.probabilities
        return with_probabilities(self.detections, known) if len(known.columns) else self.detections

    def predicted(self, of: str = "counts") -> np.ndarray:
        """Tell the most probable answer for every object.

        Parameters
        ----------
        of : {"counts", "divisions"}, optional
            Which question.

        Returns
        -------
        ndarray of int, shape (n,)
            Number of cells, or 1 for dividing and 0 for not; -1 where nothing was learned.

        Raises
        ------
        InputError
            If `of` is something else.
        """
        check_question(of)
        names = [name for name in self.probabilities.columns if name.startswith("p_count_")]
        if of == "divisions" and "p_division" in self.probabilities:
            return (self.probabilities["p_division"].to_numpy() > 0.5).astype(np.int64)
        if of == "counts" and names:
            return np.asarray(self.probabilities[names].to_numpy().argmax(axis=1), np.int64)
        return np.full(len(self.detections), -1)

    def uncertainty(self, of: str = "counts") -> np.ndarray:
        """Tell how uncertain each object is; see `nbtrack.classifiers.object_classifier.uncertainty`."""
        return uncertainty(self.probabilities, of)

    # ------------------------------------------------------------------ where to label next
    def most_uncertain(self, n: int = 10, of: str = "counts") -> list[Object]:
        """List the objects to label next: the most uncertain of those that are not labelled.

        They hardly lead to an answer that was never given; `largest` and `smallest` do: begin with these.

        Parameters
        ----------
        n : int, optional
            How many.
        of : {"counts", "divisions"}, optional
            Which question.

        Returns
        -------
        list of (t, object_id)
            Most uncertain first.

        Raises
        ------
        InputError
            If `of` is something else.
        """
        return self._first(-self.uncertainty(of), n, of)

    def largest(self, n: int = 10, of: str = "counts") -> list[Object]:
        """List the largest objects that are not labelled; parameters as in `most_uncertain`."""
        check_question(of)
        return self._first(-self.detections.table["size"].to_numpy(), n, of)

    def smallest(self, n: int = 10, of: str = "counts") -> list[Object]:
        """List the smallest objects that are not labelled; parameters as in `most_uncertain`."""
        check_question(of)
        return self._first(self.detections.table["size"].to_numpy(), n, of)

    # ------------------------------------------------------------------ another day
    def save(self, folder: str | Path) -> None:
        """Write labels and classifiers into a folder, such as ``project.labelling_folder``.

        ``labels.json`` are the labels, ``classifier.json`` is what was learned in all, to be used on the next movie,
        ``base.json`` what was learned before.

        Parameters
        ----------
        folder : str or Path
            It is made if it is not there; older files are replaced.

        Raises
        ------
        InputError
            If a file cannot be written.
        """
        folder = Path(folder).expanduser()
        self.labels.save(folder / LABELS_FILE)
        for name, classifier in ((BASE_FILE, self.base), (CLASSIFIER_FILE, self.classifier)):
            if classifier is None:
                (folder / name).unlink(missing_ok=True)
            else:
                classifier.save(folder / name)

    def keep_in(self, folder: str | Path) -> None:
        """Write everything into a folder now, every label the moment it is given, and what is learned when it is.

        Parameters
        ----------
        folder : str or Path
            As for `save`.

        Raises
        ------
        InputError
            If a file cannot be written.
        """
        self.save(folder)
        self._folder = Path(folder).expanduser()

    @classmethod
    def load(
        cls, folder: str | Path, detections: Detections, movie: Movie | None = None, *, channel: int | None = None
    ) -> Labelling:
        """Go on where `save` was called, with the same objects or those of another segmentation.

        Parameters
        ----------
        folder : str or Path
            Where it was saved.
        detections : Detections
            The objects.
        movie : Movie, optional
            The raw images.
        channel : int, optional
            Channel of the raw images.

        Returns
        -------
        Labelling
            Labels whose objects are not there any more are in ``labelling.labels.lost``.

        Raises
        ------
        InputError
            If a file cannot be read or belongs to another movie.
        """
        folder = Path(folder).expanduser()
        base = ObjectClassifier.load(folder / BASE_FILE) if (folder / BASE_FILE).exists() else None
        return cls(
            detections, movie, labels=Labels.load(folder / LABELS_FILE, detections), classifier=base, channel=channel
        )

    # ------------------------------------------------------------------ helpers
    def _first(self, order: np.ndarray, n: int, of: str) -> list[Object]:
        table, labelled = self.detections.table, getattr(self.labels, of)
        t, object_id = table["t"].to_numpy(), table["object_id"].to_numpy()
        found: list[Object] = []
        for row in np.argsort(order, kind="stable"):
            if len(found) >= n:
                break
            key = int(t[row]), int(object_id[row])
            if key not in labelled:
                found.append(key)
        return found

    def _changed(self, _: LabelChange) -> None:
        self._forget()
        if self._folder is not None:
            self.labels.save(self._folder / LABELS_FILE)

    def _forget(self) -> None:
        self._version += 1
        self._classifier = self._probabilities = None
