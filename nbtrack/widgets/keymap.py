"""The one table of keys: help texts, tooltips and the keys that the image listens to are made from it.

A key works once the image was clicked. Keys that are not listed are left to the notebook. A name is what the browser
calls the key in lower case, with ``shift+`` and ``ctrl+`` before it (Command counts as Ctrl).
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import Literal


@dataclass(frozen=True)
class Key:
    """One row of the table.

    Parameters
    ----------
    keys : tuple of str
        Keys that do the same; the first is shown.
    action : str
        Name of what happens: a method of the view or of the tracker.
    help : str
        What it does, in a few words.
    where : {"image", "view", "track"}, optional
        Who does it: the image in the browser by itself, any view, or the manual tracker only.
    together : str, optional
        Text of the help table for this row and its neighbours with the same text, which share a line there.
    """

    keys: tuple[str, ...]
    action: str
    help: str
    where: Literal["image", "view", "track"] = "track"
    together: str = ""


KEYS = (
    Key(("s",), "new_track", "start a new track"),
    Key(("q",), "next_track", "next track id", together="next, previous track id"),
    Key(("a",), "previous_track", "previous track id", together="next, previous track id"),
    Key(("f",), "mark_false", "mark a false detection"),
    Key(("g",), "next_object", "next unlabeled object"),
    Key(("z", "ctrl+z"), "undo", "undo", together="undo, redo"),
    Key(("shift+z", "ctrl+shift+z", "ctrl+y"), "redo", "redo", together="undo, redo"),
    Key(("e",), "toggle_tracks", "tracks on or off", "view", "tracks, objects on or off"),
    Key(("r",), "toggle_objects", "objects on or off", "view", "tracks, objects on or off"),
    Key(("ArrowLeft",), "previous", "previous frame", "image", "previous, next frame"),
    Key(("ArrowRight",), "next", "next frame", "image", "previous, next frame"),
    Key((" ",), "play", "play or pause", "image"),
    Key(("+", "="), "zoom_in", "zoom in", "image", "zoom in, out, fit"),
    Key(("-",), "zoom_out", "zoom out", "image", "zoom in, out, fit"),
    Key(("0",), "fit", "show the whole image", "image", "zoom in, out, fit"),
)

MOUSE = (
    ("Click", "give to the active track"),
    ("Shift + click", "make its track active"),
    ("Right click", "tell its tracks"),
    ("Shift + wheel", "go through time"),
    ("Ctrl + wheel", "zoom"),
    ("Drag", "move the zoomed image"),
)
"""What the mouse does, for the help table; the first three are for the manual tracker."""

_NAMES = {" ": "Space", "ArrowRight": "→", "ArrowLeft": "←"}


def image_keys() -> dict[str, str]:
    """Map the keys that the image handles by itself to what they do."""
    return {name: key.action for key in KEYS if key.where == "image" for name in key.keys}


def kernel_keys(*, tracker: bool) -> dict[str, str]:
    """Map the keys that are sent to the kernel to what they do.

    Parameters
    ----------
    tracker : bool
        With the keys of the manual tracker.

    Returns
    -------
    dict of str
    """
    wanted = ("view", "track") if tracker else ("view",)
    return {name: key.action for key in KEYS if key.where in wanted for name in key.keys}


def key_of(action: str) -> str:
    """Tell the key of an action as people read it.

    Parameters
    ----------
    action : str
        For example ``"redo"``.

    Returns
    -------
    str
        For example ``"Shift+z"``.
    """
    return next(_shown(key.keys[0]) for key in KEYS if key.action == action)


def help_table(*, tracker: bool = True) -> str:
    """Make the table of keys as HTML.

    Parameters
    ----------
    tracker : bool, optional
        With the keys of the manual tracker.

    Returns
    -------
    str
    """
    lines: list[tuple[str, str]] = [(escape(text), help) for text, help in (MOUSE if tracker else MOUSE[3:])]
    shown = [key for key in KEYS if tracker or key.where != "track"]
    for help, keys in groupby(shown, key=lambda key: key.together or key.help):
        lines.append((" ".join(f"<kbd>{escape(_shown(key.keys[0]))}</kbd>" for key in keys), help))
    cells = "".join(f"<tr><td>{keys}</td><td>{escape(help)}</td></tr>" for keys, help in lines)
    return f'<table class="nbt-keys">{cells}</table>'


def _shown(name: str) -> str:
    return _NAMES.get(name, name.replace("shift+", "Shift+").replace("ctrl+", "Ctrl+"))
