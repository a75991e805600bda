"""SSIM of Wang et al. (IEEE TIP 13(4), 2004), 'valid' windows only, as fast as matrix products make it."""

from functools import cache

import numpy as np
import numpy.typing as npt

from sr_models.data.errors import InputError

# H height, W width, K window side, B output rows of a strip (the last one may have fewer).

K = 11
SIGMA = 1.5
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_STRIP = 64  # rows at once: everything a strip needs stays in the cache
_BLOCK = 64  # columns filtered by one matrix product
_Float = npt.NDArray[np.float32]


def wang_ssim(sr: npt.NDArray[np.generic], hr: npt.NDArray[np.generic], *, clamped: bool = False) -> float:
    """Return the mean SSIM of two planes (H, W), 0-255: 11x11 Gaussian, sigma 1.5, population covariance.

    clamped: the contrast-structure term is at least 0, as real-world tables have it.
    Raises InputError where a plane is smaller than the window.
    Raises InputError where a plane is smaller than the window.
    """
    height, width = int(hr.shape[0]), int(hr.shape[1])
    if min(height, width) < K:
        raise InputError(f"SSIM: expected at least {K}x{K} pixels after cropping, got {width}x{height}")
    centre = float(hr.mean())  # variances are then differences of small numbers: float32 is enough
    x = np.subtract(sr, np.float32(centre), dtype=np.float32)
    y = np.subtract(hr, np.float32(centre), dtype=np.float32)
    total, n_windows = 0.0, (height - K + 1) * (width - K + 1)
    for top in range(0, height - K + 1, _STRIP):
        rows = slice(top, min(top + _STRIP, height - K + 1) + K - 1)
        total += float(_ssim_map(x[rows], y[rows], centre, clamped).sum(dtype=np.float64))
    return total / n_windows


def _ssim_map(x: _Float, y: _Float, centre: float, clamped: bool) -> _Float:
    """SSIM of every window of a strip (B + K - 1, W) -> (B, W - K + 1); both planes have centre taken off."""
    mx, my, power, product = _windows(np.stack([x, y, x * x + y * y, x * y]))
    together, both = mx * my, mx * mx + my * my
    shift = centre * (mx + my) + centre * centre  # (mx + centre)(my + centre) = together + shift
    luminance = (2 * (together + shift) + C1) / (both + 2 * shift + C1)
    contrast = (2 * (product - together) + C2) / (power - both + C2)
    if clamped:
        np.maximum(contrast, 0, out=contrast)
    values: _Float = luminance * contrast
    return values


def _windows(planes: _Float) -> _Float:
    """Gaussian means over all windows: (4, B + K - 1, W) -> (4, B, W - K + 1), as banded matrix products."""
    down = _band(planes.shape[1] - K + 1) @ planes
    n_out = planes.shape[2] - K + 1
    result = np.empty((*down.shape[:2], n_out), np.float32)
    for left in range(0, n_out, _BLOCK):
        n = min(_BLOCK, n_out - left)
        np.matmul(down[:, :, left : left + n + K - 1], _band(n).T, out=result[:, :, left : left + n])
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
