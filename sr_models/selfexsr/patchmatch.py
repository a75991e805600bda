"""Generalised PatchMatch (Barnes et al., ECCV 2010): a similar source patch for each target patch.

Every kernel works on lines that no other call reads or writes, and random numbers come from a counter: the
result does not depend on the number of threads. The kernels release the GIL.
"""

import math

import numpy as np

from sr_models.selfexsr.patch_cost import patch_cost
from sr_models.selfexsr.transforms import (
    COST,
    A,
    B,
    C,
    D,
    X,
    Y,
    allowed,
    changed,
    in_soft_level,
    jit,
    nearest_level,
)

# field (H, W, 7); target (H + 4, W + 4, 4); limits: smallest and largest determinant, 1/alpha.

SCALE_WEIGHT = np.float32(
    1e-3
)  # cost of one unit of source scale below 1/alpha: there the source holds nothing new
_SAME_PX, _SAME_STEP = np.float32(0.01), np.float32(0.001)  # nearer than this, a candidate is not tried again
_STATE_STEP, _SEED_STEP = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD1342543DE82EF95)


@jit
def cost_of(target, i, j, limits, sources, y, x, a, b, c, d):  # type: ignore[no-untyped-def]
    """Return the cost of a source for the target patch around (i, j)."""
    det = a * d - b * c
    level = nearest_level(det, sources.up_to)
    fy, fx = sources.factor[level, 0], sources.factor[level, 1]
    y, x, a, b, c, d = in_soft_level(fy, fx, y, x, a, b, c, d)
    row = target.shape[1]
    start, stride = sources.soft_place[level, 0], sources.soft_place[level, 1]
    pixels = target.reshape(-1, 4)
    distance = patch_cost(pixels, i * row + j, row, sources.soft, start, stride, y, x, a, b, c, d)
    lack = max(np.float32(0), limits[2] - math.sqrt(det))
    return max(np.float32(0), distance) + SCALE_WEIGHT * lack


@jit
def assess(first, last, field, target, limits, sources):  # type: ignore[no-untyped-def]
    """Fill in the costs of rows first..last-1."""
    for i in range(first, last):
        for j in range(field.shape[1]):
            f = field[i, j]
            f[COST] = cost_of(target, i, j, limits, sources, f[Y], f[X], f[A], f[B], f[C], f[D])


@jit
def propagate_along_rows(first, last, step, field, target, limits, sources):  # type: ignore[no-untyped-def]
    """Try for each patch of rows first..last-1 the source of its left (step 1) or right (-1) neighbour."""
    width = field.shape[1]
    for i in range(first, last):
        for n in range(1, width):
            j = n if step > 0 else width - 1 - n
            _offer(field, i, j, i, j - step, target, limits, sources)


@jit
def propagate_along_columns(first, last, step, field, target, limits, sources):  # type: ignore[no-untyped-def]
    """Try for each patch of columns first..last-1 the source of its upper (1) or lower (-1) neighbour."""
    height = field.shape[0]
    for n in range(1, height):
        i = n if step > 0 else height - 1 - n
        for j in range(first, last):
            _offer(field, i, j, i - step, j, target, limits, sources)


@jit
def _offer(field, i, j, from_i, from_j, target, limits, sources):  # type: ignore[no-untyped-def]
    f, n = field[i, j], field[from_i, from_j]
    dy, dx = np.float32(i - from_i), np.float32(j - from_j)
    a, b, c, d = n[A], n[B], n[C], n[D]
    y = n[Y] + a * dy + b * dx
    x = n[X] + c * dy + d * dx
    moved = abs(y - f[Y]) + abs(x - f[X])
    if moved < _SAME_PX and abs(a - f[A]) + abs(b - f[B]) + abs(c - f[C]) + abs(d - f[D]) < _SAME_STEP:
        return
    _try(field, i, j, target, limits, sources, y, x, a, b, c, d)


@jit
def _try(field, i, j, target, limits, sources, y, x, a, b, c, d):  # type: ignore[no-untyped-def]
    if not allowed(field.shape[0], field.shape[1], limits, y, x, a, b, c, d):
        return
    cost = cost_of(target, i, j, limits, sources, y, x, a, b, c, d)
    f = field[i, j]
    if cost < f[COST]:
        f[Y], f[X], f[A], f[B], f[C], f[D], f[COST] = y, x, a, b, c, d, cost


@jit
def search(first, last, seed, field, target, limits, sources):  # type: ignore[no-untyped-def]
    """Try for each patch of rows first..last-1 random changes of its source, over halving ranges."""
    height, width, _ = field.shape
    for i in range(first, last):
        for j in range(width):
            f = field[i, j]
            state = seed + np.uint64(i * width + j) * _SEED_STEP
            reach, part = np.float32(max(height, width) / 8), np.float32(1)
            while reach > 1:
                state, dy = draw(state)
                state, dx = draw(state)
                state, growth = draw(state)
                state, turn = draw(state)
                state, ky = draw(state)
                state, kx = draw(state)
                a, b, c, d = changed(f[A], f[B], f[C], f[D], part * growth, part * turn, part * ky, part * kx)
                y, x = f[Y] + reach * dy, f[X] + reach * dx
                _try(field, i, j, target, limits, sources, y, x, a, b, c, d)
                reach *= np.float32(0.5)
                part *= np.float32(0.5)


@jit
def draw(state):  # type: ignore[no-untyped-def]
    """Return the next state and a float in [-1, 1): SplitMix64 (Steele, Lea, Flood, OOPSLA 2014)."""
    state += _STATE_STEP
    z = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return state, np.float32(np.int64(z >> np.uint64(40))) * np.float32(2.0**-23) - np.float32(1)
