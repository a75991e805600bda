"""SLURM as an executor, through submitit: calls that come together become one array job."""

import contextlib
import os
import pickle
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from sr_models.data.errors import InputError
from sr_models.data.image import write_bytes

R = TypeVar("R")
Ended = Callable[[Sequence[Any]], Collection[str]]
"""Jobs of submitit -> the ids of those that run no more, nor wait to."""
_TOGETHER_SECONDS = 1.0  # calls within this time become one array
_POLL_SECONDS = 1.0
_QUEUE_SECONDS = 10.0  # SLURM's controller serves everybody


@dataclass(frozen=True)
class Job:
    """What one job of the array does: calls one after the other, each answer a file as soon as it is there.

    A job that SLURM requeues begins again and finds which answers are there already.
    """

    folder: Path
    calls: tuple[str, ...]

    def __call__(self) -> None:
        """Answer every call that has no answer yet."""
        for call in self.calls:
            if not self.answer(call).exists():
                write_bytes(
                    self.answer(call), pickle.dumps(_result((self.folder / f"{call}.call").read_bytes()))
                )

    def answer(self, call: str) -> Path:
        """Return the file of an answer."""
        return self.folder / f"{call}.answer"

    def checkpoint(self) -> Any:
        """Return what submitit starts again after a preemption or a time limit."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


class ArrayExecutor(Executor):
    """Any submitit executor as one of concurrent.futures; calls and answers are files in a shared folder."""

    def __init__(self, submitit: Any, folder: Path, jobs: int, ended: Ended) -> None:
        self._submitit, self._folder, self._jobs, self._ended = submitit, folder, jobs, ended
        self.has_lost_jobs = False
        """Whether some job ended before it had answered everything."""
        self._waiting: dict[str, Future[Any]] = {}
        self._started: list[tuple[Any, Job, dict[str, Future[Any]]]] = []
        self._last = 0.0
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def submit(self, function: Callable[..., R], /, *args: Any, **kwargs: Any) -> "Future[R]":
        """Let some job call function(*args, **kwargs)."""
        import cloudpickle

        call, future = uuid4().hex, Future[R]()
        write_bytes(self._folder / f"{call}.call", cloudpickle.dumps((function, args, kwargs)), durable=False)
        with self._lock:
            self._waiting[call] = future
            self._last = time.monotonic()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Stop; jobs that have answered everything end by themselves, others are cancelled if asked to."""
        if cancel_futures:
            for job, _, _ in self._started:
                with contextlib.suppress(Exception):
                    job.cancel()
        self._is_over.set()
        if wait:
            self._watcher.join()

    def _watch(self) -> None:
        while self._started or not self._is_over.is_set():
            time.sleep(_POLL_SECONDS)
            try:
                self._start()
                ended = self._ended([handle for handle, _, _ in self._started])
                self._started = [each for each in self._started if not self._is_settled(*each, ended)]
            except Exception as error:  # noqa: BLE001 (sbatch refuses, a full disk): nobody else can say it
                self._fail(InputError(f"slurm: {' '.join(str(error).split())[:300]}"))

    def _start(self) -> None:
        """Start an array of what has come, unless more is coming."""
        with self._lock:
            if not self._waiting or time.monotonic() - self._last < _TOGETHER_SECONDS:
                return
            calls, self._waiting = self._waiting, {}
        names = list(calls)
        n = min(self._jobs, len(names))
        jobs = [Job(self._folder, tuple(names[i::n])) for i in range(n)]
        try:
            with self._submitit.batch():
                started = [self._submitit.submit(job) for job in jobs]
        except Exception:
            self._waiting |= calls  # they fail with the rest
            raise
        for handle, job in zip(started, jobs, strict=True):
            self._started.append((handle, job, {call: calls[call] for call in job.calls}))

    def _is_settled(
        self, handle: Any, job: Job, calls: dict[str, Future[Any]], ended: Collection[str]
    ) -> bool:
        """Hand on the answers that are there; a job that ended without some of them has died."""
        has_ended = handle.job_id in ended
        for call in [each for each in calls if job.answer(each).exists()]:
            kind, value = _read(job.answer(call))
            future = calls.pop(call)
            if future.cancelled():
                continue
            future.set_result(value) if kind == "result" else future.set_exception(value)
        if has_ended and calls:
            self.has_lost_jobs = True
            for future in calls.values():
                if not future.cancelled():
                    future.set_exception(RuntimeError(f"job {handle.job_id} ended early: {self._folder}"))
        return has_ended or (not calls and handle.paths.result_pickle.exists())

    def _fail(self, error: Exception) -> None:
        with self._lock:
            calls, self._waiting = self._waiting, {}
        for future in calls.values():
            if not future.cancelled():
                future.set_exception(error)


@contextmanager
def slurm_jobs(options: Mapping[str, str], jobs: int, folder: Path) -> Iterator[ArrayExecutor]:
    """Open SLURM with sbatch options such as partition, gpus_per_node, time (minutes), mem, cpus_per_task."""
    try:
        import submitit
    except ImportError:
        raise InputError("--cluster slurm needs submitit: pip install -e '.[slurm]'") from None
    if not all(shutil.which(command) for command in ("sbatch", "srun", "squeue")):
        raise InputError(
            "--cluster slurm: expected sbatch, srun and squeue here: run it on a login node of the cluster"
        )
    own = folder.resolve() / "slurm"
    own.mkdir(parents=True, exist_ok=True)
    executor = submitit.SlurmExecutor(folder=own / "%j", python=sys.executable)
    try:
        executor.update_parameters(
            **{"job_name": "bench", **{key: _number(value) for key, value in options.items()}}
        )
    except (NameError, TypeError, ValueError) as error:
        raise InputError(f"slurm: {' '.join(str(error).split())[:600]}") from None
    with arrays(executor, own, jobs, Queue()) as made:
        yield made


@contextmanager
def arrays(submitit: Any, folder: Path, jobs: int, ended: Ended) -> Iterator[ArrayExecutor]:
    """Open an executor over a submitit executor; its files stay where a job was lost."""
    executor = ArrayExecutor(submitit, folder, jobs, ended)
    try:
        yield executor
    except BaseException:
        executor.shutdown(cancel_futures=True)
        raise
    executor.shutdown()
    if not executor.has_lost_jobs:
        shutil.rmtree(folder, ignore_errors=True)


class Queue:
    """Which jobs have left SLURM's queue, by squeue: sacct answers only where accounting is set up.

    Once is not enough: what a job wrote last may take a moment to be seen here.
    """

    def __init__(self) -> None:
        self._asked = 0.0
        self._missing: set[str] = set()

    def __call__(self, jobs: Sequence[Any]) -> Collection[str]:
        """Return the ids of jobs that were missing twice in a row."""
        if not jobs or time.monotonic() - self._asked < _QUEUE_SECONDS:
            return ()
        self._asked = time.monotonic()
        command = ["squeue", "--array", "--noheader", "--format=%i", f"--user={os.getuid()}"]
        listed = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if listed.returncode:  # the controller restarts: ask again
            return ()
        before, self._missing = self._missing, {job.job_id for job in jobs} - set(listed.stdout.split())
        return before & self._missing


def _result(call: bytes) -> tuple[str, object]:
    function, args, kwargs = pickle.loads(call)  # noqa: S301 (the caller's own)
    try:
        return "result", function(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 (it is raised again where the call came from)
        return "error", error


def _read(answer: Path) -> tuple[str, Any]:
    """What a call came to; an answer that cannot be read is the call's error."""
    try:
        found: tuple[str, Any] = pickle.loads(answer.read_bytes())  # noqa: S301 (our own job's)
    except Exception as error:  # noqa: BLE001 (an exception of anybody's may not come out of its pickle)
        return "error", error
    return found


def _number(text: str) -> int | str:
    return int(text) if text.isdigit() else text


def options_of(texts: Sequence[str]) -> dict[str, str]:
    """Return KEY=VALUE texts as a mapping."""
    found = {}
    for text in texts:
        key, is_pair, value = text.partition("=")
        if not (key.isidentifier() and is_pair and value):
            raise InputError(f"slurm: expected KEY=VALUE such as partition=gpu, got {text!r}")
        found[key] = value
    return found
