"""Nearest neighbour: each pixel becomes a square."""

from dataclasses import dataclass

from sr_models.data.image import Image
from sr_models.models import model


@dataclass(frozen=True)
class Nearest:
    """Repeats every pixel scale times in both directions, as MATLAB's `imresize(..., 'nearest')`."""

    scale: int

    def __call__(self, lr: Image) -> Image:
        """Return lr with every pixel repeated."""
        return lr.repeat(self.scale, axis=0).repeat(self.scale, axis=1)


@model("nearest", version="1")
def build(scale: int) -> Nearest:
    """Return the upscaler."""
    return Nearest(scale)
