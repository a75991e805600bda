"""Is a difference over pictures real? Exact tests and intervals of paired differences; pure functions.

K comparisons, n pictures, B bootstrap draws. Differences may be infinite (an identical picture beats any
other): ranks and signs need no finite numbers.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

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
    if not wins + losses:
        return 1.0
    from scipy.stats import binomtest  # imports half of scipy, and tables have no sign test

    return float(binomtest(wins, wins + losses).pvalue)


def signed_rank_test(values: Array) -> float:
    """Return the two-sided p of Wilcoxon's signed-rank test; zeros are dropped, 1 if nothing is left.

    Exact with ties: the null distribution of the sum of those mid-ranks, each sign equally likely, and not
    the published table, which is for untied ranks. Twice the smaller tail, at most 1.
    """
    left = values[values != 0]
    if not len(left):
        return 1.0
    doubled = _doubled_ranks(np.abs(left))
    larger = int(max(doubled[left > 0].sum(), doubled[left < 0].sum()))
    if len(left) > EXACT_UP_TO:
        deviation = math.sqrt(float(doubled @ doubled)) / 2
        return math.erfc((larger - float(doubled.sum()) / 2) / deviation / math.sqrt(2))
    step = int(np.gcd.reduce(doubled))
    chances = _null_of_signed_ranks(tuple(np.sort(doubled // step).tolist()))
    return min(1.0, 2 * float(chances[larger // step :].sum()))


def _doubled_ranks(sizes: Array) -> npt.NDArray[np.int64]:
    """Twice the mid-rank of each number, from 1: whole, where mid-ranks may be half."""
    order = np.sort(sizes)
    below, up_to = (np.searchsorted(order, sizes, side) for side in ("left", "right"))
    return (below + up_to + 1).astype(np.int64)


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


def bootstrap_intervals(
    columns: Sequence[Array], *, seed: int = 0, draws: int = DRAWS
) -> list[tuple[float, float] | None]:
    """Return the 95 % studentised bootstrap interval of each column's mean; pictures are drawn again.

    Efron & Tibshirani (1993), An Introduction to the Bootstrap, 12.5. Columns of one length share their
    draws. A column without spread has its mean as both ends. None where the draws say nothing: fewer than
    four values, or so few different ones that over 2.5 % of the draws have no spread.
    """
    found: dict[int, tuple[float, float] | None] = {}
    for n in {len(column) for column in columns}:
        places = [place for place, column in enumerate(columns) if len(column) == n]
        ends = _studentised(
            np.stack([columns[place] for place in places]), np.random.default_rng(seed), draws
        )
        for place, (low, high) in zip(places, ends.tolist(), strict=True):
            found[place] = (low, high) if math.isfinite(high - low) else None
    return [found[place] for place in range(len(columns))]


def _studentised(table: Array, rng: np.random.Generator, draws: int) -> Array:
    """(K, n) -> (K, 2), not finite where there is no interval."""
    n = table.shape[1]
    if n < 2:
        return np.full((len(table), 2), np.nan)
    mean = table.mean(1, keepdims=True)
    away = table - mean
    away[np.ptp(table, axis=1) == 0] = 0.0
    error = away.std(1, ddof=1, keepdims=True) / math.sqrt(n)
    t = _resampled_t(away, rng, draws)
    with np.errstate(invalid="ignore"):  # inf - inf, where draws without spread reach the quantile
        tails = np.quantile(t, [(1 + LEVEL) / 2, (1 - LEVEL) / 2], axis=1).T
        return np.asarray(np.where(error > 0, mean - tails * error, mean))


def _resampled_t(away: Array, rng: np.random.Generator, draws: int) -> Array:
    """(K, n) -> (K, B): Student's t of each draw; infinite where a draw has no spread."""
    n = away.shape[1]
    block = max(1, _RESAMPLED_AT_ONCE // n)
    parts = []
    for start in range(0, draws, block):
        rows = min(block, draws - start)
        drawn = rng.integers(0, n, (rows, n)) + n * np.arange(rows)[:, None]
        weights = np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n).T / n
        means = away @ weights
        variances = away**2 @ weights - means**2
        variances[variances < 1e-12 * (away**2).max(1, keepdims=True)] = 0.0
        with np.errstate(divide="ignore", invalid="ignore"):
            parts.append(
                np.nan_to_num(means / np.sqrt(variances / (n - 1)), nan=0.0, posinf=np.inf, neginf=-np.inf)
            )
    return np.concatenate(parts, axis=1)
