"""Movies in HDF5 files: axes, choice of the dataset, laziness, damage."""

import json
import pickle
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import nbtrack as nbt
from nbtrack.errors import InputError
from nbtrack.io.hdf5 import list_datasets

DATA = np.random.default_rng(0).integers(0, 200, (4, 3, 5, 6, 2), dtype=np.uint8)
"""Ordered tzyxc."""


def tags(axes: str, resolution: dict[str, float] | None = None) -> str:
    """Write axistags."""
    return json.dumps({"axes": [{"key": a, "resolution": (resolution or {}).get(a, 0)} for a in axes]})


def make(path: Path, data: Any = DATA, axes: str | None = "tzyxc", name: str = "data", **attributes: Any) -> Path:
    """Write a dataset."""
    with h5py.File(path, "a") as file:
        dataset = file.create_dataset(name, data=data)
        if axes is not None:
            dataset.attrs["axistags"] = tags(axes)
        dataset.attrs.update(attributes)
    return path


@pytest.mark.parametrize("order", ["tzyxc", "txyzc", "cxyzt", "zctxy"])
def test_axes_come_from_axistags_in_any_order(tmp_path: Path, order: str) -> None:
    stored = DATA.transpose(["tzyxc".index(a) for a in order])
    movie = nbt.read(make(tmp_path / "a.h5", stored, order))
    assert (movie.axes, movie.shape, movie.dtype) == ("tzyxc", DATA.shape, DATA.dtype)
    assert (movie.source, movie.name) == (tmp_path / "a.h5", "a.h5")
    for t in range(4):
        np.testing.assert_array_equal(movie[t], DATA[t])
        np.testing.assert_array_equal(movie.frame(t, channel=1), DATA[t, ..., 1])


def test_pixel_size_and_range(tmp_path: Path) -> None:
    size = {"x": 0.25, "y": 0.5, "z": 2, "t": 9}
    path = make(tmp_path / "a.h5", DATA[..., 0], axistags=tags("txyz", size), drange=[0, 255])
    movie = nbt.read(path)
    assert movie.scale == (2.0, 0.5, 0.25)
    assert movie.drange == (0.0, 255.0)
    assert nbt.read(path, scale=3).scale == (3.0, 3.0, 3.0)


@pytest.mark.parametrize("drange", [[0, 0], "0 255", [0, 1, 2], [float("nan"), 1]])
def test_range_that_says_nothing_is_left_out(tmp_path: Path, drange: Any) -> None:
    assert nbt.read(make(tmp_path / "a.h5", drange=drange)).drange is None


def test_given_axes_win(tmp_path: Path) -> None:
    path = make(tmp_path / "a.h5", DATA[0, ..., 0], "zyx")
    with pytest.raises(InputError, match="If z is time here, read it with axes='tyx'"):
        nbt.read(path)
    np.testing.assert_array_equal(nbt.read(path, axes="tyx")[2], DATA[0, 2, ..., 0])
    with pytest.raises(InputError, match="'tyxc', 4 letters, but the data have 3 dimensions"):
        nbt.read(path, axes="tyxc")


def test_array_without_axistags_asks(tmp_path: Path) -> None:
    path = make(tmp_path / "a.h5", DATA[..., 0, 0], None)
    with pytest.raises(InputError, match=r"dataset `.*a.h5/data` of shape \(4, 3, 5\) are not known. Give `axes=`"):
        nbt.read(path)
    assert nbt.read(path, axes="tyx").shape == (4, 3, 5)


def test_damaged_axistags_are_told(tmp_path: Path) -> None:
    path = make(tmp_path / "a.h5", axistags="{")
    with pytest.raises(InputError, match=r"The attribute `axistags` of .* is damaged"):
        nbt.read(path)
    assert nbt.read(path, axes="tzyxc").shape == DATA.shape


def test_dataset_is_found(tmp_path: Path) -> None:
    path = make(tmp_path / "a.h5", DATA[:1], name="other")
    assert len(nbt.read(path)) == 1
    make(path, np.zeros(3), None, name="weights")
    assert len(nbt.read(path)) == 1
    make(path, DATA[:2], name="group/more")
    with pytest.raises(InputError, match=r"several datasets. Choose .*: 'group/more' of shape \(2, .*'other' of shape"):
        nbt.read(path)
    make(path, DATA[:3], name="volume/data")
    assert len(nbt.read(path)) == 3
    make(path, DATA, name="exported_data")
    with pytest.raises(InputError, match="several datasets"):
        nbt.read(path)
    assert len(nbt.read(path, dataset="exported_data")) == 4
    assert len(nbt.read(f"{path}/group/more")) == 2
    assert len(nbt.read(path / "volume" / "data")) == 3


def test_dataset_that_is_not_there_is_told(tmp_path: Path) -> None:
    path = make(tmp_path / "a.h5")
    for wrong in ("raw", "/"):
        with pytest.raises(InputError, match=f"has no dataset '{wrong}'. Choose one of: 'data' of shape"):
            nbt.read(path, dataset=wrong)
    with pytest.raises(InputError, match=r"names the dataset 'data' and `dataset` is 'raw'."):
        nbt.read(f"{path}/data", dataset="raw")


def test_file_without_movie_is_told(tmp_path: Path) -> None:
    path = make(tmp_path / "a.h5", np.zeros(3), None, name="weights")
    with pytest.raises(InputError, match=r"no dataset with three or more dimensions. It holds: 'weights' of shape"):
        nbt.read(path)


def test_many_datasets_are_not_all_listed(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for i in range(30):
            file[f"d{i:02}"] = np.zeros((2, 2, 2))
    with pytest.raises(InputError, match=r"'d19' of shape .*, and 10 more"):
        nbt.read(tmp_path / "a.h5")


def test_truncated_file_is_told(tmp_path: Path) -> None:
    path = make(tmp_path / "a.h5")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match=r"a.h5` cannot be read: .*truncated.* damaged or cut short"):
        nbt.read(path)


def test_damaged_chunk_is_told_when_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("data", data=DATA, chunks=(1, 3, 5, 6, 2), compression="gzip", fletcher32=True)
        dataset.attrs["axistags"] = tags("tzyxc")
        start = dataset.id.get_chunk_info(2).byte_offset
    content = bytearray(path.read_bytes())
    content[start : start + 20] = bytes(20)
    path.write_bytes(content)
    movie = nbt.read(path)
    np.testing.assert_array_equal(movie[1], DATA[1])
    with pytest.raises(InputError, match=r"a.h5` cannot be read: .* The file may be damaged"):
        movie[2]
    np.testing.assert_array_equal(movie[3], DATA[3])


def test_file_that_was_moved_is_told(tmp_path: Path) -> None:
    path = make(tmp_path / "a.h5")
    pickled = pickle.dumps(nbt.read(path))
    path.unlink()
    with pytest.raises(InputError, match=r"a.h5` does not exist. Check the name, or read the movie again"):
        pickle.loads(pickled)[0]


def test_open_dataset_is_a_movie(tmp_path: Path) -> None:
    path = make(tmp_path / "a.h5")
    with h5py.File(path) as file:
        movie = nbt.read(file["data"])
        assert movie.axes == "tzyxc"
        np.testing.assert_array_equal(movie[1], DATA[1])
        pickled = pickle.dumps(movie)
    np.testing.assert_array_equal(pickle.loads(pickled)[1], DATA[1])


def test_movie_works_in_threads(tmp_path: Path) -> None:
    movie = nbt.read(make(tmp_path / "a.h5"))
    with ThreadPoolExecutor(4) as executor:
        for t, frame in enumerate(executor.map(movie.frame, [0, 1, 2, 3] * 10)):
            np.testing.assert_array_equal(frame, DATA[t % 4])


def test_movie_works_in_another_process(tmp_path: Path) -> None:
    movie = nbt.read(make(tmp_path / "a.h5"))
    movie[0]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        np.testing.assert_array_equal(executor.submit(movie.frame, 3).result(), DATA[3])


def test_huge_file_opens_at_once(tmp_path: Path) -> None:
    path = tmp_path / "huge.h5"
    with h5py.File(path, "w") as file:  # chunks that were never written take no space
        dataset = file.create_dataset("data", (1000, 100, 2500, 2000), "u1", chunks=(1, 1, 250, 200))
        dataset.attrs["axistags"] = tags("tzyx")
    assert path.stat().st_size < 1_000_000
    begin = time.process_time()
    movie = nbt.read(path)
    assert time.process_time() - begin < 0.5
    assert np.prod([*movie.shape], dtype=object) == 500_000_000_000


def test_committed_file_stays_readable() -> None:
    movie = nbt.read(Path(__file__).parent / "files" / "movie.h5")
    assert (movie.axes, movie.shape, movie.scale, movie.drange) == (
        "tzyxc",
        (3, 2, 4, 5, 2),
        (2.0, 0.5, 0.25),
        (0, 255),
    )
    expected = np.arange(240, dtype=np.uint8).reshape(3, 2, 4, 5, 2)
    np.testing.assert_array_equal(np.stack(list(movie)), expected)


def test_real_movies_agree_with_a_plain_read(real_data: Path) -> None:
    expected = {
        "ilastik_fixtures/smallVideo.h5": ("tyxc", (7, 408, 408)),
        "ilastik_fixtures/smallVideo_labels.h5": ("tyxc", (7, 408, 408)),
        "ilastik_fixtures/5t2d_simple.h5": ("tyx", (5, 20, 30)),
        "ilastik_fixtures/5t2d2c.h5": ("tyxc", (5, 33, 77, 2)),
        "ilastik_fixtures/5t3d2c_Probabilities.h5": ("tzyxc", (5, 33, 77, 45, 2)),
        "mitocheck_small/mitocheck_small_2D+t.h5": ("txyzc", (9, 105, 99)),
        "mitocheck_small/mitocheck_small_2D+t_export.h5": ("txyzc", (9, 105, 99, 2)),
        "neubias_mitocheck_movie/raw.h5": ("txyzc", (30, 190, 211)),
        "ecoli_colony_early/probabilities.h5": ("tyxc", (40, 725, 641, 2)),
        "celegans_3dt_early/segmentation_labels.h5": ("tzyxc", (110, 35, 392, 557)),
        "cho_3dt/raw.h5": ("tzyxc", (20, 5, 221, 256)),
    }
    for name, (stored, shape) in expected.items():
        movie = nbt.read(real_data / name)
        assert movie.shape == shape, name
        with h5py.File(real_data / name) as file:
            (dataset,) = file.values()
            for t in (0, len(movie) - 1):
                frame = np.einsum(f"{stored[1:]}->{''.join(a for a in 'zyxc' if a in stored)}", dataset[t])
                np.testing.assert_array_equal(movie[t], frame.reshape(shape[1:]), err_msg=name)
    assert nbt.read(real_data / "neubias_mitocheck_movie" / "raw_Probabilities.h5").drange == (0.0, 1.0)
    with pytest.raises(InputError, match=r"5t3d2c.h5/data` of shape \(5, 33, 77, 45, 2\) are not known"):
        nbt.read(real_data / "ilastik_fixtures" / "5t3d2c.h5")
    assert nbt.read(real_data / "ilastik_fixtures" / "5t3d2c.h5", axes="tzyxc").n_channels == 2


def test_datasets_are_listed_with_what_they_say(tmp_path: Path) -> None:
    path = make(tmp_path / "a.h5", DATA[..., 0], "tzyx", name="deep/raw")
    make(path, DATA[0, ..., 0], None, name="labels")
    make(path, np.zeros((3, 2)), None, name="table")
    found = [(d.name, d.shape, d.axes) for d in list_datasets(path)]
    assert found == [("deep/raw", (4, 3, 5, 6), "tzyx"), ("labels", (3, 5, 6), None)]
    (tmp_path / "b.tif").write_bytes(b"II*\0")
    assert list_datasets(tmp_path / "b.tif") == list_datasets(tmp_path / "c.h5") == []
    content = path.read_bytes()
    path.write_bytes(content[:200])
    with pytest.raises(InputError, match="cannot be read"):
        list_datasets(path)
