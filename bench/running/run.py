"""`bench run`: plan what is missing, evaluate it, keep every row as soon as it is known."""

import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from itertools import groupby
from operator import attrgetter
from pathlib import Path

import msgspec
from tqdm import tqdm

from bench.cost.profile import profile_models
from bench.metric import METRICS, PictureMetric
from bench.perceptual.weights import Found, Unavailable, obtain
from bench.running.entrants import Entrant, ModelEntrant, Original, model_entrants, output_entrants, problems
from bench.running.evaluate import Outcome
from bench.running.plan import Need, plan
from bench.running.request import Request, Summary
from bench.running.workers import evaluated
from bench.store.header import (
    Counts,
    DatasetFacts,
    Device,
    Invocation,
    ModelFacts,
    read_header,
    write_header,
)
from bench.store.rows import SavedPicture, Score
from bench.store.table import Table, pictures_table, profiles_table, scores_table, writing
from sr_models.data.dataset import Picture, open_dataset
from sr_models.data.errors import InputError
from sr_models.data.fetch import Report


def run(request: Request) -> Summary:
    """Return how it went, with DIR/scores.csv, DIR/run.json and DIR/images written (docs/results.md).

    Killed at any point, a second call goes on where the first one stopped.
    """
    request.check()
    with writing(request.results):
        started, summary = time.time(), Summary()
        datasets, entrants = _opened(request)
        weights = _weights(request, summary)
        request = replace(request, metrics=tuple(m for m in request.metrics if m not in summary.unavailable))
        scores, saved = scores_table(request.results), pictures_table(request.results)
        pictures = [picture for found in datasets.values() for picture in found[: request.limit]]
        kind = device_kind(request.device)
        stated = {metric: found.stated for metric, found in weights.items()}
        needs = plan(request, kind, stated, pictures, entrants, scores, saved, summary)
        _drop_foreign(request, datasets, needs, scores, saved, summary)
        try:
            made = _upscale(
                _of_working_models(request, needs, scores, saved, summary), request, scores, saved, summary
            )
            _judge(made, request, weights, scores, saved, summary)
            if request.profile:
                _profile(request, entrants, summary)
        finally:
            scores.merge()
            saved.merge()
            _write_header(request, kind, stated, datasets, entrants, summary, started)
    return summary


def _opened(request: Request) -> tuple[dict[str, list[Picture]], list[Entrant]]:
    """The pictures of each dataset, and everybody who has a version of them."""
    specs = list(dict.fromkeys(request.datasets))
    names = [spec.partition("=")[0] for spec in specs]
    _refuse_twins("datasets", names)
    with _downloading() as report:
        datasets = {
            name: open_dataset(spec, request.scale, request.lr, report)
            for name, spec in zip(names, specs, strict=True)
        }
        pictures = [picture for found in datasets.values() for picture in found[: request.limit]]
        how = {"device": request.device, "dtype": request.dtype}
        only_outputs = request.outputs and not request.models
        entrants: list[Entrant] = [
            Original(),
            *(
                []
                if only_outputs
                else model_entrants(request.models, request.scale, **how, self_ensemble=request.self_ensemble)
            ),
            *output_entrants(request.outputs, pictures, request.pattern, report),
        ]
    _refuse_twins("models", [entrant.name for entrant in entrants])
    return datasets, entrants


def _refuse_twins(kind: str, names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two {kind} are called {name!r}: give one of them another name with NAME=...")


def _weights(request: Request, summary: Summary) -> dict[str, Found]:
    """The files of each picture metric asked for; the summary says why some metrics have none."""
    found = {}
    for name in dict.fromkeys(request.metrics):
        metric = METRICS[name]
        if isinstance(metric, PictureMetric):
            try:
                with _downloading() as report:
                    found[name] = obtain(metric, request.weights_dir, report)
            except Unavailable as why:
                summary.unavailable[name] = str(why)
    return found


def _drop_foreign(
    request: Request,
    datasets: Mapping[str, Sequence[Picture]],
    needs: Iterable[Need],
    scores: Table[Score],
    saved: Table[SavedPicture],
    summary: Summary,
) -> None:
    """Drop rows and pictures of datasets that have changed since: another folder, another or no picture."""
    facts = read_header(request.results).datasets
    planned = {row.identity for need in needs for row in need.rows}
    making = {need.saved.path for need in needs}
    for name, pictures in datasets.items():
        now = {picture.image: picture.hr_sha256[:16] for picture in pictures}
        before = facts[name].pictures if name in facts else {}
        scale = None if before else request.scale  # a set by name may have other pictures at other scales
        gone = "not in the dataset any more"

        def is_foreign(image: str, now: dict[str, str] = now, before: Mapping[str, str] = before) -> bool:
            return image not in now or before.get(image, now[image]) != now[image]

        rows = [
            row
            for row in scores
            if row.dataset == name
            and scale in (None, row.scale)
            and is_foreign(row.image)
            and row.identity not in planned
        ]
        scores.drop(row.identity for row in rows)
        for row in rows:
            why = gone if row.image not in now else "the dataset has another picture of this name now"
            images = summary.dropped.setdefault((name, why), [])
            images += [row.image] if row.image not in images else []
        lost = [
            row
            for row in saved
            if row.place.dataset == name
            and scale in (None, row.place.scale)
            and is_foreign(row.place.image)
            and row.path not in making
        ]
        _forget_pictures(request, lost, saved)


def _forget_pictures(request: Request, lost: Iterable[SavedPicture], saved: Table[SavedPicture]) -> None:
    for row in lost:
        saved.drop([row.identity])
        (request.results / "images" / row.path).unlink(missing_ok=True)


def _of_working_models(
    request: Request,
    needs: Sequence[Need],
    scores: Table[Score],
    saved: Table[SavedPicture],
    summary: Summary,
) -> list[Need]:
    """The needs of models that can be built; the others are named once, before the first picture."""
    problem = problems(request.scale)
    working = []
    for need in needs:
        why = "" if need.is_kept else problem(need.entrant)
        if not why:
            working.append(need)
            continue
        failure = f"{need.entrant.name}: {why}"
        if failure not in summary.failures:
            summary.failures.append(failure)
        _keep(Outcome(need.rows, lost=need.saved), request, scores, saved, summary)
    return working


def _upscale(
    needs: Sequence[Need],
    request: Request,
    scores: Table[Score],
    saved: Table[SavedPicture],
    summary: Summary,
) -> list[Need]:
    """First pass: upscale, and compare planes. Return the needs whose picture is there now."""
    outcomes = evaluated(needs, request.results, request.jobs)
    made = set()
    for outcome in tqdm(outcomes, total=len(needs), desc="bench", unit="picture", disable=None):
        _keep(outcome, request, scores, saved, summary)
        made |= {outcome.saved.path} if outcome.saved else set()
    return [need for need in needs if need.saved.path in made]


def _judge(
    needs: Sequence[Need],
    request: Request,
    weights: Mapping[str, Found],
    scores: Table[Score],
    saved: Table[SavedPicture],
    summary: Summary,
) -> None:
    """Second pass: picture metrics of all models of a picture together."""
    asking = [
        need for need in needs if any(isinstance(METRICS[row.metric], PictureMetric) for row in need.rows)
    ]
    if not asking:
        return
    from bench.running.judge import judge  # torch, and the pictures on the device

    by_picture = [list(group) for _, group in groupby(asking, key=attrgetter("picture"))]
    for group in tqdm(by_picture, desc="judge", unit="picture", disable=None):
        for outcome in judge(group, request.results, request.device, weights):
            _keep(outcome, request, scores, saved, summary)


def _keep(
    outcome: Outcome,
    request: Request,
    scores: Table[Score],
    saved: Table[SavedPicture],
    summary: Summary,
) -> None:
    """Store what came; an old row that was to be replaced and could not be is dropped and named."""
    scores.add(outcome.scores)
    summary.computed += len(outcome.scores)
    if outcome.saved is not None and saved.get(outcome.saved.identity) != outcome.saved:
        saved.add([outcome.saved])
    if outcome.lost is not None:
        _forget_pictures(request, [outcome.lost], saved)
    summary.failures += [each for each in outcome.failures if each not in summary.failures]
    for metric, why, picture in outcome.not_applicable:
        pictures = summary.not_applicable.setdefault((metric, why), [])
        pictures += [picture] if picture not in pictures else []
    got = {row.identity for row in outcome.scores}
    for row in outcome.tried:
        if row.identity not in got and scores.drop([row.identity]):
            summary.replaced -= 1
            where = f"{row.dataset}/{row.image}"
            pictures = summary.dropped.setdefault((row.method, "out of date, and not computed again"), [])
            pictures += [where] if where not in pictures else []


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


def _write_header(
    request: Request,
    kind: str,
    stated: Mapping[str, str],
    datasets: Mapping[str, Sequence[Picture]],
    entrants: Sequence[Entrant],
    summary: Summary,
    started: float,
) -> None:
    header = read_header(request.results)
    invocation = Invocation(
        command=["bench", *sys.argv[1:]] if Path(sys.argv[0]).name == "bench" else ["bench.run"],
        started=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
        seconds=round(time.time() - started, 3),
        commit=commit(),
        versions=_versions(),
        device=Device(kind, platform.machine(), os.cpu_count()),
        dtype=request.dtype,
        jobs=request.jobs,
        scores=Counts(summary.computed, summary.reused, summary.replaced),
        failures=summary.failures,
        unavailable=summary.unavailable,
    )
    own = {spec.partition("=")[0] for spec in request.datasets if "=" in spec}
    facts = {
        name: DatasetFacts(len(found), {p.image: p.hr_sha256[:16] for p in found} if name in own else {})
        for name, found in datasets.items()
    }
    models = {each.name: ModelFacts(each.text, each.version) for each in entrants}
    write_header(
        request.results,
        msgspec.structs.replace(
            header,
            invocations=[*header.invocations, invocation],
            models=header.models | models,
            metrics=header.metrics | dict(stated),
            datasets=header.datasets | facts,
        ),
    )


def device_kind(device: str) -> str:
    """Return cpu, cuda or mps: what a score may depend on in its last digits."""
    from sr_models.inference.torch_upscaler import pick_device

    return pick_device(device).type


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
