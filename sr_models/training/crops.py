"""Training pairs, made on the device: where each crop lies, its orientation, and its LR side.

Which crops step n sees is a pure function of (seed, n): resuming, or sharing the batch between any
number of GPUs, changes nothing.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sr_models.data.errors import InputError
from sr_models.data.resize import resize_matrix
from sr_models.training.pack import Pack

# K steps, B batch, C crop side in HR pixels, c = C / scale.

CropPlan = npt.NDArray[np.int64]
"""(K, B, 3): address of the crop's first byte, bytes from one of its rows to the next, orientation 0-7."""


@dataclass(frozen=True)
class CropSource:
    """The pictures crops are drawn from, and how likely each is."""

    crop_px: int
    offsets: npt.NDArray[np.int64]
    heights: npt.NDArray[np.int64]
    widths: npt.NDArray[np.int64]
    cumulative: npt.NDArray[np.float64]
    """Share of crops that come from this picture or one before it."""
    grid: int = 1
    """Crops begin at multiples of it, in HR pixels."""

    def plan(self, seed: int, first_step: int, steps: int, batch: int) -> CropPlan:
        """Return the crops of steps first_step .. first_step + steps - 1."""
        draws = np.stack([_draws(seed, first_step + k, batch) for k in range(steps)])  # (K, B, 4)
        # A draw may equal the last sum after rounding; clip keeps it inside.
        index = np.searchsorted(self.cumulative, draws[..., 0], side="right").clip(max=len(self.offsets) - 1)
        stride = 3 * self.widths[index]
        y = self.grid * (draws[..., 1] * self._places(self.heights[index])).astype(np.int64)
        x = self.grid * (draws[..., 2] * self._places(self.widths[index])).astype(np.int64)
        orientation = (draws[..., 3] * 8).astype(np.int64)
        return np.stack([self.offsets[index] + y * stride + 3 * x, stride, orientation], axis=-1)

    def _places(self, sides: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return (sides - self.crop_px) // self.grid + 1


def crop_source(pack: Pack, crop_px: int, grid: int = 1) -> CropSource:
    """Return the training (not held-out) pictures of pack; crops begin at multiples of grid.

    A picture's chance goes with the square root of its pixels: neither do a few large photographs
    crowd out hundreds of small ones, nor the other way round. A picture smaller than a crop is an
    InputError, not left out in silence.
    """
    pictures = [p for p in pack.pictures if not p.held_out]
    if small := [p for p in pictures if min(p.height, p.width) < crop_px]:
        raise InputError(
            f"{small[0].name} is {small[0].width}x{small[0].height}, smaller than a {crop_px} px crop "
            f"({len(small)} such pictures): pack without them, or train on smaller crops"
        )
    weights = np.sqrt([float(p.height * p.width) for p in pictures])
    offsets, heights, widths = np.array([(p.offset, p.height, p.width) for p in pictures], np.int64).T
    return CropSource(crop_px, offsets, heights, widths, np.cumsum(weights / weights.sum()), grid)


def gather(pixels: Tensor, plan: Tensor, crop_px: int) -> Tensor:
    """Return the crops of one step, uint8 (B, 3, C, C), from flat pixels and a (B, 3) plan on one device."""
    rows = plan[:, :1] + plan[:, 1:2] * torch.arange(crop_px, device=plan.device)  # (B, C)
    address = rows.unsqueeze(-1) + torch.arange(3 * crop_px, device=plan.device)  # (B, C, 3 C)
    crops = pixels[address].reshape(-1, crop_px, crop_px, 3)
    return orient(crops.permute(0, 3, 1, 2), plan[:, 2])


def orient(crops: Tensor, orientation: Tensor) -> Tensor:
    """Return crops (B, 3, C, C), each in one of the eight orientations of the square."""
    bits = [(orientation.reshape(-1, 1, 1, 1) & bit) > 0 for bit in (1, 2, 4)]
    crops = torch.where(bits[0], crops.flip(3), crops)
    crops = torch.where(bits[1], crops.flip(2), crops)
    return torch.where(bits[2], crops.transpose(2, 3), crops)


class Shrink:
    """`imresize(hr, 1/scale)` of uint8 square crops on the device, pixel for pixel: two matrix products.

    At x2 and x4 all weights are multiples of 2^-12, so float32 sums of products with 0..255 are exact
    in any order. At x8 they need more bits, at x3 they are no dyadic fractions: float64 for both.
    TF32, were it switched on for matrix products, would break this; `train` leaves it off.
    """

    def __init__(self, crop_px: int, scale: int, device: torch.device) -> None:
        if crop_px % scale:
            raise InputError(f"expected crops of a multiple of the scale {scale}, got {crop_px} px")
        dense = resize_matrix(crop_px, 1 / scale, "replicate").toarray()
        dtype = torch.float32 if scale in (2, 4) else torch.float64
        self.matrix = torch.from_numpy(dense).to(device, dtype)  # (c, C)

    def __call__(self, hr: Tensor) -> Tensor:
        """Return LR (B, 3, c, c) as whole numbers in float32, from uint8 HR (B, 3, C, C)."""
        with torch.autocast(hr.device.type, enabled=False):
            rows = _round(self.matrix @ hr.to(self.matrix.dtype))  # (B, 3, c, C)
            return _round(rows @ self.matrix.T).float()


def _round(values: Tensor) -> Tensor:
    return values.clamp(0, 255).add(0.5).floor()


def _draws(seed: int, step: int, batch: int) -> npt.NDArray[np.float64]:
    """Return (B, 4) numbers in [0, 1) that depend on nothing but the arguments (Philox, counter based)."""
    return np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, 0, step])).random((batch, 4))
