"""From per-image scores to the means that tables show. Averages exist here and nowhere else."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from types import MappingProxyType

import numpy as np

from bench.analysis.columns import NOTHING, Column, columns, dataset_order, table_stem
from bench.analysis.paired import ALPHA, smallest_p
from bench.metric import METRICS, metric_names
from bench.palette import model_order
from bench.store.rows import Profile, Score

MARK = "†"


@dataclass(frozen=True)
class Cell:
    """The mean over a dataset's pictures with its 95 % t interval, and how a table prints it."""

    mean: float
    deviation: float
    """Of the pictures' values, from n - 1 degrees of freedom; 0 where there are fewer than two."""
    n: int
    n_infinite: int
    """Identical pictures, left out of a finite mean."""
    complete: bool
    """Whether every picture of the dataset has a value: only then is it ranked and tested."""
    text: str
    """The mean, with how many pictures if not all; n/a where there is none."""
    place: int = 0
    """1 for the best model of the column, 2 for the second, by the printed digits; else 0."""
    mark: str = ""
    """† where the model differs from the best of its column."""
    p_from_best: float | None = None
    """p that it equals the best of its column, Holm-corrected over all pairs, because the best one was picked
    by its scores; None for the best itself, and where it is not complete."""

    @property
    def low(self) -> float | None:
        """The lower end of the interval; None for fewer than two finite values."""
        return self.mean - self._half if self.n > 1 else None

    @property
    def high(self) -> float | None:
        """The upper end of the interval."""
        return self.mean + self._half if self.n > 1 else None

    @property
    def _half(self) -> float:
        from scipy.special import stdtrit  # a third of the time of a run that computes nothing

        return float(stdtrit(self.n - 1, 0.975) * self.deviation / math.sqrt(self.n))


NO_CELL = Cell(math.nan, 0.0, 0, 0, complete=False, text="n/a")
"""Not scored, or the protocol does not apply."""


@dataclass(frozen=True)
class Board:
    """One table: all models on all datasets at one scale, from one kind of LR, under one protocol."""

    scale: int
    lr: str
    protocol: str
    part: str
    """See `Column.part`."""
    columns: tuple[Column, ...]
    """The values of every picture, by dataset and metric."""
    datasets: tuple[str, ...]
    metrics: tuple[str, ...]
    models: tuple[str, ...]
    cells: Mapping[tuple[str, str, str], Cell]
    """(model, dataset, metric) -> cell; absent: not scored."""
    sizes: Mapping[str, int]
    """Pictures of each dataset."""
    run: str
    """Which run this came from: time and commit."""
    costs: tuple[Profile, ...] = ()
    """What the models cost at this scale, where `--profile` measured it."""
    left_out: tuple[str, ...] = ()
    """Metrics that have scores but are not registered here."""

    @property
    def stem(self) -> str:
        """The file name of the table, without its ending."""
        return table_stem(self.protocol, self.scale, self.lr, self.part)

    @property
    def signatures(self) -> dict[str, str]:
        """What a reader needs to compute each metric's numbers elsewhere: those of the rows."""
        found = {column.metric: column.signature for column in self.columns}
        return {metric: found[metric] for metric in self.metrics}

    def cell(self, model: str, dataset: str, metric: str) -> Cell:
        """Return a cell of the table, NO_CELL where there is no score."""
        return self.cells.get((model, dataset, metric), NO_CELL)

    def column(self, dataset: str, metric: str) -> Column | None:
        """Return the values behind a column of the table."""
        found = (each for each in self.columns if (each.dataset, each.metric) == (dataset, metric))
        return next(found, None)

    def notes(self) -> list[str]:
        """Return what a reader must know to compare these numbers with others, signatures first."""
        return [*(f"{metric}: {text}" for metric, text in self.signatures.items()), *self.remarks()]

    def remarks(self) -> list[str]:
        """Return the notes that are not about one metric."""
        pictures = ", ".join(f"{dataset} {self.sizes[dataset]}" for dataset in self.datasets)
        lines = [f"x{self.scale}, LR: {self.lr}; means over pictures ({pictures}); run: {self.run}"]
        lines += self._partial()
        if self.part:
            lines.append(f"a table of its own ({self.part}): pictures or signatures differ from the others'")
        if self.left_out:
            lines.append(f"not shown, because no such metric is installed here: {', '.join(self.left_out)}")
        infinite = sum(cell.n_infinite for cell in self.cells.values() if not math.isinf(cell.mean))
        if infinite:
            lines.append(f"{infinite} infinite values (identical pictures) are left out of the means")
        return [*lines, *self._test_notes()]

    def _partial(self) -> list[str]:
        lines = []
        for dataset in self.datasets:
            n, size = len(_images(self.columns, dataset)), self.sizes[dataset]
            if n < size:
                lines.append(f"partial: {n} of the {size} pictures of {dataset} have scores")
        return lines

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
    run: str = "",
    profiles: Sequence[Profile] = (),
    *,
    stated: Mapping[str, str] = NOTHING,
    counts: Mapping[str, int] = MappingProxyType({}),
) -> list[Board]:
    """Return one board for each (scale, lr, protocol) among the scores, with what its models cost.

    `stated`: see `columns`. `counts` is how many pictures each dataset has; where that is not known, those
    that any model was scored on count. Raises UnknownNameError for a protocol that is none of ours.
    """
    rows = list(scores)
    known = set(metric_names())
    left_out = tuple(sorted({row.metric for row in rows} - known))
    found = []
    for key, group in groupby(columns(rows, stated), lambda c: (c.scale, c.lr, c.protocol, c.part)):
        of_table = list(group)
        names = sorted({column.dataset for column in of_table}, key=dataset_order)
        sizes = {name: max(counts.get(name, 0), len(_images(of_table, name))) for name in names}
        found.append(replace(_board(key, of_table, sizes, run, profiles), left_out=left_out))
    return found


def _images(of_table: Iterable[Column], dataset: str) -> set[str]:
    """The pictures of a dataset that any model was scored on."""
    return {
        image
        for column in of_table
        if column.dataset == dataset
        for values in column.values.values()
        for image in values
    }


def _board(
    key: tuple[int, str, str, str],
    of_table: Sequence[Column],
    sizes: Mapping[str, int],
    run: str,
    profiles: Sequence[Profile],
) -> Board:
    metrics = {column.metric for column in of_table}
    models = sorted({model for column in of_table for model in column.values}, key=model_order)
    places = {model: place for place, model in enumerate(models)}
    costs = [each for each in profiles if each.scale == key[0] and each.model in places]
    return Board(
        *key,
        columns=tuple(of_table),
        datasets=tuple(sizes),
        metrics=tuple(name for name in metric_names() if name in metrics),
        models=tuple(models),
        cells={
            (model, column.dataset, column.metric): cell
            for column in of_table
            for model, cell in _cells(column, sizes[column.dataset]).items()
        },
        sizes=sizes,
        run=run,
        costs=tuple(sorted(costs, key=lambda each: (places[each.model], each))),
    )


def _cells(column: Column, size: int) -> dict[str, Cell]:
    """Every model's cell of a column: means first, then who is best and who differs from that."""
    metric = METRICS[column.metric]
    cells = {
        model: _cell(list(values.values()), size, column.metric) for model, values in column.values.items()
    }
    complete = {model: cell for model, cell in cells.items() if cell.complete}
    if len(complete) < 2:
        return cells
    printed = {model: metric.badness(round(cell.mean, metric.digits)) for model, cell in complete.items()}
    order = sorted(set(printed.values()))
    best = min(complete, key=lambda model: metric.badness(complete[model].mean))
    p_values = column.holm_p()
    for model, cell in complete.items():
        place = order.index(printed[model]) + 1
        p = p_values.get((best, model), p_values.get((model, best)))
        cells[model] = replace(
            cell,
            place=place if place <= 2 else 0,
            mark=MARK if p is not None and p < ALPHA and place != 1 else "",
            p_from_best=p,
        )
    return cells


def _cell(values: Sequence[float], size: int, metric: str) -> Cell:
    finite = np.array([value for value in values if math.isfinite(value)])
    n_infinite = len(values) - len(finite)
    mean = float(finite.mean()) if len(finite) else math.inf
    deviation = float(finite.std(ddof=1)) if len(finite) > 1 else 0.0
    complete = len(values) == size
    number = METRICS[metric].printed(mean)
    text = number if complete else f"{number} ({len(values)} of {size})"
    return Cell(mean, deviation, len(finite), n_infinite, complete=complete, text=text)
