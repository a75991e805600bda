"""Structural similarity, of the kind that the protocol names."""

import numpy as np

from bench.metric import metric
from bench.protocols.daala import daala_ssim
from bench.protocols.presets import View, check_views
from bench.protocols.wang_ssim import wang_ssim


@metric("ssim", higher_is_better=True, digits=4, source="Wang et al., IEEE TIP 13(4), 2004")
def ssim_of(sr: View, hr: View) -> float:
    """Return the mean over planes of SSIM: Wang's, or the daala tools' for the SRGAN paper."""
    check_views(sr, hr)
    function = daala_ssim if hr.protocol.ssim == "daala" else wang_ssim
    return float(np.mean([function(x, y) for x, y in zip(sr.planes, hr.planes, strict=True)]))
