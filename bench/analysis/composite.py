"""Columns that are sums of other columns: a view of the rows, never stored."""

from collections.abc import Iterable, Mapping
from itertools import groupby

from bench.analysis.columns import Column
from bench.metric import METRICS, CompositeMetric


def with_composites(columns: Iterable[Column]) -> list[Column]:
    """Return the columns, and behind those of each set the composites that they have the needed parts for."""
    found: list[Column] = []
    for (scale, *_), group in groupby(columns, lambda c: (c.scale, c.lr, c.protocol, c.part, c.dataset)):
        of_set = {column.metric: column for column in group}
        found += of_set.values()
        for metric in METRICS:
            if (
                isinstance(metric, CompositeMetric)
                and metric.scale == scale
                and set(metric.needed) <= of_set.keys()
            ):
                found.append(_composite(metric, of_set))
    return found


def _composite(metric: CompositeMetric, of_set: Mapping[str, Column]) -> Column:
    """Values of the pictures that every part has."""
    parts = {term.metric: of_set[term.metric] for term in metric.terms if term.metric in of_set}
    first = next(iter(parts.values()))
    values: dict[str, dict[str, float]] = {}
    for model in first.values:
        rows = {name: column.values.get(model, {}) for name, column in parts.items()}
        images = set.intersection(*(set(row) for row in rows.values()))
        summed = {
            image: metric.value({name: row[image] for name, row in rows.items()}) for image in sorted(images)
        }
        values |= {model: summed} if summed else {}
    return Column(
        first.scale, first.lr, first.protocol, first.part, first.dataset, metric.name, values,
        metric.stated(parts),
    )  # fmt: skip
