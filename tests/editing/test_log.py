"""Nothing is ever lost: the edit log, and the session that comes back from it."""

import json
import logging
import os
import subprocess
import sys
from dataclasses import replace

import editing_actions
import numpy as np
import pytest
from editing_actions import act, make_objects

from nbtrack.data.lineage import Lineage
from nbtrack.editing.commands import from_rows
from nbtrack.editing.session import Session
from nbtrack.errors import EditError, InputError


@pytest.fixture(scope="module")
def objects():
    return make_objects()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "edits.jsonl"


@pytest.fixture
def session(objects, path):
    return Session(None, objects, log=path)


def assert_same(a, b) -> None:
    """Compare the answers, the steps that can be undone and done again, the active track, the next free one."""
    assert a.lineage == b.lineage
    assert a.checked_divisions == b.checked_divisions
    assert (a.active_track, a.new_track()) == (b.active_track, b.new_track())
    assert a.history_code() == b.history_code()
    while a.history.can_redo:
        assert a.redo() == b.redo()
    while a.history.can_undo:
        assert a.undo() == b.undo()
    assert not b.history.can_undo
    assert a.lineage == b.lineage
    assert a.progress() == b.progress()


def test_killed_in_the_middle_of_random_actions(objects, path) -> None:
    child = subprocess.Popen([sys.executable, editing_actions.__file__, str(path), "7"], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert len(child.stdout.read(500)) == 500
    child.kill()
    child.wait()
    child.stdout.close()
    n_written = path.read_bytes().count(b"\n") - 1
    assert n_written >= 500
    expected, rng, n = Session(None, objects), np.random.default_rng(7), 0
    while n < n_written:
        n += act(expected, rng) is not None
    reopened = Session.reopen(None, objects, path)
    assert len(expected.lineage.track_ids) > 3
    assert_same(reopened, expected)


def test_every_place_at_which_the_last_line_can_be_cut(objects, path, session, caplog) -> None:
    session.new_track()
    session.assign(0, 1)
    kept = path.read_bytes()
    session.follow(1, 1, 2)
    whole = path.read_bytes()
    for size in range(len(kept) + 1, len(whole)):
        path.write_bytes(whole[:size])
        caplog.clear()
        with caplog.at_level(logging.WARNING, logger="nbtrack"):
            reopened = Session.reopen(None, objects, path)
        assert "The last line of" in caplog.text
        assert reopened.lineage.objects_of(1) == {0: 1}
        assert reopened.lineage.track_ids == [1]
        assert path.read_bytes() == kept, "the stump is gone, so that the next line stands alone"
    reopened.mark_false(0, 2)
    assert Session.reopen(None, objects, path).lineage == reopened.lineage


def test_actions_after_reopening_are_written_too(objects, path, session) -> None:
    session.assign(0, 1, track_id=session.new_track())
    again = Session.reopen(None, objects, path)
    again.undo()
    again.redo()
    again.undo()
    again.new_track()
    twin = path.with_name("twin.jsonl")
    twin.write_bytes(path.read_bytes())
    assert_same(Session.reopen(None, objects, twin), again)


def test_checked_divisions_come_back(objects, path, session, monkeypatch) -> None:
    session.assign(0, 1, 1)
    session.divide_objects(0, 1, (1, 2), track_id=1)
    session.check_division(1)
    assert json.loads(path.read_text().splitlines()[-1])["action"] == "check"
    reopened = Session.reopen(None, objects, path)
    assert reopened.checked_divisions == {1}
    monkeypatch.setattr(os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(InputError, match="could not be written"):
        reopened.check_division(1, done=False)
    assert reopened.checked_divisions == {1}, "what cannot be written did not happen"


def test_log_begins_with_the_lineage_that_is_corrected(objects, path) -> None:
    start = Lineage.from_tables([(0, 1, 9), (0, 1, 3), (1, 1, 5), (1, 2, 6)], [(0, 3, 5, 6)], [(0, 2)])
    session = Session(None, objects, start, log=path)
    session.undivide(3)
    reopened = Session.reopen(None, objects, path)
    assert reopened.lineage.tracks_at(0, 1) == (9, 3)
    reopened.undo()
    assert reopened.lineage == start


def test_one_line_an_action_and_none_if_refused(path, session) -> None:
    session.mark_false(np.int64(0), np.int64(1))
    with pytest.raises(EditError, match="already"):
        session.mark_false(0, 1)
    session.undo()
    header, *lines = map(json.loads, path.read_text().splitlines())
    assert header["format"] == "nbtrack edit log"
    assert [line["action"] for line in lines] == ["do", "undo"]
    assert lines[0]["commands"] == [["MarkFalse", 0, 1]]
    assert lines[0]["code"] == "mark_false(0, 1)"


def test_log_of_other_objects_is_refused(objects, path, session) -> None:
    fewer = replace(objects, table=objects.table.iloc[:-1].reset_index(drop=True))
    with pytest.raises(InputError, match="`log` belongs to other objects than `detections`"):
        Session.reopen(None, fewer, path)
    measured = replace(objects, table=objects.table.assign(brightness=1.0))
    assert Session.reopen(None, measured, path).lineage == session.lineage


def test_file_in_which_something_is_not_overwritten(objects, path, session) -> None:
    before = path.read_bytes()
    with pytest.raises(InputError, match="`log` must be a new file, but there is something in"):
        Session(None, objects, log=path)
    assert path.read_bytes() == before
    path.write_bytes(b"my shopping list")
    with pytest.raises(InputError, match="`log` must be a new file"):
        Session(None, objects, log=path)
    path.write_bytes(before[:60])
    Session(None, objects, log=path)
    assert path.read_bytes() == before, "a first line that was cut short holds nothing"


def test_files_that_are_no_logs(objects, path, session) -> None:
    session.mark_false(0, 1)
    header, line = path.read_bytes().splitlines(keepends=True)
    for content, words in [
        (b"", "`log` must be an edit log of nbtrack"),
        (b'{"a": 1}\n', "`log` must be an edit log of nbtrack"),
        (header + b"###\n" + line, r"`log` is damaged: line 2 of `.*` cannot be read, but there are more after it"),
        (header + line + line, r"`log` is damaged: line 3 of `.*` does not fit what comes before it"),
        (header + line.replace(b'"do"', b'"so"'), "line 2 of `.*` does not fit"),
        (header + b"[1]\n" + line, "line 2 of `.*` cannot be read"),
        (header.replace(b'"version":1', b'"version":2'), "has the version 2, but this nbtrack reads version 1"),
        (header.replace(b'"divisions":[]', b'"divisions":[[1]]'), "`log` is damaged: the first line of"),
    ]:
        path.write_bytes(content)
        with pytest.raises(InputError, match=words):
            Session.reopen(None, objects, path)
    with pytest.raises(InputError, match="`log` cannot be read"):
        Session.reopen(None, objects, path.parent / "missing.jsonl")
    with pytest.raises(InputError, match="`log` cannot be read"):
        Session(None, objects, log=path.parent)


def test_action_that_cannot_be_written_did_not_happen(objects, path, session, monkeypatch) -> None:
    session.assign(0, 1, track_id=session.new_track())
    before, content = session.lineage.copy(), path.read_bytes()

    def fail(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    for action in (lambda: session.mark_false(0, 2), session.undo, session.new_track, lambda: session.unlink(1, 1)):
        with pytest.raises((InputError, EditError), match=r"could not be written|nothing to unlink"):
            action()
        assert session.lineage == before
        assert session.active_track == 1
        assert path.read_bytes() == content
    monkeypatch.undo()
    assert session.new_track() == 2
    with pytest.raises(InputError, match="could not be written"):
        Session(None, objects, log=path.parent / "no folder" / "log")


def test_two_sessions_do_not_write_to_one_log(objects, path, session) -> None:
    other = Session.reopen(None, objects, path)
    other.mark_false(0, 1)
    with pytest.raises(InputError, match=r"was changed by someone else. Is the same log open in another notebook"):
        session.mark_false(0, 2)
    assert session.lineage == Lineage()
    assert Session.reopen(None, objects, path).lineage == other.lineage


@pytest.mark.parametrize("rows", [[["Paint", 1]], [["Assign", "x"]], [["Assign", 1]], [[]], [1]])
def test_rows_that_are_no_commands(rows) -> None:
    with pytest.raises(InputError, match="`rows` must be commands, each a name and its numbers"):
        from_rows(rows)
