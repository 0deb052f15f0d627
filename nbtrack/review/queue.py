"""The review queue: which object to look at next, and what else may become of it.

An event is the fate of one object. It is worth a look if it is in doubt and much hangs on it, and the nearer it is to
the last one the better: doubt x root of the impact / travel (what hangs on an object is a guess, so it counts less).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from nbtrack.data.pins import Pin
from nbtrack.data.relations import relations_of
from nbtrack.errors import EditError
from nbtrack.review.calibration import Calibration
from nbtrack.review.fates import FALSE, describe_fate, fate_of, fate_pins
from nbtrack.review.judging import Judgement
from nbtrack.review.reading import decode_fates, fate_codes
from nbtrack.review.sampling import DRAWS, Draws, draw
from nbtrack.review.stretches import find_stretches

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    import pandas as pd

    from nbtrack.editing.history import Change
    from nbtrack.editing.session import Session
    from nbtrack.review.fates import Fate, Object
    from nbtrack.review.stretches import Stretch

ALTERNATIVES = 4
"""Alternatives that are offered: the digit keys 1 to 4."""
FRAME_TRAVEL = 0.02
"""What a frame of travel weighs; going through the whole field of view weighs 1."""
ANCHORS = 200
"""So many fates of the whole movie keep the calibration from learning of doubtful ones alone."""
LEAST_DOUBT = 0.02
"""Events that are surer than this are not offered."""


@dataclass(frozen=True)
class Alternative:
    """Something else that may become of an object.

    Parameters
    ----------
    fate : Fate
        What follows.
    probability : float
        Share of the draws in which it does.
    text : str
        The same in words.
    joins : bool, optional
        Whether what goes there now still does: the two merge.
    more : tuple of Pin, optional
        What it says beyond that: where an object that is hidden in a merger goes in and comes out.
    """

    fate: Fate
    probability: float
    text: str
    joins: bool = False
    more: tuple[Pin, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Event:
    """One object, what becomes of it, and what else may.

    Parameters
    ----------
    t, object_id : int
        The object.
    fate : Fate
        What the lineage says.
    confidence : float
        Probability that this is right.
    impact : float
        Number of links that would change.
    alternatives : tuple of Alternative
        What else may be, likeliest first.
    alerts : tuple of str
        Kinds of the alerts about it, of `nbtrack.review.alerts.KINDS`.
    """

    t: int
    object_id: int
    fate: Fate
    confidence: float
    impact: float
    alternatives: tuple[Alternative, ...]
    alerts: tuple[str, ...]

    @property
    def text(self) -> str:
        """What the lineage says, in words."""
        return f"Object {self.object_id} in frame {self.t} {describe_fate(self.t, self.fate)}"

    @property
    def frames(self) -> tuple[int, ...]:
        """Frames to show side by side: one before, the object's own, and those after."""
        last = max([t for t, _ in self.fate if t > 0], default=self.t + 1)
        return tuple(range(max(self.t - 1, 0), max(last, self.t + 1) + 2))

    @property
    def objects(self) -> tuple[Object, ...]:
        """The object and everything that any alternative is about."""
        others = [place for fate in (self.fate, *(a.fate for a in self.alternatives)) for place in fate]
        return tuple(dict.fromkeys([(self.t, self.object_id), *(place for place in others if place[0] >= 0)]))


class ReviewQueue:
    """Order what is to be reviewed in a session, and bring decisions back to it.

    Parameters
    ----------
    session : Session
        What is reviewed.
    draws : int, optional
        How often the movie is solved with shaken energies.
    seed : int, optional
        The same seed gives the same queue.

    Attributes
    ----------
    session : Session
        As given.
    calibration : Calibration
        What the decisions so far have taught.
    """

    def __init__(self, session: Session, *, draws: int = DRAWS, seed: int = 0) -> None:
        self.session = session
        self.calibration = Calibration()
        self._n_draws, self._seed = draws, seed
        self._draws: Draws | None = None
        self._skipped: set[Object] = set()
        self._seen: Judgement | None = None
        self._hidden: dict[int, Stretch] | None = None
        session.on_change(lambda _: self._forget())

    # ------------------------------------------------------------------ confidence
    def refresh(
        self, *, progress: Callable[[int, int], None] | None = None, cancel: threading.Event | None = None
    ) -> None:
        """Solve the movie again and again with shaken energies and the pins as they are now.

        Without this, the first question does it. The draws that were made stay when pins are added; what they say of
        other objects gets old slowly.

        Parameters
        ----------
        progress, cancel
            As for `nbtrack.review.sampling.draw`.
        """
        self.take(self.draw(progress=progress, cancel=cancel))

    def draw(
        self, *, progress: Callable[[int, int], None] | None = None, cancel: threading.Event | None = None
    ) -> Draws:
        """Do the work of `refresh` and change nothing, so that it can be done beside other work.

        Parameters
        ----------
        progress, cancel
            As for `nbtrack.review.sampling.draw`.

        Returns
        -------
        Draws
            For `take`.
        """
        session = self.session
        return draw(
            session.resolver, session.pins, draws=self._n_draws, seed=self._seed, progress=progress, cancel=cancel
        )

    def take(self, made: Draws) -> None:
        """Judge by other draws from now on.

        Parameters
        ----------
        made : Draws
            What `draw` gave.
        """
        if made.n_draws:
            self._draws, self._seen = made, None
            features = self._look().features
            chosen = np.random.default_rng(self._seed).permutation(len(features))[:ANCHORS]
            self.calibration.anchor(features[chosen])
            self._forget()

    @property
    def draws(self) -> Draws:
        """The answers to shaken energies."""
        if self._draws is None:
            self.refresh()
        assert self._draws is not None
        return self._draws

    def confidences(self) -> np.ndarray:
        """Tell how sure the fate of each object is, shape (n,), in the order of ``draws.graph``."""
        return self._look().confidence

    def table(self) -> pd.DataFrame:
        """Tell how sure the fate of each object is, as a table.

        Returns
        -------
        DataFrame
            t, object_id, confidence, impact, decided.
        """
        import pandas as pd

        look, graph = self._look(), self.draws.graph
        return pd.DataFrame(
            {
                "t": graph.t,
                "object_id": graph.object_id,
                "confidence": look.confidence,
                "impact": look.impact,
                "decided": look.decided,
            }
        )

    # ------------------------------------------------------------------ the queue
    def events(self, n: int | None = None, *, after: Object | None = None) -> list[Event]:
        """List what is to be reviewed, the most urgent first.

        Parameters
        ----------
        n : int, optional
            How many at most.
        after : tuple of int, optional
            The object that was reviewed last, as ``(t, object_id)``: near ones come first.

        Returns
        -------
        list of Event
            Without what was decided or skipped, or is in no doubt.
        """
        look = self._look()
        graph = self.draws.graph
        score = look.doubt * np.sqrt(look.impact) / self._travel(after)
        open_ = ~look.decided & (look.doubt > LEAST_DOUBT)
        chosen = np.flatnonzero(open_)
        chosen = chosen[np.argsort(-score[chosen], kind="stable")]
        places = [(int(graph.t[i]), int(graph.object_id[i])) for i in chosen]
        rows = [(i, place) for i, place in zip(chosen.tolist(), places, strict=True) if place not in self._skipped]
        return [self._event(i, look) for i, _ in rows[:n]]

    def next(self, after: Object | None = None) -> Event | None:
        """Find what to review next.

        Parameters
        ----------
        after : tuple of int, optional
            As for `events`.

        Returns
        -------
        Event or None
            None if nothing is in doubt any longer.
        """
        found = self.events(1, after=after)
        return found[0] if found else None

    def event_at(self, t: int, object_id: int) -> Event:
        """Give the event of an object, whether it is in doubt or not.

        Parameters
        ----------
        t, object_id : int
            The object.

        Returns
        -------
        Event
        """
        index = self.draws.graph.index_of(t, object_id)
        if index is None:
            fate = fate_of(self.session.lineage, t, object_id)
            return Event(t=t, object_id=object_id, fate=fate, confidence=1.0, impact=0.0, alternatives=(), alerts=())
        return self._event(index, self._look())

    def skip(self, event: Event) -> None:
        """Leave an event out from now on, without a decision.

        Parameters
        ----------
        event : Event
            Which one.
        """
        self._skipped.add((event.t, event.object_id))

    # ------------------------------------------------------------------ decisions
    def accept(self, event: Event) -> Change:
        """Say that the lineage is right.

        Parameters
        ----------
        event : Event
            What was looked at.

        Returns
        -------
        Change
        """
        return self.decide(event, event.fate)

    def choose(self, event: Event, number: int) -> Change:
        """Say that an alternative is right.

        Parameters
        ----------
        event : Event
            What was looked at.
        number : int
            Which of its alternatives, from 1.

        Returns
        -------
        Change

        Raises
        ------
        EditError
            If there is no such alternative, or it contradicts what is held.
        """
        if not 1 <= number <= len(event.alternatives):
            raise EditError(f"There is no alternative {number}: this event has {len(event.alternatives)}.")
        chosen = event.alternatives[number - 1]
        return self.decide(event, chosen.fate, joins=chosen.joins, more=chosen.more)

    def decide(self, event: Event, fate: Fate, *, joins: bool = False, more: Sequence[Pin] = ()) -> Change:
        """Say what becomes of an object; that is held, and the rest is solved again.

        Parameters
        ----------
        event : Event
            What was looked at.
        fate : Fate
            What is right: that of the event, of one of its alternatives, or any other.
        joins : bool, optional
            Whether objects that go there now still do, so that they merge; else they have to go elsewhere.
        more : sequence of Pin, optional
            What else is held, as `Alternative.more`.

        Returns
        -------
        Change

        Raises
        ------
        EditError
            If it contradicts what is held; the message names the pins.
        """
        session = self.session
        pins = tuple(more) or self.pins_for(event, fate)
        if joins and not more:
            pins += self._others_into(event, fate)
        index = None if self._draws is None else self.draws.graph.index_of(event.t, event.object_id)
        features = None if index is None else self._look().features[index]
        live, session.live = session.live, True
        try:
            change = session.pin(*pins)
        finally:
            session.live = live
        if features is not None:
            self.calibration.add(features, fate == event.fate)
            self._forget()
        return change

    def pins_for(self, event: Event, fate: Fate) -> tuple[Pin, ...]:
        """Write a fate of an object as pins.

        Parameters
        ----------
        event : Event
            Whose object.
        fate : Fate
            What becomes of it.

        Returns
        -------
        tuple of Pin
        """
        # two that follow may be daughters, or objects that part: the links say enough, unless nothing can merge
        alone = self.session.resolver.params.objects_per_merger < 2
        if fate == event.fate and fate != FALSE:
            said = self.session.fate_of(event.t, event.object_id)
            return said if alone else tuple(pin for pin in said if pin.kind != "division" or not pin.value)
        pins = fate_pins(event.t, event.object_id, fate, division=alone)
        if len(fate) != 1 or fate == FALSE:
            return pins
        resolver = self.session.resolver
        graph, problem, _ = resolver.problem_for(resolver.seen(self.session.pins))
        index = graph.index_of(event.t, event.object_id)
        if index is None or problem.capacity[index] < 2:
            return pins
        # several objects could part here, so that one link does not exclude the others
        ends = problem.target[problem.source == index]
        others = [(int(graph.t[j]), int(graph.object_id[j])) for j in ends]
        no = (Pin("link", event.t, event.object_id, 0, i, t) for t, i in others if (t, i) not in fate)
        return (*pins, *no)

    def hidden_at(self, t: int, object_id: int) -> Alternative | None:
        """Tell whether an object may hide in a merger, or another one in it, until they part; that takes no draws.

        Parameters
        ----------
        t, object_id : int
            The object that goes in, or the mask out of which another one comes.

        Returns
        -------
        Alternative or None
            All of it as one decision.
        """
        if self._hidden is None:
            known, longest = self.session.resolver.known, self.session.resolver.params.longest_merger
            codes = fate_codes(self.session.lineage, known.graph)
            self._hidden = find_stretches(codes, known.graph, known.problem, longest)
        graph = self.session.resolver.known.graph
        index = graph.index_of(t, object_id)
        stretch = None if index is None else self._hidden.get(index)
        if stretch is None or self.session.resolver.params.objects_per_merger < 2:
            return None
        place = [(int(graph.t[i]), int(graph.object_id[i])) for i in (stretch.end, *stretch.chain, stretch.start)]
        end, chain, start = place[0], place[1:-1], place[-1]
        lineage = self.session.lineage
        links = relations_of(lineage, [chain[0], chain[-1]]).links
        ways = [(a, b, 1) for a, b in sorted(links) if (b == chain[0] or a == chain[-1]) and a != end and b != start]
        ways += [(a, b, len(lineage.tracks_at(*a)) + 1) for a, b in pairwise(chain)]
        ways += [(end, chain[0], 1), (chain[-1], start, 1)]
        pins = tuple(Pin("link", *a, n, b[1], b[0]) for a, b, n in ways)
        span = f"{chain[0][0]}" if len(chain) == 1 else f"{chain[0][0]} to {chain[-1][0]}"
        if (t, object_id) == end:
            text = f"hides in {chain[0][1]}, frame {span}, and goes on as {start[1]}"
            return Alternative((chain[0],), 0.0, text, joins=True, more=pins)
        fate = tuple(sorted({start, *(b for a, b, _ in ways if a == chain[-1])}))
        return Alternative(fate, 0.0, f"hides {end[1]} in frame {span}, which goes on as {start[1]}", more=pins)

    # ------------------------------------------------------------------ helpers
    def _others_into(self, event: Event, fate: Fate) -> tuple[Pin, ...]:
        """Hold what goes to the objects of a fate now."""
        lineage = self.session.lineage
        links = relations_of(lineage, [place for place in fate if place[0] >= 0]).links
        here = (event.t, event.object_id)
        return tuple(
            Pin("link", *source, 1, target, t_next)
            for (source, (t_next, target)), n in sorted(links.items())
            if (t_next, target) in fate and source != here and n == 1
        )

    def _others_into_places(self, t: int, object_id: int, fate: Fate) -> list[Object]:
        if fate == FALSE:
            return []
        links = relations_of(self.session.lineage, fate).links
        return [source for source, target in sorted(links) if target in fate and source != (t, object_id)]

    def _look(self) -> Judgement:
        """Judge the lineage as it is now."""
        if self._seen is None:
            self._seen = Judgement(self.session, self.draws, self.calibration)
        return self._seen

    def _forget(self) -> None:
        self._seen = self._hidden = None

    def _travel(self, after: Object | None) -> np.ndarray:
        graph = self.draws.graph
        if after is None:
            return np.ones(graph.n_detections)
        last = graph.index_of(*after)
        frames = FRAME_TRAVEL * np.abs(graph.t - after[0])
        if last is None:
            return np.asarray(1 + frames)
        extent = float(np.linalg.norm(np.ptp(graph.position, axis=0))) or 1.0
        way = np.linalg.norm(graph.position - graph.position[last], axis=1) / extent
        return np.asarray(1 + frames + way)

    def _event(self, index: int, look: Judgement) -> Event:
        graph = self.draws.graph
        t, object_id = int(graph.t[index]), int(graph.object_id[index])
        codes = look.alternatives(index)
        fates = decode_fates(graph, [code for code, _ in codes])
        alternatives: list[Alternative] = []
        may_merge = self.session.resolver.params.objects_per_merger > 1
        hidden = self.hidden_at(t, object_id)
        if hidden is not None:
            alternatives.append(hidden)
        for fate, (_, share) in zip(fates, codes, strict=True):
            alternatives.append(Alternative(fate, share, describe_fate(t, fate)))
            others = self._others_into_places(t, object_id, fate) if may_merge and len(fate) == 1 else ()
            if others:
                joined = " and ".join(str(i) for _, i in others)
                alternatives.append(Alternative(fate, share, f"joins {joined} in {fate[0][1]}", joins=True))
        return Event(
            t=t,
            object_id=object_id,
            fate=fate_of(self.session.lineage, t, object_id),
            confidence=float(look.confidence[index]),
            impact=float(look.impact[index]),
            alternatives=tuple(alternatives[:ALTERNATIVES]),
            alerts=look.alerts.get(index, ()),
        )
