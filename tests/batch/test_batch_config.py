"""What a batch is told, and every way in which that can be wrong."""

import numpy as np
import pytest
from batch_movies import write_movies

from nbtrack.batch.config import read_config
from nbtrack.errors import InputError


def test_paths_begin_at_the_file(tmp_path, monkeypatch) -> None:
    config = write_movies(tmp_path, 2)
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    batch = read_config(config)
    assert batch.out == tmp_path / "out"
    assert [(job.name, job.movie.name, job.raw.name) for job in batch.jobs] == [
        ("a_prediction", "a_prediction.npy", "a_raw.npy"),
        ("b_prediction", "b_prediction.npy", "b_raw.npy"),
    ]
    assert batch.segmentation_params("prediction map").size == (10, 5000)
    assert batch.tracking_params().timeout == 60


def test_movies_of_one_name_are_told_apart_by_their_folders(tmp_path) -> None:
    for name in ("01", "02"):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "labels.npy", np.zeros((2, 5, 5), int))
    batch = read_config({"raw": "{folder}/{stem}_raw.tif"}, str(tmp_path / "*" / "labels.npy"), out=tmp_path / "out")
    assert [job.name for job in batch.jobs] == ["01-labels", "02-labels"]
    assert batch.jobs[1].raw == tmp_path / "02" / "labels_raw.tif"
    (tmp_path / "x" / "01").mkdir(parents=True)
    np.save(tmp_path / "x" / "01" / "labels.npy", np.zeros((2, 5, 5), int))
    with pytest.raises(InputError, match="several files called '01-labels'"):
        read_config({}, str(tmp_path / "**" / "labels.npy"), out=tmp_path / "out")


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({}, "`movies` is missing"),
        ({"movies": "x.h5"}, "`out` is missing"),
        ({"movies": "nothing/*.h5", "out": "o"}, "matches nothing"),
        ({"movies": 3, "out": "o"}, "`movies` must be a file, a pattern"),
        ({"movies": {"../up": "x.h5"}, "out": "o"}, "cannot be the name of a movie"),
        ({"movies": "x.h5", "out": "o", "format": "csv"}, "`format` is not known in the configuration"),
        ({"movies": "x.h5", "out": "o", "formats": ["pdf"]}, "`formats` must be some of"),
        ({"movies": "x.h5", "out": "o", "color_by": "mood"}, "`color_by` must be 'track' or 'lineage'"),
        ({"movies": "x.h5", "out": "o", "resolve_mergers": 1}, "`resolve_mergers` must be true or false"),
        ({"movies": "x.h5", "out": "o", "input": 5}, "`input` must be a table"),
        ({"movies": "x.h5", "out": "o", "input": {"axis": "tyx"}}, "`axis` is not known in `input`"),
        ({"movies": "x.h5", "out": "o", "input": {"kind": "video"}}, "`kind` must be one of"),
        ({"movies": "x.h5", "out": "o", "segmentation": {"treshold": 1}}, "`treshold` is not known in `segmentation`"),
        ({"movies": "x.h5", "out": "o", "tracking": {"appearance": -1}}, "`appearance` is out of range"),
        (
            {"movies": "x.h5", "out": "o", "input": {"kind": "labels"}, "segmentation": {"size": [1, 2]}},
            "`size` belongs to the segmentation",
        ),
        ({"movies": "x.h5", "out": "o", "raw": 5}, "`raw` must be a path with"),
        ({"movies": "x.h5", "out": "o", "raw": "{where}.h5"}, "`raw` may name"),
        ({"movies": "x.h5", "out": "o", "raw": {"replace": "_p", "by": ""}}, "`raw` replaces '_p'"),
    ],
)
def test_what_does_not_fit_is_told_before_anything_begins(config, said, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=said.replace("(", r"\(").replace("{", r"\{")):
        read_config(config)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_toml(tmp_path) -> None:
    (tmp_path / "bad.toml").write_text("movies = [")
    for name in ("bad.toml", "none.toml"):
        with pytest.raises(InputError, match="cannot be read as a TOML file"):
            read_config(tmp_path / name)
