"""Gradient energy: how much of HR's detail, real or invented, the result carries."""

from typing import TYPE_CHECKING

from bench.metric import picture_metric
from sr_models.data.luma import gradient_energy as energy
from sr_models.data.luma import luma

if TYPE_CHECKING:
    from bench.perceptual.scene import Scene


@picture_metric(
    "gradient_energy",
    higher_is_better=True,
    digits=3,
    source="sum of squared forward differences of luma, SR / HR: below 1 is blur, above 1 is noise",
    options="Y601,forward differences,SR/HR,best:1",
    ideal=1.0,
)
def gradient_energy(scene: "Scene") -> list[float]:
    """Return SR's gradient energy as a share of HR's; nan for a flat HR."""
    reference = energy(luma(scene.cropped(scene.hr_image)))
    if reference == 0:
        return [float("nan")] * len(scene.images)
    return [energy(luma(scene.cropped(image))) / reference for image in scene.images]
