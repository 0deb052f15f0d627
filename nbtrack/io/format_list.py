"""The list of all formats: what is read, what is written, in how many dimensions, and what must be installed for it."""

from importlib.util import find_spec

import pandas as pd

from nbtrack.io.registry import LINEAGE_READERS, TRACK_READERS, WRITERS

_BOTH = "2D+t, 3D+t"
_DIMENSIONS = {"trackmate": f"{_BOTH}; outlines in 2D"}
_EXTRAS = {"geff": ("formats", "zarr"), "ome-zarr": ("formats", "zarr"), "networkx": ("formats", "networkx")}
_MOVIES = {
    "hdf5": "HDF5 dataset with axistags, as of ilastik",
    "tiff": "TIFF stack, ImageJ hyperstack, or a series of files",
    "ome-tiff": "OME-TIFF",
    "ome-zarr": "OME-Zarr 0.4 and 0.5, images and labels",
    "npy": "numpy array",
    "npz": "numpy archive",
}
_IN_MEMORY = {
    "napari": "tracks layer of napari",
    "networkx": "directed graph",
    "trackpy": "DataFrame with frame and particle",
    "laptrack": "DataFrames of objects, splits and merges",
}


def formats() -> pd.DataFrame:
    """List every format that can be read or written.

    Returns
    -------
    DataFrame
        By the name of the format: read and write ("movie", "tracks", both or nothing), dimensions, extra (which must be
        installed, empty if none), ready (whether it is), how (the functions), what it is. Label images that are written
        count as tracks.

    Examples
    --------
    >>> formats().loc["geff", ["read", "write", "extra"]].tolist()
    ['tracks', 'tracks', 'formats']
    """
    rows = {}
    for name in (*_MOVIES, *(n for n in WRITERS if n not in _MOVIES), *_IN_MEMORY):
        reads = (["movie"] if name in _MOVIES else []) + (["tracks"] if _is_read(name) else [])
        writes = name in WRITERS or name in _IN_MEMORY
        how = [f"to_{name}", f"from_{name}"] if name in _IN_MEMORY else _functions(name, bool(reads))
        extra, library = _EXTRAS.get(name, ("", ""))
        rows[name] = {
            "read": ", ".join(reads),
            "write": "tracks" if writes else "",
            "dimensions": _DIMENSIONS.get(name, _BOTH),
            "extra": extra,
            "ready": not library or find_spec(library) is not None,
            "how": ", ".join(how),
            "what": WRITERS[name][1] if name in WRITERS and name not in _MOVIES else {**_MOVIES, **_IN_MEMORY}[name],
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("format")


def _is_read(name: str) -> bool:
    """Tell whether tracks come out of a format; label images by track do, in any of the formats of movies."""
    return name in TRACK_READERS or name in LINEAGE_READERS or name in _IN_MEMORY or name in ("ome-zarr", "ome-tiff")


def _functions(name: str, is_read: bool) -> list[str]:
    """Name the functions that read and write a format."""
    reader = "read" if name in _MOVIES else "read_tracks"
    return ([reader] if is_read else []) + (["write"] if name in WRITERS else [])
