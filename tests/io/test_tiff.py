"""Movies in TIFF files: stacks, hyperstacks, OME, series of files, damage."""

import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import nbtrack as nbt
from nbtrack.data.movie import Movie
from nbtrack.errors import InputError

FILES = Path(__file__).parent / "files"
DATA = np.random.default_rng(0).integers(0, 60_000, (4, 3, 5, 6, 2), dtype=np.uint16)
"""Ordered tzyxc."""
STACK = DATA[:, 0, :, :, 0]


def save(path: Path, data: np.ndarray, **options: Any) -> Path:
    """Write a TIFF file."""
    tifffile.imwrite(path, data, **{"photometric": "minisblack", **options})
    return path


def check(movie: Movie, axes: str, expected: np.ndarray) -> None:
    """Compare axes, every frame, and a frame after pickling."""
    assert (movie.axes, movie.shape, movie.dtype) == (axes, expected.shape, expected.dtype)
    np.testing.assert_array_equal(np.stack(list(movie)), expected)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(movie))[len(movie) - 1], expected[-1])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"metadata": None},
        {"metadata": None, "byteorder": ">"},
        {"metadata": None, "compression": "zlib"},
        {"compression": "zlib", "tile": (16, 16)},
        {"bigtiff": True},
        {"metadata": {"axes": "TYX"}, "compression": "zlib"},
        {"imagej": True, "metadata": {"axes": "TYX"}},
        {"ome": True, "metadata": {"axes": "TYX"}},
    ],
    ids=str,
)
def test_stack_of_pages_is_a_movie(tmp_path: Path, options: dict[str, Any]) -> None:
    check(nbt.read(save(tmp_path / "a.tif", STACK, **options)), "tyx", STACK)


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("kind", ["imagej", "ome"])
def test_hyperstack(tmp_path: Path, kind: str, compression: str | None) -> None:
    path = save(
        tmp_path / "a.tif",
        DATA.transpose(0, 1, 4, 2, 3),
        metadata={"axes": "TZCYX"},
        compression=compression,
        **{kind: True},
    )
    movie = nbt.read(path)
    check(movie, "tzyxc", DATA)
    np.testing.assert_array_equal(movie.frame(2, channel=1), DATA[2, ..., 1])


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_colour_samples_are_channels(tmp_path: Path, compression: str | None) -> None:
    data = np.random.default_rng(0).integers(0, 255, (4, 5, 6, 3), dtype=np.uint8)
    path = save(tmp_path / "a.tif", data, photometric="rgb", metadata=None, compression=compression)
    movie = nbt.read(path)
    check(movie, "tyxc", data)
    np.testing.assert_array_equal(movie.frame(1, channel=2), data[1, ..., 2])


def test_binary_images_are_read(tmp_path: Path) -> None:
    check(nbt.read(save(tmp_path / "a.tif", STACK > 30_000)), "tyx", STACK > 30_000)


def test_imagej_pixel_size(tmp_path: Path) -> None:
    def scale(**metadata: Any) -> tuple[tuple[float, ...], str | None]:
        options = {"axes": "TZYX", "spacing": 2.0, **metadata}
        save(tmp_path / "a.tif", DATA[..., 0], imagej=True, metadata=options, resolution=(4, 2))
        movie = nbt.read(tmp_path / "a.tif")
        return movie.scale, movie.unit

    assert scale(unit="um") == ((2.0, 0.5, 0.25), "µm")
    assert scale(unit="nm") == ((0.002, 0.0005, 0.00025), "µm")
    assert scale(unit="furlong") == ((2.0, 0.5, 0.25), "furlong")
    assert scale(unit="pixel") == ((1.0, 1.0, 1.0), None)
    assert scale() == ((1.0, 1.0, 1.0), None)


def test_ome_pixel_size(tmp_path: Path) -> None:
    sizes = {"PhysicalSizeX": 250, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.5, "PhysicalSizeZ": 2}
    path = save(tmp_path / "a.tif", DATA[..., 0], ome=True, metadata={"axes": "TZYX", **sizes})
    movie = nbt.read(path)
    assert movie.unit == "µm"
    assert movie.scale == pytest.approx((2.0, 0.5, 0.25))
    assert nbt.read(path, scale=(1, 2, 3)).scale == (1.0, 2.0, 3.0)


def test_units_that_cannot_be_brought_together_are_left_out(tmp_path: Path) -> None:
    sizes = {"PhysicalSizeX": 1, "PhysicalSizeXUnit": "pixel", "PhysicalSizeY": 1}
    movie = nbt.read(save(tmp_path / "a.tif", STACK, ome=True, metadata={"axes": "TYX", **sizes}))
    assert (movie.scale, movie.unit) == ((1.0, 1.0), None)


def test_given_axes_win(tmp_path: Path) -> None:
    path = save(tmp_path / "a.tif", STACK, imagej=True, metadata={"axes": "ZYX"})
    with pytest.raises(InputError, match=r"without a time axis t. If z is time here, read it with axes='tyx'"):
        nbt.read(path)
    check(nbt.read(path, axes="tyx"), "tyx", STACK)
    with pytest.raises(InputError, match="4 letters, but the data have 3"):
        nbt.read(path, axes="tzyx")


def test_four_dimensions_that_say_nothing_ask(tmp_path: Path) -> None:
    path = save(tmp_path / "a.tif", DATA[..., 0])
    with pytest.raises(InputError, match=r"axes of `.*a.tif` of shape \(4, 3, 5, 6\).* axes='tzyx' or 'tyxc'"):
        nbt.read(path)
    check(nbt.read(path, axes="tzyx"), "tzyx", DATA[..., 0])


def test_single_image_is_no_movie(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'yx' for data .* Give a stack of frames, or a series of files"):
        nbt.read(save(tmp_path / "a.tif", STACK[0]))


def test_pages_of_different_shape_are_told(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for data in (STACK, STACK[:2, :3]):
            writer.write(data, metadata=None, photometric="minisblack")
    with pytest.raises(InputError, match=r"2 image series: 0 of shape \(4, 5, 6\) .* must have one shape"):
        nbt.read(tmp_path / "a.tif")
    check(nbt.read(tmp_path / "a.tif", dataset="1"), "tyx", STACK[:2, :3])
    with pytest.raises(InputError, match=r"no image series '7'. Choose one with `dataset=`: 0 of shape"):
        nbt.read(tmp_path / "a.tif", dataset="7")


@pytest.mark.parametrize("part", [0.05, 0.3, 0.6, 0.9, 0.99])
@pytest.mark.parametrize(
    "options",
    [
        {"metadata": None},
        {"metadata": None, "compression": "zlib"},
        {"metadata": {"axes": "TYX"}},
        {"metadata": {"axes": "TYX"}, "compression": "zlib"},
        {"metadata": {"axes": "TYX"}, "imagej": True},
        {"metadata": {"axes": "TYX"}, "ome": True, "compression": "zlib"},
    ],
    ids=str,
)
def test_file_that_was_cut_gives_no_wrong_frame(tmp_path: Path, options: dict[str, Any], part: float) -> None:
    data = np.random.default_rng(0).integers(0, 60_000, (6, 40, 50), dtype=np.uint16)
    path = save(tmp_path / "a.tif", data, **options)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    words = r"a.tif` (cannot be read: .* may be damaged or cut short|is empty)"
    try:
        movie = nbt.read(path)
    except InputError as error:
        assert "damaged" in str(error)  # noqa: PT017
        return
    assert movie.shape == data.shape
    for t, frame in enumerate(data):
        try:
            np.testing.assert_array_equal(movie[t], frame)
        except InputError:
            with pytest.raises(InputError, match=words):
                movie[t]


def test_missing_codec_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "a.tif", STACK, compression="zlib")
    monkeypatch.setattr(tifffile.TIFF, "DECOMPRESSORS", {})
    with pytest.raises(InputError, match=r"compressed with ADOBE_DEFLATE, which needs the package `imagecodecs`"):
        nbt.read(path)


@pytest.fixture
def series(tmp_path: Path) -> Path:
    """A folder with twelve frames, which alphabetical order would mix up, and a note."""
    folder = tmp_path / "cells"
    folder.mkdir()
    for t in range(12):
        save(folder / f"frame{t}.tif", np.full((5, 6), t, np.uint8))
    (folder / "notes.txt").write_text("not a frame")
    return folder


def test_series_in_natural_order(series: Path) -> None:
    expected = np.arange(12, dtype=np.uint8)[:, None, None] * np.ones((1, 5, 6), np.uint8)
    for source in (series, str(series / "frame*.tif"), series / "*.tif"):
        movie = nbt.read(source)
        check(movie, "tyx", expected)
        assert (movie.name, movie.source) == ("cells", series)


def test_series_of_stacks_is_3d(tmp_path: Path) -> None:
    for t in range(4):
        save(tmp_path / f"{t:03}.tif", DATA[t, ..., 0], compression="zlib")
    check(nbt.read(tmp_path), "tzyx", DATA[..., 0])
    check(nbt.read(tmp_path, axes="ztyx"), "tzyx", DATA[..., 0].swapaxes(0, 1))


def test_series_of_time_stacks_asks(tmp_path: Path) -> None:
    for t in range(4):
        save(tmp_path / f"{t:03}.tif", DATA[t, ..., 0], imagej=True, metadata={"axes": "TYX"})
    with pytest.raises(InputError, match=r"axes of the series of files in `.*` of shape \(4, 3, 5, 6\) are not known"):
        nbt.read(tmp_path)
    check(nbt.read(tmp_path, axes="tzyx"), "tzyx", DATA[..., 0])


def test_series_with_one_other_frame_is_told(series: Path) -> None:
    save(series / "frame7.tif", np.zeros((5, 7), np.uint8))
    save(series / "frame8.tif", np.zeros((5, 6), np.uint16))
    (series / "frame9.tif").write_bytes(b"II*\0")
    (series / "frame10.tif").unlink()
    movie = nbt.read(series / "*.tif")
    assert len(movie) == 11
    with pytest.raises(InputError, match=r"`.*frame7.tif` has shape \(5, 7\) and type uint8, the first one \(5, 6\)"):
        movie[7]
    with pytest.raises(InputError, match=r"`.*frame8.tif` has shape \(5, 6\) and type uint16"):
        movie[8]
    with pytest.raises(InputError, match=r"frame9.tif` cannot be read"):
        movie[9]
    (series / "frame11.tif").unlink()
    with pytest.raises(InputError, match=r"frame11.tif` does not exist"):
        movie[10]


def test_damaged_first_file_is_told(series: Path) -> None:
    (series / "frame0.tif").write_bytes(b"II*\0")
    with pytest.raises(InputError, match=r"frame0.tif` cannot be read"):
        nbt.read(series)


def test_folder_without_frames_is_told(tmp_path: Path) -> None:
    for source in (tmp_path, tmp_path / "*.tif"):
        with pytest.raises(InputError, match=r"has no TIFF file. Give a folder or a pattern"):
            nbt.read(source)


def test_folder_with_one_stack_is_that_stack(tmp_path: Path) -> None:
    save(tmp_path / "a.tif", STACK)
    check(nbt.read(tmp_path), "tyx", STACK)


def test_dataset_means_nothing_in_a_series(series: Path) -> None:
    with pytest.raises(InputError, match=r"`dataset` is 'raw', but .* is a series of files. Leave it out"):
        nbt.read(series, dataset="raw")


def test_compressed_stack_works_in_threads_and_processes(tmp_path: Path) -> None:
    movie = nbt.read(save(tmp_path / "a.tif", STACK, compression="zlib"))
    with ThreadPoolExecutor(4) as executor:
        for t, frame in enumerate(executor.map(movie.frame, [0, 1, 2, 3] * 10)):
            np.testing.assert_array_equal(frame, STACK[t % 4])
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        np.testing.assert_array_equal(executor.submit(movie.frame, 3).result(), STACK[3])


@pytest.mark.parametrize(
    ("name", "axes", "scale"),
    [("hyperstack.tif", "tzyxc", (2.0, 0.5, 0.25)), ("movie.ome.tif", "tyxc", (0.5, 0.25))],
)
def test_committed_files_stay_readable(name: str, axes: str, scale: tuple[float, ...]) -> None:
    movie = nbt.read(FILES / name)
    data = np.arange(240).reshape(3, 2, 4, 5, 2)
    assert (movie.axes, movie.unit) == (axes, "µm")
    assert movie.scale == pytest.approx(scale)
    np.testing.assert_array_equal(np.stack(list(movie)), data if movie.ndim == 3 else data[:, 0])


def test_real_series(real_data: Path) -> None:
    for name, shape in (
        ("neubias_mitocheck_movie/GT/TRA", (30, 190, 211)),
        ("celegans_3dt_early/GT/TRA", (110, 35, 392, 557)),
        ("cho_3dt/silver_GT/TRA/*.tif", (20, 5, 221, 256)),
    ):
        movie = nbt.read(real_data / name)
        assert movie.shape == shape
        last = real_data / name.removesuffix("/*.tif") / f"man_track{len(movie) - 1:03}.tif"
        np.testing.assert_array_equal(movie[len(movie) - 1], tifffile.imread(last))
