"""`bench run`: plan what is missing, evaluate it, keep every row as soon as it is known."""

import os
import platform
import subprocess
import sys
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tqdm import tqdm

from bench.cost.profile import profile_models, profiles_table
from bench.metric import METRICS, PictureMetric
from bench.perceptual.weights import Found, Unavailable, obtain
from bench.protocols.presets import protocol
from bench.running.entrants import (
    AS_PUBLISHED,
    Entrant,
    ModelEntrant,
    Original,
    Running,
    model_entrants,
    output_entrants,
)
from bench.running.evaluate import (
    Result,
    Setting,
    Task,
    Wanted,
    applies,
    evaluate,
    picture_key,
    picture_path,
    score_key,
)
from bench.store.table import (
    SavedPicture,
    Score,
    Table,
    pictures_table,
    read_header,
    scores_table,
    write_header,
    writing,
)
from sr_models.data.dataset import STORED, Picture, open_dataset
from sr_models.data.degrade import degradation
from sr_models.data.errors import InputError
from sr_models.data.fetch import Report


@dataclass(frozen=True)
class Request:
    """What a run is asked for; the defaults are the README's main job."""

    results: Path
    datasets: tuple[str, ...] = ("sample",)
    models: tuple[str, ...] = ()
    """Empty: every built-in model that is not slow."""
    outputs: tuple[str, ...] = ()
    pattern: str | None = None
    scale: int = 4
    lr: str = "matlab"
    protocols: tuple[str, ...] = ("matlab",)
    metrics: tuple[str, ...] = ("psnr", "ssim")
    running: Running = AS_PUBLISHED
    multiple: int | None = None
    """HR is cropped to a multiple of this; None: of the scale."""
    jobs: int = 1
    weights: Path | None = None
    """A folder of parameter files that metrics need; torch's cache is looked in, too."""
    profile: bool = False
    """Measure what each model costs, too."""
    force: bool = False


@dataclass
class Summary:
    """How a run went."""

    computed: int = 0
    """Scores that were computed, ..."""
    reused: int = 0
    """... that were there already and still hold, ..."""
    replaced: int = 0
    """... and of the computed ones, those that replaced a row whose key no longer matched."""
    failures: list[str] = field(default_factory=list)
    """One sentence for each picture that could not be scored."""
    unavailable: dict[str, str] = field(default_factory=dict)
    """Metrics that cannot be computed here, and why."""
    not_applicable: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    """(metric, why) -> pictures that have no value."""
    profiled: int = 0
    """Models whose cost was measured."""


def run(request: Request) -> Summary:
    """Return how it went, with DIR/scores.csv, DIR/run.json and DIR/images written (CONTRACTS of the formats:
    docs/results.md). Killed at any point, a second call goes on where the first one stopped.
    """
    _check(request)
    with writing(request.results):
        started = time.time()
        pictures, entrants = _gather(request)
        weights, unavailable = _weights(request)
        setting = Setting(
            request.results,
            request.lr,
            request.multiple,
            request.running,
            device_kind(request.running),
            {metric: found.stated for metric, found in weights.items()},
        )
        request = replace(request, metrics=tuple(name for name in request.metrics if name not in unavailable))
        scores, saved = scores_table(request.results), pictures_table(request.results)
        plan, summary = _plan(request, setting, pictures, entrants, scores, saved)
        summary.unavailable = unavailable
        try:
            for result, failure in _evaluated(plan.tasks, setting, request.jobs):
                if result is not None:
                    scores.add(result.scores)
                    saved.add([result.picture])
                    summary.computed += len(result.scores)
                else:
                    summary.failures.append(failure)
            _judge(plan, setting, weights, scores, summary)
            if request.profile:
                _profile(request, entrants, summary)
        finally:
            scores.merge()
            saved.merge()
            write_header(request.results, _header(request, setting, entrants, summary, started))
    return summary


def _check(request: Request) -> None:
    """Refuse a misspelt name before any picture is read or fetched."""
    if request.scale < 1:
        raise InputError(f"--scale wants a whole number from 1 on, {request.scale} came")
    if request.jobs < 1:
        raise InputError(f"--jobs wants at least 1, {request.jobs} came")
    if request.multiple is not None and (request.multiple < 1 or request.multiple % request.scale):
        raise InputError(
            f"--crop-multiple wants a multiple of the scale {request.scale}, {request.multiple} came"
        )
    if request.lr != STORED:
        degradation(request.lr)
    for name in request.protocols:
        protocol(name)
    for name in request.metrics:
        METRICS[name]
    if request.weights is not None and not request.weights.is_dir():
        raise InputError(
            f"{request.weights} is not a folder: --weights-dir takes a folder of parameter files"
        )


def _gather(request: Request) -> tuple[list[Picture], list[Entrant]]:
    with _downloading() as report:
        pictures = [
            picture
            for spec in dict.fromkeys(request.datasets)
            for picture in open_dataset(spec, request.scale, request.lr, report)
        ]
        only_outputs = request.outputs and not request.models
        entrants: list[Entrant] = [
            Original(),
            *([] if only_outputs else model_entrants(request.models, request.running)),
            *output_entrants(request.outputs, pictures, request.pattern, report),
        ]
    _refuse_twins("dataset", sorted({spec.partition("=")[0] for spec in request.datasets}), request.datasets)
    names = [entrant.name for entrant in entrants]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two models are called {name!r}: give one of them another name with NAME=...")
    return pictures, entrants


def _refuse_twins(kind: str, names: Sequence[str], specs: Sequence[str]) -> None:
    if len(names) < len(set(specs)):
        raise InputError(f"two {kind}s have one name in {' '.join(specs)}: name them apart")


def _weights(request: Request) -> tuple[dict[str, Found], dict[str, str]]:
    """Return the files of each picture metric asked for, and why some metrics have none."""
    found, unavailable = {}, {}
    for name in dict.fromkeys(request.metrics):
        metric = METRICS[name]
        if isinstance(metric, PictureMetric):
            try:
                with _downloading() as report:
                    found[name] = obtain(metric, request.weights, report)
            except Unavailable as reason:
                unavailable[name] = str(reason)
    return found, unavailable


@dataclass(frozen=True)
class _Plan:
    tasks: list[Task]
    """First pass, by picture and entrant: upscale, and compare planes."""
    judged: list[tuple[Picture, list[Wanted]]]
    """Second pass, by picture: picture metrics of all entrants together."""


def _plan(
    request: Request,
    setting: Setting,
    pictures: Iterable[Picture],
    entrants: Sequence[Entrant],
    scores: Table[Score],
    saved: Table[SavedPicture],
) -> tuple[_Plan, Summary]:
    plan, summary = _Plan([], []), Summary()
    for picture in pictures:
        judged: list[Wanted] = []
        for entrant in entrants:
            asked = [] if isinstance(entrant, Original) else _asked(request, entrant, picture)
            wanted, n_judged = [], len(judged)
            for pair in asked:
                row = scores.get(
                    (entrant.name, picture.dataset, picture.scale, request.lr, picture.image, *pair)
                )
                key = score_key(entrant, picture, setting, *pair)
                if row is not None and row.key == key and not request.force:
                    summary.reused += 1
                    continue
                summary.replaced += row is not None
                metric = METRICS[pair[1]]
                if isinstance(metric, PictureMetric):
                    judged.append(Wanted(entrant, pair[0], metric))
                else:
                    wanted.append(pair)
            kept = _kept_picture(entrant, picture, setting, saved, force=request.force)
            if wanted or kept is None or len(judged) > n_judged:
                plan.tasks.append(Task(entrant, picture, tuple(wanted), kept))
        if judged:
            plan.judged.append((picture, judged))
    return plan, summary


def _asked(request: Request, entrant: Entrant, picture: Picture) -> list[tuple[str, str]]:
    return [
        (protocol_name, metric_name)
        for protocol_name in dict.fromkeys(request.protocols)
        for metric_name in dict.fromkeys(request.metrics)
        if applies(entrant, picture, protocol(protocol_name), metric_name)
    ]


def _kept_picture(
    entrant: Entrant, picture: Picture, setting: Setting, saved: Table[SavedPicture], *, force: bool
) -> SavedPicture | None:
    row = saved.get((picture_path(entrant.name, picture),))
    if force or row is None or row.key != picture_key(entrant, picture, setting):
        return None
    return row if (setting.folder / "images" / row.path).is_file() else None


def _evaluated(tasks: list[Task], setting: Setting, jobs: int) -> Iterator[tuple[Result | None, str]]:
    """Each task's result, or the sentence that says why there is none, with a progress bar."""
    results = _in_processes(tasks, setting, jobs) if jobs > 1 else (_guarded(task, setting) for task in tasks)
    with tqdm(results, total=len(tasks), desc="bench", unit="picture", disable=None) as bar:
        yield from bar


def _judge(
    plan: _Plan, setting: Setting, weights: Mapping[str, Found], scores: Table[Score], summary: Summary
) -> None:
    if not plan.judged:
        return
    from bench.running.judge import judge  # torch, and the pictures on the device

    for picture, wanted in tqdm(plan.judged, desc="judge", unit="picture", disable=None):
        for verdict in judge(picture, wanted, setting, weights):
            scores.add(verdict.scores)
            summary.computed += len(verdict.scores)
            if verdict.failure and verdict.failure not in summary.failures:
                summary.failures.append(verdict.failure)
            if verdict.not_applicable:
                where = summary.not_applicable.setdefault((verdict.metric, verdict.not_applicable), [])
                where.append(f"{picture.dataset}/{picture.name}")


def _profile(request: Request, entrants: Sequence[Entrant], summary: Summary) -> None:
    models = [entrant for entrant in entrants if isinstance(entrant, ModelEntrant)]
    table = profiles_table(request.results)
    measured = profile_models(models, request.scale, table, force=request.force)
    for _, failure in tqdm(measured, desc="profile", unit="model", disable=None):
        if failure:
            summary.failures.append(failure)
        else:
            summary.profiled += 1
    table.merge()


def _guarded(task: Task, setting: Setting) -> tuple[Result | None, str]:
    """One bad picture, or one model that fails on it, does not sink the run."""
    where = f"{task.entrant.name} on {task.picture.dataset}/{task.picture.name}"
    try:
        return evaluate(task, setting), ""
    except InputError as error:
        return None, f"{where}: {error}"
    except Exception as error:  # noqa: BLE001 (a model is anybody's code)
        line = traceback.extract_tb(error.__traceback__)[-1]
        return None, f"{where}: {type(error).__name__}: {error} ({Path(line.filename).name}:{line.lineno})"


def _in_processes(tasks: list[Task], setting: Setting, jobs: int) -> Iterator[tuple[Result | None, str]]:
    """One thread a process, or they would fight over the cores; spawned, because forked torch hangs."""
    with _one_thread_each(), ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(_guarded, task, setting) for task in tasks]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool:
            raise InputError(
                "a worker process died, perhaps for want of memory: what is done is kept; "
                "run again with fewer --jobs"
            ) from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _one_thread_each() -> Iterator[None]:
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


@contextmanager
def _downloading() -> Iterator[Report]:
    """A bar that appears with the first byte."""
    bar = None

    def report(n_bytes: int) -> None:
        nonlocal bar
        if bar is None:
            bar = tqdm(desc="download", unit="B", unit_scale=True, disable=None)
        bar.update(n_bytes)

    try:
        yield report
    finally:
        if bar is not None:
            bar.close()


def _header(
    request: Request, setting: Setting, entrants: Sequence[Entrant], summary: Summary, started: float
) -> dict[str, Any]:
    header = read_header(request.results)
    header["invocations"].append(
        {
            "command": ["bench", *sys.argv[1:]]
            if Path(sys.argv[0]).name == "bench"
            else ["bench.running.run.run"],
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
            "seconds": round(time.time() - started, 3),
            "commit": commit(),
            "versions": _versions(),
            "device": {
                "kind": setting.device,
                "machine": platform.machine(),
                "cores": os.cpu_count(),
            },
            "dtype": request.running.dtype,
            "jobs": request.jobs,
            "scores": {
                "computed": summary.computed,
                "reused": summary.reused,
                "replaced": summary.replaced,
            },
            "failures": summary.failures,
            "unavailable": summary.unavailable,
        }
    )
    header["metrics"] = {**header.get("metrics", {}), **setting.stated}
    for entrant in entrants:
        header["models"][entrant.name] = _provenance(entrant)
    return header


def _provenance(entrant: Entrant) -> dict[str, Any]:
    return {
        "spec": getattr(entrant, "text", "published pictures" if entrant.is_published else "original"),
        "version": getattr(entrant, "version", None),
    }


def device_kind(running: Running) -> str:
    """Return cpu, cuda or mps: what a score may depend on in its last digits."""
    from sr_models.inference.torch_upscaler import pick_device

    return pick_device(running.device).type


def commit() -> str | None:
    """Return the commit of the checkout this code runs from, `-dirty` if changed; None outside one."""
    checkout = Path(__file__).parents[2]
    if not (checkout / ".git").exists():  # installed, perhaps inside another project's repository
        return None
    try:
        head = _git(checkout, "rev-parse", "--short=12", "HEAD")
        changed = _git(checkout, "status", "--porcelain", "--", "bench", "sr_models", "datasets")
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{head}-dirty" if changed else head


def _git(checkout: Path, *arguments: str) -> str:
    command = ["git", "-C", str(checkout), *arguments]
    return subprocess.run(command, capture_output=True, check=True, text=True, timeout=10).stdout.strip()  # noqa: S603


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in ("srmos", "numpy", "scipy", "pillow", "torch", "torchvision", "piq"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
