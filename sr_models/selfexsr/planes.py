"""Perspective planes from vanishing points: a pattern that repeats along a wall gets smaller with distance.

Line segments meet in vanishing points; each pair of these spans a plane. On a plane the search tries the
sources that a repeated pattern would have there, as the affine transform nearest to the perspective one.
"""

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from sr_models.data.image import Image
from sr_models.selfexsr.patchmatch import cost_of, draw
from sr_models.selfexsr.pyramid import Size
from sr_models.selfexsr.transforms import COST, A, B, C, D, X, Y, allowed, jit

# N segments, K planes. Points are (x, y, w): homogeneous, in units of the picture's longer side from its
# top left corner.

PLANE_WEIGHT = np.float32(1e-3)
MAX_POINTS = 3
_TRIES = 1000
_ANGLE = math.radians(2)  # a segment points at a vanishing point if it is off by less
_MIN_SEGMENTS = 6  # segments of a vanishing point
_SPREAD = 0.1  # of a segment's support, of the longer side
_NO_PLANE = 0.05  # support of "no plane", as part of the largest support of a plane

Vectors = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Planes:
    """The planes of a picture."""

    lines: Vectors
    """(K, 3): the vanishing line of each: the image of its points at infinity."""
    posterior: Vectors
    """(K, h, w): how likely a pixel of the picture belongs to each; the rest belongs to none."""


def find_planes(lr: Image, seed: int = 0) -> Planes:
    """Return the planes of a picture; K is 0 where no two vanishing points are found."""
    segments = find_segments(lr)
    points, members = vanishing_points(segments, np.random.default_rng(seed))
    size = (lr.shape[0], lr.shape[1])
    supports = [_support(segments[each], size) for each in members]
    pairs = list(combinations(range(len(points)), 2))
    if not pairs:
        return Planes(np.empty((0, 3)), np.empty((0, *size)))
    lines = np.array([np.cross(points[i], points[j]) for i, j in pairs])
    density = np.array([supports[i] * supports[j] for i, j in pairs])
    flat = _NO_PLANE * density.max() + 1e-12
    return Planes(
        lines / np.linalg.norm(lines, axis=1, keepdims=True), density / (density.sum(axis=0) + flat)
    )


def find_segments(lr: Image) -> Vectors:
    """Return line segments (N, 4): x0, y0, x1, y1 in units of the longer side."""
    from skimage.color import rgb2gray
    from skimage.feature import canny
    from skimage.transform import probabilistic_hough_line, rescale

    large = rescale(rgb2gray(lr), 3, order=3, mode="edge")
    longest = max(large.shape)
    edges = canny(large, sigma=2)  # type: ignore[no-untyped-call]
    found = probabilistic_hough_line(edges, 10, line_length=max(10, longest // 40), line_gap=2, rng=0)  # type: ignore[no-untyped-call]
    return np.asarray((np.array(found, float).reshape(-1, 4) + 0.5) / longest)


def vanishing_points(
    segments: Vectors, rng: np.random.Generator
) -> tuple[list[Vectors], list[npt.NDArray[np.int64]]]:
    """Return at most three points and their segments by RANSAC, the one with the most length first."""
    points: list[Vectors] = []
    members: list[npt.NDArray[np.int64]] = []
    left = np.arange(len(segments))
    while len(points) < MAX_POINTS and len(left) >= _MIN_SEGMENTS:
        point, inside = _best_point(segments[left], rng)
        if inside.sum() < _MIN_SEGMENTS:
            break
        points.append(point)
        members.append(left[inside])
        left = left[~inside]
    return points, members


def _best_point(segments: Vectors, rng: np.random.Generator) -> tuple[Vectors, npt.NDArray[np.bool_]]:
    lines, lengths = _lines(segments), _lengths(segments)
    pairs = rng.integers(0, len(segments), (_TRIES, 2))
    points = np.cross(lines[pairs[:, 0]], lines[pairs[:, 1]])
    scores = [lengths[points_at(segments, point)].sum() for point in points]
    inside = points_at(segments, points[int(np.argmax(scores))])
    weighted = lines[inside] * lengths[inside, None]
    point = np.linalg.svd(weighted)[2][-1] if inside.sum() >= 2 else points[int(np.argmax(scores))]
    return point, points_at(segments, point)


def points_at(segments: Vectors, point: Vectors) -> npt.NDArray[np.bool_]:
    """Return which segments point at a vanishing point, (N,)."""
    x0, y0, x1, y1 = segments.T
    middle_x, middle_y = (x0 + x1) / 2, (y0 + y1) / 2
    to_x, to_y = point[0] - point[2] * middle_x, point[1] - point[2] * middle_y
    across = np.abs((x1 - x0) * to_y - (y1 - y0) * to_x)
    reach = np.hypot(to_x, to_y) * _lengths(segments)
    return np.asarray((reach > 0) & (across < math.sin(_ANGLE) * reach))


def _lines(segments: Vectors) -> Vectors:
    ends = np.ones((2, len(segments), 3))
    ends[0, :, :2], ends[1, :, :2] = segments[:, :2], segments[:, 2:]
    lines = np.cross(ends[0], ends[1])
    return lines / np.maximum(np.hypot(lines[:, 0], lines[:, 1]), 1e-12)[:, None]


def _lengths(segments: Vectors) -> Vectors:
    return np.hypot(segments[:, 2] - segments[:, 0], segments[:, 3] - segments[:, 1])


def _support(segments: Vectors, size: Size) -> Vectors:
    """Return how much of the segments is around each pixel, (h, w)."""
    counts = np.zeros(size)
    for x0, y0, x1, y1 in segments * max(size):
        part = np.linspace(0, 1, max(2, math.ceil(math.hypot(x1 - x0, y1 - y0))))
        rows = (y0 + part * (y1 - y0)).astype(int).clip(0, size[0] - 1)
        columns = (x0 + part * (x1 - x0)).astype(int).clip(0, size[1] - 1)
        np.add.at(counts, (rows, columns), 1.0)
    return gaussian_filter(counts, _SPREAD * max(size))


def at_level(planes: Planes, size: Size) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the vanishing lines in pixels, (K, 3), and the posterior, (K, H, W), of a level."""
    rows = np.arange(size[0]) * planes.posterior.shape[1] // size[0]
    columns = np.arange(size[1]) * planes.posterior.shape[2] // size[1]
    lines = planes.lines * np.array([1 / max(size), 1 / max(size), 1])
    posterior = planes.posterior[:, rows][:, :, columns]
    return lines.astype(np.float32), np.ascontiguousarray(posterior, dtype=np.float32)


@jit
def local_affine(line, y, x, to_y, to_x):  # type: ignore[no-untyped-def]
    """Return the step matrix (a b; c d) that carries a patch of a plane from (y, x) to (to_y, to_x).

    The plane is made flat by (x, y) -> (x, y) / w, w = line . (x, y, 1), whose Jacobian there is J; the
    matrix is J(to)^-1 J(from).
    """
    p, q, r, s = _jacobian(line, y, x)
    e, f, g, h = _jacobian(line, to_y, to_x)
    det = e * h - f * g
    return (h * p - f * r) / det, (h * q - f * s) / det, (e * r - g * p) / det, (e * s - g * q) / det


@jit
def _jacobian(line, y, x):  # type: ignore[no-untyped-def]
    """Return d(Y, X)/d(y, x) as (yy, yx, xy, xx)."""
    w = line[0] * x + line[1] * y + line[2]
    w2 = w * w
    return (w - y * line[1]) / w2, -y * line[0] / w2, -x * line[1] / w2, (w - x * line[0]) / w2


@jit
def search_planes(first, last, seed, lines, posterior, field, target, limits, sources):  # type: ignore[no-untyped-def]
    """Try for each patch of rows first..last-1 sources on its likely planes, over halving ranges."""
    height, width, _ = field.shape
    for i in range(first, last):
        for j in range(width):
            f = field[i, j]
            state = seed + np.uint64(i * width + j) * np.uint64(0xD1342543DE82EF95)
            reach = np.float32(max(height, width) / 2)
            while reach > 1:
                state, chance = draw(state)
                state, dy = draw(state)
                state, dx = draw(state)
                plane = _pick(posterior, i, j, np.float32(0.5) * (chance + np.float32(1)))
                y, x = f[Y] + reach * dy, f[X] + reach * dx
                reach *= np.float32(0.5)
                if plane < 0 or not (0 <= y <= height - 1 and 0 <= x <= width - 1):
                    continue
                a, b, c, d = local_affine(lines[plane], np.float32(i), np.float32(j), y, x)
                if not allowed(height, width, limits, y, x, a, b, c, d):
                    continue
                cost = cost_of(target, i, j, limits, sources, y, x, a, b, c, d)
                here = posterior[plane, i, j] * posterior[plane, int(y), int(x)]
                cost -= PLANE_WEIGHT * math.log(max(here, np.float32(1e-6)))
                if cost < f[COST]:
                    f[Y], f[X], f[A], f[B], f[C], f[D], f[COST] = y, x, a, b, c, d, cost


@jit
def _pick(posterior, i, j, chance):  # type: ignore[no-untyped-def]
    """Return a plane by its likelihood, -1 for none."""
    for plane in range(posterior.shape[0]):
        chance -= posterior[plane, i, j]
        if chance < 0:
            return plane
    return -1
