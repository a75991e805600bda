"""Correlations of a metric with MOS in thousands of cluster draws at once, exactly as each draw's own.

Pictures are the clusters: a draw takes a picture with all its versions. N points, P pictures, B draws.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mos_app.analysis.arrays import Array


@dataclass(frozen=True)
class Clusters:
    """Which picture each point belongs to, and how often each picture was drawn."""

    picture: npt.NDArray[np.intp]
    """(N,) index of the point's picture."""
    counts: Array
    """(B, P)"""

    @property
    def weights(self) -> Array:
        """(B, N): how often each point is in each draw."""
        return self.counts[:, self.picture]


def weighted_pearson(x: Array, y: Array, weights: Array) -> Array:
    """Return (B,) Pearson's r; x and y are (N,) or (B, N). NaN where a side does not vary."""
    total = weights.sum(-1, keepdims=True)
    dx = x - (weights * x).sum(-1, keepdims=True) / total
    dy = y - (weights * y).sum(-1, keepdims=True) / total
    sxx, syy, sxy = ((weights * a * b).sum(-1) for a, b in ((dx, dx), (dy, dy), (dx, dy)))
    usable = (sxx > 1e-12) & (syy > 1e-12)
    return np.where(usable, sxy / np.sqrt(np.where(usable, sxx * syy, 1.0)), np.nan)


def cluster_spearman(x: Array, y: Array, clusters: Clusters) -> Array:
    """Return (B,) Spearman's rho: Pearson's r of the mid-ranks within each draw."""
    return weighted_pearson(_midranks(x, clusters), _midranks(y, clusters), clusters.weights)


def _midranks(values: Array, clusters: Clusters) -> Array:
    """Return (B, N) mid-ranks up to a constant: points below, and half of the points alike."""
    below = (values[None] < values[:, None]) + 0.5 * (values[None] == values[:, None])  # (N, N)
    return np.asarray(clusters.counts @ _sum_by_picture(below, clusters).T, dtype=float)


def cluster_kendall(x: Array, y: Array, clusters: Clusters) -> Array:
    """Return (B,) Kendall's tau-b of each draw."""
    sx, sy = np.sign(x[:, None] - x[None]), np.sign(y[:, None] - y[None])
    parts = (sx * sy, sx * sx, sy * sy)
    concordant, untied_x, untied_y = (_quadratic(part, clusters) for part in parts)
    usable = (untied_x > 0) & (untied_y > 0)
    return np.where(usable, concordant / np.sqrt(np.where(usable, untied_x * untied_y, 1.0)), np.nan)


def _quadratic(pairwise: Array, clusters: Clusters) -> Array:
    """Return (B,) sums over all pairs of drawn points of a (N, N) table."""
    by_pair = _sum_by_picture(_sum_by_picture(pairwise, clusters).T, clusters)  # (P, P)
    return np.asarray(((clusters.counts @ by_pair) * clusters.counts).sum(1), dtype=float)


def _sum_by_picture(table: Array, clusters: Clusters) -> Array:
    """Return (rows, P): columns of one picture added up."""
    member = np.zeros((len(clusters.picture), clusters.counts.shape[1]))
    member[np.arange(len(clusters.picture)), clusters.picture] = 1.0
    return np.asarray(table @ member, dtype=float)
