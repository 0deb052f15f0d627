"""Thresholds, label images and methods from outside."""

import json

import h5py
import numpy as np
import pytest
from scipy import ndimage

import nbtrack as nbt
from nbtrack.data.movie import ArraySource, Movie
from nbtrack.errors import InputError
from nbtrack.params import SegmentationParams
from nbtrack.segmentation import detect, segment, segment_frame

EVERY_SIZE = (1, 10**9)


def movie_of(frame, axes="tyx"):
    return Movie.from_array(np.asarray(frame)[None], axes)


def plain(frame, axes="tyx", **arguments):
    arguments = {"sigma": 0, "size": EVERY_SIZE, **arguments}
    return segment(movie_of(frame, axes), **arguments)


def label_with_int8(frame):
    """A method from outside that can be sent to another process."""
    return ndimage.label(frame > 0.5)[0].astype(np.int8)


def test_a_pixel_at_the_threshold_is_outside():
    for kind in (np.float32, np.float64):
        labels = plain(np.array([[0.3, 0.5, 0.50001, 0.0, 0.9]], kind), threshold=0.5).labels[0]
        assert labels.tolist() == [[0, 0, 1, 0, 2]]
    labels = plain(np.array([[3, 4, 5]], np.uint8), threshold=4).labels[0]
    assert labels.tolist() == [[0, 0, 1]]


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int32, np.float32])
def test_threshold_zero_suits_binary_images(kind):
    frame = np.array([[0, 1, 1, 0, 1]], kind)
    assert plain(frame, threshold=0).labels[0].tolist() == [[0, 1, 1, 0, 2]]


def test_integers_are_divided_by_the_range_of_the_movie():
    frame = np.array([[[0, 51, 52, 128, 255]]], np.uint8)
    movie = Movie(ArraySource(frame), "tyx", drange=(0, 255))
    assert segment(movie, sigma=0, threshold=0.2, size=EVERY_SIZE).labels[0].tolist() == [[0, 0, 1, 1, 1]]
    undeclared = Movie.from_array(frame)
    assert segment(undeclared, sigma=0, threshold=100, size=EVERY_SIZE).labels[0].tolist() == [[0, 0, 0, 1, 1]]


def test_ends_of_the_size_range_are_inside():
    frame = np.zeros((7, 20), np.float32)
    for row, length in enumerate((3, 4, 5, 6)):
        frame[2 * row, :length] = 1
    assert plain(frame, size=(4, 5)).table["size"].tolist() == [4, 5]
    assert plain(frame, size=[4, 5]).params["size"] == (4, 5)


def test_neighbours_by_a_corner_are_two_objects():
    assert len(plain(np.eye(3, dtype=np.float32))) == 3
    cube = np.zeros((3, 3, 3), np.float32)
    cube[0, 0, 0] = cube[1, 0, 0] = cube[2, 1, 0] = 1
    assert plain(cube, "tzyx").table["size"].tolist() == [2, 1]


def test_sigma_holds_per_axis():
    point = np.zeros((9, 9), np.float32)
    point[4, 4] = 1
    only_x = plain(point, sigma=(0, 1), threshold=0.05)
    assert only_x.table[["bbox_y_min", "bbox_y_max", "bbox_x_min", "bbox_x_max"]].to_numpy().tolist() == [[4, 5, 2, 7]]
    assert plain(point, sigma=(0.09, 0.05), threshold=0.05).table["size"].tolist() == [1]
    box = plain(np.pad(point[None], ((4, 4), (0, 0), (0, 0))), "tzyx", sigma=(1.5, 0, 0), threshold=0.05).table
    assert box[["bbox_z_min", "bbox_z_max", "size"]].to_numpy().tolist() == [[2, 7, 5]]


@pytest.mark.parametrize("shape", [(40, 33), (9, 20, 24)])
@pytest.mark.parametrize("sigma", [1.0, 2.3])
def test_smoothing_is_a_mirrored_gaussian_that_ends_at_two_sigma(shape, sigma):
    frame = np.random.default_rng(0).random(shape)
    smooth = ndimage.gaussian_filter(frame, sigma, mode="mirror", truncate=2.0)
    threshold = float(np.quantile(smooth, 0.6)) + 1e-9
    expected = ndimage.label(smooth > threshold)[0]
    found = plain(frame, "tzyx"[:1] + "zyx"[-len(shape) :], sigma=sigma, threshold=threshold).labels[0]
    assert (abs(smooth - threshold) > 1e-6).all()
    np.testing.assert_array_equal(found, expected)


def test_two_thresholds_keep_objects_with_a_core():
    frame = np.array([[0.6, 0.9, 0.6, 0.0, 0.6, 0.8, 0.6, 0.0, 0.6]], np.float32)
    found = plain(frame, threshold=0.5, core_threshold=0.8)
    assert found.labels[0].tolist() == [[1, 1, 1, 0, 0, 0, 0, 0, 0]]
    assert found.params["core_threshold"] == 0.8


def test_cores_obey_the_size_range_before_they_count():
    frame = np.array([[0.6, 0.9, 0.6, 0.0, 0.9, 0.9, 0.6]], np.float32)
    found = plain(frame, threshold=0.5, core_threshold=0.8, size=(2, 100))
    assert found.labels[0].tolist() == [[0, 0, 0, 0, 1, 1, 1]]


def test_cores_of_another_channel_are_part_of_the_objects():
    body = np.array([[0.6, 0.1, 0.6, 0.0, 0.6, 0.6]], np.float32)
    core = np.array([[0.1, 0.9, 0.1, 0.0, 0.1, 0.1]], np.float32)
    found = plain(np.stack([core, body], -1), "tyxc", channel=1, core_channel=0, threshold=0.5, core_threshold=0.8)
    assert found.labels[0].tolist() == [[1, 1, 1, 0, 0, 0]]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_missing_values_are_counted_and_named(bad):
    frames = np.zeros((3, 5, 6, 2), np.float32)
    frames[1, 2, 3:5, 1] = bad
    movie = Movie.from_array(frames, "tyxc")
    with pytest.raises(InputError, match="2 pixels that are NaN or infinite in frame 1, channel 1"):
        segment(movie, channel=1)
    assert len(segment(movie, channel=0)) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"channel": 1}, "`channel` is 1, but 'movie' has one channel, 0"),
        ({"core_channel": 2, "core_threshold": 0.7}, "`core_channel` is 2, but 'movie' has one channel"),
        ({"core_channel": 0}, "`core_channel` is 0, but there is no `core_threshold`"),
        ({"core_threshold": 0.4}, "`core_threshold` must not be below `threshold`: got 0.4 and 0.5"),
        ({"sigma": (1, 1, 1)}, r"`sigma` must be one number or one for each of y, x: got \(1, 1, 1\)"),
        ({"size": (5, 2)}, r"`size` must be \(smallest, largest\): got \(5, 2\)"),
        ({"executor": "gpu"}, "`executor` must be one of 'serial', 'threads', 'processes' or an object"),
        ({"method": label_with_int8, "sigma": 2.0}, "`method` decides about the pixels by itself"),
        ({"method": "stardist"}, "`method` must be a function of a frame"),
        (
            {"method": lambda frame: frame[:-1]},
            r"`method` must return a label image of the shape \(4, 6\): got \(3, 6\)",
        ),
        ({"method": lambda frame: frame}, "Label images must hold whole numbers: frame 0 is of type float32"),
        ({"out": "labels.tif"}, "`out` must be an HDF5 file with the ending .h5 or .hdf5: got 'labels.tif'"),
        ({"out": "/not/there/labels.h5"}, "The folder of `out` is not there: /not/there"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, words):
    with pytest.raises(InputError, match=words):
        segment(movie_of(np.zeros((4, 6), np.float32)), **arguments)


def test_an_array_is_no_movie():
    with pytest.raises(InputError, match="A movie is needed: got ndarray"):
        segment(np.zeros((2, 4, 5)))


def test_a_method_from_outside_keeps_its_ids():
    def method(frame):
        labels = np.zeros(frame.shape, np.int64)
        labels[0, :2], labels[2], labels[3, 3:] = 9, 4, 9
        return labels

    found = segment(movie_of(np.zeros((4, 6), np.float32)), method=method, size=(5, 5))
    assert found.table["object_id"].tolist() == [9]
    assert np.unique(found.labels[0]).tolist() == [0, 9]
    assert found.labels[0].dtype == np.uint32
    assert found.params["method"].endswith("method")


def test_label_images_are_taken_as_they_are():
    frames = np.zeros((3, 5, 6), np.uint16)
    frames[0, 0, :2] = frames[0, 4, 4:] = 700
    frames[2, 3] = 2
    found = detect(Movie.from_array(frames))
    assert found.table[["t", "object_id", "size"]].to_numpy().tolist() == [[0, 700, 4], [2, 2, 6]]
    assert found.labels[0].dtype == np.uint32
    assert (found.n_frames, found.ndim, found.frame_shape) == (3, 2, (5, 6))
    same = Movie.from_array(frames.astype(np.uint32))
    assert detect(same).labels is same


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (Movie.from_array(np.zeros((2, 3, 3), np.float32)), "whole numbers: frame 0 is of type float32"),
        (Movie.from_array(np.full((2, 3, 3), -1)), "frame 0 has -1 to -1"),
        (Movie.from_array(np.zeros((2, 3, 3, 2), np.uint8), "tyxc"), "Label images have one channel: 'movie' has 2"),
    ],
)
def test_what_is_no_label_movie_is_refused(labels, words):
    with pytest.raises(InputError, match=words):
        detect(labels)


def test_labels_go_to_a_file_that_ilastik_can_read(tmp_path):
    frames = np.random.default_rng(0).random((5, 40, 50)).astype(np.float32)
    movie = Movie.from_array(frames, scale=(0.5, 0.25))
    out = tmp_path / "labels.h5"
    in_file, in_memory = segment(movie, out=out), segment(movie)
    assert in_file.table.equals(in_memory.table)
    assert all((a == b).all() for a, b in zip(in_file.labels, in_memory.labels, strict=True))
    with h5py.File(out) as file:
        data = file["exported_data"]
        assert (data.dtype, data.shape, data.chunks) == (np.uint32, (5, 40, 50), (1, 40, 50))
        tags = json.loads(data.attrs["axistags"])["axes"]
        assert [(tag["key"], tag["typeFlags"], tag["resolution"]) for tag in tags] == [
            ("t", 8, 0),
            ("y", 2, 0.5),
            ("x", 2, 0.25),
        ]
        assert json.loads(data.attrs["made_by"])["threshold"] == 0.5
    with pytest.raises(InputError, match=r"`out` is there already: .*labels\.h5"):
        segment(movie, out=out)
    assert len(segment(movie, out=out, threshold=2.0, overwrite=True)) == 0
    assert [file.name for file in tmp_path.iterdir()] == ["labels.h5"]


def test_a_failed_run_leaves_no_file(tmp_path):
    frames = np.zeros((5, 40, 50), np.float32)
    frames[3] = np.nan
    with pytest.raises(InputError, match="frame 3"):
        segment(Movie.from_array(frames), out=tmp_path / "labels.h5")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("method", [None, label_with_int8])
def test_executors_agree(method):
    frames = np.random.default_rng(1).random((6, 30, 4)).astype(np.float32)
    results = [
        segment(Movie.from_array(frames), method=method, size=(3, 1000), executor=executor)
        for executor in ("serial", "threads", "processes", None)
    ]
    for found in results[1:]:
        assert found.table.equals(results[0].table)
        assert all((a == b).all() for a, b in zip(found.labels, results[0].labels, strict=True))


def test_components_of_the_small_video(real_data):
    movie = nbt.read(real_data / "ilastik_fixtures" / "smallVideoSimpleSegmentation.h5")
    found = segment(movie, sigma=0, threshold=0)
    assert found.table.groupby("t").size().tolist() == [3, 2, 2, 3, 3, 4, 4]
    assert sorted(found.table["size"][found.table["t"] == 1])[-1] == pytest.approx(7170, rel=0.01)


def test_mitocheck_small(real_data):
    movie = nbt.read(real_data / "mitocheck_small" / "mitocheck_small_2D+t_export.h5")
    found = segment(movie, channel=1)
    assert found.table.groupby("t").size().tolist() == [2, 2, 2, 2, 3, 2, 4, 4, 4]


@pytest.mark.parametrize(
    ("folder", "name", "n_frames"),
    [("neubias_mitocheck_movie", "raw_Probabilities.h5", 30), ("ecoli_colony_early", "probabilities.h5", 5)],
)
def test_real_prediction_maps_give_the_components_of_scipy(real_data, folder, name, n_frames):
    movie = nbt.read(real_data / folder / name)
    part = Movie.from_array([movie.frame(t, 1) for t in range(n_frames)])
    found = segment(part, sigma=0, threshold=0.5, size=EVERY_SIZE)
    expected = [ndimage.label(frame > 0.5)[1] for frame in part]
    assert found.table.groupby("t").size().tolist() == expected
    smooth = segment(part, size=(20, 5000))
    assert smooth.table["size"].between(20, 5000).all()
    assert 0 < len(smooth) < len(found)


@pytest.mark.parametrize(
    "given",
    [
        {"channel": 1, "sigma": 1.5, "threshold": 0.4, "size": (12, 90)},
        {"channel": 1, "sigma": 0, "threshold": 0.3, "core_threshold": 0.7, "size": (5, 200)},
        {"channel": 1, "core_channel": 0, "core_threshold": 0.6, "threshold": 0.9, "size": (5, 500)},
    ],
)
def test_one_frame_is_segmented_as_in_the_whole_movie(given):
    movie = nbt.sample("shapes").prediction
    detections = segment(movie, **given)
    params = SegmentationParams(**given)
    for t in range(3):
        found = segment_frame(movie, t, params)
        np.testing.assert_array_equal(found.labels, detections.labels[t])
        assert found.labels.dtype == np.uint32
        kept = found.sizes[(found.sizes >= params.size[0]) & (found.sizes <= params.size[1])]
        assert kept.tolist() == detections.table.query("t == @t")["size"].tolist()
        assert found.values.shape == movie.frame_shape
    with pytest.raises(InputError, match="`channel` is 7, but"):
        segment_frame(movie, 0, SegmentationParams(channel=7))
