"""What the answer has, as a pin, and what its terms cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nbtrack.data.pins import Pin
from nbtrack.errors import InputError

if TYPE_CHECKING:
    from nbtrack.data.energies import Energies, Solved
    from nbtrack.data.graph import HypothesisGraph
    from nbtrack.data.result import TrackingResult

KINDS = ("object", "link", "division", "appearance", "disappearance")
"""What can be asked about."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One thing about an object that the tracker decided.

    Parameters
    ----------
    pin : Pin
        It, as the answer has it.
    text : str
        What it would be, in a few words.
    energy, off : float
        What it costs if it is so, and if it is not.
    """

    pin: Pin
    text: str
    energy: float
    off: float

    @property
    def used(self) -> bool:
        """Whether the answer has it so."""
        return self.pin.value > 0


def list_parts(result: TrackingResult, t: int, object_id: int) -> list[Part]:
    """List everything that was decided about an object.

    Parameters
    ----------
    result : TrackingResult
        The answer; what was solved must be known.
    t, object_id : int
        The object.

    Returns
    -------
    list of Part
        The object itself, its begin, its end, its division if it may divide, the links that lead here and those that
        leave, the cheaper ones first.

    Raises
    ------
    InputError
        If it is not known how the result was made, or there is no such object.
    """
    solved, energies = known_energies(result)
    pins = {kind: find_pin(result, solved, t, object_id, None, None, kind) for kind in KINDS if kind != "link"}
    objects = energies.objects
    here = objects[(objects["t"] == t) & (objects["object_id"] == object_id)].iloc[0]
    tracked = float(here[f"energy_{max(int(here['count']), 1)}"])
    parts = [
        Part(pin=pins["object"], text="is an object", energy=tracked, off=float(here["energy_0"])),
        Part(pin=pins["appearance"], text="begins a track", energy=float(here["appearance"]), off=0.0),
        Part(pin=pins["disappearance"], text="ends a track", energy=float(here["disappearance"]), off=0.0),
    ]
    pairs = energies.divisions[(energies.divisions["t"] == t) & (energies.divisions["parent_id"] == object_id)]
    if len(pairs):
        best = pairs[pairs["used"]] if pairs["used"].any() else pairs
        row = best.iloc[int(best["energy"].to_numpy().argmin())]
        off = 0.0 if np.isnan(here["no_division"]) else float(here["no_division"])
        children = f"divides into {int(row['child1_id'])} and {int(row['child2_id'])}"
        parts.append(Part(pin=pins["division"], text=children, energy=float(row["energy"]), off=off))
    links = energies.around(t, object_id)
    leads_here = (links["target_t"] == t) & (links["target_id"] == object_id)
    order = np.lexsort((links["energy"] - links["off"], ~leads_here))
    links = links.iloc[order]
    ends = links[["t", "source_id", "target_t", "target_id"]].to_numpy().tolist()
    for (t1, source, t2, target), energy, off in zip(ends, links["energy"], links["off"], strict=True):
        comes = (t2, target) == (t, object_id)
        other, frame = (source, t1) if comes else (target, t2)
        text = f"{'comes from' if comes else 'goes to'} object {other} in frame {frame}"
        pin = find_pin(result, solved, t1, source, target, t2, "link")
        parts.append(Part(pin=pin, text=text, energy=float(energy), off=float(off)))
    return parts


def known_energies(result: TrackingResult) -> tuple[Solved, Energies]:
    """Give what was solved for a result, and its energies.

    Parameters
    ----------
    result : TrackingResult
        The answer.

    Returns
    -------
    tuple of Solved and Energies

    Raises
    ------
    InputError
        If it is not known, or tells of other objects.
    """
    solved, energies = result.solved, result.energies
    if solved is None or energies is None or solved.detections is not result.detections:
        raise InputError(
            "`result` does not know the energies that it was made with. Give a result as `track` returned it, before "
            "its mergers were resolved."
        )
    return solved, energies


def find_pin(
    result: TrackingResult,
    solved: Solved,
    t: int,
    object_id: int,
    target_id: int | None,
    target_t: int | None,
    kind: str | None,
) -> Pin:
    """Say what the answer has, as a pin.

    Parameters
    ----------
    result : TrackingResult
        The answer.
    solved : Solved
        What was solved for it.
    t, object_id, target_id, target_t, kind
        As for `nbtrack.explain`.

    Returns
    -------
    Pin

    Raises
    ------
    InputError
        If there is no such object, or the words do not fit together.
    """
    kind = kind or ("object" if target_id is None else "link")
    if kind not in KINDS:
        raise InputError(f"`kind` must be one of {', '.join(KINDS)}: got {kind!r}.")
    if (kind == "link") != (target_id is not None):
        raise InputError("A link needs `target_id`, and only a link has one.")
    index = _index_of(solved.graph, t, object_id)
    if target_id is not None:
        target_t, target_id = t + 1 if target_t is None else int(target_t), int(target_id)
        if target_t <= t:
            raise InputError(f"A link leads forwards in time: `target_t` must be above {t}, got {target_t}.")
        _index_of(solved.graph, target_t, target_id)
        links = result.links
        used = links[(links["t"] == t) & (links["source_id"] == object_id) & (links["target_id"] == target_id)]
        used = used[used["gap"] == target_t - t]
        return Pin("link", t, object_id, int(used["count"].sum()), target_id=target_id, target_t=target_t)
    solution = solved.solution
    tables = {"object": result.objects[result.objects["count"] > 0], "division": result.divisions}
    if kind in tables:
        column = "parent_id" if kind == "division" else "object_id"
        value = ((tables[kind]["t"] == t) & (tables[kind][column] == object_id)).any()
    else:
        value = (solution.appears if kind == "appearance" else solution.vanishes)[index] > 0
    return Pin(kind, t, object_id, int(value))


def _index_of(graph: HypothesisGraph, t: int, object_id: int) -> int:
    index = graph.index_of(t, object_id)
    if index is None:
        raise InputError(
            f"Object {object_id} in frame {t} is not among the tracked objects. "
            "Check the size range and the field of view."
        )
    return index


# --------------------------------------------------------------------------- what it costs
def list_terms(energies: Energies, pin: Pin) -> pd.DataFrame:
    """List terms and states with their energies.

    Parameters
    ----------
    energies : Energies
        All of them.
    pin : Pin
        What the answer has.

    Returns
    -------
    DataFrame
        term, energy, used.
    """
    rows: list[tuple[str, float, bool]] = []
    if pin.kind == "link":
        links = energies.links
        found = links[(links["t"] == pin.t) & (links["source_id"] == pin.object_id)]
        found = found[(found["target_t"] == pin.target_t) & (found["target_id"] == pin.target_id)]
        rows = _term_rows(found, energies.terms["links"], bool(pin.value))
        rows += [("link not used", float(off), not pin.value) for off in found["off"]]
    elif pin.kind == "division":
        divisions = energies.divisions
        found = divisions[(divisions["t"] == pin.t) & (divisions["parent_id"] == pin.object_id)]
        chosen = found[found["used"]] if found["used"].any() else found
        if len(chosen):
            best = int(chosen["energy"].to_numpy().argmin())
            chosen = chosen.iloc[best : best + 1]
            rows = _term_rows(chosen, energies.terms["divisions"], bool(pin.value))
    if pin.kind == "link":
        return _term_table(rows)
    objects = energies.objects
    here = objects[(objects["t"] == pin.t) & (objects["object_id"] == pin.object_id)].iloc[0]
    if pin.kind == "object":
        counts = [name for name in objects.columns if name.startswith("energy_")]
        rows += [(name, float(here[name]), True) for name in energies.terms["objects"] if here[name]]
        rows += [(_held(k), float(here[name]), bool(here["count"] == k)) for k, name in enumerate(counts)]
    for name, state in (
        ("appearance", here["appears"] > 0),
        ("disappearance", here["vanishes"] > 0),
        ("division", here["divides"]),
        ("no division", not here["divides"]),
    ):
        if pin.kind in ("object", name, name.removeprefix("no ")):
            energy = float(here[name.replace(" ", "_")])
            if np.isfinite(energy) and (name, energy) not in [row[:2] for row in rows]:
                rows.append((name, energy, bool(state)))
    return _term_table(rows)


def _term_rows(found: pd.DataFrame, names: tuple[str, ...], used: bool) -> list[tuple[str, float, bool]]:
    rows = [(name, float(value), used) for name in names for value in found[name] if value]
    return rows + [("energy", float(value), used) for value in found["energy"]]


def _term_table(rows: list[tuple[str, float, bool]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["term", "energy", "used"])


def _held(k: int) -> str:
    return "no object" if k == 0 else f"{k} object{'s' * (k != 1)}"
