"""Who does the work: this process, with threads that read ahead and score behind, or several processes."""

import os
import pickle
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from bench.metric import Metric, custom_metrics, register_custom
from bench.running.deliver import Delivery
from bench.running.evaluate import Loaded, Outcome, Task, at_once, evaluate, made_together, scored
from bench.running.parcel import Parcel, Unit, opened, packed
from bench.running.plan import Need
from bench.running.record import device_kind
from sr_models.data.errors import InputError

T = TypeVar("T")
R = TypeVar("R")
U = TypeVar("U", bound=Unit)
_AHEAD = 2  # pictures decoded before they are wanted
_BEHIND = 8  # upscaled pictures that wait to be scored
_MOST_PIXELS = 1 << 26  # of pictures that wait for others of their size: 200 MB


@dataclass(frozen=True)
class Away:
    """An executor whose workers need not share a folder with this process."""

    executor: Executor
    workers: int
    """About how many work at once."""
    most: int | None
    """Parcels under way at once; None: all, for an executor that keeps them on disk."""
    device: str = ""
    """What `auto` means there; empty: ask."""


class Workers:
    """Processes, started with the first work there is; with one job, this one; or somebody's executor."""

    def __init__(self, jobs: int, devices: Sequence[str] = (), away: Away | None = None) -> None:
        """jobs: processes for each device."""
        self.jobs = jobs * max(1, len(devices))
        self._devices = devices
        self._away = away
        self._pool: Executor | None = None
        self._open = ExitStack()

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def map(self, function: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
        """Yield function(item) of each, in any order, done on this machine."""
        if self.jobs == 1 or self._away or not items:
            yield from map(function, items)
            return
        yield from self._local(function, items, _give_up)

    def evaluated(self, needs: Sequence[Need], results: Path) -> Iterator[Outcome]:
        """Yield the outcome of each need, in any order."""
        if self.jobs == 1 and not self._away:
            yield from _overlapped(_tasks(needs, results, len(needs)))
            return
        workers = self._away.workers if self._away else self.jobs
        together = -(-len(needs) // (8 * workers))  # a long picture at the end must not leave others idle
        for outcomes in self.done(evaluate, _tasks(needs, results, together)):
            yield from outcomes

    def done(self, function: Callable[[U], list[Outcome]], units: Sequence[U]) -> Iterator[list[Outcome]]:
        """Yield function(unit) of each, in any order, wherever the workers are."""
        if not units:
            return
        if self._away is not None:
            yield from self._delivered(function, units, self._away)
        elif self.jobs == 1:
            yield from map(function, units)
        else:
            yield from self._local(function, units, lambda unit, error: unit.failed(error))

    @property
    def are_away(self) -> bool:
        """Whether this machine's devices are not the workers'."""
        return self._away is not None

    def device(self, asked: str) -> str:
        """Return the device of the workers: `auto` is what one of them says, for keys depend on it."""
        if self._away is None or asked != "auto":
            return asked
        if self._away.device:
            return self._away.device
        try:
            return self._away.executor.submit(device_kind, asked).result()
        except Exception as error:  # noqa: BLE001 (each executor has its own)
            raise InputError(f"no worker answers ({type(error).__name__}: {error})") from None

    def _delivered(
        self, function: Callable[[U], list[Outcome]], units: Sequence[U], away: Away
    ) -> Iterator[list[Outcome]]:
        parcels = (packed(function, unit) for unit in units)
        delivery: Delivery[Parcel[U], list[Outcome]] = Delivery(
            lambda _: away.executor, opened, Parcel.failed, most=away.most
        )
        yield from delivery.results(parcels)

    def _local(
        self, function: Callable[[T], R], items: Sequence[T], failed: Callable[[T, Exception], R]
    ) -> Iterator[R]:
        """In processes of this machine: function and items are pickled, files stay where they are."""
        _check_travels([*items, *custom_metrics()])
        yield from Delivery(self._executor, function, failed, most=2 * self.jobs).results(items)

    def _executor(self, is_broken: bool) -> Executor:
        if self._pool is None or is_broken:
            if self._pool is None:
                self._open.enter_context(_one_thread_each())
            pool = self._new_pool()
            self._open.callback(pool.shutdown, wait=False, cancel_futures=True)
            self._pool = pool
        return self._pool

    def _new_pool(self) -> Executor:
        if len(self._devices) > 1:
            return DevicePools({each: _processes(self.jobs // len(self._devices)) for each in self._devices})
        return _processes(self.jobs)


class DevicePools(Executor):
    """A pool of processes for each device; the one with the least to do takes the next item."""

    def __init__(self, pools: Mapping[str, Executor]) -> None:
        self._pools = pools
        self._busy = dict.fromkeys(pools, 0)

    def submit(self, function: Callable[..., R], /, *args: Any, **kwargs: Any) -> "Future[R]":
        """Let function work on its one argument, a unit, on some device."""
        device = min(self._busy, key=lambda each: self._busy[each])
        (item,) = args
        item = item.on(device) if hasattr(item, "on") else item
        future = self._pools[device].submit(function, item, **kwargs)
        self._busy[device] += 1
        future.add_done_callback(lambda _: self._finished(device))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End all pools."""
        for pool in self._pools.values():
            pool.shutdown(wait, cancel_futures=cancel_futures)

    def _finished(self, device: str) -> None:
        self._busy[device] -= 1


def _processes(jobs: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(
        jobs,
        get_context("spawn"),  # forked torch hangs
        initializer=_prepare,
        initargs=(custom_metrics(),),
    )


def _give_up(_item: object, error: Exception) -> NoReturn:
    raise InputError(f"{error}: run again with fewer jobs")


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
        for pictures in _gathered(_loaded(tasks, ahead)):
            if isinstance(pictures, Outcome):
                yield pictures
                continue
            for group in _batches(pictures):
                for (need, original), result in zip(
                    group, made_together(group, tasks[0].results), strict=True
                ):
                    waiting.append(behind.submit(scored, need, original, result))
                while waiting and (waiting[0].done() or len(waiting) > _BEHIND):
                    yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _gathered(
    loaded: Iterable[tuple[Task, "Future[Loaded]"]],
) -> Iterator[Outcome | list[tuple[Need, Loaded]]]:
    """Needs with their pictures: one picture's, or several's where a model gains from that.

    Pictures that cannot be loaded are outcomes already.
    """
    held: list[tuple[Need, Loaded]] = []
    pictures = pixels = 0
    for task, loading in loaded:
        try:
            original = loading.result()
        except Exception as error:  # noqa: BLE001 (whatever a damaged file raises)
            yield from task.unreadable(error)
            continue
        held += [(need, original) for need in task.needs]
        pictures += 1
        pixels += original.sample.shape[0] * original.sample.shape[1]
        if pictures >= max(at_once(need, original) for need in task.needs) or pixels > _MOST_PIXELS:
            yield held
            held, pictures, pixels = [], 0, 0
    if held:
        yield held


def _batches(held: Iterable[tuple[Need, Loaded]]) -> Iterator[list[tuple[Need, Loaded]]]:
    """What one model gets at once: pictures of one size that are still to be made."""
    groups: dict[tuple[object, ...], list[tuple[Need, Loaded]]] = {}
    for need, original in held:
        key = (need.entrant.name, need.is_kept, original.sample.lr.shape)
        groups.setdefault(key, []).append((need, original))
    for group in groups.values():
        n = at_once(*group[0])
        yield from (group[start : start + n] for start in range(0, len(group), n))


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
