"""The person and the solver on one lineage: pins, and solving the rest again."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from nbtrack.data.pins import Pin, PinChange
from nbtrack.data.relations import is_held
from nbtrack.editing.commands import Group
from nbtrack.editing.following import plan_following
from nbtrack.editing.history import Change
from nbtrack.editing.hover_edits import HoverEdits
from nbtrack.editing.log import write_params
from nbtrack.editing.replacing import plan_replacement
from nbtrack.editing.retracking import plan_tracks, split_at
from nbtrack.errors import EditError, SolveError
from nbtrack.params import TrackingParams
from nbtrack.resolving import Resolver
from nbtrack.solvers.decode import read_lineage
from nbtrack.tracking import solved_of

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable

    from nbtrack.data.detections import Detections
    from nbtrack.data.result import SolveReport
    from nbtrack.editing.commands import Command
    from nbtrack.editing.repainting import Repaint
    from nbtrack.solvers.control import Progress
    from nbtrack.tracking import SolvedMovie


class Resolving(HoverEdits):
    """Hold what a person decided, and let the solver find the rest."""

    live: bool = False
    """Whether every action is followed by solving the rest again; both are one step of undo."""
    report: SolveReport | None = None
    """The report of the last time that the rest was solved."""
    left_out: tuple[Pin, ...] = ()
    """Pins that were left out that time, as the tracker does not see their objects."""
    _resolver: Resolver | None = None
    _learned_from: Detections | None = None
    _shown: tuple[Resolver, SolvedMovie] | None = None

    # ------------------------------------------------------------------ pins
    def pin(self, *pins: Pin) -> Change:
        """Hold states whenever the rest is solved again; the lineage is not changed before that.

        A pin takes the place of an older one that speaks of the same state.

        Parameters
        ----------
        *pins : Pin
            What to hold.

        Returns
        -------
        Change

        Raises
        ------
        EditError
            If there is no such object, or all of them are held already.
        """
        for pin in pins:
            for place in pin.objects:
                self._check_object(*place)
        change = self.history.pins.plan(pins)
        if not change:
            raise EditError("These pins are held already. Nothing was changed.")
        message = f"Held: {'; '.join(map(str, pins))}."
        code = f"pin({', '.join(map(_pin_code, pins))})"
        return self._change_pins(change, code, message)

    def unpin(self, *pins: Pin) -> Change:
        """Let the solver decide on states again.

        Parameters
        ----------
        *pins : Pin
            Pins of `Session.pins`; all of them if none is given.

        Returns
        -------
        Change

        Raises
        ------
        EditError
            If one of them is not held, or there are none.
        """
        for pin in pins:
            if pin not in self.history.pins:
                raise EditError(f"It is not held that {pin}. There is nothing to unpin.")
        dropped = pins or self.pins
        if not dropped:
            raise EditError("There are no pins. There is nothing to unpin.")
        message = f"No longer held: {'; '.join(map(str, pins))}." if pins else "All pins are gone."
        code = f"unpin({', '.join(map(_pin_code, pins))})"
        return self._change_pins(PinChange((), tuple(dropped)), code, message)

    def pins_about(self, t: int, object_id: int) -> tuple[Pin, ...]:
        """List what is held about an object.

        Parameters
        ----------
        t, object_id : int
            The object.

        Returns
        -------
        tuple of Pin
        """
        return tuple(self.history.pins.about([(t, object_id)]))

    def pending_pins(self) -> tuple[Pin, ...]:
        """List the pins to which the lineage does not keep yet: the next solve will."""
        return tuple(pin for pin in self.history.pins if not is_held(self.lineage, pin))

    def accept(self, t: int, object_id: int) -> Change:
        """Say that what an object becomes is right as it is, and hold that.

        Parameters
        ----------
        t, object_id : int
            The object.

        Returns
        -------
        Change

        Raises
        ------
        EditError
            If there is no such object, it is not tracked and no false detection, or all of that is held already.
        """
        self._check_object(t, object_id)
        return self.pin(*self.fate_of(t, object_id))

    def fate_of(self, t: int, object_id: int) -> tuple[Pin, ...]:
        """Write what an object becomes as pins: a false detection, a division, links, or the end of its track.

        Parameters
        ----------
        t, object_id : int
            The object.

        Returns
        -------
        tuple of Pin

        Raises
        ------
        EditError
            If the object has no track and is no false detection.
        """
        if self.lineage.is_false(t, object_id):
            return (Pin("object", t, object_id, 0),)
        tracks = self.lineage.tracks_at(t, object_id)
        if not tracks:
            raise EditError(f"Object {object_id} in frame {t} has no track, so nothing is said of it yet.")
        pins: list[Pin] = []
        targets: dict[tuple[int, int], int] = {}
        for track in tracks:
            following = self.next_of(track, t)
            children = self.lineage.children_of(track)
            if following is None:
                pins.append(Pin("disappearance", t, object_id, 1))
            elif following[0] == track:
                targets[following[1:]] = targets.get(following[1:], 0) + 1
            else:
                pins.append(Pin("division", t, object_id, 1))
                targets |= {next(iter(self.lineage.objects_of(child).items())): 1 for child in children}
        if t == self.detections.n_frames - 1:
            pins = [Pin("object", t, object_id, 1)]
        links = [Pin("link", t, object_id, n, target, t_next) for (t_next, target), n in sorted(targets.items())]
        if links:  # of a merger, some may end where others go on
            pins = [pin for pin in pins if pin.kind != "disappearance"]
        if len(tracks) == len(links) == 1:
            links.append(Pin("division", t, object_id, 0))
        return (*dict.fromkeys(pins), *links)

    def end_track(self, t: int, object_id: int, *, force: bool = False) -> Change:
        """Say that an object leaves or dies: its track ends there, and what it had later becomes another track.

        Parameters
        ----------
        t, object_id : int
            The last object of the track.
        force : bool, optional
            Remove the division with which the track ends there.

        Returns
        -------
        Change

        Raises
        ------
        EditError
            If the object has no track, or several, or divides and `force` is false.
        """
        self._check_object(t, object_id)
        tracks = self.lineage.tracks_at(t, object_id)
        if len(tracks) != 1:
            found = "has no track" if not tracks else "is in several tracks. Take it from all but one first"
            raise EditError(f"Object {object_id} in frame {t} {found}.")
        (track,) = tracks
        before, later = split_at(self.lineage.objects_of(track), t + 1)
        divides = track in self.lineage.divisions and not later
        if divides and not force:
            raise EditError(f"Track {track} divides after frame {t}. Remove the division first.", forceable=True)
        new: tuple[int, ...] = self._free_tracks(1) if later else ()
        wanted: dict[int, dict[int, int]] = {track: before}
        if later:
            wanted[new[0]] = later
        heirs = {track: new[0]} if later and track in self.lineage.divisions else {}
        command: Command = plan_tracks(
            self.lineage, wanted, heirs=heirs, without=(track,) if divides else (), force=force
        )
        pins = [Pin("disappearance", t, object_id, 1)]
        message = f"Track {track} ends in frame {t}."
        if later:
            message += f" From frame {min(later)} on, what it had is track {new[0]}."
        code = f"end_track({t}, {object_id}{', force=True' if force else ''})"
        return self._do(command, code, message, new_tracks=new, pins=pins)

    # ------------------------------------------------------------------ solving the rest
    def resolve(
        self,
        params: TrackingParams | None = None,
        *,
        progress: Callable[[Progress], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> Change:
        """Solve everything that is not held again, exactly.

        Tracks keep their ids where they can. The step can be undone like any other.

        Parameters
        ----------
        params : TrackingParams, optional
            What to track with from now on; those of last time if not given, and the defaults before that.
        progress, cancel
            As for `nbtrack.track`.

        Returns
        -------
        Change
            What became different.

        Raises
        ------
        SolveError
            If pins contradict each other; the message names them. Nothing is changed then.
        """
        return self._resolve(params, progress=progress, cancel=cancel, joined=False)

    def certify(self, *, wait: bool = True) -> Change | None:
        """Take over what the proof of the last solve found, where that goes on in the background.

        The answer to a pin in a large movie comes at once; that nothing better keeps to the pins is proven afterwards.
        If something better is found, it takes the place of the answer; undoing the action takes back both.

        Parameters
        ----------
        wait : bool, optional
            Whether to wait for the proof.

        Returns
        -------
        Change or None
            What became different; None if there was nothing to prove, it is not done yet, or the lineage was edited
            meanwhile, so that only the next solve counts.
        """
        if self._shown is None or self._shown[0] is not self.resolver or self.history.touched:
            return None
        solved = self.resolver.newest(wait=wait)
        if solved is None:
            return None
        report = solved.outcome.report
        command = self._plan(solved)
        message = "It is proven that nothing better keeps to the pins."
        if report.status != "optimal":
            message = f"What is proven of the answer: {report}."
        change = Change((), (), message)
        if command.commands:
            change = self._perform(command, "certify()", f"A better answer was found. {message}", joined=True)
        self._show(solved)
        return change

    @property
    def is_certified(self) -> bool:
        """Whether the last answer is proven to the gap that was asked for."""
        return self.report is not None and self.report.status == "optimal"

    @property
    def resolver(self) -> Resolver:
        """What solves the rest of this session again; it keeps candidates and energies.

        What it learns from the whole movie it learns from the objects that the session began with. After a repair only
        what has to do with the repaired objects is found anew.
        """
        params = self.tracking or TrackingParams()
        now = self._resolver
        if now is None or now.params != params or self._learned_from is not self._original:
            start = None
            if self.result is not None and self.result.params == params:
                start = solved_of(self.result, self._original)
            now, self._learned_from = Resolver(self._original, params, self.movie, start=start), self._original
        if now.detections is not self.detections:
            now = now.repaired(self.detections)
        self._resolver = now
        return now

    def _plan(self, solved: SolvedMovie) -> Group:
        """Plan to show a solution: only what changed is read off, if the last one is still shown elsewhere."""
        resolver, free = self.resolver, self._free_tracks(1)[0]
        longest, keep = resolver.params.longest_merger, resolver.params.preset == "adaptive"
        if self._shown is not None and self._shown[0] is resolver:
            plan = plan_following(
                self.lineage, self._shown[1], solved, self.history.touched, free, longest_merger=longest, keep_pins=keep
            )
            if plan is not None:
                return plan
        held = solved.states if keep else ()
        solution = solved.outcome.solution
        new = read_lineage(solved.graph, solved.problem, solution, longest_merger=longest, pins=held)
        return plan_replacement(self.lineage, new, free)

    def _show(self, solved: SolvedMovie) -> None:
        """Remember what the lineage shows now."""
        self._shown = self.resolver, solved
        self.history.touched.clear()
        self.report = solved.outcome.report

    def _resolve(
        self,
        params: TrackingParams | None,
        *,
        progress: Callable[[Progress], None] | None,
        cancel: threading.Event | None,
        joined: bool,
    ) -> Change:
        before = self.tracking
        other = params is not None and params != before
        if params is not None:
            self.tracking = params
        try:
            solved, left_out = self.resolver.find(self.pins, at_once=joined, progress=progress, cancel=cancel)
            command = self._plan(solved)
            n_changed = len(command.touches(self.lineage))
            n_pins = len(self.history.pins)
            message = f"The rest was solved again with {n_pins} pin{'s' * (n_pins != 1)}: "
            message += f"{n_changed} object{'s' * (n_changed != 1)} changed." if n_changed else "nothing changed."
            if solved.outcome.report.status != "optimal" and joined:
                message += " Not certified yet."
            if left_out:
                listed = "; ".join(map(str, left_out))
                message += f" Left out, as the tracker does not see these objects: {listed}."
            more = {"tracking": write_params(self.tracking)} if other else {}
            code = f"resolve({_params_code(params) if other and params else ''})"
            change = self._perform(command, code, message, joined=joined, more=more)
        except BaseException:
            self.tracking = before
            raise
        self._show(solved)
        self.left_out = left_out
        return change

    def _do(
        self,
        command: Command,
        code: str,
        message: str,
        *,
        new_tracks: Iterable[int] = (),
        decided: Iterable[tuple[int, int]] | None = None,
        pins: Iterable[Pin] = (),
        repainted: Repaint | None = None,
        about: Iterable[tuple[int, int]] = (),
    ) -> Change:
        """Do an action of a person, and solve the rest if the session is live."""
        change = super()._do(
            command, code, message, new_tracks=new_tracks, decided=decided, pins=pins, repainted=repainted, about=about
        )
        return self._follow_up(change)

    def _change_pins(self, pins: PinChange, code: str, message: str) -> Change:
        change = self._perform(Group(()), code, message, pins=lambda: pins)
        places = dict.fromkeys(place for pin in (*pins.added, *pins.dropped) for place in pin.objects)
        change = Change(tuple(t for t, _ in places), tuple(i for _, i in places), message)
        return self._follow_up(change)

    def _follow_up(self, change: Change) -> Change:
        if not self.live:
            return change
        try:
            rest = self._resolve(None, progress=None, cancel=None, joined=True)
        except SolveError as error:
            self.undo()
            raise EditError(f"{change.message} But that cannot be: {error} Nothing was changed.") from error
        pairs = dict.fromkeys([*change.pairs, *rest.pairs])
        frames, ids = tuple(t for t, _ in pairs), tuple(i for _, i in pairs)
        return Change(frames, ids, f"{change.message} {rest.message}")


def _pin_code(pin: Pin) -> str:
    """Write a pin as Python."""
    words = [repr(pin.kind), str(pin.t), str(pin.object_id), str(int(pin.value))]
    if pin.target_id is not None:
        words.append(str(pin.target_id))
        if pin.target_t != pin.t + 1:
            words.append(str(pin.target_t))
    return f"nbt.Pin({', '.join(words)})"


def _params_code(params: TrackingParams) -> str:
    """Write tracking parameters as Python: the preset and what is not its default."""
    default = TrackingParams(preset=params.preset)
    given: dict[str, Any] = {"preset": params.preset} | {
        item.name: getattr(params, item.name)
        for item in fields(params)
        if getattr(params, item.name) != getattr(default, item.name)
    }
    return f"nbt.TrackingParams({', '.join(f'{name}={value!r}' for name, value in given.items())})"
