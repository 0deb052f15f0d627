"""The loop over frames on a dask cluster: the same result, also when a worker dies in the middle."""

import os
import signal
import time

import numpy as np
import pandas as pd
import pytest

import nbtrack as nbt
from nbtrack.parallel import FrameReader, map_frames

distributed = pytest.importorskip("distributed", reason="dask is not installed: install the extra `scale`")

pytestmark = [
    pytest.mark.slow,
    # a worker that is killed cannot close its connections
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    settings = {
        "distributed.nanny.environ.OMP_NUM_THREADS": "1",
        "temporary-directory": str(tmp_path_factory.mktemp("dask")),
    }
    import dask

    with (
        dask.config.set(settings),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("movie")
    sample = nbt.sample("nuclei", size=(120, 160), n_frames=30)
    np.save(folder / "raw.npy", np.stack(list(sample.raw)))
    np.save(folder / "prediction.npy", np.stack(list(sample.prediction)))
    return folder


def read(folder):
    return nbt.read(folder / "prediction.npy", axes="tyxc"), nbt.read(folder / "raw.npy", axes="tyx")


def test_segment_and_measure_give_the_same_on_a_cluster(cluster, files) -> None:
    prediction, raw = read(files)
    here = nbt.segment(prediction, channel=1, executor="serial")
    with cluster.get_executor() as executor:
        there = nbt.segment(prediction, channel=1, executor=executor, out=files / "objects.h5", overwrite=True)
        measured = nbt.measure(there, raw, features=["intensity_mean"], executor=executor)
    pd.testing.assert_frame_equal(there.table, here.table)
    assert all(np.array_equal(there.labels[t], here.labels[t]) for t in range(30))
    pd.testing.assert_frame_equal(measured, nbt.measure(here, raw, features=["intensity_mean"], executor="serial"))


def slowly(t, frame):
    """Take long enough to be killed in the middle."""
    time.sleep(0.05)
    return t, os.getpid(), float(frame.sum())


def test_a_worker_that_is_killed_costs_only_its_frames(cluster, files) -> None:
    prediction, _ = read(files)
    right = [float(prediction.frame(t, 1).sum()) for t in range(30)]
    found, killed = [], None
    with cluster.get_executor(retries=3) as executor:
        for done in map_frames(slowly, [FrameReader(prediction, 1)], 30, executor=executor):
            found.append(done)
            if len(found) == 5:
                killed = done[1]
                os.kill(killed, signal.SIGKILL)
    assert [t for t, _, _ in found] == list(range(30))
    assert [total for _, _, total in found] == right
    assert any(pid != killed for _, pid, _ in found[5:])


def test_a_batch_goes_on_when_a_worker_is_killed(cluster, files, tmp_path) -> None:
    killed = []

    def progress(movie, stage, done, total):
        if stage == "segment" and done == 8 and not killed:
            pids = cluster.run(os.getpid)
            killed.append(next(iter(pids.values())))
            os.kill(killed[0], signal.SIGKILL)

    config = {"input": {"axes": "tyxc"}, "segmentation": {"channel": 1}, "tracking": {"alpha": 20.0}}
    with cluster.get_executor(retries=3) as executor:
        table = nbt.run(config, files / "prediction.npy", out=tmp_path / "a", executor=executor, progress=progress)
    alone = nbt.run(config, files / "prediction.npy", out=tmp_path / "b", executor="serial")
    assert killed
    assert table["status"].to_list() == ["done"]
    assert table["energy"].to_list() == alone["energy"].to_list()
    paths = [tmp_path / name / "prediction" / "csv" / "objects.csv" for name in "ab"]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_an_error_in_a_frame_is_told_as_it_is(cluster) -> None:
    movie = nbt.Movie.from_array(np.full((4, 8, 8, 2), np.nan), axes="tyxc")
    with cluster.get_executor() as executor, pytest.raises(nbt.InputError, match="NaN"):
        nbt.segment(movie, channel=1, executor=executor)
