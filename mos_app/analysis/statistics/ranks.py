"""Average ranks: where each method stood in each rater's eyes on each picture, 1 the best."""

import numpy as np
import pandas as pd
from scipy import stats

from mos_app.analysis.arrays import Array, CannotSayError
from mos_app.analysis.input.panel import Crossing
from mos_app.analysis.statistics.bootstrap import Draws, bootstrap_means, percentile_interval


def average_ranks(crossing: Crossing, draws: Draws, *, unranked: str) -> pd.DataFrame:
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
    low, high = percentile_interval(bootstrap_means(ranks, draws))
    columns = {
        "dataset": crossing.name,
        "method": methods,
        "cells": cells,
        "rank": np.nanmean(ranks, axis=(1, 2)),
    }
    return pd.DataFrame(columns).assign(boot_low=low, boot_high=high)


def _ranks(scores: Array) -> Array:
    """Return (M, R, P) ranks over methods, 1 for the highest score; NaN where a method was not rated."""
    complete = ~np.isnan(scores).any(0)
    ranks = stats.rankdata(-np.where(complete, scores, 0.0), axis=0)
    return np.where(complete, ranks, np.nan)
