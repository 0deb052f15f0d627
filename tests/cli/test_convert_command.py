"""``nbtrack convert IN OUT`` and ``nbtrack formats``."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import nbtrack as nbt
from nbtrack.cli import main
from nbtrack.cli.converting import format_of_name
from nbtrack.errors import InputError
from nbtrack.io.registry import WRITERS

FILES = Path(__file__).parents[1] / "io" / "files"


def run(capsys, *arguments):
    code = main([*map(str, arguments), "--json"])
    return code, json.loads(capsys.readouterr().out) if code == 0 else capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("a.xml", "trackmate"),
        ("a_mamut.xml", "mamut"),
        ("01_RES", "ctc"),
        ("a.csv", "csv"),
        ("a.ome.tif", "ome-tiff"),
        ("a.h5", "labels"),
        ("a.ilp", "ilp"),
        ("a.geff", "geff"),
        ("a.ome.zarr", "ome-zarr"),
    ],
)
def test_the_name_tells_the_format(name, format, tmp_path, capsys):
    if format in ("geff", "ome-zarr"):
        pytest.importorskip("zarr")
    source = FILES / "tracks" / "trackmate.xml"
    code, found = run(capsys, "convert", source, tmp_path / name)
    assert code == 0
    assert found["format"] == format
    assert (found["frames"], found["objects"], found["tracks"], found["divisions"]) == (6, 15, 5, 1)
    assert (tmp_path / name).exists()
    if format in ("mamut", "csv", "ilp", "geff"):
        assert nbt.read_tracks(tmp_path / name).lineage == nbt.read_tracks(source).lineage


def test_formats_may_be_named(tmp_path, capsys):
    code, found = run(
        capsys, "convert", FILES / "ctc", tmp_path / "spots.csv", "--to", "celltracks", "--scale", "0.5", "0.5"
    )
    assert (code, found["format"]) == (0, "celltracks")
    code, found = run(
        capsys, "convert", tmp_path / "spots.csv", tmp_path / "a.xml", "--from", "celltracks", "--scale", "0.5"
    )
    assert (code, found["tracks"]) == (0, 5)
    assert nbt.read_tracks(tmp_path / "a.xml").detections.scale == (0.5, 0.5)


def test_labels_bring_the_objects(tmp_path, capsys):
    code, found = run(
        capsys, "convert", FILES / "csv", tmp_path / "out", "--labels", FILES / "tracks" / "project_labels.tif"
    )
    assert code == 2
    assert "project_labels.tif` does not exist" in found
    nbt.write(nbt.read_tracks(FILES / "tracks" / "project.ilp"), tmp_path / "objects.tif", format="labels", by="object")
    code, found = run(capsys, "convert", FILES / "csv", tmp_path / "out", "--labels", tmp_path / "objects.tif")
    assert (code, found["mergers"]) == (0, 2)


def test_what_is_there_is_kept_unless_told(tmp_path, capsys):
    source = FILES / "tracks" / "mamut.xml"
    (tmp_path / "a.xml").write_text("mine")
    code, said = run(capsys, "convert", source, tmp_path / "a.xml")
    assert code == 2
    assert "exists already" in said
    assert (tmp_path / "a.xml").read_text() == "mine"
    assert run(capsys, "convert", source, tmp_path / "a.xml", "--overwrite")[0] == 0


def test_names_that_tell_nothing_are_refused(tmp_path, capsys):
    code, said = run(capsys, "convert", FILES / "ctc", tmp_path / "a.doc")
    assert code == 2
    assert "does not tell a format: it must end in .geff, " in said
    code, said = run(capsys, "convert", FILES / "ctc", tmp_path / "a", "--to", "doc")
    assert code == 2
    assert "`format` is 'doc', but must be one of: ctc, csv" in said
    code, said = run(capsys, "convert", tmp_path / "nothing.xml", tmp_path / "a")
    assert code == 2
    assert "nothing.xml` does not exist" in said
    with pytest.raises(InputError, match="or say --to FORMAT"):
        format_of_name("a.txt")


def test_formats_are_listed(capsys):
    assert main(["formats"]) == 0
    text = capsys.readouterr().out
    assert "read, write  graph exchange format (.geff)" in text
    _, found = run(capsys, "formats")
    assert set(WRITERS) <= set(found["formats"])
    assert found["formats"]["geff"]["extra"] == "formats"


def test_info_tells_of_a_project(capsys):
    code, found = run(capsys, "info", FILES / "tracks" / "project.ilp")
    assert code == 0
    assert found["manual_labels"] == 16
    assert main(["info", str(FILES / "tracks" / "project.ilp")]) == 0
    assert "Manual Tracking Workflow" in capsys.readouterr().out


@pytest.mark.slow
def test_converting_loads_no_widget_and_no_solver(tmp_path):
    code = (
        "import sys; from nbtrack.cli import main; "
        f"assert main(['convert', {str(FILES / 'ctc')!r}, {str(tmp_path / 'a.xml')!r}]) == 0; "
        "assert not {'ipywidgets', 'pyomo', 'highspy', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
