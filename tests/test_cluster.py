"""The loop over frames on a dask cluster: the same result, also when a worker dies in the middle."""

import os
import signal
import time

import numpy as np
import pandas as pd
import pytest
from random_problems import crowded_graph

import nbtrack as nbt
from nbtrack.model.energies import compute_energies
from nbtrack.parallel import FrameReader, map_frames
from nbtrack.solvers import solve
from nbtrack.solvers.control import Control
from nbtrack.solvers.dual import windows
from nbtrack.solvers.dual.windows import solve_in_windows

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


class Killing:
    """An executor that kills a worker once, with tasks under way."""

    def __init__(self, executor, client, after: int) -> None:
        self.executor, self.client, self.left, self.killed = executor, client, after, None

    def submit(self, *task):
        pids = self.client.run(os.getpid) if self.left == 1 else {}
        future = self.executor.submit(*task)
        self.left -= 1
        if self.left == 0:
            self.killed = next(iter(pids.values()))
            os.kill(self.killed, signal.SIGKILL)
        return future


def test_time_windows_give_the_same_when_a_worker_is_killed(cluster) -> None:
    problem = compute_energies(
        crowded_graph(1, frames=6, objects=20),
        nbt.TrackingParams(preset="conservation", alpha=15.0, appearance=30.0, disappearance=30.0),
    )
    here = solve_in_windows(problem, [], 1e-6, Control(), "serial", window=40)
    with cluster.get_executor(retries=3) as executor:
        calm = solve_in_windows(problem, [], 1e-6, Control(), executor, window=40)
        killing = Killing(executor, cluster, after=9)
        there = solve_in_windows(problem, [], 1e-6, Control(), killing, window=40)
    assert killing.killed
    for answer in (calm, there):
        assert (answer.value, answer.bound) == (here.value, here.bound)
        assert np.array_equal(answer.solution.flow, here.solution.flow)
        assert np.array_equal(answer.solution.count, here.solution.count)


def test_tracking_takes_an_executor(cluster, files, monkeypatch) -> None:
    prediction, _ = read(files)
    detections = nbt.segment(prediction, channel=1, executor="serial")
    params = nbt.TrackingParams(preset="conservation", alpha=20.0)
    monkeypatch.setattr(solve, "WINDOWS_FROM", 100)
    monkeypatch.setattr(windows, "WINDOW", 100)
    whole = nbt.track(detections, params)
    with cluster.get_executor(retries=3) as executor:
        there = nbt.track(detections, params, executor=executor)
    assert there.report.solver == "ascent in windows + highs"
    assert there.report.bound <= whole.report.objective + 1e-6
    assert there.report.objective >= whole.report.bound - 1e-6
    assert there.report.gap < 0.01


def test_an_error_in_a_frame_is_told_as_it_is(cluster) -> None:
    movie = nbt.Movie.from_array(np.full((4, 8, 8, 2), np.nan), axes="tyxc")
    with cluster.get_executor() as executor, pytest.raises(nbt.InputError, match="NaN"):
        nbt.segment(movie, channel=1, executor=executor)
