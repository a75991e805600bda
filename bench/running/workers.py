"""Who does the work: this process, with threads that read ahead and score behind, or several processes."""

import os
import pickle
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

from bench.metric import Metric, custom_metrics, register_custom
from bench.running.evaluate import Loaded, Outcome, Task, evaluate, made, scored
from bench.running.plan import Need
from sr_models.data.errors import InputError

T = TypeVar("T")
R = TypeVar("R")
_AHEAD = 2  # pictures decoded before they are wanted
_BEHIND = 8  # upscaled pictures that wait to be scored


class Workers:
    """Processes, started with the first work there is; with one job, this one."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self._pool: Executor | None = None
        self._open = ExitStack()

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def map(self, function: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
        """Yield function(item) of each, in any order; function and items travel, so they are pickled."""
        if self.jobs == 1 or not items:
            yield from map(function, items)
            return
        _check_travels([*items, *custom_metrics()])
        futures = [self._executor().submit(function, item) for item in items]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool:
            raise InputError(
                "a worker process died, perhaps for want of memory: what is done is kept; "
                "run again with fewer jobs"
            ) from None
        finally:
            for future in futures:
                future.cancel()

    def evaluated(self, needs: Sequence[Need], results: Path) -> Iterator[Outcome]:
        """Yield the outcome of each need, in any order."""
        if self.jobs == 1:
            yield from _overlapped(_tasks(needs, results, len(needs)))
            return
        together = -(-len(needs) // (8 * self.jobs))  # a long picture at the end must not leave others idle
        for outcomes in self.map(evaluate, _tasks(needs, results, together)):
            yield from outcomes

    def _executor(self) -> Executor:
        if self._pool is None:
            self._open.enter_context(_one_thread_each())
            pool = ProcessPoolExecutor(
                self.jobs,
                get_context("spawn"),  # forked torch hangs
                initializer=_prepare,
                initargs=(custom_metrics(),),
            )
            self._open.callback(pool.shutdown, wait=False, cancel_futures=True)
            self._pool = pool
        return self._pool


def _tasks(needs: Iterable[Need], results: Path, most: int) -> list[Task]:
    """Needs of one picture together, so that it is decoded once; at most so many."""
    tasks: list[list[Need]] = []
    for need in needs:
        if tasks and tasks[-1][0].picture == need.picture and len(tasks[-1]) < most:
            tasks[-1].append(need)
        else:
            tasks.append([need])
    return [Task(tuple(each), results) for each in tasks]


def _overlapped(tasks: Sequence[Task]) -> Iterator[Outcome]:
    """Models run here, one after the other; a thread decodes what comes, another encodes and scores."""
    with ThreadPoolExecutor(1) as ahead, ThreadPoolExecutor(1) as behind:
        waiting: deque[Future[Outcome]] = deque()
        for task, loading in _loaded(tasks, ahead):
            try:
                original = loading.result()
            except Exception as error:  # noqa: BLE001 (whatever a damaged file raises)
                yield from task.failed(error)
                continue
            for need in task.needs:
                result = made(need, original, task.results)
                waiting.append(behind.submit(scored, need, original, result))
                while waiting and (waiting[0].done() or len(waiting) > _BEHIND):
                    yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _loaded(tasks: Sequence[Task], ahead: Executor) -> Iterator[tuple[Task, "Future[Loaded]"]]:
    """Each task with its picture, the next ones being decoded already."""
    loading: deque[tuple[Task, Future[Loaded]]] = deque()
    for task in tasks:
        loading.append((task, ahead.submit(task.load)))
        if len(loading) > _AHEAD:
            yield loading.popleft()
    yield from loading


def _check_travels(items: Iterable[object]) -> None:
    for item in items:
        try:
            pickle.dumps(item)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise InputError(
                f"jobs: a function that only exists in this session cannot go to other processes ({error}): "
                "put it into a module, or use jobs=1"
            ) from None


def _prepare(metrics: Sequence[Metric]) -> None:
    for each in metrics:
        register_custom(each)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """One thread a process, or they would fight over the cores."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
