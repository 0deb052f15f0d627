"""Small kit for tests in a real browser: a Jupyter server, Debian's Chromium, and the kernel behind the page.

Nothing is downloaded: playwright's Python package brings its own driver, the browser is the system's. Nothing sleeps
for a fixed time: everything is polled, because the machine may be busy.
"""

import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

CHROMIUM = os.environ.get("CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
KNOWN_PAGE_ERRORS = ("open-path", "schema")  # Notebook 7 itself, on every page


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def jupyter(root, work):
    """Serve JupyterLab and Notebook 7 at once from `root`, with private settings below `work`."""
    work = pathlib.Path(work)
    port = free_port()
    for name in ("config", "run", "data", "workspaces", "settings"):
        (work / name).mkdir(parents=True, exist_ok=True)
    news = work / "settings" / "@jupyterlab" / "apputils-extension"
    news.mkdir(parents=True, exist_ok=True)
    (news / "notification.jupyterlab-settings").write_text('{"checkForUpdates": false, "fetchNews": "false"}')
    env = os.environ | {
        "JUPYTER_CONFIG_DIR": str(work / "config"),
        "JUPYTER_RUNTIME_DIR": str(work / "run"),
        "JUPYTER_DATA_DIR": str(work / "data"),
        "JUPYTERLAB_WORKSPACES_DIR": str(work / "workspaces"),
        "JUPYTERLAB_SETTINGS_DIR": str(work / "settings"),
        "IPYTHONDIR": str(work / "ipython"),
    }
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", "--ip=127.0.0.1"]
    command += [f"--port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token=", "--ServerApp.password="]
    command += ["--ServerApp.disable_check_xsrf=True", f"--ServerApp.root_dir={root}"]
    command += ["--LabApp.expose_app_in_browser=True", "--JupyterNotebookApp.expose_app_in_browser=True"]
    command += ["--LabApp.extension_manager=readonly"]
    with open(work / "server.log", "w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=env)
        try:
            url = f"http://127.0.0.1:{port}"
            until(lambda: _answers(process, f"{url}/api/status", work), timeout=120, every=0.1)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _answers(process, url, work) -> bool:
    assert process.poll() is None, (work / "server.log").read_text()[-2000:]
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except OSError:
        return False


def launch(playwright):
    """Start the browser with a fresh profile."""
    return playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=ARGS)


# Clicking the "Run" menu as soon as the page looks idle loses the run: the kernel is not connected yet. So wait on the
# application object itself and run through its command, whose promise resolves when all cells are done.
_RUN = """async () => {
  const pause = () => new Promise(r => setTimeout(r, 20));
  while (!window.jupyterapp) await pause();
  const app = window.jupyterapp; await app.restored;
  let w; while (!(w = app.shell.currentWidget) || !w.sessionContext || !w.content.model) await pause();
  await w.context.ready; await w.sessionContext.ready;
  while (!w.sessionContext.session?.kernel) await pause();
  await w.sessionContext.session.kernel.info;
  await app.commands.execute('notebook:run-all-cells');
  const errors = [];
  for (const cell of w.content.model.cells) if (cell.type === 'code')
    for (let i = 0; i < cell.outputs.length; i++) {
      const o = cell.outputs.get(i).toJSON();
      if (o.output_type === 'error') errors.push(o.ename + ': ' + o.evalue);
    }
  return errors; }"""

_EXECUTE = """async code => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel; let out = '';
  const future = kernel.requestExecute({code, store_history: false});
  future.onIOPub = m => {
    if (m.header.msg_type === 'stream') out += m.content.text;
    if (m.header.msg_type === 'error') out += 'ERROR ' + m.content.ename + ' ' + m.content.evalue; };
  await future.done; return out; }"""


def run_all(page, timeout=180):
    """Run every cell and wait for the end; no cell may raise."""
    page.set_default_timeout(timeout * 1000)
    page.wait_for_function("() => !!window.jupyterapp", timeout=timeout * 1000)
    errors = page.evaluate(_RUN)
    assert not errors, errors


def kernel(page, expression):
    """Evaluate an expression in the page's own kernel and return its value, which must be plain JSON."""
    text = page.evaluate(_EXECUTE, f"import json as _json; print(_json.dumps({expression}))").strip()
    assert not text.startswith("ERROR"), text
    return json.loads(text.splitlines()[-1])


def shut_down(page):
    """End the page's kernel."""
    page.evaluate("async () => { await window.jupyterapp.shell.currentWidget.sessionContext.shutdown() }")


def until(condition, timeout=30.0, every=0.05):
    """Poll until a condition is true, and return its value."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"not within {timeout} s; last value {value!r}"
        time.sleep(every)


def equals(get, wanted, timeout=30.0):
    """Poll until something has the wanted value."""
    end = time.monotonic() + timeout
    while (value := get()) != wanted:
        assert time.monotonic() < end, f"not {wanted!r} within {timeout} s; last value {value!r}"
        time.sleep(0.05)
