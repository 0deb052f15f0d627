"""The loop over frames: order, bounded memory, progress, errors."""

import collections
import os
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest

from nbtrack.data.movie import Movie
from nbtrack.errors import InputError
from nbtrack.parallel import FrameReader, is_in_process, map_frames, map_tasks


class CountingFrames:
    """Frames that know how many of them were asked for and are not done yet."""

    def __init__(self, n):
        self.n, self.live, self.most, self.lock = n, 0, 0, threading.Lock()

    def __len__(self):
        return self.n

    def __getitem__(self, t):
        with self.lock:
            self.live += 1
            self.most = max(self.most, self.live)
        return np.full((2, 2), t)


def total(t, *frames):
    return t, sum(int(frame.sum()) for frame in frames)


@pytest.mark.parametrize("executor", [None, "serial", "threads", "processes"])
def test_results_come_in_order(executor):
    movie = Movie.from_array(np.arange(40).reshape(10, 2, 2))
    found = list(map_frames(total, [FrameReader(movie), FrameReader(movie)], 10, executor=executor))
    assert found == [(t, 2 * int(movie[t].sum())) for t in range(10)]


@pytest.mark.parametrize("executor", ["serial", "threads"])
def test_few_frames_are_alive_at_once(executor):
    frames = CountingFrames(200)
    for _ in map_frames(total, [FrameReader(frames)], 200, executor=executor):
        with frames.lock:
            frames.live -= 1
        time.sleep(0.0005)
    assert frames.most <= (1 if executor == "serial" else 2 * (os.cpu_count() or 1) + 1)


def test_any_executor_will_do():
    class Own:
        def __init__(self):
            self.open, self.most = 0, 0

        def submit(self, work, *arguments):
            self.open += 1
            self.most = max(self.most, self.open)
            future = Future()
            future.set_result(work(*arguments))
            return future

    movie = Movie.from_array(np.ones((300, 2, 2)))
    own = Own()
    results = map_frames(total, [FrameReader(movie)], 300, executor=own)
    for t, result in enumerate(results):
        own.open -= 1
        assert result == (t, 4)
    assert own.most < 300
    with ThreadPoolExecutor(1) as pool:
        assert len(list(map_frames(total, [FrameReader(movie)], 5, executor=pool))) == 5
        assert pool.submit(total, 1).result() == (1, 0), "the pool of the caller stays open"


def test_a_failing_frame_cancels_the_rest():
    seen = []

    def work(t, frame):
        seen.append(t)
        if t == 3:
            raise ValueError("frame 3 is broken")
        time.sleep(0.001)

    frames = CountingFrames(1000)
    with pytest.raises(ValueError, match="frame 3 is broken"):
        list(map_frames(work, [FrameReader(frames)], 1000, executor="threads"))
    assert len(seen) < 50


def test_progress_is_reported_and_can_stop_the_run():
    frames, told = CountingFrames(8), []
    list(map_frames(total, [FrameReader(frames)], 8, progress=lambda done, all_of: told.append((done, all_of))))
    assert told == [(done, 8) for done in range(1, 9)]

    def stop(done, all_of):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(map_frames(total, [FrameReader(CountingFrames(8))], 8, progress=stop))


def test_the_progress_bar_names_the_step(capsys):
    list(map_frames(total, [FrameReader(CountingFrames(5))], 5, progress=True, label="segment"))
    shown = capsys.readouterr().err
    assert "segment" in shown
    assert "5/5" in shown


def test_what_another_process_cannot_get_is_refused():
    frames = Movie.from_array(np.zeros((5, 2, 2)))
    with pytest.raises(InputError, match="This function cannot be sent to another process"):
        list(map_frames(lambda t, frame: t, [FrameReader(frames)], 5, executor="processes"))


@pytest.mark.parametrize("executor", ["gpu", 4])
def test_an_unknown_executor_is_refused(executor):
    with pytest.raises(InputError, match=f"`executor` must be one of .* got {executor!r}"):
        list(map_frames(total, [], 5, executor=executor))


# --------------------------------------------------------------------------- tasks
@pytest.mark.parametrize("executor", [None, "serial", "threads"])
def test_tasks_come_back_in_order(executor) -> None:
    assert list(map_tasks(pow, ((k, 2) for k in range(20)), 20, executor=executor)) == [k * k for k in range(20)]


def test_tasks_are_made_as_they_are_sent() -> None:
    made = []

    def tasks():
        for k in range(50):
            made.append(k)
            yield (k,)

    with ThreadPoolExecutor(1) as pool:
        results = map_tasks(abs, tasks(), 50, executor=pool)
        next(results)
        assert len(made) <= 3
        assert list(results) == list(range(1, 50))


def test_an_error_of_a_task_is_told_as_it_is() -> None:
    def fail(error):
        raise error

    for error in (TimeoutError("of its own"), ZeroDivisionError("by a task")):
        with pytest.raises(type(error), match=str(error)):
            list(map_tasks(fail, iter([(error,)]), 1, executor="threads"))


def test_a_look_may_stop_the_tasks() -> None:
    done = []

    def look(interrupted: bool) -> None:
        if len(done) >= 2:
            raise StopAsyncIteration("enough")

    with ThreadPoolExecutor(1) as pool:
        results = map_tasks(abs, ((k,) for k in range(100)), 100, executor=pool, look=look)
        with pytest.raises(StopAsyncIteration, match="enough"):
            collections.deque(map(done.append, results), maxlen=0)
    assert done == [0, 1]


def test_who_shares_memory_is_known() -> None:
    with ThreadPoolExecutor(1) as pool:
        assert all(is_in_process(executor) for executor in (None, "serial", "threads", pool))
    assert not is_in_process("processes")
