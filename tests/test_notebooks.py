"""Every notebook follows STYLE 12: numbered, cleared, honest about its length, and it runs from top to bottom."""

import ast
import re
from itertools import pairwise
from pathlib import Path

import h5py
import nbformat
import numpy as np
import pytest

import nbtrack as nbt
from nbtrack.data.storage import axistags

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
CASES = pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(path):
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


def test_only_notebooks_in_the_folder() -> None:
    files = [path.name for path in FOLDER.iterdir() if path.is_file() and path.suffix != ".ipynb"]
    assert files == []


@CASES
def test_number_and_kernel(path: Path) -> None:
    notebook = read(path)
    nbformat.validate(notebook)
    assert re.fullmatch(r"\d\d_[a-z0-9_]+", path.stem)
    assert notebook.metadata.kernelspec.name == "python3"
    assert "widgets" not in notebook.metadata


@CASES
def test_committed_without_outputs(path: Path) -> None:
    for cell in code_cells(path):
        assert cell.outputs == [], cell.source
        assert cell.execution_count is None, cell.source


@CASES
def test_first_and_last_cell_are_text(path: Path) -> None:
    first, *_, last = read(path).cells
    assert first.cell_type == last.cell_type == "markdown"
    assert first.source.startswith("# ")


@CASES
def test_links_to_notebooks_have_the_right_form(path: Path) -> None:
    text = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    for target in re.findall(r"\]\(([^)]+\.ipynb)\)", text):
        assert re.fullmatch(r"\d\d_[a-z0-9_]+\.ipynb", target), target
        assert (FOLDER / target).exists(), target


@CASES
def test_code_is_plain(path: Path) -> None:
    for cell in code_cells(path):
        assert not re.search(r"%pip|!pip|filterwarnings|[\"'](/|[A-Z]:\\\\)", cell.source), cell.source
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno is not None
                assert node.end_lineno - node.lineno < 10, f"{node.name} belongs in the package"


def test_the_index_leads_to_every_notebook() -> None:
    text = "\n".join(cell.source for cell in read(FOLDER / "00_index.ipynb").cells)
    assert set(re.findall(r"\]\(([^)]+\.ipynb)\)", text)) == {path.name for path in NOTEBOOKS} - {"00_index.ipynb"}


@CASES
def test_a_widget_is_followed_by_the_same_in_python(path: Path) -> None:
    """After each panel comes code, so that everything runs without a click."""
    cells = code_cells(path)
    for cell, following in pairwise([*cells, None]):
        if re.search(r"(AutoTracker|ManualTracker|ThresholdPanel|InputPanel|ClassifyPanel)\(", cell.source):
            assert following is not None, cell.source


def execute(path: Path, folder: Path) -> None:
    nbclient = pytest.importorskip("nbclient")
    resources = {"metadata": {"path": str(folder)}}
    nbclient.NotebookClient(read(path), timeout=180, kernel_name="python3", resources=resources).execute()


@pytest.mark.notebook
@CASES
def test_runs_from_top_to_bottom(path: Path, tmp_path: Path) -> None:
    execute(path, tmp_path)


@pytest.mark.notebook
@pytest.mark.parametrize("name", ["01_load_and_segment", "04_automatic_tracking"])
def test_runs_on_the_files_of_the_reference(name: str, tmp_path: Path, real_data: Path) -> None:
    for end in ("", "_export"):
        source = real_data / "mitocheck_small" / f"mitocheck_small_2D+t{end}.h5"
        (tmp_path / f"mitocheck_94570_2D+t_01-53{end}.h5").write_bytes(source.read_bytes())
    execute(FOLDER / f"{name}.ipynb", tmp_path)


@pytest.mark.notebook
def test_three_dimensions_run_on_the_files_of_the_reference(tmp_path: Path) -> None:
    sample = nbt.sample("nuclei_3d", size=(12, 64, 64), n_frames=6)
    for end, movie, axes in (("", sample.raw, "tzyx"), ("_export", sample.prediction, "tzyxc")):
        with h5py.File(tmp_path / f"drosophila_00-49{end}.h5", "w") as file:
            file["exported_data"] = np.stack(list(movie))
            file["exported_data"].attrs["axistags"] = axistags(axes, (1.0, 1.0, 1.0))
    execute(FOLDER / "07_three_dimensions.ipynb", tmp_path)
