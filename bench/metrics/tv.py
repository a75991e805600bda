"""Total variation: how much a picture changes from pixel to pixel."""

from typing import TYPE_CHECKING

from bench.metric import picture_metric

if TYPE_CHECKING:
    from torch import Tensor

    from bench.perceptual.scene import Scene


@picture_metric(
    "tv",
    higher_is_better=False,
    digits=4,
    source="Rudin et al., Physica D 60, 1992, anisotropic; needs no reference",
    options="no-reference,l1,sum over RGB per pixel,[0,1]",
    libraries=("piq",),
    no_reference=True,
)
def tv(scene: "Scene") -> "Tensor":
    """Return the mean over pixels of the absolute steps to the right and down, summed over channels.

    piq's is the sum over pixels, which measures the size of the picture.
    """
    from piq import total_variation

    height, width = scene.sr.shape[2:]
    return total_variation(scene.sr, reduction="none", norm_type="l1") / (height * width)  # type: ignore[no-any-return]
