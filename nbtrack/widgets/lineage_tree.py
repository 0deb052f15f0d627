"""The lineage tree beside the image: time to the right, a line for each track, a bar where the shown frame is.

bqplot draws, ipyevents tells where the mouse is. bqplot's own interactions are not used: while they pan, no click
arrives. The wheel is left to the page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import ipywidgets
import numpy as np
from bqplot import Axis, Figure, Label, LinearScale, Lines
from ipyevents import Event
from ipywidgets import Layout

from nbtrack.rendering.colors import hex_color
from nbtrack.rendering.figures import draw_lineage_tree
from nbtrack.rendering.tree_layout import Span, frame_ticks, lay_out_tree, lineages_around
from nbtrack.widgets.controls import small_button
from nbtrack.widgets.panel import bring_style

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.display import Image

    from nbtrack.editing.session import Session

ALL_AT_FIRST = 60
"""With more tracks than these, a new tree shows only the lineage of the active track."""
TRACKS_DRAWN = 2000
ROWS_IN_SIGHT = 60
HEIGHT = 210
MARGIN = {"top": 6, "bottom": 22, "left": 8, "right": 10}
REACH = 8
"""A track is hit within so many pixels of its line."""
STEADY = 4
"""The mouse may move so many pixels in a click; further is a drag."""
GREY, CURSOR = "#888888", "#e0457b"


class LineageTree:
    """Show who descends from whom; click a track to choose it, double click to see it, drag to move about.

    Parameters
    ----------
    session : Session
        Whose lineage.
    guard : callable
        Wraps every handler, see `Messages.guard`.
    n_frames : int
        Length of the movie.
    on_select : callable
        Called after a click on a track, with its id and the frame: the clicked one, or the nearest with an object.
    on_goto : callable
        The same after a double click.
    styled : bool, optional
        Whether it brings the style sheet along; a workbench has it already.

    Attributes
    ----------
    widget : ipywidgets.VBox
        The tree and what steers it; it takes the width it gets.
    """

    def __init__(
        self,
        session: Session,
        *,
        guard: Callable[..., Any],
        n_frames: int,
        on_select: Callable[[int, int], object],
        on_goto: Callable[[int, int], object],
        styled: bool = True,
    ) -> None:
        self.session, self.n_frames = session, n_frames
        self._on_select, self._on_goto = on_select, on_goto
        self._track_id, self._t = session.active_track, 0
        self._drawn: object = None
        self._layout = lay_out_tree(session.lineage, [])
        self._all_times = Span(-0.5, max(n_frames - 0.5, 0.5))
        self._times = self._all_times
        self._rows = Span(-1, 1)
        self._fitted = True
        self._pressed: tuple[float, float, Span, Span] | None = None
        self._make_figure()
        whole = len(session.lineage.track_ids) <= ALL_AT_FIRST
        self._scope = ipywidgets.Dropdown(
            options=[("All tracks", "all"), ("This lineage", "lineage")], value="all" if whole else "lineage",
            tooltip="Which tracks to draw", layout=Layout(width="auto", flex="1 1 0", min_width="0", margin="0"),
        )  # fmt: skip
        self._scope.observe(guard(self._switch), "value")
        self._note = ipywidgets.HTML(layout=Layout(margin="0"))
        zoom_in = small_button("search-plus", "Zoom in", guard(lambda: self._zoom(1.6)))
        zoom_out = small_button("search-minus", "Zoom out", guard(lambda: self._zoom(1 / 1.6)))
        fit = small_button("", "Show all frames (or double click beside the tracks)", guard(self.fit), text="Fit")
        tools = ipywidgets.HBox([self._scope, zoom_out, zoom_in, fit])
        tools.add_class("nbt-row")
        heading = ipywidgets.HTML('<div class="nbt-heading">Lineage tree</div>', layout=Layout(margin="0"))
        self.widget = ipywidgets.VBox([heading, tools, self.figure, self._note])
        self.widget.add_class("nbt-box")
        if styled:
            bring_style(self.widget)
        self._clicks = Event(source=self.figure, watched_events=["click", "dblclick", "mousedown", "mouseup"])
        self._moves = Event(source=self.figure, watched_events=[], throttle_or_debounce="throttle", wait=40)
        for listener in (self._clicks, self._moves):
            listener.on_dom_event(guard(self._hear))
        self.refresh()
        self.fit()

    def __dir__(self) -> list[str]:
        """List what a user needs."""
        return ["close", "fit", "refresh", "scope", "session", "set_time", "set_track", "snapshot", "widget"]

    def __repr__(self) -> str:
        return f"<LineageTree of {self.session!r}>"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self.widget._repr_mimebundle_(**kwargs)

    @property
    def scope(self) -> Literal["all", "lineage"]:
        """Whether all tracks are drawn or only the lineage of the active track."""
        return self._scope.value

    @scope.setter
    def scope(self, value: Literal["all", "lineage"]) -> None:
        self._scope.value = value

    def close(self) -> None:
        """Stop listening to the mouse, and close what the figure is made of."""
        figure = self.figure
        scales = {scale for mark in figure.marks for scale in mark.scales.values()}
        own = {figure.scale_x, figure.scale_y}
        for part in (self._clicks, self._moves, *figure.marks, *figure.axes, *scales, *own):
            part.close()

    # ------------------------------------------------------------------ what the workbench says
    def refresh(self) -> None:
        """Draw the lineage as it is now; does nothing if no track begins, ends or descends differently."""
        lineage = self.session.lineage
        now = lineage.track_ends(), lineage.divisions
        if now != self._drawn:
            self._drawn = now
            self._redraw()

    def set_time(self, t: int) -> None:
        """Move the bar of time.

        Parameters
        ----------
        t : int
            Frame on screen.
        """
        self._t = t
        self._cursor.x = [t, t]
        self._look(self._times.reaching(t, self._all_times), self._rows)

    def set_track(self, track_id: int) -> None:
        """Draw a track thicker than the others, with its number.

        Parameters
        ----------
        track_id : int
            The active track, 0 for none.
        """
        self._track_id = track_id
        if self.scope == "lineage":
            stale = self._roots() != self._drawn_roots
        else:
            stale = self._layout.index_of(track_id) is None and bool(self.session.lineage.objects_of(track_id))
        if stale:
            self._redraw()
        self._show_active()
        index = self._layout.index_of(track_id)
        if index is not None:
            self._look(self._times, self._rows.reaching(self._layout.rows[index], self._all_rows))

    def fit(self) -> None:
        """Show all frames, and all rows unless they are too many to tell apart."""
        index = self._layout.index_of(self._track_id)
        rows = self._all_rows
        if rows.length > ROWS_IN_SIGHT:
            middle = rows.low if index is None else float(self._layout.rows[index])
            rows = Span(middle - ROWS_IN_SIGHT / 2, middle + ROWS_IN_SIGHT / 2).inside(rows)
        self._look(self._all_times, rows)
        self._fitted = True

    def snapshot(self) -> Image:
        """Make a static picture of the whole tree, for pages without a kernel.

        Returns
        -------
        IPython.display.Image
            A PNG; its bytes are in `data`.
        """
        from IPython.display import Image

        return Image(data=draw_lineage_tree(self.session.lineage)._repr_png_())

    # ------------------------------------------------------------------ mouse
    def _hear(self, event: dict[str, Any]) -> None:
        kind, at = event["event"], (event["clientX"], event["clientY"])
        if kind == "mousedown" and event["button"] == 0:
            self._pressed = (*at, self._times, self._rows)
            self._moves.watched_events = ["mousemove"]
        elif kind in ("mousemove", "mouseup"):
            self._drag(event, *at)
        elif kind in ("click", "dblclick") and self._is_steady(*at):
            self._click(event, double=kind == "dblclick")

    def _is_steady(self, x: float, y: float) -> bool:
        return self._pressed is None or max(abs(x - self._pressed[0]), abs(y - self._pressed[1])) <= STEADY

    def _drag(self, event: dict[str, Any], x: float, y: float) -> None:
        released = event["event"] == "mouseup" or not event["buttons"]
        if self._pressed is not None and self._moves.watched_events and not self._is_steady(x, y):
            from_x, from_y, times, rows = self._pressed
            per_x, per_y = self._per_pixel(event)
            self._fitted = False
            self._look(
                times.moved((from_x - x) * per_x, self._all_times), rows.moved((from_y - y) * per_y, self._all_rows)
            )
        if released:
            self._moves.watched_events = []  # what was pressed is kept: a click follows, which may be the end of a drag

    def _click(self, event: dict[str, Any], *, double: bool) -> None:
        per_x, per_y = self._per_pixel(event)
        t = self._times.low + (event["clientX"] - event["boundingRectLeft"] - MARGIN["left"]) * per_x
        row = self._rows.low + (event["clientY"] - event["boundingRectTop"] - MARGIN["top"]) * per_y
        track_id = self._layout.nearest(t, row, t_reach=REACH * per_x, row_reach=REACH * per_y)
        if track_id is not None:
            frames = self.session.lineage.objects_of(track_id)
            (self._on_goto if double else self._on_select)(track_id, min(frames, key=lambda i: abs(i - t)))
        elif double:
            self.fit()

    def _per_pixel(self, event: dict[str, Any]) -> tuple[float, float]:
        """Tell how many frames and rows a pixel is wide and high."""
        width = event["boundingRectWidth"] - MARGIN["left"] - MARGIN["right"]
        height = event["boundingRectHeight"] - MARGIN["top"] - MARGIN["bottom"]
        return self._times.length / max(width, 1), self._rows.length / max(height, 1)

    def _zoom(self, factor: float) -> None:
        index = self._layout.index_of(self._track_id)
        row = -1.0 if index is None else float(self._layout.rows[index])
        self._fitted = False
        self._look(
            self._times.zoomed(factor, self._t, self._all_times, least=4),
            self._rows.zoomed(factor, row, self._all_rows, least=8),
        )

    def _switch(self, _change: object) -> None:
        self._redraw()
        self.fit()

    # ------------------------------------------------------------------ drawing
    @property
    def _all_rows(self) -> Span:
        last = float(self._layout.rows.max()) if len(self._layout) else 0.0
        return Span(-0.8, max(last, 1.2) + 0.8)

    def _roots(self) -> list[int]:
        lineage = self.session.lineage
        if self.scope == "lineage":
            return [lineage.lineage_id_of(self._track_id)] if lineage.objects_of(self._track_id) else []
        return lineages_around(lineage, self._track_id, TRACKS_DRAWN)

    def _redraw(self) -> None:
        """Lay out the tracks anew; send only what has changed."""
        self._drawn_roots = self._roots()
        layout = self._layout = lay_out_tree(self.session.lineage, self._drawn_roots)
        x, y = layout.lines()
        _put(self._lines, x=x, y=y, colors=[hex_color(i) for i in layout.track_ids.tolist()], visible=bool(len(x)))
        (x, y), (stop_x, stop_y) = layout.connectors(), layout.stops(self.n_frames - 1)
        x, y = np.concatenate([x, stop_x]), np.concatenate([y, stop_y])
        _put(self._links, x=x, y=y, visible=bool(len(x)))
        self._show_note()
        few = self._all_rows.length <= ROWS_IN_SIGHT
        self._look(self._times, self._all_rows if few and self._fitted else self._rows)

    def _show_active(self) -> None:
        index = self._layout.index_of(self._track_id)
        if index is None:
            _put(self._active, visible=False)
            _put(self._number, visible=False)
            return
        (start, end), y = (values[index] for values in self._layout.lines())
        _put(self._active, x=np.array([start, end]), y=y, colors=[hex_color(self._track_id)], visible=True)
        times = self._times
        if end < times.high - 0.15 * times.length:
            x, align, right, down = end, "start", 7, 0
        else:
            x, align, right, down = (max(start, times.low) + min(end, times.high)) / 2, "middle", 0, -9
        _put(
            self._number, x=np.array([x]), y=y[:1], text=[str(self._track_id)], align=align, x_offset=right,
            y_offset=down, visible=bool(times.low <= x <= times.high and self._rows.low <= y[0] <= self._rows.high),
        )  # fmt: skip

    def _show_note(self) -> None:
        shown, there = len(self._layout), len(self.session.lineage.track_ids)
        if not there:
            text = "No track yet."
        elif not shown:
            text = "Choose a track to see its lineage."
        elif shown == there:
            n = len(self.session.lineage.divisions)
            text = f"{there:,} track{'s' * (there != 1)}, {n:,} division{'s' * (n != 1)}"
        elif self.scope == "all":
            text = f"{shown:,} of {there:,} tracks: those near the active one"
        else:
            text = f"{shown:,} of {there:,} tracks: the lineage of track {self._drawn_roots[0]}"
        self._note.value = f'<div class="nbt-tree-note" title="{text}">{text}</div>'

    def _look(self, times: Span, rows: Span) -> None:
        """Show a part of the tree."""
        self._times, self._rows = times, rows.inside(self._all_rows)
        _put(self._x_scale, min=times.low, max=times.high)
        _put(self._y_scale, min=self._rows.low, max=self._rows.high)
        _put(self._axis, tick_values=np.array(frame_ticks(times)))
        self._show_active()

    def _make_figure(self) -> None:
        self._x_scale = LinearScale(min=self._times.low, max=self._times.high, allow_padding=False)
        self._y_scale = LinearScale(min=-1.0, max=1.0, reverse=True, allow_padding=False)
        scales = {"x": self._x_scale, "y": self._y_scale}
        whole_height = LinearScale(min=0.0, max=1.0, allow_padding=False)
        nowhere = [0.0, 0.0]
        self._links = Lines(x=nowhere, y=nowhere, scales=scales, colors=[GREY], stroke_width=1, visible=False)
        self._lines = Lines(x=nowhere, y=nowhere, scales=scales, stroke_width=2, visible=False)
        self._active = Lines(x=nowhere, y=nowhere, scales=scales, stroke_width=5, visible=False)
        self._number = Label(x=[0.0], y=[0.0], text=[""], scales=scales, default_size=12, font_weight="bold",
                             colors=["var(--jp-ui-font-color0, #222)"], apply_clip=False, visible=False)  # fmt: skip
        self._cursor = Lines(
            x=[0, 0], y=[0.0, 1.0], scales={"x": self._x_scale, "y": whole_height}, colors=[CURSOR], stroke_width=1.5
        )
        self._axis = Axis(scale=self._x_scale, tick_format="d", num_ticks=5, grid_lines="none")
        self.figure = Figure(
            marks=[self._links, self._lines, self._active, self._cursor, self._number], axes=[self._axis],
            fig_margin=MARGIN, padding_y=0.0, display_toolbar=False,
            layout=Layout(width="100%", height=f"{HEIGHT}px", min_width="0", margin="0"),
        )  # fmt: skip
        self.figure.add_class("nbt-tree")


def _put(widget: ipywidgets.Widget, **values: Any) -> None:
    """Set those traits of a widget that differ, in one message."""
    with widget.hold_sync():
        for name, value in values.items():
            if not _same(getattr(widget, name), value):
                setattr(widget, name, value)


def _same(before: Any, value: Any) -> bool:
    if not isinstance(value, np.ndarray):
        return bool(before == value)
    return np.shape(before) == value.shape and np.array_equal(before, value, equal_nan=value.dtype.kind == "f")
