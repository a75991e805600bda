"""One test picture and what all models made of it, on the device, as picture metrics see them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from sr_models.data.degrade import degradation
from sr_models.data.errors import InputError
from sr_models.data.image import Image, crop_border

# N models, H height, W width.

_GPU_PIXELS = 1 << 22  # in a part, to fill a GPU; on CPUs larger batches gain nothing


@dataclass(frozen=True)
class Scene:
    """The pictures as saved (uint8, whole), and as tensors in [0, 1] without the protocol's border."""

    images: tuple[Image, ...]
    """What the models made, one each."""
    original: Image | None
    """HR; None where there is none, so that only metrics that need none see the scene."""
    lr_image: Image
    scale: int
    crop_px: int
    degradation: str
    device: torch.device

    @property
    def hr_image(self) -> Image:
        """HR; raises InputError where there is none."""
        if self.original is None:
            raise InputError("this picture has no original to compare with")
        return self.original

    @cached_property
    def sr(self) -> Tensor:
        """(N, 3, H, W) in [0, 1], cropped."""
        return self._tensor(self.images)

    @cached_property
    def hr(self) -> Tensor:
        """(1, 3, H, W) in [0, 1], cropped."""
        return self._tensor((self.hr_image,))

    @cached_property
    def hr_repeated(self) -> Tensor:
        """(N, 3, H, W): hr beside each model's, without a copy."""
        return self.hr.expand_as(self.sr)

    def parts(self) -> Iterator[Tensor]:
        """Yield sr in parts (n, 3, H, W) that suit the device: for networks, whose activations are large."""
        fitting = _GPU_PIXELS // (self.sr.shape[2] * self.sr.shape[3])
        n = 1 if self.device.type == "cpu" else max(1, fitting)
        for start in range(0, len(self.sr), n):
            yield self.sr[start : start + n]

    def cropped(self, image: Image) -> Image:
        """Return one of the pictures without the protocol's border."""
        return crop_border(image, self.crop_px)

    def degraded(self, image: Image) -> Image:
        """Return a picture brought back to LR size, the way LR was made."""
        return degradation(self.degradation)(image, self.scale)

    def _tensor(self, images: tuple[Image, ...]) -> Tensor:
        stacked = np.stack([self.cropped(image) for image in images])
        return torch.from_numpy(stacked).to(self.device).permute(0, 3, 1, 2).contiguous().float() / 255.0
