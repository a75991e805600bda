"""From per-image scores to the means that tables show. Averages exist here and nowhere else."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from scipy import stats

from bench.analysis.columns import Column, columns, dataset_order
from bench.analysis.paired import ALPHA, smallest_p
from bench.cost.profile import Profile
from bench.metric import METRICS, metric_names
from bench.palette import model_order
from bench.protocols.presets import PROTOCOLS, protocol
from bench.store.table import Score

MARK = "†"


@dataclass(frozen=True)
class Cell:
    """The mean over a dataset's pictures, with the 95 % t interval of that mean."""

    mean: float
    low: float | None
    high: float | None
    n: int
    n_infinite: int
    """Identical pictures, left out of a finite mean."""


@dataclass(frozen=True)
class Board:
    """One table: all models on all datasets at one scale, from one kind of LR, under one protocol."""

    scale: int
    lr: str
    protocol: str
    datasets: tuple[str, ...]
    metrics: tuple[str, ...]
    models: tuple[str, ...]
    cells: dict[tuple[str, str, str], Cell]
    """(model, dataset, metric) -> cell; absent: not scored, or the protocol does not apply."""
    sizes: dict[str, int]
    """Pictures of each dataset that any model was scored on."""
    run: str
    """Which run this came from: time and commit."""
    p_from_best: dict[tuple[str, str, str], float]
    """(model, dataset, metric) -> p that it equals the best of its column; absent for the best itself and for
    models without all pictures. Holm over all pairs, because the best one was picked by its scores."""
    stated: Mapping[str, str] = field(default_factory=dict)
    """What signatures say of the weights that a metric was computed with."""
    costs: tuple[Profile, ...] = ()
    """What the models cost at this scale, where `--profile` measured it."""

    @property
    def stem(self) -> str:
        """The file name of the table, without its ending."""
        return f"{self.protocol}_x{self.scale}_{self.lr}"

    def text(self, model: str, dataset: str, metric: str) -> str:
        """Return what a cell prints: the mean, how many pictures if not all, or n/a."""
        cell = self.cells.get((model, dataset, metric))
        if cell is None:
            return "n/a"
        number = "inf" if math.isinf(cell.mean) else f"{cell.mean:.{METRICS[metric].digits}f}"
        complete = cell.n + cell.n_infinite == self.sizes[dataset]
        return number if complete else f"{number} ({cell.n + cell.n_infinite} of {self.sizes[dataset]})"

    def place(self, model: str, dataset: str, metric: str) -> int:
        """Return 1 for the best model of a column, 2 for the second, else 0, by the printed digits."""
        complete = {
            name: cell.mean
            for name in self.models
            if (cell := self.cells.get((name, dataset, metric))) is not None
            and cell.n + cell.n_infinite == self.sizes[dataset]
        }
        if model not in complete or len(complete) < 2:
            return 0
        badness = {
            name: METRICS[metric].badness(round(mean, METRICS[metric].digits))
            for name, mean in complete.items()
        }
        place = sorted(set(badness.values())).index(badness[model]) + 1
        return place if place <= 2 else 0

    def signature(self, metric: str) -> str:
        """Return what a reader needs to compute a column's numbers elsewhere."""
        weights = self.stated.get(metric, "")
        return METRICS[metric].signature(PROTOCOLS[self.protocol], self.scale, weights)

    def mark(self, model: str, dataset: str, metric: str) -> str:
        """Return † where a model differs from the best of its column, else nothing."""
        p = self.p_from_best.get((model, dataset, metric), 1.0)
        return MARK if p < ALPHA and self.place(model, dataset, metric) != 1 else ""

    def notes(self) -> list[str]:
        """Return what a reader must know to compare these numbers with others."""
        pictures = ", ".join(f"{dataset} {self.sizes[dataset]}" for dataset in self.datasets)
        lines = [f"{metric}: {self.signature(metric)}" for metric in self.metrics]
        lines.append(f"x{self.scale}, LR: {self.lr}; means over pictures ({pictures}); run: {self.run}")
        left_out = sum(cell.n_infinite for cell in self.cells.values() if not math.isinf(cell.mean))
        if left_out:
            lines.append(f"{left_out} infinite values (identical pictures) are left out of the means")
        return [*lines, *self._test_notes()]

    def _test_notes(self) -> list[str]:
        rows = {
            each: len({model for model, dataset, _ in self.cells if dataset == each})
            for each in self.datasets
        }
        pairs = {dataset: math.comb(n, 2) for dataset, n in rows.items() if n > 1}
        reach = {dataset: min(1.0, n * smallest_p(self.sizes[dataset])) for dataset, n in pairs.items()}
        can = ", ".join(f"{dataset} {pairs[dataset]}" for dataset, p in reach.items() if p < ALPHA)
        lines = [
            f"{MARK}: differs from the best of its column (exact Wilcoxon signed-rank test over pictures, "
            f"two-sided, p < .05 after Holm over all pairs: {can})"
        ]
        for dataset, p in reach.items():
            if p >= ALPHA:
                n, k = self.sizes[dataset], pairs[dataset]
                lines.append(
                    f"no {MARK} is possible on {dataset}: {n} pictures give no p below {smallest_p(n):.3g}, "
                    f"corrected for {k} pair{'s' * (k > 1)} none below {p:.3g}"
                )
        return lines if can else lines[1:]


def boards(
    scores: Iterable[Score],
    run: str,
    profiles: Sequence[Profile] = (),
    stated: Mapping[str, str] = MappingProxyType({}),
) -> list[Board]:
    """Return one board for each (scale, lr, protocol) among the scores, with what its models cost.

    Raises UnknownNameError for a protocol that is none of ours.
    """
    groups: dict[tuple[int, str, str], list[Score]] = {}
    for score in scores:
        groups.setdefault((score.scale, score.lr, score.protocol), []).append(score)
    order = list(PROTOCOLS)
    keys = sorted(groups, key=lambda key: (key[0], key[1], order.index(protocol(key[2]).name)))
    return [
        replace(_with_costs(_board(key, groups[key], run), profiles), stated=dict(stated)) for key in keys
    ]


def _board(key: tuple[int, str, str], scores: Sequence[Score], run: str) -> Board:
    values: dict[tuple[str, str, str], list[float]] = {}
    pictures: dict[str, set[str]] = {}
    for score in scores:
        values.setdefault((score.model, score.dataset, score.metric), []).append(score.value)
        pictures.setdefault(score.dataset, set()).add(score.image)
    metrics = {score.metric for score in scores}
    board = Board(
        *key,
        datasets=tuple(sorted(pictures, key=dataset_order)),
        metrics=tuple(name for name in metric_names() if name in metrics),
        models=tuple(sorted({score.model for score in scores}, key=model_order)),
        cells={where: _cell(column) for where, column in values.items()},
        sizes={dataset: len(images) for dataset, images in pictures.items()},
        run=run,
        p_from_best={},
    )
    return replace(board, p_from_best=_p_from_best(board, columns(scores)))


def _p_from_best(board: Board, found: Iterable[Column]) -> dict[tuple[str, str, str], float]:
    p_values = {}
    for column in found:
        at = (column.dataset, column.metric)
        complete = [
            model for model, values in column.values.items() if len(values) == board.sizes[column.dataset]
        ]
        if len(complete) < 2:
            continue
        best = min(complete, key=lambda model: METRICS[column.metric].badness(board.cells[model, *at].mean))
        for pair, p in column.holm_p().items():
            if best in pair and set(pair) <= set(complete):
                (other,) = set(pair) - {best}
                p_values[other, *at] = p
    return p_values


def _with_costs(board: Board, profiles: Sequence[Profile]) -> Board:
    places = {model: place for place, model in enumerate(board.models)}
    shown = [each for each in profiles if each.scale == board.scale and each.model in places]
    return replace(board, costs=tuple(sorted(shown, key=lambda each: (places[each.model], each))))


def _cell(values: Sequence[float]) -> Cell:
    finite = np.array([value for value in values if math.isfinite(value)])
    n_infinite = len(values) - len(finite)
    if not len(finite):
        return Cell(math.inf, None, None, 0, n_infinite)
    mean = float(finite.mean())
    if len(finite) < 2:
        return Cell(mean, None, None, len(finite), n_infinite)
    half = float(stats.t.ppf(0.975, len(finite) - 1) * finite.std(ddof=1) / math.sqrt(len(finite)))
    return Cell(mean, mean - half, mean + half, len(finite), n_infinite)
