"""SRCNN (Dong et al., ECCV 2014 and TPAMI 2016): three convolutions after bicubic enlargement."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from sr_models.data.errors import InputError
from sr_models.networks.bicubic import BicubicEnlargement
from sr_models.networks.thin_conv import ThinConv2d

_FIRST_GAIN = 3.0  # 1 is as good after 1,000 steps
_LAST_GAIN = 0.1


@dataclass(frozen=True)
class SrcnnConfig:
    """9-1-5 is the paper's column in most tables (8,129 weights), 9-5-5 the larger one (57,281)."""

    family: ClassVar[str] = "srcnn"
    colour: ClassVar[Literal["luma"]] = "luma"
    scale: int = 4
    kernels: tuple[int, int, int] = (9, 1, 5)
    widths: tuple[int, int] = (64, 32)

    def __post_init__(self) -> None:
        if len(self.kernels) != 3 or any(k % 2 == 0 for k in self.kernels):
            raise InputError(f"expected three odd kernel sizes, got {self.kernels}")

    def build(self) -> "Srcnn":
        """Return the untrained network."""
        return Srcnn(self)


class Srcnn(nn.Module):
    """Luma (N, 1, h, w) in [0, 1] -> (N, 1, scale*h, scale*w)."""

    def __init__(self, config: SrcnnConfig) -> None:
        super().__init__()
        (k1, k2, k3), (n1, n2) = config.kernels, config.widths
        self.enlarge = BicubicEnlargement(config.scale)
        first, second, last = nn.Conv2d(1, n1, k1), nn.Conv2d(n1, n2, k2), ThinConv2d(n2, 1, k3)
        _start(first, second, last)
        self.body = nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), last)
        self.margin = (k1 + k2 + k3 - 3) // 2
        self.reach = 2 + -(-self.margin // config.scale)
        """LR pixels beyond a tile that its result depends on."""
        self.floats_per_pixel = 3 * n1 * config.scale**2

    def forward(self, x: Tensor) -> Tensor:
        """Return the enlarged luma."""
        x = self.enlarge(x)
        return self.body(F.pad(x, (self.margin,) * 4, mode="replicate"))  # type: ignore[no-any-return]


@torch.no_grad()
def _start(first: nn.Conv2d, second: nn.Conv2d, last: nn.Conv2d) -> None:
    """Start near bicubic: channel 0 carries the picture through, the other filters sum to zero.

    A filter that responds to brightness has its ReLU on, or off, in a whole picture. The network is then
    linear, and 1,000 steps hardly change that (0.33 dB behind this start).
    """
    for conv in (first, second, last):
        nn.init.kaiming_normal_(conv.weight)
        if conv.bias is not None:
            nn.init.zeros_(conv.bias)
    first.weight -= first.weight.mean((1, 2, 3), keepdim=True)
    first.weight *= _FIRST_GAIN
    last.weight *= _LAST_GAIN
    first.weight[0] = second.weight[0] = 0.0
    second.weight[:, 0] = 0.0
    for conv in (first, second, last):
        nn.init.zeros_(conv.weight[0, 0])
        middle = conv.kernel_size[0] // 2
        conv.weight[0, 0, middle, middle] = 1.0
