"""The four-parameter logistic between a metric and MOS, for one sample or thousands of draws from it.

f(x) = b2 + (b1 - b2) / (1 + exp(-(x - b3) / b4)). Source: VQEG (2003), FR-TV phase II report.
For a given middle b3 and width b4 the curve is linear in b1 and b2, so the best PLCC over all curves is the
best correlation of y with the sigmoid alone: draws look it up on a grid
of sigmoids instead of fitting each anew.
N points, P pictures, B draws, G grid points.
"""

import numpy as np
from scipy.optimize import least_squares

from mos_app.analysis.arrays import Array, CannotSayError
from mos_app.analysis.statistics.correlation import Clusters

_MIDDLES, _WIDTHS = 96, 32
_DRAWS_AT_ONCE = 500


def logistic(x: Array, parameters: Array) -> Array:
    """Return f(x) for the four parameters b1, b2, b3, b4."""
    top, bottom, middle, width = parameters
    return np.asarray(bottom + (top - bottom) * _sigmoid(x, middle, width), dtype=float)


def fit_logistic(x: Array, y: Array) -> Array:
    """Return the (4,) least-squares parameters, b4 positive: b1 < b2 where the curve falls."""
    if len(x) < 5:
        raise CannotSayError(f"a curve of four parameters needs five points, got {len(x)}.")
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        raise CannotSayError("the metric or the MOS does not vary: no curve to fit.")
    grid = sigmoid_grid(x)
    shapes = _sigmoid(x, grid[:, :1], grid[:, 1:])  # (G, N)
    centred = shapes - shapes.mean(1, keepdims=True)
    slope = centred @ (y - y.mean()) / (centred**2).sum(1)
    best = int(np.argmax(slope * (centred @ (y - y.mean()))))
    bottom = float(y.mean() - slope[best] * shapes[best].mean())
    start = np.array([bottom + slope[best], bottom, grid[best, 0], grid[best, 1]])
    return _polished(x, y, start)


def _polished(x: Array, y: Array, start: Array) -> Array:
    """Return the least-squares curve near `start`, within the widths and middles of the grid."""
    spread, tall = float(np.ptp(x)), 50 * float(np.ptp(y))
    low = [start[0] - tall, start[1] - tall, x.min() - 0.5 * spread, 0.01 * spread]
    high = [start[0] + tall, start[1] + tall, x.max() + 0.5 * spread, 3.0 * spread]
    scale = [np.ptp(y), np.ptp(y), spread, spread]
    start = np.clip(start, np.nextafter(low, np.inf), np.nextafter(high, -np.inf))

    def residuals(parameters: Array) -> Array:
        return logistic(x, parameters) - y

    found = least_squares(residuals, start, bounds=(low, high), x_scale=scale)
    return np.asarray(found.x, dtype=float)


def sigmoid_grid(x: Array) -> Array:
    """Return (G, 2) middles and widths that cover steps to nearly straight lines over the range of x."""
    low, spread = float(x.min()), float(np.ptp(x))
    middles = np.linspace(low - 0.5 * spread, low + 1.5 * spread, _MIDDLES)
    widths = spread * np.geomspace(0.02, 2.0, _WIDTHS)
    return np.stack(np.meshgrid(middles, widths, indexing="ij"), -1).reshape(-1, 2)


def refitted_draws(x: Array, y: Array, clusters: Clusters, curve: Array) -> tuple[Array, Array]:
    """Return (B,) PLCC and (B,) RMSE of the curve refitted to each draw; `curve` joins the grid."""
    grid = np.concatenate([sigmoid_grid(x), curve[None, 2:]])
    y = y - y.mean()
    shapes = _sigmoid(x, grid[:, :1], grid[:, 1:])
    shapes -= shapes.mean(1, keepdims=True)
    sums = [clusters.sum_by_picture(part) for part in (shapes, shapes**2, shapes * y)]  # (G, P) each
    scalars = [clusters.sum_by_picture(part[None])[0] for part in (np.ones_like(y), y, y**2)]
    found = [
        _best_of_grid(counts, sums, scalars)
        for counts in np.split(clusters.counts, range(_DRAWS_AT_ONCE, len(clusters.counts), _DRAWS_AT_ONCE))
    ]
    return np.concatenate([plcc for plcc, _ in found]), np.concatenate([rmse for _, rmse in found])


def _best_of_grid(counts: Array, sums: list[Array], scalars: list[Array]) -> tuple[Array, Array]:
    n, sy, syy = (counts @ part for part in scalars)
    s, ss, sxy = (counts @ part.T for part in sums)  # (B, G)
    variance_y = np.maximum(syy / n - (sy / n) ** 2, 0.0)
    variance_s = ss / n[:, None] - (s / n[:, None]) ** 2
    covariance = sxy / n[:, None] - s * sy[:, None] / n[:, None] ** 2
    explained = np.where(variance_s > 1e-12, covariance**2 / np.maximum(variance_s, 1e-12), 0.0).max(1)
    explained = np.minimum(explained, variance_y)
    plcc = np.sqrt(np.divide(explained, variance_y, out=np.full(len(n), np.nan), where=variance_y > 1e-12))
    return plcc, np.sqrt(variance_y - explained)


def _sigmoid(x: Array, middle: Array | float, width: Array | float) -> Array:
    return np.asarray(1 / (1 + np.exp(-np.clip((x - middle) / width, -60, 60))), dtype=float)
