"""ESPCN (Shi et al., CVPR 2016): every convolution at LR size, then a pixel shuffle."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

_FIRST_GAIN = 3.0  # of 1, 3 and 10, the best after 1,500 steps


@dataclass(frozen=True)
class EspcnConfig:
    """5-3-3 with 64 and 32 channels and tanh: 24,752 weights at x4."""

    family: ClassVar[str] = "espcn"
    colour: ClassVar[Literal["luma"]] = "luma"
    scale: int = 4
    widths: tuple[int, int] = (64, 32)

    def build(self) -> "Espcn":
        """Return the untrained network."""
        return Espcn(self)


class Espcn(nn.Module):
    """Luma (N, 1, h, w) in [0, 1] -> (N, 1, scale*h, scale*w)."""

    reach = 4  # 2 + 1 + 1: LR pixels beyond a tile that its result depends on

    def __init__(self, config: EspcnConfig) -> None:
        super().__init__()
        n1, n2 = config.widths
        self.floats_per_pixel = 3 * n1
        first, second = nn.Conv2d(1, n1, 5, padding=2), nn.Conv2d(n1, n2, 3, padding=1)
        last = nn.Conv2d(n2, config.scale**2, 3, padding=1)
        _start(first, second, last)
        self.body = nn.Sequential(first, nn.Tanh(), second, nn.Tanh(), last, nn.PixelShuffle(config.scale))

    def forward(self, x: Tensor) -> Tensor:
        """Return the enlarged luma."""
        # So the zeros beyond the border are grey, not black.
        return 0.5 + self.body(x - 0.5)  # type: ignore[no-any-return]


@torch.no_grad()
def _start(first: nn.Conv2d, second: nn.Conv2d, last: nn.Conv2d) -> None:
    """Start where tanh is not linear, at another brightness for each channel.

    Luma detail is a few hundredths. With the usual start tanh is linear in that range, the network an odd
    function around mid-grey, and training stays there for tens of thousands of steps (0.2 dB lost).
    """
    if first.bias is None or second.bias is None:
        raise TypeError("expected convolutions with a bias")
    n = first.out_channels
    filters = torch.randn_like(first.weight)
    is_contrast = torch.arange(n).reshape(-1, 1, 1, 1) % 2 == 0  # these filters sum to zero
    filters -= filters.mean((1, 2, 3), keepdim=True) * is_contrast
    first.weight.copy_(_FIRST_GAIN * filters / first.kernel_size[0])
    first.bias.copy_(-first.weight.sum((1, 2, 3)) * torch.empty(n).uniform_(-0.4, 0.4))
    second.weight.normal_(std=(9 * n) ** -0.5)
    second.bias.uniform_(-0.5, 0.5)
    last.weight *= 0.3
