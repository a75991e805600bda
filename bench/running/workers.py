"""Needs evaluated here, or by several processes."""

import os
import pickle
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

from bench.metric import Metric, custom_metrics, register_custom
from bench.running.evaluate import Outcome, evaluate
from bench.running.plan import Need
from sr_models.data.errors import InputError


def evaluated(needs: Sequence[Need], results: Path, jobs: int) -> Iterator[Outcome]:
    """Yield the outcome of each need, in any order."""
    if jobs == 1:
        yield from (evaluate(need, results) for need in needs)
        return
    _check_travels([*{need.entrant.name: need.entrant for need in needs}.values(), *custom_metrics()])
    context = get_context("spawn")  # forked torch hangs
    with (
        _one_thread_each(),
        ProcessPoolExecutor(jobs, context, initializer=_prepare, initargs=(custom_metrics(),)) as pool,
    ):
        try:
            futures = [pool.submit(evaluate, need, results) for need in needs]
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool:
            raise InputError(
                "a worker process died, perhaps for want of memory: what is done is kept; "
                "run again with fewer jobs"
            ) from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _check_travels(items: Sequence[object]) -> None:
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
