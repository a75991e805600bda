"""MS-SSIM: structural similarity over five resolutions."""

from typing import TYPE_CHECKING

from bench.metric import picture_metric

if TYPE_CHECKING:
    from torch import Tensor

    from bench.perceptual.scene import Scene


@picture_metric(
    "ms_ssim",
    higher_is_better=True,
    digits=4,
    source="Wang et al., Asilomar 2003",
    options="mean of RGB,11x11 Gaussian 1.5,valid windows,five scales,2x2 mean,k=0.01/0.03,[0,1]",
    libraries=("piq",),
    min_side=161,
)
def ms_ssim(scene: "Scene") -> "Tensor":
    """Return MS-SSIM, 1 for the same picture."""
    import piq
    import torch

    weights = torch.tensor([0.0448, 0.2856, 0.3001, 0.2363, 0.1333], device=scene.device)
    return torch.cat([
        piq.multi_scale_ssim(
            part, scene.hr.expand_as(part), kernel_size=11, kernel_sigma=1.5, data_range=1.0,
            reduction="none", scale_weights=weights, k1=0.01, k2=0.03,
        )
        for part in scene.parts()
    ])  # fmt: skip
