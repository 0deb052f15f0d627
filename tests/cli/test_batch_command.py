"""``nbtrack batch``: the summary, its exit code, and the words for people and machines."""

import json
import tomllib

import numpy as np
import pandas as pd

import nbtrack as nbt
from nbtrack.cli import main, make_parser


def write_config(folder):
    sample = nbt.sample("shapes")
    for name in "ab":
        np.save(folder / f"{name}.npy", np.stack(list(sample.labels)))
    config = folder / "batch.toml"
    config.write_text('movies = ["a.npy", "b.npy"]\nout = "out"\n[input]\naxes = "tyx"\n')
    return config


def test_summary_as_text_and_as_json(tmp_path, capsys) -> None:
    config = write_config(tmp_path)
    assert main(["batch", str(config)]) == 0
    told = capsys.readouterr()
    assert told.out.splitlines()[1].split()[:4] == ["a", "done", "12", "50"] or "done" in told.out
    assert "a ..." in told.err
    assert main(["batch", str(config), "--json", "--executor", "serial"]) == 0
    rows = json.loads(capsys.readouterr().out)["movies"]
    assert [(row["movie"], row["status"]) for row in rows] == [("a", "kept"), ("b", "kept")]
    assert pd.read_csv(tmp_path / "out" / "summary.csv")["status"].to_list() == ["kept", "kept"]


def test_a_failed_movie_gives_exit_code_2_and_its_reason(tmp_path, capsys) -> None:
    config = write_config(tmp_path)
    (tmp_path / "b.npy").write_bytes(b"no movie")
    assert main(["batch", str(config)]) == 2
    told = capsys.readouterr()
    assert "b: `" in told.out
    assert "1 of 2 movies failed: b. summary.csv has the reasons" in told.err
    assert main(["batch", str(config), str(tmp_path / "a.npy"), "--out", str(tmp_path / "new")]) == 0
    assert (tmp_path / "new" / "a" / "csv" / "objects.csv").exists()


def test_the_example_of_the_help_is_a_configuration(tmp_path, capsys) -> None:
    parser = make_parser()
    action = next(action for action in parser._actions if action.choices and "batch" in action.choices)
    lines = action.choices["batch"].epilog.split("batch.toml:\n")[1]
    config = tomllib.loads("\n".join(line[2:] for line in lines.splitlines()))
    (tmp_path / "predictions").mkdir()
    np.save(tmp_path / "predictions" / "x_Probabilities.h5.npy", np.zeros((2, 5, 5)))
    config["movies"] = str(tmp_path / "predictions" / "*.npy")
    from nbtrack.batch.config import read_config

    assert read_config(config).tracking_params().timeout == 600
