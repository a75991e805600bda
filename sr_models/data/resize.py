"""MATLAB's `imresize(..., 'bicubic')`, equal in every bit: four variants of one function.

The kernel is Keys' cubic convolution with a = -0.5 (IEEE TASSP 29(6), 1981), stretched by 1/scale
when shrinking. What differs between MATLAB versions and input types, and between published data
sets, is the rounding between the two passes and the border: both are arguments here.
"""

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from sr_models.data.errors import InputError

if TYPE_CHECKING:
    from scipy import sparse

# H height, W width, C channels, n samples along an axis, P taps per output sample.

Border = Literal["replicate", "mirror"]
"""`replicate`: MATLAB of about 2015. `mirror`: R2015b and later."""

Scalar = TypeVar("Scalar", np.uint8, np.float64)
_Float = npt.NDArray[np.float64]


def imresize(
    picture: npt.NDArray[Scalar], scale: float, *, border: Border = "replicate"
) -> npt.NDArray[Scalar]:
    """Return picture, (H, W) or (H, W, C), at ceil(scale * size).

    uint8 in, uint8 out: rounded half away from zero and clipped after each pass, as MATLAB does for
    uint8. float64 in, float64 out: never rounded. Results equal MATLAB's in every bit of uint8.
    """
    if scale <= 0:
        raise InputError(f"expected a positive scale, got {scale}")
    result = picture.astype(np.float64)
    for axis in (0, 1):  # rows first: the order matters, because each pass rounds
        matrix = resize_matrix(picture.shape[axis], scale, border)
        result = _as_stored(_apply(matrix, result, axis), picture.dtype)
    return np.ascontiguousarray(result).astype(picture.dtype)


def _apply(matrix: "sparse.csr_array", values: _Float, axis: int) -> _Float:
    first = np.moveaxis(values, axis, 0)
    out = matrix @ first.reshape(first.shape[0], -1)
    return np.moveaxis(out.reshape(out.shape[0], *first.shape[1:]), 0, axis)


@lru_cache(maxsize=256)
def resize_matrix(n_in: int, scale: float, border: Border) -> "sparse.csr_array":
    """Return the (ceil(scale * n_in), n_in) float64 matrix that resizes one axis. Cached: do not modify."""
    from scipy import sparse

    n_out = math.ceil(n_in * scale - 1e-9)  # 1/7 of a multiple of 7 must not round up
    shrink = min(scale, 1.0)
    width = 4 / shrink
    u = np.arange(1, n_out + 1) / scale + 0.5 * (1 - 1 / scale)
    left = np.floor(u - width / 2)
    taps = left[:, None] + np.arange(math.ceil(width) + 2)  # (n_out, P), 1-based
    weights = shrink * _cubic(shrink * (u[:, None] - taps))
    weights /= weights.sum(axis=1, keepdims=True)
    columns = _inside(taps.astype(np.int64) - 1, n_in, border)
    rows = np.repeat(np.arange(n_out), taps.shape[1])
    return sparse.csr_array((weights.ravel(), (rows, columns.ravel())), shape=(n_out, n_in))


def _cubic(x: _Float) -> _Float:
    """Keys' kernel, a = -0.5, support (-2, 2)."""
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))


def _inside(index: npt.NDArray[np.int64], n: int, border: Border) -> npt.NDArray[np.int64]:
    if border == "replicate":
        return index.clip(0, n - 1)
    index = index % (2 * n)
    return np.where(index < n, index, 2 * n - 1 - index)


def _as_stored(values: _Float, dtype: np.dtype[Scalar]) -> _Float:
    """Rounding and clipping of one pass; half away from zero is half up once negatives are clipped."""
    if dtype != np.uint8:
        return values
    return np.floor(values.clip(0, 255) + 0.5)
