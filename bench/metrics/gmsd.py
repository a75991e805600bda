"""GMSD: how unevenly gradients are lost."""

from typing import TYPE_CHECKING

from bench.metric import picture_metric

if TYPE_CHECKING:
    from torch import Tensor

    from bench.perceptual.scene import Scene


@picture_metric(
    "gmsd",
    higher_is_better=False,
    digits=4,
    source="Xue et al., IEEE TIP 23(2), 2014",
    options="YIQ luma,2x2 mean,Prewitt,t=170/255^2,[0,1]",
    libraries=("piq",),
    min_side=8,
)
def gmsd(scene: "Scene") -> "Tensor":
    """Return GMSD, 0 for the same picture."""
    import piq

    return piq.gmsd(  # type: ignore[no-any-return]
        scene.sr, scene.hr_repeated, reduction="none", data_range=1.0, t=170 / 255**2,
    )  # fmt: skip
