"""Super-resolution scores that can be compared, digit by digit: what the command `bench` does, from Python.

>>> import bench
>>> run = bench.run(datasets=["sample"], models=["nearest", "bicubic"], metrics=["psnr"])
>>> round(float(run.scores.groupby("model")["value"].mean()["bicubic"]), 2)
28.53

Imports of what is heavy (pandas, torch, matplotlib) happen in the functions that need them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from concurrent.futures import Executor

    import pandas as pd
    from PIL.Image import Image as PillowImage

    from bench.analysis.results import Results
    from bench.running.request import Summary
    from sr_models.data.image import Image

    Picture = Image | PillowImage | str | Path
    """uint8 (H, W, 3) RGB or (H, W) grey, a PIL picture, or a file."""
    MetricFunction = Callable[[Image, Image], float]
    ModelFunction = Callable[[Image], Image]

__all__ = ["Run", "list_datasets", "list_metrics", "list_models", "load", "run", "score"]


class Run:
    """The scores of a results folder; shows its tables in a notebook."""

    def __init__(self, results: Results, summary: Summary | None = None) -> None:
        self.results = results
        """Rows, header and tables in memory."""
        self.summary = summary
        """How the run went, with its failures; None for a folder that was loaded."""

    @property
    def folder(self) -> Path:
        """Where pictures, scores and tables lie."""
        return self.results.folder

    @cached_property
    def scores(self) -> pd.DataFrame:
        """One row a number, with the columns of scores.csv; `image` is text, `value` a float (inf: equal)."""
        from dataclasses import fields

        import pandas as pd

        from bench.store.rows import Score

        names = [each.name for each in fields(Score)]
        return pd.DataFrame([vars(row) for row in self.results.scores], columns=names)

    def table(self) -> str:
        """Return the means as Markdown, one table a protocol, with the signature of every number."""
        from bench.reports.write import markdown_of

        return markdown_of(self.results)

    def compare(
        self, a: str, b: str, *, datasets: Iterable[str] = (), metrics: Iterable[str] = (), seed: int = 0
    ) -> pd.DataFrame:
        """Return a row for each dataset, protocol and metric: is the difference of two models real?

        `difference` is the mean over common pictures of a minus b in the metric's unit, with its 95 %
        bootstrap interval; p values are two-sided; `differs` is yes, no or cannot. Raises
        sr_models.data.errors.InputError where the models share no picture.
        """
        import pandas as pd

        from bench.analysis.compare import Question, compare
        from bench.reports.comparison_tables import facts_of

        question = Question(a=(a,), b=(b,), datasets=tuple(datasets), metrics=tuple(metrics), seed=seed)
        return pd.DataFrame([facts_of(each) for each in compare(self.results, question)])

    def ranking(self) -> pd.DataFrame:
        """Return models by mean rank, a row for each model of each table: is one better by all metrics?

        Columns `protocol`, `scale`, `lr`, `model`, `mean_rank`, and the rank in each column as "set metric".
        """
        import pandas as pd

        from bench.analysis.ranking import ranking

        found = [(board, ranking(board)) for board in self.results.boards]
        return pd.DataFrame(
            [
                {"protocol": board.protocol, "scale": board.scale, "lr": board.lr, "model": each.model}
                | {"mean_rank": each.mean_rank}
                | {" ".join(place): rank for place, rank in each.ranks.items()}
                for board, ranked in found
                if ranked is not None
                for each in ranked.standings
            ]
        )

    def page(self, path: str | Path | None = None) -> Path:
        """Write tables, pictures and a viewer as one HTML file (default: index.html in the folder)."""
        from bench.page.build import write_page

        return write_page(self.results, None if path is None else Path(path))

    def _repr_html_(self) -> str:
        from bench.reports.html_table import fragment

        return "\n".join(fragment(board) for board in self.results.boards)

    def __repr__(self) -> str:
        return self.table()


def score(
    sr: Picture,
    hr: Picture | None = None,
    *,
    scale: int = 4,
    protocol: str = "matlab",
    metrics: Sequence[str | MetricFunction] = ("psnr", "ssim"),
    weights_dir: str | Path | None = None,
) -> dict[str, float]:
    """Return the value of each metric for one pair of pictures, by name; without hr: that need none.

    Both are uint8 (H, W, 3) RGB or (H, W) grey, PIL pictures or files, and of one size. `scale` matters for
    the border that the protocol crops. PSNR is in dB, inf for equal pictures; a metric that has no value for
    such a picture is missing from the answer. Raises sr_models.data.errors.InputError (a ValueError) for
    pictures of two sizes, unknown names, and metrics whose parameter files are not here.

    >>> import numpy as np
    >>> hr = np.full((32, 32, 3), 100, np.uint8)
    >>> {name: round(value, 2) for name, value in bench.score(hr + 1, hr, protocol="rgb").items()}
    {'psnr': 48.13, 'ssim': 1.0}
    """
    from bench.running.pair import score_pair

    names = _metric_names(metrics)
    folder = None if weights_dir is None else Path(weights_dir)
    return score_pair(sr, hr, scale=scale, protocol_name=protocol, metrics=names, weights_dir=folder)


def run(
    datasets: Iterable[str] | Mapping[str, str | Path] = ("sample",),
    models: Iterable[str] | Mapping[str, str | ModelFunction] = (),
    metrics: Sequence[str | MetricFunction] = ("psnr", "ssim"),
    *,
    results: str | Path | None = None,
    protocols: Iterable[str] = ("matlab",),
    scale: int = 4,
    lr: str = "matlab",
    lr_only: bool = False,
    outputs: Iterable[str] = (),
    pattern: str | None = None,
    crop_multiple: int | None = None,
    round_16_bit: bool = False,
    limit: int | None = None,
    jobs: int = 1,
    executor: Executor | None = None,
    cluster: str = "",
    slurm: Mapping[str, str] | None = None,
    shard: str = "",
    device: str | Sequence[str] = "auto",
    dtype: str = "fp32",
    self_ensemble: bool = False,
    weights_dir: str | Path | None = None,
    profile: bool = False,
    force: bool = False,
    ratings: str | Path | None = None,
) -> Run:
    """Return the scores of models on the pictures of datasets, computing only what is missing.

    datasets: names (`bench datasets`), "NAME=FOLDER" of HR pictures, or a mapping NAME -> FOLDER. With
    lr_only the folders hold LR pictures without originals: metrics that need none are computed.
    models: names, "NAME=SPEC", or a mapping of a name to a name, a spec, or a function that takes LR as uint8
    (h, w, 3) and returns SR as uint8 (scale * h, scale * w, 3); its attribute `version` says when scores may
    be kept, without one they are computed anew. None: every built-in model that is not slow.
    metrics: names (`bench metrics`), or functions (sr, hr) -> float of two uint8 (H, W, 3) pictures without
    the border that the protocol crops; attributes `unit`, `higher_is_better`, `digits`, `version` are used.
    ratings: the folder of a `mos analyse`, or a CSV file of picture, method, mos: people as one more metric.
    round_16_bit: PNG files of 16 bits a sample are rounded to 8, in rows of their own; else they are refused.
    results: the folder for scores, pictures and tables; None: a temporary one, gone with the Run.
    executor: a concurrent.futures.Executor whose workers do the work instead of `jobs` processes; pictures
    and models travel to them. cluster: "tcp://HOST:PORT" of a Dask scheduler, or "slurm" with sbatch options
    in `slurm`. shard: "I/N", this part of the pictures; the next call without it folds the parts together.
    device: one, or several of one kind with `jobs` processes each.
    What fails is named in `.summary.failures`; a mistake in an argument raises
    sr_models.data.errors.InputError (a ValueError).

    >>> def twice(lr):
    ...     return lr.repeat(4, 0).repeat(4, 1)
    >>> mine = bench.run(datasets=["sample"], models={"mine": twice, "nearest": "nearest"}, limit=1)
    >>> sorted(mine.scores["model"].unique())
    ['mine', 'nearest']
    """
    import shutil
    import tempfile
    import weakref

    from bench.analysis.results import Results, read_results
    from bench.running.ratings import add_ratings
    from bench.running.request import Request
    from bench.running.run import run as run_request
    from bench.running.shards import Shard
    from bench.store.header import Header
    from sr_models.data.errors import InputError

    part = Shard.of(shard) if shard else None
    if part and results is None:
        raise InputError("shard: parts of a run need a folder to meet in: give results")
    folder = Path(tempfile.mkdtemp(prefix="bench-") if results is None else results)
    devices = (device,) if isinstance(device, str) else tuple(device)
    request = Request(
        results=folder,
        datasets=_dataset_specs(datasets),
        models=_entrants(models),
        outputs=tuple(outputs),
        pattern=pattern,
        scale=scale,
        lr=lr,
        lr_only=lr_only,
        protocols=tuple(protocols),
        metrics=_metric_names(metrics),
        device=devices[0] if devices else "auto",
        devices=devices if len(devices) > 1 else (),
        dtype=dtype,
        self_ensemble=self_ensemble,
        crop_multiple=crop_multiple,
        round_16_bit=round_16_bit,
        limit=limit,
        jobs=jobs,
        weights_dir=None if weights_dir is None else Path(weights_dir),
        profile=profile,
        force=force,
        cluster=cluster,
        slurm=dict(slurm or {}),
        shard=part,
    )
    try:
        summary = run_request(request, executor)
        folder = part.folder(folder) if part else folder
        is_empty = not (summary.computed or summary.reused)
        if ratings is not None and not is_empty:
            summary.joined = add_ratings(folder, Path(ratings))
        found = Results(folder, Header([], {}), [], []) if is_empty else read_results(folder)
    except BaseException:
        if results is None:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    made = Run(found, summary)
    if results is None:  # the temporary folder lives as long as the run
        weakref.finalize(made, shutil.rmtree, folder, ignore_errors=True)
    return made


def load(folder: str | Path) -> Run:
    """Return the scores of a results folder; raises sr_models.data.errors.InputError where there are none.

    >>> bench.load("results/reference").compare("bicubic", "nearest", datasets=["Set5"])["a"][0]
    'bicubic'
    """
    from bench.analysis.results import read_results

    return Run(read_results(Path(folder)))


def list_models() -> list[str]:
    """Return the names of the built-in models.

    >>> "bicubic" in bench.list_models()
    True
    """
    from sr_models.models import MODELS

    return MODELS.names()


def list_datasets() -> list[str]:
    """Return the names of the picture sets that can be scored on.

    >>> "Set5" in bench.list_datasets()
    True
    """
    from sr_models.data.manifest import manifest, manifest_names

    return [name for name in manifest_names() if manifest(name).kind != "outputs"]


def list_metrics() -> list[str]:
    """Return the names of the metrics, those that compare planes first.

    >>> bench.list_metrics()[:3]
    ['psnr', 'rmse', 'ssim']
    """
    from bench.metric import metric_names

    return metric_names()


def _dataset_specs(datasets: Iterable[str] | Mapping[str, str | Path]) -> tuple[str, ...]:
    if isinstance(datasets, str):
        return (datasets,)
    if isinstance(datasets, Mapping):
        return tuple(f"{name}={folder}" for name, folder in datasets.items())
    return tuple(datasets)


def _entrants(models: Iterable[str] | Mapping[str, str | ModelFunction]) -> tuple[Any, ...]:
    """Specs, and functions with their names."""
    from bench.running.entrants import named_model

    if isinstance(models, str):
        return (models,)
    if isinstance(models, Mapping):
        return tuple(named_model(name, model) for name, model in models.items())
    return tuple(models)


def _metric_names(metrics: Sequence[str | MetricFunction]) -> tuple[str, ...]:
    from bench.metric import custom_metric

    if isinstance(metrics, str):
        return (metrics,)
    return tuple(each if isinstance(each, str) else custom_metric(each) for each in metrics)
