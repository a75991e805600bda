"""One column of a table with all its rows: every model's value on every picture."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from bench.analysis.paired import Array, differences, holm, signed_rank_test
from bench.analysis.paper import SETS
from bench.metric import METRICS, metric_names
from bench.palette import model_order
from bench.protocols.presets import PROTOCOLS, protocol
from bench.store.table import Score


@dataclass(frozen=True)
class Column:
    """One metric on one dataset at one scale, from one kind of LR, under one protocol."""

    scale: int
    lr: str
    protocol: str
    dataset: str
    metric: str
    values: Mapping[str, Mapping[str, float]]
    """model -> image -> value, models in the paper's order."""

    @property
    def stem(self) -> str:
        """What files of its table are called, without their ending."""
        return f"{self.protocol}_x{self.scale}_{self.lr}"

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
        asked = combinations(self.values, 2) if pairs is None else pairs
        tested = [(a, b) for a, b in asked if self.common(a, b)]
        p = np.array([signed_rank_test(self.gains(a, b)) for a, b in tested])
        return dict(zip(tested, holm(p).tolist(), strict=True))


def columns(scores: Iterable[Score]) -> list[Column]:
    """Return the columns of all tables: by scale, LR, protocol, dataset, metric, each in the order shown.

    Raises UnknownNameError for a protocol or metric that nobody has registered here.
    """
    found: dict[tuple[int, str, str, str, str], dict[str, dict[str, float]]] = {}
    for score in scores:
        key = (score.scale, score.lr, score.protocol, score.dataset, score.metric)
        found.setdefault(key, {}).setdefault(score.model, {})[score.image] = score.value
    return [
        Column(*key, {model: found[key][model] for model in sorted(found[key], key=model_order)})
        for key in sorted(found, key=_shown_order)
    ]


def dataset_order(dataset: str) -> tuple[int, str]:
    """Return the sort key of a dataset: the paper's three, then other names."""
    return (SETS.index(dataset) if dataset in SETS else len(SETS), dataset)


def _shown_order(key: tuple[int, str, str, str, str]) -> tuple[object, ...]:
    scale, lr, under, dataset, metric = key
    place = list(PROTOCOLS).index(protocol(under).name), dataset_order(dataset)
    return scale, lr, *place, metric_names().index(METRICS[metric].name)
