"""Test-retest: the same rater, the same stimulus, a second time."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from mos_app.analysis.arrays import Array, CannotSayError
from mos_app.analysis.input.ratings import CELL, Ratings
from mos_app.analysis.statistics.agreement import intraclass_correlation


@dataclass(frozen=True)
class Retest:
    """Agreement of first and second ratings, pooled over raters."""

    pairs: int
    icc: float | None
    """ICC(A,1) of first and second; None where no score varies."""
    kappa: float | None
    """Cohen's kappa, quadratic weights."""
    shift: float
    """Mean of second minus first: people drift, and a mean test alone would miss how closely they agree."""
    shift_low: float | None
    shift_high: float | None
    exact: float
    """Share of equal scores."""
    within_one: float


def retest_pairs(ratings: Ratings) -> pd.DataFrame:
    """Return one row a repeated stimulus: `rater, dataset, picture, method, first, second`."""
    again = ratings.repeats.drop_duplicates(CELL)
    both = ratings.first.merge(again, on=CELL, suffixes=("", "_again"))
    return both[[*CELL, "score", "score_again"]].rename(columns={"score": "first", "score_again": "second"})


def retest_reliability(pairs: pd.DataFrame) -> Retest:
    """Return the reliability of the pairs of `retest_pairs`."""
    if len(pairs) < 2:
        raise CannotSayError(
            f"test-retest needs hidden repeats; {len(pairs)} stimuli were rated twice by one rater."
        )
    first, second = pairs["first"].to_numpy(float), pairs["second"].to_numpy(float)
    shift = second - first
    deviation = float(shift.std(ddof=1))
    half = float(stats.t.ppf(0.975, len(shift) - 1)) * deviation / len(shift) ** 0.5
    mean = float(shift.mean())
    return Retest(
        len(pairs),
        _icc(first, second),
        weighted_kappa(first, second),
        mean,
        mean - half if deviation > 0 else None,
        mean + half if deviation > 0 else None,
        float((shift == 0).mean()),
        float((np.abs(shift) <= 1).mean()),
    )


def _icc(first: Array, second: Array) -> float | None:
    try:
        return intraclass_correlation(np.stack([first, second], 1)).single
    except CannotSayError:
        return None


def weighted_kappa(first: Array, second: Array) -> float | None:
    """Return Cohen's kappa with quadratic weights (Cohen 1968); None where no score varies."""
    by_chance = _chance(first, second)
    return None if by_chance == 0 else 1 - float(((first - second) ** 2).mean()) / by_chance


def _chance(first: Array, second: Array) -> float:
    """Mean squared distance of a random first from a random second."""
    return float(first.var() + second.var() + (first.mean() - second.mean()) ** 2)


def retest_by_rater(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the reliability of each rater with two or more repeats: pairs, shift, exact agreement, ICC."""
    rows = []
    for rater, own in pairs.groupby("rater", sort=False):
        if len(own) > 1:
            found = retest_reliability(own)
            rows.append((str(rater), found.pairs, found.icc, found.kappa, found.shift, found.exact))
    return pd.DataFrame(rows, columns=["rater", "pairs", "icc", "kappa", "shift", "exact"])
