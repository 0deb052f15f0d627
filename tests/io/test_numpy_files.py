"""Movies in npy and npz files."""

import pickle
import time
from pathlib import Path

import numpy as np
import pytest

import nbtrack as nbt
from nbtrack.errors import InputError

DATA = np.random.default_rng(0).random((4, 5, 6))


@pytest.mark.parametrize("order", ["C", "F"])
def test_npy(tmp_path: Path, order: str) -> None:
    np.save(tmp_path / "a.npy", np.array(DATA, order=order))
    movie = nbt.read(tmp_path / "a.npy")
    assert (movie.axes, movie.shape, movie.source) == ("tyx", (4, 5, 6), tmp_path / "a.npy")
    np.testing.assert_array_equal(np.stack(list(movie)), DATA)
    np.testing.assert_array_equal(nbt.read(tmp_path / "a.npy", axes="yxt")[5], DATA[..., 5])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(movie))[3], DATA[3])


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(tmp_path: Path, save: type) -> None:
    save(tmp_path / "a.npz", raw=DATA)
    movie = nbt.read(tmp_path / "a.npz")
    np.testing.assert_array_equal(np.stack(list(movie)), DATA)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(movie))[3], DATA[3])
    save(tmp_path / "b.npz", raw=DATA, mask=np.asfortranarray(DATA > 0.5))
    with pytest.raises(InputError, match=r"holds 'raw' of shape \(4, 5, 6\), 'mask' .*Choose one with `dataset=`"):
        nbt.read(tmp_path / "b.npz")
    np.testing.assert_array_equal(nbt.read(tmp_path / "b.npz", dataset="mask")[2], DATA[2] > 0.5)
    with pytest.raises(InputError, match=r"no array 'labels'. It holds 'raw' of shape"):
        nbt.read(tmp_path / "b.npz", dataset="labels")


def test_axes_of_four_dimensions_must_be_given(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", DATA[None])
    np.savez(tmp_path / "a.npz", DATA[None])
    for name in ("a.npy", "a.npz"):
        with pytest.raises(InputError, match=r"The axes of `.*` of shape \(1, 4, 5, 6\) are not known"):
            nbt.read(tmp_path / name)
        assert nbt.read(tmp_path / name, axes="ctyx").shape == (4, 5, 6)


def test_npy_has_no_dataset(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", DATA)
    with pytest.raises(InputError, match=r"holds a single array, so `dataset` 'raw' cannot be chosen"):
        nbt.read(tmp_path / "a.npy", dataset="raw")


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    objects = np.full((2, 3, 4), {}, dtype=object)
    np.save(tmp_path / "a.npy", objects)
    np.savez(tmp_path / "a.npz", objects)
    for name in ("a.npy", "a.npz"):
        with pytest.raises(InputError, match="holds Python objects, which are not read"):
            nbt.read(tmp_path / name)


@pytest.mark.parametrize("part", [20, 100, 500])
@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_file_that_was_cut_is_told(tmp_path: Path, name: str, part: int) -> None:
    path = tmp_path / name
    if name == "a.npy":
        np.save(path, DATA)
    else:
        np.savez(path, DATA)
    path.write_bytes(path.read_bytes()[:part])
    with pytest.raises(InputError, match=rf"{name}` cannot be read: .* damaged or cut short"):
        nbt.read(path)


def test_damaged_compression_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, np.random.default_rng(0).random((40, 50, 60)))
    content = bytearray(path.read_bytes())
    content[200_000:200_100] = bytes(100)
    path.write_bytes(content)
    movie = nbt.read(path)
    with pytest.raises(InputError, match=r"a.npz` cannot be read: .* damaged or cut short"):
        movie[0]


def test_huge_file_opens_at_once(tmp_path: Path) -> None:
    path = tmp_path / "huge.npy"
    shape = (1000, 100, 2500, 2000)
    with path.open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + int(np.prod(shape)))  # takes no space until it is written
    begin = time.process_time()
    movie = nbt.read(path, axes="tzyx")
    assert time.process_time() - begin < 0.5
    assert movie.shape == shape


def test_committed_file_stays_readable() -> None:
    movie = nbt.read(Path(__file__).parent / "files" / "movie.npy")
    np.testing.assert_array_equal(np.stack(list(movie)), np.arange(240).reshape(3, 2, 4, 5, 2)[:, 0, ..., 0])
