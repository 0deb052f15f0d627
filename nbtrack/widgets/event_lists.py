"""The lists of divisions and of mergers beside the image.

A list is one HTML widget whose rows have ids, and one ipyevents listener that tells which id was hit. The row of the
active track is marked by a style sheet of its own: rows are never replaced between the two clicks of a double click.
A long list has pages, so that a change sends one page and not all of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import ipywidgets
from ipyevents import Event
from ipywidgets import Layout

from nbtrack.data.palette import track_colors
from nbtrack.errors import EditError, InputError
from nbtrack.widgets.controls import small_button
from nbtrack.widgets.panel import bring_style

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from nbtrack.data.lineage import Division
    from nbtrack.editing.session import Session

ROWS_SHOWN = 100
"""A page of a list has at most so many rows."""

# An animation that changes nothing tells the browser of a new page, and of a new mark: go to the top, or to the row.
_SCROLL = (
    "const list = this.closest('.nbt-events'), page = event.target === this, key = page ? 'page' : 'mark';"
    "const now = event.animationName + event.target.id, before = list.dataset[key];"
    "list.dataset[key] = now;"
    "if (now === before) return;"
    "if (page) { if (before) list.scrollTop = 0; return; }"
    "const row = event.target.getBoundingClientRect(), box = list.getBoundingClientRect();"
    "if (row.top < box.top || row.bottom > box.bottom)"
    " list.scrollTop += row.top - box.top - (box.height - row.height) / 2;"
)


class EventList(ABC):
    """A heading, a page of rows that can be clicked, and a mark at some of them."""

    def __init__(self, name: str, n_rows: int, *, guard: Callable[..., Any], styled: bool) -> None:
        self._head = ipywidgets.HTML(layout=Layout(margin="0"))
        self._rows = ipywidgets.HTML(layout=Layout(margin="0", height=f"{22 * n_rows}px", overflow="hidden auto"))
        self._rows.add_class("nbt-events")
        self._rows.tooltip = "Click: choose the track. Double click: show it."
        self._prefix = f"nbt{self._rows.model_id[:6]}"
        self._heading = ""
        self._colors: dict[int, str] = {}
        self._keys: Sequence[Any] = ()
        self._page = 0
        self._marked: list[int] = []
        self._in_sight: int | None = None
        self._n_marks = 0
        self._listener = Event(source=self._rows, watched_events=["click", "dblclick"])
        self._listener.on_dom_event(guard(self._hear))
        self._place = ipywidgets.HTML(layout=Layout(margin="0", flex="1 1 auto"))
        self._back = small_button("chevron-left", "Rows before these", guard(lambda: self._turn(-1)))
        self._forth = small_button("chevron-right", "Rows after these", guard(lambda: self._turn(1)))
        self._pager = ipywidgets.HBox([self._place, self._back, self._forth], layout=Layout(margin="0"))
        self._pager.add_class("nbt-row")
        self.widget = ipywidgets.VBox([self._head, self._rows, self._pager])
        self.widget.add_class("nbt-box")
        self.widget.add_class(f"nbt-{name}")
        if styled:
            bring_style(self.widget)

    def close(self) -> None:
        """Stop listening to the mouse."""
        self._listener.close()

    def _hear(self, event: dict[str, Any]) -> None:
        prefix, *parts = event["target"]["id"].split("-")
        if prefix == self._prefix:
            self._act(parts, event["event"] == "dblclick")

    @abstractmethod
    def _act(self, parts: list[str], double: bool) -> None:
        """Follow a click on a row, or on what is in it."""

    @abstractmethod
    def _write(self, keys: Sequence[Any]) -> str:
        """Write rows as HTML."""

    # ------------------------------------------------------------------ what is shown
    def _show_head(self) -> None:
        ids = ",".join(f"#{self._id(key)}" for key in self._marked)
        style = ""
        if ids:
            name = f"{self._prefix}-mark{self._n_marks % 2}"
            style = (
                f"<style>{ids}{{background:var(--nbt-chosen);box-shadow:inset 3px 0 var(--nbt-accent)}}"
                f"@keyframes {name}{{}}#{self._id(self._in_sight)}{{animation:{name} 1ms}}</style>"
            )
        self._head.value = f'<div class="nbt-heading">{self._heading}</div>{style}'

    def _mark(self, keys: list[int], in_sight: int | None) -> None:
        """Mark rows and bring one of them into sight."""
        if keys != self._marked:
            self._marked, self._in_sight = keys, in_sight
            self._n_marks += bool(keys)
            if keys:
                self._open_page_of(in_sight)
        self._show_head()

    def _open_page_of(self, key: Any) -> None:
        page = self._keys.index(key) // ROWS_SHOWN
        self._turn(page - self._page)

    def _turn(self, by: int) -> None:
        if by:
            self._page += by
            self._show_page()

    def _show_page(self) -> None:
        last = max(len(self._keys) - 1, 0) // ROWS_SHOWN
        self._page = min(max(self._page, 0), last)
        first = self._page * ROWS_SHOWN
        shown = self._keys[first : first + ROWS_SHOWN]
        name = f"{self._prefix}-page{self._page}"
        self._rows.value = (
            f'<style>@keyframes {name}{{}}</style><section style="animation:{name} 1ms" onanimationstart="{_SCROLL}">'
            f"{self._write(shown)}</section>"
        )
        self._pager.layout.display = "" if last else "none"
        text = f"Rows {first + 1:,} to {first + len(shown):,} of {len(self._keys):,}"
        self._place.value = f'<div class="nbt-progress">{text}</div>'
        self._back.disabled, self._forth.disabled = self._page == 0, self._page == last

    def _id(self, *parts: int | str | None) -> str:
        return "-".join(map(str, (self._prefix, *parts)))

    def _learn_colors(self, track_ids: Iterable[int]) -> None:
        unknown = [i for i in track_ids if i not in self._colors]
        for i, rgb in zip(unknown, track_colors(unknown), strict=True):
            self._colors[i] = f"#{bytes(rgb).hex()}"

    def _track(self, track_id: int, html_id: str = "") -> str:
        """Write the number of a track behind a swatch of its colour."""
        attribute = f' id="{html_id}"' if html_id else ""
        return f'<b{attribute} style="--c:{self._colors[track_id]}"># {track_id}</b>'


class DivisionList(EventList):
    """All divisions, with a check box for those that were looked at.

    Parameters
    ----------
    session : Session
        Whose divisions.
    guard : callable
        Wraps every handler, see `Messages.guard`.
    on_select : callable
        Called with a track id and a frame after a click: on a row its parent, on the number of a child that child.
    on_goto : callable
        The same after a double click.
    styled : bool, optional
        Whether it brings the style sheet along; a workbench has it already.

    Attributes
    ----------
    widget : ipywidgets.VBox
        The list.
    """

    def __init__(
        self,
        session: Session,
        *,
        guard: Callable[..., Any],
        on_select: Callable[[int, int], object],
        on_goto: Callable[[int, int], object],
        styled: bool = True,
    ) -> None:
        super().__init__("divisions", 5, guard=guard, styled=styled)
        self.session, self._on_select, self._on_goto = session, on_select, on_goto
        self._divisions: dict[int, Division] = {}
        self._done: frozenset[int] = frozenset()
        self._track_id = session.active_track
        self._clicked = 0
        self._show()
        self.refresh()

    def refresh(self) -> None:
        """Show the divisions as they are now, and the page of a new one."""
        now = self.session.lineage.divisions, self.session.checked_divisions
        if now != (self._divisions, self._done):
            before, (self._divisions, self._done) = self._keys, now
            self._show()
            new = self._divisions.keys() - set(before)
            if new and before:
                self._open_page_of(min(new, key=self._keys.index))

    def set_track(self, track_id: int) -> None:
        """Mark the rows in which a track is parent or child.

        Parameters
        ----------
        track_id : int
            The active track, 0 for none.
        """
        self._track_id = track_id
        involved = (track_id, self.session.lineage.parent_of(track_id))
        marked = [i for i in involved if i in self._divisions]
        # between two clicks at a row it stays where it is
        self._mark(marked, self._clicked if self._clicked in marked else next(iter(marked), None))
        self._clicked = 0

    def _show(self) -> None:
        self._keys = [division.parent_track_id for division in sorted(self._divisions.values())]
        checked = sum(parent in self._done for parent in self._divisions)
        self._heading = f"Divisions ({checked:,} of {len(self._keys):,} checked)" if self._keys else "Divisions"
        self._show_page()
        self.set_track(self._track_id)

    def _write(self, keys: Sequence[int]) -> str:
        divisions = [self._divisions[parent] for parent in keys]
        self._learn_colors(i for division in divisions for i in (division.parent_track_id, *division.children))
        empty = "No division yet. Press d, then click parent and daughters."
        return "".join(map(self._row, divisions)) or f"<p>{empty}</p>"

    def _row(self, division: Division) -> str:
        parent = division.parent_track_id
        children = ", ".join(self._track(i, self._id(parent, i)) for i in division.children)
        return (
            f'<div id="{self._id(parent)}"><input type="checkbox" id="{self._id(parent, "done")}"'
            f"{' checked' * (parent in self._done)}>{self._track(parent)} → {children}<i>t {division.t}</i></div>"
        )

    def _act(self, parts: list[str], double: bool) -> None:
        division = self._divisions.get(int(parts[0]))
        if division is None:
            return
        parent, act = division.parent_track_id, self._on_goto if double else self._on_select
        self._clicked = parent
        if len(parts) == 1:
            act(parent, division.t)
        elif parts[1] != "done":
            act(int(parts[1]), division.t + 1)
        elif not double:  # the two clicks of a double click came before
            try:
                self.session.check_division(parent, parent not in self.session.checked_divisions)
            except (EditError, InputError):
                self._rows.value = ""  # the browser has changed the box by itself: send the rows once more
                self._show()
                raise
            self.refresh()


class MergerList(EventList):
    """All objects with several tracks.

    Parameters
    ----------
    session : Session
        Whose mergers.
    guard : callable
        Wraps every handler, see `Messages.guard`.
    on_select : callable
        Called with the first track of the object and the frame after a click.
    on_goto : callable
        The same after a double click.
    styled : bool, optional
        Whether it brings the style sheet along; a workbench has it already.

    Attributes
    ----------
    widget : ipywidgets.VBox
        The list.
    """

    def __init__(
        self,
        session: Session,
        *,
        guard: Callable[..., Any],
        on_select: Callable[[int, int], object],
        on_goto: Callable[[int, int], object],
        styled: bool = True,
    ) -> None:
        super().__init__("mergers", 3, guard=guard, styled=styled)
        self.session, self._on_select, self._on_goto = session, on_select, on_goto
        self._mergers: dict[tuple[int, int], tuple[int, ...]] = {}
        self._show()
        self.refresh()

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._mergers)

    def refresh(self, frames: Iterable[int] | None = None) -> None:
        """Show the mergers as they are now.

        Parameters
        ----------
        frames : iterable of int, optional
            Look only at the objects of these frames because no others changed; at all if not given.
        """
        lineage = self.session.lineage
        if frames is None:
            mergers = {(t, i): tracks for t, i, tracks in lineage.mergers()}
        else:
            anew = set(frames)
            mergers = {place: tracks for place, tracks in self._mergers.items() if place[0] not in anew}
            for t in anew:
                mergers |= {(t, i): tracks for i, tracks in lineage.labelled(t).items() if len(tracks) > 1}
        if mergers != self._mergers:
            self._mergers = mergers
            self._show()

    def _show(self) -> None:
        self._keys = sorted(self._mergers)
        self._heading = f"Mergers ({len(self._keys):,})" if self._keys else "Mergers"
        self._show_page()
        self._show_head()

    def _write(self, keys: Sequence[tuple[int, int]]) -> str:
        self._learn_colors(i for key in keys for i in self._mergers[key])
        return "".join(map(self._row, keys)) or "<p>No object has several tracks.</p>"

    def _row(self, key: tuple[int, int]) -> str:
        t, object_id = key
        tracks = ", ".join(map(self._track, self._mergers[key]))
        return f'<div id="{self._id(t, object_id)}"><i>t {t}</i> object {object_id}: {tracks}</div>'

    def _act(self, parts: list[str], double: bool) -> None:
        t, object_id = map(int, parts)
        tracks = self._mergers.get((t, object_id))
        if tracks:
            (self._on_goto if double else self._on_select)(tracks[0], t)
