"""The loop over frames: one function for each frame, on threads, processes or a cluster, results in order.

Anything that speaks `concurrent.futures` will do (for dask: ``Client(...).get_executor()``). Only a few frames are
under way at any time, so memory stays bounded however long the movie is.
"""

import os
import pickle
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, TypeVar

import numpy as np
from tqdm.auto import tqdm

from nbtrack.errors import InputError

T = TypeVar("T")
ExecutorLike = Executor | str | None
Progress = bool | Callable[[int, int], Any]

_LOOK_EVERY = 0.1  # seconds
_SERIAL_UP_TO = 3  # frames for which threads do not pay
_CHOICES = ("serial", "threads", "processes")


@dataclass(frozen=True)
class FrameReader:
    """Reads frames of a movie, of one channel if asked, and can be sent to another process.

    Parameters
    ----------
    frames : Movie or sequence of ndarray
        ``frames[t]`` is frame `t`.
    channel : int, optional
        The channel to read; all of them if not given.
    """

    frames: Any
    channel: int | None = None

    def __call__(self, t: int) -> np.ndarray:
        """Read frame `t`."""
        frame = self.frames[t] if self.channel is None else self.frames.frame(t, self.channel)
        return np.asarray(frame)

    @property
    def from_file(self) -> bool:
        """Whether another process can read the frames itself."""
        return getattr(self.frames, "source", None) is not None


def map_frames(
    work: Callable[..., T],
    readers: Sequence[FrameReader],
    n_frames: int,
    *,
    executor: ExecutorLike = None,
    progress: Progress = False,
    label: str = "frames",
) -> Iterator[T]:
    """Call ``work(t, frame, ...)`` for every frame and give the results in order, as they come.

    Parameters
    ----------
    work : callable
        Takes the frame number and one array per reader. For processes and clusters it can be pickled.
    readers : sequence of FrameReader
        What to read for a frame. Other processes read from files themselves; frames in memory are sent to them.
    n_frames : int
        Number of frames.
    executor : concurrent.futures.Executor or {"threads", "processes", "serial"}, optional
        Who works; threads, one per core, if not given and the movie has more than a few frames.
    progress : bool or callable, optional
        True shows a progress bar; a callable gets ``(done, total)`` after each frame, and may raise to stop the run.
    label : str, optional
        Text beside the bar.

    Yields
    ------
    Any
        What `work` returned for frame 0, 1, ... If one frame fails, the error is raised and the rest is cancelled.

    Raises
    ------
    InputError
        If `executor` is none of these, or `work` cannot be sent to another process.
    """
    with ExitStack() as stack:
        pool = _open_pool(executor, n_frames, work, stack)
        report = _open_progress(progress, n_frames, label, stack)
        results = (
            (_run(work, readers, t) for t in range(n_frames))
            if pool is None
            else _stream(pool, work, readers, n_frames)
        )
        for t, result in enumerate(results):
            report(t + 1)
            yield result


def map_tasks(
    work: Callable[..., T],
    tasks: Iterator[tuple[Any, ...]],
    n_tasks: int,
    *,
    executor: ExecutorLike = None,
    look: Callable[[bool], object] = lambda interrupted: None,
) -> Iterator[T]:
    """Call ``work(*task)`` for every task and give the results in order; tasks are made as they are sent.

    Parameters
    ----------
    work : callable
        For processes and clusters it can be pickled, and it gives the same if it is called again: a cluster does that
        when a worker dies.
    tasks : iterator of tuple
        Arguments.
    n_tasks : int
        How many there are.
    executor : concurrent.futures.Executor or {"threads", "processes", "serial"}, optional
        Who works, as for `map_frames`.
    look : callable, optional
        Called now and then while this waits, with True if Ctrl-C was pressed; it may raise to stop the run, which
        cancels what has not begun.

    Yields
    ------
    Any
        What `work` returned for the first task, the second, ...
    """
    with ExitStack() as stack:
        pool = _open_pool(executor, n_tasks, work, stack)
        if pool is None:
            for task in tasks:
                look(False)
                yield work(*task)
            return
        futures: deque[Future[T]] = deque()
        ahead = 2 * _count_workers(pool)
        try:
            for task in tasks:
                futures.append(pool.submit(work, *task))
                if len(futures) >= ahead:
                    yield _wait(futures.popleft(), look)
            while futures:
                yield _wait(futures.popleft(), look)
        finally:
            for future in futures:
                future.cancel()


def is_in_process(executor: ExecutorLike) -> bool:
    """Tell whether who works shares the memory of this process, so that it hears an event."""
    return executor in (None, "threads", "serial") or isinstance(executor, ThreadPoolExecutor)


def _wait(future: Future[T], look: Callable[[bool], object]) -> T:
    """Wait for a result, and look up now and then."""
    while True:
        look(False)
        try:
            return future.result(timeout=_LOOK_EVERY)
        except KeyboardInterrupt:
            look(True)
        except TimeoutError:
            if future.done():  # the error is that of the task
                return future.result()


def _stream(pool: Executor, work: Callable[..., T], readers: Sequence[FrameReader], n_frames: int) -> Iterator[T]:
    """Keep a few frames under way and give the results in order."""
    local = isinstance(pool, ThreadPoolExecutor)
    ahead = 2 * _count_workers(pool)
    futures: deque[Future[T]] = deque()
    try:
        for t in range(n_frames):
            sent = readers if local else [r if r.from_file else _Held(r(t)) for r in readers]
            futures.append(pool.submit(_run, work, sent, t))
            if len(futures) >= ahead:
                yield futures.popleft().result()
        while futures:
            yield futures.popleft().result()
    finally:
        for future in futures:
            future.cancel()


@dataclass(frozen=True)
class _Held:
    """Stands for a reader whose frame was read already."""

    frame: np.ndarray

    def __call__(self, t: int) -> np.ndarray:
        """Give the frame."""
        return self.frame


def _run(work: Callable[..., T], readers: Sequence[Callable[[int], np.ndarray]], t: int) -> T:
    """Read what belongs to a frame and work on it."""
    return work(t, *[read(t) for read in readers])


def _open_pool(executor: ExecutorLike, n_frames: int, work: Any, stack: ExitStack) -> Executor | None:
    """Find or make who works; None means this thread. A pool of our own ends with the stack."""
    if executor is None:
        executor = "threads" if n_frames > _SERIAL_UP_TO else "serial"
    if not isinstance(executor, str) and callable(getattr(executor, "submit", None)):
        return executor
    if executor not in _CHOICES:
        raise InputError(
            f"`executor` must be one of {', '.join(map(repr, _CHOICES))} or an object with a method `submit`, "
            f"as those of concurrent.futures: got {executor!r}."
        )
    if executor == "serial":
        return None
    workers = max(1, min(os.cpu_count() or 1, n_frames))
    pool: Executor
    if executor == "threads":
        pool = ThreadPoolExecutor(workers, thread_name_prefix="nbtrack")
    else:
        try:
            pickle.dumps(work)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise InputError(
                f"This function cannot be sent to another process: {error}. "
                'Put it into a module that can be imported, or use executor="threads".'
            ) from error
        pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    stack.callback(pool.shutdown, wait=True, cancel_futures=True)
    return pool


def _count_workers(pool: Executor) -> int:
    """Tell how many frames a pool works on at once; a cluster, which does not say, gets work for many."""
    workers = getattr(pool, "_max_workers", None)
    return workers if isinstance(workers, int) else 8 * (os.cpu_count() or 1)


def _open_progress(progress: Progress, total: int, label: str, stack: ExitStack) -> Callable[[int], object]:
    """Make the function that is told how many frames are done."""
    if callable(progress):
        return lambda done: progress(done, total)
    if not progress:
        return lambda done: None
    bar = stack.enter_context(tqdm(total=total, desc=label, unit="frame"))
    return lambda done: bar.update(1)
