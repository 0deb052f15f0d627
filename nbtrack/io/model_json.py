"""Model files: the JSON of multi-hypotheses tracking, as written by several conservation-tracking programs.

A model lists detections, links, named divisions and exclusions; each state of each variable has a list of features,
and a list of weights turns features into energies. All keys of the format are read; ``//`` and ``/* */`` comments and
trailing commas are allowed. The model may stand alone or beside its weights in one file. One key is our own:
``mergeHypotheses``, each with two ``sources``, a ``target`` and ``features``; their weights come last.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nbtrack.data.convex import convexify as make_convex
from nbtrack.data.problem import Problem
from nbtrack.errors import InputError
from nbtrack.io.atomic import atomic_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbtrack.data.problem import Solution
    from nbtrack.data.result import SolveReport

BLOCKS = ("link", "detection", "division", "appearance", "disappearance", "external division", "merge")
"""Order of the weights; a block without features has none."""

_SKIPPED = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_TRAILING_COMMA = re.compile(r'("(?:\\.|[^"\\])*")|,(?=\s*[\]}])', re.DOTALL)


@dataclass(frozen=True)
class ModelFile:
    """A model that was read.

    Parameters
    ----------
    problem : Problem
        Energies of all states, convexified if that was asked for.
    raw_problem : Problem
        The energies as they stand in the file.
    weights : tuple of float
        The weights that were used.
    settings : dict
        The settings of the file, with the format's defaults for those that are missing.
    """

    problem: Problem
    raw_problem: Problem
    weights: tuple[float, ...]
    settings: dict[str, Any]


DEFAULTS = {
    "statesShareWeights": False,
    "allowPartialMergerAppearance": True,
    "allowLengthOneTracks": False,
    "requireSeparateChildrenOfDivision": False,
    "optimizerEpGap": 0.01,
    "optimizerVerbose": True,
    "optimizerNumThreads": 1,
    "nonNegativeWeightsOnly": False,
}
"""What a missing setting means."""


def read_model(
    path: str | Path,
    *,
    weights: str | Path | Sequence[float] | None = None,
    case: str | None = None,
    convexify: bool = False,
) -> ModelFile:
    """Read a model and its weights.

    Parameters
    ----------
    path : str or Path
        The model, alone or with its weights; a file of several named cases needs `case`.
    weights : str, Path or sequence of float, optional
        A file with weights, or the weights. Overrides those of the model's file; all 1 if there are none anywhere.
    case : str, optional
        Name of the case in a file of several.
    convexify : bool, optional
        Whether to make the features convex in the number of objects.

    Returns
    -------
    ModelFile

    Raises
    ------
    InputError
        If a file is missing or broken, an id is unknown or doubled, or the weights do not fit the features.
    """
    document = _choose(_load(path), case, path)
    given = weights
    if given is None:
        given = document.get("weights")
    elif isinstance(given, (str, Path)):
        loaded = _load(given)
        given = loaded.get("weights") if isinstance(loaded, dict) else loaded
        if given is None:
            raise InputError(f'`weights`: {weights} has no list "weights". Give a file with one.')
    model = document.get("model", document)
    if not isinstance(model, dict) or "segmentationHypotheses" not in model:
        raise InputError(f'{path} is not a tracking model: it has no "segmentationHypotheses".')
    return _parse(model, given, convexify)


def write_solution(
    path: str | Path, model: ModelFile, solution: Solution, report: SolveReport, *, overwrite: bool = False
) -> None:
    """Write a solution in the result format: detections, links and divisions with their values.

    Parameters
    ----------
    path : str or Path
        The file to write.
    model : ModelFile
        What was solved.
    solution : Solution
        A state for every variable.
    report : SolveReport
        Energy, bound and gap are written along.
    overwrite : bool, optional
        Whether an existing file may be replaced.

    Raises
    ------
    InputError
        If the file exists and may not be replaced.
    """
    p = model.problem
    name = p.name_of
    divisions: list[dict[str, Any]] = [
        {"id": name(i), "value": bool(solution.divides[i])} for i in np.flatnonzero(p.divides).tolist()
    ]
    for i, used in enumerate(solution.external.tolist()):
        children = [name(child) for child in p.external_children[i].tolist()]
        divisions.append({"parent": name(int(p.external_parent[i])), "children": children, "value": used})
    merges = [
        {"sources": [name(int(i)) for i in sources], "target": name(int(target)), "value": used}
        for sources, target, used in zip(p.merge_sources, p.merge_target, solution.merges.tolist(), strict=True)
    ]
    content = {
        "detectionResults": [{"id": name(i), "value": int(k)} for i, k in enumerate(solution.count)],
        "linkingResults": [
            {"src": name(int(p.source[i])), "dest": name(int(p.target[i])), "value": int(k)}
            for i, k in enumerate(solution.flow)
        ],
        "divisionResults": divisions or None,
        **({"mergeResults": merges} if merges else {}),
        "resultEnergy": report.objective,
        "bound": report.bound,
        "gap": report.gap,
        "status": report.status,
        "solver": report.solver,
        "weights": list(model.weights),
    }
    with atomic_path(Path(path), overwrite=overwrite) as temporary:
        Path(temporary).write_text(json.dumps(content, indent=1), encoding="utf-8")


# --------------------------------------------------------------------------- reading
def _load(path: str | Path) -> Any:
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"Cannot read {path}: {error}. Give the path of a model in JSON.") from error
    text = _SKIPPED.sub(lambda m: m[0] if m[0].startswith('"') else " ", text)
    text = _TRAILING_COMMA.sub(lambda m: m[1] or "", text)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{path} is not valid JSON: {error}. The file may be cut off.") from error


def _choose(document: Any, case: str | None, path: str | Path) -> dict[str, Any]:
    """Pick the case of a file of several."""
    if not isinstance(document, dict):
        raise InputError(f"{path} is not a tracking model: its top level is no JSON object.")
    if "segmentationHypotheses" in document or "model" in document:
        return document
    cases = [n for n, c in document.items() if isinstance(c, dict) and ("model" in c or "segmentationHypotheses" in c)]
    if case is None and len(cases) == 1:
        case = cases[0]
    if cases and case not in cases:
        raise InputError(f"{path} holds several models: give `case`, one of {', '.join(cases)}; got {case!r}.")
    return dict(document[case]) if cases and case is not None else document


def _parse(model: dict[str, Any], weights: Any, convexify: bool) -> ModelFile:
    settings = {**DEFAULTS, **(model.get("settings") or {})}
    detections = model["segmentationHypotheses"]
    ids = [_get(d, "id", "a detection") for d in detections]
    index = {name: i for i, name in enumerate(ids)}
    if len(index) != len(ids):
        doubled = next(name for i, name in enumerate(ids) if index[name] != i)
        raise InputError(f"The model has two detections with the id {doubled!r}. Ids must be unique.")

    def find(name: Any, where: str) -> int:
        if name not in index:
            raise InputError(f"The model has no detection with the id {name!r}, named by {where}.")
        return index[name]

    links = model.get("linkingHypotheses") or []
    named = model.get("divisions") or model.get("divisionHypotheses") or []
    merges = model.get("mergeHypotheses") or []
    features = {
        "link": [_get(v, "features", "a link") for v in links],
        "detection": [_get(d, "features", f"detection {d['id']!r}") for d in detections],
        "division": [d.get("divisionFeatures") for d in detections],
        "appearance": [d.get("appearanceFeatures") for d in detections],
        "disappearance": [d.get("disappearanceFeatures") for d in detections],
        "external division": [_get(d, "features", "a division") for d in named],
        "merge": [_get(g, "features", "a merge") for g in merges],
    }
    shared = bool(settings["statesShareWeights"])
    split = _split_weights(weights, features, shared)

    def problem(convex: bool) -> Problem:
        energy, capacity = {}, {}
        for block in BLOCKS:
            bend = convex and block in ("link", "detection", "appearance", "disappearance")
            energy[block], capacity[block] = _energies(features[block], split[block], shared, bend, block)
        children = [[find(c, "a division") for c in _get(d, "children", "a division")] for d in named]
        if any(len(set(pair)) != 2 for pair in children):
            raise InputError("A division of the model does not have two different children.")
        sources = [[find(s, "a merge") for s in _get(g, "sources", "a merge")] for g in merges]
        if any(len(set(pair)) != 2 for pair in sources):
            raise InputError("A merge of the model does not have two different sources.")
        return Problem(
            detection=energy["detection"],
            capacity=capacity["detection"],
            source=np.array([find(_get(v, "src", "a link"), "a link") for v in links], np.int64),
            target=np.array([find(_get(v, "dest", "a link"), "a link") for v in links], np.int64),
            link=energy["link"],
            link_capacity=capacity["link"],
            appearance=energy["appearance"],
            appearance_capacity=capacity["appearance"],
            disappearance=energy["disappearance"],
            disappearance_capacity=capacity["disappearance"],
            division=energy["division"][:, :2],
            divides=capacity["division"] > 0,
            external_parent=np.array([find(_get(d, "parent", "a division"), "a division") for d in named], np.int64),
            external_children=np.array(children, np.int64).reshape(-1, 2),
            external=energy["external division"][:, :2],
            merge_target=np.array([find(_get(g, "target", "a merge"), "a merge") for g in merges], np.int64),
            merge_sources=np.array(sources, np.int64).reshape(-1, 2),
            merge=energy["merge"][:, :2],
            exclusions=tuple(
                np.unique([find(i, "an exclusion") for i in members]).astype(np.int64)
                for members in model.get("exclusions") or []
            ),
            partial_appearance=bool(settings["allowPartialMergerAppearance"]),
            one_frame_tracks=bool(settings["allowLengthOneTracks"]),
            separate_children=bool(settings["requireSeparateChildrenOfDivision"]),
            names=tuple(ids),
        )

    raw = problem(False)
    used = tuple(float(w) for block in BLOCKS for w in split[block])
    return ModelFile(problem(True) if convexify else raw, raw, used, settings)


def _split_weights(weights: Any, features: dict[str, list[Any]], shared: bool) -> dict[str, np.ndarray]:
    """Cut the list of weights into blocks; the length of each follows from the features."""
    needed = {}
    for block in BLOCKS:
        lengths = {
            max(map(len, f)) if shared else sum(map(len, f)) for f in features[block] if f is not None and len(f)
        }
        needed[block] = max(lengths, default=0)
    total = sum(needed.values())
    try:
        values = np.ones(total) if weights is None else np.array(weights, dtype=float).ravel()
    except (TypeError, ValueError) as error:
        raise InputError(f"`weights` must be a list of numbers: got {weights!r}.") from error
    if len(values) == total + 1 and needed["division"] == 0:
        values = np.delete(values, needed["link"] + needed["detection"])
    if len(values) != total:
        parts = ", ".join(f"{n} {block}" for block, n in needed.items() if n)
        raise InputError(f"`weights` must have {total} numbers ({parts}): got {len(values)}.")
    ends = np.cumsum([needed[block] for block in BLOCKS])[:-1]
    return dict(zip(BLOCKS, np.split(values, ends), strict=True))


def _energies(
    features: list[Any], weights: np.ndarray, shared: bool, convex: bool, block: str
) -> tuple[np.ndarray, np.ndarray]:
    """Weighted features per state, padded to the largest number of states, and the capacities."""
    states = np.array([len(f) if f else 1 for f in features], np.int64)
    energy = np.zeros((len(features), max(2, states.max(initial=0))))
    for i, f in enumerate(features):
        if not f:
            continue
        used = 0
        for k, values in enumerate(_columns_convex(f, block) if convex else f):
            row = np.array(values, dtype=float)
            w = weights[: len(row)] if shared else weights[used : used + len(row)]
            used += len(row)
            energy[i, k] = w @ row
        if not np.all(np.isfinite(energy[i])):
            raise InputError(f"Features of a {block} hold a value that is not a number.")
    return energy, states - 1


def _columns_convex(features: list[list[float]], block: str) -> np.ndarray:
    if len({len(values) for values in features}) != 1:
        raise InputError(f"Cannot convexify: the states of a {block} have different numbers of features.")
    return make_convex(np.array(features, dtype=float).T).T


def _get(entry: Any, key: str, what: str) -> Any:
    if not isinstance(entry, dict) or key not in entry:
        raise InputError(f'The model has {what} without "{key}".')
    return entry[key]
