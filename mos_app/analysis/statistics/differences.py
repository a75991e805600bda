"""Differences between methods: the crossed test as the headline, the paper's test beside it.

M methods, K = M (M - 1) / 2 pairs, R raters, P pictures.
"""

from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from bench.analysis.paired import holm
from mos_app.analysis.arrays import Array, CannotSayError
from mos_app.analysis.input.panel import Crossing
from mos_app.analysis.statistics.crossed import crossed_mean

ALPHA = 0.05


def compare_methods(crossing: Crossing) -> pd.DataFrame:
    """Return one row a pair of methods: difference, intervals, crossed test (Holm), effect sizes, Wilcoxon.

    `a` is the method with the higher mean. `d` is the difference over the standard deviation of one rating
    within a method, over raters and pictures, as Cohen's d is for crossed designs (Westfall, Kenny & Judd
    2014, J. Exp. Psychol. Gen. 143, 2020). `superiority` is the share of rater-picture cells in which a was
    rated above b, ties counting half. Pairs that nobody rated on two pictures have no test.
    """
    pairs = _ordered_pairs(crossing)
    if not pairs:
        raise CannotSayError(f"differences need two methods rated on {crossing.name}.")
    differences = np.stack([crossing.scores[a] - crossing.scores[b] for a, b in pairs])
    tested = crossed_mean(differences)
    low, high = tested.interval()
    better = np.where(np.isnan(differences), np.nan, (np.sign(differences) + 1) / 2)
    better_low, better_high = crossed_mean(better).interval()
    unit = _rating_deviation(crossing, pairs)
    columns = {
        "dataset": crossing.name,
        "a": [crossing.methods[a] for a, _ in pairs],
        "b": [crossing.methods[b] for _, b in pairs],
        "difference": tested.mean,
        "t_low": low,
        "t_high": high,
        "df": tested.df,
        "p": tested.p,
        "p_holm": holm(tested.p),
        "d": tested.mean / unit,
        "d_low": low / unit,
        "d_high": high / unit,
        "superiority": np.nanmean(better, axis=(1, 2)),
        "superiority_low": np.maximum(better_low, 0.0),
        "superiority_high": np.minimum(better_high, 1.0),
        "p_wilcoxon_ratings": [_signed_rank(table) for table in differences],
        "p_wilcoxon_pictures": [_signed_rank(_picture_means(table)) for table in differences],
    }
    return pd.DataFrame(columns)


def _ordered_pairs(crossing: Crossing) -> list[tuple[int, int]]:
    """Return the index pairs with a common cell, the higher mean first."""
    seen = ~np.isnan(crossing.scores)
    mean = np.nanmean(crossing.scores, axis=(1, 2))
    order = np.argsort(-mean, kind="stable")
    return [(a, b) for a, b in combinations(order.tolist(), 2) if (seen[a] & seen[b]).any()]


def _rating_deviation(crossing: Crossing, pairs: list[tuple[int, int]]) -> Array:
    """Return (K,) the standard deviation of a rating, pooled over the two methods of each pair."""
    variance = crossed_mean(crossing.scores).spread ** 2
    pooled = np.sqrt([(variance[a] + variance[b]) / 2 for a, b in pairs])
    return np.where(pooled > 0, pooled, np.nan)


def _picture_means(table: Array) -> Array:
    rated = (~np.isnan(table)).any(0)
    return np.asarray(np.nanmean(table[:, rated], axis=0), dtype=float)


def _signed_rank(differences: Array) -> float:
    """Return the two-sided Wilcoxon signed-rank p, zeros dropped before ranking (Wilcoxon's own handling).

    Normal approximation with tie correction and no continuity correction; exact up to 25 untied pairs.
    NaN where nothing but zeros is left.
    """
    values = differences[~np.isnan(differences) & (np.abs(differences) > 1e-9)]
    if not len(values):
        return float("nan")
    untied = len(np.unique(np.abs(values).round(9))) == len(values)
    method: Literal["exact", "approx"] = "exact" if untied and len(values) <= 25 else "approx"
    return float(
        stats.wilcoxon(values.round(9), zero_method="wilcox", correction=False, method=method).pvalue
    )


@dataclass(frozen=True)
class RankTest:
    """Friedman's test over pictures with Nemenyi's critical difference."""

    methods: tuple[str, ...]
    ranks: Array
    """(M,) average rank, 1 the best."""
    pictures: int
    chi_square: float
    p: float
    critical_difference: float
    """Ranks further apart than this differ, at a family-wise .05."""
    nemenyi: Array
    """(M, M) p values."""


def friedman_nemenyi(crossing: Crossing, *, unranked: str) -> RankTest:
    """Return the rank test of the methods' picture means (Demsar 2006, JMLR 7, 1); blocks are pictures.

    It treats the raters as fixed: it says what these raters think of the next picture.
    """
    methods = tuple(m for m in crossing.methods if m != unranked)
    if len(methods) < 3:
        raise CannotSayError(f"Friedman's test needs three methods rated on {crossing.name}.")
    seen = ~np.isnan(crossing.of(methods).scores)
    complete = seen.any(1).all(0)
    scores = crossing.of(methods).scores[:, :, complete]
    k, n = len(methods), scores.shape[2]
    if n < 2:
        raise CannotSayError(f"Friedman's test needs two pictures with all methods; {crossing.name} has {n}.")
    means = np.nanmean(scores, axis=1).round(9)  # (M, P)
    if (means == means[0]).all():
        raise CannotSayError(
            f"on {crossing.name} all methods have the same mean on every picture: nothing to rank."
        )
    result = stats.friedmanchisquare(*means)
    ranks = stats.rankdata(-means, axis=0).mean(1)
    step = np.sqrt(k * (k + 1) / (6 * n))
    nemenyi = stats.studentized_range.sf(np.abs(ranks[:, None] - ranks) / step * np.sqrt(2), k, np.inf)
    critical = float(stats.studentized_range.ppf(1 - ALPHA, k, np.inf) / np.sqrt(2) * step)
    return RankTest(
        methods, ranks, n, float(result.statistic), float(result.pvalue), critical, np.clip(nemenyi, 0, 1)
    )
