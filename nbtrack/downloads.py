"""Fetch an archive of tutorial data once and keep it in a folder of the user.

No checksum of these archives is published, so the content is checked instead: the archive opens, its expected members
are there and are sound. Everything is written beside its place and renamed when it is whole: a broken download leaves
nothing.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
import zlib
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from nbtrack.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CACHE_VARIABLE = "NBTRACK_CACHE"
"""Environment variable: folder for downloads."""
_TIMEOUT = 30


def cache_folder() -> Path:
    """Tell the folder for downloads: that of the environment variable, or the usual one of the system.

    Returns
    -------
    Path
        It need not exist yet.
    """
    return Path(os.environ.get(CACHE_VARIABLE) or _pooch().os_cache("nbtrack"))


def fetch_archive(
    url: str,
    members: Mapping[str, str],
    check: Callable[[Mapping[str, Path]], None],
    *,
    progress: bool = False,
) -> dict[str, Path]:
    """Get members of a zip archive, from the folder of downloads or from its address.

    Parameters
    ----------
    url : str
        Address of the archive; its file name names the folder in the cache.
    members : mapping of str to str
        Pattern of the file name of each member, by a key of the caller. Folders inside the archive do not matter.
    check : callable
        Called with the files before they are kept; raises `InputError` if one is not what it should be.
    progress : bool, optional
        Show a progress bar.

    Returns
    -------
    dict of str to Path
        The files, by the keys of `members`.

    Raises
    ------
    InputError
        If the archive cannot be fetched, opened or kept, or does not hold what it should.
    """
    folder = cache_folder() / PurePosixPath(url).stem
    kept = _find(folder, members)
    if kept is not None:
        return kept
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".download-") as place:
            archive = Path(place) / "archive.zip"
            _download(url, archive, progress)
            fresh = Path(place) / "content"
            fresh.mkdir()
            check(_extract(archive, members, fresh, url))
            shutil.rmtree(folder, ignore_errors=True)
            fresh.replace(folder)
    except OSError as error:
        raise InputError(
            f"The download of `{url}` cannot be kept in {folder.parent}: {error}. "
            f"Make room there, or set {CACHE_VARIABLE} to another folder."
        ) from error
    return {key: folder / next(iter(_match(folder, pattern))) for key, pattern in members.items()}


def _find(folder: Path, members: Mapping[str, str]) -> dict[str, Path] | None:
    """Find what was fetched before, or None."""
    found = {key: _match(folder, pattern) for key, pattern in members.items()}
    return {key: folder / names[0] for key, names in found.items()} if all(found.values()) else None


def _match(folder: Path, pattern: str) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if fnmatch(p.name, pattern)) if folder.is_dir() else []


def _pooch() -> Any:
    """Load the library that downloads, or say how to install it."""
    try:
        import pooch
    except ImportError as error:
        raise InputError(
            "Downloading tutorial data needs the package `pooch`, which is not installed. "
            'Install it with the extra `samples`: pip install "nbtrack[samples]"; or work with a movie that needs no '
            'download, such as sample("nuclei").'
        ) from error
    return pooch


def _download(url: str, target: Path, progress: bool) -> None:
    """Write what is at an address to a file."""
    if not url.lower().startswith(("http://", "https://")):
        raise InputError(f"`base_url` must begin with http:// or https://, got {url!r}.")
    pooch = _pooch()
    import requests  # pooch's own dependency, slow to import

    try:
        pooch.HTTPDownloader(progressbar=progress, timeout=_TIMEOUT, chunk_size=1 << 16)(url, str(target), None)
    except requests.exceptions.HTTPError as error:
        status = error.response.status_code if error.response is not None else "an error"
        raise InputError(
            f"`{url}` could not be fetched: the server answered {status}. Try again later, or give `base_url`."
        ) from error
    except requests.exceptions.RequestException as error:
        raise InputError(
            f"`{url}` could not be fetched: {type(error).__name__}. Check the connection to the network and try again, "
            'or work with a movie that needs no download, such as sample("nuclei").'
        ) from error


def _extract(archive: Path, members: Mapping[str, str], folder: Path, url: str) -> dict[str, Path]:
    """Unpack the wanted members, and nothing else, into one folder."""
    files: dict[str, Path] = {}
    try:
        with zipfile.ZipFile(archive) as bundle:
            names = [n for n in bundle.namelist() if not n.endswith("/") and not n.startswith("__MACOSX")]
            for key, pattern in members.items():
                matching = sorted(n for n in names if fnmatch(PurePosixPath(n).name, pattern))
                if not matching:
                    inside = ", ".join(PurePosixPath(n).name for n in names[:10]) or "nothing"
                    raise InputError(
                        f"`{url}` holds no file {pattern!r}: found {inside}. "
                        "The archive has changed; read the files that you need with `nbtrack.read`."
                    )
                files[key] = folder / PurePosixPath(matching[0]).name
                with bundle.open(matching[0]) as source, files[key].open("wb") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise InputError(
            f"`{url}` is not a sound zip archive: {error}. The download may have been cut off; try again."
        ) from error
    return files
