"""Rank correlations of a metric with MOS in thousands of cluster draws at once, exactly as each draw's own.

Pictures are the clusters: a draw takes a picture with all its versions. N points, P pictures, B draws.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mos_app.analysis.arrays import Array

_DRAWS_AT_ONCE = 250


@dataclass(frozen=True)
class Clusters:
    """Which picture each point belongs to, and how often each picture was drawn."""

    picture: npt.NDArray[np.intp]
    """(N,) index of the point's picture."""
    counts: Array
    """(B, P)"""

    def sum_by_picture(self, table: Array) -> Array:
        """Return (rows, P): the columns of each picture added up."""
        order = np.argsort(self.picture, kind="stable")
        starts = np.searchsorted(self.picture[order], np.arange(self.counts.shape[1]))
        return np.asarray(np.add.reduceat(table[:, order], starts, axis=1), dtype=float)


def weighted_pearson(x: Array, y: Array, weights: Array) -> Array:
    """Return (B,) Pearson's r for (B, N) weights; x and y are (N,) or (B, N). NaN where a side does not
    vary.
    """
    total = weights.sum(-1, keepdims=True)
    dx = x - (weights * x).sum(-1, keepdims=True) / total
    dy = y - (weights * y).sum(-1, keepdims=True) / total
    sxx, syy, sxy = ((weights * a * b).sum(-1) for a, b in ((dx, dx), (dy, dy), (dx, dy)))
    usable = (sxx > 1e-12) & (syy > 1e-12)
    return np.where(usable, sxy / np.sqrt(np.where(usable, sxx * syy, 1.0)), np.nan)


def cluster_spearman(x: Array, y: Array, clusters: Clusters) -> Array:
    """Return (B,) Spearman's rho: Pearson's r of the mid-ranks within each draw."""
    below_x, below_y = _below_by_picture(x, clusters), _below_by_picture(y, clusters)
    found = []
    for start in range(0, len(clusters.counts), _DRAWS_AT_ONCE):
        counts = clusters.counts[start : start + _DRAWS_AT_ONCE]
        found.append(weighted_pearson(counts @ below_x.T, counts @ below_y.T, counts[:, clusters.picture]))
    return np.concatenate(found)


def _below_by_picture(values: Array, clusters: Clusters) -> Array:
    """Return (N, P): of each picture, the points below each point and half of those alike.

    Weighted with a draw's counts and summed over pictures it is the mid-rank in that draw, up to a constant.
    """
    columns = []
    for index in range(clusters.counts.shape[1]):
        own = np.sort(values[clusters.picture == index])
        columns.append((np.searchsorted(own, values, "left") + np.searchsorted(own, values, "right")) / 2)
    return np.stack(columns, 1)


def cluster_kendall(x: Array, y: Array, clusters: Clusters) -> Array:
    """Return (B,) Kendall's tau-b of each draw."""
    pictures = clusters.counts.shape[1]
    tables = np.zeros((3, pictures, pictures))  # concordance, pairs untied in x, pairs untied in y
    for index in range(pictures):
        own = clusters.picture == index
        sx, sy = np.sign(x[own, None] - x), np.sign(y[own, None] - y)
        sums = np.stack([(sx * sy).sum(0), (sx != 0).sum(0), (sy != 0).sum(0)])
        tables[:, index] = clusters.sum_by_picture(sums)
    concordant, untied_x, untied_y = (((clusters.counts @ t) * clusters.counts).sum(1) for t in tables)
    usable = (untied_x > 0) & (untied_y > 0)
    return np.where(usable, concordant / np.sqrt(np.where(usable, untied_x * untied_y, 1.0)), np.nan)
