"""The way from two files to tracked objects, without a widget: load, choose a threshold, apply, track by hand.

With a project, everything is written down when it happens: the inputs when they are loaded, the objects and the
parameters when they are applied, each edit in the edit log. Opening the project brings it all back (`nbtrack.records`).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbtrack.answers import Answers, begins_with_tracks
from nbtrack.editing.carrying import carry_lineage, carry_pins
from nbtrack.editing.label_copy import LabelCopy
from nbtrack.editing.log import hash_objects
from nbtrack.editing.session import Session
from nbtrack.errors import EditError, InputError
from nbtrack.inputs import (
    KINDS,
    check_fit,
    first_params,
    guess_kind,
    read_again,
    read_input,
    remember_frames,
)
from nbtrack.params import SegmentationParams
from nbtrack.project import Project, read_log_header
from nbtrack.records import (
    describe_work,
    keep_objects,
    make_objects,
    put_log_aside,
    record_inputs,
    restore_inputs,
    restore_objects,
    restore_result,
    restore_runs,
    store_params,
    take_log,
)
from nbtrack.segmentation import FrameObjects, segment_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nbtrack.data.detections import Detections
    from nbtrack.data.movie import Movie
    from nbtrack.data.result import TrackingResult
    from nbtrack.parallel import Progress


class Workflow(Answers):
    """Hold what the panels before tracking work on: inputs, parameters, objects and the session.

    Parameters
    ----------
    project : Project, str or Path, optional
        Where everything is kept; opened as it was left. Without it everything is in memory.

    Attributes
    ----------
    project : Project or None
        As given.
    inputs : dict of str to Input
        What is loaded, under ``"raw"`` and ``"prediction"``.
    kind : str
        What `prediction` is, one of `nbtrack.inputs.KINDS`.
    scale : float, tuple of float or None
        Pixel size that was given for both inputs; None takes that of the files.
    params : SegmentationParams
        The parameters that were applied last, or a good start.
    detections : Detections or None
        The objects as they are now, repaired ones included; None before `apply`.
    session : Session or None
        The tracking of these objects by a person: by hand, or the correction of an automatic result.
    runs : Runs
        The automatic runs.
    result : TrackingResult or None
        The last automatic result of these objects.
    notes : dict of str to str
        What could not be brought back when the project was opened (``"raw"``, ``"prediction"``, ``"session"``,
        ``"result"``, ``"runs"``), with the reason and what to do.

    Raises
    ------
    InputError
        If the project cannot be opened.
    """

    def __init__(self, project: Project | str | Path | None = None) -> None:
        super().__init__(Project(project) if isinstance(project, (str, Path)) else project)
        self.kind = KINDS[0]
        self.scale: float | Sequence[float] | None = None
        self.params = SegmentationParams()
        self._applied: tuple[SegmentationParams, Any] | None = None
        self._remembered: tuple[Movie, Movie] | None = None
        self._label_copy: LabelCopy | None = None
        if self.project is not None:
            self._restore(self.project)
        self.runs.on_change(self._keep_run)

    def __repr__(self) -> str:
        parts = [f"{name} {item.movie.axes} {item.movie.shape}" for name, item in self.inputs.items()]
        parts.append("no objects yet" if self.detections is None else f"{len(self.detections)} objects")
        return f"<Workflow: {', '.join(parts)}>"

    # ------------------------------------------------------------------ questions
    @property
    def stage(self) -> str:
        """Where the work stands: ``"input"``, ``"threshold"`` or ``"track"``."""
        if self.session is not None:
            return "track"
        return "input" if self.prediction is None else "threshold"

    def check(self) -> None:
        """Check that the inputs can be worked with and fit together.

        Raises
        ------
        InputError
            If there is no prediction map, label images have channels, or the shapes differ; the message says both
            shapes and which axes to change.
        """
        if self.prediction is None:
            raise InputError("`prediction` is not loaded yet. Load a prediction map, a binary movie or label images.")
        if self.kind == "labels" and (self.prediction.n_channels > 1 or self.prediction.dtype.kind not in "ui"):
            raise InputError(
                f"`prediction` cannot be label images: it holds {self.prediction.dtype} in "
                f"{self.prediction.n_channels} channels. Choose another kind of input, or another file."
            )
        if self.raw is not None:
            check_fit(self.raw, self.prediction)

    def preview(self, params: SegmentationParams, t: int) -> FrameObjects:
        """Find the objects of one frame, without changing anything.

        Parameters
        ----------
        params : SegmentationParams
            The parameters to try.
        t : int
            Frame.

        Returns
        -------
        FrameObjects
            Its label image, the sizes of all regions, and the values that the threshold is for.

        Raises
        ------
        InputError
            If nothing is loaded, or the parameters do not fit.
        """
        if self.prediction is None:
            raise InputError("`prediction` is not loaded yet, so there is nothing to preview. Load it first.")
        if self._remembered is None or self._remembered[0] is not self.prediction:
            self._remembered = self.prediction, remember_frames(self.prediction)
        return segment_frame(self._remembered[1], t, params)

    def is_applied(self, params: SegmentationParams) -> bool:
        """Tell whether the objects were made by these parameters from these inputs."""
        if self.session is None or self._applied is None or self._applied[1] != self._source():
            return False
        return self.kind == "labels" or self._applied[0] == params

    def would_lose(self, params: SegmentationParams) -> str | None:
        """Say what `apply` would delete.

        Parameters
        ----------
        params : SegmentationParams
            The parameters that would be applied.

        Returns
        -------
        str or None
            A sentence or two; None if nothing would be lost.
        """
        if self.is_applied(params):
            return None
        parts = []
        kept = self._kept()
        if self.session is not None:
            said = describe_work(self.session)
            if said:
                parts.append(f"New objects would end the manual tracking of the old ones: {said}.{kept}")
        elif self.project is not None and read_log_header(self.project.edit_log)[1]:
            parts.append(f"New objects would replace manual tracking that could not be opened.{kept}")
        stale = self.project.affected_by("segment", store_params(self.kind, params)) if self.project else ()
        if stale:
            parts.append(f"These stages would have to be run again: {', '.join(stale)}.")
        return " ".join(parts) or None

    def on_change(self, callback: Callable[[str], None]) -> Callable[[], None]:
        """Call a function when something was loaded, applied, labelled or tracked.

        Parameters
        ----------
        callback : callable
            Gets ``"inputs"``, ``"objects"``, ``"labels"`` or ``"runs"``.

        Returns
        -------
        callable
            Call it to stop.
        """
        self._observers.append(callback)
        return lambda: self._observers.remove(callback) if callback in self._observers else None

    @property
    def label_file(self) -> Path | None:
        """The label movie of the project with the objects as they are now, repaired ones included; None without any."""
        copy = self._label_copy
        return None if copy is None else copy.path if copy.path.exists() else copy.original

    # ------------------------------------------------------------------ actions
    def load(
        self,
        *,
        raw: Any = None,
        prediction: Any = None,
        raw_axes: str | None = None,
        prediction_axes: str | None = None,
        raw_dataset: str | None = None,
        prediction_dataset: str | None = None,
        kind: str | None = None,
        scale: float | Sequence[float] | None = None,
    ) -> None:
        """Load the inputs, or one of them, or read what is loaded in another way; what is not given stays.

        Parameters
        ----------
        raw, prediction : str, Path, array or Movie, optional
            A file, or data in memory, which a project cannot bring back.
        raw_axes, prediction_axes : str, optional
            One letter of ``tzyxc`` per dimension.
        raw_dataset, prediction_dataset : str, optional
            Dataset of an HDF5 file.
        kind : str, optional
            What `prediction` is, one of `nbtrack.inputs.KINDS`; guessed from the data if not given.
        scale : float or sequence of float, optional
            Pixel size per spatial axis, for both.

        Raises
        ------
        InputError
            If something cannot be read; everything stays as it was then.
        """
        if kind is not None and kind not in KINDS:
            raise InputError(f"`kind` must be one of {', '.join(map(repr, KINDS))}: got {kind!r}.")
        inputs = dict(self.inputs)
        scale_now = self.scale if scale is None else scale
        for name, given, axes, dataset in (
            ("raw", raw, raw_axes, raw_dataset),
            ("prediction", prediction, prediction_axes, prediction_dataset),
        ):
            if given is not None:
                inputs[name] = read_input(given, axes=axes, dataset=dataset, scale=scale_now)
            elif axes is not None or dataset is not None or (scale is not None and name in inputs):
                if name not in inputs:
                    raise InputError(f"`{name}` is not loaded yet. Give the file together with its axes.")
                inputs[name] = read_again(inputs[name], axes=axes, dataset=dataset, scale=scale_now)
        params, new = self.params, inputs.get("prediction")
        if new is not None and new is not self.inputs.get("prediction"):
            other = prediction is not None or prediction_dataset is not None
            kind = kind or (guess_kind(new.movie) if other else self.kind)
            if self.session is None or kind != self.kind:
                params = first_params(kind, new.movie)
        elif new is not None and kind not in (None, self.kind):
            params = first_params(kind or self.kind, new.movie)
        before = self.inputs, self.kind, self.scale, self.params
        self.inputs, self.kind, self.scale, self.params = inputs, kind or self.kind, scale_now, params
        try:
            self._record_inputs()
        except InputError:
            self.inputs, self.kind, self.scale, self.params = before
            raise
        self.notes = {name: text for name, text in self.notes.items() if name not in inputs}
        if self.session is not None and self._raw_of(self.session.detections) is not None:
            self.session.movie = self.raw
        self._tell("inputs")

    def apply(
        self, params: SegmentationParams | None = None, *, confirm: bool = False, progress: Progress = False
    ) -> str:
        """Find the objects of the whole movie and begin to track them.

        Parameters
        ----------
        params : SegmentationParams, optional
            The parameters; `params` if not given. Label images have none.
        confirm : bool, optional
            Go on although manual tracking would be deleted. A project keeps it in ``edits-1.jsonl`` and so on.
        progress : bool or callable, optional
            True shows a progress bar; a callable gets ``(done, total)`` and may raise to stop.

        Returns
        -------
        str
            What was done.

        Raises
        ------
        EditError
            If manual tracking would be deleted; forceable.
        InputError
            If inputs or parameters do not fit, or the project cannot be written.
        """
        params = self.params if params is None else params
        if self.is_applied(params):
            return f"Nothing changed: these parameters were applied already. There are {self._count()}."
        found = self.find_objects(params, confirm=confirm, progress=progress)
        return self.take_objects(params, found, confirm=confirm)

    def find_objects(
        self, params: SegmentationParams, *, confirm: bool = False, progress: Progress = False
    ) -> Detections:
        """Find the objects of the whole movie: the slow half of `apply`, which changes nothing yet.

        Parameters
        ----------
        params, confirm, progress
            As for `apply`.

        Returns
        -------
        Detections
            For `take_objects`.
        """
        self.check()
        self._refuse_loss(params, confirm)
        prediction = self.prediction
        assert prediction is not None, "checked before"
        return make_objects(self.project, prediction, params, kind=self.kind, progress=progress)

    def take_objects(self, params: SegmentationParams, detections: Detections, *, confirm: bool = False) -> str:
        """Begin to track new objects: the quick half of `apply`.

        Parameters
        ----------
        params, confirm
            As for `apply`.
        detections : Detections
            What `find_objects` found.

        Returns
        -------
        str
            What was done.
        """
        self._refuse_loss(params, confirm)
        said = self._adopt(params, detections)
        self._tell("objects")
        return said

    def correct(self, result: TrackingResult, *, force: bool = False) -> str:
        """Go on by hand from an automatic result.

        Parameters
        ----------
        result : TrackingResult
            What to begin with; a copy of its lineage is edited.
        force : bool, optional
            Go on although manual tracking would be replaced. A project keeps it in ``edits-1.jsonl`` and so on.

        Returns
        -------
        str
            What was done.

        Raises
        ------
        EditError
            If manual tracking would be replaced; forceable.
        InputError
            If the result is of other objects, or the project cannot be written.
        """
        old = self.session
        carried = None
        if old is not None and hash_objects(result.detections) != hash_objects(old.detections):
            carried = carry_lineage(result.lineage, result.detections, old.detections)
        if old is None or (carried is not None and carried.n_kept < len(carried.lost)):
            raise InputError("`result` is of other objects than those of the workflow. Track again, then correct that.")
        said, kept = describe_work(self.session), None
        if len(old.history) and not force:
            raise EditError(f"The result would replace the manual tracking: {said}.{self._kept()}", forceable=True)
        pins, log = old.pins, None
        if self.project is not None:
            if old.repaired_frames:
                keep_objects(self.project, old.detections)
            kept, log = put_log_aside(self.project), self.project.edit_log
        objects, begun = old.detections, result if carried is None else carried.lineage
        if result.detections.labels is objects.labels:
            objects = result.detections  # with the probabilities that it was tracked with
        self.session = Session(old.movie, objects, begun, log=log, pins=pins, tracking=result.params)
        self._found = self.session.detections
        self._follow_repairs()
        self._began_with_result = True
        self._tell("objects")
        more = "" if kept is None else f" The manual tracking before it is kept in {kept.name}."
        if carried is not None:
            more += carried.message
        pending = len(self.session.pending_pins())
        if pending:
            more += f" {pending} of {len(pins)} pins do not hold in it yet; solve again to bring them in."
        n = len(self.session.lineage.track_ids)
        return f"The automatic result is now corrected: {n} track{'s' * (n != 1)}.{more}"

    # ------------------------------------------------------------------ helpers
    def _kept(self) -> str:
        return " It would be deleted." if self.project is None else " It would be put aside in the project."

    def _refuse_loss(self, params: SegmentationParams, confirm: bool) -> None:
        lost = self.would_lose(params)
        if lost and not confirm:
            raise EditError(f"{lost} Confirm that, or keep the old parameters.", forceable=True)

    def _adopt(self, params: SegmentationParams, detections: Detections) -> str:
        """Take new objects: put the old log aside, write down the stage, begin the session."""
        raw, found = self._raw_of(detections), hash_objects(detections)
        session, kept, carried, before = self.session, None, None, self.session
        if session is not None and hash_objects(session.detections) == found:
            session.detections, session.movie = detections, raw
        else:
            carried = None if session is None else carry_pins(session.pins, session.detections, detections)
            session = None
            if self.project is not None:
                session, kept = take_log(self.project, raw, detections)
        if self.project is not None:
            self.project.record("segment", store_params(self.kind, params))
        if session is None:
            log = None if self.project is None else self.project.edit_log
            pins = () if carried is None else carried.kept
            session = Session(raw, detections, log=log, pins=pins, tracking=before.tracking if before else None)
        if session is not self.session:
            self._forget_objects(session)
        again = session is self.session or (session is not None and len(session.history) > 0)
        self.params, self._found, self.session = params, detections, session
        self._follow_repairs()
        self._applied = params, self._source()
        self.notes.pop("session", None)
        said = f"There are {self._count()}."
        if carried is not None:
            said += carried.message
        if kept is not None:
            said += f" The manual tracking of the old objects is kept in {kept.name}."
        return said + (" They are the same as before, so their manual tracking stays." if again else "")

    def _follow_repairs(self) -> None:
        """Keep the label movie of the project in step with the repairs of the session."""
        if self._label_copy is not None:
            self._label_copy.close()
        self._label_copy = None
        if self.project is not None and self.session is not None and self._found is not None:
            objects = hash_objects(self._found)
            file = self.project.objects_file(objects)
            if file.exists():
                self._label_copy = LabelCopy(self.session, file, self.project.objects_file(objects, repaired=True))

    def _count(self) -> str:
        assert self.detections is not None, "asked after applying"
        return f"{len(self.detections)} objects in {self.detections.n_frames} frames"

    def _source(self) -> tuple[Any, ...] | None:
        """Tell what the objects are made from; the same again if it is the same."""
        return (self.kind, self.inputs["prediction"].key) if "prediction" in self.inputs else None

    def _has_file(self) -> bool:
        return "prediction" in self.inputs and self.inputs["prediction"].path is not None

    # ------------------------------------------------------------------ the project
    def _record_inputs(self) -> None:
        """Write down what is loaded, and whether the objects are still those of these inputs."""
        project = self.project
        if project is None:
            return
        record_inputs(project, self.inputs, kind=self.kind, scale=self.scale)
        if self._applied is not None and self._applied[1] == self._source():
            project.record("segment", project.params("segment"))  # only the raw images are others
        elif self.session is not None and self._has_file() and project.state("segment") == "done":
            self._applied = self.params, self._source()  # the same content in another place

    def _restore(self, project: Project) -> None:
        """Bring inputs, parameters, objects and manual tracking back."""
        kept = restore_inputs(project)
        try:
            self.runs = restore_runs(project)
        except InputError as error:
            kept.notes["runs"] = str(error)
        self.inputs, self.kind, self.scale, self.params = kept.inputs, kept.kind, kept.scale, kept.params
        self.notes = kept.notes
        try:
            detections = restore_objects(project, kept)
            if detections is not None:
                self.session = Session.reopen(self._raw_of(detections), detections, project.edit_log)
                self._found = detections
                self._follow_repairs()
                self._began_with_result = begins_with_tracks(self.session)
                try:
                    self.result = restore_result(project, self.session.detections, self.session.movie)
                except InputError as error:
                    self.notes["result"] = str(error)
                if self.prediction is not None and project.state("segment") == "done":
                    self._applied = self.params, self._source()
        except InputError as error:
            self.notes["session"] = str(error)
        project.remove_unused_objects()
