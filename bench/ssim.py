"""SSIM of Wang et al. (IEEE TIP 13(4), 2004), 'valid' windows only, as fast as matrix products make it."""

from functools import cache

import numpy as np
import numpy.typing as npt

from sr_models.data.errors import InputError

# H height, W width, K window side, B rows filtered at once.

K = 11
SIGMA = 1.5
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_BLOCK = 32
_Float = npt.NDArray[np.float32]


def wang_ssim(sr: npt.NDArray[np.generic], hr: npt.NDArray[np.generic]) -> float:
    """Return the mean SSIM of two planes (H, W), 0-255: 11x11 Gaussian, sigma 1.5, population covariance.

    Raises InputError where a plane is smaller than the window.
    """
    if min(sr.shape) < K:
        raise InputError(
            f"SSIM needs at least {K}x{K} pixels after cropping, {sr.shape[1]}x{sr.shape[0]} came"
        )
    centre = np.float32(hr.mean())  # variances are then differences of small numbers: float32 is enough
    x = sr.astype(np.float32) - centre
    y = hr.astype(np.float32) - centre
    mx, my, power, product = _window(x), _window(y), _window(x * x + y * y), _window(x * y)
    together = mx * my
    both = mx * mx + my * my
    covariance = product - together
    variances = power - both
    shift = centre * (mx + my) + centre * centre  # (mx + c)(my + c) = mx my + shift
    luminance = (2 * (together + shift) + np.float32(C1)) / (both + 2 * shift + np.float32(C1))
    contrast = (2 * covariance + np.float32(C2)) / (variances + np.float32(C2))
    return float(np.mean(luminance * contrast, dtype=np.float64))


def _window(plane: _Float) -> _Float:
    """Gaussian means over all windows inside the plane: (H, W) -> (H - K + 1, W - K + 1)."""
    return _down(_down(plane).T).T


def _down(plane: _Float) -> _Float:
    """Filter along the first axis: blocks of rows, each one small banded matrix product."""
    n_out = plane.shape[0] - K + 1
    whole = n_out // _BLOCK * _BLOCK
    result = np.empty((n_out, plane.shape[1]), np.float32)
    for top in range(0, whole, _BLOCK):
        np.matmul(_band(_BLOCK), plane[top : top + _BLOCK + K - 1], out=result[top : top + _BLOCK])
    if whole < n_out:
        result[whole:] = _band(n_out - whole) @ plane[whole:]
    return result


@cache
def _band(n: int) -> _Float:
    """(n, n + K - 1): row i holds the Gaussian from column i on."""
    offsets = np.arange(K) - K // 2
    taps = np.exp(-(offsets**2) / (2 * SIGMA**2))
    taps /= taps.sum()
    band = np.zeros((n, n + K - 1), np.float32)
    for row in range(n):
        band[row, row : row + K] = taps
    return band
