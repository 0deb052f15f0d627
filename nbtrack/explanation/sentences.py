"""What another answer would cost and change, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from nbtrack.comparison.table import Comparison
    from nbtrack.data.pins import Pin

_SENTENCES = {
    ("object", "a"): "object {i} in frame {t} would be missing",
    ("object", "b"): "object {i} in frame {t} would be there",
    ("false_detection", "a"): "object {i} in frame {t} would be tracked",
    ("false_detection", "b"): "object {i} in frame {t} would be a false detection",
    ("count", "a"): "object {i} in frame {t} would hold fewer tracks",
    ("count", "b"): "object {i} in frame {t} would hold more tracks",
    ("division", "a"): "object {i} would not divide after frame {t}",
    ("division", "b"): "object {i} would divide after frame {t} into objects {j} and {k}",
    ("daughters", "b"): "object {i} would divide after frame {t} into objects {j} and {k} instead",
    ("link", "a"): "object {i} in frame {t} would not go to object {j} in frame {u}",
    ("link", "b"): "object {i} in frame {t} would go to object {j} in frame {u}",
    ("appearance", "a"): "no track would begin with object {i} in frame {t}",
    ("appearance", "b"): "a track would begin with object {i} in frame {t}",
    ("disappearance", "a"): "no track would end with object {i} in frame {t}",
    ("disappearance", "b"): "a track would end with object {i} in frame {t}",
    ("identity", "b"): "object {i} in frame {t} would leave a merger as object {j} in frame {u}",
}


def condition(pin: Pin, opposite: Pin) -> str:
    """Begin a sentence with what is otherwise.

    Parameters
    ----------
    pin, opposite : Pin
        What the answer has, and what the other one has.

    Returns
    -------
    str
    """
    if pin.kind == "link":
        return "With this link" if opposite.value else "Without this link"
    where = f"object {pin.object_id} in frame {pin.t}"
    if pin.kind == "object":
        return f"If {where} were {'tracked' if opposite.value else 'a false detection'},"
    verb = {"division": "divided", "appearance": "started a track", "disappearance": "ended a track"}[pin.kind]
    if opposite.value:
        return f"If {where} {verb},"
    verb = {"division": "divide", "appearance": "start a track", "disappearance": "end a track"}[pin.kind]
    return f"If {where} did not {verb},"


def consequences(changes: Comparison, opposite: Pin) -> list[str]:
    """Say what would change, the nearest in time first; what was asked for is not said again.

    Parameters
    ----------
    changes : Comparison
        The answer and another one.
    opposite : Pin
        What was asked for.

    Returns
    -------
    list of str
        Parts of a sentence. That links are lost is told only where nothing else is.
    """
    table = changes.table
    if not len(table):
        return []
    order = np.lexsort((table["side"] == "a", (table["t"] - opposite.t).abs()))
    said: dict[str, list[str]] = {"a": [], "b": []}
    for row in table.iloc[order].itertuples():
        text = _SENTENCES.get((str(row.kind), str(row.side)))
        if text is None or _is_asked(row, opposite):
            continue
        said[str(row.side)].append(
            text.format(t=row.t, i=row.object_id, j=row.target_id, k=row.second_id, u=row.target_t)
        )
    lost_links = [s for s in said["a"] if "would not go to" in s]
    kept = [s for s in said["a"] if s not in lost_links]
    return said["b"] + kept if said["b"] or kept else lost_links


def _is_asked(row: Any, opposite: Pin) -> bool:
    """Tell whether a difference is the one that was asked for."""
    if (row.t, row.object_id) != (opposite.t, opposite.object_id):
        return False
    if opposite.kind == "object":
        return str(row.kind) == "false_detection"
    if opposite.kind == "link":
        return str(row.kind) == "link" and (row.target_t, row.target_id) == (opposite.target_t, opposite.target_id)
    return str(row.kind) == opposite.kind
