"""Affine transforms from a target patch to its source: one row of a field for each pixel.

A field is float32 (H, W, 7): source centre (y, x) in pixels of the target, the matrix (a b; c d) that maps
a step (dy, dx) in the target to one in the source, and the patch's cost.
"""

import math

import numpy as np
import numpy.typing as npt
from numba import njit

from sr_models.selfexsr.pyramid import FINER, MARGIN, Size

Y, X, A, B, C, D, COST = range(7)
Field = npt.NDArray[np.float32]

STRETCH = 1.6  # the largest ratio of a transform's singular values
MOST_TURN, MOST_SHEAR, MOST_GROWTH = math.pi / 8, 0.025, 0.5  # of one random change

jit = njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
_HALF = np.float32(0.5)


def in_place(size: Size, scale: float) -> Field:
    """Return the field in which every patch comes from around itself, scale times as large."""
    field = np.zeros((*size, 7), np.float32)
    field[..., Y], field[..., X] = np.mgrid[: size[0], : size[1]]
    field[..., A] = field[..., D] = scale
    return field


def enlarged(field: Field, size: Size) -> Field:
    """Return field at another size: each pixel takes the transform of the nearest old one."""
    (rows, dy, fy), (columns, dx, fx) = _nearest(field.shape[0], size[0]), _nearest(field.shape[1], size[1])
    new = field[rows[:, None], columns]
    y = new[..., Y] + new[..., A] * dy[:, None] + new[..., B] * dx
    x = new[..., X] + new[..., C] * dy[:, None] + new[..., D] * dx
    new[..., Y] = ((y + _HALF) * fy - _HALF).clip(0, size[0] - 1)
    new[..., X] = ((x + _HALF) * fx - _HALF).clip(0, size[1] - 1)
    return new


def _nearest(n_old: int, n_new: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32], np.float32]:
    """Return each new pixel's nearest old one, its offset from it in old pixels, and the factor."""
    at = (np.arange(n_new) + 0.5) * (n_old / n_new) - 0.5
    nearest = np.rint(at).astype(np.int64).clip(0, n_old - 1)
    return nearest, (at - nearest).astype(np.float32), np.float32(n_new / n_old)


@jit
def allowed(height, width, limits, y, x, a, b, c, d):  # type: ignore[no-untyped-def]
    """Return whether a source is in the picture, of a scale within limits, and little stretched."""
    det = a * d - b * c
    return (
        0 <= y <= height - 1
        and 0 <= x <= width - 1
        and limits[0] <= det <= limits[1]
        and a * a + b * b + c * c + d * d <= np.float32(STRETCH + 1 / STRETCH) * det
    )


@jit
def changed(a, b, c, d, growth, turn, shear_y, shear_x):  # type: ignore[no-untyped-def]
    """Return the matrix sheared, turned and grown, each by a part in [-1, 1] of the most allowed."""
    scale = math.sqrt(a * d - b * c)
    factor = (scale + np.float32(MOST_GROWTH) * growth) / scale
    cos = factor * math.cos(np.float32(MOST_TURN) * turn)
    sin = factor * math.sin(np.float32(MOST_TURN) * turn)
    ky, kx = np.float32(MOST_SHEAR) * shear_y, np.float32(MOST_SHEAR) * shear_x
    a, b = a + b * ky, a * kx + b
    c, d = c + d * ky, c * kx + d
    return cos * a - sin * c, cos * b - sin * d, sin * a + cos * c, sin * b + cos * d


@jit
def nearest_level(det, up_to):  # type: ignore[no-untyped-def]
    """Return the level whose pixels are nearest in size to the steps of a transform."""
    level = 0
    while det > up_to[level]:
        level += 1
    return level


@jit
def in_level(fy, fx, y, x, a, b, c, d):  # type: ignore[no-untyped-def]
    """Return a source patch in pixels of a padded level, whose size is (fy, fx) that of the target."""
    y = (y + _HALF) * fy + (np.float32(MARGIN) - _HALF)
    x = (x + _HALF) * fx + (np.float32(MARGIN) - _HALF)
    return y, x, a * fy, b * fy, c * fx, d * fx


@jit
def in_soft_level(fy, fx, y, x, a, b, c, d):  # type: ignore[no-untyped-def]
    """Return the same in a soft level, which is FINER times as large."""
    return in_level(np.float32(FINER) * fy, np.float32(FINER) * fx, y, x, a, b, c, d)
