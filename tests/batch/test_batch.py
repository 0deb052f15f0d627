"""Many movies: what is done is kept, what fails is told, and what was stopped goes on."""

import errno
import json
import signal
import subprocess
import sys

import h5py
import numpy as np
import pandas as pd
import pytest
from batch_movies import exported, write_movies

import nbtrack as nbt
from nbtrack.batch.running import COLUMNS, LOCK_FILE
from nbtrack.errors import InputError

NAMES = ["a_prediction", "b_prediction", "c_prediction"]


def test_every_movie_is_tracked_as_if_alone(tmp_path) -> None:
    config = write_movies(tmp_path)
    table = nbt.run(config)
    assert list(table.columns) == list(COLUMNS)
    assert table["movie"].to_list() == NAMES
    assert table["status"].to_list() == ["done"] * 3
    assert table["frames"].to_list() == [12, 11, 10]
    assert (table["gap"] < 1e-9).all()
    written = pd.read_csv(tmp_path / "out" / "summary.csv")
    assert written["tracks"].to_list() == table["tracks"].to_list()
    prediction = nbt.read(tmp_path / "in" / "b_prediction.npy", axes="tyxc")
    alone = nbt.resolve_mergers(nbt.track(nbt.segment(prediction, channel=1, size=(10, 5000))))
    nbt.write(alone, tmp_path / "alone", format="csv")
    rows = [pd.read_csv(folder / "objects.csv") for folder in (tmp_path / "alone", tmp_path / "out" / NAMES[1] / "csv")]
    pd.testing.assert_frame_equal(*rows)
    assert len(nbt.read(tmp_path / "out" / NAMES[1] / "labels.h5")) == 11


def test_parameters_hashes_and_versions_are_stored(tmp_path) -> None:
    nbt.run(write_movies(tmp_path, 1))
    record = json.loads((tmp_path / "out" / NAMES[0] / "record.json").read_text())
    assert record["settings"]["segmentation"]["size"] == [10, 5000]
    assert record["settings"]["tracking"]["timeout"] == 60
    assert record["settings"]["tracking"]["appearance"] == nbt.TrackingParams().appearance
    assert len(record["inputs"]["movie"]["hash"]) == 64
    assert record["versions"]["numpy"] == np.__version__
    assert record["summary"]["version"] == record["versions"]["nbtrack"]


def test_done_movies_are_kept_until_files_or_settings_change(tmp_path) -> None:
    config = write_movies(tmp_path)
    first = nbt.run(config)
    again = nbt.run(config)
    assert again["status"].to_list() == ["kept"] * 3
    assert again["energy"].to_list() == first["energy"].to_list()
    (tmp_path / "in" / "b_prediction.npy").write_bytes((tmp_path / "in" / "a_prediction.npy").read_bytes())
    (tmp_path / "in" / "b_raw.npy").write_bytes((tmp_path / "in" / "a_raw.npy").read_bytes())
    assert nbt.run(config)["status"].to_list() == ["kept", "done", "kept"]
    (tmp_path / "out" / NAMES[2] / "labels.h5").unlink()
    assert nbt.run(config)["status"].to_list() == ["kept", "kept", "done"]
    config.write_text(config.read_text().replace("timeout = 60", "timeout = 60\nalpha = 9.0"))
    assert nbt.run(config)["status"].to_list() == ["done"] * 3
    assert nbt.run(config, overwrite=True)["status"].to_list() == ["done"] * 3


def test_one_bad_movie_does_not_stop_the_rest(tmp_path) -> None:
    config = write_movies(tmp_path, 4)
    (tmp_path / "in" / "b_prediction.npy").write_bytes(b"\x93NUMPY\x01\x00broken")
    np.save(tmp_path / "in" / "c_prediction.npy", np.full((5, 20, 20, 2), np.nan))
    np.save(tmp_path / "in" / "c_raw.npy", np.zeros((5, 20, 20)))
    table = nbt.run(config).set_index("movie")
    assert table["status"].to_list() == ["done", "failed", "failed", "done"]
    assert "b_prediction.npy" in table.loc["b_prediction", "message"]
    assert "NaN" in table.loc["c_prediction", "message"]
    assert pd.isna(table.loc["b_prediction", "tracks"])
    np.save(tmp_path / "in" / "b_prediction.npy", np.load(tmp_path / "in" / "a_prediction.npy")[:11])
    again = nbt.run(config)["status"].to_list()
    assert again == ["kept", "done", "failed", "kept"]


def test_a_missing_movie_and_raw_images_that_do_not_fit_are_told(tmp_path) -> None:
    config = write_movies(tmp_path, 2)
    np.save(tmp_path / "in" / "a_raw.npy", np.zeros((3, 80, 120)))
    table = nbt.run(config, [tmp_path / "in" / "a_prediction.npy", tmp_path / "in" / "z_prediction.npy"])
    assert table["status"].to_list() == ["failed", "failed"]
    assert "must have the same t, z, y and x" in table["message"][0]
    assert "does not exist" in table["message"][1]


KILLED = """
import os, signal, sys
import nbtrack as nbt

def progress(movie, stage, done, total):
    if movie.startswith("b") and (stage, done) == (sys.argv[2], int(sys.argv[3])):
        os.kill(os.getpid(), signal.SIGKILL)

nbt.run(sys.argv[1], executor="serial", progress=progress)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
@pytest.mark.parametrize(("stage", "done"), [("segment", 4), ("track", 1), ("write", 1)])
def test_a_killed_batch_goes_on_where_it_was(tmp_path, stage, done) -> None:
    config = write_movies(tmp_path)
    ended = subprocess.run([sys.executable, "-c", KILLED, str(config), stage, str(done)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert pd.read_csv(tmp_path / "out" / "summary.csv")["movie"].to_list() == NAMES[:1]
    left = [path.name for path in (tmp_path / "out" / NAMES[1]).iterdir()]
    assert ("objects.h5" in left) == (stage != "segment")
    calls = []
    table = nbt.run(config, progress=lambda *words: calls.append(words))
    assert table["status"].to_list() == ["kept", "done", "done"]
    assert [path.name for path in (tmp_path / "out" / NAMES[1]).glob(".*")] == []
    again = nbt.run(config, out=tmp_path / "fresh")
    assert again["energy"].to_list() == table["energy"].to_list()
    assert exported(tmp_path / "out") == exported(tmp_path / "fresh")


def test_a_stopped_movie_is_not_segmented_twice(tmp_path, monkeypatch) -> None:
    config = write_movies(tmp_path, 1)

    def stop(movie, stage, done, total):
        if stage == "track":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        nbt.run(config, progress=stop)
    monkeypatch.setattr("nbtrack.batch.running.segment", None)
    assert nbt.run(config)["status"].to_list() == ["done"]


def test_a_full_disk_during_the_export_leaves_nothing_half_written(tmp_path, monkeypatch) -> None:
    import nbtrack.batch.running as running

    config, real = write_movies(tmp_path), running.write

    def full(result, path, format, overwrite, **options):
        if "b_prediction" in str(path) and format == "labels":
            raise InputError(f"`{path}` could not be written: {OSError(errno.ENOSPC, 'No space left on device')}.")
        return real(result, path, format=format, overwrite=overwrite, **options)

    monkeypatch.setattr(running, "write", full)
    table = nbt.run(config)
    assert table["status"].to_list() == ["done", "failed", "done"]
    assert "No space left on device" in table["message"][1]
    monkeypatch.undo()
    monkeypatch.setattr(running, "segment", None)  # the label images are there already
    assert nbt.run(config)["status"].to_list() == ["kept", "done", "kept"]


FULL = """
import resource, sys
import nbtrack as nbt

largest = int(sys.argv[2])  # no file may grow further, as on a full disk
resource.setrlimit(resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))
table = nbt.run(sys.argv[1])
assert table["status"].to_list() == ["failed", "failed"], table.T
assert table["message"].str.contains("csv.*could not be written").all(), table["message"].to_list()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of the file size are those of Unix")
def test_a_disk_that_really_refuses_to_write(tmp_path) -> None:
    labels = np.stack(list(nbt.sample("nuclei", size=(120, 160), n_frames=30).labels))
    for name in "ab":
        np.save(tmp_path / f"{name}.npy", labels)
    config = tmp_path / "batch.toml"
    config.write_text('movies = "*.npy"\nout = "out"\nformats = ["csv"]\n[input]\naxes = "tyx"\n')
    nbt.run(config, out=tmp_path / "whole")
    size = (tmp_path / "whole" / "a" / "csv" / "objects.csv").stat().st_size
    subprocess.run([sys.executable, "-c", FULL, str(config), str(size - 100)], check=True)
    assert list((tmp_path / "out").rglob(".*partial*")) == []
    assert nbt.run(config)["status"].to_list() == ["done", "done"]
    assert exported(tmp_path / "out") == exported(tmp_path / "whole")


def test_two_batches_do_not_write_into_one_folder(tmp_path) -> None:
    pytest.importorskip("fcntl", reason="this system has no such locks")
    config = write_movies(tmp_path, 1)
    seen = []

    def second(*_):
        with pytest.raises(InputError, match="Another batch is writing to"):
            nbt.run(config)
        seen.append(True)

    nbt.run(config, progress=second)
    assert seen
    assert (tmp_path / "out" / LOCK_FILE).exists()


def test_label_movies_and_binary_movies(tmp_path) -> None:
    sample = nbt.sample("shapes")
    labels = np.stack(list(sample.labels))
    np.save(tmp_path / "one.npy", labels)
    np.save(tmp_path / "two.npy", labels > 0)
    config = {"input": {"axes": "tyx"}, "formats": "csv", "tracking": {"alpha": 20.0}}
    table = nbt.run(config, {"first": tmp_path / "one.npy", "second": tmp_path / "two.npy"}, out=tmp_path / "out")
    assert table["movie"].to_list() == ["first", "second"]
    assert table["status"].to_list() == ["done", "done"]
    assert (tmp_path / "out" / "second" / "objects.h5").exists()
    assert not (tmp_path / "out" / "first" / "objects.h5").exists()


def test_a_dataset_inside_a_file_and_a_series_of_files(tmp_path) -> None:
    import tifffile

    labels = np.stack(list(nbt.sample("shapes").labels)).astype(np.uint16)
    with h5py.File(tmp_path / "movie.h5", "w") as file:
        file["some/where"] = labels
    (tmp_path / "masks").mkdir()
    for t, frame in enumerate(labels):
        tifffile.imwrite(tmp_path / "masks" / f"t{t:02d}.tif", frame)
    movies = {"h5": tmp_path / "movie.h5" / "some/where", "tif": tmp_path / "masks" / "*.tif"}
    config = {"input": {"axes": "tyx", "kind": "labels"}}
    table = nbt.run(config, movies, out=tmp_path / "out")
    assert table["status"].to_list() == ["done", "done"], table["message"].to_list()
    assert table["energy"][0] == table["energy"][1]
    assert nbt.run(config, movies, out=tmp_path / "out")["status"].to_list() == ["kept", "kept"]


def test_every_format_can_be_written(tmp_path) -> None:
    for library in ("geff", "zarr"):
        pytest.importorskip(library, reason=f"{library} is not installed: install the extra `formats`")
    from nbtrack.io.registry import WRITERS

    config = write_movies(tmp_path, 1)
    config.write_text(config.read_text().replace('["csv", "labels"]', str(list(WRITERS))))
    table = nbt.run(config)
    assert table["status"].to_list() == ["done"], table["message"].to_list()
    record = json.loads((tmp_path / "out" / NAMES[0] / "record.json").read_text())
    assert set(record["files"]) == set(WRITERS)
    assert all((tmp_path / "out" / NAMES[0] / place).exists() for place in record["files"].values())
    assert nbt.run(config)["status"].to_list() == ["kept"]
