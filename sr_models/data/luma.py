"""The one channel that super-resolution papers score."""

import numpy as np
import numpy.typing as npt

from sr_models.data.image import Image

PEAK = 255.0  # also for luma: the papers keep 255 although studio swing spans 16-235
LUMA_WEIGHTS = (65.481, 128.553, 24.966)
"""BT.601 luma, studio swing, of R, G and B in [0, 1] (add 16): the numbers of MATLAB's rgb2ycbcr."""
FULL_SWING_WEIGHTS = tuple(weight / 219 for weight in LUMA_WEIGHTS)
"""BT.601 luma, 0-255 like its R, G and B: 0.299, 0.587 and 0.114."""
_THOUSANDTHS = tuple(round(1000 * weight) for weight in LUMA_WEIGHTS)


def luma(image: Image) -> npt.NDArray[np.float64]:
    """Return BT.601 luma of an RGB picture, studio swing.

    Shape (H, W), values 16-235, not rounded: the convention that BasicSR and its family report on.
    """
    return 16.0 + _weighted(image) / 255_000.0


def luma_uint8(image: Image) -> npt.NDArray[np.uint8]:
    """Return `luma` rounded half up, shape (H, W): MATLAB's `rgb2ycbcr` of a uint8 picture.

    Computed in integers, because ties at exactly one half decide the fifth decimal of a PSNR.
    """
    from sr_models.data.compiled import luma_uint8 as compiled_luma

    result: npt.NDArray[np.uint8] = compiled_luma(image, *_THOUSANDTHS)
    return result


def _weighted(image: Image) -> npt.NDArray[np.uint32]:
    """Exact thousandths: at most 219000 * 255, far below 2^32."""
    red, green, blue = (
        np.multiply(image[..., channel], np.uint32(weight), dtype=np.uint32)
        for channel, weight in enumerate(_THOUSANDTHS)
    )
    return red + green + blue


def psnr(sr: npt.NDArray[np.generic], hr: npt.NDArray[np.generic]) -> float:
    """Return 10 log10(255^2 / MSE) in dB of two arrays of one shape; inf if equal."""
    found = mse(sr, hr)
    return float(10 * np.log10(PEAK**2 / found)) if found > 0 else float("inf")


def mse(sr: npt.NDArray[np.generic], hr: npt.NDArray[np.generic]) -> float:
    """Return the mean squared difference of two arrays of one shape; exact, in integers, for uint8."""
    if sr.dtype == hr.dtype == np.uint8 and sr.shape == hr.shape and sr.size:
        from sr_models.data.compiled import squared_error

        total: int = squared_error(sr.ravel(), hr.ravel())
        return total / sr.size
    return float(np.mean(np.square(np.subtract(sr, hr, dtype=np.float64))))


def gradient_energy(plane: npt.NDArray[np.float64]) -> float:
    """Return the sum of squared forward differences, down and to the right, of a plane (H, W)."""
    return float(np.square(np.diff(plane, axis=0)).sum() + np.square(np.diff(plane, axis=1)).sum())
