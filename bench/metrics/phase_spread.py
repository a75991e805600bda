"""Phase spread: does the result carry a pattern with the period of the scale?"""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bench.metric import picture_metric
from sr_models.data.luma import luma

if TYPE_CHECKING:
    from bench.perceptual.scene import Scene

_WINDOW_PX = 9
_FULL_SWING = 255 / 219  # studio luma spans 16 to 235


@picture_metric(
    "phase_spread",
    unit="levels",
    higher_is_better=False,
    digits=2,
    source="ours: mean luma error at each of scale^2 positions, HR's flatter half, largest minus smallest",
    options="Y601 full swing,SR-HR,9x9 variance up to its median",
    min_side=16,
)
def phase_spread(scene: "Scene") -> list[float]:
    """Return the spread in grey levels; 0 for HR itself, above about 1 the eye finds a grid on skin and sky.

    Upscaling by r makes each r x r cell from one LR pixel, so a network can leave a pattern of that period
    that no single pixel's error shows: the mean error of the r^2 positions of a cell, taken apart, does.
    """
    hr = luma(scene.cropped(scene.hr_image))
    from scipy.ndimage import uniform_filter

    variance = uniform_filter(hr**2, _WINDOW_PX) - uniform_filter(hr, _WINDOW_PX) ** 2
    flat = variance <= np.median(variance)
    return [
        _FULL_SWING * _spread(luma(scene.cropped(image)) - hr, flat, scene.scale) for image in scene.images
    ]


def _spread(error: npt.NDArray[np.float64], flat: npt.NDArray[np.bool_], scale: int) -> float:
    starts = [(row, column) for row in range(scale) for column in range(scale)]
    cells = [(slice(row, None, scale), slice(column, None, scale)) for row, column in starts]
    counts = np.array([flat[cell].sum() for cell in cells])
    if counts.min() == 0:
        return float("nan")
    means = np.array([error[cell][flat[cell]].mean() for cell in cells])
    return float(means.max() - means.min())
