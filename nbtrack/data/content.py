"""What a file holds, as one short text: to find out whether it is still the same, wherever it lies."""

import hashlib
from pathlib import Path

from nbtrack.errors import InputError

_BLOCK = 2**20
_BLOCKS = 64


def hash_content(path: Path) -> str:
    """Hash a file, or the files of a folder, by name, size and content.

    Parameters
    ----------
    path : Path
        What to hash. Of a file above 64 MiB, 64 evenly spaced blocks of 1 MiB are read, so that a movie of any size
        takes a moment.

    Returns
    -------
    str
        SHA-256, hexadecimal.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for file in files:
            size = file.stat().st_size
            name = file.relative_to(path).as_posix() if path.is_dir() else ""
            digest.update(f"{name}\0{size}\0".encode())
            last = max(size - _BLOCK, 0)
            dense = size <= _BLOCK * _BLOCKS
            starts = range(0, size, _BLOCK) if dense else [last * i // (_BLOCKS - 1) for i in range(_BLOCKS)]
            with file.open("rb") as opened:
                for start in starts:
                    opened.seek(start)
                    digest.update(opened.read(_BLOCK))
    except OSError as error:
        raise InputError(f"`{path}` cannot be read: {error}. Check the file.") from error
    return digest.hexdigest()
