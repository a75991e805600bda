"""Rows of scores.csv that tests make up, and a metric to go with them."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.metric import METRICS, PlaneMetric
from bench.store.rows import Score
from bench.store.table import scores_table


def scores_of(
    model: str,
    values: Iterable[float | None],
    metric: str = "psnr",
    dataset: str = "Set14",
    protocol: str = "matlab",
) -> list[Score]:
    """Return a row for each value that is not None, of img_001, img_002 and so on."""
    return [
        Score(model, "", dataset, 4, "matlab", f"img_{n:03d}", protocol, metric, float(value), "", "0" * 12)
        for n, value in enumerate(values, 1)
        if value is not None
    ]


def run_of(folder: Path, scores: Iterable[Score]) -> Path:
    """Write the rows as a results folder and return it."""
    table = scores_table(folder)
    table.add(scores)
    table.merge()
    return folder


@contextmanager
def made_metric(name: str, *, higher_is_better: bool = False) -> Iterator[str]:
    """Register a metric that is never computed."""
    METRICS.names()  # loads the real ones first
    METRICS.add(name, PlaneMetric(name, "", higher_is_better, 3, "test", "1", lambda sr, hr: 0.0))
    try:
        yield name
    finally:
        del METRICS._items[name]
