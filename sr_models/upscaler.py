"""The interface of every model: uint8 RGB in, uint8 RGB out. Nothing here imports torch."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from sr_models.data.image import Image

VERSION = "1"
"""Changes whenever the same model would make another picture: tiles, rounding, chroma, how grey is saved."""

Luma = npt.NDArray[np.float64]
"""float64 (H, W), BT.601 studio swing, 0-255 scale, not rounded."""


@runtime_checkable
class Upscaler(Protocol):
    """Anything with a scale that maps an Image (h, w, 3) to an Image (scale*h, scale*w, 3)."""

    @property
    def scale(self) -> int:
        """The factor by which both sides grow."""

    def __call__(self, lr: Image, /) -> Image:
        """Return lr at scale times its size."""


@runtime_checkable
class LumaUpscaler(Upscaler, Protocol):
    """An upscaler that can also be applied to luma alone (bicubic, SRCNN, ESPCN, DRCN)."""

    def upscale_luma(self, lr: Luma, /) -> Luma:
        """Return luma (h, w) at scale times its size, not rounded."""


@runtime_checkable
class BatchUpscaler(Upscaler, Protocol):
    """An upscaler that may gain from several pictures at once, as networks on a GPU do."""

    def at_once(self, shape: tuple[int, ...]) -> int:
        """Return how many LR pictures of shape (h, w, 3) to take at once; 1 where it gains nothing."""

    def batch(self, lrs: Sequence[Image], /) -> list[Image]:
        """Return LR pictures of one size, each at scale times its size."""
