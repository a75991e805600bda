"""NIQE: how far a picture's statistics are from natural ones, by parameters that the user brings."""

from typing import TYPE_CHECKING

import numpy as np

from bench.metric import picture_metric

if TYPE_CHECKING:
    from pathlib import Path

    from bench.perceptual.scene import Scene
    from sr_models.data.image import Image


@picture_metric(
    "niqe",
    higher_is_better=False,
    digits=3,
    source="Mittal et al., IEEE SPL 20(3), 2013; needs no reference",
    options="no-reference,luma 0.299/0.587/0.114 rounded,blocks 96x96,two scales,all blocks,[0,255]",
    weights=("niqe_params.npz",),
    min_side=96,
    no_reference=True,
)
def niqe_of(scene: "Scene", parameters: "Path") -> list[float]:
    """Return NIQE, about 3 for natural pictures; nan below two blocks of 96 x 96 with detail."""
    from bench.perceptual.niqe import niqe, read_natural

    natural = read_natural(parameters)
    return [niqe(_grey(scene.cropped(image)), natural) for image in scene.images]


def _grey(image: "Image") -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    from sr_models.data.image import to_grey

    return to_grey(image).astype(np.float64)
