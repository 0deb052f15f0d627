"""Label images coloured by track, by lineage, or by object: one TIFF, a series of TIFF files, or HDF5.

A false detection is 65535, an object outside any track 0, a merged object has its first track. The pixels are uint16 if
all values fit, else uint32.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import tifffile

from nbtrack.data.lineage import FALSE_LABEL
from nbtrack.data.storage import axistags, require_space
from nbtrack.errors import InputError
from nbtrack.io.atomic import atomic_path
from nbtrack.io.export import (
    PARAMS_FILE,
    answer_of,
    colored_objects,
    file_digits,
    output_folder,
    provenance,
    recolored_frames,
    write_provenance,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from nbtrack.data.detections import Detections

DATASET = "exported_data"
"""Name of the dataset in an HDF5 file."""
_BIG = 2**32 - 2**25


def write_labels(result: Any, path: str | Path, *, overwrite: bool = False, by: str = "track") -> list[Path]:
    """Write a label movie whose values are tracks, lineages or objects.

    Parameters
    ----------
    result : TrackingResult or Session
        What to write.
    path : str or Path
        ``*.tif`` or ``*.tiff``: one OME-TIFF; ``*.h5`` or ``*.hdf5``: dataset ``exported_data`` with ``axistags``;
        any other name: a folder of ``labels00000.tif`` and so on, with ``params.json``.
    overwrite : bool, optional
        Replace an earlier export.
    by : {"track", "lineage", "object"}, optional
        ``"track"`` and ``"lineage"``: false detections are 65535, objects outside any track 0, a merged object has
        its first track. ``"object"``: every object with its id, whatever became of it.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    InputError
        If `by` is unknown, the target is there already, or it cannot be written.
    """
    lineage, detections = answer_of(result)
    if by == "object":
        colored = detections.table[["t", "object_id"]].assign(value=detections.table["object_id"])
    else:
        colored = colored_objects(lineage, by)
    dtype = np.dtype(np.uint16 if colored["value"].max() <= FALSE_LABEL or colored.empty else np.uint32)
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix in (".tif", ".tiff", ".h5", ".hdf5"):
        with atomic_path(path, overwrite=overwrite) as temporary:
            if suffix in (".tif", ".tiff"):
                _write_tiff(temporary, result, colored, dtype)
            else:
                _write_hdf5(temporary, detections, colored, dtype, provenance(result))
        return [path]
    return _write_series(path, result, colored, dtype, overwrite)


def write_ome_tiff(result: Any, path: str | Path, *, overwrite: bool = False, by: str = "track") -> list[Path]:
    """Write a label movie as one OME-TIFF file.

    Parameters
    ----------
    result : TrackingResult or Session
        What to write.
    path : str or Path
        The file, such as ``tracks.ome.tif``.
    overwrite : bool, optional
        Replace an earlier export.
    by : {"track", "lineage", "object"}, optional
        What the values tell; as for `write_labels`.

    Returns
    -------
    list of Path
        The file.

    Raises
    ------
    InputError
        If the name does not end in .tif or .tiff, the file is there already, or it cannot be written.
    """
    if Path(path).suffix.lower() not in (".tif", ".tiff"):
        raise InputError(
            f"`{path}` must end in .tif or .tiff to be an OME-TIFF file. Choose a name like tracks.ome.tif."
        )
    return write_labels(result, path, overwrite=overwrite, by=by)


def tiff_page_axes(detections: Detections) -> str:
    """Name the axes of one frame in a TIFF file."""
    return "ZYX"[3 - detections.ndim :]


def _write_tiff(path: Path, result: Any, colored: pd.DataFrame, dtype: np.dtype[Any]) -> None:
    detections, unit = result.detections, getattr(getattr(result, "movie", None), "unit", None)
    shape = (detections.n_frames, *detections.frame_shape)
    made_by = json.dumps(provenance(result), allow_nan=False)
    metadata: dict[str, Any] = {"axes": f"T{tiff_page_axes(detections)}", "Description": made_by}
    if set(detections.scale) != {1.0}:
        for axis, size in zip(tiff_page_axes(detections), detections.scale, strict=True):
            metadata[f"PhysicalSize{axis}"] = size
            metadata[f"PhysicalSize{axis}Unit"] = unit or "pixel"
    tifffile.imwrite(
        path,
        _planes(recolored_frames(detections, colored, dtype)),
        shape=shape,
        dtype=dtype,
        ome=True,
        bigtiff=int(np.prod(shape, dtype=np.int64)) * dtype.itemsize > _BIG,
        photometric="minisblack",
        compression="zlib",
        metadata=metadata,
    )


def _planes(frames: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Give the pages of a TIFF file one by one."""
    for frame in frames:
        yield from frame.reshape(-1, *frame.shape[-2:])


def _write_series(path: Path, result: Any, colored: pd.DataFrame, dtype: np.dtype[Any], overwrite: bool) -> list[Path]:
    detections = result.detections
    digits = file_digits(detections.n_frames, 5)
    with output_folder(path, own=("labels[0-9]*.tif", PARAMS_FILE), overwrite=overwrite) as folder:
        for t, frame in enumerate(recolored_frames(detections, colored, dtype)):
            tifffile.imwrite(
                folder / f"labels{t:0{digits}d}.tif",
                frame,
                photometric="minisblack",
                compression="zlib",
                metadata={"axes": tiff_page_axes(detections)},
            )
        write_provenance(folder, result)
        names = sorted(file.name for file in folder.iterdir())
    return [path / name for name in names]


def _write_hdf5(
    path: Path, detections: Detections, colored: pd.DataFrame, dtype: np.dtype[Any], made_by: dict[str, Any]
) -> None:
    require_space(path.parent, 0)
    axes = f"t{tiff_page_axes(detections).lower()}"
    with h5py.File(path, "w") as file:
        data = file.create_dataset(
            DATASET,
            shape=(detections.n_frames, *detections.frame_shape),
            dtype=dtype,
            chunks=(1,) * (detections.ndim - 1) + detections.frame_shape[-2:],
            compression="gzip",
            compression_opts=1,
        )
        data.attrs["axistags"] = axistags(axes, detections.scale)
        data.attrs["made_by"] = json.dumps(made_by)
        for t, frame in enumerate(recolored_frames(detections, colored, dtype)):
            require_space(path.parent, frame.nbytes)
            data[t] = frame
