"""Voting: every pixel is the weighted mean of its values in the 25 patches that cover it."""

import numpy as np

from sr_models.selfexsr.patch_cost import BIAS_LIMIT, REACH, SIDE
from sr_models.selfexsr.transforms import COST, A, B, C, D, X, Y, in_level, in_soft_level, jit, nearest_level

# field (H, W, 7); target (H + 4, W + 4, 4).

DOUBT = np.float32(1e-3)  # a patch of this cost has half the vote of a perfect one
_LIMIT = np.float32(BIAS_LIMIT)


@jit
def find_biases(first, last, field, target, sources, bias):  # type: ignore[no-untyped-def]
    """Fill rows first..last-1 of bias (H, W, 3): the target's mean colour less its source's, limited."""
    for i in range(first, last):
        for j in range(field.shape[1]):
            f = field[i, j]
            level = nearest_level(f[A] * f[D] - f[B] * f[C], sources.up_to)
            fy, fx = sources.factor[level, 0], sources.factor[level, 1]
            y, x, a, b, c, d = in_soft_level(fy, fx, f[Y], f[X], f[A], f[B], f[C], f[D])
            red = green = blue = np.float32(0)
            for m in range(SIDE):
                for n in range(SIDE):
                    di, dj = np.float32(m - REACH), np.float32(n - REACH)
                    r, g, b_ = _bilinear(
                        sources.soft, sources.soft_place[level], y + a * di + b * dj, x + c * di + d * dj
                    )
                    t = target[i + m, j + n]
                    red += t[0] - r
                    green += t[1] - g
                    blue += t[2] - b_
            bias[i, j, 0] = min(max(red / SIDE**2, -_LIMIT), _LIMIT)
            bias[i, j, 1] = min(max(green / SIDE**2, -_LIMIT), _LIMIT)
            bias[i, j, 2] = min(max(blue / SIDE**2, -_LIMIT), _LIMIT)


@jit
def vote(first, last, field, bias, sources, out):  # type: ignore[no-untyped-def]
    """Fill rows first..last-1 of out (H, W, 3)."""
    height, width, _ = field.shape
    for i in range(first, last):
        for j in range(width):
            red = green = blue = total = np.float32(0)
            for ci in range(max(0, i - REACH), min(height, i + REACH + 1)):
                for cj in range(max(0, j - REACH), min(width, j + REACH + 1)):
                    f = field[ci, cj]
                    level = nearest_level(f[A] * f[D] - f[B] * f[C], sources.up_to)
                    fy, fx = sources.factor[level, 0], sources.factor[level, 1]
                    y, x, a, b, c, d = in_level(fy, fx, f[Y], f[X], f[A], f[B], f[C], f[D])
                    di, dj = np.float32(i - ci), np.float32(j - cj)
                    r, g, b_ = _bicubic(
                        sources.sharp, sources.sharp_place[level], y + a * di + b * dj, x + c * di + d * dj
                    )
                    weight = DOUBT / (DOUBT + f[COST])
                    red += weight * (r + bias[ci, cj, 0])
                    green += weight * (g + bias[ci, cj, 1])
                    blue += weight * (b_ + bias[ci, cj, 2])
                    total += weight
            out[i, j, 0], out[i, j, 1], out[i, j, 2] = red / total, green / total, blue / total


@jit
def _bilinear(pixels, place, y, x):  # type: ignore[no-untyped-def]
    """Return the three colours at (y, x) of a level."""
    iy, ix = int(y), int(x)
    v, u = y - np.float32(iy), x - np.float32(ix)
    k = place[0] + iy * place[1] + ix
    p, q, r, s = pixels[k], pixels[k + 1], pixels[k + place[1]], pixels[k + place[1] + 1]
    w11 = u * v
    w10, w01 = v - w11, u - w11
    w00 = np.float32(1) - u - w10
    return (
        w00 * p[0] + w01 * q[0] + w10 * r[0] + w11 * s[0],
        w00 * p[1] + w01 * q[1] + w10 * r[1] + w11 * s[1],
        w00 * p[2] + w01 * q[2] + w10 * r[2] + w11 * s[2],
    )


@jit
def _bicubic(pixels, place, y, x):  # type: ignore[no-untyped-def]
    """Return the three colours at (y, x) of a level by Keys' cubic convolution, a = -0.5."""
    iy, ix = int(y), int(x)
    wy, wx = _cubic_weights(y - np.float32(iy)), _cubic_weights(x - np.float32(ix))
    red = green = blue = np.float32(0)
    k = place[0] + (iy - 1) * place[1] + ix - 1
    for m in range(4):
        r = g = b = np.float32(0)
        for n in range(4):
            p = pixels[k + n]
            r += wx[n] * p[0]
            g += wx[n] * p[1]
            b += wx[n] * p[2]
        red += wy[m] * r
        green += wy[m] * g
        blue += wy[m] * b
        k += place[1]
    return red, green, blue


@jit
def _cubic_weights(t):  # type: ignore[no-untyped-def]
    half, one, two = np.float32(0.5), np.float32(1), np.float32(2)
    return (
        ((two - t) * t - one) * t * half,
        ((np.float32(3) * t - np.float32(5)) * t * t + two) * half,
        ((np.float32(4) - np.float32(3) * t) * t + one) * t * half,
        (t - one) * t * t * half,
    )
