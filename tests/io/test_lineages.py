"""What is exported comes back, up to what each format can hold."""

import logging
import random
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import tifffile
from cases import divisions_of, tracks_of
from export_cases import detections_from, everything

import nbtrack as nbt
from nbtrack.data.lineage import Lineage
from nbtrack.errors import InputError
from nbtrack.io.registry import LINEAGE_READERS, read_lineage

FILES = Path(__file__).parent / "files"


def without(lineage, *, false=True, mergers=False, divisions=False):
    """Take from a lineage what a format does not hold; a merger keeps its first track."""
    rows = [(t, i, k) for t, i, k in lineage.objects[["t", "object_id", "track_id"]].to_numpy().tolist() if k > 0]
    if mergers:
        rows = [(t, i, k) for t, i, k in rows if lineage.tracks_at(t, i)[0] == k]
    parts = [] if divisions else [(d.t, d.parent_track_id, *d.children) for d in lineage.divisions.values()]
    return Lineage.from_tables(rows, parts, [] if false else [(t, i) for t in range(9) for i in lineage.false_at(t)])


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("name", ["out", "table.csv"])
def test_table_brings_everything_back(ndim, name, tmp_path):
    case = everything(ndim)
    nbt.write(case, tmp_path / name, "csv")
    assert read_lineage(tmp_path / name, case.detections) == case.lineage


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("image", ["tracks.tif", "tracks.h5", "tracks"])
def test_track_image_with_divisions_and_mergers_brings_everything_back(ndim, image, tmp_path):
    case = everything(ndim)
    nbt.write(case, tmp_path / image, "labels")
    nbt.write(case, tmp_path / "events", "events-csv")
    found = read_lineage(tmp_path / "events", case.detections, track_image=tmp_path / image)
    assert found == case.lineage
    assert read_lineage(
        tmp_path / "events", case.detections, format="events-csv", track_image=nbt.read(tmp_path / image)
    ) == found  # fmt: skip


def test_one_table_of_events_is_enough(tmp_path):
    case = everything()
    nbt.write(case, tmp_path / "t.tif", "labels")
    assert [p.name for p in nbt.write(case, tmp_path / "d.csv", "divisions-csv")] == ["d.csv"]
    assert [p.name for p in nbt.write(case, tmp_path / "m", "mergers-csv")] == ["mergers.csv"]
    divided = read_lineage(tmp_path / "d.csv", case.detections, track_image=tmp_path / "t.tif")
    assert divided == without(case.lineage, false=False, mergers=True)
    merged = read_lineage(tmp_path / "m", case.detections, track_image=tmp_path / "t.tif")
    assert merged == without(case.lineage, false=False, divisions=True)
    with pytest.raises(InputError, match=r"d.csv` exists already"):
        nbt.write(case, tmp_path / "d.csv", "divisions-csv")


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("name", ["a.tif", "a.h5", "a"])
def test_track_image_alone(ndim, name, tmp_path):
    case = everything(ndim)
    nbt.write(case, tmp_path / name, "labels")
    right = without(case.lineage, false=False, mergers=True, divisions=True)
    assert read_lineage(tmp_path / name, case.detections) == right
    assert read_lineage(nbt.read(tmp_path / name), case.detections) == right


@pytest.mark.parametrize("ndim", [2, 3])
def test_events_bring_back_all_but_the_numbers_and_false_detections(ndim, tmp_path):
    case = everything(ndim)
    nbt.write(case, tmp_path / "out", "events-h5")
    found = read_lineage(tmp_path / "out", case.detections)
    found.check()
    assert tracks_of(found) == tracks_of(case.lineage)
    assert divisions_of(found) == divisions_of(case.lineage)
    assert [row[:2] for row in found.mergers()] == [row[:2] for row in case.lineage.mergers()]
    assert not found.false_at(0)


@pytest.mark.parametrize("ndim", [2, 3])
def test_challenge_folder_brings_back_the_first_tracks(ndim, tmp_path):
    case = everything(ndim)
    nbt.write(case, tmp_path / "out", "ctc")
    found = read_lineage(tmp_path / "out", case.detections)
    right = without(case.lineage, mergers=True)
    assert tracks_of(found) == tracks_of(right)
    assert divisions_of(found) == divisions_of(right)


def test_truth_on_another_segmentation(tmp_path, caplog):
    """Markers smaller than the objects, two of them in one object; one lies on nothing."""
    frame = np.zeros((12, 20), np.uint32)
    frame[2:8, 2:14], frame[9:11, 2:5] = 7, 9
    marks = np.zeros((12, 20), np.uint16)
    marks[3:5, 3:5], marks[3:5, 10:12], marks[2:4, 16:18] = 1, 2, 3
    for t in range(2):
        tifffile.imwrite(tmp_path / f"man_track{t:03d}.tif", marks, photometric="minisblack")
    (tmp_path / "man_track.txt").write_text("1 0 1 0\n2 0 1 0\n3 0 1 0\n")
    with caplog.at_level(logging.WARNING, "nbtrack"):
        found = read_lineage(tmp_path, detections_from([frame, frame]))
    assert found.tracks_at(0, 7) == (1, 2)
    assert found.tracks_at(0, 9) == ()
    assert "2 of 6 labels lie on no object and are left out" in caplog.text


def test_division_without_a_child_on_an_object_is_left_out(tmp_path, caplog):
    case = everything()
    nbt.write(case, tmp_path / "out", "ctc")
    frames = [np.where(np.asarray(f) == 5, 0, f) for f in case.detections.labels]
    with caplog.at_level(logging.WARNING, "nbtrack"):
        found = read_lineage(tmp_path / "out", detections_from(frames))
    assert not found.divisions
    assert "a division is left out. Child track" in caplog.text


def test_files_of_the_first_version_stay_readable():
    case = everything()
    first = case.lineage
    assert read_lineage(FILES / "csv", case.detections) == first
    assert read_lineage(
        FILES / "csv", case.detections, format="events-csv", track_image=FILES / "labels.tif"
    ) == first  # fmt: skip
    assert tracks_of(read_lineage(FILES / "ctc", case.detections)) == tracks_of(without(first, mergers=True))


def test_session_goes_on_from_what_was_read(tmp_path):
    case = everything()
    nbt.write(nbt.Session(case.movie, case.detections, case.lineage), tmp_path / "out", "csv")
    session = nbt.Session(case.movie, case.detections, read_lineage(tmp_path / "out", case.detections))
    assert session.next_unlabeled() == (5, 7)


# ------------------------------------------------------------------ what is refused
def test_image_by_lineage_is_told(tmp_path):
    case = everything()
    lineage = Lineage.from_tables([(0, 1, 1), (1, 1, 2), (1, 2, 3)], [(0, 1, 2, 3)])
    nbt.write(SimpleNamespace(lineage=lineage, detections=case.detections), tmp_path / "a.tif", "labels", by="lineage")
    with pytest.raises(InputError, match=r"has the value 1 on the objects \d and \d of frame 1, but a track has one"):
        read_lineage(tmp_path / "a.tif", case.detections)


def test_images_of_another_movie_are_told(tmp_path):
    case = everything()
    nbt.write(case, tmp_path / "a.tif", "labels")
    small = detections_from([np.eye(4, dtype=int)] * 6)
    with pytest.raises(
        InputError, match=r"a.tif` has 6 frames of shape \(12, 14\), but the objects are in 6 frames of"
    ):
        read_lineage(tmp_path / "a.tif", small)
    elsewhere = np.zeros((12, 14), int)
    elsewhere[11, 13] = 1
    with pytest.raises(InputError, match="has no label that lies on one of the objects"):
        read_lineage(tmp_path / "a.tif", detections_from([elsewhere] * 6))
    floats = nbt.read(np.zeros((6, 12, 14)))
    with pytest.raises(InputError, match=r"`movie` must hold label images, whole numbers in one channel: got float64"):
        read_lineage(floats, case.detections)


def test_other_objects_are_told(tmp_path):
    case = everything()
    nbt.write(case, tmp_path / "a.csv", "csv")
    fewer = detections_from([np.where(np.asarray(f) == 3, 0, f) for f in case.detections.labels])
    with pytest.raises(InputError, match=r"a.csv` names object 3 of frame 0, which is not among the objects. Give the"):
        read_lineage(tmp_path / "a.csv", fewer)


def test_format_is_told_or_found(tmp_path):
    case = everything()
    with pytest.raises(InputError, match="`format` is 'xml', but must be one of: ctc, csv, labels"):
        read_lineage(tmp_path, case.detections, format="xml")
    with pytest.raises(
        InputError, match=r"has no lineage: none of 00000.h5, .* is in it. Choose another folder, or say"
    ):
        read_lineage(tmp_path, case.detections)
    with pytest.raises(InputError, match="does not exist"):
        read_lineage(tmp_path / "none.tif", case.detections)
    with pytest.raises(InputError, match=r"none.csv` cannot be read as a CSV table"):
        read_lineage(tmp_path / "none.csv", case.detections, format="csv")
    for options in ({"format": "events-csv"}, {"format": "ctc", "track_image": "a.tif"}):
        with pytest.raises(InputError, match='`track_image` goes with the format "events-csv" alone'):
            read_lineage(tmp_path, case.detections, **options)


DIVISIONS = "timestep_parent,track_id_parent,track_id_child1,track_id_child2\n"
MERGERS = "timestep,object_id,track_ids\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "begins with '', but a list of divisions with timestep_parent"),
        ("a,b\n1,2\n", "begins with 'a,b', but a list of divisions"),
        (DIVISIONS + "1,1,3\n", r"has '1,1,3' in line 2, which is not timestep_parent,.* as whole numbers. Mend"),
        (DIVISIONS + "1,1,3,x\n", "has '1,1,3,x' in line 2"),
        (DIVISIONS + "4,1,3,4\n", "holds no valid lineage: Track 1 must end in frame 4 to divide there"),
        (MERGERS + "1,2,2;\n", "has '1,2,2;' in line 2, which is not timestep,object_id,track_ids as whole"),
        (MERGERS + "1,2,2;1\n", "holds no valid lineage: Track 1 already has object 1 in frame 1"),
        (MERGERS + "1,99,2;77\n", "holds no valid lineage: Track 2 already has"),
        (MERGERS + "1,99,76;77\n", "names object 99 of frame 1, which is not among the objects"),
        (b"\xff\xfe\x00", "cannot be read as a CSV table"),
    ],
)
def test_damaged_tables_are_told(text, words, tmp_path):
    case = everything()
    nbt.write(case, tmp_path / "a.tif", "labels")
    (tmp_path / "e.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=words):
        read_lineage(tmp_path / "e.csv", case.detections, format="events-csv", track_image=tmp_path / "a.tif")


def test_folder_without_events_is_told(tmp_path):
    case = everything()
    nbt.write(case, tmp_path / "a.tif", "labels")
    with pytest.raises(InputError, match=r"has neither divisions.csv nor mergers.csv. Choose the folder or one file"):
        read_lineage(tmp_path, case.detections, format="events-csv", track_image=tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("MultiFrameMoves", [[1, 1, 7]], "holds events that cannot be: a move back in time"),
        ("Mergers", [[1, 4_000_000_000]], "holds events that cannot be: .* an object with more than 1000 tracks"),
        ("Splits", [[1, 5]], "cannot be read as a file of events: cannot reshape"),
    ],
)
def test_events_that_cannot_be_are_told(name, values, words, tmp_path):
    case = everything()
    nbt.write(case, tmp_path / "out", "events-h5")
    with h5py.File(tmp_path / "out" / "00002.h5", "a") as file:
        file.pop(f"tracking/{name}", None)
        file[f"tracking/{name}"] = np.array(values, np.uint32)
    with pytest.raises(InputError, match=words):
        read_lineage(tmp_path / "out", case.detections)


def test_links_to_other_files_are_not_followed(tmp_path):
    case = everything()
    nbt.write(case, tmp_path / "out", "events-h5")
    (tmp_path / "out" / "00001.h5").rename(tmp_path / "secret.h5")
    with h5py.File(tmp_path / "out" / "00001.h5", "w") as file:
        file["segmentation"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "segmentation")
        file["tracking/Moves"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "tracking/Moves")
    with pytest.raises(InputError, match=r"cannot be read as a file of events: 'tracking/Moves' is a link to another"):
        read_lineage(tmp_path / "out", case.detections)
    with h5py.File(tmp_path / "out" / "00001.h5", "a") as file:
        del file["tracking"]
        layout = h5py.VirtualLayout((1, 2), "u4")
        layout[:] = h5py.VirtualSource(str(tmp_path / "secret.h5"), "tracking/Moves", (3, 2))[:1]
        file.create_virtual_dataset("tracking/Moves", layout)
    with pytest.raises(InputError, match="the values of 'tracking/Moves' lie in another file"):
        read_lineage(tmp_path / "out", case.detections)
    with h5py.File(tmp_path / "out" / "00001.h5", "a") as file:
        del file["tracking"]
        file["tracking/Moves/inner"] = 1
    with pytest.raises(InputError, match="'tracking/Moves' is not a dataset"):
        read_lineage(tmp_path / "out", case.detections)


@pytest.mark.parametrize("format", sorted(LINEAGE_READERS))
def test_cut_or_changed_files_end_in_a_sentence(format, tmp_path):
    """Damage files at random: what comes is an InputError or a valid lineage, never another exception."""
    if format == "geff":
        pytest.importorskip("zarr")
    case = everything()
    options = {}
    if format == "events-csv":
        nbt.write(case, tmp_path / "t.tif", "labels")
        options["track_image"] = tmp_path / "t.tif"
    path = tmp_path / {"labels": "a.h5", "ilp": "a.ilp"}.get(format, "out")
    (write_ilp if format == "ilp" else lambda p: nbt.write(case, p, format))(path)
    files = sorted(p for p in path.rglob("*") if p.is_file() and p.suffix != ".json") if path.is_dir() else [path]
    chance, said = random.Random(5), []
    for _ in range(25):
        file = chance.choice(files)
        whole = file.read_bytes()
        damaged = bytearray(whole[: chance.choice([len(whole), chance.randrange(len(whole))])])
        for _ in range(chance.choice([1, 20])):
            if damaged:
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        file.write_bytes(damaged)
        try:
            read_lineage(path, case.detections, format=format, **options).check()
        except InputError as error:
            said.append(str(error))
        file.write_bytes(whole)
    assert said
    assert all(text.endswith(".") for text in said)


# ------------------------------------------------------------------ projects of ilastik
def write_ilp(path, *, group="ManualTracking", divisions=((1, 3, 4, 1),), lanes=("0",)):
    """Write the case `everything` as the manual tracking of a project."""
    lineage = everything().lineage
    with h5py.File(path, "w") as file:
        for lane in lanes:
            for t in range(6):
                labels = file.require_group(f"{group}/Labels/{lane}/{t}")
                for object_id, tracks in lineage.labelled(t).items():
                    labels[str(object_id)] = np.array(tracks)
                for object_id in lineage.false_at(t):
                    labels[str(object_id)] = np.array([-1])
            if divisions:
                file[f"{group}/Divisions/{lane}"] = np.array(divisions)


@pytest.mark.parametrize("group", ["ManualTracking", "Manual Tracking", "TrackingAnnotations"])
def test_manual_tracking_of_a_project(group, tmp_path):
    case = everything()
    write_ilp(tmp_path / "a.ilp", group=group)
    assert read_lineage(tmp_path / "a.ilp", case.detections) == case.lineage
    write_ilp(tmp_path / "b.ilp", group=group, divisions=())
    assert not read_lineage(tmp_path / "b.ilp", case.detections).divisions


def test_projects_that_do_not_fit_are_told(tmp_path):
    case = everything()
    path = tmp_path / "a.ilp"
    write_ilp(path, group="ConservationTracking")
    with pytest.raises(InputError, match=r"has no manual tracking: none of 'ManualTracking', .* Open a project of"):
        read_lineage(path, case.detections)
    write_ilp(path, lanes=("0", "1"))
    with pytest.raises(InputError, match=r"has manual tracking of 2 movies, but one can be read"):
        read_lineage(path, case.detections)
    write_ilp(path, divisions=[(1, 3, 4, 4)])
    with pytest.raises(InputError, match=r"holds no valid lineage: Track 1 must end in frame 4 .* Mend that in the"):
        read_lineage(path, case.detections)
    path.write_bytes(b"not HDF5")
    with pytest.raises(InputError, match=r"a.ilp` cannot be read"):
        read_lineage(path, case.detections)


def test_project_of_the_reference(request):
    name = "mitocheckStructuredLearningTrackingHytraWithDivisions.ilp"
    path = request.config.rootpath.parent / "shared" / "data" / "ilastik_fixtures" / "projects" / name
    if not path.exists():
        pytest.skip(f"{name} is not here")
    with h5py.File(path) as file:
        blocks = file["TrackingFeatureExtraction/LabelImage_v2/labelimage000"]
        frames = np.zeros((9, 99, 105), np.uint32)
        for block in blocks.values():
            t, x, y, *_ = [
                slice(*map(int, part.split(":"))) for part in block.attrs["blockSlice"].strip("[]").split(",")
            ]
            frames[t, x, y] = block[..., 0, 0]
    found = read_lineage(path, detections_from(frames))
    assert divisions_of(found)
    assert found.is_false(4, 3)
