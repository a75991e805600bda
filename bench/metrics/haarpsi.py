"""HaarPSI: similarity of Haar wavelet coefficients."""

from typing import TYPE_CHECKING

from bench.metric import picture_metric

if TYPE_CHECKING:
    from torch import Tensor

    from bench.perceptual.scene import Scene


@picture_metric(
    "haarpsi",
    higher_is_better=True,
    digits=4,
    source="Reisenhofer et al., Signal Processing: Image Communication 61, 2018",
    options="YIQ,2x2 mean first,three scales,c=30,alpha=4.2,[0,255]",
    libraries=("piq",),
    min_side=32,
)
def haarpsi(scene: "Scene") -> "Tensor":
    """Return HaarPSI, 1 for the same picture."""
    import piq

    return piq.haarpsi(  # type: ignore[no-any-return]
        scene.sr, scene.hr_repeated, reduction="none", data_range=1.0,
        scales=3, subsample=True, c=30.0, alpha=4.2,
    )  # fmt: skip
