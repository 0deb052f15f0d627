"""Export: what, where to, and what was written."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets
from ipywidgets import Layout

from nbtrack.errors import InputError
from nbtrack.io.atomic import TargetExists
from nbtrack.io.registry import write
from nbtrack.widgets.panel import bring_style

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class ExportKind:
    """One thing that can be exported.

    Parameters
    ----------
    text : str
        What it is, as the list says.
    format : str
        Name of its writer.
    name : str
        Name of the file or folder to begin with.
    hint : str
        What will be written.
    options : dict
        Options of the writer.
    """

    text: str
    format: str
    name: str
    hint: str
    options: dict[str, Any] = field(default_factory=dict)


_IMAGE = "One TIFF file; end the name with .h5 for HDF5."
KINDS = {
    "lineages": ExportKind("Track image by lineage", "labels", "lineages.tif", _IMAGE, {"by": "lineage"}),
    "tracks": ExportKind("Track image by track", "labels", "tracks.tif", _IMAGE, {"by": "track"}),
    "divisions": ExportKind(
        "Divisions as csv", "divisions-csv", "divisions.csv", "Last frame and track of each parent, its two children."
    ),
    "mergers": ExportKind(
        "Mergers as csv", "mergers-csv", "mergers.csv", "Frame and object of each merger, and all its tracks."
    ),
    "events": ExportKind(
        "Events as HDF5, a file per frame", "events-h5", "events", "A folder: labels, moves, splits and the like."
    ),
    "objects": ExportKind("Label image of the objects", "labels", "objects.tif", _IMAGE, {"by": "object"}),
    "table": ExportKind("Table of all objects as csv", "csv", "table.csv", "A row per object and track, and its size."),
    "ctc": ExportKind("Cell Tracking Challenge", "ctc", "01_RES", "A folder: masks and res_track.txt."),
    "pictures": ExportKind("Pictures as PNG", "png", "pictures", "A folder: tracks over the movie, for slides."),
}
"""What can be exported, by the name that `ExportBox.export` takes."""


class ExportBox:
    """Choose what to export and where to, and say what was written.

    Parameters
    ----------
    session_or_result : Session or TrackingResult
        What to export, as it stands when the button is pressed.
    guard : callable
        Wraps handlers, see `nbtrack.widgets.messages.Messages.guard`.
    say : callable
        Called with a sentence, and with the kind "done" or "refused".
    folder : str or Path, optional
        Where relative names begin.
    styled : bool, optional
        Whether it brings the style sheet along; a workbench has it already.

    Attributes
    ----------
    widget : ipywidgets.VBox
        The box.
    kind : ipywidgets.Dropdown
        What to export.
    path : ipywidgets.Text
        Where to.
    button, replace_button : ipywidgets.Button
        Export, and replace what is there.
    """

    def __init__(
        self,
        session_or_result: Any,
        *,
        guard: Callable[..., Any],
        say: Callable[..., Any],
        folder: str | Path = ".",
        styled: bool = True,
    ) -> None:
        self.source = session_or_result
        self.folder = Path(folder)
        self._say = say
        self.kind = ipywidgets.Dropdown(
            options=[(kind.text, name) for name, kind in KINDS.items()],
            tooltip="What to export", layout=Layout(flex="1 1 216px", width="auto", margin="0"),
        )  # fmt: skip
        self.path = ipywidgets.Text(
            tooltip="File or folder; where to", continuous_update=True,
            layout=Layout(flex="1 1 150px", width="auto", margin="0"),
        )  # fmt: skip
        button = Layout(width="auto", margin="0", flex="0 0 auto")
        self.button = ipywidgets.Button(
            description="Export", tooltip="Write the file or folder", button_style="primary", layout=button
        )
        self.replace_button = ipywidgets.Button(
            description="Replace it", tooltip="Replace the earlier export", button_style="warning",
            layout=Layout(width="auto", margin="0", flex="0 0 auto", display="none"),
        )  # fmt: skip
        self._line = ipywidgets.HTML(layout=Layout(margin="0", width="auto"))
        row = ipywidgets.HBox([self.kind, self.path, self.button, self.replace_button])
        row.add_class("nbt-export-row")
        self.widget = ipywidgets.VBox([row, self._line])
        self.widget.add_class("nbt-export")
        if styled:
            bring_style(self.widget)
        self.kind.observe(guard(self._choose), "value")
        self.path.observe(guard(lambda _: self._reset()), "value")
        self.button.on_click(guard(lambda _: self._press(overwrite=False)))
        self.replace_button.on_click(guard(lambda _: self._press(overwrite=True)))
        self.path.value = self.default_name(self.kind.value)

    def default_name(self, kind: str) -> str:
        """Suggest a name.

        Parameters
        ----------
        kind : str
            One of `KINDS`.

        Returns
        -------
        str
            It begins with the name of the movie's file, if there is one.
        """
        file = getattr(getattr(self.source, "movie", None), "source", None)
        return f"{file.stem}_{KINDS[kind].name}" if isinstance(file, Path) else KINDS[kind].name

    def export(self, kind: str, path: str | Path | None = None, overwrite: bool = False) -> Path:
        """Export, as the button does.

        Parameters
        ----------
        kind : {"lineages", "tracks", "divisions", "mergers", "events", "objects", "table", "ctc", "pictures"}
            What to export.
        path : str or Path, optional
            File or folder, relative to `folder`; the suggested name if not given.
        overwrite : bool, optional
            Replace an earlier export.

        Returns
        -------
        Path
            The file or folder that was written.

        Raises
        ------
        InputError
            If there is no such kind, the target exists, or it could not be written; what was there stays as it was.
        """
        if kind not in KINDS:
            raise InputError(f"`kind` is {kind!r}, but must be one of: {', '.join(KINDS)}.")
        name = str(self.default_name(kind) if path is None else path).strip()
        if not name:
            raise InputError("`path` is empty. Type the name of the file or folder to write.")
        target = self.folder / Path(name).expanduser()
        chosen = KINDS[kind]
        options = dict(chosen.options)
        if chosen.format == "png":
            options["raw"] = getattr(self.source, "movie", None) is not None
        written = write(self.source, target, chosen.format, overwrite, **options)
        if written[0].parent == target:
            what = f"{len(written)} files ({_size_text(written)}) into the folder {target}"
        else:
            target = written[0]
            what = f"{target} ({_size_text(written)})"
        self._tell(f"Wrote {what}.", "done")
        return target

    # ------------------------------------------------------------------ the form
    def _press(self, *, overwrite: bool) -> None:
        self._reset()
        self._set_busy(True)
        try:
            self.export(self.kind.value, self.path.value, overwrite)
        except TargetExists:
            self._tell(f"{self.path.value.strip()} exists already. Choose another name, or replace it.", "refused")
            self.replace_button.layout.display = ""
        except InputError as error:
            self._show(str(error), "refused")
            raise
        finally:
            self._set_busy(False)

    def _choose(self, change: dict[str, Any]) -> None:
        """Suggest the name of the kind, in the folder that was typed."""
        typed = Path(self.path.value)
        self.path.value = str(typed.parent / self.default_name(change["new"]))
        self._reset()

    def _reset(self) -> None:
        self.replace_button.layout.display = "none"
        self._show(KINDS[self.kind.value].hint, "hint")

    def _set_busy(self, busy: bool) -> None:
        self.button.disabled = self.replace_button.disabled = busy
        self.kind.disabled = self.path.disabled = busy
        self.button.description = "Exporting…" if busy else "Export"

    def _tell(self, text: str, kind: str) -> None:
        self._show(text, kind)
        self._say(text, kind)

    def _show(self, text: str, kind: str) -> None:
        self._line.value = f'<div class="nbt-export-line nbt-export-{kind}">{escape(text)}</div>'


def _size_text(files: list[Path]) -> str:
    size, units = float(sum(file.stat().st_size for file in files)), ["GB", "MB", "kB", "bytes"]
    while size >= 1000 and len(units) > 1:
        size /= 1000
        units.pop()
    return f"{size:.1f} {units[-1]}" if size < 10 and units[-1] != "bytes" else f"{size:.0f} {units[-1]}"
