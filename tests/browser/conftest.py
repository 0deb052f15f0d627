"""One Jupyter server and one browser for all tests; skipped by name where Chromium or playwright is missing."""

import shutil
from pathlib import Path

import pytest
from browserkit import CHROMIUM, KNOWN_PAGE_ERRORS, jupyter, launch, run_all, shut_down

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def pytest_collection_modifyitems(items) -> None:
    for item in items:
        if Path(item.fspath).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium():
    if not CHROMIUM:
        pytest.skip("no chromium: install Debian's package `chromium`, or set CHROMIUM to the program")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server(chromium, tmp_path_factory):
    pytest.importorskip("jupyterlab", reason="jupyterlab is not installed: install the extra `lab`")
    pytest.importorskip("notebook", reason="notebook is not installed: install the extra `lab`")
    root = tmp_path_factory.mktemp("notebooks")
    for path in NOTEBOOKS.glob("*.ipynb"):
        shutil.copy(path, root)
    with jupyter(root, tmp_path_factory.mktemp("jupyter")) as url:
        yield url, root


@pytest.fixture
def open_notebook(chromium, server, tmp_path):
    """Open a notebook in a front end ("lab" or "notebooks"), run all cells, and give the page."""
    url, root = server
    opened, errors = [], []

    def open_one(name, front, *, scale=1, source=None, script=""):
        if source is not None:
            (root / name).write_text(source)
        context = chromium.new_context(viewport={"width": 1300, "height": 1000}, device_scale_factor=scale)
        if script:
            context.add_init_script(script)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        opened.append((context, page))
        page.goto(f"{url}/{'lab/tree' if front == 'lab' else front}/{name}" + ("?reset" if front == "lab" else ""))
        run_all(page)
        return page

    yield open_one
    for context, page in opened:
        page.screenshot(path=str(tmp_path / "end.png"))
        shut_down(page)
        context.close()
    assert [e for e in errors if not any(known in e for known in KNOWN_PAGE_ERRORS)] == []
