"""Average ranks: where each method stood in each rater's eyes on each picture, 1 the best."""

import numpy as np
import pandas as pd
from scipy import stats

from mos_app.analysis.arrays import Array, CannotSayError
from mos_app.analysis.input.panel import Crossing
from mos_app.analysis.statistics.crossed import crossed_mean


def average_ranks(crossing: Crossing, *, unranked: str) -> pd.DataFrame:
    """Return the average rank of each method over raters and pictures (SRGAN paper, Fig. 10), ties shared.

    `unranked` names the original, which takes no rank. A rater's picture counts where all methods were rated.
    """
    methods = tuple(m for m in crossing.methods if m != unranked)
    if len(methods) < 2:
        raise CannotSayError(f"ranks need two methods rated on {crossing.name}.")
    ranks = _ranks(crossing.of(methods).scores)
    cells = int((~np.isnan(ranks[0])).sum())
    if cells == 0:
        raise CannotSayError(
            f"no rater rated all methods of a picture of {crossing.name}, so there are no ranks."
        )
    low, high = crossed_mean(ranks).interval()
    columns = {
        "dataset": crossing.name,
        "method": methods,
        "cells": cells,
        "rank": np.nanmean(ranks, axis=(1, 2)),
    }
    return pd.DataFrame(columns).assign(t_low=np.maximum(low, 1.0), t_high=np.minimum(high, len(methods)))


def _ranks(scores: Array) -> Array:
    """Return (M, R, P) ranks over methods, 1 for the highest score; NaN where a method was not rated."""
    complete = ~np.isnan(scores).any(0)
    ranks = stats.rankdata(-np.where(complete, scores, 0.0), axis=0)
    return np.where(complete, ranks, np.nan)
