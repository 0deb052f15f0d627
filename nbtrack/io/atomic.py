"""Writing that leaves either the whole result or what was there before.

Every writer works on a temporary sibling of its target and takes the name of the target only when it is done.
"""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

from nbtrack.errors import InputError


class TargetExists(InputError):
    """Something is there already that may be replaced if the caller says so."""


@contextlib.contextmanager
def atomic_path(path: str | Path, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary path to write to, and rename it to the target on success.

    Parameters
    ----------
    path : str or Path
        Target, a file or a folder. Folders above it are made.
    overwrite : bool, optional
        Replace a target that exists. An empty folder is always replaced. A folder is replaced as a whole, and only by a
        folder that has the same kinds of files, so that nothing else is lost with it.

    Yields
    ------
    Path
        A name beside the target, with the same suffix, that does not exist yet: make a file or a folder there.

    Raises
    ------
    TargetExists
        If the target exists and `overwrite` is not set.
    InputError
        If what is there may not be replaced, or the target could not be written, for instance to a full disk.
        What was at the target is unchanged then.

    Examples
    --------
    >>> folder = Path(getfixture("tmp_path"))
    >>> with atomic_path(folder / "notes.txt") as temporary:
    ...     _ = temporary.write_text("done")
    """
    target = Path(path).expanduser().resolve()
    if _occupied(target) and not overwrite:
        raise TargetExists(f"`{path}` exists already. Choose another name, or say overwrite=True to replace it.")
    mark = uuid4().hex[:8]
    temporary = target.with_name(f".{target.stem}-{mark}.partial{target.suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        assert temporary.exists(), f"nothing was written to {temporary}"
        _check_replaceable(target, temporary, str(path))
        _replace(target, temporary, target.with_name(f".{target.stem}-{mark}.old{target.suffix}"))
    except OSError as error:
        raise InputError(
            f"`{path}` could not be written: {error}. Nothing was changed there; make room or choose another place."
        ) from error
    finally:
        _remove(temporary)


def _occupied(target: Path) -> bool:
    """Tell whether something would be lost by writing to the target."""
    return any(target.iterdir()) if target.is_dir() else target.exists()


def _check_replaceable(target: Path, temporary: Path, name: str) -> None:
    """Refuse to replace a folder by a file, a file by a folder, or a folder with files of another kind."""
    if not _occupied(target):
        return
    if target.is_dir() != temporary.is_dir():
        kinds = ("folder", "file") if target.is_dir() else ("file", "folder")
        raise InputError(f"`{name}` is a {kinds[0]}, but a {kinds[1]} would be written. Choose another name.")
    if not target.is_dir():
        return
    suffixes = {p.suffix for p in temporary.rglob("*") if p.is_file()}
    foreign = sorted(p for p in target.rglob("*") if not p.is_dir() and p.suffix not in suffixes)
    if foreign:
        raise InputError(
            f"`{name}` also holds `{foreign[0].relative_to(target)}`, which this export does not write. "
            "Choose another folder, or move that file away first."
        )


def _replace(target: Path, temporary: Path, backup: Path) -> None:
    """Give the temporary path the name of the target; put the old folder back if that fails."""
    if not target.is_dir():
        temporary.replace(target)
        return
    target.rename(backup)
    try:
        temporary.rename(target)
    except OSError:
        backup.rename(target)
        raise
    _remove(backup)


def _remove(path: Path) -> None:
    """Remove a file or a folder if it is there; a failure here must not hide why the writing ended."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
        return
    with contextlib.suppress(OSError):
        path.unlink()
