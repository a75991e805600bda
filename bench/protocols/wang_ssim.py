"""SSIM of Wang et al. (IEEE TIP 13(4), 2004), 'valid' windows only, in one compiled pass over the planes."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from sr_models.data.errors import InputError

# H height, W width, K window side.

K = 11
SIGMA = 1.5
C1, C2 = np.float32((0.01 * 255) ** 2), np.float32((0.03 * 255) ** 2)
_UNCLAMPED = np.float32(-1e30)  # below every contrast term; infinity is nothing that fast arithmetic knows
_TWO = np.float32(2)  # 2 would be a float64 to the compiler
_Float = npt.NDArray[np.float32]
_offsets = np.arange(K) - K // 2
_gaussian = np.exp(-(_offsets**2) / (2 * SIGMA**2))
TAPS = (_gaussian / _gaussian.sum()).astype(np.float32)
jit = njit(cache=True, nogil=True, fastmath=True, error_model="numpy")


@dataclass(frozen=True)
class Reference:
    """What SSIM needs to know of HR: made once, compared with every model's picture."""

    centre: float
    """The plane's mean; without it variances are differences of small numbers, and float32 is enough."""
    plane: _Float
    """(H, W), the centre taken off."""
    means: _Float
    """(H - K + 1, W - K + 1): of each window, ..."""
    powers: _Float
    """... and of its squares."""


def reference(hr: npt.NDArray[np.generic]) -> Reference:
    """Return HR's half of SSIM for a plane (H, W), 0-255; InputError where it is smaller than the window."""
    height, width = int(hr.shape[0]), int(hr.shape[1])
    if min(height, width) < K:
        raise InputError(f"SSIM: expected at least {K}x{K} pixels after cropping, got {width}x{height}")
    centre = float(hr.mean())
    plane = np.subtract(hr, np.float32(centre), dtype=np.float32)
    return Reference(centre, plane, *_moments(plane, TAPS))


def wang_ssim(
    sr: npt.NDArray[np.generic], hr: npt.NDArray[np.generic] | Reference, *, clamped: bool = False
) -> float:
    """Return the mean SSIM of two planes (H, W), 0-255: 11x11 Gaussian, sigma 1.5, population covariance.

    clamped: the contrast-structure term is at least 0, as real-world tables have it.
    Raises InputError where a plane is smaller than the window.
    """
    half = hr if isinstance(hr, Reference) else reference(hr)
    x = np.subtract(sr, np.float32(half.centre), dtype=np.float32)
    least = np.float32(0) if clamped else _UNCLAMPED
    return float(_mean_ssim(x, half.plane, half.means, half.powers, np.float32(half.centre), TAPS, least))


@jit
def _moments(y, taps):  # type: ignore[no-untyped-def]
    """Gaussian means of a plane (H, W) and of its squares over all windows, (H - K + 1, W - K + 1) each."""
    height, width = y.shape
    means = np.empty((height - K + 1, width - K + 1), np.float32)
    powers = np.empty_like(means)
    first, second = np.empty(width, np.float32), np.empty(width, np.float32)
    for row in range(means.shape[0]):
        for c in range(width):
            m = p = np.float32(0)
            for k in range(K):
                value = y[row + k, c]
                weighted = taps[k] * value
                m += weighted
                p += weighted * value
            first[c], second[c] = m, p
        for c in range(means.shape[1]):
            m = p = np.float32(0)
            for k in range(K):
                m += taps[k] * first[c + k]
                p += taps[k] * second[c + k]
            means[row, c], powers[row, c] = m, p
    return means, powers


@jit
def _mean_ssim(x, y, y_means, y_powers, centre, taps, least):  # type: ignore[no-untyped-def]
    """Mean over all windows; x and y (H, W) have the centre taken off; no contrast term is below least."""
    width = x.shape[1]
    n_rows, n_columns = y_means.shape
    first, second = np.empty(width, np.float32), np.empty(width, np.float32)
    third = np.empty(width, np.float32)
    total = np.float64(0)
    for row in range(n_rows):
        for c in range(width):
            m = p = q = np.float32(0)
            for k in range(K):
                value = x[row + k, c]
                weighted = taps[k] * value
                m += weighted
                p += weighted * value
                q += weighted * y[row + k, c]
            first[c], second[c], third[c] = m, p, q
        line = np.float32(0)
        for c in range(n_columns):
            mx = power = product = np.float32(0)
            for k in range(K):
                mx += taps[k] * first[c + k]
                power += taps[k] * second[c + k]
                product += taps[k] * third[c + k]
            my = y_means[row, c]
            together, both = mx * my, mx * mx + my * my
            shift = centre * (mx + my + centre)  # (mx + centre)(my + centre) = together + shift
            above = (_TWO * (together + shift) + C1) * max(_TWO * (product - together) + C2, least)
            below = (both + _TWO * shift + C1) * (power + y_powers[row, c] - both + C2)
            line += above / below
        total += line
    return total / (n_rows * n_columns)
