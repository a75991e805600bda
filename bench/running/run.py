"""`bench run`: plan what is missing, evaluate it, keep every row as soon as it is known."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import groupby
from operator import attrgetter

from tqdm import tqdm

from bench.metric import METRICS, PictureMetric, metric_names
from bench.perceptual.weights import Found, Unavailable, obtain
from bench.protocols.presets import PROTOCOLS
from bench.running.entrants import (
    Entrant,
    ModelEntrant,
    Original,
    has_luma_path,
    model_entrants,
    problem_of,
)
from bench.running.evaluate import Outcome
from bench.running.outputs import output_entrants
from bench.running.plan import Need, plan
from bench.running.record import check_devices, record_run
from bench.running.request import Request, Summary
from bench.running.shards import begin, fold
from bench.running.workers import Away, Workers
from bench.store.header import read_header
from bench.store.table import Tables, open_tables, profiles_table, writing
from sr_models.data.dataset import Picture, open_dataset, passed_over
from sr_models.data.errors import InputError
from sr_models.data.fetch import Report
from sr_models.data.image import write_bytes


def run(request: Request, executor: Executor | None = None) -> Summary:
    """Return how it went, with DIR/scores.csv, DIR/run.json and DIR/images written (docs/results.md).

    Killed at any point, a second call goes on where the first one stopped. executor: whose workers do the
    work, wherever they are; only this process writes. A shard's folder is Shard.folder(request.results).
    """
    request.check()
    whole = request.results
    if request.shard:
        request = replace(request, results=request.shard.folder(whole))
    with writing(request.results), _workers(request, executor) as workers:
        started, summary = time.time(), Summary()
        request = replace(request, device=workers.device(request.device))
        datasets, entrants = _opened(request)
        pictures = [picture for found in datasets.values() for picture in found[: request.limit]]
        _name_what_does_not_apply(request, pictures, summary)
        summary.passed_over = [why for spec in request.datasets for why in passed_over(spec)]
        weights = _weights(request, summary)
        request = replace(request, metrics=tuple(m for m in request.metrics if m not in summary.unavailable))
        tables = open_tables(request.results)
        if request.shard:
            pictures = request.shard.of_pictures(pictures)
            begin(tables, whole, pictures)
        else:
            summary.folded = fold(whole, tables)
        stated = {metric: found.stated for metric, found in weights.items()}
        with_luma = _with_luma(request, entrants, workers)
        needs = plan(request, pictures, entrants, stated, with_luma, tables, summary)
        _drop_foreign(request, datasets, needs, tables, summary)
        try:
            working = _of_working_models(request, needs, workers, tables, summary)
            made = _upscale(working, request, workers, tables, summary)
            _judge(made, request, weights, workers, tables, summary)
            if request.profile:
                _profile(request, entrants, summary)
        finally:
            tables.merge()
            record_run(request, stated, datasets, entrants, summary, started)
    return summary


@contextmanager
def _workers(request: Request, executor: Executor | None) -> Iterator[Workers]:
    """Who does the work."""
    away = None
    with ExitStack() as stack:
        if executor is not None:
            away = Away(executor, request.jobs, most=max(32, 4 * request.jobs))
        elif request.cluster:
            from bench.running.cluster import opened_cluster

            cluster = opened_cluster(request.cluster, request.slurm, request.jobs, request.results)
            away = stack.enter_context(cluster)
        else:
            check_devices(request.devices or (request.device,))
        yield stack.enter_context(Workers(request.jobs, request.devices, away))


def _opened(request: Request) -> tuple[dict[str, list[Picture]], list[Entrant]]:
    """The pictures of each dataset, and the models and outputs that are compared on them."""
    specs = list(dict.fromkeys(request.datasets))
    names = [spec.partition("=")[0] for spec in specs]
    _refuse_twins("datasets", names)
    with _downloading() as report:
        datasets = {
            name: [
                replace(picture, round_16_bit=request.round_16_bit)
                for picture in open_dataset(spec, request.scale, request.lr, report, lr_only=request.lr_only)
            ]
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


def _name_what_does_not_apply(request: Request, pictures: Sequence[Picture], summary: Summary) -> None:
    """Note which metrics need the originals that some pictures lack; raise InputError if nothing is left."""
    without = [picture for picture in pictures if picture.hr_file is None]
    if not without:
        return
    needing = [name for name in dict.fromkeys(request.metrics) if METRICS[name].needs_original]
    if len(without) == len(pictures) and set(needing) == set(request.metrics) and request.metrics:
        alone = [name for name in metric_names() if not METRICS[name].needs_original]
        sets = ", ".join(dict.fromkeys(picture.dataset for picture in without))
        raise InputError(
            f"{sets} has no originals, which {', '.join(needing)} would compare with: "
            f"ask for metrics that need none ({', '.join(alone)})"
        )
    for name in needing:
        where = [f"{picture.dataset}/{picture.name}" for picture in without]
        summary.not_applicable[name, "there is no original to compare with"] = where


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


def _with_luma(request: Request, entrants: Sequence[Entrant], workers: Workers) -> set[str]:
    """Who can upscale luma alone, where a protocol that never leaves luma was asked for."""
    if not any(PROTOCOLS[name].luma_only for name in request.protocols):
        return set()
    asked = [(_as_tried(entrant, workers), request.scale) for entrant in entrants if entrant.is_scored]
    return {name for name, has_it in workers.map(has_luma_path, asked) if has_it}


def _as_tried(entrant: Entrant, workers: Workers) -> Entrant:
    """An entrant whose model can be built here, on whatever devices the workers have."""
    if workers.are_away and isinstance(entrant, ModelEntrant):
        return replace(entrant, device="cpu", dtype="fp32")
    return entrant


def _drop_foreign(
    request: Request,
    datasets: Mapping[str, Sequence[Picture]],
    needs: Iterable[Need],
    tables: Tables,
    summary: Summary,
) -> None:
    """Drop rows and pictures of datasets that have changed since: another folder, another or no picture."""
    facts = read_header(request.results).datasets
    planned = {row.identity for need in needs for row in need.rows}
    making = {need.saved.path for need in needs}
    for name, pictures in datasets.items():
        now = {picture.image: picture.sha256[:16] for picture in pictures}
        before = facts[name].pictures if name in facts else {}
        scale = None if before else request.scale  # a set by name may have other pictures at other scales
        gone = "not in the dataset any more"

        def is_foreign(image: str, now: dict[str, str] = now, before: Mapping[str, str] = before) -> bool:
            return image not in now or before.get(image, now[image]) != now[image]

        rows = [
            row
            for row in tables.scores
            if row.dataset == name
            and scale in (None, row.scale)
            and is_foreign(row.image)
            and row.identity not in planned
        ]
        tables.scores.drop(row.identity for row in rows)
        for row in rows:
            why = gone if row.image not in now else "the dataset has another picture of this name now"
            images = summary.dropped.setdefault((name, why), [])
            images += [row.image] if row.image not in images else []
        lost = [
            row
            for row in tables.saved
            if row.place.dataset == name
            and scale in (None, row.place.scale)
            and is_foreign(row.place.image)
            and row.path not in making
        ]
        tables.forget(lost)


def _of_working_models(
    request: Request,
    needs: Sequence[Need],
    workers: Workers,
    tables: Tables,
    summary: Summary,
) -> list[Need]:
    """The needs of models that can be built; the others are named once, before the first picture."""
    entrants = {need.entrant.name: need.entrant for need in needs if not need.is_kept}
    asked = [(_as_tried(entrant, workers), request.scale) for entrant in entrants.values()]
    problems = dict(workers.map(problem_of, asked))
    working = []
    for need in needs:
        why = "" if need.is_kept else problems[need.entrant.name]
        if not why:
            working.append(need)
            continue
        failure = f"{need.entrant.name}: {why}"
        if failure not in summary.failures:
            summary.failures.append(failure)
        _keep(Outcome(need.rows, lost=need.saved), tables, summary)
    return working


def _upscale(
    needs: Sequence[Need],
    request: Request,
    workers: Workers,
    tables: Tables,
    summary: Summary,
) -> list[Need]:
    """First pass: upscale, and compare planes. Return the needs whose picture is there now."""
    outcomes = workers.evaluated(needs, request.results)
    made = set()
    for outcome in tqdm(outcomes, total=len(needs), desc="bench", unit="picture", disable=None):
        _keep(outcome, tables, summary)
        made |= {outcome.saved.path} if outcome.saved else set()
    return [need for need in needs if need.saved.path in made]


def _judge(
    needs: Sequence[Need],
    request: Request,
    weights: Mapping[str, Found],
    workers: Workers,
    tables: Tables,
    summary: Summary,
) -> None:
    """Second pass: picture metrics of all models of a picture together."""
    asking = [
        need for need in needs if any(isinstance(METRICS[row.metric], PictureMetric) for row in need.rows)
    ]
    if not asking:
        return
    from bench.running.judge import Case, judge  # torch, and the pictures on the device

    by_picture = [tuple(group) for _, group in groupby(asking, key=attrgetter("picture"))]
    cases = [Case(group, request.results, request.device, weights) for group in by_picture]
    for outcomes in tqdm(
        workers.done(judge, cases), total=len(cases), desc="judge", unit="picture", disable=None
    ):
        for outcome in outcomes:
            _keep(outcome, tables, summary)


def _keep(outcome: Outcome, tables: Tables, summary: Summary) -> None:
    """Store what came; an old row that was to be replaced and could not be is dropped and named."""
    if outcome.saved is not None and outcome.encoded:  # before its rows: a kill between makes it anew
        write_bytes(tables.folder / "images" / outcome.saved.path, outcome.encoded, durable=False)
    tables.scores.add(outcome.scores)
    summary.computed += len(outcome.scores)
    if outcome.saved is not None and tables.saved.get(outcome.saved.identity) != outcome.saved:
        tables.saved.add([outcome.saved])
    if outcome.lost is not None:
        tables.forget([outcome.lost])
    summary.failures += [each for each in outcome.failures if each not in summary.failures]
    for metric, why, picture in outcome.not_applicable:
        pictures = summary.not_applicable.setdefault((metric, why), [])
        pictures += [picture] if picture not in pictures else []
    got = {row.identity for row in outcome.scores}
    for row in outcome.tried:
        if row.identity not in got and tables.scores.drop([row.identity]):
            summary.replaced -= 1
            where = f"{row.dataset}/{row.image}"
            pictures = summary.dropped.setdefault((row.method, "out of date, and not computed again"), [])
            pictures += [where] if where not in pictures else []


def _profile(request: Request, entrants: Sequence[Entrant], summary: Summary) -> None:
    from bench.cost.profile import profile_models

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
