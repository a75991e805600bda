"""LR consistency: does the result, made small again, give the LR picture back?"""

from typing import TYPE_CHECKING

from bench.metric import picture_metric
from sr_models.data.luma import psnr

if TYPE_CHECKING:
    from bench.perceptual.scene import Scene


@picture_metric(
    "lr_psnr",
    unit="dB",
    higher_is_better=True,
    digits=2,
    source="PSNR of the re-degraded SR against LR, as in Lugmayr et al., NTIRE 2021 (SR space)",
    options="redegraded as LR was made,one MSE over RGB",
    whole=True,
    degrades=True,
)
def lr_psnr(scene: "Scene") -> list[float]:
    """Return PSNR in dB at LR size, inf where LR comes back in every bit."""
    return [psnr(scene.degraded(image), scene.lr_image) for image in scene.images]
