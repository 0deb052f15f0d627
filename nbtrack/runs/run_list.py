"""The list of automatic runs: how they went, how two of them differ, how well each agrees with a truth."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from nbtrack.comparison.differences import compare
from nbtrack.comparison.mistakes import find_errors
from nbtrack.comparison.truth import Answer, match_answers
from nbtrack.errors import InputError
from nbtrack.evaluation import score
from nbtrack.io.atomic import atomic_path
from nbtrack.io.export import plain
from nbtrack.runs.run import COUNTS, FIGURES, describe_run, read_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from nbtrack.comparison.table import Comparison
    from nbtrack.data.detections import Detections
    from nbtrack.data.pins import Pin
    from nbtrack.data.result import TrackingResult
    from nbtrack.evaluation import FrameMatch, Scores
    from nbtrack.runs.run import Run

RUNS_FILE = "runs.json"
TABLE_FILE = "runs.csv"
VERSION = 1
"""Version of the layout of the file."""
SCORES = ("object_recall", "object_precision", "link_f1", "division_f1", "division_f1_within_1")
"""What the table shows of the agreement with a truth."""

_log = logging.getLogger(__name__)


class Runs:
    """Collect automatic runs, oldest first.

    Parameters
    ----------
    keep : int, optional
        Full results to keep, at least 2: those of the latest runs. Figures are kept of all.
    truth : TrackingResult, Session, Lineage, Movie, ndarray, str or Path, optional
        What is right, as for `nbtrack.find_errors`: then every run is scored.

    Raises
    ------
    InputError
        If `keep` is below 2 or the truth cannot be read.

    Examples
    --------
    >>> runs = Runs()
    >>> len(runs)
    0
    """

    def __init__(self, *, keep: int = 10, truth: Any = None) -> None:
        if keep < 2:
            raise InputError(f"`keep` must be at least 2 results, to compare them: got {keep}.")
        self._keep = keep
        self._runs: list[Run] = []
        self._results: dict[int, TrackingResult] = {}
        self._truth = None if truth is None else Answer.of(truth)
        self._matched: tuple[Detections, list[FrameMatch]] | None = None
        self._observers: list[Callable[[Run | None], None]] = []

    def __len__(self) -> int:
        """Count the runs."""
        return len(self._runs)

    def __iter__(self) -> Iterator[Run]:
        """Go through the runs, oldest first."""
        return iter(self._runs)

    def __getitem__(self, number: int) -> Run:
        """Give the run of a number, from 1."""
        if not 1 <= number <= len(self._runs):
            has = f"there are the runs 1 to {len(self._runs)}" if self._runs else "nothing was run yet"
            raise InputError(f"There is no run {number}: {has}.")
        return self._runs[number - 1]

    def __repr__(self) -> str:
        return f"<Runs: {len(self)} runs, {len(self._results)} results kept>"

    def _repr_html_(self) -> str:
        return str(self.table().to_html(index=False))

    # ------------------------------------------------------------------ adding
    def add(
        self,
        result: TrackingResult,
        *,
        name: str | None = None,
        fixed: Iterable[Pin | Mapping[str, Any]] = (),
        setup: str | None = None,
        replace_last: bool = False,
    ) -> Run:
        """Remember a run.

        Parameters
        ----------
        result : TrackingResult
            What `track` returned.
        name : str, optional
            What to call it; by default its number.
        fixed : iterable of Pin or dict, optional
            What the run was told to keep, for the code.
        setup : str, optional
            Lines of Python that make `detections`, for the code. By default the segmentation with its parameters, of a
            movie called `prediction`, if that is where the objects come from.
        replace_last : bool, optional
            Put it in the place of the last run, such as the one of a slider that is still being moved.

        Returns
        -------
        Run
            If a truth is known but does not fit the result, a warning is logged and it has no scores.
        """
        if replace_last:
            del self._runs[-1:]
        number = len(self._runs) + 1
        run = describe_run(
            result,
            number=number,
            name=name,
            before=self._runs[-1] if self._runs else None,
            fixed=fixed,
            setup=setup,
            scores=self._score_or_warn(result, number),
        )
        self._runs.append(run)
        self._results[number] = result
        while len(self._results) > self._keep:
            del self._results[min(self._results)]
        self._tell(run)
        return run

    def set_truth(self, truth: Any) -> None:
        """Score every run whose result is kept against a truth; the scores of the others are forgotten.

        Parameters
        ----------
        truth : TrackingResult, Session, Lineage, Movie, ndarray, str, Path or None
            What is right, as for `nbtrack.find_errors`; None to forget it.

        Raises
        ------
        InputError
            If the truth cannot be read or does not fit a result; nothing is changed then.
        """
        before = self._truth, self._matched
        self._truth, self._matched = None if truth is None else Answer.of(truth), None
        try:
            scores = {number: self._score(result) for number, result in self._results.items()}
        except InputError:
            self._truth, self._matched = before
            raise
        self._runs = [replace(run, scores=scores.get(run.number, {})) for run in self._runs]
        self._tell(None)

    @property
    def has_truth(self) -> bool:
        """Whether runs are scored."""
        return self._truth is not None

    # ------------------------------------------------------------------ looking
    def result(self, number: int) -> TrackingResult:
        """Give the full result of a run.

        Parameters
        ----------
        number : int
            The run, from 1.

        Returns
        -------
        TrackingResult

        Raises
        ------
        InputError
            If there is no such run, or only its figures are kept.
        """
        run = self[number]
        if number not in self._results:
            raise InputError(
                f"Of run {number} ({run.name}) only the figures are kept. Do it again with the lines of "
                f"`as_python({number})`."
            )
        return self._results[number]

    def difference(self, i: int, j: int) -> Comparison:
        """List what differs between two runs.

        Parameters
        ----------
        i, j : int
            The runs, from 1; sides "a" and "b".

        Returns
        -------
        Comparison
            As `nbtrack.compare` gives it.

        Raises
        ------
        InputError
            If a run does not exist or its result is not kept any more.
        """
        return compare(self.result(i), self.result(j), names=(f"run {i}", f"run {j}"))

    def errors(self, number: int, *, slack: int = 1) -> Comparison:
        """List the errors of a run against the truth.

        Parameters
        ----------
        number : int
            The run, from 1.
        slack : int, optional
            Frames that a division may be off.

        Returns
        -------
        Comparison
            As `nbtrack.find_errors` gives it.

        Raises
        ------
        InputError
            If no truth is known, or the result of the run is not kept any more.
        """
        result = self.result(number)
        if self._truth is None:
            raise InputError("There is no truth to compare with. Give one with `set_truth`.")
        return find_errors(
            result, self._truth, slack=slack, matches=self._match(result, self._truth), name=f"run {number}"
        )

    def table(self) -> pd.DataFrame:
        """Lay out the runs, one row each.

        Returns
        -------
        DataFrame
            run, name; the parameters that were not the same in all runs; `FIGURES`, `COUNTS`; `SCORES` if any run has
            them.
        """
        names = list(dict.fromkeys(name for run in self._runs for name in run.settings))
        differ = [n for n in names if any(run.settings.get(n) != self._runs[0].settings.get(n) for run in self._runs)]
        scores = SCORES if any(run.scores for run in self._runs) else ()
        rows = [
            {
                "run": run.number,
                "name": run.name,
                **{name: run.settings.get(name) for name in differ},
                **{name: run.figures[name] for name in FIGURES},
                **run.counts,
                **{name: run.scores.get(name) for name in scores},
            }
            for run in self._runs
        ]
        return pd.DataFrame(rows, columns=["run", "name", *differ, *FIGURES, *COUNTS, *scores])

    def as_python(self, number: int) -> str:
        """Write Python that does a run again.

        Parameters
        ----------
        number : int
            The run, from 1.

        Returns
        -------
        str
            The import, the parameters that are not the defaults, and the call.
        """
        return self[number].code

    def on_change(self, callback: Callable[[Run | None], None]) -> Callable[[], None]:
        """Call a function after every change.

        Parameters
        ----------
        callback : callable
            Gets the `Run` that was added, or None if the truth changed.

        Returns
        -------
        callable
            Call it to stop.
        """
        self._observers.append(callback)
        return lambda: self._observers.remove(callback) if callback in self._observers else None

    # ------------------------------------------------------------------ files
    def save(self, folder: str | Path) -> Path:
        """Write everything but the full results as ``runs.json``, and the table as ``runs.csv``.

        Parameters
        ----------
        folder : str or Path
            Where to; it is made if it is not there. Files of an earlier call are replaced.

        Returns
        -------
        Path
            The JSON file.

        Raises
        ------
        InputError
            If they cannot be written; what was there stays then.
        """
        file = Path(folder) / RUNS_FILE
        content = {"format": "nbtrack runs", "version": VERSION, "runs": [plain(run) for run in self._runs]}
        with atomic_path(file, overwrite=True) as temporary:
            temporary.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        with atomic_path(file.with_name(TABLE_FILE), overwrite=True) as temporary:
            self.table().to_csv(temporary, index=False, lineterminator="\n")
        return file

    @classmethod
    def load(cls, folder: str | Path, *, keep: int = 10) -> Runs:
        """Read what `save` wrote; without full results, which the runs to come have again.

        Parameters
        ----------
        folder : str or Path
            Where it is; none if it holds no runs.
        keep : int, optional
            Full results to keep.

        Returns
        -------
        Runs

        Raises
        ------
        InputError
            If the file is damaged or of a newer version.
        """
        runs = cls(keep=keep)
        file = Path(folder) / RUNS_FILE
        if not file.exists():
            return runs
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            version = content["version"]
            if content["format"] == "nbtrack runs" and version <= VERSION:
                runs._runs = [read_run(row, number) for number, row in enumerate(content["runs"], 1)]
                return runs
        except (OSError, ValueError, TypeError, LookupError) as error:
            raise InputError(
                f"`{file}` is damaged and cannot be read as a list of runs: {error}. Put back a copy, or move it away "
                "to begin a new list."
            ) from error
        raise InputError(
            f"`{file}` is of the format {content['format']!r}, version {version!r}, but this nbtrack reads lists of "
            f"runs up to version {VERSION}. Update nbtrack, or move it away to begin a new list."
        )

    # ------------------------------------------------------------------ helpers
    def _tell(self, run: Run | None) -> None:
        for callback in list(self._observers):
            callback(run)

    def _match(self, result: TrackingResult, truth: Answer) -> list[FrameMatch]:
        """Match objects, once for all runs with the same ones."""
        if truth.labels is None:
            return match_answers(Answer.of(result), truth)
        if self._matched is None or self._matched[0] is not result.detections:
            self._matched = result.detections, match_answers(Answer.of(result), truth)
        return self._matched[1]

    def _score(self, result: TrackingResult) -> Scores:
        if self._truth is None:
            return {}
        return score(result.lineage, self._truth.lineage, self._match(result, self._truth))

    def _score_or_warn(self, result: TrackingResult, number: int) -> Scores:
        try:
            return self._score(result)
        except InputError as error:
            _log.warning("Run %d is not compared with the truth. %s", number, error)
            return {}
