"""What importing the package loads: `import nbtrack` next to nothing, headless work no widget."""

import json
import subprocess
import sys

import pytest

HEAVY = ["numpy", "pandas", "scipy", "skimage", "sklearn", "h5py", "zarr", "numba", "highspy", "pyomo", "matplotlib"]
WIDGETS = ["IPython", "anywidget", "bqplot", "ipyevents", "ipywidgets", "traitlets", "nbtrack.widgets"]


def modules_after(code: str) -> set[str]:
    """Run code in a fresh interpreter and name the modules that it loaded."""
    script = f"{code}\nimport json, sys\nsys.stdout.write('\\n' + json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return set(json.loads(run.stdout.splitlines()[-1]))


def test_import_is_light() -> None:
    loaded = modules_after("import nbtrack; nbtrack.__version__; dir(nbtrack)")
    assert not loaded.intersection(HEAVY + WIDGETS)
    assert {name for name in loaded if name.startswith("nbtrack")} == {"nbtrack"}


def test_command_line_help_is_light() -> None:
    code = "from nbtrack.cli import make_parser; make_parser().format_help()"
    assert not modules_after(code).intersection(HEAVY + WIDGETS)


def test_reading_loads_no_solver() -> None:
    assert not modules_after("import nbtrack; nbtrack.read").intersection(["pyomo", "highspy", "matplotlib", *WIDGETS])


@pytest.mark.slow
def test_automatic_path_loads_no_widget() -> None:
    code = """
import nbtrack as nbt
sample = nbt.sample("shapes")
result = nbt.track(nbt.segment(sample.prediction, channel=1))
assert len(result.lineage.track_ids) > 0
"""
    assert not modules_after(code).intersection(["matplotlib", *WIDGETS])
