"""The two-way bootstrap: raters and pictures are both drawn again, independently.

Owen (2007), The pigeonhole bootstrap, Ann. Appl. Stat. 1, 386: its variance is not too small for crossed
data, and slightly too large, by about twice the residual variance over the number of ratings.
B draws, R raters, P pictures, K tables.
"""

from dataclasses import dataclass

import numpy as np

from mos_app.analysis.arrays import Array


@dataclass(frozen=True)
class Draws:
    """How often each rater and each picture was drawn."""

    raters: Array
    """(B, R)"""
    pictures: Array
    """(B, P)"""


def draw(raters: int, pictures: int, *, draws: int, seed: int) -> Draws:
    """Return seeded draws with replacement, as many as there are raters and pictures."""
    rng = np.random.default_rng(seed)
    return Draws(draw_counts(raters, draws, rng), draw_counts(pictures, draws, rng))


def draw_counts(size: int, draws: int, rng: np.random.Generator) -> Array:
    """Return (draws, size): how often each of `size` units was drawn."""
    return rng.multinomial(size, np.full(size, 1 / size), size=draws).astype(float)


def bootstrap_means(tables: Array, draws: Draws) -> Array:
    """Return (K, B): the mean of each (R, P) table in each draw; NaN cells are missing votes."""
    return np.stack([_bootstrap_mean(table, draws) for table in tables])


def _bootstrap_mean(table: Array, draws: Draws) -> Array:
    seen = ~np.isnan(table)
    total = ((draws.raters @ np.where(seen, table, 0.0)) * draws.pictures).sum(1)
    if seen.all():
        return np.asarray(total / table.size)  # every draw holds R x P cells
    count = ((draws.raters @ seen) * draws.pictures).sum(1)
    return np.asarray(np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0))


def percentile_interval(values: Array, level: float = 0.95) -> tuple[Array, Array]:
    """Return the percentile interval over the last axis; draws without any vote are passed over."""
    tail = 100 * (1 - level) / 2
    low, high = np.nanpercentile(values, [tail, 100 - tail], axis=-1)
    return low, high
