"""Projects of ilastik as a whole: what they hold, what is refused, and files of ours in their layout."""

import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest
from export_cases import everything, same_labels, tracked

import nbtrack as nbt
from nbtrack.errors import InputError
from nbtrack.io.ilp import read_ilp_labels, read_ilp_objects
from nbtrack.io.ilp_export import write_ilp
from nbtrack.io.ilp_project import describe_ilastik
from nbtrack.io.ilp_tracks import read_ilp_lineage

FILES = Path(__file__).parent / "files" / "tracks"


class Bomb:
    """Calls a function when it is unpickled."""

    def __reduce__(self):
        return Path.unlink, (Path("harmless"),)


def write_manual_project(path):
    """Write a project of the manual tracking workflow as it is documented, by hand: two cells, one divides."""
    labels = np.zeros((4, 10, 12), np.uint32)
    labels[:2, 2:4, 2:5], labels[2:, 2:4, 1:3], labels[2:, 2:4, 5:7] = 1, 1, 2
    labels[:, 7:9, 7:9] = 3
    labels[3, 0, 11] = 4
    with h5py.File(path, "w") as file:
        file["ilastikVersion"], file["workflowName"] = b"1.4.0", b"Manual Tracking Workflow"
        for t, frame in enumerate(labels):
            name = f"TrackingFeatureExtraction/LabelImage_v2/labelimage000/block{t:04}"
            block = file.create_dataset(name, data=frame.T[None, :, :, None, None])
            block.attrs["blockSlice"] = f"[{t}:{t + 1},0:12,0:10,0:1,0:1]"
        for t, object_id, tracks in (
            *[(0, 1, [1]), (1, 1, [1]), (2, 1, [2]), (2, 2, [3]), (3, 1, [2]), (3, 2, [3])],
            *[(0, 3, [4]), (1, 3, [4, 5]), (2, 3, [4]), (3, 4, [-1])],
        ):
            file[f"ManualTracking/Labels/0/{t}/{object_id}"] = np.array(tracks)
        file["ManualTracking/Divisions/0"] = np.array([[1, 2, 3, 1]])
        file["ManualTracking/StorageVersion"] = b"0.1"
        info = file.create_group("Input Data/infos/lane0000/Raw Data")
        info["filePath"], info["nickname"], info["axisorder"] = b"../../raw.h5/data", b"raw", b"tyxc"
    return labels


def test_manual_tracking_in_the_documented_layout(tmp_path):
    labels = write_manual_project(tmp_path / "a.ilp")
    found = nbt.read_tracks(tmp_path / "a.ilp")
    found.lineage.check()
    assert found.lineage.tracks_at(1, 3) == (4, 5)
    assert found.lineage.is_false(3, 4)
    assert [tuple(d.__dict__.values()) for d in found.lineage.divisions.values()] == [(1, 1, 2, 3)]
    assert same_labels(found.detections.labels, labels)
    about = nbt.describe_ilastik(tmp_path / "a.ilp")
    assert (about.workflow, about.version) == ("Manual Tracking Workflow", "1.4.0")
    assert about.inputs == {"Raw Data": {"path": "../../raw.h5/data", "name": "raw", "axes": "tyxc"}}
    assert about.divisions == [(1, 2, 3, 1)]
    assert len(about.labels) == 11
    assert about.label_shape == (4, 10, 12)
    with pytest.raises(InputError, match=r"has no parameters of an automatic tracking"):
        about.tracking_params()
    with pytest.raises(InputError, match=r"has no settings of a thresholding"):
        about.segmentation_params()


# ------------------------------------------------------------------ out
@pytest.mark.parametrize("ndim", [2, 3])
def test_what_was_written_is_read_back(ndim, tmp_path):
    case = tracked(ndim)
    assert nbt.write(case, tmp_path / "a.ilp", format="ilp") == [tmp_path / "a.ilp"]
    found = nbt.read_tracks(tmp_path / "a.ilp", scale=case.detections.scale)
    assert found.lineage == case.lineage
    assert same_labels(found.detections.labels, case.detections.labels)
    assert nbt.read_lineage(tmp_path / "a.ilp", case.detections) == case.lineage
    about = describe_ilastik(tmp_path / "a.ilp")
    assert about.tracking_params() == case.params
    assert about.events == {"mov": 7, "div": 1, "app": 2, "dis": 4, "merger": 2, "multiMove": 4}


def test_any_viewer_shows_the_documented_layout(tmp_path):
    write_ilp(tracked(), tmp_path / "a.ilp")
    with h5py.File(tmp_path / "a.ilp") as file:
        assert file["ManualTracking/Labels/0/1/2"][:].tolist() == [2, 5]
        assert file["ManualTracking/Labels/0/0/9"][:].tolist() == [-1]
        assert file["ManualTracking/Divisions/0"][:].tolist() == [[1, 3, 4, 1]]
        events = file["ConservationTracking/EventsVector/0000"]
        assert events["1/mov"][:].tolist() == [[1, 1, 1.5], [2, 2, 2.5], [3, 2, 3.5]]
        assert events["2/div"][:].tolist() == [[1, 5, 1, 12.5]]
        assert events["1/merger"][:].tolist() == [[2, 2, 0]]
        assert events["3/dis"][:].tolist() == [[1, 0]]  # an object of frame 2 that is not there in frame 3
        assert file["ConservationTracking/Parameters/appearanceCost"][()] == 500
        block = file["TrackingFeatureExtraction/LabelImage_v2/labelimage000/block0002"]
        assert (block.shape, block.attrs["blockSlice"]) == ((1, 14, 12, 1, 1), "[2:3,0:14,0:12,0:1,0:1]")


def test_a_session_has_no_automatic_part(tmp_path):
    case = everything()
    nbt.write(nbt.Session(case.movie, case.detections, case.lineage), tmp_path / "a.ilp", format="ilp")
    with h5py.File(tmp_path / "a.ilp") as file:
        assert "ConservationTracking" not in file
        assert file["workflowName"].asstr()[()] == "Manual Tracking Workflow"
    assert read_ilp_lineage(tmp_path / "a.ilp") == case.lineage


def test_events_alone_give_the_tracks_back(tmp_path):
    case = tracked()
    write_ilp(case, tmp_path / "a.ilp")
    with h5py.File(tmp_path / "a.ilp", "a") as file:
        del file["ManualTracking"]
    found = read_ilp_lineage(tmp_path / "a.ilp")
    found.check()
    assert [d.t for d in found.divisions.values()] == [1]
    assert [(t, i, len(tracks)) for t, i, tracks in found.mergers()] == [(1, 2, 2), (2, 2, 2)]
    assert sorted(found.tracks["t_end"]) == [1, 2, 3, 5, 5]


def test_a_full_disk_is_met_by_no_hdf5(tmp_path, monkeypatch):
    from nbtrack.data import storage

    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(storage.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(InputError, match=r"a\.ilp` could not be written: .*No space left on device"):
        write_ilp(everything(), tmp_path / "a.ilp")
    assert not any(tmp_path.iterdir())


# ------------------------------------------------------------------ refused
READERS = (describe_ilastik, read_ilp_lineage, nbt.read_tracks)


@pytest.mark.parametrize("read", READERS)
def test_empty_and_cut_projects_are_refused(read, tmp_path):
    path = tmp_path / "a.ilp"
    with pytest.raises(InputError, match=r"a\.ilp` does not exist"):
        read(path)
    path.write_bytes(b"")
    with pytest.raises(InputError, match=r"a\.ilp` cannot be read: .* damaged or cut short"):
        read(path)
    write_manual_project(path)
    whole = path.read_bytes()
    for size in (len(whole) // 3, len(whole) - 100):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match=r"a\.ilp` cannot be read: .* damaged or cut short"):
            read(path)
    h5py.File(path, "w").close()
    with pytest.raises(InputError, match=r"is no project of ilastik: it has neither|has no manual tracking: none of"):
        read(path)


PLACES = (
    "ManualTracking/Labels/0/0/1",
    "ManualTracking/Divisions/0",
    "TrackingFeatureExtraction/LabelImage_v2/labelimage000/block0001",
    "CountClassification/LabelInputs/0000/0",
    "DivisionDetection/CachedProbabilities/0000/1",
    "ConservationTracking/EventsVector/0000/1/mov",
    "ConservationTracking/Parameters/appearanceCost",
    "StructuredTracking/DetectionWeight/0000",
    "ThresholdTwoLevels/LowThreshold",
    "Input Data/infos/lane0000/Raw Data/filePath",
    "workflowName",
)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", ["void", "text"])
def test_a_pickle_in_any_place_is_not_opened(place, kind, tmp_path, monkeypatch):
    """A malicious project: where a number belongs there is a pickle that would delete a file."""
    monkeypatch.chdir(tmp_path)
    Path("harmless").touch()
    write_manual_project("a.ilp")
    payload = pickle.dumps(Bomb(), protocol=0)
    with h5py.File("a.ilp", "a") as file:
        if place in file:
            del file[place]
        file[place] = np.void(payload) if kind == "void" else payload.replace(b"\0", b" ").decode("latin-1")
    said = []
    for read in (describe_ilastik, read_ilp_lineage, read_ilp_objects, nbt.read_tracks, nbt.read_ilastik):
        try:
            read("a.ilp")
        except InputError as error:
            said.append(str(error))
    assert Path("harmless").exists()
    assert all(text.endswith(".") for text in said)
    if kind == "void" and place != "ConservationTracking/EventsVector/0000/1/mov":
        assert any("cannot be read" in text for text in said)


def test_links_to_other_files_and_bombs_of_size_are_refused(tmp_path):
    path = tmp_path / "a.ilp"
    write_manual_project(path)
    with h5py.File(path, "a") as file:
        del file["ManualTracking/Divisions/0"]
        file["ManualTracking/Divisions/0"] = h5py.ExternalLink("/etc/hostname", "/x")
    with pytest.raises(InputError, match=r"cannot be read: .* is a link to another place"):
        read_ilp_lineage(path)
    write_manual_project(path)
    with h5py.File(path, "a") as file:
        del file["ManualTracking/Divisions/0"]
        file.create_dataset(
            "ManualTracking/Divisions/0", (2**40, 4), "i8", chunks=(1024, 4)
        )  # takes no room in the file
    with pytest.raises(InputError, match=r"has 4398046511104 numbers, more than 10000000"):
        read_ilp_lineage(path)


def test_bombs_of_size_among_labels_are_refused(tmp_path):
    path = tmp_path / "a.ilp"
    write_manual_project(path)
    with h5py.File(path, "a") as file:
        file.create_dataset("CountClassification/LabelInputs/0000/0", (2**40,), "f8", chunks=(1024,))
    with pytest.raises(InputError, match=r"has 1099511627776 numbers, more than 10000000"):
        read_ilp_objects(path)
    with h5py.File(path, "a") as file:
        name = "TrackingFeatureExtraction/LabelImage_v2/labelimage000/block0001"
        del file[name]
        block = file.create_dataset(name, (1, 2**30, 2**30, 1, 1), "u4", chunks=(1, 1024, 1024, 1, 1))
        block.attrs["blockSlice"] = f"[1:2,0:{2**30},0:{2**30},0:1,0:1]"
    with pytest.raises(InputError, match=r"is of a frame with 1152921504606846976 pixels"):
        read_ilp_labels(path)


# ------------------------------------------------------------------ real ones
def test_the_project_with_learning(real_data):
    path = real_data / "ilastik_fixtures/projects/mitocheckStructuredLearningTrackingHytraWithDivisions.ilp"
    about = describe_ilastik(path)
    assert about.version == "1.2.2rc4"
    assert about.label_shape == (9, 105, 99)
    assert about.divisions == about.annotations["divisions"] == [(1, 2, 3, 5), (5, 6, 7, 5)]
    assert (4, 3, -1) in about.annotations["labels"] == about.labels
    assert about.weights == pytest.approx(
        {"detection": 0, "transition": 0.10443, "division": 0.13886, "appearance": 0.72381, "disappearance": 0.66777}
    )
    assert len(about.objects.p_division) == 9
    params = about.tracking_params()
    assert (params.neighbors, params.objects_per_merger, params.size_range) == (2, 1, (1, 10001))
    assert about.segmentation_params() == nbt.SegmentationParams(
        channel=1, sigma=(1.0, 1.0), threshold=0.2, size=(10, 10**6)
    )
    found = nbt.read_tracks(path)
    found.lineage.check()
    assert found.lineage.tracks[["t_start", "t_end", "parent_track_id"]].to_numpy().tolist() == [
        *([0, 5, 0], [6, 8, 1], [6, 8, 1]),
        *([0, 5, 0], [6, 8, 5], [6, 8, 5]),
    ]
    assert found.lineage.is_false(4, 3)


def test_the_project_of_pixels_only(real_data):
    path = real_data / "ilastik_fixtures/projects/mitocheckPixelClassification.ilp"
    about = describe_ilastik(path)
    assert about.workflow == "Pixel Classification"
    assert list(about.inputs) == ["Raw Data"]
    assert about.objects is about.label_shape is None
    with pytest.raises(InputError, match="has no manual tracking: none of 'ManualTracking'"):
        read_ilp_lineage(path)
    with pytest.raises(InputError, match="has no labelled objects"):
        nbt.read_ilastik(path)


def test_the_events_of_the_division(real_data):
    found = nbt.read_tracks(real_data / "ilastik_fixtures/hytra_division/tracking.ilp")
    columns = ["track_id", "t_start", "t_end", "parent_track_id"]
    assert found.lineage.tracks[columns].to_numpy().tolist() == [[1, 0, 1, 0], [2, 2, 3, 1], [3, 2, 3, 1]]


def test_the_events_of_the_merger(real_data):
    path = real_data / "ilastik_fixtures/hytra_merger/tracking.ilp"
    found = nbt.read_tracks(path)
    columns = ["track_id", "t_start", "t_end", "parent_track_id"]
    assert found.lineage.tracks[columns].to_numpy().tolist() == [[1, 0, 3, 0], [2, 0, 3, 0]]
    assert [(t, i, len(tracks)) for t, i, tracks in found.lineage.mergers()] == [(1, 1, 2), (2, 1, 2)]
    params = describe_ilastik(path).tracking_params()
    assert (params.objects_per_merger, params.divisible, params.appearance) == (2, False, 500)
    assert read_ilp_labels(path).shape == (4, 256, 256)


def test_the_file_of_the_first_version_stays_readable():
    found = nbt.read_tracks(FILES / "project.ilp")
    assert found.lineage == everything().lineage
    assert same_labels(found.detections.labels, everything().detections.labels)
