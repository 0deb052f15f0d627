"""A movie that is larger than the memory that the process may have is segmented, measured, tracked and written."""

import resource
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

import nbtrack as nbt
from nbtrack.data.storage import axistags

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not Path("/proc/self/statm").exists(), reason="this system does not tell how much memory is used"
    ),
]

SCRIPT = """
import resource, sys
from pathlib import Path

import numpy as np
import nbtrack as nbt

folder, room = Path(sys.argv[1]), int(sys.argv[2])

def mapped():
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()

def work(prediction, raw, out, executor):
    found = nbt.segment(prediction, channel=1, threshold=0.5, size=(20, 100_000), out=out, executor=executor)
    table = nbt.measure(found, raw, features=["intensity_mean"], executor=executor)
    result = nbt.track(found, nbt.TrackingParams(preset="adaptive", threads=1), movie=raw)
    nbt.write(result, out.with_suffix(".tracked.h5"), format="labels")
    nbt.write(result, out.with_suffix(".table"), format="csv")
    return found, table, result

small = nbt.sample("nuclei", size=(64, 64), n_frames=6)      # load and compile everything before the cap
work(small.prediction, small.raw, folder / "small.h5", "threads")

resource.setrlimit(resource.RLIMIT_AS, (mapped() + room,) * 2)
try:
    np.ones(2 * room, np.uint8)
    raise AssertionError("the cap does not hold")
except MemoryError:
    pass
movie, raw = nbt.read(folder / "movie.h5/prediction"), nbt.read(folder / "movie.h5/raw")
assert np.prod(movie.shape) * movie.dtype.itemsize > 1.5 * room
found, table, result = work(movie, raw, folder / "objects.h5", "threads")
print(len(found), len(table), len(result.lineage.track_ids), result.report.gap)
"""


def write_movie(path, n_frames, side):
    """Write a movie of many frames, one frame after the other: discs that move a pixel per frame."""
    y, x = np.mgrid[:side, :side]
    with h5py.File(path, "w") as file:
        prediction = file.create_dataset(
            "prediction", (n_frames, side, side, 2), np.float32, chunks=(1, side, side, 2), compression="gzip",
            compression_opts=1,
        )  # fmt: skip
        raw = file.create_dataset("raw", (n_frames, side, side), np.uint8, chunks=(1, side, side), compression="gzip")
        prediction.attrs["axistags"] = axistags("tyxc", (1.0, 1.0))
        raw.attrs["axistags"] = axistags("tyx", (1.0, 1.0))
        for t in range(n_frames):
            inside = np.zeros((side, side), bool)
            for place in range(40, side - 40, 80):
                inside |= (y - place) ** 2 + (x - 20 - (place + t) % (side - 40)) ** 2 < 100
            prediction[t, ..., 1], prediction[t, ..., 0] = inside, ~inside
            raw[t] = inside * 200


def test_a_movie_larger_than_the_memory(tmp_path) -> None:
    n_frames, side, room = 80, 1024, 2**28
    write_movie(tmp_path / "movie.h5", n_frames, side)
    n_bytes = n_frames * side * side * 2 * 4
    assert n_bytes > 2 * room, "640 MiB of pixels, and 256 MiB to work with"
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path), str(room)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    objects, rows, tracks, gap = ended.stdout.split()
    assert int(objects) == int(rows) > 12 * n_frames - 1
    assert int(tracks) >= 12
    assert float(gap) < 1e-6
    labels = nbt.read(tmp_path / "objects.tracked.h5")
    assert len(labels) == n_frames
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss > 0
