"""Variance components of a two-way table with one observation a cell, some of them missing.

Shapes: (..., A, B); leading axes are independent tables, solved together.
"""

from dataclasses import dataclass

import numpy as np

from mos_app.analysis.arrays import Array


@dataclass(frozen=True)
class Components:
    """Estimates of y[a, b] = mean + A[a] + B[b] + e[a, b], A, B and e random; each of shape (...)."""

    mean: Array
    """Mean over the observed cells."""
    first: Array
    """Variance of A. May be negative: an unbiased estimate of a small variance is, half of the time."""
    second: Array
    residual: Array
    """Interaction and noise, which one observation a cell cannot tell apart."""
    cells: Array
    first_levels: Array
    second_levels: Array
    first_share: Array
    """Sum over a of (cells of a / cells)^2: the weight of `first` in the variance of `mean`."""
    second_share: Array


def two_way_components(table: Array) -> Components:
    """Return the components by Henderson's method 1, which is the two-way ANOVA where no cell is missing.

    Source: Searle, Casella & McCulloch, Variance Components (1992), section 5.3. NaN marks a missing cell.
    A component that the table cannot give (fewer than two levels) comes back as NaN.
    """
    seen = ~np.isnan(table)
    cells = seen.sum((-2, -1)).astype(float)
    per_first, per_second = seen.sum(-1).astype(float), seen.sum(-2).astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.nansum(table, axis=(-2, -1)) / cells
        centred = np.where(seen, table - mean[..., None, None], 0.0)
        between_first = _sum_of_mean_squares(centred.sum(-1), per_first)
        between_second = _sum_of_mean_squares(centred.sum(-2), per_second)
        first_share = (per_first**2).sum(-1) / cells**2
        second_share = (per_second**2).sum(-1) / cells**2
    total = (centred**2).sum((-2, -1))
    a, b = (per_first > 0).sum(-1).astype(float), (per_second > 0).sum(-1).astype(float)
    ka, kb = first_share * cells, second_share * cells
    left = np.stack(
        [
            np.stack([cells - ka, a - kb, a - 1], -1),
            np.stack([b - ka, cells - kb, b - 1], -1),
            np.stack([ka - b, kb - a, cells - a - b + 1], -1),
        ],
        -2,
    )
    right = np.stack([between_first, between_second, total - between_first - between_second], -1)
    first, second, residual = np.moveaxis(_solve_where_possible(left, right), -1, 0)
    return Components(mean, first, second, residual, cells, a, b, first_share, second_share)


def _sum_of_mean_squares(sums: Array, counts: Array) -> Array:
    squares: Array = np.where(counts > 0, sums**2 / np.maximum(counts, 1), 0.0)
    return np.asarray(squares.sum(-1), dtype=float)


def _solve_where_possible(left: Array, right: Array) -> Array:
    """Return the solution of each 3 x 3 system, NaN where it has none."""
    solvable = np.asarray(np.isfinite(left).all((-2, -1)) & np.isfinite(right).all(-1))
    solvable = solvable & np.asarray(
        np.abs(np.linalg.det(np.where(solvable[..., None, None], left, 0.0))) > 1e-9
    )
    safe = np.where(solvable[..., None, None], left, np.eye(3))
    return np.where(solvable[..., None], np.linalg.solve(safe, right[..., None])[..., 0], np.nan)
