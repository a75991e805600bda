"""The picture at every size: sharp, to copy from, and soft, to compare with."""

import itertools
from collections.abc import Sequence
from functools import lru_cache
from math import log2, sqrt
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from sr_models.data.resize import resize_matrix

# H height, W width, L levels, P pixels of all levels together.

Pixels = npt.NDArray[np.float32]
"""float32 (H, W, 3) RGB in [0, 1]."""
Size = tuple[int, int]
"""(H, W)."""

LEVELS_PER_OCTAVE = 3  # the paper's ratio, 2^(-1/3)
COARSEST_PX = 12  # no level below the picture has a shorter side
MARGIN = 12  # replicated pixels around a level: no sample of a patch whose centre is inside falls outside
FINER = 2  # soft levels are kept at twice their size, where bilinear sampling is as good as bicubic


def finer_sizes(size: Size, scale: int) -> list[Size]:
    """Return the sizes of the levels above the picture, the last one scale times as large.

    6 levels for x4 and 3 for x2, at the paper's ratio of 2^(1/3); 5 for x3, at 3^(1/5) = 1.246.
    """
    levels = max(1, round(LEVELS_PER_OCTAVE * log2(scale)))
    return [_scaled(size, scale ** (level / levels)) for level in range(1, levels + 1)]


def coarser_sizes(size: Size, levels: int) -> list[Size]:
    """Return the sizes of at most `levels` levels below the picture, largest first."""
    sizes = [_scaled(size, 2 ** (-level / LEVELS_PER_OCTAVE)) for level in range(1, levels + 1)]
    return [each for each in sizes if min(each) >= COARSEST_PX]


def _scaled(size: Size, factor: float) -> Size:
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def resize(picture: Pixels, size: Size) -> Pixels:
    """Return picture at size by MATLAB's bicubic `imresize`, neither rounded nor clipped."""
    return both_ways(bicubic(picture.shape[0], size[0]), picture, bicubic(picture.shape[1], size[1]))


def both_ways(rows: sparse.csr_array, picture: Pixels, columns: sparse.csr_array) -> Pixels:
    """Return rows @ picture @ columns.T for each channel."""
    tall = (rows @ picture.reshape(picture.shape[0], -1)).reshape(rows.shape[0], -1, 3)
    wide = columns @ tall.transpose(1, 0, 2).reshape(picture.shape[1], -1)
    return np.ascontiguousarray(wide.reshape(columns.shape[0], rows.shape[0], 3).transpose(1, 0, 2))


@lru_cache(maxsize=64)
def bicubic(n_in: int, n_out: int) -> sparse.csr_array:
    """Return the (n_out, n_in) float32 matrix of `imresize` along one axis. Cached: do not modify."""
    return resize_matrix(n_in, n_out / n_in, "replicate").astype(np.float32)


class Level(NamedTuple):
    """One size of the picture."""

    sharp: Pixels
    soft: Pixels
    """As soft as if it had been enlarged by one level, FINER times its size."""


def level(sharp: Pixels, ratio: float) -> Level:
    """Return the level of a picture: its soft version lost what one level down cannot hold."""
    height, width = sharp.shape[:2]
    smaller = resize(sharp, _scaled((height, width), 1 / ratio))
    return Level(sharp, resize(smaller, (FINER * height, FINER * width)))


class Sources(NamedTuple):
    """The levels that patches come from, finest first, each kind in one block of memory."""

    soft: npt.NDArray[np.float32]
    """(P, 4): RGB and a zero, one vector a pixel."""
    sharp: npt.NDArray[np.float32]
    """(P, 4)."""
    soft_place: npt.NDArray[np.int64]
    """(L, 2): where a level starts, and its pixels per row."""
    sharp_place: npt.NDArray[np.int64]
    """(L, 2)."""
    factor: npt.NDArray[np.float32]
    """(L, 2): rows and columns of a sharp level by those of the target."""
    up_to: npt.NDArray[np.float32]
    """(L,): the largest determinant of a transform that a level is the nearest for; inf for the last."""


def sources(levels: Sequence[Level], size: Size) -> Sources:
    """Return levels, finest first, as the sources of a target of the given size."""
    soft, soft_place = _block([each.soft for each in levels])
    sharp, sharp_place = _block([each.sharp for each in levels])
    sizes = [each.sharp.shape[:2] for each in levels]
    factor = np.array([(height / size[0], width / size[1]) for height, width in sizes], np.float32)
    scales = [1 / sqrt(fy * fx) for fy, fx in factor]
    up_to = [finer * coarser for finer, coarser in itertools.pairwise(scales)]
    return Sources(soft, sharp, soft_place, sharp_place, factor, np.array([*up_to, np.inf], np.float32))


def _block(pictures: Sequence[Pixels]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    padded = [with_border(picture, MARGIN) for picture in pictures]
    starts = np.cumsum([0, *(each.shape[0] * each.shape[1] for each in padded)])[:-1]
    place = np.array([(start, each.shape[1]) for start, each in zip(starts, padded, strict=True)], np.int64)
    return np.concatenate([each.reshape(-1, 4) for each in padded]), place


def with_border(picture: Pixels, margin: int) -> npt.NDArray[np.float32]:
    """Return picture with replicated borders and a channel of zeros, (H + 2 margin, W + 2 margin, 4)."""
    wide = np.pad(picture, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
    return np.concatenate([wide, np.zeros((*wide.shape[:2], 1), np.float32)], axis=2)
