"""What every HDF5 file of nbtrack needs: the attribute that names its axes, and room on the disk."""

import errno
import json
import os
import shutil
from pathlib import Path

_TYPE_FLAGS = {"t": 8, "z": 2, "y": 2, "x": 2, "c": 1}
_SPARE = 2**23  # for what HDF5 keeps about the data


def axistags(axes: str, scale: tuple[float, ...]) -> str:
    """Describe axes as the attribute ``axistags`` of an HDF5 dataset does.

    Parameters
    ----------
    axes : str
        Letters of ``tzyxc``.
    scale : tuple of float
        Pixel size per spatial axis, ordered ``([z,] y, x)``; 1.0 is "not known", which the attribute writes as 0.

    Returns
    -------
    str
        JSON.
    """
    sizes = dict(zip("zyx"[3 - len(scale) :], scale, strict=True))
    tags = [
        {
            "key": axis,
            "typeFlags": _TYPE_FLAGS[axis],
            "resolution": 0 if sizes.get(axis, 1.0) == 1.0 else sizes[axis],
            "description": "",
        }
        for axis in axes
    ]
    return json.dumps({"axes": tags})


def require_space(folder: Path, n_bytes: int) -> None:
    """Stop before HDF5 meets a full disk: where it cannot flush a file, it takes the whole process down.

    Parameters
    ----------
    folder : Path
        Where a file is being written.
    n_bytes : int
        How much is going to be written next, at most.

    Raises
    ------
    OSError
        With the words of the operating system for a full disk, if there is less room.
    """
    if shutil.disk_usage(folder).free < n_bytes + _SPARE:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
