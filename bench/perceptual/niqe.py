"""NIQE (Mittal, Soundararajan, Bovik, IEEE SPL 20(3), 2013), after the paper and its authors' conventions.

Blocks of 96 x 96 pixels are described by 36 statistics; NIQE is the distance of their mean and covariance
from those of natural pictures. The latter are a parameter file of the authors, which we may not pass on.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from zipfile import is_zipfile

import numpy as np
import numpy.typing as npt
from scipy.io import loadmat
from scipy.io.matlab import MatReadError
from scipy.ndimage import correlate1d
from scipy.special import gammaln

from sr_models.data.errors import InputError
from sr_models.data.resize import imresize

# B blocks, F = 36 features.

Array = npt.NDArray[np.float64]
BLOCK = 96
FEATURES = 36
_SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))


@dataclass(frozen=True)
class Natural:
    """What the 36 statistics look like in natural pictures."""

    mean: Array
    """(F,)"""
    covariance: Array
    """(F, F)"""


def read_natural(path: Path) -> Natural:
    """Return the mean and covariance in a MATLAB (.mat) or numpy (.npz) file.

    LIVE's and pyiqa's files call them mu_prisparam and cov_prisparam, BasicSR's mu_pris_param and
    cov_pris_param.
    """
    try:
        if path.suffix != ".mat" and not is_zipfile(path):
            raise ValueError("no numpy archive")
        if path.suffix == ".mat":
            found = loadmat(path)
        else:
            with np.load(path) as arrays:
                found = dict(arrays)
        natural = Natural(
            _array(found, "mu_prisparam", "mu_pris_param").reshape(FEATURES),
            _array(found, "cov_prisparam", "cov_pris_param").reshape(FEATURES, FEATURES),
        )
    except (ValueError, OSError, EOFError, MatReadError, NotImplementedError) as error:
        raise InputError(
            f"{path}: expected mu_prisparam (36 numbers) and cov_prisparam (36 x 36), "
            f"or mu_pris_param and cov_pris_param: {error}"
        ) from None
    return natural


def _array(found: Mapping[str, npt.ArrayLike], *names: str) -> Array:
    for name in names:
        if name in found:
            return np.asarray(found[name], np.float64)
    raise ValueError(f"no array {' or '.join(names)}")


def niqe(luma: Array, natural: Natural) -> float:
    """Return the distance from natural pictures of luma (H, W), 0-255; nan below two blocks with detail."""
    features = block_features(luma)
    features = features[np.isfinite(features).all(axis=1)]
    if len(features) < 2:
        return float("nan")
    difference = natural.mean - features.mean(axis=0)
    covariance = (natural.covariance + np.cov(features, rowvar=False)) / 2
    return float(np.sqrt(difference @ np.linalg.pinv(covariance) @ difference))


def block_features(luma: Array) -> Array:
    """Return the statistics of every whole block (B, F): 18 at full size, 18 at half."""
    height, width = (side // BLOCK * BLOCK for side in luma.shape)
    luma = luma[:height, :width]
    scales = []
    for divisor in (1, 2):
        scales.append([_statistics(block) for block in _blocks(normalised(luma), BLOCK // divisor)])
        if divisor == 1 and luma.size:
            luma = imresize(luma, 0.5, border="mirror")
    columns = [np.asarray(scale, np.float64).reshape(-1, FEATURES // 2) for scale in scales]
    features: Array = np.concatenate(columns, axis=1)
    return features


def normalised(luma: Array) -> Array:
    """Return luma with the local mean taken off and the local deviation (plus 1) divided out."""
    if not luma.size:
        return luma
    mean = _blurred(luma)
    deviation = np.sqrt(np.abs(_blurred(luma * luma) - mean * mean))
    result: Array = (luma - mean) / (deviation + 1)
    return result


def asymmetric_gaussian(values: Array) -> tuple[float, float, float]:
    """Return shape, left and right spread of the generalised Gaussian with the same moments; nan where flat.

    Lasmar et al., ICIP 2009: the shape is looked up on a grid of 0.001 between 0.2 and 10.
    """
    left, right = values[values < 0], values[values > 0]
    if not len(left) or not len(right):
        return float("nan"), float("nan"), float("nan")
    left_std, right_std = np.sqrt(np.mean(left**2)), np.sqrt(np.mean(right**2))
    ratio = left_std / right_std
    r = np.mean(np.abs(values)) ** 2 / np.mean(values**2)
    r_norm = r * (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1) ** 2
    shapes, ratios = _shape_table()
    shape = float(shapes[np.argmin((ratios - r_norm) ** 2)])
    spread = np.exp((gammaln(1 / shape) - gammaln(3 / shape)) / 2)
    return shape, float(left_std * spread), float(right_std * spread)


def _statistics(block: Array) -> list[float]:
    shape, left, right = asymmetric_gaussian(block)
    features = [shape, (left + right) / 2]
    for shift in _SHIFTS:
        shape, left, right = asymmetric_gaussian(block * np.roll(block, shift, axis=(0, 1)))
        mean = (right - left) * np.exp(gammaln(2 / shape) - gammaln(1 / shape))
        features += [shape, float(mean), left, right]
    return features


def _blocks(picture: Array, side: int) -> Iterator[Array]:
    for top in range(0, picture.shape[0], side):
        for left in range(0, picture.shape[1], side):
            yield picture[top : top + side, left : left + side]


def _blurred(luma: Array) -> Array:
    at = np.arange(-3, 4)
    taps = np.exp(-(at**2) / (2 * (7 / 6) ** 2))
    taps /= taps.sum()
    rows = correlate1d(luma, taps, axis=0, mode="nearest")
    result: Array = correlate1d(rows, taps, axis=1, mode="nearest")
    return result


@cache
def _shape_table() -> tuple[Array, Array]:
    shapes = np.arange(200, 10_001) / 1000
    return shapes, np.exp(2 * gammaln(2 / shapes) - gammaln(1 / shapes) - gammaln(3 / shapes))
