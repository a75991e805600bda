"""Is a difference over pictures real? Exact tests and intervals of paired differences; pure functions.

K comparisons, n pictures, B bootstrap draws. Differences may be infinite (an identical picture beats any
other): ranks and signs need no finite numbers.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import special, stats

Array = npt.NDArray[np.float64]

ALPHA = 0.05
LEVEL = 0.95
DRAWS = 10_000
EXACT_UP_TO = 1000
"""Pictures; beyond it the signed-rank p comes from the normal approximation with the ranks at hand."""
_DECIMALS = 10  # 28.1 - 28.0 and 29.1 - 29.0 tie: what floats add behind is noise
_RESAMPLED_AT_ONCE = 1 << 22  # cells of a block of draws: 32 MiB


def differences(a: Array, b: Array) -> Array:
    """Return a - b, rounded so that equal differences are equal; 0 where both are infinite."""
    with np.errstate(invalid="ignore"):
        return np.where(a == b, 0.0, a - b).round(_DECIMALS)


def sign_test(values: Array) -> float:
    """Return the two-sided p of the exact sign test; zeros are dropped, 1 if nothing is left."""
    wins, losses = int((values > 0).sum()), int((values < 0).sum())
    return float(stats.binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0


def signed_rank_test(values: Array) -> float:
    """Return the two-sided p of Wilcoxon's signed-rank test; zeros are dropped, 1 if nothing is left.

    Exact with ties: the null distribution of the sum of those mid-ranks, each sign equally likely, and not
    the published table, which is for untied ranks. Twice the smaller tail, at most 1.
    """
    left = values[values != 0]
    if not len(left):
        return 1.0
    doubled = np.rint(2 * stats.rankdata(np.abs(left))).astype(np.int64)  # mid-ranks are whole or half
    larger = int(max(doubled[left > 0].sum(), doubled[left < 0].sum()))
    if len(left) > EXACT_UP_TO:
        deviation = math.sqrt(float(doubled @ doubled)) / 2
        return float(2 * special.ndtr(-(larger - doubled.sum() / 2) / deviation))
    step = int(np.gcd.reduce(doubled))
    chances = _null_of_signed_ranks(tuple(np.sort(doubled // step).tolist()))
    return min(1.0, 2 * float(chances[larger // step :].sum()))


@lru_cache(maxsize=64)
def _null_of_signed_ranks(ranks: tuple[int, ...]) -> Array:
    """Chance of each rank sum: one convolution a picture, so 100 pictures need no 2^100 sign patterns."""
    chances = np.zeros(sum(ranks) + 1)
    chances[0] = 1.0
    reached = 1
    for rank in ranks:
        shifted = chances[:reached].copy()
        chances[rank : rank + reached] += shifted
        reached += rank
        chances[:reached] /= 2
    return chances


def smallest_p(n: int) -> float:
    """Return the smallest two-sided p that either test can give on n pictures: all signs alike."""
    return min(1.0, 2.0 ** (1 - n))


def holm(p: Array) -> Array:
    """Return Holm's adjusted p values (Holm 1979, Scand. J. Statist. 6, 65); NaN stays NaN and is not
    counted.
    """
    adjusted = np.full(p.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    steps = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * steps), 1.0)
    return adjusted


def bca_intervals(
    columns: Sequence[Array], *, seed: int = 0, draws: int = DRAWS
) -> list[tuple[float, float]]:
    """Return the 95 % BCa bootstrap interval of each column's mean; pictures are what is drawn again.

    Efron (1987), JASA 82, 171. Columns of one length share their draws. A column without spread has its
    mean as both ends; fewer than two values give (nan, nan).
    """
    found: dict[int, list[float]] = {}
    for n in {len(column) for column in columns}:
        places = [place for place, column in enumerate(columns) if len(column) == n]
        ends = _bca(np.stack([columns[place] for place in places]), np.random.default_rng(seed), draws)
        found |= dict(zip(places, ends.tolist(), strict=True))
    return [(float(low), float(high)) for low, high in (found[place] for place in range(len(columns)))]


def _bca(table: Array, rng: np.random.Generator, draws: int) -> Array:
    """(K, n) -> (K, 2)."""
    if table.shape[1] < 2:
        return np.full((len(table), 2), np.nan)
    mean = table.mean(1, keepdims=True)
    away = table - mean
    away[np.abs(away) < 1e-12 * np.abs(table).max(1, initial=1.0, keepdims=True)] = 0.0
    drawn = np.sort(_resampled_means(away, rng, draws), axis=1)  # (K, B)
    noise = 1e-12 * np.abs(away).max(1, keepdims=True)
    below = ((drawn < -noise).mean(1) + (drawn <= noise).mean(1)) / 2
    squares = (away**2).sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        acceleration = (away**3).sum(1) / (6 * squares**1.5)
        bias = special.ndtri(below)
        edge = bias[:, None] + special.ndtri([(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        shares = special.ndtr(bias[:, None] + edge / (1 - acceleration[:, None] * edge))
    ends = [np.quantile(row, share) for row, share in zip(drawn, np.nan_to_num(shares), strict=True)]
    return np.asarray(mean + np.where(squares[:, None] > 0, ends, 0.0))


def _resampled_means(table: Array, rng: np.random.Generator, draws: int) -> Array:
    """(K, n) -> (K, B): how often each picture was drawn, times what it holds."""
    n = table.shape[1]
    block = max(1, _RESAMPLED_AT_ONCE // n)
    parts = []
    for start in range(0, draws, block):
        rows = min(block, draws - start)
        drawn = rng.integers(0, n, (rows, n)) + n * np.arange(rows)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n)
        parts.append(table @ counts.T.astype(float) / n)
    return np.concatenate(parts, axis=1)
