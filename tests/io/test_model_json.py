"""Model files: every key of the format, weights wherever they stand, and sentences for what is broken."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bruteforce import best_energy
from random_problems import tiny_problem

from nbtrack.data.problem import Problem
from nbtrack.errors import InputError
from nbtrack.io.model_json import DEFAULTS, read_model, write_solution
from nbtrack.solvers.solve import solve_problem

FILES = Path(__file__).parent / "files" / "models"
ENERGIES = ("detection", "link", "appearance", "disappearance", "division")


def detection(name: Any, **extra: Any) -> dict[str, Any]:
    ends = {"appearanceFeatures": [[0], [3]], "disappearanceFeatures": [[0], [4]]}
    return {"id": name, "features": [[1], [2]], **ends, **extra}


def small_model(**changes: Any) -> dict[str, Any]:
    """Two detections and a link; weights: link 10, detection 20, appearance 30, disappearance 40."""
    model = {
        "settings": {"statesShareWeights": True, "allowLengthOneTracks": True},
        "segmentationHypotheses": [detection(1), detection(2)],
        "linkingHypotheses": [{"src": 1, "dest": 2, "features": [[5], [6]]}],
    }
    return {**model, **changes}


def write(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


# --------------------------------------------------------------------------- weights
WEIGHTS = [10.0, 20.0, 30.0, 40.0]


def test_weights_in_one_file_in_two_and_inline(tmp_path: Path) -> None:
    alone = write(tmp_path / "model.json", small_model())
    beside = write(tmp_path / "both.json", {"model": small_model(), "weights": WEIGHTS})
    inside = write(tmp_path / "inside.json", {**small_model(), "weights": WEIGHTS})
    object_file = write(tmp_path / "weights.json", {"weights": WEIGHTS})
    list_file = write(tmp_path / "list.json", WEIGHTS)
    for path, weights in (
        (alone, WEIGHTS),
        (alone, object_file),
        (alone, str(list_file)),
        (beside, None),
        (inside, None),
        (beside, object_file),
    ):
        model = read_model(path, weights=weights)
        assert model.weights == tuple(WEIGHTS)
        assert model.problem.link.tolist() == [[50, 60]]
        assert model.problem.detection[0].tolist() == [20, 40]
        assert model.problem.appearance[0].tolist() == [0, 90]
        assert model.problem.disappearance[0].tolist() == [0, 160]


def test_given_weights_win_and_missing_ones_are_one(tmp_path: Path) -> None:
    path = write(tmp_path / "both.json", {"model": small_model(), "weights": WEIGHTS})
    assert read_model(path, weights=[1, 1, 1, 2]).weights == (1, 1, 1, 2)
    assert read_model(write(tmp_path / "alone.json", small_model())).weights == (1, 1, 1, 1)


def test_five_weights_where_nothing_divides(tmp_path: Path) -> None:
    path = write(tmp_path / "model.json", small_model())
    four = read_model(path, weights=WEIGHTS).problem
    five = read_model(path, weights=[10, 20, 999, 30, 40]).problem
    for energy in ENERGIES:
        np.testing.assert_array_equal(getattr(four, energy), getattr(five, energy))


def test_several_features_are_added_up(tmp_path: Path) -> None:
    link = {"src": 1, "dest": 2, "features": [[5, 1], [6, 2]]}
    path = write(tmp_path / "model.json", small_model(linkingHypotheses=[link]))
    assert read_model(path, weights=[10, 100, 20, 30, 40]).problem.link.tolist() == [[150, 260]]


def test_unshared_weights_go_by_state(tmp_path: Path) -> None:
    model = small_model(settings={"statesShareWeights": False, "allowLengthOneTracks": True})
    path = write(tmp_path / "model.json", model)
    problem = read_model(path, weights=[1, 2, 3, 4, 5, 6, 7, 8]).problem
    assert problem.link.tolist() == [[5, 12]]
    assert problem.detection[0].tolist() == [3, 8]
    assert problem.appearance[0].tolist() == [0, 18]
    assert problem.disappearance[0].tolist() == [0, 32]


# --------------------------------------------------------------------------- keys
def test_settings_and_their_defaults(tmp_path: Path) -> None:
    model = small_model()
    del model["settings"]
    bare = read_model(write(tmp_path / "bare.json", model))
    assert bare.settings == DEFAULTS
    assert (bare.problem.partial_appearance, bare.problem.one_frame_tracks, bare.problem.separate_children) == (
        True,
        False,
        False,
    )
    settings = {
        "allowPartialMergerAppearance": False,
        "allowLengthOneTracks": True,
        "requireSeparateChildrenOfDivision": True,
    }
    told = read_model(write(tmp_path / "told.json", small_model(settings=settings))).problem
    assert (told.partial_appearance, told.one_frame_tracks, told.separate_children) == (False, True, True)


def test_every_other_key(tmp_path: Path) -> None:
    objects = [detection(name, timestep=[0, 0], nid=1, disappTarget=2) for name in ("a", "b", "c", "d")]
    objects[3] = {"id": "d", "features": [[0], [1], [2]]}
    objects[0]["divisionFeatures"] = [[1], [2]]
    model = small_model(
        segmentationHypotheses=objects,
        linkingHypotheses=[{"src": "a", "dest": "b", "features": [[0], [1]]}],
        divisions=[{"parent": "a", "children": ["b", "c"], "features": [[0], [7]]}],
        exclusions=[["b", "c"]],
        traxelToUniqueId={"0": {"1": "a"}},
    )
    problem = read_model(write(tmp_path / "model.json", model)).problem
    assert problem.names == ("a", "b", "c", "d")
    assert problem.divides.tolist() == [True, False, False, False]
    assert (problem.external_parent.tolist(), problem.external_children.tolist()) == ([0], [[1, 2]])
    assert problem.external.tolist() == [[0, 7]]
    assert [members.tolist() for members in problem.exclusions] == [[1, 2]]
    assert problem.capacity.tolist() == [1, 1, 1, 2]
    assert problem.appearance_capacity.tolist() == [1, 1, 1, 0]  # without features it may not appear


def test_empty_lists_of_named_divisions_are_taken(tmp_path: Path) -> None:
    path = write(tmp_path / "model.json", small_model(divisionHypotheses=[], exclusions=[]))
    assert read_model(path).problem.n_external == 0


def test_comments_and_trailing_commas(tmp_path: Path) -> None:
    text = json.dumps(small_model(), indent=1).replace('"src": 1', '/* from */ "src": 1 // "the" {first}\n')
    text = '// head, with a "quote"\n' + text.rstrip()[:-1].rstrip() + ",\n}"
    problem = read_model(write(tmp_path / "model.json", text)).problem
    assert problem.n_links == 1
    named = small_model(segmentationHypotheses=[detection("http://1,]"), detection("/*2*/")], linkingHypotheses=[])
    assert read_model(write(tmp_path / "names.json", named)).problem.names == ("http://1,]", "/*2*/")


def test_several_cases_in_one_file(tmp_path: Path) -> None:
    path = write(tmp_path / "cases.json", {"one": {"model": small_model(), "weights": WEIGHTS}, "two": small_model()})
    assert read_model(path, case="one").weights == tuple(WEIGHTS)
    assert read_model(path, case="two").weights == (1, 1, 1, 1)
    for case in (None, "three"):
        with pytest.raises(InputError, match=r"holds several models: give `case`, one of one, two; got (None|'three')"):
            read_model(path, case=case)
    single = write(tmp_path / "single.json", {"one": {"model": small_model(), "weights": WEIGHTS}})
    assert read_model(single).weights == tuple(WEIGHTS)


def test_convexified_features_stand_beside_the_raw_ones() -> None:
    model = read_model(FILES / "micro_merger.json", convexify=True)
    assert model.raw_problem.link[0, 2] == model.raw_problem.link[0, 1] == 10
    assert model.problem.link[0, 2] > 15
    plain = read_model(FILES / "micro_merger.json")
    assert plain.problem is plain.raw_problem


# --------------------------------------------------------------------------- random models
def as_json(problem: Problem, seed: int, *, shared: bool) -> tuple[dict[str, Any], list[float]]:
    """Write a problem as a model whose features, times random weights, give its energies back."""
    rng = np.random.default_rng([seed, 3])
    weights: list[float] = []

    def block(energies: np.ndarray, capacity: np.ndarray) -> list[list[list[float]]]:
        states = int(capacity.max(initial=0)) + 1
        w = np.exp(rng.normal(size=1 if shared else states))
        weights.extend(w.tolist() if (capacity >= 0).any() else [])
        return [
            [[float(row[k] / w[0 if shared else k])] for k in range(c + 1)]
            for row, c in zip(energies, capacity.tolist(), strict=True)
        ]

    p = problem
    link = block(p.link, p.link_capacity)
    features = block(p.detection, p.capacity)
    division = block(p.division, np.where(p.divides, 1, -1)) if p.divides.any() else []
    ends = [block(p.appearance, p.appearance_capacity), block(p.disappearance, p.disappearance_capacity)]
    named = block(p.external, np.ones(p.n_external, int))
    merges = block(p.merge, np.ones(p.n_merges, int))
    objects = []
    for i in range(p.n_detections):
        entry: dict[str, Any] = {"id": f"d{i}", "features": features[i]}
        entry |= {"divisionFeatures": division[i]} if p.divides[i] else {}
        entry |= {"appearanceFeatures": ends[0][i], "disappearanceFeatures": ends[1][i]}
        objects.append(entry)
    model = {
        "settings": {
            "statesShareWeights": shared,
            "allowPartialMergerAppearance": p.partial_appearance,
            "allowLengthOneTracks": p.one_frame_tracks,
            "requireSeparateChildrenOfDivision": p.separate_children,
        },
        "segmentationHypotheses": objects,
        "linkingHypotheses": [
            {"src": f"d{i}", "dest": f"d{j}", "features": f} for i, j, f in zip(p.source, p.target, link, strict=True)
        ],
        "divisions": [
            {"parent": f"d{i}", "children": [f"d{c}" for c in children], "features": f}
            for i, children, f in zip(p.external_parent, p.external_children, named, strict=True)
        ],
        "mergeHypotheses": [
            {"target": f"d{i}", "sources": [f"d{s}" for s in sources], "features": f}
            for i, sources, f in zip(p.merge_target, p.merge_sources, merges, strict=True)
        ],
        "exclusions": [[f"d{i}" for i in members] for members in p.exclusions],
    }
    return model, weights


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("seed", range(25))
def test_optimum_of_a_random_model_file_is_that_of_trying_all_states(seed: int, shared: bool, tmp_path: Path) -> None:
    problem = tiny_problem(seed, chaingraph=False)
    model, weights = as_json(problem, seed, shared=shared)
    read = read_model(write(tmp_path / "model.json", model), weights=weights).problem
    assert solve_problem(read).report.objective == pytest.approx(best_energy(problem), rel=1e-9, abs=1e-9)


# --------------------------------------------------------------------------- results
def test_solution_is_written_in_the_format_of_results(tmp_path: Path) -> None:
    model = read_model(FILES / "micro_division.json")
    outcome = solve_problem(model.problem)
    out = tmp_path / "result.json"
    write_solution(out, model, outcome.solution, outcome.report)
    result = json.loads(out.read_text())
    assert result["detectionResults"] == [{"id": i, "value": int(i < 4)} for i in (1, 2, 3, 4)]
    assert result["linkingResults"] == [{"src": 1, "dest": j, "value": int(j < 4)} for j in (2, 3, 4)]
    assert {"id": 1, "value": True} in result["divisionResults"]
    assert result["resultEnergy"] == pytest.approx(32.210438, abs=1e-6)
    with pytest.raises(InputError, match=r"result\.json"):
        write_solution(out, model, outcome.solution, outcome.report)
    write_solution(out, model, outcome.solution, outcome.report, overwrite=True)


def test_named_divisions_are_written_with_their_children(tmp_path: Path) -> None:
    model = read_model(
        write(
            tmp_path / "model.json",
            small_model(
                segmentationHypotheses=[detection(i) for i in (1, 2, 3)],
                linkingHypotheses=[],
                divisions=[{"parent": 1, "children": [2, 3], "features": [[0], [-50]]}],
            ),
        )
    )
    outcome = solve_problem(model.problem)
    write_solution(tmp_path / "out.json", model, outcome.solution, outcome.report)
    result = json.loads((tmp_path / "out.json").read_text())
    assert result["divisionResults"] == [{"parent": 1, "children": [2, 3], "value": True}]


def test_merges_are_read_and_written_with_their_sources(tmp_path: Path) -> None:
    merge = {"target": 3, "sources": [1, 2], "features": [[0], [-50]]}
    settings = {"segmentationHypotheses": [detection(i) for i in (1, 2, 3)], "linkingHypotheses": []}
    model = read_model(write(tmp_path / "model.json", small_model(**settings, mergeHypotheses=[merge])))
    assert (model.problem.merge_target.tolist(), model.problem.merge_sources.tolist()) == ([2], [[0, 1]])
    outcome = solve_problem(model.problem)
    write_solution(tmp_path / "out.json", model, outcome.solution, outcome.report)
    result = json.loads((tmp_path / "out.json").read_text())
    assert result["mergeResults"] == [{"sources": [1, 2], "target": 3, "value": True}]
    twice = small_model(**settings, mergeHypotheses=[{**merge, "sources": [1, 1]}])
    with pytest.raises(InputError, match="merge of the model does not have two different sources"):
        read_model(write(tmp_path / "twice.json", twice))


def test_nothing_that_divides_is_null(tmp_path: Path) -> None:
    model = read_model(FILES / "micro_merger.json")
    outcome = solve_problem(model.problem)
    write_solution(tmp_path / "out.json", model, outcome.solution, outcome.report)
    assert json.loads((tmp_path / "out.json").read_text())["divisionResults"] is None


# --------------------------------------------------------------------------- bad files
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "is not valid JSON: .* The file may be cut off"),
        ([1, 2], "is not a tracking model: its top level is no JSON object"),
        ({"nodes": []}, 'is not a tracking model: it has no "segmentationHypotheses"'),
        (small_model(segmentationHypotheses=[detection(1), detection(1)]), "two detections with the id 1. Ids must be"),
        (small_model(segmentationHypotheses=[detection(1)]), "no detection with the id 2, named by a link"),
        (small_model(segmentationHypotheses=[{"features": [[1]]}]), 'The model has a detection without "id"'),
        (small_model(segmentationHypotheses=[{"id": 1}]), 'The model has detection 1 without "features"'),
        (small_model(linkingHypotheses=[{"src": 1, "dest": 2}]), 'The model has a link without "features"'),
        (small_model(linkingHypotheses=[{"src": 1, "features": [[1], [2]]}]), 'The model has a link without "dest"'),
        (small_model(exclusions=[[1, 9]]), "no detection with the id 9, named by an exclusion"),
        (
            small_model(divisions=[{"parent": 1, "children": [2, 2], "features": [[0], [1]]}]),
            "does not have two different children",
        ),
        (
            small_model(divisions=[{"parent": 1, "children": [2, 7], "features": [[0], [1]]}]),
            "no detection with the id 7, named by a division",
        ),
        (
            small_model(linkingHypotheses=[{"src": 1, "dest": 2, "features": [[float("nan")], [1]]}]),
            "Features of a link hold a value that is not a number",
        ),
    ],
)
def test_a_broken_model_is_told_in_a_sentence(content: Any, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=sentence):
        read_model(write(tmp_path / "model.json", content))


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [
        ([1, 2, 3], r"`weights` must have 4 numbers \(1 link, 1 detection, 1 appearance, 1 disappearance\): got 3"),
        (["a", "b", "c", "d"], "`weights` must be a list of numbers: got"),
    ],
)
def test_weights_that_do_not_fit_are_told(weights: list[Any], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=sentence):
        read_model(write(tmp_path / "model.json", small_model()), weights=weights)


def test_missing_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Cannot read .*none\.json: .* Give the path of a model in JSON"):
        read_model(tmp_path / "none.json")
    path = write(tmp_path / "model.json", small_model())
    with pytest.raises(InputError, match=r'`weights`: .*empty\.json has no list "weights"'):
        read_model(path, weights=write(tmp_path / "empty.json", {}))


def test_states_with_different_features_cannot_be_made_convex(tmp_path: Path) -> None:
    link = {"src": 1, "dest": 2, "features": [[5], [6, 7]]}
    settings = {"statesShareWeights": False}
    path = write(tmp_path / "model.json", small_model(linkingHypotheses=[link], settings=settings))
    with pytest.raises(InputError, match="Cannot convexify: the states of a link have different numbers of features"):
        read_model(path, convexify=True)
