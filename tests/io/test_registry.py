"""Finding the reader by content and the writer by name."""

from importlib import import_module
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile

import nbtrack as nbt
from nbtrack.errors import InputError
from nbtrack.io import registry
from nbtrack.io.registry import READERS, WRITERS, list_formats

DATA = np.random.default_rng(0).integers(0, 200, (4, 5, 6), dtype=np.uint8)


def test_content_decides_not_the_suffix(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", DATA)
    np.savez(tmp_path / "b.npz", DATA)
    tifffile.imwrite(tmp_path / "c.tif", DATA, photometric="minisblack")
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file["data"] = DATA
    for path in sorted(tmp_path.iterdir()):
        np.testing.assert_array_equal(nbt.read(path.rename(path.with_suffix(".bin")), axes="tyx")[3], DATA[3])


def test_arrays_are_movies() -> None:
    assert nbt.read(DATA, scale=0.5).scale == (0.5, 0.5)
    assert nbt.read([*DATA]).shape == DATA.shape
    with pytest.raises(InputError, match="`dataset` names a part of a file, but an array was given"):
        nbt.read(DATA, dataset="raw")


def test_missing_file_is_told(tmp_path: Path) -> None:
    for name in ("a.h5", "a.h5/data", "folder/a.tif"):
        with pytest.raises(InputError, match=rf"{name}` does not exist. Check the name and the folder"):
            nbt.read(tmp_path / name)


def test_name_with_brackets_is_a_name(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a[1].tif", DATA, photometric="minisblack")
    assert nbt.read(tmp_path / "a[1].tif").shape == DATA.shape


def test_other_files_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_bytes(b"")
    (tmp_path / "b.avi").write_bytes(b"RIFF....AVI ")
    with pytest.raises(InputError, match=r"a.h5` is empty. It may be damaged"):
        nbt.read(tmp_path / "a.h5")
    with pytest.raises(InputError, match=r"b.avi` does not begin like a file of these formats: HDF5, TIFF, npy, npz"):
        nbt.read(tmp_path / "b.avi")


def test_file_that_may_not_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.h5").write_bytes(b"secret")

    def refuse(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=r"a.h5` cannot be opened: .*Permission denied. Check that you may read it"):
        nbt.read(tmp_path / "a.h5")


@pytest.mark.parametrize("entry", [entry for _, _, entry in READERS] + [entry for entry, _ in WRITERS.values()])
def test_every_entry_is_there(entry: str) -> None:
    module, _, name = entry.partition(":")
    assert callable(getattr(import_module(module), name))


def test_formats_are_listed() -> None:
    assert {"ctc", "csv", "labels", "events-h5", "png"} <= set(list_formats())
    assert all(list_formats().values())


class Result:
    """Looks like a result."""

    lineage = None
    detections = None


def test_unknown_format_lists_the_allowed_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="`format` is 'xlsx', but must be one of: ctc, csv, labels"):
        nbt.write(Result(), tmp_path / "a", format="xlsx")


def test_a_lineage_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="`result` must be a TrackingResult or a Session, got 'object'"):
        nbt.write(object(), tmp_path / "a")


def test_writer_gets_the_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def write_it(*arguments: Any, **options: Any) -> list[Path]:
        asked.append((arguments, options))
        return [tmp_path]

    monkeypatch.setattr(registry, "_load", lambda _: write_it)
    result = Result()
    assert nbt.write(result, tmp_path, format="labels", overwrite=True, by="lineage") == [tmp_path]
    assert asked == [((result, tmp_path), {"overwrite": True, "by": "lineage"})]


@pytest.mark.parametrize("name", ["movie.h5", "movie.npy", "movie.ome.tif", "hyperstack.tif"])
def test_damage_is_an_input_error(tmp_path: Path, name: str) -> None:
    content = (Path(__file__).parent / "files" / name).read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(100):
        damaged = np.frombuffer(content, np.uint8).copy()
        damaged[rng.integers(0, len(damaged), 5)] = rng.integers(0, 256, 5)
        (tmp_path / name).write_bytes(damaged.tobytes())
        try:
            movie = nbt.read(tmp_path / name)
            if np.prod(movie.shape, dtype=object) < 1_000_000:
                list(movie)
        except InputError:
            continue
