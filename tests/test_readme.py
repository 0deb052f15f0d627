"""What the front page says is there: commands, notebooks, pictures, extras, and Python that can be read."""

import ast
import re
import tomllib
from pathlib import Path

from nbtrack.batch.config import _TOP
from nbtrack.cli import make_parser

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
LARGEST = 300_000


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.S)


def test_every_command_is_named() -> None:
    action = next(action for action in make_parser()._actions if action.choices and "track" in action.choices)
    named = set(re.findall(r"^\| `nbtrack (\w+)", TEXT, re.M))
    assert named <= set(action.choices)
    assert {"info", "segment", "classify", "track", "batch", "solve", "evaluate", "solvers", "demo"} <= named


def test_links_and_pictures_are_there_and_small() -> None:
    targets = [target for target in re.findall(r"\]\(([^)]+)\)", TEXT) if not target.startswith("http")]
    assert len(targets) > 10
    for target in targets:
        assert (ROOT / target).exists(), target
    for picture in (path for path in (ROOT / "docs").iterdir() if path.suffix in (".png", ".gif")):
        assert picture.stat().st_size < LARGEST, picture.name
    assert {path.name for path in (ROOT / "notebooks").glob("*.ipynb")} <= {Path(target).name for target in targets}


def test_python_and_toml_can_be_read() -> None:
    for block in blocks("python"):
        ast.parse(block)
    for block in blocks("toml"):
        assert set(tomllib.loads(block)) <= set(_TOP)


def test_extras_are_those_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for extra in project["optional-dependencies"]:
        assert f"`{extra}`" in TEXT, extra
