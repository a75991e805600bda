"""How often each test calls two equal methods different: the reason for the crossed test."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from mos_app.analysis.arrays import Array
from mos_app.analysis.statistics.crossed import crossed_mean
from mos_app.analysis.statistics.simulation import StudyVariances, simulate_scores

_BATCH = 50  # studies held in memory at once


@dataclass(frozen=True)
class NullStudies:
    """p values of simulated studies of two methods with equal means; each of shape (studies,)."""

    crossed: Array
    wilcoxon_ratings: Array
    """The paper's: Wilcoxon over all pairs of ratings."""
    wilcoxon_pictures: Array
    """Wilcoxon over picture means: pictures random, raters not."""


def simulate_null_studies(
    studies: int, variances: StudyVariances, *, raters: int, pictures: int, seed: int, difference: float = 0.0
) -> NullStudies:
    """Return the p values of `studies` simulated studies; with a `difference` they are no longer null."""
    rng = np.random.default_rng(seed)
    found: list[tuple[Array, Array, Array]] = []
    means = np.array([3.0 + difference, 3.0])
    for start in range(0, studies, _BATCH):
        size = min(_BATCH, studies - start)
        scores = [
            simulate_scores(means, variances, raters=raters, pictures=pictures, rng=rng) for _ in range(size)
        ]
        found.append(_p_values(np.stack([a - b for a, b in scores])))
    crossed, ratings, means_only = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return NullStudies(crossed, ratings, means_only)


def _p_values(differences: Array) -> tuple[Array, Array, Array]:
    pooled = differences.reshape(len(differences), -1)
    return crossed_mean(differences).p, _wilcoxon(pooled), _wilcoxon(differences.mean(1).round(9))


def _wilcoxon(rows: Array) -> Array:
    return np.asarray(stats.wilcoxon(rows, axis=1, zero_method="wilcox", method="approx").pvalue, dtype=float)
