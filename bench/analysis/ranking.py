"""Which of many models: their ranks over all metrics and sets of a table, and where metrics disagree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from bench.analysis.board import Board
from bench.metric import METRICS

Place = tuple[str, str]
"""(dataset, metric): a column of the table."""


@dataclass(frozen=True)
class Standing:
    """One model among the others; rank 1 is the best, equals share the mean of their ranks."""

    model: str
    mean_rank: float
    """Over the columns: each metric on each set counts once."""
    ranks: Mapping[Place, float]


@dataclass(frozen=True)
class Disagreement:
    """Two metrics that order the models differently on a set."""

    dataset: str
    metrics: tuple[str, str]
    tau: float
    """Kendall's tau-b of the two orders: 1 the same, -1 reversed."""
    best: tuple[str, str]
    """Whom each of the two puts first."""


@dataclass(frozen=True)
class Ranking:
    """The models that have every picture of every column of a table, the best mean rank first."""

    columns: tuple[Place, ...]
    standings: tuple[Standing, ...]
    disagreements: tuple[Disagreement, ...]
    """Pairs of metrics whose best models differ, the strongest disagreement first."""
    left_out: tuple[str, ...]
    """Models that lack pictures somewhere."""


def ranking(board: Board) -> Ranking | None:
    """Return the ranking of a table's models; None with fewer than two models or columns to rank by."""
    columns = tuple((d, m) for d in board.datasets for m in board.metrics if board.column(d, m) is not None)
    complete = [model for model in board.models if all(_has_all(board, model, place) for place in columns)]
    if len(complete) < 2 or len(columns) < 2:
        return None
    ranks = {place: _ranks(board, complete, place) for place in columns}
    standings = [
        Standing(
            model,
            float(np.mean([ranks[place][model] for place in columns])),
            {place: ranks[place][model] for place in columns},
        )
        for model in complete
    ]
    return Ranking(
        columns,
        tuple(sorted(standings, key=lambda each: each.mean_rank)),
        tuple(sorted(_disagreements(ranks, complete), key=lambda each: each.tau)),
        tuple(model for model in board.models if model not in complete),
    )


def _has_all(board: Board, model: str, place: Place) -> bool:
    """Whether a model has every picture that any model has there."""
    column = board.column(*place)
    values = {} if column is None else column.values
    return model in values and values[model].keys() == set().union(*values.values())


def _ranks(board: Board, models: Sequence[str], place: Place) -> dict[str, float]:
    """Model -> rank in one column, by unrounded means."""
    from scipy import stats  # slow to import, and every report format is imported

    badness = METRICS[place[1]].badness
    found = stats.rankdata([badness(board.cell(model, *place).mean) for model in models])
    return dict(zip(models, found.tolist(), strict=True))


def _disagreements(ranks: Mapping[Place, Mapping[str, float]], models: Sequence[str]) -> list[Disagreement]:
    from scipy import stats

    found = []
    for (first, a), (second, b) in combinations(ranks.items(), 2):
        best = min(models, key=a.__getitem__), min(models, key=b.__getitem__)
        if first[0] == second[0] and best[0] != best[1]:
            tau = stats.kendalltau([a[model] for model in models], [b[model] for model in models]).statistic
            found.append(Disagreement(first[0], (first[1], second[1]), float(np.nan_to_num(tau)), best))
    return found
