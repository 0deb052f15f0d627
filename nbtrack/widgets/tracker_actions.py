"""What clicks, keys, buttons and the menu of the manual workbench do.

Whether an action fits is decided by the session; here is only decided which action is meant. All that may be forced
goes through `Messages.attempt`, which offers to do it anyway.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from nbtrack.errors import EditError
from nbtrack.widgets.keymap import kernel_keys
from nbtrack.widgets.menu import Entry, title_of
from nbtrack.widgets.tracker_walk import TrackerWalk

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbtrack.editing.history import Change
    from nbtrack.editing.session import Session
    from nbtrack.widgets.image_view import KeyEvent, PointerEvent
    from nbtrack.widgets.tracker_base import Mode
    from nbtrack.widgets.viewer import Viewer

HINTS: dict[Mode, str] = {
    "false": "Click the object that is a false detection.",
    "parent": "Click the object that divides.",
}


class TrackerActions(TrackerWalk):
    """Do what a person means.

    Attributes
    ----------
    by_name : dict of str to callable
        Every action of the keymap; each takes the `KeyEvent`, or None from a button.
    on_help : callable
        Shows or hides the help, or hides it if called with True; returns whether it was shown.
    """

    def __init__(self, session: Session, viewer: Viewer) -> None:
        super().__init__(session, viewer)
        self._keys = kernel_keys("track")
        self._division: tuple[int, int, int] = (0, 0, 0)  # frame, object and track of the parent
        self._daughter = 0
        self.on_help: Callable[[bool], bool] = lambda close: False
        self.by_name: dict[str, Callable[[KeyEvent | None], object]] = {
            "new_track": lambda _: self.new_track(),
            "next_track": lambda _: self._step_track(1),
            "previous_track": lambda _: self._step_track(-1),
            "division": lambda _: self._toggle("parent"),
            "mark_false": self._mark_key,
            "mark_false_anyway": self._mark_anyway,
            "next_object": lambda _: self.next_object(),
            "follow": self.follow,
            "auto_follow": lambda _: self.toggle_auto(),
            "undo": lambda _: self.undo(),
            "redo": lambda _: self._return_to(self.session.redo()),
            "continue_track": partial(self._hover, "continue_track"),
            "cut_track": partial(self._hover, "cut_track"),
            "swap_at": partial(self._hover, "swap_at"),
            "divide_at": partial(self._hover, "divide_at"),
            "remove": self._remove,
            "cancel": lambda _: self._cancel(),
            "walk_back": self.walk_back,
            "walk_forth": self.walk_forth,
            "walk_up": partial(self.walk_aside, -1),
            "walk_down": partial(self.walk_aside, 1),
            "walk_home": lambda _: self.walk_end(last=False),
            "walk_end": lambda _: self.walk_end(last=True),
            "help": lambda _: self.on_help(False),
        }
        for number in range(1, 5):
            self.by_name[f"candidate_{number}"] = lambda _, number=number: self.take(number)

    # ------------------------------------------------------------------ what arrives
    def pick(self, event: PointerEvent) -> None:
        """Do what a click means."""
        was_open = self.close_menu()
        if event.button == 2:
            self.open_menu(event)
        elif was_open:
            return  # this click has closed the menu
        elif "shift" in event.modifiers and event.object_id:
            self._take_up(event)
        elif self.mode == "false" and event.object_id:
            self.set_mode("assign")
            self.messages.attempt(self._mark, event.t, event.object_id)
        elif self.mode in ("parent", "first", "second"):
            self._click_division(event)
        elif event.object_id and self.mode == "assign":
            at = (event.z, event.y, event.x)[-self.session.detections.ndim :]
            self.messages.attempt(self.give, event.t, event.object_id, at=at)

    def press(self, event: KeyEvent) -> None:
        """Do what a key means."""
        name = self._keys.get(event.key)
        if name in self.by_name:
            self.run(name, event)

    def run(self, name: str, event: KeyEvent | None = None) -> None:
        """Do an action of the keymap.

        Parameters
        ----------
        name : str
            The action.
        event : KeyEvent, optional
            The key; a button if not given.
        """
        was_open = self.close_menu()
        if not (was_open and name == "cancel"):
            self.by_name[name](event)

    def close_menu(self) -> bool:
        """Close the menu and withdraw what was offered.

        Returns
        -------
        bool
            Whether the menu was open.
        """
        self.messages.withdraw()
        was_open = self.menu.close()
        if was_open:
            self.show_state()
        return was_open

    # ------------------------------------------------------------------ tracks
    def new_track(self) -> None:
        """Start a new track."""
        track_id = self.session.new_track()
        self.set_mode("assign")
        self.say(f"Track {track_id} is started. Click its first object.")

    def delete_track(self, track_id: int, *, force: bool = False) -> None:
        """Delete a whole track."""
        self.done(self.session.delete_track(track_id, force=force))

    def _step_track(self, step: int) -> None:
        self.session.step_track(step)
        self.select(self.session.active_track)

    def _take_up(self, event: PointerEvent) -> None:
        """Make the track of an object the active one; of a merger the next of its tracks."""
        tracks = self.session.lineage.tracks_at(event.t, event.object_id)
        if not tracks:
            raise EditError(f"Object {event.object_id} in frame {event.t} has no track that could be made active.")
        active = self.session.active_track
        self.select(tracks[(tracks.index(active) + 1) % len(tracks)] if active in tracks else tracks[0])

    def undo(self) -> None:
        """Take the last action back; if the active track is gone by that, its parent is active."""
        active = self.session.active_track
        parent = self.session.lineage.parent_of(active)
        change = self.session.undo()
        if parent is not None and not self.session.lineage.objects_of(active):
            self.session.select_track(parent)
            self.show_state()
        self._return_to(change)

    def _return_to(self, change: Change) -> None:
        self.done(change)
        frames = set(change.frames)
        if frames and (self.viewer.t not in frames or len(frames) > 2):
            self.viewer.goto(change.frames[0])

    # ------------------------------------------------------------------ modes
    def set_mode(self, mode: Mode) -> None:
        """Decide what the next click means."""
        if self.mode != mode:
            self.forget_choice()
        self.mode = mode
        self.show_state()

    def _toggle(self, mode: Mode) -> None:
        modes = {"false": ("false",), "parent": ("parent", "first", "second")}[mode]
        if self.mode in modes:
            self._cancel()
        else:
            self.set_mode(mode)
            self.say(HINTS[mode], "hint")

    def _cancel(self) -> None:
        """Leave what is open: the help, else a mode, else the choice of candidates."""
        if self.on_help(True):
            return
        left = self.mode
        self.set_mode("assign")
        if left != "assign":
            name = "Marking" if left == "false" else "Division"
            self.say(f"{name} is off. A click gives the object to the active track again.", "hint")
        else:
            self.forget_choice()

    # ------------------------------------------------------------------ division by clicks
    def _click_division(self, event: PointerEvent) -> None:
        t, object_id = event.t, event.object_id
        if not object_id:
            what = {"parent": "the object that divides", "first": "the first daughter", "second": "the second daughter"}
            raise EditError(f"There is only background there in frame {t}. Click {what[self.mode]}.")
        if self.mode == "parent":
            self._choose_parent(t, object_id)
            return
        t_parent, parent, track = self._division
        if t != t_parent + 1:
            self.viewer.goto(t_parent + 1)
            raise EditError(
                f"The daughters are expected in frame {t_parent + 1}, the one after their parent: got frame {t}. Click "
                "them in the frame that is shown now."
            )
        if self.mode == "first":
            self._daughter = object_id
            self.set_mode("second")
            self.viewer.canvas.badge(t, {object_id: "first"})
            self.say(f"Object {object_id} is the first daughter of track {track}. Click the second daughter.", "hint")
        elif object_id == self._daughter:
            raise EditError(f"Object {object_id} is the first daughter already. Click the other one, or press Escape.")
        else:
            self.viewer.canvas.badge(t, {})
            self.set_mode("first")  # stays if the three do not fit
            self.messages.attempt(self._divide, t_parent, parent, (self._daughter, object_id), track)

    def _choose_parent(self, t: int, object_id: int) -> None:
        tracks, active = self.session.lineage.tracks_at(t, object_id), self.session.active_track
        if not tracks or (len(tracks) > 1 and active not in tracks):
            found = f"is in tracks {' and '.join(map(str, tracks))}" if tracks else "has no track"
            advice = "Make the one that divides active first" if tracks else "Press Escape and click it to give it one"
            raise EditError(f"Object {object_id} in frame {t} {found}, so it is not clear what divides. {advice}.")
        if t == self.session.detections.n_frames - 1:
            raise EditError(f"Frame {t} is the last one, so nothing can divide there. Choose an earlier frame.")
        track = active if active in tracks else tracks[0]
        self.session.select_track(track)
        self._division = (t, object_id, track)
        self.set_mode("first")
        self.viewer.goto(t + 1)
        self.say(f"Track {track} divides after frame {t}. Click the first daughter in frame {t + 1}.", "hint")

    def _divide(self, t: int, parent: int, daughters: tuple[int, int], track: int, *, force: bool = False) -> None:
        change = self.session.divide_objects(t, parent, daughters, track_id=track, force=force)
        (first,) = self.session.lineage.tracks_at(t + 1, daughters[0])
        self.session.select_track(first)
        self.set_mode("assign")
        self.done(change, f" Track {first} is active.")
        if self.auto:
            self.offer(first, t + 1, daughters[0], f"{self.messages.text} Click its next object.")

    # ------------------------------------------------------------------ the object under the mouse
    def _under(self, event: KeyEvent | None, what: str) -> tuple[int, int]:
        if event is None or not event.object_id:
            raise EditError(f"There is no object under the mouse. Put it on {what}, then press the key.")
        return event.t, event.object_id

    def _hover(self, action: str, event: KeyEvent | None = None) -> None:
        t, object_id = self._under(event, "the object that is meant")
        self.messages.attempt(self._edit, action, t, object_id)

    def _edit(self, action: str, *args: Any, **options: Any) -> None:
        self.done(getattr(self.session, action)(*args, **options))
        self.show_state()

    def _mark_key(self, event: KeyEvent | None) -> None:
        if event is None or not event.object_id:
            self._toggle("false")
        else:
            self.messages.attempt(self._mark, event.t, event.object_id)

    def _mark_anyway(self, event: KeyEvent | None) -> None:
        self._mark(*self._under(event, "the false detection"), force=True)

    def _mark(self, t: int, object_id: int, *, force: bool = False) -> None:
        was_next = self.is_next(t, object_id)
        self.done(self.session.mark_false(t, object_id, force=force))
        if self.auto and was_next:
            self.show_next(self.messages.text, after=(t, object_id))

    def _remove(self, event: KeyEvent | None) -> None:
        t, object_id = self._under(event, "the object to take from its track")
        if self.session.lineage.is_false(t, object_id):
            self._edit("unmark_false", t, object_id)
            return
        tracks, active = self.session.lineage.tracks_at(t, object_id), self.session.active_track
        if active not in tracks and len(tracks) != 1:
            found = f"is in tracks {' and '.join(map(str, tracks))}" if tracks else "has no track"
            raise EditError(
                f"Object {object_id} in frame {t} {found}. Use the menu (right click) to say which one it leaves."
                if tracks
                else f"Object {object_id} in frame {t} {found}, so there is nothing to remove."
            )
        track = active if active in tracks else tracks[0]
        self.messages.attempt(self._edit, "forget", track, t=t, scope="here")

    # ------------------------------------------------------------------ the menu
    def open_menu(self, event: PointerEvent) -> None:
        """Show what can be done with the object that was clicked, at the pointer."""
        if not event.object_id:
            return
        title = title_of(self.session, event.t, event.object_id)
        self.menu.open(title, self._entries(event), event.left, event.top)
        self.show_state()
        self.say(f"{title}.", "hint")

    def _entries(self, event: PointerEvent) -> list[Entry]:
        t, object_id, session = event.t, event.object_id, self.session
        tracks, active = session.lineage.tracks_at(t, object_id), session.active_track
        at = (event.z, event.y, event.x)[-session.detections.ndim :]

        def entry(text: str, action: Callable[..., object], *args: Any, **options: Any) -> Entry:
            return Entry(text, lambda: self._choose(action, *args, **options))

        entries = []
        if session.lineage.is_false(t, object_id):
            return [entry("Not a false detection", self._edit, "unmark_false", t, object_id)]
        if active:
            entries.append(entry("Follow from here (semi-automatic)", self.give, t, object_id, run=True, at=at))
        else:
            text = "Follow from here: start a new track first"
            entries.append(Entry(text, None, "There is no active track. Press New track, or s."))
        for track in tracks:
            if track != active:
                entries.append(entry(f"Make track {track} active", self.select, track))
            for text, scope in (
                ("this object", "here"),
                ("here to the end", "later"),
                ("here to the start", "earlier"),
            ):
                text = f"Delete track {track} from {text}"
                entries.append(entry(text, self._edit, "forget", track, t=t, scope=scope))
            division = session.lineage.divisions.get(track)
            if division is not None and division.t == t:
                entries.append(entry(f"Remove division of track {track}", self._edit, "undivide", track))
        entries.append(entry("Mark as false detection", self._mark, t, object_id))
        return entries

    def _choose(self, action: Callable[..., object], *args: Any, **options: Any) -> None:
        self.show_state()  # the menu is closed
        self.messages.withdraw()
        self.messages.attempt(action, *args, **options)
