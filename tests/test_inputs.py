"""Reading inputs, and telling whether two of them fit."""

import numpy as np
import pytest

import nbtrack as nbt
from nbtrack.data.movie import Movie
from nbtrack.errors import InputError
from nbtrack.inputs import check_fit, describe_axes, guess_axes, guess_channel, guess_kind, read_input


def movie_of(shape, axes, dtype=np.uint8):
    return Movie.from_array(np.zeros(shape, dtype), axes)


def test_a_file_is_remembered_with_its_dataset(tmp_path, monkeypatch):
    np.savez(tmp_path / "a.npz", raw=np.zeros((3, 4, 5)), other=np.ones((3, 4, 5)))
    monkeypatch.chdir(tmp_path)
    for given, dataset in [("a.npz/raw", None), ("a.npz", "raw"), (tmp_path / "a.npz", "raw")]:
        found = read_input(given, dataset=dataset)
        assert (found.path, found.inside) == (tmp_path / "a.npz", "raw")
        assert found.label == str(tmp_path / "a.npz" / "raw")
    assert read_input("a.npz/raw").key == found.key
    assert read_input("a.npz/other").key != found.key
    assert read_input("a.npz/raw", axes="yxt").key != found.key


def test_a_pattern_is_remembered(tmp_path):
    import tifffile

    for t in range(3):
        tifffile.imwrite(tmp_path / f"t{t}.tif", np.zeros((4, 5), np.uint8))
    found = read_input(tmp_path / "t*.tif")
    assert (found.path, found.inside, found.movie.shape) == (tmp_path, "t*.tif", (3, 4, 5))


def test_what_is_in_memory_has_no_path():
    array = np.zeros((3, 4, 5), np.uint8)
    found = read_input(array)
    assert (found.path, found.label) == (None, "array (3, 4, 5) uint8")
    movie = Movie.from_array(array)
    assert read_input(movie, axes="TYX").movie is movie
    with pytest.raises(InputError, match="A `Movie` has its axes and its data already"):
        read_input(movie, axes="yxt")
    with pytest.raises(InputError, match="A `Movie` has its axes"):
        read_input(movie, dataset="a")
    with pytest.raises(InputError, match=r"No file was named. Type the path"):
        read_input("  ")


def test_kind_is_guessed():
    sample = nbt.sample("shapes")
    assert guess_kind(sample.prediction) == "prediction map"
    assert guess_kind(sample.labels) == "labels"
    assert guess_kind(sample.raw) == "prediction map", "grey values are no labels"
    foreground = np.stack([frame > 0 for frame in sample.labels])
    assert guess_kind(Movie.from_array(foreground)) == "binary"
    assert guess_kind(Movie.from_array(foreground.astype(np.uint8) * 255)) == "binary"
    assert guess_channel(sample.prediction) == 1
    assert guess_channel(sample.raw) == 0


def test_movies_that_fit():
    check_fit(movie_of((9, 6, 5), "tyx"), movie_of((5, 6, 1, 2, 9), "xyzct"))
    assert describe_axes(movie_of((5, 6, 1, 2, 9), "xyzct")) == "t 9, y 6, x 5, c 2"


@pytest.mark.parametrize(
    ("raw", "prediction", "advice"),
    [
        (((9, 6, 5), "tyx"), ((9, 6, 5, 2), "ytxc"), "Read `prediction` with the axes 'tyxc' instead of 'ytxc'"),
        (((9, 6, 5), "tyx"), ((1, 9, 6, 5), "tzyx"), "Read `prediction` with the axes 'ztyx' instead of 'tzyx'"),
        (((9, 4, 6, 5), "tcyx"), ((9, 4, 6, 5), "tzyx"), "or `prediction` with the axes 'tcyx' instead of 'tzyx'"),
        (((9, 6, 5), "yxt"), ((9, 6, 5), "tyx"), "Read `raw` with the axes 'tyx' instead of 'yxt'"),
        (((9, 6, 5), "tyx"), ((9, 6, 7), "tyx"), "Load two files of the same movie"),
    ],
)
def test_movies_that_do_not_fit(raw, prediction, advice):
    raw, prediction = movie_of(*raw), movie_of(*prediction)
    with pytest.raises(InputError, match=advice) as caught:
        check_fit(raw, prediction)
    assert str(caught.value).startswith(
        f"`raw` and `prediction` must have the same t, z, y and x: got {describe_axes(raw)} and "
        f"{describe_axes(prediction)}. "
    )


def test_axes_are_guessed():
    shapes = [(9, 6, 5), (9, 6, 5, 2), (9, 4, 60, 50), (9, 4, 60, 50, 2)]
    assert [guess_axes(shape) for shape in shapes] == ["tyx", "tyxc", "tzyx", "tzyxc"]
