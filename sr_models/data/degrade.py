"""From a high-resolution picture to the low-resolution one that models get."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from sr_models.data.errors import UnknownNameError
from sr_models.data.image import Image
from sr_models.data.resize import Border, imresize

VERSION = "1"
"""Changes whenever the same file would give another HR or LR: the resize, its rounding, the crop."""

Degradation = Callable[[Image, int], Image]
"""(hr, scale) -> lr; hr is a multiple of the scale."""


def _uint8(border: Border) -> Degradation:
    return lambda hr, scale: imresize(hr, 1 / scale, border=border)


def _double(border: Border) -> Degradation:
    def degrade(hr: Image, scale: int) -> Image:
        lr = imresize(hr.astype(np.float64), 1 / scale, border=border)
        return np.floor(lr.clip(0, 255) + 0.5).astype(np.uint8)

    return degrade


DEGRADATIONS: Mapping[str, Degradation] = MappingProxyType(
    {
        "matlab": _uint8("replicate"),
        "matlab-mirror": _uint8("mirror"),
        "matlab-double": _double("replicate"),
        "matlab-double-mirror": _double("mirror"),
    }
)
"""`matlab` made the stored files of Set5, Set14, BSD100 and Urban100; `-mirror` is MATLAB since R2015b,
`-double` what comes of converting to double first."""


def degradation(name: str) -> Degradation:
    """Return the degradation of that name, or raise UnknownNameError."""
    if name not in DEGRADATIONS:
        raise UnknownNameError("degradation", name, DEGRADATIONS)
    return DEGRADATIONS[name]
