"""The base installation stays small: what it pulls in is counted from the metadata of what is installed here.

``make packages`` counts the same by a dry run of pip.
"""

import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest

Requirement = pytest.importorskip("packaging.requirements").Requirement
MOST = 60


def needed(lines: list[str]) -> set[str]:
    """Collect the names of packages that lines of requirements pull in, with all that those need."""
    found: set[str] = set()
    open_ends = [(Requirement(line), frozenset({""})) for line in lines]
    seen = set()
    while open_ends:
        requirement, extras = open_ends.pop()
        if requirement.marker and not any(requirement.marker.evaluate({"extra": extra}) for extra in extras):
            continue
        name = requirement.name.lower().replace("_", "-").replace(".", "-")
        wanted = frozenset(requirement.extras) | {""}
        found.add(name)
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        try:
            open_ends += [(Requirement(line), wanted) for line in requires(name) or ()]
        except PackageNotFoundError:
            pytest.skip(f"{name} is not installed here")
    return found


def test_the_base_installation_is_small() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    packages = needed(project["dependencies"]) | {"nbtrack"}
    assert len(packages) <= MOST, sorted(packages)
    assert not packages & {
        "torch",
        "tensorflow",
        "pyqt5",
        "pyqt6",
        "pyside2",
        "pyside6",
        "qtpy",
        "dask",
        "zarr",
        "pooch",
    }


def test_without_pooch_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nbtrack.downloads import fetch_archive
    from nbtrack.errors import InputError

    monkeypatch.setitem(sys.modules, "pooch", None)
    for folder in (str(tmp_path), ""):
        monkeypatch.setenv("NBTRACK_CACHE", folder)
        with pytest.raises(
            InputError, match=r'needs the package `pooch`, .* pip install "nbtrack\[samples\]"; or work'
        ):
            fetch_archive("http://localhost/a.zip", {"a": "*.h5"}, lambda _: None)
