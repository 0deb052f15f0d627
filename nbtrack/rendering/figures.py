"""Static figures: a frame with its tracks, the lineage tree, and both side by side."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from nbtrack.rendering.colors import color_table, track_color
from nbtrack.rendering.overlays import auto_contrast, compose, flatten_frame, lookup_table, to_uint8
from nbtrack.rendering.tree_layout import place_tracks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from nbtrack.data.lineage import Lineage
    from nbtrack.rendering.colors import ColorBy


def new_figure(width: float, height: float) -> Figure:
    """Make an empty figure that shows itself in a notebook, whatever matplotlib backend is set.

    Parameters
    ----------
    width, height : float
        Size in inches.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.figure import Figure

    class Picture(Figure):
        def _repr_png_(self) -> bytes:
            buffer = io.BytesIO()
            self.savefig(buffer, format="png", dpi=110)
            return buffer.getvalue()

    return Picture(figsize=(width, height), layout="constrained")


def draw_frame(
    raw_frame: np.ndarray | None,
    labels_frame: np.ndarray,
    lineage: Lineage | None = None,
    t: int = 0,
    *,
    ax: Axes | None = None,
    contrast: tuple[float, float] | None = None,
    color_by: ColorBy = "track",
    show_ids: bool = True,
) -> Figure:
    """Draw one frame with the outlines of its objects in the colours of their tracks.

    Parameters
    ----------
    raw_frame : ndarray, shape (y, x) or (z, y, x), or None
        Grey values; a volume is shown as its brightest pixels along z, None as black.
    labels_frame : ndarray of int, same shape
        Label image, 0 background.
    lineage : Lineage, optional
        Which object belongs to which track.
    t : int, optional
        Number of the frame in the lineage.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if not given.
    contrast : tuple of float, optional
        Values shown as black and white; chosen from the frame if not given.
    color_by : {"track", "lineage"}, optional
        Colour by track or by lineage.
    show_ids : bool, optional
        Print the track ids (of a merger all of them) at the objects; more than 400 objects are left unmarked.

    Returns
    -------
    matplotlib.figure.Figure
    """
    raw, flat_labels = flatten_frame(np.zeros_like(labels_frame) if raw_frame is None else raw_frame, labels_frame)
    labels = labels_frame if flat_labels is None else flat_labels
    ids = np.unique(labels[labels > 0])
    numbers = np.where(labels > 0, np.searchsorted(ids, labels) + 1, 0)
    grey = to_uint8(raw, *(contrast or auto_contrast([raw])))
    table = lookup_table(np.arange(1, len(ids) + 1), color_table(lineage, t, ids, color_by=color_by))
    picture = compose(grey, numbers, table, objects_opacity=0.12, tracks_opacity=0.3)
    if ax is None:
        width = 6.0
        ax = new_figure(width, width * raw.shape[0] / raw.shape[1] + 0.35).add_subplot()
    ax.imshow(picture, interpolation="nearest")
    ax.set_axis_off()
    ax.set_title(f"frame {t}", fontsize=10)
    if lineage is not None and show_ids and len(ids) <= 400:
        _print_ids(ax, ids, numbers, lineage, t)
    return _figure_of(ax)


def draw_lineage_tree(
    lineage: Lineage, *, ax: Axes | None = None, max_lineages: int = 60, color_by: ColorBy = "track"
) -> Figure:
    """Draw who descends from whom, time downwards: a line for each track, a bar for each division.

    Parameters
    ----------
    lineage : Lineage
        The answer to draw.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if not given.
    max_lineages : int, optional
        Draw at most so many lineages: those with most tracks, then the longest. The title tells how many are left out.
    color_by : {"track", "lineage"}, optional
        Colour by track or by lineage.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.collections import LineCollection

    table = lineage.tracks
    spans = {i: (start, end) for i, start, end in table[["track_id", "t_start", "t_end"]].itertuples(index=False)}
    sizes = table.groupby("lineage_id").agg(n=("t_start", "size"), start=("t_start", "min"), end=("t_end", "max"))
    sizes["length"] = sizes["end"] - sizes["start"]
    roots = sorted(sizes.sort_values(["n", "length"], ascending=False, kind="stable").index[:max_lineages].tolist())
    places = place_tracks(lineage, roots)
    if ax is None:
        ax = new_figure(min(12.0, 2.5 + 0.16 * len(places)), 5.0).add_subplot()
    lines: list[list[tuple[float, float]]] = []
    colors: list[tuple[float, ...]] = []
    for i, x in places.items():
        start, end = spans[i]
        color = tuple(c / 255 for c in track_color(lineage.lineage_id_of(i) if color_by == "lineage" else i))
        parent = lineage.parent_of(i)
        if parent is not None:
            fork = lineage.divisions[parent].t
            lines += [[(places[parent], fork), (x, fork)], [(x, fork), (x, start)]]
            colors += [color, color]
        lines.append([(x, start), (x, max(end, start + 0.3))])
        colors.append(color)
    ax.add_collection(LineCollection(lines, colors=colors, linewidths=2.0, capstyle="round"))
    if len(places) <= 60:
        for i, x in places.items():
            ax.annotate(str(i), (x, spans[i][1]), (0, -3), textcoords="offset points", **_LABEL)
    last = max([1, *(end for _, end in spans.values())])
    ax.set_xlim(-1, max(places.values(), default=0.0) + 1)
    ax.set_ylim(last * 1.05 + 0.5, -0.5)
    ax.set_xticks([])
    ax.set_ylabel("frame")
    for side in ("top", "right", "bottom"):
        ax.spines[side].set_visible(False)
    left_out = len(sizes) - len(roots)
    counts = f"{_count(len(spans), 'track')} in {_count(len(sizes), 'lineage')}"
    title = f"{counts}, {_count(len(lineage.divisions), 'division')}"
    ax.set_title(title + (f" ({_count(left_out, 'lineage')} not drawn)" if left_out else ""), fontsize=10)
    return _figure_of(ax)


def draw_overview(
    raw_frame: np.ndarray | None,
    labels_frame: np.ndarray,
    lineage: Lineage,
    t: int = 0,
    *,
    title: str = "",
    max_lineages: int = 40,
) -> Figure:
    """Draw a frame with its tracks and the lineage tree side by side.

    Parameters
    ----------
    raw_frame, labels_frame, lineage, t
        As in `draw_frame`.
    title : str, optional
        Heading of the figure.
    max_lineages : int, optional
        As in `draw_lineage_tree`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = new_figure(13.0, 5.8)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.25))
    draw_frame(raw_frame, labels_frame, lineage, t, ax=left)
    draw_lineage_tree(lineage, ax=right, max_lineages=max_lineages)
    right.axhline(t, color="0.4", linewidth=0.8, linestyle=":", zorder=0)
    if title:
        figure.suptitle(title)
    return figure


_LABEL: dict[str, Any] = {"ha": "center", "va": "top", "fontsize": 7, "color": "0.35"}


def _print_ids(ax: Axes, ids: np.ndarray, numbers: np.ndarray, lineage: Lineage, t: int) -> None:
    from matplotlib.patheffects import withStroke

    y, x = np.nonzero(numbers)
    values = numbers[y, x]
    counts = np.maximum(np.bincount(values), 1)
    center_y, center_x = np.bincount(values, y) / counts, np.bincount(values, x) / counts
    labelled, false = lineage.labelled(t), lineage.false_at(t)
    outline = [withStroke(linewidth=1.6, foreground="black")]
    for number, i in enumerate(ids.tolist(), start=1):
        text = "false" if i in false else ",".join(map(str, labelled.get(i, ())))
        if text:
            ax.text(
                center_x[number], center_y[number], text, color="white", fontsize=6.5, ha="center", va="center",
                path_effects=outline, clip_on=True,
            )  # fmt: skip


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _figure_of(ax: Axes) -> Figure:
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure
