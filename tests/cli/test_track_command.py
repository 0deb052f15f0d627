"""The commands that read a movie and write something: ``info``, ``segment``, ``track``, ``evaluate``, ``formats``."""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
import tifffile

from nbtrack.cli import main
from nbtrack.cli.tracking import guess_input
from nbtrack.data.movie import Movie

DISC = np.hypot(*np.mgrid[-4:5, -4:5]) <= 4


def discs() -> np.ndarray:
    """Two discs that move to the right, in six frames: labels 1 and 2."""
    labels = np.zeros((6, 40, 60), np.uint8)
    for t in range(6):
        for label, y in ((1, 10), (2, 30)):
            x = 15 + 3 * t
            labels[t, y - 4 : y + 5, x - 4 : x + 5][DISC] = label
    return labels


@pytest.fixture
def prediction(tmp_path: Path) -> Path:
    foreground = (discs() > 0).astype(np.float32)
    np.save(tmp_path / "prediction.npy", np.stack([1 - foreground, foreground], axis=-1))
    return tmp_path / "prediction.npy"


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    tifffile.imwrite(tmp_path / "labels.tif", discs(), imagej=True, metadata={"axes": "TYX"})
    return tmp_path / "labels.tif"


def run(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, Any]:
    """Run a command with --json and read what it printed."""
    capsys.readouterr()
    assert main([*map(str, words), "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


def test_info(prediction: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = run(capsys, "info", prediction, "--axes", "tyxc")
    assert found["axes"] == "tyxc"
    assert found["shape"] == [6, 40, 60, 2]
    assert (found["frames"], found["channels"], found["dtype"]) == (6, 2, "float32")
    assert (found["first_frame_minimum"], found["first_frame_maximum"]) == (0, 1)
    assert main(["info", str(prediction), "--axes", "tyxc"]) == 0
    assert "6 x 40 x 60 x 2" in capsys.readouterr().out


def test_info_asks_for_axes(prediction: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(prediction)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("nbtrack: ")
    assert "axes" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("name", ["labels.h5", "labels.tif"])
def test_segment(prediction: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = prediction.with_name(name)
    command = ["segment", prediction, "--axes", "tyxc", "--channel", 1, "--sigma", 0, "--size", 10, 1000, "--out", out]
    found = run(capsys, *command)
    assert (found["objects"], found["objects_per_frame"]) == (12, [2] * 6)
    if name.endswith(".h5"):
        with h5py.File(out) as file:
            written = next(iter(file.values()))[...]
    else:
        written = tifffile.imread(out)
    np.testing.assert_array_equal(np.squeeze(written) > 0, discs() > 0)
    assert main(list(map(str, command))) == 2
    assert name in capsys.readouterr().err
    assert run(capsys, *command, "--overwrite")["objects"] == 12


def test_track_prediction_map(prediction: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    formats = "ctc,csv,events-h5,labels"
    words = ["track", prediction, "--axes", "tyxc", "--channel", 1, "--no-divisible", "--out", out, "--format", formats]
    found = run(capsys, *words)
    assert (found["objects"], found["tracks"], found["divisions"]) == (12, 2, 0)
    assert found["status"] == "optimal"
    assert found["gap"] <= 1e-6
    assert set(found["files"]) == set(formats.split(","))
    assert all(Path(path).exists() for path in found["files"].values())
    assert len(list((out / "ctc").glob("mask*.tif"))) == 6
    assert len(list((out / "events-h5").glob("*.h5"))) == 6
    assert pd.read_csv(out / "csv" / "objects.csv")["trackId"].nunique() == 2


def test_track_labels_as_they_are(labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["track", str(labels), "--out", str(tmp_path / "out"), "--format", "ctc"]) == 0
    out, err = capsys.readouterr()
    assert "labels (by its values" in err
    assert "tracks            2" in out
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out" / "ctc" / "mask003.tif") > 0, discs()[3] > 0)


def test_track_binary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "binary.npy", (discs() > 0) * np.uint8(255))
    assert main(["track", str(tmp_path / "binary.npy"), "--axes", "tyx", "--out", str(tmp_path / "out")]) == 0
    out, err = capsys.readouterr()
    assert "binary (by its values" in err
    assert "tracks            2" in out


def test_track_refuses_before_it_works(labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["track", str(labels), "--out", str(tmp_path / "out"), "--format"]
    assert main([*words, "ctc,word"]) == 2
    assert "`format` must be some of" in capsys.readouterr().err
    (tmp_path / "out" / "ctc").mkdir(parents=True)
    assert main([*words, "ctc"]) == 2
    out, err = capsys.readouterr()
    assert "Add --overwrite to replace it" in err
    assert out == ""


def test_labels_take_no_segmentation(labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["track", str(labels), "--threshold", "0.3", "--out", str(tmp_path / "out")]) == 2
    assert "`threshold` belongs to the segmentation" in capsys.readouterr().err


def test_raw_movie_must_fit(labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "raw.npy", np.zeros((5, 40, 60), np.uint8))
    words = ["track", labels, "--raw", tmp_path / "raw.npy", "--raw-axes", "tyx", "--out", tmp_path / "out"]
    assert main(list(map(str, words))) == 2
    assert "same number of frames" in capsys.readouterr().err


def test_parameter_out_of_range_is_one_sentence(
    labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["track", str(labels), "--neighbors", "0", "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("nbtrack: `neighbors` is out of range: got 0")


@pytest.mark.parametrize(
    ("array", "drange", "kind"),
    [
        (np.linspace(0, 1, 24, dtype=np.float32).reshape(2, 3, 4), None, "prediction"),
        (np.arange(24, dtype=np.uint8).reshape(2, 3, 4), (0, 255), "prediction"),
        (np.arange(24, dtype=np.uint16).reshape(2, 3, 4), None, "labels"),
        (np.arange(24).reshape(2, 3, 4) > 9, None, "binary"),
        (np.uint8(1) * (np.arange(24).reshape(2, 3, 4) > 9), (0, 1), "binary"),
        (np.float32(255) * (np.arange(24).reshape(2, 3, 4) > 9), None, "binary"),
        (np.zeros((2, 3, 4), np.uint8), None, "binary"),
    ],
)
def test_guess_input(array: np.ndarray, drange: tuple[float, float] | None, kind: str) -> None:
    movie = Movie.from_array(array, "tyx")
    movie.drange = drange
    assert guess_input(movie) == kind


@pytest.mark.parametrize(
    ("array", "axes"),
    [
        (np.full((2, 3, 4), 7.5), "tyx"),
        (np.full((2, 3, 4), 7), "tyx"),
        (np.arange(48).reshape(2, 3, 4, 2), "tyxc"),
    ],
)
def test_guess_input_asks_where_it_cannot_tell(array: np.ndarray, axes: str) -> None:
    with pytest.raises(ValueError, match="say which with --input"):
        guess_input(Movie.from_array(array, axes))


def test_evaluate(labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("ctc_metrics", reason="py-ctcmetrics is not installed")
    run(capsys, "track", labels, "--out", tmp_path / "out", "--format", "ctc")
    truth = tmp_path / "truth"
    truth.mkdir()
    for t, frame in enumerate(discs()):
        tifffile.imwrite(truth / f"man_track{t:03d}.tif", frame.astype(np.uint16))
    (truth / "man_track.txt").write_text("1 0 5 0\n2 0 5 0\n")
    scores = run(capsys, "evaluate", tmp_path / "out" / "ctc", truth)
    assert scores["TRA"] == pytest.approx(1)
    assert scores["AOGM"] == 0
    assert main(["evaluate", str(tmp_path / "nothing"), str(truth)]) == 2
    assert capsys.readouterr().err.startswith("nbtrack: ")
    (truth / "man_track.txt").write_text("1 0 5 0\n")
    for t, frame in enumerate(discs()):
        tifffile.imwrite(truth / f"man_track{t:03d}.tif", (frame == 1).astype(np.uint16))
    words = ["evaluate", tmp_path / "out" / "ctc", truth, "--errors", tmp_path / "errors.csv"]
    run(capsys, *words)
    errors = pd.read_csv(tmp_path / "errors.csv")
    assert errors["kind"].value_counts().to_dict() == {"false_object": 6, "false_link": 5}
    assert set(errors["side"]) == {"the result"}
    capsys.readouterr()
    assert main([str(word) for word in words]) == 2
    assert "errors.csv` exists already" in capsys.readouterr().err
    assert main([*map(str, words), "--overwrite"]) == 0
    assert "11 errors are in " in capsys.readouterr().err


def test_formats(capsys: pytest.CaptureFixture[str]) -> None:
    assert {"ctc", "csv", "labels", "events-h5"} <= set(run(capsys, "formats")["formats"])


def test_own_movie_in_the_demo(prediction: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tifffile.imwrite(tmp_path / "raw.tif", discs(), imagej=True, metadata={"axes": "TYX"})
    with h5py.File(tmp_path / "prediction.h5", "w") as file:
        data = file.create_dataset("exported_data", data=np.load(prediction))
        data.attrs["axistags"] = json.dumps({"axes": [{"key": key} for key in "tyxc"]})
    words = [
        "demo",
        "--movie",
        tmp_path / "raw.tif",
        "--prediction",
        tmp_path / "prediction.h5",
        "--out",
        tmp_path / "o",
    ]
    found = run(capsys, *words)
    assert (found["tracks"], found["accuracy"]) == (2, {})
    assert (tmp_path / "o" / "overview.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "o" / "lineages.png").exists()
    assert main(["demo", "--movie", str(tmp_path / "raw.tif")]) == 2
    assert "`prediction` is missing" in capsys.readouterr().err


@pytest.mark.slow
def test_demo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--out", str(tmp_path / "out")]) == 0
    out = capsys.readouterr().out
    for word in ("objects", "tracks", "divisions", "energy", "bound", "gap", "seconds", "link_f1", str(tmp_path)):
        assert word in out


def test_pixels_tell_the_track_or_the_lineage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dividing = np.zeros((4, 40, 40), np.uint8)
    for t, centers in enumerate([[20], [20], [14, 26], [14, 26]]):
        for label, y in enumerate(centers, start=1):
            dividing[t, y - 4 : y + 5, 16:25][DISC] = label
    np.save(tmp_path / "labels.npy", dividing)
    words = ["track", tmp_path / "labels.npy", "--input", "labels", "--format", "labels,png", "--alpha", "20"]
    values = {}
    for what in ("track", "lineage"):
        files = run(capsys, *words, "--out", tmp_path / what, "--color-by", what)["files"]
        with h5py.File(files["labels"]) as file:
            values[what] = set(np.unique(file["exported_data"]).tolist())
    assert values == {"track": {0, 1, 2, 3}, "lineage": {0, 1}}
