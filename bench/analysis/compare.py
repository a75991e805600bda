"""Paired comparisons of models over the pictures of a run: how much, how sure, and on which pictures."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from bench.analysis.columns import Column
from bench.analysis.paired import ALPHA, Array, bootstrap_intervals, sign_test, signed_rank_test
from bench.analysis.results import Results
from bench.palette import model_order
from bench.protocols.presets import protocol
from bench.store.rows import Score
from sr_models.data.errors import InputError, UnknownNameError
from sr_models.data.manifest import common_names

_PValues = dict[tuple[str, str], float]


@dataclass(frozen=True)
class Question:
    """Which models of a run are compared, and on what; empty means all."""

    a: tuple[str, ...] = ()
    b: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    seed: int = 0
    """Of the bootstrap."""

    @property
    def stem(self) -> str:
        """What the files of the answer are called, without their ending."""
        if not self.a and not self.b:
            return "all"
        return f"{'+'.join(self.a) or 'rest'}_vs_{'+'.join(self.b) or 'rest'}"


@dataclass(frozen=True)
class PictureDifference:
    """Both models on one picture."""

    image: str
    name: str
    """Common name, or the id."""
    value_a: float
    value_b: float
    difference: float
    """a minus b; infinite where one of the two is identical to the original."""
    gain: float
    """By how much a is better: the difference, with its sign changed where lower is better."""


@dataclass(frozen=True)
class Comparison:
    """Model a against model b in one column of a table."""

    a: str
    b: str
    column: Column
    difference: float | None
    """Mean of a minus b over the pictures where it is finite, in the metric's unit, ..."""
    low: float | None
    high: float | None
    """... with its 95 % bootstrap interval; None where too few pictures have one."""
    wins: int
    """Pictures on which a is better, whichever direction the metric has."""
    ties: int
    losses: int
    p_sign: float
    p_wilcoxon: float
    p_holm: float
    """Of p_wilcoxon, over the `family` pairs that were asked about in this column."""
    family: int
    smallest_p_holm: float
    """What p_holm could be at best, with as many pictures as the pairs of the family have."""
    pictures: tuple[PictureDifference, ...]
    """The common pictures, the largest difference first."""
    only_a: tuple[str, ...]
    """Pictures, by name, left out because b has no score there."""
    only_b: tuple[str, ...]

    @property
    def n(self) -> int:
        """Common pictures."""
        return len(self.pictures)

    @property
    def n_infinite(self) -> int:
        """Pictures that count in the tests but not in the mean difference."""
        return sum(math.isinf(picture.difference) for picture in self.pictures)

    @property
    def verdict(self) -> str:
        """`yes`, `no`, or `cannot`: too few pictures for any difference to be significant at .05."""
        if self.p_holm < ALPHA:
            return "yes"
        return "cannot" if self.smallest_p_holm >= ALPHA else "no"


def compare(results: Results, question: Question) -> list[Comparison]:
    """Return every pair that was asked about in every column, in the order of the tables.

    a given alone is compared with every other model, and so is b; neither: all pairs, the later model of the
    paper's order as a. A pair without a common picture in a column is left out there.
    """
    if question.seed < 0:
        raise InputError(f"seed: expected a whole number from 0, got {question.seed}")
    asked = _asked(question, results)
    comparisons = compare_columns(asked, _pairs(question, results.scores), seed=question.seed)
    if not comparisons:
        raise InputError(f"{results.folder}: these models have no picture in common to be compared on")
    return comparisons


def compare_columns(
    found: Iterable[Column], pairs: Sequence[tuple[str, str]], *, seed: int = 0
) -> list[Comparison]:
    """Return these pairs (a, b) in each column, where they have a common picture."""
    tested: list[tuple[Column, tuple[str, str], _PValues, _PValues]] = []
    for column in found:
        present = [pair for pair in pairs if set(pair) <= column.values.keys() and column.common(*pair)]
        family = column.holm_p(present)
        best = column.smallest_holm_p(present)
        tested += [(column, pair, family, best) for pair in present]
    finite = [_finite(column.differences(*pair)) for column, pair, _, _ in tested]
    intervals = bootstrap_intervals(finite, seed=seed)
    return [
        _comparison(column, pair, family, best[pair], values, ends)
        for (column, pair, family, best), values, ends in zip(tested, finite, intervals, strict=True)
    ]


def missing(results: Results, question: Question) -> list[str]:
    """Return a sentence for each place where a model that was named has no score and another one has."""
    lacks: dict[tuple[str, str, str], list[str]] = {}
    for column in _asked(question, results):
        for model in dict.fromkeys((*question.a, *question.b)):
            if model not in column.values:
                lacks.setdefault((model, column.dataset, column.protocol), []).append(column.metric)
    return [
        f"{model} has no {', '.join(metrics)} on {dataset} under {under}"
        for (model, dataset, under), metrics in lacks.items()
    ]


def _asked(question: Question, results: Results) -> list[Column]:
    """The columns that were asked about."""
    for name in question.protocols:
        protocol(name)
    for kind, asked, known in (
        ("dataset in this run", question.datasets, {score.dataset for score in results.scores}),
        ("protocol in this run", question.protocols, {score.protocol for score in results.scores}),
        ("metric in this run", question.metrics, {score.metric for score in results.scores}),
    ):
        for name in asked:
            if name not in known:
                raise UnknownNameError(kind, name, known)
    return [
        column
        for board in results.boards
        for column in board.columns
        if column.dataset in (question.datasets or (column.dataset,))
        and column.protocol in (question.protocols or (column.protocol,))
        and column.metric in (question.metrics or (column.metric,))
    ]


def _pairs(question: Question, scores: Sequence[Score]) -> list[tuple[str, str]]:
    models = sorted({score.method for score in scores}, key=model_order)
    for name in (*question.a, *question.b):
        if name not in models:
            raise UnknownNameError("model in this run", name, models)
    if not question.a and not question.b:
        pairs = [(later, earlier) for earlier, later in combinations(models, 2)]
    else:
        pairs = [(a, b) for a in question.a or models for b in question.b or models if a != b]
    unique = {frozenset(pair): pair for pair in reversed(pairs)}
    if not unique:
        got = f"only {models[0]}" if len(models) == 1 else "the same one twice"
        raise InputError(f"expected two different models to compare, got {got}")
    return list(reversed(unique.values()))


def _finite(values: Array) -> Array:
    return values[np.isfinite(values)]


def _comparison(
    column: Column,
    pair: tuple[str, str],
    family: _PValues,
    smallest: float,
    finite: Array,
    ends: tuple[float, float] | None,
) -> Comparison:
    a, b = pair
    gains = column.gains(a, b)
    low, high = ends or (None, None)
    return Comparison(
        a=a,
        b=b,
        column=column,
        difference=float(finite.mean()) if len(finite) else None,
        low=low,
        high=high,
        wins=int((gains > 0).sum()),
        ties=int((gains == 0).sum()),
        losses=int((gains < 0).sum()),
        p_sign=sign_test(gains),
        p_wilcoxon=signed_rank_test(gains),
        p_holm=family[pair],
        family=len(family),
        smallest_p_holm=smallest,
        pictures=_pictures(column, pair),
        only_a=_names(column.dataset, column.values[a].keys() - column.values[b].keys()),
        only_b=_names(column.dataset, column.values[b].keys() - column.values[a].keys()),
    )


def _pictures(column: Column, pair: tuple[str, str]) -> tuple[PictureDifference, ...]:
    a, b = pair
    names = common_names(column.dataset)
    each = zip(column.differences(a, b).tolist(), column.gains(a, b).tolist(), strict=True)
    found = [
        PictureDifference(
            image,
            names.get(image, image),
            value_a=column.values[a][image],
            value_b=column.values[b][image],
            difference=difference,
            gain=gain,
        )
        for image, (difference, gain) in zip(column.common(a, b), each, strict=True)
    ]
    return tuple(sorted(found, key=lambda picture: -abs(picture.difference)))


def _names(dataset: str, images: Iterable[str]) -> tuple[str, ...]:
    names = common_names(dataset)
    return tuple(names.get(image, image) for image in sorted(images))
