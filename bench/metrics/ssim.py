"""Structural similarity, of the kind that the protocol names."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.metric import metric
from bench.protocols.daala import daala_ssim
from bench.protocols.presets import View, check_views
from bench.protocols.wang_ssim import wang_ssim

Plane = npt.NDArray[Any]
_FUNCTIONS: Mapping[str, Callable[[Plane, Plane], float]] = {
    "wang": wang_ssim,
    "wang+": partial(wang_ssim, clamped=True),
    "daala": daala_ssim,
}


@metric("ssim", higher_is_better=True, digits=4, source="Wang et al., IEEE TIP 13(4), 2004")
def ssim_of(sr: View, hr: View) -> float:
    """Return the mean over planes of SSIM: Wang's, or the daala tools' for the SRGAN paper."""
    check_views(sr, hr)
    function = _FUNCTIONS[hr.protocol.ssim]
    planes = [each.planes if each.ssim_planes is None else each.ssim_planes for each in (sr, hr)]
    return float(np.mean([function(x, y) for x, y in zip(*planes, strict=True)]))
