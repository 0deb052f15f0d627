"""The first panel: which files, what their axes mean, and whether they fit together."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets
import numpy as np
from ipywidgets import Layout

from nbtrack.errors import InputError
from nbtrack.inputs import KINDS, describe_axes, guess_axes
from nbtrack.io.hdf5 import list_datasets
from nbtrack.rendering.indexed_png import GREYS, encode_indexed_png
from nbtrack.rendering.overlays import auto_contrast, encode_png, flatten_frame, to_uint8
from nbtrack.widgets.controls import small_button
from nbtrack.widgets.panel import Panel, box, caption, row, style_sheet

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.display import Image

    from nbtrack.data.movie import Movie
    from nbtrack.workflow import Workflow

SUFFIXES = (".h5", ".hdf5", ".tif", ".tiff", ".npy", ".npz")
"""Files that are suggested."""
THUMBNAIL = 200
"""Height of a thumbnail in CSS pixels."""
_MEANING = {"t": "time", "z": "slices", "y": "rows", "x": "columns", "c": "channels"}
_MOST_SUGGESTIONS = 300


class InputPanel(Panel):
    """Load the raw images and the prediction map, and see that they fit.

    Parameters
    ----------
    workflow : Workflow
        What is loaded into; ``workflow.load(raw=array)`` shows here as well.

    Attributes
    ----------
    workflow, widget, messages, last_error
        As for all panels.
    """

    def __init__(self, workflow: Workflow) -> None:
        super().__init__(workflow, "Type the path of a file, or choose one of the list, and press Load.")
        guard = self.messages.guard
        self.raw = _Slot(workflow, "raw", guard)
        self.prediction = _Slot(workflow, "prediction", guard)
        self.kind = ipywidgets.Dropdown(
            options=KINDS,
            value=workflow.kind,
            tooltip="Probabilities, an image of 0 and 1, or an image in which each object has a number",
            layout=Layout(flex="1 1 0", width="auto", margin="0"),
        )
        self.scale = ipywidgets.Text(
            placeholder="as the file says",
            continuous_update=False,
            tooltip="One number, or one for each of (z, y, x) with commas between",
            layout=Layout(flex="1 1 0", width="auto", margin="0"),
        )
        self.kind.observe(guard(lambda change: self._set_kind(change["new"])), "value")
        self.scale.observe(guard(lambda change: self._set_scale(change["new"])), "value")
        for slot in (self.raw, self.prediction):
            slot.on_loaded = self._say_next
        self._fit = ipywidgets.HTML(layout=Layout(margin="0"))
        half = {"flex": "1 1 400px", "max_width": "445px"}
        boxes = [
            box("Raw images", *self.raw.rows, row(caption("Pixel size", "92px"), self.scale), self.raw.picture, **half),
            box(
                "Prediction map or segmentation",
                *self.prediction.rows,
                row(caption("Kind of input", "92px"), self.kind),
                self.prediction.picture,
                **half,
            ),
        ]
        pair = ipywidgets.HBox(boxes, layout=Layout(flex_flow="row wrap", grid_gap="10px", margin="0"))
        self.widget.children = [style_sheet(), pair, box("Do they fit?", self._fit), self.messages.widget]
        self._refresh()
        if workflow.notes:
            self.messages.say(" ".join(workflow.notes.values()), "refused")
        elif workflow.inputs:
            self._say_next()

    def __repr__(self) -> str:
        return f"<InputPanel of {self.workflow!r}>"

    def snapshot(self) -> Image:
        """Make a static picture of both middle frames, for pages without a kernel.

        Returns
        -------
        IPython.display.Image
            A PNG; its bytes are in `data`.

        Raises
        ------
        InputError
            If nothing is loaded.
        """
        from IPython.display import Image

        frames = [_thumbnail(slot.movie, slot.channel) for slot in (self.raw, self.prediction) if slot.movie]
        if not frames:
            raise InputError("Nothing is loaded yet, so there is nothing to show. Load a file first.")
        height = max(len(frame) for frame in frames)
        padded = [np.pad(frame, ((0, height - len(frame)), (0, 4)), constant_values=255) for frame in frames]
        return Image(data=encode_png(np.repeat(np.concatenate(padded, axis=1)[..., None], 3, axis=2)))

    # ------------------------------------------------------------------ helpers
    def _set_kind(self, kind: str) -> None:
        if kind != self.workflow.kind:
            self.workflow.load(kind=kind)
            self._say_next()

    def _set_scale(self, text: str) -> None:
        if not text.strip():
            return
        try:
            numbers = tuple(float(part) for part in text.split(","))
        except ValueError as error:
            raise InputError(f"`scale` must be one number or several with commas: got {text!r}.") from error
        self.workflow.load(scale=numbers[0] if len(numbers) == 1 else numbers)
        self._say_next()

    def _say_next(self) -> None:
        """Say what was reached and what to do next."""
        workflow = self.workflow
        if workflow.prediction is None:
            self.messages.say("The raw images are loaded. Now load the prediction map.")
            return
        workflow.check()
        next_step = "Track by hand" if workflow.kind == "labels" else "Threshold"
        if workflow.raw is None:
            self.messages.say("The objects are loaded. Load the raw images too, to see them while you track.")
        else:
            self.messages.say(f"Both are loaded and fit together. Next: {next_step}.")

    def _changed(self, what: str) -> None:
        self._refresh()

    def _refresh(self) -> None:
        """Show what is loaded."""
        for slot in (self.raw, self.prediction):
            slot.refresh()
        self.kind.value = self.workflow.kind
        self._fit.value = self._fit_table()

    def _fit_table(self) -> str:
        """Make the table of both shapes."""
        movies = [self.raw.movie, self.prediction.movie]
        lengths = [dict(zip(m.axes, m.shape, strict=True)) if m else {} for m in movies]
        head = "".join(f"<th>{axis} <i>{_MEANING[axis]}</i></th>" for axis in "tzyxc")
        lines = ""
        for name, found in zip(("Raw images", "Objects"), lengths, strict=True):
            cells = "".join(f"<td>{found.get(axis, 1 if found else '')}</td>" for axis in "tzyxc")
            lines += f"<tr><th>{name}</th>{cells}</tr>"
        cells = "<td>&nbsp;</td>"
        if all(movies):
            signs = ["✓" if lengths[0].get(axis, 1) == lengths[1].get(axis, 1) else "✖" for axis in "tzyx"]
            cells = "".join(f'<td class="nbt-{"fits" if sign == "✓" else "unfit"}">{sign}</td>' for sign in signs)
        lines += f"<tr><th>Fit</th>{cells}</tr>"
        return f'<table class="nbt-fit"><tr><th></th>{head}</tr>{lines}</table>'


class _Slot:
    """The controls of one input."""

    def __init__(self, workflow: Workflow, name: str, guard: Callable[..., Any]) -> None:
        self._workflow, self._name = workflow, name
        self.on_loaded: Callable[[], object] = lambda: None
        self._quiet = False
        self._folder: Path | None = None
        wide = {"flex": "1 1 0", "width": "auto", "min_width": "0", "margin": "0"}
        self.path = ipywidgets.Combobox(
            continuous_update=True, ensure_option=False, placeholder="folder/file.h5", layout=Layout(**wide)
        )
        self.button = small_button("", "Read the file", guard(self.load), text="Load", width="64px")
        self.button.button_style = "primary"
        self.dataset = ipywidgets.Dropdown(layout=Layout(**wide))
        self._dataset_row = row(caption("Dataset", "92px"), self.dataset, display="none")
        self.axes = ipywidgets.Text(
            continuous_update=False,
            disabled=True,
            tooltip="One letter for each dimension of the file: t, z, y, x and c (channel)",
            layout=Layout(width="84px", margin="0", flex="0 0 auto"),
        )
        self._meaning = ipywidgets.HTML(layout=Layout(margin="0", **{"flex": "1 1 0", "min_width": "0"}))
        self._meaning.add_class("nbt-meaning")
        self.picture = ipywidgets.HTML(layout=Layout(height=f"{THUMBNAIL}px", margin="0"))
        self.rows = [
            row(self.path, self.button),
            self._dataset_row,
            row(caption("Axes", "92px"), self.axes, self._meaning),
        ]
        self.path.observe(guard(lambda change: self._suggest(change["new"])), "value")
        self.axes.observe(guard(lambda change: self._read(axes=change["new"])), "value")
        self.dataset.observe(guard(lambda change: self._read(dataset=change["new"])), "value")
        self._suggest("")

    @property
    def movie(self) -> Movie | None:
        """What is loaded."""
        item = self._workflow.inputs.get(self._name)
        return item.movie if item else None

    @property
    def channel(self) -> int:
        """Which channel to show."""
        movie = self.movie
        wanted = self._workflow.params.channel if self._name == "prediction" else 0
        return wanted if movie is not None and wanted < movie.n_channels else 0

    def load(self) -> None:
        """Read the file whose path was typed."""
        self._load(self.path.value.strip())

    def _read(self, *, axes: str | None = None, dataset: str | None = None) -> None:
        """Read the file in another way, because axes or dataset were changed."""
        if self._quiet or not (axes or dataset):
            return
        path = self.path.value.strip()
        if path:
            self._load(path, axes=axes, dataset=dataset or (self.dataset.value if self.dataset.options else None))
        else:  # an array
            self._workflow.load(**{f"{self._name}_axes": axes})
            self.on_loaded()

    def _load(self, path: str, *, axes: str | None = None, dataset: str | None = None) -> None:
        datasets = list_datasets(path) if path else []
        chosen = next((d for d in datasets if d.name == dataset), datasets[0] if len(datasets) == 1 else None)
        self._show_datasets([d.name for d in datasets], dataset)
        if axes is None and chosen is not None:
            axes = chosen.axes or guess_axes(chosen.shape)
            self._show_axes(axes, ", ".join(f"{a} {n}" for a, n in zip(axes, chosen.shape, strict=True)))
        self.axes.disabled = False
        options = {self._name: path, f"{self._name}_axes": axes, f"{self._name}_dataset": dataset}
        self._workflow.load(**options)
        self.on_loaded()

    def refresh(self) -> None:
        """Show what is loaded."""
        item = self._workflow.inputs.get(self._name)
        self.button.button_style = "" if item else "primary"
        if item is None:
            self.picture.value = '<div class="nbt-empty">nothing loaded yet</div>'
            return
        self._quiet = True
        try:
            self.path.value = "" if item.path is None else _short(item.path)
            self.path.tooltip = item.label
            self.path.placeholder = item.label
            if item.path is None:
                self._show_datasets([], None)
            elif item.inside:
                names = list(self.dataset.options) or [d.name for d in list_datasets(item.path)]
                self._show_datasets(names, item.inside)
        finally:
            self._quiet = False
        self._show_axes(item.movie.stored_axes, f"{describe_axes(item.movie)} · {item.movie.dtype}")
        self.axes.disabled = False
        self.picture.value = _picture(item.movie, self.channel, "" if item.path is None else item.path.name)

    def _show_axes(self, axes: str, meaning: str) -> None:
        self._quiet, before = True, self._quiet
        try:
            self.axes.value = axes
        finally:
            self._quiet = before
        self._meaning.value = f"<span>{escape(meaning)}</span>"

    def _show_datasets(self, names: list[str], chosen: str | None) -> None:
        self._quiet, before = True, self._quiet
        try:
            if len(names) > 1:
                self.dataset.options = names
                self.dataset.value = chosen if chosen in names else None
            else:
                self.dataset.options = ()
        finally:
            self._quiet = before
        self._dataset_row.layout.display = "" if len(names) > 1 else "none"

    def _suggest(self, typed: str) -> None:
        """List the files of the folder that is being typed."""
        text = typed if typed.endswith("/") else str(Path(typed).parent) if typed.strip() else "."
        folder = Path(text).expanduser()
        if folder == self._folder:
            return
        self._folder = folder
        try:
            entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
        except OSError:
            entries = []
        found = [str(entry) for entry in entries if entry.suffix.lower() in SUFFIXES]
        found += [f"{entry}/" for entry in entries if entry.is_dir()]
        self.path.options = found[:_MOST_SUGGESTIONS]


def _short(path: Path) -> str:
    """Write a path as seen from the folder of the notebook, if it lies below."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _thumbnail(movie: Movie, channel: int) -> np.ndarray:
    """Make a small grey picture of the middle frame."""
    frame, _ = flatten_frame(movie.frame(len(movie) // 2, channel if "c" in movie.axes else None))
    step = max(1, max(frame.shape) // 500)
    frame = frame[::step, ::step]
    return to_uint8(frame, *auto_contrast([frame]))


def _picture(movie: Movie, channel: int, name: str) -> str:
    """Make the thumbnail as HTML, which keeps its shape in any space; long paths do not show the name above."""
    from base64 import b64encode

    data = b64encode(encode_indexed_png(_thumbnail(movie, channel), GREYS)).decode()
    shown = f", channel {channel}" if movie.n_channels > 1 else ""
    text = escape(f"frame {len(movie) // 2}{shown}" + (f" of {name}" if name else ""))
    return f'<div class="nbt-thumbnail"><img src="data:image/png;base64,{data}" alt="{text}"><i>{text}</i></div>'
