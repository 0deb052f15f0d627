"""The layers of the package (STYLE 1), held as data: imports point to lower ranks or stay in their own room."""

import ast
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parents[1] / "nbtrack"

# A room is a module or a folder; files of one room may import each other. `__main__` is the door of `cli`.
# A half rank holds what several neighbours of the rank above it need.
LAYERS = [
    (0, "errors"),
    (1, "params"),
    (2, "data"),
    (2.5, "parallel"),
    (2.5, "regions"),
    (2.5, "overlap"),
    (3, "segmentation"),
    (3, "features"),
    (3, "downloads"),
    (3, "io"),
    (3, "rendering"),
    (3.5, "simulation"),
    (4, "samples"),
    (4, "classifiers"),
    (4, "hypotheses"),
    (5, "model"),
    (6, "solvers"),
    (6.5, "adaptive"),
    (7, "tracking"),
    (7, "mergers"),
    (7, "evaluation"),
    (7.5, "comparison"),
    (7.5, "live_tracking"),
    (7.5, "resolving"),
    (8, "runs"),
    (8, "explanation"),
    (8, "editing"),
    (8.3, "review"),
    (3.5, "inputs"),
    (9, "project"),
    (9, "batch"),
    (9.4, "records"),
    (9.45, "answers"),
    (9.5, "workflow"),
    (9.6, "learning"),
    (9.6, "stages"),
    (10, "widgets"),
    (10, "cli"),
]
RANKS = {room: rank for rank, room in LAYERS}
ROOM_OF = {"__main__": "cli"}

# Libraries that only some rooms may use; those marked lazy only inside functions.
OWNED = {
    "IPython": {"widgets"},
    "anywidget": {"widgets"},
    "bqplot": {"widgets"},
    "ipyevents": {"widgets"},
    "ipywidgets": {"widgets"},
    "pyomo": {"model", "solvers"},
    "matplotlib": {"rendering"},
}
LAZY = {"matplotlib"}


class Import(NamedTuple):
    """One import statement, resolved to a full module name."""

    line: int
    target: str
    at_top: bool


def find_imports(source: str, module: str, is_package: bool) -> list[Import]:
    """List the imports of a module, without those that only the type checker sees."""
    found: list[Import] = []

    def visit(node: ast.AST, at_top: bool) -> None:
        if isinstance(node, ast.If) and ast.unparse(node.test).removeprefix("typing.") == "TYPE_CHECKING":
            for child in node.orelse:
                visit(child, at_top)
            return
        if isinstance(node, ast.Import):
            found.extend(Import(node.lineno, alias.name, at_top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".")
                parts = parts[: len(parts) - node.level + is_package]
                base = ".".join([*parts, *([base] if base else [])])
            found.extend(Import(node.lineno, f"{base}.{alias.name}", at_top) for alias in node.names)
        inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for child in ast.iter_child_nodes(node):
            visit(child, at_top and not inside)

    visit(ast.parse(source), True)
    return found


def room_of(module: str) -> str:
    """Name the room of a module; the whole package is the room "" of its front door."""
    parts = module.split(".")
    return ROOM_OF.get(parts[1], parts[1]) if len(parts) > 1 else ""


def find_violations(package: Path) -> list[str]:
    """List every import that goes up or sideways, as ``file:line: a (rank 2) imports b (rank 5)``."""
    problems = []
    for path in sorted(package.rglob("*.py")):
        relative = path.relative_to(package.parent)
        is_package = path.name == "__init__.py"
        module = ".".join(relative.with_suffix("").parts).removesuffix(".__init__")
        room = room_of(module)
        if room == "":
            continue
        if room not in RANKS:
            problems.append(f"{relative}:1: {module} has no rank; give it one in tests/test_layers.py")
            continue
        for line, target, at_top in find_imports(path.read_text(encoding="utf-8"), module, is_package):
            top = target.split(".")[0]
            where = f"{relative}:{line}: {module} (rank {RANKS[room]}) imports"
            if top != "nbtrack":
                if room not in OWNED.get(top, {room}):
                    problems.append(f"{where} {top}, which belongs to {' and '.join(sorted(OWNED[top]))}")
                elif top in LAZY and at_top:
                    problems.append(f"{where} {top} at the top; import it inside the function that needs it")
            elif target == "nbtrack.__version__":
                continue
            elif room_of(target) not in RANKS:
                problems.append(f"{where} {target}, which is no ranked module; import from where it is defined")
            elif room_of(target) != room and RANKS[room_of(target)] >= RANKS[room]:
                problems.append(f"{where} {target.rsplit('.', 1)[0]} (rank {RANKS[room_of(target)]})")
    return problems


def test_imports_point_to_lower_ranks() -> None:
    problems = find_violations(PACKAGE)
    assert not problems, "\n" + "\n".join(problems)


def test_every_module_has_a_rank() -> None:
    rooms = {room_of(f"nbtrack.{path.stem}") for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert rooms - {"__init__", "__pycache__"} <= set(RANKS)


@pytest.mark.parametrize(
    ("where", "source", "complaint"),
    [
        (
            "data/movie.py",
            "import numpy\n\nfrom nbtrack.model.energies import x\n",
            "nbtrack/data/movie.py:3: nbtrack.data.movie (rank 2) imports nbtrack.model.energies (rank 5)",
        ),
        ("io/ctc.py", "def f():\n    from nbtrack.features import measure\n", "imports nbtrack.features (rank 3)"),
        ("io/ctc.py", "from ..tracking import track\n", "imports nbtrack.tracking (rank 7)"),
        ("io/ctc.py", "from . import tiff\nfrom ..data import movie\n", None),
        ("tracking.py", "from nbtrack import read\n", "nbtrack.read, which is no ranked module"),
        ("tracking.py", "import nbtrack\n", "nbtrack, which is no ranked module"),
        ("tracking.py", "from nbtrack import __version__\nfrom nbtrack.data.movie import Movie\n", None),
        ("data/movie.py", "if TYPE_CHECKING:\n    from nbtrack.tracking import track\n", None),
        ("cli/movies.py", "from nbtrack.widgets.viewer import show\n", "imports nbtrack.widgets.viewer (rank 10)"),
        ("__main__.py", "from nbtrack.cli import main\n", None),
        ("tracking.py", "import ipywidgets\n", "imports ipywidgets, which belongs to widgets"),
        ("rendering/figures.py", "import matplotlib.pyplot as plt\n", "matplotlib at the top"),
        ("rendering/figures.py", "def f():\n    import matplotlib.pyplot as plt\n", None),
        ("surprise.py", "", "nbtrack.surprise has no rank"),
    ],
)
def test_checker_sees_what_it_should(tmp_path: Path, where: str, source: str, complaint: str | None) -> None:
    path = tmp_path / "nbtrack" / where
    path.parent.mkdir(parents=True)
    path.write_text(source)
    problems = find_violations(tmp_path / "nbtrack")
    assert len(problems) == (complaint is not None)
    assert all(complaint in problem for problem in problems if complaint)
