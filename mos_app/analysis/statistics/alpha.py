"""Krippendorff's alpha: agreement beyond chance, with missing votes. U units (stimuli), V values of the
scale.
"""

from typing import Literal

import numpy as np

from mos_app.analysis.arrays import Array, CannotSayError
from mos_app.analysis.statistics.bootstrap import draw_counts, percentile_interval

Level = Literal["ordinal", "interval", "nominal"]


def krippendorff_alpha(scores: Array, level: Level) -> float:
    """Return alpha of (U, R) scores (Krippendorff 2011, Computing Krippendorff's alpha-reliability)."""
    values, coincidences = _coincidences(scores)
    return float(_alpha(coincidences.sum(0)[None], values, level)[0])


def alpha_interval(scores: Array, level: Level, *, draws: int, seed: int) -> tuple[float, float]:
    """Return the 95 % percentile interval over draws of stimuli."""
    values, coincidences = _coincidences(scores)
    counts = draw_counts(len(coincidences), draws, np.random.default_rng(seed))
    drawn = (counts @ coincidences.reshape(len(coincidences), -1)).reshape(draws, len(values), len(values))
    varied = (drawn.sum(2) > 0).sum(1) > 1
    low, high = percentile_interval(_alpha(drawn[varied], values, level))
    return float(low), float(high)


def _coincidences(scores: Array) -> tuple[Array, Array]:
    """Return the V values and (U, V, V): pairs of values within a unit, each unit weighing its number of
    votes.
    """
    values = np.unique(scores[~np.isnan(scores)])
    if len(values) < 2:
        raise CannotSayError("all scores are equal: agreement beyond chance is not defined.")
    counts = np.stack([(scores == value).sum(1) for value in values], 1).astype(float)
    votes = counts.sum(1)
    counts = counts[votes > 1]
    if not len(counts):
        raise CannotSayError("agreement needs a stimulus with two votes.")
    pairs = counts[:, :, None] * counts[:, None, :]
    pairs[:, range(len(values)), range(len(values))] -= counts
    return values, pairs / (votes[votes > 1] - 1)[:, None, None]


def _alpha(coincidences: Array, values: Array, level: Level) -> Array:
    """Return (N,) alphas of (N, V, V) coincidence matrices."""
    totals = coincidences.sum(2)
    distance = _distance(totals, values, level)
    observed = (coincidences * distance).sum((1, 2))
    expected = (totals[:, :, None] * totals[:, None, :] * distance).sum((1, 2)) / (totals.sum(1) - 1)
    if (expected == 0).any():
        raise CannotSayError("all scores are equal: agreement beyond chance is not defined.")
    return np.asarray(1 - observed / expected, dtype=float)


def _distance(totals: Array, values: Array, level: Level) -> Array:
    """Return (N or 1, V, V) squared distances between values."""
    match level:
        case "nominal":
            return 1.0 - np.eye(len(values))[None]
        case "interval":
            return np.asarray((values[:, None] - values[None]) ** 2, dtype=float)[None]
        case "ordinal":
            middle = totals.cumsum(1) - totals / 2  # votes below the middle of each value
            return (middle[:, :, None] - middle[:, None, :]) ** 2
