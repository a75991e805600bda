"""The luma and the SSIM that the SRGAN paper reported: Xiph's daala tools, in exact integers.

The paper (Ledig et al., CVPR 2017) converted pictures to YUV4MPEG by `png2y4m` (BT.709, 4:2:0, triangular
dither) and ran `dump_psnr` and `dump_ssim`. Both tools are rebuilt here from the arithmetic they define,
so that the paper's Table 2 comes back to its last printed digit.
"""

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.ndimage import correlate1d

from sr_models.data.image import Image

# H height, W width, B blocks of 2x2 pixels in raster order, K = 4 pixels of a block: top-left,
# top-right, bottom-left, bottom-right.

_Int = npt.NDArray[np.int64]
_Uint = npt.NDArray[np.uint64]
_Float = npt.NDArray[np.float64]

_LUMA_DITHER, _CB_DITHER, _CR_DITHER = 1_223_320_000, 1_479_548_743, 1_255_654_969
_RGB_SCALE = 9_745_792_000
_WORD = 0xFFFF_FFFF


def daala_luma(image: Image) -> npt.NDArray[np.uint8]:
    """Return the BT.709 luma (H, W), 0-254, that `png2y4m` writes for an RGB picture, dither included."""
    height, width = image.shape[:2]
    even = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge").astype(np.int64) * 257
    rows, columns = even.shape[0] // 2, even.shape[1] // 2
    blocks = even.reshape(rows, 2, columns, 2, 3).transpose(4, 0, 2, 1, 3).reshape(3, rows * columns, 4)
    pixels = _copy_missing(_dithered(blocks), rows, columns, odd=(height % 2, width % 2))  # (3, B, K)
    luma = _best_luma(pixels, _chroma_offsets(pixels))  # (B, K)
    plane = luma.reshape(rows, columns, 2, 2).transpose(0, 2, 1, 3).reshape(even.shape[:2])
    return plane[:height, :width].astype(np.uint8)


def daala_ssim(sr: npt.NDArray[np.uint8], hr: npt.NDArray[np.uint8]) -> float:
    """Return the SSIM of two luma planes (H, W) as `dump_ssim` has it: one Gaussian, sized by the height.

    Windows are cut at the border, not padded, and the values are averaged by the weight they had left.
    """
    taps = _gaussian_taps(sr.shape)

    def window(values: _Float) -> _Float:
        rows = correlate1d(values, taps, axis=0, mode="constant")
        return correlate1d(rows, taps, axis=1, mode="constant")

    x, y = sr.astype(np.float64), hr.astype(np.float64)
    weight = window(np.ones_like(x))
    mx, my = window(x), window(y)
    spread = weight * window(x * x + y * y) - (mx * mx + my * my)
    together = weight * window(x * y) - mx * my
    c1, c2 = (255 * 0.01 * weight) ** 2, (255 * 0.03 * weight) ** 2
    values = (2 * mx * my + c1) * (c2 + 2 * together) / ((mx * mx + my * my + c1) * (spread + c2))
    return float((values * weight).sum() / weight.sum())


def _gaussian_taps(shape: tuple[int, ...]) -> _Float:
    """Integer Gaussian that sums to 256, sigma = 1.5 * height / 256."""
    sigma = 1.5 * shape[0] / 256
    s = math.sqrt(math.pi / 2) * sigma / 256
    length = 0 if s >= 1 else math.floor(sigma * math.sqrt(-2 * math.log(s)))
    c = np.arange(1, min(length, min(shape) - 1) + 1)
    side = np.floor(256 / (sigma * math.sqrt(2 * math.pi)) * np.exp(-(c**2) / (2 * sigma**2)) + 0.5)
    return np.concatenate([side[::-1], [256 - 2 * side.sum()], side])


def _divide(x: _Int, y: int) -> _Int:
    """Return x / y, rounded half away from zero."""
    quotient: _Int = np.sign(x) * ((2 * np.abs(x) + y) // (2 * y))
    return quotient


def _dithered(blocks: _Int) -> _Int:
    """16-bit RGB (3, B, K) plus the tools' dither; may leave 0..65535."""
    luma, cb, cr = dither(blocks.shape[1])
    cb, cr = cb[:, :1], cr[:, :1]  # one chroma sample a block
    red = _divide(2 * luma + 3 * cr, 8_176_000)
    green = _divide(2384 * luma + 361 * cb + 1063 * cr, 9_745_792_000)
    blue = _divide(2 * luma + 3 * cb, 8_176_000)
    return blocks + np.stack([red, green, blue])


def _copy_missing(pixels: _Int, rows: int, columns: int, odd: tuple[int, int]) -> _Int:
    """At an odd edge the pixel outside the picture repeats its left or upper neighbour, dither included."""
    grid = pixels.reshape(3, rows, columns, 2, 2)
    if odd[1]:
        grid[:, :, -1, :, 1] = grid[:, :, -1, :, 0]
    if odd[0]:
        grid[:, -1, :, 1, :] = grid[:, -1, :, 0, :]
    return grid.reshape(pixels.shape)


def _chroma_offsets(pixels: _Int) -> _Int:
    """What a block's chroma adds to R, G, B: (3, B, 1), in units of 1/9745792000 of a 16-bit step."""
    r, g, b = pixels.sum(axis=2)
    cb = _divide(-29_764 * r - 100_128 * g + 129_892 * b, 304_016_865).clip(-128, 127)
    cr = _divide(110_236 * r - 100_128 * g - 10_108 * b, 258_011_295).clip(-128, 127)
    red = 4_490_222_169_144 * cr
    green = -534_117_096_223 * cb - 1_334_761_232_047 * cr
    blue = 5_290_866_304_968 * cb
    return np.stack([red, green, blue])[:, :, None]


def _best_luma(pixels: _Int, offsets: _Int) -> _Int:
    """Of the two luma levels around the exact one, that which rebuilds the pixel best; at a tie the even."""
    rest = (_RGB_SCALE * pixels - offsets + 4096) >> 13
    weighted = np.tensordot(np.array([1063, 3576, 361]), rest, axes=1)
    low = (weighted // 1_780_026_171_875).clip(-16, 238)

    def error(y: _Int) -> _Int:
        rebuilt = _divide(2_916_394_880_000 * y + offsets, _RGB_SCALE).clip(0, 65_535)
        squared: _Int = np.square(rebuilt - pixels).sum(axis=0)
        return squared

    low_error, high_error = error(low), error(low + 1)
    take_high = (high_error < low_error) | ((high_error == low_error) & (low % 2 != 0))
    best: _Int = low + take_high + 16
    return best


def dither(n_blocks: int) -> tuple[_Int, _Int, _Int]:
    """Return the luma, Cb and Cr dither of the first n_blocks blocks, (B, K) each.

    The tools restart their generator for every picture, so a longer sequence begins with the shorter one.
    """
    capacity = 1 << max(12, (n_blocks - 1).bit_length())
    return tuple(part[:n_blocks] for part in _dither(capacity))  # type: ignore[return-value]


@cache
def _dither(n_blocks: int) -> tuple[_Int, _Int, _Int]:
    """Triangular noise by rejection sampling, without a loop over the draws.

    A draw is the difference of two words, each the next of the stream below a limit. `taken[n][i]` is where
    that word stands, seen from position i; following it 24 times leads from one block to the next.
    """
    limits = [n + 1 for n in (_LUMA_DITHER, _CB_DITHER, _CR_DITHER)]
    stream = kiss99(int(n_blocks * 24 * 1.26) + 10_000)  # a word taken costs 1.254 on average
    taken = {n: _next_below(stream, _WORD // n * n) for n in limits}
    steps = [n for _ in range(4) for n in limits for _ in range(2)]  # two words a draw, three draws a pixel
    one_block = np.arange(len(stream) + 2)
    for n in steps:
        one_block = taken[n][one_block] + 1
    start = np.empty(n_blocks, np.int64)
    position, jump = 0, one_block.tolist()
    for block in range(n_blocks):
        start[block] = position
        position = jump[position]
    words = np.empty((24, n_blocks), np.int64)
    for k, n in enumerate(steps):
        found = taken[n][start]
        words[k] = stream[found] % n
        start = found + 1
    draws = (words[0::2] - words[1::2]).reshape(4, 3, n_blocks)
    luma, cb, cr = (np.ascontiguousarray(draws[:, channel].T) for channel in range(3))
    return luma, cb, cr


def _next_below(stream: _Int, limit: int) -> _Int:
    """For each position, that of the first word below limit from there on (the end stays at the end)."""
    end = len(stream)
    here = np.where(stream < limit, np.arange(end), end)
    following = np.minimum.accumulate(here[::-1])[::-1]
    return np.concatenate([following, [end, end]])


def kiss99(n: int) -> _Int:
    """Return the first n words of Marsaglia's KISS99 with daala's seeds, shape (n,), 0 to 2**32 - 1.

    Each of its four generators is a linear map, so the sequence doubles: the words from L on are the first
    L, mapped by the L-th power.
    """
    z = _multiples(362_436_069, 36_969, n)
    w = _multiples(521_288_629, 18_000, n)
    congruential = _congruential(380_116_160, n)
    shift = _xorshift(123_456_789, n)
    return ((((((z << 16) + w) & _WORD) ^ congruential) + shift) & _WORD).astype(np.int64)


def _doubled(first: int, n: int, jump: Callable[[_Uint, int], _Uint]) -> _Uint:
    """[step(first), step(step(first)), ...]; jump(values, L) applies the step L times, L a power of two."""
    values = jump(np.array([first], np.uint64), 1)
    while len(values) < n:
        values = np.concatenate([values, jump(values, len(values))])
    return values[:n]


def _multiples(first: int, a: int, n: int) -> _Uint:
    """Multiply-with-carry on 16 bits: x -> a x modulo a 2^16 - 1."""
    modulus = (a << 16) - 1
    return _doubled(first, n, lambda x, power: x * np.uint64(pow(a, power, modulus)) % np.uint64(modulus))


def _congruential(first: int, n: int) -> _Uint:
    def jump(x: _Uint, power: int) -> _Uint:
        a, c = 69_069, 1_234_567
        for _ in range(power.bit_length() - 1):
            a, c = a * a & _WORD, (a + 1) * c & _WORD
        return (x * np.uint64(a) + np.uint64(c)) & np.uint64(_WORD)

    return _doubled(first, n, jump)


def _xorshift(first: int, n: int) -> _Uint:
    def jump(x: _Uint, power: int) -> _Uint:
        images = [_xorshift_step(1 << bit) for bit in range(32)]  # the map as a matrix over GF(2)
        for _ in range(power.bit_length() - 1):
            images = [_map_bits(np.array([image], np.uint64), images).item() for image in images]
        return _map_bits(x, images)

    return _doubled(first, n, jump)


def _xorshift_step(word: int) -> int:
    word ^= word << 17 & _WORD
    word ^= word >> 13
    return word ^ (word << 5 & _WORD)


def _map_bits(x: _Uint, images: list[int]) -> _Uint:
    result = np.zeros_like(x)
    for bit, image in enumerate(images):
        result ^= (x >> np.uint64(bit) & np.uint64(1)) * np.uint64(image)
    return result
