"""Peak signal-to-noise ratio."""

from bench.metric import metric
from bench.protocols.presets import View, check_views
from sr_models.data.luma import psnr


@metric("psnr", unit="dB", higher_is_better=True, digits=2, source="10 log10(255^2 / MSE)")
def psnr_of(sr: View, hr: View) -> float:
    """Return PSNR in dB over all planes together; inf for identical pictures."""
    check_views(sr, hr)
    return psnr(sr.planes, hr.planes)
