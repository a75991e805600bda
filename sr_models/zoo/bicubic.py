"""Bicubic interpolation exactly as MATLAB does it: the baseline of every table."""

from dataclasses import dataclass

from sr_models.data.image import Image
from sr_models.data.resize import imresize
from sr_models.models import model
from sr_models.upscaler import Luma


@dataclass(frozen=True)
class Bicubic:
    """`imresize(lr, scale)` on uint8, replicated border."""

    scale: int

    def __call__(self, lr: Image) -> Image:
        """Return lr at scale times its size."""
        return imresize(lr, self.scale)

    def upscale_luma(self, lr: Luma) -> Luma:
        """Return luma at scale times its size, without rounding."""
        return imresize(lr, self.scale)


@model("bicubic", version="1")
def build(scale: int) -> Bicubic:
    """Return the upscaler."""
    return Bicubic(scale)
