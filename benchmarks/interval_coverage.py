"""How often four 95 % intervals of a mean difference cover it, on samples of a real run's differences.

The BSD100 pictures of results/reference stand for all pictures; samples of n are drawn from them many times.
docs/decisions/0061 quotes the result.

    python benchmarks/interval_coverage.py
"""

import math
from pathlib import Path

import numpy as np
from scipy import special, stats

from bench.analysis.columns import columns
from bench.analysis.paired import Array, bootstrap_intervals
from bench.store.table import read_scores

PAIRS = (("espcn", "bicubic"), ("srcnn-955", "srcnn"), ("espcn", "nearest"), ("espcn", "srcnn"))
SAMPLES, DRAWS = 2000, 2000


def main() -> None:
    """Print a Markdown table: the mean and the worst coverage over pairs and metrics."""
    scores = [
        score
        for score in read_scores(Path(__file__).parents[1] / "results" / "reference")
        if (score.dataset, score.protocol) == ("BSD100", "matlab")
    ]
    populations = [column.differences(*pair) for column in columns(scores) for pair in PAIRS]
    names = ("studentised", "percentile", "BCa", "Student's t")
    print(f"| n | {' | '.join(names)} |\n|---:|{'---:|' * len(names)}")
    for n in (5, 8, 14, 30, 100):
        covered = np.array([coverage(population, n) for population in populations])
        cells = zip(covered.mean(0), covered.min(0), strict=True)
        print(f"| {n} | {' | '.join(f'{mean:.3f} ({worst:.3f})' for mean, worst in cells)} |")


def coverage(population: Array, n: int) -> list[float]:
    """Return the share of samples whose interval holds the population's mean, for each kind of interval."""
    samples = np.random.default_rng(1).choice(population, (SAMPLES, n))
    studentised = np.array(
        [ends or (np.nan, np.nan) for ends in bootstrap_intervals(list(samples), draws=DRAWS)]
    )
    weights = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=DRAWS).T / n
    means = samples @ weights  # (SAMPLES, DRAWS)
    half = stats.t.ppf(0.975, n - 1) * samples.std(1, ddof=1) / math.sqrt(n)
    kinds = [
        studentised,
        np.quantile(means, [0.025, 0.975], axis=1).T,
        bca(samples, means),
        np.stack([samples.mean(1) - half, samples.mean(1) + half], axis=1),
    ]
    wanted = population.mean()
    return [float(((low <= wanted) & (wanted <= high)).mean()) for low, high in (kind.T for kind in kinds)]


def bca(samples: Array, means: Array) -> Array:
    """Return Efron's bias-corrected and accelerated interval (1987, JASA 82, 171), (SAMPLES, 2)."""
    away = samples - samples.mean(1, keepdims=True)
    acceleration = (away**3).sum(1) / (6 * (away**2).sum(1) ** 1.5)
    bias = special.ndtri((means < samples.mean(1, keepdims=True)).mean(1))
    edge = bias[:, None] + special.ndtri([0.025, 0.975])
    shares = special.ndtr(bias[:, None] + edge / (1 - acceleration[:, None] * edge))
    return np.array([np.quantile(row, share) for row, share in zip(means, shares, strict=True)])


if __name__ == "__main__":
    main()
