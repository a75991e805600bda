"""LDR-FLIP: what people see when two pictures flip back and forth on one screen."""

from typing import TYPE_CHECKING

import numpy as np

from bench.metric import picture_metric

if TYPE_CHECKING:
    from bench.perceptual.scene import Scene
    from sr_models.data.image import Image

_SCREEN = [0.7, 3840.0, 0.7]
"""Distance in metres, width in pixels, width in metres: the authors' default, 67 pixels a degree."""


@picture_metric(
    "flip",
    higher_is_better=False,
    digits=4,
    source="Andersson et al., HPG 2020; LDR-FLIP, mean of the error map",
    options="LDR,sRGB,67.02 pixels per degree,mean",
    libraries=("flip-evaluator",),
    min_side=8,
)
def flip(scene: "Scene") -> list[float]:
    """Return FLIP, 0 for the same picture, at most 1."""
    from flip_evaluator import evaluate

    hr = _unit(scene.cropped(scene.hr_image))
    parameters = {"vc": _SCREEN}
    pictures = [_unit(scene.cropped(image)) for image in scene.images]
    return [float(evaluate(hr, sr, "LDR", True, False, True, dict(parameters))[1]) for sr in pictures]


def _unit(image: "Image") -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    return np.divide(image, 255, dtype=np.float32)
