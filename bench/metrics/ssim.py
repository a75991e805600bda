"""Structural similarity, of the kind that the protocol names."""

import numpy as np

from bench.metric import metric
from bench.protocols.presets import View, check_views


@metric("ssim", higher_is_better=True, digits=4, source="Wang et al., IEEE TIP 13(4), 2004")
def ssim_of(sr: View, hr: View) -> float:
    """Return the mean over planes of SSIM: Wang's, or the daala tools' for the SRGAN paper."""
    check_views(sr, hr)
    kind = hr.protocol.ssim
    if kind == "daala":
        from bench.protocols.daala import daala_ssim

        return float(np.mean([daala_ssim(x, y) for x, y in zip(sr.planes, hr.planes, strict=True)]))
    from bench.protocols.wang_ssim import wang_ssim

    pairs = zip(sr.seen_by_ssim, hr.ssim_references, strict=True)
    return float(np.mean([wang_ssim(x, y, clamped=kind == "wang+") for x, y in pairs]))
