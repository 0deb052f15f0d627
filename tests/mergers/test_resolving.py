"""Mergers resolved from end to end: labels, table, lineage and tables of the result."""

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from merged_movies import MergedMovie, line, merge_disks, shared

import nbtrack as nbt
from nbtrack.data.detections import Detections
from nbtrack.data.lineage import Lineage
from nbtrack.data.movie import Movie
from nbtrack.errors import InputError
from nbtrack.features import measure
from nbtrack.mergers.resolving import Resolved, resolve


def meeting(n_frames: int = 7) -> MergedMovie:
    """Two disks come together, touch for some frames, and part."""
    third = n_frames // 3
    stay = line((21, 29), (22, 29), third, n_frames - third - 1), line((26, 40), (27, 40), third, n_frames - third - 1)
    down = line((24, 10), (21, 26), 0, third - 1) | stay[0] | line((20, 26), (10, 20), n_frames - third, n_frames - 1)
    up = line((24, 62), (26, 44), 0, third - 1) | stay[1] | line((30, 44), (40, 56), n_frames - third, n_frames - 1)
    return merge_disks({1: down, 2: up})


def check(movie: MergedMovie, least: float = 0.9) -> Resolved:
    """Resolve, and find every true object again, in its track."""
    assert movie.lineage.mergers()
    found = resolve(movie.detections, movie.lineage)
    found.lineage.check()
    assert not found.lineage.mergers()
    assert shared(movie, found.detections, found.lineage) > least
    truth, mine = movie.truth, found.lineage
    assert {i: sorted(truth.objects_of(i)) for i in truth.track_ids} == {
        i: sorted(mine.objects_of(i)) for i in mine.track_ids
    }
    assert mine.divisions == truth.divisions
    for t in range(found.detections.n_frames):
        ids = found.detections.table["object_id"][found.detections.rows_of(t)].tolist()
        assert sorted(set(np.unique(found.detections.labels[t]).tolist()) - {0}) == ids
    return found


# --------------------------------------------------------------------------- who is who
def test_two_disks_that_touch_and_part() -> None:
    check(meeting())


def test_a_merger_in_the_first_frame() -> None:
    check(merge_disks({1: line((20, 20), (8, 14), 0, 4), 2: line((24, 32), (30, 50), 0, 4)}))


def test_a_merger_in_the_last_frame() -> None:
    check(merge_disks({1: line((8, 14), (20, 20), 0, 4), 2: line((30, 50), (24, 32), 0, 4)}))


def test_a_merger_in_all_frames() -> None:
    check(merge_disks({1: line((20, 20), (20, 30), 0, 4), 2: line((24, 33), (24, 43), 0, 4)}))


def test_three_tracks_merge_at_different_times() -> None:
    paths = {
        1: line((24, 8), (24, 20), 0, 4) | line((24, 20), (24, 20), 5, 6) | line((20, 16), (8, 10), 7, 9),
        2: line((24, 33), (24, 33), 0, 9),
        3: line((8, 62), (24, 46), 0, 5) | line((26, 48), (40, 62), 6, 9),
    }
    movie = merge_disks(paths)
    assert sorted({len(tracks) for *_, tracks in movie.lineage.mergers()}) == [2, 3]
    check(movie)


def test_a_third_one_joins_a_merger_and_leaves_it_again() -> None:
    away = line((8, 33), (14, 32), 0, 2) | line((14, 32), (14, 32), 3, 4) | line((10, 32), (7, 32), 5, 7)
    movie = merge_disks({1: line((27, 26), (27, 26), 0, 7), 2: line((27, 40), (27, 40), 0, 7), 3: away})
    assert [len(tracks) for *_, tracks in movie.lineage.mergers()][::7] == [2, 2]
    assert 3 in {len(tracks) for *_, tracks in movie.lineage.mergers()}
    check(movie)


def test_a_dividing_merger_divides_the_right_part() -> None:
    paths = {
        1: line((24, 10), (24, 24), 0, 3) | line((24, 20), (24, 8), 4, 6),
        2: line((24, 60), (24, 38), 0, 3),
        3: line((14, 44), (8, 52), 4, 6),
        4: line((34, 44), (40, 52), 4, 6),
    }
    movie = merge_disks(paths, divisions=((3, 2, 3, 4),))
    assert movie.lineage.tracks_at(3, 1) == (1, 2)
    check(movie)


def test_a_dividing_merger_whose_tracks_were_mixed_up_divides_the_right_part() -> None:
    paths = {
        1: line((24, 10), (24, 24), 0, 3) | line((24, 20), (24, 8), 4, 6),
        2: line((24, 60), (24, 38), 0, 3),
        3: line((14, 44), (8, 52), 4, 6),
        4: line((34, 44), (40, 52), 4, 6),
    }
    right = merge_disks(paths, divisions=((3, 2, 3, 4),))
    rows = right.lineage.objects[["t", "object_id", "track_id"]].itertuples(index=False, name=None)
    swapped = [(t, i, {1: 2, 2: 1}.get(k, k) if t < 3 else k) for t, i, k in rows]
    found = resolve(right.detections, Lineage.from_tables(swapped, [(3, 2, 3, 4)])).lineage
    assert found.divisions[1].children == (3, 4)
    assert sorted(found.objects_of(2)) == list(range(7))


def test_daughters_that_still_touch_are_cut_apart() -> None:
    paths = {
        1: line((24, 20), (24, 30), 0, 2),
        2: line((17, 34), (17, 38), 3, 4) | line((14, 42), (9, 50), 5, 6),
        3: line((31, 34), (31, 38), 3, 4) | line((34, 42), (39, 50), 5, 6),
    }
    movie = merge_disks(paths, divisions=((2, 1, 2, 3),))
    assert [t for t, *_ in movie.lineage.mergers()] == [3, 4]
    check(movie)


def test_a_mother_and_her_daughters_in_mergers() -> None:
    paths = {
        1: line((24, 20), (24, 24), 0, 2),
        2: line((24, 38), (24, 38), 0, 6),
        3: line((16, 25), (16, 25), 3, 4) | line((12, 20), (8, 10), 5, 6),
        4: line((32, 25), (32, 25), 3, 4) | line((36, 20), (40, 10), 5, 6),
    }
    check(merge_disks(paths, divisions=((2, 1, 3, 4),)))


def test_tracks_that_begin_and_end_in_a_merger() -> None:
    paths = {
        1: line((24, 10), (24, 24), 0, 2) | line((24, 24), (24, 25), 3, 4),
        2: line((24, 37), (24, 37), 3, 5) | line((24, 42), (24, 62), 6, 8),
        3: line((8, 50), (6, 56), 0, 8),
    }
    found = check(merge_disks(paths))
    assert sorted(found.lineage.objects_of(1)) == [0, 1, 2, 3, 4]
    assert sorted(found.lineage.objects_of(2)) == [3, 4, 5, 6, 7, 8]


def test_tracks_that_were_mixed_up_in_a_merger_are_put_right() -> None:
    right = meeting()
    middle = right.lineage.mergers()[0][0] + 1
    rows = right.lineage.objects[["t", "object_id", "track_id"]].itertuples(index=False, name=None)
    wrong = Lineage.from_tables((t, i, 3 - k if t >= middle else k) for t, i, k in rows)
    assert wrong != right.lineage
    check(replace(right, lineage=wrong))


def test_a_gap_in_a_track_is_crossed() -> None:
    movie = meeting()
    rows = [row for row in movie.lineage.objects.to_numpy().tolist() if row[0] != 2]
    found = resolve(movie.detections, Lineage.from_tables(row[:3] for row in rows))
    assert not found.lineage.mergers()
    assert 2 not in found.lineage.objects_of(1)


def test_balls_with_thick_slices() -> None:
    one = line((24, 20, 8), (24, 20, 18), 0, 2) | line((24, 20, 18), (20, 16, 8), 3, 6)
    two = line((28, 26, 50), (28, 22, 31), 0, 2) | line((28, 22, 31), (28, 30, 50), 3, 6)
    check(merge_disks({1: one, 2: two}, shape=(14, 40, 60), scale=(4.0, 1.0, 1.0)))


# --------------------------------------------------------------------------- tiny ones
def tiny(frames: list[list[int]], tracks: list[dict[int, int]]) -> tuple[Detections, Lineage]:
    """Draw frames of one row; each track is given by its objects."""
    labels = np.array(frames, np.uint32)[:, None, :]
    rows = [(t, i, k) for k, track in enumerate(tracks, start=1) for t, i in track.items()]
    return nbt.detect(Movie.from_array(labels, axes="tyx")), Lineage.from_tables(rows)


@pytest.mark.parametrize("frames", [[0], [1], [2], [0, 1], [0, 1, 2]])
def test_a_merger_of_one_pixel_stays_shared(frames: list[int]) -> None:
    shown = [[0, 1, 0, 0] if t in frames else [1, 0, 2, 0] for t in range(3)]
    tracks = [{t: 1 if t in frames else k for t in range(3)} for k in (1, 2)]
    detections, lineage = tiny(shown, tracks)
    found = resolve(detections, lineage)
    assert found.lineage == lineage
    assert found.detections.table["original_id"].tolist() == detections.table["object_id"].tolist()


def test_three_tracks_share_two_pixels() -> None:
    detections, lineage = tiny(
        [[1, 0, 2, 0, 3], [0, 1, 1, 0, 0], [1, 0, 2, 0, 3]], [{0: k, 1: 1, 2: k} for k in (1, 2, 3)]
    )
    found = resolve(detections, lineage)
    found.lineage.check()
    assert found.detections.labels[1].tolist() == [[0, 2, 3, 0, 0]]
    assert [(t, len(tracks)) for t, _, tracks in found.lineage.mergers()] == [(1, 2)]
    assert all(sorted(found.lineage.objects_of(track)) == [0, 1, 2] for track in (1, 2, 3))
    assert found.detections.table["original_id"][found.detections.rows_of(1)].tolist() == [1, 1]


def test_two_tracks_on_two_pixels_get_one_each() -> None:
    detections, lineage = tiny([[1, 0, 0, 2], [0, 1, 1, 0], [1, 0, 0, 2]], [{0: k, 1: 1, 2: k} for k in (1, 2)])
    found = resolve(detections, lineage)
    assert found.lineage.objects_of(1) == {0: 1, 1: 2, 2: 1}
    assert found.lineage.objects_of(2) == {0: 2, 1: 3, 2: 2}


def test_an_object_that_the_labels_do_not_show_stays() -> None:
    detections, lineage = tiny([[1, 0, 0, 2], [0, 1, 1, 0], [1, 0, 0, 2]], [{0: k, 1: 1, 2: k} for k in (1, 2)])
    empty = replace(detections, labels=np.zeros((3, 1, 4), np.uint32))
    assert resolve(empty, lineage).lineage == lineage


# --------------------------------------------------------------------------- objects
def test_nothing_merged_changes_nothing_but_the_column() -> None:
    detections, lineage = tiny([[1, 0, 2], [1, 0, 2]], [{0: 1, 1: 1}, {0: 2, 1: 2}])
    found = resolve(detections, lineage)
    assert found.lineage == lineage
    assert found.lineage is not lineage
    assert found.detections.labels is detections.labels
    assert found.detections.table.drop(columns="original_id").equals(detections.table)


def test_new_objects_are_measured_and_the_others_left_alone() -> None:
    movie = meeting()
    raw = Movie.from_array(np.random.default_rng(0).normal(size=movie.truth_labels.shape), axes="tyx")
    names = ["radii", "eccentricity", "intensity_mean", "touches_border"]
    table = measure(movie.detections.labels, raw, features=names).assign(mine=1.5, p_count_0=0.0, p_count_1=0.2)
    detections = replace(movie.detections, table=table.assign(p_count_2=0.8, p_division=0.1))
    found = resolve(detections, movie.lineage, raw).detections
    again = measure(found.labels, raw, features=names)
    assert np.allclose(found.table[again.columns], again)
    assert (found.table.dtypes[: len(again.columns)] == again.dtypes).all()
    new = found.table["original_id"] != found.table["object_id"]
    assert found.table.loc[new, ["mine", "p_count_0", "p_count_1", "p_count_2", "p_division"]].to_numpy().tolist() == [
        [1.5, 0.0, 1.0, 0.0, 0.1]
    ] * int(new.sum())
    assert (found.table.loc[~new, "p_count_1"] == 0.2).all()
    blind = resolve(detections, movie.lineage).detections.table
    assert blind.loc[new, "intensity_mean"].isna().all()
    assert blind.loc[~new, "intensity_mean"].notna().all()
    assert blind["eccentricity"].equals(found.table["eccentricity"])


def test_new_ids_are_above_those_of_their_frame_even_of_objects_outside_the_table() -> None:
    movie = meeting()
    t, merged, _ = movie.lineage.mergers()[0]
    labels = np.stack([np.array(movie.detections.labels[i]) for i in range(7)])
    labels[t, 0, 0] = 40
    found = resolve(replace(movie.detections, labels=labels), movie.lineage).detections
    assert found.table["object_id"][found.rows_of(t)].tolist() == [41, 42]
    assert found.table["original_id"][found.rows_of(t)].tolist() == [merged, merged]
    assert found.labels[t][0, 0] == 40


def test_where_ids_are_used_up_the_smallest_free_ones_are_taken() -> None:
    largest = 2**32 - 1
    detections, lineage = tiny(
        [[1, 0, 2, 0, 3], [largest, largest, 0, 0, 1], [1, 0, 2, 0, 3]],
        [{0: 1, 1: largest, 2: 1}, {0: 2, 1: largest, 2: 2}, {0: 3, 1: 1, 2: 3}],
    )
    found = resolve(detections, lineage).detections
    assert found.labels[1].tolist() == [[2, 3, 0, 0, 1]]


def test_frames_are_read_once_for_cutting_and_then_only_when_asked_for() -> None:
    movie = meeting(21)
    asked: list[int] = []

    class Frames:
        def __len__(self) -> int:
            return 21

        def __getitem__(self, t: int) -> np.ndarray:
            asked.append(t)
            return np.array(movie.detections.labels[t])

    found = resolve(replace(movie.detections, labels=Frames()), movie.lineage).detections
    merged = [t for t, *_ in movie.lineage.mergers()]
    assert asked == [merged[0] - 1, *merged, merged[-1] + 1]
    assert len(np.unique(found.labels[merged[0]])) == 3
    assert asked[-1] == merged[0]
    assert len(asked) == len(merged) + 3


def test_the_input_stays_and_the_same_input_gives_the_same_answer() -> None:
    movie = meeting()
    table, lineage = movie.detections.table.copy(), movie.lineage.copy()
    first, second = (resolve(movie.detections, movie.lineage) for _ in range(2))
    assert movie.lineage == lineage
    assert movie.detections.table.equals(table)
    assert first.lineage == second.lineage
    assert first.detections.table.equals(second.detections.table)


def test_parts_that_are_merged_again_remember_the_first_object() -> None:
    movie = meeting()
    once = resolve(movie.detections, movie.lineage)
    t, merged, _ = movie.lineage.mergers()[0]
    part = once.lineage.object_at(1, t)
    rows = [(f, part if f == t else i, k) for f, i, k, _ in once.lineage.objects.to_numpy().tolist()]
    twice = resolve(once.detections, Lineage.from_tables(rows)).detections
    assert twice.table["original_id"][twice.rows_of(t)].tolist() == [merged] * 3


def test_a_lineage_of_other_objects_is_refused() -> None:
    movie = meeting()
    lineage = movie.lineage.copy()
    for track in (8, 9):
        lineage.assign(1, 77, track)
    with pytest.raises(InputError, match="`lineage` has object 77 in frame 1, which is not among the detections"):
        resolve(movie.detections, lineage)


# --------------------------------------------------------------------------- results and sessions
def test_a_result_gets_all_its_tables_anew() -> None:
    movie = meeting()
    result = nbt.track(movie.detections, nbt.TrackingParams(preset="conservation", alpha=30.0, divisible=False))
    assert len(result.mergers) == len(movie.lineage.mergers())
    found = nbt.resolve_mergers(result)
    assert isinstance(found, nbt.TrackingResult)
    assert found.report is result.report
    assert found.mergers.empty
    assert found.objects["count"].tolist() == [1] * 14
    assert found.objects[["t", "object_id"]].equals(found.detections.table[["t", "object_id"]])
    assert len(found.links) == 12
    assert (found.links["count"] == 1).all()
    old = result.links.set_index(["t", "source_id", "target_id"])["energy"]
    kept = found.links[found.links["energy"].notna()]
    assert 0 < len(kept) < 12
    for row in kept.itertuples():
        assert old[row.t, row.source_id, row.target_id] == row.energy
    assert found.appearances.empty
    assert found.disappearances.empty
    assert "0 mergers" in repr(found)
    assert len(result.mergers)
    assert all(getattr(found, name).dtypes.equals(getattr(result, name).dtypes) for name in ("objects", "links"))


def test_tables_without_mergers_are_those_of_the_tracker() -> None:
    labels = np.zeros((5, 60, 60), np.uint32)
    for t in range(5):
        labels[t, 10:16, 10 + t : 16 + t] = 1
        if t in (1, 2):
            labels[t, 40:46, 30:36] = 2
        if t > 2:
            labels[t, 20:26, 10 + t : 16 + t] = 3
    labels[3:, 6:9, 10:30] = 0
    result = nbt.track(nbt.detect(Movie.from_array(labels, axes="tyx")), nbt.TrackingParams(appearance=20.0))
    found = nbt.resolve_mergers(result)
    for name in ("objects", "links", "divisions", "mergers", "appearances", "disappearances", "false_detections"):
        left, right = getattr(found, name), getattr(result, name)
        assert left.sort_values(list(left.columns[:2]), ignore_index=True).equals(
            right.sort_values(list(right.columns[:2]), ignore_index=True)
        ), name


def test_a_session_is_resolved_and_written(tmp_path: Path) -> None:
    movie = meeting()
    session = nbt.Session(None, movie.detections, movie.lineage)
    found = nbt.resolve_mergers(session)
    assert isinstance(found, Resolved)
    nbt.write(found, tmp_path / "ctc", format="ctc")
    assert (tmp_path / "ctc" / "res_track.txt").read_text() == "1 0 6 0\n2 0 6 0\n"
    nbt.Session(None, found.detections, found.lineage)


def test_resolving_raises_the_measures(tmp_path: Path) -> None:
    pytest.importorskip("ctc_metrics")
    movie = meeting(9)
    truth = replace(movie.detections, labels=movie.truth_labels, table=measure(Movie.from_array(movie.truth_labels)))
    nbt.write(Resolved(truth, movie.truth), tmp_path / "truth", format="ctc")
    scores = []
    for k, answer in enumerate((Resolved(movie.detections, movie.lineage), resolve(movie.detections, movie.lineage))):
        nbt.write(answer, tmp_path / str(k), format="ctc")
        scores.append(nbt.evaluate(tmp_path / str(k), tmp_path / "truth"))
    for name in ("TRA", "DET", "LNK", "CHOTA"):
        assert scores[0][name] < 0.95
        assert scores[1][name] == pytest.approx(1.0)


# --------------------------------------------------------------------------- real movies
def ctc_of(result: nbt.TrackingResult, folder: Path) -> tuple[str, list[list[int]]]:
    """Resolve and write; give the tracks and the labels of each mask."""
    nbt.write(nbt.resolve_mergers(result), folder, format="ctc")
    masks, _ = nbt.read(str(folder / "mask*.tif")), None
    return (folder / "res_track.txt").read_text(), [np.unique(masks[t])[1:].tolist() for t in range(len(masks))]


def labels_of(project: Path) -> Detections:
    with h5py.File(project) as file:
        group = file["TrackingFeatureExtraction/LabelImage/0000"]
        return nbt.detect(Movie.from_array(np.array([group[name][0, ..., 0, 0] for name in sorted(group)])))


def test_small_video(real_data: Path, tmp_path: Path) -> None:
    movie = nbt.read(real_data / "ilastik_fixtures" / "smallVideoSimpleSegmentation.h5")
    result = nbt.track(nbt.segment(movie, sigma=0, threshold=0), nbt.TrackingParams())
    tracks, masks = ctc_of(result, tmp_path / "ctc")
    assert tracks == "1 0 4 0\n2 0 6 0\n3 0 6 0\n4 5 6 1\n5 5 6 1\n"
    assert masks == [[1, 2, 3]] * 5 + [[2, 3, 4, 5]] * 2
    found = nbt.resolve_mergers(result)
    sizes = found.detections.table.loc[found.detections.table["t"].isin([1, 2]), "size"]
    assert sizes.between(3400, 3800).all()
    nbt.write(found, tmp_path / "csv", format="csv")
    lines = (tmp_path / "csv" / "objects.csv").read_text().splitlines()
    assert len(lines) == 1 + 23
    merged = [int(line.split(",")[5]) for line in lines[1:]]
    assert merged == [0, 0, 0, 0, 1, 1, 0, 2, 2, *[0] * 14]
    assert "original" not in lines[0]


def test_reference_merger(real_data: Path, tmp_path: Path) -> None:
    detections = labels_of(real_data / "ilastik_fixtures" / "hytra_merger" / "tracking.ilp")
    tracks, masks = ctc_of(nbt.track(detections, nbt.TrackingParams()), tmp_path / "ctc")
    assert tracks == "1 0 3 0\n2 0 3 0\n"
    assert masks == [[1, 2]] * 4


def test_reference_division(real_data: Path, tmp_path: Path) -> None:
    detections = labels_of(real_data / "ilastik_fixtures" / "hytra_division" / "tracking.ilp")
    params = nbt.TrackingParams(preset="conservation", alpha=35.0, objects_per_merger=1)
    tracks, masks = ctc_of(nbt.track(detections, params), tmp_path / "ctc")
    assert tracks == "1 0 1 0\n2 2 3 1\n3 2 3 1\n"
    assert masks == [[1], [1], [2, 3], [2, 3]]
