"""Mergers on the command line: cut by default, kept on request."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from nbtrack.cli import main


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """Two discs that touch in one frame of three."""
    y, x = np.indices((60, 60))
    frames = np.zeros((3, 60, 60), np.uint16)
    for t, distance in enumerate((22, 12, 22)):
        first = (y - 30) ** 2 + (x - 30 + distance // 2) ** 2 <= 49
        second = (y - 30) ** 2 + (x - 30 - distance // 2) ** 2 <= 49
        frames[t][second] = 2
        frames[t][first] = 1
        if t == 1:
            frames[t][second] = 1
    path = tmp_path / "labels.tif"
    tifffile.imwrite(path, frames, imagej=True, metadata={"axes": "TYX"})
    return path


def run(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, Any]:
    fixed = ("--input", "labels", "--preset", "conservation", "--alpha", 20, "--no-divisible", "--json")
    assert main(["track", *map(str, (*words, *fixed))]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize("words", [(), ("--resolve-mergers",)])
def test_mergers_are_resolved(
    labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    found = run(capsys, labels, "--out", tmp_path / "out", *words)
    assert (found["objects"], found["mergers"], found["resolved_mergers"]) == (6, 0, 1)
    assert (tmp_path / "out" / "ctc" / "res_track.txt").read_text() == "1 0 2 0\n2 0 2 0\n"
    masks = [tifffile.imread(tmp_path / "out" / "ctc" / f"mask00{t}.tif") for t in range(3)]
    assert [np.unique(mask).tolist() for mask in masks] == [[0, 1, 2]] * 3
    rows = (tmp_path / "out" / "csv" / "objects.csv").read_text().splitlines()[1:]
    assert [row.split(",")[5] for row in rows] == ["0", "0", "1", "1", "0", "0"]


def test_mergers_are_kept(labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = run(capsys, labels, "--out", tmp_path / "out", "--keep-mergers")
    assert (found["objects"], found["mergers"], found["resolved_mergers"]) == (5, 1, 0)
    assert "1;2" in (tmp_path / "out" / "csv" / "mergers.csv").read_text()
