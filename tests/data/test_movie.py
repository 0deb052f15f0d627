"""Movie: frames of arrays, read when they are asked for."""

import pickle
from typing import Any

import numpy as np
import pytest

from nbtrack.data.movie import Movie
from nbtrack.errors import InputError


class Counting:
    """An array that is never there: it only notes what is asked of it."""

    def __init__(self, shape: tuple[int, ...], **attributes: Any) -> None:
        self.shape = shape
        self.dtype = np.dtype("uint8")
        self.asked: list[Any] = []
        self.__dict__.update(attributes)

    def __getitem__(self, index: tuple[Any, ...]) -> np.ndarray:
        self.asked.append(index)
        lengths = [n for n, i in zip(self.shape, index, strict=True) if isinstance(i, slice)]
        return np.zeros(lengths, self.dtype)


def test_movie_tells_what_it_is() -> None:
    movie = Movie.from_array(np.zeros((3, 4, 5, 6, 2), np.uint8), "tzyxc", scale=(2, 0.5, 0.5), name="cells")
    assert (movie.axes, movie.shape, movie.frame_shape) == ("tzyxc", (3, 4, 5, 6, 2), (4, 5, 6))
    assert (movie.ndim, movie.n_channels, len(movie), movie.dtype) == (3, 2, 3, np.uint8)
    assert (movie.scale, movie.unit, movie.drange, movie.source) == ((2.0, 0.5, 0.5), None, None, None)
    assert repr(movie) == "Movie('cells', axes='tzyxc', shape=(3, 4, 5, 6, 2), dtype=uint8)"


def test_singleton_axes_are_dropped_but_one_frame_stays() -> None:
    movie = Movie.from_array(np.zeros((1, 7, 5, 1, 1)), "txyzc")
    assert (movie.axes, movie.shape, movie.scale) == ("tyx", (1, 5, 7), (1.0, 1.0))


def test_frames_and_channels() -> None:
    data = np.random.default_rng(1).random((3, 5, 6, 2))
    movie = Movie.from_array(data, "tyxc")
    np.testing.assert_array_equal(movie[1], data[1])
    np.testing.assert_array_equal(movie.frame(2, channel=1), data[2, ..., 1])
    np.testing.assert_array_equal(np.stack(list(movie)), data)
    np.testing.assert_array_equal(Movie.from_array(data[..., 0]).frame(0, channel=0), data[0, ..., 0])


def test_frame_is_a_copy_in_c_order_and_native_bytes() -> None:
    data = np.arange(60, dtype=">u2").reshape(3, 4, 5)
    movie = Movie.from_array(data, "txy")
    frame = movie[0]
    assert frame.flags.c_contiguous
    assert frame.dtype == movie.dtype == np.dtype("uint16")
    assert movie.dtype.isnative
    frame[:] = 0
    np.testing.assert_array_equal(movie[0], data[0].T)


def test_only_the_part_asked_for_is_sliced() -> None:
    array = Counting((100_000, 2, 3000, 4000))
    movie = Movie.from_array(array, "tcyx")
    assert array.asked == []
    assert movie.frame(99_999, channel=1).shape == (3000, 4000)
    assert array.asked == [(99_999, 1, slice(None), slice(None))]


def test_named_dimensions_are_taken() -> None:
    assert Movie.from_array(Counting((2, 3, 4, 5), dims=("t", "c", "y", "x"))).axes == "tyxc"

    class Metadata:
        dimension_names = ("T", "Z", "Y", "X")

    assert Movie.from_array(Counting((2, 3, 4, 5), metadata=Metadata())).axes == "tzyx"
    assert Movie.from_array(Counting((2, 3, 4), dims=("dim_0", "dim_1", "dim_2"))).axes == "tyx"
    assert Movie.from_array(Counting((2, 3, 4), dims=("t", "y", "x")), "xyt").axes == "tyx"


def test_zarr_arrays_are_sliced(tmp_path: Any) -> None:
    zarr = pytest.importorskip("zarr")
    data = np.arange(120, dtype=np.uint16).reshape(4, 5, 6)
    for version in (2, 3):
        array = zarr.create_array(
            tmp_path / f"v{version}", shape=data.shape, chunks=(1, 5, 6), dtype="uint16", zarr_format=version
        )
        array[:] = data
        movie = pickle.loads(pickle.dumps(Movie.from_array(array)))
        np.testing.assert_array_equal(movie[3], data[3])


def test_zarr_names_are_taken(tmp_path: Any) -> None:
    zarr = pytest.importorskip("zarr")
    array = zarr.create_array(tmp_path / "a", shape=(2, 3, 4, 5), dtype="u1", dimension_names=("t", "z", "y", "x"))
    assert Movie.from_array(array).axes == "tzyx"


def test_dask_arrays_are_sliced() -> None:
    dask_array = pytest.importorskip("dask.array")
    data = np.arange(120).reshape(4, 5, 6)
    movie = Movie.from_array(dask_array.from_array(data, chunks=(1, 5, 6)))
    np.testing.assert_array_equal(movie[2], data[2])


def test_xarray_dimensions_are_taken() -> None:
    xarray = pytest.importorskip("xarray")
    data = np.arange(120).reshape(4, 5, 6)
    movie = Movie.from_array(xarray.DataArray(data, dims=("y", "t", "x")))
    np.testing.assert_array_equal(movie[1], data[:, 1])


def test_list_of_frames() -> None:
    movie = Movie.from_array([np.full((4, 5), t) for t in range(3)])
    assert movie.shape == (3, 4, 5)
    assert movie[2].max() == 2


def test_movie_of_an_array_can_be_pickled() -> None:
    data = np.arange(60).reshape(3, 4, 5)
    movie = pickle.loads(pickle.dumps(Movie.from_array(data, scale=0.5)))
    np.testing.assert_array_equal(movie[2], data[2])
    assert movie.scale == (0.5, 0.5)


@pytest.mark.parametrize(
    ("array", "options", "words"),
    [
        (np.zeros((2, 3, 4, 5)), {}, "The axes of the array of shape .* are not known"),
        ("movie", {}, "A movie cannot be made from 'str'. Give an array of numpy"),
        ([np.zeros((4, 5)), np.zeros((4, 6))], {}, r"frame 0 has \(4, 5\), frame 1 has \(4, 6\). Give frames of one"),
        ([], {}, "The list of frames is empty"),
        (np.zeros((2, 3, 4), complex), {}, "pixels are of type complex128, but a movie holds plain numbers"),
        (np.zeros((2, 3, 4)), {"scale": (1, 2, 3)}, r"`scale` is \(1, 2, 3\). Give one positive .* axes y, x"),
        (np.zeros((2, 3, 4)), {"scale": 0}, "`scale` is 0"),
        (np.zeros((2, 3, 4)), {"scale": float("nan")}, "`scale` is nan"),
        (np.zeros((2, 3, 4)), {"scale": "big"}, "`scale` is 'big'"),
    ],
)
def test_bad_arrays_are_told(array: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Movie.from_array(array, **options)


def test_frames_that_are_not_there_are_told() -> None:
    movie = Movie.from_array(np.zeros((3, 4, 5, 2)), "tyxc")
    with pytest.raises(InputError, match="`t` is 3, but 'movie' has frames 0 to 2"):
        movie.frame(3)
    with pytest.raises(InputError, match="`t` is -1"):
        movie[-1]
    with pytest.raises(InputError, match="`channel` is 2, but 'movie' has channels 0 to 1"):
        movie.frame(0, channel=2)


def test_stored_order_is_known() -> None:
    movie = Movie.from_array(np.zeros((4, 1, 6, 5), np.uint8), "XZTY")
    assert (movie.stored_axes, movie.stored_shape) == ("xzty", (4, 1, 6, 5))
    assert (movie.axes, movie.shape) == ("tyx", (6, 5, 4))
