"""SSIMULACRA2: how visible the difference is, over six resolutions of an XYB picture."""

import io
from typing import TYPE_CHECKING

from bench.metric import picture_metric

if TYPE_CHECKING:
    from bench.perceptual.scene import Scene
    from sr_models.data.image import Image


@picture_metric(
    "ssimulacra2",
    higher_is_better=True,
    digits=2,
    source="Sneyers, Cloudinary 2022 (SSIMULACRA 2.1); made for compression: 90 is invisible, 30 is low",
    options="XYB,six scales,sRGB",
    libraries=("ssimulacra2",),
    min_side=8,
)
def ssimulacra2(scene: "Scene") -> list[float]:
    """Return SSIMULACRA2, 100 for the same picture; far below 0 for pictures that have little in common."""
    from ssimulacra2 import compute_ssimulacra2

    hr = scene.cropped(scene.hr_image)
    return [float(compute_ssimulacra2(_file(hr), _file(scene.cropped(image)))) for image in scene.images]


def _file(image: "Image") -> io.BytesIO:
    """The library opens files; this one stays in memory and costs no compression."""
    height, width = image.shape[:2]
    return io.BytesIO(b"P6 %d %d 255\n" % (width, height) + image.tobytes())
