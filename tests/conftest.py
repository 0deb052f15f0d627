"""What all tests share: real movies where they are, and tests that are skipped by name where something is missing."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import pytest

mpl.use("Agg")
DATA = Path(os.environ.get("NBTRACK_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder with real movies, which are not part of the project; tests without it are skipped."""
    if not DATA.is_dir():
        pytest.skip(f"no real movies in {DATA}; set NBTRACK_DATA to their folder")
    return DATA


@pytest.fixture(autouse=True)
def _needs_solver(request: pytest.FixtureRequest) -> None:
    """Skip a test marked ``solver(name)`` by name where that solver is not installed."""
    marker = request.node.get_closest_marker("solver")
    if marker is None:
        return
    from nbtrack.solvers.backends import list_solvers

    (name,) = marker.args
    if not any(entry.name == name and entry.available for entry in list_solvers()):
        pytest.skip(f"solver {name} is not available here")


@pytest.fixture(autouse=True)
def _no_running_loop(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let a test run without an event loop: playwright leaves its own marked as running after a browser test."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        loop = None
    if loop is None or request.node.get_closest_marker("browser"):
        yield
        return
    asyncio._set_running_loop(None)
    yield
    asyncio._set_running_loop(loop)
