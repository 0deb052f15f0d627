"""The app as a page of its own, with Voila: on Binder ``?urlpath=voila/render/notebooks/20_app.ipynb``."""

import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from browserkit import free_port, until

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "20_app.ipynb"


@pytest.fixture
def voila(tmp_path):
    pytest.importorskip("voila", reason="voila is not installed: install the extra `lab`")
    root = tmp_path / "notebooks"
    root.mkdir()
    shutil.copy(NOTEBOOK, root)
    port = free_port()
    env = os.environ | {
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "run"),
        "JUPYTER_DATA_DIR": str(tmp_path / "data"),
        "IPYTHONDIR": str(tmp_path / "ipython"),
    }
    command = [sys.executable, "-m", "voila", str(root / NOTEBOOK.name), "--no-browser", f"--port={port}"]
    command += ["--Voila.ip=127.0.0.1", "--ServerApp.token="]
    with open(tmp_path / "voila.log", "w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=env, cwd=root)
        url = f"http://127.0.0.1:{port}/"

        def answers():
            assert process.poll() is None, (tmp_path / "voila.log").read_text()[-2000:]
            try:
                with urllib.request.urlopen(f"{url}static/voila.js", timeout=2):
                    return True
            except urllib.error.HTTPError:
                return True
            except OSError:
                return False

        try:
            until(answers, timeout=120, every=0.2)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def test_the_app_works_without_a_notebook_around_it(chromium, voila, tmp_path) -> None:
    context = chromium.new_context(viewport={"width": 1100, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.goto(voila)
    app = page.locator(".nbt-app")
    app.wait_for()
    assert page.get_by_role("heading", name="The app").is_visible()
    assert page.get_by_text("nbt.Workflow(").count() == 0, "no code is shown"
    until(lambda: "✓ Input 24 frames" in app.locator(".nbt-states").inner_text())
    page.screenshot(path=str(tmp_path / "voila_1_input.png"))
    app.get_by_role("button", name="Next: Threshold").click()
    app.locator(".nbt-overlay").wait_for()
    app.get_by_role("button", name="Apply to all frames").click()
    until(lambda: "✓ Threshold" in app.locator(".nbt-states").inner_text(), timeout=60)
    app.get_by_role("tab", name="Track automatically").click()
    app.locator(".nbt-auto canvas").first.wait_for()
    app.locator(".nbt-auto button[title^='Track all']").click()
    until(lambda: "✓ Track automatically 1 run" in app.locator(".nbt-states").inner_text(), timeout=90)
    colors = "c => [...new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer)]"
    hues = f"""c => ({colors})(c).filter(p => {{
      const [r, g, b] = [p & 255, p >> 8 & 255, p >> 16 & 255]; return b > r + 30 && b > g; }}).length"""
    until(lambda: app.locator(".nbt-auto canvas").first.evaluate(hues) > 100)  # lineages are blue, objects are yellow
    page.screenshot(path=str(tmp_path / "voila_2_tracked.png"))
    context.close()
