"""OME-Zarr 0.4 and 0.5: movies and label images in, label images out.

Version 0.4 lies on Zarr 2, with its metadata in ``.zattrs``; version 0.5 on Zarr 3, with its metadata under ``ome`` in
``zarr.json``. Older versions are read where they name their axes, or have the five that they always had.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nbtrack.data.axes import require_axes
from nbtrack.data.lineage import FALSE_LABEL
from nbtrack.data.movie import Movie
from nbtrack.data.palette import track_colors
from nbtrack.errors import InputError
from nbtrack.io.atomic import atomic_path
from nbtrack.io.export import answer_of, colored_objects, plain, provenance, recolored_frames
from nbtrack.io.sources import READ_ERRORS, unreadable
from nbtrack.io.zarr_files import (
    ZarrSource,
    array_in,
    is_zarr,
    new_array,
    new_zarr,
    open_zarr,
    plane_chunks,
    zarr_library,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

    from nbtrack.data.detections import Detections

VERSIONS = {"0.4": 2, "0.5": 3}
"""Versions that can be written, with that of Zarr below."""
UNITS = {"µm": "micrometer", "μm": "micrometer", "um": "micrometer", "nm": "nanometer", "mm": "millimeter"}
"""Names of units in OME-Zarr."""
_SHORT = {"micrometer": "µm", "nanometer": "nm", "millimeter": "mm"}
_OLD_AXES = "tczyx"


def read_ome_zarr(
    path: Path,
    *,
    axes: str | None = None,
    dataset: str | None = None,
    scale: float | Sequence[float] | None = None,
) -> Movie:
    """Open an image, or a label image, of OME-Zarr; a plain Zarr array works too.

    Parameters
    ----------
    path : Path
        The folder of the image, of a label image in it, or of an array.
    axes : str, optional
        One letter per dimension; wins over the metadata.
    dataset : str, optional
        A part: another resolution (``"1"``), a label image (``"labels/cells"``), one of several images (``"0"``).
    scale : float or sequence of float, optional
        Pixel size per spatial axis.

    Returns
    -------
    Movie
        At full resolution by default; no pixel has been read.

    Raises
    ------
    InputError
        If it is damaged, holds no image or several, or its axes are not known or do not fit.
    """
    try:
        return _open_image(path, axes, dataset, scale)
    except InputError:
        raise
    except READ_ERRORS as error:
        raise unreadable(path, error) from error


def _open_image(path: Path, axes: str | None, dataset: str | None, scale: Any) -> Movie:
    found = open_zarr(path)
    if hasattr(found, "dtype"):
        if dataset is not None:
            raise InputError(f"`{path}` is a single array, so `dataset` {dataset!r} cannot be chosen. Leave it out.")
        return _array_movie(path, found, axes, scale, _described_array(path))
    place, level = path, None
    if dataset is not None:
        place, level = _part(path, found, dataset)
        found = open_zarr(place)
    place, found, image = _image(place, found)
    level = level or str(image["datasets"][0]["path"])
    array = array_in(found, level)
    return _array_movie(place / level, array, axes, scale, _describe(image, level), name=place.name, source=path)


def _part(path: Path, root: Any, dataset: str) -> tuple[Path, str | None]:
    """Find the part of an image that is meant: a group, or a resolution of the image itself."""
    inner = dataset.strip("/")
    if not inner or any(word in ("", ".", "..") for word in inner.split("/")) or inner not in root:
        raise InputError(f"`{path}` has no part {dataset!r}. Choose one of: {_listing(root)}.")
    if hasattr(root[inner], "dtype"):
        parent, _, level = f"{path}/{inner}".rpartition("/")
        return Path(parent), level
    return path / inner, None


def _listing(root: Any) -> str:
    names = [*root.array_keys(), *root.group_keys()]
    names += [f"labels/{name}" for name in root["labels"].group_keys()] if "labels" in names else []
    return ", ".join(map(repr, sorted(names))) or "nothing"


def _metadata(group: Any) -> dict[str, Any]:
    attributes = dict(group.attrs)
    inner = attributes.get("ome")
    return inner if isinstance(inner, dict) else attributes


def _image(place: Path, group: Any) -> tuple[Path, Any, dict[str, Any]]:
    """Find the image of a group: its own, or the only one in a collection."""
    about = _metadata(group)
    images = about.get("multiscales")
    if images:
        return place, group, images[0]
    inner = sorted(name for name in group.group_keys() if "multiscales" in _metadata(group[name]))
    if len(inner) == 1:
        return place / inner[0], group[inner[0]], _metadata(group[inner[0]])["multiscales"][0]
    if "plate" in about:
        raise InputError(f"`{place}` is a plate with many images. Choose one of a well, as in dataset='A/1/0'.")
    if inner:
        raise InputError(f"`{place}` holds {len(inner)} images: {', '.join(inner)}. Choose one with `dataset=`.")
    raise InputError(
        f"`{place}` has no image of OME-Zarr: there is no `multiscales` in its metadata. It holds: {_listing(group)}. "
        "Choose the folder of an image or of an array."
    )


def _describe(image: dict[str, Any], level: str) -> tuple[str | None, list[float] | None, str | None]:
    """Tell axes, pixel sizes and unit from the metadata of an image."""
    axes = image.get("axes")
    if axes is None:
        return (_OLD_AXES if str(image.get("version")) in ("0.1", "0.2") else None), None, None
    named = [axis if isinstance(axis, dict) else {"name": axis} for axis in axes]
    letters = "".join(_letter(axis) for axis in named)
    sizes = np.ones(len(named))
    own: dict[str, Any] = next((d for d in image["datasets"] if str(d.get("path")) == level), {})
    for step in [*own.get("coordinateTransformations", ()), *image.get("coordinateTransformations", ())]:
        if step.get("type") == "scale" and len(step.get("scale", ())) == len(sizes):
            sizes = sizes * np.array(step["scale"], float)
    units = {axis.get("unit") for axis in named if _letter(axis) in "zyx"}
    unit = units.pop() if len(units) == 1 else None
    sizes = np.where(np.isfinite(sizes) & (sizes > 0), sizes, 1.0)
    return letters, sizes.tolist(), None if unit is None else _SHORT.get(str(unit), str(unit))


def _letter(axis: dict[str, Any]) -> str:
    """Give our letter for an axis, "?" if it is another one."""
    name = str(axis.get("name", "")).lower()
    if name in tuple(_OLD_AXES):
        return name
    return {"time": "t", "channel": "c"}.get(str(axis.get("type")), "?")


def _described_array(path: Path) -> tuple[str | None, list[float] | None, str | None]:
    """Look for the metadata of an array in the folder above it."""
    if not is_zarr(path.parent):
        return None, None, None
    group = open_zarr(path.parent)
    images = [] if hasattr(group, "dtype") else _metadata(group).get("multiscales") or []
    there = [image for image in images if any(str(d.get("path")) == path.name for d in image.get("datasets", ()))]
    return _describe(there[0], path.name) if there else (None, None, None)


def _array_movie(
    path: Path,
    array: Any,
    axes: str | None,
    scale: Any,
    about: tuple[str | None, list[float] | None, str | None],
    *,
    name: str | None = None,
    source: Path | None = None,
) -> Movie:
    letters, sizes, unit = about
    if letters is not None and (len(letters) != array.ndim or "?" in letters):
        letters, sizes = None, None
    names = getattr(array.metadata, "dimension_names", None)
    if letters is None and names and all(str(n).lower() in tuple(_OLD_AXES) for n in names):
        letters = "".join(str(n).lower() for n in names)
    if axes is None and letters is None:
        raise require_axes(array.shape, f"`{path}`")
    return Movie(
        ZarrSource(path, array), axes or letters or "", scale=scale, pixel_sizes=sizes, unit=unit,
        path=source or path, name=name,
    )  # fmt: skip


def write_ome_zarr(
    result: Any,
    path: str | Path,
    *,
    overwrite: bool = False,
    by: str = "track",
    version: str = "0.4",
    movie: bool = False,
) -> list[Path]:
    """Write label images by track, lineage or object as OME-Zarr.

    Parameters
    ----------
    result : TrackingResult or Session
        What to write.
    path : str or Path
        A new folder, such as ``tracks.ome.zarr``; or ``image.ome.zarr/labels/tracks`` to add the labels to an image
        that is there.
    overwrite : bool, optional
        Replace an earlier export.
    by : {"track", "lineage", "object"}, optional
        What the values tell; as for the format ``"labels"``.
    version : {"0.4", "0.5"}, optional
        Version of OME-Zarr.
    movie : bool, optional
        Write the raw movie too, as the image to which the labels belong.

    Returns
    -------
    list of Path
        The folder.

    Raises
    ------
    InputError
        If an option is unknown, there is no movie, the target is there already, or it cannot be written.
    """
    lineage, detections = answer_of(result)
    if version not in VERSIONS:
        raise InputError(f"`version` is {version!r}, but must be one of: {', '.join(VERSIONS)}.")
    raw: Any = getattr(result, "movie", None)
    if movie and raw is None:
        raise InputError("`movie` is True, but the result has no raw movie. Leave it out, or track with `movie=`.")
    path = Path(path)
    if by == "object":
        colored = detections.table[["t", "object_id"]].assign(value=detections.table["object_id"])
    else:
        colored = colored_objects(lineage, by)
    image = _image_above(path)
    if image is not None:
        version = "0.5" if "ome" in dict(image.attrs) else "0.4"
    with new_zarr(path, VERSIONS[version], overwrite) as root:
        place = root
        if movie:
            _put_image(root, raw, version)
            folder = root.create_group("labels")
            folder.attrs.update({"ome": {"version": version, "labels": [by]}} if version == "0.5" else {"labels": [by]})
            place = folder.create_group(by)
        unit = getattr(raw, "unit", None)
        about = _label_metadata(lineage, colored, by, version, source="../../" if movie or image is not None else None)
        put_labels(place, detections, colored, version=version, unit=unit, about=about)
        root.attrs["nbtrack"] = provenance(result)
    if image is not None:
        _register(path, image)
    return [path]


def put_labels(
    group: Any,
    detections: Detections,
    colored: pd.DataFrame,
    *,
    version: str,
    unit: str | None = None,
    about: dict[str, Any] | None = None,
) -> None:
    """Write label images into a group.

    Parameters
    ----------
    group : zarr.Group
        Where to; of the version of Zarr that belongs to `version`.
    detections : Detections
        The label frames.
    colored : DataFrame
        Columns t, object_id, value, sorted by t.
    version : str
        Version of OME-Zarr.
    unit : str, optional
        Unit of the pixel size.
    about : dict, optional
        Metadata of the labels: colours and properties.
    """
    axes = "tzyx" if detections.ndim == 3 else "tyx"
    dtype = np.dtype(np.uint16 if colored.empty or colored["value"].max() <= FALSE_LABEL else np.uint32)
    shape = (detections.n_frames, *detections.frame_shape)
    _put_frames(group, axes, shape, dtype, recolored_frames(detections, colored, dtype))
    _put_metadata(group, axes, detections.scale, unit, version, {"image-label": about or {"version": version}})


def _put_image(group: Any, movie: Movie, version: str) -> None:
    axes = "".join(a for a in _OLD_AXES if a in movie.axes)
    order = [movie.axes[1:].index(a) for a in axes if a != "t"]
    frames = (movie[t].transpose(order) for t in range(len(movie)))
    _put_frames(group, axes, tuple(movie.shape[movie.axes.index(a)] for a in axes), movie.dtype, frames)
    _put_metadata(group, axes, movie.scale, movie.unit, version, {})


def _put_frames(
    group: Any, axes: str, shape: tuple[int, ...], dtype: np.dtype[Any], frames: Iterable[np.ndarray]
) -> None:
    names = {"dimension_names": list(axes)} if group.metadata.zarr_format == 3 else {}
    array = new_array(group, "0", shape, dtype, chunks=plane_chunks(shape), **names)
    for t, frame in enumerate(frames):
        array[t] = frame


def _put_metadata(
    group: Any, axes: str, scale: tuple[float, ...], unit: str | None, version: str, more: dict[str, Any]
) -> None:
    kinds = {"t": "time", "c": "channel"}
    sizes = dict(zip("zyx"[3 - len(scale) :], scale, strict=True))
    named = UNITS.get(unit or "")
    described = [
        {"name": a, "type": kinds.get(a, "space"), **({"unit": named} if named and a in sizes else {})} for a in axes
    ]
    step = {"type": "scale", "scale": [float(sizes.get(a, 1.0)) for a in axes]}
    image = {"name": "image", "axes": described, "datasets": [{"path": "0", "coordinateTransformations": [step]}]}
    if version == "0.5":
        group.attrs["ome"] = {"version": version, "multiscales": [image], **more}
    else:
        group.attrs.update({"multiscales": [{"version": version, **image}], **more})


def _label_metadata(lineage: Any, colored: pd.DataFrame, by: str, version: str, source: str | None) -> dict[str, Any]:
    """Give every value its colour and, of a track, its parent; a reader wants both of the same values."""
    told = {
        i: {"t_start": a, "t_end": b, "parent": p, "lineage": r} for i, a, b, p, r in lineage.tracks.to_numpy().tolist()
    }
    values = sorted({*colored["value"].tolist(), *(told if by == "track" else ())})
    about: dict[str, Any] = {"version": version}
    if values:
        colors = np.column_stack([track_colors(values), np.full(len(values), 255)]).tolist()
        about["colors"] = [{"label-value": v, "rgba": c} for v, c in zip(values, colors, strict=True)]
        if by == "track":
            false = {"false_detection": True}
            about["properties"] = [{"label-value": v, **told.get(v, false)} for v in values]
    if source is not None:
        about["source"] = {"image": source}
    return dict(plain(about))


def _image_above(path: Path) -> Any:
    """Open the image to whose ``labels`` a path leads, None if it leads nowhere like that."""
    image = path.parent.parent
    if path.parent.name != "labels" or not is_zarr(image):
        return None
    try:
        group = open_zarr(image)
    except READ_ERRORS as error:
        raise unreadable(image, error) from error
    return group if not hasattr(group, "dtype") and "multiscales" in _metadata(group) else None


def _register(path: Path, image: Any) -> None:
    """Name new labels in the metadata of the image to which they belong."""
    zarr = zarr_library(f"`{path}`")
    folder = path.parent
    if not is_zarr(folder):
        zarr.open_group(str(folder), mode="a", zarr_format=image.metadata.zarr_format)
    version_3 = image.metadata.zarr_format == 3
    file = folder / ("zarr.json" if version_3 else ".zattrs")
    about = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    attributes = about.setdefault("attributes", {}) if version_3 else about
    listed = attributes.setdefault("ome", {"version": "0.5"}) if version_3 else attributes
    listed["labels"] = sorted({*listed.get("labels", ()), path.name})
    with atomic_path(file, overwrite=True) as temporary:
        temporary.write_text(json.dumps(about, indent=2), encoding="utf-8")
