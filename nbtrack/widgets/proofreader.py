"""Proofread: the most doubtful place comes by itself, one key answers, and the solver finds the rest.

What a key, a click or a button does is a method here and a step of the session. The confidences are found beside
everything else, and again after some decisions.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import ipywidgets
from ipywidgets import Layout

from nbtrack.errors import EditError, InputError
from nbtrack.evaluation import find_links
from nbtrack.learning.fitting import learn
from nbtrack.resolving import changed_frames
from nbtrack.review.fates import FALSE
from nbtrack.review.queue import ReviewQueue
from nbtrack.widgets.background import Later, run_beside
from nbtrack.widgets.filmstrip import FilmStrip
from nbtrack.widgets.help_box import HelpBox
from nbtrack.widgets.keymap import kernel_keys
from nbtrack.widgets.meter import Meter
from nbtrack.widgets.proofreader_side import SHOWN, ProofreaderSide
from nbtrack.widgets.repair_bar import RepairBar
from nbtrack.widgets.repair_tools import COSTS, TOOLS, RepairTools
from nbtrack.widgets.viewer import Viewer
from nbtrack.workflow import Workflow

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from threading import Thread

    from IPython.display import Image

    from nbtrack.data.detections import Detections
    from nbtrack.data.movie import Movie
    from nbtrack.editing.history import Change
    from nbtrack.editing.session import Session
    from nbtrack.project import Project
    from nbtrack.review.fates import Fate, Object
    from nbtrack.review.queue import Event
    from nbtrack.review.sampling import Draws
    from nbtrack.widgets.image_view import KeyEvent, PointerEvent
    from nbtrack.widgets.repair_tools import Repair
    from nbtrack.widgets.viewer import Backend

REFRESH = 10
"""After so many decisions everything is judged anew, in the background."""
ADDED, REMOVED = 1.5, 1.0
"""What a missing and a false link cost in the measure AOGM."""


class Proofreader:
    """The workbench for proofreading.

    Parameters
    ----------
    work : Session, Workflow, Project, str or Path
        What is proofread: a session, what holds it, or the project that it is kept in.
    channel : int, optional
        Channel of the movie to show.
    backend : {"canvas", "image"}, optional
        How the image is shown: "image" is for front ends that block modules of others.
    prediction : Movie, optional
        Prediction map from which missed objects are added; that of the workflow or project if there is one.
    prediction_channel : int, optional
        Channel of it.

    Attributes
    ----------
    session : Session
        What is edited; every decision is held in it.
    tools : RepairTools
        Split, merge, delete, add and the brush.
    queue : ReviewQueue
        What is in doubt.
    event : Event or None
        What is asked at the moment.
    viewer : Viewer
        The image view.
    meter : Meter
        Counts the decisions.
    widget : ipywidgets.Widget
        The root, to embed elsewhere.

    Raises
    ------
    InputError
        If there is no session yet.
    """

    def __init__(
        self,
        work: Session | Workflow | Project | str | Path,
        *,
        channel: int = 0,
        backend: Backend = "canvas",
        prediction: Movie | None = None,
        prediction_channel: int | None = None,
    ) -> None:
        self.session, known = _session_of(work)
        if prediction is None and known is not None:
            prediction, prediction_channel = known
        session = self.session
        self.queue = ReviewQueue(session)
        self.event: Event | None = None
        self.meter = Meter()
        self._removed, self._began = 0.0, time.monotonic()
        self._seen: list[Object] = []
        self._daughters: list[int] | None = None
        self._events: list[Event] = []
        self._pin: int | None = None
        self._proof: Thread | None = None
        self._busy, self._decisions, self._closed = False, 0, False
        self._judged_objects: Detections | None = None
        self.viewer = Viewer(
            session.movie,
            session.lineage,
            detections=session.detections,
            channel=channel,
            backend=backend,
            panel="review",
        )
        self.messages = self.viewer.messages
        guard = self.messages.guard
        self._judge_later = Later(guard(self._judge_repaired))
        self.film = FilmStrip(self.viewer.feed)
        self._keys = kernel_keys("review")
        self._help = HelpBox("review", guard)
        self.viewer.add_overlay(self._help.widget)
        self._bar = RepairBar(guard=guard, act=self._act, on_size=lambda size: self.tools.resize(size))
        self.tools = RepairTools(
            session,
            self.viewer,
            prediction=prediction,
            channel=prediction_channel,
            on_show=lambda: self._bar.show(self.tools),
            on_done=self._repaired,
        )
        self._bar.show(self.tools)
        self._side = ProofreaderSide(
            guard=guard, act=self._act, on_jump=self._jump, on_pin=self._choose_pin, repairs=self._bar.widget
        )
        self.viewer.widget.layout.flex = "0 0 auto"
        left = ipywidgets.VBox(
            [self.viewer.widget, self.film.widget], layout=Layout(flex="1 1 460px", max_width="624px")
        )
        left.add_class("nbt-left")
        self._side.widget.layout = Layout(flex="0 1 264px", min_width="264px", margin="0")
        self.widget = ipywidgets.HBox(
            [left, self._side.widget], layout=Layout(width="100%", max_width="900px", flex_flow="row wrap")
        )
        self.widget.add_class("nbt-tracker")
        self.widget.add_class("nbt-proofreader")
        self.viewer.canvas.on_key(self._press)
        self.viewer.canvas.on_pick(self._pick)
        self.viewer.canvas.on_stroke(self.tools.stroke)
        self._stop = session.on_change(guard(self._changed))
        self._side.ask(None, hint="Looking for what is in doubt …")
        self._side.list_pins(session.pins)
        self._show_meter()
        self.refresh()

    def __dir__(self) -> list[str]:
        """List what a user needs."""
        names = ["accept", "choose", "close", "event", "last_error", "learn", "meter", "queue", "refresh", "session"]
        return [*names, "snapshot", "solve", "tools", "viewer", "widget"]

    def __repr__(self) -> str:
        return f"<Proofreader of {self.session!r}>"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self.widget._repr_mimebundle_(**kwargs)

    @property
    def last_error(self) -> Exception | None:
        """The last exception of a handler."""
        return self.messages.last_error

    # ------------------------------------------------------------------ answers
    def accept(self) -> None:
        """Say that the lineage is right here."""
        self._decide(lambda event: self.queue.accept(event))

    def choose(self, number: int) -> None:
        """Say that an alternative is right.

        Parameters
        ----------
        number : int
            Which one, from 1.
        """
        self._decide(lambda event: self.queue.choose(event, number))

    def answer(self, fate: Fate) -> None:
        """Say what becomes of the object that is asked about.

        Parameters
        ----------
        fate : Fate
            What follows.
        """
        self._decide(lambda event: self.queue.decide(event, fate))

    def mark_false(self) -> None:
        """Say that the object is a false detection."""
        self.answer(FALSE)

    def end_here(self) -> None:
        """Say that the track ends with the object."""
        self.answer(())

    def divide(self) -> None:
        """Ask for two clicks on the daughters."""
        event = self._asked()
        self._daughters = []
        self.viewer.goto(event.t + 1)
        self._side.ask(event, hint=f"Click both daughters in frame {event.t + 1}")

    def cancel(self) -> None:
        """Leave the tool in hand, or the clicks for a division, or the help."""
        if self._help.is_shown:
            self._help.toggle(close=True)
        elif self.tools.tool:
            self.tools.put_away()
            self._judge_repaired()
        elif self._daughters is not None:
            self._daughters = None
            self._side.ask(self.event)

    def skip(self) -> None:
        """Go to the next question."""
        event = self._asked()
        self.queue.skip(event)
        self._next()

    def back(self) -> None:
        """Go back to the object of the last question."""
        if not self._seen:
            raise EditError("There is no question before this one.")
        self.ask(*self._seen.pop())

    def undo(self) -> None:
        """Take back the last decision or repair, with what the solver made of it."""
        self._step(self.session.undo)

    def redo(self) -> None:
        """Do the last undone decision or repair again."""
        self._step(self.session.redo)

    def solve(self) -> None:
        """Solve everything that is not held, so that objects without a track get one."""
        self.messages.say(self.session.resolve().message)
        self._next()

    def unpin(self) -> None:
        """Let the solver decide on the chosen pin again."""
        if self._pin is None:
            raise EditError("No pin is chosen. Click one of the list first.")
        pins = self.session.pins[::-1]
        live, self.session.live = self.session.live, True
        try:
            change = self.session.unpin(pins[self._pin])
        finally:
            self.session.live = live
        self.messages.say(change.message)
        self._next()

    # ------------------------------------------------------------------ what takes longer
    def refresh(self) -> None:
        """Judge everything anew, with all that is held; in a notebook beside everything else."""
        if self._busy or self._closed:
            return
        self._busy, self._judged_objects = True, self.session.detections
        run_beside(
            lambda progress: self.queue.draw(progress=progress),
            progress=lambda done, todo: self._show_meter(f"judging {done} of {todo} …"),
            done=self.messages.guard(self._judged),
        )

    def learn(self) -> None:
        """Learn the weights of the tracker from what is held, and solve the rest again with them."""
        if self._busy:
            raise EditError("Everything is being judged anew. Wait a moment, then learn.")
        self._busy = True
        self.messages.say("Learning …", "hint")
        run_beside(
            lambda progress: learn(self.session, progress=progress),
            progress=lambda done, todo: self._show_meter(f"learning, step {done} of {todo} …"),
            done=self.messages.guard(self._learned),
        )

    def ask(self, t: int, object_id: int) -> None:
        """Ask about an object, whether it is in doubt or not.

        Parameters
        ----------
        t, object_id : int
            The object.
        """
        if not self.session.has_object(t, object_id):
            raise EditError(f"There is no object {object_id} in frame {t}.")
        self._show(self.queue.event_at(t, object_id))

    def snapshot(self, t: int | None = None) -> Image:
        """Make a static picture of a frame as it is shown, for pages without a kernel.

        Parameters
        ----------
        t : int, optional
            Frame; the one on screen if not given.

        Returns
        -------
        IPython.display.Image
            A PNG of the whole slice; its bytes are in `data`.
        """
        return self.viewer.snapshot(t)

    def close(self) -> None:
        """Stop following the session and take the workbench off the page; the session keeps everything."""
        self._closed = True
        self._stop()
        self._side.close()
        self.viewer.close()
        self.widget.close()

    # ------------------------------------------------------------------ helpers
    def _asked(self) -> Event:
        if self.event is None:
            raise EditError("Nothing is asked at the moment. Click an object to say what becomes of it.")
        return self.event

    def _decide(self, action: Callable[[Event], Change]) -> None:
        event = self._asked()
        before = find_links(self.session.lineage)
        change = action(event)
        after = find_links(self.session.lineage)
        self._removed += ADDED * len(after - before) + REMOVED * len(before - after)
        self._decisions += 1
        self._seen.append((event.t, event.object_id))
        self.messages.say(change.message)
        self._next(event)
        self._count()
        if self._decisions % REFRESH == 0:
            self.refresh()

    def _next(self, last: Event | None = None) -> None:
        self._daughters = None
        after = None if last is None else (last.t, last.object_id)
        self._events = self._listed(after)
        self._show(self._events[0] if self._events else None)
        self._await_proof()

    def _await_proof(self) -> None:
        """Take over the proof of the last answer when it is done, where it goes on in the background."""
        session = self.session
        proof = None if session.report is None or session.is_certified else session.resolver.proof
        if proof is None or proof is self._proof:
            return
        self._proof = proof
        run_beside(
            lambda progress: proof.join(),
            progress=lambda done, todo: None,
            done=self.messages.guard(lambda result: self._take_proof(proof)),
        )

    def _take_proof(self, proof: Thread) -> None:
        if self._closed or self.session.resolver.proof is not proof:  # solved again meanwhile
            return
        change = self.session.certify(wait=False)
        if change is None:
            return
        self.messages.say(change.message)
        if change.pairs:
            self._stay()

    def _listed(self, after: Object | None) -> list[Event]:
        """List what is in doubt; what was judged before a repair may speak of objects that are gone."""
        events = self.queue.events(SHOWN, after=after)
        return [event for event in events if all(self.session.has_object(*place) for place in event.objects)]

    def _step(self, action: Callable[[], Change]) -> None:
        """Take a step back or forth; after a repair the image stays where it is."""
        objects = self.session.detections
        change = action()
        self.messages.say(change.message)
        if self.session.detections is objects and not self.tools.tool:
            self._next()
        else:
            self._stay()

    def _stay(self) -> None:
        """Bring what is asked up to date without moving the image."""
        event = self.event
        if event is not None and self.session.has_object(event.t, event.object_id):
            again = self.queue.event_at(event.t, event.object_id)
            there = all(self.session.has_object(*place) for place in again.objects)
            event = again if there else replace(again, alternatives=())
            self._events = self._listed((event.t, event.object_id))
        else:
            self._events = self._listed(None)
            event = self._events[0] if self._events else None
        self._show(event, look=False)
        self._await_proof()

    def _show(self, event: Event | None, *, look: bool = True) -> None:
        self.event = event
        self._side.ask(event)
        self._side.list_events(self._events, event)
        self._side.list_pins(self.session.pins)
        self._pin = None
        self._show_meter()
        if event is None:
            self.film.clear()
            return
        if look:
            self.viewer.canvas.look_at(event.t, event.object_id)
        z, y, x = self.viewer.feed.center_of(event.t, event.object_id)
        self.film.show(event.t, round(y), round(x), z)

    def _count(self) -> None:
        """Count an action, when everything that it leads to is shown."""
        self.meter.count()
        self._show_meter()

    def _show_meter(self, doing: str = "") -> None:
        seconds = time.monotonic() - self._began
        rate = self._removed / max(seconds, 1.0) * 60
        text = f"{self.meter}, {seconds:.0f} s; AOGM removed {self._removed:g}, {rate:.0f} per minute"
        self._side.meter.value = f'<div class="nbt-meter">{text}<br>{doing}&nbsp;</div>'

    def _judged(self, result: Callable[[], Draws]) -> None:
        self._busy = False
        made = result()
        if self._closed:
            return
        if self._judged_objects is not self.session.detections:  # repaired meanwhile
            self._judge_repaired()
            return
        asked = self.event
        self.queue.take(made)
        if asked is None and not self.tools.tool:
            self._next()
        elif asked is None:
            self._stay()
        else:
            self._events = self._listed((asked.t, asked.object_id))
            self._side.list_events(self._events, asked)
            self._show_meter()

    def _judge_repaired(self) -> None:
        """Judge repaired objects, once the brush is put away."""
        if self._judged_objects is not self.session.detections and self.tools.tool not in ("paint", "erase"):
            self.refresh()

    def _repaired(self, repair: Repair) -> None:
        """Count a repair and say what it did."""
        self._removed += COSTS[repair.tool]
        self.messages.say(repair.change.message)
        self._stay()
        self._count()

    def _learned(self, result: Callable[[], Any]) -> None:
        self._busy = False
        learned = result()
        if learned.factors:
            self.session.resolve(learned.params)
        self.messages.say(learned.message)
        self.refresh()

    def _changed(self, change: Change) -> None:
        objects = self.session.detections
        if self.viewer.feed.detections is not objects:
            frames = changed_frames(self.viewer.feed.detections, objects)
            self.viewer.show_objects(objects, frames)
            self._judge_later()
        if self.viewer.color_by == "lineage":
            self.viewer.refresh()
        else:
            self.viewer.canvas.paint(pair for pair in change.pairs if self.session.has_object(*pair))

    def _press(self, event: KeyEvent) -> None:
        action = self._keys.get(event.key)
        if action is not None and not action.startswith("toggle_"):  # the view does that
            self._act(action, event)

    def _act(self, name: str, key: KeyEvent | None = None) -> None:
        """Do what a key or a button says."""
        tools = self.tools
        if name in TOOLS:
            self._daughters = None
            tools.take(name, key)
            self._judge_repaired()
        elif name == "help":
            self._help.toggle()
        elif name in ("thinner", "thicker"):
            tools.resize(tools.size + (1 if name == "thicker" else -1))
        elif name == "take_back":
            tools.take_back()
        elif name == "apply" or (name == "accept" and tools.tool):
            tools.apply()
            self._judge_repaired()
        elif tools.tool and name not in ("cancel", "undo", "redo"):
            raise EditError("A repair is under way. Finish it with Enter, or leave it with Esc.")
        elif name.startswith("choose_"):
            self.choose(int(name.removeprefix("choose_")))
        else:
            getattr(self, name)()

    def _pick(self, click: PointerEvent) -> None:
        """Choose what to ask about; in the frame after it, or later with Shift, say where it goes."""
        if click.button:
            return
        if self.tools.tool:
            self.tools.pick(click)
            return
        if not click.object_id:
            raise EditError("There is only background there. Click an object.")
        event = self.event
        if self._daughters is not None and event is not None and click.t == event.t + 1:
            if click.object_id not in self._daughters:
                self._daughters.append(click.object_id)
            if len(self._daughters) == 2:
                self.answer(tuple(sorted((click.t, i) for i in self._daughters)))
            return
        later = "shift" in click.modifiers and event is not None and click.t > event.t
        if event is not None and (later or click.t == event.t + 1):
            self.answer(((click.t, click.object_id),))
        else:
            self.ask(click.t, click.object_id)

    def _jump(self, number: int) -> None:
        self._show(self._events[number])

    def _choose_pin(self, number: int) -> None:
        self._pin = number
        pin = self.session.pins[::-1][number]
        self._side.unpin.disabled = False
        if self.session.has_object(pin.t, pin.object_id):
            self.viewer.canvas.look_at(pin.t, pin.object_id)


def _session_of(work: Any) -> tuple[Session, tuple[Movie, int | None] | None]:
    """Find the session, and the prediction map with its channel."""
    from nbtrack.editing.session import Session

    if isinstance(work, Session):
        return work, None
    held = work if isinstance(work, Workflow) else Workflow(work)
    if held.session is None:
        raise InputError("`work` has no session yet. Apply a threshold and track first.")
    known = None
    if held.prediction is not None and held.kind == "prediction map":
        known = held.prediction, held.params.channel
    return held.session, known
