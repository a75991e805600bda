"""Loops over pixels, compiled: what numpy would do in several passes over memory.

Importing this module imports numba, half a second: import it where it is used. The compiled code is kept on
disk, so that only the first process on a machine waits for the compiler.
"""

import numpy as np
from numba import njit

# H height, W width, B bytes of a row of a picture. All arrays are uint8.

jit = njit(cache=True, nogil=True, error_model="numpy")


@jit
def luma_uint8(image, red, green, blue):  # type: ignore[no-untyped-def]
    """Return (weighted sum + 127500) // 255000 + 16 of each pixel, (H, W, 3) -> (H, W)."""
    height, width = image.shape[:2]
    result = np.empty((height, width), np.uint8)
    for y in range(height):
        for x in range(width):
            weighted = (
                np.uint32(red) * np.uint32(image[y, x, 0])
                + np.uint32(green) * np.uint32(image[y, x, 1])
                + np.uint32(blue) * np.uint32(image[y, x, 2])
            )
            result[y, x] = np.uint32(weighted + np.uint32(127_500)) // np.uint32(255_000) + np.uint32(16)
    return result


@jit
def squared_error(a, b):  # type: ignore[no-untyped-def]
    """Return the sum of squared differences of two arrays (n,): exact, whatever the order."""
    total = np.int64(0)
    for start in range(0, a.size, 4096):  # 4096 * 255^2 fits 32 bits, in which the loop is twice as fast
        part = np.int32(0)
        for i in range(start, min(start + 4096, a.size)):
            difference = np.int32(a[i]) - np.int32(b[i])
            part += difference * difference
        total += part
    return total


@jit
def unfiltered(stored, step):  # type: ignore[no-untyped-def]
    """Return the rows (H, B) behind a PNG's filtered rows (H, 1 + B); an unknown filter raises ValueError."""
    height, n_bytes = stored.shape[0], stored.shape[1] - 1
    result = np.empty((height, n_bytes), np.uint8)
    above = np.zeros(n_bytes, np.uint8)
    for y in range(height):
        kind, row, source = stored[y, 0], result[y], stored[y, 1:]
        if kind == 0:
            row[:] = source
        elif kind == 1:
            row[:step] = source[:step]
            for i in range(step, n_bytes):
                row[i] = source[i] + row[i - step]
        elif kind == 2:
            for i in range(n_bytes):
                row[i] = source[i] + above[i]
        elif kind == 3:
            for i in range(n_bytes):
                left = np.int32(row[i - step]) if i >= step else np.int32(0)
                row[i] = np.uint8(np.int32(source[i]) + ((left + np.int32(above[i])) >> 1))
        elif kind == 4:
            for i in range(step):
                row[i] = source[i] + above[i]
            for i in range(step, n_bytes):
                left, up = np.int32(row[i - step]), np.int32(above[i])
                corner = np.int32(above[i - step])
                row[i] = np.uint8(np.int32(source[i]) + _predicted(left, up, corner))
        else:
            raise ValueError("PNG: expected a filter from 0 to 4")
        above = row
    return result


@jit
def _predicted(left, above, corner):  # type: ignore[no-untyped-def]
    """Of three neighbours, the one nearest to left + above - corner: Paeth's predictor."""
    to_left, to_above = abs(above - corner), abs(left - corner)
    to_corner = abs(left + above - 2 * corner)
    if to_left <= to_above and to_left <= to_corner:
        return left
    return above if to_above <= to_corner else corner
