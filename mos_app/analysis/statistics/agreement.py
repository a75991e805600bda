"""How far raters agree: one number a question, each with the data it needs. S stimuli, R raters."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from mos_app.analysis.arrays import Array, CannotSayError
from mos_app.analysis.statistics.components import two_way_components
from mos_app.analysis.statistics.opinion import mean_and_deviation


@dataclass(frozen=True)
class IntraclassCorrelation:
    """Two-way random effects, absolute agreement (McGraw & Wong 1996, Psychol. Methods 1, 30)."""

    single: float
    """ICC(A,1): of one rater's votes."""
    single_low: float
    single_high: float
    average: float
    """ICC(A,k): of the MOS of k raters."""
    average_low: float
    average_high: float
    raters: float
    """k: raters a stimulus, the harmonic mean where votes are missing."""


def intraclass_correlation(scores: Array) -> IntraclassCorrelation:
    """Return ICC(A,1) and ICC(A,k) with 95 % intervals (McGraw & Wong's F; k votes a stimulus)."""
    votes = (~np.isnan(scores)).sum(1)
    parts = two_way_components(scores)
    stimulus, rater, residual = float(parts.first), float(parts.second), float(parts.residual)
    if not np.isfinite([stimulus, rater, residual]).all():
        raise CannotSayError("the intraclass correlation needs two raters who rated the same two stimuli.")
    if abs(stimulus + rater + residual) < 1e-12:
        raise CannotSayError("all scores are equal: agreement cannot be told from indifference.")
    k, n = len(votes) / float((1 / votes).sum()), len(scores)
    single = stimulus / (stimulus + rater + residual)
    low, high = _single_interval(stimulus, rater, residual, n, k)
    average = [_spearman_brown(value, k) for value in (single, low, high)]
    return IntraclassCorrelation(single, low, high, average[0], average[1], average[2], k)


def _spearman_brown(single: float, k: float) -> float:
    return k * single / (1 + (k - 1) * single)


def _single_interval(stimulus: float, rater: float, residual: float, n: int, k: float) -> tuple[float, float]:
    ms_stimulus, ms_rater, ms_residual = residual + k * stimulus, residual + n * rater, max(residual, 1e-12)
    single = stimulus / (stimulus + rater + residual)
    a = k * single / (n * (1 - single)) if single < 1 else np.inf
    b = 1 + k * single * (n - 1) / (n * (1 - single)) if single < 1 else np.inf
    if not np.isfinite(a):
        return 1.0, 1.0
    df = (a * ms_rater + b * ms_residual) ** 2 / (
        (a * ms_rater) ** 2 / (k - 1) + (b * ms_residual) ** 2 / ((n - 1) * (k - 1))
    )
    f_low, f_high = stats.f.ppf(0.975, n - 1, df), stats.f.ppf(0.975, df, n - 1)
    rest = k * ms_rater + (k * n - k - n) * ms_residual
    low = n * (ms_stimulus - f_low * ms_residual) / (f_low * rest + n * ms_stimulus)
    high = n * (f_high * ms_stimulus - ms_residual) / (rest + n * f_high * ms_stimulus)
    return float(low), float(high)


def kendalls_w(scores: Array) -> tuple[float, int, int]:
    """Return W, corrected for ties, and the stimuli and raters it rests on: the largest block without gaps.

    Raters who missed more than half of the stimuli go first, then stimuli with a gap.
    """
    block = scores[:, np.isnan(scores).mean(0) <= 0.5]
    block = block[~np.isnan(block).any(1)]
    n, k = block.shape
    if n < 2 or k < 2:
        raise CannotSayError("Kendall's W needs two raters who rated the same two stimuli.")
    ranks = stats.rankdata(block, axis=0)
    ties = sum(
        float((counts**3 - counts).sum()) for counts in (np.unique(c, return_counts=True)[1] for c in block.T)
    )
    spread = k**2 * (n**3 - n) - k * ties
    if spread == 0:
        raise CannotSayError("every rater gave one score only: there is no order to agree on.")
    sums = ranks.sum(1)
    return float(12 * ((sums - sums.mean()) ** 2).sum() / spread), n, k


def split_half(scores: Array, *, splits: int, seed: int) -> float:
    """Return the mean correlation of the MOS of two random halves of the raters, stepped up to all raters.

    Stepped up by Spearman-Brown; halves of an odd number differ by one.
    """
    raters = scores.shape[1]
    if raters < 4:
        raise CannotSayError("a split into halves needs at least four raters.")
    rng = np.random.default_rng(seed)
    values = [_half_correlation(scores, rng.permutation(raters)) for _ in range(splits)]
    known = [value for value in values if not np.isnan(value)]
    if not known:
        raise CannotSayError("the halves share too few stimuli, or do not vary: no split-half correlation.")
    mean = float(np.mean(known))
    return _spearman_brown(mean, 2)


def _half_correlation(scores: Array, order: npt.NDArray[np.int64]) -> float:
    half = len(order) // 2
    parts = [scores[:, order[:half]], scores[:, order[half:]]]
    shared = np.isfinite(parts[0]).any(1) & np.isfinite(parts[1]).any(1)
    if shared.sum() < 3:
        return float("nan")
    a, b = (mean_and_deviation(part[shared])[0] for part in parts)
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 0 and b.std() > 0 else float("nan")
