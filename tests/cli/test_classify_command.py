"""``nbtrack classify``, and ``nbtrack track --classifier``."""

import json

import h5py
import numpy as np
import pandas as pd
import pytest

import nbtrack as nbt
from nbtrack.cli import main
from nbtrack.data.storage import axistags


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A simulated movie as files: raw, label images, and a table of labels."""
    folder = tmp_path_factory.mktemp("movie")
    sample = nbt.sample("nuclei", size=(160, 200), n_frames=5, noise=2.0)
    detections = nbt.segment(sample.prediction, channel=1)
    for name, frames in (("raw", sample.raw), ("labels", detections.labels)):
        with h5py.File(folder / f"{name}.h5", "w") as file:
            data = np.stack([np.asarray(frames[t]) for t in range(5)])
            file.create_dataset("data", data=data).attrs["axistags"] = axistags("tyx", (1.0, 1.0))
    table = detections.table[["t", "object_id"]].head(6).copy()
    table["count"] = [1, 1, 0, 2, "", 1]
    table["dividing"] = ["true", "", "no", "0", "False", ""]
    table.to_csv(folder / "labels.csv", index=False)
    return folder


def arguments(files, out, *more):
    return ["classify", str(files / "labels.h5"), "--raw", str(files / "raw.h5"), "--out", str(out), *map(str, more)]


def test_labels_become_probabilities_and_a_classifier(files, tmp_path, capsys):
    out, saved = tmp_path / "objects.csv", tmp_path / "classifier.json"
    assert main(arguments(files, out, "--labels", files / "labels.csv", "--save", saved, "--json")) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["labels"] == {"counts": 5, "divisions": 4}
    assert found["files"] == {"objects": str(out), "classifier": str(saved)}
    table = pd.read_csv(out)
    assert table.columns[-4:].to_list() == ["p_count_0", "p_count_1", "p_count_2", "p_division"]
    assert found["expected"]["p_division"] == pytest.approx(table["p_division"].sum())
    again = tmp_path / "again.csv"
    assert main(arguments(files, again, "--classifier", saved)) == 0
    assert "expected count 0" in capsys.readouterr().out
    assert again.read_text() == out.read_text()
    assert main(arguments(files, out, "--classifier", saved, "--labels", files / "labels.csv", "--overwrite")) == 0
    assert main(arguments(files, out, "--classifier", saved)) == 2
    assert "is there already. Add --overwrite" in capsys.readouterr().err


def test_tracking_uses_the_classifier(files, tmp_path, capsys):
    saved = tmp_path / "classifier.json"
    main(arguments(files, tmp_path / "objects.csv", "--labels", files / "labels.csv", "--save", saved))
    track = ["track", str(files / "labels.h5"), "--raw", str(files / "raw.h5"), "--format", "csv", "--json"]
    energies = []
    for more in ([], ["--classifier", str(saved)]):
        capsys.readouterr()
        assert main([*track, "--out", str(tmp_path / f"out{len(more)}"), *more]) == 0
        energies.append(json.loads(capsys.readouterr().out)["objective"])
    assert energies[0] != energies[1]


def test_saved_labels_and_projects_of_ilastik_are_labels_too(files, tmp_path, capsys):
    detections = nbt.detect(nbt.read(files / "labels.h5"))
    first = detections.table["object_id"][0]
    labels = nbt.Labels(detections, {(0, first): 1})
    labels.save(tmp_path / "labels.json")
    assert main(arguments(files, tmp_path / "a.csv", "--labels", tmp_path / "labels.json")) == 0
    assert "labels of counts  1" in capsys.readouterr().out
    with h5py.File(tmp_path / "b.ilp", "w") as file:
        frames = np.stack([np.asarray(detections.labels[t]) for t in range(5)])
        frames[0][frames[0] == detections.table["object_id"][1]] = 0
        frames[0, :2, :2] = detections.table["object_id"][1]
        block = frames.transpose(0, 2, 1)[..., None, None]
        data = file.create_dataset("ObjectExtraction/LabelImage_v2/labelimage000/block0000", data=block)
        data.attrs["blockSlice"] = "[0:5,0:200,0:160,0:1,0:1]"
        file["CountClassification/LabelInputs/0000/0"] = np.array([0, *[2] * 2], float)
    assert main(arguments(files, tmp_path / "b.csv", "--labels", tmp_path / "b.ilp")) == 0
    said = capsys.readouterr()
    assert "labels of counts  1" in said.out
    assert "1 labels are of objects that are not there" in said.err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("t,count\n0,1\n", "cannot be read as a table of labels: 'object_id'. It needs the columns t, object_id"),
        ("t,object_id,count\n0,1,many\n", "cannot be read as a table of labels"),
        ("t,object_id,dividing\n0,1,perhaps\n", "cannot be read as a table of labels: 'perhaps'"),
        ("t,object_id,count\n0,999,1\n", "There is no object 999 in frame 0"),
        ("t,object_id,count\n0,1,-1\n", "`count` must be a whole number"),
        ("t,object_id\n0,1\n", "A classifier needs at least one label"),
    ],
)
def test_tables_that_are_no_labels_are_a_sentence(files, tmp_path, capsys, content, words):
    (tmp_path / "labels.csv").write_text(content)
    assert main(arguments(files, tmp_path / "out.csv", "--labels", tmp_path / "labels.csv")) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out.csv").exists()


def test_something_to_learn_from_is_needed(files, tmp_path, capsys):
    assert main(arguments(files, tmp_path / "out.csv")) == 2
    assert "There is nothing to learn from. Give --labels, --classifier, or both." in capsys.readouterr().err
