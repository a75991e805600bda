"""The four-parameter logistic between a metric and MOS, fitted to one weighting or to thousands at once.

f(x) = b2 + (b1 - b2) / (1 + exp(-(x - b3) / b4)). Source: VQEG (2003), phase II report; ITU-T P.1401 allows
other monotonic maps. N points, B weightings.
"""

import numpy as np

from mos_app.analysis.arrays import Array, CannotSayError

_STEPS = 60


def logistic(x: Array, parameters: Array) -> Array:
    """Return f(x) of shape (..., N) for parameters (..., 4)."""
    top, bottom, middle, width = np.moveaxis(parameters[..., None, :], -1, 0)
    return np.asarray(bottom + (top - bottom) * _sigmoid((x - middle) / width), dtype=float)


def _sigmoid(z: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-np.clip(z, -60, 60))), dtype=float)


def fit_logistic(x: Array, y: Array) -> Array:
    """Return the (4,) least-squares parameters; the slope may be falling, for metrics where lower is better."""
    if len(x) < 5:
        raise CannotSayError(f"a curve of four parameters needs five points, came {len(x)}.")
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        raise CannotSayError("the metric or the MOS does not vary: no curve to fit.")
    deviation = float(x.std())
    sign = 1.0 if np.corrcoef(x, y)[0, 1] >= 0 else -1.0
    starts = np.array(
        [
            [y.max(), y.min(), np.quantile(x, q), sign * deviation * w]
            for q in (0.25, 0.5, 0.75)
            for w in (0.25, 1.0)
        ]
    )
    weights = np.ones((len(starts), len(x)))
    fits = refine_logistic(x, y, weights, starts)
    loss = ((logistic(x, fits) - y) ** 2).sum(1)
    return np.asarray(fits[np.nanargmin(loss)], dtype=float)


def refine_logistic(x: Array, y: Array, weights: Array, start: Array) -> Array:
    """Return (B, 4) least-squares parameters for (B, N) weights, by Levenberg-Marquardt from `start` (B, 4)."""
    scale = np.array([np.ptp(y), np.ptp(y), x.std(), x.std()])  # damping acts alike on every parameter
    parameters, damping = start.astype(float), np.full(len(start), 1e-2)
    loss = _loss(x, y, weights, parameters)
    for _ in range(_STEPS):
        slopes = _slopes(x, parameters) * scale  # (B, N, 4)
        weighted = slopes * weights[..., None]
        normal = np.swapaxes(weighted, 1, 2) @ slopes
        descent = np.einsum("bnk,bn->bk", weighted, y - logistic(x, parameters))
        ridge = damping[:, None] * (np.diagonal(normal, axis1=1, axis2=2) + 1e-9)
        step = np.linalg.solve(normal + ridge[:, :, None] * np.eye(4), descent[..., None])[..., 0] * scale
        tried = _kept_wide(parameters + step, scale[2])
        tried_loss = _loss(x, y, weights, tried)
        better = tried_loss < loss
        gain = np.where(better, loss - tried_loss, 0.0) / np.maximum(loss, 1e-12)
        parameters = np.where(better[:, None], tried, parameters)
        loss = np.where(better, tried_loss, loss)
        damping = np.clip(np.where(better, damping / 4, damping * 6), 1e-9, 1e9)
        if (gain < 1e-9).all() and (damping > 1).all() or (better & (gain < 1e-10)).all():
            break
    return parameters


def _kept_wide(parameters: Array, spread: float) -> Array:
    """Keep the width away from 0, where the curve becomes a step and its slope is lost."""
    width = parameters[:, 3]
    floor = 0.01 * spread
    kept = np.where(np.abs(width) < floor, np.where(width < 0, -floor, floor), width)
    return np.concatenate([parameters[:, :3], kept[:, None]], 1)


def _loss(x: Array, y: Array, weights: Array, parameters: Array) -> Array:
    return np.asarray((weights * (y - logistic(x, parameters)) ** 2).sum(1), dtype=float)


def _slopes(x: Array, parameters: Array) -> Array:
    """Return (B, N, 4) derivatives of f by its parameters."""
    top, bottom, middle, width = (parameters[:, i, None] for i in range(4))
    z = (x - middle) / width
    s = _sigmoid(z)
    by_z = (top - bottom) * s * (1 - s)
    return np.stack([s, 1 - s, -by_z / width, -by_z * z / width], -1)
