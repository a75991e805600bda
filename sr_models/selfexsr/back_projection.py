"""Back-projection: the enlarged picture, made smaller again, must be the picture it came from."""

from functools import lru_cache

import numpy as np
from scipy import sparse

from sr_models.selfexsr.pyramid import Pixels, bicubic, both_ways

# h, w of the small picture; H, W of the large one.

ITERATIONS = 20
_SIGMA = 1.0  # of the 5x5 Gaussian, which is squared


def back_project(large: Pixels, small: Pixels, iterations: int = ITERATIONS) -> Pixels:
    """Return large after so many steps of x += U(small - D x).

    D shrinks by bicubic `imresize`; U enlarges by it and filters with the squared Gaussian. Both are
    linear, so the steps run on the small residual alone: e_0 = small - D x_0, e_(i+1) = e_i - D U e_i, x_n
    = x_0 + U sum(e_i).
    """
    (down_rows, up_rows), (down_columns, up_columns) = (
        _down_up(n_small, n_large) for n_small, n_large in zip(small.shape[:2], large.shape[:2], strict=True)
    )
    around_rows, around_columns = down_rows @ up_rows, down_columns @ up_columns
    residual = small - both_ways(down_rows, large, down_columns)
    total = residual.copy()
    for _ in range(iterations - 1):
        residual = residual - both_ways(around_rows, residual, around_columns)
        total += residual
    return large + both_ways(up_rows, total, up_columns)


@lru_cache(maxsize=32)
def _down_up(n_small: int, n_large: int) -> tuple[sparse.csr_array, sparse.csr_array]:
    """Return D (n_small, n_large) and U (n_large, n_small) of one axis."""
    return bicubic(n_large, n_small), (_filter(n_large) @ bicubic(n_small, n_large)).tocsr()


def _filter(n: int) -> sparse.csr_array:
    """Return the (n, n) matrix of the squared 5-tap Gaussian with sum 1, zero outside the picture."""
    taps = np.exp(-(np.arange(-2, 3) ** 2) / (2 * _SIGMA**2)) ** 2
    dense = sum(np.eye(n, k=k) * tap for k, tap in zip(range(-2, 3), taps / taps.sum(), strict=True))
    return sparse.csr_array(np.asarray(dense, np.float32))
