"""One column of a table with all its rows: every model's value on every picture."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from types import MappingProxyType

import numpy as np

from bench.analysis.paired import Array, differences, holm, signed_rank_test, smallest_p
from bench.analysis.paper import SETS
from bench.metric import METRICS, metric_names
from bench.palette import model_order
from bench.protocols.presets import PROTOCOLS, protocol
from bench.store.rows import Score, hr_variant

NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Column:
    """One metric on one dataset at one scale, from one LR, under one protocol, computed in one way."""

    scale: int
    lr: str
    protocol: str
    part: str
    """What keeps this table apart from another one of the same scale, LR and protocol: HR that is cropped
    otherwise (`multiple12`), values that were computed otherwise (`2`); usually empty."""
    dataset: str
    metric: str
    values: Mapping[str, Mapping[str, float]]
    """model -> image -> value, models in the paper's order."""
    signature: str
    """How every value was computed."""

    @property
    def stem(self) -> str:
        """What files of its table are called, without their ending."""
        return table_stem(self.protocol, self.scale, self.lr, self.part)

    def common(self, a: str, b: str) -> list[str]:
        """Return the pictures that both models have, sorted."""
        return sorted(self.values[a].keys() & self.values[b].keys())

    def differences(self, a: str, b: str) -> Array:
        """Return a's value minus b's on each common picture, in the metric's unit; may be infinite."""
        return differences(*(self._values(model, self.common(a, b)) for model in (a, b)))

    def gains(self, a: str, b: str) -> Array:
        """Return by how much a is better than b on each common picture, whichever direction is better."""
        badness = np.vectorize(METRICS[self.metric].badness, otypes=[float])
        return differences(*(badness(self._values(model, self.common(a, b))) for model in (b, a)))

    def _values(self, model: str, images: list[str]) -> Array:
        return np.array([self.values[model][image] for image in images], float)

    def holm_p(self, pairs: Iterable[tuple[str, str]] | None = None) -> dict[tuple[str, str], float]:
        """Return each pair's exact signed-rank p, Holm-corrected over these pairs (None: all of them).

        Pairs without a common picture have no test.
        """
        tested = self._tested(pairs)
        p = np.array([signed_rank_test(self.gains(a, b)) for a, b in tested])
        return dict(zip(tested, holm(p).tolist(), strict=True))

    def smallest_holm_p(self, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], float]:
        """Return how small each pair's corrected p could be at best, from the numbers of pictures."""
        tested = self._tested(pairs)
        p = np.array([smallest_p(len(self.common(a, b))) for a, b in tested])
        return dict(zip(tested, holm(p).tolist(), strict=True))

    def _tested(self, pairs: Iterable[tuple[str, str]] | None) -> list[tuple[str, str]]:
        asked = combinations(self.values, 2) if pairs is None else pairs
        return [(a, b) for a, b in asked if self.common(a, b)]


def columns(scores: Iterable[Score], stated: Mapping[str, str] = NOTHING) -> list[Column]:
    """Return the columns of all tables: by scale, LR, protocol, dataset, metric, each in the order shown.

    Values that were computed in different ways (other signatures) never share a column. `stated` is what
    today's signatures say of weights, for rows of older files, which have no signature. Rows of a metric that
    nobody has registered here are left out. Raises UnknownNameError for a protocol that is none of ours.
    """
    known = set(metric_names())
    rows = [score for score in scores if score.metric in known]
    signatures = {_origin(row): _signature(row, stated) for row in rows}
    counted = Counter((_table(row), row.metric, signatures[_origin(row)]) for row in rows)
    ranks: dict[tuple[object, ...], list[str]] = {}
    for (table, metric, signature), _ in sorted(counted.items(), key=lambda item: (-item[1], item[0][2])):
        ranks.setdefault((table, metric), []).append(signature)
    found: dict[tuple[int, str, str, str, str, str], dict[str, dict[str, float]]] = {}
    used: dict[tuple[int, str, str, str, str, str], str] = {}
    for row in rows:
        signature = signatures[_origin(row)]
        scale, lr, under, crop = _table(row)
        rank = ranks[(scale, lr, under, crop), row.metric].index(signature)
        part = "_".join(each for each in (crop, str(rank + 1) if rank else "") if each)
        key = (scale, lr, under, part, row.dataset, row.metric)
        found.setdefault(key, {}).setdefault(row.method, {})[row.image] = row.value
        used[key] = signature
    return [
        Column(*key, {model: found[key][model] for model in sorted(found[key], key=model_order)}, used[key])
        for key in sorted(found, key=_shown_order)
    ]


def table_stem(protocol_name: str, scale: int, lr: str, part: str) -> str:
    """Return what files of a table are called, without their ending."""
    return f"{protocol_name}_x{scale}_{lr}" + (f"_{part}" if part else "")


def dataset_order(dataset: str) -> tuple[int, str]:
    """Return the sort key of a dataset: the paper's three, then other names."""
    return (SETS.index(dataset) if dataset in SETS else len(SETS), dataset)


def _table(row: Score) -> tuple[int, str, str, str]:
    """Originals of other sizes or pixels are others: how HR was cropped and read keeps tables apart."""
    return row.scale, row.lr, row.protocol, hr_variant(row.variant)


def _origin(row: Score) -> tuple[str, str, int, str]:
    return row.signature, row.protocol, row.scale, row.metric


def _signature(row: Score, stated: Mapping[str, str]) -> str:
    if row.signature:
        return row.signature
    return METRICS[row.metric].signature(protocol(row.protocol), row.scale, stated.get(row.metric, ""))


def _shown_order(key: tuple[int, str, str, str, str, str]) -> tuple[object, ...]:
    scale, lr, under, part, dataset, metric = key
    place = list(PROTOCOLS).index(protocol(under).name), part, dataset_order(dataset)
    return scale, lr, *place, metric_names().index(METRICS[metric].name)
