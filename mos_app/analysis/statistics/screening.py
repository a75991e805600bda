"""Raters against a standard's rule. S stimuli, R raters; (S, R) scores, NaN where a vote is missing."""

from dataclasses import dataclass

import numpy as np

from mos_app.analysis.arrays import Array, Mask


@dataclass(frozen=True)
class Rejection:
    """What the kurtosis rule of BT.500 found, per rater; each of shape (R,)."""

    rejected: Mask
    outlying: Array
    """Share of the rater's own votes far from the other raters': rejected above .05 ..."""
    one_sidedness: Array
    """... if they lie on both sides: |above - below| / (above + below) under .3. 1 where none is far."""


def bt500_rejection(scores: Array) -> Rejection:
    """Return the raters whom ITU-R BT.500-14, Annex 1, 2.3.1 (also P.913, 12.1) rejects, all in one pass.

    A vote is far beyond 2 standard deviations (kurtosis 2 to 4) or sqrt(20) (any other). A stimulus on which
    all agree has no far votes. If all raters would be rejected, none is.
    """
    mean = np.nanmean(scores, axis=1, keepdims=True)
    centred = scores - mean
    variance = np.nanmean(centred**2, axis=1, keepdims=True)
    spread = variance > 1e-12
    kurtosis = np.nanmean(centred**4, axis=1, keepdims=True) / np.where(spread, variance, 1.0) ** 2
    factor = np.where((kurtosis >= 2) & (kurtosis <= 4), 2.0, np.sqrt(20.0))
    limit = factor * np.sqrt(variance)
    above = (spread & (centred >= limit)).sum(0)
    below = (spread & (centred <= -limit)).sum(0)
    votes = (~np.isnan(scores)).sum(0)  # a rater's own: who rated half would else be judged half as strictly
    outlying = (above + below) / np.maximum(votes, 1)
    one_sidedness = np.abs(above - below) / np.maximum(above + below, 1)
    one_sidedness = np.where(above + below > 0, one_sidedness, 1.0)
    rejected = (outlying > 0.05) & (one_sidedness < 0.3)
    return Rejection(rejected & ~rejected.all(), outlying, one_sidedness)


def rater_bias(scores: Array) -> Array:
    """Return (R,) how much higher than the mean of all a rater votes, on the stimuli that he or she rated."""
    return np.asarray(np.nanmean(scores - np.nanmean(scores, axis=1, keepdims=True), axis=0), dtype=float)


def remove_bias(scores: Array) -> Array:
    """Return the scores with each rater's bias taken off (ITU-T P.913, 12.4)."""
    return scores - rater_bias(scores)
