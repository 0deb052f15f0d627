"""Label frames in memory, in a file, and in a file of their own lifetime."""

import gc
import pickle
from pathlib import Path

import numpy as np
import pytest

from nbtrack.data.label_store import LabelStore
from nbtrack.errors import InputError


@pytest.mark.parametrize("shape", [(4, 5), (3, 4, 5)])
@pytest.mark.parametrize("where", ["memory", "temporary", "file"])
def test_what_goes_in_comes_out(tmp_path, shape, where):
    frames = np.random.default_rng(0).integers(0, 2**32, (6, *shape), dtype=np.uint32)
    out = tmp_path / "labels.h5" if where == "file" else None
    limit = 1 << 30 if where == "memory" else 0
    with LabelStore(6, shape, scale=(2.0,) * len(shape), out=out, memory_limit=limit) as store:
        for frame in frames:
            store.append(frame)
        movie = store.finish()
    assert (movie.shape, movie.dtype, movie.scale) == (frames.shape, np.uint32, (2.0,) * len(shape))
    np.testing.assert_array_equal(np.stack(list(movie)), frames)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(movie))[3], frames[3])
    assert (movie.source is None) == (where == "memory")


def test_a_temporary_file_goes_with_its_movie():
    with LabelStore(1, (4, 5), scale=(1, 1), memory_limit=0) as store:
        store.append(np.ones((4, 5), np.uint32))
        movie = store.finish()
    path = movie.source
    assert path.exists()
    del movie, store
    gc.collect()
    assert not path.exists()


def test_a_file_that_is_gone_is_named(tmp_path):
    with LabelStore(1, (4, 5), scale=(1, 1), out=tmp_path / "labels.h5") as store:
        store.append(np.ones((4, 5), np.uint32))
        movie = store.finish()
    (tmp_path / "labels.h5").unlink()
    with pytest.raises(InputError, match=r"The label file `.*` cannot be read: .* Segment the movie again"):
        movie[0]


def test_full_disk_is_told_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = type("usage", (), {"free": 0})
    monkeypatch.setattr("shutil.disk_usage", lambda _: full)
    with (
        pytest.raises(InputError, match=r"cannot be written to .*No space left on device\. Make room"),
        LabelStore(1, (4, 4), scale=(1, 1), out=tmp_path / "labels.h5") as store,
    ):
        store.append(np.zeros((4, 4), np.uint32))
    assert not list(tmp_path.iterdir())
