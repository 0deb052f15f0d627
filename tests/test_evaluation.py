import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from spoiled_movies import movie_of, spoil, write

from nbtrack.data.lineage import Lineage
from nbtrack.errors import InputError
from nbtrack.evaluation import compare, evaluate, match_objects

PERFECT = ["TRA", "DET", "LNK", "CHOTA", "CT", "TF", "object_recall", "object_precision", "link_f1"]


def test_the_measures_are_those_of_the_challenge(tmp_path, capsys):
    module = pytest.importorskip("ctc_metrics.scripts.evaluate")
    rng = np.random.default_rng(1)
    for i in range(5):
        frames, lines = movie_of(rng)
        write(tmp_path / f"{i}" / "GT" / "TRA", frames, lines, "man_track", "man_track.txt")
        write(tmp_path / f"{i}" / "RES", *spoil(rng, frames, lines), "mask", "res_track.txt")
        names = ["DET", "TRA", "LNK", "CHOTA", "CT", "TF", "BC", "CCA"]
        theirs = module.evaluate_sequence(
            str(tmp_path / f"{i}" / "RES"), str(tmp_path / f"{i}" / "GT"), metrics=names, threads=1
        )
        ours = evaluate(tmp_path / f"{i}" / "RES", tmp_path / f"{i}" / "GT")
        for name in [*names, "BC(1)", "BC(3)", "AOGM", "AOGM_FN", "AOGM_EA"]:
            assert ours[name] == theirs["BC(0)" if name == "BC" else name], name
        assert 0 < ours["TRA"] < 1
        assert 0 < ours["link_f1"] < 1
    capsys.readouterr()


@pytest.mark.slow
def test_links_and_divisions_are_those_of_traccuracy(tmp_path):
    pytest.importorskip("traccuracy")
    pytest.importorskip("ctc_metrics")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i, seed in enumerate((7, 8, 9)):
            rng = np.random.default_rng(seed)
            frames, lines = movie_of(rng)
            write(tmp_path / f"{i}" / "GT" / "TRA", frames, lines, "man_track", "man_track.txt")
            write(tmp_path / f"{i}" / "RES", *spoil(rng, frames, lines), "mask", "res_track.txt")
            theirs = by_traccuracy(tmp_path / f"{i}")
            ours = evaluate(tmp_path / f"{i}" / "RES", tmp_path / f"{i}" / "GT")
            for name, other in (("precision", "Edge Precision"), ("recall", "Edge Recall"), ("f1", "Edge F1")):
                assert ours[f"link_{name}"] == pytest.approx(theirs[other])
            for name, slack in (("division_f1", 0), ("division_f1_within_1", 1)):
                right = theirs[f"Frame Buffer {slack}"]["True Positive Divisions"]
                total = theirs[f"Frame Buffer {slack}"]["Total GT Divisions"]
                assert ours[name] == pytest.approx(2 * right / (total + ours["result_divisions"]))


def by_traccuracy(folder):
    from traccuracy import run_metrics
    from traccuracy.loaders import load_ctc_data
    from traccuracy.matchers import CTCMatcher
    from traccuracy.metrics import BasicMetrics, DivisionMetrics

    truth, result = folder / "GT" / "TRA", folder / "RES"
    sides = {
        "gt_data": load_ctc_data(str(truth), str(truth / "man_track.txt"), name="truth", run_checks=False),
        "pred_data": load_ctc_data(str(result), str(result / "res_track.txt"), name="result", run_checks=False),
    }
    metrics = [BasicMetrics(), DivisionMetrics(max_frame_buffer=1)]
    found, _ = run_metrics(**sides, matcher=CTCMatcher(), metrics=metrics)
    return {key: value for part in found for key, value in part["results"].items()}


@pytest.mark.parametrize("where", ["GT", "GT/TRA"])
def test_the_truth_against_itself_is_perfect(where, tmp_path):
    pytest.importorskip("ctc_metrics")
    frames, lines = movie_of(np.random.default_rng(4))
    write(tmp_path / "GT" / "TRA", frames, lines, "man_track", "man_track.txt")
    write(tmp_path / "RES", frames, lines, "mask", "res_track.txt")
    scores = evaluate(tmp_path / "RES", tmp_path / where)
    assert all(scores[name] == 1 for name in [*PERFECT, "BC", "division_f1", "division_f1_within_1"])
    assert scores["AOGM"] == 0
    assert scores["truth_divisions"] > 0


def test_a_truth_without_links_and_divisions(tmp_path):
    pytest.importorskip("ctc_metrics")
    write(tmp_path / "GT" / "TRA", [[[1, 0]], [[0, 2]]], [[1, 0, 0, 0], [2, 1, 1, 0]], "man_track", "man_track.txt")
    write(tmp_path / "RES", [[[1, 0]], [[0, 2]]], [[1, 0, 0, 0], [2, 1, 1, 0]], "mask", "res_track.txt")
    scores = evaluate(tmp_path / "RES", tmp_path / "GT")
    assert scores["TRA"] == 1
    assert [scores[name] for name in ("LNK", "BC", "BC(3)", "link_f1", "division_f1")] == [None] * 5


def test_folders_that_cannot_be_compared(tmp_path):
    pytest.importorskip("ctc_metrics")
    write(tmp_path / "GT" / "TRA", [[[1, 0]], [[0, 2]]], [[1, 0, 0, 0], [2, 1, 1, 0]], "man_track", "man_track.txt")
    write(tmp_path / "short", [[[1, 0]]], [[1, 0, 0, 0]], "mask", "res_track.txt")
    with pytest.raises(InputError, match=r"the same frames: got 1 frames of the result and 2 of the truth\. Check"):
        evaluate(tmp_path / "short", tmp_path / "GT")
    write(tmp_path / "wide", [[[1, 0, 0]], [[0, 2, 0]]], [[1, 0, 0, 0], [2, 1, 1, 0]], "mask", "res_track.txt")
    with pytest.raises(InputError, match=r"the same shape: got \(1, 3\) and \(1, 2\) in frame 0\. Check"):
        evaluate(tmp_path / "wide", tmp_path / "GT")
    write(tmp_path / "hole", [[[1, 0]], [[0, 2]]], [[1, 0, 1, 0], [2, 1, 1, 0]], "mask", "res_track.txt")
    with pytest.raises(InputError, match=r"track 1 lasts from frame 0 to 1, but it has no pixels in frame 1\. Split"):
        evaluate(tmp_path / "hole", tmp_path / "GT")
    write(tmp_path / "empty", [[[0, 0]], [[0, 0]]], [], "mask", "res_track.txt")
    with pytest.raises(InputError, match=r"empty` has no tracks, so there is nothing to compare\."):
        evaluate(tmp_path / "empty", tmp_path / "GT")


def test_the_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ctc_metrics.scripts.evaluate", None)
    with pytest.raises(InputError, match=r"`evaluate` needs py-ctcmetrics, .* Install the extra `eval`: pip install"):
        evaluate(tmp_path, tmp_path)


def strips(*rows):
    """Label frames of one row; each number is one object of four pixels."""
    return [np.repeat(np.array([row], np.uint32), 4, axis=1) for row in rows]


TRUTH = Lineage.from_tables(
    [(0, 1, 1), (1, 1, 1), (2, 1, 2), (2, 2, 3), (3, 1, 2), (3, 2, 3), (0, 5, 4), (1, 5, 4), (2, 5, 4), (3, 5, 4)],
    [(1, 1, 2, 3)],
)
TRUTH_LABELS = strips([1, 0, 5], [1, 0, 5], [1, 2, 5], [1, 2, 5])


def judge(lineage, labels):
    return compare(lineage, SimpleNamespace(labels=labels), TRUTH, TRUTH_LABELS)


def test_compare_counts_by_hand():
    perfect = judge(TRUTH, TRUTH_LABELS)
    assert perfect["truth_objects"] == perfect["matched_objects"] == 10
    assert [perfect[name] for name in ("link_precision", "link_recall", "link_f1", "division_f1")] == [1] * 4
    # the division one frame late: 1 goes on alone, its sister begins from nothing
    late = Lineage.from_tables(
        [(0, 1, 1), (1, 1, 1), (2, 1, 1), (3, 1, 2), (3, 2, 3), (0, 5, 4), (1, 5, 4), (2, 5, 4), (3, 5, 4)],
        [(2, 1, 2, 3)],
    )
    scores = judge(late, TRUTH_LABELS)
    assert scores["division_f1"] == 0
    assert scores["division_f1_within_1"] == 1
    assert scores["object_recall"] == 9 / 10  # object 2 in frame 2 has no track, so it does not count
    assert scores["object_precision"] == 1
    assert scores["link_recall"] == 6 / 8
    assert scores["link_precision"] == 6 / 7


def test_a_merged_object_can_stand_for_two():
    labels = strips([1, 0, 5], [1, 0, 5], [7, 7, 5], [1, 2, 5])
    labels[2][labels[2] == 7] = 7
    merged = Lineage.from_tables(
        [(0, 1, 1), (1, 1, 1), (2, 7, 1), (2, 7, 2), (3, 1, 1), (3, 2, 2), (0, 5, 4), (1, 5, 4), (2, 5, 4), (3, 5, 4)]
    )
    scores = judge(merged, labels)
    assert scores["matched_objects"] == 10
    assert scores["object_precision"] == 1
    assert scores["link_recall"] == 1  # both links into the merger are there, as one
    assert scores["link_precision"] == 1
    assert scores["division_f1"] == 0


def test_a_link_over_a_gap_is_another_link():
    gap = Lineage.from_tables([(0, 5, 4), (1, 5, 4), (3, 5, 4)])
    scores = judge(gap, TRUTH_LABELS)
    assert scores["link_precision"] == 1 / 2
    assert scores["link_recall"] == 1 / 8


def test_nothing_found():
    scores = judge(Lineage(), TRUTH_LABELS)
    assert scores["object_recall"] == scores["link_recall"] == 0
    assert scores["object_precision"] is None
    assert scores["link_f1"] is None
    assert scores["division_f1"] == 0


def test_more_than_half_must_be_covered():
    truth = [np.array([[1, 1, 1, 1, 2, 2, 2, 0]])]
    result = [np.array([[4, 4, 0, 0, 3, 3, 0, 0]])]
    (match,) = match_objects(result, truth)
    assert match.pairs == {2: 3}
    assert match.truth.tolist() == [1, 2]
    assert match.result.tolist() == [3, 4]


def test_real_truths_are_perfect_against_themselves(real_data, tmp_path):
    pytest.importorskip("ctc_metrics")
    from nbtrack.io.ctc import read_ctc, write_ctc
    from nbtrack.segmentation import detect

    truth = real_data / "neubias_mitocheck_movie" / "GT"
    labels, lineage = read_ctc(truth)
    write_ctc(SimpleNamespace(lineage=lineage, detections=detect(labels)), tmp_path / "RES")
    scores = evaluate(tmp_path / "RES", truth)
    assert all(scores[name] == 1 for name in [*PERFECT, "BC", "division_f1"])
    assert scores["truth_divisions"] == 3
