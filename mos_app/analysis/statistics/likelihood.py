"""Recovery of quality by maximum likelihood: each rater has a bias and an inconsistency.

S stimuli, R raters; score[s, r] = quality[s] + bias[r] + inconsistency[r] * noise.
Source: ITU-T P.910 (2023), Annex E; Li et al. (2020), A simple model for subject behavior in subjective
experiments, Human Vision and Electronic Imaging.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from mos_app.analysis.arrays import Array, CannotSayError

_STEPS, _CLOSE, _FLOOR = 1000, 1e-8, 1e-8  # as in the reference implementation, sureal


@dataclass(frozen=True)
class Recovered:
    """The estimates with their 95 % intervals."""

    quality: Array
    """(S,)"""
    quality_half_width: Array
    bias: Array
    """(R,), mean 0."""
    bias_half_width: Array
    inconsistency: Array
    """(R,) standard deviation of the rater's own noise."""
    inconsistency_low: Array
    inconsistency_high: Array


def recover_quality(scores: Array) -> Recovered:
    """Return quality, bias and inconsistency by alternating projection."""
    seen = ~np.isnan(scores)
    if min(scores.shape) < 3:
        raise CannotSayError("maximum likelihood recovery needs at least three raters and three stimuli.")
    quality = np.nanmean(scores, axis=1)
    bias = np.nanmean(scores - quality[:, None], axis=0)
    inconsistency = np.zeros(scores.shape[1])
    for _ in range(_STEPS):
        before = quality
        inconsistency = np.nanstd(scores - quality[:, None] - bias, axis=0)
        weights = seen / (inconsistency**2 + _FLOOR)
        quality = (weights * np.where(seen, scores - bias, 0.0)).sum(1) / weights.sum(1)
        bias = np.nanmean(scores - quality[:, None], axis=0)
        if np.linalg.norm(before - quality) < _CLOSE:
            break
    return _with_intervals(seen, quality, bias, inconsistency)


def recovered_or_none(scores: Array) -> Recovered | None:
    """Return the estimates, None where there are too few raters or stimuli."""
    try:
        return recover_quality(scores)
    except CannotSayError:
        return None


def _with_intervals(seen: Array, quality: Array, bias: Array, inconsistency: Array) -> Recovered:
    precision = seen / (inconsistency**2 + _FLOOR)
    votes = seen.sum(0)
    z = float(stats.norm.ppf(0.975))
    return Recovered(
        quality=quality + bias.mean(),
        quality_half_width=z / np.sqrt(precision.sum(1)),
        bias=bias - bias.mean(),
        bias_half_width=z / np.sqrt(precision.sum(0)),
        inconsistency=inconsistency,
        inconsistency_low=inconsistency * np.sqrt(votes / stats.chi2.ppf(0.975, votes)),
        inconsistency_high=inconsistency * np.sqrt(votes / stats.chi2.ppf(0.025, votes)),
    )
