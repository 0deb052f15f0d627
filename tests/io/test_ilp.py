"""Labelled objects in projects of ilastik: small ones written here, and real ones where they are."""

import pickle

import h5py
import numpy as np
import pytest

import nbtrack as nbt
from nbtrack.errors import InputError
from nbtrack.io.ilp import read_ilp_labels, read_ilp_objects

COUNTS, DIVISIONS = "CountClassification", "DivisionDetection"


def frames():
    """Label frames of 3 x 6 x 8 pixels."""
    labels = np.zeros((3, 6, 8), np.uint32)
    labels[:, 1:4, 1:4] = 1
    labels[1:, 3:6, 5:8] = 2
    return labels


def write_project(path, *, old=False, ndim=2):
    """Write what a project of automatic tracking has, in the newer or the older layout."""
    labels = frames()
    with h5py.File(path, "w") as file:
        group = "TrackingFeatureExtraction"
        for t, frame in enumerate(labels):
            block = frame.T[None, :, :, None, None]
            if ndim == 3:
                block = block.repeat(4, axis=3)
            _, nx, ny, nz, _ = block.shape
            if old:
                name = f"{group}/LabelImage/0000/[[{t}, 0, 0, 0, 0], [{t + 1}, {nx}, {ny}, {nz}, 1]]"
                file[name] = block
            else:
                dataset = file.create_dataset(f"{group}/LabelImage_v2/labelimage000/block{t:04}", data=block)
                dataset.attrs["blockSlice"] = f"[{t}:{t + 1},0:{nx},0:{ny},0:{nz},0:1]"
        for t in range(3):
            n = 2 if t == 0 else 3
            file[f"{COUNTS}/LabelInputs/0000/{t}"] = np.array([0, 2, 1][:n], float)
            file[f"{DIVISIONS}/LabelInputs/0000/{t}"] = np.array([0, 1 + (t == 1), 0][:n], float)
            file[f"{COUNTS}/CachedProbabilities/0000/{t}"] = np.array([[0, 0], [0.1, 0.9], [0.75, 0.25]][:n], "f4")
            file[f"{DIVISIONS}/CachedProbabilities/0000/{t}"] = np.array([[0, 0], [0.5, 0.5], [1, 0]][:n], "f4")
        file[f"{COUNTS}/ClassifierForests/pickled_type"] = np.void(b"cos\nsystem\n(S'false'\ntR.")
    return path


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("ndim", [2, 3])
def test_label_images_of_both_layouts(tmp_path, old, ndim):
    movie = read_ilp_labels(write_project(tmp_path / "a.ilp", old=old, ndim=ndim), scale=0.5)
    assert movie.axes == ("tyx" if ndim == 2 else "tzyx")
    assert movie.scale == (0.5,) * ndim
    for t, frame in enumerate(frames()):
        expected = frame if ndim == 2 else np.stack([frame] * 4)
        np.testing.assert_array_equal(movie[t], expected)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(movie))[1], movie[1])
    assert len(nbt.detect(movie)) == 5


def test_blocks_may_cut_frames(tmp_path):
    path = tmp_path / "a.ilp"
    with h5py.File(path, "w") as file:
        for k, (a, b) in enumerate([(0, 5), (5, 8)]):
            block = frames()[:2, :, a:b].transpose(0, 2, 1)[..., None, None]
            dataset = file.create_dataset(f"ObjectExtraction/LabelImage_v2/labelimage000/block{k:04}", data=block)
            dataset.attrs["blockSlice"] = f"[0:2,{a}:{b},0:6,0:1,0:1]"
    movie = read_ilp_labels(path)
    np.testing.assert_array_equal(np.stack(list(movie)), frames()[:2])


def test_labels_and_probabilities(tmp_path):
    found = read_ilp_objects(write_project(tmp_path / "a.ilp"))
    assert found.counts == {(0, 1): 1, (1, 1): 1, (1, 2): 0, (2, 1): 1, (2, 2): 0}
    assert found.divisions == {(0, 1): False, (1, 1): True, (2, 1): False}
    np.testing.assert_allclose(found.p_count[1][2], [0.75, 0.25])
    np.testing.assert_allclose(found.p_division[2], [0, 0.5, 0])


def test_a_project_may_have_labels_only(tmp_path):
    path = write_project(tmp_path / "a.ilp")
    with h5py.File(path, "a") as file:
        del file[f"{COUNTS}/CachedProbabilities"]
        del file[DIVISIONS]
    found = read_ilp_objects(path)
    assert len(found.counts) == 5
    assert found.divisions == found.p_count == found.p_division == {}


def test_projects_that_do_not_have_it_are_refused(tmp_path):
    path = tmp_path / "a.ilp"
    with pytest.raises(InputError, match="does not exist"):
        read_ilp_objects(path)
    with pytest.raises(InputError, match="does not exist"):
        read_ilp_labels(path)
    h5py.File(path, "w").close()
    with pytest.raises(InputError, match="has no labelled objects: neither 'CountClassification' nor 'DivisionDetecti"):
        read_ilp_objects(path)
    with pytest.raises(
        InputError, match="has no label images: none of 'TrackingFeatureExtraction', 'ObjectExtraction'"
    ):
        read_ilp_labels(path)
    write_project(path)
    with h5py.File(path, "a") as file:
        file[f"{COUNTS}/LabelInputs/0001/0"] = np.zeros(2)
        file.copy("TrackingFeatureExtraction/LabelImage_v2/labelimage000", "TrackingFeatureExtraction/LabelImage_v2/b")
    with pytest.raises(InputError, match=r"has labels of 2 movies, but one can be read\. Save the project with that"):
        read_ilp_objects(path)
    with pytest.raises(InputError, match="has label images of 2 movies"):
        read_ilp_labels(path)


@pytest.mark.parametrize(
    ("attribute", "words"),
    [
        ("[0:1]", "does not say where it lies"),
        ("nonsense", "does not say where it lies"),
        ("[0:1,0:9,0:6,0:1,0:1]", "does not say where it lies"),
        ("[99999999:100000000,0:8,0:6,0:1,0:1]", "lies in frame 100000000"),
    ],
)
def test_blocks_that_lie_nowhere_are_refused(tmp_path, attribute, words):
    path = write_project(tmp_path / "a.ilp")
    with h5py.File(path, "a") as file:
        file["TrackingFeatureExtraction/LabelImage_v2/labelimage000/block0001"].attrs["blockSlice"] = attribute
    with pytest.raises(InputError, match=words):
        read_ilp_labels(path)


def test_damaged_tables_are_refused(tmp_path):
    path = write_project(tmp_path / "a.ilp")
    with h5py.File(path, "a") as file:
        file[f"{COUNTS}/LabelInputs/0000/1"][0] = np.nan
    with pytest.raises(InputError, match="has values that are not finite"):
        read_ilp_objects(path)
    with h5py.File(path, "a") as file:
        del file[f"{COUNTS}/LabelInputs/0000/1"]
        file[f"{COUNTS}/LabelInputs/0000/1"] = h5py.ExternalLink("/etc/hostname", "/x")
    with pytest.raises(InputError, match="is a link to another place"):
        read_ilp_objects(path)
    path.write_bytes(path.read_bytes()[:3000])
    for read in (read_ilp_objects, read_ilp_labels):
        with pytest.raises(InputError, match="cannot be read"):
            read(path)


def test_pickles_are_never_opened(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("something was unpickled")

    path = write_project(tmp_path / "a.ilp")
    nbt.read_ilastik(path)  # numba loads its own cache with pickle, once
    monkeypatch.setattr(pickle, "loads", refuse)
    monkeypatch.setattr(pickle, "Unpickler", refuse)
    assert len(nbt.read_ilastik(path)) == 5


def test_a_real_project_with_mergers(real_data):
    path = real_data / "ilastik_fixtures" / "hytra_merger" / "tracking.ilp"
    found = read_ilp_objects(path)
    assert found.counts == {(0, 1): 1, (0, 2): 1, (1, 1): 2, (2, 1): 2, (3, 1): 1, (3, 2): 1}
    assert found.divisions == found.p_division == {}
    np.testing.assert_allclose(found.p_count[1][1], [0, 0.07, 0.93], atol=1e-6)
    movie = read_ilp_labels(path)
    assert (movie.axes, movie.shape) == ("tyx", (4, 256, 256))
    assert nbt.detect(movie).table["object_id"].tolist() == [1, 2, 1, 1, 1, 2]


def test_a_real_project_with_divisions(real_data):
    name = "mitocheckStructuredLearningTrackingHytraWithDivisions.ilp"
    path = real_data / "ilastik_fixtures" / "projects" / name
    found = read_ilp_objects(path)
    assert found.counts == {(0, 1): 1, (4, 2): 1, (4, 3): 0}
    assert found.divisions == {(0, 1): False, (4, 2): False, (5, 1): True, (5, 2): True, (6, 1): False}
    np.testing.assert_allclose(found.p_division[5][1:], [0.82, 0.84], atol=1e-6)
    assert read_ilp_labels(path).shape == (9, 105, 99)
