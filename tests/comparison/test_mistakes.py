"""Every error against a truth: each kind by hand, and counts that agree with those of the measures."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from cases import detect
from spoiled_movies import movie_of, spoil, write

from nbtrack.comparison.mistakes import ERRORS, find_errors
from nbtrack.comparison.table import Comparison
from nbtrack.comparison.truth import Answer, score_against
from nbtrack.data.lineage import Lineage
from nbtrack.data.movie import Movie
from nbtrack.errors import InputError
from nbtrack.evaluation import evaluate, find_links
from nbtrack.io.ctc import read_ctc


def strips(*rows: list[int]) -> np.ndarray:
    """Label frames of one row; each number is one object of four by three pixels."""
    return np.stack([np.repeat(np.repeat(np.array([row], np.uint32), 4, axis=1), 3, axis=0) for row in rows])


TRUTH_LABELS = strips([1, 0, 5, 0], [1, 0, 5, 0], [1, 2, 5, 0], [1, 2, 5, 0])
TRUTH_ROWS = [(t, i, k) for i, k, frames in ((1, 1, (0, 1)), (1, 2, (2, 3)), (2, 3, (2, 3))) for t in frames]
TRUTH_ROWS += [(t, 5, 4) for t in range(4)]
TRUTH = SimpleNamespace(lineage=Lineage.from_tables(TRUTH_ROWS, [(1, 1, 2, 3)]), detections=detect(TRUTH_LABELS))


def answer(rows: list[tuple[int, int, int]], labels: np.ndarray, *rest: list) -> SimpleNamespace:
    return SimpleNamespace(lineage=Lineage.from_tables(rows, *rest), detections=detect(labels))


def rows_of(found: Comparison, kind: str) -> list[tuple]:
    table = found.table[found.table["kind"] == kind]
    columns = ["side", "t", "object_id", "other_id", "target_t", "target_id", "other_target_id"]
    return list(table[columns].itertuples(index=False, name=None))


def test_the_truth_against_itself_has_no_error() -> None:
    found = find_errors(TRUTH, TRUTH)
    assert found.same
    assert found.counts == dict.fromkeys(ERRORS, 0)


def test_missed_and_false_objects() -> None:
    labels = TRUTH_LABELS.copy()
    labels[3][labels[3] == 2] = 0  # not found
    labels[0, 0, 12:] = 9  # a speck
    rows = [row for row in TRUTH_ROWS if row not in [(3, 2, 3), (0, 5, 4), (3, 5, 4)]]
    found = find_errors(answer([*rows, (0, 9, 8)], labels, [(1, 1, 2, 3)], [(3, 5)]), TRUTH)
    assert rows_of(found, "missed_object") == [
        ("b", 0, 5, 0, -1, 0, 0),
        ("b", 3, 2, 0, -1, 0, 0),
        ("b", 3, 5, 0, -1, 0, 0),
    ]
    assert found.table["detail"].tolist() == [
        "True object 5 in frame 0 was found as object 5, which is in no track.",
        "Object 9 in frame 0 is tracked, but is no true object.",
        "The link from true object 5 in frame 0 to 5 in frame 1 is missing: object 5 in frame 0 was missed.",
        "The link from true object 2 in frame 2 to 2 in frame 3 is missing: object 2 in frame 3 was missed.",
        "The link from true object 5 in frame 2 to 5 in frame 3 is missing: object 5 in frame 3 was missed.",
        "True object 2 in frame 3 was not found.",
        "True object 5 in frame 3 was found as object 5, which is called a false detection.",
    ]
    speck = found.table[found.table["kind"] == "false_object"].iloc[0]
    assert speck[["y", "x"]].tolist() == [0, 13.5]
    lost = found.table[found.table["kind"] == "missed_object"].iloc[1]
    assert lost[["y", "x"]].tolist() == [1, 5.5], "the centre in the truth"


def test_merged_and_split_objects() -> None:
    labels = TRUTH_LABELS.copy()
    labels[2][labels[2] == 2] = 1  # both daughters are one
    labels[0, 2, 8:12] = 6  # the bottom of 5 is cut off
    labels[1, :, 8:10] = 6  # two halves: none covers more than half
    labels[1, :2, 10:12] = 0
    labels[1, 2, 10:12] = 7
    tracked = [(0, 1, 1), (1, 1, 1), (2, 1, 2), (2, 1, 3), (3, 1, 2), (3, 2, 3), (0, 6, 7), (1, 7, 8), (1, 6, 9)]
    found = find_errors(answer([*tracked, (2, 5, 4), (3, 5, 4), (0, 5, 4)], labels, [(1, 1, 2, 3)]), TRUTH)
    assert rows_of(found, "merged_objects") == [("a", 2, 1, 2, -1, 0, 0)]
    text = found.table.loc[found.table["kind"] == "merged_objects", "detail"].item()
    assert text == "Object 1 in frame 2 holds the true objects 1, 2; it is in 2 tracks."
    assert rows_of(found, "split_object") == [
        ("a", 0, 6, 5, -1, 0, 0),
        ("a", 1, 6, 5, -1, 0, 0),
        ("a", 1, 7, 5, -1, 0, 0),
    ]
    assert rows_of(found, "missed_object") == [("b", 1, 5, 0, -1, 0, 0)]
    assert found.counts["missed_division"] == 0


def test_one_piece_that_is_too_small_is_a_false_object() -> None:
    labels = TRUTH_LABELS.copy()
    labels[0, 1:, 8:12] = 0
    found = find_errors(answer(TRUTH_ROWS, labels, [(1, 1, 2, 3)]), TRUTH)
    assert rows_of(found, "false_object") == [("a", 0, 5, 0, -1, 0, 0)]
    assert rows_of(found, "false_link") == [("a", 0, 5, 0, 1, 5, 5)]
    text = found.table.loc[found.table["kind"] == "false_link", "detail"].item()
    assert text == "The link from object 5 in frame 0 to 5 in frame 1 is wrong: object 5 in frame 0 is no true object."


def test_a_division_that_is_late() -> None:
    rows = [(0, 1, 1), (1, 1, 1), (2, 1, 1), (3, 1, 2), (3, 2, 3), *[(t, 5, 4) for t in range(4)]]
    late = answer(rows, TRUTH_LABELS, [(2, 1, 2, 3)])
    found = find_errors(late, TRUTH)
    assert found.counts["missed_division"] == found.counts["false_division"] == 0, "one frame may be off"
    assert found.counts["identity_switch"] == 0, "the track goes on in a daughter"
    exact = find_errors(late, TRUTH, slack=0, name="run 2")
    assert rows_of(exact, "missed_division") == [("b", 1, 1, 1, 2, 1, 1)]
    assert rows_of(exact, "false_division") == [("a", 2, 1, 1, 3, 1, 1)]
    wrong = exact.table[exact.table["kind"] == "false_division"].iloc[0]
    assert wrong["second_id"] == 2
    assert wrong[["second_y", "second_x"]].tolist() == [1, 5.5]
    assert wrong["detail"] == "The division of object 1 after frame 2 into 1 and 2 is wrong."
    assert exact.names == ("run 2", "the truth")


def test_a_track_that_changes_over() -> None:
    rows = [(t, 1, 1) for t in (0, 1)] + [(t, 1, 4) for t in (2, 3)] + [(t, 5, 4) for t in (0, 1)]
    found = find_errors(answer(rows, TRUTH_LABELS), TRUTH)
    assert rows_of(found, "identity_switch") == [("a", 1, 5, 5, 2, 1, 1)]
    text = found.table.loc[found.table["kind"] == "identity_switch", "detail"].item()
    assert text == "Track 4 follows true track 4 up to frame 1, and true track 2 from frame 2 on."


def test_a_track_that_leaves_a_merger_as_another() -> None:
    truth_labels = strips([1, 2], [1, 2], [1, 2])
    truth = SimpleNamespace(
        lineage=Lineage.from_tables([(t, i, i) for t in range(3) for i in (1, 2)]), detections=detect(truth_labels)
    )
    merged = truth_labels.copy()
    merged[1][merged[1] == 2] = 1
    rows = [(0, 1, 1), (0, 2, 2), (1, 1, 1), (1, 1, 2)]
    right = answer([*rows, (2, 1, 1), (2, 2, 2)], merged)
    swapped = answer([*rows, (2, 2, 1), (2, 1, 2)], merged)
    assert find_errors(right, truth).counts == {**dict.fromkeys(ERRORS, 0), "merged_objects": 1}
    assert find_errors(swapped, truth).counts["identity_switch"] == 2


@pytest.mark.parametrize("seed", range(4))
def test_counts_agree_with_the_measures(seed: int, tmp_path: Path) -> None:
    pytest.importorskip("ctc_metrics")
    rng = np.random.default_rng(seed)
    frames, lines = movie_of(rng)
    write(tmp_path / "GT" / "TRA", frames, lines, "man_track", "man_track.txt")
    frames, lines = spoil(rng, frames, lines)
    write(tmp_path / "RES", frames, lines, "mask", "res_track.txt")
    scores = evaluate(tmp_path / "RES", tmp_path / "GT")
    assert scores.items() >= score_against(tmp_path / "RES", tmp_path / "GT").items()
    found, exact = (find_errors(tmp_path / "RES", tmp_path / "GT", slack=slack) for slack in (1, 0))
    counts = found.counts
    assert counts["missed_object"] == scores["truth_objects"] - scores["matched_objects"] == scores["AOGM_FN"] > 0
    assert counts["false_object"] + counts["split_object"] == scores["AOGM_FP"]
    assert counts["merged_objects"] == scores["AOGM_NS"] == 0
    assert counts["missed_link"] == scores["AOGM_EA"] > 0
    false = found.table[found.table["kind"] == "false_link"]
    assert ((false["other_id"] > 0) & (false["other_target_id"] > 0)).sum() == scores["AOGM_ED"]
    n_links, n_true = (len(find_links(read_ctc(tmp_path / folder)[1])) for folder in ("RES", "GT"))
    assert scores["link_recall"] == pytest.approx(1 - counts["missed_link"] / n_true)
    assert scores["link_precision"] == pytest.approx(1 - counts["false_link"] / n_links)
    for comparison, name in ((exact, "division_f1"), (found, "division_f1_within_1")):
        right = scores["truth_divisions"] - comparison.counts["missed_division"]
        assert right == scores["result_divisions"] - comparison.counts["false_division"]
        assert scores[name] == pytest.approx(2 * right / (scores["truth_divisions"] + scores["result_divisions"]))
    assert found.table[["y", "x"]].notna().all(axis=None)


def test_merged_objects_are_counted_as_the_challenge_does(tmp_path: Path) -> None:
    pytest.importorskip("ctc_metrics")
    truth = strips([1, 2, 3], [1, 2, 3], [1, 2, 3])
    write(tmp_path / "GT", truth, [[i, 0, 2, 0] for i in (1, 2, 3)], "man_track", "man_track.txt")
    write(tmp_path / "RES", np.minimum(truth, 1), [[1, 0, 2, 0]], "mask", "res_track.txt")
    found = find_errors(tmp_path / "RES", tmp_path / "GT")
    assert found.counts == {**dict.fromkeys(ERRORS, 0), "merged_objects": 6}
    assert evaluate(tmp_path / "RES", tmp_path / "GT")["AOGM_NS"] == 6


def test_a_truth_over_the_same_objects() -> None:
    given = answer([row for row in TRUTH_ROWS if row[1] != 2], TRUTH_LABELS)
    found = find_errors(given, TRUTH.lineage)
    assert found.table.equals(find_errors(given, TRUTH).table)
    text = found.table.loc[found.table["kind"] == "missed_division", "detail"].item()
    assert text == "The division of true object 1 after frame 1 into 1 and 2 was not found."
    assert find_errors(given.lineage, TRUTH).table.equals(found.table), "the answer speaks of the objects of the truth"
    bare = find_errors(given.lineage, TRUTH.lineage)
    assert bare.counts == found.counts
    assert "y" not in bare.table
    assert score_against(given, TRUTH.lineage) == score_against(given, TRUTH)


def test_a_sample_is_its_truth() -> None:
    found = find_errors(TRUTH, SimpleNamespace(truth=TRUTH.lineage, labels=TRUTH_LABELS))
    assert found.same


def test_a_truth_of_label_images() -> None:
    labels = TRUTH_LABELS.copy()
    labels[2:][labels[2:] == 1] = 3  # a daughter is a track of its own
    labels[:, :, 12:] = 65535  # no object
    for truth in (labels, Movie.from_array(labels, "tyx")):
        found = find_errors(answer(TRUTH_ROWS, TRUTH_LABELS), truth)
        assert found.same
    assert Answer.of(labels).lineage.is_false(0, 65535)


def test_what_cannot_be_a_truth() -> None:
    with pytest.raises(InputError, match=r"A truth must be a result, .* or a folder of the Cell .* got list\."):
        find_errors(TRUTH, [])
    with pytest.raises(InputError, match=r"whole numbers in one channel: got float64\. Choose another file"):
        find_errors(TRUTH, np.zeros((4, 3, 16)))
    channels = Movie.from_array(np.zeros((4, 3, 16, 2), np.uint8), "tyxc")
    with pytest.raises(InputError, match=r"in one channel: got uint8 with the axes tyxc\. Choose"):
        find_errors(TRUTH, channels)
    for sides in ((TRUTH, Lineage.from_tables([(3, 9, 1)])), (Lineage.from_tables([(3, 9, 1)]), TRUTH)):
        with pytest.raises(InputError, match=r"the same objects: object 9 in frame 3 is not there\. Give the truth"):
            find_errors(*sides)
    with pytest.raises(InputError, match=r"`slack` must be at least 0 frames: got -1\."):
        find_errors(TRUTH, TRUTH, slack=-1)
    with pytest.raises(InputError, match=r"the same frames: got 4 frames of the result and 3 of the truth"):
        find_errors(TRUTH, TRUTH_LABELS[:3])
