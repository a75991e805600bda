"""The distance of two patches: where nearly all of the time goes, so it is written for vector registers.

Numba's compiler does not find the four lanes (three colours and a zero) of a pixel by itself; spelling them
out makes one comparison three times as fast.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.typing.templates import Signature
from numba.extending import intrinsic

SIDE = 5  # patches are 5x5
REACH = SIDE // 2
SIGMA = 3.0  # of the Gaussian that weighs a patch's pixels
BIAS_LIMIT = 0.25  # of the correction of a patch's mean colour, per channel

_taps = np.exp(-(np.arange(-REACH, REACH + 1) ** 2) / (2 * SIGMA**2))
WEIGHTS = np.outer(_taps, _taps) / _taps.sum() ** 2

_FLOAT, _INT, _INDEX = ir.FloatType(), ir.IntType(32), ir.IntType(64)
_LANES = ir.VectorType(_FLOAT, 4)
_FAST = ("fast",)


@intrinsic
def patch_cost(
    _context: Any,
    target: Any,
    t: Any,  # noqa: ARG001
    t_row: Any,  # noqa: ARG001
    soft: Any,
    s: Any,  # noqa: ARG001
    s_row: Any,  # noqa: ARG001
    y: Any,
    x: Any,
    a: Any,
    b: Any,
    c: Any,
    d: Any,
) -> tuple[Any, Callable[..., Any]]:
    """Return the Gaussian-weighted squared RGB distance of two patches after the bias correction.

    `patch_cost(target, t, t_row, soft, s, s_row, y, x, a, b, c, d)`: both pictures are float32 (P, 4); the
    target patch's first pixel is t and its rows are t_row apart; the source patch is sampled bilinearly at
    (y + a i + b j, x + c i + d j), i and j in -2..2, in the level that starts at s with rows s_row apart.
    """
    arguments = (target, types.int64, types.int64, soft, types.int64, types.int64, y, x, a, b, c, d)
    return Signature(types.float32, arguments, None), _emit  # type: ignore[no-untyped-call]


def _emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    target, t, t_row, soft, s, s_row, *affine = args
    vectors = _Vectors(builder)
    target = vectors.pointer(context.make_array(sig.args[0])(context, builder, target).data)
    soft = vectors.pointer(context.make_array(sig.args[3])(context, builder, soft).data)
    total = weighted = squares = vectors.constant(0)
    for i in range(SIDE):
        for j in range(SIDE):
            offset = builder.add(builder.mul(_INDEX(i), t_row), _INDEX(j))
            wanted = vectors.load(target, builder.add(t, offset))
            found = vectors.bilinear(soft, s, s_row, *_position(vectors, affine, i - REACH, j - REACH))
            error = vectors.sub(found, wanted)
            by_weight = vectors.mul(error, vectors.constant(WEIGHTS[i, j]))
            total = vectors.add(total, error)
            weighted = vectors.add(weighted, by_weight)
            squares = vectors.add(squares, vectors.mul(by_weight, error))
    bias = vectors.clamp(vectors.mul(total, vectors.constant(1 / SIDE**2)), BIAS_LIMIT)
    change = vectors.sub(bias, vectors.mul(weighted, vectors.constant(2)))  # weights sum to 1
    return vectors.sum_rgb(vectors.add(squares, vectors.mul(bias, change)))


def _position(vectors: "_Vectors", affine: Any, i: int, j: int) -> tuple[Any, Any]:
    y, x, a, b, c, d = affine
    i, j = _FLOAT(i), _FLOAT(j)
    add, mul = vectors.add, vectors.mul
    return add(y, add(mul(a, i), mul(b, j))), add(x, add(mul(c, i), mul(d, j)))


class _Vectors:
    """Arithmetic on pixels of four lanes."""

    def __init__(self, builder: Any) -> None:
        self.builder = builder

    def add(self, left: Any, right: Any) -> Any:
        return self.builder.fadd(left, right, flags=_FAST)

    def sub(self, left: Any, right: Any) -> Any:
        return self.builder.fsub(left, right, flags=_FAST)

    def mul(self, left: Any, right: Any) -> Any:
        return self.builder.fmul(left, right, flags=_FAST)

    def constant(self, value: float) -> Any:
        return ir.Constant(_LANES, [float(np.float32(value))] * 4)

    def pointer(self, data: Any) -> Any:
        return self.builder.bitcast(data, _LANES.as_pointer())

    def load(self, pointer: Any, index: Any) -> Any:
        address = self.builder.gep(pointer, [index], inbounds=True, source_etype=_LANES)
        return self.builder.load(address, align=4, typ=_LANES)

    def spread(self, value: Any) -> Any:
        """Return value in every lane."""
        nothing = ir.Constant(_LANES, ir.Undefined)
        first = self.builder.insert_element(nothing, value, _INT(0))
        return self.builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(_INT, 4), [0] * 4))

    def bilinear(self, pixels: Any, start: Any, row: Any, y: Any, x: Any) -> Any:
        """Return the pixel at (y, x), both positive."""
        build = self.builder
        iy, ix = build.fptosi(y, _INT), build.fptosi(x, _INT)
        v = self.spread(self.sub(y, build.sitofp(iy, _FLOAT)))
        u = self.spread(self.sub(x, build.sitofp(ix, _FLOAT)))
        first = build.add(start, build.add(build.mul(build.sext(iy, _INDEX), row), build.sext(ix, _INDEX)))
        upper, lower = (
            self._between(self.load(pixels, at), self.load(pixels, build.add(at, _INDEX(1))), u)
            for at in (first, build.add(first, row))
        )
        return self._between(upper, lower, v)

    def _between(self, left: Any, right: Any, part: Any) -> Any:
        return self.add(left, self.mul(part, self.sub(right, left)))

    def clamp(self, value: Any, limit: float) -> Any:
        high, low = self.constant(limit), self.constant(-limit)
        value = self.builder.select(self.builder.fcmp_ordered(">", value, high), high, value)
        return self.builder.select(self.builder.fcmp_ordered("<", value, low), low, value)

    def sum_rgb(self, value: Any) -> Any:
        red, green, blue = (self.builder.extract_element(value, _INT(lane)) for lane in range(3))
        return self.add(red, self.add(green, blue))
