"""The one table of keys: help texts, tooltips and the keys that the image listens to are made from it.

A key works once the image was clicked. Keys that are not listed are left to the notebook. A name is what the browser
calls the key in lower case, with ``shift+`` and ``ctrl+`` before it (Command counts as Ctrl).
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import Literal, get_args

Group = Literal["Tracks", "Labels", "Decide", "Repair", "View", "Correct", "Go"]
Panel = Literal["view", "track", "classify", "review"]
"""Who listens to keys: any view, the manual tracker, the labelling of objects, the proofreader."""


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
    group : {"Tracks", "Labels", "Decide", "Repair", "View", "Correct", "Go"}
        Where it stands in the help.
    where : {"image", "view", "track", "classify", "review"}, optional
        Who does it: the image in the browser by itself, any view, or only the manual tracker, the labelling, or the
        proofreader.
    together : str, optional
        Text of the help table for this row and its neighbours with the same text, which share a line there.
    told : str, optional
        What the manual tracker does as well when the image has done it.
    """

    keys: tuple[str, ...]
    action: str
    help: str
    group: Group
    where: Literal["image", "view", "track", "classify", "review"] = "track"
    together: str = ""
    told: str = ""


KEYS = (
    Key(("s",), "new_track", "start a new track", "Tracks"),
    Key(("d",), "division", "division, by three clicks", "Tracks"),
    Key(("f",), "mark_false", "mark a false detection", "Tracks", together="false detection, even in a track"),
    Key(("shift+f",), "mark_false_anyway", "even in a track", "Tracks", together="false detection, even in a track"),
    Key(("g",), "next_object", "next unlabeled object", "Tracks"),
    Key(("w",), "follow", "follow from here", "Tracks"),
    Key(("o",), "auto_follow", "auto-follow on or off", "Tracks"),
    Key(("1",), "candidate_1", "take candidate 1", "Tracks", together="take a candidate"),
    Key(("2",), "candidate_2", "take candidate 2", "Tracks", together="take a candidate"),
    Key(("3",), "candidate_3", "take candidate 3", "Tracks", together="take a candidate"),
    Key(("4",), "candidate_4", "take candidate 4", "Tracks", together="take a candidate"),
    Key(("q",), "next_track", "next track id", "Tracks", together="next, previous track id"),
    Key(("a",), "previous_track", "previous track id", "Tracks", together="next, previous track id"),
    Key(("z", "ctrl+z"), "undo", "undo", "Correct", together="undo, redo"),
    Key(("shift+z", "ctrl+shift+z", "ctrl+y"), "redo", "redo", "Correct", together="undo, redo"),
    Key(("l",), "continue_track", "active track goes on here", "Correct"),
    Key(("u",), "cut_track", "cut the track before it", "Correct"),
    Key(("x",), "swap_at", "swap with the active track", "Correct"),
    Key(("shift+d",), "divide_at", "it is the second daughter", "Correct"),
    Key(("Delete", "Backspace"), "remove", "take it from its track", "Correct"),
    Key(("Escape",), "cancel", "leave a mode, close a menu", "Correct"),
    Key(("ArrowLeft",), "previous", "previous frame", "Go", "image", "a frame back, forth", "walk_back"),
    Key(("ArrowRight",), "next", "next frame", "Go", "image", "a frame back, forth", "walk_forth"),
    Key(("ArrowUp",), "walk_up", "sister, or track before", "Go", together="sister, or another track"),
    Key(("ArrowDown",), "walk_down", "sister, or track after", "Go", together="sister, or another track"),
    Key(("Home",), "walk_home", "first frame of the track", "Go", together="ends of the track"),
    Key(("End",), "walk_end", "last frame of the track", "Go", together="ends of the track"),
    Key((" ",), "play", "play or pause", "Go", "image"),
    Key(("PageUp",), "slice_up", "slice above", "Go", "image", "slice above, below"),
    Key(("PageDown",), "slice_down", "slice below", "Go", "image", "slice above, below"),
    Key(("e",), "toggle_tracks", "tracks on or off", "View", "view", "tracks, objects on or off"),
    Key(("r",), "toggle_objects", "objects on or off", "View", "view", "tracks, objects on or off"),
    Key(("+", "="), "zoom_in", "zoom in", "View", "image", "zoom in, out, fit"),
    Key(("-",), "zoom_out", "zoom out", "View", "image", "zoom in, out, fit"),
    Key(("0",), "fit", "show the whole image", "View", "image", "zoom in, out, fit"),
    Key(("?",), "help", "show or hide this table", "View"),
    Key(("f",), "label_0", "false detection", "Labels", "classify"),
    Key(("1",), "label_1", "one object", "Labels", "classify", "one, two, three, four objects"),
    Key(("2",), "label_2", "two objects", "Labels", "classify", "one, two, three, four objects"),
    Key(("3",), "label_3", "three objects", "Labels", "classify", "one, two, three, four objects"),
    Key(("4",), "label_4", "four objects", "Labels", "classify", "one, two, three, four objects"),
    Key(("d",), "label_dividing", "dividing after this frame", "Labels", "classify"),
    Key(("n",), "label_not_dividing", "not dividing", "Labels", "classify"),
    Key(("Delete", "Backspace"), "unlabel", "take the label back", "Labels", "classify"),
    Key(("g",), "most_uncertain", "go to the most uncertain object", "Labels", "classify"),
    Key(("z", "ctrl+z"), "undo_label", "undo", "Correct", "classify", "undo, redo"),
    Key(("shift+z", "ctrl+shift+z", "ctrl+y"), "redo_label", "redo", "Correct", "classify", "undo, redo"),
    Key(("Escape",), "close_menu", "close the menu", "Correct", "classify"),
    Key(("?",), "help", "show or hide this table", "View", "classify"),
    Key(("Enter",), "accept", "it is right; in a repair: do it", "Decide", "review"),
    Key(("1",), "choose_1", "alternative 1", "Decide", "review", "an alternative is right"),
    Key(("2",), "choose_2", "alternative 2", "Decide", "review", "an alternative is right"),
    Key(("3",), "choose_3", "alternative 3", "Decide", "review", "an alternative is right"),
    Key(("4",), "choose_4", "alternative 4", "Decide", "review", "an alternative is right"),
    Key(("f",), "mark_false", "it is a false detection", "Decide", "review"),
    Key(("x",), "end_here", "its track ends here", "Decide", "review"),
    Key(("d",), "divide", "it divides; click daughters", "Decide", "review"),
    Key(("n",), "skip", "ask later", "Decide", "review", "ask later, go back"),
    Key(("b",), "back", "back to the last question", "Decide", "review", "ask later, go back"),
    Key(("s",), "split", "split an object by clicked seeds", "Repair", "review"),
    Key(("m",), "merge", "merge clicked objects", "Repair", "review"),
    Key(("Delete",), "delete", "delete what the mouse is on", "Repair", "review"),
    Key(("a",), "add", "add a missed object by a click", "Repair", "review"),
    Key(("p",), "paint", "brush: paint an object", "Repair", "review", "brush: paint, erase"),
    Key(("shift+p",), "erase", "brush: take pixels away", "Repair", "review", "brush: paint, erase"),
    Key(("[",), "thinner", "thinner brush", "Repair", "review", "thinner, thicker brush"),
    Key(("]",), "thicker", "thicker brush", "Repair", "review", "thinner, thicker brush"),
    Key(("Backspace",), "take_back", "take the last click back", "Repair", "review"),
    Key(("z", "ctrl+z"), "undo", "undo", "Correct", "review", "undo, redo"),
    Key(("shift+z", "ctrl+shift+z", "ctrl+y"), "redo", "redo", "Correct", "review", "undo, redo"),
    Key(("Escape",), "cancel", "leave a repair or a division", "Correct", "review"),
    Key(("?",), "help", "show or hide this table", "View", "review"),
)

MOUSE: tuple[tuple[str, str, Group, Panel], ...] = (
    ("Click", "give to the active track", "Tracks", "track"),
    ("Shift + click", "make its track active", "Tracks", "track"),
    ("Right click", "menu of the object", "Correct", "track"),
    ("Click", "give the chosen label", "Labels", "classify"),
    ("Right click", "menu of labels", "Labels", "classify"),
    ("Click", "ask about the object", "Decide", "review"),
    ("Click, next frame", "it goes on there", "Decide", "review"),
    ("Shift + click", "it goes on there, later", "Decide", "review"),
    ("Shift + wheel", "go through time", "Go", "view"),
    ("Ctrl + wheel", "zoom", "View", "view"),
    ("Drag", "move the zoomed image", "View", "view"),
)
"""What the mouse does, for the help table, and where."""

_NAMES = {
    " ": "Space",
    "ArrowRight": "→",
    "ArrowLeft": "←",
    "ArrowUp": "↑",
    "ArrowDown": "↓",
    "Escape": "Esc",
    "Delete": "Del",
    "PageUp": "PgUp",
    "PageDown": "PgDn",
}


def image_keys() -> dict[str, str]:
    """Map the keys that the image handles by itself to what they do."""
    return {name: key.action for key in KEYS if key.where == "image" for name in key.keys}


def kernel_keys(panel: Panel = "view") -> dict[str, str]:
    """Map the keys that are sent to the kernel to what they do.

    Parameters
    ----------
    panel : {"view", "track", "classify", "review"}, optional
        Whose keys; some of the manual tracker's the image has handled already.

    Returns
    -------
    dict of str
    """
    views = {name: key.action for key in KEYS if key.where == "view" for name in key.keys}
    told = {name: key.told for key in KEYS if key.told for name in key.keys} if panel == "track" else {}
    return views | told | {name: key.action for key in KEYS if key.where == panel for name in key.keys}


def key_of(action: str, panel: Panel | None = None) -> str:
    """Tell the key of an action as people read it.

    Parameters
    ----------
    action : str
        For example ``"redo"``.
    panel : {"view", "track", "classify", "review"}, optional
        Whose key; the first in the table if not given.

    Returns
    -------
    str
        For example ``"Shift+z"``.
    """
    return next(_shown(key.keys[0]) for key in KEYS if key.action == action and panel in (None, key.where))


def help_table(panel: Panel = "track") -> str:
    """Make the table of keys and mouse as HTML, a part for each group.

    Parameters
    ----------
    panel : {"view", "track", "classify", "review"}, optional
        Whose keys.

    Returns
    -------
    str
    """
    parts = []
    for group in get_args(Group):
        lines = [(escape(text), help) for text, help, place, who in MOUSE if place == group and who in ("view", panel)]
        shown = [key for key in KEYS if key.group == group and key.where in ("image", "view", panel)]
        for help, keys in groupby(shown, key=lambda key: key.together or key.help):
            lines.append((" ".join(f"<kbd>{escape(_shown(key.keys[0]))}</kbd>" for key in keys), help))
        cells = "".join(f"<tr><td>{keys}</td><td>{escape(help)}</td></tr>" for keys, help in lines)
        if lines:
            parts.append(f'<table class="nbt-keys"><caption>{group}</caption>{cells}</table>')
    return "".join(parts)


def _shown(name: str) -> str:
    return _NAMES.get(name, name.replace("shift+", "Shift+").replace("ctrl+", "Ctrl+"))
