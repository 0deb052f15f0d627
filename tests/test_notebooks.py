"""Every notebook follows STYLE 12: numbered, cleared, honest about its length, and it runs from top to bottom."""

import ast
import re
from pathlib import Path

import nbformat
import pytest

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


@CASES
def test_code_is_plain(path: Path) -> None:
    for cell in code_cells(path):
        assert not re.search(r"%pip|!pip|filterwarnings|[\"'](/|[A-Z]:\\\\)", cell.source), cell.source
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno is not None
                assert node.end_lineno - node.lineno < 10, f"{node.name} belongs in the package"


@pytest.mark.notebook
@CASES
def test_runs_from_top_to_bottom(path: Path, tmp_path: Path) -> None:
    nbclient = pytest.importorskip("nbclient")
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(read(path), timeout=180, kernel_name="python3", resources=resources).execute()
