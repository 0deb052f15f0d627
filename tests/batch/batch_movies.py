"""A few small movies in files, for tests of batches."""

import numpy as np

import nbtrack as nbt

CONFIG = """\
movies = "in/*_prediction.npy"
raw = {{ replace = "_prediction", by = "_raw" }}
out = "out"
formats = ["csv", "labels"]

[input]
axes = "tyxc"
raw_axes = "tyx"

[segmentation]
channel = 1
size = [10, 5000]

[tracking]
timeout = 60
{more}"""


def write_movies(folder, n=3, more=""):
    """Write movies `a`, `b`, ... and a configuration; give its path."""
    (folder / "in").mkdir()
    sample = nbt.sample("shapes")
    raw, prediction = np.stack(list(sample.raw)), np.stack(list(sample.prediction))
    for number, name in enumerate("abcdefg"[:n]):
        last = len(raw) - number  # each is a frame shorter than the one before
        np.save(folder / "in" / f"{name}_raw.npy", raw[:last])
        np.save(folder / "in" / f"{name}_prediction.npy", prediction[:last])
    config = folder / "batch.toml"
    config.write_text(CONFIG.format(more=more))
    return config


def exported(folder):
    """Read every table that a batch wrote."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.glob("*/*/*.csv"))}
