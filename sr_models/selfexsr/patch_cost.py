"""The distance of two patches: where nearly all of the time of SelfExSR goes."""

import numpy as np

from sr_models.selfexsr.transforms import jit

SIDE = 5  # patches are 5x5
REACH = SIDE // 2
SIGMA = 3.0  # of the Gaussian that weighs a patch's pixels
BIAS_LIMIT = 0.25  # of the correction of a patch's mean colour, per channel

_taps = np.exp(-(np.arange(-REACH, REACH + 1) ** 2) / (2 * SIGMA**2))
WEIGHTS = np.outer(_taps, _taps) / _taps.sum() ** 2

_WEIGHTS = WEIGHTS.astype(np.float32)
_OFFSETS = np.arange(-REACH, REACH + 1).astype(np.float32)
_SHARE = np.float32(1 / SIDE**2)
_LIMIT = np.float32(BIAS_LIMIT)
_ZERO, _TWO = np.float32(0), np.float32(2)


@jit
def patch_cost(target, t, t_row, soft, s, s_row, y, x, a, b, c, d):  # type: ignore[no-untyped-def]
    """Return the Gaussian-weighted squared RGB distance of two patches after the bias correction.

    Both pictures are float32 (P, 4). The target patch's first pixel is t and its rows are t_row apart. The
    source patch is sampled bilinearly at (y + a i + b j, x + c i + d j), i and j in -2..2, in the level that
    starts at s with rows s_row apart.
    """
    r_sum = g_sum = b_sum = _ZERO
    r_weighted = g_weighted = b_weighted = _ZERO
    squares = _ZERO
    for i in range(SIDE):
        row_y, row_x = y + a * _OFFSETS[i], x + c * _OFFSETS[i]
        for j in range(SIDE):
            py, px = row_y + b * _OFFSETS[j], row_x + d * _OFFSETS[j]
            iy, ix = np.int32(py), np.int32(px)
            v, u = py - np.float32(iy), px - np.float32(ix)
            at = s + np.int64(iy) * s_row + np.int64(ix)
            at_target = t + i * t_row + j
            weight = _WEIGHTS[i, j]
            red = _between(soft, at, s_row, u, v, 0) - target[at_target, 0]
            green = _between(soft, at, s_row, u, v, 1) - target[at_target, 1]
            blue = _between(soft, at, s_row, u, v, 2) - target[at_target, 2]
            r_sum += red
            g_sum += green
            b_sum += blue
            r_weighted += weight * red
            g_weighted += weight * green
            b_weighted += weight * blue
            squares += weight * (red * red + green * green + blue * blue)
    return (
        squares
        + _corrected(r_sum, r_weighted)
        + _corrected(g_sum, g_weighted)
        + _corrected(b_sum, b_weighted)
    )


@jit
def _between(pixels, at, row, u, v, channel):  # type: ignore[no-untyped-def]
    """Return a channel v of a row below and u of a pixel right of the pixel at."""
    upper = pixels[at, channel] + u * (pixels[at + 1, channel] - pixels[at, channel])
    lower = pixels[at + row, channel] + u * (pixels[at + row + 1, channel] - pixels[at + row, channel])
    return upper + v * (lower - upper)


@jit
def _corrected(total, weighted):  # type: ignore[no-untyped-def]
    """Return what correcting a channel's mean error adds to its weighted squares (weights sum to 1)."""
    bias = min(max(total * _SHARE, -_LIMIT), _LIMIT)
    return bias * (bias - _TWO * weighted)
