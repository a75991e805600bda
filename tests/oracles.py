"""The same numbers by other means: scalar code straight from the definitions, and scikit-image.

Nothing here shares a line with the packages. `python tests/oracles.py` writes tests/golden/sample_x4.csv.
"""

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity


def keys(x):
    x = abs(x)
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x <= 2 else 0.0


def inside(index, n, border):
    if border == "replicate":
        return min(max(index, 0), n - 1)
    index %= 2 * n
    return index if index < n else 2 * n - 1 - index


def resized_axis(signal, scale, border="replicate"):
    """One output sample and one tap at a time. signal: a list of numbers, or of arrays."""
    n = len(signal)
    width = 4 / min(scale, 1)
    result = []
    for position in range(1, math.ceil(n * scale) + 1):
        u = position / scale + 0.5 * (1 - 1 / scale)
        left = math.floor(u - width / 2)
        taps = range(left, left + math.ceil(width) + 2)
        weights = [min(scale, 1) * keys(min(scale, 1) * (u - tap)) for tap in taps]
        values = [signal[inside(tap - 1, n, border)] for tap in taps]
        result.append(sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights))
    return result


def resized(picture, scale):
    """uint8 in, uint8 out, rounded after each pass, rows first."""
    for _ in range(2):
        picture = np.array(resized_axis(list(picture.astype(float)), scale))
        picture = np.floor(np.clip(picture, 0, 255) + 0.5).astype(np.uint8).swapaxes(0, 1)
    return picture


def luma601(image, *, rounded):
    exact = 16 + (image.astype(float) * [65.481, 128.553, 24.966]).sum(axis=2) / 255
    return np.floor(exact + 0.5) if rounded else exact


def psnr(sr, hr):
    return float(peak_signal_noise_ratio(np.asarray(hr, float), np.asarray(sr, float), data_range=255))


def ssim(sr, hr):
    _, map_ = structural_similarity(
        np.asarray(sr, float), np.asarray(hr, float), gaussian_weights=True, sigma=1.5,
        use_sample_covariance=False, data_range=255, full=True,
    )  # fmt: skip
    return float(map_[5:-5, 5:-5].mean())


def kiss99() -> Iterator[int]:
    z, w, jsr, jcong = 362436069, 521288629, 123456789, 380116160
    word = 2**32
    while True:
        z = (36969 * (z & 65535) + (z >> 16)) % word
        w = (18000 * (w & 65535) + (w >> 16)) % word
        jsr ^= jsr << 17 & (word - 1)
        jsr ^= jsr >> 13
        jsr ^= jsr << 5 & (word - 1)
        jcong = (69069 * jcong + 1234567) % word
        yield ((((z << 16) + w) % word ^ jcong) + jsr) % word


def triangular(stream, spread):
    n = spread + 1
    limit = (2**32 - 1) // n * n
    first = next(word for word in stream if word < limit)
    second = next(word for word in stream if word < limit)
    return first % n - second % n


def away(x, y):
    """x / y rounded half away from zero, by exact fractions."""
    exact = Fraction(x, y)
    return math.floor(exact + Fraction(1, 2)) if exact >= 0 else math.ceil(exact - Fraction(1, 2))


def daala_luma(image):
    """PROTOCOL srgan, one pixel at a time."""
    height, width = image.shape[:2]
    stream = kiss99()
    result = np.zeros((height, width), int)
    for top in range(0, height, 2):
        for left in range(0, width, 2):
            block = dithered_block(image, top, left, stream)
            chroma = [sum(pixel[channel] for pixel in block.values()) for channel in range(3)]
            for (y, x), pixel in block.items():
                if y < height and x < width:
                    result[y, x] = best_luma(pixel, *chroma)
    return result


def dithered_block(image, top, left, stream):
    height, width = image.shape[:2]
    draws = [
        (triangular(stream, 1223320000), triangular(stream, 1479548743), triangular(stream, 1255654969))
        for _ in range(4)
    ]
    _, cbd, crd = draws[0]
    block = {}
    for k, (y, x) in enumerate([(top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)]):
        if y >= height:
            block[y, x] = block[y - 1, x]
        elif x >= width:
            block[y, x] = block[y, x - 1]
        else:
            yd = draws[k][0]
            r, g, b = (int(v) * 257 for v in image[y, x])
            block[y, x] = (
                r + away(2 * yd + 3 * crd, 8176000),
                g + away(2384 * yd + 361 * cbd + 1063 * crd, 9745792000),
                b + away(2 * yd + 3 * cbd, 8176000),
            )
    return block


def best_luma(pixel, r4, g4, b4):
    cb = min(max(away(-29764 * r4 - 100128 * g4 + 129892 * b4, 304016865) + 128, 0), 255) - 128
    cr = min(max(away(110236 * r4 - 100128 * g4 - 10108 * b4, 258011295) + 128, 0), 255) - 128
    offsets = (4490222169144 * cr, -534117096223 * cb - 1334761232047 * cr, 5290866304968 * cb)
    rest = [(9745792000 * v - c + 4096) >> 13 for v, c in zip(pixel, offsets, strict=True)]
    low = (1063 * rest[0] + 3576 * rest[1] + 361 * rest[2]) // 1780026171875
    low = min(max(low, -16), 238)

    def error(y):
        rebuilt = [min(max(away(2916394880000 * y + c, 9745792000), 0), 65535) for c in offsets]
        return sum((a - b) ** 2 for a, b in zip(rebuilt, pixel, strict=True))

    return min((low, low + 1), key=lambda y: (error(y), y % 2)) + 16


def daala_ssim(sr, hr):
    """One window at a time, by explicit sums."""
    height, width = hr.shape
    sigma = 1.5 * height / 256
    s = math.sqrt(math.pi / 2) * sigma / 256
    length = 0 if s >= 1 else math.floor(sigma * math.sqrt(-2 * math.log(s)))
    length = min(length, min(height, width) - 1)
    side = [
        math.floor(256 / (sigma * math.sqrt(2 * math.pi)) * math.exp(-(c**2) / (2 * sigma**2)) + 0.5)
        for c in range(1, length + 1)
    ]
    taps = {0: 256 - 2 * sum(side)} | {
        sign * c: side[c - 1] for c in range(1, length + 1) for sign in (1, -1)
    }
    total = weight = 0.0
    for y in range(height):
        for x in range(width):
            value, w = daala_window(sr, hr, y, x, taps)
            total, weight = total + value * w, weight + w
    return total / weight


def daala_window(sr, hr, y, x, taps):
    height, width = hr.shape
    w = mx = my = xx = yy = xy = 0
    for dy, wy in taps.items():
        for dx, wx in taps.items():
            if 0 <= y + dy < height and 0 <= x + dx < width:
                a, b = int(sr[y + dy, x + dx]), int(hr[y + dy, x + dx])
                k = wy * wx
                w, mx, my = w + k, mx + k * a, my + k * b
                xx, yy, xy = xx + k * a * a, yy + k * b * b, xy + k * a * b
    c1, c2 = (255 * 0.01 * w) ** 2, (255 * 0.03 * w) ** 2
    numerator = (2 * mx * my + c1) * (c2 + 2 * (w * xy - mx * my))
    return numerator / ((mx**2 + my**2 + c1) * (w * xx - mx**2 + w * yy - my**2 + c2)), w


def golden_sample() -> Iterator[str]:
    """Lines of tests/golden/sample_x4.csv."""
    import skimage
    from skimage import data

    yield "# psnr and ssim of nearest and bicubic on the sample set, x4, by tests/oracles.py:"
    yield f"# scalar resizing and daala luma by definition, PSNR, SSIM of scikit-image {skimage.__version__}"
    yield "image,model,protocol,metric,value"
    for name in ("astronaut", "chelsea", "coffee"):
        hr = getattr(data, name)()
        hr = hr[: hr.shape[0] // 4 * 4, : hr.shape[1] // 4 * 4]
        lr = resized(hr, 1 / 4)
        for model, sr in (("nearest", lr.repeat(4, 0).repeat(4, 1)), ("bicubic", resized(lr, 4))):
            for protocol, metric, value in golden_scores(sr[4:-4, 4:-4], hr[4:-4, 4:-4]):
                yield f"{name},{model},{protocol},{metric},{value!r}"


def golden_scores(sr, hr):
    for protocol, rounded in (("matlab", True), ("basicsr", False)):
        x, y = luma601(sr, rounded=rounded), luma601(hr, rounded=rounded)
        yield protocol, "psnr", psnr(x, y)
        yield protocol, "ssim", ssim(x, y)
    yield "rgb", "psnr", psnr(sr, hr)
    yield "rgb", "ssim", float(np.mean([ssim(sr[..., c], hr[..., c]) for c in range(3)]))
    yield "srgan", "psnr", psnr(daala_luma(sr), daala_luma(hr))


if __name__ == "__main__":
    from pathlib import Path

    text = "\n".join(golden_sample()) + "\n"
    (Path(__file__).parent / "golden" / "sample_x4.csv").write_text(text)
