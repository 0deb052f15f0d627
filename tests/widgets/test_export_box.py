"""Exporting by button and from Python."""

from pathlib import Path

import numpy as np
import pytest

import nbtrack as nbt
from nbtrack.data.movie import Movie
from nbtrack.errors import InputError
from nbtrack.io import registry
from nbtrack.widgets.export_box import KINDS, ExportBox, _size_text
from nbtrack.widgets.messages import Messages


@pytest.fixture
def messages():
    return Messages()


@pytest.fixture
def box(session, messages, tmp_path):
    for t in range(4):
        session.lineage.assign(t, 1, 1)
    return ExportBox(session, guard=messages.guard, say=messages.say, folder=tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_written_by_the_button(kind, box, messages, tmp_path):
    box.kind.value = kind
    assert box.path.value == KINDS[kind].name
    assert KINDS[kind].hint in box._line.value
    box.button.click()
    assert messages.last_error is None
    target = tmp_path / KINDS[kind].name
    assert target.exists()
    assert target.is_dir() == (kind in ("events", "ctc", "pictures"))
    assert messages.text.startswith("Wrote ")
    assert str(target) in messages.text
    assert messages.kind == "done"
    assert "nbt-export-done" in box._line.value
    assert not box.button.disabled


def test_what_was_exported_comes_back(box, session):
    path = box.export("events")
    assert nbt.read_lineage(path, session.detections) == session.lineage
    assert nbt.read_lineage(box.export("tracks", "t.h5"), session.detections) == session.lineage
    objects = nbt.read(box.export("objects"))
    np.testing.assert_array_equal(objects[2], session.detections.labels[2])


def test_what_is_there_is_replaced_only_by_the_second_button(box, messages, tmp_path):
    (tmp_path / "lineages.tif").write_text("old")
    box.button.click()
    assert messages.text == "lineages.tif exists already. Choose another name, or replace it."
    assert messages.kind == "refused"
    assert box.replace_button.layout.display == ""
    assert (tmp_path / "lineages.tif").read_text() == "old"
    box.replace_button.click()
    assert messages.kind == "done"
    assert box.replace_button.layout.display == "none"
    assert (tmp_path / "lineages.tif").stat().st_size > 100
    assert messages.last_error is None


def test_another_name_takes_the_offer_back(box, tmp_path):
    (tmp_path / "lineages.tif").write_text("old")
    box.button.click()
    box.path.value = "other.tif"
    assert box.replace_button.layout.display == "none"
    box.button.click()
    assert (tmp_path / "other.tif").exists()


def test_folder_that_holds_an_export_is_offered_too(box, messages):
    box.kind.value = "ctc"
    box.button.click()
    box.button.click()
    assert messages.kind == "refused"
    box.replace_button.click()
    assert messages.text.startswith("Wrote 6 files (")


def test_what_cannot_be_written_is_told_and_changes_nothing(box, messages, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise InputError("`a` could not be written: No space left on device. Make room.")

    (tmp_path / "lineages.tif").write_text("old")
    monkeypatch.setattr(registry, "_load", lambda _: fail)
    box.button.click()
    assert messages.text.startswith("`a` could not be written: No space left")
    assert "No space left" in box._line.value
    assert box.replace_button.layout.display == "none"
    assert not box.button.disabled
    assert (tmp_path / "lineages.tif").read_text() == "old"
    assert isinstance(messages.last_error, InputError)


def test_folder_in_the_place_of_a_file_is_told(box, messages, tmp_path):
    (tmp_path / "lineages.tif").mkdir()
    (tmp_path / "lineages.tif" / "mine.txt").write_text("kept")
    box.button.click()
    box.replace_button.click()
    assert "is a folder, but a file would be written" in messages.text
    assert (tmp_path / "lineages.tif" / "mine.txt").read_text() == "kept"


def test_buttons_rest_while_it_runs(box, monkeypatch):
    seen = []
    monkeypatch.setattr(box, "export", lambda *_: seen.append((box.button.disabled, box.button.description)))
    box.button.click()
    assert seen == [(True, "Exporting…")]
    assert (box.button.disabled, box.button.description) == (False, "Export")


def test_name_follows_the_kind_but_stays_in_its_folder(box, tmp_path):
    box.path.value = "out/first.tif"
    box.kind.value = "divisions"
    assert Path(box.path.value) == Path("out/divisions.csv")
    box.button.click()
    assert (tmp_path / "out" / "divisions.csv").exists()


def test_name_begins_with_the_file_of_the_movie(box, session):
    movie = session.movie
    session.movie = Movie(movie._frames, "tyx", path=Path("cells.tif"))
    assert box.default_name("mergers") == "cells_mergers.csv"


def test_result_without_a_movie(detections, messages, tmp_path):
    box = ExportBox(nbt.Session(None, detections), guard=messages.guard, say=messages.say, folder=tmp_path)
    assert len(list(box.export("pictures").glob("*.png"))) == 4
    with pytest.raises(InputError, match="already holds"):
        box.export("pictures")
    assert box.export("pictures", overwrite=True) == tmp_path / "pictures"


def test_from_python_mistakes_are_errors(box):
    with pytest.raises(InputError, match="`kind` is 'movie', but must be one of: lineages, tracks, divisions, mergers"):
        box.export("movie")
    with pytest.raises(InputError, match=r"`path` is empty. Type the name of the file or folder to write."):
        box.export("tracks", " ")


def test_sizes_are_read_easily(tmp_path):
    for size, text in ((7, "7 bytes"), (1200, "1.2 kB"), (54_321, "54 kB"), (2_500_000, "2.5 MB")):
        (tmp_path / "a").write_bytes(bytes(size))
        assert _size_text([tmp_path / "a"]) == text
