"""Movies and label images as OME-Zarr 0.4 and 0.5, checked by the library `ome-zarr-models`."""

import json
import pickle
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from export_cases import everything, same_labels, tracked

import nbtrack as nbt
from nbtrack.errors import InputError
from nbtrack.io.ome_zarr import read_ome_zarr, write_ome_zarr

zarr = pytest.importorskip("zarr")
FILES = Path(__file__).parent / "files" / "tracks"
VERSIONS = {"0.4": 2, "0.5": 3}


def write_image(path, version, array, axes, *, scale=None, unit="micrometer", levels=1):
    """Write an image as another program would."""
    group = zarr.open_group(str(path), mode="w", zarr_format=VERSIONS[version])
    kinds = {"t": "time", "c": "channel"}
    described = [{"name": a, "type": kinds.get(a, "space")} for a in axes]
    for axis in described:
        if axis["type"] == "space" and unit:
            axis["unit"] = unit
    datasets = []
    for level in range(levels):
        small = array[..., :: 2**level, :: 2**level]
        group.create_array(str(level), data=small, chunks=(1,) * (small.ndim - 2) + small.shape[-2:])
        step = {"type": "scale", "scale": list(scale or [1.0] * len(axes))}
        datasets.append({"path": str(level), "coordinateTransformations": [step]})
    image = {"axes": described, "datasets": datasets, "name": "cells"}
    if version == "0.5":
        group.attrs["ome"] = {"version": "0.5", "multiscales": [image]}
    else:
        group.attrs["multiscales"] = [{"version": "0.4", **image}]
    return group


@pytest.mark.parametrize("version", VERSIONS)
def test_images_are_read_lazily(version, tmp_path):
    array = np.random.default_rng(1).integers(0, 999, (3, 2, 4, 8, 10), np.uint16)
    write_image(tmp_path / "a.zarr", version, array, "tczyx", scale=[1, 1, 2, 0.5, 0.25], levels=2)
    movie = nbt.read(tmp_path / "a.zarr")
    assert (movie.axes, movie.shape, movie.dtype) == ("tzyxc", (3, 4, 8, 10, 2), np.uint16)
    assert (movie.scale, movie.unit, movie.name) == ((2.0, 0.5, 0.25), "µm", "a.zarr")
    np.testing.assert_array_equal(movie.frame(1, channel=1), array[1, 1])
    np.testing.assert_array_equal(movie[2], np.moveaxis(array[2], 0, -1))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(movie))[0], movie[0])
    small = nbt.read(tmp_path / "a.zarr", dataset="1", scale=3)
    assert (small.shape, small.scale) == ((3, 4, 4, 5, 2), (3.0, 3.0, 3.0))
    assert nbt.read(tmp_path / "a.zarr" / "0").axes == "tzyxc"  # the array itself, told by the image around it


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("movie", [False, True])
def test_labels_are_read_back(version, ndim, movie, tmp_path):
    case = tracked(ndim)
    path = tmp_path / "a.ome.zarr"
    assert nbt.write(case, path, format="ome-zarr", version=version, movie=movie) == [path]
    labels = nbt.read(path, dataset="labels/track" if movie else None)
    assert labels.scale == case.detections.scale
    nbt.write(case, tmp_path / "a.tif", format="labels")
    assert same_labels(labels, nbt.read(tmp_path / "a.tif"))
    if movie:
        assert same_labels(nbt.read(path), case.movie)
    else:
        assert nbt.read_tracks(path).lineage.track_ids == case.lineage.track_ids
        assert nbt.read_tracks(path).lineage.is_false(0, 65535)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("ndim", [2, 3])
def test_a_library_of_the_format_finds_no_fault(version, ndim, tmp_path):
    models = pytest.importorskip("ome_zarr_models")
    case = tracked(ndim)
    write_ome_zarr(case, tmp_path / "a.zarr", version=version, movie=True)
    write_ome_zarr(case, tmp_path / "a.zarr" / "labels" / "lineages", by="lineage")
    write_ome_zarr(case, tmp_path / "b.zarr", version=version)
    write_ome_zarr(case, tmp_path / "c.zarr", version=version, by="object")
    kinds = {}
    for name in ("a.zarr", "a.zarr/labels", "a.zarr/labels/track", "a.zarr/labels/lineages", "b.zarr", "c.zarr"):
        group = zarr.open_group(str(tmp_path / name), mode="r")
        kinds[name] = type(models.open_ome_zarr(group)).__name__
        assert group.metadata.zarr_format == VERSIONS[version]
    assert list(kinds.values()) == ["Image", "Labels", "ImageLabel", "ImageLabel", "ImageLabel", "ImageLabel"]
    attributes = dict(zarr.open_group(str(tmp_path / "a.zarr" / "labels"), mode="r").attrs)
    assert attributes.get("ome", attributes)["labels"] == ["lineages", "track"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("ndim", [2, 3])
def test_the_reference_implementation_reads_it_and_is_read(version, ndim, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs, of dask and s3fs
        reader = pytest.importorskip("ome_zarr.reader")
        writer = pytest.importorskip("ome_zarr.writer")
        formats = pytest.importorskip("ome_zarr.format")
        from ome_zarr.io import parse_url

        case = tracked(ndim)
        write_ome_zarr(case, tmp_path / "ours.zarr", version=version, movie=True)
        image, *_, labels = list(reader.Reader(parse_url(str(tmp_path / "ours.zarr")))())
        np.testing.assert_array_equal(np.asarray(image.data[0]), np.stack(list(case.movie)))
        expected = np.stack(list(nbt.read(tmp_path / "ours.zarr", dataset="labels/track")))
        np.testing.assert_array_equal(np.asarray(labels.data[0]), expected)
        assert {1, 3, 65535} <= set(labels.metadata["color"])

        array = np.random.default_rng(0).integers(0, 99, (4, *(5, 16, 18)[3 - ndim :]), np.uint16)
        group = zarr.open_group(str(tmp_path / "theirs.zarr"), mode="w", zarr_format=VERSIONS[version])
        format = {"0.4": formats.FormatV04, "0.5": formats.FormatV05}[version]()
        writer.write_image(array, group, axes="tzyx" if ndim == 3 else "tyx", fmt=format, scaler=None)
    movie = nbt.read(tmp_path / "theirs.zarr")
    np.testing.assert_array_equal(np.stack(list(movie)), array)


@pytest.mark.parametrize("version", VERSIONS)
def test_labels_join_an_image_that_is_there(version, tmp_path):
    case = everything()
    group = write_image(tmp_path / "image.zarr", version, np.stack(list(case.movie)), "tyx")
    nbt.write(case, tmp_path / "image.zarr" / "labels" / "tracks", format="ome-zarr")
    nbt.write(case, tmp_path / "image.zarr" / "labels" / "objects", format="ome-zarr", by="object")
    assert same_labels(nbt.read(tmp_path / "image.zarr", dataset="labels/objects"), case.detections.labels)
    assert same_labels(nbt.read(tmp_path / "image.zarr"), case.movie)
    about = dict(group["labels"].attrs)
    assert about.get("ome", about)["labels"] == ["objects", "tracks"]
    own = dict(group["labels/tracks"].attrs)
    assert own.get("ome", own)["image-label"]["source"] == {"image": "../../"}
    assert own["nbtrack"]["frames"] == 6


def test_children_and_colours_are_told(tmp_path):
    case = everything()
    write_ome_zarr(case, tmp_path / "a.zarr")
    about = zarr.open_group(str(tmp_path / "a.zarr"), mode="r").attrs["image-label"]
    told = {p["label-value"]: p for p in about["properties"]}
    assert told[3] == {"label-value": 3, "t_start": 2, "t_end": 3, "parent": 1, "lineage": 1}
    assert told[65535] == {"label-value": 65535, "false_detection": True}
    assert {"label-value": 1, "rgba": [0, 128, 230, 255]} in about["colors"]


def test_options_that_do_not_fit(tmp_path):
    case = everything()
    with pytest.raises(InputError, match=r"`version` is '0\.6', but must be one of: 0\.4, 0\.5\."):
        write_ome_zarr(case, tmp_path / "a.zarr", version="0.6")
    case.movie = None
    with pytest.raises(InputError, match=r"`movie` is True, but the result has no raw movie"):
        write_ome_zarr(case, tmp_path / "a.zarr", movie=True)
    with pytest.raises(InputError, match=r'`by` must be "track" or "lineage"'):
        write_ome_zarr(case, tmp_path / "a.zarr", by="cell")
    assert not any(tmp_path.iterdir())


def test_parts_are_listed_where_one_must_be_chosen(tmp_path):
    array = np.zeros((2, 4, 5), np.uint8)
    root = zarr.open_group(str(tmp_path / "many.zarr"), mode="w", zarr_format=2)
    root.attrs["bioformats2raw.layout"] = 3
    write_image(tmp_path / "many.zarr" / "0", "0.4", array, "tyx")
    assert nbt.read(tmp_path / "many.zarr").shape == (2, 4, 5)  # the only image
    write_image(tmp_path / "many.zarr" / "1", "0.4", array[:1], "tyx")
    with pytest.raises(InputError, match=r"holds 2 images: 0, 1\. Choose one with `dataset=`"):
        nbt.read(tmp_path / "many.zarr")
    assert nbt.read(tmp_path / "many.zarr", dataset="1").shape == (1, 4, 5)
    with pytest.raises(InputError, match=r"has no part '\.\./x'\. Choose one of: '0', '1'\."):
        nbt.read(tmp_path / "many.zarr", dataset="../x")
    empty = zarr.open_group(str(tmp_path / "plate.zarr"), mode="w", zarr_format=2)
    with pytest.raises(InputError, match=r"has no image of OME-Zarr: there is no `multiscales`.* It holds: nothing"):
        nbt.read(tmp_path / "plate.zarr")
    empty.attrs["plate"] = {}
    with pytest.raises(InputError, match=r"is a plate with many images\. Choose one of a well, as in dataset='A/1/0'"):
        nbt.read(tmp_path / "plate.zarr")


def test_axes_may_be_unknown_or_missing(tmp_path):
    array = np.zeros((3, 4, 5), np.uint8)
    zarr.create_array(str(tmp_path / "a.zarr"), data=array, zarr_format=2)
    with pytest.raises(InputError, match=r"The axes of `.*a\.zarr` of shape \(3, 4, 5\) are not known\. Give `axes=`"):
        nbt.read(tmp_path / "a.zarr")
    assert nbt.read(tmp_path / "a.zarr", axes="tyx").shape == (3, 4, 5)
    with pytest.raises(InputError, match=r"is a single array, so `dataset` '0' cannot be chosen"):
        nbt.read(tmp_path / "a.zarr", dataset="0")
    zarr.create_array(str(tmp_path / "named.zarr"), data=array, dimension_names=("T", "Y", "X"))
    assert nbt.read(tmp_path / "named.zarr").axes == "tyx"
    write_image(tmp_path / "z.zarr", "0.4", array, "zyx")
    with pytest.raises(InputError, match=r"without a time axis t\. If z is time here, read it with axes='tyx'"):
        nbt.read(tmp_path / "z.zarr")
    assert nbt.read(tmp_path / "z.zarr", axes="tyx").axes == "tyx"
    old = zarr.open_group(str(tmp_path / "old.zarr"), mode="w", zarr_format=2)
    old.create_array("0", data=array[:, None, None])
    old.attrs["multiscales"] = [{"version": "0.2", "datasets": [{"path": "0"}]}]
    assert nbt.read(tmp_path / "old.zarr").axes == "tyx"


def test_damage_is_told(tmp_path):
    case = everything()
    write_ome_zarr(case, tmp_path / "a.zarr")
    file = tmp_path / "a.zarr" / "0" / ".zarray"
    whole = file.read_text()
    file.write_text(whole[:30])
    with pytest.raises(InputError, match=r"a\.zarr` cannot be read"):
        nbt.read(tmp_path / "a.zarr")
    file.write_text(json.dumps({**json.loads(whole), "dtype": "|O", "filters": [{"id": "pickle", "protocol": 4}]}))
    with pytest.raises(InputError, match=r"a\.zarr` cannot be read"):
        nbt.read(tmp_path / "a.zarr")
    file.write_text(whole)
    movie = nbt.read(tmp_path / "a.zarr")
    chunk = next(p for p in (tmp_path / "a.zarr" / "0" / "0").rglob("*") if p.is_file())
    chunk.write_bytes(chunk.read_bytes()[:5])
    with pytest.raises(InputError, match=r"cannot be read: .* The file may be damaged or cut short"):
        movie[0]


def test_a_full_disk_leaves_what_was_there(tmp_path):
    resource = pytest.importorskip("resource")
    write_ome_zarr(everything(), tmp_path / "a.zarr")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (32, limits[1]))
    try:
        with pytest.raises(InputError, match=r"a\.zarr` could not be written: .* Nothing was changed there"):
            write_ome_zarr(everything(3), tmp_path / "a.zarr", overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [p.name for p in tmp_path.iterdir()] == ["a.zarr"]
    assert read_ome_zarr(tmp_path / "a.zarr").axes == "tyx"


@pytest.mark.parametrize("version", VERSIONS)
def test_the_file_of_the_first_version_stays_readable(version, tmp_path):
    with zipfile.ZipFile(FILES / f"labels-{version}.ome.zarr.zip") as bundle:
        bundle.extractall(tmp_path)
    labels = nbt.read(tmp_path / "labels.ome.zarr")
    assert (labels.axes, labels.shape, labels.scale) == ("tyx", (6, 12, 14), (0.5, 0.5))
    assert set(np.unique(labels[0])) == {0, 1, 2, 5, 65535}
